/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves to search and a way to search them, for the bench and the unit test: virtual cards (model
 * M3 with workloads of our own), or the published measurements of training under limits from the
 * artifact of Zeus (NSDI'23), where somebody has put them.  The noise of a measurement belongs to
 * curve, seed and limit, so that every search sees the same.
 */
#ifndef BENCH_SEARCH_CURVES_H
#define BENCH_SEARCH_CURVES_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "models.h"
#include "physics.h"
#include "tune/decide/cost.h"
#include "tune/decide/power_search.h"
#include "tune/decide/selector.h"

struct curve {
    char name[96];
    unsigned count;
    uint32_t limits_mw[POWER_LIMITS_MAX];
    double time_s[POWER_LIMITS_MAX], energy_j[POWER_LIMITS_MAX]; /* a step's, true */
    double max_power_w;
};

struct workload {
    double step_s, full_w, clock_share, host_share; /* at full clock */
};

struct outcome {
    unsigned measured; /* limits */
    double excess;     /* true cost of the chosen limit over that of the best one, less 1 */
    double steps, joules;
};

/* --- Random numbers: splitmix64; a number depends on its key alone. --- */

static inline double uniform(uint64_t key)
{
    uint64_t z = key * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static inline double normal(uint64_t key)
{
    return sqrt(-2 * log(uniform(2 * key))) * cos(2 * 3.14159265358979 * uniform(2 * key + 1));
}

/* --- Curves --- */

static inline struct curve curve_of_model(const struct vgpu_model *model,
                                          const struct workload *work)
{
    struct curve curve = {.max_power_w = model->max_limit_mw / 1000.0};
    struct power_range range = {model->min_limit_mw, model->max_limit_mw};
    curve.count = (unsigned)power_limits_auto(range, curve.limits_mw);
    snprintf(curve.name, sizeof curve.name, "%s %.0f W", model->key, work->full_w);
    for (unsigned i = 0; i < curve.count; i++) {
        struct physics_point at =
            physics_settle(model, work->full_w, work->clock_share, curve.limits_mw[i] / 1000.0, 1);
        double gpu_s = work->step_s * (1 - work->host_share) * at.slowdown;
        double host_s = work->step_s * work->host_share;
        curve.time_s[i] = gpu_s + host_s;
        curve.energy_j[i] = gpu_s * at.power_w + host_s * model->host_w;
    }
    return curve;
}

/* Workloads as cards have them: from hardly busy to twice the power that the card may draw. */
static inline struct workload some_workload(const struct vgpu_model *model, uint64_t key)
{
    return (struct workload){.step_s = 0.1,
                             .full_w =
                                 model->max_limit_mw / 1000.0 * (0.3 + 1.5 * uniform(8 * key)),
                             .clock_share = 0.1 + 0.7 * uniform(8 * key + 1),
                             .host_share = 0.45 * uniform(8 * key + 2)};
}

/* One row into the curve of its name, limits falling. */
static inline void curve_put(struct curve *curve, double limit_w, double time_s, double power_w)
{
    unsigned i = curve->count++;
    for (; i > 0 && curve->limits_mw[i - 1] < limit_w * 1000; i--) {
        curve->limits_mw[i] = curve->limits_mw[i - 1];
        curve->time_s[i] = curve->time_s[i - 1];
        curve->energy_j[i] = curve->energy_j[i - 1];
    }
    curve->limits_mw[i] = (uint32_t)(limit_w * 1000);
    curve->time_s[i] = time_s;
    curve->energy_j[i] = time_s * power_w;
}

/* The curves of a table
 * "dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power".  Returns how
 * many, -1 when there is no such file. */
static inline int curves_from_csv(const char *folder, const char *file, struct curve curves[],
                                  int most)
{
    char path[4096], line[512], key[96];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *in = fopen(path, "re");
    if (!in)
        return -1;
    int count = 0;
    while (fgets(line, sizeof line, in)) {
        char dataset[32], network[32], optimizer[16];
        unsigned batch_size;
        double limit_w, time_s, power_w;
        if (sscanf(line, "%31[^,],%31[^,],%u,%15[^,],%lf,%lf,%lf", dataset, network, &batch_size,
                   optimizer, &limit_w, &time_s, &power_w) != 7)
            continue;
        snprintf(key, sizeof key, "%s %s %u %s", network, dataset, batch_size, optimizer);
        int i = 0;
        while (i < count && strcmp(curves[i].name, key) != 0)
            i++;
        if (i == most)
            break;
        if (i == count) {
            curves[count++] = (struct curve){0};
            memcpy(curves[i].name, key, sizeof key);
        }
        curve_put(&curves[i], limit_w, time_s, power_w);
        curves[i].max_power_w = fmax(curves[i].max_power_w, limit_w);
    }
    fclose(in);
    return count;
}

/* Fitted workloads "gpu,net,ds,opt,bs,T1,Pb,mu,h" of a V100, put on another card: power scaled by
 * the largest limits. */
static inline int curves_from_fits(const char *folder, const struct vgpu_model *model,
                                   struct curve curves[], int most)
{
    char path[4096], line[512];
    snprintf(path, sizeof path, "%s/../vgpu-params.csv", folder);
    FILE *in = fopen(path, "re");
    if (!in)
        return -1;
    int count = 0;
    while (count < most && fgets(line, sizeof line, in)) {
        struct workload work;
        if (sscanf(line, "V100,%*[^,],%*[^,],%*[^,],%*[^,],%lf,%lf,%lf,%lf", &work.step_s,
                   &work.full_w, &work.clock_share, &work.host_share) != 4)
            continue;
        work.full_w *= model->max_limit_mw / 250000.0;
        curves[count++] = curve_of_model(model, &work);
    }
    fclose(in);
    return count;
}

/* --- Searching --- */

static inline double true_cost(const struct curve *curve, unsigned i,
                               const struct wt_preference *preference)
{
    double eta = preference->selector == WT_SELECT_COST ? preference->eta
                                                        : preference->selector != WT_SELECT_TIME;
    return cost_j(eta, curve->max_power_w, curve->energy_j[i], curve->time_s[i]);
}

/* A slice at limit i, with independent noise on time and energy (standard deviations, as a
 * fraction). */
static inline struct wt_profile_point slice_at(const struct curve *curve, unsigned i, double noise,
                                               uint64_t seed)
{
    uint64_t key = (seed * 1009 + i) * 2;
    for (const char *c = curve->name; *c; c++)
        key = key * 31 + (unsigned char)*c;
    double time_s = curve->time_s[i] * (1 + noise * normal(2 * key));
    double energy_j = curve->energy_j[i] * (1 + noise * normal(2 * key + 1));
    return (struct wt_profile_point){.setting.value = curve->limits_mw[i],
                                     .steps = 100,
                                     .time_per_step_s = time_s,
                                     .energy_per_step_j = energy_j,
                                     .time_error_s = 1.96 * noise * time_s,
                                     .energy_error_j = 1.96 * noise * energy_j};
}

/* Runs a search as a tuner does: the limit found at the start is measured first.  A slice with its
 * warm-up takes 3 s; a step at the highest limit counts as 0.1 s, since the published tables tell
 * of epochs only. */
static inline struct outcome search_curve(const char *name, const struct curve *curve,
                                          const struct wt_preference *preference, double noise,
                                          uint64_t seed, unsigned start)
{
    struct power_search search;
    struct outcome outcome = {.excess = NAN};
    struct wt_decision decision;
    if (power_search_init(&search, name, curve->limits_mw, curve->count, preference,
                          curve->max_power_w, NULL))
        return outcome;
    uint32_t limit_mw = curve->limits_mw[start];
    do {
        int i = power_search_find(&search, limit_mw);
        struct wt_profile_point slice = slice_at(curve, (unsigned)i, noise, seed);
        power_search_add(&search, &slice, NULL);
        outcome.measured++;
        outcome.steps += 3 / (0.1 * curve->time_s[i] / curve->time_s[0]);
        outcome.joules += 3 * curve->energy_j[i] / curve->time_s[i];
    } while (outcome.measured < 2 * POWER_LIMITS_MAX && power_search_next(&search, &limit_mw));
    if (selector_choose(search.points, search.count, NULL, preference, curve->max_power_w,
                        &decision, NULL))
        return outcome;
    double best = INFINITY;
    for (unsigned i = 0; i < curve->count; i++)
        best = fmin(best, true_cost(curve, i, preference));
    outcome.excess = true_cost(curve, decision.point, preference) / best - 1;
    return outcome;
}

#endif
