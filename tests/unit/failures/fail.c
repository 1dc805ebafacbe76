/* SPDX-License-Identifier: Apache-2.0
 *
 * The n-th failing allocation or system call.  The wrapped functions stand in meson.build's list as
 * well.
 */
#include "fail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Atomic: the thread that supervises a command calls the wrapped functions as well. */
static _Atomic bool armed, happened;
static _Atomic enum fail_what kind;
static _Atomic unsigned long left;
static const char *_Atomic where = "nothing";
static _Atomic long blocks;

void fail_arm(enum fail_what what, unsigned long n)
{
    kind = what;
    left = n;
    happened = false;
    where = "nothing";
    armed = true;
}

bool fail_disarm(void)
{
    armed = false;
    return happened;
}

const char *fail_where(void)
{
    return where;
}

bool fail_now(enum fail_what what, const char *name)
{
    if (!armed || what != kind || left == 0 || atomic_fetch_sub(&left, 1) != 1)
        return false;
    happened = true;
    where = name;
    return true;
}

long fail_blocks(void)
{
    return blocks;
}

int fail_files(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

/* --- Memory --- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static bool no_memory(const char *name)
{
    if (!fail_now(FAIL_MEMORY, name))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *before, void *block)
{
    blocks += !before && block;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return no_memory("malloc") ? NULL : counted(NULL, __real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory("calloc") ? NULL : counted(NULL, __real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    return no_memory("realloc") ? NULL : counted(block, __real_realloc(block, size));
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    return no_memory("reallocarray") ? NULL
                                     : counted(block, __real_reallocarray(block, count, size));
}

char *__wrap_strdup(const char *text)
{
    return no_memory("strdup") ? NULL : counted(NULL, __real_strdup(text));
}

void __wrap_free(void *block)
{
    blocks -= block != NULL;
    __real_free(block);
}

void *fail_malloc(unsigned long size)
{
    return __wrap_malloc(size);
}

void fail_free(void *block)
{
    __wrap_free(block);
}

/* PCRE2 takes its memory from the C library; its constructors stand for it. */
struct pcre2_real_code_8;
struct pcre2_real_code_8 *__real_pcre2_compile_8(const unsigned char *, size_t, unsigned, int *,
                                                 size_t *, void *);
struct pcre2_real_code_8 *__wrap_pcre2_compile_8(const unsigned char *, size_t, unsigned, int *,
                                                 size_t *, void *);
void *__real_pcre2_match_context_create_8(void *);
void *__wrap_pcre2_match_context_create_8(void *);
void *__real_pcre2_match_data_create_from_pattern_8(const void *, void *);
void *__wrap_pcre2_match_data_create_from_pattern_8(const void *, void *);

struct pcre2_real_code_8 *__wrap_pcre2_compile_8(const unsigned char *text, size_t length,
                                                 unsigned options, int *code, size_t *offset,
                                                 void *context)
{
    enum { PCRE2_NO_MEMORY = 121 }; /* PCRE2_ERROR_HEAP_FAILED */
    if (!no_memory("pcre2_compile"))
        return __real_pcre2_compile_8(text, length, options, code, offset, context);
    *code = PCRE2_NO_MEMORY;
    *offset = 0;
    return NULL;
}

void *__wrap_pcre2_match_context_create_8(void *general)
{
    return no_memory("pcre2_match_context_create") ? NULL
                                                   : __real_pcre2_match_context_create_8(general);
}

void *__wrap_pcre2_match_data_create_from_pattern_8(const void *code, void *general)
{
    return no_memory("pcre2_match_data_create_from_pattern")
               ? NULL
               : __real_pcre2_match_data_create_from_pattern_8(code, general);
}

/* --- System calls --- */

static bool refused(const char *name, int error)
{
    if (!fail_now(FAIL_SYSTEM, name))
        return false;
    errno = error;
    return true;
}

static bool interrupted(const char *name)
{
    if (!fail_now(FAIL_INTERRUPT, name))
        return false;
    errno = EINTR;
    return true;
}

static size_t cut(const char *name, size_t size)
{
    return size > 1 && fail_now(FAIL_SHORT, name) ? size / 2 : size;
}

/* A function that fails with `error` or does its work. */
#define REFUSE(result, name, parameters, arguments, error)                                         \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        return refused(#name, error) ? (result)-1 : __real_##name arguments;                       \
    }

/* One that reads or writes: also interrupted, also by half. */
#define TRANSFER(name, parameters, arguments, error)                                               \
    ssize_t __real_##name parameters;                                                              \
    ssize_t __wrap_##name parameters;                                                              \
    ssize_t __wrap_##name parameters                                                               \
    {                                                                                              \
        if (refused(#name, error) || interrupted(#name))                                           \
            return -1;                                                                             \
        size = cut(#name, size);                                                                   \
        return __real_##name arguments;                                                            \
    }

TRANSFER(read, (int fd, void *bytes, size_t size), (fd, bytes, size), EIO)
TRANSFER(write, (int fd, const void *bytes, size_t size), (fd, bytes, size), ENOSPC)
TRANSFER(pread64, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at), EIO)
TRANSFER(pwrite64, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at),
         ENOSPC)
REFUSE(int, fsync, (int fd), (fd), EIO)
REFUSE(int, rename, (const char *from, const char *to), (from, to), ENOSPC)
REFUSE(int, mkdir, (const char *path, mode_t mode), (path, mode), ENOSPC)
REFUSE(int, unlink, (const char *path), (path), EIO)
REFUSE(int, flock, (int fd, int operation), (fd, operation), ENOLCK)
REFUSE(int, fchmod, (int fd, mode_t mode), (fd, mode), EIO)
REFUSE(ssize_t, getrandom, (void *bytes, size_t size, unsigned flags), (bytes, size, flags), ENOSYS)
REFUSE(int, ftruncate64, (int fd, off_t size), (fd, size), ENOSPC)
REFUSE(int, pipe2, (int pair[2], int flags), (pair, flags), EMFILE)
REFUSE(int, socketpair, (int domain, int type, int protocol, int pair[2]),
       (domain, type, protocol, pair), EMFILE)
REFUSE(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags), EMFILE)
REFUSE(void *, mmap64, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
       (at, size, protection, flags, fd, offset), ENOMEM)

int __real_posix_fallocate64(int fd, off_t from, off_t size);
int __wrap_posix_fallocate64(int fd, off_t from, off_t size);
int __wrap_posix_fallocate64(int fd, off_t from, off_t size)
{
    return fail_now(FAIL_SYSTEM, "posix_fallocate") ? ENOSPC
                                                    : __real_posix_fallocate64(fd, from, size);
}

/* Only a child's calls before exec are ours, and nobody would hear of their failing: it goes on
 * unharmed. */
pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
    if (refused("fork", EAGAIN))
        return -1;
    pid_t pid = __real_fork();
    if (pid == 0)
        armed = false;
    return pid;
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return refused("open", EMFILE) ? -1 : __real_open64(path, flags, mode);
}

int __real_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return refused("openat", EMFILE) ? -1 : __real_openat64(folder, path, flags, mode);
}
