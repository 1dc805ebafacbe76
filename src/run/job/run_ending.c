/* SPDX-License-Identifier: Apache-2.0
 *
 * Ending a run before its command ends by itself.
 */
#include "run/job/run_ending.h"

#include <signal.h>

#include "base/clock.h"
#include "base/log.h"

static int64_t grace_ns(const struct run_ending *ending)
{
    return (int64_t)(ending->target.options.grace_s * (double)NS_PER_S);
}

bool run_ending_has_begun(const struct run_ending *ending)
{
    return ending->stop.stage != STOP_NOT;
}

/* Asks the training; the rest comes from turn to turn (go_on_stopping()). */
static void begin_stopping(struct run_ending *ending, struct run_progress *progress)
{
    run_progress_ask_to_stop(progress);
    stop_begin(&ending->stop, clock_monotonic_ns(), grace_ns(ending),
               run_progress_listens(progress), progress->now.steps);
}

static void go_on_stopping(struct run_ending *ending, const struct wt_progress *progress,
                           const struct supervised *command)
{
    if (!run_ending_has_begun(ending))
        return;
    enum stop_stage next = stop_next(&ending->stop, clock_monotonic_ns(), progress->steps);
    if (next == STOP_NOT)
        return;
    ending->by_us = true;
    supervise_signal_group(command, next == STOP_TERMINATED ? SIGTERM : SIGKILL);
    if (next == STOP_KILLED)
        log_note("the command did not end within %g s: wattune killed it",
                 ending->target.options.grace_s);
}

static void poll_target(struct run_ending *ending, struct run_progress *progress,
                        const struct run_tuning *tuning, bool profiling)
{
    struct wt_profile_point point;
    bool holds = run_tuning_holds(tuning, &point);
    bool was_open = ending->target.state == RUN_TARGET_OPEN;
    enum run_target_state state =
        run_target_poll(&ending->target, &progress->now, profiling, holds ? &point : NULL);
    if (was_open && state == RUN_TARGET_REACHED)
        run_progress_ask_to_stop(progress);
    else if (was_open && state == RUN_TARGET_MISSED && !run_ending_has_begun(ending))
        begin_stopping(ending, progress);
}

static void poll_budget(struct run_ending *ending, struct run_progress *progress, bool profiling)
{
    const struct budget_amount *budget = &ending->spending.options.budget;
    char all[SPENDING_TEXT], used[SPENDING_TEXT];
    if (run_ending_has_begun(ending) ||
        !spending_poll(&ending->spending, &progress->now, profiling))
        return;
    ending->over_budget = true;
    log_note("stopped: the budget of %s is used up (%s)",
             spending_text(all, budget, budget->amount),
             spending_text(used, budget, ending->spending.budget.used));
    begin_stopping(ending, progress);
}

void run_ending_poll(struct run_ending *ending, struct run_progress *progress,
                     const struct run_tuning *tuning, const struct supervised *command)
{
    bool profiling = run_tuning_is_profiling(tuning) && progress->now.steps > 0;
    if (ending->target.options.has_target && !ending->over_budget)
        poll_target(ending, progress, tuning, profiling);
    if (ending->spending.options.budget.kind != BUDGET_NONE)
        poll_budget(ending, progress, profiling);
    go_on_stopping(ending, &progress->now, command);
}

void run_ending_finish(struct run_ending *ending, const struct wt_progress *progress,
                       const struct supervised *command)
{
    run_target_end(&ending->target, progress);
    if (run_ending_has_begun(ending))
        supervise_end_group(command, grace_ns(ending));
}

int run_ending_reached(const struct run_ending *ending)
{
    bool reached = ending->target.state == RUN_TARGET_REACHED;
    if (!ending->target.options.has_target || (ending->over_budget && !reached))
        return -1;
    return reached;
}
