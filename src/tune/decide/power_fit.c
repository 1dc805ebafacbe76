/* SPDX-License-Identifier: Apache-2.0
 *
 * The fit of a profile.
 */
#include "tune/decide/power_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune/decide/power_curve.h"
#include "tune/decide/profile.h"
#include "tune/decide/random.h"

/* Four numbers are asked for - the length of a step, static power, dynamic power, the share that
 * follows the clock - and each point has two, time and energy: two points could say anything. */
enum { POINTS_LEAST = 3 };

/* The walk: the number of places at once, and of moves of each.  The first only lead there; of the
 * rest every KEEP_EVERYth is kept, since neighbours are alike.  Over virtual cards intervals are
 * within a tenth of those of three times as many moves. */
enum {
    WALKERS = 48,
    MOVES = 2400,
    LEADING = 1200,
    KEEP_EVERY = 20,
    KEPT = WALKERS * (MOVES - LEADING) / KEEP_EVERY
};

/* A place in the ranges of the curve's numbers, and how rough the training is. */
enum { ROUGHNESS = POWER_CURVE_NUMBERS, NUMBERS };

/* The distance, limit by limit, of the truth from the curve: from the repeatability of large
 * kernels to the worst grade of the adaptive search, of unknown size (uniform in the logarithm). */
static const double roughness_least = 0.003, roughness_most = 0.12;

/* More than this and the training is like no curve: where the adaptive search goes on to its bound.
 */
static const double rough = 0.03;

/* Nor may one point be off by more, however well the others fit. */
static const double rough_point = 3 * 0.03;

/* Points that leave more than this of the range possible before tell nothing; nor does a power that
 * may be half as large again. */
static const double tells_nothing = 0.85, vague = 0.5;

/* A sensor reads up to 5 % and some watts too much as a rule (SC'24). */
static const double more_than_sensors_err = 1.1;

static const double normal_95 = 1.96;

struct observation {
    double limit; /* a share of the largest */
    double log_time, log_energy;
    double time_var, energy_var; /* of the logarithms */
};

struct seen {
    unsigned count;
    struct observation points[WT_MAX_LIMITS];
    double top, low,
        high; /* limits: the highest measured, and the highest that the driver allows */
    double unit_mw, unit_w; /* the largest limit: of a GPU, and of all */
};

/* --- Measurements --- */

static bool is_known(const struct wt_profile_point *point)
{
    return profile_slice_valid(point) && point->energy_per_step_j > 0;
}

static int higher_limit_first(const void *a, const void *b)
{
    uint32_t left = ((const struct wt_fit_point *)a)->measured.setting.value;
    uint32_t right = ((const struct wt_fit_point *)b)->measured.setting.value;
    return (left < right) - (left > right);
}

/* Returns how many are not used since they were throttled. */
static unsigned take_points(const struct wt_profile_point points[], unsigned count,
                            struct wt_fit *fit)
{
    unsigned throttled = 0;
    fit->count = count < WT_MAX_LIMITS ? count : WT_MAX_LIMITS;
    for (unsigned i = 0; i < fit->count; i++) {
        bool used = is_known(&points[i]) && !points[i].throttled;
        throttled += is_known(&points[i]) && points[i].throttled;
        fit->points[i] = (struct wt_fit_point){
            .measured = points[i], .used = used, .time_per_step_s = NAN, .energy_per_step_j = NAN};
    }
    if (fit->count)
        qsort(fit->points, fit->count, sizeof fit->points[0], higher_limit_first);
    /* The same limit twice says nothing more of the effect of limits. */
    for (unsigned i = 0; i < fit->count; i++) {
        for (unsigned k = 0; k < i; k++)
            if (fit->points[k].used &&
                fit->points[k].measured.setting.value == fit->points[i].measured.setting.value)
                fit->points[i].used = false;
        fit->used += fit->points[i].used;
    }
    return throttled;
}

static void look(const struct wt_fit *fit, unsigned gpu_count, uint32_t least_mw, uint32_t most_mw,
                 struct seen *seen)
{
    uint32_t low = 0, high = 0;
    *seen = (struct seen){0};
    for (unsigned i = 0; i < fit->count; i++)
        if (fit->points[i].used) {
            low = fit->points[i].measured.setting.value;
            high = high ? high : low;
        }
    seen->unit_mw = most_mw >= high ? most_mw : high;
    seen->unit_w = seen->unit_mw / 1e3 * gpu_count;
    seen->top = high / seen->unit_mw;
    seen->low = (least_mw && least_mw < low ? least_mw : low) / seen->unit_mw;
    seen->high = 1;
    for (unsigned i = 0; i < fit->count; i++) {
        const struct wt_profile_point *point = &fit->points[i].measured;
        if (fit->points[i].used)
            seen->points[seen->count++] = (struct observation){
                .limit = point->setting.value / seen->unit_mw,
                .log_time = log(point->time_per_step_s),
                .log_energy = log(point->energy_per_step_j / seen->unit_w),
                .time_var = profile_log_variance(point->time_per_step_s, point->time_error_s),
                .energy_var = profile_log_variance(point->energy_per_step_j, point->energy_error_j),
            };
    }
}

/* True when one time and one energy for all limits agree with the measurements: the sum of squares
 * over their variances is no larger than chance makes it (its mean and three standard deviations)
 * 998 of 1000 times. */
static bool is_flat(const struct seen *seen)
{
    double squares = 0, floor = roughness_least * roughness_least;
    for (unsigned kind = 0; kind < 2; kind++) {
        double weight = 0, sum = 0, all = 0;
        for (unsigned i = 0; i < seen->count; i++) {
            const struct observation *o = &seen->points[i];
            double value = kind ? o->log_energy : o->log_time,
                   var = (kind ? o->energy_var : o->time_var) + floor;
            weight += 1 / var;
            sum += value / var;
            all += value * value / var;
        }
        squares += all - sum * sum / weight;
    }
    double freedom = 2.0 * (seen->count - 1);
    return squares <= freedom + 3 * sqrt(2 * freedom);
}

static bool is_above_a_limit(const struct seen *seen)
{
    for (unsigned i = 0; i < seen->count; i++)
        if (exp(seen->points[i].log_energy - seen->points[i].log_time) >
            more_than_sensors_err * seen->points[i].limit)
            return true;
    return false;
}

/* --- The walk --- */

struct walk {
    const struct seen *seen;
    struct random random;
    double places[WALKERS][NUMBERS], beliefs[WALKERS];
    double best[NUMBERS], best_belief, best_scale;
};

static double uniform(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

static double roughness_of(const double place[NUMBERS])
{
    return roughness_least * pow(roughness_most / roughness_least, place[ROUGHNESS]);
}

/* How well a place fits, as a logarithm, the length of a step integrated out; and that length. */
static double belief(const struct seen *seen, const double place[NUMBERS], double *log_scale)
{
    double weight = 0, sum = 0, squares = 0, log_vars = 0, roughness = roughness_of(place);
    struct power_curve curve = power_curve_of(place);
    for (unsigned i = 0; i < seen->count; i++) {
        const struct observation *o = &seen->points[i];
        struct power_curve_point at = power_curve_at(&curve, o->limit);
        double residuals[] = {o->log_time - at.log_time,
                              o->log_energy - at.log_time - log(at.power)};
        double vars[] = {o->time_var + roughness * roughness,
                         o->energy_var + roughness * roughness};
        for (unsigned k = 0; k < 2; k++) {
            weight += 1 / vars[k];
            sum += residuals[k] / vars[k];
            squares += residuals[k] * residuals[k] / vars[k];
            log_vars += log(vars[k]);
        }
    }
    *log_scale = sum / weight;
    return -0.5 * (squares - sum * *log_scale + log_vars + log(weight));
}

static void remember(struct walk *walk, const double place[NUMBERS], double value, double log_scale)
{
    if (value <= walk->best_belief)
        return;
    memcpy(walk->best, place, sizeof walk->best);
    walk->best_belief = value;
    walk->best_scale = log_scale;
}

/* The walkers begin at those curves of the set that fit best. */
static void begin(struct walk *walk, const struct seen *seen)
{
    unsigned count = 0;
    *walk = (struct walk){.seen = seen, .best_belief = -INFINITY};
    random_seed(&walk->random, 0);
    for (unsigned n = 0; n < POWER_CURVES; n++) {
        double place[NUMBERS], log_scale;
        power_curve_place(n, place);
        place[ROUGHNESS] = (n % 16 + 0.5) / 16;
        double value = belief(seen, place, &log_scale);
        remember(walk, place, value, log_scale);
        unsigned at = count < WALKERS ? count++ : WALKERS - 1;
        if (at == WALKERS - 1 && count == WALKERS && n >= WALKERS && value <= walk->beliefs[at])
            continue;
        for (; at > 0 && walk->beliefs[at - 1] < value; at--) {
            memcpy(walk->places[at], walk->places[at - 1], sizeof walk->places[0]);
            walk->beliefs[at] = walk->beliefs[at - 1];
        }
        memcpy(walk->places[at], place, sizeof place);
        walk->beliefs[at] = value;
    }
}

/* Back from beyond an edge, as from a mirror. */
static double inside(double value)
{
    value = fabs(fmod(value, 2));
    return value > 1 ? 2 - value : value;
}

/* One move of each walker, by a difference of two others (differential evolution): steps are as
 * long as the places lie apart, for any shape of the region that fits.  Now and then a whole
 * difference, which leads from one hill to another. */
static void move(struct walk *walk)
{
    enum { HALF = WALKERS / 2 };
    static const double usual_length = 0.53; /* 2.38 / sqrt(2 x NUMBERS) */
    for (unsigned i = 0; i < WALKERS; i++) {
        unsigned others = i < HALF ? HALF : 0;
        unsigned a = random_below(&walk->random, HALF), b = random_below(&walk->random, HALF - 1);
        double length =
            uniform(&walk->random) < 0.1 ? 1 : usual_length * (0.5 + uniform(&walk->random));
        double place[NUMBERS], log_scale = 0;
        b += b >= a;
        for (unsigned k = 0; k < NUMBERS; k++)
            place[k] = inside(walk->places[i][k] +
                              length * (walk->places[others + a][k] - walk->places[others + b][k]) +
                              1e-4 * (uniform(&walk->random) - 0.5));
        double value = belief(walk->seen, place, &log_scale);
        if (log(uniform(&walk->random)) >= value - walk->beliefs[i])
            continue;
        memcpy(walk->places[i], place, sizeof place);
        walk->beliefs[i] = value;
        remember(walk, place, value, log_scale);
    }
}

/* --- Results --- */

enum told { STATIC, FULL_DYNAMIC, DYNAMIC, COMPUTE, LEAST_LIMIT, TOLD };

_Static_assert((int)KEPT >= (int)POWER_CURVES, "the set of curves is kept in the same place");

struct samples {
    unsigned count;
    double values[TOLD][KEPT]; /* more than there are curves in the set */
};

/* In shares of the largest limit. */
static double least_energy_limit(const struct seen *seen, const struct power_curve *curve)
{
    enum { STEPS = 40 };
    double best = seen->high, least = INFINITY;
    for (unsigned i = 0; i <= STEPS; i++) {
        double limit = seen->high - (seen->high - seen->low) * i / STEPS;
        struct power_curve_point at = power_curve_at(curve, limit);
        double energy = exp(at.log_time) * at.power;
        if (energy < least) { /* ties: the higher limit */
            least = energy;
            best = limit;
        }
    }
    return best;
}

static void keep(struct samples *samples, const struct seen *seen, const double place[])
{
    struct power_curve curve = power_curve_of(place);
    struct power_curve_point top = power_curve_at(&curve, seen->top);
    unsigned n = samples->count++;
    double fixed = fmin(curve.idle, curve.full);
    samples->values[STATIC][n] = fixed;
    samples->values[FULL_DYNAMIC][n] = curve.full - fixed;
    samples->values[DYNAMIC][n] = top.gpu_power - fixed;
    samples->values[COMPUTE][n] = top.follows;
    samples->values[LEAST_LIMIT][n] = least_energy_limit(seen, &curve);
}

static int rising(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The middle 95 % as a value and an error. */
static struct wt_estimate middle(double values[], unsigned count)
{
    qsort(values, count, sizeof values[0], rising);
    double low = values[(unsigned)(0.025 * (count - 1))],
           high = values[(unsigned)ceil(0.975 * (count - 1))];
    return (struct wt_estimate){(low + high) / 2, (high - low) / 2};
}

/* The range possible before any measurement: the set of curves. */
static void know_before(const struct seen *seen, struct samples *samples,
                        struct wt_estimate before[TOLD])
{
    samples->count = 0;
    for (unsigned n = 0; n < POWER_CURVES; n++) {
        double place[POWER_CURVE_NUMBERS];
        power_curve_place(n, place);
        keep(samples, seen, place);
    }
    for (unsigned i = 0; i < TOLD; i++)
        before[i] = middle(samples->values[i], samples->count);
}

static void tell(const struct seen *seen, struct samples *samples,
                 const struct wt_estimate before[TOLD], struct wt_fit *fit)
{
    const struct {
        struct wt_estimate *to;
        double unit, vague;
    } places[TOLD] = {
        [STATIC] = {&fit->static_w, seen->unit_w, vague},
        [FULL_DYNAMIC] = {&fit->full_dynamic_w, seen->unit_w, vague},
        [DYNAMIC] = {&fit->dynamic_w, seen->unit_w, vague},
        [COMPUTE] = {&fit->compute, 1, INFINITY},
        [LEAST_LIMIT] = {&fit->least_limit_w, seen->unit_mw / 1e3, INFINITY},
    };
    for (unsigned i = 0; i < TOLD; i++) {
        struct wt_estimate now = middle(samples->values[i], samples->count);
        if (now.error < tells_nothing * before[i].error && now.error <= places[i].vague * now.value)
            *places[i].to =
                (struct wt_estimate){now.value * places[i].unit, now.error * places[i].unit};
    }
}

/* Residuals of a kind: of time, or of power. */
struct residuals {
    double squares, largest;
    double beyond;  /* sum of squares beyond the points' own errors */
    double against; /* sum of squares over the points' own variances */
};

static void add_residual(struct residuals *r, double measured, double fitted, double variance)
{
    double off = measured / fitted - 1;
    r->squares += off * off;
    r->largest = fmax(r->largest, fabs(off));
    r->beyond += off * off - variance;
    r->against += off * off / variance;
}

static bool knows_its_errors(const struct wt_profile_point *point)
{
    return point->time_error_s > 0 && point->energy_error_j > 0;
}

/* Measured against fitted, and the quality of the fit by that.  The error of power is no larger
 * than those of time and energy together. */
static void judge(const struct walk *walk, struct wt_fit *fit)
{
    const struct seen *seen = walk->seen;
    struct power_curve curve = power_curve_of(walk->best);
    struct residuals time = {0}, power = {0};
    bool know = true;
    double own = 0;
    for (unsigned i = 0, n = 0; i < fit->count; i++) {
        struct wt_fit_point *p = &fit->points[i];
        struct power_curve_point at =
            power_curve_at(&curve, p->measured.setting.value / seen->unit_mw);
        p->time_per_step_s = exp(walk->best_scale + at.log_time);
        p->energy_per_step_j = p->time_per_step_s * at.power * seen->unit_w;
        if (!p->used)
            continue;
        const struct observation *o = &seen->points[n++];
        double variance = o->time_var + o->energy_var;
        add_residual(&time, p->measured.time_per_step_s, p->time_per_step_s, o->time_var);
        add_residual(&power, p->measured.energy_per_step_j / p->measured.time_per_step_s,
                     at.power * seen->unit_w, variance);
        know = know && knows_its_errors(&p->measured);
        own = fmax(own, variance);
    }
    fit->time_rms = sqrt(time.squares / fit->used);
    fit->power_rms = sqrt(power.squares / fit->used);
    fit->time_largest = time.largest;
    fit->power_largest = power.largest;
    if (know)
        fit->against_errors = sqrt((time.against + power.against) / (2 * fit->used));
    double beyond = fmax(time.beyond, power.beyond) / fit->used;
    fit->describes = beyond <= rough * rough &&
                     fmax(time.largest, power.largest) <= rough_point + 2 * normal_95 * sqrt(own);
}

static const struct wt_estimate unknown = {NAN, NAN};

void power_fit(const struct wt_profile_point points[], unsigned count, unsigned gpu_count,
               uint32_t limit_min_mw, uint32_t limit_max_mw, struct wt_fit *fit)
{
    struct seen seen;
    struct walk walk;
    struct samples samples;
    struct wt_estimate before[TOLD];
    *fit = (struct wt_fit){.static_w = unknown,
                           .full_dynamic_w = unknown,
                           .dynamic_w = unknown,
                           .compute = unknown,
                           .least_limit_w = unknown,
                           .time_rms = NAN,
                           .time_largest = NAN,
                           .power_rms = NAN,
                           .low_w = NAN,
                           .high_w = NAN,
                           .power_largest = NAN,
                           .against_errors = NAN};
    unsigned throttled = take_points(points, count, fit);
    if (fit->used < POINTS_LEAST) {
        fit->state = fit->used + throttled < POINTS_LEAST ? WT_FIT_FEW : WT_FIT_THROTTLED;
        return;
    }
    look(fit, gpu_count, limit_min_mw, limit_max_mw, &seen);
    if (is_flat(&seen)) {
        fit->state = is_above_a_limit(&seen) ? WT_FIT_IGNORED : WT_FIT_NOT_REACHED;
        return;
    }
    fit->low_w = seen.low * seen.unit_mw / 1e3;
    fit->high_w = seen.high * seen.unit_mw / 1e3;
    know_before(&seen, &samples, before);
    begin(&walk, &seen);
    samples.count = 0;
    for (unsigned i = 0; i < MOVES; i++) {
        move(&walk);
        for (unsigned k = 0; i >= LEADING && i % KEEP_EVERY == 0 && k < WALKERS; k++)
            keep(&samples, &seen, walk.places[k]);
    }
    fit->state = WT_FIT_DONE;
    tell(&seen, &samples, before, fit);
    judge(&walk, fit);
}
