/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside page/: the tables of a fleet's page, each with its heading.  A long table is cut, and the
 * others are one line.
 */
#ifndef WATTUNE_SHOW_PAGE_FLEET_TABLES_H
#define WATTUNE_SHOW_PAGE_FLEET_TABLES_H

#include "base/buffer.h"
#include "flow/fleet.h"

/* The energy of watched GPUs, by use, up to the sum of the counters. */
void page_fleet_table_lines(struct buffer *out, const struct wt_fleet_lines *lines);

/* The same for the GPUs that used most, a row each. */
void page_fleet_table_devices(struct buffer *out, const struct wt_fleet_device devices[],
                              size_t count, const struct wt_fleet_lines *total);

/* The groups that used most, as the rows' order has them; `title` and `id` are ours.  Nothing
 * without rows. */
void page_fleet_table_groups(struct buffer *out, const char *id, const char *title,
                             enum wt_report_key key, const struct wt_rows *rows,
                             const struct wt_report_row *total);

/* The task view: the jobs that used most by phase, and the further saving available in each. */
void page_fleet_table_tasks(struct buffer *out, const struct wt_fleet *fleet);

#endif
