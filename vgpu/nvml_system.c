// SPDX-License-Identifier: Apache-2.0
// NVML's life, the system's versions, and finding devices.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "machine.h"
#include "view.h"

#define DRIVER_VERSION "550.163.01"
#define CUDA_VERSION 12040

static const struct {
    nvmlReturn_t result;
    const char *text;
} errors[] = {
    {0, "Success"},
    {1, "Uninitialized"},
    {2, "Invalid Argument"},
    {3, "Not Supported"},
    {4, "Insufficient Permissions"},
    {5, "Already Initialized"},
    {6, "Not Found"},
    {7, "Insufficient Size"},
    {8, "Insufficient External Power"},
    {9, "Driver Not Loaded"},
    {10, "Timeout"},
    {11, "Interrupt Request Issue"},
    {12, "NVML Shared Library Not Found"},
    {13, "Function Not Found"},
    {14, "Corrupted infoROM"},
    {15, "GPU is lost"},
    {16, "GPU requires reset"},
    {17, "GPU access blocked by the operating system"},
    {18, "Driver/library version mismatch"},
    {19, "In use by another client"},
    {20, "Insufficient Memory"},
    {21, "No data"},
    {22, "vGPU ECC is not supported"},
    {23, "Insufficient Resources"},
    {24, "Frequency not supported"},
    {25, "Argument Version Mismatch"},
    {26, "Deprecated"},
    {27, "Not Ready"},
    {28, "GPU not found"},
    {29, "Invalid state"},
    {30, "Reset type not supported"},
};

const char *nvmlErrorString(nvmlReturn_t result)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].result == result)
            return errors[i].text;
    return "Unknown Error";
}

// ---- life

nvmlReturn_t nvmlInit_v2(void)
{
    return machine_hold();
}

nvmlReturn_t nvmlInit(void)
{
    return machine_hold();
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
    (void)flags; // each of them tolerates something that cannot happen here
    return machine_hold();
}

nvmlReturn_t nvmlShutdown(void)
{
    return machine_release();
}

// ---- versions

static nvmlReturn_t system_text(const char *text, char *buffer, unsigned size)
{
    return machine_is_initialised() ? view_text(text, buffer, size) : NVML_ERROR_UNINITIALIZED;
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *buffer, unsigned size)
{
    return system_text(DRIVER_VERSION, buffer, size);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *buffer, unsigned size)
{
    return system_text("12." DRIVER_VERSION, buffer, size);
}

// These two answer before nvmlInit as well, as the real ones do.
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    if (!version)
        return NVML_ERROR_INVALID_ARGUMENT;
    *version = CUDA_VERSION;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    return nvmlSystemGetCudaDriverVersion(version);
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned pid, char *buffer, unsigned size)
{
    char path[32], name[1024];
    if (!machine_is_initialised())
        return NVML_ERROR_UNINITIALIZED;
    if (!buffer || size == 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return NVML_ERROR_NOT_FOUND;
    size_t len = fread(name, 1, sizeof name - 1, file);
    fclose(file);
    name[len] = '\0'; // the first of the arguments, which NULs separate
    snprintf(buffer, size, "%s", name);
    return NVML_SUCCESS;
}

// ---- finding devices

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    unsigned found;
    nvmlReturn_t result = view_count(&found);
    if (result != NVML_SUCCESS)
        return result;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = found;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned *count)
{
    return nvmlDeviceGetCount_v2(count);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
    unsigned count;
    nvmlReturn_t result = view_count(&count);
    if (result != NVML_SUCCESS)
        return result;
    if (!device || index >= count)
        return NVML_ERROR_INVALID_ARGUMENT;
    return view_give_handle(index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device)
{
    return nvmlDeviceGetHandleByIndex_v2(index, device);
}

// The first device for which `is` accepts for the name that the client gave.
static nvmlReturn_t find(const char *wanted, nvmlDevice_t *device,
                         bool (*is)(nvmlDevice_t, const char *))
{
    unsigned count;
    nvmlReturn_t result = view_count(&count);
    if (result != NVML_SUCCESS)
        return result;
    if (!wanted || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned i = 0; i < count; i++) {
        if (!is(view_handle(i), wanted))
            continue;
        *device = view_handle(i);
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

static bool has_uuid(nvmlDevice_t device, const char *wanted)
{
    char uuid[96];
    return nvmlDeviceGetUUID(device, uuid, sizeof uuid) == NVML_SUCCESS &&
           strcmp(uuid, wanted) == 0;
}

static bool has_serial(nvmlDevice_t device, const char *wanted)
{
    char serial[30];
    return nvmlDeviceGetSerial(device, serial, sizeof serial) == NVML_SUCCESS &&
           strcmp(serial, wanted) == 0;
}

// "domain:bus:device.function" or "bus:device.function", hexadecimal, function optional.
static bool has_address(nvmlDevice_t device, const char *wanted)
{
    nvmlPciInfo_t pci;
    unsigned domain = 0, bus, slot;
    if (sscanf(wanted, "%x:%x:%x", &domain, &bus, &slot) != 3) {
        domain = 0;
        if (sscanf(wanted, "%x:%x", &bus, &slot) != 2)
            return false;
    }
    return nvmlDeviceGetPciInfo_v3(device, &pci) == NVML_SUCCESS && pci.domain == domain &&
           pci.bus == bus && pci.device == slot;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    return find(uuid, device, has_uuid);
}

nvmlReturn_t nvmlDeviceGetHandleBySerial(const char *serial, nvmlDevice_t *device)
{
    return find(serial, device, has_serial);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *address, nvmlDevice_t *device)
{
    return find(address, device, has_address);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *address, nvmlDevice_t *device)
{
    return find(address, device, has_address);
}

nvmlReturn_t nvmlDeviceGetHandleByUUIDV(const nvmlUUID_t *uuid, nvmlDevice_t *device)
{
    char text[96];
    if (!uuid)
        return find(NULL, device, has_uuid);
    // One published client leaves the version at zero; the type tells the two forms apart either
    // way.
    if (uuid->version != 0 && uuid->version != NVML_VERSIONED(nvmlUUID_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    const unsigned char *b = (const unsigned char *)uuid->value;
    if (uuid->type == 1)
        snprintf(text, sizeof text, "%.41s", uuid->value);
    else if (uuid->type == 2)
        snprintf(text, sizeof text,
                 "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                 b[14], b[15]);
    else
        return NVML_ERROR_INVALID_ARGUMENT;
    return find(text, device, has_uuid);
}
