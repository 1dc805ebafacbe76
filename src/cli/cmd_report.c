/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune report: energy and carbon of the runs in the ledger, by the groups asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/nearest.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/report_export.h"
#include "setup/open_ledger.h"
#include "show/export/export.h"
#include "show/json/documents.h"
#include "show/page/page.h"
#include "show/text/view.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CSV, FORMAT_HTML };

static struct settings {
    struct ledger_report report;
    enum format format;
    unsigned export_form; /* an alternative of --export */
    unsigned per;         /* one of --per: 1 for a GPU hour */
    struct report_export_options export;
} settings = {.report = {.from_ms = INT64_MIN, .to_ms = INT64_MAX}};

static int refuse_key(const char *name, const char *key, struct wt_error *err)
{
    struct nearest search = {.word = key};
    char shown[80], meant[80];
    for (unsigned i = 0; i < WT_REPORT_KEYS; i++)
        nearest_offer(&search, view_report_keys[i]);
    return error_set(err, WT_E_PARSE,
                     "%s is a list of job, phase, user, project, gpu, node and day; \"%s\" is none "
                     "of them%s",
                     name, text_escape_into(shown, sizeof shown, key),
                     option_meant(nearest_name(&search), meant, sizeof meant));
}

static int read_keys(const char *name, const char *text, void *target, struct wt_error *err)
{
    struct ledger_report read = {0};
    char part[32];
    int more;
    while ((more = parse_next_part(&text, ',', part, sizeof part)) > 0) {
        unsigned key = 0;
        while (key < WT_REPORT_KEYS && strcmp(part, view_report_keys[key]) != 0)
            key++;
        if (key == WT_REPORT_KEYS)
            return refuse_key(name, part, err);
        for (unsigned i = 0; i < read.key_count; i++)
            if (read.keys[i] == (enum wt_report_key)key)
                return error_set(err, WT_E_PARSE, "%s names %s twice", name, part);
        read.keys[read.key_count++] = (enum wt_report_key)key;
    }
    if (more < 0)
        return error_set(err, WT_E_PARSE,
                         "%s is a list of job, phase, user, project, gpu, node and day", name);
    if (target) {
        struct ledger_report *report = target;
        report->key_count = read.key_count;
        memcpy(report->keys, read.keys, sizeof report->keys);
    }
    return 0;
}

static const struct option_row options[] = {
    {.name = "by",
     .type = OPTION_READ,
     .form = "KEY,...",
     .read = read_keys,
     .fallback = "phase",
     .to = OPTION_TO(struct settings, report),
     .help = "Group by job, phase, user, project, gpu, node or day, or by several of these"},
    {.name = "from",
     .type = OPTION_MOMENT,
     .form = "TIME",
     .otherwise = "no limit",
     .to = OPTION_TO(struct settings, report.from_ms),
     .help = "Start of the time reported: RFC 3339, a date, or an age such as 7d (UTC; whole "
             "hours)"},
    {.name = "to",
     .type = OPTION_MOMENT,
     .form = "TIME",
     .otherwise = "no limit",
     .to = OPTION_TO(struct settings, report.to_ms),
     .help = "End of the time reported"},
    {.name = "format",
     .type = OPTION_CHOICE,
     .form = "text|json|csv|html",
     .fallback = "text",
     .to = OPTION_TO(struct settings, format),
     .help = "Format of the output; html is one page with charts that needs no other file and is "
             "fit for print"},
    {.name = "json",
     .type = OPTION_CHOICE,
     .form = "text|json|csv|html",
     .implied = "json",
     .to = OPTION_TO(struct settings, format),
     .help = "Print JSON, as --format json"},
    {.name = "export",
     .type = OPTION_CHOICE,
     .form = "codecarbon|boamps|sci|methods",
     .to = OPTION_TO(struct settings, export_form),
     .help = "Export whole runs: CodeCarbon's emissions.csv, Boavizta's BoAmps (a JSON report a "
             "line), a statement of Software Carbon Intensity, or a paragraph for a paper"},
    {.name = "job",
     .type = OPTION_TEXT,
     .form = "JOB",
     .least = 1,
     .most = OPTION_TEXT_MOST,
     .to = OPTION_TO(struct settings, export.runs.job),
     .help = "Export runs of this job only"},
    {.name = "project",
     .type = OPTION_TEXT,
     .form = "NAME",
     .least = 1,
     .most = OPTION_TEXT_MOST,
     .to = OPTION_TO(struct settings, export.runs.project),
     .help = "Export runs of this project only"},
    {.name = "per",
     .type = OPTION_CHOICE,
     .form = "run|gpu-hour",
     .fallback = "run",
     .to = OPTION_TO(struct settings, per),
     .help = "Unit that --export sci divides the emissions by"},
    {0}};

/* Refuses options that make no sense with the export. */
static int check_export(const struct given *given, enum report_export form, struct wt_error *err)
{
    if (is_given(given, "per") && form != EXPORT_SCI)
        return error_set(err, WT_E_INVALID, "--per goes with --export sci");
    if (!form && (settings.export.runs.job || settings.export.runs.project))
        return error_set(err, WT_E_INVALID, "--job and --project choose runs for --export");
    if (!form)
        return 0;
    if (is_given(given, "format") || is_given(given, "json"))
        return error_set(err, WT_E_INVALID,
                         "--export has a form of its own: leave out --format and --json");
    if (is_given(given, "by") && form == EXPORT_METHODS)
        return error_set(err, WT_E_INVALID,
                         "--export methods is one paragraph: leave out --by, and choose its runs "
                         "with --job, --project, --from and --to");
    if (is_given(given, "by") && form != EXPORT_SCI)
        return error_set(err, WT_E_INVALID,
                         "--export %s has its own row for each run: leave out --by",
                         form == EXPORT_BOAMPS ? "boamps" : "codecarbon");
    return 0;
}

static int check(const struct given *given, const struct config *config, struct wt_error *err)
{
    static const enum report_export forms[] = {EXPORT_CODECARBON, EXPORT_BOAMPS, EXPORT_SCI,
                                               EXPORT_METHODS};
    struct report_export_options *export = &settings.export;
    (void)config;
    export->form = is_given(given, "export") ? forms[settings.export_form] : EXPORT_NONE;
    if (settings.report.from_ms >= settings.report.to_ms)
        return error_set(err, WT_E_INVALID, "--from must be before --to");
    int rc = check_export(given, export->form, err);
    if (rc)
        return rc;
    export->per_gpu_hour = settings.per == 1;
    export->runs.from_ms = settings.report.from_ms;
    export->runs.to_ms = settings.report.to_ms;
    export->key_count = is_given(given, "by") ? settings.report.key_count : 0;
    memcpy(export->keys, settings.report.keys, sizeof export->keys);
    return 0;
}

static int print_json(const struct ledger_report_rows *rows)
{
    const struct ledger_report *wanted = &settings.report;
    const char *keys[WT_REPORT_KEYS];
    struct wt_error err;
    for (unsigned i = 0; i < wanted->key_count; i++)
        keys[i] = view_report_keys[wanted->keys[i]];
    const struct json_report report = {wanted->from_ms, wanted->to_ms, wanted->key_count, keys,
                                       rows->rows,      rows->count,   &rows->total};
    struct json_doc *doc = json_report_document(&report);
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static void put_html(struct buffer *page, const struct ledger_report_rows *rows)
{
    const struct ledger_report *wanted = &settings.report;
    const struct view_report_page report = {.keys = wanted->keys,
                                            .key_count = wanted->key_count,
                                            .rows = rows->rows,
                                            .count = rows->count,
                                            .total = &rows->total,
                                            .basis = rows->basis,
                                            .basis_count = rows->basis_count,
                                            .from_ms = wanted->from_ms,
                                            .to_ms = wanted->to_ms,
                                            .made_ms = clock_wall_ms()};
    page_report(page, &report);
}

static int print(const struct setup *setup, const struct ledger_report_rows *rows)
{
    const struct ledger_report *wanted = &settings.report;
    struct buffer page = {0};
    if (settings.format == FORMAT_JSON)
        return print_json(rows);
    if (settings.format == FORMAT_CSV)
        view_report_csv(&page, wanted->keys, wanted->key_count, rows->rows, rows->count);
    else if (settings.format == FORMAT_HTML)
        put_html(&page, rows);
    else
        view_report(&page, wanted->keys, wanted->key_count, rows->rows, rows->count, &rows->total,
                    command_colour(setup));
    return command_print(&page);
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct ledger_report_rows rows = {0};
    struct wt_error err;
    int rc = open_ledger(setup, true, &ledger, &err);
    bool there = rc == 0 || rc == WT_E_NOT_FOUND; /* no run yet: empty sums */
    if (there && settings.export.form) {
        settings.export.colour = command_colour(setup);
        int code = report_export(ledger, &settings.export);
        ledger_close(ledger);
        return code;
    }
    if (there)
        rc = ledger_report(ledger, &settings.report, &rows, &err);
    int code = rc ? command_failed(&err) : print(setup, &rows);
    ledger_report_clear(&rows);
    ledger_close(ledger);
    return code;
}

const struct command command_report = {
    .name = "report",
    .summary = "report energy and carbon of the runs in the ledger",
    .description =
        "Sums over the runs in the ledger: GPU hours reserved and busy, energy of GPUs, CPUs and "
        "DRAM, the facility's energy for it (PUE), operational carbon at the grid's intensity of "
        "each hour, embodied carbon by the share of the systems' lifetime, and the savings of "
        "tuning against the measured baseline. Carbon is as it was booked with each run.\n\n"
        "With --by day, --from or --to a run counts hour by hour, in UTC. Unknown values of a run "
        "are left out of a sum, and the page prints the number of such runs.\n\n"
        "The page of --format html stands alone: it has no script, fetches nothing, and shows at "
        "most 20 groups as bars, 366 days and 500 rows.\n\n"
        "An export takes whole runs: those that began between --from and --to, oldest first, of "
        "the job and the project if these are named. A value that the ledger does not have is an "
        "empty field, a missing key or a sentence. Names in CSV that a spreadsheet would take for "
        "a formula get an apostrophe in front.",
    .examples = "  wattune report\n"
                "  wattune report --by user,day --from 7d\n"
                "  wattune report --by job --format csv > jobs.csv\n"
                "  wattune report --by project,day --from 30d --format html > report.html\n"
                "  wattune report --export codecarbon > emissions.csv\n"
                "  wattune report --export sci --by job --per gpu-hour\n"
                "  wattune report --export methods --project vision\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .check = check,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
