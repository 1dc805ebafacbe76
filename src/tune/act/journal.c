/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of limits: small text files, written whole or not at all.  What is read back is
 * checked like any other input: a wrong entry must not set a limit.
 */
#include "tune/act/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"

static const char MAGIC[] = "wattune-limit 1";

int journal_boot_id(char boot_id[40], struct wt_error *err)
{
    struct buffer text = {0};
    int rc = file_read("/proc/sys/kernel/random/boot_id", 64, &text, err);
    if (rc == 0 || rc == WT_E_NOT_FOUND) {
        snprintf(boot_id, 40, "%.36s", text.length >= 36 ? text.text : "unknown");
        rc = 0;
    }
    buffer_clear(&text);
    return rc;
}

static int folder_under(const char *base, int parents, char folder[], size_t size,
                        struct wt_error *err)
{
    if ((size_t)snprintf(folder, size, "%s/wattune", base) >= size)
        return error_set(err, WT_E_RANGE, "the path %.100s... is too long", base);
    return file_private_folder(folder, parents, err);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return path && path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int journal_default_folder(char folder[], size_t size, struct wt_error *err)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR"),
               *state = secure_getenv("XDG_STATE_HOME");
    if (geteuid() == 0) { /* root's journal is one place whatever the environment says, or it would
                             not be found again */
        if (is_folder("/run"))
            return folder_under("/run", 0, folder, size, err);
    } else if (is_folder(runtime)) {
        return folder_under(runtime, 0, folder, size, err);
    }
    if (state && state[0] == '/')
        return folder_under(state, 1, folder, size, err);
    const char *home = secure_getenv("HOME");
    char base[PATH_MAX];
    if (!home || home[0] != '/' ||
        (size_t)snprintf(base, sizeof base, "%s/.local/state", home) >= sizeof base)
        return error_set(err, WT_E_IO, "no place for the journal of limits: set XDG_STATE_HOME");
    return folder_under(base, 1, folder, size, err);
}

/* UUIDs come from the driver or from a machine file: letters, digits and dashes, or the entry gets
 * no file. */
static int entry_path(char path[PATH_MAX], const char *folder, const char *uuid, const char *ending,
                      struct wt_error *err)
{
    size_t length = strlen(uuid);
    if (length == 0 || length >= WT_UUID_LEN ||
        strspn(uuid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != length)
        return error_set(err, WT_E_INVALID, "\"%.96s\" is not the UUID of a device", uuid);
    if (snprintf(path, PATH_MAX, "%s/%s.%s", folder, uuid, ending) >= PATH_MAX)
        return error_set(err, WT_E_RANGE, "the path %.100s... is too long", folder);
    return 0;
}

static bool read_signature(const char *path, char holder[80])
{
    struct buffer text = {0};
    bool read = file_read(path, 79, &text, NULL) == 0 && text.length > 0;
    if (read)
        snprintf(holder, 80, "%s", buffer_text(&text));
    buffer_clear(&text);
    return read;
}

int journal_lock(const char *folder, const char *uuid, int *lock_fd, struct wt_error *err)
{
    char path[PATH_MAX];
    int rc = entry_path(path, folder, uuid, "lock", err);
    if (rc)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, WT_E_IO, "open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *lock_fd = fd;
        return 0;
    }
    int why = errno;
    close(fd);
    if (why != EWOULDBLOCK)
        return error_set(err, WT_E_IO, "lock %s: %s", path, strerror(why));
    char holder[80];
    struct journal_entry entry;
    if (!read_signature(path, holder))
        snprintf(holder, sizeof holder, "%s",
                 journal_read(folder, uuid, &entry, NULL) == 0 ? entry.holder : "another wattune");
    return error_set(err, WT_E_BUSY, "the power limit of %s is held by %s", uuid, holder);
}

void journal_sign(int lock_fd, const char *holder)
{
    /* Only a name for people: when it cannot be written, the lease holds all the same. */
    if (ftruncate(lock_fd, 0) == 0 && pwrite(lock_fd, holder, strlen(holder), 0) < 0)
        errno = 0;
}

/* The one form of an entry; returns its length, or -1 when it does not fit. */
static int print_entry(const struct journal_entry *entry, char text[512])
{
    int n = snprintf(text, 512, "%s\nboot %s\nuuid %s\nfound_mw %u\nwritten_mw %u %u\nholder %s\n",
                     MAGIC, entry->boot_id, entry->uuid, entry->found_mw, entry->written_mw[0],
                     entry->written_mw[1], entry->holder);
    return n < 512 ? n : -1;
}

int journal_read(const char *folder, const char *uuid, struct journal_entry *entry,
                 struct wt_error *err)
{
    char path[PATH_MAX], boot_id[40];
    struct buffer text = {0};
    int rc = entry_path(path, folder, uuid, "limit", err);
    if (rc == 0)
        rc = journal_boot_id(boot_id, err);
    if (rc == 0)
        rc = file_read(path, 1024, &text, err);
    if (rc && rc != WT_E_RANGE) { /* what is longer than an entry is none, see below */
        buffer_clear(&text);
        return rc;
    }
    struct journal_entry read = {0};
    char magic[16];
    unsigned found = 0, last = 0, before = 0;
    int used = 0;
    const char *written = buffer_text(&text);
    sscanf(written, "%15[^\n]\nboot %39s\nuuid %95s\nfound_mw %u\nwritten_mw %u %u\nholder%n",
           magic, read.boot_id, read.uuid, &found, &last, &before, &used);
    /* The holder may be empty or blank: the limit comes back all the same. */
    if (used && written[used] == ' ')
        snprintf(read.holder, sizeof read.holder, "%.*s", (int)strcspn(written + used + 1, "\n"),
                 written + used + 1);
    read.found_mw = found;
    read.written_mw[0] = last;
    read.written_mw[1] = before;
    /* An entry decides which limit is written: only what prints as exactly this file is one.  That
     * refuses signs, numbers that do not fit, half a file and anything behind it. */
    char again[512];
    bool exact = used && print_entry(&read, again) == (int)text.length &&
                 memcmp(again, written, text.length) == 0;
    buffer_clear(&text);
    if (!exact || strcmp(read.uuid, uuid) != 0 || strcmp(read.boot_id, boot_id) != 0 ||
        found == 0) {
        unlink(path);
        return error_set(err, WT_E_NOT_FOUND,
                         "%s is of an earlier boot or not an entry of this journal", path);
    }
    *entry = read;
    return 0;
}

int journal_write(const char *folder, const struct journal_entry *entry, struct wt_error *err)
{
    char path[PATH_MAX], text[512];
    int rc = entry_path(path, folder, entry->uuid, "limit", err);
    if (rc)
        return rc;
    int n = print_entry(entry, text);
    if (n < 0)
        return error_set(err, WT_E_RANGE, "the entry of %s does not fit into the journal",
                         entry->uuid);
    return file_write_atomic(path, text, (size_t)n, 0600, err);
}

int journal_remove(const char *folder, const char *uuid, struct wt_error *err)
{
    char path[PATH_MAX];
    int rc = entry_path(path, folder, uuid, "limit", err);
    if (rc)
        return rc;
    if (unlink(path) && errno != ENOENT)
        return error_set(err, WT_E_IO, "remove %s: %s", path, strerror(errno));
    return 0;
}

unsigned journal_list(const char *folder, char uuids[][WT_UUID_LEN], unsigned capacity)
{
    static const char ending[] = ".limit";
    unsigned count = 0;
    struct dirent *entry;
    DIR *dir = opendir(folder);
    while (dir && count < capacity && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);
        if (length < sizeof ending || length - (sizeof ending - 1) >= WT_UUID_LEN ||
            strcmp(entry->d_name + length - (sizeof ending - 1), ending) != 0)
            continue;
        snprintf(uuids[count++], WT_UUID_LEN, "%.*s", (int)(length - (sizeof ending - 1)),
                 entry->d_name);
    }
    if (dir)
        closedir(dir);
    return count;
}
