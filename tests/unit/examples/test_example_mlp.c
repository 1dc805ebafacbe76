/* SPDX-License-Identifier: Apache-2.0
 *
 * The example training program, run as a user runs it: its output and exit code, its progress in
 * the channel, and how long it loads a virtual GPU (on a machine whose clock runs fast).
 *
 * Arguments: the program, and the folder of the virtual GPU's library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "measure/progress/channel.h"

static const char *program, *vgpu_folder;

struct ran {
    int code;
    unsigned epochs; /* lines of epochs */
    char last[256];
    char all[1 << 15];
};

/* Runs the program with a shell's help; standard error goes with the output. */
static struct ran *ran(const char *arguments)
{
    static struct ran ran;
    char command[4096];
    snprintf(command, sizeof command, "exec '%s' %s 2>&1", program, arguments);
    ran = (struct ran){0};
    FILE *out = popen(command, "r");
    assert_non_null(out);
    char line[256];
    while (fgets(line, sizeof line, out)) {
        ran.epochs += strncmp(line, "epoch ", 6) == 0;
        memcpy(ran.last, line, sizeof line);
        strncat(ran.all, line, sizeof ran.all - strlen(ran.all) - 1);
    }
    int status = pclose(out);
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return &ran;
}

static void options_and_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(ran("--help")->code, 0);
    const char *const wrong[] = {"--bogus",      "--epochs 0", "--epochs x", "--batch-size 6401",
                                 "--target 1.5", "--lr -1",    "--seed -1",  "stray"};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(ran(wrong[i])->code, 2);
        assert_non_null(strstr(ran(wrong[i])->all, "train_mlp: "));
    }
    struct ran *r = ran("--epochs 2");
    assert_true(r->code == 0 && r->epochs == 2);
    assert_non_null(strstr(r->all, "on the CPU alone"));
    assert_non_null(strstr(r->last, "after 2 epochs"));
    r = ran("--epochs 2 --target 0.9");
    assert_int_equal(r->code, 1);
    assert_non_null(strstr(r->last, "missed"));
    r = ran("--target 0.4");
    assert_true(r->code == 0 && r->epochs < 5);
    assert_non_null(strstr(r->last, "reached"));
}

static void a_seed_is_a_training(void **state)
{
    (void)state;
    char first[sizeof ran("--epochs 3 --seed 5")->all];
    memcpy(first, ran("--epochs 3 --seed 5")->all, sizeof first);
    assert_string_equal(first, ran("--epochs 3 --seed 5")->all);
    assert_string_not_equal(first, ran("--epochs 3 --seed 6")->all);
}

/* Mean over three seeds of the epochs to 95 %; 200 when one does not get there. */
static double epochs_to_target(unsigned batch)
{
    double sum = 0;
    for (unsigned seed = 1; seed <= 3; seed++) {
        char arguments[128];
        snprintf(arguments, sizeof arguments,
                 "--epochs 200 --target 0.95 --batch-size %u --seed %u", batch, seed);
        sum += ran(arguments)->epochs;
    }
    return sum / 3;
}

static void epochs_depend_on_the_batch_size(void **state)
{
    (void)state;
    double small = epochs_to_target(8), good = epochs_to_target(32), large = epochs_to_target(512);
    print_message("epochs to 0.95: %.1f at 8, %.1f at 32, %.1f at 512\n", small, good, large);
    assert_true(good < small && small < large && large > 2 * good);
}

static void the_channel_sees_it(void **state)
{
    (void)state;
    struct channel *channel;
    struct wt_progress p;
    assert_int_equal(channel_create(&channel, geteuid(), NULL), 0);
    setenv("WATTUNE_CHANNEL", channel_path(channel), 1);
    struct ran *r = ran("--epochs 4 --batch-size 64");
    assert_int_equal(channel_read(channel, &p, NULL), 0);
    assert_int_equal(p.steps, 400);
    assert_int_equal(p.epochs, 4);
    assert_string_equal(p.metric_name, "accuracy");
    char accuracy[32];
    snprintf(accuracy, sizeof accuracy, "accuracy %.4f after", p.metric);
    assert_non_null(strstr(r->last, accuracy));
    assert_int_equal(channel_request_stop(channel, NULL), 0);
    r = ran("--target 0.99");
    assert_true(r->code == 0 && r->epochs == 0);
    assert_non_null(strstr(r->last, "stopped"));
    unsetenv("WATTUNE_CHANNEL");
    channel_close(channel);
}

enum { SCALE = 20 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

static char machine[] = "/tmp/wattune-machine-XXXXXX";

static void write_machine(const char *model)
{
    FILE *file = fopen(machine, "w");
    assert_non_null(file);
    fprintf(file, "[machine]\ntime_scale = %d\n[gpu 0]\nmodel = %s\n[gpu 1]\nmodel = %s\n", SCALE,
            model, model);
    fclose(file);
}

static double cpu_s(void)
{
    struct rusage use;
    getrusage(RUSAGE_CHILDREN, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* All defaults on a card without a limit: 42 epochs of 100 steps of 16 ms, and a step's time
 * outside of the GPU, which at twenty times the speed weighs twenty times more.  The processor's
 * part must be small: at most 15 % of one core, so that the card sets the pace (a sanitizer makes
 * it several times larger). */
static void how_long_it_loads_a_gpu(void **state)
{
    (void)state;
    const char *const models[] = {"v100", "h100"};
    for (unsigned i = 0; i < sizeof models / sizeof models[0]; i++) {
        write_machine(models[i]);
        int64_t begin_ns = clock_monotonic_ns();
        double cpu_before_s = cpu_s();
        struct ran *r = ran("");
        double length_s = (double)(clock_monotonic_ns() - begin_ns) / 1e9 * SCALE,
               used_s = cpu_s() - cpu_before_s;
        print_message("%s: %.1f s of the machine, %.2f s of the processor\n", models[i], length_s,
                      used_s);
        assert_int_equal(r->code, 0);
        assert_null(strstr(r->all, "CPU alone"));
        assert_true(length_s > 67);
        assert_true(INSTRUMENTED || used_s < 0.15 * 67);
    }
}

static void which_gpu_is_visible(void **state)
{
    (void)state;
    write_machine("a40");
    const char *const alone[] = {"", "-1", "2", "GPU-ffffffff"};
    for (unsigned i = 0; i < sizeof alone / sizeof alone[0]; i++) {
        setenv("CUDA_VISIBLE_DEVICES", alone[i], 1);
        assert_non_null(strstr(ran("--epochs 1")->all, "CUDA_VISIBLE_DEVICES leaves no GPU"));
    }
    setenv("CUDA_VISIBLE_DEVICES", "1,0", 1);
    assert_null(strstr(ran("--epochs 1")->all, "CPU alone"));
    unsetenv("CUDA_VISIBLE_DEVICES");
}

static int use_machine(void **state)
{
    (void)state;
    int fd = mkstemp(machine);
    setenv("WATTUNE_VGPU", machine, 1);
    setenv("LD_LIBRARY_PATH", vgpu_folder, 1);
    return fd < 0 ? -1 : close(fd);
}

static int drop_machine(void **state)
{
    (void)state;
    unsetenv("WATTUNE_VGPU");
    unsetenv("LD_LIBRARY_PATH");
    return unlink(machine);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    program = argv[1];
    vgpu_folder = argv[2];
    unsetenv("WATTUNE_VGPU");
    unsetenv("CUDA_VISIBLE_DEVICES");
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(options_and_exit_codes),
        cmocka_unit_test(a_seed_is_a_training),
        cmocka_unit_test(epochs_depend_on_the_batch_size),
        cmocka_unit_test(the_channel_sees_it),
    };
    const struct CMUnitTest on_gpu[] = {
        cmocka_unit_test(how_long_it_loads_a_gpu),
        cmocka_unit_test(which_gpu_is_visible),
    };
    int failed = cmocka_run_group_tests(plain, NULL, NULL);
    return failed + cmocka_run_group_tests(on_gpu, use_machine, drop_machine);
}
