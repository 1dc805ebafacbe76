// SPDX-License-Identifier: Apache-2.0
// Files of machines. One per (user, SPEC) in $XDG_RUNTIME_DIR/wattune-vgpu or
// /dev/shm/wattune-vgpu-UID; one per machine file, for all users, in /dev/shm/wattune-vgpu-shared
// when its mode lets others in; or the machine file's own state file. The folder is locked (flock,
// by a descriptor of its own, released only by closing it: LOCK_UN would also release a lock that
// a forked child shares) while a machine is made, joined or removed. The next process that attaches
// sweeps the files of killed ones. A user who may open a machine may also break it: a mode that
// lets others in trusts them.
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sensor.h"
#include "timeline.h"

#define MAGIC 0x5550475654544157ULL // "WATTVGPU" in memory
#define SUFFIX ".machine"
#define SHARED_FOLDER "/dev/shm/wattune-vgpu-shared"

static uint64_t digest(uint64_t hash, const void *data, size_t len) // FNV-1a
{
    for (const unsigned char *byte = data; len > 0; len--, byte++)
        hash = (hash ^ *byte) * 0x100000001b3ULL;
    return hash;
}

#define DIGEST_START 0xcbf29ce484222325ULL

static void read_boot_id(char *id, size_t len)
{
    memset(id, 0, len);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, id, len - 1);
    id[got > 36 ? 36 : got < 0 ? 0 : got] = '\0';
    close(fd);
}

// Digest of the SPEC that a kept machine must match. Field by field: padding has no meaning.
static uint64_t config_of(const struct spec *spec)
{
    uint64_t hash = digest(DIGEST_START, spec->identity, strlen(spec->identity));
    hash = digest(hash, &spec->seed, sizeof spec->seed);
    hash = digest(hash, &spec->time_scale, sizeof spec->time_scale);
    for (unsigned i = 0; i < spec->gpu_count; i++) {
        hash = digest(hash, &spec->gpus[i].model, sizeof spec->gpus[i].model);
        hash = digest(hash, spec->gpus[i].uuid, strlen(spec->gpus[i].uuid));
    }
    return hash;
}

static size_t size_of(unsigned gpu_count)
{
    return sizeof(struct machine_state) + gpu_count * sizeof(struct gpu_state);
}

// ---- setting a machine up

static void name_gpu(const struct spec *spec, unsigned index, char *uuid)
{
    if (spec->gpus[index].uuid[0]) {
        memcpy(uuid, spec->gpus[index].uuid, SPEC_UUID_LEN + 1);
        return;
    }
    uint64_t hash = digest(DIGEST_START, spec->identity, strlen(spec->identity));
    hash = digest(hash, &spec->owner, sizeof spec->owner);
    hash = digest(hash, &spec->seed, sizeof spec->seed);
    hash = digest(hash, &index, sizeof index);
    uint64_t half[2];
    for (unsigned i = 0; i < 2; i++)
        half[i] = (uint64_t)(sensor_random(hash, 2 * i) * 0x1p32) << 32 |
                  (uint64_t)(sensor_random(hash, 2 * i + 1) * 0x1p32);
    snprintf(uuid, SPEC_UUID_LEN + 1, "GPU-%08x-%04x-%04x-%04x-%012llx", (unsigned)(half[0] >> 32),
             (unsigned)(half[0] >> 16 & 0xffff), (unsigned)(half[0] & 0xffff),
             (unsigned)(half[1] >> 48), (unsigned long long)(half[1] & 0xffffffffffffULL));
}

static int make_lock(struct gpu_state *gpu)
{
    pthread_mutexattr_t attr;
    int error = pthread_mutexattr_init(&attr);
    if (error)
        return -error;
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    error = pthread_mutex_init(&gpu->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return -error;
}

// There is one driver for all GPUs: when one loses it, every other does.
static void share_unloads(struct gpu_fixed *fixed, const struct spec *spec, unsigned own)
{
    for (unsigned i = 0; i < spec->gpu_count; i++)
        for (uint32_t k = 0; i != own && k < spec->gpus[i].fault_count; k++)
            if (spec->gpus[i].faults[k].kind == FAULT_UNLOAD && fixed->fault_count < STATE_FAULTS)
                fixed->faults[fixed->fault_count++] = spec->gpus[i].faults[k];
}

static int set_up(struct machine_state *machine, const struct spec *spec)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    machine->version = STATE_VERSION;
    machine->gpu_count = spec->gpu_count;
    machine->size = size_of(spec->gpu_count);
    machine->config = config_of(spec);
    read_boot_id(machine->boot_id, sizeof machine->boot_id);
    machine->birth_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    machine->time_scale = spec->time_scale;
    machine->user_may_set = spec->user_may_set;
    machine->real_latency = spec->real_latency;
    for (unsigned i = 0; i < spec->gpu_count; i++) {
        struct gpu_state *gpu = &machine->gpus[i];
        gpu->fixed.model = spec->gpus[i].model;
        gpu->fixed.start_ns = machine->birth_ns;
        gpu->fixed.fault_count = spec->gpus[i].fault_count;
        memcpy(gpu->fixed.faults, spec->gpus[i].faults, sizeof spec->gpus[i].faults);
        share_unloads(&gpu->fixed, spec, i);
        name_gpu(spec, i, gpu->fixed.uuid);
        sensor_draw(&gpu->fixed, spec->seed, i);
        gpu->cores[0].limit_mw = spec->gpus[i].limit_mw;
        timeline_begin(gpu, &gpu->cores[0], machine->birth_ns);
        int error = make_lock(gpu);
        if (error)
            return error;
    }
    machine->magic = MAGIC; // last: a half-made machine is no machine
    return 0;
}

// A kept machine whose processes are all gone: their work is gone too, and so is any lock they
// held.
static bool nobody_lives(int32_t pid, uint64_t start_ticks)
{
    (void)pid;
    (void)start_ticks;
    return false;
}

static int adopt(struct machine_state *machine)
{
    for (unsigned i = 0; i < machine->gpu_count; i++) {
        struct gpu_state *gpu = &machine->gpus[i];
        timeline_reap(gpu, &gpu->cores[gpu->active & 1], nobody_lives);
        int error = make_lock(gpu);
        if (error)
            return error;
    }
    return 0;
}

// ---- files

static int open_private_folder(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
        close(fd);
        return -EPERM;
    }
    return fd;
}

static int open_shared_folder(const char *path)
{
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat status;
    if (made && fchmod(fd, 01777) != 0) // mkdir's mode is subject to the umask
        goto refuse;
    if (fstat(fd, &status) == 0 && (status.st_mode & 01777) == 01777)
        return fd;
refuse:
    close(fd);
    return -EPERM;
}

static int open_folder(const struct spec *spec, struct store *store)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (spec->state_path[0]) {
        const char *slash = strrchr(spec->state_path, '/');
        snprintf(store->folder, sizeof store->folder, "%.*s", (int)(slash - spec->state_path) + 1,
                 spec->state_path);
        int fd = open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    if (spec->is_file && (spec->mode & 077) != 0) {
        snprintf(store->folder, sizeof store->folder, "%s", SHARED_FOLDER);
        return open_shared_folder(store->folder);
    }
    if (runtime && runtime[0] == '/' && strlen(runtime) < PATH_MAX - 32) {
        snprintf(store->folder, sizeof store->folder, "%s/wattune-vgpu", runtime);
        int fd = open_private_folder(store->folder);
        if (fd >= 0) // else it is stale or somebody else's, as after sudo
            return fd;
    }
    snprintf(store->folder, sizeof store->folder, "/dev/shm/wattune-vgpu-%u", (unsigned)geteuid());
    return open_private_folder(store->folder);
}

static int lock_file(int fd, int operation)
{
    int result;
    do
        result = flock(fd, operation);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

static int write_name(const struct spec *spec, struct store *store)
{
    if (spec->state_path[0]) {
        const char *name = strrchr(spec->state_path, '/') + 1;
        if (strlen(name) == 0 || strlen(name) > NAME_MAX)
            return -EINVAL;
        strcpy(store->name, name);
        store->outlives = true;
        return 0;
    }
    // Two digests, so that two SPECs do not meet by chance; the user is in the folder, except when
    // shared.
    uint64_t hash = digest(DIGEST_START, spec->identity, strlen(spec->identity));
    uint64_t other = digest(~DIGEST_START, spec->identity, strlen(spec->identity));
    snprintf(store->name, sizeof store->name, "%016llx%016llx" SUFFIX, (unsigned long long)hash,
             (unsigned long long)other);
    return 0;
}

static void sweep(int folder_fd, const char *own_name)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name), suffix_len = sizeof SUFFIX - 1;
        if (len <= suffix_len || strcmp(entry->d_name + len - suffix_len, SUFFIX) != 0 ||
            strcmp(entry->d_name, own_name) == 0)
            continue;
        int leftover =
            openat(folder_fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (leftover < 0)
            continue;
        if (lock_file(leftover, LOCK_EX | LOCK_NB) == 0)
            unlinkat(folder_fd, entry->d_name,
                     0); // in a shared folder it may be another user's: then it stays
        close(leftover);
    }
    closedir(dir);
}

static bool is_sound(const struct machine_state *machine, size_t size)
{
    if (machine->gpu_count == 0 || machine->gpu_count > SPEC_MAX_GPUS || machine->size != size ||
        size != size_of(machine->gpu_count))
        return false;
    for (unsigned i = 0; i < machine->gpu_count; i++)
        if (!model_at(machine->gpus[i].fixed.model))
            return false;
    return true;
}

static int map_file(struct store *store, size_t size)
{
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, store->fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    store->machine = map;
    return 0;
}

static int create(int folder_fd, const struct spec *spec, struct store *store)
{
    size_t size = size_of(spec->gpu_count);
    store->fd =
        openat(folder_fd, store->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (store->fd < 0)
        return -errno;
    // Allocated now: a page missing later, on a full /dev/shm, would be a SIGBUS in the middle of
    // training.
    int error = -posix_fallocate(store->fd, 0, (off_t)size);
    if (!error && spec->mode != 0600 && fchmod(store->fd, spec->mode) != 0)
        error = -errno;
    if (!error)
        error = map_file(store, size);
    if (!error)
        error = set_up(store->machine, spec);
    if (!error)
        error = lock_file(store->fd, LOCK_SH);
    if (error)
        unlinkat(folder_fd, store->name, 0);
    return error;
}

enum found { FOUND_SOUND, FOUND_STALE, FOUND_FOREIGN };

// The file under our name. Maps it when it is sound.
static enum found examine(struct store *store)
{
    struct stat status;
    if (fstat(store->fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1)
        return FOUND_FOREIGN;
    size_t size = (size_t)status.st_size;
    if (size == 0)
        return FOUND_STALE;
    uint64_t head[2] = {0};
    if (pread(store->fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
        (head[0] != MAGIC && head[0] != 0))
        return FOUND_FOREIGN;
    if (head[0] == 0 || (uint32_t)head[1] != STATE_VERSION || size < size_of(1))
        return FOUND_STALE;
    if (map_file(store, size) != 0)
        return FOUND_STALE;
    if (is_sound(store->machine, size))
        return FOUND_SOUND;
    munmap(store->machine, size);
    store->machine = NULL;
    return FOUND_STALE;
}

static bool is_kept(const struct spec *spec, const struct store *store)
{
    char boot_id[sizeof store->machine->boot_id];
    read_boot_id(boot_id, sizeof boot_id);
    // Another boot: a real card's driver has forgotten everything by now, and so has this one.
    return store->outlives && store->machine->config == config_of(spec) &&
           memcmp(boot_id, store->machine->boot_id, sizeof boot_id) == 0;
}

static int join_or_create(int folder_fd, const struct spec *spec, struct store *store)
{
    store->fd = openat(folder_fd, store->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (store->fd < 0)
        return errno == ENOENT ? create(folder_fd, spec, store) : -errno;
    bool alone = lock_file(store->fd, LOCK_EX | LOCK_NB) == 0;
    enum found found = examine(store);
    if (found == FOUND_FOREIGN)
        return -EBADMSG;
    if (!alone)
        return found == FOUND_SOUND ? lock_file(store->fd, LOCK_SH) : -EPROTO;
    if (found == FOUND_SOUND && is_kept(spec, store)) {
        int error = adopt(store->machine);
        return error ? error : lock_file(store->fd, LOCK_SH);
    }
    if (store->machine)
        munmap(store->machine, store->machine->size);
    store->machine = NULL;
    if (unlinkat(folder_fd, store->name, 0) != 0)
        return -errno;
    close(store->fd);
    return create(folder_fd, spec, store);
}

int store_open(const struct spec *spec, struct store *store)
{
    *store = (struct store){.fd = -1};
    int folder_fd = open_folder(spec, store);
    if (folder_fd < 0)
        return folder_fd;
    struct stat status;
    int error = write_name(spec, store);
    if (!error)
        error = lock_file(folder_fd, LOCK_EX);
    if (!error && !store->outlives)
        sweep(folder_fd, store->name);
    if (!error)
        error = join_or_create(folder_fd, spec, store);
    if (!error && fstat(store->fd, &status) != 0)
        error = -errno;
    if (error) {
        store_forget(store);
    } else {
        store->device = status.st_dev;
        store->inode = status.st_ino;
    }
    close(folder_fd);
    return error;
}

static bool still_ours(const struct store *store)
{
    struct stat status;
    return store->fd >= 0 && fstat(store->fd, &status) == 0 && status.st_dev == store->device &&
           status.st_ino == store->inode;
}

void store_close(struct store *store, bool unmap)
{
    if (still_ours(store)) {
        int folder_fd = open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd >= 0) {
            // The exclusive lock is had only when nobody else is attached.
            if (lock_file(folder_fd, LOCK_EX) == 0 && !store->outlives &&
                lock_file(store->fd, LOCK_EX | LOCK_NB) == 0)
                unlinkat(folder_fd, store->name, 0);
            close(store->fd);
            close(folder_fd);
        } else {
            close(store->fd);
        }
    }
    if (unmap && store->machine)
        munmap(store->machine, store->machine->size);
    *store = (struct store){.fd = -1};
}

bool store_is_alone(struct store *store)
{
    int folder_fd =
        still_ours(store) ? open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder_fd < 0)
        return false;
    bool alone = false;
    // Trying for the exclusive lock may lose the shared one. While the folder is locked nobody can
    // make use of that: attaching, leaving and sweeping all wait for it.
    if (lock_file(folder_fd, LOCK_EX) == 0) {
        alone = lock_file(store->fd, LOCK_EX | LOCK_NB) == 0;
        lock_file(store->fd, LOCK_SH);
    }
    close(folder_fd);
    return alone;
}

void store_forget(struct store *store)
{
    if (store->inode == 0 ? store->fd >= 0 : still_ours(store))
        close(store->fd);
    if (store->machine)
        munmap(store->machine, store->machine->size);
    *store = (struct store){.fd = -1};
}
