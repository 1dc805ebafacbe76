/* SPDX-License-Identifier: Apache-2.0
 *
 * Recovery: the settings that killed runs left on devices.
 */
#ifndef WATTUNE_SETUP_RECOVER_H
#define WATTUNE_SETUP_RECOVER_H

#include "measure/sense/sense.h"

/* Puts back every setting that killed runs left on any GPU of the sources, knob by knob, and prints
 * a line for each.  Every command that may write to a device calls it first. */
void recover_limits(struct sense *sense);

#endif
