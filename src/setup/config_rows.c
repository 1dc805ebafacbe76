/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration's rows, by their id.
 */
#include "setup/config_rows.h"

const struct option_row config_rows[CONFIG_COUNT] = {CONFIG_KEYS(CONFIG_ROW)};
