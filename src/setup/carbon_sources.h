/* SPDX-License-Identifier: Apache-2.0
 *
 * From the configuration to the figures of carbon: intensity of the grid in its order of sources,
 * PUE, embodied data.  Reads the user's files, once; asks a provider only when the caller says so.
 * The arithmetic is in account/carbon/.
 *
 * A command that has the group COMMON_CARBON takes --location, --intensity and --pue; everything
 * else is a key of the configuration.
 */
#ifndef WATTUNE_SETUP_CARBON_SOURCES_H
#define WATTUNE_SETUP_CARBON_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "account/carbon/embodied.h"
#include "account/carbon/intensity.h"
#include "account/carbon/operational.h"
#include "base/error.h"
#include "setup/config.h"

/* All resolved; owns its tables and series. */
struct carbon_sources {
    double given_g_per_kwh; /* NaN: not given */
    /* "--intensity", "WATTUNE_INTENSITY_G_PER_KWH", "/etc/wattune/wattune.conf:3" */
    char given_where[200];
    char location[CARBON_CODE_LEN]; /* as the table writes it; empty: not set */
    double pue, lifetime_years, utilisation;
    char pue_where[200];  /* "given by --pue", or "assumed" */
    unsigned system_gpus; /* 0: not set */
    /* of the energy, covered by the contract; NaN: there is no contract */
    double contract_fraction;
    double contract_g_per_kwh, residual_g_per_kwh; /* NaN: not known */
    /* the user's, which goes first, and the project's */
    struct carbon_intensity_table own_intensities, intensities;
    struct carbon_embodied_table own_embodied, embodied;
    bool has_series;
    char series_path[200]; /* for sentences, shortened */
    struct carbon_series series;
    struct carbon_provider *provider; /* NULL: none is configured */
};

/* Reads the files that the configuration names; now_s is the wall clock.  The caller frees the
 * figures with carbon_sources_close(), also after a failure.  WT_E_INVALID: there is no such
 * location (similar ones are named), or a file cannot be read; WT_E_PARSE and WT_E_RANGE: a file
 * is wrong, by name and line.  Makes no network call.  Logs remarks. */
int carbon_sources_open(struct carbon_sources *settings, const struct config *config, int64_t now_s,
                        struct wt_error *err);
void carbon_sources_close(struct carbon_sources *settings);

/* Asks the provider for the hour of now, which intensity_at() then knows; 0 at once without a
 * provider, where --intensity goes first, and where the hour is known.  It may take ten seconds,
 * and a failure may be asked again.  A failure is a sentence and no more: intensity_at() goes on
 * with the next source and says so. */
int carbon_sources_refresh(struct carbon_sources *settings, int64_t now_s, struct wt_error *err);

/* Asks the provider for the hours that are over (it knows a day of them); at most once an hour,
 * and only when the hour that holds the time is one of them and not known.  For energy that is
 * booked after its hour: a run asks once, at its end.  Otherwise as above. */
int carbon_sources_look_back(struct carbon_sources *settings, int64_t unix_s, int64_t now_s,
                             struct wt_error *err);

/* The intensity of the hour that holds the time: given, series, provider, table, assumed.  Always
 * fills *out; out->remark says why a source that goes first has nothing for this hour. */
void carbon_sources_intensity_at(const struct carbon_sources *settings, int64_t unix_s,
                                 struct carbon_intensity *out);

/* MaxCI of carbon-aware tuning; NaN: there is no series, or it has nothing in the last 24 h. */
double carbon_sources_most(const struct carbon_sources *settings, int64_t now_s);

/* The system that a GPU of that name is part of; NULL or empty: a system without GPUs.  Always
 * fills *out; without a figure for the model out->assumed is set and out->source_text names the
 * default. */
void carbon_sources_system(const struct carbon_sources *settings, const char *gpu_model,
                           struct carbon_system *out);

/* The contract's part in an energy; false, and *out untouched: none is configured. */
bool carbon_sources_contract(const struct carbon_sources *settings, double facility_kwh,
                             struct carbon_contract *out);

#endif
