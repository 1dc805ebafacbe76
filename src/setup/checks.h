/* SPDX-License-Identifier: Apache-2.0
 *
 * The judgements of `wattune doctor` on numbers.  Pure: readings and facts in, lines out; no
 * device, no file, no clock.
 */
#ifndef WATTUNE_SETUP_CHECKS_H
#define WATTUNE_SETUP_CHECKS_H

#include "flow/check.h"
#include "flow/device.h"

/* A value that was read fast for a while: the times and values of its changes. 2048 changes are
 * 1.5 s of a sensor that moves with every reading. */
enum { TRACE_CHANGES = 2048 };

struct trace {
    unsigned reads, failures, changes; /* changes beyond the capacity are dropped */
    bool went_back;                    /* a value was smaller than the one before it */
    int64_t first_ns, last_ns;         /* first and last reading */
    double first, last;
    struct {
        int64_t t_ns;
        double value;
    } points[TRACE_CHANGES];
};

void trace_add(struct trace *trace, int64_t t_ns, double value);

/* Median time between two changes, in seconds; NaN below two changes. */
double trace_period_s(const struct trace *trace);

/* The smallest change, and the largest step that divides all changes (values are taken as whole
 * numbers); NaN without a change. */
double trace_smallest_change(const struct trace *trace);
double trace_step(const struct trace *trace);

/* Mean over time, least and most, of a trace of power. */
double trace_mean(const struct trace *trace);
double trace_spread(const struct trace *trace); /* (most - least) / mean */

/* Energy by the counter (mJ) over the integral of the power readings (mW) between the counter's
 * first and last edge; NaN when there are fewer than two edges or no power. */
double trace_agreement(const struct trace *counter, const struct trace *power);

/* Over how many seconds the power reading is averaged, as far as the counter's edges tell: the
 * multiple of the counter's period that explains the readings.  NaN when the load was too steady to
 * tell. */
double trace_averaging_s(const struct trace *counter, const struct trace *power);

/* --- Lines --- */

/* The two sentences of a line, as of printf. */
#define DETAIL(check, ...) snprintf((check)->detail, sizeof(check)->detail, __VA_ARGS__)
#define ADVISE(check, ...) snprintf((check)->todo, sizeof(check)->todo, __VA_ARGS__)

/* `why`: the driver's sentence when readings failed; NULL otherwise. */
void check_counter(struct wt_check *check, const struct wt_device *device,
                   const struct trace *counter, const struct trace *power, const char *why);
void check_power(struct wt_check *check, const struct wt_device *device,
                 const struct trace *counter, const struct trace *power, const char *why);

/* False: there is nothing to compare, and no line. */
bool check_agreement(struct wt_check *check, const struct trace *counter,
                     const struct trace *power);

struct permission_facts {
    bool is_virtual, is_root, has_admin; /* CAP_SYS_ADMIN in effect */
};
void check_permission(struct wt_check *check, const struct permission_facts *facts);

struct powercap_facts {
    unsigned zones, readable;
    bool wanted; /* a processor of a kind that has them, and no virtual machine */
};
void check_powercap(struct wt_check *check, const struct powercap_facts *facts);

/* 0; 3 when nothing measures energy; 6 when the ledger is missing; 1 when another needed thing is.
 */
int checks_exit_code(const struct wt_check checks[], unsigned count, unsigned sources);

#endif
