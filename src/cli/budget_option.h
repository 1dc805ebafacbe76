/* SPDX-License-Identifier: Apache-2.0
 *
 * --budget: an amount and its unit, as rows of a table that is parser and sentence at once.
 */
#ifndef WATTUNE_CLI_BUDGET_OPTION_H
#define WATTUNE_CLI_BUDGET_OPTION_H

#include "base/error.h"
#include "tune/decide/budget.h"

/* Reads "2kWh", "500gCO2e", "3h", also with a blank in between, into a struct budget_amount (see
 * struct option_row).  WT_E_PARSE: no such amount, with the unit that was perhaps meant;
 * WT_E_RANGE: nothing, or more than there is; *target is untouched then. */
int budget_option_read(const char *name, const char *text, void *target, struct wt_error *err);

#endif
