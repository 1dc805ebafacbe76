/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of open windows: their names, and the moments at which they began.  Pure bookkeeping:
 * no reads, no clock, no lock.
 */
#ifndef WATTUNE_MEASURE_METER_WINDOW_TABLE_H
#define WATTUNE_MEASURE_METER_WINDOW_TABLE_H

#include "measure/meter/meter.h"
#include "measure/meter/track.h"

struct window_table;

/* A table for windows over `device_count` devices.  The caller frees *out with
 * window_table_free(). */
int window_table_new(unsigned device_count, struct window_table **out, struct wt_error *err);
struct window_table *window_table_free(struct window_table *table); /* takes NULL, returns NULL */

/* Opens the window `name` (copied) that begins at begin[], one moment a device (copied).
 * WT_E_BUSY: it is open already. */
int window_table_open(struct window_table *table, const char *name, const struct moment begin[],
                      struct wt_error *err);

/* Closes it and writes the moments at which it began.  WT_E_NOT_FOUND: no such window is open. */
int window_table_close(struct window_table *table, const char *name, struct moment begin[],
                       struct wt_error *err);

#endif
