/* SPDX-License-Identifier: Apache-2.0
 *
 * Operational carbon.  Comparisons are written so that NaN fails them.
 */
#include "account/carbon/operational.h"

#include <math.h>
#include <stddef.h>

#include "base/units.h"

double carbon_facility_kwh(double it_energy_j, double pue)
{
    return it_energy_j >= 0 && pue >= 1 ? it_energy_j / J_PER_KWH * pue : NAN;
}

double carbon_facility_j(double it_energy_j, double pue)
{
    return pue >= 1 ? it_energy_j * pue : NAN;
}

double carbon_location_g(double facility_kwh, double g_per_kwh)
{
    return facility_kwh >= 0 && g_per_kwh >= 0 ? facility_kwh * g_per_kwh : NAN;
}

double carbon_operational_g(double it_energy_j, double pue, double g_per_kwh)
{
    return pue >= 1 && g_per_kwh >= 0 ? it_energy_j / J_PER_KWH * pue * g_per_kwh : NAN;
}

double carbon_market_g(double facility_kwh, const struct carbon_contract *contract)
{
    if (!contract || !(facility_kwh >= 0) || !(contract->contracted_kwh >= 0))
        return NAN;
    double rest_kwh = facility_kwh - contract->contracted_kwh, grams = 0;
    /* A share of nothing needs no factor: an unknown residual mix spoils a rest, and nothing
     * else. */
    if (contract->contracted_kwh > 0)
        grams += carbon_location_g(contract->contracted_kwh, contract->contract_g_per_kwh);
    if (rest_kwh > 0)
        grams += carbon_location_g(rest_kwh, contract->residual_g_per_kwh);
    return grams;
}

double carbon_aware_eta(double eta, double g_per_kwh, double most_g_per_kwh)
{
    if (!(eta >= 0 && eta <= 1 && g_per_kwh >= 0 && most_g_per_kwh >= 0))
        return NAN;
    double energy = eta * g_per_kwh, time = (1 - eta) * most_g_per_kwh;
    return g_per_kwh == most_g_per_kwh || energy + time == 0 ? eta : energy / (energy + time);
}
