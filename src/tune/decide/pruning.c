/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning exploration.
 */
#include "tune/decide/pruning.h"

#include <math.h>

static uint64_t bit(unsigned index)
{
    return UINT64_C(1) << index;
}

/* The sizes below and above one; shifting a word by its whole width would be undefined. */
static uint64_t below(unsigned index)
{
    return bit(index) - 1;
}

static uint64_t above(unsigned index)
{
    return ~below(index) & ~bit(index);
}

static void start_round(struct pruning *pruning)
{
    pruning->start = pruning->next = pruning->best;
    pruning->upwards = false;
    pruning->best_cost_j = INFINITY;
    pruning->good = 0;
}

void pruning_init(struct pruning *pruning, unsigned count, unsigned default_index)
{
    *pruning = (struct pruning){.stage = PRUNING_RUNS,
                                .best = (unsigned char)default_index,
                                .left = below(count - 1) | bit(count - 1)};
    start_round(pruning);
}

static void end_round(struct pruning *pruning)
{
    if (!pruning->good) {
        pruning->stage = PRUNING_NONE_REACHED;
        return;
    }
    pruning->left = pruning->good;
    if (++pruning->round == PRUNING_ROUNDS)
        pruning->stage = PRUNING_DONE;
    else
        start_round(pruning);
}

void pruning_add(struct pruning *pruning, double cost_j, bool reached)
{
    if (reached) {
        pruning->good |= bit(pruning->next);
        if (cost_j < pruning->best_cost_j) {
            pruning->best_cost_j = cost_j;
            pruning->best = pruning->next;
        }
    } else if (pruning->round == 0 && pruning->next == pruning->start) {
        pruning->stage = PRUNING_DEFAULT_FAILED;
        return;
    }
    uint64_t lower = reached && !pruning->upwards ? pruning->left & below(pruning->next) : 0;
    if (lower) {
        pruning->next = (unsigned char)(63 - __builtin_clzll(lower));
        return;
    }
    uint64_t higher = pruning->upwards ? (reached ? pruning->left & above(pruning->next) : 0)
                                       : pruning->left & above(pruning->start);
    if (higher) {
        pruning->upwards = true;
        pruning->next = (unsigned char)__builtin_ctzll(higher);
        return;
    }
    end_round(pruning);
}
