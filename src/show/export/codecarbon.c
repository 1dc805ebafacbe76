/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs as CodeCarbon writes them: the columns of its emissions.csv, in its order and its units
 * (kWh, kg, W, s, percent), a row a run.  A column that the ledger knows nothing for is there and
 * empty.  Must not know the ledger or files.
 */
#include "base/units.h"
#include "show/export/export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "show/text/report.h"
#include "show/text/table.h"

struct row {
    const char *id, *version;
    const struct wt_trial *run;
};

/* --- Numbers: NaN is unknown --- */

/* CodeCarbon's energies have the PUE in them.  Where none was booked they are of the devices alone,
 * and the column pue is empty. */
static double kwh(const struct row *row, double energy_j)
{
    double pue = row->run->carbon.pue;
    return energy_j * (isfinite(pue) ? pue : 1) / J_PER_KWH;
}

static double watts(const struct row *row, double energy_j)
{
    return row->run->outcome.time_s > 0 ? kwh(row, energy_j) * J_PER_KWH / row->run->outcome.time_s
                                        : (double)NAN;
}

static double duration(const struct row *row)
{
    return row->run->outcome.time_s;
}
static double emissions(const struct row *row)
{
    return row->run->carbon.operational_g / 1000;
}

static double emissions_rate(const struct row *row)
{
    return row->run->outcome.time_s > 0 ? emissions(row) / row->run->outcome.time_s : (double)NAN;
}

static double cpu_power(const struct row *row)
{
    return watts(row, row->run->part.cpu_energy_j);
}
static double gpu_power(const struct row *row)
{
    return watts(row, row->run->part.energy_j);
}
static double ram_power(const struct row *row)
{
    return watts(row, row->run->part.dram_energy_j);
}
static double cpu_energy(const struct row *row)
{
    return kwh(row, row->run->part.cpu_energy_j);
}
static double gpu_energy(const struct row *row)
{
    return kwh(row, row->run->part.energy_j);
}
static double ram_energy(const struct row *row)
{
    return kwh(row, row->run->part.dram_energy_j);
}

/* Of all that was measured. */
static double energy_consumed(const struct row *row)
{
    const struct wt_trial *run = row->run;
    return kwh(row, sum_known(sum_known(run->part.energy_j, run->part.cpu_energy_j),
                              run->part.dram_energy_j));
}

static double pue(const struct row *row)
{
    return row->run->carbon.pue;
}
static double gpu_count(const struct row *row)
{
    return row->run->part.gpu_count;
}

static double gpu_utilization(const struct row *row)
{
    double reserved_s = row->run->outcome.time_s * row->run->part.gpu_count,
           share = row->run->part.busy_s / reserved_s;
    return !(reserved_s > 0) ? (double)NAN : share > 1 ? 100 : 100 * share;
}

/* --- Text: "" is unknown --- */

enum { TEXT_LEN = WT_MAX_DEVICES * (WT_NAME_LEN + 16) };

/* When the run ended, in UTC; without a zone, as CodeCarbon has it. */
static void timestamp(const struct row *row, char text[TEXT_LEN])
{
    double end_ms = (double)row->run->identity.started_ms + row->run->outcome.time_s * 1000;
    char wall[32];
    if (row->run->outcome.ended && fabs(end_ms) < 1e15) /* a time that has a date */
        snprintf(text, TEXT_LEN, "%.19s", clock_format_wall((int64_t)end_ms, wall));
}

static void project(const struct row *row, char text[TEXT_LEN])
{
    snprintf(text, TEXT_LEN, "%s", row->run->identity.project);
}
static void run_id(const struct row *row, char text[TEXT_LEN])
{
    snprintf(text, TEXT_LEN, "%s", row->id);
}
static void experiment(const struct row *row, char text[TEXT_LEN])
{
    snprintf(text, TEXT_LEN, "%s", row->run->identity.job);
}
static void version(const struct row *row, char text[TEXT_LEN])
{
    snprintf(text, TEXT_LEN, "Wattune %s", row->version);
}

/* ISO 3166, three letters; a region is none. */
static void country(const struct row *row, char text[TEXT_LEN])
{
    const char *location = row->run->carbon.location;
    if (strlen(location) == 3 && strspn(location, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
        snprintf(text, TEXT_LEN, "%s", location);
}

/* Devices are measured as wholes, for all their users. */
static void tracking_mode(const struct row *row, char text[TEXT_LEN])
{
    (void)row;
    snprintf(text, TEXT_LEN, "machine");
}

/* "2 x NVIDIA A40", and with ", " between them if there are several models, where CodeCarbon has
 * nothing between. */
static void gpu_model(const struct row *row, char text[TEXT_LEN])
{
    const struct wt_trial *run = row->run;
    size_t used = 0;
    for (unsigned i = 0; i < run->part.gpu_count && used < TEXT_LEN; i++) {
        unsigned count = 0, first = 0;
        while (strcmp(run->part.gpus[first].name, run->part.gpus[i].name) != 0)
            first++;
        for (unsigned k = i; k < run->part.gpu_count; k++)
            count += strcmp(run->part.gpus[k].name, run->part.gpus[i].name) == 0;
        if (first == i && run->part.gpus[i].name[0])
            used += (size_t)snprintf(text + used, TEXT_LEN - used, "%s%u x %s", used ? ", " : "",
                                     count, run->part.gpus[i].name);
    }
}

/* --- The table --- */

/* EmissionsData of CodeCarbon 3.3.2 (codecarbon/output_methods/emissions_data.py); neither
 * function: never known here. */
static const struct {
    const char *name;
    double (*number)(const struct row *row);
    void (*text)(const struct row *row, char text[TEXT_LEN]);
} columns[] = {
    {"timestamp", NULL, timestamp},
    {"project_name", NULL, project},
    {"run_id", NULL, run_id},
    {"experiment_id", NULL, experiment},
    {"duration", duration, NULL},
    {"emissions", emissions, NULL},
    {"emissions_rate", emissions_rate, NULL},
    {"cpu_power", cpu_power, NULL},
    {"gpu_power", gpu_power, NULL},
    {"ram_power", ram_power, NULL},
    {"cpu_energy", cpu_energy, NULL},
    {"gpu_energy", gpu_energy, NULL},
    {"ram_energy", ram_energy, NULL},
    {"energy_consumed", energy_consumed, NULL},
    {"water_consumed", NULL, NULL},
    {"country_name", NULL, NULL},
    {"country_iso_code", NULL, country},
    {"region", NULL, NULL},
    {"cloud_provider", NULL, NULL},
    {"cloud_region", NULL, NULL},
    {"os", NULL, NULL},
    {"python_version", NULL, NULL},
    {"codecarbon_version", NULL, version},
    {"cpu_count", NULL, NULL},
    {"cpu_model", NULL, NULL},
    {"gpu_count", gpu_count, NULL},
    {"gpu_model", NULL, gpu_model},
    {"longitude", NULL, NULL},
    {"latitude", NULL, NULL},
    {"ram_total_size", NULL, NULL},
    {"tracking_mode", NULL, tracking_mode},
    {"cpu_utilization_percent", NULL, NULL},
    {"gpu_utilization_percent", gpu_utilization, NULL},
    {"ram_utilization_percent", NULL, NULL},
    {"ram_used_gb", NULL, NULL},
    {"on_cloud", NULL, NULL},
    {"pue", pue, NULL},
    {"wue", NULL, NULL},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

void export_put_codecarbon_heading(struct buffer *out)
{
    for (unsigned i = 0; i < COLUMNS; i++)
        buffer_print(out, "%s%s", i ? "," : "", columns[i].name);
    buffer_print(out, "\n");
}

void export_put_codecarbon(struct buffer *out, const char *id, const struct wt_trial *run,
                           const char *wattune_version)
{
    const struct row row = {id, wattune_version, run};
    struct buffer line = {0};
    for (unsigned i = 0; i < COLUMNS; i++) {
        char text[TEXT_LEN];
        text[0] = 0;
        if (columns[i].text)
            columns[i].text(&row, text);
        if (columns[i].number)
            csv_put_number(&line, columns[i].number(&row));
        else
            csv_put_name(&line, text);
    }
    buffer_print(out, "%s\n", buffer_text(&line) + 1); /* each field has brought a comma */
    out->failed = out->failed || line.failed;
    buffer_clear(&line);
}
