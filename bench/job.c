/* SPDX-License-Identifier: Apache-2.0
 *
 * A ledger with many runs of one job: `bench_job FILE RUNS` books so many recurrences of "a job" at
 * three batch sizes on one GPU, each with a profile of five limits, and two states of batch sizes.
 * The ledger's own functions book them, so the file is of today's schema.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/ledger.h"
#include "tune/learn/optimizer.h"

enum { SIZES = 3, LIMITS = 5, TAUGHT = 30 };
static const uint32_t sizes[SIZES] = {32, 64, 128};
static const char gpu[] = "Tesla V100-SXM2-32GB";

static void check(int rc, const struct wt_error *err)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_job: %s\n", err->text);
    exit(1);
}

static struct wt_profile_key key_of(uint32_t size)
{
    struct wt_profile_key key = {
        .batch_size = size, .gpu_count = 1, .limit_min_mw = 100000, .limit_max_mw = 300000};
    snprintf(key.job, sizeof key.job, "a job");
    snprintf(key.gpu_model, sizeof key.gpu_model, "%s", gpu);
    return key;
}

static unsigned fill_points(struct wt_profile_point points[], uint32_t size)
{
    for (unsigned i = 0; i < LIMITS; i++)
        points[i] = (struct wt_profile_point){{WT_KNOB_POWER_LIMIT, 300000 - 40000 * i},
                                              60,
                                              (1 + 0.05 * i * i) * 1e-4 * size,
                                              (1 - 0.08 * i + 0.02 * i * i) * 0.03 * size,
                                              1e-4 * size,
                                              1e-6 * size,
                                              false};
    return LIMITS;
}

/* Lets the optimizer choose and learn some recurrences; returns the state's number. */
static int64_t teach(struct ledger *ledger, double target)
{
    struct wt_error err;
    struct optimizer_try attempt = {0};
    struct optimizer batch = {.store = ledger_learn_store(ledger),
                              .key = key_of(0),
                              .sizes = {.count = SIZES,
                                        .sizes = {32, 64, 128},
                                        .default_size = 64,
                                        .beta = 2,
                                        .thompson = batch_size_usual(),
                                        .seed = 1},
                              .hold_ms = 60000};
    batch.identity = (struct wt_identity){.metric = "accuracy",
                                          .at_least = true,
                                          .target = target,
                                          .max_epochs = 100,
                                          .default_size = 64,
                                          .size_count = SIZES,
                                          .sizes = {32, 64, 128},
                                          .preference = {.selector = WT_SELECT_COST, .eta = 0.5},
                                          .beta = 2,
                                          .seed = 1};
    random_normals_init(&batch.normals);
    for (unsigned i = 0; i < TAUGHT; i++) {
        check(optimizer_claim(&batch, &attempt, &err), &err);
        const struct batch_size_result result = {
            .ran = true, .cost_j = 1e5 + attempt.size, .reached = true, .epoch_cost_j = 1e4};
        check(optimizer_report(&batch, &attempt, &result, &err), &err);
    }
    return attempt.state_id;
}

static void book(struct ledger *ledger, unsigned i, int64_t state_id)
{
    static struct wt_trial t;
    struct wt_error err;
    double varied = 1 + 1e-3 * (i % 97);
    t = (struct wt_trial){
        .identity = {.state_id = state_id,
                     .started_ms = INT64_C(1740830400000) + INT64_C(3600000) * i,
                     .job = "a job",
                     .phase = "experimentation",
                     .project = "vision",
                     .user = "user-07",
                     .node = "node-07"},
        .outcome = {.batch_size = sizes[i % SIZES], .reached = 1, .exit_code = 0},
        .part = {.gpu_count = 1, .gpus = {{0, "GPU-facade00-0000-4000-8000-000000000001", ""}}}};
    memcpy(t.part.gpus[0].name, gpu, sizeof gpu);
    check(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err), &err);
    t.profile.count = fill_points(t.profile.points, t.outcome.batch_size);
    t.outcome.ended = true;
    t.outcome.setting.value = 180000;
    t.outcome.time_s = 543.21 * varied;
    t.outcome.cost_j = 1.7e5 * varied;
    t.outcome.epochs = 18 + i % 5;
    t.outcome.steps = t.outcome.epochs * 64000 / t.outcome.batch_size;
    t.outcome.metric = 0.9 * varied;
    t.outcome.savings =
        (struct wt_savings){{WT_KNOB_POWER_LIMIT, 300000}, 0.82 * varied, 1.05, 0.01, 0.01};
    t.part.energy_j = 1.6e5 * varied;
    t.part.energy_error_j = 100;
    t.part.sensor_error_fraction = 0.05;
    t.part.cpu_energy_j = t.part.dram_energy_j = NAN;
    t.part.busy_s = 520;
    t.part.source = WT_SOURCE_COUNTER;
    t.carbon = (struct wt_carbon){1.1, 378, "DEU: yearly average", 18.4 * varied, NAN,
                                  1.2, 2.7, "GPU training system", "--pue",       "DEU",
                                  4};
    check(ledger_trial_end(ledger, &t, NULL, &err), &err);
}

int main(int argc, char **argv)
{
    struct ledger *ledger = NULL;
    struct wt_error err;
    struct wt_profile_point points[WT_MAX_LIMITS];
    long runs = argc == 3 ? atol(argv[2]) : 0;
    if (runs < 1) {
        fprintf(stderr, "usage: bench_job FILE RUNS\n");
        return 2;
    }
    check(ledger_open(argv[1], 0, &ledger, &err), &err);
    check(ledger_bulk_begin(ledger, &err), &err);
    int64_t state_id = teach(ledger, 0.9);
    teach(ledger, 0.8);
    for (long i = 0; i < runs; i++)
        book(ledger, (unsigned)i, state_id);
    for (unsigned i = 0; i < SIZES; i++) {
        const struct wt_profile_key key = key_of(sizes[i]);
        check(ledger_profile_put(ledger, &key, points, fill_points(points, sizes[i]), 0, &err),
              &err);
    }
    check(ledger_bulk_end(ledger, true, &err), &err);
    ledger_close(ledger);
    return 0;
}
