/* SPDX-License-Identifier: Apache-2.0
 *
 * The judgements of `wattune doctor` on numbers.
 */
#include "setup/checks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit_code.h"

/* Published sensors move every 20 to 100 ms; at more than 250 ms a window of a second is a quarter
 * guesswork. */
static const double PERIOD_MOST_S = 0.25;

/* The most by which a counter and power readings may differ at a steady load: readings are
 * averages over part of the time. */
static const double AGREEMENT_STEADY = 0.05;
/* And how much of a load that changed may lie on the other side of an edge: a second of averaging
 * in 1.5 s of reading. */
static const double AGREEMENT_CHANGING = 0.7;

/* --- Traces --- */

void trace_add(struct trace *trace, int64_t t_ns, double value)
{
    if (trace->reads++ == 0) {
        trace->first_ns = trace->last_ns = t_ns;
        trace->first = trace->last = value;
        return;
    }
    if (value != trace->last && trace->changes < TRACE_CHANGES) {
        trace->went_back |= value < trace->last;
        trace->points[trace->changes].t_ns = t_ns;
        trace->points[trace->changes].value = value;
        trace->changes++;
    }
    trace->last_ns = t_ns;
    trace->last = value;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double trace_period_s(const struct trace *trace)
{
    double lengths[TRACE_CHANGES];
    unsigned count = 0;
    for (unsigned i = 1; i < trace->changes; i++)
        lengths[count++] = (double)(trace->points[i].t_ns - trace->points[i - 1].t_ns) / 1e9;
    if (count == 0)
        return NAN;
    qsort(lengths, count, sizeof lengths[0], by_size);
    return (lengths[(count - 1) / 2] + lengths[count / 2]) / 2;
}

/* Change i, from the value before it. */
static double change(const struct trace *trace, unsigned i)
{
    return fabs(trace->points[i].value - (i ? trace->points[i - 1].value : trace->first));
}

double trace_smallest_change(const struct trace *trace)
{
    double least = NAN;
    for (unsigned i = 0; i < trace->changes; i++)
        least = fmin(least, change(trace, i)); /* fmin() ignores NaN */
    return least;
}

double trace_step(const struct trace *trace)
{
    double step = 0;
    for (unsigned i = 0; i < trace->changes; i++)
        for (double a = change(trace, i), b = step; a >= 0.5;) { /* Euclid */
            step = a;
            a = b >= 0.5 ? fmod(b, a) : 0;
            b = step;
        }
    return step > 0 ? step : NAN;
}

/* The shortest time between two changes: the sensor's tick, also where most of its readings were
 * the same. */
static int64_t shortest_ns(const struct trace *trace)
{
    int64_t least_ns = 0;
    for (unsigned i = 1; i < trace->changes; i++) {
        int64_t length_ns = trace->points[i].t_ns - trace->points[i - 1].t_ns;
        if (least_ns == 0 || length_ns < least_ns)
            least_ns = length_ns;
    }
    return least_ns;
}

/* The integral of value over time between two moments, when a reading holds until the next and
 * stands for the time `lag_ns` before it is seen. */
static double integral(const struct trace *trace, int64_t begin_ns, int64_t end_ns, int64_t lag_ns)
{
    double sum = 0, held = trace->first;
    int64_t from_ns = begin_ns;
    for (unsigned i = 0; i <= trace->changes && from_ns < end_ns; i++) {
        bool last = i == trace->changes;
        int64_t until_ns = last ? end_ns : trace->points[i].t_ns - lag_ns;
        if (until_ns > end_ns)
            until_ns = end_ns;
        if (until_ns > from_ns) {
            sum += held * (double)(until_ns - from_ns) / 1e9;
            from_ns = until_ns;
        }
        if (!last)
            held = trace->points[i].value;
    }
    return sum;
}

double trace_mean(const struct trace *trace)
{
    int64_t length_ns = trace->last_ns - trace->first_ns;
    return trace->reads == 0 ? (double)NAN
           : length_ns <= 0
               ? trace->last
               : integral(trace, trace->first_ns, trace->last_ns, 0) * 1e9 / (double)length_ns;
}

double trace_spread(const struct trace *trace)
{
    double least = trace->first, most = trace->first;
    for (unsigned i = 0; i < trace->changes; i++) {
        least = fmin(least, trace->points[i].value);
        most = fmax(most, trace->points[i].value);
    }
    double mean = trace_mean(trace);
    return mean > 0 ? (most - least) / mean : (double)NAN;
}

double trace_agreement(const struct trace *counter, const struct trace *power)
{
    if (counter->changes < 2 || power->reads == 0)
        return NAN;
    unsigned last = counter->changes - 1;
    double energy_mj = counter->points[last].value - counter->points[0].value;
    double sum_mj =
        integral(power, counter->points[0].t_ns, counter->points[last].t_ns, shortest_ns(power));
    return sum_mj > 0 && energy_mj >= 0 ? energy_mj / sum_mj : (double)NAN;
}

/* The counter at a moment, between its edges; NaN outside them. */
static double energy_at(const struct trace *counter, int64_t t_ns)
{
    for (unsigned i = 1; i < counter->changes; i++) {
        int64_t from_ns = counter->points[i - 1].t_ns, to_ns = counter->points[i].t_ns;
        if (t_ns < from_ns || t_ns > to_ns)
            continue;
        double share = to_ns > from_ns ? (double)(t_ns - from_ns) / (double)(to_ns - from_ns) : 1;
        return counter->points[i - 1].value +
               share * (counter->points[i].value - counter->points[i - 1].value);
    }
    return NAN;
}

double trace_averaging_s(const struct trace *counter, const struct trace *power)
{
    /* The load must have moved by a fifth, and some readings must have a whole window behind them.
     */
    enum { READINGS_LEAST = 4 };
    const double spread_least = 0.2, miss_most = 0.05, window_most_s = 1.2;
    double tick_s = trace_period_s(counter), best_miss = miss_most, best_s = NAN;
    if (isnan(tick_s) || tick_s <= 0 || counter->went_back || !(trace_spread(power) > spread_least))
        return NAN;
    for (unsigned k = 1; k * tick_s <= window_most_s; k++) {
        double squares = 0;
        unsigned readings = 0;
        for (unsigned i = 0; i < power->changes; i++) {
            int64_t t_ns = power->points[i].t_ns;
            double energy_mj =
                energy_at(counter, t_ns) - energy_at(counter, t_ns - (int64_t)(k * tick_s * 1e9));
            if (isnan(energy_mj))
                continue;
            double miss = energy_mj / (k * tick_s) - power->points[i].value;
            squares += miss * miss;
            readings++;
        }
        double miss =
            readings >= READINGS_LEAST ? sqrt(squares / readings) / trace_mean(power) : INFINITY;
        if (miss < best_miss) {
            best_miss = miss;
            best_s = k * tick_s;
        }
    }
    return best_s;
}

/* --- Lines --- */

static void begin(struct wt_check *check, const char *name, enum wt_check_status status)
{
    char device[sizeof check->device];
    memcpy(device, check->device, sizeof device);
    *check = (struct wt_check){.name = name, .status = status, .needed = true};
    memcpy(check->device, device, sizeof device);
}

static void value(struct wt_check *check, const char *key, double number)
{
    check->values[check->value_count].key = key;
    check->values[check->value_count++].value = number;
}

static void judge_counter(struct wt_check *check, const struct wt_device *device,
                          const struct trace *counter, const struct trace *power, const char *why)
{
    double period_s = trace_period_s(counter), mean_mw = trace_mean(power);
    double seconds = (double)(counter->last_ns - counter->first_ns) / 1e9;
    if (!device->has_energy_counter) {
        check->status = power->reads ? WT_CHECK_DEGRADED : WT_CHECK_MISSING;
        DETAIL(check, "this device has none%s%s", why ? ": " : "", why ? why : "");
        ADVISE(check, "%s",
               power->reads ? "energy is integrated from power readings, with a larger error"
                            : "nothing of this device can be measured");
    } else if (counter->reads == 0) {
        check->status = WT_CHECK_MISSING;
        DETAIL(check, "it cannot be read: %s", why ? why : "no reason given");
        ADVISE(check, "see the kernel's log (dmesg); a lost GPU needs a reset or a restart");
    } else if (counter->went_back) {
        check->status = WT_CHECK_DEGRADED;
        DETAIL(check, "it went back while it was read: the driver was loaded anew");
        ADVISE(check,
               "switch persistence mode on (nvidia-smi -pm 1), so that the driver stays loaded");
    } else if (counter->changes == 0) {
        check->status = WT_CHECK_DEGRADED;
        DETAIL(check, "it did not move in %.2g s%s", seconds,
               mean_mw > 0 ? " although power is drawn" : "");
        ADVISE(check, "reload the driver; until then the energy of this device is unknown");
    } else if (counter->failures) {
        check->status = WT_CHECK_DEGRADED;
        DETAIL(check, "%u of %u readings failed: %s", counter->failures,
               counter->failures + counter->reads, why ? why : "no reason given");
        ADVISE(check, "see the kernel's log (dmesg)");
    } else if (period_s > PERIOD_MOST_S || isnan(period_s)) {
        check->status = WT_CHECK_DEGRADED;
        if (isnan(period_s))
            DETAIL(check, "it moved once in %.2g s", seconds);
        else
            DETAIL(check, "it moves only every %.0f ms", period_s * 1e3);
        ADVISE(check, "measure for longer: a window's error is about one such interval");
    } else {
        DETAIL(check, "it moves every %.1f ms, in steps of %g mJ", period_s * 1e3,
               trace_step(counter));
    }
}

void check_counter(struct wt_check *check, const struct wt_device *device,
                   const struct trace *counter, const struct trace *power, const char *why)
{
    begin(check, "energy_counter", WT_CHECK_GOOD);
    judge_counter(check, device, counter, power, why);
    if (!device->has_energy_counter)
        return;
    value(check, "update_period_s", trace_period_s(counter));
    value(check, "resolution_j", trace_step(counter) / 1e3);
    value(check, "smallest_change_j", trace_smallest_change(counter) / 1e3);
    value(check, "reads", counter->reads);
    value(check, "changes", counter->changes);
}

void check_power(struct wt_check *check, const struct wt_device *device,
                 const struct trace *counter, const struct trace *power, const char *why)
{
    begin(check, "power_reading", WT_CHECK_GOOD);
    double period_s = trace_period_s(power), averaging_s = trace_averaging_s(counter, power);
    if (power->reads == 0) {
        check->status = device->has_energy_counter ? WT_CHECK_DEGRADED : WT_CHECK_MISSING;
        DETAIL(check, "power cannot be read%s%s", why ? ": " : "", why ? why : "");
        ADVISE(check, "%s",
               device->has_energy_counter
                   ? "energy is still measured by the counter; only the live display lacks power"
                   : "nothing of this device can be measured");
        return;
    }
    if (trace_mean(power) <= 0) {
        check->status = WT_CHECK_DEGRADED;
        DETAIL(check, "it is 0 W all the time");
        ADVISE(check, "the sensor or the driver is at fault: reload the driver");
    } else if (power->changes == 0) {
        DETAIL(check, "%.1f W, steady all the time: how often it moves cannot be seen",
               trace_mean(power) / 1e3);
    } else if (period_s > PERIOD_MOST_S) {
        check->status = WT_CHECK_DEGRADED;
        DETAIL(check, "it moves only every %.0f ms", period_s * 1e3);
        ADVISE(check, "%s",
               device->has_energy_counter ? "energy is measured by the counter, not by this"
                                          : "measure for longer");
    } else {
        char averaging[64] = "averaging is seen only under a changing load";
        if (!isnan(averaging_s))
            snprintf(averaging, sizeof averaging,
                     averaging_s < 1.5 * trace_period_s(counter) ? "averaged over %.0f ms or less"
                                                                 : "averaged over %.0f ms",
                     averaging_s * 1e3);
        DETAIL(check, "%.1f W, moves every %.1f ms by %g W or more; %s", trace_mean(power) / 1e3,
               period_s * 1e3, trace_smallest_change(power) / 1e3, averaging);
    }
    value(check, "power_w", trace_mean(power) / 1e3);
    value(check, "update_period_s", period_s);
    value(check, "resolution_w", trace_step(power) / 1e3);
    value(check, "smallest_change_w", trace_smallest_change(power) / 1e3);
    value(check, "averaging_s", averaging_s);
    if (device->sensor_error_ppm) {
        size_t length = strlen(check->detail);
        snprintf(check->detail + length, sizeof check->detail - length,
                 "; gain and offset may be off by %g %%", device->sensor_error_ppm / 1e4);
    }
    value(check, "sensor_error_fraction",
          device->sensor_error_ppm ? device->sensor_error_ppm / 1e6 : (double)NAN);
}

bool check_agreement(struct wt_check *check, const struct trace *counter, const struct trace *power)
{
    double ratio = trace_agreement(counter, power), spread = trace_spread(power);
    if (isnan(ratio) || counter->went_back)
        return false;
    begin(check, "counter_against_power", WT_CHECK_GOOD);
    double allowed = AGREEMENT_STEADY + AGREEMENT_CHANGING * (isnan(spread) ? 0 : spread);
    DETAIL(check, "the counter shows %.3f of the integral of power over the same time", ratio);
    if (fabs(ratio - 1) > allowed) {
        check->status = WT_CHECK_DEGRADED;
        ADVISE(check, "one of the two sensors is wrong: look again under a steady load; if it "
                      "stays, reload the driver and "
                      "trust neither to better than this");
    }
    value(check, "ratio", ratio);
    value(check, "allowed_deviation", allowed);
    value(check, "power_spread", spread);
    return true;
}

void check_permission(struct wt_check *check, const struct permission_facts *facts)
{
    begin(check, "limit_permission", WT_CHECK_GOOD);
    if (facts->is_virtual) {
        DETAIL(check, "these GPUs are virtual: the owner of their machine may set limits");
    } else if (facts->has_admin) {
        DETAIL(check, "this process has CAP_SYS_ADMIN");
    } else if (facts->is_root) {
        check->status = WT_CHECK_DEGRADED;
        DETAIL(check,
               "this process is root without CAP_SYS_ADMIN: the driver refuses that as a rule");
        ADVISE(check, "start the container with --cap-add SYS_ADMIN; without it runs are measured, "
                      "not tuned");
    } else {
        check->status = WT_CHECK_DEGRADED;
        DETAIL(check, "this user may not: it takes root or CAP_SYS_ADMIN");
        ADVISE(
            check,
            "use sudo (the training still runs as you); without it runs are measured, not tuned");
    }
}

void check_powercap(struct wt_check *check, const struct powercap_facts *facts)
{
    begin(check, "powercap", WT_CHECK_GOOD);
    check->needed = false; /* GPUs are measured without it */
    if (facts->zones == 0) {
        check->status = facts->wanted ? WT_CHECK_DEGRADED : WT_CHECK_MISSING;
        DETAIL(check, "there are no RAPL counters for CPU and DRAM%s",
               facts->wanted ? " although the processor has them"
                             : " (as in most virtual machines and containers)");
        ADVISE(check, "%s",
               facts->wanted ? "load the module: modprobe intel_rapl_msr"
                             : "the energy of processors and memory stays unknown");
    } else if (facts->readable < facts->zones) {
        check->status = WT_CHECK_DEGRADED;
        DETAIL(check, "%u of %u counters can be read by this user", facts->readable, facts->zones);
        ADVISE(check, "root can open them to all users by this line in "
                      "/etc/udev/rules.d/70-wattune.rules: ACTION==\"add\", "
                      "SUBSYSTEM==\"powercap\", KERNEL==\"intel-rapl:*\", RUN+=\"/bin/chmod a+r "
                      "/sys%%p/energy_uj\"");
    } else {
        DETAIL(check, "%u counters of CPU and DRAM, all readable", facts->zones);
    }
    value(check, "zones", facts->zones);
    value(check, "readable", facts->readable);
}

int checks_exit_code(const struct wt_check checks[], unsigned count, unsigned sources)
{
    int code = EXIT_DONE;
    for (unsigned i = 0; i < count; i++)
        if (checks[i].status == WT_CHECK_MISSING && checks[i].needed)
            code = strcmp(checks[i].name, "ledger") == 0 ? EXIT_LEDGER
                   : code == EXIT_DONE                   ? EXIT_OTHER
                                                         : code;
    return sources == 0 ? EXIT_NO_DEVICE : code;
}
