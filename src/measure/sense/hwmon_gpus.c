/* SPDX-License-Identifier: Apache-2.0
 *
 * The source "hwmon": GPUs of AMD and Intel and the processors of NVIDIA's Grace, through the
 * kernel's hwmon class (measure/driver/hwmon.h).  AMD's cards and Grace tell power only, which
 * somebody else integrates; Intel's have a counter.
 *
 * A sensor that covers other devices too is left out: an amdgpu without a power cap is a part of a
 * processor whose sensor shows the whole package, i915_gtN is a part of its card, and the module of
 * a Grace Hopper holds its GPU.
 */
#include "base/clock.h"
#include "measure/driver/hwmon.h"
#include "measure/sense/sense.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* amdgpu: the firmware's moving average; neither its window nor its period is published, and 100 ms
 * is a cautious guess for both.  Intel's register moves about every millisecond. */
static const int64_t AMD_TICK_NS = 100 * NS_PER_MS, INTEL_TICK_NS = NS_PER_MS;
/* ACPI's meters tell their interval; the ones that do not are taken to be slow. */
static const uint64_t ACPI_INTERVAL_MS = 1000, ACPI_INTERVAL_MOST_MS = 60000;

struct meter_chip {
    struct hwmon_chip chip;
    struct wt_device device;
    const char *power, *energy; /* files; NULL: has none */
};

struct hwmon_source {
    unsigned count;
    struct meter_chip chips[WT_MAX_DEVICES];
};

/* The first of the files that is there; NULL: none. */
static const char *first_of(const struct hwmon_chip *chip, const char *const files[])
{
    for (; *files; files++)
        if (hwmon_has(chip, *files))
            return *files;
    return NULL;
}

/* Microwatts of a file as milliwatts; 0: not told, or nothing that fits. */
static uint32_t power_mw(const struct hwmon_chip *chip, const char *file)
{
    uint64_t uw;
    return hwmon_read_u64(chip, file, &uw, NULL) == 0 && uw / 1000 <= UINT32_MAX
               ? (uint32_t)(uw / 1000)
               : 0;
}

static void name_gpu(struct meter_chip *found, const char *maker)
{
    char product[WT_NAME_LEN];
    struct wt_device *device = &found->device;
    device->kind = WT_DEVICE_GPU;
    snprintf(device->pci_address, sizeof device->pci_address, "%.31s", found->chip.device);
    /* There is no serial number for all of them; the slot stays the same from boot to boot. */
    snprintf(device->uuid, sizeof device->uuid, "GPU-%.12s-%s", found->chip.name,
             found->chip.device[0] ? found->chip.device : "0");
    if (hwmon_read_line(&found->chip, "device/product_name", product, sizeof product, NULL) == 0 &&
        product[0])
        snprintf(device->name, sizeof device->name, "%s", product);
    else
        snprintf(device->name, sizeof device->name, "%s GPU (%s)", maker, found->chip.name);
}

static bool find_amd(struct meter_chip *found)
{
    static const char *const power[] = {"power1_average", "power1_input", NULL};
    const struct hwmon_chip *chip = &found->chip;
    found->power = first_of(chip, power);
    if (!found->power || !hwmon_has(chip, "power1_cap"))
        return false;
    name_gpu(found, "AMD");
    found->device.power_tick_ns = found->device.power_window_ns = AMD_TICK_NS;
    found->device.limit_min_mw = power_mw(chip, "power1_cap_min");
    found->device.limit_max_mw = power_mw(chip, "power1_cap_max");
    found->device.limit_default_mw = power_mw(chip, "power1_cap_default");
    return true;
}

/* The whole card when it tells that, else its package: never both. */
static bool find_intel(struct meter_chip *found)
{
    static const char *const energy[] = {"energy1_input", "energy2_input", NULL};
    found->energy = first_of(&found->chip, energy);
    if (!found->energy)
        return false;
    name_gpu(found, "Intel");
    found->device.has_energy_counter = true;
    found->device.counter_tick_ns = INTEL_TICK_NS;
    found->device.limit_default_mw = power_mw(&found->chip, "power1_rated_max");
    return true;
}

/* Of the meters of a Grace only the processor's own is one: "Grace" adds the rest of the chip and
 * is taken where the firmware does not split it; "Module" and a meter without such a name hold more
 * than a processor. */
static bool find_acpi(struct meter_chip *found)
{
    char info[64];
    unsigned socket;
    uint64_t interval_ms = ACPI_INTERVAL_MS;
    struct wt_device *device = &found->device;
    if (hwmon_read_line(&found->chip, "device/power1_oem_info", info, sizeof info, NULL) ||
        !hwmon_has(&found->chip, "device/power1_average"))
        return false;
    bool whole = sscanf(info, "Grace Power Socket %u", &socket) == 1;
    if (!whole && sscanf(info, "CPU Power Socket %u", &socket) != 1)
        return false;
    if (hwmon_read_u64(&found->chip, "device/power1_average_interval", &interval_ms, NULL) ||
        interval_ms == 0 || interval_ms > ACPI_INTERVAL_MOST_MS)
        interval_ms = ACPI_INTERVAL_MS;
    found->power = "device/power1_average";
    device->kind = WT_DEVICE_CPU;
    snprintf(device->name, sizeof device->name, "%s", info);
    snprintf(device->uuid, sizeof device->uuid, "cpu-socket-%u", socket);
    device->power_tick_ns = device->power_window_ns = (int64_t)interval_ms * NS_PER_MS;
    return true;
}

static bool identify(struct meter_chip *found)
{
    static const struct {
        const char *driver;
        bool (*find)(struct meter_chip *);
    } known[] = {
        {"amdgpu", find_amd}, {"i915", find_intel}, {"xe", find_intel}, {"power_meter", find_acpi}};
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(found->chip.name, known[i].driver) == 0)
            return known[i].find(found);
    return false;
}

/* One device a uuid.  Of the two meters of a Grace socket the processor's own wins. */
static void add(struct hwmon_source *source, const struct meter_chip *found)
{
    for (unsigned i = 0; i < source->count; i++)
        if (strcmp(source->chips[i].device.uuid, found->device.uuid) == 0) {
            if (strncmp(found->device.name, "CPU ", 4) == 0)
                source->chips[i] = *found;
            return;
        }
    if (source->count < WT_MAX_DEVICES)
        source->chips[source->count++] = *found;
}

static int by_uuid(const void *a, const void *b)
{
    return strcmp(((const struct meter_chip *)a)->device.uuid,
                  ((const struct meter_chip *)b)->device.uuid);
}

/* GPUs in PCI order whatever their driver, then sockets; each kind counts from 0. */
static int by_place(const void *a, const void *b)
{
    const struct meter_chip *x = a, *y = b;
    if (x->device.kind != y->device.kind)
        return x->device.kind < y->device.kind ? -1 : 1;
    int order = strcmp(x->device.pci_address, y->device.pci_address);
    return order ? order : by_uuid(a, b);
}

static void find_all(struct hwmon_source *source, const char *sysfs, struct hwmon_chip chips[])
{
    unsigned of_kind[3] = {0}, count = hwmon_chips(sysfs, chips, HWMON_CHIPS_MOST);
    for (unsigned i = 0; i < count; i++) {
        struct meter_chip found = {.chip = chips[i]};
        if (identify(&found))
            add(source, &found);
    }
    qsort(source->chips, source->count, sizeof source->chips[0], by_place);
    for (unsigned i = 0; i < source->count; i++)
        source->chips[i].device.index = of_kind[source->chips[i].device.kind]++;
}

static bool wanted(const struct sense_options *options)
{
    return !options->replay_path && (!options->sysfs_path || options->sysfs_path[0]);
}

static bool needed(const struct sense_options *options)
{
    (void)options;
    return false;
}

static int open_source(const struct sense_options *options, void **out, struct wt_error *err)
{
    /* Room for all that there may be, but not cleared: memory that nothing is found for stays
     * untouched. */
    struct hwmon_chip *chips = malloc(HWMON_CHIPS_MOST * sizeof *chips);
    struct hwmon_source *source = malloc(sizeof *source);
    int rc = 0;
    if (!chips || !source) {
        rc = error_set(err, WT_E_NO_MEMORY, "look for power sensors: out of memory");
    } else {
        source->count = 0;
        find_all(source, options->sysfs_path ? options->sysfs_path : "/sys", chips);
        if (source->count == 0)
            rc = error_set(err, WT_E_NO_DEVICE, "this machine shows no power sensors of GPUs");
    }
    free(chips);
    if (rc)
        free(source);
    else
        *out = source;
    return rc;
}

static unsigned count(void *source)
{
    return ((struct hwmon_source *)source)->count;
}

static int device(void *source, unsigned i, struct wt_device *found, struct wt_error *err)
{
    (void)err;
    *found = ((struct hwmon_source *)source)->chips[i].device;
    return 0;
}

/* Intel's driver adds up its 32-bit register only when it is read: whoever watches reads every some
 * seconds. */
static int energy(void *source, unsigned i, struct wt_sample *sample, struct wt_error *err)
{
    const struct meter_chip *chip = &((struct hwmon_source *)source)->chips[i];
    struct wt_sample read = {
        .t_ns = clock_now_ns(), .lag_ns = INTEL_TICK_NS, .source = WT_SOURCE_COUNTER};
    uint64_t uj;
    int rc = hwmon_read_u64(&chip->chip, chip->energy, &uj, err);
    if (rc)
        return rc;
    read.energy_mj = uj / 1000;
    read.energy_error_mj = 1; /* lost by the division */
    *sample = read;
    return 0;
}

static bool field(const struct meter_chip *chip, const char *file, uint64_t unit, uint64_t most,
                  uint64_t *value)
{
    uint64_t raw;
    if (hwmon_read_u64(&chip->chip, file, &raw, NULL) || raw / unit > most)
        return false;
    *value = raw / unit;
    return true;
}

static int state(void *source, unsigned i, unsigned wanted_fields, struct wt_state *found,
                 struct wt_error *err)
{
    const struct meter_chip *chip = &((struct hwmon_source *)source)->chips[i];
    struct wt_state read = {.t_ns = clock_now_ns()};
    uint64_t value;
    bool gpu = chip->device.kind == WT_DEVICE_GPU;
#define FIELD(bit, condition, file, unit, most, store)                                             \
    if ((wanted_fields & (bit)) && (condition) && field(chip, file, unit, most, &value)) {         \
        read.known |= (bit);                                                                       \
        store;                                                                                     \
    }
    if ((wanted_fields & WT_STATE_POWER) && chip->power) {
        int rc = hwmon_read_u64(&chip->chip, chip->power, &value, err);
        if (rc == 0 && value / 1000 > UINT32_MAX)
            rc = error_set(err, WT_E_PARSE, "%s of %s is no power", chip->power, chip->device.name);
        if (rc && wanted_fields == WT_STATE_POWER)
            return rc;
        if (rc == 0) {
            read.known |= WT_STATE_POWER;
            read.power_mw = (uint32_t)(value / 1000);
        }
    }
    FIELD(WT_STATE_ENERGY, chip->energy != NULL, chip->energy, 1000, UINT64_MAX,
          read.energy_mj = value)
    FIELD(WT_STATE_LIMIT, gpu, chip->energy ? "power1_max" : "power1_cap", 1000, UINT32_MAX,
          read.limit_mw = (uint32_t)value)
    FIELD(WT_STATE_TEMPERATURE, gpu, "temp1_input", 1000, 1000, read.temperature_c = (int32_t)value)
    FIELD(WT_STATE_SM_CLOCK, gpu, "freq1_input", 1000000, 100000,
          read.sm_clock_mhz = (uint32_t)value)
    FIELD(WT_STATE_UTILIZATION, gpu, "device/gpu_busy_percent", 1, 100,
          read.utilization_percent = (uint32_t)value)
    FIELD(WT_STATE_MEMORY, gpu, "device/mem_info_vram_used", 1, UINT64_MAX,
          read.memory_used_bytes = value)
#undef FIELD
    if ((read.known & WT_STATE_LIMIT) && read.limit_mw == 0)
        read.known &= ~(unsigned)WT_STATE_LIMIT; /* Intel: 0 is "not limited" */
    if (read.known == 0)
        return error_set(err, WT_E_NOT_SUPPORTED, "%s %s tells nothing of what was asked",
                         chip->device.name, chip->chip.device);
    *found = read;
    return 0;
}

const struct sense_source_ops sense_hwmon = {
    .name = "hwmon",
    .wanted = wanted,
    .needed = needed,
    .open = open_source,
    .close = free,
    .count = count,
    .device = device,
    .energy = energy,
    .state = state,
};
