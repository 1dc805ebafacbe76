/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size over recurrences: orders and beliefs worked out by hand, many recurrences at once,
 * and properties that hold for any history: above all, a state that was put away and taken out
 * again goes on as if nothing had been.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tune/decide/batch_size.h"
#include "tune/decide/learning_rate.h"

#define NEAR(a, b) assert_true(fabs((a) - (double)(b)) <= 1e-12 * fabs((double)(b)))
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct random_normals normals;

/* --- Pruning --- */

/* Runs pruning with a table of costs, negative for a size that misses the target; gives the order
 * of the sizes. */
static const char *order_of(struct pruning *pruning, const double costs[PRUNING_ROUNDS][8])
{
    static char order[64];
    size_t n = 0;
    while (pruning->stage == PRUNING_RUNS) {
        double cost_j = costs[pruning->round][pruning->next];
        order[n++] = (char)('0' + pruning->next);
        pruning_add(pruning, fabs(cost_j), cost_j >= 0);
    }
    order[n] = '\0';
    return order;
}

static void pruning_by_hand(void **state)
{
    (void)state;
    struct pruning pruning;
    /* Down from 3 to the first that fails (1), then up to the first that fails (5): 0, 6 and 7 are
     * never tried.  The second round begins with 2, the cheapest. */
    const double fails_at_both_ends[2][8] = {{1, -9, 5, 6, 7, -9, 1, 1}, {0, 0, 5, 4, 7, 0, 0, 0}};
    pruning_init(&pruning, 8, 3);
    assert_string_equal(order_of(&pruning, fails_at_both_ends), "3214"
                                                                "5"
                                                                "234");
    assert_int_equal(pruning.stage, PRUNING_DONE);
    assert_true(pruning.left == 0x1c);
    assert_int_equal(pruning.best, 3);
    /* A size that fails in the second round only is no arm, nor are the sizes beyond. */
    const double fails_later[2][8] = {{1, 2, 3, 4}, {1, -2, 3, 4}};
    pruning_init(&pruning, 4, 2);
    assert_string_equal(order_of(&pruning, fails_later), "2103"
                                                         "01");
    assert_true(pruning.stage == PRUNING_DONE && pruning.left == 1);
    /* Ties keep the size that was tried first. */
    const double ties[2][8] = {{7, 7, 7}, {7, 7, 7}};
    pruning_init(&pruning, 3, 1);
    assert_string_equal(order_of(&pruning, ties), "102"
                                                  "102");
    pruning_init(&pruning, 1, 0);
    assert_string_equal(order_of(&pruning, ties), "00");
    assert_true(pruning.left == 1);
}

static void pruning_that_fails(void **state)
{
    (void)state;
    struct pruning pruning;
    const double first[2][8] = {{1, -2, 3}, {0}};
    pruning_init(&pruning, 3, 1);
    assert_string_equal(order_of(&pruning, first), "1");
    assert_int_equal(pruning.stage, PRUNING_DEFAULT_FAILED);
    const double second[2][8] = {{1, 2, 3}, {-1, 0, 0}};
    pruning_init(&pruning, 2, 1);
    assert_string_equal(order_of(&pruning, second), "10"
                                                    "01"); /* the larger one still has its turn */
    assert_int_equal(pruning.stage, PRUNING_DONE);
    const double none[2][8] = {{1, 2, 3}, {-1, -1, -1}};
    pruning_init(&pruning, 3, 1);
    assert_string_equal(order_of(&pruning, none), "102"
                                                  "01");
    assert_int_equal(pruning.stage, PRUNING_NONE_REACHED);
}

/* All sizes of a word, for every default: each is tried exactly once a round when none fails. */
static void pruning_of_the_largest_set(void **state)
{
    (void)state;
    for (unsigned start = 0; start < 64; start++) {
        struct pruning pruning;
        uint64_t seen[2] = {0, 0};
        pruning_init(&pruning, 64, start);
        for (unsigned i = 0; i < 128; i++) {
            assert_int_equal(pruning.stage, PRUNING_RUNS);
            seen[pruning.round] ^= UINT64_C(1) << pruning.next;
            pruning_add(&pruning, 1, true);
        }
        assert_true(pruning.stage == PRUNING_DONE && seen[0] == UINT64_MAX &&
                    seen[1] == UINT64_MAX);
    }
}

/* --- Beliefs --- */

static void beliefs_by_hand(void **state)
{
    (void)state;
    struct thompson_options flat = batch_size_usual(), prior = flat, window = flat;
    struct arm arm = {0};
    arm_add(&arm, &flat, 100);
    assert_true(arm_belief(&arm, &flat).mean_j == 100 && arm_belief(&arm, &flat).sd_j == 0);
    arm_add(&arm, &flat, 100);
    assert_true(arm_belief(&arm, &flat).sd_j == 0); /* equal costs: a point mass */
    arm_add(&arm, &flat, 130);
    /* variance 200 of the population, precision 3/200 */
    NEAR(arm_belief(&arm, &flat).mean_j, 110);
    NEAR(arm_belief(&arm, &flat).sd_j, sqrt(200.0 / 3));
    prior.prior_mean_j = 50;
    prior.prior_precision = 0.01;
    NEAR(arm_belief(&arm, &prior).mean_j, (0.01 * 50 + 330 / 200.0) / 0.025);
    NEAR(arm_belief(&arm, &prior).sd_j, sqrt(1 / 0.025));
    struct arm unseen = {0};
    NEAR(arm_belief(&unseen, &prior).mean_j, 50);
    NEAR(arm_belief(&unseen, &prior).sd_j, 10);
    window.window = 2;
    struct arm drifting = {0};
    const double costs_j[] = {900, 100, 110, 130};
    for (unsigned i = 0; i < COUNT(costs_j); i++)
        arm_add(&drifting, &window, costs_j[i]);
    NEAR(arm_belief(&drifting, &window).mean_j, 120);
    NEAR(arm_belief(&drifting, &window).sd_j, sqrt(100.0 / 2));
    assert_int_equal(drifting.observed, 4);
}

static void exploring_comes_first(void **state)
{
    (void)state;
    struct thompson_options options = batch_size_usual();
    struct arm arms[4] = {0};
    struct random random;
    random_seed(&random, 3);
    for (unsigned i = 0; i < 7; i++)
        arm_add(&arms[i % 4], &options, i); /* arm 3 has one cost, the others two */
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(thompson_choose(arms, 0xf, &options, &random, &normals), 3);
    assert_int_not_equal(thompson_choose(arms, 0x7, &options, &random, &normals), 3);
}

/* With point masses the cheapest is chosen, the smaller size on a tie; and an arm that is not asked
 * about never is. */
static void the_cheapest_is_chosen(void **state)
{
    (void)state;
    struct thompson_options options = batch_size_usual();
    struct arm arms[5] = {0};
    struct random random;
    random_seed(&random, 4);
    const double costs_j[] = {1, 9, 5, 5, 7};
    for (unsigned i = 0; i < 10; i++)
        arm_add(&arms[i % 5], &options, costs_j[i % 5]);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(thompson_choose(arms, 0x1e, &options, &random, &normals), 2);
    /* A certain 5 against 6 +- 1: the dearer one wins as often as a normal exceeds 1, 15.9 %. */
    arms[3] = (struct arm){0};
    arm_add(&arms[3], &options, 6 - sqrt(2));
    arm_add(&arms[3], &options, 6 + sqrt(2));
    unsigned wins = 0;
    for (unsigned i = 0; i < 10000; i++)
        wins += thompson_choose(arms, 0xc, &options, &random, &normals) == 3;
    assert_in_range(wins, 1587 - 150, 1587 + 150); /* four standard deviations */
}

/* The draws in their order: an order of the arms, then a normal for each from the smallest size on,
 * added to the reward. */
static void the_draws_of_a_choice(void **state)
{
    (void)state;
    struct thompson_options options = batch_size_usual();
    struct arm arms[6] = {0};
    const unsigned char among[] = {0, 2, 3, 5};
    struct random random;
    for (unsigned i = 0; i < 12; i++)
        arm_add(&arms[i % 6], &options, 100 + i % 6 + 10 * (i / 6)); /* 105 + size, +- 5/sqrt(2) */
    random_seed(&random, 6);
    for (unsigned round = 0; round < 50; round++) {
        struct random copy = random;
        unsigned char order[64];
        double best = -INFINITY;
        unsigned expected = 0;
        random_order(&copy, COUNT(among), order);
        for (unsigned i = 0; i < COUNT(among); i++) {
            double reward = -(105.0 + among[i]) + 5 / sqrt(2) * random_normal(&copy, &normals);
            if (reward > best) {
                best = reward;
                expected = among[i];
            }
        }
        assert_int_equal(thompson_choose(arms, 0x2d, &options, &random, &normals), expected);
        assert_true(random_u64(&copy) == random_u64(&random));
    }
}

/* --- One recurrence after the other --- */

static struct batch_size_options usual_options(double beta)
{
    return (struct batch_size_options){.count = 4,
                                       .sizes = {16, 32, 64, 128},
                                       .default_size = 64,
                                       .beta = beta,
                                       .thompson = batch_size_usual(),
                                       .seed = 1};
}

static struct batch_size started(double beta)
{
    struct batch_size_options options = usual_options(beta);
    struct batch_size state;
    assert_int_equal(batch_size_init(&state, &options, NULL), 0);
    return state;
}

static uint32_t claim(struct batch_size *state, struct batch_size_claim *held)
{
    assert_int_equal(batch_size_claim(state, &normals, 0, 1000, held, NULL), 0);
    return state->sizes[held->size];
}

/* Reports and gives the next size of the recurrence, 0 when it is over. */
static uint32_t report(struct batch_size *state, struct batch_size_claim *held, double cost_j,
                       bool reached)
{
    struct batch_size_result result = {.ran = true, .cost_j = cost_j, .reached = reached};
    int rc = batch_size_report(state, &normals, held->id, &result, held, NULL);
    assert_true(rc == 0 || rc == 1);
    return rc ? state->sizes[held->size] : 0;
}

static void a_recurrence_with_retries(void **state)
{
    (void)state;
    struct batch_size sizes = started(2);
    struct batch_size_claim held;
    assert_true(isinf(batch_size_bound_j(&sizes)));
    assert_int_equal(claim(&sizes, &held), 64);
    assert_int_equal(report(&sizes, &held, 100, true), 0);
    NEAR(batch_size_bound_j(&sizes), 200);
    assert_int_equal(claim(&sizes, &held), 32);
    assert_int_equal(report(&sizes, &held, 190, false),
                     128); /* 16 is dropped; the same recurrence goes on above */
    assert_int_equal(held.tries, 2);
    NEAR(held.spent_j, 190);
    assert_int_equal(report(&sizes, &held, 80, true), 0);
    NEAR(batch_size_bound_j(&sizes), 200);       /* 270 in all: not the cheapest */
    assert_int_equal(claim(&sizes, &held), 128); /* the cheapest run begins the second round */
    assert_int_equal(report(&sizes, &held, 90, true), 0);
    NEAR(batch_size_bound_j(&sizes), 180);
    assert_int_equal(sizes.arms[1].observed, 1); /* of 32, with its cost when it was stopped */
    NEAR(sizes.arms[1].mean_j, 190);
    assert_int_equal(claim(&sizes, &held), 64);
    assert_int_equal(report(&sizes, &held, 100, true), 0);
    assert_int_equal(sizes.pruning.stage, PRUNING_DONE);
    assert_true(sizes.pruning.left == 0xc);
}

static void twenty_tries_and_no_more(void **state)
{
    (void)state;
    struct batch_size sizes = started(INFINITY);
    struct batch_size_claim held;
    for (unsigned i = 0; i < 8; i++) {
        claim(&sizes, &held);
        report(&sizes, &held, 100 + i, true);
    }
    assert_int_equal(sizes.pruning.stage, PRUNING_DONE);
    claim(&sizes, &held);
    for (unsigned i = 1; i < 20; i++)
        assert_int_not_equal(report(&sizes, &held, 50, false), 0);
    assert_int_equal(held.tries, 20);
    assert_int_equal(report(&sizes, &held, 50, false), 0);
    assert_int_equal(sizes.claim_count, 0);
    NEAR(sizes.min_cost_j, 100); /* nothing of it reached the target */
}

static void a_run_that_cannot_start(void **state)
{
    (void)state;
    struct batch_size sizes = started(2);
    struct batch_size_claim held;
    struct wt_error err;
    const struct batch_size_result not_started = {.ran = false};
    claim(&sizes, &held);
    assert_int_equal(batch_size_report(&sizes, &normals, held.id, &not_started, &held, &err),
                     WT_E_INVALID);
    report(&sizes, &held, 100, true);
    assert_int_equal(claim(&sizes, &held), 32);
    assert_int_equal(batch_size_report(&sizes, &normals, held.id, &not_started, &held, &err), 1);
    NEAR(sizes.arms[1].mean_j, 100 * 2 * 100);
    NEAR(held.spent_j, 0); /* nothing was spent */
    assert_int_equal(sizes.sizes[held.size], 128);
    struct batch_size_result impossible = {.ran = true, .cost_j = NAN, .reached = true};
    assert_int_equal(batch_size_report(&sizes, &normals, held.id, &impossible, &held, &err),
                     WT_E_INVALID);
    impossible.cost_j = -1;
    assert_int_equal(batch_size_report(&sizes, &normals, held.id, &impossible, &held, &err),
                     WT_E_INVALID);
    assert_int_equal(sizes.arms[3].observed, 0);
}

static void a_default_that_fails(void **state)
{
    (void)state;
    struct batch_size sizes = started(2);
    struct batch_size_claim held;
    struct wt_error err;
    const struct batch_size_result missed = {.ran = true, .cost_j = 100};
    claim(&sizes, &held);
    assert_int_equal(batch_size_report(&sizes, &normals, held.id, &missed, &held, &err),
                     WT_E_NO_DATA);
    assert_string_equal(err.text, "the default batch size 64 did not reach the target");
    assert_int_equal(batch_size_claim(&sizes, &normals, 0, 1, &held, &err), WT_E_NO_DATA);
    assert_int_equal(sizes.claim_count, 0);
}

static void epochs_that_fit(void **state)
{
    (void)state;
    assert_int_equal(batch_size_epochs_allowed(INFINITY, 10, 100), 100);
    assert_int_equal(batch_size_epochs_allowed(99.9, 10, 100), 9);
    assert_int_equal(batch_size_epochs_allowed(100, 10, 100), 10);
    assert_int_equal(batch_size_epochs_allowed(100, 10, 7), 7);
    assert_int_equal(batch_size_epochs_allowed(9.9, 10, 100), 0);
    assert_int_equal(batch_size_epochs_allowed(0, 10, 100), 0);
    assert_int_equal(batch_size_epochs_allowed(10, 0, 100), 100);
    /* The quotient of these two rounds up to 3, but three epochs cost more than the bound. */
    double bound = nextafter(3 * 1.3, 0);
    assert_true(bound / 1.3 >= 3 && fma(3, 1.3, -bound) > 0);
    assert_int_equal(batch_size_epochs_allowed(bound, 1.3, 100), 2);
    assert_true(batch_size_epoch_fits(100, 90, 10) && !batch_size_epoch_fits(100, 90.5, 10));
    assert_true(batch_size_epoch_fits(INFINITY, 1e9, 1e9) && !batch_size_epoch_fits(100, 0, 101));
}

/* --- Several at once --- */

static void others_run_the_best_while_pruning_waits(void **state)
{
    (void)state;
    struct batch_size sizes = started(INFINITY);
    struct batch_size_claim a, b, c, d;
    assert_int_equal(claim(&sizes, &a), 64);
    assert_int_equal(claim(&sizes, &b), 64); /* the default at first */
    assert_true(a.prunes && !b.prunes);
    assert_int_equal(report(&sizes, &b, 10, true), 0);
    NEAR(sizes.min_cost_j, 10);
    assert_int_equal(sizes.arms[2].observed, 1); /* remembered */
    assert_int_equal(sizes.pruning.next, 2);     /* but pruning still waits for its own run */
    assert_int_equal(report(&sizes, &a, 100, true), 0);
    assert_int_equal(claim(&sizes, &a), 32);
    assert_int_equal(claim(&sizes, &b), 64);
    assert_int_equal(report(&sizes, &a, 90, true), 0);
    assert_int_equal(claim(&sizes, &c), 16);
    assert_int_equal(claim(&sizes, &d), 32); /* by now the best */
    assert_int_equal(report(&sizes, &d, 1000, false),
                     32); /* it fails: again the best, in the same recurrence */
    assert_int_equal(report(&sizes, &c, 200, true), 0);
    assert_int_equal(report(&sizes, &d, 1000, false),
                     128); /* no claim runs pruning's size: now it does */
    assert_true(d.prunes);
    assert_true(sizes.pruning.stage == PRUNING_RUNS && sizes.pruning.good == 0x7);
}

static void a_lapsed_claim_gives_its_size_back(void **state)
{
    (void)state;
    struct batch_size sizes = started(INFINITY);
    struct batch_size_claim a, b, c;
    struct wt_error err;
    assert_int_equal(batch_size_claim(&sizes, &normals, 5000, 1000, &a, NULL), 0);
    assert_int_equal(batch_size_claim(&sizes, &normals, 5500, 1000, &b, NULL), 0);
    assert_int_equal(batch_size_lapse(&sizes, 5999), 0);
    assert_int_equal(batch_size_renew(&sizes, b.id, 5900, 1000, &err), 0);
    assert_int_equal(batch_size_lapse(&sizes, 6000), 1);
    assert_int_equal(sizes.claim_count, 1);
    const struct batch_size_result result = {.ran = true, .cost_j = 1, .reached = true};
    assert_int_equal(batch_size_report(&sizes, &normals, a.id, &result, &a, &err), WT_E_NOT_FOUND);
    assert_int_equal(batch_size_renew(&sizes, a.id, 6000, 1000, &err), WT_E_NOT_FOUND);
    assert_int_equal(sizes.arms[2].observed, 0); /* as if it had never been made */
    assert_true(isinf(sizes.min_cost_j));
    assert_int_equal(claim(&sizes, &c), 64);
    assert_true(c.prunes && c.id > b.id);
    assert_int_equal(batch_size_lapse(&sizes, INT64_MAX), 2);
    assert_int_equal(batch_size_claim(&sizes, &normals, INT64_MAX - 1, INT64_MAX, &a, NULL),
                     0); /* as late as it goes */
    assert_true(a.lapses_ms == INT64_MAX);
}

static void too_many_at_once(void **state)
{
    (void)state;
    struct batch_size sizes = started(INFINITY);
    struct batch_size_claim held;
    for (unsigned i = 0; i < BATCH_CLAIMS_MOST; i++)
        claim(&sizes, &held);
    assert_int_equal(batch_size_claim(&sizes, &normals, 0, 1, &held, NULL), WT_E_BUSY);
}

static void options_that_cannot_be(void **state)
{
    (void)state;
    struct batch_size sizes;
    struct batch_size_options o = usual_options(2);
    o.default_size = 48;
    assert_int_equal(batch_size_init(&sizes, &o, NULL), WT_E_INVALID);
    o = usual_options(2);
    o.sizes[1] = 16;
    assert_int_equal(batch_size_init(&sizes, &o, NULL), WT_E_INVALID);
    o = usual_options(2);
    o.sizes[0] = 0;
    assert_int_equal(batch_size_init(&sizes, &o, NULL), WT_E_INVALID);
    o = usual_options(2);
    o.count = 0;
    assert_int_equal(batch_size_init(&sizes, &o, NULL), WT_E_RANGE);
    o = usual_options(0);
    assert_int_equal(batch_size_init(&sizes, &o, NULL), WT_E_RANGE);
    o = usual_options(NAN);
    assert_int_equal(batch_size_init(&sizes, &o, NULL), WT_E_RANGE);
    o = usual_options(2);
    o.thompson.window = ARM_WINDOW_MOST + 1;
    assert_int_equal(batch_size_init(&sizes, &o, NULL), WT_E_RANGE);
}

/* --- Putting away and taking out --- */

static uint64_t draw_state;

static unsigned draw(unsigned count)
{
    draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(draw_state >> 33) % count;
}

/* One random event of a job whose recurrences overlap: begin, end with or without success, renew,
 * time passing. */
static void random_event(struct batch_size *sizes, int64_t *now_ms)
{
    struct batch_size_claim held;
    *now_ms += draw(300);
    batch_size_lapse(sizes, *now_ms);
    unsigned what = draw(10);
    if (what < 3 || !sizes->claim_count) {
        batch_size_claim(sizes, &normals, *now_ms, 1 + draw(3000), &held, NULL);
        return;
    }
    const struct batch_size_claim *one = &sizes->claims[draw(sizes->claim_count)];
    uint64_t id = one->id;
    double cost_j = 1e5 * (1 + one->size) + draw(100000);
    if (what == 3) {
        batch_size_renew(sizes, id, *now_ms, 1 + draw(3000), NULL);
        return;
    }
    /* The default reaches its target as a rule, the ends of the list less often. */
    bool bounded = isfinite(batch_size_bound_j(sizes));
    struct batch_size_result result = {.ran = !bounded || draw(20) > 0,
                                       .cost_j = cost_j,
                                       .reached = draw(10) > (one->size == 2 ? 0u : 2u)};
    result.epoch_cost_j = draw(4) ? cost_j / (1 + draw(9)) : (double)NAN;
    batch_size_report(sizes, &normals, id, &result, &held, NULL);
}

/* Up to sixty runs on another GPU model; the cost of an epoch is known for half of the sizes. */
static void random_past(struct batch_size *sizes)
{
    struct batch_size_past past[60];
    double costs_j[4];
    size_t count = draw(61);
    for (size_t i = 0; i < count; i++) {
        past[i].size = 16u << draw(5); /* 256 is none of the sizes */
        past[i].epochs = draw(13);
        past[i].reached = draw(10) > 2;
    }
    for (unsigned i = 0; i < 4; i++)
        costs_j[i] = draw(2) ? 1e4 * (1 + draw(9)) : (double)NAN;
    batch_size_take_over(sizes, past, count, costs_j, 12);
}

static void stopping_between_any_two_events_changes_nothing(void **state)
{
    (void)state;
    static unsigned char bytes[BATCH_SIZE_BYTES_MOST], same[BATCH_SIZE_BYTES_MOST];
    static struct batch_size plain, stopped;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct batch_size_options options = usual_options(seed % 3 ? 2 : (double)INFINITY);
        options.seed = seed;
        options.thompson.window = seed % 4 * 3;
        options.thompson.explorations =
            2 + seed % 5; /* more than pruning gives: their order is random */
        assert_int_equal(batch_size_init(&plain, &options, NULL), 0);
        draw_state = seed;
        if (seed % 2)
            random_past(&plain);
        stopped = plain;
        int64_t now_ms = 0;
        for (unsigned event = 0; event < 300; event++) {
            uint64_t before = seed * 1000 + event;
            int64_t again_ms = now_ms;
            draw_state = before;
            random_event(&plain, &now_ms);
            size_t length = batch_size_encode(&stopped, bytes);
            assert_true(length <= BATCH_SIZE_BYTES_MOST);
            memset(&stopped, 0xaa, sizeof stopped);
            assert_int_equal(batch_size_decode(bytes, length, &stopped, NULL), 0);
            draw_state = before;
            random_event(&stopped, &again_ms);
            assert_true(now_ms == again_ms);
            length = batch_size_encode(&plain, bytes);
            assert_int_equal(batch_size_encode(&stopped, same), length);
            assert_memory_equal(bytes, same, length);
        }
    }
}

static void what_always_holds(void **state)
{
    (void)state;
    static struct batch_size sizes;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct batch_size_options options = usual_options(2);
        options.seed = draw_state = seed;
        batch_size_init(&sizes, &options, NULL);
        if (seed % 2)
            random_past(&sizes);
        int64_t now_ms = 0;
        double min_cost_j = INFINITY;
        for (unsigned event = 0; event < 300; event++) {
            uint64_t left = sizes.pruning.left;
            random_event(&sizes, &now_ms);
            unsigned pruners = 0;
            for (unsigned i = 0; i < sizes.claim_count; i++) {
                const struct batch_size_claim *c = &sizes.claims[i];
                pruners += c->prunes;
                assert_in_range(c->tries, 1, BATCH_TRIES_MOST);
                assert_true(c->lapses_ms > now_ms);
                assert_true(!c->prunes || (left >> c->size & 1));
            }
            assert_true(pruners <= 1);
            assert_true((sizes.pruning.left & ~left) ==
                        0); /* a size that was dropped stays dropped */
            assert_true(sizes.min_cost_j <= min_cost_j);
            min_cost_j = sizes.min_cost_j;
        }
    }
}

static void refuse_damage(struct batch_size sizes, unsigned char version)
{
    static unsigned char bytes[BATCH_SIZE_BYTES_MOST + 1], again[BATCH_SIZE_BYTES_MOST];
    static struct batch_size read;
    struct wt_error err;
    int64_t now_ms = 0;
    sizes.random.has_half = true; /* an odd number of draws: rare, since orders draw in pairs */
    sizes.random.half = 0x12345678;
    size_t length = batch_size_encode(&sizes, bytes);
    assert_int_equal(batch_size_decode(bytes, length, &read, NULL), 0);
    assert_true(read.random.has_half && read.random.half == 0x12345678);
    memset(&read, 0x55, sizeof read);
    static struct batch_size untouched;
    memset(&untouched, 0x55, sizeof untouched);
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(batch_size_decode(bytes, cut, &read, &err), WT_E_PARSE);
    assert_int_equal(batch_size_decode(bytes, length + 1, &read, &err), WT_E_PARSE);
    assert_int_equal(bytes[7], version);
    bytes[7] = 3;
    assert_int_equal(batch_size_decode(bytes, length, &read, &err), WT_E_VERSION);
    bytes[7] =
        (unsigned char)(3 - version); /* with the lessons of another GPU missing, or left over */
    assert_int_equal(batch_size_decode(bytes, length, &read, &err), WT_E_PARSE);
    bytes[7] = version;
    assert_memory_equal(&read, &untouched, sizeof read);
    /* With any bit flipped: refused, or a state that is written back as it was read and can be
     * worked with. */
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (batch_size_decode(bytes, length, &read, NULL) == 0) {
            assert_int_equal(batch_size_encode(&read, again), length);
            assert_memory_equal(again, bytes, length);
            for (unsigned i = 0; i < 5; i++)
                random_event(&read, &now_ms);
        }
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_int_equal(batch_size_decode(bytes, length, &read, NULL), 0);
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    static struct batch_size sizes;
    sizes = started(2);
    int64_t now_ms = 0;
    draw_state = 5;
    for (unsigned i = 0; i < 25; i++)
        random_event(&sizes, &now_ms);
    refuse_damage(sizes, 1);
    sizes = started(2);
    const struct batch_size_past past[] = {
        {64, 5, true}, {32, 6, true}, {16, 9, false}, {64, 4, true}};
    const double costs_j[] = {NAN, NAN, 10, 20};
    struct batch_size_claim held;
    batch_size_take_over(&sizes, past, COUNT(past), costs_j, 100);
    claim(&sizes, &held);
    refuse_damage(sizes, 2);
}

/* --- Another GPU model, and the learning rate --- */

/* As the ledger keeps it between any two questions. */
static void put_away_and_take_out(struct batch_size *sizes)
{
    static unsigned char bytes[BATCH_SIZE_BYTES_MOST], same[BATCH_SIZE_BYTES_MOST];
    size_t length = batch_size_encode(sizes, bytes);
    assert_int_equal(bytes[7], sizes->carry.count ? 2 : 1);
    memset(sizes, 0xaa, sizeof *sizes);
    assert_int_equal(batch_size_decode(bytes, length, sizes, NULL), 0);
    assert_int_equal(batch_size_encode(sizes, same), length);
    assert_memory_equal(bytes, same, length);
    assert_int_equal(sizes->taken_over, 0);
}

/* The same as report(), with the cost of an epoch here; *taken is the number of runs that came to
 * count. */
static uint32_t report_epoch(struct batch_size *state, struct batch_size_claim *held, double cost_j,
                             bool reached, double epoch_cost_j, unsigned *taken)
{
    struct batch_size_result result = {
        .ran = true, .cost_j = cost_j, .reached = reached, .epoch_cost_j = epoch_cost_j};
    put_away_and_take_out(state);
    int rc = batch_size_report(state, &normals, held->id, &result, held, NULL);
    assert_true(rc == 0 || rc == 1);
    *taken = state->taken_over;
    return rc ? state->sizes[held->size] : 0;
}

static void history_of_another_gpu(void **state)
{
    (void)state;
    struct batch_size sizes = started(2);
    struct batch_size_claim held;
    /* There: both rounds of 16..128 in pruning's order from 64, 16 stopped early after 9 epochs. */
    const struct batch_size_past past[] = {{64, 5, true},  {32, 6, true}, {16, 9, false},
                                           {128, 4, true}, {64, 6, true}, {128, 5, true},
                                           {32, 7, true},  {64, 5, true}};
    const double costs_j[] = {12, 10, 10, 20};
    /* Here: 64 costs 50, 32 60; the bound is 100, so 16 may run 8 epochs; 128 costs 80.  Round two
     * begins with 64, the cheapest: 60, 70, then 128 with 100; and 64 once more with 50. */
    batch_size_take_over(&sizes, past, COUNT(past), costs_j, 100);
    assert_int_equal(sizes.taken_over, 8);
    assert_int_equal(sizes.carry.count, 0); /* all of it counts */
    assert_int_equal(sizes.pruning.stage, PRUNING_DONE);
    assert_true(sizes.pruning.left == 0xe);
    assert_true(isinf(
        batch_size_bound_j(&sizes))); /* once pruning is done only runs here bound runs here */
    assert_int_equal(sizes.arms[2].observed, 3);
    NEAR(sizes.arms[2].mean_j, (50 + 60 + 50) / 3.0);
    NEAR(sizes.arms[0].mean_j, 108);

    /* Where 16 could run on for longer here, nobody knows how it would end: it is asked for.  Its
     * bound is twice the cost here of the cheapest run there. */
    sizes = started(2);
    const double cheap_small_j[] = {9, 10, 10, 20};
    batch_size_take_over(&sizes, past, COUNT(past), cheap_small_j, 100);
    assert_int_equal(sizes.taken_over, 7);
    assert_int_equal(claim(&sizes, &held), 16);
    assert_true(held.prunes);
    NEAR(batch_size_bound_j(&sizes), 100);
    /* Pruning takes its run; then the history goes on through 128 and the second round. */
    unsigned taken;
    assert_int_not_equal(report_epoch(&sizes, &held, 95, false, 9, &taken), 0);
    assert_int_equal(taken, 0); /* nothing that was not believed before */
    assert_true(sizes.pruning.stage == PRUNING_DONE && sizes.pruning.left == 0xe &&
                sizes.carry.count == 0);

    /* A size without a profile here is run for it first, and the rest waits for it. */
    sizes = started(2);
    const double unknown_j[] = {12, NAN, 10, 20};
    batch_size_take_over(&sizes, past, COUNT(past), unknown_j, 100);
    assert_int_equal(sizes.taken_over, 5); /* all of 64 and 128 */
    assert_int_equal(claim(&sizes, &held), 32);
    assert_int_equal(batch_size_waiting(&sizes, held.size), 2);
    assert_int_equal(batch_size_waiting(&sizes, 2), 0);

    /* A default that failed there is tried here, and sizes that are none here are passed over. */
    sizes = started(2);
    const struct batch_size_past failed[] = {{64, 100, false}, {48, 5, true}};
    batch_size_take_over(&sizes, failed, 2, costs_j, 100);
    assert_int_equal(sizes.taken_over, 0);
    assert_int_equal(claim(&sizes, &held), 64);
}

static void a_history_that_waits_for_its_profiles(void **state)
{
    (void)state;
    struct batch_size sizes = started(2);
    struct batch_size_claim held;
    unsigned taken;
    const struct batch_size_past past[] = {{64, 5, true},  {32, 6, true}, {16, 9, false},
                                           {128, 4, true}, {64, 6, true}, {128, 5, true},
                                           {32, 7, true},  {64, 5, true}};
    const double unknown_j[] = {NAN, NAN, NAN, NAN};
    batch_size_take_over(&sizes, past, COUNT(past), unknown_j, 100);
    assert_int_equal(sizes.taken_over, 0);

    /* Each size of which epochs are known runs once. */
    assert_int_equal(claim(&sizes, &held), 64);
    assert_int_equal(batch_size_waiting(&sizes, held.size), 3);
    assert_true(isinf(batch_size_bound_j(&sizes)));
    assert_int_equal(report_epoch(&sizes, &held, 55, true, 10, &taken), 0);
    assert_int_equal(taken, 3);
    assert_int_equal(sizes.arms[2].observed, 4);
    NEAR(sizes.arms[2].mean_j, (55 + 50 + 60 + 50) / 4.0);
    NEAR(batch_size_bound_j(&sizes),
         110); /* of the run, not of history's 50, which are without its start */
    assert_int_equal(claim(&sizes, &held), 32);
    assert_int_equal(report_epoch(&sizes, &held, 66, true, 10, &taken), 0);
    assert_int_equal(taken, 2);
    /* 16 was stopped after 9 epochs there; whether it would have been here is not known before it
     * ran. */
    assert_int_equal(claim(&sizes, &held), 16);
    assert_int_equal(batch_size_waiting(&sizes, held.size), 0);
    assert_int_equal(report_epoch(&sizes, &held, 99, false, 12, &taken), 128);
    assert_int_equal(taken, 0);
    assert_int_equal(sizes.arms[0].observed, 1); /* runs here; how it ended there says no more */
    /* The second round is all history: 64, the cheapest here, then 32 and 128. */
    assert_int_equal(report_epoch(&sizes, &held, 90, true, 20, &taken), 0);
    assert_int_equal(taken, 2);
    assert_int_equal(sizes.pruning.stage, PRUNING_DONE);
    assert_true(sizes.pruning.left == 0xe);
    assert_int_equal(sizes.carry.count, 0);
    assert_int_equal(sizes.arms[3].observed, 3);
    NEAR(sizes.arms[3].mean_j, (90 + 80 + 100) / 3.0);
    put_away_and_take_out(&sizes);
    claim(&sizes, &held);
    assert_false(held.prunes);
}

static void what_a_history_may_say_without_a_profile(void **state)
{
    (void)state;
    struct batch_size sizes = started(2);
    struct batch_size_claim held, beside;
    unsigned taken;
    const double unknown_j[] = {NAN, NAN, NAN, NAN};
    /* A size that had all epochs there has no more here: 32 is dropped unseen, and with it 16. */
    const struct batch_size_past all_epochs[] = {
        {64, 5, true}, {32, 100, false}, {16, 3, true}, {64, 6, true}};
    batch_size_take_over(&sizes, all_epochs, COUNT(all_epochs), unknown_j, 100);
    assert_int_equal(claim(&sizes, &held), 64);
    assert_int_equal(report_epoch(&sizes, &held, 55, true, 10, &taken), 0);
    assert_int_equal(taken, 3);
    assert_int_equal(sizes.arms[1].observed, 0); /* its cost is not known */
    assert_int_equal(claim(&sizes, &held), 128);
    assert_true(held.prunes);
    assert_int_equal(report_epoch(&sizes, &held, 70, true, 0, &taken),
                     0); /* no profile: its run counts all the same */
    /* Round two: 64 by its history, 128 has none left. */
    assert_int_equal(claim(&sizes, &held), 128);
    assert_int_equal(sizes.pruning.round, 1);

    /* A run that was stopped where it would have gone on here tells nothing, but a later one may.
     */
    sizes = started(2);
    const double known_j[] = {10, 10, 10, 10};
    const struct batch_size_past twice[] = {
        {64, 5, true}, {32, 6, false}, {32, 7, true}, {32, 12, false}};
    batch_size_take_over(&sizes, twice, COUNT(twice), known_j, 100);
    assert_int_equal(sizes.taken_over, 2);
    assert_int_equal(claim(&sizes, &held), 16);

    /* While a size runs for its profile others run beside it, and their lessons count at once: when
     * it is lost, it is not needed any more. */
    sizes = started(2);
    const struct batch_size_past three[] = {{64, 5, true}, {32, 6, true}};
    batch_size_take_over(&sizes, three, COUNT(three), unknown_j, 100);
    assert_int_equal(claim(&sizes, &held), 64);
    assert_int_equal(claim(&sizes, &beside), 64);
    assert_true(held.prunes && !beside.prunes);
    assert_int_equal(report_epoch(&sizes, &beside, 55, true, 10, &taken), 0);
    assert_int_equal(taken, 1);
    assert_int_equal(sizes.pruning.next, 2); /* it still waits for the first */
    assert_int_equal(batch_size_lapse(&sizes, 1000), 1);
    assert_int_equal(claim(&sizes, &held), 32);
    assert_int_equal(batch_size_waiting(&sizes, held.size), 1);
}

static void a_long_history(void **state)
{
    (void)state;
    static struct batch_size_past past[BATCH_PAST_MOST + 200];
    static unsigned char bytes[BATCH_SIZE_BYTES_MOST];
    static struct batch_size sizes;
    struct batch_size_options options = {
        .count = BATCH_SIZES_MOST, .beta = 2, .thompson = batch_size_usual()};
    double unknown_j[BATCH_SIZES_MOST];
    struct batch_size_claim held;
    for (unsigned i = 0; i < BATCH_SIZES_MOST; i++) {
        options.sizes[i] = 1 + i;
        unknown_j[i] = NAN;
    }
    options.default_size = 7;
    options.thompson.window = ARM_WINDOW_MOST;
    assert_int_equal(batch_size_init(&sizes, &options, NULL), 0);
    for (size_t i = 0; i < COUNT(past); i++)
        past[i] = (struct batch_size_past){7, i < 200 ? 1 : 3, true};
    batch_size_take_over(&sizes, past, COUNT(past), unknown_j, 100);
    for (unsigned i = 0; i < BATCH_CLAIMS_MOST; i++)
        claim(&sizes, &held);
    for (unsigned i = 0; i < BATCH_SIZES_MOST; i++) /* no state is larger */
        for (unsigned k = 0; k < ARM_WINDOW_MOST; k++)
            arm_add(&sizes.arms[i], &options.thompson, k);
    size_t length = batch_size_encode(&sizes, bytes);
    assert_in_range(length, BATCH_SIZE_BYTES_MOST - 1500, BATCH_SIZE_BYTES_MOST);
    put_away_and_take_out(&sizes);
    assert_int_equal(batch_size_waiting(&sizes, 6), BATCH_PAST_MOST); /* the last ones */
    assert_int_equal(sizes.carry.past[0].epochs, 3);
}

static void learning_rates(void **state)
{
    (void)state;
    double rate = 0;
    struct wt_error err;
    assert_int_equal(learning_rate_scale("adamw", 0.001, 32, 128, &rate, &err), 0);
    NEAR(rate, 0.002);
    assert_int_equal(learning_rate_scale("sgd", 0.1, 256, 64, &rate, &err), 0);
    NEAR(rate, 0.025);
    assert_int_equal(learning_rate_scale("lamb", 0.3, 64, 64, &rate, &err), 0);
    NEAR(rate, 0.3);
    assert_int_equal(learning_rate_scale("lion", 0.5, 1, 2, &rate, &err), WT_E_NOT_SUPPORTED);
    assert_non_null(strstr(err.text, "lion"));
    assert_int_equal(learning_rate_scale("adam", NAN, 1, 2, &rate, &err), WT_E_INVALID);
    NEAR(rate, 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pruning_by_hand),
        cmocka_unit_test(pruning_that_fails),
        cmocka_unit_test(pruning_of_the_largest_set),
        cmocka_unit_test(beliefs_by_hand),
        cmocka_unit_test(exploring_comes_first),
        cmocka_unit_test(the_cheapest_is_chosen),
        cmocka_unit_test(the_draws_of_a_choice),
        cmocka_unit_test(a_recurrence_with_retries),
        cmocka_unit_test(twenty_tries_and_no_more),
        cmocka_unit_test(a_run_that_cannot_start),
        cmocka_unit_test(a_default_that_fails),
        cmocka_unit_test(epochs_that_fit),
        cmocka_unit_test(others_run_the_best_while_pruning_waits),
        cmocka_unit_test(a_lapsed_claim_gives_its_size_back),
        cmocka_unit_test(too_many_at_once),
        cmocka_unit_test(options_that_cannot_be),
        cmocka_unit_test(stopping_between_any_two_events_changes_nothing),
        cmocka_unit_test(what_always_holds),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(history_of_another_gpu),
        cmocka_unit_test(a_history_that_waits_for_its_profiles),
        cmocka_unit_test(what_a_history_may_say_without_a_profile),
        cmocka_unit_test(a_long_history),
        cmocka_unit_test(learning_rates),
    };
    random_normals_init(&normals);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
