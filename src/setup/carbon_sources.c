/* SPDX-License-Identifier: Apache-2.0
 *
 * From the configuration to the figures of carbon.
 */
#include "setup/carbon_sources.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hours.h"
#include "base/log.h"
#include "base/text.h"
#include "setup/carbon_provider.h"

/* Ten years of 5 minutes have some 30 MB; a larger file is something else. */
static const size_t FILE_MOST_BYTES = 64u << 20;

enum { ANSWERS_MOST = 2 * 366 * 24 };

/* The provider, and its answers until now. */
struct carbon_provider {
    char *url, *zone, *token; /* token NULL: none */
    char shown[200];
    struct carbon_answer *answers;
    size_t count;
    int64_t failed_hour_s, looked_back_s;
    char failure[200]; /* empty: the last question was answered */
};

/* --- Opening --- */

static double number_or_nan(const struct config *config, enum config_id id)
{
    return config_text(config, id) ? config_number(config, id) : (double)NAN;
}

/* The file that a key names; WT_E_INVALID when it cannot be read: it is the setting that is wrong.
 */
static int read_named(const struct config *config, enum config_id id, struct buffer *text,
                      struct wt_error *err)
{
    char where[PATH_MAX + 16];
    int rc = file_read(config_text(config, id), FILE_MOST_BYTES, text, err);
    if (rc == 0 || rc == WT_E_NO_MEMORY)
        return rc;
    error_prefix(err, "%.120s", config_where(config, id, where, sizeof where));
    return err ? err->code = rc == WT_E_NO_PERMISSION ? rc : WT_E_INVALID : rc;
}

static int open_tables(struct carbon_sources *settings, const struct config *config,
                       struct wt_error *err)
{
    struct buffer text = {0};
    int rc = carbon_intensity_builtin(&settings->intensities, err);
    if (rc == 0)
        rc = carbon_embodied_builtin(&settings->embodied, err);
    if (rc == 0 && config_text(config, CONFIG_INTENSITY_TABLE)) {
        rc = read_named(config, CONFIG_INTENSITY_TABLE, &text, err);
        if (rc == 0)
            rc = carbon_intensity_table_parse(&settings->own_intensities,
                                              config_text(config, CONFIG_INTENSITY_TABLE), &text,
                                              err);
        buffer_clear(&text);
    }
    if (rc == 0 && config_text(config, CONFIG_EMBODIED_TABLE)) {
        rc = read_named(config, CONFIG_EMBODIED_TABLE, &text, err);
        if (rc == 0)
            rc = carbon_embodied_parse(&settings->own_embodied,
                                       config_text(config, CONFIG_EMBODIED_TABLE), &text, err);
        buffer_clear(&text);
    }
    return rc;
}

static int open_series(struct carbon_sources *settings, const struct config *config, int64_t now_s,
                       struct wt_error *err)
{
    const char *path = config_text(config, CONFIG_INTENSITY_FILE);
    struct buffer text = {0};
    if (!path)
        return 0;
    int rc = read_named(config, CONFIG_INTENSITY_FILE, &text, err);
    if (rc == 0)
        rc = carbon_series_parse(&settings->series, path, &text, now_s, err);
    buffer_clear(&text);
    if (rc)
        return rc;
    settings->has_series = true;
    text_escape_into(settings->series_path, sizeof settings->series_path, path);
    if (settings->series.remark[0])
        log_note("%s: %s", settings->series_path, settings->series.remark);
    return 0;
}

static int find_location(const struct carbon_sources *settings, const char *code,
                         const struct carbon_intensity_row **row, struct wt_error *err)
{
    const struct carbon_intensity_table *const tables[] = {&settings->own_intensities,
                                                           &settings->intensities};
    return carbon_intensity_find(tables, 2, code, row, err);
}

/* A location that is in no table is a mistake even where another source goes first: it would be
 * found out too late. */
static int open_location(struct carbon_sources *settings, const struct config *config,
                         struct wt_error *err)
{
    const struct carbon_intensity_row *row;
    const char *code = config_text(config, CONFIG_LOCATION);
    char where[PATH_MAX + 16];
    if (!code)
        return 0;
    int rc = find_location(settings, code, &row, err);
    if (rc == 0) {
        memcpy(settings->location, row->code, sizeof settings->location);
        return 0;
    }
    if (err) {
        error_prefix(err, "%.120s", config_where(config, CONFIG_LOCATION, where, sizeof where));
        size_t length = strlen(err->text);
        snprintf(err->text + length, sizeof err->text - length,
                 " (`wattune carbon --list` has them all)");
        err->code = WT_E_INVALID;
    }
    return WT_E_INVALID;
}

static int open_provider(struct carbon_sources *settings, const struct config *config,
                         struct wt_error *err)
{
    const char *url = config_text(config, CONFIG_PROVIDER_URL),
               *zone = config_text(config, CONFIG_PROVIDER_ZONE);
    const char *token = config_text(config, CONFIG_PROVIDER_TOKEN);
    char where[PATH_MAX + 16], shown[4200];
    if (!url)
        return 0;
    if (!zone)
        return error_set(err, WT_E_INVALID,
                         "%.120s: a provider needs provider_zone, the place as it calls it (DE)",
                         config_where(config, CONFIG_PROVIDER_URL, where, sizeof where));
    struct carbon_provider *provider = settings->provider = calloc(1, sizeof *provider);
    if (provider) {
        provider->url = strdup(url);
        provider->zone = strdup(zone);
        provider->token = token ? strdup(token) : NULL;
    }
    if (!provider || !provider->url || !provider->zone || (token && !provider->token))
        return error_set(err, WT_E_NO_MEMORY, "read the configuration: out of memory");
    text_escape_into(provider->shown, sizeof provider->shown,
                     config_shown(config, CONFIG_PROVIDER_URL, shown, sizeof shown));
    return 0;
}

static void close_provider(struct carbon_provider *provider)
{
    if (!provider)
        return;
    free(provider->url);
    free(provider->zone);
    free(provider->token);
    free(provider->answers);
    free(provider);
}

/* A grid below a gram there is none: a value in kg is more likely. */
static void say_doubts(const struct carbon_sources *settings)
{
    if (settings->given_g_per_kwh > 0 && settings->given_g_per_kwh < 1)
        log_warning("%s says %g g CO2e/kWh, which is less than any grid's; is it in kg/kWh?",
                    settings->given_where, settings->given_g_per_kwh);
    if (isnan(settings->contract_fraction) && !isnan(settings->residual_g_per_kwh))
        log_warning("residual_g_per_kwh does nothing without contract_g_per_kwh");
}

static int open_numbers(struct carbon_sources *settings, const struct config *config,
                        struct wt_error *err)
{
    char where[PATH_MAX + 16], text[180];
    settings->given_g_per_kwh = number_or_nan(config, CONFIG_INTENSITY);
    text_escape_into(settings->given_where, sizeof settings->given_where,
                     config_where(config, CONFIG_INTENSITY, where, sizeof where));
    settings->pue = config_number(config, CONFIG_PUE);
    snprintf(settings->pue_where, sizeof settings->pue_where, "assumed");
    if (config->values[CONFIG_PUE].origin != CONFIG_DEFAULT)
        snprintf(settings->pue_where, sizeof settings->pue_where, "given by %s",
                 text_escape_into(text, sizeof text,
                                  config_where(config, CONFIG_PUE, where, sizeof where)));
    settings->lifetime_years = config_number(config, CONFIG_LIFETIME_YEARS);
    settings->utilisation = config_number(config, CONFIG_UTILISATION);
    settings->contract_g_per_kwh = number_or_nan(config, CONFIG_CONTRACT);
    settings->residual_g_per_kwh = number_or_nan(config, CONFIG_RESIDUAL);
    settings->contract_fraction = config_text(config, CONFIG_CONTRACT)
                                      ? config_number(config, CONFIG_CONTRACT_FRACTION)
                                      : (double)NAN;
    double gpus =
        config_text(config, CONFIG_SYSTEM_GPUS) ? config_number(config, CONFIG_SYSTEM_GPUS) : 0;
    if (gpus != trunc(gpus))
        return error_set(err, WT_E_INVALID, "%.120s: system_gpus is a whole number, not %g",
                         config_where(config, CONFIG_SYSTEM_GPUS, where, sizeof where), gpus);
    settings->system_gpus = (unsigned)gpus;
    return 0;
}

int carbon_sources_open(struct carbon_sources *settings, const struct config *config, int64_t now_s,
                        struct wt_error *err)
{
    *settings = (struct carbon_sources){0};
    int rc = open_numbers(settings, config, err);
    if (rc == 0)
        rc = open_tables(settings, config, err);
    if (rc == 0)
        rc = open_location(settings, config, err);
    if (rc == 0)
        rc = open_series(settings, config, now_s, err);
    if (rc == 0)
        rc = open_provider(settings, config, err);
    if (rc == 0)
        say_doubts(settings);
    return rc;
}

void carbon_sources_close(struct carbon_sources *settings)
{
    carbon_intensity_table_clear(&settings->own_intensities);
    carbon_intensity_table_clear(&settings->intensities);
    carbon_embodied_clear(&settings->own_embodied);
    carbon_embodied_clear(&settings->embodied);
    carbon_series_clear(&settings->series);
    close_provider(settings->provider);
    *settings = (struct carbon_sources){0};
}

/* --- The provider --- */

static const struct carbon_answer *answer_of(const struct carbon_provider *provider, int64_t unix_s)
{
    for (size_t i = provider->count; i > 0; i--)
        if (provider->answers[i - 1].hour_s == hours_floor_s(unix_s))
            return &provider->answers[i - 1];
    return NULL;
}

static int keep(struct carbon_provider *provider, const struct carbon_answer *answer,
                struct wt_error *err)
{
    if (provider->count == ANSWERS_MOST)
        return error_set(err, WT_E_RANGE, "two years of answers are enough");
    struct carbon_answer *answers =
        realloc(provider->answers, (provider->count + 1) * sizeof *answers);
    if (!answers)
        return error_set(err, WT_E_NO_MEMORY, "keep a provider's answer: out of memory");
    provider->answers = answers;
    provider->answers[provider->count++] = *answer;
    return 0;
}

int carbon_sources_refresh(struct carbon_sources *settings, int64_t now_s, struct wt_error *err)
{
    struct carbon_provider *provider = settings->provider;
    struct carbon_answer answer;
    struct wt_error why = {0};
    const struct carbon_answer *known = provider ? answer_of(provider, now_s) : NULL;
    /* Another source goes first; or the hour's own value is here, and a late one may still be
     * replaced. */
    if (!provider || !isnan(settings->given_g_per_kwh) || (known && known->of_s >= known->hour_s))
        return 0;
    int rc = carbon_provider_ask(provider->url, provider->shown, provider->zone, provider->token,
                                 now_s, &answer, &why);
    if (rc == 0)
        rc = keep(provider, &answer, &why);
    provider->failed_hour_s = rc ? hours_floor_s(now_s) : 0;
    text_escape_into(provider->failure, sizeof provider->failure, rc ? why.text : "");
    return rc ? error_set(err, rc, "%s", why.text) : 0;
}

int carbon_sources_look_back(struct carbon_sources *settings, int64_t unix_s, int64_t now_s,
                             struct wt_error *err)
{
    struct carbon_provider *provider = settings->provider;
    struct carbon_answer answers[CARBON_HISTORY_MOST];
    size_t count;
    if (!provider || !isnan(settings->given_g_per_kwh) || unix_s >= hours_floor_s(now_s) ||
        unix_s < hours_floor_s(now_s) - HOURS_PER_DAY * S_PER_HOUR ||
        provider->looked_back_s == hours_floor_s(now_s) || answer_of(provider, unix_s) ||
        (settings->has_series && !isnan(carbon_series_at(&settings->series, unix_s))))
        return 0;
    provider->looked_back_s = hours_floor_s(now_s);
    int rc = carbon_provider_ask_history(provider->url, provider->shown, provider->zone,
                                         provider->token, now_s, answers, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (!answer_of(provider, answers[i].hour_s))
            rc = keep(provider, &answers[i], err);
    return rc;
}

/* --- Intensity --- */

static void put_remark(struct carbon_intensity *out, const char *words)
{
    size_t used = strlen(out->remark);
    snprintf(out->remark + used, sizeof out->remark - used, "%s%s", used ? "; " : "", words);
}

/* Each source in turn: true when it has a value, otherwise it may leave a remark. */
static bool from_given(const struct carbon_sources *settings, int64_t unix_s,
                       struct carbon_intensity *out)
{
    (void)unix_s;
    if (isnan(settings->given_g_per_kwh))
        return false;
    out->source = CARBON_INTENSITY_GIVEN;
    out->g_per_kwh = settings->given_g_per_kwh;
    snprintf(out->source_text, sizeof out->source_text, "given by %.190s", settings->given_where);
    return true;
}

static bool from_series(const struct carbon_sources *settings, int64_t unix_s,
                        struct carbon_intensity *out)
{
    char words[160], path[100];
    if (!settings->has_series)
        return false;
    text_escape_into(path, sizeof path, settings->series_path);
    out->g_per_kwh = carbon_series_at(&settings->series, unix_s);
    if (isnan(out->g_per_kwh)) {
        snprintf(words, sizeof words, "the series %s has no value for this hour", path);
        put_remark(out, words);
        return false;
    }
    out->source = CARBON_INTENSITY_SERIES;
    snprintf(out->source_text, sizeof out->source_text, "series %s%s", path,
             carbon_series_is_forecast(&settings->series, unix_s) ? ", a forecast" : "");
    return true;
}

static bool from_provider(const struct carbon_sources *settings, int64_t unix_s,
                          struct carbon_intensity *out)
{
    const struct carbon_provider *provider = settings->provider;
    char of[32];
    if (!provider)
        return false;
    const struct carbon_answer *answer = answer_of(provider, unix_s);
    if (!answer) {
        bool failed = provider->failure[0] && provider->failed_hour_s == hours_floor_s(unix_s);
        put_remark(out, failed                    ? provider->failure
                        : provider->looked_back_s ? "the provider has no value for this hour"
                                                  : "the provider was not asked in this hour");
        return false;
    }
    out->source = CARBON_INTENSITY_PROVIDER;
    out->g_per_kwh = answer->g_per_kwh;
    snprintf(out->source_text, sizeof out->source_text,
             "provider %.90s, zone %.40s, value of %.16sZ%s", provider->shown, provider->zone,
             clock_format_wall(answer->of_s * 1000, of),
             answer->estimated ? ", estimated by it" : "");
    return true;
}

static bool from_table(const struct carbon_sources *settings, int64_t unix_s,
                       struct carbon_intensity *out)
{
    const struct carbon_intensity_row *row;
    (void)unix_s;
    if (!settings->location[0] || find_location(settings, settings->location, &row, NULL))
        return false;
    out->source = CARBON_INTENSITY_TABLE;
    out->g_per_kwh = row->g_per_kwh;
    out->year = row->year;
    snprintf(out->source_text, sizeof out->source_text, "%s: %s", row->code, row->source);
    return true;
}

static bool from_assumption(const struct carbon_sources *settings, int64_t unix_s,
                            struct carbon_intensity *out)
{
    const struct carbon_intensity_row *row;
    (void)unix_s;
    if (find_location(settings, CARBON_WORLD_CODE, &row, NULL))
        return false;
    out->source = CARBON_INTENSITY_ASSUMED;
    out->g_per_kwh = row->g_per_kwh;
    out->year = row->year;
    snprintf(out->source_text, sizeof out->source_text, "%s", CARBON_ASSUMED_TEXT);
    return true;
}

void carbon_sources_intensity_at(const struct carbon_sources *settings, int64_t unix_s,
                                 struct carbon_intensity *out)
{
    static bool (*const sources[])(const struct carbon_sources *, int64_t,
                                   struct carbon_intensity *) = {
        from_given, from_series, from_provider, from_table, from_assumption};
    *out = (struct carbon_intensity){.source = CARBON_INTENSITY_NONE};
    for (unsigned i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (sources[i](settings, unix_s, out))
            return;
    out->g_per_kwh = NAN;
    snprintf(out->source_text, sizeof out->source_text, "unknown");
}

double carbon_sources_most(const struct carbon_sources *settings, int64_t now_s)
{
    return settings->has_series ? carbon_series_most(&settings->series, now_s) : (double)NAN;
}

/* --- Embodied --- */

static const struct carbon_embodied_row *first_of(const struct carbon_sources *settings,
                                                  enum carbon_embodied_kind kind)
{
    const struct carbon_embodied_row *own = carbon_embodied_first(&settings->own_embodied, kind);
    return own ? own : carbon_embodied_first(&settings->embodied, kind);
}

void carbon_sources_system(const struct carbon_sources *settings, const char *gpu_model,
                           struct carbon_system *out)
{
    bool has_gpu = gpu_model && *gpu_model;
    const struct carbon_embodied_row *row =
        has_gpu ? carbon_embodied_gpu(&settings->own_embodied, gpu_model) : NULL;
    if (has_gpu && !row)
        row = carbon_embodied_gpu(&settings->embodied, gpu_model);
    bool assumed = has_gpu && !row;
    if (!row)
        row = first_of(settings, has_gpu ? CARBON_GPU_SYSTEM : CARBON_CPU_SYSTEM);
    *out = (struct carbon_system){
        .kg = NAN, .low_kg = NAN, .high_kg = NAN, .devices = NAN, .assumed = assumed};
    if (!row)
        return;
    out->kg = row->kg;
    out->low_kg = row->low_kg;
    out->high_kg = row->high_kg;
    out->devices = row->devices;
    out->from_parts = row->from_parts;
    out->year = row->year;
    /* The configuration says how many GPUs share a system; a figure for one GPU is shared by
     * nobody. */
    if (row->kind == CARBON_GPU_SYSTEM && settings->system_gpus)
        out->devices = settings->system_gpus;
    snprintf(out->source_text, sizeof out->source_text, "%s: %s%s%s", row->name, row->source,
             row->from_parts ? "; estimated by ACT from die and package, without memory and board"
                             : "",
             assumed ? "; the default for a GPU without a figure of its own" : "");
}

bool carbon_sources_contract(const struct carbon_sources *settings, double facility_kwh,
                             struct carbon_contract *out)
{
    if (isnan(settings->contract_fraction))
        return false;
    *out = (struct carbon_contract){.contracted_kwh = facility_kwh * settings->contract_fraction,
                                    .contract_g_per_kwh = settings->contract_g_per_kwh,
                                    .residual_g_per_kwh = settings->residual_g_per_kwh};
    return true;
}
