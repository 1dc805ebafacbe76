/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/trace.c: two files that somebody downloaded, here one input with a line "=" between them.
 * An accepted trace is in order and can be simulated with every policy; a refusal gives one
 * sentence that names a file.
 */
#include <math.h>
#include <stdbool.h>

#include "fuzz.h"
#include "sim/simulate.h"

static const char *power_file(const char *text, size_t size)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/power", fuzz_folder());
    FILE *file = fopen(path, "we");
    CHECK(file && fwrite(text, 1, size, file) == size);
    CHECK(fclose(file) == 0);
    return path;
}

static void in_order(const struct sim_trace *trace)
{
    unsigned runs = 0;
    CHECK(trace->size_count <= WT_MAX_BATCH_SIZES && trace->limit_count >= 1 &&
          trace->limit_count <= WT_MAX_LIMITS);
    for (unsigned i = 0; i < trace->limit_count; i++)
        CHECK(trace->limits_mw[i] <= (i ? trace->limits_mw[i - 1] - 1 : trace->limit_most_mw));
    for (unsigned i = 0; i < trace->size_count; i++) {
        const struct sim_size *size = &trace->sizes[i];
        CHECK(size->batch_size > (i ? trace->sizes[i - 1].batch_size : 0));
        CHECK(size->point_count >= 1 && size->point_count <= trace->limit_count);
        for (unsigned k = 0; k < size->point_count; k++) {
            CHECK(size->points[k].epoch_time_s > 0 && size->points[k].epoch_energy_j > 0);
            CHECK(k == 0 || size->points[k].limit_mw < size->points[k - 1].limit_mw);
        }
        for (unsigned k = 0; k < size->run_count; k++)
            CHECK(size->run_epochs[k] <= 1000000);
        runs += size->run_count;
    }
    CHECK(runs >= 1);
}

static void simulate(const struct sim *sim)
{
    struct sim_history history = {0};
    struct wt_simulation result;
    struct wt_error err = {0};
    int rc = sim_run(sim, 1, &history, NULL, &result, &err);
    CHECK(rc == 0 || (rc == WT_E_NO_DATA && err.text[0]));
    double energy_j = 0;
    for (size_t i = 0; i < history.count; i++) {
        const struct wt_simulated_try *t = &history.tries[i];
        CHECK(isfinite(t->energy_j) && isfinite(t->time_s) && t->energy_j >= 0 && t->time_s >= 0);
        CHECK(t->epochs <= sim->options.max_epochs && t->ran == (t->epochs > 0));
        energy_j += t->energy_j;
    }
    CHECK(rc || fabs(energy_j - result.energy_j) <= 1e-9 * energy_j);
    free(history.tries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim sim;
    const uint8_t *cut = size ? memmem(data, size, "\n=\n", 3) : NULL;
    size_t first = cut ? (size_t)(cut - data) + 1 : size;
    const char *training = fuzz_file(data, first);
    const char *power =
        cut ? power_file((const char *)cut + 3, size - first - 2) : power_file("", 0);
    struct sim_trace trace;
    struct wt_error err = {0};
    int rc = sim_trace_read(&trace, training, power, "d/n/o", 0.5, &err);
    if (rc) {
        CHECK((rc == WT_E_PARSE || rc == WT_E_RANGE || rc == WT_E_INVALID) && rc == err.code);
        CHECK(strstr(err.text, fuzz_folder()) && !strpbrk(err.text, "\n\r\x1b"));
    } else {
        in_order(&trace);
        static const char *const policies[] = {"zeus", "default", "grid", "oracle"};
        for (unsigned i = 0; i < 4; i++) {
            struct sim_options options = {.policy = policies[i],
                                          .eta = 0.5,
                                          .beta = 2,
                                          .max_epochs = 50,
                                          .recurrences = 30,
                                          .default_size =
                                              trace.sizes[trace.size_count / 2].batch_size};
            CHECK(sim_init(&sim, &trace, &options, &err) == 0);
            simulate(&sim);
        }
    }
    sim_trace_free(&trace);
    return 0;
}
