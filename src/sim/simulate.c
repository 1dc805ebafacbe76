/* SPDX-License-Identifier: Apache-2.0
 *
 * Trace-driven simulation: the policies, and one seed after the other.
 */
#include "sim/simulate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune/decide/batch_size.h"
#include "tune/decide/cost.h"
#include "tune/decide/expected.h"

_Static_assert((int)WT_MAX_BATCH_SIZES == (int)BATCH_SIZES_MOST,
               "a trace has as many sizes as can be decided on");

/* One seed on its way. */
struct walk {
    const struct sim *sim;
    struct random draws;     /* of recorded runs; the bandit has its own */
    struct batch_size sizes; /* zeus */
    uint64_t profiled;       /* zeus: the sizes that have a profile */
    uint64_t failed;         /* grid: the sizes that missed the target */
    unsigned next, best;     /* grid: the next of all pairs, the cheapest so far */
    double best_cost_j;
    struct sim_history *history;
    bool out_of_memory;
    unsigned recurrence;             /* from 1 */
    double energy_j, time_s, cost_j; /* of this recurrence */
    unsigned last_size;              /* index that it tried last */
    bool reached;
};

/* A try's choice; limit is an index of the size's points. */
struct choice {
    unsigned size, limit;
    bool profiles;
    unsigned epochs_allowed;
};

/* --- One run --- */

static void keep(struct walk *walk, const struct wt_simulated_try *run)
{
    struct sim_history *history = walk->history;
    if (!history)
        return;
    if (history->count == history->capacity) {
        size_t capacity = history->capacity ? 2 * history->capacity : 256;
        struct wt_simulated_try *tries = realloc(history->tries, capacity * sizeof *tries);
        if (!tries) {
            walk->out_of_memory = true;
            return;
        }
        history->tries = tries;
        history->capacity = capacity;
    }
    history->tries[history->count++] = *run;
}

/* Draws one of the recorded runs, which is replayed as far as is allowed. */
static struct wt_simulated_try run_once(struct walk *walk, const struct choice *choice)
{
    const struct sim *sim = walk->sim;
    const struct sim_size *size = &sim->trace->sizes[choice->size];
    const struct sim_point *point = &size->points[choice->limit];
    const struct sim_cost *cost = &sim->costs[choice->size];
    unsigned target =
        size->run_count ? size->run_epochs[random_below(&walk->draws, size->run_count)] : 0;
    bool reached = target && target <= choice->epochs_allowed;
    unsigned epochs = reached ? target : choice->epochs_allowed;
    bool profiles = choice->profiles && epochs;
    double plain = epochs - profiles;
    struct wt_simulated_try run = {
        .recurrence = walk->recurrence,
        .batch_size = size->batch_size,
        .limit_mw = point->limit_mw,
        .epochs = epochs,
        .energy_j = plain * point->epoch_energy_j + (profiles ? cost->profile_energy_j : 0),
        .time_s = plain * point->epoch_time_s + (profiles ? cost->profile_time_s : 0),
        .reached = reached,
        .profiled = profiles,
        .ran = epochs > 0};
    run.cost_j = cost_j(sim->options.eta, sim->study.max_power_w, run.energy_j, run.time_s);
    walk->energy_j += run.energy_j;
    walk->time_s += run.time_s;
    walk->cost_j += run.cost_j;
    walk->last_size = choice->size;
    walk->reached = reached;
    keep(walk, &run);
    return run;
}

/* --- Policies: each makes one recurrence --- */

static int zeus(struct walk *walk, struct wt_error *err)
{
    const struct sim *sim = walk->sim;
    struct batch_size_claim claim;
    int rc = batch_size_claim(&walk->sizes, &sim->normals, 0, INT64_MAX, &claim, err);
    for (bool more = rc == 0; more; more = rc == 1) {
        const struct sim_cost *cost = &sim->costs[claim.size];
        uint64_t bit = UINT64_C(1) << claim.size;
        struct choice choice = {claim.size, cost->best, !(walk->profiled & bit),
                                batch_size_epochs_allowed(batch_size_bound_j(&walk->sizes),
                                                          cost->epoch_j, sim->options.max_epochs)};
        struct wt_simulated_try run = run_once(walk, &choice);
        if (run.profiled)
            walk->profiled |= bit;
        struct batch_size_result result = {run.ran, run.cost_j, run.reached};
        rc = batch_size_report(&walk->sizes, &sim->normals, claim.id, &result, &claim, err);
    }
    return rc;
}

static int always_default(struct walk *walk, struct wt_error *err)
{
    struct choice choice = {.size = walk->sim->default_index,
                            .epochs_allowed = walk->sim->options.max_epochs};
    if (!run_once(walk, &choice).reached && walk->recurrence == 1)
        return error_set(err, WT_E_NO_DATA, "the default batch size %u did not reach the target",
                         walk->sim->options.default_size);
    return 0;
}

/* Pair number n of sizes, smallest first, and their limits, highest first; false behind the last.
 */
static bool grid_pair(const struct sim_trace *trace, unsigned n, struct choice *choice)
{
    for (unsigned i = 0; i < trace->size_count; n -= trace->sizes[i++].point_count)
        if (n < trace->sizes[i].point_count) {
            choice->size = i;
            choice->limit = n;
            return true;
        }
    return false;
}

static int grid(struct walk *walk, struct wt_error *err)
{
    const struct sim *sim = walk->sim;
    struct choice choice = {.epochs_allowed = sim->options.max_epochs};
    bool more;
    while ((more = grid_pair(sim->trace, walk->next, &choice)) && (walk->failed >> choice.size & 1))
        walk->next++;
    if (!more && isinf(walk->best_cost_j))
        return error_set(err, WT_E_NO_DATA, "no batch size reached the target");
    if (!more)
        grid_pair(sim->trace, walk->best, &choice);
    struct wt_simulated_try run = run_once(walk, &choice);
    if (!more)
        return 0;
    if (!run.reached) {
        walk->failed |= UINT64_C(1) << choice.size;
    } else if (run.cost_j < walk->best_cost_j) {
        walk->best_cost_j = run.cost_j;
        walk->best = walk->next;
    }
    walk->next++;
    return 0;
}

static int oracle(struct walk *walk, struct wt_error *err)
{
    const struct sim *sim = walk->sim;
    const struct wt_point *optimum = &sim->study.optimum;
    struct choice choice = {.epochs_allowed = sim->options.max_epochs};
    if (!optimum->batch_size)
        return error_set(err, WT_E_NO_DATA, "no batch size reached the target in all of its runs");
    while (sim->trace->sizes[choice.size].batch_size != optimum->batch_size)
        choice.size++;
    while (sim->trace->sizes[choice.size].points[choice.limit].limit_mw != optimum->limit_mw)
        choice.limit++;
    run_once(walk, &choice);
    return 0;
}

static const struct {
    const char *name;
    int (*recur)(struct walk *walk, struct wt_error *err);
} policies[] = {{"zeus", zeus}, {"default", always_default}, {"grid", grid}, {"oracle", oracle}};

enum { POLICIES = sizeof policies / sizeof policies[0] };

/* --- By expectation --- */

/* Mean epochs to the target; NaN unless every recorded run reached it. */
static double mean_epochs(const struct sim_size *size)
{
    double sum = 0;
    for (unsigned i = 0; i < size->run_count; i++) {
        if (!size->run_epochs[i])
            return NAN;
        sum += size->run_epochs[i];
    }
    return size->run_count ? sum / size->run_count : (double)NAN;
}

static struct wt_point expected(const struct sim *sim, const struct sim_size *size, unsigned limit)
{
    const struct sim_point *point = &size->points[limit];
    struct wt_point found = {
        .batch_size = size->batch_size, .limit_mw = point->limit_mw, .epochs = mean_epochs(size)};
    found.time_s = found.epochs * point->epoch_time_s;
    found.energy_j = found.epochs * point->epoch_energy_j;
    found.cost_j = cost_j(sim->options.eta, sim->study.max_power_w, found.energy_j, found.time_s);
    return found;
}

static struct wt_left_out left_out(const struct sim_size *size)
{
    struct wt_left_out left = {.batch_size = size->batch_size, .runs = size->run_count};
    for (unsigned i = 0; i < size->run_count; i++)
        left.reached += size->run_epochs[i] > 0;
    left.why = size->run_count ? WT_LEFT_MISSED : WT_LEFT_NO_RUN;
    return left;
}

static void expect(struct sim *sim)
{
    struct wt_study *study = &sim->study;
    for (unsigned i = 0; i < sim->trace->size_count; i++) {
        const struct sim_size *size = &sim->trace->sizes[i];
        bool always = isfinite(mean_epochs(size));
        for (unsigned k = 0; always && k < size->point_count; k++)
            sim->points[sim->point_count++] = expected(sim, size, k);
        if (!always)
            study->left_out[study->left_count++] = left_out(size);
    }
    expected_mark_front(sim->points, sim->point_count);
    const struct wt_point *cheapest = expected_cheapest(sim->points, sim->point_count);
    if (cheapest)
        study->optimum = *cheapest;
}

/* --- The part that no seed changes --- */

/* MAXPOWER of a size's choice of a limit is its own highest limit, that of all costs the power
 * file's (as the artifact). */
static struct sim_cost cost_of(const struct sim *sim, const struct sim_size *size)
{
    struct sim_cost cost = {0};
    double least_j = INFINITY, own_w = cost_max_power_w(size->points[0].limit_mw, 1);
    for (unsigned i = 0; i < size->point_count; i++) {
        const struct sim_point *point = &size->points[i];
        double epoch_j =
            cost_j(sim->options.eta, own_w, point->epoch_energy_j, point->epoch_time_s);
        if (epoch_j < least_j) { /* a tie keeps the higher limit */
            least_j = epoch_j;
            cost.best = i;
        }
        cost.profile_time_s += point->epoch_time_s / size->point_count;
        cost.profile_energy_j += point->epoch_energy_j / size->point_count;
    }
    const struct sim_point *best = &size->points[cost.best];
    cost.epoch_j =
        cost_j(sim->options.eta, sim->study.max_power_w, best->epoch_energy_j, best->epoch_time_s);
    return cost;
}

static int check(const struct sim_options *options, unsigned *policy, struct wt_error *err)
{
    if (!(options->eta >= 0 && options->eta <= 1))
        return error_set(err, WT_E_RANGE, "eta is from 0 to 1");
    if (!(options->beta > 0))
        return error_set(err, WT_E_RANGE, "beta is above 0");
    if (options->window > ARM_WINDOW_MOST || options->recurrences > SIM_RECURRENCES_MOST ||
        options->max_epochs < 1)
        return error_set(err, WT_E_RANGE,
                         "the window, the recurrences or the epochs are out of range");
    for (*policy = 0; *policy < POLICIES; ++*policy)
        if (strcmp(policies[*policy].name, options->policy) == 0)
            return 0;
    return error_set(err, WT_E_INVALID, "there is no policy %.60s", options->policy);
}

static int find_default(struct sim *sim, struct wt_error *err)
{
    const struct sim_trace *trace = sim->trace;
    uint32_t size = sim->options.default_size;
    if (!size)
        return 0;
    for (unsigned i = 0; i < trace->size_count; i++)
        if (trace->sizes[i].batch_size == size) {
            sim->default_index = i;
            sim->study.standard = expected(sim, &trace->sizes[i], 0);
            return 0;
        }
    return error_set(err, WT_E_INVALID,
                     "the default batch size %u is not among the %u of %s, which go from %u to %u",
                     size, trace->size_count, trace->job, trace->sizes[0].batch_size,
                     trace->sizes[trace->size_count - 1].batch_size);
}

/* Twice the time of a search of all pairs, as in the paper. */
static unsigned usual_recurrences(const struct sim_trace *trace)
{
    unsigned sizes = 0;
    for (unsigned i = 0; i < trace->size_count; i++)
        sizes += trace->sizes[i].run_count > 0;
    return 2 * sizes * trace->limit_count;
}

int sim_init(struct sim *sim, const struct sim_trace *trace, const struct sim_options *options,
             struct wt_error *err)
{
    unsigned policy;
    int rc = check(options, &policy, err);
    if (rc)
        return rc;
    memset(sim, 0, sizeof *sim);
    sim->trace = trace;
    sim->options = *options;
    sim->policy = policy;
    struct wt_study *study = &sim->study;
    *study = (struct wt_study){.policy = policies[policy].name,
                               .target = trace->target,
                               .max_epochs = options->max_epochs,
                               .recurrences = options->recurrences ? options->recurrences
                                                                   : usual_recurrences(trace),
                               .eta = options->eta,
                               .beta = options->beta,
                               .max_power_w = cost_max_power_w(trace->limit_most_mw, 1),
                               .size_count = trace->size_count,
                               .limit_count = trace->limit_count};
    memcpy(study->job, trace->job, sizeof study->job);
    memcpy(study->limits_mw, trace->limits_mw, sizeof study->limits_mw);
    for (unsigned i = 0; i < trace->size_count; i++) {
        study->sizes[i] = trace->sizes[i].batch_size;
        sim->costs[i] = cost_of(sim, &trace->sizes[i]);
    }
    random_normals_init(&sim->normals);
    expect(sim);
    return find_default(sim, err);
}

/* --- One seed --- */

static int start(struct walk *walk, uint64_t seed, struct wt_error *err)
{
    const struct sim *sim = walk->sim;
    random_seed(&walk->draws, seed);
    walk->best_cost_j = INFINITY;
    struct batch_size_options options = {.count = sim->study.size_count,
                                         .default_size = sim->options.default_size,
                                         .beta = sim->options.beta,
                                         .thompson = batch_size_usual(),
                                         .seed = seed};
    options.thompson.window = sim->options.window;
    memcpy(options.sizes, sim->study.sizes, sizeof options.sizes);
    return batch_size_init(&walk->sizes, &options, err);
}

unsigned sim_bins(unsigned recurrences)
{
    return recurrences < WT_MAX_BINS ? recurrences : WT_MAX_BINS;
}

int sim_run(const struct sim *sim, uint64_t seed, struct sim_history *history,
            struct wt_choices *choices, struct wt_simulation *result, struct wt_error *err)
{
    struct walk walk = {.sim = sim, .history = history};
    const struct wt_study *study = &sim->study;
    struct wt_simulation sum = {.seed = seed};
    int rc = start(&walk, seed, err);
    unsigned last = study->recurrences < 5 ? study->recurrences : 5,
             bins = sim_bins(study->recurrences);
    for (walk.recurrence = 1; rc == 0 && walk.recurrence <= study->recurrences; walk.recurrence++) {
        walk.energy_j = walk.time_s = walk.cost_j = 0;
        rc = policies[sim->policy].recur(&walk, err);
        sum.energy_j += walk.energy_j;
        sum.time_s += walk.time_s;
        sum.cost_j += walk.cost_j;
        if (walk.recurrence + last > study->recurrences) {
            sum.last5_energy_j += walk.energy_j / last;
            sum.last5_time_s += walk.time_s / last;
        }
        if (choices)
            choices->counts[(uint64_t)(walk.recurrence - 1) * bins / study->recurrences]
                           [walk.last_size]++;
    }
    if (rc == 0 && walk.out_of_memory)
        rc = error_set(err, WT_E_NO_MEMORY, "out of memory");
    if (rc)
        return rc;
    sum.regret_j = study->optimum.batch_size
                       ? sum.cost_j - study->recurrences * study->optimum.cost_j
                       : (double)NAN;
    sum.last5_energy_fraction = sum.last5_energy_j / study->standard.energy_j;
    sum.last5_time_fraction = sum.last5_time_s / study->standard.time_s;
    *result = sum;
    return 0;
}
