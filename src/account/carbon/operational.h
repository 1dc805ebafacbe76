/* SPDX-License-Identifier: Apache-2.0
 *
 * Operational carbon: from energy to grams of CO2e, at the grid's intensity (location-based) or by
 * contract (market-based); the two stand side by side and are never added.  Pure: numbers in,
 * numbers out.  Must not know where intensities come from (intensity.h), nor devices, storage or
 * clocks.
 *
 * Unknown is NaN, and every result of an unknown is NaN too: no figure without its basis.
 */
#ifndef WATTUNE_ACCOUNT_CARBON_OPERATIONAL_H
#define WATTUNE_ACCOUNT_CARBON_OPERATIONAL_H

/* The usual PUE: that of the fleet in Sustainable AI (Wu et al., MLSys'22).  Small data centres
 * have about 1.6. */
#define CARBON_PUE_USUAL 1.1

/* Facility energy for an energy of devices: J / 3.6e6 * PUE. NaN for a PUE below 1 or a negative
 * energy. */
double carbon_facility_kwh(double it_energy_j, double pue);

/* The same in joules, of a difference of energies too, which may be negative.  NaN for a PUE below
 * 1. */
double carbon_facility_j(double it_energy_j, double pue);

/* Location-based grams: of energy used within one hour, at that hour's intensity.  Over a longer
 * time the caller sums the hours.  NaN for anything negative. */
double carbon_location_g(double facility_kwh, double g_per_kwh);

/* Location-based grams of the energy of devices, or of the difference of two such energies, which
 * may be negative: J / 3.6e6 * PUE * g/kWh.  NaN for a PUE below 1 or a negative intensity. */
double carbon_operational_g(double it_energy_j, double pue, double g_per_kwh);

/* The share of an energy that a contract covers, and the intensities of both shares. */
struct carbon_contract {
    double contracted_kwh;     /* of it, covered by the contract */
    double contract_g_per_kwh; /* of the contract */
    /* the residual mix, for the rest; NaN: not known, which makes any rest NaN */
    double residual_g_per_kwh;
};

/* Market-based grams (GHG Protocol, scope 2): contracted * contract + max(0, facility - contracted)
 * * residual.  NaN without a contract (NULL) and for anything negative. */
double carbon_market_g(double facility_kwh, const struct carbon_contract *contract);

/* The eta with which Zeus's cost orders limits as Chase's does: (eta * average_power * CI(t) +
 * (1 - eta) * MAXPOWER * MaxCI) / throughput, MaxCI being the largest CI of the last 24 h. Dividing
 * it by MaxCI leaves energy with the weight eta * CI(t) / MaxCI and time with 1 - eta, and the two
 * are scaled to add up to 1.  eta itself when CI(t) is MaxCI, and when nothing has a weight (eta 1
 * on a grid without emissions).  NaN when anything is unknown, negative, or eta outside 0..1. */
double carbon_aware_eta(double eta, double g_per_kwh, double most_g_per_kwh);

#endif
