/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorder and replay: sense/ reads back the lines of show/ to the last bit that a recording
 * holds, and names the line of a file that is no recording.
 */
#include "sysfs_help.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "measure/sense/sense.h"
#include "show/text/view.h"

static int64_t now_ns;

static int64_t invented_clock(void)
{
    return now_ns;
}

static int open_text(const char *text, void **source, struct wt_error *err)
{
    char path[512];
    tree_put("recording.csv", text);
    tree_path(path, "recording.csv");
    struct sense_options options = {.replay_path = path};
    assert_true(sense_replay.wanted(&options));
    return sense_replay.open(&options, source, err);
}

static const struct wt_device devices[2] = {
    {.index = 2, .uuid = "GPU-1", .name = "A \"quoted\", name"},
    {.index = 5, .uuid = "GPU-2", .name = "no counter"}};
static const int64_t FIRST_NS = 123456789, INTERVAL_NS = 50 * NS_PER_MS;
enum { ROWS = 100 };

/* 100.001 W into a counter beyond what 12 digits hold; the second device tells power only, and not
 * always. */
static void fill(struct wt_state states[2], unsigned row)
{
    states[0] = (struct wt_state){.t_ns = FIRST_NS + row * INTERVAL_NS,
                                  .known = (1u << 9) - 1,
                                  .power_mw = 100001,
                                  .limit_mw = 250000,
                                  .enforced_limit_mw = 200000,
                                  .temperature_c = 55,
                                  .utilization_percent = 57,
                                  .sm_clock_mhz = 1380,
                                  .memory_used_bytes = 17179869183,
                                  .energy_mj = 1234567890123456 + row * 5001,
                                  .throttle = WT_THROTTLE_SW_POWER_CAP | WT_THROTTLE_SYNC_BOOST};
    states[1] = (struct wt_state){.t_ns = FIRST_NS + row * INTERVAL_NS + 1000,
                                  .known = WT_STATE_POWER | WT_STATE_THROTTLE,
                                  .power_mw = 50000 + row};
    if (row == 7)
        states[1].known = 0;
}

static void *record(void)
{
    struct buffer text = {0};
    struct wt_state states[2];
    struct wt_error err;
    void *source;
    view_record_heading(&text);
    for (unsigned row = 0; row < ROWS; row++) {
        fill(states, row);
        /* The wall clock is set back in the middle, as a time server does. */
        view_record(&text, 1740830400000 + (row < 50 ? row * 50 : 0), devices, states, 2);
    }
    now_ns = 1000 * NS_PER_S;
    if (open_text(buffer_text(&text), &source, &err))
        fail_msg("%s", err.text);
    buffer_clear(&text);
    return source;
}

static void same(const struct wt_state *got, const struct wt_state *put)
{
    assert_int_equal(got->t_ns, now_ns);
    assert_int_equal(got->known, put->known);
    assert_int_equal(got->power_mw, put->power_mw);
    assert_int_equal(got->limit_mw, put->limit_mw);
    assert_int_equal(got->enforced_limit_mw, put->enforced_limit_mw);
    assert_int_equal(got->temperature_c, put->temperature_c);
    assert_int_equal(got->utilization_percent, put->utilization_percent);
    assert_int_equal(got->sm_clock_mhz, put->sm_clock_mhz);
    assert_int_equal(got->memory_used_bytes, put->memory_used_bytes);
    assert_int_equal(got->energy_mj, put->energy_mj);
    assert_int_equal(got->throttle, put->throttle);
}

static void round_trip(void **state)
{
    (void)state;
    void *source = record();
    struct wt_device device;
    struct wt_sample sample;
    struct wt_state got, states[2];
    assert_int_equal(sense_replay.count(source), 2);
    assert_int_equal(sense_replay.device(source, 0, &device, NULL), 0);
    assert_int_equal(device.index, 2);
    assert_string_equal(device.name, devices[0].name);
    assert_string_equal(device.uuid, "GPU-1");
    assert_true(device.replayed && device.has_energy_counter);
    assert_int_equal(device.counter_tick_ns, INTERVAL_NS);
    assert_int_equal(sense_replay.device(source, 1, &device, NULL), 0);
    assert_false(device.has_energy_counter);
    assert_true(device.power_tick_ns >= INTERVAL_NS &&
                device.power_tick_ns <= INTERVAL_NS * 51 / 50);
    assert_int_equal(sense_replay.state(source, 1, ~0u, &got, NULL),
                     0); /* its first row is 1 us away */
    assert_int_equal(got.power_mw, 50000);
    for (unsigned row = 0; row < ROWS; row++) {
        now_ns = 1000 * NS_PER_S + row * INTERVAL_NS + 2000;
        fill(states, row);
        assert_int_equal(sense_replay.energy(source, 0, &sample, NULL), 0);
        assert_int_equal(sample.energy_mj, states[0].energy_mj);
        assert_int_equal(sample.source, WT_SOURCE_REPLAYED);
        assert_int_equal(sample.t_ns, now_ns);
        assert_int_equal(sense_replay.state(source, 0, ~0u, &got, NULL), 0);
        same(&got, &states[0]);
        assert_int_equal(sense_replay.state(source, 1, ~0u, &got, NULL), 0);
        assert_int_equal(got.known, WT_STATE_POWER | WT_STATE_THROTTLE);
        assert_int_equal(got.throttle, 0);
        assert_int_equal(
            got.power_mw,
            50000 + (row == 7 ? 6 : row)); /* the row that is missing leaves the one before */
        assert_int_equal(sense_replay.energy(source, 1, &sample, NULL), WT_E_NO_DATA);
    }
    now_ns = 1000 * NS_PER_S + (ROWS + 5) * INTERVAL_NS; /* the recording has ended */
    assert_int_equal(sense_replay.energy(source, 0, &sample, NULL), WT_E_NO_DATA);
    assert_int_equal(sense_replay.state(source, 0, ~0u, &got, NULL), WT_E_NO_DATA);
    sense_replay.close(source);
}

/* Rows that are closer than the counter's ticks tell how old a value may be. */
static void tick_of_the_counter(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct wt_device device;
    struct wt_sample sample;
    struct wt_error err;
    void *source;
    buffer_print(&text, "t_ns,energy_j,index,time\n");
    for (unsigned row = 0; row <= 100; row++)
        buffer_print(&text, "%u,%u,0,2025-03-01T12:00:00Z\n", row * 10000000, 7 + row / 10);
    now_ns = 0;
    assert_int_equal(open_text(buffer_text(&text), &source, &err), 0);
    buffer_clear(&text);
    assert_int_equal(sense_replay.device(source, 0, &device, NULL), 0);
    assert_int_equal(device.counter_tick_ns, 100 * NS_PER_MS);
    assert_int_equal(sense_replay.energy(source, 0, &sample, NULL), 0);
    assert_int_equal(sample.lag_ns, 110 * NS_PER_MS);
    sense_replay.close(source);
}

/* Lines of `monitor --csv` have no t_ns: the wall clock is all there is. */
static void by_wall_clock(void **state)
{
    (void)state;
    struct wt_error err;
    struct wt_sample sample;
    void *source;
    now_ns = 0;
    assert_int_equal(
        open_text(
            "time,index,energy_j\n2025-03-01T12:00:00.000Z,0,1.5\n2025-03-01T12:00:01.500Z,0,2\n",
            &source, &err),
        0);
    now_ns = 1499 * NS_PER_MS;
    assert_int_equal(sense_replay.energy(source, 0, &sample, NULL), 0);
    assert_int_equal(sample.energy_mj, 1500);
    now_ns = 1500 * NS_PER_MS;
    assert_int_equal(sense_replay.energy(source, 0, &sample, NULL), 0);
    assert_int_equal(sample.energy_mj, 2000);
    sense_replay.close(source);
}

static void no_recording(void **state)
{
    (void)state;
#define HEAD "time,index,energy_j,throttle,utilization,t_ns\n"
#define T "2025-03-01T12:00:00.000Z"
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "no row"},
        {HEAD, "no row"},
        {"time,index\n" T ",0\n", "column energy_j"},
        {HEAD T ",0,1,none,0.5\n", ":2: the row ends before its column t_ns"},
        {HEAD T ",0,1,none,0.5,\n", ":2: t_ns is not"},
        {HEAD T ",0,1,none,0.5,-1\n", ":2: t_ns is not"},
        {HEAD T ",0,1,none,0.5,9999999999999999999\n", ":2: t_ns is not"},
        {HEAD T ",0,1,none,0.5,5\n" T ",0,1,none,0.5,4\n", ":3: the time goes back"},
        {HEAD T ",0,1,hot,0.5,5\n", ":2: \"hot\" is no reason"},
        {HEAD T ",0,1,sync_boost+,0.5,5\n", "is no reason"},
        {HEAD T ",0,1,hw_slowdown_hw_slowdown_hw_slowdown_hw,0.5,5\n", "too long"},
        {HEAD T ",0,1,none,57,5\n", ":2: utilization is \"57\""},
        {HEAD T ",0,one,none,0.5,5\n", ":2: energy_j is \"one\""},
        {HEAD T ",x,1,none,0.5,5\n", ":2: index is not"},
        {HEAD "12:00,0,1,none,0.5,5\n", ":2: time is not"},
        {HEAD "\"" T ",0,1,none,0.5,5\n", ":2: the quotes"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wt_error err = {0};
        void *source;
        int rc = open_text(rows[i].text, &source, &err);
        if (rc != WT_E_PARSE || !strstr(err.text, rows[i].says))
            fail_msg("row %u: %d, %s", i, rc, err.text);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)
    const struct CMUnitTest tests[] = {TEST(round_trip), TEST(tick_of_the_counter),
                                       TEST(by_wall_clock), TEST(no_recording)};
    clock_use(invented_clock);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
