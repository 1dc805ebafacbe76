/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: names and messages made from the one list in include/wattune.h, and the sentence beside
 * the code.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int code;
    const char *name, *message;
} errors[] = {
#define ROW(name, value, message) {value, #name, message},
    WT_ERROR_LIST(ROW)
#undef ROW
};

static int find(int code)
{
    for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].code == code)
            return (int)i;
    return -1;
}

const char *error_name(int code)
{
    int i = find(code);
    return i < 0 ? "UNKNOWN" : errors[i].name;
}

const char *wt_strerror(int code)
{
    int i = find(code);
    return i >= 0 ? errors[i].message : code >= 0 ? "success" : "unknown error";
}

int(error_set)(struct wt_error *err, int code, const char *format,
               ...) /* a macro for the analyzer */
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        err->code = code;
    }
    return code;
}

int error_prefix(struct wt_error *err, const char *format, ...)
{
    if (!err)
        return WT_E_INVALID;
    char context[sizeof err->text], whole[2 * sizeof err->text + 2];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "%s: %s", context, err->text);
    whole[sizeof err->text - 1] = '\0';
    memcpy(err->text, whole, strlen(whole) + 1);
    return err->code;
}
