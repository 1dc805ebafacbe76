/* SPDX-License-Identifier: Apache-2.0
 *
 * The public C interface of Wattune.  One header, no dependencies beyond libc.
 *
 * Every function is safe to call from any thread.  Functions return >= 0 on success and a negative
 * WT_E_* code on failure; outputs are untouched on failure.  The library never prints, exits,
 * installs signal handlers, calls setenv or changes the locale.
 */
#ifndef WATTUNE_H
#define WATTUNE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WT_PUBLIC __attribute__((visibility("default")))
#else
#define WT_PUBLIC
#endif

/* The one list of error codes: X(name, value, message). */
#define WT_ERROR_LIST(X)                                                                           \
    X(INVALID, -1, "invalid argument")                                                             \
    X(NO_MEMORY, -2, "out of memory")                                                              \
    X(NOT_FOUND, -3, "not found")                                                                  \
    X(NO_DEVICE, -4, "no such device")                                                             \
    X(NO_LIBRARY, -5, "a library cannot be opened")                                                \
    X(DRIVER, -6, "the driver answered with an error")                                             \
    X(NOT_SUPPORTED, -7, "not supported by this device or driver")                                 \
    X(NO_PERMISSION, -8, "no permission")                                                          \
    X(DEVICE_LOST, -9, "the device is lost")                                                       \
    X(BUSY, -10, "held by somebody else")                                                          \
    X(RANGE, -11, "out of range")                                                                  \
    X(IO, -12, "input or output failed")                                                           \
    X(PARSE, -13, "malformed input")                                                               \
    X(LEDGER, -14, "the ledger cannot be used")                                                    \
    X(VERSION, -15, "made by a newer version")                                                     \
    X(TIMEOUT, -16, "took too long")                                                               \
    X(NO_DATA, -17, "nothing was measured")                                                        \
    X(IGNORED, -18, "the device did not do what it confirmed")

#define WT_ERROR_ENUM(name, value, message) WT_E_##name = (value),
enum { WT_OK = 0, WT_ERROR_LIST(WT_ERROR_ENUM) };
#undef WT_ERROR_ENUM

/* The message of a WT_E_* code; never NULL. */
WT_PUBLIC const char *wt_strerror(int code);

/* --- Progress, from inside a training command under `wattune run` ---
 *
 * Outside such a run all three do nothing, in a few nanoseconds.  None makes a system call after a
 * thread's first call. */

/* One training step (one optimizer step) is done.  Each call counts, from whatever thread;
 * processes that run at the same time are the ranks of one training, whose steps count once. */
WT_PUBLIC void wt_step(void);

/* One epoch is done; `name` (copied, at most 31 bytes) and `value` are the validation metric, NULL
 * when there is none. */
WT_PUBLIC void wt_epoch_end(const char *name, double value);

/* 1 when the run asks the training to stop (early stop, budget); 0 otherwise.  A program that polls
 * it can save its state before the SIGTERM that follows. */
WT_PUBLIC int wt_stop_requested(void);

/* --- Energy windows (Zeus: begin_window, end_window) --- */

struct wt_monitor;

struct wt_window_result {
    double time_s;         /* length of the window */
    double energy_j;       /* sum over the monitor's devices; NaN when any of them is unknown */
    double energy_error_j; /* 95 % bound of energy_j; NaN when unknown */
    unsigned device_count; /* number of devices in the sum */
};

/* Flags of wt_monitor_open_flags().
 *
 * WT_MONITOR_TRACK: follow the ticks of the energy counters, so that windows shorter than some
 * seconds have a smaller error.  A thread reads every GPU up to 40 times a second while the
 * monitor is open; a forked child has no such thread, and the larger error. */
enum { WT_MONITOR_TRACK = 1 << 0 };

/* Opens every GPU that CUDA_VISIBLE_DEVICES leaves.  The caller frees *monitor with
 * wt_monitor_close().  An unknown flag is WT_E_INVALID. */
WT_PUBLIC int wt_monitor_open(struct wt_monitor **monitor); /* without flags */
WT_PUBLIC int wt_monitor_open_flags(struct wt_monitor **monitor, unsigned flags);
WT_PUBLIC void wt_monitor_close(struct wt_monitor *monitor);

/* Begin and end a window.  Windows have names, may nest and overlap; a second begin of an open name
 * is WT_E_BUSY, an end of one that is not open WT_E_NOT_FOUND.  Both read the counters in the
 * caller's thread and never wait for a tick.  GPUs without a counter are read for their power by a
 * thread while the monitor is open; a forked child has no such thread, and NaN. */
WT_PUBLIC int wt_begin_window(struct wt_monitor *monitor, const char *name);
WT_PUBLIC int wt_end_window(struct wt_monitor *monitor, const char *name,
                            struct wt_window_result *result);

#ifdef __cplusplus
}
#endif

#endif
