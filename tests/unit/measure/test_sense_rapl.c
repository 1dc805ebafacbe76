/* SPDX-License-Identifier: Apache-2.0
 *
 * RAPL through powercap: the zones that count, wraps, and unreadable files.
 */
#include "sysfs_help.h"

#include <sys/wait.h>

#include "base/clock.h"
#include "measure/sense/sense.h"

static int64_t now_ns;

static int64_t invented_clock(void)
{
    return now_ns;
}

static void *open_tree(void)
{
    struct sense_options options = {.sysfs_path = tree};
    struct wt_error err;
    void *source;
    int rc = sense_rapl.open(&options, &source, &err);
    assert_int_equal(rc, 0);
    return source;
}

static void put_zone(const char *folder, const char *name, const char *energy, const char *range)
{
    char path[256];
    snprintf(path, sizeof path, "class/powercap/%s/name", folder);
    tree_put(path, name);
    snprintf(path, sizeof path, "class/powercap/%s/energy_uj", folder);
    tree_put(path, energy);
    if (range) {
        snprintf(path, sizeof path, "class/powercap/%s/max_energy_range_uj", folder);
        tree_put(path, range);
    }
}

/* A server of two sockets as the kernel shows it, with all that must not be counted. */
static void put_server(void)
{
    put_zone("intel-rapl:0", "package-0\n", "1000000\n", "262143328850\n");
    put_zone("intel-rapl:0:0", "core\n", "500000\n", "262143328850\n");
    put_zone("intel-rapl:0:1", "dram\n", "7000\n", "65532610987\n");
    put_zone("intel-rapl:1", "package-1\n", "2000000\n", "262143328850\n");
    put_zone("intel-rapl:1:0", "uncore\n", "3\n", "262143328850\n");
    put_zone("intel-rapl:1:1", "dram\n", "9000\n", "65532610987\n");
    put_zone("intel-rapl:2", "psys\n", "99000000\n", "262143328850\n");
    put_zone("intel-rapl:2:0", "dram\n", "99000000\n", "262143328850\n");
    put_zone("intel-rapl-mmio:0", "package-0\n", "1000000\n", "262143328850\n");
    put_zone("intel-rapl:a", "package-7\n", "5\n", "5\n");
    put_zone("intel-rapl:3:x", "dram\n", "5\n", "5\n");
    put_zone("intel-rapl:5", "package-1\n", "2000000\n",
             "262143328850\n"); /* the same counter by another door */
    tree_put("class/powercap/intel-rapl/enabled", "1\n");
    tree_put("class/powercap/intel-rapl:4/energy_uj", "5\n"); /* no name */
}

static void device_is(void *source, unsigned i, enum wt_device_kind kind, unsigned index,
                      const char *uuid, const char *name)
{
    struct wt_device device;
    assert_int_equal(sense_rapl.device(source, i, &device, NULL), 0);
    assert_int_equal(device.kind, kind);
    assert_int_equal(device.index, index);
    assert_string_equal(device.uuid, uuid);
    assert_string_equal(device.name, name);
    assert_true(device.has_energy_counter);
}

static void counted_once(void **state)
{
    (void)state;
    put_server();
    void *source = open_tree();
    assert_int_equal(sense_rapl.count(source), 4);
    device_is(source, 0, WT_DEVICE_CPU, 0, "cpu-package-0", "package-0");
    device_is(source, 1, WT_DEVICE_DRAM, 0, "dram-package-0", "dram of package-0");
    device_is(source, 2, WT_DEVICE_CPU, 1, "cpu-package-1", "package-1");
    device_is(source, 3, WT_DEVICE_DRAM, 1, "dram-package-1", "dram of package-1");
    assert_string_equal(sense_rapl.remark(source), "");
    sense_rapl.close(source);
}

static void dies(void **state)
{
    (void)state;
    put_zone("intel-rapl:0", "package-0-die-0\n", "1\n", "262143328850\n");
    put_zone("intel-rapl:1", "package-0-die-1\n", "1\n", "262143328850\n");
    put_zone("intel-rapl:1:0", "dram\n", "1\n", "262143328850\n");
    void *source = open_tree();
    assert_int_equal(sense_rapl.count(source), 3);
    device_is(source, 0, WT_DEVICE_CPU, 0, "cpu-package-0-die-0", "package-0-die-0");
    device_is(source, 1, WT_DEVICE_CPU, 1, "cpu-package-0-die-1", "package-0-die-1");
    device_is(source, 2, WT_DEVICE_DRAM, 0, "dram-package-0-die-1", "dram of package-0-die-1");
    sense_rapl.close(source);
}

static uint64_t read_mj(void *source, unsigned i)
{
    struct wt_sample sample;
    struct wt_error err;
    if (sense_rapl.energy(source, i, &sample, &err))
        fail_msg("%s", err.text);
    assert_int_equal(sample.source, WT_SOURCE_COUNTER);
    assert_int_equal(sample.t_ns, now_ns);
    return sample.energy_mj;
}

/* Each zone wraps by its own range: by the package's, the DRAM would gain 197 kJ out of nothing. */
static void wraps(void **state)
{
    (void)state;
    put_zone("intel-rapl:0", "package-0\n", "262143000000\n", "262143328850\n");
    put_zone("intel-rapl:0:0", "dram\n", "65532000000\n", "65532610987\n");
    void *source = open_tree();
    now_ns = 1000 * NS_PER_S;
    uint64_t package_mj = read_mj(source, 0), dram_mj = read_mj(source, 1);
    assert_int_equal(package_mj, 262143000);
    now_ns += 20 * NS_PER_S;
    put_zone("intel-rapl:0", "package-0\n", "1671150\n", NULL);
    put_zone("intel-rapl:0:0", "dram\n", "389013\n", NULL);
    assert_int_equal(read_mj(source, 0) - package_mj,
                     2000); /* 0.328850 J up to the range, 1.671150 J from there */
    assert_int_equal(read_mj(source, 1) - dram_mj, 1000);
    now_ns += 20 * NS_PER_S;
    put_zone("intel-rapl:0", "package-0\n", "262143328850\n", NULL); /* all the way round */
    read_mj(source, 0);
    now_ns += 60 * NS_PER_S;
    put_zone("intel-rapl:0", "package-0\n", "0\n", NULL);
    assert_int_equal(read_mj(source, 0), 2 * 262143328850 / 1000);
    sense_rapl.close(source);
}

/* What a wrap cannot explain is a reset: the counter is seen to go back, and nothing is made up. */
static void reset(void **state)
{
    (void)state;
    struct wt_sample sample;
    put_zone("intel-rapl:0", "package-0\n", "1000000000\n", "262143328850\n");
    put_zone("intel-rapl:1", "package-1\n", "1000000000\n", NULL);  /* does not tell its range */
    put_zone("intel-rapl:2", "package-2\n", "1000000000\n", "5\n"); /* tells nonsense */
    void *source = open_tree();
    now_ns = 1000 * NS_PER_S;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(read_mj(source, i), 1000000);
    now_ns += NS_PER_S;
    for (unsigned i = 0; i < 3; i++) {
        char folder[32], name[32];
        snprintf(folder, sizeof folder, "intel-rapl:%u", i);
        snprintf(name, sizeof name, "package-%u\n", i);
        put_zone(folder, name, "30000000\n", NULL);
        assert_int_equal(sense_rapl.energy(source, i, &sample, NULL), 0);
        assert_int_equal(sample.quality, WT_QUALITY_RESET);
        assert_int_equal(sample.energy_mj, 30000);
    }
    sense_rapl.close(source);
}

/* A failed read is never a wrap: neither an empty file, nor words, nor a zone that goes and comes
 * back. */
static void failures(void **state)
{
    (void)state;
    static const char *const garbage[] = {
        "",        "\n",
        "words\n", "-5\n",
        "0x10\n",  "99999999999999999999999\n",
        "1 2\n",   "11111111111111111111111111111111111111111111111111111111111111111111111\n"};
    struct wt_sample sample = {.energy_mj = 77};
    struct wt_error err;
    put_zone("intel-rapl:0", "package-0\n", "5000000\n", "262143328850\n");
    void *source = open_tree();
    now_ns = 1000 * NS_PER_S;
    uint64_t before_mj = read_mj(source, 0);
    for (unsigned i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        now_ns += NS_PER_S;
        put_zone("intel-rapl:0", "package-0\n", garbage[i], NULL);
        int rc = sense_rapl.energy(source, 0, &sample, &err);
        assert_true(rc == WT_E_PARSE || rc == WT_E_RANGE);
        assert_non_null(strstr(err.text, "intel-rapl:0/energy_uj"));
        assert_int_equal(sample.energy_mj, 77);
    }
    tree_drop("class/powercap/intel-rapl:0/energy_uj");
    assert_int_equal(sense_rapl.energy(source, 0, &sample, &err), WT_E_DEVICE_LOST);
    assert_int_equal(sample.energy_mj, 77);
    put_zone("intel-rapl:0", "package-0\n", "6000000\n", NULL);
    assert_int_equal(read_mj(source, 0) - before_mj, 1000);
    sense_rapl.close(source);
}

static void no_tree(void **state)
{
    (void)state;
    struct sense_options options = {.sysfs_path = tree};
    struct wt_error err;
    void *source;
    assert_int_equal(sense_rapl.open(&options, &source, &err), WT_E_NO_DEVICE);
    assert_false(sense_rapl.needed(&options));
    tree_put("class/powercap/intel-rapl/enabled", "0\n"); /* a tree without zones */
    assert_int_equal(sense_rapl.open(&options, &source, &err), WT_E_NO_DEVICE);
    options.sysfs_path = "";
    assert_false(sense_rapl.wanted(&options));
}

/* Runs as nobody, to whom root's files are closed even when the tests run as root: 0 when all is as
 * it should be. */
static int check_unreadable(void)
{
    struct sense_options options = {.sysfs_path = tree};
    struct wt_device device;
    void *source;
    if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
        return 2;
    if (sense_rapl.open(&options, &source, NULL))
        return 3;
    const char *remark = sense_rapl.remark(source);
    if (sense_rapl.count(source) != 2 || !strstr(remark, "SUBSYSTEM==\"powercap\"") ||
        !strstr(remark, "chmod a+r /sys%p/energy_uj") ||
        !strstr(remark, "intel-rapl:0/energy_uj") || strstr(remark, "intel-rapl:1"))
        return 4;
    for (unsigned i = 0; i < 2; i++)
        if (sense_rapl.device(source, i, &device, NULL) || device.has_energy_counter)
            return 5;
    sense_rapl.close(source);
    return 0;
}

/* Closed files stay in the list, without a counter, and are spoken of once. */
static void unreadable(void **state)
{
    (void)state;
    char path[512];
    put_zone("intel-rapl:0", "package-0\n", "5000000\n", "262143328850\n");
    put_zone("intel-rapl:1", "package-1\n", "5000000\n", "262143328850\n");
    for (unsigned i = 0; i < 2; i++) {
        tree_path(path, i ? "class/powercap/intel-rapl:1/energy_uj"
                          : "class/powercap/intel-rapl:0/energy_uj");
        assert_int_equal(chmod(path, geteuid() == 0 ? 0400 : 0), 0);
    }
    pid_t pid = fork();
    if (pid == 0)
        _exit(check_unreadable());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Through the array of sources: the host's devices stand behind, and are enough. */
static void among_sources(void **state)
{
    (void)state;
    struct sense *sense;
    struct wt_error err;
    struct sense_options options = {.sysfs_path = tree};
    put_server();
    assert_int_equal(sense_open(&options, &sense, &err), 0);
    if (sense_gpu_count(sense)) { /* this machine has GPUs of its own in front */
        sense_close(sense);
        skip();
    }
    assert_int_equal(sense_device_count(sense), 4);
    assert_null(sense_device_driver(sense, 0, NULL));
    assert_null(sense_remark(sense, 0));
    uint32_t pids[1];
    unsigned n;
    assert_int_equal(sense_processes(sense, 0, pids, 1, &n, &err), WT_E_NOT_SUPPORTED);
    assert_int_equal(sense_mig_parent(sense, "MIG-x", &n, &err), WT_E_NO_DEVICE);
    sense_close(sense);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)
    const struct CMUnitTest tests[] = {TEST(counted_once), TEST(dies),         TEST(wraps),
                                       TEST(reset),        TEST(failures),     TEST(no_tree),
                                       TEST(unreadable),   TEST(among_sources)};
    clock_use(invented_clock);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
