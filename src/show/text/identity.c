/* SPDX-License-Identifier: Apache-2.0
 *
 * An identity as a sentence.
 */
#include "show/text/identity.h"

#include <stdio.h>

#include "base/buffer.h"

static void put_preference(struct buffer *words, const struct wt_preference *p)
{
    switch (p->selector) {
    case WT_SELECT_ENERGY:
        buffer_print(words, "least energy");
        break;
    case WT_SELECT_TIME:
        buffer_print(words, "least time");
        break;
    case WT_SELECT_MAX_SLOWDOWN:
        buffer_print(words, "eta %.12g, slowdown %.12g", p->eta, p->max_slowdown);
        break;
    case WT_SELECT_COST:
        buffer_print(words, "eta %.12g", p->eta);
        break;
    }
}

void view_identity_words(const struct wt_identity *identity, char text[WT_OPTIONS_LEN])
{
    struct buffer words = {0};
    if (identity->opaque) {
        snprintf(text, WT_OPTIONS_LEN, "%s", identity->words);
        return;
    }
    buffer_print(&words, "%s%s%.12g in %u epochs, default %u of ", identity->metric,
                 identity->at_least ? ">=" : "<=", identity->target, identity->max_epochs,
                 (unsigned)identity->default_size);
    for (unsigned i = 0; i < identity->size_count; i++)
        buffer_print(&words, i ? ",%u" : "%u", (unsigned)identity->sizes[i]);
    buffer_print(&words, ", ");
    put_preference(&words, &identity->preference);
    for (unsigned i = 0; i < identity->limit_count; i++)
        buffer_print(&words, i ? ",%g" : ", limits %g", identity->limits_mw[i] / 1000.0);
    buffer_print(&words, "%s%s%s, beta %.12g, window %u, seed %llu",
                 identity->profile_only ? ", profile only" : "",
                 identity->carbon_aware ? ", carbon-aware" : "",
                 identity->observed ? ", observed" : "", identity->beta, identity->window,
                 (unsigned long long)identity->seed);
    if (identity->learning_rate > 0)
        buffer_print(&words, ", lr %.12g %s", identity->learning_rate, identity->optimizer);
    snprintf(text, WT_OPTIONS_LEN, "%s", buffer_text(&words));
    buffer_clear(&words);
}
