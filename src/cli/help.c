/* SPDX-License-Identifier: Apache-2.0
 *
 * --help and --usage.
 */
#include "cli/help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

enum { NAME_COLUMN = 6, HELP_COLUMN = 29, USAGE_COLUMN = 12, LINE = 400 };

unsigned help_width(void)
{
    struct winsize size = {0};
    unsigned width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
    return width < 40 ? 40 : width > 120 ? 120 : width;
}

/* A line that is being filled with words. */
struct line {
    struct buffer *page;
    unsigned width, indent, column;
};

static void begin_line(struct line *line)
{
    buffer_print(line->page, "\n%*s", (int)line->indent, "");
    line->column = line->indent;
}

static void put_word(struct line *line, const char *word, size_t length, bool after_blank)
{
    char text[LINE];
    length = length < sizeof text ? length : sizeof text - 1;
    memcpy(text, word, length);
    text[length] = '\0';
    unsigned wide = (unsigned)text_width(text), blank = after_blank && line->column > line->indent;
    if (line->column > line->indent && line->column + blank + wide >= line->width) {
        begin_line(line);
        blank = 0;
    }
    if (blank)
        buffer_append(line->page, " ", 1);
    buffer_append(line->page, text, length);
    line->column += blank + wide;
}

/* Prose: any white space parts words. */
static void put_words(struct line *line, const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        const char *word = text;
        while (text < end && !isspace((unsigned char)*text))
            text++;
        if (text > word)
            put_word(line, word, (size_t)(text - word), true);
        while (text < end && isspace((unsigned char)*text))
            text++;
    }
}

static void put_paragraphs(struct buffer *page, const char *text, unsigned width)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t length = end ? (size_t)(end - text) : strlen(text);
        struct line line = {page, width, 0, 0};
        put_words(&line, text, length);
        buffer_print(page, "\n\n");
        text += length;
        while (*text == '\n')
            text++;
    }
}

/* "-q, --quiet", "--eta=E", "--json[=FILE]"; a positional argument as it is. */
static void put_name(struct buffer *out, const struct option_row *row, bool operand)
{
    if (row->letter)
        buffer_print(out, "-%c, ", row->letter);
    buffer_print(out, operand ? "%s" : "--%s", row->name);
    if (!operand && option_takes_value(row))
        buffer_print(out, row->optional ? "[=%s]" : "=%s", row->form);
}

static void put_row(struct buffer *page, const struct option_row *row, bool operand, unsigned width)
{
    struct buffer name = {0}, help = {0};
    struct line line = {page, width, HELP_COLUMN, HELP_COLUMN};
    unsigned indent = operand || row->letter ? 2 : NAME_COLUMN;
    put_name(&name, row, operand);
    option_put_help(&help, row);
    buffer_print(page, "%*s%s", (int)indent, "", buffer_text(&name));
    if (indent + name.length + 2 > HELP_COLUMN)
        begin_line(&line);
    else
        buffer_print(page, "%*s", (int)(HELP_COLUMN - indent - name.length), "");
    put_words(&line, buffer_text(&help), help.length);
    buffer_print(page, "\n");
    buffer_clear(&name);
    buffer_clear(&help);
}

static void put_synopsis(struct buffer *page, const struct command *command)
{
    char text[LINE];
    for (unsigned i = 0; command_synopsis(command, i, text, sizeof text); i++)
        buffer_print(page, "%swattune %s %s\n", i ? "  or:  " : "Usage: ", command->name, text);
}

static void put_options(struct buffer *page, const struct command *command, unsigned width)
{
    const char *group = "";
    const struct option_row *row = command->operands;
    if (row)
        buffer_print(page, "\n Arguments:\n");
    for (; row && row->name; row++)
        put_row(page, row, true, width);
    for (unsigned i = 0; (row = command_option(command, i)); i++) {
        const char *title = row->group ? row->group : "Options";
        if (strcmp(title, group) != 0)
            buffer_print(page, "\n %s:\n", title);
        group = title;
        put_row(page, row, false, width);
    }
}

void help_page(struct buffer *page, const struct command *command, unsigned width)
{
    put_synopsis(page, command);
    buffer_print(page, "%c%s.\n", toupper((unsigned char)command->summary[0]),
                 command->summary + 1);
    put_options(page, command, width);
    buffer_print(page, "\n");
    put_paragraphs(page, command->description, width);
    buffer_print(page, "Examples:\n%s", command->examples);
}

/* The operands of a synopsis line, which stand behind the options. */
static const char *behind_options(const char *synopsis)
{
    const char *blank = strchr(synopsis, ' ');
    return blank ? blank + 1 : "";
}

static void put_usage_line(struct buffer *page, const struct command *command, const char *synopsis,
                           unsigned width)
{
    struct line line = {page, width, USAGE_COLUMN, 0};
    const struct option_row *row;
    char word[LINE];
    snprintf(word, sizeof word, "wattune %s", command->name);
    line.column = (unsigned)(strlen("Usage: ") + strlen(word));
    buffer_print(page, "%s", word);
    for (unsigned i = 0; (row = command_option(command, i)); i++) {
        struct buffer name = {0};
        put_name(&name, row, false);
        const char *text = buffer_text(&name) + (row->letter ? strlen("-q, ") : 0);
        int n = snprintf(word, sizeof word, "[%s]", text);
        put_word(&line, word, n > 0 ? (size_t)n : 0, true);
        buffer_clear(&name);
    }
    put_words(&line, behind_options(synopsis), strlen(behind_options(synopsis)));
    buffer_print(page, "\n");
}

void help_usage(struct buffer *page, const struct command *command, unsigned width)
{
    char synopsis[LINE];
    for (unsigned i = 0; command_synopsis(command, i, synopsis, sizeof synopsis); i++) {
        buffer_print(page, i ? "  or:  " : "Usage: ");
        put_usage_line(page, command, synopsis, width);
    }
}
