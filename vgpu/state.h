// SPDX-License-Identifier: Apache-2.0
// The machine in shared memory: one header and, per GPU, its constants, two copies of its state,
// and a ring of the energy's past. Plain numbers only, no pointers: every process maps it at an
// address of its own. Rule of the two copies: a writer changes the idle copy and makes it true by
// flipping `active`, one store; a process killed inside the lock leaves the machine as it was
// before.
#ifndef VGPU_STATE_H
#define VGPU_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "spec.h"

enum {
    STATE_VERSION = 2,
    STATE_ITEMS = 64,                   // pieces of work under way on one GPU
    STATE_CONTEXTS = 64,                // processes with a context on one GPU
    STATE_FAULTS = 2 * SPEC_MAX_FAULTS, // of one GPU: its own, and driver unloads planned on others
    STATE_RING = 4096,
    // One transaction can push this many breakpoints at most (each item ends twice, each context
    // once, and a few more); so many of the oldest are never read, because they may be half
    // overwritten.
    STATE_RING_SPARE = 512,
};

// Breakpoints closer than this are merged. Two per interval at worst: 3584 / 2 * 0.75 ms = 1.34 s
// of past, more than the longest window (1 s) and a tick (0.1 s).
#define STATE_COALESCE_NS 750000LL
#define STATE_CONTEXT_NS                                                                           \
    2000000000LL // how long a process counts as a user of the GPU after its last work

// The exact integrals at one moment; between two of them everything is linear.
struct breakpoint {
    int64_t t_ns;
    double energy_j;
    double busy_s;
};

enum work_phase { WORK_FREE, WORK_HOST, WORK_GPU, WORK_DONE };

struct work_item {
    uint64_t id;
    uint32_t phase;
    uint32_t context;
    double host_left_s;
    double gpu_left_s; // at full clock, alone on the GPU
    double full_clock_w, clock_share;
    double power_w, slowdown, clock_ratio; // under the limit in force
    uint32_t capped;
};

struct context {
    int32_t pid;          // 0: free
    uint32_t running;     // items whose thread has not come back yet
    uint64_t start_ticks; // of the process, from /proc: tells a reused pid
    int64_t first_ns, last_ns;
    double busy_s;
    double sample_busy_s; // busy_s at the last sample of utilisation
    double utilization;   // 0 to 1 over the last sample period
};

enum gpu_activity { GPU_IDLE, GPU_CONTEXT, GPU_HOST, GPU_BUSY };

// Rates that hold from `from` on, until the next event.
struct segment {
    struct breakpoint from;
    double power_w, busy_share;
    double clock_ratio, clock_share;
    double fast_k, slow_k; // heat of the two stages above the air
    double capped_s;       // time under the power limit's hold, up to `from`
    uint32_t activity, capped;
};

// The values that the sensor shows until its next tick.
struct latch {
    int64_t tick;
    uint64_t counter_mj;
    uint32_t usage_mw, average_mw, instant_mw;
    uint32_t utilization;
};

struct gpu_core {
    int64_t now_ns;  // everything up to here has happened
    uint64_t pushed; // breakpoints ever pushed
    uint64_t next_id;
    struct segment segment;
    struct latch latch;
    int64_t reaped_ns;     // last search for dead processes
    int64_t sampled_ns;    // last sample of the processes' utilisation
    int64_t faults_ns;     // planned faults before this moment have acted
    double counter_zero_j; // energy before the counter's last reset
    uint32_t limit_mw;
    uint32_t lock_min_mhz, lock_max_mhz; // 0: not locked
    uint32_t memory_lock_min_mhz, memory_lock_max_mhz;
    uint32_t application_sm_mhz, application_memory_mhz; // 0: default
    uint32_t persistence, accounting, compute_mode;
    uint32_t changed; // rates differ from those that sleepers know
    struct work_item items[STATE_ITEMS];
    struct context contexts[STATE_CONTEXTS];
};

// Never changes after creation.
struct gpu_fixed {
    uint32_t model;
    char uuid[SPEC_UUID_LEN + 1];
    double gain, offset_w;
    int64_t start_ns, phase_ns; // birth; of the ticks
    double counter_start_j;
    uint64_t noise_seed;
    uint32_t fault_count;
    struct fault faults[STATE_FAULTS];
};

struct gpu_state {
    struct gpu_fixed fixed;
    pthread_mutex_t lock;
    _Atomic uint32_t active;     // which core is true
    _Atomic uint32_t generation; // futex word of the threads that sleep through their work
    struct gpu_core cores[2];
    struct breakpoint ring[STATE_RING];
};

struct machine_state {
    uint64_t magic;
    uint32_t version, gpu_count;
    uint64_t size;
    uint64_t config; // digest of the SPEC it was made from
    char boot_id[40];
    int64_t birth_ns; // CLOCK_MONOTONIC; the machine's clock equals it then
    double time_scale;
    uint32_t user_may_set, real_latency;
    _Alignas(64) struct gpu_state gpus[];
};

#endif
