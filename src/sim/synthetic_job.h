/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the fleet: a job (its owner, phase, number and model of GPUs), the cost of its steps at a
 * power limit, and the history of its recurrences when it chooses its batch size.  Must not know
 * time of day, queues or other jobs.
 */
#ifndef WATTUNE_SIM_SYNTHETIC_JOB_H
#define WATTUNE_SIM_SYNTHETIC_JOB_H

#include "sim/synthetic_fleet.h"
#include "tune/decide/power_curve.h"
#include "tune/decide/random.h"

enum synthetic_fleet_phase {
    SYNTHETIC_EXPERIMENTATION,
    SYNTHETIC_TRAINING,
    SYNTHETIC_INFERENCE,
    SYNTHETIC_DATA,
    SYNTHETIC_PHASES
};

/* Of a phase; all of it assumed unless synthetic_job.c names a source. */
struct synthetic_fleet_phase_row {
    const char *name;             /* as `wattune run --phase` has it */
    double median_s, sigma;       /* of its runs' lengths at full power: log-normal */
    double least_s, most_s;       /* and nothing beyond */
    double busy_least, busy_most; /* share of the time in which its GPUs work */
    double tuned;                 /* share of its jobs whose steps are seen, and which are tuned */
    unsigned recurrences_least, recurrences_most;
};
extern const struct synthetic_fleet_phase_row synthetic_fleet_phases[SYNTHETIC_PHASES];

/* The target of jobs that are of no trace; its value means nothing. */
extern const double synthetic_fleet_target;

struct synthetic_fleet_job {
    enum synthetic_fleet_phase phase;
    unsigned number, user, project;
    const struct synthetic_fleet_model *model; /* NULL: it needs no GPU */
    unsigned gpu_count;
    bool tuned;
    bool chooses;        /* its batch size, too, by the policy of the options */
    bool profiled;       /* of one that does not choose: its profile is there */
    uint32_t limit_mw;   /* of one that does not choose: its fixed limit */
    unsigned left;       /* recurrences still to come */
    unsigned recurrence; /* the last that was given away */
    int64_t free_ms;     /* its last run is over: wall clock */
    const char *network;

    /* The nature of its work. */
    struct power_curve curve;
    double busy;
    uint32_t batch_size;  /* without tuning */
    double epoch_s;       /* of that size, at full power */
    double overhead;      /* share of a step of that size that does not shrink with the batch */
    unsigned epoch_steps; /* of that size */
    const struct sim_trace *trace; /* instead of all these, but busy; or NULL */

    struct sim_history history; /* of one that chooses */
    size_t next_try;
};

/* The needs of draws. */
struct synthetic_fleet_draws {
    struct random random;
    struct random_normals normals;
};

double synthetic_fleet_uniform(struct synthetic_fleet_draws *draws, double least, double most);
double synthetic_fleet_length_s(struct synthetic_fleet_draws *draws,
                                enum synthetic_fleet_phase phase);

/* The cost of one step of a batch size on one GPU at a limit; of the job's own batch size when
 * `batch_size` is 0. */
struct synthetic_fleet_step {
    double time_s, energy_j;
    double busy; /* share of the time in which the GPU works */
    double steps_per_epoch;
};
struct synthetic_fleet_step synthetic_fleet_job_step(const struct synthetic_fleet_job *job,
                                                     uint32_t batch_size, uint32_t limit_mw);

/* The limits that are tried for it, every 25 W from the highest down: how many. */
unsigned synthetic_fleet_job_limits(const struct synthetic_fleet_job *job, uint32_t batch_size,
                                    uint32_t limits_mw[WT_MAX_LIMITS]);

/* Draws the job, apart from model, GPUs, user and project, which are given; *scratch (of one
 * fleet) is for its history. */
struct synthetic_fleet_scratch;
struct synthetic_fleet_scratch *synthetic_fleet_scratch_new(void);
int synthetic_fleet_job_draw(struct synthetic_fleet_job *job,
                             const struct synthetic_fleet_options *options,
                             struct synthetic_fleet_draws *draws,
                             struct synthetic_fleet_scratch *scratch, struct wt_error *err);

#endif
