/* SPDX-License-Identifier: Apache-2.0
 *
 * The training's end of the channel.  The first call of a process opens the file, the first call of
 * a thread takes a slot; after that a step is a clock reading (vDSO) and four stores.
 *
 * fork() leaves the child with its parent's slot, and two writers of one slot would lose steps.
 * Asking getpid() at each step would be a system call, and a fork handler cannot be taken back when
 * the library is unloaded.  So the process keeps its pid in a page that the kernel wipes in the
 * child (MADV_WIPEONFORK): a zero there means "take a slot of your own".
 */
#include "measure/progress/channel_writer.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "measure/progress/channel_layout.h"

enum { UNKNOWN, OFF, ON };

static atomic_int state;
static _Atomic(struct channel_file *) channel;
static _Atomic(_Atomic uint32_t *)
    own_pid; /* the page that a fork wipes; NULL when the kernel cannot */

/* initial-exec: an offset from the thread's base instead of a call into the loader at each step.
 * Libraries that are loaded late (from Python) draw it from a reserve that glibc keeps; 16 bytes
 * are little of it. */
#define PER_THREAD static _Thread_local __attribute__((tls_model("initial-exec")))
PER_THREAD struct channel_slot *my_slot;
PER_THREAD uint32_t my_slot_pid;

/* Maps the channel's file, NULL when it is not one.  The size is checked first: a page beyond the
 * end of a file that is too short would kill the training. */
static struct channel_file *map_file(const char *path)
{
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    struct stat st;
    struct channel_file *file = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        st.st_size == (off_t)sizeof *file) {
        void *bytes = mmap(NULL, sizeof *file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        file = bytes == MAP_FAILED ? NULL : bytes;
    }
    close(fd);
    if (file && (file->header.magic != CHANNEL_MAGIC || file->header.version != CHANNEL_VERSION ||
                 file->header.slot_count != CHANNEL_SLOTS)) {
        munmap(file, sizeof *file);
        file = NULL;
    }
    return file;
}

static void make_own_pid(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    _Atomic uint32_t *none = NULL;
    if (madvise(page, size, MADV_WIPEONFORK) ||
        !atomic_compare_exchange_strong(&own_pid, &none, page))
        munmap(page, size);
}

/* Threads may come here together: each maps, one wins, the others unmap theirs. */
static bool attach(void)
{
    /* secure_getenv: a set-user-id program does not write where its caller says. */
    const char *path = secure_getenv(CHANNEL_ENV);
    struct channel_file *file = path && path[0] == '/' ? map_file(path) : NULL;
    if (!file) {
        int unknown = UNKNOWN;
        atomic_compare_exchange_strong(&state, &unknown, OFF);
        return atomic_load(&state) == ON;
    }
    make_own_pid();
    struct channel_file *none = NULL;
    if (!atomic_compare_exchange_strong(&channel, &none, file))
        munmap(file, sizeof *file);
    atomic_store_explicit(&state, ON, memory_order_release);
    return true;
}

/* The channel, NULL outside a run. */
static inline struct channel_file *attached(void)
{
    int now = atomic_load_explicit(&state, memory_order_acquire);
    if (__builtin_expect(now == OFF, 1) || (now == UNKNOWN && !attach()))
        return NULL;
    return atomic_load_explicit(&channel, memory_order_relaxed);
}

static struct channel_slot *claim(struct channel_file *file, uint32_t pid)
{
    uint32_t index = __atomic_load_n(&file->header.claimed, __ATOMIC_RELAXED);
    if (index < CHANNEL_SHARED_SLOT) /* asked first, so that the count cannot run round */
        index = __atomic_fetch_add(&file->header.claimed, 1, __ATOMIC_RELAXED);
    else
        __atomic_store_n(&file->header.claimed, CHANNEL_SLOTS, __ATOMIC_RELAXED);
    my_slot_pid = pid;
    my_slot = &file->slots[index < CHANNEL_SHARED_SLOT ? index : CHANNEL_SHARED_SLOT];
    int64_t none = 0, now_ns = clock_monotonic_ns();
    __atomic_compare_exchange_n(&my_slot->claimed_ns, &none, now_ns, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    if (index < CHANNEL_SHARED_SLOT)
        __atomic_store_n(&my_slot->pid, pid, __ATOMIC_RELEASE);
    return my_slot;
}

static inline struct channel_slot *slot_of_thread(struct channel_file *file)
{
    _Atomic uint32_t *kept = atomic_load_explicit(&own_pid, memory_order_relaxed);
    uint32_t pid = kept ? atomic_load_explicit(kept, memory_order_relaxed) : (uint32_t)getpid();
    if (__builtin_expect(pid == 0, 0)) {
        pid = (uint32_t)getpid();
        atomic_store_explicit(kept, pid, memory_order_relaxed);
    }
    return pid == my_slot_pid ? my_slot : claim(file, pid);
}

static inline bool shared(const struct channel_file *file, const struct channel_slot *slot)
{
    return slot == &file->slots[CHANNEL_SHARED_SLOT];
}

void channel_write_step(void)
{
    struct channel_file *file = attached();
    if (!file)
        return;
    struct channel_slot *slot = slot_of_thread(file);
    int64_t now_ns = clock_monotonic_ns();
    if (shared(file, slot)) {
        __atomic_fetch_add(&slot->steps, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&slot->last_ns, now_ns, __ATOMIC_RELAXED);
        return;
    }
    /* Release stores keep the order that a reader relies on: odd, values, even. */
    uint32_t sequence = slot->sequence;
    uint64_t steps = slot->steps;
    __atomic_store_n(&slot->sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->steps, steps + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->last_ns, now_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* Makes the epoch's sequence odd.  In the shared slot that is a lock between writers; one that died
 * holding it must not hang the others, so that after some tries they write all the same. */
static uint32_t begin_epoch(struct channel_slot *slot)
{
    for (int tries = 0;; tries++) {
        uint32_t sequence = __atomic_load_n(&slot->epoch_sequence, __ATOMIC_RELAXED);
        if (tries > 1000)
            return sequence | 1;
        if (!(sequence & 1) &&
            __atomic_compare_exchange_n(&slot->epoch_sequence, &sequence, sequence + 1, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return sequence + 1;
        sched_yield();
    }
}

void channel_write_epoch(const char *name, double value)
{
    struct channel_file *file = attached();
    if (!file)
        return;
    struct channel_slot *slot = slot_of_thread(file);
    uint64_t words[WT_METRIC_LEN / sizeof(uint64_t)] = {0};
    if (name)
        memcpy(words, name, strnlen(name, WT_METRIC_LEN - 1));
    double metric = name ? value : NAN;
    uint64_t metric_bits;
    memcpy(&metric_bits, &metric, sizeof metric_bits);
    uint32_t sequence = begin_epoch(slot);
    __atomic_fetch_add(&slot->epochs, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->epoch_ns, clock_monotonic_ns(), __ATOMIC_RELEASE);
    __atomic_store_n((uint64_t *)(void *)&slot->metric, metric_bits, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        __atomic_store_n((uint64_t *)(void *)slot->metric_name + i, words[i], __ATOMIC_RELEASE);
    __atomic_store_n(&slot->epoch_sequence, sequence + 1, __ATOMIC_RELEASE);
}

int channel_stop_requested(void)
{
    struct channel_file *file = attached();
    return file && __atomic_load_n(&file->header.stop, __ATOMIC_RELAXED) != 0;
}
