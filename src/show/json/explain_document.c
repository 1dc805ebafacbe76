/* SPDX-License-Identifier: Apache-2.0
 *
 * The document of an explanation.  Powers are sums over the run's GPUs, as energies are; limits are
 * of one GPU.
 */
#include "show/json/documents.h"

#include <math.h>

#include "show/json/parts.h"
#include "show/text/setting.h"

static void put_size(struct json_doc *doc, uint32_t size)
{
    if (size)
        json_put_integer(doc, "batch_size", size);
    else
        json_put_null(doc, "batch_size");
}

static void put_fit(struct json_doc *doc, const struct wt_fit *fit)
{
    static const char *const states[] = {[WT_FIT_DONE] = NULL,
                                         [WT_FIT_FEW] = "too_few_limits",
                                         [WT_FIT_THROTTLED] = "throttled",
                                         [WT_FIT_NOT_REACHED] = "limits_not_reached",
                                         [WT_FIT_IGNORED] = "limits_not_kept"};
    json_open_object(doc, "fit");
    json_put_bool(doc, "describes", fit->describes);
    json_put_text(doc, "why_none", states[fit->state]);
    json_put_integer(doc, "points_used", fit->used);
    json_put_number(doc, "time_residual_rms_fraction", fit->time_rms);
    json_put_number(doc, "time_residual_largest_fraction", fit->time_largest);
    json_put_number(doc, "power_residual_rms_fraction", fit->power_rms);
    json_put_number(doc, "power_residual_largest_fraction", fit->power_largest);
    json_put_number(doc, "residuals_over_errors", fit->against_errors);
    json_put_number(doc, "full_clock_dynamic_power_w", fit->full_dynamic_w.value);
    json_put_number(doc, "full_clock_dynamic_power_error_w", fit->full_dynamic_w.error);
    json_put_number(doc, "least_energy_limit_w", fit->least_limit_w.value);
    json_put_number(doc, "least_energy_limit_error_w", fit->least_limit_w.error);
    json_close(doc);
}

static void put_side(struct json_doc *doc, const char *key, const struct wt_side *side)
{
    json_open_object(doc, key);
    put_size(doc, side->batch_size);
    json_put_watts(doc, "power_limit_w", side->limit_mw);
    json_put_number(doc, "epochs", side->epochs);
    json_put_number(doc, "time_per_step_s", side->time_per_step_s);
    json_put_number(doc, "energy_per_step_j", side->energy_per_step_j);
    json_put_number(doc, "time_s", side->time_s);
    json_put_number(doc, "energy_j", side->energy_j);
}

static void put_estimate(struct json_doc *doc, const char *key, const char *error_key,
                         struct wt_estimate estimate)
{
    json_put_number(doc, key, estimate.value);
    json_put_number(doc, error_key, estimate.error);
}

static void put_contributions(struct json_doc *doc, const struct wt_explanation *e)
{
    static const char *const orders[] = {[WT_ORDER_MEAN] = "mean",
                                         [WT_ORDER_SIZE_FIRST] = "batch_size_first",
                                         [WT_ORDER_LIMIT_FIRST] = "limit_first",
                                         [WT_ORDER_UNKNOWN] = NULL};
    json_open_object(doc, "contributions");
    put_estimate(doc, "energy_fraction", "energy_fraction_error", e->whole);
    put_estimate(doc, "time_fraction", "time_fraction_error", e->whole_time);
    put_estimate(doc, "epochs_fraction", "epochs_fraction_error",
                 (struct wt_estimate){e->epochs.fraction, e->epochs.error});
    put_estimate(doc, "epoch_energy_fraction", "epoch_energy_fraction_error",
                 (struct wt_estimate){e->size.fraction, e->size.error});
    put_estimate(doc, "limit_fraction", "limit_fraction_error",
                 (struct wt_estimate){e->limit.fraction, e->limit.error});
    json_put_number(doc, "epochs_saving_fraction", e->epochs.saving);
    json_put_number(doc, "epoch_energy_saving_fraction", e->size.saving);
    json_put_number(doc, "limit_saving_fraction", e->limit.saving);
    json_put_text(doc, "order", orders[e->order]);
    json_close(doc);
}

static void put_points(struct json_doc *doc, const struct wt_fit *fit)
{
    json_open_array(doc, "points");
    for (unsigned i = 0; i < fit->count && i < WT_MAX_LIMITS; i++) {
        const struct wt_fit_point *p = &fit->points[i];
        const struct wt_profile_point *m = &p->measured;
        bool timed = m->time_per_step_s > 0;
        json_open_object(doc, NULL);
        json_put_watts(doc, "power_limit_w", setting_limit_mw(m->setting));
        json_put_number(doc, "time_per_step_s", m->time_per_step_s);
        json_put_number(doc, "time_error_s", m->time_error_s);
        json_put_number(doc, "energy_per_step_j", m->energy_per_step_j);
        json_put_number(doc, "energy_error_j", m->energy_error_j);
        json_put_number(doc, "power_w",
                        timed ? m->energy_per_step_j / m->time_per_step_s : (double)NAN);
        json_put_number(doc, "static_energy_per_step_j",
                        fit->describes ? fit->static_w.value * m->time_per_step_s : (double)NAN);
        json_put_count(doc, "steps", m->steps);
        json_put_bool(doc, "throttled", m->throttled);
        json_put_bool(doc, "used", p->used);
        json_put_number(doc, "fitted_time_per_step_s", p->time_per_step_s);
        json_put_number(doc, "fitted_energy_per_step_j", p->energy_per_step_j);
        json_put_number(doc, "fitted_power_w", p->energy_per_step_j / p->time_per_step_s);
        json_close(doc);
    }
    json_close(doc);
}

struct json_doc *json_explain_document(const struct wt_explanation *e,
                                       const char *const sentences[], unsigned count)
{
    struct json_doc *doc = json_doc_new();
    json_put_integer(doc, "schema_version", JSON_SCHEMA_VERSION);
    json_put_text(doc, "job", e->job);
    json_put_known_text(doc, "gpu_model", e->gpu_model);
    json_put_integer(doc, "gpu_count", e->gpu_count);
    put_size(doc, e->chosen.batch_size);
    put_estimate(doc, "static_power_w", "static_power_error_w", e->fit.static_w);
    put_estimate(doc, "dynamic_power_w", "dynamic_power_error_w", e->fit.dynamic_w);
    put_estimate(doc, "compute_bound_fraction", "compute_bound_fraction_error", e->fit.compute);
    put_fit(doc, &e->fit);
    json_put_watts(doc, "found_power_limit_w", e->found_limit_mw);
    put_side(doc, "default", &e->standard);
    bool known = e->standard.limit_mw && e->front.limit_mw;
    if (known)
        json_put_bool(doc, "on_front",
                      e->front.limit_mw == e->standard.limit_mw &&
                          e->front.batch_size == e->standard.batch_size);
    else
        json_put_null(doc, "on_front");
    json_close(doc);
    put_side(doc, "front", &e->front);
    json_close(doc);
    put_side(doc, "chosen", &e->chosen);
    json_close(doc);
    put_side(doc, "least_energy", &e->least);
    put_estimate(doc, "fraction_of_chosen", "fraction_of_chosen_error", e->left);
    json_close(doc);
    put_contributions(doc, e);
    put_points(doc, &e->fit);
    json_open_array(doc, "sentences");
    for (unsigned i = 0; i < count; i++)
        json_put_text(doc, NULL, sentences[i]);
    json_close(doc);
    return doc;
}
