/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns: steps, epochs and metrics in lines; lines in pieces; and lines made to hang a
 * matcher.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "measure/progress/pattern.h"

static struct pattern *made(const char *step, const char *metric, const char *epoch)
{
    const struct pattern_options options = {step, metric, epoch, "accuracy"};
    struct pattern *pattern = NULL;
    struct wt_error err = {0};
    if (pattern_new(&pattern, &options, &err))
        fail_msg("%s", err.text);
    return pattern;
}

static struct wt_progress fed(struct pattern *pattern, const char *text, int64_t t_ns)
{
    pattern_feed(pattern, 0, text, strlen(text), t_ns);
    struct wt_progress progress;
    pattern_read(pattern, &progress);
    return progress;
}

static void each_match_is_a_step(void **state)
{
    (void)state;
    struct pattern *pattern = made("step", NULL, NULL);
    struct wt_progress p = fed(pattern, "step step\nno\nst", 5);
    assert_true(p.steps == 2 && p.t_ns == 5 && p.epochs == 0 && isnan(p.metric));
    p = fed(pattern, "ep", 6);
    assert_int_equal(p.steps, 2);
    p = fed(pattern, "\nstep", 7);
    assert_true(p.steps == 3 && p.t_ns == 6); /* the line was whole at 6 */
    pattern_feed(pattern, 1, "step\n", 5, 8); /* the other stream does not mix with it */
    p = fed(pattern, "s\n", 9);
    assert_true(p.steps == 5 && p.t_ns == 9);
    p = fed(pattern, "step", 10);
    pattern_finish(pattern);
    pattern_read(pattern, &p);
    assert_true(p.steps == 6 && p.t_ns == 10);
    assert_null(pattern_free(pattern));
    assert_null(pattern_free(NULL));
}

static void a_group_is_the_step_count(void **state)
{
    (void)state;
    struct pattern *pattern = made("(\\d+)/100", NULL, NULL);
    assert_int_equal(fed(pattern, "10/100\n20/100\n20/100\n", 1).steps, 20);
    assert_int_equal(fed(pattern, "100/100\n", 2).steps, 100);
    assert_int_equal(fed(pattern, "0/100\n", 3).steps, 100);
    assert_int_equal(fed(pattern, "5/100\n", 4).steps, 105); /* a new epoch */
    assert_int_equal(fed(pattern, "3/100\n", 4).steps, 108); /* and another */
    assert_int_equal(fed(pattern, "99999999999999999999999/100\n", 5).steps, 108);
    pattern_free(pattern);
}

/* tqdm prints \r, then the bar, and flushes: a bar ends only when the next one begins. */
static void progress_bars(void **state)
{
    (void)state;
    struct pattern *pattern = made("\\| (\\d+)/", NULL, NULL);
    assert_int_equal(fed(pattern, "\r 10%|#  | 1/10 [00:01<00:09]", 100).steps, 0);
    struct wt_progress p = fed(pattern, "\r 20%|## | 2/10 [00:02<00:08]", 200);
    assert_true(p.steps == 1 && p.t_ns == 100);
    p = fed(pattern, "\r\n", 300);
    assert_true(p.steps == 2 && p.t_ns == 200);
    pattern_free(pattern);
}

static void epochs_take_the_last_metric(void **state)
{
    (void)state;
    struct pattern *pattern = made(NULL, "acc(?:uracy)?[= ]([-+.0-9eE]+)", "^epoch");
    struct wt_progress p = fed(pattern, "acc=0.5\n", 1);
    assert_true(p.epochs == 0 && isnan(p.metric));
    p = fed(pattern, "epoch 1\n", 2);
    assert_true(p.epochs == 1 && p.epoch_t_ns == 2 && p.metric == 0.5);
    assert_string_equal(p.metric_name, "accuracy");
    p = fed(pattern, "epoch 2 acc=0.6 accuracy 0.7\n", 3);
    assert_true(p.epochs == 2 && p.metric == 0.7);
    p = fed(pattern, "epoch 3 acc=nan acc=-\n", 4);
    assert_true(p.epochs == 3 && p.metric == 0.7); /* no number */
    pattern_free(pattern);
    pattern = made(NULL, "acc ([0-9.]+)", NULL);
    p = fed(pattern, "acc 0.1\nother\nacc 0.2\n", 1);
    assert_true(p.epochs == 2 && p.metric == 0.2);
    pattern_free(pattern);
}

static void wrong_patterns_say_where(void **state)
{
    (void)state;
    struct pattern *pattern = NULL;
    struct wt_error err;
    assert_int_equal(pattern_new(&pattern, &(struct pattern_options){.step = "ab(c"}, &err),
                     WT_E_PARSE);
    assert_non_null(strstr(err.text, "step pattern"));
    assert_non_null(strstr(err.text, "character 5"));
    assert_int_equal(pattern_new(&pattern, &(struct pattern_options){.metric = "acc"}, &err),
                     WT_E_PARSE);
    assert_non_null(strstr(err.text, "needs a group"));
    assert_null(pattern);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    struct pattern *pattern = made("step", NULL, NULL);
    static char text[200000];
    memset(text, 'x', sizeof text);
    memcpy(text, "step", 4);
    memcpy(text + 65536, "step", 4);
    memcpy(text + 65536 + 65534, "step", 4); /* across the cut: lost */
    memcpy(text + sizeof text - 5, "step\n", 5);
    pattern_feed(pattern, 0, text, sizeof text, 1);
    struct wt_progress p;
    pattern_read(pattern, &p);
    assert_int_equal(p.steps, 3);
    pattern_feed(pattern, 0, "step\n", 5, 2);
    pattern_read(pattern, &p);
    assert_int_equal(p.steps, 4);
    pattern_free(pattern);
}

static void odd_matches_come_to_an_end(void **state)
{
    (void)state;
    const char *const patterns[] = {"x*", "(?=x)", "(?=xx\\K)x", "\\b", "|"};
    const uint64_t steps[] = {2, 0, 0, 0, 0};
    for (unsigned i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        const struct pattern_options options = {.step = patterns[i]};
        struct pattern *pattern = NULL;
        if (pattern_new(&pattern, &options, NULL))
            continue;
        struct wt_progress p = fed(pattern, "axx bx\n", 1);
        if (steps[i])
            assert_int_equal(p.steps, steps[i]);
        assert_true(p.steps <= 7);
        pattern_free(pattern);
    }
}

static void hostile_lines_do_not_hang(void **state)
{
    (void)state;
    const char *const patterns[] = {"(a+)+$",  "(a|aa)+b",    "(?:a?){30}a{30}b",
                                    "[^b]*ac", "(.*)*c",      "a",
                                    "a*[xz]",  "a*[ac]*[xz]", "a.{0,40}[xz]"};
    static char line[65536 + 1];
    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 2] = 'c';
    line[sizeof line - 1] = '\n';
    for (unsigned i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        const struct pattern_options options = {.step = patterns[i]};
        struct pattern *pattern = NULL;
        assert_int_equal(pattern_new(&pattern, &options, NULL), 0);
        int64_t begin_ns = clock_monotonic_ns();
        pattern_feed(pattern, 0, line, sizeof line, 1);
        double took_s = (double)(clock_monotonic_ns() - begin_ns) / 1e9;
        print_message("%-20s %.3f s\n", patterns[i], took_s);
        assert_true(took_s < 20);
        pattern_free(pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_match_is_a_step),
        cmocka_unit_test(a_group_is_the_step_count),
        cmocka_unit_test(progress_bars),
        cmocka_unit_test(epochs_take_the_last_metric),
        cmocka_unit_test(wrong_patterns_say_where),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(odd_matches_come_to_an_end),
        cmocka_unit_test(hostile_lines_do_not_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
