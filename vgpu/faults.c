// SPDX-License-Identifier: Apache-2.0
// The plan never changes, so none of these queries needs a lock.
#include "faults.h"

static int64_t begin_ns(const struct gpu_state *gpu, const struct fault *fault)
{
    return gpu->fixed.start_ns + fault->at_ns;
}

static int64_t end_ns(const struct gpu_state *gpu, const struct fault *fault)
{
    return fault->kind == FAULT_THERMAL ? begin_ns(gpu, fault) + FAULT_THERMAL_NS : INT64_MAX;
}

const struct fault *faults_in_force(const struct gpu_state *gpu, enum fault_kind kind,
                                    int64_t now_ns)
{
    const struct fault *latest = NULL;
    for (uint32_t i = 0; i < gpu->fixed.fault_count; i++) {
        const struct fault *fault = &gpu->fixed.faults[i];
        if (fault->kind == kind && begin_ns(gpu, fault) <= now_ns && now_ns < end_ns(gpu, fault) &&
            (!latest || fault->at_ns >= latest->at_ns))
            latest = fault;
    }
    return latest;
}

int64_t faults_next_ns(const struct gpu_state *gpu, int64_t from_ns)
{
    int64_t next_ns = INT64_MAX;
    for (uint32_t i = 0; i < gpu->fixed.fault_count; i++) {
        int64_t at_ns = begin_ns(gpu, &gpu->fixed.faults[i]);
        if (at_ns < from_ns)
            at_ns = end_ns(gpu, &gpu->fixed.faults[i]);
        if (at_ns >= from_ns && at_ns < next_ns)
            next_ns = at_ns;
    }
    return next_ns;
}

bool faults_begin_at(const struct gpu_state *gpu, enum fault_kind kind, int64_t t_ns)
{
    for (uint32_t i = 0; i < gpu->fixed.fault_count; i++)
        if (gpu->fixed.faults[i].kind == kind && begin_ns(gpu, &gpu->fixed.faults[i]) == t_ns)
            return true;
    return false;
}

unsigned faults_begun(const struct gpu_state *gpu, enum fault_kind kind, int64_t now_ns)
{
    unsigned begun = 0;
    for (uint32_t i = 0; i < gpu->fixed.fault_count; i++)
        begun +=
            gpu->fixed.faults[i].kind == kind && begin_ns(gpu, &gpu->fixed.faults[i]) <= now_ns;
    return begun;
}
