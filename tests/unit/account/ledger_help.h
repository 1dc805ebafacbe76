/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the tests of the ledger: a folder of their own and a trial with a value in every
 * field.
 */
#ifndef WATTUNE_TESTS_LEDGER_HELP_H
#define WATTUNE_TESTS_LEDGER_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "account/ledger/ledger.h"

static char folder[64], path[128];

static inline int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/wattune-ledger-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/ledger.db", folder);
    return 0;
}

static inline int drop_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static inline struct ledger *open_ledger(unsigned flags)
{
    struct wt_error err = {0};
    struct ledger *ledger = NULL;
    if (ledger_open(path, flags, &ledger, &err))
        fail_msg("%s", err.text);
    return ledger;
}

static inline struct wt_trial full_trial(const char *job)
{
    struct wt_trial t = {
        .identity.try_number = 1,
        .identity.phase = "experimentation",
        .identity.project = "vision",
        .outcome.batch_size = 128,
        .identity.started_ms = INT64_C(1740830400123),
        .outcome.time_s = 12.5,
        .outcome.setting.value = 175000,
        .part.energy_j = 2187.5,
        .part.energy_error_j = 3.25,
        .part.sensor_error_fraction = 0.05,
        .part.cpu_energy_j = 700.125,
        .part.dram_energy_j = 33.5,
        .outcome.cost_j = 2200.75,
        .outcome.steps = 5000,
        .outcome.epochs = 7,
        .outcome.metric = 0.9375,
        .outcome.reached = 1,
        .outcome.early_stopped = true,
        .outcome.exit_code = 143,
        .part.source = WT_SOURCE_INTEGRATED,
        .outcome.note = "the GPU is shared",
        .identity.user = "ada",
        .identity.node = "node-7",
        .part.busy_s = 20.25,
        .carbon = {1.1, 381, "DEU 2023", 320.5, 12.25, 15.5, 34.5, "a system's default", "--pue",
                   "DEU", 4},
        .outcome.savings = {{WT_KNOB_POWER_LIMIT, 250000}, 0.82, 1.03, 0.012, 0.004},
        .part.gpu_count = 2,
        .profile.count = 2,
    };
    snprintf(t.identity.job, sizeof t.identity.job, "%s", job);
    t.part.gpus[0].index = 3;
    snprintf(t.part.gpus[0].uuid, WT_UUID_LEN, "GPU-3");
    snprintf(t.part.gpus[0].name, WT_NAME_LEN, "Tesla V100");
    t.part.gpus[1].index = 1;
    snprintf(t.part.gpus[1].uuid, WT_UUID_LEN, "GPU-1");
    t.profile.points[0] = (struct wt_profile_point){
        {WT_KNOB_POWER_LIMIT, 175000}, 40, 0.0025, 0.4375, 0.01, 0.0001, true};
    t.profile.points[1] =
        (struct wt_profile_point){{WT_KNOB_POWER_LIMIT, 250000}, 60, 0.0024, 0.53, NAN, NAN, false};
    return t;
}

#endif
