/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of a report, by pointers to interned names: a GROUP BY over names would sort a million
 * runs.  A figure that is unknown of a run is left out of a sum and counted, so that a page can say
 * so.
 */
#include "account/ledger/sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* --- Groups --- */

static const char *day_of(struct sums *sums, int64_t hour)
{
    int64_t day = hours_day(hour);
    char text[32];
    if (!sums->day_name || day != sums->day) {
        clock_format_wall(hours_begin_ms(day * HOURS_PER_DAY), text);
        text[10] = 0; /* 2025-03-01 */
        sums->day = day;
        sums->day_name = names_intern(&sums->names, text);
    }
    return sums->day_name;
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
        return sums_no_memory(err);
    }
    free(by->table);
    by->capacity = capacity;
    by->table = table;
    by->table_size = 2 * capacity;
    for (size_t i = 0; i < by->count; i++)
        *slot_of(by, groups[i].row.keys) = i + 1;
    return 0;
}

void sums_begin_group(struct group *group)
{
    *group = (struct group){
        .row = {WT_REPORT_NO_RUNS, .gpus_least = NAN, .gpus_most = NAN, .gpu_error_j = NAN}};
}

static int find_group(struct sums *sums, struct grouping *by, const struct run_share *share,
                      struct group **out)
{
    const struct ledger_report *what = by->what;
    const struct place *place = sums_find(&sums->places, share->place_id, sizeof *place);
    const char *const *job = sums_find(&sums->jobs, share->job_id, sizeof *job);
    const char *keys[WT_REPORT_KEYS] = {0};
    for (unsigned i = 0; i < what->key_count; i++) {
        enum wt_report_key key = what->keys[i];
        const char *name = key == WT_BY_DAY   ? day_of(sums, share->hour)
                           : key == WT_BY_JOB ? job ? *job : NULL
                           : place            ? place->keys[key]
                                              : NULL;
        keys[i] = name || key == WT_BY_DAY
                      ? name
                      : names_intern(&sums->names, ""); /* a day is known: NULL is no memory */
        if (!keys[i]) {
            sums_no_memory(sums->err);
            return WT_E_NO_MEMORY;
        }
    }
    if (by->count == by->capacity) {
        int rc = make_room(by, sums->err);
        if (rc)
            return rc;
    }
    size_t *slot = slot_of(by, keys);
    if (!*slot) {
        struct group *group = &by->groups[by->count++];
        sums_begin_group(group);
        memcpy(group->row.keys, keys, sizeof keys);
        *slot = by->count;
    }
    *out = &by->groups[*slot - 1];
    return 0;
}

/* --- Sums --- */

static void count(struct group *group, enum counter counter, uint64_t *number, int64_t trial_id,
                  bool counts)
{
    if (counts && group->last[counter] != trial_id) {
        group->last[counter] = trial_id;
        ++*number;
    }
}

static void add_complete(struct group *group, const struct run_share *s, double facility_j)
{
    struct wt_report_row *row = &group->row;
    double gpu_hours = s->length_s * s->gpu_count / S_PER_HOUR,
           embodied_g = s->embodied_g * s->share;
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

static void add_share(struct group *group, const struct run_share *s)
{
    struct wt_report_row *row = &group->row;
    double measured_j = NAN, fraction = s->energy_fraction, saved_j = s->gpu_j * (1 / fraction - 1);
    add_known(&measured_j, s->gpu_j);
    add_known(&measured_j, s->cpu_j);
    add_known(&measured_j, s->dram_j);
    count(group, RUNS, &row->runs, s->trial_id, true);
    count(group, UNENDED, &row->unended, s->trial_id, !s->ended);
    count(group, NO_GPU, &row->gpu_unknown, s->trial_id, isnan(s->gpu_j));
    count(group, NO_CPU, &row->cpu_unknown, s->trial_id, isnan(s->cpu_j));
    count(group, NO_DRAM, &row->dram_unknown, s->trial_id, isnan(s->dram_j));
    count(group, NO_OPERATIONAL, &row->operational_unknown, s->trial_id, isnan(s->operational_g));
    count(group, NO_MARKET, &row->market_unknown, s->trial_id, isnan(s->market_g));
    count(group, NO_EMBODIED, &row->embodied_unknown, s->trial_id, isnan(s->embodied_g));
    count(group, SAVED, &row->saved_runs, s->trial_id, isfinite(saved_j));
    add_known(&row->gpu_hours, s->length_s * s->gpu_count / S_PER_HOUR);
    add_known(&row->busy_gpu_hours, s->busy_s / S_PER_HOUR);
    if (isfinite(s->gpu_j)) /* bounds add up, and one that is unknown makes the sum unknown */
        row->gpu_error_j =
            isfinite(row->gpu_j) ? row->gpu_error_j + s->gpu_error_j : s->gpu_error_j;
    add_known(&row->gpu_j, s->gpu_j);
    add_known(&row->cpu_j, s->cpu_j);
    add_known(&row->dram_j, s->dram_j);
    add_known(&row->facility_j, carbon_facility_j(measured_j, s->pue));
    add_complete(group, s, carbon_facility_j(measured_j, s->pue));
    row->gpus_least = fmin(row->gpus_least, s->gpu_count); /* these pass NaN over */
    row->gpus_most = fmax(row->gpus_most, s->gpu_count);
    add_known(&row->operational_g, s->operational_g);
    add_known(&row->market_g, s->market_g * s->share);
    add_known(&row->embodied_g, s->embodied_g * s->share);
    add_known(&row->embodied_useful_g, s->embodied_useful_g * s->share);
    add_known(&row->saved_j, saved_j);
    /* Errors are added: runs of a job share the profile that they come from. */
    add_known(&row->saved_error_j, s->gpu_j * s->energy_fraction_error / (fraction * fraction));
    add_known(&row->saved_g, carbon_operational_g(saved_j, s->pue, s->intensity_g_per_kwh));
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

static void tell_basis(struct sums *sums, struct factor *factor, const struct run_share *s)
{
    rest(&sums->sources[s->source], s->trial_id, s->gpu_j, NAN);
    rest(&factor->of_pue, s->trial_id, factor->pue, factor->pue);
    rest(&factor->of_intensity, s->trial_id, s->operational_g, s->intensity_g_per_kwh);
    rest(&factor->of_embodied, s->trial_id, s->embodied_g, factor->lifetime_years);
}

int sums_put(struct sums *sums, struct run_share *share)
{
    const struct place *place = sums_find(&sums->places, share->place_id, sizeof *place);
    struct factor *factor = sums_find(&sums->factors, share->factor_id, sizeof *factor);
    struct group *group = NULL;
    share->gpu_count = place ? place->gpu_count : (double)NAN;
    if (!factor)
        factor = sums->factors.items;
    share->pue = factor->pue;
    tell_basis(sums, factor, share);
    for (unsigned i = 0; i < sums->grouping_count; i++) {
        int rc = find_group(sums, &sums->groupings[i], share, &group);
        if (rc)
            return rc;
        add_share(group, share);
    }
    add_share(&sums->total, share);
    return 0;
}
