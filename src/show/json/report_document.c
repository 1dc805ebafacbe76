/* SPDX-License-Identifier: Apache-2.0
 *
 * The document of a report: a group a row, and all together.  What some runs of a group lack is
 * named in not_measured and counted; a sum is null only when no run has it.
 */
#include "base/units.h"
#include "show/json/documents.h"

#include <math.h>

#include "show/json/parts.h"

static void put_energy(struct json_doc *doc, const struct wt_report_row *row)
{
    json_open_object(doc, "energy_j");
    json_put_number(doc, "gpu", row->gpu_j);
    json_put_number(doc, "cpu", row->cpu_j);
    json_put_number(doc, "dram", row->dram_j);
    json_put_number(doc, "total", sum_known(sum_known(row->gpu_j, row->cpu_j), row->dram_j));
    json_close(doc);
}

void json_put_sums(struct json_doc *doc, const struct wt_report_row *row)
{
    json_put_count(doc, "runs", row->runs);
    json_put_count(doc, "runs_not_ended", row->unended);
    json_put_number(doc, "gpu_hours", row->gpu_hours);
    json_put_number(doc, "busy_gpu_hours", row->busy_gpu_hours);
    put_energy(doc, row);
    json_put_number(doc, "facility_energy_j", row->facility_j);
    json_open_object(doc, "carbon");
    json_put_number(doc, "operational_location_g", row->operational_g);
    json_put_number(doc, "operational_market_g", row->market_g);
    json_put_number(doc, "embodied_g", row->embodied_g);
    json_put_number(doc, "embodied_useful_g", row->embodied_useful_g);
    json_put_number(doc, "total_location_g", row->operational_g + row->embodied_g);
    json_put_count(doc, "runs_without_operational", row->operational_unknown);
    json_put_count(doc, "runs_without_embodied", row->embodied_unknown);
    json_close(doc);
    json_open_object(doc, "savings");
    json_put_number(doc, "energy_j", row->saved_j);
    json_put_number(doc, "energy_error_j", row->saved_error_j);
    json_put_number(doc, "carbon_g", row->saved_g);
    json_put_count(doc, "runs", row->saved_runs);
    json_close(doc);
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
