/* SPDX-License-Identifier: Apache-2.0
 *
 * Gaussian Thompson sampling.
 */
#include "tune/decide/thompson.h"

#include <math.h>

static void add(struct arm *arm, unsigned count, double cost_j)
{
    double distance = cost_j - arm->mean_j;
    arm->mean_j += distance / count;
    arm->squares += distance * (cost_j - arm->mean_j);
}

/* How many costs count. */
static uint32_t counted(const struct arm *arm, const struct thompson_options *options)
{
    return options->window && arm->observed > options->window ? options->window : arm->observed;
}

void arm_add(struct arm *arm, const struct thompson_options *options, double cost_j)
{
    if (!options->window) {
        add(arm, ++arm->observed, cost_j);
        return;
    }
    arm->recent_j[arm->observed++ % options->window] = cost_j;
    arm->mean_j = arm->squares =
        0; /* anew: taking out an old cost would leave its rounding error for ever */
    for (unsigned i = 0; i < counted(arm, options); i++)
        add(arm, i + 1, arm->recent_j[i]);
}

struct belief arm_belief(const struct arm *arm, const struct thompson_options *options)
{
    double count = counted(arm, options);
    if (count > 0 && arm->squares <= 0) /* nothing else was ever seen */
        return (struct belief){arm->mean_j, 0};
    double told = count > 0 ? count * count / arm->squares : 0; /* count / variance */
    double precision = options->prior_precision + told;
    return (struct belief){(options->prior_precision * options->prior_mean_j + told * arm->mean_j) /
                               precision,
                           1 / sqrt(precision)};
}

unsigned thompson_choose(const struct arm arms[], uint64_t among,
                         const struct thompson_options *options, struct random *random,
                         const struct random_normals *normals)
{
    unsigned char list[64], order[64];
    unsigned count = 0;
    for (uint64_t rest = among; rest; rest &= rest - 1)
        list[count++] = (unsigned char)__builtin_ctzll(rest);
    random_order(random, count,
                 order); /* also when nothing is left to explore: the same draws as the artifact */
    for (unsigned i = 0; i < count; i++)
        if (arms[list[order[i]]].observed < options->explorations)
            return list[order[i]];
    unsigned best = (unsigned)__builtin_ctzll(among);
    double best_reward_j = -INFINITY;
    for (unsigned i = 0; i < count; i++) {
        struct belief belief = arm_belief(&arms[list[i]], options);
        double reward_j = -belief.mean_j + belief.sd_j * random_normal(random, normals);
        if (reward_j > best_reward_j) {
            best_reward_j = reward_j;
            best = list[i];
        }
    }
    return best;
}
