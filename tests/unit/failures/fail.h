/* SPDX-License-Identifier: Apache-2.0
 *
 * The n-th allocation or system call of our code fails.  The linker puts these functions in the
 * place of the C library's
 * (--wrap, see meson.build) for code that is linked statically into a test: our rooms, not the C
 * library itself, nor SQLite, jansson and the virtual GPU, which have hooks of their own.
 */
#ifndef WATTUNE_TESTS_FAIL_H
#define WATTUNE_TESTS_FAIL_H

#include <stdbool.h>

enum fail_what {
    FAIL_MEMORY,    /* malloc and its sisters: NULL, ENOMEM */
    FAIL_SYSTEM,    /* a system call: the error that is most likely in life (a full disk, no more
                       files, ...) */
    FAIL_INTERRUPT, /* a read or write: EINTR, once */
    FAIL_SHORT,     /* a write takes half, a read gives half */
    FAIL_SQLITE_IO, /* a write, sync, open or read below SQLite (fail_sqlite.c) */
    FAIL_KINDS,
};

/* From here on calls of this kind are counted, and the n-th fails (n from 1). */
void fail_arm(enum fail_what what, unsigned long n);

/* Ends that.  True when a call failed; fail_where() names it. */
bool fail_disarm(void);
const char *fail_where(void);

/* For hooks: true when this call of `what` is the one to fail. */
bool fail_now(enum fail_what what, const char *name);

/* Blocks that our code holds, and open files of the process: equal before and after, or something
 * leaks. */
long fail_blocks(void);
int fail_files(void);

/* As malloc() and free(): for libraries that let their memory be given (jansson). */
void *fail_malloc(unsigned long size);
void fail_free(void *block);

/* Puts both kinds of failure below SQLite; call before anything else of SQLite is called. */
void fail_sqlite(void);

#endif
