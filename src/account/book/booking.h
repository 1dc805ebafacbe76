/* SPDX-License-Identifier: Apache-2.0
 *
 * The carbon of a trial, as it is booked: from its energy by the hour and the devices that it had
 * reserved.  The caller supplies the factors; carbon/ has the arithmetic.
 */
#ifndef WATTUNE_ACCOUNT_BOOK_BOOKING_H
#define WATTUNE_ACCOUNT_BOOK_BOOKING_H

#include "account/carbon/embodied.h"
#include "account/carbon/intensity.h"
#include "account/carbon/operational.h"
#include "account/ledger/ledger.h"

/* The factors in force, and the caller's answers to questions of time, GPU or energy; each fills
 * its *out. */
struct booking_factors {
    double pue, lifetime_years;
    const char *pue_source, *location; /* as struct wt_carbon has them; "": unknown, none */
    double utilisation;                /* of the fleet; 0 excluded to 1 */
    unsigned system_gpus;              /* in a node; 0: as many as are found */
    void (*intensity_at)(void *ctx, int64_t unix_s, struct carbon_intensity *out);
    void (*system)(void *ctx, const char *gpu_model,
                   struct carbon_system *out); /* "": a system without GPUs */
    bool (*contract)(void *ctx, double facility_kwh,
                     struct carbon_contract *out); /* false: there is none */
    void *ctx;
};

/* Fills trial->carbon, and the grid's intensity into each of hours[0..count).  node_gpus: GPUs
 * found in the node.  Operational carbon covers all that was measured; NaN when nothing was.
 * Embodied carbon is of the GPUs' systems for the time they were reserved, or of the one system of
 * a run without GPUs. */
void booking_fill(const struct booking_factors *factors, unsigned node_gpus,
                  struct ledger_hour hours[], size_t count, struct wt_trial *trial);

/* The embodied carbon alone, g, of the trial's GPUs if they were reserved for time_s. */
double booking_embodied_g(const struct booking_factors *factors, unsigned node_gpus,
                          const struct wt_trial *trial, double time_s);

/* The same for a stretch of a whole GPU, for all its users together: fills stretch->carbon,
 * useful and market-based apart. */
void booking_fill_stretch(const struct booking_factors *factors, unsigned node_gpus,
                          struct wt_stretch *stretch);

#endif
