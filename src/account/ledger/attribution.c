/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of one GPU, by one sweep over time.
 */
#include "account/ledger/attribution.h"

#include <math.h>
#include <stdlib.h>

#include "account/carbon/operational.h"
#include "base/error.h"
#include "base/hours.h"
#include "base/units.h"

/* A run begins or ends. */
struct event {
    int64_t ms;
    double power; /* J/ms; NaN: unknown */
    int change;   /* 1, -1 */
};

/* The runs at a moment. */
struct active {
    unsigned count, known;
    double power; /* of those whose is known, summed */
};

static int earlier(const void *a, const void *b)
{
    const struct event *left = a, *right = b;
    return left->ms != right->ms ? (left->ms > right->ms) - (left->ms < right->ms)
                                 : (left->change > right->change) - (left->change < right->change);
}

static void pass(struct active *active, const struct event *event)
{
    active->count += (unsigned)event->change;
    if (isnan(event->power))
        return;
    active->known += (unsigned)event->change;
    /* Without a run there is no power: the rounding of the sums is dropped. */
    active->power = active->known ? active->power + event->change * event->power : 0;
}

static size_t make_events(const struct attributed_run runs[], size_t count, struct event events[])
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct attributed_run *run = &runs[i];
        if (run->end_ms <= run->begin_ms)
            continue;
        double power = run->energy_j / (double)(run->end_ms - run->begin_ms);
        events[n++] = (struct event){run->begin_ms, power, 1};
        events[n++] = (struct event){run->end_ms, power, -1};
    }
    qsort(events, n, sizeof *events, earlier);
    return n;
}

/* A part of a stretch in which the same runs had the GPU. */
static void add_part(struct wt_fleet_lines *lines, const struct attributed_stretch *stretch,
                     double length_ms, const struct active *active)
{
    double share = length_ms / (double)(stretch->end_ms - stretch->begin_ms),
           runs_j = active->power * length_ms;
    lines->runs_j += runs_j;
    if (active->known > 1)
        lines->overlap_j += runs_j - runs_j / active->known;
    if (active->count) {
        lines->reserved_hours += length_ms / MS_PER_HOUR;
        lines->overlap_hours += (active->count - 1) * (length_ms / MS_PER_HOUR);
    } else if (stretch->in_use == 0) {
        lines->idle_hours += length_ms / MS_PER_HOUR;
        lines->idle_j += share * stretch->energy_j;
        add_known(&lines->idle_operational_g, share * stretch->operational_g);
        add_known(&lines->idle_embodied_g, share * stretch->embodied_g);
    }
}

/* The error of stretches that join is that of their two ends: counters err at moments.  Power that
 * is integrated errs all along.  Stretches apart err independently. */
struct chain {
    double first_j, last_j, integrated_j, variance_j2;
    int64_t end_ms;
    bool open;
};

static void end_chain(struct chain *chain)
{
    if (chain->open)
        chain->variance_j2 += chain->first_j * chain->first_j + chain->last_j * chain->last_j +
                              chain->integrated_j * chain->integrated_j;
    chain->open = false;
}

static void add_error(struct chain *chain, const struct attributed_stretch *stretch)
{
    if (!chain->open || chain->end_ms != stretch->begin_ms) {
        end_chain(chain);
        *chain = (struct chain){.variance_j2 = chain->variance_j2, .open = true};
        chain->first_j = stretch->counted ? stretch->energy_error_j : 0;
    }
    if (stretch->counted)
        chain->last_j = stretch->energy_error_j;
    else
        chain->integrated_j += stretch->energy_error_j;
    chain->end_ms = stretch->end_ms;
}

static void add_stretch(struct wt_fleet_lines *lines, const struct attributed_stretch *stretch,
                        const struct event events[], size_t count, size_t *next,
                        struct active *active)
{
    int64_t at_ms = stretch->begin_ms;
    bool known = !isnan(stretch->energy_j);
    for (;;) {
        while (*next < count && events[*next].ms <= at_ms)
            pass(active, &events[(*next)++]);
        int64_t to_ms = *next < count && events[*next].ms < stretch->end_ms ? events[*next].ms
                                                                            : stretch->end_ms;
        if (known && to_ms > at_ms)
            add_part(lines, stretch, (double)(to_ms - at_ms), active);
        at_ms = to_ms;
        if (at_ms >= stretch->end_ms)
            break;
    }
    double hours = (double)(stretch->end_ms - stretch->begin_ms) / MS_PER_HOUR;
    lines->watched_hours += hours;
    add_known(&lines->embodied_g, stretch->embodied_g);
    if (!known) {
        lines->unknown_hours += hours;
        return;
    }
    lines->energy_j += stretch->energy_j;
    add_known(&lines->busy_hours, stretch->busy_s / S_PER_HOUR);
    add_known(&lines->operational_g, stretch->operational_g);
    add_known(&lines->facility_j, carbon_facility_j(stretch->energy_j, stretch->pue));
}

struct wt_fleet_lines attribution_none(void)
{
    const double none = NAN;
    return (struct wt_fleet_lines){.busy_hours = none,
                                   .facility_j = none,
                                   .operational_g = none,
                                   .embodied_g = none,
                                   .idle_operational_g = none,
                                   .idle_embodied_g = none};
}

int attribute(const struct attributed_run runs[], size_t run_count,
              const struct attributed_stretch stretches[], size_t stretch_count,
              struct wt_fleet_lines *lines)
{
    struct event *events = reallocarray(NULL, 2 * run_count + 1, sizeof *events);
    if (!events)
        return WT_E_NO_MEMORY;
    size_t count = make_events(runs, run_count, events), next = 0;
    struct active active = {0};
    struct chain chain = {0};
    struct wt_fleet_lines sum = attribution_none();
    for (size_t i = 0; i < stretch_count; i++) {
        if (stretches[i].end_ms <= stretches[i].begin_ms)
            continue;
        add_stretch(&sum, &stretches[i], events, count, &next, &active);
        if (!isnan(stretches[i].energy_j))
            add_error(&chain, &stretches[i]);
    }
    end_chain(&chain);
    free(events);
    sum.energy_error_j = sqrt(chain.variance_j2);
    sum.unattributed_j = sum.energy_j - (sum.runs_j - sum.overlap_j) - sum.idle_j;
    *lines = sum;
    return 0;
}

void attribution_add(struct wt_fleet_lines *sum, const struct wt_fleet_lines *lines)
{
    double *const sums[] = {
        &sum->watched_hours, &sum->unknown_hours, &sum->energy_j,           &sum->runs_j,
        &sum->overlap_j,     &sum->idle_j,        &sum->unattributed_j,     &sum->reserved_hours,
        &sum->idle_hours,    &sum->busy_hours,    &sum->overlap_hours,      &sum->facility_j,
        &sum->operational_g, &sum->embodied_g,    &sum->idle_operational_g, &sum->idle_embodied_g};
    const double values[] = {
        lines->watched_hours,  lines->unknown_hours,  lines->energy_j,
        lines->runs_j,         lines->overlap_j,      lines->idle_j,
        lines->unattributed_j, lines->reserved_hours, lines->idle_hours,
        lines->busy_hours,     lines->overlap_hours,  lines->facility_j,
        lines->operational_g,  lines->embodied_g,     lines->idle_operational_g,
        lines->idle_embodied_g};
    for (unsigned i = 0; i < sizeof sums / sizeof sums[0]; i++)
        add_known(sums[i], values[i]);
    sum->energy_error_j = hypot(sum->energy_error_j, lines->energy_error_j);
}
