/* SPDX-License-Identifier: Apache-2.0
 *
 * Found, set, owed.
 */
#include "tune/live/limits.h"

#include "base/clock.h"

/* A limit that could not be put back is tried again at once, and then this often for as long as the
 * training runs. */
enum { RESTORE_TRIES = 3 };
static const int64_t RESTORE_EVERY_NS = NS_PER_S;
/* The state of a device (enforced limit, throttling) is read this often while a slice is measured.
 */
static const int64_t LOOK_EVERY_NS = 500 * NS_PER_MS;
/* A driver that answers slowly rests for this many times the length of its answer. */
enum { LOOK_SHARE = 20 };

int limits_take(struct limits *limits, struct wt_error *err)
{
    for (unsigned i = 0; i < live_meter_gpu_count(limits->meter); i++) {
        struct wt_setting found;
        int rc = guard_take(limits->guard, live_meter_device(limits->meter, i), WT_KNOB_POWER_LIMIT,
                            &found, err);
        if (rc)
            return rc;
        if (i == 0)
            limits->found_mw = limits->set_mw = found.value;
        if (found.value != limits->found_mw) /* each returns to its own; there is no one baseline */
            limits->found_mw = limits->set_mw = 0;
    }
    return 0;
}

int limits_set(struct limits *limits, uint32_t limit_mw, struct tuner_reason *reason)
{
    const struct wt_setting setting = {WT_KNOB_POWER_LIMIT, limit_mw};
    if (limit_mw == limits->set_mw)
        return 0;
    for (unsigned i = 0; i < live_meter_gpu_count(limits->meter); i++) {
        const struct wt_device *device = live_meter_device(limits->meter, i);
        struct wt_error err;
        if (live_meter_is_over(limits->meter)) /* a driver may take seconds for each GPU: the limit
                                                  goes back soon anyway */
            return WT_E_NO_DATA;
        int rc = guard_set(limits->guard, device, setting, &err);
        if (rc) {
            *reason = (struct tuner_reason){TUNER_NOT_SET, device->index, setting, err};
            return rc;
        }
    }
    limits->set_mw = limit_mw;
    tuner_tell(&limits->listener, &(struct tuner_event){.kind = TUNER_SET, .setting = setting});
    return 0;
}

/* Failing once is no reason to leave a limit for the next start of ours. */
static int restore_one(struct limits *limits, const struct wt_device *device,
                       enum guard_outcome *outcome, struct wt_error *err)
{
    int rc = 0;
    for (unsigned i = 0; i < RESTORE_TRIES; i++)
        if ((rc = guard_restore(limits->guard, device, WT_KNOB_POWER_LIMIT, outcome, err)) == 0)
            break;
    return rc;
}

static void tell_failure(const struct limits *limits, const struct wt_device *device,
                         enum limits_moment moment, bool may_pass, const struct wt_error *err)
{
    struct tuner_event event = {.kind = moment == LIMITS_END ? TUNER_RESTORE_GIVEN_UP
                                                             : TUNER_RESTORE_FAILED,
                                .gpu = device->index,
                                .applied = may_pass,
                                .error = err};
    if (moment != LIMITS_AGAIN)
        tuner_tell(&limits->listener, &event);
}

bool limits_restore(struct limits *limits, enum limits_moment moment)
{
    bool was_owed = limits->owed, may_pass = false;
    limits->owed = false;
    limits->set_mw = 0;
    limits->retry_ns = clock_monotonic_ns() + RESTORE_EVERY_NS;
    for (unsigned i = 0; i < live_meter_gpu_count(limits->meter); i++) {
        const struct wt_device *device = live_meter_device(limits->meter, i);
        struct tuner_event event = {.gpu = device->index, .applied = was_owed};
        enum guard_outcome outcome;
        struct wt_error err;
        if (restore_one(limits, device, &outcome, &err)) {
            bool passes = guard_may_pass(err.code);
            limits->owed = true;
            may_pass |= passes;
            tell_failure(limits, device, moment, passes, &err);
            continue;
        }
        if (outcome == GUARD_NOTHING)
            continue;
        event.kind = outcome == GUARD_RESTORED ? TUNER_RESTORED : TUNER_LEFT_TO_OTHERS;
        tuner_tell(&limits->listener, &event);
    }
    return may_pass;
}

void limits_retry(struct limits *limits)
{
    if (limits->owed && clock_monotonic_ns() >= limits->retry_ns)
        limits_restore(limits, LIMITS_AGAIN);
}

/* Another cap than the one that was set: samples under it say little about the limit. */
static bool is_capped(const struct limits *limits, const struct wt_state *state)
{
    const unsigned other_caps = WT_THROTTLE_HW_SLOWDOWN | WT_THROTTLE_SW_THERMAL |
                                WT_THROTTLE_HW_THERMAL | WT_THROTTLE_HW_POWER_BRAKE;
    return ((state->known & WT_STATE_ENFORCED) && state->enforced_limit_mw < limits->set_mw) ||
           ((state->known & WT_STATE_THROTTLE) && (state->throttle & other_caps));
}

/* One question at a time: the run may end between two, and a slow driver is not asked any further
 * then. */
static int ask_state(const struct limits *limits, unsigned i, struct wt_state *state)
{
    static const unsigned fields[] = {WT_STATE_LIMIT, WT_STATE_ENFORCED, WT_STATE_THROTTLE};
    *state = (struct wt_state){0};
    for (unsigned k = 0; k < sizeof fields / sizeof fields[0]; k++) {
        struct wt_state one;
        int rc = live_meter_state(limits->meter, i, fields[k], &one);
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

int limits_look(struct limits *limits, bool *capped, struct tuner_reason *reason)
{
    int64_t begin_ns = clock_now_ns();
    *capped = false;
    if (begin_ns < limits->look_ns || limits->set_mw == 0)
        return 0;
    for (unsigned i = 0; i < live_meter_gpu_count(limits->meter); i++) {
        unsigned gpu = live_meter_device(limits->meter, i)->index;
        struct wt_state state;
        if (ask_state(limits, i, &state)) {
            *reason = (struct tuner_reason){.why = TUNER_GPU_LOST, .gpu = gpu};
            return WT_E_DEVICE_LOST;
        }
        if ((state.known & WT_STATE_LIMIT) && state.limit_mw != limits->set_mw) {
            *reason = (struct tuner_reason){.why = TUNER_FOREIGN_SETTING,
                                            .gpu = gpu,
                                            .setting = {WT_KNOB_POWER_LIMIT, state.limit_mw}};
            return WT_E_BUSY;
        }
        *capped |= is_capped(limits, &state);
    }
    int64_t now_ns = clock_now_ns(), rest_ns = (now_ns - begin_ns) * LOOK_SHARE;
    /* In real time: under a machine's fast clock a question takes long only seemingly. */
    bool slow = (double)(now_ns - begin_ns) > 0.1 * (double)NS_PER_S * clock_scale();
    limits->look_ns = now_ns + (slow && rest_ns > LOOK_EVERY_NS ? rest_ns : LOOK_EVERY_NS);
    return 0;
}

void limits_look_soon(struct limits *limits)
{
    if (limits->look_ns - clock_now_ns() <= LOOK_EVERY_NS)
        limits->look_ns = 0;
}
