/* SPDX-License-Identifier: Apache-2.0
 *
 * NVIDIA's management library: loading by the table of nvml_abi.h, calling, and turning its codes
 * into ours.  Not supported, no permission and a lost GPU stay three different outcomes all the way
 * up.
 */
#include "measure/driver/nvml.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dl.h"
#include "measure/driver/nvml_abi.h"

struct nvml {
    void *library;
    const char *(*error_string)(int);
#define MEMBER(need, name, args, ...) int(*name) args;
    NVML_ENTRY_POINTS(MEMBER)
#undef MEMBER
    unsigned count;
    nvml_handle handles[WT_MAX_DEVICES];
};

/* Calls an entry point that may be missing. */
#define CALL(nvml, name, ...) ((nvml)->name ? (nvml)->name(__VA_ARGS__) : NVML_FUNCTION_NOT_FOUND)

static int code_of(int rc)
{
    static const struct {
        int nvml, ours;
    } codes[] = {
#define ROW(nvml, ours) {nvml, ours},
        NVML_CODES(ROW)
#undef ROW
    };
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].nvml == rc)
            return codes[i].ours;
    return WT_E_DRIVER;
}

/* The sentence "attempt: NVML's words (NVML code)". */
__attribute__((format(printf, 4, 5))) static int
check(const struct nvml *nvml, int rc, struct wt_error *err, const char *format, ...)
{
    if (rc == NVML_SUCCESS)
        return 0;
    char attempt[160];
    va_list args;
    va_start(args, format);
    vsnprintf(attempt, sizeof attempt, format, args);
    va_end(args);
    const char *words = rc == NVML_FUNCTION_NOT_FOUND ? "the driver's library has no such function"
                        : nvml->error_string          ? nvml->error_string(rc)
                                                      : "failed";
    return error_set(err, code_of(rc), "%s: %s (NVML %d)", attempt, words ? words : "failed", rc);
}

enum need { REQUIRED, OPTIONAL };

/* POSIX lets a dlsym() result be a function; ISO C has no cast for it, copying the bytes is the way
 * without. */
static void put_symbol(void *member, void *address)
{
    memcpy(member, &address, sizeof address);
}

static const char *bind(struct nvml *nvml)
{
#define BIND(need, name, args, ...)                                                                \
    {                                                                                              \
        static const char *const symbols[] = {__VA_ARGS__, NULL};                                  \
        put_symbol(&nvml->name, dl_first_symbol(nvml->library, symbols));                          \
        if (need == REQUIRED && !nvml->name)                                                       \
            return symbols[0];                                                                     \
    }
    NVML_ENTRY_POINTS(BIND)
#undef BIND
    static const char *const error_string[] = {"nvmlErrorString", NULL};
    put_symbol(&nvml->error_string, dl_first_symbol(nvml->library, error_string));
    return NULL;
}

int nvml_open(const char *path, struct nvml **out, struct wt_error *err)
{
    const char *const named[] = {path, NULL}, *const usual[] = {"libnvidia-ml.so.1",
                                                                "libnvidia-ml.so", NULL};
    struct nvml *nvml = calloc(1, sizeof *nvml);
    if (!nvml)
        return error_set(err, WT_E_NO_MEMORY, "open NVML: out of memory");
    int rc;
    bool initialised = false;
    nvml->library = dl_open_first(path ? named : usual, err);
    if (!nvml->library) {
        rc = WT_E_NO_LIBRARY;
        error_prefix(err, "open NVML");
        goto fail;
    }
    const char *missing = bind(nvml);
    if (missing) {
        rc = error_set(err, WT_E_NO_LIBRARY, "%s has no %s: it is not NVML, or too old",
                       path ? path : "libnvidia-ml.so.1", missing);
        goto fail;
    }
    rc = check(nvml, nvml->init(), err, "initialise NVML");
    if (rc)
        goto fail;
    initialised = true;
    unsigned count = 0;
    rc = check(nvml, nvml->get_count(&count), err, "count the GPUs");
    if (rc)
        goto fail;
    nvml->count = count < WT_MAX_DEVICES ? count : WT_MAX_DEVICES;
    for (unsigned i = 0; i < nvml->count; i++)
        /* A GPU that is lost already keeps its place, so that indexes stay physical. */
        if (nvml->get_handle_by_index(i, &nvml->handles[i]) != NVML_SUCCESS)
            nvml->handles[i] = NULL;
    *out = nvml;
    return 0;
fail:
    if (initialised)
        nvml->shutdown();
    free(nvml);
    return rc;
}

void nvml_close(struct nvml *nvml)
{
    if (!nvml)
        return;
    nvml->shutdown();
    free(nvml); /* the library stays loaded, see base/dl.h */
}

void *nvml_symbol(struct nvml *nvml, const char *name)
{
    return dlsym(nvml->library, name);
}

void nvml_versions(struct nvml *nvml, char driver[80], char library[80])
{
    if (CALL(nvml, get_driver_version, driver, 80) != NVML_SUCCESS)
        driver[0] = '\0';
    if (CALL(nvml, get_library_version, library, 80) != NVML_SUCCESS)
        library[0] = '\0';
    driver[79] = library[79] = '\0';
}

unsigned nvml_device_count(struct nvml *nvml)
{
    return nvml->count;
}

static int handle_of(struct nvml *nvml, unsigned index, nvml_handle *handle, struct wt_error *err)
{
    if (index >= nvml->count)
        return error_set(err, WT_E_NO_DEVICE, "there is no GPU %u: this machine has %u", index,
                         nvml->count);
    if (!nvml->handles[index])
        return error_set(err, WT_E_DEVICE_LOST, "GPU %u does not answer", index);
    *handle = nvml->handles[index];
    return 0;
}

int nvml_device(struct nvml *nvml, unsigned index, struct wt_device *device, struct wt_error *err)
{
    nvml_handle handle = NULL;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc)
        return rc;
    struct wt_device found = {.kind = WT_DEVICE_GPU, .index = index};
    rc = check(nvml, nvml->get_uuid(handle, found.uuid, NVML_UUID_BYTES), err,
               "read the UUID of GPU %u", index);
    if (rc == 0)
        rc = check(nvml, nvml->get_name(handle, found.name, NVML_NAME_BYTES), err,
                   "read the name of GPU %u", index);
    if (rc)
        return rc;
    struct nvml_pci_info pci = {0};
    if (CALL(nvml, get_pci_info, handle, &pci) == NVML_SUCCESS)
        snprintf(found.pci_address, sizeof found.pci_address, "%.31s", pci.bus_id);
    unsigned min_mw = 0, max_mw = 0, default_mw = 0;
    if (CALL(nvml, get_limit_range, handle, &min_mw, &max_mw) == NVML_SUCCESS && min_mw <= max_mw) {
        found.limit_min_mw = min_mw;
        found.limit_max_mw = max_mw;
    }
    if (CALL(nvml, get_default_limit, handle, &default_mw) == NVML_SUCCESS)
        found.limit_default_mw = default_mw;
    unsigned long long energy_mj;
    int energy_rc = CALL(nvml, get_energy, handle, &energy_mj);
    found.has_energy_counter = code_of(energy_rc) != WT_E_NOT_SUPPORTED;
    *device = found;
    return 0;
}

int nvml_mig_parent(struct nvml *nvml, const char *mig_uuid, unsigned *index, struct wt_error *err)
{
    nvml_handle instance, parent;
    unsigned found = 0;
    int rc = CALL(nvml, get_handle_by_uuid, mig_uuid, &instance);
    if (rc == NVML_SUCCESS)
        rc = CALL(nvml, get_mig_parent, instance, &parent);
    if (rc == NVML_SUCCESS)
        rc = CALL(nvml, get_index, parent, &found);
    rc = check(nvml, rc, err, "find the GPU of %.96s", mig_uuid);
    if (rc == 0)
        *index = found;
    return rc;
}

int nvml_energy_mj(struct nvml *nvml, unsigned index, uint64_t *energy_mj, struct wt_error *err)
{
    nvml_handle handle = NULL;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc)
        return rc;
    unsigned long long read_mj = 0;
    rc = check(nvml, CALL(nvml, get_energy, handle, &read_mj), err,
               "read the energy counter of GPU %u", index);
    if (rc == 0)
        *energy_mj = read_mj;
    return rc;
}

static unsigned throttle_of(unsigned long long reasons)
{
    static const struct {
        unsigned nvml, ours;
    } bits[] = {
        {NVML_THROTTLE_SW_POWER_CAP, WT_THROTTLE_SW_POWER_CAP},
        {NVML_THROTTLE_HW_SLOWDOWN, WT_THROTTLE_HW_SLOWDOWN},
        {NVML_THROTTLE_SW_THERMAL, WT_THROTTLE_SW_THERMAL},
        {NVML_THROTTLE_HW_THERMAL, WT_THROTTLE_HW_THERMAL},
        {NVML_THROTTLE_HW_POWER_BRAKE, WT_THROTTLE_HW_POWER_BRAKE},
        {NVML_THROTTLE_SYNC_BOOST, WT_THROTTLE_SYNC_BOOST},
    };
    unsigned ours = 0;
    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (reasons & bits[i].nvml)
            ours |= bits[i].ours;
    return ours;
}

int nvml_state(struct nvml *nvml, unsigned index, unsigned wanted, struct wt_state *state,
               struct wt_error *err)
{
    nvml_handle handle = NULL;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc)
        return rc;
    struct wt_state found = {.t_ns = state->t_ns};
    int worst = NVML_SUCCESS;
    unsigned value = 0;
    struct nvml_utilization utilization;
    struct nvml_memory memory;
    unsigned long long wide = 0;
/* One field: read it when wanted; note that it is known, or why it is not. */
#define FIELD(bit, call, store)                                                                    \
    if (wanted & (bit)) {                                                                          \
        int read_rc = (call);                                                                      \
        if (read_rc == NVML_SUCCESS) {                                                             \
            found.known |= (bit);                                                                  \
            store;                                                                                 \
        } else {                                                                                   \
            worst = read_rc;                                                                       \
        }                                                                                          \
    }
    FIELD(WT_STATE_POWER, CALL(nvml, get_power, handle, &value), found.power_mw = value)
    FIELD(WT_STATE_LIMIT, CALL(nvml, get_limit, handle, &value), found.limit_mw = value)
    FIELD(WT_STATE_ENFORCED, CALL(nvml, get_enforced_limit, handle, &value),
          found.enforced_limit_mw = value)
    FIELD(WT_STATE_TEMPERATURE, CALL(nvml, get_temperature, handle, NVML_TEMPERATURE_GPU, &value),
          found.temperature_c = (int32_t)value)
    FIELD(WT_STATE_UTILIZATION, CALL(nvml, get_utilization, handle, &utilization),
          found.utilization_percent = utilization.gpu_percent)
    FIELD(WT_STATE_SM_CLOCK, CALL(nvml, get_clock, handle, NVML_CLOCK_SM, &value),
          found.sm_clock_mhz = value)
    FIELD(WT_STATE_MEMORY, CALL(nvml, get_memory, handle, &memory),
          found.memory_used_bytes = memory.used_bytes)
    FIELD(WT_STATE_THROTTLE, CALL(nvml, get_throttle, handle, &wide),
          found.throttle = throttle_of(wide))
    FIELD(WT_STATE_ENERGY, CALL(nvml, get_energy, handle, &wide), found.energy_mj = wide)
#undef FIELD
    if (worst != NVML_SUCCESS && (found.known == 0 || code_of(worst) == WT_E_DEVICE_LOST))
        return check(nvml, worst, err, "read the state of GPU %u", index);
    *state = found;
    return 0;
}

int nvml_limit_mw(struct nvml *nvml, unsigned index, uint32_t *limit_mw, struct wt_error *err)
{
    nvml_handle handle = NULL;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc)
        return rc;
    unsigned read_mw = 0;
    rc = check(nvml, CALL(nvml, get_limit, handle, &read_mw), err, "read the power limit of GPU %u",
               index);
    if (rc == 0)
        *limit_mw = read_mw;
    return rc;
}

int nvml_set_limit_mw(struct nvml *nvml, unsigned index, uint32_t limit_mw, struct wt_error *err)
{
    nvml_handle handle = NULL;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc)
        return rc;
    return check(nvml, CALL(nvml, set_limit, handle, limit_mw), err,
                 "set power limit of GPU %u to %g W", index, limit_mw / 1000.0);
}

int nvml_compute_processes(struct nvml *nvml, unsigned index, uint32_t pids[], unsigned capacity,
                           unsigned *count, struct wt_error *err)
{
    enum { MOST = 256 };
    nvml_handle handle = NULL;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc)
        return rc;
    struct nvml_process found[MOST] = {0};
    unsigned n = MOST;
    int read_rc = CALL(nvml, get_compute_processes, handle, &n, found);
    if (read_rc ==
        NVML_INSUFFICIENT_SIZE) /* more than any list of ours: the first ones say enough */
        return error_set(err, WT_E_RANGE, "GPU %u has %u processes, more than can be read", index,
                         n);
    rc = check(nvml, read_rc, err, "list the processes of GPU %u", index);
    if (rc)
        return rc;
    for (unsigned i = 0; i < n && i < capacity; i++)
        pids[i] = found[i].pid;
    *count = n;
    return 0;
}

/* --- SM clocks --- */

/* The lowest SM clock at the highest memory clock, both lists being long enough for every board
 * published so far; 0: not told. */
static unsigned lowest_sm_mhz(struct nvml *nvml, nvml_handle handle)
{
    enum { MEMORY_CLOCKS = 32, SM_CLOCKS = 512 };
    unsigned memory_mhz[MEMORY_CLOCKS], memory_count = MEMORY_CLOCKS;
    unsigned sm_mhz[SM_CLOCKS], sm_count = SM_CLOCKS, lowest = 0;
    if (CALL(nvml, get_memory_clocks, handle, &memory_count, memory_mhz) != NVML_SUCCESS ||
        memory_count == 0)
        return 0;
    for (unsigned i = 1; i < memory_count; i++)
        memory_mhz[0] = memory_mhz[i] > memory_mhz[0] ? memory_mhz[i] : memory_mhz[0];
    if (CALL(nvml, get_sm_clocks, handle, memory_mhz[0], &sm_count, sm_mhz) != NVML_SUCCESS)
        return 0;
    for (unsigned i = 0; i < sm_count; i++)
        lowest = lowest == 0 || sm_mhz[i] < lowest ? sm_mhz[i] : lowest;
    return lowest;
}

int nvml_sm_clock_range(struct nvml *nvml, unsigned index, struct nvml_clock_range *range,
                        struct wt_error *err)
{
    nvml_handle handle = NULL;
    unsigned highest_mhz = 0;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc == 0)
        rc = check(nvml, CALL(nvml, get_max_clock, handle, NVML_CLOCK_SM, &highest_mhz), err,
                   "read the highest SM clock of GPU %u", index);
    if (rc == 0)
        *range = (struct nvml_clock_range){lowest_sm_mhz(nvml, handle), highest_mhz};
    return rc;
}

int nvml_lock_sm_clock(struct nvml *nvml, unsigned index, struct nvml_clock_range range,
                       struct wt_error *err)
{
    nvml_handle handle = NULL;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc)
        return rc;
    return check(nvml, CALL(nvml, lock_clocks, handle, range.min_mhz, range.max_mhz), err,
                 "lock the SM clock of GPU %u to %u to %u MHz", index, range.min_mhz,
                 range.max_mhz);
}

int nvml_reset_sm_clock(struct nvml *nvml, unsigned index, struct wt_error *err)
{
    nvml_handle handle = NULL;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc)
        return rc;
    return check(nvml, CALL(nvml, reset_clocks, handle), err, "reset the SM clock lock of GPU %u",
                 index);
}

int nvml_clock_signs(struct nvml *nvml, unsigned index, struct nvml_clock_signs *signs,
                     struct wt_error *err)
{
    nvml_handle handle = NULL;
    unsigned long long reasons = 0;
    unsigned sm_mhz = 0;
    int rc = handle_of(nvml, index, &handle, err);
    if (rc == 0)
        rc = check(nvml, CALL(nvml, get_throttle, handle, &reasons), err,
                   "read the reasons for the clocks of GPU %u", index);
    if (rc)
        return rc;
    if (CALL(nvml, get_clock, handle, NVML_CLOCK_SM, &sm_mhz) != NVML_SUCCESS)
        sm_mhz = 0;
    *signs = (struct nvml_clock_signs){
        .idle = reasons & NVML_REASON_IDLE,
        .by_setting = reasons & NVML_REASON_CLOCKS_SETTING,
        .by_something =
            reasons & ~(unsigned long long)(NVML_REASON_IDLE | NVML_REASON_CLOCKS_SETTING),
        .sm_mhz = sm_mhz};
    return 0;
}
