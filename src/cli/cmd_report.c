/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune report: energy and carbon of what the ledger has, by what is asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/report_export.h"
#include "setup/form.h"
#include "setup/open_ledger.h"
#include "show/export/export.h"
#include "show/json/documents.h"
#include "show/page/page.h"
#include "show/text/view.h"

enum key {
    KEY_BY = 1,
    KEY_FROM,
    KEY_TO,
    KEY_FORMAT,
    KEY_JSON,
    KEY_EXPORT,
    KEY_JOB,
    KEY_PROJECT,
    KEY_PER
};
#define EXPORT_FORM "codecarbon|boamps|sci|methods"
#define PER_FORM "run|gpu-hour"
enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CSV, FORMAT_HTML, FORMATS };

static const struct argp_option options[] = {
    {"by", KEY_BY, "KEY,...", 0,
     "one line for each job, phase, user, project, gpu, node or day, or several of these (default: "
     "phase)",
     0},
    {"from", KEY_FROM, "TIME", 0,
     "only from then on: RFC 3339, a date, or an age such as 7d (UTC; whole hours)", 0},
    {"to", KEY_TO, "TIME", 0, "only before then", 0},
    {"format", KEY_FORMAT, "FORMAT", 0,
     "text (default), json, csv, or html: a page that needs nothing else, with charts, which "
     "prints well",
     0},
    {"json", KEY_JSON, NULL, 0, "the same as --format json", 0},
    {"export", KEY_EXPORT, EXPORT_FORM, 0,
     "whole runs in a form that others have set: CodeCarbon's emissions.csv, Boavizta's BoAmps (a "
     "JSON report a line), a statement of "
     "Software Carbon Intensity, or a paragraph for a paper",
     0},
    {"job", KEY_JOB, "JOB", 0, "--export: only runs of this job", 0},
    {"project", KEY_PROJECT, "NAME", 0, "--export: only runs of this project", 0},
    {"per", KEY_PER, PER_FORM, 0, "--export sci: what the emissions are divided by (default: run)",
     0},
    {0}};

static struct settings {
    struct ledger_report what;
    enum format format;
    bool has_keys, has_format, has_per;
    struct report_export_options export;
} settings = {
    .what = {.key_count = 1, .keys = {WT_BY_PHASE}, .from_ms = INT64_MIN, .to_ms = INT64_MAX}};

static void take_keys(const char *text)
{
    struct ledger_report *what = &settings.what;
    char part[32];
    int rc;
    what->key_count = 0;
    while ((rc = parse_next_part(&text, ',', part, sizeof part)) > 0) {
        unsigned key = 0;
        while (key < WT_REPORT_KEYS && strcmp(part, view_report_keys[key]) != 0)
            key++;
        if (key == WT_REPORT_KEYS)
            command_usage_error("--by is a list of job, phase, user, project, gpu, node and day; "
                                "\"%s\" is none of them",
                                part);
        for (unsigned i = 0; i < what->key_count; i++)
            if (what->keys[i] == (enum wt_report_key)key)
                command_usage_error("--by names %s twice", part);
        what->keys[what->key_count++] = (enum wt_report_key)key;
    }
    if (rc < 0)
        command_usage_error("--by is a list of job, phase, user, project, gpu, node and day");
}

static void take_export(const char *text)
{
    static const enum report_export forms[] = {EXPORT_CODECARBON, EXPORT_BOAMPS, EXPORT_SCI,
                                               EXPORT_METHODS};
    char sentence[64];
    int which = form_match(EXPORT_FORM, text);
    if (which < 0)
        command_usage_error("--export is %s, not \"%s\"",
                            form_sentence(EXPORT_FORM, sentence, sizeof sentence), text);
    settings.export.form = forms[which];
}

static void take_per(const char *text)
{
    char sentence[64];
    int which = form_match(PER_FORM, text);
    if (which < 0)
        command_usage_error("--per is %s, not \"%s\"",
                            form_sentence(PER_FORM, sentence, sizeof sentence), text);
    settings.export.per_gpu_hour = which == 1;
    settings.has_per = true;
}

static const char *named(const char *option, const char *name)
{
    if (!*name)
        command_usage_error("%s needs a name", option);
    return name;
}

/* Takes over what the other options said, or refuses what makes no sense with it. */
static void finish_export(void)
{
    struct report_export_options *export = &settings.export;
    if (settings.has_per && export->form != EXPORT_SCI)
        command_usage_error("--per goes with --export sci");
    if (!export->form) {
        if (export->runs.job || export->runs.project)
            command_usage_error("--job and --project choose runs for --export");
        return;
    }
    if (settings.has_format)
        command_usage_error("--export has a form of its own: leave out --format and --json");
    if (settings.has_keys && export->form != EXPORT_SCI)
        command_usage_error(export->form == EXPORT_METHODS
                                ? "--export methods is one paragraph: leave out --by, and choose "
                                  "its runs with --job, --project, --from and --to"
                                : "--export %s has its own row for each run: leave out --by",
                            export->form == EXPORT_BOAMPS ? "boamps" : "codecarbon");
    export->runs.from_ms = settings.what.from_ms;
    export->runs.to_ms = settings.what.to_ms;
    export->key_count = settings.has_keys ? settings.what.key_count : 0;
    memcpy(export->keys, settings.what.keys, sizeof export->keys);
}

static void take_time(const char *option, const char *text, int64_t *wall_ms)
{
    if (parse_time_or_age(text, clock_wall_ms(), wall_ms))
        command_usage_error(
            "%s is a time such as 2026-03-01T12:00:00Z, a date or an age such as 7d, not \"%s\"",
            option, text);
}

static void take_format(const char *text)
{
    static const char *const formats[FORMATS] = {"text", "json", "csv", "html"};
    for (unsigned i = 0; i < FORMATS; i++)
        if (strcmp(text, formats[i]) == 0) {
            settings.format = (enum format)i;
            return;
        }
    command_usage_error("--format is text, json, csv or html, not \"%s\"", text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)state;
    switch (key) {
    case KEY_BY:
        take_keys(arg);
        settings.has_keys = true;
        return 0;
    case KEY_FROM:
        take_time("--from", arg, &settings.what.from_ms);
        return 0;
    case KEY_TO:
        take_time("--to", arg, &settings.what.to_ms);
        return 0;
    case KEY_FORMAT:
        take_format(arg);
        settings.has_format = true;
        return 0;
    case KEY_JSON:
        settings.format = FORMAT_JSON;
        settings.has_format = true;
        return 0;
    case KEY_EXPORT:
        take_export(arg);
        return 0;
    case KEY_JOB:
        settings.export.runs.job = named("--job", arg);
        return 0;
    case KEY_PROJECT:
        settings.export.runs.project = named("--project", arg);
        return 0;
    case KEY_PER:
        take_per(arg);
        return 0;
    case ARGP_KEY_ARG:
        command_usage_error("report takes no argument (\"%s\")", arg);
        return 0;
    case ARGP_KEY_END:
        if (settings.what.from_ms >= settings.what.to_ms)
            command_usage_error("--from must be before --to");
        finish_export();
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int print_json(const struct ledger_report_rows *rows)
{
    const struct ledger_report *what = &settings.what;
    const char *keys[WT_REPORT_KEYS];
    struct wt_error err;
    for (unsigned i = 0; i < what->key_count; i++)
        keys[i] = view_report_keys[what->keys[i]];
    const struct json_report report = {what->from_ms, what->to_ms, what->key_count, keys,
                                       rows->rows,    rows->count, &rows->total};
    struct json_doc *doc = json_report_document(&report);
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static void put_html(struct buffer *page, const struct ledger_report_rows *rows)
{
    const struct ledger_report *what = &settings.what;
    const struct view_report_page report = {.keys = what->keys,
                                            .key_count = what->key_count,
                                            .rows = rows->rows,
                                            .count = rows->count,
                                            .total = &rows->total,
                                            .basis = rows->basis,
                                            .basis_count = rows->basis_count,
                                            .from_ms = what->from_ms,
                                            .to_ms = what->to_ms,
                                            .made_ms = clock_wall_ms()};
    page_report(page, &report);
}

static int print(const struct common *common, const struct ledger_report_rows *rows)
{
    const struct ledger_report *what = &settings.what;
    struct buffer page = {0};
    if (settings.format == FORMAT_JSON)
        return print_json(rows);
    if (settings.format == FORMAT_CSV)
        view_report_csv(&page, what->keys, what->key_count, rows->rows, rows->count);
    else if (settings.format == FORMAT_HTML)
        put_html(&page, rows);
    else
        view_report(&page, what->keys, what->key_count, rows->rows, rows->count, &rows->total,
                    common->colour);
    return command_print(&page);
}

static int run(struct common *common, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct ledger_report_rows rows = {0};
    struct wt_error err;
    int rc = open_ledger(common, true, &ledger, &err);
    bool there = rc == 0 || rc == WT_E_NOT_FOUND; /* no run yet: none to sum up */
    if (there && settings.export.form) {
        settings.export.colour = common->colour;
        int code = report_export(ledger, &settings.export);
        ledger_close(ledger);
        return code;
    }
    if (there)
        rc = ledger_report(ledger, &settings.what, &rows, &err);
    int code = rc ? command_failed(&err) : print(common, &rows);
    ledger_report_clear(&rows);
    ledger_close(ledger);
    return code;
}

const struct command command_report = {
    .name = "report",
    .arguments = "",
    .summary = "energy and carbon of what was run",
    .description =
        "Sums over the runs in the ledger: GPU hours reserved and busy, energy of GPUs, CPUs and "
        "DRAM, what the facility drew for it "
        "(PUE), operational carbon at the grid's intensity of each hour, embodied carbon by the "
        "share of the systems' lifetime, and what "
        "tuning saved against the measured baseline. Carbon is as it was booked with each run.\n\n"
        "With --by day, --from or --to a run counts hour by hour, in UTC. What is not known of a "
        "run is left out of a sum, "
        "and the page says of how many runs.\n\n"
        "The page of --format html stands alone: it has no script, fetches nothing, and shows at "
        "most 20 groups as bars, 366 days "
        "and 500 rows.\n\n"
        "An export takes whole runs: those that began between --from and --to, oldest first, of "
        "the job and the project if these are "
        "named. What the ledger does not know is an empty field, a missing key or a sentence. "
        "Names in CSV that a spreadsheet would take "
        "for a formula get an apostrophe in front.",
    .examples = "  wattune report\n"
                "  wattune report --by user,day --from 7d\n"
                "  wattune report --by job --format csv > jobs.csv\n"
                "  wattune report --by project,day --from 30d --format html > report.html\n"
                "  wattune report --export codecarbon > emissions.csv\n"
                "  wattune report --export sci --by job --per gpu-hour\n"
                "  wattune report --export methods --project vision\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .parse = parse,
    .run = run,
    .settings = &settings,
};
