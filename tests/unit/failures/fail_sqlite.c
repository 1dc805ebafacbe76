/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures below SQLite: its allocator, and a file layer (VFS) between it and the real one.
 */
#include "fail.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static sqlite3_mem_methods memory;

static void *take(int size)
{
    return fail_now(FAIL_MEMORY, "sqlite malloc") ? NULL : memory.xMalloc(size);
}

static void *change(void *block, int size)
{
    return fail_now(FAIL_MEMORY, "sqlite realloc") ? NULL : memory.xRealloc(block, size);
}

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct, in the room that SQLite gave for both */
};

static sqlite3_vfs *below, layer;
static sqlite3_io_methods methods;

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

static int read_some(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
    return fail_now(FAIL_SQLITE_IO, "xRead")
               ? SQLITE_IOERR_READ
               : real(file)->pMethods->xRead(real(file), bytes, size, at);
}

static int write_some(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    if (!fail_now(FAIL_SQLITE_IO, "xWrite"))
        return real(file)->pMethods->xWrite(real(file), bytes, size, at);
    if (size > 1) /* a full disk takes as much as fits */
        real(file)->pMethods->xWrite(real(file), bytes, size / 2, at);
    return SQLITE_FULL;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    return fail_now(FAIL_SQLITE_IO, "xTruncate")
               ? SQLITE_IOERR_TRUNCATE
               : real(file)->pMethods->xTruncate(real(file), size);
}

static int sync_file(sqlite3_file *file, int flags)
{
    return fail_now(FAIL_SQLITE_IO, "xSync") ? SQLITE_IOERR_FSYNC
                                             : real(file)->pMethods->xSync(real(file), flags);
}

static int map(sqlite3_file *file, int region, int size, int extend, void volatile **at)
{
    return fail_now(FAIL_SQLITE_IO, "xShmMap")
               ? SQLITE_IOERR_SHMMAP
               : real(file)->pMethods->xShmMap(real(file), region, size, extend, at);
}

/* The rest goes through as it is. */
#define PASS(name, parameters, ...)                                                                \
    static int pass_##name parameters                                                              \
    {                                                                                              \
        return real(file)->pMethods->name(__VA_ARGS__);                                            \
    }
PASS(xClose, (sqlite3_file * file), real(file))
PASS(xFileSize, (sqlite3_file * file, sqlite3_int64 *size), real(file), size)
PASS(xLock, (sqlite3_file * file, int lock), real(file), lock)
PASS(xUnlock, (sqlite3_file * file, int lock), real(file), lock)
PASS(xCheckReservedLock, (sqlite3_file * file, int *held), real(file), held)
PASS(xFileControl, (sqlite3_file * file, int what, void *with), real(file), what, with)
PASS(xSectorSize, (sqlite3_file * file), real(file))
PASS(xDeviceCharacteristics, (sqlite3_file * file), real(file))
PASS(xShmLock, (sqlite3_file * file, int from, int count, int flags), real(file), from, count,
     flags)
PASS(xShmUnmap, (sqlite3_file * file, int drop), real(file), drop)

static void barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *made, int flags,
                     int *out)
{
    (void)vfs;
    struct file *file = (struct file *)made;
    file->base.pMethods = NULL;
    if (fail_now(FAIL_SQLITE_IO, "xOpen"))
        return SQLITE_CANTOPEN;
    file->real = (sqlite3_file *)(file + 1);
    int rc = below->xOpen(below, name, file->real, flags, out);
    if (rc == SQLITE_OK || file->real->pMethods)
        file->base.pMethods = &methods;
    return rc;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    return fail_now(FAIL_SQLITE_IO, "xDelete") ? SQLITE_IOERR_DELETE
                                               : below->xDelete(below, name, sync);
}

void fail_sqlite(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
    sqlite3_mem_methods failing = memory;
    failing.xMalloc = take;
    failing.xRealloc = change;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) ||
        sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0))
        abort(); /* without a lookaside each allocation comes here */
    below = sqlite3_vfs_find(NULL);
    layer = *below;
    layer.zName = "failing";
    layer.szOsFile = (int)sizeof(struct file) + below->szOsFile;
    layer.xOpen = open_file;
    layer.xDelete = delete_file;
    methods = (sqlite3_io_methods){
        .iVersion = 2, /* 3 would let it map the file, which nothing can make fail */
        .xClose = pass_xClose,
        .xRead = read_some,
        .xWrite = write_some,
        .xTruncate = truncate_file,
        .xSync = sync_file,
        .xFileSize = pass_xFileSize,
        .xLock = pass_xLock,
        .xUnlock = pass_xUnlock,
        .xCheckReservedLock = pass_xCheckReservedLock,
        .xFileControl = pass_xFileControl,
        .xSectorSize = pass_xSectorSize,
        .xDeviceCharacteristics = pass_xDeviceCharacteristics,
        .xShmMap = map,
        .xShmLock = pass_xShmLock,
        .xShmBarrier = barrier,
        .xShmUnmap = pass_xShmUnmap};
    if (sqlite3_vfs_register(&layer, 1))
        abort();
}
