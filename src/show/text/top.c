/* SPDX-License-Identifier: Apache-2.0
 *
 * The screen of `wattune top`: text that fits a given number of rows and columns.  Must not know
 * the terminal.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "show/text/table.h"
#include "show/text/view.h"

/* Rows around the devices: title, empty line, heading, keys. */
enum { ROWS_AROUND = 4, NAME_WIDTH = 20, LINE_MOST = 1024 };

/* Adds one line, cut at the width, of any characters. */
static void put_line(struct buffer *out, unsigned columns, const char *line)
{
    uint32_t point;
    size_t bytes = 0;
    for (unsigned width = 0; width < columns; width++) {
        size_t n = text_decode(line + bytes, &point);
        if (n == 0)
            break;
        bytes += n;
    }
    while (bytes && line[bytes - 1] == ' ')
        bytes--;
    buffer_append(out, line, bytes);
    buffer_append(out, "\n", 1);
}

static void put_title(struct buffer *out, const struct view_top *top)
{
    char line[LINE_MOST], power[UNIT_SIZE], energy[UNIT_SIZE], since[UNIT_SIZE];
    double power_w = 0, energy_j = 0; /* of all devices, or unknown */
    for (unsigned i = 0; i < top->count; i++) {
        const struct view_top_device *d = &top->devices[i];
        power_w +=
            !d->why && (d->state.known & WT_STATE_POWER) ? d->state.power_mw / 1e3 : (double)NAN;
        energy_j += d->energy_j;
    }
    if (top->since_s < 60)
        snprintf(since, sizeof since, "%.1f s", top->since_s);
    else
        unit_time(since, floor(top->since_s));
    snprintf(line, sizeof line, "wattune top  %u GPU%s  %s  %s in %s  every %g s%s", top->count,
             top->count == 1 ? "" : "s", unit_power(power, power_w), unit_energy(energy, energy_j),
             since, top->interval_s, top->paused ? "  PAUSED" : "");
    put_line(out, top->columns, line);
}

static char *number(char text[UNIT_SIZE], const struct wt_state *state, unsigned field,
                    double value, const char *unit)
{
    if (state->known & field)
        snprintf(text, UNIT_SIZE, "%.0f %s", value, unit);
    else
        snprintf(text, UNIT_SIZE, "-");
    return text;
}

static char *watts(char text[UNIT_SIZE], const struct wt_state *state, unsigned field,
                   uint32_t power_mw, const char *format)
{
    if (state->known & field)
        snprintf(text, UNIT_SIZE, format[0] == '1' ? "%.1f W" : "%.6g W", power_mw / 1e3);
    else
        snprintf(text, UNIT_SIZE, "-");
    return text;
}

static void put_device(struct buffer *out, const struct view_top *top,
                       const struct view_top_device *d)
{
    char line[LINE_MOST], name[48], power[UNIT_SIZE], limit[UNIT_SIZE], warm[UNIT_SIZE],
        busy[UNIT_SIZE], memory[UNIT_SIZE];
    char energy[UNIT_SIZE], reasons[96];
    const struct wt_state *s = &d->state;
    text_escape_into(name, NAME_WIDTH + 1, d->device.name);
    size_t room = text_width(name) < NAME_WIDTH ? NAME_WIDTH - text_width(name) : 0;
    if (d->why) {
        snprintf(line, sizeof line, "%3u %s%*s  %.300s", d->device.index, name, (int)room, "",
                 d->why);
        put_line(out, top->columns, line);
        return;
    }
    /* The limit that counts is the enforced one where the two differ. */
    bool lower = (s->known & WT_STATE_ENFORCED) && s->enforced_limit_mw < s->limit_mw;
    unsigned field = lower ? WT_STATE_ENFORCED : WT_STATE_LIMIT;
    watts(limit, s, field, lower ? s->enforced_limit_mw : s->limit_mw, "6");
    snprintf(line, sizeof line, "%3u %s%*s %8s %8s %5s %5s %10s %s%9s  %s", d->device.index, name,
             (int)room, "", watts(power, s, WT_STATE_POWER, s->power_mw, "1"), limit,
             number(warm, s, WT_STATE_TEMPERATURE, s->temperature_c, "C"),
             number(busy, s, WT_STATE_UTILIZATION, s->utilization_percent, "%"),
             number(memory, s, WT_STATE_MEMORY, (double)s->memory_used_bytes / 1048576, "MiB"),
             d->estimated ? "~" : " ",
             isfinite(d->energy_j) ? unit_energy(energy, d->energy_j) : "-",
             throttle_words(reasons, s, "-"));
    put_line(out, top->columns, line);
}

/* Power over time from 0 to the largest limit, the newest at the right edge. */
static void put_history(struct buffer *out, const struct view_top *top,
                        const struct view_top_device *d)
{
    static const char *const bars[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const plain[] = {" ", ".", ".", ":", ":", "-", "=", "+", "#"};
    const char *const *marks = top->unicode ? bars : plain;
    char line[LINE_MOST], scale[UNIT_SIZE];
    double most_w = d->device.limit_max_mw / 1e3;
    for (unsigned i = 0; i < d->history_count; i++)
        most_w = fmax(most_w, d->history_w[i]);
    int n = snprintf(line, sizeof line, "    0 to %-9s", unit_power(scale, most_w));
    unsigned room = top->columns > 20 ? top->columns - 20 : 0, used = (unsigned)n;
    unsigned count = d->history_count < room ? d->history_count : room;
    for (unsigned i = d->history_count - count; i < d->history_count && used + 8 < sizeof line;
         i++) {
        double share = most_w > 0 ? d->history_w[i] / most_w : 0;
        int level = isfinite(share) ? (int)ceil(share * 8) : 0;
        used += (unsigned)snprintf(line + used, sizeof line - used, "%s",
                                   marks[level < 0   ? 0
                                         : level > 8 ? 8
                                                     : level]);
    }
    put_line(out, top->columns, line);
}

void view_top(struct buffer *out, const struct view_top *top, unsigned *heading)
{
    char line[LINE_MOST];
    *heading = 2;
    unsigned room = top->rows > ROWS_AROUND ? top->rows - ROWS_AROUND : 0, shown = 0;
    bool histories = top->count > 0 && room >= 2 * top->count;
    put_title(out, top);
    put_line(out, top->columns, "");
    snprintf(line, sizeof line, "%3s %-*s %8s %8s %5s %5s %10s %10s  %s", "GPU", NAME_WIDTH, "NAME",
             "POWER", "LIMIT", "TEMP", "UTIL", "MEMORY", "ENERGY", "THROTTLE");
    put_line(out, top->columns, line);
    for (; shown < top->count && shown < room; shown++) {
        put_device(out, top, &top->devices[shown]);
        if (histories)
            put_history(out, top, &top->devices[shown]);
    }
    if (shown < top->count)
        snprintf(line, sizeof line, "q quit  p pause  + - interval  (%u more GPUs do not fit)",
                 top->count - shown);
    else
        snprintf(line, sizeof line, "q quit  p pause  + - interval");
    put_line(out, top->columns, line);
}
