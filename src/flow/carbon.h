/* SPDX-License-Identifier: Apache-2.0
 *
 * Carbon: the grams that energy and devices stand for, and the figures behind them.  Nouns only: no
 * functions, no pointers to storage that must be freed.  Grams of CO2e, intensities in g/kWh.
 */
#ifndef WATTUNE_FLOW_CARBON_H
#define WATTUNE_FLOW_CARBON_H

enum {
    WT_FACTOR_LEN = 200, /* where a factor comes from, in words */
};

/* carbon: the grams of a trial's energy and devices (account/carbon/).  NaN, "": unknown. */
struct wt_carbon {
    double pue;                 /* facility energy / energy of the devices */
    double intensity_g_per_kwh; /* of the grid, mean over the energy that was measured */
    char intensity_source[WT_FACTOR_LEN];
    double operational_g;     /* location-based, of all that was measured */
    double market_g;          /* market-based; NaN without a contract */
    double embodied_g;        /* SCI's: a share of the lifetime */
    double embodied_useful_g; /* Sustainable AI's: divided by the fleet's utilisation */
    char embodied_source[WT_FACTOR_LEN];
    char pue_source[WT_FACTOR_LEN]; /* its origin, or that it is assumed */
    char location[16];              /* that was set; empty: none was */
    double lifetime_years;          /* that embodied carbon is spread over; 0: unknown */
};

/* figure: a number that carbon is computed with, with where it comes from. */
struct wt_figure {
    char name[80];           /* with its unit: "lifetime_years"; or the key of a row of a table */
    char label[160];         /* for people */
    double value, low, high; /* NaN: unknown */
    double devices;          /* how many devices it is for; NaN: unknown, or not about devices */
    const char *unit;        /* a constant, for people */
    const char *kind;        /* a constant: the sort of its source */
    char source[328];
    int year;         /* of the figure; 0: unknown or none */
    char remark[240]; /* why it is not the first choice; empty when it is */
};

#endif
