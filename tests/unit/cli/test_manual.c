/* SPDX-License-Identifier: Apache-2.0
 *
 * The manual as troff: nothing in a row may become a request or an escape, and rows without
 * documentation are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/manual.h"

static const struct argp_option nasty_options[] = {
    {"dry-run", 1, NULL, 0, ".5 of a second, 'quoted' and C:\\path", 0},
    {"json", 'j', "OUT-FILE", OPTION_ARG_OPTIONAL, "`monitor --csv` well-known ~/x-y", 0},
    {0}};

static struct command nasty(void)
{
    return (struct command){.name = "na-sty",
                            .arguments = "get\nset WATTS",
                            .summary = "does \\nasty things",
                            .description = "One two\nthree.\n\n.PP is no request, nor is 'this.",
                            .examples = ".hidden --x\n'quote\n\n  C:\\n\n",
                            .options = nasty_options};
}

static void assert_holds(const struct buffer *page, const char *part)
{
    if (!strstr(buffer_text(page), part))
        fail_msg("no \"%s\" in:\n%s", part, buffer_text(page));
}

static void test_escapes(void **state)
{
    (void)state;
    struct buffer page = {0};
    struct command command = nasty();
    manual_command(&page, &command);
    assert_holds(&page, ".TH WATTUNE\\-NA\\-STY 1 ");
    assert_holds(&page, "wattune\\-na\\-sty \\- does \\(rsnasty things\n");
    assert_holds(&page, "\\fBwattune na\\-sty\\fR [\\fIOPTION\\fR...] get\n\\fBwattune "
                        "na\\-sty\\fR [\\fIOPTION\\fR...] set WATTS\n");
    assert_holds(&page, "One two three.\n.PP\n\\&.PP is no request, nor is \\(aqthis.\n");
    assert_holds(&page,
                 "\\fB\\-\\-dry\\-run\\fR\n\\&.5 of a second, \\(aqquoted\\(aq and C:\\(rspath\n");
    assert_holds(&page, "\\fB\\-j\\fR, \\fB\\-\\-json\\fR[=\\fIOUT\\-FILE\\fR]\n"
                        "\\fBmonitor\\fR \\fB\\-\\-csv\\fR well-known \\(ti/x\\-y\n");
    assert_holds(&page, ".nf\n\\&.hidden \\-\\-x\n\\&\\(aqquote\n\n  C:\\(rsn\n.fi\n");
    buffer_clear(&page);
}

static void test_lines_are_short(void **state)
{
    (void)state;
    struct buffer page = {0};
    manual_overview(&page);
    for (unsigned i = 0; commands[i]; i++)
        manual_command(&page, commands[i]);
    unsigned lines = 0;
    for (const char *line = buffer_text(&page); *line; lines++) {
        size_t length = strcspn(line, "\n");
        if (length > 100) /* text is broken at 79; a line as it stands may be somewhat longer */
            fail_msg("a line of %zu bytes: %.*s", length, (int)length, line);
        line += length + 1;
    }
    assert_true(lines > 200);
    buffer_clear(&page);
}

static unsigned complaints_about(struct command command, const char *sentence)
{
    struct buffer complaints = {0};
    unsigned count = manual_complaints(&complaints, &command);
    if (sentence)
        assert_holds(&complaints, sentence);
    buffer_clear(&complaints);
    return count;
}

static void test_complaints(void **state)
{
    (void)state;
    static const struct argp_option undocumented[] = {
        {"json", 1, NULL, 0, "good", 0}, {"mute", 2, NULL, 0, NULL, 0}, {0}};
    struct command command = nasty();
    assert_int_equal(complaints_about(command, NULL), 0);
    command.summary = "";
    assert_int_equal(complaints_about(command, "na-sty has no summary\n"), 1);
    command = nasty();
    command.summary = "ends like a sentence.";
    assert_int_equal(complaints_about(command, "the summary of na-sty ends with a full stop\n"), 1);
    command = nasty();
    command.description = " \n";
    assert_int_equal(complaints_about(command, "na-sty has no description\n"), 1);
    command = nasty();
    command.examples = NULL;
    assert_int_equal(complaints_about(command, "na-sty has no examples\n"), 1);
    command = nasty();
    command.options = undocumented;
    assert_int_equal(complaints_about(command, "na-sty --mute is not described\n"), 1);
}

static void test_exit_codes(void **state)
{
    (void)state;
    struct buffer page = {0};
    manual_overview(&page);
    assert_holds(&page, "\\fB6\\fR\nThe ledger cannot be opened or written.\n");
    assert_holds(&page, "\\fB128+n\\fR\n");
    buffer_clear(&page);
    manual_error_codes(&page);
    assert_holds(&page, "\\fBWT_E_IGNORED (\\-18)\\fR\nthe device did not do what it confirmed\n");
    buffer_clear(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_lines_are_short),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
