/* SPDX-License-Identifier: Apache-2.0
 *
 * `wattune simulate` and `wattune pareto`: the settings and rows of both, and the steps that they
 * share.
 */
#ifndef WATTUNE_CLI_SIMULATE_OPTIONS_H
#define WATTUNE_CLI_SIMULATE_OPTIONS_H

#include "cli/command.h"
#include "cli/sim_fleet_options.h"
#include "sim/simulate.h"
#include "tune/decide/target.h"

struct json_doc;

struct simulate_settings {
    const char *train, *power, *job, *svg, *gpu;
    bool json, has_seeds;
    double target;           /* of a trace */
    const char *target_text; /* of pareto: a number for a trace, a target for a job in the ledger */
    struct target job_target;
    struct sim_options sim;
    struct seeds {
        uint64_t first, last;
    } seeds;
    struct synthetic_fleet_settings fleet;
};

extern struct simulate_settings simulate_settings;

#define SIMULATE_TO(member) OPTION_TO(struct simulate_settings, member)

#define TRACE_ROWS                                                                                 \
    FILE_ROW("train", struct simulate_settings, train,                                             \
             "Recorded runs: CSV with dataset, network, batch_size, optimizer, learning_rate, "    \
             "run, target_metric, target_epoch"),                                                  \
        FILE_ROW("power", struct simulate_settings, power,                                         \
                 "Recorded epochs: CSV with dataset, network, batch_size, optimizer, "             \
                 "power_limit, time_per_epoch, average_power")
#define MAX_EPOCHS_ROW(text)                                                                       \
    {                                                                                              \
        .name = "max-epochs", .type = OPTION_WHOLE, .form = "N", .least = 1, .most = 1000000,      \
        .to = SIMULATE_TO(sim.max_epochs), .help = text                                            \
    }
#define DEFAULT_SIZE_ROW(words, text)                                                              \
    {                                                                                              \
        .name = "default-batch-size", .type = OPTION_WHOLE, .form = "N", .least = 1,               \
        .most = 1000000000, .otherwise = words, .to = SIMULATE_TO(sim.default_size), .help = text  \
    }

/* True when the options name a trace, or a part of one. */
bool simulate_has_trace(void);

/* WT_E_INVALID: the trace or the job in it is not named whole.  `target`: it is given. */
int simulate_need_trace(const char *command, bool target, struct wt_error *err);

/* WT_E_INVALID unless `given`: the command needs the option. */
int simulate_need(const char *command, bool given, const char *option, struct wt_error *err);

/* A trace and its simulation; clear it in any case. */
struct study {
    struct sim_trace trace;
    struct sim *sim;
};
int simulate_open(struct study *study, const struct setup *setup, struct wt_error *err);
void simulate_close(struct study *study);

/* Writes the figure that --svg names, before anything is printed: when it cannot be written, no
 * output looks like success.  choices may be NULL. */
int simulate_write_figure(const struct wt_study *study, const struct wt_point points[],
                          unsigned count, const struct wt_choices *choices, struct wt_error *err);

/* Prints the document with --json, else the page; frees the document.  The exit code. */
int simulate_print(struct json_doc *doc, struct buffer *page);

/* The same as command_failed(), but for a target that was missed. */
int simulate_failed(const struct wt_error *err);

#endif
