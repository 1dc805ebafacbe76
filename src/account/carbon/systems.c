/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of systems and devices.
 */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "account/carbon/data.h"
#include "account/carbon/embodied.h"
#include "account/carbon/tables.h"
#include "base/text.h"

/* A few hundred models are all there are; quadratic searches stay cheap. */
enum { ROWS_MOST = 4096 };

enum column {
    NAME,
    KIND,
    MATCH,
    KG,
    LOW_KG,
    HIGH_KG,
    DEVICES,
    DIE_MM2,
    NODE_NM,
    FAB,
    PACKAGES,
    SOURCE,
    YEAR,
    COLUMNS,
};
/* 1000 t of CO2e is more than any node costs, and 10000 mm2 more than a wafer yields in one piece.
 */
static const struct carbon_column columns[COLUMNS] = {
    [NAME] = {"name", CARBON_NEEDED, 79, 0, false},
    [KIND] = {"kind", CARBON_NEEDED, 16, 0, false},
    [MATCH] = {"match", CARBON_MAY_LACK, 47, 0, false},
    [KG] = {"kg", CARBON_MAY_LACK, 0.001, 1e6, false},
    [LOW_KG] = {"low_kg", CARBON_MAY_LACK, 0, 1e6, false},
    [HIGH_KG] = {"high_kg", CARBON_MAY_LACK, 0.001, 1e6, false},
    [DEVICES] = {"devices", CARBON_MAY_LACK, 1, 1024, true},
    [DIE_MM2] = {"die_mm2", CARBON_MAY_LACK, 0.1, 1e4, false},
    [NODE_NM] = {"node_nm", CARBON_MAY_LACK, 1, 1000, false},
    [FAB] = {"fab_g_per_kwh", CARBON_MAY_LACK, 0, 5000, false},
    [PACKAGES] = {"packages", CARBON_MAY_LACK, 0, 1000, true},
    [SOURCE] = {"source", CARBON_NEEDED, 119, 0, false},
    [YEAR] = {"year", CARBON_NEEDED, 1900, 2200, true},
};

static const char *const kind_names[] = {"gpu_system", "cpu_system", "gpu", "part"};
enum { KIND_COUNT = sizeof kind_names / sizeof kind_names[0] };

const char *carbon_embodied_kind_name(enum carbon_embodied_kind kind)
{
    return (unsigned)kind < KIND_COUNT ? kind_names[kind] : "unknown";
}

struct loading {
    struct carbon_table_reader reader;
    struct carbon_embodied_row row;
};

__attribute__((format(printf, 3, 4))) static int
wrong(const struct loading *loading, struct wt_error *err, const char *format, ...)
{
    char words[300];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return error_set(err, WT_E_PARSE, "%s:%u: %s", loading->reader.csv.path,
                     loading->reader.csv.line, words);
}

static double number(const struct loading *loading, enum column column)
{
    return carbon_table_number(&loading->reader, column);
}

/* kg as it stands there, or from die and packages. */
static int take_kg(struct loading *loading, struct wt_error *err)
{
    struct carbon_embodied_row *row = &loading->row;
    double die_mm2 = number(loading, DIE_MM2), node_nm = number(loading, NODE_NM),
           fab_g_per_kwh = number(loading, FAB);
    double packages = number(loading, PACKAGES);
    int parts = !isnan(die_mm2) + !isnan(node_nm) + !isnan(fab_g_per_kwh);
    row->kg = number(loading, KG);
    row->from_parts = parts > 0;
    if (!isnan(row->kg) && (parts || !isnan(packages)))
        return wrong(loading, err, "the row has kg and parts; give one of the two");
    if (parts == 0)
        return isnan(row->kg)
                   ? wrong(loading, err,
                           "the row has neither kg nor die_mm2, node_nm and fab_g_per_kwh")
                   : 0;
    if (parts < 3)
        return wrong(loading, err,
                     "an estimate from parts needs die_mm2, node_nm and fab_g_per_kwh");
    double die_kg =
        carbon_die_kg(die_mm2, node_nm, fab_g_per_kwh, CARBON_ABATEMENT_USUAL, CARBON_YIELD_USUAL);
    if (isnan(die_kg))
        return wrong(
            loading, err,
            "there are no figures for a node of %g nm, but for 28, 20, 14, 10, 8, 7, 5 and 3",
            node_nm);
    row->kg = die_kg + carbon_packages_kg(isnan(packages) ? 1 : packages);
    return 0;
}

static int take_row(struct loading *loading, struct wt_error *err)
{
    struct carbon_embodied_row *row = &loading->row;
    const char *kind = carbon_table_text(&loading->reader, KIND);
    unsigned k = 0;
    char shown[40];
    while (k < KIND_COUNT && strcmp(kind, kind_names[k]) != 0)
        k++;
    if (k == KIND_COUNT)
        return wrong(loading, err, "kind is gpu_system, cpu_system, gpu or part, not \"%s\"",
                     text_escape_into(shown, sizeof shown, kind));
    *row = (struct carbon_embodied_row){.kind = (enum carbon_embodied_kind)k,
                                        .low_kg = number(loading, LOW_KG),
                                        .high_kg = number(loading, HIGH_KG),
                                        .devices = number(loading, DEVICES),
                                        .year = (int)number(loading, YEAR)};
    strcpy(row->name, carbon_table_text(&loading->reader, NAME)); /* their columns bound them */
    strcpy(row->match, carbon_table_text(&loading->reader, MATCH));
    strcpy(row->source, carbon_table_text(&loading->reader, SOURCE));
    if ((row->kind == CARBON_GPU) != (row->match[0] != '\0'))
        return wrong(loading, err,
                     row->match[0] ? "only a row of kind gpu has a match"
                                   : "a row of kind gpu needs a match: words of its name");
    if (isnan(row->devices) && row->kind != CARBON_GPU_SYSTEM)
        row->devices = 1;
    int rc = take_kg(loading, err);
    if (rc == 0 && (row->low_kg > row->kg || row->high_kg < row->kg))
        rc = wrong(loading, err, "%g kg lie outside their own range", row->kg);
    return rc;
}

/* Two rows that would answer the same question. */
static int check_twice(const struct loading *loading, const struct carbon_embodied_table *table,
                       struct wt_error *err)
{
    const struct carbon_embodied_row *row = &loading->row;
    for (size_t i = 0; row->kind != CARBON_PART && i < table->count; i++)
        if (table->rows[i].kind == row->kind && strcasecmp(table->rows[i].match, row->match) == 0)
            return wrong(loading, err, "there is another row of kind %s%s already",
                         kind_names[row->kind], row->match[0] ? " with the same match" : "");
    return 0;
}

int carbon_embodied_parse(struct carbon_embodied_table *table, const char *path,
                          struct buffer *text, struct wt_error *err)
{
    struct loading loading;
    *table = (struct carbon_embodied_table){0};
    int rc = carbon_table_open(&loading.reader, path, text, columns, COLUMNS, err);
    while (rc == 0 && (rc = carbon_table_next(&loading.reader, err)) > 0) {
        rc = take_row(&loading, err);
        if (rc == 0)
            rc = check_twice(&loading, table, err);
        if (rc == 0 && table->count == ROWS_MOST)
            rc = error_set(err, WT_E_RANGE, "%s:%u: a table has at most %d rows", path,
                           loading.reader.csv.line, ROWS_MOST);
        if (rc)
            break;
        struct carbon_embodied_row *rows =
            carbon_table_grow(table->rows, table->count, sizeof *rows);
        if (!rows) {
            rc = error_set(err, WT_E_NO_MEMORY, "read %s: out of memory", path);
            break;
        }
        table->rows = rows;
        table->rows[table->count++] = loading.row;
    }
    if (rc)
        carbon_embodied_clear(table);
    return rc;
}

int carbon_embodied_builtin(struct carbon_embodied_table *table, struct wt_error *err)
{
    struct buffer text = {0};
    *table = (struct carbon_embodied_table){0};
    buffer_append(&text, carbon_embodied_csv, carbon_embodied_csv_size);
    int rc = text.failed ? error_set(err, WT_E_NO_MEMORY,
                                     "read the table of embodied carbon: out of memory")
                         : carbon_embodied_parse(table, "embodied.csv", &text, err);
    buffer_clear(&text);
    return rc;
}

void carbon_embodied_clear(struct carbon_embodied_table *table)
{
    free(table->rows);
    *table = (struct carbon_embodied_table){0};
}

/* Does `match` stand in the name between characters that are no letters or digits? */
static bool has_words(const char *name, const char *match)
{
    size_t length = strlen(match);
    for (const char *at = name; (at = strcasestr(at, match)) != NULL; at++)
        if ((at == name || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[length]))
            return true;
    return false;
}

const struct carbon_embodied_row *carbon_embodied_gpu(const struct carbon_embodied_table *table,
                                                      const char *gpu_model)
{
    const struct carbon_embodied_row *best = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const struct carbon_embodied_row *row = &table->rows[i];
        if (row->kind == CARBON_GPU && has_words(gpu_model, row->match) &&
            (!best || strlen(row->match) > strlen(best->match)))
            best = row;
    }
    return best;
}

const struct carbon_embodied_row *carbon_embodied_first(const struct carbon_embodied_table *table,
                                                        enum carbon_embodied_kind kind)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].kind == kind)
            return &table->rows[i];
    return NULL;
}
