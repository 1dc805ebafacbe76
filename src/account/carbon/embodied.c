/* SPDX-License-Identifier: Apache-2.0
 *
 * Embodied carbon: shares, and estimates from parts.
 */
#include "account/carbon/embodied.h"

#include <math.h>
#include <string.h>

#include "account/carbon/data.h"
#include "account/carbon/tables.h"
#include "base/hours.h"

static const double HOURS_PER_YEAR = 8760, MM2_PER_CM2 = 100, PACKAGE_KG = 0.150;
static const double ABATEMENT_LOW = 0.95, ABATEMENT_HIGH = 0.99;

double carbon_embodied_g(double system_kg, double reserved_s, double lifetime_years,
                         double utilisation, double devices_used, double devices_of_system)
{
    if (!(system_kg >= 0 && reserved_s >= 0 && lifetime_years > 0 && utilisation > 0 &&
          utilisation <= 1 && devices_used >= 0 && devices_of_system > 0))
        return NAN;
    double share_of_time =
        reserved_s / S_PER_HOUR / (lifetime_years * HOURS_PER_YEAR * utilisation);
    return system_kg * 1000 * share_of_time * (devices_used / devices_of_system);
}

/* --- From parts (ACT) --- */

enum fab_column { NODE, EPA, GPA95, GPA99, MPA, FAB_SOURCE, FAB_YEAR, FAB_COLUMNS };
static const struct carbon_column fab_columns[FAB_COLUMNS] = {
    {"node_nm", CARBON_NEEDED, 1, 1000, false}, {"epa_kwh", CARBON_NEEDED, 0, 1e3, false},
    {"gpa95_g", CARBON_NEEDED, 0, 1e5, false},  {"gpa99_g", CARBON_NEEDED, 0, 1e5, false},
    {"mpa_g", CARBON_NEEDED, 0, 1e5, false},    {"source", CARBON_NEEDED, 63, 0, false},
    {"year", CARBON_NEEDED, 1900, 2200, true},
};

unsigned carbon_fab_nodes(struct carbon_fab_node nodes[CARBON_FAB_MOST])
{
    char copy[2048]; /* reading uses the text up */
    struct buffer text = {.text = copy, .length = carbon_fab_csv_size};
    struct carbon_table_reader reader;
    unsigned count = 0;
    if (carbon_fab_csv_size >= sizeof copy)
        return 0;
    memcpy(copy, carbon_fab_csv, carbon_fab_csv_size + 1);
    if (carbon_table_open(&reader, "fab.csv", &text, fab_columns, FAB_COLUMNS, NULL))
        return 0;
    while (count < CARBON_FAB_MOST && carbon_table_next(&reader, NULL) > 0) {
        struct carbon_fab_node *node = &nodes[count++];
        *node = (struct carbon_fab_node){.node_nm = carbon_table_number(&reader, NODE),
                                         .epa_kwh = carbon_table_number(&reader, EPA),
                                         .gpa95_g = carbon_table_number(&reader, GPA95),
                                         .gpa99_g = carbon_table_number(&reader, GPA99),
                                         .mpa_g = carbon_table_number(&reader, MPA),
                                         .year = (int)carbon_table_number(&reader, FAB_YEAR)};
        strcpy(node->source, carbon_table_text(&reader, FAB_SOURCE)); /* its column bounds it */
    }
    return count;
}

double carbon_die_kg(double area_mm2, double node_nm, double fab_g_per_kwh,
                     double abatement_fraction, double yield)
{
    struct carbon_fab_node nodes[CARBON_FAB_MOST];
    const struct carbon_fab_node *node = NULL;
    unsigned count = carbon_fab_nodes(nodes);
    for (unsigned i = 0; i < count; i++)
        if (nodes[i].node_nm == node_nm)
            node = &nodes[i];
    if (!node || !(area_mm2 > 0 && fab_g_per_kwh >= 0 && yield > 0 && yield <= 1 &&
                   abatement_fraction >= ABATEMENT_LOW && abatement_fraction <= ABATEMENT_HIGH))
        return NAN;
    double to_high = (abatement_fraction - ABATEMENT_LOW) / (ABATEMENT_HIGH - ABATEMENT_LOW);
    double gpa_g = node->gpa95_g + to_high * (node->gpa99_g - node->gpa95_g);
    double g_per_cm2 = (fab_g_per_kwh * node->epa_kwh + gpa_g + node->mpa_g) / yield;
    return area_mm2 / MM2_PER_CM2 * g_per_cm2 / 1000;
}

double carbon_packages_kg(double count)
{
    return count >= 0 ? count * PACKAGE_KG : NAN;
}
