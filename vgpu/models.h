// SPDX-License-Identifier: Apache-2.0
// The virtual cards: one row per model, with everything that tells one from another - name and
// numbers a client asks for, limits, clocks, the power model's constants, the sensor's habits, the
// heat path. Numbers only: physics.c, timeline.c and sensor.c use them.
#ifndef VGPU_MODELS_H
#define VGPU_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vgpu_model {
    const char *key;  // its name in a SPEC
    const char *name; // its name in NVML
    const char *part_number;
    const char *vbios;
    unsigned architecture, brand, cuda_major, cuda_minor;
    unsigned pci_device_id, pci_subsystem_id;
    uint64_t memory_bytes, reserved_bytes;
    unsigned memory_bus_bits, cores, pcie_generation, pcie_width, fans;

    uint32_t min_limit_mw, max_limit_mw; // the default limit is the maximum

    // Model M3: power = static_w + (Pb - static_w) * (linear_share * phi + (1 - linear_share) *
    // phi^3).
    double static_w, min_clock_ratio, linear_share;
    double host_w; // while the host works, or a context waits: clocks up, nothing computed
    double idle_w; // no context at all

    unsigned sm_max_mhz, sm_min_mhz, sm_idle_mhz, sm_step_khz, memory_mhz, memory_idle_mhz,
        video_max_mhz;

    // The sensor: it latches every tick; a reading is the mean over a window that ends at the tick.
    int64_t tick_ns, usage_window_ns, average_window_ns,
        instant_window_ns; // average 0: not supported
    unsigned resolution_mw;
    bool energy_counter;

    // Heat: two RC stages in series with the air.
    double air_c, fast_k_per_w, slow_k_per_w, fast_s, slow_s;
    int slowdown_c, shutdown_c; // 0: the card reports margins instead
};

// The row of a SPEC's name, or NULL. The name need not end with NUL.
const struct vgpu_model *model_find(const char *key, size_t key_len);

// The name that a mistyped one is nearest to, or NULL.
const char *model_meant(const char *word, size_t word_len);
// Row by position, for loops; NULL past the end. A machine keeps the position in shared memory.
const struct vgpu_model *model_at(size_t position);
size_t model_position(const struct vgpu_model *model);

#endif
