/* SPDX-License-Identifier: Apache-2.0
 *
 * The target of a training.
 */
#include "tune/decide/target.h"

#include <math.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"

static const char FORM[] = "a target is NAME>=VALUE or NAME<=VALUE, such as accuracy>=0.93";

/* text[0..length) without the blanks around it, into part[0..size); false when it is empty, too
 * long or not printable. */
static bool take_part(const char *text, size_t length, char *part, size_t size)
{
    while (length && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    if (length == 0 || length >= size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e || strchr("<>=", text[i]))
            return false;
    memcpy(part, text, length);
    part[length] = '\0';
    return true;
}

int target_parse(const char *text, struct target *target, struct wt_error *err)
{
    struct target read = {.at_least = false};
    char number[64], shown[80];
    size_t at = strcspn(text, "<>");
    text_escape_into(shown, sizeof shown, text);
    if (!text[at] || text[at + 1] != '=')
        return error_set(err, WT_E_PARSE, "%s, not \"%s\"", FORM, shown);
    read.at_least = text[at] == '>';
    if (!take_part(text, at, read.name, sizeof read.name))
        return error_set(err, WT_E_PARSE, "%s, with a name of 1 to %d characters, not \"%s\"", FORM,
                         WT_METRIC_LEN - 1, shown);
    const char *value = text + at + 2;
    if (!take_part(value, strlen(value), number, sizeof number) ||
        parse_number(number, -HUGE_VAL, HUGE_VAL, &read.value))
        return error_set(err, WT_E_PARSE, "%s, with a number behind it, not \"%s\"", FORM, shown);
    *target = read;
    return 0;
}

bool target_reached(const struct target *target, const char *metric_name, double metric)
{
    if (strcmp(metric_name, target->name) != 0 || isnan(metric))
        return false;
    return target->at_least ? metric >= target->value : metric <= target->value;
}

void target_see(struct target_seen *seen, const struct target *target, const char *metric_name,
                double metric)
{
    bool own = strcmp(metric_name, target->name) == 0;
    seen->any = true;
    seen->own |= own && !isnan(metric);
    seen->nan |= own && isnan(metric);
    if (!own && metric_name[0]) {
        seen->other = true;
        memcpy(seen->other_name, metric_name, strnlen(metric_name, WT_METRIC_LEN - 1) + 1);
        seen->other_name[WT_METRIC_LEN - 1] = '\0';
    }
}

const char *target_complaint(const struct target_seen *seen, const struct target *target,
                             char text[240])
{
    struct wt_error words;
    if (seen->own)
        return NULL;
    if (seen->nan)
        error_set(&words, 0, "the metric %s was never a number, so the target was not reached",
                  target->name);
    else if (seen->other)
        error_set(
            &words, 0,
            "the target's metric %s was never reported (%s was), so the target was not reached",
            target->name, seen->other_name);
    else if (seen->any)
        error_set(&words, 0,
                  "epochs ended without the target's metric %s (wt_epoch_end, or "
                  "--metric-pattern), so the "
                  "target was not reached",
                  target->name);
    else
        error_set(&words, 0,
                  "no epoch was seen to end (wt_epoch_end, or --metric-pattern), so the target %s "
                  "was not "
                  "reached",
                  target->name);
    size_t length = strnlen(words.text, 239);
    memcpy(text, words.text, length);
    text[length] = '\0';
    return text;
}
