/* SPDX-License-Identifier: Apache-2.0
 *
 * A simulated fleet's runs, booked into a ledger of their own with their carbon.
 */
#ifndef WATTUNE_CLI_SIM_FLEET_H
#define WATTUNE_CLI_SIM_FLEET_H

#include "account/book/booking.h"
#include "account/ledger/ledger.h"
#include "sim/synthetic_fleet.h"

/* The booked runs and stretches. */
struct synthetic_fleet_booked {
    uint64_t runs, unended, profiles, stretches;
    int64_t first_ms, last_ms;  /* when the first and the last run began */
    double gpu_hours, energy_j; /* reserved by runs that ended; GPUs, where it is known */
};

/* Where nodes are: they take these places in turn. */
struct synthetic_fleet_places {
    const struct booking_factors *factors;
    unsigned count; /* at least 1 */
};

/* Books all runs of a fleet, thousands at a time, and with `watched` the use of whole GPUs: the
 * ledger holds whole runs, whenever it ends.  WT_E_INVALID: the ledger is not empty. */
int synthetic_fleet_book(struct ledger *ledger, const char *path,
                         const struct synthetic_fleet_options *options,
                         const struct synthetic_fleet_places *places, bool watched,
                         struct synthetic_fleet_booked *booked, struct wt_error *err);

#endif
