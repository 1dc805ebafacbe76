/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: trials, measurements, profiles and learned state, kept for good.  Takes the nouns of
 * flow/, gives them back unchanged, and knows no formats.  A booking that it has acknowledged
 * survives a kill and a power loss.
 *
 * Unknown (NaN, a limit or batch size of 0) is kept as unknown, never as 0.  Every
 * failure of the file is WT_E_LEDGER with one sentence that names the path and a remedy.  A
 * ledger is used by one thread at a time and never carried across fork(); any number of processes
 * may have the same file open.
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_LEDGER_H
#define WATTUNE_ACCOUNT_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "flow/fleet.h"
#include "flow/study.h"
#include "tune/learn/store.h"

struct ledger;

enum ledger_flags {
    LEDGER_MAKE_PARENT = 1 << 0, /* make the folder it lies in (0700): for the default path only */
    LEDGER_READ_ONLY =
        1 << 1, /* for reports: makes no ledger, and one that is not ours to write is fine */
    LEDGER_SHORT_WAIT = 1 << 2, /* wait 0.1 s instead of 5 s for other processes' writes */
};

/* Energy of one device over a trial.  uuid and name may be empty, energies NaN. */
struct ledger_device_energy {
    enum wt_device_kind kind;
    unsigned index;
    char uuid[WT_UUID_LEN], name[WT_NAME_LEN];
    double energy_j, energy_error_j; /* 95 % bound */
    enum wt_source source;           /* WT_SOURCE_NONE: energy_j is not known, whatever it says */
    int64_t begin_ms, end_ms;        /* wall clock */
};

/* The energy of one device of a trial within one hour; the trial is booked with that device.  The
 * hours of a device add up to its energy of the trial. */
struct ledger_hour {
    int64_t hour; /* since 1970, UTC */
    enum wt_device_kind kind;
    unsigned index;
    double energy_j;            /* NaN: unknown */
    double busy_s;              /* of a GPU; NaN: unknown */
    double intensity_g_per_kwh; /* of the grid, in that hour; NaN: unknown */
};

/* The energy of all devices in a trial. */
struct ledger_used {
    const struct ledger_device_energy *devices;
    size_t device_count;
    const struct ledger_hour *hours;
    size_t hour_count;
};

/* Where the ledger lies unless somebody says otherwise: $XDG_DATA_HOME/wattune/ledger.db,
 * ~/.local/share.  Root acting for another user (sudo) has root's own home, whatever the
 * environment says.  WT_E_RANGE: does not fit. */
int ledger_default_path(char *path, size_t size, struct wt_error *err);

/* Opens the ledger, makes it when it is not there, brings an older one up to date.  WT_E_VERSION:
 * made by a newer wattune.  WT_E_NOT_FOUND: LEDGER_READ_ONLY, and there is none.  The caller frees
 * *ledger with ledger_close(). */
int ledger_open(const char *path, unsigned flags, struct ledger **ledger, struct wt_error *err);

/* The schema that every ledger this wattune has opened is of. */
int ledger_schema_number(void);

/* The schema of the file before ledger_open() brought it up to date; 0: it was, or is new. Programs
 * of an older version that still run cannot book into it any more. */
int ledger_schema_found(const struct ledger *ledger);

/* Takes NULL; returns NULL. */
struct ledger *ledger_close(struct ledger *ledger);

/* True when nothing was ever booked in it: neither a job nor a device. */
int ledger_is_empty(struct ledger *ledger, bool *empty, struct wt_error *err);

/* Many bookings as one: those from here to ledger_bulk_end() are kept together or not at all, and
 * nobody else can write meanwhile.  For ledgers that are filled at once; a run books by
 * itself. */
int ledger_bulk_begin(struct ledger *ledger, struct wt_error *err);

/* Ends the bulk and keeps it; nothing of it is kept when `keep` is false, or when one of its
 * bookings failed (then that is the error). */
int ledger_bulk_end(struct ledger *ledger, bool keep, struct wt_error *err);

/* Books that a trial starts: makes its job when that is new, and takes the job's next recurrence
 * number in the same step unless trial->recurrence is given (then the next try number, unless
 * trial->try_number is given).  Two runs at once get different numbers.  started_ms 0: now.  *id
 * and *recurrence may be NULL.  WT_E_BUSY: that try is booked. */
int ledger_trial_begin(struct ledger *ledger, const struct wt_trial *trial, int64_t *id,
                       unsigned *recurrence, struct wt_error *err);

/* Takes back the beginning of a trial that did not begin after all; its job goes too when it has no
 * other. */
int ledger_trial_cancel(struct ledger *ledger, const struct wt_trial *trial, struct wt_error *err);

/* The number of steps in an epoch of this batch size, by the counts of the job's trials; NaN:
 * unknown.  A trial that ended inside an epoch counts some too many, so this is the least. */
int ledger_steps_per_epoch(struct ledger *ledger, const char *job, uint32_t batch_size,
                           double *steps, struct wt_error *err);

/* The same of each batch size that is known to have run, in one reading; a negative return of
 * take() ends it, and is returned. */
typedef int ledger_steps_taker(void *ctx, uint32_t batch_size, double steps, struct wt_error *err);
int ledger_each_steps_per_epoch(struct ledger *ledger, const char *job, ledger_steps_taker *take,
                                void *ctx, struct wt_error *err);

/* Books all of trial->id: outcome, GPUs, profile and the energy of each device (NULL: none), all or
 * nothing.  A trial ends once: a second end is WT_E_INVALID and changes nothing; an id that is not
 * there is WT_E_NOT_FOUND. */
int ledger_trial_end(struct ledger *ledger, const struct wt_trial *trial,
                     const struct ledger_used *used, struct wt_error *err);

/* Keeps `count` points (each limit once) as the profile of `key`, in place of the whole profile
 * before.  trial_id 0: from no trial. */
int ledger_profile_put(struct ledger *ledger, const struct wt_profile_key *key,
                       const struct wt_profile_point points[], unsigned count, int64_t trial_id,
                       struct wt_error *err);

/* The profile of exactly that key, highest limit first; *count is 0 when there is none. WT_E_RANGE:
 * more than `capacity` points. */
int ledger_profile_get(struct ledger *ledger, const struct wt_profile_key *key,
                       struct wt_profile_point points[], unsigned capacity, unsigned *count,
                       struct wt_error *err);

struct ledger_profile {
    struct wt_profile_key key;
    unsigned count;
    struct wt_profile_point points[WT_MAX_LIMITS]; /* highest limit first */
};

/* All profiles of a job, the one stored last last; the caller frees *profiles with free().  No such
 * job: *count is 0. */
int ledger_profiles(struct ledger *ledger, const char *job, struct ledger_profile **profiles,
                    size_t *count, struct wt_error *err);

/* --- Learned state of batch sizes --- */

/* Reads, changes and keeps the state of exactly that key (its batch size apart) and that identity
 * in one step: of two processes at once each sees the change of the other, or the other does.
 * *state_id (may be NULL) becomes the number of the state. */
int ledger_state_change(struct ledger *ledger, const struct wt_profile_key *key,
                        const struct wt_identity *identity, learn_changer *change, void *ctx,
                        int64_t *state_id, struct wt_error *err);

/* The same as a store for tune/learn; borrows the ledger. */
struct learn_store ledger_learn_store(struct ledger *ledger);

/* All states of a job, the one changed last last; the caller frees *states with free().  No such
 * job: *count is 0. */
int ledger_states(struct ledger *ledger, const char *job, struct learn_state **states,
                  size_t *count, struct wt_error *err);

enum ledger_part { LEDGER_WHOLE_JOB, LEDGER_PROFILES, LEDGER_STATES };

/* Drops a job, or a part of it.  WT_E_NOT_FOUND: no such job; the sentence names similar ones. */
int ledger_forget(struct ledger *ledger, const char *job, enum ledger_part part,
                  struct wt_error *err);

/* All jobs, the one that started last first.  The caller frees *rows with free(). */
int ledger_jobs(struct ledger *ledger, struct wt_job_row **rows, size_t *count,
                struct wt_error *err);

/* --- The trials of a job --- */

/* Several readings as one: all of them see the ledger as it was at the first, whatever others book
 * meanwhile.  Until ledger_view_end() nothing can be written through this one (WT_E_INVALID), and,
 * where the file system has no shared memory for WAL, nothing by others either. */
int ledger_view_begin(struct ledger *ledger, struct wt_error *err);

/* Ends it; takes NULL, and a ledger without a view. */
void ledger_view_end(struct ledger *ledger);

/* 0: the job is there.  WT_E_NOT_FOUND: it is not; the sentence names similar ones. */
int ledger_job_check(struct ledger *ledger, const char *job, struct wt_error *err);

/* The takers below get one thing, lent for the call; a negative return ends the reading, which
 * returns it.  A taker reads nothing else of the same ledger. */
typedef int ledger_run_taker(void *ctx, const struct wt_trial *run, struct wt_error *err);
typedef int ledger_outline_taker(void *ctx, const struct wt_trial *outline, bool on_gpus,
                                 struct wt_error *err);
typedef int ledger_recurrence_taker(void *ctx, const struct wt_recurrence *recurrence,
                                    struct wt_error *err);
typedef int ledger_gpu_taker(void *ctx, const struct wt_trial_gpu *gpu, struct wt_error *err);

/* Parts of a trial that a reading may ask for; identity and outcome always come. */
enum ledger_trial_parts {
    LEDGER_TRIAL_CARBON = 1 << 0,
    LEDGER_TRIAL_PROFILE = 1 << 1, /* a statement more a trial */
    LEDGER_TRIAL_PART = 1 << 2,    /* energies and GPUs; a statement more a trial */
    LEDGER_TRIAL_ALL = LEDGER_TRIAL_CARBON | LEDGER_TRIAL_PROFILE | LEDGER_TRIAL_PART,
};

struct ledger_trials {
    unsigned parts;    /* of enum ledger_trial_parts; the others are unknown in the trial given */
    unsigned last;     /* only the last recurrences of the job, this many; 0: all */
    bool latest_first; /* by recurrence and try, falling; false: rising */
};

/* Gives the trials of a job by recurrence and try, those that never ended included (exit_code -1),
 * in one read transaction; never more than one is held.  WT_E_NOT_FOUND: no such job; the sentence
 * names similar ones. */
int ledger_each_trial(struct ledger *ledger, const char *job, const struct ledger_trials *which,
                      ledger_run_taker *take, void *ctx, struct wt_error *err);

/* The last trial of a job, or the last with a profile, all its parts.  1: found; 0: there is none,
 * and *trial is untouched. */
enum ledger_last { LEDGER_LAST_TRIAL, LEDGER_LAST_PROFILED };
int ledger_last_trial(struct ledger *ledger, const char *job, enum ledger_last which,
                      struct wt_trial *trial, struct wt_error *err);

/* The same order as ledger_each_trial(), in the few fields that decisions go by: identity.state_id;
 * of the outcome all but metric, knobs and fractions of savings; part.energy_j.  `on_gpus` tells
 * whether the trial ran on the model and count of `gpus` (NULL: never). */
int ledger_each_outline(struct ledger *ledger, const char *job, const struct wt_profile_key *gpus,
                        ledger_outline_taker *take, void *ctx, struct wt_error *err);

/* How many recurrences the job has; 0 for no such job. */
int ledger_recurrence_count(struct ledger *ledger, const char *job, size_t *count,
                            struct wt_error *err);

/* Gives the sums of each recurrence, in order; none for no such job. */
int ledger_each_recurrence(struct ledger *ledger, const char *job, ledger_recurrence_taker *take,
                           void *ctx, struct wt_error *err);

/* Gives each GPU that any trial of the job ran on, once, by index and UUID; a GPU is its UUID, or
 * its index where it tells none. */
int ledger_each_gpu(struct ledger *ledger, const char *job, ledger_gpu_taker *take, void *ctx,
                    struct wt_error *err);

/* The epochs that whole runs of a batch size took: runs that reached the target under a state, or,
 * without a target, runs that ended by themselves with exit code 0.  No such job: 0 runs. */
struct ledger_whole_runs {
    uint32_t batch_size; /* 0: unknown */
    bool reached;
    int64_t state_id; /* with `reached`; 0: none */
};
struct ledger_epochs {
    unsigned runs;
    uint64_t least, most; /* 0 without a run */
};
int ledger_epochs_taken(struct ledger *ledger, const char *job, const struct ledger_whole_runs *of,
                        struct ledger_epochs *epochs, struct wt_error *err);

/* --- Whole devices --- */

/* Books stretches, all or nothing; one that begins as one that is there takes its place, so that a
 * stretch may grow. WT_E_BUSY: one overlaps with another of the same GPU, which somebody else has
 * booked: energy is booked once. */
int ledger_stretches_put(struct ledger *ledger, const char *node,
                         const struct wt_stretch stretches[], size_t count, struct wt_error *err);

/* --- Reports --- */

struct ledger_report {
    unsigned key_count;                      /* 0: one row over everything */
    enum wt_report_key keys[WT_REPORT_KEYS]; /* each once */
    int64_t from_ms,
        to_ms;       /* only hours that begin in [from_ms, to_ms); INT64_MIN and INT64_MAX: all */
    bool whole_runs; /* a day has the runs that began in it, whole, as long as no time is asked for:
                        twice as fast */
};

/* One row a group, days in order, all else by the energy that was used, most first; and all
 * together. */
struct ledger_report_rows {
    struct wt_report_row *rows;
    size_t count;
    struct wt_report_row total;
    struct wt_report_basis *basis; /* sources of the figures: kinds in order, the sources of each
                                      with most runs first */
    size_t basis_count;
    struct names *names; /* the texts that the rows' keys and sources point to */
};

/* With a day among the keys, or a time, runs count hour by hour; a run that has none booked (of an
 * older ledger, or one that never ended) counts as a whole in the hour in which it began.  `ledger`
 * NULL: one without runs.  The caller clears *rows with ledger_report_clear(). */
int ledger_report(struct ledger *ledger, const struct ledger_report *what,
                  struct ledger_report_rows *rows, struct wt_error *err);

/* Several at once, in one pass, over the hours of the first; rows[0] alone has a basis, and the
 * texts that the others' keys point to. */
int ledger_reports(struct ledger *ledger, const struct ledger_report what[], unsigned count,
                   struct ledger_report_rows rows[], struct wt_error *err);
void ledger_report_clear(struct ledger_report_rows *rows);

/* Which runs, each as a whole: those that began in [from_ms, to_ms) (INT64_MIN and INT64_MAX:
 * whenever).  NULL: any job, any project. */
struct ledger_runs {
    int64_t from_ms, to_ms;
    const char *job, *project;
};

/* The same as ledger_report() over these runs; a run belongs to the day on which it began. */
int ledger_report_runs(struct ledger *ledger, const struct ledger_runs *runs,
                       const enum wt_report_key keys[], unsigned key_count,
                       struct ledger_report_rows *rows, struct wt_error *err);

/* Gives these runs one by one, in the order in which they began, without their profiles; never more
 * than one is held.  `ledger` NULL: one without runs. */
int ledger_each_run(struct ledger *ledger, const struct ledger_runs *runs, ledger_run_taker *take,
                    void *ctx, struct wt_error *err);

/* --- The fleet --- */

/* The energy of whole devices in the hours that begin in [from_ms, to_ms), and the part of it that
 * runs account for; devices by node and name.  The caller clears *lines with
 * ledger_lines_clear(). */
struct ledger_lines {
    struct wt_fleet_device *devices;
    size_t count;
    struct wt_fleet_lines total;
};

int ledger_lines(struct ledger *ledger, int64_t from_ms, int64_t to_ms, struct ledger_lines *lines,
                 struct wt_error *err);
void ledger_lines_clear(struct ledger_lines *lines);

/* Gives each job whose last measured run has a profile, with the limit of that run; points come
 * highest limit first. A negative return of take() ends it, and is returned. */
typedef int ledger_choice_taker(void *ctx, const char *job, uint32_t limit_mw,
                                const struct wt_profile_point points[], unsigned count);
int ledger_choices(struct ledger *ledger, ledger_choice_taker *take, void *ctx,
                   struct wt_error *err);

#endif
