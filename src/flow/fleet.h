/* SPDX-License-Identifier: Apache-2.0
 *
 * The fleet: its runs by key, the energy of watched devices by use, the savings that profiles still
 * offer, and its figures under other assumptions.  Nouns only: no functions; rows and names are
 * borrowed.  Energy in joules, power limits in milliwatts, wall clock in milliseconds since 1970.
 */
#ifndef WATTUNE_FLOW_FLEET_H
#define WATTUNE_FLOW_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/report.h"
#include "flow/trial.h"

/* fleet lines: the energy and the hours of watched GPUs, by use. energy_j = runs_j - overlap_j +
 * idle_j + unattributed_j, exactly; hours likewise: reserved, idle, and the rest, in which
 * processes used them that booked nothing. */
struct wt_fleet_lines {
    double watched_hours; /* GPU hours somebody watched */
    /* of these, with energy that is not known; all else is about the others */
    double unknown_hours;
    double energy_j, energy_error_j; /* by the counters, 95 % */
    double runs_j;                   /* as runs have booked it */
    /* of that, counted more than once: runs that shared a GPU each measured all of it */
    double overlap_j;
    double idle_j; /* no process used the GPU, and no run had reserved it */
    /* the remainder: uses that booked nothing, and differences between measurements */
    double unattributed_j;
    double reserved_hours, idle_hours, busy_hours; /* busy: a kernel ran; NaN: not known of any */
    double overlap_hours;                          /* that runs have reserved beside others */
    /* of the watched devices; NaN: not known of any */
    double facility_j, operational_g, embodied_g;
    double idle_operational_g, idle_embodied_g;
};

struct wt_fleet_device {
    unsigned index;
    char uuid[WT_UUID_LEN], name[WT_NAME_LEN], node[WT_USER_LEN];
    struct wt_fleet_lines lines;
};

/* potential: a job's energy and time at other power limits of its profile, as fractions of the
 * present ones.  NaN: it has no profile, or no point at the limit that it runs at. */
struct wt_potential {
    const char *job;              /* borrowed */
    uint32_t limit_mw;            /* in force in its last run that was measured */
    uint32_t chosen_mw, least_mw; /* by eta; of least energy */
    /* per step, as fractions of those at limit_mw */
    double chosen_energy, chosen_time, least_energy, least_time;
};

/* figures: a fleet in six numbers.  NaN: not known. */
struct wt_fleet_figures {
    double energy_j, facility_j;
    double gpu_hours; /* of runs */
    double operational_g, embodied_g;
    double embodied_useful_g; /* beside it, never added */
};

/* assumptions to try out; NaN leaves a figure as it is */
struct wt_what_if {
    double intensity_g_per_kwh, pue, utilisation, lifetime_years, eta;
};

/* rows of a report, borrowed */
struct wt_rows {
    const struct wt_report_row *rows;
    size_t count;
};

/* fleet: all that the fleet view and the task view show.  Rows are borrowed. */
struct wt_fleet {
    int64_t from_ms, to_ms, made_ms; /* INT64_MIN, INT64_MAX: all */
    /* days have the hours that lie in them; else the runs that began in them, whole */
    bool by_hour;
    struct wt_report_row total;
    /* by one key each, most energy first, days in order */
    struct wt_rows phases, days, users, projects, gpus, jobs;
    struct wt_rows tasks; /* by job and phase */
    const struct wt_report_basis *basis;
    size_t basis_count;
    struct wt_fleet_lines lines; /* watched_hours 0: nobody watched */
    const struct wt_fleet_device *devices;
    size_t device_count;
    double eta;                            /* of the potential */
    const struct wt_potential *potentials; /* one for each of `jobs`, in its order */
    double tunable_j;               /* energy of the jobs whose potential is known; NaN: of none */
    double at_choice_j, at_least_j; /* tunable_j at those limits */
    struct wt_what_if what_if;
    bool has_what_if;
    struct wt_fleet_figures now, then; /* then: under what_if */
};

#endif
