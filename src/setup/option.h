/* SPDX-License-Identifier: Apache-2.0
 *
 * A row of the table of options: an option of the command line, a positional argument, a key of the
 * configuration, or several of these at once.  The parser, --help, the manual, the completions and
 * the configuration read the same row.  A row knows its value's type, range, default and target,
 * and reads a value from text; it must not know argv or files.
 */
#ifndef WATTUNE_SETUP_OPTION_H
#define WATTUNE_SETUP_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The type of a value, and the C type of its target. */
enum option_type {
    OPTION_FLAG,     /* bool; takes no value */
    OPTION_TEXT,     /* const char *; from least to most bytes */
    OPTION_NUMBER,   /* double; INFINITY for an alternative "inf" of the form */
    OPTION_FRACTION, /* double; "10%" or "0.1" */
    OPTION_WHOLE,    /* an unsigned integer of 4 or 8 bytes; most 0: no limit */
    OPTION_CHOICE,   /* unsigned or an enum: the number of the alternative, counted from 0 */
    OPTION_WORD,     /* const char *; an alternative of the form */
    OPTION_YES_NO,   /* bool */
    OPTION_WATTS,    /* const char *; auto, or a list of watts */
    OPTION_TIME,     /* int64_t, milliseconds since 1970 UTC; RFC 3339 */
    OPTION_MOMENT,   /* the same; also a date or an age */
    OPTION_READ,     /* the row's own read() and target */
    OPTION_COMMAND,  /* char **; a command with its arguments, for positional arguments only */
};

enum option_target {
    OPTION_TO_NOTHING, /* --help */
    OPTION_TO_SETTINGS,
    OPTION_TO_SHARED, /* struct setup */
    OPTION_TO_CONFIG, /* the configuration, under setting.id */
};

/* How a value is printed. */
enum option_secret {
    OPTION_OPEN,
    OPTION_ADDRESS, /* may hold a password, which is masked */
    OPTION_TOKEN,   /* is masked, and has no flag: other users can read a process's arguments */
};

enum { OPTION_TEXT_MOST = 128 * 1024 }; /* bytes of an argument that Linux passes on */

struct option_row {
    const char
        *name;   /* "eta"; of a positional argument "JOB"; NULL: none, or the end of the rows */
    char letter; /* 'q' for -q; 0: none */
    enum option_type type;
    const char *form;      /* "E", "yes|no", see setup/form.h; NULL: takes no value */
    double least, most;    /* the range; bytes for texts */
    bool above;            /* `least` itself is outside */
    bool optional;         /* the value (of a positional argument: the whole) may be left out */
    bool once;             /* a second one is an error */
    const char *fallback;  /* the default, as a user would type it; NULL: none */
    const char *otherwise; /* the default in words where it is no constant; NULL: none */
    const char *implied;   /* takes no value, and means this one */
    const char *needs;     /* names "a|b": one of them has to be there, too */
    const char *excludes;  /* names "a|b": none of them may be there, too */
    struct {
        enum option_target target;
        size_t offset, size; /* in the settings or in struct setup */
    } to;
    /* Reads `text` into *target; NULL: only checks it.  `name` is for the error sentence. */
    int (*read)(const char *name, const char *text, void *target, struct wt_error *err);
    struct {
        const char *key, *variable; /* "eta", "WATTUNE_ETA"; NULL: not part of the configuration */
        unsigned id;                /* enum config_id, for OPTION_TO_CONFIG */
        enum option_secret secret;
    } setting;
    const char *group; /* heading in --help; NULL: Options */
    const char *help;  /* begins with a capital letter, has no full stop and no default */
};

#define OPTION_TO(type, member)                                                                    \
    {                                                                                              \
        OPTION_TO_SETTINGS, offsetof(type, member), sizeof((type *)NULL)->member                   \
    }

/* Reads `text` by the row's type into *target (NULL: only checks it); texts are borrowed.
 * WT_E_PARSE or WT_E_RANGE: the sentence begins with `name`, tells the value and what the row
 * takes, and names the alternative that was perhaps meant. */
int option_read(const struct option_row *row, const char *name, const char *text, void *target,
                struct wt_error *err);

/* True when an option takes a value on the command line. */
bool option_takes_value(const struct option_row *row);

/* "a number from 0 to 1", "energy or time" into text[0..size); returns it.  Empty for OPTION_READ
 * and OPTION_TEXT. */
char *option_takes(const struct option_row *row, char *text, size_t size);

/* "; did you mean NAME?", or "" without a name, into text[0..size); returns it. */
char *option_meant(const char *name, char *text, size_t size);

/* The row's help with its default in brackets at the end. */
struct buffer;
void option_put_help(struct buffer *out, const struct option_row *row);

/* True when `name` stands in a list of names "a|b"; NULL is the empty list. */
bool option_is_among(const char *names, const char *name);

#endif
