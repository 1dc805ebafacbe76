/* SPDX-License-Identifier: Apache-2.0
 *
 * Other users of the run's GPUs.
 */
#include "run/job/sharing.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/process/descent.h"

/* The inode of the first PID namespace is fixed in the kernel (PROC_PID_INIT_INO). */
static bool in_pid_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != 0xEFFFFFFCu;
}

static bool is_visible(uint32_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%u", pid);
    return access(path, F_OK) == 0;
}

static bool was_before(const struct sharing *sharing, uint32_t pid)
{
    for (unsigned i = 0; i < sharing->before_count; i++)
        if (sharing->before[i] == pid)
            return true;
    return false;
}

void sharing_begin(struct sharing *sharing, const struct live_meter *meter)
{
    uint32_t pids[SHARING_PIDS];
    unsigned count;
    sharing->before_count = 0;
    for (unsigned i = 0; i < live_meter_gpu_count(meter); i++) {
        if (live_meter_processes(meter, i, pids, SHARING_PIDS, &count))
            continue;
        for (unsigned k = 0; k < count && k < SHARING_PIDS && sharing->before_count < SHARING_PIDS;
             k++)
            sharing->before[sharing->before_count++] = pids[k];
    }
}

static bool is_stranger(const struct sharing *sharing, uint32_t pid)
{
    if (is_visible(pid))
        return !descent_is_ours((pid_t)pid);
    if (in_pid_namespace())
        return was_before(sharing, pid);
    return false; /* ended between the driver's answer and now */
}

bool sharing_stranger(const struct sharing *sharing, const struct live_meter *meter, uint32_t *pid,
                      unsigned *index)
{
    uint32_t pids[SHARING_PIDS],
        ours = 0; /* one process often uses all GPUs: it is looked up once */
    unsigned count;
    for (unsigned i = 0; i < live_meter_gpu_count(meter); i++) {
        if (live_meter_processes(meter, i, pids, SHARING_PIDS, &count))
            continue;
        for (unsigned k = 0; k < count && k < SHARING_PIDS; ours = pids[k++])
            if (pids[k] != ours && is_stranger(sharing, pids[k])) {
                *pid = pids[k];
                *index = live_meter_device(meter, i)->index;
                return true;
            }
    }
    return false;
}
