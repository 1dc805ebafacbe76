/* SPDX-License-Identifier: Apache-2.0
 *
 * Default, choice, front, and the parts of the saving.
 */
#include "tune/decide/explain.h"

#include <math.h>
#include <stddef.h>

#include "tune/decide/power_fit.h"
#include "tune/decide/profile.h"

/* One batch size at one limit that was measured. */
struct corner {
    const struct explain_size *size;
    const struct wt_profile_point *point; /* NULL: not measured */
};

static bool is_usable(const struct wt_profile_point *point)
{
    return profile_slice_valid(point) && point->energy_per_step_j > 0 && !point->throttled;
}

static struct corner corner_at(const struct explain_size *size, uint32_t limit_mw)
{
    for (unsigned i = 0; i < size->count && i < WT_MAX_LIMITS; i++)
        if (size->points[i].setting.value == limit_mw && is_usable(&size->points[i]))
            return (struct corner){size, &size->points[i]};
    return (struct corner){size, NULL};
}

static struct corner highest(const struct explain_size *size)
{
    struct corner corner = {size, NULL};
    for (unsigned i = 0; i < size->count && i < WT_MAX_LIMITS; i++)
        if (is_usable(&size->points[i]) &&
            (!corner.point || size->points[i].setting.value > corner.point->setting.value))
            corner.point = &size->points[i];
    return corner;
}

/* --- Logarithms with errors --- */

struct ratio {
    double log, error; /* 95 %, of the logarithm */
};

static const struct ratio one = {0, 0};
static const struct ratio not_known = {NAN, NAN};

static struct ratio of(double value, double error)
{
    return (struct ratio){log(value), error / value};
}

static struct ratio over(struct ratio a, struct ratio b)
{
    return (struct ratio){a.log - b.log, hypot(a.error, b.error)};
}

static struct ratio step_energy(struct corner corner)
{
    return corner.point ? of(corner.point->energy_per_step_j, corner.point->energy_error_j)
                        : not_known;
}

static struct ratio step_time(struct corner corner)
{
    return corner.point ? of(corner.point->time_per_step_s, corner.point->time_error_s) : not_known;
}

static double mean_epochs(const struct explain_size *size)
{
    return size->epochs.count ? size->epochs.mean : (double)NAN;
}

/* Runs that all took as many epochs do not say that the next one will: after n of them, up to 3 / n
 * of runs may still take one more (the rule of three). */
static struct ratio epochs_of(const struct explain_size *size)
{
    double error = stats_mean_error(&size->epochs);
    if (error == 0)
        error = fmin(1, 3.0 / (double)size->epochs.count);
    return of(mean_epochs(size), error);
}

/* Steps to the target, a / b.  Of one size that is 1, however many there are. */
static struct ratio work(const struct explain_size *a, const struct explain_size *b)
{
    if (a == b)
        return one;
    struct ratio epochs = over(epochs_of(a), epochs_of(b));
    epochs.log += log(a->steps_per_epoch / b->steps_per_epoch);
    return epochs;
}

static struct ratio whole_energy(struct corner a, struct corner b)
{
    if (a.point == b.point && a.point)
        return one;
    struct ratio steps = work(a.size, b.size), step = over(step_energy(a), step_energy(b));
    return (struct ratio){steps.log + step.log, hypot(steps.error, step.error)};
}

static struct ratio whole_time(struct corner a, struct corner b)
{
    if (a.point == b.point && a.point)
        return one;
    struct ratio steps = work(a.size, b.size), step = over(step_time(a), step_time(b));
    return (struct ratio){steps.log + step.log, hypot(steps.error, step.error)};
}

static struct wt_estimate estimate(struct ratio ratio)
{
    double value = exp(ratio.log);
    return (struct wt_estimate){value, value * ratio.error};
}

/* --- Parts --- */

/* Epoch energy from the size, and from the limit: the step's energy at the four corners. */
struct knobs {
    struct ratio size, limit;
    enum wt_order order;
};

/* The error of a mean of two differences between four measurements that err independently. */
static double mean_error(struct ratio a, struct ratio b, struct ratio c, struct ratio d)
{
    return hypot(hypot(a.error, b.error), hypot(c.error, d.error)) / 2;
}

static struct knobs turn(struct corner standard, struct corner chosen)
{
    struct ratio from = step_energy(standard), to = step_energy(chosen);
    uint32_t high_mw = standard.point ? standard.point->setting.value : 0,
             low_mw = chosen.point ? chosen.point->setting.value : 0;
    if (standard.size == chosen.size)
        return (struct knobs){
            one, standard.point == chosen.point && standard.point ? one : over(to, from),
            WT_ORDER_MEAN};
    if (high_mw && high_mw == low_mw)
        return (struct knobs){over(to, from), one, WT_ORDER_MEAN};
    struct ratio size_first = step_energy(corner_at(chosen.size, high_mw));
    struct ratio limit_first = step_energy(corner_at(standard.size, low_mw));
    bool has_size_first = isfinite(size_first.log), has_limit_first = isfinite(limit_first.log);
    if (has_size_first && has_limit_first) {
        double error = mean_error(from, to, size_first, limit_first);
        return (struct knobs){{(size_first.log - from.log + to.log - limit_first.log) / 2, error},
                              {(to.log - size_first.log + limit_first.log - from.log) / 2, error},
                              WT_ORDER_MEAN};
    }
    if (has_size_first)
        return (struct knobs){over(size_first, from), over(to, size_first), WT_ORDER_SIZE_FIRST};
    if (has_limit_first)
        return (struct knobs){over(to, limit_first), over(limit_first, from), WT_ORDER_LIMIT_FIRST};
    return (struct knobs){not_known, not_known, WT_ORDER_UNKNOWN};
}

/* A part's saving, of the default's energy: the whole saving in proportion to logarithms.  Near no
 * change at all that is the logarithm itself. */
static struct wt_part part(struct ratio ratio, double whole_log)
{
    double fraction = exp(ratio.log),
           scale = fabs(whole_log) > 1e-9 ? expm1(whole_log) / whole_log : 1;
    return (struct wt_part){fraction, fraction * ratio.error, -ratio.log * scale};
}

static void put_parts(struct corner standard, struct corner chosen, struct wt_explanation *to)
{
    struct ratio epochs =
        standard.size == chosen.size ? one : over(epochs_of(chosen.size), epochs_of(standard.size));
    struct knobs knobs = turn(standard, chosen);
    if (standard.size != chosen.size)
        knobs.size.log += log(chosen.size->steps_per_epoch / standard.size->steps_per_epoch);
    struct ratio whole = whole_energy(chosen, standard);
    to->whole = estimate(whole);
    to->whole_time = estimate(whole_time(chosen, standard));
    to->order = knobs.order;
    to->epochs = part(epochs, whole.log);
    to->size = part(knobs.size, whole.log);
    to->limit = part(knobs.limit, whole.log);
}

/* --- Sides --- */

static struct wt_side side(struct corner corner)
{
    const struct explain_size *size = corner.size;
    struct wt_side side = {.batch_size = size->batch_size,
                           .epochs = mean_epochs(size),
                           .time_per_step_s = NAN,
                           .energy_per_step_j = NAN,
                           .time_s = NAN,
                           .energy_j = NAN};
    if (!corner.point)
        return side;
    double steps = side.epochs * size->steps_per_epoch;
    side.limit_mw = corner.point->setting.value;
    side.time_per_step_s = corner.point->time_per_step_s;
    side.energy_per_step_j = corner.point->energy_per_step_j;
    side.time_s = steps * side.time_per_step_s;
    side.energy_j = steps * side.energy_per_step_j;
    return side;
}

static double known(double error)
{
    return isfinite(error) ? error : 0;
}

/* Less of one of time and energy and not more of the other, beyond the known errors. */
static bool beats(struct corner a, struct corner b)
{
    struct ratio energy = whole_energy(a, b), time = whole_time(a, b);
    double e = known(energy.error), t = known(time.error);
    return (energy.log < -e && time.log <= t) || (time.log < -t && energy.log <= e);
}

/* Ties keep the earlier find: points are looked at from the highest limit on. */
static bool takes_less(struct corner a, struct corner b)
{
    return a.point && (!b.point || whole_energy(a, b).log < 0);
}

static void look_around(const struct explain_question *q, struct corner standard,
                        struct corner chosen, struct wt_explanation *to)
{
    struct corner base = chosen.point ? chosen : standard, least = base,
                  front = {standard.size, NULL};
    for (unsigned i = 0; i < q->count; i++) {
        const struct explain_size *size = &q->sizes[i];
        bool comparable = isfinite(work(size, base.size).log);
        to->size_count += comparable;
        to->sizes_apart += !comparable && highest(size).point;
        for (unsigned k = 0; comparable && k < size->count && k < WT_MAX_LIMITS; k++) {
            struct corner corner = corner_at(size, size->points[k].setting.value);
            if (takes_less(corner, least))
                least = corner;
            if (standard.point && corner.point && beats(corner, standard) &&
                takes_less(corner, front))
                front = corner;
        }
    }
    to->least = side(least);
    to->left = estimate(whole_energy(least, chosen));
    to->least_of_default = estimate(whole_energy(least, standard));
    to->front = side(front.point ? front : standard);
}

void explain(const struct explain_question *q, struct wt_explanation *to)
{
    const struct explain_size *size = &q->sizes[q->chosen];
    struct corner standard = highest(&q->sizes[q->standard]),
                  chosen = corner_at(size, size->limit_mw);
    *to = (struct wt_explanation){.gpu_count = q->gpu_count};
    power_fit(size->points, size->count, q->gpu_count, q->limit_min_mw, q->limit_max_mw, &to->fit);
    to->standard = side(standard);
    to->chosen = side(chosen);
    put_parts(standard, chosen, to);
    look_around(q, standard, chosen, to);
}
