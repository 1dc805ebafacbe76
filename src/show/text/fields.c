/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows behind JSON keys and CSV columns.
 */
#include "show/text/fields.h"

#include <math.h>
#include <string.h>

#include "show/text/report.h"
#include "show/text/table.h"

const char *const fields_throttle[FIELDS_THROTTLE] = {
    "sw_power_cap", "hw_slowdown", "sw_thermal", "hw_thermal", "hw_power_brake", "sync_boost"};

static double if_known(const struct wt_state *s, enum wt_state_field field, double value)
{
    return s->known & field ? value : (double)NAN;
}

void fields_of_state(const struct wt_state *s, struct field fields[FIELDS_STATE])
{
    double energy_j = if_known(s, WT_STATE_ENERGY, (double)s->energy_mj / 1e3);
    double limit_w = if_known(s, WT_STATE_LIMIT, s->limit_mw / 1e3);
    double enforced_w = if_known(s, WT_STATE_ENFORCED, s->enforced_limit_mw / 1e3);
    double utilization = if_known(s, WT_STATE_UTILIZATION, s->utilization_percent / 1e2);
    double clock_mhz = if_known(s, WT_STATE_SM_CLOCK, s->sm_clock_mhz);
    double memory = if_known(s, WT_STATE_MEMORY, (double)s->memory_used_bytes);
    const struct field rows[FIELDS_STATE] = {
        {.key = "power_w", .number = if_known(s, WT_STATE_POWER, s->power_mw / 1e3)},
        {.key = "energy_j", .number = energy_j, .form = FIELD_MILLI, .exact = s->energy_mj},
        {.key = "power_limit_w", .number = limit_w},
        {.key = "enforced_limit_w", .number = enforced_w},
        {.key = "temperature_c", .number = if_known(s, WT_STATE_TEMPERATURE, s->temperature_c)},
        {.key = "utilization", .number = utilization},
        {.key = "sm_clock_mhz", .number = clock_mhz, .form = FIELD_WHOLE, .exact = s->sm_clock_mhz},
        {.key = "memory_used_bytes",
         .number = memory,
         .form = FIELD_WHOLE,
         .exact = s->memory_used_bytes},
    };
    memcpy(fields, rows, sizeof rows);
    for (unsigned i = 0; i < FIELDS_STATE; i++)
        fields[i].column = fields[i].key;
}

void fields_of_interval(const struct wt_measurement *m, struct field fields[FIELDS_INTERVAL])
{
    bool known = m->source != WT_SOURCE_NONE;
    double length_s =
               m->end_ns > m->begin_ns ? (double)(m->end_ns - m->begin_ns) / 1e9 : (double)NAN,
           energy_j = known ? (double)m->energy_mj / 1e3 : (double)NAN,
           error_j = known ? (double)m->energy_error_mj / 1e3 : (double)NAN;
    const struct field rows[FIELDS_INTERVAL] = {
        {.key = "interval_s", .number = length_s},
        {.key = "interval_energy_j", .number = energy_j},
        {.key = "interval_energy_error_j", .number = error_j},
        {.key = "interval_power_w", .number = energy_j / length_s},
    };
    memcpy(fields, rows, sizeof rows);
    for (unsigned i = 0; i < FIELDS_INTERVAL; i++)
        fields[i].column = fields[i].key;
}

void fields_of_sums(const struct wt_report_row *row, struct field fields[FIELDS_SUMS])
{
    const struct field rows[FIELDS_SUMS] = {
        {NULL, "gpu_hours", "gpu_hours", row->gpu_hours, FIELD_NUMBER, 0},
        {NULL, "busy_gpu_hours", "busy_gpu_hours", row->busy_gpu_hours, FIELD_NUMBER, 0},
        {"energy_j", "gpu", "energy_gpu_j", row->gpu_j, FIELD_NUMBER, 0},
        {"energy_j", "cpu", "energy_cpu_j", row->cpu_j, FIELD_NUMBER, 0},
        {"energy_j", "dram", "energy_dram_j", row->dram_j, FIELD_NUMBER, 0},
        {"energy_j", "total", "energy_total_j", report_measured_j(row), FIELD_NUMBER, 0},
        {NULL, "facility_energy_j", "facility_energy_j", row->facility_j, FIELD_NUMBER, 0},
        {"carbon", "operational_location_g", "operational_location_g", row->operational_g,
         FIELD_NUMBER, 0},
        {"carbon", "operational_market_g", "operational_market_g", row->market_g, FIELD_NUMBER, 0},
        {"carbon", "embodied_g", "embodied_g", row->embodied_g, FIELD_NUMBER, 0},
        {"carbon", "embodied_useful_g", "embodied_useful_g", row->embodied_useful_g, FIELD_NUMBER,
         0},
        {"carbon", "total_location_g", "total_location_g", report_total_g(row), FIELD_NUMBER, 0},
        {"savings", "energy_j", "savings_energy_j", row->saved_j, FIELD_NUMBER, 0},
        {"savings", "energy_error_j", "savings_energy_error_j", row->saved_error_j, FIELD_NUMBER,
         0},
        {"savings", "carbon_g", "savings_carbon_g", row->saved_g, FIELD_NUMBER, 0},
    };
    memcpy(fields, rows, sizeof rows);
}

void fields_csv_heading(struct buffer *out, const struct field fields[], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_print(out, ",%s", fields[i].column);
}

void fields_csv(struct buffer *out, const struct field fields[], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct field *field = &fields[i];
        if (isfinite(field->number) && field->form == FIELD_WHOLE)
            buffer_print(out, ",%llu", (unsigned long long)field->exact);
        else if (isfinite(field->number) && field->form == FIELD_MILLI &&
                 field->exact >= 100000000000) /* a double in 12 digits would drop thousandths */
            buffer_print(out, ",%llu.%03u", (unsigned long long)(field->exact / 1000),
                         (unsigned)(field->exact % 1000));
        else
            csv_put_number(out, field->number);
    }
}
