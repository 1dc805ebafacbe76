/* SPDX-License-Identifier: Apache-2.0
 *
 * Every room with its n-th allocation and its n-th system call failing, for every n until nothing
 * fails any more: no crash, no leak, a code and a sentence of the list, outputs untouched, and a
 * consistent state on disk and on the device.
 *
 *     test_fail NVML [PART]     the virtual GPU's library; only booking, migration, whole_run or
 *                               the rest
 *     WATTUNE_TEST_ALL=1        every n of the slow operations too, otherwise a part of them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "account/carbon/embodied.h"
#include "account/carbon/intensity.h"
#include "account/ledger/ledger.h"
#include "account/study/fleet.h"
#include "account/study/listing.h"
#include "account/study/pareto.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/log.h"
#include "cli/sim_fleet.h"
#include "../account/job_trials.h"
#include "../account/ledger_rows.h"
#include "fail.h"
#include "measure/meter/window_table.h"
#include "measure/progress/channel.h"
#include "measure/progress/channel_layout.h"
#include "measure/progress/pattern.h"
#include "measure/sense/sense.h"
#include "old_ledger.h"
#include "run/job/guard_process.h"
#include "run/job/job.h"
#include "show/json/documents.h"
#include "show/page/page.h"
#include "show/text/view.h"
#include "sim/simulate.h"
#include "setup/recover.h"
#include "tune/act/sensed.h"
#include "tune/act/journal.h"
#include "tune/learn/optimizer.h"

static const char *nvml; /* the virtual GPU's library */
static char folder[64];
static struct wt_error err;

static char *in_folder(const char *name)
{
    static char paths[8][160];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* --- The loop --- */

struct operation {
    const char *name;
    unsigned kinds;       /* bits of enum fail_what */
    void (*before)(void); /* NULL: nothing */
    int (*run)(void); /* 0 or WT_E_*, the sentence in err; leaves no memory and no file behind */
    void (*after)(int rc); /* checks the state afterwards; NULL: nothing */
    bool may_succeed;      /* a failure may be made up for, or tolerated where that is documented */
    int codes[4];          /* allowed beside WT_E_NO_MEMORY for memory */
    unsigned slow, stride; /* beyond n = slow only every stride-th, unless all are asked for */
    unsigned all_stride;   /* and then every all_stride-th, where all would take an hour */
};

enum {
    MEMORY = 1 << FAIL_MEMORY,
    SYSTEM = 1 << FAIL_SYSTEM,
    PARTS = 1 << FAIL_INTERRUPT | 1 << FAIL_SHORT
};

static bool is_allowed(const struct operation *op, enum fail_what what, int rc)
{
    if (what == FAIL_MEMORY && rc == WT_E_NO_MEMORY)
        return true;
    for (unsigned i = 0; what != FAIL_MEMORY && i < 4; i++)
        if (op->codes[i] == rc && rc)
            return true;
    return rc == 0 && op->may_succeed;
}

static bool one(const struct operation *op, enum fail_what what, unsigned long n)
{
    if (op->before)
        op->before();
    err = (struct wt_error){0};
    long blocks = fail_blocks();
    int files = fail_files();
    fail_arm(what, n);
    int rc = op->run();
    bool happened = fail_disarm();
    const char *place = happened ? fail_where() : "nothing";
    if (happened ? !is_allowed(op, what, rc) : rc != 0)
        fail_msg("%s: failure %d, number %lu (%s): %d %s", op->name, what, n, place, rc, err.text);
    if (rc && (err.code != rc || !err.text[0]))
        fail_msg("%s: failure %d, number %lu (%s): returns %d and says %d '%s'", op->name, what, n,
                 place, rc, err.code, err.text);
    if (fail_blocks() != blocks || fail_files() != files)
        fail_msg("%s: failure %d, number %lu (%s): leaves %ld blocks and %d files", op->name, what,
                 n, place, fail_blocks() - blocks, fail_files() - files);
    if (op->after)
        op->after(rc);
    return happened;
}

/* Failures here are those of one thread; ThreadSanitizer, ten times as slow, sees as much in a
 * quarter. */
#ifdef __SANITIZE_THREAD__
enum { FEWER = 4 };
#else
enum { FEWER = 1 };
#endif

static void every(const struct operation *op)
{
    char text[160];
    size_t length = 0;
    static const char *const kinds[FAIL_KINDS] = {"memory", "system", "interrupted", "short",
                                                  "sqlite i/o"};
    bool all = getenv("WATTUNE_TEST_ALL") != NULL;
    const unsigned stride = all ? op->all_stride : op->stride * FEWER;
    if (op->before)
        op->before();
    if (op->run()) /* once without a failure; this also makes the things that a process makes once
                    */
        fail_msg("%s: %s", op->name, err.text);
    if (op->after)
        op->after(0);
    for (int what = 0; what < FAIL_KINDS; what++) {
        if (!(op->kinds & 1u << what))
            continue;
        unsigned long n = 1;
        while (one(op, (enum fail_what)what, n))
            n += stride && n >= op->slow ? stride : 1;
        length +=
            (size_t)snprintf(text + length, sizeof text - length, ", %s %lu", kinds[what], n - 1);
    }
    print_message("%s%s\n", op->name, text);
}

static void remove_file(const char *path)
{
    if (remove(path) && errno != ENOENT)
        fail_msg("%s: %s", path, strerror(errno));
}

/* --- base --- */

static int run_buffer(void)
{
    struct buffer b = {0};
    char before[4096] = "";
    for (int i = 0; i < 100 && !b.failed; i++) {
        snprintf(before, sizeof before, "%s", buffer_text(&b));
        if (i % 2)
            buffer_append(&b, "some words", 10);
        else
            buffer_print(&b, "%d words", i);
    }
    bool failed = b.failed;
    if (failed) { /* as it was, and deaf from here on */
        assert_string_equal(buffer_text(&b), before);
        buffer_print(&b, "more");
        assert_string_equal(buffer_text(&b), before);
    }
    buffer_clear(&b);
    return failed ? error_set(&err, WT_E_NO_MEMORY, "out of memory") : 0;
}

static void two_files(void)
{
    char text[6000];
    memset(text, 'o', sizeof text);
    assert_int_equal(file_write_atomic(in_folder("kept"), text, sizeof text, 0600, NULL), 0);
}

static int run_read(void)
{
    struct buffer text = {0};
    int rc = file_read(in_folder("kept"), 10000, &text, &err);
    if (rc == 0)
        assert_int_equal(text.length, 6000);
    buffer_clear(&text);
    return rc;
}

static int run_write(void)
{
    return file_write_atomic(in_folder("kept"), "new content", 11, 0600, &err);
}

static void is_old_or_new(int rc)
{
    struct buffer text = {0};
    assert_int_equal(file_read(in_folder("kept"), 10000, &text, NULL), 0);
    bool is_new = text.length == 11 && memcmp(text.text, "new content", 11) == 0;
    assert_true(is_new || (rc && text.length == 6000 && text.text[5999] == 'o'));
    buffer_clear(&text);
    char fresh[64];
    snprintf(fresh, sizeof fresh, "kept.%ld.new", (long)getpid());
    assert_true(access(in_folder(fresh), F_OK) || (rc && unlink(in_folder(fresh)) == 0));
}

static void no_folders(void)
{
    remove_file(in_folder("a/b/c"));
    remove_file(in_folder("a/b"));
    remove_file(in_folder("a"));
}

static int run_folder(void)
{
    return file_private_folder(in_folder("a/b/c"), 1, &err);
}

static void base(void **state)
{
    (void)state;
    every(&(struct operation){"buffer", MEMORY, .run = run_buffer});
    every(&(struct operation){
        "file_read", MEMORY | SYSTEM | PARTS, two_files, run_read, NULL, true, {WT_E_IO}});
    every(&(struct operation){"file_write_atomic",
                              MEMORY | SYSTEM | PARTS,
                              two_files,
                              run_write,
                              is_old_or_new,
                              true,
                              {WT_E_IO}});
    every(&(struct operation){
        "file_private_folder", MEMORY | SYSTEM, no_folders, run_folder, NULL, false, {WT_E_IO}});
}

/* --- sense, meter --- */

static void write_recording(void)
{
    FILE *file = fopen(in_folder("recording.csv"), "we");
    assert_non_null(file);
    fputs("time,index,energy_j,name\n", file);
    for (int i = 0; i < 600; i++)
        fprintf(file, "2025-03-01T12:%02d:%02dZ,%d,%d,V100\n", i / 120, i / 2 % 60, i % 2, i);
    fclose(file);
}

static void put_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A machine with one processor package, beside its GPUs. */
static void make_sysfs(void)
{
    static const char *const folders[] = {"sys", "sys/class", "sys/class/powercap",
                                          "sys/class/powercap/intel-rapl:0"};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(mkdir(in_folder(folders[i]), 0700), 0);
    put_file("sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put_file("sys/class/powercap/intel-rapl:0/energy_uj", "5000000\n");
    put_file("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "65532610987\n");
}

static int use_sense(const struct sense_options *options)
{
    struct sense *sense = NULL;
    struct wt_sample sample;
    int rc = sense_open(options, &sense, &err);
    if (rc == 0) {
        unsigned all = sense_device_count(sense);
        assert_int_equal(sense_gpu_count(sense), 2);
        /* Short of memory it says so; a file that cannot be read leaves out its device, and nothing
         * else. */
        assert_true(options->replay_path || all == 3 ||
                    (all == 2 && strcmp(fail_where(), "nothing") != 0));
        assert_int_equal(sense_energy(sense, 1, &sample, &err), 0);
        if (all == 3 && (rc = sense_energy(sense, 2, &sample, &err)) == 0)
            assert_int_equal(sample.energy_mj, 5000);
    } else {
        assert_null(sense);
    }
    sense_close(sense);
    return rc;
}

static int run_replay(void)
{
    return use_sense(&(struct sense_options){.replay_path = in_folder("recording.csv")});
}

static int run_nvml(void)
{
    return use_sense(&(struct sense_options){.nvml_path = nvml, .sysfs_path = in_folder("sys")});
}

static int run_meter(void)
{
    const struct moment begin[2] = {{.read = {.t_ns = 1, .source = WT_SOURCE_COUNTER}},
                                    {.read = {.t_ns = 2, .source = WT_SOURCE_COUNTER}}};
    struct moment found[2] = {{.read = {.t_ns = 99}}, {.read = {.t_ns = 99}}};
    struct window_table *table = NULL;
    int rc = window_table_new(2, &table, &err);
    static const char *const names[] = {"epoch", "step", "validation"};
    for (unsigned i = 0; rc == 0 && i < 3; i++)
        rc = window_table_open(table, names[i], begin, &err);
    if (rc == 0) {
        rc = window_table_close(table, "step", found, &err);
        assert_int_equal(found[1].read.t_ns, 2);
    } else {
        assert_int_equal(found[0].read.t_ns, 99);
        if (table) { /* an open window stays, and can be closed */
            int end_rc = window_table_close(table, "epoch", found, NULL);
            assert_true(end_rc == 0 || end_rc == WT_E_NOT_FOUND);
        }
    }
    assert_null(window_table_free(table));
    return rc;
}

static void sources(void **state)
{
    (void)state;
    write_recording();
    every(&(struct operation){"sense: replay", MEMORY | SYSTEM | PARTS, .run = run_replay,
                              .may_succeed = true, .codes = {WT_E_INVALID}});
    make_sysfs();
    every(&(struct operation){"sense: nvml, rapl", MEMORY, .run = run_nvml});
    every(&(struct operation){"sense: nvml, rapl", SYSTEM | PARTS, .run = run_nvml,
                              .may_succeed = true,
                              .codes = {WT_E_IO, WT_E_NO_DATA, WT_E_NOT_SUPPORTED}});
    every(&(struct operation){"meter", MEMORY, .run = run_meter});
}

/* --- act: a failing write of the journal never leads to a write to the device --- */

enum { FOUND_MW = 250000 };
static uint32_t device_mw;
static const struct wt_device device = {
    .uuid = "GPU-fail", .limit_min_mw = 100000, .limit_max_mw = 300000};
static bool for_good;

static int get_limit(void *driver, unsigned index, uint32_t *limit_mw, struct wt_error *error)
{
    (void)driver, (void)index;
    if (fail_now(FAIL_SYSTEM, "the driver's get"))
        return error_set(error, WT_E_DRIVER, "the driver failed");
    *limit_mw = device_mw;
    return 0;
}

static int set_limit(void *driver, unsigned index, uint32_t limit_mw, struct wt_error *error)
{
    (void)driver, (void)index;
    char text[1024] = "", found[60], written[40];
    FILE *file = fopen(in_folder("GPU-fail.setting"), "re");
    if (file)
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
    if (file)
        fclose(file);
    snprintf(found, sizeof found, "\npower_limit_mw found %u from 0 ", (unsigned)FOUND_MW);
    snprintf(written, sizeof written, " written %u ", limit_mw);
    /* Before the device has it, the disk knows what was found and what is about to be written. */
    if (!for_good && (!strstr(text, found) || (limit_mw != FOUND_MW && !strstr(text, written))))
        fail_msg("%u mW is set, but the journal says '%s'", limit_mw, text);
    if (fail_now(FAIL_SYSTEM, "the driver's set"))
        return error_set(error, WT_E_DRIVER, "the driver failed");
    device_mw = limit_mw;
    if (fail_now(FAIL_SHORT, "the driver's set, which took effect"))
        return error_set(error, WT_E_DRIVER, "the driver failed");
    return 0;
}

static int reset_limit(void *driver, unsigned index, struct guard_range found,
                       struct wt_error *error)
{
    return set_limit(driver, index, found.max, error);
}

static int check_limit(void *driver, const struct wt_device *of, uint32_t limit_mw,
                       struct wt_error *error)
{
    (void)driver;
    return guard_check_limit(of, limit_mw, error);
}

static int find_fake(void *ctx, const struct wt_device *of, const struct guard_ops **ops,
                     void **driver, struct wt_error *error)
{
    static const struct guard_knob knob = {
        .read = get_limit, .set = set_limit, .reset = reset_limit, .check = check_limit};
    static const struct guard_ops only = {{[WT_KNOB_POWER_LIMIT] = &knob}};
    (void)of, (void)error;
    *ops = &only;
    *driver = ctx;
    return 0;
}

static const struct guard_finder fake = {find_fake, NULL};

static struct wt_setting limit_of(uint32_t limit_mw)
{
    return (struct wt_setting){WT_KNOB_POWER_LIMIT, limit_mw};
}

static void untouched(void)
{
    device_mw = FOUND_MW;
    for_good = false;
}

static int run_guard(void)
{
    struct guard *guard = NULL;
    struct wt_setting found = {WT_KNOB_POWER_LIMIT, 42};
    enum guard_outcome outcome = GUARD_NOTHING;
    int rc = guard_new(fake, folder, "test", &guard, &err);
    if (rc == 0)
        rc = guard_take(guard, &device, WT_KNOB_POWER_LIMIT, &found, &err);
    assert_int_equal(found.value, rc ? 42 : FOUND_MW);
    if (rc == 0)
        rc = guard_set(guard, &device, limit_of(175000), &err);
    if (rc == 0)
        rc = guard_set(guard, &device, limit_of(150000), &err);
    if (rc == 0) {
        assert_int_equal(device_mw, 150000);
        rc = guard_restore(guard, &device, WT_KNOB_POWER_LIMIT, &outcome, &err);
    }
    if (rc == 0)
        assert_true(outcome == GUARD_RESTORED && device_mw == FOUND_MW);
    assert_null(guard_close(guard));
    return rc;
}

/* The next start of anything of ours. */
static void next_start_restores(int rc)
{
    (void)rc;
    struct guard *guard = NULL;
    enum guard_outcome outcomes[WT_KNOBS];
    assert_int_equal(guard_new(fake, folder, "recovery", &guard, &err), 0);
    if (guard_recover(guard, &device, outcomes, &err))
        fail_msg("%s", err.text);
    assert_int_not_equal(outcomes[WT_KNOB_POWER_LIMIT], GUARD_CHANGED_BY_OTHERS);
    assert_int_equal(device_mw, FOUND_MW);
    assert_true(access(in_folder("GPU-fail.setting"), F_OK));
    guard_close(guard);
}

/* A killed run has left its limit; recovery or the next run fails now. */
static void left_behind(void)
{
    struct guard *guard = NULL;
    struct wt_setting found;
    untouched();
    assert_int_equal(guard_new(fake, folder, "killed", &guard, &err), 0);
    assert_int_equal(guard_take(guard, &device, WT_KNOB_POWER_LIMIT, &found, &err), 0);
    assert_int_equal(guard_set(guard, &device, limit_of(125000), &err), 0);
    guard_close(guard);
}

static int run_recover(void)
{
    struct guard *guard = NULL;
    enum guard_outcome outcomes[WT_KNOBS];
    int rc = guard_new(fake, folder, "recovery", &guard, &err);
    if (rc == 0)
        rc = guard_recover(guard, &device, outcomes, &err);
    if (rc == 0)
        assert_true(outcomes[WT_KNOB_POWER_LIMIT] == GUARD_RESTORED && device_mw == FOUND_MW);
    guard_close(guard);
    return rc;
}

static int run_set_for_good(void)
{
    struct guard *guard = NULL;
    for_good = true;
    int rc = guard_new(fake, folder, "limit set", &guard, &err);
    if (rc == 0)
        rc = guard_set_for_good(guard, &device, limit_of(200000), &err);
    assert_true(device_mw == 200000 || (rc && device_mw == FOUND_MW));
    guard_close(guard);
    return rc;
}

static void act(void **state)
{
    (void)state;
    const int codes[4] = {WT_E_IO, WT_E_DRIVER};
    struct operation ops[] = {
        {"guard: take, set, restore", MEMORY | SYSTEM | PARTS, untouched, run_guard,
         next_start_restores, true},
        {"guard: recover", MEMORY | SYSTEM | PARTS, left_behind, run_recover, next_start_restores,
         true},
        {"guard: take what was left", MEMORY | SYSTEM | PARTS, left_behind, run_guard,
         next_start_restores, true},
        {"guard: set for good", MEMORY | SYSTEM | PARTS, untouched, run_set_for_good, NULL, true},
    };
    for (unsigned i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        memcpy(ops[i].codes, codes, sizeof codes);
        every(&ops[i]);
    }
}

/* --- progress --- */

static int run_channel(void)
{
    struct channel *channel = NULL;
    struct wt_progress progress = {.steps = 42};
    int rc = channel_create(&channel, geteuid(), &err);
    if (rc == 0) {
        rc = channel_read(channel, &progress, &err);
        assert_int_equal(progress.steps, rc ? 42 : 0);
    } else {
        assert_null(channel);
    }
    if (rc == 0)
        rc = channel_request_stop(channel, &err);
    channel_close(channel);
    return rc;
}

static int files_of_channels(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    if (type != FTW_F || strncmp(path + place->base, "wattune-", 8) != 0)
        return 0;
    /* A channel that cannot be removed stays, and the next run sweeps it away. */
    return strcmp(fail_where(), "unlink") == 0 ? remove(path) : 1;
}

static void no_channel_left(int rc)
{
    (void)rc;
    assert_int_equal(nftw(in_folder("runtime"), files_of_channels, 4, FTW_PHYS), 0);
}

static int run_pattern(void)
{
    struct pattern *pattern = NULL;
    const struct pattern_options options = {"step", "loss=([0-9.]+)", "^epoch", "loss"};
    int rc = pattern_new(&pattern, &options, &err);
    if (rc == 0) {
        struct wt_progress progress;
        pattern_feed(pattern, 0, "step\nepoch loss=0.5\n", 20, 7);
        pattern_finish(pattern);
        pattern_read(pattern, &progress);
        assert_true(progress.steps == 1 && progress.epochs == 1 && progress.metric == 0.5);
    } else {
        assert_null(pattern);
    }
    pattern_free(pattern);
    return rc;
}

/* Inside the training nothing of ours may end it, whatever fails: without a channel it goes on
 * unseen.  A process attaches once, so each n is a process. */
static void writer(void **state)
{
    (void)state;
    struct channel *channel = NULL;
    assert_int_equal(channel_create(&channel, geteuid(), &err), 0);
    setenv(CHANNEL_ENV, channel_path(channel), 1);
    unsigned long n = 0;
    int status = 0;
    do {
        n++;
        pid_t pid = fork();
        if (pid == 0) {
            fail_arm(FAIL_SYSTEM, n);
            wt_step();
            wt_epoch_end("loss", 0.5);
            wt_stop_requested();
            wt_step();
            _exit(fail_disarm() ? 1 : 0);
        }
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    } while (WEXITSTATUS(status) == 1);
    assert_int_equal(WEXITSTATUS(status), 0);
    print_message("wt_step, system %lu\n", n - 1);
    assert_true(n > 2);
    unsetenv(CHANNEL_ENV);
    channel_close(channel);
}

static void progress(void **state)
{
    (void)state;
    /* An interrupted read of a file in memory does not exist; a loss is an error. */
    every(&(struct operation){
        "channel", MEMORY | SYSTEM | PARTS, NULL, run_channel, no_channel_left, true, {WT_E_IO}});
    every(&(struct operation){"pattern", MEMORY, .run = run_pattern});
}

/* --- ledger: all or nothing --- */

static struct ledger *ledger;
static int64_t trial_id;
static bool trial_booked;

static struct wt_trial a_trial(void)
{
    struct wt_trial t = {
        .identity.job = "resnet",
        .identity.phase = "training",
        .identity.project = "vision",
        .outcome.batch_size = 128,
        .part.energy_j = 12,
        .outcome.time_s = 3,
        .outcome.reached = -1,
        .part.source = WT_SOURCE_COUNTER,
        .outcome.note = "why not",
        .part.gpu_count = 2,
        .profile.count = 2,
        .profile.points = {
            {{WT_KNOB_POWER_LIMIT, 250000}, 40, 0.0025, 0.4375, 0.01, 0.0001, false},
            {{WT_KNOB_POWER_LIMIT, 175000}, 40, 0.0026, 0.3375, 0.01, 0.0001, false}}};
    for (unsigned i = 0; i < 2; i++) {
        t.part.gpus[i].index = i;
        snprintf(t.part.gpus[i].uuid, WT_UUID_LEN, "GPU-%u", i);
        snprintf(t.part.gpus[i].name, WT_NAME_LEN, "V100");
    }
    return t;
}

static void no_ledger(void)
{
    static const char *const endings[] = {"ledger.db", "ledger.db-wal", "ledger.db-shm",
                                          "ledger.db-journal"};
    for (unsigned i = 0; i < 4; i++)
        remove_file(in_folder(endings[i]));
}

static int run_make(void)
{
    struct ledger *made = NULL;
    int rc = ledger_open(in_folder("ledger.db"), 0, &made, &err);
    assert_true((rc == 0) == (made != NULL));
    ledger_close(made);
    return rc;
}

static void opens_afterwards(int rc)
{
    struct ledger *again = NULL;
    if (ledger_open(in_folder("ledger.db"), 0, &again, &err))
        fail_msg("after %d: %s", rc, err.text);
    ledger_close(again);
}

static void an_empty_ledger(void)
{
    no_ledger();
    opens_afterwards(0);
}

static int run_begin(void)
{
    struct wt_trial t = a_trial();
    unsigned recurrence = 77;
    ledger = NULL;
    trial_id = 42;
    int rc = ledger_open(in_folder("ledger.db"), 0, &ledger, &err);
    if (rc == 0) {
        rc = ledger_trial_begin(ledger, &t, &trial_id, &recurrence, &err);
        assert_true(rc ? trial_id == 42 && recurrence == 77 : trial_id > 0 && recurrence == 1);
    }
    ledger_close(ledger);
    return rc;
}

/* A transaction whose last sync failed may be there after all, when the log is read the next time:
 * whole. */
static void began_or_not(int rc)
{
    struct ledger *again = NULL;
    struct wt_trial *trials = NULL;
    size_t count = 0;
    if (ledger_open(in_folder("ledger.db"), 0, &again, &err))
        fail_msg("%s", err.text);
    int read_rc = ledger_job_trials(again, "resnet", &trials, &count, &err);
    assert_true(read_rc == WT_E_NOT_FOUND || read_rc == 0);
    if (rc == 0)
        assert_int_equal(count, 1);
    if (count) {
        assert_int_equal(trials[0].part.gpu_count, 2);
        assert_string_equal(trials[0].part.gpus[1].uuid, "GPU-1");
        assert_false(trials[0].outcome.ended);
    }
    free(trials);
    ledger_close(again);
}

static void a_trial_that_runs(void)
{
    struct wt_trial t = a_trial();
    an_empty_ledger();
    assert_int_equal(ledger_open(in_folder("ledger.db"), 0, &ledger, &err), 0);
    assert_int_equal(ledger_trial_begin(ledger, &t, &trial_id, NULL, &err), 0);
    ledger = ledger_close(ledger);
}

static const struct wt_profile_key key = {.job = "resnet",
                                          .batch_size = 128,
                                          .gpu_model = "V100",
                                          .gpu_count = 2,
                                          .limit_min_mw = 100000,
                                          .limit_max_mw = 250000};

static int run_end(void)
{
    struct wt_trial t = a_trial();
    const struct ledger_device_energy devices[2] = {
        {.index = 0, .uuid = "GPU-0", .energy_j = 5, .source = WT_SOURCE_COUNTER},
        {.index = 1, .uuid = "GPU-1", .energy_j = 7, .source = WT_SOURCE_COUNTER}};
    const struct ledger_hour hours[2] = {{.hour = 483564, .index = 0, .energy_j = 5},
                                         {.hour = 483564, .index = 1, .energy_j = 7}};
    const struct ledger_used used = {devices, 2, hours, 2};
    t.identity.id = trial_id;
    trial_booked = false;
    ledger = NULL;
    int rc = ledger_open(in_folder("ledger.db"), 0, &ledger, &err);
    if (rc == 0)
        rc = ledger_trial_end(ledger, &t, &used, &err);
    trial_booked = rc == 0 && ledger != NULL;
    if (rc == 0)
        rc = ledger_profile_put(ledger, &key, t.profile.points, 2, trial_id, &err);
    ledger = ledger_close(ledger);
    return rc;
}

static void ended_whole_or_not(int rc)
{
    struct ledger *again = NULL;
    struct wt_trial *trials = NULL;
    struct wt_profile_point points[WT_MAX_LIMITS];
    size_t count = 0;
    unsigned point_count = 0;
    assert_int_equal(ledger_open(in_folder("ledger.db"), 0, &again, &err), 0);
    assert_int_equal(ledger_job_trials(again, "resnet", &trials, &count, &err), 0);
    assert_int_equal(ledger_profile_get(again, &key, points, WT_MAX_LIMITS, &point_count, &err), 0);
    assert_int_equal(count, 1);
    assert_true(trials[0].outcome.ended || !trial_booked);
    const bool ended = trials[0].outcome.ended;
    assert_rows(in_folder("ledger.db"), ROWS_OF_DEVICES, trial_id,
                ended ? "gpu 0 GPU-0 5.0 0.0 counter 0 0\ngpu 1 GPU-1 7.0 0.0 counter 0 0\n" : "");
    assert_rows(in_folder("ledger.db"), ROWS_OF_HOURS, trial_id,
                ended ? "483564 gpu 0 5.0 0.0 0.0\n483564 gpu 1 7.0 0.0 0.0\n" : "");
    assert_int_equal(trials[0].profile.count, trials[0].outcome.ended ? 2 : 0);
    assert_true(point_count == 2 || (rc && point_count == 0));
    free(trials);
    ledger_close(again);
}

static void a_trial_that_ended(void)
{
    a_trial_that_runs();
    assert_int_equal(run_end(), 0);
}

static int count_run(void *ctx, const struct wt_trial *run, struct wt_error *why)
{
    (void)why;
    *(double *)ctx += run->part.energy_j + run->part.gpu_count;
    return 0;
}

static int run_reports(void)
{
    const struct ledger_runs any = {INT64_MIN, INT64_MAX, "resnet", NULL};
    double runs = 0;
    struct wt_job_row *rows = NULL;
    struct wt_trial *trials = NULL;
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct ledger_report_rows sums = {0}, days = {0}, whole = {0};
    struct ledger_profile *profiles = NULL;
    size_t row_count = 0, trial_count = 0, profile_count = 0;
    unsigned point_count = 0;
    ledger = NULL;
    int rc = ledger_open(in_folder("ledger.db"), LEDGER_READ_ONLY, &ledger, &err);
    if (rc == 0)
        rc = ledger_jobs(ledger, &rows, &row_count, &err);
    if (rc == 0)
        rc = ledger_job_trials(ledger, "resnet", &trials, &trial_count, &err);
    if (rc == 0)
        rc = ledger_profile_get(ledger, &key, points, WT_MAX_LIMITS, &point_count, &err);
    if (rc == 0)
        rc = ledger_profiles(ledger, "resnet", &profiles, &profile_count, &err);
    if (rc == 0)
        rc = ledger_report(
            ledger, &(struct ledger_report){2, {WT_BY_JOB, WT_BY_PROJECT}, INT64_MIN, INT64_MAX},
            &sums, &err);
    if (rc == 0)
        rc = ledger_report(ledger, &(struct ledger_report){1, {WT_BY_DAY}, INT64_MIN, INT64_MAX},
                           &days, &err);
    if (rc == 0)
        rc = ledger_report_runs(ledger, &any, (const enum wt_report_key[]){WT_BY_GPU}, 1, &whole,
                                &err);
    if (rc == 0)
        rc = ledger_each_run(ledger, &any, count_run, &runs, &err);
    if (rc == 0) { /* a report that says it is whole is */
        assert_true(profile_count == 1 && profiles[0].count == 2);
        assert_true(whole.count == 1 && whole.rows[0].gpu_j == 12 && runs == 12 + 2);
        assert_true(sums.count == 1 && sums.rows[0].gpu_j == 12 && days.rows[0].gpu_j == 12);
        assert_string_equal(sums.rows[0].keys[1], "vision");
        assert_string_equal(days.rows[0].keys[0], "2025-03-01");
        assert_true(row_count == 1 && trial_count == 1 && point_count == 2);
        assert_string_equal(rows[0].job, "resnet");
        assert_string_equal(rows[0].project, "vision");
        assert_string_equal(trials[0].outcome.note, "why not");
        assert_string_equal(trials[0].part.gpus[1].uuid, "GPU-1");
        assert_true(trials[0].part.source == WT_SOURCE_COUNTER && trials[0].profile.count == 2 &&
                    trials[0].part.energy_j == 12);
    }
    free(rows);
    free(trials);
    free(profiles);
    ledger_report_clear(&sums);
    ledger_report_clear(&days);
    ledger_report_clear(&whole);
    ledger = ledger_close(ledger);
    return rc;
}

/* A watcher's bookings, and a fleet's view of them. */
static const struct wt_stretch watched[] = {{.uuid = "GPU-0",
                                             .name = "V100",
                                             .begin_ms = 1000,
                                             .end_ms = 61000,
                                             .energy_j = 60,
                                             .energy_error_j = 1,
                                             .source = WT_SOURCE_COUNTER},
                                            {.uuid = "GPU-1",
                                             .name = "V100",
                                             .begin_ms = 1000,
                                             .end_ms = 61000,
                                             .energy_j = 90,
                                             .energy_error_j = 1,
                                             .source = WT_SOURCE_COUNTER}};

static int run_stretches(void)
{
    ledger = NULL;
    int rc = ledger_open(in_folder("ledger.db"), 0, &ledger, &err);
    if (rc == 0)
        rc = ledger_stretches_put(ledger, "node", watched, 2, &err);
    ledger = ledger_close(ledger);
    return rc;
}

static double watched_j(void)
{
    struct ledger_lines lines;
    assert_int_equal(ledger_open(in_folder("ledger.db"), 0, &ledger, &err), 0);
    assert_int_equal(ledger_lines(ledger, INT64_MIN, INT64_MAX, &lines, &err), 0);
    double energy_j = lines.total.energy_j;
    ledger_lines_clear(&lines);
    ledger = ledger_close(ledger);
    return energy_j;
}

static void watched_or_not(int rc)
{
    double energy_j = watched_j();
    assert_true(energy_j == 150 || (rc && energy_j == 0));
}

static int run_fleet(void)
{
    static const struct fleet_options options = {.from_ms = INT64_MIN,
                                                 .to_ms = INT64_MAX,
                                                 .eta = 0.5,
                                                 .lifetime_years = 4,
                                                 .utilisation = 0.45,
                                                 .has_what_if = true,
                                                 .what_if = {30, 1.5, NAN, NAN, 1}};
    struct fleet_read read = {0};
    ledger = NULL;
    int rc = ledger_open(in_folder("ledger.db"), LEDGER_READ_ONLY, &ledger, &err);
    if (rc == 0)
        rc = fleet_read(ledger, &options, &read, &err);
    if (rc == 0) { /* one that says it is whole is */
        assert_true(read.fleet.lines.energy_j == 150 && read.fleet.device_count == 2 &&
                    read.fleet.phases.count == 1);
        assert_true(read.fleet.jobs.count == 1 && read.fleet.tasks.count == 1 &&
                    read.fleet.days.count == 1);
        assert_string_equal(read.fleet.tasks.rows[0].keys[0], "resnet");
    }
    fleet_clear(&read);
    ledger = ledger_close(ledger);
    return rc;
}

/* A recurrence from its claim to its report, and the belief then. */
static bool reported;

static int run_batch(void)
{
    struct optimizer batch = {.hold_ms = 60000, .key = key, .identity = {.metric = "accuracy"}};
    struct optimizer_try t = {.claim = 42};
    struct learn_state *states = NULL;
    struct wt_beliefs beliefs = {0};
    size_t count = 0;
    batch.sizes = (struct batch_size_options){.count = 2,
                                              .sizes = {32, 64},
                                              .default_size = 64,
                                              .beta = 2,
                                              .thompson = batch_size_usual(),
                                              .seed = 1};
    random_normals_init(&batch.normals);
    reported = false;
    ledger = NULL;
    int rc = ledger_open(in_folder("ledger.db"), 0, &ledger, &err);
    batch.store = ledger_learn_store(ledger);
    if (rc == 0) {
        rc = optimizer_claim(&batch, &t, &err);
        assert_true(rc ? t.claim == 42 : t.claim == 1 && t.size == 64);
    }
    if (rc == 0) {
        rc = optimizer_report(&batch, &t, &(struct batch_size_result){true, 100, true}, &err);
        reported = rc == 0;
    }
    if (rc == 0)
        rc = ledger_states(ledger, key.job, &states, &count, &err);
    if (rc == 0)
        rc = optimizer_beliefs(&states[0], clock_wall_ms(), &beliefs, &err);
    if (rc == 0)
        assert_true(beliefs.sizes[1].runs == 1 && beliefs.next == 32);
    free(states);
    ledger = ledger_close(ledger);
    return rc;
}

/* A run was counted once or not at all, and one that returned success was counted. */
static void counted_or_not(int rc)
{
    (void)rc;
    struct ledger *again = NULL;
    struct learn_state *states = NULL;
    struct wt_beliefs beliefs = {0};
    size_t count = 0;
    assert_int_equal(ledger_open(in_folder("ledger.db"), 0, &again, &err), 0);
    assert_int_equal(ledger_states(again, key.job, &states, &count, &err), 0);
    assert_true(count <= 1 && (count == 1 || !reported));
    if (count == 1)
        assert_int_equal(optimizer_beliefs(&states[0], clock_wall_ms(), &beliefs, &err), 0);
    assert_true(beliefs.sizes[1].runs <= 1 && (beliefs.sizes[1].runs == 1 || !reported));
    free(states);
    ledger_close(again);
}

/* A batch size of a state, with a run and a profile. */
static void a_front(void)
{
    struct wt_trial t = a_trial();
    struct optimizer batch = {
        .hold_ms = 60000,
        .key = key,
        .identity = {.metric = "accuracy", .at_least = true, .target = 0.9, .default_size = 128}};
    struct optimizer_try attempt;
    batch.sizes = (struct batch_size_options){.count = 1,
                                              .sizes = {128},
                                              .default_size = 128,
                                              .beta = 2,
                                              .thompson = batch_size_usual(),
                                              .seed = 1};
    random_normals_init(&batch.normals);
    an_empty_ledger();
    assert_int_equal(ledger_open(in_folder("ledger.db"), 0, &ledger, &err), 0);
    batch.store = ledger_learn_store(ledger);
    assert_int_equal(optimizer_claim(&batch, &attempt, &err), 0);
    t.identity.state_id = attempt.state_id;
    t.outcome.reached = 1;
    t.outcome.steps = 300;
    t.outcome.epochs = 3;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, NULL, &err), 0);
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    assert_int_equal(ledger_profile_put(ledger, &key, t.profile.points, 2, t.identity.id, &err), 0);
    ledger = ledger_close(ledger);
}

static int run_pareto(void)
{
    struct pareto *pareto = NULL;
    const struct pareto_options options = {.job = "resnet", .eta = 0.5};
    ledger = NULL;
    int rc = ledger_open(in_folder("ledger.db"), LEDGER_READ_ONLY, &ledger, &err);
    if (rc == 0)
        rc = pareto_read(ledger, &options, &pareto, &err);
    if (rc == 0) {
        assert_true(pareto->point_count == 2 && pareto->study.left_count == 0 &&
                    pareto->study.standard.batch_size == 128);
        assert_true(fabs(pareto->points[0].energy_j - 300 * 0.4375) < 1e-9);
        free(pareto);
    }
    ledger = ledger_close(ledger);
    return rc;
}

static int see_trial(void *ctx, const struct wt_trial *trial, struct wt_error *ignored)
{
    (void)ignored;
    *(unsigned *)ctx += trial->profile.count;
    return 0;
}

static int run_listing(void)
{
    struct job_listing *listing = NULL;
    const struct ledger_trials all = {.parts = LEDGER_TRIAL_ALL};
    unsigned points = 0;
    ledger = NULL;
    int rc = ledger_open(in_folder("ledger.db"), LEDGER_READ_ONLY, &ledger, &err);
    if (rc == 0)
        rc = job_listing_open(ledger, "resnet", &listing, &err);
    if (rc == 0)
        rc = job_listing_sum(listing, &err);
    if (rc == 0)
        rc = job_listing_each(listing, &all, see_trial, &points, &err);
    if (rc == 0)
        assert_true(points == 2 && listing->last && listing->profiled &&
                    listing->recurrence_count == 1 && listing->belief_count == 1);
    job_listing_close(listing);
    ledger = ledger_close(ledger);
    return rc;
}

/* A fleet of a few runs is one transaction: all of it is there, or nothing. */
static void fleet_intensity(void *ctx, int64_t unix_s, struct carbon_intensity *out)
{
    (void)ctx;
    (void)unix_s;
    *out = (struct carbon_intensity){.g_per_kwh = 381, .source_text = "a test"};
}

static void fleet_system(void *ctx, const char *model, struct carbon_system *out)
{
    (void)ctx;
    (void)model;
    *out = (struct carbon_system){.kg = 2000, .devices = NAN, .source_text = "a test"};
}

static bool fleet_contract(void *ctx, double facility_kwh, struct carbon_contract *out)
{
    (void)ctx;
    (void)facility_kwh;
    (void)out;
    return false;
}

enum { FLEET_RUNS = 25 };

static int run_simulated_fleet(void)
{
    const struct booking_factors factors = {.pue = 1.1,
                                            .lifetime_years = 4,
                                            .utilisation = 0.45,
                                            .intensity_at = fleet_intensity,
                                            .system = fleet_system,
                                            .contract = fleet_contract};
    const struct synthetic_fleet_options options = {
        .seed = 3,
        .gpus = 8,
        .users = 3,
        .runs = FLEET_RUNS,
        .load = 0.5,
        .shares = {1, 2, 1},
        .start_ms = INT64_C(1735689600000),
        .model_count = 1,
        .models = {synthetic_fleet_model_find("v100")},
        .sim = {.policy = "zeus", .eta = 0.5, .beta = 2}};
    struct synthetic_fleet_booked booked;
    ledger = NULL;
    int rc = ledger_open(in_folder("ledger.db"), 0, &ledger, &err);
    if (rc == 0)
        rc = synthetic_fleet_book(ledger, "ledger.db", &options,
                                  &(struct synthetic_fleet_places){&factors, 1}, true, &booked,
                                  &err);
    ledger = ledger_close(ledger);
    return rc;
}

static void a_fleet_or_none(int rc)
{
    struct ledger *again = NULL;
    struct wt_job_row *rows = NULL;
    size_t count = 0, trials = 0;
    bool empty = false;
    if (ledger_open(in_folder("ledger.db"), 0, &again, &err) ||
        ledger_is_empty(again, &empty, &err) || ledger_jobs(again, &rows, &count, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < count; i++)
        trials += rows[i].trials;
    assert_int_equal(trials, empty ? 0 : FLEET_RUNS);
    if (rc == 0)
        assert_false(empty);
    free(rows);
    ledger_close(again);
}

/* Nearly all of these allocations are SQLite's own, statement after statement by the same few
 * functions. */
static void booking(void **state)
{
    (void)state;
    enum { LEDGER = MEMORY | 1 << FAIL_SQLITE_IO };
    struct operation ops[] = {
        {"ledger: made",
         LEDGER,
         no_ledger,
         run_make,
         opens_afterwards,
         true,
         {WT_E_LEDGER},
         150,
         151},
        {"ledger: trial begins",
         LEDGER,
         an_empty_ledger,
         run_begin,
         began_or_not,
         true,
         {WT_E_LEDGER},
         150,
         11},
        {"ledger: trial ends",
         LEDGER,
         a_trial_that_runs,
         run_end,
         ended_whole_or_not,
         true,
         {WT_E_LEDGER},
         150,
         11},
        {"ledger: reports", LEDGER, NULL, run_reports, NULL, true, {WT_E_LEDGER}, 150, 11},
        {"ledger: stretches",
         LEDGER,
         NULL,
         run_stretches,
         watched_or_not,
         true,
         {WT_E_LEDGER},
         150,
         11},
        {"ledger: fleet", LEDGER, NULL, run_fleet, NULL, true, {WT_E_LEDGER}, 150, 11},
        {"ledger: batch sizes",
         LEDGER,
         an_empty_ledger,
         run_batch,
         counted_or_not,
         true,
         {WT_E_LEDGER},
         150,
         11},
        {"ledger: simulated fleet",
         LEDGER,
         an_empty_ledger,
         run_simulated_fleet,
         a_fleet_or_none,
         true,
         {WT_E_LEDGER},
         60,
         401},
        {"ledger: what there is to choose from",
         LEDGER,
         NULL,
         run_pareto,
         NULL,
         true,
         {WT_E_LEDGER},
         150,
         11},
        {"study: a job listed", LEDGER, NULL, run_listing, NULL, true, {WT_E_LEDGER}, 150, 11},
    };
    for (unsigned i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (i == 3)
            a_trial_that_ended();
        if (i == 8)
            a_front();
        every(&ops[i]);
    }
}

/* --- ledger: an older one is brought up to date, version by version --- */

static unsigned versions; /* bits of those that a failure has left */

static void an_older_ledger(void)
{
    no_ledger();
    old_ledger_put(in_folder("ledger.db"));
}

static void whole_at_a_version(int rc)
{
    const char *path = in_folder("ledger.db");
    if (rc && (!strstr(err.text, path) || strchr(err.text, '\n')))
        fail_msg("%d: '%s'", rc, err.text);
    int version = old_ledger_version(path);
    assert_true(rc || version == ledger_schema_number());
    versions |= rc ? 1u << version : 0;
    opens_afterwards(rc);
    assert_int_equal(old_ledger_version(path), ledger_schema_number());
}

static void migration(void **state)
{
    (void)state;
    old_ledger_learn(WATTUNE_SOURCE "/tests/fixtures/ledgers/schema2.sql", folder);
    every(&(struct operation){"ledger: brought up to date",
                              1 << FAIL_SQLITE_IO,
                              an_older_ledger,
                              run_make,
                              whole_at_a_version,
                              true,
                              {WT_E_LEDGER},
                              20,
                              3});
    /* Each step on the way is left behind by some. */
    assert_int_equal(versions & (1 << 2 | 1 << 3 | 1 << 4), 1 << 2 | 1 << 3 | 1 << 4);
    /* Nearly all of these are the parser's: SQLite reads the schema again after each statement. */
    every(&(struct operation){"ledger: brought up to date", MEMORY, an_older_ledger, run_make,
                              whole_at_a_version, .may_succeed = true, .slow = 5, .stride = 2503,
                              .all_stride = 101});
}

/* --- json, view --- */

static struct buffer reference; /* the result when nothing fails */

static int compare(struct buffer *made, int rc)
{
    if (rc == 0 && made->failed)
        rc = error_set(&err, WT_E_NO_MEMORY, "out of memory");
    if (rc == 0 && reference.length == 0) {
        buffer_append(&reference, made->text, made->length);
        assert_false(reference.failed);
    }
    if (rc == 0)
        assert_string_equal(buffer_text(made),
                            buffer_text(&reference)); /* never a part that says it is the whole */
    buffer_clear(made);
    return rc;
}

static int run_json(void)
{
    struct wt_trial trials[2] = {a_trial(), a_trial()};
    struct buffer out = {0};
    struct json_doc *doc = json_run_document(trials, 2);
    int rc = json_write_buffer(doc, JSON_PRETTY, &out, &err);
    json_doc_free(doc);
    return compare(&out, rc);
}

static int run_json_file(void)
{
    struct wt_job_row row = {.job = "resnet", .phase = "training"};
    struct json_doc *doc = json_jobs_document(&row, 1);
    int rc = json_write_file(doc, JSON_LINE, in_folder("jobs.json"), &err);
    json_doc_free(doc);
    return rc;
}

static int run_show_json(void)
{
    struct wt_trial trial = a_trial();
    const struct wt_recurrence sums = {trial.identity.recurrence, 1, 1, 1, 1, 1};
    const struct json_show_job job = {.name = "resnet",
                                      .phase = "training",
                                      .project = "",
                                      .recurrences = &sums,
                                      .recurrence_count = 1};
    struct buffer out = {0};
    static char text[16 * 1024];
    memset(text, 0, sizeof text);
    FILE *stream = fmemopen(text, sizeof text, "w");
    if (!stream)
        return error_set(&err, WT_E_NO_MEMORY, "out of memory");
    struct json_show *show = json_show_new(stream, &job);
    int rc = json_show_try(show, &trial, &err);
    if (rc == 0)
        rc = json_show_finish(show, NULL, 0, &err);
    json_show_free(show);
    fclose(stream);
    if (rc == 0)
        buffer_append(&out, text, strlen(text));
    return compare(&out, rc);
}

static int run_show(void)
{
    struct wt_trial trials[2] = {a_trial(), a_trial()};
    struct buffer out = {0};
    trials[1].outcome.ended = true;
    struct view_show *show = view_show_new(true);
    if (!show)
        return error_set(&err, WT_E_NO_MEMORY, "out of memory");
    const struct view_show_job job = {&trials[1], &trials[1], 1};
    view_show_try(show, &trials[0]);
    view_show_try(show, &trials[1]);
    view_show_print(show, &out, &job);
    view_show_free(show);
    view_run_summary(&out, &trials[1], false);
    return compare(&out, 0);
}

static int run_tables(void)
{
    struct wt_job_row row = {.job = "resnet", .phase = "training", .energy_j = 4};
    const struct wt_state state = {.known = 0};
    const struct wt_measurement m = {.source = WT_SOURCE_COUNTER, .energy_mj = 5};
    const double sensor = 0.05;
    struct buffer out = {0};
    view_jobs(&out, &row, 1, false);
    view_limits(&out, &device, &state, 1, false);
    view_measure(&out, 2, &device, &m, &sensor, 1, false);
    view_monitor_heading(&out, false, false);
    view_monitor_lines(&out, 1, &device, &state, NULL, 1);
    view_monitor_csv(&out, 1, &device, &state, NULL, 1);
    return compare(&out, 0);
}

static struct wt_explanation an_explanation(void)
{
    return (struct wt_explanation){
        .job = "resnet",
        .gpu_model = "V100",
        .gpu_count = 1,
        .standard = {64, 250000, 6, 0.5, 200, 3000, 1.2e6},
        .chosen = {32, 150000, 4, 0.25, 50, 2000, 4e5},
        .least = {32, 150000, 4, 0.25, 50, 2000, 4e5},
        .front = {32, 150000, 4, 0.25, 50, 2000, 4e5},
        .whole = {0.33, 0.01},
        .whole_time = {0.67, 0.02},
        .left = {1, 0},
        .fit = {
            .state = WT_FIT_DONE,
            .describes = true,
            .used = 2,
            .static_w = {70, 4},
            .dynamic_w = {170, 6},
            .full_dynamic_w = {170, 6},
            .compute = {0.5, 0.1},
            .least_limit_w = {150, 12},
            .count = 2,
            .points = {
                {{{WT_KNOB_POWER_LIMIT, 250000}, 60, 0.5, 200, 2, 0.25, false}, true, 0.5, 210},
                {{{WT_KNOB_POWER_LIMIT, 150000}, 60, 0.6, 150, 2, 0.25, false}, true, 0.6, 150}}}};
}

static int run_explain_json(void)
{
    struct wt_explanation e = an_explanation();
    const char *const sentences[] = {"One.", "Two."};
    struct buffer out = {0};
    struct json_doc *doc = json_explain_document(&e, sentences, 2);
    int rc = json_write_buffer(doc, JSON_PRETTY, &out, &err);
    json_doc_free(doc);
    return compare(&out, rc);
}

static int run_explain(void)
{
    struct wt_explanation e = an_explanation();
    struct buffer out = {0};
    view_explain(&out, &e, true);
    page_explain_svg(&out, &e);
    return compare(&out, 0);
}

/* More groups than are shown, and watched GPUs: all of the page's tables, sorted and cut. */
static int run_fleet_page(void)
{
    enum { COUNT = 22 };
    struct wt_report_row rows[COUNT];
    struct wt_potential potentials[COUNT] = {0};
    const struct wt_report_basis basis = {WT_BASIS_INTENSITY, "a table", COUNT, 481, 481};
    struct wt_fleet_device gpu = {.uuid = "GPU-0",
                                  .name = "V100",
                                  .node = "n1",
                                  .lines = {.watched_hours = 2,
                                            .energy_j = 3,
                                            .runs_j = 2,
                                            .idle_j = 1,
                                            .reserved_hours = 1,
                                            .idle_hours = 1}};
    struct buffer out = {0};
    for (unsigned i = 0; i < COUNT; i++)
        rows[i] = (struct wt_report_row){
            .keys = {"2025-03-01", "training"}, .runs = 1, .gpu_j = 5, .cpu_unknown = 1};
    const struct wt_rows all = {rows, COUNT};
    page_fleet(&out, &(struct wt_fleet){.from_ms = INT64_MIN,
                                        .to_ms = INT64_MAX,
                                        .total = rows[0],
                                        .phases = all,
                                        .days = all,
                                        .users = all,
                                        .projects = all,
                                        .gpus = all,
                                        .jobs = all,
                                        .tasks = all,
                                        .basis = &basis,
                                        .basis_count = 1,
                                        .lines = gpu.lines,
                                        .devices = &gpu,
                                        .device_count = 1,
                                        .eta = 0.5,
                                        .potentials = potentials,
                                        .has_what_if = true});
    return compare(&out, 0);
}

static void pages(void **state)
{
    (void)state;
    json_malloc_t take;
    json_free_t give;
    json_get_alloc_funcs(&take, &give);
    json_set_alloc_funcs(fail_malloc, fail_free);
    every(&(struct operation){"json: run", MEMORY, .run = run_json});
    buffer_clear(&reference);
    every(&(struct operation){"json: show", MEMORY, .run = run_show_json});
    buffer_clear(&reference);
    every(&(struct operation){"json: explain", MEMORY, .run = run_explain_json});
    buffer_clear(&reference);
    every(&(struct operation){
        "json: file", MEMORY | SYSTEM | PARTS, NULL, run_json_file, NULL, true, {WT_E_IO}});
    json_set_alloc_funcs(take, give);
    every(&(struct operation){"view: explain", MEMORY, .run = run_explain});
    buffer_clear(&reference);
    every(&(struct operation){"view: show", MEMORY, .run = run_show});
    buffer_clear(&reference);
    every(&(struct operation){"view: tables", MEMORY, .run = run_tables});
    buffer_clear(&reference);
    every(&(struct operation){"view: fleet's page", MEMORY, .run = run_fleet_page});
    buffer_clear(&reference);
}

/* --- sim: two files in, a document and a figure out --- */

static void write_trace(void)
{
    put_file("train.csv",
             "dataset,network,batch_size,optimizer,learning_rate,run,target_metric,target_epoch\n"
             "d,n,16,o,0.1,1,0.5,3\nd,n,16,o,0.1,2,0.5,4\nd,n,32,o,0.1,1,0.5,5\nd,n,32,o,0.1,2,0.5,"
             "nan\n");
    put_file("power.csv",
             "dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power\n"
             "d,n,16,o,200,10,180\nd,n,16,o,100,14,95\nd,n,32,o,200,7,190\nd,n,32,o,100,9,98\n");
}

static int run_simulation(void)
{
    static struct sim sim;
    char training[256];
    struct sim_trace trace;
    struct sim_history history = {0};
    struct wt_simulation found;
    struct wt_choices choices = {0};
    struct buffer out = {0};
    const struct sim_options options = {.policy = "zeus",
                                        .eta = 0.5,
                                        .beta = 2,
                                        .max_epochs = 9,
                                        .default_size = 16,
                                        .recurrences = 300};
    snprintf(training, sizeof training, "%s", in_folder("train.csv"));
    int rc = sim_trace_read(&trace, training, in_folder("power.csv"), "d/n/o", 0.5, &err);
    if (rc == 0)
        rc = sim_init(&sim, &trace, &options, &err);
    if (rc == 0)
        rc = sim_run(&sim, 1, &history, &choices, &found, &err);
    if (rc == 0) {
        struct json_doc *doc =
            json_simulation_document(&sim.study, &found, history.tries, history.count);
        rc = json_write_buffer(doc, JSON_LINE, &out, &err);
        json_doc_free(doc);
    }
    if (rc == 0) {
        view_simulation(&out, &sim.study, &found, history.tries, history.count, false);
        view_pareto(&out, &sim.study, sim.points, sim.point_count, false);
        page_study_svg(&out, &sim.study, sim.points, sim.point_count, &choices);
    }
    free(history.tries);
    sim_trace_free(&trace);
    return compare(&out, rc);
}

static void simulation(void **state)
{
    (void)state;
    json_malloc_t take;
    json_free_t give;
    json_get_alloc_funcs(&take, &give);
    json_set_alloc_funcs(fail_malloc, fail_free);
    write_trace();
    every(&(struct operation){"sim: trace to figure",
                              MEMORY | SYSTEM | PARTS,
                              NULL,
                              run_simulation,
                              NULL,
                              true,
                              {WT_E_INVALID},
                              100,
                              97});
    buffer_clear(&reference);
    json_set_alloc_funcs(take, give);
}

/* --- carbon: the files that users bring, and a provider's answer --- */

static int read_carbon(const char *name, struct buffer *text)
{
    buffer_clear(text);
    return file_read(in_folder(name), 4096, text, &err);
}

static int run_carbon(void)
{
    static const char answer[] = "{\"zone\":\"DE\",\"carbonIntensity\":302,\"isEstimated\":true}";
    struct carbon_series series = {0};
    struct carbon_intensity_table own = {0}, project = {0};
    struct carbon_embodied_table embodied = {0};
    struct buffer text = {0};
    double g_per_kwh = 0;
    const struct json_wanted wanted = {
        .name = "carbonIntensity", .needed = true, .number = &g_per_kwh};
    int rc = carbon_intensity_builtin(&project, &err);
    if (rc == 0 && (rc = read_carbon("grid.csv", &text)) == 0)
        rc = carbon_series_parse(&series, "grid.csv", &text, INT64_C(1740830400), &err);
    if (rc == 0 && (rc = read_carbon("places.csv", &text)) == 0)
        rc = carbon_intensity_table_parse(&own, "places.csv", &text, &err);
    if (rc == 0 && (rc = read_carbon("things.csv", &text)) == 0)
        rc = carbon_embodied_parse(&embodied, "things.csv", &text, &err);
    if (rc == 0)
        rc = json_read_object(answer, sizeof answer - 1, &wanted, 1, &err);
    if (rc == WT_E_PARSE) /* jansson calls some of its failed allocations a wrong text, and nobody
                             can tell them apart */
        rc = error_set(&err, WT_E_NO_MEMORY, "out of memory, or else this text is wrong");
    if (rc == 0)
        assert_true(series.count == 5 && own.count == 3 && project.count == 61 &&
                    embodied.count == 2 && g_per_kwh == 302);
    buffer_clear(&text);
    carbon_series_clear(&series);
    carbon_intensity_table_clear(&own);
    carbon_intensity_table_clear(&project);
    carbon_embodied_clear(&embodied);
    return rc;
}

static void carbon_files(void **state)
{
    (void)state;
    json_malloc_t take;
    json_free_t give;
    put_file(
        "grid.csv",
        "time,g_per_kwh\n2025-03-01T06:00:00Z,1\n2025-03-01T07:00:00Z,2\n2025-03-01T08:00:00Z,3\n"
        "2025-03-01T09:00:00Z,4\n2025-03-01T10:00:00Z,5\n");
    put_file("places.csv", "code,g_per_kwh,source,year\nA,1,me,2020\nB,1,me,2020\nC,1,me,2020\n");
    put_file("things.csv",
             "name,kind,match,kg,source,year\na,gpu,A,1,me,2020\nb,gpu,B,1,me,2020\n");
    json_get_alloc_funcs(&take, &give);
    json_set_alloc_funcs(fail_malloc, fail_free);
    every(&(struct operation){"carbon: files",
                              MEMORY | SYSTEM | PARTS,
                              NULL,
                              run_carbon,
                              NULL,
                              true,
                              {WT_E_IO, WT_E_NO_PERMISSION, WT_E_NOT_FOUND}});
    json_set_alloc_funcs(take, give);
}

/* --- run: whatever of ours fails after the start, the command goes on --- */

static struct sense *gpus;
static const unsigned both[2] = {0, 1};
static struct job_result result;
static bool ran;

static int run_tuner(void)
{
    struct live_meter *watch = NULL;
    struct guard *guard = NULL;
    struct tuner *tuner = NULL;
    const struct tuner_options options = {
        .preference = {WT_SELECT_COST, 0.5, 0}, .search = "sweep", .baseline = true};
    const struct tuner_store store = {0};
    int rc = live_meter_new(gpus, both, 2, &watch, &err);
    if (rc == 0)
        rc = guard_new(sensed_finder(gpus), folder, "test", &guard, &err);
    if (rc == 0)
        rc = tuner_new(&options, watch, guard, &store, &tuner, &err);
    tuner_free(tuner);
    guard_close(guard);
    live_meter_free(watch);
    return rc;
}

static void forget_ledger(void)
{
    an_empty_ledger();
    ran = false;
    result = (struct job_result){.exit_code = -1};
    assert_int_equal(ledger_open(in_folder("ledger.db"), 0, &ledger, &err), 0);
    unlink(in_folder("ran"));
}

static int run_job(void)
{
    char script[256];
    char *argv[] = {(char *)"sh", (char *)"-c", script, NULL};
    snprintf(script, sizeof script, "echo step; sleep 0.02; echo step >&2; echo yes >%s; exit 7",
             in_folder("ran"));
    struct job_options options = {
        .argv = argv,
        .job = "resnet",
        .phase = "training",
        .shared = true,
        .use_channel = true,
        .step_pattern = "step",
        .tuner = {.preference = {WT_SELECT_COST, 0.5, 0}, .search = "sweep", .baseline = true},
        .sense = {.nvml_path = nvml}};
    int rc = job_run(&options, gpus, both, 2, ledger, &result, &err);
    ran = rc == 0;
    return rc;
}

static void command_ran_and_all_is_back(int rc)
{
    struct wt_state state;
    struct wt_trial *trials = NULL;
    size_t count = 0;
    assert_true(ran == (rc == 0));
    bool finished = access(in_folder("ran"), F_OK) == 0;
    /* A pipe whose read fails ends as if the command had closed it, and the command may see that;
     * pipes do not fail. */
    if (finished != ran || (ran && result.exit_code != 7))
        if (strcmp(fail_where(), "read") != 0)
            fail_msg("job_run (%s): returns %d, the command %s, exit code %d", fail_where(), rc,
                     finished ? "ran" : "did not end as it should", result.exit_code);
    recover_limits(gpus);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(sense_state(gpus, i, WT_STATE_LIMIT, &state, &err), 0);
        assert_int_equal(state.limit_mw, 200000);
    }
    if (result.booked) {
        assert_int_equal(ledger_job_trials(ledger, "resnet", &trials, &count, &err), 0);
        assert_true(count == 1 && trials[0].outcome.ended &&
                    trials[0].outcome.exit_code == result.exit_code);
    }
    free(trials);
    ledger = ledger_close(ledger);
    no_channel_left(0);
}

static void whole_run(void **state)
{
    (void)state;
    const struct sense_options options = {.nvml_path = nvml,
                                          .sysfs_path = ""}; /* none: only the GPUs */
    if (sense_open(&options, &gpus, &err))
        fail_msg("%s", err.text);
    every(&(struct operation){"watch, tuner", MEMORY | SYSTEM | PARTS, .run = run_tuner,
                              .may_succeed = true, .codes = {WT_E_IO}});
    every(&(struct operation){"job_run",
                              MEMORY | SYSTEM | PARTS,
                              forget_ledger,
                              run_job,
                              command_ran_and_all_is_back,
                              true,
                              {WT_E_IO},
                              40,
                              41});
    sense_close(gpus);
}

/* ------------------------------------------------------------------------------------------------------------------
 */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st, (void)type, (void)place;
    return remove(path);
}

static int prepare(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/wattune-fail-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(folder) || mkdir(in_folder("runtime"), 0700))
        return -1;
    setenv("XDG_RUNTIME_DIR", in_folder("runtime"), 1);
    setenv("XDG_STATE_HOME", in_folder("runtime"), 1);
    FILE *file = fopen(in_folder("machine.ini"), "we");
    if (!file)
        return -1;
    /* Found at 200 W: the first slice is at another limit, so that something is written and has to
     * come back. */
    fputs(
        "[gpu 0]\nmodel = v100\npower_limit_w = 200\n[gpu 1]\nmodel = v100\npower_limit_w = 200\n",
        file);
    fclose(file);
    setenv("WATTUNE_VGPU", in_folder("machine.ini"), 1);
    return 0;
}

static int clear_up(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], GUARD_PROCESS_COMMAND) == 0)
        return guard_process_main(argc, argv);
    if (argc < 2)
        return 2;
    nvml = argv[1];
    log_set_level(LOG_ERROR);
    fail_sqlite();
    const struct CMUnitTest ledgers[] = {cmocka_unit_test(booking)};
    const struct CMUnitTest older[] = {cmocka_unit_test(migration)};
    const struct CMUnitTest runs[] = {cmocka_unit_test(whole_run)};
    const struct CMUnitTest rest[] = {
        cmocka_unit_test(base),       cmocka_unit_test(sources),      cmocka_unit_test(act),
        cmocka_unit_test(writer),     cmocka_unit_test(progress),     cmocka_unit_test(pages),
        cmocka_unit_test(simulation), cmocka_unit_test(carbon_files),
    };
    const char *part = argc > 2 ? argv[2] : NULL;
    int failed = 0;
    if (!part || strcmp(part, "rest") == 0)
        failed += cmocka_run_group_tests_name("fail", rest, prepare, clear_up);
    if (!part || strcmp(part, "booking") == 0)
        failed += cmocka_run_group_tests_name("fail: booking", ledgers, prepare, clear_up);
    if (!part || strcmp(part, "migration") == 0)
        failed += cmocka_run_group_tests_name("fail: migration", older, prepare, clear_up);
    if (!part || strcmp(part, "whole_run") == 0)
        failed += cmocka_run_group_tests_name("fail: whole run", runs, prepare, clear_up);
    return failed;
}
