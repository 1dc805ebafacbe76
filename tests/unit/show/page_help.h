/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of show/'s appends to a buffer: one page, and questions about its text.
 */
#ifndef WATTUNE_TESTS_PAGE_HELP_H
#define WATTUNE_TESTS_PAGE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "flow/report.h"

static struct buffer out;

/* A set-up: the page is empty. */
static inline int fresh(void **state)
{
    (void)state;
    buffer_clear(&out);
    return 0;
}

static inline void has(const char *words)
{
    if (!strstr(buffer_text(&out), words))
        fail_msg("no '%s' in:\n%s", words, buffer_text(&out));
}

static inline void has_not(const char *words)
{
    if (strstr(buffer_text(&out), words))
        fail_msg("'%s' in:\n%s", words, buffer_text(&out));
}

static inline unsigned count_of(const char *words)
{
    unsigned count = 0;
    for (const char *at = buffer_text(&out); (at = strstr(at, words)); at += strlen(words))
        count++;
    return count;
}

/* The words stand after the first `from` and before the next `to`. */
static inline void has_within(const char *from, const char *to, const char *words)
{
    const char *begin = strstr(buffer_text(&out), from), *end = begin ? strstr(begin, to) : NULL,
               *found = begin ? strstr(begin, words) : NULL;
    if (!end || !found || found >= end)
        fail_msg("no '%s' between '%s' and '%s' in:\n%s", words, from, to, buffer_text(&out));
}

/* A row of one run of that many joules, all of it the GPU's: facility 1.1 times, 10 g and 5 g a kJ.
 */
static inline struct wt_report_row row_of(const char *key, const char *second, double joules)
{
    struct wt_report_row r = {WT_REPORT_NO_RUNS, .keys = {key, second}};
    r.runs = 1;
    r.gpu_hours = 2;
    r.gpu_j = joules;
    r.cpu_unknown = r.dram_unknown = r.market_unknown = 1;
    r.facility_j = 1.1 * joules;
    r.operational_g = joules / 100;
    r.embodied_g = joules / 200;
    r.embodied_useful_g = joules / 90;
    r.first_ms = INT64_C(1740866400000);
    r.last_ms = INT64_C(1740952800000);
    return r;
}

#endif
