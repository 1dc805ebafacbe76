/* SPDX-License-Identifier: Apache-2.0
 *
 * The target of a training: the validation metric that ends it, 'accuracy>=0.93' or 'loss<=0.1'.
 */
#ifndef WATTUNE_TUNE_DECIDE_TARGET_H
#define WATTUNE_TUNE_DECIDE_TARGET_H

#include <stdbool.h>

#include "base/error.h"
#include "flow/progress.h"

struct target {
    char name[WT_METRIC_LEN];
    bool at_least; /* >=; otherwise <= */
    double value;
};

/* Reads NAME>=VALUE or NAME<=VALUE; blanks around the three parts do not count.  A name is
 * printable ASCII of 1 to 31 bytes without < > =.  WT_E_PARSE: the sentence names the fault;
 * *target is untouched. */
int target_parse(const char *text, struct target *target, struct wt_error *err);

/* True when a metric that a training reported is the target's and good enough; one that is no
 * number never is. */
bool target_reached(const struct target *target, const char *metric_name, double metric);

/* Sightings of a target's metric over a run, from which to say why it was not reached. */
struct target_seen {
    bool any, own, other,
        nan; /* an epoch's end; a number under the target's name; another name; no number */
    char other_name[WT_METRIC_LEN];
};

void target_see(struct target_seen *seen, const struct target *target, const char *metric_name,
                double metric);

/* Writes the reason why the target could never be reached, as a sentence without a full stop; NULL
 * when its metric was reported. */
const char *target_complaint(const struct target_seen *seen, const struct target *target,
                             char text[240]);

#endif
