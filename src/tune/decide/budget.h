/* SPDX-License-Identifier: Apache-2.0
 *
 * A budget of energy, carbon or time: its use so far, when to warn and when it is used up, and a
 * prediction from the epochs so far.  Amounts are of the budget's own quantity (J, g, s); nothing
 * here depends on which it is.  Must not know devices, grids or clocks.
 *
 * The prediction takes epochs as alike but for scatter.  The first epoch starts the program and may
 * try power limits, so it counts only while there is no other.  How much epochs scatter is not
 * known from one or two of them: until they show it themselves, they are taken to scatter by a
 * tenth, which weighs as much as two epochs.
 */
#ifndef WATTUNE_TUNE_DECIDE_BUDGET_H
#define WATTUNE_TUNE_DECIDE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"

enum budget_kind { BUDGET_NONE, BUDGET_ENERGY, BUDGET_CARBON, BUDGET_TIME };

struct budget_amount {
    enum budget_kind kind;
    double amount;    /* J, g CO2e or s; above 0 */
    const char *unit; /* that it was given in, and how large that is: "kWh", 3.6e6 J; static */
    double unit_size;
};

struct budget {
    double amount;
    double before; /* used by earlier runs under the same budget */
    double used;   /* all in all; never falls */
    bool warned;
    uint64_t epochs; /* of this run, and the use at the end of the last */
    double at_epoch;
    double first;        /* taken by the first */
    struct stats steady; /* taken by the others that nothing disturbed */
};

enum budget_event {
    BUDGET_GOES_ON,
    BUDGET_WARNS, /* 80 % are used; once */
    BUDGET_IS_OUT,
};

void budget_begin(struct budget *budget, double amount, double before, bool warned);

/* Takes the use of this run so far; NaN: not known now, and the last known figure stands.
 * BUDGET_IS_OUT whenever nothing is left. */
enum budget_event budget_use(struct budget *budget, double used);

/* Takes the end of one epoch of this run, or of several, with the last known use.  `steady`: no
 * power limits were tried in it. */
void budget_epoch(struct budget *budget, uint64_t epochs, bool steady);

struct budget_range {
    double low, high;
};

/* Predicts the use of the next `epochs` epochs together: Student's 95 % interval over the epochs so
 * far and the assumption above, which in simulations holds at least nine times of ten for epochs
 * that scatter by up to a fifth.  False before the first epoch, and when no use of it was measured.
 */
bool budget_predict(const struct budget *budget, uint64_t epochs, struct budget_range *more);

/* The number of further epochs that the rest is enough for, surely and at best; most
 * BUDGET_EPOCHS_MOST.  False as above. */
enum { BUDGET_EPOCHS_MOST = 1000000 };
bool budget_epochs_left(const struct budget *budget, uint64_t *surely, uint64_t *at_best);

/* Judges whether the budget is enough for a run of between `least` and `most` epochs in all.
 * *total: the use in the end, of the whole budget. */
enum budget_verdict { BUDGET_UNKNOWN, BUDGET_ENOUGH, BUDGET_DOUBTFUL, BUDGET_TOO_SMALL };
enum budget_verdict budget_judge(const struct budget *budget, uint64_t least, uint64_t most,
                                 struct budget_range *total);

#endif
