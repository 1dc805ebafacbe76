/* SPDX-License-Identifier: Apache-2.0
 *
 * progress/channel*.c: the file that training processes can write to as they like.  The input is a
 * list of writes, as text, one a line: `slot field value`, of which a letter names the field, or
 * `cut N`, `raw OFFSET HEX`; a `read` between them.  A reader sees counts that never go back, times
 * of the past and a metric that can be printed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuzz.h"
#include "measure/progress/channel.h"
#include "measure/progress/channel_layout.h"
#include "measure/progress/channel_merge.h"

static int fd;
static int64_t created_ns;
static struct channel_slot slots[CHANNEL_SLOTS];

static void printable(const char name[WT_METRIC_LEN])
{
    CHECK(memchr(name, '\0', WT_METRIC_LEN));
    for (const char *c = name; *c; c++)
        CHECK(*c >= 0x20 && *c < 0x7f);
}

/* The merge by itself, at a clock that leaves room for counts of any size. */
static void merged(void)
{
    const int64_t from_ns = 1000, to_ns = INT64_C(1) << 60;
    struct channel_merged m;
    channel_merge(slots, CHANNEL_SLOTS, from_ns, to_ns, &m);
    CHECK(m.last_ns == 0 || (m.last_ns >= from_ns && m.last_ns <= to_ns));
    CHECK(m.epoch_ns == 0 || (m.epoch_ns >= from_ns && m.epoch_ns <= to_ns));
    CHECK((m.steps == 0) == (m.last_ns == 0) && (m.epochs == 0) == (m.epoch_ns == 0));
    CHECK(!isinf(m.metric) && (m.epochs || isnan(m.metric)));
    printable(m.metric_name);
}

static void read_once(struct channel *channel, struct wt_progress *before)
{
    struct wt_progress now = *before;
    struct wt_error err = {0};
    int rc = channel_read(channel, &now, &err);
    if (rc) {
        CHECK((rc == WT_E_IO || rc == WT_E_PARSE) && err.text[0]);
        CHECK(memcmp(&now, before, sizeof now) == 0);
        return;
    }
    CHECK(now.steps >= before->steps && now.epochs >= before->epochs);
    CHECK(now.t_ns >= before->t_ns && now.epoch_t_ns >= before->epoch_t_ns);
    int64_t end_ns = clock_monotonic_ns();
    CHECK(now.t_ns == 0 || (now.t_ns >= created_ns && now.t_ns <= end_ns));
    CHECK(now.epoch_t_ns == 0 || (now.epoch_t_ns >= created_ns && now.epoch_t_ns <= end_ns));
    CHECK(!isinf(now.metric));
    printable(now.metric_name);
    *before = now;
}

static void put(off_t at, const void *bytes, size_t size)
{
    CHECK(pwrite(fd, bytes, size, at) == (ssize_t)size);
}

static void write_field(unsigned i, char field, const char *value)
{
    struct channel_slot *slot = &slots[i % CHANNEL_SLOTS];
    uint64_t number = strtoull(value, NULL, 10);
    switch (field) {
    case 'q':
        slot->sequence = (uint32_t)number;
        break;
    case 'p':
        slot->pid = (uint32_t)number;
        break;
    case 's':
        slot->steps = number;
        break;
    case 'c':
        slot->claimed_ns = value[0] == '+' ? created_ns + (int64_t)(number >> 2) : (int64_t)number;
        break;
    case 'l':
        slot->last_ns = value[0] == '+' ? created_ns + (int64_t)(number >> 2) : (int64_t)number;
        break;
    case 'r':
        slot->epoch_sequence = (uint32_t)number;
        break;
    case 'e':
        slot->epochs = number;
        break;
    case 't':
        slot->epoch_ns = (int64_t)number;
        break;
    case 'm':
        slot->metric = strtod(value, NULL);
        break;
    case 'n':
        strncpy(slot->metric_name, value, WT_METRIC_LEN);
        break;
    default:
        return;
    }
    put((off_t)(offsetof(struct channel_file, slots) + (i % CHANNEL_SLOTS) * sizeof *slot), slot,
        sizeof *slot);
}

static void take_line(const char *line, struct channel *channel, struct wt_progress *before)
{
    unsigned i, at;
    char field;
    int used = 0;
    if (strcmp(line, "read") == 0) {
        read_once(channel, before);
    } else if (sscanf(line, "cut %u", &i) == 1) {
        CHECK(ftruncate(fd, i % (2 * sizeof(struct channel_file))) == 0);
    } else if (sscanf(line, "claimed %u", &i) == 1) {
        put(offsetof(struct channel_file, header.claimed), &i, sizeof i);
    } else if (sscanf(line, "raw %u %x", &at, &i) == 2) {
        put((off_t)(at % sizeof(struct channel_file)), &i, sizeof i);
    } else if (sscanf(line, "%u %c %n", &i, &field, &used) == 2 && used > 0) {
        write_field(i, field, line + used);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    setenv("XDG_RUNTIME_DIR", fuzz_folder(), 1);
    struct channel *channel = NULL;
    struct wt_error err;
    struct wt_progress before = {.metric = NAN};
    memset(slots, 0, sizeof slots);
    created_ns = clock_monotonic_ns();
    CHECK(channel_create(&channel, geteuid(), &err) == 0);
    fd = open(channel_path(channel), O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    uint32_t all = CHANNEL_SLOTS;
    put(offsetof(struct channel_file, header.claimed), &all, sizeof all);
    char *text = fuzz_text(data, size), *rest = text;
    for (const char *line; (line = fuzz_line(&rest));)
        take_line(line, channel, &before);
    read_once(channel, &before);
    merged();
    channel_request_stop(channel, &err);
    CHECK(channel_close(channel) == NULL);
    close(fd);
    free(text);
    return 0;
}
