/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers against NumPy's: every value here was printed by numpy.random.default_rng(seed)
 * (2.4). After each kind of draw the next raw output is compared as well: it tells whether as much
 * was drawn.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tune/decide/random.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void raw_outputs(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, outputs[3];
    } rows[] = {
        {0, {0xa30febcfd9c2825f, 0x4510bdf882d9d721, 0x0a7d3da94ecde8b8}},
        {42, {0xc621fbcd16d92688, 0x705a5661a791ffc1, 0xdbcd12c26eda1624}},
        {UINT64_MAX, {0xae163a7a8c47568f, 0xd86659f5f3382359, 0x01e52b195bc2d24a}},
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct random random;
        random_seed(&random, rows[i].seed);
        for (unsigned k = 0; k < 3; k++)
            assert_true(random_u64(&random) == rows[i].outputs[k]);
    }
}

static void bounded_integers(void **state)
{
    (void)state;
    static const uint32_t counts[] = {2, 3, 10, 1, 1000, 3, 3, 2},
                          values[] = {1, 1, 6, 0, 897, 1, 2, 1};
    struct random random;
    random_seed(&random, 7);
    for (unsigned i = 0; i < COUNT(counts); i++)
        assert_int_equal(random_below(&random, counts[i]), values[i]);
    assert_true(random_u64(&random) == 0x4cd7b2990e375145);
    /* A quarter of all draws is thrown away. */
    static const uint32_t large[] = {2593095922, 72971127,   2602559451,
                                     1659979823, 2030125912, 3155266737};
    random_seed(&random, 5);
    for (unsigned i = 0; i < COUNT(large); i++)
        assert_true(random_below(&random, 3u << 30) == large[i]);
    assert_true(random_u64(&random) == 0x622476854726028f);
}

static void orders(void **state)
{
    (void)state;
    static const unsigned char five[] = {1, 2, 3, 0, 4},
                               twelve[] = {0, 10, 1, 4, 5, 7, 8, 9, 6, 2, 11, 3};
    unsigned char order[64];
    struct random random;
    random_seed(&random, 7);
    random_order(&random, 1, order);
    assert_int_equal(order[0], 0);
    random_order(&random, 2, order);
    assert_true(order[0] == 0 && order[1] == 1);
    random_order(&random, 5, order);
    assert_memory_equal(order, five, sizeof five);
    random_order(&random, 12, order);
    assert_memory_equal(order, twelve, sizeof twelve);
    assert_true(random_u64(&random) == 0xfed91b48826b236b);
    for (unsigned n = 1; n <= 64; n++) {
        uint64_t seen = 0;
        random_order(&random, n, order);
        for (unsigned i = 0; i < n; i++)
            seen |= UINT64_C(1) << order[i];
        assert_true(seen == UINT64_MAX >> (64 - n));
    }
}

static void normals(void **state)
{
    (void)state;
    static const double first[] = {0.30471707975443135, -1.0399841062404955, 0.7504511958064572,
                                   0.9405647163912139, -1.9510351886538364};
    struct random_normals tables;
    struct random random;
    random_normals_init(&tables);
    random_seed(&random, 42);
    for (unsigned i = 0; i < COUNT(first); i++)
        assert_true(fabs(random_normal(&random, &tables) - first[i]) < 1e-15);
    /* Long enough for every layer, its edge and the tail on both sides. */
    static const struct {
        uint64_t seed, next;
        double sum, most, least;
        unsigned in_tail;
    } rows[] = {
        {1, 0x3a2c6c8561559d5c, -899.710374760822, 4.406353522522504, -4.199743508838311, 90},
        {2, 0x117f953bca7d88a0, 192.2639719200573, 4.915983361699271, -4.785530435201, 87},
        {3, 0x336774a08f18362e, 430.6107190212938, 4.369477573047474, -4.574671029819804, 68},
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        double sum = 0, most = 0, least = 0;
        unsigned in_tail = 0;
        random_seed(&random, rows[i].seed);
        for (unsigned k = 0; k < 300000; k++) {
            double x = random_normal(&random, &tables);
            sum += x;
            most = fmax(most, x);
            least = fmin(least, x);
            in_tail += fabs(x) > 3.6541528853610088;
        }
        assert_true(fabs(sum - rows[i].sum) < 1e-7 && fabs(most - rows[i].most) < 1e-12 &&
                    fabs(least - rows[i].least) < 1e-12);
        assert_int_equal(in_tail, rows[i].in_tail);
        assert_true(random_u64(&random) == rows[i].next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(raw_outputs),
                                       cmocka_unit_test(bounded_integers), cmocka_unit_test(orders),
                                       cmocka_unit_test(normals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
