// SPDX-License-Identifier: Apache-2.0
// Prototypes of the implemented entry points, by the file that has them. Included by nvml_abi.h
// only.

// nvml_system.c: life, versions, finding devices
NVML_FUNCTION(nvmlInit_v2, void);
NVML_FUNCTION(nvmlInit, void);
NVML_FUNCTION(nvmlInitWithFlags, unsigned flags);
NVML_FUNCTION(nvmlShutdown, void);
NVML_FUNCTION(nvmlSystemGetDriverVersion, char *buffer, unsigned size);
NVML_FUNCTION(nvmlSystemGetNVMLVersion, char *buffer, unsigned size);
NVML_FUNCTION(nvmlSystemGetCudaDriverVersion, int *version);
NVML_FUNCTION(nvmlSystemGetCudaDriverVersion_v2, int *version);
NVML_FUNCTION(nvmlSystemGetProcessName, unsigned pid, char *buffer, unsigned size);
NVML_FUNCTION(nvmlDeviceGetCount_v2, unsigned *count);
NVML_FUNCTION(nvmlDeviceGetCount, unsigned *count);
NVML_FUNCTION(nvmlDeviceGetHandleByIndex_v2, unsigned index, nvmlDevice_t *device);
NVML_FUNCTION(nvmlDeviceGetHandleByIndex, unsigned index, nvmlDevice_t *device);
NVML_FUNCTION(nvmlDeviceGetHandleByUUID, const char *uuid, nvmlDevice_t *device);
NVML_FUNCTION(nvmlDeviceGetHandleBySerial, const char *serial, nvmlDevice_t *device);
NVML_FUNCTION(nvmlDeviceGetHandleByPciBusId_v2, const char *address, nvmlDevice_t *device);
NVML_FUNCTION(nvmlDeviceGetHandleByPciBusId, const char *address, nvmlDevice_t *device);
NVML_FUNCTION(nvmlDeviceGetHandleByUUIDV, const nvmlUUID_t *uuid, nvmlDevice_t *device);

// nvml_device.c: identity and place of a device
NVML_FUNCTION(nvmlDeviceGetName, nvmlDevice_t device, char *out, unsigned size);
NVML_FUNCTION(nvmlDeviceGetUUID, nvmlDevice_t device, char *out, unsigned size);
NVML_FUNCTION(nvmlDeviceGetSerial, nvmlDevice_t device, char *out, unsigned size);
NVML_FUNCTION(nvmlDeviceGetVbiosVersion, nvmlDevice_t device, char *out, unsigned size);
NVML_FUNCTION(nvmlDeviceGetBoardPartNumber, nvmlDevice_t device, char *out, unsigned size);
NVML_FUNCTION(nvmlDeviceGetInforomImageVersion, nvmlDevice_t device, char *out, unsigned size);
NVML_FUNCTION(nvmlDeviceGetIndex, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetMinorNumber, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetModuleId, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetBoardId, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetMultiGpuBoard, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetBrand, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetArchitecture, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetNumGpuCores, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetMemoryBusWidth, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetBusType, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetPersistenceMode, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetComputeMode, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetDisplayActive, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetDisplayMode, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetPowerSource, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetIrqNum, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetMaxPcieLinkGeneration, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetGpuMaxPcieLinkGeneration, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetMaxPcieLinkWidth, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetCurrPcieLinkGeneration, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetCurrPcieLinkWidth, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetPcieReplayCounter, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetPcieSpeed, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetNumFans, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetPerformanceState, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetPowerState, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceIsMigDeviceHandle, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetMaxMigDeviceCount, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetAccountingMode, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetAccountingBufferSize, nvmlDevice_t device, unsigned *out);
NVML_FUNCTION(nvmlDeviceGetPcieThroughput, nvmlDevice_t device, unsigned counter,
              unsigned *kb_per_s);
NVML_FUNCTION(nvmlDeviceGetCudaComputeCapability, nvmlDevice_t device, int *major, int *minor);
NVML_FUNCTION(nvmlDeviceGetPciInfo_v3, nvmlDevice_t device, nvmlPciInfo_t *pci);
NVML_FUNCTION(nvmlDeviceGetPciInfo_v2, nvmlDevice_t device, nvmlPciInfo_v2_t *pci);
NVML_FUNCTION(nvmlDeviceGetPciInfo, nvmlDevice_t device, nvmlPciInfo_v2_t *pci);
NVML_FUNCTION(nvmlDeviceGetPciInfoExt, nvmlDevice_t device, nvmlPciInfoExt_t *pci);
NVML_FUNCTION(nvmlDeviceGetTemperature, nvmlDevice_t device, unsigned sensor, unsigned *celsius);
NVML_FUNCTION(nvmlDeviceGetTemperatureV, nvmlDevice_t device, nvmlTemperature_t *temperature);
NVML_FUNCTION(nvmlDeviceGetTemperatureThreshold, nvmlDevice_t device, unsigned threshold,
              unsigned *celsius);
NVML_FUNCTION(nvmlDeviceGetMarginTemperature, nvmlDevice_t device, nvmlMarginTemperature_t *margin);
NVML_FUNCTION(nvmlDeviceGetFanSpeed_v2, nvmlDevice_t device, unsigned fan, unsigned *percent);
NVML_FUNCTION(nvmlDeviceGetFanSpeed, nvmlDevice_t device, unsigned *percent);
NVML_FUNCTION(nvmlDeviceGetEccMode, nvmlDevice_t device, unsigned *current, unsigned *pending);
NVML_FUNCTION(nvmlDeviceGetDefaultEccMode, nvmlDevice_t device, unsigned *mode);
NVML_FUNCTION(nvmlDeviceGetTotalEccErrors, nvmlDevice_t device, unsigned error, unsigned counter,
              unsigned long long *count);
NVML_FUNCTION(nvmlDeviceGetMemoryErrorCounter, nvmlDevice_t device, unsigned error,
              unsigned counter, unsigned place, unsigned long long *count);
NVML_FUNCTION(nvmlDeviceGetMigMode, nvmlDevice_t device, unsigned *current, unsigned *pending);
NVML_FUNCTION(nvmlDeviceSetPersistenceMode, nvmlDevice_t device, unsigned mode);
NVML_FUNCTION(nvmlDeviceSetComputeMode, nvmlDevice_t device, unsigned mode);
NVML_FUNCTION(nvmlDeviceGetCpuAffinity, nvmlDevice_t device, unsigned words, unsigned long *set);
NVML_FUNCTION(nvmlDeviceGetCpuAffinityWithinScope, nvmlDevice_t device, unsigned words,
              unsigned long *set, unsigned scope);
NVML_FUNCTION(nvmlDeviceGetTopologyCommonAncestor, nvmlDevice_t one, nvmlDevice_t other,
              unsigned *level);

// nvml_power.c: power, energy, limits
NVML_FUNCTION(nvmlDeviceGetPowerUsage, nvmlDevice_t device, unsigned *power_mw);
NVML_FUNCTION(nvmlDeviceGetTotalEnergyConsumption, nvmlDevice_t device,
              unsigned long long *energy_mj);
NVML_FUNCTION(nvmlDeviceGetPowerManagementLimit, nvmlDevice_t device, unsigned *limit_mw);
NVML_FUNCTION(nvmlDeviceGetEnforcedPowerLimit, nvmlDevice_t device, unsigned *limit_mw);
NVML_FUNCTION(nvmlDeviceGetPowerManagementDefaultLimit, nvmlDevice_t device, unsigned *limit_mw);
NVML_FUNCTION(nvmlDeviceGetPowerManagementLimitConstraints, nvmlDevice_t device, unsigned *min_mw,
              unsigned *max_mw);
NVML_FUNCTION(nvmlDeviceGetPowerManagementMode, nvmlDevice_t device, unsigned *mode);
NVML_FUNCTION(nvmlDeviceSetPowerManagementLimit, nvmlDevice_t device, unsigned limit_mw);
NVML_FUNCTION(nvmlDeviceSetPowerManagementLimit_v2, nvmlDevice_t device,
              nvmlPowerValue_v2_t *value);
NVML_FUNCTION(nvmlDeviceGetFieldValues, nvmlDevice_t device, int count, nvmlFieldValue_t *values);
NVML_FUNCTION(nvmlDeviceClearFieldValues, nvmlDevice_t device, int count, nvmlFieldValue_t *values);
NVML_FUNCTION(nvmlDeviceGetSamples, nvmlDevice_t device, unsigned type,
              unsigned long long last_seen_us, unsigned *value_type, unsigned *count,
              nvmlSample_t *samples);

// nvml_clocks.c: clocks
NVML_FUNCTION(nvmlDeviceGetClock, nvmlDevice_t device, unsigned clock, unsigned id, unsigned *mhz);
NVML_FUNCTION(nvmlDeviceGetClockInfo, nvmlDevice_t device, unsigned clock, unsigned *mhz);
NVML_FUNCTION(nvmlDeviceGetMaxClockInfo, nvmlDevice_t device, unsigned clock, unsigned *mhz);
NVML_FUNCTION(nvmlDeviceGetMaxCustomerBoostClock, nvmlDevice_t device, unsigned clock,
              unsigned *mhz);
NVML_FUNCTION(nvmlDeviceGetApplicationsClock, nvmlDevice_t device, unsigned clock, unsigned *mhz);
NVML_FUNCTION(nvmlDeviceGetDefaultApplicationsClock, nvmlDevice_t device, unsigned clock,
              unsigned *mhz);
NVML_FUNCTION(nvmlDeviceGetSupportedMemoryClocks, nvmlDevice_t device, unsigned *count,
              unsigned *mhz);
NVML_FUNCTION(nvmlDeviceGetSupportedGraphicsClocks, nvmlDevice_t device, unsigned memory_mhz,
              unsigned *count, unsigned *mhz);
NVML_FUNCTION(nvmlDeviceGetMinMaxClockOfPState, nvmlDevice_t device, unsigned clock,
              unsigned pstate, unsigned *min_mhz, unsigned *max_mhz);
NVML_FUNCTION(nvmlDeviceSetGpuLockedClocks, nvmlDevice_t device, unsigned min_mhz,
              unsigned max_mhz);
NVML_FUNCTION(nvmlDeviceResetGpuLockedClocks, nvmlDevice_t device);
NVML_FUNCTION(nvmlDeviceSetMemoryLockedClocks, nvmlDevice_t device, unsigned min_mhz,
              unsigned max_mhz);
NVML_FUNCTION(nvmlDeviceResetMemoryLockedClocks, nvmlDevice_t device);
NVML_FUNCTION(nvmlDeviceSetApplicationsClocks, nvmlDevice_t device, unsigned memory_mhz,
              unsigned sm_mhz);
NVML_FUNCTION(nvmlDeviceResetApplicationsClocks, nvmlDevice_t device);
NVML_FUNCTION(nvmlDeviceGetCurrentClocksEventReasons, nvmlDevice_t device,
              unsigned long long *reasons);
NVML_FUNCTION(nvmlDeviceGetCurrentClocksThrottleReasons, nvmlDevice_t device,
              unsigned long long *reasons);
NVML_FUNCTION(nvmlDeviceGetSupportedClocksEventReasons, nvmlDevice_t device,
              unsigned long long *reasons);
NVML_FUNCTION(nvmlDeviceGetSupportedClocksThrottleReasons, nvmlDevice_t device,
              unsigned long long *reasons);
NVML_FUNCTION(nvmlDeviceGetViolationStatus, nvmlDevice_t device, unsigned policy,
              nvmlViolationTime_t *time);

// nvml_usage.c: utilisation, memory, processes, accounting, events
NVML_FUNCTION(nvmlDeviceGetUtilizationRates, nvmlDevice_t device, nvmlUtilization_t *rates);
NVML_FUNCTION(nvmlDeviceGetEncoderUtilization, nvmlDevice_t device, unsigned *percent,
              unsigned *period_us);
NVML_FUNCTION(nvmlDeviceGetDecoderUtilization, nvmlDevice_t device, unsigned *percent,
              unsigned *period_us);
NVML_FUNCTION(nvmlDeviceGetJpgUtilization, nvmlDevice_t device, unsigned *percent,
              unsigned *period_us);
NVML_FUNCTION(nvmlDeviceGetOfaUtilization, nvmlDevice_t device, unsigned *percent,
              unsigned *period_us);
NVML_FUNCTION(nvmlDeviceGetMemoryInfo, nvmlDevice_t device, nvmlMemory_t *memory);
NVML_FUNCTION(nvmlDeviceGetMemoryInfo_v2, nvmlDevice_t device, nvmlMemory_v2_t *memory);
NVML_FUNCTION(nvmlDeviceGetBAR1MemoryInfo, nvmlDevice_t device, nvmlBAR1Memory_t *memory);
NVML_FUNCTION(nvmlDeviceGetConfComputeMemSizeInfo, nvmlDevice_t device,
              nvmlConfComputeMemSizeInfo_t *memory);
NVML_FUNCTION(nvmlDeviceGetComputeRunningProcesses, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v1_t *list);
NVML_FUNCTION(nvmlDeviceGetComputeRunningProcesses_v2, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v2_t *list);
NVML_FUNCTION(nvmlDeviceGetComputeRunningProcesses_v3, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v2_t *list);
NVML_FUNCTION(nvmlDeviceGetGraphicsRunningProcesses, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v1_t *list);
NVML_FUNCTION(nvmlDeviceGetGraphicsRunningProcesses_v2, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v2_t *list);
NVML_FUNCTION(nvmlDeviceGetGraphicsRunningProcesses_v3, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v2_t *list);
NVML_FUNCTION(nvmlDeviceGetMPSComputeRunningProcesses, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v1_t *list);
NVML_FUNCTION(nvmlDeviceGetMPSComputeRunningProcesses_v2, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v2_t *list);
NVML_FUNCTION(nvmlDeviceGetMPSComputeRunningProcesses_v3, nvmlDevice_t device, unsigned *count,
              nvmlProcessInfo_v2_t *list);
NVML_FUNCTION(nvmlDeviceGetRunningProcessDetailList, nvmlDevice_t device,
              nvmlProcessDetailList_t *list);
NVML_FUNCTION(nvmlDeviceGetProcessUtilization, nvmlDevice_t device,
              nvmlProcessUtilizationSample_t *samples, unsigned *count,
              unsigned long long last_seen_us);
NVML_FUNCTION(nvmlDeviceGetProcessesUtilizationInfo, nvmlDevice_t device,
              nvmlProcessesUtilizationInfo_t *info);
NVML_FUNCTION(nvmlDeviceSetAccountingMode, nvmlDevice_t device, unsigned mode);
NVML_FUNCTION(nvmlDeviceClearAccountingPids, nvmlDevice_t device);
NVML_FUNCTION(nvmlDeviceGetAccountingPids, nvmlDevice_t device, unsigned *count, unsigned *pids);
NVML_FUNCTION(nvmlDeviceGetAccountingStats, nvmlDevice_t device, unsigned pid,
              nvmlAccountingStats_t *stats);
NVML_FUNCTION(nvmlEventSetCreate, nvmlEventSet_t *set);
NVML_FUNCTION(nvmlEventSetFree, nvmlEventSet_t set);
NVML_FUNCTION(nvmlDeviceGetSupportedEventTypes, nvmlDevice_t device, unsigned long long *types);
NVML_FUNCTION(nvmlDeviceRegisterEvents, nvmlDevice_t device, unsigned long long types,
              nvmlEventSet_t set);
NVML_FUNCTION(nvmlEventSetWait_v2, nvmlEventSet_t set, nvmlEventData_t *event, unsigned timeout_ms);
NVML_FUNCTION(nvmlEventSetWait, nvmlEventSet_t set, nvmlEventData_t *event, unsigned timeout_ms);
