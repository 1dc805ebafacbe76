/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports: sums over runs, by what is asked for.  What is unknown of a run is left out of a sum and
 * counted, so that a page can say what it does not know.
 *
 * A year of a fleet is a million runs.  They are read in the order in which they lie in the file,
 * once, and summed up here by pointers to interned names: a GROUP BY over names would sort them
 * all.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/columns.h"
#include "account/ledger/names.h"
#include "base/clock.h"

static const int64_t HOUR_MS = 3600 * 1000;
enum { DAY_HOURS = 24 };

/* What one of the ledger's numbers (of a place, a job, a device) stands for. */
struct lookup {
    void *items;
    int64_t count;
};

struct place {
    const char *keys[WT_REPORT_KEYS]; /* those that are about places */
    double gpu_count;
};

/* How many runs rest on something, and the range of its figure. */
struct tally {
    uint64_t runs;
    int64_t last; /* the trial that was counted last: a run counts once */
    double least, most;
};

struct factor {
    double pue, lifetime_years;
    const char *intensity_source, *embodied_source, *pue_source;
    struct tally of_pue, of_intensity, of_embodied;
};

/* A run, or an hour of one. */
struct slice {
    int64_t trial_id, place_id, job_id, factor_id, started_ms, hour;
    bool ended;
    double time_s, busy_s, gpu_j, cpu_j, dram_j, intensity_g_per_kwh, operational_g, market_g,
        embodied_g, embodied_useful_g, energy_fraction, energy_fraction_error;
    double gpu_error_j;     /* NaN for an hour: it is known of whole runs */
    double length_s, share; /* of the run that it is */
    double pue, gpu_count;
    enum wt_source source; /* of the energy */
};

/* A run counts once in a group, though several of its hours lie there: the trial that a counter
 * counted last. */
enum counter {
    RUNS,
    UNENDED,
    NO_GPU,
    NO_CPU,
    NO_DRAM,
    NO_OPERATIONAL,
    NO_MARKET,
    NO_EMBODIED,
    SAVED,
    COMPLETE,
    COUNTERS
};

struct group {
    struct wt_report_row row;
    int64_t last[COUNTERS];
};

/* The groups of one of the reports that are made at once. */
struct grouping {
    const struct ledger_report *what;
    struct group *groups;
    size_t count, capacity;
    size_t *table, table_size; /* hash table of group numbers + 1 */
};

struct report {
    struct ledger *ledger;
    struct grouping *groupings;
    unsigned grouping_count;
    int64_t from_ms, to_ms;
    const struct ledger_runs *only; /* whole runs, and these only; NULL: what the groupings say */
    struct names names;
    struct lookup places, jobs, factors, devices; /* factor 0: none booked */
    struct tally sources[WT_SOURCE_REPLAYED + 1];
    struct group total;
    int64_t day; /* of day_name */
    const char *day_name;
    bool by_hour;
    struct wt_error *err;
};

static int no_memory(struct wt_error *err)
{
    return error_set(err, WT_E_NO_MEMORY, "read the ledger: out of memory");
}

/* --- Lookups --- */

/* Room for the item of that number, zeroed; NULL when there is no memory or the number is not one
 * of ours. */
static void *item_of(struct lookup *lookup, int64_t id, size_t size)
{
    enum { IDS_MOST = 1 << 28 };
    if (id < 0 || id > IDS_MOST)
        return NULL;
    if (id >= lookup->count) {
        int64_t count = 2 * id + 16;
        char *items = realloc(lookup->items, (size_t)count * size);
        if (!items)
            return NULL;
        memset(items + (size_t)lookup->count * size, 0, (size_t)(count - lookup->count) * size);
        lookup->items = items;
        lookup->count = count;
    }
    return (char *)lookup->items + (size_t)id * size;
}

/* The item of a number that was read; NULL: there is none. */
static void *found(const struct lookup *lookup, int64_t id, size_t size)
{
    return id < 0 || id >= lookup->count ? NULL : (char *)lookup->items + (size_t)id * size;
}

static const char *name_column(struct report *report, struct query *query)
{
    char text[4 * WT_NAME_LEN];
    query_text(query, text, sizeof text);
    return names_intern(&report->names, text);
}

static int read_places(struct report *report)
{
    static const enum wt_report_key order[] = {WT_BY_PHASE, WT_BY_PROJECT, WT_BY_USER, WT_BY_NODE,
                                               WT_BY_GPU};
    struct query *query = ledger_query(report->ledger, SQL_REPORT_PLACES);
    int rc;
    while ((rc = query_step(query, report->err)) > 0) {
        struct place *place = item_of(&report->places, query_int(query, 0), sizeof *place);
        if (!place)
            return no_memory(report->err);
        for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++)
            if (!(place->keys[order[i]] = name_column(report, query)))
                return no_memory(report->err);
        place->gpu_count = (double)query_int(query, 0);
    }
    return rc;
}

static int read_jobs(struct report *report)
{
    struct query *query = ledger_query(report->ledger, SQL_REPORT_JOBS);
    int rc;
    while ((rc = query_step(query, report->err)) > 0) {
        const char **name = item_of(&report->jobs, query_int(query, 0), sizeof *name);
        if (!name || !(*name = name_column(report, query)))
            return no_memory(report->err);
    }
    return rc;
}

static int read_factors(struct report *report)
{
    struct factor *factor = item_of(&report->factors, 0, sizeof *factor);
    int rc;
    if (!factor)
        return no_memory(report->err);
    factor->pue = factor->lifetime_years = NAN;
    struct query *query = ledger_query(report->ledger, SQL_REPORT_FACTORS);
    while ((rc = query_step(query, report->err)) > 0) {
        factor = item_of(&report->factors, query_int(query, 0), sizeof *factor);
        if (!factor)
            return no_memory(report->err);
        factor->pue = query_real(query);
        factor->intensity_source = name_column(report, query);
        factor->embodied_source = name_column(report, query);
        factor->pue_source = name_column(report, query);
        factor->lifetime_years = query_real(query);
        if (!factor->intensity_source || !factor->embodied_source || !factor->pue_source)
            return no_memory(report->err);
    }
    return rc;
}

static int read_devices(struct report *report)
{
    struct query *query = ledger_query(report->ledger, SQL_REPORT_DEVICES);
    int rc;
    while ((rc = query_step(query, report->err)) > 0) {
        char *kind = item_of(&report->devices, query_int(query, 0), 1);
        char text[8];
        if (!kind)
            return no_memory(report->err);
        query_text(query, text, sizeof text);
        *kind = text[0]; /* g, c, d */
    }
    return rc;
}

/* --- Groups --- */

static const char *day_of(struct report *report, int64_t hour)
{
    int64_t day = hour / DAY_HOURS - (hour % DAY_HOURS < 0);
    char text[32];
    if (!report->day_name || day != report->day) {
        clock_format_wall(day * DAY_HOURS * HOUR_MS, text);
        text[10] = 0; /* 2025-03-01 */
        report->day = day;
        report->day_name = names_intern(&report->names, text);
    }
    return report->day_name;
}

static size_t hash_of(const char *const keys[], unsigned count)
{
    uint64_t hash = 0;
    for (unsigned i = 0; i < count; i++)
        hash = (hash ^ (uint64_t)(uintptr_t)keys[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash ^ hash >> 32);
}

static size_t *slot_of(const struct grouping *by, const char *const keys[])
{
    unsigned count = by->what->key_count;
    size_t i = hash_of(keys, count) & (by->table_size - 1);
    while (by->table[i] &&
           memcmp(by->groups[by->table[i] - 1].row.keys, keys, count * sizeof keys[0]) != 0)
        i = (i + 1) & (by->table_size - 1);
    return &by->table[i];
}

static int make_room(struct grouping *by, struct wt_error *err)
{
    size_t capacity = by->capacity ? 2 * by->capacity : 64;
    struct group *groups = reallocarray(by->groups, capacity, sizeof *groups);
    if (groups)
        by->groups = groups;
    size_t *table = calloc(2 * capacity, sizeof *table);
    if (!groups || !table) {
        free(table);
        return no_memory(err);
    }
    free(by->table);
    by->capacity = capacity;
    by->table = table;
    by->table_size = 2 * capacity;
    for (size_t i = 0; i < by->count; i++)
        *slot_of(by, groups[i].row.keys) = i + 1;
    return 0;
}

static void begin_group(struct group *group)
{
    const double none = NAN;
    *group = (struct group){.row = {.gpu_hours = none,
                                    .busy_gpu_hours = none,
                                    .gpu_j = none,
                                    .cpu_j = none,
                                    .dram_j = none,
                                    .facility_j = none,
                                    .operational_g = none,
                                    .market_g = none,
                                    .embodied_g = none,
                                    .embodied_useful_g = none,
                                    .saved_j = none,
                                    .saved_error_j = none,
                                    .saved_g = none,
                                    .gpus_least = none,
                                    .gpus_most = none,
                                    .gpu_error_j = none}};
}

static int find_group(struct report *report, struct grouping *by, const struct slice *slice,
                      struct group **out)
{
    const struct ledger_report *what = by->what;
    const struct place *place = found(&report->places, slice->place_id, sizeof *place);
    const char *const *job = found(&report->jobs, slice->job_id, sizeof *job);
    const char *keys[WT_REPORT_KEYS] = {0};
    for (unsigned i = 0; i < what->key_count; i++) {
        enum wt_report_key key = what->keys[i];
        const char *name = key == WT_BY_DAY   ? day_of(report, slice->hour)
                           : key == WT_BY_JOB ? job ? *job : NULL
                           : place            ? place->keys[key]
                                              : NULL;
        keys[i] = name || key == WT_BY_DAY
                      ? name
                      : names_intern(&report->names, ""); /* a day is known: NULL is no memory */
        if (!keys[i])
            return no_memory(report->err);
    }
    if (by->count == by->capacity) {
        int rc = make_room(by, report->err);
        if (rc)
            return rc;
    }
    size_t *slot = slot_of(by, keys);
    if (!*slot) {
        struct group *group = &by->groups[by->count++];
        begin_group(group);
        memcpy(group->row.keys, keys, sizeof keys);
        *slot = by->count;
    }
    *out = &by->groups[*slot - 1];
    return 0;
}

/* --- Sums --- */

static void add(double *sum, double value)
{
    if (isfinite(value))
        *sum = isfinite(*sum) ? *sum + value : value;
}

static void count(struct group *group, enum counter counter, uint64_t *number, int64_t trial_id,
                  bool counts)
{
    if (counts && group->last[counter] != trial_id) {
        group->last[counter] = trial_id;
        ++*number;
    }
}

static void add_complete(struct group *group, const struct slice *s, double facility_j)
{
    struct wt_report_row *row = &group->row;
    double gpu_hours = s->length_s * s->gpu_count / 3600, embodied_g = s->embodied_g * s->share;
    bool known = isfinite(gpu_hours) && isfinite(facility_j) && isfinite(s->operational_g) &&
                 isfinite(embodied_g);
    count(group, COMPLETE, &row->complete.runs, s->trial_id, known);
    if (!known)
        return;
    row->complete.gpu_hours += gpu_hours;
    row->complete.facility_j += facility_j;
    row->complete.operational_g += s->operational_g;
    row->complete.embodied_g += embodied_g;
}

static void add_slice(struct group *group, const struct slice *s)
{
    struct wt_report_row *row = &group->row;
    double measured_j = NAN, fraction = s->energy_fraction, saved_j = s->gpu_j * (1 / fraction - 1);
    add(&measured_j, s->gpu_j);
    add(&measured_j, s->cpu_j);
    add(&measured_j, s->dram_j);
    count(group, RUNS, &row->runs, s->trial_id, true);
    count(group, UNENDED, &row->unended, s->trial_id, !s->ended);
    count(group, NO_GPU, &row->gpu_unknown, s->trial_id, isnan(s->gpu_j));
    count(group, NO_CPU, &row->cpu_unknown, s->trial_id, isnan(s->cpu_j));
    count(group, NO_DRAM, &row->dram_unknown, s->trial_id, isnan(s->dram_j));
    count(group, NO_OPERATIONAL, &row->operational_unknown, s->trial_id, isnan(s->operational_g));
    count(group, NO_MARKET, &row->market_unknown, s->trial_id, isnan(s->market_g));
    count(group, NO_EMBODIED, &row->embodied_unknown, s->trial_id, isnan(s->embodied_g));
    count(group, SAVED, &row->saved_runs, s->trial_id, isfinite(saved_j));
    add(&row->gpu_hours, s->length_s * s->gpu_count / 3600);
    add(&row->busy_gpu_hours, s->busy_s / 3600);
    if (isfinite(s->gpu_j)) /* bounds add up, and one that is unknown makes the sum unknown */
        row->gpu_error_j =
            isfinite(row->gpu_j) ? row->gpu_error_j + s->gpu_error_j : s->gpu_error_j;
    add(&row->gpu_j, s->gpu_j);
    add(&row->cpu_j, s->cpu_j);
    add(&row->dram_j, s->dram_j);
    add(&row->facility_j, measured_j * s->pue);
    add_complete(group, s, measured_j * s->pue);
    row->gpus_least = fmin(row->gpus_least, s->gpu_count); /* these pass NaN over */
    row->gpus_most = fmax(row->gpus_most, s->gpu_count);
    add(&row->operational_g, s->operational_g);
    add(&row->market_g, s->market_g * s->share);
    add(&row->embodied_g, s->embodied_g * s->share);
    add(&row->embodied_useful_g, s->embodied_useful_g * s->share);
    add(&row->saved_j, saved_j);
    /* Errors are added: runs of a job share the profile that they come from. */
    add(&row->saved_error_j, s->gpu_j * s->energy_fraction_error / (fraction * fraction));
    add(&row->saved_g, saved_j * s->pue / 3.6e6 * s->intensity_g_per_kwh);
    double end = (double)s->started_ms + s->time_s * 1000;
    int64_t end_ms =
        fabs(end) < 1e15 ? (int64_t)end : s->started_ms; /* no end that has a date: when it began */
    if (!row->first_ms || s->started_ms < row->first_ms)
        row->first_ms = s->started_ms;
    if (!row->last_ms || end_ms > row->last_ms)
        row->last_ms = end_ms;
}

static void rest(struct tally *tally, int64_t trial_id, double known, double figure)
{
    if (!isfinite(known))
        return;
    tally->least = tally->runs ? fmin(tally->least, figure) : figure; /* these pass NaN over */
    tally->most = tally->runs ? fmax(tally->most, figure) : figure;
    if (tally->last != trial_id)
        tally->runs++;
    tally->last = trial_id;
}

static void tell_basis(struct report *report, struct factor *factor, const struct slice *s)
{
    rest(&report->sources[s->source], s->trial_id, s->gpu_j, NAN);
    rest(&factor->of_pue, s->trial_id, factor->pue, factor->pue);
    rest(&factor->of_intensity, s->trial_id, s->operational_g, s->intensity_g_per_kwh);
    rest(&factor->of_embodied, s->trial_id, s->embodied_g, factor->lifetime_years);
}

static int put_slice(struct report *report, struct slice *slice)
{
    const struct place *place = found(&report->places, slice->place_id, sizeof *place);
    struct factor *factor = found(&report->factors, slice->factor_id, sizeof *factor);
    struct group *group = NULL;
    slice->gpu_count = place ? place->gpu_count : (double)NAN;
    if (!factor)
        factor = report->factors.items;
    slice->pue = factor->pue;
    tell_basis(report, factor, slice);
    for (unsigned i = 0; i < report->grouping_count; i++) {
        int rc = find_group(report, &report->groupings[i], slice, &group);
        if (rc)
            return rc;
        add_slice(group, slice);
    }
    add_slice(&report->total, slice);
    return 0;
}

/* --- Rows --- */

/* A whole run. */
static void read_run(struct query *query, struct slice *row)
{
    *row = (struct slice){.trial_id = query_int(query, 0)};
    REPORT_RUN(GET)
    row->hour = row->started_ms / HOUR_MS - (row->started_ms % HOUR_MS < 0);
    row->length_s = row->time_s;
    row->share = 1;
}

static int read_runs(struct report *report, struct query *query)
{
    struct slice slice;
    int rc;
    while ((rc = query_step(query, report->err)) > 0) {
        read_run(query, &slice);
        rc = put_slice(report, &slice);
        if (rc)
            return rc;
    }
    return rc;
}

/* Makes of the whole run the part that lies in the hour, with nothing used yet. */
static void begin_hour(struct slice *s, int64_t hour)
{
    double begin_s = (double)s->started_ms / 1000, from_s = (double)hour * 3600,
           to_s = from_s + 3600;
    s->hour = hour;
    s->length_s = fmax(0, fmin(begin_s + s->time_s, to_s) - fmax(begin_s, from_s));
    s->share = s->time_s > 0 ? s->length_s / s->time_s : (double)NAN;
    s->busy_s = s->gpu_j = s->cpu_j = s->dram_j = s->operational_g = s->gpu_error_j = NAN;
}

struct hour {
    struct slice slice;
    bool is_open, unknown[3]; /* of GPU, CPU, DRAM: a device of the kind is not known */
};

static int end_hour(struct report *report, struct hour *hour)
{
    struct slice *s = &hour->slice;
    double *energies[] = {&s->gpu_j, &s->cpu_j, &s->dram_j};
    if (!hour->is_open)
        return 0;
    for (unsigned i = 0; i < 3; i++)
        if (hour->unknown[i])
            *energies[i] = NAN;
    hour->is_open = false;
    return put_slice(report, s);
}

static void add_device(const struct report *report, struct hour *hour, struct query *query)
{
    struct slice *s = &hour->slice;
    const char *kind = found(&report->devices, query_int(query, 0), 1);
    double energy_j = query_real(query), busy_s = query_real(query), g_per_kwh = query_real(query);
    const struct factor *factor = found(&report->factors, s->factor_id, sizeof *factor);
    unsigned i = kind && *kind == 'c' ? 1 : kind && *kind == 'd' ? 2 : 0;
    double *energies[] = {&s->gpu_j, &s->cpu_j, &s->dram_j};
    hour->unknown[i] |= isnan(energy_j);
    add(energies[i], energy_j);
    add(&s->busy_s, busy_s);
    if (factor)
        add(&s->operational_g, energy_j * factor->pue / 3.6e6 * g_per_kwh);
}

/* Rows are devices of hours of runs, in order. */
static int read_hours(struct report *report, struct query *query)
{
    struct hour hour = {.is_open = false};
    int rc;
    while ((rc = query_step(query, report->err)) > 0) {
        struct slice run;
        read_run(query, &run);
        int64_t number = query_int(query, 0);
        if (!hour.is_open || hour.slice.trial_id != run.trial_id || hour.slice.hour != number) {
            if ((rc = end_hour(report, &hour)))
                return rc;
            begin_hour(&run, number);
            hour = (struct hour){.slice = run, .is_open = true};
        }
        add_device(report, &hour, query);
    }
    return rc ? rc : end_hour(report, &hour);
}

int64_t ledger_hour_from(int64_t ms)
{
    return ms == INT64_MIN || ms == INT64_MAX ? ms : ms / HOUR_MS + (ms % HOUR_MS > 0);
}

static struct query *within(struct report *report, enum ledger_sql which)
{
    struct query *query = ledger_query(report->ledger, which);
    query_put_int(query, ledger_hour_from(report->from_ms));
    query_put_int(query, ledger_hour_from(report->to_ms));
    return query;
}

static int read_all(struct report *report)
{
    int rc = read_places(report);
    if (rc == 0)
        rc = read_jobs(report);
    if (rc == 0)
        rc = read_factors(report);
    if (rc == 0 && report->only) {
        struct query *query = ledger_query(report->ledger, SQL_REPORT_RUNS_OF);
        ledger_put_runs(query, report->only);
        return read_runs(report, query);
    }
    if (rc == 0 && !report->by_hour)
        return read_runs(report, ledger_query(report->ledger, SQL_REPORT_RUNS));
    if (rc == 0)
        rc = read_devices(report);
    if (rc == 0)
        rc = read_hours(report, within(report, SQL_REPORT_HOURS));
    return rc ? rc : read_runs(report, within(report, SQL_REPORT_WITHOUT_HOURS));
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
static struct wt_report_basis *make_basis(const struct report *report, size_t *count)
{
    const struct factor *factors = report->factors.items;
    struct wt_report_basis *rows =
        calloc((size_t)report->factors.count * 3 + WT_SOURCE_REPLAYED + 1, sizeof *rows);
    size_t all = 0, kept = 0;
    if (!rows)
        return NULL;
    for (unsigned i = 0; i <= WT_SOURCE_REPLAYED; i++)
        put_basis(rows, &all, WT_BASIS_ENERGY, ledger_sources[i], &report->sources[i]);
    for (int64_t i = 0; i < report->factors.count; i++) {
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

static int hand_over(struct report *report, const struct grouping *by,
                     struct ledger_report_rows *out)
{
    struct wt_report_row *rows = calloc(by->count ? by->count : 1, sizeof *rows);
    if (!rows)
        return no_memory(report->err);
    for (size_t i = 0; i < by->count; i++)
        rows[i] = by->groups[i].row;
    if (by->count)
        qsort_r(rows, by->count, sizeof *rows, by_day_then_energy, (void *)by->what);
    *out =
        (struct ledger_report_rows){.rows = rows, .count = by->count, .total = report->total.row};
    return 0;
}

void ledger_put_runs(struct query *query, const struct ledger_runs *runs)
{
    query_put_int(query, runs->from_ms);
    query_put_int(query, runs->to_ms);
    query_put_known_text(query, runs->job ? runs->job : "");
    query_put_known_text(query, runs->project ? runs->project : "");
}

/* The first of the answers owns what all of them point to. */
static int hand_over_all(struct report *report, struct ledger_report_rows out[])
{
    size_t basis_count = 0;
    struct wt_report_basis *basis = make_basis(report, &basis_count);
    struct names *names = calloc(1, sizeof *names);
    int rc = !basis || !names ? no_memory(report->err) : 0;
    for (unsigned i = 0; rc == 0 && i < report->grouping_count; i++)
        rc = hand_over(report, &report->groupings[i], &out[i]);
    if (rc) {
        free(basis);
        free(names);
        for (unsigned i = 0; i < report->grouping_count; i++)
            ledger_report_clear(&out[i]);
        return rc;
    }
    *names = report->names;
    report->names = (struct names){0};
    out[0].basis = basis;
    out[0].basis_count = basis_count;
    out[0].names = names;
    return 0;
}

static void clear(struct report *report)
{
    for (unsigned i = 0; report->groupings && i < report->grouping_count; i++) {
        free(report->groupings[i].groups);
        free(report->groupings[i].table);
    }
    free(report->groupings);
    names_clear(&report->names);
    free(report->places.items);
    free(report->jobs.items);
    free(report->factors.items);
    free(report->devices.items);
}

static int make_reports(struct ledger *ledger, const struct ledger_report what[], unsigned count,
                        const struct ledger_runs *only, struct ledger_report_rows out[],
                        struct wt_error *err)
{
    struct report report = {.ledger = ledger,
                            .only = only,
                            .groupings = calloc(count, sizeof *report.groupings),
                            .grouping_count = count,
                            .from_ms = what[0].from_ms,
                            .to_ms = what[0].to_ms,
                            .err = err,
                            .by_hour = what[0].from_ms != INT64_MIN || what[0].to_ms != INT64_MAX};
    if (!report.groupings)
        return no_memory(err);
    for (unsigned i = 0; i < count; i++) {
        out[i] = (struct ledger_report_rows){0};
        report.groupings[i].what = &what[i];
        for (unsigned k = 0; k < what[i].key_count; k++)
            report.by_hour |= what[i].keys[k] == WT_BY_DAY && !what[i].whole_runs;
    }
    begin_group(&report.total);
    int rc = ledger ? ledger_begin(ledger, false, err) : 0;
    if (rc == 0 && ledger)
        rc = ledger_finish(ledger, read_all(&report), err);
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
