/* SPDX-License-Identifier: Apache-2.0
 *
 * view: the screen of top fits any number of rows and columns.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "show/text/view.h"

static struct view_top_device devices[64];

static const char *draw(struct buffer *page, struct view_top top)
{
    unsigned heading;
    buffer_clear(page);
    top.devices = devices;
    view_top(page, &top, &heading);
    return buffer_text(page);
}

static void fill(void)
{
    memset(devices, 0, sizeof devices);
    for (unsigned i = 0; i < 64; i++) {
        struct view_top_device *d = &devices[i];
        d->device.index = i;
        snprintf(d->device.name, sizeof d->device.name, "Caf\xc3\xa9 GPU of a very long name");
        d->state.known = ~0u;
        d->state.power_mw = 123456;
        d->state.limit_mw = 250000;
        d->state.enforced_limit_mw = 200000;
        d->state.throttle = 0x3f;
        d->energy_j = 1e6;
        d->history_count = VIEW_TOP_HISTORY;
        for (unsigned k = 0; k < VIEW_TOP_HISTORY; k++)
            d->history_w[k] = k % 3 ? (float)k : NAN;
    }
}

static void every_size_fits(void **state)
{
    (void)state;
    struct buffer page = {0};
    fill();
    for (unsigned columns = 0; columns < 300; columns += 7)
        for (unsigned rows = 0; rows < 140; rows += 3) {
            unsigned lines = 0;
            char line[2048];
            for (const char *at =
                     draw(&page,
                          (struct view_top){
                              .rows = rows, .columns = columns, .unicode = true, .count = 64});
                 *at; at += strcspn(at, "\n") + 1, lines++) {
                size_t length = strcspn(at, "\n");
                assert_true(length < sizeof line);
                memcpy(line, at, length);
                line[length] = '\0';
                if (text_width(line) > columns)
                    fail_msg("%ux%u: \"%s\"", columns, rows, line);
            }
            if (lines > (rows < 4 ? 4 : rows))
                fail_msg("%ux%u: %u lines", columns, rows, lines);
        }
    buffer_clear(&page);
}

static void unknown_is_never_nothing(void **state)
{
    (void)state;
    struct buffer page = {0};
    memset(devices, 0, sizeof devices);
    devices[0].energy_j = NAN;
    const char *text = draw(&page, (struct view_top){.rows = 24, .columns = 100, .count = 1});
    assert_non_null(strstr(text, "1 GPU  unknown  unknown in 0.0 s"));
    assert_null(strstr(text, "0 W "));
    assert_non_null(strstr(text, "        -        -     -     -          -          -  -\n"));
    buffer_clear(&page);
}

static void what_counts_is_shown(void **state)
{
    (void)state;
    struct buffer page = {0};
    fill();
    const char *text =
        draw(&page, (struct view_top){
                        .rows = 8, .columns = 100, .count = 2, .interval_s = 0.5, .paused = true});
    assert_non_null(strstr(text, "every 0.5 s  PAUSED"));
    assert_non_null(strstr(text, " 123.5 W    200 W ")); /* the limit that is enforced */
    devices[0].why = "GPU is lost";
    devices[1].estimated = true;
    text = draw(&page, (struct view_top){.rows = 8, .columns = 100, .count = 2});
    assert_non_null(strstr(text, "  GPU is lost\n"));
    assert_non_null(strstr(text, "2 GPUs  unknown")); /* a sum with an unknown part is unknown */
    assert_non_null(strstr(text, "~ 1.000 MJ"));
    buffer_clear(&page);
}

static void a_name_cannot_move_the_cursor(void **state)
{
    (void)state;
    struct buffer page = {0};
    fill();
    snprintf(devices[0].device.name, sizeof devices[0].device.name, "\x1b[2J\n\xff");
    const char *text = draw(&page, (struct view_top){.rows = 8, .columns = 100, .count = 1});
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "\\x1b[2J\\n\\xff"));
    buffer_clear(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_fits),
        cmocka_unit_test(unknown_is_never_nothing),
        cmocka_unit_test(what_counts_is_shown),
        cmocka_unit_test(a_name_cannot_move_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
