/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracks: the readings of one device, as they come in, and when the next one is due.
 */
#include "measure/meter/track.h"

#include <stdlib.h>

#include "base/clock.h"

/* 25 ms: 40 reads a second.  In real time never under 2 ms, or a machine whose clock runs a hundred
 * times faster would cost a core. */
static const int64_t GAP_NS = 25 * NS_PER_MS, REAL_GAP_NS = 2 * NS_PER_MS;

/* A counter that shows the same for this long, and for ten of its ticks, has stopped: cards that
 * draw next to nothing still count.  A few reads must have seen it, or one slow call would do. */
static const int64_t STALE_NS = NS_PER_S;
enum { STALE_TICKS = 10, STALE_READS = 4 };
/* A driver that takes this long to answer is worth a word. */
static const int64_t SLOW_NS = NS_PER_S;

/* Energy whose power nobody reads stays unknown: 20 readings a second go on while no slice is
 * measured. */
static const int64_t POWER_GAP_NS = 50 * NS_PER_MS;

/* Fine counters wrap within minutes (65 kJ at some 200 W: five); this sees every wrap. */
static const int64_t FINE_EVERY_NS = 20 * NS_PER_S;

int track_init(struct track *track, const struct wt_device *device, unsigned position, bool follow)
{
    *track =
        (struct track){.position = position, .device = *device, .fine_every_ns = FINE_EVERY_NS};
    if (device->has_energy_counter && follow) {
        track->edges = malloc(sizeof *track->edges);
        if (!track->edges)
            return WT_E_NO_MEMORY;
        edges_init(track->edges, device->counter_tick_ns, GAP_NS);
        track->edges->most_mw = device->most_mw;
    } else if (!device->has_energy_counter && device->power_tick_ns > 0) {
        track->integrate = malloc(sizeof *track->integrate);
        if (!track->integrate)
            return WT_E_NO_MEMORY;
        integrate_init(track->integrate, device->power_tick_ns, device->power_window_ns,
                       device->power_resolution_mw, GAP_NS);
        track->integrate->most_mw = device->most_mw;
    }
    track_set_gap(track, GAP_NS);
    return 0;
}

void track_drop(struct track *track)
{
    free(track->edges);
    free(track->integrate);
}

void track_set_gap(struct track *track, int64_t gap_ns)
{
    int64_t least_ns = (int64_t)((double)REAL_GAP_NS * clock_scale());
    int64_t power_gap_ns = gap_ns < POWER_GAP_NS ? gap_ns : POWER_GAP_NS;
    if (track->edges) {
        track->edges->gap_ns = gap_ns > least_ns ? gap_ns : least_ns;
        track->edges->learning_gap_ns = GAP_NS > least_ns ? GAP_NS : least_ns;
    }
    if (track->integrate)
        track->integrate->gap_ns = power_gap_ns > least_ns ? power_gap_ns : least_ns;
}

bool track_is_readable(const struct track *track)
{
    return track->device.has_energy_counter || track->integrate;
}

bool track_is_followed(const struct track *track)
{
    return track->edges || track->integrate;
}

bool track_is_fine(const struct wt_device *device)
{
    return device->has_energy_counter && device->counter_tick_ns < GAP_NS / 2;
}

/* --- When to read --- */

static int64_t next_read_ns(const struct track *track, int64_t now_ns)
{
    if (!track_is_followed(track))
        return INT64_MAX;
    if (track->failures)
        return track->failed_ns + (track->failures < 10 ? 100 : 1000) * NS_PER_MS;
    if (track_is_fine(&track->device))
        return track->read_ns + track->fine_every_ns;
    return track->integrate ? integrate_next_read_ns(track->integrate, now_ns)
                            : edges_next_read_ns(track->edges, now_ns);
}

/* Its next read need not be at a certain moment. */
static bool can_wait(const struct track *track)
{
    return track->edges && !track->failures && !track_is_fine(&track->device) &&
           edges_can_wait(track->edges);
}

bool track_is_due(const struct track *track)
{
    /* Asked for from the last read on, so that a moment that has passed meanwhile counts as due. */
    return can_wait(track) ? edges_may_read(track->edges, clock_now_ns())
                           : next_read_ns(track, track->read_ns + 1) <= clock_now_ns();
}

/* A device that can wait gives others half a gap to be read by the same waking. */
int64_t track_wake_ns(const struct track *track)
{
    int64_t at_ns = next_read_ns(track, track->read_ns + 1);
    if (!can_wait(track))
        return at_ns;
    int64_t now_ns = clock_now_ns(), latest_ns = at_ns + track->edges->gap_ns / 2;
    return edges_next_read_ns(track->edges, latest_ns > now_ns ? latest_ns : now_ns);
}

/* --- Readings --- */

static int read_power(struct sense *sense, const struct track *track, struct reading *reading,
                      struct wt_error *err)
{
    static const char *const kinds[] = {"GPU", "CPU", "DRAM"};
    const struct wt_device *device = &track->device;
    struct wt_state state;
    int rc = sense_state(sense, track->position, WT_STATE_POWER, &state, err);
    if (rc)
        return rc;
    if (!(state.known & WT_STATE_POWER))
        return error_set(err, WT_E_NO_DATA, "%s %u (%s) does not tell its power now",
                         kinds[device->kind], device->index, device->name);
    reading->power_mw = state.power_mw;
    reading->sample = (struct wt_sample){.t_ns = reading->begin_ns, .source = WT_SOURCE_INTEGRATED};
    return 0;
}

void reading_take(struct sense *sense, const struct track *track, struct reading *reading,
                  struct wt_error *err)
{
    reading->begin_ns = clock_now_ns();
    reading->rc = track->device.has_energy_counter
                      ? sense_energy(sense, track->position, &reading->sample, err)
                  : track->integrate ? read_power(sense, track, reading, err)
                                     : WT_E_NOT_SUPPORTED;
    reading->end_ns = clock_now_ns();
}

/* The counter was set back between two reads.  Its value at the first of them stays true; the
 * energy between its last tick before and the reset is bounded by the most that the device can
 * draw. */
static void carry(struct track *track, const struct wt_sample *sample)
{
    double length_s = (double)(sample->t_ns - track->last.t_ns + sample->lag_ns) / 1e9;
    double most_mj = (double)track->device.most_mw * length_s;
    track->base_mj += track->last.energy_mj;
    track->base_error_mj += (uint64_t)most_mj;
    track->reset_ns = sample->t_ns;
    /* It did not start from 0, nobody can tell, or nobody looked for long before. */
    if (!track->device.most_mw || (double)sample->energy_mj > most_mj || !track->edges)
        track->lost_ns = sample->t_ns;
}

/* Notices a counter that does not move, so that nobody takes its device for one at rest. */
static unsigned note_move(struct track *track, const struct reading *reading)
{
    const struct wt_sample *sample = &reading->sample;
    if (track->last.source == WT_SOURCE_NONE || sample->energy_mj != track->last.energy_mj) {
        if (track->stopped_until_ns == INT64_MAX)
            track->stopped_until_ns = sample->t_ns;
        track->moved_ns = sample->t_ns;
        track->unmoved = 0;
        return 0;
    }
    int64_t ticks_ns = STALE_TICKS * track->device.counter_tick_ns,
            most_ns = ticks_ns > STALE_NS ? ticks_ns : STALE_NS;
    if (++track->unmoved < STALE_READS || reading->begin_ns - track->moved_ns <= most_ns ||
        track_is_fine(&track->device) || track->device.replayed)
        return 0;
    bool first = !track->stale;
    track->stale = true;
    track->stopped_until_ns = INT64_MAX;
    return first ? TRACK_STOPPED : 0;
}

static unsigned add_count(struct track *track, const struct reading *reading)
{
    const struct wt_sample *sample = &reading->sample;
    int64_t begin_ns = sample->t_ns < reading->begin_ns ? sample->t_ns : reading->begin_ns;
    unsigned news = note_move(track, reading);
    if (track->last.source != WT_SOURCE_NONE && sample->energy_mj < track->last.energy_mj) {
        carry(track, sample);
        news |= TRACK_WENT_BACK;
    }
    if (track->edges)
        edges_add(track->edges, begin_ns, reading->end_ns, sample->energy_mj);
    track->last = *sample;
    track->read_ns = begin_ns > track->read_ns ? begin_ns : track->read_ns;
    return news;
}

static unsigned add_power(struct track *track, const struct reading *reading)
{
    integrate_add(track->integrate, reading->begin_ns, reading->end_ns, reading->power_mw);
    track->read_ns = reading->begin_ns;
    if (!track->integrate->stopped || track->stale || track->device.replayed)
        return 0;
    track->stale = true;
    return TRACK_STOPPED;
}

unsigned track_add(struct track *track, const struct reading *reading)
{
    if (track->has_read && reading->begin_ns < track->read_end_ns)
        return 0;
    unsigned news = 0;
    if (!track->told_slow && reading->end_ns - reading->begin_ns >= SLOW_NS) {
        track->told_slow = true;
        news |= TRACK_SLOW;
    }
    if (reading->rc) {
        track->failed_ns = reading->end_ns;
        return news | (track->failures++ == 0 ? TRACK_FAILED : 0);
    }
    news |= track->failures ? TRACK_READABLE : 0;
    track->failures = 0;
    track->has_read = true;
    track->read_end_ns = reading->end_ns;
    return news | (track->integrate ? add_power(track, reading) : add_count(track, reading));
}
