/* SPDX-License-Identifier: Apache-2.0
 *
 * Studies of a job or of a trace: choices, beliefs, fits, explanations.
 * Nouns only: no functions, no pointers to storage that somebody must free.  Energy and cost in
 * joules, time in seconds, power limits in milliwatts.
 */
#ifndef WATTUNE_FLOW_STUDY_H
#define WATTUNE_FLOW_STUDY_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/identity.h"
#include "flow/profile.h"

/* study: a simulation with the expectations of its trace, or the ledger's knowledge of a job */
enum { WT_TARGET_LEN = 64 };

/* point: one batch size at one power limit, trained until it reaches the target. */
struct wt_point {
    uint32_t batch_size, limit_mw;
    double epochs, time_s, energy_j, cost_j; /* expected; NaN: not every run reached the target */
    bool on_front; /* no other point takes less of time or energy and not more of the other */
};

/* simulated try: one run of a batch size at a power limit, as a trace has it. */
struct wt_simulated_try {
    unsigned recurrence; /* 1, 2, ... */
    uint32_t batch_size, limit_mw;
    unsigned epochs;
    double energy_j, time_s, cost_j;
    bool reached, profiled; /* profiled: its first epoch tried all power limits */
    bool ran;               /* false: the bound on its cost did not leave room for one epoch */
};

/* simulation: the sums over all recurrences of one seed, or their mean or deviation over seeds */
struct wt_simulation {
    uint64_t seed;
    double energy_j, time_s, cost_j, regret_j; /* sums */
    double last5_energy_j, last5_time_s;       /* means over the last five recurrences */
    /* of the default's expected ones; NaN: not known */
    double last5_energy_fraction, last5_time_fraction;
};

/* simulated fleet: the amounts that it booked */
struct wt_simulated_fleet {
    uint64_t seed;
    unsigned gpus, users;
    uint64_t runs, unended, profiles, stretches;
    double gpu_hours;          /* reserved by runs that ended */
    double energy_j;           /* GPUs, where it is known */
    int64_t first_ms, last_ms; /* the first run and the last one began: wall clock; 0: no run */
};

/* left out: a batch size without an expectation, and the reason */
enum wt_left_why {
    WT_LEFT_NOT,
    WT_LEFT_MISSED,     /* not all of its runs reached the target */
    WT_LEFT_NO_RUN,     /* none ended by itself or by us */
    WT_LEFT_NO_PROFILE, /* the cost of its steps on these GPUs was not measured */
    WT_LEFT_NO_STEPS,   /* nobody counted the steps of an epoch */
};

struct wt_left_out {
    uint32_t batch_size;
    unsigned runs, reached;
    enum wt_left_why why;
};

struct wt_study {
    char job[3 * WT_NAME_LEN];        /* dataset/network/optimizer, or a job of the ledger */
    char target_words[WT_TARGET_LEN]; /* "accuracy>=0.9"; empty: only its value is known */
    char gpu_model[WT_NAME_LEN];      /* empty: not known, as of traces */
    unsigned gpu_count;               /* 0: not known */
    const char *policy;               /* a constant */
    double target;
    unsigned max_epochs, recurrences;
    double eta, beta, max_power_w;
    unsigned size_count, limit_count;
    uint32_t sizes[WT_MAX_BATCH_SIZES];
    uint32_t limits_mw[WT_MAX_LIMITS]; /* highest first */
    struct wt_point optimum;           /* the least cost; batch size 0: there is none */
    struct wt_point standard; /* the default batch size at its highest limit; size 0: not given */
    unsigned left_count;
    struct wt_left_out left_out[WT_MAX_BATCH_SIZES];
};

/* choices: how often each batch size was where a recurrence ended, over one seed or many.
 * Recurrences share a bin when there are more than a page is wide. */
enum { WT_MAX_BINS = 256 };

struct wt_choices {
    /* recurrence r of n (from 0) is in bin r * bins / n */
    uint32_t counts[WT_MAX_BINS][WT_MAX_BATCH_SIZES];
};

/* beliefs: the costs that the recurrences of a job taught for its batch sizes */
struct wt_belief {
    uint32_t batch_size;
    unsigned runs;       /* that were counted, those that did not reach the target included */
    double mean_j, sd_j; /* of the cost of a run; NaN without one */
    bool left;           /* not dropped by pruning */
};

struct wt_beliefs {
    int64_t state_id; /* as in wt_trial */
    char gpu_model[WT_NAME_LEN];
    unsigned gpu_count;
    struct wt_identity identity; /* another identity has other beliefs */
    bool exploring;              /* pruning goes on */
    bool failed;                 /* pruning ended without a size */
    uint32_t next;               /* the batch size that would be run next; 0: none */
    double bound_j;              /* the most that a run may cost; INFINITY: no bound */
    unsigned running;            /* recurrences under way */
    /* runs on other GPUs that count once an epoch of their size has a known cost here */
    unsigned waiting;
    unsigned count;
    struct wt_belief sizes[WT_MAX_BATCH_SIZES];
};

/* estimate: a number and half the width of its 95 % interval; value NaN: not known. */
struct wt_estimate {
    double value, error;
};

/* fit: the model of GPUs and step that a profile supports.  Powers, like energies, are summed
 * over the run's GPUs. */
enum wt_fit_state {
    WT_FIT_DONE,
    WT_FIT_FEW,       /* too few limits were measured */
    WT_FIT_THROTTLED, /* too few without another cap holding */
    /* the GPUs never drew the power that the limits allow: no limit made a difference */
    WT_FIT_NOT_REACHED,
    WT_FIT_IGNORED, /* they drew more than the limits allow, at every limit */
};

struct wt_fit_point {
    struct wt_profile_point measured;
    bool used;                                 /* by the fit */
    double time_per_step_s, energy_per_step_j; /* by the fit; NaN without one */
};

struct wt_fit {
    enum wt_fit_state state;
    /* the points: residuals are as small as for trainings that are like the model */
    bool describes;
    unsigned used;
    /* Each is NaN as well where the points do not tell: they hardly narrow the prior knowledge,
     * or a power is off by half. */
    struct wt_estimate static_w;  /* drawn at every clock */
    struct wt_estimate dynamic_w; /* beside it while the GPUs work, at the highest limit measured */
    struct wt_estimate full_dynamic_w; /* the same at full clock, which that limit may not allow */
    struct wt_estimate compute; /* share of the step's time at that limit that follows the clock */
    /* limit of one GPU at which a step takes least energy, within the driver's range: */
    struct wt_estimate least_limit_w;
    double low_w, high_w;
    /* Of measured / fitted - 1: root of the mean square, and the largest. */
    double time_rms, time_largest, power_rms, power_largest;
    /* rms of residuals over the points' own standard errors; NaN: those are not known */
    double against_errors;
    unsigned count;
    struct wt_fit_point points[WT_MAX_LIMITS]; /* highest limit first */
};

/* explanation: how far the choice of a batch size and a power limit is from the default, and which
 * part is whose. */
struct wt_side {
    uint32_t batch_size, limit_mw; /* size 0: not known; limit 0: there is none such */
    double epochs;                 /* to the target, mean; NaN: not known */
    double time_per_step_s, energy_per_step_j;
    double time_s, energy_j; /* to the target; NaN: not known */
};

struct wt_part {
    double fraction, error; /* energy with this knob's effect / without; 95 % */
    /* saving by it, as a fraction of the default's energy: the parts add up to the whole */
    double saving;
};

/* Which knob is turned first matters: the limit saves more of a large step than of a small one. */
enum wt_order { WT_ORDER_MEAN, WT_ORDER_SIZE_FIRST, WT_ORDER_LIMIT_FIRST, WT_ORDER_UNKNOWN };

struct wt_explanation {
    char job[WT_JOB_LEN], gpu_model[WT_NAME_LEN];
    unsigned gpu_count;
    uint32_t found_limit_mw; /* in force before the last run of the chosen size; 0: not known */
    struct wt_fit fit;       /* of the chosen size */
    struct wt_side standard; /* the default size at the highest limit measured */
    struct wt_side chosen;
    struct wt_side least; /* the least energy of all that was measured: the optimum at eta 1 */
    /* the least energy among choices no slower than the default; the default itself: it is on
     * the front of the measurements */
    struct wt_side front;
    struct wt_estimate whole, whole_time; /* chosen / default */
    struct wt_part epochs, size, limit;   /* size: the cost of an epoch at it */
    enum wt_order order;
    struct wt_estimate left;             /* energy of least / chosen */
    struct wt_estimate least_of_default; /* of least / default */
    unsigned size_count;                 /* batch sizes that are compared */
    unsigned sizes_apart; /* measured too, but not comparable: their epochs are not known */
};

#endif
