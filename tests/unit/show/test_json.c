/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON door and the documents of the outside, read back with another parser's eyes: keys,
 * types, units, and null for unknown values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/json_read.h"
#include "show/json/documents.h"
#include "show/text/view.h"

static struct wt_error err;

/* Writes the document on one line, frees it, and parses it. */
static json_t *parsed(struct json_doc *doc)
{
    struct buffer text = {0};
    assert_int_equal(json_write_buffer(doc, JSON_LINE, &text, &err), 0);
    json_doc_free(doc);
    assert_ptr_equal(strchr(text.text, '\n'),
                     text.text + text.length - 1); /* one line and its end */
    assert_null(strstr(text.text, "nan"));
    assert_null(strstr(text.text, "inf"));
    json_error_t error;
    json_t *value = json_loads(text.text, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        fail_msg("%s: %s", error.text, text.text);
    buffer_clear(&text);
    return value;
}

static json_t *at(json_t *value, const char *key)
{
    json_t *found = json_object_get(value, key);
    if (!found)
        fail_msg("no key %s", key);
    return found;
}

/* Every word of `keys` is a key of the object. */
static void has_keys(json_t *object, const char *keys)
{
    assert_true(json_is_object(object));
    char all[512];
    snprintf(all, sizeof all, "%s", keys);
    for (char *key = strtok(all, " "); key; key = strtok(NULL, " "))
        at(object, key);
}

static void number_is(json_t *object, const char *key, double value)
{
    json_t *number = at(object, key);
    if (!json_is_number(number) || fabs(json_number_value(number) - value) > 1e-12 * fabs(value))
        fail_msg("%s is %.17g, not %.17g", key, json_number_value(number), value);
}

static void is_null(json_t *object, const char *keys)
{
    char all[512];
    snprintf(all, sizeof all, "%s", keys);
    for (char *key = strtok(all, " "); key; key = strtok(NULL, " "))
        if (!json_is_null(at(object, key)))
            fail_msg("%s is not null", key);
}

static void text_is(json_t *object, const char *key, const char *text)
{
    assert_string_equal(json_string_value(at(object, key)), text);
}

/* --- The door --- */

static void texts_are_valid(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } texts[] = {
        {"plain", "plain"},
        {"caf\xc3\xa9 \xf0\x9f\x8c\xb1", "caf\xc3\xa9 \xf0\x9f\x8c\xb1"},
        {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xc3", "a\xef\xbf\xbd"},                               /* cut short */
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* overlong */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
        {"\xf4\x90\x80\x80",
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* above U+10FFFF */
        {"\"\\\n\x1b\x7f</script>", "\"\\\n\x1b\x7f</script>"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct json_doc *doc = json_doc_new();
        json_put_text(doc, "t", texts[i].in);
        json_t *value = parsed(doc);
        text_is(value, "t", texts[i].out);
        json_decref(value);
    }
}

static void numbers_are_round(void **state)
{
    (void)state;
    struct json_doc *doc = json_doc_new();
    json_open_array(doc, "n");
    static const double numbers[] = {0.1 + 0.2,     1e300 * 1e300, -0.0, 250,
                                     123456789.123, 1.0 / 3,       1e-9, (double)NAN};
    for (size_t i = 0; i < 8; i++)
        json_put_number(doc, NULL, numbers[i]);
    json_put_count(doc, NULL, UINT64_MAX);
    json_put_count(doc, NULL, UINT64_C(34359738368));
    json_close(doc);
    json_close(doc); /* one too many: harmless */
    struct buffer text = {0};
    assert_int_equal(json_write_buffer(doc, JSON_LINE, &text, &err), 0);
    assert_string_equal(
        text.text,
        "{\"n\": [0.3, null, 0.0, 250.0, 123456789.123, 0.333333333333, 1e-9, null, null, "
        "34359738368]}\n");
    buffer_clear(&text);
    json_doc_free(doc);

    doc = json_doc_new();
    for (int i = 0; i < 40; i++) /* deeper than it goes: an error, no overrun */
        json_open_object(doc, "x");
    assert_int_equal(json_write_buffer(doc, JSON_LINE, &text, &err), WT_E_NO_MEMORY);
    buffer_clear(&text);
    assert_null(json_doc_free(doc));
    assert_null(json_doc_free(NULL));
    json_put_text(NULL, "k", "v");
    assert_int_equal(json_write_buffer(NULL, JSON_LINE, &text, &err), WT_E_NO_MEMORY);
}

static void files_are_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/wattune-json-XXXXXX";
    int fd = mkstemp(path);
    assert_int_not_equal(fd, -1);
    close(fd);
    struct json_doc *doc = json_doc_new();
    json_put_text(doc, "k", "v");
    assert_int_equal(json_write_file(doc, JSON_LINE, path, &err), 0);
    char back[32] = "";
    FILE *file = fopen(path, "r");
    assert_int_equal(fread(back, 1, sizeof back - 1, file), 11);
    fclose(file);
    assert_string_equal(back, "{\"k\": \"v\"}\n");
    unlink(path);
    assert_int_equal(json_write_file(doc, JSON_LINE, "/nonexistent/x", &err), WT_E_NOT_FOUND);
    assert_int_equal(json_write_file(doc, JSON_LINE, "/dev/null", &err),
                     0); /* written to, not replaced */
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    file = fopen("/dev/full", "w");
    assert_int_equal(json_write_stream(doc, JSON_LINE, file, &err), WT_E_IO);
    fclose(file);
    json_doc_free(doc);
}

/* --- The documents --- */

static struct wt_trial a_try(unsigned recurrence, unsigned try_number, double energy_j, int reached)
{
    struct wt_trial t = {
        .identity.id = 10 * recurrence + try_number,
        .identity.recurrence = recurrence,
        .identity.try_number = try_number,
        .identity.job = "jo\"b",
        .identity.phase = "training",
        .identity.project = "p",
        .outcome.batch_size = 64,
        .identity.started_ms = INT64_C(1740830400123),
        .outcome.ended = true,
        .outcome.time_s = 10,
        .outcome.setting.value = 175500,
        .part.energy_j = energy_j,
        .part.energy_error_j = 2,
        .part.sensor_error_fraction = 0.05,
        .part.cpu_energy_j = 70,
        .part.dram_energy_j = 3,
        .outcome.cost_j = 300,
        .outcome.steps = 500,
        .outcome.epochs = 5,
        .outcome.metric = 0.9,
        .outcome.reached = reached,
        .outcome.exit_code = 0,
        .part.source = WT_SOURCE_COUNTER,
        .outcome.savings = {{WT_KNOB_POWER_LIMIT, 250000}, 0.82, 1.03, 0.01, 0.002},
        .part.gpu_count = 1,
        .profile.count = 3,
        .carbon = {1.2, 381, "a table, 2023", 9.5, NAN, 1.5, 3.25, "a system"},
        .profile.points = {{{WT_KNOB_POWER_LIMIT, 100000}, 20, 0.005, 0.5, 0, 0, false},
                           {{WT_KNOB_POWER_LIMIT, 250000}, 30, 0.004, 0.9, 0, 0, true},
                           {{WT_KNOB_POWER_LIMIT, 175500}, 20, 0, 0.6, 0, 0, false}},
    };
    snprintf(t.part.gpus[0].uuid, WT_UUID_LEN, "GPU-a");
    t.part.gpus[0].index = 1;
    snprintf(t.part.gpus[0].name, WT_NAME_LEN, "V100");
    return t;
}

#define TRY_KEYS                                                                                   \
    "trial batch_size power_limit_w started time_s energy_j energy_error_j sensor_error_fraction " \
    "cpu_energy_j "                                                                                \
    "dram_energy_j steps epochs metric reached early_stopped exit_code source profile savings "    \
    "carbon"

/* Watts are those of power limits only. */
static void run_document_of_a_clock(void **state)
{
    (void)state;
    struct wt_trial trial = a_try(1, 1, 50, 1);
    trial.outcome.setting.knob = trial.outcome.savings.baseline.knob =
        trial.profile.points[1].setting.knob = WT_KNOB_SM_CLOCK_MAX;
    json_t *doc = parsed(json_run_document(&trial, 1));
    json_t *only = json_array_get(at(json_array_get(at(doc, "recurrences"), 0), "tries"), 0);
    is_null(only, "power_limit_w");
    is_null(at(only, "savings"), "baseline_power_limit_w");
    json_t *profile = at(only, "profile"); /* limits first */
    assert_int_equal(json_array_size(profile), 3);
    number_is(json_array_get(profile, 0), "power_limit_w", 175.5);
    number_is(json_array_get(profile, 1), "power_limit_w", 100);
    is_null(json_array_get(profile, 2), "power_limit_w");
    json_decref(doc);
}

static void run_document(void **state)
{
    (void)state;
    struct wt_trial trials[4] = {a_try(2, 1, 50, 1), a_try(1, 2, 200, 1), a_try(1, 1, 100, 0),
                                 a_try(3, 1, 1, -1)};
    trials[2].part.gpu_count = 2; /* the union: GPU-a once, GPU-b with the lower index first */
    snprintf(trials[2].part.gpus[1].uuid, WT_UUID_LEN, "GPU-b");
    trials[3].outcome.ended = false;
    trials[3].part.energy_j = trials[3].outcome.time_s = trials[3].outcome.cost_j = NAN;
    trials[3].outcome.steps = trials[3].outcome.epochs = 0;
    trials[3].outcome.exit_code = -1;
    trials[3].outcome.batch_size = trials[3].outcome.setting.value = 0;
    trials[3].part.energy_error_j = trials[3].part.sensor_error_fraction =
        trials[3].outcome.metric = NAN;
    trials[3].part.cpu_energy_j = trials[3].part.dram_energy_j = NAN;
    trials[3].part.source = WT_SOURCE_NONE;
    trials[3].profile.count = 0;
    trials[3].outcome.savings = (struct wt_savings){{WT_KNOB_POWER_LIMIT, 0}, NAN, NAN, NAN, NAN};
    trials[3].carbon = (struct wt_carbon){NAN, NAN, "", NAN, NAN, NAN, NAN, ""};

    json_t *doc = parsed(json_run_document(trials, 4));
    has_keys(doc, "schema_version job phase project gpus recurrences");
    number_is(doc, "schema_version", 1);
    text_is(doc, "job", "jo\"b");
    json_t *gpus = at(doc, "gpus");
    assert_int_equal(json_array_size(gpus), 2);
    text_is(json_array_get(gpus, 0), "uuid", "GPU-b");
    is_null(json_array_get(gpus, 0), "name");
    number_is(json_array_get(gpus, 1), "index", 1);
    text_is(json_array_get(gpus, 1), "name", "V100");

    json_t *recurrences = at(doc, "recurrences");
    assert_int_equal(json_array_size(recurrences), 3);
    json_t *first = json_array_get(recurrences, 0);
    has_keys(first, "recurrence reached energy_j time_s cost_j tries");
    number_is(first, "recurrence", 1);
    assert_true(json_is_true(at(first, "reached"))); /* the second try did */
    number_is(first, "energy_j", 300);
    number_is(first, "time_s", 20);
    number_is(first, "cost_j", 600);
    json_t *tries = at(first, "tries");
    assert_int_equal(json_array_size(tries), 2);
    json_t *one = json_array_get(tries, 0);
    has_keys(one, TRY_KEYS);
    number_is(one, "trial", 11);
    assert_true(json_is_false(at(one, "reached")));
    assert_true(json_is_false(at(one, "early_stopped")));
    text_is(one, "started", "2025-03-01T12:00:00.123Z");
    number_is(one, "power_limit_w", 175.5);
    number_is(one, "energy_j", 100);
    number_is(one, "energy_error_j", 2);
    number_is(one, "cpu_energy_j", 70);
    number_is(one, "dram_energy_j", 3);
    number_is(one, "steps", 500);
    number_is(one, "exit_code", 0);
    text_is(one, "source", "counter");
    json_t *profile = at(one, "profile");
    assert_int_equal(json_array_size(profile), 3);
    has_keys(json_array_get(profile, 0),
             "power_limit_w time_per_step_s energy_per_step_j power_w steps throttled");
    number_is(json_array_get(profile, 0), "power_limit_w", 250);
    number_is(json_array_get(profile, 0), "power_w", 225);
    assert_true(json_is_true(at(json_array_get(profile, 0), "throttled")));
    is_null(json_array_get(profile, 1), "power_w"); /* no time a step: not infinite */
    number_is(json_array_get(profile, 2), "power_limit_w", 100);
    json_t *savings = at(one, "savings");
    number_is(savings, "baseline_power_limit_w", 250);
    number_is(savings, "energy_fraction", 0.82);
    number_is(savings, "time_fraction", 1.03);
    number_is(savings, "energy_fraction_error", 0.01);
    number_is(savings, "time_fraction_error", 0.002);
    json_t *carbon = at(one, "carbon");
    has_keys(carbon, "operational_g operational_market_g embodied_g embodied_useful_g "
                     "embodied_source intensity_g_per_kwh "
                     "intensity_source pue");
    number_is(carbon, "operational_g", 9.5);
    is_null(carbon, "operational_market_g"); /* no contract */
    number_is(carbon, "embodied_g", 1.5);
    number_is(carbon, "embodied_useful_g", 3.25);
    text_is(carbon, "embodied_source", "a system");
    number_is(carbon, "intensity_g_per_kwh", 381);
    text_is(carbon, "intensity_source", "a table, 2023");
    number_is(carbon, "pue", 1.2);

    json_t *killed = json_array_get(recurrences, 2);
    is_null(killed, "reached energy_j time_s cost_j");
    json_t *only = json_array_get(at(killed, "tries"), 0);
    is_null(only, "batch_size power_limit_w time_s energy_j energy_error_j sensor_error_fraction "
                  "cpu_energy_j "
                  "dram_energy_j steps epochs metric reached early_stopped exit_code source");
    assert_int_equal(json_array_size(at(only, "profile")), 0);
    is_null(at(only, "carbon"),
            "operational_g operational_market_g embodied_g embodied_useful_g embodied_source "
            "intensity_g_per_kwh intensity_source pue");
    is_null(at(only, "savings"),
            "baseline_power_limit_w energy_fraction time_fraction energy_fraction_error "
            "time_fraction_error");
    json_decref(doc);

    /* A retry that has not ended yet: nobody knows whether the recurrence reaches its target. */
    trials[1].outcome.reached = -1;
    trials[1].outcome.ended = false;
    doc = parsed(json_run_document(trials + 1, 2));
    is_null(json_array_get(at(doc, "recurrences"), 0), "reached");
    json_decref(doc);
    trials[1].outcome.ended = true;
    trials[1].outcome.reached = 0;
    doc = parsed(json_run_document(trials + 1, 2));
    assert_true(json_is_false(at(json_array_get(at(doc, "recurrences"), 0), "reached")));
    json_decref(doc);
    assert_null(json_run_document(trials, 0));
}

static void report_document(void **state)
{
    (void)state;
    const struct wt_report_row rows[2] = {{.keys = {"a \"job\"", ""},
                                           .runs = 3,
                                           .unended = 1,
                                           .gpu_hours = 8,
                                           .busy_gpu_hours = 6,
                                           .gpu_j = 100,
                                           .cpu_j = 20,
                                           .dram_j = NAN,
                                           .dram_unknown = 3,
                                           .gpu_unknown = 1,
                                           .facility_j = 132,
                                           .operational_g = 5,
                                           .market_g = NAN,
                                           .embodied_g = 2,
                                           .embodied_useful_g = 4,
                                           .operational_unknown = 1,
                                           .embodied_unknown = 1,
                                           .saved_j = 10,
                                           .saved_error_j = 3,
                                           .saved_g = 0.5,
                                           .saved_runs = 2},
                                          {.keys = {"b", ""},
                                           .runs = 1,
                                           .gpu_hours = NAN,
                                           .busy_gpu_hours = NAN,
                                           .gpu_j = NAN,
                                           .cpu_j = NAN,
                                           .dram_j = NAN,
                                           .gpu_unknown = 1,
                                           .cpu_unknown = 1,
                                           .dram_unknown = 1,
                                           .facility_j = NAN,
                                           .operational_g = NAN,
                                           .market_g = NAN,
                                           .embodied_g = 1,
                                           .embodied_useful_g = NAN,
                                           .saved_j = NAN,
                                           .saved_error_j = NAN,
                                           .saved_g = NAN}};
    const char *const keys[] = {"job", "user"};
    const struct json_report report = {INT64_MIN, INT64_C(1740830400123), 2, keys, rows, 2,
                                       &rows[0]};
    json_t *doc = parsed(json_report_document(&report));
    has_keys(doc, "schema_version from to groups total");
    is_null(doc, "from");
    text_is(doc, "to", "2025-03-01T12:00:00.123Z");
    json_t *groups = at(doc, "groups"), *one = json_array_get(groups, 0),
           *two = json_array_get(groups, 1);
    assert_int_equal(json_array_size(groups), 2);
    has_keys(one, "key runs gpu_hours energy_j facility_energy_j carbon savings not_measured");
    text_is(at(one, "key"), "job", "a \"job\"");
    is_null(at(one, "key"), "user");
    number_is(one, "runs", 3);
    number_is(one, "gpu_hours", 8);
    number_is(at(one, "energy_j"), "total", 120); /* the measured part */
    is_null(at(one, "energy_j"), "dram");
    number_is(at(one, "carbon"), "total_location_g", 7);
    number_is(at(one, "carbon"), "embodied_useful_g", 4);
    is_null(at(one, "carbon"), "operational_market_g");
    number_is(at(one, "savings"), "energy_error_j", 3);
    assert_int_equal(json_array_size(at(one, "not_measured")), 2);
    assert_string_equal(json_string_value(json_array_get(at(one, "not_measured"), 0)), "gpu");
    assert_string_equal(json_string_value(json_array_get(at(one, "not_measured"), 1)), "dram");
    is_null(two, "gpu_hours facility_energy_j");
    is_null(at(two, "energy_j"), "gpu cpu dram total");
    is_null(at(two, "carbon"),
            "operational_location_g total_location_g"); /* half of a total is none */
    is_null(at(two, "savings"), "energy_j energy_error_j carbon_g");
    number_is(at(doc, "total"), "runs", 3);
    json_decref(doc);
}

/* --- The document of show, try by try --- */

/* Streams the document of these tries, of one recurrence, and reads it back as text. */
static int stream_show(FILE *stream, const struct wt_trial tries[], size_t count,
                       const struct wt_beliefs beliefs[], size_t believed)
{
    const struct wt_recurrence sums = {1, 2, 1, NAN, NAN, NAN};
    const struct json_show_job job = {.name = "job",
                                      .phase = count ? tries[0].identity.phase : "",
                                      .project = "",
                                      .recurrences = &sums,
                                      .recurrence_count = count ? 1 : 0};
    struct json_show *show = json_show_new(stream, &job);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = json_show_try(show, &tries[i], &err);
    if (rc == 0)
        rc = json_show_finish(show, beliefs, believed, &err);
    assert_null(json_show_free(show));
    return rc;
}

static json_t *shown(const struct wt_trial tries[], size_t count, const struct wt_beliefs beliefs[],
                     size_t believed)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    assert_non_null(stream);
    assert_int_equal(stream_show(stream, tries, count, beliefs, believed), 0);
    fclose(stream);
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        fail_msg("%s: %s", error.text, text);
    char *again = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    assert_int_equal(strlen(again) + 1, length); /* the form is jansson's */
    assert_memory_equal(again, text, length - 1);
    free(again);
    free(text);
    return value;
}

/* The streamed document is that of `run --json` with the beliefs behind it. */
static void show_is_the_same_as_run(void **state)
{
    (void)state;
    struct wt_trial trials[3] = {a_try(1, 1, 50, 1), a_try(1, 2, 60, 0), a_try(7, 1, 70, 1)};
    struct wt_recurrence sums[2] = {{1, 2, 1, 0, 0, 0}, {7, 1, 1, 0, 0, 0}};
    struct wt_trial_gpu gpus[WT_MAX_DEVICES];
    struct buffer whole = {0};
    for (unsigned i = 0; i < 3; i++) {
        sums[i / 2].energy_j += trials[i].part.energy_j;
        sums[i / 2].time_s += trials[i].outcome.time_s;
        sums[i / 2].cost_j += trials[i].outcome.cost_j;
        trials[i].part.gpu_count = 1;
        snprintf(trials[i].part.gpus[0].uuid, WT_UUID_LEN, "GPU-1");
    }
    gpus[0] = trials[0].part.gpus[0];
    struct json_doc *doc = json_run_document(trials, 3);
    json_open_array(doc, "beliefs");
    json_close(doc);
    assert_int_equal(json_write_buffer(doc, JSON_PRETTY, &whole, &err), 0);
    json_doc_free(doc);
    const struct wt_trial_identity *last = &trials[2].identity;
    const struct json_show_job job = {last->job, last->phase, last->project, gpus, 1, sums, 2};
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    struct json_show *show = json_show_new(stream, &job);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(json_show_try(show, &trials[i], &err), 0);
    assert_int_equal(json_show_finish(show, NULL, 0, &err), 0);
    json_show_free(show);
    fclose(stream);
    assert_string_equal(text, whole.text);
    free(text);
    buffer_clear(&whole);
}

static void show_without_a_try(void **state)
{
    (void)state;
    json_t *doc = shown(NULL, 0, NULL, 0);
    text_is(doc, "job", "job");
    is_null(doc, "phase project");
    assert_int_equal(json_array_size(at(doc, "gpus")), 0);
    assert_int_equal(json_array_size(at(doc, "recurrences")), 0);
    assert_int_equal(json_array_size(at(doc, "beliefs")), 0);
    json_decref(doc);
}

static void show_that_fails(void **state)
{
    (void)state;
    struct wt_trial trials[2] = {a_try(1, 1, 50, 1), a_try(2, 1, 50, 1)};
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(stream_show(full, trials, 1, NULL, 0), WT_E_IO);
    assert_non_null(strstr(err.text, "cannot be written: No space left on device"));
    fclose(full);
    FILE *null = fopen("/dev/null", "w");
    assert_int_equal(stream_show(null, trials, 2, NULL, 0), WT_E_INVALID); /* no such sums */
    fclose(null);
    assert_int_equal(json_show_try(NULL, trials, &err), WT_E_NO_MEMORY);
    assert_int_equal(json_show_finish(NULL, NULL, 0, &err), WT_E_NO_MEMORY);
    assert_null(json_show_free(NULL));
}

/* A stream that is full in the middle ends the writing before the end of the document. */
static void show_ends_early(void **state)
{
    (void)state;
    struct wt_trial trial = a_try(1, 1, 50, 1);
    const struct wt_recurrence sums = {1, 1000000, 1, 1, 1, 1};
    const struct json_show_job job = {
        .name = "job", .phase = "", .project = "", .recurrences = &sums, .recurrence_count = 1};
    FILE *full = fopen("/dev/full", "w");
    struct json_show *show = json_show_new(full, &job);
    int rc = 0;
    unsigned tries = 0;
    while (rc == 0 && tries++ < 1000)
        rc = json_show_try(show, &trial, &err);
    assert_int_equal(rc, WT_E_IO);
    json_show_free(show);
    fclose(full);
}

/* Text and numbers are written as jansson writes them, at 12 digits. */
static void as_jansson_writes(void **state)
{
    (void)state;
    static const double numbers[] = {0.1,
                                     1e-4,
                                     9.9999999999995e-5,
                                     99999999999.95,
                                     1e11,
                                     1e20,
                                     -1e-7,
                                     123456789012.5,
                                     0.30000000000000004,
                                     5,
                                     -5,
                                     1e300,
                                     4.9e-324,
                                     999999999999.5,
                                     2.5000000000005,
                                     0.5,
                                     1.0000000000005,
                                     1e10,
                                     99999999999.999996,
                                     0.000999999999999995};
    char text[64];
    for (unsigned i = 1; i < sizeof text; i++)
        text[i - 1] = (char)(i < 0x30 ? i : i == 0x30 ? '\\' : i == 0x31 ? 0x7f : 'a');
    text[sizeof text - 1] = '\0';
    struct json_doc *doc = json_doc_new();
    json_t *expected = json_object();
    uint64_t seed = 1;
    for (unsigned i = 0; i < 20000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double fraction = (double)(seed >> 11) / 9007199254740992.0;
        double value = i < sizeof numbers / sizeof numbers[0]
                           ? numbers[i]
                           : (fraction - 0.5) * pow(10, (double)(i % 24) - 8);
        if (i % 3 == 0) /* ties and numbers with few digits */
            value = round(value * 4096) / 4096;
        json_put_number(doc, key, value);
        json_object_set_new(expected, key, json_real(value == 0 ? 0 : value));
    }
    json_put_text(doc, text, text);
    json_object_set_new(expected, text, json_string(text));
    json_open_array(doc, "empty");
    json_close(doc);
    json_object_set_new(expected, "empty", json_array());
    struct buffer pretty = {0}, line = {0};
    assert_int_equal(json_write_buffer(doc, JSON_PRETTY, &pretty, &err), 0);
    assert_int_equal(json_write_buffer(doc, JSON_LINE, &line, &err), 0);
    char *want = json_dumps(expected, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    pretty.text[pretty.length - 1] = line.text[line.length - 1] = '\0';
    assert_string_equal(pretty.text, want);
    free(want);
    want = json_dumps(expected, JSON_REAL_PRECISION(12));
    assert_string_equal(line.text, want);
    free(want);
    buffer_clear(&pretty);
    buffer_clear(&line);
    json_decref(expected);
    json_doc_free(doc);
}

static void show_document(void **state)
{
    (void)state;
    struct wt_trial trials[2] = {a_try(1, 1, 50, 1), a_try(1, 2, 0, 0)};
    trials[0].outcome.exit_code = -1; /* ended by us: it has none of its own */
    trials[0].outcome.early_stopped = true;
    trials[1].outcome.not_started = true;
    const struct wt_beliefs beliefs[2] = {
        {.gpu_model = "V100",
         .gpu_count = 2,
         .identity = {.opaque = true, .words = "accuracy>=0.9"},
         .exploring = true,
         .next = 32,
         .bound_j = INFINITY,
         .running = 1,
         .count = 2,
         .sizes = {{16, 0, NAN, NAN, false}, {32, 3, 1500, 20, true}}},
        {.failed = true, .bound_j = 7}};
    json_t *doc = shown(trials, 2, beliefs, 2);
    json_t *tries = at(json_array_get(at(doc, "recurrences"), 0), "tries");
    is_null(json_array_get(tries, 0), "exit_code");
    assert_true(json_is_true(at(json_array_get(tries, 0), "early_stopped")));
    assert_true(json_is_true(at(json_array_get(tries, 0), "ran")));
    assert_true(json_is_false(at(json_array_get(tries, 1), "ran")));
    json_t *first = json_array_get(at(doc, "beliefs"), 0),
           *second = json_array_get(at(doc, "beliefs"), 1);
    text_is(first, "gpu_model", "V100");
    number_is(first, "gpu_count", 2);
    text_is(first, "options", "accuracy>=0.9");
    assert_true(json_is_true(at(first, "exploring")));
    number_is(first, "next_batch_size", 32);
    number_is(first, "running", 1);
    is_null(first, "cost_bound_j");
    json_t *sizes = at(first, "batch_sizes");
    assert_int_equal(json_array_size(sizes), 2);
    number_is(json_array_get(sizes, 0), "batch_size", 16);
    number_is(json_array_get(sizes, 0), "runs", 0);
    is_null(json_array_get(sizes, 0), "mean_cost_j sd_cost_j");
    assert_true(json_is_false(at(json_array_get(sizes, 0), "left")));
    number_is(json_array_get(sizes, 1), "mean_cost_j", 1500);
    number_is(json_array_get(sizes, 1), "sd_cost_j", 20);
    is_null(second, "next_batch_size");
    number_is(second, "cost_bound_j", 7);
    json_decref(doc);
    doc = shown(trials, 2, NULL, 0);
    assert_int_equal(json_array_size(at(doc, "beliefs")), 0);
    json_decref(doc);
}

static void jobs_document(void **state)
{
    (void)state;
    const struct wt_job_row rows[] = {
        {"\xff", "training", "", 3, 4, 1, INT64_C(1740830400000), 5000, 1, 60, 0.8, 0.01},
        {"new", "training", "p", 1, 1, 1, INT64_C(1740830400000), NAN, 1, NAN, NAN, NAN},
    };
    json_t *doc = parsed(json_jobs_document(rows, 2));
    number_is(doc, "schema_version", 1);
    json_t *first = json_array_get(at(doc, "jobs"), 0),
           *second = json_array_get(at(doc, "jobs"), 1);
    text_is(first, "job", "\xef\xbf\xbd");
    is_null(first, "project");
    number_is(first, "recurrences", 3);
    number_is(first, "energy_j", 5000);
    number_is(first, "trials_without_energy", 1);
    number_is(first, "best_energy_fraction", 0.8);
    text_is(first, "last_started", "2025-03-01T12:00:00.000Z");
    is_null(second, "energy_j time_s best_energy_fraction best_energy_fraction_error");
    json_decref(doc);
    doc = parsed(json_jobs_document(NULL, 0));
    assert_int_equal(json_array_size(at(doc, "jobs")), 0);
    json_decref(doc);
}

static void limits_document(void **state)
{
    (void)state;
    const struct wt_device devices[] = {
        {.index = 2,
         .uuid = "GPU-c",
         .name = "A40",
         .limit_min_mw = 100000,
         .limit_max_mw = 300000,
         .limit_default_mw = 300000},
        {.index = 3, .uuid = "GPU-d", .name = "A40"},
    };
    const struct wt_state states[] = {
        {.known = WT_STATE_LIMIT | WT_STATE_ENFORCED,
         .limit_mw = 175500,
         .enforced_limit_mw = 150000},
        {.limit_mw = 99, .enforced_limit_mw = 99}, /* not known, in spite of its value */
    };
    json_t *doc = parsed(json_limits_document(devices, states, 2));
    json_t *first = json_array_get(at(doc, "devices"), 0);
    has_keys(first, "index uuid name power_limit_w enforced_limit_w default_w min_w max_w");
    number_is(first, "index", 2);
    number_is(first, "power_limit_w", 175.5);
    number_is(first, "enforced_limit_w", 150);
    number_is(first, "default_w", 300);
    number_is(first, "min_w", 100);
    number_is(first, "max_w", 300);
    is_null(json_array_get(at(doc, "devices"), 1),
            "power_limit_w enforced_limit_w default_w min_w max_w");
    json_decref(doc);
}

static void measure_document(void **state)
{
    (void)state;
    const struct wt_device devices[] = {
        {.kind = WT_DEVICE_GPU, .index = 0, .uuid = "GPU-a", .name = "V100"},
        {.kind = WT_DEVICE_CPU, .index = 0, .name = "package-0"},
        {.kind = WT_DEVICE_DRAM, .index = 0, .name = "dram-0"},
    };
    struct wt_measurement m[] = {
        {1000000000, 3000000000, 400500, 1500, WT_SOURCE_COUNTER, 0},
        {1000000000, 3000000000, 90000, 500, WT_SOURCE_INTEGRATED, 0},
        {1000000000, 3000000000, 8000, 0, WT_SOURCE_REPLAYED, 0},
    };
    const double sensor[] = {0.05, NAN, NAN};
    const char *const command[] = {"python3", "a b.py", "\xff", NULL};
    const struct json_measure all = {command, 3, 2.0, 3, devices, m, sensor};
    json_t *doc = parsed(json_measure_document(&all));
    has_keys(doc, "schema_version command exit_code time_s devices energy_j energy_error_j");
    assert_int_equal(json_array_size(at(doc, "command")), 3);
    assert_string_equal(json_string_value(json_array_get(at(doc, "command"), 1)), "a b.py");
    number_is(doc, "exit_code", 3);
    number_is(doc, "energy_j", 498.5);
    number_is(doc, "energy_error_j", 2);
    json_t *gpu = json_array_get(at(doc, "devices"), 0),
           *cpu = json_array_get(at(doc, "devices"), 1);
    has_keys(gpu, "kind index uuid name energy_j energy_error_j sensor_error_fraction "
                  "average_power_w source");
    text_is(gpu, "kind", "gpu");
    number_is(gpu, "energy_j", 400.5);
    number_is(gpu, "energy_error_j", 1.5);
    number_is(gpu, "average_power_w", 200.25);
    number_is(gpu, "sensor_error_fraction", 0.05);
    text_is(cpu, "kind", "cpu");
    text_is(cpu, "source", "integrated");
    is_null(cpu, "uuid sensor_error_fraction");
    text_is(json_array_get(at(doc, "devices"), 2), "kind", "dram");
    text_is(json_array_get(at(doc, "devices"), 2), "source", "replayed");
    json_decref(doc);

    m[1].source = WT_SOURCE_NONE;
    m[0].end_ns = m[0].begin_ns;
    doc = parsed(json_measure_document(&all));
    is_null(doc, "energy_j energy_error_j");
    is_null(json_array_get(at(doc, "devices"), 1),
            "energy_j energy_error_j average_power_w source");
    is_null(json_array_get(at(doc, "devices"), 0), "average_power_w");
    number_is(json_array_get(at(doc, "devices"), 0), "energy_j", 400.5);
    json_decref(doc);
    const struct json_measure none = {command, 0, 2.0, 0, NULL, NULL, NULL};
    doc = parsed(json_measure_document(&none));
    is_null(doc, "energy_j energy_error_j");
    json_decref(doc);
}

static void monitor_document(void **state)
{
    (void)state;
    const struct wt_device devices[2] = {{.index = 0, .uuid = "GPU-a", .name = "V100"},
                                         {.index = 1}};
    const struct wt_state states[2] = {
        {.known = 0x1ff,
         .power_mw = 201500,
         .limit_mw = 250000,
         .enforced_limit_mw = 175000,
         .temperature_c = -3,
         .utilization_percent = 97,
         .sm_clock_mhz = 1380,
         .memory_used_bytes = UINT64_C(17179869184),
         .energy_mj = 1234567,
         .throttle = WT_THROTTLE_SYNC_BOOST | WT_THROTTLE_SW_POWER_CAP},
        {.known = WT_STATE_THROTTLE},
    };
    json_t *doc = parsed(json_monitor_document(INT64_C(1740830400123), devices, states, NULL, 2));
    has_keys(doc, "schema_version time devices");
    text_is(doc, "time", "2025-03-01T12:00:00.123Z");
    json_t *first = json_array_get(at(doc, "devices"), 0),
           *second = json_array_get(at(doc, "devices"), 1);
    has_keys(
        first,
        "index uuid name power_w energy_j power_limit_w enforced_limit_w temperature_c utilization "
        "sm_clock_mhz memory_used_bytes throttle");
    number_is(first, "power_w", 201.5);
    number_is(first, "energy_j", 1234.567);
    number_is(first, "power_limit_w", 250);
    number_is(first, "enforced_limit_w", 175);
    number_is(first, "temperature_c", -3);
    number_is(first, "utilization", 0.97);
    number_is(first, "sm_clock_mhz", 1380);
    number_is(first, "memory_used_bytes", 17179869184.0);
    json_t *throttle = at(first, "throttle");
    assert_int_equal(json_array_size(throttle), 2);
    assert_string_equal(json_string_value(json_array_get(throttle, 0)), "sw_power_cap");
    assert_string_equal(json_string_value(json_array_get(throttle, 1)), "sync_boost");
    is_null(
        second,
        "power_w energy_j power_limit_w enforced_limit_w temperature_c utilization sm_clock_mhz "
        "memory_used_bytes uuid name");
    assert_int_equal(json_array_size(at(second, "throttle")), 0); /* known: nothing holds it back */
    assert_true(json_is_array(at(second, "throttle")));
    json_decref(doc);
    const struct wt_state unknown[2] = {0};
    doc = parsed(json_monitor_document(0, devices, unknown, NULL, 2));
    is_null(doc, "time");
    is_null(json_array_get(at(doc, "devices"), 0), "throttle");
    json_decref(doc);
    const struct wt_measurement since[2] = {
        {1000000000, 3000000000, 400500, 1500, WT_SOURCE_COUNTER, 0},
        {1000000000, 3000000000, 7, 7, WT_SOURCE_NONE, 0}};
    doc = parsed(json_monitor_document(0, devices, states, since, 2));
    first = json_array_get(at(doc, "devices"), 0);
    number_is(first, "interval_s", 2);
    number_is(first, "interval_energy_j", 400.5);
    number_is(first, "interval_energy_error_j", 1.5);
    number_is(first, "interval_power_w", 200.25);
    text_is(first, "interval_source", "counter");
    number_is(first, "energy_j", 1234.567); /* the driver's counter all the same */
    second = json_array_get(at(doc, "devices"), 1);
    number_is(second, "interval_s", 2);
    is_null(second, "interval_energy_j interval_energy_error_j interval_power_w interval_source");
    json_decref(doc);
}

/* Keys of a reading in JSON are the columns of the CSV behind time, but for the throttle's place.
 */
static void keys_are_columns(void **state)
{
    (void)state;
    static const struct wt_device device = {.index = 0};
    static const struct wt_state state_of = {.known = 0};
    static const struct wt_measurement since = {.source = WT_SOURCE_NONE};
    struct buffer csv = {0};
    view_monitor_csv_heading(&csv, true);
    json_t *doc = parsed(json_monitor_document(0, &device, &state_of, &since, 1));
    json_t *one = json_array_get(at(doc, "devices"), 0);
    char *heading = strdup(buffer_text(&csv));
    unsigned columns = 0;
    for (char *name = strtok(heading, ",\n"); name; name = strtok(NULL, ",\n"), columns++)
        if (strcmp(name, "time") != 0)
            at(one, name);
    assert_int_equal(columns, json_object_size(one) + 1);
    free(heading);
    buffer_clear(&csv);
    json_decref(doc);
}

static void explain_document(void **state)
{
    (void)state;
    struct wt_explanation e = {
        .job = "a\xff\"<b>\n",
        .gpu_model = "V100",
        .gpu_count = 2,
        .found_limit_mw = 250000,
        .fit = {.state = WT_FIT_DONE,
                .describes = true,
                .used = 1,
                .static_w = {140, 4},
                .full_dynamic_w = {NAN, NAN},
                .dynamic_w = {330, 6},
                .compute = {0.5, 0.125},
                .least_limit_w = {150, 12},
                .time_rms = 0.01,
                .time_largest = 0.02,
                .power_rms = 0.03,
                .power_largest = 0.04,
                .against_errors = NAN,
                .count = 2,
                .points = {{{{WT_KNOB_POWER_LIMIT, 250000}, 60, 0.5, 200, 2, 0.25, false},
                            true,
                            0.5,
                            210},
                           {{{WT_KNOB_POWER_LIMIT, 150000}, 30, NAN, 100, NAN, NAN, true},
                            false,
                            NAN,
                            NAN}}},
        .standard = {64, 250000, 6, 0.5, 200, 3000, 1.2e6},
        .chosen = {32, 150000, 4, 0.25, 50, 2000, 4e5},
        .least = {32, 125000, 4, 0.5, 45, 4000, 3.6e5},
        .front = {32, 250000, 4, 0.2, 100, 1600, 8e5},
        .whole = {0.33, 0.01},
        .whole_time = {0.67, 0.02},
        .epochs = {0.75, NAN, 0.25},
        .size = {0.5, 0.125, 0.3},
        .limit = {0.9, 0.05, 0.12},
        .order = WT_ORDER_SIZE_FIRST,
        .left = {0.9, 0.02},
        .size_count = 2,
    };
    const char *const sentences[] = {"One.", "Two.", "Three \xc3\xa9."};
    json_t *doc = parsed(json_explain_document(&e, sentences, 3));
    text_is(doc, "job", "a\xef\xbf\xbd\"<b>\n");
    number_is(doc, "schema_version", 1);
    number_is(doc, "gpu_count", 2);
    number_is(doc, "batch_size", 32);
    number_is(doc, "static_power_w", 140);
    number_is(doc, "static_power_error_w", 4);
    number_is(doc, "dynamic_power_w", 330);
    number_is(doc, "dynamic_power_error_w", 6);
    number_is(doc, "compute_bound_fraction", 0.5);
    number_is(doc, "compute_bound_fraction_error", 0.125);
    number_is(doc, "found_power_limit_w", 250);
    json_t *fit = at(doc, "fit");
    assert_true(json_is_true(at(fit, "describes")));
    is_null(fit, "why_none residuals_over_errors");
    number_is(fit, "points_used", 1);
    number_is(fit, "time_residual_rms_fraction", 0.01);
    number_is(fit, "time_residual_largest_fraction", 0.02);
    number_is(fit, "power_residual_rms_fraction", 0.03);
    number_is(fit, "power_residual_largest_fraction", 0.04);
    is_null(fit, "full_clock_dynamic_power_w full_clock_dynamic_power_error_w");
    number_is(fit, "least_energy_limit_w", 150);
    number_is(fit, "least_energy_limit_error_w", 12);
    json_t *standard = at(doc, "default");
    number_is(standard, "batch_size", 64);
    number_is(standard, "power_limit_w", 250);
    number_is(standard, "epochs", 6);
    number_is(standard, "time_per_step_s", 0.5);
    number_is(standard, "energy_per_step_j", 200);
    number_is(standard, "time_s", 3000);
    number_is(standard, "energy_j", 1.2e6);
    assert_true(json_is_false(at(standard, "on_front"))); /* at the same limit, but another size */
    number_is(at(doc, "chosen"), "energy_j", 4e5);
    number_is(at(doc, "front"), "batch_size", 32);
    number_is(at(doc, "least_energy"), "power_limit_w", 125);
    number_is(at(doc, "least_energy"), "fraction_of_chosen", 0.9);
    number_is(at(doc, "least_energy"), "fraction_of_chosen_error", 0.02);
    json_t *parts = at(doc, "contributions");
    number_is(parts, "energy_fraction", 0.33);
    number_is(parts, "time_fraction", 0.67);
    number_is(parts, "epochs_fraction", 0.75);
    is_null(parts, "epochs_fraction_error");
    number_is(parts, "epoch_energy_fraction", 0.5);
    number_is(parts, "limit_fraction", 0.9);
    number_is(parts, "limit_fraction_error", 0.05);
    number_is(parts, "epochs_saving_fraction", 0.25);
    number_is(parts, "epoch_energy_saving_fraction", 0.3);
    number_is(parts, "limit_saving_fraction", 0.12);
    text_is(parts, "order", "batch_size_first");
    json_t *first = json_array_get(at(doc, "points"), 0),
           *second = json_array_get(at(doc, "points"), 1);
    number_is(first, "power_limit_w", 250);
    number_is(first, "power_w", 400);
    number_is(first, "time_error_s", 0.25);
    number_is(first, "energy_error_j", 2);
    number_is(first, "fitted_power_w", 420);
    number_is(first, "static_energy_per_step_j", 70);
    number_is(first, "fitted_energy_per_step_j", 210);
    assert_true(json_is_true(at(first, "used")) && json_is_true(at(second, "throttled")) &&
                json_is_false(at(second, "used")));
    is_null(second, "time_per_step_s energy_error_j power_w fitted_power_w fitted_time_per_step_s");
    assert_int_equal(json_array_size(at(doc, "sentences")), 3);
    json_decref(doc);

    e.fit.state = WT_FIT_NOT_REACHED;
    e.fit.describes = false;
    e.standard.limit_mw = e.front.limit_mw = e.chosen.batch_size = 0;
    e.order = WT_ORDER_UNKNOWN;
    e.fit.points[0].measured.setting = (struct wt_setting){WT_KNOB_SM_CLOCK_MAX, 1410};
    doc = parsed(json_explain_document(&e, sentences, 3));
    text_is(at(doc, "fit"), "why_none", "limits_not_reached");
    is_null(json_array_get(at(doc, "points"), 0), "static_energy_per_step_j power_limit_w");
    is_null(doc, "batch_size");
    is_null(at(doc, "default"), "on_front power_limit_w");
    is_null(at(doc, "contributions"), "order");
    json_decref(doc);
}

static void carbon_documents(void **state)
{
    (void)state;
    struct wt_figure figures[2] = {{.name = "intensity_g_per_kwh",
                                    .value = 481,
                                    .low = NAN,
                                    .high = NAN,
                                    .devices = NAN,
                                    .kind = "assumed",
                                    .source = "assumed world average",
                                    .year = 2023,
                                    .remark = "the series has no value"},
                                   {.name = "gpu_embodied_kg",
                                    .label = "A100",
                                    .value = 2000,
                                    .low = 1500,
                                    .high = 2500,
                                    .devices = 8,
                                    .kind = "gpu",
                                    .source = "a paper"}};
    json_t *root = parsed(json_carbon_document(INT64_C(1740830400123), NULL, figures, 2));
    has_keys(root, "schema_version time location intensity_g_per_kwh intensity_source figures");
    text_is(root, "time", "2025-03-01T12:00:00.123Z");
    is_null(root, "location");
    number_is(root, "intensity_g_per_kwh", 481);
    text_is(root, "intensity_source", "assumed world average");
    json_t *first = json_array_get(json_object_get(root, "figures"), 0),
           *second = json_array_get(json_object_get(root, "figures"), 1);
    has_keys(first, "name value low high devices kind source year remark");
    is_null(first, "low high devices");
    assert_int_equal(json_integer_value(json_object_get(first, "year")), 2023);
    is_null(second, "year remark");
    number_is(second, "high", 2500);
    json_decref(root);
    root = parsed(json_carbon_tables_document(figures, 1, figures + 1, 1));
    has_keys(root, "schema_version intensities embodied");
    first = json_array_get(json_object_get(root, "intensities"), 0);
    has_keys(first, "code name g_per_kwh source year");
    is_null(first, "name");
    second = json_array_get(json_object_get(root, "embodied"), 0);
    has_keys(second, "name kind match kg low_kg high_kg devices source year");
    text_is(second, "match", "A100");
    number_is(second, "devices", 8);
    json_decref(root);
}

static int read_text(const char *json, char zone[8], double *number, bool *truth)
{
    const struct json_wanted wanted[] = {
        {.name = "zone", .needed = true, .text = zone, .text_size = 8},
        {.name = "n", .needed = true, .number = number},
        {.name = "t", .truth = truth}};
    return json_read_object(json, strlen(json), wanted, 3, &err);
}

/* JSON that others wrote has the expected types, or is refused whole. */
static void objects_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } bad[] = {{"{\"zone\":\"DE\"}", "there is no \"n\""},
               {"{\"zone\":\"DE\",\"n\":\"3\"}", "\"n\" is no number"},
               {"{\"zone\":\"DE\",\"n\":null}", "\"n\" is no number"},
               {"{\"zone\":7,\"n\":3}", "\"zone\" is no text of usual length"},
               {"{\"zone\":\"12345678\",\"n\":3}", "\"zone\" is no text of usual length"},
               {"{\"zone\":\"DE\",\"n\":3,\"t\":1}", "\"t\" is no true or false"},
               {"[1]", "no JSON object"},
               {"", "no JSON: "},
               {"{\"zone\":\"DE\",\"n\":1e999}", "no JSON: "},
               {"{\"zone\":\"DE\",\"n\":NaN}", "no JSON: "},
               {"{\"n\":3,\"n\":4,\"zone\":\"DE\"}", "no JSON: "},
               {"{\"zone\":\"a\\u0000\",\"n\":4}", "no JSON: "},
               {"{\"zone\":\"DE\",\"n\":3} {}", "no JSON: "}};
    char zone[8] = "-";
    double number = -1;
    bool truth = true;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_text(bad[i].json, zone, &number, &truth), WT_E_PARSE);
        assert_memory_equal(err.text, bad[i].words, strlen(bad[i].words));
        assert_true(strcmp(zone, "-") == 0 && number == -1 && truth);
    }
    assert_int_equal(
        read_text("{\"x\":[{}],\"zone\":\"1234567\",\"n\":3,\"t\":null}", zone, &number, &truth),
        0);
    assert_string_equal(zone, "1234567");
    assert_true(number == 3 && truth);
    assert_int_equal(read_text("{\"zone\":\"\",\"n\":-2.5,\"t\":false}", zone, &number, &truth), 0);
    assert_true(zone[0] == '\0' && number == -2.5 && !truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_valid),         cmocka_unit_test(numbers_are_round),
        cmocka_unit_test(files_are_whole),         cmocka_unit_test(run_document),
        cmocka_unit_test(run_document_of_a_clock), cmocka_unit_test(show_document),
        cmocka_unit_test(show_is_the_same_as_run), cmocka_unit_test(show_without_a_try),
        cmocka_unit_test(show_that_fails),         cmocka_unit_test(show_ends_early),
        cmocka_unit_test(as_jansson_writes),       cmocka_unit_test(jobs_document),
        cmocka_unit_test(limits_document),         cmocka_unit_test(measure_document),
        cmocka_unit_test(monitor_document),        cmocka_unit_test(keys_are_columns),
        cmocka_unit_test(explain_document),        cmocka_unit_test(carbon_documents),
        cmocka_unit_test(report_document),         cmocka_unit_test(objects_are_read),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
