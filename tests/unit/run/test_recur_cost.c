/* SPDX-License-Identifier: Apache-2.0
 *
 * recur: the cost of an epoch before a try, by a ledger written by hand.
 */
#include "../account/ledger_help.h"

#include "run/job/recur_try.h"

static struct wt_error err;

/* A run turns power limits: a clock lock of the profile, in MHz, is nothing that it may choose. */
static void an_epoch_at_a_power_limit(void **state)
{
    (void)state;
    struct ledger *ledger = open_ledger(0);
    struct wt_profile_key key = {.job = "job", .batch_size = 128, .gpu_count = 2};
    const struct wt_profile_point points[] = {
        {{WT_KNOB_POWER_LIMIT, 250000}, 10, 1, 100, 1, 0, false},
        {{WT_KNOB_POWER_LIMIT, 100000}, 10, 2, 60, 1, 0, false},
        {{WT_KNOB_SM_CLOCK_MAX, 1410}, 10, 0.5, 1, 1, 0, false}};
    struct recur recur = {.ledger = ledger,
                          .batch.key = key,
                          .job.tuner.preference = {.selector = WT_SELECT_COST, .eta = 0.5},
                          .job.run_target = {.eta = 0.5, .max_power_w = 500}};
    struct wt_trial t = full_trial("job");
    t.outcome.steps = 70;
    assert_int_equal(ledger_trial_begin(ledger, &t, &t.identity.id, &t.identity.recurrence, &err),
                     0);
    assert_int_equal(ledger_trial_end(ledger, &t, NULL, &err), 0);
    assert_true(isnan(recur_epoch_cost_j(&recur, 128))); /* no profile */
    assert_int_equal(ledger_profile_put(ledger, &key, &points[2], 1, 0, &err), 0);
    assert_true(isnan(recur_epoch_cost_j(&recur, 128))); /* of clocks alone */
    assert_int_equal(ledger_profile_put(ledger, &key, points, 3, 0, &err), 0);
    /* 10 steps of 0.5 * 100 J + 0.5 * 500 W * 1 s */
    assert_true(recur_epoch_cost_j(&recur, 128) == 3000);
    assert_true(isnan(recur_epoch_cost_j(&recur, 64)));
    ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_epoch_at_a_power_limit, make_folder, drop_folder),
    };
    return cmocka_run_group_tests_name("recur_cost", tests, NULL, NULL);
}
