/* SPDX-License-Identifier: Apache-2.0
 *
 * The adaptive search: its promises over virtual cards and over published measurements (limits
 * measured, distance from the best limit, against the sweep under the same noise), and properties
 * that hold for any numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "search_curves.h"

#include "tune/decide/plan.h"
#include "tune/decide/power_curve.h"
#include "tune/decide/power_search_adaptive.h"

static const char *traces;
static const struct wt_preference even = {.selector = WT_SELECT_COST, .eta = 0.5};

/* --- The promises --- */

struct tally {
    double runs, measured, adaptive, sweep;
    unsigned most;
};

static void tally(struct tally *tally, const struct curve curves[], unsigned count, double eta,
                  unsigned seeds)
{
    struct wt_preference preference = {.selector = WT_SELECT_COST, .eta = eta};
    for (unsigned run = 0; run < count * seeds; run++) {
        const struct curve *curve = &curves[run / seeds];
        struct outcome ours = search_curve("adaptive", curve, &preference, 0.01, run % seeds, 0);
        struct outcome sweep = search_curve("sweep", curve, &preference, 0.01, run % seeds, 0);
        assert_int_equal(sweep.measured, curve->count);
        tally->runs++;
        tally->measured += ours.measured;
        tally->most = ours.measured > tally->most ? ours.measured : tally->most;
        tally->adaptive += ours.excess;
        tally->sweep += sweep.excess;
    }
}

/* At most so many limits in the mean and ever, and at most half a point worse than the sweep. */
static void keeps(const struct tally *tally, double mean, unsigned most, const char *what)
{
    print_message("%s: %.2f limits, %u at most, %.2f %% off the best (sweep %.2f %%)\n", what,
                  tally->measured / tally->runs, tally->most, 100 * tally->adaptive / tally->runs,
                  100 * tally->sweep / tally->runs);
    assert_true(tally->measured <= mean * tally->runs);
    assert_true(tally->most <= most);
    assert_true(tally->adaptive - tally->sweep <= 0.005 * tally->runs);
    assert_true(tally->sweep > 0); /* the noise is there */
}

static void few_limits_on_virtual_cards(void **state)
{
    (void)state;
    struct tally narrow = {0}, wide = {0};
    for (size_t m = 0; model_at(m); m++)
        for (unsigned i = 0; i < 20; i++) {
            struct workload work = some_workload(model_at(m), 77000 + 100 * m + i);
            struct curve curve = curve_of_model(model_at(m), &work);
            tally(curve.count > 9 ? &wide : &narrow, &curve, 1,
                  (const double[]){0.5, 0.5, 0.25, 0.75, 1}[i % 5], 3);
        }
    keeps(&narrow, 4.5, 7, "6 to 9 limits");
    keeps(&wide, 6, 10, "13 and 21 limits");
}

static void few_limits_on_published_curves(void **state)
{
    (void)state;
    static struct curve curves[128];
    int v100 = curves_from_csv(traces, "summary_power_v100.csv", curves, 128);
    int a40 =
        v100 < 0 ? -1 : curves_from_csv(traces, "summary_power_a40.csv", curves + v100, 128 - v100);
    if (a40 < 0) {
        print_message("SKIPPED: no published measurements in %s\n", traces);
        skip();
    }
    assert_true(v100 > 40 && a40 > 20);
    const struct {
        double eta;
        unsigned seeds;
    } rows[] = {{0.5, 4}, {0, 1}, {0.25, 1}, {0.75, 1}, {1, 1}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char what[64];
        snprintf(what, sizeof what, "published, eta %g", rows[i].eta);
        struct tally all = {0};
        tally(&all, curves, (unsigned)(v100 + a40), rows[i].eta, rows[i].seeds);
        keeps(&all, 4.5, 7, what);
    }
    struct tally h100 = {0};
    int count = curves_from_fits(traces, model_find("h100", 4), curves, 128);
    assert_true(count > 60 && curves[0].count == 21);
    tally(&h100, curves, (unsigned)count, 0.5, 2);
    keeps(&h100, 6, 10, "the V100's workloads on an H100");
}

/* --- For any numbers --- */

enum oddity { FLAT, IGNORED_LIMITS, SAWTOOTH, NOISE, RISING, BELOW_THE_FLOOR, ODDITIES };

/* A curve that no model has in mind, over an irregular grid. */
static struct curve odd_curve(uint64_t key)
{
    struct curve curve = {.count = 1 + (unsigned)(uniform(100 * key) * POWER_LIMITS_MAX),
                          .max_power_w = 400};
    enum oddity oddity = (enum oddity)(key % ODDITIES);
    snprintf(curve.name, sizeof curve.name, "odd %u", (unsigned)key);
    double limit_w = 400;
    for (unsigned i = 0; i < curve.count; i++) {
        double u = uniform(100 * key + i + 1), time_s = 0.1, power_w = 200;
        if (oddity == SAWTOOTH)
            time_s *= i % 2 ? 1.2 : 1;
        if (oddity == NOISE)
            time_s *= 0.5 + u;
        if (oddity == RISING)
            time_s *= 1 - 0.01 * i;
        if (oddity == BELOW_THE_FLOOR)
            time_s *= 400 / limit_w, power_w = 390;
        curve.limits_mw[i] = (uint32_t)(limit_w * 1000);
        curve.time_s[i] = time_s;
        curve.energy_j[i] = time_s * power_w * (oddity == IGNORED_LIMITS ? 1 + 0.002 * u : 1);
        limit_w -= 0.5 + u * 10;
    }
    return curve;
}

static const struct wt_preference preferences[] = {
    {WT_SELECT_COST, 0.5, 0},         {WT_SELECT_COST, 0, 0},        {WT_SELECT_COST, 1, 0},
    {WT_SELECT_ENERGY, 0, 0},         {WT_SELECT_TIME, 0, 0},        {WT_SELECT_COST, 0.8, 0},
    {WT_SELECT_MAX_SLOWDOWN, 0, 0.1}, {WT_SELECT_MAX_SLOWDOWN, 0, 0}};
enum { PREFERENCES = sizeof preferences / sizeof preferences[0] };

/* The fault of a slice. */
static void spoil(struct wt_profile_point *slice, uint64_t key)
{
    double u = uniform(key);
    slice->throttled = u < 0.2;
    if (u > 0.9)
        slice->energy_per_step_j = slice->energy_error_j = NAN;
    if (u > 0.8)
        slice->time_error_s = NAN;
    if (u > 0.7 && u < 0.8)
        slice->time_error_s = slice->energy_error_j = INFINITY;
    if (u > 0.6 && u < 0.7)
        slice->time_error_s = slice->energy_error_j = 0;
    if (u > 0.5 && u < 0.6)
        slice->energy_per_step_j = 0;
}

static void ends_whatever_is_measured(void **state)
{
    (void)state;
    for (uint64_t key = 1; key <= 96; key++) {
        struct curve curve = odd_curve(key);
        bool spoiled = key % 3 == 0;
        struct power_search search, again;
        assert_int_equal(power_search_init(&search, "adaptive", curve.limits_mw, curve.count,
                                           &preferences[(key / 6) % PREFERENCES], 400, NULL),
                         0);
        unsigned most = power_search_most(&search), limits = 0, slices = 0;
        assert_int_equal(most, curve.count > 9 ? 10 : curve.count > 7 ? 7 : curve.count);
        uint32_t limit_mw = curve.limits_mw[(unsigned)(uniform(key + 5) * curve.count)], twin_mw;
        do {
            int i = power_search_find(&search, limit_mw);
            assert_true(i >= 0);
            /* Never a limit that is known, but once more one that was throttled. */
            assert_true(search.slices[i] == 0 ||
                        (search.slices[i] == 1 && search.points[i].throttled));
            limits += search.slices[i] == 0;
            struct wt_profile_point slice = slice_at(&curve, (unsigned)i, 0.01, key);
            if (spoiled)
                spoil(&slice, key * 1000 + slices);
            assert_int_equal(power_search_add(&search, &slice, NULL), 0);
            assert_true(++slices <= 2 * most);
            again = search;
            assert_int_equal(power_search_next(&again, &twin_mw),
                             power_search_next(&search, &limit_mw));
            assert_memory_equal(&again, &search, sizeof search); /* asking changes nothing */
        } while (power_search_next(&search, &limit_mw) &&
                 (assert_int_equal(limit_mw, twin_mw), true));
        assert_true(limits <= most);
    }
}

/* A training that no curve fits is measured on: here limits differ by a tenth up and down, each for
 * itself. */
static void measures_on_where_no_curve_fits(void **state)
{
    (void)state;
    unsigned smooth = 0, rough = 0;
    for (unsigned w = 0; w < 20; w++) {
        struct workload work = {0.1, 600 + 10 * w, 0.6, 0.1};
        struct curve curve = curve_of_model(model_find("h100", 4), &work);
        smooth += search_curve("adaptive", &curve, &even, 0.01, w, 0).measured;
        for (unsigned i = 0; i < curve.count; i++) {
            double off = 1 + 0.1 * normal(5000 + 100 * w + i);
            curve.time_s[i] *= off;
            curve.energy_j[i] *= off;
        }
        rough += search_curve("adaptive", &curve, &even, 0.01, w, 0).measured;
    }
    print_message("limits of 21: %.1f where curves fit, %.1f where none does\n", smooth / 20.0,
                  rough / 20.0);
    assert_true(smooth <= 6 * 20);
    assert_true(rough >= smooth + 30);
}

static struct power_search searched(const struct curve *curve, struct wt_preference preference,
                                    unsigned start)
{
    struct power_search search;
    uint32_t limit_mw = curve->limits_mw[start];
    assert_int_equal(power_search_init(&search, "adaptive", curve->limits_mw, curve->count,
                                       &preference, curve->max_power_w, NULL),
                     0);
    do {
        struct wt_profile_point slice =
            slice_at(curve, (unsigned)power_search_find(&search, limit_mw), 0.005, 1);
        assert_int_equal(power_search_add(&search, &slice, NULL), 0);
    } while (power_search_next(&search, &limit_mw));
    return search;
}

/* Errors are believed: the same numbers, known badly, are not enough. */
static void large_errors_want_more(void **state)
{
    (void)state;
    unsigned more = 0;
    for (unsigned i = 0; i < 20; i++) {
        struct workload work = some_workload(model_find("v100", 4), 500 + i);
        struct curve curve = curve_of_model(model_find("v100", 4), &work);
        struct power_search search = searched(&curve, even, 0);
        uint32_t limit_mw;
        for (unsigned k = 0; k < search.count; k++) {
            search.points[k].time_error_s *= 20;
            search.points[k].energy_error_j *= 20;
        }
        more += power_search_next(&search, &limit_mw);
    }
    assert_true(more >= 12);
}

/* Only the measurements count: neither their order nor the asker. */
static void order_does_not_matter(void **state)
{
    (void)state;
    struct workload work = {0.1, 330, 0.31, 0.219};
    struct curve curve = curve_of_model(model_find("a40", 3), &work);
    const unsigned orders[][3] = {{0, 3, 6}, {6, 3, 0}, {3, 0, 6}};
    uint32_t limit_mw[3] = {0};
    bool goes_on[3];
    for (unsigned n = 0; n < 3; n++) {
        struct power_search search;
        assert_int_equal(
            power_search_init(&search, "adaptive", curve.limits_mw, curve.count, &even, 300, NULL),
            0);
        for (unsigned k = 0; k < 3; k++) {
            struct wt_profile_point slice = slice_at(&curve, orders[n][k], 0.01, 3);
            assert_int_equal(power_search_add(&search, &slice, NULL), 0);
        }
        goes_on[n] = power_search_next(&search, &limit_mw[n]);
    }
    assert_true(goes_on[0] == goes_on[1] && goes_on[1] == goes_on[2]);
    assert_true(limit_mw[0] == limit_mw[1] && limit_mw[1] == limit_mw[2]);
}

/* Eight GPUs that run in step are searched as one is, also when the user's list leaves the highest
 * limits out. */
static void several_gpus_are_searched_as_one(void **state)
{
    (void)state;
    unsigned differ = 0;
    for (unsigned w = 0; w < 6; w++) {
        struct workload work = some_workload(model_find("v100", 4), 900 + w);
        struct curve curve = curve_of_model(model_find("v100", 4), &work);
        struct power_search one, eight;
        const unsigned first = 2; /* 200 W */
        assert_int_equal(power_search_init(&one, "adaptive", curve.limits_mw + first,
                                           curve.count - first, &even, 250, NULL),
                         0);
        assert_int_equal(power_search_init(&eight, "adaptive", curve.limits_mw + first,
                                           curve.count - first, &even, 2000, NULL),
                         0);
        one.gpu_count = 1;
        eight.gpu_count = 8;
        uint32_t limit_mw = curve.limits_mw[first], other_mw = limit_mw;
        bool goes_on;
        do {
            assert_int_equal(limit_mw, other_mw);
            unsigned i = first + (unsigned)power_search_find(&one, limit_mw);
            struct wt_profile_point slice = slice_at(&curve, i, 0.01, 4);
            assert_int_equal(power_search_add(&one, &slice, NULL), 0);
            slice.energy_per_step_j *= 8;
            slice.energy_error_j *= 8;
            assert_int_equal(power_search_add(&eight, &slice, NULL), 0);
            goes_on = power_search_next(&one, &limit_mw);
            struct power_search unknown =
                one; /* takes 200 W for the largest limit: another search */
            uint32_t unknown_mw = 0;
            unknown.gpu_count = 0;
            differ += power_search_next(&unknown, &unknown_mw) != goes_on ||
                      (goes_on && unknown_mw != limit_mw);
            assert_int_equal(power_search_next(&eight, &other_mw), goes_on);
        } while (goes_on);
    }
    assert_true(differ > 0);
}

/* --- Needs of preferences --- */

static void highest_limit_first_where_nothing_is_known(void **state)
{
    (void)state;
    struct workload work = {0.1, 237.1, 0.67, 0.1};
    struct curve curve = curve_of_model(model_find("v100", 4), &work);
    for (unsigned p = 0; p < PREFERENCES; p++) {
        struct power_search search;
        uint32_t limit_mw;
        assert_int_equal(power_search_init(&search, "adaptive", curve.limits_mw, curve.count,
                                           &preferences[p], 250, NULL),
                         0);
        assert_true(power_search_next(&search, &limit_mw));
        assert_int_equal(limit_mw, 250000);
        /* A start elsewhere: a preference that counts from the highest limit asks for it, the
         * others need not. */
        struct wt_profile_point slice = slice_at(&curve, 1, 0.01, 0);
        assert_int_equal(power_search_add(&search, &slice, NULL), 0);
        bool needs_top = preferences[p].selector == WT_SELECT_MAX_SLOWDOWN ||
                         preferences[p].selector == WT_SELECT_TIME;
        bool goes_on = power_search_next(&search, &limit_mw);
        if (needs_top)
            assert_true(goes_on && limit_mw == 250000);
    }
}

/* Exact numbers: within half a per cent of the best that the selector would find in a sweep, for
 * every preference. */
static void every_preference_is_served(void **state)
{
    (void)state;
    double excess = 0;
    unsigned runs = 0, measured = 0;
    for (unsigned w = 0; w < 12; w++) {
        struct workload work = some_workload(model_find("v100", 4), 300 + w);
        struct curve curve = curve_of_model(model_find("v100", 4), &work);
        for (unsigned p = 0; p < PREFERENCES; p++)
            for (unsigned start = 0; start < curve.count; start += 3) {
                struct power_search search = searched(&curve, preferences[p], start);
                struct wt_profile_point all[POWER_LIMITS_MAX];
                for (unsigned i = 0; i < curve.count; i++)
                    all[i] = slice_at(&curve, i, 0.005, 1);
                struct wt_decision ours, sweep;
                assert_int_equal(selector_choose(search.points, curve.count, NULL, &preferences[p],
                                                 250, &ours, NULL),
                                 0);
                assert_int_equal(
                    selector_choose(all, curve.count, NULL, &preferences[p], 250, &sweep, NULL), 0);
                assert_true(search.points[ours.point].steps > 0);
                double one = true_cost(&curve, ours.point, &preferences[p]);
                excess += one / true_cost(&curve, sweep.point, &preferences[p]) - 1;
                for (unsigned i = 0; i < curve.count; i++)
                    measured += search.slices[i];
                runs++;
            }
    }
    assert_true(excess / runs < 0.005);
    assert_true(measured < 5 * runs);
}

/* A driver that takes limits and does nothing: the highest limit stays, and few slices find that
 * out. */
static void ties_keep_the_higher_limit(void **state)
{
    (void)state;
    struct curve flat = {.count = 21, .max_power_w = 700, .name = "flat"};
    for (unsigned i = 0; i < flat.count; i++) {
        flat.limits_mw[i] = 700000 - 25000 * i;
        flat.time_s[i] = 0.1;
        flat.energy_j[i] = 15; /* 150 W: below every limit */
    }
    for (unsigned p = 0; p < PREFERENCES; p++) {
        struct power_search search;
        uint32_t limit_mw = 700000;
        assert_int_equal(power_search_init(&search, "adaptive", flat.limits_mw, flat.count,
                                           &preferences[p], 700, NULL),
                         0);
        unsigned slices = 0;
        do {
            unsigned i = (unsigned)power_search_find(&search, limit_mw);
            struct wt_profile_point slice = slice_at(&flat, i, 0, 0);
            assert_int_equal(power_search_add(&search, &slice, NULL), 0);
            slices++;
        } while (power_search_next(&search, &limit_mw));
        struct wt_decision decision;
        assert_int_equal(
            selector_choose(search.points, 21, NULL, &preferences[p], 700, &decision, NULL), 0);
        assert_int_equal(decision.setting.value, 700000);
        assert_true(slices <= 8);
    }
}

/* Throttled slices tell nothing of their limit; they are measured again, last. */
static void throttled_slices_are_not_believed(void **state)
{
    (void)state;
    struct workload work = {0.1, 237.1, 0.67, 0.1};
    struct curve curve = curve_of_model(model_find("v100", 4), &work);
    struct power_search clean, search;
    assert_int_equal(
        power_search_init(&clean, "adaptive", curve.limits_mw, curve.count, &even, 250, NULL), 0);
    struct wt_profile_point first = slice_at(&curve, 0, 0.01, 0);
    assert_int_equal(power_search_add(&clean, &first, NULL), 0);
    search = clean;
    struct wt_profile_point hot = slice_at(&curve, 1, 0.01, 0);
    hot.throttled = true;
    hot.time_per_step_s *= 5;
    assert_int_equal(power_search_add(&search, &hot, NULL), 0);
    uint32_t limit_mw, with_hot_mw = 0;
    bool last = false;
    while (power_search_next(&search, &limit_mw)) {
        last = limit_mw == hot.setting.value;
        if (last)
            break;
        if (with_hot_mw == 0 && power_search_next(&clean, &with_hot_mw))
            assert_int_equal(limit_mw, with_hot_mw); /* as if it had not been */
        struct wt_profile_point slice =
            slice_at(&curve, (unsigned)power_search_find(&search, limit_mw), 0.01, 0);
        assert_int_equal(power_search_add(&search, &slice, NULL), 0);
    }
    assert_true(last);
    assert_int_equal(power_search_add(&search, &hot, NULL), 0); /* still hot: that is that */
    while (power_search_next(&search, &limit_mw)) {
        assert_int_not_equal(limit_mw, hot.setting.value);
        struct wt_profile_point slice =
            slice_at(&curve, (unsigned)power_search_find(&search, limit_mw), 0.01, 0);
        assert_int_equal(power_search_add(&search, &slice, NULL), 0);
    }
}

/* A search of few limits still proves its saving: three baselines, the middle one between searched
 * limits. */
static void baselines_stand_between_few_limits(void **state)
{
    (void)state;
    struct workload work = {0.1, 237.1, 0.67, 0.1};
    struct curve curve = curve_of_model(model_find("v100", 4), &work);
    struct power_search search;
    assert_int_equal(
        power_search_init(&search, "adaptive", curve.limits_mw, curve.count, &even, 250, NULL), 0);
    struct plan plan;
    plan_init(&plan, &search, 250000, true);
    struct plan_slice slice;
    char order[200] = "", *end = order;
    while (plan_next(&plan, &slice)) {
        struct wt_profile_point point =
            slice_at(&curve, (unsigned)power_search_find(&search, slice.limit_mw), 0.01, 0);
        assert_int_equal(plan_add(&plan, &point, NULL), 0);
        *end++ = slice.baseline ? 'b' : '.';
        assert_true(end < order + sizeof order - 1);
    }
    assert_true(plan.baseline_count >= 3);
    assert_true(strncmp(order, "b..b", 4) == 0 && end[-1] == 'b');
    struct wt_profile_point profile[WT_MAX_LIMITS];
    assert_in_range(plan_profile(&plan, profile), 3, 7);
}

/* --- The curves --- */

static void curves_are_physical(void **state)
{
    (void)state;
    for (unsigned n = 0; n < POWER_CURVES; n++) {
        struct power_curve curve = power_curve_draw(n), same = power_curve_draw(n);
        assert_memory_equal(&curve, &same, sizeof curve);
        double before_s = -INFINITY;
        for (double limit = 1; limit > 0.1; limit -= 0.02) {
            struct power_curve_point at = power_curve_at(&curve, limit);
            assert_true(isfinite(at.log_time) && at.power > 0 && at.power <= 3);
            assert_true(at.log_time >= before_s - 1e-12); /* a lower limit is never faster */
            assert_true(at.follows >= 0 &&
                        at.follows <= 1 - curve.host * exp(-at.log_time) + 1e-12);
            before_s = at.log_time;
        }
        double power = power_curve_at(&curve, fmax(curve.full, 1))
                           .power; /* not capped: full power but for the host */
        assert_true(power <= curve.full + 1e-12 && power >= (1 - curve.host) * curve.full * 0.3);
    }
}

/* The model by hand: 0.75 of the way down to idle at gamma 0.5 is half the clock. */
static void curve_by_hand(void **state)
{
    (void)state;
    struct power_curve curve = {.idle = 0.2,
                                .full = 1,
                                .gamma = 0.5,
                                .compute = 0.5,
                                .overlap = 1,
                                .host = 0.2,
                                .lowest = 0.17,
                                .waiting = 0.9};
    struct power_curve_point at =
        power_curve_at(&curve, 0.4); /* share 0.25, clock 0.5: 0.8 x (0.5 + 1) + 0.2 */
    assert_true(fabs(at.log_time - log(1.4)) < 1e-12);
    assert_true(fabs(at.power - (1.2 * 0.4 + 0.2 * 0.18) / 1.4) < 1e-12);
    assert_true(fabs(at.gpu_power - 0.4) < 1e-12 && fabs(at.follows - 0.8 / 1.4) < 1e-12);
    at = power_curve_at(&curve, 2);
    assert_true(fabs(at.log_time) < 1e-12);
    assert_true(fabs(at.power - (0.8 * 1 + 0.2 * 0.18)) < 1e-12);
    assert_true(fabs(at.gpu_power - 1) < 1e-12 && fabs(at.follows - 0.4) < 1e-12);
    at = power_curve_at(&curve, 0.1); /* below idle: the clock floor, above the limit */
    assert_true(at.power > 0.15 && at.gpu_power > 0.2 && at.log_time > log(2) &&
                at.log_time < log(4));
}

/* Exactly the part that follows the clock gets longer with less clock, however memory and computing
 * overlap. */
static void curves_follow_the_clock(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (unsigned n = 0; n < POWER_CURVES; n++) {
        struct power_curve curve = power_curve_draw(n);
        double limit = 0.7, dynamic = curve.full - curve.idle,
               clock = pow((limit - curve.idle) / dynamic, curve.gamma);
        if (!(curve.full > 0.75) || clock < 0.2)
            continue;
        double less =
            curve.idle +
            dynamic * pow(clock * 0.999, 1 / curve.gamma); /* the limit of 0.1 % less clock */
        double longer =
            power_curve_at(&curve, less).log_time - power_curve_at(&curve, limit).log_time;
        assert_true(fabs(longer / 0.001 - power_curve_at(&curve, limit).follows) < 0.01);
        seen++;
    }
    assert_true(seen > 200);
}

int main(int argc, char **argv)
{
    traces = argc > 1 ? argv[1] : "";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_by_hand),
        cmocka_unit_test(curves_are_physical),
        cmocka_unit_test(curves_follow_the_clock),
        cmocka_unit_test(few_limits_on_virtual_cards),
        cmocka_unit_test(few_limits_on_published_curves),
        cmocka_unit_test(ends_whatever_is_measured),
        cmocka_unit_test(measures_on_where_no_curve_fits),
        cmocka_unit_test(large_errors_want_more),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(several_gpus_are_searched_as_one),
        cmocka_unit_test(highest_limit_first_where_nothing_is_known),
        cmocka_unit_test(every_preference_is_served),
        cmocka_unit_test(ties_keep_the_higher_limit),
        cmocka_unit_test(throttled_slices_are_not_believed),
        cmocka_unit_test(baselines_stand_between_few_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
