/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a report: runs, or hours of runs, with the names that they point to.
 */
#include "account/ledger/sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "account/ledger/columns.h"

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

static const char *name_column(struct sums *sums, struct query *query)
{
    char text[4 * WT_NAME_LEN];
    query_text(query, text, sizeof text);
    const char *name = names_intern(&sums->names, text);
    sums->lost_name |= !name;
    return name;
}
#define share_text(query) name_column(sums, query)

static int read_places(struct sums *sums)
{
    struct query *query = ledger_query(sums->ledger, SQL_REPORT_PLACES);
    int rc;
    while ((rc = query_step(query, sums->err)) > 0) {
        struct place *row = item_of(&sums->places, query_int(query, 0), sizeof *row);
        if (!row)
            return sums_no_memory(sums->err);
        REPORT_PLACE(GET)
        if (sums->lost_name)
            return sums_no_memory(sums->err);
    }
    return rc;
}

static int read_jobs(struct sums *sums)
{
    struct query *query = ledger_query(sums->ledger, SQL_REPORT_JOBS);
    int rc;
    while ((rc = query_step(query, sums->err)) > 0) {
        const char **name = item_of(&sums->jobs, query_int(query, 0), sizeof *name);
        if (!name || !(*name = name_column(sums, query)))
            return sums_no_memory(sums->err);
    }
    return rc;
}

static int read_factors(struct sums *sums)
{
    struct factor *row = item_of(&sums->factors, 0, sizeof *row);
    int rc;
    if (!row)
        return sums_no_memory(sums->err);
    row->pue = row->lifetime_years = NAN;
    struct query *query = ledger_query(sums->ledger, SQL_REPORT_FACTORS);
    while ((rc = query_step(query, sums->err)) > 0) {
        row = item_of(&sums->factors, query_int(query, 0), sizeof *row);
        if (!row)
            return sums_no_memory(sums->err);
        REPORT_FACTOR(GET)
        if (sums->lost_name)
            return sums_no_memory(sums->err);
    }
    return rc;
}

static int read_devices(struct sums *sums)
{
    struct query *query = ledger_query(sums->ledger, SQL_REPORT_DEVICES);
    int rc;
    while ((rc = query_step(query, sums->err)) > 0) {
        char *kind = item_of(&sums->devices, query_int(query, 0), 1);
        char text[8];
        if (!kind)
            return sums_no_memory(sums->err);
        query_text(query, text, sizeof text);
        *kind = text[0]; /* g, c, d */
    }
    return rc;
}

/* --- Rows --- */

/* A whole run. */
static void read_run(struct query *query, struct run_share *row)
{
    *row = (struct run_share){.trial_id = query_int(query, 0)};
    REPORT_RUN(GET)
    row->hour = hours_of_ms(row->started_ms);
    row->length_s = row->time_s;
    row->share = 1;
}

static int read_runs(struct sums *sums, struct query *query)
{
    struct run_share share;
    int rc;
    while ((rc = query_step(query, sums->err)) > 0) {
        read_run(query, &share);
        rc = sums_put(sums, &share);
        if (rc)
            return rc;
    }
    return rc;
}

/* Makes of the whole run the part that lies in the hour, with nothing used yet. */
static void begin_hour(struct run_share *s, int64_t hour)
{
    s->hour = hour;
    s->length_s = hours_overlap_s(hour, (double)s->started_ms / 1000, s->time_s);
    s->share = s->time_s > 0 ? s->length_s / s->time_s : (double)NAN;
    s->busy_s = s->gpu_j = s->cpu_j = s->dram_j = s->operational_g = s->gpu_error_j = NAN;
}

/* The use of one device in one hour of a run. */
struct used_hour {
    int64_t hour, device_id;
    double energy_j, busy_s, intensity_g_per_kwh;
};

static struct used_hour read_used_hour(struct query *query)
{
    struct used_hour used, *row = &used;
    REPORT_HOUR(GET)
    return used;
}

struct hour {
    struct run_share share;
    bool is_open, unknown[3]; /* of GPU, CPU, DRAM: a device of the kind is not known */
};

static int end_hour(struct sums *sums, struct hour *hour)
{
    struct run_share *s = &hour->share;
    double *energies[] = {&s->gpu_j, &s->cpu_j, &s->dram_j};
    if (!hour->is_open)
        return 0;
    for (unsigned i = 0; i < 3; i++)
        if (hour->unknown[i])
            *energies[i] = NAN;
    hour->is_open = false;
    return sums_put(sums, s);
}

static void add_device(const struct sums *sums, struct hour *hour, const struct used_hour *used)
{
    struct run_share *s = &hour->share;
    const char *kind = sums_find(&sums->devices, used->device_id, 1);
    const struct factor *factor = sums_find(&sums->factors, s->factor_id, sizeof *factor);
    unsigned i = kind && *kind == 'c' ? 1 : kind && *kind == 'd' ? 2 : 0;
    double *energies[] = {&s->gpu_j, &s->cpu_j, &s->dram_j};
    hour->unknown[i] |= isnan(used->energy_j);
    add_known(energies[i], used->energy_j);
    add_known(&s->busy_s, used->busy_s);
    if (factor)
        add_known(&s->operational_g,
                  carbon_operational_g(used->energy_j, factor->pue, used->intensity_g_per_kwh));
}

/* Rows are devices of hours of runs, in order. */
static int read_hours(struct sums *sums, struct query *query)
{
    struct hour hour = {.is_open = false};
    int rc;
    while ((rc = query_step(query, sums->err)) > 0) {
        struct run_share run;
        read_run(query, &run);
        struct used_hour used = read_used_hour(query);
        if (!hour.is_open || hour.share.trial_id != run.trial_id || hour.share.hour != used.hour) {
            if ((rc = end_hour(sums, &hour)))
                return rc;
            begin_hour(&run, used.hour);
            hour = (struct hour){.share = run, .is_open = true};
        }
        add_device(sums, &hour, &used);
    }
    return rc ? rc : end_hour(sums, &hour);
}

int64_t ledger_hour_from(int64_t ms)
{
    return ms == INT64_MIN || ms == INT64_MAX ? ms : hours_from_ms(ms);
}

static struct query *within(struct sums *sums, enum ledger_sql which)
{
    struct query *query = ledger_query(sums->ledger, which);
    query_put_int(query, ledger_hour_from(sums->from_ms));
    query_put_int(query, ledger_hour_from(sums->to_ms));
    return query;
}

int sums_read(struct sums *sums)
{
    int rc = read_places(sums);
    if (rc == 0)
        rc = read_jobs(sums);
    if (rc == 0)
        rc = read_factors(sums);
    if (rc == 0 && sums->only) {
        struct query *query = ledger_query(sums->ledger, SQL_REPORT_RUNS_OF);
        ledger_put_runs(query, sums->only);
        return read_runs(sums, query);
    }
    if (rc == 0 && !sums->by_hour)
        return read_runs(sums, ledger_query(sums->ledger, SQL_REPORT_RUNS));
    if (rc == 0)
        rc = read_devices(sums);
    if (rc == 0)
        rc = read_hours(sums, within(sums, SQL_REPORT_HOURS));
    return rc ? rc : read_runs(sums, within(sums, SQL_REPORT_WITHOUT_HOURS));
}

void ledger_put_runs(struct query *query, const struct ledger_runs *runs)
{
    query_put_int(query, runs->from_ms);
    query_put_int(query, runs->to_ms);
    query_put_known_text(query, runs->job ? runs->job : "");
    query_put_known_text(query, runs->project ? runs->project : "");
}
