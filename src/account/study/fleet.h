/* SPDX-License-Identifier: Apache-2.0
 *
 * A fleet, read from the ledger: the fleet view and the task view of Sustainable AI (section 3),
 * the further savings that profiles offer, and the same sums under other circumstances.  It reads,
 * and changes nothing.
 */
#ifndef WATTUNE_ACCOUNT_STUDY_FLEET_H
#define WATTUNE_ACCOUNT_STUDY_FLEET_H

#include "account/ledger/ledger.h"

struct fleet_options {
    int64_t from_ms, to_ms; /* hours that begin in [from_ms, to_ms); INT64_MIN and INT64_MAX: all */
    double eta;             /* of the potential */
    double lifetime_years, utilisation; /* that embodied carbon was booked with */
    bool has_what_if;
    struct wt_what_if what_if;
};

enum { FLEET_GROUPINGS = 7 };

struct fleet_read {
    struct wt_fleet fleet; /* points into the rest */
    struct ledger_report_rows rows[FLEET_GROUPINGS];
    struct ledger_lines lines;
    struct wt_potential *potentials;
};

/* `ledger` NULL: one without runs.  The caller frees the contents of *read with fleet_clear(),
 * after an error too. */
int fleet_read(struct ledger *ledger, const struct fleet_options *options, struct fleet_read *read,
               struct wt_error *err);
void fleet_clear(struct fleet_read *read);

#endif
