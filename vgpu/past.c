// SPDX-License-Identifier: Apache-2.0
// A ring of breakpoints, thinned by its writer where work is finer than 0.75 ms. Between two of
// them everything is linear.
#include "past.h"

#define NS 1e-9

double past_seconds(const struct segment *segment, int64_t t_ns)
{
    return (double)(t_ns - segment->from.t_ns) * NS;
}

struct breakpoint past_of_segment(const struct segment *segment, int64_t t_ns)
{
    double s = past_seconds(segment, t_ns);
    return (struct breakpoint){t_ns, segment->from.energy_j + segment->power_w * s,
                               segment->from.busy_s + segment->busy_share * s};
}

static struct breakpoint between(struct breakpoint a, struct breakpoint b, int64_t t_ns)
{
    double share = b.t_ns > a.t_ns ? (double)(t_ns - a.t_ns) / (double)(b.t_ns - a.t_ns) : 0.0;
    return (struct breakpoint){t_ns, a.energy_j + share * (b.energy_j - a.energy_j),
                               a.busy_s + share * (b.busy_s - a.busy_s)};
}

struct breakpoint past_breakpoint(const struct gpu_state *gpu, uint64_t number)
{
    return gpu->ring[number % STATE_RING];
}

struct breakpoint past_at(const struct gpu_state *gpu, const struct gpu_core *core, int64_t t_ns)
{
    if (t_ns >= core->segment.from.t_ns)
        return past_of_segment(&core->segment, t_ns);
    uint64_t kept = STATE_RING - STATE_RING_SPARE;
    uint64_t low = core->pushed > kept ? core->pushed - kept : 0, high = core->pushed;
    if (low == high || t_ns < past_breakpoint(gpu, low).t_ns)
        return low == high ? core->segment.from : past_breakpoint(gpu, low);
    while (high - low > 1) { // ring[low].t <= t < ring[high].t; the segment closes the ring
        uint64_t middle = low + (high - low) / 2;
        if (past_breakpoint(gpu, middle).t_ns <= t_ns)
            low = middle;
        else
            high = middle;
    }
    return between(past_breakpoint(gpu, low),
                   high < core->pushed ? past_breakpoint(gpu, high) : core->segment.from, t_ns);
}

void past_push(struct gpu_state *gpu, struct gpu_core *core, struct breakpoint point)
{
    gpu->ring[core->pushed % STATE_RING] = point;
    core->pushed++;
}
