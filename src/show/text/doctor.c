/* SPDX-License-Identifier: Apache-2.0
 *
 * The findings of the doctor.  Sentences are too long for a table: each line is a status, a name
 * and a sentence.
 */
#include "base/text.h"
#include "show/text/table.h"
#include "show/text/view.h"

void view_doctor(struct buffer *out, const struct wt_check checks[], size_t count, bool colour)
{
    static const char *const words[] = {"good", "degraded", "missing"};
    for (size_t i = 0; i < count; i++) {
        const struct wt_check *check = &checks[i];
        char detail[sizeof check->detail + 64], todo[sizeof check->todo + 64];
        char name[40] = "";
        for (size_t k = 0; check->name[k] && k + 1 < sizeof name; k++)
            name[k] = check->name[k] == '_' ? ' ' : check->name[k];
        bool good = check->status == WT_CHECK_GOOD;
        buffer_print(out, "%s%-8s%s  %s%s%s: %s\n", paint(colour, good ? 'g' : 'b'),
                     words[check->status], paint(colour, '0'), check->device,
                     check->device[0] ? " " : "", name,
                     text_escape_into(detail, sizeof detail, check->detail));
        if (check->todo[0])
            buffer_print(out, "          -> %s\n",
                         text_escape_into(todo, sizeof todo, check->todo));
    }
}
