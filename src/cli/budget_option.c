/* SPDX-License-Identifier: Apache-2.0
 *
 * --budget.
 */
#include "cli/budget_option.h"

#include "base/parse.h"
#include "base/text.h"

/* What is a budget at all: less is used before anybody looks, more by nobody (a TWh, a hundred
 * million tonnes, a century). */
static const struct {
    double least, most;
} range[] = {[BUDGET_ENERGY] = {1, 3.6e15},
             [BUDGET_CARBON] = {1e-3, 1e14},
             [BUDGET_TIME] = {1, 100 * 8766 * 3600.0}};

static const struct parse_unit units[] = {
    {"J", 1, BUDGET_ENERGY},       {"kJ", 1e3, BUDGET_ENERGY},  {"MJ", 1e6, BUDGET_ENERGY},
    {"GJ", 1e9, BUDGET_ENERGY},    {"Wh", 3600, BUDGET_ENERGY}, {"kWh", 3.6e6, BUDGET_ENERGY},
    {"MWh", 3.6e9, BUDGET_ENERGY}, {"gCO2e", 1, BUDGET_CARBON}, {"kgCO2e", 1e3, BUDGET_CARBON},
    {"tCO2e", 1e6, BUDGET_CARBON}, {"s", 1, BUDGET_TIME},       {"min", 60, BUDGET_TIME},
    {"h", 3600, BUDGET_TIME},      {"d", 86400, BUDGET_TIME}};

int budget_option_parse(const char *text, struct budget_amount *budget, struct wt_error *err)
{
    const struct parse_unit *unit;
    char shown[80];
    double value;
    int rc = parse_quantity(text, units, sizeof units / sizeof units[0], &value, &unit);
    text_escape_into(shown, sizeof shown, text);
    if (rc == WT_E_PARSE)
        return error_set(err, rc,
                         "--budget is a number and a unit, such as 2kWh, 500gCO2e or 3h (energy: J "
                         "kJ MJ GJ Wh kWh MWh; "
                         "carbon: gCO2e kgCO2e tCO2e; time: s min h d), not \"%s\"",
                         shown);
    if (rc || !(value >= range[unit->kind].least && value <= range[unit->kind].most))
        return error_set(
            err, WT_E_RANGE,
            "--budget is within 1 J and 1000000 MWh, 0.001 gCO2e and 100000000 tCO2e, or 1 s and "
            "36525 d, not \"%s\"",
            shown);
    *budget = (struct budget_amount){(enum budget_kind)unit->kind, value, unit->name, unit->size};
    return 0;
}
