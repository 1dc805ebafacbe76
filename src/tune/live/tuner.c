/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuner.
 *
 *   WAITING --first step--> WARMING --settled--> MEASURING --enough--> CLOSING --edges passed-->
 * next slice, WARMING
 *                                                                          \--plan is done-->
 * HOLDING at the optimum HOLDING --drift, within a share of the run--> WARMING, the plan anew
 *   HOLDING --another eta, and with it another optimum--> HOLDING there
 *   any --tuner_stop() or a limit that cannot be set--> OFF, limits restored
 *
 * HOLDING goes on measuring in slices of its own: what is saved is said of the whole run, not of
 * the one slice that chose the limit.
 */
#include "tune/live/tuner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tune/decide/cost.h"
#include "tune/decide/plan.h"
#include "tune/decide/power_limits.h"
#include "tune/decide/profile.h"
#include "tune/decide/slice_length.h"
#include "tune/live/slice.h"

/* A gap between steps of eight times the usual step, and of at least this, is something else than
 * steps. */
static const int64_t STALL_LEAST_NS = 300 * NS_PER_MS;
/* The state of a device (enforced limit, throttling) is asked this often while a slice is measured.
 */
static const int64_t STATE_EVERY_NS = 500 * NS_PER_MS;
/* A driver that is slow to answer is asked so seldom that it spends at most one part in so many on
 * it. */
enum { STATE_SHARE = 20 };
/* Whether a slice is long enough is worked out this often: over eight GPUs it costs as much as a
 * read. */
static const int64_t ENOUGH_EVERY_NS = 100 * NS_PER_MS;
/* A closed slice waits for the counters' edges at most this long; then its energy is taken for
 * unknown. */
static const int64_t CLOSING_MOST_NS = NS_PER_S;
/* A limit that could not be put back is tried again at once, and then this often for as long as the
 * training runs. */
enum { RESTORE_TRIES = 3 };
static const int64_t RESTORE_EVERY_NS = NS_PER_S;
/* Holding is booked in slices of this length, seconds: long enough for 1 % at four reads a second.
 */
static const double HOLDING_SLICE_S = 10;
/* A stored profile whose starting limit is now off by more than this is of another job: it is
 * measured again. */
static const double STORED_TOLERANCE = 0.15;

/* Drift: two holding slices in a row that differ by more than this, and their error, from the
 * profile's entry re-open the profile, as long as all profiling together stays within this share of
 * the run. */
static const double DRIFT = 0.05, PROFILING_SHARE = 0.2;
enum { DRIFT_SLICES = 2 };
/* A slice whose energy cannot be known is begun again this often; then the device is not one to
 * tune. */
enum { UNKNOWN_SLICES_MOST = 3 };
static const double UNKNOWN_SLICE_S = 3;

enum phase { OFF, WAITING, WARMING, MEASURING, CLOSING, HOLDING };

struct tuner {
    struct tuner_options options;
    struct live_meter *watch;
    struct guard *guard;
    struct tuner_store store;
    enum phase phase;
    double max_power_w;
    uint32_t limits_mw[POWER_LIMITS_MAX];
    unsigned limit_count;
    uint32_t found_mw; /* the starting limit; the smallest when the GPUs differ */
    uint32_t set_mw;   /* in force; 0: not all GPUs have the same */
    struct plan plan;
    unsigned stored_count;
    struct wt_profile_point stored[WT_MAX_LIMITS];
    bool compared;  /* they were held against a slice of this run */
    unsigned added; /* slices of this run in the plan */
    struct slice slice;
    struct slice held; /* of holding, complete, waiting for the counters' edges */
    struct step_mark last, warm_from;
    uint64_t epochs;
    int64_t state_ns, closing_ns; /* state_ns: when to ask next */
    bool owes;                    /* a limit that is not back yet */
    int64_t restore_ns;           /* CLOCK_MONOTONIC: when to try again */
    double usual_step_s;
    struct wt_profile_point holding; /* what was measured at the optimum after profiling */
    struct wt_profile_point
        before; /* and at those that were the optimum before, under another eta */
    struct wt_profile_point chosen; /* the profile's entry that holding is compared with */
    unsigned drifting, unknown_slices;
    int64_t enough_ns, first_step_ns, profile_from_ns, profiling_ns;
    struct tuner_result result;
    struct tuner_result
        earlier; /* before a drift opened the profile again: holds until the new one is whole */
};

/* Failing once is no reason to leave a limit for the next start of ours. */
static int restore(struct tuner *tuner, const struct wt_device *device, enum guard_outcome *outcome,
                   struct wt_error *err)
{
    int rc = 0;
    for (unsigned i = 0; i < RESTORE_TRIES; i++)
        if ((rc = guard_restore(tuner->guard, device, outcome, err)) == 0)
            break;
    return rc;
}

enum restore_moment { RESTORE_STOP, RESTORE_AGAIN, RESTORE_END };

static void restore_all(struct tuner *tuner, enum restore_moment moment)
{
    bool owed = tuner->owes;
    tuner->owes = false;
    tuner->restore_ns = clock_monotonic_ns() + RESTORE_EVERY_NS;
    for (unsigned i = 0; i < live_meter_gpu_count(tuner->watch); i++) {
        const struct wt_device *device = live_meter_device(tuner->watch, i);
        enum guard_outcome outcome;
        struct wt_error err;
        if (restore(tuner, device, &outcome, &err)) {
            bool may_pass = guard_may_pass(err.code);
            tuner->owes = true;
            tuner->result.owes |= moment == RESTORE_END && may_pass;
            if (moment == RESTORE_STOP)
                log_warning("%s; tried again until the run ends", err.text);
            else if (moment == RESTORE_END)
                log_error("%s; %s", err.text,
                          may_pass ? "the guard process goes on trying for two minutes"
                                   : "the next wattune on this machine tries again");
        } else if (outcome == GUARD_CHANGED_BY_OTHERS) {
            log_warning("somebody else has changed the power limit of GPU %u: it is left as it is",
                        device->index);
        } else if (outcome == GUARD_RESTORED && owed) {
            log_note("the power limit of GPU %u is back at what was found", device->index);
        } else if (outcome == GUARD_RESTORED) {
            log_detail("the power limit of GPU %u is back at what was found", device->index);
        }
    }
}

void tuner_stop(struct tuner *tuner, const char *why)
{
    if (tuner->phase == OFF)
        return;
    tuner->phase = OFF;
    snprintf(tuner->result.why_not, sizeof tuner->result.why_not, "%.127s", why);
    log_note("not tuned any further: %s", why);
    restore_all(tuner, RESTORE_STOP);
    tuner->set_mw = 0;
}

static int set_limit(struct tuner *tuner, uint32_t limit_mw)
{
    if (limit_mw == tuner->set_mw)
        return 0;
    for (unsigned i = 0; i < live_meter_gpu_count(tuner->watch); i++) {
        struct wt_error err;
        if (live_meter_is_over(
                tuner->watch)) /* a driver may take seconds for each: what was set goes back soon */
            return WT_E_NO_DATA;
        int rc = guard_set(tuner->guard, live_meter_device(tuner->watch, i), limit_mw, &err);
        if (rc == WT_E_NO_PERMISSION)
            error_prefix(&err, "setting a power limit needs root or CAP_SYS_ADMIN");
        if (rc) {
            tuner_stop(tuner, err.text);
            return rc;
        }
    }
    log_detail("power limit %g W", limit_mw / 1000.0);
    tuner->set_mw = limit_mw;
    return 0;
}

static int fill_key(struct tuner *tuner, struct power_range range, struct wt_error *err)
{
    const struct wt_device *first = live_meter_device(tuner->watch, 0);
    struct wt_profile_key *key = &tuner->options.key;
    for (unsigned i = 1; i < live_meter_gpu_count(tuner->watch); i++)
        if (strcmp(live_meter_device(tuner->watch, i)->name, first->name) != 0)
            return error_set(err, WT_E_NOT_SUPPORTED,
                             "the GPUs are of different models (%s, %s): one limit does not "
                             "fit both",
                             first->name, live_meter_device(tuner->watch, i)->name);
    memcpy(key->gpu_model, first->name, sizeof key->gpu_model);
    key->gpu_count = live_meter_gpu_count(tuner->watch);
    key->limit_min_mw = range.min_mw;
    key->limit_max_mw = range.max_mw;
    return 0;
}

static int choose_grid(struct tuner *tuner, struct wt_error *err)
{
    struct wt_device devices[WT_MAX_DEVICES];
    unsigned count = live_meter_gpu_count(tuner->watch);
    for (unsigned i = 0; i < count; i++) {
        devices[i] = *live_meter_device(tuner->watch, i);
        if (!devices[i].has_energy_counter && !devices[i].power_tick_ns)
            return error_set(err, WT_E_NOT_SUPPORTED,
                             "GPU %u (%s) tells neither energy nor power, so what a limit saves "
                             "cannot be measured",
                             devices[i].index, devices[i].name);
    }
    struct power_range range;
    int rc = power_limits_common(devices, count, &range, err);
    if (rc)
        return rc;
    rc = tuner->options.wanted_count
             ? power_limits_from_list(tuner->options.wanted_mw, tuner->options.wanted_count, range,
                                      tuner->limits_mw, err)
             : power_limits_auto(range, tuner->limits_mw);
    if (rc < 0)
        return rc;
    tuner->limit_count = (unsigned)rc;
    tuner->max_power_w = cost_max_power_w(range.max_mw, count);
    return fill_key(tuner, range, err);
}

static int take_leases(struct tuner *tuner, struct wt_error *err)
{
    for (unsigned i = 0; i < live_meter_gpu_count(tuner->watch); i++) {
        uint32_t found_mw;
        int rc = guard_take(tuner->guard, live_meter_device(tuner->watch, i), &found_mw, err);
        if (rc)
            return rc;
        if (i == 0)
            tuner->found_mw = tuner->set_mw = found_mw;
        if (found_mw !=
            tuner->found_mw) { /* they come back each to its own; there is no one baseline */
            tuner->found_mw = 0;
            tuner->set_mw = 0;
        }
    }
    return 0;
}

static double eta_now(const struct tuner *tuner, char why[TUNER_WHY])
{
    return tuner->options.eta_now ? tuner->options.eta_now(tuner->options.ctx, why)
                                  : tuner->options.preference.eta;
}

/* Starts the plan, with or without what the store knows. */
static int start_plan(struct tuner *tuner, bool with_stored, struct wt_error *err)
{
    struct power_search search;
    struct wt_preference preference = tuner->options.preference;
    char why[TUNER_WHY];
    preference.eta = eta_now(tuner, why);
    int rc = power_search_init(&search, tuner->options.search, tuner->limits_mw, tuner->limit_count,
                               &preference, tuner->max_power_w, err);
    if (rc)
        return rc;
    search.gpu_count = live_meter_gpu_count(tuner->watch);
    for (unsigned i = 0; with_stored && i < tuner->stored_count; i++)
        if (power_search_find(&search, tuner->stored[i].setting.value) >= 0 &&
            !tuner->stored[i].throttled)
            tuner->result.reused |= power_search_add(&search, &tuner->stored[i], NULL) == 0;
    if (!with_stored) {
        tuner->result.reused = false;
        tuner->stored_count = 0;
    }
    plan_init(&tuner->plan, &search, tuner->found_mw, tuner->options.baseline);
    return 0;
}

int tuner_new(const struct tuner_options *options, struct live_meter *watch, struct guard *guard,
              const struct tuner_store *store, struct tuner **out, struct wt_error *err)
{
    struct tuner *tuner = calloc(1, sizeof *tuner);
    if (!tuner)
        return error_set(err, WT_E_NO_MEMORY, "make a tuner: out of memory");
    tuner->options = *options;
    tuner->watch = watch;
    tuner->guard = guard;
    tuner->store = *store;
    int rc = choose_grid(tuner, err);
    if (rc == 0)
        rc = take_leases(tuner, err);
    if (rc == 0 && tuner->store.load) {
        struct wt_error load_err;
        if (tuner->store.load(tuner->store.ctx, &tuner->options.key, tuner->stored, WT_MAX_LIMITS,
                              &tuner->stored_count, &load_err)) {
            log_warning("%s; the profile is measured anew", load_err.text);
            tuner->stored_count = 0;
        }
    }
    if (rc == 0)
        rc = start_plan(tuner, true, err);
    if (rc) {
        free(tuner);
        return rc;
    }
    tuner->phase = WAITING;
    tuner->holding.steps = 0;
    *out = tuner;
    return 0;
}

struct tuner *tuner_free(struct tuner *tuner)
{
    free(tuner);
    return NULL;
}

bool tuner_is_profiling(const struct tuner *tuner)
{
    return tuner->phase == WAITING || tuner->phase == WARMING || tuner->phase == MEASURING ||
           tuner->phase == CLOSING;
}

bool tuner_holds(const struct tuner *tuner, struct wt_profile_point *point)
{
    if (tuner->phase != HOLDING)
        return false;
    *point = tuner->holding.steps ? tuner->holding : tuner->chosen;
    return true;
}

/* --- Slices --- */

static void begin_slice(struct tuner *tuner, uint32_t limit_mw, enum phase phase)
{
    bool changes = limit_mw != tuner->set_mw;
    if (set_limit(tuner, limit_mw))
        return;
    slice_start(&tuner->slice, limit_mw);
    tuner->warm_from = tuner->last;
    if (changes)
        tuner->warm_from.t_ns = clock_now_ns();
    tuner->phase = phase;
}

static void save_profile(struct tuner *tuner)
{
    struct wt_profile_point points[WT_MAX_LIMITS];
    unsigned count = plan_profile(&tuner->plan, points);
    struct wt_error err;
    count = profile_unite(points, count, tuner->stored, tuner->stored_count);
    if (tuner->added && tuner->store.save &&
        tuner->store.save(tuner->store.ctx, &tuner->options.key, points, count, &err))
        log_warning("%s; the profile is not kept", err.text);
}

static void hold(struct tuner *tuner)
{
    struct wt_error err;
    struct wt_profile_point points[WT_MAX_LIMITS];
    char why[TUNER_WHY];
    save_profile(tuner);
    tuner->result.profiled = true;
    tuner->profiling_ns += clock_now_ns() - tuner->profile_from_ns;
    tuner->drifting = 0;
    tuner->plan.search.preference.eta = eta_now(tuner, why);
    if (plan_decide(&tuner->plan, &tuner->result.decision, &err)) {
        tuner_stop(tuner, err.text);
        return;
    }
    tuner->result.decided = true;
    unsigned count = plan_profile(&tuner->plan, points);
    const struct wt_profile_point *best = &points[tuner->result.decision.point];
    log_note("profiled %u limits; %s %g W: %.4g J and %.4g ms a step", count,
             tuner->options.profile_only ? "the best would be" : "now at",
             best->setting.value / 1000.0, best->energy_per_step_j, best->time_per_step_s * 1000);
    tuner->holding = tuner->before = (struct wt_profile_point){0};
    tuner->chosen = *best;
    slice_start(&tuner->held, 0);
    if (tuner->options.profile_only) {
        tuner->phase = OFF;
        restore_all(tuner, RESTORE_STOP);
        return;
    }
    begin_slice(tuner, tuner->result.decision.setting.value, HOLDING);
    if (tuner->phase != HOLDING) /* it could not be set: nothing was saved by it */
        tuner->result.decided = false;
}

static void next_slice(struct tuner *tuner)
{
    struct plan_slice next;
    if (plan_next(&tuner->plan, &next))
        begin_slice(tuner, next.limit_mw, WARMING);
    else
        hold(tuner);
}

/* A stored profile is believed while what it says of the first limit that both know agrees with
 * what is measured now; slices that heat slowed down say nothing about the job. */
static bool stored_disagrees(struct tuner *tuner, const struct wt_profile_point *point)
{
    for (unsigned i = 0; i < tuner->stored_count && !tuner->compared; i++) {
        const struct wt_profile_point *stored = &tuner->stored[i];
        if (stored->setting.value != point->setting.value || stored->throttled || point->throttled)
            continue;
        tuner->compared = true;
        return fabs(point->time_per_step_s / stored->time_per_step_s - 1) > STORED_TOLERANCE ||
               fabs(point->energy_per_step_j / stored->energy_per_step_j - 1) > STORED_TOLERANCE;
    }
    return false;
}

static void end_slice(struct tuner *tuner)
{
    struct wt_profile_point point = slice_point(&tuner->slice, tuner->watch);
    struct wt_error err;
    if (point.steps == 0) { /* its energy is unknown (a counter that was reset): measured again */
        if (++tuner->unknown_slices == UNKNOWN_SLICES_MOST)
            tuner_stop(tuner, "the energy of the GPUs cannot be read");
        else
            begin_slice(tuner, tuner->slice.limit_mw, WARMING);
        return;
    }
    tuner->unknown_slices = 0;
    if (stored_disagrees(tuner, &point)) {
        log_note("the profile in the ledger does not fit this run: measured anew");
        if (start_plan(tuner, false, &err)) {
            tuner_stop(tuner, err.text);
            return;
        }
    }
    if (plan_add(&tuner->plan, &point, &err)) {
        tuner_stop(tuner, err.text);
        return;
    }
    tuner->added++;
    tuner->usual_step_s = point.time_per_step_s;
    log_detail("%g W: %.4g J and %.4g ms a step over %llu steps%s", point.setting.value / 1000.0,
               point.energy_per_step_j, point.time_per_step_s * 1000,
               (unsigned long long)point.steps, point.throttled ? ", throttled" : "");
    next_slice(tuner);
}

/* Another cap than the one that was set: samples under it say little about the limit. */
static bool is_capped(const struct tuner *tuner, const struct wt_state *state)
{
    const unsigned other_caps = WT_THROTTLE_HW_SLOWDOWN | WT_THROTTLE_SW_THERMAL |
                                WT_THROTTLE_HW_THERMAL | WT_THROTTLE_HW_POWER_BRAKE;
    return ((state->known & WT_STATE_ENFORCED) && state->enforced_limit_mw < tuner->set_mw) ||
           ((state->known & WT_STATE_THROTTLE) && (state->throttle & other_caps));
}

/* One question at a time: between two the run may end, and a slow driver is not asked any further
 * then. */
static int ask_state(struct tuner *tuner, unsigned i, struct wt_state *state)
{
    static const unsigned fields[] = {WT_STATE_LIMIT, WT_STATE_ENFORCED, WT_STATE_THROTTLE};
    *state = (struct wt_state){0};
    for (unsigned k = 0; k < sizeof fields / sizeof fields[0]; k++) {
        struct wt_state one;
        int rc = live_meter_state(tuner->watch, i, fields[k], &one);
        if (rc == WT_E_DEVICE_LOST)
            return rc;
        if (rc)
            continue;
        state->known |= one.known;
        state->limit_mw = fields[k] == WT_STATE_LIMIT ? one.limit_mw : state->limit_mw;
        state->enforced_limit_mw =
            fields[k] == WT_STATE_ENFORCED ? one.enforced_limit_mw : state->enforced_limit_mw;
        state->throttle = fields[k] == WT_STATE_THROTTLE ? one.throttle : state->throttle;
    }
    return 0;
}

/* What the devices say of their caps, twice a second and as a slice ends; ends tuning when somebody
 * else has set a limit. */
static void check_states(struct tuner *tuner)
{
    int64_t begin_ns = clock_now_ns();
    if (begin_ns < tuner->state_ns || tuner->set_mw == 0)
        return;
    for (unsigned i = 0; i < live_meter_gpu_count(tuner->watch); i++) {
        struct wt_state state;
        char lost[128];
        if (ask_state(tuner, i, &state)) {
            snprintf(lost, sizeof lost, "GPU %u is lost",
                     live_meter_device(tuner->watch, i)->index);
            tuner_stop(tuner, lost);
            return;
        }
        if ((state.known & WT_STATE_LIMIT) && state.limit_mw != tuner->set_mw) {
            char why[128];
            snprintf(why, sizeof why, "somebody else has set the power limit of GPU %u to %g W",
                     live_meter_device(tuner->watch, i)->index, state.limit_mw / 1000.0);
            tuner_stop(tuner, why);
            return;
        }
        tuner->slice.throttled |= tuner->phase != WARMING && is_capped(tuner, &state);
    }
    int64_t now_ns = clock_now_ns(), rest_ns = (now_ns - begin_ns) * STATE_SHARE;
    /* In real time: under a machine's fast clock a question takes long only seemingly. */
    bool slow = (double)(now_ns - begin_ns) > 0.1 * (double)NS_PER_S * clock_scale();
    tuner->state_ns = now_ns + (slow && rest_ns > STATE_EVERY_NS ? rest_ns : STATE_EVERY_NS);
}

static bool enough(struct tuner *tuner)
{
    struct wt_profile_point point = slice_point(&tuner->slice, tuner->watch);
    if (point.steps == 0) /* its energy is unknown, and will stay so */
        return slice_length_s(&tuner->slice) > UNKNOWN_SLICE_S;
    double error = cost_relative_error(tuner->options.preference.eta, tuner->max_power_w, &point);
    return slice_long_enough(point.steps, slice_length_s(&tuner->slice), error,
                             slice_most(power_search_most(&tuner->plan.search)));
}

static bool differs(double now, double then, double error)
{
    return isfinite(error) && fabs(now / then - 1) > DRIFT + error / then;
}

/* True when the training is not any more what was profiled, and profiling again is within its share
 * of the run. */
static bool has_drifted(struct tuner *tuner, const struct wt_profile_point *point)
{
    const struct wt_profile_point *then = &tuner->chosen;
    bool drifts =
        !point->throttled &&
        (differs(point->time_per_step_s, then->time_per_step_s, point->time_error_s) ||
         differs(point->energy_per_step_j, then->energy_per_step_j, point->energy_error_j));
    tuner->drifting = drifts ? tuner->drifting + 1 : 0;
    int64_t run_ns = clock_now_ns() - tuner->first_step_ns;
    return tuner->drifting >= DRIFT_SLICES &&
           (double)tuner->profiling_ns * 2 <= (double)run_ns * PROFILING_SHARE;
}

/* The profile and what was saved by it, as known now. */
static void tell_savings(struct tuner *tuner)
{
    tuner->result.point_count = plan_profile(&tuner->plan, tuner->result.points);
    tuner->result.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    if (!tuner->result.decided)
        return;
    struct wt_profile_point now = tuner->result.points[tuner->result.decision.point];
    if (tuner->holding.steps)
        now = tuner->holding;
    if (tuner->before.steps) { /* the whole run, whose limit was not one */
        if (tuner->holding.steps)
            profile_merge(&now, &tuner->before);
        else
            now = tuner->before;
        now.setting.value = 0;
    }
    plan_savings(&tuner->plan, &now, &tuner->result.savings);
}

static void profile_again(struct tuner *tuner, const struct wt_profile_point *point)
{
    struct wt_error err;
    log_note("the training has drifted (%+.0f %% time, %+.0f %% energy per step): profiled again",
             100 * (point->time_per_step_s / tuner->chosen.time_per_step_s - 1),
             100 * (point->energy_per_step_j / tuner->chosen.energy_per_step_j - 1));
    tell_savings(tuner);
    tuner->earlier = tuner->result;
    tuner->added = 0;
    tuner->result.profiled = tuner->result.decided = false;
    tuner->profile_from_ns = clock_now_ns();
    if (start_plan(tuner, false, &err))
        tuner_stop(tuner, err.text);
    else
        next_slice(tuner);
}

/* Books a slice of holding. */
static void book_holding(struct tuner *tuner, struct wt_profile_point *point)
{
    if (point->steps == 0)
        return;
    if (!isfinite(point->time_error_s))
        point->time_error_s = 0.01 * point->time_per_step_s; /* too short to see its own scatter */
    profile_merge(point->setting.value == tuner->result.decision.setting.value ? &tuner->holding
                                                                               : &tuner->before,
                  point);
}

/* The slice of holding is long enough: it waits for the counters' edges, and the next begins at the
 * same step. */
static void hold_on(struct tuner *tuner, struct step_mark mark)
{
    slice_interrupt(&tuner->slice);
    tuner->held = tuner->slice;
    slice_start(&tuner->slice, tuner->set_mw);
    slice_step(&tuner->slice, mark);
}

static void book_held(struct tuner *tuner)
{
    struct wt_profile_point point = slice_point(&tuner->held, tuner->watch);
    if (tuner->held.piece_count)
        return;
    slice_start(&tuner->held, tuner->set_mw);
    book_holding(tuner, &point);
    if (point.steps && point.setting.value == tuner->chosen.setting.value &&
        has_drifted(tuner, &point))
        profile_again(tuner, &point);
}

/* Chooses anew from the same profile when eta has changed.  What was held until now waits for the
 * counters' edges. */
static void choose_again(struct tuner *tuner)
{
    struct wt_preference *preference = &tuner->plan.search.preference;
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct wt_decision next;
    char why[TUNER_WHY];
    double eta = tuner->held.piece_count ? preference->eta : eta_now(tuner, why);
    if (eta == preference->eta)
        return;
    preference->eta = eta;
    if (plan_decide(&tuner->plan, &next, NULL))
        return;
    if (next.setting.value == tuner->chosen.setting.value) {
        log_detail("%s: %g W stays", why, next.setting.value / 1000.0);
        tuner->result.decision = next;
        return;
    }
    plan_profile(&tuner->plan, points);
    slice_interrupt(&tuner->slice);
    tuner->held = tuner->slice;
    begin_slice(tuner, next.setting.value, HOLDING);
    if (tuner->phase != HOLDING)
        return;
    log_note("%s: now at %g W instead of %g W: %.4g J and %.4g ms a step", why,
             next.setting.value / 1000.0, tuner->chosen.setting.value / 1000.0,
             points[next.point].energy_per_step_j, points[next.point].time_per_step_s * 1000);
    if (tuner->holding.steps)
        profile_merge(&tuner->before, &tuner->holding);
    tuner->holding = (struct wt_profile_point){0};
    tuner->chosen = points[next.point];
    tuner->result.decision = next;
    tuner->drifting = 0;
}

/* The training has ended while holding: what was measured since the last booking. */
static void end_holding(struct tuner *tuner)
{
    struct slice *last[] = {&tuner->held, &tuner->slice};
    for (unsigned i = 0; i < 2; i++) {
        slice_interrupt(last[i]);
        slice_settle(last[i], tuner->watch);
        struct wt_profile_point point = slice_point(last[i], tuner->watch);
        book_holding(tuner, &point);
    }
}

/* --- One poll --- */

static void on_step(struct tuner *tuner, struct step_mark mark)
{
    switch (tuner->phase) {
    case WAITING:
        tuner->first_step_ns = tuner->profile_from_ns = clock_now_ns();
        next_slice(tuner);
        break;
    case WARMING:
        if (slice_warm(mark.steps - tuner->warm_from.steps,
                       (double)(mark.t_ns - tuner->warm_from.t_ns) / (double)NS_PER_S)) {
            tuner->phase = MEASURING;
            slice_step(&tuner->slice, mark);
        }
        break;
    case MEASURING:
        slice_step(&tuner->slice, mark);
        break;
    case HOLDING:
        if (tuner->slice.open ||
            slice_warm(mark.steps - tuner->warm_from.steps,
                       (double)(mark.t_ns - tuner->warm_from.t_ns) / (double)NS_PER_S))
            slice_step(&tuner->slice, mark);
        if (slice_length_s(&tuner->slice) > HOLDING_SLICE_S && tuner->held.piece_count == 0)
            hold_on(tuner, mark);
        break;
    case CLOSING:
    case OFF:
        break;
    }
}

static void close_slice(struct tuner *tuner)
{
    slice_interrupt(&tuner->slice);
    if (tuner->state_ns - clock_now_ns() <=
        STATE_EVERY_NS) { /* what began since the last question counts too */
        tuner->state_ns = 0;
        check_states(tuner);
        if (tuner->phase == OFF)
            return;
    }
    tuner->closing_ns = clock_now_ns();
    tuner->phase = CLOSING;
}

/* 0: not known.  Until the first slice is done, the steps since its warm-up began tell. */
static double usual_step_s(const struct tuner *tuner)
{
    uint64_t steps = tuner->last.steps - tuner->warm_from.steps;
    if (tuner->usual_step_s > 0 || steps == 0)
        return tuner->usual_step_s;
    return (double)(tuner->last.t_ns - tuner->warm_from.t_ns) / (double)NS_PER_S / (double)steps;
}

void tuner_poll(struct tuner *tuner, const struct wt_progress *progress)
{
    unsigned stale;
    if (tuner->owes && clock_monotonic_ns() >= tuner->restore_ns)
        restore_all(tuner, RESTORE_AGAIN);
    if (tuner->phase != OFF && live_meter_stale(tuner->watch, &stale)) {
        char why[128];
        const struct wt_device *device = live_meter_device(tuner->watch, stale);
        snprintf(why, sizeof why,
                 device->has_energy_counter ? "the energy counter of GPU %u has stopped"
                                            : "the power readings of GPU %u stand still",
                 device->index);
        tuner_stop(tuner, why);
    }
    if (tuner->phase == OFF)
        return;
    int64_t now_ns = clock_now_ns();
    bool epoch_ended = progress->epochs != tuner->epochs,
         stepped = progress->steps > tuner->last.steps;
    int64_t usual_ns = (int64_t)(usual_step_s(tuner) * (double)NS_PER_S);
    int64_t stall_ns = 8 * usual_ns > STALL_LEAST_NS ? 8 * usual_ns : STALL_LEAST_NS;
    bool stalled = usual_ns > 0 && now_ns - tuner->last.t_ns > stall_ns;
    /* Between an epoch's end and the next step lies validation, which belongs to no step: the
     * epoch's last step ends a piece.  Where a step of the next epoch was seen already, the piece
     * ends at the step before and that one begins. */
    bool last_of_epoch = epoch_ended && progress->t_ns <= progress->epoch_t_ns;
    if (stalled || (epoch_ended && !last_of_epoch))
        slice_interrupt(&tuner->slice);
    tuner->epochs = progress->epochs;
    if (stepped) {
        tuner->last = (struct step_mark){progress->t_ns, progress->steps};
        on_step(tuner, tuner->last);
    }
    if (last_of_epoch)
        slice_interrupt(&tuner->slice);
    if (tuner->phase == WARMING || tuner->phase == MEASURING || tuner->phase == HOLDING)
        check_states(tuner);
    if (tuner->phase == HOLDING && tuner->held.piece_count)
        book_held(tuner);
    if (tuner->phase == HOLDING && tuner->options.eta_now)
        choose_again(tuner);
    if (tuner->phase == MEASURING && now_ns - tuner->enough_ns >= ENOUGH_EVERY_NS) {
        tuner->enough_ns = now_ns;
        if (enough(tuner))
            close_slice(tuner);
    }
    if (tuner->phase == CLOSING) {
        slice_point(&tuner->slice, tuner->watch);
        bool known = tuner->slice.piece_count == 0,
             waited = now_ns - tuner->closing_ns > CLOSING_MOST_NS;
        tuner->slice.unknown |= !known && waited;
        if (known || waited)
            end_slice(tuner);
    }
}

/* A second profile that did not get whole: the first holds. */
static void take_earlier(struct tuner *tuner)
{
    struct tuner_result now = tuner->result;
    tuner->result = tuner->earlier;
    tuner->result.owes = now.owes;
    memcpy(tuner->result.why_not, now.why_not, sizeof now.why_not);
    tuner->result.limit_mw =
        tuner->options.profile_only ? tuner->found_mw : tuner->result.decision.setting.value;
}

void tuner_finish(struct tuner *tuner, struct tuner_result *result)
{
    bool has_earlier = !tuner->result.decided && tuner->earlier.decided;
    if (tuner->phase == HOLDING)
        end_holding(tuner);
    else if (tuner->phase != OFF && !has_earlier)
        snprintf(tuner->result.why_not, sizeof tuner->result.why_not, "%s",
                 tuner->added ? "the training ended before all limits were profiled"
                              : "the training ended before the first limit was profiled");
    bool chosen = tuner->result.decided && !tuner->options.profile_only;
    tuner->result.limit_mw = chosen ? tuner->result.decision.setting.value : tuner->found_mw;
    if (tuner->phase != OFF || tuner->owes)
        restore_all(tuner, RESTORE_END);
    if (has_earlier) {
        take_earlier(tuner);
    } else {
        if (!tuner->result.profiled)
            save_profile(tuner);
        tell_savings(tuner);
    }
    tuner->phase = OFF;
    *result = tuner->result;
}
