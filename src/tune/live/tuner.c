/* SPDX-License-Identifier: Apache-2.0
 *
 * The tuner.
 *
 *   WAITING --first step--> WARMING --settled--> MEASURING --enough--> CLOSING --edges passed-->
 *     the next slice: WARMING; the plan is done: HOLDING at the optimum
 *   HOLDING --drift, within a share of the run--> WARMING, the plan anew
 *   HOLDING --another eta, and with it another optimum--> HOLDING there
 *   any --tuner_stop(), or a limit that cannot be set--> OFF, limits restored
 */
#include "tune/live/tuner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tune/decide/cost.h"
#include "tune/decide/slice_length.h"
#include "tune/live/holding.h"
#include "tune/live/limits.h"
#include "tune/live/profiling.h"

/* A gap between steps of eight times the usual step, and of at least this, is something else than
 * steps. */
static const int64_t STALL_LEAST_NS = 300 * NS_PER_MS;
/* The length of a slice is judged this often: over eight GPUs it costs as much as a read. */
static const int64_t ENOUGH_EVERY_NS = 100 * NS_PER_MS;
/* A closed slice waits for the counters' edges at most this long; then its energy counts as
 * unknown. */
static const int64_t CLOSING_MOST_NS = NS_PER_S;
/* Holding is booked in slices of this length, seconds: long enough for 1 % at four reads a second.
 */
static const double HOLDING_SLICE_S = 10;
/* A drift re-opens the profile as long as all profiling together stays within this share of the
 * run. */
static const double PROFILING_SHARE = 0.2;
/* A slice without energy is begun again this often; then the device is not one to tune. */
enum { UNKNOWN_SLICES_MOST = 3 };
static const double UNKNOWN_SLICE_S = 3;

enum phase { OFF, WAITING, WARMING, MEASURING, CLOSING, HOLDING };

struct steps { /* the training's steps, as seen */
    struct step_mark last, warm_from;
    uint64_t epochs;
    double usual_s; /* 0: no slice is done yet */
    int64_t first_ns;
};

struct tuner {
    struct tuner_options options;
    struct live_meter *meter;
    struct tuner_store store;
    enum phase phase;
    struct limits limits;
    struct profiling profiling;
    struct holding holding;
    struct slice slice;
    struct steps steps;
    int64_t enough_ns, closing_ns;
    struct tuner_result result;
    struct tuner_result earlier; /* before a drift: holds until the new profile is whole */
};

static void tell(const struct tuner *tuner, struct tuner_event event)
{
    tuner_tell(&tuner->options.listener, &event);
}

/* --- The end of tuning --- */

static void stop(struct tuner *tuner, struct tuner_reason reason)
{
    if (tuner->phase == OFF)
        return;
    tuner->phase = OFF;
    tuner->result.reason = reason;
    tell(tuner, (struct tuner_event){.kind = TUNER_STOPPED, .reason = &tuner->result.reason});
    limits_restore(&tuner->limits, LIMITS_STOP);
}

static void stop_by_error(struct tuner *tuner, enum tuner_why why, const struct wt_error *err)
{
    stop(tuner, (struct tuner_reason){.why = why, .error = *err});
}

void tuner_stop(struct tuner *tuner, const struct wt_error *reason)
{
    stop_by_error(tuner, TUNER_STOPPED_BY_OWNER, reason);
}

/* --- The beginning --- */

static double eta_now(const struct tuner *tuner, char why[TUNER_WHY])
{
    return tuner->options.eta_now ? tuner->options.eta_now(tuner->options.ctx, why)
                                  : tuner->options.preference.eta;
}

static int start_plan(struct tuner *tuner, bool with_stored, struct wt_error *err)
{
    char why[TUNER_WHY];
    return profiling_start(&tuner->profiling, &tuner->options, eta_now(tuner, why),
                           tuner->limits.found_mw, with_stored, &tuner->result.reused, err);
}

int tuner_new(const struct tuner_options *options, struct live_meter *meter, struct guard *guard,
              const struct tuner_store *store, struct tuner **out, struct wt_error *err)
{
    struct tuner *tuner = calloc(1, sizeof *tuner);
    if (!tuner)
        return error_set(err, WT_E_NO_MEMORY, "make a tuner: out of memory");
    tuner->options = *options;
    tuner->meter = meter;
    tuner->store = *store;
    tuner->limits = (struct limits){.meter = meter, .guard = guard, .listener = options->listener};
    int rc = profiling_init(&tuner->profiling, &tuner->options, meter, err);
    if (rc)
        goto fail;
    rc = limits_take(&tuner->limits, err);
    if (rc)
        goto fail;
    profiling_load(&tuner->profiling, &tuner->options, &tuner->store);
    rc = start_plan(tuner, true, err);
    if (rc)
        goto fail;
    tuner->phase = WAITING;
    *out = tuner;
    return 0;
fail:
    free(tuner);
    return rc;
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
    *point = tuner->holding.now.steps ? tuner->holding.now : tuner->holding.chosen;
    return true;
}

/* --- Slices --- */

static void begin_slice(struct tuner *tuner, uint32_t limit_mw, enum phase phase)
{
    bool changes = limit_mw != tuner->limits.set_mw;
    struct tuner_reason reason = {.why = TUNER_WENT_WELL};
    if (limits_set(&tuner->limits, limit_mw, &reason)) {
        if (reason.why != TUNER_WENT_WELL)
            stop(tuner, reason);
        return;
    }
    slice_start(&tuner->slice, limit_mw);
    tuner->steps.warm_from = tuner->steps.last;
    if (changes)
        tuner->steps.warm_from.t_ns = clock_now_ns();
    tuner->phase = phase;
}

/* The profile is whole: goes to the optimum, or back where it is only to be told. */
static void hold(struct tuner *tuner)
{
    struct profiling *profiling = &tuner->profiling;
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct wt_error err;
    char why[TUNER_WHY];
    profiling_save(profiling, &tuner->options, &tuner->store);
    tuner->result.profiled = true;
    profiling->length_ns += clock_now_ns() - profiling->begun_ns;
    profiling->plan.search.preference.eta = eta_now(tuner, why);
    if (plan_decide(&profiling->plan, &tuner->result.decision, &err)) {
        stop_by_error(tuner, TUNER_SEARCH_FAILED, &err);
        return;
    }
    tuner->result.decided = true;
    unsigned count = plan_profile(&profiling->plan, points);
    const struct wt_profile_point *best = &points[tuner->result.decision.point];
    tell(tuner, (struct tuner_event){.kind = TUNER_PROFILE_DONE,
                                     .count = count,
                                     .point = *best,
                                     .applied = !tuner->options.profile_only,
                                     .reused = tuner->result.reused});
    holding_begin(&tuner->holding, best);
    if (tuner->options.profile_only) {
        tuner->phase = OFF;
        limits_restore(&tuner->limits, LIMITS_STOP);
        return;
    }
    begin_slice(tuner, tuner->result.decision.setting.value, HOLDING);
    if (tuner->phase != HOLDING) /* it could not be set, and saved nothing */
        tuner->result.decided = false;
}

static void next_slice(struct tuner *tuner)
{
    struct plan_slice next;
    if (plan_next(&tuner->profiling.plan, &next))
        begin_slice(tuner, next.limit_mw, WARMING);
    else
        hold(tuner);
}

/* A slice without energy (a counter that was reset) is measured again. */
static void repeat_slice(struct tuner *tuner)
{
    if (++tuner->profiling.unknown == UNKNOWN_SLICES_MOST)
        stop(tuner, (struct tuner_reason){.why = TUNER_ENERGY_UNKNOWN});
    else
        begin_slice(tuner, tuner->slice.limit_mw, WARMING);
}

static void end_slice(struct tuner *tuner)
{
    struct wt_profile_point point = slice_point(&tuner->slice, tuner->meter);
    struct wt_error err;
    int rc = 0;
    if (point.steps == 0) {
        repeat_slice(tuner);
        return;
    }
    tuner->profiling.unknown = 0;
    if (profiling_disagrees(&tuner->profiling, &point)) {
        tell(tuner, (struct tuner_event){.kind = TUNER_STORED_DIFFERS});
        rc = start_plan(tuner, false, &err);
    }
    if (rc == 0)
        rc = plan_add(&tuner->profiling.plan, &point, &err);
    if (rc) {
        stop_by_error(tuner, TUNER_SEARCH_FAILED, &err);
        return;
    }
    tuner->profiling.added++;
    tuner->steps.usual_s = point.time_per_step_s;
    tell(tuner, (struct tuner_event){.kind = TUNER_SLICE_DONE, .point = point});
    next_slice(tuner);
}

static void look_at_limits(struct tuner *tuner)
{
    struct tuner_reason reason;
    bool capped;
    if (limits_look(&tuner->limits, &capped, &reason))
        stop(tuner, reason);
    else
        tuner->slice.throttled |= tuner->phase != WARMING && capped;
}

static bool enough(struct tuner *tuner)
{
    struct wt_profile_point point = slice_point(&tuner->slice, tuner->meter);
    if (point.steps == 0) /* its energy is unknown, and will stay so */
        return slice_length_s(&tuner->slice) > UNKNOWN_SLICE_S;
    double error =
        cost_relative_error(tuner->options.preference.eta, tuner->profiling.max_power_w, &point);
    return slice_long_enough(point.steps, slice_length_s(&tuner->slice), error,
                             slice_most(power_search_most(&tuner->profiling.plan.search)));
}

static void close_slice(struct tuner *tuner)
{
    slice_interrupt(&tuner->slice);
    limits_look_soon(&tuner->limits); /* a cap since the last look counts too */
    look_at_limits(tuner);
    if (tuner->phase == OFF)
        return;
    tuner->closing_ns = clock_now_ns();
    tuner->phase = CLOSING;
}

/* Waits for the counters' edges to pass the slice. */
static void go_on_closing(struct tuner *tuner, int64_t now_ns)
{
    slice_point(&tuner->slice, tuner->meter);
    bool known = tuner->slice.piece_count == 0,
         waited = now_ns - tuner->closing_ns > CLOSING_MOST_NS;
    tuner->slice.unknown |= !known && waited;
    if (known || waited)
        end_slice(tuner);
}

/* --- Holding --- */

/* Fills in the profile and its savings, as known now. */
static void tell_savings(struct tuner *tuner)
{
    struct tuner_result *result = &tuner->result;
    result->point_count = plan_profile(&tuner->profiling.plan, result->points);
    result->savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    if (result->decided)
        holding_savings(&tuner->holding, &tuner->profiling.plan,
                        &result->points[result->decision.point], &result->savings);
}

static void profile_again(struct tuner *tuner, const struct wt_profile_point *point)
{
    struct wt_error err;
    tell(tuner, (struct tuner_event){
                    .kind = TUNER_DRIFTED, .point = *point, .before = tuner->holding.chosen});
    tell_savings(tuner);
    tuner->earlier = tuner->result;
    tuner->profiling.added = 0;
    tuner->result.profiled = tuner->result.decided = false;
    tuner->profiling.begun_ns = clock_now_ns();
    if (start_plan(tuner, false, &err))
        stop_by_error(tuner, TUNER_SEARCH_FAILED, &err);
    else
        next_slice(tuner);
}

/* True as long as one more profile, as long as those so far, stays within its share of the run. */
static bool may_profile_again(const struct tuner *tuner)
{
    int64_t run_ns = clock_now_ns() - tuner->steps.first_ns;
    return (double)tuner->profiling.length_ns * 2 <= (double)run_ns * PROFILING_SHARE;
}

static void book_last(struct tuner *tuner)
{
    struct holding *holding = &tuner->holding;
    struct wt_profile_point point = slice_point(&holding->last, tuner->meter);
    if (holding->last.piece_count)
        return;
    slice_start(&holding->last, tuner->limits.set_mw);
    holding_book(holding, point);
    if (point.steps && point.setting.value == holding->chosen.setting.value &&
        holding_drifts(holding, &point) && may_profile_again(tuner))
        profile_again(tuner, &point);
}

/* Chooses anew from the same profile when eta has changed.  The slice until now has to wait for the
 * counters' edges. */
static void choose_again(struct tuner *tuner)
{
    struct plan *plan = &tuner->profiling.plan;
    struct wt_preference *preference = &plan->search.preference;
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct wt_decision next;
    char why[TUNER_WHY];
    double eta = tuner->holding.last.piece_count ? preference->eta : eta_now(tuner, why);
    if (eta == preference->eta)
        return;
    preference->eta = eta;
    if (plan_decide(plan, &next, NULL))
        return;
    plan_profile(plan, points);
    struct tuner_event event = {.kind = TUNER_ETA_CHANGED,
                                .eta_words = why,
                                .point = points[next.point],
                                .before = tuner->holding.chosen};
    if (next.setting.value == tuner->holding.chosen.setting.value) {
        tell(tuner, event);
        tuner->result.decision = next;
        return;
    }
    slice_interrupt(&tuner->slice);
    tuner->holding.last = tuner->slice;
    begin_slice(tuner, next.setting.value, HOLDING);
    if (tuner->phase != HOLDING)
        return;
    tell(tuner, event);
    holding_change(&tuner->holding, &points[next.point]);
    tuner->result.decision = next;
}

/* --- One poll --- */

static bool is_warm(const struct tuner *tuner, struct step_mark mark)
{
    const struct step_mark *from = &tuner->steps.warm_from;
    return slice_warm(mark.steps - from->steps,
                      (double)(mark.t_ns - from->t_ns) / (double)NS_PER_S);
}

static void on_step(struct tuner *tuner, struct step_mark mark)
{
    switch (tuner->phase) {
    case WAITING:
        tuner->steps.first_ns = tuner->profiling.begun_ns = clock_now_ns();
        next_slice(tuner);
        break;
    case WARMING:
        if (is_warm(tuner, mark)) {
            tuner->phase = MEASURING;
            slice_step(&tuner->slice, mark);
        }
        break;
    case MEASURING:
        slice_step(&tuner->slice, mark);
        break;
    case HOLDING:
        if (tuner->slice.open || is_warm(tuner, mark))
            slice_step(&tuner->slice, mark);
        if (slice_length_s(&tuner->slice) > HOLDING_SLICE_S && tuner->holding.last.piece_count == 0)
            holding_cut(&tuner->holding, &tuner->slice, mark);
        break;
    case CLOSING:
    case OFF:
        break;
    }
}

/* 0: not known.  Until the first slice is done, the steps since its warm-up began tell. */
static double usual_step_s(const struct steps *steps)
{
    uint64_t count = steps->last.steps - steps->warm_from.steps;
    if (steps->usual_s > 0 || count == 0)
        return steps->usual_s;
    return (double)(steps->last.t_ns - steps->warm_from.t_ns) / (double)NS_PER_S / (double)count;
}

static void see_progress(struct tuner *tuner, const struct wt_progress *progress, int64_t now_ns)
{
    struct steps *steps = &tuner->steps;
    bool epoch_ended = progress->epochs != steps->epochs,
         stepped = progress->steps > steps->last.steps;
    int64_t usual_ns = (int64_t)(usual_step_s(steps) * (double)NS_PER_S);
    int64_t stall_ns = 8 * usual_ns > STALL_LEAST_NS ? 8 * usual_ns : STALL_LEAST_NS;
    bool stalled = usual_ns > 0 && now_ns - steps->last.t_ns > stall_ns;
    /* Between an epoch's end and the next step lies validation, which belongs to no step: the
     * epoch's last step ends a piece.  Where a step of the next epoch was seen already, the piece
     * ends at the step before and that one begins. */
    bool last_of_epoch = epoch_ended && progress->t_ns <= progress->epoch_t_ns;
    if (stalled || (epoch_ended && !last_of_epoch))
        slice_interrupt(&tuner->slice);
    steps->epochs = progress->epochs;
    if (stepped) {
        steps->last = (struct step_mark){progress->t_ns, progress->steps};
        on_step(tuner, steps->last);
    }
    if (last_of_epoch)
        slice_interrupt(&tuner->slice);
}

static void stop_if_stale(struct tuner *tuner)
{
    unsigned stale;
    if (tuner->phase == OFF || !live_meter_stale(tuner->meter, &stale))
        return;
    const struct wt_device *device = live_meter_device(tuner->meter, stale);
    stop(tuner, (struct tuner_reason){.why = device->has_energy_counter ? TUNER_COUNTER_STOPPED
                                                                        : TUNER_POWER_STOPPED,
                                      .gpu = device->index});
}

void tuner_poll(struct tuner *tuner, const struct wt_progress *progress)
{
    limits_retry(&tuner->limits);
    stop_if_stale(tuner);
    if (tuner->phase == OFF)
        return;
    int64_t now_ns = clock_now_ns();
    see_progress(tuner, progress, now_ns);
    if (tuner->phase == WARMING || tuner->phase == MEASURING || tuner->phase == HOLDING)
        look_at_limits(tuner);
    if (tuner->phase == HOLDING && tuner->holding.last.piece_count)
        book_last(tuner);
    if (tuner->phase == HOLDING && tuner->options.eta_now)
        choose_again(tuner);
    if (tuner->phase == MEASURING && now_ns - tuner->enough_ns >= ENOUGH_EVERY_NS) {
        tuner->enough_ns = now_ns;
        if (enough(tuner))
            close_slice(tuner);
    }
    if (tuner->phase == CLOSING)
        go_on_closing(tuner, now_ns);
}

/* --- The training's end --- */

/* A second profile that did not get whole: the first holds. */
static void take_earlier(struct tuner *tuner)
{
    struct tuner_result now = tuner->result;
    tuner->result = tuner->earlier;
    tuner->result.owes = now.owes;
    tuner->result.reason = now.reason;
    tuner->result.limit_mw =
        tuner->options.profile_only ? tuner->limits.found_mw : tuner->result.decision.setting.value;
}

void tuner_finish(struct tuner *tuner, struct tuner_result *result)
{
    bool has_earlier = !tuner->result.decided && tuner->earlier.decided;
    if (tuner->phase == HOLDING)
        holding_end(&tuner->holding, &tuner->slice, tuner->meter);
    else if (tuner->phase != OFF && !has_earlier)
        tuner->result.reason = (struct tuner_reason){
            .why = tuner->profiling.added ? TUNER_ENDED_IN_PROFILING : TUNER_ENDED_UNPROFILED};
    bool chosen = tuner->result.decided && !tuner->options.profile_only;
    tuner->result.limit_mw = chosen ? tuner->result.decision.setting.value : tuner->limits.found_mw;
    if (tuner->phase != OFF || tuner->limits.owed)
        tuner->result.owes = limits_restore(&tuner->limits, LIMITS_END);
    if (has_earlier) {
        take_earlier(tuner);
    } else {
        if (!tuner->result.profiled)
            profiling_save(&tuner->profiling, &tuner->options, &tuner->store);
        tell_savings(tuner);
    }
    tuner->phase = OFF;
    *result = tuner->result;
}
