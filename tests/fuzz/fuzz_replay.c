/* SPDX-License-Identifier: Apache-2.0
 *
 * measure/sense/replay.c: a recording, a file from somebody else.  An accepted one answers like a
 * device, and is the same again when `monitor --csv` has printed it.
 */
#include "base/clock.h"
#include "fuzz.h"
#include "measure/sense/sense.h"
#include "show/text/view.h"

static int64_t now_ns;

static int64_t still(void)
{
    return now_ns;
}

static void same_state(const struct wt_state *a, const struct wt_state *b)
{
    CHECK(a->known == b->known);
    CHECK(!(a->known & WT_STATE_POWER) || a->power_mw == b->power_mw);
    CHECK(!(a->known & WT_STATE_LIMIT) || a->limit_mw == b->limit_mw);
    CHECK(!(a->known & WT_STATE_ENFORCED) || a->enforced_limit_mw == b->enforced_limit_mw);
    CHECK(!(a->known & WT_STATE_TEMPERATURE) || a->temperature_c == b->temperature_c);
    CHECK(!(a->known & WT_STATE_UTILIZATION) || a->utilization_percent == b->utilization_percent);
    CHECK(!(a->known & WT_STATE_SM_CLOCK) || a->sm_clock_mhz == b->sm_clock_mhz);
    CHECK(!(a->known & WT_STATE_MEMORY) || a->memory_used_bytes == b->memory_used_bytes);
    /* twelve digits are printed: exact below 10^12 mJ, some thirty years of a GPU */
    CHECK(!(a->known & WT_STATE_ENERGY) || a->energy_mj >= 1000000000000 ||
          a->energy_mj == b->energy_mj);
}

static void print_and_read_again(const struct wt_device *device, const struct wt_state *state)
{
    struct buffer csv = {0};
    view_monitor_csv_heading(&csv, false);
    view_monitor_csv(&csv, INT64_C(1740830400123), device, state, NULL, 1);
    struct sense_options options = {.replay_path =
                                        fuzz_file((const uint8_t *)csv.text, csv.length)};
    struct sense *sense = NULL;
    struct wt_error err = {0};
    struct wt_state again;
    if (sense_open(&options, &sense, &err))
        fprintf(stderr, "%s\n%s", err.text, csv.text);
    CHECK(sense && sense_device_count(sense) == 1);
    CHECK(sense_state(sense, 0, ~0u, &again, &err) == 0);
    same_state(state, &again);
    sense_close(sense);
    buffer_clear(&csv);
}

static void device(struct sense *sense, unsigned i)
{
    const struct wt_device *d = sense_device(sense, i);
    struct wt_sample before = {0}, sample;
    struct wt_state state;
    struct wt_error err;
    CHECK(memchr(d->uuid, '\0', sizeof d->uuid) && memchr(d->name, '\0', sizeof d->name));
    CHECK(d->counter_tick_ns >= NS_PER_MS);
    int64_t opened_ns = now_ns;
    for (unsigned step = 0; step < 4; step++, now_ns += 50 * NS_PER_MS) {
        int rc = sense_energy(sense, i, &sample, &err);
        CHECK(rc == 0 || rc == WT_E_NO_DATA || rc == WT_E_NOT_SUPPORTED);
        if (rc == 0) {
            CHECK(sample.t_ns == now_ns && sample.lag_ns > 0 &&
                  sample.source == WT_SOURCE_REPLAYED);
            before = sample;
        }
        rc = sense_state(sense, i, ~0u, &state, &err);
        CHECK(rc == 0 || rc == WT_E_NO_DATA);
        if (rc == 0 && before.source != WT_SOURCE_NONE && (state.known & WT_STATE_ENERGY))
            CHECK(state.energy_mj == sample.energy_mj);
    }
    now_ns = opened_ns;
    if (i == 0 && sense_state(sense, i, ~0u, &state, &err) == 0 && !strpbrk(d->uuid, "\r\n") &&
        !strpbrk(d->name, "\r\n"))
        print_and_read_again(d, &state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    if (!started)
        clock_use(still);
    started = true;
    now_ns = 1;
    struct sense_options options = {.replay_path = fuzz_file(data, size)};
    struct sense *sense = NULL;
    struct wt_error err = {0};
    int rc = sense_open(&options, &sense, &err);
    if (rc) {
        CHECK(rc == WT_E_PARSE && err.text[0] && !sense);
        return 0;
    }
    CHECK(sense_device_count(sense) >= 1 && sense_device_count(sense) <= WT_MAX_DEVICES);
    for (unsigned i = 0; i < sense_device_count(sense); i++)
        device(sense, i);
    sense_close(sense);
    return 0;
}
