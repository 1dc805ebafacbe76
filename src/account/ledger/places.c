/* SPDX-License-Identifier: Apache-2.0
 *
 * What repeats from run to run is kept once: places (who, where, what for), factors of carbon,
 * devices.  Each is made when it is new and never changed.
 */
#include "account/ledger/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

int ledger_place_make(struct ledger *ledger, const struct wt_trial *trial, int64_t *place_id,
                      struct wt_error *err)
{
    char models[MODELS_LEN];
    struct query *maker = ledger_query(ledger, SQL_PLACE_MAKE),
                 *finder = ledger_query(ledger, SQL_PLACE_FIND);
    const char *phase = trial->identity.phase[0] ? trial->identity.phase : "training";
    const char *const names[] = {trial->identity.project, trial->identity.user,
                                 trial->identity.node, gpu_models(trial, models)};
    query_put_text(maker, phase);
    query_put_text(finder, phase);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        query_put_known_text(maker, names[i]);
        query_put_text(finder, names[i]);
    }
    query_put_int(maker, trial->part.gpu_count);
    query_put_int(finder, trial->part.gpu_count);
    return make(ledger, finder, maker, place_id, err);
}

int ledger_factor_make(struct ledger *ledger, const struct wt_carbon *carbon, int64_t *factor_id,
                       struct wt_error *err)
{
    struct query *maker = ledger_query(ledger, SQL_FACTOR_MAKE),
                 *finder = ledger_query(ledger, SQL_FACTOR_FIND);
    query_put_real(maker, carbon->pue);
    query_put_known_text(maker, carbon->intensity_source);
    query_put_known_text(maker, carbon->embodied_source);
    query_put_known_text(maker, carbon->pue_source);
    query_put_known_text(maker, carbon->location);
    query_put_real(maker, carbon->lifetime_years > 0 ? carbon->lifetime_years : (double)NAN);
    query_put_real(finder, isfinite(carbon->pue) ? carbon->pue : 0);
    query_put_text(finder, carbon->intensity_source);
    query_put_text(finder, carbon->embodied_source);
    query_put_text(finder, carbon->pue_source);
    query_put_text(finder, carbon->location);
    query_put_real(finder, carbon->lifetime_years);
    return make(ledger, finder, maker, factor_id, err);
}

int ledger_device_make(struct ledger *ledger, enum wt_device_kind kind, unsigned index,
                       const char *uuid, const char *name, int64_t *device_id, struct wt_error *err)
{
    struct query *maker = ledger_query(ledger, SQL_DEVICE_MAKE),
                 *finder = ledger_query(ledger, SQL_DEVICE_FIND);
    query_put_text(maker, ledger_kinds[kind]);
    query_put_text(finder, ledger_kinds[kind]);
    query_put_int(maker, index);
    query_put_int(finder, index);
    query_put_known_text(maker, uuid);
    query_put_text(finder, uuid);
    query_put_known_text(maker, name);
    query_put_text(finder, name);
    return make(ledger, finder, maker, device_id, err);
}
