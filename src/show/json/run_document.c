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
#include "show/text/setting.h"

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
    return setting_higher_first(&((const struct wt_profile_point *)a)->setting,
                                &((const struct wt_profile_point *)b)->setting);
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
        json_put_watts(doc, "power_limit_w", setting_limit_mw(points[i].setting));
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
    json_put_watts(doc, "baseline_power_limit_w", setting_limit_mw(savings->baseline));
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
    json_put_watts(doc, "power_limit_w", setting_limit_mw(t->outcome.setting));
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

/* Opens a recurrence and its tries. */
static void open_recurrence(struct json_doc *doc, const struct wt_recurrence *r)
{
    json_open_object(doc, NULL);
    json_put_integer(doc, "recurrence", r->recurrence);
    put_reached(doc, r->reached);
    json_put_number(doc, "energy_j", r->energy_j);
    json_put_number(doc, "time_s", r->time_s);
    json_put_number(doc, "cost_j", r->cost_j);
    json_open_array(doc, "tries");
}

static void close_recurrence(struct json_doc *doc)
{
    json_close(doc);
    json_close(doc);
}

static void put_recurrence(struct json_doc *doc, const struct wt_trial *const tries[], size_t count)
{
    struct wt_recurrence r = {
        tries[0]->identity.recurrence, (unsigned)count, reached(tries, count), 0, 0, 0};
    for (size_t i = 0; i < count; i++) { /* one unknown try makes the sum unknown */
        r.energy_j += tries[i]->part.energy_j;
        r.time_s += tries[i]->outcome.time_s;
        r.cost_j += tries[i]->outcome.cost_j;
    }
    open_recurrence(doc, &r);
    for (size_t i = 0; i < count; i++)
        put_try(doc, tries[i]);
    close_recurrence(doc);
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

static void put_gpu(struct json_doc *doc, unsigned index, const char *uuid, const char *name)
{
    json_open_object(doc, NULL);
    json_put_integer(doc, "index", index);
    json_put_known_text(doc, "uuid", uuid);
    json_put_known_text(doc, "name", name);
    json_close(doc);
}

static void put_job(struct json_doc *doc, const char *job, const char *phase, const char *project)
{
    json_put_integer(doc, "schema_version", JSON_SCHEMA_VERSION);
    json_put_text(doc, "job", job);
    json_put_known_text(doc, "phase", phase);
    json_put_known_text(doc, "project", project);
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
    for (size_t i = 0; i < n; i++)
        if (!i || by_index_and_uuid(&gpus[i], &gpus[i - 1]))
            put_gpu(doc, gpus[i].index, gpus[i].uuid, gpus[i].name);
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
    put_job(doc, last->identity.job, last->identity.phase, last->identity.project);
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

static void put_beliefs(struct json_doc *doc, const struct wt_beliefs beliefs[], size_t believed)
{
    char words[WT_OPTIONS_LEN];
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
}

/* --- The job, try by try --- */

struct json_show {
    struct json_doc *doc;
    const struct json_show_job *job;
    size_t next; /* recurrence; the one before it is open once next is above 0 */
};

struct json_show *json_show_new(FILE *stream, const struct json_show_job *job)
{
    struct json_show *show = calloc(1, sizeof *show);
    if (!show)
        return NULL;
    *show = (struct json_show){.doc = json_doc_stream(stream), .job = job};
    put_job(show->doc, job->name, job->phase, job->project);
    json_open_array(show->doc, "gpus");
    for (size_t i = 0; i < job->gpu_count; i++)
        put_gpu(show->doc, job->gpus[i].index, job->gpus[i].uuid, job->gpus[i].name);
    json_close(show->doc);
    json_open_array(show->doc, "recurrences");
    return show;
}

struct json_show *json_show_free(struct json_show *show)
{
    if (show)
        json_doc_free(show->doc);
    free(show);
    return NULL;
}

/* Opens the recurrence of the try, unless it is open. */
static int turn_to(struct json_show *show, unsigned recurrence, struct wt_error *err)
{
    const struct json_show_job *job = show->job;
    if (show->next && job->recurrences[show->next - 1].recurrence == recurrence)
        return 0;
    if (show->next == job->recurrence_count ||
        job->recurrences[show->next].recurrence != recurrence)
        return error_set(err, WT_E_INVALID, "recurrence %u has no sums", recurrence);
    if (show->next)
        close_recurrence(show->doc);
    open_recurrence(show->doc, &job->recurrences[show->next++]);
    return 0;
}

int json_show_try(struct json_show *show, const struct wt_trial *trial, struct wt_error *err)
{
    if (!show)
        return json_doc_check(NULL, err);
    int rc = turn_to(show, trial->identity.recurrence, err);
    if (rc)
        return rc;
    put_try(show->doc, trial);
    return json_doc_check(show->doc, err);
}

int json_show_finish(struct json_show *show, const struct wt_beliefs beliefs[], size_t believed,
                     struct wt_error *err)
{
    if (!show)
        return json_doc_check(NULL, err);
    if (show->next)
        close_recurrence(show->doc);
    json_close(show->doc);
    put_beliefs(show->doc, beliefs, believed);
    return json_doc_finish(show->doc, err);
}
