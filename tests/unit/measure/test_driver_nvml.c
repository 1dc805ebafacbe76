/* SPDX-License-Identifier: Apache-2.0
 *
 * The NVML loader against libraries of the test's own: missing functions, old ones, and what each
 * code becomes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "measure/driver/nvml.h"
#include "measure/driver/nvml_abi.h"

static const char *whole, *old, *broken;

static int *knob(struct nvml *nvml, const char *name)
{
    int *place = nvml_symbol(nvml, name);
    assert_non_null(place);
    return place;
}

static void test_missing(void **state)
{
    (void)state;
    struct nvml *nvml = NULL;
    struct wt_error err;
    assert_int_equal(nvml_open("/nowhere/libnvidia-ml.so.1", &nvml, &err), WT_E_NO_LIBRARY);
    assert_non_null(strstr(err.text, "/nowhere"));
    assert_int_equal(nvml_open(broken, &nvml, &err), WT_E_NO_LIBRARY);
    assert_non_null(strstr(err.text, "nvmlDeviceGetUUID"));
    assert_null(nvml);
}

/* The oldest driver we can use: identity works, everything else is not supported, and nothing is
 * made up. */
static void test_old(void **state)
{
    (void)state;
    struct nvml *nvml;
    struct wt_device device;
    struct wt_state seen = {0};
    struct wt_error err;
    uint64_t energy_mj = 7;
    uint32_t limit_mw = 7, pids[4];
    unsigned count = 7;
    assert_int_equal(nvml_open(old, &nvml, NULL), 0);
    assert_int_equal(nvml_device_count(nvml), 2);
    assert_int_equal(nvml_device(nvml, 1, &device, NULL), 0);
    assert_string_equal(device.uuid, "GPU-fake-1");
    assert_false(device.has_energy_counter);
    assert_int_equal(device.limit_max_mw, 0);
    assert_int_equal(nvml_energy_mj(nvml, 0, &energy_mj, &err), WT_E_NOT_SUPPORTED);
    assert_non_null(strstr(err.text, "no such function"));
    assert_int_equal(nvml_limit_mw(nvml, 0, &limit_mw, NULL), WT_E_NOT_SUPPORTED);
    assert_int_equal(nvml_set_limit_mw(nvml, 0, 200000, NULL), WT_E_NOT_SUPPORTED);
    assert_int_equal(nvml_compute_processes(nvml, 0, pids, 4, &count, NULL), WT_E_NOT_SUPPORTED);
    assert_int_equal(nvml_state(nvml, 0, WT_STATE_POWER, &seen, NULL), WT_E_NOT_SUPPORTED);
    assert_true(energy_mj == 7 && limit_mw == 7 && count == 7 && seen.known == 0);
    nvml_close(nvml);
}

static void test_codes(void **state)
{
    (void)state;
    static const struct {
        int nvml, ours;
    } codes[] = {
        {0, 0},
        {1, WT_E_DEVICE_LOST},
        {2, WT_E_INVALID},
        {3, WT_E_NOT_SUPPORTED},
        {4, WT_E_NO_PERMISSION},
        {5, WT_E_DRIVER},
        {6, WT_E_NOT_FOUND},
        {7, WT_E_RANGE},
        {8, WT_E_DRIVER},
        {9, WT_E_NO_DEVICE},
        {10, WT_E_TIMEOUT},
        {11, WT_E_DRIVER},
        {12, WT_E_NO_LIBRARY},
        {13, WT_E_NOT_SUPPORTED},
        {14, WT_E_DRIVER},
        {15, WT_E_DEVICE_LOST},
        {16, WT_E_DEVICE_LOST},
        {17, WT_E_DRIVER},
        {18, WT_E_NO_DEVICE},
        {19, WT_E_DRIVER},
        {20, WT_E_NO_MEMORY},
        {21, WT_E_NO_DATA},
        {25, WT_E_DRIVER},
        {28, WT_E_DEVICE_LOST},
        {999, WT_E_DRIVER},
        {-5, WT_E_DRIVER},
    };
    struct nvml *nvml;
    assert_int_equal(nvml_open(whole, &nvml, NULL), 0);
    int *rc = knob(nvml, "fake_rc");
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        uint64_t energy_mj = 7;
        *rc = codes[i].nvml;
        assert_int_equal(nvml_energy_mj(nvml, 0, &energy_mj, NULL), codes[i].ours);
        assert_true(energy_mj == (codes[i].ours ? 7 : 5000000001ull));
    }
    *rc = 0;
    nvml_close(nvml);
}

static void test_sentences(void **state)
{
    (void)state;
    struct nvml *nvml;
    struct wt_error err;
    uint64_t energy_mj;
    assert_int_equal(nvml_open(whole, &nvml, NULL), 0);
    int *rc = knob(nvml, "fake_rc");
    *rc = 4;
    assert_int_equal(nvml_set_limit_mw(nvml, 1, 210000, &err), WT_E_NO_PERMISSION);
    assert_string_equal(err.text,
                        "set power limit of GPU 1 to 210 W: Insufficient Permissions (NVML 4)");
    *rc = 3;
    nvml_energy_mj(nvml, 0, &energy_mj, &err);
    assert_string_equal(err.text, "read the energy counter of GPU 0: Not Supported (NVML 3)");
    *rc = 15;
    nvml_energy_mj(nvml, 0, &energy_mj, &err);
    assert_string_equal(err.text, "read the energy counter of GPU 0: GPU is lost (NVML 15)");
    *rc = 0;
    assert_int_equal(nvml_energy_mj(nvml, 2, &energy_mj, &err), WT_E_NO_DEVICE);
    nvml_close(nvml);
}

static void test_state(void **state)
{
    (void)state;
    struct nvml *nvml;
    struct wt_state seen = {.t_ns = 5};
    uint32_t pids[2] = {0};
    unsigned count;
    assert_int_equal(nvml_open(whole, &nvml, NULL), 0);
    int *rc = knob(nvml, "fake_rc");
    assert_int_equal(nvml_state(nvml, 0, ~0u, &seen, NULL), 0);
    assert_int_equal(seen.known,
                     WT_STATE_POWER | WT_STATE_LIMIT | WT_STATE_THROTTLE | WT_STATE_ENERGY);
    assert_int_equal(seen.power_mw, 123456);
    assert_int_equal(seen.throttle,
                     WT_THROTTLE_SW_POWER_CAP | WT_THROTTLE_HW_THERMAL); /* idle is no throttle */
    assert_int_equal(seen.t_ns, 5);
    *rc = 3;
    assert_int_equal(nvml_state(nvml, 0, ~0u, &seen, NULL), 0);
    assert_int_equal(seen.known, WT_STATE_LIMIT);
    *rc = 15; /* lost is lost, whatever else still answers */
    assert_int_equal(nvml_state(nvml, 0, ~0u, &seen, NULL), WT_E_DEVICE_LOST);
    *rc = 0;
    assert_int_equal(nvml_compute_processes(nvml, 0, pids, 2, &count, NULL), 0);
    assert_int_equal(count, 3);     /* how many there are, beyond the capacity */
    assert_int_equal(pids[1], 101); /* entries are 24 bytes */
    nvml_close(nvml);
}

static void test_lost_at_open(void **state)
{
    (void)state;
    struct nvml *nvml;
    struct wt_device device;
    uint64_t energy_mj;
    assert_int_equal(nvml_open(whole, &nvml, NULL), 0);
    int *lost = knob(nvml, "fake_lost"), *rc = knob(nvml, "fake_rc"),
        *init_rc = knob(nvml, "fake_init_rc");
    unsigned *shutdowns = (unsigned *)knob(nvml, "fake_shutdowns"), before = *shutdowns;
    nvml_close(nvml);
    assert_int_equal(*shutdowns, before + 1);
    *lost = 0;
    assert_int_equal(nvml_open(whole, &nvml, NULL), 0);
    assert_int_equal(nvml_device_count(nvml), 2);
    assert_int_equal(nvml_device(nvml, 0, &device, NULL), WT_E_DEVICE_LOST);
    assert_int_equal(nvml_energy_mj(nvml, 0, &energy_mj, NULL), WT_E_DEVICE_LOST);
    assert_int_equal(nvml_device(nvml, 1, &device, NULL), 0);
    assert_string_equal(device.uuid, "GPU-fake-1");
    assert_int_equal(device.index, 1);
    *lost = -1;
    /* A counter that may not be read just now is still a counter; only "not supported" means there
     * is none. */
    *rc = 4;
    assert_int_equal(nvml_device(nvml, 1, &device, NULL), 0);
    assert_true(device.has_energy_counter);
    *rc = 3;
    assert_int_equal(nvml_device(nvml, 1, &device, NULL), 0);
    assert_false(device.has_energy_counter);
    *rc = 0;
    nvml_close(nvml);
    *init_rc = 9;
    before = *shutdowns;
    assert_int_equal(nvml_open(whole, &nvml, NULL), WT_E_NO_DEVICE);
    assert_int_equal(*shutdowns, before); /* a library that was not initialised is not shut down */
    *init_rc = 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing), cmocka_unit_test(test_old),
        cmocka_unit_test(test_codes),   cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_state),   cmocka_unit_test(test_lost_at_open),
    };
    if (argc < 4)
        return 2;
    whole = argv[1];
    old = argv[2];
    broken = argv[3];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
