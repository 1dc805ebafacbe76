/* SPDX-License-Identifier: Apache-2.0
 *
 * The carbon of a trial: hours at their grid's intensity, systems by their share of a lifetime.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "account/book/booking.h"

static void near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-9 * (1 + fabs(b)));
}

/* 100 g/kWh in hour 1000, 200 in 1001, and so on; from 1005 on nobody knows but the world's
 * average. */
static void rising(void *ctx, int64_t unix_s, struct carbon_intensity *out)
{
    ++*(unsigned *)ctx;
    int64_t hour = unix_s / 3600;
    assert_int_equal(unix_s % 3600, 0);
    *out = (struct carbon_intensity){.g_per_kwh = hour < 1005 ? 100.0 * (double)(hour - 999) : 481};
    snprintf(out->source_text, sizeof out->source_text, "%s",
             hour < 1005 ? "a series" : CARBON_ASSUMED_TEXT);
}

static void systems(void *ctx, const char *gpu_model, struct carbon_system *out)
{
    (void)ctx;
    *out = (struct carbon_system){.kg = 2000, .devices = NAN};
    snprintf(out->source_text, sizeof out->source_text, "a GPU system");
    if (!gpu_model[0]) {
        out->kg = 1000;
        snprintf(out->source_text, sizeof out->source_text, "a CPU system");
    } else if (!strcmp(gpu_model, "A100")) {
        *out = (struct carbon_system){.kg = 318, .devices = 1};
        snprintf(out->source_text, sizeof out->source_text, "a measured A100");
    }
}

static bool no_contract(void *ctx, double facility_kwh, struct carbon_contract *out)
{
    (void)ctx, (void)facility_kwh, (void)out;
    return false;
}

static bool half_contract(void *ctx, double facility_kwh, struct carbon_contract *out)
{
    (void)ctx;
    *out = (struct carbon_contract){facility_kwh / 2, 20, 500};
    return true;
}

static unsigned asked;

static struct booking_factors factors(void)
{
    asked = 0;
    return (struct booking_factors){.pue = 1.25,
                                    .lifetime_years = 4,
                                    .utilisation = 0.5,
                                    .intensity_at = rising,
                                    .system = systems,
                                    .contract = no_contract,
                                    .ctx = &asked};
}

static struct wt_trial gpus(unsigned count, const char *model)
{
    struct wt_trial trial = {.part.gpu_count = count, .outcome.time_s = 7200};
    for (unsigned i = 0; i < count; i++)
        snprintf(trial.part.gpus[i].name, WT_NAME_LEN, "%s", model);
    return trial;
}

static void each_hour_at_its_grid(void **state)
{
    (void)state;
    struct booking_factors f = factors();
    struct wt_trial trial = gpus(1, "V100");
    struct ledger_hour hours[] = {
        {.hour = 1000, .kind = WT_DEVICE_GPU, .energy_j = 3.6e6},
        {.hour = 1001, .kind = WT_DEVICE_GPU, .energy_j = 7.2e6},
        {.hour = 1000, .kind = WT_DEVICE_CPU, .energy_j = 1.8e6},
        {.hour = 1001, .kind = WT_DEVICE_CPU, .energy_j = NAN},
    };
    booking_fill(&f, 4, hours, 4, &trial);
    near(trial.carbon.operational_g, 1.25 * (1 * 100 + 2 * 200 + 0.5 * 100));
    near(trial.carbon.intensity_g_per_kwh, (1 * 100 + 2 * 200 + 0.5 * 100) / 3.5);
    assert_true(hours[1].intensity_g_per_kwh == 200 && hours[3].intensity_g_per_kwh == 200);
    assert_true(trial.carbon.pue == 1.25 && isnan(trial.carbon.market_g));
    assert_string_equal(trial.carbon.intensity_source, "a series");
    /* Two hours of one of the node's four GPUs. */
    near(trial.carbon.embodied_g, 2000e3 * 2 / (4 * 8760) / 4);
    near(trial.carbon.embodied_useful_g, 2 * trial.carbon.embodied_g);
    assert_string_equal(trial.carbon.embodied_source, "a GPU system");
}

static void sources_stand_beside_each_other(void **state)
{
    (void)state;
    struct booking_factors f = factors();
    struct wt_trial trial = gpus(1, "V100");
    struct ledger_hour hours[] = {{.hour = 1004, .energy_j = 3.6e6},
                                  {.hour = 1005, .energy_j = 3.6e6},
                                  {.hour = 1006, .energy_j = 3.6e6}};
    booking_fill(&f, 1, hours, 3, &trial);
    assert_string_equal(trial.carbon.intensity_source, "a series; " CARBON_ASSUMED_TEXT);
    near(trial.carbon.operational_g, 1.25 * (500 + 481 + 481));
    assert_int_equal(asked, 3);
}

static void contracts(void **state)
{
    (void)state;
    struct booking_factors f = factors();
    struct wt_trial trial = gpus(1, "V100");
    struct ledger_hour hour = {.hour = 1000, .energy_j = 3.6e6};
    f.contract = half_contract;
    booking_fill(&f, 1, &hour, 1, &trial);
    near(trial.carbon.market_g, 0.625 * 20 + 0.625 * 500);
    near(trial.carbon.operational_g, 125); /* beside it, unchanged */
}

static void systems_differ(void **state)
{
    (void)state;
    struct booking_factors f = factors();
    struct wt_trial trial = gpus(2, "A100"), cpu = {.outcome.time_s = 3600};
    struct ledger_hour hour = {.hour = 1000, .energy_j = 1};
    f.system_gpus = 8;
    snprintf(trial.part.gpus[1].name, WT_NAME_LEN, "V100");
    booking_fill(&f, 2, &hour, 1, &trial);
    near(trial.carbon.embodied_g,
         2.0 / (4 * 8760) * (318e3 + 2000e3 / 8)); /* the configuration's 8 GPUs, not the 2 found */
    assert_string_equal(trial.carbon.embodied_source, "a measured A100; a GPU system");
    booking_fill(&f, 0, &hour, 1, &cpu);
    near(cpu.carbon.embodied_g, 1.0 / (4 * 8760) * 1000e3);
}

static void unknown_stays_unknown(void **state)
{
    (void)state;
    struct booking_factors f = factors();
    struct wt_trial trial = gpus(1, "V100");
    struct ledger_hour hours[] = {{.hour = 1000, .energy_j = NAN}, {.hour = 1001, .energy_j = NAN}};
    trial.outcome.time_s = NAN;
    f.contract = half_contract;
    booking_fill(&f, 1, hours, 2, &trial);
    assert_true(isnan(trial.carbon.operational_g) && isnan(trial.carbon.market_g) &&
                isnan(trial.carbon.intensity_g_per_kwh));
    assert_true(isnan(trial.carbon.embodied_g) && isnan(trial.carbon.embodied_useful_g));
    booking_fill(&f, 1, hours, 0, &trial);
    assert_true(isnan(trial.carbon.operational_g));
    assert_string_equal(trial.carbon.intensity_source, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hour_at_its_grid),
        cmocka_unit_test(sources_stand_beside_each_other),
        cmocka_unit_test(contracts),
        cmocka_unit_test(systems_differ),
        cmocka_unit_test(unknown_stays_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
