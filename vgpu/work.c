// SPDX-License-Identifier: Apache-2.0
// The virtual GPU's own door (vgpu.h): work that takes its time, the machine's clock, the true
// energy. A worker sleeps on its GPU's generation word until the moment its work is predicted to
// end, and predicts anew when somebody changes the rates; it costs microseconds of processor time,
// not the length of the work.
#include "vgpu.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <math.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "machine.h"
#include "sensor.h"
#include "timeline.h"

// A sharer may be killed without anybody noticing; then the others are faster than they thought.
#define LONGEST_SLEEP_NS 250000000LL

static bool in_range(double x, double low, double high)
{
    return x >= low && x <= high; // false for NaN
}

static void sleep_until(struct gpu_state *gpu, uint32_t generation, int64_t real_ns)
{
    int64_t latest_ns = machine_monotonic_ns() + LONGEST_SLEEP_NS;
    if (real_ns > latest_ns)
        real_ns = latest_ns;
    struct timespec until = {.tv_sec = real_ns / 1000000000, .tv_nsec = real_ns % 1000000000};
    // Steps can be as short as a millisecond; the usual slack of 50 us would be 5 % of that.
    int slack_ns = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    if (slack_ns > 1)
        prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    syscall(SYS_futex, &gpu->generation, FUTEX_WAIT_BITSET, generation, &until, NULL,
            FUTEX_BITSET_MATCH_ANY);
    if (slack_ns > 1)
        prctl(PR_SET_TIMERSLACK, (unsigned long)slack_ns, 0, 0, 0);
}

// One look at the item: collected when done, else when to look again. True when it is over; *result
// is -EIO when it was lost with its GPU or driver.
static bool look_again(struct machine_state *machine, unsigned index, unsigned slot, uint64_t id,
                       int *result)
{
    struct gpu_state *gpu = &machine->gpus[index];
    struct gpu_core *core = machine_begin(machine, index);
    if (!core) {
        *result = -EIO;
        return true;
    }
    const struct work_item *item = &core->items[slot];
    bool gone = item->id != id || item->phase == WORK_FREE, over = gone || item->phase == WORK_DONE;
    int64_t end_ns = core->now_ns;
    if (gone)
        *result = -EIO;
    else if (over)
        timeline_collect(core, slot, id);
    else
        end_ns = timeline_predict(core, slot, id);
    int64_t fault_ns =
        faults_next_ns(gpu, core->faults_ns); // rates change there, and nobody wakes us
    if (fault_ns < end_ns)
        end_ns = fault_ns;
    // Read under the lock: a change after this wakes us, or keeps us from falling asleep.
    uint32_t generation = atomic_load(&gpu->generation) + (core->changed != 0);
    machine_commit(gpu);
    if (!over)
        sleep_until(gpu, generation, machine_real_ns(machine, end_ns));
    return over;
}

static int work(struct machine_state *machine, unsigned gpu, double full_clock_s,
                double full_clock_w, double clock_share, double host_share)
{
    struct gpu_core *core = gpu < machine->gpu_count ? machine_begin(machine, gpu) : NULL;
    if (!core)
        return -ENODEV;
    int slot = timeline_add(&machine->gpus[gpu], core, machine_own_pid(), machine_own_start_ticks(),
                            full_clock_s, full_clock_w, clock_share, host_share);
    uint64_t id = core->next_id;
    machine_commit(&machine->gpus[gpu]);
    if (slot < 0)
        return slot;
    int result = 0;
    while (!look_again(machine, gpu, (unsigned)slot, id, &result))
        ;
    return result;
}

VGPU_API int vgpu_work(unsigned gpu, double full_clock_s, double full_clock_w, double clock_share,
                       double host_share)
{
    if (!in_range(full_clock_s, 0, 1e6) || !in_range(full_clock_w, 0, 1e4) ||
        !in_range(clock_share, 0, 1) || !in_range(host_share, 0, 1))
        return -EINVAL;
    struct machine_state *machine = machine_pin();
    if (!machine)
        return -ENXIO;
    int result = work(machine, gpu, full_clock_s, full_clock_w, clock_share, host_share);
    machine_unpin();
    return result;
}

VGPU_API int64_t vgpu_now_ns(void)
{
    struct machine_state *machine = machine_visit();
    if (!machine)
        return machine_monotonic_ns();
    int64_t now_ns = machine_now_ns(machine);
    machine_leave();
    return now_ns;
}

VGPU_API double vgpu_true_energy_j(unsigned gpu)
{
    double energy_j = (double)NAN;
    struct machine_state *machine = machine_visit();
    if (!machine)
        return energy_j;
    struct gpu_core *core = gpu < machine->gpu_count ? machine_begin(machine, gpu) : NULL;
    if (core) {
        energy_j = sensor_true_energy_j(&machine->gpus[gpu], core);
        machine_commit(&machine->gpus[gpu]);
    }
    machine_leave();
    return energy_j;
}

VGPU_API int vgpu_ends_with_us(void)
{
    return machine_ends_with_us();
}

VGPU_API int vgpu_check_spec(const char *spec, char *message, size_t message_len)
{
    struct spec *parsed = malloc(sizeof *parsed);
    if (message_len > 0 && message)
        message[0] = '\0';
    if (!parsed)
        return -ENOMEM;
    int error = spec_parse(spec, parsed, message, message ? message_len : 0);
    free(parsed);
    return error;
}
