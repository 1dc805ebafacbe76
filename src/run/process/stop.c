/* SPDX-License-Identifier: Apache-2.0
 *
 * Ending a training early.
 */
#include "run/process/stop.h"

/* A training that looks once a step has seen the request before it has made two more. */
enum { DEAF_STEPS = 2 };

void stop_begin(struct stop *stop, int64_t now_ns, int64_t grace_ns, bool listens, uint64_t steps)
{
    *stop = (struct stop){.stage = STOP_ASKED,
                          .since_ns = now_ns,
                          .grace_ns = grace_ns,
                          .listens = listens,
                          .steps = steps};
}

enum stop_stage stop_next(struct stop *stop, int64_t now_ns, uint64_t steps)
{
    bool over = now_ns - stop->since_ns >= stop->grace_ns;
    bool deaf = !stop->listens || steps >= stop->steps + DEAF_STEPS;
    if ((stop->stage == STOP_ASKED && (over || deaf)) || (stop->stage == STOP_TERMINATED && over)) {
        stop->stage = stop->stage == STOP_ASKED ? STOP_TERMINATED : STOP_KILLED;
        stop->since_ns = now_ns;
        return stop->stage;
    }
    return STOP_NOT;
}
