/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy of a device that tells power only.  A sensor shows a new value once a tick, the mean over
 * a window that ended at that tick: the reading stands for a moment half a window and half a tick
 * back, give or take half a tick.  Between readings power is taken to move in a straight line.
 *
 * The bound counts the evidence of the readings themselves: how much they scatter (a sensor that
 * looks part of the time, read by us part of the time, is a sample of the truth), and how much lies
 * in the unseen part of a tick where power changed. Nobody can see a load that repeats exactly with
 * the sensor's tick, and the bound leaves it out.  Pure: no reads, no clock.
 */
#ifndef WATTUNE_MEASURE_METER_INTEGRATE_H
#define WATTUNE_MEASURE_METER_INTEGRATE_H

#include "measure/meter/mark.h"

enum { INTEGRATE_KNOTS = 4096 }; /* at 40 readings a second more than 100 s of past */

struct integrate_knot {
    int64_t t_ns;    /* the moment that the reading stands for */
    int64_t call_ns; /* how long the call took */
    uint32_t power_mw;
    double energy_mj;    /* from the first knot to this one */
    double variance_mj2; /* of energy_mj, as the scatter of the readings tells */
    double unseen_mj;    /* sum of the energy that may lie between the sensor's windows */
};

struct integrate {
    int64_t tick_ns, window_ns;
    uint32_t resolution_mw;
    int64_t gap_ns;  /* least time between two reads */
    double most_mw;  /* the most that the sensor can show; 0: not known, taken as twice the power
                        seen */
    uint32_t random; /* state of the jitter of read times */
    bool has_read;
    int64_t read_ns;         /* last read, when its call began */
    bool has_moved, stopped; /* stopped: its readings have stood still for good, since moved_ns */
    int64_t moved_ns;        /* the first read that showed the last value */
    unsigned same;           /* reads after that one which showed the same */
    uint64_t added;          /* readings, those that the ring has forgotten included */
    unsigned count, head;    /* of the ring; head is the next place to write */
    struct integrate_knot knots[INTEGRATE_KNOTS];
};

/* `tick_ns`, `window_ns`, `resolution_mw`: the sensor's habits (struct wt_device); `gap_ns`: least
 * time between reads. */
void integrate_init(struct integrate *integrate, int64_t tick_ns, int64_t window_ns,
                    uint32_t resolution_mw, int64_t gap_ns);

/* One reading: its call began at begin_ns, returned at end_ns with power_mw.  A sensor of a known
 * fine resolution is never still: readings that agree for long are a sensor that has stopped, and
 * from then on nothing is known of the device. */
void integrate_add(struct integrate *integrate, int64_t begin_ns, int64_t end_ns,
                   uint32_t power_mw);

/* When to read next: gap_ns or a tick after the last read, and at random up to three quarters of
 * that more (a quarter on average), or all of it where readings are further apart than ticks, so
 * that reads never keep step with the load. */
int64_t integrate_next_read_ns(const struct integrate *integrate, int64_t now_ns);

/* The newest moment that lies between readings; 0 before there is one. */
int64_t integrate_known_until_ns(const struct integrate *integrate);

/* The mark of a moment: behind the newest reading the power seen last goes on.  WT_E_NO_DATA when
 * nothing was read, or the moment lies too far before the oldest reading that is kept. */
int integrate_at(const struct integrate *integrate, int64_t t_ns, struct integrate_mark *mark);

/* The energy between two marks; source is WT_SOURCE_INTEGRATED, or
 * WT_SOURCE_NONE with WT_QUALITY_STALE when the readings stopped in between, or may have and
 * nothing bounds the power. */
struct wt_measurement integrate_between(const struct integrate *integrate,
                                        const struct integrate_mark *begin,
                                        const struct integrate_mark *end);

#endif
