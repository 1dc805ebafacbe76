/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch: an owner that lives long and reads the counters of a run's devices at the right
 * moments, or the power of those that have none, so that energy is known at any moment of the near
 * past (measure/meter/edges.h, measure/meter/integrate.h).  At most 40 reads a second and device.
 */
#ifndef WATTUNE_MEASURE_METER_LIVE_METER_H
#define WATTUNE_MEASURE_METER_LIVE_METER_H

#include "measure/meter/integrate.h"
#include "measure/sense/sense.h"

struct live_meter;

/* Watches devices[0..count) of `sense` (borrowed), GPUs first.  The caller frees *out with
 * live_meter_free(). */
int live_meter_new(struct sense *sense, const unsigned devices[], unsigned count,
                   struct live_meter **out, struct wt_error *err);
struct live_meter *live_meter_free(struct live_meter *watch); /* takes NULL, returns NULL */

unsigned live_meter_device_count(const struct live_meter *watch);
unsigned live_meter_gpu_count(const struct live_meter *watch);
const struct wt_device *live_meter_device(const struct live_meter *watch, unsigned i);

/* What a device says besides energy (sense_state). */
int live_meter_state(const struct live_meter *watch, unsigned i, unsigned wanted,
                     struct wt_state *state);

/* The processes that compute on a device (sense_processes). */
int live_meter_processes(const struct live_meter *watch, unsigned i, uint32_t pids[],
                         unsigned capacity, unsigned *count);

/* The least time between two reads of a device from here on: short while slices are measured, long
 * afterwards. */
void live_meter_set_gap(struct live_meter *watch, int64_t gap_ns);

/* Counters that move all the time are read once a second from here on, rather than as seldom as
 * their range allows: for who looks at live_meter_so_far() as the run goes on. */
void live_meter_keep_up(struct live_meter *watch);

/* Reads what is due; live_meter_next_ns() is when to call again, INT64_MAX when nothing is ever
 * due. */
void live_meter_poll(struct live_meter *watch);
int64_t live_meter_next_ns(const struct live_meter *watch);

/* The energy of all GPUs between two moments, joules, with its 95 % bound; WT_E_NO_DATA when it is
 * not known. */
int live_meter_energy_between(const struct live_meter *watch, int64_t begin_ns, int64_t end_ns,
                              double *energy_j, double *error_j);

/* The same of one device, with its source. */
int live_meter_device_between(const struct live_meter *watch, unsigned i, int64_t begin_ns,
                              int64_t end_ns, struct wt_measurement *measurement);

/* What a device had used up to a moment: windows between one mark and the next add up to the window
 * over all of them. */
struct live_meter_mark {
    int64_t t_ns;
    struct wt_sample counter; /* of devices that have one; of the others: */
    struct integrate_mark power;
};

/* The mark of a moment of the near past, and what lies between two; WT_E_NO_DATA when it is not
 * known. */
int live_meter_mark(const struct live_meter *watch, unsigned i, int64_t t_ns,
                    struct live_meter_mark *mark);
int live_meter_between(const struct live_meter *watch, unsigned i,
                       const struct live_meter_mark *from, const struct live_meter_mark *to,
                       struct wt_measurement *measurement);

/* True, and which, when a GPU's energy counter or power readings have stopped moving: what it used
 * since then is not known. */
bool live_meter_stale(const struct live_meter *watch, unsigned *i);

/* From here on calls of the driver that are not needed any more are left out when ended() says yes:
 * reads that were due and questions about state. */
void live_meter_until(struct live_meter *watch, bool (*ended)(void *ctx), void *ctx);

/* What ended() says now. */
bool live_meter_is_over(const struct live_meter *watch);

/* The newest moment for which every GPU's energy is known without extrapolation; 0: none yet. */
int64_t live_meter_known_until_ns(const struct live_meter *watch);

/* What a device has used since the window's begin by the newest readings, joules: for splitting the
 * window, not for measuring.  WT_E_NO_DATA: not known now. */
int live_meter_so_far(const struct live_meter *watch, unsigned i, double *energy_j);

/* Begins and ends the one window over everything: reads now, and at the end says what each device
 * used up to end_ns, a moment of just now.  A device that could not be read, or whose counter
 * stopped, has source WT_SOURCE_NONE. */
void live_meter_begin(struct live_meter *watch);
void live_meter_end(struct live_meter *watch, int64_t end_ns, struct wt_measurement measurements[]);

#endif
