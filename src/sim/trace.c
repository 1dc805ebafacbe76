/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a published trace.
 */
#include "sim/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"

/* The published files have some 2200 rows in 110 KB. */
static const size_t FILE_MOST_BYTES = 64u << 20;

enum column {
    DATASET,
    NETWORK,
    BATCH_SIZE,
    OPTIMIZER,
    SHARED_COLUMNS,
    LEARNING_RATE = SHARED_COLUMNS,
    RUN,
    TARGET_METRIC,
    TARGET_EPOCH,
    TRAINING_COLUMNS,
    POWER_LIMIT = SHARED_COLUMNS,
    EPOCH_TIME,
    AVERAGE_POWER,
    POWER_COLUMNS,
    COLUMNS_MOST = TRAINING_COLUMNS,
};

/* A row's number has to lie in this range; most 0: it is a name. */
struct field {
    const char *name;
    double least, most;
    bool whole, may_be_nan;
};

#define SHARED_FIELDS                                                                              \
    {"dataset"}, {"network"}, {"batch_size", 1, 1e9, true},                                        \
    {                                                                                              \
        "optimizer"                                                                                \
    }
static const struct field training_fields[TRAINING_COLUMNS] = {
    SHARED_FIELDS,
    {"learning_rate", 0, 1e6},
    {"run", 0, 1e9, true},
    {"target_metric", -1e12, 1e12},
    {"target_epoch", 1, 1e6, true, true},
};
/* A year an epoch and 100 kW are further than any GPU goes. */
static const struct field power_fields[POWER_COLUMNS] = {
    SHARED_FIELDS,
    {"power_limit", 1, 1e4},
    {"time_per_epoch", 1e-9, 3.2e7},
    {"average_power", 1e-3, 1e5},
};

struct recorded {  /* a run of the job with the target */
    unsigned size; /* index */
    double run, learning_rate;
    unsigned epochs, line;
};

struct reader {
    struct sim_trace *trace;
    char dataset[WT_NAME_LEN], network[WT_NAME_LEN], optimizer[WT_NAME_LEN]; /* that are wanted */
    struct csv csv;
    const struct field *fields;
    int place[COLUMNS_MOST];
    double number[COLUMNS_MOST]; /* of the row; NaN where the file says nan */
    bool has_job;                /* a row of the file is the job's */
    struct recorded *runs;
    size_t run_count, run_capacity;
    bool trained[WT_MAX_BATCH_SIZES]; /* the training file has the size, with any target */
};

static const char *cell(const struct reader *reader, unsigned column)
{
    return reader->csv.fields[reader->place[column]];
}

static int read_number(struct reader *reader, unsigned column, struct wt_error *err)
{
    const struct field *field = &reader->fields[column];
    double *value = &reader->number[column];
    const char *text = cell(reader, column);
    char shown[48];
    if (field->may_be_nan && strcmp(text, "nan") == 0) {
        *value = NAN;
        return 0;
    }
    if (parse_number(text, field->least, field->most, value) == 0 &&
        !(field->whole && *value != trunc(*value)))
        return 0;
    return error_set(err, WT_E_PARSE,
                     "%s:%u: %s is \"%s\", which is not a %snumber from %g to %g%s",
                     reader->csv.path, reader->csv.line, field->name,
                     text_escape_into(shown, sizeof shown, text), field->whole ? "whole " : "",
                     field->least, field->most, field->may_be_nan ? " or nan" : "");
}

/* Where the size stands, or -1. */
static int find_size(const struct sim_trace *trace, uint32_t batch_size)
{
    for (unsigned i = 0; i < trace->size_count; i++)
        if (trace->sizes[i].batch_size == batch_size)
            return (int)i;
    return -1;
}

/* Puts a limit into the falling list of the job's; false: there are too many. */
static bool insert_limit(struct sim_trace *trace, uint32_t limit_mw)
{
    unsigned at = 0;
    while (at < trace->limit_count && trace->limits_mw[at] > limit_mw)
        at++;
    if (at < trace->limit_count && trace->limits_mw[at] == limit_mw)
        return true;
    if (trace->limit_count == WT_MAX_LIMITS)
        return false;
    memmove(&trace->limits_mw[at + 1], &trace->limits_mw[at],
            (trace->limit_count++ - at) * sizeof limit_mw);
    trace->limits_mw[at] = limit_mw;
    return true;
}

/* Puts a size into the rising list, or finds it; NULL: there are too many. */
static struct sim_size *insert_size(struct sim_trace *trace, uint32_t batch_size)
{
    int found = find_size(trace, batch_size);
    if (found >= 0)
        return &trace->sizes[found];
    if (trace->size_count == WT_MAX_BATCH_SIZES)
        return NULL;
    unsigned at = trace->size_count++;
    for (; at > 0 && trace->sizes[at - 1].batch_size > batch_size; at--)
        trace->sizes[at] = trace->sizes[at - 1];
    trace->sizes[at] = (struct sim_size){.batch_size = batch_size};
    return &trace->sizes[at];
}

static int add_power(struct reader *reader, bool of_job, struct wt_error *err)
{
    struct sim_trace *trace = reader->trace;
    struct sim_point point = {.limit_mw = (uint32_t)lround(reader->number[POWER_LIMIT] * 1000),
                              .epoch_time_s = reader->number[EPOCH_TIME],
                              .epoch_energy_j =
                                  reader->number[AVERAGE_POWER] * reader->number[EPOCH_TIME]};
    if (point.limit_mw > trace->limit_most_mw)
        trace->limit_most_mw = point.limit_mw;
    if (!of_job)
        return 0;
    struct sim_size *size = insert_size(trace, (uint32_t)reader->number[BATCH_SIZE]);
    if (!size)
        return error_set(err, WT_E_RANGE, "%s:%u: a job of more than %d batch sizes",
                         reader->csv.path, reader->csv.line, WT_MAX_BATCH_SIZES);
    unsigned at = 0;
    while (at < size->point_count && size->points[at].limit_mw > point.limit_mw)
        at++;
    if (at < size->point_count && size->points[at].limit_mw == point.limit_mw)
        return error_set(
            err, WT_E_PARSE, "%s:%u: batch size %u at %g W is here for the second time",
            reader->csv.path, reader->csv.line, size->batch_size, point.limit_mw / 1e3);
    if (!insert_limit(trace, point.limit_mw))
        return error_set(err, WT_E_RANGE, "%s:%u: a job of more than %d power limits",
                         reader->csv.path, reader->csv.line, WT_MAX_LIMITS);
    memmove(&size->points[at + 1], &size->points[at], (size->point_count++ - at) * sizeof point);
    size->points[at] = point;
    return 0;
}

static int add_run(struct reader *reader, bool of_job, struct wt_error *err)
{
    int size = of_job ? find_size(reader->trace, (uint32_t)reader->number[BATCH_SIZE]) : -1;
    if (size < 0)
        return 0; /* a size that the power file has not is not feasible */
    reader->trained[size] = true;
    if (reader->number[TARGET_METRIC] != reader->trace->target)
        return 0;
    if (reader->run_count == reader->run_capacity) {
        size_t capacity = reader->run_capacity ? 2 * reader->run_capacity : 64;
        struct recorded *runs = realloc(reader->runs, capacity * sizeof *runs);
        if (!runs)
            return error_set(err, WT_E_NO_MEMORY, "read %s: out of memory", reader->csv.path);
        reader->runs = runs;
        reader->run_capacity = capacity;
    }
    double epochs = reader->number[TARGET_EPOCH];
    reader->runs[reader->run_count++] =
        (struct recorded){(unsigned)size, reader->number[RUN], reader->number[LEARNING_RATE],
                          isnan(epochs) ? 0 : (unsigned)epochs, reader->csv.line};
    return 0;
}

static int add_row(struct reader *reader, unsigned count, unsigned heading_count,
                   struct wt_error *err)
{
    if (reader->csv.field_count != heading_count)
        return error_set(err, WT_E_PARSE, "%s:%u: the row has %u columns and the heading %u",
                         reader->csv.path, reader->csv.line, reader->csv.field_count,
                         heading_count);
    for (unsigned c = 0; c < count; c++)
        if (reader->fields[c].most > 0) {
            int rc = read_number(reader, c, err);
            if (rc)
                return rc;
        }
    bool of_job = strcmp(cell(reader, DATASET), reader->dataset) == 0 &&
                  strcmp(cell(reader, NETWORK), reader->network) == 0 &&
                  strcmp(cell(reader, OPTIMIZER), reader->optimizer) == 0;
    reader->has_job |= of_job;
    return reader->fields == power_fields ? add_power(reader, of_job, err)
                                          : add_run(reader, of_job, err);
}

static int read_rows(struct reader *reader, const char *path, struct buffer *text,
                     const struct field fields[], unsigned count, struct wt_error *err)
{
    const char *names[COLUMNS_MOST];
    for (unsigned c = 0; c < count; c++)
        names[c] = fields[c].name;
    reader->fields = fields;
    reader->has_job = false;
    csv_init(&reader->csv, path, text);
    int rc = csv_next(&reader->csv, err);
    if (rc == 0)
        return error_set(err, WT_E_PARSE, "%s:1: the file is empty", path);
    if (rc == 1)
        rc = csv_columns(&reader->csv, names, count, reader->place, err);
    for (unsigned c = 0; rc == 0 && c < count; c++)
        if (reader->place[c] < 0)
            rc = error_set(err, WT_E_PARSE, "%s:%u: there is no column %s", path, reader->csv.line,
                           names[c]);
    unsigned heading_count = reader->csv.field_count;
    while (rc == 0 && (rc = csv_next(&reader->csv, err)) == 1)
        rc = add_row(reader, count, heading_count, err);
    if (rc == 0 && !reader->has_job)
        rc = error_set(err, WT_E_INVALID, "%s: there is no job %s", path, reader->trace->job);
    return rc;
}

static int read_file(struct reader *reader, const char *path, const struct field fields[],
                     unsigned count, struct wt_error *err)
{
    struct buffer text = {0};
    int rc = file_read(path, FILE_MOST_BYTES, &text, err);
    if (rc && rc != WT_E_NO_MEMORY) { /* the path is as wrong as a malformed file would be */
        rc = WT_E_INVALID;
        if (err)
            err->code = rc;
    }
    if (rc == 0)
        rc = read_rows(reader, path, &text, fields, count, err);
    buffer_clear(&text);
    return rc;
}

/* --- Joining the two --- */

static int by_run(const void *a, const void *b)
{
    const struct recorded *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    if (x->learning_rate != y->learning_rate)
        return x->learning_rate < y->learning_rate ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static int by_line(const void *a, const void *b)
{
    const struct recorded *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* A run that is there twice would be drawn twice as often. */
static int check_twice(struct reader *reader, struct wt_error *err)
{
    struct recorded *runs = reader->runs;
    qsort(runs, reader->run_count, sizeof *runs, by_run);
    for (size_t i = 1; i < reader->run_count; i++)
        if (runs[i].size == runs[i - 1].size && runs[i].run == runs[i - 1].run &&
            runs[i].learning_rate == runs[i - 1].learning_rate)
            return error_set(err, WT_E_PARSE,
                             "%s:%u: run %.0f of batch size %u is here for the second time",
                             reader->csv.path, runs[i].line, runs[i].run,
                             reader->trace->sizes[runs[i].size].batch_size);
    return 0;
}

/* Gives each size its runs, and drops those that nobody trained. */
static int join(struct reader *reader, struct wt_error *err)
{
    struct sim_trace *trace = reader->trace;
    unsigned kept = 0;
    trace->epochs = malloc(reader->run_count * sizeof *trace->epochs);
    if (!trace->epochs)
        return error_set(err, WT_E_NO_MEMORY, "read %s: out of memory", reader->csv.path);
    qsort(reader->runs, reader->run_count, sizeof *reader->runs, by_line);
    size_t at = 0;
    for (unsigned i = 0; i < trace->size_count; i++) {
        struct sim_size *size = &trace->sizes[i];
        size->run_epochs = trace->epochs + at;
        for (; at < reader->run_count && reader->runs[at].size == i; size->run_count++, at++)
            trace->epochs[at] = reader->runs[at].epochs;
        if (reader->trained[i])
            trace->sizes[kept++] = *size;
    }
    trace->size_count = kept;
    return 0;
}

/* "dataset/network/optimizer" in its three parts. */
static int split_job(struct reader *reader, const char *job, struct wt_error *err)
{
    char *const parts[] = {reader->dataset, reader->network, reader->optimizer};
    const char *cursor = job;
    bool good = true;
    for (unsigned i = 0; i < 3; i++)
        good = good && parse_next_part(&cursor, '/', parts[i], WT_NAME_LEN) == 1 && parts[i][0];
    if (!good || cursor)
        return error_set(err, WT_E_INVALID, "a job is DATASET/NETWORK/OPTIMIZER, not \"%.200s\"",
                         job);
    snprintf(reader->trace->job, sizeof reader->trace->job, "%s/%s/%s", reader->dataset,
             reader->network, reader->optimizer);
    return 0;
}

int sim_trace_read(struct sim_trace *trace, const char *training_path, const char *power_path,
                   const char *job, double target, struct wt_error *err)
{
    struct reader reader = {.trace = trace};
    *trace = (struct sim_trace){.target = target};
    int rc = split_job(&reader, job, err);
    if (rc == 0)
        rc = read_file(&reader, power_path, power_fields, POWER_COLUMNS, err);
    if (rc == 0)
        rc = read_file(&reader, training_path, training_fields, TRAINING_COLUMNS, err);
    if (rc == 0 && reader.run_count == 0)
        rc = error_set(err, WT_E_INVALID,
                       "%s: no run of %s at the target %g with a batch size that %s has",
                       training_path, trace->job, target, power_path);
    if (rc == 0)
        rc = check_twice(&reader, err);
    if (rc == 0)
        rc = join(&reader, err);
    free(reader.runs);
    return rc;
}

void sim_trace_free(struct sim_trace *trace)
{
    free(trace->epochs);
    *trace = (struct sim_trace){0};
}
