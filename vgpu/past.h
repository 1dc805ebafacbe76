// SPDX-License-Identifier: Apache-2.0
// The past of one GPU: its energy and busy time at any moment of the last 1.3 s, from a ring of
// breakpoints. The timeline adds to it, the sensor reads it. Knows neither of them.
#ifndef VGPU_PAST_H
#define VGPU_PAST_H

#include "state.h"

// Seconds from the segment's beginning to t_ns.
double past_seconds(const struct segment *segment, int64_t t_ns);

// The integrals at t_ns, by the segment's rates.
struct breakpoint past_of_segment(const struct segment *segment, int64_t t_ns);

// The integrals at any moment of the last 1.3 s up to core->now_ns.
struct breakpoint past_at(const struct gpu_state *gpu, const struct gpu_core *core, int64_t t_ns);

// The breakpoint of this number, from 0 to core->pushed - 1; the last 3584 are kept.
struct breakpoint past_breakpoint(const struct gpu_state *gpu, uint64_t number);

// Appends a breakpoint; it is no earlier than the last one.
void past_push(struct gpu_state *gpu, struct gpu_core *core, struct breakpoint point);

#endif
