/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard process: a small process beside the supervisor that puts limits back when the
 * supervisor ends for any reason, SIGKILL included.  It is this program again, started with
 * GUARD_PROCESS_COMMAND before the first limit is written; it waits at the other end of a socket
 * and learns of the end by its closing.
 */
#ifndef WATTUNE_RUN_JOB_GUARD_PROCESS_H
#define WATTUNE_RUN_JOB_GUARD_PROCESS_H

#include "measure/sense/sense.h"
#include "run/process/child.h"

/* The hidden command word; not for people. */
#define GUARD_PROCESS_COMMAND "guard-process"

struct guard_process {
    struct child child; /* to be watched for an end before its time */
    int fd;             /* our end of the socket */
};

/* Starts it for devices[0..count) of the source that `options` opens; `folder` is the journal's.
 * Returns when it is ready: its own driver library is open, so that nothing can fail for want of
 * memory or files later. */
int guard_process_start(struct guard_process *process, const struct sense_options *options,
                        const char *folder, const unsigned devices[], unsigned count,
                        struct wt_error *err);

/* Tells it that all limits are back: it ends at once.  Waits for it. */
void guard_process_end(struct guard_process *process);

/* Leaves to it the limits that could not be restored: close the guard first, whose leases it takes.
 * It tries for a while, outliving us. */
void guard_process_leave(struct guard_process *process);

/* The process itself: main() comes here when its first argument is GUARD_PROCESS_COMMAND. */
int guard_process_main(int argc, char **argv);

#endif
