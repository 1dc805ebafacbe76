/* SPDX-License-Identifier: Apache-2.0
 *
 * The manual.  Text in the rows is plain: paragraphs with an empty line between, words between `
 * and ` are typed as they stand.  Here it becomes troff: nothing in a row can be taken for a
 * request or an escape, and lines are broken at 79 columns, as troff's readers want them.
 */
#include "cli/manual.h"

#include <ctype.h>
#include <string.h>

#include "setup/config.h"
#include "wattune.h"

/* The day on which the texts were last looked through; pages must not change with the day of the
 * build. */
#define MANUAL_DATE "2026-11-23"

enum { LINE_MOST = 79, WORD_MOST = 400 };

/* --- The words that belong to no command --- */

struct entry {
    const char *name, *text;
};

/* Every variable that is read or set; a test looks for each getenv() of the sources here. */
static const struct entry environment[] = {
    {"WATTUNE_LEDGER", "The ledger, like --ledger."},
    {"WATTUNE_NVML",
     "Another NVML library, like --nvml. Ignored when root acts for somebody else (sudo)."},
    {"WATTUNE_SYSFS", "Another root of /sys, in which powercap and hwmon are looked for."},
    {"WATTUNE_VGPU", "Virtual GPUs, like --vgpu. Set for the command when --vgpu is given."},
    {"WATTUNE_CHANNEL",
     "Set for the command of `wattune run`: the file in which libwattune counts its steps."},
    {"WATTUNE_BATCH_SIZE, WATTUNE_LEARNING_RATE, WATTUNE_SEED, WATTUNE_RECURRENCE",
     "Set for the command of `wattune run`: the batch size and learning rate that were chosen, "
     "where any were, the seed, and which "
     "recurrence of the job it is. They are the {batch_size}, {lr}, {seed} and {recurrence} of its "
     "arguments."},
    {"WATTUNE_PROVIDER_TOKEN", "The token of the provider of carbon intensities; it has no option, "
                               "since others see a process's options."},
    {"LD_LIBRARY_PATH", "Extended for the command when --vgpu is given: the folder of the virtual "
                        "NVML library comes first."},
    {"CUDA_VISIBLE_DEVICES", "Without --gpus, the GPUs that are meant: indexes, UUIDs or MIG UUIDs "
                             "(which mean their parent); empty or "
                             "-1 leaves none. `wattune run --gpus` sets it for the command."},
    {"CUDA_DEVICE_ORDER", "Which order the indexes in CUDA_VISIBLE_DEVICES follow."},
    {"NO_COLOR", "When set, no colours."},
    {"TERM", "The kind of terminal, for `wattune top`."},
    {"XDG_CONFIG_HOME",
     "Your settings are in wattune/wattune.conf below it; without it, below ~/.config."},
    {"XDG_DATA_HOME",
     "The default ledger is wattune/ledger.db below it; without it, below ~/.local/share."},
    {"XDG_RUNTIME_DIR",
     "Where the journal of power limits, the progress channel and virtual GPUs live."},
    {"XDG_STATE_HOME", "Where the journal of power limits lives when there is no XDG_RUNTIME_DIR; "
                       "without it, ~/.local/state."},
    {"HOME", "Your home folder, for the defaults above; set for the command under sudo."},
    {"SUDO_UID, SUDO_GID", "Set by sudo: the command of `wattune run` and `wattune measure` runs "
                           "as this user, and whatever is done with virtual "
                           "GPUs is done as this user."},
};

static const struct entry files[] = {
    {"~/.config/wattune/wattune.conf", "Your settings: see wattune-config(1)."},
    {"/etc/wattune/wattune.conf", "The machine's settings, which yours go before."},
    {"~/.local/share/wattune/ledger.db",
     "The ledger (SQLite): jobs, their runs, profiles and measurements."},
    {"$XDG_RUNTIME_DIR/wattune/, for root /run/wattune/",
     "The journal of power limits: the value found on each GPU is here before the first write, so "
     "that it comes back even after a kill. Without "
     "such a folder it is $XDG_STATE_HOME/wattune/. Entries of an earlier boot are dropped."},
    {"$XDG_RUNTIME_DIR/wattune-* or /dev/shm/wattune-*",
     "The progress channel of a run, gone when the run ends."},
    {"$XDG_RUNTIME_DIR/wattune-vgpu/, /dev/shm/wattune-vgpu-*/",
     "Virtual GPUs, for as long as a process uses them."},
};

/* What a started command adds to the list of command.h. */
static const struct entry command_codes[] = {
    {"126", "`run`, `measure`: COMMAND cannot be executed."},
    {"127", "`run`, `measure`: there is no COMMAND."},
    {"128+n", "`run`, `measure`: COMMAND was ended by signal n."},
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

/* Text that is typed as it stands: every dash is a minus. */
static void put_literal(struct buffer *page, const char *text)
{
    for (; *text; text++)
        put_character(page, *text, true);
}

/* A dash inside a word of prose is a hyphen; in options, paths and names it is what one types. */
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

/* Lines as they stand. */
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

static void put_option(struct buffer *page, const struct argp_option *option)
{
    bool has_short = option->key > ' ' && option->key < 127;
    buffer_print(page, ".TP\n");
    if (has_short)
        buffer_print(page, "\\fB\\-%c\\fR, ", option->key);
    buffer_print(page, "\\fB\\-\\-");
    put_literal(page, option->name);
    buffer_print(page, "\\fR");
    if (option->arg) {
        bool optional = option->flags & OPTION_ARG_OPTIONAL;
        buffer_print(page, optional ? "[=\\fI" : "=\\fI");
        put_literal(page, option->arg);
        buffer_print(page, optional ? "\\fR]" : "\\fR");
    }
    buffer_print(page, "\n");
    put_paragraph(page, option->doc, strlen(option->doc));
}

static bool is_end(const struct argp_option *option)
{
    return !option->name && !option->key && !option->doc && !option->group;
}

static void put_options(struct buffer *page, const char *title, const struct argp_option *options)
{
    if (!options || is_end(options))
        return;
    if (title)
        buffer_print(page, ".SS %.*s\n", (int)strcspn(title, ":"), title);
    for (; !is_end(options); options++)
        put_option(page, options);
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

/* Variables of settings that have no words of their own above: they are like their options. */
static void put_setting_variables(struct buffer *page)
{
    for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        bool told = false;
        for (unsigned k = 0; k < sizeof environment / sizeof environment[0]; k++)
            told |= strcmp(environment[k].name, config_keys[i].variable) == 0;
        if (told)
            continue;
        buffer_print(page, ".TP\n\\fB");
        put_literal(page, config_keys[i].variable);
        buffer_print(page, "\\fR\nLike \\-\\-");
        put_literal(page, config_keys[i].flag);
        buffer_print(page, ".\n");
    }
}

/* What argp gives every command. */
static const struct argp_option help_options[] = {
    {"help", '?', NULL, 0, "the list of options, and exit", 0},
    {"usage", 0, NULL, 0, "the options in a few lines, and exit", 0},
    {0}};

static void put_synopsis(struct buffer *page, const struct command *command)
{
    const char *form = command->arguments;
    buffer_print(page, ".SH SYNOPSIS\n.nf\n");
    do {
        size_t length = strcspn(form, "\n");
        buffer_print(page, "\\fBwattune ");
        put_literal(page, command->name);
        buffer_print(page, "\\fR [\\fIOPTION\\fR...]");
        if (length)
            buffer_print(page, " ");
        for (size_t i = 0; i < length; i++)
            put_character(page, form[i], true);
        buffer_print(page, "\n");
        form += length + (form[length] == '\n');
    } while (*form);
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
    buffer_print(page, ".SH OPTIONS\n");
    put_options(page, NULL, command->options);
    for (unsigned group = 1; group && group <= command->groups; group <<= 1)
        if (command->groups & group)
            put_options(page, common_title((enum common_group)group),
                        common_options((enum common_group)group));
    put_options(page, common_title(0), common_options(0));
    put_options(page, NULL, help_options);
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
        "`wattune run` and `wattune measure` return the command's own code once it was started; "
        "`wattune run` with --target, "
        "--budget or --recurrences returns 0, 5 or 8 unless the command failed by itself. A "
        "booking that fails "
        "after the command ran is said in words, and is 6 only where the code would have been 0.");
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
        "that suits your trade-off "
        "between energy and time while the training goes on, and books the run in a ledger.\n\n"
        "Data goes to standard output, words go to standard error. What is not known is printed as "
        "unknown (null in "
        "JSON, empty in CSV), never as 0.");
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

/* --- What a row lacks --- */

static bool is_blank(const char *text)
{
    return !text || text[strspn(text, " \n\t")] == '\0';
}

unsigned manual_complaints(struct buffer *complaints, const struct command *command)
{
    unsigned count = 0;
    const struct {
        const char *what, *text;
    } texts[] = {{"summary", command->summary},
                 {"description", command->description},
                 {"examples", command->examples}};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (is_blank(texts[i].text)) {
            buffer_print(complaints, "%s has no %s\n", command->name, texts[i].what);
            count++;
        }
    if (!is_blank(command->summary) && command->summary[strlen(command->summary) - 1] == '.') {
        buffer_print(complaints, "the summary of %s ends with a full stop\n", command->name);
        count++;
    }
    for (const struct argp_option *option = command->options; option && !is_end(option); option++)
        if (is_blank(option->doc)) {
            buffer_print(complaints, "%s --%s is not described\n", command->name,
                         option->name ? option->name : "?");
            count++;
        }
    return count;
}
