/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune simulate --fleet.
 */
#include "cli/sim_fleet_options.h"

#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/sim_fleet.h"
#include "setup/carbon_sources.h"
#include "setup/config.h"
#include "setup/factors.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"

#define USUAL_MODELS "v100,a40,a100,h100"

/* Sustainable AI (MLSys'22) has 10:20:70 as the rough split of the power capacity of its AI
 * infrastructure between experimentation, training and inference; here it is of GPU time. */
static struct synthetic_fleet_options options = {
    .gpus = 32,
    .users = 12,
    .days = 30,
    .load = 0.7,
    .shares = {10, 20, 70},
    .start_ms = INT64_C(1735689600000)}; /* 2025-01-01: a seed means the same on any day */

static bool watched = true;

/* Where the nodes are, in turn; 0: where the configuration says. */
enum { LOCATIONS_MOST = 16 };
static char locations[LOCATIONS_MOST][CARBON_CODE_LEN];
static unsigned location_count;

/* What was given, to say what it does not go with. */
static const char *given[KEY_FLEET_END - KEY_FLEET];

static const char *shown(const char *text)
{
    static char place[80];
    return text_escape_into(place, sizeof place, text);
}

static uint64_t whole(const char *option, const char *text, uint64_t most)
{
    uint64_t value = 0;
    if (parse_u64(text, 1, most, &value))
        command_usage_error("--%s is a whole number from 1 to %llu, not \"%s\"", option,
                            (unsigned long long)most, shown(text));
    return value;
}

static void take_days(const char *text)
{
    if (parse_number(text, 0, SYNTHETIC_DAYS_MOST, &options.days) || options.days <= 0)
        command_usage_error("--days is a number above 0 and up to %d, not \"%s\"",
                            SYNTHETIC_DAYS_MOST, shown(text));
}

static void take_load(const char *text)
{
    if (parse_fraction(text, 0, 1, &options.load) || options.load <= 0)
        command_usage_error(
            "--load is a fraction above 0 and up to 1, such as 0.7 or 70%%, not \"%s\"",
            shown(text));
}

static void take_start(const char *text)
{
    if (parse_time_or_age(text, clock_wall_ms(), &options.start_ms))
        command_usage_error("--start is a time such as 2026-03-01T12:00:00Z, a date or an age such "
                            "as 90d, not \"%s\"",
                            shown(text));
}

static void take_shares(const char *text)
{
    char part[32];
    double shares[SYNTHETIC_SHARES] = {0}, sum = 0;
    unsigned count = 0;
    const char *cursor = text;
    int rc;
    while ((rc = parse_next_part(&cursor, ':', part, sizeof part)) > 0) {
        double share = 0;
        if (count == SYNTHETIC_SHARES || parse_number(part, 0, 1e6, &share))
            break;
        shares[count++] = share;
        sum += share;
    }
    if (rc || count != SYNTHETIC_SHARES || sum <= 0)
        command_usage_error("--phases is three shares, not all 0, such as 10:20:70 "
                            "(experimentation, training, inference), not "
                            "\"%s\"",
                            shown(text));
    memcpy(options.shares, shares, sizeof options.shares);
}

static void take_watched(const char *text)
{
    watched = strcmp(text, "yes") == 0;
    if (!watched && strcmp(text, "no") != 0)
        command_usage_error("--watched is yes or no, not \"%s\"", shown(text));
}

static void take_locations(const char *text)
{
    char part[CARBON_CODE_LEN] = "";
    const char *cursor = text;
    int rc;
    location_count = 0;
    while ((rc = parse_next_part(&cursor, ',', part, sizeof part)) > 0 && part[0] &&
           location_count < LOCATIONS_MOST)
        memcpy(locations[location_count++], part, sizeof part);
    if (rc)
        command_usage_error("--locations is a list of at most %d codes such as DEU,FRA, not \"%s\"",
                            LOCATIONS_MOST, shown(text));
}

static void model_error(const char *part)
{
    struct buffer names = {0};
    for (unsigned i = 0; synthetic_fleet_model_at(i); i++)
        buffer_print(&names, "%s%s", i ? ", " : "", synthetic_fleet_model_at(i)->key);
    command_usage_error("--gpu-models is a list of at most %d of %s, not \"%s\"",
                        SYNTHETIC_MODELS_MOST, buffer_text(&names), shown(part));
}

static void take_models(const char *text)
{
    char part[32];
    const char *cursor = text;
    int rc;
    options.model_count = 0;
    while ((rc = parse_next_part(&cursor, ',', part, sizeof part)) > 0) {
        const struct synthetic_fleet_model *model = synthetic_fleet_model_find(part);
        if (!model || options.model_count == SYNTHETIC_MODELS_MOST)
            model_error(text);
        options.models[options.model_count++] = model;
    }
    if (rc || !options.model_count)
        model_error(text);
}

error_t synthetic_fleet_option(int key, const char *arg)
{
    if (key < (int)KEY_FLEET || key >= (int)KEY_FLEET_END)
        return ARGP_ERR_UNKNOWN;
    static const char *const names[] = {"fleet", "runs",    "days",       "gpus",
                                        "users", "start",   "gpu-models", "phases",
                                        "load",  "watched", "locations"};
    given[key - (int)KEY_FLEET] = names[key - (int)KEY_FLEET];
    switch ((enum synthetic_fleet_key)key) {
    case KEY_RUNS:
        options.runs = whole("runs", arg, SYNTHETIC_RUNS_MOST);
        break;
    case KEY_DAYS:
        take_days(arg);
        break;
    case KEY_GPUS:
        options.gpus = (unsigned)whole("gpus", arg, SYNTHETIC_GPUS_MOST);
        break;
    case KEY_USERS:
        options.users = (unsigned)whole("users", arg, SYNTHETIC_USERS_MOST);
        break;
    case KEY_START:
        take_start(arg);
        break;
    case KEY_GPU_MODELS:
        take_models(arg);
        break;
    case KEY_SHARES:
        take_shares(arg);
        break;
    case KEY_LOAD:
        take_load(arg);
        break;
    case KEY_WATCHED:
        take_watched(arg);
        break;
    case KEY_LOCATIONS:
        take_locations(arg);
        break;
    case KEY_FLEET:
    case KEY_FLEET_END:
        break;
    }
    return 0;
}

bool synthetic_fleet_wanted(void)
{
    return given[0] != NULL;
}

/* Without a fleet nothing is booked. */
static void finish_alone(const struct common *common)
{
    static const enum config_id booking[] = {CONFIG_LEDGER, CONFIG_LOCATION, CONFIG_INTENSITY,
                                             CONFIG_PUE};
    for (unsigned i = 0; i < sizeof booking / sizeof booking[0]; i++)
        if (common->config->values[booking[i]].origin == CONFIG_FROM_FLAG)
            command_usage_error("--%s goes with --fleet", config_keys[booking[i]].flag);
    for (unsigned i = 1; i < KEY_FLEET_END - KEY_FLEET; i++)
        if (given[i])
            command_usage_error("--%s goes with --fleet", given[i]);
}

void synthetic_fleet_options_finish(const struct common *common, bool has_trace)
{
    if (!synthetic_fleet_wanted()) {
        finish_alone(common);
        return;
    }
    if (given[KEY_RUNS - KEY_FLEET] && given[KEY_DAYS - KEY_FLEET])
        command_usage_error("--runs and --days exclude each other");
    for (unsigned i = 0; location_count && i < 2; i++) {
        enum config_id id = i ? CONFIG_INTENSITY : CONFIG_LOCATION;
        if (common->config->values[id].origin == CONFIG_FROM_FLAG)
            command_usage_error("--locations and --%s exclude each other", config_keys[id].flag);
    }
    /* A ledger that a file of settings names is the one of real runs. */
    if (!config_text(common->config, CONFIG_LEDGER) ||
        common->config->values[CONFIG_LEDGER].origin < CONFIG_ENVIRONMENT)
        command_usage_error(
            "a simulated fleet is not booked into the usual ledger: name a new file with --ledger");
    if (!options.model_count)
        take_models(has_trace ? "v100" : USUAL_MODELS);
    if (has_trace && options.model_count != 1)
        command_usage_error("a trace is of one GPU model: --gpu-models names that one");
}

/* No hour of a fleet that never was is asked of a provider. */
static void intensity_at(void *ctx, int64_t unix_s, struct carbon_intensity *out)
{
    carbon_sources_intensity_at(ctx, unix_s, out);
}

/* The settings of place i: those of the configuration, but for the location. */
static int open_place(const struct common *common, unsigned i, struct carbon_sources *carbon,
                      struct booking_factors *factors, struct wt_error *err)
{
    int rc =
        location_count ? config_put_flag(common->config, CONFIG_LOCATION, locations[i], err) : 0;
    if (rc == 0)
        rc = carbon_sources_open(carbon, common->config, clock_wall_ms() / 1000, err);
    *factors = factors_of(carbon);
    factors->intensity_at = intensity_at;
    return rc;
}

static int book(const struct common *common, const char *path,
                struct synthetic_fleet_booked *booked, struct wt_error *err)
{
    static struct carbon_sources carbon[LOCATIONS_MOST];
    struct booking_factors factors[LOCATIONS_MOST];
    const struct synthetic_fleet_places places = {factors, location_count ? location_count : 1};
    struct ledger *ledger = NULL;
    unsigned opened = 0;
    int rc = 0;
    while (rc == 0 && opened < places.count) {
        rc = open_place(common, opened, &carbon[opened], &factors[opened], err);
        opened++;
    }
    if (rc == 0)
        rc = open_ledger(common, false, &ledger, err);
    if (rc == 0)
        rc = synthetic_fleet_book(ledger, path, &options, &places, watched, booked, err);
    ledger_close(ledger);
    while (opened > 0)
        carbon_sources_close(&carbon[--opened]);
    return rc;
}

static int say(const char *path, const struct synthetic_fleet_booked *booked, bool json)
{
    const struct wt_simulated_fleet fleet = {.seed = options.seed,
                                             .gpus = options.gpus,
                                             .users = options.users,
                                             .runs = booked->runs,
                                             .unended = booked->unended,
                                             .profiles = booked->profiles,
                                             .stretches = booked->stretches,
                                             .gpu_hours = booked->gpu_hours,
                                             .energy_j = booked->energy_j,
                                             .first_ms = booked->first_ms,
                                             .last_ms = booked->last_ms};
    struct wt_error err;
    if (!json) {
        struct buffer page = {0};
        view_simulated_fleet(&page, &fleet, path);
        return command_print(&page);
    }
    struct json_doc *doc = json_simulated_fleet_document(&fleet, path);
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    return rc ? command_failed(&err) : EXIT_DONE;
}

int synthetic_fleet_run(const struct common *common, uint64_t seed, const struct sim_options *sim,
                        const struct sim_trace *trace, bool json)
{
    char path[4096];
    struct synthetic_fleet_booked booked;
    struct wt_error err;
    options.seed = seed;
    options.sim = *sim;
    options.trace = trace;
    int rc = ledger_path(common, path, sizeof path, &err);
    if (rc == 0)
        rc = book(common, path, &booked, &err);
    return rc ? command_failed(&err) : say(path, &booked, json);
}
