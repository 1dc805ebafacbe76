/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress from the output of the training: PCRE2 patterns, one line at a time, over both of its
 * streams.
 *
 * - step: each match is one step; or, with a group, group 1 is the step count.  A smaller count
 *   than before belongs to a new epoch and adds to the count reached.
 * - metric: group 1 is the value of the target's metric.
 * - epoch: a line that matches ends an epoch, with the last metric before or on that line.  Without
 *   an epoch pattern each line with a metric ends an epoch.
 *
 * A line ends with \n or \r (progress bars).  Lines longer than 64 KiB are cut there, and the rest
 * is a line of its own.  The output is hostile: matches have limits on backtracking and
 * memory, and a line that exceeds them counts as not matching.
 *
 * Only pattern.c includes pcre2.h.
 */
#ifndef WATTUNE_MEASURE_PROGRESS_PATTERN_H
#define WATTUNE_MEASURE_PROGRESS_PATTERN_H

#include <stddef.h>

#include "base/error.h"
#include "flow/progress.h"

enum { PATTERN_STREAMS = 2 }; /* standard output and standard error are assembled apart */

struct pattern_options {
    const char *step, *metric, *epoch; /* regular expressions; NULL: none */
    const char *metric_name;           /* the target's NAME; NULL: empty */
};

struct pattern;

/* WT_E_PARSE names the pattern, the place and the reason of a regular expression that is wrong, or
 * a metric pattern without a group.  The caller frees with pattern_free(). */
int pattern_new(struct pattern **pattern, const struct pattern_options *options,
                struct wt_error *err);
struct pattern *pattern_free(struct pattern *pattern);

/* Bytes as they came from a stream (0 or 1) at t_ns, a time of base/clock.h.  A line's steps are
 * dated by the bytes that completed its text, not by the \r that a progress bar prints only with
 * its next state. */
void pattern_feed(struct pattern *pattern, unsigned stream, const char *bytes, size_t length,
                  int64_t t_ns);

/* The streams have ended: a last line without an end counts too. */
void pattern_finish(struct pattern *pattern);

void pattern_read(const struct pattern *pattern, struct wt_progress *progress);

#endif
