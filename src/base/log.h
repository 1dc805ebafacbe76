/* SPDX-License-Identifier: Apache-2.0
 *
 * Words for the person at the terminal: one line each on standard error, prefixed "wattune: ".  The
 * library never calls these; only programs do.
 */
#ifndef WATTUNE_BASE_LOG_H
#define WATTUNE_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTE, LOG_DETAIL };

/* The messages to print: -q keeps errors only, the default stops at notes, -v prints details. */
void log_set_level(enum log_level most);

bool log_shows(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_note(...) log_line(LOG_NOTE, __VA_ARGS__)
#define log_detail(...) log_line(LOG_DETAIL, __VA_ARGS__)

#endif
