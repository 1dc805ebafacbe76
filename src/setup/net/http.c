/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, opened with dlopen; its header is asked for types only.
 */
#include "setup/net/http.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/dl.h"

/* Members without "curl_": the header has macros of the functions' own names. */
/* clang-format off */
#define FUNCTIONS(X) \
    X(global_init) X(easy_init) X(easy_setopt) X(easy_perform) X(easy_getinfo) X(easy_cleanup) \
    X(easy_strerror) X(slist_append) X(slist_free_all)
/* clang-format on */

#define MEMBER(name) __typeof__(&(curl_##name)) name;
static struct {
    bool is_loaded;
    FUNCTIONS(MEMBER)
} c;
#undef MEMBER

static int load(struct wt_error *err)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};
    if (c.is_loaded)
        return 0;
    void *library = dl_open_first(names, err);
    if (!library)
        return error_prefix(err, "fetching over HTTP needs libcurl (Debian: libcurl4)");
#define BIND(name)                                                                                 \
    {                                                                                              \
        static const char *const symbols[] = {"curl_" #name, NULL};                                \
        void *address = dl_first_symbol(library, symbols);                                         \
        if (!address)                                                                              \
            return error_set(err, WT_E_NO_LIBRARY, "this libcurl has no curl_" #name);             \
        memcpy(&c.name, &address, sizeof address);                                                 \
    }
    FUNCTIONS(BIND)
#undef BIND
    if (c.global_init(CURL_GLOBAL_DEFAULT))
        return error_set(err, WT_E_NO_LIBRARY, "libcurl cannot be started");
    c.is_loaded = true;
    return 0;
}

/* Is the host of http://HOST... this machine? */
static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = strstr(url, "://") + 3;
    for (unsigned i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        size_t length = strlen(hosts[i]);
        if (strncasecmp(host, hosts[i], length) == 0 && strchr(":/", host[length]))
            return true;
    }
    return false;
}

static int check(const struct http_request *request, struct wt_error *err)
{
    bool is_clear = strncasecmp(request->url, "http://", 7) == 0;
    if (!is_clear && strncasecmp(request->url, "https://", 8) != 0)
        return error_set(err, WT_E_INVALID, "%s is no address that begins with https:// or http://",
                         request->shown);
    if (is_clear && request->secret_header && !is_loopback(request->url))
        return error_set(err, WT_E_INVALID, "%s would get a secret in the clear; it needs https://",
                         request->shown);
    if (request->secret_header && strpbrk(request->secret_header, "\r\n"))
        return error_set(err, WT_E_INVALID, "the secret for %s holds an end of line",
                         request->shown);
    return 0;
}

struct answer {
    struct buffer body;
    size_t most_bytes;
    bool too_long;
};

static size_t take(char *bytes, size_t size, size_t count, void *opaque)
{
    struct answer *answer = opaque;
    answer->too_long = answer->body.length + size * count > answer->most_bytes;
    if (answer->too_long)
        return 0; /* ends the transfer */
    buffer_append(&answer->body, bytes, size * count);
    return answer->body.failed ? 0 : size * count;
}

static CURLcode set_up(CURL *handle, const struct http_request *request, struct answer *answer,
                       struct curl_slist *headers)
{
    long timeout_ms = (long)(request->timeout_s * 1000);
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_TIMEOUT_MS, timeout_ms},
        {CURLOPT_CONNECTTIMEOUT_MS, timeout_ms},
    };
    CURLcode rc = CURLE_OK;
    for (unsigned i = 0; rc == CURLE_OK && i < sizeof numbers / sizeof numbers[0]; i++)
        rc = c.easy_setopt(handle, numbers[i].option, numbers[i].value);
    if (rc == CURLE_OK)
        rc = c.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    if (rc == CURLE_OK &&
        is_loopback(request->url)) /* never by way of a proxy: it would see the secret */
        rc = c.easy_setopt(handle, CURLOPT_PROXY, "");
    if (rc == CURLE_OK)
        rc = c.easy_setopt(handle, CURLOPT_URL, request->url);
    if (rc == CURLE_OK)
        rc = c.easy_setopt(handle, CURLOPT_USERAGENT, "wattune");
    if (rc == CURLE_OK)
        rc = c.easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    if (rc == CURLE_OK)
        rc = c.easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    if (rc == CURLE_OK)
        rc = c.easy_setopt(handle, CURLOPT_WRITEDATA, answer);
    return rc;
}

static int judge(const struct http_request *request, CURL *handle, CURLcode rc,
                 const struct answer *answer, struct wt_error *err)
{
    long status = 0;
    if (answer->body.failed || rc == CURLE_OUT_OF_MEMORY)
        return error_set(err, WT_E_NO_MEMORY, "fetch %s: out of memory", request->shown);
    if (answer->too_long)
        return error_set(err, WT_E_RANGE, "%s answers with more than %zu bytes", request->shown,
                         request->most_bytes);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return error_set(err, WT_E_TIMEOUT, "%s has not answered within %g s", request->shown,
                         request->timeout_s);
    if (rc != CURLE_OK)
        return error_set(err, WT_E_IO, "fetch %s: %s", request->shown, c.easy_strerror(rc));
    c.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300 && status < 400)
        return error_set(err, WT_E_IO, "%s answers with a redirect (%ld), which is not followed",
                         request->shown, status);
    if (status == 401 || status == 403)
        return error_set(err, WT_E_NO_PERMISSION,
                         "%s does not let us in (%ld); is the token right?", request->shown,
                         status);
    if (status != 200)
        return error_set(err, WT_E_IO, "%s answers with status %ld", request->shown, status);
    return 0;
}

int http_get(const struct http_request *request, struct buffer *body, struct wt_error *err)
{
    struct answer answer = {.most_bytes = request->most_bytes};
    int rc = check(request, err);
    if (rc == 0)
        rc = load(err);
    if (rc)
        return rc;
    CURL *handle = c.easy_init();
    struct curl_slist *headers =
        request->secret_header ? c.slist_append(NULL, request->secret_header) : NULL;
    if (!handle || (request->secret_header && !headers)) {
        rc = error_set(err, WT_E_NO_MEMORY, "fetch %s: out of memory", request->shown);
    } else {
        CURLcode done = set_up(handle, request, &answer, headers);
        if (done == CURLE_OK)
            done = c.easy_perform(handle);
        rc = judge(request, handle, done, &answer, err);
    }
    if (rc == 0)
        buffer_append(body, buffer_text(&answer.body), answer.body.length);
    buffer_clear(&answer.body);
    c.slist_free_all(headers);
    if (handle)
        c.easy_cleanup(handle);
    return rc == 0 && body->failed
               ? error_set(err, WT_E_NO_MEMORY, "fetch %s: out of memory", request->shown)
               : rc;
}
