/* SPDX-License-Identifier: Apache-2.0
 *
 * The document of a report: a group a row, and all together.  Parts that some runs of a group lack
 * are named in not_measured and counted; a sum is null only when no run has it.
 */
#include "show/json/documents.h"

#include <string.h>

#include "show/json/parts.h"

static bool is_in(const struct field *field, const char *object)
{
    return field->object && strcmp(field->object, object) == 0;
}

/* Closes the object of a field, after the counts of runs that stand in it. */
static void close_object(struct json_doc *doc, const struct field *last,
                         const struct wt_report_row *row)
{
    if (is_in(last, "carbon")) {
        json_put_count(doc, "runs_without_operational", row->operational_unknown);
        json_put_count(doc, "runs_without_embodied", row->embodied_unknown);
    } else if (is_in(last, "savings")) {
        json_put_count(doc, "runs", row->saved_runs);
    }
    json_close(doc);
}

void json_put_sums(struct json_doc *doc, const struct wt_report_row *row)
{
    struct field sums[FIELDS_SUMS];
    fields_of_sums(row, sums);
    json_put_count(doc, "runs", row->runs);
    json_put_count(doc, "runs_not_ended", row->unended);
    for (unsigned i = 0; i < FIELDS_SUMS; i++) {
        const char *object = sums[i].object;
        if (object && (i == 0 || !is_in(&sums[i - 1], object)))
            json_open_object(doc, object);
        json_put_field(doc, &sums[i]);
        if (object && (i + 1 == FIELDS_SUMS || !is_in(&sums[i + 1], object)))
            close_object(doc, &sums[i], row);
    }
    json_open_array(doc, "not_measured");
    if (row->gpu_unknown)
        json_put_text(doc, NULL, "gpu");
    if (row->cpu_unknown)
        json_put_text(doc, NULL, "cpu");
    if (row->dram_unknown)
        json_put_text(doc, NULL, "dram");
    json_close(doc);
}

struct json_doc *json_report_document(const struct json_report *report)
{
    struct json_doc *doc = json_doc_new();
    json_put_integer(doc, "schema_version", JSON_SCHEMA_VERSION);
    json_put_wall(doc, "from", report->from_ms == INT64_MIN ? 0 : report->from_ms);
    json_put_wall(doc, "to", report->to_ms == INT64_MAX ? 0 : report->to_ms);
    json_open_array(doc, "groups");
    for (size_t k = 0; k < report->count; k++) {
        json_open_object(doc, NULL);
        json_open_object(doc, "key");
        for (unsigned i = 0; i < report->key_count; i++)
            json_put_known_text(doc, report->keys[i], report->rows[k].keys[i]);
        json_close(doc);
        json_put_sums(doc, &report->rows[k]);
        json_close(doc);
    }
    json_close(doc);
    json_open_object(doc, "total");
    json_put_sums(doc, report->total);
    json_close(doc);
    return doc;
}
