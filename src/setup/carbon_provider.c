/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider of carbon intensities over HTTP.
 */
#include "setup/carbon_provider.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "account/carbon/intensity.h"
#include "base/buffer.h"
#include "base/hours.h"
#include "base/json_read.h"
#include "base/parse.h"
#include "base/text.h"
#include "setup/net/http.h"

/* An answer has some 300 bytes.  Ten seconds are long for it, and short for a waiting person. */
static const double TIMEOUT_S = 10;
static const size_t ANSWER_MOST_BYTES = 64 * 1024;
/* The latest value may be that much behind; an older one is not of now.  Clocks differ by less than
 * an hour. */
enum { OLD_S = 3 * S_PER_HOUR };

/* One value, as the provider writes it. */
struct value {
    char zone[48], time[48];
    double g_per_kwh; /* NaN: it has none */
    bool estimated;
};

#define VALUE_WANTED(value, needed_number)                                                         \
    {                                                                                              \
        {.name = "zone", .needed = true, .text = (value)->zone, .text_size = sizeof(value)->zone}, \
            {.name = "carbonIntensity", .needed = (needed_number), .number = &(value)->g_per_kwh}, \
            {.name = "datetime",                                                                   \
             .needed = true,                                                                       \
             .text = (value)->time,                                                                \
             .text_size = sizeof(value)->time},                                                    \
            {.name = "isEstimated", .truth = &(value)->estimated},                                 \
    }
enum { VALUE_MEMBERS = 4 };

/* Refuses an impossible answer. */
static int judge(const struct value *value, const char *zone, int64_t now_s, int64_t *of_s,
                 struct wt_error *err)
{
    char shown[80];
    int64_t of_ms;
    if (strcmp(value->zone, zone) != 0)
        return error_set(err, WT_E_PARSE, "the answer is about zone \"%s\"",
                         text_escape_into(shown, sizeof shown, value->zone));
    if (!(value->g_per_kwh >= 0 && value->g_per_kwh <= CARBON_INTENSITY_MOST))
        return error_set(err, WT_E_RANGE, "%g g/kWh is no grid's carbon intensity",
                         value->g_per_kwh);
    if (parse_time(value->time, &of_ms))
        return error_set(err, WT_E_PARSE, "\"%s\" is no time",
                         text_escape_into(shown, sizeof shown, value->time));
    if (of_ms / 1000 > now_s + S_PER_HOUR)
        return error_set(err, WT_E_PARSE, "its time %s lies in the future", value->time);
    *of_s = of_ms / 1000;
    return 0;
}

int carbon_provider_read(const char *text, size_t length, const char *zone, int64_t now_s,
                         struct carbon_answer *answer, struct wt_error *err)
{
    struct value value = {.estimated = false};
    int64_t of_s;
    const struct json_wanted wanted[VALUE_MEMBERS] = VALUE_WANTED(&value, true);
    int rc = json_read_object(text, length, wanted, VALUE_MEMBERS, err);
    if (rc == 0)
        rc = judge(&value, zone, now_s, &of_s, err);
    if (rc)
        return rc;
    if (of_s < hours_floor_s(now_s) - OLD_S)
        return error_set(err, WT_E_PARSE, "its latest value is of %s, which is too old",
                         value.time);
    *answer = (struct carbon_answer){hours_floor_s(now_s), of_s, value.g_per_kwh, value.estimated};
    return 0;
}

/* The values of a history, as they come. */
struct history {
    struct value value;
    const char *zone;
    int64_t now_s;
    struct carbon_answer *answers;
    size_t count;
};

static int take_value(void *ctx, struct wt_error *err)
{
    struct history *history = ctx;
    struct value *value = &history->value;
    int64_t of_s;
    if (isnan(value->g_per_kwh)) /* an hour that it does not know */
        return 0;
    int rc = judge(value, history->zone, history->now_s, &of_s, err);
    if (rc)
        return rc;
    if (history->count == CARBON_HISTORY_MOST)
        return error_set(err, WT_E_RANGE, "a history of more than %d hours", CARBON_HISTORY_MOST);
    history->answers[history->count++] =
        (struct carbon_answer){hours_floor_s(of_s), of_s, value->g_per_kwh, value->estimated};
    value->g_per_kwh = NAN;
    value->estimated = false;
    return 0;
}

int carbon_provider_read_history(const char *text, size_t length, const char *zone, int64_t now_s,
                                 struct carbon_answer answers[CARBON_HISTORY_MOST], size_t *count,
                                 struct wt_error *err)
{
    struct history history = {
        .value = {.g_per_kwh = NAN}, .zone = zone, .now_s = now_s, .answers = answers};
    const struct json_wanted wanted[VALUE_MEMBERS] = VALUE_WANTED(&history.value, false);
    int rc =
        json_read_list(text, length, "history", wanted, VALUE_MEMBERS, take_value, &history, err);
    *count = rc ? 0 : history.count;
    return rc;
}

/* Zones are letters, digits, dashes and underscores, and need no escaping. */
static int make_url(char *place, size_t size, const char *url, const char *what, const char *zone,
                    struct wt_error *err)
{
    char shown[80];
    size_t length = strlen(url);
    if (!*zone ||
        strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
            strlen(zone))
        return error_set(err, WT_E_INVALID,
                         "provider_zone is a word such as DE or US-CAL-CISO, not \"%s\"",
                         text_escape_into(shown, sizeof shown, zone));
    while (length && url[length - 1] == '/')
        length--;
    if ((size_t)snprintf(place, size, "%.*s/v3/carbon-intensity/%s?zone=%s", (int)length, url, what,
                         zone) >= size)
        return error_set(err, WT_E_INVALID, "provider_url is too long");
    return 0;
}

static int get(const char *url, const char *shown, const char *what, const char *zone,
               const char *token, struct buffer *body, struct wt_error *err)
{
    char address[4200], header[480];
    int rc = make_url(address, sizeof address, url, what, zone, err);
    if (rc)
        return rc;
    snprintf(header, sizeof header, "auth-token: %s", token ? token : "");
    struct http_request request = {.url = address,
                                   .shown = shown,
                                   .secret_header = token ? header : NULL,
                                   .timeout_s = TIMEOUT_S,
                                   .most_bytes = ANSWER_MOST_BYTES};
    return http_get(&request, body, err);
}

int carbon_provider_ask(const char *url, const char *shown, const char *zone, const char *token,
                        int64_t now_s, struct carbon_answer *answer, struct wt_error *err)
{
    struct buffer body = {0};
    int rc = get(url, shown, "latest", zone, token, &body, err);
    if (rc == 0 &&
        (rc = carbon_provider_read(buffer_text(&body), body.length, zone, now_s, answer, err)) < 0)
        error_prefix(err, "%s is not believed", shown);
    buffer_clear(&body);
    return rc;
}

int carbon_provider_ask_history(const char *url, const char *shown, const char *zone,
                                const char *token, int64_t now_s,
                                struct carbon_answer answers[CARBON_HISTORY_MOST], size_t *count,
                                struct wt_error *err)
{
    struct buffer body = {0};
    int rc = get(url, shown, "history", zone, token, &body, err);
    *count = 0;
    if (rc == 0 && (rc = carbon_provider_read_history(buffer_text(&body), body.length, zone, now_s,
                                                      answers, count, err)) < 0)
        error_prefix(err, "%s is not believed", shown);
    buffer_clear(&body);
    return rc;
}
