/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard's hands on NVIDIA GPUs, both knobs, over the virtual library: sources are opened as a
 * program opens them, and the GPUs' own clocks say whether a lock holds.
 *
 * Arguments: the virtual GPU's library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/driver/nvml.h"
#include "tune/act/journal.h"
#include "tune/act/sensed.h"

static const char *library;
static char folder[64];
static struct sense *sense;

/* --- Signs of a lock, as the driver gives them or as a test does --- */

static const struct nvml_clock_signs *given;

int __real_nvml_clock_signs(struct nvml *nvml, unsigned index, struct nvml_clock_signs *signs,
                            struct wt_error *err);
int __wrap_nvml_clock_signs(struct nvml *nvml, unsigned index, struct nvml_clock_signs *signs,
                            struct wt_error *err);

int __wrap_nvml_clock_signs(struct nvml *nvml, unsigned index, struct nvml_clock_signs *signs,
                            struct wt_error *err)
{
    if (!given)
        return __real_nvml_clock_signs(nvml, index, signs, err);
    *signs = *given;
    return 0;
}

/* --- Load --- */

static atomic_bool works;
static pthread_t loads[2];

static void *load(void *gpu)
{
    int (*work)(unsigned, double, double, double, double);
    void *symbol = sense_symbol(sense, "vgpu_work");
    memcpy(&work, &symbol, sizeof work);
    while (works && work(*(unsigned *)gpu, 0.05, 300, 1, 0) == 0)
        ;
    return NULL;
}

static unsigned clock_mhz(unsigned gpu)
{
    struct wt_state state;
    assert_int_equal(sense_state(sense, gpu, WT_STATE_SM_CLOCK, &state, NULL), 0);
    return state.sm_clock_mhz;
}

/* The highest clock of a while at work: between two pieces of work a GPU idles for a moment. */
static unsigned working_mhz(unsigned gpu)
{
    unsigned most = 0;
    for (unsigned i = 0; i < 60; i++) {
        unsigned now = clock_mhz(gpu);
        most = now > most ? now : most;
        usleep(2000);
    }
    return most;
}

static void start_load(void)
{
    static unsigned gpus[2] = {0, 1};
    works = true;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&loads[i], NULL, load, &gpus[i]), 0);
    usleep(100000);
}

static void end_load(void)
{
    works = false;
    for (unsigned i = 0; i < 2; i++)
        pthread_join(loads[i], NULL);
}

static struct guard *new_guard(const char *holder)
{
    struct guard *guard;
    assert_int_equal(guard_new(sensed_finder(sense), folder, holder, &guard, NULL), 0);
    return guard;
}

static struct wt_setting mhz(uint32_t value)
{
    return (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, value};
}

static const struct wt_device *gpu(unsigned i)
{
    return sense_device(sense, i);
}

/* --- Tests --- */

static void test_lock_and_reset(void **state)
{
    (void)state;
    struct guard *guard = new_guard("run");
    struct wt_setting found;
    enum guard_outcome outcome;
    start_load();
    unsigned full = working_mhz(0);
    assert_true(full > 1000);
    assert_int_equal(guard_take(guard, gpu(0), WT_KNOB_SM_CLOCK_MAX, &found, NULL), 0);
    assert_int_equal(guard_check(guard, gpu(0), mhz(900), NULL), 0);
    assert_int_equal(guard_check(guard, gpu(0), mhz(5000), NULL), WT_E_RANGE);
    assert_int_equal(guard_check(guard, gpu(0), mhz(1), NULL), WT_E_RANGE);
    assert_int_equal(guard_set(guard, gpu(0), mhz(900), NULL), 0);
    unsigned locked = working_mhz(0), other = working_mhz(1);
    assert_int_equal(guard_restore(guard, gpu(0), WT_KNOB_SM_CLOCK_MAX, &outcome, NULL), 0);
    unsigned again = working_mhz(0);
    end_load();
    assert_true(locked <= 900 && locked > 800);
    assert_int_equal(other, full); /* the other GPU is not touched */
    assert_int_equal(outcome, GUARD_RESTORED);
    assert_int_equal(again, full);
    guard_close(guard);
}

/* A killed run owes both knobs; a later start of ours puts both back. */
static void test_recovery(void **state)
{
    (void)state;
    struct guard *guard = new_guard("run");
    struct wt_setting found;
    struct wt_state now;
    enum guard_outcome outcomes[WT_KNOBS];
    start_load();
    unsigned full = working_mhz(1);
    assert_int_equal(guard_take(guard, gpu(1), WT_KNOB_SM_CLOCK_MAX, &found, NULL), 0);
    assert_int_equal(guard_take(guard, gpu(1), WT_KNOB_POWER_LIMIT, &found, NULL), 0);
    uint32_t lower = gpu(1)->limit_min_mw;
    assert_true(found.value > lower);
    assert_int_equal(guard_set(guard, gpu(1), mhz(900), NULL), 0);
    assert_int_equal(
        guard_set(guard, gpu(1), (struct wt_setting){WT_KNOB_POWER_LIMIT, lower}, NULL), 0);
    guard_close(guard);
    guard = new_guard("recovery");
    assert_int_equal(guard_recover(guard, gpu(0), outcomes, NULL), 0);
    assert_true(outcomes[0] == GUARD_NOTHING && outcomes[1] == GUARD_NOTHING);
    assert_int_equal(guard_recover(guard, gpu(1), outcomes, NULL), 0);
    guard_close(guard);
    unsigned again = working_mhz(1);
    end_load();
    assert_true(outcomes[0] == GUARD_RESTORED && outcomes[1] == GUARD_RESTORED);
    assert_int_equal(again, full);
    assert_int_equal(sense_state(sense, 1, WT_STATE_LIMIT, &now, NULL), 0);
    assert_int_equal(now.limit_mw, found.value);
}

/* Somebody else's lock shows in the driver's reasons while the GPU works: the clock is not taken,
 * by words; the site that names its lock gets that one back. */
static void test_foreign_lock(void **state)
{
    (void)state;
    const struct nvml_clock_range foreign = {210, 1200};
    struct nvml *nvml = sense_device_driver(sense, 0, NULL);
    struct guard *guard = new_guard("run");
    struct wt_setting found;
    struct wt_error err = {0};
    enum guard_outcome outcome;
    int refused = 0;
    start_load();
    assert_int_equal(nvml_lock_sm_clock(nvml, 0, foreign, NULL), 0);
    for (unsigned i = 0; refused == 0 && i < 20; i++) { /* it may idle in between two pieces */
        refused = guard_take(guard, gpu(0), WT_KNOB_SM_CLOCK_MAX, &found, &err);
        if (refused == 0) {
            guard_close(guard);
            guard = new_guard("run");
        }
    }
    assert_int_equal(guard_take(guard, gpu(1), WT_KNOB_SM_CLOCK_MAX, &found, NULL), 0);
    unsigned untouched = working_mhz(0);
    guard_clock_found(guard, (struct guard_range){foreign.min_mhz, foreign.max_mhz});
    int named = guard_take(guard, gpu(0), WT_KNOB_SM_CLOCK_MAX, &found, NULL);
    int set = guard_set(guard, gpu(0), mhz(900), NULL);
    int back = guard_restore(guard, gpu(0), WT_KNOB_SM_CLOCK_MAX, &outcome, NULL);
    unsigned again = working_mhz(0);
    end_load();
    assert_int_equal(nvml_reset_sm_clock(nvml, 0, NULL), 0);
    guard_close(guard);
    assert_int_equal(refused, WT_E_BUSY);
    assert_non_null(strstr(err.text, "somebody else holds the clocks of GPU 0"));
    assert_true(untouched <= 1200 && untouched > 1000);
    assert_true(named == 0 && found.value == 1200 && set == 0 && back == 0);
    assert_int_equal(again, untouched);
}

/* A driver that gives no reason, and the clock alone: refused only where nothing else explains it.
 */
static void test_signs(void **state)
{
    (void)state;
    static const struct {
        struct nvml_clock_signs signs;
        int rc;
    } cases[] = {
        {{.idle = true, .sm_mhz = 210}, 0},
        {{.sm_mhz = 1410}, 0},
        {{.sm_mhz = 1335}, 0}, /* boost moves it by a few per cent */
        {{.sm_mhz = 900}, WT_E_BUSY},
        {{.by_something = true, .sm_mhz = 900}, 0}, /* a power cap, heat */
        {{.by_setting = true, .by_something = true, .sm_mhz = 900}, WT_E_BUSY},
        {{.by_setting = true, .sm_mhz = 0}, WT_E_BUSY},
        {{.sm_mhz = 0}, 0}, /* the clock is not told */
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct guard *guard = new_guard("run");
        struct wt_setting found;
        given = &cases[i].signs;
        assert_int_equal(guard_take(guard, gpu(0), WT_KNOB_SM_CLOCK_MAX, &found, NULL),
                         cases[i].rc);
        given = NULL;
        guard_close(guard);
    }
}

static void test_finder(void **state)
{
    (void)state;
    struct guard *guard = new_guard("run");
    struct wt_device unknown = *gpu(0);
    struct wt_setting found;
    assert_true(sensed_can_set(sense));
    snprintf(unknown.uuid, sizeof unknown.uuid, "GPU-unknown");
    assert_int_equal(guard_take(guard, &unknown, WT_KNOB_POWER_LIMIT, &found, NULL),
                     WT_E_NOT_SUPPORTED);
    guard_close(guard);
}

static int open_machine(void **state)
{
    (void)state;
    const struct sense_options options = {.nvml_path = library, .sysfs_path = ""};
    struct wt_error err;
    snprintf(folder, sizeof folder, "/tmp/wattune-knobs-XXXXXX");
    setenv("WATTUNE_VGPU", "a100:2", 1);
    if (!mkdtemp(folder) || sense_open(&options, &sense, &err))
        return -1;
    return 0;
}

static int close_machine(void **state)
{
    (void)state;
    char command[128];
    sense_close(sense);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock_and_reset), cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_foreign_lock),   cmocka_unit_test(test_signs),
        cmocka_unit_test(test_finder),
    };
    assert_int_equal(argc, 2);
    library = argv[1];
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}
