/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy of a device that tells power only: running sums over a ring of readings.
 */
#include "measure/meter/integrate.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/* A training step and a sensor's tick keep their phase for some seconds, not for minutes: over more
 * than this the unseen power of one time has nothing to do with that of another. */
static const double PHASE_NS = 10e9;
/* A change of power lies anywhere in the dark part of a tick; of a pair of changes, up and down, 19
 * in 20 are off by less than 0.78 of the most that is possible; the rest is for pairs between two
 * readings, which nobody sees. */
static const double UNSEEN_SHARE = 0.9;
/* 1.96 and a little; the scatter of few readings is not known well: twice the addition of Student's
 * t, since loads are not normal. */
static const double TO_95 = 2.1, TO_95_OF_FEW = 8, FEWEST = 4;
/* Fewer readings than this do not show how far a load swings: after n that agree the next one
 * differs in one case of n + 1. They leave open anything that the device can do, the more
 * so the fewer they are. */
enum { ENOUGH_READINGS = 30, ENOUGH_INSIDE = 3 };
/* How far around a moment the readings tell how lively the load is. */
static const int64_t AROUND_NS = 500 * NS_PER_MS;
/* Readings further apart than this are missing some. */
static const int64_t GAP_LEAST_NS = NS_PER_S;

/* Sensors scatter by some 0.2 % (SC'24), and read in steps of 10 or 50 mW: at 25 W, where that is
 * one step, eight readings agree once in a thousand times, sixty never. */
enum { SAME_UNSURE = 8, SAME_STOPPED = 60 };
static const int64_t STOPPED_AFTER_NS = 3 * NS_PER_S;

void integrate_init(struct integrate *integrate, int64_t tick_ns, int64_t window_ns,
                    uint32_t resolution_mw, int64_t gap_ns)
{
    memset(integrate, 0, offsetof(struct integrate, knots));
    integrate->tick_ns = tick_ns;
    integrate->window_ns = window_ns;
    integrate->resolution_mw = resolution_mw;
    integrate->gap_ns = gap_ns;
    integrate->random = 1;
}

static const struct integrate_knot *knot(const struct integrate *integrate, unsigned ago)
{
    return &integrate->knots[(integrate->head + INTEGRATE_KNOTS - 1 - ago) % INTEGRATE_KNOTS];
}

static int64_t largest_gap_ns(const struct integrate *integrate)
{
    return GAP_LEAST_NS +
           4 * (integrate->tick_ns > integrate->gap_ns ? integrate->tick_ns : integrate->gap_ns);
}

/* From knot a to b: adds to the sums that b carries.
 *
 * Scatter: were the readings independent samples of a scattering power, each standing for one
 * interval L, the variance of their sum would be L^2 times theirs, and the square of a difference
 * is on average twice that.  For a load that moves slowly this is more than the truth, never less.
 * Unseen: a sensor that looks at `window` of each `tick` may miss half of the rest at each change
 * of power, and does so the same way each time while load and tick keep their phase.  A slow call
 * was answered at any moment of it. */
static void extend(const struct integrate *integrate, const struct integrate_knot *a,
                   struct integrate_knot *b)
{
    double length = (double)(b->t_ns - a->t_ns) / 1e9;
    double change = fabs((double)b->power_mw - (double)a->power_mw);
    double dark = integrate->tick_ns > integrate->window_ns
                      ? (double)(integrate->tick_ns - integrate->window_ns)
                      : 0;
    b->energy_mj = a->energy_mj + ((double)a->power_mw + (double)b->power_mw) / 2 * length;
    b->variance_mj2 = a->variance_mj2 + change * change * length * length / 2;
    b->unseen_mj = a->unseen_mj + change * dark / 2 / 1e9;
    b->unseen_mj += change * (double)(b->call_ns > a->call_ns ? b->call_ns : a->call_ns) / 2 / 1e9;
    if (b->t_ns - a->t_ns > largest_gap_ns(integrate)) /* anything from nothing to twice as much */
        b->unseen_mj += b->energy_mj - a->energy_mj;
}

static void note_move(struct integrate *integrate, int64_t begin_ns, uint32_t power_mw)
{
    if (integrate->has_read && power_mw == knot(integrate, 0)->power_mw) {
        integrate->same++;
    } else {
        integrate->has_moved = integrate->has_read;
        integrate->same = 0;
        if (!integrate->stopped)
            integrate->moved_ns = begin_ns;
    }
    if (integrate->resolution_mw && integrate->same >= SAME_STOPPED &&
        begin_ns - integrate->moved_ns > STOPPED_AFTER_NS &&
        begin_ns - integrate->moved_ns > SAME_STOPPED * integrate->tick_ns)
        integrate->stopped = true;
}

/* A sensor that was never seen to move may stand still already. */
static bool is_unsure(const struct integrate *integrate)
{
    return integrate->resolution_mw && integrate->same >= (integrate->has_moved ? SAME_UNSURE : 1);
}

void integrate_add(struct integrate *integrate, int64_t begin_ns, int64_t end_ns, uint32_t power_mw)
{
    if (integrate->has_read && begin_ns < integrate->read_ns)
        return;
    struct integrate_knot fresh = {.power_mw = power_mw, .call_ns = end_ns - begin_ns};
    fresh.t_ns =
        begin_ns + (end_ns - begin_ns) / 2 - integrate->tick_ns / 2 - integrate->window_ns / 2;
    if (integrate->count && fresh.t_ns <= knot(integrate, 0)->t_ns)
        return;
    note_move(integrate, begin_ns, power_mw);
    if (integrate->count)
        extend(integrate, knot(integrate, 0), &fresh);
    integrate->knots[integrate->head] = fresh;
    integrate->head = (integrate->head + 1) % INTEGRATE_KNOTS;
    if (integrate->count < INTEGRATE_KNOTS)
        integrate->count++;
    integrate->added++;
    integrate->has_read = true;
    integrate->read_ns = begin_ns;
    integrate->random = integrate->random * 1664525u + 1013904223u;
}

int64_t integrate_next_read_ns(const struct integrate *integrate, int64_t now_ns)
{
    if (!integrate->has_read)
        return now_ns;
    int64_t gap_ns =
        integrate->gap_ns > integrate->tick_ns ? integrate->gap_ns : integrate->tick_ns;
    /* Mostly little, now and then most of a gap: a load whose period is near the mean distance of
     * the reads would be seen in nearly the same phase for long if they were moved evenly. */
    double by = (double)integrate->random / 0x1p32,
           most = gap_ns >= 2 * integrate->tick_ns ? 1 : 0.75;
    int64_t next_ns = integrate->read_ns + gap_ns + (int64_t)((double)gap_ns * most * by * by);
    return next_ns > now_ns ? next_ns : now_ns;
}

int64_t integrate_known_until_ns(const struct integrate *integrate)
{
    return integrate->count < 2 ? 0 : knot(integrate, 0)->t_ns;
}

/* The oldest knot (in knots ago) that is at or after t; count when there is none. */
static unsigned first_after(const struct integrate *integrate, int64_t t_ns)
{
    if (integrate->count == 0 || knot(integrate, 0)->t_ns < t_ns)
        return integrate->count;
    unsigned newer = 0,
             older = integrate->count; /* knot(newer) is at or after t, knot(older) is not */
    while (older - newer > 1) {
        unsigned between = newer + (older - newer) / 2;
        if (knot(integrate, between)->t_ns >= t_ns)
            newer = between;
        else
            older = between;
    }
    return newer;
}

/* How far power can be from that of a reading. */
static double largest_swing_mw(const struct integrate *integrate, double own_mw)
{
    double highest_mw = fmax(integrate->most_mw > 0 ? integrate->most_mw : 2 * own_mw, own_mw);
    return fmax(highest_mw - own_mw, own_mw);
}

static void widen(const struct integrate *integrate, unsigned newest, unsigned oldest, double *most,
                  double *least)
{
    for (unsigned i = newest; i <= oldest; i++) {
        *most = fmax(*most, knot(integrate, i)->power_mw);
        *least = fmin(*least, knot(integrate, i)->power_mw);
    }
}

/* How lively the load is around t: rates of the sums, and how far power swings within reach of the
 * moment. */
static void look_around(const struct integrate *integrate, int64_t t_ns,
                        struct integrate_mark *mark)
{
    unsigned from = first_after(integrate, t_ns - AROUND_NS),
             to = first_after(integrate, t_ns + AROUND_NS);
    const struct integrate_knot *a = knot(integrate, from == integrate->count ? 0 : from);
    const struct integrate_knot *b = knot(integrate, to == integrate->count ? 0 : to);
    double length = (double)(b->t_ns - a->t_ns);
    if (length > 0) {
        mark->variance_per_ns = (b->variance_mj2 - a->variance_mj2) / length;
        mark->unseen_per_ns = (b->unseen_mj - a->unseen_mj) / length;
    }
    unsigned at = first_after(integrate, t_ns);
    unsigned middle = at == integrate->count ? 0 : at, newest = middle > 1 ? middle - 2 : 0,
             oldest = middle + 2;
    if (oldest >= integrate->count)
        oldest = integrate->count - 1;
    /* An average over many ticks hides from its neighbours the values of the next window. */
    while (newest > 0 && knot(integrate, newest)->t_ns < t_ns + integrate->window_ns)
        newest--;
    while (oldest + 1 < integrate->count &&
           knot(integrate, oldest)->t_ns > t_ns - integrate->window_ns)
        oldest++;
    double own = knot(integrate, middle)->power_mw, most = own, least = own;
    widen(integrate, newest, oldest, &most, &least);
    if (integrate->count < ENOUGH_READINGS) {
        double open = 1 - (double)integrate->count / ENOUGH_READINGS;
        double highest = fmax(integrate->most_mw > 0 ? integrate->most_mw : 2 * own, own);
        most = fmax(most, own + open * (highest - own));
        least = fmin(least, own - open * own);
    }
    double spacing = (double)(knot(integrate, newest)->t_ns - knot(integrate, oldest)->t_ns) /
                     (oldest > newest ? oldest - newest : 1);
    double beyond = 0;
    if (t_ns > knot(integrate, 0)->t_ns)
        beyond = (double)(t_ns - knot(integrate, 0)->t_ns);
    else if (t_ns < knot(integrate, integrate->count - 1)->t_ns)
        beyond = (double)(knot(integrate, integrate->count - 1)->t_ns - t_ns);
    double reach = (double)integrate->tick_ns / 2 + (double)integrate->window_ns / 4 + spacing / 4;
    mark->edge_mj = (most - least) * reach / 1e9;
    /* Where there are no readings yet, a change may come that the last few do not show. */
    unsigned far = middle + ENOUGH_READINGS < integrate->count ? middle + ENOUGH_READINGS
                                                               : integrate->count - 1;
    if (beyond > 0)
        widen(integrate, middle > ENOUGH_READINGS ? middle - ENOUGH_READINGS : 0, far, &most,
              &least);
    mark->edge_mj += (most - least) * beyond / 1e9;
    if (integrate->window_ns >
        integrate->tick_ns) /* swings faster than the window leave no trace in the readings */
        mark->edge_mj += most * (double)integrate->window_ns / 8 / 1e9;
}

int integrate_at(const struct integrate *integrate, int64_t t_ns, struct integrate_mark *mark)
{
    if (integrate->count == 0)
        return WT_E_NO_DATA;
    const struct integrate_knot *newest = knot(integrate, 0),
                                *oldest = knot(integrate, integrate->count - 1);
    int64_t largest = largest_gap_ns(integrate) + integrate->window_ns;
    if (t_ns < oldest->t_ns - largest)
        return WT_E_NO_DATA;
    struct integrate_mark found = {.t_ns = t_ns, .gap = t_ns > newest->t_ns + largest};
    struct integrate_knot at = {.t_ns = t_ns};
    unsigned later = first_after(integrate, t_ns);
    if (later == integrate->count ||
        later == integrate->count - 1) { /* outside: the nearest power goes on */
        const struct integrate_knot *nearest = later == integrate->count ? newest : oldest;
        at = *nearest;
        at.energy_mj += (double)nearest->power_mw * (double)(t_ns - nearest->t_ns) / 1e9;
    } else {
        const struct integrate_knot *a = knot(integrate, later + 1), *b = knot(integrate, later);
        double part = (double)(t_ns - a->t_ns) / (double)(b->t_ns - a->t_ns);
        double length = (double)(t_ns - a->t_ns) / 1e9,
               slope = (double)b->power_mw - (double)a->power_mw;
        at.energy_mj = a->energy_mj + ((double)a->power_mw + slope * part / 2) * length;
        at.variance_mj2 = a->variance_mj2 + part * (b->variance_mj2 - a->variance_mj2);
        at.unseen_mj = a->unseen_mj + part * (b->unseen_mj - a->unseen_mj);
    }
    found.seen = integrate->added - (later == integrate->count ? 0 : later + 1);
    if (t_ns > newest->t_ns)
        found.open_mj =
            largest_swing_mw(integrate, newest->power_mw) * (double)(t_ns - newest->t_ns) / 1e9;
    found.energy_mj = at.energy_mj;
    found.variance_mj2 = at.variance_mj2;
    found.unseen_mj = at.unseen_mj;
    if (t_ns > integrate->moved_ns) {
        found.stopped = integrate->stopped;
        found.silent_ns = is_unsure(integrate) ? t_ns - integrate->moved_ns : 0;
    }
    look_around(integrate, t_ns, &found);
    *mark = found;
    return 0;
}

struct wt_measurement integrate_between(const struct integrate *integrate,
                                        const struct integrate_mark *begin,
                                        const struct integrate_mark *end)
{
    struct wt_measurement window = {
        .begin_ns = begin->t_ns, .end_ns = end->t_ns, .source = WT_SOURCE_INTEGRATED};
    double length = (double)(end->t_ns - begin->t_ns);
    if (end->silent_ns > 0 || end->stopped)
        window.quality |= WT_QUALITY_STALE;
    if (length < 0 || end->stopped || (end->silent_ns > 0 && integrate->most_mw <= 0)) {
        window.source = WT_SOURCE_NONE;
        return window;
    }
    double energy = end->energy_mj - begin->energy_mj;
    double variance = fmax(end->variance_mj2 - begin->variance_mj2, 0),
           unseen = fmax(end->unseen_mj - begin->unseen_mj, 0);
    if (length < 4 * (double)AROUND_NS) {
        variance = fmax(variance, (begin->variance_per_ns + end->variance_per_ns) / 2 * length);
        unseen = fmax(unseen, (begin->unseen_per_ns + end->unseen_per_ns) / 2 * length);
    }
    unseen *= UNSEEN_SHARE / sqrt(fmax(1, length / PHASE_NS));
    double rounding = (double)integrate->resolution_mw / 2 * length / 1e9;
    double spacing = 1.25 * (double)(integrate->gap_ns > integrate->tick_ns ? integrate->gap_ns
                                                                            : integrate->tick_ns);
    double to_95 = TO_95 + TO_95_OF_FEW / fmax(length / spacing, FEWEST);
    double error = rounding + sqrt(to_95 * to_95 * variance + unseen * unseen +
                                   begin->edge_mj * begin->edge_mj + end->edge_mj * end->edge_mj);
    error += integrate->most_mw * fmin((double)end->silent_ns, length) / 1e9;
    /* Work begins where its window does: readings before it say nothing of it. */
    if (end->seen - begin->seen < ENOUGH_INSIDE)
        error += end->open_mj * (1 - (double)(end->seen - begin->seen) / ENOUGH_INSIDE);
    window.energy_mj = energy > 0 ? (uint64_t)llround(energy) : 0;
    window.energy_error_mj = (uint64_t)ceil(error) + 1;
    window.quality |= begin->gap || end->gap ? WT_QUALITY_GAP : WT_QUALITY_GOOD;
    return window;
}
