/* SPDX-License-Identifier: Apache-2.0
 *
 * From the options to an opened ledger.
 */
#ifndef WATTUNE_SETUP_OPEN_LEDGER_H
#define WATTUNE_SETUP_OPEN_LEDGER_H

#include <stddef.h>

#include "account/ledger/ledger.h"
#include "setup/setup.h"

/* Where it lies: --ledger, WATTUNE_LEDGER or the default. */
int ledger_path(const struct setup *setup, char *path, size_t size, struct wt_error *err);

int open_ledger(const struct setup *setup, bool read_only, struct ledger **ledger,
                struct wt_error *err);

#endif
