/* SPDX-License-Identifier: Apache-2.0
 *
 * Learned state: the lessons of a job's runs about its batch sizes, and the beliefs about their
 * costs.
 * Nouns only: no functions, no pointers to storage that somebody must free.  Energy and cost in
 * joules, time in seconds, power limits in milliwatts.
 */
#ifndef WATTUNE_FLOW_LEARNED_H
#define WATTUNE_FLOW_LEARNED_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/device.h"
#include "flow/identity.h"

/* learned: the tries of a batch size under one state */
struct wt_learned {
    uint32_t batch_size;
    uint32_t limit_mw;                       /* of the last try that knows it; 0: none does */
    unsigned runs, reached;                  /* that ended; of them, that reached the target */
    double energy_j, time_s, cost_j, epochs; /* sums over those that reached the target */
};

/* beliefs: the costs that the recurrences of a job taught for its batch sizes */
struct wt_belief {
    uint32_t batch_size;
    unsigned runs;       /* that were counted, those that did not reach the target included */
    double mean_j, sd_j; /* of the cost of a run; NaN without one */
    bool left;           /* not dropped by pruning */
};

struct wt_beliefs {
    int64_t state_id; /* as in wt_trial */
    char gpu_model[WT_NAME_LEN];
    unsigned gpu_count;
    struct wt_identity identity; /* another identity has other beliefs */
    bool exploring;              /* pruning goes on */
    bool failed;                 /* pruning ended without a size */
    uint32_t next;               /* the batch size that would be run next; 0: none */
    double bound_j;              /* the most that a run may cost; INFINITY: no bound */
    unsigned running;            /* recurrences under way */
    /* runs on other GPUs that count once an epoch of their size has a known cost here */
    unsigned waiting;
    unsigned count;
    struct wt_belief sizes[WT_MAX_BATCH_SIZES];
};

#endif
