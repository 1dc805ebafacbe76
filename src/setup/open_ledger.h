/* SPDX-License-Identifier: Apache-2.0
 *
 * From the options to an opened ledger.
 */
#ifndef WATTUNE_SETUP_OPEN_LEDGER_H
#define WATTUNE_SETUP_OPEN_LEDGER_H

#include <stddef.h>

#include "account/ledger/ledger.h"
#include "setup/common.h"

/* Where it lies: --ledger, WATTUNE_LEDGER or the default. */
int ledger_path(const struct common *common, char *path, size_t size, struct wt_error *err);

int open_ledger(const struct common *common, bool read_only, struct ledger **ledger,
                struct wt_error *err);

#endif
