/* SPDX-License-Identifier: Apache-2.0
 *
 * carbon: published figures, properties that a slip would break, and the refusals of tables and
 * series.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "account/carbon/embodied.h"
#include "account/carbon/intensity.h"
#include "account/carbon/operational.h"
#include "base/parse.h"

#define assert_near(value, expected, error) check_near(value, expected, error, __LINE__)

static void check_near(double value, double expected, double error, int line)
{
    if (!(fabs(value - expected) <= error))
        fail_msg("line %d: %.9g is not %.9g", line, value, expected);
}

/* Chase's cost of a power limit, per unit of throughput, as its paper has it. */
static double carbon_aware_cost(double eta, double average_power_w, double g_per_kwh,
                                double most_g_per_kwh, double max_power_w, double throughput)
{
    if (!(eta >= 0 && eta <= 1 && average_power_w >= 0 && g_per_kwh >= 0 && most_g_per_kwh >= 0 &&
          max_power_w >= 0 && throughput > 0))
        return NAN;
    return (eta * average_power_w * g_per_kwh + (1 - eta) * max_power_w * most_g_per_kwh) /
           throughput;
}

#define assert_nan(value) assert_true(isnan(value))

/* 2025-03-01T00:00:00Z */
static const int64_t DAY = 1740787200;
enum { H = 3600 };

static struct wt_error err;

/* --- Operational --- */

static void facility_and_location(void **state)
{
    (void)state;
    assert_near(carbon_facility_kwh(3.6e6, 1.1), 1.1, 1e-12);
    assert_near(carbon_facility_kwh(7.2e6, 1.6), 3.2, 1e-12);
    assert_near(carbon_location_g(1.1, 381), 419.1, 1e-9);
    assert_near(carbon_facility_kwh(0, 1), 0, 0); /* nothing was used, which is known */
    assert_nan(carbon_facility_kwh(NAN, 1.1));
    assert_nan(carbon_facility_kwh(1, 0.9));
    assert_nan(carbon_facility_kwh(1, NAN));
    assert_nan(carbon_facility_kwh(-1, 1.1));
    assert_nan(carbon_location_g(1, NAN));
    assert_nan(carbon_location_g(NAN, 381));
    assert_nan(carbon_location_g(1, -1));
}

/* The hours' grams add up to the whole's, at one intensity and at several. */
static void hours_add_up(void **state)
{
    (void)state;
    const double ci[] = {120, 480, 30, 381}, energy_j[] = {1e6, 2.5e6, 4e5, 7e6};
    double kwh = 0, at_one = 0, weighted = 0, sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        double hour_kwh = carbon_facility_kwh(energy_j[i], 1.1);
        kwh += hour_kwh;
        at_one += carbon_location_g(hour_kwh, 250);
        weighted += carbon_location_g(hour_kwh, ci[i]);
        sum += energy_j[i] / 3.6e6 * 1.1 * ci[i];
    }
    assert_near(at_one, carbon_location_g(carbon_facility_kwh(1e6 + 2.5e6 + 4e5 + 7e6, 1.1), 250),
                1e-9);
    assert_near(weighted, sum, 1e-9);
    assert_true(fabs(weighted - carbon_location_g(kwh, (120 + 480 + 30 + 381) / 4.0)) >
                50); /* no plain mean of the hours */
}

static void market(void **state)
{
    (void)state;
    struct carbon_contract half = {5, 20, 400}, more = {20, 20, 400}, none = {0, NAN, 400},
                           unknown = {5, 20, NAN};
    assert_near(carbon_market_g(10, &half), 5 * 20 + 5 * 400, 1e-9);
    assert_near(carbon_market_g(10, &more), 20 * 20, 1e-9); /* the residual mix is never negative */
    assert_near(carbon_market_g(10, &none), 4000, 1e-9);
    assert_near(carbon_market_g(5, &unknown), 100, 1e-9); /* no rest, no need of the residual mix */
    assert_nan(carbon_market_g(10, &unknown));
    assert_nan(carbon_market_g(10, NULL));
    assert_nan(carbon_market_g(NAN, &half));
    assert_nan(carbon_market_g(-1, &half));
}

/* A V100's profile of the README: power, time per step. */
static const struct {
    double power_w, time_s;
} limits[] = {{220.6, 0.01616}, {188.2, 0.01687}, {165.9, 0.01763}, {144.1, 0.01868}};
enum { LIMITS = 4 };

static unsigned cheapest(double eta, double ci, double most)
{
    unsigned best = 0;
    double least = INFINITY;
    for (unsigned i = 0; i < LIMITS; i++) {
        double cost =
            carbon_aware_cost(eta, limits[i].power_w, ci, most, 250, 1 / limits[i].time_s);
        if (cost < least) {
            least = cost;
            best = i;
        }
    }
    return best;
}

/* Where the grid is as dirty as it gets, Chase's rule is Zeus's (section 3.1: eta*E +
 * (1-eta)*MAXPOWER*T) times MaxCI. */
static void grid_eta_cost_is_zeus_at_the_dirtiest(void **state)
{
    (void)state;
    for (double eta = 0; eta <= 1; eta += 0.125)
        for (unsigned i = 0; i < LIMITS; i++) {
            double zeus =
                eta * limits[i].power_w * limits[i].time_s + (1 - eta) * 250 * limits[i].time_s;
            assert_near(
                carbon_aware_cost(eta, limits[i].power_w, 380, 380, 250, 1 / limits[i].time_s),
                380 * zeus, 1e-9);
        }
    assert_int_equal(cheapest(0.5, 380, 380), 2); /* 175 W, as the README's run chose */
    assert_int_equal(cheapest(0.5, 20, 380), 0);  /* energy is clean now: time counts */
    assert_int_equal(cheapest(1, 20, 380),
                     3); /* only carbon counts: the least energy, clean or not */
    assert_int_equal(cheapest(0, 380, 380), 0);
}

/* The eta of a moment orders limits as Chase's cost does, for every grid and card. */
static void grid_eta_eta_orders_as_the_cost_does(void **state)
{
    (void)state;
    for (double eta = 0; eta <= 1; eta += 0.0625)
        for (double ci = 0; ci <= 380; ci += 19) {
            double now = carbon_aware_eta(eta, ci, 380);
            assert_true(now >= 0 && now <= eta);
            for (unsigned i = 0; i < LIMITS; i++)
                for (unsigned k = 0; k < LIMITS; k++) {
                    double chase = carbon_aware_cost(eta, limits[i].power_w, ci, 380, 250,
                                                     1 / limits[i].time_s) -
                                   carbon_aware_cost(eta, limits[k].power_w, ci, 380, 250,
                                                     1 / limits[k].time_s);
                    double zeus = (now * limits[i].power_w + (1 - now) * 250) * limits[i].time_s -
                                  (now * limits[k].power_w + (1 - now) * 250) * limits[k].time_s;
                    if (fabs(chase) > 1e-9 && (eta < 1 || ci > 0))
                        assert_true((chase < 0) == (zeus < 0));
                }
        }
    assert_near(carbon_aware_eta(0.5, 95, 380), 0.2, 1e-12); /* a quarter: 0.125 / (0.125 + 0.5) */
}

/* At the dirtiest hour it is Zeus's to the last bit: no limit that ties may change places. */
static void grid_eta_eta_is_zeus_at_the_dirtiest(void **state)
{
    (void)state;
    static const double most[] = {0.1, 7, 380, 4999.9};
    for (double eta = 0; eta <= 1; eta += 0.001)
        for (unsigned i = 0; i < sizeof most / sizeof most[0]; i++)
            assert_true(carbon_aware_eta(eta, most[i], most[i]) == eta);
    assert_true(carbon_aware_eta(0.3, 0, 0) == 0.3); /* nothing is emitted at any hour */
    assert_true(carbon_aware_eta(1, 0, 380) == 1);   /* nothing has a weight */
    assert_true(carbon_aware_eta(0.3, 0, 380) == 0);
    assert_true(carbon_aware_eta(1, 20, 380) == 1);
    assert_nan(carbon_aware_eta(0.5, NAN, 380));
    assert_nan(carbon_aware_eta(0.5, 100, NAN));
    assert_nan(carbon_aware_eta(0.5, -1, 380));
    assert_nan(carbon_aware_eta(1.1, 100, 380));
}

static void grid_eta_cost_is_unknown(void **state)
{
    (void)state;
    assert_near(carbon_aware_cost(0.5, 200, 100, 400, 250, 2),
                (0.5 * 200 * 100 + 0.5 * 250 * 400) / 2, 1e-9);
    assert_nan(carbon_aware_cost(0.5, 200, 100, NAN, 250, 2)); /* no series: refused */
    assert_nan(carbon_aware_cost(0.5, 200, 100, 400, 250, 0));
    assert_nan(carbon_aware_cost(1.1, 200, 100, 400, 250, 2));
    assert_nan(carbon_aware_cost(0.5, NAN, 100, 400, 250, 2));
}

/* --- Embodied --- */

static void published_shares(void **state)
{
    (void)state;
    /* Sustainable AI: kg per useful hour of a GPU system. */
    assert_near(carbon_embodied_g(2000, H, 3, 0.30, 1, 1), 253.7, 0.05);
    assert_near(carbon_embodied_g(2000, H, 4, 0.45, 1, 1), 126.8, 0.05);
    assert_near(carbon_embodied_g(2000, H, 5, 0.60, 1, 1), 76.1, 0.05);
    /* SCI: 1000 kg, 4 years, an hour. */
    assert_near(carbon_embodied_g(1000, H, 4, 1, 1, 1), 28.5, 0.05);
    assert_near(carbon_embodied_g(2000, H, 4, 1, 3, 8), 3.0 / 8 * 2e6 / (4 * 8760), 1e-9);
}

/* SCI's share conserves: all hours of all devices over the lifetime are the system. */
static void a_lifetime_is_the_system(void **state)
{
    (void)state;
    double grams = 0;
    for (unsigned device = 0; device < 8; device++)
        for (unsigned year = 0; year < 4; year++)
            grams += carbon_embodied_g(2000, 8760.0 * H, 4, 1, 1, 8);
    assert_near(grams, 2e6, 1e-3);
    assert_near(carbon_embodied_g(2000, 8760.0 * H * 0.45 * 4, 4, 0.45, 8, 8), 2e6,
                1e-3); /* so do the useful ones */
    assert_nan(carbon_embodied_g(NAN, H, 4, 1, 1, 1));
    assert_nan(carbon_embodied_g(2000, H, 4, 0, 1, 1));
    assert_nan(carbon_embodied_g(2000, H, 4, 1.01, 1, 1));
    assert_nan(carbon_embodied_g(2000, H, 0, 1, 1, 1));
    assert_nan(carbon_embodied_g(2000, H, 4, 1, 1, NAN));
    assert_nan(carbon_embodied_g(2000, -1, 4, 1, 1, 8));
}

static void die_of_act(void **state)
{
    (void)state;
    assert_near(carbon_die_kg(826, 7, 642, 0.97, 0.875), 20.3,
                0.05); /* an A100's, made in Taiwan; its package apart */
    assert_near(carbon_die_kg(100, 28, 0, 0.95, 1), (175 + 500) / 1000.0, 1e-12);
    assert_near(carbon_die_kg(100, 28, 0, 0.99, 1), (100 + 500) / 1000.0, 1e-12);
    assert_near(carbon_die_kg(100, 3, 100, 0.97, 1), (325 + (470 + 275) / 2.0 + 500) / 1000, 1e-12);
    assert_near(carbon_die_kg(200, 14, 500, 0.96, 0.5), 2 * (600 + 181.25 + 500) / 0.5 / 1000,
                1e-12);
    assert_nan(carbon_die_kg(826, 12, 642, 0.97, 0.875)); /* no figures for that node */
    assert_nan(carbon_die_kg(826, 7, 642, 0.94, 0.875));  /* nothing is extrapolated */
    assert_nan(carbon_die_kg(826, 7, 642, 1, 0.875));
    assert_nan(carbon_die_kg(826, 7, NAN, 0.97, 0.875));
    assert_nan(carbon_die_kg(826, 7, 642, 0.97, 0));
    assert_near(carbon_packages_kg(2), 0.3, 1e-12);
    struct carbon_fab_node nodes[CARBON_FAB_MOST];
    assert_int_equal(carbon_fab_nodes(nodes), 8);
    for (unsigned i = 1; i < 8; i++)
        assert_true(nodes[i].node_nm < nodes[i - 1].node_nm &&
                    nodes[i].epa_kwh >= nodes[i - 1].epa_kwh);
}

/* Sustainable AI's chain of optimisations: printed as 810 times in the paper. */
static void chain_of_optimisations(void **state)
{
    (void)state;
    const double steps[] = {6.7, 10.1, 2.4, 5};
    double grams = carbon_location_g(carbon_facility_kwh(812 * 3.6e6, 1.1), 381);
    for (unsigned i = 0; i < 4; i++)
        grams /= steps[i];
    assert_near(grams, carbon_location_g(carbon_facility_kwh(3.6e6, 1.1), 381), 0.1);
}

/* --- Tables --- */

static int read_systems(struct carbon_embodied_table *table, const char *csv)
{
    struct buffer text = {0};
    buffer_append(&text, csv, strlen(csv));
    memset(&err, 0, sizeof err);
    int rc = carbon_embodied_parse(table, "own.csv", &text, &err);
    buffer_clear(&text);
    return rc;
}

static void the_projects_systems(void **state)
{
    (void)state;
    struct carbon_embodied_table table;
    assert_int_equal(carbon_embodied_builtin(&table, &err), 0);
    assert_near(carbon_embodied_first(&table, CARBON_GPU_SYSTEM)->kg, 2000, 0);
    assert_near(carbon_embodied_first(&table, CARBON_CPU_SYSTEM)->kg, 1000, 0);
    const struct carbon_embodied_row *a100 = carbon_embodied_gpu(&table, "NVIDIA A100-SXM4-40GB");
    assert_near(a100->kg, 318, 0);
    assert_near(a100->devices, 1, 0);
    assert_ptr_equal(carbon_embodied_gpu(&table, "nvidia a100 80GB PCIe"), a100);
    assert_null(carbon_embodied_gpu(&table, "NVIDIA RTX A1000"));
    assert_null(carbon_embodied_gpu(&table, "GA100X"));
    assert_null(carbon_embodied_gpu(&table, "Tesla V100-SXM2-16GB"));
    assert_null(carbon_embodied_gpu(&table, ""));
    for (size_t i = 0; i < table.count; i++)
        assert_true(table.rows[i].source[0] && table.rows[i].year >= 2020);
    carbon_embodied_clear(&table);
}

static void own_systems(void **state)
{
    (void)state;
    struct carbon_embodied_table table;
    assert_int_equal(read_systems(&table, "source,year,kg,kind,match,name,devices,low_kg,high_kg,"
                                          "die_mm2,node_nm,fab_g_per_kwh,packages\n"
                                          "me,2025,1200,gpu,H100,\"Node, ours\",8,1000,1500,,,,\n"
                                          "me,2025,,gpu,H100 PCIe,From parts,,,,826,7,642,2\n"
                                          "me,2025,,gpu,RTX 6000,One package,,,,826,7,642,\n"),
                     0);
    const struct carbon_embodied_row *row = carbon_embodied_gpu(&table, "NVIDIA H100 80GB HBM3");
    assert_string_equal(row->name, "Node, ours");
    assert_near(row->devices, 8, 0);
    assert_near(row->high_kg, 1500, 0);
    assert_false(row->from_parts);
    row = carbon_embodied_gpu(&table, "NVIDIA H100 PCIe"); /* the longest match counts */
    assert_near(row->kg, 20.346 + 0.3, 0.001);
    assert_true(row->from_parts);
    assert_near(carbon_embodied_gpu(&table, "Quadro RTX 6000")->kg, 20.346 + 0.15, 0.001);
    assert_null(carbon_embodied_first(&table, CARBON_GPU_SYSTEM));
    carbon_embodied_clear(&table);
}

#define SYSTEMS                                                                                    \
    "name,kind,match,kg,low_kg,high_kg,devices,source,year,die_mm2,node_nm,fab_g_per_kwh\n"

static void wrong_systems(void **state)
{
    (void)state;
    static const struct {
        const char *csv, *sentence;
    } cases[] = {
        {"", "own.csv: the file is empty"},
        {"name,kind,kg,year\n", "own.csv:1: the heading has no column source"},
        {SYSTEMS "x,gpu,A1,100,,,,me,2025,,,\nx,gpus,,100,,,,me,2025,,,\n",
         "own.csv:3: kind is gpu_system, cpu_system, gpu or part, not \"gpus\""},
        {SYSTEMS "x,gpu,,100,,,,me,2025,,,\n",
         "own.csv:2: a row of kind gpu needs a match: words of its name"},
        {SYSTEMS "x,part,A1,100,,,,me,2025,,,\n", "own.csv:2: only a row of kind gpu has a match"},
        {SYSTEMS "x,part,,,,,,me,2025,,,\n",
         "own.csv:2: the row has neither kg nor die_mm2, node_nm and fab_g_per_kwh"},
        {SYSTEMS "x,part,,100,,,,me,2025,826,7,642\n",
         "own.csv:2: the row has kg and parts; give one of the two"},
        {SYSTEMS "x,part,,,,,,me,2025,826,,642\n",
         "own.csv:2: an estimate from parts needs die_mm2, node_nm and fab_g_per_kwh"},
        {SYSTEMS "x,part,,,,,,me,2025,826,12,642\n",
         "own.csv:2: there are no figures for a node of 12 nm, but for 28, 20, 14, 10, 8, 7, 5 and "
         "3"},
        {SYSTEMS "x,part,,-5,,,,me,2025,,,\n",
         "own.csv:2: kg is \"-5\", which is not a number from 0.001 to 1e+06"},
        {SYSTEMS "x,part,,nan,,,,me,2025,,,\n",
         "own.csv:2: kg is \"nan\", which is not a number from 0.001 to 1e+06"},
        {SYSTEMS "x,part,,100,120,,,me,2025,,,\n", "own.csv:2: 100 kg lie outside their own range"},
        {SYSTEMS "x,part,,100,,,1.5,me,2025,,,\n",
         "own.csv:2: devices is \"1.5\", which is not a whole number from 1 to 1024"},
        {SYSTEMS "x,part,,100,,,,,2025,,,\n", "own.csv:2: the row has no source"},
        {SYSTEMS "x,part,,100,,,,me,,,,\n", "own.csv:2: the row has no year"},
        {SYSTEMS "x,part,,100\n", "own.csv:2: the row has 4 columns and the heading 12"},
        {SYSTEMS "x,gpu,A1,100,,,,me,2025,,,\ny,gpu,a1,90,,,,me,2025,,,\n",
         "own.csv:3: there is another row of kind gpu with the same match already"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct carbon_embodied_table table;
        assert_int_equal(read_systems(&table, cases[i].csv), WT_E_PARSE);
        assert_string_equal(err.text, cases[i].sentence);
        assert_null(table.rows);
        assert_int_equal(table.count, 0);
    }
}

static int read_table(struct carbon_intensity_table *table, const char *csv)
{
    struct buffer text = {0};
    buffer_append(&text, csv, strlen(csv));
    memset(&err, 0, sizeof err);
    int rc = carbon_intensity_table_parse(table, "own.csv", &text, &err);
    buffer_clear(&text);
    return rc;
}

static void locations(void **state)
{
    (void)state;
    struct carbon_intensity_table own, project;
    assert_int_equal(carbon_intensity_builtin(&project, &err), 0);
    assert_int_equal(
        read_table(&own, "code,g_per_kwh,source,year\nUS-CA,210,me,2024\ndeu,300,me,2024\n"), 0);
    const struct carbon_intensity_table *const tables[] = {&own, &project};
    const struct carbon_intensity_row *row = NULL;
    static const struct {
        const char *code;
        double g_per_kwh;
        int year;
    } known[] = {{"DEU", 300, 2024},   {"FRA", 56, 2023},  {"pol", 662, 2023}, {"us-ca", 210, 2024},
                 {"WORLD", 481, 2023}, {"LTU", 160, 2023}, {"USA", 369, 2023}};
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(carbon_intensity_find(tables, 2, known[i].code, &row, &err), 0);
        assert_near(row->g_per_kwh, known[i].g_per_kwh, 0);
        assert_int_equal(row->year, known[i].year);
    }
    assert_int_equal(carbon_intensity_find(&tables[1], 1, "Deu", &row, &err), 0);
    assert_near(row->g_per_kwh, 381, 0);
    assert_int_equal(project.count, 61);
    carbon_intensity_table_clear(&own);
    carbon_intensity_table_clear(&project);
}

static void similar_locations(void **state)
{
    (void)state;
    struct carbon_intensity_table project;
    assert_int_equal(carbon_intensity_builtin(&project, &err), 0);
    const struct carbon_intensity_table *const tables[] = {&project};
    const struct carbon_intensity_row *row = NULL;
    static const struct {
        const char *code, *words;
    } cases[] = {
        {"Germany", "there is no location \"Germany\" in the table; similar: DEU (Germany)"},
        {"DE", "there is no location \"DE\" in the table; similar: DEU (Germany)"},
        {"uk", "there is no location \"uk\" in the table; similar: GBR (United Kingdom)"},
        {"GRB", "there is no location \"GRB\" in the table; similar: GRC (Greece)"},
        {"South", "there is no location \"South\" in the table; similar: ZAF (South Africa), KOR "
                  "(South Korea)"},
        {"x\x1b[2J", "there is no location \"x\\x1b[2J\" in the table: codes are those of ISO "
                     "3166, three letters, such as DEU"},
        {"", "there is no location \"\" in the table: codes are those of ISO 3166, three letters, "
             "such as DEU"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(carbon_intensity_find(tables, 1, cases[i].code, &row, &err),
                         WT_E_NOT_FOUND);
        assert_string_equal(err.text, cases[i].words);
        assert_null(row);
    }
    carbon_intensity_table_clear(&project);
}

static void wrong_tables(void **state)
{
    (void)state;
    static const struct {
        const char *csv, *sentence;
    } cases[] = {
        {"code,source,year\n", "own.csv:1: the heading has no column g_per_kwh"},
        {"code,g_per_kwh,source,year\nA B,1,x,2020\n",
         "own.csv:2: a code is made of letters, digits, - and _, not \"A B\""},
        {"code,g_per_kwh,source,year\nDEU,300,x,2020\n\nDeu,2,x,2020\n",
         "own.csv:4: Deu is in line 2 already"},
        {"code,g_per_kwh,source,year\nDEU,5001,x,2020\n",
         "own.csv:2: g_per_kwh is \"5001\", which is not a number from 0 to 5000"},
        {"code,g_per_kwh,source,year\nDEU,300,x,20\n",
         "own.csv:2: year is \"20\", which is not a whole number from 1900 to 2200"},
        {"code,g_per_kwh,source,year\nDEU,0.3,x,2020\nPOL,0.66,x,2020\n",
         "own.csv:3: the largest g_per_kwh is 0.66; is this table in kg/kWh? It has to be in "
         "g/kWh"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct carbon_intensity_table table;
        int rc = read_table(&table, cases[i].csv);
        assert_true(rc == WT_E_PARSE || rc == WT_E_RANGE);
        assert_string_equal(err.text, cases[i].sentence);
        assert_null(table.rows);
    }
}

/* --- Series --- */

static int read_series(struct carbon_series *series, const char *csv, int64_t now_s)
{
    struct buffer text = {0};
    buffer_append(&text, csv, strlen(csv));
    memset(&err, 0, sizeof err);
    int rc = carbon_series_parse(series, "grid.csv", &text, now_s, &err);
    buffer_clear(&text);
    return rc;
}

static void an_hour_holds_its_value(void **state)
{
    (void)state;
    struct carbon_series series;
    assert_int_equal(
        read_series(
            &series,
            "time,g_per_kwh\n2025-03-01T00:00:00Z,100\n2025-03-01T01:00:00Z,200.5\n"
            "2025-03-01T04:00:00+01:00,300\n2025-03-01T05:00:00+01:00,\n2025-03-01 05:00:00z,50\n",
            DAY + 24 * H),
        0);
    assert_int_equal(series.step_s, H);
    assert_string_equal(series.remark, "");
    assert_near(carbon_series_at(&series, DAY), 100, 0);
    assert_near(carbon_series_at(&series, DAY + H - 1), 100, 0);
    assert_near(carbon_series_at(&series, DAY + H), 200.5, 0);
    assert_nan(carbon_series_at(&series, DAY - 1));
    assert_nan(carbon_series_at(&series, DAY + 2 * H)); /* a gap is not filled */
    assert_near(carbon_series_at(&series, DAY + 3 * H), 300, 0);
    assert_nan(carbon_series_at(&series, DAY + 4 * H)); /* an empty value is none */
    assert_near(carbon_series_at(&series, DAY + 6 * H - 1), 50, 0);
    assert_nan(carbon_series_at(&series, DAY + 6 * H));
    carbon_series_clear(&series);
    assert_nan(carbon_series_at(&series, DAY));
}

static void shorter_steps(void **state)
{
    (void)state;
    struct carbon_series series;
    assert_int_equal(
        read_series(&series,
                    "2025-03-01T00:00:00Z,100\n2025-03-01T00:15:00Z,110\n2025-03-01T00:30:00Z,120\n"
                    "2025-03-01T01:00:00Z,130\n",
                    DAY + 24 * H),
        0);
    assert_int_equal(series.step_s, 900);
    assert_near(carbon_series_at(&series, DAY + 20 * 60), 110, 0);
    assert_nan(carbon_series_at(&series, DAY + 50 * 60));
    carbon_series_clear(&series);
    /* Days apart: each value holds for an hour, and the rest is unknown. */
    assert_int_equal(
        read_series(&series, "2025-03-01T00:00:00Z,100\n2025-03-02T00:00:00Z,110\n", DAY + 48 * H),
        0);
    assert_near(carbon_series_at(&series, DAY + 59 * 60), 100, 0);
    assert_nan(carbon_series_at(&series, DAY + 12 * H));
    carbon_series_clear(&series);
}

static void headings(void **state)
{
    (void)state;
    static const char *const good[] = {
        "time,g_per_kwh",           "datetime,carbon_intensity",
        "Timestamp,gCO2e/kWh",      "Date (UTC),Carbon intensity gCO\u2082eq/kWh (direct)",
        "time,intensity_g_per_kwh", "\xef\xbb\xbftime,\"g CO2 per kWh\""};
    static const struct {
        const char *heading, *words;
    } bad[] = {
        {"time,kg_per_kwh",
         "grid.csv:1: the column \"kg_per_kwh\" is in another unit: intensities are in g CO2e/kWh"},
        {"time,kgCO2e/kWh",
         "grid.csv:1: the column \"kgCO2e/kWh\" is in another unit: intensities are in g CO2e/kWh"},
        {"time,lbs/MWh",
         "grid.csv:1: the column \"lbs/MWh\" is in another unit: intensities are in g CO2e/kWh"},
        {"time,mg_per_kwh",
         "grid.csv:1: the column \"mg_per_kwh\" is in another unit: intensities are in g CO2e/kWh"},
        {"hour,g_per_kwh",
         "grid.csv:1: there is no column of times: a series has the columns time,g_per_kwh"},
        {"time,gCO2/kWh,g_per_kwh",
         "grid.csv:1: two columns are in g/kWh; leave the one that is meant"},
        {"time,zone,intensity",
         "grid.csv:1: no column says that it is in g/kWh: a series has the columns time,g_per_kwh"},
    };
    struct carbon_series series;
    char csv[200];
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(csv, sizeof csv, "%s\n2025-03-01T00:00:00Z,123\n", good[i]);
        if (read_series(&series, csv, DAY + H))
            fail_msg("%s", err.text);
        assert_near(carbon_series_at(&series, DAY), 123, 0);
        carbon_series_clear(&series);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(csv, sizeof csv, "%s\n2025-03-01T00:00:00Z,123\n", bad[i].heading);
        assert_int_equal(read_series(&series, csv, DAY + H), WT_E_PARSE);
        assert_string_equal(err.text, bad[i].words);
    }
    assert_int_equal(
        read_series(&series, "zone,g_per_kwh,note,time\nDE,7,x,2025-03-01T00:00:00Z\n", DAY + H),
        0);
    assert_near(carbon_series_at(&series, DAY), 7, 0);
    carbon_series_clear(&series);
}

static void wrong_series(void **state)
{
    (void)state;
#define ROW1 "2025-03-01T00:00:00Z,100\n"
#define ROW2 "2025-03-01T01:00:00Z,100\n"
    static const struct {
        const char *csv, *sentence;
    } cases[] = {
        {"", "grid.csv: the series has no values: a row is a time and g/kWh"},
        {"time,g_per_kwh\n", "grid.csv: the series has no values: a row is a time and g/kWh"},
        {ROW1 "2025-03-01T02:00:00,100\n", "grid.csv:2: \"2025-03-01T02:00:00\" is no time with Z "
                                           "or an offset, such as 2025-03-01T12:00:00Z"},
        {ROW1 "2025-02-29T02:00:00Z,100\n", "grid.csv:2: \"2025-02-29T02:00:00Z\" is no time with "
                                            "Z or an offset, such as 2025-03-01T12:00:00Z"},
        {ROW1 "\n" ROW1, "grid.csv:3: the time 2025-03-01T00:00:00Z is in line 1 already"},
        {ROW1 "2025-03-01T01:00:00+01:00,1\n",
         "grid.csv:2: the time 2025-03-01T01:00:00+01:00 is in line 1 already"},
        {ROW2 ROW1, "grid.csv:2: the time 2025-03-01T00:00:00Z lies before that of line 1; sort "
                    "the rows by time"},
        {ROW1 ROW2 "2025-03-01T01:30:00Z,5\n",
         "grid.csv:3: this row begins 30 minutes behind the one of line 2, whose value holds for "
         "60 minutes: they overlap"},
        {ROW1 "2025-03-01T01:00:00Z,-1\n", "grid.csv:2: -1 g/kWh is less than nothing"},
        {ROW1 "2025-03-01T01:00:00Z,nan\n", "grid.csv:2: \"nan\" is no number of g/kWh"},
        {ROW1 "2025-03-01T01:00:00Z,inf\n", "grid.csv:2: \"inf\" is no number of g/kWh"},
        {ROW1 "2025-03-01T01:00:00Z,1e999\n", "grid.csv:2: \"1e999\" is no number of g/kWh"},
        {ROW1 "2025-03-01T01:00:00Z,381000\n",
         "grid.csv:2: 381000 g/kWh is more than any grid's; is the unit another one?"},
        {"2025-03-01T00:00:00Z,0.3\n2025-03-01T01:00:00Z,0.35\n2025-03-01T02:00:00Z,0.32\n",
         "grid.csv:2: 0.35 is the largest value; is this series in kg/kWh? It has to be in g/kWh"},
        {ROW1 "2027-03-01T01:00:00Z,100\n",
         "grid.csv:2: the time 2027-03-01T01:00:00Z lies more than a year ahead of now"},
        {"1969-12-31T23:00:00Z,100\n",
         "grid.csv:1: the time 1969-12-31T23:00:00Z lies before 1970"},
        {"2025-03-01T00:00:00.5Z,100\n",
         "grid.csv:1: the time 2025-03-01T00:00:00.5Z has parts of a second"},
        {ROW1 "2025-03-01T01:00:00Z\n", "grid.csv:2: the row has 1 columns and the first one 2"},
        {"2025-03-01T00:00:00Z,1,2\n",
         "grid.csv:1: without a heading a row is a time and g/kWh, not 3 columns"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct carbon_series series;
        assert_int_equal(read_series(&series, cases[i].csv, DAY + 24 * H), WT_E_PARSE);
        assert_string_equal(err.text, cases[i].sentence);
        assert_null(series.points);
        assert_nan(carbon_series_at(&series, DAY));
    }
    struct carbon_series still; /* zeroes are a grid's own power plant, not kilograms */
    assert_int_equal(read_series(&still, "2025-03-01T00:00:00Z,0\n2025-03-01T01:00:00Z,0\n", DAY),
                     0);
    assert_near(carbon_series_at(&still, DAY), 0, 0);
    carbon_series_clear(&still);
}

static void what_lies_ahead_is_a_forecast(void **state)
{
    (void)state;
    struct carbon_series series;
    assert_int_equal(read_series(&series,
                                 ROW1 ROW2 "2025-03-01T02:00:00Z,700\n2025-03-01T03:00:00Z,90\n",
                                 DAY + H + 60),
                     0);
    assert_string_equal(series.remark, "from line 3 on the times lie in the future: a forecast");
    assert_false(carbon_series_is_forecast(&series, DAY + H + 600));
    assert_true(carbon_series_is_forecast(&series, DAY + 2 * H));
    assert_near(carbon_series_at(&series, DAY + 2 * H), 700, 0);
    assert_near(carbon_series_most(&series, DAY + H + 60), 100,
                0); /* a forecast is not the largest so far */
    carbon_series_clear(&series);
}

static void most_of_a_day(void **state)
{
    (void)state;
    struct carbon_series series;
    char csv[4096] = "";
    for (unsigned hour = 0; hour < 48;
         hour++) /* 900 at 3 o'clock of the first day, 500 at 20 o'clock, 400 at 7 of the second */
        snprintf(csv + strlen(csv), sizeof csv - strlen(csv), "2025-03-%02uT%02u:00:00Z,%d\n",
                 1 + hour / 24, hour % 24,
                 hour == 3    ? 900
                 : hour == 20 ? 500
                 : hour == 31 ? 400
                              : 100);
    assert_int_equal(read_series(&series, csv, DAY + 72 * H), 0);
    assert_near(carbon_series_most(&series, DAY + 3 * H), 900, 0);
    assert_near(carbon_series_most(&series, DAY + 2 * H), 100, 0);
    assert_near(carbon_series_most(&series, DAY + 28 * H - 1), 900,
                0); /* its hour ended less than 24 h ago */
    assert_near(carbon_series_most(&series, DAY + 28 * H), 500, 0);
    assert_near(carbon_series_most(&series, DAY + 71 * H), 100, 0);
    assert_nan(carbon_series_most(&series, DAY + 72 * H));
    assert_nan(carbon_series_most(&series, DAY - 1));
    carbon_series_clear(&series);
}

/* One formula with its two halves; the difference of two energies may be negative. */
static void operational_in_one_step(void **state)
{
    (void)state;
    assert_near(carbon_operational_g(7.2e6, 1.5, 400), 1200, 1e-9);
    assert_near(carbon_operational_g(7.2e6, 1.5, 400),
                carbon_location_g(carbon_facility_kwh(7.2e6, 1.5), 400), 1e-12);
    assert_near(carbon_operational_g(-3.6e6, 1, 100), -100, 1e-9);
    assert_nan(carbon_operational_g(NAN, 1, 100));
    assert_nan(carbon_operational_g(1, 0.9, 100));
    assert_nan(carbon_operational_g(1, NAN, 100));
    assert_nan(carbon_operational_g(1, 1, -1));
    assert_nan(carbon_operational_g(1, 1, NAN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facility_and_location),
        cmocka_unit_test(hours_add_up),
        cmocka_unit_test(market),
        cmocka_unit_test(grid_eta_cost_is_zeus_at_the_dirtiest),
        cmocka_unit_test(grid_eta_cost_is_unknown),
        cmocka_unit_test(grid_eta_eta_orders_as_the_cost_does),
        cmocka_unit_test(grid_eta_eta_is_zeus_at_the_dirtiest),
        cmocka_unit_test(published_shares),
        cmocka_unit_test(a_lifetime_is_the_system),
        cmocka_unit_test(die_of_act),
        cmocka_unit_test(chain_of_optimisations),
        cmocka_unit_test(the_projects_systems),
        cmocka_unit_test(own_systems),
        cmocka_unit_test(wrong_systems),
        cmocka_unit_test(locations),
        cmocka_unit_test(similar_locations),
        cmocka_unit_test(wrong_tables),
        cmocka_unit_test(an_hour_holds_its_value),
        cmocka_unit_test(shorter_steps),
        cmocka_unit_test(headings),
        cmocka_unit_test(wrong_series),
        cmocka_unit_test(what_lies_ahead_is_a_forecast),
        cmocka_unit_test(most_of_a_day),
        cmocka_unit_test(operational_in_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
