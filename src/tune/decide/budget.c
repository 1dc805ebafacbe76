/* SPDX-License-Identifier: Apache-2.0
 *
 * A budget.
 */
#include "tune/decide/budget.h"

#include <math.h>

static const double WARN_AT = 0.8;

/* The scatter assumed of epochs until they have shown their own, as a share of their mean, and the
 * weight of that assumption in epochs.  With two it is out of the way after some ten epochs. */
static const double USUAL_SCATTER = 0.1;
enum { USUAL_WEIGHT = 2 };

void budget_begin(struct budget *budget, double amount, double before, bool warned)
{
    *budget = (struct budget){
        .amount = amount, .before = before, .used = before, .warned = warned, .at_epoch = before};
}

enum budget_event budget_use(struct budget *budget, double used)
{
    if (budget->before + used > budget->used) /* false for NaN */
        budget->used = budget->before + used;
    if (budget->used >= budget->amount)
        return BUDGET_IS_OUT;
    if (budget->warned || budget->used < WARN_AT * budget->amount)
        return BUDGET_GOES_ON;
    budget->warned = true;
    return BUDGET_WARNS;
}

void budget_epoch(struct budget *budget, uint64_t epochs, bool steady)
{
    if (epochs <= budget->epochs)
        return;
    double one = (budget->used - budget->at_epoch) / (double)(epochs - budget->epochs);
    if (budget->epochs == 0 || (!steady && budget->steady.count == 0))
        budget->first = one;
    else if (steady)
        stats_add(&budget->steady, one);
    budget->epochs = epochs;
    budget->at_epoch = budget->used;
}

bool budget_predict(const struct budget *budget, uint64_t epochs, struct budget_range *more)
{
    unsigned long seen = budget->steady.count ? budget->steady.count : 1,
                  df = USUAL_WEIGHT + seen - 1;
    double mean = budget->steady.count ? budget->steady.mean : budget->first;
    if (budget->epochs == 0 || !(mean > 0))
        return false;
    double usual = USUAL_SCATTER * mean,
           variance = (USUAL_WEIGHT * usual * usual + budget->steady.m2) / (double)df;
    /* The scatter of the epochs to come, and that of the mean that they are expected by. */
    double n = (double)epochs, half = stats_t95(df) * sqrt(variance * (n + n * n / (double)seen));
    more->low = fmax(n * mean - half, 0);
    more->high = n * mean + half;
    return true;
}

/* The most epochs of which one end of the interval fits into the rest; more epochs never take less.
 */
static uint64_t most_that_fit(const struct budget *budget, bool surely)
{
    uint64_t low = 0, high = BUDGET_EPOCHS_MOST;
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        struct budget_range more = {0, 0};
        budget_predict(budget, middle, &more);
        if ((surely ? more.high : more.low) <= budget->amount - budget->used)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

bool budget_epochs_left(const struct budget *budget, uint64_t *surely, uint64_t *at_best)
{
    struct budget_range more;
    if (!budget_predict(budget, 1, &more))
        return false;
    *surely = most_that_fit(budget, true);
    *at_best = most_that_fit(budget, false);
    return true;
}

enum budget_verdict budget_judge(const struct budget *budget, uint64_t least, uint64_t most,
                                 struct budget_range *total)
{
    struct budget_range fewest, all;
    uint64_t done = budget->epochs;
    if (most == 0 || !budget_predict(budget, least > done ? least - done : 0, &fewest) ||
        !budget_predict(budget, most > done ? most - done : 0, &all))
        return BUDGET_UNKNOWN;
    total->low = budget->used + fewest.low;
    total->high = budget->used + all.high;
    return total->high <= budget->amount ? BUDGET_ENOUGH
           : total->low > budget->amount ? BUDGET_TOO_SMALL
                                         : BUDGET_DOUBTFUL;
}
