/* SPDX-License-Identifier: Apache-2.0
 *
 * A fleet as HTML: sums, lines that add up, potentials, other assumptions; unknown values are
 * printed as unknown, long tables are cut, names stay text.
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

#include "show/page/page.h"
#include "show/text/view.h"
#include "page_help.h"

static const double none = NAN;

/* --- A fleet --- */

static struct wt_report_row row(const char *key, double joules)
{
    struct wt_report_row r = row_of(key, "training", joules);
    r.busy_gpu_hours = 1;
    r.facility_j = 1.25 * joules;
    return r;
}

static struct wt_fleet_lines nobody_watched(void)
{
    return (struct wt_fleet_lines){.busy_hours = none,
                                   .facility_j = none,
                                   .operational_g = none,
                                   .embodied_g = none,
                                   .idle_operational_g = none,
                                   .idle_embodied_g = none};
}

/* 96 hours: half of them reserved, a quarter idle.  1.5 kWh of runs - 0.1 + 0.5 idle + 0.1 = 2 kWh.
 */
static struct wt_fleet_lines watched(void)
{
    return (struct wt_fleet_lines){.watched_hours = 100,
                                   .unknown_hours = 4,
                                   .energy_j = 7.2e6,
                                   .energy_error_j = 3600,
                                   .runs_j = 5.4e6,
                                   .overlap_j = 3.6e5,
                                   .idle_j = 1.8e6,
                                   .unattributed_j = 3.6e5,
                                   .reserved_hours = 48,
                                   .idle_hours = 24,
                                   .busy_hours = 36,
                                   .overlap_hours = 12,
                                   .facility_j = 9e6,
                                   .operational_g = 800,
                                   .embodied_g = 400,
                                   .idle_operational_g = 200,
                                   .idle_embodied_g = 100};
}

/* Job a, in two phases, could still save; of b nothing is known. */
static struct wt_report_row jobs[2], tasks[3], phases[2];
static struct wt_potential potentials[2];
static struct wt_fleet fleet;

static void make_fleet(void)
{
    jobs[0] = row("a", 7.2e6);
    jobs[0].runs = 2;
    jobs[0].gpu_hours = 4;
    jobs[1] = row("b", 3.6e6);
    tasks[0] = row("a", 5.4e6);
    tasks[1] = row("b", 3.6e6);
    tasks[2] = row("a", 1.8e6);
    tasks[2].keys[1] = "inference";
    phases[0] = row("training", 9e6);
    phases[1] = row("inference", 1.8e6);
    potentials[0] = (struct wt_potential){"a", 250000, 200000, 150000, 0.875, 1.0625, 0.75, 1.25};
    potentials[1] = (struct wt_potential){"b", 0, 0, 0, none, none, none, none};
    fleet = (struct wt_fleet){.from_ms = INT64_MIN,
                              .to_ms = INT64_MAX,
                              .made_ms = INT64_C(1741000000000),
                              .total = row("", 1.08e7),
                              .phases = {phases, 2},
                              .jobs = {jobs, 2},
                              .tasks = {tasks, 3},
                              .lines = nobody_watched(),
                              .eta = 0.5,
                              .potentials = potentials,
                              .tunable_j = 7.2e6,
                              .at_choice_j = 6.3e6,
                              .at_least_j = 5.4e6,
                              .now = {1.08e7, 1.35e7, 6, 108000, 54000, 120000}};
    fleet.total.runs = 3;
    fleet.total.gpu_hours = 6;
    fleet.total.cpu_unknown = fleet.total.dram_unknown = fleet.total.market_unknown = 3;
}

static void make_watched_fleet(void)
{
    make_fleet();
    fleet.lines = watched();
    fleet.now = (struct wt_fleet_figures){1.26e7, 1.575e7, 6, 108200, 54200, 120000};
}

static void put(void)
{
    page_fleet(&out, &fleet);
    assert_false(out.failed);
    has("</main>\n</body>\n</html>\n");
    has_not("nan");
    has_not("inf ");
    has_not("inf\"");
}

/* --- Figures --- */

static void figures(void **state)
{
    (void)state;
    make_watched_fleet();
    fleet.total.saved_j = 1.8e6;
    fleet.total.saved_error_j = 36000;
    fleet.total.saved_g = 100;
    fleet.total.saved_runs = 2;
    put();
    has("<title>Energy and carbon of the fleet</title>");
    has("All runs in the ledger; runs from <time datetime=\"2025-03-01T22:00:00.000Z\">2025-03-01 "
        "22:00 UTC</time> to <time "
        "datetime=\"2025-03-02T22:00:00.000Z\">2025-03-02 22:00 UTC</time>.<br>Made <time "
        "datetime=\"2025-03-03T11:06:40.000Z\">");
    has("<dt>Energy</dt><dd class=\"main\"><data value=\"12600000\">3.500 kWh</data></dd>\n<dd "
        "class=\"note\">of runs: GPUs <data "
        "value=\"10800000\">3.000 kWh</data>, CPUs unknown, DRAM unknown</dd>\n<dd "
        "class=\"note\">runs <data value=\"10800000\">3.000 kWh"
        "</data>, watched GPUs outside runs <data value=\"1800000\">500.0 Wh</data></dd>");
    has("<dt>Energy of the facility</dt><dd class=\"main\"><data value=\"15750000\">4.375 "
        "kWh</data>");
    has_within("<dt>Operational carbon", "</div>",
               "<dd class=\"main\"><data value=\"108200\">108.2 kg</data>");
    has_within("<dt>Operational carbon", "</div>",
               "outside runs <data value=\"200\">200.0 g</data>");
    has_within("<dt>Embodied carbon", "</div>",
               "<dd class=\"main\"><data value=\"54200\">54.20 kg</data>");
    has_within("<dt>Embodied carbon", "</div>",
               "utilisation: <data value=\"120000\">120.0 kg</data> (an alternative to the figure "
               "above, not part of it)");
    has("<dt>Saved energy</dt><dd class=\"main\"><data value=\"1800000\">500.0 Wh</data> "
        "<small>&#177; <data value=\"36000\">10.00 Wh</data>"
        "</small></dd>\n<dd class=\"note\">against the measured baseline, in 2 of 3 runs; carbon "
        "<data value=\"100\">");
    has("<dt>GPU hours of runs</dt><dd class=\"main\"><data value=\"6\">6</data>");
    has("<dt>Runs</dt><dd class=\"main\"><data value=\"3\">3</data>");
    has_not("market-based, by contract");
}

/* 12.6 MJ used, 1.8 saved of 14.4; 0.9 and 1.8 could still be saved of a's 7.2, in 4 hours that
 * would be 4.25 and 5. */
static void size_and_worth(void **state)
{
    (void)state;
    make_watched_fleet();
    fleet.total.saved_j = 1.8e6;
    fleet.total.saved_error_j = 36000;
    fleet.total.saved_runs = 2;
    put();
    has_within("<dt>Energy used</dt>", "</div>",
               "operational and embodied: <data value=\"162400\">162.4 kg</data>");
    has_within(
        "<dt>Saving so far</dt>", "</div>",
        "<data value=\"0.125\">12.5 %</data> of the energy without it; measured in 2 of 3 runs");
    const char *choice = "<dt>Further saving available at eta 0.5</dt><dd class=\"main\"><data "
                         "value=\"900000\">250.0 Wh</data>";
    has(choice);
    has_within(choice, "</div>",
               "<data value=\"0.0714285714286\">7.14 %</data> of the energy of the fleet; <data "
               "value=\"0.125\">12.5 %</data> of "
               "the <data value=\"7200000\">2.000 kWh</data> of jobs with a profile");
    has_within(choice, "</div>", "mean: <data value=\"7728.57142857\">7.729 kg</data>");
    has_within(choice, "</div>", "Additional GPU hours: <data value=\"0.25\">0.25</data>");
    const char *least = "<dt>Largest saving available by limits</dt><dd class=\"main\"><data "
                        "value=\"1800000\">500.0 Wh</data>";
    has_within(least, "</div>", "Additional GPU hours: <data value=\"1\">1</data>");
    has("<dt>Without a usable profile</dt><dd class=\"main\"><data value=\"3600000\">1.000 "
        "kWh</data></dd>");
    has_within(
        "<dt>Without a usable profile", "</div>",
        "<data value=\"0.285714285714\">28.6 %</data> of the energy of the fleet, 1 of 2 jobs");
    has("<dt>Energy of idle GPUs</dt><dd class=\"main\"><data value=\"1800000\">500.0 "
        "Wh</data></dd>\n<dd class=\"note\"><data value=\"0.25\">25 %"
        "</data>");
    has("the further saving available in 1 of 2 jobs: there is no profile");
}

static void nothing_could_be_told(void **state)
{
    (void)state;
    make_fleet();
    potentials[0] = (struct wt_potential){"a", 250000, 0, 0, none, none, none, none};
    fleet.tunable_j = fleet.at_choice_j = fleet.at_least_j = NAN;
    put();
    has("<dt>Further saving available at eta 0.5</dt><dd class=\"main\">unknown</dd>");
    has_within("<dt>Further saving available at", "</div>",
               "unknown share of the energy of the fleet");
    has_within("<dt>Further saving available at", "</div>", "Additional GPU hours: unknown");
    has("<dt>Without a usable profile</dt><dd class=\"main\"><data value=\"10800000\">3.000 "
        "kWh</data></dd>");
    has("<dt>Saving so far</dt><dd class=\"main\">unknown</dd>\n<dd class=\"note\">no run has "
        "measured its baseline");
    has("the further saving available in 2 of 2 jobs");
    has("2 of 2 jobs have no usable profile: the saving available in them is unknown.</p>\n");
    has_not("aria-labelledby=\"potentials\"");
}

/* --- Fleet view --- */

static void lines_add_up(void **state)
{
    (void)state;
    make_watched_fleet();
    put();
    has("booked it</th><td><data value=\"60\">60</data></td><td><data value=\"0.625\">62.5 "
        "%</data></td><td><data value=\"5400000\">1.500 kWh</data>"
        "</td><td><data value=\"0.75\">75 %</data></td>");
    has("shared a GPU</th><td><data value=\"-12\">-12</data></td><td><data value=\"-0.125\">-12.5 "
        "%</data></td><td><data value=\"-360000\">-100.0 Wh</data></td><td><data "
        "value=\"-0.05\">-5 %</data></td>");
    has("no run</th><td><data value=\"24\">24</data></td><td><data value=\"0.25\">25 "
        "%</data></td><td><data value=\"1800000\">500.0 Wh</data></td>"
        "<td><data value=\"0.25\">25 %</data></td>");
    has("differently</th><td><data value=\"24\">24</data></td><td><data value=\"0.25\">25 "
        "%</data></td><td><data value=\"360000\">100.0 Wh</data>"
        "</td><td><data value=\"0.05\">5 %</data></td>");
    has("of the counters</th><td><data value=\"96\">96</data></td><td><data value=\"1\">100 "
        "%</data></td><td><data value=\"7200000\">2.000 kWh</data> "
        "<small>&#177; <data value=\"3600\">1.000 Wh</data></small></td>");
    has("used <data value=\"9000000\">2.500 kWh</data> of the facility, with <data "
        "value=\"800\">800.0 g</data> of operational and <data "
        "value=\"400\">400.0 g</data>");
    has("<dt>GPU hours watched</dt><dd class=\"main\"><data value=\"100\">100</data></dd>\n<dd "
        "class=\"note\">hours with unknown energy: "
        "<data value=\"4\">4</data>");
    has("<dt>Reserved by runs, GPU hours</dt><dd class=\"main\"><data "
        "value=\"48\">48</data></dd>\n<dd class=\"note\"><data value=\"0.5\">50 %");
    has("<dt>Busy, GPU hours</dt><dd class=\"main\"><data value=\"36\">36</data></dd>\n<dd "
        "class=\"note\"><data value=\"0.375\">37.5 %");
    has_within(
        "<dt>Idle operational carbon", "</div>",
        "<data value=\"200\">200.0 g</data></dd>\n<dd class=\"note\"><data value=\"0.25\">25 %");
    has_within(
        "<dt>Idle embodied carbon", "</div>",
        "<data value=\"100\">100.0 g</data></dd>\n<dd class=\"note\"><data value=\"0.25\">25 %");
    has("<li>the energy of <data value=\"4\">4</data> of <data value=\"100\">100</data> GPU hours "
        "watched; it is in no sum</li>");
    /* 480 wide are 2 kWh: 1.4 of runs without overlap, 0.5 idle, 0.1 unattributed; and 96 hours. */
    has("<rect class=\"counters\" x=\"0.00\" y=\"18.00\" width=\"480.00\" height=\"10.00\"/>");
    has("<rect class=\"energy\" x=\"0.00\" y=\"52.00\" width=\"336.00\" height=\"10.00\"/>\n"
        "<rect class=\"idle\" x=\"336.00\" y=\"52.00\" width=\"120.00\" height=\"10.00\"/>\n"
        "<rect class=\"other\" x=\"456.00\" y=\"52.00\" width=\"24.00\" height=\"10.00\"/>");
    has("<rect class=\"energy\" x=\"0.00\" y=\"18.00\" width=\"240.00\" height=\"10.00\"/>\n"
        "<rect class=\"idle\" x=\"240.00\" y=\"18.00\" width=\"120.00\" height=\"10.00\"/>\n"
        "<rect class=\"other\" x=\"360.00\" y=\"18.00\" width=\"120.00\" height=\"10.00\"/>");
    has("<rect class=\"counters\" x=\"0.00\" y=\"52.00\" width=\"180.00\" height=\"10.00\"/>");
    has(">96 GPU hours</text>");
    has(">36 GPU hours</text>");
    has_not("below 0");
    has_not("Nobody watched");
}

static void nobody_shared(void **state)
{
    (void)state;
    make_watched_fleet();
    fleet.lines.runs_j -= fleet.lines.overlap_j;
    fleet.lines.overlap_j = fleet.lines.overlap_hours = 0;
    fleet.lines.watched_hours = 20004;
    put();
    has(">20000 GPU hours</text>");
    has("shared a GPU</th><td><data value=\"0\">0</data></td><td><data value=\"0\">0 "
        "%</data></td><td><data value=\"0\">0 Wh</data></td>");
}

/* Energy that runs have booked beyond the counters stays below 0, and is drawn as a bar that is
 * longer than the counters'. */
static void below_zero(void **state)
{
    (void)state;
    make_watched_fleet();
    fleet.lines.runs_j = 6.84e6;
    fleet.lines.unattributed_j = -1.08e6;
    put();
    has("<data value=\"-1080000\">-300.0 Wh</data></td><td><data value=\"-0.15\">-15 %</data>");
    has("Unattributed is below 0 and has no bar");
    has("<rect class=\"counters\" x=\"0.00\" y=\"18.00\" width=\"417.39\" height=\"10.00\"/>"); /* 2
                                                                                                   of 2.3 kWh */
    has(">2.000 kWh</text>");
    assert_int_equal(count_of("<rect class=\"other\""), 1); /* of the hours */
}

static void nobody(void **state)
{
    (void)state;
    make_fleet();
    put();
    has("Nobody watched the devices");
    has("<code>wattune monitor --book</code>");
    has("<dt>Energy of idle GPUs</dt><dd class=\"main\">unknown</dd>\n<dd class=\"note\">nobody "
        "watched the devices</dd>");
    has("<li>the energy of devices outside runs: nobody watched them</li>");
    has_not("outside runs <data");
    has_not("id=\"lines\"");
    has_not("id=\"devices\"");
    has_not("class=\"idle\"");
    has("<dt>Energy</dt><dd class=\"main\"><data value=\"10800000\">");
}

/* Watched, but without energy: not a fleet that used nothing. */
static void watched_in_vain(void **state)
{
    (void)state;
    struct wt_fleet_device device = {
        .index = 3, .uuid = "GPU-3", .name = "H100", .node = "n1", .lines = nobody_watched()};
    make_fleet();
    device.lines.watched_hours = device.lines.unknown_hours = 5;
    fleet.lines = device.lines;
    fleet.devices = &device;
    fleet.device_count = 1;
    put();
    has("<p>The energy of all hours watched is unknown.</p>");
    has("watched GPUs outside runs unknown");
    has("<dt>Energy of idle GPUs</dt><dd class=\"main\">unknown</dd>\n<dd class=\"note\">the "
        "energy "
        "of the hours watched is unknown</dd>");
    has("<dt>Idle energy</dt><dd class=\"main\">unknown</dd>");
    has("<bdi>n1</bdi> <small>GPU 3</small></th><th scope=\"row\" class=\"name "
        "gpu\"><bdi>H100</bdi> <small><bdi>GPU-3</bdi></small></th><td><data value=\"5\">5</data> "
        "<small><data value=\"5\">5</data></small></td><td>unknown "
        "<small>unknown</small></td><td>unknown</td><td>unknown</td><td>unknown</td><td>unknown</"
        "td><td>unknown</td><td>unknown</td></tr>");
    has_not("<data value=\"0\"");
    has_not("Nobody watched");
}

/* The 100 that used most, the rest as one line, errors by their squares. */
static void devices_are_cut(void **state)
{
    (void)state;
    struct wt_fleet_device *devices = calloc(103, sizeof *devices);
    make_watched_fleet();
    for (unsigned i = 0; i < 103; i++) {
        devices[i].index = i;
        snprintf(devices[i].uuid, sizeof devices[i].uuid, "GPU-%u", i);
        devices[i].lines = watched();
        devices[i].lines.energy_j = 1e6 + i;
        devices[i].lines.energy_error_j = i == 0 ? 3 : i == 1 ? 4 : 0;
    }
    devices[2].lines.unknown_hours = 100; /* its energy is unknown: last */
    devices[2].lines.energy_j = 0;
    fleet.devices = devices;
    fleet.device_count = 103;
    put();
    const char *table = strstr(out.text, "id=\"devices\"");
    assert_non_null(table);
    assert_true(strstr(table, "GPU-102<") < strstr(table, "GPU-101<"));
    assert_non_null(strstr(table, "<bdi>GPU-3</bdi>"));
    assert_null(strstr(table, "<bdi>GPU-1</bdi>"));
    assert_null(strstr(table, "<bdi>GPU-2</bdi>"));
    /* 300 hours, 108 of them unknown; 2000001 J. */
    has("<th scope=\"row\" class=\"name\" colspan=\"2\">3 more</th><td><data "
        "value=\"300\">300</data> <small><data value=\"108\">108</data></small></td>"
        "<td><data value=\"0.75\">75 %</data> <small><data value=\"0.5625\">56.2 "
        "%</data></small></td><td><data value=\"2000001\">555.6 Wh</data> "
        "<small>&#177; <data value=\"5\">1.389 mWh</data></small></td>");
    has("colspan=\"2\">all</th><td><data value=\"100\">100</data> <small><data "
        "value=\"4\">4</data></small></td>");
    free(devices);
}

static void groups_are_cut(void **state)
{
    (void)state;
    struct wt_report_row users[23];
    char names[23][16];
    make_fleet();
    for (unsigned i = 0; i < 23; i++) {
        snprintf(names[i], sizeof names[i], "user-%u", i);
        users[i] = row(names[i], 3.6e6);
    }
    users[21].gpu_j = users[21].operational_g = NAN;
    users[21].gpu_unknown = 1;
    users[22].saved_j = 7200;
    users[22].saved_error_j = 3600;
    fleet.users = (struct wt_rows){users, 23};
    put();
    has("<h3 id=\"users\">By user</h3>");
    has("<bdi>user-19</bdi>");
    has_not("user-20");
    /* Three runs in six hours, two of them known to have used 1 kWh each. */
    has("<th scope=\"row\" class=\"name\">3 more</th><td><data value=\"3\">3</data></td><td><data "
        "value=\"6\">6</data> <small><data value=\"3\">3</data>"
        "</small></td><td><data value=\"7200000\">2.000 kWh</data></td><td><data "
        "value=\"13500000\">3.750 kWh</data></td>"
        "<td><data value=\"72000\">72.00 kg</data></td>");
    has("<td><data value=\"7200\">2.000 Wh</data> <small>&#177; <data value=\"3600\">1.000 "
        "Wh</data></small></td>"
        "<td class=\"words\">no GPU energy 1, CPU energy 3, DRAM energy "
        "3</td></tr>\n</tbody>");
    has_not("id=\"projects\""); /* there is none */
    buffer_clear(&out);
    fleet.users.count = 20;
    put();
    has("<bdi>user-19</bdi>");
    has_not(" more</th>");
}

static void days(void **state)
{
    (void)state;
    struct wt_report_row rows[3] = {row("2025-03-01", 7.2e6), row("2025-03-03", 3.6e6),
                                    row("2026-06-01", 3.6e6)};
    make_fleet();
    fleet.days = (struct wt_rows){rows, 2};
    put();
    has("<strong>Energy by day</strong><br>Each run counts on the day it "
        "began.</figcaption>");
    has("; wattune report --by day has the numbers</title>");
    /* Three days in 380, 2 kWh of 2.1 in 190; days wider than 40 have bars of 40. */
    has("<rect class=\"energy\" x=\"107.33\" y=\"19.05\" width=\"40.00\" height=\"180.95\"/>");
    has("<rect class=\"energy\" x=\"360.67\" y=\"109.52\" width=\"40.00\" height=\"90.48\"/>");
    has("<strong>Energy by phase</strong>");
    buffer_clear(&out);
    fleet.by_hour = true;
    fleet.from_ms = INT64_C(1740866400000);
    fleet.days.count = 3;
    put();
    has_not("Each run counts");
    has("The last 366 days; wattune report --by day has those before.");
    has("Hours that began at or after <time");
}

/* --- Task view --- */

static void tasks_by_phase(void **state)
{
    (void)state;
    make_fleet();
    put();
    const char *table = strstr(out.text, "id=\"tasks\""),
               *end = table ? strstr(table, "</table>") : NULL;
    assert_non_null(end);
    const char *training =
        strstr(table, "<bdi>a</bdi></th><th scope=\"row\" class=\"name\"><bdi>training</bdi></th>");
    const char *inference = strstr(
        table, "<bdi>a</bdi></th><th scope=\"row\" class=\"name\"><bdi>inference</bdi></th>");
    const char *all = strstr(table, "<bdi>a</bdi></th><th scope=\"row\" class=\"name\">all</th>");
    const char *b =
        strstr(table, "<bdi>b</bdi></th><th scope=\"row\" class=\"name\"><bdi>training</bdi></th>");
    assert_true(training && training < inference && inference < all && all < b && b < end);
    has_within(
        "<bdi>inference</bdi></th><td>", "</tr>",
        "<td><data value=\"18000\">18.00 kg</data></td><td><data value=\"9000\">9.000 kg</data>");
    has_within("<bdi>a</bdi></th><th scope=\"row\" class=\"name\">all</th>", "</tr>",
               "<data value=\"72000\">72.00 kg</data>");
    assert_int_equal(count_of("<bdi>b</bdi></th><th"), 1); /* its one phase is all of it */
    has("<bdi>a</bdi></th><td><data value=\"7200000\">2.000 kWh</data></td><td><data "
        "value=\"250\">250 W</data></td><td><data value=\"200\">200 W</data>"
        "</td><td><data value=\"-0.125\">-12.5 %</data> <small><data value=\"900000\">250.0 "
        "Wh</data></small></td><td><data value=\"0.0625\">+6.25 %"
        "</data></td><td><data value=\"150\">150 W</data></td><td><data value=\"-0.25\">-25 "
        "%</data> <small><data value=\"1800000\">500.0 Wh</data>"
        "</small></td><td><data value=\"0.25\">+25 %</data></td></tr>");
    has_not("<bdi>b</bdi></th><td>");
    has("1 of 2 jobs have no usable profile: the saving available in them is unknown.</p>");
    has("eta 0.5 chooses");
}

/* A job may have been run in any number of phases. */
static void many_phases(void **state)
{
    (void)state;
    struct wt_report_row rows[10];
    char names[10][16];
    make_fleet();
    for (unsigned i = 0; i < 10; i++) {
        snprintf(names[i], sizeof names[i], "phase-%u", i);
        rows[i] = row("b", 360000);
        rows[i].keys[1] = names[i];
    }
    fleet.tasks = (struct wt_rows){rows, 10};
    put();
    has("<bdi>phase-7</bdi>");
    has_not("phase-8");
    has_within("<th scope=\"row\" class=\"name\">2 more</th>", "</tr>",
               "<data value=\"720000\">200.0 Wh</data>");
}

/* --- Other assumptions --- */

static void what_if(void **state)
{
    (void)state;
    make_fleet();
    fleet.has_what_if = true;
    fleet.what_if = (struct wt_what_if){.intensity_g_per_kwh = 50,
                                        .pue = none,
                                        .utilisation = 0.625,
                                        .lifetime_years = 5,
                                        .eta = none};
    fleet.then = (struct wt_fleet_figures){1.08e7, 1.35e7, 6, 27000, 43200, none};
    put();
    has("<ul id=\"assumptions\">\n<li>Grid intensity: <data value=\"50\">50</data> g "
        "CO<sub>2</sub>e/kWh</li>\n<li>Utilisation: <data value=\"0.625\">"
        "62.5 %</data></li>\n<li>Lifetime of the systems: <data value=\"5\">5</data> "
        "years</li>\n</ul>");
    has(">Energy</th><td><data value=\"10800000\">3.000 kWh</data></td><td><data "
        "value=\"10800000\">3.000 kWh</data></td><td><data value=\"0\">0 %"
        "</data></td>");
    has("<data value=\"108000\">108.0 kg</data></td><td><data value=\"27000\">27.00 "
        "kg</data></td><td><data value=\"-0.75\">-75 %</data></td>");
    has("<data value=\"54000\">54.00 kg</data></td><td><data value=\"43200\">43.20 "
        "kg</data></td><td><data value=\"-0.2\">-20 %</data></td>");
    has("<data value=\"120000\">120.0 kg</data></td><td>unknown</td><td>unknown</td></tr>");
    buffer_clear(&out);
    fleet.what_if = (struct wt_what_if){none, 1.5, none, none, 0.75};
    put();
    has("<li>PUE: <data value=\"1.5\">1.5</data></li>\n<li>Power limits by eta <data "
        "value=\"0.75\">0.75</data>: those that it chooses");
    has_not("Grid intensity");
    buffer_clear(&out);
    fleet.has_what_if = false;
    put();
    has_not("id=\"what-if\"");
}

/* --- Names, nothing, and much --- */

static const char hostile[] = "</table><script>alert('1')</script>\"&\n\xe2\x80\xae";
static const char shown[] =
    "&lt;/table&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;\\n\\u202e";

static void put_named(const char *name)
{
    struct wt_fleet_device device = {.lines = watched()};
    struct wt_report_basis basis = {WT_BASIS_INTENSITY, name, 1, 481, 481};
    make_watched_fleet();
    snprintf(device.uuid, sizeof device.uuid, "%s", name);
    snprintf(device.name, sizeof device.name, "%s", name);
    snprintf(device.node, sizeof device.node, "%s", name);
    for (unsigned i = 0; i < 2; i++)
        jobs[i].keys[0] = phases[i].keys[0] = name;
    for (unsigned i = 0; i < 3; i++)
        tasks[i].keys[0] = tasks[i].keys[1] = name;
    fleet.users = fleet.projects = fleet.gpus = fleet.jobs;
    fleet.devices = &device;
    fleet.device_count = 1;
    fleet.basis = &basis;
    fleet.basis_count = 1;
    put();
}

static void hostile_names(void **state)
{
    (void)state;
    put_named("x");
    unsigned marks = count_of("<"), ends = count_of(">"), quotes = count_of("\""),
             names = count_of("<bdi>x</bdi>");
    buffer_clear(&out);
    put_named(hostile);
    assert_int_equal(count_of("<"), marks);
    assert_int_equal(count_of(">"), ends);
    assert_int_equal(count_of("\""), quotes);
    assert_true(names >= 15);
    assert_int_equal(count_of(shown), names + 2 * 2); /* and by phase in two charts */
    has_not("<script");
    assert_null(strchr(out.text, '\r'));
    assert_null(strstr(out.text, "\xe2\x80\xae"));
}

static void nothing(void **state)
{
    (void)state;
    make_fleet();
    struct wt_report_row total = {WT_REPORT_NO_RUNS};
    fleet.total = total;
    fleet.jobs.count = fleet.tasks.count = fleet.phases.count = 0;
    fleet.tunable_j = fleet.at_choice_j = fleet.at_least_j = NAN;
    fleet.now = (struct wt_fleet_figures){none, none, none, none, none, none};
    put();
    has("No runs and no watched devices in the ledger match.");
    has_not("<table");
    has_not("<dl");
    buffer_clear(&out);
    fleet.lines = watched(); /* no runs, but devices that idle */
    fleet.now = (struct wt_fleet_figures){7.2e6, 9e6, none, 800, 400, none};
    put();
    has("<dt>Energy</dt><dd class=\"main\"><data value=\"7200000\">2.000 kWh</data>");
    has("runs unknown, watched GPUs outside runs <data value=\"7200000\">2.000 kWh</data>");
    has("id=\"lines\"");
    has_not("id=\"phases\"");
    has_not("id=\"task-view\"");
}

/* Pages of large fleets are small, and soon made: looking at each job for each job would not end
 * within the test's time. */
static void large_fleets(void **state)
{
    (void)state;
    enum { JOBS = 100000, PHASES = 4, DAYS = 366, DEVICES = 20000 };
    struct wt_report_row *job_rows = malloc(JOBS * sizeof *job_rows),
                         *task_rows = malloc(PHASES * (size_t)JOBS * sizeof *task_rows),
                         *day_rows = malloc(DAYS * sizeof *day_rows);
    struct wt_potential *of_jobs = malloc(JOBS * sizeof *of_jobs);
    struct wt_fleet_device *devices = calloc(DEVICES, sizeof *devices);
    char(*names)[64] = malloc(JOBS * sizeof *names), dates[DAYS][16];
    make_watched_fleet();
    for (size_t i = 0; i < JOBS; i++) {
        snprintf(names[i], sizeof names[i], "a job with a name that is rather long, number %zu", i);
        job_rows[i] = row(names[i], 1e9 / (double)(i + 1));
        of_jobs[i] = potentials[0];
        for (size_t k = 0; k < PHASES; k++)
            task_rows[k * JOBS + i] = row(names[i], 2.5e8 / (double)(i + 1));
    }
    for (unsigned i = 0; i < DAYS; i++) {
        snprintf(dates[i], sizeof dates[i], "2025-%02u-%02u", 1 + i / 31, 1 + i % 31);
        day_rows[i] = row(dates[i], 1e9);
    }
    for (unsigned i = 0; i < DEVICES; i++)
        devices[i].lines = watched();
    fleet.jobs = (struct wt_rows){job_rows, JOBS};
    fleet.users = fleet.projects = fleet.gpus = fleet.jobs;
    fleet.tasks = (struct wt_rows){task_rows, PHASES * (size_t)JOBS};
    fleet.days = (struct wt_rows){day_rows, DAYS};
    fleet.potentials = of_jobs;
    fleet.devices = devices;
    fleet.device_count = DEVICES;
    put();
    assert_in_range(out.length, 200000, 700000);
    has("<th scope=\"row\" class=\"name\" colspan=\"2\">99980 more</th>");
    has("<th scope=\"row\" class=\"name\" colspan=\"2\">19900 more</th>");
    has(" Of 100000 others, the 20 that used most.</p>");
    free(job_rows);
    free(task_rows);
    free(day_rows);
    free(of_jobs);
    free(devices);
    free(names);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, fresh)
    const struct CMUnitTest tests_of_it[] = {
        FRESH(figures),
        FRESH(size_and_worth),
        FRESH(nothing_could_be_told),
        FRESH(lines_add_up),
        FRESH(nobody_shared),
        FRESH(below_zero),
        FRESH(nobody),
        FRESH(watched_in_vain),
        FRESH(devices_are_cut),
        FRESH(groups_are_cut),
        FRESH(days),
        FRESH(tasks_by_phase),
        FRESH(many_phases),
        FRESH(what_if),
        FRESH(hostile_names),
        FRESH(nothing),
        FRESH(large_fleets),
    };
    return cmocka_run_group_tests_name("view fleet html", tests_of_it, NULL, NULL);
}
