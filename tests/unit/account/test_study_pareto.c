/* SPDX-License-Identifier: Apache-2.0
 *
 * study: the choices of a job in the ledger, over ledgers written by hand.
 */
#include "ledger_help.h"

#include "account/ledger/schema.h"
#include "account/study/pareto.h"
#include "run/job/recur.h"

static struct wt_error err;
static struct pareto *pareto;

static const char WORDS[] =
    "accuracy>=0.9 in 100 epochs, default 64 of 32,64,128, eta 0.5, beta 2, window 0, seed 1";
static const char OTHER_WORDS[] =
    "loss in val<=0.25 in 50 epochs, default 32 of 32,64, eta 1, beta 2, window 0, seed 1";

static int one_byte(void *ctx, unsigned char *bytes, size_t *length, struct wt_error *ignored)
{
    (void)ctx, (void)ignored;
    bytes[0] = 1;
    *length = 1;
    return 0;
}

static struct wt_profile_key key_of(const char *model, uint32_t size)
{
    struct wt_profile_key key = {
        .batch_size = size, .gpu_count = 2, .limit_min_mw = 100000, .limit_max_mw = 250000};
    snprintf(key.job, sizeof key.job, "job");
    snprintf(key.gpu_model, sizeof key.gpu_model, "%s", model);
    return key;
}

static int64_t put_state(struct ledger *ledger, const char *model, const char *words)
{
    struct wt_profile_key key = key_of(model, 0);
    struct wt_identity identity = {.opaque = true};
    int64_t id = 0;
    snprintf(identity.words, sizeof identity.words, "%s", words);
    ledger_words_read(words, &identity);
    assert_int_equal(ledger_state_change(ledger, &key, &identity, one_byte, NULL, &id, &err), 0);
    return id;
}

static void put_run_at(struct ledger *ledger, struct wt_setting setting, int64_t state_id,
                       uint32_t size, unsigned epochs, int reached, int exit_code)
{
    struct wt_trial t = full_trial("job");
    t.identity.state_id = state_id;
    t.outcome.setting = setting;
    t.outcome.batch_size = size;
    t.outcome.epochs = epochs;
    t.outcome.steps = epochs * 6400 / (size ? size : 1) +
                      (epochs > 5); /* one that ended within an epoch counts some too many */
    t.outcome.reached = reached;
    t.outcome.exit_code = exit_code;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
}

static void put_run(struct ledger *ledger, int64_t state_id, uint32_t size, unsigned epochs,
                    int reached, int exit_code)
{
    const struct wt_setting limit = {WT_KNOB_POWER_LIMIT, 175000};
    put_run_at(ledger, limit, state_id, size, epochs, reached, exit_code);
}

/* A step takes `step_s` and 100 J at 250 W, twice that and 60 J at 100 W. */
static void put_profile(struct ledger *ledger, const char *model, uint32_t size, double step_s)
{
    const struct wt_profile_key key = key_of(model, size);
    const struct wt_profile_point points[] = {{.setting.value = 100000,
                                               .steps = 10,
                                               .time_per_step_s = 2 * step_s,
                                               .energy_per_step_j = 60},
                                              {.setting.value = 250000,
                                               .steps = 10,
                                               .time_per_step_s = step_s,
                                               .energy_per_step_j = 100}};
    assert_int_equal(ledger_profile_put(ledger, &key, points, 2, 0, &err), 0);
}

/* Keeps the last one that could be read. */
static int read_pareto(struct ledger *ledger, const struct pareto_options *options)
{
    struct pareto *read = NULL;
    int rc = pareto_read(ledger, options, &read, &err);
    if (rc == 0) {
        free(pareto);
        pareto = read;
    }
    return rc;
}

static void worked_out_by_hand(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    int64_t id = put_state(ledger, "V100", WORDS), there = put_state(ledger, "A40", WORDS);
    put_run(ledger, id, 64, 4, 1, 0);
    put_run(ledger, there, 64, 6, 1, 0); /* epochs are the same on any GPU */
    put_run(ledger, id, 64, 1, 0, 3);    /* failed: no run */
    put_run(ledger, id, 128, 5, 1, 143); /* reached it before it was ended */
    put_run(ledger, id, 32, 3, 1, 0);
    put_run(ledger, id, 32, 9, 0, -1); /* stopped early */
    put_run(ledger, id, 256, 2, 1, 0); /* has no profile on V100 */
    put_run(ledger, 0, 512, 2, 1, 0);  /* forgotten */
    put_profile(ledger, "A40", 64, 0.25);
    put_profile(ledger, "A40", 256, 0.25);
    for (uint32_t size = 32; size <= 128; size *= 2)
        put_profile(ledger, "V100", size, size / 128.0);
    assert_int_equal(read_pareto(ledger, &(struct pareto_options){.job = "job", .eta = 0.5}), 0);
    const struct wt_study *study = &pareto->study;
    assert_string_equal(study->job, "job");
    assert_string_equal(study->target_words, "accuracy>=0.9");
    assert_string_equal(study->gpu_model, "V100"); /* profiled last */
    assert_string_equal(pareto->other_gpus, "2 x A40");
    assert_string_equal(pareto->other_targets, "");
    assert_true(study->target == 0.9 && study->gpu_count == 2 && study->max_power_w == 500 &&
                study->eta == 0.5);
    assert_int_equal(pareto->point_count, 4);
    /* 64: 5 epochs of 100 steps of 0.5 s and 100 J. */
    const struct wt_point *p = &pareto->points[0];
    assert_true(p->batch_size == 64 && p->limit_mw == 250000 && p->epochs == 5);
    assert_true(p->time_s == 250 && p->energy_j == 50000 && p->cost_j == 0.5 * 50000 + 250 * 250);
    /* 128: 5 epochs of 50 steps of 1 s and 100 J, or of 2 s and 60 J. */
    assert_true(pareto->points[2].time_s == 250 && pareto->points[2].energy_j == 25000 &&
                pareto->points[2].on_front);
    assert_true(pareto->points[3].time_s == 500 && pareto->points[3].energy_j == 15000 &&
                pareto->points[3].on_front);
    assert_true(!p->on_front && !pareto->points[1].on_front);
    assert_true(study->optimum.batch_size == 128 && study->optimum.limit_mw == 250000);
    assert_true(study->standard.batch_size == 64 && study->standard.limit_mw == 250000 &&
                study->standard.cost_j == p->cost_j);
    assert_int_equal(study->left_count, 2);
    const struct wt_left_out missed = study->left_out[0], unknown = study->left_out[1];
    assert_true(missed.batch_size == 32 && missed.runs == 2 && missed.reached == 1 &&
                missed.why == WT_LEFT_MISSED);
    assert_true(unknown.batch_size == 256 && unknown.why == WT_LEFT_NO_PROFILE);

    /* The other GPUs, by a part of their name; a default that is left out there. */
    assert_int_equal(read_pareto(ledger,
                                 &(struct pareto_options){
                                     .job = "job", .gpu = "a4", .default_size = 128, .eta = 1}),
                     0);
    study = &pareto->study;
    assert_string_equal(study->gpu_model, "A40");
    assert_string_equal(pareto->other_gpus, "2 x V100");
    assert_true(pareto->point_count == 4 && pareto->points[3].batch_size == 256 &&
                pareto->points[3].cost_j == 2 * 25 * 60);
    assert_true(study->standard.batch_size == 128 && study->standard.epochs == 5 &&
                isnan(study->standard.cost_j));
    assert_true(study->optimum.batch_size == 256 && study->optimum.limit_mw == 100000);
    ledger_close(ledger);
}

static void the_target_that_was_asked_for(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    int64_t old = put_state(ledger, "V100", WORDS);
    usleep(3000); /* states are in the order of their last change, to a millisecond */
    int64_t last = put_state(ledger, "V100", OTHER_WORDS);
    put_run(ledger, old, 64, 8, 1, 0);
    put_run(ledger, last, 64, 2, 1, 0);
    put_profile(ledger, "V100", 64, 0.5);
    assert_int_equal(read_pareto(ledger, &(struct pareto_options){.job = "job", .eta = 0.5}), 0);
    assert_string_equal(pareto->study.target_words, "loss in val<=0.25");
    assert_string_equal(pareto->other_targets, "accuracy>=0.9");
    assert_true(pareto->points[0].epochs == 2 && pareto->study.target == 0.25);
    assert_int_equal(pareto->study.standard.batch_size, 0); /* 32 never ran */
    struct target target = {.name = "accuracy", .at_least = true, .value = 0.9};
    assert_int_equal(
        read_pareto(ledger, &(struct pareto_options){.job = "job", .target = &target, .eta = 0.5}),
        0);
    assert_true(pareto->points[0].epochs == 8 && pareto->study.standard.batch_size == 64);
    assert_string_equal(pareto->other_targets, "loss in val<=0.25");
    target.at_least = false;
    assert_int_equal(
        read_pareto(ledger, &(struct pareto_options){.job = "job", .target = &target, .eta = 0.5}),
        WT_E_INVALID);
    assert_non_null(strstr(
        err.text, "never run for accuracy<=0.9; it was for loss in val<=0.25, accuracy>=0.9"));
    ledger_close(ledger);
}

static void what_is_not_there(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    const struct pareto_options plain = {.job = "job", .eta = 0.5};
    assert_int_equal(read_pareto(ledger, &plain), WT_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no job job"));
    put_run(ledger, 0, 0, 3, 1, 0); /* a target, but no batch sizes */
    assert_int_equal(read_pareto(ledger, &plain), WT_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no batch sizes were chosen for the job job"));
    put_run(ledger, put_state(ledger, "V100", WORDS), 64, 3, 1, 0);
    put_profile(ledger, "V100", 0, 0.5); /* of no batch size */
    assert_int_equal(read_pareto(ledger, &plain), WT_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "has a profile"));
    put_profile(ledger, "V100", 64, 0.5);
    assert_int_equal(read_pareto(ledger, &plain), 0);
    assert_int_equal(
        read_pareto(ledger, &(struct pareto_options){.job = "job", .gpu = "H100", .eta = 0.5}),
        WT_E_INVALID);
    assert_non_null(strstr(err.text, "a GPU called \"H100\"; on 2 x V100 they were"));
    assert_int_equal(
        read_pareto(ledger, &(struct pareto_options){.job = "job", .default_size = 32, .eta = 0.5}),
        WT_E_INVALID);
    assert_non_null(strstr(
        err.text,
        "the default batch size 32 is not among those of the job job for accuracy>=0.9: 64"));
    ledger_close(ledger);
}

/* Clocks in MHz beside power limits, each of them cheaper than any limit. */
static void clocks_are_no_choices(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    const struct wt_setting clock = {WT_KNOB_SM_CLOCK_MAX, 1410};
    const struct wt_profile_point points[] = {{{WT_KNOB_POWER_LIMIT, 250000}, 10, 1, 100, 1, 0, 0},
                                              {{WT_KNOB_POWER_LIMIT, 100000}, 10, 2, 60, 1, 0, 0},
                                              {clock, 10, 0.5, 1, 1, 0, 0}};
    int64_t id = put_state(ledger, "V100", WORDS);
    put_run(ledger, id, 64, 4, 1, 0);
    put_run_at(ledger, clock, id, 64, 4, 1, 0); /* reached the target: its epochs count */
    put_run_at(ledger, clock, id, 128, 2, 1, 0);
    struct wt_profile_key both = key_of("V100", 64), clocks = key_of("V100", 128),
                          elsewhere = key_of("H100", 64);
    assert_int_equal(ledger_profile_put(ledger, &both, points, 3, 0, &err), 0);
    assert_int_equal(ledger_profile_put(ledger, &clocks, &points[2], 1, 0, &err), 0);
    assert_int_equal(ledger_profile_put(ledger, &elsewhere, &points[2], 1, 0, &err), 0);
    assert_int_equal(read_pareto(ledger, &(struct pareto_options){.job = "job", .eta = 0.5}), 0);
    const struct wt_study *study = &pareto->study;
    assert_string_equal(study->gpu_model, "V100"); /* profiled last, of those with a limit */
    assert_string_equal(pareto->other_gpus, "");
    assert_int_equal(pareto->point_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct wt_point *p = &pareto->points[i];
        assert_true(p->batch_size == 64 && p->limit_mw == points[i].setting.value &&
                    p->epochs == 4 && p->energy_j == 4 * 100 * points[i].energy_per_step_j);
        assert_true(p->on_front); /* neither costs less time and less energy than the other */
    }
    assert_true(study->optimum.limit_mw == 250000 && study->standard.limit_mw == 250000);
    assert_true(study->left_count == 1 && study->left_out[0].batch_size == 128 &&
                study->left_out[0].why == WT_LEFT_NO_PROFILE);
    ledger_close(ledger);
}

static int drop_all(void **state)
{
    free(pareto);
    pareto = NULL;
    return drop_folder(state);
}

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_all)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(worked_out_by_hand),
        WITH_FOLDER(the_target_that_was_asked_for),
        WITH_FOLDER(what_is_not_there),
        WITH_FOLDER(clocks_are_no_choices),
    };
    return cmocka_run_group_tests_name("study_pareto", tests, NULL, NULL);
}
