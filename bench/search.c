/* SPDX-License-Identifier: Apache-2.0
 *
 * Sweep against adaptive over the same curves and the same noise: limits measured, how far the
 * chosen limit is from the best one, steps and joules spent.
 *
 *   bench_search SEEDS [TRACES]
 *
 * TRACES is the folder of summary_power_{v100,a40}.csv; a folder that does not exist is skipped.
 * Prints a line for each set of curves, eta and search:
 *
 *   set eta search curves limits most excess-mean% excess-p95% steps kilojoules
 */
#include <stdlib.h>

#include "search_curves.h"

enum { CURVES = 256, OF_A_MODEL = 40 };

static const char *const names[] = {"sweep", "adaptive"};
static const double etas[] = {0.5, 0, 0.25, 0.75, 1};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(const char *set, const struct curve curves[], int count, unsigned seeds)
{
    size_t runs = (size_t)count * seeds;
    double *excess = malloc((runs ? runs : 1) * sizeof *excess);
    if (!excess)
        exit(1);
    for (unsigned e = 0; e < sizeof etas / sizeof etas[0]; e++) {
        struct wt_preference preference = {.selector = WT_SELECT_COST, .eta = etas[e]};
        for (unsigned n = 0; n < 2; n++) {
            double measured = 0, steps = 0, joules = 0, sum = 0;
            unsigned most = 0;
            for (size_t run = 0; run < runs; run++) {
                struct outcome one =
                    search_curve(names[n], &curves[run / seeds], &preference, 0.01, run % seeds, 0);
                measured += one.measured;
                steps += one.steps;
                joules += one.joules;
                most = one.measured > most ? one.measured : most;
                sum += excess[run] = one.excess;
            }
            qsort(excess, runs, sizeof *excess, ascending);
            double n_runs = (double)runs;
            printf("%s %g %s %d %.3f %u %.3f %.3f %.0f %.3f\n", set, etas[e], names[n], count,
                   measured / n_runs, most, 100 * sum / n_runs,
                   100 * excess[(size_t)(0.95 * n_runs)], steps / n_runs, joules / n_runs / 1000);
        }
    }
    free(excess);
}

int main(int argc, char **argv)
{
    static struct curve curves[CURVES];
    unsigned seeds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    if (seeds == 0) {
        fputs("usage: bench_search SEEDS [TRACES]\n", stderr);
        return 2;
    }
    for (size_t m = 0; model_at(m); m++) {
        for (unsigned i = 0; i < OF_A_MODEL; i++) {
            struct workload work = some_workload(model_at(m), 1000 * m + i);
            curves[i] = curve_of_model(model_at(m), &work);
        }
        compare(model_at(m)->key, curves, OF_A_MODEL, seeds);
    }
    const char *const tables[] = {"summary_power_v100.csv", "summary_power_a40.csv"};
    int known = 0;
    for (unsigned t = 0; argc > 2 && t < 2; t++) {
        int more = curves_from_csv(argv[2], tables[t], curves + known, CURVES - known);
        known += more > 0 ? more : 0;
    }
    if (known > 0)
        compare("published", curves, known, seeds);
    known = argc > 2 ? curves_from_fits(argv[2], model_find("h100", 4), curves, CURVES) : 0;
    if (known > 0)
        compare("h100-fits", curves, known, seeds);
    return 0;
}
