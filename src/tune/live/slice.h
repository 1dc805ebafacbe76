/* SPDX-License-Identifier: Apache-2.0
 *
 * One slice while it is measured: whole steps at one power limit, in pieces.  An interruption (the
 * end of an epoch, a validation, a checkpoint) ends a piece and the slice goes on with the next:
 * short epochs must not prevent a profile for ever.  Pieces begin and end at the end of a step, and
 * their energy is looked up once the counters' edges have passed them.
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
    unsigned piece_count;         /* closed pieces whose energy is not looked up yet */
    struct {
        struct step_mark begin, end;
    } pieces[SLICE_PIECES];
    uint64_t steps; /* of the pieces that are looked up */
    double time_s, energy_j, error_j;
    bool unknown; /* a piece's energy could not be known */
    bool throttled;
    struct step_mark batch; /* where the current batch of steps began */
    struct stats
        batch_step_s; /* time per step, batch by batch: its scatter is the error of the time */
};

void slice_start(struct slice *slice, uint32_t limit_mw);

/* A step ended: opens a piece, or extends it. */
void slice_step(struct slice *slice, struct step_mark mark);

/* Something else than steps goes on since the last step: closes the piece there. */
void slice_interrupt(struct slice *slice);

/* What the slice says so far; steps is 0 when it says nothing yet. */
struct wt_profile_point slice_point(struct slice *slice, const struct live_meter *watch);

/* Nothing more will be read: books closed pieces that the edges have not passed as well as can be
 * told now. */
void slice_settle(struct slice *slice, const struct live_meter *watch);

/* Its length so far, seconds of steps. */
double slice_length_s(const struct slice *slice);

#endif
