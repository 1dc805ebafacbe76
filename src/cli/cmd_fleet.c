/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune fleet: the fleet view and the task view over a ledger.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "account/study/fleet.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/command.h"
#include "setup/config.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"

enum key { KEY_FROM = 1, KEY_TO, KEY_FORMAT, KEY_JSON, KEY_WHAT_IF, KEY_TOP };
enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_HTML, FORMATS };

static const struct argp_option options[] = {
    {"from", KEY_FROM, "TIME", 0,
     "only from then on: RFC 3339, a date, or an age such as 30d (UTC; whole hours)", 0},
    {"to", KEY_TO, "TIME", 0, "only before then", 0},
    {"what-if", KEY_WHAT_IF, "KEY=VALUE,...", 0,
     "the same under another intensity (g CO2e/kWh), pue, utilisation (0 to 1), lifetime (years) "
     "or eta",
     0},
    {"top", KEY_TOP, "N", 0, "at most N jobs in the task view of the text (default 10)", 0},
    {"format", KEY_FORMAT, "FORMAT", 0,
     "text (default), json, or html: a page that needs nothing else, with charts, which prints "
     "well",
     0},
    {"json", KEY_JSON, NULL, 0, "the same as --format json", 0},
    CONFIG_ETA_KEY(CONFIG_OPTION){0}};

static struct settings {
    struct fleet_options fleet;
    enum format format;
    unsigned top;
} settings = {
    .fleet = {.from_ms = INT64_MIN, .to_ms = INT64_MAX, .what_if = {NAN, NAN, NAN, NAN, NAN}},
    .top = 10};

static void take_what_if(const char *text)
{
    struct wt_what_if *what_if = &settings.fleet.what_if;
    const struct {
        const char *name;
        double *value, least, most;
    } keys[] = {{"intensity", &what_if->intensity_g_per_kwh, 0, 5000},
                {"pue", &what_if->pue, 1, 10},
                {"utilisation", &what_if->utilisation, 0.01, 1},
                {"lifetime", &what_if->lifetime_years, 0.1, 100},
                {"eta", &what_if->eta, 0, 1}};
    char part[64];
    int rc;
    while ((rc = parse_next_part(&text, ',', part, sizeof part)) > 0) {
        char *value = strchr(part, '=');
        size_t k = 0;
        if (value)
            *value++ = '\0';
        while (k < sizeof keys / sizeof keys[0] && strcmp(part, keys[k].name) != 0)
            k++;
        if (!value || k == sizeof keys / sizeof keys[0])
            command_usage_error("--what-if is a list of intensity=, pue=, utilisation=, lifetime= "
                                "and eta=; \"%s\" is none of them",
                                part);
        if (isfinite(*keys[k].value))
            command_usage_error("--what-if names %s twice", part);
        if (parse_number(value, keys[k].least, keys[k].most, keys[k].value))
            command_usage_error("--what-if: %s is a number from %g to %g, not \"%s\"", part,
                                keys[k].least, keys[k].most, value);
        settings.fleet.has_what_if = true;
    }
    if (rc < 0 || !settings.fleet.has_what_if)
        command_usage_error(
            "--what-if is a list such as intensity=30,pue=1.1,utilisation=0.8,lifetime=5,eta=1");
}

static void take_time(const char *option, const char *text, int64_t *wall_ms)
{
    if (parse_time_or_age(text, clock_wall_ms(), wall_ms))
        command_usage_error(
            "%s is a time such as 2026-03-01T12:00:00Z, a date or an age such as 30d, not \"%s\"",
            option, text);
}

static void take_format(const char *text)
{
    static const char *const formats[FORMATS] = {"text", "json", "html"};
    for (unsigned i = 0; i < FORMATS; i++)
        if (strcmp(text, formats[i]) == 0) {
            settings.format = (enum format)i;
            return;
        }
    command_usage_error("--format is text, json or html, not \"%s\"", text);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    uint64_t top;
    (void)state;
    switch (key) {
    case KEY_FROM:
        take_time("--from", arg, &settings.fleet.from_ms);
        return 0;
    case KEY_TO:
        take_time("--to", arg, &settings.fleet.to_ms);
        return 0;
    case KEY_WHAT_IF:
        take_what_if(arg);
        return 0;
    case KEY_TOP:
        if (parse_u64(arg, 1, 1000000, &top))
            command_usage_error("--top is a whole number from 1 to 1000000, not \"%s\"", arg);
        settings.top = (unsigned)top;
        return 0;
    case KEY_FORMAT:
        take_format(arg);
        return 0;
    case KEY_JSON:
        settings.format = FORMAT_JSON;
        return 0;
    case ARGP_KEY_ARG:
        command_usage_error("fleet takes no argument (\"%s\")", arg);
        return 0;
    case ARGP_KEY_END:
        if (settings.fleet.from_ms >= settings.fleet.to_ms)
            command_usage_error("--from must be before --to");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int print(const struct common *common, const struct wt_fleet *fleet)
{
    struct buffer page = {0};
    struct wt_error err;
    if (settings.format == FORMAT_JSON) {
        struct json_doc *doc = json_fleet_document(fleet);
        int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
        json_doc_free(doc);
        return rc ? command_failed(&err) : EXIT_DONE;
    }
    if (settings.format == FORMAT_HTML)
        view_fleet_html(&page, fleet);
    else
        view_fleet(&page, fleet, settings.top, common->colour);
    return command_print(&page);
}

static int run(struct common *common, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct fleet_read read = {0};
    struct wt_error err;
    settings.fleet.eta = config_number(common->config, CONFIG_ETA);
    settings.fleet.lifetime_years = config_number(common->config, CONFIG_LIFETIME_YEARS);
    settings.fleet.utilisation = config_number(common->config, CONFIG_UTILISATION);
    int rc = open_ledger(common, true, &ledger, &err);
    if (rc == 0 || rc == WT_E_NOT_FOUND) /* no run yet: none to sum up */
        rc = fleet_read(ledger, &settings.fleet, &read, &err);
    int code = rc ? command_failed(&err) : print(common, &read.fleet);
    fleet_clear(&read);
    ledger_close(ledger);
    return code;
}

const struct command command_fleet = {
    .name = "fleet",
    .arguments = "",
    .summary = "show the use, the savings and the further savings of a fleet",
    .description =
        "Shows the fleet view and the task view of Sustainable AI over the ledger: energy and "
        "carbon by phase, GPU, project and user, the jobs that used most, the savings against the "
        "measured baseline with their error, and the further savings that each job's profile "
        "offers: by the trade-off (--eta), and at least energy.\n\n"
        "Where `wattune monitor --book` watched the devices, their counters' energy stands in "
        "lines that add up: the energy booked by runs, less the energy that runs sharing a GPU "
        "counted more than once, idle (no process and no run), and unattributed, the rest, with "
        "either sign. Idle embodied carbon is a line too; the figure divided by utilisation "
        "stands beside it and is never added.\n\n"
        "--what-if recomputes sums without touching the ledger: operational carbon under another "
        "intensity or PUE, embodied carbon over another lifetime or at another utilisation than "
        "those configured, and with eta the energy of jobs at the limits that eta chooses from "
        "their profiles.",
    .examples = "  wattune fleet\n"
                "  wattune fleet --from 30d --json\n"
                "  wattune fleet --format html > fleet.html\n"
                "  wattune fleet --what-if intensity=30,pue=1.1,utilisation=0.8,lifetime=5,eta=1\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .parse = parse,
    .run = run,
    .settings = &settings,
};
