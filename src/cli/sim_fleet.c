/* SPDX-License-Identifier: Apache-2.0
 *
 * From a simulated run to its rows in the ledger.
 */
#include "cli/sim_fleet.h"

#include "base/hours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Runs in a transaction, which a kill can lose: a commit waits for the disk. */
enum { BATCH_RUNS = 5000 };

/* The state of the booking. */
struct shop {
    struct ledger *ledger;
    const struct synthetic_fleet_places *places;
    bool watched;
    struct synthetic_fleet *fleet;
    struct synthetic_fleet_run run;
    struct synthetic_fleet_hour *hours; /* of one run, as the fleet and as the ledger has them */
    struct ledger_hour *rows;
    size_t hour_room;
    struct wt_stretch *stretches; /* of one GPU */
    size_t stretch_room;
    struct synthetic_fleet_booked *booked;
};

static const struct booking_factors *factors_at(const struct shop *shop, unsigned node_number)
{
    return &shop->places->factors[node_number % shop->places->count];
}

static int make_room(void **items, size_t wanted, size_t size, struct wt_error *err)
{
    void *more = reallocarray(*items, 2 * wanted, size);
    if (!more)
        return error_set(err, WT_E_NO_MEMORY, "book a fleet: out of memory");
    *items = more;
    return 0;
}

/* The devices of a run: its GPUs, then the processor where it was measured. */
static size_t put_devices(const struct synthetic_fleet_run *run,
                          struct ledger_device_energy devices[SYNTHETIC_NODE_GPUS + 1])
{
    const struct wt_trial *trial = &run->trial;
    int64_t end_ms = trial->identity.started_ms + (int64_t)ceil(trial->outcome.time_s * 1e3);
    for (unsigned i = 0; i < trial->part.gpu_count; i++) {
        devices[i] = (struct ledger_device_energy){.kind = WT_DEVICE_GPU,
                                                   .index = trial->part.gpus[i].index,
                                                   .energy_j = run->energy_j[i],
                                                   .energy_error_j = trial->part.energy_error_j /
                                                                     trial->part.gpu_count,
                                                   .source = trial->part.source,
                                                   .begin_ms = trial->identity.started_ms,
                                                   .end_ms = end_ms};
        memcpy(devices[i].uuid, trial->part.gpus[i].uuid, sizeof devices[i].uuid);
        memcpy(devices[i].name, trial->part.gpus[i].name, sizeof devices[i].name);
    }
    if (!isfinite(run->cpu_j))
        return trial->part.gpu_count;
    devices[trial->part.gpu_count] =
        (struct ledger_device_energy){.kind = WT_DEVICE_CPU,
                                      .name = "package-0",
                                      .energy_j = run->cpu_j,
                                      .energy_error_j = NAN,
                                      .source = WT_SOURCE_ESTIMATED,
                                      .begin_ms = trial->identity.started_ms,
                                      .end_ms = end_ms};
    return trial->part.gpu_count + 1;
}

static int put_hours(struct shop *shop, const struct ledger_device_energy devices[], size_t *count,
                     struct wt_error *err)
{
    size_t n = synthetic_fleet_run_hours(&shop->run, shop->hours, shop->hour_room);
    if (n > shop->hour_room) {
        void *hours = shop->hours, *rows = shop->rows;
        int rc = make_room(&hours, n, sizeof *shop->hours, err);
        shop->hours = hours;
        if (rc == 0)
            rc = make_room(&rows, n, sizeof *shop->rows, err);
        shop->rows = rows;
        if (rc)
            return rc;
        shop->hour_room = 2 * n;
        synthetic_fleet_run_hours(&shop->run, shop->hours, shop->hour_room);
    }
    for (size_t i = 0; i < n; i++) {
        const struct synthetic_fleet_hour *hour = &shop->hours[i];
        shop->rows[i] = (struct ledger_hour){hour->hour,
                                             devices[hour->position].kind,
                                             devices[hour->position].index,
                                             hour->energy_j,
                                             hour->busy_s,
                                             NAN};
    }
    *count = n;
    return 0;
}

static int book_end(struct shop *shop, struct wt_error *err)
{
    struct ledger_device_energy devices[SYNTHETIC_NODE_GPUS + 1];
    struct ledger_used used = {.devices = devices};
    struct synthetic_fleet_run *run = &shop->run;
    if (run->trial.outcome.not_started)
        return ledger_trial_end(shop->ledger, &run->trial, NULL, err);
    used.device_count = put_devices(run, devices);
    int rc = put_hours(shop, devices, &used.hour_count, err);
    if (rc)
        return rc;
    used.hours = shop->rows;
    booking_fill(factors_at(shop, run->node_number), run->node_gpus, shop->rows, used.hour_count,
                 &run->trial);
    rc = ledger_trial_end(shop->ledger, &run->trial, &used, err);
    if (rc == 0 && run->keeps_profile)
        rc = ledger_profile_put(shop->ledger, &run->key, run->trial.profile.points,
                                run->trial.profile.count, run->trial.identity.id, err);
    return rc;
}

/* Books the use of a whole GPU. */
static int book_use(struct shop *shop, const struct synthetic_fleet_use *use, struct wt_error *err)
{
    size_t count = synthetic_fleet_use_stretches(use, shop->stretches, shop->stretch_room);
    if (count > shop->stretch_room) {
        void *stretches = shop->stretches;
        int rc = make_room(&stretches, count, sizeof *shop->stretches, err);
        shop->stretches = stretches;
        if (rc)
            return rc;
        shop->stretch_room = 2 * count;
        synthetic_fleet_use_stretches(use, shop->stretches, shop->stretch_room);
    }
    for (size_t i = 0; i < count; i++)
        booking_fill_stretch(factors_at(shop, use->node_number), use->node_gpus,
                             &shop->stretches[i]);
    shop->booked->stretches += count;
    return ledger_stretches_put(shop->ledger, use->node, shop->stretches, count, err);
}

static void add_up(struct synthetic_fleet_booked *booked, const struct synthetic_fleet_run *run)
{
    const struct wt_trial *trial = &run->trial;
    if (!booked->runs++)
        booked->first_ms = trial->identity.started_ms;
    booked->last_ms = trial->identity.started_ms;
    booked->unended += !trial->outcome.ended;
    booked->profiles += run->keeps_profile;
    if (trial->outcome.ended)
        booked->gpu_hours += trial->outcome.time_s * trial->part.gpu_count / S_PER_HOUR;
    if (isfinite(trial->part.energy_j))
        booked->energy_j += trial->part.energy_j;
}

/* Books the next run, or the next idle time; returns 1 when there may be more. */
static int book_next(struct shop *shop, struct wt_error *err)
{
    struct wt_trial *trial = &shop->run.trial;
    struct synthetic_fleet_use use;
    int more = synthetic_fleet_next(shop->fleet, &shop->run, err);
    if (more < 0)
        return more;
    if (!more) { /* behind the last run */
        more = shop->watched ? synthetic_fleet_next_idle(shop->fleet, &use) : 0;
        int rc = more ? book_use(shop, &use, err) : 0;
        return rc ? rc : more;
    }
    int rc = ledger_trial_begin(shop->ledger, trial, &trial->identity.id, NULL, err);
    if (rc == 0 && trial->outcome.ended)
        rc = book_end(shop, err);
    for (unsigned i = 0; rc == 0 && shop->watched && i < shop->run.use_count; i++)
        rc = book_use(shop, &shop->run.uses[i], err);
    if (rc)
        return rc;
    add_up(shop->booked, &shop->run);
    return 1;
}

static int check_empty(struct ledger *ledger, const char *path, struct wt_error *err)
{
    bool empty = false;
    int rc = ledger_is_empty(ledger, &empty, err);
    if (rc || empty)
        return rc;
    return error_set(
        err, WT_E_INVALID,
        "the ledger %s is not empty: a simulated fleet is booked into a ledger of its own, so name "
        "a new file with --ledger",
        path);
}

/* Books one transaction; returns 1 when there may be more. */
static int book_batch(struct shop *shop, const char *path, bool first, struct wt_error *err)
{
    struct wt_error unused;
    int rc = ledger_bulk_begin(shop->ledger, err);
    if (rc)
        return rc;
    if (first)
        rc = check_empty(shop->ledger, path,
                         err); /* no other process writes between this and the first run */
    if (rc == 0)
        rc = 1;
    for (unsigned i = 0; rc > 0 && i < BATCH_RUNS; i++)
        rc = book_next(shop, err);
    if (rc < 0) {
        ledger_bulk_end(shop->ledger, false, &unused);
        return rc;
    }
    int end = ledger_bulk_end(shop->ledger, true, err);
    return end ? end : rc;
}

int synthetic_fleet_book(struct ledger *ledger, const char *path,
                         const struct synthetic_fleet_options *options,
                         const struct synthetic_fleet_places *places, bool watched,
                         struct synthetic_fleet_booked *booked, struct wt_error *err)
{
    struct shop *shop = calloc(1, sizeof *shop);
    *booked = (struct synthetic_fleet_booked){0};
    if (!shop)
        return error_set(err, WT_E_NO_MEMORY, "book a fleet: out of memory");
    *shop = (struct shop){.ledger = ledger, .places = places, .watched = watched, .booked = booked};
    int rc = synthetic_fleet_new(options, &shop->fleet, err);
    if (rc == 0)
        rc = 1;
    for (bool first = true; rc > 0; first = false)
        rc = book_batch(shop, path, first, err);
    synthetic_fleet_free(shop->fleet);
    free(shop->hours);
    free(shop->rows);
    free(shop->stretches);
    free(shop);
    return rc;
}
