/* SPDX-License-Identifier: Apache-2.0
 *
 * Recurrences: the energy and time of each, their lessons about the batch sizes, and the beliefs
 * about those.
 */
#include "show/text/view.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "show/text/identity.h"
#include "show/text/setting.h"
#include "show/text/table.h"

#define HEADINGS(...) ((const char *const[]){__VA_ARGS__})

enum { BAR_MOST = 32, LINES_MOST = 40 };

/* --- Recurrences --- */

struct recurrence {
    const struct wt_trial *last; /* its last try */
    unsigned tries;
    double energy_j, time_s,
        cost_j; /* of all its tries; one that is unknown makes the sum unknown */
};

/* The recurrence that begins with tries[0]; returns how many tries it has. */
static size_t gather(const struct wt_trial tries[], size_t count, struct recurrence *r)
{
    size_t n = 0;
    *r = (struct recurrence){0};
    for (; n < count && tries[n].identity.recurrence == tries[0].identity.recurrence; n++) {
        r->energy_j += tries[n].part.energy_j;
        r->time_s += tries[n].outcome.time_s;
        r->cost_j += tries[n].outcome.cost_j;
        r->last = &tries[n];
        r->tries++;
    }
    return n;
}

static void put_bar(struct table *table, double energy_j, double most_j)
{
    char bar[BAR_MOST + 1];
    int length = isfinite(energy_j) && most_j > 0 ? (int)lround(BAR_MOST * energy_j / most_j) : 0;
    memset(bar, '#', sizeof bar);
    table_put(table, "%.*s", length < 0 ? 0 : length > BAR_MOST ? BAR_MOST : length, bar);
}

static void put_size(struct table *table, uint32_t size)
{
    if (size)
        table_put(table, "%u", (unsigned)size);
    else
        table_put(table, "-");
}

static const char *outcome(const struct wt_trial *t)
{
    return !t->outcome.ended        ? "not ended"
           : t->outcome.reached > 0 ? "target reached"
           : t->outcome.not_started ? "not started"
           : t->outcome.early_stopped
               ? (t->outcome.reached == 0 ? "stopped early" : "budget used up")
           : t->outcome.exit_code > 0 ? "failed"
           : t->outcome.reached == 0  ? "target missed"
                                      : "done";
}

void view_recurrences(struct buffer *out, const struct wt_trial tries[], size_t count, bool colour)
{
    struct table table = {.columns = "rrrrlrrrl"};
    struct recurrence r;
    char text[UNIT_SIZE];
    double most_j = 0;
    size_t lines = 0, left_out;
    for (size_t i = 0; i < count; lines++) {
        i += gather(tries + i, count - i, &r);
        most_j = r.energy_j > most_j ? r.energy_j : most_j;
    }
    left_out = lines > LINES_MOST ? lines - LINES_MOST : 0;
    table_heading(&table, HEADINGS("RECURRENCE", "TRIES", "BATCH", "LIMIT", "OUTCOME", "TIME",
                                   "COST", "GPU ENERGY", ""));
    for (size_t i = 0, line = 0; i < count; line++) {
        i += gather(tries + i, count - i, &r);
        if (line < left_out)
            continue;
        table_put(&table, "%u", r.last->identity.recurrence);
        table_put(&table, "%u", r.tries);
        put_size(&table, r.last->outcome.batch_size);
        table_put(&table, "%s", unit_setting(text, r.last->outcome.setting));
        table_put(&table, "%s", outcome(r.last));
        table_put(&table, "%s", unit_time(text, r.time_s));
        table_put(&table, "%s", unit_energy(text, r.cost_j));
        table_put(&table, "%s", unit_energy(text, r.energy_j));
        put_bar(&table, r.energy_j, most_j);
    }
    if (left_out)
        buffer_print(out, "The last %d of %zu recurrences:\n", LINES_MOST, lines);
    table_print(&table, out, "", colour);
}

/* --- The lessons --- */

static double mean(double sum, unsigned count)
{
    return count ? sum / count : (double)NAN;
}

static void put_learned(struct table *table, const struct wt_learned *l,
                        const struct wt_learned *standard)
{
    char text[UNIT_SIZE];
    put_size(table, l->batch_size);
    table_put(table, "%s", unit_limit(text, l->limit_mw));
    table_put(table, "%u of %u", l->reached, l->runs);
    if (!l->reached) {
        for (unsigned i = 0; i < 6; i++)
            table_put(table, "%s", i ? "" : "never");
        return;
    }
    table_put(table, "%.4g", mean(l->epochs, l->reached));
    table_put(table, "%s", unit_time(text, mean(l->time_s, l->reached)));
    table_put(table, "%s", unit_energy(text, mean(l->energy_j, l->reached)));
    table_put(table, "%s", unit_energy(text, mean(l->cost_j, l->reached)));
    bool compared = standard && standard->reached;
    table_put(table, "%s",
              compared ? unit_percent(text, mean(l->energy_j, l->reached) /
                                                mean(standard->energy_j, standard->reached))
                       : "unknown");
    table_put(table, "%s",
              compared ? unit_percent(text, mean(l->cost_j, l->reached) /
                                                mean(standard->cost_j, standard->reached))
                       : "unknown");
}

void view_learned(struct buffer *out, const struct wt_learned sizes[], unsigned count,
                  uint32_t default_size, bool colour)
{
    struct table table = {.columns = "rrrrrrrrrl"};
    const struct wt_learned *standard = NULL, *best = NULL;
    for (unsigned i = 0; i < count; i++) {
        const struct wt_learned *l = &sizes[i];
        standard = l->batch_size == default_size ? l : standard;
        if (l->reached &&
            (!best || mean(l->cost_j, l->reached) < mean(best->cost_j, best->reached)))
            best = l;
    }
    if (!count)
        return;
    buffer_print(out, "Lessons, a run to the target:\n");
    table_heading(&table, HEADINGS("BATCH", "LIMIT", "REACHED", "EPOCHS", "TIME", "GPU ENERGY",
                                   "COST", "ENERGY/DEFAULT", "COST/DEFAULT", ""));
    for (unsigned i = 0; i < count; i++) {
        put_learned(&table, &sizes[i], standard);
        table_put(&table, "%s",
                  &sizes[i] == best && best == standard ? "<- cheapest, default"
                  : &sizes[i] == best                   ? "<- cheapest"
                  : &sizes[i] == standard               ? "<- default"
                                                        : "");
    }
    table_print(&table, out, "", colour);
}

/* --- Beliefs --- */

void view_beliefs(struct buffer *out, const struct wt_beliefs *beliefs, bool colour)
{
    struct table table = {.columns = "rrrrll"};
    char text[UNIT_SIZE], words[WT_OPTIONS_LEN];
    buffer_print(out, "batch sizes on %u x ", beliefs->gpu_count);
    text_escape(out, beliefs->gpu_model);
    buffer_print(out, " for ");
    view_identity_words(&beliefs->identity, words);
    text_escape(out, words);
    buffer_print(out, ":\n");
    table_heading(&table, HEADINGS("BATCH", "RUNS", "MEAN COST", "SD", "", ""));
    for (unsigned i = 0; i < beliefs->count; i++) {
        const struct wt_belief *b = &beliefs->sizes[i];
        table_put(&table, "%u", (unsigned)b->batch_size);
        table_put(&table, "%u", b->runs);
        table_put(&table, "%s", unit_energy(text, b->mean_j));
        table_put(&table, "%s", unit_energy(text, b->runs > 1 ? b->sd_j : (double)NAN));
        table_put(&table, "%s", b->left ? "" : "dropped");
        table_put(&table, "%s", b->batch_size == beliefs->next ? "<- next" : "");
    }
    table_print(&table, out, "  ", colour);
    if (beliefs->failed)
        buffer_print(out, "  No size reached the target: the next run explores anew.\n");
    else
        buffer_print(out, "  %s; ",
                     beliefs->exploring
                         ? "Exploring: sizes that do not reach the target are dropped"
                         : "Explored: sizes are drawn by the belief about their cost");
    if (!beliefs->failed && isfinite(beliefs->bound_j))
        buffer_print(out, "a run may cost %s.\n", unit_energy(text, beliefs->bound_j));
    else if (!beliefs->failed)
        buffer_print(out, "nothing bounds the cost of a run yet.\n");
    if (beliefs->waiting)
        buffer_print(
            out,
            "  %u run%s on other GPUs count%s here once an epoch of the size has a known cost.\n",
            beliefs->waiting, beliefs->waiting == 1 ? "" : "s", beliefs->waiting == 1 ? "s" : "");
    if (beliefs->running)
        buffer_print(out, "  %u recurrence%s under way.\n", beliefs->running,
                     beliefs->running == 1 ? " is" : "s are");
}
