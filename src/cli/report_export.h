/* SPDX-License-Identifier: Apache-2.0
 *
 * `wattune report --export`: the runs of the ledger, in forms that others have set.
 */
#ifndef WATTUNE_CLI_REPORT_EXPORT_H
#define WATTUNE_CLI_REPORT_EXPORT_H

#include "account/ledger/ledger.h"

enum { EXPORT_ID_LEN = 37 };

enum report_export { EXPORT_NONE, EXPORT_CODECARBON, EXPORT_BOAMPS, EXPORT_SCI, EXPORT_METHODS };

struct report_export_options {
    enum report_export form;
    struct ledger_runs runs;
    enum wt_report_key keys[WT_REPORT_KEYS]; /* of EXPORT_SCI, as the rest */
    unsigned key_count;
    bool per_gpu_hour; /* the unit; else a run */
    bool colour;
};

/* Writes them to standard output, the runs one by one; `ledger` NULL: one without runs.  Returns
 * the exit code. */
int report_export(struct ledger *ledger, const struct report_export_options *options);

/* Makes a UUID (version 8 of RFC 9562) from the facts that no two runs share: node, user, time, job
 * and try.  The same run has the same UUID in every export and in every ledger.  Returns `id`. */
char *report_export_id(char id[EXPORT_ID_LEN], const struct wt_trial *run);

#endif
