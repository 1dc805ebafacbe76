/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger/: a file that was damaged, or made by an attacker.  The input is a list of changes to a
 * good ledger: three bytes of place, one of value.  It opens or gives a reason; its rows can be
 * printed.
 */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "account/ledger/ledger.h"
#include "base/buffer.h"
#include "base/file.h"
#include "../unit/account/job_trials.h"
#include "fuzz.h"

static struct buffer good;
static char path[96];

static int put_state(void *ctx, unsigned char *bytes, size_t *length, struct wt_error *err)
{
    (void)ctx;
    (void)err;
    memset(bytes, 7, 100);
    *length = 100;
    return 0;
}

static void make_good(void)
{
    struct wt_error err = {0};
    struct ledger *ledger = NULL;
    struct wt_trial trial = {
        .identity.job = "resnet",
        .identity.phase = "training",
        .identity.project = "vision",
        .part.energy_j = 12,
        .outcome.time_s = 3,
        .outcome.reached = -1,
        .part.source = WT_SOURCE_COUNTER,
        .part.gpu_count = 1,
        .profile.count = 1,
        .profile.points = {
            {{WT_KNOB_POWER_LIMIT, 175000}, 40, 0.0025, 0.4375, 0.01, 0.0001, false}}};
    struct ledger_device_energy device = {
        .uuid = "GPU-0", .name = "V100", .energy_j = 12, .source = WT_SOURCE_COUNTER};
    snprintf(trial.part.gpus[0].uuid, WT_UUID_LEN, "GPU-0");
    snprintf(path, sizeof path, "%s/ledger.db", fuzz_folder());
    CHECK(ledger_open(path, 0, &ledger, &err) == 0);
    CHECK(ledger_trial_begin(ledger, &trial, &trial.identity.id, NULL, &err) == 0);
    CHECK(ledger_trial_end(ledger, &trial,
                           &(struct ledger_used){.devices = &device, .device_count = 1},
                           &err) == 0);
    const struct wt_profile_key key = {.job = "resnet", .gpu_model = "V100", .gpu_count = 1};
    static const struct wt_identity identity = {
        .metric = "accuracy", .at_least = true, .target = 0.9};
    CHECK(ledger_state_change(ledger, &key, &identity, put_state, NULL, NULL, &err) == 0);
    ledger_close(ledger);
    CHECK(file_read(path, 1 << 20, &good, &err) == 0);
}

static void is_known(int rc, const struct wt_error *err)
{
    CHECK(rc == 0 ||
          ((rc == WT_E_LEDGER || rc == WT_E_VERSION || rc == WT_E_NOT_FOUND || rc == WT_E_RANGE ||
            rc == WT_E_INVALID || rc == WT_E_NO_MEMORY || rc == WT_E_BUSY) &&
           err->text[0] && err->code == rc));
}

static void read_all(struct ledger *ledger)
{
    struct wt_error err = {0};
    struct wt_job_row *rows = NULL;
    struct wt_trial *trials = NULL;
    struct wt_profile_point points[WT_MAX_LIMITS];
    struct wt_profile_key key = {
        .job = "resnet", .batch_size = 1, .gpu_model = "V100", .gpu_count = 1};
    size_t count = 0;
    unsigned point_count = 0;
    int rc = ledger_jobs(ledger, &rows, &count, &err);
    is_known(rc, &err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        CHECK(memchr(rows[i].job, '\0', sizeof rows[i].job) &&
              memchr(rows[i].phase, '\0', sizeof rows[i].phase));
    free(rows);
    rc = ledger_job_trials(ledger, "resnet", &trials, &count, &err);
    is_known(rc, &err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        CHECK(trials[i].part.gpu_count <= WT_MAX_DEVICES &&
              trials[i].profile.count <= WT_MAX_LIMITS);
        CHECK(trials[i].part.source <= WT_SOURCE_REPLAYED &&
              memchr(trials[i].outcome.note, '\0', sizeof trials[i].outcome.note));
    }
    free(trials);
    struct learn_state *states = NULL;
    double steps = 0;
    rc = ledger_states(ledger, "resnet", &states, &count, &err);
    is_known(rc, &err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        CHECK(states[i].length <= LEARN_STATE_MOST &&
              memchr(states[i].identity.words, '\0', sizeof states[i].identity.words) &&
              memchr(states[i].gpu_model, '\0', sizeof states[i].gpu_model));
    free(states);
    is_known(ledger_steps_per_epoch(ledger, "resnet", 32, &steps, &err), &err);
    is_known(ledger_profile_get(ledger, &key, points, WT_MAX_LIMITS, &point_count, &err), &err);
    CHECK(point_count <= WT_MAX_LIMITS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!good.text)
        make_good();
    struct buffer bad = {0};
    struct ledger *ledger = NULL;
    struct wt_error err = {0};
    buffer_append(&bad, good.text, good.length);
    for (size_t i = 0; i + 4 <= size; i += 4)
        bad.text[((size_t)data[i] << 16 | (size_t)data[i + 1] << 8 | data[i + 2]) % good.length] =
            (char)data[i + 3];
    char other[128];
    static const char *const beside[] = {"-wal", "-shm", "-journal"};
    for (unsigned i = 0; i < 3; i++) {
        snprintf(other, sizeof other, "%s%s", path, beside[i]);
        unlink(other);
    }
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, bad.text, bad.length) == (ssize_t)bad.length && close(fd) == 0);
    buffer_clear(&bad);
    int rc = ledger_open(path, LEDGER_READ_ONLY | LEDGER_SHORT_WAIT, &ledger, &err);
    is_known(rc, &err);
    CHECK((rc == 0) == (ledger != NULL));
    if (rc == 0)
        read_all(ledger);
    CHECK(ledger_close(ledger) == NULL);
    return 0;
}
