/* SPDX-License-Identifier: Apache-2.0
 *
 * From the options to opened devices.
 */
#include "setup/devices.h"

#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/users.h"
#include "setup/config.h"
#include "setup/recover.h"

int devices_vgpu_folder(char folder[PATH_MAX], struct wt_error *err)
{
    static const char *const places[] = {"vgpu", "../" WATTUNE_LIBDIR "/wattune/vgpu"};
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n > 0) {
        program[n] = '\0';
        char *slash = strrchr(program, '/');
        *slash = '\0';
        for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
            char path[PATH_MAX + 64], real[PATH_MAX];
            if (snprintf(path, sizeof path, "%s/%s/libnvidia-ml.so.1", program, places[i]) <
                    (int)sizeof path &&
                access(path, R_OK) == 0) {
                snprintf(path, sizeof path, "%s/%s", program, places[i]);
                if (realpath(path, real)) {
                    snprintf(folder, PATH_MAX, "%s", real);
                    return 0;
                }
            }
        }
    }
    return error_set(err, WT_E_NO_LIBRARY,
                     "the virtual GPU's library is not installed with this wattune");
}

/* Asks the library itself whether it knows the SPEC: it has the sentence with file and line. */
static int check_spec(const char *library, const char *spec, struct wt_error *err)
{
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (!handle)
        return error_set(err, WT_E_NO_LIBRARY, "open the virtual GPU: %s", dlerror());
    union {
        void *address;
        int (*function)(const char *, char *, size_t);
    } check = {.address = dlsym(handle, "vgpu_check_spec")};
    char message[400];
    if (!check.address)
        return error_set(err, WT_E_NO_LIBRARY, "%s is not the virtual GPU's library", library);
    return check.function(spec, message, sizeof message) == 0
               ? 0
               : error_set(err, WT_E_PARSE, "%s", message);
}

/* Virtual GPUs need no root, and belong to the user naming them. */
static int become_sudo_user(struct wt_error *err)
{
    struct users_identity who;
    int rc = users_sudo_identity(&who, err);
    if (rc <= 0)
        return rc;
    rc = users_become(&who) == 0
             ? 0
             : error_set(err, WT_E_NO_PERMISSION, "cannot go on as user %s", who.name);
    if (rc == 0) {
        setenv("HOME", who.home, 1);
        log_note("virtual GPUs need no root: going on as %s", who.name);
    }
    users_identity_clear(&who);
    return rc;
}

static int use_vgpu(struct devices *devices, const char *spec, struct wt_error *err)
{
    char folder[PATH_MAX];
    int rc = become_sudo_user(err);
    if (rc == 0)
        rc = devices_vgpu_folder(folder, err);
    if (rc)
        return rc;
    snprintf(devices->library, sizeof devices->library, "%s/libnvidia-ml.so.1", folder);
    rc = check_spec(devices->library, spec, err);
    if (rc)
        return rc;
    /* The command may change its folder before it opens the machine file. */
    char real[PATH_MAX];
    if (strpbrk(spec, "/.") && realpath(spec, real))
        spec = real;
    const char *path = getenv("LD_LIBRARY_PATH");
    if ((size_t)snprintf(devices->env_vgpu, sizeof devices->env_vgpu, "WATTUNE_VGPU=%s", spec) >=
            sizeof devices->env_vgpu ||
        (size_t)snprintf(devices->env_library_path, sizeof devices->env_library_path,
                         "LD_LIBRARY_PATH=%s%s%s", folder, path && *path ? ":" : "",
                         path ? path : "") >= sizeof devices->env_library_path)
        return error_set(err, WT_E_RANGE, "the SPEC or LD_LIBRARY_PATH is too long");
    setenv("WATTUNE_VGPU", spec, 1); /* for the library in this process and in the guard process */
    devices->env[0] = devices->env_vgpu;
    devices->env[1] = devices->env_library_path;
    devices->options.nvml_path = devices->library;
    return 0;
}

/* A library that the caller names would run with root's rights: not when root acts for somebody
 * else. */
static const char *named_nvml(const struct setup *setup)
{
    uid_t uid;
    gid_t gid;
    char name[64], home[256];
    const char *named = setup->nvml;
    if (!named || !setup->nvml_by_user)
        return named;
    if (users_sudo_caller(&uid, &gid, name, home)) {
        log_warning("running as root for %s: the NVML library %s is ignored", name, named);
        return NULL;
    }
    return named;
}

/* Another root of /sys: its readings are booked as energy, so root acting for another user does
 * not take it.  A virtual GPU's host is not this one, whose counters know nothing of the
 * machine's time: it has only the devices that are named. */
static const char *named_sysfs(bool is_virtual)
{
    uid_t uid;
    gid_t gid;
    char name[64], home[256];
    const char *named = secure_getenv("WATTUNE_SYSFS");
    if (named && *named && users_sudo_caller(&uid, &gid, name, home)) {
        log_warning("running as root for %s: WATTUNE_SYSFS is ignored", name);
        named = NULL;
    }
    return named && *named ? named : is_virtual ? "" : NULL;
}

/* The GPUs that are meant, and behind them the host's own devices, which every command that
 * measures counts.  A machine without GPUs is measured by those alone, unless GPUs were asked for.
 */
static int select_devices(struct devices *devices, const struct setup *setup, struct wt_error *err)
{
    char words[256] = "";
    unsigned gpus = sense_gpu_count(devices->sense), all = sense_device_count(devices->sense);
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    int rc = 0;
    if (gpus || all == 0 || setup->gpus || visible)
        rc = sense_select(devices->sense, setup->gpus, visible, getenv("CUDA_DEVICE_ORDER"),
                          devices->selected, &devices->gpu_count, words, err);
    if (rc == 0 && words[0])
        log_note("%s", words);
    devices->count = devices->gpu_count;
    for (unsigned i = gpus; i < all && devices->count < WT_MAX_DEVICES; i++)
        devices->selected[devices->count++] = i;
    return rc;
}

int devices_open(struct devices *devices, const struct setup *setup, bool recover,
                 struct wt_error *err)
{
    int rc = 0;
    *devices = (struct devices){0};
    if (!!setup->nvml + !!setup->vgpu + !!setup->replay > 1)
        return error_set(err, WT_E_INVALID, "--nvml, --vgpu and --replay exclude each other");
    if (setup->replay)
        devices->options.replay_path = setup->replay;
    else if (setup->vgpu)
        rc = use_vgpu(devices, setup->vgpu, err);
    else
        devices->options.nvml_path = named_nvml(setup);
    devices->options.sysfs_path = named_sysfs(devices->env[0] != NULL);
    if (config_text(setup->config, CONFIG_SENSOR_ERROR))
        devices->options.sensor_error_ppm =
            (uint32_t)lround(config_number(setup->config, CONFIG_SENSOR_ERROR) * 1e6);
    if (rc == 0)
        rc = sense_open(&devices->options, &devices->sense, err);
    if (rc) {
        if (rc == WT_E_NO_LIBRARY && !devices->options.nvml_path)
            error_set(err, rc,
                      "there is no NVML library (libnvidia-ml.so.1), so there is no GPU to "
                      "measure; try --vgpu v100 "
                      "for a virtual one");
        return rc;
    }
    clock_use(sense_clock(devices->sense));
    if (recover) /* on all GPUs, whichever this command means: nobody else may come by for weeks */
        recover_limits(devices->sense);
    rc = select_devices(devices, setup, err);
    if (rc)
        devices_close(devices);
    return rc;
}

int devices_need_gpu(const struct devices *devices, struct wt_error *err)
{
    return devices->gpu_count ? 0
                              : error_set(err, WT_E_NO_DEVICE,
                                          "there is no GPU on this machine; try --vgpu v100 for a "
                                          "virtual one");
}

void devices_say_if_forgotten(const struct devices *devices)
{
    union {
        void *address;
        int (*function)(void);
    } ends = {.address = sense_symbol(devices->sense, "vgpu_ends_with_us")};
    if (ends.address && ends.function() == 1)
        log_note("nothing else holds this virtual machine, so it ends now and forgets the limit "
                 "(`state` in a machine file "
                 "keeps it)");
}

void devices_close(struct devices *devices)
{
    clock_use(NULL);
    sense_close(devices->sense);
    devices->sense = NULL;
}
