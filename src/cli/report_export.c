/* SPDX-License-Identifier: Apache-2.0
 *
 * `wattune report --export`.  Runs go from the ledger to standard output one by one: a ledger may
 * hold a million.
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
#include "show/export/export.h"
#include "show/json/documents.h"
#include "show/text/view.h"

/* --- Names of runs --- */

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
    snprintf(numbers, sizeof numbers, "%u %u %" PRId64, run->identity.recurrence,
             run->identity.try_number, run->identity.started_ms);
    const char *const parts[] = {run->identity.node, run->identity.user, run->identity.job,
                                 numbers};
    uint64_t a = UINT64_C(14695981039346656037), b = UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        a = add(a, parts[i]);
        b = add(b, parts[i]);
    }
    a = mix(a);
    b = mix(b ^ a);
    snprintf(id, EXPORT_ID_LEN, "%08x-%04x-8%03x-%04x-%012" PRIx64, (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
             (unsigned)(0x8000 | (b >> 48 & 0x3fff)), b & UINT64_C(0xffffffffffff));
    return id;
}

/* --- Runs, one by one --- */

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
    export_put_codecarbon(&stream->text, report_export_id(id, run), run, WATTUNE_VERSION);
    return flush_when_long(stream, err);
}

static int export_codecarbon(struct ledger *ledger, const struct report_export_options *options,
                             struct wt_error *err)
{
    struct stream stream = {.text = {0}};
    export_put_codecarbon_heading(&stream.text);
    int rc = ledger_each_run(ledger, &options->runs, take_codecarbon, &stream, err);
    if (rc == 0)
        rc = flush(&stream, err);
    buffer_clear(&stream.text);
    return rc;
}

static int take_boamps(void *ctx, const struct wt_trial *run, struct wt_error *err)
{
    struct stream *stream = ctx;
    char id[EXPORT_ID_LEN];
    if (!export_boamps_has(run)) {
        stream->left_out++;
        return 0;
    }
    const struct export_boamps_run report = {report_export_id(id, run), run, stream->now_ms,
                                             WATTUNE_VERSION};
    struct json_doc *doc = export_boamps_document(&report);
    int rc = json_write_buffer(doc, JSON_LINE, &stream->text, err);
    json_doc_free(doc);
    return rc ? rc : flush_when_long(stream, err);
}

static int export_boamps(struct ledger *ledger, const struct report_export_options *options,
                         struct wt_error *err)
{
    struct stream stream = {.now_ms = clock_wall_ms()};
    int rc = ledger_each_run(ledger, &options->runs, take_boamps, &stream, err);
    if (rc == 0)
        rc = flush(&stream, err);
    if (rc == 0 && stream.left_out)
        log_warning("%" PRIu64 " %s left out: a BoAmps report needs a measured energy and a GPU",
                    stream.left_out, stream.left_out == 1 ? "run is" : "runs are");
    buffer_clear(&stream.text);
    return rc;
}

/* --- Statements --- */

static int export_statement(struct ledger *ledger, const struct report_export_options *options,
                            struct wt_error *err)
{
    static const enum wt_report_key by_gpu[] = {WT_BY_GPU};
    bool methods = options->form == EXPORT_METHODS;
    const enum wt_report_key *keys = methods ? by_gpu : options->keys;
    unsigned key_count = methods ? 1 : options->key_count;
    struct ledger_report_rows rows = {0};
    struct stream stream = {.text = {0}};
    int rc = ledger_report_runs(ledger, &options->runs, keys, key_count, &rows, err);
    if (rc)
        return rc;
    const struct view_report_page page = {.keys = keys,
                                          .key_count = key_count,
                                          .rows = rows.rows,
                                          .count = rows.count,
                                          .total = &rows.total,
                                          .basis = rows.basis,
                                          .basis_count = rows.basis_count,
                                          .from_ms = options->runs.from_ms,
                                          .to_ms = options->runs.to_ms,
                                          .made_ms = clock_wall_ms()};
    if (methods)
        export_put_methods(&stream.text, &page, options->runs.job, options->runs.project,
                           WATTUNE_VERSION);
    else
        export_put_sci(&stream.text, &page,
                       options->per_gpu_hour ? EXPORT_SCI_GPU_HOUR : EXPORT_SCI_RUN,
                       WATTUNE_VERSION, options->colour);
    rc = flush(&stream, err);
    buffer_clear(&stream.text);
    ledger_report_clear(&rows);
    return rc;
}

/* --- The table --- */

int report_export(struct ledger *ledger, const struct report_export_options *options)
{
    static int (*const exports[])(struct ledger *, const struct report_export_options *,
                                  struct wt_error *) = {[EXPORT_CODECARBON] = export_codecarbon,
                                                        [EXPORT_BOAMPS] = export_boamps,
                                                        [EXPORT_SCI] = export_statement,
                                                        [EXPORT_METHODS] = export_statement};
    struct wt_error err;
    return exports[options->form](ledger, options, &err) ? command_failed(&err) : EXIT_DONE;
}
