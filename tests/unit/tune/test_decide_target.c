/* SPDX-License-Identifier: Apache-2.0
 *
 * decide/: a target's text, when it is reached, and before which epoch a run ends that would cost
 * too much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "tune/decide/early_stop.h"
#include "tune/decide/target.h"

static struct wt_error err;

static struct target parsed(const char *text)
{
    struct target target = {.value = -1};
    if (target_parse(text, &target, &err))
        fail_msg("%s: %s", text, err.text);
    return target;
}

static void targets_are_read(void **state)
{
    (void)state;
    struct target t = parsed("accuracy>=0.93");
    assert_string_equal(t.name, "accuracy");
    assert_true(t.at_least && t.value == 0.93);
    t = parsed(" val loss <= 1e-3 ");
    assert_string_equal(t.name, "val loss");
    assert_true(!t.at_least && t.value == 1e-3);
    t = parsed("1234567890123456789012345678901>=-5");
    assert_int_equal(strlen(t.name), 31);
    assert_true(t.value == -5);
}

static void other_words_are_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"",
                                        "accuracy",
                                        "accuracy=0.9",
                                        "accuracy>0.9",
                                        "accuracy<0.9",
                                        "accuracy=>0.9",
                                        ">=0.9",
                                        "  >=0.9",
                                        "accuracy>=",
                                        "accuracy>=x",
                                        "accuracy>=nan",
                                        "accuracy>=inf",
                                        "accuracy>=0.9%",
                                        "accuracy>=>=1",
                                        "a>=1<=2",
                                        "a=b>=1",
                                        "accuracy >= 0.9 0.8",
                                        "12345678901234567890123456789012>=1",
                                        "accur\nacy>=1",
                                        "\xc3\xa4>=1"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct target t = {.value = 42};
        err.text[0] = '\0';
        assert_int_equal(target_parse(words[i], &t, &err), WT_E_PARSE);
        assert_non_null(strstr(err.text, "NAME>=VALUE"));
        assert_true(t.value == 42);
    }
}

static void reaching(void **state)
{
    (void)state;
    struct target up = parsed("accuracy>=0.9"), down = parsed("loss<=0.1");
    assert_true(target_reached(&up, "accuracy", 0.9) && target_reached(&up, "accuracy", 1));
    assert_false(target_reached(&up, "accuracy", 0.8999999));
    assert_true(target_reached(&down, "loss", 0.1) && target_reached(&down, "loss", -1));
    assert_false(target_reached(&down, "loss", 0.11));
    assert_false(target_reached(&up, "accuracy", NAN) || target_reached(&down, "loss", NAN));
    assert_false(target_reached(&up, "Accuracy", 1) || target_reached(&up, "accuracy2", 1) ||
                 target_reached(&up, "", 1));
}

static const char *complaint(const char *name, double metric, bool ended)
{
    static char text[240];
    const struct target target = parsed("accuracy>=0.9");
    struct target_seen seen = {false};
    if (ended)
        target_see(&seen, &target, name, metric);
    return target_complaint(&seen, &target, text);
}

static void complaints(void **state)
{
    (void)state;
    assert_null(complaint("accuracy", 0.1, true));
    assert_non_null(strstr(complaint("accuracy", NAN, true), "never a number"));
    assert_non_null(strstr(complaint("loss", 0.1, true), "(loss was)"));
    assert_non_null(strstr(complaint("", NAN, true), "without the target's metric accuracy"));
    assert_non_null(strstr(complaint("", NAN, false), "no epoch was seen to end"));
}

/* --- Early stop --- */

static void stops_before_the_epoch_that_would_exceed(void **state)
{
    (void)state;
    struct early_stop stop;
    early_stop_begin(&stop, 100, 50);
    early_stop_epoch(&stop, 1, 10, 30, false); /* profiled: counts at its cost */
    assert_true(early_stop_next_j(&stop, NAN) == 30);
    assert_true(early_stop_next_j(&stop, 2) == 20); /* by the cost of a step at the chosen limit */
    assert_false(early_stop_now(&stop, 2));
    early_stop_epoch(&stop, 2, 20, 51, true);
    assert_true(early_stop_next_j(&stop, 2) == 21); /* measured is better than worked out */
    early_stop_epoch(&stop, 3, 30, 70, true);
    assert_true(early_stop_next_j(&stop, 2) == 20); /* (21 + 19) / 2 */
    assert_false(early_stop_now(&stop, 2));         /* 90 */
    early_stop_epoch(&stop, 4, 40, 80, true);       /* the next is 16.67: 96.67 */
    assert_false(early_stop_now(&stop, 2));
    early_stop_epoch(&stop, 5, 50, 90, true); /* the next is 15: 105 */
    assert_true(early_stop_now(&stop, 2));
}

static void just_fits(void **state)
{
    (void)state;
    struct early_stop stop;
    early_stop_begin(&stop, 40, 50);
    early_stop_epoch(&stop, 3, 30, 30, true); /* three at once */
    assert_true(early_stop_next_j(&stop, NAN) == 10);
    assert_false(early_stop_now(&stop, NAN)); /* 40 of 40 */
    early_stop_epoch(&stop, 4, 40, 40, true);
    assert_true(early_stop_now(&stop, NAN));
}

static void epochs_run_out(void **state)
{
    (void)state;
    struct early_stop stop;
    early_stop_begin(&stop, INFINITY, 3);
    early_stop_epoch(&stop, 2, 20, 1e9, true);
    assert_false(early_stop_now(&stop, NAN));
    early_stop_epoch(&stop, 3, 30, NAN, true);
    assert_true(early_stop_now(&stop, NAN));
}

static void what_is_unknown_stops_nobody(void **state)
{
    (void)state;
    struct early_stop stop;
    early_stop_begin(&stop, 1, 10);
    early_stop_epoch(&stop, 1, 10, NAN, true);
    assert_false(early_stop_now(&stop, NAN));
    early_stop_epoch(&stop, 1, 12, 5, true); /* no epoch has ended: nothing changes */
    assert_false(early_stop_now(&stop, NAN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_read),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(reaching),
        cmocka_unit_test(complaints),
        cmocka_unit_test(stops_before_the_epoch_that_would_exceed),
        cmocka_unit_test(just_fits),
        cmocka_unit_test(epochs_run_out),
        cmocka_unit_test(what_is_unknown_stops_nobody),
    };
    return cmocka_run_group_tests_name("decide_target", tests, NULL, NULL);
}
