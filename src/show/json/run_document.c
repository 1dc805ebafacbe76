/* SPDX-License-Identifier: Apache-2.0
 *
 * The document of a run: a job, its recurrences, their tries.  Trials come in any order; a
 * recurrence that was only begun is there with nulls.
 */
#include "show/json/documents.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "show/json/parts.h"
#include "show/text/identity.h"

/* 1, 0, or -1 for null. */
static void put_reached(struct json_doc *doc, int reached)
{
    if (reached < 0)
        json_put_null(doc, "reached");
    else
        json_put_bool(doc, "reached", reached != 0);
}

static void put_counted(struct json_doc *doc, const char *key, uint64_t count)
{
    if (count)
        json_put_count(doc, key, count);
    else
        json_put_null(doc, key);
}

static int higher_limit_first(const void *a, const void *b)
{
    uint32_t left = ((const struct wt_profile_point *)a)->setting.value;
    uint32_t right = ((const struct wt_profile_point *)b)->setting.value;
    return (left < right) - (left > right);
}

static void put_profile(struct json_doc *doc, const struct wt_trial *trial)
{
    struct wt_profile_point points[WT_MAX_LIMITS];
    unsigned count = trial->profile.count < WT_MAX_LIMITS ? trial->profile.count : WT_MAX_LIMITS;
    memcpy(points, trial->profile.points, count * sizeof points[0]);
    qsort(points, count, sizeof points[0], higher_limit_first);
    json_open_array(doc, "profile");
    for (unsigned i = 0; i < count; i++) {
        json_open_object(doc, NULL);
        json_put_watts(doc, "power_limit_w", points[i].setting.value);
        json_put_number(doc, "time_per_step_s", points[i].time_per_step_s);
        json_put_number(doc, "energy_per_step_j", points[i].energy_per_step_j);
        json_put_number(doc, "power_w",
                        points[i].time_per_step_s > 0
                            ? points[i].energy_per_step_j / points[i].time_per_step_s
                            : (double)NAN);
        json_put_count(doc, "steps", points[i].steps);
        json_put_bool(doc, "throttled", points[i].throttled);
        json_close(doc);
    }
    json_close(doc);
}

static void put_savings(struct json_doc *doc, const struct wt_savings *savings)
{
    json_open_object(doc, "savings");
    json_put_watts(doc, "baseline_power_limit_w", savings->baseline.value);
    json_put_number(doc, "energy_fraction", savings->energy_fraction);
    json_put_number(doc, "time_fraction", savings->time_fraction);
    json_put_number(doc, "energy_fraction_error", savings->energy_fraction_error);
    json_put_number(doc, "time_fraction_error", savings->time_fraction_error);
    json_close(doc);
}

static void put_carbon(struct json_doc *doc, const struct wt_carbon *carbon)
{
    json_open_object(doc, "carbon");
    json_put_number(doc, "operational_g", carbon->operational_g);
    json_put_number(doc, "operational_market_g", carbon->market_g);
    json_put_number(doc, "embodied_g", carbon->embodied_g);
    json_put_number(doc, "embodied_useful_g", carbon->embodied_useful_g);
    json_put_known_text(doc, "embodied_source", carbon->embodied_source);
    json_put_number(doc, "lifetime_years",
                    carbon->lifetime_years > 0 ? carbon->lifetime_years : (double)NAN);
    json_put_number(doc, "intensity_g_per_kwh", carbon->intensity_g_per_kwh);
    json_put_known_text(doc, "intensity_source", carbon->intensity_source);
    json_put_known_text(doc, "location", carbon->location);
    json_put_known_text(doc, "pue_source", carbon->pue_source);
    json_put_number(doc, "pue", carbon->pue);
    json_close(doc);
}

static void put_exit_code(struct json_doc *doc, int exit_code)
{
    if (exit_code >= 0)
        json_put_integer(doc, "exit_code", exit_code);
    else
        json_put_null(doc, "exit_code");
}

static void put_try(struct json_doc *doc, const struct wt_trial *t)
{
    json_open_object(doc, NULL);
    if (t->identity.id)
        json_put_integer(doc, "trial", t->identity.id);
    else
        json_put_null(doc, "trial");
    json_put_integer(doc, "try_number", t->identity.try_number);
    json_put_bool(doc, "ended", t->outcome.ended);
    json_put_bool(doc, "ran", !t->outcome.not_started);
    put_counted(doc, "batch_size", t->outcome.batch_size);
    json_put_watts(doc, "power_limit_w", t->outcome.setting.value);
    json_put_wall(doc, "started", t->identity.started_ms);
    json_put_number(doc, "time_s", t->outcome.time_s);
    json_put_number(doc, "energy_j", t->part.energy_j);
    json_put_number(doc, "energy_error_j", t->part.energy_error_j);
    json_put_number(doc, "sensor_error_fraction", t->part.sensor_error_fraction);
    json_put_number(doc, "cpu_energy_j", t->part.cpu_energy_j);
    json_put_number(doc, "dram_energy_j", t->part.dram_energy_j);
    json_put_number(doc, "cost_j", t->outcome.cost_j);
    put_counted(doc, "steps", t->outcome.steps);
    put_counted(doc, "epochs", t->outcome.epochs);
    json_put_number(doc, "metric", t->outcome.metric);
    put_reached(doc, t->outcome.reached);
    if (t->outcome.ended) {
        json_put_bool(doc, "early_stopped", t->outcome.early_stopped);
        put_exit_code(doc, t->outcome.exit_code);
    } else {
        json_put_null(doc, "early_stopped");
        json_put_null(doc, "exit_code");
    }
    json_put_source(doc, "source", t->part.source);
    json_put_known_text(doc, "note", t->outcome.note);
    put_profile(doc, t);
    put_savings(doc, &t->outcome.savings);
    put_carbon(doc, &t->carbon);
    json_close(doc);
}

/* --- Recurrences --- */

/* Did the recurrence reach its target: yes as soon as one try did; unknown while a try has not
 * ended, and when there was no target. */
static int reached(const struct wt_trial *const tries[], size_t count)
{
    int answer = -1;
    bool running = false;
    for (size_t i = 0; i < count; i++) {
        if (tries[i]->outcome.reached > 0)
            return 1;
        if (tries[i]->outcome.reached == 0)
            answer = 0;
        running = running || !tries[i]->outcome.ended;
    }
    return running ? -1 : answer;
}

static void put_recurrence(struct json_doc *doc, const struct wt_trial *const tries[], size_t count)
{
    double energy_j = 0, time_s = 0, cost_j = 0; /* one unknown try makes the sum unknown */
    for (size_t i = 0; i < count; i++) {
        energy_j += tries[i]->part.energy_j;
        time_s += tries[i]->outcome.time_s;
        cost_j += tries[i]->outcome.cost_j;
    }
    json_open_object(doc, NULL);
    json_put_integer(doc, "recurrence", tries[0]->identity.recurrence);
    put_reached(doc, reached(tries, count));
    json_put_number(doc, "energy_j", energy_j);
    json_put_number(doc, "time_s", time_s);
    json_put_number(doc, "cost_j", cost_j);
    json_open_array(doc, "tries");
    for (size_t i = 0; i < count; i++)
        put_try(doc, tries[i]);
    json_close(doc);
    json_close(doc);
}

static int by_recurrence_and_try(const void *a, const void *b)
{
    const struct wt_trial *left = *(const struct wt_trial *const *)a,
                          *right = *(const struct wt_trial *const *)b;
    if (left->identity.recurrence != right->identity.recurrence)
        return left->identity.recurrence < right->identity.recurrence ? -1 : 1;
    return (left->identity.try_number > right->identity.try_number) -
           (left->identity.try_number < right->identity.try_number);
}

/* --- The job --- */

struct gpu {
    unsigned index;
    const char *uuid, *name;
};

static int by_index_and_uuid(const void *a, const void *b)
{
    const struct gpu *left = a, *right = b;
    if (left->index != right->index)
        return left->index < right->index ? -1 : 1;
    return strcmp(left->uuid, right->uuid);
}

/* All GPUs that any of the tries ran on, each once: a GPU is its UUID, or its index where it tells
 * none. */
static void put_gpus(struct json_doc *doc, const struct wt_trial trials[], size_t count)
{
    size_t all = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        all += trials[i].part.gpu_count;
    struct gpu *gpus = calloc(all ? all : 1, sizeof *gpus);
    if (!gpus) {
        json_doc_fail(doc);
        return;
    }
    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < trials[i].part.gpu_count; k++)
            gpus[n++] = (struct gpu){trials[i].part.gpus[k].index, trials[i].part.gpus[k].uuid,
                                     trials[i].part.gpus[k].name};
    if (n)
        qsort(gpus, n, sizeof *gpus, by_index_and_uuid);
    json_open_array(doc, "gpus");
    for (size_t i = 0; i < n; i++) {
        if (i && !by_index_and_uuid(&gpus[i], &gpus[i - 1]))
            continue;
        json_open_object(doc, NULL);
        json_put_integer(doc, "index", gpus[i].index);
        json_put_known_text(doc, "uuid", gpus[i].uuid);
        json_put_known_text(doc, "name", gpus[i].name);
        json_close(doc);
    }
    json_close(doc);
    free(gpus);
}

struct json_doc *json_run_document(const struct wt_trial trials[], size_t count)
{
    const struct wt_trial **order = calloc(count ? count : 1, sizeof *order);
    struct json_doc *doc = order && count ? json_doc_new() : NULL;
    if (!doc) {
        free(order);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        order[i] = &trials[i];
    qsort(order, count, sizeof *order, by_recurrence_and_try);
    const struct wt_trial *last = order[count - 1];
    json_put_integer(doc, "schema_version", JSON_SCHEMA_VERSION);
    json_put_text(doc, "job", last->identity.job);
    json_put_known_text(doc, "phase", last->identity.phase);
    json_put_known_text(doc, "project", last->identity.project);
    put_gpus(doc, trials, count);
    json_open_array(doc, "recurrences");
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1;
             next < count && order[next]->identity.recurrence == order[i]->identity.recurrence;
             next++)
            ;
        put_recurrence(doc, order + i, next - i);
    }
    json_close(doc);
    free(order);
    return doc;
}

/* --- Beliefs --- */

static void put_sizes(struct json_doc *doc, const struct wt_beliefs *beliefs)
{
    json_open_array(doc, "batch_sizes");
    for (unsigned i = 0; i < beliefs->count && i < WT_MAX_BATCH_SIZES; i++) {
        const struct wt_belief *b = &beliefs->sizes[i];
        json_open_object(doc, NULL);
        json_put_integer(doc, "batch_size", b->batch_size);
        json_put_integer(doc, "runs", b->runs);
        json_put_number(doc, "mean_cost_j", b->mean_j);
        json_put_number(doc, "sd_cost_j", b->sd_j);
        json_put_bool(doc, "left", b->left);
        json_close(doc);
    }
    json_close(doc);
}

struct json_doc *json_show_document(const struct wt_trial trials[], size_t count,
                                    const struct wt_beliefs beliefs[], size_t believed)
{
    struct json_doc *doc = json_run_document(trials, count);
    char words[WT_OPTIONS_LEN];
    if (!doc)
        return NULL;
    json_open_array(doc, "beliefs");
    for (size_t i = 0; i < believed; i++) {
        json_open_object(doc, NULL);
        json_put_text(doc, "gpu_model", beliefs[i].gpu_model);
        json_put_integer(doc, "gpu_count", beliefs[i].gpu_count);
        view_identity_words(&beliefs[i].identity, words);
        json_put_text(doc, "options", words);
        json_put_bool(doc, "exploring", beliefs[i].exploring);
        put_counted(doc, "next_batch_size", beliefs[i].next);
        json_put_number(doc, "cost_bound_j", beliefs[i].bound_j);
        json_put_integer(doc, "running", beliefs[i].running);
        json_put_integer(doc, "waiting_runs", beliefs[i].waiting);
        put_sizes(doc, &beliefs[i]);
        json_close(doc);
    }
    json_close(doc);
    return doc;
}
