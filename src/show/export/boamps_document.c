/* SPDX-License-Identifier: Apache-2.0
 *
 * A run as a BoAmps report of Boavizta.  Its schema asks for some things that no ledger knows;
 * these hold the schema's word for anything else, and the report says in words that they do and
 * calls itself a draft.  Everything else that is unknown is left out: the schema has no null.
 */
#include "base/units.h"
#include "show/export/export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "show/json/parts.h"

#define SPECIFICATION "https://github.com/Boavizta/BoAmps/tree/main/model"
#define FORMAT_VERSION "0.1" /* as in the examples of the specification */

static double measured_j(const struct wt_trial *run)
{
    const double energies[] = {run->part.energy_j, run->part.cpu_energy_j, run->part.dram_energy_j};
    double sum = NAN;
    for (unsigned i = 0; i < 3; i++)
        if (isfinite(energies[i]))
            sum = isfinite(sum) ? sum + energies[i] : energies[i];
    return sum;
}

/* "YYYY-MM-DD HH:MM:SS" in UTC. */
static void put_time(struct json_doc *doc, const char *key, int64_t wall_ms)
{
    char wall[32], text[48];
    if (strlen(clock_format_wall(wall_ms, wall)) < 24) /* no time that has a date */
        return;
    snprintf(text, sizeof text, "%.10s %.8s", wall, wall + 11);
    json_put_text(doc, key, text);
}

static void put_known(struct json_doc *doc, const char *key, double value)
{
    if (isfinite(value))
        json_put_number(doc, key, value);
}

static void put_header(struct json_doc *doc, const struct export_boamps_run *report)
{
    json_open_object(doc, "header");
    json_put_text(doc, "formatVersion", FORMAT_VERSION);
    json_put_text(doc, "formatVersionSpecificationUri", SPECIFICATION);
    json_put_text(doc, "reportId", report->id);
    put_time(doc, "reportDatetime", report->now_ms);
    json_put_text(doc, "reportStatus", "draft");
    json_close(doc);
}

/* The parts that were measured, those that were not, and those that the reader has to fill in. */
static void describe(struct buffer *out, const struct export_boamps_run *report)
{
    const struct wt_trial *run = report->run;
    const struct {
        const char *name;
        double energy_j;
    } kinds[] = {{"GPUs", run->part.energy_j},
                 {"CPUs", run->part.cpu_energy_j},
                 {"DRAM", run->part.dram_energy_j}};
    buffer_print(out, "Job %s, recurrence %u, try %u", run->identity.job, run->identity.recurrence,
                 run->identity.try_number);
    if (run->identity.project[0])
        buffer_print(out, ", project %s", run->identity.project);
    for (unsigned measured = 2; measured-- > 0;) {
        unsigned count = 0;
        for (unsigned i = 0; i < 3; i++)
            if ((unsigned)isfinite(kinds[i].energy_j) == measured)
                buffer_print(out, "%s%s",
                             count++    ? ", "
                             : measured ? ". Energy of: "
                                        : "; not measured: ",
                             kinds[i].name);
    }
    buffer_print(out, ". PUE is not in powerConsumption");
    if (isfinite(run->carbon.pue))
        buffer_print(out, " (%.5g was booked)", run->carbon.pue);
    if (run->carbon.intensity_source[0])
        buffer_print(out, ". Carbon intensity: %s", run->carbon.intensity_source);
    buffer_print(
        out,
        ". Not known to Wattune and to be completed: taskFamily, algorithms, dataset, infraType%s. "
        "Made from the ledger of Wattune %s.",
        run->carbon.location[0] ? "" : ", country", report->wattune_version);
}

static void put_task(struct json_doc *doc, const struct export_boamps_run *report)
{
    struct buffer description = {0};
    const struct wt_trial *run = report->run;
    describe(&description, report);
    if (description.failed)
        json_doc_fail(doc);
    json_open_object(doc, "task");
    json_put_text(doc, "taskStage", run->identity.phase[0] ? run->identity.phase : "unknown");
    json_put_text(doc, "taskFamily", "unknown");
    json_open_array(doc, "algorithms");
    json_open_object(doc, NULL);
    if (run->outcome.epochs)
        json_put_count(doc, "epochsNumber", run->outcome.epochs);
    json_close(doc);
    json_close(doc);
    json_open_array(doc, "dataset");
    json_open_object(doc, NULL);
    json_put_text(doc, "dataUsage", "input");
    json_put_text(doc, "dataType", "other");
    json_close(doc);
    json_close(doc);
    json_put_text(doc, "taskDescription", buffer_text(&description));
    json_close(doc);
    buffer_clear(&description);
}

static void put_measures(struct json_doc *doc, const struct wt_trial *run)
{
    double reserved_s = run->outcome.time_s * run->part.gpu_count,
           busy = run->part.busy_s / reserved_s;
    json_open_array(doc, "measures");
    json_open_object(doc, NULL);
    json_put_text(doc, "measurementMethod", "wattune");
    if (isfinite(run->part.energy_j) && run->part.source != WT_SOURCE_NONE)
        json_put_source(doc, "gpuTrackingMode", run->part.source);
    if (reserved_s > 0)
        put_known(doc, "averageUtilizationGpu", busy > 1 ? 1 : busy);
    json_put_number(doc, "powerConsumption", measured_j(run) / J_PER_KWH);
    put_known(doc, "measurementDuration", run->outcome.time_s);
    put_time(doc, "measurementDateTime", run->identity.started_ms);
    json_close(doc);
    json_close(doc);
}

static void put_infrastructure(struct json_doc *doc, const struct wt_trial *run)
{
    json_open_object(doc, "infrastructure");
    json_put_text(doc, "infraType", "other");
    json_open_array(doc, "components");
    for (unsigned i = 0; i < run->part.gpu_count; i++) {
        unsigned count = 0, first = 0;
        while (strcmp(run->part.gpus[first].name, run->part.gpus[i].name) != 0)
            first++;
        for (unsigned k = i; k < run->part.gpu_count; k++)
            count += strcmp(run->part.gpus[k].name, run->part.gpus[i].name) == 0;
        if (first != i)
            continue;
        json_open_object(doc, NULL);
        if (run->part.gpus[i].name[0])
            json_put_text(doc, "componentName", run->part.gpus[i].name);
        json_put_text(doc, "componentType", "gpu");
        json_put_count(doc, "nbComponent", count);
        json_close(doc);
    }
    json_close(doc);
    json_close(doc);
}

/* The schema wants a country wherever it has an intensity. */
static void put_environment(struct json_doc *doc, const struct wt_trial *run)
{
    if (!isfinite(run->carbon.intensity_g_per_kwh))
        return;
    json_open_object(doc, "environment");
    json_put_text(doc, "country", run->carbon.location[0] ? run->carbon.location : "unknown");
    json_put_number(doc, "powerSourceCarbonIntensity", run->carbon.intensity_g_per_kwh);
    json_close(doc);
}

/* The schema's classes: within 10, 25 and 50 %.  Of an error that is not known in whole, or is
 * larger, there is no class. */
static void put_quality(struct json_doc *doc, const struct wt_trial *run)
{
    static const struct {
        double most;
        const char *name;
    } classes[] = {{0.10, "high"}, {0.25, "medium"}, {0.50, "low"}};
    bool others = isfinite(run->part.cpu_energy_j) || isfinite(run->part.dram_energy_j);
    double error =
        run->part.energy_j > 0 && !others
            ? run->part.energy_error_j / run->part.energy_j + run->part.sensor_error_fraction
            : (double)NAN;
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (error <= classes[i].most) {
            json_put_text(doc, "quality", classes[i].name);
            return;
        }
}

bool export_boamps_has(const struct wt_trial *run)
{
    return isfinite(measured_j(run)) && run->part.gpu_count > 0;
}

struct json_doc *export_boamps_document(const struct export_boamps_run *report)
{
    struct json_doc *doc = json_doc_new();
    put_header(doc, report);
    put_task(doc, report);
    put_measures(doc, report->run);
    put_infrastructure(doc, report->run);
    put_environment(doc, report->run);
    put_quality(doc, report->run);
    return doc;
}
