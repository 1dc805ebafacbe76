/* SPDX-License-Identifier: Apache-2.0
 *
 * The search `adaptive`: a row of power_search's table.
 */
#ifndef WATTUNE_TUNE_DECIDE_POWER_SEARCH_ADAPTIVE_H
#define WATTUNE_TUNE_DECIDE_POWER_SEARCH_ADAPTIVE_H

#include "tune/decide/power_search.h"

/* The most limits that the search asks for on a grid of `count`. */
unsigned power_search_adaptive_most(unsigned count);

/* As power_search_ops.next.  Keeps nothing between calls: the measured points, from any source, are
 * its whole input. */
int power_search_adaptive_next(const struct power_search *search);

#endif
