/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune monitor: what the devices say, as lines.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/devices.h"
#include "json/documents.h"
#include "view/view.h"

enum key { KEY_INTERVAL = 1, KEY_COUNT, KEY_CSV, KEY_JSON, KEY_RECORD };

static const struct argp_option options[] = {
    {"interval", KEY_INTERVAL, "S", 0, "seconds between two readings, 0.01 to 3600 (default 1)", 0},
    {"count", KEY_COUNT, "N", 0, "end after N readings (default: go on)", 0},
    {"csv", KEY_CSV, NULL, 0, "comma-separated values with a header row", 0},
    {"json", KEY_JSON, NULL, 0, "one JSON object a line", 0},
    {"record", KEY_RECORD, "FILE", 0, "write all readings to FILE as well, for --replay", 0},
    {0}};

static struct settings {
    double interval_s;
    uint64_t count;                  /* 0: no end */
    bool csv, json;
    const char *record;              /* file; NULL: none */
} settings = {.interval_s = 1};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)state;
    switch (key) {
    case KEY_INTERVAL:
        if (parse_number(arg, 0.01, 3600, &settings.interval_s))
            command_usage_error("--interval is a number of seconds from 0.01 to 3600, not \"%s\"", arg);
        return 0;
    case KEY_COUNT:
        if (parse_u64(arg, 1, UINT64_MAX, &settings.count))
            command_usage_error("--count is a whole number from 1 on, not \"%s\"", arg);
        return 0;
    case KEY_CSV:
        settings.csv = true;
        return 0;
    case KEY_JSON:
        settings.json = true;
        return 0;
    case KEY_RECORD:
        settings.record = arg;
        return 0;
    case ARGP_KEY_ARG:
        command_usage_error("monitor takes no argument (\"%s\")", arg);
        return EINVAL;
    case ARGP_KEY_END:
        if (settings.csv && settings.json)
            command_usage_error("--csv and --json exclude each other");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

/* Whole rows, each reading's at once: what a kill leaves can be replayed. */
static int record_line(FILE *file, const struct wt_device list[], const struct wt_state states[], unsigned count,
                       bool first)
{
    struct buffer rows = {0};
    struct wt_error err;
    if (first)
        view_record_heading(&rows);
    view_record(&rows, clock_wall_ms(), list, states, count);
    bool whole = !rows.failed && fwrite(buffer_text(&rows), 1, rows.length, file) == rows.length && fflush(file) == 0;
    if (!whole)
        error_set(&err, WT_E_IO, "write %s: %s", settings.record, rows.failed ? "out of memory" : strerror(errno));
    buffer_clear(&rows);
    return whole ? EXIT_DONE : command_failed(&err);
}

static int print_line(const struct devices *devices, const struct wt_device list[], const struct wt_state states[],
                      bool first, bool colour)
{
    struct buffer page = {0};
    struct wt_error err = {0};
    int64_t now_ms = clock_wall_ms();
    if (settings.json) {
        struct json_doc *doc = json_monitor_document(now_ms, list, states, devices->gpu_count);
        int rc = json_write_buffer(doc, JSON_LINE, &page, &err);
        json_doc_free(doc);
        if (rc)
            return command_failed(&err);
    } else if (settings.csv) {
        if (first)
            view_monitor_csv_heading(&page);
        view_monitor_csv(&page, now_ms, list, states, devices->gpu_count);
    } else {
        if (first)
            view_monitor_heading(&page, colour);
        view_monitor_lines(&page, now_ms, list, states, devices->gpu_count);
    }
    return command_print(&page);
}

static int monitor(const struct common *common, const struct devices *devices, FILE *record)
{
    struct wt_device list[WT_MAX_DEVICES];
    bool failing[WT_MAX_DEVICES] = {false};
    int64_t interval_ns = (int64_t)(settings.interval_s * (double)NS_PER_S), next_ns = clock_now_ns();
    for (unsigned i = 0; i < devices->gpu_count; i++)
        list[i] = *sense_device(devices->sense, devices->selected[i]);
    for (uint64_t n = 0; !ended && (settings.count == 0 || n < settings.count); n++) {
        struct wt_state states[WT_MAX_DEVICES] = {0};
        unsigned answered = 0;
        int code = EXIT_DONE;
        for (unsigned i = 0; i < devices->gpu_count; i++) {
            struct wt_error err;
            int rc = sense_state(devices->sense, devices->selected[i], ~0u, &states[i], &err);
            if (rc == WT_E_NO_DATA) /* a recording ends */
                continue;
            if (rc && !failing[i])
                log_warning("%s", err.text);
            failing[i] = rc != 0;
            answered++;
        }
        if (answered == 0)
            break;
        code = print_line(devices, list, states, n == 0, common->colour);
        if (code == EXIT_DONE && record)
            code = record_line(record, list, states, devices->gpu_count, n == 0);
        if (code)
            return code;
        next_ns += interval_ns;
        int64_t wait_ns = next_ns - clock_now_ns();
        if (wait_ns < -interval_ns)
            next_ns = clock_now_ns(); /* we were stopped: no burst to catch up */
        if ((settings.count == 0 || n + 1 < settings.count) && wait_ns > 0 && !ended) {
            struct timespec pause = {(time_t)((double)wait_ns / clock_scale() / 1e9),
                                     (long)fmod((double)wait_ns / clock_scale(), 1e9)};
            nanosleep(&pause, NULL); /* a signal ends it, and the loop */
        }
    }
    return EXIT_DONE;
}

static int run(struct common *common, void *unused)
{
    (void)unused;
    struct devices devices;
    struct wt_error err;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    int rc = devices_open(&devices, common, true, &err);
    if (rc)
        return command_failed(&err);
    FILE *record = NULL;
    rc = devices_need_gpu(&devices, &err);
    if (rc == 0 && settings.record && !(record = fopen(settings.record, "we")))
        rc = error_set(&err, WT_E_IO, "write %s: %s", settings.record, strerror(errno));
    int code = rc ? command_failed(&err) : monitor(common, &devices, record);
    if (record && fclose(record) && code == EXIT_DONE) {
        error_set(&err, WT_E_IO, "write %s: %s", settings.record, strerror(errno));
        code = command_failed(&err);
    }
    devices_close(&devices);
    return code;
}

const struct command command_monitor = {
    .name = "monitor",
    .arguments = "",
    .summary = "power, energy, limits and more of each GPU, as lines",
    .description = "Prints a reading of every GPU at each interval until it is ended or has printed --count of them. What a device does not "
                   "tell is shown as unknown, and left empty in CSV and null in JSON. energy_j is the driver's own counter. --record writes the "
                   "same as CSV with the time of each reading to the nanosecond; measure, run and monitor --replay read it (and "
                   "what --csv prints) instead of devices.",
    .examples = "  wattune monitor --interval 0.5\n  wattune monitor --record night.csv --interval 0.1\n",
    .options = options,
    .groups = COMMON_DEVICES | COMMON_REPLAY,
    .parse = parse,
    .run = run,
    .settings = &settings,
};
