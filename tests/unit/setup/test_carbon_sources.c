/* SPDX-License-Identifier: Apache-2.0
 *
 * setup: the order of sources of an intensity and the remarks on those passed over; the figure of a
 * GPU; the answers that a provider is not believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "setup/carbon_provider.h"
#include "setup/carbon_sources.h"

static const int64_t NOW = 1740830400; /* 2025-03-01T12:00:00Z */
static char folder[] = "/tmp/wattune-carbon-XXXXXX";
static char series_path[64], table_path[64], embodied_path[64];
static struct config config;
static struct carbon_sources carbon;
static struct wt_error err;

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    static const struct config_places nowhere;
    (void)state;
    snprintf(series_path, sizeof series_path, "%s/series", folder);
    snprintf(table_path, sizeof table_path, "%s/table", folder);
    snprintf(embodied_path, sizeof embodied_path, "%s/embodied", folder);
    memset(&err, 0, sizeof err);
    memset(&carbon, 0, sizeof carbon);
    return config_load(&config, &nowhere, &err);
}

static int tear_down(void **state)
{
    (void)state;
    carbon_sources_close(&carbon);
    config_clear(&config);
    unlink(series_path);
    unlink(table_path);
    unlink(embodied_path);
    return 0;
}

static void set(enum config_id id, const char *text)
{
    if (config_put_flag(&config, id, text, &err))
        fail_msg("%s", err.text);
}

static int reopen(void)
{
    carbon_sources_close(&carbon);
    return carbon_sources_open(&carbon, &config, NOW, &err);
}

static void says(int64_t unix_s, double g_per_kwh, enum carbon_intensity_source source,
                 const char *text, const char *remark)
{
    struct carbon_intensity found;
    carbon_sources_intensity_at(&carbon, unix_s, &found);
    assert_true(found.g_per_kwh == g_per_kwh);
    assert_int_equal(found.source, source);
    assert_string_equal(found.source_text, text);
    assert_string_equal(found.remark, remark);
    assert_int_equal(found.year,
                     source == CARBON_INTENSITY_TABLE || source == CARBON_INTENSITY_ASSUMED ? 2023
                                                                                            : 0);
}

static void sources_in_their_order(void **state)
{
    (void)state;
    char text[200], remark[200];
    assert_int_equal(reopen(), 0);
    says(NOW, 481, CARBON_INTENSITY_ASSUMED, "assumed world average", "");
    set(CONFIG_LOCATION, "deu");
    assert_int_equal(reopen(), 0);
    assert_string_equal(carbon.location, "DEU");
    says(NOW, 381, CARBON_INTENSITY_TABLE,
         "DEU: Our World in Data on Ember: yearly average of 2023 or 2022", "");
    set(CONFIG_PROVIDER_URL, "http://127.0.0.1:9/");
    set(CONFIG_PROVIDER_ZONE, "DE");
    assert_int_equal(reopen(), 0);
    says(NOW, 381, CARBON_INTENSITY_TABLE,
         "DEU: Our World in Data on Ember: yearly average of 2023 or 2022",
         "the provider was not asked in this hour");
    put_file(series_path,
             "2025-03-01T11:00:00Z,250\n2025-03-01T12:00:00Z,270\n2025-03-01T13:00:00Z,290\n");
    set(CONFIG_INTENSITY_FILE, series_path);
    assert_int_equal(reopen(), 0);
    snprintf(text, sizeof text, "series %s", series_path);
    says(NOW, 270, CARBON_INTENSITY_SERIES, text, "");
    says(NOW - 1, 250, CARBON_INTENSITY_SERIES, text, "");
    snprintf(text, sizeof text, "series %s, a forecast", series_path);
    says(NOW + 3600, 290, CARBON_INTENSITY_SERIES, text, "");
    snprintf(remark, sizeof remark,
             "the series %s has no value for this hour; the provider was not asked in this hour",
             series_path);
    says(NOW - 3601, 381, CARBON_INTENSITY_TABLE,
         "DEU: Our World in Data on Ember: yearly average of 2023 or 2022", remark);
    assert_true(carbon_sources_most(&carbon, NOW) == 270);
    set(CONFIG_INTENSITY, "30");
    assert_int_equal(reopen(), 0);
    says(NOW, 30, CARBON_INTENSITY_GIVEN, "given by --intensity", "");
    assert_int_equal(carbon_sources_refresh(&carbon, NOW, &err),
                     0); /* asks nobody: its word would not count */
}

static void no_series_no_most(void **state)
{
    (void)state;
    set(CONFIG_INTENSITY, "30");
    assert_int_equal(reopen(), 0);
    assert_true(isnan(carbon_sources_most(&carbon, NOW)));
    assert_int_equal(carbon_sources_refresh(&carbon, NOW, &err), 0);
}

static void own_tables_go_first(void **state)
{
    (void)state;
    struct carbon_system system;
    put_file(table_path,
             "code,g_per_kwh,source,year\nDEU,300,me,2023\nWORLD,100,me,2023\nHERE,7,me,2023\n");
    put_file(embodied_path, "name,kind,match,kg,devices,source,year\nOurs,gpu_system,,3000,4,me,"
                            "2024\nCard,gpu,V100,90,,me,2024\n");
    set(CONFIG_INTENSITY_TABLE, table_path);
    set(CONFIG_EMBODIED_TABLE, embodied_path);
    assert_int_equal(reopen(), 0);
    says(NOW, 100, CARBON_INTENSITY_ASSUMED, "assumed world average", "");
    set(CONFIG_LOCATION, "here");
    assert_int_equal(reopen(), 0);
    says(NOW, 7, CARBON_INTENSITY_TABLE, "HERE: me", "");
    carbon_sources_system(&carbon, "Tesla V100-SXM2-16GB", &system);
    assert_true(system.kg == 90 && system.devices == 1 && !system.assumed && system.year == 2024);
    assert_string_equal(system.source_text, "Card: me");
    carbon_sources_system(&carbon, "NVIDIA H100 PCIe", &system);
    assert_true(system.kg == 3000 && system.devices == 4 && system.assumed);
    set(CONFIG_SYSTEM_GPUS, "2");
    assert_int_equal(reopen(), 0);
    carbon_sources_system(&carbon, "NVIDIA H100 PCIe", &system);
    assert_true(system.devices == 2); /* the configuration goes first */
    carbon_sources_system(&carbon, "Tesla V100-SXM2-16GB", &system);
    assert_true(system.devices == 1); /* a figure for one card is shared by nobody */
}

static void which_system(void **state)
{
    (void)state;
    struct carbon_system system;
    assert_int_equal(reopen(), 0);
    carbon_sources_system(&carbon, "NVIDIA H100 PCIe", &system);
    assert_true(system.kg == 2000 && isnan(system.devices) && system.assumed &&
                isnan(system.low_kg));
    assert_string_equal(
        system.source_text,
        "GPU training system: Sustainable AI (Wu et al., MLSys'22); the default for a GPU "
        "without a figure of its own");
    carbon_sources_system(&carbon, "NVIDIA A100-SXM4-40GB", &system);
    assert_true(system.kg == 318 && system.devices == 1 && !system.assumed && system.year == 2023);
    carbon_sources_system(&carbon, NULL, &system);
    assert_true(system.kg == 1000 && system.devices == 1 && !system.assumed);
    carbon_sources_system(&carbon, "", &system);
    assert_true(system.kg == 1000);
}

static void contracts(void **state)
{
    (void)state;
    struct carbon_contract contract = {.contracted_kwh = -1};
    set(CONFIG_RESIDUAL, "400");
    assert_int_equal(reopen(), 0);
    assert_false(
        carbon_sources_contract(&carbon, 10, &contract)); /* a residual mix is no contract */
    assert_true(contract.contracted_kwh == -1);
    set(CONFIG_CONTRACT, "20");
    assert_int_equal(reopen(), 0);
    assert_true(carbon_sources_contract(&carbon, 10, &contract));
    assert_true(carbon_market_g(10, &contract) == 200); /* all of it, unless said otherwise */
    set(CONFIG_CONTRACT_FRACTION, "0.75");
    assert_int_equal(reopen(), 0);
    assert_true(carbon_sources_contract(&carbon, 10, &contract));
    assert_true(fabs(carbon_market_g(10, &contract) - (7.5 * 20 + 2.5 * 400)) < 1e-9);
}

static void wrong_settings(void **state)
{
    (void)state;
    char expected[300];
    set(CONFIG_LOCATION, "Germny");
    assert_int_equal(reopen(), WT_E_INVALID);
    assert_string_equal(err.text, "--location: there is no location \"Germny\" in the table: codes "
                                  "are those of ISO 3166, three "
                                  "letters, such as DEU (`wattune carbon --list` has them all)");
    set(CONFIG_LOCATION, "DEU");
    set(CONFIG_INTENSITY_FILE, series_path);
    assert_int_equal(reopen(), WT_E_INVALID);
    snprintf(expected, sizeof expected, "--intensity-file: open %s: No such file or directory",
             series_path);
    assert_string_equal(err.text, expected);
    put_file(series_path, "2025-03-01T11:00:00Z,250\n2025-03-01T12:00:00Z,-1\n");
    assert_int_equal(reopen(), WT_E_PARSE);
    snprintf(expected, sizeof expected, "%s:2: -1 g/kWh is less than nothing", series_path);
    assert_string_equal(err.text, expected);
    put_file(series_path, "2025-03-01T11:00:00Z,250\n");
    set(CONFIG_SYSTEM_GPUS, "2.5");
    assert_int_equal(reopen(), WT_E_INVALID);
    assert_string_equal(err.text, "--system-gpus: system_gpus is a whole number, not 2.5");
    set(CONFIG_SYSTEM_GPUS, "2");
    set(CONFIG_PROVIDER_URL, "https://example.org");
    assert_int_equal(reopen(), WT_E_INVALID);
    assert_string_equal(
        err.text, "--provider-url: a provider needs provider_zone, the place as it calls it (DE)");
}

static int reads(const char *json, struct carbon_answer *answer)
{
    return carbon_provider_read(json, strlen(json), "DE", NOW + 600, answer, &err);
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } lies[] = {
        {"{\"zone\":\"FR\",\"carbonIntensity\":302,\"datetime\":\"2025-03-01T12:00:00.000Z\"}",
         "the answer is about zone \"FR\""},
        {"{\"zone\":\"DE\",\"carbonIntensity\":-1,\"datetime\":\"2025-03-01T12:00:00.000Z\"}",
         "-1 g/kWh is no grid's carbon intensity"},
        {"{\"zone\":\"DE\",\"carbonIntensity\":5001,\"datetime\":\"2025-03-01T12:00:00.000Z\"}",
         "5001 g/kWh is no grid's carbon intensity"},
        {"{\"zone\":\"DE\",\"carbonIntensity\":\"302\",\"datetime\":\"2025-03-01T12:00:00.000Z\"}",
         "\"carbonIntensity\" is no number"},
        {"{\"zone\":\"DE\",\"carbonIntensity\":302,\"datetime\":\"today\"}",
         "\"today\" is no time"},
        {"{\"zone\":\"DE\",\"carbonIntensity\":302,\"datetime\":\"2025-03-01T08:59:59.000Z\"}",
         "its latest value is of 2025-03-01T08:59:59.000Z, which is too old"},
        {"{\"zone\":\"DE\",\"carbonIntensity\":302,\"datetime\":\"2025-03-01T13:10:01.000Z\"}",
         "its time 2025-03-01T13:10:01.000Z lies in the future"},
        {"{\"zone\":\"DE\",\"datetime\":\"2025-03-01T12:00:00.000Z\"}",
         "there is no \"carbonIntensity\""},
    };
    struct carbon_answer answer = {.g_per_kwh = -7};
    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        int rc = reads(lies[i].json, &answer);
        assert_true(rc == WT_E_PARSE || rc == WT_E_RANGE);
        assert_string_equal(err.text, lies[i].words);
        assert_true(answer.g_per_kwh == -7);
    }
    assert_int_equal(reads("{\"zone\":\"DE\",\"carbonIntensity\":302,\"datetime\":\"2025-03-01T11:"
                           "00:00.000Z\",\"isEstimated\":true}",
                           &answer),
                     0);
    assert_true(answer.g_per_kwh == 302 && answer.estimated && answer.hour_s == NOW &&
                answer.of_s == NOW - 3600);
}

static int looks_back(const char *json, struct carbon_answer found[CARBON_HISTORY_MOST],
                      size_t *count)
{
    return carbon_provider_read_history(json, strlen(json), "DE", NOW + 600, found, count, &err);
}

static void histories(void **state)
{
    (void)state;
    struct carbon_answer found[CARBON_HISTORY_MOST];
    size_t count = 9;
    assert_int_equal(
        looks_back(
            "{\"zone\":\"DE\",\"history\":["
            "{\"zone\":\"DE\",\"carbonIntensity\":300,\"datetime\":\"2025-03-01T10:00:00.000Z\","
            "\"isEstimated\":true},"
            "{\"zone\":\"DE\",\"carbonIntensity\":null,\"datetime\":\"2025-03-01T11:00:00.000Z\"},"
            "{\"zone\":\"DE\",\"datetime\":\"2025-03-01T11:00:00.000Z\"},"
            "{\"zone\":\"DE\",\"carbonIntensity\":320.5,\"datetime\":\"2025-03-01T12:00:00.000Z\"}]"
            "}",
            found, &count),
        0);
    assert_int_equal(count, 2);
    assert_true(found[0].hour_s == NOW - 7200 && found[0].of_s == NOW - 7200 &&
                found[0].g_per_kwh == 300 && found[0].estimated);
    assert_true(found[1].hour_s == NOW && found[1].g_per_kwh == 320.5 && !found[1].estimated);
    assert_int_equal(looks_back("{\"history\":[]}", found, &count), 0);
    assert_int_equal(count, 0);
    static const struct {
        const char *json, *words;
    } lies[] = {
        {"[]", "there is no list \"history\""},
        {"{\"history\":{}}", "there is no list \"history\""},
        {"{", "no JSON: "},
        {"{\"history\":[3]}", "no JSON object"},
        {"{\"history\":[{\"zone\":\"DE\",\"carbonIntensity\":\"3\",\"datetime\":\"2025-03-01T10:00:"
         "00.000Z\"}]}",
         "\"carbonIntensity\" is no number"},
        {"{\"history\":[{\"zone\":\"DE\",\"carbonIntensity\":1,\"datetime\":\"2025-03-01T10:00:00."
         "000Z\"},"
         "{\"zone\":\"FR\",\"carbonIntensity\":1,\"datetime\":\"2025-03-01T11:00:00.000Z\"}]}",
         "the answer is about zone \"FR\""},
        {"{\"history\":[{\"zone\":\"DE\",\"carbonIntensity\":1,\"datetime\":\"2025-03-01T15:00:00."
         "000Z\"}]}",
         "its time "},
        {"{\"history\":[{\"zone\":\"DE\",\"carbonIntensity\":1e9,\"datetime\":\"2025-03-01T10:00:"
         "00.000Z\"}]}",
         "1e+09 g/kWh"}};
    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        int rc = looks_back(lies[i].json, found, &count);
        assert_true((rc == WT_E_PARSE || rc == WT_E_RANGE) && count == 0);
        assert_memory_equal(err.text, lies[i].words, strlen(lies[i].words));
    }
    struct buffer many = {0};
    buffer_print(&many, "{\"history\":[");
    for (unsigned i = 0; i <= CARBON_HISTORY_MOST; i++)
        buffer_print(
            &many,
            "%s{\"zone\":\"DE\",\"carbonIntensity\":1,\"datetime\":\"2025-03-01T10:00:00.000Z\"}",
            i ? "," : "");
    buffer_print(&many, "]}");
    assert_int_equal(looks_back(buffer_text(&many), found, &count), WT_E_RANGE);
    buffer_clear(&many);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
#define WITH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(sources_in_their_order),
        WITH(no_series_no_most),
        WITH(own_tables_go_first),
        WITH(which_system),
        WITH(contracts),
        WITH(wrong_settings),
        WITH(answers),
        WITH(histories),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
