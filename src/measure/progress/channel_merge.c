/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging the slots: check each, sum the threads of a process, then find the heaviest sequence of
 * processes that ran one after another.  Ranks overlap, so that a sequence holds one of them;
 * phases of a script do not.
 */
#include "measure/progress/channel_merge.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"

/* No step takes less: the call that reports it reads a clock.  A count beyond that is not a count.
 */
enum { SHORTEST_STEP_NS = 5 };

struct process {
    uint32_t pid;
    uint64_t steps, epochs;         /* its own */
    uint64_t all_steps, all_epochs; /* with those that ended before it */
    int64_t first_ns, last_ns, step_ns, last_step_ns;
    int64_t epoch_ns;
    const struct channel_slot *epoch_slot;
};

static int64_t within(int64_t t_ns, int64_t from_ns, int64_t to_ns)
{
    return t_ns < from_ns ? from_ns : t_ns > to_ns ? to_ns : t_ns;
}

static struct process *find_process(struct process processes[], unsigned *count, uint32_t pid)
{
    for (unsigned i = 0; i < *count; i++)
        if (processes[i].pid == pid)
            return &processes[i];
    processes[*count] = (struct process){.pid = pid, .first_ns = INT64_MAX};
    return &processes[(*count)++];
}

static void add_slot(struct process *process, const struct channel_slot *slot, int64_t created_ns,
                     int64_t now_ns)
{
    int64_t claimed_ns = within(slot->claimed_ns, created_ns, now_ns);
    int64_t last_ns = within(slot->last_ns, claimed_ns, now_ns);
    process->steps += slot->steps;
    process->epochs += slot->epochs;
    if (claimed_ns < process->first_ns)
        process->first_ns = claimed_ns;
    if (last_ns > process->last_ns)
        process->last_ns = last_ns;
    if (slot->steps > 0 && last_ns > process->last_step_ns)
        process->last_step_ns = last_ns;
    /* After a single step nobody knows how long steps are; ranks begin within a second of each
     * other. */
    int64_t step_ns =
        slot->steps > 1 ? (last_ns - claimed_ns) / (int64_t)(slot->steps - 1) : NS_PER_S / 2;
    if (step_ns > process->step_ns)
        process->step_ns = step_ns;
    if (slot->epochs == 0)
        return;
    int64_t epoch_ns = within(slot->epoch_ns, claimed_ns, now_ns);
    if (epoch_ns > process->last_ns)
        process->last_ns = epoch_ns;
    if (!process->epoch_slot || epoch_ns > process->epoch_ns) {
        process->epoch_slot = slot;
        process->epoch_ns = epoch_ns;
    }
}

static unsigned collect(const struct channel_slot slots[], unsigned count, int64_t created_ns,
                        int64_t now_ns, struct process processes[])
{
    uint64_t most =
        (uint64_t)(now_ns > created_ns ? now_ns - created_ns : 0) / SHORTEST_STEP_NS + 1;
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++)
        if ((slots[i].steps || slots[i].epochs) && slots[i].steps <= most &&
            slots[i].epochs <= most)
            add_slot(find_process(processes, &found, slots[i].pid), &slots[i], created_ns, now_ns);
    return found;
}

/* The shared slot (pid 0) holds threads of several processes: it never counts as ended. */
static bool ended_before(const struct process *one, const struct process *other)
{
    return one->pid != 0 && other->first_ns - one->last_ns > 2 * one->step_ns;
}

static void sort_by_beginning(struct process processes[], unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        struct process moved = processes[i];
        unsigned place = i;
        for (; place > 0 && processes[place - 1].first_ns > moved.first_ns; place--)
            processes[place] = processes[place - 1];
        processes[place] = moved;
    }
}

static void add_up(struct process processes[], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t steps = 0, epochs = 0;
        for (unsigned j = 0; j < i; j++) {
            if (!ended_before(&processes[j], &processes[i]))
                continue;
            if (processes[j].all_steps > steps)
                steps = processes[j].all_steps;
            if (processes[j].all_epochs > epochs)
                epochs = processes[j].all_epochs;
        }
        processes[i].all_steps = processes[i].steps + steps;
        processes[i].all_epochs = processes[i].epochs + epochs;
    }
}

static void take_metric(const struct channel_slot *slot, struct channel_merged *merged)
{
    merged->metric = isfinite(slot->metric) ? slot->metric : NAN;
    for (unsigned i = 0; i < WT_METRIC_LEN - 1 && slot->metric_name[i]; i++) {
        char c = slot->metric_name[i];
        merged->metric_name[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
    }
}

void channel_merge(const struct channel_slot slots[], unsigned count, int64_t created_ns,
                   int64_t now_ns, struct channel_merged *merged)
{
    struct process processes[CHANNEL_SLOTS];
    unsigned found = collect(slots, count < CHANNEL_SLOTS ? count : CHANNEL_SLOTS, created_ns,
                             now_ns, processes);
    sort_by_beginning(processes, found);
    add_up(processes, found);
    *merged = (struct channel_merged){.metric = NAN};
    const struct process *furthest = NULL; /* by epochs */
    for (unsigned i = 0; i < found; i++) {
        const struct process *p = &processes[i];
        if (p->all_steps > merged->steps) {
            merged->steps = p->all_steps;
            merged->last_ns = p->last_step_ns;
        } else if (p->all_steps == merged->steps && p->last_step_ns > merged->last_ns) {
            merged->last_ns = p->last_step_ns;
        }
        if (p->epoch_slot && (!furthest || p->all_epochs > furthest->all_epochs))
            furthest = p;
    }
    if (!furthest)
        return;
    merged->epochs = furthest->all_epochs;
    merged->epoch_ns = furthest->epoch_ns;
    take_metric(furthest->epoch_slot, merged);
}
