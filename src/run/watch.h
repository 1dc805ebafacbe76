/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch: an owner that lives long and reads the counters of a run's devices at the right
 * moments, or the power of those that have none, so that energy is known at any moment of the near
 * past (sense/edges.h, sense/integrate.h).  At most 40 reads a second and device.
 */
#ifndef WATTUNE_RUN_WATCH_H
#define WATTUNE_RUN_WATCH_H

#include "sense/integrate.h"
#include "sense/sense.h"

struct watch;

/* Watches devices[0..count) of `sense` (borrowed), GPUs first.  The caller frees *out with
 * watch_free(). */
int watch_new(struct sense *sense, const unsigned devices[], unsigned count, struct watch **out,
              struct wt_error *err);
struct watch *watch_free(struct watch *watch); /* takes NULL, returns NULL */

unsigned watch_device_count(const struct watch *watch);
unsigned watch_gpu_count(const struct watch *watch);
const struct wt_device *watch_device(const struct watch *watch, unsigned i);

/* What a device says besides energy (sense_state). */
int watch_state(const struct watch *watch, unsigned i, unsigned wanted, struct wt_state *state);

/* The processes that compute on a device (sense_processes). */
int watch_processes(const struct watch *watch, unsigned i, uint32_t pids[], unsigned capacity,
                    unsigned *count);

/* The least time between two reads of a device from here on: short while slices are measured, long
 * afterwards. */
void watch_set_gap(struct watch *watch, int64_t gap_ns);

/* Counters that move all the time are read once a second from here on, rather than as seldom as
 * their range allows: for who looks at watch_so_far() as the run goes on. */
void watch_keep_up(struct watch *watch);

/* Reads what is due; watch_next_ns() is when to call again, INT64_MAX when nothing is ever due. */
void watch_poll(struct watch *watch);
int64_t watch_next_ns(const struct watch *watch);

/* The energy of all GPUs between two moments, joules, with its 95 % bound; WT_E_NO_DATA when it is
 * not known. */
int watch_energy_between(const struct watch *watch, int64_t begin_ns, int64_t end_ns,
                         double *energy_j, double *error_j);

/* The same of one device, with its source. */
int watch_device_between(const struct watch *watch, unsigned i, int64_t begin_ns, int64_t end_ns,
                         struct wt_measurement *measurement);

/* What a device had used up to a moment: windows between one mark and the next add up to the window
 * over all of them. */
struct watch_mark {
    int64_t t_ns;
    struct wt_sample counter; /* of devices that have one; of the others: */
    struct integrate_mark power;
};

/* The mark of a moment of the near past, and what lies between two; WT_E_NO_DATA when it is not
 * known. */
int watch_mark(const struct watch *watch, unsigned i, int64_t t_ns, struct watch_mark *mark);
int watch_between(const struct watch *watch, unsigned i, const struct watch_mark *from,
                  const struct watch_mark *to, struct wt_measurement *measurement);

/* True, and which, when a GPU's energy counter or power readings have stopped moving: what it used
 * since then is not known. */
bool watch_stale(const struct watch *watch, unsigned *i);

/* From here on calls of the driver that are not needed any more are left out when ended() says yes:
 * reads that were due and questions about state. */
void watch_until(struct watch *watch, bool (*ended)(void *ctx), void *ctx);

/* What ended() says now. */
bool watch_is_over(const struct watch *watch);

/* The newest moment for which every GPU's energy is known without extrapolation; 0: none yet. */
int64_t watch_known_until_ns(const struct watch *watch);

/* What a device has used since the window's begin by the newest readings, joules: for splitting the
 * window, not for measuring.  WT_E_NO_DATA: not known now. */
int watch_so_far(const struct watch *watch, unsigned i, double *energy_j);

/* Begins and ends the one window over everything: reads now, and at the end says what each device
 * used up to end_ns, a moment of just now.  A device that could not be read, or whose counter
 * stopped, has source WT_SOURCE_NONE. */
void watch_begin(struct watch *watch);
void watch_end(struct watch *watch, int64_t end_ns, struct wt_measurement measurements[]);

#endif
