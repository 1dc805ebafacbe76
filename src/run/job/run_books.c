/* SPDX-License-Identifier: Apache-2.0
 *
 * The books of a run.
 */
#include "run/job/run_books.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* How busy the GPUs are is asked first after this, so that a short run knows it too, and then from
 * time to time: the driver tells the mean over up to a second. */
static const int64_t BUSY_FIRST_NS = NS_PER_S / 2, BUSY_EVERY_NS = 2 * NS_PER_S;

void run_books_begin(struct run_books *books, struct wt_trial *trial)
{
    struct wt_error err;
    if (!books->ledger)
        return;
    books->booked = ledger_trial_begin(books->ledger, trial, &trial->identity.id,
                                       &trial->identity.recurrence, &err) == 0;
    if (!books->booked)
        log_error("this run is not booked: %s", err.text);
}

void run_books_start(struct run_books *books, const struct wt_trial *trial, int64_t started_ns)
{
    struct wt_device devices[WT_MAX_DEVICES];
    struct wt_error err;
    books->started_ns = started_ns;
    books->busy_due_ns = started_ns + BUSY_FIRST_NS;
    if (!books->booked)
        return;
    unsigned count = live_meter_device_count(books->meter);
    for (unsigned i = 0; i < count; i++)
        devices[i] = *live_meter_device(books->meter, i);
    if (run_hours_new(devices, count, trial->identity.started_ms, started_ns, &books->hours, &err))
        log_error("%s", err.text);
}

static void ask_busy(struct run_books *books, int64_t now_ns)
{
    struct wt_state state;
    if (now_ns < books->busy_due_ns)
        return;
    books->busy_due_ns = now_ns + BUSY_EVERY_NS;
    for (unsigned i = 0; i < live_meter_gpu_count(books->meter); i++)
        if (live_meter_state(books->meter, i, WT_STATE_UTILIZATION, &state) == 0 &&
            (state.known & WT_STATE_UTILIZATION))
            run_hours_busy(books->hours, i, now_ns, state.utilization_percent / 100.0);
}

void run_books_poll(struct run_books *books)
{
    int64_t now_ns = clock_now_ns();
    double so_far_j[WT_MAX_DEVICES];
    if (!books->hours)
        return;
    ask_busy(books, now_ns);
    if (now_ns < run_hours_hour_ends_ns(books->hours))
        return;
    for (unsigned i = 0; i < live_meter_device_count(books->meter); i++)
        if (live_meter_so_far(books->meter, i, &so_far_j[i]))
            so_far_j[i] = NAN;
    run_hours_hour(books->hours, now_ns, so_far_j);
}

/* The hours of the run, and the carbon that they stand for. */
static void fill_hours(struct run_books *books, int64_t ended_ns,
                       const struct wt_measurement devices[], struct wt_trial *trial,
                       struct ledger_hour **hours, size_t *count)
{
    struct wt_error err;
    if (run_hours_end(books->hours, ended_ns, devices, hours, count, &err)) {
        log_error("%s", err.text);
        return;
    }
    trial->part.busy_s = run_hours_busy_s(books->hours);
    if (books->factors)
        booking_fill(books->factors, books->node_gpus, *hours, *count, trial);
}

/* The energies of all devices over the whole run, as rows of the ledger; returns how many. */
static unsigned fill_energies(const struct run_books *books, const struct wt_measurement devices[],
                              int64_t begin_ms, struct ledger_device_energy energies[])
{
    unsigned count = live_meter_device_count(books->meter);
    int64_t now_ms = clock_wall_ms();
    for (unsigned i = 0; i < count; i++) {
        const struct wt_device *device = live_meter_device(books->meter, i);
        const struct wt_measurement *m = &devices[i];
        energies[i] =
            (struct ledger_device_energy){.kind = device->kind,
                                          .index = device->index,
                                          .energy_j = (double)m->energy_mj / 1000,
                                          .energy_error_j = (double)m->energy_error_mj / 1000,
                                          .source = m->source,
                                          .begin_ms = begin_ms,
                                          .end_ms = now_ms};
        memcpy(energies[i].uuid, device->uuid, sizeof device->uuid);
        memcpy(energies[i].name, device->name, sizeof device->name);
    }
    return count;
}

void run_books_end(struct run_books *books, int64_t ended_ns, const struct wt_measurement devices[],
                   struct wt_trial *trial)
{
    struct ledger_device_energy energies[WT_MAX_DEVICES] = {0};
    struct ledger_used used = {.devices = energies};
    struct ledger_hour *hours = NULL;
    struct wt_error err;
    if (!books->booked)
        return;
    used.device_count = fill_energies(books, devices, trial->identity.started_ms, energies);
    if (books->hours)
        fill_hours(books, ended_ns, devices, trial, &hours, &used.hour_count);
    used.hours = hours;
    if (ledger_trial_end(books->ledger, trial, &used, &err)) {
        log_error("this run is not booked: %s", err.text);
        books->booked = false;
    }
}

void run_books_cancel(struct run_books *books, const struct wt_trial *trial)
{
    struct wt_error err;
    if (books->booked && ledger_trial_cancel(books->ledger, trial, &err))
        log_error("%s", err.text);
    books->booked = false;
}

void run_books_close(struct run_books *books)
{
    books->hours = run_hours_free(books->hours);
}
