/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside carbon/: the project's tables as they stand in src/account/carbon/data/, put into the
 * program at build.
 */
#ifndef WATTUNE_ACCOUNT_CARBON_DATA_H
#define WATTUNE_ACCOUNT_CARBON_DATA_H

#include <stddef.h>

extern const char carbon_intensity_csv[], carbon_embodied_csv[], carbon_fab_csv[];
extern const size_t carbon_intensity_csv_size, carbon_embodied_csv_size, carbon_fab_csv_size;

#endif
