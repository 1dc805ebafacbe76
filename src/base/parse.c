/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict parsing.  strtod() depends on the locale; the programs never call setlocale() for
 * LC_NUMERIC, so it is "C".
 */
#include "base/parse.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hours.h"

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    if (!text || !*text || strspn(text, "0123456789") != strlen(text))
        return WT_E_PARSE;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    if (errno || number < min || number > max)
        return WT_E_RANGE;
    *value = number;
    return 0;
}

int parse_number(const char *text, double min, double max, double *value)
{
    if (!text || !*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return WT_E_PARSE;
    char *end;
    double number = strtod(text, &end);
    if (*end || end == text)
        return WT_E_PARSE;
    if (!isfinite(number) || number < min || number > max)
        return WT_E_RANGE;
    *value = number;
    return 0;
}

int parse_fraction(const char *text, double min, double max, double *value)
{
    char number[64];
    size_t length = text ? strlen(text) : 0;
    if (length == 0 || length >= sizeof number)
        return WT_E_PARSE;
    memcpy(number, text, length + 1);
    double divisor = 1;
    if (number[length - 1] == '%') {
        number[length - 1] = '\0';
        divisor = 100;
    }
    double read;
    int rc = parse_number(number, min * divisor, max * divisor, &read);
    if (rc == 0)
        *value = read / divisor;
    return rc;
}

/* Behind the whole number and at most one blank stands the unit: of kWh and Wh only one leaves a
 * number. */
static int take_quantity(const char *text, size_t length, const struct parse_unit *unit,
                         double *value)
{
    char number[64];
    size_t named = strlen(unit->name);
    if (length <= named || length - named >= sizeof number ||
        strcmp(text + length - named, unit->name) != 0)
        return WT_E_PARSE;
    length -= named;
    if (text[length - 1] == ' ')
        length--;
    memcpy(number, text, length);
    number[length] = '\0';
    return parse_number(number, 0, DBL_MAX / unit->size, value);
}

int parse_quantity(const char *text, const struct parse_unit units[], unsigned count, double *value,
                   const struct parse_unit **unit)
{
    for (unsigned i = 0; i < count; i++) {
        double number;
        int rc = take_quantity(text, strlen(text), &units[i], &number);
        if (rc == WT_E_PARSE)
            continue;
        if (rc == 0) {
            *value = number * units[i].size;
            *unit = &units[i];
        }
        return rc;
    }
    return WT_E_PARSE;
}

/* Exactly that many digits, and the character behind them (0: any). */
static int take_digits(const char **at, unsigned count, char behind, int *value)
{
    *value = 0;
    for (; count > 0; count--, ++*at) {
        if (**at < '0' || **at > '9')
            return WT_E_PARSE;
        *value = *value * 10 + (**at - '0');
    }
    if (behind && *(*at)++ != behind)
        return WT_E_PARSE;
    return 0;
}

/* Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that a leap day is the
 * last of its year. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t years = month > 2 ? year : year - 1,
            day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t era = (years >= 0 ? years : years - 399) / 400, year_of_era = years - era * 400;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* "Z" or "+01:00", to the end of the text. */
static int take_offset(const char *at, int *minutes)
{
    int sign = *at == '-' ? -1 : 1, hour, minute;
    *minutes = 0;
    if (*at == 'Z' || *at == 'z')
        return at[1] ? WT_E_PARSE : 0;
    if (*at != '+' && *at != '-')
        return WT_E_PARSE;
    at++;
    if (take_digits(&at, 2, ':', &hour) || take_digits(&at, 2, 0, &minute) || *at)
        return WT_E_PARSE;
    *minutes = sign * (hour * 60 + minute);
    return hour > 23 || minute > 59 ? WT_E_RANGE : 0;
}

int parse_time(const char *text, int64_t *wall_ms)
{
    int year, month, day, hour, minute, second, offset, ms = 0;
    const char *at = text ? text : "";
    if (take_digits(&at, 4, '-', &year) || take_digits(&at, 2, '-', &month) ||
        take_digits(&at, 2, 0, &day) || (*at != 'T' && *at != 't' && *at != ' '))
        return WT_E_PARSE;
    at++;
    if (take_digits(&at, 2, ':', &hour) || take_digits(&at, 2, ':', &minute) ||
        take_digits(&at, 2, 0, &second))
        return WT_E_PARSE;
    if (*at == '.') {
        size_t digits = strspn(++at, "0123456789");
        if (digits == 0)
            return WT_E_PARSE;
        for (size_t i = 0; i < 3; i++)
            ms = ms * 10 + (i < digits ? at[i] - '0' : 0);
        at += digits;
    }
    int rc = take_offset(at, &offset);
    if (rc)
        return rc;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return WT_E_RANGE;
    int64_t minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
    *wall_ms = (minutes * 60 + second) * 1000 + ms;
    return 0;
}

int parse_time_or_age(const char *text, int64_t now_ms, int64_t *wall_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000},
                 {'m', 60000},
                 {'h', MS_PER_HOUR},
                 {'d', HOURS_PER_DAY * MS_PER_HOUR},
                 {'w', 7 * HOURS_PER_DAY * MS_PER_HOUR}};
    size_t length = text ? strlen(text) : 0;
    char whole[32];
    uint64_t count;
    for (size_t i = 0; length > 1 && length < sizeof whole && i < sizeof units / sizeof units[0];
         i++) {
        if (text[length - 1] != units[i].unit)
            continue;
        memcpy(whole, text, length - 1);
        whole[length - 1] = 0;
        int rc = parse_u64(whole, 0, 100000, &count); /* weeks: before the year 100 */
        if (rc == 0)
            *wall_ms = now_ms - (int64_t)count * units[i].ms;
        return rc;
    }
    if (length != sizeof "2025-03-01" - 1)
        return parse_time(text, wall_ms);
    snprintf(whole, sizeof whole, "%sT00:00:00Z", text);
    return parse_time(whole, wall_ms);
}

int parse_next_part(const char **cursor, char separator, char *part, size_t size)
{
    if (!*cursor)
        return 0;
    const char *begin = *cursor, *end = strchr(begin, separator);
    size_t length = end ? (size_t)(end - begin) : strlen(begin);
    *cursor = end ? end + 1 : NULL;
    while (length && (*begin == ' ' || *begin == '\t')) {
        begin++;
        length--;
    }
    while (length && (begin[length - 1] == ' ' || begin[length - 1] == '\t'))
        length--;
    if (length >= size)
        return WT_E_RANGE;
    memcpy(part, begin, length);
    part[length] = '\0';
    return 1;
}

int parse_watt_list(const char *text, uint32_t limits_mw[], unsigned capacity)
{
    uint32_t found_mw[256]; /* the caller's stay as they are until all is well */
    unsigned count = 0;
    if (capacity > sizeof found_mw / sizeof found_mw[0])
        capacity = sizeof found_mw / sizeof found_mw[0];
    char part[32];
    int rc;
    while ((rc = parse_next_part(&text, ',', part, sizeof part)) == 1) {
        double watts;
        rc = parse_number(part, 1, 10000, &watts);
        if (rc)
            return rc;
        if (count == capacity)
            return WT_E_RANGE;
        uint32_t limit_mw = (uint32_t)lround(watts * 1000);
        for (unsigned i = 0; i < count; i++)
            if (found_mw[i] == limit_mw)
                return WT_E_PARSE;
        found_mw[count++] = limit_mw;
    }
    if (rc < 0 || count == 0)
        return rc < 0 ? rc : WT_E_PARSE;
    memcpy(limits_mw, found_mw, count * sizeof *limits_mw);
    return (int)count;
}
