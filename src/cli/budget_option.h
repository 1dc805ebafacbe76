/* SPDX-License-Identifier: Apache-2.0
 *
 * --budget: an amount and its unit, as rows of a table that is parser and sentence at once.
 */
#ifndef WATTUNE_CLI_BUDGET_OPTION_H
#define WATTUNE_CLI_BUDGET_OPTION_H

#include "base/error.h"
#include "tune/decide/budget.h"

/* "2kWh", "500gCO2e", "3h", also with a blank in between.  WT_E_PARSE: no such thing; WT_E_RANGE:
 * nothing, or more than there is; *budget is untouched then. */
int budget_option_parse(const char *text, struct budget_amount *budget, struct wt_error *err);

#endif
