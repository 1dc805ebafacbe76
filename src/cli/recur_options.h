/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `wattune run` that are about recurrences, targets and batch sizes: their rows, and
 * what they make.
 */
#ifndef WATTUNE_CLI_RECUR_OPTIONS_H
#define WATTUNE_CLI_RECUR_OPTIONS_H

#include "cli/command.h"
#include "run/job/recur.h"

enum recur_key {
    KEY_BATCH_SIZES = 500,
    KEY_DEFAULT_SIZE,
    KEY_TARGET,
    KEY_MAX_EPOCHS,
    KEY_BETA,
    KEY_WINDOW,
    KEY_POLICY,
    KEY_SEED,
    KEY_LR,
    KEY_OPTIMIZER,
    KEY_RECURRENCES,
    KEY_GRACE,
    KEY_BUDGET,
};

#define RECUR_POLICY_FORM "zeus"

#define RECUR_OPTIONS                                                                              \
    {"target",                                                                                     \
     KEY_TARGET,                                                                                   \
     "NAME>=VALUE|NAME<=VALUE",                                                                    \
     0,                                                                                            \
     "the validation metric that the training has to reach; when it has, it is asked to end",      \
     0},                                                                                           \
        {"max-epochs",                                                                             \
         KEY_MAX_EPOCHS,                                                                           \
         "N",                                                                                      \
         0,                                                                                        \
         "a training that has not reached its target in so many epochs is ended "                  \
         "(default 100)",                                                                          \
         0},                                                                                       \
        {"recurrences", KEY_RECURRENCES, "N", 0, "run the job N times (default 1)", 0},            \
        {"batch-sizes",                                                                            \
         KEY_BATCH_SIZES,                                                                          \
         "N,N,...",                                                                                \
         0,                                                                                        \
         "choose among these, over the recurrences of the job; the command "                       \
         "takes {batch_size} or WATTUNE_BATCH_SIZE",                                               \
         0},                                                                                       \
        {"default-batch-size",                                                                     \
         KEY_DEFAULT_SIZE,                                                                         \
         "N",                                                                                      \
         0,                                                                                        \
         "the one that the job has without tuning: what is tried first",                           \
         0},                                                                                       \
        {"policy", KEY_POLICY, RECUR_POLICY_FORM, 0, "who chooses (default zeus)", 0},             \
        {"beta",                                                                                   \
         KEY_BETA,                                                                                 \
         "B|inf",                                                                                  \
         0,                                                                                        \
         "a run may cost B times the cheapest recurrence so far (default 2)",                      \
         0},                                                                                       \
        {"window",                                                                                 \
         KEY_WINDOW,                                                                               \
         "N",                                                                                      \
         0,                                                                                        \
         "believe the last N runs of a batch size, at most 64 (default 0: all)",                   \
         0},                                                                                       \
        {"seed",                                                                                   \
         KEY_SEED,                                                                                 \
         "S",                                                                                      \
         0,                                                                                        \
         "the seed of all that is drawn (default 1); recurrence r is given S + r - 1 as {seed}",   \
         0},                                                                                       \
        {"lr",                                                                                     \
         KEY_LR,                                                                                   \
         "RATE",                                                                                   \
         0,                                                                                        \
         "the learning rate that suits the default batch size; {lr} is the one that suits the "    \
         "size that runs",                                                                         \
         0},                                                                                       \
        {"optimizer",                                                                              \
         KEY_OPTIMIZER,                                                                            \
         "NAME",                                                                                   \
         0,                                                                                        \
         "how --lr follows the batch size: with its square root for adam, adamw, "                 \
         "adadelta, adagrad, rmsprop and lamb, linearly for sgd; for others it stays",             \
         0},                                                                                       \
        {"grace",                                                                                  \
         KEY_GRACE,                                                                                \
         "SECONDS",                                                                                \
         0,                                                                                        \
         "a training that must not go on has so long to end after SIGTERM (default 10)",           \
         0},                                                                                       \
    {                                                                                              \
        "budget", KEY_BUDGET, "AMOUNT", 0,                                                         \
            "what all runs of this command together may use, such as 2kWh, 500gCO2e or 3h: "       \
            "energy of all "                                                                       \
            "that is measured, carbon as it is booked, or time; then the training is ended and "   \
            "the exit code is 8",                                                                  \
            0                                                                                      \
    }

/* Takes one of the options above; ARGP_ERR_UNKNOWN for others.  Ends the process on a value that
 * makes no sense. */
error_t recur_option(int key, const char *arg, struct recur_options *options);

/* Completes what was given; ends the process when it does not fit together. */
void recur_options_finish(struct recur_options *options);

/* The usual: one recurrence, nothing is chosen. */
void recur_options_init(struct recur_options *options);

#endif
