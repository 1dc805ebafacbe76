/* SPDX-License-Identifier: Apache-2.0
 *
 * Studies: the batch sizes and power limits of a job, or of a trace, against each other.
 * Nouns only: no functions, no pointers to storage that somebody must free.  Energy and cost in
 * joules, time in seconds, power limits in milliwatts.
 */
#ifndef WATTUNE_FLOW_STUDY_H
#define WATTUNE_FLOW_STUDY_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/identity.h"
#include "flow/profile.h"

/* point: one batch size at one power limit, trained until it reaches the target. */
struct wt_point {
    uint32_t batch_size, limit_mw;
    double epochs, time_s, energy_j, cost_j; /* expected; NaN: not every run reached the target */
    bool on_front; /* no other point takes less of time or energy and not more of the other */
};

/* left out: a batch size without an expectation, and the reason */
enum wt_left_why {
    WT_LEFT_NOT,
    WT_LEFT_MISSED,     /* not all of its runs reached the target */
    WT_LEFT_NO_RUN,     /* none ended by itself or by us */
    WT_LEFT_NO_PROFILE, /* the cost of its steps on these GPUs was not measured */
    WT_LEFT_NO_STEPS,   /* nobody counted the steps of an epoch */
};

struct wt_left_out {
    uint32_t batch_size;
    unsigned runs, reached;
    enum wt_left_why why;
};

/* study: a simulation with the expectations of its trace, or the ledger's knowledge of a job */
struct wt_study {
    char job[3 * WT_NAME_LEN];        /* dataset/network/optimizer, or a job of the ledger */
    char target_words[WT_TARGET_LEN]; /* "accuracy>=0.9"; empty: only its value is known */
    char gpu_model[WT_NAME_LEN];      /* empty: not known, as of traces */
    unsigned gpu_count;               /* 0: not known */
    const char *policy;               /* a constant */
    double target;
    unsigned max_epochs, recurrences;
    double eta, beta, max_power_w;
    unsigned size_count, limit_count;
    uint32_t sizes[WT_MAX_BATCH_SIZES];
    uint32_t limits_mw[WT_MAX_LIMITS]; /* highest first */
    struct wt_point optimum;           /* the least cost; batch size 0: there is none */
    struct wt_point standard; /* the default batch size at its highest limit; size 0: not given */
    unsigned left_count;
    struct wt_left_out left_out[WT_MAX_BATCH_SIZES];
};

#endif
