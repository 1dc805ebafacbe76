/* SPDX-License-Identifier: Apache-2.0
 *
 * Explanations: the fit's recovery of trainings whose numbers are known, where it says that it does
 * not know or does not describe, published measurements, and parts that add up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "search_curves.h"

#include "tune/decide/explain.h"
#include "tune/decide/power_curve.h"
#include "tune/decide/power_fit.h"

#define NEAR(a, b) assert_true(fabs((a) - (double)(b)) <= 1e-9 * fabs((double)(b)))

static const char *traces;

enum { MOST_W = 250 };

/* Fits are a third of a second each: `make test` takes the first few of every family, which go all
 * the ways, and WATTUNE_TEST_ALL=1 takes all. */
static unsigned sample(unsigned few, unsigned all)
{
    return getenv("WATTUNE_TEST_ALL") ? all : few;
}

/* --- Known trainings --- */

struct truth {
    struct curve curve;
    double static_w, full_dynamic_w, dynamic_w, compute;
};

/* On a GPU of 250 W, at limits from there down to 100 W. */
static struct truth truth_of_curve(const struct power_curve *curve, const uint32_t limits_w[],
                                   unsigned count)
{
    struct truth truth = {.static_w = curve->idle * MOST_W,
                          .full_dynamic_w = (curve->full - curve->idle) * MOST_W};
    truth.curve.max_power_w = MOST_W;
    for (unsigned i = 0; i < count; i++) {
        struct power_curve_point at = power_curve_at(curve, (double)limits_w[i] / MOST_W);
        curve_put(&truth.curve, limits_w[i], 0.1 * exp(at.log_time), at.power * MOST_W);
    }
    struct power_curve_point top = power_curve_at(curve, truth.curve.limits_mw[0] / 1e3 / MOST_W);
    truth.dynamic_w = (top.gpu_power - curve->idle) * MOST_W;
    truth.compute = top.follows;
    snprintf(truth.curve.name, sizeof truth.curve.name, "curve %g %g %g", curve->idle, curve->full,
             curve->compute);
    return truth;
}

/* A virtual card, whose physics are a special case of the fit's: memory and computing do not
 * overlap. */
static struct truth truth_of_card(const struct vgpu_model *model, const struct workload *work)
{
    struct truth truth = {.curve = curve_of_model(model, work), .static_w = model->static_w};
    struct physics_point top =
        physics_settle(model, work->full_w, work->clock_share, truth.curve.limits_mw[0] / 1e3, 1);
    truth.full_dynamic_w = work->full_w - model->static_w;
    truth.dynamic_w = top.power_w - model->static_w;
    truth.compute = work->step_s * (1 - work->host_share) * work->clock_share / top.clock_ratio /
                    truth.curve.time_s[0];
    return truth;
}

static void fit_noisy(const struct truth *truth, double noise, uint64_t seed, struct wt_fit *fit)
{
    struct wt_profile_point points[POWER_LIMITS_MAX];
    const struct curve *curve = &truth->curve;
    for (unsigned i = 0; i < curve->count; i++)
        points[i] = slice_at(curve, i, noise, seed);
    power_fit(points, curve->count, 1, curve->limits_mw[curve->count - 1],
              (uint32_t)(curve->max_power_w * 1e3), fit);
}

/* How often an estimate was told, how often it was right, and how wide it was, as a share of the
 * quantity. */
struct tally {
    unsigned told, right;
    struct stats errors;
};

static void count(struct tally *tally, struct wt_estimate estimate, double truth, double of)
{
    if (isnan(estimate.value)) {
        assert_true(isnan(estimate.error));
        return;
    }
    tally->told++;
    tally->right += fabs(estimate.value - truth) <= estimate.error;
    stats_add(&tally->errors, estimate.error / of);
}

struct tallies {
    unsigned fits, described;
    struct tally fixed, dynamic, top, compute;
};

static void tally_fit(struct tallies *t, const struct wt_fit *fit, const struct truth *truth)
{
    t->fits++;
    t->described += fit->describes;
    count(&t->fixed, fit->static_w, truth->static_w, truth->curve.max_power_w);
    count(&t->dynamic, fit->full_dynamic_w, truth->full_dynamic_w, truth->curve.max_power_w);
    count(&t->top, fit->dynamic_w, truth->dynamic_w, truth->curve.max_power_w);
    count(&t->compute, fit->compute, truth->compute, 1);
}

static void print(const char *what, const struct tallies *t)
{
    const struct {
        const char *name;
        const struct tally *tally;
    } rows[] = {{"static", &t->fixed},
                {"dynamic", &t->dynamic},
                {"at the top", &t->top},
                {"compute", &t->compute}};
    print_message("%s: %u of %u described\n", what, t->described, t->fits);
    for (unsigned i = 0; i < 4; i++)
        print_message("  %-10s told %3u, right %3u, +- %.3f\n", rows[i].name, rows[i].tally->told,
                      rows[i].tally->right, rows[i].tally->errors.mean);
}

/* At least 95 of 100 estimates told are right (of a few, one may be wrong by chance); and it was
 * told so often, and as narrowly as that. */
static void holds(const struct tally *tally, unsigned told_least, double widest)
{
    assert_true(tally->told >= told_least);
    assert_true(tally->right * 100 >= tally->told * 95 ||
                (tally->told < 20 && tally->right + 1 >= tally->told));
    assert_true(tally->told == 0 || tally->errors.mean <= widest);
}

/* --- The fit --- */

static const uint32_t every_25_w[] = {250, 225, 200, 175, 150, 125, 100};

/* At 250 W it runs nearly at full clock; memory and computing overlap a little. */
static const struct power_curve usual_training = {.idle = 0.30,
                                                  .full = 0.98,
                                                  .gamma = 1.0 / 3,
                                                  .linear = 0.4,
                                                  .compute = 0.55,
                                                  .overlap = 1.4,
                                                  .host = 0.15,
                                                  .lowest = 0.14,
                                                  .waiting = 0.85};

static void known_numbers_are_recovered(void **state)
{
    (void)state;
    struct truth truth = truth_of_curve(&usual_training, every_25_w, 7);
    struct tallies t = {0};
    struct wt_fit fit;
    const unsigned seeds = sample(6, 40);
    for (unsigned seed = 0; seed < seeds; seed++) {
        fit_noisy(&truth, 0.005, seed, &fit);
        assert_int_equal(fit.state, WT_FIT_DONE);
        assert_int_equal(fit.used, 7);
        tally_fit(&t, &fit, &truth);
    }
    print("a known training", &t);
    assert_true(t.described == seeds);
    const unsigned told = seeds * 95 / 100;
    holds(&t.fixed, told, 0.05);
    holds(&t.top, told, 0.055);
    holds(&t.compute, told, 0.3);
    holds(&t.dynamic, 0, 1.5);
}

/* Workloads from hardly busy to twice the card's largest limit. */
static void virtual_cards_are_recovered(void **state)
{
    (void)state;
    struct tallies t = {0};
    struct wt_fit fit;
    unsigned flat = 0;
    const unsigned stride = sample(4, 1);
    for (unsigned i = 0; i < 50; i += stride) {
        const struct vgpu_model *model = model_at(i % 5);
        struct workload work = some_workload(model, 5000 + i);
        struct truth truth = truth_of_card(model, &work);
        fit_noisy(&truth, 0.005, i, &fit);
        if (fit.state == WT_FIT_DONE)
            tally_fit(&t, &fit, &truth);
        else
            flat += fit.state == WT_FIT_NOT_REACHED;
        if (truth.curve.energy_j[0] / truth.curve.time_s[0] >
            1.2 * truth.curve.limits_mw[truth.curve.count - 1] / 1e3)
            assert_int_equal(fit.state, WT_FIT_DONE); /* some limit binds */
    }
    print("virtual cards", &t);
    const unsigned cards = (50 + stride - 1) / stride;
    assert_true(flat + t.fits == cards && flat > 0 && flat * 50 < cards * 14);
    assert_true(t.described >= t.fits * 95 / 100);
    holds(&t.fixed, t.fits * 90 / 100, 0.065);
    holds(&t.top, t.fits * 80 / 100, 0.1);
    holds(&t.compute, t.fits * 80 / 100, 0.3);
    holds(&t.dynamic, 0, 0.9);
}

/* The search's curves: clock is a power of the limit, and memory and computing may overlap more
 * than the fit thinks. */
static void another_law_is_recovered(void **state)
{
    (void)state;
    struct tallies t = {0};
    struct wt_fit fit;
    const unsigned curves = sample(10, 40);
    for (unsigned i = 0; t.fits < curves; i++) {
        struct power_curve curve = power_curve_draw(i);
        struct truth truth = truth_of_curve(&curve, every_25_w, 7);
        if (curve.full < 0.6) /* hardly a limit binds */
            continue;
        fit_noisy(&truth, 0.005, i, &fit);
        assert_int_equal(fit.state, WT_FIT_DONE);
        tally_fit(&t, &fit, &truth);
    }
    print("the search's curves", &t);
    assert_true(t.described * 100 >= curves * 95 && t.fixed.told * 10 >= curves * 9 &&
                t.compute.told * 4 >= curves * 3);
    const struct tally *const all[] = {&t.fixed, &t.dynamic, &t.top, &t.compute};
    unsigned told = 0, right = 0;
    for (unsigned i = 0; i < 4; i++) {
        told += all[i]->told;
        right += all[i]->right;
    }
    assert_true(right * 100 >= told * 95);
    assert_true(t.fixed.errors.mean <= 0.075 && t.compute.errors.mean <= 0.24);
}

/* More points and less noise tell more. */
static void less_is_known_of_less(void **state)
{
    (void)state;
    static const uint32_t few[] = {250, 175, 100};
    struct truth all = truth_of_curve(&usual_training, every_25_w, 7),
                 some = truth_of_curve(&usual_training, few, 3);
    struct tallies exact = {0}, noisy = {0}, sparse = {0};
    struct wt_fit fit;
    const unsigned seeds = sample(3, 6);
    for (unsigned seed = 0; seed < seeds; seed++) {
        fit_noisy(&all, 0.002, seed, &fit);
        tally_fit(&exact, &fit, &all);
        fit_noisy(&all, 0.03, seed, &fit);
        tally_fit(&noisy, &fit, &all);
        fit_noisy(&some, 0.002, seed, &fit);
        tally_fit(&sparse, &fit, &some);
    }
    print("exact", &exact);
    print("noisy", &noisy);
    print("sparse", &sparse);
    assert_true(exact.top.told == seeds && exact.fixed.told == seeds);
    assert_true(noisy.compute.told < exact.compute.told ||
                noisy.compute.errors.mean > 1.2 * exact.compute.errors.mean);
    assert_true(sparse.top.errors.mean > 1.2 * exact.top.errors.mean);
    assert_true(noisy.described == seeds); /* large errors are known to be large */
}

static void published_curves_are_described(void **state)
{
    (void)state;
    static const char *const files[] = {"summary_power_v100.csv", "summary_power_a40.csv"};
    static struct curve curves[128];
    unsigned fits = 0, described = 0;
    const unsigned stride = sample(6, 1);
    struct stats time = {0}, power = {0}, fixed[2] = {{0}, {0}};
    for (unsigned f = 0; f < 2; f++) {
        int count = curves_from_csv(traces, files[f], curves, 128);
        if (count < 0) {
            print_message("SKIPPED: no published measurements in %s\n", traces);
            skip();
        }
        assert_true(count > 20);
        for (unsigned i = 0; i < (unsigned)count; i += stride) {
            struct truth truth = {.curve = curves[i]};
            struct wt_fit fit;
            fit_noisy(&truth, 1e-5, 0, &fit);
            if (fit.state != WT_FIT_DONE)
                continue;
            fits++;
            described += fit.describes;
            stats_add(&time, fit.time_rms);
            stats_add(&power, fit.power_rms);
            if (fit.describes && isfinite(fit.static_w.value))
                stats_add(&fixed[f], fit.static_w.value);
        }
    }
    print_message("published: %u of %u described; time %.2f %%, power %.2f %%; static %.1f W of "
                  "%lu, %.1f W of %lu\n",
                  described, fits, 100 * time.mean, 100 * power.mean, fixed[0].mean, fixed[0].count,
                  fixed[1].mean, fixed[1].count);
    assert_true(fits >= 60 / stride && described * 100 >= fits * 85);
    assert_true(time.mean < 0.02 && power.mean < 0.02);
    /* One card has one static power, whatever trains: 70.5 W and 98 W by a fit over all its curves.
     */
    assert_true(fixed[0].count > 15 / stride && fabs(fixed[0].mean - 70.5) < 10);
    assert_true(fixed[1].count > 10 / stride && fabs(fixed[1].mean - 98) < 12);
}

/* --- Trainings like no curve --- */

static struct wt_profile_point point(uint32_t watts, double time_s, double power_w)
{
    return (struct wt_profile_point){.setting.value = watts * 1000,
                                     .steps = 100,
                                     .time_per_step_s = time_s,
                                     .energy_per_step_j = time_s * power_w,
                                     .time_error_s = 0.005 * time_s,
                                     .energy_error_j = 0.005 * time_s * power_w};
}

static void other_points_are_not_described(void **state)
{
    (void)state;
    struct wt_profile_point saw[7], faster[7], one_off[7];
    struct truth truth = truth_of_curve(&usual_training, every_25_w, 7);
    struct wt_fit fit;
    for (unsigned i = 0; i < 7; i++) {
        uint32_t watts = every_25_w[i];
        saw[i] = point(watts, i % 2 ? 0.12 : 0.1, watts);
        faster[i] = point(watts, 0.1 - 0.006 * i, watts);
        one_off[i] = slice_at(&truth.curve, i, 0.003, 1);
    }
    one_off[3].time_per_step_s *= 1.25;
    const struct wt_profile_point *const rows[] = {saw, faster, one_off};
    for (unsigned i = 0; i < 3; i++) {
        power_fit(rows[i], 7, 1, 100000, 250000, &fit);
        assert_int_equal(fit.state, WT_FIT_DONE);
        assert_false(fit.describes);
        assert_true(fit.time_largest > 0.05 && fit.time_rms > 0.03 && fit.against_errors > 5);
        assert_int_equal(fit.count, 7);
        for (unsigned k = 0; k < 7; k++)
            assert_true(fit.points[k].measured.time_per_step_s == rows[i][k].time_per_step_s &&
                        fit.points[k].used);
    }
}

static void residuals_are_what_they_are(void **state)
{
    (void)state;
    struct truth truth = truth_of_curve(&usual_training, every_25_w, 7);
    struct wt_fit fit;
    fit_noisy(&truth, 0.01, 3, &fit);
    double time = 0, power = 0, time_most = 0, power_most = 0;
    for (unsigned i = 0; i < 7; i++) {
        const struct wt_fit_point *p = &fit.points[i];
        assert_int_equal(p->measured.setting.value, every_25_w[i] * 1000);
        double t = p->measured.time_per_step_s / p->time_per_step_s - 1;
        double w = p->measured.energy_per_step_j / p->measured.time_per_step_s /
                       (p->energy_per_step_j / p->time_per_step_s) -
                   1;
        time += t * t / 7;
        power += w * w / 7;
        time_most = fmax(time_most, fabs(t));
        power_most = fmax(power_most, fabs(w));
    }
    NEAR(fit.time_rms * fit.time_rms, time);
    NEAR(fit.power_rms * fit.power_rms, power);
    NEAR(fit.time_largest, time_most);
    NEAR(fit.power_largest, power_most);
    assert_true(fit.against_errors > 0.2 && fit.against_errors < 2);

    /* The same points give the same fit, in any order, and so does another unit of energy. */
    struct wt_profile_point turned[7], doubled[7];
    struct wt_fit again, twice;
    for (unsigned i = 0; i < 7; i++) {
        turned[i] = slice_at(&truth.curve, 6 - i, 0.01, 3);
        doubled[i] = turned[i];
        doubled[i].energy_per_step_j *= 2;
        doubled[i].energy_error_j *= 2;
    }
    power_fit(turned, 7, 1, 100000, 250000, &again);
    assert_true(again.static_w.value == fit.static_w.value && again.time_rms == fit.time_rms);
    power_fit(doubled, 7, 2, 100000, 250000, &twice); /* two GPUs: powers are their sum */
    NEAR(twice.dynamic_w.value, 2 * fit.dynamic_w.value);
    NEAR(twice.static_w.error, 2 * fit.static_w.error);
    NEAR(twice.compute.value, fit.compute.value);
    NEAR(twice.least_limit_w.value, fit.least_limit_w.value);
}

/* --- Too little to fit --- */

static void nothing_is_told(const struct wt_profile_point points[], unsigned count,
                            enum wt_fit_state state, unsigned used)
{
    struct wt_fit fit;
    power_fit(points, count, 1, 100000, 250000, &fit);
    assert_int_equal(fit.state, state);
    assert_int_equal(fit.used, used);
    assert_int_equal(fit.count, count);
    assert_false(fit.describes);
    assert_true(isnan(fit.static_w.value) && isnan(fit.static_w.error) &&
                isnan(fit.full_dynamic_w.value));
    assert_true(isnan(fit.dynamic_w.value) && isnan(fit.compute.value) &&
                isnan(fit.least_limit_w.value));
    assert_true(isnan(fit.time_rms) && isnan(fit.power_largest) && isnan(fit.against_errors));
    for (unsigned i = 0; i < count; i++)
        assert_true(isnan(fit.points[i].time_per_step_s) && isnan(fit.points[i].energy_per_step_j));
}

static void too_little_to_fit(void **state)
{
    (void)state;
    struct wt_profile_point points[7] = {{{0}}};
    nothing_is_told(points, 0, WT_FIT_FEW, 0);
    for (unsigned i = 0; i < 7; i++)
        points[i] = point(every_25_w[i], 0.1 * (1 + 0.05 * i * i), every_25_w[i]);
    nothing_is_told(points, 1, WT_FIT_FEW, 1);
    nothing_is_told(points, 2, WT_FIT_FEW, 2);

    struct wt_profile_point equal[4] = {points[1], points[1], points[1], points[0]};
    equal[1].time_per_step_s *= 1.3;
    nothing_is_told(equal, 4, WT_FIT_FEW, 2); /* a limit counts once */

    struct wt_profile_point bad[6] = {points[0], points[1], points[2],
                                      points[3], points[4], points[5]};
    bad[0].steps = 0;
    bad[1].time_per_step_s = NAN;
    bad[2].energy_per_step_j = NAN;
    bad[3].energy_per_step_j = 0;
    nothing_is_told(bad, 6, WT_FIT_FEW, 2);

    struct wt_profile_point capped[5] = {points[0], points[1], points[2], points[3], points[4]};
    capped[1].throttled = capped[2].throttled = capped[4].throttled = true;
    nothing_is_told(capped, 5, WT_FIT_THROTTLED, 2);

    struct wt_profile_point light[7], deaf[7];
    for (unsigned i = 0; i < 7; i++) {
        light[i] = point(every_25_w[i], 0.1 * (1 + 0.002 * (i % 3)), 85);
        deaf[i] = point(every_25_w[i], 0.1 * (1 + 0.002 * (i % 3)), 240);
    }
    nothing_is_told(light, 7, WT_FIT_NOT_REACHED, 7);
    nothing_is_told(deaf, 7, WT_FIT_IGNORED, 7);

    /* Chance is no response to the limits, and a small response is none of chance. */
    struct truth flat = {.curve = {.max_power_w = 250, .name = "flat"}};
    struct wt_fit fit;
    for (unsigned i = 0; i < 7; i++)
        curve_put(&flat.curve, every_25_w[i], 0.1, 90);
    unsigned seen = 0;
    for (unsigned seed = 0; seed < 200; seed++) {
        fit_noisy(&flat, 0.01, seed, &fit);
        seen += fit.state == WT_FIT_NOT_REACHED;
    }
    assert_true(seen >= 198);
    flat.curve.time_s[6] = 0.107; /* only the lowest limit binds */
    for (unsigned seed = 0; seed < 5; seed++) {
        fit_noisy(&flat, 0.005, seed, &fit);
        assert_int_equal(fit.state, WT_FIT_DONE);
    }
}

static void odd_points_end(void **state)
{
    (void)state;
    struct wt_profile_point points[POWER_LIMITS_MAX];
    struct wt_fit fit;
    for (unsigned i = 0; i < POWER_LIMITS_MAX; i++) {
        points[i] = point(700 - 10 * i, 0.1 + 0.002 * i, 690 - 9.0 * i);
        points[i].time_error_s = i % 3 == 0 ? INFINITY : i % 3 == 1 ? NAN : 0;
        points[i].energy_error_j = i % 2 ? 0 : NAN;
    }
    points[5].time_per_step_s = 1e300;
    points[6].energy_per_step_j = 1e-300;
    points[7].throttled = true;
    power_fit(points, POWER_LIMITS_MAX, 1, 0, 0, &fit);
    assert_int_equal(fit.state, WT_FIT_DONE);
    assert_int_equal(fit.used, POWER_LIMITS_MAX - 1);
    assert_false(fit.describes);
    assert_true(isnan(fit.against_errors)); /* not all errors are known */
    assert_true(isnan(fit.static_w.value) || isfinite(fit.static_w.error));
    /* Throttled points are shown beside the fit, and not used. */
    assert_true(!fit.points[7].used && isfinite(fit.points[7].time_per_step_s));
}

/* --- Parts --- */

static struct explain_size size_of(uint32_t batch_size, double time_s, const double joules[],
                                   unsigned count)
{
    static const uint32_t limits_w[] = {250, 200, 150, 100};
    struct explain_size size = {
        .batch_size = batch_size, .count = count, .steps_per_epoch = 6400.0 / batch_size};
    for (unsigned i = 0; i < count; i++)
        size.points[i] =
            point(limits_w[i], time_s * (1 + 0.1 * i), joules[i] / (time_s * (1 + 0.1 * i)));
    return size;
}

static void parts_by_hand(void **state)
{
    (void)state;
    struct explain_size sizes[2] = {size_of(64, 0.2, (const double[]){40, 30, 24, 28}, 4),
                                    size_of(32, 0.1, (const double[]){18, 16, 12, 14}, 4)};
    const struct explain_question question = {.count = 2,
                                              .sizes = sizes,
                                              .standard = 0,
                                              .chosen = 1,
                                              .gpu_count = 1,
                                              .limit_min_mw = 100000,
                                              .limit_max_mw = 250000};
    struct wt_explanation e;
    stats_add(&sizes[0].epochs, 6);
    stats_add(&sizes[0].epochs, 8);
    stats_add(&sizes[1].epochs, 4);
    sizes[1].limit_mw = 200000;
    explain(&question, &e);
    assert_int_equal(e.standard.batch_size, 64);
    assert_int_equal(e.standard.limit_mw, 250000);
    NEAR(e.standard.epochs, 7);
    NEAR(e.standard.energy_j, 7 * 100 * 40);
    NEAR(e.standard.time_s, 7 * 100 * 0.2);
    assert_int_equal(e.chosen.limit_mw, 200000);
    NEAR(e.chosen.energy_j, 4 * 200 * 16);
    NEAR(e.whole.value, 12800.0 / 28000);
    NEAR(e.whole_time.value, 4 * 200 * 0.11 / 140);
    NEAR(e.epochs.fraction, 4.0 / 7);
    assert_true(isnan(e.epochs.error)); /* one run of 32 has no spread */
    /* size: 2 x 18/40 at 250 W and 2 x 16/30 at 200 W; limit: 30/40 at 64 and 16/18 at 32 */
    NEAR(e.size.fraction, sqrt(2 * 18 / 40.0 * 2 * 16 / 30.0));
    NEAR(e.limit.fraction, sqrt(30 / 40.0 * 16 / 18.0));
    NEAR(e.limit.error, e.limit.fraction * 0.005); /* four errors of 0.5 %, halved */
    assert_int_equal(e.order, WT_ORDER_MEAN);
    /* least is 32 at 150 W; no slower than the default (140 s): 32 at all of its limits */
    assert_int_equal(e.least.batch_size, 32);
    assert_int_equal(e.least.limit_mw, 150000);
    NEAR(e.left.value, 12.0 / 16);
    NEAR(e.left.error, 12.0 / 16 * hypot(0.005, 0.005));
    NEAR(e.least_of_default.value, 4 * 200 * 12.0 / 28000);
    assert_int_equal(e.front.batch_size, 32);
    assert_int_equal(e.front.limit_mw, 150000);
    assert_int_equal(e.size_count, 2);

    /* Orders that were not measured are not told. */
    sizes[0].points[1].throttled = true; /* 64 at 200 W */
    explain(&question, &e);
    assert_int_equal(e.order, WT_ORDER_SIZE_FIRST);
    NEAR(e.size.fraction, 2 * 18 / 40.0);
    NEAR(e.limit.fraction, 16 / 18.0);
    sizes[0].points[1].throttled = false;
    sizes[1].points[0].throttled = true; /* 32 at 250 W */
    explain(&question, &e);
    assert_int_equal(e.order, WT_ORDER_LIMIT_FIRST);
    NEAR(e.size.fraction, 2 * 16 / 30.0);
    NEAR(e.limit.fraction, 30 / 40.0);
    sizes[0].points[1].throttled = true;
    explain(&question, &e);
    assert_int_equal(e.order, WT_ORDER_UNKNOWN);
    assert_true(isnan(e.size.fraction) && isnan(e.limit.fraction));
    NEAR(e.epochs.fraction, 4.0 / 7);
    NEAR(e.whole.value, 12800.0 / 28000);
}

static void what_is_not_known_stays_so(void **state)
{
    (void)state;
    struct explain_size sizes[3] = {size_of(64, 0.2, (const double[]){40, 30, 24, 28}, 4),
                                    size_of(32, 0.1, (const double[]){18, 16, 12, 14}, 4),
                                    {.batch_size = 16, .steps_per_epoch = NAN}};
    struct explain_question question = {
        .count = 3, .sizes = sizes, .standard = 0, .chosen = 1, .gpu_count = 1};
    struct wt_explanation e;
    sizes[1].limit_mw = 200000;
    explain(&question, &e); /* no run reached a target: sizes cannot be compared */
    assert_true(isnan(e.whole.value) && isnan(e.whole_time.value) && isnan(e.epochs.fraction) &&
                isnan(e.epochs.saving));
    assert_true(isnan(e.standard.energy_j) && e.standard.energy_per_step_j == 40);
    assert_int_equal(e.size_count, 1);
    assert_int_equal(e.sizes_apart, 1); /* 16 was not measured at all */
    assert_int_equal(e.least.batch_size, 32);
    assert_int_equal(e.front.batch_size, 64);

    question.standard = 1; /* one size: nothing else is needed */
    explain(&question, &e);
    NEAR(e.whole.value, 16 / 18.0);
    NEAR(e.limit.fraction, 16 / 18.0);
    NEAR(e.whole.error, 16 / 18.0 * hypot(0.005, 0.005));
    assert_true(e.epochs.fraction == 1 && e.epochs.error == 0 && e.size.fraction == 1 &&
                e.epochs.saving == 0);
    NEAR(e.limit.saving, 1 - 16 / 18.0);
    /* the default is the fast end: 150 W takes less energy, and longer */
    assert_int_equal(e.front.limit_mw, 250000);
    assert_int_equal(e.least.limit_mw, 150000);

    sizes[1].limit_mw = 250000; /* the default itself */
    explain(&question, &e);
    assert_true(e.whole.value == 1 && e.whole.error == 0 && e.limit.saving == 0);
    sizes[1].limit_mw = 225000; /* chosen, and not measured */
    explain(&question, &e);
    assert_true(e.chosen.limit_mw == 0 && isnan(e.whole.value) && isnan(e.left.value) &&
                isnan(e.limit.fraction));
    question.standard = 2;
    explain(&question, &e);
    assert_true(e.standard.limit_mw == 0 && isnan(e.whole.value) && e.standard.batch_size == 16 &&
                e.front.limit_mw == 0);
}

/* For any measurements: factors multiply to the whole, points add up to it, and so turned round
 * they are its inverse. */
static void parts_add_up(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 300; key++) {
        struct explain_size sizes[2];
        for (unsigned s = 0; s < 2; s++) {
            double joules[4];
            for (unsigned i = 0; i < 4; i++)
                joules[i] = 1 + 99 * uniform(40 * key + 8 * s + i);
            sizes[s] = size_of(s ? 32 : 64, 0.1 + uniform(40 * key + 8 * s + 4), joules,
                               2); /* too few for a fit */
            sizes[s].limit_mw = uniform(40 * key + 8 * s + 5) < 0.5 ? 250000 : 200000;
            stats_add(&sizes[s].epochs, 1 + floor(20 * uniform(40 * key + 8 * s + 6)));
            stats_add(&sizes[s].epochs, 1 + floor(20 * uniform(40 * key + 8 * s + 7)));
        }
        struct explain_question question = {
            .count = 2, .sizes = sizes, .standard = 0, .chosen = 1, .gpu_count = 1};
        struct wt_explanation e, back;
        explain(&question, &e);
        assert_int_equal(e.order, WT_ORDER_MEAN);
        NEAR(e.epochs.fraction * e.size.fraction * e.limit.fraction, e.whole.value);
        double saved = e.epochs.saving + e.size.saving + e.limit.saving;
        assert_true(fabs(saved - (1 - e.whole.value)) <= 1e-12 * (1 + e.whole.value));
        assert_true((e.epochs.saving > 0) == (e.epochs.fraction < 1));
        assert_true(e.whole.error > 0);
        assert_true(e.left.value <= 1 && e.least.energy_j <= e.chosen.energy_j);
        if (e.chosen.limit_mw == e.standard.limit_mw)
            assert_true(e.limit.fraction == 1 && e.limit.saving == 0);
        sizes[0].limit_mw = 250000;
        if (e.chosen.limit_mw != 250000)
            continue;
        question.standard = 1;
        question.chosen = 0;
        explain(&question, &back);
        NEAR(back.whole.value * e.whole.value, 1);
        NEAR(back.size.fraction * e.size.fraction, 1);
    }
}

int main(int argc, char **argv)
{
    traces = argc > 1 ? argv[1] : "";
    /* Hundreds of fits, which take minutes in a sanitized build and go the same ways there. */
    const struct CMUnitTest many[] = {
        cmocka_unit_test(known_numbers_are_recovered),
        cmocka_unit_test(virtual_cards_are_recovered),
        cmocka_unit_test(another_law_is_recovered),
        cmocka_unit_test(published_curves_are_described),
    };
    const struct CMUnitTest few[] = {
        cmocka_unit_test(less_is_known_of_less),
        cmocka_unit_test(other_points_are_not_described),
        cmocka_unit_test(residuals_are_what_they_are),
        cmocka_unit_test(too_little_to_fit),
        cmocka_unit_test(odd_points_end),
        cmocka_unit_test(parts_by_hand),
        cmocka_unit_test(what_is_not_known_stays_so),
        cmocka_unit_test(parts_add_up),
    };
    int failed = cmocka_run_group_tests_name("decide: explain", few, NULL, NULL);
    return argc > 1 ? failed + cmocka_run_group_tests_name("decide: explain, many fits", many, NULL,
                                                           NULL)
                    : failed;
}
