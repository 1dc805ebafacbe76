/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune fleet: the fleet view and the task view over a ledger.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "account/study/fleet.h"
#include "base/buffer.h"
#include "base/nearest.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/command.h"
#include "setup/config.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/page/page.h"
#include "show/text/view.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_HTML };

static struct settings {
    struct fleet_options fleet;
    enum format format;
    unsigned top;
} settings = {
    .fleet = {.from_ms = INT64_MIN, .to_ms = INT64_MAX, .what_if = {NAN, NAN, NAN, NAN, NAN}}};

/* The keys of --what-if. */
static const struct {
    const char *name;
    size_t offset; /* of a double in struct wt_what_if */
    double least, most;
} what_if_keys[] = {{"intensity", offsetof(struct wt_what_if, intensity_g_per_kwh), 0, 5000},
                    {"pue", offsetof(struct wt_what_if, pue), 1, 10},
                    {"utilisation", offsetof(struct wt_what_if, utilisation), 0.01, 1},
                    {"lifetime", offsetof(struct wt_what_if, lifetime_years), 0.1, 100},
                    {"eta", offsetof(struct wt_what_if, eta), 0, 1}};
enum { WHAT_IF_KEYS = sizeof what_if_keys / sizeof what_if_keys[0] };

static int refuse_key(const char *name, const char *key, struct wt_error *err)
{
    struct nearest search = {.word = key};
    char shown[80], meant[80];
    for (unsigned i = 0; i < WHAT_IF_KEYS; i++)
        nearest_offer(&search, what_if_keys[i].name);
    return error_set(
        err, WT_E_PARSE,
        "%s is a list of intensity=, pue=, utilisation=, lifetime= and eta=; \"%s\" is "
        "none of them%s",
        name, text_escape_into(shown, sizeof shown, key),
        option_meant(nearest_name(&search), meant, sizeof meant));
}

/* One "KEY=VALUE". */
static int read_part(const char *name, char *part, struct wt_what_if *what_if, struct wt_error *err)
{
    char *value = strchr(part, '='), shown[80];
    size_t k = 0;
    if (value)
        *value++ = '\0';
    while (k < WHAT_IF_KEYS && strcmp(part, what_if_keys[k].name) != 0)
        k++;
    if (!value || k == WHAT_IF_KEYS)
        return refuse_key(name, part, err);
    double *place = (double *)(void *)((char *)what_if + what_if_keys[k].offset);
    if (isfinite(*place))
        return error_set(err, WT_E_PARSE, "%s names %s twice", name, part);
    if (parse_number(value, what_if_keys[k].least, what_if_keys[k].most, place))
        return error_set(err, WT_E_PARSE, "%s: %s is a number from %g to %g, not \"%s\"", name,
                         part, what_if_keys[k].least, what_if_keys[k].most,
                         text_escape_into(shown, sizeof shown, value));
    return 0;
}

static int read_what_if(const char *name, const char *text, void *target, struct wt_error *err)
{
    struct wt_what_if what_if = {NAN, NAN, NAN, NAN, NAN};
    char part[64];
    bool any = false;
    int rc, more;
    while ((more = parse_next_part(&text, ',', part, sizeof part)) > 0) {
        if ((rc = read_part(name, part, &what_if, err)))
            return rc;
        any = true;
    }
    if (more < 0 || !any)
        return error_set(
            err, WT_E_PARSE,
            "%s is a list such as intensity=30,pue=1.1,utilisation=0.8,lifetime=5,eta=1", name);
    if (target)
        *(struct wt_what_if *)target = what_if;
    return 0;
}

static const struct option_row options[] = {
    {.name = "from",
     .type = OPTION_MOMENT,
     .form = "TIME",
     .otherwise = "no limit",
     .to = OPTION_TO(struct settings, fleet.from_ms),
     .help = "Start of the time shown: RFC 3339, a date, or an age such as 30d (UTC; whole hours)"},
    {.name = "to",
     .type = OPTION_MOMENT,
     .form = "TIME",
     .otherwise = "no limit",
     .to = OPTION_TO(struct settings, fleet.to_ms),
     .help = "End of the time shown"},
    {.name = "what-if",
     .type = OPTION_READ,
     .form = "KEY=VALUE,...",
     .read = read_what_if,
     .to = OPTION_TO(struct settings, fleet.what_if),
     .help = "Recompute under another intensity (g CO2e/kWh), pue, utilisation (0 to 1), lifetime "
             "(years) or eta"},
    {.name = "top",
     .type = OPTION_WHOLE,
     .form = "N",
     .least = 1,
     .most = 1000000,
     .fallback = "10",
     .to = OPTION_TO(struct settings, top),
     .help = "Number of jobs in the text's task view"},
    {.name = "format",
     .type = OPTION_CHOICE,
     .form = "text|json|html",
     .fallback = "text",
     .to = OPTION_TO(struct settings, format),
     .help = "Format of the output; html is one page with charts that needs no other file and is "
             "fit for print"},
    {.name = "json",
     .type = OPTION_CHOICE,
     .form = "text|json|html",
     .implied = "json",
     .to = OPTION_TO(struct settings, format),
     .help = "Print JSON, as --format json"},
    CONFIG_ETA_KEY(CONFIG_ROW){0}};

static int check(const struct given *given, const struct config *config, struct wt_error *err)
{
    (void)config;
    settings.fleet.has_what_if = is_given(given, "what-if");
    if (settings.fleet.from_ms >= settings.fleet.to_ms)
        return error_set(err, WT_E_INVALID, "--from must be before --to");
    return 0;
}

static int print(const struct setup *setup, const struct wt_fleet *fleet)
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
        page_fleet(&page, fleet);
    else
        view_fleet(&page, fleet, settings.top, command_colour(setup));
    return command_print(&page);
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct ledger *ledger = NULL;
    struct fleet_read read = {0};
    struct wt_error err;
    settings.fleet.eta = config_number(setup->config, CONFIG_ETA);
    settings.fleet.lifetime_years = config_number(setup->config, CONFIG_LIFETIME_YEARS);
    settings.fleet.utilisation = config_number(setup->config, CONFIG_UTILISATION);
    int rc = open_ledger(setup, true, &ledger, &err);
    if (rc == 0 || rc == WT_E_NOT_FOUND) /* no run yet: none to sum up */
        rc = fleet_read(ledger, &settings.fleet, &read, &err);
    int code = rc ? command_failed(&err) : print(setup, &read.fleet);
    fleet_clear(&read);
    ledger_close(ledger);
    return code;
}

const struct command command_fleet = {
    .name = "fleet",
    .summary = "show a fleet's use and savings, by phase and by job",
    .description =
        "Shows the fleet view and the task view of Sustainable AI over the ledger: energy "
        "and carbon by phase, GPU, project and user, the jobs with the highest use, their "
        "savings against the measured baseline with its error, and the further saving "
        "that each job's profile offers: by the trade-off (--eta), and at least "
        "energy.\n\n"
        "Where `wattune monitor --book` watched the devices, the energy of their "
        "counters is shown in lines that add up: the energy that runs booked, less the "
        "energy that runs on a shared GPU counted more than once, idle (no process and "
        "no run), and unattributed, the remainder, whatever its sign. Idle embodied "
        "carbon is a line too; the figure divided by utilisation stands beside it and "
        "is never added.\n\n"
        "--what-if recomputes sums without touching the ledger: operational carbon "
        "under another intensity or PUE, embodied carbon over another lifetime or at "
        "another utilisation than the configured ones, and with eta the use of jobs at "
        "the limits that eta chooses from their profiles.",
    .examples = "  wattune fleet\n"
                "  wattune fleet --from 30d --json\n"
                "  wattune fleet --format html > fleet.html\n"
                "  wattune fleet --what-if intensity=30,pue=1.1,utilisation=0.8,lifetime=5,eta=1\n",
    .options = options,
    .groups = COMMON_LEDGER,
    .check = check,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
