/* SPDX-License-Identifier: Apache-2.0
 *
 * Identity of learned state: the options under which batch sizes are chosen.
 * Nouns only: no functions, no pointers to storage that somebody must free.  Two states of a job on
 * the same GPUs are one exactly when their identities are equal (tune/learn/identity.h).
 */
#ifndef WATTUNE_FLOW_IDENTITY_H
#define WATTUNE_FLOW_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/profile.h"
#include "flow/progress.h"

enum {
    WT_MAX_BATCH_SIZES = 64,
    WT_OPTIONS_LEN = 1536, /* an identity in words, with the terminating 0 */
};

/* Doubles count with 12 significant digits: what a user types and no more. */
struct wt_identity {
    bool opaque;                /* `words` is all that is known of it, and it equals no other */
    char metric[WT_METRIC_LEN]; /* target: metric >= or <= target */
    bool at_least;              /* >=; otherwise <= */
    double target;
    unsigned max_epochs;
    uint32_t default_size;
    unsigned size_count;
    uint32_t sizes[WT_MAX_BATCH_SIZES]; /* in the order of the option */
    struct wt_preference preference;    /* fields that its selector does not use do not count */
    unsigned limit_count;               /* 0: all limits of the GPUs */
    uint32_t limits_mw[WT_MAX_LIMITS];  /* in the order of the option */
    bool profile_only, carbon_aware, observed;
    double beta; /* INFINITY: a run may cost anything */
    unsigned window;
    uint64_t seed;
    double learning_rate;           /* of the default size; 0: none */
    char optimizer[WT_OPTIONS_LEN]; /* empty: none; counts only with a learning rate */
    char words[WT_OPTIONS_LEN];     /* opaque: the sentence that an older wattune wrote */
};

#endif
