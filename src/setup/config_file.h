/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of the configuration: one `name = value` a line; # and ; begin a remark.  The door to
 * inih.
 */
#ifndef WATTUNE_SETUP_CONFIG_FILE_H
#define WATTUNE_SETUP_CONFIG_FILE_H

#include "setup/config.h"

/* Puts the file's values into *config; a file that does not exist has none.  WT_E_PARSE,
 * WT_E_RANGE: the sentence names file and line; values of earlier lines are set then.
 * WT_E_NO_PERMISSION: it cannot be read, or root reads it and others may write it. */
int config_read_file(struct config *config, const char *path, enum config_origin origin,
                     struct wt_error *err);

#endif
