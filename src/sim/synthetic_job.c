/* SPDX-License-Identifier: Apache-2.0
 *
 * The jobs of a fleet.
 */
#include "sim/synthetic_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune/decide/cost.h"

/* Names as the driver has them; ranges of the limits as the vendor's data sheets and nvidia-smi
 * have them.  Idle: reports of V100s have 25 to 50 W, of A40s 25 to 30 W, of H100s 70 W; the others
 * are assumed. */
static const struct synthetic_fleet_model models[] = {
    {"p100", "Tesla P100-PCIE-16GB", 125000, 250000, 30},
    {"v100", "Tesla V100-PCIE-16GB", 100000, 250000, 38},
    {"rtx6000", "Quadro RTX 6000", 100000, 260000, 22},
    {"a40", "NVIDIA A40", 100000, 300000, 28},
    {"a100", "NVIDIA A100-SXM4-40GB", 100000, 400000, 52},
    {"h100", "NVIDIA H100 80GB HBM3", 200000, 700000, 70},
};
enum { MODEL_COUNT = sizeof models / sizeof models[0] };

/* GPUs are used 30 to 60 % of the time over a fleet (Sustainable AI, MLSys'22), which is taken here
 * for experimentation and inference; a training that is worth tuning keeps its GPU busy.  All else
 * is assumed. */
const struct synthetic_fleet_phase_row synthetic_fleet_phases[SYNTHETIC_PHASES] = {
    [SYNTHETIC_EXPERIMENTATION] = {"experimentation", 1500, 1.2, 30, 24 * 3600, 0.30, 0.60, 0.4, 1,
                                   12},
    [SYNTHETIC_TRAINING] = {"training", 5400, 1.1, 300, 48 * 3600, 0.85, 0.98, 0.85, 20, 120},
    [SYNTHETIC_INFERENCE] = {"inference", 28800, 0.7, 600, 48 * 3600, 0.30, 0.60, 0, 10, 60},
    [SYNTHETIC_DATA] = {"data", 1200, 1.0, 20, 12 * 3600, 0.50, 0.90, 0, 30, 200},
};

static const char *const networks[SYNTHETIC_PHASES][4] = {
    [SYNTHETIC_EXPERIMENTATION] = {"ablation", "sweep", "prototype", "debug"},
    [SYNTHETIC_TRAINING] = {"resnet", "transformer", "recommender", "detector"},
    [SYNTHETIC_INFERENCE] = {"serving", "scoring", "embedding", "ranking"},
    [SYNTHETIC_DATA] = {"ingest", "features", "cleaning", "labels"},
};

/* A trace has no steps: the length of one at the highest limit (assumed). */
static const double trace_step_s = 0.2;

enum { STEP_MW = 25000, SIZES = 5, RECORDED = 4 };

const double synthetic_fleet_target = 0.9;

const struct synthetic_fleet_model *synthetic_fleet_model_find(const char *key)
{
    for (unsigned i = 0; i < MODEL_COUNT; i++)
        if (strcmp(models[i].key, key) == 0)
            return &models[i];
    return NULL;
}

const struct synthetic_fleet_model *synthetic_fleet_model_at(unsigned i)
{
    return i < MODEL_COUNT ? &models[i] : NULL;
}

double synthetic_fleet_uniform(struct synthetic_fleet_draws *draws, double least, double most)
{
    return least + (most - least) * ((double)(random_u64(&draws->random) >> 11) * 0x1p-53);
}

double synthetic_fleet_length_s(struct synthetic_fleet_draws *draws,
                                enum synthetic_fleet_phase phase)
{
    const struct synthetic_fleet_phase_row *row = &synthetic_fleet_phases[phase];
    double length_s =
        row->median_s * exp(row->sigma * random_normal(&draws->random, &draws->normals));
    return fmin(fmax(length_s, row->least_s), row->most_s);
}

/* --- Steps --- */

static const struct sim_size *find_size(const struct sim_trace *trace, uint32_t batch_size)
{
    for (unsigned i = 0; i < trace->size_count; i++)
        if (trace->sizes[i].batch_size == batch_size)
            return &trace->sizes[i];
    return NULL;
}

static struct synthetic_fleet_step step_of_trace(const struct synthetic_fleet_job *job,
                                                 uint32_t batch_size, uint32_t limit_mw)
{
    const struct sim_size *size = find_size(job->trace, batch_size);
    struct synthetic_fleet_step step = {NAN, NAN, NAN, NAN};
    for (unsigned i = 0; size && i < size->point_count; i++) {
        const struct sim_point *point = &size->points[i];
        double steps = fmax(1, round(size->points[0].epoch_time_s / trace_step_s));
        if (point->limit_mw == limit_mw)
            step = (struct synthetic_fleet_step){point->epoch_time_s / steps,
                                                 point->epoch_energy_j / steps, job->busy, steps};
    }
    return step;
}

/* The part of a step in which the GPU works follows the curve; in the rest it waits at the power
 * that no clock takes away. */
struct synthetic_fleet_step synthetic_fleet_job_step(const struct synthetic_fleet_job *job,
                                                     uint32_t batch_size, uint32_t limit_mw)
{
    if (job->trace)
        return step_of_trace(job, batch_size, limit_mw);
    double most_w = job->model->limit_max_mw / 1e3;
    struct power_curve_point full = power_curve_at(&job->curve, 1),
                             point = power_curve_at(&job->curve, limit_mw / 1e3 / most_w);
    double ratio = batch_size ? (double)job->batch_size / batch_size : 1;
    double epoch_s = job->epoch_s * (1 - job->overhead + job->overhead * ratio);
    double steps = fmax(1, round(job->epoch_steps * ratio));
    double working_s = epoch_s / steps * job->busy * exp(point.log_time - full.log_time);
    double waiting_s = epoch_s / steps * (1 - job->busy);
    return (struct synthetic_fleet_step){
        .time_s = working_s + waiting_s,
        .energy_j =
            most_w * (working_s * point.power + waiting_s * fmin(job->curve.idle, point.power)),
        .busy = working_s / (working_s + waiting_s),
        .steps_per_epoch = steps};
}

unsigned synthetic_fleet_job_limits(const struct synthetic_fleet_job *job, uint32_t batch_size,
                                    uint32_t limits_mw[WT_MAX_LIMITS])
{
    unsigned count = 0;
    if (job->trace) {
        const struct sim_size *size = find_size(job->trace, batch_size);
        for (; size && count < size->point_count; count++)
            limits_mw[count] = size->points[count].limit_mw;
        return count;
    }
    const struct synthetic_fleet_model *model = job->model;
    for (uint32_t limit_mw = model->limit_max_mw;
         limit_mw > model->limit_min_mw && count + 1 < WT_MAX_LIMITS;
         limit_mw -=
         limit_mw - model->limit_min_mw > STEP_MW ? STEP_MW : limit_mw - model->limit_min_mw)
        limits_mw[count++] = limit_mw;
    limits_mw[count++] = model->limit_min_mw;
    return count;
}

/* The cheapest one; a tie keeps the higher limit. */
static uint32_t choose_limit(const struct synthetic_fleet_job *job, double eta)
{
    uint32_t limits_mw[WT_MAX_LIMITS], best_mw = job->model->limit_max_mw;
    unsigned count = synthetic_fleet_job_limits(job, 0, limits_mw);
    double least_j = INFINITY;
    for (unsigned i = 0; i < count; i++) {
        struct synthetic_fleet_step step = synthetic_fleet_job_step(job, 0, limits_mw[i]);
        double step_j =
            cost_j(eta, cost_max_power_w(job->model->limit_max_mw, 1), step.energy_j, step.time_s);
        if (step_j < least_j) {
            least_j = step_j;
            best_mw = limits_mw[i];
        }
    }
    return best_mw;
}

/* --- Recurrences --- */

struct synthetic_fleet_scratch {
    struct sim sim;
    struct sim_trace trace;
    unsigned epochs[SIZES * RECORDED];
};

struct synthetic_fleet_scratch *synthetic_fleet_scratch_new(void)
{
    return calloc(1, sizeof(struct synthetic_fleet_scratch));
}

/* Five batch sizes around the job's own, with recorded runs as a trace has them.  Larger batches
 * need more epochs, by a power that the job draws, and the largest may miss the target; the job's
 * own always arrives. */
static void record(struct synthetic_fleet_scratch *scratch, const struct synthetic_fleet_job *job,
                   double epochs, struct synthetic_fleet_draws *draws)
{
    struct sim_trace *trace = &scratch->trace;
    double power = synthetic_fleet_uniform(draws, 0.1, 0.7);
    bool largest_misses = synthetic_fleet_uniform(draws, 0, 1) < 0.4;
    *trace = (struct sim_trace){.target = synthetic_fleet_target,
                                .limit_most_mw = job->model->limit_max_mw,
                                .size_count = SIZES};
    trace->limit_count = synthetic_fleet_job_limits(job, 0, trace->limits_mw);
    for (unsigned i = 0; i < SIZES; i++) {
        struct sim_size *size = &trace->sizes[i];
        size->batch_size = (job->batch_size << i) / 4;
        size->point_count = trace->limit_count;
        size->run_count = RECORDED;
        size->run_epochs = scratch->epochs + (size_t)i * RECORDED;
        for (unsigned k = 0; k < trace->limit_count; k++) {
            struct synthetic_fleet_step step =
                synthetic_fleet_job_step(job, size->batch_size, trace->limits_mw[k]);
            size->points[k] =
                (struct sim_point){trace->limits_mw[k], step.time_s * step.steps_per_epoch,
                                   step.energy_j * step.steps_per_epoch};
        }
        double usual = epochs * pow((double)size->batch_size / job->batch_size, power);
        for (unsigned k = 0; k < RECORDED; k++) {
            double noise = 1 + 0.08 * random_normal(&draws->random, &draws->normals);
            bool misses = i == SIZES - 1 && largest_misses;
            scratch->epochs[i * RECORDED + k] =
                misses ? 0 : (unsigned)fmax(1, round(usual * fmax(noise, 0.5)));
        }
    }
}

/* Draws the policy's history of the job's recurrences.  Where it gives up (no batch size is left,
 * or the default of a trace misses the target) the job ends there, as one of real life would. */
static int live(struct synthetic_fleet_job *job, const struct synthetic_fleet_options *options,
                struct synthetic_fleet_scratch *scratch, double epochs,
                struct synthetic_fleet_draws *draws, struct wt_error *err)
{
    struct sim_options of = options->sim;
    struct wt_simulation result;
    uint64_t seed = random_u64(&draws->random) >> 1;
    if (!job->trace) {
        record(scratch, job, epochs, draws);
        of.default_size = job->batch_size;
        of.max_epochs = (unsigned)ceil(epochs * 4);
    }
    of.recurrences = job->left;
    int rc = sim_init(&scratch->sim, job->trace ? job->trace : &scratch->trace, &of, err);
    if (rc == 0)
        rc = sim_run(&scratch->sim, seed, &job->history, NULL, &result, err);
    return rc == WT_E_NO_DATA ? 0 : rc;
}

int synthetic_fleet_job_draw(struct synthetic_fleet_job *job,
                             const struct synthetic_fleet_options *options,
                             struct synthetic_fleet_draws *draws,
                             struct synthetic_fleet_scratch *scratch, struct wt_error *err)
{
    const struct synthetic_fleet_phase_row *row = &synthetic_fleet_phases[job->phase];
    struct random *random = &draws->random;
    job->network = networks[job->phase][random_below(random, 4)];
    job->busy = synthetic_fleet_uniform(draws, row->busy_least, row->busy_most);
    job->left = row->recurrences_least +
                random_below(random, row->recurrences_most - row->recurrences_least + 1);
    if (job->phase == SYNTHETIC_TRAINING && options->sim.recurrences)
        job->left = options->sim.recurrences;
    if (!job->model)
        return 0;
    do /* nobody buys GPUs for work that hardly needs them */
        job->curve = power_curve_draw(random_below(random, POWER_CURVES));
    while (job->curve.full < 0.45);
    double epochs = 8 + random_below(random, 40);
    job->batch_size = UINT32_C(32) << random_below(random, 5);
    job->epoch_s = synthetic_fleet_length_s(draws, job->phase) / epochs;
    job->overhead = synthetic_fleet_uniform(draws, 0.1, 0.4);
    job->epoch_steps =
        (unsigned)fmax(20, round(job->epoch_s / synthetic_fleet_uniform(draws, 0.05, 0.6)));
    job->tuned = synthetic_fleet_uniform(draws, 0, 1) < row->tuned;
    job->chooses = job->phase == SYNTHETIC_TRAINING && (job->tuned || options->trace);
    if (job->chooses && options->trace) {
        job->tuned = true;
        job->trace = options->trace;
    }
    job->limit_mw = job->tuned && !job->chooses ? choose_limit(job, options->sim.eta)
                                                : job->model->limit_max_mw;
    return job->chooses ? live(job, options, scratch, epochs, draws, err) : 0;
}
