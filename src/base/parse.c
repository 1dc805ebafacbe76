/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict parsing.  strtod() depends on the locale; the programs never call setlocale() for LC_NUMERIC, so it is "C".
 */
#include "base/parse.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

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

/* Two digits (four for a year) within bounds; moves on behind them and behind the sign that must follow (0: anything). */
static int take_digits(const char **text, size_t width, char then, int min, int max, int *value)
{
    int number = 0;
    for (size_t i = 0; i < width; i++) {
        if ((*text)[i] < '0' || (*text)[i] > '9')
            return WT_E_PARSE;
        number = 10 * number + ((*text)[i] - '0');
    }
    *text += width;
    if (then && *(*text)++ != then)
        return WT_E_PARSE;
    if (number < min || number > max)
        return WT_E_RANGE;
    *value = number;
    return 0;
}

/* Days since 1970 of a date of the Gregorian calendar, counted from March so that the leap day ends a year. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (leap && month == 2);
}

/* "Z", "+02:00", "-03:30" or nothing, to the end. */
static int take_offset(const char *text, int *minutes)
{
    int h = 0, m = 0, rc = 0;
    char sign = *text;
    if (!*text || ((*text == 'Z' || *text == 'z') && !text[1]))
        return 0;
    if (*text++ != '+' && sign != '-')
        return WT_E_PARSE;
    if ((rc = take_digits(&text, 2, ':', 0, 23, &h)) || (rc = take_digits(&text, 2, 0, 0, 59, &m)))
        return rc;
    *minutes = (sign == '-' ? -1 : 1) * (60 * h + m);
    return *text ? WT_E_PARSE : 0;
}

/* Behind the T. */
static int take_time(const char *text, int64_t *ms)
{
    int h = 0, m = 0, s = 0, offset = 0, rc;
    if ((rc = take_digits(&text, 2, ':', 0, 23, &h)) || (rc = take_digits(&text, 2, ':', 0, 59, &m)) ||
        (rc = take_digits(&text, 2, 0, 0, 60, &s)))
        return rc;
    int64_t found = ((h * 60 + m) * 60 + s) * INT64_C(1000);
    if (*text == '.') {
        int64_t weight = 100;
        if (*++text < '0' || *text > '9')
            return WT_E_PARSE;
        for (; *text >= '0' && *text <= '9'; text++, weight /= 10)
            found += (*text - '0') * weight;
    }
    if ((rc = take_offset(text, &offset)))
        return rc;
    *ms = found - offset * INT64_C(60000);
    return 0;
}

int parse_wall(const char *text, int64_t *wall_ms)
{
    int year, month, day, rc;
    int64_t ms = 0;
    if (!text)
        return WT_E_PARSE;
    if ((rc = take_digits(&text, 4, '-', 1, 9999, &year)) || (rc = take_digits(&text, 2, '-', 1, 12, &month)) ||
        (rc = take_digits(&text, 2, 0, 1, 31, &day)))
        return rc;
    if (day > days_in(year, month))
        return WT_E_RANGE;
    if (*text && !strchr("Tt ", *text))
        return WT_E_PARSE;
    if (*text && (rc = take_time(text + 1, &ms)))
        return rc;
    *wall_ms = days_of(year, month, day) * INT64_C(86400000) + ms;
    return 0;
}

int parse_wall_or_age(const char *text, int64_t now_ms, int64_t *wall_ms)
{
    static const struct { char unit; int64_t ms; } units[] = {
        {'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    size_t length = text ? strlen(text) : 0;
    char number[16];
    uint64_t count;
    for (size_t i = 0; length > 1 && length <= sizeof number && i < sizeof units / sizeof units[0]; i++) {
        if (text[length - 1] != units[i].unit)
            continue;
        memcpy(number, text, length - 1);
        number[length - 1] = 0;
        int rc = parse_u64(number, 0, 100000, &count); /* weeks: before the year 100 */
        if (rc == 0)
            *wall_ms = now_ms - (int64_t)count * units[i].ms;
        return rc;
    }
    return parse_wall(text, wall_ms);
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
