/* SPDX-License-Identifier: Apache-2.0
 *
 * book: the loop ends when its owner says so, and not before its time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/book/book_loop.h"
#include "base/clock.h"

static bool after_five(void *ctx)
{
    unsigned *asked = ctx;
    return ++*asked > 5;
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

/* A loop without a meter waits; INT64_MAX is no moment at all, so that only stop() ends it. */
static void ends_when_it_is_stopped(void **state)
{
    (void)state;
    unsigned asked = 5;
    struct wt_error err;
    struct book_loop loop = {.stop = after_five, .ctx = &asked};
    int64_t begin_ns = clock_now_ns();
    assert_int_equal(book_loop_until(&loop, INT64_MAX, &err), 0);
    assert_true(clock_now_ns() - begin_ns < NS_PER_S);
    assert_true(asked > 5);
    assert_int_equal(book_loop_end(&loop, &err), 0); /* nothing was begun */
}

/* A stop() that no signal announces is noticed within a second or so. */
static void notices_a_stop_that_comes_later(void **state)
{
    (void)state;
    unsigned asked = 4;
    struct wt_error err;
    struct book_loop loop = {.stop = after_five, .ctx = &asked};
    int64_t begin_ns = clock_now_ns();
    assert_int_equal(book_loop_until(&loop, INT64_MAX, &err), 0);
    assert_true(clock_now_ns() - begin_ns < 10 * NS_PER_S);
}

static void waits_until_its_time(void **state)
{
    (void)state;
    struct wt_error err;
    struct book_loop loop = {.stop = never};
    int64_t t_ns = clock_now_ns() + 20 * NS_PER_MS;
    assert_int_equal(book_loop_until(&loop, t_ns, &err), 0);
    assert_true(clock_now_ns() >= t_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_when_it_is_stopped),
        cmocka_unit_test(notices_a_stop_that_comes_later),
        cmocka_unit_test(waits_until_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
