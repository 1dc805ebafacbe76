/* SPDX-License-Identifier: Apache-2.0
 *
 * Aligned text tables, and numbers with units.
 */
#include "show/text/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { MOST_COLUMNS = 16 };

void table_put(struct table *table, const char *format, ...)
{
    char cell[512];
    va_list args;
    va_start(args, format);
    vsnprintf(cell, sizeof cell, format, args);
    va_end(args);
    buffer_append(&table->cells, cell, strlen(cell) + 1);
    table->count++;
}

void table_put_name(struct table *table, const char *name)
{
    char shown[44];
    table_put(table, "%s", name[0] ? text_escape_into(shown, sizeof shown, name) : "-");
}

void table_heading(struct table *table, const char *const headings[])
{
    for (size_t i = 0; i < strlen(table->columns); i++)
        table_put(table, "%s", headings[i]);
}

static void pad(struct buffer *out, size_t width)
{
    buffer_print(out, "%*s", (int)width, "");
}

static void print_row(struct buffer *out, const char *columns, const char *cell,
                      const size_t widths[])
{
    size_t owed = 0; /* spaces are printed only in front of something: lines have no tail of them */
    for (size_t c = 0; columns[c]; c++, cell += strlen(cell) + 1) {
        size_t width = text_width(cell), room = widths[c] - width;
        size_t left = columns[c] == 'r' ? room : 0;
        if (width) {
            pad(out, owed + left);
            buffer_append(out, cell, strlen(cell));
            owed = 0;
        } else {
            owed += left;
        }
        owed += room - left + 2;
    }
}

void table_print(struct table *table, struct buffer *out, const char *indent, bool colour)
{
    size_t widths[MOST_COLUMNS] = {0}, columns = strlen(table->columns);
    const char *cell = buffer_text(&table->cells);
    if (table->cells.failed)
        out->failed = true;
    bool usable = !table->cells.failed && columns <= MOST_COLUMNS;
    for (unsigned i = 0; usable && i < table->count; i++, cell += strlen(cell) + 1)
        if (text_width(cell) > widths[i % columns])
            widths[i % columns] = text_width(cell);
    cell = buffer_text(&table->cells);
    for (unsigned row = 0; usable && row < table->count / columns; row++) {
        buffer_print(out, "%s%s", indent, row ? "" : paint(colour, 'b'));
        print_row(out, table->columns, cell, widths);
        buffer_print(out, "%s\n", row ? "" : paint(colour, '0'));
        for (size_t c = 0; c < columns; c++)
            cell += strlen(cell) + 1;
    }
    buffer_clear(&table->cells);
    table->count = 0;
}

const char *paint(bool colour, char what)
{
    return !colour ? "" : what == 'b' ? "\x1b[1m" : what == 'g' ? "\x1b[32m" : "\x1b[0m";
}

/* --- Units --- */

/* The value in the largest of the units (each 1000 of the one before) that leaves at least 1; 0 in
 * the `plain` one. */
static char *scaled(char text[UNIT_SIZE], double value, const char *const units[], int count,
                    double first, int plain)
{
    if (!isfinite(value)) {
        snprintf(text, UNIT_SIZE, "unknown");
        return text;
    }
    int unit = value == 0 ? plain : 0;
    value /= first;
    while (unit + 1 < count &&
           fabs(value) >= 999.95) { /* would be printed as 1000 of the smaller unit */
        value /= 1000;
        unit++;
    }
    /* Four digits without an exponent. */
    double size = fabs(value);
    snprintf(text, UNIT_SIZE, "%.*f %s",
             value == 0 || size >= 999.95 ? 0
             : size >= 99.995             ? 1
             : size >= 9.9995             ? 2
                                          : 3,
             value, units[unit]);
    return text;
}

char *unit_count(char text[UNIT_SIZE], double count)
{
    if (isfinite(count))
        snprintf(text, UNIT_SIZE, fabs(count) < 9999.5 ? "%.4g" : "%.0f", count);
    else
        snprintf(text, UNIT_SIZE, "unknown");
    return text;
}

char *unit_energy(char text[UNIT_SIZE], double energy_j)
{
    static const char *const units[] = {"mJ", "J", "kJ", "MJ", "GJ"};
    return scaled(text, energy_j, units, 5, 1e-3, 1);
}

char *unit_watt_hours(char text[UNIT_SIZE], double energy_j)
{
    static const char *const units[] = {"mWh", "Wh", "kWh", "MWh", "GWh"};
    return scaled(text, energy_j / 3600, units, 5, 1e-3, 1);
}

char *unit_grams(char text[UNIT_SIZE], double grams)
{
    static const char *const units[] = {"ug", "mg", "g", "kg", "t", "kt"};
    return scaled(text, grams, units, 6, 1e-6, 2);
}

char *unit_power(char text[UNIT_SIZE], double power_w)
{
    if (isfinite(power_w))
        snprintf(text, UNIT_SIZE, "%.1f W", power_w);
    else
        snprintf(text, UNIT_SIZE, "unknown");
    return text;
}

char *unit_limit(char text[UNIT_SIZE], uint32_t limit_mw)
{
    if (limit_mw)
        snprintf(text, UNIT_SIZE, "%.6g W", limit_mw / 1e3);
    else
        snprintf(text, UNIT_SIZE, "unknown");
    return text;
}

char *unit_time(char text[UNIT_SIZE], double time_s)
{
    static const char *const units[] = {"us", "ms", "s"};
    if (!isfinite(time_s) || time_s < 59.95)
        return scaled(text, time_s, units, 3, 1e-6, 2);
    double whole = round(time_s), minutes = floor(whole / 60), hours = floor(minutes / 60);
    if (whole < 3600)
        snprintf(text, UNIT_SIZE, "%.0f min %02.0f s", minutes, whole - 60 * minutes);
    else if (hours < 48)
        snprintf(text, UNIT_SIZE, "%.0f h %02.0f min", hours, minutes - 60 * hours);
    else
        snprintf(text, UNIT_SIZE, "%.0f d %02.0f h", floor(hours / 24), fmod(hours, 24));
    return text;
}

char *unit_percent(char text[UNIT_SIZE], double fraction)
{
    if (isfinite(fraction))
        snprintf(text, UNIT_SIZE, "%.1f %%", 100 * fraction);
    else
        snprintf(text, UNIT_SIZE, "unknown");
    return text;
}

char *unit_wall(char text[UNIT_SIZE], int64_t wall_ms)
{
    char iso[32];
    if (!wall_ms || strlen(clock_format_wall(wall_ms, iso)) < 24)
        snprintf(text, UNIT_SIZE, "unknown");
    else
        snprintf(text, UNIT_SIZE, "%.10s %.8s UTC", iso, iso + 11);
    return text;
}

/* --- CSV --- */

void csv_put_name(struct buffer *out, const char *name)
{
    struct buffer valid = {0};
    if (name[0] && strchr("=+-@\t\r", name[0]))
        buffer_append(&valid, "'", 1);
    text_repair(&valid, name);
    const char *text = buffer_text(&valid);
    bool quote = strpbrk(text, ",\"\r\n") != NULL;
    buffer_append(out, ",\"", quote ? 2 : 1);
    for (; *text; text++)
        buffer_append(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    buffer_append(out, "\"", quote ? 1 : 0);
    out->failed = out->failed || valid.failed;
    buffer_clear(&valid);
}

void csv_put_number(struct buffer *out, double value)
{
    if (isfinite(value))
        buffer_print(out, ",%.12g", value);
    else
        buffer_append(out, ",", 1);
}
