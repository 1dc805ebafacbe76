/* SPDX-License-Identifier: Apache-2.0
 *
 * The documents of the outside, schema_version 1: rows in, JSON out.  Keys are never renamed and
 * always there; an unknown value is null, never 0.  Watts, joules and seconds, in contrast to the
 * integers inside.
 *
 * Each gives a document that the caller frees with json_doc_free(); when memory ran out, writing it
 * reports that.
 */
#ifndef WATTUNE_SHOW_JSON_DOCUMENTS_H
#define WATTUNE_SHOW_JSON_DOCUMENTS_H

#include <stddef.h>

#include "flow/check.h"
#include "flow/fleet.h"
#include "flow/study.h"
#include "show/json/json.h"

/* One job and all its recurrences (`run --json=FILE`): at least one trial, all of the same job,
 * in any order.  Steps and epochs of 0 are null: nothing that counted them was seen. */
struct json_doc *json_run_document(const struct wt_trial trials[], size_t count);

/* `show JOB --json`, onto a stream, try by try: the same with the beliefs about the job's batch
 * sizes behind it.  Holds one try as text, however many there are. */
struct json_show_job {
    const char *name, *phase, *project; /* of the last trial; "": unknown */
    const struct wt_trial_gpu *gpus;    /* each once, in order */
    size_t gpu_count;
    const struct wt_recurrence *recurrences; /* of all the tries, in order */
    size_t recurrence_count;
};

/* Borrows stream and job, and begins the document.  NULL when out of memory: the functions below
 * take that too, and tell it.  The caller frees it with json_show_free(). */
struct json_show;
struct json_show *json_show_new(FILE *stream, const struct json_show_job *job);

/* Writes the next try, in order of recurrence and try number.  WT_E_IO, WT_E_NO_MEMORY: the
 * document has failed.  WT_E_INVALID: a recurrence that the job does not have next. */
int json_show_try(struct json_show *show, const struct wt_trial *trial, struct wt_error *err);

/* Ends the document and flushes the stream. */
int json_show_finish(struct json_show *show, const struct wt_beliefs beliefs[], size_t believed,
                     struct wt_error *err);

/* Takes NULL; returns NULL. */
struct json_show *json_show_free(struct json_show *show);

/* `jobs --json`. */
struct json_doc *json_jobs_document(const struct wt_job_row rows[], size_t count);

/* `limit get --json`: power_limit_w and enforced_limit_w from the states, the rest from the
 * devices. */
struct json_doc *json_limits_document(const struct wt_device devices[],
                                      const struct wt_state states[], size_t count);

/* `measure --json`.  sensor_error_fraction: one a device, NaN unknown.  The sum at the top is of
 * the given devices, and its bound the sum of theirs: errors of devices on one clock need not be
 * independent. */
struct json_measure {
    const char *const *command; /* the words of the command, ended by NULL */
    int exit_code;
    double time_s;
    size_t count;
    const struct wt_device *devices;
    const struct wt_measurement *measurements;
    const double *sensor_error_fraction;
};
struct json_doc *json_measure_document(const struct json_measure *measure);

/* `report --json`: keys are the names that rows are grouped by; INT64_MIN and INT64_MAX: no such
 * bound. */
struct json_report {
    int64_t from_ms, to_ms;
    unsigned key_count;
    const char *const *keys;
    const struct wt_report_row *rows;
    size_t count;
    const struct wt_report_row *total;
};
struct json_doc *json_report_document(const struct json_report *report);

/* `config --json`: origin is flag, environment, file or default; where names it (NULL: null).
 * Files: those that were looked for, NULL-terminated. */
struct json_setting {
    const char *name, *value, *origin, *where;
};
struct json_doc *json_config_document(const struct json_setting settings[], size_t count,
                                      const char *const files[]);

/* `carbon --json`: the moment and place that the figures are for (location NULL: not set), and the
 * intensity, which is the first of the figures. */
struct json_doc *json_carbon_document(int64_t wall_ms, const char *location,
                                      const struct wt_figure figures[], size_t count);

/* `carbon --list --json`: the rows of the tables. */
struct json_doc *json_carbon_tables_document(const struct wt_figure intensities[],
                                             size_t intensity_count,
                                             const struct wt_figure embodied[],
                                             size_t embodied_count);

/* `doctor --json`: a check's measured values stand beside its words. */
struct json_doc *json_doctor_document(const struct wt_check checks[], size_t count);

/* `simulate --fleet --json`: the amounts that were booked, and the ledger. */
struct json_doc *json_simulated_fleet_document(const struct wt_simulated_fleet *fleet,
                                               const char *ledger_path);

/* `simulate --json` of one seed: tries in order. */
struct json_doc *json_simulation_document(const struct wt_study *study,
                                          const struct wt_simulation *result,
                                          const struct wt_simulated_try tries[], size_t count);

/* `simulate --json` of many seeds. */
struct json_doc *json_seeds_document(const struct wt_study *study,
                                     const struct wt_simulation results[], size_t count,
                                     const struct wt_simulation *mean,
                                     const struct wt_simulation *sd);

/* `pareto --json`, of a trace or of a job in the ledger. */
struct json_doc *json_pareto_document(const struct wt_study *study, const struct wt_point points[],
                                      size_t count);

/* `explain JOB --json`: with the sentences that the page has. */
struct json_doc *json_explain_document(const struct wt_explanation *explanation,
                                       const char *const sentences[], unsigned count);

/* `fleet --json`. */
struct json_doc *json_fleet_document(const struct wt_fleet *fleet);

/* One line of `monitor --json`: written as JSON_LINE. `utilization` is a fraction. `since`: the
 * energy of each device since the line before (--precise); NULL: not asked for. */
struct json_doc *json_monitor_document(int64_t wall_ms, const struct wt_device devices[],
                                       const struct wt_state states[],
                                       const struct wt_measurement since[], size_t count);

#endif
