/* SPDX-License-Identifier: Apache-2.0
 *
 * Grid, plan, stored profile.
 */
#include "tune/live/profiling.h"

#include <math.h>
#include <string.h>

#include "tune/decide/cost.h"
#include "tune/decide/power_limits.h"
#include "tune/decide/profile.h"

/* A stored profile whose first common limit is off by more than this now is of another job. */
static const double STORED_TOLERANCE = 0.15;

static int fill_key(struct wt_profile_key *key, const struct wt_device devices[], unsigned count,
                    struct power_range range, struct wt_error *err)
{
    for (unsigned i = 1; i < count; i++)
        if (strcmp(devices[i].name, devices[0].name) != 0)
            return error_set(err, WT_E_NOT_SUPPORTED,
                             "the GPUs are of different models (%s, %s): one limit does not "
                             "fit both",
                             devices[0].name, devices[i].name);
    memcpy(key->gpu_model, devices[0].name, sizeof key->gpu_model);
    key->gpu_count = count;
    key->limit_min_mw = range.min_mw;
    key->limit_max_mw = range.max_mw;
    return 0;
}

int profiling_init(struct profiling *profiling, struct tuner_options *options,
                   const struct live_meter *meter, struct wt_error *err)
{
    struct wt_device devices[WT_MAX_DEVICES];
    struct power_range range;
    unsigned count = live_meter_gpu_count(meter);
    for (unsigned i = 0; i < count; i++) {
        devices[i] = *live_meter_device(meter, i);
        if (!devices[i].has_energy_counter && !devices[i].power_tick_ns)
            return error_set(err, WT_E_NOT_SUPPORTED,
                             "GPU %u (%s) tells neither energy nor power, so the saving of a limit "
                             "cannot be measured",
                             devices[i].index, devices[i].name);
    }
    int rc = power_limits_common(devices, count, &range, err);
    if (rc)
        return rc;
    rc = options->wanted_count ? power_limits_from_list(options->wanted_mw, options->wanted_count,
                                                        range, profiling->limits_mw, err)
                               : power_limits_auto(range, profiling->limits_mw);
    if (rc < 0)
        return rc;
    profiling->limit_count = (unsigned)rc;
    profiling->gpu_count = count;
    profiling->max_power_w = cost_max_power_w(range.max_mw, count);
    return fill_key(&options->key, devices, count, range, err);
}

void profiling_load(struct profiling *profiling, const struct tuner_options *options,
                    const struct tuner_store *store)
{
    struct wt_error err;
    if (!store->load || store->load(store->ctx, &options->key, profiling->stored, WT_MAX_LIMITS,
                                    &profiling->stored_count, &err) == 0)
        return;
    profiling->stored_count = 0;
    tuner_tell(&options->listener, &(struct tuner_event){.kind = TUNER_NOT_LOADED, .error = &err});
}

/* The search is one of power limits: it keeps stored points of other knobs, and does not use them.
 */
static bool is_limit(const struct wt_profile_point *point)
{
    return point->setting.knob == WT_KNOB_POWER_LIMIT;
}

int profiling_start(struct profiling *profiling, const struct tuner_options *options, double eta,
                    uint32_t found_mw, bool with_stored, bool *reused, struct wt_error *err)
{
    struct power_search search;
    struct wt_preference preference = options->preference;
    preference.eta = eta;
    int rc = power_search_init(&search, options->search, profiling->limits_mw,
                               profiling->limit_count, &preference, profiling->max_power_w, err);
    if (rc)
        return rc;
    search.gpu_count = profiling->gpu_count;
    *reused = false;
    if (!with_stored)
        profiling->stored_count = 0;
    for (unsigned i = 0; i < profiling->stored_count; i++) {
        const struct wt_profile_point *point = &profiling->stored[i];
        if (is_limit(point) && power_search_find(&search, point->setting.value) >= 0 &&
            !point->throttled)
            *reused |= power_search_add(&search, point, NULL) == 0;
    }
    plan_init(&profiling->plan, &search, found_mw, options->baseline);
    return 0;
}

/* Slices that heat slowed down say nothing about the job. */
bool profiling_disagrees(struct profiling *profiling, const struct wt_profile_point *point)
{
    for (unsigned i = 0; i < profiling->stored_count && !profiling->compared; i++) {
        const struct wt_profile_point *stored = &profiling->stored[i];
        if (!is_limit(stored) || stored->setting.value != point->setting.value ||
            stored->throttled || point->throttled)
            continue;
        profiling->compared = true;
        return fabs(point->time_per_step_s / stored->time_per_step_s - 1) > STORED_TOLERANCE ||
               fabs(point->energy_per_step_j / stored->energy_per_step_j - 1) > STORED_TOLERANCE;
    }
    return false;
}

void profiling_save(const struct profiling *profiling, const struct tuner_options *options,
                    const struct tuner_store *store)
{
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct wt_error err;
    if (!profiling->added || !store->save)
        return;
    unsigned count = plan_profile(&profiling->plan, points);
    count = profile_unite(points, count, profiling->stored, profiling->stored_count);
    if (store->save(store->ctx, &options->key, points, count, &err))
        tuner_tell(&options->listener,
                   &(struct tuner_event){.kind = TUNER_NOT_SAVED, .error = &err});
}
