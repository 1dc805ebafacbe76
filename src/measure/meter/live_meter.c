/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch: one edge tracker per device with a counter, one integrator per device that tells power
 * only, each fed at the moments it asks for.
 */
#include "measure/meter/live_meter.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "measure/meter/edges.h"
#include "measure/meter/integrate.h"
#include "measure/meter/window.h"

/* 25 ms: 40 reads a second.  In real time never under 2 ms, or a machine whose clock runs a hundred
 * times faster would cost a core. */
static const int64_t GAP_NS = 25 * NS_PER_MS, REAL_GAP_NS = 2 * NS_PER_MS;

/* A counter that shows the same for this long, and for ten of its ticks, has stopped: cards that
 * draw next to nothing still count.  A few reads must have seen it, or one slow call would do. */
static const int64_t STALE_NS = NS_PER_S;
enum { STALE_TICKS = 10, STALE_READS = 4 };
/* A driver that takes this long to answer is worth a word. */
static const int64_t SLOW_NS = NS_PER_S;

/* Power that is not read is energy that is not known: 20 readings a second go on when nobody is
 * measuring slices. */
static const int64_t POWER_GAP_NS = 50 * NS_PER_MS;

/* The begin of a window is looked at again when this much behind it is known. */
static const int64_t BEGIN_SETTLED_NS = NS_PER_S;

/* Fine counters wrap within minutes (65 kJ at some 200 W: five); this sees every one. */
static const int64_t FINE_EVERY_NS = 20 * NS_PER_S, FINE_KEPT_UP_NS = NS_PER_S;

/* While holding, counters are read every 250 ms; twice that, and a little. */
static const int64_t UNREAD_MOST_NS = 600 * NS_PER_MS;

struct watched {
    unsigned position; /* in the source */
    struct wt_device device;
    bool integrates; /* no counter, but power */
    int64_t fine_every_ns;
    struct edges edges;
    struct integrate integrate;
    struct wt_sample begin; /* of the window over everything */
    struct integrate_mark begin_mark;
    bool begin_known;      /* begin_mark has readings on both sides */
    int64_t reset_ns;      /* when the counter last went back; 0: never */
    unsigned failures;     /* reads that failed in a row */
    int64_t failed_ns;     /* the last of them */
    struct wt_sample last; /* the newest read */
    int64_t moved_ns;      /* when a read first showed the value of `last` */
    unsigned unmoved;      /* reads since then that showed it too */
    bool stale, told_slow;
    /* A counter that was set back to 0: what it had counted before since the window's begin. */
    bool carries;
    uint64_t carried_mj, carried_error_mj;
};

struct live_meter {
    struct sense *sense;
    bool (*ended)(void *ctx);
    void *ctx;
    unsigned count, gpu_count;
    struct watched devices[];
};

static void init_device(struct watched *d)
{
    d->integrates = !d->device.has_energy_counter && d->device.power_tick_ns > 0;
    d->fine_every_ns = FINE_EVERY_NS;
    edges_init(&d->edges, d->device.counter_tick_ns, GAP_NS);
    d->edges.most_mw = d->device.most_mw;
    integrate_init(&d->integrate, d->device.power_tick_ns, d->device.power_window_ns,
                   d->device.power_resolution_mw, GAP_NS);
    d->integrate.most_mw = d->device.most_mw;
}

int live_meter_new(struct sense *sense, const unsigned devices[], unsigned count,
                   struct live_meter **out, struct wt_error *err)
{
    struct live_meter *watch = calloc(1, sizeof *watch + count * sizeof watch->devices[0]);
    if (!watch)
        return error_set(err, WT_E_NO_MEMORY, "watch the devices: out of memory");
    watch->sense = sense;
    watch->count = count;
    for (unsigned i = 0; i < count; i++) {
        watch->devices[i].position = devices[i];
        watch->devices[i].device = *sense_device(sense, devices[i]);
        watch->gpu_count += watch->devices[i].device.kind == WT_DEVICE_GPU;
        init_device(&watch->devices[i]);
    }
    live_meter_set_gap(watch, GAP_NS);
    *out = watch;
    return 0;
}

struct live_meter *live_meter_free(struct live_meter *watch)
{
    free(watch);
    return NULL;
}

unsigned live_meter_device_count(const struct live_meter *watch)
{
    return watch->count;
}

unsigned live_meter_gpu_count(const struct live_meter *watch)
{
    return watch->gpu_count;
}

const struct wt_device *live_meter_device(const struct live_meter *watch, unsigned i)
{
    return &watch->devices[i].device;
}

void live_meter_until(struct live_meter *watch, bool (*ended)(void *ctx), void *ctx)
{
    watch->ended = ended;
    watch->ctx = ctx;
}

bool live_meter_is_over(const struct live_meter *watch)
{
    return watch->ended && watch->ended(watch->ctx);
}

int live_meter_state(const struct live_meter *watch, unsigned i, unsigned wanted,
                     struct wt_state *state)
{
    if (live_meter_is_over(watch))
        return WT_E_NO_DATA;
    return sense_state(watch->sense, watch->devices[i].position, wanted, state, NULL);
}

int live_meter_processes(const struct live_meter *watch, unsigned i, uint32_t pids[],
                         unsigned capacity, unsigned *count)
{
    if (live_meter_is_over(watch))
        return WT_E_NO_DATA;
    return sense_processes(watch->sense, watch->devices[i].position, pids, capacity, count, NULL);
}

void live_meter_set_gap(struct live_meter *watch, int64_t gap_ns)
{
    int64_t least_ns = (int64_t)((double)REAL_GAP_NS * clock_scale());
    int64_t power_gap_ns = gap_ns < POWER_GAP_NS ? gap_ns : POWER_GAP_NS;
    for (unsigned i = 0; i < watch->count; i++) {
        watch->devices[i].edges.gap_ns = gap_ns > least_ns ? gap_ns : least_ns;
        watch->devices[i].edges.learning_gap_ns = GAP_NS > least_ns ? GAP_NS : least_ns;
        watch->devices[i].integrate.gap_ns = power_gap_ns > least_ns ? power_gap_ns : least_ns;
    }
}

void live_meter_keep_up(struct live_meter *watch)
{
    for (unsigned i = 0; i < watch->count; i++)
        watch->devices[i].fine_every_ns = FINE_KEPT_UP_NS;
}

/* A counter that moves every millisecond (RAPL) needs no edges: any read is as good. */
static bool is_fine(const struct watched *d)
{
    return d->device.has_energy_counter && d->device.counter_tick_ns < GAP_NS / 2;
}

static const char *kind_name(const struct watched *d)
{
    static const char *const names[] = {"GPU", "CPU", "DRAM"};
    return names[d->device.kind];
}

/* The counter was set back to 0 between two reads.  What it had counted until the first stays true;
 * what the device used between its last tick before and the reset is bounded by what it can draw at
 * all. */
static void carry(struct watched *d, const struct wt_sample *sample)
{
    double most_mj =
        (double)d->device.most_mw * (double)(sample->t_ns - d->last.t_ns + sample->lag_ns) / 1e9;
    bool from_zero = d->device.most_mw && (double)sample->energy_mj <= most_mj &&
                     d->begin.source != WT_SOURCE_NONE;
    d->carries = from_zero && (d->carries || !d->reset_ns);
    d->carried_mj += d->last.energy_mj - (d->reset_ns ? 0 : d->begin.energy_mj);
    d->carried_error_mj += (uint64_t)most_mj;
    d->reset_ns = sample->t_ns;
}

/* The same of power readings, as the integrator sees them. */
static void note_stopped(struct watched *d)
{
    if (!d->integrate.stopped || d->stale || d->device.replayed)
        return;
    d->stale = true;
    log_warning("the power readings of %s %u stand still: what it uses from here on is unknown",
                kind_name(d), d->device.index);
}

/* Sees to it that a counter that does not move is not taken for a device that uses nothing. */
static void note_move(struct watched *d, int64_t begin_ns, const struct wt_sample *sample)
{
    if (d->last.source == WT_SOURCE_NONE || sample->energy_mj != d->last.energy_mj) {
        d->moved_ns = sample->t_ns;
        d->unmoved = 0;
        return;
    }
    int64_t ticks_ns = STALE_TICKS * d->device.counter_tick_ns,
            most_ns = ticks_ns > STALE_NS ? ticks_ns : STALE_NS;
    if (++d->unmoved < STALE_READS || begin_ns - d->moved_ns <= most_ns || d->stale || is_fine(d) ||
        d->device.replayed)
        return;
    d->stale = true;
    log_warning("the energy counter of %s %u has stopped: what it uses from here on is unknown",
                kind_name(d), d->device.index);
}

static void say_slow(struct watched *d, int64_t length_ns)
{
    if (d->told_slow || length_ns < SLOW_NS)
        return;
    d->told_slow = true;
    log_note("the driver takes %.1f s to answer for %s %u: its energy is known less exactly",
             (double)length_ns / 1e9, kind_name(d), d->device.index);
}

/* One reading of power into the integrator; the sample only says that there is one. */
static int read_power(struct live_meter *watch, struct watched *d, struct wt_sample *sample,
                      struct wt_error *err)
{
    struct wt_state state;
    int64_t begin_ns = clock_now_ns();
    int rc = sense_state(watch->sense, d->position, WT_STATE_POWER, &state, err);
    if (rc == 0 && !(state.known & WT_STATE_POWER))
        rc = error_set(err, WT_E_NO_DATA, "%s %u (%s) does not tell its power now", kind_name(d),
                       d->device.index, d->device.name);
    if (rc)
        return rc;
    integrate_add(&d->integrate, begin_ns, clock_now_ns(), state.power_mw);
    *sample = (struct wt_sample){.t_ns = begin_ns, .source = WT_SOURCE_INTEGRATED};
    return 0;
}

/* The mark of the window's begin is final once there are readings on both sides of it. */
static void mark_begin(struct watched *d)
{
    if (d->begin_known || d->begin.source == WT_SOURCE_NONE)
        return;
    d->begin_known = integrate_at(&d->integrate, d->begin.t_ns, &d->begin_mark) == 0 &&
                     integrate_known_until_ns(&d->integrate) > d->begin.t_ns + BEGIN_SETTLED_NS;
}

/* One read into the edge tracker or the integrator.  The first failure of a row is said; after that
 * the device is asked less often. */
static int read_device(struct live_meter *watch, struct watched *d, struct wt_sample *sample)
{
    struct wt_error err;
    int64_t begin_ns = clock_now_ns();
    int rc = d->integrates ? read_power(watch, d, sample, &err)
                           : sense_energy(watch->sense, d->position, sample, &err);
    say_slow(d, clock_now_ns() - begin_ns);
    if (rc) {
        d->failed_ns = clock_now_ns();
        if (d->failures++ == 0)
            log_warning("%s; its energy is unknown until it can be read again", err.text);
        return rc;
    }
    if (d->failures)
        log_note("%s %u can be read again", kind_name(d), d->device.index);
    d->failures = 0;
    if (d->integrates) {
        d->edges.read_ns = sample->t_ns;
        mark_begin(d);
        note_stopped(d);
        return 0;
    }
    edges_add(&d->edges, sample->t_ns < begin_ns ? sample->t_ns : begin_ns, clock_now_ns(),
              sample->energy_mj);
    note_move(d, begin_ns, sample);
    if (edges_take_reset(&d->edges)) {
        carry(d, sample);
        log_warning("the energy counter of %s %u went back: %s", kind_name(d), d->device.index,
                    d->device.kind == WT_DEVICE_GPU ? "the driver was reloaded"
                                                    : "it was set back");
    }
    d->last = *sample;
    return 0;
}

static int64_t next_read_ns(const struct watched *d, int64_t now_ns)
{
    if (!d->device.has_energy_counter && !d->integrates)
        return INT64_MAX;
    if (d->failures)
        return d->failed_ns + (d->failures < 10 ? 100 : 1000) * NS_PER_MS;
    if (is_fine(d))
        return d->edges.read_ns + d->fine_every_ns;
    if (d->integrates)
        return integrate_next_read_ns(&d->integrate, now_ns);
    return edges_next_read_ns(&d->edges, now_ns);
}

/* Its next read need not be at a certain moment. */
static bool can_wait(const struct watched *d)
{
    return !d->failures && !is_fine(d) && !d->integrates && d->device.has_energy_counter &&
           edges_can_wait(&d->edges);
}

static bool is_due(const struct watched *d)
{
    /* Asked for from the last read on, so that a moment that has passed meanwhile counts as due. */
    return can_wait(d) ? edges_may_read(&d->edges, clock_now_ns())
                       : next_read_ns(d, d->edges.read_ns + 1) <= clock_now_ns();
}

void live_meter_poll(struct live_meter *watch)
{
    for (unsigned i = 0; i < watch->count; i++) {
        struct wt_sample sample;
        if (is_due(&watch->devices[i]) && !live_meter_is_over(watch))
            read_device(watch, &watch->devices[i], &sample);
    }
}

/* When to wake up for a device.  One that can wait gives others half a gap to be read by the same
 * waking. */
static int64_t wake_ns(const struct watched *d)
{
    int64_t at_ns = next_read_ns(d, d->edges.read_ns + 1);
    if (!can_wait(d))
        return at_ns;
    int64_t now_ns = clock_now_ns(), latest_ns = at_ns + d->edges.gap_ns / 2;
    return edges_next_read_ns(&d->edges, latest_ns > now_ns ? latest_ns : now_ns);
}

int64_t live_meter_next_ns(const struct live_meter *watch)
{
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < watch->count; i++) {
        int64_t at_ns = wake_ns(&watch->devices[i]);
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    return next_ns;
}

/* Whatever the readings leave open, a device uses no less than nothing and no more than it can. */
static void cut_error(const struct watched *d, int64_t length_ns, struct wt_measurement *window)
{
    double energy_mj = (double)window->energy_mj,
           all_mj = (double)d->device.most_mw * (double)length_ns / 1e9;
    double most_mj = all_mj - energy_mj > energy_mj ? all_mj - energy_mj : energy_mj;
    if (d->device.most_mw && window->source != WT_SOURCE_NONE &&
        (double)window->energy_error_mj > most_mj)
        window->energy_error_mj = (uint64_t)most_mj + 1;
}

int live_meter_mark(const struct live_meter *watch, unsigned i, int64_t t_ns,
                    struct live_meter_mark *mark)
{
    const struct watched *d = &watch->devices[i];
    mark->t_ns = t_ns;
    return d->integrates ? integrate_at(&d->integrate, t_ns, &mark->power)
                         : edges_energy_at(&d->edges, t_ns, &mark->counter);
}

/* What came between is not known when the counter was set back, had stopped, or could not be read.
 */
static int counted_between(const struct watched *d, const struct live_meter_mark *from,
                           const struct live_meter_mark *to, struct wt_measurement *window)
{
    if ((d->reset_ns && d->reset_ns >= from->t_ns) || (d->stale && to->t_ns > d->moved_ns) ||
        (d->failures && to->t_ns > d->last.t_ns) || to->counter.energy_mj < from->counter.energy_mj)
        return WT_E_NO_DATA;
    *window = (struct wt_measurement){.energy_mj = to->counter.energy_mj - from->counter.energy_mj,
                                      .energy_error_mj = to->counter.energy_error_mj +
                                                         from->counter.energy_error_mj,
                                      .source = WT_SOURCE_COUNTER};
    return 0;
}

int live_meter_between(const struct live_meter *watch, unsigned i,
                       const struct live_meter_mark *from, const struct live_meter_mark *to,
                       struct wt_measurement *measurement)
{
    const struct watched *d = &watch->devices[i];
    struct wt_measurement window;
    if (!d->integrates) {
        if (counted_between(d, from, to, &window))
            return WT_E_NO_DATA;
    } else if (to->power.gap ||
               (window = integrate_between(&d->integrate, &from->power, &to->power)).source ==
                   WT_SOURCE_NONE) {
        return WT_E_NO_DATA;
    }
    cut_error(d, to->t_ns - from->t_ns, &window);
    window.begin_ns = from->t_ns;
    window.end_ns = to->t_ns;
    *measurement = window;
    return 0;
}

int live_meter_device_between(const struct live_meter *watch, unsigned i, int64_t begin_ns,
                              int64_t end_ns, struct wt_measurement *measurement)
{
    struct live_meter_mark from, to;
    if (live_meter_mark(watch, i, begin_ns, &from) || live_meter_mark(watch, i, end_ns, &to))
        return WT_E_NO_DATA;
    return live_meter_between(watch, i, &from, &to, measurement);
}

int live_meter_energy_between(const struct live_meter *watch, int64_t begin_ns, int64_t end_ns,
                              double *energy_j, double *error_j)
{
    double energy = 0, error = 0;
    for (unsigned i = 0; i < watch->gpu_count; i++) {
        struct wt_measurement window;
        if (live_meter_device_between(watch, i, begin_ns, end_ns, &window))
            return WT_E_NO_DATA;
        energy += (double)window.energy_mj / 1000;
        error += (double)window.energy_error_mj / 1000;
    }
    *energy_j = energy;
    *error_j = error;
    return 0;
}

bool live_meter_stale(const struct live_meter *watch, unsigned *i)
{
    for (*i = 0; *i < watch->gpu_count; ++*i)
        if (watch->devices[*i].stale)
            return true;
    return false;
}

int64_t live_meter_known_until_ns(const struct live_meter *watch)
{
    int64_t until_ns = INT64_MAX;
    for (unsigned i = 0; i < watch->gpu_count; i++) {
        const struct watched *d = &watch->devices[i];
        int64_t known_ns = d->integrates ? integrate_known_until_ns(&d->integrate)
                                         : edges_known_until_ns(&d->edges);
        until_ns = known_ns < until_ns ? known_ns : until_ns;
    }
    return until_ns == INT64_MAX ? 0 : until_ns;
}

void live_meter_begin(struct live_meter *watch)
{
    for (unsigned i = 0; i < watch->count; i++) {
        struct watched *d = &watch->devices[i];
        d->begin = (struct wt_sample){.t_ns = clock_now_ns(), .source = WT_SOURCE_NONE};
        d->begin_known = false;
        if (d->device.has_energy_counter || d->integrates)
            read_device(watch, d, &d->begin);
        if (d->integrates &&
            !d->device.replayed) /* the window begins when we return, however long the call took */
            d->begin.t_ns = clock_now_ns();
    }
}

int live_meter_so_far(const struct live_meter *watch, unsigned i, double *energy_j)
{
    const struct watched *d = &watch->devices[i];
    struct integrate_mark to;
    if (d->begin.source == WT_SOURCE_NONE || d->stale || d->failures)
        return WT_E_NO_DATA;
    if (d->integrates) {
        if (!d->begin_known ||
            integrate_at(&d->integrate, integrate_known_until_ns(&d->integrate), &to))
            return WT_E_NO_DATA;
        struct wt_measurement window = integrate_between(&d->integrate, &d->begin_mark, &to);
        if (window.source == WT_SOURCE_NONE)
            return WT_E_NO_DATA;
        *energy_j = (double)window.energy_mj / 1000;
        return 0;
    }
    uint64_t from_mj = d->carries ? 0 : d->begin.energy_mj,
             to_mj = d->last.energy_mj + (d->carries ? d->carried_mj : 0);
    if (d->last.source == WT_SOURCE_NONE || (d->reset_ns && !d->carries) || to_mj < from_mj)
        return WT_E_NO_DATA;
    *energy_j = (double)(to_mj - from_mj) / 1000;
    return 0;
}

/* Power readings over the whole window. */
static struct wt_measurement integrated_window(struct watched *d, const struct wt_sample *end)
{
    struct wt_measurement unknown = {
        .begin_ns = d->begin.t_ns, .end_ns = end->t_ns, .source = WT_SOURCE_NONE};
    struct integrate_mark to;
    mark_begin(d);
    if (d->begin.source == WT_SOURCE_NONE || end->source == WT_SOURCE_NONE ||
        integrate_at(&d->integrate, end->t_ns, &to))
        return unknown;
    struct wt_measurement window = integrate_between(&d->integrate, &d->begin_mark, &to);
    cut_error(d, end->t_ns - d->begin.t_ns, &window);
    if (d->device.replayed && window.source != WT_SOURCE_NONE)
        window.source = WT_SOURCE_REPLAYED;
    return window;
}

/* From the two plain reads.  What came between is known to the two ticks, and to as long as a
 * counter that may have stopped, too lately to be sure, could have missed. */
static struct wt_measurement plain_window(const struct watched *d, const struct wt_sample *end)
{
    struct wt_sample from = d->begin, to = *end;
    if (d->carries) { /* counted from 0 since the reset */
        from.energy_mj = 0;
        to.energy_mj += d->carried_mj;
        to.energy_error_mj += d->carried_error_mj;
    }
    struct wt_measurement window = meter_between(&from, &to, d->device.most_mw);
    if (window.source == WT_SOURCE_NONE || is_fine(d) || d->device.replayed)
        return window;
    int64_t silent_ns = end->t_ns - d->moved_ns;
    if (d->stale ||
        (d->unmoved && silent_ns > 2 * d->device.counter_tick_ns && !d->device.most_mw)) {
        window.quality |= WT_QUALITY_STALE;
        window.source = WT_SOURCE_NONE;
    } else if (d->unmoved && silent_ns > 2 * d->device.counter_tick_ns) {
        window.quality |= WT_QUALITY_STALE;
        window.energy_error_mj += (uint64_t)((double)d->device.most_mw * (double)silent_ns / 1e9);
    }
    return window;
}

/* The better of two ways: from the edges around both moments, or from the two plain reads. */
static struct wt_measurement best_window(const struct watched *d, const struct wt_sample *end,
                                         int64_t unread_ns)
{
    struct wt_measurement plain = plain_window(d, end);
    struct wt_sample from, to;
    /* When nobody looked for a while before the end (a slow driver, a host that had no time for
     * us), what the power was then is not known from what it had been: the two plain reads and
     * their wide bound stand. */
    int64_t known_ns = 6 * d->device.counter_tick_ns > UNREAD_MOST_NS
                           ? 6 * d->device.counter_tick_ns
                           : UNREAD_MOST_NS;
    if (plain.source == WT_SOURCE_NONE || plain.quality || is_fine(d) || unread_ns > known_ns ||
        d->reset_ns >= d->begin.t_ns || edges_energy_at(&d->edges, d->begin.t_ns, &from) ||
        edges_energy_at(&d->edges, end->t_ns, &to) || to.energy_mj < from.energy_mj ||
        (to.quality & WT_QUALITY_STALE))
        return plain;
    struct wt_measurement tracked = meter_between(&from, &to, d->device.most_mw);
    tracked.source = plain.source;
    return tracked.energy_error_mj < plain.energy_error_mj ? tracked : plain;
}

/* The last read came after the moment that is meant, by more than a little if the driver is slow.
 * It stands for that moment then, and is too high by what the device can have used since. */
static void set_moment(const struct watched *d, int64_t end_ns, struct wt_sample *end)
{
    int64_t late_ns = end->t_ns - end_ns;
    if (d->integrates && !d->device.replayed && late_ns > 0 && end_ns > d->begin.t_ns)
        end->t_ns = end_ns; /* looked up among the readings around it */
    if (end->source == WT_SOURCE_NONE || d->device.replayed || d->integrates || late_ns <= 0 ||
        !d->device.most_mw || end_ns < d->begin.t_ns)
        return;
    end->energy_error_mj += (uint64_t)((double)d->device.most_mw * (double)late_ns / 1e9);
    end->lag_ns = d->device.counter_tick_ns;
    end->t_ns = end_ns;
}

void live_meter_end(struct live_meter *watch, int64_t end_ns, struct wt_measurement measurements[])
{
    for (unsigned i = 0; i < watch->count; i++) {
        struct watched *d = &watch->devices[i];
        struct wt_sample end = {.t_ns = clock_now_ns(), .source = WT_SOURCE_NONE};
        int64_t before_ns = d->edges.has_read ? d->edges.read_ns : d->begin.t_ns;
        if (d->device.has_energy_counter || d->integrates)
            read_device(watch, d, &end);
        int64_t unread_ns = end.t_ns - before_ns;
        set_moment(d, end_ns, &end);
        if (d->reset_ns && d->reset_ns >= d->begin.t_ns && !d->carries)
            end.quality |= WT_QUALITY_RESET;
        measurements[i] =
            d->integrates ? integrated_window(d, &end) : best_window(d, &end, unread_ns);
        if (d->carries)
            measurements[i].quality |= WT_QUALITY_RESET;
    }
}
