/* SPDX-License-Identifier: Apache-2.0
 *
 * Exports: columns, units and keys that others have set; names stay names, and unknown values stay
 * away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/report_export.h"
#include "show/export/export.h"
#include "show/json/documents.h"
#include "show/text/view.h"
#include "page_help.h"

/* 100 s on two V100 and an A40: 3 600 000 J of GPUs, 360 000 J of CPUs; PUE 1.5, 200 g/kWh. */
static struct wt_trial full_run(void)
{
    struct wt_trial run = {.identity.id = 7,
                           .identity.job = "mlp",
                           .identity.phase = "training",
                           .identity.project = "vision",
                           .identity.user = "ada",
                           .identity.node = "n1",
                           .identity.recurrence = 3,
                           .identity.try_number = 2,
                           .identity.started_ms = INT64_C(1740830400123),
                           .outcome.ended = true,
                           .outcome.time_s = 100,
                           .part.energy_j = 3.6e6,
                           .part.energy_error_j = 36e3,
                           .part.sensor_error_fraction = 0.05,
                           .part.cpu_energy_j = 3.6e5,
                           .part.dram_energy_j = NAN,
                           .outcome.epochs = 12,
                           .part.busy_s = 240,
                           .part.source = WT_SOURCE_INTEGRATED,
                           .part.gpu_count = 3,
                           .carbon = {1.5, 200, "a grid", 330, NAN, 50, 100, "a table"}};
    snprintf(run.part.gpus[0].name, WT_NAME_LEN, "Tesla V100");
    snprintf(run.part.gpus[1].name, WT_NAME_LEN, "NVIDIA A40");
    snprintf(run.part.gpus[2].name, WT_NAME_LEN, "Tesla V100");
    return run;
}

/* Booked at its start, and then killed. */
static struct wt_trial killed_run(void)
{
    const double none = NAN;
    return (struct wt_trial){.identity.job = "mlp",
                             .identity.phase = "training",
                             .identity.recurrence = 1,
                             .identity.try_number = 1,
                             .identity.started_ms = INT64_C(1740830400123),
                             .outcome.time_s = none,
                             .part.energy_j = none,
                             .part.energy_error_j = none,
                             .part.sensor_error_fraction = none,
                             .part.cpu_energy_j = none,
                             .part.dram_energy_j = none,
                             .part.busy_s = none,
                             .carbon = {none, none, "", none, none, none, none, ""}};
}

static void put_boamps(const struct wt_trial *run)
{
    struct wt_error err;
    struct json_doc *doc = export_boamps_document(
        &(struct export_boamps_run){"an-id", run, INT64_C(1741000000000), "1.2.3"});
    assert_int_equal(json_write_buffer(doc, JSON_LINE, &out, &err), 0);
    json_doc_free(doc);
}

/* --- CodeCarbon --- */

static void codecarbon_columns(void **state)
{
    (void)state;
    export_put_codecarbon_heading(&out); /* CodeCarbon 3.3.2 */
    assert_string_equal(out.text, "timestamp,project_name,run_id,experiment_id,duration,emissions,"
                                  "emissions_rate,cpu_power,gpu_power,ram_power,cpu_energy,"
                                  "gpu_energy,ram_energy,energy_consumed,water_consumed,country_"
                                  "name,country_iso_code,region,cloud_provider,cloud_region,os,"
                                  "python_version,codecarbon_version,cpu_count,cpu_model,gpu_count,"
                                  "gpu_model,longitude,latitude,ram_total_size,tracking_mode,"
                                  "cpu_utilization_percent,gpu_utilization_percent,ram_utilization_"
                                  "percent,ram_used_gb,on_cloud,pue,wue\n");
}

static void codecarbon_row(void **state)
{
    (void)state;
    struct wt_trial run = full_run();
    export_put_codecarbon(&out, "an-id", &run, "1.2.3");
    /* kWh and W with the PUE in them; kg and kg/s; percent; the end, not the beginning. */
    assert_string_equal(out.text, "2025-03-01T12:01:40,vision,an-id,mlp,100,0.33,0.0033,5400,54000,"
                                  ",0.15,1.5,,1.65,,,,,,,,,Wattune 1.2.3,,,3,"
                                  "\"2 x Tesla V100, 1 x NVIDIA A40\",,,,machine,,80,,,,1.5,\n");
    /* No PUE was booked: the devices' own energy, and the column says so by being empty. */
    buffer_clear(&out);
    run.carbon.pue = NAN;
    export_put_codecarbon(&out, "an-id", &run, "1.2.3");
    has(",100,0.33,0.0033,3600,36000,,0.1,1,,1.1,");
    has(",machine,,80,,,,,\n");
}

static void codecarbon_unknown(void **state)
{
    (void)state;
    struct wt_trial run = killed_run();
    export_put_codecarbon(&out, "an-id", &run, "1.2.3");
    assert_string_equal(out.text,
                        ",,an-id,mlp,,,,,,,,,,,,,,,,,,,Wattune 1.2.3,,,0,,,,,machine,,,,,,,\n");
    /* A run that took no time has no power and no rate. */
    buffer_clear(&out);
    run = full_run();
    run.outcome.time_s = 0;
    export_put_codecarbon(&out, "an-id", &run, "1.2.3");
    has(",0,0.33,,,,,0.15,1.5,,1.65,");
    /* That of the GPUs' time nothing is known is not all of it. */
    buffer_clear(&out);
    run = full_run();
    run.part.busy_s = NAN;
    export_put_codecarbon(&out, "an-id", &run, "1.2.3");
    has(",machine,,,,,,1.5,\n");
    put_boamps(&run);
    has_not("averageUtilizationGpu");
    run.part.busy_s = 301; /* of 300 */
    put_boamps(&run);
    has("\"averageUtilizationGpu\": 1.0,");
}

static void codecarbon_names(void **state)
{
    (void)state;
    struct wt_trial run = full_run();
    snprintf(run.identity.job, sizeof run.identity.job, "=cmd|'/c calc'!A1");
    snprintf(run.identity.project, sizeof run.identity.project,
             "a \"b\", <i>c</i>\r\nd \xe2\x80\xaetxt \xff");
    memset(run.part.gpus[0].name, 'x', WT_NAME_LEN - 1);
    run.part.gpus[2] = run.part.gpus[0];
    export_put_codecarbon(&out, "an-id", &run, "1.2.3");
    has(",\"a \"\"b\"\", <i>c</i>\r\nd \xe2\x80\xaetxt \xef\xbf\xbd\",an-id,'=cmd|'/c calc'!A1,");
    has(",\"2 x xxxxx");
    has("xxx, 1 x NVIDIA A40\",");
    static const char *const formulas[] = {"=1", "+1", "-1", "@a", "\t=1"};
    for (unsigned i = 0; i < sizeof formulas / sizeof formulas[0]; i++) {
        char expected[64];
        buffer_clear(&out);
        snprintf(run.identity.job, sizeof run.identity.job, "%s", formulas[i]);
        snprintf(expected, sizeof expected, ",an-id,'%s,", formulas[i]);
        export_put_codecarbon(&out, "an-id", &run, "1.2.3");
        has(expected);
    }
}

/* As many models as there may be GPUs, with the longest names. */
static void codecarbon_many_gpus(void **state)
{
    (void)state;
    struct wt_trial run = full_run();
    char last[16];
    run.part.gpu_count = WT_MAX_DEVICES;
    for (unsigned i = 0; i < WT_MAX_DEVICES; i++) {
        memset(run.part.gpus[i].name, 'g', WT_NAME_LEN - 1);
        snprintf(last, sizeof last, "%02u", i);
        memcpy(run.part.gpus[i].name + WT_NAME_LEN - 3, last, 3);
    }
    export_put_codecarbon(&out, "an-id", &run, "1.2.3");
    has("g00, 1 x ggg");
    has("g63\",,,,machine,,");
}

/* --- BoAmps --- */

static void boamps(void **state)
{
    (void)state;
    struct wt_trial run = full_run();
    put_boamps(&run);
    has("\"reportId\": \"an-id\", \"reportDatetime\": \"2025-03-03 11:06:40\", \"reportStatus\": "
        "\"draft\"");
    has("\"taskStage\": \"training\", \"taskFamily\": \"unknown\", \"algorithms\": "
        "[{\"epochsNumber\": 12}], \"dataset\": "
        "[{\"dataUsage\": \"input\", \"dataType\": \"other\"}]");
    /* kWh of the devices, without PUE. */
    has("\"measures\": [{\"measurementMethod\": \"wattune\", \"gpuTrackingMode\": \"integrated\", "
        "\"averageUtilizationGpu\": 0.8, "
        "\"powerConsumption\": 1.1, \"measurementDuration\": 100.0, \"measurementDateTime\": "
        "\"2025-03-01 12:00:00\"}]");
    has("\"infraType\": \"other\", \"components\": [{\"componentName\": \"Tesla V100\", "
        "\"componentType\": \"gpu\", \"nbComponent\": 2}, "
        "{\"componentName\": \"NVIDIA A40\", \"componentType\": \"gpu\", \"nbComponent\": 1}]");
    has("\"environment\": {\"country\": \"unknown\", \"powerSourceCarbonIntensity\": 200.0}");
    has("Job mlp, recurrence 3, try 2, project vision. Energy of: GPUs, CPUs; not measured: DRAM. "
        "PUE is not in powerConsumption (1.5 was "
        "booked). Carbon intensity: a grid.");
    has("to be completed: taskFamily, algorithms, dataset, infraType, country.");
    has_not("null");
    has_not("quality"); /* the error of the CPUs' energy is not known */
    assert_int_equal(strchr(out.text, '\n') - out.text + 1, (long)out.length);
}

static void boamps_quality(void **state)
{
    (void)state;
    static const struct {
        double error_j, sensor;
        const char *expected;
    } cases[] = {{36e3, 0.05, "high"}, {36e3, 0.1, "medium"}, {36e3, 0.3, "low"},
                 {36e3, 0.6, NULL},    {NAN, 0.05, NULL},     {36e3, NAN, NULL}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wt_trial run = full_run();
        char expected[32];
        run.part.cpu_energy_j = NAN;
        run.part.energy_error_j = cases[i].error_j;
        run.part.sensor_error_fraction = cases[i].sensor;
        buffer_clear(&out);
        put_boamps(&run);
        snprintf(expected, sizeof expected, "\"quality\": \"%s\"",
                 cases[i].expected ? cases[i].expected : "");
        if (cases[i].expected)
            has(expected);
        else
            has_not("quality");
    }
}

static void boamps_unknown(void **state)
{
    (void)state;
    struct wt_trial run = killed_run();
    assert_false(export_boamps_has(&run));
    run = full_run();
    assert_true(export_boamps_has(&run));
    run.part.gpu_count = 0;
    assert_false(export_boamps_has(&run));
    /* A run of an older ledger: energy alone. */
    run = killed_run();
    run.part.gpu_count = 1;
    run.part.energy_j = 1800;
    run.part.source = WT_SOURCE_COUNTER;
    put_boamps(&run);
    has("\"powerConsumption\": 0.0005,");
    has("\"algorithms\": [{}]");
    has("[{\"componentType\": \"gpu\", \"nbComponent\": 1}]");
    has("not measured: CPUs, DRAM. PUE is not in powerConsumption. Not known");
    has_not("null");
    has_not("environment");
    has_not("measurementDuration");
    has_not("averageUtilizationGpu");
    /* A start that no calendar has. */
    buffer_clear(&out);
    run.identity.started_ms = INT64_MAX;
    put_boamps(&run);
    has_not("measurementDateTime");
    has("\"reportDatetime\"");
}

static void boamps_names(void **state)
{
    (void)state;
    struct wt_trial run = full_run();
    snprintf(run.identity.job, sizeof run.identity.job, "\"},\n\"</script>\xff");
    put_boamps(&run);
    has("Job \\\"},\\n\\\"</script>\xef\xbf\xbd, recurrence");
    assert_int_equal(strchr(out.text, '\n') - out.text + 1, (long)out.length); /* still one line */
}

/* --- Which run it is --- */

static void ids(void **state)
{
    (void)state;
    char a[EXPORT_ID_LEN], b[EXPORT_ID_LEN];
    struct wt_trial run = full_run(), other = full_run();
    report_export_id(a, &run);
    assert_int_equal(strlen(a), 36);
    assert_true(a[8] == '-' && a[13] == '-' && a[14] == '8' && a[18] == '-' &&
                strchr("89ab", a[19]) && a[23] == '-');
    assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
    /* Its energy, and the number that the ledger gave it, do not make it another run. */
    other.identity.id = 8;
    other.part.energy_j = 1;
    assert_string_equal(report_export_id(b, &other), a);
    struct wt_trial others[6];
    for (unsigned i = 0; i < 6; i++)
        others[i] = run;
    others[0].identity.recurrence++;
    others[1].identity.try_number++;
    others[2].identity.started_ms++;
    snprintf(others[3].identity.node, sizeof others[3].identity.node, "n2");
    snprintf(others[4].identity.user, sizeof others[4].identity.user,
             "1"); /* n1 + ada is not n + 1ada */
    snprintf(others[4].identity.node, sizeof others[4].identity.node, "nada");
    snprintf(others[5].identity.job, sizeof others[5].identity.job, "mlq");
    for (unsigned i = 0; i < 6; i++)
        assert_string_not_equal(report_export_id(b, &others[i]), a);
    run.identity.user[0] = run.identity.node[0] = 0;
    snprintf(run.identity.user, sizeof run.identity.user, "x");
    snprintf(other.identity.node, sizeof other.identity.node, "x");
    other.identity.user[0] = 0;
    assert_string_not_equal(report_export_id(a, &run), report_export_id(b, &other));
}

/* --- Statements --- */

static const enum wt_report_key by_gpu[] = {WT_BY_GPU};

static const struct wt_report_basis all_basis[] = {{WT_BASIS_ENERGY, "counter", 2, NAN, NAN},
                                                   {WT_BASIS_ENERGY, "integrated", 1, NAN, NAN},
                                                   {WT_BASIS_PUE, "assumed", 3, 1.1, 1.5},
                                                   {WT_BASIS_INTENSITY, "a grid", 2, 100, 300},
                                                   {WT_BASIS_EMBODIED, "a table", 3, 4, 5}};

/* Four runs: 3 kWh and 600 g in two of them, which reserved 4 GPU hours and 80 g; in a third the
 * grid is unknown; one was killed. */
static struct wt_report_row four_runs(void)
{
    struct wt_report_row row = {.runs = 4,
                                .unended = 1,
                                .gpu_hours = 6,
                                .busy_gpu_hours = 3,
                                .gpu_j = 14.4e6,
                                .cpu_j = 3.6e5,
                                .dram_j = NAN,
                                .gpu_unknown = 1,
                                .cpu_unknown = 3,
                                .dram_unknown = 4,
                                .facility_j = 16e6,
                                .operational_g = 600,
                                .market_g = 12,
                                .embodied_g = 120,
                                .embodied_useful_g = 240,
                                .operational_unknown = 2,
                                .market_unknown = 2,
                                .embodied_unknown = 1,
                                .saved_j = 7200,
                                .saved_error_j = 360,
                                .saved_g = 1,
                                .saved_runs = 1,
                                .first_ms = INT64_C(1740866400000),
                                .last_ms = INT64_C(1740952800000),
                                .gpus_least = 1,
                                .gpus_most = 4,
                                .gpu_error_j = 36e3,
                                .complete = {.runs = 2,
                                             .gpu_hours = 4,
                                             .facility_j = 10.8e6,
                                             .operational_g = 600,
                                             .embodied_g = 80}};
    row.keys[0] = "Tesla V100";
    return row;
}

static struct wt_report_row nothing(void)
{
    const double none = NAN;
    struct wt_report_row row = {.runs = 1,
                                .unended = 1,
                                .gpu_hours = none,
                                .busy_gpu_hours = none,
                                .gpu_j = none,
                                .cpu_j = none,
                                .dram_j = none,
                                .gpu_unknown = 1,
                                .cpu_unknown = 1,
                                .dram_unknown = 1,
                                .facility_j = none,
                                .operational_g = none,
                                .market_g = none,
                                .embodied_g = none,
                                .embodied_useful_g = none,
                                .operational_unknown = 1,
                                .market_unknown = 1,
                                .embodied_unknown = 1,
                                .saved_j = none,
                                .saved_error_j = none,
                                .saved_g = none,
                                .first_ms = INT64_C(1740866400000),
                                .last_ms = INT64_C(1740866400000),
                                .gpus_least = none,
                                .gpus_most = none,
                                .gpu_error_j = none};
    row.keys[0] = "";
    return row;
}

static struct view_report_page page_of(const struct wt_report_row *row, bool with_basis)
{
    return (struct view_report_page){.keys = by_gpu,
                                     .key_count = 1,
                                     .rows = row,
                                     .count = 1,
                                     .total = row,
                                     .basis = all_basis,
                                     .basis_count =
                                         with_basis ? sizeof all_basis / sizeof all_basis[0] : 0};
}

static void sci(void **state)
{
    (void)state;
    const struct wt_report_row row = four_runs();
    const struct view_report_page page = page_of(&row, true);
    export_put_sci(&out, &page, EXPORT_SCI_RUN, "1.2.3", false);
    has("SCI = ((E x I) + M) per R = ((1.500 kWh x 200 g/kWh) + 40.00 g) per run = 340.0 g CO2e "
        "per run\n");
    has("Tesla V100   2/4  1.500 kWh  200 g/kWh  40.00 g  340.0 g\n");
    has("R       one run; 2 runs; 2 more are left out, since something of them is unknown\n");
    has("times the PUE: 1.1 to 1.5, assumed (3 runs)\n");
    has("GPUs measured by: hardware counters (2 runs); power, integrated over time (1 run)\n");
    has("location-based, 200 g/kWh: 100 to 300 g CO2e/kWh, a grid (2 runs)\n");
    has("2 GPU hours a run (1 to 4 GPUs a run)\n");
    has("TE/EL/ToR is 20.00 g a GPU hour reserved\n");
    has("where TE is from: 4 to 5 years of lifetime, a table (3 runs)\n");
    has("energy of GPUs in 3 of 4 runs; energy of CPUs in 1 of 4 runs; energy of DRAM in 0 of 4 "
        "runs;");
    has("not measured: GPUs in 1 of 4 runs, CPUs in 3 of 4 runs, DRAM in 4 of 4 runs;");
    buffer_clear(&out);
    export_put_sci(&out, &page, EXPORT_SCI_GPU_HOUR, "1.2.3", false);
    has(" = ((750.0 Wh x 200 g/kWh) + 20.00 g) per GPU hour = 170.0 g CO2e per GPU hour\n");
    has("R       one GPU hour; 4 GPU hours reserved, in 2 runs; 2 more are left out");
}

static void sci_unknown(void **state)
{
    (void)state;
    struct wt_report_row row = nothing();
    const struct view_report_page page = page_of(&row, false);
    export_put_sci(&out, &page, EXPORT_SCI_RUN, "1.2.3", false);
    has("SCI = ((E x I) + M) per R is unknown: there is no run with energy, intensity and "
        "embodied emissions all known\n");
    has("0/1  unknown  unknown  unknown  unknown\n");
    has_not("nan");
    /* Runs without a GPU have no GPU hours to divide by. */
    row = four_runs();
    row.complete.gpu_hours = 0;
    buffer_clear(&out);
    export_put_sci(&out, &page, EXPORT_SCI_GPU_HOUR, "1.2.3", false);
    has("is unknown: there is no GPU hour with energy");
    has_not("nan");
    has_not("inf");
    row.runs = 0;
    buffer_clear(&out);
    export_put_sci(&out, &page, EXPORT_SCI_RUN, "1.2.3", false);
    assert_string_equal(out.text, "no runs in the ledger match\n");
}

static void methods(void **state)
{
    (void)state;
    struct wt_report_row row = four_runs();
    const struct view_report_page page = page_of(&row, true);
    export_put_methods(&out, &page, "mlp", NULL, "1.2.3");
    has("Wattune (version 1.2.3). The account covers 4 runs of the job mlp between 2025-03-01 and "
        "2025-03-02 (UTC). The time reserved was "
        "6 GPU hours: Tesla V100 (1 to 4 GPUs a run, 6 GPU hours in 4 runs). The GPUs were busy "
        "for 50.0 % of that time. 1 of the runs "
        "had no regular end; nothing that it used is known or included.\n");
    has("The GPUs used 4.000 kWh in 3 of the 4 runs; that of the others is not known. This was "
        "read from hardware energy counters (2 runs) and "
        "integrated from power readings (1 run), with a 95 % error bound of 10.00 Wh (the "
        "calibration of the sensors apart). The energy of "
        "the CPUs was 100.0 Wh in 1 of the 4 runs; that of the others is not known. The energy of "
        "DRAM was not measured. With a power "
        "usage effectiveness (PUE) of 1.1 to 1.5, assumed, the facility drew 4.444 kWh for the "
        "measured energy.\n");
    has("Location-based operational emissions were 600.0 g CO2e in 2 of the 4 runs, at a carbon "
        "intensity of electricity of 100 to 300 g "
        "CO2e/kWh, a grid. For the others they are not known. Market-based, by the contract for "
        "electricity, operational emissions were "
        "12.00 g CO2e in 2 of the 4 runs; this is another view of the same electricity and not to "
        "be added. Embodied emissions of 120.0 g CO2e "
        "were attributed to 3 of the 4 runs");
    has("on the basis of: 4 to 5 years of lifetime, a table. For the others they are not known. "
        "Divided by the utilisation that was assumed for the hardware "
        "(50.0 %), as in Sustainable AI [1], they come to 240.0 g CO2e, in place of that figure. "
        "Location-based operational and embodied "
        "emissions together were 680.0 g CO2e in the 2 runs with both of them known.\n");
    has("after Zeus [2]. Against the power limit found at the start, which was measured as a "
        "baseline in 1 of the 4 runs, the GPUs used "
        "2.000 Wh less (with a 95 % bound of 100.0 mWh).\n");
    has("\n[1] C.-J. Wu et al. Sustainable AI");
    has("\n[2] J. You,");
    /* A saving that is none. */
    row.saved_j = -7200;
    buffer_clear(&out);
    export_put_methods(&out, &page, NULL, NULL, "1.2.3");
    has("The account covers 4 runs between");
    has("the GPUs used 2.000 Wh more");
}

/* Nothing is known: each sentence says so, none has a number, and nobody is cited. */
static void methods_unknown(void **state)
{
    (void)state;
    struct wt_report_row row = nothing();
    const struct view_report_page page = page_of(&row, false);
    export_put_methods(&out, &page, NULL, "\x1b[31m\xe2\x80\xae<b>", "1.2.3");
    has("covers 1 run of the project \\x1b[31m\\u202e<b> on 2025-03-01 (UTC). The time that they "
        "took is not known.");
    has("The energy of the GPUs was not measured. The energy of the CPUs was not measured. The "
        "energy of DRAM was not measured. The energy "
        "that the facility drew is not known.\n");
    has("Operational emissions are not known. Market-based emissions are not known, since no "
        "contract for electricity is on record. "
        "Embodied emissions are not known.\n");
    has_not("[1]");
    has_not("Zeus");
    has_not("nan");
    has_not("unknown method");
    row.first_ms = row.last_ms = 0;
    buffer_clear(&out);
    export_put_methods(&out, &page, NULL, NULL, "1.2.3");
    has("covers 1 run, at times that are not known. The time that they took");
    row.runs = 0;
    buffer_clear(&out);
    export_put_methods(&out, &page, NULL, NULL, "1.2.3");
    assert_string_equal(out.text, "no runs in the ledger match\n");
}

/* A name of a model or a source is text of somebody else's; a provider's answers are as many
 * sources as hours. */
static void statements_of_others(void **state)
{
    (void)state;
    struct wt_report_row row = four_runs();
    struct wt_report_basis basis[9];
    struct view_report_page page = page_of(&row, true);
    row.keys[0] = "\x1b]0;x\x07\nmodel";
    for (unsigned i = 0; i < 9; i++)
        basis[i] =
            (struct wt_report_basis){WT_BASIS_INTENSITY, i ? "a grid" : "a\x1b[2J\xe2\x80\xaegrid",
                                     9 - i, 10 * (i + 1), 10 * (i + 1)};
    page.basis = basis;
    page.basis_count = 9;
    export_put_methods(&out, &page, NULL, NULL, "1.2.3");
    has("\\x1b]0;x\\x07\\nmodel (1 to 4 GPUs a run");
    has("10 g CO2e/kWh, a\\x1b[2J\\u202egrid (9 runs); 20 g CO2e/kWh, a grid (8 runs); ");
    has("50 g CO2e/kWh, a grid (5 runs); and 4 more sources.");
    has_not("60 g");
    has_not("\x1b");
    buffer_clear(&out);
    export_put_sci(&out, &page, EXPORT_SCI_RUN, "1.2.3", false);
    has("a\\x1b[2J\\u202egrid (9 runs)");
    has_not("\x1b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(codecarbon_columns, fresh),
        cmocka_unit_test_setup(codecarbon_row, fresh),
        cmocka_unit_test_setup(codecarbon_unknown, fresh),
        cmocka_unit_test_setup(codecarbon_names, fresh),
        cmocka_unit_test_setup(codecarbon_many_gpus, fresh),
        cmocka_unit_test_setup(boamps, fresh),
        cmocka_unit_test_setup(boamps_quality, fresh),
        cmocka_unit_test_setup(boamps_unknown, fresh),
        cmocka_unit_test_setup(boamps_names, fresh),
        cmocka_unit_test_setup(ids, fresh),
        cmocka_unit_test_setup(sci, fresh),
        cmocka_unit_test_setup(sci_unknown, fresh),
        cmocka_unit_test_setup(methods, fresh),
        cmocka_unit_test_setup(methods_unknown, fresh),
        cmocka_unit_test_setup(statements_of_others, fresh),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_clear(&out);
    return failed;
}
