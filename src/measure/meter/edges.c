/* SPDX-License-Identifier: Apache-2.0
 *
 * Edges of an energy counter: interval arithmetic over reads.  Two reads less than a
 * period apart that differ have one tick between them; two that agree have none.  Either cuts the
 * span in which that tick was expected, and with it where all ticks lie.  A contradiction is never
 * argued away: the phase is forgotten and learned anew.
 */
#include "measure/meter/edges.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/* How far a period may be from the table's: sensors were measured at 100 to 104 ms where 100 is
 * meant. */
static const double PERIOD_TOLERANCE = 0.045;
/* Scheduling and the call itself are not known better than this; ticks that scatter more are found
 * out. */
static const int64_t JITTER_LEAST_NS = 50000;
/* A tick known to this part of the period is known well enough: at 200 W and 100 ms it is worth
 * 0.25 J.  Where reads rest so long that
 * they see only every other tick of 20 ms, 1 ms is enough. */
enum { WIDTH_TARGET_PARTS = 40, WIDTH_GOAL_REST = 50 };
static const int64_t WIDTH_GOAL_NS = NS_PER_MS;
/* Reads that may follow each other within a tick while it is searched; each is made up for by one
 * and a half. */
enum { CLOSE_READS = 1 };
/* An owner's own windows may read far more often than that; so many gaps after the last of them
 * reads go on. */
enum { MOST_GAPS = 3 };
/* Reads that may follow each other more closely while the period is learned; one is earned again by
 * so many others. */
enum { LEARNING_READS = 400, LEARNING_EVERY = 16 };
/* Known to this part of a period, ticks are told from each other with ease. */
enum { KNOWN_PARTS = 8 };
/* An owner whose reads rest longer than this many times the shorter gap does not ask for exact
 * edges, and they are not worth the reads. */
enum { LEARNED_FOR = 4 };
/* Between two ticks, so far from either a read may be put where it suits others. */
enum { CLEAR_PARTS = 8 };
struct span {
    int64_t lo_ns, hi_ns;
};

static int64_t later(int64_t a_ns, int64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

static void forget_period(struct edges *edges)
{
    edges->period_lo_ns = (double)edges->tick_ns * (1 - PERIOD_TOLERANCE);
    edges->period_hi_ns = (double)edges->tick_ns * (1 + PERIOD_TOLERANCE);
}

void edges_init(struct edges *edges, int64_t tick_ns, int64_t gap_ns)
{
    memset(edges, 0, offsetof(struct edges, knots));
    edges->tick_ns = tick_ns;
    edges->gap_ns = edges->learning_gap_ns = gap_ns;
    edges->learning_left = LEARNING_READS * LEARNING_EVERY;
    edges->jitter_ns = JITTER_LEAST_NS;
    forget_period(edges);
}

/* --- Where the ticks lie --- */

/* The place of tick n, counted from the tick whose phase is kept; its jitter apart. */
static struct span place_of(const struct edges *edges, int64_t n)
{
    double shortest = n >= 0 ? edges->period_lo_ns : edges->period_hi_ns;
    double longest = n >= 0 ? edges->period_hi_ns : edges->period_lo_ns;
    return (struct span){edges->phase_lo_ns + (int64_t)((double)n * shortest),
                         edges->phase_hi_ns + (int64_t)((double)n * longest)};
}

/* In which tick n happens. */
static struct span span_of(const struct edges *edges, int64_t n)
{
    struct span place = place_of(edges, n);
    return (struct span){place.lo_ns - edges->jitter_ns, place.hi_ns + edges->jitter_ns};
}

/* The first tick that may still come after t. */
static int64_t first_after(const struct edges *edges, int64_t t_ns)
{
    double period = (edges->period_lo_ns + edges->period_hi_ns) / 2;
    int64_t n = (int64_t)floor((double)(t_ns - edges->phase_hi_ns) / period);
    while (span_of(edges, n).hi_ns > t_ns)
        n--;
    while (span_of(edges, n).hi_ns <= t_ns)
        n++;
    return n;
}

/* The last tick that may have come by t. */
static int64_t last_by(const struct edges *edges, int64_t t_ns)
{
    double period = (edges->period_lo_ns + edges->period_hi_ns) / 2;
    int64_t n = (int64_t)ceil((double)(t_ns - edges->phase_lo_ns) / period);
    while (span_of(edges, n).lo_ns <= t_ns)
        n++;
    while (span_of(edges, n).lo_ns > t_ns)
        n--;
    return n;
}

/* A read does not fit: the ticks scatter more than assumed, or are not where we took them to
 * be. */
static void contradicted(struct edges *edges)
{
    edges->phase_known = false;
    edges->jitter_ns *= 2;
    if (edges->jitter_ns > edges->tick_ns / 20)
        edges->jitter_ns = edges->tick_ns / 20;
    forget_period(edges);
}

static void start_phase(struct edges *edges, int64_t lo_ns, int64_t hi_ns)
{
    edges->phase_known = true;
    edges->phase_lo_ns = edges->anchor_lo_ns = lo_ns - edges->jitter_ns;
    edges->phase_hi_ns = edges->anchor_hi_ns = hi_ns + edges->jitter_ns;
    edges->anchor_ticks = 0;
}

/* Tick n came within lo..hi: cuts its place, and by the distance to the anchor the period. */
static void cut(struct edges *edges, int64_t n, int64_t lo_ns, int64_t hi_ns)
{
    struct span place = place_of(edges, n);
    if (place.lo_ns < lo_ns - edges->jitter_ns)
        place.lo_ns = lo_ns - edges->jitter_ns;
    if (place.hi_ns > hi_ns + edges->jitter_ns)
        place.hi_ns = hi_ns + edges->jitter_ns;
    if (place.lo_ns > place.hi_ns) {
        contradicted(edges);
        return;
    }
    edges->phase_lo_ns = place.lo_ns;
    edges->phase_hi_ns = place.hi_ns;
    edges->anchor_ticks += n;
    if (edges->anchor_ticks <= 0)
        return;
    double ticks = (double)edges->anchor_ticks;
    edges->period_lo_ns =
        fmax(edges->period_lo_ns, (double)(place.lo_ns - edges->anchor_hi_ns) / ticks);
    edges->period_hi_ns =
        fmin(edges->period_hi_ns, (double)(place.hi_ns - edges->anchor_lo_ns) / ticks);
    if (edges->period_lo_ns > edges->period_hi_ns)
        contradicted(edges);
}

/* The last read and this one differ: one tick or more lies between. */
static void learn_from_move(struct edges *edges, int64_t end_ns)
{
    if (end_ns - edges->read_ns >= (int64_t)edges->period_lo_ns)
        return; /* perhaps several */
    if (edges->phase_known) {
        int64_t first = first_after(edges, edges->read_ns), last = last_by(edges, end_ns);
        if (first > last)
            contradicted(edges);
        else if (first == last)
            cut(edges, first, edges->read_ns, end_ns);
    }
    if (!edges->phase_known)
        start_phase(edges, edges->read_ns, end_ns);
}

/* They agree: no tick came after the last one returned and before this one began. */
static void learn_from_rest(struct edges *edges, int64_t begin_ns)
{
    if (!edges->phase_known || begin_ns <= edges->read_end_ns)
        return;
    int64_t n = first_after(edges, edges->read_end_ns);
    struct span span = span_of(edges, n);
    if (span.lo_ns < edges->read_end_ns) { /* it may have come before the last read */
        if (span.hi_ns <= begin_ns)
            cut(edges, n, INT64_MIN / 2, edges->read_end_ns);
    } else if (span.hi_ns <= begin_ns) { /* it must have come: the counter stands still */
        edges->phase_known = false;
    } else if (span.lo_ns < begin_ns) {
        cut(edges, n, begin_ns, INT64_MAX / 2);
    }
}

/* --- Reads --- */

/* How well ticks have to be known. */
static int64_t width_target_ns(const struct edges *edges)
{
    int64_t rest_ns = edges->gap_ns / WIDTH_GOAL_REST;
    return later(edges->tick_ns / WIDTH_TARGET_PARTS,
                 rest_ns < WIDTH_GOAL_NS ? rest_ns : WIDTH_GOAL_NS);
}

/* The place of a tick is known well enough: reads need not make it smaller. */
static bool is_narrow(const struct edges *edges, struct span tick)
{
    return tick.hi_ns - tick.lo_ns <= later(width_target_ns(edges), 4 * edges->jitter_ns);
}

static void add_knot(struct edges *edges, int64_t begin_ns, int64_t end_ns, uint64_t energy_mj)
{
    /* The value is that of the newest tick before the read, and that tick came after the read
     * before. */
    struct edges_knot fresh = {.lo_ns =
                                   begin_ns - (int64_t)edges->period_hi_ns - 2 * edges->jitter_ns,
                               .hi_ns = end_ns,
                               .energy_mj = energy_mj};
    if (fresh.lo_ns < edges->read_ns)
        fresh.lo_ns = edges->read_ns;
    if (edges->phase_known) {
        int64_t oldest =
            later(first_after(edges, begin_ns) - 1, first_after(edges, edges->read_ns));
        /* Ticks that scatter by less than the target are not found out by reads that are content
         * with it. */
        int64_t hidden_ns = (width_target_ns(edges) - edges->tick_ns / WIDTH_TARGET_PARTS) * 3 / 2;
        int64_t lo_ns = span_of(edges, oldest).lo_ns - hidden_ns;
        int64_t hi_ns = span_of(edges, last_by(edges, end_ns)).hi_ns + hidden_ns;
        lo_ns = lo_ns > fresh.lo_ns ? lo_ns : fresh.lo_ns;
        hi_ns = hi_ns < fresh.hi_ns ? hi_ns : fresh.hi_ns;
        if (lo_ns <= hi_ns) {
            fresh.lo_ns = lo_ns;
            fresh.hi_ns = hi_ns;
        } else {
            contradicted(edges);
        }
    }
    edges->knots[edges->head] = fresh;
    edges->head = (edges->head + 1) % EDGES_KNOTS;
    if (edges->count < EDGES_KNOTS)
        edges->count++;
}

/* After a rest the next tick will still be told from its neighbours with ease. */
static bool is_known_ahead(const struct edges *edges)
{
    if (!edges->phase_known)
        return false;
    struct span tick = span_of(edges, first_after(edges, edges->read_end_ns + edges->gap_ns));
    return tick.hi_ns - tick.lo_ns <= edges->tick_ns / KNOWN_PARTS;
}

/* How long to rest after a read.  After a long rest a tick is not told from its neighbours unless
 * their period is known well: where the rests are long it is learned by shorter ones first.  A
 * counter whose ticks cannot be learned gets long ones in the end. */
static int64_t take_gap_ns(struct edges *edges)
{
    if (edges->gap_ns <= edges->learning_gap_ns ||
        edges->gap_ns > LEARNED_FOR * edges->learning_gap_ns)
        return edges->gap_ns;
    if (is_known_ahead(edges) || edges->learning_left < LEARNING_EVERY) {
        edges->learning_left += edges->learning_left < LEARNING_READS * LEARNING_EVERY;
        return edges->gap_ns;
    }
    edges->learning_left -= LEARNING_EVERY;
    return edges->learning_gap_ns;
}

void edges_add(struct edges *edges, int64_t begin_ns, int64_t end_ns, uint64_t energy_mj)
{
    if (edges->has_read && begin_ns < edges->read_ns)
        return; /* the clock does not go back; a reader that says so is wrong */
    if (edges->has_read && energy_mj < edges->read_mj) {
        edges->count = edges->head = 0;
        edges->phase_known = false;
        edges->moved_ns = begin_ns;
    } else if (edges->has_read && energy_mj != edges->read_mj) {
        learn_from_move(edges, end_ns);
        add_knot(edges, begin_ns, end_ns, energy_mj);
        edges->moved_ns = begin_ns;
    } else if (edges->has_read) {
        learn_from_rest(edges, begin_ns);
    } else {
        edges->moved_ns = begin_ns;
    }
    if (edges->phase_known) { /* long unread, or never well known: better none than ticks that run
                                 into each other */
        struct span next = span_of(edges, first_after(edges, end_ns));
        edges->phase_known = next.hi_ns - next.lo_ns <= edges->tick_ns * 4 / 5;
    }
    bool close = edges->has_read && begin_ns < edges->rested_ns;
    edges->close_reads = close ? edges->close_reads + 1 : 0;
    edges->read_end_ns = end_ns;
    int64_t gap_ns = take_gap_ns(edges);
    edges->rested_ns = close ? edges->rested_ns + gap_ns * 5 / 4 : begin_ns + gap_ns;
    if (edges->rested_ns > begin_ns + MOST_GAPS * gap_ns) /* reads that others asked for */
        edges->rested_ns = begin_ns + MOST_GAPS * gap_ns;
    edges->has_read = true;
    edges->read_ns = begin_ns;
    edges->read_mj = energy_mj;
}

/* The first moment from `earliest_ns` on that is clear of ticks, and in another tick than the last
 * read. */
static int64_t next_clear_ns(const struct edges *edges, int64_t earliest_ns)
{
    int64_t n = later(first_after(edges, edges->read_ns), last_by(edges, earliest_ns) - 1);
    for (unsigned tries = 0; tries < 4; tries++, n++) {
        int64_t from_ns = span_of(edges, n).hi_ns, to_ns = span_of(edges, n + 1).lo_ns;
        int64_t clear_ns = later(from_ns + (to_ns - from_ns) / 4, earliest_ns);
        if (clear_ns <= from_ns + (to_ns - from_ns) * 3 / 4)
            return clear_ns;
    }
    return earliest_ns; /* so far ahead that the ticks' places run into each other */
}

static bool is_still(const struct edges *edges)
{
    return edges->read_ns - edges->moved_ns > EDGES_STILL_PERIODS * edges->tick_ns;
}

bool edges_can_wait(const struct edges *edges)
{
    return edges->has_read && !is_still(edges) && edges->phase_known &&
           is_narrow(edges, span_of(edges, first_after(edges, edges->read_end_ns)));
}

bool edges_may_read(const struct edges *edges, int64_t now_ns)
{
    if (!edges_can_wait(edges) || now_ns < edges->rested_ns)
        return false;
    int64_t n = last_by(edges, now_ns), margin_ns = edges->tick_ns / CLEAR_PARTS;
    return now_ns - span_of(edges, n).hi_ns >= margin_ns &&
           span_of(edges, n + 1).lo_ns - now_ns >= margin_ns;
}

int64_t edges_next_read_ns(const struct edges *edges, int64_t now_ns)
{
    if (!edges->has_read)
        return now_ns;
    int64_t rested_ns = later(now_ns, edges->rested_ns);
    if (is_still(edges))
        return later(rested_ns, edges->read_ns + edges->tick_ns);
    bool may_be_close = edges->close_reads < CLOSE_READS;
    if (!edges->phase_known) {
        int64_t close_ns = edges->tick_ns / 4 < edges->gap_ns ? edges->tick_ns / 4 : edges->gap_ns;
        return may_be_close ? later(now_ns, edges->read_ns + close_ns) : rested_ns;
    }
    int64_t n = first_after(edges, edges->read_end_ns);
    struct span next = span_of(edges, n);
    int64_t width_ns = next.hi_ns - next.lo_ns, aim_ns = next.lo_ns + width_ns / 2;
    if (is_narrow(edges, next))
        return next_clear_ns(edges, rested_ns);
    int64_t earliest_ns = may_be_close ? now_ns : rested_ns;
    /* Aimed only from a read that is known to show the tick before, or its outcome would not say
     * which tick it was. */
    bool certain =
        next.lo_ns >= edges->read_end_ns && span_of(edges, n - 1).hi_ns <= edges->read_ns;
    return certain && aim_ns >= earliest_ns ? aim_ns : next_clear_ns(edges, earliest_ns);
}

int64_t edges_known_until_ns(const struct edges *edges)
{
    return edges->count < 2 ? 0 : edges->knots[(edges->head + EDGES_KNOTS - 1) % EDGES_KNOTS].lo_ns;
}
