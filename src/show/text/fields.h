/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields: numbers that a JSON document and a CSV file have alike.  One row is the key of the one,
 * the column of the other, and the value of both.  It knows neither
 * form: json/ and fields_csv() write them.
 */
#ifndef WATTUNE_SHOW_TEXT_FIELDS_H
#define WATTUNE_SHOW_TEXT_FIELDS_H

#include <stdint.h>

#include "base/buffer.h"
#include "flow/device.h"
#include "flow/report.h"
#include "flow/sample.h"

enum field_form {
    FIELD_NUMBER,
    FIELD_WHOLE, /* a whole number: `exact` */
    FIELD_MILLI, /* thousandths: `exact`, where a double in 12 digits would drop some */
};

struct field {
    const char *object; /* the object that has the key; NULL: the one around it */
    const char *key, *column;
    double number; /* NaN: unknown, in every form */
    enum field_form form;
    uint64_t exact;
};

/* A reading of `wattune monitor`, its throttle apart. */
enum { FIELDS_STATE = 8 };
void fields_of_state(const struct wt_state *state, struct field fields[FIELDS_STATE]);

/* The words for the bits of enum wt_throttle, in their order. */
enum { FIELDS_THROTTLE = 6 };
extern const char *const fields_throttle[FIELDS_THROTTLE];

/* The energy between two readings, its source apart. */
enum { FIELDS_INTERVAL = 4 };
void fields_of_interval(const struct wt_measurement *measured,
                        struct field fields[FIELDS_INTERVAL]);

/* The sums of a row of `wattune report`, counts of runs apart. */
enum { FIELDS_SUMS = 15 };
void fields_of_sums(const struct wt_report_row *row, struct field fields[FIELDS_SUMS]);

/* Appends ",column" for each, and ",value" for each; nothing behind the comma is unknown. */
void fields_csv_heading(struct buffer *out, const struct field fields[], unsigned count);
void fields_csv(struct buffer *out, const struct field fields[], unsigned count);

#endif
