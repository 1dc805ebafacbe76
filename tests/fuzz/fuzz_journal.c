/* SPDX-License-Identifier: Apache-2.0
 *
 * tune/act/journal.c: an entry decides which setting is put back, so that only a text that we wrote
 * in whole may count as one.  "%BOOT%" in the input stands for this boot's id, which no
 * fuzzer can guess.
 */
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "fuzz.h"
#include "tune/act/journal.h"

static const char UUID[] = "GPU-0";

static void with_boot_id(struct buffer *text, const uint8_t *data, size_t size)
{
    static const char word[] = "%BOOT%";
    char boot_id[40];
    CHECK(journal_boot_id(boot_id, NULL) == 0);
    const uint8_t *at = memmem(data, size, word, sizeof word - 1);
    size_t before = at ? (size_t)(at - data) : size;
    buffer_append(text, (const char *)data, before);
    if (at) {
        buffer_print(text, "%s", boot_id);
        buffer_append(text, (const char *)at + sizeof word - 1, size - before - (sizeof word - 1));
    }
}

static void put(const char *path, const struct buffer *text)
{
    FILE *file = fopen(path, "we");
    CHECK(file && fwrite(buffer_text(text), 1, text->length, file) == text->length &&
          fclose(file) == 0);
}

static bool owes_anything(const struct journal_entry *entry)
{
    for (unsigned k = 0; k < WT_KNOBS; k++)
        if (entry->debts[k].owed)
            return true;
    return false;
}

/* The same bytes as an entry of either version: reading removes nothing, and an entry of version 2
 * prints as the bytes it was read from. */
static void try_version(enum journal_version version, const char *ending, const struct buffer *text)
{
    struct buffer again = {0};
    struct wt_error err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/%s.%s", fuzz_folder(), UUID, ending);
    put(path, text);
    struct journal_entry entry = {.holder = "42"}, same = {0};
    int rc = journal_read(fuzz_folder(), UUID, version, &entry, &err);
    CHECK(access(path, F_OK) == 0);
    if (rc) {
        CHECK((rc == WT_E_PARSE || (rc == WT_E_VERSION && version == JOURNAL_SETTING)) &&
              err.text[0] && strcmp(entry.holder, "42") == 0);
    } else {
        CHECK(strcmp(entry.uuid, UUID) == 0 && owes_anything(&entry));
        CHECK(journal_write(fuzz_folder(), &entry, &err) == 0);
        CHECK(file_read(path, 4096, &again, &err) == 0);
        CHECK(again.length == text->length && memcmp(again.text, text->text, text->length) == 0);
        CHECK(journal_read(fuzz_folder(), UUID, JOURNAL_SETTING, &same, &err) == 0 &&
              memcmp(&same, &entry, sizeof same) == 0);
    }
    CHECK(journal_remove(fuzz_folder(), UUID, version, &err) == 0 && access(path, F_OK));
    buffer_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text = {0};
    with_boot_id(&text, data, size);
    try_version(JOURNAL_LIMIT, "limit", &text);
    try_version(JOURNAL_SETTING, "setting", &text);
    buffer_clear(&text);
    return 0;
}
