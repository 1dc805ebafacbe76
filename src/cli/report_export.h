/* SPDX-License-Identifier: Apache-2.0
 *
 * `wattune report --export`: what the ledger has, in forms that others have set.
 */
#ifndef WATTUNE_CLI_REPORT_EXPORT_H
#define WATTUNE_CLI_REPORT_EXPORT_H

#include "account/ledger/ledger.h"

enum { EXPORT_ID_LEN = 37 };

enum report_export { EXPORT_NONE, EXPORT_CODECARBON, EXPORT_BOAMPS, EXPORT_SCI, EXPORT_METHODS };

struct report_export_options {
    enum report_export form;
    struct ledger_runs runs;
    enum wt_report_key keys[WT_REPORT_KEYS]; /* of EXPORT_SCI, as what follows */
    unsigned key_count;
    bool per_gpu_hour; /* its unit; else a run */
    bool colour;
};

/* Writes them to standard output, the runs one by one; `ledger` NULL: one without runs.  Returns
 * the exit code. */
int report_export(struct ledger *ledger, const struct report_export_options *options);

/* A UUID (version 8 of RFC 9562) made from what no two runs share: where, whose, when, which job
 * and which try.  The same run has the same one in every export and in every ledger that it is
 * brought to.  Returns `id`. */
char *report_export_id(char id[EXPORT_ID_LEN], const struct wt_trial *run);

#endif
