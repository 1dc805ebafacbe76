/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of options: reading, checking and describing them by their row.
 */
#include "setup/option.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/nearest.h"
#include "base/parse.h"
#include "base/text.h"
#include "flow/profile.h"
#include "setup/form.h"

enum { SHOWN = 80, TAKES = 256 };

/* --- The sentence --- */

static uint64_t whole_most(const struct option_row *row)
{
    if (row->to.target != OPTION_TO_CONFIG && row->to.size == sizeof(uint32_t) &&
        !(row->most > 0 && row->most < UINT32_MAX))
        return UINT32_MAX;
    return row->most <= 0 ? UINT64_MAX : row->most >= 0x1p63 ? INT64_MAX : (uint64_t)row->most;
}

static void put_range(const struct option_row *row, const char *kind, char *text, size_t size)
{
    bool inf = row->type == OPTION_NUMBER && form_has(row->form, "inf");
    snprintf(text, size, row->above ? "a %s above %g and up to %g%s" : "a %s from %g to %g%s", kind,
             row->least, row->most, inf ? ", or inf" : "");
}

char *option_takes(const struct option_row *row, char *text, size_t size)
{
    *text = '\0';
    switch (row->type) {
    case OPTION_NUMBER:
        put_range(row, "number", text, size);
        break;
    case OPTION_FRACTION:
        put_range(row, "fraction such as 10% or 0.1,", text, size);
        break;
    case OPTION_WHOLE:
        if (whole_most(row) == UINT64_MAX)
            snprintf(text, size, "a whole number from %.0f on", row->least);
        else
            snprintf(text, size, "a whole number from %.0f to %llu", row->least,
                     (unsigned long long)whole_most(row));
        break;
    case OPTION_CHOICE:
    case OPTION_WORD:
    case OPTION_YES_NO:
        form_sentence(row->form, text, size);
        break;
    case OPTION_WATTS:
        snprintf(text, size, "auto or a list of at most %d different watts", WT_MAX_LIMITS);
        break;
    case OPTION_TIME:
        snprintf(text, size, "a time with Z or an offset, such as 2025-03-01T12:00:00Z");
        break;
    case OPTION_MOMENT:
        snprintf(text, size, "a time such as 2026-03-01T12:00:00Z, a date or an age such as 7d");
        break;
    case OPTION_FLAG:
    case OPTION_TEXT:
    case OPTION_READ:
    case OPTION_COMMAND:
        break;
    }
    return text;
}

char *option_meant(const char *name, char *text, size_t size)
{
    if (size)
        *text = '\0';
    if (name)
        snprintf(text, size, "; did you mean %s?", name);
    return text;
}

static const char *nearest_alternative(const struct option_row *row, const char *text,
                                       char word[SHOWN])
{
    struct nearest search = {.word = text};
    char words[16][SHOWN];
    bool open;
    for (unsigned i = 0; i < 16 && form_alternative(row->form, i, words[i], SHOWN, &open); i++)
        if (!open)
            nearest_offer(&search, words[i]);
    const char *name = nearest_name(&search);
    return name ? strcpy(word, name) : NULL;
}

static int refuse(const struct option_row *row, const char *name, const char *text,
                  struct wt_error *err)
{
    char shown[SHOWN], takes[TAKES], word[SHOWN], meant[SHOWN + 20];
    bool chooses =
        row->type == OPTION_CHOICE || row->type == OPTION_WORD || row->type == OPTION_YES_NO;
    text_escape_into(shown, sizeof shown, row->setting.secret ? "(not shown)" : text);
    option_meant(chooses ? nearest_alternative(row, text, word) : NULL, meant, sizeof meant);
    return error_set(err, WT_E_PARSE, "%s is %s, not \"%s\"%s", name,
                     option_takes(row, takes, sizeof takes), shown, meant);
}

/* --- Reading --- */

static int read_text(const struct option_row *row, const char *name, const char *text,
                     struct wt_error *err)
{
    size_t length = strlen(text);
    if ((double)length >= row->least && (double)length <= row->most)
        return 0;
    if (length == 0 && (form_has(row->form, "NAME") || form_has(row->form, "JOB")))
        return error_set(err, WT_E_RANGE, "%s needs a name", name);
    return error_set(err, WT_E_RANGE, "%s has %g to %g bytes, not %zu", name, row->least, row->most,
                     length);
}

static int read_number(const struct option_row *row, const char *text, double *value)
{
    if (row->type == OPTION_NUMBER && strcmp(text, "inf") == 0 && form_has(row->form, "inf")) {
        *value = INFINITY;
        return 0;
    }
    int rc = row->type == OPTION_FRACTION ? parse_fraction(text, row->least, row->most, value)
                                          : parse_number(text, row->least, row->most, value);
    return rc == 0 && row->above && *value <= row->least ? WT_E_RANGE : rc;
}

static int check_watts(const char *text)
{
    uint32_t limits_mw[WT_MAX_LIMITS];
    int n = strcmp(text, "auto") == 0 ? 0 : parse_watt_list(text, limits_mw, WT_MAX_LIMITS);
    return n < 0 ? n : 0;
}

/* Names the item of a list of watts that is none, where there is more than one. */
static int refuse_watts(const struct option_row *row, const char *name, const char *text,
                        struct wt_error *err)
{
    char part[32], shown[SHOWN], takes[TAKES];
    const char *at = text;
    double watts;
    while (strchr(text, ',') && parse_next_part(&at, ',', part, sizeof part) == 1)
        if (parse_number(part, 1, 10000, &watts))
            return error_set(err, WT_E_PARSE, "%s is %s; \"%s\" is no number from 1 to 10000", name,
                             option_takes(row, takes, sizeof takes),
                             text_escape_into(shown, sizeof shown, part));
    return refuse(row, name, text, err);
}

/* The value in the C type of its target. */
union value {
    bool flag;
    double number;
    uint64_t whole;
    uint32_t small;
    int64_t wall_ms;
    const char *text;
};

static int parse(const struct option_row *row, const char *text, union value *value)
{
    int rc = 0;
    switch (row->type) {
    case OPTION_FLAG:
        value->flag = true;
        return 0;
    case OPTION_NUMBER:
    case OPTION_FRACTION:
        return read_number(row, text, &value->number);
    case OPTION_WHOLE:
        rc = parse_u64(text, (uint64_t)row->least, whole_most(row), &value->whole);
        if (rc == 0 && row->to.size == sizeof value->small)
            value->small = (uint32_t)value->whole;
        return rc;
    case OPTION_CHOICE:
        rc = form_match(row->form, text);
        value->small = (uint32_t)rc;
        return rc < 0 ? WT_E_PARSE : 0;
    case OPTION_YES_NO:
        rc = form_match(row->form, text);
        value->flag = rc == 0;
        return rc < 0 ? WT_E_PARSE : 0;
    case OPTION_WORD:
        value->text = text;
        return form_match(row->form, text) < 0 ? WT_E_PARSE : 0;
    case OPTION_WATTS:
        value->text = text;
        return check_watts(text);
    case OPTION_TIME:
        return parse_time(text, &value->wall_ms);
    case OPTION_MOMENT:
        return parse_time_or_age(text, clock_wall_ms(), &value->wall_ms);
    case OPTION_TEXT:
    case OPTION_READ:
    case OPTION_COMMAND:
        value->text = text;
        return 0;
    }
    return 0;
}

int option_read(const struct option_row *row, const char *name, const char *text, void *target,
                struct wt_error *err)
{
    union value value = {.whole = 0};
    if (row->type == OPTION_READ)
        return row->read(name, text, target, err);
    int rc = row->type == OPTION_TEXT ? read_text(row, name, text, err) : 0;
    if (rc)
        return rc;
    if (parse(row, text, &value))
        return row->type == OPTION_WATTS ? refuse_watts(row, name, text, err)
                                         : refuse(row, name, text, err);
    if (target)
        memcpy(target, &value, row->to.size);
    return 0;
}

/* --- Describing --- */

bool option_takes_value(const struct option_row *row)
{
    return row->form && !row->implied && row->type != OPTION_FLAG;
}

void option_put_help(struct buffer *out, const struct option_row *row)
{
    const char *usual = row->otherwise ? row->otherwise : row->fallback;
    buffer_print(out, "%s", row->help);
    if (usual)
        buffer_print(out, " (default: %s)", usual);
}

bool option_is_among(const char *names, const char *name)
{
    return names && form_has(names, name);
}
