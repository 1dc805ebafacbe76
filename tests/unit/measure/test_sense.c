/* SPDX-License-Identifier: Apache-2.0
 *
 * Which devices are meant, and recordings.  The devices are a source of this test: sense_select()
 * knows them through the ops table only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "measure/sense/sense.h"

/* --- Recordings, which are also the devices of the selection --- */

static char path[64];
static int64_t now_ns = NS_PER_S;

static int64_t test_clock(void)
{
    return now_ns;
}

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/wattune-sense-XXXXXX");
    int fd = mkstemp(path);
    close(fd);
    clock_use(test_clock);
    return fd < 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_use(NULL);
    return unlink(path);
}

static int open_bytes(const char *bytes, size_t length, struct sense **sense, struct wt_error *err)
{
    assert_int_equal(file_write_atomic(path, bytes, length, 0600, NULL), 0);
    return sense_open(&(struct sense_options){.replay_path = path}, sense, err);
}

static int open_text(const char *text, struct sense **sense, struct wt_error *err)
{
    return open_bytes(text, strlen(text), sense, err);
}

#define HEADER "time,index,uuid,name,power_w,energy_j\n"

static uint64_t energy_at(struct sense *sense, unsigned i, int64_t t_ns)
{
    struct wt_sample sample;
    now_ns = t_ns;
    assert_int_equal(sense_energy(sense, i, &sample, NULL), 0);
    assert_int_equal(sample.source, WT_SOURCE_REPLAYED);
    return sample.energy_mj;
}

static void test_replay(void **state)
{
    (void)state;
    struct sense *sense;
    struct wt_state seen;
    struct wt_sample sample;
    now_ns = 50 * NS_PER_S;
    /* CRLF, quotes, columns in another order, an empty line, no newline at the end; two devices. */
    assert_int_equal(
        open_text("index,\"time\",name,energy_j,power_w,other\r\n"
                  "5,2025-03-01T12:00:00.000Z,\"A \"\"big\"\" one, yes\",100.5,200,x\r\n"
                  "2,2025-03-01T12:00:00.000Z,B,7,,\r\n\r\n"
                  "5,2025-03-01T12:00:01.000Z,A,300.5,201,x\r\n"
                  "5,2025-03-01T12:00:02Z,A,500.25,202,x\r\n"
                  "2,2025-03-01T12:00:02.000Z,B,9,,",
                  &sense, NULL),
        0);
    assert_int_equal(sense_device_count(sense), 2);
    const struct wt_device *a = sense_device(sense, 0);
    assert_int_equal(a->index, 5);
    assert_string_equal(a->name, "A \"big\" one, yes");
    assert_string_equal(a->uuid, "GPU-replayed-5");
    assert_int_equal(a->counter_tick_ns, NS_PER_S);
    assert_int_equal(energy_at(sense, 0, 50 * NS_PER_S), 100500);
    assert_int_equal(energy_at(sense, 0, 50 * NS_PER_S + 999 * NS_PER_MS), 100500);
    assert_int_equal(energy_at(sense, 0, 51 * NS_PER_S), 300500);
    assert_int_equal(energy_at(sense, 1, 51 * NS_PER_S), 7000);
    assert_int_equal(energy_at(sense, 0, 53 * NS_PER_S), 500250);
    assert_int_equal(sense_state(sense, 0, WT_STATE_POWER | WT_STATE_LIMIT, &seen, NULL), 0);
    assert_int_equal(seen.known, WT_STATE_POWER);
    assert_int_equal(seen.power_mw, 202000);
    assert_int_equal(sense_state(sense, 1, WT_STATE_POWER, &seen, NULL), 0);
    assert_int_equal(seen.known, 0); /* an empty field is unknown, not 0 */
    now_ns = 60 * NS_PER_S;
    assert_int_equal(sense_energy(sense, 0, &sample, NULL), WT_E_NO_DATA);
    sense_close(sense);
}

/* A gap in a recording is not more data: between two rows far apart the last one stands, and says
 * how old it may be. */
static void test_bad_recordings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *words;
    } files[] = {
        {"", "", "no row"},
        {HEADER, "", "no row"},
        {"time,index\n", ":1:", "energy_j"},
        {"index,energy_j\n", ":1:", "time"},
        {"\n" HEADER "2025-03-01T12:00:00Z,0,u,n,1,1\n", "", NULL},
        {HEADER "yesterday,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "2025-03-01T12:00:00,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "2025-13-01T12:00:00Z,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "2025-03-01T25:00:00Z,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "2025-02-30T12:00:00Z,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "-999-03-01T12:00:00Z,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "2025-03-01T12:00:00.12Z,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "2025-03-01T12:00:00.-12Z,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "2025-03-01T12:00:00. 12Z,0,u,n,1,1\n", ":2:", "time"},
        {HEADER "2025-03-01T12:00:00Z,-1,u,n,1,1\n", ":2:", "index"},
        {HEADER "2025-03-01T12:00:00Z,0x1,u,n,1,1\n", ":2:", "index"},
        {HEADER "2025-03-01T12:00:00Z,0,u,n,1,nan\n", ":2:", "energy_j"},
        {HEADER "2025-03-01T12:00:00Z,0,u,n,1,-1\n", ":2:", "energy_j"},
        {HEADER "2025-03-01T12:00:00Z,0,u,n,1e400,1\n", ":2:", "power_w"},
        {HEADER "2025-03-01T12:00:00Z,0,u\n", ":2:", "ends before"},
        {HEADER "2025-03-01T12:00:00Z,0,\"u,n,1,1\n", ":2:", "quotes"},
        {HEADER "2025-03-01T12:00:00Z,0,\"u\"x,n,1,1\n", ":2:", "quotes"},
        {HEADER "2025-03-01T12:00:01Z,0,u,n,1,1\n2025-03-01T12:00:00Z,0,u,n,1,2\n",
         ":3:", "goes back"},
    };
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct sense *sense = NULL;
        struct wt_error err = {0};
        int rc = open_text(files[i].text, &sense, &err);
        if (!files[i].words) {
            assert_int_equal(rc, 0);
            sense_close(sense);
            continue;
        }
        char place[128];
        snprintf(place, sizeof place, "%s%s", path, files[i].place);
        if (rc != WT_E_PARSE || !strstr(err.text, place) || !strstr(err.text, files[i].words))
            fail_msg("file %u: %d %s", i, rc, err.text);
    }
    struct sense *sense;
    struct wt_error err;
    static const char binary[] = HEADER "2025-03-01T12:00:00Z,0,u\0n,1,1\n";
    assert_int_equal(open_bytes(binary, sizeof binary - 1, &sense, &err), WT_E_PARSE);
    assert_non_null(strstr(err.text, ":2:"));
    char *huge = malloc(100000);
    memset(huge, 'x', 99999);
    huge[99999] = '\0';
    assert_int_equal(open_text(huge, &sense, &err), WT_E_PARSE);
    assert_non_null(strstr(err.text, ":1:"));
    memset(huge, ',', 1000);
    huge[1000] = '\0';
    assert_int_equal(open_text(huge, &sense, &err), WT_E_PARSE);
    free(huge);
    assert_int_equal(
        sense_open(&(struct sense_options){.replay_path = "/nowhere/x.csv"}, &sense, &err),
        WT_E_INVALID);
    assert_non_null(strstr(err.text, "/nowhere/x.csv"));
}

static void test_byte_order_mark(void **state)
{
    (void)state;
    struct sense *sense;
    assert_int_equal(
        open_text("\xef\xbb\xbf" HEADER "2025-03-01T12:00:00Z,0,u,n,1,1\n", &sense, NULL), 0);
    sense_close(sense);
}

/* --- Selection --- */

static struct wt_device boards[WT_MAX_DEVICES];
static unsigned board_count;

static void add_board(const char *uuid, const char *name, const char *pci, uint32_t max_mw)
{
    struct wt_device *d = &boards[board_count];
    *d = (struct wt_device){.index = board_count++, .limit_max_mw = max_mw};
    snprintf(d->uuid, sizeof d->uuid, "%s", uuid);
    snprintf(d->name, sizeof d->name, "%s", name);
    snprintf(d->pci_address, sizeof d->pci_address, "%s", pci);
}

/* This test's own ends of the calls of select.c. */
unsigned __wrap_sense_gpu_count(const struct sense *sense);
const struct wt_device *__wrap_sense_device(const struct sense *sense, unsigned i);
int __wrap_sense_mig_parent(struct sense *sense, const char *uuid, unsigned *i,
                            struct wt_error *err);

unsigned __real_sense_gpu_count(const struct sense *sense);
const struct wt_device *__real_sense_device(const struct sense *sense, unsigned i);
int __real_sense_mig_parent(struct sense *sense, const char *uuid, unsigned *i,
                            struct wt_error *err);

unsigned __wrap_sense_gpu_count(const struct sense *sense)
{
    return sense ? __real_sense_gpu_count(sense) : board_count;
}

const struct wt_device *__wrap_sense_device(const struct sense *sense, unsigned i)
{
    return sense ? __real_sense_device(sense, i) : &boards[i];
}

int __wrap_sense_mig_parent(struct sense *sense, const char *uuid, unsigned *i,
                            struct wt_error *err)
{
    if (sense)
        return __real_sense_mig_parent(sense, uuid, i, err);
    if (strncmp(uuid, "MIG-1111", 8) != 0)
        return error_set(err, WT_E_NOT_FOUND, "no %s", uuid);
    *i = 1;
    return 0;
}

static char words[256];

/* The selection as text: "1,0", or the name of the error. */
static const char *chosen(const char *gpus, const char *visible, const char *order)
{
    static char text[512];
    unsigned selected[WT_MAX_DEVICES], count = 0;
    struct wt_error err = {0};
    int rc = sense_select(NULL, gpus, visible, order, selected, &count, words, &err);
    if (rc) {
        assert_true(err.text[0]);
        return error_name(rc);
    }
    size_t n = 0;
    for (unsigned i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, i ? ",%u" : "%u", selected[i]);
    return text;
}

static void four_boards(void)
{
    board_count = 0;
    add_board("GPU-aabb1111-1", "V100", "00000000:01:00.0", 250000);
    add_board("GPU-aabb2222-2", "A100", "00000000:02:00.0", 400000);
    add_board("GPU-cc-3", "V100", "00000001:01:00.0", 250000);
    add_board("GPU-dd-4", "A100", "00000000:0A:00.0", 400000);
}

static void test_gpus(void **state)
{
    (void)state;
    four_boards();
    assert_string_equal(chosen(NULL, NULL, NULL), "0,1,2,3");
    assert_string_equal(chosen("2, 0", NULL, NULL), "2,0");
    assert_string_equal(chosen("3", "-1", NULL), "3"); /* --gpus wins */
    assert_string_equal(chosen("GPU-aabb1", NULL, NULL), "0");
    assert_string_equal(chosen("gpu-DD", NULL, NULL), "3");
    assert_string_equal(chosen("GPU-aabb", NULL, NULL), "NO_DEVICE");
    assert_string_equal(chosen("GPU-x", NULL, NULL), "NO_DEVICE");
    assert_string_equal(chosen("0000:02:00.0", NULL, NULL), "1");
    assert_string_equal(chosen("00000000:0a:00.0", NULL, NULL), "3");
    assert_string_equal(chosen("0a:00.0", NULL, NULL), "3");
    assert_string_equal(chosen("1:01:00.0", NULL, NULL), "2");
    assert_string_equal(chosen("0002:01:00.0", NULL, NULL), "NO_DEVICE");
    assert_string_equal(chosen("xyz:01:00.0", NULL, NULL), "NO_DEVICE");
    static const char *const wrong[] = {"",    ",",   "0,",  "0,,1",        "4",   "-1",
                                        "1.0", "0 1", "0,0", "0,GPU-aabb1", "GPU-"};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_string_equal(chosen(wrong[i], NULL, NULL), "NO_DEVICE");
}

static void test_visible(void **state)
{
    (void)state;
    four_boards();
    assert_string_equal(chosen(NULL, "2,1", "PCI_BUS_ID"), "2,1");
    assert_string_equal(words, "");
    assert_string_equal(chosen(NULL, "0,3", "FASTEST_FIRST"), "1,2");
    assert_non_null(strstr(words, "CUDA_DEVICE_ORDER"));
    assert_string_equal(chosen(NULL, "0,1,2,3", NULL), "1,3,0,2");
    assert_string_equal(chosen(NULL, "GPU-cc,GPU-aabb2", NULL), "2,1");
    assert_string_equal(words, ""); /* no index: the order does not matter */
    assert_string_equal(chosen(NULL, "1,-1,0", "PCI_BUS_ID"), "1");
    assert_string_equal(chosen(NULL, "1,,0", "PCI_BUS_ID"), "1");
    assert_string_equal(chosen(NULL, "", NULL), "NO_DEVICE");
    assert_string_equal(chosen(NULL, "-1", NULL), "NO_DEVICE");
    assert_string_equal(chosen(NULL, "NoDevFiles", NULL), "NO_DEVICE");
    assert_string_equal(chosen(NULL, "7", NULL), "NO_DEVICE");
    assert_string_equal(chosen(NULL, "0,0", "PCI_BUS_ID"), "NO_DEVICE");
    assert_string_equal(chosen(NULL, "MIG-1111-2", NULL), "1");
    assert_non_null(strstr(words, "whole GPU"));
    assert_string_equal(chosen(NULL, "MIG-1111-2,MIG-1111-3", NULL),
                        "1"); /* two parts of one GPU */
    assert_string_equal(chosen(NULL, "MIG-GPU-cc-3/1/0", NULL), "2");
    assert_string_equal(chosen(NULL, "MIG-GPU-zz/1/0", NULL), "NO_DEVICE");
    assert_string_equal(chosen(NULL, "MIG-9999", NULL), "NO_DEVICE");
    assert_string_equal(chosen("MIG-GPU-cc-3/1/0,MIG-GPU-cc-3/2/0", NULL, NULL), "2");
    boards[1].uuid[0] = '\0'; /* lost when the source was opened */
    assert_string_equal(chosen(NULL, NULL, NULL), "0,2,3");
    assert_string_equal(chosen("1", NULL, NULL), "DEVICE_LOST");
    assert_string_equal(chosen("2", NULL, NULL), "2");
}

static void test_sixty_four(void **state)
{
    (void)state;
    char list[512];
    size_t n = 0;
    board_count = 0;
    for (unsigned i = 0; i < WT_MAX_DEVICES; i++) {
        char uuid[32];
        snprintf(uuid, sizeof uuid, "GPU-%u-x", i);
        add_board(uuid, "V100", "", 250000);
        n += (size_t)snprintf(list + n, sizeof list - n, i ? ",%u" : "%u", i);
    }
    assert_string_equal(chosen(list, NULL, NULL), list);
    assert_string_equal(chosen(NULL, list, NULL), list);
    snprintf(list + n, sizeof list - n, ",0");
    assert_string_equal(chosen(list, NULL, NULL), "NO_DEVICE"); /* twice, and no room for it */
    assert_string_equal(chosen(NULL, list, NULL), "NO_DEVICE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),          cmocka_unit_test(test_bad_recordings),
        cmocka_unit_test(test_byte_order_mark), cmocka_unit_test(test_gpus),
        cmocka_unit_test(test_visible),         cmocka_unit_test(test_sixty_four),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
