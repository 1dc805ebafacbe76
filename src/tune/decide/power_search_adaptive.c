/* SPDX-License-Identifier: Apache-2.0
 *
 * The adaptive search: measures a limit only while that is worth its time.
 *
 * It asks a fixed set of curves (power_curve.h) for their word.  Each is believed as far as it fits
 * the measurements, its scale - the length of a step - free; those that fit tell the cost of limits
 * not yet measured.  A limit's *gain* is its expected advantage in cost over the present choice,
 * taken over all curves: large where they agree that it is better, and also where they do not
 * know.  The limit of the largest gain is measured next.  When every possible gain is small, the
 * search is done.  (This is expected improvement, Jones et al. 1998, over a sample of a physical
 * model instead of a Gaussian process.)
 *
 * The choice in the end is the selector's business, and it chooses among measured limits only: a
 * wrong curve costs slices, or a somewhat better limit, but nothing is ever set on a curve's word.
 *
 * No curve is exact, and some trainings are like none of them.  So each curve comes in grades of
 * roughness: by how much, limit by limit, the truth may be off it.  Where only rough grades fit,
 * the search does not believe the curves' gains, and measures on until its bound: on a short grid
 * it becomes a sweep by itself.
 */
#include "tune/decide/power_search_adaptive.h"

#include <math.h>
#include <stddef.h>

#include "tune/decide/cost.h"
#include "tune/decide/power_curve.h"
#include "tune/decide/profile.h"
#include "tune/decide/selector.h"

/* Grids of 25 W have 7 to 9 limits on the GPUs of 250 and 300 W and 21 on one of 700 W; a finer
 * grid has no more to tell. */
enum { MOST_OF_FEW = 7, FEW = 9, MOST = 10 };

/* The grades: roughness as a fraction of time and energy, and how usual it is.  Large kernels
 * repeat within less than a per cent; small ones, bound by a busy host, within some; the last grade
 * is for trainings like no curve. */
static const struct grade {
    double roughness, share;
} grades[] = {{0.006, 0.45}, {0.015, 0.40}, {0.04, 0.12}, {0.12, 0.03}};

enum { GRADES = sizeof grades / sizeof grades[0] };

/* Where a fit takes more roughness than this, no curve fits, and small gains are unreliable: the
 * search goes on to its bound. */
static const double rough = 0.03;

/* A curve is the worse the more a limit slows down (clock floors and voltage steps are where models
 * err): of the logarithm of the slowdown, this share. */
static const double slow_error = 0.2;

/* And the farther from the measured limits: of the logarithm of the ratio of limits.  This looks
 * into wide gaps. */
static const double gap_error = 0.08;

/* Of a curve's roughness, this share is the limit's own and would be there again if it were chosen.
 */
static const double lasting_share = 0.5;

/* Measuring on has to promise this much, as a fraction of the cost, and more with each limit
 * measured already: noise of 1 % costs a full sweep a quarter of a per cent. */
static const double gain_least = 0.0025, gain_rise = 0.25;

/* Weights this far below all others together cannot change anything. */
static const double negligible = 1e-6;

struct observation {
    unsigned index;
    double log_time, log_energy; /* energy: NaN when unknown */
    double time_var, energy_var; /* of the logarithms */
};

struct view {
    const struct power_search *search;
    double eta;                      /* of the cost that stands for the preference */
    double limits[POWER_LIMITS_MAX]; /* shares of the GPU's largest */
    double gaps[POWER_LIMITS_MAX];   /* |log ratio| to the nearest observation */
    struct observation seen[POWER_LIMITS_MAX];
    unsigned seen_count;
    unsigned chosen; /* by the selector */
    unsigned top;    /* the highest limit seen */
    double chosen_log_cost, chosen_var;
};

/* The curves' verdict, summed up: weights, gains of each limit, and of the best limit by each
 * curve's own word. */
struct verdict {
    double weight, rough_weight, best_gain;
    double gains[POWER_LIMITS_MAX];
};

unsigned power_search_adaptive_most(unsigned count)
{
    unsigned most = count > FEW ? MOST : MOST_OF_FEW;
    return count < most ? count : most;
}

/* A throttled point says how its GPU was capped by something else. */
static bool believed(const struct power_search *search, unsigned i)
{
    return search->points[i].steps > 0 && !search->points[i].throttled;
}

static double preferred_eta(const struct wt_preference *preference)
{
    switch (preference->selector) {
    case WT_SELECT_COST:
        return preference->eta;
    case WT_SELECT_TIME:
        return 0;
    case WT_SELECT_ENERGY:
    case WT_SELECT_MAX_SLOWDOWN:
        break;
    }
    return 1;
}

static struct observation observe(const struct power_search *search, unsigned i)
{
    const struct wt_profile_point *point = &search->points[i];
    return (struct observation){
        .index = i,
        .log_time = log(point->time_per_step_s),
        .log_energy = point->energy_per_step_j > 0
                          ? log(point->energy_per_step_j / search->max_power_w)
                          : NAN,
        .time_var = profile_log_variance(point->time_per_step_s, point->time_error_s),
        .energy_var = profile_log_variance(point->energy_per_step_j, point->energy_error_j),
    };
}

/* False when nothing was seen that a choice could be made from. */
static bool look(const struct power_search *search, struct view *view)
{
    struct wt_decision decision;
    *view = (struct view){.search = search, .eta = preferred_eta(&search->preference)};
    for (unsigned i = 0; i < search->count; i++)
        if (believed(search, i))
            view->seen[view->seen_count++] = observe(search, i);
    if (view->seen_count == 0 ||
        selector_choose(search->points, search->count, NULL, &search->preference,
                        search->max_power_w, &decision, NULL))
        return false;
    const struct wt_profile_point *chosen = &search->points[decision.point];
    view->chosen = decision.point;
    view->top = view->seen[0].index;
    double cost = cost_per_step_j(view->eta, search->max_power_w, chosen);
    if (!believed(search, decision.point) || !isfinite(cost) || cost <= 0)
        return false;
    view->chosen_log_cost = log(cost / search->max_power_w);
    view->chosen_var =
        profile_log_variance(1, cost_relative_error(view->eta, search->max_power_w, chosen));

    double unit_mw = search->gpu_count ? search->max_power_w * 1000 / search->gpu_count
                                       : search->points[0].setting.value;
    for (unsigned i = 0; i < search->count; i++) {
        view->limits[i] = search->points[i].setting.value / unit_mw;
        view->gaps[i] = INFINITY;
        for (unsigned k = 0; k < view->seen_count; k++) {
            double ratio = (double)search->points[i].setting.value /
                           search->points[view->seen[k].index].setting.value;
            view->gaps[i] = fmin(view->gaps[i], fabs(log(ratio)));
        }
    }
    return true;
}

/* One curve's word on the limits. */
struct opinion {
    double log_time[POWER_LIMITS_MAX], log_power[POWER_LIMITS_MAX], log_cost[POWER_LIMITS_MAX];
};

/* Costs are in units in which the GPUs at their largest limit draw 1. */
static void ask(const struct view *view, const struct power_curve *curve, unsigned i,
                struct opinion *opinion)
{
    struct power_curve_point at = power_curve_at(curve, view->limits[i]);
    opinion->log_time[i] = at.log_time;
    opinion->log_power[i] = log(at.power);
    opinion->log_cost[i] = at.log_time + log(cost_j(view->eta, 1, at.power, 1));
}

/* How well a curve of one grade fits: its likelihood, the scale integrated out; and that scale. */
static double fit(const struct view *view, const struct opinion *opinion, double roughness,
                  double *log_scale)
{
    double weight = 0, sum = 0, squares = 0, log_vars = 0;
    for (unsigned k = 0; k < view->seen_count; k++) {
        const struct observation *seen = &view->seen[k];
        double log_time = opinion->log_time[seen->index];
        double model_error =
            hypot(roughness, slow_error * (log_time - opinion->log_time[view->top]));
        const double residuals[] = {seen->log_time - log_time,
                                    seen->log_energy - log_time - opinion->log_power[seen->index]};
        const double vars[] = {seen->time_var, seen->energy_var};
        for (unsigned j = 0; j < 2; j++) {
            if (isnan(residuals[j]))
                continue;
            double var = vars[j] + model_error * model_error;
            weight += 1 / var;
            sum += residuals[j] / var;
            squares += residuals[j] * residuals[j] / var;
            log_vars += log(var);
        }
    }
    *log_scale = sum / weight;
    return exp(-0.5 * (squares - sum * *log_scale + log_vars + log(weight)));
}

/* The mean of the part of a normal distribution below 0, as a positive number. */
static double mean_below_zero(double mean, double sd)
{
    if (mean >= 5 * sd)
        return 0;
    if (mean <= -5 * sd)
        return -mean;
    double z = mean / sd;
    return sd * (exp(-z * z / 2) / sqrt(2 * M_PI) - z * 0.5 * erfc(z / sqrt(2)));
}

static bool allowed(const struct view *view, const struct opinion *opinion, unsigned i)
{
    return view->search->preference.selector != WT_SELECT_MAX_SLOWDOWN ||
           opinion->log_time[i] - opinion->log_time[view->top] <=
               log1p(view->search->preference.max_slowdown);
}

/* Adds the word of one curve of one grade to the verdict. */
static void hear(const struct view *view, const struct opinion *opinion, double roughness,
                 double weight, double log_scale, struct verdict *verdict)
{
    /* The chosen limit's true cost lies between the measurement and the curve's word on it. */
    double said = log_scale + opinion->log_cost[view->chosen], rough_var = roughness * roughness;
    double to_beat =
        said + (view->chosen_log_cost - said) * rough_var / (rough_var + view->chosen_var);
    double best = 0;
    for (unsigned i = 0; i < view->search->count; i++) {
        if (view->search->slices[i] > 0 || !allowed(view, opinion, i))
            continue;
        double sd = hypot(lasting_share * roughness, gap_error * view->gaps[i]);
        double gain = mean_below_zero(log_scale + opinion->log_cost[i] - to_beat, sd);
        verdict->gains[i] += weight * gain;
        best = fmax(best, gain);
    }
    verdict->weight += weight;
    verdict->best_gain += weight * best;
}

static void ask_unseen(const struct view *view, const struct power_curve *curve,
                       struct opinion *opinion)
{
    for (unsigned i = 0; i < view->search->count; i++)
        if (view->gaps[i] > 0)
            ask(view, curve, i, opinion);
}

static struct verdict ask_all(const struct view *view)
{
    struct verdict verdict = {0};
    for (unsigned n = 0; n < POWER_CURVES; n++) {
        struct power_curve curve = power_curve_draw(n);
        struct opinion opinion;
        for (unsigned k = 0; k < view->seen_count; k++)
            ask(view, &curve, view->seen[k].index, &opinion);
        bool whole = false;
        for (unsigned g = 0; g < GRADES; g++) {
            double log_scale;
            double weight = grades[g].share * fit(view, &opinion, grades[g].roughness, &log_scale);
            if (!(weight > negligible * verdict.weight))
                continue;
            if (!whole)
                ask_unseen(view, &curve, &opinion);
            whole = true;
            verdict.rough_weight += grades[g].roughness > rough ? weight : 0;
            hear(view, &opinion, grades[g].roughness, weight, log_scale, &verdict);
        }
    }
    return verdict;
}

static int highest_unmeasured(const struct power_search *search)
{
    for (unsigned i = 0; i < search->count; i++)
        if (search->slices[i] == 0)
            return (int)i;
    return -1;
}

/* The limit worth measuring, -1 when none is. */
static int most_gain(const struct power_search *search, unsigned measured)
{
    struct view view;
    if (!look(search, &view))
        return highest_unmeasured(search);
    /* A slowdown counts from the highest limit, and no limit is faster. */
    bool needs_top = search->preference.selector == WT_SELECT_MAX_SLOWDOWN ||
                     search->preference.selector == WT_SELECT_TIME;
    if (needs_top && search->slices[0] == 0)
        return 0;
    struct verdict verdict = ask_all(&view);
    if (!(verdict.weight > 0)) /* like no curve at all: a sweep */
        return highest_unmeasured(search);
    bool fits = verdict.rough_weight <= 0.5 * verdict.weight;
    if (fits && verdict.best_gain < verdict.weight * gain_least * (1 + gain_rise * (measured - 1)))
        return -1;
    int best = -1;
    for (unsigned i = 0; i < search->count; i++)
        if (verdict.gains[i] > (best < 0 ? 0 : verdict.gains[best])) /* ties: the higher limit */
            best = (int)i;
    return best;
}

int power_search_adaptive_next(const struct power_search *search)
{
    unsigned measured = 0;
    for (unsigned i = 0; i < search->count; i++)
        measured += search->slices[i] > 0;
    int next =
        measured < power_search_adaptive_most(search->count) ? most_gain(search, measured) : -1;
    /* Throttled slices are measured once more, last, as the sweep does; their result may open the
     * search again. */
    for (unsigned i = 0; next < 0 && i < search->count; i++)
        if (search->slices[i] == 1 && search->points[i].throttled)
            next = (int)i;
    return next;
}
