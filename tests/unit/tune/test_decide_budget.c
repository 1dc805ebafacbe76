/* SPDX-License-Identifier: Apache-2.0
 *
 * decide/: when a budget warns and is used up, and how far its prediction is to be believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "tune/decide/budget.h"
#include "tune/decide/random.h"

static void it_warns_once_and_ends_at_the_amount(void **state)
{
    (void)state;
    struct budget b;
    budget_begin(&b, 100, 0, false);
    assert_int_equal(budget_use(&b, 0), BUDGET_GOES_ON);
    assert_int_equal(budget_use(&b, 79.999), BUDGET_GOES_ON);
    assert_int_equal(budget_use(&b, 80), BUDGET_WARNS);
    assert_int_equal(budget_use(&b, 81), BUDGET_GOES_ON);
    assert_int_equal(budget_use(&b, 99.999), BUDGET_GOES_ON);
    assert_int_equal(budget_use(&b, 100), BUDGET_IS_OUT);
    assert_int_equal(budget_use(&b, 101), BUDGET_IS_OUT);
    budget_begin(&b, 100, 0, false); /* one long turn: nothing is left to be warned of */
    assert_int_equal(budget_use(&b, 130), BUDGET_IS_OUT);
}

static void what_is_unknown_ends_nothing(void **state)
{
    (void)state;
    struct budget b;
    budget_begin(&b, 100, 0, false);
    assert_int_equal(budget_use(&b, 50), BUDGET_GOES_ON);
    assert_int_equal(budget_use(&b, NAN), BUDGET_GOES_ON);
    assert_true(b.used == 50);
    assert_int_equal(budget_use(&b, 30), BUDGET_GOES_ON); /* a counter that went back */
    assert_true(b.used == 50);
    assert_int_equal(budget_use(&b, 100), BUDGET_IS_OUT);
    assert_int_equal(budget_use(&b, NAN), BUDGET_IS_OUT);
}

static void earlier_runs_count(void **state)
{
    (void)state;
    struct budget b;
    budget_begin(&b, 100, 70, false);
    assert_int_equal(budget_use(&b, 9), BUDGET_GOES_ON);
    assert_int_equal(budget_use(&b, 11), BUDGET_WARNS);
    assert_int_equal(budget_use(&b, 29.9), BUDGET_GOES_ON);
    assert_int_equal(budget_use(&b, 30.1), BUDGET_IS_OUT);
    budget_begin(&b, 100, 85, true); /* that was said in the run before */
    assert_int_equal(budget_use(&b, 1), BUDGET_GOES_ON);
    budget_epoch(&b, 1, true);
    struct budget_range one;
    assert_true(budget_predict(&b, 1, &one));
    assert_true(one.low < 1 && one.high > 1 && one.high < 2); /* an epoch took 1, not 86 */
}

static double uniform(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

/* Looked at in steps of any size, a run ends at the first look at or behind the amount: never
 * before, and never more than one step behind it. */
static void it_ends_neither_early_nor_a_step_late(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 3);
    for (unsigned run = 0; run < 2000; run++) {
        struct budget b;
        double amount = 1 + 1000 * uniform(&random),
               before = uniform(&random) < 0.5 ? 0 : amount * uniform(&random);
        double step = amount * pow(10, -3 * uniform(&random)), used = 0, last = 0;
        unsigned warnings = 0;
        budget_begin(&b, amount, before, false);
        for (;;) {
            enum budget_event event = budget_use(&b, used);
            if (event == BUDGET_IS_OUT)
                break;
            warnings += event == BUDGET_WARNS;
            assert_true(before + used < amount);
            last = step * 2 * uniform(&random);
            used += last;
        }
        assert_true(before + used >= amount && before + used - last < amount);
        assert_true(warnings <= 1);
    }
}

struct noise {
    double scatter; /* of an epoch, of its mean */
    double first;   /* the first's excess over the others */
};

/* The share of runs whose use in the end lies in the interval after `seen` epochs. */
static double coverage(struct random *random, const struct random_normals *normals, unsigned seen,
                       unsigned epochs, struct noise noise, double *width)
{
    enum { RUNS = 4000 };
    unsigned held = 0;
    *width = 0;
    for (unsigned run = 0; run < RUNS; run++) {
        struct budget b;
        struct budget_range rest, total;
        double used = 0;
        budget_begin(&b, 1e9, 0, false);
        for (unsigned epoch = 1; epoch <= epochs; epoch++) {
            used += fmax(20 * (1 + noise.scatter * random_normal(random, normals)) +
                             (epoch == 1 ? 20 * noise.first : 0),
                         0.1);
            if (epoch > seen)
                continue;
            budget_use(&b, used);
            budget_epoch(&b, epoch, epoch > 1 || noise.first == 0);
            if (epoch == seen) {
                assert_true(budget_predict(&b, epochs - seen, &rest));
                assert_int_not_equal(budget_judge(&b, epochs, epochs, &total), BUDGET_UNKNOWN);
                assert_true(fabs(total.low - (used + rest.low)) < 1e-9 &&
                            fabs(total.high - (used + rest.high)) < 1e-9);
                *width += (rest.high - rest.low) / (20.0 * (epochs - seen)) / RUNS;
            }
        }
        held += total.low <= used && used <= total.high;
    }
    return (double)held / RUNS;
}

/* At least 90 % of runs end within the interval, from the first epoch on, for epochs that scatter
 * by up to a fifth; and the interval is worth something: it narrows as epochs are seen. */
static void the_interval_holds_the_total(void **state)
{
    (void)state;
    static const struct noise noises[] = {{0.001, 0}, {0.02, 0},   {0.1, 0},
                                          {0.2, 0},   {0.02, 0.3}, {0.1, 0.2}};
    static const unsigned seen[] = {1, 2, 3, 5, 10, 30};
    struct random random;
    struct random_normals normals;
    random_seed(&random, 7);
    random_normals_init(&normals);
    for (unsigned n = 0; n < sizeof noises / sizeof noises[0]; n++) {
        double first_width = 0, width = 0;
        for (unsigned i = 0; i < sizeof seen / sizeof seen[0]; i++) {
            double held = coverage(&random, &normals, seen[i], 60, noises[n], &width);
            if (held < 0.9)
                fail_msg("noise %g, %g: after %u epochs %g of the runs end within the interval",
                         noises[n].scatter, noises[n].first, seen[i], held);
            first_width = i == 0 ? width : first_width;
        }
        assert_true(first_width > 0.5); /* nobody knows after one epoch */
        assert_true(
            width <
            (noises[n].scatter < 0.05 ? 0.06 : 0.25)); /* after thirty, with thirty to come */
    }
}

static void how_many_more_fit(void **state)
{
    (void)state;
    struct budget b;
    struct budget_range more;
    uint64_t surely = 0, at_best = 0;
    budget_begin(&b, 1000, 0, false);
    assert_false(budget_epochs_left(&b, &surely, &at_best));
    assert_false(budget_predict(&b, 1, &more));
    for (unsigned epoch = 1; epoch <= 40; epoch++) {
        budget_use(&b, 10 * epoch + (epoch % 2 ? 0.1 : 0));
        budget_epoch(&b, epoch, true);
    }
    assert_true(
        budget_epochs_left(&b, &surely, &at_best)); /* 600 are left, and an epoch takes 10 */
    assert_true(surely >= 58 && surely <= 60 && at_best >= 60 && at_best <= 62);
    /* the ends of the interval keep their promise */
    assert_true(budget_predict(&b, surely, &more) && more.high <= 600);
    assert_true(budget_predict(&b, surely + 1, &more) && more.high > 600);
    assert_true(budget_predict(&b, at_best, &more) && more.low <= 600);
    assert_true(budget_predict(&b, at_best + 1, &more) && more.low > 600);
    budget_use(&b, 1000);
    assert_true(budget_epochs_left(&b, &surely, &at_best));
    assert_true(surely == 0 && at_best == 0);
}

/* The first epoch starts the program, others try power limits: none of them counts once there is
 * one that does neither. */
static void disturbed_epochs_do_not_count(void **state)
{
    (void)state;
    struct budget b;
    struct budget_range one;
    budget_begin(&b, 1e6, 0, false);
    budget_use(&b, 50);
    budget_epoch(&b, 1, false);
    assert_true(budget_predict(&b, 1, &one) && one.low < 50 && one.high > 50);
    budget_use(&b, 80);
    budget_epoch(&b, 2, false);
    assert_true(budget_predict(&b, 1, &one) && one.low < 30 && one.high > 30 &&
                one.high < 50); /* nearer than the start */
    budget_use(&b, 90);
    budget_epoch(&b, 3, true);
    assert_true(budget_predict(&b, 1, &one) && one.low > 2 && one.high < 20);
    budget_use(&b, 190);
    budget_epoch(&b, 4, false);
    assert_true(budget_predict(&b, 1, &one) && one.high < 20);
    budget_use(&b, 220);
    budget_epoch(&b, 7, true); /* three at once, of 10 each */
    budget_epoch(&b, 7, true);
    assert_int_equal(b.steady.count, 2);
    assert_true(fabs(b.steady.mean - 10) < 1e-9);
}

static void epochs_that_took_nothing_say_nothing(void **state)
{
    (void)state;
    struct budget b;
    struct budget_range one;
    budget_begin(&b, 100, 0, false);
    budget_use(&b, NAN);
    budget_epoch(&b, 1, true);
    assert_false(budget_predict(&b, 1, &one));
    assert_int_equal(budget_judge(&b, 5, 5, &one), BUDGET_UNKNOWN);
}

static void verdicts(void **state)
{
    (void)state;
    struct budget b;
    struct budget_range total;
    budget_begin(&b, 1000, 0, false);
    for (unsigned epoch = 1; epoch <= 20; epoch++) {
        budget_use(&b, 10 * epoch);
        budget_epoch(&b, epoch, true);
    }
    assert_int_equal(budget_judge(&b, 0, 0, &total), BUDGET_UNKNOWN); /* of how many nobody knows */
    assert_int_equal(budget_judge(&b, 80, 80, &total), BUDGET_ENOUGH);
    assert_int_equal(budget_judge(&b, 100, 100, &total), BUDGET_DOUBTFUL);
    assert_int_equal(budget_judge(&b, 120, 120, &total), BUDGET_TOO_SMALL);
    assert_true(total.low > 1100 && total.low < 1200 && total.high > 1200 && total.high < 1300);
    assert_int_equal(budget_judge(&b, 50, 150, &total), BUDGET_DOUBTFUL);
    assert_int_equal(budget_judge(&b, 0, 150, &total), BUDGET_DOUBTFUL); /* at most 150 */
    assert_true(total.low == 200);                                       /* it may end now */
    assert_int_equal(budget_judge(&b, 10, 15, &total),
                     BUDGET_ENOUGH); /* it has had more than it was to take */
    assert_true(total.low == 200 && total.high == 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_warns_once_and_ends_at_the_amount),
        cmocka_unit_test(what_is_unknown_ends_nothing),
        cmocka_unit_test(earlier_runs_count),
        cmocka_unit_test(it_ends_neither_early_nor_a_step_late),
        cmocka_unit_test(the_interval_holds_the_total),
        cmocka_unit_test(how_many_more_fit),
        cmocka_unit_test(disturbed_epochs_do_not_count),
        cmocka_unit_test(epochs_that_took_nothing_say_nothing),
        cmocka_unit_test(verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
