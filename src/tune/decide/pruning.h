/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning exploration (Zeus section 4.3): finding the batch sizes that are worth being arms of the
 * bandit.  Each of two rounds runs the sizes from the default downwards, then from above the
 * default upwards, and a direction ends with its first size that does not reach the target: sizes
 * beyond it are not tried again.  The cheapest size of the first round is the default of the
 * second.  Two rounds, because the bandit needs two costs of an arm to know how much they differ.
 *
 * Sizes are named by their index in ascending order; a set of them is a word with a bit for each.
 */
#ifndef WATTUNE_TUNE_DECIDE_PRUNING_H
#define WATTUNE_TUNE_DECIDE_PRUNING_H

#include <stdbool.h>
#include <stdint.h>

enum { PRUNING_ROUNDS = 2, PRUNING_SIZES_MOST = 64 };

enum pruning_stage {
    PRUNING_RUNS,
    PRUNING_DONE,           /* `left` are the arms */
    PRUNING_DEFAULT_FAILED, /* the very first run did not reach the target */
    PRUNING_NONE_REACHED,   /* in a whole round */
};

struct pruning {
    unsigned char stage; /* enum pruning_stage */
    unsigned char round; /* from 0 */
    bool upwards;
    unsigned char start; /* where the round began: its default */
    unsigned char
        next; /* the size to run; also the one that was asked for last when the stage has ended */
    unsigned char best;  /* the cheapest so far; until one has reached the target the default */
    double best_cost_j;  /* of this round; infinite before one has reached the target */
    uint64_t left, good; /* not dropped before this round; reached the target in this round */
};

/* `count` is 1 to PRUNING_SIZES_MOST, default_index below it. */
void pruning_init(struct pruning *pruning, unsigned count, unsigned default_index);

/* Takes the result of the run of pruning->next, and goes to the next size. */
void pruning_add(struct pruning *pruning, double cost_j, bool reached);

#endif
