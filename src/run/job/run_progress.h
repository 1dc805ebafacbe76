/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress of a run: the channel that the training reports through, and patterns in its output.
 * Steps come from the pattern when there is one for them, else from the channel; epochs and metrics
 * likewise.
 */
#ifndef WATTUNE_RUN_JOB_RUN_PROGRESS_H
#define WATTUNE_RUN_JOB_RUN_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"
#include "flow/progress.h"

/* Borrowed until run_progress_close(). */
struct run_progress_ways {
    bool channel;
    const char *step_pattern, *metric_pattern, *epoch_pattern; /* NULL: none */
    const char *metric_name;                                   /* of the metric pattern's value */
};

struct run_progress {
    struct run_progress_ways ways;
    struct channel *channel; /* NULL: none, or given up */
    struct pattern *pattern;
    pthread_mutex_t pattern_lock; /* the supervising thread feeds it */
    struct wt_progress now;
    char env_channel[600]; /* "WATTUNE_CHANNEL=..." for the command; empty: no channel */
};

/* run_progress_close() is for a failure as well. */
int run_progress_open(struct run_progress *progress, const struct run_progress_ways *ways,
                      struct wt_error *err);
void run_progress_close(struct run_progress *progress);

/* supervise_options.on_output over a struct run_progress, while it has a pattern. */
void run_progress_see(void *progress, unsigned stream, const char *bytes, size_t length);

/* Brings progress->now up to date.  A channel that cannot be read any more is given up, with a
 * warning. */
void run_progress_read(struct run_progress *progress);

/* The same after the command's end: a last line without a line feed counts. */
void run_progress_end(struct run_progress *progress);

/* Asks the training to end: wt_stop_requested() is true from here on.  Nothing without a channel.
 */
void run_progress_ask_to_stop(struct run_progress *progress);

/* True when the training may have seen such a request: it reports its steps through the channel. */
bool run_progress_listens(const struct run_progress *progress);

#endif
