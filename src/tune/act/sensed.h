/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard's view of opened sources: which ops and which driver stand behind a device.  The one
 * place that knows which source can be set by which ops.
 */
#ifndef WATTUNE_TUNE_ACT_SENSED_H
#define WATTUNE_TUNE_ACT_SENSED_H

#include "measure/sense/sense.h"
#include "tune/act/guard.h"

/* A finder over the devices of `sense` (borrowed, for as long as its guard lives). */
struct guard_finder sensed_finder(struct sense *sense);

/* True when at least one GPU can be set. */
bool sensed_can_set(struct sense *sense);

#endif
