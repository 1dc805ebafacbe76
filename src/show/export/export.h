/* SPDX-License-Identifier: Apache-2.0
 *
 * Exports: runs and reports in the forms of others (CodeCarbon, BoAmps, Software Carbon Intensity)
 * and as a paragraph for a paper.  Must not know where rows came from.
 */
#ifndef WATTUNE_SHOW_EXPORT_EXPORT_H
#define WATTUNE_SHOW_EXPORT_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "flow/trial.h"
#include "show/json/json.h"
#include "show/text/view.h"

/* `wattune report --export codecarbon`: a run as a row of CodeCarbon's emissions.csv.  Grams are
 * location-based and operational; a value that the ledger lacks is empty.  `id` tells runs apart
 * wherever they were booked. */
void export_put_codecarbon_heading(struct buffer *out);
void export_put_codecarbon(struct buffer *out, const char *id, const struct wt_trial *run,
                           const char *wattune_version);

/* `wattune report --export boamps`: one run as a report in the form of BoAmps (Boavizta); written
 * as JSON_LINE.  Energy is that of all devices that were measured, in kWh and without PUE. */
struct export_boamps_run {
    const char *id; /* a UUID */
    const struct wt_trial *run;
    int64_t now_ms; /* wall clock */
    const char *wattune_version;
};
struct json_doc *export_boamps_document(const struct export_boamps_run *report);

/* False for a run that cannot be such a report, since the form needs an energy and a component. */
bool export_boamps_has(const struct wt_trial *run);

/* `wattune report --export sci`: the Software Carbon Intensity (ISO/IEC 21031:2024) of the runs,
 * by run or by GPU hour, and its basis.  It covers the runs with all parts known, and counts the
 * others. */
enum export_sci_unit { EXPORT_SCI_RUN, EXPORT_SCI_GPU_HOUR };
void export_put_sci(struct buffer *out, const struct view_report_page *page,
                    enum export_sci_unit unit, const char *wattune_version, bool colour);

/* `wattune report --export methods`: paragraphs for a paper, plain text, each a line, and the
 * literature.  Rows are by GPU model; job and project: the only ones of the runs, NULL: any. */
void export_put_methods(struct buffer *out, const struct view_report_page *page, const char *job,
                        const char *project, const char *wattune_version);

#endif
