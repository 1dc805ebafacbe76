/* SPDX-License-Identifier: Apache-2.0
 *
 * The document of a fleet.  The lines of watched devices add up: energy_j = runs - overlap + idle +
 * unattributed.
 */
#include "show/json/documents.h"

#include <math.h>

#include "show/json/parts.h"

static void put_figures(struct json_doc *doc, const char *key,
                        const struct wt_fleet_figures *figures)
{
    json_open_object(doc, key);
    json_put_number(doc, "energy_j", figures->energy_j);
    json_put_number(doc, "facility_energy_j", figures->facility_j);
    json_put_number(doc, "gpu_hours", figures->gpu_hours);
    json_put_number(doc, "operational_location_g", figures->operational_g);
    json_put_number(doc, "embodied_g", figures->embodied_g);
    json_put_number(doc, "embodied_useful_g", figures->embodied_useful_g);
    json_close(doc);
}

static void put_lines(struct json_doc *doc, const struct wt_fleet_lines *lines)
{
    bool watched = lines->watched_hours > lines->unknown_hours;
    const double none = NAN, hours = lines->watched_hours - lines->unknown_hours;
    json_put_number(doc, "watched_gpu_hours", lines->watched_hours);
    json_put_number(doc, "unknown_gpu_hours", lines->unknown_hours);
    json_put_number(doc, "energy_j", watched ? lines->energy_j : none);
    json_put_number(doc, "energy_error_j", watched ? lines->energy_error_j : none);
    json_put_number(doc, "facility_energy_j", lines->facility_j);
    json_put_number(doc, "runs_energy_j", watched ? lines->runs_j : none);
    json_put_number(doc, "overlap_energy_j", watched ? lines->overlap_j : none);
    json_put_number(doc, "idle_energy_j", watched ? lines->idle_j : none);
    json_put_number(doc, "unattributed_energy_j", watched ? lines->unattributed_j : none);
    json_put_number(doc, "reserved_gpu_hours", watched ? lines->reserved_hours : none);
    json_put_number(doc, "overlap_gpu_hours", watched ? lines->overlap_hours : none);
    json_put_number(doc, "idle_gpu_hours", watched ? lines->idle_hours : none);
    json_put_number(doc, "busy_gpu_hours", lines->busy_hours);
    json_put_number(doc, "utilisation", lines->busy_hours / hours);
    json_put_number(doc, "operational_location_g", lines->operational_g);
    json_put_number(doc, "embodied_g", lines->embodied_g);
    json_put_number(doc, "idle_operational_location_g", lines->idle_operational_g);
    json_put_number(doc, "idle_embodied_g", lines->idle_embodied_g);
}

static void put_groups(struct json_doc *doc, const char *name, const char *const keys[],
                       unsigned key_count, const struct wt_rows *rows)
{
    json_open_array(doc, name);
    for (size_t k = 0; k < rows->count; k++) {
        json_open_object(doc, NULL);
        json_open_object(doc, "key");
        for (unsigned i = 0; i < key_count; i++)
            json_put_known_text(doc, keys[i], rows->rows[k].keys[i]);
        json_close(doc);
        json_put_sums(doc, &rows->rows[k]);
        json_close(doc);
    }
    json_close(doc);
}

static void put_devices(struct json_doc *doc, const struct wt_fleet *fleet)
{
    json_open_array(doc, "devices");
    for (size_t i = 0; i < fleet->device_count; i++) {
        const struct wt_fleet_device *device = &fleet->devices[i];
        json_open_object(doc, NULL);
        json_put_known_text(doc, "node", device->node);
        json_put_count(doc, "index", device->index);
        json_put_known_text(doc, "uuid", device->uuid);
        json_put_known_text(doc, "name", device->name);
        put_lines(doc, &device->lines);
        json_close(doc);
    }
    json_close(doc);
}

static void put_potentials(struct json_doc *doc, const struct wt_fleet *fleet)
{
    json_open_object(doc, "potential");
    json_put_number(doc, "eta", fleet->eta);
    json_put_number(doc, "energy_j", fleet->tunable_j);
    json_put_number(doc, "energy_at_choice_j", fleet->at_choice_j);
    json_put_number(doc, "energy_at_least_j", fleet->at_least_j);
    json_open_array(doc, "jobs");
    for (size_t i = 0; i < fleet->jobs.count; i++) {
        const struct wt_potential *p = &fleet->potentials[i];
        if (!isfinite(p->chosen_energy))
            continue;
        json_open_object(doc, NULL);
        json_put_text(doc, "job", p->job);
        json_put_watts(doc, "power_limit_w", p->limit_mw);
        json_put_watts(doc, "chosen_power_limit_w", p->chosen_mw);
        json_put_number(doc, "chosen_energy_fraction", p->chosen_energy);
        json_put_number(doc, "chosen_time_fraction", p->chosen_time);
        json_put_watts(doc, "least_energy_power_limit_w", p->least_mw);
        json_put_number(doc, "least_energy_fraction", p->least_energy);
        json_put_number(doc, "least_energy_time_fraction", p->least_time);
        json_close(doc);
    }
    json_close(doc);
    json_close(doc);
}

static void put_what_if(struct json_doc *doc, const struct wt_fleet *fleet)
{
    const struct wt_what_if *what_if = &fleet->what_if;
    json_open_object(doc, "what_if");
    json_put_number(doc, "intensity_g_per_kwh", what_if->intensity_g_per_kwh);
    json_put_number(doc, "pue", what_if->pue);
    json_put_number(doc, "utilisation", what_if->utilisation);
    json_put_number(doc, "lifetime_years", what_if->lifetime_years);
    json_put_number(doc, "eta", what_if->eta);
    put_figures(doc, "then", &fleet->then);
    json_close(doc);
}

struct json_doc *json_fleet_document(const struct wt_fleet *fleet)
{
    static const char *const job_and_phase[] = {"job", "phase"};
    const struct {
        const char *name, *key;
        const struct wt_rows *rows;
    } groups[] = {{"phases", "phase", &fleet->phases},
                  {"days", "day", &fleet->days},
                  {"users", "user", &fleet->users},
                  {"projects", "project", &fleet->projects},
                  {"gpus", "gpu", &fleet->gpus}};
    struct json_doc *doc = json_doc_new();
    json_put_count(doc, "schema_version", JSON_SCHEMA_VERSION);
    json_put_wall(doc, "from", fleet->from_ms == INT64_MIN ? 0 : fleet->from_ms);
    json_put_wall(doc, "to", fleet->to_ms == INT64_MAX ? 0 : fleet->to_ms);
    put_figures(doc, "now", &fleet->now);
    if (fleet->has_what_if)
        put_what_if(doc, fleet);
    json_open_object(doc, "runs");
    json_put_sums(doc, &fleet->total);
    json_close(doc);
    json_open_object(doc, "watched");
    put_lines(doc, &fleet->lines);
    put_devices(doc, fleet);
    json_close(doc);
    json_put_text(doc, "days_are_of", fleet->by_hour ? "hours" : "run starts");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        put_groups(doc, groups[i].name, &groups[i].key, 1, groups[i].rows);
    put_groups(doc, "tasks", job_and_phase, 2, &fleet->tasks);
    put_potentials(doc, fleet);
    return doc;
}
