/* SPDX-License-Identifier: Apache-2.0
 *
 * Spending.
 */
#include "run/job/spending.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/hours.h"
#include "base/log.h"

/* A device may be silent for a moment (a driver that is reloaded); after this long the user is
 * told. */
static const int64_t SILENT_NS = 10 * NS_PER_S;

const char *spending_text(char text[SPENDING_TEXT], const struct budget_amount *budget,
                          double amount)
{
    snprintf(text, SPENDING_TEXT, "%.4g %s", amount / budget->unit_size, budget->unit);
    return text;
}

/* --- Use --- */

static void say_unwatched(struct spending *spending, unsigned i)
{
    const struct wt_device *device = live_meter_device(spending->meter, i);
    static const char *const kinds[] = {"GPU", "CPU", "DRAM"};
    char amount[SPENDING_TEXT];
    spending->devices[i].told = true;
    log_warning(
        "the budget of %s cannot be watched as a whole: the energy of %s %u is unknown, and "
        "does not count",
        spending_text(amount, &spending->options.budget, spending->options.budget.amount),
        kinds[device->kind], device->index);
}

/* The energy of all devices so far, joules; of one that is not known now, the last known value. */
static double energy_j(struct spending *spending, int64_t now_ns)
{
    double sum_j = 0;
    for (unsigned i = 0; i < live_meter_device_count(spending->meter); i++) {
        double used_j;
        if (live_meter_so_far(spending->meter, i, &used_j) == 0) {
            spending->devices[i].energy_j = fmax(used_j, spending->devices[i].energy_j);
            spending->devices[i].known_ns = now_ns;
        } else if (!spending->devices[i].told &&
                   now_ns - spending->devices[i].known_ns > SILENT_NS) {
            say_unwatched(spending, i);
        }
        sum_j += spending->devices[i].energy_j;
    }
    return sum_j;
}

/* The grid of the hour that runs; asked once an hour, since a provider may take its time. */
static void look_at_grid(struct spending *spending, int64_t now_ns)
{
    int64_t unix_s = (spending->started_ms + (now_ns - spending->started_ns) / NS_PER_MS) / 1000;
    struct carbon_intensity intensity;
    if (hours_of_s(unix_s) == spending->hour)
        return;
    spending->hour = hours_of_s(unix_s);
    spending->factors->intensity_at(spending->factors->ctx, hours_begin_s(spending->hour),
                                    &intensity);
    spending->g_per_j = carbon_operational_g(1, spending->factors->pue, intensity.g_per_kwh);
    bool known = isfinite(spending->g_per_j),
         assumed = intensity.source == CARBON_INTENSITY_ASSUMED;
    if ((known && !assumed) || spending->told_grid)
        return;
    spending->told_grid = true;
    log_warning(
        known ? "the grid of this hour is not known: the budget is kept by the world's average, %g "
                "g/kWh"
              : "the grid of this hour is not known: energy used in it does not count towards the "
                "budget",
        intensity.g_per_kwh);
}

static double used_now(struct spending *spending, int64_t now_ns)
{
    double time_s = (double)(now_ns - spending->started_ns) / (double)NS_PER_S;
    if (spending->options.budget.kind == BUDGET_TIME)
        return time_s;
    double all_j = energy_j(spending, now_ns), more_j = all_j - spending->energy_j;
    spending->energy_j = all_j;
    if (spending->options.budget.kind == BUDGET_ENERGY)
        return all_j;
    look_at_grid(spending, now_ns);
    if (isfinite(spending->g_per_j))
        spending->operational_g += more_j * spending->g_per_j;
    return spending->operational_g + spending->embodied_g_per_s * time_s;
}

/* --- Words --- */

/* "38 epochs, as in 3 earlier runs, would use 9.8 to 12.1 kWh in all". */
static void put_total(const struct spending *spending, const struct budget_range *total, char *text,
                      size_t size)
{
    const struct spending_options *options = &spending->options;
    double unit = options->budget.unit_size;
    char epochs[64], why[48];
    if (options->least_epochs == options->most_epochs)
        snprintf(epochs, sizeof epochs, "%llu epochs", (unsigned long long)options->most_epochs);
    else if (options->least_epochs)
        snprintf(epochs, sizeof epochs, "%llu to %llu epochs",
                 (unsigned long long)options->least_epochs,
                 (unsigned long long)options->most_epochs);
    else
        snprintf(epochs, sizeof epochs, "at most %llu epochs",
                 (unsigned long long)options->most_epochs);
    if (options->earlier_runs)
        snprintf(why, sizeof why, "as in %u earlier run%s", options->earlier_runs,
                 options->earlier_runs == 1 ? "" : "s");
    else
        snprintf(why, sizeof why, "--max-epochs");
    if (options->least_epochs)
        snprintf(text, size, "%s (%s) would use %.3g to %.3g %s in all", epochs, why,
                 total->low / unit, total->high / unit, options->budget.unit);
    else
        snprintf(text, size, "%s (%s) would use up to %.3g %s in all", epochs, why,
                 total->high / unit, options->budget.unit);
}

static void say_total(const struct spending *spending, const struct budget_range *total)
{
    static const char *const ends[] = {[BUDGET_ENOUGH] = "within the budget",
                                       [BUDGET_DOUBTFUL] = "the budget may not be enough",
                                       [BUDGET_TOO_SMALL] = "the budget is not enough"};
    char words[200], amount[SPENDING_TEXT];
    put_total(spending, total, words, sizeof words);
    spending_text(amount, &spending->options.budget, spending->options.budget.amount);
    if (spending->verdict == BUDGET_TOO_SMALL)
        log_warning("%s: %s of %s", words, ends[spending->verdict], amount);
    else
        log_note("%s: %s of %s", words, ends[spending->verdict], amount);
}

/* After the first epoch, and again whenever it looks otherwise. */
static void predict(struct spending *spending)
{
    const struct spending_options *options = &spending->options;
    double unit = options->budget.unit_size;
    struct budget_range one, total;
    uint64_t surely, at_best;
    if (!spending->predicted && budget_predict(&spending->budget, 1, &one) &&
        budget_epochs_left(&spending->budget, &surely, &at_best)) {
        char used[SPENDING_TEXT], fit[64];
        spending->predicted = true;
        if (surely == at_best)
            snprintf(fit, sizeof fit, "for %llu more", (unsigned long long)surely);
        else if (at_best < BUDGET_EPOCHS_MOST)
            snprintf(fit, sizeof fit, "for %llu to %llu more", (unsigned long long)surely,
                     (unsigned long long)at_best);
        else
            snprintf(fit, sizeof fit, "for at least %llu more", (unsigned long long)surely);
        log_note("budget: %s of %.4g used after %llu epoch%s; one takes %.3g to %.3g, so that it "
                 "is enough %s",
                 spending_text(used, &options->budget, spending->budget.used),
                 options->budget.amount / unit, (unsigned long long)spending->epochs,
                 spending->epochs == 1 ? "" : "s", one.low / unit, one.high / unit, fit);
    }
    enum budget_verdict verdict =
        budget_judge(&spending->budget, options->least_epochs, options->most_epochs, &total);
    if (verdict == BUDGET_UNKNOWN || verdict == spending->verdict)
        return;
    spending->verdict = verdict;
    say_total(spending, &total);
}

/* --- The run --- */

void spending_begin(struct spending *spending, const struct spending_options *options,
                    struct live_meter *meter, const struct booking_factors *factors,
                    unsigned node_gpus, const struct wt_trial *trial, int64_t started_ns)
{
    *spending = (struct spending){.options = *options,
                                  .meter = meter,
                                  .factors = factors,
                                  .started_ms = trial->identity.started_ms,
                                  .started_ns = started_ns,
                                  .hour = -1};
    budget_begin(&spending->budget, options->budget.amount, options->before, options->warned);
    if (options->budget.kind == BUDGET_CARBON)
        spending->embodied_g_per_s = booking_embodied_g(factors, node_gpus, trial, 1);
    if (options->budget.kind == BUDGET_TIME || options->budget.kind == BUDGET_NONE)
        return;
    live_meter_keep_up(meter);
    for (unsigned i = 0; i < live_meter_device_count(meter); i++) {
        const struct wt_device *device = live_meter_device(meter, i);
        spending->devices[i].known_ns = started_ns;
        if (!device->has_energy_counter && !device->power_tick_ns)
            say_unwatched(spending, i);
    }
}

bool spending_poll(struct spending *spending, const struct wt_progress *progress, bool profiling)
{
    const struct budget_amount *amount = &spending->options.budget;
    char used[SPENDING_TEXT], all[SPENDING_TEXT];
    spending->used = used_now(spending, clock_now_ns());
    enum budget_event event = budget_use(&spending->budget, spending->used);
    spending->profiled |= profiling;
    if (progress->epochs > spending->epochs) {
        budget_epoch(&spending->budget, progress->epochs, !spending->profiled);
        spending->epochs = progress->epochs;
        spending->profiled = profiling;
        if (event != BUDGET_IS_OUT)
            predict(spending);
    }
    if (event == BUDGET_WARNS)
        log_warning("%.0f %% of the budget is used: %s of %s",
                    100 * spending->budget.used / amount->amount,
                    spending_text(used, amount, spending->budget.used),
                    spending_text(all, amount, amount->amount));
    return event == BUDGET_IS_OUT;
}

static double booked(const struct spending *spending, const struct wt_trial *trial)
{
    switch (spending->options.budget.kind) {
    case BUDGET_TIME:
        return trial->outcome.time_s;
    case BUDGET_CARBON:
        return trial->carbon.operational_g + trial->carbon.embodied_g;
    case BUDGET_ENERGY:
        break;
    case BUDGET_NONE:
        return 0;
    }
    const double kinds_j[] = {trial->part.energy_j, trial->part.cpu_energy_j,
                              trial->part.dram_energy_j};
    double sum_j = trial->part.gpu_count && isnan(trial->part.energy_j) ? (double)NAN : 0;
    for (unsigned i = 0; i < sizeof kinds_j / sizeof kinds_j[0]; i++)
        sum_j += isnan(kinds_j[i]) ? 0 : kinds_j[i];
    return sum_j;
}

double spending_end(const struct spending *spending, const struct wt_trial *trial)
{
    double by_book = booked(spending, trial);
    return isnan(by_book) ? spending->used : by_book;
}
