/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums up the tries of each batch size.
 */
#include "account/study/learned.h"

#include <string.h>

struct learning {
    int64_t state_id;
    struct wt_learned *sizes;
    unsigned count;
};

/* The entry of a size, in rising order; NULL when there is no room. */
static struct wt_learned *entry_of(struct learning *learning, uint32_t batch_size)
{
    struct wt_learned *sizes = learning->sizes;
    unsigned at = 0;
    while (at < learning->count && sizes[at].batch_size < batch_size)
        at++;
    if (at < learning->count && sizes[at].batch_size == batch_size)
        return &sizes[at];
    if (learning->count == WT_MAX_BATCH_SIZES)
        return NULL;
    memmove(&sizes[at + 1], &sizes[at], (learning->count++ - at) * sizeof sizes[0]);
    sizes[at] = (struct wt_learned){.batch_size = batch_size};
    return &sizes[at];
}

static int take(void *ctx, const struct wt_trial *t, bool on_gpus, struct wt_error *err)
{
    (void)on_gpus, (void)err;
    struct learning *learning = ctx;
    struct wt_learned *size = t->identity.state_id == learning->state_id && t->outcome.ended
                                  ? entry_of(learning, t->outcome.batch_size)
                                  : NULL;
    if (!size)
        return 0;
    size->runs++;
    if (t->outcome.setting.value && t->outcome.setting.knob == WT_KNOB_POWER_LIMIT)
        size->limit_mw = t->outcome.setting.value;
    if (t->outcome.reached <= 0)
        return 0;
    size->reached++;
    size->energy_j += t->part.energy_j;
    size->time_s += t->outcome.time_s;
    size->cost_j += t->outcome.cost_j;
    size->epochs += (double)t->outcome.epochs;
    return 0;
}

int learned_read(struct ledger *ledger, const char *job, int64_t state_id,
                 struct wt_learned sizes[WT_MAX_BATCH_SIZES], unsigned *count, struct wt_error *err)
{
    struct learning learning = {.state_id = state_id, .sizes = sizes};
    int rc = ledger_each_outline(ledger, job, NULL, take, &learning, err);
    if (rc == 0)
        *count = learning.count;
    return rc;
}
