/* SPDX-License-Identifier: Apache-2.0
 *
 * A statement of Software Carbon Intensity (ISO/IEC 21031:2024): ((E x I) + M) per R, with each of
 * its terms, their sources and the parts left out.  All terms are of the same runs, those with
 * everything known, so that they multiply out.
 */
#include "base/units.h"
#include "show/export/export.h"

#include <math.h>
#include <stdio.h>

#include "show/text/report.h"
#include "show/text/table.h"

static const struct {
    const char *one, *more;
} units[] = {[EXPORT_SCI_RUN] = {"run", "runs"}, [EXPORT_SCI_GPU_HOUR] = {"GPU hour", "GPU hours"}};

struct terms {
    double r, e_j, i_g_per_kwh, m_g, sci_g; /* all but r and i a unit; NaN: unknown */
};

static struct terms terms_of(const struct wt_report_row *row, enum export_sci_unit unit)
{
    const double none = NAN;
    double r = unit == EXPORT_SCI_RUN ? (double)row->complete.runs : row->complete.gpu_hours;
    if (!(r > 0))
        return (struct terms){0, none, none, none, none};
    double kwh = row->complete.facility_j / J_PER_KWH;
    return (struct terms){
        r, row->complete.facility_j / r, kwh > 0 ? row->complete.operational_g / kwh : none,
        row->complete.embodied_g / r, (row->complete.operational_g + row->complete.embodied_g) / r};
}

static const char *intensity(char text[UNIT_SIZE], double g_per_kwh)
{
    if (isfinite(g_per_kwh))
        snprintf(text, UNIT_SIZE, "%.5g g/kWh", g_per_kwh);
    else
        snprintf(text, UNIT_SIZE, "unknown");
    return text;
}

static void put_formula(struct buffer *out, const struct wt_report_row *total,
                        enum export_sci_unit unit)
{
    struct terms t = terms_of(total, unit);
    char e[UNIT_SIZE], i[UNIT_SIZE], m[UNIT_SIZE], sci[UNIT_SIZE];
    buffer_print(out, "SCI = ((E x I) + M) per R");
    if (isfinite(t.sci_g))
        buffer_print(out, " = ((%s x %s) + %s) per %s = %s CO2e per %s\n",
                     unit_watt_hours(e, t.e_j), intensity(i, t.i_g_per_kwh), unit_grams(m, t.m_g),
                     units[unit].one, unit_grams(sci, t.sci_g), units[unit].one);
    else
        buffer_print(
            out,
            " is unknown: there is no %s with energy, intensity and embodied emissions all known\n",
            units[unit].one);
}

static void put_row(struct table *table, const struct wt_report_row *row, enum export_sci_unit unit)
{
    struct terms t = terms_of(row, unit);
    char text[UNIT_SIZE];
    table_put(table, "%llu/%llu", (unsigned long long)row->complete.runs,
              (unsigned long long)row->runs);
    table_put(table, "%s", unit_watt_hours(text, t.e_j));
    table_put(table, "%s", intensity(text, t.i_g_per_kwh));
    table_put(table, "%s", unit_grams(text, t.m_g));
    table_put(table, "%s", unit_grams(text, t.sci_g));
}

static void put_groups(struct buffer *out, const struct view_report_page *page,
                       enum export_sci_unit unit, bool colour)
{
    static const char *const sums[] = {"RUNS", "E", "I", "M", "SCI"};
    static const char *const names[WT_REPORT_KEYS] = {"JOB", "PHASE", "USER", "PROJECT",
                                                      "GPU", "NODE",  "DAY"};
    enum { SUMS = sizeof sums / sizeof sums[0] };
    char columns[WT_REPORT_KEYS + SUMS + 1] = "";
    for (unsigned i = 0; i < page->key_count + SUMS; i++)
        columns[i] = i < page->key_count ? 'l' : 'r';
    struct table table = {.columns = columns};
    for (unsigned i = 0; i < page->key_count; i++)
        table_put(&table, "%s", names[page->keys[i]]);
    for (unsigned i = 0; i < SUMS; i++)
        table_put(&table, "%s", sums[i]);
    for (size_t k = 0; k < page->count; k++) {
        for (unsigned i = 0; i < page->key_count; i++)
            table_put_name(&table, page->rows[k].keys[i]);
        put_row(&table, &page->rows[k], unit);
    }
    buffer_print(out, "\n");
    table_print(&table, out, "", colour);
}

static void put_unit(struct buffer *out, const struct wt_report_row *total,
                     enum export_sci_unit unit)
{
    unsigned long long known = total->complete.runs, missing = total->runs - total->complete.runs;
    buffer_print(out, "R       one %s; ", units[unit].one);
    if (unit == EXPORT_SCI_GPU_HOUR)
        buffer_print(out, "%.5g GPU hours reserved, in ", total->complete.gpu_hours);
    report_say_runs(out, known);
    if (missing)
        buffer_print(out, "; %llu more %s left out, since something of %s is unknown", missing,
                     missing == 1 ? "is" : "are", missing == 1 ? "it" : "them");
    buffer_print(out, "\n");
}

static void put_embodied(struct buffer *out, const struct view_report_page *page,
                         enum export_sci_unit unit)
{
    const struct wt_report_row *total = page->total;
    struct terms t = terms_of(total, unit);
    double hours = total->complete.gpu_hours;
    char text[UNIT_SIZE];
    buffer_print(out,
                 "M       embodied, %s a %s: TE x TiR/EL x RR/ToR, not divided by a utilisation\n",
                 unit_grams(text, t.m_g), units[unit].one);
    buffer_print(out, "        TiR x RR, the time and the resources reserved: ");
    if (t.r > 0)
        buffer_print(out, "%.5g GPU hours a %s", hours / t.r, units[unit].one);
    else
        buffer_print(out, "unknown");
    if (isfinite(total->gpus_least)) {
        buffer_print(out, " (");
        report_say_gpus(out, total);
        buffer_print(out, " a run)");
    }
    buffer_print(out, "\n");
    buffer_print(out, "        TE, the total embodied emissions, and ToR, the total resources, are "
                      "not booked one by one; ");
    buffer_print(out, "TE/EL/ToR is %s a GPU hour reserved\n",
                 unit_grams(text, hours > 0 ? total->complete.embodied_g / hours : (double)NAN));
    buffer_print(out, "        EL, the expected lifespan, and where TE is from: ");
    report_say_sources(out, page, WT_BASIS_EMBODIED, true);
    buffer_print(out, "\n");
}

static void put_boundary(struct buffer *out, const struct wt_report_row *total)
{
    const struct {
        const char *name;
        uint64_t unknown;
    } kinds[] = {
        {"GPUs", total->gpu_unknown}, {"CPUs", total->cpu_unknown}, {"DRAM", total->dram_unknown}};
    buffer_print(out, "Inside  ");
    for (unsigned i = 0; i < 3; i++)
        buffer_print(out, "energy of %s in %llu of %llu runs; ", kinds[i].name,
                     (unsigned long long)(total->runs - kinds[i].unknown),
                     (unsigned long long)total->runs);
    buffer_print(out, "the addition by the PUE; the embodied share of the time reserved\n"
                      "Outside parts that were not measured");
    for (unsigned i = 0, said = 0; i < 3; i++)
        if (kinds[i].unknown)
            buffer_print(out, "%s%s in %llu of %llu runs", said++ ? ", " : ": ", kinds[i].name,
                         (unsigned long long)kinds[i].unknown, (unsigned long long)total->runs);
    buffer_print(out, "; other parts of the machines; idle time between runs; networks and storage "
                      "elsewhere; work that was not run "
                      "under Wattune\n");
}

void export_put_sci(struct buffer *out, const struct view_report_page *page,
                    enum export_sci_unit unit, const char *wattune_version, bool colour)
{
    const struct wt_report_row *total = page->total;
    struct terms t = terms_of(total, unit);
    char text[UNIT_SIZE], first[UNIT_SIZE], last[UNIT_SIZE];
    if (!total->runs) {
        buffer_print(out, "no runs in the ledger match\n");
        return;
    }
    buffer_print(out, "Software Carbon Intensity (ISO/IEC 21031:2024), from Wattune %s\n",
                 wattune_version);
    buffer_print(out, "Runs from %s to %s\n\n", unit_wall(first, total->first_ms),
                 unit_wall(last, total->last_ms));
    put_formula(out, total, unit);
    if (page->key_count)
        put_groups(out, page, unit, colour);
    buffer_print(out, "\n");
    put_unit(out, total, unit);
    buffer_print(out, "E       energy, %s a %s: the measured energy, times the PUE: ",
                 unit_watt_hours(text, t.e_j), units[unit].one);
    report_say_sources(out, page, WT_BASIS_PUE, true);
    buffer_print(out, "\n        GPUs measured by: ");
    report_say_sources(out, page, WT_BASIS_ENERGY, true);
    buffer_print(
        out, "\nI       carbon intensity, location-based, %s: ", intensity(text, t.i_g_per_kwh));
    report_say_sources(out, page, WT_BASIS_INTENSITY, true);
    buffer_print(out, "\n");
    put_embodied(out, page, unit);
    put_boundary(out, total);
}
