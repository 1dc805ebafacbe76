/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings that many commands share.
 */
#ifndef WATTUNE_SETUP_COMMON_H
#define WATTUNE_SETUP_COMMON_H

#include <stdbool.h>

#include "base/error.h"

/* What many commands share.  Strings are borrowed from argv and the configuration. */
struct config;
struct common {
    const char *gpus, *nvml, *vgpu, *replay, *ledger;
    bool colour;
    unsigned level; /* enum log_level */
    bool nvml_by_user; /* named by a flag or variable, which root acting for somebody else does not
                          trust */
    struct config *config;
    const struct wt_error *config_error; /* code 0: the configuration could be read */
};

#endif
