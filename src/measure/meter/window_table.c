/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of open windows.  Closed slots are reused, so that a training loop allocates only the
 * first time.
 */
#include "measure/meter/window_table.h"

#include <stdlib.h>
#include <string.h>

struct window {
    bool open;
    char name[METER_NAME_LEN];
    struct moment *begin; /* device_count of them */
};

struct window_table {
    unsigned device_count, window_count;
    struct window *windows;
};

int window_table_new(unsigned device_count, struct window_table **out, struct wt_error *err)
{
    if (device_count == 0 || device_count > WT_MAX_DEVICES)
        return error_set(err, WT_E_INVALID, "windows need 1 to %d devices", WT_MAX_DEVICES);
    struct window_table *table = calloc(1, sizeof *table);
    if (!table)
        return error_set(err, WT_E_NO_MEMORY, "make a table of windows: out of memory");
    table->device_count = device_count;
    *out = table;
    return 0;
}

struct window_table *window_table_free(struct window_table *table)
{
    if (table) {
        for (unsigned i = 0; i < table->window_count; i++)
            free(table->windows[i].begin);
        free(table->windows);
        free(table);
    }
    return NULL;
}

static struct window *find(struct window_table *table, const char *name)
{
    for (unsigned i = 0; i < table->window_count; i++)
        if (table->windows[i].open && strcmp(table->windows[i].name, name) == 0)
            return &table->windows[i];
    return NULL;
}

/* A closed slot, or a new one; NULL when there is no room. */
static struct window *free_slot(struct window_table *table)
{
    for (unsigned i = 0; i < table->window_count; i++)
        if (!table->windows[i].open)
            return &table->windows[i];
    if (table->window_count == METER_WINDOWS_MOST)
        return NULL;
    unsigned count = table->window_count + 1;
    struct window *windows = realloc(table->windows, count * sizeof *windows);
    if (!windows)
        return NULL;
    table->windows = windows;
    windows[count - 1] =
        (struct window){.begin = calloc(table->device_count, sizeof(struct moment))};
    if (!windows[count - 1].begin)
        return NULL;
    table->window_count = count;
    return &windows[count - 1];
}

int window_table_open(struct window_table *table, const char *name, const struct moment begin[],
                      struct wt_error *err)
{
    if (!name || !*name || strlen(name) >= METER_NAME_LEN)
        return error_set(err, WT_E_INVALID, "a window's name has 1 to %d bytes",
                         METER_NAME_LEN - 1);
    if (find(table, name))
        return error_set(err, WT_E_BUSY, "the window %s is open already", name);
    struct window *window = free_slot(table);
    if (!window)
        return error_set(err, WT_E_NO_MEMORY,
                         "open the window %s: too many are open, or out of memory", name);
    memcpy(window->name, name, strlen(name) + 1);
    memcpy(window->begin, begin, table->device_count * sizeof *begin);
    window->open = true;
    return 0;
}

int window_table_close(struct window_table *table, const char *name, struct moment begin[],
                       struct wt_error *err)
{
    struct window *window = name ? find(table, name) : NULL;
    if (!window)
        return error_set(err, WT_E_NOT_FOUND, "no window %s is open",
                         name ? name : "without a name");
    memcpy(begin, window->begin, table->device_count * sizeof *begin);
    window->open = false;
    return 0;
}
