/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress from inside training: the public names of the channel's writing end.
 */
#include "measure/progress/channel_writer.h"
#include "wattune.h"

void wt_step(void)
{
    channel_write_step();
}

void wt_epoch_end(const char *name, double value)
{
    channel_write_epoch(name, value);
}

int wt_stop_requested(void)
{
    return channel_stop_requested();
}
