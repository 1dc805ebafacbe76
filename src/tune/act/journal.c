/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of settings: small text files, written whole or not at all.  Reading checks an entry
 * like any other input: a wrong one must not set anything.
 */
#include "tune/act/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

static const char LIMIT_MAGIC[] = "wattune-limit 1", SETTING_MAGIC[] = "wattune-setting 2";
static const char SETTING_FAMILY[] = "wattune-setting ";

/* The words of knobs in an entry. */
static const char *const KNOB_WORDS[WT_KNOBS] = {
    [WT_KNOB_POWER_LIMIT] = "power_limit_mw",
    [WT_KNOB_SM_CLOCK_MAX] = "sm_clock_max_mhz",
};

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
    if (geteuid() == 0) { /* root's journal has one place, which no environment moves: the next
                             program has to find it */
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
        return error_set(err, WT_E_IO, "no place for the journal of settings: set XDG_STATE_HOME");
    return folder_under(base, 1, folder, size, err);
}

/* UUIDs come from the driver or from a machine file, so only letters, digits and dashes become a
 * file's name. */
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
    if (!read_signature(path, holder))
        snprintf(holder, sizeof holder, "another wattune");
    return error_set(err, WT_E_BUSY, "the power limit of %s is held by %s", uuid, holder);
}

void journal_sign(int lock_fd, const char *holder)
{
    /* A name for people only: the lease holds without it. */
    if (ftruncate(lock_fd, 0) == 0 && pwrite(lock_fd, holder, strlen(holder), 0) < 0)
        errno = 0;
}

/* The one form of a version 1 entry; returns its length, -1 when it does not fit. */
static int print_limit(const struct journal_entry *entry, char text[512])
{
    const struct journal_debt *debt = &entry->debts[WT_KNOB_POWER_LIMIT];
    int n = snprintf(text, 512, "%s\nboot %s\nuuid %s\nfound_mw %u\nwritten_mw %u %u\nholder %s\n",
                     LIMIT_MAGIC, entry->boot_id, entry->uuid, debt->found, debt->written[0],
                     debt->written[1], entry->holder);
    return n < 512 ? n : -1;
}

/* The one form of a version 2 entry: a line for each knob that is owed, in the order of enum
 * wt_knob; returns its length, -1 when it does not fit. */
static int print_setting(const struct journal_entry *entry, char text[512])
{
    int n =
        snprintf(text, 512, "%s\nboot %s\nuuid %s\n", SETTING_MAGIC, entry->boot_id, entry->uuid);
    for (unsigned k = 0; k < WT_KNOBS && n < 512; k++) {
        const struct journal_debt *debt = &entry->debts[k];
        if (debt->owed)
            n += snprintf(text + n, (size_t)(512 - n), "%s found %u from %u written %u %u\n",
                          KNOB_WORDS[k], debt->found, debt->found_min, debt->written[0],
                          debt->written[1]);
    }
    if (n < 512)
        n += snprintf(text + n, (size_t)(512 - n), "holder %s\n", entry->holder);
    return n < 512 ? n : -1;
}

/* The holder may be empty or blank: the settings come back all the same. */
static void parse_holder(const char *rest, struct journal_entry *entry)
{
    if (rest[0] == ' ')
        snprintf(entry->holder, sizeof entry->holder, "%.*s", (int)strcspn(rest + 1, "\n"),
                 rest + 1);
}

static bool parse_limit(const char *text, struct journal_entry *entry)
{
    struct journal_debt *debt = &entry->debts[WT_KNOB_POWER_LIMIT];
    int used = 0;
    sscanf(text,
           "wattune-limit 1\nboot %39s\nuuid %95s\nfound_mw %" SCNu32 "\nwritten_mw %" SCNu32
           " %" SCNu32 "\nholder%n",
           entry->boot_id, entry->uuid, &debt->found, &debt->written[0], &debt->written[1], &used);
    debt->owed = true;
    if (used)
        parse_holder(text + used, entry);
    return used && debt->found > 0;
}

/* Takes one knob's line; returns its length, 0 when it is none. */
static int parse_debt(const char *text, struct journal_entry *entry)
{
    char word[32];
    struct journal_debt debt = {.owed = true};
    int used = 0;
    sscanf(text, "%31s found %" SCNu32 " from %" SCNu32 " written %" SCNu32 " %" SCNu32 "\n%n",
           word, &debt.found, &debt.found_min, &debt.written[0], &debt.written[1], &used);
    for (unsigned k = 0; used && k < WT_KNOBS; k++)
        if (strcmp(word, KNOB_WORDS[k]) == 0) {
            entry->debts[k] = debt;
            return used;
        }
    return 0;
}

static bool parse_setting(const char *text, struct journal_entry *entry)
{
    int used = 0, debt;
    unsigned debts = 0;
    sscanf(text, "wattune-setting 2\nboot %39s\nuuid %95s\n%n", entry->boot_id, entry->uuid, &used);
    if (!used)
        return false;
    for (text += used; (debt = parse_debt(text, entry)) > 0; text += debt)
        debts++;
    if (strncmp(text, "holder", 6) != 0)
        return false;
    parse_holder(text + 6, entry);
    const struct journal_debt *limit = &entry->debts[WT_KNOB_POWER_LIMIT];
    return debts > 0 && (!limit->owed || limit->found > 0);
}

/* The versions as a table: file ending, form and its reader. */
static const struct form {
    const char *ending;
    int (*print)(const struct journal_entry *entry, char text[512]);
    bool (*parse)(const char *text, struct journal_entry *entry);
} FORMS[] = {
    [JOURNAL_LIMIT] = {"limit", print_limit, parse_limit},
    [JOURNAL_SETTING] = {"setting", print_setting, parse_setting},
};

/* True for the first line of a version of this file that is still to come. */
static bool is_newer(const char *text)
{
    size_t family = sizeof SETTING_FAMILY - 1;
    return strncmp(text, SETTING_FAMILY, family) == 0 && strspn(text + family, "0123456789") > 0 &&
           strtoul(text + family, NULL, 10) > 2;
}

int journal_read(const char *folder, const char *uuid, enum journal_version version,
                 struct journal_entry *entry, struct wt_error *err)
{
    const struct form *form = &FORMS[version];
    char path[PATH_MAX], boot_id[40], again[512];
    struct journal_entry read = {0};
    struct buffer text = {0};
    bool exact = false;
    int rc = entry_path(path, folder, uuid, form->ending, err);
    if (rc == 0)
        rc = journal_boot_id(boot_id, err);
    if (rc == 0)
        rc = file_read(path, 1024, &text, err);
    if (rc && rc != WT_E_RANGE) /* a file longer than an entry is none */
        goto out;
    const char *written = buffer_text(&text);
    if (version == JOURNAL_SETTING && is_newer(written)) {
        rc = error_set(err, WT_E_VERSION,
                       "%s is of a newer wattune, which has to put its settings back", path);
        goto out;
    }
    /* An entry decides which value is written: only a text that prints as exactly this file is one.
     * That refuses signs, numbers that do not fit, half a file and anything behind it. */
    if (rc == 0 && form->parse(written, &read)) {
        int n = form->print(&read, again);
        exact = n >= 0 && (size_t)n == text.length && memcmp(again, written, text.length) == 0;
    }
    if (!exact || strcmp(read.uuid, uuid) != 0 || strcmp(read.boot_id, boot_id) != 0) {
        rc = error_set(err, WT_E_PARSE, "%s is of another boot or not an entry of this journal",
                       path);
        goto out;
    }
    *entry = read;
out:
    buffer_clear(&text);
    return rc;
}

int journal_write(const char *folder, const struct journal_entry *entry, struct wt_error *err)
{
    const struct form *form = &FORMS[JOURNAL_SETTING];
    char path[PATH_MAX], text[512];
    int rc = entry_path(path, folder, entry->uuid, form->ending, err);
    if (rc)
        return rc;
    int n = form->print(entry, text);
    if (n < 0)
        return error_set(err, WT_E_RANGE, "the entry of %s does not fit into the journal",
                         entry->uuid);
    return file_write_atomic(path, text, (size_t)n, 0600, err);
}

int journal_remove(const char *folder, const char *uuid, enum journal_version version,
                   struct wt_error *err)
{
    char path[PATH_MAX];
    int rc = entry_path(path, folder, uuid, FORMS[version].ending, err);
    if (rc)
        return rc;
    if (unlink(path) && errno != ENOENT)
        return error_set(err, WT_E_IO, "remove %s: %s", path, strerror(errno));
    return 0;
}

/* True, and the UUID, for the name of an entry's file of either version. */
static bool is_entry(const char *name, char uuid[WT_UUID_LEN])
{
    for (unsigned v = JOURNAL_LIMIT; v <= JOURNAL_SETTING; v++) {
        const char *dot = strrchr(name, '.');
        if (!dot || dot == name || dot - name >= WT_UUID_LEN || strcmp(dot + 1, FORMS[v].ending))
            continue;
        snprintf(uuid, WT_UUID_LEN, "%.*s", (int)(dot - name), name);
        return true;
    }
    return false;
}

unsigned journal_list(const char *folder, char uuids[][WT_UUID_LEN], unsigned capacity)
{
    unsigned count = 0;
    struct dirent *entry;
    DIR *dir = opendir(folder);
    while (dir && count < capacity && (entry = readdir(dir))) {
        unsigned i = 0;
        if (!is_entry(entry->d_name, uuids[count]))
            continue;
        while (strcmp(uuids[i], uuids[count]) != 0)
            i++;
        count += i == count; /* a device with entries of both versions counts once */
    }
    if (dir)
        closedir(dir);
    return count;
}
