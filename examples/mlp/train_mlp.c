/* SPDX-License-Identifier: Apache-2.0
 *
 * An example of a training program: a perceptron learns to tell the arms of a noisy spiral apart.
 * The learning is real, and how many epochs it takes depends on the batch size; the GPU is the
 * virtual one when there is one.
 *
 * Three calls are for Wattune: wt_step() after each step, wt_epoch_end() after each epoch, and a
 * look at wt_stop_requested().  Everything else is an ordinary program: exit code 0 when trained
 * (and, with
 * --target, the target is reached), 1 for a missed target, 2 for wrong usage.
 */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu.h"
#include "mlp.h"
#include "wattune.h"

enum { TRAIN_SAMPLES = 6400, CHECK_SAMPLES = 2000 };

/* 42 epochs of 100 steps of 16 ms are 67 s on a virtual GPU: long enough to search 21 power limits
 * inside them (50 s), and below 100 s also when the search ends at the limit of least energy, where
 * steps take 1.25 to 1.5 times as long. */
struct options {
    unsigned epochs, batch;
    uint64_t seed;
    double target; /* NaN: none */
    double rate;   /* NaN: by the batch size */
};

struct training {
    struct options options;
    struct mlp net;
    struct sample train[TRAIN_SAMPLES], check[CHECK_SAMPLES];
    uint32_t order[TRAIN_SAMPLES];
    uint64_t random;
    bool has_gpu, stopped;
    struct gpu gpu;
};

static double number(struct argp_state *state, const char *name, const char *text, double min,
                     double max)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || errno || !(value >= min && value <= max))
        argp_error(state, "--%s is %s, not a number from %g to %g", name, text, min, max);
    return value;
}

static uint64_t whole(struct argp_state *state, const char *name, const char *text, uint64_t min,
                      uint64_t max)
{
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (!*text || text[strspn(text, "0123456789")] || errno || value < min || value > max)
        argp_error(state, "--%s is %s, not a whole number from %llu to %llu", name, text,
                   (unsigned long long)min, (unsigned long long)max);
    return value;
}

static error_t take_option(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'e':
        options->epochs = (unsigned)whole(state, "epochs", text, 1, 1000000);
        return 0;
    case 'b':
        options->batch = (unsigned)whole(state, "batch-size", text, 1, TRAIN_SAMPLES);
        return 0;
    case 's':
        options->seed = whole(state, "seed", text, 0, UINT64_MAX);
        return 0;
    case 't':
        options->target = number(state, "target", text, 0, 1);
        return 0;
    case 'l':
        options->rate = number(state, "lr", text, 1e-6, 100);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s is not an option", text);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option_rows[] = {
    {"epochs", 'e', "N", 0, "Train at most N epochs (42)", 0},
    {"batch-size", 'b', "N", 0, "Samples in a step (64)", 0},
    {"seed", 's', "N", 0, "Seed of the data, the weights and the order (1)", 0},
    {"target", 't', "ACCURACY", 0,
     "Stop when the validation accuracy reaches it; exit with 1 when it never does", 0},
    {"lr", 'l', "RATE", 0,
     "Learning rate (0.3 at 64 samples, with the square root of the batch size)", 0},
    {0},
};

/* One arm a class: angle grows with radius, noise blurs the border between the arms. */
static void spiral(struct sample samples[], unsigned count, uint64_t *random)
{
    for (unsigned i = 0; i < count; i++) {
        int arm = (int)(random_uniform(random) * MLP_CLASSES);
        double radius = sqrt(random_uniform(random));
        double angle = 2 * M_PI * arm / MLP_CLASSES + 9.0 * radius + 0.45 * random_normal(random);
        samples[i] = (struct sample){
            {(float)(2 * radius * cos(angle)), (float)(2 * radius * sin(angle))}, arm};
    }
}

static void shuffle(struct training *training)
{
    for (uint32_t i = TRAIN_SAMPLES - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(random_uniform(&training->random) * (i + 1));
        uint32_t kept = training->order[i];
        training->order[i] = training->order[j];
        training->order[j] = kept;
    }
}

static void prepare(struct training *training)
{
    training->random = training->options.seed * 2654435761u + 1;
    spiral(training->train, TRAIN_SAMPLES, &training->random);
    spiral(training->check, CHECK_SAMPLES, &training->random);
    mlp_start(&training->net, &training->random);
    for (uint32_t i = 0; i < TRAIN_SAMPLES; i++)
        training->order[i] = i;
    const char *why = gpu_find(&training->gpu);
    training->has_gpu = !why;
    if (why)
        fprintf(stderr, "train_mlp: training on the CPU alone: %s\n", why);
}

static double accuracy(const struct training *training)
{
    unsigned right = 0;
    for (unsigned i = 0; i < CHECK_SAMPLES; i++)
        right += mlp_guess(&training->net, &training->check[i]) == training->check[i].class;
    return (double)right / CHECK_SAMPLES;
}

/* Trains one epoch; returns its mean loss.  Stops in the middle when it is asked to. */
static double epoch(struct training *training)
{
    unsigned batch = training->options.batch, steps = 0;
    double loss = 0;
    shuffle(training);
    for (unsigned done = 0; done < TRAIN_SAMPLES && !training->stopped; done += batch, steps++) {
        unsigned count = TRAIN_SAMPLES - done < batch ? TRAIN_SAMPLES - done : batch;
        loss += mlp_step(&training->net, training->train, training->order + done, count,
                         (float)training->options.rate);
        if (training->has_gpu)
            gpu_step(&training->gpu, count);
        wt_step();
        training->stopped = wt_stop_requested();
    }
    return loss / steps;
}

static int train(struct training *training)
{
    double target = training->options.target, now = 0;
    for (unsigned n = 1; n <= training->options.epochs; n++) {
        double loss = epoch(training);
        if (training->stopped) {
            printf("stopped in epoch %u as asked, accuracy %.4f\n", n, now);
            return 0;
        }
        now = accuracy(training);
        wt_epoch_end("accuracy", now);
        printf("epoch %u loss %.4f accuracy %.4f\n", n, loss, now);
        fflush(stdout);
        if (now >= target) {
            printf("done: reached accuracy %g after %u epochs\n", target, n);
            return 0;
        }
    }
    if (isnan(target)) {
        printf("done: accuracy %.4f after %u epochs\n", now, training->options.epochs);
        return 0;
    }
    printf("done: missed accuracy %g in %u epochs, accuracy %.4f\n", target,
           training->options.epochs, now);
    return 1;
}

int main(int argc, char **argv)
{
    static struct training training = {
        .options = {.epochs = 42, .batch = 64, .seed = 1, .target = NAN, .rate = NAN}};
    const struct argp argp = {
        option_rows,
        take_option,
        NULL,
        "Trains a small network, on the virtual GPU of WATTUNE_VGPU when there is one.\v"
        "Exit code: 0 trained, and reached the target if there is one; 1 missed it; 2 wrong usage.",
        NULL,
        NULL,
        NULL};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &training.options);
    if (isnan(training.options.rate))
        training.options.rate = 0.3 * sqrt(training.options.batch / 64.0);
    prepare(&training);
    int code = train(&training);
    return fflush(stdout) == 0 && !ferror(stdout) ? code : 1;
}
