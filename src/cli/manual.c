/* SPDX-License-Identifier: Apache-2.0
 *
 * The manual.  Text in the rows is plain: paragraphs with an empty line between, words between `
 * and ` are typed.  Here it becomes troff: nothing in a row can be taken for a
 * request or an escape, and lines are broken at 79 columns, the custom of troff.
 */
#include "cli/manual.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "setup/config.h"
#include "wattune.h"

/* The day of the last revision of the texts; pages must not change with the day of the build. */
#define MANUAL_DATE "2026-11-30"

enum { LINE_MOST = 79, WORD_MOST = 400 };

/* --- Texts that belong to no command --- */

struct entry {
    const char *name, *text;
};

/* Every variable that is read or set; a test compares the getenv() of the sources. */
static const struct entry environment[] = {
    {"WATTUNE_LEDGER", "The ledger, like --ledger."},
    {"WATTUNE_NVML",
     "Another NVML library, like --nvml. Ignored when root acts for another user (sudo)."},
    {"WATTUNE_SYSFS", "Another root of /sys, for powercap and hwmon."},
    {"WATTUNE_VGPU", "Virtual GPUs, like --vgpu. --vgpu sets it for the command."},
    {"WATTUNE_CHANNEL",
     "`wattune run` sets it for the command: the file in which libwattune counts its steps."},
    {"WATTUNE_BATCH_SIZE, WATTUNE_LEARNING_RATE, WATTUNE_SEED, WATTUNE_RECURRENCE",
     "`wattune run` sets them for the command: the chosen batch size and learning rate, if any, "
     "the seed, and the number of the recurrence. They are the {batch_size}, {lr}, {seed} and "
     "{recurrence} of its arguments."},
    {"WATTUNE_PROVIDER_TOKEN", "The token of the provider of carbon intensities; it has no option, "
                               "since other users can read a process's options."},
    {"LD_LIBRARY_PATH", "--vgpu extends it for the command: the folder of the virtual NVML library "
                        "comes first."},
    {"CUDA_VISIBLE_DEVICES", "The selected GPUs without --gpus: indexes, UUIDs or MIG UUIDs (which "
                             "mean their parent); empty or -1 selects none. `wattune run --gpus` "
                             "sets it for the command."},
    {"CUDA_DEVICE_ORDER", "The order of the indexes in CUDA_VISIBLE_DEVICES."},
    {"NO_COLOR", "Turns colours off when it is set."},
    {"TERM", "The kind of terminal, for `wattune top`."},
    {"XDG_CONFIG_HOME",
     "The folder of your settings, wattune/wattune.conf; without it, ~/.config."},
    {"XDG_DATA_HOME",
     "The folder of the default ledger, wattune/ledger.db; without it, ~/.local/share."},
    {"XDG_RUNTIME_DIR",
     "The folder of the journal of power limits, the progress channel and virtual GPUs."},
    {"XDG_STATE_HOME", "The folder of the journal of power limits without XDG_RUNTIME_DIR; without "
                       "it, ~/.local/state."},
    {"HOME", "Your home folder, for the defaults above; under sudo it is set for the command."},
    {"SUDO_UID, SUDO_GID", "Set by sudo: `wattune run` and `wattune measure` start the command as "
                           "this user, and the work on virtual GPUs is done as this user."},
};

static const struct entry files[] = {
    {"~/.config/wattune/wattune.conf", "Your settings: see wattune-config(1)."},
    {"/etc/wattune/wattune.conf", "The machine's settings; yours precede them."},
    {"~/.local/share/wattune/ledger.db",
     "The ledger (SQLite): jobs, their runs, profiles and measurements."},
    {"$XDG_RUNTIME_DIR/wattune/, for root /run/wattune/",
     "The journal of power limits. It holds the value found on each GPU before the first write, "
     "which brings the value back even after a kill. Without such a folder it is "
     "$XDG_STATE_HOME/wattune/. Entries of an earlier boot are dropped."},
    {"$XDG_RUNTIME_DIR/wattune-* or /dev/shm/wattune-*",
     "The progress channel of a run, removed when the run ends."},
    {"$XDG_RUNTIME_DIR/wattune-vgpu/, /dev/shm/wattune-vgpu-*/",
     "Virtual GPUs, for as long as a process uses them."},
};

/* The codes that a started command adds to the list of base/exit_code.h. */
static const struct entry command_codes[] = {
    {"126", "`run`, `measure`: COMMAND cannot be executed."},
    {"127", "`run`, `measure`: there is no COMMAND."},
    {"128+n", "`run`, `measure`: signal n ended COMMAND."},
};

/* --- Plain text to troff --- */

static void put_character(struct buffer *page, char c, bool literal)
{
    switch (c) {
    case '\\':
        buffer_print(page, "\\(rs");
        break;
    case '\'':
        buffer_print(page, "\\(aq");
        break;
    case '`':
        buffer_print(page, "\\(ga");
        break;
    case '^':
        buffer_print(page, "\\(ha");
        break;
    case '~':
        buffer_print(page, "\\(ti");
        break;
    case '-':
        buffer_print(page, literal ? "\\-" : "-");
        break;
    default:
        buffer_append(page, &c, 1);
    }
}

/* Typed text: every dash is a minus. */
static void put_literal(struct buffer *page, const char *text)
{
    for (; *text; text++)
        put_character(page, *text, true);
}

/* A dash inside a word of prose is a hyphen; in options, paths and names it is typed. */
static bool is_typed(const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (strchr("/_=$", word[i]) ||
            (word[i] == '-' && (i == 0 || !isalpha((unsigned char)word[i - 1]))))
            return true;
    return false;
}

/* One paragraph of prose, broken into lines; a font ends with its word, so that a line may end
 * anywhere. */
static void put_paragraph(struct buffer *page, const char *text, size_t length)
{
    const char *end = text + length;
    size_t column = 0;
    bool code = false;
    while (text < end) {
        if (isspace((unsigned char)*text)) {
            text++;
            continue;
        }
        const char *word = text;
        struct buffer troff = {0};
        while (text < end && !isspace((unsigned char)*text))
            text++;
        bool typed = is_typed(word, (size_t)(text - word));
        if (code)
            buffer_print(&troff, "\\fB");
        for (const char *c = word; c < text; c++) {
            if (*c == '`') {
                code = !code;
                buffer_print(&troff, code ? "\\fB" : "\\fR");
                continue;
            }
            put_character(&troff, *c, typed || code);
        }
        if (code)
            buffer_print(&troff, "\\fR");
        size_t shown = troff.length;
        if (column && column + 1 + shown > LINE_MOST) {
            buffer_print(page, "\n");
            column = 0;
        } else if (column) {
            buffer_print(page, " ");
            column++;
        }
        const char *first = buffer_text(&troff);
        if (column == 0 && (*first == '.' || *first == '\'')) {
            buffer_print(page, "\\&"); /* or it would be a request */
            column += 2;
        }
        buffer_append(page, buffer_text(&troff), troff.length);
        column += shown;
        buffer_clear(&troff);
    }
    buffer_print(page, "\n");
}

static void put_text(struct buffer *page, const char *text)
{
    for (bool first = true; *text; first = false) {
        const char *end = strstr(text, "\n\n");
        size_t length = end ? (size_t)(end - text) : strlen(text);
        if (!first)
            buffer_print(page, ".PP\n");
        put_paragraph(page, text, length);
        text += length;
        while (*text == '\n')
            text++;
    }
}

/* Lines without filling. */
static void put_lines(struct buffer *page, const char *text)
{
    buffer_print(page, ".nf\n");
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (length && (*text == '.' || *text == '\''))
            buffer_print(page, "\\&");
        for (size_t i = 0; i < length; i++)
            put_character(page, text[i], true);
        buffer_print(page, "\n");
        text += length + (text[length] == '\n');
    }
    buffer_print(page, ".fi\n");
}

/* --- Parts of a page --- */

static void put_title(struct buffer *page, const char *name, const char *summary)
{
    struct buffer upper = {0};
    for (const char *c = name; *c; c++)
        put_character(&upper, (char)toupper((unsigned char)*c), true);
    buffer_print(page, ".TH %s 1 \"%s\" \"wattune %s\" \"Wattune\"\n.SH NAME\n",
                 buffer_text(&upper), MANUAL_DATE, WATTUNE_VERSION);
    buffer_clear(&upper);
    put_literal(page, name);
    buffer_print(page, " \\- ");
    put_paragraph(page, summary, strlen(summary));
}

static void put_row_help(struct buffer *page, const struct option_row *row)
{
    struct buffer help = {0};
    option_put_help(&help, row);
    put_paragraph(page, buffer_text(&help), help.length);
    buffer_clear(&help);
}

static void put_option(struct buffer *page, const struct option_row *row)
{
    buffer_print(page, ".TP\n");
    if (row->letter)
        buffer_print(page, "\\fB\\-%c\\fR, ", row->letter);
    buffer_print(page, "\\fB\\-\\-");
    put_literal(page, row->name);
    buffer_print(page, "\\fR");
    if (option_takes_value(row)) {
        buffer_print(page, row->optional ? "[=\\fI" : "=\\fI");
        put_literal(page, row->form);
        buffer_print(page, row->optional ? "\\fR]" : "\\fR");
    }
    buffer_print(page, "\n");
    put_row_help(page, row);
}

static void put_operands(struct buffer *page, const struct option_row *row)
{
    if (!row || !row->name)
        return;
    buffer_print(page, ".SH ARGUMENTS\n");
    for (; row->name; row++) {
        buffer_print(page, ".TP\n\\fI");
        put_literal(page, row->name);
        buffer_print(page, "\\fR\n");
        put_row_help(page, row);
    }
}

static void put_options(struct buffer *page, const struct command *command)
{
    const char *group = NULL;
    const struct option_row *row;
    buffer_print(page, ".SH OPTIONS\n");
    for (unsigned i = 0; (row = command_option(command, i)); i++) {
        if (row->group && (!group || strcmp(row->group, group) != 0))
            buffer_print(page, ".SS %s\n", row->group);
        group = row->group;
        put_option(page, row);
    }
}

static void put_entries(struct buffer *page, const struct entry entries[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_print(page, ".TP\n\\fB");
        put_literal(page, entries[i].name);
        buffer_print(page, "\\fR\n");
        put_text(page, entries[i].text);
    }
}

#define PUT_ENTRIES(page, entries) put_entries(page, entries, sizeof(entries) / sizeof(entries)[0])

/* The other variables of settings: each refers to its option. */
static void put_setting_variables(struct buffer *page)
{
    for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        bool told = false;
        for (unsigned k = 0; k < sizeof environment / sizeof environment[0]; k++)
            told |= strcmp(environment[k].name, config_rows[i].setting.variable) == 0;
        if (told)
            continue;
        buffer_print(page, ".TP\n\\fB");
        put_literal(page, config_rows[i].setting.variable);
        buffer_print(page, "\\fR\nLike \\-\\-");
        put_literal(page, config_rows[i].name);
        buffer_print(page, ".\n");
    }
}

static void put_synopsis(struct buffer *page, const struct command *command)
{
    static const char options[] = "[OPTION...]";
    char line[400];
    buffer_print(page, ".SH SYNOPSIS\n.nf\n");
    for (unsigned i = 0; command_synopsis(command, i, line, sizeof line); i++) {
        buffer_print(page, "\\fBwattune ");
        put_literal(page, command->name);
        buffer_print(page, "\\fR [\\fIOPTION\\fR...]");
        put_literal(page, line + sizeof options - 1);
        buffer_print(page, "\n");
    }
    buffer_print(page, ".fi\n");
}

/* --- Pages --- */

void manual_command(struct buffer *page, const struct command *command)
{
    struct buffer name = {0};
    buffer_print(&name, "wattune-%s", command->name);
    put_title(page, buffer_text(&name), command->summary);
    buffer_clear(&name);
    put_synopsis(page, command);
    buffer_print(page, ".SH DESCRIPTION\n");
    put_text(page, command->description);
    put_operands(page, command->operands);
    put_options(page, command);
    buffer_print(page, ".SH EXIT STATUS\n");
    put_text(page, "The codes are in wattune(1).");
    buffer_print(page, ".SH EXAMPLES\n");
    put_lines(page, command->examples);
    buffer_print(page, ".SH SEE ALSO\n");
    buffer_print(page, "\\fBwattune\\fR(1)");
    for (unsigned i = 0; commands[i]; i++)
        if (commands[i] != command)
            buffer_print(page, ",\n\\fBwattune\\-%s\\fR(1)", commands[i]->name);
    buffer_print(page, "\n");
}

static void put_exit_codes(struct buffer *page)
{
#define ROW(name, code, meaning) {#code, meaning},
    static const struct entry codes[] = {EXIT_CODE_LIST(ROW)};
#undef ROW
    put_text(
        page,
        "`wattune run` and `wattune measure` return the command's own code once it has started; "
        "`wattune run` with --target, --budget or --recurrences returns 0, 5 or 8 unless the "
        "command failed by itself. When booking fails after the command ran, a sentence says so, "
        "and the code is 6 only where it would have been 0.");
    PUT_ENTRIES(page, codes);
    PUT_ENTRIES(page, command_codes);
}

void manual_overview(struct buffer *page)
{
    put_title(page, "wattune", "measure, tune and account for the energy of GPU training");
    buffer_print(
        page, ".SH SYNOPSIS\n.nf\n\\fBwattune\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n"
              "\\fBwattune \\-\\-help\\fR\n\\fBwattune \\-\\-version\\fR\n.fi\n.SH DESCRIPTION\n");
    put_text(
        page,
        "Wattune runs a training command, measures the energy of its GPUs, finds the power limit "
        "that suits your trade-off between energy and time while the training continues, and books "
        "the run in a ledger.\n\n"
        "Data goes to standard output, words go to standard error. An unknown value is printed as "
        "unknown (null in JSON, empty in CSV), never as 0.");
    buffer_print(page, ".SH COMMANDS\n");
    for (unsigned i = 0; commands[i]; i++) {
        buffer_print(page, ".TP\n\\fBwattune\\-%s\\fR(1)\n", commands[i]->name);
        put_text(page, commands[i]->summary);
    }
    buffer_print(page, ".SH ENVIRONMENT\n");
    PUT_ENTRIES(page, environment);
    put_setting_variables(page);
    buffer_print(page, ".SH FILES\n");
    PUT_ENTRIES(page, files);
    buffer_print(page, ".SH EXIT STATUS\n");
    put_exit_codes(page);
    buffer_print(page, ".SH SEE ALSO\n");
    for (unsigned i = 0; commands[i]; i++)
        buffer_print(page, "\\fBwattune\\-%s\\fR(1),\n", commands[i]->name);
    buffer_print(page, "\\fBlibwattune\\fR(3)\n");
}

void manual_error_codes(struct buffer *page)
{
#define ROW(name, value, message) {"WT_E_" #name " (" #value ")", message},
    static const struct entry errors[] = {WT_ERROR_LIST(ROW)};
#undef ROW
    PUT_ENTRIES(page, errors);
}

/* --- Missing documentation --- */

static bool is_blank(const char *text)
{
    return !text || text[strspn(text, " \n\t")] == '\0';
}

static unsigned complain(struct buffer *complaints, bool wrong, const char *command,
                         const char *subject, const char *words)
{
    if (wrong)
        buffer_print(complaints, "%s%s%s %s\n", command, *subject ? " " : "", subject, words);
    return wrong;
}

static unsigned row_complaints(struct buffer *complaints, const struct command *command,
                               const struct option_row *row, const char *dashes)
{
    char subject[80];
    const char *help = row->help;
    snprintf(subject, sizeof subject, "%s%s", dashes, row->name);
    unsigned count =
        complain(complaints, is_blank(help), command->name, subject, "is not described");
    if (count)
        return count;
    count += complain(complaints, *help < 'A' || *help > 'Z', command->name, subject,
                      "does not begin with a capital letter");
    count += complain(complaints, help[strlen(help) - 1] == '.', command->name, subject,
                      "ends with a full stop");
    return count + complain(complaints, strstr(help, "default:") != NULL, command->name, subject,
                            "writes a default that belongs into its row");
}

unsigned manual_complaints(struct buffer *complaints, const struct command *command)
{
    const char *name = command->name, *summary = command->summary;
    unsigned count = 0;
    count += complain(complaints, is_blank(summary), name, "", "has no summary");
    count += complain(complaints, is_blank(command->description), name, "", "has no description");
    count += complain(complaints, is_blank(command->examples), name, "", "has no examples");
    count += complain(complaints, !is_blank(summary) && summary[strlen(summary) - 1] == '.', name,
                      "", "has a summary that ends with a full stop");
    for (const struct option_row *row = command->options; row && row->name; row++)
        count += row_complaints(complaints, command, row, "--");
    for (const struct option_row *row = command->operands; row && row->name; row++)
        count += row_complaints(complaints, command, row, "");
    return count;
}
