/* SPDX-License-Identifier: Apache-2.0
 *
 * The length of a slice: the end of the warm-up after a new power limit, and the end of measuring.
 * Pure rules; the caller counts the steps and reads the clock.
 *
 * A slice begins and ends at the end of a step, so that energy per step is not blurred by parts of
 * steps.
 */
#ifndef WATTUNE_TUNE_DECIDE_SLICE_LENGTH_H
#define WATTUNE_TUNE_DECIDE_SLICE_LENGTH_H

#include <stdbool.h>
#include <stdint.h>

/* True when the GPU has settled at its new limit: begin the slice at this step's end, or the next
 * one's. */
bool slice_warm(uint64_t steps, double elapsed_s);

/* The greatest length of a slice in a search that measures `limits` limits, seconds: 6, and less
 * where there are many. */
double slice_most(unsigned limits);

/* True when the slice may end, given its whole steps, its length, the 95 % error of its cost as a
 * fraction (cost_relative_error(); NaN: unknown, which counts as imprecise), and the longest it may
 * get. */
bool slice_long_enough(uint64_t steps, double elapsed_s, double cost_relative_error, double most_s);

#endif
