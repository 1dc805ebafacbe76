/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring a piece of a program: begin a window, do the work, end it.
 *
 *     cc window.c $(pkg-config --cflags --libs wattune)
 */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "wattune.h"

static void work(void)
{
    nanosleep(&(struct timespec){.tv_sec = 1},
              NULL); /* your kernels here, and a synchronisation at their end */
}

int main(void)
{
    struct wt_monitor *monitor;
    int rc = wt_monitor_open(&monitor);
    if (rc) {
        fprintf(stderr, "window: %s\n", wt_strerror(rc));
        return 1;
    }
    struct wt_window_result result;
    rc = wt_begin_window(monitor, "work");
    if (rc == 0) {
        work();
        rc = wt_end_window(monitor, "work", &result);
    }
    if (rc)
        fprintf(stderr, "window: %s\n", wt_strerror(rc));
    else if (isnan(result.energy_j))
        printf("%.3f s; the energy of %u GPUs is not known\n", result.time_s, result.device_count);
    else
        printf("%.3f s, %.1f J (+- %.1f J) on %u GPUs\n", result.time_s, result.energy_j,
               result.energy_error_j, result.device_count);
    wt_monitor_close(monitor);
    return rc ? 1 : 0;
}
