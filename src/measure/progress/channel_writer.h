/* SPDX-License-Identifier: Apache-2.0
 *
 * The training's end of the channel: the work of wt_step() and its sisters.  Runs inside somebody
 * else's process: no locks, no allocation, no signal handlers, no system call after a thread's
 * first call, nothing printed. Without a channel in the environment each call is one load.
 */
#ifndef WATTUNE_MEASURE_PROGRESS_CHANNEL_WRITER_H
#define WATTUNE_MEASURE_PROGRESS_CHANNEL_WRITER_H

/* One step of the calling thread is done. */
void channel_write_step(void);

/* One epoch is done; name NULL when there is no metric. */
void channel_write_epoch(const char *name, double value);

/* 1 when the supervisor asked the training to stop. */
int channel_stop_requested(void);

#endif
