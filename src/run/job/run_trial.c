/* SPDX-License-Identifier: Apache-2.0
 *
 * The trial of a run: unknown at its beginning, filled in at its end.
 */
#include "run/job/run_trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "measure/meter/meter.h"
#include "tune/decide/cost.h"

double job_max_power_w(const struct sense *sense, const unsigned devices[], unsigned count)
{
    uint32_t most_mw = 0;
    unsigned gpus = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct wt_device *device = sense_device(sense, devices[i]);
        if (device->kind != WT_DEVICE_GPU)
            continue;
        gpus++;
        most_mw = device->limit_max_mw > most_mw ? device->limit_max_mw : most_mw;
    }
    return most_mw ? cost_max_power_w(most_mw, gpus) : (double)NAN;
}

void job_begin_trial(const struct job_options *options, const struct sense *sense,
                     const unsigned devices[], unsigned count, struct wt_trial *trial)
{
    *trial = (struct wt_trial){.identity.try_number = options->try_number ? options->try_number : 1,
                               .identity.recurrence = options->recurrence,
                               .identity.started_ms = clock_wall_ms(),
                               .outcome.reached = -1,
                               .part.source = WT_SOURCE_NONE,
                               .outcome.batch_size = options->tuner.key.batch_size,
                               .identity.state_id = options->state_id};
    snprintf(trial->identity.job, sizeof trial->identity.job, "%s", options->job);
    snprintf(trial->identity.phase, sizeof trial->identity.phase, "%s", options->phase);
    snprintf(trial->identity.project, sizeof trial->identity.project, "%s",
             options->project ? options->project : "");
    trial->outcome.time_s = trial->part.energy_j = trial->part.energy_error_j =
        trial->part.sensor_error_fraction = NAN;
    trial->part.cpu_energy_j = trial->part.dram_energy_j = trial->outcome.cost_j =
        trial->outcome.metric = trial->part.busy_s = NAN;
    trial->carbon = (struct wt_carbon){NAN, NAN, "", NAN, NAN, NAN, NAN, ""};
    snprintf(trial->identity.user, sizeof trial->identity.user, "%s",
             options->user ? options->user : "");
    snprintf(trial->identity.node, sizeof trial->identity.node, "%s",
             options->node ? options->node : "");
    trial->outcome.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    for (unsigned i = 0; i < count; i++) {
        const struct wt_device *device = sense_device(sense, devices[i]);
        if (device->kind != WT_DEVICE_GPU)
            continue;
        unsigned n = trial->part.gpu_count++;
        trial->part.gpus[n].index = device->index;
        memcpy(trial->part.gpus[n].uuid, device->uuid, sizeof device->uuid);
        memcpy(trial->part.gpus[n].name, device->name, sizeof device->name);
    }
}

static double unknown_or(double value, bool known)
{
    return known ? value : NAN;
}

/* The energy of all devices of a kind, joules; NaN when there is none, or one of them is unknown.
 */
static double sum_of_kind(const struct live_meter *meter, const struct wt_measurement devices[],
                          enum wt_device_kind kind)
{
    struct wt_measurement of_kind[WT_MAX_DEVICES] = {0};
    unsigned n = 0;
    for (unsigned i = 0; i < live_meter_device_count(meter); i++)
        if (live_meter_device(meter, i)->kind == kind)
            of_kind[n++] = devices[i];
    struct wt_measurement sum = meter_sum(of_kind, n);
    return unknown_or((double)sum.energy_mj / 1000, n > 0 && sum.source != WT_SOURCE_NONE);
}

static double sensor_error(const struct live_meter *meter, const struct wt_measurement devices[])
{
    struct wt_device gpus[WT_MAX_DEVICES];
    unsigned count = live_meter_gpu_count(meter);
    for (unsigned i = 0; i < count; i++)
        gpus[i] = *live_meter_device(meter, i);
    return meter_sensor_error(devices, gpus, count);
}

void run_trial_fill_energy(const struct live_meter *meter, const struct wt_measurement devices[],
                           struct wt_trial_part *part)
{
    struct wt_measurement sum = meter_sum(devices, live_meter_gpu_count(meter));
    bool known = sum.source != WT_SOURCE_NONE;
    part->energy_j = unknown_or((double)sum.energy_mj / 1000, known);
    part->energy_error_j = unknown_or((double)sum.energy_error_mj / 1000, known);
    part->source = sum.source;
    part->sensor_error_fraction = sensor_error(meter, devices);
    part->cpu_energy_j = sum_of_kind(meter, devices, WT_DEVICE_CPU);
    part->dram_energy_j = sum_of_kind(meter, devices, WT_DEVICE_DRAM);
}

/* Its end comes first, then why it was not tuned, as far as there is room. */
static void put_note(const struct run_ending *ending, const char *not_tuned, char *note,
                     size_t size)
{
    const struct budget_amount *budget = &ending->spending.options.budget;
    char amount[SPENDING_TEXT];
    if (ending->over_budget)
        snprintf(note, size, "Ended by the budget of %s%s%s",
                 spending_text(amount, budget, budget->amount), not_tuned[0] ? "; not tuned: " : "",
                 not_tuned);
    else
        snprintf(note, size, "%s", not_tuned);
}

void run_trial_fill_outcome(const struct run_ending *ending, const struct wt_progress *progress,
                            const struct tuner_result *tuned, const char *not_tuned, int exit_code,
                            struct wt_trial *trial)
{
    struct wt_trial_outcome *outcome = &trial->outcome;
    outcome->ended = true;
    outcome->steps = progress->steps;
    outcome->epochs = progress->epochs;
    outcome->metric = progress->epochs ? progress->metric : NAN;
    outcome->exit_code = ending->by_us && exit_code > 128 ? -1 : exit_code;
    outcome->reached = run_ending_reached(ending);
    outcome->early_stopped = run_ending_has_begun(ending);
    outcome->setting.value = tuned->limit_mw;
    outcome->savings = tuned->savings;
    trial->profile.count = tuned->point_count;
    memcpy(trial->profile.points, tuned->points, sizeof trial->profile.points);
    put_note(ending, not_tuned, outcome->note, sizeof outcome->note);
}
