/* SPDX-License-Identifier: Apache-2.0
 *
 * --budget.
 */
#include "cli/budget_option.h"

#include <string.h>

#include "base/hours.h"
#include "base/nearest.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/units.h"
#include "setup/option.h"

/* The range of a budget: less is used before the first reading, more by nobody (a TWh, a hundred
 * million tonnes, a century). */
static const struct {
    double least, most;
} range[] = {[BUDGET_ENERGY] = {1, 1e9 * J_PER_KWH},
             [BUDGET_CARBON] = {1e-3, 1e14},
             [BUDGET_TIME] = {1, 100 * 8766 * (double)S_PER_HOUR}};

static const struct parse_unit units[] = {{"J", 1, BUDGET_ENERGY},
                                          {"kJ", 1e3, BUDGET_ENERGY},
                                          {"MJ", 1e6, BUDGET_ENERGY},
                                          {"GJ", 1e9, BUDGET_ENERGY},
                                          {"Wh", J_PER_KWH / 1e3, BUDGET_ENERGY},
                                          {"kWh", J_PER_KWH, BUDGET_ENERGY},
                                          {"MWh", 1e3 * J_PER_KWH, BUDGET_ENERGY},
                                          {"gCO2e", 1, BUDGET_CARBON},
                                          {"kgCO2e", 1e3, BUDGET_CARBON},
                                          {"tCO2e", 1e6, BUDGET_CARBON},
                                          {"s", 1, BUDGET_TIME},
                                          {"min", 60, BUDGET_TIME},
                                          {"h", S_PER_HOUR, BUDGET_TIME},
                                          {"d", HOURS_PER_DAY *S_PER_HOUR, BUDGET_TIME}};

/* The unit nearest to the word behind the number. */
static const char *nearest_unit(const char *text)
{
    struct nearest search = {.word = text + strspn(text, "0123456789.eE+- ")};
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++)
        nearest_offer(&search, units[i].name);
    return nearest_name(&search);
}

int budget_option_read(const char *name, const char *text, void *target, struct wt_error *err)
{
    const struct parse_unit *unit;
    char shown[80], meant[40];
    double value;
    int rc = parse_quantity(text, units, sizeof units / sizeof units[0], &value, &unit);
    text_escape_into(shown, sizeof shown, text);
    if (rc == WT_E_PARSE)
        return error_set(
            err, rc,
            "%s is a number and a unit, such as 2kWh, 500gCO2e or 3h (energy: J kJ MJ "
            "GJ Wh kWh MWh; carbon: gCO2e kgCO2e tCO2e; time: s min h d), not \"%s\"%s",
            name, shown, option_meant(nearest_unit(text), meant, sizeof meant));
    if (rc || !(value >= range[unit->kind].least && value <= range[unit->kind].most))
        return error_set(err, WT_E_RANGE,
                         "%s is within 1 J and 1000000 MWh, 0.001 gCO2e and 100000000 tCO2e, or 1 "
                         "s and 36525 d, not \"%s\"",
                         name, shown);
    if (target)
        *(struct budget_amount *)target =
            (struct budget_amount){(enum budget_kind)unit->kind, value, unit->name, unit->size};
    return 0;
}
