/* SPDX-License-Identifier: Apache-2.0
 *
 * tune/act/journal.c: an entry decides which limit is put back, so that one that was not written by
 * us in whole must not be taken for one.  "%BOOT%" in the input stands for this boot's id, which no
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text = {0}, again = {0};
    char path[128];
    struct wt_error err = {0};
    with_boot_id(&text, data, size);
    snprintf(path, sizeof path, "%s/%s.limit", fuzz_folder(), UUID);
    FILE *file = fopen(path, "we");
    CHECK(file && fwrite(buffer_text(&text), 1, text.length, file) == text.length &&
          fclose(file) == 0);
    struct journal_entry entry = {.found_mw = 42}, same = {0};
    int rc = journal_read(fuzz_folder(), UUID, &entry, &err);
    if (rc) {
        CHECK((rc == WT_E_NOT_FOUND || rc == WT_E_RANGE) && err.text[0] && entry.found_mw == 42);
        CHECK(rc != WT_E_NOT_FOUND || access(path, F_OK)); /* a worthless entry is gone */
    } else {
        CHECK(strcmp(entry.uuid, UUID) == 0 && entry.found_mw > 0);
        CHECK(journal_write(fuzz_folder(), &entry, &err) == 0);
        CHECK(file_read(path, 4096, &again, &err) == 0);
        CHECK(again.length == text.length && memcmp(again.text, text.text, text.length) == 0);
        CHECK(journal_read(fuzz_folder(), UUID, &same, &err) == 0 &&
              memcmp(&same, &entry, sizeof same) == 0);
    }
    buffer_clear(&text);
    buffer_clear(&again);
    return 0;
}
