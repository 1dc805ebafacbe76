/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger among many: processes that make and write one new ledger at once, and processes killed
 * while they write.  The seed is fixed; the moments differ from run to run, the outcome
 * must not.
 */
#include "job_trials.h"
#include "ledger_help.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

enum { PROCESSES = 6, TRIALS = 4, ROUNDS = 8, KILLS = 30 };

static struct wt_error err;

static int book(struct ledger *ledger, const char *job, int64_t *id, unsigned *recurrence)
{
    struct wt_trial t = full_trial(job);
    const struct ledger_device_energy device = {WT_DEVICE_GPU,     0, "u", "n", 1.5, 1,
                                                WT_SOURCE_COUNTER, 1, 2};
    int rc = ledger_trial_begin(ledger, &t, &t.identity.id, recurrence, &err);
    if (rc == 0)
        rc = ledger_trial_end(ledger, &t,
                              &(struct ledger_used){.devices = &device, .device_count = 1}, &err);
    *id = t.identity.id;
    return rc;
}

static int writer(void)
{
    struct ledger *ledger = NULL;
    if (ledger_open(path, 0, &ledger, &err))
        return fprintf(stderr, "%s\n", err.text), 1;
    for (int i = 0; i < TRIALS; i++) {
        int64_t id;
        unsigned recurrence = 0;
        if (book(ledger, "shared", &id, &recurrence) || !recurrence)
            return fprintf(stderr, "%s\n", err.text), 2;
    }
    ledger_close(ledger);
    return 0;
}

static void all_at_once(void)
{
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char start;
            close(gate[1]);
            if (read(gate[0], &start, 1) != 0) /* all wait for the gate to open */
                _exit(3);
            _exit(writer());
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    struct ledger *ledger = open_ledger(0);
    struct wt_trial *trials = NULL;
    size_t count = 0;
    assert_int_equal(ledger_job_trials(ledger, "shared", &trials, &count, &err), 0);
    assert_int_equal(count, PROCESSES * TRIALS);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(trials[i].identity.recurrence,
                         i + 1); /* each number once, none left out */
        assert_true(trials[i].outcome.ended && trials[i].part.gpu_count == 2 &&
                    trials[i].profile.count == 2);
    }
    free(trials);
    ledger_close(ledger);
}

/* The moments in which a new ledger is made are short: several new ones, to meet them. */
static void many_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        snprintf(path, sizeof path, "%s/ledger-%d.db", folder, round);
        all_at_once();
    }
}

/* Books until it is killed, and acknowledges each booked trial on the pipe. */
static void write_until_killed(int acknowledge)
{
    struct ledger *ledger = NULL;
    if (ledger_open(path, 0, &ledger, &err))
        _exit(1);
    for (;;) {
        int64_t id = 0;
        if (book(ledger, "killed", &id, NULL) || write(acknowledge, &id, sizeof id) != sizeof id)
            _exit(2);
    }
}

static void whole(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void killed_while_writing(void **state)
{
    (void)state;
    srandom(20250301);
    size_t acknowledged = 0, last = 0;
    int64_t ids[65536];
    for (int round = 0; round < KILLS; round++) {
        int answers[2];
        assert_int_equal(pipe(answers), 0);
        pid_t child = fork();
        if (child == 0) {
            close(answers[0]);
            write_until_killed(answers[1]);
        }
        close(answers[1]);
        usleep(
            (useconds_t)(random() % 60000)); /* the first ones fall into the making of the ledger */
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        int64_t id;
        while (read(answers[0], &id, sizeof id) == sizeof id && acknowledged < 65536)
            ids[acknowledged++] = id;
        close(answers[0]);

        struct ledger *ledger = open_ledger(0);
        struct wt_trial *trials = NULL;
        size_t count = 0;
        int rc = ledger_job_trials(ledger, "killed", &trials, &count, &err);
        assert_true(rc == 0 || (rc == WT_E_NOT_FOUND && acknowledged == 0));
        size_t found = 0;
        for (size_t i = 0; i < count && rc == 0; i++) {
            assert_true(trials[i].outcome.ended ? trials[i].profile.count == 2
                                                : trials[i].profile.count == 0);
            if (found < acknowledged && trials[i].identity.id == ids[found]) {
                assert_true(trials[i].outcome.ended);
                found++;
            }
        }
        assert_int_equal(found, acknowledged);
        assert_true(count >= last);
        last = count;
        free(trials);
        ledger_close(ledger);
        whole();
    }
    assert_true(acknowledged > KILLS); /* it was writing when it was killed */
    print_message("%zu trials acknowledged, %zu begun\n", acknowledged, last);
}

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {WITH_FOLDER(many_at_once),
                                       WITH_FOLDER(killed_while_writing)};
    return cmocka_run_group_tests_name("ledger_crash", tests, NULL, NULL);
}
