// SPDX-License-Identifier: Apache-2.0
// One GPU through time: who works, what that draws, what it adds up to. Event-driven and exact:
// between two events every rate is constant, and nothing happens between calls - whoever calls lets
// time pass. Works on plain structs under somebody else's lock; knows no files, no clock, no NVML.
#ifndef VGPU_TIMELINE_H
#define VGPU_TIMELINE_H

#include "state.h"

// Sets a fresh GPU up at t_ns, idle and warm, its past filled with idling.
void timeline_begin(struct gpu_state *gpu, struct gpu_core *core, int64_t t_ns);

// Lets time pass up to now_ns (not backwards), through every event on the way.
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

// Works out anew what limits and locks do to the work under way. Call after changing either.
void timeline_retune(struct gpu_state *gpu, struct gpu_core *core);

// Drops the contexts (and the work) of processes for which alive() says no.
void timeline_reap(struct gpu_state *gpu, struct gpu_core *core,
                   bool (*alive)(int32_t pid, uint64_t start_ticks));

// The integrals at any moment of the last 1.3 s up to core->now_ns.
struct breakpoint timeline_at(const struct gpu_state *gpu, const struct gpu_core *core,
                              int64_t t_ns);

double timeline_temperature_c(const struct gpu_state *gpu, const struct gpu_core *core);
double timeline_capped_s(const struct gpu_core *core);
uint32_t timeline_enforced_mw(const struct gpu_state *gpu, const struct gpu_core *core);
// The clock nothing may exceed now, from locks and application clocks, in MHz.
uint32_t timeline_highest_sm_mhz(const struct gpu_state *gpu, const struct gpu_core *core);

#endif
