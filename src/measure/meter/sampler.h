/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows over GPUs that tell power only: one thread reads their power while a monitor is open
 * (measure/meter/integrate.h), since what is not read in between is not known afterwards.  Monitors
 * whose GPUs all have a counter have no sampler.
 */
#ifndef WATTUNE_MEASURE_METER_SAMPLER_H
#define WATTUNE_MEASURE_METER_SAMPLER_H

#include "measure/sense/sense.h"

struct sampler;

/* A sampler for those of devices[0..count) of `sense` (borrowed) that have no counter but power;
 * *out is NULL when there is none.  The caller frees it with sampler_free(), which ends the thread
 * and waits for it, at most for a read and a tick. */
int sampler_new(struct sense *sense, const unsigned devices[], unsigned count,
                struct sampler **out);
struct sampler *sampler_free(struct sampler *sampler); /* takes NULL, returns NULL */

/* All take NULL.  The window's name is unique among those that are open; the caller sees to that.
 * A window that finds no memory stays unknown. */
void sampler_begin(struct sampler *sampler, const char *name);

/* Ends it and writes what each of its devices used, over measurements[] of all the monitor's
 * devices.  In a child of the process that opened the monitor there is no thread: they are left as
 * they are. */
void sampler_end(struct sampler *sampler, const char *name, struct wt_measurement measurements[]);

#endif
