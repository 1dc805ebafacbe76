/* SPDX-License-Identifier: Apache-2.0
 *
 * Power sensors through hwmon: AMD, Intel, Grace; a sensor that covers other devices is not
 * counted.
 */
#include "sysfs_help.h"

#include "base/clock.h"
#include "measure/sense/sense.h"

static void put(const char *chip, const char *file, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "class/hwmon/%s/%s", chip, file);
    tree_put(path, text);
}

/* A chip of a PCI device: class/hwmon/hwmonN/device links to devices/ADDRESS. */
static void put_chip(const char *chip, const char *name, const char *address)
{
    char path[512], target[256];
    put(chip, "name", name);
    if (!address)
        return;
    snprintf(path, sizeof path, "devices/%s/vendor", address);
    tree_put(path, "0x1002\n");
    snprintf(path, sizeof path, "%s/class/hwmon/%s/device", tree, chip);
    snprintf(target, sizeof target, "../../../devices/%s", address);
    assert_int_equal(symlink(target, path), 0);
}

static void *open_tree(void)
{
    struct sense_options options = {.sysfs_path = tree};
    void *source;
    assert_int_equal(sense_hwmon.open(&options, &source, NULL), 0);
    return source;
}

static struct wt_device device_of(void *source, unsigned i)
{
    struct wt_device device;
    assert_int_equal(sense_hwmon.device(source, i, &device, NULL), 0);
    return device;
}

/* Numbers of chips change from boot to boot; devices do not. */
static void amd(void **state)
{
    (void)state;
    struct wt_state now;
    struct wt_error err;
    put_chip("hwmon7", "amdgpu\n", "0000:03:00.0");
    put("hwmon7", "power1_average", "215000000\n");
    put("hwmon7", "power1_cap", "300000000\n");
    put("hwmon7", "power1_cap_min", "100000000\n");
    put("hwmon7", "power1_cap_max", "350000000\n");
    put("hwmon7", "power1_cap_default", "300000000\n");
    put("hwmon7", "temp1_input", "61000\n");
    put("hwmon7", "freq1_input", "1700000000\n");
    tree_put("devices/0000:03:00.0/gpu_busy_percent", "97\n");
    tree_put("devices/0000:03:00.0/product_name", "AMD Instinct MI210\n");
    put_chip("hwmon2", "amdgpu\n", "0000:43:00.0"); /* newer kernels: power1_input */
    put("hwmon2", "power1_input", "15000000\n");
    put("hwmon2", "power1_cap", "300000000\n");
    put_chip("hwmon1", "amdgpu\n",
             "0000:07:00.0"); /* a part of a processor: its sensor shows the package */
    put("hwmon1", "power1_average", "35000000\n");
    put_chip("hwmon0", "nvme\n", "0000:01:00.0");
    put("hwmon0", "power1_average", "5000000\n");
    void *source = open_tree();
    assert_int_equal(sense_hwmon.count(source), 2);
    struct wt_device first = device_of(source, 0), second = device_of(source, 1);
    assert_int_equal(first.kind, WT_DEVICE_GPU);
    assert_int_equal(first.index, 0);
    assert_string_equal(first.uuid, "GPU-amdgpu-0000:03:00.0");
    assert_string_equal(first.pci_address, "0000:03:00.0");
    assert_string_equal(first.name, "AMD Instinct MI210");
    assert_false(first.has_energy_counter);
    assert_true(first.power_tick_ns > 0);
    assert_int_equal(first.limit_min_mw, 100000);
    assert_int_equal(first.limit_max_mw, 350000);
    assert_int_equal(first.limit_default_mw, 300000);
    assert_string_equal(second.uuid, "GPU-amdgpu-0000:43:00.0");
    assert_string_equal(second.name, "AMD GPU (amdgpu)");
    assert_int_equal(second.limit_max_mw, 0);
    assert_int_equal(sense_hwmon.state(source, 0, ~0u, &now, &err), 0);
    assert_int_equal(now.known, WT_STATE_POWER | WT_STATE_LIMIT | WT_STATE_TEMPERATURE |
                                    WT_STATE_UTILIZATION | WT_STATE_SM_CLOCK);
    assert_int_equal(now.power_mw, 215000);
    assert_int_equal(now.limit_mw, 300000);
    assert_int_equal(now.temperature_c, 61);
    assert_int_equal(now.utilization_percent, 97);
    assert_int_equal(now.sm_clock_mhz, 1700);
    assert_int_equal(sense_hwmon.state(source, 1, WT_STATE_POWER, &now, &err), 0);
    assert_int_equal(now.power_mw, 15000);
    put("hwmon2", "power1_input", "busy\n");
    assert_int_equal(sense_hwmon.state(source, 1, WT_STATE_POWER, &now, &err), WT_E_PARSE);
    tree_drop("class/hwmon/hwmon2/power1_input");
    assert_int_equal(sense_hwmon.state(source, 1, WT_STATE_POWER, &now, &err), WT_E_DEVICE_LOST);
    assert_int_equal(now.power_mw, 15000);
    sense_hwmon.close(source);
}

static void intel(void **state)
{
    (void)state;
    struct wt_sample sample;
    struct wt_state now;
    put_chip("hwmon4", "xe\n",
             "0000:8a:00.0"); /* tells its card and its package: the card holds both */
    put("hwmon4", "energy1_input", "123456789\n");
    put("hwmon4", "energy2_input", "99999999\n");
    put("hwmon4", "power1_max", "600000000\n");
    put("hwmon4", "power1_rated_max", "600000000\n");
    put_chip("hwmon3", "i915\n", "0000:4d:00.0");
    put("hwmon3", "energy1_input", "5000000\n");
    put("hwmon3", "power1_max", "0\n");
    put_chip("hwmon5", "i915_gt0\n", "0000:4d:00.0");
    put("hwmon5", "energy1_input", "4000000\n");
    put_chip("hwmon6", "xe\n", "0000:9a:00.0"); /* a package only */
    put("hwmon6", "energy2_input", "7000000\n");
    void *source = open_tree();
    assert_int_equal(sense_hwmon.count(source), 3);
    struct wt_device device = device_of(source, 1);
    assert_string_equal(device.uuid, "GPU-xe-0000:8a:00.0");
    assert_int_equal(device.index, 1);
    assert_true(device.has_energy_counter);
    assert_int_equal(device.limit_default_mw, 600000);
    assert_int_equal(sense_hwmon.energy(source, 1, &sample, NULL), 0);
    assert_int_equal(sample.energy_mj, 123456);
    assert_int_equal(sample.source, WT_SOURCE_COUNTER);
    assert_int_equal(sense_hwmon.energy(source, 2, &sample, NULL), 0);
    assert_int_equal(sample.energy_mj, 7000);
    assert_string_equal(device_of(source, 0).uuid, "GPU-i915-0000:4d:00.0");
    assert_int_equal(sense_hwmon.state(source, 0, WT_STATE_LIMIT | WT_STATE_ENERGY, &now, NULL), 0);
    assert_int_equal(now.known, WT_STATE_ENERGY); /* a limit of 0 is none */
    put("hwmon3", "energy1_input", "\n");
    assert_int_equal(sense_hwmon.energy(source, 0, &sample, NULL), WT_E_PARSE);
    sense_hwmon.close(source);
}

static void put_grace(const char *chip, const char *info, const char *power)
{
    put_chip(chip, "power_meter\n", NULL);
    put(chip, "device/power1_oem_info", info);
    put(chip, "device/power1_average", power);
    put(chip, "device/power1_average_interval", "50\n");
}

static void grace(void **state)
{
    (void)state;
    struct wt_state now;
    put_grace("hwmon1", "Module Power Socket 0\n", "600000000\n");
    put_grace("hwmon2", "Grace Power Socket 0\n", "130000000\n");
    put_grace("hwmon3", "CPU Power Socket 0\n", "80000000\n");
    put_grace("hwmon4", "SysIO Power Socket 0\n", "20000000\n");
    put_grace("hwmon5", "Grace Power Socket 1\n", "140000000\n"); /* not split by this firmware */
    put_chip("hwmon6", "power_meter\n", NULL);                    /* a whole server's */
    put("hwmon6", "device/power1_average", "900000000\n");
    void *source = open_tree();
    assert_int_equal(sense_hwmon.count(source), 2);
    struct wt_device device = device_of(source, 0);
    assert_int_equal(device.kind, WT_DEVICE_CPU);
    assert_string_equal(device.uuid, "cpu-socket-0");
    assert_string_equal(device.name, "CPU Power Socket 0");
    assert_int_equal(device.power_tick_ns, 50 * NS_PER_MS);
    assert_int_equal(sense_hwmon.state(source, 0, WT_STATE_POWER, &now, NULL), 0);
    assert_int_equal(now.power_mw, 80000);
    assert_string_equal(device_of(source, 1).name, "Grace Power Socket 1");
    assert_int_equal(device_of(source, 1).index, 1);
    sense_hwmon.close(source);
}

static void nothing(void **state)
{
    (void)state;
    struct sense_options options = {.sysfs_path = tree};
    void *source;
    assert_int_equal(sense_hwmon.open(&options, &source, NULL), WT_E_NO_DEVICE);
    assert_false(sense_hwmon.needed(&options));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)
    const struct CMUnitTest tests[] = {TEST(amd), TEST(intel), TEST(grace), TEST(nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
