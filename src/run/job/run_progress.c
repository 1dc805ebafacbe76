/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress of a run.
 */
#include "run/job/run_progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/users.h"
#include "measure/progress/channel.h"
#include "measure/progress/pattern.h"

/* The channel belongs to the user whom the command runs as. */
static int open_channel(struct run_progress *progress, struct wt_error *err)
{
    uid_t uid = getuid();
    gid_t gid;
    char name[64], home[256];
    users_sudo_caller(&uid, &gid, name, home);
    int rc = channel_create(&progress->channel, uid, err);
    if (rc == 0)
        snprintf(progress->env_channel, sizeof progress->env_channel, "WATTUNE_CHANNEL=%s",
                 channel_path(progress->channel));
    return rc;
}

int run_progress_open(struct run_progress *progress, const struct run_progress_ways *ways,
                      struct wt_error *err)
{
    *progress = (struct run_progress){.ways = *ways};
    pthread_mutex_init(&progress->pattern_lock, NULL);
    int rc = ways->channel ? open_channel(progress, err) : 0;
    if (rc || (!ways->step_pattern && !ways->metric_pattern && !ways->epoch_pattern))
        return rc;
    const struct pattern_options patterns = {.step = ways->step_pattern,
                                             .metric = ways->metric_pattern,
                                             .epoch = ways->epoch_pattern,
                                             .metric_name = ways->metric_name};
    return pattern_new(&progress->pattern, &patterns, err);
}

void run_progress_close(struct run_progress *progress)
{
    pthread_mutex_destroy(&progress->pattern_lock);
    pattern_free(progress->pattern);
    channel_close(progress->channel);
    progress->pattern = NULL;
    progress->channel = NULL;
}

void run_progress_see(void *ctx, unsigned stream, const char *bytes, size_t length)
{
    struct run_progress *progress = ctx;
    pthread_mutex_lock(&progress->pattern_lock);
    pattern_feed(progress->pattern, stream, bytes, length, clock_now_ns());
    pthread_mutex_unlock(&progress->pattern_lock);
}

static void read_channel(struct run_progress *progress, struct wt_progress *seen)
{
    struct wt_error err;
    *seen = progress->now;
    if (channel_read(progress->channel, seen, &err) == 0)
        return;
    log_warning("%s; its steps are no longer seen", err.text);
    progress->channel = channel_close(progress->channel);
    *seen = progress->now;
}

void run_progress_read(struct run_progress *progress)
{
    struct wt_progress channel = {.metric = NAN}, pattern = {.metric = NAN};
    if (progress->channel)
        read_channel(progress, &channel);
    if (progress->pattern) {
        pthread_mutex_lock(&progress->pattern_lock);
        pattern_read(progress->pattern, &pattern);
        pthread_mutex_unlock(&progress->pattern_lock);
    }
    struct wt_progress now = progress->ways.step_pattern ? pattern : channel;
    if (progress->pattern && (progress->ways.metric_pattern || progress->ways.epoch_pattern)) {
        now.epochs = pattern.epochs;
        now.epoch_t_ns = pattern.epoch_t_ns;
        now.metric = pattern.metric;
        memcpy(now.metric_name, pattern.metric_name, sizeof now.metric_name);
    }
    progress->now = now;
}

void run_progress_end(struct run_progress *progress)
{
    if (progress->pattern)
        pattern_finish(progress->pattern);
    run_progress_read(progress);
}

void run_progress_ask_to_stop(struct run_progress *progress)
{
    struct wt_error err;
    if (progress->channel && channel_request_stop(progress->channel, &err))
        log_warning("%s", err.text);
}

bool run_progress_listens(const struct run_progress *progress)
{
    return progress->channel && !progress->ways.step_pattern && progress->now.steps > 0;
}
