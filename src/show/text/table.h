/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside show/: aligned text tables, fields of CSV, and numbers with units for people.
 */
#ifndef WATTUNE_SHOW_TEXT_TABLE_H
#define WATTUNE_SHOW_TEXT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "flow/device.h"

/* Cells are put row by row; the first row is the heading. */
struct table {
    const char *columns; /* one letter a column: 'l' or 'r', the side its text leans to */
    unsigned count;      /* cells */
    struct buffer cells; /* each ended by a 0 */
};

void table_put(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_put_name(struct table *table,
                    const char *name); /* escaped, cut at 40 bytes; "-" when empty */
void table_heading(struct table *table, const char *const headings[]);

/* Appends the table with two spaces between columns and `indent` in front, and empties it. */
void table_print(struct table *table, struct buffer *out, const char *indent, bool colour);

/* Fields of comma-separated values, each with the comma in front: a name (valid UTF-8, quoted when
 * it needs it, and no formula), and a number (12 digits; nothing when it is not finite). */
void csv_put_name(struct buffer *out, const char *name);
void csv_put_number(struct buffer *out, double value);

/* Four digits and a unit that fits; "unknown" for a value that is not finite. */
enum { UNIT_SIZE = 32 };
char *unit_count(char text[UNIT_SIZE], double count); /* 4 digits, or whole: no exponent */
char *unit_energy(char text[UNIT_SIZE], double energy_j);
char *unit_watt_hours(char text[UNIT_SIZE], double energy_j); /* the unit of bills and grids */
char *unit_grams(char text[UNIT_SIZE], double grams);         /* of CO2e */
char *unit_power(char text[UNIT_SIZE], double power_w);
char *unit_limit(char text[UNIT_SIZE], uint32_t limit_mw); /* 0: unknown */
char *unit_time(char text[UNIT_SIZE], double time_s);
char *unit_percent(char text[UNIT_SIZE], double fraction);
char *unit_wall(char text[UNIT_SIZE], int64_t wall_ms); /* 2025-03-01 12:00:00 UTC */

/* The reasons' names of `monitor --json` with + between them, "none", or `unknown`; in devices.c.
 */
char *throttle_words(char text[96], const struct wt_state *state, const char *unknown);

/* ANSI: bold, green; "" without colour. */
const char *paint(bool colour, char what); /* 'b', 'g', or '0' for the end */

#endif
