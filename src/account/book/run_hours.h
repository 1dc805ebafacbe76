/* SPDX-License-Identifier: Apache-2.0
 *
 * The account of a run: the energy of each device in each hour of the wall clock, and the busy time
 * of its GPUs.  Grids change by the hour, and reports ask for days.  Must not know prices or grids,
 * and reads nothing itself.
 *
 * The hours of a device add up to the total of the run's window, to the last bit of a double: they
 * split the one measurement and measure nothing again.  The wall clock is read once, at the start;
 * from there on time is the run's own, so that a clock that is set meanwhile makes no hour longer.
 */
#ifndef WATTUNE_ACCOUNT_BOOK_RUN_HOURS_H
#define WATTUNE_ACCOUNT_BOOK_RUN_HOURS_H

#include "account/ledger/ledger.h"
#include "base/error.h"

struct run_hours;

/* A run of `count` devices that began at begin_ns (base/clock.h), which was started_ms by the wall
 * clock.  The caller frees *out with run_hours_free(). */
int run_hours_new(const struct wt_device devices[], unsigned count, int64_t started_ms,
                  int64_t begin_ns, struct run_hours **out, struct wt_error *err);
struct run_hours *run_hours_free(struct run_hours *account); /* takes NULL, returns NULL */

/* A GPU was busy for that fraction of the time since this was last said of it (at first: since the
 * begin); NaN: not known. */
void run_hours_busy(struct run_hours *account, unsigned i, int64_t now_ns, double busy_fraction);

/* When an hour of the wall clock ends next (base/clock.h). */
int64_t run_hours_hour_ends_ns(const struct run_hours *account);

/* An hour has ended: the energy of each device since the begin, joules (NaN: not known now; the
 * hours until it is known again share their energy evenly). */
void run_hours_hour(struct run_hours *account, int64_t now_ns, const double so_far_j[]);

/* The run has ended; `used` is the energy of each device over it. *hours lives as long as the
 * account.  WT_E_NO_MEMORY: it would not fit. */
int run_hours_end(struct run_hours *account, int64_t end_ns, const struct wt_measurement used[],
                  struct ledger_hour **hours, size_t *count, struct wt_error *err);

/* GPU time in which a kernel ran, seconds, all GPUs; NaN: not known of one of them. */
double run_hours_busy_s(const struct run_hours *account);

#endif
