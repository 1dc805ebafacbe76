/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside json/: values that several documents have.
 */
#ifndef WATTUNE_SHOW_JSON_PARTS_H
#define WATTUNE_SHOW_JSON_PARTS_H

#include "flow/report.h"
#include "flow/sample.h"
#include "show/json/json.h"
#include "show/text/fields.h"

enum { JSON_SCHEMA_VERSION = 1 };

void json_put_watts(struct json_doc *doc, const char *key, uint32_t power_mw);     /* 0: null */
void json_put_wall(struct json_doc *doc, const char *key, int64_t wall_ms);        /* 0: null */
void json_put_known_text(struct json_doc *doc, const char *key, const char *text); /* empty: null */
void json_put_source(struct json_doc *doc, const char *key, enum wt_source source); /* none: null */
void json_put_field(struct json_doc *doc, const struct field *field); /* its key, its value */
void json_put_sums(struct json_doc *doc,
                   const struct wt_report_row *row); /* all but its key; in report_document.c */

#endif
