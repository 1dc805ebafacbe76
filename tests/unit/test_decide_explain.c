/* SPDX-License-Identifier: Apache-2.0
 *
 * Explanations: what the fit recovers of trainings whose numbers are known, where it says that it does not know or does not
 * describe, published measurements, and parts that add up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "search_curves.h"

#include "decide/explain.h"
#include "decide/power_curve.h"
#include "decide/power_fit.h"

#define NEAR(a, b) assert_true(fabs((a) - (double)(b)) <= 1e-9 * fabs((double)(b)))

static const char *traces;

enum { SEEDS = 100, MOST_W = 250 };

/* --- What is known of a training ---------------------------------------------------------------------------------- */

struct truth {
    struct curve curve;
    double static_w, dynamic_w, top_dynamic_w, compute;
};

/* On a GPU of 250 W, at limits from there down to 100 W. */
static struct truth truth_of_curve(const struct power_curve *curve, const uint32_t limits_w[], unsigned count)
{
    struct truth truth = {.static_w = curve->idle * MOST_W, .dynamic_w = (curve->full - curve->idle) * MOST_W};
    truth.curve.max_power_w = MOST_W;
    for (unsigned i = 0; i < count; i++) {
        struct power_curve_point at = power_curve_at(curve, (double)limits_w[i] / MOST_W);
        curve_put(&truth.curve, limits_w[i], 0.1 * exp(at.log_time), at.power * MOST_W);
    }
    struct power_curve_point top = power_curve_at(curve, truth.curve.limits_mw[0] / 1e3 / MOST_W);
    truth.top_dynamic_w = (top.gpu_power - curve->idle) * MOST_W;
    truth.compute = top.follows;
    snprintf(truth.curve.name, sizeof truth.curve.name, "curve %g %g %g", curve->idle, curve->full, curve->compute);
    return truth;
}

/* A virtual card, whose physics are not the fit's own: power is a linear and a cubic share of the clock. */
static struct truth truth_of_card(const struct vgpu_model *model, const struct workload *work)
{
    struct truth truth = {.curve = curve_of_model(model, work), .static_w = model->static_w};
    struct physics_point top = physics_settle(model, work->full_w, work->clock_share, truth.curve.limits_mw[0] / 1e3, 1);
    truth.dynamic_w = work->full_w - model->static_w;
    truth.top_dynamic_w = top.power_w - model->static_w;
    truth.compute = work->step_s * (1 - work->host_share) * work->clock_share / top.clock_ratio / truth.curve.time_s[0];
    return truth;
}

static void fit_noisy(const struct truth *truth, double noise, uint64_t seed, struct wt_fit *fit)
{
    struct wt_profile_point points[POWER_LIMITS_MAX];
    const struct curve *curve = &truth->curve;
    for (unsigned i = 0; i < curve->count; i++)
        points[i] = slice_at(curve, i, noise, seed);
    power_fit(points, curve->count, 1, curve->limits_mw[curve->count - 1], (uint32_t)(curve->max_power_w * 1e3), fit);
}

/* How often an estimate was told, how often it was right, and how wide it was, as a share of what it is of. */
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
    count(&t->dynamic, fit->dynamic_w, truth->dynamic_w, truth->curve.max_power_w);
    count(&t->top, fit->top_dynamic_w, truth->top_dynamic_w, truth->curve.max_power_w);
    count(&t->compute, fit->compute, truth->compute, 1);
}

static void print(const char *what, const struct tallies *t)
{
    const struct {
        const char *name;
        const struct tally *tally;
    } rows[] = {{"static", &t->fixed}, {"dynamic", &t->dynamic}, {"at the top", &t->top}, {"compute", &t->compute}};
    print_message("%s: %u of %u described\n", what, t->described, t->fits);
    for (unsigned i = 0; i < 4; i++)
        print_message("  %-10s told %3u, right %3u, +- %.3f\n", rows[i].name, rows[i].tally->told, rows[i].tally->right,
                      rows[i].tally->errors.mean);
}

int main(int argc, char **argv)
{
    traces = argc > 1 ? argv[1] : "";
    static const uint32_t limits_w[] = {250, 225, 200, 175, 150, 125, 100};
    const struct power_curve curves[] = {
        {.idle = 0.28, .full = 0.95, .gamma = 0.5, .compute = 0.5, .overlap = 1.3, .host = 0.1, .lowest = 0.15, .waiting = 0.9},
        {.idle = 0.35, .full = 1.1, .gamma = 0.7, .compute = 0.6, .overlap = 2, .host = 0.2, .lowest = 0.15, .waiting = 0.9},
        {.idle = 0.22, .full = 0.8, .gamma = 0.6, .compute = 0.4, .overlap = 1.5, .host = 0.3, .lowest = 0.15, .waiting = 0.9},
        {.idle = 0.30, .full = 2, .gamma = 0.5, .compute = 0.5, .overlap = 1.3, .host = 0.1, .lowest = 0.15, .waiting = 0.9},
    };
    for (unsigned k = 0; k < 4; k++) for (unsigned n = 3; n <= 7; n += 2) {
        static const uint32_t few[] = {250, 175, 100};
        static const uint32_t five[] = {250, 200, 175, 150, 100};
        struct truth truth = truth_of_curve(&curves[k], n == 3 ? few : n == 5 ? five : limits_w, n);
        struct tallies t = {0};
        struct wt_fit fit;
        for (unsigned s = 0; s < SEEDS; s++) {
            fit_noisy(&truth, 0.005, s, &fit);
            tally_fit(&t, &fit, &truth);
        }
        char what[64];
        snprintf(what, sizeof what, "curve %u, %u points", k, n);
        print(what, &t);
    }
    for (size_t m = 0; model_at(m); m++) {
        struct tallies t = {0};
        struct wt_fit fit;
        for (unsigned i = 0; i < SEEDS; i++) {
            struct workload work = some_workload(model_at(m), 5000 + 100 * m + i);
            struct truth truth = truth_of_card(model_at(m), &work);
            fit_noisy(&truth, 0.005, i, &fit);
            if (fit.state == WT_FIT_DONE)
                tally_fit(&t, &fit, &truth);
        }
        print(model_at(m)->key, &t);
    }
    const char *files[] = {"summary_power_v100.csv", "summary_power_a40.csv"};
    static struct curve published[128];
    for (unsigned k = 0; k < 2; k++) {
        int n = curves_from_csv(traces, files[k], published, 128);
        struct stats time = {0}, power = {0};
        unsigned described = 0, done = 0;
        for (int i = 0; i < n; i++) {
            struct truth truth = {.curve = published[i]};
            struct wt_fit fit;
            fit_noisy(&truth, 0.00001, 0, &fit);
            if (fit.state != WT_FIT_DONE) continue;
            done++;
            described += fit.describes;
            stats_add(&time, fit.time_rms);
            stats_add(&power, fit.power_rms);
            if (!fit.describes) print_message("  %s: %.3f %.3f %.3f %.3f\n", published[i].name, fit.time_rms, fit.time_largest, fit.power_rms, fit.power_largest);
        }
        print_message("%s: %u of %u of %d described, time %.4f power %.4f\n", files[k], described, done, n, time.mean, power.mean);
    }
    return 0;
}
