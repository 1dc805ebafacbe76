/* SPDX-License-Identifier: Apache-2.0
 *
 * Optional libraries, opened when needed.
 */
#include "base/dl.h"

#include <dlfcn.h>
#include <string.h>

void *dl_open_first(const char *const names[], struct wt_error *err)
{
    char first_error[sizeof err->text] = "";
    for (unsigned i = 0; names[i]; i++) {
        void *library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
        if (library)
            return library;
        const char *why = dlerror();
        if (!first_error[0] && why)
            strncpy(first_error, why, sizeof first_error - 1);
    }
    error_set(err, WT_E_NO_LIBRARY, "%s", first_error);
    return NULL;
}

void *dl_first_symbol(void *library, const char *const names[])
{
    for (unsigned i = 0; names[i]; i++) {
        void *address = dlsym(library, names[i]);
        if (address)
            return address;
    }
    return NULL;
}
