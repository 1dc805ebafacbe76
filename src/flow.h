/* SPDX-License-Identifier: Apache-2.0
 *
 * The nouns.  Every arrow of the picture in the README is one of these value structs; boxes know
 * each other only through them.  No functions, no pointers to storage that somebody must free.
 * Integers inside, SI at the edge: energy in millijoules, power in milliwatts, time in nanoseconds
 * of base/clock.h.
 */
#ifndef WATTUNE_FLOW_H
#define WATTUNE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WT_MAX_DEVICES = 64, /* more GPUs than any node has; bounds every array indexed by device */
    WT_MAX_LIMITS = 64,  /* power limits in one search: 200..700 W by 25 W are 21 */
    WT_UUID_LEN = 96,
    WT_NAME_LEN = 96,
    WT_JOB_LEN = 256, /* job names, projects: bytes with the terminating 0 */
    WT_METRIC_LEN = 32,
    WT_FACTOR_LEN = 200, /* where a factor comes from, in words */
    WT_USER_LEN = 65,    /* HOST_NAME_MAX and a 0; user names are shorter */
};

enum wt_device_kind { WT_DEVICE_GPU, WT_DEVICE_CPU, WT_DEVICE_DRAM };

/* Where a number comes from.  It is kept beside the number all the way to the page. */
enum wt_source {
    WT_SOURCE_NONE,       /* not measured: unknown */
    WT_SOURCE_COUNTER,    /* difference of a hardware energy counter */
    WT_SOURCE_INTEGRATED, /* power readings summed over time */
    WT_SOURCE_ESTIMATED,  /* from a neighbouring measurement or a model */
    WT_SOURCE_REPLAYED,   /* from a recording */
};

/* What is wrong with a number, as bits. */
enum wt_quality {
    WT_QUALITY_GOOD = 0,
    WT_QUALITY_STALE = 1 << 0, /* the sensor has not moved since the sample before */
    WT_QUALITY_RESET = 1 << 1, /* the counter went back: driver reload */
    WT_QUALITY_GAP = 1 << 2,   /* readings are missing inside */
    WT_QUALITY_LOST = 1 << 3,  /* the device was lost inside */
};

/* device: who it is and what it allows.  Unknown limits are 0. */
struct wt_device {
    enum wt_device_kind kind;
    unsigned index; /* physical, in PCI order */
    char uuid[WT_UUID_LEN];
    char name[WT_NAME_LEN];
    char pci_address[32];
    bool has_energy_counter;
    int64_t counter_tick_ns; /* nominal period in which the counter moves */
    /* For devices without a counter: a power reading changes every tick and is a mean over the
     * window that ended at the last one.  power_tick_ns is 0 when there is nothing to integrate. */
    int64_t power_tick_ns, power_window_ns;
    uint32_t power_resolution_mw; /* readings are multiples of it; 0: not known */
    bool replayed;                /* from a recording */
    uint32_t limit_min_mw, limit_max_mw, limit_default_mw;
    uint32_t most_mw;          /* its sensor never shows more than this for long; 0: not known */
    uint32_t sensor_error_ppm; /* calibration: how far gain and offset may be off, of a reading; 0:
                                  not known */
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

/* state: what a device says of itself besides energy.  Bits in `known` tell which fields hold a
 * value. */
enum wt_state_field {
    WT_STATE_POWER = 1 << 0,
    WT_STATE_LIMIT = 1 << 1,
    WT_STATE_ENFORCED = 1 << 2,
    WT_STATE_TEMPERATURE = 1 << 3,
    WT_STATE_UTILIZATION = 1 << 4,
    WT_STATE_SM_CLOCK = 1 << 5,
    WT_STATE_MEMORY = 1 << 6,
    WT_STATE_THROTTLE = 1 << 7,
    WT_STATE_ENERGY = 1 << 8,
};

enum wt_throttle { /* in the order of their names in `monitor --json` */
                   WT_THROTTLE_SW_POWER_CAP = 1 << 0,
                   WT_THROTTLE_HW_SLOWDOWN = 1 << 1,
                   WT_THROTTLE_SW_THERMAL = 1 << 2,
                   WT_THROTTLE_HW_THERMAL = 1 << 3,
                   WT_THROTTLE_HW_POWER_BRAKE = 1 << 4,
                   WT_THROTTLE_SYNC_BOOST = 1 << 5,
};

struct wt_state {
    int64_t t_ns;
    unsigned known; /* enum wt_state_field */
    uint32_t power_mw, limit_mw, enforced_limit_mw;
    int32_t temperature_c;
    uint32_t utilization_percent, sm_clock_mhz;
    uint64_t memory_used_bytes;
    uint64_t energy_mj; /* the driver's counter, raw */
    unsigned throttle;  /* enum wt_throttle */
};

/* measurement: energy of one device over a window. */
struct wt_measurement {
    int64_t begin_ns, end_ns;
    uint64_t energy_mj;       /* meaningless when source is WT_SOURCE_NONE */
    uint64_t energy_error_mj; /* 95 % bound */
    enum wt_source source;
    unsigned quality;
};

/* progress: how far the training is.  Everything that comes through the channel is hostile until
 * checked. */
struct wt_progress {
    int64_t t_ns; /* when the last step ended; 0 before the first */
    uint64_t steps;
    uint64_t epochs;
    int64_t epoch_t_ns;              /* when the last epoch ended; 0 before the first */
    char metric_name[WT_METRIC_LEN]; /* of the last epoch; empty when there was none */
    double metric;                   /* NaN when there was none */
};

/* profile point: what one power limit costs per training step. */
struct wt_profile_point {
    uint32_t limit_mw;
    uint64_t steps; /* measured at this limit, warm-up left out */
    double time_per_step_s;
    double energy_per_step_j; /* summed over the run's GPUs */
    double energy_error_j;    /* of energy_per_step_j, 95 % */
    double time_error_s;      /* of time_per_step_s, 95 % */
    bool throttled;           /* another cap than the one set held in part of the samples */
};

/* What a profile is valid for, and nothing else: it is never applied elsewhere. */
struct wt_profile_key {
    char job[WT_JOB_LEN];
    uint32_t batch_size; /* 0: not known */
    char gpu_model[WT_NAME_LEN];
    unsigned gpu_count;
    uint32_t limit_min_mw, limit_max_mw;
};

/* decision: the limit chosen and why. */
enum wt_selector { WT_SELECT_COST, WT_SELECT_ENERGY, WT_SELECT_TIME, WT_SELECT_MAX_SLOWDOWN };

struct wt_preference {
    enum wt_selector selector;
    double eta;          /* WT_SELECT_COST: 1 energy only .. 0 time only */
    double max_slowdown; /* WT_SELECT_MAX_SLOWDOWN: 0.10 allows 10 % more time per step */
};

struct wt_decision {
    uint32_t limit_mw;
    double cost_per_step_j; /* Zeus, section 3.1 (decide/cost.h), at the chosen limit */
    unsigned point;         /* index into the profile that was judged */
};

/* savings: measured against slices at the limit found at the start.  NaN: the baseline was not
 * measured. */
struct wt_savings {
    uint32_t baseline_limit_mw;                        /* 0: none */
    double energy_fraction, time_fraction;             /* per step, now / baseline */
    double energy_fraction_error, time_fraction_error; /* 95 % */
};

/* carbon: what the energy and the devices of a trial stand for (carbon/).  NaN, "": unknown. */
struct wt_carbon {
    double pue;                 /* facility energy / energy of the devices */
    double intensity_g_per_kwh; /* of the grid, mean over the energy that was measured */
    char intensity_source[WT_FACTOR_LEN];
    double operational_g;     /* location-based, of all that was measured */
    double market_g;          /* market-based; NaN without a contract */
    double embodied_g;        /* SCI's: a share of the lifetime */
    double embodied_useful_g; /* Sustainable AI's: divided by the fleet's utilisation */
    char embodied_source[WT_FACTOR_LEN];
    char pue_source[WT_FACTOR_LEN]; /* who said so, or that it is assumed */
    char location[16];              /* that was set; empty: none was */
    double lifetime_years;          /* that embodied carbon is spread over; 0: unknown */
};

/* stretch: a time of one hour in which a whole GPU was watched, and was in use throughout or not at
 * all. */
struct wt_stretch {
    unsigned index;
    char uuid[WT_UUID_LEN], name[WT_NAME_LEN];
    int64_t begin_ms, end_ms;        /* wall clock */
    double energy_j, energy_error_j; /* 95 % bound; NaN: unknown */
    enum wt_source source;           /* WT_SOURCE_NONE: the energy is unknown */
    int in_use;                      /* by any process; 1, 0; -1: unknown */
    double busy_s;                   /* in which a kernel ran; NaN: unknown */
    struct wt_carbon carbon; /* of all of it, whoever used it; market-based and useful are NaN */
};

/* trial: one try of a recurrence, as the ledger keeps it.  Doubles are NaN, limits 0 when unknown.
 */
struct wt_trial {
    int64_t id;          /* given by the ledger */
    int64_t state_id;    /* the ledger's number of what chose its batch size; 0: nothing did */
    unsigned recurrence; /* 1, 2, ... within the job */
    unsigned try_number; /* 1, 2, ... within the recurrence */
    char job[WT_JOB_LEN], phase[WT_METRIC_LEN], project[WT_JOB_LEN];
    uint32_t batch_size; /* 0: not known */
    int64_t started_ms;  /* wall clock, UTC, milliseconds since 1970 */
    bool ended;          /* false while it runs, or when its run was killed */
    double time_s;
    uint32_t limit_mw;               /* in force after profiling */
    double energy_j, energy_error_j; /* GPUs, summed */
    double sensor_error_fraction;
    double cpu_energy_j, dram_energy_j;
    double cost_j; /* Zeus, section 3.1, with eta and MAXPOWER of the run */
    uint64_t steps, epochs;
    double metric;
    int reached; /* 1, 0; -1: there was no target, or a budget ended the run before that was known
                  */
    bool early_stopped; /* we ended it: where reached is 0, since its target was missed; else by a
                           budget */
    bool not_started;   /* what an epoch costs was known to be too much */
    int exit_code;      /* -1: none of its own, since we ended it or did not start it */
    enum wt_source source;
    char user[WT_USER_LEN],
        node[WT_USER_LEN]; /* who ran it, and on which machine; empty: unknown */
    double busy_s;         /* GPU time in which a kernel ran, summed over the GPUs */
    struct wt_carbon carbon;
    char note[128]; /* which budget ended it, why it was not tuned, in words; empty: neither */
    struct wt_savings savings;
    unsigned gpu_count;
    struct {
        unsigned index;
        char uuid[WT_UUID_LEN];
        char name[WT_NAME_LEN];
    } gpus[WT_MAX_DEVICES];
    unsigned point_count;
    struct wt_profile_point profile[WT_MAX_LIMITS];
};

/* job row: what the ledger knows of one job, over all its trials. */
struct wt_job_row {
    char job[WT_JOB_LEN], phase[WT_METRIC_LEN],
        project[WT_JOB_LEN]; /* phase, project: of the last trial */
    unsigned recurrences, trials;
    unsigned unended;            /* trials that run, or whose run was killed */
    int64_t last_started_ms;     /* wall clock */
    double energy_j;             /* GPUs; over the trials whose energy is known, NaN when none is */
    unsigned energy_unknown;     /* trials that are missing in energy_j */
    double time_s;               /* over the trials whose time is known, NaN when none is */
    double best_energy_fraction; /* the least of the trials' savings; NaN: no baseline was ever
                                    measured */
    double best_energy_fraction_error;
};

/* report row: all runs of one job, or user, or day, or of several of these at once. */
enum wt_report_key {
    WT_BY_JOB,
    WT_BY_PHASE,
    WT_BY_USER,
    WT_BY_PROJECT,
    WT_BY_GPU,
    WT_BY_NODE,
    WT_BY_DAY,
    WT_REPORT_KEYS
};

struct wt_report_row {
    const char *keys[WT_REPORT_KEYS]; /* in the order asked for; "": unknown; borrowed from who gave
                                         the row */
    uint64_t runs, unended;           /* tries that ran; of these, those that run or were killed */
    double gpu_hours;                 /* reserved */
    double
        busy_gpu_hours; /* in which a kernel ran; over the runs of which it is known, NaN: none */
    double gpu_j, cpu_j, dram_j; /* over the runs of which it is known; NaN: none */
    uint64_t gpu_unknown, cpu_unknown, dram_unknown; /* runs that are missing in them */
    double facility_j;                               /* of all that was measured */
    double operational_g, market_g, embodied_g, embodied_useful_g; /* as in wt_carbon */
    uint64_t operational_unknown, market_unknown,
        embodied_unknown; /* runs that are missing in them */
    double saved_j, saved_error_j,
        saved_g; /* over the runs whose savings were measured; NaN: none */
    uint64_t saved_runs;
    int64_t first_ms, last_ms; /* wall clock: the first began, the last ended (begun, where no end
                                  is known); 0: no run */
    double gpus_least, gpus_most; /* of a run; NaN: unknown of all */
    double gpu_error_j; /* of gpu_j, 95 %, sensors' calibration apart; NaN: not known of all of its
                           runs */
    struct { /* over the runs of which all of this is known, so that one may be divided by the other
              */
        uint64_t runs;
        double gpu_hours, facility_j, operational_g, embodied_g; /* 0 when there is none */
    } complete;
};

/* report basis: what the figures of a report rest on, and of how many of its runs. */
enum wt_basis { WT_BASIS_ENERGY, WT_BASIS_PUE, WT_BASIS_INTENSITY, WT_BASIS_EMBODIED, WT_BASES };

struct wt_report_basis {
    enum wt_basis kind;
    const char *source; /* in words; "": unknown; borrowed from who gave the row */
    uint64_t runs;
    double least, most; /* the factor over these runs: PUE, g/kWh, years of lifetime; NaN: unknown,
                           or the kind has none */
};

/* fleet lines: what watched GPUs used, by what it was for.  energy_j = runs_j - overlap_j + idle_j
 * + unattributed_j, exactly; hours likewise: reserved, idle, and the rest, in which something used
 * them that booked nothing. */
struct wt_fleet_lines {
    double watched_hours; /* GPU hours somebody watched */
    double
        unknown_hours; /* of these, with energy that is not known; all else is about the others */
    double energy_j, energy_error_j; /* what the counters say, 95 % */
    double runs_j;                   /* as runs have booked it */
    double overlap_j; /* of that, counted more than once: runs that shared a GPU each measured all
                         of it */
    double idle_j;    /* no process used the GPU, and no run had reserved it */
    double unattributed_j; /* what is left: uses that booked nothing, and what measurements differ
                              by */
    double reserved_hours, idle_hours, busy_hours; /* busy: a kernel ran; NaN: not known of any */
    double overlap_hours;                          /* that runs have reserved beside others */
    double facility_j, operational_g,
        embodied_g; /* of the watched devices; NaN: not known of any */
    double idle_operational_g, idle_embodied_g;
};

struct wt_fleet_device {
    unsigned index;
    char uuid[WT_UUID_LEN], name[WT_NAME_LEN], node[WT_USER_LEN];
    struct wt_fleet_lines lines;
};

/* potential: what a job's energy would be of what it is now, at other power limits of its profile.
 * NaN: it has no profile, or none of the limit that it runs at. */
struct wt_potential {
    const char *job;              /* borrowed */
    uint32_t limit_mw;            /* in force in its last run that was measured */
    uint32_t chosen_mw, least_mw; /* by eta; of least energy */
    double chosen_energy, chosen_time, least_energy,
        least_time; /* per step, of what they are at limit_mw */
};

/* figures: a fleet in six numbers.  NaN: not known. */
struct wt_fleet_figures {
    double energy_j, facility_j;
    double gpu_hours; /* of runs */
    double operational_g, embodied_g;
    double embodied_useful_g; /* beside it, never added */
};

/* what if: NaN leaves as it is. */
struct wt_what_if {
    double intensity_g_per_kwh, pue, utilisation, lifetime_years, eta;
};

/* fleet: all that the fleet view and the task view show.  Rows are borrowed. */
struct wt_rows {
    const struct wt_report_row *rows;
    size_t count;
};

struct wt_fleet {
    int64_t from_ms, to_ms, made_ms; /* INT64_MIN, INT64_MAX: all */
    bool
        by_hour; /* days have the hours that lie in them; else the runs that began in them, whole */
    struct wt_report_row total;
    struct wt_rows phases, days, users, projects, gpus,
        jobs;             /* by one key each, most energy first, days in order */
    struct wt_rows tasks; /* by job and phase */
    const struct wt_report_basis *basis;
    size_t basis_count;
    struct wt_fleet_lines lines; /* watched_hours 0: nobody watched */
    const struct wt_fleet_device *devices;
    size_t device_count;
    double eta;                            /* of the potential */
    const struct wt_potential *potentials; /* one for each of `jobs`, in its order */
    double tunable_j;               /* energy of the jobs whose potential is known; NaN: of none */
    double at_choice_j, at_least_j; /* what that would be */
    struct wt_what_if what_if;
    bool has_what_if;
    struct wt_fleet_figures now, then; /* then: under what_if */
};

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
    bool ran;               /* false: not even one epoch fitted into what it may cost */
};

/* simulation: what all recurrences of one seed came to, or the mean or deviation of that over
 * seeds. */
struct wt_simulation {
    uint64_t seed;
    double energy_j, time_s, cost_j, regret_j; /* sums */
    double last5_energy_j, last5_time_s;       /* means over the last five recurrences */
    double last5_energy_fraction,
        last5_time_fraction; /* of the default's expected ones; NaN: not known */
};

/* simulated fleet: what was booked of it. */
struct wt_simulated_fleet {
    uint64_t seed;
    unsigned gpus, users;
    uint64_t runs, unended, profiles, stretches;
    double gpu_hours;          /* reserved by runs that ended */
    double energy_j;           /* GPUs, where it is known */
    int64_t first_ms, last_ms; /* the first run and the last one began: wall clock; 0: no run */
};

/* left out: a batch size of which nothing can be expected, and why. */
enum wt_left_why {
    WT_LEFT_NOT,
    WT_LEFT_MISSED,     /* not all of its runs reached the target */
    WT_LEFT_NO_RUN,     /* none ended by itself or by us */
    WT_LEFT_NO_PROFILE, /* what its steps take on these GPUs was not measured */
    WT_LEFT_NO_STEPS,   /* nobody counted the steps of an epoch */
};

struct wt_left_out {
    uint32_t batch_size;
    unsigned runs, reached;
    enum wt_left_why why;
};

/* study: what was simulated, and what its trace says by expectation; or what the ledger says of a
 * job. */
enum { WT_MAX_BATCH_SIZES = 64, WT_TARGET_LEN = 64 };

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
    uint32_t counts[WT_MAX_BINS]
                   [WT_MAX_BATCH_SIZES]; /* recurrence r of n (from 0) is in bin r * bins / n */
};

/* beliefs: what the recurrences of a job taught about its batch sizes. */
struct wt_belief {
    uint32_t batch_size;
    unsigned runs;       /* that were counted, those that did not reach the target included */
    double mean_j, sd_j; /* of the cost of a run; NaN without one */
    bool left;           /* not dropped by pruning */
};

enum { WT_OPTIONS_LEN = 1536 };

struct wt_beliefs {
    int64_t state_id; /* as in wt_trial */
    char gpu_model[WT_NAME_LEN];
    unsigned gpu_count;
    char
        options[WT_OPTIONS_LEN]; /* what was asked for, in words; other options are other beliefs */
    bool exploring;              /* pruning goes on */
    bool failed;                 /* pruning ended without a size */
    uint32_t next;               /* the batch size that would be run next; 0: none */
    double bound_j;              /* what a run may cost; INFINITY: anything */
    unsigned running;            /* recurrences under way */
    unsigned waiting; /* runs on other GPUs that count once it is known what an epoch of their size
                         costs here */
    unsigned count;
    struct wt_belief sizes[WT_MAX_BATCH_SIZES];
};

/* estimate: a number and half the width of its 95 % interval; value NaN: not known. */
struct wt_estimate {
    double value, error;
};

/* fit: what a profile says of the GPUs and the step.  Powers are summed over the run's GPUs, as
 * energies are. */
enum wt_fit_state {
    WT_FIT_DONE,
    WT_FIT_FEW,         /* too few limits were measured */
    WT_FIT_THROTTLED,   /* too few without another cap holding */
    WT_FIT_NOT_REACHED, /* the GPUs never drew what the limits allow: no limit made a difference */
    WT_FIT_IGNORED,     /* they drew more than the limits allow, whatever the limit */
};

struct wt_fit_point {
    struct wt_profile_point measured;
    bool used;                                 /* by the fit */
    double time_per_step_s, energy_per_step_j; /* what the fit says; NaN without one */
};

struct wt_fit {
    enum wt_fit_state state;
    bool
        describes; /* the points: residuals are as small as for trainings that are like the model */
    unsigned used;
    /* Each is NaN too where the points do not tell: they hardly narrow what was known before, or a
     * power is off by half. */
    struct wt_estimate static_w;  /* drawn whatever the clock */
    struct wt_estimate dynamic_w; /* beside it while the GPUs work, at the highest limit measured */
    struct wt_estimate full_dynamic_w; /* the same at full clock, which that limit may not allow */
    struct wt_estimate compute; /* share of the step's time at that limit that follows the clock */
    struct wt_estimate least_limit_w; /* of one GPU: where a step takes least energy, within what
                                         the driver allows: */
    double low_w, high_w;
    /* Of measured / fitted - 1: root of the mean square, and the largest. */
    double time_rms, time_largest, power_rms, power_largest;
    double against_errors; /* rms of residuals over the points' own standard errors; NaN: those are
                              not known */
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
    double fraction, error; /* energy with what this knob does / without; 95 % */
    double saving; /* what that saved, of the default's energy: the parts add up to the whole */
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
    struct wt_side front; /* the least energy of what takes no longer than the default; the default
                           * itself: it is on the front of what was measured */
    struct wt_estimate whole, whole_time; /* chosen / default */
    struct wt_part epochs, size, limit;   /* size: what an epoch takes at it */
    enum wt_order order;
    struct wt_estimate left;             /* energy of least / chosen */
    struct wt_estimate least_of_default; /* of least / default */
    unsigned size_count;                 /* batch sizes that are compared */
    unsigned sizes_apart; /* measured too, but not comparable: their epochs are not known */
};

/* figure: a number that carbon is computed with, with where it comes from. */
struct wt_figure {
    char name[80];           /* with its unit: "lifetime_years"; or what a row of a table goes by */
    char label[160];         /* what it is, for people */
    double value, low, high; /* NaN: unknown */
    double devices;          /* how many devices it is for; NaN: unknown, or not about devices */
    const char *unit;        /* a constant, for people */
    const char *kind;        /* a constant: what sort of source it has */
    char source[328];
    int year;         /* of the figure; 0: unknown or none */
    char remark[240]; /* why it is not the first choice; empty when it is */
};

/* check: one line of `wattune doctor`. */
enum wt_check_status { WT_CHECK_GOOD, WT_CHECK_DEGRADED, WT_CHECK_MISSING };

struct wt_check {
    const char *name; /* "energy_counter": a constant */
    char device[32];  /* "GPU 0"; empty when it is about none */
    enum wt_check_status status;
    bool needed;      /* the machine should have it: missing is a failure */
    char detail[400]; /* what was found, in words */
    char todo[400];   /* what helps; empty when nothing is to be done */
    unsigned value_count;
    struct {
        const char *key;
        double value;
    } values[12]; /* measured, with the unit in the key; NaN: unknown */
};

#endif
