/* SPDX-License-Identifier: Apache-2.0
 *
 * ncurses, opened with dlopen.  Only the types of its header are used: no function is called by
 * name, and no global variable is touched, so that the program does not link it.
 */
#define NCURSES_NOMACROS 1
#define NCURSES_OPAQUE 1
#define NCURSES_WIDECHAR 1

#include "cli/curses.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/dl.h"

/* clang-format off */
#define FUNCTIONS(X) \
    X(newterm) X(endwin) X(newwin) X(delwin) X(cbreak) X(noecho) X(curs_set) X(keypad) \
    X(wtimeout) X(wgetch) X(wmove) X(waddnstr) X(werase) X(wclrtoeol) X(wattrset) X(wrefresh) \
    X(getmaxx) X(getmaxy) X(clearok)
/* clang-format on */

#define MEMBER(name) __typeof__(&(name)) name;
static struct {
    FUNCTIONS(MEMBER)
} n;
#undef MEMBER

static struct {
    WINDOW *window;
    struct termios before;
    bool is_open;
} screen;

static int load(struct wt_error *err)
{
    static const char *const names[] = {"libncursesw.so.6", "libncursesw.so.5", NULL};
    void *library = dl_open_first(names, err);
    if (!library)
        return error_prefix(err, "this command needs ncurses (Debian: libncursesw6)");
#define BIND(name)                                                                                 \
    {                                                                                              \
        static const char *const symbols[] = {#name, NULL};                                        \
        void *address = dl_first_symbol(library, symbols);                                         \
        if (!address)                                                                              \
            return error_set(err, WT_E_NO_LIBRARY, "this ncurses has no " #name);                  \
        memcpy(&n.name, &address, sizeof address);                                                 \
    }
    FUNCTIONS(BIND)
#undef BIND
    return 0;
}

/* Restores the terminal when the program crashes, with calls that a signal handler may make only:
 * the main screen, a visible cursor, plain letters, and the settings found at the start. */
static void on_crash(int number)
{
    static const char plain[] = "\x1b[?1049l\x1b[?25h\x1b[0m\r\n";
    ssize_t written = write(STDOUT_FILENO, plain, sizeof plain - 1);
    (void)written;
    tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
    signal(number, SIG_DFL);
    raise(number);
}

int screen_check(struct wt_error *err)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(err, WT_E_NOT_SUPPORTED,
                         "this command draws on a terminal, and standard input or output is none; "
                         "`wattune monitor` prints lines");
    return load(err);
}

int screen_open(struct wt_error *err)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    setlocale(LC_CTYPE, ""); /* characters only: numbers stay as they are */
    tcgetattr(STDIN_FILENO, &screen.before);
    if (!n.newterm(NULL, stdout, stdin)) {
        const char *kind = getenv("TERM");
        return error_set(err, WT_E_NOT_SUPPORTED,
                         "ncurses does not know this terminal (TERM is %.40s); `wattune monitor` "
                         "prints lines",
                         kind && *kind ? kind : "not set");
    }
    screen.is_open = true;
    atexit(screen_close);
    for (unsigned i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        signal(crashes[i], on_crash);
    n.cbreak();
    n.noecho();
    n.curs_set(0);
    screen.window = n.newwin(0, 0, 0, 0);
    if (!screen.window) {
        screen_close();
        return error_set(err, WT_E_NO_MEMORY, "open the screen: out of memory");
    }
    n.keypad(screen.window, TRUE);
    return 0;
}

void screen_close(void)
{
    if (!screen.is_open)
        return;
    screen.is_open = false;
    if (screen.window)
        n.delwin(screen.window);
    screen.window = NULL;
    n.curs_set(1);
    n.endwin();
}

void screen_size(unsigned *rows, unsigned *columns)
{
    *rows = (unsigned)n.getmaxy(screen.window);
    *columns = (unsigned)n.getmaxx(screen.window);
}

bool screen_has_unicode(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void screen_draw(const char *text, unsigned title, unsigned heading)
{
    int rows = n.getmaxy(screen.window);
    n.werase(screen.window);
    for (int row = 0; row < rows && *text; row++) {
        size_t length = strcspn(text, "\n");
        n.wattrset(screen.window, row == (int)title     ? (int)A_BOLD
                                  : row == (int)heading ? (int)A_REVERSE
                                                        : (int)A_NORMAL);
        n.wmove(screen.window, row, 0);
        n.waddnstr(screen.window, text, (int)length);
        text += length + (text[length] == '\n');
    }
    n.wattrset(screen.window, (int)A_NORMAL);
    n.wrefresh(screen.window);
}

int screen_key(int wait_ms)
{
    n.wtimeout(screen.window, wait_ms < 0 ? 0 : wait_ms);
    int key = n.wgetch(screen.window);
    if (key == KEY_RESIZE) { /* a window of the old size keeps it: take one of the new */
        WINDOW *window = n.newwin(0, 0, 0, 0);
        if (window) {
            n.delwin(screen.window);
            screen.window = window;
            n.keypad(window, TRUE);
            n.clearok(window, TRUE);
        }
        return SCREEN_CHANGED;
    }
    return key == ERR ? SCREEN_NOTHING : key;
}
