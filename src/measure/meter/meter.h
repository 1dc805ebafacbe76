/* SPDX-License-Identifier: Apache-2.0
 *
 * Meters: from readings to energy with a 95 % bound.  Other rooms include this header and no other
 * of the room.
 *
 * Two kinds of owner share one engine (track.h), so that they give the same answer: a *live meter*
 * belongs to a program with a loop of its own, which polls it; a *window meter* belongs to a
 * program that only begins and ends windows, and has a thread where one is needed.
 */
#ifndef WATTUNE_MEASURE_METER_METER_H
#define WATTUNE_MEASURE_METER_METER_H

#include "measure/meter/mark.h"
#include "measure/sense/sense.h"

/* --- Sums --- */

/* The sum over devices: unknown as soon as one is unknown; errors are bounds and add up. */
struct wt_measurement meter_sum(const struct wt_measurement measurements[], unsigned count);

/* The fraction by which that sum may be off through the calibration of sensors (devices[i] belongs
 * to measurements[i]); NaN when it is not known of one of them.  Cards of a model may err the same
 * way, so the parts add up. */
double meter_sensor_error(const struct wt_measurement measurements[],
                          const struct wt_device devices[], unsigned count);

/* --- Live meter --- */

/* Reads the counters of a run's devices at the right moments, or the power of those that have none,
 * so that energy is known at any moment of the near past.  At most 40 reads a second and device.
 * Not for several threads. */
struct live_meter;

/* A meter of devices[0..count) of `sense` (borrowed), GPUs first.  The caller frees *out with
 * live_meter_free(). */
int live_meter_new(struct sense *sense, const unsigned devices[], unsigned count,
                   struct live_meter **out, struct wt_error *err);
struct live_meter *live_meter_free(struct live_meter *meter); /* takes NULL, returns NULL */

/* News that a person may want to know.  The meter itself prints nothing. */
struct live_meter_event {
    enum {
        LIVE_METER_FAILED,    /* a device cannot be read */
        LIVE_METER_READABLE,  /* it can be read again */
        LIVE_METER_SLOW,      /* the driver takes long to answer; told once a device */
        LIVE_METER_WENT_BACK, /* a counter was set back */
        LIVE_METER_STOPPED,   /* a counter, or power readings, have stopped; told once a device */
    } kind;
    const struct wt_device *device;
    const char *text; /* one sentence, until the handler returns */
};

/* Calls `handle` for each event from here on; NULL (as at first): nobody. */
void live_meter_on_event(struct live_meter *meter,
                         void (*handle)(void *ctx, const struct live_meter_event *event),
                         void *ctx);

/* A handler that prints the sentence as a warning or a note (base/log.h); for programs only. */
void live_meter_log_event(void *unused, const struct live_meter_event *event);

unsigned live_meter_device_count(const struct live_meter *meter);
unsigned live_meter_gpu_count(const struct live_meter *meter);
const struct wt_device *live_meter_device(const struct live_meter *meter, unsigned i);

/* The state of a device besides energy (sense_state). */
int live_meter_state(const struct live_meter *meter, unsigned i, unsigned wanted,
                     struct wt_state *state);

/* The processes that compute on a device (sense_processes). */
int live_meter_processes(const struct live_meter *meter, unsigned i, uint32_t pids[],
                         unsigned capacity, unsigned *count);

/* Sets the least time between two reads of a device from here on: short while slices are measured,
 * long afterwards. */
void live_meter_set_gap(struct live_meter *meter, int64_t gap_ns);

/* Reads counters that move all the time once a second from here on, rather than as seldom as their
 * range allows: for callers of live_meter_so_far() during the run. */
void live_meter_keep_up(struct live_meter *meter);

/* Reads the devices that are due; live_meter_next_ns() is when to call again, INT64_MAX when
 * nothing is ever due. */
void live_meter_poll(struct live_meter *meter);
int64_t live_meter_next_ns(const struct live_meter *meter);

/* Leaves out calls of the driver that are not needed any more, once ended() says yes: reads that
 * were due, and questions about state. */
void live_meter_until(struct live_meter *meter, bool (*ended)(void *ctx), void *ctx);

/* The answer of ended() now. */
bool live_meter_is_over(const struct live_meter *meter);

/* The energy of all GPUs between two moments of the near past, joules, with its 95 % bound;
 * WT_E_NO_DATA when it is not known. */
int live_meter_energy_between(const struct live_meter *meter, int64_t begin_ns, int64_t end_ns,
                              double *energy_j, double *error_j);

/* The same of one device, with its source. */
int live_meter_device_between(const struct live_meter *meter, unsigned i, int64_t begin_ns,
                              int64_t end_ns, struct wt_measurement *measurement);

/* The mark of a device at a moment of the near past, and the energy between two of them: windows
 * from each mark to the next add up to the window over all of them.  WT_E_NO_DATA when it is not
 * known. */
int live_meter_mark(const struct live_meter *meter, unsigned i, int64_t t_ns,
                    struct live_meter_mark *mark);
int live_meter_between(const struct live_meter *meter, unsigned i,
                       const struct live_meter_mark *from, const struct live_meter_mark *to,
                       struct wt_measurement *measurement);

/* True, with the first such GPU in *i, when an energy counter or power readings have stopped
 * moving: the energy since then is not known. */
bool live_meter_stale(const struct live_meter *meter, unsigned *i);

/* The newest moment for which every GPU's energy is known without extrapolation; 0: none yet. */
int64_t live_meter_known_until_ns(const struct live_meter *meter);

/* Begins and ends the one window over the whole run.  Both read now; the end writes the energy of
 * each device up to end_ns, a moment of just now.  A device that could not be read, or whose
 * counter stopped, has source WT_SOURCE_NONE. */
void live_meter_begin(struct live_meter *meter);
void live_meter_end(struct live_meter *meter, int64_t end_ns, struct wt_measurement measurements[]);

/* The energy of a device since the window's begin by the newest readings, joules: for splitting the
 * window, not for measuring.  WT_E_NO_DATA: not known now. */
int live_meter_so_far(const struct live_meter *meter, unsigned i, double *energy_j);

/* --- Window meter --- */

/* Windows have names, may nest and overlap, and never disturb each other.  Safe from any thread.
 *
 * A thread follows devices that tell power only, and with `follow` every device, at most 40 reads a
 * second each.  A forked child has no such thread: windows that end there have the two reads of
 * counters only, and power is unknown. */
struct window_meter;

enum { METER_NAME_LEN = 64, METER_WINDOWS_MOST = 1024 };

/* A meter of devices[0..count) of `sense` (borrowed).  The caller frees *out with
 * window_meter_free(), which ends the thread and waits for it, at most for a read and a tick. */
int window_meter_new(struct sense *sense, const unsigned devices[], unsigned count, bool follow,
                     struct window_meter **out, struct wt_error *err);
struct window_meter *window_meter_free(struct window_meter *meter); /* takes NULL, returns NULL */

/* Reads every device in the caller's thread, without waiting for a tick, and opens the window
 * `name` (copied).  WT_E_BUSY: it is open already. */
int window_meter_begin(struct window_meter *meter, const char *name, struct wt_error *err);

/* Reads every device again, closes the window and writes one measurement a device.
 * WT_E_NOT_FOUND: no such window is open. */
int window_meter_end(struct window_meter *meter, const char *name,
                     struct wt_measurement measurements[], struct wt_error *err);

#endif
