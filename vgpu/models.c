// SPDX-License-Identifier: Apache-2.0
// The table of virtual cards. Constants of the power model: fitted to the published traces of the
// Zeus artefact for P100, V100, A40 and Quadro RTX 6000; for A100 and H100 no training run under
// limits is published, so their rows are synthetic: scaled from the others, good for tests, not for
// claims. Sensor windows: "Accurate and Convenient Energy Measurements for GPUs", SC'24.
#include "models.h"

#include <string.h>
#include <strings.h>

#define MS 1000000LL
#define MIB (1024ULL * 1024ULL)
#define W 1000u

// A row reads like a data sheet.
// clang-format off
static const struct vgpu_model models[] = {
    {.key = "p100", .name = "Tesla P100-PCIE-16GB",
     .part_number = "900-2H400-0000-000", .vbios = "86.00.52.00.02",
     .architecture = 4, .brand = 2, .cuda_major = 6, .cuda_minor = 0,
     .pci_device_id = 0x15f810deu, .pci_subsystem_id = 0x118f10deu,
     .memory_bytes = 16384 * MIB, .reserved_bytes = 104 * MIB, .memory_bus_bits = 4096, .cores = 3584,
     .pcie_generation = 3, .pcie_width = 16, .min_limit_mw = 125 * W, .max_limit_mw = 250 * W,
     .static_w = 84.4, .min_clock_ratio = 0.2, .linear_share = 0.321, .host_w = 81.0, .idle_w = 30.0,
     .sm_max_mhz = 1328, .sm_min_mhz = 544, .sm_idle_mhz = 405, .sm_step_khz = 12500, .memory_mhz = 715,
     .memory_idle_mhz = 715, .video_max_mhz = 1189,
     .tick_ns = 20 * MS, .usage_window_ns = 10 * MS, .instant_window_ns = 10 * MS, .resolution_mw = 50,
     .energy_counter = false,
     .air_c = 31.0, .fast_k_per_w = 0.055, .slow_k_per_w = 0.075, .fast_s = 1.0, .slow_s = 120.0,
     .slowdown_c = 82, .shutdown_c = 85},
    {.key = "v100", .name = "Tesla V100-PCIE-16GB",
     .part_number = "900-2G500-0000-000", .vbios = "88.00.48.00.02",
     .architecture = 5, .brand = 2, .cuda_major = 7, .cuda_minor = 0,
     .pci_device_id = 0x1db410deu, .pci_subsystem_id = 0x121410deu,
     .memory_bytes = 16384 * MIB, .reserved_bytes = 224 * MIB, .memory_bus_bits = 4096, .cores = 5120,
     .pcie_generation = 3, .pcie_width = 16, .min_limit_mw = 100 * W, .max_limit_mw = 250 * W,
     .static_w = 70.5, .min_clock_ratio = 0.149, .linear_share = 0.357, .host_w = 66.4, .idle_w = 38.0,
     .sm_max_mhz = 1380, .sm_min_mhz = 135, .sm_idle_mhz = 135, .sm_step_khz = 7500, .memory_mhz = 877,
     .memory_idle_mhz = 877, .video_max_mhz = 1237,
     .tick_ns = 20 * MS, .usage_window_ns = 10 * MS, .instant_window_ns = 10 * MS, .resolution_mw = 50,
     .energy_counter = true,
     .air_c = 31.0, .fast_k_per_w = 0.055, .slow_k_per_w = 0.075, .fast_s = 1.0, .slow_s = 120.0,
     .slowdown_c = 87, .shutdown_c = 90},
    {.key = "a40", .name = "NVIDIA A40", .part_number = "900-2G133-0000-000", .vbios = "94.02.5C.00.03",
     .architecture = 7, .brand = 14, .cuda_major = 8, .cuda_minor = 6,
     .pci_device_id = 0x223510deu, .pci_subsystem_id = 0x145a10deu,
     .memory_bytes = 46068 * MIB, .reserved_bytes = 616 * MIB, .memory_bus_bits = 384, .cores = 10752,
     .pcie_generation = 4, .pcie_width = 16, .min_limit_mw = 100 * W, .max_limit_mw = 300 * W,
     .static_w = 98.0, .min_clock_ratio = 0.108, .linear_share = 0.729, .host_w = 82.6, .idle_w = 28.0,
     .sm_max_mhz = 1740, .sm_min_mhz = 210, .sm_idle_mhz = 210, .sm_step_khz = 15000, .memory_mhz = 7251,
     .memory_idle_mhz = 405, .video_max_mhz = 1530,
     .tick_ns = 100 * MS, .usage_window_ns = 1000 * MS, .average_window_ns = 1000 * MS,
     .instant_window_ns = 100 * MS, .resolution_mw = 10, .energy_counter = true,
     .air_c = 28.0, .fast_k_per_w = 0.05, .slow_k_per_w = 0.085, .fast_s = 1.0, .slow_s = 120.0,
     .slowdown_c = 95, .shutdown_c = 98},
    {.key = "rtx6000", .name = "Quadro RTX 6000",
     .part_number = "900-5G150-0000-000", .vbios = "90.02.30.00.03",
     .architecture = 6, .brand = 12, .cuda_major = 7, .cuda_minor = 5,
     .pci_device_id = 0x1e3010deu, .pci_subsystem_id = 0x12ba10deu,
     .memory_bytes = 24576 * MIB, .reserved_bytes = 356 * MIB, .memory_bus_bits = 384, .cores = 4608,
     .pcie_generation = 3, .pcie_width = 16, .fans = 1, .min_limit_mw = 100 * W, .max_limit_mw = 260 * W,
     .static_w = 93.3, .min_clock_ratio = 0.159, .linear_share = 0.154, .host_w = 58.2, .idle_w = 22.0,
     .sm_max_mhz = 2100, .sm_min_mhz = 300, .sm_idle_mhz = 300, .sm_step_khz = 15000, .memory_mhz = 7001,
     .memory_idle_mhz = 405, .video_max_mhz = 1950,
     .tick_ns = 100 * MS, .usage_window_ns = 100 * MS, .instant_window_ns = 100 * MS, .resolution_mw = 10,
     .energy_counter = true,
     .air_c = 29.0, .fast_k_per_w = 0.05, .slow_k_per_w = 0.11, .fast_s = 1.0, .slow_s = 90.0,
     .slowdown_c = 91, .shutdown_c = 94},
    {.key = "a100", .name = "NVIDIA A100-SXM4-40GB",
     .part_number = "692-2G506-0200-003", .vbios = "92.00.45.00.03",
     .architecture = 7, .brand = 14, .cuda_major = 8, .cuda_minor = 0,
     .pci_device_id = 0x20b010deu, .pci_subsystem_id = 0x134f10deu,
     .memory_bytes = 40960 * MIB, .reserved_bytes = 424 * MIB, .memory_bus_bits = 5120, .cores = 6912,
     .pcie_generation = 4, .pcie_width = 16, .min_limit_mw = 100 * W, .max_limit_mw = 400 * W,
     .static_w = 90.0, .min_clock_ratio = 210.0 / 1410.0, .linear_share = 0.3, .host_w = 82.0, .idle_w = 52.0,
     .sm_max_mhz = 1410, .sm_min_mhz = 210, .sm_idle_mhz = 210, .sm_step_khz = 15000, .memory_mhz = 1215,
     .memory_idle_mhz = 1215, .video_max_mhz = 1290,
     .tick_ns = 100 * MS, .usage_window_ns = 25 * MS, .instant_window_ns = 25 * MS, .resolution_mw = 10,
     .energy_counter = true,
     .air_c = 27.0, .fast_k_per_w = 0.04, .slow_k_per_w = 0.05, .fast_s = 1.0, .slow_s = 120.0,
     .slowdown_c = 92, .shutdown_c = 95},
    {.key = "h100", .name = "NVIDIA H100 80GB HBM3",
     .part_number = "692-2G520-0200-000", .vbios = "96.00.61.00.01",
     .architecture = 9, .brand = 14, .cuda_major = 9, .cuda_minor = 0,
     .pci_device_id = 0x233010deu, .pci_subsystem_id = 0x16c110deu,
     .memory_bytes = 81559 * MIB, .reserved_bytes = 551 * MIB, .memory_bus_bits = 5120, .cores = 16896,
     .pcie_generation = 5, .pcie_width = 16, .min_limit_mw = 200 * W, .max_limit_mw = 700 * W,
     .static_w = 150.0, .min_clock_ratio = 345.0 / 1980.0, .linear_share = 0.3, .host_w = 125.0, .idle_w = 70.0,
     .sm_max_mhz = 1980, .sm_min_mhz = 345, .sm_idle_mhz = 345, .sm_step_khz = 15000, .memory_mhz = 2619,
     .memory_idle_mhz = 2619, .video_max_mhz = 1545,
     .tick_ns = 100 * MS, .usage_window_ns = 1000 * MS, .average_window_ns = 1000 * MS,
     .instant_window_ns = 25 * MS, .resolution_mw = 10, .energy_counter = true,
     .air_c = 38.8, .fast_k_per_w = 0.016, .slow_k_per_w = 0.016, .fast_s = 1.0, .slow_s = 120.0},
};
// clang-format on

#define MODEL_COUNT (sizeof models / sizeof models[0])

const struct vgpu_model *model_find(const char *key, size_t key_len)
{
    for (size_t i = 0; i < MODEL_COUNT; i++)
        if (strlen(models[i].key) == key_len && memcmp(models[i].key, key, key_len) == 0)
            return &models[i];
    return NULL;
}

// One character changed, left out or put in, or two letters of another case only.
static bool is_near(const char *key, const char *word, size_t word_len)
{
    size_t key_len = strlen(key), from_begin = 0, from_end = 0;
    size_t shorter = key_len < word_len ? key_len : word_len;
    if (key_len == word_len && strncasecmp(key, word, word_len) == 0)
        return true;
    while (from_begin < shorter && key[from_begin] == word[from_begin])
        from_begin++;
    while (from_end < shorter - from_begin &&
           key[key_len - 1 - from_end] == word[word_len - 1 - from_end])
        from_end++;
    return word_len > 1 && from_begin + from_end + 1 >= (key_len > word_len ? key_len : word_len);
}

const char *model_meant(const char *word, size_t word_len)
{
    for (size_t i = 0; i < MODEL_COUNT; i++)
        if (is_near(models[i].key, word, word_len))
            return models[i].key;
    return NULL;
}

const struct vgpu_model *model_at(size_t position)
{
    return position < MODEL_COUNT ? &models[position] : NULL;
}

size_t model_position(const struct vgpu_model *model)
{
    return (size_t)(model - models);
}
