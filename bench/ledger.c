/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger at the size of a year of a fleet: `bench_ledger fill FILE RUNS` writes so many runs
 * (through SQL, in one transaction, beside a first one that the ledger itself has booked);
 * `bench_ledger book FILE RUNS` books runs one by one beside as many transactions that change one
 * row and prints the median milliseconds of both.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/ledger.h"
#include "base/clock.h"

static void fail(const char *what)
{
    fprintf(stderr, "bench_ledger: %s\n", what);
    exit(1);
}

/* A usual run: one GPU, an hour and a half, a profile that was reused. */
static int64_t book(struct ledger *ledger, const char *job)
{
    static struct wt_trial trial;
    struct wt_error err;
    trial = (struct wt_trial){.identity.phase = "training",
                              .identity.project = "vision",
                              .identity.user = "user-07",
                              .identity.node = "node-07",
                              .outcome.batch_size = 64,
                              .identity.started_ms = INT64_C(1740830400000),
                              .outcome.reached = -1,
                              .part.gpu_count = 1};
    snprintf(trial.identity.job, sizeof trial.identity.job, "%s", job);
    snprintf(trial.part.gpus[0].uuid, WT_UUID_LEN, "GPU-facade00-0000-4000-8000-000000000001");
    snprintf(trial.part.gpus[0].name, WT_NAME_LEN, "NVIDIA A100-SXM4-40GB");
    if (ledger_trial_begin(ledger, &trial, &trial.identity.id, &trial.identity.recurrence, &err))
        fail(err.text);
    struct ledger_device_energy device = {.kind = WT_DEVICE_GPU,
                                          .energy_j = 1.6e6,
                                          .energy_error_j = 100,
                                          .source = WT_SOURCE_COUNTER,
                                          .begin_ms = trial.identity.started_ms,
                                          .end_ms = trial.identity.started_ms + 5400000};
    memcpy(device.uuid, trial.part.gpus[0].uuid, sizeof device.uuid);
    memcpy(device.name, trial.part.gpus[0].name, sizeof device.name);
    const struct ledger_hour hours[] = {{483564, WT_DEVICE_GPU, 0, 1.1e6, 3500, 381},
                                        {483565, WT_DEVICE_GPU, 0, 0.5e6, 1700, 371}};
    trial.outcome.ended = true;
    trial.outcome.time_s = 5400;
    trial.part.energy_j = 1.6e6;
    trial.part.energy_error_j = 100;
    trial.part.cpu_energy_j = trial.part.dram_energy_j = trial.outcome.metric = NAN;
    trial.outcome.cost_j = 1.7e6;
    trial.outcome.steps = 100000;
    trial.outcome.epochs = 20;
    trial.outcome.setting.value = 250000;
    trial.part.source = WT_SOURCE_COUNTER;
    trial.part.busy_s = 5200;
    trial.outcome.savings =
        (struct wt_savings){{WT_KNOB_POWER_LIMIT, 400000}, 0.82, 1.05, 0.01, 0.01};
    trial.carbon = (struct wt_carbon){1.1, 378, "DEU: yearly average", 184, NAN,
                                      12,  27,  "GPU training system"};
    if (ledger_trial_end(ledger, &trial, &(struct ledger_used){&device, 1, hours, 2}, &err))
        fail(err.text);
    return trial.identity.id;
}

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail(sqlite3_errmsg(db));
}

/* Copies the first run, under 2000 jobs and 120 places, with energies and times of their own. */
static void fill(const char *path, long runs)
{
    char text[4096];
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        fail("cannot open the ledger");
    sql(db, "PRAGMA synchronous = OFF; BEGIN;"
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
            " INSERT INTO jobs SELECT i, printf('job-%04d', i), 0 FROM n;"
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 120)"
            " INSERT INTO places SELECT i, CASE i % 4 WHEN 0 THEN 'training' WHEN 1 THEN 'data' "
            "WHEN 2 THEN 'experimentation'"
            "  ELSE 'inference' END, printf('project-%d', i % 20), printf('user-%d', i % 50), "
            "printf('node-%02d', i % 30),"
            "  'NVIDIA A100-SXM4-40GB', 1 + i % 8 FROM n;");
    snprintf(
        text, sizeof text,
        "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM "
        "n WHERE i < %ld) SELECT i FROM n;"
        "INSERT INTO trials (trial_id, job_id, recurrence, try_number, batch_size, "
        "started_ms, ended, time_s, setting, energy_j,"
        " energy_error_j, cost_j, steps, epochs, early_stopped, exit_code, source, "
        "baseline, energy_fraction,"
        " time_fraction, energy_fraction_error, time_fraction_error, not_started, place_id, "
        "factor_id, busy_s,"
        " intensity_g_per_kwh, operational_g, embodied_g, embodied_useful_g)"
        " SELECT i, 1 + i %% 2000, 1 + i / 2000, 1, 64, started_ms + i * 31536, 1, time_s + i "
        "%% 977, setting, energy_j + i %% 9973,"
        " 100 + i %% 7, cost_j + i %% 9973, 1000 + i, 20, 0, 0, source, baseline, "
        "energy_fraction, time_fraction,"
        " energy_fraction_error, time_fraction_error, 0, 1 + i %% 120, factor_id, busy_s + i "
        "%% 977, intensity_g_per_kwh + i %% 97,"
        " operational_g + i %% 89, embodied_g + i %% 11, embodied_useful_g + i %% 11 FROM n, "
        "trials WHERE trial_id = 1;"
        "INSERT INTO trial_parts (trial_id, part, node, energy_j) SELECT i, 0, 'node-07', energy_j "
        "+ i %% 9973 FROM n, trials WHERE trial_id = 1;"
        "INSERT INTO trial_gpus (trial_id, position, device_id) SELECT i, 0, 1 FROM n;"
        "INSERT INTO measurements (trial_id, position, device_id, energy_j, energy_error_j, "
        "source, begin_ms, end_ms) SELECT i, 0, 1, energy_j + i %% 9973, 100 + i %% 7, source, "
        "begin_ms + i * 31536,"
        " end_ms + i * 31536 FROM n, measurements WHERE trial_id = 1;",
        runs);
    sql(db, text);
    sql(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(db);
}

static int rising(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median_ms(double ms[], size_t count)
{
    qsort(ms, count, sizeof ms[0], rising);
    return ms[count / 2];
}

/* Booking is two transactions, and so is its reference. */
static void compare(const char *path, struct ledger *ledger, size_t runs)
{
    double *ours = calloc(runs, sizeof *ours), *commits = calloc(runs, sizeof *commits);
    sqlite3 *db = NULL;
    if (!ours || !commits || sqlite3_open(path, &db) != SQLITE_OK)
        fail("out of memory");
    sql(db, "PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS beside (n INTEGER); INSERT INTO "
            "beside VALUES (0)");
    for (size_t i = 0; i < runs; i++) {
        int64_t begin_ns = clock_monotonic_ns();
        book(ledger, "a job");
        int64_t booked_ns = clock_monotonic_ns();
        for (int k = 0; k < 2; k++)
            sql(db, "BEGIN IMMEDIATE; UPDATE beside SET n = n + 1; COMMIT");
        commits[i] = (double)(clock_monotonic_ns() - booked_ns) / 1e6;
        ours[i] = (double)(booked_ns - begin_ns) / 1e6;
    }
    printf("%.4f %.4f\n", median_ms(ours, runs), median_ms(commits, runs));
    sql(db, "DROP TABLE beside");
    sqlite3_close(db);
    free(ours);
    free(commits);
}

int main(int argc, char **argv)
{
    struct ledger *ledger = NULL;
    struct wt_error err;
    if (argc != 4)
        fail("usage: bench_ledger fill|book FILE RUNS");
    if (ledger_open(argv[2], 0, &ledger, &err))
        fail(err.text);
    if (strcmp(argv[1], "fill") == 0) {
        book(ledger, "a job");
        ledger = ledger_close(ledger);
        fill(argv[2], atol(argv[3]));
    } else {
        compare(argv[2], ledger, (size_t)atol(argv[3]));
    }
    ledger_close(ledger);
    return 0;
}
