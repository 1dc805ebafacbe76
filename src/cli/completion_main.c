/* SPDX-License-Identifier: Apache-2.0
 *
 * The program that writes completions at build time: `completion bash|zsh|fish`; it is not
 * installed.
 */
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/completion.h"

int main(int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*write)(struct buffer *out);
    } shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
    struct buffer page = {0};
    for (unsigned i = 0; argc == 2 && i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(argv[1], shells[i].shell) == 0) {
            shells[i].write(&page);
            return command_print(&page);
        }
    log_error("completion bash, zsh or fish");
    return EXIT_USAGE;
}
