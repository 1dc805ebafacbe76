/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that many runs share: places (user, node, project, phase), factors of carbon, devices.  Each
 * is made when it is new and never changed.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "account/ledger/columns.h"

enum { MODELS_LEN = 4 * WT_NAME_LEN };

/* Runs the statement that finds the row; if it is not there, the one that makes it.  The write lock
 * is held: nobody else makes it in between. */
static int make(struct ledger *ledger, struct query *finder, struct query *maker, int64_t *id,
                struct wt_error *err)
{
    int rc = query_step(finder, err);
    if (rc > 0)
        *id = query_int(finder, 0);
    query_leave(finder);
    if (rc)
        return rc < 0 ? rc : 0;
    rc = query_run(maker, err);
    if (rc == 0)
        *id = ledger_last_id(ledger);
    return rc < 0 ? rc : 0;
}

/* The names of its GPUs, each once. */
static const char *gpu_models(const struct wt_trial *trial, char text[MODELS_LEN])
{
    size_t length = 0;
    text[0] = 0;
    for (unsigned i = 0; i < trial->part.gpu_count; i++) {
        bool before = false;
        for (unsigned k = 0; k < i; k++)
            before = before || strcmp(trial->part.gpus[k].name, trial->part.gpus[i].name) == 0;
        if (before || !trial->part.gpus[i].name[0] || length >= MODELS_LEN)
            continue;
        length += (size_t)snprintf(text + length, MODELS_LEN - length, "%s%s", length ? " + " : "",
                                   trial->part.gpus[i].name);
    }
    return text;
}

struct place {
    const char *phase, *project, *user, *node, *gpu_model;
    unsigned gpu_count;
};

static void put_place(struct query *query, const struct place *row)
{
    PLACE(PUT)
}

int ledger_place_make(struct ledger *ledger, const struct wt_trial *trial, int64_t *place_id,
                      struct wt_error *err)
{
    char models[MODELS_LEN];
    struct query *maker = ledger_query(ledger, SQL_PLACE_MAKE),
                 *finder = ledger_query(ledger, SQL_PLACE_FIND);
    const struct wt_trial_identity *run = &trial->identity;
    const struct place place = {.phase = run->phase[0] ? run->phase : "training",
                                .project = run->project,
                                .user = run->user,
                                .node = run->node,
                                .gpu_model = gpu_models(trial, models),
                                .gpu_count = trial->part.gpu_count};
    put_place(maker, &place);
    put_place(finder, &place);
    return make(ledger, finder, maker, place_id, err);
}

static void put_factor(struct query *query, const struct wt_carbon *row)
{
    FACTOR(PUT)
}

int ledger_factor_make(struct ledger *ledger, const struct wt_carbon *carbon, int64_t *factor_id,
                       struct wt_error *err)
{
    struct query *maker = ledger_query(ledger, SQL_FACTOR_MAKE),
                 *finder = ledger_query(ledger, SQL_FACTOR_FIND);
    put_factor(maker, carbon);
    put_factor(finder, carbon);
    return make(ledger, finder, maker, factor_id, err);
}

static void put_device(struct query *query, const struct ledger_device_energy *row)
{
    DEVICE(PUT)
}

int ledger_device_make(struct ledger *ledger, const struct ledger_device_energy *device,
                       int64_t *device_id, struct wt_error *err)
{
    struct query *maker = ledger_query(ledger, SQL_DEVICE_MAKE),
                 *finder = ledger_query(ledger, SQL_DEVICE_FIND);
    put_device(maker, device);
    put_device(finder, device);
    return make(ledger, finder, maker, device_id, err);
}
