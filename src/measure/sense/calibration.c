/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of published calibrations.
 */
#include "measure/sense/calibration.h"

#include <string.h>

/* "Accurate and Convenient Energy Measurements for GPUs" (SC'24) held cards against a meter in
 * their supply lines and fits reading = gain x power + offset.  A row is |gain - 1| and the offset
 * at half of the board's power, where trainings are, rounded up to a whole per cent.  It is never
 * less than 5 %: one or two cards of a model were measured, and cards differ by that as a rule.
 * Models that were not measured have no row. */
static const struct calibration {
    const char *model; /* in the name, and not followed by the letters of another model */
    uint32_t error_ppm;
} calibrations[] = {
    {"A100-PCI", 60000},                             /* 0.954, -1.2 W; sold under three names */
    {"A100 80GB PCI", 60000},   {"A100-SXM", 60000}, /* the same chip and sensor on another board */
    {"P100-PCI", 50000},                             /* 0.992, +0.9 W: 1 % */
    {"RTX 3090", 60000},                             /* 0.944 */
    {"RTX A5000", 70000},       /* 0.87, +15.7 W: they cancel at 115 W, and leave 6.2 % at 230 W */
    {"RTX 2060 SUPER", 110000}, /* +11 %, the worst of all */
    {"RTX 4090", 60000},        /* 1.044, -22.6 W */
};

/* "RTX 3090 Ti" is no RTX 3090. */
static int is_model(const char *name, const char *model)
{
    const char *found = strstr(name, model);
    if (!found)
        return 0;
    const char *rest = found + strlen(model);
    return strncmp(rest, " Ti", 3) != 0 && strncmp(rest, " D", 2) != 0 &&
           strncmp(rest, " Laptop", 7) != 0;
}

uint32_t calibration_error_ppm(const char *name)
{
    for (unsigned i = 0; i < sizeof calibrations / sizeof calibrations[0]; i++)
        if (is_model(name, calibrations[i].model))
            return calibrations[i].error_ppm;
    return 0;
}
