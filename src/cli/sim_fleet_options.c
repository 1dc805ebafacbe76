/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune simulate --fleet.
 */
#include "cli/sim_fleet_options.h"

#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/nearest.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/sim_fleet.h"
#include "setup/carbon_sources.h"
#include "setup/factors.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"

#define USUAL_MODELS "v100,a40,a100,h100"

int synthetic_fleet_read_shares(const char *name, const char *text, void *target,
                                struct wt_error *err)
{
    char part[32], shown[80];
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
        return error_set(err, WT_E_PARSE,
                         "%s is three shares, not all 0, such as 10:20:70 (experimentation, "
                         "training, inference), not \"%s\"",
                         name, text_escape_into(shown, sizeof shown, text));
    if (target)
        memcpy(target, shares, sizeof shares);
    return 0;
}

int synthetic_fleet_read_locations(const char *name, const char *text, void *target,
                                   struct wt_error *err)
{
    struct fleet_locations locations = {0};
    char part[CARBON_CODE_LEN] = "", shown[80];
    const char *cursor = text;
    int rc;
    while ((rc = parse_next_part(&cursor, ',', part, sizeof part)) > 0 && part[0] &&
           locations.count < FLEET_LOCATIONS_MOST)
        memcpy(locations.codes[locations.count++], part, sizeof part);
    if (rc)
        return error_set(err, WT_E_PARSE,
                         "%s is a list of at most %d codes such as DEU,FRA, not \"%s\"", name,
                         FLEET_LOCATIONS_MOST, text_escape_into(shown, sizeof shown, text));
    if (target)
        *(struct fleet_locations *)target = locations;
    return 0;
}

static int refuse_models(const char *name, const char *text, const char *part, struct wt_error *err)
{
    struct buffer names = {0};
    struct nearest search = {.word = part};
    char shown[80], meant[80];
    for (unsigned i = 0; synthetic_fleet_model_at(i); i++) {
        buffer_print(&names, "%s%s", i ? ", " : "", synthetic_fleet_model_at(i)->key);
        nearest_offer(&search, synthetic_fleet_model_at(i)->key);
    }
    error_set(err, WT_E_PARSE, "%s is a list of at most %d of %s, not \"%s\"%s", name,
              SYNTHETIC_MODELS_MOST, buffer_text(&names),
              text_escape_into(shown, sizeof shown, text),
              option_meant(nearest_name(&search), meant, sizeof meant));
    buffer_clear(&names);
    return WT_E_PARSE;
}

int synthetic_fleet_read_models(const char *name, const char *text, void *target,
                                struct wt_error *err)
{
    const struct synthetic_fleet_model *models[SYNTHETIC_MODELS_MOST];
    char part[32] = "";
    const char *cursor = text;
    unsigned count = 0;
    int rc;
    while ((rc = parse_next_part(&cursor, ',', part, sizeof part)) > 0) {
        const struct synthetic_fleet_model *model = synthetic_fleet_model_find(part);
        if (!model || count == SYNTHETIC_MODELS_MOST)
            return refuse_models(name, text, part, err);
        models[count++] = model;
    }
    if (rc || !count)
        return refuse_models(name, text, "", err);
    if (target) {
        struct synthetic_fleet_options *options = target;
        memcpy(options->models, models, count * sizeof models[0]);
        options->model_count = count;
    }
    return 0;
}

/* Without a fleet nothing is booked. */
static int check_alone(const struct given *given, struct wt_error *err)
{
    static const char *const booking[] = {"ledger", "location", "intensity", "pue"};
    for (unsigned i = 0; i < sizeof booking / sizeof booking[0]; i++)
        if (is_given(given, booking[i]))
            return error_set(err, WT_E_INVALID, "--%s goes with --fleet", booking[i]);
    return 0;
}

int synthetic_fleet_check(struct synthetic_fleet_settings *settings, const struct given *given,
                          const struct config *config, bool has_trace, struct wt_error *err)
{
    struct synthetic_fleet_options *options = &settings->options;
    if (!settings->wanted)
        return check_alone(given, err);
    /* A ledger that a file of settings names is the one of real runs. */
    if (!config_text(config, CONFIG_LEDGER) ||
        config->values[CONFIG_LEDGER].origin < CONFIG_ENVIRONMENT)
        return error_set(err, WT_E_INVALID,
                         "a simulated fleet is not booked into the usual ledger: name a new file "
                         "with --ledger");
    if (!options->model_count)
        synthetic_fleet_read_models("--gpu-models", has_trace ? "v100" : USUAL_MODELS, options,
                                    NULL);
    if (has_trace && options->model_count != 1)
        return error_set(err, WT_E_INVALID,
                         "a trace is of one GPU model: --gpu-models names that one");
    return 0;
}

/* A provider is never asked for an hour of a simulated fleet. */
static void intensity_at(void *ctx, int64_t unix_s, struct carbon_intensity *out)
{
    carbon_sources_intensity_at(ctx, unix_s, out);
}

/* The settings of a place: those of the configuration, but for the location unless it is NULL. */
static int open_place(const struct setup *setup, const char *location,
                      struct carbon_sources *carbon, struct booking_factors *factors,
                      struct wt_error *err)
{
    int rc = location ? config_put_flag(setup->config, CONFIG_LOCATION, location, err) : 0;
    if (rc == 0)
        rc = carbon_sources_open(carbon, setup->config, clock_wall_ms() / 1000, err);
    *factors = factors_of(carbon);
    factors->intensity_at = intensity_at;
    return rc;
}

static int book(const struct setup *setup, const struct synthetic_fleet_settings *settings,
                const char *path, struct synthetic_fleet_booked *booked, struct wt_error *err)
{
    static struct carbon_sources carbon[FLEET_LOCATIONS_MOST];
    struct booking_factors factors[FLEET_LOCATIONS_MOST];
    const struct fleet_locations *locations = &settings->locations;
    const struct synthetic_fleet_places places = {factors, locations->count ? locations->count : 1};
    struct ledger *ledger = NULL;
    unsigned opened = 0;
    int rc = 0;
    while (rc == 0 && opened < places.count) {
        rc = open_place(setup, locations->count ? locations->codes[opened] : NULL, &carbon[opened],
                        &factors[opened], err);
        opened++;
    }
    if (rc == 0)
        rc = open_ledger(setup, false, &ledger, err);
    if (rc == 0)
        rc = synthetic_fleet_book(ledger, path, &settings->options, &places, settings->watched,
                                  booked, err);
    ledger_close(ledger);
    while (opened > 0)
        carbon_sources_close(&carbon[--opened]);
    return rc;
}

static int print(const struct synthetic_fleet_settings *settings, const char *path,
                 const struct synthetic_fleet_booked *booked, bool json)
{
    const struct wt_simulated_fleet fleet = {.seed = settings->options.seed,
                                             .gpus = settings->options.gpus,
                                             .users = settings->options.users,
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

int synthetic_fleet_run(const struct setup *setup, const struct synthetic_fleet_settings *settings,
                        bool json)
{
    char path[4096];
    struct synthetic_fleet_booked booked;
    struct wt_error err;
    int rc = ledger_path(setup, path, sizeof path, &err);
    if (rc == 0)
        rc = book(setup, settings, path, &booked, &err);
    return rc ? command_failed(&err) : print(settings, path, &booked, json);
}
