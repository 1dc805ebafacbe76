/* SPDX-License-Identifier: Apache-2.0
 *
 * Books whole GPUs, stretch by stretch.
 */
#include "account/book/bookkeeper.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hours.h"
#include "base/log.h"

/* How often a GPU is looked at, by the clock in use and in real time: a machine may run a thousand
 * times faster. */
static const int64_t LOOK_NS = NS_PER_S, REAL_LOOK_NS = 50 * NS_PER_MS;
static const int64_t BOOK_NS = 60 * NS_PER_S, REAL_BOOK_NS = NS_PER_S;

/* A GPU whose energy has not been known for that long is booked as unknown. */
static const int64_t UNKNOWN_NS = 5 * NS_PER_S;

/* A wall clock that is off by more than this was set, or the machine slept. */
static const int64_t SET_MS = 2000;

/* Stretches that wait for a ledger that cannot be written; beyond this number they are given up,
 * with a warning. */
enum { WAITING_MOST = 100000 };

/* One GPU: the stretch that grows. */
struct kept {
    bool known; /* its energy is; then it lies between two marks */
    struct live_meter_mark from, last;
    bool marked;              /* `last` is a mark */
    int64_t begin_ms, end_ms; /* wall clock */
    int64_t end_ns;           /* the clock in use */
    int in_use;               /* of the stretch; 1, 0, -1 */
    int64_t looked_ns;
    int seen;    /* in use, at that look */
    int between; /* the same of all looks from the stretch's end on */
    double busy_s;
};

struct bookkeeper {
    struct live_meter *meter;
    struct ledger *ledger;
    const struct booking_factors *factors;
    unsigned node_gpus, count;
    const char *node;
    int64_t looked_ns, booked_ns;
    int64_t wall_ms, wall_ns; /* a moment by the wall clock and by the clock in use */
    bool failing, lossy;
    struct wt_stretch *waiting; /* ended, not booked */
    size_t waiting_count, waiting_room;
    struct kept gpus[];
};

/* --- Time --- */

static int64_t wall_of(const struct bookkeeper *keeper, int64_t t_ns)
{
    return keeper->wall_ms + (t_ns - keeper->wall_ns) / NS_PER_MS;
}

/* --- Stretches --- */

static struct wt_stretch stretch_of(const struct bookkeeper *keeper, unsigned i)
{
    const struct kept *gpu = &keeper->gpus[i];
    const struct wt_device *device = live_meter_device(keeper->meter, i);
    struct wt_stretch stretch = {.index = device->index,
                                 .begin_ms = gpu->begin_ms,
                                 .end_ms = gpu->end_ms,
                                 .energy_j = NAN,
                                 .energy_error_j = NAN,
                                 .in_use = gpu->in_use,
                                 .busy_s = gpu->busy_s};
    struct wt_measurement measured;
    memcpy(stretch.uuid, device->uuid, sizeof stretch.uuid);
    memcpy(stretch.name, device->name, sizeof stretch.name);
    if (gpu->known &&
        live_meter_between(keeper->meter, i, &gpu->from, &gpu->last, &measured) == 0) {
        stretch.energy_j = (double)measured.energy_mj / 1000;
        stretch.energy_error_j = (double)measured.energy_error_mj / 1000;
        stretch.source = measured.source;
    }
    return stretch;
}

/* In memory first.  A stretch without length has nothing of its own. */
static void put_away(struct bookkeeper *keeper, unsigned i)
{
    struct kept *gpu = &keeper->gpus[i];
    if (gpu->end_ms <= gpu->begin_ms)
        return;
    if (keeper->waiting_count == keeper->waiting_room) {
        size_t room = keeper->waiting_room ? 2 * keeper->waiting_room : 64;
        struct wt_stretch *more =
            room <= WAITING_MOST ? reallocarray(keeper->waiting, room, sizeof *more) : NULL;
        if (!more) {
            if (!keeper->lossy)
                log_warning("too much waits to be booked: later energy is lost until the ledger "
                            "can be written");
            keeper->lossy = true;
            return;
        }
        keeper->waiting = more;
        keeper->waiting_room = room;
    }
    keeper->waiting[keeper->waiting_count++] = stretch_of(keeper, i);
}

/* Where one stretch ends the next begins, from the same mark, so that both add up. */
static void begin_next(struct bookkeeper *keeper, unsigned i, int in_use, bool known)
{
    struct kept *gpu = &keeper->gpus[i];
    if (gpu->end_ms > gpu->begin_ms) {
        put_away(keeper, i);
        gpu->from = gpu->last;
        gpu->begin_ms = gpu->end_ms;
        gpu->busy_s = 0;
    }
    gpu->in_use = in_use;
    gpu->known = known;
}

/* Moves the mark at the stretch's end on; where that is not possible its energy is unknown from the
 * old mark on.  True: the new mark and the one before make sense together. */
static bool mark_end(struct bookkeeper *keeper, unsigned i, int64_t t_ns)
{
    struct kept *gpu = &keeper->gpus[i];
    struct live_meter_mark mark;
    struct wt_measurement unused;
    bool marked = live_meter_mark(keeper->meter, i, t_ns, &mark) == 0;
    bool joins = marked && gpu->marked &&
                 live_meter_between(keeper->meter, i, &gpu->last, &mark, &unused) == 0;
    if (gpu->known && !joins)
        begin_next(keeper, i, gpu->in_use, false);
    gpu->marked = marked;
    if (marked)
        gpu->last = mark;
    return joins;
}

/* Grows the stretch to t_ns, by way of the hours that end until then.  While a clock that was set
 * back has not reached the stretch's end yet, the stretch takes the energy and grows no longer. */
static void grow(struct bookkeeper *keeper, unsigned i, int64_t t_ns, double busy_fraction)
{
    struct kept *gpu = &keeper->gpus[i];
    int64_t to_ms = wall_of(keeper, t_ns), over_ms;
    double ahead_ms = fmax((double)(to_ms - gpu->end_ms), 1),
           busy_ns = busy_fraction * (double)(t_ns - gpu->end_ns);
    while ((over_ms = hours_begin_ms(hours_of_ms(gpu->end_ms) + 1)) < to_ms) {
        mark_end(keeper, i, keeper->wall_ns + (over_ms - keeper->wall_ms) * NS_PER_MS);
        gpu->busy_s += busy_ns / 1e9 * ((double)(over_ms - gpu->end_ms) / ahead_ms);
        gpu->end_ms = over_ms;
        begin_next(keeper, i, gpu->in_use, gpu->known);
    }
    bool joins = mark_end(keeper, i, t_ns);
    gpu->busy_s += busy_ns / 1e9 * fmin(fmax((double)(to_ms - gpu->end_ms), 1) / ahead_ms, 1);
    gpu->end_ms = to_ms > gpu->end_ms ? to_ms : gpu->end_ms;
    gpu->end_ns = t_ns;
    if (!gpu->known && joins) { /* from here on it is known again */
        begin_next(keeper, i, gpu->in_use, true);
        gpu->from = gpu->last;
    }
}

/* Follows a wall clock that was set.  Forward: nobody watched the skipped time; its energy by the
 * counters goes to the stretches that begin then.  Under another clock than the kernel's there is
 * none to follow. */
static void look_at_wall(struct bookkeeper *keeper, int64_t now_ns)
{
    int64_t off_ms = clock_wall_ms() - wall_of(keeper, now_ns);
    if (clock_scale() != 1 || (off_ms <= SET_MS && off_ms >= -SET_MS))
        return;
    log_note("the wall clock was set %s by %.0f s", off_ms > 0 ? "forward" : "back",
             fabs((double)off_ms) / 1000);
    keeper->wall_ms += off_ms;
    for (unsigned i = 0; off_ms > 0 && i < keeper->count; i++) {
        struct kept *gpu = &keeper->gpus[i];
        int64_t end_ms = wall_of(keeper, gpu->end_ns);
        if (end_ms <= gpu->end_ms)
            continue;
        begin_next(keeper, i, gpu->in_use, gpu->known);
        gpu->begin_ms = gpu->end_ms = end_ms;
    }
}

/* --- Looks --- */

static int is_in_use(const struct live_meter *meter, unsigned i)
{
    uint32_t pids[16];
    unsigned count;
    return live_meter_processes(meter, i, pids, sizeof pids / sizeof pids[0], &count) ? -1
                                                                                      : count > 0;
}

static double busy_now(const struct live_meter *meter, unsigned i)
{
    struct wt_state state;
    bool known = live_meter_state(meter, i, WT_STATE_UTILIZATION, &state) == 0 &&
                 (state.known & WT_STATE_UTILIZATION);
    return known ? state.utilization_percent / 100.0 : (double)NAN;
}

/* In use between two looks when it was at either. */
static int either(int a, int b)
{
    return a == 1 || b == 1 ? 1 : a < 0 || b < 0 ? -1 : 0;
}

static void book_until(struct bookkeeper *keeper, unsigned i, int64_t t_ns)
{
    struct kept *gpu = &keeper->gpus[i];
    if (t_ns <= gpu->end_ns)
        return;
    if (gpu->between != gpu->in_use)
        begin_next(keeper, i, gpu->between, gpu->known);
    grow(keeper, i, t_ns, busy_now(keeper->meter, i));
    gpu->between = gpu->seen;
}

/* A device that does not answer for a moment may do so later, and nothing is lost then. */
static bool is_settled(const struct bookkeeper *keeper, unsigned i, int64_t now_ns)
{
    const struct kept *gpu = &keeper->gpus[i];
    struct live_meter_mark mark;
    struct wt_measurement unused;
    return !gpu->known || now_ns - gpu->end_ns > UNKNOWN_NS ||
           (live_meter_mark(keeper->meter, i, gpu->looked_ns, &mark) == 0 &&
            live_meter_between(keeper->meter, i, &gpu->last, &mark, &unused) == 0);
}

/* Grows the stretch up to the look before: the energy used by then is known better than the
 * energy used now. */
static void look(struct bookkeeper *keeper, unsigned i, int64_t now_ns)
{
    struct kept *gpu = &keeper->gpus[i];
    if (is_settled(keeper, i, now_ns))
        book_until(keeper, i, gpu->looked_ns);
    gpu->seen = is_in_use(keeper->meter, i);
    gpu->between = either(gpu->between, gpu->seen);
    gpu->looked_ns = now_ns;
}

/* --- Booking --- */

/* Books the ended stretches and the growing ones in one transaction; the latter are booked
 * again, longer, the next time. */
static int book(struct bookkeeper *keeper, struct wt_error *err)
{
    size_t count = keeper->waiting_count;
    struct wt_stretch *all = reallocarray(NULL, count + keeper->count, sizeof *all);
    if (!all)
        return error_set(err, WT_E_NO_MEMORY, "book the GPUs: out of memory");
    if (count)
        memcpy(all, keeper->waiting, count * sizeof *all);
    for (unsigned i = 0; i < keeper->count; i++)
        if (keeper->gpus[i].end_ms > keeper->gpus[i].begin_ms)
            all[count++] = stretch_of(keeper, i);
    for (size_t i = 0; i < count; i++)
        booking_fill_stretch(keeper->factors, keeper->node_gpus, &all[i]);
    int rc = ledger_stretches_put(keeper->ledger, keeper->node, all, count, err);
    free(all);
    if (rc == 0)
        keeper->waiting_count = 0;
    return rc;
}

/* A ledger that cannot be written now may be writable later. */
static int try_to_book(struct bookkeeper *keeper, struct wt_error *err)
{
    int rc = book(keeper, err);
    if (rc && rc != WT_E_BUSY && !keeper->failing)
        log_warning("%s; it is tried again every minute", err->text);
    if (rc == 0 && keeper->failing)
        log_note("the ledger can be written again");
    keeper->failing = rc != 0;
    keeper->lossy &= rc != 0;
    return rc == WT_E_BUSY ? rc : 0;
}

static int64_t at_least(int64_t ns, int64_t real_ns)
{
    int64_t scaled_ns = (int64_t)((double)real_ns * clock_scale());
    return ns > scaled_ns ? ns : scaled_ns;
}

int bookkeeper_poll(struct bookkeeper *keeper, struct wt_error *err)
{
    int64_t now_ns = clock_now_ns();
    if (now_ns - keeper->looked_ns < at_least(LOOK_NS, REAL_LOOK_NS))
        return 0;
    keeper->looked_ns = now_ns;
    look_at_wall(keeper, now_ns);
    for (unsigned i = 0; i < keeper->count; i++)
        look(keeper, i, now_ns);
    if (now_ns - keeper->booked_ns < at_least(BOOK_NS, REAL_BOOK_NS))
        return 0;
    keeper->booked_ns = now_ns;
    return try_to_book(keeper, err);
}

int bookkeeper_end(struct bookkeeper *keeper, struct wt_error *err)
{
    int64_t now_ns = clock_now_ns();
    look_at_wall(keeper, now_ns);
    for (unsigned i = 0; i < keeper->count; i++) {
        look(keeper, i, now_ns);
        book_until(keeper, i, now_ns);
    }
    return book(keeper, err);
}

int bookkeeper_new(struct live_meter *meter, struct ledger *ledger,
                   const struct booking_factors *factors, unsigned node_gpus, const char *node,
                   struct bookkeeper **out, struct wt_error *err)
{
    unsigned count = live_meter_gpu_count(meter);
    struct bookkeeper *keeper = calloc(1, sizeof *keeper + count * sizeof keeper->gpus[0]);
    if (!keeper)
        return error_set(err, WT_E_NO_MEMORY, "book the GPUs: out of memory");
    int64_t now_ns = clock_now_ns(), now_ms = clock_wall_ms();
    *keeper = (struct bookkeeper){.meter = meter,
                                  .ledger = ledger,
                                  .factors = factors,
                                  .node_gpus = node_gpus,
                                  .count = count,
                                  .node = node,
                                  .looked_ns = now_ns,
                                  .booked_ns = now_ns,
                                  .wall_ms = now_ms,
                                  .wall_ns = now_ns};
    live_meter_poll(meter);
    for (unsigned i = 0; i < count; i++) {
        struct kept *gpu = &keeper->gpus[i];
        gpu->begin_ms = gpu->end_ms = now_ms;
        gpu->end_ns = now_ns;
        gpu->looked_ns = now_ns;
        gpu->seen = gpu->between = gpu->in_use = is_in_use(meter, i);
        gpu->marked = gpu->known = live_meter_mark(meter, i, now_ns, &gpu->last) == 0;
        gpu->from = gpu->last;
    }
    *out = keeper;
    return 0;
}

struct bookkeeper *bookkeeper_free(struct bookkeeper *keeper)
{
    if (keeper)
        free(keeper->waiting);
    free(keeper);
    return NULL;
}
