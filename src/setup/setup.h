/* SPDX-License-Identifier: Apache-2.0
 *
 * The setup of a program: its configuration, and the devices and the ledger that the configuration
 * and the command line name.
 */
#ifndef WATTUNE_SETUP_SETUP_H
#define WATTUNE_SETUP_SETUP_H

#include <stdbool.h>

#include "base/error.h"

/* Strings are borrowed from argv and the configuration; NULL: not named. */
struct config;
struct setup {
    const char *gpus, *nvml, *vgpu, *replay, *ledger;
    bool nvml_by_user; /* an option, a variable or the user's file names it, which root acting for
                          another user does not trust */
    unsigned level;    /* enum log_level */
    struct config *config;
    const struct wt_error *config_error; /* code 0: the configuration could be read */
};

/* Takes devices and ledger from setup->config.  Of a virtual GPU and another NVML the stronger
 * origin counts, and of equal origins the virtual GPU; a recording precedes both unless they are
 * options.  A list of GPUs in a file is weaker than CUDA_VISIBLE_DEVICES. */
void setup_take_config(struct setup *setup);

#endif
