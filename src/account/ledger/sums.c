/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports: sums over runs, by the keys asked for.
 *
 * A year of a fleet is a million runs.  They are read in the order in which they lie in the file,
 * once.
 */
#include "account/ledger/sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int sums_no_memory(struct wt_error *err)
{
    return error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
}

/* --- The answer --- */

static int by_day_then_energy(const void *a, const void *b, void *ctx)
{
    const struct wt_report_row *left = a, *right = b;
    const struct ledger_report *what = ctx;
    int order = 0;
    for (unsigned i = 0; order == 0 && i < what->key_count; i++)
        if (what->keys[i] == WT_BY_DAY)
            order = strcmp(left->keys[i], right->keys[i]);
    double l = isfinite(left->gpu_j) ? left->gpu_j : -1,
           r = isfinite(right->gpu_j) ? right->gpu_j : -1;
    if (order == 0)
        order = (l < r) - (l > r);
    for (unsigned i = 0; order == 0 && i < what->key_count; i++)
        order = strcmp(left->keys[i], right->keys[i]);
    return order;
}

/* By kind and source; then, when those are counted, by kind and most runs. */
static int by_source(const void *a, const void *b)
{
    const struct wt_report_basis *left = a, *right = b;
    return left->kind != right->kind ? (left->kind > right->kind) - (left->kind < right->kind)
                                     : strcmp(left->source, right->source);
}

static int by_runs(const void *a, const void *b)
{
    const struct wt_report_basis *left = a, *right = b;
    int runs = (left->runs < right->runs) - (left->runs > right->runs);
    return left->kind == right->kind && runs ? runs : by_source(a, b);
}

static void put_basis(struct wt_report_basis rows[], size_t *count, enum wt_basis kind,
                      const char *source, const struct tally *tally)
{
    if (tally->runs)
        rows[(*count)++] = (struct wt_report_basis){kind, source ? source : "", tally->runs,
                                                    tally->least, tally->most};
}

/* All of a kind and source as one; NULL when there is no memory. */
static struct wt_report_basis *make_basis(const struct sums *sums, size_t *count)
{
    const struct factor *factors = sums->factors.items;
    struct wt_report_basis *rows =
        calloc((size_t)sums->factors.count * 3 + WT_SOURCE_REPLAYED + 1, sizeof *rows);
    size_t all = 0, kept = 0;
    if (!rows)
        return NULL;
    for (unsigned i = 0; i <= WT_SOURCE_REPLAYED; i++)
        put_basis(rows, &all, WT_BASIS_ENERGY, ledger_sources[i], &sums->sources[i]);
    for (int64_t i = 0; i < sums->factors.count; i++) {
        put_basis(rows, &all, WT_BASIS_PUE, factors[i].pue_source, &factors[i].of_pue);
        put_basis(rows, &all, WT_BASIS_INTENSITY, factors[i].intensity_source,
                  &factors[i].of_intensity);
        put_basis(rows, &all, WT_BASIS_EMBODIED, factors[i].embodied_source,
                  &factors[i].of_embodied);
    }
    qsort(rows, all, sizeof *rows, by_source);
    for (size_t i = 0; i < all; i++) {
        if (!kept || by_source(&rows[kept - 1], &rows[i]) != 0) {
            rows[kept++] = rows[i];
            continue;
        }
        rows[kept - 1].runs += rows[i].runs;
        rows[kept - 1].least = fmin(rows[kept - 1].least, rows[i].least);
        rows[kept - 1].most = fmax(rows[kept - 1].most, rows[i].most);
    }
    qsort(rows, kept, sizeof *rows, by_runs);
    *count = kept;
    return rows;
}

static int hand_over(struct sums *sums, const struct grouping *by, struct ledger_report_rows *out)
{
    struct wt_report_row *rows = calloc(by->count ? by->count : 1, sizeof *rows);
    if (!rows)
        return sums_no_memory(sums->err);
    for (size_t i = 0; i < by->count; i++)
        rows[i] = by->groups[i].row;
    if (by->count)
        qsort_r(rows, by->count, sizeof *rows, by_day_then_energy, (void *)by->what);
    *out = (struct ledger_report_rows){.rows = rows, .count = by->count, .total = sums->total.row};
    return 0;
}

/* The first of the answers owns the texts that all of them point to. */
static int hand_over_all(struct sums *sums, struct ledger_report_rows out[])
{
    size_t basis_count = 0;
    struct wt_report_basis *basis = make_basis(sums, &basis_count);
    struct names *names = calloc(1, sizeof *names);
    int rc = !basis || !names ? sums_no_memory(sums->err) : 0;
    for (unsigned i = 0; rc == 0 && i < sums->grouping_count; i++)
        rc = hand_over(sums, &sums->groupings[i], &out[i]);
    if (rc) {
        free(basis);
        free(names);
        for (unsigned i = 0; i < sums->grouping_count; i++)
            ledger_report_clear(&out[i]);
        return rc;
    }
    *names = sums->names;
    sums->names = (struct names){0};
    out[0].basis = basis;
    out[0].basis_count = basis_count;
    out[0].names = names;
    return 0;
}

static void clear(struct sums *sums)
{
    for (unsigned i = 0; sums->groupings && i < sums->grouping_count; i++) {
        free(sums->groupings[i].groups);
        free(sums->groupings[i].table);
    }
    free(sums->groupings);
    names_clear(&sums->names);
    free(sums->places.items);
    free(sums->jobs.items);
    free(sums->factors.items);
    free(sums->devices.items);
}

static int make_reports(struct ledger *ledger, const struct ledger_report what[], unsigned count,
                        const struct ledger_runs *only, struct ledger_report_rows out[],
                        struct wt_error *err)
{
    struct sums report = {.ledger = ledger,
                          .only = only,
                          .groupings = calloc(count, sizeof *report.groupings),
                          .grouping_count = count,
                          .from_ms = what[0].from_ms,
                          .to_ms = what[0].to_ms,
                          .err = err,
                          .by_hour = what[0].from_ms != INT64_MIN || what[0].to_ms != INT64_MAX};
    if (!report.groupings)
        return sums_no_memory(err);
    for (unsigned i = 0; i < count; i++) {
        out[i] = (struct ledger_report_rows){0};
        report.groupings[i].what = &what[i];
        for (unsigned k = 0; k < what[i].key_count; k++)
            report.by_hour |= what[i].keys[k] == WT_BY_DAY && !what[i].whole_runs;
    }
    sums_begin_group(&report.total);
    int rc = ledger ? ledger_begin(ledger, false, err) : 0;
    if (rc == 0 && ledger)
        rc = ledger_finish(ledger, sums_read(&report), err);
    if (rc == 0)
        rc = hand_over_all(&report, out);
    clear(&report);
    return rc;
}

int ledger_reports(struct ledger *ledger, const struct ledger_report what[], unsigned count,
                   struct ledger_report_rows out[], struct wt_error *err)
{
    return make_reports(ledger, what, count, NULL, out, err);
}

int ledger_report(struct ledger *ledger, const struct ledger_report *what,
                  struct ledger_report_rows *out, struct wt_error *err)
{
    return ledger_reports(ledger, what, 1, out, err);
}

int ledger_report_runs(struct ledger *ledger, const struct ledger_runs *runs,
                       const enum wt_report_key keys[], unsigned key_count,
                       struct ledger_report_rows *out, struct wt_error *err)
{
    struct ledger_report what = {.key_count = key_count, .from_ms = INT64_MIN, .to_ms = INT64_MAX};
    memcpy(what.keys, keys, key_count * sizeof keys[0]);
    return make_reports(ledger, &what, 1, runs, out, err);
}

void ledger_report_clear(struct ledger_report_rows *rows)
{
    if (rows->names)
        names_clear(rows->names);
    free(rows->names);
    free(rows->basis);
    free(rows->rows);
    *rows = (struct ledger_report_rows){0};
}
