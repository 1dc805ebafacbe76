/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger's file: where it lies, and a clear sentence for everything that can be wrong with it.
 */
#include "job_trials.h"
#include "ledger_help.h"
#include "schema_1.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct wt_error err;

/* Opening must fail with `code`, and the sentence must hold `words`. */
static void refused(const char *file, unsigned flags, int code, const char *words)
{
    struct ledger *ledger = NULL;
    err.text[0] = '\0';
    int rc = ledger_open(file, flags | LEDGER_SHORT_WAIT, &ledger, &err);
    if (rc != code || !strstr(err.text, words))
        fail_msg("%s: %d, '%s' without '%s'", file, rc, err.text, words);
    assert_null(ledger);
    assert_int_equal(err.code, code);
}

static void write_file(const char *name, const char *text, size_t length)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
}

static void sql(const char *name, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void not_a_ledger(void **state)
{
    (void)state;
    static const char words[] =
        "This is a letter to somebody, and no database at all; it goes on for a while.....";
    write_file(path, words, sizeof words);
    refused(path, 0, WT_E_LEDGER, "not a ledger");
    refused(path, LEDGER_READ_ONLY, WT_E_LEDGER, path);
    char back[sizeof words];
    FILE *file = fopen(path, "r");
    assert_int_equal(fread(back, 1, sizeof back, file), sizeof back);
    fclose(file);
    assert_memory_equal(back, words, sizeof words);

    char other[160];
    snprintf(other, sizeof other, "%s/other.db", folder);
    sql(other, "CREATE TABLE mail (text)");
    refused(other, 0, WT_E_LEDGER, "another program");
    sql(other, "INSERT INTO mail VALUES ('still there')");

    refused(folder, 0, WT_E_LEDGER, "is a folder");
    refused("/dev/null", 0, WT_E_LEDGER, "not a regular file");
    refused("", 0, WT_E_LEDGER, "empty");
    refused("postgresql://me:secret@db/ledger", 0, WT_E_LEDGER, "PostgreSQL");
    assert_null(strstr(err.text, "secret"));
    snprintf(other, sizeof other, "%s/none/ledger.db", folder);
    refused(other, 0, WT_E_LEDGER, "does not exist");
    snprintf(other, sizeof other, "%s/ledger.db/below", folder);
    refused(other, 0, WT_E_LEDGER, "Not a directory");
    snprintf(other, sizeof other, "%s/new.db", folder);
    refused(other, LEDGER_READ_ONLY, WT_E_NOT_FOUND, "no ledger");
    assert_int_not_equal(access(other, F_OK), 0);
}

static void empty_file_becomes_one(void **state)
{
    (void)state;
    write_file(path, "", 0);
    refused(path, LEDGER_READ_ONLY, WT_E_NOT_FOUND, "is empty");
    ledger_close(open_ledger(0));
    char raw[72];
    FILE *file = fopen(path, "r");
    assert_int_equal(fread(raw, 1, sizeof raw, file), sizeof raw);
    fclose(file);
    assert_memory_equal(raw + 68, "WATT", 4); /* application id, for file(1) */
    assert_int_equal(raw[63], 5);             /* user_version */
}

static void newer_is_left_alone(void **state)
{
    (void)state;
    ledger_close(open_ledger(0));
    sql(path, "PRAGMA user_version = 7; CREATE TABLE later (x)");
    refused(path, 0, WT_E_VERSION, "schema 7, this one knows 5");
    refused(path, LEDGER_READ_ONLY, WT_E_VERSION, "newer wattune");
}

/* A ledger of schema 1 with a trial in it, as the first wattune made it. */
static void make_schema_1(void)
{
    sql(path, schema_1);
    sql(path, "PRAGMA application_id = 0x57415454; PRAGMA user_version = 1;"
              "INSERT INTO jobs VALUES (1, 'old', 5);"
              "INSERT INTO trials (trial_id, job_id, recurrence, try_number, phase, batch_size, "
              "started_ms, ended, time_s,"
              " energy_j, exit_code, steps, epochs) VALUES (7, 1, 1, 1, 'training', 32, 6, 1, 2.5, "
              "100, 3, 40, 4);"
              "INSERT INTO trial_gpus VALUES (7, 0, 0, 'GPU-0', 'Tesla V100'), (7, 1, 1, 'GPU-1', "
              "'Tesla V100')");
}

static void older_is_brought_up_to_date(void **state)
{
    (void)state;
    make_schema_1();
    struct ledger *ledger = open_ledger(0);
    struct wt_trial *trials = NULL;
    struct learn_state *states = NULL;
    size_t count = 0;
    double steps = 0;
    assert_int_equal(ledger_job_trials(ledger, "old", &trials, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(trials[0].identity.id, 7);
    assert_int_equal(trials[0].outcome.exit_code, 3);
    assert_true(trials[0].part.energy_j == 100 && trials[0].outcome.ended);
    assert_true(trials[0].identity.state_id == 0 &&
                !trials[0].outcome.not_started); /* schema 1 did not have these */
    assert_true(isnan(trials[0].carbon.pue) && isnan(trials[0].part.busy_s) &&
                !trials[0].identity.node[0]);
    free(trials);
    assert_int_equal(ledger_states(ledger, "old", &states, &count, &err), 0);
    assert_int_equal(count, 0);
    free(states);
    assert_int_equal(ledger_steps_per_epoch(ledger, "old", 32, &steps, &err), 0);
    assert_true(steps == 10);
    struct wt_trial next = full_trial("old");
    assert_int_equal(
        ledger_trial_begin(ledger, &next, &next.identity.id, &next.identity.recurrence, &err), 0);
    assert_int_equal(next.identity.recurrence, 2);
    assert_true(next.identity.id > 7);
    ledger_close(ledger);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 5);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT gpu_model, gpu_count FROM trials JOIN places USING "
                                        "(place_id) WHERE trial_id = 7",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "Tesla V100");
    assert_int_equal(sqlite3_column_int(statement, 1), 2);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void locked(void **state)
{
    (void)state;
    ledger_close(open_ledger(0));
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct ledger *ledger =
        open_ledger(LEDGER_SHORT_WAIT); /* somebody writes: opening and reading go on */
    struct wt_job_row *rows = NULL;
    size_t count = 5;
    assert_int_equal(ledger_jobs(ledger, &rows, &count, &err), 0);
    assert_int_equal(count, 0);
    free(rows);
    const struct wt_trial trial = full_trial("x");
    assert_int_equal(ledger_trial_begin(ledger, &trial, NULL, NULL, &err), WT_E_LEDGER);
    assert_non_null(strstr(err.text, "locked by another process for more than 0.1 s"));
    assert_non_null(strstr(err.text, path));
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(ledger_trial_begin(ledger, &trial, NULL, NULL, &err), 0);
    ledger_close(ledger);

    assert_int_equal(
        sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE y (z)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    /* The whole file held: a rollback-journal database in an exclusive transaction. */
    char other[160];
    snprintf(other, sizeof other, "%s/held.db", folder);
    assert_int_equal(sqlite3_open(other, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    refused(other, 0, WT_E_LEDGER, "locked");
    sqlite3_close(db);
}

static void damaged(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    for (int i = 0; i < 200; i++) {
        struct wt_trial t = full_trial("x");
        t.identity.recurrence = t.identity.try_number = 0;
        assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, NULL, &err), 0);
        assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    }
    ledger_close(ledger);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 20 * 4096);
    int fd = open(path, O_WRONLY);
    char rubbish[4096];
    memset(rubbish, 0xa5, sizeof rubbish);
    for (off_t at = 4096; at < st.st_size; at += 4096) /* all but the first page */
        assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, at), sizeof rubbish);
    close(fd);
    struct wt_trial *trials = NULL;
    size_t count = 3;
    ledger = NULL; /* where the schema is longer than a page it is seen as the file is opened */
    int rc = ledger_open(path, 0, &ledger, &err);
    assert_int_equal(rc ? rc : ledger_job_trials(ledger, "x", &trials, &count, &err), WT_E_LEDGER);
    assert_non_null(strstr(err.text, "damaged"));
    assert_non_null(strstr(err.text, path));
    assert_null(trials);
    assert_int_equal(count, 3);
    ledger_close(ledger);
}

/* Runs `inside` in a child as the user nobody (when root); it returns 0 when all is as it should
 * be. */
static void as_nobody(int (*inside)(void))
{
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(90);
        _exit(inside());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int sees_a_read_only_file(void)
{
    struct ledger *ledger = NULL;
    if (ledger_open(path, 0, &ledger, &err) != WT_E_LEDGER ||
        !strstr(err.text, "cannot be written"))
        return 1;
    int rc = ledger_open(path, LEDGER_READ_ONLY | LEDGER_SHORT_WAIT, &ledger, &err);
    if (rc)
        return fprintf(stderr, "%s\n", err.text), 2;
    struct wt_job_row *rows = NULL;
    size_t count = 0;
    if (ledger_jobs(ledger, &rows, &count, &err) || count != 1)
        return fprintf(stderr, "%s\n", err.text), 3;
    free(rows);
    const struct wt_trial trial = full_trial("y");
    if (ledger_trial_begin(ledger, &trial, NULL, NULL, &err) != WT_E_LEDGER ||
        !strstr(err.text, "cannot be written"))
        return fprintf(stderr, "%s\n", err.text), 4;
    ledger_close(ledger);
    return 0;
}

static int cannot_look_inside(void)
{
    struct ledger *ledger = NULL;
    int rc = ledger_open(path, 0, &ledger, &err);
    return rc == WT_E_LEDGER && strstr(err.text, "Permission denied") && strstr(err.text, path) ? 0
                                                                                                : 1;
}

static void permissions(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    const struct wt_trial trial = full_trial("x");
    assert_int_equal(ledger_trial_begin(ledger, &trial, NULL, NULL, &err), 0);
    ledger_close(ledger);
    chmod(path, 0444);
    chmod(folder, 0555);
    as_nobody(sees_a_read_only_file);
    chmod(path, 0000);
    as_nobody(cannot_look_inside);
    chmod(folder, 0000);
    as_nobody(cannot_look_inside);
    chmod(folder, 0555);
    assert_int_equal(unlink(path) || geteuid() != 0, geteuid() != 0);
    if (geteuid() == 0)
        as_nobody(cannot_look_inside); /* a folder in which none can be made */
    chmod(folder, 0700);
}

/* A disk that is full: files may not grow beyond a size that is reached in the middle of booking.
 */
static int disk_fills_up(void)
{
    signal(SIGXFSZ, SIG_IGN);
    struct ledger *ledger = NULL;
    if (ledger_open(path, 0, &ledger, &err))
        return 1;
    struct rlimit most = {400000, 400000};
    setrlimit(RLIMIT_FSIZE, &most);
    unsigned booked = 0;
    int rc = 0;
    while (booked < 5000) {
        struct wt_trial t = full_trial("full");
        if ((rc = ledger_trial_begin(ledger, &t, &t.identity.id, NULL, &err)) != 0)
            break;
        booked++;
        if ((rc = ledger_trial_end(ledger, &t, NULL, &err)) != 0)
            break;
    }
    if (rc != WT_E_LEDGER || !strstr(err.text, path) || booked < 5)
        return fprintf(stderr, "%d %u %s\n", rc, booked, err.text), 2;
    struct wt_trial *trials = NULL;
    size_t count = 0;
    if (ledger_job_trials(ledger, "full", &trials, &count, &err) || count != booked)
        return fprintf(stderr, "%zu of %u: %s\n", count, booked, err.text), 3;
    for (size_t i = 0; i < count; i++) /* each whole or begun only */
        if (trials[i].profile.count != (trials[i].outcome.ended ? 2u : 0u) ||
            (!trials[i].outcome.ended && i + 1 < count))
            return 4;
    free(trials);
    ledger_close(ledger);
    return 0;
}

static void full_disk(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(disk_fills_up());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct ledger *ledger = open_ledger(0); /* and with room again it goes on */
    const struct wt_trial trial = full_trial("full");
    assert_int_equal(ledger_trial_begin(ledger, &trial, NULL, NULL, &err), 0);
    ledger_close(ledger);
}

static void default_path(void **state)
{
    (void)state;
    char place[256], expected[160];
    unsetenv("SUDO_UID");
    setenv("HOME", "/home/ann", 1);
    setenv("XDG_DATA_HOME", "/data", 1);
    assert_int_equal(ledger_default_path(place, sizeof place, &err), 0);
    assert_string_equal(place, "/data/wattune/ledger.db");
    setenv("XDG_DATA_HOME", "not/absolute", 1);
    assert_int_equal(ledger_default_path(place, sizeof place, &err), 0);
    assert_string_equal(place, "/home/ann/.local/share/wattune/ledger.db");
    snprintf(place, sizeof place, "untouched");
    assert_int_equal(ledger_default_path(place, 10, &err), WT_E_RANGE);
    assert_string_equal(place, "untouched");
    if (geteuid() == 0) {
        setenv("XDG_DATA_HOME", "/data", 1);
        setenv("SUDO_UID", "1000", 1);
        assert_int_equal(ledger_default_path(place, sizeof place, &err), 0);
        assert_string_equal(place, "/root/.local/share/wattune/ledger.db");
        setenv("SUDO_UID", "0", 1);
        assert_int_equal(ledger_default_path(place, sizeof place, &err), 0);
        assert_string_equal(place, "/data/wattune/ledger.db");
        unsetenv("SUDO_UID");
    }
    snprintf(expected, sizeof expected, "%s/a/b/ledger.db", folder);
    struct ledger *ledger = NULL;
    assert_int_equal(ledger_open(expected, LEDGER_MAKE_PARENT, &ledger, &err), 0);
    ledger_close(ledger);
    struct stat st;
    snprintf(expected, sizeof expected, "%s/a/b", folder);
    assert_int_equal(stat(expected, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_null(ledger_close(NULL));
}

/* Names that SQLite would take for something else are files here. */
static void odd_names(void **state)
{
    (void)state;
    char before[256];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    static const char *const names[] = {":memory:", "file:x?mode=memory", "a%20b'\"\n.db"};
    for (int i = 0; i < 3; i++) {
        struct ledger *ledger = NULL;
        assert_int_equal(ledger_open(names[i], 0, &ledger, &err), 0);
        ledger_close(ledger);
        assert_int_equal(access(names[i], F_OK), 0);
    }
    assert_int_equal(chdir(before), 0);
}

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(not_a_ledger),
        WITH_FOLDER(empty_file_becomes_one),
        WITH_FOLDER(newer_is_left_alone),
        WITH_FOLDER(older_is_brought_up_to_date),
        WITH_FOLDER(locked),
        WITH_FOLDER(damaged),
        WITH_FOLDER(permissions),
        WITH_FOLDER(full_disk),
        WITH_FOLDER(default_path),
        WITH_FOLDER(odd_names),
    };
    return cmocka_run_group_tests_name("ledger_file", tests, NULL, NULL);
}
