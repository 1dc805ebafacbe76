/* SPDX-License-Identifier: Apache-2.0
 *
 * Readings of energy, and the energy between two of them.
 * Nouns only: no functions, no pointers to storage that somebody must free.  Integers inside, SI at
 * the edge: energy in millijoules, power in milliwatts, time in nanoseconds of base/clock.h.
 */
#ifndef WATTUNE_FLOW_SAMPLE_H
#define WATTUNE_FLOW_SAMPLE_H

#include <stdint.h>

/* Where a number comes from.  It is kept beside the number all the way to the page. */
enum wt_source {
    WT_SOURCE_NONE,       /* not measured: unknown */
    WT_SOURCE_COUNTER,    /* difference of a hardware energy counter */
    WT_SOURCE_INTEGRATED, /* power readings summed over time */
    WT_SOURCE_ESTIMATED,  /* from a neighbouring measurement or a model */
    WT_SOURCE_REPLAYED,   /* from a recording */
};

/* The words of sources in the ledger, in JSON and in CSV, by enum wt_source; "": unknown. */
#define WT_SOURCE_WORDS                                                                            \
    {                                                                                              \
        "", "counter", "integrated", "estimated", "replayed"                                       \
    }

/* Doubts about a number, as bits. */
enum wt_quality {
    WT_QUALITY_GOOD = 0,
    WT_QUALITY_STALE = 1 << 0, /* the sensor has not moved since the sample before */
    WT_QUALITY_RESET = 1 << 1, /* the counter went back: driver reload */
    WT_QUALITY_GAP = 1 << 2,   /* readings are missing inside */
    WT_QUALITY_LOST = 1 << 3,  /* the device was lost inside */
};

/* sample: one reading of one device.  A failed reading makes no sample. */
struct wt_sample {
    int64_t t_ns;       /* the moment the value stands for */
    int64_t lag_ns;     /* the value may be that much older: a counter read between its ticks */
    uint64_t energy_mj; /* cumulative */
    uint64_t energy_error_mj; /* 95 % bound of energy_mj at t_ns, lag apart */
    enum wt_source source;
    unsigned quality; /* enum wt_quality */
};

/* measurement: energy of one device over a window. */
struct wt_measurement {
    int64_t begin_ns, end_ns;
    uint64_t energy_mj;       /* meaningless when source is WT_SOURCE_NONE */
    uint64_t energy_error_mj; /* 95 % bound */
    enum wt_source source;
    unsigned quality;
};

#endif
