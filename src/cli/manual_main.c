/* SPDX-License-Identifier: Apache-2.0
 *
 * The program that writes the manual at build time; it is not installed.
 *
 *   manual PAGE        one page of the table of commands: wattune, wattune-run, ...
 *   manual --fill FILE FILE, a page written by hand, with the error codes for @ERROR_CODES@
 *   manual --list      the names of the pages
 *   manual --check     complaints about rows without documentation; exit code 1 if there are any
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/manual.h"
#include "tune/decide/power_search.h"

static int fill(struct buffer *page, const char *path)
{
    static const char mark[] = "@ERROR_CODES@\n";
    struct buffer text = {0};
    struct wt_error err;
    if (file_read(path, 1 << 20, &text, &err)) {
        log_error("%s", err.text);
        return 1;
    }
    const char *at = strstr(buffer_text(&text), mark);
    if (!at)
        log_error("%s has no line @ERROR_CODES@", path);
    else {
        buffer_append(page, buffer_text(&text), (size_t)(at - buffer_text(&text)));
        manual_error_codes(page);
        buffer_print(page, "%s", at + sizeof mark - 1);
    }
    buffer_clear(&text);
    return at ? 0 : 1;
}

static int check(void)
{
    struct buffer complaints = {0};
    unsigned count = 0;
    for (unsigned i = 0; commands[i]; i++)
        count += manual_complaints(&complaints, commands[i]);
    for (unsigned i = 0; power_search_name(i); i++)
        if (!strstr(config_rows[CONFIG_SEARCH].help, power_search_name(i))) {
            buffer_print(&complaints, "the help of --search lacks %s\n", power_search_name(i));
            count++;
        }
    fputs(buffer_text(&complaints), stdout);
    buffer_clear(&complaints);
    return count ? 1 : 0;
}

static int list(void)
{
    puts("wattune");
    for (unsigned i = 0; commands[i]; i++)
        printf("wattune-%s\n", commands[i]->name);
    return 0;
}

static int write_page(struct buffer *page, const char *name)
{
    if (strcmp(name, "wattune") == 0) {
        manual_overview(page);
        return 0;
    }
    for (unsigned i = 0; commands[i]; i++)
        if (strncmp(name, "wattune-", 8) == 0 && strcmp(name + 8, commands[i]->name) == 0) {
            manual_command(page, commands[i]);
            return 0;
        }
    log_error("there is no page %.60s", name);
    return 1;
}

int main(int argc, char **argv)
{
    struct buffer page = {0};
    int rc;
    if (argc == 2 && strcmp(argv[1], "--check") == 0)
        return check();
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list();
    if (argc == 3 && strcmp(argv[1], "--fill") == 0)
        rc = fill(&page, argv[2]);
    else if (argc == 2)
        rc = write_page(&page, argv[1]);
    else
        rc = 2;
    if (rc == 0 && command_print(&page))
        rc = 1;
    return rc;
}
