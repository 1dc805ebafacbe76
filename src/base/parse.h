/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict parsing of the words of people and files: the whole text must be the value, in the "C"
 * locale, or it is an error.  Each returns 0, or WT_E_PARSE (not such a value) or WT_E_RANGE with
 * outputs untouched; callers add the sentence, since they know the place.
 */
#ifndef WATTUNE_BASE_PARSE_H
#define WATTUNE_BASE_PARSE_H

#include <stddef.h>
#include <stdint.h>

/* Decimal digits only: no sign, no space, no hexadecimal. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* A finite decimal number, exponent allowed; not "nan", "inf" or hexadecimal. */
int parse_number(const char *text, double min, double max, double *value);

/* "10%" or "0.1" -> 0.1. */
int parse_fraction(const char *text, double min, double max, double *value);

/* A unit, its size in the caller's own, and the caller's kind of it. */
struct parse_unit {
    const char *name;
    double size;
    int kind;
};

/* A number of at least 0 and one of units[0..count), "2kWh" or "2 kWh": the value in the caller's
 * own unit, and which row it was.  WT_E_RANGE: negative, or too large for a number. */
int parse_quantity(const char *text, const struct parse_unit units[], unsigned count, double *value,
                   const struct parse_unit **unit);

/* A moment as RFC 3339 has it, "2025-03-01T12:00:00Z" or with an offset such as +01:00 (never
 * without), as milliseconds since 1970 UTC; finer digits are cut off.  T and Z may be small
 * letters, T a space.  No leap seconds. */
int parse_time(const char *text, int64_t *wall_ms);

/* The same, a date alone ("2025-03-01": when it began, UTC), or an age: "90m", "12h", "7d", "2w"
 * before now_ms. */
int parse_time_or_age(const char *text, int64_t now_ms, int64_t *wall_ms);

/* A comma list of watts -> milliwatts, at most `capacity` (256 at most), each within 1 W to 10 kW,
 * none twice.  Returns how many, at least 1. */
int parse_watt_list(const char *text, uint32_t limits_mw[], unsigned capacity);

/* The next part of a separated list: copies it (trimmed) into part[0..size), moves *cursor behind
 * it.  Returns 1 for a part, 0 at the end, WT_E_RANGE when a part does not fit. */
int parse_next_part(const char **cursor, char separator, char *part, size_t size);

#endif
