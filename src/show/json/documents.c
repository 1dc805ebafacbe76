/* SPDX-License-Identifier: Apache-2.0
 *
 * The documents of the outside, except the run's (run_document.c).
 */
#include "show/json/documents.h"

#include <math.h>

#include "base/clock.h"
#include "show/json/parts.h"

void json_put_watts(struct json_doc *doc, const char *key, uint32_t power_mw)
{
    json_put_number(doc, key, power_mw ? power_mw / 1e3 : (double)NAN);
}

void json_put_wall(struct json_doc *doc, const char *key, int64_t wall_ms)
{
    char text[32];
    json_put_text(doc, key, wall_ms ? clock_format_wall(wall_ms, text) : NULL);
}

void json_put_known_text(struct json_doc *doc, const char *key, const char *text)
{
    json_put_text(doc, key, text[0] ? text : NULL);
}

void json_put_source(struct json_doc *doc, const char *key, enum wt_source source)
{
    static const char *const words[] = WT_SOURCE_WORDS;
    json_put_known_text(doc, key, source <= WT_SOURCE_REPLAYED ? words[source] : "");
}

static struct json_doc *new_document(void)
{
    struct json_doc *doc = json_doc_new();
    json_put_integer(doc, "schema_version", JSON_SCHEMA_VERSION);
    return doc;
}

static void put_identity(struct json_doc *doc, const struct wt_device *device)
{
    json_put_integer(doc, "index", device->index);
    json_put_known_text(doc, "uuid", device->uuid);
    json_put_known_text(doc, "name", device->name);
}

struct json_doc *json_jobs_document(const struct wt_job_row rows[], size_t count)
{
    struct json_doc *doc = new_document();
    json_open_array(doc, "jobs");
    for (size_t i = 0; i < count; i++) {
        const struct wt_job_row *row = &rows[i];
        json_open_object(doc, NULL);
        json_put_text(doc, "job", row->job);
        json_put_known_text(doc, "phase", row->phase);
        json_put_known_text(doc, "project", row->project);
        json_put_integer(doc, "recurrences", row->recurrences);
        json_put_integer(doc, "trials", row->trials);
        json_put_integer(doc, "trials_not_ended", row->unended);
        json_put_wall(doc, "last_started", row->last_started_ms);
        json_put_number(doc, "energy_j", row->energy_j);
        json_put_integer(doc, "trials_without_energy", row->energy_unknown);
        json_put_number(doc, "time_s", row->time_s);
        json_put_number(doc, "best_energy_fraction", row->best_energy_fraction);
        json_put_number(doc, "best_energy_fraction_error", row->best_energy_fraction_error);
        json_close(doc);
    }
    json_close(doc);
    return doc;
}

struct json_doc *json_config_document(const struct json_setting settings[], size_t count,
                                      const char *const files[])
{
    struct json_doc *doc = new_document();
    json_open_array(doc, "files");
    for (unsigned i = 0; files[i]; i++)
        json_put_text(doc, NULL, files[i]);
    json_close(doc);
    json_open_array(doc, "values");
    for (size_t i = 0; i < count; i++) {
        json_open_object(doc, NULL);
        json_put_text(doc, "name", settings[i].name);
        json_put_text(doc, "value", settings[i].value);
        json_put_text(doc, "origin", settings[i].origin);
        json_put_text(doc, "where", settings[i].where);
        json_close(doc);
    }
    json_close(doc);
    return doc;
}

struct json_doc *json_doctor_document(const struct wt_check checks[], size_t count)
{
    static const char *const words[] = {"good", "degraded", "missing"};
    struct json_doc *doc = new_document();
    json_open_array(doc, "checks");
    for (size_t i = 0; i < count; i++) {
        const struct wt_check *check = &checks[i];
        json_open_object(doc, NULL);
        json_put_text(doc, "name", check->name);
        json_put_known_text(doc, "device", check->device);
        json_put_text(doc, "status", words[check->status]);
        json_put_bool(doc, "needed", check->needed);
        json_put_text(doc, "detail", check->detail);
        json_put_known_text(doc, "todo", check->todo);
        for (unsigned k = 0; k < check->value_count; k++)
            json_put_number(doc, check->values[k].key, check->values[k].value);
        json_close(doc);
    }
    json_close(doc);
    return doc;
}

/* Puts a limit that a state may know. */
static void put_state_watts(struct json_doc *doc, const char *key, const struct wt_state *state,
                            enum wt_state_field field, uint32_t power_mw)
{
    if (state->known & field)
        json_put_number(doc, key, power_mw / 1e3);
    else
        json_put_null(doc, key);
}

struct json_doc *json_limits_document(const struct wt_device devices[],
                                      const struct wt_state states[], size_t count)
{
    struct json_doc *doc = new_document();
    json_open_array(doc, "devices");
    for (size_t i = 0; i < count; i++) {
        json_open_object(doc, NULL);
        put_identity(doc, &devices[i]);
        put_state_watts(doc, "power_limit_w", &states[i], WT_STATE_LIMIT, states[i].limit_mw);
        put_state_watts(doc, "enforced_limit_w", &states[i], WT_STATE_ENFORCED,
                        states[i].enforced_limit_mw);
        json_put_watts(doc, "default_w", devices[i].limit_default_mw);
        json_put_watts(doc, "min_w", devices[i].limit_min_mw);
        json_put_watts(doc, "max_w", devices[i].limit_max_mw);
        json_close(doc);
    }
    json_close(doc);
    return doc;
}

/* One device of `measure`; adds to the sums, which become NaN with the first that is not known. */
static void put_measured(struct json_doc *doc, const struct json_measure *measure, size_t i,
                         double *sum_j, double *sum_error_j)
{
    static const char *const kinds[] = {"gpu", "cpu", "dram"};
    const struct wt_measurement *m = &measure->measurements[i];
    bool known = m->source != WT_SOURCE_NONE;
    double energy_j = known ? (double)m->energy_mj / 1e3 : (double)NAN;
    double error_j = known ? (double)m->energy_error_mj / 1e3 : (double)NAN;
    double length_s = (double)(m->end_ns - m->begin_ns) / 1e9;
    json_open_object(doc, NULL);
    json_put_text(doc, "kind", kinds[measure->devices[i].kind]);
    put_identity(doc, &measure->devices[i]);
    json_put_number(doc, "energy_j", energy_j);
    json_put_number(doc, "energy_error_j", error_j);
    json_put_number(doc, "sensor_error_fraction", measure->sensor_error_fraction[i]);
    json_put_number(doc, "average_power_w", length_s > 0 ? energy_j / length_s : (double)NAN);
    json_put_source(doc, "source", m->source);
    json_close(doc);
    *sum_j += energy_j;
    *sum_error_j += error_j;
}

struct json_doc *json_measure_document(const struct json_measure *measure)
{
    struct json_doc *doc = new_document();
    json_open_array(doc, "command");
    for (const char *const *word = measure->command; *word; word++)
        json_put_text(doc, NULL, *word);
    json_close(doc);
    json_put_integer(doc, "exit_code", measure->exit_code);
    json_put_number(doc, "time_s", measure->time_s);
    json_open_array(doc, "devices");
    double sum_j = measure->count ? 0 : (double)NAN,
           sum_error_j = sum_j; /* of nothing: not known, not 0 */
    for (size_t i = 0; i < measure->count; i++)
        put_measured(doc, measure, i, &sum_j, &sum_error_j);
    json_close(doc);
    json_put_number(doc, "energy_j", sum_j);
    json_put_number(doc, "energy_error_j", sum_error_j);
    return doc;
}

void json_put_field(struct json_doc *doc, const struct field *field)
{
    if (isfinite(field->number) && field->form == FIELD_WHOLE)
        json_put_count(doc, field->key, field->exact);
    else if (field->form == FIELD_WHOLE)
        json_put_null(doc, field->key);
    else
        json_put_number(doc, field->key, field->number);
}

static void put_fields(struct json_doc *doc, const struct field fields[], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        json_put_field(doc, &fields[i]);
}

static void put_throttle(struct json_doc *doc, const struct wt_state *state)
{
    if (!(state->known & WT_STATE_THROTTLE)) {
        json_put_null(doc, "throttle");
        return;
    }
    json_open_array(doc, "throttle");
    for (unsigned bit = 0; bit < FIELDS_THROTTLE; bit++)
        if (state->throttle & 1u << bit)
            json_put_text(doc, NULL, fields_throttle[bit]);
    json_close(doc);
}

struct json_doc *json_monitor_document(int64_t wall_ms, const struct wt_device devices[],
                                       const struct wt_state states[],
                                       const struct wt_measurement since[], size_t count)
{
    struct json_doc *doc = new_document();
    struct field fields[FIELDS_STATE], interval[FIELDS_INTERVAL];
    json_put_wall(doc, "time", wall_ms);
    json_open_array(doc, "devices");
    for (size_t i = 0; i < count; i++) {
        const struct wt_state *s = &states[i];
        json_open_object(doc, NULL);
        put_identity(doc, &devices[i]);
        fields_of_state(s, fields);
        put_fields(doc, fields, FIELDS_STATE);
        put_throttle(doc, s);
        if (since) {
            fields_of_interval(&since[i], interval);
            put_fields(doc, interval, FIELDS_INTERVAL);
            json_put_source(doc, "interval_source", since[i].source);
        }
        json_close(doc);
    }
    json_close(doc);
    return doc;
}
