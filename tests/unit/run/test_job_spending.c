/* SPDX-License-Identifier: Apache-2.0
 *
 * The use that a run makes of a budget, and the eta that it is tuned by, over a meter and a clock
 * of the test's own: a run never ends before the energy measured reaches the amount, carbon is as
 * it will be booked, and an unknown amount does not count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/job/grid_eta.h"
#include "run/job/spending.h"

/* --- The world --- */

enum { GPU, CPU, DEVICES };

static struct {
    int64_t now_ns;
    double used_j[DEVICES];
    bool silent[DEVICES];
    struct wt_device devices[DEVICES];
    unsigned questions; /* for a grid */
    bool kept_up;
} world;

static int64_t now_ns(void)
{
    return world.now_ns;
}

unsigned live_meter_device_count(const struct live_meter *watch)
{
    (void)watch;
    return DEVICES;
}

const struct wt_device *live_meter_device(const struct live_meter *watch, unsigned i)
{
    (void)watch;
    return &world.devices[i];
}

int live_meter_so_far(const struct live_meter *watch, unsigned i, double *energy_j)
{
    (void)watch;
    if (world.silent[i])
        return WT_E_NO_DATA;
    *energy_j = world.used_j[i];
    return 0;
}

void live_meter_keep_up(struct live_meter *watch)
{
    (void)watch;
    world.kept_up = true;
}

/* 100 g/kWh in the first hour, 200 in the second; the third is not known, then the world's average.
 */
static void grid(void *ctx, int64_t unix_s, struct carbon_intensity *out)
{
    (void)ctx;
    world.questions++;
    int64_t hour = unix_s / 3600 - 1000;
    *out = (struct carbon_intensity){.g_per_kwh = hour < 2    ? 100.0 * (double)(hour + 1)
                                                  : hour == 2 ? (double)NAN
                                                              : 481,
                                     .source = hour < 2    ? CARBON_INTENSITY_SERIES
                                               : hour == 2 ? CARBON_INTENSITY_NONE
                                                           : CARBON_INTENSITY_ASSUMED};
}

static void systems(void *ctx, const char *gpu_model, struct carbon_system *out)
{
    (void)ctx, (void)gpu_model;
    *out = (struct carbon_system){.kg = 2000, .devices = NAN};
}

static bool no_contract(void *ctx, double facility_kwh, struct carbon_contract *out)
{
    (void)ctx, (void)facility_kwh, (void)out;
    return false;
}

static const struct booking_factors factors = {.pue = 1.5,
                                               .lifetime_years = 4,
                                               .utilisation = 0.45,
                                               .intensity_at = grid,
                                               .system = systems,
                                               .contract = no_contract};

static int start_world(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.now_ns = 5 * NS_PER_S;
    world.devices[GPU] = (struct wt_device){.kind = WT_DEVICE_GPU, .has_energy_counter = true};
    world.devices[CPU] = (struct wt_device){.kind = WT_DEVICE_CPU, .has_energy_counter = true};
    clock_use(now_ns);
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    clock_use(NULL);
    return 0;
}

static struct spending begun(enum budget_kind kind, double amount)
{
    struct spending spending;
    struct spending_options options = {.budget = {kind, amount, "units", 1}};
    struct wt_trial trial = {.identity.started_ms = INT64_C(1000) * 3600 * 1000,
                             .part.gpu_count = 1};
    spending_begin(&spending, &options, NULL, &factors, 4, &trial, world.now_ns);
    return spending;
}

/* A turn later, after which the devices have used so much more; true when nothing is left. */
static bool turn(struct spending *spending, double seconds, double gpu_j, double cpu_j)
{
    struct wt_progress progress = {0};
    world.now_ns += (int64_t)(seconds * (double)NS_PER_S);
    world.used_j[GPU] += gpu_j;
    world.used_j[CPU] += cpu_j;
    return spending_poll(spending, &progress, false);
}

/* --- Tests --- */

static void energy_is_that_of_all_devices(void **state)
{
    (void)state;
    struct spending s = begun(BUDGET_ENERGY, 1000);
    assert_true(world.kept_up);
    assert_false(turn(&s, 1, 600, 399));
    assert_true(s.used == 999);
    assert_true(turn(&s, 1, 0.5, 0.5));
    assert_int_equal(world.questions, 0); /* no grid is asked about energy */
}

static void time_is_the_runs(void **state)
{
    (void)state;
    struct spending s = begun(BUDGET_TIME, 10);
    world.silent[GPU] = world.silent[CPU] = true; /* time passes without devices */
    assert_false(turn(&s, 9.999, 1e9, 0));
    assert_true(turn(&s, 0.001, 0, 0));
}

/* Energy at the grid of its hour, with PUE, and the share of a system for the time, as
 * booking_fill() books them. */
static void carbon_is_as_it_will_be_booked(void **state)
{
    (void)state;
    struct spending s = begun(BUDGET_CARBON, 1e6);
    turn(&s, 1800, 2e6, 1e6);
    turn(&s, 1799, 1e6, 0);
    turn(&s, 1801, 3e6, 2e6); /* in the second hour */
    assert_int_equal(world.questions, 2);
    struct ledger_hour hours[] = {/* by device, as they are booked */
                                  {.hour = 1000, .kind = WT_DEVICE_GPU, .energy_j = 3e6},
                                  {.hour = 1001, .kind = WT_DEVICE_GPU, .energy_j = 3e6},
                                  {.hour = 1000, .kind = WT_DEVICE_CPU, .energy_j = 1e6},
                                  {.hour = 1001, .kind = WT_DEVICE_CPU, .energy_j = 2e6}};
    struct wt_trial trial = {.part.gpu_count = 1, .outcome.time_s = 5400};
    booking_fill(&factors, 4, hours, 4, &trial);
    double operational = (4e6 * 100 + 5e6 * 200) / 3.6e6 * 1.5,
           embodied = 2e6 * 5400 / (4 * 8760 * 3600.0) / 4;
    assert_true(fabs(s.used / (operational + embodied) - 1) < 1e-9);
    assert_true(fabs((trial.carbon.operational_g + trial.carbon.embodied_g) / s.used - 1) < 1e-9);
    assert_true(fabs(spending_end(&s, &trial) / s.used - 1) < 1e-9);
}

static void a_grid_that_is_not_known_does_not_count(void **state)
{
    (void)state;
    struct spending s = begun(BUDGET_CARBON, 1e6);
    turn(&s, 2 * 3600 + 1, 0, 0);
    double before = s.operational_g;
    turn(&s, 60, 3.6e6, 0);
    assert_true(s.operational_g == before && s.told_grid);
    turn(&s, 3600, 3.6e6, 0); /* the world's average */
    assert_true(fabs(s.operational_g - before - 481 * 1.5) < 1e-6);
}

/* A device that cannot be read counts with its use so far; the user is told after a while, once,
 * and a moment is nothing. */
static void an_unknown_amount_does_not_count(void **state)
{
    (void)state;
    struct spending s = begun(BUDGET_ENERGY, 1000);
    turn(&s, 1, 500, 100);
    world.silent[GPU] = true;
    assert_false(turn(&s, 5, 700, 100));
    assert_true(s.used == 700 && !s.devices[GPU].told);
    world.silent[GPU] = false;
    world.used_j[GPU] = 550;
    assert_false(turn(&s, 1, 0, 0));
    assert_true(s.used == 750);
    world.silent[GPU] = true;
    assert_false(turn(&s, 11, 1000, 0));
    assert_true(s.devices[GPU].told && !s.devices[CPU].told && s.used == 750);
    assert_false(turn(&s, 11, 0, 249));
    assert_true(turn(&s, 1, 0, 1)); /* the known part is used up */
    struct wt_trial unknown = {.part.gpu_count = 1,
                               .part.energy_j = NAN,
                               .part.cpu_energy_j = 450,
                               .part.dram_energy_j = NAN};
    assert_true(spending_end(&s, &unknown) == 1000); /* not booked: as far as it was seen */
    struct wt_trial known = {.part.gpu_count = 1,
                             .part.energy_j = 1550,
                             .part.cpu_energy_j = 450,
                             .part.dram_energy_j = 10};
    assert_true(spending_end(&s, &known) == 2010);
}

static void a_device_that_tells_nothing_is_told_at_once(void **state)
{
    (void)state;
    world.devices[GPU].has_energy_counter = false;
    struct spending energy = begun(BUDGET_ENERGY, 1000), time = begun(BUDGET_TIME, 1000);
    assert_true(energy.devices[GPU].told && !energy.devices[CPU].told);
    assert_false(time.devices[GPU].told);
}

/* A run may draw any power, and be looked at any number of times: at its end no less than the
 * amount is used, and before the last look it was less. */
static void it_never_ends_early(void **state)
{
    static const enum budget_kind kinds[] = {BUDGET_ENERGY, BUDGET_CARBON, BUDGET_TIME};
    unsigned seed = 5;
    srand(seed);
    for (unsigned run = 0; run < 300; run++) {
        start_world(state);
        double amount = 1 + rand() % 500, used = 0, last = 0;
        struct spending s = begun(kinds[run % 3], amount);
        bool over = false;
        while (!over) {
            last = used;
            over = turn(&s, 0.05 + rand() % 100 / 100.0, rand() % 300, rand() % 50);
            double seconds = (double)(world.now_ns - 5 * NS_PER_S) / 1e9,
                   joules = world.used_j[GPU] + world.used_j[CPU];
            used = kinds[run % 3] == BUDGET_TIME ? seconds
                   : kinds[run % 3] == BUDGET_ENERGY
                       ? joules
                       : joules / 3.6e6 * 1.5 * 100 + 2e6 * seconds / (4 * 8760 * 3600.0) / 4;
            if (seconds > 3500)
                break; /* the grid of the next hour is another */
        }
        assert_true(!over || (used >= amount * (1 - 1e-9) && last < amount));
        assert_true(over || used < amount);
    }
}

/* --- The grid and eta --- */

static double ci, most;
static int64_t asked_at;
static unsigned asked;

static void grid_now(void *ctx, int64_t unix_s, double *g_per_kwh, double *most_g_per_kwh)
{
    (void)ctx;
    asked++;
    asked_at = unix_s;
    *g_per_kwh = ci;
    *most_g_per_kwh = most;
}

static void eta_follows_the_grid(void **state)
{
    (void)state;
    struct grid_eta_grid grid_eta_grid = {grid_now, NULL};
    struct grid_eta aware;
    char why[TUNER_WHY];
    ci = most = 400;
    grid_eta_begin(&aware, &grid_eta_grid, 0.5);
    assert_true(grid_eta_eta(&aware, why) == 0.5);
    assert_string_equal(why, "the grid is at 400 g/kWh, of at most 400 in 24 h");
    ci = 100;
    unsigned before = asked;
    int64_t at = asked_at;
    assert_true(grid_eta_eta(&aware, why) == 0.5 && asked == before); /* asked once a second */
    world.now_ns += 3600 * NS_PER_S; /* the machine's hour; the wall clock does not matter */
    assert_true(fabs(grid_eta_eta(&aware, why) - 0.2) < 1e-12);
    assert_true(asked == before + 1 && asked_at == at + 3600);
    ci = NAN;
    world.now_ns += 3600 * NS_PER_S;
    assert_true(grid_eta_eta(&aware, why) == 0.5 && aware.told); /* Zeus's choice */
    ci = 100;
    world.now_ns += NS_PER_S;
    assert_true(fabs(grid_eta_eta(&aware, why) - 0.2) < 1e-12 && !aware.told);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(energy_is_that_of_all_devices, start_world, end_world),
        cmocka_unit_test_setup_teardown(time_is_the_runs, start_world, end_world),
        cmocka_unit_test_setup_teardown(carbon_is_as_it_will_be_booked, start_world, end_world),
        cmocka_unit_test_setup_teardown(a_grid_that_is_not_known_does_not_count, start_world,
                                        end_world),
        cmocka_unit_test_setup_teardown(an_unknown_amount_does_not_count, start_world, end_world),
        cmocka_unit_test_setup_teardown(a_device_that_tells_nothing_is_told_at_once, start_world,
                                        end_world),
        cmocka_unit_test_setup_teardown(it_never_ends_early, start_world, end_world),
        cmocka_unit_test_setup_teardown(eta_follows_the_grid, start_world, end_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
