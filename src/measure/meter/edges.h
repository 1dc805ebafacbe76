/* SPDX-License-Identifier: Apache-2.0
 *
 * Edges of an energy counter.  A counter moves in ticks of 20 to 100 ms, and right after a tick its
 * value is exact for that moment; between ticks it is up to a tick old.  An owner that lives long
 * reads it a few times a second, and this keeps the knowledge from those reads: where the ticks lie
 * (phase and period, as intervals), and a ring of knots (a span of time that holds one tick, the
 * energy at it).  Energy at any moment is then known far better than to a tick.
 *
 * The reading moments are chosen by the same estimate.  While the ticks are known vaguely a read is
 * put in the middle of the span in which the next one must lie, so that each halves it; once they
 * are known, reads keep clear of them, so that there is no doubt to which tick a value belongs.
 * Pure: times come in as arguments, no reads are made here.
 */
#ifndef WATTUNE_MEASURE_METER_EDGES_H
#define WATTUNE_MEASURE_METER_EDGES_H

#include <stdbool.h>

#include "flow/sample.h"

enum { EDGES_KNOTS = 4096 };      /* at 40 reads a second more than 100 s of past */
enum { EDGES_STILL_PERIODS = 4 }; /* a counter without a new value for so many stands still */

struct edges_knot {
    int64_t lo_ns, hi_ns; /* the edge lies inside */
    uint64_t energy_mj;   /* at the edge */
};

struct edges {
    int64_t tick_ns;         /* nominal period */
    int64_t gap_ns;          /* mean time between two reads, at least */
    int64_t learning_gap_ns; /* the same, if shorter, while the ticks are being learned: */
    unsigned learning_left;  /* reads that may still come so, in 16ths */
    double most_mw; /* the most that the counter can show; 0: not known, taken as twice the power
                       seen */
    unsigned count, head; /* of the ring; head is the next place to write */

    bool has_read;
    int64_t read_ns, read_end_ns; /* last read: when its call began and returned */
    uint64_t read_mj;
    int64_t moved_ns;     /* last read that showed a new value */
    unsigned close_reads; /* in a row, the last one included, that came before their rested_ns */
    int64_t rested_ns;    /* from here on a read need not be made up for */

    bool phase_known; /* the four below hold */
    int64_t phase_lo_ns,
        phase_hi_ns; /* of tick 0, a recent one; a tick comes within jitter_ns of its place */
    double period_lo_ns, period_hi_ns;
    int64_t jitter_ns; /* grows when the ticks turn out to be less regular than this */
    int64_t anchor_lo_ns,
        anchor_hi_ns;     /* an early tick: the baseline from which the period is learned */
    int64_t anchor_ticks; /* ticks between the anchor and tick 0 */

    struct edges_knot knots[EDGES_KNOTS];
};

/* `tick_ns`: the counter's period as the table says; `gap_ns`: least time between two reads, on
 * average. */
void edges_init(struct edges *edges, int64_t tick_ns, int64_t gap_ns);

/* One read of the counter: its call began at begin_ns, returned at end_ns with energy_mj. */
void edges_add(struct edges *edges, int64_t begin_ns, int64_t end_ns, uint64_t energy_mj);

/* When the next read tells most; never before `now_ns`.  A few reads may be closer than gap_ns,
 * which a longer rest makes up for: on average never more than one in gap_ns. */
int64_t edges_next_read_ns(const struct edges *edges, int64_t now_ns);

/* True while the ticks are known so well that no read has to be at a certain moment: any from
 * edges_next_read_ns() on will do that edges_may_read() allows, so that several counters can be
 * read together. */
bool edges_can_wait(const struct edges *edges);
/* True when a read at `now_ns` is due and keeps clear of the ticks; only for those that can wait.
 */
bool edges_may_read(const struct edges *edges, int64_t now_ns);

/* The newest moment for which the energy is known by interpolation; 0 before there is one. */
int64_t edges_known_until_ns(const struct edges *edges);

/* Energy at `t_ns`: interpolated between knots, extrapolated behind the newest and before the
 * oldest with an error that grows with the distance; WT_QUALITY_STALE when the counter had stopped
 * before `t_ns`.  The error is a 95 % bound for loads whose recent past (some 30 knots) shows how
 * they vary.  WT_E_NO_DATA before the first knots. */
int edges_energy_at(const struct edges *edges, int64_t t_ns, struct wt_sample *sample);

/* The same for an end of a window that began at since_ns and ends now.  Work may begin where its
 * window does: the knots before say little of the power inside, so that the bound is wider while
 * there are few inside. */
int edges_energy_since(const struct edges *edges, int64_t since_ns, int64_t t_ns,
                       struct wt_sample *sample);

#endif
