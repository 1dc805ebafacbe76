/* SPDX-License-Identifier: Apache-2.0
 *
 * Is an error bound one?  The virtual GPU knows the truth: windows of 20 ms to 10 s over each model
 * and kind of load, by each of our owners, through the library as programs load it, held against
 * vgpu_true_energy_j().
 *
 *   bench_coverage LIBRARY whole [MODEL]   the whole table, in virtual time
 *   bench_coverage LIBRARY subset [MODEL]  a part of it
 *   bench_coverage LIBRARY precision       bounds of tracked counters, steady load, real time
 *
 * The first two give the same every time; the exit code is 1 when a bound does not hold.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "measure/meter/meter.h"
#include "virtual_time.h"
#include "wattune.h"

static const char *const models[] = {"p100", "v100", "a40", "rtx6000", "a100", "h100"};
static const int64_t lengths_ns[] = {20 * NS_PER_MS,  50 * NS_PER_MS, 100 * NS_PER_MS,
                                     300 * NS_PER_MS, NS_PER_S,       5 * NS_PER_S,
                                     10 * NS_PER_S};
enum { MODELS = 6, LENGTHS = 7, ONE_S = 4, FIVE_S = 5 };

enum load { STEADY, SQUARE, TRAINING, COMMAND, LOADS };
static const char *const load_names[] = {"steady", "square", "training", "command"};

/* library: windows of libwattune.  slice: a part of the past of a live meter, asked for when it is
 * past.  live: the same, asked for at once.  run: a live meter that begins and ends with its
 * window, reading 40 times a second.  hold: the same, reading four times a second as a run does
 * once it is tuned.  tracked: windows of libwattune with WT_MONITOR_TRACK. */
enum owner { LIBRARY, SLICE, LIVE, RUN, HOLD, TRACKED, OWNERS };
static const char *const owner_names[] = {"library", "slice", "live", "run", "hold", "tracked"};

struct cell {
    unsigned windows, inside, unknown;
    double error, bound; /* sums of fractions of the truth */
    double largest_bound;
};

struct result {
    struct cell cells[OWNERS][LENGTHS];
};

static const char *library;
static char folder[] = "/tmp/wattune-coverage-XXXXXX"; /* files of machines */

static struct {
    int (*work)(unsigned gpu, double full_clock_s, double full_clock_w, double clock_share,
                double host_share);
    double (*truth_j)(unsigned gpu);
} vgpu;

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "bench_coverage: %s\n", what);
    exit(1);
}

/* --- The machine --- */

static void write_machine(char path[300], const char *name, const char *const gpus[],
                          unsigned count, unsigned seed)
{
    snprintf(path, 300, "%s/%s.ini", folder, name);
    FILE *file = fopen(path, "w");
    if (!file)
        die("a machine file cannot be written");
    fprintf(file, "[machine]\nseed = %u\nlatency = %s\n", seed, seed % 2 ? "real" : "off");
    for (unsigned i = 0; i < count; i++)
        fprintf(file, "[gpu %u]\nmodel = %s\n", i, gpus[i]);
    if (fclose(file))
        die("a machine file cannot be written");
    setenv("WATTUNE_VGPU", path, 1);
    setenv("WATTUNE_NVML", library, 1);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    unsetenv("CUDA_VISIBLE_DEVICES");
}

static struct sense *open_machine(void)
{
    struct sense_options options = {.nvml_path = library, .sysfs_path = ""};
    struct sense *sense;
    struct wt_error err;
    if (sense_open(&options, &sense, &err))
        die(err.text);
    void *work = sense_symbol(sense, "vgpu_work"),
         *truth = sense_symbol(sense, "vgpu_true_energy_j");
    if (!work || !truth)
        die("this is not the virtual GPU's library");
    memcpy(&vgpu.work, &work, sizeof work);
    memcpy(&vgpu.truth_j, &truth, sizeof truth);
    return sense;
}

/* --- Loads --- */

static struct {
    enum load kind;
    uint64_t random;
    double power_w;
    bool on; /* of a command */
} load;

static double between(double low, double high)
{
    return low + (high - low) * virtual_time_random(&load.random);
}

static void *do_load(void *unused)
{
    (void)unused;
    double period_s = 0.03 * pow(60, between(0, 1)), host = between(0.1, 0.6),
           power_w = load.power_w * between(0.7, 1.1);
    for (unsigned step = 1;; step++) {
        switch (load.kind) {
        case STEADY:
            vgpu.work(0, 1000, power_w, 0.3, 0);
            break;
        case SQUARE:
            vgpu.work(0, period_s, power_w, 0.3, host);
            break;
        case TRAINING: /* steps of many heights; now and then an evaluation, a checkpoint */
            vgpu.work(0, period_s * between(0.8, 1.2), power_w * between(0.8, 1), 0.3, 0.3 * host);
            if (step % 40 == 0)
                clock_sleep_ns((int64_t)(NS_PER_S * between(0.2, 1.5)));
            break;
        case COMMAND: /* in pieces, so that it can end at any time */
            if (!load.on)
                clock_sleep_ns(NS_PER_MS);
            else
                vgpu.work(0, 0.004, step / 20 % 2 ? power_w : 0.6 * power_w, 0.3, 0);
            break;
        default:
            return NULL;
        }
    }
}

/* --- Windows --- */

enum { EACH_MOST = 24 }; /* of a length and owner, in one run */

struct window {
    enum owner owner;
    unsigned length;
    int64_t begin_ns, end_ns; /* planned, then as they were */
    double begin_j, end_j;    /* the truth */
    char name[16];
    struct live_meter *meter;
    enum { PLANNED, OPEN, ENDED, DONE } state;
};

static struct run {
    struct sense *sense;
    struct live_meter *meter;       /* the one that lives long */
    struct wt_monitor *monitors[2]; /* plain and tracked */
    struct window windows[OWNERS * LENGTHS * EACH_MOST];
    unsigned count, done;
    struct result result;
} run;

static int64_t moment(double *truth_j)
{
    virtual_time_hold(true);
    *truth_j = vgpu.truth_j(0);
    int64_t now_ns = clock_now_ns();
    virtual_time_hold(false);
    return now_ns;
}

static void judge(struct window *w, double energy_j, double error_j)
{
    struct cell *cell = &run.result.cells[w->owner][w->length];
    double truth_j = w->end_j - w->begin_j;
    w->state = DONE;
    run.done++;
    if (isnan(energy_j)) {
        cell->unknown++;
        return;
    }
    cell->windows++;
    cell->inside += fabs(energy_j - truth_j) <= error_j;
    cell->error += fabs(energy_j - truth_j) / truth_j;
    cell->bound += error_j / truth_j;
    cell->largest_bound = fmax(cell->largest_bound, error_j / truth_j);
}

static void judge_past(struct window *w)
{
    double energy_j = NAN, error_j = NAN;
    live_meter_energy_between(run.meter, w->begin_ns, w->end_ns, &energy_j, &error_j);
    judge(w, energy_j, error_j);
}

static void begin_window(struct window *w)
{
    static const unsigned devices[] = {0};
    struct wt_error err;
    w->state = OPEN;
    int64_t length_ns = w->end_ns - w->begin_ns;
    if ((w->owner == LIBRARY || w->owner == TRACKED) &&
        wt_begin_window(run.monitors[w->owner == TRACKED], w->name))
        die("a window cannot be begun");
    if (w->owner == RUN || w->owner == HOLD) {
        if (live_meter_new(run.sense, devices, 1, &w->meter, &err))
            die(err.text);
        if (w->owner == HOLD)
            live_meter_set_gap(w->meter, 250 * NS_PER_MS);
        live_meter_begin(w->meter);
    }
    load.on = true;
    w->begin_ns = moment(&w->begin_j);
    w->end_ns = w->begin_ns + length_ns;
}

static void end_window(struct window *w)
{
    struct wt_window_result result;
    struct wt_measurement m;
    w->end_ns = moment(&w->end_j);
    w->state = ENDED;
    load.on = false;
    switch (w->owner) {
    case LIBRARY:
    case TRACKED:
        if (wt_end_window(run.monitors[w->owner == TRACKED], w->name, &result))
            die("a window cannot be ended");
        judge(w, result.energy_j, result.energy_error_j);
        break;
    case LIVE:
        judge_past(w);
        break;
    case RUN:
    case HOLD:
        live_meter_end(w->meter, w->end_ns, &m);
        w->meter = live_meter_free(w->meter);
        judge(w, m.source == WT_SOURCE_NONE ? (double)NAN : (double)m.energy_mj / 1e3,
              (double)m.energy_error_mj / 1e3);
        break;
    default:
        break; /* a slice is judged when all of it is past */
    }
}

/* Does everything that is due in any window; returns the next moment at which something is. */
static int64_t go_on(void)
{
    int64_t next_ns = INT64_MAX, known_ns = run.meter ? live_meter_known_until_ns(run.meter) : 0;
    for (unsigned i = 0; i < run.count; i++) {
        struct window *w = &run.windows[i];
        if (w->state == DONE)
            continue;
        if (w->state == PLANNED && w->begin_ns <= clock_now_ns())
            begin_window(w);
        if (w->state == OPEN && w->end_ns <= clock_now_ns())
            end_window(w);
        if (w->state == ENDED && known_ns > w->end_ns + NS_PER_S)
            judge_past(w);
        int64_t due_ns = w->state == PLANNED ? w->begin_ns
                         : w->state == OPEN  ? w->end_ns
                                             : INT64_MAX;
        if (w->meter) {
            live_meter_poll(w->meter);
            int64_t poll_ns = live_meter_next_ns(w->meter), now_ns = clock_now_ns();
            poll_ns = poll_ns < now_ns + 2 * NS_PER_MS ? now_ns + 2 * NS_PER_MS : poll_ns;
            due_ns = poll_ns < due_ns ? poll_ns : due_ns;
        }
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    if (run.meter) {
        live_meter_poll(run.meter);
        int64_t poll_ns = live_meter_next_ns(run.meter), now_ns = clock_now_ns();
        poll_ns = poll_ns < now_ns + 2 * NS_PER_MS ? now_ns + 2 * NS_PER_MS : poll_ns;
        next_ns = poll_ns < next_ns ? poll_ns : next_ns;
    }
    return next_ns;
}

static void plan(enum owner owner, unsigned length, int64_t begin_ns)
{
    struct window *w = &run.windows[run.count];
    *w = (struct window){.owner = owner,
                         .length = length,
                         .begin_ns = begin_ns,
                         .end_ns = begin_ns + lengths_ns[length]};
    snprintf(w->name, sizeof w->name, "w%u", run.count++);
}

/* One machine, one load, windows of all lengths by all owners at random times, or of a command one
 * after the other. */
static void cover(const char *model, enum load kind, unsigned seed, unsigned each)
{
    static const unsigned devices[] = {0};
    struct wt_error err;
    char path[300], name[40];
    snprintf(name, sizeof name, "%s-%u-%u", model, kind, seed);
    write_machine(path, name, &model, 1, seed);
    virtual_time_start(seed);
    load.random = seed * 1000003u + 17;
    load.kind = kind;
    uint64_t random = seed + 99;
    run.sense = open_machine();
    load.power_w = sense_device(run.sense, 0)->limit_max_mw / 1e3;
    clock_use(sense_clock(run.sense));
    if (wt_monitor_open(&run.monitors[0]) ||
        wt_monitor_open_flags(&run.monitors[1], WT_MONITOR_TRACK) ||
        (kind != COMMAND && live_meter_new(run.sense, devices, 1, &run.meter, &err)))
        die("the owners cannot be made");
    pthread_t thread;
    if (pthread_create(&thread, NULL, do_load, NULL))
        die("a load cannot be made");
    int64_t at_ns = clock_now_ns() + (int64_t)(2 * NS_PER_S * virtual_time_random(&random));
    if (run.meter)
        live_meter_begin(run.meter);
    for (unsigned i = 0; i < each; i++)
        for (unsigned length = 0; length < LENGTHS; length++)
            for (enum owner owner = LIBRARY; owner < OWNERS; owner++) {
                if (kind != COMMAND) {
                    double after_s = (owner == SLICE || owner == LIVE ? 5 : 0) +
                                     60 * virtual_time_random(&random);
                    plan(owner, length, at_ns + (int64_t)((double)NS_PER_S * after_s));
                } else if (owner == RUN || owner == LIBRARY ||
                           owner == TRACKED) { /* the load is there while one window is */
                    plan(owner, length, at_ns);
                    at_ns += lengths_ns[length] + NS_PER_S +
                             (int64_t)(NS_PER_S * virtual_time_random(&random));
                }
            }
    for (int64_t next_ns; next_ns = go_on(), run.done < run.count;) {
        int64_t now_ns = clock_now_ns();
        clock_sleep_ns(next_ns > now_ns ? next_ns - now_ns : 0);
    }
    unlink(path);
}

/* Each in a process of its own, which has one time and one machine. */
static void run_apart(const char *model, enum load kind, unsigned seed, unsigned each,
                      struct result *sum)
{
    int ends[2];
    struct result one;
    fflush(NULL);
    if (pipe(ends))
        die("no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        cover(model, kind, seed, each);
        bool written = write(ends[1], &run.result, sizeof run.result) == sizeof run.result;
        exit(written ? 0 : 1); /* the library takes its machine away as it goes */
    }
    close(ends[1]);
    size_t got = 0;
    for (ssize_t n;
         got < sizeof one && (n = read(ends[0], (char *)&one + got, sizeof one - got)) > 0;)
        got += (size_t)n;
    close(ends[0]);
    int status = 1;
    waitpid(pid, &status, 0);
    if (got != sizeof one || status)
        die("a run failed");
    for (unsigned o = 0; o < OWNERS; o++)
        for (unsigned l = 0; l < LENGTHS; l++) {
            struct cell *to = &sum->cells[o][l], *from = &one.cells[o][l];
            to->windows += from->windows;
            to->inside += from->inside;
            to->unknown += from->unknown;
            to->error += from->error;
            to->bound += from->bound;
            to->largest_bound = fmax(to->largest_bound, from->largest_bound);
        }
}

/* --- The table --- */

/* A bound of any width would hold, too: here is the width for a tracked counter at a steady load.
 */
#define PRECISE_1_S 0.01
#define PRECISE_5_S 0.002
static unsigned short_of, idle, cells, all_windows;

/* In the whole table each cell has hundreds of windows and is held to 95 in 100.  In the subset it
 * has some seventy, of which those that overlap miss together: a cell that covers 97 falls below 95
 * there by chance now and then.  So a cell may be short by three standard deviations of such a
 * count, and it is all lengths of a row together that are held to 95. */
static double margin;

static bool is_covered(unsigned inside, unsigned windows, double deviations)
{
    return inside >= 0.95 * windows - deviations * sqrt(0.95 * 0.05 * windows);
}

static void print_rows(const char *model, enum load kind, const struct result *sum)
{
    for (unsigned o = 0; o < OWNERS; o++) {
        unsigned row_inside = 0, row_windows = 0;
        printf("%-8s %-9s %-8s", model, load_names[kind], owner_names[o]);
        for (unsigned l = 0; l < LENGTHS; l++) {
            const struct cell *c = &sum->cells[o][l];
            if (!c->windows) {
                printf("  %-20s", c->unknown ? "unknown" : "-");
                continue;
            }
            double covered = 100.0 * c->inside / c->windows;
            bool good = is_covered(c->inside, c->windows, margin);
            row_inside += c->inside;
            row_windows += c->windows;
            char text[40];
            snprintf(text, sizeof text, "%5.1f%s %.2g/%.2g", covered, good ? "" : "!",
                     100 * c->error / c->windows, 100 * c->bound / c->windows);
            printf("  %-20s", text);
            cells++;
            short_of += !good;
            if (kind == STEADY && o == SLICE && (l == ONE_S || l == FIVE_S))
                idle += c->bound / c->windows >= (l == ONE_S ? PRECISE_1_S : PRECISE_5_S);
            all_windows += c->windows;
        }
        bool row_good = is_covered(row_inside, row_windows, 0);
        short_of += !row_good;
        printf("%s\n", row_good ? "" : "  row!");
    }
    fflush(stdout);
}

static int table(unsigned seeds, unsigned each, unsigned first_seed, const char *only)
{
    printf("%-8s %-9s %-8s", "", "", "");
    for (unsigned l = 0; l < LENGTHS; l++)
        printf("  %-20g", (double)lengths_ns[l] / 1e9);
    printf("\n%-8s %-9s %-8s  inside %%, mean error/mean bound in %% of the truth, by length of "
           "the window in s\n",
           "model", "load", "owner");
    for (unsigned m = 0; m < MODELS; m++)
        for (enum load kind = STEADY; kind < LOADS && (!only || strcmp(only, models[m]) == 0);
             kind++) {
            struct result sum = {0};
            for (unsigned s = 1; s <= seeds; s++)
                run_apart(models[m], kind, first_seed + 100 * m + 20 * (unsigned)kind + s, each,
                          &sum);
            print_rows(models[m], kind, &sum);
        }
    printf("%u of %u cells and rows hold the truth in less than 95 of 100 windows; %u bounds at a "
           "steady load are too wide; %u windows\n",
           short_of, cells, idle, all_windows);
    return short_of || idle ? 1 : 0;
}

/* --- Precision, in real time --- */

enum { MARKS = 2000 };
static const double WATCHED_S = 30, SETTLED_S = 8;

static void *keep_busy(void *index)
{
    for (;;)
        vgpu.work((unsigned)(uintptr_t)index, 1000, 200, 0.3, 0);
    return NULL;
}

struct mark {
    int64_t t_ns;
    double truth_j;
};

/* Mean and largest error and bound of the windows between two marks that are as long as wanted. */
static int print_precision(const struct live_meter *meter, const char *model,
                           const struct mark marks[], unsigned count, double length_s, double most)
{
    unsigned windows = 0;
    double error = 0, bound = 0, largest_error = 0, largest_bound = 0;
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = i + 1; k < count; k++) {
            double energy_j, error_j, truth_j = marks[k].truth_j - marks[i].truth_j;
            double apart_s = (double)(marks[k].t_ns - marks[i].t_ns) / 1e9;
            if (fabs(apart_s - length_s) > 0.02 * length_s ||
                marks[k].t_ns > live_meter_known_until_ns(meter))
                continue;
            if (live_meter_energy_between(meter, marks[i].t_ns, marks[k].t_ns, &energy_j, &error_j))
                die("an energy is not known");
            error += fabs(energy_j / truth_j - 1);
            bound += error_j / truth_j;
            largest_error = fmax(largest_error, fabs(energy_j / truth_j - 1));
            largest_bound = fmax(largest_bound, error_j / truth_j);
            windows++;
        }
    if (!windows)
        die("no window is as long as wanted");
    printf("%-8s %g s: error %.3f %% (largest %.3f %%), bound %.3f %% (largest %.3f %%), wanted "
           "below %g %%, %u windows\n",
           model, length_s, 100 * error / windows, 100 * largest_error, 100 * bound / windows,
           100 * largest_bound, 100 * most, windows);
    return largest_bound >= most;
}

/* All models with a counter, each under a load that does not change, read by owners that live
 * long. */
static int precision(void)
{
    static struct mark marks[MODELS][MARKS];
    struct live_meter *meters[MODELS];
    struct wt_error err;
    char path[300];
    unsigned count = 0, gpus = MODELS - 1;
    int wide = 0;
    write_machine(path, "precision", models + 1, gpus, 2);
    struct sense *sense = open_machine();
    clock_use(sense_clock(sense));
    for (unsigned i = 0; i < gpus; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, keep_busy, (void *)(uintptr_t)i) ||
            live_meter_new(sense, &i, 1, &meters[i], &err))
            die("a load or a meter cannot be made");
        live_meter_begin(meters[i]);
    }
    int64_t begin_ns = clock_now_ns();
    for (int64_t now_ns; (now_ns = clock_now_ns()) < begin_ns + (int64_t)(WATCHED_S * 1e9);) {
        int64_t next_ns = now_ns + 30 * NS_PER_MS;
        for (unsigned i = 0; i < gpus; i++) {
            live_meter_poll(meters[i]);
            next_ns =
                live_meter_next_ns(meters[i]) < next_ns ? live_meter_next_ns(meters[i]) : next_ns;
        }
        bool sure = now_ns > begin_ns + (int64_t)(SETTLED_S * 1e9) && count < MARKS;
        for (unsigned i = 0; i < gpus && sure; i++) {
            int64_t before_ns = clock_now_ns();
            marks[i][count].truth_j = vgpu.truth_j(i);
            int64_t after_ns = clock_now_ns();
            marks[i][count].t_ns = before_ns + (after_ns - before_ns) / 2;
            sure = after_ns - before_ns <
                   200000; /* else we were not running, and the moment is not known */
        }
        count += sure;
        now_ns = clock_now_ns();
        clock_sleep_ns(next_ns > now_ns + NS_PER_MS ? next_ns - now_ns : NS_PER_MS);
    }
    for (unsigned i = 0; i < gpus; i++) {
        wide += print_precision(meters[i], models[i + 1], marks[i], count, 1, PRECISE_1_S);
        wide += print_precision(meters[i], models[i + 1], marks[i], count, 5, PRECISE_5_S);
    }
    printf("%d of %u bounds at a steady load are wider than wanted (1 %% at 1 s, 0.2 %% at 5 s)\n",
           wide, 2 * gpus);
    unlink(path);
    return wide > 0; /* the loads end with us */
}

int main(int argc, char **argv)
{
    bool whole = argc > 2 && strcmp(argv[2], "whole") == 0,
         subset = argc > 2 && strcmp(argv[2], "subset") == 0;
    bool precise = argc == 3 && strcmp(argv[2], "precision") == 0;
    if (argc > 4 || !(whole || subset || precise))
        return 2;
    library = argv[1];
    if (!mkdtemp(folder))
        die("a folder cannot be made");
    margin = subset ? 3 : 0;
    int code = precise ? precision()
               : whole ? table(16, EACH_MOST, 0, argv[3])
                       : table(6, EACH_MOST / 2, 5000, argv[3]);
    char machines[sizeof folder + 16];
    snprintf(machines, sizeof machines, "%s/wattune-vgpu", folder);
    rmdir(machines);
    rmdir(folder);
    return code;
}
