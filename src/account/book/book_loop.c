/* SPDX-License-Identifier: Apache-2.0
 *
 * Polls a live meter and its bookkeeper.
 */
#include "account/book/book_loop.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

/* Between two reads of a counter: the ends of stretches lie a second apart and need no more. */
static const int64_t BOOKING_GAP_NS = 250 * NS_PER_MS;

/* In real time a meter is never polled more often than this. */
static const double POLL_LEAST_NS = 2e6;

/* The longest single wait in real time: within it the loop notices a stop() that no signal
 * announces. */
static const double WAIT_MOST_NS = 1e9;

static bool is_stopped(const struct book_loop *loop)
{
    return loop->stop && loop->stop(loop->ctx);
}

/* A signal ends the wait early; the caller asks stop() then. */
static void sleep_until(const struct book_loop *loop, int64_t t_ns)
{
    for (;;) {
        double wait_ns = ((double)t_ns - (double)clock_now_ns()) / clock_scale();
        if (!(wait_ns > 0) || is_stopped(loop))
            return;
        wait_ns = fmin(wait_ns, WAIT_MOST_NS);
        struct timespec pause = {(time_t)(wait_ns / 1e9), (long)fmod(wait_ns, 1e9)};
        nanosleep(&pause, NULL);
    }
}

int book_loop_until(const struct book_loop *loop, int64_t t_ns, struct wt_error *err)
{
    const int64_t least_ns = (int64_t)(POLL_LEAST_NS * clock_scale());
    for (int64_t now_ns; loop->meter && !is_stopped(loop) && (now_ns = clock_now_ns()) < t_ns;) {
        int64_t read_ns = live_meter_next_ns(loop->meter);
        read_ns = read_ns > now_ns + least_ns ? read_ns : now_ns + least_ns;
        sleep_until(loop, read_ns < t_ns ? read_ns : t_ns);
        live_meter_poll(loop->meter);
        int rc = loop->keeper ? bookkeeper_poll(loop->keeper, err) : 0;
        if (rc)
            return rc;
    }
    sleep_until(loop, t_ns);
    return 0;
}

static void wait_for_edges(const struct book_loop *loop)
{
    int64_t until_ns = clock_now_ns() + NS_PER_S;
    live_meter_poll(loop->meter);
    while (!is_stopped(loop) && live_meter_known_until_ns(loop->meter) == 0 &&
           clock_now_ns() < until_ns) {
        int64_t next_ns = live_meter_next_ns(loop->meter);
        sleep_until(loop, next_ns < until_ns ? next_ns : until_ns);
        live_meter_poll(loop->meter);
    }
}

int book_loop_begin(struct book_loop *loop, struct ledger *ledger,
                    const struct booking_factors *factors, unsigned node_gpus, const char *node,
                    bool precise, struct wt_error *err)
{
    loop->factors = *factors;
    snprintf(loop->node, sizeof loop->node, "%s", node);
    wait_for_edges(loop);
    if (!precise)
        live_meter_set_gap(loop->meter, BOOKING_GAP_NS);
    return bookkeeper_new(loop->meter, ledger, &loop->factors, node_gpus, loop->node, &loop->keeper,
                          err);
}

int book_loop_end(struct book_loop *loop, struct wt_error *err)
{
    int rc = loop->keeper ? bookkeeper_end(loop->keeper, err) : 0;
    loop->keeper = bookkeeper_free(loop->keeper);
    return rc;
}
