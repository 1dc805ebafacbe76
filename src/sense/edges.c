/* SPDX-License-Identifier: Apache-2.0
 *
 * Edges of an energy counter: interval arithmetic over what each read says.  A read that shows a new value says that
 * an edge lies after the last read of the old one; that it is the newest edge puts it less than a period back; the
 * period and an earlier edge say where it can be at all.  The intersection is kept.
 */
#include "sense/edges.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/* How far a period may be from the table's: sensors were measured at 100 to 104 ms where 100 is meant. */
static const double PERIOD_TOLERANCE = 0.06;
/* A span is not narrowed below this: scheduling and the call itself are not known better. */
static const int64_t SPAN_LEAST_NS = 50000;

void edges_init(struct edges *edges, int64_t tick_ns, int64_t gap_ns)
{
    memset(edges, 0, offsetof(struct edges, knots));
    edges->tick_ns = tick_ns;
    edges->gap_ns = gap_ns;
    edges->period_lo_ns = (double)tick_ns * (1 - PERIOD_TOLERANCE);
    edges->period_hi_ns = (double)tick_ns * (1 + PERIOD_TOLERANCE);
}

static const struct edges_knot *knot(const struct edges *edges, unsigned ago)
{
    return &edges->knots[(edges->head + EDGES_KNOTS - 1 - ago) % EDGES_KNOTS];
}

static int64_t middle(const struct edges_knot *k)
{
    return k->lo_ns + (k->hi_ns - k->lo_ns) / 2;
}

static void forget_phase(struct edges *edges, int64_t lo_ns, int64_t hi_ns)
{
    edges->anchor_lo_ns = lo_ns;
    edges->anchor_hi_ns = hi_ns;
    edges->anchor_ticks = 0;
    edges->period_lo_ns = (double)edges->tick_ns * (1 - PERIOD_TOLERANCE);
    edges->period_hi_ns = (double)edges->tick_ns * (1 + PERIOD_TOLERANCE);
}

/* Whole periods between the newest knot and the span; 0 when the phase is too vague to count them. */
static uint64_t ticks_since_newest(const struct edges *edges, int64_t lo_ns, int64_t hi_ns)
{
    const struct edges_knot *newest = knot(edges, 0);
    double shortest = (double)(lo_ns - newest->hi_ns) / edges->period_hi_ns;
    double longest = (double)(hi_ns - newest->lo_ns) / edges->period_lo_ns;
    double least = ceil(shortest), most = floor(longest);
    return least < 1 ? (most == 1 ? 1 : 0) : least == most ? (uint64_t)least : 0;
}

/* Narrows the span by what the edges before say about it, and the period by what the span says. */
static void narrow(struct edges *edges, struct edges_knot *fresh)
{
    if (edges->count == 0) {
        forget_phase(edges, fresh->lo_ns, fresh->hi_ns);
        return;
    }
    uint64_t ticks = ticks_since_newest(edges, fresh->lo_ns, fresh->hi_ns);
    if (ticks == 0) {
        forget_phase(edges, fresh->lo_ns, fresh->hi_ns);
        return;
    }
    const struct edges_knot *newest = knot(edges, 0);
    int64_t lo = newest->lo_ns + (int64_t)((double)ticks * edges->period_lo_ns);
    int64_t hi = newest->hi_ns + (int64_t)((double)ticks * edges->period_hi_ns);
    lo = lo > fresh->lo_ns ? lo : fresh->lo_ns;
    hi = hi < fresh->hi_ns ? hi : fresh->hi_ns;
    if (lo > hi + SPAN_LEAST_NS) { /* the ticks are less regular than assumed: start over from what was seen */
        forget_phase(edges, fresh->lo_ns, fresh->hi_ns);
        return;
    }
    int64_t centre = lo + (hi - lo) / 2, half = (hi - lo) / 2;
    half = half > SPAN_LEAST_NS / 2 ? half : SPAN_LEAST_NS / 2;
    fresh->lo_ns = centre - half;
    fresh->hi_ns = centre + half;
    edges->anchor_ticks += ticks;
    double n = (double)edges->anchor_ticks;
    double shortest = (double)(fresh->lo_ns - edges->anchor_hi_ns) / n;
    double longest = (double)(fresh->hi_ns - edges->anchor_lo_ns) / n;
    if (shortest > edges->period_hi_ns || longest < edges->period_lo_ns) {
        forget_phase(edges, fresh->lo_ns, fresh->hi_ns);
        return;
    }
    edges->period_lo_ns = fmax(edges->period_lo_ns, shortest);
    edges->period_hi_ns = fmin(edges->period_hi_ns, longest);
}

void edges_add(struct edges *edges, int64_t begin_ns, int64_t end_ns, uint64_t energy_mj)
{
    if (edges->has_read && begin_ns < edges->read_ns)
        return; /* the clock does not go back; a reader that says so is wrong */
    if (edges->has_read && energy_mj < edges->read_mj) {
        edges->count = edges->head = 0;
        edges->reset = true;
    } else if (edges->has_read && energy_mj != edges->read_mj) {
        struct edges_knot fresh = {.lo_ns = edges->read_ns, .hi_ns = end_ns, .energy_mj = energy_mj};
        /* The value is that of the newest edge before the read. */
        int64_t newest_lo = begin_ns - (int64_t)edges->period_hi_ns;
        if (fresh.lo_ns < newest_lo)
            fresh.lo_ns = newest_lo;
        narrow(edges, &fresh);
        edges->knots[edges->head] = fresh;
        edges->head = (edges->head + 1) % EDGES_KNOTS;
        if (edges->count < EDGES_KNOTS)
            edges->count++;
    }
    edges->has_read = true;
    edges->read_ns = begin_ns;
    edges->read_mj = energy_mj;
}

int64_t edges_next_read_ns(const struct edges *edges, int64_t now_ns)
{
    int64_t earliest = edges->has_read ? edges->read_ns + edges->gap_ns : now_ns;
    if (earliest < now_ns)
        earliest = now_ns;
    if (edges->count == 0)
        return earliest;
    const struct edges_knot *newest = knot(edges, 0);
    /* The first edge whose predicted span has its middle at or after `earliest`. */
    double period = (edges->period_lo_ns + edges->period_hi_ns) / 2;
    double ticks = ceil((double)(earliest - middle(newest)) / period);
    if (ticks < 1)
        ticks = 1;
    double span = (double)(newest->hi_ns - newest->lo_ns) + ticks * (edges->period_hi_ns - edges->period_lo_ns);
    if (span > period) /* too vague to aim: just read as often as allowed */
        return earliest;
    return middle(newest) + (int64_t)(ticks * period);
}

int64_t edges_known_until_ns(const struct edges *edges)
{
    return edges->count < 2 ? 0 : knot(edges, 0)->lo_ns;
}

static double slope_mj_per_ns(const struct edges_knot *a, const struct edges_knot *b)
{
    double length = (double)(middle(b) - middle(a));
    return length > 0 ? (double)(b->energy_mj - a->energy_mj) / length : 0;
}

/* The knot pair around t: returns how many knots ago the later one is. */
static unsigned later_knot(const struct edges *edges, int64_t t_ns)
{
    unsigned newer = 0, older = edges->count - 1; /* in knots ago */
    while (older - newer > 1) {
        unsigned between = newer + (older - newer) / 2;
        if (middle(knot(edges, between)) > t_ns)
            newer = between;
        else
            older = between;
    }
    return newer;
}

int edges_energy_at(const struct edges *edges, int64_t t_ns, struct wt_sample *sample)
{
    if (edges->count < 2)
        return WT_E_NO_DATA;
    unsigned later = later_knot(edges, t_ns);
    const struct edges_knot *b = knot(edges, later), *a = knot(edges, later + 1);
    double slope = slope_mj_per_ns(a, b), steepest = slope;
    /* Power may have changed inside the pair: the neighbours tell between which values. */
    double before = later + 2 < edges->count ? slope_mj_per_ns(knot(edges, later + 2), a) : slope;
    double after = later > 0 ? slope_mj_per_ns(b, knot(edges, later - 1)) : slope;
    steepest = fmax(steepest, fmax(before, after));
    double change = fmax(fabs(slope - before), fabs(slope - after));
    double from_a = (double)(t_ns - middle(a)), to_b = (double)(middle(b) - t_ns);
    double energy = (double)a->energy_mj + slope * from_a, error;
    double timing = steepest * fmax((double)(a->hi_ns - a->lo_ns), (double)(b->hi_ns - b->lo_ns)) / 2;
    if (from_a >= 0 && to_b >= 0)
        error = timing + change * fmin(from_a, to_b);
    else /* outside: the power seen last goes on, as far as is known */
        error = timing + (fmax(change, 0.1 * slope)) * fmax(-from_a, -to_b);
    struct wt_sample found = {.t_ns = t_ns, .source = WT_SOURCE_COUNTER};
    found.energy_mj = energy > 0 ? (uint64_t)llround(energy) : 0;
    found.energy_error_mj = (uint64_t)ceil(error) + 1;
    *sample = found;
    return 0;
}

bool edges_take_reset(struct edges *edges)
{
    bool was = edges->reset;
    edges->reset = false;
    return was;
}
