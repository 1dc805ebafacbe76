/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `wattune run`: the settings, their rows, and the rules between them.
 */
#ifndef WATTUNE_CLI_RUN_OPTIONS_H
#define WATTUNE_CLI_RUN_OPTIONS_H

#include "cli/command.h"
#include "run/job/recur.h"

struct run_settings {
    struct recur_options recur;
    const char *json; /* file; NULL: none */
    const char *policy;
    bool dry_run, carbon_aware;
    unsigned min; /* of --min: 0 energy, 1 time */
};

extern struct run_settings run_settings;
extern const struct option_row run_rows[], run_operands[];

/* The check of the command's row: completes run_settings. */
int run_check(const struct given *given, const struct config *config, struct wt_error *err);

#endif
