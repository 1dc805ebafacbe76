/* SPDX-License-Identifier: Apache-2.0
 *
 * From the configuration to the devices and the ledger that it names.
 */
#include "setup/setup.h"

#include <stdlib.h>

#include "setup/config.h"

static void take_devices(struct setup *setup)
{
    const struct config *config = setup->config;
    enum config_origin vgpu = config->values[CONFIG_VGPU].origin,
                       nvml = config->values[CONFIG_NVML].origin;
    bool gpus_from_file = config->values[CONFIG_GPUS].origin < CONFIG_ENVIRONMENT;
    setup->gpus =
        gpus_from_file && getenv("CUDA_VISIBLE_DEVICES") ? NULL : config_text(config, CONFIG_GPUS);
    if (setup->replay && vgpu < CONFIG_FROM_FLAG && nvml < CONFIG_FROM_FLAG)
        return;
    setup->vgpu = config_text(config, CONFIG_VGPU);
    setup->nvml = config_text(config, CONFIG_NVML);
    if (setup->vgpu && setup->nvml && !(vgpu == CONFIG_FROM_FLAG && nvml == CONFIG_FROM_FLAG)) {
        if (nvml > vgpu)
            setup->vgpu = NULL;
        else
            setup->nvml = NULL;
    }
    setup->nvml_by_user = nvml >= CONFIG_USER_FILE;
}

void setup_take_config(struct setup *setup)
{
    take_devices(setup);
    setup->ledger = config_text(setup->config, CONFIG_LEDGER);
}
