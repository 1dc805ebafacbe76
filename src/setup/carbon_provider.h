/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider of carbon intensities over HTTP, as Electricity Maps has it (v3).  Its answer is
 * checked before use: its zone, its time, and whether its number can be a grid's.  Asked only when
 * the caller says so.
 */
#ifndef WATTUNE_SETUP_CARBON_PROVIDER_H
#define WATTUNE_SETUP_CARBON_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct carbon_answer {
    int64_t hour_s; /* it was asked for the hour that begins here (unix time) */
    int64_t of_s;   /* the hour that it says its value is of, at most some hours before */
    double g_per_kwh;
    bool estimated; /* says it itself */
};

/* GET {url}/v3/carbon-intensity/latest?zone={zone}, with the header auth-token when there is a
 * token.  `shown` is the address for sentences.  WT_E_INVALID: the address or zone makes no sense;
 * WT_E_PARSE, WT_E_RANGE: the answer is not believed; else as http_get(). */
int carbon_provider_ask(const char *url, const char *shown, const char *zone, const char *token,
                        int64_t now_s, struct carbon_answer *answer, struct wt_error *err);

/* Reads and judges an answer.  WT_E_PARSE: it has not the form, another zone or an impossible time;
 * WT_E_RANGE: a value that no grid has. */
int carbon_provider_read(const char *text, size_t length, const char *zone, int64_t now_s,
                         struct carbon_answer *answer, struct wt_error *err);

/* The hours that are over: GET {url}/v3/carbon-intensity/history?zone={zone}.  answers[0..*count)
 * are one an hour as the provider has them; hours for which it has no value are not among them. */
enum { CARBON_HISTORY_MOST = 72 };
int carbon_provider_ask_history(const char *url, const char *shown, const char *zone,
                                const char *token, int64_t now_s,
                                struct carbon_answer answers[CARBON_HISTORY_MOST], size_t *count,
                                struct wt_error *err);
int carbon_provider_read_history(const char *text, size_t length, const char *zone, int64_t now_s,
                                 struct carbon_answer answers[CARBON_HISTORY_MOST], size_t *count,
                                 struct wt_error *err);

#endif
