/* SPDX-License-Identifier: Apache-2.0
 *
 * Edges of an energy counter: the energy at a moment, interpolated between knots, and how the load
 * around it varies, which is the bound.
 */
#include <math.h>

#include "base/error.h"
#include "measure/meter/edges.h"

/* The recent past that tells how a load varies: knots on either side. */
enum { NEIGHBOURS = 16 };

/* Fewer pairs of knots than this do not show between which powers a load moves: they leave open
 * anything that the device can do, the more so the fewer they are. */
enum { ENOUGH_PAIRS = 8 };
/* The same of knots inside a window, when there are others before it. */
enum { ENOUGH_INSIDE = 3 };

/* A swing within a tick and in step with it does not show in any knot: a load that swings by
 * half its mean at twice the tick's rate is off the line by a thirtieth of a tick's energy. */
static const double USUAL_TO_95 = 2.5;
static const double HIDDEN_SWING = 0.03;

static const struct edges_knot *knot(const struct edges *edges, unsigned ago)
{
    return &edges->knots[(edges->head + EDGES_KNOTS - 1 - ago) % EDGES_KNOTS];
}

static int64_t middle(const struct edges_knot *k)
{
    return k->lo_ns + (k->hi_ns - k->lo_ns) / 2;
}

/* Mean power between knot `ago` and the one before it, mJ per ns. */
static double slope_before(const struct edges *edges, unsigned ago)
{
    const struct edges_knot *b = knot(edges, ago), *a = knot(edges, ago + 1);
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

/* How the load varies around a pair. */
struct variation {
    double lowest, highest; /* mean power of a pair */
    double open;    /* how far power may leave that of the pair where too few were seen to tell */
    double bend_mj; /* how far knots lie from the line between others nearby: 95 % of them nearer */
};

/* How far knot `ago` lies from the line between those `stride` before and after it, mJ. */
static double bend_at(const struct edges *edges, unsigned ago, unsigned stride)
{
    const struct edges_knot *a = knot(edges, ago + stride), *k = knot(edges, ago),
                            *b = knot(edges, ago - stride);
    double length = (double)(middle(b) - middle(a)), from_a = (double)(middle(k) - middle(a));
    double line = length > 0 ? (double)(b->energy_mj - a->energy_mj) * from_a / length : 0;
    return fabs((double)(k->energy_mj - a->energy_mj) - line);
}

/* Their median, so that a few steps of the load do not count: those show in the pairs that hold
 * them. */
static double usual_bend(const struct edges *edges, unsigned newest, unsigned oldest,
                         unsigned stride)
{
    double bends[2 * NEIGHBOURS + 2];
    unsigned count = 0;
    for (unsigned i = newest + stride; i + stride <= oldest; i++) {
        double bend = bend_at(edges, i, stride);
        unsigned k = count++;
        for (; k > 0 && bends[k - 1] > bend; k--)
            bends[k] = bends[k - 1];
        bends[k] = bend;
    }
    return count ? bends[count / 2] : 0;
}

/* The number of knots after since_ns. */
static unsigned knots_since(const struct edges *edges, int64_t since_ns)
{
    if (middle(knot(edges, edges->count - 1)) >= since_ns)
        return edges->count;
    unsigned later = later_knot(edges, since_ns);
    return middle(knot(edges, later)) >= since_ns ? later + 1 : 0;
}

/* The most that the device can draw, mJ per ns; `own`: the power of a pair. */
static double most_power(const struct edges *edges, double own)
{
    return fmax(edges->most_mw > 0 ? edges->most_mw / 1e9 : 2 * own, own);
}

/* How far power may leave that of the pair for all that `seen` of `enough` have shown. */
static double open_power(const struct edges *edges, unsigned pair, unsigned seen, unsigned enough)
{
    double own = slope_before(edges, pair), most = most_power(edges, own);
    return seen < enough ? fmax(most - own, own) * (1 - (double)seen / enough) : 0;
}

/* Several strides: a load in step with the ticks moves against them slowly, and hides from
 * neighbours. */
static double widest_bend(const struct edges *edges, unsigned newest, unsigned oldest)
{
    double bend_mj = 0;
    for (unsigned stride = 1; stride <= 8; stride *= 2)
        bend_mj = fmax(bend_mj, USUAL_TO_95 * usual_bend(edges, newest, oldest, stride));
    return bend_mj;
}

static struct variation variation_around(const struct edges *edges, unsigned pair, int64_t since_ns)
{
    unsigned newest = pair > NEIGHBOURS ? pair - NEIGHBOURS : 0; /* knots ago */
    unsigned oldest = pair + NEIGHBOURS < edges->count - 1 ? pair + NEIGHBOURS : edges->count - 1;
    struct variation found = {.lowest = INFINITY};
    for (unsigned i = newest; i < oldest; i++) {
        double slope = slope_before(edges, i);
        found.lowest = fmin(found.lowest, slope);
        found.highest = fmax(found.highest, slope);
    }
    unsigned inside = knots_since(edges, since_ns);
    found.open = fmax(open_power(edges, pair, oldest - newest, ENOUGH_PAIRS),
                      open_power(edges, pair, inside, ENOUGH_INSIDE));
    if (found.open > 0) {
        double own = slope_before(edges, pair), most = most_power(edges, own);
        found.highest = fmax(found.highest, fmin(own + found.open, most));
        found.lowest = fmin(found.lowest, fmax(own - found.open, 0));
    }
    found.bend_mj = widest_bend(edges, newest, oldest);
    if (newest < inside && inside <= oldest) /* those before the window may be of another load */
        found.bend_mj = fmax(found.bend_mj, widest_bend(edges, newest, inside - 1));
    return found;
}

int edges_energy_at(const struct edges *edges, int64_t t_ns, struct wt_sample *sample)
{
    return edges_energy_since(edges, INT64_MIN, t_ns, sample);
}

int edges_energy_since(const struct edges *edges, int64_t since_ns, int64_t t_ns,
                       struct wt_sample *sample)
{
    if (edges->count < 2)
        return WT_E_NO_DATA;
    struct wt_sample found = {.t_ns = t_ns, .source = WT_SOURCE_COUNTER};
    unsigned pair = later_knot(edges, t_ns);
    const struct edges_knot *b = knot(edges, pair), *a = knot(edges, pair + 1);
    struct variation seen = variation_around(edges, pair, since_ns);
    double slope = slope_before(edges, pair), length = (double)(middle(b) - middle(a));
    /* The most that fits in: a load that swings between nothing and twice its mean. */
    seen.bend_mj = fmin(seen.bend_mj, slope * length / 4);
    seen.bend_mj = fmax(seen.bend_mj, HIDDEN_SWING * slope * (double)edges->tick_ns);
    double from_a = (double)(t_ns - middle(a)), to_b = (double)(middle(b) - t_ns);
    double energy = (double)a->energy_mj + slope * from_a, error;
    int64_t wider =
        a->hi_ns - a->lo_ns > b->hi_ns - b->lo_ns ? a->hi_ns - a->lo_ns : b->hi_ns - b->lo_ns;
    double timing = seen.highest * (double)wider / 2;
    if (from_a >= 0 && to_b >= 0) {
        /* Power may have changed inside the pair: the pairs beside it tell between which values.
         * A faster swing shows only as knots that lie beside the line. */
        double before = pair + 2 < edges->count ? slope_before(edges, pair + 1) : slope;
        double after = pair > 0 ? slope_before(edges, pair - 1) : slope;
        double change = fmax(fmax(fabs(slope - before), fabs(slope - after)), seen.open),
               near = fmin(from_a, to_b);
        error = timing + fmax(change * near, seen.bend_mj * fmin(1, 8 * near / length));
    } else {
        /* Outside: nothing has shown the power there yet.  It is taken to go on; but work may begin
         * or end at any moment, and the bound is any power that the device can draw. */
        double away = fmax(-from_a, -to_b),
               most = (double)(EDGES_STILL_PERIODS * edges->tick_ns + edges->gap_ns);
        double change = fmax(most_power(edges, slope) - slope, slope);
        error = timing + change * away + seen.highest * fmax(0, away - most);
        error = fmax(error, timing + seen.bend_mj);
        if (to_b < -most && edges->read_ns - edges->moved_ns > EDGES_STILL_PERIODS * edges->tick_ns)
            found.quality = WT_QUALITY_STALE;
    }
    found.energy_mj = energy > 0 ? (uint64_t)llround(energy) : 0;
    found.energy_error_mj = (uint64_t)ceil(error) + 1;
    *sample = found;
    return 0;
}
