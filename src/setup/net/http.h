/* SPDX-License-Identifier: Apache-2.0
 *
 * The one door to libcurl: one GET, bounded in time and size.  The library is opened when something
 * is fetched, so that no other command needs it.  Redirects are not followed, certificates are
 * verified, and a header that holds a secret goes in the clear to this machine only.  Knows nothing
 * of energy; linked into programs only.
 */
#ifndef WATTUNE_SETUP_NET_HTTP_H
#define WATTUNE_SETUP_NET_HTTP_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

struct http_request {
    const char *url;           /* http:// or https:// */
    const char *shown;         /* the same for sentences, without secrets */
    const char *secret_header; /* "auth-token: ..."; NULL: none */
    double timeout_s;          /* for all of it */
    size_t most_bytes;         /* of the body */
};

/* Appends the body of an answer 200.  WT_E_NO_LIBRARY: there is no libcurl; WT_E_INVALID: no such
 * address, or a secret in the clear; WT_E_TIMEOUT; WT_E_RANGE: the body is too long;
 * WT_E_NO_PERMISSION: 401 or 403; WT_E_IO: anything else.  Then *body is as it was. */
int http_get(const struct http_request *request, struct buffer *body, struct wt_error *err);

#endif
