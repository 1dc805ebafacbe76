/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulations and trade-offs as tables.
 */
#include "show/text/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "show/text/table.h"

#define HEADINGS(...) ((const char *const[]){__VA_ARGS__})

static void put_job(struct buffer *out, const struct wt_study *study, bool colour)
{
    buffer_print(out, "%s", paint(colour, 'b'));
    text_escape(out, study->job);
    buffer_print(out, "%s, target ", paint(colour, '0'));
    if (study->target_words[0])
        text_escape(out, study->target_words);
    else
        buffer_print(out, "%g", study->target);
    buffer_print(out, ", eta %g", study->eta);
    if (study->gpu_model[0]) {
        buffer_print(out, ", on %u x ", study->gpu_count);
        text_escape(out, study->gpu_model);
    }
}

static void put_simulation(struct buffer *out, const struct wt_study *study, bool colour)
{
    put_job(out, study, colour);
    buffer_print(out, ", at most %u epochs; policy %s, beta %g, %u recurrences", study->max_epochs,
                 study->policy, study->beta, study->recurrences);
}

static void put_batch_size(struct table *table, uint32_t size)
{
    if (size)
        table_put(table, "%u", size);
    else
        table_put(table, "unknown");
}

static void put_values(struct table *table, double energy_j, double time_s, double cost_j)
{
    char text[UNIT_SIZE];
    table_put(table, "%s", unit_energy(text, energy_j));
    table_put(table, "%s", unit_time(text, time_s));
    table_put(table, "%s", unit_energy(text, cost_j));
}

/* --- Simulations --- */

static const char *outcome(const struct wt_study *study, const struct wt_simulated_try *t)
{
    return t->reached                       ? "target reached"
           : !t->ran                        ? "not started: an epoch costs too much"
           : t->epochs == study->max_epochs ? "target missed"
                                            : "stopped early";
}

static void put_tries(struct buffer *out, const struct wt_study *study,
                      const struct wt_simulated_try tries[], size_t count, bool colour)
{
    struct table table = {.columns = "rrrrrrrrll"};
    char text[UNIT_SIZE];
    table_heading(&table, HEADINGS("RECURRENCE", "TRY", "BATCH", "LIMIT", "EPOCHS", "ENERGY",
                                   "TIME", "COST", "OUTCOME", ""));
    unsigned try_number = 0;
    for (size_t i = 0; i < count; i++) {
        const struct wt_simulated_try *t = &tries[i];
        try_number = i && t->recurrence == tries[i - 1].recurrence ? try_number + 1 : 1;
        table_put(&table, "%u", t->recurrence);
        table_put(&table, "%u", try_number);
        put_batch_size(&table, t->batch_size);
        table_put(&table, "%s", unit_limit(text, t->limit_mw));
        table_put(&table, "%u", t->epochs);
        put_values(&table, t->energy_j, t->time_s, t->cost_j);
        table_put(&table, "%s", outcome(study, t));
        table_put(&table, "%s", t->profiled ? "profiled" : "");
    }
    table_print(&table, out, "", colour);
}

/* Of the default's, where that is known. */
static void put_fractions(struct table *table, double energy, double time)
{
    char text[UNIT_SIZE];
    table_put(table, "%s", unit_percent(text, energy));
    table_put(table, "%s", unit_percent(text, time));
}

static void put_point(struct table *table, const struct wt_study *study, const char *name,
                      const struct wt_point *point)
{
    char text[UNIT_SIZE];
    bool known = point->batch_size > 0;
    table_put(table, "%s", name);
    put_batch_size(table, point->batch_size);
    table_put(table, "%s", unit_limit(text, point->limit_mw));
    double energy_j = known ? point->energy_j : (double)NAN,
           time_s = known ? point->time_s : (double)NAN;
    put_values(table, energy_j, time_s, known ? point->cost_j : (double)NAN);
    bool compared = study->standard.batch_size > 0;
    put_fractions(table, compared ? energy_j / study->standard.energy_j : (double)NAN,
                  compared ? time_s / study->standard.time_s : (double)NAN);
}

/* The cost of a mean is the mean of the costs; of deviations there is no such rule, and none is
 * shown. */
static void put_last5(struct table *table, const char *name, const struct wt_simulation *result,
                      const char *cost)
{
    char text[UNIT_SIZE];
    table_put(table, "%s", name);
    table_put(table, "%s", "");
    table_put(table, "%s", "");
    table_put(table, "%s", unit_energy(text, result->last5_energy_j));
    table_put(table, "%s", unit_time(text, result->last5_time_s));
    table_put(table, "%s", cost);
    put_fractions(table, result->last5_energy_fraction, result->last5_time_fraction);
}

/* Default and optimum by expectation, and the end of the simulation. */
static void put_comparison(struct buffer *out, const struct wt_study *study,
                           const struct wt_simulation *result, const struct wt_simulation *sd,
                           bool colour)
{
    struct table table = {.columns = "lrrrrrrr"};
    table_heading(&table, HEADINGS("", "BATCH", "LIMIT", "ENERGY", "TIME", "COST", "ENERGY/DEFAULT",
                                   "TIME/DEFAULT"));
    put_point(&table, study, "default", &study->standard);
    put_point(&table, study, "optimum", &study->optimum);
    char cost[UNIT_SIZE];
    unit_energy(cost, study->eta * result->last5_energy_j +
                          (1 - study->eta) * study->max_power_w * result->last5_time_s);
    put_last5(&table, study->recurrences < 5 ? "all recurrences" : "last 5 recurrences", result,
              cost);
    if (sd)
        put_last5(&table, "  standard deviation", sd, "");
    table_print(&table, out, "", colour);
}

static void put_totals(struct buffer *out, const struct wt_simulation *result)
{
    char energy[UNIT_SIZE], time[UNIT_SIZE], cost[UNIT_SIZE], regret[UNIT_SIZE];
    buffer_print(out, "All recurrences: energy %s, time %s, cost %s, regret %s",
                 unit_energy(energy, result->energy_j), unit_time(time, result->time_s),
                 unit_energy(cost, result->cost_j), unit_energy(regret, result->regret_j));
}

void view_simulated_fleet(struct buffer *out, const struct wt_simulated_fleet *fleet,
                          const char *ledger_path)
{
    char first[UNIT_SIZE], last[UNIT_SIZE], energy[UNIT_SIZE], hours[UNIT_SIZE];
    buffer_print(out, "A simulated fleet of %u GPU%s and %u user%s (seed %llu): %llu run%s",
                 fleet->gpus, fleet->gpus == 1 ? "" : "s", fleet->users,
                 fleet->users == 1 ? "" : "s", (unsigned long long)fleet->seed,
                 (unsigned long long)fleet->runs, fleet->runs == 1 ? "" : "s");
    if (fleet->runs)
        buffer_print(out, " from %s to %s", unit_wall(first, fleet->first_ms),
                     unit_wall(last, fleet->last_ms));
    buffer_print(out, ", %s GPU hours, %s.\nLook at them with `wattune fleet --ledger ",
                 unit_count(hours, fleet->gpu_hours), unit_watt_hours(energy, fleet->energy_j));
    text_escape(out, ledger_path);
    buffer_print(out, "`, or with report, jobs, show and explain.\n");
}

void view_simulation(struct buffer *out, const struct wt_study *study,
                     const struct wt_simulation *result, const struct wt_simulated_try tries[],
                     size_t count, bool colour)
{
    put_simulation(out, study, colour);
    buffer_print(out, ", seed %llu\n\n", (unsigned long long)result->seed);
    put_tries(out, study, tries, count, colour);
    buffer_print(out, "\n");
    put_comparison(out, study, result, NULL, colour);
    put_totals(out, result);
    buffer_print(out, ".\n");
}

void view_seeds(struct buffer *out, const struct wt_study *study, const struct wt_simulation *mean,
                const struct wt_simulation *sd, uint64_t first, size_t count, bool colour)
{
    char regret[UNIT_SIZE];
    put_simulation(out, study, colour);
    buffer_print(out, ", means over seeds %llu to %llu\n\n", (unsigned long long)first,
                 (unsigned long long)(first + count - 1));
    put_comparison(out, study, mean, sd, colour);
    put_totals(out, mean);
    buffer_print(out, " +- %s (standard deviation).\n", unit_energy(regret, sd->regret_j));
}

/* --- The trade-off --- */

static int front_first(const void *a, const void *b)
{
    const struct wt_point *x = a, *y = b;
    if (x->on_front != y->on_front)
        return x->on_front ? -1 : 1;
    return (x->time_s > y->time_s) - (x->time_s < y->time_s);
}

static bool same_choice(const struct wt_point *a, const struct wt_point *b)
{
    return a->batch_size == b->batch_size && a->limit_mw == b->limit_mw;
}

static void put_left_out(struct buffer *out, const struct wt_study *study)
{
    for (unsigned i = 0; i < study->left_count; i++) {
        const struct wt_left_out *left = &study->left_out[i];
        buffer_print(out, "%s%u (", i ? ", " : "Left out: ", (unsigned)left->batch_size);
        switch (left->why) {
        case WT_LEFT_MISSED:
            buffer_print(out, "%u of %u runs reached the target", left->reached, left->runs);
            break;
        case WT_LEFT_NO_RUN:
            buffer_print(out, "no run of it counts");
            break;
        case WT_LEFT_NO_PROFILE:
            buffer_print(out, "no profile on these GPUs");
            break;
        case WT_LEFT_NO_STEPS:
            buffer_print(out, "nobody counted the steps of its epochs");
            break;
        case WT_LEFT_NOT:
            break;
        }
        buffer_print(out, ")%s", i + 1 == study->left_count ? ".\n" : "");
    }
}

void view_pareto(struct buffer *out, const struct wt_study *study, const struct wt_point points[],
                 size_t count, bool colour)
{
    put_job(out, study, colour);
    buffer_print(out, "\n\n");
    struct wt_point *sorted = malloc(count ? count * sizeof *sorted : 1);
    if (!sorted) {
        out->failed = true;
        return;
    }
    if (count)
        memcpy(sorted, points, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, front_first);
    struct table table = {.columns = "rrrrrrll"};
    char text[UNIT_SIZE];
    table_heading(&table,
                  HEADINGS("BATCH", "LIMIT", "EPOCHS", "TIME", "ENERGY", "COST", "FRONT", ""));
    for (size_t i = 0; i < count; i++) {
        const struct wt_point *p = &sorted[i];
        put_batch_size(&table, p->batch_size);
        table_put(&table, "%s", unit_limit(text, p->limit_mw));
        table_put(&table, "%.4g", p->epochs);
        table_put(&table, "%s", unit_time(text, p->time_s));
        table_put(&table, "%s", unit_energy(text, p->energy_j));
        table_put(&table, "%s", unit_energy(text, p->cost_j));
        table_put(&table, "%s", p->on_front ? "yes" : "");
        table_put(&table, "%s",
                  same_choice(p, &study->optimum)    ? "<- optimum"
                  : same_choice(p, &study->standard) ? "<- default"
                                                     : "");
    }
    table_print(&table, out, "", colour);
    if (!count)
        buffer_print(out, "No batch size can be compared.\n");
    put_left_out(out, study);
    free(sorted);
}
