/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch: one edge tracker per device, fed at the moments it asks for.
 */
#include "run/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "meter/window.h"
#include "sense/edges.h"

/* 25 ms: 40 reads a second.  In real time never under 2 ms, or a machine whose clock runs a hundred times faster would
 * cost a core. */
static const int64_t GAP_NS = 25 * NS_PER_MS, REAL_GAP_NS = 2 * NS_PER_MS;

/* Fine counters wrap within minutes (65 kJ at some 200 W: five); this sees every one. */
static const int64_t FINE_EVERY_NS = 20 * NS_PER_S;

struct watched {
    unsigned position;               /* in the source */
    struct wt_device device;
    struct edges edges;
    struct wt_sample begin;          /* of the window over everything */
    int64_t reset_ns;                /* when the counter last went back; 0: never */
    unsigned failures;               /* reads that failed in a row */
    int64_t failed_ns;               /* the last of them */
};

struct watch {
    struct sense *sense;
    unsigned count, gpu_count;
    struct watched devices[];
};

int watch_new(struct sense *sense, const unsigned devices[], unsigned count, struct watch **out,
              struct wt_error *err)
{
    struct watch *watch = calloc(1, sizeof *watch + count * sizeof watch->devices[0]);
    if (!watch)
        return error_set(err, WT_E_NO_MEMORY, "watch the devices: out of memory");
    watch->sense = sense;
    watch->count = count;
    for (unsigned i = 0; i < count; i++) {
        watch->devices[i].position = devices[i];
        watch->devices[i].device = *sense_device(sense, devices[i]);
        watch->gpu_count += watch->devices[i].device.kind == WT_DEVICE_GPU;
        edges_init(&watch->devices[i].edges, watch->devices[i].device.counter_tick_ns, GAP_NS);
    }
    watch_set_gap(watch, GAP_NS);
    *out = watch;
    return 0;
}

struct watch *watch_free(struct watch *watch)
{
    free(watch);
    return NULL;
}

unsigned watch_device_count(const struct watch *watch)
{
    return watch->count;
}

unsigned watch_gpu_count(const struct watch *watch)
{
    return watch->gpu_count;
}

const struct wt_device *watch_device(const struct watch *watch, unsigned i)
{
    return &watch->devices[i].device;
}

int watch_state(const struct watch *watch, unsigned i, unsigned wanted, struct wt_state *state)
{
    return sense_state(watch->sense, watch->devices[i].position, wanted, state, NULL);
}

int watch_processes(const struct watch *watch, unsigned i, uint32_t pids[], unsigned capacity, unsigned *count)
{
    return sense_processes(watch->sense, watch->devices[i].position, pids, capacity, count, NULL);
}

void watch_set_gap(struct watch *watch, int64_t gap_ns)
{
    int64_t least_ns = (int64_t)((double)REAL_GAP_NS * clock_scale());
    for (unsigned i = 0; i < watch->count; i++)
        watch->devices[i].edges.gap_ns = gap_ns > least_ns ? gap_ns : least_ns;
}

/* A counter that moves every millisecond (RAPL) needs no edges: any read is as good. */
static bool is_fine(const struct watched *d)
{
    return d->device.counter_tick_ns < GAP_NS / 2;
}

/* One read into the edge tracker.  The first failure of a row is said; after that the device is asked less often. */
static int read_device(struct watch *watch, struct watched *d, struct wt_sample *sample)
{
    struct wt_error err;
    int rc = sense_energy(watch->sense, d->position, sample, &err);
    if (rc) {
        d->failed_ns = clock_now_ns();
        if (d->failures++ == 0)
            log_warning("%s; its energy is unknown until it can be read again", err.text);
        return rc;
    }
    if (d->failures)
        log_note("GPU %u can be read again", d->device.index);
    d->failures = 0;
    edges_add(&d->edges, sample->t_ns, clock_now_ns(), sample->energy_mj);
    if (edges_take_reset(&d->edges)) {
        d->reset_ns = sample->t_ns;
        log_warning("the energy counter of GPU %u went back: the driver was reloaded", d->device.index);
    }
    return 0;
}

static int64_t next_read_ns(const struct watched *d, int64_t now_ns)
{
    if (!d->device.has_energy_counter)
        return INT64_MAX;
    if (d->failures)
        return d->failed_ns + (d->failures < 10 ? 100 : 1000) * NS_PER_MS;
    if (is_fine(d))
        return d->edges.read_ns + FINE_EVERY_NS;
    return edges_next_read_ns(&d->edges, now_ns);
}

void watch_poll(struct watch *watch)
{
    for (unsigned i = 0; i < watch->count; i++) {
        struct watched *d = &watch->devices[i];
        struct wt_sample sample;
        /* Asked for from the last read on, so that a moment that has passed meanwhile counts as due. */
        if (next_read_ns(d, d->edges.read_ns + 1) <= clock_now_ns())
            read_device(watch, d, &sample);
    }
}

int64_t watch_next_ns(const struct watch *watch)
{
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < watch->count; i++) {
        int64_t at_ns = next_read_ns(&watch->devices[i], watch->devices[i].edges.read_ns + 1);
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    return next_ns;
}

int watch_energy_at(const struct watch *watch, unsigned i, int64_t t_ns, struct wt_sample *sample)
{
    return edges_energy_at(&watch->devices[i].edges, t_ns, sample);
}

int watch_energy_between(const struct watch *watch, int64_t begin_ns, int64_t end_ns, double *energy_j,
                         double *error_j)
{
    double energy = 0, error = 0;
    for (unsigned i = 0; i < watch->gpu_count; i++) {
        struct wt_sample begin, end;
        if (watch->devices[i].reset_ns >= begin_ns && watch->devices[i].reset_ns)
            return WT_E_NO_DATA;
        if (watch_energy_at(watch, i, begin_ns, &begin) || watch_energy_at(watch, i, end_ns, &end) ||
            end.energy_mj < begin.energy_mj)
            return WT_E_NO_DATA;
        energy += (double)(end.energy_mj - begin.energy_mj) / 1000;
        error += (double)(end.energy_error_mj + begin.energy_error_mj) / 1000;
    }
    *energy_j = energy;
    *error_j = error;
    return 0;
}

int64_t watch_known_until_ns(const struct watch *watch)
{
    int64_t until_ns = INT64_MAX;
    for (unsigned i = 0; i < watch->gpu_count; i++) {
        int64_t known_ns = edges_known_until_ns(&watch->devices[i].edges);
        until_ns = known_ns < until_ns ? known_ns : until_ns;
    }
    return until_ns == INT64_MAX ? 0 : until_ns;
}

void watch_begin(struct watch *watch)
{
    for (unsigned i = 0; i < watch->count; i++) {
        struct watched *d = &watch->devices[i];
        d->begin = (struct wt_sample){.t_ns = clock_now_ns(), .source = WT_SOURCE_NONE};
        if (d->device.has_energy_counter)
            read_device(watch, d, &d->begin);
    }
}

/* The better of two ways: from the edges around both moments, or from the two plain reads. */
static struct wt_measurement best_window(const struct watched *d, const struct wt_sample *end)
{
    struct wt_measurement plain = meter_between(&d->begin, end, d->device.limit_max_mw);
    struct wt_sample from, to;
    if (plain.source == WT_SOURCE_NONE || is_fine(d) || edges_energy_at(&d->edges, d->begin.t_ns, &from) ||
        edges_energy_at(&d->edges, end->t_ns, &to) || to.energy_mj < from.energy_mj)
        return plain;
    struct wt_measurement tracked = meter_between(&from, &to, d->device.limit_max_mw);
    tracked.source = plain.source;
    return tracked.energy_error_mj < plain.energy_error_mj ? tracked : plain;
}

void watch_end(struct watch *watch, struct wt_measurement measurements[])
{
    for (unsigned i = 0; i < watch->count; i++) {
        struct watched *d = &watch->devices[i];
        struct wt_sample end = {.t_ns = clock_now_ns(), .source = WT_SOURCE_NONE};
        if (d->device.has_energy_counter)
            read_device(watch, d, &end);
        if (d->reset_ns && d->reset_ns >= d->begin.t_ns)
            end.quality |= WT_QUALITY_RESET;
        measurements[i] = best_window(d, &end);
    }
}
