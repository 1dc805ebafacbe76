/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the events of a live meter.  A file of its own, so that the library does not have it.
 */
#include "base/log.h"
#include "measure/meter/meter.h"

void live_meter_log_event(void *unused, const struct live_meter_event *event)
{
    (void)unused;
    bool is_note = event->kind == LIVE_METER_READABLE || event->kind == LIVE_METER_SLOW;
    log_line(is_note ? LOG_NOTE : LOG_WARNING, "%s", event->text);
}
