/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks: the energy of a device up to a moment, counted from some origin.  Two marks of one device
 * make a window, however far apart they are.
 */
#ifndef WATTUNE_MEASURE_METER_MARK_H
#define WATTUNE_MEASURE_METER_MARK_H

#include <stdbool.h>

#include "flow/sample.h"

/* The mark of a device that tells power only. */
struct integrate_mark {
    int64_t t_ns;
    double energy_mj, variance_mj2, unseen_mj;
    double edge_mj; /* bound for the moment itself: readings do not show exactly when power changed
                     */
    double variance_per_ns, unseen_per_ns; /* around the moment: a short window has few readings */
    bool gap;                              /* readings are missing around it */
    uint64_t seen;                         /* readings up to here, from the first on */
    double open_mj;    /* most energy between the newest reading and here that no reading shows */
    int64_t silent_ns; /* time before here in which the readings may have stood still, so that they
                          say nothing of the power */
    bool stopped;      /* the readings stand still here */
};

/* The mark of any device of a live meter. */
struct live_meter_mark {
    int64_t t_ns;
    struct wt_sample counter; /* of a device that has one; of the others: */
    struct integrate_mark power;
};

#endif
