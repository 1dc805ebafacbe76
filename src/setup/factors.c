/* SPDX-License-Identifier: Apache-2.0
 *
 * The factors, user and node that a run is booked with.
 */
#include "setup/factors.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hours.h"
#include "base/log.h"
#include "base/users.h"

static void intensity_at(void *ctx, int64_t unix_s, struct carbon_intensity *out)
{
    struct carbon_sources *settings = ctx;
    struct wt_error err;
    int64_t now_s = clock_wall_ms() / 1000;
    if (hours_of_s(unix_s) == hours_of_s(now_s)
            ? carbon_sources_refresh(settings, now_s, &err)
            : carbon_sources_look_back(settings, unix_s, now_s, &err))
        log_warning("%s", err.text);
    carbon_sources_intensity_at(settings, unix_s, out);
}

static void system_of(void *ctx, const char *gpu_model, struct carbon_system *out)
{
    carbon_sources_system(ctx, gpu_model, out);
}

static bool contract_of(void *ctx, double facility_kwh, struct carbon_contract *out)
{
    return carbon_sources_contract(ctx, facility_kwh, out);
}

struct booking_factors factors_of(struct carbon_sources *settings)
{
    return (struct booking_factors){.pue = settings->pue,
                                    .pue_source = settings->pue_where,
                                    .location = settings->location,
                                    .lifetime_years = settings->lifetime_years,
                                    .utilisation = settings->utilisation,
                                    .system_gpus = settings->system_gpus,
                                    .intensity_at = intensity_at,
                                    .system = system_of,
                                    .contract = contract_of,
                                    .ctx = settings};
}

void factors_user(char user[WT_USER_LEN])
{
    char name[64], home[256];
    uid_t uid = getuid();
    gid_t gid;
    struct passwd *entry;
    if (users_sudo_caller(&uid, &gid, name, home))
        snprintf(user, WT_USER_LEN, "%s", name);
    else if ((entry = getpwuid(uid)) != NULL && entry->pw_name[0])
        snprintf(user, WT_USER_LEN, "%s", entry->pw_name);
    else
        snprintf(user, WT_USER_LEN, "%lu", (unsigned long)uid);
}

void factors_node(char node[WT_USER_LEN])
{
    if (gethostname(node, WT_USER_LEN))
        node[0] = 0;
    node[WT_USER_LEN - 1] = 0; /* one that does not fit may come without its end */
}
