/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports as HTML: names stay text, unknown values are printed as unknown, bars have the length of
 * their values.
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

#include "show/page/html.h"
#include "show/page/page.h"
#include "show/page/svg.h"
#include "show/text/view.h"
#include "page_help.h"

static void text_is_text(void **state)
{
    (void)state;
    html_text(&out, "a<b>&\"'\n\x1b\xff\xe2\x80\xae caf\xc3\xa9 &lt;");
    assert_string_equal(out.text,
                        "a&lt;b&gt;&amp;&quot;&#39;\\n\\x1b\\xff\\u202e caf\xc3\xa9 &amp;lt;");
}

static void names(void **state)
{
    (void)state;
    char long_name[300], expected[600];
    html_name(&out, "");
    assert_string_equal(out.text, "unknown");
    buffer_clear(&out);
    html_name(&out, "<i>");
    assert_string_equal(out.text, "<bdi>&lt;i&gt;</bdi>");
    buffer_clear(&out);
    memset(long_name, 'n', 67);
    long_name[67] = '\0';
    html_name(&out, long_name); /* fits */
    snprintf(expected, sizeof expected, "<bdi>%s</bdi>", long_name);
    assert_string_equal(out.text, expected);
    buffer_clear(&out);
    memset(long_name, 'n', 255);
    strcpy(long_name + 254, "\"");
    html_name(&out, long_name);
    snprintf(expected, sizeof expected, "<bdi title=\"%.254s&quot;\">%.64s...</bdi>", long_name,
             long_name);
    assert_string_equal(out.text, expected);
    buffer_clear(&out);
    svg_names(&out, 0, 13, 100, (const char *const[]){"<x>", ""}, 2);
    has("&#x2068;&lt;x&gt;&#x2069;, &#x2068;unknown&#x2069;</text></svg>");
    buffer_clear(&out);
    svg_names(&out, 0, 13, 100,
              (const char *const[]){"a\xe2\x81\xa9"
                                    "b"},
              1); /* its own end of an isolate ends nothing */
    has("&#x2068;a\\u2069b&#x2069;<");
}

static void values(void **state)
{
    (void)state;
    html_value(&out, 1234567.890123, "1.234 M");
    assert_string_equal(out.text, "<data value=\"1234567.89012\">1.234 M</data>");
    buffer_clear(&out);
    html_value(&out, NAN, "unknown");
    assert_string_equal(out.text, "unknown");
    buffer_clear(&out);
    html_time(&out, INT64_C(1740866400123));
    assert_string_equal(out.text,
                        "<time datetime=\"2025-03-01T22:00:00.123Z\">2025-03-01 22:00 UTC</time>");
    buffer_clear(&out);
    html_time(&out, INT64_MAX);
    assert_string_equal(out.text, "unknown");
}

/* --- The page --- */

static const enum wt_report_key by_job[] = {WT_BY_JOB}, by_day[] = {WT_BY_DAY},
                                by_day_and_user[] = {WT_BY_DAY, WT_BY_USER};

static struct wt_report_row row(const char *key, double joules)
{
    return row_of(key, "ada", joules);
}

static void put_page(const enum wt_report_key keys[], unsigned key_count,
                     const struct wt_report_row rows[], size_t count,
                     const struct wt_report_row *total)
{
    page_report(&out, &(struct view_report_page){.keys = keys,
                                                 .key_count = key_count,
                                                 .rows = rows,
                                                 .count = count,
                                                 .total = total,
                                                 .from_ms = INT64_MIN,
                                                 .to_ms = INT64_MAX,
                                                 .made_ms = INT64_C(1741000000000)});
    assert_false(out.failed);
    has_not("nan");
    has_not("inf\"");
}

static void what_is_unknown_is_said(void **state)
{
    (void)state;
    struct wt_report_row rows[2] = {row("known", 3600000), row("killed", NAN)},
                         total = row("", 3600000);
    rows[1].unended = rows[1].gpu_unknown = rows[1].operational_unknown = 1;
    rows[1].facility_j = rows[1].operational_g = NAN;
    rows[1].embodied_g = 250;
    total.runs = 2;
    total.unended = total.gpu_unknown = 1;
    put_page(by_job, 1, rows, 2, &total);
    has("<title>Energy and carbon by job</title>");
    has("All runs in the ledger; runs from <time datetime=\"2025-03-01T22:00:00.000Z\">2025-03-01 "
        "22:00 UTC</time> to <time "
        "datetime=\"2025-03-02T22:00:00.000Z\">2025-03-02 22:00 UTC</time>.<br>Made <time "
        "datetime=\"2025-03-03T11:06:40.000Z\">");
    has("<dt>Energy</dt><dd class=\"main\"><data value=\"3600000\">1.000 kWh</data></dd>\n<dd "
        "class=\"note\">GPUs <data "
        "value=\"3600000\">1.000 kWh</data>, CPUs unknown, DRAM unknown</dd>");
    has("<dt>Saved energy</dt><dd class=\"main\">unknown</dd>\n<dd class=\"note\">no run has "
        "measured its baseline</dd>");
    has("known to be busy: unknown");
    has_not("market-based");
    has("divided by the fleet&#8217;s utilisation: <data value=\"40000\">40.00 kg</data> (an "
        "alternative to the figure above, not part of it)");
    has("<li>GPU energy is unknown for 1 of 2 runs; the sums leave it out</li>");
    has("<li>1 of 2 runs have no end (still running or killed); the sums leave them out</li>");
    has("<bdi>killed</bdi></th><td><data value=\"1\">1</data></td><td><data value=\"2\">2</data> "
        "<small>unknown</small></td>"
        "<td>unknown</td><td>unknown</td><td>unknown</td>");
    has("no end 1, GPU energy 1, CPU energy 1, DRAM energy 1, operational carbon "
        "1</td></tr>");
    has(">operational unknown, embodied 250.0 g</text>"); /* not the sum of the known parts */
    assert_int_equal(count_of("<rect class=\"energy\""), 1);
    assert_int_equal(count_of("<rect class=\"operational\""), 1);
    assert_int_equal(count_of("<rect class=\"embodied\""), 2);
}

static void contracts_and_savings(void **state)
{
    (void)state;
    struct wt_report_row r = row("a", 7200000), total;
    r.market_g = 12;
    r.saved_j = 720000;
    r.saved_error_j = 36000;
    r.saved_g = 100;
    r.saved_runs = 1;
    total = r;
    total.runs = 3;
    total.market_unknown = 2;
    put_page(by_job, 1, &r, 1, &total);
    has("market-based, by contract: <data value=\"12\">12.00 g</data>");
    has("the market-based figure is unknown for 2 of 3 runs");
    has("<data value=\"720000\">200.0 Wh</data> <small>&#177; <data value=\"36000\">10.00 "
        "Wh</data></small></dd>\n"
        "<dd class=\"note\">against the measured baseline, in 1 of 3 runs; carbon <data "
        "value=\"100\">100.0 g</data>");
    has("<data value=\"72000\">72.00 kg</data> <small><data value=\"12\">12.00 g</data></small>");
}

/* The largest first, in proportion; of 23 groups 20, and a line counts the rest. */
static void bars_by_group(void **state)
{
    (void)state;
    struct wt_report_row rows[23], total = row("", 0);
    char jobs[23][16];
    for (unsigned i = 0; i < 23; i++) {
        snprintf(jobs[i], sizeof jobs[i], "job-%u", i);
        rows[i] = row(jobs[i], i == 7 ? 7200000 : i == 9 ? 3600000 : 36000);
    }
    rows[3].gpu_j = NAN; /* behind all that is known */
    put_page(by_job, 1, rows, 23, &total);
    assert_int_equal(count_of("<rect class=\"energy\""), 20);
    has("The 20 that used most; 3 more (20.00 Wh) are in the table.");
    has("<rect class=\"energy\" x=\"0.00\" y=\"17.00\" width=\"480.00\" height=\"8.00\"/>");
    has("<rect class=\"energy\" x=\"0.00\" y=\"47.00\" width=\"240.00\" height=\"8.00\"/>");
    /* 36 kg of 108 kg are embodied. */
    has("<rect class=\"operational\" x=\"0.00\" y=\"17.00\" width=\"320.00\" height=\"8.00\"/>\n"
        "<rect class=\"embodied\" x=\"320.00\" y=\"17.00\" width=\"160.00\" height=\"8.00\"/>");
    const char *first = strstr(out.text, "job-7"), *second = strstr(out.text, "job-9"),
               *third = strstr(out.text, "job-0");
    assert_true(first < second && second < third);
    assert_int_equal(count_of("job-3&#x2069;"), 0);
    assert_int_equal(count_of("<bdi>job-3</bdi>"), 1);
}

/* A bar stands at its date, not at its rank; groups of a day are summed. */
static void bars_by_day(void **state)
{
    (void)state;
    struct wt_report_row rows[4] = {row("2025-03-01", 3600000), row("2025-03-01", 3600000),
                                    row("2025-03-02", NAN), row("2025-03-10", 1800000)},
                         total = row("", 9000000);
    rows[2].operational_g = NAN;
    put_page(by_day_and_user, 2, rows, 4, &total);
    has("<strong>Energy by day</strong>");
    has("<strong>Energy by day and user</strong>");
    has("?: unknown on that day.");
    /* Ten days of 38 in 380; 2 kWh of 2.1 in 190. */
    has("<rect class=\"energy\" x=\"64.50\" y=\"19.05\" width=\"37.00\" height=\"180.95\"/>");
    has("<rect class=\"energy\" x=\"406.50\" y=\"154.76\" width=\"37.00\" height=\"45.24\"/>");
    has(">2025-03-01</text>");
    has(">2025-03-09</text>");
    buffer_clear(&out);
    put_page(by_day, 1, rows, 4, &total);
    has("<strong>Energy by day</strong>");
    assert_int_equal(count_of("<svg role"), 2); /* the same by group would be the same */
}

static void old_days_are_left_out(void **state)
{
    (void)state;
    struct wt_report_row rows[3] = {row("2020-01-01", 3600000), row("2024-03-01", 360000),
                                    row("2025-03-01", 3600000)},
                         total = row("", 9000000);
    put_page(by_day, 1, rows, 3, &total); /* 2024-03-01 is day 1 of 366 */
    has("The last 366 days; the table has those before.");
    assert_int_equal(count_of("<rect class=\"energy\""), 2);
    buffer_clear(&out);
    rows[1].keys[0] = "2024-02-29"; /* one before the last 366 */
    put_page(by_day, 1, rows, 3, &total);
    assert_int_equal(count_of("<rect class=\"energy\""), 1);
}

static void long_tables_are_cut(void **state)
{
    (void)state;
    struct wt_report_row *rows = malloc(501 * sizeof *rows), total = row("", 1);
    for (unsigned i = 0; i < 501; i++)
        rows[i] = row("x", 1);
    put_page(by_job, 1, rows, 501, &total);
    has("The first 500 of 501 groups; <code>wattune report --format csv</code> has all.");
    assert_int_equal(count_of("<bdi>x</bdi>"), 500);
    buffer_clear(&out);
    put_page(by_job, 1, rows, 500, &total);
    has_not("The first 500");
    assert_int_equal(count_of("<bdi>x</bdi>"), 500);
    free(rows);
}

static void sources(void **state)
{
    (void)state;
    struct wt_report_row r = row("a", 1);
    struct wt_report_basis basis[14] = {
        {WT_BASIS_ENERGY, "counter", 3, NAN, NAN},
        {WT_BASIS_ENERGY, "", 1, NAN, NAN},
        {WT_BASIS_PUE, "--pue", 4, 1.1, 1.5},
        {WT_BASIS_INTENSITY, "assumed <world> average", 1, 481, 481}};
    for (unsigned i = 4; i < 14; i++)
        basis[i] = (struct wt_report_basis){WT_BASIS_EMBODIED, "a table", 2, 4, 4};
    page_report(&out, &(struct view_report_page){by_job, 1, &r, 1, &r, basis, 14,
                                                 INT64_C(1740866400000), INT64_MAX, 0});
    has("<li>GPU energy: <bdi>hardware counters</bdi> (3 runs)</li>\n<li>GPU energy: <bdi>source "
        "unknown</bdi> (1 run)</li>");
    has("<li>PUE: 1.1 to 1.5, <bdi>--pue</bdi> (4 runs)</li>");
    has("<li>Grid intensity: 481 g CO<sub>2</sub>e/kWh, <bdi>assumed &lt;world&gt; average</bdi> "
        "(1 run)</li>");
    assert_int_equal(
        count_of("<li>Embodied carbon: 4 years of lifetime, <bdi>a table</bdi> (2 runs)</li>"), 8);
    has("<li>and 2 more sources of the same</li>");
    has("Hours that began at or after <time datetime=\"2025-03-01T22:00:00.000Z\">");
}

static void nothing(void **state)
{
    (void)state;
    struct wt_report_row total = {.gpu_j = NAN};
    put_page(by_job, 1, NULL, 0, &total);
    has("No runs in the ledger match.");
    has_not("<table");
    has("</main>\n</body>\n</html>\n");
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, fresh)
    const struct CMUnitTest tests[] = {
        FRESH(text_is_text),
        FRESH(names),
        FRESH(values),
        FRESH(what_is_unknown_is_said),
        FRESH(contracts_and_savings),
        FRESH(bars_by_group),
        FRESH(bars_by_day),
        FRESH(old_days_are_left_out),
        FRESH(long_tables_are_cut),
        FRESH(sources),
        FRESH(nothing),
    };
    return cmocka_run_group_tests_name("view html", tests, NULL, NULL);
}
