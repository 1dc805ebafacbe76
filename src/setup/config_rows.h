/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration's rows: every key with its variable, option, type, range, default and help.
 * Commands take over the lists that they have as options.
 *
 * X(id, key, variable, option, type, form, least, most, default, default in words, secret, group,
 * help); the option is NULL for a key without one, a default NULL where there is none.
 */
#ifndef WATTUNE_SETUP_CONFIG_ROWS_H
#define WATTUNE_SETUP_CONFIG_ROWS_H

#include "flow/profile.h"
#include "setup/option.h"

#define CONFIG_DEVICE_KEYS(X)                                                                      \
    X(GPUS, "gpus", "WATTUNE_GPUS", "gpus", OPTION_TEXT, "LIST", 0, 4000, NULL,                    \
      "those that CUDA_VISIBLE_DEVICES leaves", OPTION_OPEN, "Devices",                            \
      "GPUs by index in PCI order, UUID (a unique prefix is enough) or PCI address")               \
    X(NVML, "nvml", "WATTUNE_NVML", "nvml", OPTION_TEXT, "PATH", 1, 4000, NULL,                    \
      "the driver's library", OPTION_OPEN, "Devices", "Path of another NVML library to load")      \
    X(VGPU, "vgpu", "WATTUNE_VGPU", "vgpu", OPTION_TEXT,                                           \
      "p100|v100|a40|rtx6000|a100|h100|SPEC|FILE", 1, 4000, NULL, NULL, OPTION_OPEN, "Devices",    \
      "Use virtual GPUs: a model, with a count (a40:4), a comma-separated list, or the path of a " \
      "machine file")                                                                              \
    X(SENSOR_ERROR, "sensor_error_fraction", "WATTUNE_SENSOR_ERROR_FRACTION",                      \
      "sensor-error-fraction", OPTION_NUMBER, "F", 0.0001, 1, NULL,                                \
      "the published error of the model", OPTION_OPEN, "Devices",                                  \
      "Largest gain and offset error of the GPUs' sensors, as a fraction, for sensors that were "  \
      "compared with a meter")
#define CONFIG_LEDGER_KEYS(X)                                                                      \
    X(LEDGER, "ledger", "WATTUNE_LEDGER", "ledger", OPTION_TEXT, "PATH", 1, 4000, NULL,            \
      "~/.local/share/wattune/ledger.db", OPTION_ADDRESS, "Ledger", "Path of the ledger")
#define CONFIG_GENERAL_KEYS(X)                                                                     \
    X(COLOR, "color", "WATTUNE_COLOR", "color", OPTION_CHOICE, "auto|yes|no", 0, 0, "auto", NULL,  \
      OPTION_OPEN, "General", "Print colours on a terminal only (auto), always or never")
#define CONFIG_ETA_KEY(X)                                                                          \
    X(ETA, "eta", "WATTUNE_ETA", "eta", OPTION_NUMBER, "E", 0, 1, "0.5", NULL, OPTION_OPEN,        \
      "Trade-off", "Trade-off between energy and time: 1 counts energy only, 0 counts time only")
#define CONFIG_IDENTITY_KEYS(X)                                                                    \
    X(PHASE, "phase", "WATTUNE_PHASE", "phase", OPTION_CHOICE,                                     \
      "data|experimentation|training|inference", 0, 0, "training", NULL, OPTION_OPEN, "Identity",  \
      "Phase of machine learning that the run belongs to")                                         \
    X(PROJECT, "project", "WATTUNE_PROJECT", "project", OPTION_TEXT, "NAME", 1, WT_JOB_LEN - 1,    \
      NULL, NULL, OPTION_OPEN, "Identity", "Project that the run is booked for")
#define CONFIG_LIMIT_KEYS(X)                                                                       \
    X(POWER_LIMITS, "power_limits", "WATTUNE_POWER_LIMITS", "power-limits", OPTION_WATTS,          \
      "auto|W,W,...", 1, 10000, "auto", NULL, OPTION_OPEN, "Power limits",                         \
      "Power limits to try, in watts; auto tries every 25 W from the largest downwards")           \
    X(SEARCH, "search", "WATTUNE_SEARCH", "search", OPTION_CHOICE, "adaptive|sweep", 0, 0,         \
      "adaptive", NULL, OPTION_OPEN, "Power limits",                                               \
      "Search for the best limit: adaptive measures a few limits and stops when more would gain "  \
      "little, sweep measures every limit")                                                        \
    X(BASELINE, "baseline", "WATTUNE_BASELINE", "baseline", OPTION_CHOICE, "yes|no", 0, 0, "yes",  \
      NULL, OPTION_OPEN, "Power limits",                                                           \
      "Measure slices at the starting limit, which prove the saving")
#define CONFIG_PROGRESS_KEYS(X)                                                                    \
    X(PROGRESS, "progress", "WATTUNE_PROGRESS", "progress", OPTION_CHOICE,                         \
      "auto|channel|none|pattern:REGEX", 0, 0, "auto", NULL, OPTION_OPEN, "Progress",              \
      "Source of training steps: the channel (wt_step), a pattern on the output, or none")
/* An option of every command that books or reports carbon. */
#define CONFIG_CARBON_KEYS(X)                                                                      \
    X(LOCATION, "location", "WATTUNE_LOCATION", "location", OPTION_TEXT, "CODE", 1, 15, NULL,      \
      "the world's average, marked as assumed", OPTION_OPEN, "Carbon",                             \
      "Place where the electricity is used: a country (ISO 3166, three letters: DEU) or a region " \
      "of the table")                                                                              \
    X(INTENSITY, "intensity_g_per_kwh", "WATTUNE_INTENSITY_G_PER_KWH", "intensity", OPTION_NUMBER, \
      "G_PER_KWH", 0, 5000, NULL, NULL, OPTION_OPEN, "Carbon",                                     \
      "Carbon intensity of the electricity in g CO2e/kWh; overrides every other source")           \
    X(PUE, "pue", "WATTUNE_PUE", "pue", OPTION_NUMBER, "X", 1, 10, "1.1", NULL, OPTION_OPEN,       \
      "Carbon", "Energy of the whole facility for each unit of energy of its computers")
/* An option of `carbon` and `config`; for others it stands in a file. */
#define CONFIG_CARBON_DATA_KEYS(X)                                                                 \
    X(INTENSITY_FILE, "intensity_file", "WATTUNE_INTENSITY_FILE", "intensity-file", OPTION_TEXT,   \
      "FILE", 1, 4000, NULL, NULL, OPTION_OPEN, "Sources of carbon figures",                       \
      "Series of carbon intensities by the hour: CSV with time (RFC 3339) and g CO2e/kWh")         \
    X(INTENSITY_TABLE, "intensity_table", "WATTUNE_INTENSITY_TABLE", "intensity-table",            \
      OPTION_TEXT, "FILE", 1, 4000, NULL, NULL, OPTION_OPEN, "Sources of carbon figures",          \
      "Table of yearly averages that overrides the built-in table: CSV with code, name, "          \
      "g_per_kwh, source, year")                                                                   \
    X(EMBODIED_TABLE, "embodied_table", "WATTUNE_EMBODIED_TABLE", "embodied-table", OPTION_TEXT,   \
      "FILE", 1, 4000, NULL, NULL, OPTION_OPEN, "Sources of carbon figures",                       \
      "Table of the embodied carbon of systems and GPUs that overrides the built-in table: CSV, "  \
      "see `wattune-carbon`(1)")                                                                   \
    X(LIFETIME_YEARS, "lifetime_years", "WATTUNE_LIFETIME_YEARS", "lifetime-years", OPTION_NUMBER, \
      "YEARS", 0.1, 100, "4", NULL, OPTION_OPEN, "Sources of carbon figures",                      \
      "Years over which a system's embodied carbon is spread")                                     \
    X(UTILISATION, "utilisation", "WATTUNE_UTILISATION", "utilisation", OPTION_NUMBER, "F", 0.01,  \
      1, "0.45", NULL, OPTION_OPEN, "Sources of carbon figures",                                   \
      "Fraction of its lifetime in which a system does useful work")                               \
    X(SYSTEM_GPUS, "system_gpus", "WATTUNE_SYSTEM_GPUS", "system-gpus", OPTION_NUMBER, "N", 1,     \
      1024, NULL, "the GPUs of the node", OPTION_OPEN, "Sources of carbon figures",                \
      "Number of GPUs that share a system's embodied carbon")                                      \
    X(CONTRACT, "contract_g_per_kwh", "WATTUNE_CONTRACT_G_PER_KWH", "contract-g-per-kwh",          \
      OPTION_NUMBER, "G_PER_KWH", 0, 5000, NULL, "no market-based figures", OPTION_OPEN,           \
      "Sources of carbon figures",                                                                 \
      "Carbon intensity by contract in g CO2e/kWh, for market-based figures")                      \
    X(CONTRACT_FRACTION, "contract_fraction", "WATTUNE_CONTRACT_FRACTION", "contract-fraction",    \
      OPTION_NUMBER, "F", 0, 1, "1", NULL, OPTION_OPEN, "Sources of carbon figures",               \
      "Fraction of the energy that the contract covers")                                           \
    X(RESIDUAL, "residual_g_per_kwh", "WATTUNE_RESIDUAL_G_PER_KWH", "residual-g-per-kwh",          \
      OPTION_NUMBER, "G_PER_KWH", 0, 5000, NULL, NULL, OPTION_OPEN, "Sources of carbon figures",   \
      "Carbon intensity of the residual mix in g CO2e/kWh, for energy outside the contract")       \
    X(PROVIDER_URL, "provider_url", "WATTUNE_PROVIDER_URL", "provider-url", OPTION_TEXT, "URL", 1, \
      4000, NULL, "no provider, and no request", OPTION_ADDRESS, "Sources of carbon figures",      \
      "Address of a provider of carbon intensities over HTTP (Electricity Maps, v3)")              \
    X(PROVIDER_ZONE, "provider_zone", "WATTUNE_PROVIDER_ZONE", "provider-zone", OPTION_TEXT,       \
      "ZONE", 1, 40, NULL, NULL, OPTION_OPEN, "Sources of carbon figures",                         \
      "Zone by the provider's name for it (DE, US-CAL-CISO)")
/* Without an option: other users can read a process's arguments. */
#define CONFIG_TOKEN_KEYS(X)                                                                       \
    X(PROVIDER_TOKEN, "provider_token", "WATTUNE_PROVIDER_TOKEN", NULL, OPTION_TEXT, "TOKEN", 1,   \
      400, NULL, NULL, OPTION_TOKEN, "Sources of carbon figures",                                  \
      "Token for the provider of carbon intensities")

#define CONFIG_RUN_KEYS(X)                                                                         \
    CONFIG_IDENTITY_KEYS(X)                                                                        \
    CONFIG_ETA_KEY(X) CONFIG_LIMIT_KEYS(X) CONFIG_PROGRESS_KEYS(X)
/* All of them, in the order of `wattune config`. */
#define CONFIG_KEYS(X)                                                                             \
    CONFIG_DEVICE_KEYS(X)                                                                          \
    CONFIG_LEDGER_KEYS(X)                                                                          \
    CONFIG_GENERAL_KEYS(X)                                                                         \
    CONFIG_RUN_KEYS(X) CONFIG_CARBON_KEYS(X) CONFIG_CARBON_DATA_KEYS(X) CONFIG_TOKEN_KEYS(X)

#define CONFIG_ID(id, ...) CONFIG_##id,
enum config_id { CONFIG_KEYS(CONFIG_ID) CONFIG_COUNT };
#undef CONFIG_ID

/* A key's row, for a list of rows: CONFIG_ETA_KEY(CONFIG_ROW). */
#define CONFIG_ROW(config_id, config_key, config_variable, option, option_type, option_form,       \
                   lower, upper, usual, words, hidden, heading, text)                              \
    {.name = option,                                                                               \
     .type = option_type,                                                                          \
     .form = option_form,                                                                          \
     .least = lower,                                                                               \
     .most = upper,                                                                                \
     .fallback = usual,                                                                            \
     .otherwise = words,                                                                           \
     .to = {.target = OPTION_TO_CONFIG},                                                           \
     .setting = {config_key, config_variable, CONFIG_##config_id, hidden},                         \
     .group = heading,                                                                             \
     .help = text},

extern const struct option_row config_rows[CONFIG_COUNT];

#endif
