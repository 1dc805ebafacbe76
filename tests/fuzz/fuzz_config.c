/* SPDX-License-Identifier: Apache-2.0
 *
 * setup/config.c: the file of settings.  A setting that it accepts passes as a flag too and is the
 * same again when written out; a refusal names the file and a line of it, and leaves the defaults.
 */
#include "base/buffer.h"
#include "fuzz.h"
#include "setup/config.h"

static void same(const struct config *a, const struct config *b)
{
    for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        const char *x = config_text(a, i), *y = config_text(b, i);
        CHECK((!x && !y) || (x && y && strcmp(x, y) == 0));
    }
}

static void accepted(struct config *config, unsigned lines)
{
    struct config_places places = {0};
    struct config again = {0}, flags = {0};
    struct buffer text = {0};
    struct wt_error err;
    char shown[8192];
    CHECK(config_load(&flags, &places, &err) == 0);
    for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        const struct config_value *value = &config->values[i];
        if (value->origin == CONFIG_DEFAULT)
            continue;
        CHECK(value->origin == CONFIG_SYSTEM_FILE && value->line >= 1 && value->line <= lines);
        CHECK(config_put_flag(&flags, i, value->text, &err) == 0);
        CHECK(strlen(config_shown(config, i, shown, sizeof shown)) < sizeof shown);
        CHECK(!strpbrk(config_where(config, i, shown, sizeof shown), "\n"));
        if (config_rows[i].type == OPTION_NUMBER)
            CHECK(config_number(config, i) >= config_rows[i].least &&
                  config_number(config, i) <= config_rows[i].most);
        buffer_print(&text, "%s=%s\n", config_rows[i].setting.key, value->text);
    }
    same(config, &flags);
    snprintf(places.system_path, sizeof places.system_path, "%s",
             fuzz_file((const uint8_t *)text.text, text.length));
    if (config_load(&again, &places, &err))
        fprintf(stderr, "%s\n%s", err.text, buffer_text(&text));
    same(config, &again);
    config_clear(&again);
    config_clear(&flags);
    buffer_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_places places = {0};
    struct config config = {0}, defaults = {0};
    struct wt_error err = {0};
    unsigned lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    CHECK(config_load(&defaults, &places, &err) == 0);
    snprintf(places.system_path, sizeof places.system_path, "%s", fuzz_file(data, size));
    int rc = config_load(&config, &places, &err);
    if (rc) {
        CHECK(rc == WT_E_PARSE || rc == WT_E_RANGE);
        CHECK(strncmp(err.text, places.system_path, strlen(places.system_path)) == 0);
        for (const char *c = err.text; *c; c++)
            CHECK((unsigned char)*c >= 0x20 &&
                  *c != 0x7f); /* quotations from the file are harmless */
        same(&config, &defaults);
    } else {
        accepted(&config, lines);
    }
    config_clear(&config);
    config_clear(&defaults);
    return 0;
}
