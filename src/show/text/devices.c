/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices: their limits, their energy, and their state, as text and as CSV.
 */
#include "show/text/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "show/text/fields.h"
#include "show/text/table.h"

#define HEADINGS(...) ((const char *const[]){__VA_ARGS__})

static double known(const struct wt_state *state, enum wt_state_field field, double value)
{
    return state->known & field ? value : (double)NAN;
}

/* Reasons joined by '+', "none", or `unknown`. */
char *throttle_words(char text[96], const struct wt_state *state, const char *unknown)
{
    text[0] = '\0';
    for (unsigned bit = 0; bit < FIELDS_THROTTLE; bit++)
        if (state->throttle & 1u << bit)
            snprintf(text + strlen(text), 96 - strlen(text), "%s%s", text[0] ? "+" : "",
                     fields_throttle[bit]);
    if (!(state->known & WT_STATE_THROTTLE))
        snprintf(text, 96, "%s", unknown);
    else if (!text[0])
        snprintf(text, 96, "none");
    return text;
}

void view_limits(struct buffer *out, const struct wt_device devices[],
                 const struct wt_state states[], size_t count, bool colour)
{
    if (!count) {
        buffer_print(out, "no devices\n");
        return;
    }
    struct table table = {.columns = "rlrrrrr"};
    char text[UNIT_SIZE];
    table_heading(&table, HEADINGS("GPU", "NAME", "LIMIT", "ENFORCED", "DEFAULT", "MIN", "MAX"));
    for (size_t i = 0; i < count; i++) {
        const struct wt_state *s = &states[i];
        table_put(&table, "%u", devices[i].index);
        table_put_name(&table, devices[i].name);
        table_put(&table, "%s", unit_limit(text, s->known & WT_STATE_LIMIT ? s->limit_mw : 0));
        table_put(&table, "%s",
                  unit_limit(text, s->known & WT_STATE_ENFORCED ? s->enforced_limit_mw : 0));
        table_put(&table, "%s", unit_limit(text, devices[i].limit_default_mw));
        table_put(&table, "%s", unit_limit(text, devices[i].limit_min_mw));
        table_put(&table, "%s", unit_limit(text, devices[i].limit_max_mw));
    }
    table_print(&table, out, "", colour);
}

void view_measure(struct buffer *out, double time_s, const struct wt_device devices[],
                  const struct wt_measurement measurements[], const double sensor_error_fraction[],
                  size_t count, bool colour)
{
    static const char *const kinds[] = {"GPU", "CPU", "DRAM"};
    static const char *const words[] = WT_SOURCE_WORDS;
    struct table table = {.columns = "llrrrrl"};
    char text[UNIT_SIZE], sensor[UNIT_SIZE];
    double sum_j = count ? 0 : (double)NAN, sum_error_j = sum_j;
    table_heading(&table,
                  HEADINGS("DEVICE", "NAME", "ENERGY", "ERROR", "SENSOR", "POWER", "SOURCE"));
    for (size_t i = 0; i < count; i++) {
        const struct wt_measurement *m = &measurements[i];
        bool measured = m->source != WT_SOURCE_NONE;
        double energy_j = measured ? (double)m->energy_mj / 1e3 : (double)NAN;
        double off_j = measured ? (double)m->energy_error_mj / 1e3 : (double)NAN;
        double seconds = (double)(m->end_ns - m->begin_ns) / 1e9;
        table_put(&table, "%s %u", kinds[devices[i].kind], devices[i].index);
        table_put_name(&table, devices[i].name);
        table_put(&table, "%s", unit_energy(text, energy_j));
        table_put(&table, "+- %s", unit_energy(text, off_j));
        table_put(&table, "%s%s", isfinite(sensor_error_fraction[i]) ? "+- " : "",
                  unit_percent(sensor, sensor_error_fraction[i]));
        table_put(&table, "%s", unit_power(text, seconds > 0 ? energy_j / seconds : (double)NAN));
        table_put(&table, "%s", m->source == WT_SOURCE_NONE ? "unknown" : words[m->source]);
        sum_j += energy_j;
        sum_error_j += off_j;
    }
    if (count)
        table_print(&table, out, "", colour);
    buffer_clear(&table.cells);
    buffer_print(out, "%s in %s", unit_energy(text, sum_j), unit_time(sensor, time_s));
    if (isfinite(sum_j))
        buffer_print(out, ", +- %s", unit_energy(text, sum_error_j));
    buffer_print(out, "\n");
}

/* --- Monitor --- */

void view_monitor_heading(struct buffer *out, bool precise, bool colour)
{
    buffer_print(out, "%s%-12s %3s  ", paint(colour, 'b'), "TIME (UTC)", "GPU");
    if (precise)
        buffer_print(out, "%10s %11s %10s ", "USED", "+-", "MEAN POWER");
    buffer_print(out, "%10s %10s %10s %10s %7s %7s %9s %10s  %s%s\n", "POWER", "LIMIT", "ENFORCED",
                 "ENERGY", "TEMP", "UTIL", "SM CLOCK", "MEMORY", "THROTTLE", paint(colour, '0'));
}

/* A number with its unit, or "unknown", in a column. */
static void put_column(struct buffer *out, int width, double value, const char *unit)
{
    char text[UNIT_SIZE] = "unknown";
    if (isfinite(value))
        snprintf(text, sizeof text, "%.0f %s", value, unit);
    buffer_print(out, " %*s", width, text);
}

static double used_j(const struct wt_measurement *m)
{
    return m->source != WT_SOURCE_NONE ? (double)m->energy_mj / 1e3 : (double)NAN;
}

static double error_j(const struct wt_measurement *m)
{
    return m->source != WT_SOURCE_NONE ? (double)m->energy_error_mj / 1e3 : (double)NAN;
}

static double length_s(const struct wt_measurement *m)
{
    return m->end_ns > m->begin_ns ? (double)(m->end_ns - m->begin_ns) / 1e9 : (double)NAN;
}

void view_monitor_lines(struct buffer *out, int64_t wall_ms, const struct wt_device devices[],
                        const struct wt_state states[], const struct wt_measurement since[],
                        size_t count)
{
    char iso[32], text[UNIT_SIZE], reasons[96];
    clock_format_wall(wall_ms, iso);
    for (size_t i = 0; i < count; i++) {
        const struct wt_state *s = &states[i];
        buffer_print(out, "%-12.12s %3u ", strlen(iso) == 24 ? iso + 11 : iso, devices[i].index);
        if (since) {
            buffer_print(out, " %10s", unit_energy(text, used_j(&since[i])));
            buffer_print(out, " %11s", unit_energy(text, error_j(&since[i])));
            buffer_print(out, " %10s", unit_power(text, used_j(&since[i]) / length_s(&since[i])));
        }
        buffer_print(out, " %10s", unit_power(text, known(s, WT_STATE_POWER, s->power_mw / 1e3)));
        buffer_print(out, " %10s", unit_limit(text, s->known & WT_STATE_LIMIT ? s->limit_mw : 0));
        buffer_print(out, " %10s",
                     unit_limit(text, s->known & WT_STATE_ENFORCED ? s->enforced_limit_mw : 0));
        buffer_print(out, " %10s",
                     unit_energy(text, known(s, WT_STATE_ENERGY, (double)s->energy_mj / 1e3)));
        put_column(out, 7, known(s, WT_STATE_TEMPERATURE, s->temperature_c), "C");
        put_column(out, 7, known(s, WT_STATE_UTILIZATION, s->utilization_percent), "%");
        put_column(out, 9, known(s, WT_STATE_SM_CLOCK, s->sm_clock_mhz), "MHz");
        put_column(out, 10, known(s, WT_STATE_MEMORY, (double)s->memory_used_bytes / 1048576),
                   "MiB");
        buffer_print(out, "  %s\n", throttle_words(reasons, s, "unknown"));
    }
}

static void csv_heading(struct buffer *out)
{
    static const struct wt_state none;
    struct field fields[FIELDS_STATE];
    fields_of_state(&none, fields);
    buffer_print(out, "time,index,uuid,name");
    fields_csv_heading(out, fields, FIELDS_STATE);
    buffer_print(out, ",throttle");
}

void view_monitor_csv_heading(struct buffer *out, bool precise)
{
    static const struct wt_measurement none;
    struct field fields[FIELDS_INTERVAL];
    csv_heading(out);
    if (precise) {
        fields_of_interval(&none, fields);
        fields_csv_heading(out, fields, FIELDS_INTERVAL);
        buffer_print(out, ",interval_source");
    }
    buffer_append(out, "\n", 1);
}

static void csv_row(struct buffer *out, int64_t wall_ms, const struct wt_device *device,
                    const struct wt_state *s)
{
    char iso[32], reasons[96];
    struct field fields[FIELDS_STATE];
    fields_of_state(s, fields);
    buffer_print(out, "%s,%u", wall_ms ? clock_format_wall(wall_ms, iso) : "", device->index);
    csv_put_name(out, device->uuid);
    csv_put_name(out, device->name);
    fields_csv(out, fields, FIELDS_STATE);
    buffer_print(out, ",%s", throttle_words(reasons, s, ""));
}

static void csv_interval(struct buffer *out, const struct wt_measurement *m)
{
    static const char *const words[] = WT_SOURCE_WORDS;
    struct field fields[FIELDS_INTERVAL];
    fields_of_interval(m, fields);
    fields_csv(out, fields, FIELDS_INTERVAL);
    buffer_print(out, ",%s", words[m->source]);
}

void view_monitor_csv(struct buffer *out, int64_t wall_ms, const struct wt_device devices[],
                      const struct wt_state states[], const struct wt_measurement since[],
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        csv_row(out, wall_ms, &devices[i], &states[i]);
        if (since)
            csv_interval(out, &since[i]);
        buffer_append(out, "\n", 1);
    }
}

void view_record_heading(struct buffer *out)
{
    csv_heading(out);
    buffer_print(out, ",t_ns\n");
}

void view_record(struct buffer *out, int64_t wall_ms, const struct wt_device devices[],
                 const struct wt_state states[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!states[i].known)
            continue;
        csv_row(out, wall_ms, &devices[i], &states[i]);
        buffer_print(out, ",%lld\n", (long long)states[i].t_ns);
    }
}
