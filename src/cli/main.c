/* SPDX-License-Identifier: Apache-2.0
 *
 * wattune: the way to each subcommand of the table in cli/commands.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"
#include "cli/command.h"
#include "run/job/guard_process.h"
#include "run/process/signals.h"

static void print_overview(FILE *out)
{
    fprintf(out, "Usage: wattune COMMAND [options]\n\n"
                 "Measures, tunes and accounts for the energy of GPU training.\n\nCommands:\n");
    for (unsigned i = 0; commands[i]; i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(
        out,
        "\n`wattune COMMAND --help` lists the options; `wattune --version` prints the version.\n");
}

static const struct command *find(const char *name)
{
    for (unsigned i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* Ends the process: there is no such command. */
__attribute__((noreturn)) static void refuse_command(const char *name)
{
    char shown[60], meant[60];
    struct nearest search = {.word = name};
    for (unsigned i = 0; commands[i]; i++)
        nearest_offer(&search, commands[i]->name);
    nearest_offer(&search, "--help");
    nearest_offer(&search, "--version");
    const char *nearest = nearest_name(&search);
    command_usage_error("there is no %s %s%s", *name == '-' ? "option" : "command",
                        text_escape_into(shown, sizeof shown, name),
                        nearest ? option_meant(nearest, meant, sizeof meant)
                                : "; `wattune --help` lists the commands");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], GUARD_PROCESS_COMMAND) == 0)
        return guard_process_main(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    char help[] = "--help";
    char *asked[] = {argv[0], argv[1], help, NULL};
    if (strcmp(argv[1], "help") == 0 && argc == 2) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "help") == 0) { /* as COMMAND --help */
        asked[1] = argv[2];
        argv = asked;
        argc = 3;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("wattune %s\n", WATTUNE_VERSION);
        return EXIT_DONE;
    }
    signals_ignore_size();
    bool names = strcmp(argv[1], JOB_NAMES_COMMAND) == 0;
    const struct command *command = find(argv[1]);
    if (!command && !names)
        refuse_command(argv[1]);
    static struct config config;
    struct config_places places;
    struct wt_error config_error = {0};
    struct setup setup = {.config = &config, .config_error = &config_error};
    config_usual_places(&places);
    config_load(&config, &places, &config_error);
    if (names) {
        setup_take_config(&setup);
        return job_names_main(&setup);
    }
    command_parse(command, argc - 1, argv + 1, &setup); /* before the error of the configuration, so
                                                           that --help works with a wrong file */
    if (config_error.code && !command->any_config)
        return command_failed(&config_error);
    int code = command->run(&setup, command->settings);
    config_clear(&config);
    return code;
}
