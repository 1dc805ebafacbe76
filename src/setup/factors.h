/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of a run's account besides its measurements: the factors of its carbon, its user and
 * its node.
 */
#ifndef WATTUNE_SETUP_FACTORS_H
#define WATTUNE_SETUP_FACTORS_H

#include "account/book/booking.h"
#include "setup/carbon_sources.h"

/* The settings as booking asks for them; *settings must outlive the result.  A provider is asked
 * for the present hour, and for those of the last day, when such an hour is booked, after the
 * run, so that no training waits for it. */
struct booking_factors factors_of(struct carbon_sources *settings);

/* The user on whose behalf the run is, by sudo or as itself; the number where it has no name. */
void factors_user(char user[WT_USER_LEN]);

/* This machine's name; empty: it has none. */
void factors_node(char node[WT_USER_LEN]);

#endif
