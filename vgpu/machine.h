// SPDX-License-Identifier: Apache-2.0
// This process's hold on its machine, and the way into a GPU's state: attach and detach (counted,
// and again after a fork), the machine's clock, and transactions on one GPU. Everything that NVML's
// entry points and vgpu_work do goes through here.
#ifndef VGPU_MACHINE_H
#define VGPU_MACHINE_H

#include "nvml_abi.h"
#include "state.h"

// Counted holds, for nvmlInit and nvmlShutdown.
nvmlReturn_t machine_hold(void);
nvmlReturn_t machine_release(void);

// For work, which sleeps: attaches for the rest of the process's life, if not attached already, and
// keeps the machine mapped until unpinned, whatever happens. NULL when there is no machine (and
// nothing to unpin).
struct machine_state *machine_pin(void);
void machine_unpin(void);

// Between enter and leave the machine stays mapped. NULL (and nothing to leave) when NVML is not
// initialised, or the machine of a forked child cannot be joined.
struct machine_state *machine_enter(void);
// The same for vgpu's own functions: attaches by itself, and stays, when nobody has initialised
// NVML.
struct machine_state *machine_visit(void);
void machine_leave(void);
bool machine_is_initialised(void);
// False when the driver has been unloaded since this process last held the machine. Between enter
// and leave.
bool machine_driver_is_ours(const struct machine_state *machine);

// 1 when the machine ends with this process: nobody else is attached and no state file keeps it;
// else 0. Negative when there is no machine.
int machine_ends_with_us(void);

int64_t machine_now_ns(const struct machine_state *machine);
// CLOCK_MONOTONIC nanoseconds at which the machine's clock will read machine_ns.
int64_t machine_real_ns(const struct machine_state *machine, int64_t machine_ns);
int64_t machine_monotonic_ns(void);

// Locks a GPU, lets time pass up to now, and gives a copy of its state to read or change. NULL when
// the lock is beyond repair. commit makes the copy true and wakes those whose work it concerns.
struct gpu_core *machine_begin(struct machine_state *machine, unsigned index);
void machine_commit(struct gpu_state *gpu);

// This process in a GPU's books.
int32_t machine_own_pid(void);
uint64_t machine_own_start_ticks(void);

#endif
