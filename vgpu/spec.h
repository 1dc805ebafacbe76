// SPDX-License-Identifier: Apache-2.0
// From a SPEC (models, counts, or a machine file) to the description of a machine. Owns both
// grammars and their error messages; knows nothing of shared memory, time or NVML.
#ifndef VGPU_SPEC_H
#define VGPU_SPEC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "models.h"

enum { SPEC_MAX_GPUS = 64, SPEC_MAX_FAULTS = 16, SPEC_UUID_LEN = 40, SPEC_FUNCTION_LEN = 64 };

// clang-format off
enum fault_kind {
    FAULT_LOST, FAULT_NO_PERMISSION, FAULT_UNSUPPORTED, FAULT_ENERGY_FROZEN, FAULT_ENERGY_RESET,
    FAULT_POWER_STUCK, FAULT_SLOW, FAULT_FAIL_CALL, FAULT_LIMIT_IGNORED, FAULT_ENFORCED_W, FAULT_THERMAL,
    FAULT_UNLOAD,
};
// clang-format on

// One planned misfortune. value is seconds, watts or a count, by kind; function is of
// FAULT_UNSUPPORTED.
struct fault {
    enum fault_kind kind;
    double value;
    int64_t at_ns; // after the machine's start, on its clock
    char function[SPEC_FUNCTION_LEN];
};

struct spec_gpu {
    uint32_t model; // position in the table of models
    uint32_t limit_mw;
    char uuid[SPEC_UUID_LEN + 1]; // empty: made up from the machine's identity
    uint32_t fault_count;
    struct fault faults[SPEC_MAX_FAULTS];
};

struct spec {
    char identity[PATH_MAX];   // canonical: two SPECs of one identity are the same machine
    char state_path[PATH_MAX]; // empty: the machine lives no longer than its processes
    bool is_file;
    uid_t owner; // of the machine file, or the caller
    uint64_t seed;
    bool user_may_set, real_latency;
    unsigned mode;
    double time_scale;
    unsigned gpu_count;
    struct spec_gpu gpus[SPEC_MAX_GPUS];
};

// Parses text, NULL or empty meaning the default machine. 0, or -EINVAL with one sentence in
// message.
int spec_parse(const char *text, struct spec *spec, char *message, size_t message_len);

#endif
