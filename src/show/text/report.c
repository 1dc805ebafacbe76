/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports as text and CSV. A line under the table names the runs that a sum lacks: unknown is not
 * 0.
 */
#include "base/units.h"
#include "show/text/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "show/text/fields.h"
#include "show/text/report.h"
#include "show/text/table.h"

const char *const view_report_keys[WT_REPORT_KEYS] = {
    [WT_BY_JOB] = "job",         [WT_BY_PHASE] = "phase", [WT_BY_USER] = "user",
    [WT_BY_PROJECT] = "project", [WT_BY_GPU] = "gpu",     [WT_BY_NODE] = "node",
    [WT_BY_DAY] = "day"};

double report_measured_j(const struct wt_report_row *row)
{
    return sum_known(sum_known(row->gpu_j, row->cpu_j), row->dram_j);
}

double report_total_g(const struct wt_report_row *row)
{
    return row->operational_g + row->embodied_g;
}

void report_add(struct wt_report_row *sum, const struct wt_report_row *row)
{
    static const size_t values[] = {offsetof(struct wt_report_row, gpu_hours),
                                    offsetof(struct wt_report_row, busy_gpu_hours),
                                    offsetof(struct wt_report_row, gpu_j),
                                    offsetof(struct wt_report_row, cpu_j),
                                    offsetof(struct wt_report_row, dram_j),
                                    offsetof(struct wt_report_row, facility_j),
                                    offsetof(struct wt_report_row, operational_g),
                                    offsetof(struct wt_report_row, market_g),
                                    offsetof(struct wt_report_row, embodied_g),
                                    offsetof(struct wt_report_row, embodied_useful_g),
                                    offsetof(struct wt_report_row, saved_j),
                                    offsetof(struct wt_report_row, saved_error_j),
                                    offsetof(struct wt_report_row, saved_g)};
    static const size_t counts[] = {offsetof(struct wt_report_row, runs),
                                    offsetof(struct wt_report_row, unended),
                                    offsetof(struct wt_report_row, gpu_unknown),
                                    offsetof(struct wt_report_row, cpu_unknown),
                                    offsetof(struct wt_report_row, dram_unknown),
                                    offsetof(struct wt_report_row, operational_unknown),
                                    offsetof(struct wt_report_row, market_unknown),
                                    offsetof(struct wt_report_row, embodied_unknown),
                                    offsetof(struct wt_report_row, saved_runs)};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        double *to = (double *)((char *)sum + values[i]);
        *to = sum_known(*to, *(const double *)((const char *)row + values[i]));
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *(uint64_t *)((char *)sum + counts[i]) +=
            *(const uint64_t *)((const char *)row + counts[i]);
}

static void put_row(struct table *table, const struct wt_report_row *row)
{
    char text[UNIT_SIZE], error[UNIT_SIZE];
    table_put(table, "%llu", (unsigned long long)row->runs);
    table_put(table, "%s", unit_count(text, row->gpu_hours));
    table_put(table, "%s", unit_percent(text, row->busy_gpu_hours / row->gpu_hours));
    table_put(table, "%s", unit_watt_hours(text, report_measured_j(row)));
    table_put(table, "%s", unit_watt_hours(text, row->facility_j));
    table_put(table, "%s", unit_grams(text, row->operational_g));
    table_put(table, "%s", unit_grams(text, row->embodied_g));
    table_put(table, "%s", unit_grams(text, report_total_g(row)));
    if (isfinite(row->saved_j))
        table_put(table, "%s +- %s", unit_watt_hours(text, row->saved_j),
                  unit_watt_hours(error, row->saved_error_j));
    else
        table_put(table, "unknown");
}

void report_say_keys(struct buffer *out, const enum wt_report_key keys[], unsigned key_count)
{
    for (unsigned i = 0; i < key_count; i++)
        buffer_print(out, "%s%s",
                     i == 0              ? " by "
                     : i + 1 < key_count ? ", "
                                         : " and ",
                     keys[i] == WT_BY_GPU ? "GPU" : view_report_keys[keys[i]]);
}

unsigned report_gaps(const struct wt_report_row *row, struct report_gap gaps[REPORT_GAPS])
{
    const struct report_gap all[REPORT_GAPS] = {
        {"end", row->unended, true},
        {"GPU energy", row->gpu_unknown, false},
        {"CPU energy", row->cpu_unknown, false},
        {"DRAM energy", row->dram_unknown, false},
        {"operational carbon", row->operational_unknown, false},
        {"embodied carbon", row->embodied_unknown, false},
    };
    unsigned count = 0;
    for (unsigned i = 0; i < REPORT_GAPS; i++)
        if (all[i].runs)
            gaps[count++] = all[i];
    return count;
}

void report_say_gap(struct buffer *out, const struct report_gap *gap,
                    const struct wt_report_row *row)
{
    unsigned long long runs = gap->runs, all = row->runs;
    if (gap->no_end)
        buffer_print(out, "%llu of %llu runs have no end (still running or killed)", runs, all);
    else
        buffer_print(out, "%s is unknown for %llu of %llu runs", gap->what, runs, all);
    buffer_print(out, "; the sums leave %s out", gap->no_end ? "them" : "it");
}

const char *report_energy_source(const char *word)
{
    static const char *const words[][2] = {{"counter", "hardware counters"},
                                           {"integrated", "power, integrated over time"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(word, words[i][0]))
            return words[i][1];
    return word;
}

void report_say_runs(struct buffer *out, uint64_t runs)
{
    buffer_print(out, "%llu run%s", (unsigned long long)runs, runs == 1 ? "" : "s");
}

void report_say_gpus(struct buffer *out, const struct wt_report_row *row)
{
    if (row->gpus_most > row->gpus_least)
        buffer_print(out, "%.0f to %.0f GPUs", row->gpus_least, row->gpus_most);
    else
        buffer_print(out, "%.0f GPU%s", row->gpus_least, row->gpus_least == 1 ? "" : "s");
}

void report_say_range(struct buffer *out, double least, double most)
{
    char from[UNIT_SIZE], to[UNIT_SIZE];
    snprintf(from, sizeof from, "%.5g", least);
    snprintf(to, sizeof to, "%.5g", most);
    buffer_print(out, "%s%s%s", from, strcmp(from, to) ? " to " : "", strcmp(from, to) ? to : "");
}

void report_say_sources(struct buffer *out, const struct view_report_page *page, enum wt_basis kind,
                        bool counts)
{
    enum { MOST = 5 }; /* a provider's answers are as many sources as hours */
    static const char *const units[WT_BASES] = {[WT_BASIS_ENERGY] = "",
                                                [WT_BASIS_PUE] = "",
                                                [WT_BASIS_INTENSITY] = " g CO2e/kWh",
                                                [WT_BASIS_EMBODIED] = " years of lifetime"};
    size_t all = 0, count = 0;
    for (size_t i = 0; i < page->basis_count; i++)
        all += page->basis[i].kind == kind;
    for (size_t i = 0; i < page->basis_count; i++) {
        const struct wt_report_basis *basis = &page->basis[i];
        if (basis->kind != kind || count++ >= MOST)
            continue;
        buffer_print(out, "%s", count > 1 ? "; " : "");
        if (isfinite(basis->least)) {
            report_say_range(out, basis->least, basis->most);
            buffer_print(out, "%s, ", units[kind]);
        }
        text_escape(out, !basis->source[0]         ? "source unknown"
                         : kind == WT_BASIS_ENERGY ? report_energy_source(basis->source)
                                                   : basis->source);
        if (!counts && all == 1)
            continue;
        buffer_print(out, " (");
        report_say_runs(out, basis->runs);
        buffer_print(out, ")");
    }
    if (!all)
        buffer_print(out, "unknown");
    if (all > MOST)
        buffer_print(out, "; and %zu more sources", all - MOST);
}

static void say_what_is_missing(struct buffer *out, const struct wt_report_row *total)
{
    char grams[UNIT_SIZE];
    struct report_gap gaps[REPORT_GAPS];
    unsigned count = report_gaps(total, gaps);
    for (unsigned i = 0; i < count; i++) {
        report_say_gap(out, &gaps[i], total);
        buffer_print(out, "\n");
    }
    if (isfinite(total->market_g))
        buffer_print(out, "market-based, by contract: %s operational\n",
                     unit_grams(grams, total->market_g));
    if (isfinite(total->embodied_useful_g))
        buffer_print(out,
                     "embodied, divided by the fleet's utilisation: %s (an alternative to the "
                     "figure above, not part of it)\n",
                     unit_grams(grams, total->embodied_useful_g));
}

void view_report(struct buffer *out, const enum wt_report_key keys[], unsigned key_count,
                 const struct wt_report_row rows[], size_t count, const struct wt_report_row *total,
                 bool colour)
{
    static const char *const sums[] = {"RUNS",        "GPU HOURS", "BUSY", "ENERGY", "FACILITY",
                                       "OPERATIONAL", "EMBODIED",  "CO2E", "SAVED"};
    static const char *const names[WT_REPORT_KEYS] = {"JOB", "PHASE", "USER", "PROJECT",
                                                      "GPU", "NODE",  "DAY"};
    const size_t sum_count = sizeof sums / sizeof sums[0];
    char columns[WT_REPORT_KEYS + 16] = "";
    if (!total->runs) {
        buffer_print(out, "no runs in the ledger match\n");
        return;
    }
    unsigned lead = key_count ? key_count : 1;
    for (unsigned i = 0; i < lead; i++)
        columns[i] = 'l';
    for (size_t i = 0; i < sum_count; i++)
        columns[lead + i] = 'r';
    struct table table = {.columns = columns};
    for (unsigned i = 0; i < key_count; i++)
        table_put(&table, "%s", names[keys[i]]);
    if (!key_count)
        table_put(&table, "%s", "");
    for (size_t i = 0; i < sum_count; i++)
        table_put(&table, "%s", sums[i]);
    for (size_t k = 0; key_count && k < count; k++) {
        for (unsigned i = 0; i < key_count; i++)
            table_put_name(&table, rows[k].keys[i]);
        put_row(&table, &rows[k]);
    }
    table_put(&table, "all");
    for (unsigned i = 1; i < lead; i++)
        table_put(&table, "%s", "");
    put_row(&table, total);
    table_print(&table, out, "", colour);
    say_what_is_missing(out, total);
}

void view_report_csv(struct buffer *out, const enum wt_report_key keys[], unsigned key_count,
                     const struct wt_report_row rows[], size_t count)
{
    static const struct wt_report_row none;
    struct field sums[FIELDS_SUMS];
    struct buffer line = {0};
    fields_of_sums(&none, sums);
    for (unsigned i = 0; i < key_count; i++)
        buffer_print(out, "%s,", view_report_keys[keys[i]]);
    buffer_print(out, "runs");
    fields_csv_heading(out, sums, FIELDS_SUMS);
    buffer_print(out, "\n");
    for (size_t k = 0; k < count; k++) {
        const struct wt_report_row *row = &rows[k];
        for (unsigned i = 0; i < key_count; i++)
            csv_put_name(&line, row->keys[i]);
        buffer_print(&line, ",%llu", (unsigned long long)row->runs);
        fields_of_sums(row, sums);
        fields_csv(&line, sums, FIELDS_SUMS);
        buffer_print(out, "%s\n", buffer_text(&line) + 1); /* each field has brought a comma */
        out->failed = out->failed || line.failed;
        buffer_clear(&line);
    }
}
