/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON over jansson, which bounds its depth itself.
 */
#include "base/json_read.h"

#include <jansson.h>
#include <string.h>

#include "base/text.h"

static bool fits(const struct json_wanted *wanted, const json_t *value)
{
    if (wanted->text) /* jansson refuses a byte 0 in a string */
        return json_is_string(value) && json_string_length(value) < wanted->text_size;
    return wanted->number ? json_is_number(value) : json_is_boolean(value);
}

static void put(const struct json_wanted *wanted, const json_t *value)
{
    if (wanted->text)
        memcpy(wanted->text, json_string_value(value), json_string_length(value) + 1);
    else if (wanted->number)
        *wanted->number = json_number_value(value);
    else
        *wanted->truth = json_is_true(value);
}

static int read_members(const json_t *object, const struct json_wanted wanted[], unsigned count,
                        struct wt_error *err)
{
    for (unsigned i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, wanted[i].name);
        if ((!value || json_is_null(value)) && !wanted[i].needed)
            continue;
        if (!value)
            return error_set(err, WT_E_PARSE, "there is no \"%s\"", wanted[i].name);
        if (!fits(&wanted[i], value))
            return error_set(err, WT_E_PARSE, "\"%s\" is no %s", wanted[i].name,
                             wanted[i].text     ? "text of usual length"
                             : wanted[i].number ? "number"
                                                : "true or false");
    }
    for (unsigned i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, wanted[i].name);
        if (value && !json_is_null(value))
            put(&wanted[i], value);
    }
    return 0;
}

static int load(const char *text, size_t length, json_t **root, struct wt_error *err)
{
    json_error_t why;
    char shown[120];
    *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
    /* In most places jansson has no words for it. */
    if (!*root && (!why.text[0] || json_error_code(&why) == json_error_out_of_memory))
        return error_set(err, WT_E_NO_MEMORY, "read JSON: out of memory");
    if (!*root)
        return error_set(err, WT_E_PARSE, "no JSON: %s",
                         text_escape_into(shown, sizeof shown, why.text));
    return 0;
}

static int read_object(const json_t *object, const struct json_wanted wanted[], unsigned count,
                       struct wt_error *err)
{
    return json_is_object(object) ? read_members(object, wanted, count, err)
                                  : error_set(err, WT_E_PARSE, "no JSON object");
}

int json_read_object(const char *text, size_t length, const struct json_wanted wanted[],
                     unsigned count, struct wt_error *err)
{
    json_t *root;
    int rc = load(text, length, &root, err);
    if (rc)
        return rc;
    rc = read_object(root, wanted, count, err);
    json_decref(root);
    return rc;
}

int json_read_list(const char *text, size_t length, const char *name,
                   const struct json_wanted wanted[], unsigned count,
                   int (*take)(void *ctx, struct wt_error *err), void *ctx, struct wt_error *err)
{
    json_t *root;
    int rc = load(text, length, &root, err);
    if (rc)
        return rc;
    const json_t *list = json_object_get(root, name); /* NULL of a value that is no object, too */
    if (!json_is_array(list))
        rc = error_set(err, WT_E_PARSE, "there is no list \"%s\"", name);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        rc = read_object(json_array_get(list, i), wanted, count, err);
        if (rc == 0)
            rc = take(ctx, err);
    }
    json_decref(root);
    return rc;
}
