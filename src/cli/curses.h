/* SPDX-License-Identifier: Apache-2.0
 *
 * The one door to ncurses, for `wattune top`.  The library is opened with the screen, so that no
 * other command needs it.  There is one screen at a time; the terminal is restored on every way out
 * of the program but SIGKILL.
 */
#ifndef WATTUNE_CLI_CURSES_H
#define WATTUNE_CLI_CURSES_H

#include <stdbool.h>

#include "base/error.h"

/* Checks that a screen can be opened.  WT_E_NOT_SUPPORTED: standard input or output is no terminal;
 * WT_E_NO_LIBRARY: ncurses is not installed. */
int screen_check(struct wt_error *err);

/* Takes the terminal, after screen_check().  WT_E_NOT_SUPPORTED: ncurses does not know its kind. */
int screen_open(struct wt_error *err);
void screen_close(void); /* also when none is open */

void screen_size(unsigned *rows, unsigned *columns);
bool screen_has_unicode(void);

/* Draws lines of text; `title` and `heading` are the numbers of those that stand out. */
void screen_draw(const char *text, unsigned title, unsigned heading);

/* Waits for a key for at most the given time: its character, SCREEN_NOTHING, or SCREEN_CHANGED when
 * the size changed. */
enum { SCREEN_NOTHING = -1, SCREEN_CHANGED = -2 };
int screen_key(int wait_ms);

#endif
