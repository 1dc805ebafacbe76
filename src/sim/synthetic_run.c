/* SPDX-License-Identifier: Apache-2.0
 *
 * A planned run as `wattune run` would have booked it.  All names begin with "sim-" where a name of
 * the real world could be meant (nodes, users), and energies say that they are estimated, or
 * replayed where a trace has them: nobody measured them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hours.h"
#include "sim/synthetic_plan.h"

static const char *const projects[] = {"vision",      "speech",   "ranking",  "search",
                                       "translation", "forecast", "robotics", "assistant",
                                       "fraud",       "maps",     "health",   "games"};
enum { PROJECTS = sizeof projects / sizeof projects[0] };

/* Errors of a step's energy and time, as `wattune run` proves them in a usual run.  Assumed, as
 * all below. */
static const double profile_error = 0.005, savings_error = 0.01, run_error = 0.01;
static const uint64_t slice_steps = 50;

/* The processor's power for each GPU of a run, and for a run without any: seen on one node in
 * four, since the counters are root's. */
static const double cpu_of_gpu_w = 35, cpu_alone_w = 140;
enum { NODES_TO_ONE_WITH_CPU = 4 };

static const char no_steps[] = "there was no sign of steps (wt_step, or --progress pattern:REGEX)";

void synthetic_fleet_name_node(unsigned node, char name[WT_USER_LEN])
{
    snprintf(name, WT_USER_LEN, "sim-node-%03u", node + 1);
}

void synthetic_fleet_name_gpu(const struct synthetic_fleet_options *options, unsigned node,
                              unsigned gpu, char uuid[WT_UUID_LEN])
{
    snprintf(uuid, WT_UUID_LEN, "GPU-51300000-%04x-4%03x-8000-%08x%04x",
             (unsigned)(options->seed >> 32 & 0xffff), (unsigned)(options->seed >> 48 & 0xfff),
             (unsigned)(options->seed & 0xffffffff), node * SYNTHETIC_NODE_GPUS + gpu);
}

static void write_who(const struct synthetic_fleet_options *options,
                      const struct synthetic_fleet_job *job,
                      const struct synthetic_fleet_plan *plan, struct wt_trial *trial)
{
    unsigned project = job->user % (options->users / 3 + 1) % PROJECTS;
    const char *network = job->network, *slash = job->trace ? strchr(job->trace->job, '/') : NULL;
    int length = (int)strlen(network);
    if (slash) { /* dataset/network/optimizer */
        network = slash + 1;
        length = (int)strcspn(network, "/");
    }
    snprintf(trial->identity.job, sizeof trial->identity.job, "%s-%.*s-%05u", projects[project],
             length, network, job->number);
    snprintf(trial->identity.phase, sizeof trial->identity.phase, "%s",
             synthetic_fleet_phases[job->phase].name);
    snprintf(trial->identity.project, sizeof trial->identity.project, "%s", projects[project]);
    snprintf(trial->identity.user, sizeof trial->identity.user, "sim-user-%03u", job->user + 1);
    synthetic_fleet_name_node(plan->node, trial->identity.node);
    trial->part.gpu_count = job->gpu_count;
    for (unsigned i = 0; i < job->gpu_count; i++) {
        trial->part.gpus[i].index = plan->gpus[i];
        synthetic_fleet_name_gpu(options, plan->node, plan->gpus[i], trial->part.gpus[i].uuid);
        snprintf(trial->part.gpus[i].name, sizeof trial->part.gpus[i].name, "%s", job->model->name);
    }
}

static void write_key(const struct synthetic_fleet_job *job, const struct wt_trial *trial,
                      struct wt_profile_key *key)
{
    uint32_t limits_mw[WT_MAX_LIMITS];
    unsigned count = synthetic_fleet_job_limits(job, trial->outcome.batch_size, limits_mw);
    *key = (struct wt_profile_key){.batch_size = trial->outcome.batch_size,
                                   .gpu_count = job->gpu_count,
                                   .limit_min_mw = limits_mw[count - 1],
                                   .limit_max_mw = limits_mw[0]};
    snprintf(key->job, sizeof key->job, "%s", trial->identity.job);
    snprintf(key->gpu_model, sizeof key->gpu_model, "%s", job->model->name);
}

static void write_profile(const struct synthetic_fleet_job *job, struct wt_trial *trial)
{
    uint32_t limits_mw[WT_MAX_LIMITS];
    trial->profile.count = synthetic_fleet_job_limits(job, trial->outcome.batch_size, limits_mw);
    for (unsigned i = 0; i < trial->profile.count; i++) {
        struct synthetic_fleet_step step =
            synthetic_fleet_job_step(job, trial->outcome.batch_size, limits_mw[i]);
        double energy_j = step.energy_j * job->gpu_count;
        trial->profile.points[i] =
            (struct wt_profile_point){.setting.value = limits_mw[i],
                                      .steps = slice_steps,
                                      .time_per_step_s = step.time_s,
                                      .energy_per_step_j = energy_j,
                                      .energy_error_j = energy_j * profile_error,
                                      .time_error_s = step.time_s * profile_error};
    }
}

/* Against the highest limit, as if that had been measured in between. */
static void write_savings(const struct synthetic_fleet_job *job, struct wt_trial *trial)
{
    uint32_t limits_mw[WT_MAX_LIMITS];
    synthetic_fleet_job_limits(job, trial->outcome.batch_size, limits_mw);
    struct synthetic_fleet_step now =
        synthetic_fleet_job_step(job, trial->outcome.batch_size, trial->outcome.setting.value);
    struct synthetic_fleet_step most =
        synthetic_fleet_job_step(job, trial->outcome.batch_size, limits_mw[0]);
    double error = trial->outcome.setting.value == limits_mw[0]
                       ? 0
                       : savings_error; /* kept: nothing is compared */
    trial->outcome.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, limits_mw[0]},
                                                 now.energy_j / most.energy_j,
                                                 now.time_s / most.time_s,
                                                 error,
                                                 error};
}

static void write_outcome(const struct synthetic_fleet_job *job,
                          const struct synthetic_fleet_plan *plan, struct wt_trial *trial)
{
    static const int exit_codes[] = {
        [SYNTHETIC_DONE] = 0, [SYNTHETIC_FAILED] = 1, [SYNTHETIC_INTERRUPTED] = 130};
    trial->outcome.ended = plan->fate != SYNTHETIC_KILLED;
    trial->outcome.not_started = plan->not_started;
    trial->outcome.reached = plan->reached;
    trial->outcome.early_stopped = plan->early_stopped;
    if (!trial->outcome.ended)
        return;
    trial->outcome.time_s = plan->time_s;
    trial->outcome.epochs = plan->epochs;
    trial->outcome.exit_code =
        plan->early_stopped || plan->not_started ? -1 : exit_codes[plan->fate];
    if (plan->not_started) { /* it took nothing */
        trial->part.energy_j = trial->part.energy_error_j = trial->outcome.cost_j = 0;
        snprintf(trial->outcome.note, sizeof trial->outcome.note,
                 "not started: an epoch costs more than a run may");
        return;
    }
    trial->outcome.metric =
        plan->reached == 1 ? job->trace ? job->trace->target : synthetic_fleet_target : (double)NAN;
    if (!job->model)
        return;
    struct synthetic_fleet_step step =
        synthetic_fleet_job_step(job, trial->outcome.batch_size, trial->outcome.setting.value);
    trial->part.busy_s = plan->time_s * step.busy * job->gpu_count;
    if (!job->tuned)
        snprintf(trial->outcome.note, sizeof trial->outcome.note, "%s", no_steps);
    else
        trial->outcome.steps = (uint64_t)(plan->epochs ? plan->epochs * step.steps_per_epoch
                                                       : plan->time_s / step.time_s);
    if (!plan->energy_known)
        return;
    trial->part.source = job->trace ? WT_SOURCE_REPLAYED : WT_SOURCE_ESTIMATED;
    trial->part.energy_j = plan->energy_j * job->gpu_count;
    trial->part.energy_error_j = trial->part.energy_j * run_error;
    trial->outcome.cost_j = plan->cost_j * job->gpu_count;
    if (job->tuned)
        write_savings(job, trial);
}

static void write_processor(const struct synthetic_fleet_job *job,
                            const struct synthetic_fleet_plan *plan,
                            struct synthetic_fleet_run *run)
{
    bool seen = !job->model || plan->node % NODES_TO_ONE_WITH_CPU == 0;
    run->cpu_j = NAN;
    if (!run->trial.outcome.ended || plan->not_started || !seen)
        return;
    run->cpu_j =
        plan->time_s * (job->model ? cpu_of_gpu_w * job->gpu_count : cpu_alone_w * job->busy);
    run->trial.part.cpu_energy_j = run->cpu_j;
}

void synthetic_fleet_write_out(const struct synthetic_fleet_options *options,
                               struct synthetic_fleet_job *job,
                               const struct synthetic_fleet_plan *plan,
                               struct synthetic_fleet_run *run)
{
    *run = (struct synthetic_fleet_run){.reserved_s = plan->not_started ? 0 : plan->time_s};
    struct wt_trial *trial = &run->trial;
    *trial = (struct wt_trial){.identity.recurrence = plan->recurrence,
                               .identity.try_number = plan->try_number,
                               .identity.started_ms = plan->start_ms,
                               .outcome.batch_size = plan->batch_size,
                               .outcome.setting.value = plan->limit_mw,
                               .outcome.time_s = NAN,
                               .part.energy_j = NAN,
                               .part.energy_error_j = NAN,
                               .part.sensor_error_fraction = NAN,
                               .part.cpu_energy_j = NAN,
                               .part.dram_energy_j = NAN,
                               .outcome.cost_j = NAN,
                               .outcome.metric = NAN,
                               .part.busy_s = NAN,
                               .outcome.exit_code = -1,
                               .outcome.savings = {{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN},
                               .carbon = {NAN, NAN, "", NAN, NAN, NAN, NAN, ""}};
    write_who(options, job, plan, trial);
    write_outcome(job, plan, trial);
    for (unsigned i = 0; i < job->gpu_count; i++)
        run->energy_j[i] = trial->outcome.ended && trial->part.source != WT_SOURCE_NONE
                               ? plan->energy_j
                               : (double)NAN;
    write_processor(job, plan, run);
    run->keeps_profile = plan->profiles && trial->part.source != WT_SOURCE_NONE;
    if (run->keeps_profile) {
        write_profile(job, trial);
        write_key(job, trial, &run->key);
    }
}

/* --- Hours --- */

/* Energy used evenly over a span, hour by hour; the last hour takes the rest of rounding. */
struct portions {
    struct hours_split hours;
    double length_ms, energy_j, busy_s; /* of all of it */
    double left_j, left_s;
    double portion_j, portion_s;
};

static struct portions cut(int64_t begin_ms, int64_t end_ms, double energy_j, double busy_s)
{
    return (struct portions){.hours = {.at_ms = begin_ms, .end_ms = end_ms},
                             .length_ms = (double)(end_ms - begin_ms),
                             .energy_j = energy_j,
                             .busy_s = busy_s,
                             .left_j = energy_j,
                             .left_s = busy_s};
}

static bool next_portion(struct portions *s)
{
    if (!hours_next(&s->hours))
        return false;
    double part = (double)(s->hours.to_ms - s->hours.from_ms) / s->length_ms;
    bool last = s->hours.to_ms == s->hours.end_ms;
    s->portion_j = last ? s->left_j : s->energy_j * part;
    s->portion_s = last ? s->left_s : s->busy_s * part;
    s->left_j -= s->portion_j;
    s->left_s -= s->portion_s;
    return true;
}

static size_t spread(const struct synthetic_fleet_run *run, unsigned position, double energy_j,
                     double busy_s, struct synthetic_fleet_hour hours[], size_t count,
                     size_t capacity)
{
    int64_t begin_ms = run->trial.identity.started_ms;
    struct portions s =
        cut(begin_ms, begin_ms + (int64_t)ceil(run->trial.outcome.time_s * 1e3), energy_j, busy_s);
    for (; next_portion(&s); count++)
        if (count < capacity)
            hours[count] =
                (struct synthetic_fleet_hour){s.hours.hour, position, s.portion_j, s.portion_s};
    return count;
}

size_t synthetic_fleet_run_hours(const struct synthetic_fleet_run *run,
                                 struct synthetic_fleet_hour hours[], size_t capacity)
{
    const struct wt_trial *trial = &run->trial;
    size_t count = 0;
    if (!trial->outcome.ended || trial->outcome.not_started)
        return 0;
    for (unsigned i = 0; i < trial->part.gpu_count; i++)
        count = spread(run, i, run->energy_j[i], trial->part.busy_s / trial->part.gpu_count, hours,
                       count, capacity);
    if (isfinite(run->cpu_j))
        count = spread(run, trial->part.gpu_count, run->cpu_j, NAN, hours, count, capacity);
    return count;
}

/* --- Whole GPUs --- */

static size_t add_stretches(const struct synthetic_fleet_use *use, struct portions s, int in_use,
                            struct wt_stretch stretches[], size_t count, size_t capacity)
{
    for (; next_portion(&s); count++) {
        if (count >= capacity)
            continue;
        struct wt_stretch *stretch = &stretches[count];
        *stretch = (struct wt_stretch){.index = use->index,
                                       .begin_ms = s.hours.from_ms,
                                       .end_ms = s.hours.to_ms,
                                       .energy_j = s.portion_j,
                                       .energy_error_j = s.portion_j * run_error,
                                       .source = WT_SOURCE_ESTIMATED,
                                       .in_use = in_use,
                                       .busy_s = s.portion_s,
                                       .carbon = {NAN, NAN, "", NAN, NAN, NAN, NAN, ""}};
        memcpy(stretch->uuid, use->uuid, sizeof stretch->uuid);
        memcpy(stretch->name, use->name, sizeof stretch->name);
    }
    return count;
}

size_t synthetic_fleet_use_stretches(const struct synthetic_fleet_use *use,
                                     struct wt_stretch stretches[], size_t capacity)
{
    double idle_j = use->idle_w * (double)(use->begin_ms - use->idle_from_ms) / 1e3;
    size_t count = add_stretches(use, cut(use->idle_from_ms, use->begin_ms, idle_j, 0), 0,
                                 stretches, 0, capacity);
    return add_stretches(use, cut(use->begin_ms, use->end_ms, use->used_j, use->busy_s), 1,
                         stretches, count, capacity);
}
