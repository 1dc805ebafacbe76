// SPDX-License-Identifier: Apache-2.0
// One GPU through time: its work, the power drawn and the energy so far. Event-driven and exact:
// between two events every rate is constant, and time passes only when a caller lets it. Works on
// plain structs under the caller's lock; knows no files, no clock, no NVML.
#ifndef VGPU_TIMELINE_H
#define VGPU_TIMELINE_H

#include "state.h"

// Sets a fresh GPU up at t_ns, idle and warm, its past filled with idling.
void timeline_begin(struct gpu_state *gpu, struct gpu_core *core, int64_t t_ns);

// Lets time pass up to now_ns, which is not before core->now_ns, through every event on the way.
void timeline_advance(struct gpu_state *gpu, struct gpu_core *core, int64_t now_ns);

// Starts a piece of work at core->now_ns for a process. Returns its slot, -EAGAIN when all are
// taken, or -EIO when the GPU is lost.
int timeline_add(struct gpu_state *gpu, struct gpu_core *core, int32_t pid, uint64_t start_ticks,
                 double full_clock_s, double full_clock_w, double clock_share, double host_share);

// When the item will be done if nothing else changes (planned faults neither); core->now_ns or
// earlier when it is done already.
int64_t timeline_predict(const struct gpu_core *core, unsigned slot, uint64_t id);

// Frees the slot of an item that is done.
void timeline_collect(struct gpu_core *core, unsigned slot, uint64_t id);

// Applies limits and locks to the work under way. Call after changing either.
void timeline_retune(struct gpu_state *gpu, struct gpu_core *core);

// Drops the contexts (and the work) of processes for which alive() says no.
void timeline_reap(struct gpu_state *gpu, struct gpu_core *core,
                   bool (*alive)(int32_t pid, uint64_t start_ticks));

// The readings that need no sensor, at core->now_ns: degrees Celsius of the GPU, seconds under the
// power limit's hold so far, and the power limit in force in mW.
double timeline_temperature_c(const struct gpu_state *gpu, const struct gpu_core *core);
double timeline_capped_s(const struct gpu_core *core);
uint32_t timeline_enforced_mw(const struct gpu_state *gpu, const struct gpu_core *core);

// The highest SM clock that locks and application clocks allow now, in MHz.
uint32_t timeline_highest_sm_mhz(const struct gpu_state *gpu, const struct gpu_core *core);

#endif
