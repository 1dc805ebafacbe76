/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `wattune simulate --fleet`: their rows, what they make, and the command itself.
 */
#ifndef WATTUNE_CLI_SIM_FLEET_OPTIONS_H
#define WATTUNE_CLI_SIM_FLEET_OPTIONS_H

#include "cli/command.h"
#include "sim/synthetic_fleet.h"

enum synthetic_fleet_key {
    KEY_FLEET = 600,
    KEY_RUNS,
    KEY_DAYS,
    KEY_GPUS,
    KEY_USERS,
    KEY_START,
    KEY_GPU_MODELS,
    KEY_SHARES,
    KEY_LOAD,
    KEY_WATCHED,
    KEY_LOCATIONS,
    KEY_FLEET_END,
};

#define FLEET_OPTIONS                                                                              \
    {"fleet",                                                                                      \
     KEY_FLEET,                                                                                    \
     NULL,                                                                                         \
     0,                                                                                            \
     "instead: months of a fleet, booked into the new ledger that --ledger names",                 \
     0},                                                                                           \
        {"days", KEY_DAYS, "N", 0, "of a fleet: so long (default 30)", 0},                         \
        {"runs",                                                                                   \
         KEY_RUNS,                                                                                 \
         "N",                                                                                      \
         0,                                                                                        \
         "of a fleet: so many runs, however long they take, instead of --days",                    \
         0},                                                                                       \
        {"gpus", KEY_GPUS, "N", 0, "of a fleet: its GPUs, eight to a node (default 32)", 0},       \
        {"users", KEY_USERS, "N", 0, "of a fleet: who submits (default 12)", 0},                   \
        {"start",                                                                                  \
         KEY_START,                                                                                \
         "TIME",                                                                                   \
         0,                                                                                        \
         "of a fleet: when it begins: RFC 3339, a date or an age such as 90d (default "            \
         "2025-01-01)",                                                                            \
         0},                                                                                       \
        {"gpu-models",                                                                             \
         KEY_GPU_MODELS,                                                                           \
         "MODEL,...",                                                                              \
         0,                                                                                        \
         "of a fleet: p100, v100, rtx6000, a40, a100, h100; nodes have them "                      \
         "in turn (default v100,a40,a100,h100; with --train and --power one)",                     \
         0},                                                                                       \
        {"phases",                                                                                 \
         KEY_SHARES,                                                                               \
         "E:T:I",                                                                                  \
         0,                                                                                        \
         "of a fleet: the shares of GPU time for experimentation, training and inference "         \
         "(default 10:20:70)",                                                                     \
         0},                                                                                       \
        {"load",                                                                                   \
         KEY_LOAD,                                                                                 \
         "FRACTION",                                                                               \
         0,                                                                                        \
         "of a fleet: GPU time that is asked for, of what there is (default 0.7)",                 \
         0},                                                                                       \
        {"locations",                                                                              \
         KEY_LOCATIONS,                                                                            \
         "CODE,...",                                                                               \
         0,                                                                                        \
         "of a fleet: where its nodes are, in turn, instead of --location",                        \
         0},                                                                                       \
    {                                                                                              \
        "watched", KEY_WATCHED, "yes|no", 0,                                                       \
            "of a fleet: book what whole GPUs draw as well, idle ones among them, as "             \
            "`wattune monitor --book` does (default yes)",                                         \
            0                                                                                      \
    }

/* Takes one of the options above; ARGP_ERR_UNKNOWN for others.  Ends the process on a value that
 * makes no sense. */
error_t synthetic_fleet_option(int key, const char *arg);

/* --fleet was given. */
bool synthetic_fleet_wanted(void);

/* Ends the process when what was given does not fit together; has_trace: so do --train and --power.
 */
void synthetic_fleet_options_finish(const struct common *common, bool has_trace);

/* Makes the fleet, books it and says what was booked: the exit code.  trace may be NULL. */
int synthetic_fleet_run(const struct common *common, uint64_t seed, const struct sim_options *sim,
                        const struct sim_trace *trace, bool json);

#endif
