// SPDX-License-Identifier: Apache-2.0
// Everything NVML exports and a virtual GPU has no use for: NOT_SUPPORTED, whatever the arguments.
// Under the C calling conventions of 64-bit Linux a callee may ignore arguments it does not
// declare.
#include "machine.h"
#include "symbols.h"

#define STUB(name)                                                                                 \
    VGPU_API nvmlReturn_t name(void);                                                              \
    nvmlReturn_t name(void)                                                                        \
    {                                                                                              \
        return machine_is_initialised() ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_UNINITIALIZED;     \
    }

NVML_STUBS(STUB)
