/* SPDX-License-Identifier: Apache-2.0
 *
 * One slice while it is measured: whole steps at one power limit, in pieces.  An interruption (the
 * end of an epoch, a validation, a checkpoint) ends a piece and the slice goes on with the next:
 * short epochs must not prevent a profile for ever.  Pieces begin and end at the end of a step, and
 * get their energy once the counters' edges have passed them.
 */
#ifndef WATTUNE_TUNE_LIVE_SLICE_H
#define WATTUNE_TUNE_LIVE_SLICE_H

#include "base/stats.h"
#include "flow/profile.h"
#include "measure/meter/meter.h"

struct step_mark { /* the end of a step, as seen */
    int64_t t_ns;
    uint64_t steps;
};

enum { SLICE_PIECES = 32 };

struct slice {
    uint32_t limit_mw;
    bool open;                    /* a piece is under way, from `begin` */
    struct step_mark begin, last; /* last: the newest step of the open piece */
    unsigned piece_count;         /* closed pieces that still wait for their energy */
    struct {
        struct step_mark begin, end;
    } pieces[SLICE_PIECES];
    uint64_t steps; /* of the pieces with energy */
    double time_s, energy_j, error_j;
    bool unknown; /* the energy of a piece cannot be known */
    bool throttled;
    struct step_mark group;    /* the beginning of the current group of steps */
    struct stats group_step_s; /* time per step, group by group: its scatter is the time's error */
};

void slice_start(struct slice *slice, uint32_t limit_mw);

/* Takes a step's end: opens a piece, or extends it. */
void slice_step(struct slice *slice, struct step_mark mark);

/* Closes the piece at its last step: something else than steps goes on since. */
void slice_interrupt(struct slice *slice);

/* The cost of a step as far as known; steps is 0 while nothing is. */
struct wt_profile_point slice_point(struct slice *slice, const struct live_meter *meter);

/* Books closed pieces that the edges have not passed as well as can be told now: there will be no
 * further reading. */
void slice_settle(struct slice *slice, const struct live_meter *meter);

/* Its length so far, seconds of steps. */
double slice_length_s(const struct slice *slice);

#endif
