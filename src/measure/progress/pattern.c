/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines, and the matches of the patterns in them.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "measure/progress/pattern.h"

#include <math.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

enum {
    LINE_MOST = 65536,
    /* Backtracking points of one attempt: ordinary patterns need a few per character; this is about
     * a millisecond, after which the line is given up. */
    MATCH_LIMIT = 50000,
    HEAP_LIMIT_KIB = 1024,
    /* Matches of the step pattern in one line: enough for a dot a step over a line of a terminal or
     * many; bounds the cost of one hostile line. */
    MATCHES_MOST = 4096,
};

struct line {
    char bytes[LINE_MOST];
    size_t length;
    int64_t t_ns; /* when its last byte came */
};

struct regex {
    pcre2_code *code; /* NULL: there is no such pattern */
    pcre2_match_data *match;
    uint32_t groups;
};

struct pattern {
    struct regex step, metric, epoch;
    pcre2_match_context *context;
    struct wt_progress progress;
    uint64_t count; /* the last step count that was printed */
    struct line lines[PATTERN_STREAMS];
};

static int compile(struct regex *regex, const char *name, const char *text, uint32_t groups_needed,
                   struct wt_error *err)
{
    if (!text)
        return 0;
    int code;
    PCRE2_SIZE offset;
    regex->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &code, &offset, NULL);
    if (!regex->code && code == PCRE2_ERROR_HEAP_FAILED)
        return error_set(err, WT_E_NO_MEMORY, "prepare the %s pattern: out of memory", name);
    if (!regex->code) {
        char reason[120] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof reason);
        return error_set(err, WT_E_PARSE, "the %s pattern is wrong at character %zu: %s", name,
                         offset + 1, reason);
    }
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
    if (regex->groups < groups_needed)
        return error_set(err, WT_E_PARSE,
                         "the %s pattern needs a group, such as ([0-9.]+), around its value", name);
    regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
    return regex->match
               ? 0
               : error_set(err, WT_E_NO_MEMORY, "prepare the %s pattern: out of memory", name);
}

int pattern_new(struct pattern **made, const struct pattern_options *options, struct wt_error *err)
{
    struct pattern *pattern = calloc(1, sizeof *pattern);
    if (!pattern)
        return error_set(err, WT_E_NO_MEMORY, "prepare the patterns: out of memory");
    pattern->progress.metric = NAN;
    if (options->metric_name)
        memcpy(pattern->progress.metric_name, options->metric_name,
               strnlen(options->metric_name, WT_METRIC_LEN - 1));
    int rc = 0;
    pattern->context = pcre2_match_context_create(NULL);
    if (!pattern->context) {
        rc = error_set(err, WT_E_NO_MEMORY, "prepare the patterns: out of memory");
        goto fail;
    }
    pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
    pcre2_set_heap_limit(pattern->context, HEAP_LIMIT_KIB);
    if ((rc = compile(&pattern->step, "step", options->step, 0, err)) ||
        (rc = compile(&pattern->metric, "metric", options->metric, 1, err)) ||
        (rc = compile(&pattern->epoch, "epoch", options->epoch, 0, err)))
        goto fail;
    *made = pattern;
    return 0;
fail:
    pattern_free(pattern);
    return rc;
}

struct pattern *pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return NULL;
    struct regex *all[] = {&pattern->step, &pattern->metric, &pattern->epoch};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        pcre2_match_data_free(all[i]->match);
        pcre2_code_free(all[i]->code);
    }
    pcre2_match_context_free(pattern->context);
    free(pattern);
    return NULL;
}

/* The next match in the line from *from on, which moves behind it.  Empty matches are none: x*
 * would find one between any two characters. */
static bool match(const struct pattern *pattern, const struct regex *regex, const struct line *line,
                  size_t *from)
{
    if (!regex->code)
        return false;
    int rc = pcre2_match(regex->code, (PCRE2_SPTR)line->bytes, line->length, *from, PCRE2_NOTEMPTY,
                         regex->match, pattern->context);
    if (rc < 0)
        return false;
    size_t end = pcre2_get_ovector_pointer(regex->match)[1];
    bool forward = end > *from; /* \K inside a lookahead can end a match before it began */
    *from = end;
    return forward;
}

/* Group 1 as text; false when it took no part in the match or is too long for a number. */
static bool group(const struct regex *regex, const struct line *line, char text[64])
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(regex->match);
    if (ends[2] == PCRE2_UNSET || ends[3] < ends[2] || ends[3] - ends[2] >= 64)
        return false;
    size_t length = ends[3] - ends[2];
    memcpy(text, line->bytes + ends[2], length);
    text[length] = '\0';
    return true;
}

static uint64_t steps_of_count(struct pattern *pattern, uint64_t count)
{
    uint64_t more = count >= pattern->count ? count - pattern->count : count;
    pattern->count = count;
    return more;
}

static void find_steps(struct pattern *pattern, const struct line *line)
{
    const struct regex *regex = &pattern->step;
    uint64_t more = 0, count;
    char text[64];
    size_t from = 0;
    for (int i = 0; i < MATCHES_MOST && match(pattern, regex, line, &from); i++) {
        if (regex->groups == 0)
            more++;
        /* 10^15 steps are more than anybody takes; below it sums cannot overflow in the life of a
         * machine. */
        else if (group(regex, line, text) &&
                 parse_u64(text, 0, UINT64_C(1000000000000000), &count) == 0)
            more += steps_of_count(pattern, count);
    }
    if (more == 0)
        return;
    pattern->progress.steps += more;
    pattern->progress.t_ns = line->t_ns;
}

/* The last value on the line counts. */
static bool find_metric(struct pattern *pattern, const struct line *line)
{
    bool found = false;
    char text[64];
    size_t from = 0;
    for (int i = 0; i < MATCHES_MOST && match(pattern, &pattern->metric, line, &from); i++)
        if (group(&pattern->metric, line, text) &&
            parse_number(text, -HUGE_VAL, HUGE_VAL, &pattern->progress.metric) == 0)
            found = true;
    return found;
}

static void take_line(struct pattern *pattern, struct line *line)
{
    if (line->length == 0)
        return;
    find_steps(pattern, line);
    bool metric = find_metric(pattern, line);
    size_t from = 0;
    if (pattern->epoch.code ? match(pattern, &pattern->epoch, line, &from) : metric) {
        pattern->progress.epochs++;
        pattern->progress.epoch_t_ns = line->t_ns;
    }
    line->length = 0;
}

static size_t until_end(const char *bytes, size_t length)
{
    size_t n = 0;
    while (n < length && bytes[n] != '\n' && bytes[n] != '\r')
        n++;
    return n;
}

void pattern_feed(struct pattern *pattern, unsigned stream, const char *bytes, size_t length,
                  int64_t t_ns)
{
    struct line *line = &pattern->lines[stream < PATTERN_STREAMS ? stream : 0];
    while (length > 0) {
        size_t n = until_end(bytes, length);
        bool ended = n < length;
        if (n > LINE_MOST - line->length) {
            n = LINE_MOST - line->length;
            ended = false;
        }
        if (n > 0) {
            memcpy(line->bytes + line->length, bytes, n);
            line->length += n;
            line->t_ns = t_ns;
        }
        if (ended || line->length == LINE_MOST)
            take_line(pattern, line);
        bytes += n + ended;
        length -= n + ended;
    }
}

void pattern_finish(struct pattern *pattern)
{
    for (unsigned i = 0; i < PATTERN_STREAMS; i++)
        take_line(pattern, &pattern->lines[i]);
}

void pattern_read(const struct pattern *pattern, struct wt_progress *progress)
{
    *progress = pattern->progress;
    /* A metric belongs to an epoch: until one has ended there is none. */
    if (progress->epochs == 0)
        progress->metric = NAN;
}
