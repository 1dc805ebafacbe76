/* SPDX-License-Identifier: Apache-2.0
 *
 * The purpose of a run.
 */
#include "run/job/run_target.h"

#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "tune/decide/cost.h"

/* Energy is summed up in pieces of this length, since the meter knows only the near past. */
static const int64_t PIECE_NS = 5 * NS_PER_S;
/* It stays behind the present, so that an epoch that ended since the last look ended after it. */
static const int64_t BEHIND_NS = NS_PER_S;
/* A piece whose energy is still not known after this long never will be; its use counts as
 * nothing, so that no run is stopped for energy that was not measured. */
static const int64_t LOST_AFTER_NS = 30 * NS_PER_S;

void run_target_begin(struct run_target *run_target, const struct run_target_options *options,
                      const struct live_meter *meter, int64_t started_ns)
{
    *run_target = (struct run_target){
        .options = *options, .meter = meter, .started_ns = started_ns, .known_ns = started_ns};
    early_stop_begin(&run_target->stop, options->bound_j, options->max_epochs);
}

static void sum_up(struct run_target *run_target)
{
    int64_t until_ns = live_meter_known_until_ns(run_target->meter) - BEHIND_NS;
    double piece_j, error_j;
    if (until_ns - run_target->known_ns >= PIECE_NS &&
        live_meter_energy_between(run_target->meter, run_target->known_ns, until_ns, &piece_j,
                                  &error_j) == 0) {
        run_target->energy_j += piece_j;
        run_target->known_ns = until_ns;
    } else if (clock_now_ns() - run_target->known_ns > LOST_AFTER_NS) {
        run_target->known_ns = clock_now_ns();
    }
}

/* The cost of the run from its start to a moment of the near past; unknown energy counts as
 * nothing. */
static double spent_j(const struct run_target *run_target, int64_t at_ns)
{
    double rest_j = 0, error_j;
    if (at_ns > run_target->known_ns &&
        live_meter_energy_between(run_target->meter, run_target->known_ns, at_ns, &rest_j,
                                  &error_j))
        rest_j = 0;
    return cost_j(run_target->options.eta, run_target->options.max_power_w,
                  run_target->energy_j + rest_j,
                  (double)(at_ns - run_target->started_ns) / (double)NS_PER_S);
}

static void look_at_metric(struct run_target *run_target, const struct wt_progress *progress)
{
    const struct target *target = &run_target->options.target;
    target_see(&run_target->seen, target, progress->metric_name, progress->metric);
    if (run_target->state == RUN_TARGET_OPEN &&
        target_reached(target, progress->metric_name, progress->metric)) {
        run_target->state = RUN_TARGET_REACHED;
        log_note("target reached: %s %.6g after %llu epoch%s", target->name, progress->metric,
                 (unsigned long long)progress->epochs, progress->epochs == 1 ? "" : "s");
    }
}

static void look_at_cost(struct run_target *run_target, double step_j)
{
    const struct early_stop *stop = &run_target->stop;
    if (run_target->state != RUN_TARGET_OPEN || !early_stop_now(stop, step_j))
        return;
    run_target->state = RUN_TARGET_MISSED;
    if (stop->epochs >= stop->max_epochs)
        log_note("stopped: the target was not reached in %u epoch%s", stop->max_epochs,
                 stop->max_epochs == 1 ? "" : "s");
    else
        log_note("stopped early after %llu epoch%s: %.4g kJ are spent, and one more epoch of "
                 "%.4g kJ would exceed the %.4g kJ that a run may cost",
                 (unsigned long long)stop->epochs, stop->epochs == 1 ? "" : "s",
                 stop->spent_j / 1e3, early_stop_next_j(stop, step_j) / 1e3, stop->bound_j / 1e3);
}

enum run_target_state run_target_poll(struct run_target *run_target,
                                      const struct wt_progress *progress, bool profiling,
                                      const struct wt_profile_point *tuned)
{
    if (!run_target->options.has_target)
        return run_target->state;
    sum_up(run_target);
    if (progress->epochs > run_target->epochs) {
        run_target->epochs = progress->epochs;
        look_at_metric(run_target, progress);
        double step_j =
            tuned ? cost_per_step_j(run_target->options.eta, run_target->options.max_power_w, tuned)
                  : (double)NAN;
        early_stop_epoch(&run_target->stop, progress->epochs, progress->steps,
                         spent_j(run_target, progress->epoch_t_ns), tuned && !run_target->profiled);
        look_at_cost(run_target, step_j);
        run_target->profiled = false;
    }
    run_target->profiled |= profiling;
    return run_target->state;
}

enum run_target_state run_target_end(struct run_target *run_target,
                                     const struct wt_progress *progress)
{
    char text[240];
    if (!run_target->options.has_target)
        return run_target->state;
    if (progress->epochs > run_target->epochs)
        look_at_metric(run_target, progress);
    const char *complaint = target_complaint(&run_target->seen, &run_target->options.target, text);
    if (complaint)
        log_warning("%s", complaint);
    return run_target->state;
}
