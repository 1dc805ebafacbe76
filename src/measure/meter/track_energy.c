/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracks: energy between two moments, of the past (marks) or read for it (windows).
 */
#include <math.h>

#include "base/clock.h"
#include "measure/meter/track.h"

/* The begin of a window is final when this much behind it is known. */
static const int64_t SETTLED_NS = NS_PER_S;

/* While a tuned run holds its limit, counters are read every 250 ms; twice that, and a little. */
static const int64_t UNREAD_MOST_NS = 600 * NS_PER_MS;

int64_t track_known_until_ns(const struct track *track)
{
    return track->integrate ? integrate_known_until_ns(track->integrate)
           : track->edges   ? edges_known_until_ns(track->edges)
                            : 0;
}

/* Whatever the readings leave open, a device uses no less than nothing and no more than it can. */
static void cut_error(const struct track *track, int64_t length_ns, struct wt_measurement *window)
{
    double energy_mj = (double)window->energy_mj,
           all_mj = (double)track->device.most_mw * (double)length_ns / 1e9;
    double most_mj = fmax(all_mj - energy_mj, energy_mj);
    if (track->device.most_mw && window->source != WT_SOURCE_NONE &&
        (double)window->energy_error_mj > most_mj)
        window->energy_error_mj = (uint64_t)most_mj + 1;
}

/* --- Marks --- */

int track_mark(const struct track *track, int64_t t_ns, struct live_meter_mark *mark)
{
    mark->t_ns = t_ns;
    return track->integrate ? integrate_at(track->integrate, t_ns, &mark->power)
           : track->edges   ? edges_energy_at(track->edges, t_ns, &mark->counter)
                            : WT_E_NO_DATA;
}

/* Energy is not known across a moment at which the counter was set back, nor behind one at which it
 * stopped or could not be read. */
static int counted_between(const struct track *track, const struct live_meter_mark *from,
                           const struct live_meter_mark *to, struct wt_measurement *window)
{
    if ((track->reset_ns && track->reset_ns >= from->t_ns) ||
        (track->stale && to->t_ns > track->moved_ns) ||
        (track->failures && to->t_ns > track->last.t_ns) ||
        to->counter.energy_mj < from->counter.energy_mj)
        return WT_E_NO_DATA;
    *window = (struct wt_measurement){.energy_mj = to->counter.energy_mj - from->counter.energy_mj,
                                      .energy_error_mj = to->counter.energy_error_mj +
                                                         from->counter.energy_error_mj,
                                      .source = WT_SOURCE_COUNTER};
    return 0;
}

int track_between(const struct track *track, const struct live_meter_mark *from,
                  const struct live_meter_mark *to, struct wt_measurement *measurement)
{
    struct wt_measurement window;
    if (!track->integrate) {
        if (counted_between(track, from, to, &window))
            return WT_E_NO_DATA;
    } else if (to->power.gap ||
               (window = integrate_between(track->integrate, &from->power, &to->power)).source ==
                   WT_SOURCE_NONE) {
        return WT_E_NO_DATA;
    }
    cut_error(track, to->t_ns - from->t_ns, &window);
    window.begin_ns = from->t_ns;
    window.end_ns = to->t_ns;
    *measurement = window;
    return 0;
}

/* --- The ends of a window --- */

static unsigned add_moment(struct track *track, const struct reading *reading,
                           struct moment *moment)
{
    int64_t before_ns = track->read_ns, resets_ns = track->reset_ns;
    *moment = (struct moment){.read = {.t_ns = reading->end_ns, .source = WT_SOURCE_NONE}};
    if (!track_is_readable(track))
        return 0;
    unsigned news = track_add(track, reading);
    if (reading->rc == WT_E_DEVICE_LOST)
        moment->read.quality = WT_QUALITY_LOST;
    /* Set back during the call, seen by a read that overlapped: nobody knows which value this is.
     */
    if (reading->rc || (resets_ns && resets_ns >= reading->begin_ns))
        return news;
    moment->read = reading->sample;
    moment->read.energy_mj += track->base_mj;
    moment->base_error_mj = track->base_error_mj;
    moment->unread_ns = reading->sample.t_ns - before_ns;
    return news;
}

unsigned track_begin(struct track *track, const struct reading *reading, int64_t now_ns,
                     struct moment *begin)
{
    unsigned news = add_moment(track, reading, begin);
    if (track->integrate && !track->device.replayed)
        begin->read.t_ns = now_ns;
    track_settle(track, begin);
    return news;
}

void track_settle(const struct track *track, struct moment *begin)
{
    if (!track->integrate || begin->power_settled || begin->read.source == WT_SOURCE_NONE)
        return;
    bool found = integrate_at(track->integrate, begin->read.t_ns, &begin->power) == 0;
    begin->power_known |= found;
    begin->power_settled =
        found && integrate_known_until_ns(track->integrate) > begin->read.t_ns + SETTLED_NS;
}

/* A reading comes after the moment that is meant, by more than a little if the driver is slow.  It
 * stands for that moment then, and is too high by all that the device can have used since. */
unsigned track_end(struct track *track, const struct reading *reading, const struct moment *begin,
                   int64_t end_ns, struct moment *end)
{
    unsigned news = add_moment(track, reading, end);
    int64_t late_ns = end->read.t_ns - end_ns;
    if (end_ns == 0 || late_ns <= 0 || end_ns < begin->read.t_ns || track->device.replayed)
        return news;
    if (track->integrate) {
        if (end_ns > begin->read.t_ns)
            end->read.t_ns = end_ns; /* looked up among the readings around it */
    } else if (end->read.source != WT_SOURCE_NONE && track->device.most_mw) {
        end->read.energy_error_mj +=
            (uint64_t)((double)track->device.most_mw * (double)late_ns / 1e9);
        end->read.lag_ns = track->device.counter_tick_ns;
        end->read.t_ns = end_ns;
    }
    return news;
}

/* --- Windows --- */

static struct wt_measurement integrated_window(const struct track *track,
                                               const struct moment *begin, const struct moment *end)
{
    struct wt_measurement unknown = {.begin_ns = begin->read.t_ns,
                                     .end_ns = end->read.t_ns,
                                     .source = WT_SOURCE_NONE,
                                     .quality = begin->read.quality | end->read.quality};
    struct moment from = *begin;
    struct integrate_mark to;
    track_settle(track, &from);
    if (!from.power_known || end->read.source == WT_SOURCE_NONE ||
        integrate_at(track->integrate, end->read.t_ns, &to))
        return unknown;
    struct wt_measurement window = integrate_between(track->integrate, &from.power, &to);
    cut_error(track, end->read.t_ns - begin->read.t_ns, &window);
    if (track->device.replayed && window.source != WT_SOURCE_NONE)
        window.source = WT_SOURCE_REPLAYED;
    return window;
}

/* From the two reads.  The energy between is known to the two ticks, and to as long as a counter
 * that may have stopped, too lately to be sure, could have missed. */
static struct wt_measurement plain_window(const struct track *track, const struct moment *begin,
                                          const struct moment *end)
{
    struct wt_sample to = end->read;
    to.energy_error_mj += end->base_error_mj - begin->base_error_mj;
    if (track->lost_ns && track->lost_ns >= begin->read.t_ns)
        to.quality |= WT_QUALITY_RESET;
    struct wt_measurement window = samples_between(&begin->read, &to, track->device.most_mw);
    if (track->reset_ns && track->reset_ns >= begin->read.t_ns)
        window.quality |= WT_QUALITY_RESET;
    if (window.source == WT_SOURCE_NONE || track_is_fine(&track->device) || track->device.replayed)
        return window;
    int64_t silent_ns = track->unmoved ? to.t_ns - track->moved_ns : 0;
    bool may_have_stopped = silent_ns > 2 * track->device.counter_tick_ns;
    if (begin->read.t_ns < track->stopped_until_ns ||
        (may_have_stopped && !track->device.most_mw)) {
        window.quality |= WT_QUALITY_STALE;
        window.source = WT_SOURCE_NONE;
    } else if (may_have_stopped) {
        window.quality |= WT_QUALITY_STALE;
        int64_t length_ns = to.t_ns - begin->read.t_ns;
        double missed_s = (double)(silent_ns < length_ns ? silent_ns : length_ns) / 1e9;
        window.energy_error_mj += (uint64_t)((double)track->device.most_mw * missed_s);
    }
    return window;
}

struct wt_measurement track_window(const struct track *track, const struct moment *begin,
                                   const struct moment *end)
{
    if (track->integrate)
        return integrated_window(track, begin, end);
    struct wt_measurement plain = plain_window(track, begin, end);
    struct wt_sample from, to;
    /* When nobody looked for a while before the end (a slow driver, a host that had no time for
     * us), the power of that time does not follow from the power before it: the two reads and their
     * wide bound stand. */
    int64_t known_ns = 6 * track->device.counter_tick_ns > UNREAD_MOST_NS
                           ? 6 * track->device.counter_tick_ns
                           : UNREAD_MOST_NS;
    if (!track->edges || plain.source == WT_SOURCE_NONE || plain.quality ||
        track_is_fine(&track->device) || end->unread_ns > known_ns ||
        edges_energy_since(track->edges, begin->read.t_ns, begin->read.t_ns, &from) ||
        edges_energy_since(track->edges, begin->read.t_ns, end->read.t_ns, &to) ||
        to.energy_mj < from.energy_mj || (to.quality & WT_QUALITY_STALE))
        return plain;
    struct wt_measurement tracked = samples_between(&from, &to, track->device.most_mw);
    tracked.source = plain.source;
    return tracked.energy_error_mj < plain.energy_error_mj ? tracked : plain;
}

int track_so_far(const struct track *track, const struct moment *begin, double *energy_j)
{
    struct integrate_mark to;
    if (begin->read.source == WT_SOURCE_NONE || track->stale || track->failures)
        return WT_E_NO_DATA;
    if (track->integrate) {
        if (!begin->power_settled ||
            integrate_at(track->integrate, integrate_known_until_ns(track->integrate), &to))
            return WT_E_NO_DATA;
        struct wt_measurement window = integrate_between(track->integrate, &begin->power, &to);
        if (window.source == WT_SOURCE_NONE)
            return WT_E_NO_DATA;
        *energy_j = (double)window.energy_mj / 1000;
        return 0;
    }
    uint64_t to_mj = track->base_mj + track->last.energy_mj;
    if (track->last.source == WT_SOURCE_NONE ||
        (track->lost_ns && track->lost_ns >= begin->read.t_ns) || to_mj < begin->read.energy_mj)
        return WT_E_NO_DATA;
    *energy_j = (double)(to_mj - begin->read.energy_mj) / 1000;
    return 0;
}
