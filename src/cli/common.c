/* SPDX-License-Identifier: Apache-2.0
 *
 * What all commands share: options over the configuration, and the way from an error to an exit
 * code.
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
#include "setup/config.h"

enum key { KEY_REPLAY = 1000, KEY_NO_COLOR };

static const struct argp_option device_options[] = {CONFIG_DEVICE_KEYS(CONFIG_OPTION){0}};
static const struct argp_option replay_options[] = {
    {"replay", KEY_REPLAY, "FILE", 0,
     "a recording (what `wattune monitor --csv` prints) instead of devices", 0},
    {0}};
static const struct argp_option ledger_options[] = {CONFIG_LEDGER_KEYS(CONFIG_OPTION){0}};
static const struct argp_option carbon_options[] = {CONFIG_CARBON_KEYS(CONFIG_OPTION){0}};
static const struct argp_option general_options[] = {
    {"quiet", 'q', NULL, 0, "only errors on standard error", 0},
    {"verbose", 'v', NULL, 0, "details on standard error", 0},
    CONFIG_GENERAL_KEYS(CONFIG_OPTION){"no-color", KEY_NO_COLOR, NULL, 0, "no colours (NO_COLOR)",
                                       0},
    {0}};

static const struct {
    unsigned group;
    const char *title;
    const struct argp_option *options;
} groups[] = {
    {COMMON_DEVICES, "Devices:", device_options},
    {COMMON_REPLAY, NULL, replay_options},
    {COMMON_LEDGER, "Ledger:", ledger_options},
    {COMMON_CARBON, "Carbon:", carbon_options},
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

/* A key of the configuration, given as an option. */
static error_t put_flag(struct config *config, unsigned id, const char *arg)
{
    struct wt_error err;
    if (config_put_flag(config, (enum config_id)id, arg, &err))
        command_usage_error("%s", err.text);
    return 0;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct common *common = ((struct invocation *)state->input)->common;
    if (key >= CONFIG_FLAG && key < (int)CONFIG_FLAG + CONFIG_COUNT)
        return put_flag(common->config, (unsigned)(key - CONFIG_FLAG), arg);
    switch (key) {
    case KEY_REPLAY:
        common->replay = arg;
        return 0;
    case KEY_NO_COLOR:
        return put_flag(common->config, CONFIG_COLOR, "no");
    case 'q':
        log_set_level(LOG_ERROR);
        return 0;
    case 'v':
        log_set_level(LOG_DETAIL);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The command's own options; keys of the configuration among them need no code of the command's. */
static error_t parse_command(int key, char *arg, struct argp_state *state)
{
    const struct invocation *invocation = state->input;
    if (key >= CONFIG_FLAG && key < (int)CONFIG_FLAG + CONFIG_COUNT)
        return put_flag(invocation->common->config, (unsigned)(key - CONFIG_FLAG), arg);
    return invocation->command->parse(key, arg, state);
}

/* Which GPUs and which library: the stronger word counts, and of two from one place the virtual
 * GPUs.  A list of GPUs in a file is weaker than CUDA_VISIBLE_DEVICES. */
static void take_devices(struct common *common)
{
    const struct config *config = common->config;
    enum config_origin vgpu = config->values[CONFIG_VGPU].origin,
                       nvml = config->values[CONFIG_NVML].origin;
    bool gpus_from_file = config->values[CONFIG_GPUS].origin < CONFIG_ENVIRONMENT;
    common->gpus =
        gpus_from_file && getenv("CUDA_VISIBLE_DEVICES") ? NULL : config_text(config, CONFIG_GPUS);
    if (common->replay && vgpu < CONFIG_FROM_FLAG && nvml < CONFIG_FROM_FLAG)
        return;
    common->vgpu = config_text(config, CONFIG_VGPU);
    common->nvml = config_text(config, CONFIG_NVML);
    if (common->vgpu && common->nvml && !(vgpu == CONFIG_FROM_FLAG && nvml == CONFIG_FROM_FLAG)) {
        if (nvml > vgpu)
            common->vgpu = NULL;
        else
            common->nvml = NULL;
    }
    common->nvml_by_user = nvml >= CONFIG_USER_FILE;
}

static void take_config(struct common *common)
{
    const struct config *config = common->config;
    take_devices(common);
    common->ledger = config_text(config, CONFIG_LEDGER);
    const char *no_color = getenv("NO_COLOR");
    bool automatic = isatty(STDOUT_FILENO) && !(no_color && *no_color);
    common->colour = config_is(config, CONFIG_COLOR, "yes") ||
                     (config_is(config, CONFIG_COLOR, "auto") && automatic);
}

/* The option of that name, of the command's own or the shared ones; NULL: there is none. */
static const struct argp_option *find_option(const struct command *command, const char *name,
                                             size_t length)
{
    const struct argp_option *lists[GROUP_COUNT + 1] = {command->options};
    for (unsigned i = 0; i < GROUP_COUNT; i++)
        if (!groups[i].group || (groups[i].group & command->groups))
            lists[i + 1] = groups[i].options;
    for (unsigned i = 0; i <= GROUP_COUNT; i++)
        for (const struct argp_option *o = lists[i]; o && o->name; o++)
            if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
                return o;
    return NULL;
}

/* What getopt stumbled over.  It would print lines of its own; ours is one sentence. */
static void bad_option(const struct command *command, const struct argp_state *state)
{
    const char *word = state->next > 1 ? state->argv[state->next - 1] : "";
    if (word[0] != '-' && state->next < state->argc)
        word = state->argv[state->next];
    int length = (int)strcspn(word, "=");
    const struct argp_option *option =
        strncmp(word, "--", 2) == 0 ? find_option(command, word + 2, (size_t)length - 2) : NULL;
    if (option)
        command_usage_error(option->arg ? "the option %.*s needs a value"
                                        : "the option %.*s takes no value",
                            length, word);
    command_usage_error("there is no option %.*s; `wattune %s --help` lists them", length, word,
                        command->name);
}

static error_t parse_own(int key, char *arg, struct argp_state *state)
{
    const struct invocation *invocation = state->input;
    /* argp has parsers of its own around ours: how many children ours has only we know. */
    if (key == ARGP_KEY_INIT)
        for (unsigned i = 0; i < invocation->child_count; i++)
            state->child_inputs[i] = (void *)invocation;
    if (key == ARGP_KEY_ERROR)
        bad_option(invocation->command, state);
    (void)arg;
    return ARGP_ERR_UNKNOWN;
}

/* ARGP_NO_ERRS keeps argp's help to itself as well. */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--usage") == 0 ||
            strcmp(argv[i], "-?") == 0)
            return true;
    return false;
}

void command_parse(const struct command *command, int argc, char **argv, struct common *common)
{
    static char doc[8192], name[64];
    struct argp own = {command->options, parse_command, NULL, NULL, NULL, NULL, NULL};
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
    snprintf(doc, sizeof doc, "%c%s.\v%s\n\nExamples:\n%s\n",
             toupper((unsigned char)command->summary[0]), command->summary + 1,
             command->description, command->examples);
    snprintf(name, sizeof name, "wattune %s", command->name);
    argv[0] = name;
    argp_err_exit_status = EXIT_USAGE;
    struct argp root = {NULL, parse_own, command->arguments, doc, children, NULL, NULL};
    struct invocation invocation = {command, common, command->settings, n};
    /* In order: what follows the first word of the user's command is the command's, dashes or not.
     */
    unsigned flags = ARGP_IN_ORDER | (asks_for_help(argc, argv) ? 0 : ARGP_NO_ERRS);
    error_t rc = argp_parse(&root, argc, argv, flags, NULL, &invocation);
    if (rc)
        command_usage_error("%s", strerror(rc));
    take_config(common);
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
