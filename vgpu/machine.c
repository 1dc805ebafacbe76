// SPDX-License-Identifier: Apache-2.0
// One process's attachment. A read-write lock keeps the mapping in place while calls use it; a fork
// takes that lock, so that no child is born halfway through an attach. The child drops the
// inherited attachment at once: it is a process of its own, and attaches with its first call.
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "sensor.h"
#include "store.h"
#include "timeline.h"

#define REAP_NS                                                                                    \
    20000000LL // least time between two searches for dead processes: a few system calls each

// Writers first: with threads that read all the time, a fork or a shutdown would otherwise wait for
// ever.
static struct {
    pthread_rwlock_t lock;
    pthread_once_t watch_forks;
    struct store store;
    pid_t pid;
    uint64_t start_ticks;
    unsigned holds;
    unsigned unloads; // of the driver, when this process last held the machine
    _Atomic unsigned pins;
    bool attached, kept;
} own = {.lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP,
         .watch_forks = PTHREAD_ONCE_INIT};

// ---- processes

// Field 22 of /proc/PID/stat, and the state in field 3. The name in field 2 may hold anything, ')'
// included.
static bool read_process(int32_t pid, char *state, uint64_t *start_ticks)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0)
        return false;
    text[len] = '\0';
    char *field = strrchr(text, ')');
    unsigned long long ticks;
    if (!field ||
        sscanf(field + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
               state, &ticks) != 2)
        return false;
    *start_ticks = ticks;
    return true;
}

static bool is_alive(int32_t pid, uint64_t start_ticks)
{
    char state;
    uint64_t ticks;
    if (pid == own.pid)
        return start_ticks == own.start_ticks;
    if (kill(pid, 0) != 0 && errno == ESRCH)
        return false;
    // A killed process whose parent has not noticed is a zombie: it computes nothing.
    if (read_process(pid, &state, &ticks))
        return state != 'Z' && state != 'X' && ticks == start_ticks;
    return true; // /proc hides other users' processes on some machines
}

int32_t machine_own_pid(void)
{
    return own.pid;
}

uint64_t machine_own_start_ticks(void)
{
    return own.start_ticks;
}

// ---- attaching

static void before_fork(void)
{
    pthread_rwlock_wrlock(&own.lock);
}

static void after_fork_parent(void)
{
    pthread_rwlock_unlock(&own.lock);
}

static void after_fork_child(void)
{
    // Unlocked by its owner, then made anew: threads that waited for it do not exist here, their
    // marks do.
    pthread_rwlockattr_t attr;
    pthread_rwlock_unlock(&own.lock);
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&own.lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    if (own.attached)
        store_forget(&own.store);
    own.attached = false;
    own.pins = 0; // threads at work stayed behind
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

static nvmlReturn_t to_nvml(int error)
{
    switch (error) {
    case 0:
        return NVML_SUCCESS;
    case -EACCES:
    case -EPERM:
        return NVML_ERROR_NO_PERMISSION;
    case -ENOSPC:
    case -ENOMEM:
        return NVML_ERROR_MEMORY;
    case -EPROTO:
        return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    default:
        return NVML_ERROR_DRIVER_NOT_LOADED;
    }
}

// Called with the write lock.
static nvmlReturn_t attach(void)
{
    if (own.attached && own.pid == getpid())
        return NVML_SUCCESS;
    if (own.attached) // a clone without fork's handlers
        store_forget(&own.store);
    own.attached = false;
    pthread_once(&own.watch_forks, watch_forks);
    struct spec *spec = malloc(sizeof *spec); // too large for the stacks of small threads
    char message[256], state;
    if (!spec)
        return NVML_ERROR_MEMORY;
    int error = spec_parse(getenv("WATTUNE_VGPU"), spec, message, sizeof message);
    if (!error)
        error = store_open(spec, &own.store);
    free(spec);
    if (error)
        return to_nvml(error);
    own.attached = true;
    own.pid = getpid();
    if (!read_process(own.pid, &state, &own.start_ticks))
        own.start_ticks = 0;
    return NVML_SUCCESS;
}

static void detach_unless_wanted(void)
{
    if (!own.attached || own.holds > 0 || own.kept)
        return;
    store_close(&own.store, true);
    own.attached = false;
}

static unsigned unloads_of(const struct machine_state *machine)
{
    return faults_begun(&machine->gpus[0], FAULT_UNLOAD,
                        machine_now_ns(machine)); // all GPUs have the same
}

bool machine_driver_is_ours(const struct machine_state *machine)
{
    return unloads_of(machine) == own.unloads;
}

nvmlReturn_t machine_hold(void)
{
    pthread_rwlock_wrlock(&own.lock);
    nvmlReturn_t result = attach();
    if (result == NVML_SUCCESS) {
        own.holds++;
        own.unloads = unloads_of(own.store.machine);
    }
    pthread_rwlock_unlock(&own.lock);
    return result;
}

nvmlReturn_t machine_release(void)
{
    pthread_rwlock_wrlock(&own.lock);
    nvmlReturn_t result = own.holds > 0 ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
    if (own.holds > 0)
        own.holds--;
    detach_unless_wanted();
    pthread_rwlock_unlock(&own.lock);
    return result;
}

// Attaches for the rest of the process's life, or of the library's stay in it.
static int keep(void)
{
    pthread_rwlock_rdlock(&own.lock);
    bool ready = own.attached && own.kept && own.pid == getpid();
    pthread_rwlock_unlock(&own.lock);
    if (ready)
        return 0;
    pthread_rwlock_wrlock(&own.lock);
    nvmlReturn_t result = attach();
    if (result == NVML_SUCCESS)
        own.kept = true;
    pthread_rwlock_unlock(&own.lock);
    return result == NVML_SUCCESS ? 0 : -ENXIO;
}

struct machine_state *machine_pin(void)
{
    if (keep() != 0)
        return NULL;
    pthread_rwlock_rdlock(&own.lock);
    struct machine_state *machine = own.attached ? own.store.machine : NULL;
    own.pins += machine != NULL;
    pthread_rwlock_unlock(&own.lock);
    return machine;
}

void machine_unpin(void)
{
    own.pins--;
}

struct machine_state *machine_enter(void)
{
    for (;;) {
        pthread_rwlock_rdlock(&own.lock);
        if (own.holds > 0 && own.attached && own.pid == getpid())
            return own.store.machine;
        bool wanted = own.holds > 0;
        pthread_rwlock_unlock(&own.lock);
        if (!wanted)
            return NULL;
        pthread_rwlock_wrlock(&own.lock);
        nvmlReturn_t result = attach();
        pthread_rwlock_unlock(&own.lock);
        if (result != NVML_SUCCESS)
            return NULL;
    }
}

struct machine_state *machine_visit(void)
{
    for (;;) {
        pthread_rwlock_rdlock(&own.lock);
        if (own.attached && own.pid == getpid() && (own.holds > 0 || own.kept))
            return own.store.machine;
        pthread_rwlock_unlock(&own.lock);
        if (keep() != 0)
            return NULL;
    }
}

void machine_leave(void)
{
    pthread_rwlock_unlock(&own.lock);
}

bool machine_is_initialised(void)
{
    pthread_rwlock_rdlock(&own.lock);
    bool initialised = own.holds > 0;
    pthread_rwlock_unlock(&own.lock);
    return initialised;
}

int machine_ends_with_us(void)
{
    int result = -ENXIO;
    pthread_rwlock_wrlock(&own.lock);
    bool attached_here = own.attached && own.pid == getpid();
    if (attached_here || attach() == NVML_SUCCESS)
        result = !own.store.outlives && store_is_alone(&own.store);
    if (!attached_here)
        detach_unless_wanted();
    pthread_rwlock_unlock(&own.lock);
    return result;
}

// At exit, and when a program closes the library: the last one out removes the machine's file. At
// exit other threads may still be at work or inside a call: then the mapping stays for them.
__attribute__((destructor)) static void detach_at_end(void)
{
    bool quiet = pthread_rwlock_trywrlock(&own.lock) == 0;
    if (own.attached && own.pid == getpid())
        store_close(&own.store, quiet && own.pins == 0);
    own.attached = false;
    if (quiet)
        pthread_rwlock_unlock(&own.lock);
}

// ---- time

int64_t machine_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t machine_now_ns(const struct machine_state *machine)
{
    int64_t real_ns = machine_monotonic_ns();
    if (machine->time_scale == 1.0)
        return real_ns;
    return machine->birth_ns +
           (int64_t)((double)(real_ns - machine->birth_ns) * machine->time_scale);
}

int64_t machine_real_ns(const struct machine_state *machine, int64_t machine_ns)
{
    if (machine->time_scale == 1.0)
        return machine_ns;
    // One more: rounding must not wake a sleeper just before its moment.
    return machine->birth_ns +
           (int64_t)((double)(machine_ns - machine->birth_ns) / machine->time_scale) + 1;
}

// ---- transactions

struct gpu_core *machine_begin(struct machine_state *machine, unsigned index)
{
    struct gpu_state *gpu = &machine->gpus[index];
    int error = pthread_mutex_lock(&gpu->lock);
    if (error == EOWNERDEAD) // its owner was killed: its change was never committed
        error = pthread_mutex_consistent(&gpu->lock);
    if (error)
        return NULL;
    uint32_t active = atomic_load(&gpu->active) & 1;
    struct gpu_core *core = &gpu->cores[!active];
    *core = gpu->cores[active];
    core->changed = 0;
    timeline_advance(gpu, core, machine_now_ns(machine));
    int64_t real_ns = machine_monotonic_ns();
    if (real_ns - core->reaped_ns >= REAP_NS) {
        timeline_reap(gpu, core, is_alive);
        core->reaped_ns = real_ns;
    }
    return core;
}

void machine_commit(struct gpu_state *gpu)
{
    uint32_t next = !(atomic_load(&gpu->active) & 1);
    bool changed = gpu->cores[next].changed != 0;
    atomic_store(&gpu->active, next);
    if (changed)
        atomic_fetch_add(&gpu->generation, 1);
    pthread_mutex_unlock(&gpu->lock);
    if (changed)
        syscall(SYS_futex, &gpu->generation, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}
