// SPDX-License-Identifier: Apache-2.0
// Model M3: dynamic power is a linear and a cubic share of the clock above a static part; a limit
// lowers the clock until power fits; the part of the work that follows the clock stretches. Four
// constants a card (models.c), four numbers a workload (vgpu_work). Fit: time within 1.3 to 3.1 %,
// power 0.8 to 1.5 %.
#include "physics.h"

#include <math.h>

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

// The ratio at which a * phi + (1 - a) * phi^3 = y: the one real root of a depressed cubic, by the
// hyperbolic form, which needs no case distinction while a is strictly between 0 and 1.
static double solve_ratio(double a, double y)
{
    double p = a / (1.0 - a), q = y / (1.0 - a);
    return 2.0 * sqrt(p / 3.0) * sinh(asinh(1.5 * (q / p) * sqrt(3.0 / p)) / 3.0);
}

struct physics_point physics_settle(const struct vgpu_model *model, double full_clock_w,
                                    double clock_share, double limit_w, double highest_ratio)
{
    const double a = model->linear_share, dynamic_w = full_clock_w - model->static_w;
    struct physics_point at = {.clock_ratio = 1.0, .capped = full_clock_w > limit_w};

    // Work that draws less than the static part has no dynamic power to take away.
    if (dynamic_w > 0 && at.capped)
        at.clock_ratio = solve_ratio(a, clamp((limit_w - model->static_w) / dynamic_w, 1e-5, 1.0));
    at.clock_ratio = clamp(fmin(at.clock_ratio, highest_ratio), model->min_clock_ratio, 1.0);
    double phi = at.clock_ratio;
    at.power_w = full_clock_w;
    if (dynamic_w > 0)
        at.power_w = model->static_w + dynamic_w * (a * phi + (1.0 - a) * phi * phi * phi);
    at.slowdown = (1.0 - clock_share) + clock_share / phi;
    return at;
}
