/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks a machine: collects facts, reads counters for a moment, and adds a line for each; checks.c
 * judges the numbers.
 */
#include "setup/doctor.h"

#include <dirent.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "measure/progress/channel.h"
#include "setup/checks.h"
#include "setup/config.h"
#include "setup/devices.h"
#include "setup/open_ledger.h"
#include "tune/act/guard.h"
#include "tune/act/journal.h"
#include "tune/act/sensed.h"

/* Long enough for 15 ticks of the slowest sensors in the field; the pause is a fortieth of the
 * fastest one's. */
static const int64_t READ_FOR_NS = 1500 * NS_PER_MS, PAUSE_NS = NS_PER_MS / 2;

static struct wt_check *add(struct doctor *doctor, const char *name, enum wt_check_status status)
{
    struct wt_check *check =
        doctor->count < DOCTOR_CHECKS ? &doctor->checks[doctor->count++] : &doctor->spare;
    *check = (struct wt_check){.name = name, .status = status, .needed = true};
    return check;
}

/* --- The machine --- */

static bool file_begins(const char *path, const char *text)
{
    struct buffer content = {0};
    bool same = file_read(path, 4096, &content, NULL) == 0 &&
                strncmp(buffer_text(&content), text, strlen(text)) == 0;
    buffer_clear(&content);
    return same;
}

/* An NVIDIA display device on the PCI bus, whether it has a driver or not. */
static bool has_nvidia_hardware(void)
{
    static const char bus[] = "/sys/bus/pci/devices";
    bool found = false;
    struct dirent *entry;
    DIR *dir = opendir(bus);
    while (dir && !found && (entry = readdir(dir))) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s/vendor", bus, entry->d_name);
        if (entry->d_name[0] == '.' || !file_begins(path, "0x10de"))
            continue;
        snprintf(path, sizeof path, "%s/%s/class", bus, entry->d_name);
        found = file_begins(path, "0x03");
    }
    if (dir)
        closedir(dir);
    return found;
}

static void check_devices(struct doctor *doctor, const struct devices *devices, bool is_virtual,
                          int rc, const struct wt_error *err)
{
    struct wt_check *check = add(doctor, "devices", WT_CHECK_GOOD);
    if (rc) {
        check->status = WT_CHECK_MISSING;
        DETAIL(check, "%.390s", err->text);
        ADVISE(check, "%s",
               has_nvidia_hardware()
                   ? "there is an NVIDIA GPU on the PCI bus: install its driver"
                   : "a virtual GPU shows how things work: wattune doctor --vgpu v100");
        return;
    }
    unsigned gpus = devices->gpu_count;
    DETAIL(check, "%u GPU%s, %u other%s", gpus, gpus == 1 ? "" : "s", devices->count - gpus,
           is_virtual ? " (virtual)" : "");
    check->values[check->value_count].key = "gpus";
    check->values[check->value_count++].value = gpus;
    if (gpus == 0) {
        check->needed = has_nvidia_hardware();
        check->status = check->needed ? WT_CHECK_MISSING : WT_CHECK_DEGRADED;
        ADVISE(check, "%s",
               check->needed ? "there is an NVIDIA GPU on the PCI bus: install its driver"
                             : "only processors and memory are measured");
    }
}

static void check_driver(struct doctor *doctor, const struct devices *devices)
{
    char driver[80], library[80], a[100], b[100];
    if (!sensed_can_set(devices->sense))
        return;
    sense_versions(devices->sense, driver, library);
    struct wt_check *check = add(doctor, "driver", driver[0] ? WT_CHECK_GOOD : WT_CHECK_DEGRADED);
    DETAIL(check, "driver %s, NVML %s",
           driver[0] ? text_escape_into(a, sizeof a, driver) : "of unknown version",
           library[0] ? text_escape_into(b, sizeof b, library) : "of unknown version");
    if (!driver[0])
        ADVISE(check, "install a driver of this decade");
}

static bool has_admin(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN));
}

static void check_rights(struct doctor *doctor, const struct devices *devices, bool is_virtual)
{
    struct permission_facts facts = {
        .is_virtual = is_virtual, .is_root = geteuid() == 0, .has_admin = has_admin()};
    if (sensed_can_set(devices->sense))
        check_permission(add(doctor, "", WT_CHECK_GOOD), &facts);
}

/* Zones that have a counter: intel-rapl:0 and intel-rapl:0:1, not the folder intel-rapl; mmio is
 * the same counter again. */
static void check_zones(struct doctor *doctor, const char *sysfs, bool is_named)
{
    struct powercap_facts facts = {.wanted = false};
    char folder[PATH_MAX], path[PATH_MAX + 300];
    struct dirent *entry;
    snprintf(folder, sizeof folder, "%s/class/powercap", sysfs);
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        snprintf(path, sizeof path, "%s/%s/energy_uj", folder, entry->d_name);
        if (strncmp(entry->d_name, "intel-rapl:", 11) != 0 || access(path, F_OK) != 0)
            continue;
        facts.zones++;
        facts.readable += access(path, R_OK) == 0;
    }
    if (dir)
        closedir(dir);
    /* The CPU flag "rapl" is AMD's; Intel's has none, and a hypervisor hides both. */
    struct buffer cpu = {0};
    if (!is_named && file_read("/proc/cpuinfo", 1 << 24, &cpu, NULL) == 0)
        facts.wanted =
            !strstr(buffer_text(&cpu), " hypervisor") && strstr(buffer_text(&cpu), "GenuineIntel");
    buffer_clear(&cpu);
    check_powercap(add(doctor, "", WT_CHECK_GOOD), &facts);
}

/* --- Counters --- */

struct reading {
    struct trace counter, power;
    char counter_why[200], power_why[200];
};

static void read_once(const struct devices *devices, unsigned i, struct reading *reading)
{
    struct wt_sample sample;
    struct wt_state state = {0};
    struct wt_error err = {0};
    unsigned device = devices->selected[i];
    int rc = sense_energy(devices->sense, device, &sample, &err);
    if (rc == 0) {
        trace_add(&reading->counter, clock_now_ns(), (double)sample.energy_mj);
    } else if (sense_device(devices->sense, device)->has_energy_counter) {
        reading->counter.failures++;
        snprintf(reading->counter_why, sizeof reading->counter_why, "%.199s", err.text);
    }
    rc = sense_state(devices->sense, device, WT_STATE_POWER, &state, &err);
    if (rc == 0 && (state.known & WT_STATE_POWER)) {
        trace_add(&reading->power, clock_now_ns(), state.power_mw);
    } else {
        reading->power.failures++;
        snprintf(reading->power_why, sizeof reading->power_why, "%.199s", rc ? err.text : "");
    }
}

static const char *known(const char *why)
{
    return why[0] ? why : NULL;
}

static void check_sensors(struct doctor *doctor, const struct devices *devices,
                          struct reading readings[])
{
    static const char *const kinds[] = {"GPU", "CPU", "DRAM"};
    int64_t until_ns = clock_now_ns() + READ_FOR_NS;
    while (clock_now_ns() < until_ns) {
        for (unsigned i = 0; i < devices->count; i++)
            read_once(devices, i, &readings[i]);
        clock_sleep_ns(PAUSE_NS);
    }
    for (unsigned i = 0; i < devices->count; i++) {
        const struct wt_device *device = sense_device(devices->sense, devices->selected[i]);
        struct reading *r = &readings[i];
        char name[sizeof doctor->spare.device];
        snprintf(name, sizeof name, "%s %u", kinds[device->kind], device->index);
        struct wt_check *check = add(doctor, "", WT_CHECK_GOOD);
        memcpy(check->device, name, sizeof name);
        check_counter(check, device, &r->counter, &r->power, known(r->counter_why));
        doctor->sources += check->status != WT_CHECK_MISSING;
        check->needed = device->kind == WT_DEVICE_GPU;
        if (device->kind != WT_DEVICE_GPU)
            continue; /* RAPL has a counter and no power reading */
        check = add(doctor, "", WT_CHECK_GOOD);
        memcpy(check->device, name, sizeof name);
        check_power(check, device, &r->counter, &r->power, known(r->power_why));
        check = add(doctor, "", WT_CHECK_GOOD);
        memcpy(check->device, name, sizeof name);
        if (!check_agreement(check, &r->counter, &r->power) && check != &doctor->spare)
            doctor->count--;
    }
}

/* --- The needs of wattune itself --- */

static void check_config(struct doctor *doctor, const struct setup *setup)
{
    struct wt_check *check = add(doctor, "configuration", WT_CHECK_GOOD);
    const struct config_places *places = &setup->config->places;
    unsigned set = 0;
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
        set += setup->config->values[i].origin != CONFIG_DEFAULT;
    DETAIL(check, "settings that differ from the defaults: %u (`wattune config` shows them)", set);
    if (!setup->config_error->code)
        return;
    check->status = WT_CHECK_MISSING;
    DETAIL(check, "%.300s", setup->config_error->text);
    ADVISE(check, "correct it (%.300s); every other command refuses to go on",
           places->user_path[0] ? places->user_path : places->system_path);
}

/* Can a new ledger be made?  Folders above it are made for the default place only; the next one
 * that is there counts then. */
static bool can_be_made(const char *path, bool is_default)
{
    char folder[PATH_MAX];
    struct stat st;
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash; (slash = strrchr(folder, '/')) && slash != folder;) {
        *slash = '\0';
        if (stat(folder, &st) == 0)
            return S_ISDIR(st.st_mode) && eaccess(folder, W_OK | X_OK) == 0;
        if (!is_default)
            return false;
    }
    return eaccess(path[0] == '/' ? "/" : ".", W_OK | X_OK) == 0;
}

static void check_ledger(struct doctor *doctor, const struct setup *setup)
{
    struct wt_check *check = add(doctor, "ledger", WT_CHECK_GOOD);
    char path[4096], shown[300];
    struct ledger *ledger = NULL;
    struct wt_error err;
    struct stat st;
    int rc = ledger_path(setup, path, sizeof path, &err);
    if (rc == 0) {
        text_escape_into(shown, sizeof shown, path);
        rc = open_ledger(setup, true, &ledger, &err);
    }
    if (rc == WT_E_NOT_FOUND && can_be_made(path, !setup->ledger)) {
        DETAIL(check, "%s is not there yet: the first run makes it", shown);
    } else if (rc) {
        check->status = WT_CHECK_MISSING;
        DETAIL(check, rc == WT_E_NOT_FOUND ? "%.300s cannot be made" : "%.380s",
               rc == WT_E_NOT_FOUND ? shown : err.text);
        ADVISE(check, "name a place that you may write to with --ledger or WATTUNE_LEDGER");
    } else {
        double size = stat(path, &st) == 0 ? (double)st.st_size : (double)NAN;
        bool writable = eaccess(path, W_OK) == 0;
        DETAIL(check, "%s, %.0f KiB, schema %d%s", shown, ceil(size / 1024), ledger_schema_number(),
               writable ? "" : ", not writable by this user");
        if (!writable) {
            check->status = WT_CHECK_DEGRADED;
            ADVISE(check, "reports work; runs need another one: --ledger or WATTUNE_LEDGER");
        }
        check->values[0].key = "size_bytes";
        check->values[0].value = size;
        check->values[1].key = "schema";
        check->values[1].value = ledger_schema_number();
        check->value_count = 2;
    }
    ledger_close(ledger);
}

static void check_channel(struct doctor *doctor)
{
    struct wt_check *check = add(doctor, "progress_channel", WT_CHECK_GOOD);
    struct channel *channel = NULL;
    struct wt_error err;
    if (channel_create(&channel, getuid(), &err)) {
        check->status = WT_CHECK_MISSING;
        DETAIL(check, "%.380s", err.text);
        ADVISE(check,
               "make /dev/shm or /tmp writable, or set XDG_RUNTIME_DIR to a folder of yours");
        return;
    }
    const char *path = channel_path(channel);
    char folder[300];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    struct statfs fs;
    bool in_memory =
        statfs(folder, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
    DETAIL(check, "can be made in %s%s", folder, in_memory ? "" : ", which is not kept in memory");
    if (!in_memory) {
        check->status = WT_CHECK_DEGRADED;
        ADVISE(check, "steps reach the disk now and then: mount a tmpfs at /dev/shm");
    }
    channel_close(channel);
}

static void check_vgpu(struct doctor *doctor)
{
    char folder[PATH_MAX];
    struct wt_error err;
    int rc = devices_vgpu_folder(folder, &err);
    struct wt_check *check = add(doctor, "virtual_gpu", rc ? WT_CHECK_MISSING : WT_CHECK_GOOD);
    check->needed = false;
    DETAIL(check, "%.390s", rc ? err.text : folder);
    if (rc)
        ADVISE(check, "only --vgpu needs it: install wattune whole");
}

/* --- Limits that were left --- */

struct left {
    char folder[512];
    unsigned count;
    char uuids[WT_MAX_DEVICES][WT_UUID_LEN];
};

/* Before the devices are opened, which puts settings back where it can. */
static void find_left(struct left *left)
{
    *left = (struct left){0};
    if (journal_default_folder(left->folder, sizeof left->folder, NULL) == 0)
        left->count = journal_list(left->folder, left->uuids, WT_MAX_DEVICES);
}

/* Reads a device's entry: its version, or WT_E_*.  Drops an entry that cannot be read as one. */
static int read_left(const struct left *left, const char *uuid, struct journal_entry *entry)
{
    for (unsigned v = JOURNAL_SETTING; v >= JOURNAL_LIMIT; v--) {
        int rc = journal_read(left->folder, uuid, v, entry, NULL);
        if (rc == 0 || rc == WT_E_VERSION)
            return rc ? rc : (int)v;
        if (rc == WT_E_PARSE)
            journal_remove(left->folder, uuid, v, NULL);
    }
    return WT_E_NOT_FOUND;
}

/* Tells each setting that is owed: "power limit (250 W before) and clock lock". */
static void tell_debts(struct wt_check *check, const struct journal_entry *entry, const char *uuid,
                       const char *holder)
{
    char debts[128] = "";
    size_t used = 0;
    for (unsigned k = 0; k < WT_KNOBS && used < sizeof debts; k++) {
        if (!entry->debts[k].owed)
            continue;
        used += (size_t)snprintf(debts + used, sizeof debts - used, "%s%s", used ? " and " : "",
                                 guard_knob_name((enum wt_knob)k));
        if (k == WT_KNOB_POWER_LIMIT && used < sizeof debts)
            used += (size_t)snprintf(debts + used, sizeof debts - used, " (%g W before)",
                                     entry->debts[k].found / 1e3);
    }
    DETAIL(check, "%s of %s, set by %s, could not be put back", debts, uuid, holder);
}

static void check_left(struct doctor *doctor, const struct left *left)
{
    struct wt_check *check = add(doctor, "leftover_limits", WT_CHECK_GOOD);
    unsigned back = 0;
    if (!left->folder[0]) {
        check->status = WT_CHECK_MISSING;
        DETAIL(check, "there is no place for the journal that brings limits back after a crash");
        ADVISE(check, "set XDG_RUNTIME_DIR or XDG_STATE_HOME to a folder of yours");
        return;
    }
    DETAIL(check, "none");
    for (unsigned i = 0; i < left->count; i++) {
        struct journal_entry entry;
        struct wt_error err;
        char uuid[64], holder[64];
        int fd = -1;
        int version = read_left(left, left->uuids[i], &entry);
        if (version < 0) {
            back++;
            continue;
        }
        text_escape_into(uuid, sizeof uuid, left->uuids[i]);
        int rc = journal_lock(left->folder, left->uuids[i], &fd, &err);
        if (rc == 0)
            close(fd);
        if (rc == WT_E_BUSY && check->status == WT_CHECK_GOOD) {
            DETAIL(check, "none; the limit of %s is held by %s now", uuid,
                   text_escape_into(holder, sizeof holder, entry.holder));
        } else if (rc != WT_E_BUSY) {
            check->status = WT_CHECK_DEGRADED;
            text_escape_into(holder, sizeof holder, entry.holder);
            tell_debts(check, &entry, uuid, holder);
            ADVISE(check,
                   "call wattune doctor where this GPU is there and its limit may be set; or drop "
                   "%.248s/%s.%s",
                   left->folder, uuid, version == JOURNAL_LIMIT ? "limit" : "setting");
        }
    }
    if (back && check->status == WT_CHECK_GOOD && strcmp(check->detail, "none") == 0)
        DETAIL(check, "%u found, and settled just now", back);
    check->values[0].key = "found";
    check->values[0].value = left->count;
    check->values[1].key = "settled";
    check->values[1].value = back;
    check->value_count = 2;
}

/* --- The whole --- */

static void check_machine(struct doctor *doctor, struct devices *devices, const struct setup *setup,
                          struct wt_error *err, struct reading readings[])
{
    int rc = devices_open(devices, setup, true, err);
    bool is_virtual = rc == 0 && sense_symbol(devices->sense, "vgpu_now_ns");
    check_devices(doctor, devices, is_virtual, rc, err);
    if (rc == 0) {
        check_driver(doctor, devices);
        check_rights(doctor, devices, is_virtual);
        check_sensors(doctor, devices, readings);
        devices_close(devices);
    }
    const char *sysfs =
        devices->options.sysfs_path; /* empty: a virtual GPU's host is not this one */
    if (!sysfs || *sysfs)
        check_zones(doctor, sysfs ? sysfs : "/sys", sysfs != NULL);
}

int doctor_examine(struct doctor **out, const struct setup *setup, struct wt_error *devices_error,
                   struct wt_error *err)
{
    struct doctor *doctor = calloc(1, sizeof *doctor);
    struct reading *readings = calloc(WT_MAX_DEVICES, sizeof *readings);
    struct devices *devices = calloc(1, sizeof *devices);
    struct left left;
    bool whole = doctor && readings && devices;
    if (whole) {
        find_left(&left);
        check_machine(doctor, devices, setup, devices_error, readings);
        check_left(doctor, &left);
        check_config(doctor, setup);
        check_ledger(doctor, setup);
        check_channel(doctor);
        check_vgpu(doctor);
        *out = doctor;
    } else {
        free(doctor);
    }
    free(devices);
    free(readings);
    return whole ? 0 : error_set(err, WT_E_NO_MEMORY, "out of memory");
}

struct doctor *doctor_free(struct doctor *doctor)
{
    free(doctor);
    return NULL;
}
