// SPDX-License-Identifier: Apache-2.0
// Power and speed of a piece of work under a power limit: the closed-form model M3. Pure: numbers
// in, numbers out. Knows no time, no process and no sensor.
#ifndef VGPU_PHYSICS_H
#define VGPU_PHYSICS_H

#include <stdbool.h>

#include "models.h"

struct physics_point {
    double clock_ratio; // phi: SM clock over the highest SM clock
    double power_w;     // while the GPU computes
    double slowdown;    // GPU time over GPU time at full clock, >= 1
    bool capped;        // the power limit holds the clock down
};

// The settled state of work that draws full_clock_w at full clock under limit_w. clock_share is mu,
// the share of its GPU time that follows the clock; highest_ratio caps phi (locked clocks), 1 when
// nothing is locked. Below the clock floor power exceeds the limit, as it does on real cards.
struct physics_point physics_settle(const struct vgpu_model *model, double full_clock_w,
                                    double clock_share, double limit_w, double highest_ratio);

#endif
