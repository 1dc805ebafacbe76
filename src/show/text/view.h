/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for people: tables, sentences, CSV.  Takes rows from src/flow/ and appends to a buffer; must
 * not know where rows came from.  HTML and SVG are in page/, JSON is in json/.
 *
 * Unknown is printed as "unknown" in text and as nothing in CSV, never as 0.  Names that others
 * chose cannot move the cursor or turn the text around: control and direction characters are shown
 * escaped.  Colour only when asked.
 */
#ifndef WATTUNE_SHOW_TEXT_VIEW_H
#define WATTUNE_SHOW_TEXT_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "flow/check.h"
#include "flow/fleet.h"
#include "flow/study.h"

/* `wattune jobs`. */
void view_jobs(struct buffer *out, const struct wt_job_row rows[], size_t count, bool colour);

/* `wattune show JOB`: a table of tries, put one by one in order, then profile and savings of the
 * last try that has a profile.  NULL when out of memory; the caller frees it with view_show_free(),
 * which takes NULL and returns NULL. */
struct view_show;
struct view_show *view_show_new(bool colour);
struct view_show *view_show_free(struct view_show *show);
void view_show_try(struct view_show *show, const struct wt_trial *trial);

/* Appends the page, and empties the table.  A line above the table counts the recurrences that were
 * not put. */
struct view_show_job {
    const struct wt_trial *last, *profiled; /* NULL: the job has no try, or none with a profile */
    size_t recurrence_count;                /* of the job */
};
void view_show_print(struct view_show *show, struct buffer *out, const struct view_show_job *job);

/* The summary at the end of a run: its measurements, the profile, the savings, or why nothing
 * was tuned. */
void view_run_summary(struct buffer *out, const struct wt_trial *trial, bool colour);

/* One or two sentences on the savings, with their error; honest when they are nothing or not
 * known. */
void view_savings(struct buffer *out, const struct wt_trial *trial, bool colour);

/* True for a profile that tuning left before a choice: the setting of the trial is then the last
 * one in force. */
bool view_is_unfinished(const struct wt_trial *trial);

/* True when the GPUs drew more at that limit than the limit allows, beyond the errors of sensors
 * and measurement. */
bool view_is_above_limit(const struct wt_profile_point *point, unsigned gpu_count);

/* A sentence for each limit of the profile at which they did; nothing where there is none. */
void view_above_limits(struct buffer *out, const struct wt_trial *trial);

/* `wattune limit get`. */
void view_limits(struct buffer *out, const struct wt_device devices[],
                 const struct wt_state states[], size_t count, bool colour);

/* `wattune measure`: sensor_error_fraction one a device, NaN unknown. */
void view_measure(struct buffer *out, double time_s, const struct wt_device devices[],
                  const struct wt_measurement measurements[], const double sensor_error_fraction[],
                  size_t count, bool colour);

/* `wattune report`: keys are the names that the rows are grouped by, in their order. */
extern const char
    *const view_report_keys[WT_REPORT_KEYS]; /* "job", "phase", ... by enum wt_report_key */
void view_report(struct buffer *out, const enum wt_report_key keys[], unsigned key_count,
                 const struct wt_report_row rows[], size_t count, const struct wt_report_row *total,
                 bool colour);

/* `wattune report --format csv`: the names of the JSON, one row a group, and no total. */
void view_report_csv(struct buffer *out, const enum wt_report_key keys[], unsigned key_count,
                     const struct wt_report_row rows[], size_t count);

/* A report with its basis, for a page or an export.  Rows in the ledger's order: days first. */
struct view_report_page {
    const enum wt_report_key *keys;
    unsigned key_count;
    const struct wt_report_row *rows;
    size_t count;
    const struct wt_report_row *total;
    const struct wt_report_basis *basis;
    size_t basis_count;
    int64_t from_ms, to_ms; /* as asked for; INT64_MIN and INT64_MAX: no such bound */
    int64_t made_ms;        /* wall clock */
};
/* `wattune config`: each setting with where it came from; a value of NULL is not set. */
struct view_setting {
    const char *name, *value, *where;
};
void view_config(struct buffer *out, const struct view_setting settings[], size_t count,
                 bool colour);

/* `wattune carbon`: each figure with its source, and a line for each remark. */
void view_figures(struct buffer *out, const struct wt_figure figures[], size_t count, bool colour);

/* `wattune carbon --list`: the rows of a table of intensities, then of one of embodied carbon. */
void view_carbon_tables(struct buffer *out, const struct wt_figure intensities[],
                        size_t intensity_count, const struct wt_figure embodied[],
                        size_t embodied_count, bool colour);

/* `wattune doctor`: a line a check, and under it the advice. */
void view_doctor(struct buffer *out, const struct wt_check checks[], size_t count, bool colour);

/* `wattune monitor`: one line a device, of fixed columns under the heading. `since` and
 * `precise`: the energy of each since the line before is shown too; NULL and false: it is not.
 * Energy without a source is unknown. */
void view_monitor_heading(struct buffer *out, bool precise, bool colour);
void view_monitor_lines(struct buffer *out, int64_t wall_ms, const struct wt_device devices[],
                        const struct wt_state states[], const struct wt_measurement since[],
                        size_t count);

/* `wattune monitor --csv`: the JSON's names as columns, one row a device (RFC 4180 quoting, lines
 * end in "\n"). throttle: reasons joined by '+', "none" when it is known that there is none.  A
 * uuid or name that a spreadsheet would take for a formula (it begins with = + - @, a tab or a
 * carriage return) gets an apostrophe in front; numbers are never changed. */
void view_monitor_csv_heading(struct buffer *out, bool precise);
void view_monitor_csv(struct buffer *out, int64_t wall_ms, const struct wt_device devices[],
                      const struct wt_state states[], const struct wt_measurement since[],
                      size_t count);

/* `wattune monitor --record`: the same with t_ns, the reading's moment on the machine's clock,
 * behind it; a device that told nothing has no row.  measure/sense/replay.c reads it. */
void view_record_heading(struct buffer *out);
void view_record(struct buffer *out, int64_t wall_ms, const struct wt_device devices[],
                 const struct wt_state states[], size_t count);

/* `wattune simulate --fleet`: the amounts that were booked, and the commands that show them. */
void view_simulated_fleet(struct buffer *out, const struct wt_simulated_fleet *fleet,
                          const char *ledger_path);

/* `wattune simulate`: the tries of one seed, then how the end compares with the trace's default and
 * optimum. */
void view_simulation(struct buffer *out, const struct wt_study *study,
                     const struct wt_simulation *result, const struct wt_simulated_try tries[],
                     size_t count, bool colour);

/* The same over `count` seeds from the first on. */
void view_seeds(struct buffer *out, const struct wt_study *study, const struct wt_simulation *mean,
                const struct wt_simulation *sd, uint64_t first, size_t count, bool colour);

/* `wattune pareto`: the points on the front, fastest first, then the others, then the batch
 * sizes left out and why. */
void view_pareto(struct buffer *out, const struct wt_study *study, const struct wt_point points[],
                 size_t count, bool colour);

/* The recurrences of a job, a line each, with their energy as a bar: tries in order. */
void view_recurrences(struct buffer *out, const struct wt_trial tries[], size_t count, bool colour);

/* The results of each batch size beside those of the default size; sizes in rising order.  Nothing
 * for no size. */
void view_learned(struct buffer *out, const struct wt_learned sizes[], unsigned count,
                  uint32_t default_size, bool colour);

/* The belief about each batch size, and the size that would run next. */
void view_beliefs(struct buffer *out, const struct wt_beliefs *beliefs, bool colour);

/* `wattune explain`: one of the three sentences - why the least energy is where it is, how far
 * the default is from the front, the saving of the choice and of each knob.  No line end. */
enum { VIEW_EXPLAIN_SENTENCES = 3 };
void view_explain_sentence(struct buffer *out, const struct wt_explanation *explanation,
                           unsigned which);

/* The sentences, the picture in characters, and how sure all that is. */
void view_explain(struct buffer *out, const struct wt_explanation *explanation, bool colour);

/* `wattune fleet`: the fleet view, the task view, the size of the problem and the worth of the
 * solution; at most `tasks` jobs. */
void view_fleet(struct buffer *out, const struct wt_fleet *fleet, unsigned tasks, bool colour);

/* `wattune top`: a screen of at most `rows` lines of at most `columns` characters.  The first line
 * and the heading above the devices are for the caller to make stand out: *heading is the heading's
 * line. */
enum { VIEW_TOP_HISTORY = 240 };

struct view_top_device {
    struct wt_device device;
    struct wt_state state;
    const char *why;        /* it does not answer; NULL: it does */
    double energy_j;        /* since the start; NaN: unknown */
    bool estimated;         /* energy_j is summed power, not a counter's */
    unsigned history_count; /* of the power readings, the newest last */
    float history_w[VIEW_TOP_HISTORY];
};

struct view_top {
    unsigned rows, columns;
    bool unicode, paused;
    double interval_s, since_s;
    const struct view_top_device *devices;
    unsigned count;
};

void view_top(struct buffer *out, const struct view_top *top, unsigned *heading);

#endif
