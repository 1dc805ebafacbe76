/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs, one job's tries, and the summary at the end of a run.
 */
#include "show/text/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "show/text/setting.h"
#include "show/text/table.h"

#define HEADINGS(...) ((const char *const[]){__VA_ARGS__})

/* "-18.0 %": the change of energy per step against the baseline. */
static void put_change(struct table *table, double fraction, double error)
{
    char bound[UNIT_SIZE];
    if (!isfinite(fraction))
        table_put(table, "unknown");
    else if (isfinite(error))
        table_put(table, "%+.1f %% +- %s", 100 * (fraction - 1), unit_percent(bound, error));
    else
        table_put(table, "%+.1f %%", 100 * (fraction - 1));
}

/* "18.0 %": the energy per step that is saved against the baseline; below 0 where more is used. */
static void put_saved(struct table *table, double fraction, double error)
{
    char saved[UNIT_SIZE], bound[UNIT_SIZE];
    unit_percent(saved, 1 - fraction);
    if (isfinite(fraction) && isfinite(error))
        table_put(table, "%s +- %s", saved, unit_percent(bound, error));
    else
        table_put(table, "%s", saved);
}

void view_jobs(struct buffer *out, const struct wt_job_row rows[], size_t count, bool colour)
{
    if (!count) {
        buffer_print(out, "no jobs in the ledger yet\n");
        return;
    }
    struct table table = {.columns = "llrrrrrr"};
    char text[UNIT_SIZE];
    bool missing = false;
    table_heading(&table, HEADINGS("JOB", "PHASE", "RECURRENCES", "TRIALS", "LAST STARTED", "TIME",
                                   "GPU ENERGY", "BEST ENERGY/STEP"));
    for (size_t i = 0; i < count; i++) {
        const struct wt_job_row *row = &rows[i];
        bool part = row->energy_unknown && isfinite(row->energy_j);
        missing = missing || part;
        table_put_name(&table, row->job);
        table_put_name(&table, row->phase);
        table_put(&table, "%u", row->recurrences);
        table_put(&table, "%u", row->trials);
        table_put(&table, "%s", unit_wall(text, row->last_started_ms));
        table_put(&table, "%s", unit_time(text, row->time_s));
        table_put(&table, "%s%s", part ? ">= " : "", unit_energy(text, row->energy_j));
        put_change(&table, row->best_energy_fraction, row->best_energy_fraction_error);
    }
    table_print(&table, out, "", colour);
    if (missing)
        buffer_print(out, ">=: the energy of some trials is unknown and not in the sum\n");
}

/* --- Tries --- */

static const char *outcome(char text[UNIT_SIZE], const struct wt_trial *t)
{
    if (!t->outcome.ended)
        return "not ended";
    if (t->outcome.not_started)
        return "not started";
    if (t->outcome.early_stopped)
        return t->outcome.reached == 0 ? "stopped early" : "budget used up";
    if (t->outcome.reached > 0)
        return "target reached";
    if (t->outcome.exit_code > 0) {
        snprintf(text, UNIT_SIZE, "exit code %d", t->outcome.exit_code);
        return text;
    }
    return t->outcome.reached == 0 ? "target missed" : "done";
}

static void put_count(struct table *table, uint64_t count)
{
    if (count)
        table_put(table, "%llu", (unsigned long long)count);
    else
        table_put(table, "unknown");
}

static void put_try(struct table *table, const struct wt_trial *t)
{
    char text[UNIT_SIZE];
    table_put(table, "%u", t->identity.recurrence);
    table_put(table, "%u", t->identity.try_number);
    table_put(table, "%s", unit_wall(text, t->identity.started_ms));
    put_count(table, t->outcome.batch_size);
    table_put(table, "%s", unit_setting(text, t->outcome.setting));
    put_count(table, t->outcome.steps);
    table_put(table, "%s", unit_time(text, t->outcome.time_s));
    table_put(table, "%s", unit_energy(text, t->part.energy_j));
    put_saved(table, t->outcome.savings.energy_fraction, t->outcome.savings.energy_fraction_error);
    table_put(table, "%s", outcome(text, t));
}

/* "+- 1.2 %" of a value, "" when that is not known. */
static void put_with_error(struct table *table, const char *value, double of, double error)
{
    char bound[UNIT_SIZE];
    if (isfinite(error) && of > 0)
        table_put(table, "%s +- %s", value, unit_percent(bound, error / of));
    else
        table_put(table, "%s", value);
}

static int higher_limit_first(const void *a, const void *b)
{
    return setting_higher_first(&((const struct wt_profile_point *)a)->setting,
                                &((const struct wt_profile_point *)b)->setting);
}

static const char *mark(const struct wt_trial *t, struct wt_setting setting)
{
    /* [baseline][0: neither, 1: chosen, 2: in force] */
    static const char *const marks[2][3] = {
        {"", "<- chosen", "<- in force"},
        {"<- baseline", "<- chosen, baseline", "<- in force, baseline"}};
    bool last = setting_same(setting, t->outcome.setting);
    return marks[setting_same(setting, t->outcome.savings.baseline)][!last                   ? 0
                                                                     : view_is_unfinished(t) ? 2
                                                                                             : 1];
}

static void put_profile(struct buffer *out, const struct wt_trial *t, bool colour)
{
    struct wt_profile_point points[WT_MAX_LIMITS];
    unsigned count = t->profile.count < WT_MAX_LIMITS ? t->profile.count : WT_MAX_LIMITS;
    memcpy(points, t->profile.points, count * sizeof points[0]);
    qsort(points, count, sizeof points[0], higher_limit_first);
    struct table table = {.columns = "rrrrrll"};
    char text[UNIT_SIZE];
    table_heading(&table, HEADINGS("LIMIT", "TIME/STEP", "ENERGY/STEP", "POWER", "STEPS", "", ""));
    for (unsigned i = 0; i < count; i++) {
        const struct wt_profile_point *p = &points[i];
        table_put(&table, "%s", unit_setting(text, p->setting));
        put_with_error(&table, unit_time(text, p->time_per_step_s), p->time_per_step_s,
                       p->time_error_s);
        put_with_error(&table, unit_energy(text, p->energy_per_step_j), p->energy_per_step_j,
                       p->energy_error_j);
        table_put(&table, "%s",
                  unit_power(text, p->time_per_step_s > 0
                                       ? p->energy_per_step_j / p->time_per_step_s
                                       : (double)NAN));
        table_put(&table, "%llu", (unsigned long long)p->steps);
        table_put(&table, "%s",
                  p->throttled                                ? "throttled"
                  : view_is_above_limit(p, t->part.gpu_count) ? "above limit"
                                                              : "");
        table_put(&table, "%s", mark(t, p->setting));
    }
    table_print(&table, out, "  ", colour);
    view_above_limits(out, t);
}

static void put_title(struct buffer *out, const struct wt_trial *t, bool colour)
{
    buffer_print(out, "%sjob ", paint(colour, 'b'));
    text_escape(out, t->identity.job);
    buffer_print(out, "%s, phase ", paint(colour, '0'));
    text_escape(out, t->identity.phase);
    if (t->identity.project[0]) {
        buffer_print(out, ", project ");
        text_escape(out, t->identity.project);
    }
}

struct view_show {
    struct table tries;
    bool colour;
    unsigned recurrences, recurrence; /* how many were put, and the last of them */
};

struct view_show *view_show_new(bool colour)
{
    struct view_show *show = calloc(1, sizeof *show);
    if (!show)
        return NULL;
    show->colour = colour;
    show->tries.columns = "rrlrrrrrrl";
    table_heading(&show->tries, HEADINGS("RECURRENCE", "TRY", "STARTED", "BATCH", "LIMIT", "STEPS",
                                         "TIME", "GPU ENERGY", "SAVED/STEP", "OUTCOME"));
    return show;
}

struct view_show *view_show_free(struct view_show *show)
{
    if (show)
        buffer_clear(&show->tries.cells);
    free(show);
    return NULL;
}

void view_show_try(struct view_show *show, const struct wt_trial *trial)
{
    if (!show->recurrences || show->recurrence != trial->identity.recurrence)
        show->recurrences++;
    show->recurrence = trial->identity.recurrence;
    put_try(&show->tries, trial);
}

void view_show_print(struct view_show *show, struct buffer *out, const struct view_show_job *job)
{
    const struct wt_trial *shown = job->profiled ? job->profiled : job->last;
    bool colour = show->colour;
    if (!job->last) {
        buffer_print(out, "no trials in the ledger\n");
        return;
    }
    put_title(out, job->last, colour);
    buffer_print(out, "\n");
    if (job->recurrence_count > show->recurrences)
        buffer_print(out, "The last %u of %zu recurrences (--all lists every one):\n",
                     show->recurrences, job->recurrence_count);
    table_print(&show->tries, out, "", colour);
    if (job->profiled) {
        buffer_print(out, "\nprofile of recurrence %u, try %u:\n", shown->identity.recurrence,
                     shown->identity.try_number);
        put_profile(out, shown, colour);
    }
    buffer_print(out, "\n");
    view_savings(out, shown, colour);
}

/* --- The end of a run --- */

static void put_devices(struct buffer *out, const struct wt_trial *t)
{
    for (unsigned i = 0; i < t->part.gpu_count; i++) {
        buffer_print(out, "%sGPU %u", i ? ", " : " on ", t->part.gpus[i].index);
        if (t->part.gpus[i].name[0]) {
            buffer_print(out, " (");
            text_escape(out, t->part.gpus[i].name);
            buffer_print(out, ")");
        }
    }
}

static void put_energies(struct buffer *out, const struct wt_trial *t)
{
    static const char *const sources[] = {"", "hardware counter", "integrated power", "estimated",
                                          "replayed"};
    char text[UNIT_SIZE];
    buffer_print(out, "  GPU energy    %s", unit_energy(text, t->part.energy_j));
    if (isfinite(t->part.energy_j)) {
        buffer_print(out, " +- %s", unit_energy(text, t->part.energy_error_j));
        if (t->part.source > WT_SOURCE_NONE && t->part.source <= WT_SOURCE_REPLAYED)
            buffer_print(out, ", %s", sources[t->part.source]);
        if (isfinite(t->part.sensor_error_fraction))
            buffer_print(out, "; the sensor itself may be off by %s",
                         unit_percent(text, t->part.sensor_error_fraction));
    }
    buffer_print(out, "\n  CPU energy    %s\n", unit_energy(text, t->part.cpu_energy_j));
    buffer_print(out, "  DRAM energy   %s\n", unit_energy(text, t->part.dram_energy_j));
}

void view_run_summary(struct buffer *out, const struct wt_trial *t, bool colour)
{
    char text[UNIT_SIZE];
    put_title(out, t, colour);
    buffer_print(out, ", recurrence %u, try %u: %s\n", t->identity.recurrence,
                 t->identity.try_number, outcome(text, t));
    buffer_print(out, "  time          %s", unit_time(text, t->outcome.time_s));
    put_devices(out, t);
    buffer_print(out, "\n");
    put_energies(out, t);
    if (t->outcome.steps || t->outcome.epochs)
        buffer_print(out, "  progress      %llu steps, %llu epochs\n",
                     (unsigned long long)t->outcome.steps, (unsigned long long)t->outcome.epochs);
    if (t->outcome.batch_size)
        buffer_print(out, "  batch size    %u\n", t->outcome.batch_size);
    buffer_print(out, "  %-14s%s\n", setting_knob_words(t->outcome.setting.knob),
                 unit_setting(text, t->outcome.setting));
    if (t->profile.count)
        put_profile(out, t, colour);
    view_savings(out, t, colour);
}
