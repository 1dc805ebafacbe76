/* SPDX-License-Identifier: Apache-2.0
 *
 * learn/: batch sizes over each store, in memory and in the ledger; among processes at once, after
 * a kill, under other identities.
 */
#include "../account/job_trials.h"
#include "../account/ledger_help.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "tune/learn/identity.h"
#include "tune/learn/state_store.h"
#include "tune/learn/optimizer.h"

enum { LONG_MS = 60000 };

static struct wt_error err;

static struct wt_identity identity_of(double target)
{
    return (struct wt_identity){.metric = "accuracy",
                                .at_least = true,
                                .target = target,
                                .max_epochs = 100,
                                .default_size = 64,
                                .size_count = 4,
                                .sizes = {16, 32, 64, 128},
                                .preference = {WT_SELECT_COST, 0.5, 0},
                                .beta = 2,
                                .seed = 1};
}

static struct optimizer batch_of(struct ledger *ledger, int64_t hold_ms)
{
    struct optimizer batch = {.store = ledger_learn_store(ledger), .hold_ms = hold_ms};
    snprintf(batch.key.job, sizeof batch.key.job, "job");
    snprintf(batch.key.gpu_model, sizeof batch.key.gpu_model, "V100");
    batch.key.gpu_count = 1;
    batch.key.limit_min_mw = 100000;
    batch.key.limit_max_mw = 250000;
    batch.identity = identity_of(0.9);
    batch.sizes = (struct batch_size_options){.count = 4,
                                              .sizes = {16, 32, 64, 128},
                                              .default_size = 64,
                                              .beta = 2,
                                              .thompson = batch_size_usual(),
                                              .seed = 1};
    random_normals_init(&batch.normals);
    return batch;
}

static struct optimizer_try claim(struct optimizer *batch)
{
    struct optimizer_try attempt = {0};
    if (optimizer_claim(batch, &attempt, &err))
        fail_msg("%s", err.text);
    return attempt;
}

static int report(struct optimizer *batch, struct optimizer_try *attempt, double cost_j,
                  bool reached)
{
    return optimizer_report(batch, attempt, &(struct batch_size_result){true, cost_j, reached},
                            &err);
}

/* --- Over each store --- */

/* The store of the test that runs; cmocka's state is a struct of these. */
struct store {
    bool in_memory;
    struct ledger *ledger;
    struct learn_memory memory;
};

static struct store memory_store = {.in_memory = true}, ledger_store;

static int set_up(void **state)
{
    struct store *store = *state;
    if (store->in_memory)
        return 0;
    if (make_folder(state))
        return -1;
    store->ledger = open_ledger(0);
    return 0;
}

static int tear_down(void **state)
{
    struct store *store = *state;
    learn_memory_clear(&store->memory);
    store->ledger = ledger_close(store->ledger);
    return store->in_memory ? 0 : drop_folder(state);
}

static struct optimizer batch_in(struct store *store, int64_t hold_ms)
{
    struct optimizer batch = batch_of(store->ledger, hold_ms);
    if (store->in_memory)
        batch.store = learn_memory_store(&store->memory);
    return batch;
}

static struct wt_beliefs beliefs_in(struct store *store, size_t which, size_t expected)
{
    struct learn_state *states = NULL;
    struct wt_beliefs beliefs = {0};
    size_t count = 0;
    assert_int_equal(store->in_memory
                         ? learn_memory_states(&store->memory, "job", &states, &count, &err)
                         : ledger_states(store->ledger, "job", &states, &count, &err),
                     0);
    assert_int_equal(count, expected);
    assert_int_equal(optimizer_beliefs(&states[which], clock_wall_ms(), &beliefs, &err), 0);
    assert_true(learn_identity_equal(&beliefs.identity, &states[which].identity));
    free(states);
    return beliefs;
}

static struct wt_beliefs beliefs_of(struct ledger *ledger, size_t which, size_t expected)
{
    struct learn_state *states = NULL;
    struct wt_beliefs beliefs = {0};
    size_t count = 0;
    assert_int_equal(ledger_states(ledger, "job", &states, &count, &err), 0);
    assert_int_equal(count, expected);
    assert_int_equal(optimizer_beliefs(&states[which], clock_wall_ms(), &beliefs, &err), 0);
    free(states);
    return beliefs;
}

static void the_order_of_exploration(void **state)
{
    struct store *store = *state;
    struct optimizer batch = batch_in(store, LONG_MS);
    struct optimizer_try t = claim(&batch);
    assert_int_equal(t.size, 64); /* the default, then downwards, then upwards */
    assert_true(isinf(t.bound_j) && t.number == 1 && t.state_id > 0);
    assert_int_equal(report(&batch, &t, 100, true), 0);
    t = claim(&batch);
    assert_int_equal(t.size, 32);
    assert_true(t.bound_j == 200);
    assert_int_equal(report(&batch, &t, 80, true), 0);
    t = claim(&batch);
    assert_int_equal(t.size, 16);
    assert_true(t.bound_j == 160);
    assert_int_equal(report(&batch, &t, 155, false),
                     1); /* within the same recurrence the next size */
    assert_int_equal(t.size, 128);
    assert_int_equal(t.number, 2);
    assert_int_equal(report(&batch, &t, 120, true), 0);
    t = claim(&batch);
    assert_int_equal(t.size, 32); /* the second round begins with the cheapest */
    struct wt_beliefs beliefs = beliefs_in(store, 0, 1);
    assert_true(beliefs.exploring && beliefs.running == 1 && beliefs.count == 4);
    assert_false(beliefs.sizes[0].left);
    assert_true(beliefs.sizes[1].left && beliefs.sizes[1].runs == 1 &&
                beliefs.sizes[1].mean_j == 80);
    assert_true(isfinite(beliefs.sizes[1].sd_j) && beliefs.bound_j == 160);
    assert_int_equal(beliefs.state_id, t.state_id);
}

static void other_identities_have_another_state(void **state)
{
    struct store *store = *state;
    struct optimizer batch = batch_in(store, LONG_MS), other = batch;
    struct optimizer_try t = claim(&batch);
    assert_int_equal(report(&batch, &t, 100, true), 0);
    int64_t id = t.state_id;
    other.identity = identity_of(0.95);
    t = claim(&other);
    assert_true(t.size == 64 && isinf(t.bound_j) && t.state_id != id);
    other = batch;
    snprintf(other.key.gpu_model, sizeof other.key.gpu_model, "A100");
    assert_true(isinf(claim(&other).bound_j));
    other = batch;
    other.key.gpu_count = 2;
    assert_true(isinf(claim(&other).bound_j));
    other = batch;
    other.key.limit_max_mw = 300000;
    assert_true(isinf(claim(&other).bound_j));
    t = claim(&batch);
    assert_int_equal(t.state_id, id);
    assert_true(t.bound_j == 200);
    beliefs_in(store, 0, 5);
}

static void a_claim_lapses(void **state)
{
    struct store *store = *state;
    struct optimizer batch = batch_in(store, 1);
    struct optimizer_try lost = claim(&batch), t;
    usleep(5000);
    assert_int_equal(optimizer_renew(&batch, &lost, &err),
                     0); /* too late, but nobody has missed it */
    usleep(5000);
    batch.hold_ms = LONG_MS;
    t = claim(&batch); /* nobody waits for the lost one: the default explores again */
    assert_int_equal(t.size, 64);
    assert_int_equal(optimizer_renew(&batch, &lost, &err), WT_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "lapsed"));
    assert_int_equal(report(&batch, &lost, 1, true), WT_E_NOT_FOUND);
    assert_int_equal(report(&batch, &t, 100, true), 0);
    assert_int_equal(claim(&batch).size, 32); /* the lost run's cost was not taken */
    struct wt_beliefs beliefs = beliefs_in(store, 0, 1);
    assert_true(beliefs.sizes[2].runs == 1 && beliefs.sizes[2].mean_j == 100);
}

static void what_is_given_back_is_handed_out_again(void **state)
{
    struct store *store = *state;
    struct optimizer batch = batch_in(store, LONG_MS);
    struct optimizer_try t = claim(&batch);
    assert_int_equal(report(&batch, &t, 100, true), 0);
    t = claim(&batch);
    struct optimizer_try beside = claim(&batch);
    assert_int_equal(t.size, 32);
    assert_int_equal(beside.size, 64); /* while exploration waits: the best so far */
    assert_int_equal(optimizer_give_back(&batch, &t, &err), 0);
    assert_int_equal(optimizer_give_back(&batch, &t, &err), WT_E_NOT_FOUND);
    assert_int_equal(claim(&batch).size, 32);
    struct wt_beliefs beliefs = beliefs_in(store, 0, 1);
    assert_int_equal(beliefs.sizes[1].runs, 0);
    assert_true(isnan(beliefs.sizes[1].mean_j));
}

static void a_default_that_fails(void **state)
{
    struct store *store = *state;
    struct optimizer batch = batch_in(store, LONG_MS);
    struct optimizer_try t = claim(&batch), beside = claim(&batch);
    assert_int_equal(report(&batch, &t, 100, false), WT_E_NO_DATA);
    assert_non_null(strstr(err.text, "the default batch size did not reach the target (it is 64)"));
    assert_int_equal(optimizer_claim(&batch, &t, &err),
                     WT_E_NO_DATA); /* another one still runs under this state */
    assert_true(beliefs_in(store, 0, 1).failed);
    assert_int_equal(report(&batch, &beside, 100, true), WT_E_NO_DATA);
    assert_int_equal(claim(&batch).size, 64); /* nobody is left: begun anew */
    assert_false(beliefs_in(store, 0, 1).failed);
}

static void another_gpu_begins_with_what_the_epochs_cost_there(void **state)
{
    struct store *store = *state;
    struct optimizer batch = batch_in(store, LONG_MS);
    static const struct batch_size_past past[] = {
        {64, 10, true}, {32, 8, true}, {16, 30, false}, {128, 12, true}};
    batch.past = past;
    batch.past_count = 4;
    batch.max_epochs = 100;
    const double costs[] = {5, 5, 5, NAN}; /* 128 has no profile here */
    memcpy(batch.epoch_cost_j, costs, sizeof costs);
    struct optimizer_try t = claim(&batch);
    assert_int_equal(t.taken_over, 3);
    assert_int_equal(t.waiting, 1);
    assert_int_equal(t.size, 128); /* the first of which an epoch's cost is not known */
    assert_true(t.bound_j == 80);
    struct wt_beliefs beliefs = beliefs_in(store, 0, 1);
    assert_true(beliefs.sizes[2].mean_j == 50 && beliefs.sizes[1].mean_j == 40 &&
                beliefs.sizes[0].runs == 1);
    assert_int_equal(beliefs.waiting, 1);
    const struct batch_size_result result = {
        .ran = true, .cost_j = 60, .reached = true, .epoch_cost_j = 6};
    assert_int_equal(optimizer_report(&batch, &t, &result, &err), 0);
    assert_int_equal(t.taken_over, 1); /* now it is known */
    beliefs = beliefs_in(store, 0, 1);
    assert_true(beliefs.sizes[3].runs == 2 && beliefs.sizes[3].mean_j == (60 + 12 * 6) / 2.0);
    t = claim(&batch);
    assert_true(t.size == 32 && t.taken_over == 0 &&
                t.waiting == 0); /* the second round has no history */
    assert_true(beliefs_in(store, 0, 1).exploring);
}

static int refuse(void *ctx, unsigned char *bytes, size_t *length, struct wt_error *error)
{
    (void)ctx;
    bytes[0] = 'x';
    *length = 1;
    return error_set(error, WT_E_INVALID, "no");
}

static int append(void *ctx, unsigned char *bytes, size_t *length, struct wt_error *error)
{
    (void)error;
    *(size_t *)ctx = *length;
    memset(bytes + *length, 7, LEARN_STATE_MOST - *length);
    *length = *length ? (size_t)LEARN_STATE_MOST : 3;
    return 0;
}

static void a_store_keeps_a_change_or_nothing(void **state)
{
    struct store *store = *state;
    struct optimizer batch = batch_in(store, LONG_MS);
    const struct learn_store *ops = &batch.store;
    size_t seen = 9;
    int64_t id = 0, same = 0, other = 0;
    assert_int_equal(ops->change(ops->ctx, &batch.key, &batch.identity, refuse, NULL, &id, &err),
                     WT_E_INVALID);
    assert_int_equal(id, 0);
    assert_int_equal(ops->change(ops->ctx, &batch.key, &batch.identity, append, &seen, &id, &err),
                     0);
    assert_int_equal(seen, 0); /* the refused one left nothing */
    assert_int_equal(ops->change(ops->ctx, &batch.key, &batch.identity, append, &seen, &same, &err),
                     0);
    assert_true(seen == 3 && same == id && id > 0);
    assert_int_equal(ops->change(ops->ctx, &batch.key, &batch.identity, refuse, NULL, NULL, &err),
                     WT_E_INVALID);
    batch.identity.observed = true;
    assert_int_equal(
        ops->change(ops->ctx, &batch.key, &batch.identity, append, &seen, &other, &err), 0);
    assert_true(seen == 0 && other != id);
    batch.identity.observed = false;
    assert_int_equal(ops->change(ops->ctx, &batch.key, &batch.identity, append, &seen, NULL, &err),
                     0);
    assert_int_equal(seen, LEARN_STATE_MOST);
}

static void forgetting(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct optimizer batch = batch_of(ledger, LONG_MS);
    struct optimizer_try t = claim(&batch);
    struct learn_state *states = NULL;
    size_t count = 9;
    assert_int_equal(ledger_forget(ledger, "jo", LEDGER_WHOLE_JOB, &err), WT_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "similar: job"));
    assert_int_equal(ledger_forget(ledger, "job", LEDGER_STATES, &err), 0);
    assert_int_equal(report(&batch, &t, 100, true), WT_E_NOT_FOUND); /* and makes no new state */
    assert_int_equal(ledger_states(ledger, "job", &states, &count, &err), 0);
    assert_int_equal(count, 0);
    free(states);
    t = claim(&batch);
    struct wt_trial trial = full_trial("job"), *trials = NULL;
    trial.identity.state_id = t.state_id;
    trial.identity.recurrence = 1;
    assert_int_equal(ledger_trial_begin(ledger, &trial, &trial.identity.id, NULL, &err), 0);
    assert_int_equal(ledger_trial_end(ledger, &trial, NULL, &err), 0);
    assert_int_equal(ledger_forget(ledger, "job", LEDGER_STATES, &err), 0);
    assert_int_equal(ledger_job_trials(ledger, "job", &trials, &count, &err),
                     0); /* the trial stays, its state is gone */
    assert_int_equal(count, 1);
    assert_int_equal(trials[0].identity.state_id, 0);
    free(trials);
    assert_int_equal(ledger_forget(ledger, "job", LEDGER_WHOLE_JOB, &err), 0);
    assert_int_equal(ledger_job_trials(ledger, "job", &trials, &count, &err), WT_E_NOT_FOUND);
    ledger_close(ledger);
}

static void a_cancelled_trial_leaves_nothing(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_trial trial = full_trial("none"), kept = full_trial("kept"),
                    again = full_trial("kept"), *trials = NULL;
    size_t count = 0;
    assert_int_equal(
        ledger_trial_begin(ledger, &trial, &trial.identity.id, &trial.identity.recurrence, &err),
        0);
    assert_int_equal(ledger_trial_cancel(ledger, &trial, &err), 0);
    assert_int_equal(ledger_job_trials(ledger, "none", &trials, &count, &err), WT_E_NOT_FOUND);
    assert_int_equal(
        ledger_trial_begin(ledger, &kept, &kept.identity.id, &kept.identity.recurrence, &err), 0);
    assert_int_equal(ledger_trial_end(ledger, &kept, NULL, &err), 0);
    assert_int_equal(
        ledger_trial_begin(ledger, &again, &again.identity.id, &again.identity.recurrence, &err),
        0);
    assert_int_equal(ledger_trial_cancel(ledger, &again, &err), 0);
    assert_int_equal(ledger_trial_cancel(ledger, &kept, &err), 0); /* it has ended: it stays */
    assert_int_equal(ledger_job_trials(ledger, "kept", &trials, &count, &err), 0);
    assert_int_equal(count, 1);
    free(trials);
    ledger_close(ledger);
}

static void a_damaged_state_is_told(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct optimizer batch = batch_of(ledger, LONG_MS);
    struct optimizer_try t = claim(&batch);
    ledger_close(ledger);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE states SET state = x'5754'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    ledger = open_ledger(0);
    batch.store = ledger_learn_store(ledger);
    assert_int_equal(optimizer_claim(&batch, &t, &err), WT_E_LEDGER);
    assert_non_null(strstr(err.text, "damaged"));
    assert_int_equal(ledger_forget(ledger, "job", LEDGER_STATES, &err), 0);
    assert_int_equal(claim(&batch).size, 64);
    ledger_close(ledger);
}

/* --- Several processes --- */

enum { PROCESSES = 5, RUNS = 12 };

/* Runs recurrences whose size 16 never reaches the target, and writes the sizes that it got. */
static int run_some(int out)
{
    struct ledger *ledger = open_ledger(0);
    struct optimizer batch = batch_of(ledger, LONG_MS);
    for (int i = 0; i < RUNS; i++) {
        struct optimizer_try t = claim(&batch);
        int rc;
        do {
            uint64_t handed[2] = {t.claim, t.size};
            if (write(out, handed, sizeof handed) != sizeof handed)
                return 1;
            rc = report(&batch, &t, 10.0 * t.size, t.size != 16);
        } while (rc > 0);
        if (rc < 0)
            return fprintf(stderr, "%s\n", err.text), 2;
    }
    ledger_close(ledger);
    return 0;
}

static void every_trial_is_handed_out_once(void **state)
{
    (void)state;
    int out[2];
    pid_t children[PROCESSES];
    assert_int_equal(pipe(out), 0);
    ledger_close(open_ledger(0));
    for (int i = 0; i < PROCESSES; i++)
        if ((children[i] = fork()) == 0)
            _exit(run_some(out[1]));
    close(out[1]);
    unsigned claims[PROCESSES * RUNS + 1] = {0}, runs = 0, failures = 0;
    uint64_t handed[2];
    while (read(out[0], handed, sizeof handed) == sizeof handed) {
        assert_in_range(handed[0], 1, PROCESSES * RUNS);
        claims[handed[0]]++;
        runs++;
        failures += handed[1] == 16;
    }
    close(out[0]);
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    unsigned recurrences = 0;
    for (unsigned i = 1; i <= PROCESSES * RUNS; i++)
        recurrences += claims[i] > 0;
    assert_int_equal(recurrences,
                     PROCESSES * RUNS); /* each claim went to one process, none was lost */
    assert_int_equal(failures, 1);      /* the size that fails was tried once, by one of them */
    assert_int_equal(runs, PROCESSES * RUNS + 1); /* and its recurrence went on */
    struct ledger *ledger = open_ledger(0);
    struct wt_beliefs beliefs = beliefs_of(ledger, 0, 1);
    unsigned counted = 0;
    for (unsigned i = 0; i < beliefs.count; i++)
        counted += beliefs.sizes[i].runs;
    assert_int_equal(counted, runs);
    assert_int_equal(beliefs.running, 0);
    ledger_close(ledger);
}

static void a_killed_process_gives_its_size_back(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    ledger_close(open_ledger(0));
    pid_t child = fork();
    if (child == 0) {
        struct ledger *ledger = open_ledger(0);
        struct optimizer batch = batch_of(ledger, 300);
        struct optimizer_try t = claim(&batch);
        if (write(ready[1], &t.size, sizeof t.size) != sizeof t.size)
            _exit(1);
        for (;;) {
            usleep(50000);
            optimizer_renew(&batch, &t, NULL);
        }
    }
    uint32_t size = 0;
    assert_int_equal(read(ready[0], &size, sizeof size), sizeof size);
    assert_int_equal(size, 64);
    usleep(600000); /* far beyond its hold: it is renewed */
    struct ledger *ledger = open_ledger(0);
    assert_int_equal(beliefs_of(ledger, 0, 1).running, 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    usleep(400000);
    assert_int_equal(beliefs_of(ledger, 0, 1).running, 0);
    struct optimizer batch = batch_of(ledger, LONG_MS);
    struct optimizer_try t = claim(&batch);
    assert_int_equal(t.size, 64);
    assert_int_equal(report(&batch, &t, 100, true), 0);
    assert_int_equal(claim(&batch).size,
                     32); /* exploration goes on: it is this one that was waited for */
    ledger_close(ledger);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
#define OVER_EACH_STORE(f)                                                                         \
    {#f " (memory)", f, set_up, tear_down, &memory_store},                                         \
    {                                                                                              \
#f " (ledger)", f, set_up, tear_down, &ledger_store                                        \
    }
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        OVER_EACH_STORE(the_order_of_exploration),
        OVER_EACH_STORE(other_identities_have_another_state),
        OVER_EACH_STORE(a_claim_lapses),
        OVER_EACH_STORE(what_is_given_back_is_handed_out_again),
        OVER_EACH_STORE(a_default_that_fails),
        OVER_EACH_STORE(another_gpu_begins_with_what_the_epochs_cost_there),
        OVER_EACH_STORE(a_store_keeps_a_change_or_nothing),
        WITH_FOLDER(forgetting),
        WITH_FOLDER(a_cancelled_trial_leaves_nothing),
        WITH_FOLDER(a_damaged_state_is_told),
        WITH_FOLDER(every_trial_is_handed_out_once),
        WITH_FOLDER(a_killed_process_gives_its_size_back),
    };
    return cmocka_run_group_tests_name("learn_optimizer", tests, NULL, NULL);
}
