/* SPDX-License-Identifier: Apache-2.0
 *
 * The account of a run.  A mark is the energy of a device at the end of an hour; the energy between
 * two marks may cover several hours, when it was not known at the end of some.
 */
#include "account/book/run_hours.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hours.h"

/* One hour of all devices.  so_far_j and busy_s have one value a device. */
struct hour {
    int64_t hour;
    double length_s; /* of the run in it */
    double *so_far_j, *busy_s;
};

struct run_hours {
    const struct wt_device *devices;
    unsigned count;
    int64_t started_ms, begin_ns, mark_ns;
    int64_t *busy_ns;      /* when busy was last said of a device */
    double *busy_fraction; /* the fraction told then */
    struct hour *hours;    /* those that are over, and the one that runs */
    size_t hour_count;
    struct ledger_hour *rows;
    bool out_of_memory;
};

static int64_t wall_ms(const struct run_hours *account, int64_t now_ns)
{
    return account->started_ms + (now_ns - account->begin_ns) / NS_PER_MS;
}

static struct hour *add_hour(struct run_hours *account, int64_t number)
{
    struct hour *hours = reallocarray(account->hours, account->hour_count + 1, sizeof *hours);
    double *values = hours ? calloc(2 * account->count + 1, sizeof *values) : NULL;
    if (hours)
        account->hours = hours;
    if (!values)
        return NULL;
    hours[account->hour_count] =
        (struct hour){.hour = number, .so_far_j = values, .busy_s = values + account->count};
    return &hours[account->hour_count++];
}

int run_hours_new(const struct wt_device devices[], unsigned count, int64_t started_ms,
                  int64_t begin_ns, struct run_hours **out, struct wt_error *err)
{
    struct run_hours *account = calloc(1, sizeof *account);
    int64_t *busy_ns = calloc(count + 1, sizeof *busy_ns);
    double *busy_fraction = calloc(count + 1, sizeof *busy_fraction);
    struct wt_device *copy = calloc(count + 1, sizeof *copy);
    if (account) {
        *account = (struct run_hours){.count = count,
                                      .started_ms = started_ms,
                                      .begin_ns = begin_ns,
                                      .mark_ns = begin_ns,
                                      .busy_ns = busy_ns,
                                      .busy_fraction = busy_fraction,
                                      .devices = copy};
    } else {
        free(busy_ns);
        free(busy_fraction);
        free(copy);
    }
    if (!account || !busy_ns || !busy_fraction || !copy ||
        !add_hour(account, hours_of_ms(started_ms))) {
        run_hours_free(account);
        return error_set(err, WT_E_NO_MEMORY, "account for the run by hours: out of memory");
    }
    for (unsigned i = 0; i < count; i++) {
        copy[i] = devices[i];
        busy_ns[i] = begin_ns;
        busy_fraction[i] = NAN;
    }
    *out = account;
    return 0;
}

struct run_hours *run_hours_free(struct run_hours *account)
{
    if (!account)
        return NULL;
    for (size_t i = 0; i < account->hour_count; i++)
        free(account->hours[i].so_far_j);
    free(account->hours);
    free(account->rows);
    free(account->busy_ns);
    free(account->busy_fraction);
    free((void *)account->devices);
    free(account);
    return NULL;
}

static struct hour *now_running(const struct run_hours *account)
{
    return &account->hours[account->hour_count - 1];
}

void run_hours_busy(struct run_hours *account, unsigned i, int64_t now_ns, double busy_fraction)
{
    double length_s = (double)(now_ns - account->busy_ns[i]) / (double)NS_PER_S;
    if (length_s <= 0)
        return;
    now_running(account)->busy_s[i] +=
        busy_fraction * length_s; /* NaN stays: part of the hour is not known */
    account->busy_ns[i] = now_ns;
    account->busy_fraction[i] = busy_fraction;
}

int64_t run_hours_hour_ends_ns(const struct run_hours *account)
{
    int64_t ms = hours_begin_ms(now_running(account)->hour + 1) - account->started_ms;
    return ms > (INT64_MAX - account->begin_ns) / NS_PER_MS ? INT64_MAX
                                                            : account->begin_ns + ms * NS_PER_MS;
}

/* Closes the hour that runs, and those that passed unseen after it. */
void run_hours_hour(struct run_hours *account, int64_t now_ns, const double so_far_j[])
{
    int64_t hour = hours_of_ms(wall_ms(account, now_ns));
    while (!account->out_of_memory && now_running(account)->hour < hour) {
        struct hour *over = now_running(account);
        int64_t end_ns = run_hours_hour_ends_ns(account);
        bool last = over->hour + 1 == hour;
        over->length_s = (double)(end_ns - account->mark_ns) / (double)NS_PER_S;
        for (unsigned i = 0; i < account->count; i++)
            over->so_far_j[i] = last ? so_far_j[i] : (double)NAN;
        account->mark_ns = end_ns;
        /* Without memory the hour that runs goes on: later energy is booked in it. */
        account->out_of_memory = !add_hour(account, over->hour + 1);
    }
}

/* --- The end --- */

/* Splits the energy of one device: from mark to mark, evenly over the time where there is none
 * in between.  A mark is a plain reading and may lie a little above the total of the whole
 * window; no hour is given more than is left of that. */
static void split(const struct run_hours *account, unsigned i, double used_j,
                  struct ledger_hour rows[])
{
    double booked_j = 0;
    for (size_t first = 0, last; first < account->hour_count; first = last + 1) {
        double length_s = account->hours[first].length_s;
        for (last = first;
             last + 1 < account->hour_count && !isfinite(account->hours[last].so_far_j[i]);)
            length_s += account->hours[++last].length_s;
        double mark_j = last + 1 == account->hour_count
                            ? used_j
                            : fmin(account->hours[last].so_far_j[i], used_j);
        double part_j = fmax(mark_j - booked_j, 0), left_j = part_j;
        for (size_t k = first; k < last; k++) {
            rows[k].energy_j = length_s > 0 ? part_j * (account->hours[k].length_s / length_s) : 0;
            left_j -= rows[k].energy_j;
        }
        rows[last].energy_j = left_j;
        booked_j += part_j;
    }
}

static void fill_device(const struct run_hours *account, unsigned i,
                        const struct wt_measurement *used, struct ledger_hour rows[])
{
    const struct wt_device *device = &account->devices[i];
    bool known = used->source != WT_SOURCE_NONE;
    for (size_t k = 0; k < account->hour_count; k++)
        rows[k] = (struct ledger_hour){
            .hour = account->hours[k].hour,
            .kind = device->kind,
            .index = device->index,
            .energy_j = NAN,
            .intensity_g_per_kwh = NAN,
            .busy_s = device->kind == WT_DEVICE_GPU ? account->hours[k].busy_s[i] : (double)NAN};
    if (known)
        split(account, i, (double)used->energy_mj / 1000, rows);
}

int run_hours_end(struct run_hours *account, int64_t end_ns, const struct wt_measurement used[],
                  struct ledger_hour **hours, size_t *count, struct wt_error *err)
{
    size_t n = account->hour_count * account->count;
    struct ledger_hour *rows = calloc(n ? n : 1, sizeof *rows);
    if (!rows)
        return error_set(err, WT_E_NO_MEMORY, "account for the run by hours: out of memory");
    now_running(account)->length_s = (double)(end_ns - account->mark_ns) / (double)NS_PER_S;
    for (unsigned i = 0; i < account->count; i++) /* as busy to the end as it was said to be last */
        run_hours_busy(account, i, end_ns, account->busy_fraction[i]);
    for (unsigned i = 0; i < account->count; i++)
        fill_device(account, i, &used[i], rows + i * account->hour_count);
    free(account->rows);
    account->rows = rows;
    *hours = rows;
    *count = n;
    return 0;
}

double run_hours_busy_s(const struct run_hours *account)
{
    double sum_s = 0;
    unsigned gpus = 0;
    for (unsigned i = 0; i < account->count; i++) {
        if (account->devices[i].kind != WT_DEVICE_GPU)
            continue;
        gpus++;
        if (isnan(account->busy_fraction[i]))
            return NAN; /* nothing was ever said of it, or it is not known any more */
        for (size_t k = 0; k < account->hour_count; k++)
            sum_s += account->hours[k].busy_s[i];
    }
    return gpus ? sum_s : (double)NAN;
}
