// SPDX-License-Identifier: Apache-2.0
// The engine of a virtual GPU: a list of work items, the rates they give, and the integral of those
// rates. Energy up to now is exact. The sensor latches its values before a segment ends, so
// thinning the past (past.c) changes nothing already shown.
#include "timeline.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "faults.h"
#include "past.h"
#include "physics.h"
#include "sensor.h"

#define NS 1e-9

static const struct vgpu_model *model_of(const struct gpu_state *gpu)
{
    return model_at(gpu->fixed.model);
}

static double relax(double from_k, double power_w, double k_per_w, double over_s,
                    double time_constant_s)
{
    double target_k = power_w * k_per_w;
    return target_k + (from_k - target_k) * exp(-over_s / time_constant_s);
}

// Ends the segment at core->now_ns, so that another with other rates can begin there.
static void close_segment(struct gpu_state *gpu, struct gpu_core *core)
{
    struct segment *segment = &core->segment;
    const struct vgpu_model *model = model_of(gpu);
    double s = past_seconds(segment, core->now_ns);

    sensor_latch(gpu, core); // while E(t) around the last tick is still exact
    bool far =
        core->pushed == 0 ||
        segment->from.t_ns - past_breakpoint(gpu, core->pushed - 1).t_ns >= STATE_COALESCE_NS;
    if (far || core->now_ns - segment->from.t_ns >= STATE_COALESCE_NS)
        past_push(gpu, core, segment->from);
    segment->fast_k =
        relax(segment->fast_k, segment->power_w, model->fast_k_per_w, s, model->fast_s);
    segment->slow_k =
        relax(segment->slow_k, segment->power_w, model->slow_k_per_w, s, model->slow_s);
    segment->capped_s += segment->capped ? s : 0.0;
    segment->from = past_of_segment(segment, core->now_ns);
}

// ---- the rates

static struct segment rates_of(const struct gpu_state *gpu, const struct gpu_core *core)
{
    const struct vgpu_model *model = model_of(gpu);
    double top_ratio = timeline_highest_sm_mhz(gpu, core) / (double)model->sm_max_mhz;
    struct segment rates = {.activity = GPU_IDLE, .power_w = model->idle_w};
    double power_w = 0, clock_ratio = 0, clock_share = 0;
    unsigned busy = 0, host = 0, contexts = 0;

    for (unsigned i = 0; i < STATE_ITEMS; i++) {
        const struct work_item *item = &core->items[i];
        host += item->phase == WORK_HOST;
        if (item->phase != WORK_GPU)
            continue;
        busy++;
        power_w += item->power_w;
        clock_ratio += item->clock_ratio;
        clock_share += item->clock_share;
        rates.capped |= item->capped;
    }
    for (unsigned i = 0; i < STATE_CONTEXTS; i++)
        contexts += core->contexts[i].pid != 0;
    if (busy > 0) { // they take turns: each has the GPU for an equal share of the time
        rates.activity = GPU_BUSY;
        rates.busy_share = 1.0;
        rates.power_w = power_w / busy;
        rates.clock_ratio = clock_ratio / busy;
        rates.clock_share = clock_share / busy;
    } else if (host > 0 || contexts > 0) {
        rates.activity = host > 0 ? GPU_HOST : GPU_CONTEXT;
        rates.power_w = model->host_w;
        rates.clock_ratio = top_ratio;
    }
    return rates;
}

static bool same_rates(const struct segment *a, const struct segment *b)
{
    return a->power_w == b->power_w && a->busy_share == b->busy_share &&
           a->activity == b->activity && a->capped == b->capped &&
           a->clock_ratio == b->clock_ratio && a->clock_share == b->clock_share;
}

// Puts the rates that the items give in force at core->now_ns.
static void apply_rates(struct gpu_state *gpu, struct gpu_core *core)
{
    struct segment rates = rates_of(gpu, core);
    if (same_rates(&rates, &core->segment))
        return;
    close_segment(gpu, core);
    struct segment *segment = &core->segment;
    segment->power_w = rates.power_w;
    segment->busy_share = rates.busy_share;
    segment->activity = rates.activity;
    segment->capped = rates.capped;
    segment->clock_ratio = rates.clock_ratio;
    segment->clock_share = rates.clock_share;
}

uint32_t timeline_enforced_mw(const struct gpu_state *gpu, const struct gpu_core *core)
{
    const struct fault *fault = faults_in_force(gpu, FAULT_ENFORCED_W, core->now_ns);
    uint32_t other_mw =
        fault && fault->value < 4e6 ? (uint32_t)lround(fault->value * 1000.0) : UINT32_MAX;
    return other_mw < core->limit_mw ? other_mw : core->limit_mw;
}

uint32_t timeline_highest_sm_mhz(const struct gpu_state *gpu, const struct gpu_core *core)
{
    uint32_t highest = model_of(gpu)->sm_max_mhz;
    if (core->lock_max_mhz && core->lock_max_mhz < highest)
        highest = core->lock_max_mhz;
    if (core->application_sm_mhz && core->application_sm_mhz < highest)
        highest = core->application_sm_mhz;
    if (faults_in_force(gpu, FAULT_THERMAL, core->now_ns)) {
        uint32_t hot = (uint32_t)(FAULT_THERMAL_RATIO * model_of(gpu)->sm_max_mhz);
        highest = hot < highest ? hot : highest;
    }
    return highest;
}

static void tune(const struct gpu_state *gpu, const struct gpu_core *core, struct work_item *item)
{
    const struct vgpu_model *model = model_of(gpu);
    struct physics_point at = physics_settle(
        model, item->full_clock_w, item->clock_share, timeline_enforced_mw(gpu, core) / 1000.0,
        timeline_highest_sm_mhz(gpu, core) / (double)model->sm_max_mhz);
    item->power_w = at.power_w;
    item->slowdown = at.slowdown;
    item->clock_ratio = at.clock_ratio;
    item->capped = at.capped;
}

void timeline_retune(struct gpu_state *gpu, struct gpu_core *core)
{
    for (unsigned i = 0; i < STATE_ITEMS; i++)
        if (core->items[i].phase != WORK_FREE)
            tune(gpu, core, &core->items[i]);
    apply_rates(gpu, core);
    core->changed = 1;
}

// ---- events

static unsigned count_busy(const struct gpu_core *core)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < STATE_ITEMS; i++)
        busy += core->items[i].phase == WORK_GPU;
    return busy;
}

static int64_t after_s(int64_t t_ns, double seconds)
{
    return seconds < 9e9 ? t_ns + (int64_t)ceil(seconds * 1e9) : INT64_MAX;
}

static int64_t next_work_event_ns(const struct gpu_core *core, unsigned busy)
{
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < STATE_ITEMS; i++) {
        const struct work_item *item = &core->items[i];
        int64_t end_ns = item->phase == WORK_HOST ? after_s(core->now_ns, item->host_left_s)
                         : item->phase == WORK_GPU
                             ? after_s(core->now_ns, item->gpu_left_s * item->slowdown * busy)
                             : INT64_MAX;
        next_ns = end_ns < next_ns ? end_ns : next_ns;
    }
    for (unsigned i = 0; i < STATE_CONTEXTS; i++) {
        const struct context *context = &core->contexts[i];
        if (context->pid != 0 && context->running == 0 &&
            context->last_ns + STATE_CONTEXT_NS < next_ns)
            next_ns = context->last_ns + STATE_CONTEXT_NS;
    }
    return next_ns < core->now_ns ? core->now_ns : next_ns;
}

static void pass_time(struct gpu_core *core, int64_t to_ns, unsigned busy)
{
    double s = (double)(to_ns - core->now_ns) * NS;
    for (unsigned i = 0; i < STATE_ITEMS; i++) {
        struct work_item *item = &core->items[i];
        if (item->phase == WORK_HOST)
            item->host_left_s -= s;
        else if (item->phase == WORK_GPU) {
            item->gpu_left_s -= s / (item->slowdown * busy);
            core->contexts[item->context % STATE_CONTEXTS].busy_s += s / busy;
        }
    }
    core->now_ns = to_ns;
}

static void end_item(struct gpu_core *core, struct work_item *item)
{
    struct context *context = &core->contexts[item->context % STATE_CONTEXTS];
    item->phase = WORK_DONE;
    context->last_ns = core->now_ns;
}

// Moves every item whose phase is over, and forgets contexts that have been quiet long enough.
static void settle(struct gpu_core *core)
{
    for (unsigned i = 0; i < STATE_ITEMS; i++) {
        struct work_item *item = &core->items[i];
        if (item->phase == WORK_HOST && item->host_left_s < NS)
            item->phase = WORK_GPU;
        if (item->phase == WORK_GPU && item->gpu_left_s * item->slowdown < NS)
            end_item(core, item);
    }
    for (unsigned i = 0; i < STATE_CONTEXTS; i++) {
        struct context *context = &core->contexts[i];
        if (context->pid != 0 && context->running == 0 &&
            core->now_ns >= context->last_ns + STATE_CONTEXT_NS)
            memset(context, 0, sizeof *context);
    }
}

// Drops the work under way, with its contexts: a waiting thread finds its piece gone.
static void drop_work(struct gpu_core *core)
{
    memset(core->items, 0, sizeof core->items);
    memset(core->contexts, 0, sizeof core->contexts);
}

// A new start of the driver: all settings are at their defaults. Called with the counter latched up
// to now.
static void forget_settings(const struct gpu_state *gpu, struct gpu_core *core)
{
    core->limit_mw = model_of(gpu)->max_limit_mw;
    core->lock_min_mhz = core->lock_max_mhz = 0;
    core->memory_lock_min_mhz = core->memory_lock_max_mhz = 0;
    core->application_sm_mhz = core->application_memory_mhz = 0;
    core->persistence = core->accounting = core->compute_mode = 0;
}

// Planned faults that begin or end at core->now_ns act on the work under way; all other code asks
// the plan itself.
static void act_faults(struct gpu_state *gpu, struct gpu_core *core)
{
    bool unload = faults_begin_at(gpu, FAULT_UNLOAD, core->now_ns);
    sensor_latch(gpu, core); // values shown until now must not depend on the moments of reading
    if (unload || faults_begin_at(gpu, FAULT_LOST, core->now_ns))
        drop_work(core);
    if (unload)
        forget_settings(gpu, core);
    if (unload || faults_begin_at(gpu, FAULT_ENERGY_RESET, core->now_ns))
        sensor_reset_counter(gpu, core);
    core->faults_ns = core->now_ns + 1;
    timeline_retune(gpu, core);
}

void timeline_advance(struct gpu_state *gpu, struct gpu_core *core, int64_t now_ns)
{
    // Every round ends an item's phase or a context, or a fault acts: the bound only guards against
    // a corrupted mapping.
    for (unsigned round = 0; round < 2 * STATE_ITEMS + STATE_CONTEXTS + 2 * STATE_FAULTS + 8;
         round++) {
        unsigned busy = count_busy(core);
        int64_t work_ns = next_work_event_ns(core, busy),
                fault_ns = faults_next_ns(gpu, core->faults_ns);
        int64_t event_ns = work_ns < fault_ns ? work_ns : fault_ns;
        if (event_ns > now_ns)
            break;
        pass_time(core, event_ns, busy);
        settle(core);
        apply_rates(gpu, core);
        if (fault_ns == event_ns)
            act_faults(gpu, core);
    }
    if (now_ns > core->now_ns)
        pass_time(core, now_ns, count_busy(core));
    sensor_latch(gpu, core);
}

int64_t timeline_predict(const struct gpu_core *core, unsigned slot, uint64_t id)
{
    struct gpu_core rehearsal = *core;
    const struct work_item *item = &rehearsal.items[slot % STATE_ITEMS];
    for (unsigned round = 0; round < 2 * STATE_ITEMS + STATE_CONTEXTS + 8; round++) {
        if (item->id != id || item->phase == WORK_DONE || item->phase == WORK_FREE)
            break;
        unsigned busy = count_busy(&rehearsal);
        int64_t event_ns = next_work_event_ns(&rehearsal, busy);
        if (event_ns == INT64_MAX)
            break;
        pass_time(&rehearsal, event_ns, busy);
        settle(&rehearsal);
    }
    return rehearsal.now_ns;
}

// ---- work

static int find_context(struct gpu_core *core, int32_t pid, uint64_t start_ticks)
{
    int found = -1;
    for (int i = 0; i < STATE_CONTEXTS; i++) {
        const struct context *context = &core->contexts[i];
        if (context->pid == pid && context->start_ticks == start_ticks)
            return i;
        if (context->pid == 0 && found < 0)
            found = i;
    }
    if (found >= 0)
        core->contexts[found] = (struct context){.pid = pid,
                                                 .start_ticks = start_ticks,
                                                 .first_ns = core->now_ns,
                                                 .last_ns = core->now_ns};
    return found;
}

int timeline_add(struct gpu_state *gpu, struct gpu_core *core, int32_t pid, uint64_t start_ticks,
                 double full_clock_s, double full_clock_w, double clock_share, double host_share)
{
    int slot = 0;
    if (faults_in_force(gpu, FAULT_LOST, core->now_ns))
        return -EIO;
    while (slot < STATE_ITEMS && core->items[slot].phase != WORK_FREE)
        slot++;
    int context = slot < STATE_ITEMS ? find_context(core, pid, start_ticks) : -1;
    if (context < 0)
        return -EAGAIN;
    struct work_item *item = &core->items[slot];
    *item = (struct work_item){
        .id = ++core->next_id,
        .phase = WORK_HOST,
        .context = (uint32_t)context,
        .host_left_s = full_clock_s * host_share,
        .gpu_left_s = full_clock_s * (1.0 - host_share),
        .full_clock_w = full_clock_w,
        .clock_share = clock_share,
    };
    core->contexts[context].running++;
    core->contexts[context].last_ns = core->now_ns;
    tune(gpu, core, item);
    settle(core);
    apply_rates(gpu, core);
    core->changed = 1;
    return slot;
}

void timeline_collect(struct gpu_core *core, unsigned slot, uint64_t id)
{
    struct work_item *item = &core->items[slot % STATE_ITEMS];
    struct context *context = &core->contexts[item->context % STATE_CONTEXTS];
    if (item->id != id || item->phase != WORK_DONE)
        return;
    item->phase = WORK_FREE;
    if (context->running > 0)
        context->running--;
}

void timeline_reap(struct gpu_state *gpu, struct gpu_core *core,
                   bool (*alive)(int32_t pid, uint64_t start_ticks))
{
    bool reaped = false;
    for (unsigned c = 0; c < STATE_CONTEXTS; c++) {
        struct context *context = &core->contexts[c];
        if (context->pid == 0 || alive(context->pid, context->start_ticks))
            continue;
        for (unsigned i = 0; i < STATE_ITEMS; i++)
            if (core->items[i].phase != WORK_FREE && core->items[i].context == c)
                core->items[i].phase = WORK_FREE;
        memset(context, 0, sizeof *context);
        reaped = true;
    }
    if (!reaped)
        return;
    apply_rates(gpu, core);
    core->changed = 1;
}

// ---- readings that need no sensor

double timeline_temperature_c(const struct gpu_state *gpu, const struct gpu_core *core)
{
    const struct segment *segment = &core->segment;
    const struct vgpu_model *model = model_of(gpu);
    double s = past_seconds(segment, core->now_ns);
    double c = model->air_c +
               relax(segment->fast_k, segment->power_w, model->fast_k_per_w, s, model->fast_s) +
               relax(segment->slow_k, segment->power_w, model->slow_k_per_w, s, model->slow_s);
    double hot_c = model->slowdown_c ? model->slowdown_c + 1.0 : 90.0;
    return c < hot_c && faults_in_force(gpu, FAULT_THERMAL, core->now_ns) ? hot_c : c;
}

double timeline_capped_s(const struct gpu_core *core)
{
    const struct segment *segment = &core->segment;
    return segment->capped_s + (segment->capped ? past_seconds(segment, core->now_ns) : 0.0);
}

void timeline_begin(struct gpu_state *gpu, struct gpu_core *core, int64_t t_ns)
{
    const struct vgpu_model *model = model_of(gpu);
    const int64_t past_ns = 3000000000LL; // more than any window looks back
    core->now_ns = core->faults_ns = t_ns;
    core->segment = (struct segment){
        .from = {t_ns, 0.0, 0.0},
        .power_w = model->idle_w,
        .activity = GPU_IDLE,
        .fast_k = model->idle_w * model->fast_k_per_w,
        .slow_k = model->idle_w * model->slow_k_per_w,
    };
    core->latch.tick = INT64_MIN;
    past_push(gpu, core,
              (struct breakpoint){t_ns - past_ns, -model->idle_w * (double)past_ns * NS, 0.0});
    sensor_latch(gpu, core);
}
