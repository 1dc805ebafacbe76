/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy windows: begin_window and end_window of Zeus, over samples that somebody else read.
 * Windows have names, may nest and overlap, and never disturb each other.  Pure bookkeeping: no
 * reads, no clock, no knowledge of who asks.
 */
#ifndef WATTUNE_MEASURE_METER_WINDOW_H
#define WATTUNE_MEASURE_METER_WINDOW_H

#include "base/error.h"
#include "flow/device.h"
#include "flow/sample.h"

struct meter;

enum { METER_NAME_LEN = 64, METER_WINDOWS_MOST = 1024 };

/* A meter over `device_count` devices; most_mw[i] is the most power that device i shows (struct
 * wt_device; it bounds what a counter can miss; 0: unknown).  The caller frees *out with
 * meter_free(). */
int meter_new(unsigned device_count, const uint32_t most_mw[], struct meter **out,
              struct wt_error *err);
struct meter *meter_free(struct meter *meter); /* returns NULL */

/* Opens the window `name` (copied) at samples[], one a device; a device without a reading has
 * source WT_SOURCE_NONE and stays unknown in this window.  WT_E_BUSY: it is open already. */
int meter_begin(struct meter *meter, const char *name, const struct wt_sample samples[],
                struct wt_error *err);

/* Closes it at samples[] and writes one measurement a device.  WT_E_NOT_FOUND: no such window is
 * open. */
int meter_end(struct meter *meter, const char *name, const struct wt_sample samples[],
              struct wt_measurement measurements[], struct wt_error *err);

/* What two samples of one device say about the energy between them (most_mw as above). */
struct wt_measurement meter_between(const struct wt_sample *begin, const struct wt_sample *end,
                                    uint32_t most_mw);

/* The sum over devices: unknown as soon as one is unknown; errors are bounds and add up. */
struct wt_measurement meter_sum(const struct wt_measurement measurements[], unsigned count);

/* Of that sum, the fraction that it may be off by as sensors are calibrated (devices[i] is what
 * measurements[i] is of); NaN when it is not known of one of them.  Cards of a model may err the
 * same way, so the parts add up. */
double meter_sensor_error(const struct wt_measurement measurements[],
                          const struct wt_device devices[], unsigned count);

#endif
