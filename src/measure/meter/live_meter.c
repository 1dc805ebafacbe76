/* SPDX-License-Identifier: Apache-2.0
 *
 * The live meter: tracks of a run's devices, each read at the moments it asks for, and the one
 * window over the whole run.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "measure/meter/meter.h"
#include "measure/meter/track.h"

static const int64_t FINE_KEPT_UP_NS = NS_PER_S;

struct live_meter {
    struct sense *sense;
    bool (*ended)(void *ctx);
    void *ctx;
    void (*handle)(void *ctx, const struct live_meter_event *event);
    void *handle_ctx;
    unsigned count, gpu_count;
    struct metered {
        struct track track;
        struct moment begin; /* of the window over the whole run */
    } devices[];
};

int live_meter_new(struct sense *sense, const unsigned devices[], unsigned count,
                   struct live_meter **out, struct wt_error *err)
{
    struct live_meter *meter = calloc(1, sizeof *meter + count * sizeof meter->devices[0]);
    int rc = meter ? 0 : WT_E_NO_MEMORY;
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        const struct wt_device *device = sense_device(sense, devices[i]);
        meter->count++;
        meter->gpu_count += device->kind == WT_DEVICE_GPU;
        rc = track_init(&meter->devices[i].track, device, devices[i], true);
    }
    if (rc) {
        live_meter_free(meter);
        return error_set(err, rc, "make a meter of the devices: out of memory");
    }
    meter->sense = sense;
    *out = meter;
    return 0;
}

struct live_meter *live_meter_free(struct live_meter *meter)
{
    for (unsigned i = 0; meter && i < meter->count; i++)
        track_drop(&meter->devices[i].track);
    free(meter);
    return NULL;
}

unsigned live_meter_device_count(const struct live_meter *meter)
{
    return meter->count;
}

unsigned live_meter_gpu_count(const struct live_meter *meter)
{
    return meter->gpu_count;
}

const struct wt_device *live_meter_device(const struct live_meter *meter, unsigned i)
{
    return &meter->devices[i].track.device;
}

void live_meter_until(struct live_meter *meter, bool (*ended)(void *ctx), void *ctx)
{
    meter->ended = ended;
    meter->ctx = ctx;
}

bool live_meter_is_over(const struct live_meter *meter)
{
    return meter->ended && meter->ended(meter->ctx);
}

int live_meter_state(const struct live_meter *meter, unsigned i, unsigned wanted,
                     struct wt_state *state)
{
    if (live_meter_is_over(meter))
        return WT_E_NO_DATA;
    return sense_state(meter->sense, meter->devices[i].track.position, wanted, state, NULL);
}

int live_meter_processes(const struct live_meter *meter, unsigned i, uint32_t pids[],
                         unsigned capacity, unsigned *count)
{
    if (live_meter_is_over(meter))
        return WT_E_NO_DATA;
    return sense_processes(meter->sense, meter->devices[i].track.position, pids, capacity, count,
                           NULL);
}

/* --- Events --- */

void live_meter_on_event(struct live_meter *meter,
                         void (*handle)(void *ctx, const struct live_meter_event *event), void *ctx)
{
    meter->handle = handle;
    meter->handle_ctx = ctx;
}

/* The sentence of one piece of news. */
static void describe(const struct track *track, unsigned news, const struct reading *reading,
                     const struct wt_error *err, char text[], size_t size)
{
    static const char *const kinds[] = {"GPU", "CPU", "DRAM"};
    const char *kind = kinds[track->device.kind];
    unsigned index = track->device.index;
    switch (news) {
    case TRACK_FAILED:
        snprintf(text, size, "%s; its energy is unknown until it can be read again", err->text);
        break;
    case TRACK_READABLE:
        snprintf(text, size, "%s %u can be read again", kind, index);
        break;
    case TRACK_SLOW:
        snprintf(text, size,
                 "the driver takes %.1f s to answer for %s %u: its energy is known less exactly",
                 (double)(reading->end_ns - reading->begin_ns) / 1e9, kind, index);
        break;
    case TRACK_WENT_BACK:
        snprintf(text, size, "the energy counter of %s %u went back: %s", kind, index,
                 track->device.kind == WT_DEVICE_GPU ? "the driver was reloaded"
                                                     : "it was set back");
        break;
    default:
        snprintf(
            text, size,
            track->integrate
                ? "the power readings of %s %u stand still: what it uses from here on is unknown"
                : "the energy counter of %s %u has stopped: what it uses from here on is "
                  "unknown",
            kind, index);
    }
}

static void tell(const struct live_meter *meter, const struct track *track, unsigned news,
                 const struct reading *reading, const struct wt_error *err)
{
    static const struct {
        unsigned news;
        int kind;
    } kinds[] = {{TRACK_SLOW, LIVE_METER_SLOW},
                 {TRACK_FAILED, LIVE_METER_FAILED},
                 {TRACK_READABLE, LIVE_METER_READABLE},
                 {TRACK_STOPPED, LIVE_METER_STOPPED},
                 {TRACK_WENT_BACK, LIVE_METER_WENT_BACK}};
    char text[sizeof err->text + 128];
    for (unsigned i = 0; news && meter->handle && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!(news & kinds[i].news))
            continue;
        describe(track, kinds[i].news, reading, err, text, sizeof text);
        struct live_meter_event event = {.device = &track->device, .text = text};
        event.kind = kinds[i].kind;
        meter->handle(meter->handle_ctx, &event);
    }
}

/* --- Reads --- */

void live_meter_set_gap(struct live_meter *meter, int64_t gap_ns)
{
    for (unsigned i = 0; i < meter->count; i++)
        track_set_gap(&meter->devices[i].track, gap_ns);
}

void live_meter_keep_up(struct live_meter *meter)
{
    for (unsigned i = 0; i < meter->count; i++)
        meter->devices[i].track.fine_every_ns = FINE_KEPT_UP_NS;
}

void live_meter_poll(struct live_meter *meter)
{
    for (unsigned i = 0; i < meter->count; i++) {
        struct metered *d = &meter->devices[i];
        struct reading reading;
        struct wt_error err;
        if (!track_is_due(&d->track) || live_meter_is_over(meter))
            continue;
        reading_take(meter->sense, &d->track, &reading, &err);
        tell(meter, &d->track, track_add(&d->track, &reading), &reading, &err);
        track_settle(&d->track, &d->begin);
    }
}

int64_t live_meter_next_ns(const struct live_meter *meter)
{
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < meter->count; i++) {
        int64_t at_ns = track_wake_ns(&meter->devices[i].track);
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    return next_ns;
}

/* --- Energy of the near past --- */

int live_meter_mark(const struct live_meter *meter, unsigned i, int64_t t_ns,
                    struct live_meter_mark *mark)
{
    return track_mark(&meter->devices[i].track, t_ns, mark);
}

int live_meter_between(const struct live_meter *meter, unsigned i,
                       const struct live_meter_mark *from, const struct live_meter_mark *to,
                       struct wt_measurement *measurement)
{
    return track_between(&meter->devices[i].track, from, to, measurement);
}

int live_meter_device_between(const struct live_meter *meter, unsigned i, int64_t begin_ns,
                              int64_t end_ns, struct wt_measurement *measurement)
{
    struct live_meter_mark from, to;
    if (live_meter_mark(meter, i, begin_ns, &from) || live_meter_mark(meter, i, end_ns, &to))
        return WT_E_NO_DATA;
    return live_meter_between(meter, i, &from, &to, measurement);
}

int live_meter_energy_between(const struct live_meter *meter, int64_t begin_ns, int64_t end_ns,
                              double *energy_j, double *error_j)
{
    double energy = 0, error = 0;
    for (unsigned i = 0; i < meter->gpu_count; i++) {
        struct wt_measurement window;
        if (live_meter_device_between(meter, i, begin_ns, end_ns, &window))
            return WT_E_NO_DATA;
        energy += (double)window.energy_mj / 1000;
        error += (double)window.energy_error_mj / 1000;
    }
    *energy_j = energy;
    *error_j = error;
    return 0;
}

bool live_meter_stale(const struct live_meter *meter, unsigned *i)
{
    for (*i = 0; *i < meter->gpu_count; ++*i)
        if (meter->devices[*i].track.stale)
            return true;
    return false;
}

int64_t live_meter_known_until_ns(const struct live_meter *meter)
{
    int64_t until_ns = INT64_MAX;
    for (unsigned i = 0; i < meter->gpu_count; i++) {
        int64_t known_ns = track_known_until_ns(&meter->devices[i].track);
        until_ns = known_ns < until_ns ? known_ns : until_ns;
    }
    return until_ns == INT64_MAX ? 0 : until_ns;
}

/* --- The window over the whole run --- */

void live_meter_begin(struct live_meter *meter)
{
    for (unsigned i = 0; i < meter->count; i++) {
        struct metered *d = &meter->devices[i];
        struct reading reading;
        struct wt_error err;
        reading_take(meter->sense, &d->track, &reading, &err);
        unsigned news = track_begin(&d->track, &reading, clock_now_ns(), &d->begin);
        tell(meter, &d->track, news, &reading, &err);
    }
}

void live_meter_end(struct live_meter *meter, int64_t end_ns, struct wt_measurement measurements[])
{
    for (unsigned i = 0; i < meter->count; i++) {
        struct metered *d = &meter->devices[i];
        struct reading reading;
        struct wt_error err;
        struct moment end;
        reading_take(meter->sense, &d->track, &reading, &err);
        unsigned news = track_end(&d->track, &reading, &d->begin, end_ns, &end);
        tell(meter, &d->track, news, &reading, &err);
        measurements[i] = track_window(&d->track, &d->begin, &end);
    }
}

int live_meter_so_far(const struct live_meter *meter, unsigned i, double *energy_j)
{
    return track_so_far(&meter->devices[i].track, &meter->devices[i].begin, energy_j);
}
