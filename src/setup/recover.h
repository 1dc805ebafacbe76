/* SPDX-License-Identifier: Apache-2.0
 *
 * Recovery: the power limits that killed runs left.
 */
#ifndef WATTUNE_SETUP_RECOVER_H
#define WATTUNE_SETUP_RECOVER_H

#include "measure/sense/sense.h"

/* Puts back the limits that killed runs left on any GPU of the source, and says so.  Every command
 * that may write to a device calls it first. */
void recover_limits(struct sense *sense);

#endif
