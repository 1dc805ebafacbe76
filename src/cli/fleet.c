/* SPDX-License-Identifier: Apache-2.0
 *
 * From a simulated run to its rows in the ledger.
 */
#include "cli/fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* Runs in a transaction: a commit waits for the disk, and is paid once in so many.  What a kill can lose. */
enum { BATCH_RUNS = 5000 };

/* Room for the hours of one run. */
struct room {
    struct fleet_hour *hours;
    struct ledger_hour *rows;
    size_t capacity;
};

static int grow(struct room *room, size_t wanted, struct wt_error *err)
{
    if (wanted <= room->capacity)
        return 0;
    struct fleet_hour *hours = reallocarray(room->hours, 2 * wanted, sizeof *hours);
    if (hours)
        room->hours = hours;
    struct ledger_hour *rows = hours ? reallocarray(room->rows, 2 * wanted, sizeof *rows) : NULL;
    if (!rows)
        return error_set(err, WT_E_NO_MEMORY, "book a fleet: out of memory");
    room->rows = rows;
    room->capacity = 2 * wanted;
    return 0;
}

/* The devices of a run: its GPUs, then the processor where it was measured. */
static size_t put_devices(const struct fleet_run *run, struct ledger_device_energy devices[FLEET_NODE_GPUS + 1])
{
    const struct wt_trial *trial = &run->trial;
    int64_t end_ms = trial->started_ms + (int64_t)ceil(trial->time_s * 1e3);
    for (unsigned i = 0; i < trial->gpu_count; i++) {
        devices[i] = (struct ledger_device_energy){.kind = WT_DEVICE_GPU, .index = trial->gpus[i].index, .energy_j = run->energy_j[i],
            .energy_error_j = trial->energy_error_j / trial->gpu_count, .source = trial->source, .begin_ms = trial->started_ms,
            .end_ms = end_ms};
        memcpy(devices[i].uuid, trial->gpus[i].uuid, sizeof devices[i].uuid);
        memcpy(devices[i].name, trial->gpus[i].name, sizeof devices[i].name);
    }
    if (!isfinite(run->cpu_j))
        return trial->gpu_count;
    devices[trial->gpu_count] = (struct ledger_device_energy){.kind = WT_DEVICE_CPU, .name = "package-0", .energy_j = run->cpu_j,
        .energy_error_j = NAN, .source = WT_SOURCE_ESTIMATED, .begin_ms = trial->started_ms, .end_ms = end_ms};
    return trial->gpu_count + 1;
}

static int put_hours(const struct fleet_run *run, const struct ledger_device_energy devices[], struct room *room, size_t *count,
                     struct wt_error *err)
{
    *count = fleet_run_hours(run, room->hours, room->capacity);
    if (*count > room->capacity) {
        int rc = grow(room, *count, err);
        if (rc)
            return rc;
        fleet_run_hours(run, room->hours, room->capacity);
    }
    for (size_t i = 0; i < *count; i++) {
        const struct fleet_hour *hour = &room->hours[i];
        room->rows[i] = (struct ledger_hour){hour->hour, devices[hour->position].kind, devices[hour->position].index,
                                             hour->energy_j, hour->busy_s, NAN};
    }
    return 0;
}

static int book_end(struct ledger *ledger, const struct booking_factors *factors, struct fleet_run *run, struct room *room,
                    struct wt_error *err)
{
    struct ledger_device_energy devices[FLEET_NODE_GPUS + 1];
    struct ledger_used used = {.devices = devices};
    if (run->trial.not_started)
        return ledger_trial_end(ledger, &run->trial, NULL, err);
    used.device_count = put_devices(run, devices);
    int rc = put_hours(run, devices, room, &used.hour_count, err);
    if (rc)
        return rc;
    used.hours = room->rows;
    booking_fill(factors, run->node_gpus, room->rows, used.hour_count, &run->trial);
    rc = ledger_trial_end(ledger, &run->trial, &used, err);
    if (rc == 0 && run->keeps_profile)
        rc = ledger_profile_put(ledger, &run->key, run->trial.profile, run->trial.point_count, run->trial.id, err);
    return rc;
}

static int book_run(struct ledger *ledger, const struct booking_factors *factors, struct fleet_run *run, struct room *room,
                    struct fleet_booked *booked, struct wt_error *err)
{
    struct wt_trial *trial = &run->trial;
    int rc = ledger_trial_begin(ledger, trial, &trial->id, NULL, err);
    if (rc == 0 && trial->ended)
        rc = book_end(ledger, factors, run, room, err);
    if (rc)
        return rc;
    if (!booked->runs++)
        booked->first_ms = trial->started_ms;
    booked->last_ms = trial->started_ms;
    booked->unended += !trial->ended;
    booked->profiles += run->keeps_profile;
    if (trial->ended)
        booked->gpu_hours += trial->time_s * trial->gpu_count / 3600;
    if (isfinite(trial->energy_j))
        booked->energy_j += trial->energy_j;
    return 0;
}

/* One transaction: 1 when there may be more. */
static int book_batch(struct ledger *ledger, struct fleet *fleet, const struct booking_factors *factors, struct fleet_run *run,
                      struct room *room, struct fleet_booked *booked, struct wt_error *err)
{
    int rc = 1;
    for (unsigned i = 0; rc > 0 && i < BATCH_RUNS; i++) {
        rc = fleet_next(fleet, run, err);
        if (rc > 0) {
            int booked_rc = book_run(ledger, factors, run, room, booked, err);
            rc = booked_rc ? booked_rc : rc;
        }
    }
    return rc;
}

static int check_empty(struct ledger *ledger, const char *path, struct wt_error *err)
{
    bool empty = false;
    int rc = ledger_is_empty(ledger, &empty, err);
    if (rc || empty)
        return rc;
    return error_set(err, WT_E_INVALID, "the ledger %s is not empty: a simulated fleet is booked into a ledger of its own, so name "
                     "a new file with --ledger", path);
}

int fleet_book(struct ledger *ledger, const char *path, const struct fleet_options *options, const struct booking_factors *factors,
               struct fleet_booked *booked, struct wt_error *err)
{
    struct fleet *fleet = NULL;
    struct fleet_run *run = malloc(sizeof *run);
    struct room room = {0};
    struct wt_error unused;
    *booked = (struct fleet_booked){0};
    int rc = run ? fleet_new(options, &fleet, err) : error_set(err, WT_E_NO_MEMORY, "book a fleet: out of memory");
    for (bool first = true, more = rc == 0; more; first = false) {
        rc = ledger_batch_begin(ledger, err);
        if (rc)
            break;
        rc = first ? check_empty(ledger, path, err) : 0; /* nobody else writes between this and the first run */
        if (rc == 0)
            rc = book_batch(ledger, fleet, factors, run, &room, booked, err);
        more = rc > 0;
        if (rc < 0)
            ledger_batch_end(ledger, false, &unused);
        else
            rc = ledger_batch_end(ledger, true, err);
        more = more && rc == 0;
    }
    free(room.hours);
    free(room.rows);
    free(run);
    fleet_free(fleet);
    return rc < 0 ? rc : 0;
}
