/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard over devices in memory.  A kill is simulated by making every device call after the n-th
 * end the story: the guard is dropped and a new one recovers in the same folder.  Whatever n was,
 * the limit found must come back, and a limit that somebody else set must stay.
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
    bool ignores;      /* confirms and does nothing */
    uint32_t grain_mw; /* rounds down to a multiple of it; 0: takes any value */
    int calls_left;    /* -1: any number; at 0 calls fail, with fail_code */
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

static const struct guard_device_ops ops = {get_limit, set_limit};
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
    assert_int_equal(guard_new(&ops, board, folder, holder, &guard, NULL), 0);
    return guard;
}

static enum guard_outcome recover(struct board *board)
{
    enum guard_outcome outcome;
    struct guard *guard = guard_of(board, "recovery");
    assert_int_equal(guard_recover(guard, &gpu, &outcome, NULL), 0);
    guard_close(guard);
    return outcome;
}

/* What a tuning run does to one device; stops at the first failure, as after a kill. */
static void tune(struct guard *guard)
{
    enum guard_outcome outcome;
    uint32_t found_mw;
    if (guard_take(guard, &gpu, &found_mw, NULL) || guard_set(guard, &gpu, 200000, NULL) ||
        guard_set(guard, &gpu, 150000, NULL) || guard_set(guard, &gpu, 175000, NULL) ||
        guard_restore(guard, &gpu, &outcome, NULL) || guard_set(guard, &gpu, 125000, NULL))
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
    assert_int_equal(guard_set(guard, &gpu, 200000, NULL), WT_E_INVALID); /* no lease */
    assert_int_equal(guard_take(guard, &gpu, &found_mw, NULL), 0);
    assert_int_equal(found_mw, 280000);
    assert_int_equal(guard_restore(guard, &gpu, &outcome, NULL), 0);
    assert_int_equal(outcome, GUARD_NOTHING);
    assert_int_equal(board.sets, 0);
    assert_int_equal(guard_set(guard, &gpu, 200000, NULL), 0);
    assert_int_equal(board.limit_mw, 200000);
    assert_int_equal(journal_read(folder, gpu.uuid, &entry, NULL), 0);
    assert_int_equal(entry.found_mw, 280000);
    assert_int_equal(entry.written_mw[0], 200000);
    assert_int_equal(guard_restore(guard, &gpu, &outcome, NULL), 0);
    assert_int_equal(outcome, GUARD_RESTORED);
    assert_int_equal(board.limit_mw, 280000);
    assert_int_equal(journal_read(folder, gpu.uuid, &entry, NULL), WT_E_NOT_FOUND);
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
            int rc = guard_recover(guard, &gpu, &outcome, NULL);
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
    assert_int_equal(guard_restore(guard, &gpu, &outcome, NULL), 0);
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

/* Whoever takes the lease of a dead holder finds the value before it. */
static void test_take_after_death(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    uint32_t found_mw;
    tune(guard);
    guard_close(guard);
    guard = guard_of(&board, "next");
    assert_int_equal(guard_take(guard, &gpu, &found_mw, NULL), 0);
    assert_int_equal(found_mw, 280000);
    assert_int_equal(board.limit_mw, 280000);
    assert_int_equal(guard_take(guard, &gpu, &found_mw, NULL), WT_E_BUSY);
    guard_close(guard);
}

static void test_range(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct wt_error err;
    uint32_t found_mw;
    assert_int_equal(guard_take(guard, &gpu, &found_mw, NULL), 0);
    assert_int_equal(guard_set(guard, &gpu, 99999, &err), WT_E_RANGE);
    assert_non_null(strstr(err.text, "99.999 W"));
    assert_non_null(strstr(err.text, "100 to 300 W"));
    assert_int_equal(guard_set(guard, &gpu, 300001, NULL), WT_E_RANGE);
    assert_int_equal(guard_set(guard, &gpu, 0, NULL), WT_E_RANGE);
    assert_int_equal(board.sets, 0);
    assert_int_equal(guard_set(guard, &gpu, 100000, NULL), 0);
    assert_int_equal(guard_set(guard, &gpu, 300000, NULL), 0);
    struct wt_device silent = gpu;
    silent.limit_max_mw = silent.limit_min_mw = 0;
    assert_int_equal(guard_check(&silent, 200000, NULL), WT_E_NOT_SUPPORTED);
    guard_close(guard);
    recover(&board);
}

static void test_ignored(void **state)
{
    (void)state;
    struct board board = board_at(280000);
    struct guard *guard = guard_of(&board, "run");
    struct wt_error err;
    uint32_t found_mw;
    enum guard_outcome outcome;
    assert_int_equal(guard_take(guard, &gpu, &found_mw, NULL), 0);
    board.ignores = true;
    assert_int_equal(guard_set(guard, &gpu, 200000, &err), WT_E_IGNORED);
    assert_non_null(strstr(err.text, "280 W"));
    board.ignores = false;
    assert_int_equal(guard_set(guard, &gpu, 200000, NULL), 0);
    board.ignores = true;
    assert_int_equal(guard_restore(guard, &gpu, &outcome, NULL), WT_E_IGNORED);
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
        uint32_t found_mw;
        enum guard_outcome outcome;
        assert_int_equal(guard_take(guard, &gpu, &found_mw, NULL), 0);
        assert_int_equal(guard_set(guard, &gpu, 200000, NULL), 0);
        board.grain_mw = 20000;
        assert_int_equal(guard_set(guard, &gpu, 150000, NULL), WT_E_IGNORED);
        assert_int_equal(board.limit_mw, 140000);
        board.grain_mw = 0;
        if (!killed)
            assert_int_equal(guard_restore(guard, &gpu, &outcome, NULL), 0);
        guard_close(guard);
        if (killed)
            outcome = recover(&board);
        assert_int_equal(outcome, GUARD_RESTORED);
        assert_int_equal(board.limit_mw, 280000);
    }
}

/* What somebody sets between the lease and a write of ours, the first or a later one, is neither
 * overwritten nor forgotten. */
static void test_others_between(void **state)
{
    (void)state;
    for (unsigned sets = 0; sets < 3; sets++) {
        struct board board = board_at(280000);
        struct guard *guard = guard_of(&board, "run");
        struct wt_error err;
        uint32_t found_mw;
        enum guard_outcome outcome;
        assert_int_equal(guard_take(guard, &gpu, &found_mw, NULL), 0);
        for (unsigned i = 0; i < sets; i++)
            assert_int_equal(guard_set(guard, &gpu, 200000 - 25000 * i, NULL), 0);
        board.limit_mw = 260000;
        assert_int_equal(guard_set(guard, &gpu, 125000, &err), WT_E_BUSY);
        assert_non_null(strstr(err.text, "260 W"));
        assert_int_equal(board.limit_mw, 260000);
        assert_int_equal(guard_restore(guard, &gpu, &outcome, NULL), 0);
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
    uint32_t found_mw;
    assert_int_equal(guard_take(guard, &gpu, &found_mw, NULL), 0);
    assert_int_equal(guard_set(guard, &gpu, 200000, NULL), 0);
    board.calls_left = 1; /* reads, and fails to set */
    assert_int_equal(guard_set(guard, &gpu, 175000, NULL), WT_E_DRIVER);
    board.calls_left = 1;
    assert_int_equal(guard_set(guard, &gpu, 150000, NULL), WT_E_DRIVER);
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
    uint32_t found_mw;
    enum guard_outcome outcome;
    assert_int_equal(guard_take(first, &gpu, &found_mw, NULL), 0);
    assert_int_equal(guard_take(second, &gpu, &found_mw, &err),
                     WT_E_BUSY); /* before anything was written */
    assert_non_null(strstr(err.text, "wattune run (pid 42)"));
    assert_int_equal(guard_set(first, &gpu, 200000, NULL), 0);
    assert_int_equal(guard_take(second, &gpu, &found_mw, &err), WT_E_BUSY);
    assert_non_null(strstr(err.text, "wattune run (pid 42)"));
    assert_int_equal(guard_set_for_good(second, &gpu, 150000, &err), WT_E_BUSY);
    assert_non_null(strstr(err.text, "wattune run (pid 42)"));
    assert_int_equal(guard_recover(second, &gpu, &outcome, NULL), 0);
    assert_int_equal(outcome, GUARD_HELD);
    assert_int_equal(board.limit_mw, 200000);
    guard_close(first);
    assert_int_equal(guard_set_for_good(second, &gpu, 150000, NULL), 0);
    guard_close(second);
    assert_int_equal(recover(&board), GUARD_NOTHING); /* what was set by hand stays */
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
        guard_recover(guard, &gpu, &outcome, NULL);
        guard_close(guard);
        assert_int_equal(board.sets, 0);
        journal_remove(folder, gpu.uuid, NULL);
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
        uint32_t found_mw;
        assert_int_equal(guard_take(guard, &hostile, &found_mw, NULL), WT_E_INVALID);
        assert_int_equal(guard_set_for_good(guard, &hostile, 200000, NULL), WT_E_INVALID);
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
        uint32_t found_mw;
        struct wt_error err;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){20, 20});
        if (guard_new(&ops, &board, folder, "run", &guard, NULL) ||
            guard_take(guard, &gpu, &found_mw, NULL))
            _exit(2);
        if (guard_set(guard, &gpu, 200000, &err) != WT_E_IO || board.sets ||
            board.limit_mw != 280000)
            _exit(3);
        _exit(strstr(err.text, "GPU 3") ? 0 : 4);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    struct board board = board_at(200000);
    assert_int_equal(recover(&board), GUARD_NOTHING);
}

int main(void)
{
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
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
