/* SPDX-License-Identifier: Apache-2.0
 *
 * The figures of carbon, as documents.
 */
#include <math.h>

#include "show/json/documents.h"
#include "show/json/parts.h"

static struct json_doc *new_document(void)
{
    struct json_doc *doc = json_doc_new();
    json_put_integer(doc, "schema_version", JSON_SCHEMA_VERSION);
    return doc;
}

static void put_year(struct json_doc *doc, int year)
{
    if (year)
        json_put_integer(doc, "year", year);
    else
        json_put_null(doc, "year");
}

struct json_doc *json_carbon_document(int64_t wall_ms, const char *location,
                                      const struct wt_figure figures[], size_t count)
{
    struct json_doc *doc = new_document();
    json_put_wall(doc, "time", wall_ms);
    json_put_text(doc, "location", location);
    json_put_number(doc, "intensity_g_per_kwh", count ? figures[0].value : (double)NAN);
    json_put_text(doc, "intensity_source", count ? figures[0].source : NULL);
    json_open_array(doc, "figures");
    for (size_t i = 0; i < count; i++) {
        const struct wt_figure *figure = &figures[i];
        json_open_object(doc, NULL);
        json_put_text(doc, "name", figure->name);
        json_put_number(doc, "value", figure->value);
        json_put_number(doc, "low", figure->low);
        json_put_number(doc, "high", figure->high);
        json_put_number(doc, "devices", figure->devices);
        json_put_text(doc, "kind", figure->kind);
        json_put_known_text(doc, "source", figure->source);
        put_year(doc, figure->year);
        json_put_known_text(doc, "remark", figure->remark);
        json_close(doc);
    }
    json_close(doc);
    return doc;
}

struct json_doc *json_carbon_tables_document(const struct wt_figure intensities[],
                                             size_t intensity_count,
                                             const struct wt_figure embodied[],
                                             size_t embodied_count)
{
    struct json_doc *doc = new_document();
    json_open_array(doc, "intensities");
    for (size_t i = 0; i < intensity_count; i++) {
        json_open_object(doc, NULL);
        json_put_text(doc, "code", intensities[i].name);
        json_put_known_text(doc, "name", intensities[i].label);
        json_put_number(doc, "g_per_kwh", intensities[i].value);
        json_put_text(doc, "source", intensities[i].source);
        put_year(doc, intensities[i].year);
        json_close(doc);
    }
    json_close(doc);
    json_open_array(doc, "embodied");
    for (size_t i = 0; i < embodied_count; i++) {
        json_open_object(doc, NULL);
        json_put_text(doc, "name", embodied[i].name);
        json_put_text(doc, "kind", embodied[i].kind);
        json_put_known_text(doc, "match", embodied[i].label);
        json_put_number(doc, "kg", embodied[i].value);
        json_put_number(doc, "low_kg", embodied[i].low);
        json_put_number(doc, "high_kg", embodied[i].high);
        json_put_number(doc, "devices", embodied[i].devices);
        json_put_text(doc, "source", embodied[i].source);
        put_year(doc, embodied[i].year);
        json_close(doc);
    }
    json_close(doc);
    return doc;
}
