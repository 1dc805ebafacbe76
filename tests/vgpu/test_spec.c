// SPDX-License-Identifier: Apache-2.0
// Both grammars of a SPEC: good texts, and bad ones refused with their place and reason.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stddef.h>
#include <cmocka.h>

#include "near.h"
#include "spec.h"

static char folder[] = "/tmp/vgpu-spec-XXXXXX";
static struct spec spec;
static char message[256];

static int parse(const char *text)
{
    return spec_parse(text, &spec, message, sizeof message);
}

static const char *write_file(const char *text)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/m.ini", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void lists(void **state)
{
    (void)state;
    assert_int_equal(parse("v100,a40:2"), 0);
    assert_int_equal(spec.gpu_count, 3);
    assert_string_equal(model_at(spec.gpus[0].model)->key, "v100");
    assert_string_equal(model_at(spec.gpus[2].model)->key, "a40");
    assert_int_equal(spec.gpus[2].limit_mw, 300000);
    assert_string_equal(spec.identity, "v100:1,a40:2");
    assert_int_equal(parse("a40,a40"), 0);
    assert_string_equal(spec.identity, "a40:2");
    assert_int_equal(parse("h100:64"), 0);
    assert_int_equal(parse(NULL), 0);
    assert_string_equal(spec.identity, "v100:1");
    assert_int_equal(parse(""), 0);
    assert_string_equal(spec.identity, "v100:1");
}

static void bad_lists(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"k80", "neither a model"},
        {"v10", "did you mean v100?"},
        {"v100:2,h10", "did you mean h100?"},
        {"A40", "did you mean a40?"},
        {"v100:0", "count"},
        {"v100:65", "at most 64"},
        {"v100:-1", "count"},
        {"v100:1x", "count"},
        {"v100:", "count"},
        {"v100,,a40", "no model"},
        {",v100", "no model"},
        {"v100,", "no model"},
        {"v100:4294967297", "count"},
        {"V100", "neither a model"},
        {"v100:40,a40:40", "at most 64"},
        {"/nowhere/m.ini", "No such file"},
        {"/tmp", "not a machine file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        message[0] = '\0';
        if (parse(rows[i][0]) == 0 || !strstr(message, rows[i][1]))
            fail_msg("'%s' gave '%s', not '%s'", rows[i][0], message, rows[i][1]);
    }
}

static void a_whole_file(void **state)
{
    (void)state;
    const char *path = write_file(
        "# a comment\n"
        "[machine]\n"
        "seed = 42\nuser_may_set = false\nstate = vm.state\nmode = 0660\n"
        "latency = real\ntime_scale = 2.5\n\n"
        "[gpu 0]\nmodel = v100\npower_limit_w = 187.5\n"
        "fault = energy_frozen@2, enforced_w=150@5, unsupported=nvmlDeviceGetPowerUsage@0.5\n"
        "; another\n"
        "[gpu 1]\r\nmodel=a40\r\nuuid = GPU-00112233-4455-6677-8899-aabbccddeeff\r\n");
    if (parse(path) != 0)
        fail_msg("%s", message);
    assert_int_equal(spec.gpu_count, 2);
    assert_int_equal(spec.seed, 42);
    assert_false(spec.user_may_set);
    assert_true(spec.real_latency);
    assert_int_equal(spec.mode, 0660);
    assert_near(spec.time_scale, 2.5, 0);
    assert_int_equal(spec.gpus[0].limit_mw, 187500);
    assert_int_equal(spec.gpus[1].limit_mw, 300000);
    assert_string_equal(spec.gpus[1].uuid, "GPU-00112233-4455-6677-8899-aabbccddeeff");
    assert_int_equal(spec.gpus[0].fault_count, 3);
    assert_int_equal(spec.gpus[0].faults[1].kind, FAULT_ENFORCED_W);
    assert_near(spec.gpus[0].faults[1].value, 150, 0);
    assert_int_equal(spec.gpus[0].faults[1].at_ns, 5000000000LL);
    assert_string_equal(spec.gpus[0].faults[2].function, "nvmlDeviceGetPowerUsage");
    char *real = realpath(path, NULL), wanted[4200];
    assert_string_equal(spec.identity, real);
    snprintf(wanted, sizeof wanted, "%.*svm.state", (int)(strrchr(real, '/') + 1 - real), real);
    assert_string_equal(spec.state_path, wanted);
    free(real);
}

static void bad_files(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "at least a [gpu 0]"},
        {"[machine]\nseed = 1\n", "at least a [gpu 0]"},
        {"model = v100\n", ":1: 'model' stands before"},
        {"[gpu 0]\nmodel = k80\n", ":2: unknown model 'k80'"},
        {"[gpu 0]\nmodel = v100\npower_limit_w = 900\n",
         ":3: power_limit_w = 900 is outside 100 to 250 W"},
        {"[gpu 0]\npower_limit_w = 99\nmodel = v100\n", ":3: power_limit_w = 99 is outside"},
        {"[gpu 0]\nmodel = v100\npower_limit_w = nan\n", ":3: power_limit_w = nan"},
        {"[gpu 0]\nmodel = v100\npower_limit_w = 0x96\n", ":3: power_limit_w = 0x96"},
        {"[gpu 0]\nmodel = v100\npower_limit_w =\n", ":3: power_limit_w has no value"},
        {"[gpu 0]\nmodel = v100\nmodel = a40\n", ":3: model is given twice"},
        {"[gpu 1]\nmodel = v100\n", ":1: [gpu 1] is out of order"},
        {"[gpu 0]\nmodel = v100\n[gpu 0]\nmodel = v100\n", ":3: [gpu 0] is out of order"},
        {"[gpu 64]\nmodel = v100\n", ":1: [gpu 64]: a machine has at most 64"},
        {"[gpu x]\n", ":1: unknown section"},
        {"[gpu 0\n", ":1: a section must end"},
        {"[cpu]\n", ":1: unknown section"},
        {"[machine]\n[machine]\n", ":2: [machine] is given twice"},
        {"[machine]\nspeed = 1\n", ":2: unknown key 'speed'"},
        {"[machine]\nseed = -1\n", ":2: seed = -1"},
        {"[machine]\nseed = 18446744073709551616\n", ":2: seed"},
        {"[machine]\nuser_may_set = yes\n", ":2: user_may_set"},
        {"[machine]\nmode = 0777\n", ":2: mode = 0777"},
        {"[machine]\nmode = 0066\n", ":2: mode = 0066"},
        {"[machine]\nlatency = on\n", ":2: latency = on"},
        {"[machine]\ntime_scale = 0\n", ":2: time_scale = 0"},
        {"[machine]\ntime_scale = 1e9\n", ":2: time_scale"},
        {"[machine]\nnonsense\n", ":2: neither a section nor"},
        {"[gpu 0]\nmodel = v100\nuuid = GPU-1\n", ":3: uuid = GPU-1"},
        {"[gpu 0]\nmodel = v100\nfault = lost\n", ":3: fault 'lost' lacks its time"},
        {"[gpu 0]\nmodel = v100\nfault = lost@x\n", ":3: fault 'lost@x'"},
        {"[gpu 0]\nmodel = v100\nfault = lost@-1\n", ":3: fault 'lost@-1'"},
        {"[gpu 0]\nmodel = v100\nfault = lost=1@1\n", ":3: fault lost takes no value"},
        {"[gpu 0]\nmodel = v100\nfault = slow@1\n", ":3: fault slow needs a value"},
        {"[gpu 0]\nmodel = v100\nfault = fail_call=0@1\n", ":3: fault fail_call=0"},
        {"[gpu 0]\nmodel = v100\nfault = fail_call=1.5@1\n", ":3: fault fail_call=1.5"},
        {"[gpu 0]\nmodel = v100\nfault = unsupported=printf@1\n", ":3: fault unsupported=printf"},
        {"[gpu 0]\nmodel = v100\nfault = melted@1\n", ":3: unknown fault 'melted'"},
        {"[gpu 0]\nmodel = v100\nfault = lost@1,\n", ":3: fault '' lacks its time"},
        {"[gpu 0]\nfault = lost@1\n", "[gpu 0] has no model"},
        {"[gpu 0]\nmodel = v100\nuuid = GPU-00112233-4455-6677-8899-aabbccddeeff\n"
         "[gpu 1]\nmodel = v100\nuuid = GPU-00112233-4455-6677-8899-aabbccddeeff\n",
         "the same uuid"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        message[0] = '\0';
        if (parse(write_file(rows[i][0])) == 0 || !strstr(message, rows[i][1]))
            fail_msg("row %zu gave '%s', not '%s'", i, message, rows[i][1]);
    }
}

static void huge_and_binary_files(void **state)
{
    (void)state;
    FILE *file = fopen(write_file(""), "w");
    assert_non_null(file);
    for (int i = 0; i < 70000; i++)
        fputc('#', file);
    fclose(file);
    char path[64];
    snprintf(path, sizeof path, "%s/m.ini", folder);
    assert_int_not_equal(parse(path), 0);
    file = fopen(path, "w");
    assert_non_null(file);
    fwrite("[gpu 0]\nmodel = v100\0\n", 1, 22, file);
    fclose(file);
    assert_int_not_equal(parse(path), 0);
    assert_non_null(strstr(message, "text"));
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/m.ini", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(bad_lists),
        cmocka_unit_test(a_whole_file),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(huge_and_binary_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
