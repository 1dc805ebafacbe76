/* SPDX-License-Identifier: Apache-2.0
 *
 * What all commands share: options, colours, and the way from an error to an exit code.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "cli/command.h"

enum key { KEY_GPUS = 1000, KEY_NVML, KEY_VGPU, KEY_REPLAY, KEY_LEDGER, KEY_NO_COLOR };

static const struct argp_option device_options[] = {
    {"gpus", KEY_GPUS, "LIST", 0, "GPUs by index in PCI order, UUID (a unique prefix is enough) or PCI address; without it "
     "what CUDA_VISIBLE_DEVICES leaves", 0},
    {"nvml", KEY_NVML, "PATH", 0, "another NVML library (WATTUNE_NVML)", 0},
    {"vgpu", KEY_VGPU, "SPEC", 0, "virtual GPUs: a model (p100 v100 a40 rtx6000 a100 h100), with a count (a40:4), a comma "
     "list, or the path of a machine file (WATTUNE_VGPU)", 0},
    {0}};
static const struct argp_option replay_options[] = {
    {"replay", KEY_REPLAY, "FILE", 0, "a recording (what `wattune monitor --csv` prints) instead of devices", 0}, {0}};
static const struct argp_option ledger_options[] = {
    {"ledger", KEY_LEDGER, "PATH", 0, "the ledger (WATTUNE_LEDGER; by default ~/.local/share/wattune/ledger.db)", 0}, {0}};
static const struct argp_option general_options[] = {
    {"quiet", 'q', NULL, 0, "only errors on standard error", 0},
    {"verbose", 'v', NULL, 0, "details on standard error", 0},
    {"no-color", KEY_NO_COLOR, NULL, 0, "no colours (NO_COLOR)", 0},
    {0}};

static const struct {
    unsigned group;
    const char *title;
    const struct argp_option *options;
} groups[] = {
    {COMMON_DEVICES, "Devices:", device_options},
    {COMMON_REPLAY, NULL, replay_options},
    {COMMON_LEDGER, "Ledger:", ledger_options},
    {0, "General:", general_options},
};
enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

const struct argp_option *common_options(enum common_group group)
{
    for (unsigned i = 0; i < GROUP_COUNT; i++)
        if (groups[i].group == group)
            return groups[i].options;
    return NULL;
}

const char *common_title(enum common_group group)
{
    for (unsigned i = 0; i < GROUP_COUNT; i++)
        if (groups[i].group == group)
            return groups[i].title;
    return NULL;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct common *common = ((struct invocation *)state->input)->common;
    switch (key) {
    case KEY_GPUS: common->gpus = arg; return 0;
    case KEY_NVML: common->nvml = arg; return 0;
    case KEY_VGPU: common->vgpu = arg; return 0;
    case KEY_REPLAY: common->replay = arg; return 0;
    case KEY_LEDGER: common->ledger = arg; return 0;
    case KEY_NO_COLOR: common->colour = false; return 0;
    case 'q': log_set_level(LOG_ERROR); return 0;
    case 'v': log_set_level(LOG_DETAIL); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_own(int key, char *arg, struct argp_state *state)
{
    const struct invocation *invocation = state->input;
    /* argp has parsers of its own around ours: how many children ours has only we know. */
    if (key == ARGP_KEY_INIT)
        for (unsigned i = 0; i < invocation->child_count; i++)
            state->child_inputs[i] = (void *)invocation;
    (void)arg;
    return ARGP_ERR_UNKNOWN;
}

void command_parse(const struct command *command, int argc, char **argv, struct common *common)
{
    static char doc[8192], name[64];
    struct argp own = {command->options, command->parse, NULL, NULL, NULL, NULL, NULL};
    struct argp shared[GROUP_COUNT];
    struct argp_child children[GROUP_COUNT + 2] = {{&own, 0, "Options:", 1}};
    unsigned n = 1;
    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        if (groups[i].group && !(groups[i].group & command->groups))
            continue;
        shared[i] = (struct argp){groups[i].options, parse_common, NULL, NULL, NULL, NULL, NULL};
        children[n] = (struct argp_child){&shared[i], 0, groups[i].title, (int)n + 1};
        n++;
    }
    snprintf(doc, sizeof doc, "%c%s.\v%s\n\nExamples:\n%s\n", toupper((unsigned char)command->summary[0]),
             command->summary + 1, command->description, command->examples);
    snprintf(name, sizeof name, "wattune %s", command->name);
    argv[0] = name;
    argp_err_exit_status = EXIT_USAGE;
    struct argp root = {NULL, parse_own, command->arguments, doc, children, NULL, NULL};
    struct invocation invocation = {common, command->settings, n};
    common->colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    /* In order: what follows the first word of the user's command is the command's, dashes or not. */
    error_t rc = argp_parse(&root, argc, argv, ARGP_IN_ORDER, NULL, &invocation);
    if (rc)
        command_usage_error("%s", strerror(rc));
}

void command_usage_error(const char *format, ...)
{
    char text[512];
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
        {WT_E_INVALID, EXIT_USAGE}, {WT_E_PARSE, EXIT_USAGE}, {WT_E_RANGE, EXIT_USAGE},
        {WT_E_NO_DEVICE, EXIT_NO_DEVICE}, {WT_E_NO_LIBRARY, EXIT_NO_DEVICE}, {WT_E_DEVICE_LOST, EXIT_NO_DEVICE},
        {WT_E_NO_PERMISSION, EXIT_NO_PERMISSION}, {WT_E_LEDGER, EXIT_LEDGER}, {WT_E_VERSION, EXIT_LEDGER},
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
        log_error("standard output cannot be written: %s", page->failed ? "out of memory" : strerror(errno));
    buffer_clear(page);
    return lost ? EXIT_OTHER : EXIT_DONE;
}
