/* SPDX-License-Identifier: Apache-2.0
 *
 * The documents of simulations: the study, the expectations of its trace, and the results.
 */
#include "show/json/documents.h"

#include <math.h>

#include "show/json/parts.h"

/* A beta without bound is null: JSON knows no infinity. */
static struct json_doc *new_study(const struct wt_study *study)
{
    struct json_doc *doc = json_doc_new();
    json_put_integer(doc, "schema_version", JSON_SCHEMA_VERSION);
    json_put_text(doc, "job", study->job);
    json_put_number(doc, "target", study->target);
    json_put_number(doc, "eta", study->eta);
    json_put_number(doc, "max_power_w", study->max_power_w);
    return doc;
}

static void put_point_values(struct json_doc *doc, const struct wt_point *point)
{
    if (point->batch_size)
        json_put_integer(doc, "batch_size", point->batch_size);
    else
        json_put_null(doc, "batch_size");
    bool known = point->batch_size > 0;
    json_put_watts(doc, "power_limit_w", point->limit_mw);
    json_put_number(doc, "epochs", known ? point->epochs : (double)NAN);
    json_put_number(doc, "energy_j", known ? point->energy_j : (double)NAN);
    json_put_number(doc, "time_s", known ? point->time_s : (double)NAN);
    json_put_number(doc, "cost_j", known ? point->cost_j : (double)NAN);
}

static void put_point(struct json_doc *doc, const char *key, const struct wt_point *point)
{
    json_open_object(doc, key);
    put_point_values(doc, point);
    json_close(doc);
}

static struct json_doc *new_simulation(const struct wt_study *study)
{
    struct json_doc *doc = new_study(study);
    json_put_text(doc, "policy", study->policy);
    json_put_number(doc, "beta", study->beta);
    json_put_integer(doc, "max_epochs", study->max_epochs);
    json_open_array(doc, "batch_sizes");
    for (unsigned i = 0; i < study->size_count; i++)
        json_put_integer(doc, NULL, study->sizes[i]);
    json_close(doc);
    json_open_array(doc, "power_limits_w");
    for (unsigned i = 0; i < study->limit_count; i++)
        json_put_watts(doc, NULL, study->limits_mw[i]);
    json_close(doc);
    put_point(doc, "optimum", &study->optimum);
    put_point(doc, "default", &study->standard);
    return doc;
}

static void put_totals(struct json_doc *doc, const struct wt_simulation *s)
{
    json_open_object(doc, "totals");
    json_put_number(doc, "energy_j", s->energy_j);
    json_put_number(doc, "time_s", s->time_s);
    json_put_number(doc, "cost_j", s->cost_j);
    json_put_number(doc, "regret_j", s->regret_j);
    json_close(doc);
    json_open_object(doc, "last5");
    json_put_number(doc, "energy_j", s->last5_energy_j);
    json_put_number(doc, "time_s", s->last5_time_s);
    json_put_number(doc, "energy_fraction_of_default", s->last5_energy_fraction);
    json_put_number(doc, "time_fraction_of_default", s->last5_time_fraction);
    json_close(doc);
}

static void put_try(struct json_doc *doc, const struct wt_simulated_try *t)
{
    json_open_object(doc, NULL);
    json_put_integer(doc, "batch_size", t->batch_size);
    json_put_watts(doc, "power_limit_w", t->limit_mw);
    json_put_integer(doc, "epochs", t->epochs);
    json_put_number(doc, "energy_j", t->energy_j);
    json_put_number(doc, "time_s", t->time_s);
    json_put_number(doc, "cost_j", t->cost_j);
    json_put_bool(doc, "reached", t->reached);
    json_put_bool(doc, "profiled", t->profiled);
    json_put_bool(doc, "ran", t->ran);
    json_close(doc);
}

/* One recurrence, which has `count` tries. */
static void put_recurrence(struct json_doc *doc, const struct wt_simulated_try tries[],
                           size_t count)
{
    double energy_j = 0, time_s = 0, cost_j = 0;
    for (size_t i = 0; i < count; i++) {
        energy_j += tries[i].energy_j;
        time_s += tries[i].time_s;
        cost_j += tries[i].cost_j;
    }
    json_open_object(doc, NULL);
    json_put_integer(doc, "recurrence", tries[0].recurrence);
    json_put_bool(doc, "reached", tries[count - 1].reached);
    json_put_number(doc, "cost_j", cost_j);
    json_put_number(doc, "energy_j", energy_j);
    json_put_number(doc, "time_s", time_s);
    json_open_array(doc, "tries");
    for (size_t i = 0; i < count; i++)
        put_try(doc, &tries[i]);
    json_close(doc);
    json_close(doc);
}

struct json_doc *json_simulated_fleet_document(const struct wt_simulated_fleet *fleet,
                                               const char *ledger_path)
{
    struct json_doc *doc = json_doc_new();
    json_put_integer(doc, "schema_version", JSON_SCHEMA_VERSION);
    json_put_text(doc, "ledger", ledger_path);
    json_put_count(doc, "seed", fleet->seed);
    json_put_integer(doc, "gpus", fleet->gpus);
    json_put_integer(doc, "users", fleet->users);
    json_put_count(doc, "runs", fleet->runs);
    json_put_count(doc, "unended", fleet->unended);
    json_put_count(doc, "profiles", fleet->profiles);
    json_put_count(doc, "stretches", fleet->stretches);
    json_put_number(doc, "gpu_hours", fleet->gpu_hours);
    json_put_number(doc, "energy_j", fleet->energy_j);
    json_put_wall(doc, "first_started", fleet->first_ms);
    json_put_wall(doc, "last_started", fleet->last_ms);
    return doc;
}

struct json_doc *json_simulation_document(const struct wt_study *study,
                                          const struct wt_simulation *result,
                                          const struct wt_simulated_try tries[], size_t count)
{
    struct json_doc *doc = new_simulation(study);
    json_put_count(doc, "seed", result->seed);
    json_open_array(doc, "recurrences");
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && tries[end].recurrence == tries[i].recurrence;)
            end++;
        put_recurrence(doc, &tries[i], end - i);
    }
    json_close(doc);
    put_totals(doc, result);
    return doc;
}

struct json_doc *json_seeds_document(const struct wt_study *study,
                                     const struct wt_simulation results[], size_t count,
                                     const struct wt_simulation *mean,
                                     const struct wt_simulation *sd)
{
    struct json_doc *doc = new_simulation(study);
    json_open_array(doc, "seeds");
    for (size_t i = 0; i < count; i++) {
        json_open_object(doc, NULL);
        json_put_count(doc, "seed", results[i].seed);
        put_totals(doc, &results[i]);
        json_close(doc);
    }
    json_close(doc);
    json_open_object(doc, "mean");
    put_totals(doc, mean);
    json_close(doc);
    json_open_object(doc, "sd");
    put_totals(doc, sd);
    json_close(doc);
    return doc;
}

static void put_left_out(struct json_doc *doc, const struct wt_study *study)
{
    static const char *const reasons[] = {[WT_LEFT_MISSED] = "missed_target",
                                          [WT_LEFT_NO_RUN] = "no_run",
                                          [WT_LEFT_NO_PROFILE] = "no_profile",
                                          [WT_LEFT_NO_STEPS] = "no_steps"};
    json_open_array(doc, "left_out");
    for (unsigned i = 0; i < study->left_count; i++) {
        const struct wt_left_out *left = &study->left_out[i];
        json_open_object(doc, NULL);
        json_put_integer(doc, "batch_size", left->batch_size);
        json_put_integer(doc, "runs", left->runs);
        json_put_integer(doc, "reached", left->reached);
        json_put_text(doc, "reason", reasons[left->why]);
        json_close(doc);
    }
    json_close(doc);
}

struct json_doc *json_pareto_document(const struct wt_study *study, const struct wt_point points[],
                                      size_t count)
{
    struct json_doc *doc = new_study(study);
    json_put_known_text(doc, "target_words", study->target_words);
    json_put_known_text(doc, "gpu_model", study->gpu_model);
    if (study->gpu_count)
        json_put_integer(doc, "gpu_count", study->gpu_count);
    else
        json_put_null(doc, "gpu_count");
    put_point(doc, "default", &study->standard);
    put_point(doc, "optimum", &study->optimum);
    put_left_out(doc, study);
    json_open_array(doc, "points");
    for (size_t i = 0; i < count; i++) {
        json_open_object(doc, NULL);
        put_point_values(doc, &points[i]);
        json_put_bool(doc, "on_front", points[i].on_front);
        json_close(doc);
    }
    json_close(doc);
    return doc;
}
