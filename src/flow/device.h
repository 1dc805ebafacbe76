/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices: their identity, the settings they allow, and their state besides energy.  Nouns only: no
 * functions, no pointers to storage that must be freed.  Integers inside, SI at the edge: energy in
 * millijoules, power in milliwatts, time in nanoseconds of base/clock.h.
 */
#ifndef WATTUNE_FLOW_DEVICE_H
#define WATTUNE_FLOW_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    WT_MAX_DEVICES = 64, /* more GPUs than any node has; bounds every array indexed by device */
    WT_UUID_LEN = 96,
    WT_NAME_LEN = 96,
};

enum wt_device_kind { WT_DEVICE_GPU, WT_DEVICE_CPU, WT_DEVICE_DRAM };

/* device: its identity and its limits.  Unknown limits are 0. */
struct wt_device {
    enum wt_device_kind kind;
    unsigned index; /* physical, in PCI order */
    char uuid[WT_UUID_LEN];
    char name[WT_NAME_LEN];
    char pci_address[32];
    bool has_energy_counter;
    int64_t counter_tick_ns; /* nominal period in which the counter moves */
    /* For devices without a counter: a power reading changes every tick and is a mean over the
     * window that ended at the last one.  power_tick_ns is 0 when there is nothing to integrate. */
    int64_t power_tick_ns, power_window_ns;
    uint32_t power_resolution_mw; /* readings are multiples of it; 0: not known */
    bool replayed;                /* from a recording */
    uint32_t limit_min_mw, limit_max_mw, limit_default_mw;
    uint32_t most_mw; /* its sensor never shows more than this for long; 0: not known */
    /* calibration: how far gain and offset may be off, of a reading; 0: not known */
    uint32_t sensor_error_ppm;
};

/* state: a device's report of itself besides energy.  Bits in `known` tell which fields hold a
 * value. */
enum wt_state_field {
    WT_STATE_POWER = 1 << 0,
    WT_STATE_LIMIT = 1 << 1,
    WT_STATE_ENFORCED = 1 << 2,
    WT_STATE_TEMPERATURE = 1 << 3,
    WT_STATE_UTILIZATION = 1 << 4,
    WT_STATE_SM_CLOCK = 1 << 5,
    WT_STATE_MEMORY = 1 << 6,
    WT_STATE_THROTTLE = 1 << 7,
    WT_STATE_ENERGY = 1 << 8,
};

enum wt_throttle { /* in the order of their names in `monitor --json` */
                   WT_THROTTLE_SW_POWER_CAP = 1 << 0,
                   WT_THROTTLE_HW_SLOWDOWN = 1 << 1,
                   WT_THROTTLE_SW_THERMAL = 1 << 2,
                   WT_THROTTLE_HW_THERMAL = 1 << 3,
                   WT_THROTTLE_HW_POWER_BRAKE = 1 << 4,
                   WT_THROTTLE_SYNC_BOOST = 1 << 5,
};

struct wt_state {
    int64_t t_ns;
    unsigned known; /* enum wt_state_field */
    uint32_t power_mw, limit_mw, enforced_limit_mw;
    int32_t temperature_c;
    uint32_t utilization_percent, sm_clock_mhz;
    uint64_t memory_used_bytes;
    uint64_t energy_mj; /* the driver's counter, raw */
    unsigned throttle;  /* enum wt_throttle */
};

#endif
