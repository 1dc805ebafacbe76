/* SPDX-License-Identifier: Apache-2.0
 *
 * Embodied carbon: the grams of making a system, the share of them that falls to a use, and an
 * estimate of a GPU's making from its parts.  Pure: the table of systems comes as text, and the
 * numbers of figures go.  Must not know files, devices, storage or clocks.
 *
 * Sources: Sustainable AI (Wu et al., MLSys'22), SCI (ISO/IEC 21031:2024), ACT (Gupta et al.,
 * ISCA'22).  Every row of a table carries its source and year.
 */
#ifndef WATTUNE_ACCOUNT_CARBON_EMBODIED_H
#define WATTUNE_ACCOUNT_CARBON_EMBODIED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Defaults of Sustainable AI, the middle of its 3 to 5 years and 30 to 60 %. */
#define CARBON_LIFETIME_YEARS_USUAL 4.0
#define CARBON_UTILISATION_USUAL 0.45

/* Grams that fall to a number of devices reserved for a time: kg of the system * reserved /
 * (lifetime * utilisation) * devices used / devices of the system; a year has 8760 h.
 * Utilisation 1 is SCI's, which conserves: the hours of a lifetime add up to the system.  A
 * smaller one is Sustainable AI's, which spreads idle time over the time in use; the two are
 * never summed.  NaN for anything unknown, negative, or a utilisation outside 0..1 (0 excluded). */
double carbon_embodied_g(double system_kg, double reserved_s, double lifetime_years,
                         double utilisation, double devices_used, double devices_of_system);

/* --- From parts (ACT) --- */

#define CARBON_YIELD_USUAL 0.875    /* ACT */
#define CARBON_ABATEMENT_USUAL 0.97 /* the middle of ACT's figures */

/* The needs of a fab of one node per cm2 of die (src/account/carbon/data/fab.csv). */
struct carbon_fab_node {
    double node_nm;
    double epa_kwh;          /* energy */
    double gpa95_g, gpa99_g; /* gases, with 95 and 99 % of them abated */
    double mpa_g;            /* materials */
    char source[64];
    int year;
};

enum { CARBON_FAB_MOST = 16 };

/* The nodes that there are figures for, largest first; returns how many. */
unsigned carbon_fab_nodes(struct carbon_fab_node nodes[CARBON_FAB_MOST]);

/* kg CO2e of a bare die, without its package: area * (CI_fab * EPA + GPA + MPA) / yield, GPA linear
 * between its figures for 95 and 99 % of abatement.  Nodes as compiled in.  NaN for a node, an
 * abatement or a yield (0 excluded to 1) that there are no figures for: nothing is extrapolated. */
double carbon_die_kg(double area_mm2, double node_nm, double fab_g_per_kwh,
                     double abatement_fraction, double yield);

/* kg CO2e of a number of packages (ACT: 150 g each). */
double carbon_packages_kg(double count);

/* --- The table of systems and devices --- */

enum carbon_embodied_kind {
    CARBON_GPU_SYSTEM, /* a whole system with GPUs: the fallback for a GPU that is in no table */
    CARBON_CPU_SYSTEM, /* one without */
    CARBON_GPU,        /* a GPU, found by its name */
    CARBON_PART,       /* to look at and to add up by hand */
};

struct carbon_embodied_row {
    char name[80];
    enum carbon_embodied_kind kind;
    char match[48]; /* words of a GPU's name, "A100"; empty: none */
    /* kg is known in every row, from parts where the file says parts; the range may be NaN */
    double kg, low_kg, high_kg;
    double devices;  /* how many devices the kg are for; NaN: as many as the system has */
    bool from_parts; /* die and packages only, by ACT */
    char source[120];
    int year; /* of the figure; 0: not known */
};

struct carbon_embodied_table {
    struct carbon_embodied_row *rows;
    size_t count;
};

/* CSV with a heading: name, kind (gpu_system, cpu_system, gpu, part), match, kg, low_kg,
 * high_kg, devices, source, year, and in place of kg, for a user with a GPU's figures: die_mm2,
 * node_nm, fab_g_per_kwh, packages (default: 1). name, kind, source, year and either kg or the
 * parts must be there.  WT_E_PARSE and WT_E_RANGE name `path` and line; then the table is empty.
 * The text is used up.  The caller frees the table with carbon_embodied_clear(). */
int carbon_embodied_parse(struct carbon_embodied_table *table, const char *path,
                          struct buffer *text, struct wt_error *err);
void carbon_embodied_clear(struct carbon_embodied_table *table);

/* The project's own table (src/account/carbon/data/embodied.csv); fails only for want of memory. */
int carbon_embodied_builtin(struct carbon_embodied_table *table, struct wt_error *err);

/* As the column `kind` has it. */
const char *carbon_embodied_kind_name(enum carbon_embodied_kind kind);

/* The row of a GPU by the name that its driver gives ("NVIDIA A100-SXM4-40GB"): its match stands in
 * the name as words of its own (A100, but not A1000), and of several the longest match counts.
 * NULL: there is none. */
const struct carbon_embodied_row *carbon_embodied_gpu(const struct carbon_embodied_table *table,
                                                      const char *gpu_model);

/* The first row of a kind; NULL: there is none. */
const struct carbon_embodied_row *carbon_embodied_first(const struct carbon_embodied_table *table,
                                                        enum carbon_embodied_kind kind);

/* The system that a run's devices are part of. */
struct carbon_system {
    double kg, low_kg, high_kg; /* the range may be NaN */
    /* how many devices these kg are for; NaN: as many GPUs as the node has, which the caller knows
     */
    double devices;
    bool assumed; /* there is no figure for this model: its system's default */
    bool from_parts;
    char source_text[320];
    int year; /* 0: not known */
};

#endif
