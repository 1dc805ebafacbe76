/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor's end of the channel: makes the file, reads how far the training is, asks it to
 * stop.
 *
 * Several threads and processes of the training may step.  How they make one number:
 *   - each call is one step, so the steps of a process are the sum over its threads;
 *   - processes that run at the same time are the ranks of one training and do each step together:
 * the steps are those of the rank that is furthest, the time is the latest at which a rank that far
 * ended it (the slowest one's, as in Zeus);
 *   - processes that run one after another (phases of a script, restarted workers) add up.  One
 * counts as ended before another when the other's first step came later than twice a step's length
 * after its last, which cannot happen between ranks that wait for each other;
 *   - epochs likewise; time and metric of the last epoch are those of the rank that took its slot
 * first among those that are furthest. Data workers never step and take no slot.
 *
 * The training can write anything into the file, or cut it short.  It is therefore read with
 * pread(), never mapped, and every value is checked: counts never go back and are no larger
 * than time allows, times lie between the channel's beginning and now, a metric is finite or NaN, a
 * name is printable ASCII with a final 0.
 */
#ifndef WATTUNE_MEASURE_PROGRESS_CHANNEL_H
#define WATTUNE_MEASURE_PROGRESS_CHANNEL_H

#include <sys/types.h>

#include "base/error.h"
#include "flow/progress.h"

struct channel;

/* Makes a channel that processes of `owner` can write: a file of a random name, 0600, in
 * $XDG_RUNTIME_DIR (for our own user only), /dev/shm or /tmp, whichever works first.  The caller
 * ends it with channel_close().
 */
int channel_create(struct channel **channel, uid_t owner, struct wt_error *err);

/* The value for WATTUNE_CHANNEL in the training's environment; borrowed. */
const char *channel_path(const struct channel *channel);

/* How far the training is; all zero, metric NaN, before its first step.  WT_E_IO when the file was
 * cut short, WT_E_PARSE when its header was overwritten: *progress is untouched then. */
int channel_read(struct channel *channel, struct wt_progress *progress, struct wt_error *err);

/* wt_stop_requested() is 1 from here on. */
int channel_request_stop(struct channel *channel, struct wt_error *err);

/* Removes the file and frees; takes NULL, returns NULL. */
struct channel *channel_close(struct channel *channel);

#endif
