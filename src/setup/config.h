/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: one table of keys, and for each the value in force with where it came from.
 * Flags go before WATTUNE_* variables, those before the user's file, that before the machine's
 * file, that before the default.  Options of commands are rows of the same table, so that a setting
 * is checked by one rule wherever it is written.
 *
 * A file has one `name = value` a line; # and ; begin a remark.  It is read through inih, here and
 * nowhere else.
 */
#ifndef WATTUNE_SETUP_CONFIG_H
#define WATTUNE_SETUP_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "flow/profile.h"

enum config_type {
    CONFIG_TEXT,   /* least and most bytes */
    CONFIG_NUMBER, /* from least to most */
    CONFIG_CHOICE, /* an alternative of its form */
    CONFIG_WATTS,  /* auto, or a list of watts */
};

/* What is never shown whole. */
enum config_secret {
    CONFIG_ADDRESS = 1, /* may hold a password */
    CONFIG_TOKEN,       /* is one; without a flag, for others see the arguments of a process */
};

/* The keys: X(id, name, variable, flag, type, form, least, most, default, secret, help); secret is
 * an enum config_secret or false.  The lists are apart because they are options of different
 * commands. */
#define CONFIG_DEVICE_KEYS(X)                                                                      \
    X(GPUS, "gpus", "WATTUNE_GPUS", "gpus", CONFIG_TEXT, "LIST", 0, 4000, NULL, false,             \
      "GPUs by index in PCI order, UUID (a unique prefix is enough) or PCI address; without it "   \
      "what CUDA_VISIBLE_DEVICES leaves")                                                          \
    X(NVML, "nvml", "WATTUNE_NVML", "nvml", CONFIG_TEXT, "PATH", 1, 4000, NULL, false,             \
      "another NVML library (WATTUNE_NVML)")                                                       \
    X(VGPU, "vgpu", "WATTUNE_VGPU", "vgpu", CONFIG_TEXT,                                           \
      "p100|v100|a40|rtx6000|a100|h100|SPEC|FILE", 1, 4000, NULL, false,                           \
      "virtual GPUs: a model, with a count (a40:4), a comma list, or the path of a machine file "  \
      "(WATTUNE_VGPU)")                                                                            \
    X(SENSOR_ERROR, "sensor_error_fraction", "WATTUNE_SENSOR_ERROR_FRACTION",                      \
      "sensor-error-fraction", CONFIG_NUMBER, "F", 0.0001, 1, NULL, false,                         \
      "how far the GPUs' sensors may be off by gain and offset, as a fraction, for who "           \
      "has held them against a meter (default: what is published of the model)")
#define CONFIG_LEDGER_KEYS(X)                                                                      \
    X(LEDGER, "ledger", "WATTUNE_LEDGER", "ledger", CONFIG_TEXT, "PATH", 1, 4000, NULL,            \
      CONFIG_ADDRESS, "the ledger (WATTUNE_LEDGER; by default ~/.local/share/wattune/ledger.db)")
#define CONFIG_GENERAL_KEYS(X)                                                                     \
    X(COLOR, "color", "WATTUNE_COLOR", "color", CONFIG_CHOICE, "auto|yes|no", 0, 0, "auto", false, \
      "colours: on a terminal (auto, the default), always or never")
#define CONFIG_ETA_KEY(X)                                                                          \
    X(ETA, "eta", "WATTUNE_ETA", "eta", CONFIG_NUMBER, "E", 0, 1, "0.5", false,                    \
      "trade-off: 1 counts only energy, 0 only time (default 0.5)")
#define CONFIG_RUN_KEYS(X)                                                                         \
    X(PHASE, "phase", "WATTUNE_PHASE", "phase", CONFIG_CHOICE,                                     \
      "data|experimentation|training|inference", 0, 0, "training", false,                          \
      "what the run is part of (default training)")                                                \
    X(PROJECT, "project", "WATTUNE_PROJECT", "project", CONFIG_TEXT, "NAME", 1, WT_JOB_LEN - 1,    \
      NULL, false, "the project it is booked for")                                                 \
    CONFIG_ETA_KEY(X)                                                                              \
    X(POWER_LIMITS, "power_limits", "WATTUNE_POWER_LIMITS", "power-limits", CONFIG_WATTS,          \
      "auto|W,W,...", 1, 10000, "auto", false,                                                     \
      "limits to try, in watts (default auto: every 25 W from the largest down)")                  \
    X(SEARCH, "search", "WATTUNE_SEARCH", "search", CONFIG_CHOICE, "adaptive|sweep", 0, 0,         \
      "adaptive", false,                                                                           \
      "how limits are searched: adaptive measures a few and stops when more would gain little, "   \
      "sweep measures "                                                                            \
      "every one (default adaptive)")                                                              \
    X(BASELINE, "baseline", "WATTUNE_BASELINE", "baseline", CONFIG_CHOICE, "yes|no", 0, 0, "yes",  \
      false, "slices at the starting limit that prove what is saved (default yes)")                \
    X(PROGRESS, "progress", "WATTUNE_PROGRESS", "progress", CONFIG_CHOICE,                         \
      "auto|channel|none|pattern:REGEX", 0, 0, "auto", false,                                      \
      "where steps come from: the channel (wt_step), a pattern on the output, or nowhere "         \
      "(default auto)")
/* Carbon: what is an option of every command that books or reports it, and what is told once, in a
 * file. */
#define CONFIG_CARBON_KEYS(X)                                                                      \
    X(LOCATION, "location", "WATTUNE_LOCATION", "location", CONFIG_TEXT, "CODE", 1, 15, NULL,      \
      false,                                                                                       \
      "where the electricity is used: a country (ISO 3166, three letters: DEU) or a region of "    \
      "the table; without it "                                                                     \
      "the world's average is assumed, and said to be")                                            \
    X(INTENSITY, "intensity_g_per_kwh", "WATTUNE_INTENSITY_G_PER_KWH", "intensity", CONFIG_NUMBER, \
      "G_PER_KWH", 0, 5000, NULL, false,                                                           \
      "carbon intensity of the electricity in g CO2e/kWh, before every other source of it")        \
    X(PUE, "pue", "WATTUNE_PUE", "pue", CONFIG_NUMBER, "X", 1, 10, "1.1", false,                   \
      "what the whole facility draws for each unit that its computers draw (default 1.1)")
#define CONFIG_CARBON_DATA_KEYS(X)                                                                 \
    X(INTENSITY_FILE, "intensity_file", "WATTUNE_INTENSITY_FILE", "intensity-file", CONFIG_TEXT,   \
      "FILE", 1, 4000, NULL, false,                                                                \
      "a series of carbon intensities: CSV with time (RFC 3339) and g CO2e/kWh, by the hour")      \
    X(INTENSITY_TABLE, "intensity_table", "WATTUNE_INTENSITY_TABLE", "intensity-table",            \
      CONFIG_TEXT, "FILE", 1, 4000, NULL, false,                                                   \
      "yearly averages that go before the project's: CSV with code, name, g_per_kwh, source, "     \
      "year")                                                                                      \
    X(EMBODIED_TABLE, "embodied_table", "WATTUNE_EMBODIED_TABLE", "embodied-table", CONFIG_TEXT,   \
      "FILE", 1, 4000, NULL, false,                                                                \
      "embodied carbon of systems and GPUs that goes before the project's: CSV, see "              \
      "`wattune-carbon`(1)")                                                                       \
    X(LIFETIME_YEARS, "lifetime_years", "WATTUNE_LIFETIME_YEARS", "lifetime-years", CONFIG_NUMBER, \
      "YEARS", 0.1, 100, "4", false,                                                               \
      "how long a system is used, over which its embodied carbon is spread (default 4)")           \
    X(UTILISATION, "utilisation", "WATTUNE_UTILISATION", "utilisation", CONFIG_NUMBER, "F", 0.01,  \
      1, "0.45", false,                                                                            \
      "the part of its lifetime in which a system does useful work, as a fraction (default 0.45)") \
    X(SYSTEM_GPUS, "system_gpus", "WATTUNE_SYSTEM_GPUS", "system-gpus", CONFIG_NUMBER, "N", 1,     \
      1024, NULL, false,                                                                           \
      "how many GPUs a system has, among which its embodied carbon is shared (without it: those "  \
      "of the node)")                                                                              \
    X(CONTRACT, "contract_g_per_kwh", "WATTUNE_CONTRACT_G_PER_KWH", "contract-g-per-kwh",          \
      CONFIG_NUMBER, "G_PER_KWH", 0, 5000, NULL, false,                                            \
      "carbon intensity by contract, for market-based figures; without it there are none")         \
    X(CONTRACT_FRACTION, "contract_fraction", "WATTUNE_CONTRACT_FRACTION", "contract-fraction",    \
      CONFIG_NUMBER, "F", 0, 1, "1", false,                                                        \
      "the part of the energy that the contract covers, as a fraction (default 1)")                \
    X(RESIDUAL, "residual_g_per_kwh", "WATTUNE_RESIDUAL_G_PER_KWH", "residual-g-per-kwh",          \
      CONFIG_NUMBER, "G_PER_KWH", 0, 5000, NULL, false,                                            \
      "carbon intensity of the residual mix, for what the contract does not cover")                \
    X(PROVIDER_URL, "provider_url", "WATTUNE_PROVIDER_URL", "provider-url", CONFIG_TEXT, "URL", 1, \
      4000, NULL, CONFIG_ADDRESS,                                                                  \
      "a provider of carbon intensities over HTTP (Electricity Maps, v3); without it nothing is "  \
      "asked")                                                                                     \
    X(PROVIDER_ZONE, "provider_zone", "WATTUNE_PROVIDER_ZONE", "provider-zone", CONFIG_TEXT,       \
      "ZONE", 1, 40, NULL, false, "the zone as the provider calls it (DE, US-CAL-CISO)")
/* Not on a command line. */
#define CONFIG_TOKEN_KEYS(X)                                                                       \
    X(PROVIDER_TOKEN, "provider_token", "WATTUNE_PROVIDER_TOKEN", NULL, CONFIG_TEXT, "TOKEN", 1,   \
      400, NULL, CONFIG_TOKEN, "the token that the provider of carbon intensities wants")
#define CONFIG_KEYS(X)                                                                             \
    CONFIG_DEVICE_KEYS(X)                                                                          \
    CONFIG_LEDGER_KEYS(X)                                                                          \
    CONFIG_GENERAL_KEYS(X)                                                                         \
    CONFIG_RUN_KEYS(X) CONFIG_CARBON_KEYS(X) CONFIG_CARBON_DATA_KEYS(X) CONFIG_TOKEN_KEYS(X)

#define CONFIG_ID(id, ...) CONFIG_##id,
enum config_id { CONFIG_KEYS(CONFIG_ID) CONFIG_COUNT };
#undef CONFIG_ID

/* A key's row as an option of a command; its argp key is CONFIG_FLAG + its id. */
enum { CONFIG_FLAG = 2000 };
#define CONFIG_OPTION(id, name, variable, flag, type, form, least, most, fallback, secret, help)   \
    {flag, (int)CONFIG_FLAG + CONFIG_##id, form, 0, help, 0},

struct config_key {
    const char *name, *variable;
    const char *flag; /* NULL: none */
    enum config_type type;
    const char *form;
    double least, most;
    const char *fallback; /* NULL: none */
    unsigned secret;      /* enum config_secret; 0: none */
    const char *help;
};
extern const struct config_key config_keys[CONFIG_COUNT];

/* From weak to strong. */
enum config_origin {
    CONFIG_DEFAULT,
    CONFIG_SYSTEM_FILE,
    CONFIG_USER_FILE,
    CONFIG_ENVIRONMENT,
    CONFIG_FROM_FLAG
};

struct config_value {
    char *text; /* NULL: not set, and no default */
    enum config_origin origin;
    unsigned line; /* of the file */
};

/* Where configuration is looked for; "" : nowhere. */
struct config_places {
    char system_path[PATH_MAX], user_path[PATH_MAX];
    const char *(*variable)(const char *name); /* NULL: no environment */
};

struct config {
    struct config_places places;
    struct config_value values[CONFIG_COUNT];
};

/* The usual places.  Root acting for somebody else (sudo) reads no user's file. */
void config_usual_places(struct config_places *places);

/* Fills an empty struct; the caller frees what it holds with config_clear().  WT_E_PARSE and
 * WT_E_RANGE name file and line or the variable; then *config holds the defaults. */
int config_load(struct config *config, const struct config_places *places, struct wt_error *err);
void config_clear(struct config *config);

/* The strongest word: the flag of a key (0 <= id < CONFIG_COUNT).  WT_E_PARSE: the sentence says
 * what the flag takes. */
int config_put_flag(struct config *config, enum config_id id, const char *text,
                    struct wt_error *err);

/* The value in force; NULL: not set. */
const char *config_text(const struct config *config, enum config_id id);
double config_number(const struct config *config, enum config_id id); /* of a CONFIG_NUMBER */
bool config_is(const struct config *config, enum config_id id, const char *text);

/* Where it came from: "--eta", "WATTUNE_ETA", "/etc/wattune/wattune.conf:3" or "default". */
char *config_where(const struct config *config, enum config_id id, char *text, size_t size);

/* The value as it may be printed: tokens, and passwords in an address, are "***".  Not set: "". */
char *config_shown(const struct config *config, enum config_id id, char *text, size_t size);

#endif
