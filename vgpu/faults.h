// SPDX-License-Identifier: Apache-2.0
// Queries of the faults that a machine file plans for a GPU: those in force at a moment, the next
// beginning or end. Their effects stand elsewhere (timeline.c: rates, counters and work; sensor.c:
// readings; view.c: answers); none of them touches the truth, vgpu_true_energy_j.
#ifndef VGPU_FAULTS_H
#define VGPU_FAULTS_H

#include "state.h"

// A thermal slowdown ends by itself, as on a card that has cooled down; it halves the highest
// clock.
#define FAULT_THERMAL_NS 10000000000LL
#define FAULT_THERMAL_RATIO 0.5

// The latest of this kind that has begun at now_ns and has not ended; NULL when there is none.
const struct fault *faults_in_force(const struct gpu_state *gpu, enum fault_kind kind,
                                    int64_t now_ns);

// The first moment at or after from_ns at which any begins or ends; INT64_MAX when there is none.
int64_t faults_next_ns(const struct gpu_state *gpu, int64_t from_ns);

// True when one of this kind begins exactly at t_ns.
bool faults_begin_at(const struct gpu_state *gpu, enum fault_kind kind, int64_t t_ns);

// How many of this kind have begun by now_ns.
unsigned faults_begun(const struct gpu_state *gpu, enum fault_kind kind, int64_t now_ns);

#endif
