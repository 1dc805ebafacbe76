/* SPDX-License-Identifier: Apache-2.0
 *
 * From the options to an opened ledger.
 */
#include "setup/open_ledger.h"

#include <stdio.h>

#include "base/log.h"

static bool is_named(const struct setup *setup)
{
    return setup->ledger && *setup->ledger;
}

int ledger_path(const struct setup *setup, char *path, size_t size, struct wt_error *err)
{
    if (!is_named(setup))
        return ledger_default_path(path, size, err);
    if ((size_t)snprintf(path, size, "%s", setup->ledger) >= size)
        return error_set(err, WT_E_LEDGER, "the path of the ledger is too long");
    return 0;
}

int open_ledger(const struct setup *setup, bool read_only, struct ledger **ledger,
                struct wt_error *err)
{
    char path[4096];
    int rc = ledger_path(setup, path, sizeof path, err);
    if (rc)
        return rc;
    unsigned flags = read_only ? LEDGER_READ_ONLY : is_named(setup) ? 0 : LEDGER_MAKE_PARENT;
    rc = ledger_open(path, flags, ledger, err);
    if (rc == 0 && ledger_schema_found(*ledger))
        log_note(
            "brought the ledger up to date, from schema %d to %d: an older wattune that still runs "
            "cannot book into it",
            ledger_schema_found(*ledger), ledger_schema_number());
    return rc;
}
