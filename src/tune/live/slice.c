/* SPDX-License-Identifier: Apache-2.0
 *
 * One slice while it is measured.
 */
#include "tune/live/slice.h"

#include <math.h>

#include "base/clock.h"

/* The least length of a group of steps, over which one time per step is taken.  Steps are counted
 * at polls some 25 ms apart: over 150 ms, one poll more or less is not the scatter. */
static const int64_t GROUP_NS = 150 * NS_PER_MS;

static double seconds(int64_t length_ns)
{
    return (double)length_ns / (double)NS_PER_S;
}

void slice_start(struct slice *slice, uint32_t limit_mw)
{
    *slice = (struct slice){.limit_mw = limit_mw};
}

void slice_step(struct slice *slice, struct step_mark mark)
{
    if (!slice->open) {
        slice->open = true;
        slice->begin = slice->last = slice->group = mark;
        return;
    }
    slice->last = mark;
    if (mark.t_ns - slice->group.t_ns >= GROUP_NS && mark.steps > slice->group.steps) {
        stats_add(&slice->group_step_s, seconds(mark.t_ns - slice->group.t_ns) /
                                            (double)(mark.steps - slice->group.steps));
        slice->group = mark;
    }
}

static void book(struct slice *slice, const struct live_meter *meter, struct step_mark begin,
                 struct step_mark end)
{
    double energy_j, error_j;
    slice->steps += end.steps - begin.steps;
    slice->time_s += seconds(end.t_ns - begin.t_ns);
    if (live_meter_energy_between(meter, begin.t_ns, end.t_ns, &energy_j, &error_j)) {
        slice->unknown = true;
        return;
    }
    slice->energy_j += energy_j;
    slice->error_j = hypot(slice->error_j, error_j);
}

void slice_interrupt(struct slice *slice)
{
    if (slice->open && slice->last.steps > slice->begin.steps &&
        slice->piece_count < SLICE_PIECES) {
        slice->pieces[slice->piece_count].begin = slice->begin;
        slice->pieces[slice->piece_count++].end = slice->last;
    }
    slice->open = false;
}

double slice_length_s(const struct slice *slice)
{
    double length_s = slice->time_s;
    for (unsigned i = 0; i < slice->piece_count; i++)
        length_s += seconds(slice->pieces[i].end.t_ns - slice->pieces[i].begin.t_ns);
    return slice->open ? length_s + seconds(slice->last.t_ns - slice->begin.t_ns) : length_s;
}

/* Closed pieces that end by until_ns become sums; the others wait. */
static void book_until(struct slice *slice, const struct live_meter *meter, int64_t until_ns)
{
    unsigned left = 0;
    for (unsigned i = 0; i < slice->piece_count; i++) {
        if (slice->pieces[i].end.t_ns <= until_ns)
            book(slice, meter, slice->pieces[i].begin, slice->pieces[i].end);
        else
            slice->pieces[left++] = slice->pieces[i];
    }
    slice->piece_count = left;
}

void slice_settle(struct slice *slice, const struct live_meter *meter)
{
    book_until(slice, meter, INT64_MAX);
}

struct wt_profile_point slice_point(struct slice *slice, const struct live_meter *meter)
{
    book_until(slice, meter, live_meter_known_until_ns(meter)); /* the edges have passed these */
    struct slice whole = *slice;
    if (whole.open && whole.last.steps > whole.begin.steps)
        book(&whole, meter, whole.begin, whole.last);
    struct wt_profile_point point = {.setting = {WT_KNOB_POWER_LIMIT, slice->limit_mw},
                                     .throttled = slice->throttled};
    if (whole.steps == 0 || whole.time_s <= 0 || whole.unknown)
        return point;
    double steps = (double)whole.steps;
    point.steps = whole.steps;
    point.time_per_step_s = whole.time_s / steps;
    point.energy_per_step_j = whole.energy_j / steps;
    point.energy_error_j = whole.error_j / steps;
    point.time_error_s = stats_mean_error(&whole.group_step_s);
    return point;
}
