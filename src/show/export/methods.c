/* SPDX-License-Identifier: Apache-2.0
 *
 * A methods section for a paper: the trainings and their hardware, the measurement of their energy,
 * their carbon with its assumptions, and the parts that were not measured.  Plain text, a paragraph
 * a line.  Every sentence stays true when something is unknown; work of others is cited where a
 * number rests on it.
 */
#include "show/export/export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "show/text/report.h"
#include "show/text/table.h"

/* --- Literature --- */

enum work { SUSTAINABLE_AI, ZEUS, WORKS };

static const char *const works[WORKS] = {
    [SUSTAINABLE_AI] = "C.-J. Wu et al. Sustainable AI: Environmental Implications, Challenges and "
                       "Opportunities. Proceedings of Machine "
                       "Learning and Systems 4 (MLSys 2022).",
    [ZEUS] = "J. You, J.-W. Chung, M. Chowdhury. Zeus: Understanding and Optimizing GPU Energy "
             "Consumption of DNN Training. 20th USENIX "
             "Symposium on Networked Systems Design and Implementation (NSDI 2023).",
};

struct text {
    struct buffer *out;
    unsigned number[WORKS], cited; /* in the order of their first citation; 0: not cited */
};

static void cite(struct text *text, enum work work)
{
    if (!text->number[work])
        text->number[work] = ++text->cited;
    buffer_print(text->out, " [%u]", text->number[work]);
}

static void put_references(const struct text *text)
{
    for (unsigned n = 1; n <= text->cited; n++)
        for (unsigned work = 0; work < WORKS; work++)
            if (text->number[work] == n)
                buffer_print(text->out, "%s[%u] %s\n", n == 1 ? "\n" : "", n, works[work]);
}

/* --- The runs --- */

static unsigned long long number(uint64_t runs)
{
    return (unsigned long long)runs;
}

/* "all 3 runs", "2 of the 3 runs", "the one run". */
static void say_share(struct buffer *out, uint64_t runs, uint64_t of)
{
    if (of == 1)
        buffer_print(out, "the one run");
    else if (runs == of)
        buffer_print(out, "all %llu runs", number(of));
    else
        buffer_print(out, "%llu of the %llu runs", number(runs), number(of));
}

static void say_name(struct buffer *out, const char *what, const char *name)
{
    if (!name)
        return;
    buffer_print(out, " of the %s ", what);
    text_escape(out, name);
}

static void say_hardware(struct buffer *out, const struct view_report_page *page)
{
    enum { MOST = 8 };
    buffer_print(out, " The time reserved was %.4g GPU hours:", page->total->gpu_hours);
    for (size_t k = 0; k < page->count && k < MOST; k++) {
        const struct wt_report_row *row = &page->rows[k];
        buffer_print(out, "%s ", k ? ";" : "");
        if (row->keys[0][0])
            text_escape(out, row->keys[0]);
        else
            buffer_print(out, "GPUs of an unknown model");
        buffer_print(out, " (");
        if (isfinite(row->gpus_least)) {
            report_say_gpus(out, row);
            buffer_print(out, " a run, ");
        }
        if (isfinite(row->gpu_hours))
            buffer_print(out, "%.4g GPU hours in ", row->gpu_hours);
        report_say_runs(out, row->runs);
        buffer_print(out, ")");
    }
    if (page->count > MOST)
        buffer_print(out, "; and %zu more models", page->count - MOST);
    buffer_print(out, ".");
}

static void say_runs(struct buffer *out, const struct view_report_page *page, const char *job,
                     const char *project, const char *wattune_version)
{
    const struct wt_report_row *total = page->total;
    char first[UNIT_SIZE], last[UNIT_SIZE], busy[UNIT_SIZE];
    buffer_print(out,
                 "Energy use and carbon emissions were measured and accounted for with Wattune "
                 "(version %s). The account covers ",
                 wattune_version);
    report_say_runs(out, total->runs);
    say_name(out, "job", job);
    say_name(out, "project", project);
    unit_wall(first, total->first_ms);
    unit_wall(last, total->last_ms);
    if (strcmp(first, "unknown") == 0 || strcmp(last, "unknown") == 0)
        buffer_print(out, ", at times that are not known.");
    else if (strncmp(first, last, 10) == 0)
        buffer_print(out, " on %.10s (UTC).", first);
    else
        buffer_print(out, " between %.10s and %.10s (UTC).", first, last);
    if (isfinite(total->gpu_hours))
        say_hardware(out, page);
    else
        buffer_print(out, " The time that they took is not known.");
    if (isfinite(total->busy_gpu_hours / total->gpu_hours))
        buffer_print(out, " The GPUs were busy for %s of that time.",
                     unit_percent(busy, total->busy_gpu_hours / total->gpu_hours));
    if (total->unended)
        buffer_print(
            out, " %llu of the runs had no regular end; nothing that %s used is known or included.",
            number(total->unended), total->unended == 1 ? "it" : "they");
    buffer_print(out, "\n");
}

/* --- Their energy --- */

/* "read from hardware energy counters (2 runs) and integrated from power readings (1 run)". */
static void say_measured(struct buffer *out, const struct view_report_page *page)
{
    static const char *const words[][2] = {{"counter", "read from hardware energy counters"},
                                           {"integrated", "integrated from power readings"},
                                           {"estimated", "estimated"},
                                           {"replayed", "taken from a recording"}};
    size_t all = 0, said = 0;
    for (size_t i = 0; i < page->basis_count; i++)
        all += page->basis[i].kind == WT_BASIS_ENERGY;
    for (size_t i = 0; i < page->basis_count; i++) {
        const struct wt_report_basis *basis = &page->basis[i];
        const char *how = "obtained in a way that is not known";
        if (basis->kind != WT_BASIS_ENERGY)
            continue;
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
            if (strcmp(basis->source, words[k][0]) == 0)
                how = words[k][1];
        buffer_print(out, "%s%s", !said ? "" : said + 1 == all ? " and " : ", ", how);
        said++;
        if (all == 1)
            continue;
        buffer_print(out, " (");
        report_say_runs(out, basis->runs);
        buffer_print(out, ")");
    }
}

static void say_gpu_energy(struct buffer *out, const struct view_report_page *page)
{
    const struct wt_report_row *total = page->total;
    char text[UNIT_SIZE];
    if (!isfinite(total->gpu_j)) {
        buffer_print(out, "The energy of the GPUs was not measured.");
        return;
    }
    buffer_print(out, "The GPUs used %s in ", unit_watt_hours(text, total->gpu_j));
    say_share(out, total->runs - total->gpu_unknown, total->runs);
    buffer_print(out, "%s This was ",
                 total->gpu_unknown ? "; that of the others is not known." : ".");
    say_measured(out, page);
    if (isfinite(total->gpu_error_j))
        buffer_print(out, ", with a 95 %% error bound of %s (the calibration of the sensors apart)",
                     unit_watt_hours(text, total->gpu_error_j));
    buffer_print(out, ".");
}

static void say_other_energy(struct buffer *out, const char *name, double energy_j,
                             uint64_t unknown, uint64_t runs)
{
    char text[UNIT_SIZE];
    if (!isfinite(energy_j)) {
        buffer_print(out, " The energy of %s was not measured.", name);
        return;
    }
    buffer_print(out, " The energy of %s was %s in ", name, unit_watt_hours(text, energy_j));
    say_share(out, runs - unknown, runs);
    buffer_print(out, unknown ? "; that of the others is not known." : ".");
}

static void say_facility(struct buffer *out, const struct view_report_page *page)
{
    char text[UNIT_SIZE];
    if (!isfinite(page->total->facility_j)) {
        buffer_print(out, " The energy that the facility drew is not known.");
        return;
    }
    buffer_print(out, " With a power usage effectiveness (PUE) of ");
    report_say_sources(out, page, WT_BASIS_PUE, false);
    buffer_print(out, ", the facility drew %s for the measured energy.",
                 unit_watt_hours(text, page->total->facility_j));
}

static void say_energy(struct buffer *out, const struct view_report_page *page)
{
    const struct wt_report_row *total = page->total;
    say_gpu_energy(out, page);
    say_other_energy(out, "the CPUs", total->cpu_j, total->cpu_unknown, total->runs);
    say_other_energy(out, "DRAM", total->dram_j, total->dram_unknown, total->runs);
    say_facility(out, page);
    buffer_print(out, "\n");
}

/* --- Their carbon --- */

static void say_operational(struct buffer *out, const struct view_report_page *page)
{
    const struct wt_report_row *total = page->total;
    char text[UNIT_SIZE];
    if (!isfinite(total->operational_g)) {
        buffer_print(out, "Operational emissions are not known.");
        return;
    }
    buffer_print(out, "Location-based operational emissions were %s CO2e in ",
                 unit_grams(text, total->operational_g));
    say_share(out, total->runs - total->operational_unknown, total->runs);
    buffer_print(out, ", at a carbon intensity of electricity of ");
    report_say_sources(out, page, WT_BASIS_INTENSITY, false);
    buffer_print(out, total->operational_unknown ? ". For the others they are not known." : ".");
}

static void say_market(struct buffer *out, const struct wt_report_row *total)
{
    char text[UNIT_SIZE];
    if (!isfinite(total->market_g)) {
        buffer_print(out, " Market-based emissions are not known, since no contract for "
                          "electricity is on record.");
        return;
    }
    buffer_print(
        out,
        " Market-based, by the contract for electricity, operational emissions were %s CO2e in ",
        unit_grams(text, total->market_g));
    say_share(out, total->runs - total->market_unknown, total->runs);
    buffer_print(out, "; this is another view of the same electricity and not to be added.");
}

static void say_embodied(struct text *text, const struct view_report_page *page)
{
    const struct wt_report_row *total = page->total;
    struct buffer *out = text->out;
    char grams[UNIT_SIZE], share[UNIT_SIZE];
    if (!isfinite(total->embodied_g)) {
        buffer_print(out, " Embodied emissions are not known.");
        return;
    }
    buffer_print(out, " Embodied emissions of %s CO2e were attributed to ",
                 unit_grams(grams, total->embodied_g));
    say_share(out, total->runs - total->embodied_unknown, total->runs);
    buffer_print(out, " by the share of the hardware's lifetime that was reserved, as in the "
                      "Software Carbon Intensity specification "
                      "(ISO/IEC 21031:2024), on the basis of: ");
    report_say_sources(out, page, WT_BASIS_EMBODIED, false);
    buffer_print(out, total->embodied_unknown ? ". For the others they are not known." : ".");
    if (isfinite(total->embodied_useful_g)) {
        buffer_print(out,
                     " Divided by the utilisation that was assumed for the hardware (%s), as in "
                     "Sustainable AI",
                     unit_percent(share, total->embodied_g / total->embodied_useful_g));
        cite(text, SUSTAINABLE_AI);
        buffer_print(out, ", they come to %s CO2e, in place of that figure.",
                     unit_grams(grams, total->embodied_useful_g));
    }
}

static void say_total(struct buffer *out, const struct wt_report_row *total)
{
    char text[UNIT_SIZE];
    if (!total->complete.runs)
        return;
    buffer_print(out, " Location-based operational and embodied emissions together were %s CO2e",
                 unit_grams(text, total->complete.operational_g + total->complete.embodied_g));
    if (total->complete.runs < total->runs) {
        buffer_print(out, " in the ");
        report_say_runs(out, total->complete.runs);
        buffer_print(out, " with both of them known");
    }
    buffer_print(out, ".");
}

static void say_carbon(struct text *text, const struct view_report_page *page)
{
    say_operational(text->out, page);
    say_market(text->out, page->total);
    say_embodied(text, page);
    say_total(text->out, page->total);
    buffer_print(text->out, "\n");
}

static void say_savings(struct text *text, const struct wt_report_row *total)
{
    struct buffer *out = text->out;
    char saved[UNIT_SIZE], error[UNIT_SIZE];
    if (!total->saved_runs || !isfinite(total->saved_j))
        return;
    buffer_print(out, "The power limits of the GPUs were tuned during training, after Zeus");
    cite(text, ZEUS);
    buffer_print(
        out, ". Against the power limit found at the start, which was measured as a baseline in ");
    say_share(out, total->saved_runs, total->runs);
    buffer_print(out, ", the GPUs used %s %s", unit_watt_hours(saved, fabs(total->saved_j)),
                 total->saved_j < 0 ? "more" : "less");
    if (isfinite(total->saved_error_j))
        buffer_print(out, " (with a 95 %% bound of %s)",
                     unit_watt_hours(error, total->saved_error_j));
    buffer_print(out, ".\n");
}

void export_put_methods(struct buffer *out, const struct view_report_page *page, const char *job,
                        const char *project, const char *wattune_version)
{
    struct text text = {.out = out};
    if (!page->total->runs) {
        buffer_print(out, "no runs in the ledger match\n");
        return;
    }
    say_runs(out, page, job, project, wattune_version);
    buffer_print(out, "\n");
    say_energy(out, page);
    buffer_print(out, "\n");
    say_carbon(&text, page);
    buffer_print(out, "\n");
    say_savings(&text, page->total);
    buffer_print(out,
                 "%sNot included are other parts of the machines than those named, time in which "
                 "the hardware was idle between these "
                 "runs, networks and storage elsewhere, and work that was not run under Wattune.\n",
                 page->total->saved_runs ? "\n" : "");
    put_references(&text);
}
