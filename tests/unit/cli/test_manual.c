/* SPDX-License-Identifier: Apache-2.0
 *
 * The manual as troff: nothing in a row may become a request or an escape, and rows without
 * documentation are reported.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/manual.h"

static const struct option_row nasty_options[] = {
    {.name = "dry-run", .help = "For .5 of a second, 'quoted' and C:\\path"},
    {.name = "json",
     .letter = 'j',
     .type = OPTION_TEXT,
     .form = "OUT-FILE",
     .optional = true,
     .otherwise = "-",
     .group = "Others",
     .help = "Well-known `monitor --csv` ~/x-y"},
    {0}};

static struct command nasty(void)
{
    return (struct command){.name = "na-sty",
                            .synopsis = "get\nset WATTS",
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
                 "\\fB\\-\\-dry\\-run\\fR\nFor .5 of a second, \\(aqquoted\\(aq and C:\\(rspath\n");
    assert_holds(&page,
                 ".SS Others\n.TP\n\\fB\\-j\\fR, \\fB\\-\\-json\\fR[=\\fIOUT\\-FILE\\fR]\n"
                 "Well-known \\fBmonitor\\fR \\fB\\-\\-csv\\fR \\(ti/x\\-y (default: \\-)\n");
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
    static const struct option_row faulty[] = {{.name = "json", .help = "Good"},
                                               {.name = "mute"},
                                               {.name = "small", .help = "small letter"},
                                               {.name = "stop", .help = "Stops."},
                                               {.name = "twice", .help = "Told (default: 3)"},
                                               {0}};
    static const struct option_row *const rows[] = {&faulty[1], &faulty[2], &faulty[3], &faulty[4]};
    static const char *const sentences[] = {
        "na-sty --mute is not described\n", "na-sty --small does not begin with a capital letter\n",
        "na-sty --stop ends with a full stop\n",
        "na-sty --twice writes a default that belongs into its row\n"};
    struct command command = nasty();
    assert_int_equal(complaints_about(command, NULL), 0);
    command.summary = "";
    assert_int_equal(complaints_about(command, "na-sty has no summary\n"), 1);
    command = nasty();
    command.summary = "ends like a sentence.";
    assert_int_equal(complaints_about(command, "na-sty has a summary that ends with a full stop\n"),
                     1);
    command = nasty();
    command.description = " \n";
    assert_int_equal(complaints_about(command, "na-sty has no description\n"), 1);
    command = nasty();
    command.examples = NULL;
    assert_int_equal(complaints_about(command, "na-sty has no examples\n"), 1);
    command = nasty();
    command.options = faulty;
    assert_int_equal(complaints_about(command, NULL), 4);
    for (unsigned i = 0; i < 4; i++) {
        const struct option_row one[] = {*rows[i], {0}};
        command.options = one;
        assert_int_equal(complaints_about(command, sentences[i]), 1);
    }
    command = nasty();
    command.operands = faulty;
    assert_int_equal(complaints_about(command, "na-sty mute is not described\n"), 4);
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
