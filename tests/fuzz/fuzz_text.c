/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that others chose, on every way to a page: base/text.c, the tables of show/text/, and the
 * JSON of show/json/.
 */
#include <jansson.h>

#include "base/text.h"
#include "fuzz.h"
#include "show/json/documents.h"
#include "show/page/page.h"
#include "show/text/view.h"

static int has_control(const char *text, const char *allowed)
{
    uint32_t point;
    for (size_t n; (n = text_decode(text, &point)) > 0; text += n)
        if ((point < 0x20 || (point >= 0x7f && point < 0xa0) ||
             (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069)) &&
            !(point < 0x80 && strchr(allowed, (int)point)))
            return 1;
    return 0;
}

static void decoded(const char *text)
{
    size_t width = 0, length = strlen(text), sum = 0;
    uint32_t point;
    for (const char *at = text; *at; width++) {
        size_t n = text_decode(at, &point);
        CHECK(n >= 1 && n <= 4);
        CHECK(point == UINT32_MAX
                  ? n == 1
                  : point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff));
        at += n;
        sum += n;
    }
    CHECK(sum == length && text_width(text) == width);
}

static void repaired(const char *text)
{
    struct buffer once = {0}, twice = {0};
    text_repair(&once, text);
    CHECK(fuzz_is_utf8(buffer_text(&once)) && text_width(buffer_text(&once)) == text_width(text));
    CHECK(!fuzz_is_utf8(text) || strcmp(buffer_text(&once), text) == 0);
    text_repair(&twice, buffer_text(&once));
    CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);

    struct json_doc *doc = json_doc_new();
    struct buffer json = {0};
    json_put_text(doc, "text", text);
    CHECK(json_write_buffer(doc, JSON_LINE, &json, NULL) == 0);
    CHECK(json.text[json.length - 1] == '\n' &&
          strchr(json.text, '\n') == json.text + json.length - 1);
    json_t *read = json_loadb(json.text, json.length, 0, NULL);
    CHECK(read &&
          strcmp(json_string_value(json_object_get(read, "text")), buffer_text(&once)) == 0);
    json_decref(read);
    json_doc_free(doc);
    buffer_clear(&json);
    buffer_clear(&once);
    buffer_clear(&twice);
}

static void escaped(const char *text)
{
    struct buffer once = {0}, twice = {0};
    text_escape(&once, text);
    const char *shown = buffer_text(&once);
    CHECK(fuzz_is_utf8(shown) && !has_control(shown, ""));
    text_escape(&twice, shown);
    CHECK(strcmp(shown, buffer_text(&twice)) == 0);
    for (size_t size = 16; size <= 64; size += 7) {
        char place[64];
        memset(place, 'x', sizeof place);
        CHECK(text_escape_into(place, size, text) == place);
        size_t length = strlen(place);
        CHECK(length < size && fuzz_is_utf8(place) && !has_control(place, ""));
        if (once.length < size)
            CHECK(strcmp(place, shown) == 0);
        else
            CHECK(length >= 3 && strcmp(place + length - 3, "...") == 0 &&
                  strncmp(place, shown, length - 3) == 0);
    }
    buffer_clear(&once);
    buffer_clear(&twice);
}

/* A row of a table stays one line, whatever the job and its project are called. */
static void in_tables(const char *text)
{
    struct wt_job_row row = {
        .phase = "training", .recurrences = 1, .trials = 1, .energy_j = 1, .time_s = 1};
    struct wt_device device = {.name = ""};
    struct wt_state state = {.known = 0};
    struct buffer out = {0};
    snprintf(row.job, sizeof row.job, "%s", text);
    snprintf(row.project, sizeof row.project, "%s", text);
    snprintf(device.name, sizeof device.name, "%s", text);
    view_jobs(&out, &row, 1, false);
    size_t lines = 0;
    for (const char *c = buffer_text(&out); *c; c++)
        lines += *c == '\n';
    CHECK(lines == 2);
    view_limits(&out, &device, &state, 1, false);
    view_monitor_lines(&out, 0, &device, &state, NULL, 1);
    CHECK(fuzz_is_utf8(buffer_text(&out)) && !has_control(buffer_text(&out), "\n"));
    buffer_clear(&out);
    view_monitor_csv(&out, 0, &device, &state, NULL, 1);
    CHECK(fuzz_is_utf8(buffer_text(&out)));
    buffer_clear(&out);

    struct json_doc *doc = json_jobs_document(&row, 1);
    CHECK(json_write_buffer(doc, JSON_PRETTY, &out, NULL) == 0);
    json_t *read = json_loadb(out.text, out.length, 0, NULL);
    CHECK(read);
    json_decref(read);
    json_doc_free(doc);
    buffer_clear(&out);
}

static size_t count_of(const char *text, char what)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == what;
    return count;
}

static void put_page(struct buffer *out, const char *name)
{
    struct wt_report_row row = {
        .runs = 1, .gpu_j = 1, .cpu_j = 1, .dram_j = 1, .operational_g = 1, .embodied_g = 1};
    struct wt_report_basis basis = {.kind = WT_BASIS_INTENSITY, .runs = 1};
    const enum wt_report_key key = WT_BY_JOB;
    row.keys[0] = basis.source = name;
    page_report(out, &(struct view_report_page){.keys = &key,
                                                .key_count = 1,
                                                .rows = &row,
                                                .count = 1,
                                                .total = &row,
                                                .basis = &basis,
                                                .basis_count = 1,
                                                .from_ms = INT64_MIN,
                                                .to_ms = INT64_MAX});
}

static void put_fleet_page(struct buffer *out, const char *name)
{
    struct wt_report_row row = {
        .runs = 1, .gpu_j = 1, .cpu_j = 1, .dram_j = 1, .operational_g = 1, .embodied_g = 1};
    struct wt_report_basis basis = {.kind = WT_BASIS_INTENSITY, .runs = 1};
    struct wt_potential potential = {.limit_mw = 1000, .chosen_energy = 1, .least_energy = 1};
    struct wt_fleet_device device = {.lines = {.watched_hours = 1, .energy_j = 1, .runs_j = 1}};
    const struct wt_rows rows = {&row, 1};
    row.keys[0] = row.keys[1] = basis.source = potential.job = name;
    snprintf(device.uuid, sizeof device.uuid, "%s", name);
    snprintf(device.name, sizeof device.name, "%s", name);
    snprintf(device.node, sizeof device.node, "%s", name);
    page_fleet(out, &(struct wt_fleet){.from_ms = INT64_MIN,
                                       .to_ms = INT64_MAX,
                                       .total = row,
                                       .phases = rows,
                                       .users = rows,
                                       .projects = rows,
                                       .gpus = rows,
                                       .jobs = rows,
                                       .tasks = rows,
                                       .basis = &basis,
                                       .basis_count = 1,
                                       .lines = device.lines,
                                       .devices = &device,
                                       .device_count = 1,
                                       .potentials = &potential});
}

/* A page of HTML has the markup that it has of a harmless name; a title more for each time that the
 * name is cut. */
static void in_pages(const char *text, void (*put)(struct buffer *out, const char *name))
{
    struct buffer page = {0}, harmless = {0};
    put(&page, text);
    put(&harmless, *text ? "x" : "");
    CHECK(fuzz_is_utf8(buffer_text(&page)));
    for (const char *c = "<>'"; *c; c++)
        CHECK(count_of(buffer_text(&page), *c) == count_of(buffer_text(&harmless), *c));
    size_t titles = 0;
    for (const char *c = buffer_text(&page); (c = strstr(c, "<bdi title=\"")); c++)
        titles++;
    CHECK(count_of(buffer_text(&page), '"') == count_of(buffer_text(&harmless), '"') + 2 * titles);
    buffer_clear(&page);
    buffer_clear(&harmless);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    decoded(text);
    repaired(text);
    escaped(text);
    in_tables(text);
    in_pages(text, put_page);
    in_pages(text, put_fleet_page);
    free(text);
    return 0;
}
