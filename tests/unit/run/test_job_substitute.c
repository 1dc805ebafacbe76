/* SPDX-License-Identifier: Apache-2.0
 *
 * run/: the values that a run gives its command, and ending a training early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "run/job/substitute.h"
#include "run/process/stop.h"

static struct wt_error err;
static const struct substitute_values all = {.batch_size = 64,
                                             .learning_rate = 0.1,
                                             .has_seed = true,
                                             .seed = UINT64_C(18446744073709551615),
                                             .recurrence = 3};

/* The argument with its words replaced. */
static const char *replaced(const struct substitute_values *values, const char *argument)
{
    static char text[256];
    char *argv[] = {(char *)argument, NULL}, **copy = NULL;
    assert_int_equal(substitute_argv(argv, values, &copy, &err), 0);
    assert_true(strlen(copy[0]) < sizeof text);
    strcpy(text, copy[0]);
    assert_null(copy[1]);
    free(copy);
    return text;
}

static void words_are_replaced(void **state)
{
    (void)state;
    assert_string_equal(replaced(&all, "{batch_size}"), "64");
    assert_string_equal(replaced(&all, "--bs={batch_size},lr={lr}"), "--bs=64,lr=0.1");
    assert_string_equal(replaced(&all, "{batch_size}{batch_size}{recurrence}"), "64643");
    assert_string_equal(replaced(&all, "s{seed}e"), "s18446744073709551615e");
    assert_string_equal(replaced(&all, "{{lr}}"), "{0.1}");
}

static void other_braces_stay(void **state)
{
    (void)state;
    static const char *const words[] = {"",
                                        "{",
                                        "}",
                                        "{}",
                                        "{batch}",
                                        "{batch_size",
                                        "{Batch_size}",
                                        "{ lr }",
                                        "{lr:.2f}",
                                        "{\"lr\": 1}",
                                        "$HOME `id` *",
                                        "%s%n",
                                        "{batch_sizes}"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_string_equal(replaced(&all, words[i]), words[i]);
}

static void what_has_no_value_stays(void **state)
{
    (void)state;
    const struct substitute_values none = {0}, seed_0 = {.has_seed = true};
    assert_string_equal(replaced(&none, "{batch_size} {lr} {seed} {recurrence}"),
                        "{batch_size} {lr} {seed} {recurrence}");
    assert_string_equal(replaced(&seed_0, "{seed} {lr}"), "0 {lr}");
}

static void rates_are_read_back_as_they_were(void **state)
{
    (void)state;
    static const double rates[] = {0.1, 1e-3, 0.42426406871192851, 1.0 / 3, 3e-30, 12345678.9};
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        const struct substitute_values values = {.learning_rate = rates[i]};
        assert_true(strtod(replaced(&values, "{lr}"), NULL) == rates[i]);
    }
    const struct substitute_values plain = {.learning_rate = 0.001};
    assert_string_equal(replaced(&plain, "{lr}"), "0.001");
}

static void arguments_stay_apart(void **state)
{
    (void)state;
    char *argv[] = {(char *)"python", (char *)"a b", (char *)"", (char *)"{seed}", NULL},
         **copy = NULL;
    assert_int_equal(substitute_argv(argv, &all, &copy, &err), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(copy[i], argv[i]);
    assert_string_equal(copy[3], "18446744073709551615");
    assert_null(copy[4]);
    free(copy);
}

static void variables(void **state)
{
    (void)state;
    char env[SUBSTITUTE_WORDS][SUBSTITUTE_ENV_SIZE];
    assert_int_equal(substitute_env(&all, env), 4);
    assert_string_equal(env[0], "WATTUNE_BATCH_SIZE=64");
    assert_string_equal(env[1], "WATTUNE_LEARNING_RATE=0.1");
    assert_string_equal(env[2], "WATTUNE_SEED=18446744073709551615");
    assert_string_equal(env[3], "WATTUNE_RECURRENCE=3");
    const struct substitute_values plain = {.has_seed = true, .seed = 1, .recurrence = 9};
    assert_int_equal(substitute_env(&plain, env), 2);
    assert_string_equal(env[1], "WATTUNE_RECURRENCE=9");
}

/* --- Ending --- */

static void one_that_listens_has_the_time_of_grace(void **state)
{
    (void)state;
    struct stop stop;
    stop_begin(&stop, 1000, 100, true, 50);
    assert_int_equal(stop_next(&stop, 1000, 50), STOP_NOT);
    assert_int_equal(stop_next(&stop, 1099, 51), STOP_NOT); /* the step that was under way */
    assert_int_equal(stop_next(&stop, 1100, 51), STOP_TERMINATED);
    assert_int_equal(stop_next(&stop, 1199, 51), STOP_NOT);
    assert_int_equal(stop_next(&stop, 1200, 51), STOP_KILLED);
    assert_int_equal(stop_next(&stop, 9999, 51), STOP_NOT); /* once */
}

static void one_that_goes_on_is_not_waited_for(void **state)
{
    (void)state;
    struct stop stop;
    stop_begin(&stop, 1000, 100, true, 50);
    assert_int_equal(stop_next(&stop, 1010, 52), STOP_TERMINATED);
    assert_int_equal(stop_next(&stop, 1109, 53), STOP_NOT);
    assert_int_equal(stop_next(&stop, 1110, 60), STOP_KILLED);
    stop_begin(&stop, 1000, 100, false, 50);
    assert_int_equal(stop_next(&stop, 1000, 50), STOP_TERMINATED);
    stop_begin(&stop, 1000, 0, true, 50);
    assert_int_equal(stop_next(&stop, 1000, 50), STOP_TERMINATED);
    assert_int_equal(stop_next(&stop, 1000, 50), STOP_KILLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_replaced),
        cmocka_unit_test(other_braces_stay),
        cmocka_unit_test(what_has_no_value_stays),
        cmocka_unit_test(rates_are_read_back_as_they_were),
        cmocka_unit_test(arguments_stay_apart),
        cmocka_unit_test(variables),
        cmocka_unit_test(one_that_listens_has_the_time_of_grace),
        cmocka_unit_test(one_that_goes_on_is_not_waited_for),
    };
    return cmocka_run_group_tests_name("run_substitute", tests, NULL, NULL);
}
