/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune carbon: the factors of carbon, and the source of each number.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/hours.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "setup/carbon_sources.h"
#include "setup/config.h"
#include "show/json/documents.h"
#include "show/text/view.h"

enum { FIGURES_MOST = 16 };

static struct settings {
    bool json, list;
    int64_t at_ms; /* INT64_MIN: now */
    const char *gpu;
} settings = {.at_ms = INT64_MIN};

static const struct option_row options[] = {
    {.name = "at",
     .type = OPTION_TIME,
     .form = "TIME",
     .otherwise = "now",
     .to = OPTION_TO(struct settings, at_ms),
     .help = "Hour whose intensity to print (RFC 3339: 2025-03-01T12:00:00Z)"},
    {.name = "gpu",
     .type = OPTION_TEXT,
     .form = "MODEL",
     .most = OPTION_TEXT_MOST,
     .otherwise = "any GPU",
     .to = OPTION_TO(struct settings, gpu),
     .help = "GPU whose embodied carbon to print, by the driver's name for it"},
    {.name = "list",
     .to = OPTION_TO(struct settings, list),
     .help = "Print the tables: every location, every system and GPU"},
    JSON_ROW(struct settings, json),
    CONFIG_CARBON_DATA_KEYS(CONFIG_ROW){0}};

/* --- Figures --- */

struct sheet {
    const struct carbon_sources *carbon;
    const struct config *config;
    unsigned count;
    struct wt_figure figures[FIGURES_MOST];
};

static struct wt_figure *add(struct sheet *sheet, const char *name, const char *label, double value,
                             const char *unit)
{
    struct wt_figure *figure = &sheet->figures[sheet->count++];
    *figure = (struct wt_figure){
        .value = value, .low = NAN, .high = NAN, .devices = NAN, .unit = unit, .kind = "computed"};
    snprintf(figure->name, sizeof figure->name, "%s", name);
    snprintf(figure->label, sizeof figure->label, "%s", label);
    return figure;
}

/* A key of the configuration; `basis` is the source of its default, `year` that of the source. */
static void add_setting(struct sheet *sheet, enum config_id id, const char *label, const char *unit,
                        const char *basis, int year)
{
    static const char *const kinds[] = {"default", "file", "file", "environment", "flag"};
    bool is_default = sheet->config->values[id].origin == CONFIG_DEFAULT;
    char where[PATH_MAX + 16];
    struct wt_figure *figure =
        add(sheet, config_rows[id].setting.key, label, config_number(sheet->config, id), unit);
    figure->kind = kinds[sheet->config->values[id].origin];
    figure->year = is_default ? year : 0;
    text_escape_into(figure->source, sizeof figure->source,
                     is_default ? basis : config_where(sheet->config, id, where, sizeof where));
}

static void add_intensity(struct sheet *sheet, int64_t at_s)
{
    const struct carbon_sources *carbon = sheet->carbon;
    struct carbon_intensity intensity;
    carbon_sources_intensity_at(carbon, at_s, &intensity);
    struct wt_figure *figure =
        add(sheet, "intensity_g_per_kwh", "grid intensity", intensity.g_per_kwh, "g/kWh");
    figure->kind = carbon_intensity_source_name(intensity.source);
    figure->year = intensity.year;
    snprintf(figure->source, sizeof figure->source, "%s", intensity.source_text);
    snprintf(figure->remark, sizeof figure->remark, "%s", intensity.remark);
    double most_g_per_kwh = carbon_sources_most(carbon, at_s);
    figure = add(sheet, "most_24h_g_per_kwh", "its largest in 24 h", most_g_per_kwh, "g/kWh");
    figure->kind = isnan(most_g_per_kwh) ? "unknown" : "series";
    snprintf(figure->source, sizeof figure->source, "%s%.190s",
             carbon->has_series ? "series " : "needs a series (intensity_file)",
             carbon->series_path);
}

static void add_contract(struct sheet *sheet)
{
    if (isnan(sheet->carbon->contract_fraction))
        return;
    add_setting(sheet, CONFIG_CONTRACT, "contract", "g/kWh", "", 0);
    add_setting(sheet, CONFIG_CONTRACT_FRACTION, "part under contract", "", "all of the energy", 0);
    if (config_text(sheet->config, CONFIG_RESIDUAL))
        add_setting(sheet, CONFIG_RESIDUAL, "residual mix", "g/kWh", "", 0);
}

/* Embodied carbon of the system and of an hour of it: by SCI, then by Sustainable AI. */
static void add_system(struct sheet *sheet, const char *name, const char *model)
{
    const struct carbon_sources *carbon = sheet->carbon;
    struct carbon_system system;
    char label[160], key[80], shown[64];
    carbon_sources_system(carbon, model, &system);
    text_escape_into(shown, sizeof shown,
                     !model           ? "CPU system"
                     : system.assumed ? "GPU system"
                                      : model);
    snprintf(key, sizeof key, "%s_embodied_kg", name);
    int n = snprintf(label, sizeof label, "embodied, %s", shown);
    if (system.devices > 1)
        snprintf(label + n, sizeof label - (size_t)n, " of %g GPUs", system.devices);
    struct wt_figure *figure = add(sheet, key, label, system.kg, "kg");
    figure->low = system.low_kg;
    figure->high = system.high_kg;
    figure->devices = system.devices;
    figure->kind = system.assumed ? "assumed" : "table";
    figure->year = system.year;
    snprintf(figure->source, sizeof figure->source, "%s", system.source_text);
    const struct {
        const char *name, *label, *source;
        double utilisation;
    } hours[] = {
        {"reserved_g_per_hour", "an hour reserved", "utilisation 1 (SCI, ISO/IEC 21031:2024)", 1},
        {"useful_g_per_hour", "a useful hour", "divided by the utilisation (Sustainable AI)",
         carbon->utilisation}};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(key, sizeof key, "%s_%s", name, hours[i].name);
        snprintf(label, sizeof label, "  %s", hours[i].label);
        double grams = carbon_embodied_g(system.kg, S_PER_HOUR, carbon->lifetime_years,
                                         hours[i].utilisation, 1, 1);
        figure = add(sheet, key, label, grams, "g");
        figure->devices = system.devices;
        snprintf(figure->source, sizeof figure->source, "%s", hours[i].source);
    }
}

/* --- Printing --- */

static int print_document(struct json_doc *doc)
{
    struct wt_error err;
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    return rc ? command_failed(&err) : EXIT_DONE;
}

static int print_figures(const struct setup *setup, const struct carbon_sources *carbon,
                         int64_t at_ms)
{
    static struct sheet sheet;
    struct buffer page = {0};
    sheet = (struct sheet){.carbon = carbon, .config = setup->config};
    add_intensity(&sheet, at_ms / 1000);
    add_contract(&sheet);
    add_setting(&sheet, CONFIG_PUE, "PUE", "", "Sustainable AI (Wu et al., MLSys'22): its fleet",
                2022);
    add_setting(&sheet, CONFIG_LIFETIME_YEARS, "lifetime", "years",
                "Sustainable AI (Wu et al., MLSys'22): 3 to 5", 2022);
    add_setting(&sheet, CONFIG_UTILISATION, "utilisation", "",
                "Sustainable AI (Wu et al., MLSys'22): 0.3 to 0.6", 2022);
    add_system(&sheet, "gpu", settings.gpu ? settings.gpu : "any");
    add_system(&sheet, "cpu", NULL);
    if (settings.json)
        return print_document(json_carbon_document(
            at_ms, carbon->location[0] ? carbon->location : NULL, sheet.figures, sheet.count));
    view_figures(&page, sheet.figures, sheet.count, command_colour(setup));
    return command_print(&page);
}

static void put_intensities(struct wt_figure *figures, const struct carbon_intensity_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct carbon_intensity_row *row = &table->rows[i];
        struct wt_figure *figure = &figures[i];
        *figure = (struct wt_figure){
            .value = row->g_per_kwh, .low = NAN, .high = NAN, .devices = NAN, .year = row->year};
        memcpy(figure->name, row->code, sizeof row->code);
        memcpy(figure->label, row->name, sizeof row->name);
        memcpy(figure->source, row->source, sizeof row->source);
    }
}

static void put_embodied(struct wt_figure *figures, const struct carbon_embodied_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct carbon_embodied_row *row = &table->rows[i];
        struct wt_figure *figure = &figures[i];
        *figure = (struct wt_figure){.value = row->kg,
                                     .low = row->low_kg,
                                     .high = row->high_kg,
                                     .devices = row->devices,
                                     .year = row->year,
                                     .kind = carbon_embodied_kind_name(row->kind)};
        memcpy(figure->name, row->name, sizeof row->name);
        memcpy(figure->label, row->match, sizeof row->match);
        memcpy(figure->source, row->source, sizeof row->source);
    }
}

/* Lists the user's rows first: of two rows for the same thing the first counts. */
static int print_tables(const struct setup *setup, const struct carbon_sources *carbon)
{
    size_t own_places = carbon->own_intensities.count,
           places = own_places + carbon->intensities.count;
    size_t own_things = carbon->own_embodied.count, things = own_things + carbon->embodied.count;
    struct wt_figure *figures = calloc(places + things + 1, sizeof *figures);
    struct buffer page = {0};
    if (!figures) {
        struct wt_error err;
        error_set(&err, WT_E_NO_MEMORY, "out of memory");
        return command_failed(&err);
    }
    put_intensities(figures, &carbon->own_intensities);
    put_intensities(figures + own_places, &carbon->intensities);
    put_embodied(figures + places, &carbon->own_embodied);
    put_embodied(figures + places + own_things, &carbon->embodied);
    int code;
    if (settings.json) {
        code =
            print_document(json_carbon_tables_document(figures, places, figures + places, things));
    } else {
        view_carbon_tables(&page, figures, places, figures + places, things, command_colour(setup));
        code = command_print(&page);
    }
    free(figures);
    return code;
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    static struct carbon_sources carbon;
    struct wt_error err;
    int64_t now_ms = clock_wall_ms();
    int rc = carbon_sources_open(&carbon, setup->config, now_ms / 1000, &err);
    if (rc == 0 && !settings.list && settings.at_ms == INT64_MIN &&
        carbon_sources_refresh(&carbon, now_ms / 1000, &err))
        log_warning("%s", err.text);
    int code =
        rc ? command_failed(&err)
        : settings.list
            ? print_tables(setup, &carbon)
            : print_figures(setup, &carbon, settings.at_ms != INT64_MIN ? settings.at_ms : now_ms);
    carbon_sources_close(&carbon);
    return code;
}

const struct command command_carbon = {
    .name = "carbon",
    .summary = "print the factors of carbon and their sources",
    .description =
        "Operational carbon is energy times the PUE times the grid's intensity. The intensity is "
        "the first available of: --intensity, a series by the hour (intensity_file), a provider "
        "(provider_url), the yearly average of --location, the world's average. Nothing guesses "
        "the place of this machine, and without a provider no request goes over the network. When "
        "a source has no value for an hour, the next one counts, and the figure's remark says so; "
        "no value is interpolated.\n\n"
        "Embodied carbon is the carbon of making the system, spread over its lifetime. It is shown "
        "twice: per hour reserved (SCI), which adds up to the whole, and per hour of useful work "
        "(Sustainable AI), which is divided by the utilisation; the two are never summed.\n\n"
        "Your own files precede the built-in tables. A series has the columns time,g_per_kwh; a "
        "value holds for an hour, or for the 30, 20, 15, 10 or 5 minutes that lie between the "
        "rows. A table of intensities has code,name,g_per_kwh,source,year. A table of embodied "
        "carbon has name,kind,match,kg,low_kg,high_kg,devices,source,year: kind is gpu_system, "
        "cpu_system, gpu or part, match is a part of the driver's name of a GPU, devices the "
        "number of devices that share the kg. In place of kg a GPU may have die_mm2, node_nm, "
        "fab_g_per_kwh and packages, from which die and package are estimated as in ACT.",
    .examples = "  wattune carbon --location DEU\n  wattune carbon --list\n"
                "  wattune carbon --intensity-file grid.csv --at 2025-03-01T12:00:00Z --json\n"
                "  wattune carbon --gpu 'NVIDIA A100-SXM4-40GB'\n",
    .options = options,
    .groups = COMMON_CARBON,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
