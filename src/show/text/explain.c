/* SPDX-License-Identifier: Apache-2.0
 *
 * An explanation in words: three sentences, a picture, and how sure they are.  It claims nothing
 * that the fit does not describe or the points do not tell.
 */
#include "show/text/view.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "show/text/table.h"

#define HEADINGS(...) ((const char *const[]){__VA_ARGS__})

enum { BAR_MOST = 40 };

static void put_with_error(struct buffer *out, const char *value, const char *error, bool known)
{
    buffer_print(out, known ? "%s +- %s" : "%s (error unknown)", value, error);
}

static void put_percent(struct buffer *out, double fraction, double error)
{
    char value[UNIT_SIZE], bound[UNIT_SIZE];
    put_with_error(out, unit_percent(value, fraction), unit_percent(bound, error), isfinite(error));
}

/* "70.3 W +- 2.1 W": of one GPU. */
static void put_power(struct buffer *out, struct wt_estimate sum_w, unsigned gpu_count)
{
    buffer_print(out, "%.1f W +- %.1f W", sum_w.value / gpu_count, sum_w.error / gpu_count);
}

/* "batch size 32 at 150 W", or "150 W" where no size is known. */
static void put_choice(struct buffer *out, const struct wt_side *side)
{
    char limit[UNIT_SIZE];
    if (side->batch_size)
        buffer_print(out, "batch size %u at ", (unsigned)side->batch_size);
    buffer_print(out, "%s", unit_limit(limit, side->limit_mw));
}

static bool same(const struct wt_side *a, const struct wt_side *b)
{
    return a->batch_size == b->batch_size && a->limit_mw == b->limit_mw;
}

/* Energy and time of a over b: of steps for the same size, of whole trainings for different ones.
 */
static double energy_over(const struct wt_side *a, const struct wt_side *b)
{
    return a->batch_size == b->batch_size ? a->energy_per_step_j / b->energy_per_step_j
                                          : a->energy_j / b->energy_j;
}

static double time_over(const struct wt_side *a, const struct wt_side *b)
{
    return a->batch_size == b->batch_size ? a->time_per_step_s / b->time_per_step_s
                                          : a->time_s / b->time_s;
}

/* --- Why least energy is where it is --- */

static bool tells(const struct wt_fit *fit)
{
    return fit->state == WT_FIT_DONE && fit->describes;
}

static const struct wt_profile_point *highest_used(const struct wt_fit *fit)
{
    for (unsigned i = 0; i < fit->count; i++)
        if (fit->points[i].used)
            return &fit->points[i].measured;
    return NULL;
}

static const struct wt_profile_point *least_energy(const struct wt_fit *fit)
{
    const struct wt_profile_point *least = NULL;
    for (unsigned i = 0; i < fit->count; i++) {
        const struct wt_profile_point *p = &fit->points[i].measured;
        if (fit->points[i].used && (!least || p->energy_per_step_j < least->energy_per_step_j))
            least = p;
    }
    return least;
}

/* Only the measurements. */
static void put_measured_least(struct buffer *out, const struct wt_fit *fit)
{
    const struct wt_profile_point *least = least_energy(fit), *top = highest_used(fit);
    char limit[UNIT_SIZE], top_limit[UNIT_SIZE], share[UNIT_SIZE];
    if (!least) {
        buffer_print(out, ".");
        return;
    }
    buffer_print(out, "; of the measured limits, a step takes least energy at %s",
                 unit_limit(limit, least->setting.value));
    if (least != top)
        buffer_print(out, ", %s of that at %s",
                     unit_percent(share, least->energy_per_step_j / top->energy_per_step_j),
                     unit_limit(top_limit, top->setting.value));
    buffer_print(out, ".");
}

static void put_no_fit(struct buffer *out, const struct wt_fit *fit)
{
    char time[UNIT_SIZE], power[UNIT_SIZE];
    switch (fit->state) {
    case WT_FIT_FEW:
        buffer_print(
            out,
            "To tell static from dynamic power takes three limits at least, and %u %s measured",
            fit->used, fit->used == 1 ? "was" : "were");
        break;
    case WT_FIT_THROTTLED:
        buffer_print(out,
                     "To tell static from dynamic power takes three limits at least, and of those "
                     "measured %u %s left "
                     "at which no other cap held",
                     fit->used, fit->used == 1 ? "is" : "are");
        break;
    case WT_FIT_NOT_REACHED:
        buffer_print(out, "No limit made a difference beyond the errors, since the training draws "
                          "less than the limits allow: static and "
                          "dynamic power cannot be told apart");
        break;
    case WT_FIT_IGNORED:
        buffer_print(out, "No limit made a difference beyond the errors, although more was drawn "
                          "than they allow: static and dynamic power "
                          "cannot be told apart");
        break;
    case WT_FIT_DONE:
        buffer_print(out,
                     "The points are like no curve of static and dynamic power (steps are up to %s "
                     "and power up to %s off "
                     "the nearest one), so wattune gives no reason for them",
                     unit_percent(time, fit->time_largest),
                     unit_percent(power, fit->power_largest));
        break;
    }
    put_measured_least(out, fit);
}

static bool knows_both(const struct wt_fit *fit)
{
    return isfinite(fit->static_w.value) && isfinite(fit->compute.value);
}

static void put_powers(struct buffer *out, const struct wt_explanation *e)
{
    char limit[UNIT_SIZE];
    const struct wt_fit *fit = &e->fit;
    const char *gpu = e->gpu_count > 1 ? "A GPU" : "The GPU";
    unit_limit(limit, highest_used(fit)->setting.value);
    if (isfinite(fit->static_w.value)) {
        buffer_print(out, "%s draws ", gpu);
        put_power(out, fit->static_w, e->gpu_count);
        buffer_print(out, " at any clock");
    }
    if (isfinite(fit->dynamic_w.value)) {
        buffer_print(out,
                     isfinite(fit->static_w.value) ? " and, working at %s, "
                                                   : "Working at %s it draws ",
                     limit);
        put_power(out, fit->dynamic_w, e->gpu_count);
        buffer_print(out, isfinite(fit->static_w.value) ? " beside that" : " of dynamic power");
    }
    if (isfinite(fit->static_w.value) || isfinite(fit->dynamic_w.value))
        buffer_print(out, "; ");
    if (isfinite(fit->compute.value)) {
        put_percent(out, fit->compute.value, fit->compute.error);
        buffer_print(out, " of a step at %s follow the clock; ", limit);
    }
    if (!knows_both(fit))
        buffer_print(out, "these points leave open %s%s%s; ",
                     isfinite(fit->static_w.value) ? "" : "the power drawn at every clock",
                     isfinite(fit->static_w.value) || isfinite(fit->compute.value) ? "" : " and ",
                     isfinite(fit->compute.value) ? "" : "how much of a step follows the clock");
}

static void put_optimum(struct buffer *out, const struct wt_fit *fit)
{
    struct wt_estimate least = fit->least_limit_w;
    double low_w = least.value - least.error, high_w = least.value + least.error,
           slack_w = 0.01 * fit->high_w;
    bool to_low = low_w <= fit->low_w + slack_w, to_high = high_w >= fit->high_w - slack_w;
    const char *so = knows_both(fit) ? "so" : "by all that fits,";
    if (!isfinite(least.value) || (to_low && to_high))
        buffer_print(out, "where a step takes least energy is open.");
    else if (to_low)
        buffer_print(out,
                     "%s down to %.0f W at least a lower clock saves more dynamic power than the "
                     "longer steps cost static power.",
                     so, high_w);
    else if (to_high)
        buffer_print(out,
                     "%s from %.0f W on at the latest longer steps cost more static power than a "
                     "lower clock saves.",
                     so, low_w);
    else
        buffer_print(out,
                     "%s below %.0f W +- %.0f W longer steps cost more static power than a lower "
                     "clock saves, and above it "
                     "dynamic power grows faster than speed.",
                     so, least.value, least.error);
}

static void put_why(struct buffer *out, const struct wt_explanation *e)
{
    if (!tells(&e->fit)) {
        put_no_fit(out, &e->fit);
        return;
    }
    put_powers(out, e);
    put_optimum(out, &e->fit);
}

/* --- How far the default is off --- */

static void put_less_more(struct buffer *out, double ratio, const char *of)
{
    char text[UNIT_SIZE];
    buffer_print(out, "%s %s %s", unit_percent(text, fabs(1 - ratio)), ratio <= 1 ? "less" : "more",
                 of);
}

static void put_default(struct buffer *out, const struct wt_explanation *e)
{
    const struct wt_side *standard = &e->standard, *least = &e->least, *front = &e->front;
    if (!standard->limit_mw) {
        buffer_print(out, "The default's distance from the front is unknown: ");
        if (standard->batch_size)
            buffer_print(out, "its batch size %u was not profiled on these GPUs.",
                         (unsigned)standard->batch_size);
        else
            buffer_print(out, "it was not measured without another cap.");
        return;
    }
    buffer_print(out, "The default, ");
    put_choice(out, standard);
    if (!same(front, standard)) {
        buffer_print(out, ", is off the front: ");
        put_choice(out, front);
        buffer_print(out, " takes ");
        put_less_more(out, energy_over(front, standard), "energy");
        buffer_print(out, " and ");
        put_less_more(out, time_over(front, standard), "time");
    } else if (same(least, standard)) {
        buffer_print(out, ", takes the least energy of all that was measured");
    } else if (fabs(1 - e->least_of_default.value) <= e->least_of_default.error) {
        buffer_print(out,
                     ", takes no more energy than the least that was measured, within the errors");
    } else {
        buffer_print(out, ", is the fastest point of the front, where speed costs most: ");
        put_choice(out, least);
        buffer_print(out, " takes ");
        put_less_more(out, energy_over(least, standard), "energy");
        buffer_print(out, " and ");
        put_less_more(out, time_over(least, standard), "time");
    }
    buffer_print(out, ".");
}

/* --- The saving of the choice --- */

static void put_points(struct buffer *out, const char *what, double saving)
{
    buffer_print(out, "%s %+.1f", what, 100 * saving);
}

static void put_saved(struct buffer *out, const struct wt_explanation *e)
{
    char text[UNIT_SIZE];
    const struct wt_side *chosen = &e->chosen;
    if (!chosen->limit_mw) {
        buffer_print(out, "The job has not run with any measured choice yet; nothing is saved.");
        return;
    }
    if (same(chosen, &e->standard)) {
        buffer_print(out, "The choice is the default itself: nothing is saved.");
        return;
    }
    buffer_print(out, "The choice, ");
    put_choice(out, chosen);
    if (!isfinite(e->whole.value)) {
        buffer_print(out, ", cannot be compared with the default: %s.",
                     !e->standard.limit_mw ? "that was not measured"
                                           : "the epochs of the two are unknown");
        return;
    }
    buffer_print(out, ", takes ");
    put_percent(out, e->whole.value, e->whole.error);
    buffer_print(out, " of the default's energy and ");
    put_percent(out, e->whole_time.value, e->whole_time.error);
    buffer_print(out, " of its time");
    if (isfinite(e->whole.error) && fabs(1 - e->whole.value) <= e->whole.error) {
        buffer_print(out, ", which is no saving beyond the errors.");
        return;
    }
    if (chosen->batch_size == e->standard.batch_size) {
        buffer_print(out, " a step, all by the limit, since the batch size is the default's.");
        return;
    }
    buffer_print(out, "; of the %s saved, in points, ", unit_percent(text, 1 - e->whole.value));
    put_points(out, "the number of epochs has", e->epochs.saving);
    if (e->order == WT_ORDER_UNKNOWN) {
        buffer_print(out, ", and the shares of size and limit in the rest were not measured.");
        return;
    }
    put_points(out, ", the cost of an epoch at the batch size", e->size.saving);
    put_points(out, " and the limit", e->limit.saving);
    buffer_print(out, ".");
}

void view_explain_sentence(struct buffer *out, const struct wt_explanation *e, unsigned which)
{
    void (*const sentences[VIEW_EXPLAIN_SENTENCES])(
        struct buffer *, const struct wt_explanation *) = {put_why, put_default, put_saved};
    if (which < VIEW_EXPLAIN_SENTENCES)
        sentences[which](out, e);
}

/* --- The picture --- */

static void put_bar(struct table *table, double all_j, double static_j, double most_j)
{
    char bar[BAR_MOST + 1];
    int length = all_j > 0 && most_j > 0 ? (int)lround(BAR_MOST * all_j / most_j) : 0;
    int fixed = isfinite(static_j) ? (int)lround(BAR_MOST * static_j / most_j) : 0;
    length = length > BAR_MOST ? BAR_MOST : length;
    fixed = fixed > length ? length : fixed;
    memset(bar, '=', (size_t)fixed);
    memset(bar + fixed, '#', (size_t)(length - fixed));
    table_put(table, "%.*s", length, bar);
}

static void put_marks(struct table *table, const struct wt_explanation *e,
                      const struct wt_fit_point *p)
{
    uint32_t limit_mw = p->measured.setting.value;
    bool found = limit_mw == e->found_limit_mw, chosen = limit_mw == e->chosen.limit_mw;
    bool least = &p->measured == least_energy(&e->fit);
    table_put(table, "%s%s%s%s%s%s%s", p->measured.throttled ? "throttled " : "",
              found || chosen || least ? "<- " : "", found ? "found" : "",
              found && (chosen || least) ? ", " : "", chosen ? "chosen" : "",
              chosen && least ? ", " : "", least ? "least energy" : "");
}

static void put_picture(struct buffer *out, const struct wt_explanation *e, bool colour)
{
    struct table table = {.columns = "rrrrll"};
    const struct wt_fit *fit = &e->fit;
    const struct wt_profile_point *top = highest_used(fit);
    bool splits = tells(fit) && isfinite(fit->static_w.value);
    double most_j = 0;
    char text[UNIT_SIZE];
    for (unsigned i = 0; i < fit->count; i++)
        if (fit->points[i].measured.energy_per_step_j > most_j)
            most_j = fit->points[i].measured.energy_per_step_j;
    table_heading(&table, HEADINGS("LIMIT", "POWER", "TIME/STEP", "ENERGY/STEP",
                                   splits ? "= static  # dynamic" : "", ""));
    for (unsigned i = 0; i < fit->count; i++) {
        const struct wt_profile_point *p = &fit->points[i].measured;
        double time_s = p->time_per_step_s > 0 ? p->time_per_step_s : (double)NAN;
        table_put(&table, "%s", unit_limit(text, p->setting.value));
        table_put(&table, "%s", unit_power(text, p->energy_per_step_j / time_s / e->gpu_count));
        table_put(&table, "%s",
                  unit_percent(text, top ? time_s / top->time_per_step_s : (double)NAN));
        table_put(
            &table, "%s",
            unit_percent(text, top ? p->energy_per_step_j / top->energy_per_step_j : (double)NAN));
        put_bar(&table, p->energy_per_step_j, splits ? fit->static_w.value * time_s : (double)NAN,
                most_j);
        put_marks(&table, e, &fit->points[i]);
    }
    table_print(&table, out, "  ", colour);
}

/* --- How sure that is --- */

static void put_fit(struct buffer *out, const struct wt_explanation *e)
{
    const struct wt_fit *fit = &e->fit;
    char time[UNIT_SIZE], time_most[UNIT_SIZE], power[UNIT_SIZE], power_most[UNIT_SIZE];
    if (fit->state != WT_FIT_DONE)
        return;
    buffer_print(
        out,
        "The fit to %u limits %s them: steps are off by %s (%s at most), power by %s (%s at most)",
        fit->used, fit->describes ? "describes" : "does not describe",
        unit_percent(time, fit->time_rms), unit_percent(time_most, fit->time_largest),
        unit_percent(power, fit->power_rms), unit_percent(power_most, fit->power_largest));
    if (isfinite(fit->against_errors))
        buffer_print(out, ", %.1f times the standard errors of the measurements",
                     fit->against_errors);
    buffer_print(out, ".\n");
    if (fit->describes && fit->used <= 4)
        buffer_print(out, "Points as few as these could hardly contradict it.\n");
    if (!fit->describes)
        return;
    if (isfinite(fit->full_dynamic_w.value)) {
        buffer_print(out, "At full clock dynamic power is ");
        put_power(out, fit->full_dynamic_w, e->gpu_count);
        buffer_print(out, "%s.\n", e->gpu_count > 1 ? " a GPU" : "");
    } else {
        buffer_print(out, "These limits do not tell the dynamic power at full clock.\n");
    }
}

static void put_factor(struct table *table, const char *what, double fraction, double error,
                       double saving)
{
    char text[UNIT_SIZE], bound[UNIT_SIZE];
    table_put(table, "%s", what);
    table_put(table, "%s", unit_percent(text, fraction));
    table_put(table, "%s%s", isfinite(fraction) ? "+- " : "",
              isfinite(fraction) ? unit_percent(bound, error) : "");
    if (isfinite(saving))
        table_put(table, "%+.1f", 100 * saving);
    else
        table_put(table, "unknown");
}

static void put_factors(struct buffer *out, const struct wt_explanation *e, bool colour)
{
    static const char *const orders[] = {
        [WT_ORDER_MEAN] = "Size and limit: the mean of both orders.",
        [WT_ORDER_SIZE_FIRST] = "Size and limit: the size turned first, since the default size was "
                                "not measured at the chosen "
                                "limit; the other order may share them out otherwise.",
        [WT_ORDER_LIMIT_FIRST] = "Size and limit: the limit turned first, since the chosen size "
                                 "was not measured at the default "
                                 "limit; the other order may share them out otherwise.",
        [WT_ORDER_UNKNOWN] = "Size and limit were not measured apart.",
    };
    struct table table = {.columns = "lrlr"};
    if (e->chosen.batch_size == e->standard.batch_size || !isfinite(e->whole.value))
        return;
    table_heading(&table, HEADINGS("", "ENERGY", "", "POINTS SAVED"));
    put_factor(&table, "number of epochs", e->epochs.fraction, e->epochs.error, e->epochs.saving);
    put_factor(&table, "an epoch, by the batch size", e->size.fraction, e->size.error,
               e->size.saving);
    put_factor(&table, "an epoch, by the limit", e->limit.fraction, e->limit.error,
               e->limit.saving);
    put_factor(&table, "all of them", e->whole.value, e->whole.error, 1 - e->whole.value);
    buffer_print(out, "\n");
    table_print(&table, out, "  ", colour);
    buffer_print(out, "%s\n", orders[e->order]);
}

static void put_left(struct buffer *out, const struct wt_explanation *e)
{
    if (!e->chosen.limit_mw || !isfinite(e->left.value))
        return;
    if (same(&e->least, &e->chosen)) {
        buffer_print(out, "If only energy counted (eta 1) the choice would be the same.\n");
    } else {
        buffer_print(out, "If only energy counted (eta 1) the choice would be ");
        put_choice(out, &e->least);
        buffer_print(out, ": ");
        put_percent(out, e->left.value, e->left.error);
        buffer_print(out, " of the energy.\n");
    }
    if (e->sizes_apart)
        buffer_print(out,
                     "%u more batch size%s measured, but the epochs to the target are not known.\n",
                     e->sizes_apart, e->sizes_apart == 1 ? " was" : "s were");
}

void view_explain(struct buffer *out, const struct wt_explanation *e, bool colour)
{
    buffer_print(out, "%sjob ", paint(colour, 'b'));
    text_escape(out, e->job);
    buffer_print(out, "%s on %u x ", paint(colour, '0'), e->gpu_count);
    text_escape(out, e->gpu_model);
    if (e->chosen.batch_size)
        buffer_print(out, ", batch size %u", (unsigned)e->chosen.batch_size);
    buffer_print(out, "\n\n");
    for (unsigned i = 0; i < VIEW_EXPLAIN_SENTENCES; i++) {
        view_explain_sentence(out, e, i);
        buffer_print(out, "\n");
    }
    buffer_print(out, "\n");
    put_picture(out, e, colour);
    put_factors(out, e, colour);
    buffer_print(out, "\n");
    put_fit(out, e);
    put_left(out, e);
}
