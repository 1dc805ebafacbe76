/* SPDX-License-Identifier: Apache-2.0
 *
 * A track: everything that readings of one device have shown, and the energy between two moments
 * that follows from it.  This is the one engine behind a run's meter (live_meter.c) and the
 * library's (window_meter.c): each makes the calls of the driver in its own way, and both get their
 * answers here.
 *
 * A followed track is read at moments that it asks for itself, so that it learns where a counter's
 * ticks lie (edges.h).  Any other counter is read at the ends of windows only.  Power is always
 * followed (integrate.h): energy that nobody looks at is not known afterwards.
 *
 * No locks: an owner with a thread holds one of its own around every call but reading_take().
 */
#ifndef WATTUNE_MEASURE_METER_TRACK_H
#define WATTUNE_MEASURE_METER_TRACK_H

#include "measure/meter/edges.h"
#include "measure/meter/integrate.h"
#include "measure/sense/sense.h"

/* One call of the driver. */
struct reading {
    int rc;                   /* WT_E_* when it failed; only the two times hold then */
    int64_t begin_ns, end_ns; /* of the call */
    struct wt_sample sample;  /* of a device without a counter: the time and the source only */
    uint32_t power_mw;        /* of a device without a counter */
};

/* News about a device, as bits. */
enum track_news {
    TRACK_FAILED = 1 << 0,    /* a read failed; the one before did not */
    TRACK_READABLE = 1 << 1,  /* a read succeeded; the one before failed */
    TRACK_SLOW = 1 << 2,      /* the driver took long to answer, for the first time */
    TRACK_WENT_BACK = 1 << 3, /* the counter was set back */
    TRACK_STOPPED = 1 << 4,   /* the counter, or the power readings, have stopped moving */
};

struct track {
    unsigned position; /* in the source */
    struct wt_device device;
    struct edges *edges;         /* of a counter that is followed; else NULL */
    struct integrate *integrate; /* of a device that tells power only; else NULL */
    int64_t gap_ns, fine_every_ns;

    bool has_read;
    int64_t read_ns, read_end_ns; /* the newest reading that counts: its call */
    struct wt_sample last;        /* the newest one of a counter */
    unsigned failures;            /* reads that failed in a row */
    int64_t failed_ns;            /* the last of them */

    int64_t moved_ns;         /* when a read first showed the value of `last` */
    unsigned unmoved;         /* reads since then that showed it too */
    bool stale;               /* the counter or the readings have stopped at least once */
    int64_t stopped_until_ns; /* the counter's last stop; INT64_MAX while it lasts, 0: none */
    bool told_slow;

    /* A counter that was set back goes on from 0: added to it, the value before. */
    uint64_t base_mj, base_error_mj;
    int64_t reset_ns; /* the last time that the counter went back; 0: never */
    int64_t lost_ns;  /* the last time that it did so in a way that loses energy; 0: never */
};

/* An end of a window: its owner reads the device there. */
struct moment {
    struct wt_sample read; /* source WT_SOURCE_NONE: it could not be read */
    int64_t unread_ns;     /* time before it in which nobody had read the device */
    uint64_t base_error_mj;
    struct integrate_mark power;
    bool power_known, power_settled; /* settled: there are readings well behind it */
};

/* A track of `device`, which has `position` in its source.  WT_E_NO_MEMORY; track_drop() frees
 * its memory, also after a failure. */
int track_init(struct track *track, const struct wt_device *device, unsigned position, bool follow);
void track_drop(struct track *track);

/* Sets the least mean time between two reads. */
void track_set_gap(struct track *track, int64_t gap_ns);

bool track_is_readable(const struct track *track); /* it has a counter, or tells power */
bool track_is_followed(const struct track *track);
/* True for a counter that moves every millisecond or so (RAPL): it needs no edges. */
bool track_is_fine(const struct wt_device *device);

/* --- Reads --- */

/* True when a read is due now; the moment to ask again, INT64_MAX when none is ever due. */
bool track_is_due(const struct track *track);
int64_t track_wake_ns(const struct track *track);

/* Reads the device.  Needs no lock: it uses only fields of the track that never change. */
void reading_take(struct sense *sense, const struct track *track, struct reading *reading,
                  struct wt_error *err);

/* Adds a reading, and returns news.  A reading whose call overlaps the one before adds nothing:
 * nobody knows which of the two the device answered first. */
unsigned track_add(struct track *track, const struct reading *reading);

/* --- Energy between marks of the past (track_energy.c) --- */

/* The newest moment for which the energy is known without extrapolation; 0: none yet. */
int64_t track_known_until_ns(const struct track *track);

/* The mark of a moment, and the energy between two marks; WT_E_NO_DATA when it is not known. */
int track_mark(const struct track *track, int64_t t_ns, struct live_meter_mark *mark);
int track_between(const struct track *track, const struct live_meter_mark *from,
                  const struct live_meter_mark *to, struct wt_measurement *measurement);

/* --- Windows from one read moment to another (track_energy.c) --- */

/* Adds the reading that begins a window.  A device that tells power begins it at now_ns, however
 * long its call took. */
unsigned track_begin(struct track *track, const struct reading *reading, int64_t now_ns,
                     struct moment *begin);

/* Adds the reading that ends it.  `end_ns`: the moment meant, just before the reading; 0: the
 * reading's own. */
unsigned track_end(struct track *track, const struct reading *reading, const struct moment *begin,
                   int64_t end_ns, struct moment *end);

/* Looks up again the begin of a window over power, now that there may be readings behind it: the
 * ring of readings forgets. */
void track_settle(const struct track *track, struct moment *begin);

/* The energy of the window, by the better of two ways: from the two reads, or from the edges around
 * both moments.  Source WT_SOURCE_NONE when it is not known, with the reason in `quality`. */
struct wt_measurement track_window(const struct track *track, const struct moment *begin,
                                   const struct moment *end);

/* The energy since the begin by the newest readings, joules; WT_E_NO_DATA: not known now. */
int track_so_far(const struct track *track, const struct moment *begin, double *energy_j);

/* --- Two samples of one device (samples.c) --- */

/* The energy between them.  most_mw: struct wt_device; it bounds the energy that a counter can
 * miss. */
struct wt_measurement samples_between(const struct wt_sample *begin, const struct wt_sample *end,
                                      uint32_t most_mw);

#endif
