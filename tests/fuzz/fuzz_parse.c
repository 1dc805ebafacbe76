/* SPDX-License-Identifier: Apache-2.0
 *
 * base/parse.c.  The first letter chooses the function (of "unfwptq"), the rest is the text.  An
 * accepted value lies in its range and is that of the text; a refusal leaves the outputs alone.
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/parse.h"
#include "fuzz.h"

static void whole_number(const char *text)
{
    uint64_t value = 42;
    const uint64_t least = 3, most = UINT64_MAX - 7;
    int rc = parse_u64(text, least, most, &value);
    CHECK(rc == 0 || ((rc == WT_E_PARSE || rc == WT_E_RANGE) && value == 42));
    if (rc)
        return;
    CHECK(value >= least && value <= most);
    char again[24];
    snprintf(again, sizeof again, "%" PRIu64, value);
    CHECK(strcmp(again, text + strspn(text, "0")) == 0);
}

static void real_number(const char *text)
{
    double value = 42, same = 0;
    int rc = parse_number(text, -1e300, 1e9, &value);
    CHECK(rc == 0 || ((rc == WT_E_PARSE || rc == WT_E_RANGE) && value == 42));
    if (rc)
        return;
    CHECK(isfinite(value) && value >= -1e300 && value <= 1e9);
    char again[40];
    snprintf(again, sizeof again, "%.17g", value);
    CHECK(parse_number(again, -1e300, 1e9, &same) == 0 && same == value);
}

static void fraction(const char *text)
{
    double value = 42;
    int rc = parse_fraction(text, 0, 1, &value);
    CHECK(rc == 0 || ((rc == WT_E_PARSE || rc == WT_E_RANGE) && value == 42));
    if (rc)
        return;
    CHECK(value >= 0 && value <= 1);
    double plain;
    bool percent = text[strlen(text) - 1] == '%';
    if (!percent)
        CHECK(parse_number(text, 0, 1, &plain) == 0 && plain == value);
    char again[40];
    snprintf(again, sizeof again, "%.17g", value);
    CHECK(parse_fraction(again, 0, 1, &plain) == 0 && plain == value);
}

static void watts(const char *text)
{
    uint32_t limits_mw[8], untouched[8];
    memset(limits_mw, 0xaa, sizeof limits_mw);
    memcpy(untouched, limits_mw, sizeof untouched);
    int count = parse_watt_list(text, limits_mw, 8);
    CHECK(count == WT_E_PARSE || count == WT_E_RANGE || (count >= 1 && count <= 8));
    if (count < 0) {
        CHECK(memcmp(limits_mw, untouched, sizeof untouched) == 0);
        return;
    }
    char again[8 * 16] = "";
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        CHECK(limits_mw[i] >= 1000 && limits_mw[i] <= 10000000);
        for (int k = 0; k < i; k++)
            CHECK(limits_mw[k] != limits_mw[i]);
        length += (size_t)snprintf(again + length, sizeof again - length, "%s%.3f", i ? "," : "",
                                   limits_mw[i] / 1e3);
    }
    uint32_t same[8];
    CHECK(parse_watt_list(again, same, 8) == count &&
          memcmp(same, limits_mw, (size_t)count * sizeof same[0]) == 0);
}

static void parts(const char *text)
{
    char part[16];
    const char *cursor = text;
    size_t separators = 0, found = 0;
    for (const char *c = text; *c; c++)
        separators += *c == ';';
    int rc;
    while ((rc = parse_next_part(&cursor, ';', part, sizeof part)) == 1) {
        size_t length = strlen(part);
        CHECK(length < sizeof part && !strchr(part, ';'));
        CHECK(length == 0 || (!strchr(" \t", part[0]) && !strchr(" \t", part[length - 1])));
        CHECK(++found <= separators + 1);
    }
    CHECK(rc == WT_E_RANGE || (rc == 0 && found == separators + 1));
}

/* The C library's calendar is the other opinion. */
static void moment(const char *text)
{
    int64_t ms = 42, same = 0;
    int rc = parse_time(text, &ms);
    CHECK(rc == 0 || ((rc == WT_E_PARSE || rc == WT_E_RANGE) && ms == 42));
    if (rc)
        return;
    char again[32];
    clock_format_wall(ms, again);
    bool in_range =
        again[0] != 'u' &&
        ms >= INT64_C(-62167219200000); /* an offset may lead out of the years 0 to 9999 */
    CHECK(!in_range || (parse_time(again, &same) == 0 && same == ms));
    size_t length = strlen(text);
    if (in_range && strchr("zZ", text[length - 1]))
        CHECK(strncmp(text, again, 10) == 0 && strncmp(text + 11, again + 11, 8) == 0);
}

/* The text is a number and the name of one unit, and nothing besides but a blank. */
static void quantity(const char *text)
{
    static const struct parse_unit units[] = {
        {"J", 1, 0}, {"kJ", 1e3, 1}, {"h", 3600, 2}, {"Wh", 3600, 3}, {"kWh", 3.6e6, 4}};
    const struct parse_unit *unit = NULL;
    double value = 42, number;
    int rc = parse_quantity(text, units, 5, &value, &unit);
    CHECK(rc == 0 || ((rc == WT_E_PARSE || rc == WT_E_RANGE) && value == 42 && !unit));
    if (rc)
        return;
    CHECK(isfinite(value) && value >= 0 && unit >= units && unit < units + 5);
    size_t length = strlen(text), named = strlen(unit->name);
    CHECK(length > named && strcmp(text + length - named, unit->name) == 0 && length - named < 64);
    char again[64];
    snprintf(again, sizeof again, "%.*s", (int)(length - named), text);
    again[strcspn(again, " ")] = 0;
    CHECK(parse_number(again, 0, HUGE_VAL, &number) == 0 && number * unit->size == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char letters[] = "unfwptq";
    static void (*const functions[])(const char *) = {whole_number, real_number, fraction, watts,
                                                      parts,        moment,      quantity};
    const char *letter = size ? memchr(letters, data[0], sizeof letters - 1) : NULL;
    if (!letter)
        return 0;
    char *text = fuzz_text(data + 1, size - 1);
    functions[letter - letters](text);
    free(text);
    return 0;
}
