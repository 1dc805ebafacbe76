/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads beliefs.
 */
#include "account/study/beliefs.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "tune/learn/optimizer.h"

int beliefs_read(struct ledger *ledger, const char *job, struct wt_beliefs **beliefs, size_t *count,
                 struct wt_error *err)
{
    struct learn_state *states = NULL;
    struct wt_error state_err;
    size_t state_count = 0, read = 0;
    int rc = ledger_states(ledger, job, &states, &state_count, err);
    if (rc)
        return rc;
    struct wt_beliefs *list = calloc(state_count ? state_count : 1, sizeof *list);
    for (size_t i = 0; list && i < state_count; i++)
        if (optimizer_beliefs(&states[i], clock_wall_ms(), &list[read], &state_err))
            log_warning("%s", state_err.text);
        else
            read++;
    free(states);
    if (!list)
        return error_set(err, WT_E_NO_MEMORY, "read the beliefs: out of memory");
    *beliefs = list;
    *count = read;
    return 0;
}
