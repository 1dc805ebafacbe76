/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees of small files in a folder of their own, as /sys would show them.
 */
#ifndef TESTS_SYSFS_HELP_H
#define TESTS_SYSFS_HELP_H

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char tree[64];

static inline void tree_path(char path[512], const char *name)
{
    assert_true(snprintf(path, 512, "%s/%s", tree, name) < 512);
}

/* Writes a file; the folders on the way are made. */
static inline void tree_put(const char *name, const char *text)
{
    char path[512];
    tree_path(path, name);
    for (char *slash = path + strlen(tree) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static inline void tree_drop(const char *name)
{
    char path[512];
    tree_path(path, name);
    assert_int_equal(unlink(path), 0);
}

static inline int tree_unlink_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
    (void)s, (void)type, (void)ftw;
    return remove(path);
}

static inline int tree_setup(void **state)
{
    (void)state;
    snprintf(tree, sizeof tree, "/tmp/wattune-sysfs-XXXXXX");
    return mkdtemp(tree) ? chmod(tree, 0755) : -1;
}

static inline int tree_teardown(void **state)
{
    (void)state;
    return nftw(tree, tree_unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
