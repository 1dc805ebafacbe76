/* SPDX-License-Identifier: Apache-2.0
 *
 * carbon/: the files that users bring.  The first letter chooses (s: a series, i: intensities, e:
 * embodied carbon, p: a provider's answer), the rest is the text.  An accepted file keeps its
 * promises; a refused one gives one harmless sentence that names file and line, and leaves nothing.
 */
#include <math.h>
#include <stdbool.h>

#include "account/carbon/embodied.h"
#include "account/carbon/intensity.h"
#include "base/buffer.h"
#include "fuzz.h"
#include "setup/carbon_provider.h"

static const int64_t NOW_S = 1740830400; /* 2025-03-01T12:00:00Z */

static void refused(int rc, const struct wt_error *err, const char *begin)
{
    CHECK((rc == WT_E_PARSE || rc == WT_E_RANGE) && rc == err->code);
    CHECK(strncmp(err->text, begin, strlen(begin)) == 0);
    for (const char *c = err->text; *c; c++)
        CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void series(struct buffer *text)
{
    struct carbon_series s;
    struct wt_error err = {0};
    int rc = carbon_series_parse(&s, "file", text, NOW_S, &err);
    if (rc) {
        refused(rc, &err, "file:");
        CHECK(!s.points && s.count == 0);
        return;
    }
    double most = NAN;
    CHECK(s.count >= 1 && s.step_s >= 300 && s.step_s <= 3600);
    CHECK(isnan(carbon_series_at(&s, s.points[0].from_s - 1)));
    CHECK(isnan(carbon_series_at(&s, s.points[s.count - 1].from_s + s.step_s)));
    for (size_t i = 0; i < s.count; i++) {
        const struct carbon_series_point *p = &s.points[i];
        CHECK(p->from_s >= 0 && (i == 0 || p->from_s >= p[-1].from_s + s.step_s));
        CHECK(isnan(p->g_per_kwh) || (p->g_per_kwh >= 0 && p->g_per_kwh <= CARBON_INTENSITY_MOST));
        for (unsigned k = 0; k < 2; k++) {
            double at = carbon_series_at(&s, p->from_s + (k ? s.step_s - 1 : 0));
            CHECK(at == p->g_per_kwh || (isnan(at) && isnan(p->g_per_kwh)));
        }
        CHECK(carbon_series_is_forecast(&s, p->from_s) == (p->from_s > NOW_S));
        if (p->from_s <= NOW_S && p->from_s + s.step_s > NOW_S - 86400)
            most = fmax(most, p->g_per_kwh);
    }
    double found = carbon_series_most(&s, NOW_S);
    CHECK(found == most || (isnan(found) && isnan(most)));
    CHECK((s.points[s.count - 1].from_s > NOW_S) == (s.remark[0] != '\0'));
    carbon_series_clear(&s);
}

static void intensities(struct buffer *text)
{
    struct carbon_intensity_table table;
    const struct carbon_intensity_row *row;
    struct wt_error err = {0};
    int rc = carbon_intensity_table_parse(&table, "file", text, &err);
    const struct carbon_intensity_table *const tables[] = {&table};
    if (rc)
        refused(rc, &err, "file:");
    for (size_t i = 0; i < table.count; i++) {
        CHECK(table.rows[i].code[0] && table.rows[i].source[0] && table.rows[i].year >= 1900);
        CHECK(carbon_intensity_find(tables, 1, table.rows[i].code, &row, &err) == 0 &&
              row == &table.rows[i]);
    }
    rc = carbon_intensity_find(tables, 1, "q?q", &row, &err);
    CHECK(rc == WT_E_NOT_FOUND && !strpbrk(err.text, "\n\x1b"));
    carbon_intensity_table_clear(&table);
}

static void embodied(struct buffer *text)
{
    struct carbon_embodied_table table;
    struct wt_error err = {0};
    int rc = carbon_embodied_parse(&table, "file", text, &err);
    if (rc)
        refused(rc, &err, "file:");
    for (size_t i = 0; i < table.count; i++) {
        const struct carbon_embodied_row *row = &table.rows[i];
        CHECK(row->kg > 0 && row->kg < 2e9 && row->source[0] && !(row->low_kg > row->kg) &&
              !(row->high_kg < row->kg));
        CHECK((row->kind == CARBON_GPU) == (row->match[0] != '\0'));
        const struct carbon_embodied_row *found = carbon_embodied_gpu(&table, row->match);
        CHECK(row->kind != CARBON_GPU || (found && strlen(found->match) >= strlen(row->match)));
    }
    carbon_embodied_clear(&table);
}

static void provider(const struct buffer *text)
{
    struct carbon_answer answer = {.g_per_kwh = -7};
    struct wt_error err = {0};
    int rc = carbon_provider_read(buffer_text(text), text->length, "DE", NOW_S, &answer, &err);
    if (rc) {
        refused(rc, &err, "");
        CHECK(answer.g_per_kwh == -7);
        return;
    }
    CHECK(answer.g_per_kwh >= 0 && answer.g_per_kwh <= CARBON_INTENSITY_MOST);
    CHECK(answer.of_s <= NOW_S + 3600 && answer.of_s >= NOW_S - 3 * 3600 && answer.hour_s == NOW_S);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text = {0};
    if (size > 1)
        buffer_append(&text, (const char *)data + 1, size - 1);
    switch (size ? data[0] : 0) {
    case 's':
        series(&text);
        break;
    case 'i':
        intensities(&text);
        break;
    case 'e':
        embodied(&text);
        break;
    case 'p':
        provider(&text);
        break;
    default:
        break;
    }
    buffer_clear(&text);
    return 0;
}
