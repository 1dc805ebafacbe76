/* SPDX-License-Identifier: Apache-2.0
 *
 * `wattune simulate --fleet`: its settings, its rows, and the run itself.
 */
#ifndef WATTUNE_CLI_SIM_FLEET_OPTIONS_H
#define WATTUNE_CLI_SIM_FLEET_OPTIONS_H

#include "account/carbon/intensity.h"
#include "cli/command.h"
#include "sim/synthetic_fleet.h"

enum { FLEET_LOCATIONS_MOST = 16 };

struct synthetic_fleet_settings {
    bool wanted;
    bool watched; /* book the use of whole GPUs as well */
    struct synthetic_fleet_options options;
    struct fleet_locations { /* of the nodes, in turn; none: that of the configuration */
        unsigned count;
        char codes[FLEET_LOCATIONS_MOST][CARBON_CODE_LEN];
    } locations;
};

/* The readers of the rows below, see struct option_row. */
int synthetic_fleet_read_models(const char *name, const char *text, void *target,
                                struct wt_error *err);
int synthetic_fleet_read_shares(const char *name, const char *text, void *target,
                                struct wt_error *err);
int synthetic_fleet_read_locations(const char *name, const char *text, void *target,
                                   struct wt_error *err);

/* Rows for a struct simulate_settings with a struct synthetic_fleet_settings `fleet`.  The default
 * of
 * --phases is of Sustainable AI (MLSys'22), the rough split of the power capacity of its AI
 * infrastructure; here it splits GPU time.  The default of --start is fixed, so that a seed gives
 * the same fleet on any day. */
#define FLEET_ROW(option, option_type, option_form, place, usual, ...)                             \
    {                                                                                              \
        .name = option, .type = option_type, .form = option_form, .fallback = usual,               \
        .needs = "fleet", .to = OPTION_TO(struct simulate_settings, fleet.place),                  \
        .group = "Fleet", __VA_ARGS__                                                              \
    }
#define FLEET_ROWS                                                                                 \
    {.name = "fleet",                                                                              \
     .to = OPTION_TO(struct simulate_settings, fleet.wanted),                                      \
     .group = "Fleet",                                                                             \
     .help = "Simulate months of a fleet, and book them into the new ledger that --ledger names"}, \
        FLEET_ROW("days", OPTION_NUMBER, "N", options.days, "30", .most = SYNTHETIC_DAYS_MOST,     \
                  .above = true, .excludes = "runs",                                               \
                  .help = "Length of the simulated period in days"),                               \
        FLEET_ROW("runs", OPTION_WHOLE, "N", options.runs, NULL, .least = 1,                       \
                  .most = SYNTHETIC_RUNS_MOST, .excludes = "days",                                 \
                  .help = "Number of simulated runs, however long they take; replaces --days"),    \
        FLEET_ROW("gpus", OPTION_WHOLE, "N", options.gpus, "32", .least = 1,                       \
                  .most = SYNTHETIC_GPUS_MOST, .help = "Number of GPUs, eight to a node"),         \
        FLEET_ROW("users", OPTION_WHOLE, "N", options.users, "12", .least = 1,                     \
                  .most = SYNTHETIC_USERS_MOST, .help = "Number of users who submit runs"),        \
        FLEET_ROW("start", OPTION_MOMENT, "TIME", options.start_ms, "2025-01-01",                  \
                  .help = "Start of the simulated period: RFC 3339, a date or an age such as "     \
                          "90d"),                                                                  \
        FLEET_ROW("gpu-models", OPTION_READ, "MODEL,...", options, NULL,                           \
                  .read = synthetic_fleet_read_models,                                             \
                  .otherwise = "v100,a40,a100,h100; with --train and --power v100",                \
                  .help = "GPU models that nodes have in turn: p100, v100, rtx6000, a40, a100, "   \
                          "h100"),                                                                 \
        FLEET_ROW("phases", OPTION_READ, "E:T:I", options.shares, "10:20:70",                      \
                  .read = synthetic_fleet_read_shares,                                             \
                  .help = "Shares of GPU time for experimentation, training and inference"),       \
        FLEET_ROW("load", OPTION_FRACTION, "FRACTION", options.load, "0.7", .most = 1,             \
                  .above = true,                                                                   \
                  .help = "Requested GPU time as a fraction of the available GPU time"),           \
        FLEET_ROW("locations", OPTION_READ, "CODE,...", locations, NULL,                           \
                  .read = synthetic_fleet_read_locations, .excludes = "location|intensity",        \
                  .help = "Locations of the nodes, in turn; replaces --location"),                 \
        FLEET_ROW("watched", OPTION_YES_NO, "yes|no", watched, "yes",                              \
                  .help = "Book the use of whole GPUs as well, idle ones among them, as `wattune " \
                          "monitor --book` does")

/* Checks the settings against the other options, and completes them; has_trace: --train and --power
 * are given. */
int synthetic_fleet_check(struct synthetic_fleet_settings *settings, const struct given *given,
                          const struct config *config, bool has_trace, struct wt_error *err);

/* Simulates the fleet, books it and prints a summary: the exit code. */
int synthetic_fleet_run(const struct setup *setup, const struct synthetic_fleet_settings *settings,
                        bool json);

#endif
