/* SPDX-License-Identifier: Apache-2.0
 *
 * The values that a run gives its command: {batch_size}, {lr}, {seed} and {recurrence} in its
 * arguments, and the same in its environment.  Exactly these four are replaced, anywhere in an
 * argument, and only where there is a value; every other brace stays, and a value put in is not
 * looked at again.  No shell is involved.  Pure.
 */
#ifndef WATTUNE_RUN_JOB_SUBSTITUTE_H
#define WATTUNE_RUN_JOB_SUBSTITUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct substitute_values {
    uint32_t batch_size;  /* 0: none */
    double learning_rate; /* 0: none */
    bool has_seed;
    uint64_t seed;
    unsigned recurrence; /* 0: none */
};

/* A copy of the NULL-terminated argv with its words replaced, as one block that the caller frees
 * with free(). */
int substitute_argv(char *const argv[], const struct substitute_values *values, char ***copy,
                    struct wt_error *err);

/* "WATTUNE_BATCH_SIZE=64" and the like for the values that there are; returns how many. */
enum { SUBSTITUTE_WORDS = 4, SUBSTITUTE_ENV_SIZE = 64 };
unsigned substitute_env(const struct substitute_values *values,
                        char env[SUBSTITUTE_WORDS][SUBSTITUTE_ENV_SIZE]);

#endif
