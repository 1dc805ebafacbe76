/* SPDX-License-Identifier: Apache-2.0
 *
 * account/study: one job read try by try, in outlines and in sums.  Each reading is held against
 * the whole trials, and against the memory that these would take.
 */
#include "job_trials.h"
#include "ledger_help.h"

#include <malloc.h>
#include <sqlite3.h>

#include "account/ledger/sql.h"
#include "account/study/explain.h"
#include "account/study/listing.h"
#include "account/study/learned.h"

static struct wt_error err;

/* Books a trial that ended; recurrence 0: the next one. */
static void book(struct ledger *ledger, const struct wt_trial *like, unsigned recurrence)
{
    struct wt_trial t = *like;
    t.identity.recurrence = recurrence;
    t.identity.try_number = 0;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
}

static int one_byte(void *ctx, unsigned char *bytes, size_t *length, struct wt_error *ignored)
{
    (void)ctx, (void)ignored;
    bytes[0] = 1;
    *length = 1;
    return 0;
}

static int64_t put_state(struct ledger *ledger, const char *job)
{
    const struct wt_identity identity = {.metric = "accuracy", .target = 0.9};
    struct wt_profile_key key = {.gpu_count = 2};
    int64_t id = 0;
    snprintf(key.job, sizeof key.job, "%s", job);
    snprintf(key.gpu_model, sizeof key.gpu_model, "Tesla V100");
    assert_int_equal(ledger_state_change(ledger, &key, &identity, one_byte, NULL, &id, &err), 0);
    return id;
}

/* --- The last recurrences --- */

struct seen {
    unsigned count, first, last;
    size_t most_bytes; /* on the heap */
    struct wt_trial trial;
};

static int see(void *ctx, const struct wt_trial *trial, struct wt_error *ignored)
{
    (void)ignored;
    struct seen *seen = ctx;
    size_t bytes = mallinfo2().uordblks;
    seen->first = seen->count++ ? seen->first : trial->identity.recurrence;
    seen->last = trial->identity.recurrence;
    seen->most_bytes = bytes > seen->most_bytes ? bytes : seen->most_bytes;
    seen->trial = *trial;
    return 0;
}

static void the_last_recurrences(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("job");
    static struct seen seen;
    for (unsigned r = 1; r <= 60; r++) /* of recurrences with gaps: 2, 4, ... 120 */
        for (unsigned k = 0; k < 1 + r % 2; k++)
            book(ledger, &t, 2 * r);
    struct ledger_trials which = {.last = 50};
    seen = (struct seen){0};
    assert_int_equal(ledger_each_trial(ledger, "job", &which, see, &seen, &err), 0);
    assert_true(seen.count == 75 && seen.first == 22 && seen.last == 120);
    which.last = 60;
    seen = (struct seen){0};
    assert_int_equal(ledger_each_trial(ledger, "job", &which, see, &seen, &err), 0);
    assert_true(seen.count == 90 && seen.first == 2);
    which.last = 1000;
    seen = (struct seen){0};
    assert_int_equal(ledger_each_trial(ledger, "job", &which, see, &seen, &err), 0);
    assert_int_equal(seen.count, 90);
    size_t count = 0;
    assert_int_equal(ledger_recurrence_count(ledger, "job", &count, &err), 0);
    assert_int_equal(count, 60);
    assert_int_equal(ledger_each_trial(ledger, "job7", &which, see, &seen, &err), WT_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no job job7 in the ledger; similar: job"));
    ledger_close(ledger);
}

static void parts_that_are_asked_for(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("job");
    static struct seen seen;
    book(ledger, &t, 0);
    struct ledger_trials which = {.parts = LEDGER_TRIAL_PROFILE};
    assert_int_equal(ledger_each_trial(ledger, "job", &which, see, &seen, &err), 0);
    assert_true(seen.trial.profile.count == 2 && seen.trial.part.gpu_count == 0);
    which.parts = LEDGER_TRIAL_PART;
    assert_int_equal(ledger_each_trial(ledger, "job", &which, see, &seen, &err), 0);
    assert_true(seen.trial.profile.count == 0 && seen.trial.part.gpu_count == 2);
    which.parts = LEDGER_TRIAL_ALL;
    assert_int_equal(ledger_each_trial(ledger, "job", &which, see, &seen, &err), 0);
    assert_true(seen.trial.profile.count == 2 && seen.trial.part.gpu_count == 2 &&
                seen.trial.carbon.pue == 1.1);
    ledger_close(ledger);
}

/* Reads the plan of a statement. */
static void plan_of(sqlite3 *db, enum ledger_sql which, char plan[1024])
{
    char sql[4096];
    sqlite3_stmt *statement = NULL;
    plan[0] = '\0';
    snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", ledger_sql[which]);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        size_t length = strlen(plan);
        snprintf(plan + length, 1024 - length, "%s\n",
                 (const char *)sqlite3_column_text(statement, 3));
    }
    sqlite3_finalize(statement);
}

/* The last recurrences come from the end of an index: neither all trials nor a sort. */
static void indexes_are_used(void **state)
{
    (void)state;
    ledger_close(open_ledger(0));
    static const enum ledger_sql statements[] = {
        SQL_TRIALS,      SQL_TRIAL,       SQL_TRIAL_LAST,       SQL_TRIAL_LAST_PROFILED,
        SQL_OUTLINES,    SQL_RECURRENCES, SQL_RECURRENCE_COUNT, SQL_TRIALS_BACK,
        SQL_EPOCHS_TAKEN};
    sqlite3 *db = NULL;
    char plan[1024];
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (unsigned i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        plan_of(db, statements[i], plan);
        if (strstr(plan, "SCAN trials") || strstr(plan, "SCAN t\n") || strstr(plan, "TEMP B-TREE"))
            fail_msg("%s\n%s", ledger_sql[statements[i]], plan);
    }
    plan_of(db, SQL_TRIALS, plan);
    assert_non_null(strstr(plan, "job_id=? AND recurrence>?"));
    assert_non_null(strstr(plan, "SEARCH u USING COVERING INDEX"));
    sqlite3_close(db);
}

/* --- A listing --- */

static void many_trials_take_little_memory(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("job");
    static struct seen seen;
    assert_int_equal(ledger_bulk_begin(ledger, &err), 0);
    for (unsigned i = 0; i < MANY; i++)
        book(ledger, &t, 0);
    assert_int_equal(ledger_bulk_end(ledger, true, &err), 0);
    struct job_listing *listing = NULL;
    size_t before = mallinfo2().uordblks;
    assert_int_equal(job_listing_open(ledger, "job", &listing, &err), 0);
    assert_int_equal(job_listing_sum(listing, &err), 0);
    const struct ledger_trials all = {.parts = LEDGER_TRIAL_ALL};
    seen = (struct seen){0};
    assert_int_equal(job_listing_each(listing, &all, see, &seen, &err), 0);
    assert_true(seen.count == MANY && listing->recurrence_count == MANY);
    assert_int_equal(listing->recurrences[MANY - 1].recurrence, MANY);
    /* The database's own pages (2 MB), sums, and three trials; all of them would be 35 MB. */
    assert_true(seen.most_bytes < before + 4 * 1024 * 1024);
    assert_null(job_listing_close(listing));
    ledger_close(ledger);
}

/* Whatever others book while a job is listed is not in the listing. */
static void a_listing_is_one_state(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0), *other = open_ledger(0);
    struct wt_trial t = full_trial("job");
    static struct seen seen;
    book(ledger, &t, 0);
    struct job_listing *listing = NULL;
    assert_int_equal(job_listing_open(ledger, "job", &listing, &err), 0);
    book(other, &t, 0);
    assert_int_equal(job_listing_sum(listing, &err), 0);
    assert_int_equal(listing->recurrence_count, 1);
    const struct ledger_trials all = {.parts = LEDGER_TRIAL_ALL};
    seen = (struct seen){0};
    assert_int_equal(job_listing_each(listing, &all, see, &seen, &err), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(ledger_trial_begin(ledger, &t, NULL, NULL, &err), WT_E_INVALID);
    job_listing_close(listing);
    book(ledger, &t, 0); /* the view has ended */
    assert_int_equal(job_listing_open(ledger, "job", &listing, &err), 0);
    assert_int_equal(listing->recurrence_count, 3);
    job_listing_close(listing);
    assert_null(job_listing_close(NULL));
    ledger_view_end(NULL);
    ledger_close(other);
    ledger_close(ledger);
}

static void the_last_and_the_last_profiled(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("job");
    struct job_listing *listing = NULL;
    book(ledger, &t, 1);
    t.profile.count = 0;
    for (unsigned r = 2; r < 70; r++)
        book(ledger, &t, r);
    assert_int_equal(job_listing_open(ledger, "job", &listing, &err), 0);
    assert_int_equal(listing->last->identity.recurrence, 69);
    assert_string_equal(listing->last->identity.job, "job");
    assert_int_equal(listing->profiled->identity.recurrence, 1);
    assert_int_equal(listing->profiled->profile.count, 2);
    job_listing_close(listing);
    assert_int_equal(job_listing_open(ledger, "jog", &listing, &err), WT_E_NOT_FOUND);
    ledger_close(ledger);
}

/* A job with a state and no trial: nothing is unknown but all is empty. */
static void a_job_without_a_trial(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct job_listing *listing = NULL;
    static struct seen seen;
    put_state(ledger, "job");
    assert_int_equal(job_listing_open(ledger, "job", &listing, &err), 0);
    assert_int_equal(job_listing_sum(listing, &err), 0);
    assert_null(listing->last);
    assert_null(listing->profiled);
    assert_true(listing->recurrence_count == 0 && listing->gpu_count == 0);
    const struct ledger_trials all = {.parts = LEDGER_TRIAL_ALL};
    seen = (struct seen){0};
    assert_int_equal(job_listing_each(listing, &all, see, &seen, &err), 0);
    assert_int_equal(seen.count, 0);
    job_listing_close(listing);
    ledger_close(ledger);
}

/* --- Sums --- */

static void sums_of_recurrences(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("job");
    struct job_listing *listing = NULL;
    t.outcome.reached = 0;
    book(ledger, &t, 1);
    t.outcome.reached = 1;
    book(ledger, &t, 1);
    t.outcome.reached = 0;
    t.part.energy_j = NAN;
    book(ledger, &t, 2);
    book(ledger, &t, 3);
    t.identity.recurrence = 3; /* and a try that has not ended */
    t.identity.try_number = 0;
    assert_int_equal(ledger_trial_begin(ledger, &t, NULL, NULL, &err), 0);
    t.outcome.reached = -1;
    book(ledger, &t, 4);
    assert_int_equal(job_listing_open(ledger, "job", &listing, &err), 0);
    assert_int_equal(job_listing_sum(listing, &err), 0);
    assert_int_equal(listing->recurrence_count, 4);
    const struct wt_recurrence *r = listing->recurrences;
    assert_true(r[0].tries == 2 && r[0].reached == 1 && r[0].energy_j == 2 * 2187.5 &&
                r[0].time_s == 25 && r[0].cost_j == 2 * 2200.75);
    assert_true(r[1].reached == 0 && isnan(r[1].energy_j) && r[1].time_s == 12.5);
    assert_true(r[2].tries == 2 && r[2].reached == -1 && isnan(r[2].time_s));
    assert_int_equal(r[3].reached, -1);
    assert_int_equal(listing->gpu_count, 2); /* by index */
    assert_true(listing->gpus[0].index == 1 && listing->gpus[1].index == 3);
    assert_string_equal(listing->gpus[1].name, "Tesla V100");
    job_listing_close(listing);
    ledger_close(ledger);
}

static void epochs_of_whole_runs(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("job");
    struct ledger_epochs epochs = {0};
    int64_t id = put_state(ledger, "job");
    t.identity.state_id = id;
    t.outcome.epochs = 9;
    book(ledger, &t, 0);
    t.outcome.epochs = 4;
    book(ledger, &t, 0);
    t.outcome.epochs = 1;
    t.outcome.reached = 0; /* missed */
    book(ledger, &t, 0);
    t.outcome.reached = 1;
    t.identity.state_id = 0; /* under another state */
    book(ledger, &t, 0);
    struct ledger_whole_runs of = {128, true, id};
    assert_int_equal(ledger_epochs_taken(ledger, "job", &of, &epochs, &err), 0);
    assert_true(epochs.runs == 2 && epochs.least == 4 && epochs.most == 9);
    of = (struct ledger_whole_runs){64, true, id};
    assert_int_equal(ledger_epochs_taken(ledger, "job", &of, &epochs, &err), 0);
    assert_true(epochs.runs == 0 && epochs.most == 0);
    of = (struct ledger_whole_runs){128, false, 0}; /* all were stopped early */
    assert_int_equal(ledger_epochs_taken(ledger, "job", &of, &epochs, &err), 0);
    assert_int_equal(epochs.runs, 0);
    t.outcome.early_stopped = false;
    t.outcome.reached = -1;
    t.outcome.epochs = 5;
    book(ledger, &t, 0); /* exit code 143 */
    t.outcome.exit_code = 0;
    book(ledger, &t, 0);
    assert_int_equal(ledger_epochs_taken(ledger, "job", &of, &epochs, &err), 0);
    assert_true(epochs.runs == 1 && epochs.least == 5 && epochs.most == 5);
    assert_int_equal(ledger_epochs_taken(ledger, "none", &of, &epochs, &err), 0);
    assert_int_equal(epochs.runs, 0);
    ledger_close(ledger);
}

static void learned_by_size(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("job");
    struct wt_learned sizes[WT_MAX_BATCH_SIZES];
    unsigned count = 9;
    int64_t id = put_state(ledger, "job");
    t.identity.state_id = id;
    book(ledger, &t, 0);
    t.outcome.batch_size = 32;
    book(ledger, &t, 0);
    t.outcome.reached = 0;
    t.outcome.setting.value = 0;
    book(ledger, &t, 0);
    t.identity.state_id = 0; /* another target's */
    t.outcome.batch_size = 8;
    book(ledger, &t, 0);
    t.identity.state_id = id;
    t.identity.recurrence = t.identity.try_number = 0;
    assert_int_equal(ledger_trial_begin(ledger, &t, NULL, NULL, &err), 0); /* runs */
    assert_int_equal(learned_read(ledger, "job", id, sizes, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_true(sizes[0].batch_size == 32 && sizes[0].runs == 2 && sizes[0].reached == 1 &&
                sizes[0].limit_mw == 175000 && sizes[0].energy_j == 2187.5 && sizes[0].epochs == 7);
    assert_true(sizes[1].batch_size == 128 && sizes[1].runs == 1 && sizes[1].cost_j == 2200.75);
    assert_int_equal(learned_read(ledger, "none", id, sizes, &count, &err), WT_E_NOT_FOUND);
    ledger_close(ledger);
}

/* --- Explaining --- */

static void explains_by_the_last_tuned_run(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial t = full_trial("job");
    static struct wt_explanation e;
    assert_int_equal(explain_job(ledger, "job", 0, &e, &err), WT_E_NOT_FOUND);
    t.outcome.note[0] = '\0';
    t.profile.points[0].throttled = false;
    book(ledger, &t, 0);
    assert_int_equal(explain_job(ledger, "job", 0, &e, &err), WT_E_NO_DATA);
    struct wt_profile_key key = {.batch_size = 128, .gpu_count = 2};
    snprintf(key.job, sizeof key.job, "job");
    snprintf(key.gpu_model, sizeof key.gpu_model, "Tesla V100");
    assert_int_equal(ledger_profile_put(ledger, &key, t.profile.points, 2, 0, &err), 0);
    struct wt_trial odd = t; /* later runs that tell nothing of the limit chosen */
    odd.outcome.setting.value = 250000;
    snprintf(odd.outcome.note, sizeof odd.outcome.note, "the GPU is shared");
    book(ledger, &odd, 0);
    odd.outcome.note[0] = '\0';
    odd.part.gpu_count = 1; /* other GPUs */
    odd.outcome.steps = 70; /* whose steps an epoch count all the same */
    book(ledger, &odd, 0);
    assert_int_equal(explain_job(ledger, "job", 0, &e, &err), 0);
    assert_string_equal(e.job, "job");
    assert_string_equal(e.gpu_model, "Tesla V100");
    assert_true(e.chosen.batch_size == 128 && e.chosen.limit_mw == 175000 &&
                e.found_limit_mw == 250000);
    assert_true(e.chosen.epochs == 7 && fabs(e.chosen.time_s - 7 * 10 * 0.0025) < 1e-12);
    assert_int_equal(explain_job(ledger, "job", 64, &e, &err), WT_E_NO_DATA);
    assert_non_null(strstr(err.text, "no profile of batch size 64"));
    ledger_close(ledger);
}

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(the_last_recurrences),
        WITH_FOLDER(parts_that_are_asked_for),
        WITH_FOLDER(indexes_are_used),
        WITH_FOLDER(many_trials_take_little_memory),
        WITH_FOLDER(a_listing_is_one_state),
        WITH_FOLDER(the_last_and_the_last_profiled),
        WITH_FOLDER(a_job_without_a_trial),
        WITH_FOLDER(sums_of_recurrences),
        WITH_FOLDER(epochs_of_whole_runs),
        WITH_FOLDER(learned_by_size),
        WITH_FOLDER(explains_by_the_last_tuned_run),
    };
    return cmocka_run_group_tests_name("study_job", tests, NULL, NULL);
}
