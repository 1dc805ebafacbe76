/* SPDX-License-Identifier: Apache-2.0
 *
 * The carbon of a trial and of a stretch.
 */
#include "account/book/booking.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hours.h"

/* Sources that differ within a run (an hour that a series lacks) stand beside each other. */
static void add_source(char text[WT_FACTOR_LEN], const char *source)
{
    size_t length = strlen(text);
    if (!strstr(text, source))
        snprintf(text + length, WT_FACTOR_LEN - length, "%s%s", length ? "; " : "", source);
}

struct sums {
    double energy_j, grams_by_j, facility_kwh, operational_g;
    bool known;
};

/* An hour of a device whose energy is not known adds nothing; one whose grid is not known makes the
 * whole unknown. */
static void add_hour(const struct booking_factors *factors, const struct ledger_hour *hour,
                     struct sums *sums)
{
    if (!isfinite(hour->energy_j))
        return;
    double kwh = carbon_facility_kwh(hour->energy_j, factors->pue);
    sums->known = true;
    sums->energy_j += hour->energy_j;
    sums->grams_by_j += hour->energy_j * hour->intensity_g_per_kwh;
    sums->facility_kwh += kwh;
    sums->operational_g += carbon_location_g(kwh, hour->intensity_g_per_kwh);
}

static void fill_operational(const struct booking_factors *factors, struct ledger_hour hours[],
                             size_t count, struct wt_carbon *carbon)
{
    struct sums sums = {0};
    struct carbon_intensity intensity;
    struct carbon_contract contract;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || hours[i].hour != hours[i - 1].hour)
            factors->intensity_at(factors->ctx, hours_begin_s(hours[i].hour), &intensity);
        hours[i].intensity_g_per_kwh = intensity.g_per_kwh;
        add_source(carbon->intensity_source, intensity.source_text);
        add_hour(factors, &hours[i], &sums);
    }
    if (!sums.known)
        return;
    carbon->operational_g = sums.operational_g;
    carbon->intensity_g_per_kwh =
        sums.energy_j > 0 ? sums.grams_by_j / sums.energy_j : hours[0].intensity_g_per_kwh;
    carbon->market_g = factors->contract(factors->ctx, sums.facility_kwh, &contract)
                           ? carbon_market_g(sums.facility_kwh, &contract)
                           : (double)NAN;
}

/* One of the system's devices; a system without GPUs is one itself. */
static double share_g(const struct booking_factors *factors, const struct carbon_system *system,
                      double devices, double time_s, double utilisation)
{
    return carbon_embodied_g(system->kg, time_s, factors->lifetime_years, utilisation, 1,
                             isfinite(system->devices) ? system->devices : devices);
}

/* The grams that fall to the trial from the systems of all its GPUs, or from the one system
 * without. */
static double embodied_g(const struct booking_factors *factors, unsigned node_gpus,
                         const struct wt_trial *trial, double time_s, double utilisation)
{
    double devices = !trial->part.gpu_count ? 1
                     : factors->system_gpus ? factors->system_gpus
                                            : node_gpus,
           grams = 0;
    for (unsigned i = 0; i < (trial->part.gpu_count ? trial->part.gpu_count : 1); i++) {
        struct carbon_system system;
        factors->system(factors->ctx, trial->part.gpu_count ? trial->part.gpus[i].name : "",
                        &system);
        grams += share_g(factors, &system, devices, time_s, utilisation);
    }
    return grams;
}

double booking_embodied_g(const struct booking_factors *factors, unsigned node_gpus,
                          const struct wt_trial *trial, double time_s)
{
    return embodied_g(factors, node_gpus, trial, time_s, 1);
}

static void fill_embodied(const struct booking_factors *factors, unsigned node_gpus,
                          const struct wt_trial *trial, struct wt_carbon *carbon)
{
    carbon->embodied_g = embodied_g(factors, node_gpus, trial, trial->outcome.time_s, 1);
    carbon->embodied_useful_g =
        embodied_g(factors, node_gpus, trial, trial->outcome.time_s, factors->utilisation);
    for (unsigned i = 0; i < (trial->part.gpu_count ? trial->part.gpu_count : 1); i++) {
        struct carbon_system system;
        factors->system(factors->ctx, trial->part.gpu_count ? trial->part.gpus[i].name : "",
                        &system);
        add_source(carbon->embodied_source, system.source_text);
    }
}

static struct wt_carbon nothing_yet(const struct booking_factors *factors)
{
    struct wt_carbon carbon = {
        factors->pue, NAN, "", NAN, NAN, NAN, NAN, "", .lifetime_years = factors->lifetime_years};
    snprintf(carbon.pue_source, sizeof carbon.pue_source, "%s", factors->pue_source);
    snprintf(carbon.location, sizeof carbon.location, "%s", factors->location);
    return carbon;
}

void booking_fill(const struct booking_factors *factors, unsigned node_gpus,
                  struct ledger_hour hours[], size_t count, struct wt_trial *trial)
{
    struct wt_carbon carbon = nothing_yet(factors);
    fill_operational(factors, hours, count, &carbon);
    fill_embodied(factors, node_gpus, trial, &carbon);
    trial->carbon = carbon;
}

void booking_fill_stretch(const struct booking_factors *factors, unsigned node_gpus,
                          struct wt_stretch *stretch)
{
    struct wt_carbon carbon = nothing_yet(factors);
    struct carbon_intensity intensity;
    struct carbon_system system;
    factors->intensity_at(factors->ctx, stretch->begin_ms / 1000, &intensity);
    factors->system(factors->ctx, stretch->name, &system);
    carbon.intensity_g_per_kwh = intensity.g_per_kwh;
    add_source(carbon.intensity_source, intensity.source_text);
    add_source(carbon.embodied_source, system.source_text);
    if (stretch->source != WT_SOURCE_NONE)
        carbon.operational_g =
            carbon_operational_g(stretch->energy_j, factors->pue, intensity.g_per_kwh);
    carbon.embodied_g =
        share_g(factors, &system, factors->system_gpus ? factors->system_gpus : node_gpus,
                (double)(stretch->end_ms - stretch->begin_ms) / 1000, 1);
    stretch->carbon = carbon;
}
