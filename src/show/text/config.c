/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings as a page.
 */
#include "base/text.h"
#include "show/text/table.h"
#include "show/text/view.h"

void view_config(struct buffer *out, const struct view_setting settings[], size_t count,
                 bool colour)
{
    static const char *const headings[] = {"KEY", "VALUE", "FROM"};
    struct table table = {.columns = "lll"};
    char value[400], where[400];
    table_heading(&table, headings);
    for (size_t i = 0; i < count; i++) {
        table_put(&table, "%s", settings[i].name);
        table_put(&table, "%s",
                  settings[i].value ? text_escape_into(value, sizeof value, settings[i].value)
                                    : "-");
        table_put(&table, "%s", text_escape_into(where, sizeof where, settings[i].where));
    }
    table_print(&table, out, "", colour);
}
