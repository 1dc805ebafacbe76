/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: forms of arguments, and the configuration: who goes before whom, and what a file may not
 * hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "setup/config.h"
#include "setup/form.h"

static char folder[] = "/tmp/wattune-config-XXXXXX";
static struct config_places places;
static struct config config;
static struct wt_error err;

static const char *variables[8][2];

static const char *variable(const char *name)
{
    for (unsigned i = 0; variables[i][0]; i++)
        if (strcmp(variables[i][0], name) == 0)
            return variables[i][1];
    return NULL;
}

static void put_bytes(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static void put_text(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static int load(void)
{
    config_clear(&config);
    memset(&err, 0, sizeof err);
    return config_load(&config, &places, &err);
}

static int set_up(void **state)
{
    (void)state;
    memset(&places, 0, sizeof places);
    memset(variables, 0, sizeof variables);
    snprintf(places.system_path, sizeof places.system_path, "%s/system.conf", folder);
    snprintf(places.user_path, sizeof places.user_path, "%s/user.conf", folder);
    places.variable = variable;
    unlink(places.system_path);
    unlink(places.user_path);
    return 0;
}

static void assert_where(enum config_id id, const char *value, const char *where)
{
    char text[PATH_MAX + 16];
    assert_string_equal(config_text(&config, id), value);
    assert_string_equal(config_where(&config, id, text, sizeof text), where);
}

static void stronger_places_go_first(void **state)
{
    (void)state;
    char system_3[PATH_MAX + 8], user_1[PATH_MAX + 8];
    snprintf(system_3, sizeof system_3, "%s:3", places.system_path);
    snprintf(user_1, sizeof user_1, "%s:1", places.user_path);
    assert_int_equal(load(), 0);
    assert_where(CONFIG_ETA, "0.5", "default");
    put_text(places.system_path, "# the machine's\n\neta = 0.1\nproject = cluster\n");
    assert_int_equal(load(), 0);
    assert_where(CONFIG_ETA, "0.1", system_3);
    put_text(places.user_path, "eta=0.2\n");
    assert_int_equal(load(), 0);
    assert_where(CONFIG_ETA, "0.2", user_1);
    assert_string_equal(config_text(&config, CONFIG_PROJECT), "cluster");
    variables[0][0] = "WATTUNE_ETA";
    variables[0][1] = "0.3";
    assert_int_equal(load(), 0);
    assert_where(CONFIG_ETA, "0.3", "WATTUNE_ETA");
    assert_int_equal(config_put_flag(&config, CONFIG_ETA, "0.4", &err), 0);
    assert_where(CONFIG_ETA, "0.4", "--eta");
    assert_true(config_number(&config, CONFIG_ETA) == 0.4);
    variables[0][1] = ""; /* an empty variable is none */
    assert_int_equal(load(), 0);
    assert_where(CONFIG_ETA, "0.2", user_1);
    assert_null(config_text(&config, CONFIG_GPUS));
}

/* Loads the user's file with these bytes: the sentence begins with file and line and goes on with
 * the words. */
static void assert_refused(const char *bytes, size_t length, unsigned line, const char *words)
{
    char wanted[PATH_MAX + 400];
    put_bytes(places.user_path, bytes, length);
    int rc = load();
    assert_true(rc == WT_E_PARSE || rc == WT_E_RANGE);
    snprintf(wanted, sizeof wanted, "%s:%u: %s", places.user_path, line, words);
    assert_string_equal(err.text, wanted);
    assert_string_equal(config_text(&config, CONFIG_ETA),
                        "0.5"); /* nothing of a wrong file stays */
    assert_null(config_text(&config, CONFIG_PROJECT));
}

static void errors_name_file_and_line(void **state)
{
    (void)state;
    const struct {
        const char *text, *words;
        unsigned line;
    } rows[] = {
        {"project = x\neta = 2\n", "eta is a number from 0 to 1, not \"2\"", 2},
        {"eta = nan\n", "eta is a number from 0 to 1, not \"nan\"", 1},
        {"eta =\n", "eta is a number from 0 to 1, not \"\"", 1},
        {"\n\nphase = nap\n", "phase is data, experimentation, training or inference, not \"nap\"",
         3},
        {"power_limits = 100,100\n",
         "power_limits is auto or a list of at most 64 different watts, not \"100,100\"", 1},
        {"progress = pattern:\n",
         "progress is auto, channel, none or pattern:REGEX, not \"pattern:\"", 1},
        {"ledgr = x\n", "there is no key \"ledgr\"; did you mean ledger?", 1},
        {"power-limits = auto\n", "there is no key \"power-limits\"; did you mean power_limits?",
         1},
        {"colour = no\n", "there is no key \"colour\"; did you mean color?", 1},
        {"what_is_this = x\n", "there is no key \"what_is_this\"; `wattune config` lists the keys",
         1},
        {"project = x\neta = 0.1\nproject = y\n", "project is set in line 1 already", 3},
        {"eta = 0.1\nnonsense\n", "a line is NAME = VALUE, or a remark after #", 2},
        {"phase = trainning\n",
         "phase is data, experimentation, training or inference, not \"trainning\"; did you mean "
         "training?",
         1},
        {"[run]\neta = 0.1\n", "[run]: this file has no sections", 2},
        {"eta = 0.1\n  phase\n", "a line is NAME = VALUE, or a remark after #", 2},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(rows[i].text, strlen(rows[i].text), rows[i].line, rows[i].words);
}

static void the_first_error_is_told(void **state)
{
    (void)state;
    assert_refused("eta = 7\nphase = nap\n", 20, 1, "eta is a number from 0 to 1, not \"7\"");
}

static void hostile_files(void **state)
{
    (void)state;
    char line[600] = "project = ";
    memset(line + 10, 'x', 500);
    memcpy(line + 510, "\neta = 0.1\n", 12);
    assert_refused(line, strlen(line), 1, "the line is longer than 198 bytes (a variable may be)");
    assert_refused("eta = 0.1\nproject = a\0b\n", 24, 2, "the line holds a control character");
    assert_refused("project = \x1b[2J\n", 15, 1, "the line holds a control character");
    assert_refused("\x1b = 1\n", 6, 1, "the line holds a control character");
    assert_refused("\xff\xfe"
                   "e\0t\0a\0",
                   8, 1, "the line holds a control character");
    assert_refused("\xe2\x80\xae = 1\n", 8, 1,
                   "there is no key \"\\u202e\"; `wattune config` lists the keys");
    char *large = malloc(100000);
    assert_non_null(large);
    memset(large, '#', 100000);
    put_bytes(places.user_path, large, 100000);
    free(large);
    assert_int_equal(load(), WT_E_RANGE);
    assert_non_null(strstr(err.text, "is larger than 65536 bytes"));
    unlink(places.user_path);
    assert_int_equal(mkfifo(places.user_path, 0600), 0); /* must not wait for a writer */
    assert_int_equal(load(), WT_E_PARSE);
    assert_non_null(strstr(err.text, "is not a regular file"));
    unlink(places.user_path);
    assert_int_equal(mkdir(places.user_path, 0700), 0);
    assert_int_equal(load(), WT_E_PARSE);
    rmdir(places.user_path);
}

static void harmless_files(void **state)
{
    (void)state;
    const char *const texts[] = {
        ("\xef\xbb\xbf"
         "eta = 0.25\n"),                 /* byte order mark */
        "eta = 0.25\r\nphase = data\r\n", /* another system's line ends */
        "eta = 0.25",                     /* no end of the last line */
        "  eta   =   0.25   \n",
        "# remark\n; remark\neta = 0.25 ; why\n",
        "eta: 0.25\n",
        "project = x\n\teta = 0.25\n", /* indented: a line of its own, not more of the one above */
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_text(places.user_path, texts[i]);
        assert_int_equal(load(), 0);
        assert_string_equal(config_text(&config, CONFIG_ETA), "0.25");
    }
    assert_string_equal(config_text(&config, CONFIG_PROJECT), "x");
    put_bytes(places.user_path, "", 0);
    assert_int_equal(load(), 0);
    char line[300] = "project = "; /* the longest line that is taken whole */
    memset(line + 10, 'x', 188);
    put_text(places.user_path, line);
    assert_int_equal(load(), 0);
    assert_int_equal(strlen(config_text(&config, CONFIG_PROJECT)), 188);
}

static void root_trusts_its_own_files_only(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    put_text(places.user_path, "eta = 0.25\n");
    assert_int_equal(chmod(places.user_path, 0622), 0);
    assert_int_equal(load(), WT_E_NO_PERMISSION);
    assert_int_equal(chmod(places.user_path, 0600), 0);
    assert_int_equal(chown(places.user_path, 12345, 0), 0);
    assert_int_equal(load(), WT_E_NO_PERMISSION);
    assert_int_equal(chown(places.user_path, 0, 0), 0);
    assert_int_equal(load(), 0);
    assert_int_equal(setenv("HOME", folder, 1), 0);
    assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
    struct config_places usual;
    assert_int_equal(unsetenv("SUDO_UID"), 0);
    config_usual_places(&usual);
    assert_non_null(strstr(usual.user_path, "/.config/wattune/wattune.conf"));
    assert_int_equal(setenv("SUDO_UID", "1000", 1), 0);
    config_usual_places(&usual);
    assert_string_equal(usual.user_path, "");
    assert_string_equal(usual.system_path, "/etc/wattune/wattune.conf");
}

static void variables_and_flags_are_checked(void **state)
{
    (void)state;
    variables[0][0] = "WATTUNE_BASELINE";
    variables[0][1] = "perhaps";
    assert_int_equal(load(), WT_E_PARSE);
    assert_string_equal(err.text, "WATTUNE_BASELINE is yes or no, not \"perhaps\"");
    variables[0][0] = NULL;
    assert_int_equal(load(), 0);
    assert_int_equal(config_put_flag(&config, CONFIG_POWER_LIMITS, "abc", &err), WT_E_PARSE);
    assert_string_equal(
        err.text, "--power-limits is auto or a list of at most 64 different watts, not \"abc\"");
    assert_string_equal(config_text(&config, CONFIG_POWER_LIMITS), "auto");
}

static void passwords_are_masked(void **state)
{
    (void)state;
    const char *const rows[][2] = {
        {"/data/ledger.db", "/data/ledger.db"},
        {"postgresql://host/name", "postgresql://host/name"},
        {"postgresql://ann@host/name", "postgresql://ann@host/name"},
        {"postgresql://ann:secret@host/name", "postgresql://ann:***@host/name"},
        {"postgresql://ann:se@cr:et@host/name", "postgresql://ann:***@host/name"},
        {"postgresql://ann:sec/ret@host/name", "postgresql://ann:***@host/name"},
        {"postgresql://host/name?user=ann&password=secret", "postgresql://host/name?***"},
        {"postgresql://ann:secret@host/name?password=secret", "postgresql://ann:***@host/name?***"},
        {"postgresql://host/name?password=se@cret", "postgresql://host:***"},
        {"postgresql://ann:se?cret@host/name", "postgresql://ann:***"},
    };
    char shown[400];
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(load(), 0);
        assert_int_equal(config_put_flag(&config, CONFIG_LEDGER, rows[i][0], &err), 0);
        assert_string_equal(config_shown(&config, CONFIG_LEDGER, shown, sizeof shown), rows[i][1]);
        assert_int_equal(config_put_flag(&config, CONFIG_PROVIDER_URL, rows[i][0], &err), 0);
        assert_string_equal(config_shown(&config, CONFIG_PROVIDER_URL, shown, sizeof shown),
                            rows[i][1]);
    }
    assert_string_equal(config_shown(&config, CONFIG_PROVIDER_TOKEN, shown, sizeof shown), "");
    assert_int_equal(config_put_flag(&config, CONFIG_PROVIDER_TOKEN, "geheim", &err), 0);
    assert_string_equal(config_shown(&config, CONFIG_PROVIDER_TOKEN, shown, sizeof shown), "***");
    char token[420];
    memset(token, 'g', 410);
    token[410] = '\0';
    assert_int_equal(config_put_flag(&config, CONFIG_PROVIDER_TOKEN, token, &err), WT_E_RANGE);
    assert_null(strstr(err.text, "gggg"));
}

static void forms(void **state)
{
    (void)state;
    char text[100];
    bool open;
    assert_int_equal(form_match("yes|no", "no"), 1);
    assert_int_equal(form_match("yes|no", "n"), -1);
    assert_int_equal(form_match("yes|no", "yes|no"), -1);
    assert_int_equal(form_match("auto|pattern:REGEX", "pattern:x"), 1);
    assert_int_equal(form_match("auto|pattern:REGEX", "pattern:"), -1);
    assert_int_equal(form_match("auto|W,W,...", "100"), 1);
    assert_string_equal(form_sentence("a|b|c", text, sizeof text), "a, b or c");
    assert_string_equal(form_sentence("a", text, sizeof text), "a");
    assert_string_equal(form_sentence("abcdef|ghi", text, 6), "abcde");
    assert_true(form_has_job("JOB|DATASET/NETWORK") && form_has_job("a|JOB") &&
                !form_has_job("JOBS|NAME"));
    assert_true(form_has_file("p100|FILE") && form_has_file("PATH") && !form_has_file("JOB"));
    assert_true(form_alternative("auto|pattern:REGEX", 1, text, sizeof text, &open));
    assert_string_equal(text, "pattern:");
    assert_true(open);
    assert_false(form_alternative("auto|pattern:REGEX", 2, text, sizeof text, &open));
    assert_true(form_has_file("a|FILE"));
    assert_false(form_has_file("PROFILE"));
}

/* Keys, variables and options follow from each other, and a default is valid and in the help. */
static void the_table_is_consistent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        const struct option_row *row = &config_rows[i];
        char expected[80], told[80];
        size_t n = (size_t)snprintf(expected, sizeof expected, "WATTUNE_%s", row->setting.key);
        for (size_t k = 8; k < n; k++)
            if (expected[k] >= 'a' && expected[k] <= 'z')
                expected[k] = (char)(expected[k] - 'a' + 'A');
        assert_string_equal(row->setting.variable, expected);
        assert_int_equal(row->setting.id, i);
        snprintf(expected, sizeof expected, "%s", row->setting.key);
        for (char *c = expected; *c; c++)
            if (*c == '_')
                *c = '-';
        /* A token has no option, since other users see a process's options; --intensity goes
         * without its unit, which it takes. */
        if (!row->name)
            assert_int_equal(row->setting.secret, OPTION_TOKEN);
        else
            assert_string_equal(row->name, i == CONFIG_INTENSITY ? "intensity" : expected);
        assert_true(row->help[0] >= 'A' && row->help[0] <= 'Z');
        if (row->fallback && config_put_flag(&config, (enum config_id)i, row->fallback, &err))
            fail_msg("%s", err.text);
        struct buffer help = {0};
        option_put_help(&help, row);
        snprintf(told, sizeof told, " (default: %s)", row->fallback ? row->fallback : "");
        if (row->fallback && !strstr(buffer_text(&help), told))
            fail_msg("the help of %s lacks its default %s", row->setting.key, row->fallback);
        buffer_clear(&help);
    }
}

/* A file of version 0.1 with every key that it knows: nothing is refused, nothing is lost. */
static void a_file_of_an_older_version(void **state)
{
    (void)state;
    struct wt_error read_err;
    struct buffer text = {0};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/fixtures/config/wattune-0.1.conf", WATTUNE_SOURCE);
    assert_int_equal(file_read(path, 1 << 16, &text, &read_err), 0);
    put_bytes(places.user_path, buffer_text(&text), text.length);
    buffer_clear(&text);
    if (load())
        fail_msg("%s", err.text);
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
        if (config.values[i].origin != CONFIG_USER_FILE)
            fail_msg("%s is not of the file", config_rows[i].setting.key);
    assert_string_equal(config_text(&config, CONFIG_GPUS), "0,1");
    assert_string_equal(config_text(&config, CONFIG_PHASE), "inference");
    assert_string_equal(config_text(&config, CONFIG_POWER_LIMITS), "250,200,187.5");
    assert_string_equal(config_text(&config, CONFIG_PROGRESS), "pattern:step (\\d+)");
    assert_string_equal(config_text(&config, CONFIG_PROVIDER_TOKEN), "0123456789abcdef");
    assert_true(config_is(&config, CONFIG_COLOR, "no"));
    assert_true(config_number(&config, CONFIG_SYSTEM_GPUS) == 8);
    assert_true(config_number(&config, CONFIG_RESIDUAL) == 600);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    set_up(state);
    config_clear(&config);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(forms, set_up),
        cmocka_unit_test_setup(the_table_is_consistent, set_up),
        cmocka_unit_test_setup(a_file_of_an_older_version, set_up),
        cmocka_unit_test_setup(stronger_places_go_first, set_up),
        cmocka_unit_test_setup(errors_name_file_and_line, set_up),
        cmocka_unit_test_setup(the_first_error_is_told, set_up),
        cmocka_unit_test_setup(hostile_files, set_up),
        cmocka_unit_test_setup(harmless_files, set_up),
        cmocka_unit_test_setup(root_trusts_its_own_files_only, set_up),
        cmocka_unit_test_setup(variables_and_flags_are_checked, set_up),
        cmocka_unit_test_setup(passwords_are_masked, set_up),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
