// SPDX-License-Identifier: Apache-2.0
// The card's sensor: it scales power by a gain and an offset of its own, averages over a window,
// and shows a new value once a tick. Reads the past; changes nothing but the latch. A value that it
// has shown never changes.
#ifndef VGPU_SENSOR_H
#define VGPU_SENSOR_H

#include "state.h"

// Draws this card's gain, offset, tick phase, counter start and noise from the seed.
void sensor_draw(struct gpu_fixed *fixed, uint64_t seed, unsigned index);

// Latches the values of the last tick up to core->now_ns, unless it has them.
void sensor_latch(const struct gpu_state *gpu, struct gpu_core *core);

// The power reading of one tick of the last second over a window that ends there, noise and
// rounding included.
uint32_t sensor_power_mw(const struct gpu_state *gpu, const struct gpu_core *core, int64_t tick,
                         int64_t window_ns);

// When a tick happens, on the machine's clock.
int64_t sensor_tick_ns(const struct gpu_state *gpu, int64_t tick);

// GPU utilisation in percent over the sample period that ends at t_ns.
uint32_t sensor_utilization(const struct gpu_state *gpu, const struct gpu_core *core, int64_t t_ns);

// The sensor's integral in J at core->now_ns, without ticks: the reading of a perfect counter.
double sensor_true_energy_j(const struct gpu_state *gpu, const struct gpu_core *core);

// Starts the counter from 0 again at core->now_ns. The true energy does not change.
void sensor_reset_counter(const struct gpu_state *gpu, struct gpu_core *core);

// A stateless random number: uniform in [0, 1) for any seed and counter.
double sensor_random(uint64_t seed, uint64_t counter);

#define SENSOR_SAMPLE_NS 166666667LL // utilisation: a sixth of a second

#endif
