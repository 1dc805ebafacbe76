/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run is for.
 */
#include "run/goal.h"

#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "decide/cost.h"

/* Energy is summed up in pieces of this length, since the watch knows only the near past. */
static const int64_t PIECE_NS = 5 * NS_PER_S;
/* It stays behind the present, so that an epoch that ended since the last look ended after it. */
static const int64_t BEHIND_NS = NS_PER_S;
/* A piece whose energy is still not known after this long never will be; what it used counts as
 * nothing, so that no run is stopped for what was not measured. */
static const int64_t LOST_AFTER_NS = 30 * NS_PER_S;

void goal_begin(struct goal *goal, const struct goal_options *options, const struct watch *watch,
                int64_t started_ns)
{
    *goal = (struct goal){
        .options = *options, .watch = watch, .started_ns = started_ns, .known_ns = started_ns};
    early_stop_begin(&goal->stop, options->bound_j, options->max_epochs);
}

static void sum_up(struct goal *goal)
{
    int64_t until_ns = watch_known_until_ns(goal->watch) - BEHIND_NS;
    double piece_j, error_j;
    if (until_ns - goal->known_ns >= PIECE_NS &&
        watch_energy_between(goal->watch, goal->known_ns, until_ns, &piece_j, &error_j) == 0) {
        goal->energy_j += piece_j;
        goal->known_ns = until_ns;
    } else if (clock_now_ns() - goal->known_ns > LOST_AFTER_NS) {
        goal->known_ns = clock_now_ns();
    }
}

/* The cost of the run from its start to a moment of the near past; what is not known counts as
 * nothing. */
static double spent_j(const struct goal *goal, int64_t at_ns)
{
    double rest_j = 0, error_j;
    if (at_ns > goal->known_ns &&
        watch_energy_between(goal->watch, goal->known_ns, at_ns, &rest_j, &error_j))
        rest_j = 0;
    return cost_j(goal->options.eta, goal->options.max_power_w, goal->energy_j + rest_j,
                  (double)(at_ns - goal->started_ns) / (double)NS_PER_S);
}

static void look_at_metric(struct goal *goal, const struct wt_progress *progress)
{
    const struct target *target = &goal->options.target;
    target_see(&goal->seen, target, progress->metric_name, progress->metric);
    if (goal->state == GOAL_OPEN &&
        target_reached(target, progress->metric_name, progress->metric)) {
        goal->state = GOAL_REACHED;
        log_note("target reached: %s %.6g after %llu epoch%s", target->name, progress->metric,
                 (unsigned long long)progress->epochs, progress->epochs == 1 ? "" : "s");
    }
}

static void look_at_cost(struct goal *goal, double step_j)
{
    const struct early_stop *stop = &goal->stop;
    if (goal->state != GOAL_OPEN || !early_stop_now(stop, step_j))
        return;
    goal->state = GOAL_MISSED;
    if (stop->epochs >= stop->max_epochs)
        log_note("stopped: the target was not reached in %u epoch%s", stop->max_epochs,
                 stop->max_epochs == 1 ? "" : "s");
    else
        log_note("stopped early after %llu epoch%s: %.4g kJ are spent, and with the %.4g kJ of one "
                 "more epoch it would be "
                 "over the %.4g kJ that a run may cost",
                 (unsigned long long)stop->epochs, stop->epochs == 1 ? "" : "s",
                 stop->spent_j / 1e3, early_stop_next_j(stop, step_j) / 1e3, stop->bound_j / 1e3);
}

enum goal_state goal_poll(struct goal *goal, const struct wt_progress *progress, bool profiling,
                          const struct wt_profile_point *tuned)
{
    if (!goal->options.has_target)
        return goal->state;
    sum_up(goal);
    if (progress->epochs > goal->epochs) {
        goal->epochs = progress->epochs;
        look_at_metric(goal, progress);
        double step_j = tuned ? cost_per_step_j(goal->options.eta, goal->options.max_power_w, tuned)
                              : (double)NAN;
        early_stop_epoch(&goal->stop, progress->epochs, progress->steps,
                         spent_j(goal, progress->epoch_t_ns), tuned && !goal->profiled);
        look_at_cost(goal, step_j);
        goal->profiled = false;
    }
    goal->profiled |= profiling;
    return goal->state;
}

enum goal_state goal_end(struct goal *goal, const struct wt_progress *progress)
{
    char text[240];
    if (!goal->options.has_target)
        return goal->state;
    if (progress->epochs > goal->epochs)
        look_at_metric(goal, progress);
    const char *complaint = target_complaint(&goal->seen, &goal->options.target, text);
    if (complaint)
        log_warning("%s", complaint);
    return goal->state;
}
