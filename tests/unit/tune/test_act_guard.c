/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard over devices in memory.  A test simulates a kill by failing every device call after the
 * n-th: it drops the guard, and a new one recovers in the same folder.  For every n the settings
 * found must come back, and a limit that somebody else set must stay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tune/act/guard.h"
#include "tune/act/journal.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/wattune-guard-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* --- Devices in memory --- */

struct board {
    uint32_t limit_mw;
    struct guard_range lock_mhz; /* max 0: none */
    bool foreign;                /* its state shows somebody else's lock */
    bool ignores;                /* confirms and does nothing */
    uint32_t grain_mw;           /* rounds down to a multiple of it; 0: takes any value */
    int calls_left;              /* -1: any number; at 0 calls fail, with fail_code */
    int fail_code;
    bool half_done; /* the failing call of set still takes effect: killed right after it */
    unsigned sets;
};

static int spend(struct board *board, struct wt_error *err)
{
    if (board->calls_left == 0)
        return error_set(err, board->fail_code, "the call failed");
    if (board->calls_left > 0)
        board->calls_left--;
    return 0;
}

static int get_limit(void *driver, unsigned index, uint32_t *limit_mw, struct wt_error *err)
{
    (void)index;
    struct board *board = driver;
    int rc = spend(board, err);
    if (rc == 0)
        *limit_mw = board->limit_mw;
    return rc;
}

static int set_limit(void *driver, unsigned index, uint32_t limit_mw, struct wt_error *err)
{
    (void)index;
    struct board *board = driver;
    bool last = board->calls_left == 0;
    int rc = spend(board, err);
    if ((rc == 0 || (last && board->half_done)) && !board->ignores) {
        board->limit_mw = board->grain_mw ? limit_mw / board->grain_mw * board->grain_mw : limit_mw;
        board->sets++;
    }
    return rc;
}

static int reset_limit(void *driver, unsigned index, struct guard_range found, struct wt_error *err)
{
    return set_limit(driver, index, found.max, err);
}

static int check_limit(void *driver, const struct wt_device *device, uint32_t limit_mw,
                       struct wt_error *err)
{
    (void)driver;
    return guard_check_limit(device, limit_mw, err);
}

enum { MIN_MHZ = 210, MAX_MHZ = 1410 };

static int lock(struct board *board, struct guard_range mhz, struct wt_error *err)
{
    bool last = board->calls_left == 0;
    int rc = spend(board, err);
    if (rc == 0 || (last && board->half_done)) {
        board->lock_mhz = mhz;
        board->sets++;
    }
    return rc;
}

static int set_clock(void *driver, unsigned index, uint32_t mhz, struct wt_error *err)
{
    (void)index;
    return lock(driver, (struct guard_range){MIN_MHZ, mhz}, err);
}

static int reset_clock(void *driver, unsigned index, struct guard_range found, struct wt_error *err)
{
    (void)index;
    return lock(driver, found, err);
}

static int check_clock(void *driver, const struct wt_device *device, uint32_t mhz,
                       struct wt_error *err)
{
    (void)driver, (void)device;
    return mhz >= MIN_MHZ && mhz <= MAX_MHZ ? 0 : error_set(err, WT_E_RANGE, "%u MHz", mhz);
}

static int clock_is_free(void *driver, const struct wt_device *device, struct wt_error *err)
{
    struct board *board = driver;
    (void)device;
    return board->foreign ? error_set(err, WT_E_BUSY, "somebody else holds the clocks") : 0;
}

static int find_ops(void *ctx, const struct wt_device *device, const struct guard_ops **found,
                    void **driver, struct wt_error *err)
{
    static const struct guard_knob limit = {
        .read = get_limit, .set = set_limit, .reset = reset_limit, .check = check_limit};
    static const struct guard_knob clock = {
        .set = set_clock, .reset = reset_clock, .check = check_clock, .is_free = clock_is_free};
    static const struct guard_ops both = {
        {[WT_KNOB_POWER_LIMIT] = &limit, [WT_KNOB_SM_CLOCK_MAX] = &clock}};
    (void)device, (void)err;
    *found = &both;
    *driver = ctx;
    return 0;
}
static const struct wt_device gpu = {.index = 3,
                                     .uuid = "GPU-aaaa-1",
                                     .name = "X",
                                     .limit_min_mw = 100000,
                                     .limit_max_mw = 300000,
                                     .limit_default_mw = 300000};

static struct board board_at(uint32_t limit_mw)
{
    return (struct board){.limit_mw = limit_mw, .calls_left = -1, .fail_code = WT_E_DRIVER};
}

static struct guard *guard_of(struct board *board, const char *holder)
{
    struct guard *guard;
    assert_int_equal(
        guard_new((struct guard_finder){find_ops, board}, folder, holder, &guard, NULL), 0);
    return guard;
}

/* The short forms of a test about one knob, the power limit. */
static int take(struct guard *guard, const struct wt_device *device, uint32_t *found_mw,
                struct wt_error *err)
{
    struct wt_setting found = {WT_KNOB_POWER_LIMIT, *found_mw};
    int rc = guard_take(guard, device, WT_KNOB_POWER_LIMIT, &found, err);
    *found_mw = found.value;
    return rc;
}

static struct wt_setting watts(uint32_t limit_mw)
{
    return (struct wt_setting){WT_KNOB_POWER_LIMIT, limit_mw};
}

static struct wt_setting mhz(uint32_t value)
{
    return (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, value};
}

static int set(struct guard *guard, const struct wt_device *device, uint32_t limit_mw,
               struct wt_error *err)
{
    return guard_set(guard, device, watts(limit_mw), err);
}

static int restore(struct guard *guard, const struct wt_device *device, enum guard_outcome *outcome,
                   struct wt_error *err)
{
    return guard_restore(guard, device, WT_KNOB_POWER_LIMIT, outcome, err);
}

static int recover_by(struct guard *guard, enum guard_outcome *outcome, struct wt_error *err)
{
    enum guard_outcome outcomes[WT_KNOBS];
    int rc = guard_recover(guard, &gpu, outcomes, err);
    *outcome = outcomes[WT_KNOB_POWER_LIMIT];
    return rc;
}

static enum guard_outcome recover(struct board *board)
{
    enum guard_outcome outcome;
    struct guard *guard = guard_of(board, "recovery");
    assert_int_equal(recover_by(guard, &outcome, NULL), 0);
    guard_close(guard);
    return outcome;
}

/* A tuning run's dealings with one device; stops at the first failure, as after a kill. */
static void tune(struct guard *guard)
{
    enum guard_outcome outcome;
    uint32_t found_mw = 0;
    if (take(guard, &gpu, &found_mw, NULL) || set(guard, &gpu, 200000, NULL) ||
        set(guard, &gpu, 150000, NULL) || set(guard, &gpu, 175000, NULL) ||
        restore(guard, &gpu, &outcome, NULL) || set(guard, &gpu, 125000, NULL))
        return;
}

static void test_take_set_restore(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct journal_entry entry;
    enum guard_outcome outcome;
    uint32_t found_mw = 0;
    assert_int_equal(set(guard, &gpu, 200000, NULL), WT_E_INVALID); /* no lease */
    assert_int_equal(take(guard, &gpu, &found_mw, NULL), 0);
    assert_int_equal(found_mw, 280000);
    assert_int_equal(restore(guard, &gpu, &outcome, NULL), 0);
    assert_int_equal(outcome, GUARD_NOTHING);
    assert_int_equal(board.sets, 0);
    assert_int_equal(set(guard, &gpu, 200000, NULL), 0);
    assert_int_equal(board.limit_mw, 200000);
    assert_int_equal(journal_read(folder, gpu.uuid, JOURNAL_SETTING, &entry, NULL), 0);
    assert_int_equal(entry.debts[WT_KNOB_POWER_LIMIT].found, 280000);
    assert_int_equal(entry.debts[WT_KNOB_POWER_LIMIT].written[0], 200000);
    assert_int_equal(restore(guard, &gpu, &outcome, NULL), 0);
    assert_int_equal(outcome, GUARD_RESTORED);
    assert_int_equal(board.limit_mw, 280000);
    assert_int_equal(journal_read(folder, gpu.uuid, JOURNAL_SETTING, &entry, NULL), WT_E_NOT_FOUND);
    guard_close(guard);
}

static void test_killed_anywhere(void **state)
{
    (void)state;
    for (int half = 0; half < 2; half++)
        for (int n = 0; n < 20; n++) {
            struct board board = board_at(280000);
            struct guard *guard = guard_of(&board, "run");
            board.calls_left = n;
            board.half_done = half;
            tune(guard);
            guard_close(guard);
            board.calls_left = -1;
            recover(&board);
            assert_int_equal(board.limit_mw, 280000);
            assert_int_equal(recover(&board), GUARD_NOTHING);
        }
}

/* Recovery may be killed too, and tried again. */
static void test_recovery_killed(void **state)
{
    (void)state;
    for (int half = 0; half < 2; half++)
        for (int n = 0; n < 4; n++) {
            struct board board = board_at(280000);
            struct guard *guard = guard_of(&board, "run");
            tune(guard);
            guard_close(guard);
            assert_int_equal(board.limit_mw, 125000);
            enum guard_outcome outcome;
            guard = guard_of(&board, "recovery");
            board.calls_left = n;
            board.half_done = half;
            int rc = recover_by(guard, &outcome, NULL);
            assert_int_equal(rc, n < 3 ? WT_E_DRIVER : 0);
            guard_close(guard);
            board.calls_left = -1;
            recover(&board);
            assert_int_equal(board.limit_mw, 280000);
        }
}

static void test_others_changed_it(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    enum guard_outcome outcome;
    tune(guard);
    board.limit_mw = 222000;
    assert_int_equal(restore(guard, &gpu, &outcome, NULL), 0);
    assert_int_equal(outcome, GUARD_CHANGED_BY_OTHERS);
    assert_int_equal(board.limit_mw, 222000);
    guard_close(guard);
    board = board_at(280000);
    guard = guard_of(&board, "run");
    tune(guard);
    guard_close(guard);
    board.limit_mw = 222000;
    assert_int_equal(recover(&board), GUARD_CHANGED_BY_OTHERS);
    assert_int_equal(board.limit_mw, 222000);
    assert_int_equal(recover(&board), GUARD_NOTHING);
}

/* The next holder after a dead one finds the value before it. */
static void test_take_after_death(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    uint32_t found_mw = 0;
    tune(guard);
    guard_close(guard);
    guard = guard_of(&board, "next");
    assert_int_equal(take(guard, &gpu, &found_mw, NULL), 0);
    assert_int_equal(found_mw, 280000);
    assert_int_equal(board.limit_mw, 280000);
    assert_int_equal(take(guard, &gpu, &found_mw, NULL), WT_E_BUSY);
    guard_close(guard);
}

static void test_range(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct wt_error err;
    uint32_t found_mw = 0;
    assert_int_equal(take(guard, &gpu, &found_mw, NULL), 0);
    assert_int_equal(set(guard, &gpu, 99999, &err), WT_E_RANGE);
    assert_non_null(strstr(err.text, "99.999 W"));
    assert_non_null(strstr(err.text, "100 to 300 W"));
    assert_int_equal(set(guard, &gpu, 300001, NULL), WT_E_RANGE);
    assert_int_equal(set(guard, &gpu, 0, NULL), WT_E_RANGE);
    assert_int_equal(board.sets, 0);
    assert_int_equal(set(guard, &gpu, 100000, NULL), 0);
    assert_int_equal(set(guard, &gpu, 300000, NULL), 0);
    struct wt_device silent = gpu;
    silent.limit_max_mw = silent.limit_min_mw = 0;
    assert_int_equal(guard_check(guard, &silent, watts(200000), NULL), WT_E_NOT_SUPPORTED);
    guard_close(guard);
    recover(&board);
}

static void test_ignored(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct wt_error err;
    uint32_t found_mw = 0;
    enum guard_outcome outcome;
    assert_int_equal(take(guard, &gpu, &found_mw, NULL), 0);
    board.ignores = true;
    assert_int_equal(set(guard, &gpu, 200000, &err), WT_E_IGNORED);
    assert_non_null(strstr(err.text, "280 W"));
    board.ignores = false;
    assert_int_equal(set(guard, &gpu, 200000, NULL), 0);
    board.ignores = true;
    assert_int_equal(restore(guard, &gpu, &outcome, NULL), WT_E_IGNORED);
    guard_close(guard);
    board.ignores = false;
    assert_int_equal(recover(&board), GUARD_RESTORED); /* the entry stayed */
    assert_int_equal(board.limit_mw, 280000);
}

/* A driver that rounds sets a value that was never asked for.  It is still ours to put back, by the
 * owner and after a kill. */
static void test_rounded(void **state)
{
    (void)state;
    for (unsigned killed = 0; killed < 2; killed++) {
        struct board board = board_at(280000);
        struct guard *guard = guard_of(&board, "run");
        uint32_t found_mw = 0;
        enum guard_outcome outcome;
        assert_int_equal(take(guard, &gpu, &found_mw, NULL), 0);
        assert_int_equal(set(guard, &gpu, 200000, NULL), 0);
        board.grain_mw = 20000;
        assert_int_equal(set(guard, &gpu, 150000, NULL), WT_E_IGNORED);
        assert_int_equal(board.limit_mw, 140000);
        board.grain_mw = 0;
        if (!killed)
            assert_int_equal(restore(guard, &gpu, &outcome, NULL), 0);
        guard_close(guard);
        if (killed)
            outcome = recover(&board);
        assert_int_equal(outcome, GUARD_RESTORED);
        assert_int_equal(board.limit_mw, 280000);
    }
}

/* A limit that somebody sets between the lease and a write of ours, the first or a later one, is
 * neither overwritten nor forgotten. */
static void test_others_between(void **state)
{
    (void)state;
    for (unsigned sets = 0; sets < 3; sets++) {
        struct board board = board_at(280000);
        struct guard *guard = guard_of(&board, "run");
        struct wt_error err;
        uint32_t found_mw = 0;
        enum guard_outcome outcome;
        assert_int_equal(take(guard, &gpu, &found_mw, NULL), 0);
        for (unsigned i = 0; i < sets; i++)
            assert_int_equal(set(guard, &gpu, 200000 - 25000 * i, NULL), 0);
        board.limit_mw = 260000;
        assert_int_equal(set(guard, &gpu, 125000, &err), WT_E_BUSY);
        assert_non_null(strstr(err.text, "260 W"));
        assert_int_equal(board.limit_mw, 260000);
        assert_int_equal(restore(guard, &gpu, &outcome, NULL), 0);
        assert_int_equal(outcome, sets ? GUARD_CHANGED_BY_OTHERS : GUARD_NOTHING);
        assert_int_equal(board.limit_mw, 260000);
        guard_close(guard);
        assert_int_equal(recover(&board), GUARD_NOTHING);
    }
}

/* A set that fails leaves the limit of the one before: killed right behind the next, that too is
 * known for ours. */
static void test_failed_set_then_killed(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    uint32_t found_mw = 0;
    assert_int_equal(take(guard, &gpu, &found_mw, NULL), 0);
    assert_int_equal(set(guard, &gpu, 200000, NULL), 0);
    board.calls_left = 1; /* reads, and fails to set */
    assert_int_equal(set(guard, &gpu, 175000, NULL), WT_E_DRIVER);
    board.calls_left = 1;
    assert_int_equal(set(guard, &gpu, 150000, NULL), WT_E_DRIVER);
    assert_int_equal(board.limit_mw, 200000);
    guard_close(guard);
    board.calls_left = -1;
    assert_int_equal(recover(&board), GUARD_RESTORED);
    assert_int_equal(board.limit_mw, 280000);
}

static void test_busy(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *first = guard_of(&board, "wattune run (pid 42)"),
                 *second = guard_of(&board, "other");
    struct wt_error err;
    uint32_t found_mw = 0;
    enum guard_outcome outcome;
    assert_int_equal(take(first, &gpu, &found_mw, NULL), 0);
    assert_int_equal(take(second, &gpu, &found_mw, &err),
                     WT_E_BUSY); /* before anything was written */
    assert_non_null(strstr(err.text, "wattune run (pid 42)"));
    assert_int_equal(set(first, &gpu, 200000, NULL), 0);
    assert_int_equal(take(second, &gpu, &found_mw, &err), WT_E_BUSY);
    assert_non_null(strstr(err.text, "wattune run (pid 42)"));
    assert_int_equal(guard_set_for_good(second, &gpu, watts(150000), &err), WT_E_BUSY);
    assert_non_null(strstr(err.text, "wattune run (pid 42)"));
    assert_int_equal(recover_by(second, &outcome, NULL), 0);
    assert_int_equal(outcome, GUARD_HELD);
    assert_int_equal(board.limit_mw, 200000);
    guard_close(first);
    assert_int_equal(guard_set_for_good(second, &gpu, watts(150000), NULL), 0);
    guard_close(second);
    assert_int_equal(recover(&board), GUARD_NOTHING); /* a limit set by hand stays */
    assert_int_equal(board.limit_mw, 150000);
}

/* --- The journal --- */

static void put_entry(const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.limit", folder, gpu.uuid);
    assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, NULL), 0);
}

static void test_bad_entries(void **state)
{
    (void)state;
    char boot[40], good[512], text[512];
    assert_int_equal(journal_boot_id(boot, NULL), 0);
    static const char *const forms[] = {
        "",
        "\n",
        "garbage",
        "wattune-limit 2\nboot %s\nuuid GPU-aaaa-1\nfound_mw 250000\nwritten_mw 200000 0\nholder "
        "x\n",
        ("wattune-limit 1\nboot 00000000-0000-0000-0000-000000000000%.0s\nuuid "
         "GPU-aaaa-1\nfound_mw 250000\n"
         "written_mw 200000 0\nholder x\n"),
        "wattune-limit 1\nboot %s\nuuid GPU-other\nfound_mw 250000\nwritten_mw 200000 0\nholder "
        "x\n",
        "wattune-limit 1\nboot %s\nuuid GPU-aaaa-1\nfound_mw 0\nwritten_mw 200000 0\nholder x\n",
        "wattune-limit 1\nboot %s\nuuid GPU-aaaa-1\nfound_mw x\nwritten_mw 200000 0\nholder x\n",
    };
    for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct board board = board_at(200000);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, forms[i], boot);
#pragma GCC diagnostic pop
        put_entry(text);
        assert_int_equal(recover(&board), GUARD_NOTHING);
        assert_int_equal(board.sets, 0);
    }
    /* Cut short at any byte: either whole enough to mean the same, or nothing. */
    int length = snprintf(good, sizeof good,
                          "wattune-limit 1\nboot %s\nuuid GPU-aaaa-1\nfound_mw 250000\n"
                          "written_mw 200000 0\nholder x\n",
                          boot);
    for (int n = 0; n <= length; n++) {
        struct board board = board_at(200000);
        snprintf(text, sizeof text, "%.*s", n, good);
        put_entry(text);
        recover(&board);
        assert_true(board.limit_mw == 200000 || board.limit_mw == 250000);
    }
    /* Out of the device's range, or wider than 32 bits: such a value is not written. */
    static const char *const values[] = {"4000000000", "18446744073709801616", "-5", "90000"};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct board board = board_at(200000);
        snprintf(text, sizeof text,
                 "wattune-limit 1\nboot %s\nuuid GPU-aaaa-1\nfound_mw %s\nwritten_mw 200000 0\n"
                 "holder x\n",
                 boot, values[i]);
        put_entry(text);
        enum guard_outcome outcome;
        struct guard *guard = guard_of(&board, "recovery");
        recover_by(guard, &outcome, NULL);
        guard_close(guard);
        assert_int_equal(board.sets, 0);
        journal_remove(folder, gpu.uuid, JOURNAL_LIMIT, NULL);
    }
}

/* A holder's name with a line break must not spoil the entry that brings the limit back. */
static void test_holder_with_line_breaks(void **state)
{
    (void)state;
    static const char *const holders[] = {"", "a\nfound_mw 1", "\n", " "};
    for (unsigned i = 0; i < sizeof holders / sizeof holders[0]; i++) {
        struct board board = board_at(280000);
        struct guard *guard = guard_of(&board, holders[i]);
        tune(guard);
        guard_close(guard);
        assert_int_equal(recover(&board), GUARD_RESTORED);
        assert_int_equal(board.limit_mw, 280000);
    }
}

static void test_hostile_uuid(void **state)
{
    (void)state;
    static const char *const uuids[] = {"../../x", "",  "a/b",        "GPU 1",
                                        "GPU-\n",  ".", "GPU-1.limit"};
    for (unsigned i = 0; i < sizeof uuids / sizeof uuids[0]; i++) {
        struct board board = board_at(280000);
        struct wt_device hostile = gpu;
        snprintf(hostile.uuid, sizeof hostile.uuid, "%s", uuids[i]);
        struct guard *guard = guard_of(&board, "run");
        uint32_t found_mw = 0;
        assert_int_equal(take(guard, &hostile, &found_mw, NULL), WT_E_INVALID);
        assert_int_equal(guard_set_for_good(guard, &hostile, watts(200000), NULL), WT_E_INVALID);
        assert_int_equal(board.sets, 0);
        guard_close(guard);
    }
}

/* No room for the journal: the device is not touched. */
static void test_disk_full(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct board board = board_at(280000);
        struct guard *guard;
        uint32_t found_mw = 0;
        struct wt_error err;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){20, 20});
        if (guard_new((struct guard_finder){find_ops, &board}, folder, "run", &guard, NULL) ||
            take(guard, &gpu, &found_mw, NULL))
            _exit(2);
        if (set(guard, &gpu, 200000, &err) != WT_E_IO || board.sets || board.limit_mw != 280000)
            _exit(3);
        _exit(strstr(err.text, "GPU 3") ? 0 : 4);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    struct board board = board_at(200000);
    assert_int_equal(recover(&board), GUARD_NOTHING);
}

/* --- Both knobs --- */

static const struct guard_range no_lock = {0, 0};

static bool is_locked(const struct board *board, struct guard_range range)
{
    return board->lock_mhz.min == range.min && board->lock_mhz.max == range.max;
}

/* A run that sets both knobs of one device, and gives the clock back first. */
static void tune_both(struct guard *guard)
{
    enum guard_outcome outcome;
    struct wt_setting found;
    if (guard_take(guard, &gpu, WT_KNOB_POWER_LIMIT, &found, NULL) ||
        guard_take(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, NULL) ||
        guard_set(guard, &gpu, watts(200000), NULL) || guard_set(guard, &gpu, mhz(1200), NULL) ||
        guard_set(guard, &gpu, mhz(900), NULL) || guard_set(guard, &gpu, watts(150000), NULL) ||
        guard_restore(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &outcome, NULL) ||
        guard_set(guard, &gpu, mhz(1005), NULL))
        return;
}

static void test_both_owed(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct journal_entry entry;
    enum guard_outcome outcomes[WT_KNOBS];
    tune_both(guard);
    assert_true(board.limit_mw == 150000 && is_locked(&board, (struct guard_range){210, 1005}));
    assert_int_equal(journal_read(folder, gpu.uuid, JOURNAL_SETTING, &entry, NULL), 0);
    const struct journal_debt *limit = &entry.debts[WT_KNOB_POWER_LIMIT],
                              *clock = &entry.debts[WT_KNOB_SM_CLOCK_MAX];
    assert_true(limit->owed && limit->found == 280000 && limit->written[0] == 150000);
    assert_true(clock->owed && clock->found == 0 && clock->written[0] == 1005);
    guard_close(guard);
    guard = guard_of(&board, "recovery");
    assert_int_equal(guard_recover(guard, &gpu, outcomes, NULL), 0);
    guard_close(guard);
    assert_true(outcomes[WT_KNOB_POWER_LIMIT] == GUARD_RESTORED &&
                outcomes[WT_KNOB_SM_CLOCK_MAX] == GUARD_RESTORED);
    assert_true(board.limit_mw == 280000 && is_locked(&board, no_lock));
    assert_int_equal(journal_read(folder, gpu.uuid, JOURNAL_SETTING, &entry, NULL), WT_E_NOT_FOUND);
}

static void test_both_killed_anywhere(void **state)
{
    (void)state;
    for (int half = 0; half < 2; half++)
        for (int n = 0; n < 12; n++) /* a whole run makes 11 calls, a recovery 4 */
            for (int again = 0; again < 5; again += 1 + half) {
                struct board board = board_at(280000);
                struct guard *guard = guard_of(&board, "run");
                enum guard_outcome outcomes[WT_KNOBS];
                board.calls_left = n;
                board.half_done = half;
                tune_both(guard);
                guard_close(guard);
                board.calls_left = again; /* recovery is killed as well */
                guard = guard_of(&board, "recovery");
                guard_recover(guard, &gpu, outcomes, NULL);
                guard_close(guard);
                board.calls_left = -1;
                recover(&board);
                assert_true(board.limit_mw == 280000 && is_locked(&board, no_lock));
                assert_int_equal(recover(&board), GUARD_NOTHING);
            }
}

/* A limit that somebody else has changed stays, and the clock comes back all the same. */
static void test_foreign_limit_and_own_clock(void **state)
{
    (void)state;
    for (unsigned killed = 0; killed < 2; killed++) {
        struct board board = board_at(280000);
        struct guard *guard = guard_of(&board, "run");
        enum guard_outcome outcomes[WT_KNOBS];
        tune_both(guard);
        board.limit_mw = 222000;
        if (killed) {
            guard_close(guard);
            guard = guard_of(&board, "recovery");
            assert_int_equal(guard_recover(guard, &gpu, outcomes, NULL), 0);
        } else {
            for (unsigned k = 0; k < WT_KNOBS; k++)
                assert_int_equal(guard_restore(guard, &gpu, k, &outcomes[k], NULL), 0);
        }
        guard_close(guard);
        assert_int_equal(outcomes[WT_KNOB_POWER_LIMIT], GUARD_CHANGED_BY_OTHERS);
        assert_int_equal(outcomes[WT_KNOB_SM_CLOCK_MAX], GUARD_RESTORED);
        assert_true(board.limit_mw == 222000 && is_locked(&board, no_lock));
        assert_int_equal(recover(&board), GUARD_NOTHING);
    }
}

/* The power limit's restore is ignored: the clock comes back, and the limit's debt stays. */
static void test_one_knob_fails(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct journal_entry entry;
    enum guard_outcome outcomes[WT_KNOBS];
    tune_both(guard);
    guard_close(guard);
    board.ignores = true;
    guard = guard_of(&board, "recovery");
    assert_int_equal(guard_recover(guard, &gpu, outcomes, NULL), WT_E_IGNORED);
    guard_close(guard);
    assert_true(outcomes[WT_KNOB_POWER_LIMIT] == GUARD_NOTHING &&
                outcomes[WT_KNOB_SM_CLOCK_MAX] == GUARD_RESTORED);
    assert_true(board.limit_mw == 150000 && is_locked(&board, no_lock));
    assert_int_equal(journal_read(folder, gpu.uuid, JOURNAL_SETTING, &entry, NULL), 0);
    assert_true(entry.debts[WT_KNOB_POWER_LIMIT].owed && !entry.debts[WT_KNOB_SM_CLOCK_MAX].owed);
    board.ignores = false;
    assert_int_equal(recover(&board), GUARD_RESTORED);
    assert_int_equal(board.limit_mw, 280000);
}

/* A limit set by hand settles the limit's debt, and not the clock's. */
static void test_set_for_good_keeps_other_debts(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    tune_both(guard);
    guard_close(guard);
    guard = guard_of(&board, "wattune limit");
    assert_int_equal(guard_set_for_good(guard, &gpu, watts(190000), NULL), 0);
    guard_close(guard);
    assert_true(!is_locked(&board, no_lock));
    assert_int_equal(recover(&board), GUARD_NOTHING); /* of the limit */
    assert_true(board.limit_mw == 190000 && is_locked(&board, no_lock));
}

static void test_clock_range(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct wt_setting found;
    enum guard_outcome outcome;
    assert_int_equal(guard_set(guard, &gpu, mhz(1200), NULL), WT_E_INVALID); /* no lease */
    assert_int_equal(guard_take(guard, &gpu, WT_KNOB_POWER_LIMIT, &found, NULL), 0);
    assert_int_equal(guard_set(guard, &gpu, mhz(1200), NULL), WT_E_INVALID); /* not of this knob */
    assert_int_equal(guard_take(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, NULL), 0);
    assert_true(found.knob == WT_KNOB_SM_CLOCK_MAX && found.value == 0);
    assert_int_equal(guard_take(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, NULL), WT_E_BUSY);
    assert_int_equal(guard_set(guard, &gpu, mhz(MAX_MHZ + 1), NULL), WT_E_RANGE);
    assert_int_equal(guard_set(guard, &gpu, mhz(0), NULL), WT_E_RANGE);
    assert_int_equal(guard_restore(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &outcome, NULL), 0);
    assert_true(outcome == GUARD_NOTHING && board.sets == 0);
    assert_int_equal(guard_set(guard, &gpu, mhz(MAX_MHZ), NULL), 0);
    assert_int_equal(guard_restore(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &outcome, NULL), 0);
    assert_true(outcome == GUARD_RESTORED && is_locked(&board, no_lock));
    guard_close(guard);
}

/* The site's own lock is the one that comes back, after a return and after a kill, and its signs
 * are not somebody else's. */
static void test_clock_found(void **state)
{
    (void)state;
    const struct guard_range site = {345, 1305};
    for (unsigned killed = 0; killed < 2; killed++) {
        struct board board = board_at(280000);
        struct guard *guard = guard_of(&board, "run");
        struct wt_setting found;
        enum guard_outcome outcome;
        board.foreign = true;
        board.lock_mhz = site;
        guard_clock_found(guard, (struct guard_range){345, MAX_MHZ + 1});
        assert_int_equal(guard_take(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, NULL), WT_E_RANGE);
        guard_clock_found(guard, (struct guard_range){1306, 1305});
        assert_int_equal(guard_take(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, NULL), WT_E_RANGE);
        guard_clock_found(guard, site);
        assert_int_equal(guard_take(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, NULL), 0);
        assert_int_equal(found.value, 1305);
        assert_int_equal(guard_set(guard, &gpu, mhz(900), NULL), 0);
        assert_true(is_locked(&board, (struct guard_range){MIN_MHZ, 900}));
        if (!killed)
            assert_int_equal(guard_restore(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &outcome, NULL), 0);
        guard_close(guard);
        if (killed)
            recover(&board);
        assert_true(is_locked(&board, site));
    }
}

/* Somebody else holds the clocks: no lease for the clock, nothing written, and nothing kept from
 * others.  After a dead run of ours, the lock seen was ours. */
static void test_clock_of_others(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run"), *second = guard_of(&board, "second");
    struct wt_setting found = {WT_KNOB_POWER_LIMIT, 42};
    struct wt_error err;
    board.foreign = true;
    assert_int_equal(guard_take(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, &err), WT_E_BUSY);
    assert_non_null(strstr(err.text, "somebody else"));
    assert_true(found.value == 42 && board.sets == 0);
    assert_int_equal(guard_take(second, &gpu, WT_KNOB_POWER_LIMIT, &found, NULL), 0);
    assert_int_equal(guard_take(second, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, NULL), WT_E_BUSY);
    assert_int_equal(guard_set(second, &gpu, watts(200000), NULL), 0); /* its other knob is kept */
    guard_close(second);
    guard_close(guard);
    board.foreign = false;
    guard = guard_of(&board, "run");
    tune_both(guard);
    guard_close(guard);
    board.foreign = true; /* a reason that lags behind the reset */
    guard = guard_of(&board, "next");
    assert_int_equal(guard_take(guard, &gpu, WT_KNOB_POWER_LIMIT, &found, NULL), 0);
    assert_int_equal(guard_take(guard, &gpu, WT_KNOB_SM_CLOCK_MAX, &found, NULL), 0);
    assert_true(is_locked(&board, no_lock));
    guard_close(guard);
}

/* --- Versions of the journal --- */

static const char *fixture; /* an entry by a program of version 1 */

static void path_of(char path[256], const char *uuid, const char *ending)
{
    snprintf(path, 256, "%s/%s.%s", folder, uuid, ending);
}

static bool is_there(const char *ending)
{
    char path[256];
    path_of(path, gpu.uuid, ending);
    return access(path, F_OK) == 0;
}

/* An entry as a program of version 1 has left it: found 250 W, written 200 W last. */
static struct wt_device put_fixture(void)
{
    struct buffer text = {0};
    struct wt_device device = gpu;
    char path[256], boot[40];
    const char *name = strrchr(fixture, '/') + 1;
    snprintf(device.uuid, sizeof device.uuid, "%.*s", (int)(strchr(name, '.') - name), name);
    assert_int_equal(file_read(fixture, 1024, &text, NULL), 0);
    assert_int_equal(journal_boot_id(boot, NULL), 0);
    char *line = strstr(text.text, "\nboot ");
    assert_non_null(line);
    memcpy(line + 6, boot, 36);
    path_of(path, device.uuid, "limit");
    assert_int_equal(file_write_atomic(path, text.text, text.length, 0600, NULL), 0);
    buffer_clear(&text);
    return device;
}

static void test_version_1(void **state)
{
    (void)state;
    const struct wt_device device = put_fixture();
    struct journal_entry entry;
    enum guard_outcome outcomes[WT_KNOBS];
    struct board board = board_at(200000);
    assert_int_equal(journal_read(folder, device.uuid, JOURNAL_LIMIT, &entry, NULL), 0);
    const struct journal_debt *limit = &entry.debts[WT_KNOB_POWER_LIMIT];
    assert_true(limit->owed && limit->found == 250000 && limit->written[0] == 200000 &&
                limit->written[1] == 150000 && !entry.debts[WT_KNOB_SM_CLOCK_MAX].owed);
    struct guard *guard = guard_of(&board, "recovery");
    assert_int_equal(guard_recover(guard, &device, outcomes, NULL), 0);
    assert_int_equal(outcomes[WT_KNOB_POWER_LIMIT], GUARD_RESTORED);
    assert_int_equal(board.limit_mw, 250000);
    assert_int_equal(journal_read(folder, device.uuid, JOURNAL_LIMIT, &entry, NULL),
                     WT_E_NOT_FOUND);
    /* A foreign value stays, as ever. */
    put_fixture();
    board.limit_mw = 222000;
    assert_int_equal(guard_recover(guard, &device, outcomes, NULL), 0);
    assert_int_equal(outcomes[WT_KNOB_POWER_LIMIT], GUARD_CHANGED_BY_OTHERS);
    guard_close(guard);
}

/* Reading changes nothing on disk: the holder of the lock removes a void entry. */
static void test_reading_removes_nothing(void **state)
{
    (void)state;
    struct journal_entry entry;
    struct board board = board_at(200000);
    char path[256];
    put_entry("garbage");
    path_of(path, gpu.uuid, "setting");
    assert_int_equal(file_write_atomic(path, "garbage", 7, 0600, NULL), 0);
    for (unsigned v = JOURNAL_LIMIT; v <= JOURNAL_SETTING; v++)
        assert_int_equal(journal_read(folder, gpu.uuid, v, &entry, NULL), WT_E_PARSE);
    assert_true(is_there("limit") && is_there("setting"));
    assert_int_equal(recover(&board), GUARD_NOTHING);
    assert_true(!is_there("limit") && !is_there("setting"));
}

/* The rule of version 1's reader: an unknown first line makes it delete UUID.limit. */
static void old_program_reads(void)
{
    struct buffer text = {0};
    char path[256];
    path_of(path, gpu.uuid, "limit");
    if (file_read(path, 1024, &text, NULL) == 0 && strncmp(text.text, "wattune-limit 1\n", 16) != 0)
        unlink(path);
    buffer_clear(&text);
}

/* A program of version 1 runs, and is killed, while version 2 owes both knobs: it finds 150 W, and
 * sets 120 W.  In the end the true limit is back. */
static void test_older_program_in_between(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    char boot[40], text[512];
    tune_both(guard);
    guard_close(guard);
    old_program_reads();
    assert_true(is_there("setting") && board.limit_mw == 150000);
    assert_int_equal(journal_boot_id(boot, NULL), 0);
    snprintf(text, sizeof text,
             "wattune-limit 1\nboot %s\nuuid %s\nfound_mw 150000\nwritten_mw 120000 0\nholder x\n",
             boot, gpu.uuid);
    put_entry(text);
    board.limit_mw = 120000;
    assert_int_equal(recover(&board), GUARD_RESTORED);
    assert_true(board.limit_mw == 280000 && is_locked(&board, no_lock));
    assert_true(!is_there("limit") && !is_there("setting"));
}

/* A version still to come: its entry stays, and its device is left alone. */
static void test_newer_program(void **state)
{
    (void)state;
    static const char text[] = "wattune-setting 3\nanything\n";
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct wt_setting found;
    struct wt_error err;
    enum guard_outcome outcomes[WT_KNOBS];
    char path[256];
    path_of(path, gpu.uuid, "setting");
    assert_int_equal(file_write_atomic(path, text, sizeof text - 1, 0600, NULL), 0);
    assert_int_equal(guard_take(guard, &gpu, WT_KNOB_POWER_LIMIT, &found, &err), WT_E_VERSION);
    assert_non_null(strstr(err.text, "newer"));
    assert_int_equal(guard_recover(guard, &gpu, outcomes, NULL), WT_E_VERSION);
    assert_false(guard_may_pass(WT_E_VERSION));
    assert_true(is_there("setting") && board.sets == 0);
    guard_close(guard);
    unlink(path);
}

/* Entries of version 2 that are none of ours: nothing is set by them. */
static void test_bad_settings(void **state)
{
    (void)state;
    char boot[40], text[512], path[256];
    static const char *const lines[] = {
        "",                                                           /* owes nothing */
        "power_limit_mw found 0 from 0 written 200000 0\n",           /* a limit has a value */
        "power_limit_mw found 250000 from 0 written 200000\n",        /* a number short */
        "power_limit_mw found +250000 from 0 written 200000 0\n",     /* a sign */
        "power_limit_mw found 4295217296 from 0 written 200000 0\n",  /* wider than 32 bits */
        "power_limit_mw found 90000 from 0 written 200000 0\n",       /* out of range */
        "power_limit_mw found 250000 from 260000 written 200000 0\n", /* a range upside down */
        "memory_clock_mhz found 250000 from 0 written 200000 0\n",    /* no knob of ours */
        "sm_clock_max_mhz found 1200 from 1300 written 900 0\n",      /* a range upside down */
        "sm_clock_max_mhz found 2000 from 300 written 900 0\n",       /* out of range */
        "sm_clock_max_mhz found 0 from 0 written 900 0\n"             /* the order of knobs */
        "power_limit_mw found 250000 from 0 written 200000 0\n",
        "power_limit_mw found 250000 from 0 written 200000 0\n" /* twice */
        "power_limit_mw found 250000 from 0 written 200000 0\n",
    };
    assert_int_equal(journal_boot_id(boot, NULL), 0);
    path_of(path, gpu.uuid, "setting");
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct board board = board_at(200000);
        int n = snprintf(text, sizeof text, "wattune-setting 2\nboot %s\nuuid %s\n%sholder x\n",
                         boot, gpu.uuid, lines[i]);
        assert_int_equal(file_write_atomic(path, text, (size_t)n, 0600, NULL), 0);
        assert_int_equal(recover(&board), GUARD_NOTHING);
        assert_true(board.sets == 0 && !is_there("setting"));
    }
}

int main(int argc, char **argv)
{
    assert_int_equal(argc, 2);
    fixture = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_set_restore),
        cmocka_unit_test(test_killed_anywhere),
        cmocka_unit_test(test_recovery_killed),
        cmocka_unit_test(test_others_changed_it),
        cmocka_unit_test(test_take_after_death),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_rounded),
        cmocka_unit_test(test_others_between),
        cmocka_unit_test(test_failed_set_then_killed),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_bad_entries),
        cmocka_unit_test(test_holder_with_line_breaks),
        cmocka_unit_test(test_hostile_uuid),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_both_owed),
        cmocka_unit_test(test_both_killed_anywhere),
        cmocka_unit_test(test_foreign_limit_and_own_clock),
        cmocka_unit_test(test_one_knob_fails),
        cmocka_unit_test(test_set_for_good_keeps_other_debts),
        cmocka_unit_test(test_clock_range),
        cmocka_unit_test(test_clock_found),
        cmocka_unit_test(test_clock_of_others),
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_reading_removes_nothing),
        cmocka_unit_test(test_older_program_in_between),
        cmocka_unit_test(test_newer_program),
        cmocka_unit_test(test_bad_settings),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
