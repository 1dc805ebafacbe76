/* SPDX-License-Identifier: Apache-2.0
 *
 * How far the sensor of a GPU model may be off by gain and offset: published findings, and nothing
 * else.  Ticks, gaps and noise are not in it; those are each measurement's own error.  Pure: a
 * table.
 */
#ifndef WATTUNE_MEASURE_SENSE_CALIBRATION_H
#define WATTUNE_MEASURE_SENSE_CALIBRATION_H

#include <stdint.h>

/* By the name that the driver gives the GPU: the calibration error in millionths of a reading; 0:
 * not known. */
uint32_t calibration_error_ppm(const char *name);

#endif
