// SPDX-License-Identifier: Apache-2.0
// A client of the linked kind: it is linked with -lnvidia-ml as GEOPM and Slurm's plugin are, knows
// only NVML's names, declares them itself, and prints one line a GPU. The tests compare its lines.
#include <stdio.h>

typedef void *device_handle;
int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device_handle *device);
int nvmlDeviceGetName(device_handle device, char *name, unsigned size);
int nvmlDeviceGetPowerUsage(device_handle device, unsigned *power_mw);
int nvmlDeviceGetTotalEnergyConsumption(device_handle device, unsigned long long *energy_mj);
int nvmlDeviceGetPowerManagementLimitConstraints(device_handle device, unsigned *min_mw,
                                                 unsigned *max_mw);
int nvmlDeviceGetNvLinkState(device_handle device, unsigned link, unsigned *state);

int main(void)
{
    unsigned count = 0;
    if (nvmlInit_v2() != 0 || nvmlDeviceGetCount_v2(&count) != 0)
        return 1;
    for (unsigned i = 0; i < count; i++) {
        device_handle device;
        char name[64] = "";
        unsigned power_mw = 0, min_mw = 0, max_mw = 0, state;
        unsigned long long energy_mj = 0;
        if (nvmlDeviceGetHandleByIndex_v2(i, &device) != 0 ||
            nvmlDeviceGetName(device, name, sizeof name) != 0 ||
            nvmlDeviceGetPowerUsage(device, &power_mw) != 0 ||
            nvmlDeviceGetPowerManagementLimitConstraints(device, &min_mw, &max_mw) != 0)
            return 1;
        int energy = nvmlDeviceGetTotalEnergyConsumption(device, &energy_mj);
        int link = nvmlDeviceGetNvLinkState(device, 0, &state);
        int plausible = power_mw > 10000 && power_mw<80000, counts = energy_mj> 0;
        printf("%s|%d|%u|%u|%d|%d|%d\n", name, plausible, min_mw, max_mw, energy, counts, link);
    }
    return nvmlShutdown();
}
