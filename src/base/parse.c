/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict parsing.  strtod() depends on the locale; the programs never call setlocale() for LC_NUMERIC, so it is "C".
 */
#include "base/parse.h"

#include <errno.h>
#include <math.h>
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
