/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts that all commands share: their common options over the configuration, and the way from
 * an error to an exit code.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/help.h"

#define TO_SHARED(member)                                                                          \
    {                                                                                              \
        OPTION_TO_SHARED, offsetof(struct setup, member), sizeof((struct setup *)NULL)->member     \
    }

static const struct option_row device_options[] = {CONFIG_DEVICE_KEYS(CONFIG_ROW){0}};
static const struct option_row replay_options[] = {
    {.name = "replay",
     .type = OPTION_TEXT,
     .form = "FILE",
     .most = OPTION_TEXT_MOST,
     .to = TO_SHARED(replay),
     .group = "Devices",
     .help = "Read a recording (the output of `wattune monitor --csv`) instead of devices"},
    {0}};
static const struct option_row ledger_options[] = {CONFIG_LEDGER_KEYS(CONFIG_ROW){0}};
static const struct option_row carbon_options[] = {CONFIG_CARBON_KEYS(CONFIG_ROW){0}};

/* The alternatives in the order of enum log_level. */
#define LEVELS "errors|warnings|notes|details"
static const struct option_row general_options[] = {
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_CHOICE,
     .form = LEVELS,
     .implied = "errors",
     .to = TO_SHARED(level),
     .group = "General",
     .help = "Print only errors on standard error"},
    {.name = "verbose",
     .letter = 'v',
     .type = OPTION_CHOICE,
     .form = LEVELS,
     .implied = "details",
     .to = TO_SHARED(level),
     .group = "General",
     .help = "Print details on standard error"},
    CONFIG_GENERAL_KEYS(CONFIG_ROW){.name = "no-color",
                                    .type = OPTION_CHOICE,
                                    .form = "auto|yes|no",
                                    .implied = "no",
                                    .to = {.target = OPTION_TO_CONFIG},
                                    .setting = {.id = CONFIG_COLOR},
                                    .group = "General",
                                    .help = "Print no colours (as NO_COLOR in the environment)"},
    {.name = "help", .letter = '?', .group = "General", .help = "Print this help and exit"},
    {.name = "usage", .group = "General", .help = "Print the options in a few lines and exit"},
    {0}};

static const struct {
    unsigned group; /* 0: of every command */
    const struct option_row *options;
} groups[] = {
    {COMMON_DEVICES, device_options},
    {COMMON_REPLAY, replay_options},
    {COMMON_LEDGER, ledger_options},
    {COMMON_CARBON, carbon_options},
    {0, general_options},
};
enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

/* Row *i of the list, or NULL with *i less the length of the list. */
static const struct option_row *row_at(const struct option_row *list, unsigned *i)
{
    for (; list && list->name; list++)
        if ((*i)-- == 0)
            return list;
    return NULL;
}

const struct option_row *command_option(const struct command *command, unsigned i)
{
    const struct option_row *row = row_at(command->options, &i);
    for (unsigned g = 0; !row && g < GROUP_COUNT; g++)
        if (!groups[g].group || (groups[g].group & command->groups))
            row = row_at(groups[g].options, &i);
    return row;
}

/* "JOB", "[JOB]", "-- COMMAND [ARGUMENT...]" */
static int put_operands(const struct option_row *row, char *text, size_t size)
{
    size_t used = 0;
    for (; row && row->name && used < size; row++)
        used += (size_t)snprintf(text + used, size - used,
                                 row->type == OPTION_COMMAND ? " -- %s [ARGUMENT...]"
                                 : row->optional             ? " [%s]"
                                                             : " %s",
                                 row->name);
    return (int)used;
}

bool command_synopsis(const struct command *command, unsigned i, char *text, size_t size)
{
    const char *line = command->synopsis;
    size_t used = (size_t)snprintf(text, size, "[OPTION...]");
    if (!line) {
        put_operands(command->operands, text + used, size - used);
        return i == 0;
    }
    for (; i > 0 && *line; i--)
        line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n');
    snprintf(text + used, size - used, " %.*s", (int)strcspn(line, "\n"), line);
    return *line != '\0';
}

int command_read_output(const char *name, const char *text, void *target, struct wt_error *err)
{
    struct wt_error why;
    int rc = file_check_writable(text, &why);
    if (rc)
        return error_set(err, rc, "%s: %s", name, why.text);
    if (target)
        memcpy(target, &text, sizeof text);
    return 0;
}

bool command_colour(const struct setup *setup)
{
    const char *no_color = getenv("NO_COLOR");
    bool automatic = isatty(STDOUT_FILENO) && !(no_color && *no_color);
    return config_is(setup->config, CONFIG_COLOR, "yes") ||
           (config_is(setup->config, CONFIG_COLOR, "auto") && automatic);
}

static void print_help(const struct command *command, bool whole)
{
    struct buffer page = {0};
    if (whole)
        help_page(&page, command, help_width());
    else
        help_usage(&page, command, help_width());
    exit(command_print(&page));
}

void command_parse(const struct command *command, int argc, char **argv, struct setup *setup)
{
    struct given given;
    struct wt_error err;
    setup->level = LOG_NOTE;
    int rc = arguments_parse(command, argc, argv, setup, &given, &err);
    if (rc < 0)
        command_usage_error("%s", err.text);
    if (rc != ARGUMENTS_DONE)
        print_help(command, rc == ARGUMENTS_HELP);
    log_set_level((enum log_level)setup->level);
    setup_take_config(setup);
}

void command_usage_error(const char *format, ...)
{
    char text[sizeof(struct wt_error)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_error("%s", text);
    exit(EXIT_USAGE);
}

int command_failed(const struct wt_error *err)
{
    static const struct {
        int code;
        enum exit_code exit_code;
    } codes[] = {
        {WT_E_INVALID, EXIT_USAGE},
        {WT_E_PARSE, EXIT_USAGE},
        {WT_E_RANGE, EXIT_USAGE},
        {WT_E_NO_DEVICE, EXIT_NO_DEVICE},
        {WT_E_NO_LIBRARY, EXIT_NO_DEVICE},
        {WT_E_DEVICE_LOST, EXIT_NO_DEVICE},
        {WT_E_NO_PERMISSION, EXIT_NO_PERMISSION},
        {WT_E_LEDGER, EXIT_LEDGER},
        {WT_E_VERSION, EXIT_LEDGER},
    };
    log_error("%s", err->text);
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == err->code)
            return (int)codes[i].exit_code;
    return EXIT_OTHER;
}

int command_print(struct buffer *page)
{
    bool lost = page->failed || fputs(buffer_text(page), stdout) < 0 || fflush(stdout) != 0;
    if (lost)
        log_error("standard output cannot be written: %s",
                  page->failed ? "out of memory" : strerror(errno));
    buffer_clear(page);
    return lost ? EXIT_OTHER : EXIT_DONE;
}
