/* SPDX-License-Identifier: Apache-2.0
 *
 * The source "replay": a recording instead of devices.  A recording is what `wattune monitor
 * --record` writes or --csv prints: a header row that names the columns, then one row per moment
 * and device.  Columns may stand in any order; time, index and energy_j must be there.  t_ns, the
 * moment on a clock that never jumps, is believed before time.  The first row's time is the moment
 * the recording is opened, and from then on the clock runs: a reading at some moment is the last
 * row before it; after the last row there is no data any more.
 */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/parse.h"
#include "measure/sense/sense.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A day of eight GPUs at 1 Hz is some 70 MB. */
static const size_t FILE_MOST_BYTES = 256u << 20;
/* No known energy counter is slower than this. */
static const int64_t TICK_MOST_NS = 100 * NS_PER_MS;
/* The last row holds for two intervals; rows years apart are no rhythm, and must not overflow. */
static const int64_t INTERVAL_MOST_NS = 3600 * NS_PER_S;

enum column {
    TIME,
    INDEX,
    UUID,
    NAME,
    POWER,
    ENERGY,
    LIMIT,
    ENFORCED,
    TEMPERATURE,
    UTILIZATION,
    CLOCK,
    MEMORY,
    THROTTLE,
    T_NS,
    COLUMN_COUNT
};
static const char *const column_names[COLUMN_COUNT] = {
    "time",          "index",       "uuid",          "name",
    "power_w",       "energy_j",    "power_limit_w", "enforced_limit_w",
    "temperature_c", "utilization", "sm_clock_mhz",  "memory_used_bytes",
    "throttle",      "t_ns"};

struct row {
    int64_t t_ns; /* on the recording's clock */
    struct wt_state state;
};

struct track { /* one device's rows, in order of time */
    struct wt_device device;
    bool has_power;
    int64_t interval_ns, lag_ns; /* between rows; of the energy shown */
    struct row *rows;
    size_t count, capacity;
};

struct recording {
    unsigned count;
    int64_t first_ns, opened_ns;
    struct track tracks[WT_MAX_DEVICES];
};

struct line { /* where we are, and where its columns stand */
    struct csv csv;
    int place_of[COLUMN_COUNT]; /* which field holds a column; -1: not in this file */
};

static int parse_time_ms(const char *text, int64_t *t_ms)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    struct tm utc = {0}, again;
    int ms = 0;
    for (unsigned i = 0; form[i]; i++) /* sscanf() alone would take signs and spaces */
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return WT_E_PARSE;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &utc.tm_year, &utc.tm_mon, &utc.tm_mday,
               &utc.tm_hour, &utc.tm_min, &utc.tm_sec) != 6)
        return WT_E_PARSE;
    text += sizeof form - 1;
    if (*text == '.') {
        if (strspn(text + 1, "0123456789") != 3 || sscanf(text, ".%3d", &ms) != 1)
            return WT_E_PARSE;
        text += 4;
    }
    if (strcmp(text, "Z") != 0)
        return WT_E_PARSE;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    again = utc;
    time_t seconds =
        timegm(&again); /* makes a 1st of March of a 30th of February: such a day does not exist */
    if (again.tm_mon != utc.tm_mon || again.tm_mday != utc.tm_mday ||
        again.tm_hour != utc.tm_hour || again.tm_min != utc.tm_min || again.tm_sec != utc.tm_sec)
        return WT_E_PARSE;
    *t_ms = (int64_t)seconds * 1000 + ms;
    return 0;
}

/* Reads a number field; an empty one is unknown and leaves `known` alone. */
static int number(const struct line *line, enum column column, double least, double most,
                  double *value, bool *known, struct wt_error *err)
{
    int place = line->place_of[column];
    *known = false;
    if (place < 0 || line->csv.fields[place][0] == '\0')
        return 0;
    if (parse_number(line->csv.fields[place], least, most, value))
        return error_set(err, WT_E_PARSE,
                         "%s:%u: %s is \"%.40s\", which is not a number from %g to %g",
                         line->csv.path, line->csv.line, column_names[column],
                         line->csv.fields[place], least, most);
    *known = true;
    return 0;
}

/* Reasons joined by '+', "none", or nothing: not known. */
static int parse_throttle(const struct line *line, struct wt_state *state, struct wt_error *err)
{
    static const char *const names[] = {"sw_power_cap", "hw_slowdown",    "sw_thermal",
                                        "hw_thermal",   "hw_power_brake", "sync_boost"};
    int place = line->place_of[THROTTLE];
    if (place < 0 || line->csv.fields[place][0] == '\0')
        return 0;
    const char *text = line->csv.fields[place];
    char part[32];
    int rc;
    state->known |= WT_STATE_THROTTLE;
    if (strcmp(text, "none") == 0)
        return 0;
    while ((rc = parse_next_part(&text, '+', part, sizeof part)) == 1) {
        unsigned bit = 0;
        while (bit < sizeof names / sizeof names[0] && strcmp(part, names[bit]) != 0)
            bit++;
        if (bit == sizeof names / sizeof names[0])
            return error_set(err, WT_E_PARSE, "%s:%u: \"%.31s\" is no reason of throttling",
                             line->csv.path, line->csv.line, part);
        state->throttle |= 1u << bit;
    }
    return rc < 0 ? error_set(err, WT_E_PARSE, "%s:%u: the reason of throttling is too long",
                              line->csv.path, line->csv.line)
                  : 0;
}

/* t_ns where it is there, else time. */
static int parse_moment(const struct line *line, int64_t *t_ns, struct wt_error *err)
{
    int64_t t_ms;
    uint64_t ns;
    int place = line->place_of[T_NS];
    if (parse_time_ms(line->csv.fields[line->place_of[TIME]], &t_ms) ||
        t_ms > INT64_MAX / 2 / NS_PER_MS || t_ms < 0)
        return error_set(err, WT_E_PARSE, "%s:%u: time is not of the form 2025-03-01T12:00:00.000Z",
                         line->csv.path, line->csv.line);
    if (place >= 0 && parse_u64(line->csv.fields[place], 0, INT64_MAX / 2, &ns))
        return error_set(err, WT_E_PARSE, "%s:%u: t_ns is not a number of nanoseconds",
                         line->csv.path, line->csv.line);
    *t_ns = place >= 0 ? (int64_t)ns : t_ms * NS_PER_MS;
    return 0;
}

static int parse_state(const struct line *line, struct wt_state *state, struct wt_error *err)
{
    double value;
    bool known;
    int rc;
#define FIELD(column, least, most, bit, store)                                                     \
    rc = number(line, column, least, most, &value, &known, err);                                   \
    if (rc)                                                                                        \
        return rc;                                                                                 \
    if (known) {                                                                                   \
        state->known |= (bit);                                                                     \
        store;                                                                                     \
    }
    FIELD(POWER, 0, 1e6, WT_STATE_POWER, state->power_mw = (uint32_t)lround(value * 1000))
    FIELD(ENERGY, 0, 1e15, WT_STATE_ENERGY, state->energy_mj = (uint64_t)llround(value * 1000))
    FIELD(LIMIT, 0, 1e6, WT_STATE_LIMIT, state->limit_mw = (uint32_t)lround(value * 1000))
    FIELD(ENFORCED, 0, 1e6, WT_STATE_ENFORCED,
          state->enforced_limit_mw = (uint32_t)lround(value * 1000))
    FIELD(TEMPERATURE, -273, 1e3, WT_STATE_TEMPERATURE,
          state->temperature_c = (int32_t)lround(value))
    FIELD(UTILIZATION, 0, 1, WT_STATE_UTILIZATION,
          state->utilization_percent = (uint32_t)lround(value * 100))
    FIELD(CLOCK, 0, 1e5, WT_STATE_SM_CLOCK, state->sm_clock_mhz = (uint32_t)lround(value))
    FIELD(MEMORY, 0, 1e15, WT_STATE_MEMORY, state->memory_used_bytes = (uint64_t)value)
#undef FIELD
    return parse_throttle(line, state, err);
}

static struct track *track_of(struct recording *recording, const struct line *line, unsigned index)
{
    for (unsigned i = 0; i < recording->count; i++)
        if (recording->tracks[i].device.index == index)
            return &recording->tracks[i];
    if (recording->count == WT_MAX_DEVICES)
        return NULL;
    struct track *track = &recording->tracks[recording->count++];
    track->device.index = index;
    track->device.replayed = true;
    int uuid = line->place_of[UUID], name = line->place_of[NAME];
    if (uuid >= 0 && line->csv.fields[uuid][0])
        snprintf(track->device.uuid, sizeof track->device.uuid, "%s", line->csv.fields[uuid]);
    else
        snprintf(track->device.uuid, sizeof track->device.uuid, "GPU-replayed-%u", index);
    snprintf(track->device.name, sizeof track->device.name, "%s",
             name >= 0 ? line->csv.fields[name] : "unknown");
    return track;
}

static int add_row(struct recording *recording, const struct line *line, struct wt_error *err)
{
    struct row row = {0};
    uint64_t index;
    for (int c = 0; c < COLUMN_COUNT; c++)
        if (line->place_of[c] >= (int)line->csv.field_count)
            return error_set(err, WT_E_PARSE, "%s:%u: the row ends before its column %s",
                             line->csv.path, line->csv.line, column_names[c]);
    int rc = parse_moment(line, &row.t_ns, err);
    if (rc)
        return rc;
    if (parse_u64(line->csv.fields[line->place_of[INDEX]], 0, 100000, &index))
        return error_set(err, WT_E_PARSE, "%s:%u: index is not a number", line->csv.path,
                         line->csv.line);
    rc = parse_state(line, &row.state, err);
    if (rc)
        return rc;
    struct track *track = track_of(recording, line, (unsigned)index);
    if (!track)
        return error_set(err, WT_E_PARSE, "%s:%u: more than %d devices", line->csv.path,
                         line->csv.line, WT_MAX_DEVICES);
    if (track->count && track->rows[track->count - 1].t_ns > row.t_ns)
        return error_set(err, WT_E_PARSE, "%s:%u: the time goes back", line->csv.path,
                         line->csv.line);
    if (track->count == track->capacity) {
        size_t capacity = track->capacity ? 2 * track->capacity : 256;
        struct row *rows = realloc(track->rows, capacity * sizeof *rows);
        if (!rows)
            return error_set(err, WT_E_NO_MEMORY, "read %s: out of memory", line->csv.path);
        track->rows = rows;
        track->capacity = capacity;
    }
    track->rows[track->count++] = row;
    track->device.has_energy_counter |= (row.state.known & WT_STATE_ENERGY) != 0;
    track->has_power |= (row.state.known & WT_STATE_POWER) != 0;
    return 0;
}

static int read_header(struct line *line, struct wt_error *err)
{
    int rc = csv_columns(&line->csv, column_names, COLUMN_COUNT, line->place_of, err);
    if (rc)
        return rc;
    static const enum column needed[] = {TIME, INDEX, ENERGY};
    for (unsigned i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (line->place_of[needed[i]] < 0)
            return error_set(
                err, WT_E_PARSE,
                "%s:%u: there is no column %s: a recording is what `wattune monitor --csv` "
                "prints",
                line->csv.path, line->csv.line, column_names[needed[i]]);
    return 0;
}

static int parse(struct recording *recording, const char *path, struct buffer *text,
                 struct wt_error *err)
{
    struct line line;
    csv_init(&line.csv, path, text);
    int rc = csv_next(&line.csv, err);
    if (rc == 1)
        rc = read_header(&line, err);
    while (rc == 0 && (rc = csv_next(&line.csv, err)) == 1)
        rc = add_row(recording, &line, err);
    if (rc == 0 && recording->count == 0)
        rc = error_set(err, WT_E_PARSE, "%s: there is no row in this recording", path);
    return rc;
}

static void close_source(void *opaque)
{
    struct recording *recording = opaque;
    for (unsigned i = 0; i < recording->count; i++)
        free(recording->tracks[i].rows);
    free(recording);
}

/* The energy shown changes every so often: with the counter when rows are closer than its ticks,
 * else with the rows. */
static int64_t mean_change_ns(const struct track *track, int64_t length_ns, int64_t interval_ns)
{
    int64_t changes = 0;
    for (size_t i = 1; i < track->count; i++)
        changes += track->rows[i].state.energy_mj != track->rows[i - 1].state.energy_mj;
    int64_t mean_ns = changes ? length_ns / changes : interval_ns;
    return mean_ns > NS_PER_MS ? mean_ns : NS_PER_MS; /* rows of one moment */
}

/* The devices, by the recording's rows. */
static void finish(struct recording *recording)
{
    recording->first_ns = INT64_MAX;
    for (unsigned i = 0; i < recording->count; i++) {
        struct track *track = &recording->tracks[i];
        int64_t length_ns = track->rows[track->count - 1].t_ns - track->rows[0].t_ns;
        int64_t interval_ns =
            track->count > 1 ? length_ns / (int64_t)(track->count - 1) : 100 * NS_PER_MS;
        interval_ns = interval_ns < NS_PER_MS          ? NS_PER_MS
                      : interval_ns > INTERVAL_MOST_NS ? INTERVAL_MOST_NS
                                                       : interval_ns;
        track->interval_ns = interval_ns;
        track->device.power_tick_ns = track->has_power ? interval_ns : 0;
        track->device.counter_tick_ns = mean_change_ns(track, length_ns, interval_ns);
        /* A row's value is from a tick before it, which rows further apart than ticks do not show.
         */
        track->lag_ns = track->device.counter_tick_ns +
                        (interval_ns < TICK_MOST_NS ? interval_ns : TICK_MOST_NS);
        if (track->rows[0].t_ns < recording->first_ns)
            recording->first_ns = track->rows[0].t_ns;
    }
    recording->opened_ns = clock_now_ns();
}

static bool wanted(const struct sense_options *options)
{
    return options->replay_path != NULL;
}

static int open_source(const struct sense_options *options, void **out, struct wt_error *err)
{
    struct buffer text = {0};
    int rc = file_read(options->replay_path, FILE_MOST_BYTES, &text, err);
    if (rc && rc != WT_E_NO_MEMORY) { /* the path is as wrong as a malformed recording would be */
        rc = WT_E_INVALID;
        if (err)
            err->code = rc;
    }
    if (rc == 0) {
        struct recording *recording = calloc(1, sizeof *recording);
        rc = recording
                 ? parse(recording, options->replay_path, &text, err)
                 : error_set(err, WT_E_NO_MEMORY, "read %s: out of memory", options->replay_path);
        if (rc == 0) {
            finish(recording);
            *out = recording;
        } else if (recording) {
            close_source(recording);
        }
    }
    buffer_clear(&text);
    return rc;
}

static unsigned count(void *source)
{
    return ((struct recording *)source)->count;
}

static int device(void *source, unsigned i, struct wt_device *found, struct wt_error *err)
{
    (void)err;
    *found = ((struct recording *)source)->tracks[i].device;
    return 0;
}

/* The row in force now; NULL before the first and after the last. */
static const struct row *row_now(const struct recording *recording, unsigned i)
{
    const struct track *track = &recording->tracks[i];
    int64_t t_ns = recording->first_ns + (clock_now_ns() - recording->opened_ns);
    /* Devices are read one after the other: the second's first row is a little behind the
     * recording's begin. */
    if (t_ns < track->rows[0].t_ns - track->interval_ns ||
        t_ns > track->rows[track->count - 1].t_ns + 2 * track->interval_ns)
        return NULL;
    size_t low = 0, high = track->count; /* the last row at or before t_ns is in [low, high) */
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (track->rows[mid].t_ns <= t_ns)
            low = mid;
        else
            high = mid;
    }
    return &track->rows[low];
}

static int energy(void *source, unsigned i, struct wt_sample *sample, struct wt_error *err)
{
    const struct recording *recording = source;
    const struct row *row = row_now(recording, i);
    if (!row)
        return error_set(err, WT_E_NO_DATA, "the recording has no row for this moment");
    if (!(row->state.known & WT_STATE_ENERGY))
        return error_set(err, WT_E_NO_DATA, "the recording has no energy for this moment");
    *sample = (struct wt_sample){.t_ns = clock_now_ns(),
                                 .lag_ns = recording->tracks[i].lag_ns,
                                 .energy_mj = row->state.energy_mj,
                                 .source = WT_SOURCE_REPLAYED};
    return 0;
}

static int state(void *source, unsigned i, unsigned fields, struct wt_state *found,
                 struct wt_error *err)
{
    const struct row *row = row_now(source, i);
    if (!row)
        return error_set(err, WT_E_NO_DATA, "the recording has no row for this moment");
    *found = row->state;
    found->known &= fields;
    found->t_ns = clock_now_ns();
    return 0;
}

static int processes(void *source, unsigned i, uint32_t pids[], unsigned capacity, unsigned *n,
                     struct wt_error *err)
{
    (void)source, (void)i, (void)pids, (void)capacity, (void)err;
    *n = 0;
    return 0;
}

static int mig_parent(void *source, const char *mig_uuid, unsigned *i, struct wt_error *err)
{
    (void)source, (void)i;
    return error_set(err, WT_E_NO_DEVICE, "a recording does not tell which GPU %.96s is a part of",
                     mig_uuid);
}

const struct sense_source_ops sense_replay = {
    .name = "replay",
    .wanted = wanted,
    .needed = wanted,
    .open = open_source,
    .close = close_source,
    .count = count,
    .device = device,
    .energy = energy,
    .state = state,
    .processes = processes,
    .mig_parent = mig_parent,
};
