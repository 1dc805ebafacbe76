/* SPDX-License-Identifier: Apache-2.0
 *
 * base: errors, time, parsing, buffers, files, statistics, words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hours.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/stats.h"
#include "base/nearest.h"
#include "base/text.h"
#include "base/units.h"

static void test_error(void **state)
{
    (void)state;
    struct wt_error err = {0};
    assert_int_equal(error_set(NULL, WT_E_IO, "x"), WT_E_IO);
    assert_int_equal(error_set(&err, WT_E_BUSY, "held by %s", "me"), WT_E_BUSY);
    assert_int_equal(error_prefix(&err, "GPU %d", 3), WT_E_BUSY);
    assert_string_equal(err.text, "GPU 3: held by me");
    assert_int_equal(err.code, WT_E_BUSY);
    char much[2000];
    memset(much, 'x', sizeof much - 1);
    much[sizeof much - 1] = '\0';
    error_set(&err, WT_E_IO, "%s", much);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    error_prefix(&err, "%s", much);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_string_equal(error_name(WT_E_NO_PERMISSION), "NO_PERMISSION");
    assert_string_equal(error_name(-1000), "UNKNOWN");
    assert_string_equal(wt_strerror(WT_E_RANGE), "out of range");
    assert_string_equal(wt_strerror(0), "success");
    assert_string_equal(wt_strerror(-1000), "unknown error");
}

/* --- Clock --- */

static int64_t tenfold(void)
{
    return INT64_C(500) * NS_PER_S + 10 * clock_monotonic_ns();
}

/* One call in three comes late to its value, as on a host that gives the processor to others. */
static int64_t tenfold_late(void)
{
    static unsigned calls;
    if (calls++ % 3 == 0)
        usleep(20000);
    return tenfold();
}

static int64_t two_and_a_half(void)
{
    return clock_monotonic_ns() * 5 / 2;
}

static void test_clock(void **state)
{
    (void)state;
    assert_true(clock_scale() == 1);
    assert_int_equal(clock_from_monotonic_ns(12345), 12345);
    clock_use(tenfold);
    assert_true(clock_scale() == 10);
    assert_true(llabs(clock_now_ns() - tenfold()) < NS_PER_S);
    int64_t at_ns = clock_monotonic_ns() - NS_PER_S, then_ns = clock_from_monotonic_ns(at_ns);
    assert_true(llabs(then_ns - (INT64_C(500) * NS_PER_S + 10 * at_ns)) < 20 * NS_PER_MS);
    int64_t before_ns = clock_monotonic_ns();
    clock_sleep_ns(200 * NS_PER_MS); /* of the clock: 20 ms */
    int64_t slept_ns = clock_monotonic_ns() - before_ns;
    assert_true(slept_ns >= 19 * NS_PER_MS && slept_ns < 190 * NS_PER_MS);
    for (unsigned i = 0; i < 5; i++) {
        clock_use(tenfold_late);
        assert_true(fabs(clock_scale() - 10) < 0.2);
    }
    clock_use(two_and_a_half);
    clock_sleep_ns(100 * NS_PER_MS);
    assert_true(fabs(clock_scale() - 2.5) < 0.01);
    clock_use(NULL);
    assert_true(clock_scale() == 1);
    assert_true(llabs(clock_now_ns() - clock_monotonic_ns()) < NS_PER_S);
    clock_sleep_ns(-5);
}

static void test_wall(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(clock_format_wall(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_format_wall(-1, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(clock_format_wall(-1000, text), "1969-12-31T23:59:59.000Z");
    assert_string_equal(clock_format_wall(INT64_C(1709164800007), text),
                        "2024-02-29T00:00:00.007Z");
    assert_string_equal(clock_format_wall(INT64_C(253402300799999), text),
                        "9999-12-31T23:59:59.999Z");
    assert_string_equal(clock_format_wall(INT64_C(253402300800000), text), "unknown");
    assert_string_equal(clock_format_wall(INT64_MAX, text), "unknown");
    assert_string_equal(clock_format_wall(INT64_C(-62167219200000), text),
                        "0000-01-01T00:00:00.000Z");
    clock_format_wall(INT64_MIN, text); /* every message fits */
    assert_true(strlen(text) < sizeof text);
}

/* --- Parsing --- */

static void test_parse_u64(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     " 1",  "1 ",  "+1", "-1", "-0",
                                        "0x10", "1.0", "1e3", "a",  "1\n"};
    uint64_t value = 7;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(parse_u64(wrong[i], 0, UINT64_MAX, &value), WT_E_PARSE);
    assert_int_equal(parse_u64(NULL, 0, 1, &value), WT_E_PARSE);
    assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &value), WT_E_RANGE);
    assert_int_equal(parse_u64("4", 5, 9, &value), WT_E_RANGE);
    assert_int_equal(parse_u64("10", 5, 9, &value), WT_E_RANGE);
    assert_int_equal(value, 7);
    assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(parse_u64("007", 0, 9, &value), 0);
    assert_int_equal(value, 7);
}

static void test_parse_number(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",   " 1", "1 ", "0x10", "nan", "inf", "-inf", "1e",
                                        "e5", ".",  "-",  "1..2", "1,5", "1-2", "--1"};
    double value = 7;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(parse_number(wrong[i], -1e300, 1e300, &value), WT_E_PARSE);
    assert_int_equal(parse_number("1e400", -INFINITY, INFINITY, &value), WT_E_RANGE);
    assert_int_equal(parse_number("-1e400", -INFINITY, INFINITY, &value), WT_E_RANGE);
    assert_int_equal(parse_number("1.01", 0, 1, &value), WT_E_RANGE);
    assert_true(value == 7);
    assert_int_equal(parse_number("-0", 0, 1, &value), 0);
    assert_true(value == 0);
    assert_int_equal(parse_number("+2.5e-1", 0, 1, &value), 0);
    assert_true(value == 0.25);
    assert_int_equal(parse_number("1e-400", 0, 1, &value), 0);
    assert_int_equal(parse_fraction("10%", 0, 1, &value), 0);
    assert_true(value == 0.1);
    assert_int_equal(parse_fraction("0.1", 0, 1, &value), 0);
    assert_true(value == 0.1);
    assert_int_equal(parse_fraction("101%", 0, 1, &value), WT_E_RANGE);
    assert_int_equal(parse_fraction("%", 0, 1, &value), WT_E_PARSE);
    assert_int_equal(parse_fraction("10%%", 0, 1, &value), WT_E_PARSE);
    assert_int_equal(parse_fraction(NULL, 0, 1, &value), WT_E_PARSE);
}

static void test_parse_quantity(void **state)
{
    (void)state;
    static const struct parse_unit units[] = {
        {"J", 1, 7}, {"kJ", 1000, 8}, {"h", 3600, 9}, {"Wh", 3600, 10}, {"kWh", 3.6e6, 11}};
    static const struct {
        const char *text;
        double value;
        int kind;
    } good[] = {{"2kWh", 7.2e6, 11}, {"2 kWh", 7.2e6, 11}, {"0.5Wh", 1800, 10}, {"3h", 10800, 9},
                {"1e3J", 1000, 7},   {"0J", 0, 7},         {"2.kJ", 2000, 8}};
    static const struct {
        const char *text;
        int rc;
    } bad[] = {
        {"", WT_E_PARSE},
        {"kWh", WT_E_PARSE},
        {" kWh", WT_E_PARSE},
        {"2", WT_E_PARSE},
        {"2kwh", WT_E_PARSE},
        {"2  kWh", WT_E_PARSE},
        {"2kWh ", WT_E_PARSE},
        {" 2kWh", WT_E_PARSE},
        {"2kkWh", WT_E_PARSE},
        {"nanJ", WT_E_PARSE},
        {"infJ", WT_E_PARSE},
        {"0x2J", WT_E_PARSE},
        {"2kWh,3h", WT_E_PARSE},
        {"-1J", WT_E_RANGE},
        {"1e400J", WT_E_RANGE},
        {"1e308kWh", WT_E_RANGE},
        {"00000000000000000000000000000000000000000000000000000000000000000001J", WT_E_PARSE}};
    const struct parse_unit *unit = NULL;
    double value = -1;
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(parse_quantity(good[i].text, units, 5, &value, &unit), 0);
        assert_true(value == good[i].value && unit->kind == good[i].kind);
    }
    value = -1;
    unit = NULL;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse_quantity(bad[i].text, units, 5, &value, &unit) != bad[i].rc)
            fail_msg("\"%s\" was taken otherwise", bad[i].text);
    assert_true(value == -1 && !unit);
}

static void test_parse_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"2024-02-29T00:00:00.007Z", INT64_C(1709164800007)},
                {"2025-03-01T12:00:00Z", INT64_C(1740830400000)},
                {"2025-03-01 13:00:00+01:00", INT64_C(1740830400000)},
                {"2025-03-01t06:29:59.9999z", INT64_C(1740810599999)},
                {"2025-03-01T06:30:00-05:30", INT64_C(1740830400000)},
                {"1969-12-31T23:59:59.5Z", -500},
                {"2000-12-31T23:59:59Z", INT64_C(978307199000)},
                {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
                {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
                {"1900-02-28T00:00:00Z", INT64_C(-2203977600000)}};
    static const char *const bad[] = {"",
                                      "2025-03-01",
                                      "2025-03-01T12:00:00",
                                      "2025-03-01T12:00Z",
                                      "2025-02-29T12:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2025-13-01T12:00:00Z",
                                      "2025-00-01T12:00:00Z",
                                      "2025-04-31T12:00:00Z",
                                      "2025-03-00T12:00:00Z",
                                      "2025-03-01T24:00:00Z",
                                      "2025-03-01T12:60:00Z",
                                      "2025-03-01T12:00:60Z",
                                      "2025-03-01T12:00:00.Z",
                                      "2025-03-01T12:00:00+24:00",
                                      "2025-03-01T12:00:00+1:00",
                                      "2025-03-01T12:00:00+01:60",
                                      "2025-03-01T12:00:00Zz",
                                      "2025-03-01T12:00:00+01:00 ",
                                      "+025-03-01T12:00:00Z",
                                      " 2025-03-01T12:00:00Z",
                                      "2025-03-01_12:00:00Z",
                                      "12025-03-01T12:00:00Z"};
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ms = 42;
        if (parse_time(good[i].text, &ms) || ms != good[i].ms)
            fail_msg("%s gives %lld", good[i].text, (long long)ms);
        char again[32];
        int64_t same = 42;
        assert_int_equal(parse_time(clock_format_wall(ms, again), &same), 0);
        assert_int_equal(same, ms);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms = 42;
        int rc = parse_time(bad[i], &ms);
        if (rc >= 0 || ms != 42)
            fail_msg("\"%s\" is taken", bad[i]);
    }
    int64_t ms = 42;
    assert_int_equal(parse_time(NULL, &ms), WT_E_PARSE);
}

static const char *nearest_of(const char *word, const char *const names[])
{
    struct nearest search = {.word = word};
    for (unsigned i = 0; names[i]; i++)
        nearest_offer(&search, names[i]);
    return nearest_name(&search);
}

static void test_nearest(void **state)
{
    (void)state;
    const char *const names[] = {"observe",      "phase", "eta", "min",
                                 "power-limits", "kJ",    "kWh", NULL};
    const char *const none[] = {NULL}, *const yes_no[] = {"yes", "no", NULL};
    char long_word[200];
    assert_string_equal(nearest_of("obsrve", names), "observe");
    assert_string_equal(nearest_of("observed", names), "observe");
    assert_string_equal(nearest_of("Phase", names), "phase");
    assert_string_equal(nearest_of("power_limit", names), "power-limits");
    assert_string_equal(nearest_of("kwh", names), "kWh");
    assert_string_equal(nearest_of("kw", names), "kWh"); /* the beginning of a name wins a tie */
    assert_string_equal(nearest_of("eat", names), "eta");
    assert_null(nearest_of("frobnicate", names));
    assert_null(nearest_of("x", yes_no)); /* all of the word would change */
    assert_null(nearest_of("", names));
    assert_null(nearest_of("eta", none));
    memset(long_word, 'a', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    assert_null(nearest_of(long_word, names));
    assert_null(nearest_of("\xff\xfe", names));
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(text_distance("ledger", "ledger"), 0);
    assert_int_equal(text_distance("ledgre", "ledger"), 2);
    assert_int_equal(text_distance("GBR", "GRB"), 2);
    assert_int_equal(text_distance("DE", "DEU"), 1);
    assert_int_equal(text_distance("", "DEU"), 3);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    char name[80];
    memset(name, 'a', sizeof name);
    name[79] = '\0';
    assert_int_equal(text_distance(name, name), TEXT_DISTANCE_MOST);
}

static void test_parse_lists(void **state)
{
    (void)state;
    uint32_t mw[3] = {0};
    assert_int_equal(parse_watt_list("200,150.5, 100", mw, 3), 3);
    assert_int_equal(mw[1], 150500);
    assert_int_equal(mw[2], 100000);
    assert_int_equal(parse_watt_list("200,150,100,50", mw, 3), WT_E_RANGE);
    static const char *const wrong[] = {"",        ",",    "200,", ",200",     "200,,100",
                                        "200 100", "200W", "0x10", "200,200.0"};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(parse_watt_list(wrong[i], mw, 3), WT_E_PARSE);
    static const char *const beyond[] = {
        "0", "-200", "0.999", "10001", "1e400", "1000000000000000000000000000000000000000000"};
    for (unsigned i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
        assert_int_equal(parse_watt_list(beyond[i], mw, 3), WT_E_RANGE);
    const char *cursor = " a ,\tb\t,,c";
    char part[4];
    static const char *const parts[] = {"a", "b", "", "c"};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(parse_next_part(&cursor, ',', part, sizeof part), 1);
        assert_string_equal(part, parts[i]);
    }
    assert_int_equal(parse_next_part(&cursor, ',', part, sizeof part), 0);
    cursor = "abcd,e";
    assert_int_equal(parse_next_part(&cursor, ',', part, sizeof part), WT_E_RANGE);
}

static void test_buffer(void **state)
{
    (void)state;
    struct buffer b = {0};
    assert_string_equal(buffer_text(&b), "");
    for (unsigned i = 0; i < 1000; i++)
        buffer_print(&b, "%03u", i);
    assert_int_equal(b.length, 3000);
    assert_memory_equal(b.text + 2997, "999", 4);
    buffer_append(&b, "\0x", 2);
    assert_int_equal(b.length, 3002);
    buffer_append(&b, NULL, 0);
    assert_int_equal(b.text[3002], '\0');
    buffer_clear(&b);
    assert_int_equal(b.length, 0);
    assert_string_equal(buffer_text(&b), "");
    b.failed = true;
    buffer_print(&b, "x");
    assert_int_equal(b.length, 0);
    buffer_clear(&b);
}

/* --- Files --- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/wattune-base-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void assert_file(const char *name, const char *text)
{
    struct buffer read = {0};
    assert_int_equal(file_read(in_folder(name), 1000, &read, NULL), 0);
    assert_string_equal(buffer_text(&read), text);
    buffer_clear(&read);
}

static void test_files(void **state)
{
    (void)state;
    struct buffer read = {0};
    struct wt_error err;
    struct stat st;
    assert_int_equal(file_read(in_folder("none"), 10, &read, &err), WT_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "none"));
    assert_int_equal(file_write_atomic(in_folder("f"), "0123456789", 10, 0640, NULL), 0);
    assert_int_equal(file_read(in_folder("f"), 10, &read, NULL), 0);
    buffer_clear(&read);
    assert_int_equal(file_read(in_folder("f"), 9, &read, NULL), WT_E_RANGE);
    buffer_clear(&read);
    assert_int_equal(file_read(folder, 10, &read, NULL), WT_E_IO);
    assert_int_equal(stat(in_folder("f"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(file_write_atomic(in_folder("f"), "new", 3, 0600, NULL), 0);
    assert_file("f", "new");
    assert_int_equal(file_write_atomic(in_folder("gone/f"), "new", 3, 0600, NULL), WT_E_NOT_FOUND);
    /* The target may be a link that another user put there: the link is replaced, its target is
     * not written. */
    assert_int_equal(file_write_atomic(in_folder("victim"), "kept", 4, 0600, NULL), 0);
    char victim[128];
    snprintf(victim, sizeof victim, "%s", in_folder("victim"));
    assert_int_equal(symlink(victim, in_folder("link")), 0);
    assert_int_equal(file_write_atomic(in_folder("link"), "mine", 4, 0600, NULL), 0);
    assert_file("victim", "kept");
    assert_file("link", "mine");
}

/* A write that fails half-way leaves the old content and nothing beside it. */
static void test_full_disk(void **state)
{
    (void)state;
    assert_int_equal(file_write_atomic(in_folder("full"), "old", 3, 0600, NULL), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        char much[5000] = "";
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
        int rc = file_write_atomic(in_folder("full"), much, sizeof much, 0600, NULL);
        char fresh[160];
        snprintf(fresh, sizeof fresh, "%s.%ld.new", in_folder("full"), (long)getpid());
        _exit(rc != WT_E_IO ? 2 : access(fresh, F_OK) == 0 ? 3 : 0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_file("full", "old");
}

static void test_private_folder(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(file_private_folder(in_folder("a/b/c"), 0, NULL), WT_E_NOT_FOUND);
    assert_int_equal(file_private_folder(in_folder("a/b/c"), 1, NULL), 0);
    assert_int_equal(stat(in_folder("a/b"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(file_private_folder(in_folder("a/b/c"), 0, NULL), 0);
    chmod(in_folder("a/b/c"), 0755);
    assert_int_equal(file_private_folder(in_folder("a/b/c"), 0, NULL), 0);
    chmod(in_folder("a/b/c"), 0770);
    assert_int_equal(file_private_folder(in_folder("a/b/c"), 0, NULL), WT_E_NO_PERMISSION);
    chmod(in_folder("a/b/c"), 0702);
    assert_int_equal(file_private_folder(in_folder("a/b/c"), 0, NULL), WT_E_NO_PERMISSION);
    assert_int_equal(symlink(folder, in_folder("to")), 0);
    assert_int_equal(file_private_folder(in_folder("to"), 0, NULL), WT_E_NO_PERMISSION);
    assert_int_equal(file_write_atomic(in_folder("plain"), "", 0, 0600, NULL), 0);
    assert_int_equal(file_private_folder(in_folder("plain"), 0, NULL), WT_E_NO_PERMISSION);
    if (geteuid() == 0) { /* only root can make a folder somebody else's */
        assert_int_equal(mkdir(in_folder("foreign"), 0700), 0);
        assert_int_equal(chown(in_folder("foreign"), 12345, 12345), 0);
        assert_int_equal(file_private_folder(in_folder("foreign"), 0, NULL), WT_E_NO_PERMISSION);
    }
}

/* --- Statistics and words --- */

static void test_stats(void **state)
{
    (void)state;
    struct stats s = {0};
    assert_true(isnan(stats_sd(&s)) && isnan(stats_mean_error(&s)));
    stats_add(&s, 1e9 + 4);
    assert_true(isnan(stats_sd(&s)));
    stats_add(&s, 1e9 + 7);
    assert_true(fabs(stats_mean_error(&s) - 12.706 * 3 / 2) <
                1e-3); /* sd = 3/sqrt 2, over sqrt 2 */
    stats_add(&s, 1e9 + 13);
    stats_add(&s, 1e9 + 16);
    assert_true(fabs(s.mean - 1e9 - 10) < 1e-6);
    assert_true(fabs(stats_sd(&s) - sqrt(30)) < 1e-6);
    assert_true(fabs(stats_mean_error(&s) - 3.182 * sqrt(30) / 2) < 1e-3);
    struct stats many = {0};
    for (unsigned i = 0; i < 101; i++)
        stats_add(&many, i % 2);
    assert_true(fabs(stats_mean_error(&many) / (1.984 * stats_sd(&many) / sqrt(101)) - 1) < 0.005);
}

static void test_log(void **state)
{
    (void)state;
    int ends[2], kept = dup(STDERR_FILENO);
    char read_back[4096];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    char much[3000];
    memset(much, 'x', sizeof much - 1);
    much[sizeof much - 1] = '\0';
    errno = ENOSPC;
    log_warning("job \x1b[31m%s\x7f", "a\nb\tc");
    int after = errno;
    log_detail("not shown");
    log_note("%s", much);
    log_set_level(LOG_ERROR);
    log_warning("not shown");
    bool shows = log_shows(LOG_WARNING);
    log_error("last");
    log_set_level(LOG_NOTE);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    ssize_t n = 0, more;
    while ((more = read(ends[0], read_back + n, sizeof read_back - 1 - (size_t)n)) > 0)
        n += more;
    close(ends[0]);
    read_back[n] = '\0';
    assert_int_equal(after, ENOSPC);
    assert_false(shows);
    char *second = strchr(read_back, '\n') + 1, *third = strchr(second, '\n') + 1;
    assert_memory_equal(read_back, "wattune: warning: job ?[31ma?b?c?\n", 34);
    assert_ptr_equal(second, read_back + 34);
    assert_true(third - second <= 1024 && third - second > 1000);
    assert_string_equal(third, "wattune: error: last\n");
}

static void ages(void **state)
{
    (void)state;
    const int64_t now = INT64_C(1740830400000);
    int64_t ms = 0;
    assert_int_equal(parse_time_or_age("7d", now, &ms), 0);
    assert_int_equal(ms, now - INT64_C(7) * 86400 * 1000);
    assert_int_equal(parse_time_or_age("90m", now, &ms), 0);
    assert_int_equal(ms, now - 5400 * 1000);
    assert_int_equal(parse_time_or_age("2w", now, &ms), 0);
    assert_int_equal(ms, now - INT64_C(14) * 86400 * 1000);
    assert_int_equal(parse_time_or_age("2025-03-01", now, &ms), 0);
    assert_int_equal(ms, now - 12 * 3600 * 1000);
    assert_int_equal(parse_time_or_age("2025-03-01T13:00:00.25+01:00", now, &ms), 0);
    assert_int_equal(ms, now + 250);
    assert_int_equal(parse_time_or_age("2025-02-29", now, &ms), WT_E_RANGE);
    assert_int_equal(parse_time_or_age("100001d", now, &ms), WT_E_RANGE);
    static const char *const wrong[] = {"d",    "-7d",      "7 d",        "7days",
                                        "1.5d", "2025-3-1", "2025-03-1x", "12345678901234567890d",
                                        NULL};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_true(parse_time_or_age(wrong[i], now, &ms) < 0);
}

static void hours(void **state)
{
    (void)state;
    const int64_t hour_ms = MS_PER_HOUR;
    assert_int_equal(hours_of_ms(0), 0);
    assert_int_equal(hours_of_ms(hour_ms - 1), 0);
    assert_int_equal(hours_of_ms(hour_ms), 1);
    assert_int_equal(hours_of_ms(-1), -1); /* hours round down, C's division does not */
    assert_int_equal(hours_of_ms(-hour_ms), -1);
    assert_int_equal(hours_of_s(-3601), -2);
    assert_int_equal(hours_floor_s(7199), 3600);
    assert_int_equal(hours_floor_s(-1), -3600);
    assert_int_equal(hours_from_ms(hour_ms), 1);
    assert_int_equal(hours_from_ms(hour_ms + 1), 2);
    assert_int_equal(hours_from_ms(-1), 0);
    assert_int_equal(hours_day(23), 0);
    assert_int_equal(hours_day(24), 1);
    assert_int_equal(hours_day(-1), -1);
    assert_int_equal(hours_begin_ms(hours_of_ms(INT64_C(1740830400123))), INT64_C(1740830400000));
}

static void hours_of_a_span(void **state)
{
    (void)state;
    assert_true(hours_overlap_s(1, 3000, 1200) == 600); /* the last 10 of 20 minutes */
    assert_true(hours_overlap_s(1, 3000, 36000) == 3600);
    assert_true(hours_overlap_s(1, 0, 3600) == 0);
    assert_true(hours_overlap_s(-1, -60, 120) == 60);
    struct hours_split split = {.at_ms = -1000, .end_ms = MS_PER_HOUR + 1};
    static const int64_t expected[][3] = {
        {-1, -1000, 0}, {0, 0, MS_PER_HOUR}, {1, MS_PER_HOUR, MS_PER_HOUR + 1}};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(hours_next(&split));
        assert_int_equal(split.hour, expected[i][0]);
        assert_int_equal(split.from_ms, expected[i][1]);
        assert_int_equal(split.to_ms, expected[i][2]);
    }
    assert_false(hours_next(&split));
    split = (struct hours_split){.at_ms = 0, .end_ms = MS_PER_HOUR};
    assert_true(hours_next(&split));
    assert_false(hours_next(&split)); /* no empty hour behind a span that ends with one */
}

static void sums_of_the_known(void **state)
{
    (void)state;
    double sum = NAN;
    assert_true(sum_known(1, 2) == 3);
    assert_true(sum_known(NAN, 2) == 2);
    assert_true(sum_known(1, NAN) == 1);
    assert_true(isnan(sum_known(NAN, NAN)));
    add_known(&sum, NAN);
    assert_true(isnan(sum));
    add_known(&sum, 0);
    add_known(&sum, NAN);
    add_known(&sum, -2);
    assert_true(sum == -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_wall),
        cmocka_unit_test(test_parse_u64),
        cmocka_unit_test(test_parse_number),
        cmocka_unit_test(test_parse_lists),
        cmocka_unit_test(test_parse_quantity),
        cmocka_unit_test(test_parse_time),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_private_folder),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_log),
        cmocka_unit_test(hours),
        cmocka_unit_test(hours_of_a_span),
        cmocka_unit_test(sums_of_the_known),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
