/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a fleet: submissions, their times, and the GPUs that they get.  A GPU has one run at
 * a time: a run begins on the node of its model where as many GPUs as it needs are free first.
 */
#include "sim/synthetic_fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hours.h"
#include "sim/synthetic_plan.h"
#include "tune/decide/cost.h"

/* How often people submit by the hour of the day (UTC), and on a day at the weekend against one in
 * the week; training jobs are started by timers, most of them at night.  Assumed; the mean over a
 * day is 1. */
static const double by_day[24] = {0.3, 0.2, 0.2, 0.2, 0.2, 0.3, 0.5, 0.8, 1.3, 1.8, 2.0, 2.0,
                                  1.6, 1.8, 2.0, 2.0, 1.8, 1.4, 1.0, 0.7, 0.6, 0.5, 0.4, 0.4};
static const double by_night[24] = {1.8, 2.0, 2.2, 1.8, 1.4, 1.0, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7,
                                    0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.8, 0.9, 1.1, 1.1};
static const double weekend = 0.35;

/* Of all runs; assumed. */
static const struct {
    enum synthetic_fleet_fate fate;
    double share;
} fates[] = {{SYNTHETIC_FAILED, 0.05}, {SYNTHETIC_INTERRUPTED, 0.03}, {SYNTHETIC_KILLED, 0.01}};
static const double energy_unknown = 0.02;

/* The power of a GPU in use beyond that of its runs: starting up, and all else.  Assumed. */
static const double unattributed = 0.006;

/* How much two runs of the same work differ (standard deviation); assumed. */
static const double time_noise = 0.004, energy_noise = 0.01;

/* GPUs a job takes, where its node has them; assumed. */
static const struct {
    unsigned gpus;
    double share;
} sizes[] = {{1, 0.75}, {2, 0.12}, {4, 0.09}, {8, 0.04}};

/* Runs without GPUs that come to one with; assumed. */
static const double data_runs = 0.15;

enum {
    BUSY_JOBS_MOST =
        /* a submission looks at this many jobs for one that does not run, then makes a new one */
    3,
    NEXT_RUN_MS = 2000, /* until a GPU that is free has its next run */
};

struct node {
    const struct synthetic_fleet_model *model;
    unsigned gpus;
    int64_t free_ms[SYNTHETIC_NODE_GPUS];
    int64_t seen_ms[SYNTHETIC_NODE_GPUS]; /* the moment up to which the GPU's use was told */
};

/* A phase: its jobs, and the time for which one submission reserves its GPUs. */
struct crowd {
    uint32_t *jobs; /* indexes of those that have recurrences left */
    size_t count, capacity;
    double submissions, gpu_hours; /* so far, and a guess at the beginning */
    double used_gpu_hours;
};

struct synthetic_fleet {
    struct synthetic_fleet_options options;
    struct synthetic_fleet_draws draws;
    struct synthetic_fleet_scratch *scratch;
    struct node *nodes;
    unsigned node_count;
    struct synthetic_fleet_job *jobs;
    size_t job_count, job_capacity;
    struct crowd crowds[SYNTHETIC_PHASES];
    struct synthetic_fleet_plan *plans; /* a heap, the one that begins first on top */
    size_t plan_count, plan_capacity;
    uint64_t planned, given;
    int64_t last_ms;        /* the last run that was given began */
    unsigned next_idle;     /* the GPU that synthetic_fleet_next_idle() looks at next */
    int64_t now_ms, end_ms; /* of submissions */
    bool over;
};

/* --- Plans, in the order in which they begin --- */

static bool before(const struct synthetic_fleet_plan *a, const struct synthetic_fleet_plan *b)
{
    return a->start_ms != b->start_ms ? a->start_ms < b->start_ms : a->number < b->number;
}

/* Room for one more behind `count`; false: out of memory. */
static bool grow(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 64;
    void *more = reallocarray(*items, wanted, size);
    if (!more)
        return false;
    *items = more;
    *capacity = wanted;
    return true;
}

static int push(struct synthetic_fleet *fleet, const struct synthetic_fleet_plan *plan,
                struct wt_error *err)
{
    void *items = fleet->plans;
    if (!grow(&items, fleet->plan_count, &fleet->plan_capacity, sizeof *plan))
        return error_set(err, WT_E_NO_MEMORY, "make a fleet: out of memory");
    fleet->plans = items;
    size_t at = fleet->plan_count++;
    for (; at > 0 && before(plan, &fleet->plans[(at - 1) / 2]); at = (at - 1) / 2)
        fleet->plans[at] = fleet->plans[(at - 1) / 2];
    fleet->plans[at] = *plan;
    fleet->planned++;
    return 0;
}

static struct synthetic_fleet_plan pop(struct synthetic_fleet *fleet)
{
    struct synthetic_fleet_plan *plans = fleet->plans, first = plans[0],
                                last = plans[--fleet->plan_count];
    size_t at = 0, below;
    while ((below = 2 * at + 1) < fleet->plan_count) {
        if (below + 1 < fleet->plan_count && before(&plans[below + 1], &plans[below]))
            below++;
        if (!before(&plans[below], &last))
            break;
        plans[at] = plans[below];
        at = below;
    }
    plans[at] = last;
    return first;
}

/* --- GPUs --- */

/* When `count` GPUs of the node are free at once, and which: those that are free longest. */
static int64_t free_on(const struct node *node, unsigned count,
                       unsigned char gpus[SYNTHETIC_NODE_GPUS])
{
    unsigned char order[SYNTHETIC_NODE_GPUS] = {0};
    for (unsigned i = 0; i < node->gpus; i++) {
        unsigned at = i;
        for (; at > 0 && node->free_ms[order[at - 1]] > node->free_ms[i]; at--)
            order[at] = order[at - 1];
        order[at] = (unsigned char)i;
    }
    unsigned n = 0;
    for (unsigned i = 0; i < node->gpus; i++)
        for (unsigned k = 0; k < count; k++)
            if (order[k] == i)
                gpus[n++] = (unsigned char)i;
    return node->free_ms[order[count - 1]];
}

/* The node that can begin first, not before `from_ms`; of equals the first. */
static void place(struct synthetic_fleet *fleet, const struct synthetic_fleet_job *job,
                  int64_t from_ms, struct synthetic_fleet_plan *plan)
{
    unsigned char gpus[SYNTHETIC_NODE_GPUS];
    plan->start_ms = INT64_MAX;
    for (unsigned i = 0; i < fleet->node_count && plan->start_ms > from_ms; i++) {
        const struct node *node = &fleet->nodes[i];
        if (node->model != job->model || node->gpus < job->gpu_count)
            continue;
        int64_t free_ms = free_on(node, job->gpu_count, gpus);
        int64_t start_ms = free_ms > from_ms ? free_ms : from_ms;
        if (start_ms < plan->start_ms) {
            plan->start_ms = start_ms;
            plan->node = i;
            memcpy(plan->gpus, gpus, sizeof plan->gpus);
        }
    }
}

/* Gives the run its GPUs and its time, and its job to the end of it. */
static int submit(struct synthetic_fleet *fleet, uint32_t at, int64_t from_ms,
                  struct synthetic_fleet_plan *plan, struct wt_error *err)
{
    struct synthetic_fleet_job *job = &fleet->jobs[at];
    plan->job = at;
    plan->number = fleet->planned;
    if (job->model && !plan->not_started) {
        place(fleet, job, from_ms, plan);
    } else {
        plan->start_ms = from_ms;
        plan->node = job->number % fleet->node_count;
    }
    int64_t end_ms = plan->start_ms + (int64_t)ceil(plan->time_s * 1e3);
    if (job->model && !plan->not_started)
        for (unsigned i = 0; i < job->gpu_count; i++)
            fleet->nodes[plan->node].free_ms[plan->gpus[i]] = end_ms + NEXT_RUN_MS;
    fleet->crowds[job->phase].used_gpu_hours += plan->time_s / S_PER_HOUR * job->gpu_count;
    job->free_ms = end_ms + NEXT_RUN_MS;
    return push(fleet, plan, err);
}

/* --- The runs --- */

/* How the run ends; one that does not come to its end stops anywhere. */
static void draw_fate(struct synthetic_fleet *fleet, struct synthetic_fleet_plan *plan)
{
    double u = synthetic_fleet_uniform(&fleet->draws, 0, 1),
           part = synthetic_fleet_uniform(&fleet->draws, 0.01, 1);
    plan->fate = SYNTHETIC_DONE;
    for (unsigned i = 0; i < sizeof fates / sizeof fates[0] && plan->fate == SYNTHETIC_DONE; i++) {
        if (u < fates[i].share)
            plan->fate = fates[i].fate;
        u -= fates[i].share;
    }
    plan->energy_known = synthetic_fleet_uniform(&fleet->draws, 0, 1) >= energy_unknown;
    if (plan->fate == SYNTHETIC_DONE)
        return;
    plan->time_s *= part;
    plan->energy_j *= part;
    plan->cost_j *= part;
    plan->epochs = (unsigned)(plan->epochs * part);
    plan->profiles = false;
    plan->early_stopped = false;
    plan->reached = plan->reached < 0 ? -1 : 0;
}

/* The calculated length is the usual one; a trace is taken as it is. */
static void add_noise(struct synthetic_fleet *fleet, const struct synthetic_fleet_job *job,
                      struct synthetic_fleet_plan *plan)
{
    struct synthetic_fleet_draws *draws = &fleet->draws;
    double time_z = random_normal(&draws->random, &draws->normals),
           energy_z = random_normal(&draws->random, &draws->normals);
    if (job->trace || !job->model)
        return;
    plan->time_s *= 1 + time_noise * fmin(fmax(time_z, -3), 3);
    plan->energy_j *= 1 + energy_noise * fmin(fmax(energy_z, -3), 3);
    plan->cost_j = cost_j(fleet->options.sim.eta, cost_max_power_w(job->model->limit_max_mw, 1),
                          plan->energy_j, plan->time_s);
}

/* A run of a job that does not choose its batch size. */
static int submit_plain(struct synthetic_fleet *fleet, uint32_t at, int64_t from_ms,
                        struct wt_error *err)
{
    struct synthetic_fleet_job *job = &fleet->jobs[at];
    struct synthetic_fleet_plan plan = {.recurrence = ++job->recurrence,
                                        .try_number = 1,
                                        .reached = -1,
                                        .energy_j = NAN,
                                        .cost_j = NAN,
                                        .time_s =
                                            synthetic_fleet_length_s(&fleet->draws, job->phase),
                                        .limit_mw = job->model ? job->limit_mw : 0};
    if (job->model) {
        struct synthetic_fleet_step full =
            synthetic_fleet_job_step(job, 0, job->model->limit_max_mw);
        struct synthetic_fleet_step step = synthetic_fleet_job_step(job, 0, plan.limit_mw);
        double steps = fmax(1, round(plan.time_s / full.time_s));
        plan.time_s = steps * step.time_s;
        plan.energy_j = steps * step.energy_j;
        plan.profiles = job->tuned && !job->profiled;
    }
    add_noise(fleet, job, &plan);
    draw_fate(fleet, &plan);
    if (plan.profiles)
        job->profiled = true;
    job->left--;
    return submit(fleet, at, from_ms, &plan, err);
}

/* A recurrence of a job that chooses, try after try.  One that fails by itself, or is ended by
 * somebody, teaches nothing: the next recurrence has the same try. */
static int submit_recurrence(struct synthetic_fleet *fleet, uint32_t at, int64_t from_ms,
                             struct wt_error *err)
{
    unsigned recurrence = ++fleet->jobs[at].recurrence, try_number = 0;
    for (;;) {
        struct synthetic_fleet_job *job = &fleet->jobs[at];
        const struct sim_history *history = &job->history;
        if (job->next_try == history->count) {
            job->left = 0;
            return 0;
        }
        const struct wt_simulated_try *try = &history->tries[job->next_try];
        bool last = job->next_try + 1 == history->count || try[1].recurrence != try->recurrence;
        struct synthetic_fleet_plan plan = {.recurrence = recurrence,
                                            .try_number = ++try_number,
                                            .reached = try->reached,
                                            .early_stopped = try->ran && !try->reached,
                                            .not_started = !try->ran,
                                            .batch_size = try->batch_size,
                                            .limit_mw = try->limit_mw,
                                            .epochs = try->epochs,
                                            .profiles = try->profiled,
                                            .time_s = try->time_s,
                                            .energy_j = try->energy_j,
                                            .cost_j = try->cost_j,
                                            .energy_known = true};
        if (!plan.not_started) {
            add_noise(fleet, job, &plan);
            draw_fate(fleet, &plan);
        }
        bool counts = plan.not_started || plan.fate == SYNTHETIC_DONE;
        int rc = submit(fleet, at, from_ms, &plan, err);
        if (rc || !counts)
            return rc;
        job->next_try++;
        if (last) {
            job->left--;
            return 0;
        }
        from_ms = job->free_ms;
    }
}

/* --- Jobs --- */

static unsigned draw_gpus(struct synthetic_fleet *fleet, unsigned most)
{
    double u = synthetic_fleet_uniform(&fleet->draws, 0, 1);
    unsigned gpus = 1;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        gpus = sizes[i].gpus;
        if (u < sizes[i].share)
            break;
        u -= sizes[i].share;
    }
    return gpus < most ? gpus : most;
}

static int add_job(struct synthetic_fleet *fleet, enum synthetic_fleet_phase phase, uint32_t *at,
                   struct wt_error *err)
{
    struct crowd *crowd = &fleet->crowds[phase];
    void *jobs = fleet->jobs, *active = crowd->jobs;
    if (!grow(&jobs, fleet->job_count, &fleet->job_capacity, sizeof *fleet->jobs))
        return error_set(err, WT_E_NO_MEMORY, "make a fleet: out of memory");
    fleet->jobs = jobs;
    if (!grow(&active, crowd->count, &crowd->capacity, sizeof *crowd->jobs))
        return error_set(err, WT_E_NO_MEMORY, "make a fleet: out of memory");
    crowd->jobs = active;
    struct synthetic_fleet_job *job = &fleet->jobs[fleet->job_count];
    double user = synthetic_fleet_uniform(&fleet->draws, 0, 1); /* few submit much, many a little */
    *job = (struct synthetic_fleet_job){.phase = phase,
                                        .number = (unsigned)fleet->job_count + 1,
                                        .user = (unsigned)(user * user * fleet->options.users),
                                        .free_ms = INT64_MIN};
    if (phase != SYNTHETIC_DATA) {
        const struct node *node =
            &fleet->nodes[random_below(&fleet->draws.random, fleet->node_count)];
        job->model = node->model;
        job->gpu_count = draw_gpus(fleet, node->gpus);
        if (phase == SYNTHETIC_TRAINING && fleet->options.trace)
            job->gpu_count = 1; /* traces are of one GPU */
    }
    int rc = synthetic_fleet_job_draw(job, &fleet->options, &fleet->draws, fleet->scratch, err);
    if (rc) {
        free(job->history.tries);
        return rc;
    }
    *at = (uint32_t)fleet->job_count++;
    crowd->jobs[crowd->count++] = *at;
    return 0;
}

/* One that does not run now, or a new one. */
static int pick_job(struct synthetic_fleet *fleet, enum synthetic_fleet_phase phase, uint32_t *at,
                    struct wt_error *err)
{
    struct crowd *crowd = &fleet->crowds[phase];
    for (unsigned looks = 0; looks < BUSY_JOBS_MOST && crowd->count; looks++) {
        size_t i = random_below(&fleet->draws.random, (uint32_t)crowd->count);
        *at = crowd->jobs[i];
        struct synthetic_fleet_job *job = &fleet->jobs[*at];
        if (job->left == 0) {
            free(job->history.tries);
            job->history = (struct sim_history){0};
            crowd->jobs[i] = crowd->jobs[--crowd->count];
        } else if (job->free_ms <= fleet->now_ms) {
            return 0;
        }
    }
    return add_job(fleet, phase, at, err);
}

static int submit_one(struct synthetic_fleet *fleet, enum synthetic_fleet_phase phase,
                      struct wt_error *err)
{
    struct crowd *crowd = &fleet->crowds[phase];
    uint32_t at = 0;
    int rc = pick_job(fleet, phase, &at, err);
    if (rc)
        return rc;
    double used = crowd->used_gpu_hours;
    rc = fleet->jobs[at].chooses ? submit_recurrence(fleet, at, fleet->now_ms, err)
                                 : submit_plain(fleet, at, fleet->now_ms, err);
    crowd->submissions++;
    crowd->gpu_hours += crowd->used_gpu_hours - used;
    return rc;
}

/* --- When --- */

static double rhythm(enum synthetic_fleet_phase phase, int64_t now_ms)
{
    int64_t hour = hours_of_ms(now_ms), day = hours_day(hour);
    unsigned of_day = (unsigned)(hour - day * HOURS_PER_DAY),
             of_week = (unsigned)(((day + 4) % 7 + 7) % 7); /* 1970-01-01: a Thursday */
    if (phase == SYNTHETIC_INFERENCE)
        return 1;
    if (phase == SYNTHETIC_TRAINING)
        return by_night[of_day];
    double whole_week = (5 + 2 * weekend) / 7;
    return by_day[of_day] * (of_week == 0 || of_week == 6 ? weekend : 1) / whole_week;
}

/* Submissions an hour of each phase, in this hour; returns their sum.  Heavy tails and failures
 * move reserved time away from the shares that the options ask for: a phase that has had less is
 * favoured until it has caught up. */
static double rates(const struct synthetic_fleet *fleet, double per_hour[SYNTHETIC_PHASES])
{
    const struct synthetic_fleet_options *o = &fleet->options;
    double shares = 0, used = 0, sum = 0, wanted = o->load * o->gpus, usual = 0;
    for (unsigned i = 0; i < SYNTHETIC_SHARES; i++) {
        shares += o->shares[i];
        used += fleet->crowds[i].used_gpu_hours;
    }
    for (unsigned i = 0; i < SYNTHETIC_SHARES; i++) {
        const struct crowd *crowd = &fleet->crowds[i];
        double share = o->shares[i] / shares,
               room = wanted * 2; /* two hours' worth: before that nothing can be said */
        double caught_up = (share * used + room) / (crowd->used_gpu_hours + room);
        double base = wanted * share / (crowd->gpu_hours / crowd->submissions);
        usual += base;
        per_hour[i] = base * fmin(fmax(caught_up, 0.5), 2) *
                      rhythm((enum synthetic_fleet_phase)i, fleet->now_ms);
        sum += per_hour[i];
    }
    per_hour[SYNTHETIC_DATA] = usual * data_runs * rhythm(SYNTHETIC_DATA, fleet->now_ms);
    return sum + per_hour[SYNTHETIC_DATA];
}

/* Goes on to the next submission: a Poisson process whose rate changes by the hour. */
static enum synthetic_fleet_phase next_submission(struct synthetic_fleet *fleet)
{
    double per_hour[SYNTHETIC_PHASES], sum = rates(fleet, per_hour),
                                       left = -log1p(-synthetic_fleet_uniform(&fleet->draws, 0, 1));
    for (;;) {
        int64_t into_ms = fleet->now_ms - hours_begin_ms(hours_of_ms(fleet->now_ms));
        double hour_left = 1 - (double)into_ms / (double)MS_PER_HOUR;
        if (left <= sum * hour_left || fleet->now_ms >= fleet->end_ms)
            break;
        left -= sum * hour_left;
        fleet->now_ms += (int64_t)ceil(hour_left * (double)MS_PER_HOUR);
        sum = rates(fleet, per_hour);
    }
    fleet->now_ms += (int64_t)fmax(1, left / sum * (double)MS_PER_HOUR);
    double u = synthetic_fleet_uniform(&fleet->draws, 0, sum);
    unsigned phase = 0;
    while (phase + 1 < SYNTHETIC_PHASES && (u >= per_hour[phase] || per_hour[phase] <= 0))
        u -= per_hour[phase++];
    return (enum synthetic_fleet_phase)phase;
}

/* Tells the GPU's use up to end_ms: idle from where it was left, in use from begin_ms on. */
static void see(struct synthetic_fleet *fleet, unsigned at, unsigned gpu, int64_t begin_ms,
                int64_t end_ms, struct synthetic_fleet_use *use)
{
    struct node *node = &fleet->nodes[at];
    *use = (struct synthetic_fleet_use){.node_number = at,
                                        .node_gpus = node->gpus,
                                        .index = gpu,
                                        .idle_from_ms = node->seen_ms[gpu],
                                        .begin_ms = begin_ms,
                                        .end_ms = end_ms,
                                        .idle_w = node->model->idle_w};
    synthetic_fleet_name_node(at, use->node);
    synthetic_fleet_name_gpu(&fleet->options, at, gpu, use->uuid);
    memcpy(use->name, node->model->name, strlen(node->model->name) + 1);
    node->seen_ms[gpu] = end_ms;
}

static void see_run(struct synthetic_fleet *fleet, const struct synthetic_fleet_plan *plan,
                    struct synthetic_fleet_run *run)
{
    const struct synthetic_fleet_job *job = &fleet->jobs[plan->job];
    if (!job->model || plan->not_started)
        return;
    run->use_count = job->gpu_count;
    for (unsigned i = 0; i < job->gpu_count; i++) {
        see(fleet, plan->node, plan->gpus[i], plan->start_ms,
            plan->start_ms + (int64_t)ceil(plan->time_s * 1e3), &run->uses[i]);
        run->uses[i].used_j = plan->energy_j * (1 + unattributed);
        run->uses[i].busy_s =
            plan->time_s * synthetic_fleet_job_step(job, plan->batch_size, plan->limit_mw).busy;
    }
}

int synthetic_fleet_next_idle(struct synthetic_fleet *fleet, struct synthetic_fleet_use *use)
{
    int64_t end_ms = fleet->options.runs ? fleet->last_ms : fleet->end_ms;
    while (fleet->next_idle < fleet->options.gpus) {
        unsigned node = fleet->next_idle / SYNTHETIC_NODE_GPUS,
                 gpu = fleet->next_idle % SYNTHETIC_NODE_GPUS;
        fleet->next_idle++;
        if (fleet->nodes[node].seen_ms[gpu] < end_ms) {
            see(fleet, node, gpu, end_ms, end_ms, use);
            return 1;
        }
    }
    return 0;
}

int synthetic_fleet_next(struct synthetic_fleet *fleet, struct synthetic_fleet_run *run,
                         struct wt_error *err)
{
    const struct synthetic_fleet_options *options = &fleet->options;
    if (options->runs && fleet->given == options->runs)
        return 0;
    /* Later submissions begin no earlier than now. */
    while (!fleet->over && (!fleet->plan_count || fleet->plans[0].start_ms > fleet->now_ms)) {
        enum synthetic_fleet_phase phase = next_submission(fleet);
        fleet->over =
            fleet->now_ms >= fleet->end_ms || (options->runs && fleet->planned >= options->runs);
        int rc = fleet->over ? 0 : submit_one(fleet, phase, err);
        if (rc)
            return rc;
    }
    if (!fleet->plan_count || fleet->plans[0].start_ms >= fleet->end_ms)
        return 0;
    struct synthetic_fleet_plan plan = pop(fleet);
    fleet->given++;
    fleet->last_ms = plan.start_ms;
    synthetic_fleet_write_out(options, &fleet->jobs[plan.job], &plan, run);
    run->node_number = plan.node;
    run->node_gpus = fleet->nodes[plan.node].gpus;
    see_run(fleet, &plan, run);
    return 1;
}

/* --- Beginning and end --- */

static int check(const struct synthetic_fleet_options *o, struct wt_error *err)
{
    double shares = 0;
    for (unsigned i = 0; i < SYNTHETIC_SHARES; i++)
        shares += o->shares[i] >= 0 ? o->shares[i] : (double)NAN;
    if (o->gpus < 1 || o->gpus > SYNTHETIC_GPUS_MOST || o->users < 1 ||
        o->users > SYNTHETIC_USERS_MOST || o->runs > SYNTHETIC_RUNS_MOST)
        return error_set(err, WT_E_RANGE,
                         "a fleet has 1 to %d GPUs, 1 to %d users and at most %d runs",
                         SYNTHETIC_GPUS_MOST, SYNTHETIC_USERS_MOST, SYNTHETIC_RUNS_MOST);
    if (!o->runs && !(o->days > 0 && o->days <= SYNTHETIC_DAYS_MOST))
        return error_set(err, WT_E_RANGE, "a fleet lives at most %d days", SYNTHETIC_DAYS_MOST);
    if (!(o->load > 0 && o->load <= 1))
        return error_set(err, WT_E_RANGE, "the load of a fleet is above 0 and at most 1");
    if (!(shares > 0 && isfinite(shares)))
        return error_set(err, WT_E_RANGE,
                         "one of the shares of the phases is above 0, and none below");
    if (o->model_count < 1 || o->model_count > SYNTHETIC_MODELS_MOST)
        return error_set(err, WT_E_RANGE, "a fleet has 1 to %d GPU models", SYNTHETIC_MODELS_MOST);
    if (o->trace && o->model_count != 1)
        return error_set(err, WT_E_INVALID, "a trace is of one GPU model: name it alone");
    return 0;
}

/* Mean of a log-normal length, tails apart, on a usual number of GPUs: a guess that counts as
 * twenty submissions. */
static void guess(struct crowd *crowd, const struct synthetic_fleet_phase_row *row)
{
    double gpus = 0;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        gpus += sizes[i].gpus * sizes[i].share;
    crowd->submissions = 20;
    crowd->gpu_hours =
        crowd->submissions * gpus * row->median_s * exp(row->sigma * row->sigma / 2) / S_PER_HOUR;
}

int synthetic_fleet_new(const struct synthetic_fleet_options *options, struct synthetic_fleet **out,
                        struct wt_error *err)
{
    int rc = check(options, err);
    if (rc)
        return rc;
    struct synthetic_fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet)
        return error_set(err, WT_E_NO_MEMORY, "make a fleet: out of memory");
    fleet->options = *options;
    fleet->node_count = (options->gpus + SYNTHETIC_NODE_GPUS - 1) / SYNTHETIC_NODE_GPUS;
    fleet->nodes = calloc(fleet->node_count, sizeof *fleet->nodes);
    fleet->scratch = synthetic_fleet_scratch_new();
    if (!fleet->nodes || !fleet->scratch) {
        synthetic_fleet_free(fleet);
        return error_set(err, WT_E_NO_MEMORY, "make a fleet: out of memory");
    }
    for (unsigned i = 0; i < fleet->node_count; i++) {
        unsigned left = options->gpus - i * SYNTHETIC_NODE_GPUS;
        fleet->nodes[i].model = options->models[i % options->model_count];
        fleet->nodes[i].gpus = left < SYNTHETIC_NODE_GPUS ? left : SYNTHETIC_NODE_GPUS;
        for (unsigned k = 0; k < SYNTHETIC_NODE_GPUS; k++)
            fleet->nodes[i].free_ms[k] = fleet->nodes[i].seen_ms[k] = options->start_ms;
    }
    for (unsigned i = 0; i < SYNTHETIC_PHASES; i++)
        guess(&fleet->crowds[i], &synthetic_fleet_phases[i]);
    random_seed(&fleet->draws.random, options->seed);
    random_normals_init(&fleet->draws.normals);
    fleet->now_ms = options->start_ms;
    fleet->end_ms = options->runs
                        ? INT64_MAX / 2
                        : options->start_ms + (int64_t)(options->days * 24 * (double)MS_PER_HOUR);
    *out = fleet;
    return 0;
}

struct synthetic_fleet *synthetic_fleet_free(struct synthetic_fleet *fleet)
{
    if (!fleet)
        return NULL;
    for (size_t i = 0; i < fleet->job_count; i++)
        free(fleet->jobs[i].history.tries);
    for (unsigned i = 0; i < SYNTHETIC_PHASES; i++)
        free(fleet->crowds[i].jobs);
    free(fleet->jobs);
    free(fleet->plans);
    free(fleet->scratch);
    free(fleet->nodes);
    free(fleet);
    return NULL;
}
