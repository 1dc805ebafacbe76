/* SPDX-License-Identifier: Apache-2.0
 *
 * `wattune report --export`.  Runs go from the ledger to standard output one by one: a ledger may hold a million.
 */
#include "cli/report_export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "json/documents.h"
#include "view/view.h"

/* --- Names of runs ------------------------------------------------------------------------------------------------- */

/* FNV-1a over the text and its end: "a", "b" is not "ab", "". */
static uint64_t add(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    while (*text++);
    return hash;
}

/* The finaliser of splitmix64: each bit of the hash reaches all bits. */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

char *report_export_id(char id[EXPORT_ID_LEN], const struct wt_trial *run)
{
    char numbers[96];
    snprintf(numbers, sizeof numbers, "%u %u %" PRId64, run->recurrence, run->try_number, run->started_ms);
    const char *const parts[] = {run->node, run->user, run->job, numbers};
    uint64_t a = UINT64_C(14695981039346656037), b = UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        a = add(a, parts[i]);
        b = add(b, parts[i]);
    }
    a = mix(a);
    b = mix(b ^ a);
    snprintf(id, EXPORT_ID_LEN, "%08x-%04x-8%03x-%04x-%012" PRIx64, (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
             (unsigned)(a & 0xfff), (unsigned)(0x8000 | (b >> 48 & 0x3fff)), b & UINT64_C(0xffffffffffff));
    return id;
}

/* --- Runs, one by one ---------------------------------------------------------------------------------------------- */

struct stream {
    struct buffer text;
    int64_t now_ms;
    uint64_t left_out;
};

static int flush(struct stream *stream, struct wt_error *err)
{
    struct buffer *text = &stream->text;
    if (text->failed)
        return error_set(err, WT_E_NO_MEMORY, "write a run: out of memory");
    if (fwrite(buffer_text(text), 1, text->length, stdout) != text->length || fflush(stdout))
        return error_set(err, WT_E_IO, "standard output cannot be written: %s", strerror(errno));
    buffer_clear(text);
    return 0;
}

/* A write costs as much as a few rows. */
static int flush_when_long(struct stream *stream, struct wt_error *err)
{
    enum { LONG = 64 * 1024 };
    return stream->text.length < LONG && !stream->text.failed ? 0 : flush(stream, err);
}

static int take_codecarbon(void *ctx, const struct wt_trial *run, struct wt_error *err)
{
    struct stream *stream = ctx;
    char id[EXPORT_ID_LEN];
    view_codecarbon(&stream->text, report_export_id(id, run), run, WATTUNE_VERSION);
    return flush_when_long(stream, err);
}

static int export_codecarbon(struct ledger *ledger, const struct report_export_options *options, struct wt_error *err)
{
    struct stream stream = {.text = {0}};
    view_codecarbon_heading(&stream.text);
    int rc = ledger_each_run(ledger, &options->runs, take_codecarbon, &stream, err);
    if (rc == 0)
        rc = flush(&stream, err);
    buffer_clear(&stream.text);
    return rc;
}

/* --- The table ----------------------------------------------------------------------------------------------------- */

int report_export(struct ledger *ledger, const struct report_export_options *options)
{
    static int (*const exports[])(struct ledger *, const struct report_export_options *, struct wt_error *) = {
        [EXPORT_CODECARBON] = export_codecarbon};
    struct wt_error err;
    return exports[options->form](ledger, options, &err) ? command_failed(&err) : EXIT_DONE;
}
