// SPDX-License-Identifier: Apache-2.0
// The sensor's habits, from published measurements of real cards: gain within 5 %, offset of a few
// watts, windows shorter than the tick on some cards (which miss the rest of the time), readings
// in steps of 0.05 or 0.01 W. Two neighbouring ticks never read the same: clients that drop
// repeated samples would otherwise see nothing at all on a steady load.
#include "sensor.h"

#include <math.h>

#include "faults.h"
#include "past.h"

#define NS 1e-9
#define NOISE_SD 0.002 // of the power read; smaller than any card's window-to-window scatter

static uint64_t mix(uint64_t x) // splitmix64: every bit of the result hangs on every bit of x
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

double sensor_random(uint64_t seed, uint64_t counter)
{
    return (double)(mix(seed ^ mix(counter)) >> 11) * 0x1p-53;
}

void sensor_draw(struct gpu_fixed *fixed, uint64_t seed, unsigned index)
{
    const struct vgpu_model *model = model_at(fixed->model);
    uint64_t own = mix(seed ^ mix(index + 1));
    fixed->noise_seed = own;
    fixed->gain = 0.95 + 0.10 * sensor_random(own, 1);
    fixed->offset_w = -2.0 + 4.0 * sensor_random(own, 2);
    fixed->phase_ns = (int64_t)(sensor_random(own, 3) * (double)model->tick_ns);
    fixed->counter_start_j = 1e5 + 1e6 * sensor_random(own, 4);
}

int64_t sensor_tick_ns(const struct gpu_state *gpu, int64_t tick)
{
    return gpu->fixed.phase_ns + tick * model_at(gpu->fixed.model)->tick_ns;
}

// The sum of four uniform numbers is near enough to normal, and bounded: no reading is ever absurd.
static double noise(const struct gpu_state *gpu, int64_t tick, int64_t window_ns)
{
    uint64_t seed = gpu->fixed.noise_seed ^ mix((uint64_t)window_ns);
    double sum = 0;
    for (unsigned i = 0; i < 4; i++)
        sum += sensor_random(seed, (uint64_t)tick * 4 + i);
    return (sum - 2.0) * sqrt(3.0);
}

uint32_t sensor_power_mw(const struct gpu_state *gpu, const struct gpu_core *core, int64_t tick,
                         int64_t window_ns)
{
    const struct vgpu_model *model = model_at(gpu->fixed.model);
    int64_t end_ns = sensor_tick_ns(gpu, tick);
    double energy_j =
        past_at(gpu, core, end_ns).energy_j - past_at(gpu, core, end_ns - window_ns).energy_j;
    double power_w = gpu->fixed.gain * energy_j / ((double)window_ns * NS) + gpu->fixed.offset_w;
    power_w *= 1.0 + NOISE_SD * noise(gpu, tick, window_ns);
    // Rounded to the nearest step whose number is odd or even as the tick's: neighbours always
    // differ.
    double parity = (double)(tick & 1);
    double step = 2.0 * round((power_w * 1000.0 / model->resolution_mw - parity) / 2.0) + parity;
    return step > 0 ? (uint32_t)(step * model->resolution_mw) : 0;
}

static double scaled_energy_j(const struct gpu_state *gpu, struct breakpoint at)
{
    return gpu->fixed.counter_start_j + gpu->fixed.gain * at.energy_j +
           gpu->fixed.offset_w * (double)(at.t_ns - gpu->fixed.start_ns) * NS;
}

void sensor_reset_counter(const struct gpu_state *gpu, struct gpu_core *core)
{
    core->counter_zero_j = sensor_true_energy_j(gpu, core);
    core->latch.counter_mj = 0;
}

double sensor_true_energy_j(const struct gpu_state *gpu, const struct gpu_core *core)
{
    return scaled_energy_j(gpu, past_at(gpu, core, core->now_ns));
}

uint32_t sensor_utilization(const struct gpu_state *gpu, const struct gpu_core *core, int64_t t_ns)
{
    double busy_s =
        past_at(gpu, core, t_ns).busy_s - past_at(gpu, core, t_ns - SENSOR_SAMPLE_NS).busy_s;
    double percent = round(100.0 * busy_s / ((double)SENSOR_SAMPLE_NS * NS));
    return percent <= 0 ? 0 : percent >= 100 ? 100 : (uint32_t)percent;
}

static void sample_processes(struct gpu_core *core)
{
    int64_t over_ns = core->now_ns - core->sampled_ns;
    if (over_ns < SENSOR_SAMPLE_NS)
        return;
    for (unsigned i = 0; i < STATE_CONTEXTS; i++) {
        struct context *context = &core->contexts[i];
        double share = (context->busy_s - context->sample_busy_s) / ((double)over_ns * NS);
        context->utilization = share < 0 ? 0 : share > 1 ? 1 : share;
        context->sample_busy_s = context->busy_s;
    }
    core->sampled_ns = core->now_ns;
}

void sensor_latch(const struct gpu_state *gpu, struct gpu_core *core)
{
    const struct vgpu_model *model = model_at(gpu->fixed.model);
    // The clock is never before the phase: the machine's clock counts from boot and starts far
    // beyond it.
    int64_t tick = (core->now_ns - gpu->fixed.phase_ns) / model->tick_ns;
    struct latch *latch = &core->latch;
    if (tick <= latch->tick)
        return;
    int64_t tick_ns = sensor_tick_ns(gpu, tick);
    double counted_j = scaled_energy_j(gpu, past_at(gpu, core, tick_ns)) - core->counter_zero_j;
    double counter_mj = floor(1000.0 * counted_j);
    bool frozen = faults_in_force(gpu, FAULT_ENERGY_FROZEN, tick_ns);
    bool stuck = latch->tick != INT64_MIN && faults_in_force(gpu, FAULT_POWER_STUCK, tick_ns);
    // Thinning of the past can move E by a fraction of a tick's energy; the counter still never
    // goes back.
    if (counter_mj > (double)latch->counter_mj && !frozen)
        latch->counter_mj = (uint64_t)counter_mj;
    if (!stuck) {
        latch->usage_mw = sensor_power_mw(gpu, core, tick, model->usage_window_ns);
        latch->instant_mw = sensor_power_mw(gpu, core, tick, model->instant_window_ns);
        latch->average_mw = model->average_window_ns
                                ? sensor_power_mw(gpu, core, tick, model->average_window_ns)
                                : 0;
    }
    latch->utilization = sensor_utilization(gpu, core, tick_ns);
    latch->tick = tick;
    sample_processes(core);
}
