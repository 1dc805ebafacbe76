/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune monitor: readings of the devices, as lines.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account/book/book_loop.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "measure/meter/meter.h"
#include "setup/devices.h"
#include "setup/factors.h"
#include "setup/open_ledger.h"
#include "show/json/documents.h"
#include "show/text/view.h"

static struct settings {
    double interval_s;
    uint64_t count; /* 0: no end */
    bool csv, json, precise, book;
    const char *record; /* file; NULL: none */
} settings;

static const struct option_row options[] = {
    {.name = "interval",
     .type = OPTION_NUMBER,
     .form = "S",
     .least = 0.01,
     .most = 3600,
     .fallback = "1",
     .to = OPTION_TO(struct settings, interval_s),
     .help = "Seconds between two readings, 0.01 to 3600"},
    {.name = "count",
     .type = OPTION_WHOLE,
     .form = "N",
     .least = 1,
     .otherwise = "no end",
     .to = OPTION_TO(struct settings, count),
     .help = "End after N readings"},
    {.name = "csv",
     .excludes = "json",
     .to = OPTION_TO(struct settings, csv),
     .help = "Print comma-separated values with a header row"},
    {.name = "json",
     .excludes = "csv",
     .to = OPTION_TO(struct settings, json),
     .help = "Print one JSON object a line"},
    {.name = "precise",
     .to = OPTION_TO(struct settings, precise),
     .help = "Track the counters between the lines: print the energy since the previous line with "
             "its error"},
    FILE_ROW("record", struct settings, record, "Write all readings to FILE too, for --replay"),
    {.name = "book",
     .to = OPTION_TO(struct settings, book),
     .help = "Book the energy of each whole GPU into the ledger, hour by hour, whatever process "
             "uses it"},
    {0}};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

/* Whole rows, each reading's at once: the file can be replayed after a kill. */
static int record_line(FILE *file, const struct wt_device list[], const struct wt_state states[],
                       unsigned count, bool first)
{
    struct buffer rows = {0};
    struct wt_error err;
    if (first)
        view_record_heading(&rows);
    view_record(&rows, clock_wall_ms(), list, states, count);
    bool whole = !rows.failed && fwrite(buffer_text(&rows), 1, rows.length, file) == rows.length &&
                 fflush(file) == 0;
    if (!whole)
        error_set(&err, WT_E_IO, "write %s: %s", settings.record,
                  rows.failed ? "out of memory" : strerror(errno));
    buffer_clear(&rows);
    return whole ? EXIT_DONE : command_failed(&err);
}

/* `since`: the energy since the line before; NULL: not asked for. */
static int print_line(const struct devices *devices, const struct wt_device list[],
                      const struct wt_state states[], const struct wt_measurement since[],
                      bool first, bool colour)
{
    struct buffer page = {0};
    struct wt_error err = {0};
    int64_t now_ms = clock_wall_ms();
    if (settings.json) {
        struct json_doc *doc =
            json_monitor_document(now_ms, list, states, since, devices->gpu_count);
        int rc = json_write_buffer(doc, JSON_LINE, &page, &err);
        json_doc_free(doc);
        if (rc)
            return command_failed(&err);
    } else if (settings.csv) {
        if (first)
            view_monitor_csv_heading(&page, since != NULL);
        view_monitor_csv(&page, now_ms, list, states, since, devices->gpu_count);
    } else {
        if (first)
            view_monitor_heading(&page, since != NULL, colour);
        view_monitor_lines(&page, now_ms, list, states, since, devices->gpu_count);
    }
    return command_print(&page);
}

static bool is_ended(void *unused)
{
    (void)unused;
    return ended != 0;
}

/* The energy of each GPU between two lines; unknown where there was no line before, or no
 * reading. */
static void look_back(const struct live_meter *meter, int64_t begin_ns, int64_t end_ns,
                      struct wt_measurement since[])
{
    for (unsigned i = 0; i < live_meter_gpu_count(meter); i++)
        if (!begin_ns || live_meter_device_between(meter, i, begin_ns, end_ns, &since[i]))
            since[i] = (struct wt_measurement){.begin_ns = begin_ns ? begin_ns : end_ns,
                                               .end_ns = end_ns,
                                               .source = WT_SOURCE_NONE};
}

static int monitor(const struct setup *setup, const struct devices *devices,
                   const struct book_loop *loop, FILE *record)
{
    struct live_meter *meter = settings.precise ? loop->meter : NULL;
    struct wt_error wrong;
    struct wt_device list[WT_MAX_DEVICES];
    bool failing[WT_MAX_DEVICES] = {false};
    struct wt_measurement since[WT_MAX_DEVICES];
    int64_t interval_ns = (int64_t)(settings.interval_s * (double)NS_PER_S),
            next_ns = clock_now_ns(), line_ns = 0;
    for (unsigned i = 0; i < devices->gpu_count; i++)
        list[i] = *sense_device(devices->sense, devices->selected[i]);
    for (uint64_t n = 0; !ended && (settings.count == 0 || n < settings.count); n++) {
        struct wt_state states[WT_MAX_DEVICES] = {0};
        unsigned answered = 0;
        int code = EXIT_DONE;
        if (meter) {
            int64_t now_ns = clock_now_ns();
            live_meter_poll(meter);
            look_back(meter, line_ns, now_ns, since);
            line_ns = now_ns;
        }
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
        code =
            print_line(devices, list, states, meter ? since : NULL, n == 0, command_colour(setup));
        if (code == EXIT_DONE && record)
            code = record_line(record, list, states, devices->gpu_count, n == 0);
        if (code)
            return code;
        next_ns += interval_ns;
        if (next_ns - clock_now_ns() < -interval_ns)
            next_ns = clock_now_ns(); /* we were stopped: no burst to catch up */
        if (settings.count == 0 || n + 1 < settings.count)
            if (book_loop_until(loop, next_ns, &wrong))
                return command_failed(&wrong);
    }
    return EXIT_DONE;
}

static int monitor_and_book(const struct setup *setup, const struct devices *devices,
                            struct book_loop *loop, FILE *record)
{
    static struct carbon_sources carbon;
    struct ledger *ledger = NULL;
    struct wt_error err;
    char node[WT_USER_LEN];
    int code = EXIT_DONE,
        rc = carbon_sources_open(&carbon, setup->config, clock_wall_ms() / 1000, &err);
    struct booking_factors factors = factors_of(&carbon);
    if (rc == 0)
        rc = open_ledger(setup, false, &ledger, &err);
    if (rc == 0) {
        factors_node(node);
        rc = book_loop_begin(loop, ledger, &factors, sense_gpu_count(devices->sense), node,
                             settings.precise, &err);
    }
    if (rc == 0) {
        code = monitor(setup, devices, loop, record);
        rc = book_loop_end(loop, &err);
    }
    if (rc && code == EXIT_DONE)
        code = command_failed(&err);
    ledger_close(ledger);
    carbon_sources_close(&carbon);
    return code;
}

static int run(struct setup *setup, void *unused)
{
    (void)unused;
    struct devices devices;
    struct wt_error err;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    int rc = devices_open(&devices, setup, true, &err);
    if (rc)
        return command_failed(&err);
    FILE *record = NULL;
    struct book_loop loop = {.stop = is_ended};
    rc = devices_need_gpu(&devices, &err);
    if (rc == 0 && (settings.precise || settings.book) && setup->replay)
        rc = error_set(&err, WT_E_INVALID,
                       "%s needs devices: a recording has no readings between its lines",
                       settings.book ? "--book" : "--precise");
    if (rc == 0 && (settings.precise || settings.book))
        rc = live_meter_new(devices.sense, devices.selected, devices.gpu_count, &loop.meter, &err);
    if (loop.meter)
        live_meter_on_event(loop.meter, live_meter_log_event, NULL);
    if (rc == 0 && settings.record && !(record = fopen(settings.record, "we")))
        rc = error_set(&err, WT_E_IO, "write %s: %s", settings.record, strerror(errno));
    int code = rc              ? command_failed(&err)
               : settings.book ? monitor_and_book(setup, &devices, &loop, record)
                               : monitor(setup, &devices, &loop, record);
    if (record && fclose(record) && code == EXIT_DONE) {
        error_set(&err, WT_E_IO, "write %s: %s", settings.record, strerror(errno));
        code = command_failed(&err);
    }
    live_meter_free(loop.meter);
    devices_close(&devices);
    return code;
}

const struct command command_monitor = {
    .name = "monitor",
    .summary = "print power, energy, limits and more of each GPU, as lines",
    .description =
        "Prints a reading of every GPU at each interval until a signal ends it or --count readings "
        "are printed. A value that a device does not report is shown as unknown, and is empty in "
        "CSV and null in JSON. energy_j is the driver's own counter, which moves in ticks of 20 to "
        "100 ms. --precise reads the counters, or the power of GPUs without one, some 30 times a "
        "second and prints the energy of each GPU since the previous line, with a 95 % bound and "
        "the mean power (interval_s, interval_energy_j, interval_energy_error_j, interval_power_w "
        "and interval_source in JSON and CSV); in the first line, with none before it, they are "
        "unknown. --record writes the same as CSV with the time of each reading to the "
        "nanosecond; measure, run and monitor --replay read it (and the output of --csv) instead "
        "of devices.\n\n"
        "--book reads the counters some four times a second and books each whole GPU into the "
        "ledger once a minute: stretches in which any process used it or none did, with energy, "
        "bound and carbon. Together with the runs that book themselves, `fleet` shows from it the "
        "energy of idle GPUs and the energy that no run accounts for. One monitor at a time books "
        "a GPU; a second one is refused.",
    .examples = "  wattune monitor --interval 0.5\n  wattune monitor --book --interval 60 --csv "
                ">/dev/null\n  wattune monitor --precise --interval 5 --csv\n  wattune monitor "
                "--record night.csv --interval 0.1\n",
    .options = options,
    .groups = COMMON_DEVICES | COMMON_REPLAY | COMMON_LEDGER | COMMON_CARBON,
    .run = run,
    .settings = &settings,
    .settings_size = sizeof settings,
};
