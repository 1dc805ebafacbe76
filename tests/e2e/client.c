/* SPDX-License-Identifier: Apache-2.0
 *
 * The load and the outsiders that end-to-end tests put on a virtual machine, in one program:
 *
 *   e2e_client train [OPTION=VALUE...]  a training program: calls wt_step() and logs the truth
 *   e2e_client watch                    prints every change of GPU 0's limit, until it is ended
 *   e2e_client hold                     keeps the machine alive and prints "ready"
 *   e2e_client set WATTS [GPU]          sets a limit behind wattune's back
 *   e2e_client get                      prints index, UUID, limit in W, true J of every GPU
 *   e2e_client work SECONDS [GPU]       uses a GPU so long (machine time), as a stranger
 *
 * It opens libnvidia-ml.so.1 by name, as training programs do.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wattune.h"

static struct {
    int (*init)(void);
    int (*handle)(unsigned, void **);
    int (*uuid)(void *, char *, unsigned);
    int (*limit)(void *, unsigned *);
    int (*set_limit)(void *, unsigned);
    int (*work)(unsigned, double, double, double, double);
    int64_t (*now_ns)(void);
    double (*true_energy_j)(unsigned);
} nvml;

static void find(void *library, const char *name, void *function)
{
    *(void **)function = dlsym(library, name);
    if (!*(void **)function) {
        fprintf(stderr, "e2e_client: no %s\n", name);
        exit(99);
    }
}

static void open_nvml(void)
{
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (!library) {
        fprintf(stderr, "e2e_client: %s\n", dlerror());
        exit(99);
    }
    find(library, "nvmlInit_v2", &nvml.init);
    find(library, "nvmlDeviceGetHandleByIndex_v2", &nvml.handle);
    find(library, "nvmlDeviceGetUUID", &nvml.uuid);
    find(library, "nvmlDeviceGetPowerManagementLimit", &nvml.limit);
    find(library, "nvmlDeviceSetPowerManagementLimit", &nvml.set_limit);
    find(library, "vgpu_work", &nvml.work);
    find(library, "vgpu_now_ns", &nvml.now_ns);
    find(library, "vgpu_true_energy_j", &nvml.true_energy_j);
    if (nvml.init())
        exit(99);
}

static unsigned limit_mw(unsigned gpu)
{
    void *device;
    unsigned mw = 0;
    return nvml.handle(gpu, &device) || nvml.limit(device, &mw) ? 0 : mw;
}

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static double seconds(void)
{
    return (double)nvml.now_ns() / 1e9;
}

/* --- train --- */

static struct {
    long steps, epoch, crash_at, drift_at; /* epoch: steps per epoch, 0: none */
    double drift, step_s, watts, share, host, validation_s, start_s;
    unsigned gpu, ranks;
    int print, channel, leave;
    char *log, *pidfile;
    /* with a batch size: epochs of `samples`, steps as long as they have samples, a metric that
     * reaches 0.9 after as many epochs as `need` has for the size ("32:4,64:6"; none: never) */
    unsigned batch, epochs, fail_batch;
    long samples;
    const char *need, *metric, *seen;
    int polls, deaf, nan, code;
} training = {.samples = 1280,
              .epochs = 1000,
              .metric = "accuracy",
              .steps = 100,
              .step_s = 0.1,
              .watts = 240,
              .share = 0.5,
              .host = 0.1,
              .ranks = 1,
              .channel = 1};

static void option(const char *word)
{
    const char *value = strchr(word, '=');
    size_t n = value ? (size_t)(value - word) : strlen(word);
    double number = value ? atof(value + 1) : 1;
#define IS(name) (strlen(name) == n && strncmp(word, name, n) == 0)
    if (IS("steps"))
        training.steps = (long)number;
    else if (IS("epoch"))
        training.epoch = (long)number;
    else if (IS("step_s"))
        training.step_s = number;
    else if (IS("watts"))
        training.watts = number;
    else if (IS("share"))
        training.share = number;
    else if (IS("host"))
        training.host = number;
    else if (IS("validation_s"))
        training.validation_s = number;
    else if (IS("start_s"))
        training.start_s = number;
    else if (IS("gpu"))
        training.gpu = (unsigned)number;
    else if (IS("ranks"))
        training.ranks = (unsigned)number;
    else if (IS("print"))
        training.print = (int)number; /* "step N" on standard output, "warn N" on standard error */
    else if (IS("channel"))
        training.channel = (int)number; /* 0: no wt_step() */
    else if (IS("leave"))
        training.leave = (int)number; /* leave a child behind that goes on for so many seconds */
    else if (IS("drift_at"))
        training.drift_at = (long)number; /* from this step on a step is `drift` times as long */
    else if (IS("drift"))
        training.drift = number;
    else if (IS("crash_at"))
        training.crash_at = (long)number;
    else if (IS("batch"))
        training.batch = (unsigned)number;
    else if (IS("epochs"))
        training.epochs = (unsigned)number;
    else if (IS("samples"))
        training.samples = (long)number;
    else if (IS("need"))
        training.need = strdup(value + 1);
    else if (IS("metric"))
        training.metric = value[1] ? strdup(value + 1) : NULL;
    else if (IS("nan"))
        training.nan = (int)number;
    else if (IS("polls"))
        training.polls = (int)number; /* ends when it is asked to */
    else if (IS("deaf"))
        training.deaf = (int)number; /* ignores SIGTERM */
    else if (IS("fail_batch"))
        training.fail_batch = (unsigned)number; /* exit code 3 after an epoch of this size */
    else if (IS("code"))
        training.code = (int)number; /* exit code at the end */
    else if (IS("seen"))
        training.seen =
            strdup(value + 1); /* a line an epoch: batch size, epoch, seed, rate, recurrence */
    else if (IS("log"))
        training.log = strdup(value + 1);
    else if (IS("pidfile"))
        training.pidfile = strdup(value + 1);
    else
        exit(98);
}

/* A line a step: machine time, true energy, limit. */
static void log_step(FILE *log, long step)
{
    if (log)
        fprintf(log, "%ld %.9f %.6f %u\n", step, seconds(), nvml.true_energy_j(training.gpu),
                limit_mw(training.gpu));
}

static int train(void)
{
    FILE *log = training.log ? fopen(training.log, "w") : NULL;
    if (training.start_s > 0)
        nvml.work(training.gpu, training.start_s, 60, 0, 0);
    log_step(log, 0);
    for (long step = 1; step <= training.steps; step++) {
        double factor = training.drift_at && step > training.drift_at
                            ? training.drift
                            : 1; /* longer sequences, say */
        if (nvml.work(training.gpu, factor * training.step_s, training.watts, training.share,
                      training.host))
            return 97;
        if (training.channel)
            wt_step();
        log_step(log, step);
        if (training.print) {
            fprintf(stdout, "step %ld\n", step);
            fflush(stdout);
            fprintf(stderr, "warn %ld\n", step);
        }
        if (step == training.crash_at)
            raise(SIGSEGV);
        if (training.epoch && step % training.epoch == 0) {
            if (training.validation_s > 0)
                nvml.work(training.gpu, training.validation_s, 120, 0, 0);
            if (training.channel)
                wt_epoch_end("accuracy", (double)step / (double)training.steps);
            if (training.print) {
                printf("epoch %ld accuracy %.4f\n", step / training.epoch,
                       (double)step / (double)training.steps);
                fflush(stdout);
            }
            log_step(log, step);
        }
    }
    if (log)
        fclose(log);
    if (training.leave && fork() == 0) {
        setsid();
        close(0), close(1), close(2);
        sleep((unsigned)training.leave);
        _exit(0);
    }
    return 0;
}

/* --- train, with a batch size --- */

static unsigned epochs_needed(void)
{
    for (const char *at = training.need; at && *at;
         at = strchr(at, ',') ? strchr(at, ',') + 1 : "") {
        unsigned size = 0, epochs = 0;
        if (sscanf(at, "%u:%u", &size, &epochs) == 2 && size == training.batch)
            return epochs;
    }
    return 0;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "-";
}

static void note_epoch(unsigned epoch)
{
    FILE *seen = training.seen ? fopen(training.seen, "a") : NULL;
    if (!seen)
        return;
    fprintf(seen, "%u %u %s %s %s %s\n", training.batch, epoch, variable("WATTUNE_BATCH_SIZE"),
            variable("WATTUNE_SEED"), variable("WATTUNE_LEARNING_RATE"),
            variable("WATTUNE_RECURRENCE"));
    fclose(seen);
}

static int train_to_target(void)
{
    unsigned need = epochs_needed();
    note_epoch(0);
    for (unsigned epoch = 1; epoch <= training.epochs; epoch++) {
        for (long done = 0; done < training.samples; done += training.batch) {
            if (nvml.work(training.gpu, training.step_s * training.batch / 64, training.watts,
                          training.share, training.host))
                return 97;
            wt_step();
            if (training.polls && wt_stop_requested())
                return 0;
        }
        double metric = training.nan ? 0.0 / 0.0 : need ? 0.9 * epoch / need : 0.01;
        note_epoch(epoch);
        wt_epoch_end(training.metric, metric);
        if (training.print) {
            printf("epoch %u accuracy %.4f\n", epoch, metric);
            fflush(stdout);
        }
        if (training.fail_batch == training.batch)
            return 3;
    }
    return training.code;
}

static int train_main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        option(argv[i]);
    if (training.pidfile) {
        FILE *f = fopen(training.pidfile, "w");
        fprintf(f, "%ld\n", (long)getpid());
        fclose(f);
    }
    if (training.deaf)
        signal(SIGTERM, SIG_IGN);
    if (training.batch) {
        open_nvml();
        return train_to_target();
    }
    unsigned first = training.gpu, ranks = training.ranks;
    char *log = training.log;
    for (unsigned rank = 1; rank < ranks; rank++)
        if (fork() == 0) {
            training.gpu = first + rank;
            if (log && asprintf(&training.log, "%s.%u", log, rank) < 0)
                _exit(1);
            open_nvml();
            exit(train());
        }
    open_nvml();
    int code = train();
    for (unsigned rank = 1; rank < ranks; rank++) {
        int status;
        if (wait(&status) > 0 && status)
            code = 96;
    }
    return code;
}

/* --- The others --- */

static void watch(void)
{
    unsigned last = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        unsigned now = limit_mw(0);
        if (now != last)
            printf("%.6f %u\n", seconds(), now);
        last = now;
        sleep_ms(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 95;
    if (strcmp(argv[1], "train") == 0)
        return train_main(argc - 2, argv + 2);
    open_nvml();
    if (strcmp(argv[1], "watch") == 0)
        watch();
    if (strcmp(argv[1], "hold") == 0) {
        puts("ready");
        fflush(stdout);
        for (;;)
            pause();
    }
    if (strcmp(argv[1], "set") == 0 && argc > 2) {
        void *device;
        unsigned gpu = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
        return nvml.handle(gpu, &device) ||
               nvml.set_limit(device, (unsigned)(atof(argv[2]) * 1000));
    }
    if (strcmp(argv[1], "get") == 0) {
        void *device;
        char uuid[96];
        for (unsigned i = 0;
             nvml.handle(i, &device) == 0 && nvml.uuid(device, uuid, sizeof uuid) == 0; i++)
            printf("%u %s %g %.6f\n", i, uuid, limit_mw(i) / 1000.0, nvml.true_energy_j(i));
        return 0;
    }
    if (strcmp(argv[1], "work") == 0 && argc > 2) {
        double until = seconds() + atof(argv[2]);
        puts("ready");
        fflush(stdout);
        while (seconds() < until)
            nvml.work(argc > 3 ? (unsigned)atoi(argv[3]) : 0, 0.05, 200, 0.5, 0.1);
        return 0;
    }
    return 95;
}
