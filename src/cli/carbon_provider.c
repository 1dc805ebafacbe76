/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider of carbon intensities over HTTP.
 */
#include "cli/carbon_provider.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/parse.h"
#include "base/text.h"
#include "carbon/intensity.h"
#include "json/read.h"
#include "net/http.h"

/* An answer has some 300 bytes.  Ten seconds are long for it, and short for the person who waits. */
static const double TIMEOUT_S = 10;
static const size_t ANSWER_MOST_BYTES = 64 * 1024;
/* The latest value may be that much behind; an older one is not of now.  Clocks differ by less than an hour. */
enum { HOUR_S = 3600, OLD_S = 3 * HOUR_S };

static int64_t hour_of(int64_t unix_s)
{
    return unix_s - unix_s % HOUR_S;
}

int carbon_provider_read(const char *text, size_t length, const char *zone, int64_t now_s, struct carbon_answer *answer,
                         struct wt_error *err)
{
    char its_zone[48], its_time[48], shown[80];
    double g_per_kwh;
    bool estimated = false;
    int64_t of_ms;
    const struct json_wanted wanted[] = {
        {.name = "zone", .needed = true, .text = its_zone, .text_size = sizeof its_zone},
        {.name = "carbonIntensity", .needed = true, .number = &g_per_kwh},
        {.name = "datetime", .needed = true, .text = its_time, .text_size = sizeof its_time},
        {.name = "isEstimated", .truth = &estimated},
    };
    int rc = json_read_object(text, length, wanted, sizeof wanted / sizeof wanted[0], err);
    if (rc)
        return rc;
    if (strcmp(its_zone, zone) != 0)
        return error_set(err, WT_E_PARSE, "the answer is about zone \"%s\"", text_escape_into(shown, sizeof shown, its_zone));
    if (!(g_per_kwh >= 0 && g_per_kwh <= CARBON_INTENSITY_MOST))
        return error_set(err, WT_E_RANGE, "%g g/kWh is no grid's carbon intensity", g_per_kwh);
    if (parse_time(its_time, &of_ms))
        return error_set(err, WT_E_PARSE, "\"%s\" is no time", text_escape_into(shown, sizeof shown, its_time));
    if (of_ms / 1000 > now_s + HOUR_S)
        return error_set(err, WT_E_PARSE, "its time %s lies in the future", its_time);
    if (of_ms / 1000 < hour_of(now_s) - OLD_S)
        return error_set(err, WT_E_PARSE, "its latest value is of %s, which is too old", its_time);
    *answer = (struct carbon_answer){hour_of(now_s), of_ms / 1000, g_per_kwh, estimated};
    return 0;
}

/* Zones are letters, digits, dashes and underscores, and need no escaping. */
static int make_url(char *place, size_t size, const char *url, const char *zone, struct wt_error *err)
{
    char shown[80];
    size_t length = strlen(url);
    if (!*zone || strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(zone))
        return error_set(err, WT_E_INVALID, "provider_zone is a word such as DE or US-CAL-CISO, not \"%s\"",
                         text_escape_into(shown, sizeof shown, zone));
    while (length && url[length - 1] == '/')
        length--;
    if ((size_t)snprintf(place, size, "%.*s/v3/carbon-intensity/latest?zone=%s", (int)length, url, zone) >= size)
        return error_set(err, WT_E_INVALID, "provider_url is too long");
    return 0;
}

int carbon_provider_ask(const char *url, const char *shown, const char *zone, const char *token, int64_t now_s,
                        struct carbon_answer *answer, struct wt_error *err)
{
    char address[4200], header[480];
    struct buffer body = {0};
    int rc = make_url(address, sizeof address, url, zone, err);
    if (rc)
        return rc;
    snprintf(header, sizeof header, "auth-token: %s", token ? token : "");
    struct http_request request = {.url = address, .shown = shown, .secret_header = token ? header : NULL,
                                   .timeout_s = TIMEOUT_S, .most_bytes = ANSWER_MOST_BYTES};
    rc = http_get(&request, &body, err);
    if (rc == 0 && (rc = carbon_provider_read(buffer_text(&body), body.length, zone, now_s, answer, err)) < 0)
        error_prefix(err, "%s is not believed", shown);
    buffer_clear(&body);
    return rc;
}
