# SPDX-License-Identifier: Apache-2.0
"""Programs written for real cards, unmodified, on virtual ones."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYMBOLS = ROOT.parent / "shared" / "nvml-symbols.txt"

# model: name, lowest and highest limit in W, architecture, compute capability, energy counter
MODELS = {
    "p100": ("Tesla P100-PCIE-16GB", 125, 250, 4, [6, 0], False),
    "v100": ("Tesla V100-PCIE-16GB", 100, 250, 5, [7, 0], True),
    "a40": ("NVIDIA A40", 100, 300, 7, [8, 6], True),
    "rtx6000": ("Quadro RTX 6000", 100, 260, 6, [7, 5], True),
    "a100": ("NVIDIA A100-SXM4-40GB", 100, 400, 7, [8, 0], True),
    "h100": ("NVIDIA H100 80GB HBM3", 200, 700, 9, [9, 0], True),
}
ALL = ",".join(MODELS)


def exported(build):
    out = subprocess.run(["nm", "-D", "--defined-only", build / "vgpu" / "libnvidia-ml.so.1"], capture_output=True,
                         text=True, check=True).stdout
    return {line.split()[-1] for line in out.splitlines()}


def test_exports_are_nvml_and_vgpu_only(build):
    names = exported(build)
    assert len([n for n in names if n.startswith("nvml")]) == 413
    assert {n for n in names if not n.startswith("nvml")} == {
        "vgpu_work", "vgpu_now_ns", "vgpu_true_energy_j", "vgpu_check_spec", "vgpu_ends_with_us"}


def test_exports_are_the_published_names(build):
    if not SYMBOLS.exists():
        pytest.skip(f"{SYMBOLS} is not there")
    wanted = set(SYMBOLS.read_text().split())
    assert {n for n in exported(build) if n.startswith("nvml")} == wanted


def test_library_needs_only_the_c_library(build):
    out = subprocess.run(["readelf", "-d", build / "vgpu" / "libnvidia-ml.so.1"], capture_output=True, text=True,
                         check=True).stdout
    assert re.search(r"SONAME.*\[libnvidia-ml\.so\.1\]", out)
    needed = set(re.findall(r"NEEDED.*\[(.+?)\]", out))
    assert needed <= {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2"}
    assert (build / "vgpu" / "libnvidia-ml.so").exists()


def test_linked_client(client, build):
    lines = client(ALL, str(build / "tests" / "vgpu" / "vgpu_client")).splitlines()
    assert lines == [f"{name}|1|{low * 1000}|{high * 1000}|{0 if counter else 3}|{int(counter)}|3"
                     for name, low, high, _, _, counter in MODELS.values()]


def test_pynvml_reads_every_model(client):
    cards = client.python(ALL, """
import pynvml as n
n.nvmlInit()
cards = []
for i in range(n.nvmlDeviceGetCount()):
    h = n.nvmlDeviceGetHandleByIndex(i)
    uuid, pci = n.nvmlDeviceGetUUID(h), n.nvmlDeviceGetPciInfo(h)
    assert n.nvmlDeviceGetIndex(n.nvmlDeviceGetHandleByUUID(uuid)) == i
    assert n.nvmlDeviceGetIndex(n.nvmlDeviceGetHandleByPciBusId(pci.busId)) == i
    assert n.nvmlDeviceGetIndex(n.nvmlDeviceGetHandleBySerial(n.nvmlDeviceGetSerial(h))) == i
    memory = n.nvmlDeviceGetMemoryInfo(h, version=n.nvmlMemory_v2)
    old = n.nvmlDeviceGetMemoryInfo(h)
    assert memory.total == old.total == memory.used + memory.free + memory.reserved
    assert 20 <= n.nvmlDeviceGetTemperatureV(h, n.NVML_TEMPERATURE_GPU) <= 60
    clocks = n.nvmlDeviceGetSupportedGraphicsClocks(h, n.nvmlDeviceGetSupportedMemoryClocks(h)[0])
    assert clocks == sorted(clocks, reverse=True) and clocks[0] == n.nvmlDeviceGetMaxClockInfo(h, n.NVML_CLOCK_SM)
    assert n.nvmlDeviceGetComputeRunningProcesses(h) == []
    try:
        energy = n.nvmlDeviceGetTotalEnergyConsumption(h) > 0
    except n.NVMLError_NotSupported:
        energy = False
    low, high = n.nvmlDeviceGetPowerManagementLimitConstraints(h)
    assert n.nvmlDeviceGetPowerManagementLimit(h) == n.nvmlDeviceGetPowerManagementDefaultLimit(h) == high
    cards.append([n.nvmlDeviceGetName(h), low // 1000, high // 1000, n.nvmlDeviceGetArchitecture(h),
                  list(n.nvmlDeviceGetCudaComputeCapability(h)), energy, pci.busId])
print(json.dumps(cards))
""")
    assert cards == [[*MODELS[key], f"00000000:{i + 1:02X}:00.0"] for i, key in enumerate(MODELS)]


def test_pynvml_sets_limits(client):
    result = client.python("a40", """
import pynvml as n
n.nvmlInit()
h = n.nvmlDeviceGetHandleByIndex(0)
n.nvmlDeviceSetPowerManagementLimit(h, 150000)
seen = [n.nvmlDeviceGetPowerManagementLimit(h), n.nvmlDeviceGetEnforcedPowerLimit(h)]
for bad in (99999, 300001):
    try:
        n.nvmlDeviceSetPowerManagementLimit(h, bad)
    except n.NVMLError_InvalidArgument:
        seen.append("refused")
n.nvmlDeviceSetPersistenceMode(h, 1)
seen.append(n.nvmlDeviceGetPersistenceMode(h))
n.nvmlDeviceSetGpuLockedClocks(h, 210, 870)
vgpu.vgpu_work(0, 0.2, 250.0, 0.5, 0.0)
seen.append(n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_SM))
fields = n.nvmlDeviceGetFieldValues(h, [n.NVML_FI_DEV_POWER_AVERAGE, n.NVML_FI_DEV_POWER_INSTANT,
                                        n.NVML_FI_DEV_POWER_REQUESTED_LIMIT, 82])
seen += [f.nvmlReturn for f in fields] + [fields[2].value.uiVal]
print(json.dumps(seen))
""")
    assert result == [150000, 150000, "refused", "refused", 1, 870, 0, 0, 0, 3, 150000]


def test_a_second_process_sees_work_and_limits(client):
    seen = client.python("v100", """
import pynvml as n, subprocess, sys
n.nvmlInit()
h = n.nvmlDeviceGetHandleByIndex(0)
worker = subprocess.Popen([sys.executable, "-c", '''
import ctypes
vgpu = ctypes.CDLL("libnvidia-ml.so.1")
vgpu.vgpu_work.argtypes = [ctypes.c_uint] + [ctypes.c_double] * 4
while True:
    vgpu.vgpu_work(0, 0.01, 240.0, 0.6, 0.0)
'''])
end = time.monotonic() + 10
while not n.nvmlDeviceGetComputeRunningProcesses(h) and time.monotonic() < end:
    time.sleep(0.01)
pids = [p.pid for p in n.nvmlDeviceGetComputeRunningProcesses(h)]
n.nvmlDeviceSetPowerManagementLimit(h, 125000)
time.sleep(0.7)
power = [n.nvmlDeviceGetPowerUsage(h) / 1000 for _ in range(20) if not time.sleep(0.02)]
reasons = n.nvmlDeviceGetCurrentClocksThrottleReasons(h)
busy = n.nvmlDeviceGetUtilizationRates(h).gpu
worker.kill(); worker.wait()
time.sleep(0.1)
print(json.dumps([pids == [worker.pid], sorted(power)[10], reasons & 4, busy, len(n.nvmlDeviceGetComputeRunningProcesses(h))]))
""")
    same, power_w, capped, busy, left = seen
    assert same and left == 0
    assert 0.93 * 125 - 3 < power_w < 1.06 * 125 + 3
    assert busy > 50 and capped in (0, 4)  # the look may fall between two pieces of work


def test_pynvml_struct_sizes(client):
    sizes = client.python("v100", """
import pynvml as n
print(json.dumps({k: ctypes.sizeof(getattr(n, k)) for k in """ + repr(list(SIZES)) + "}))")
    assert sizes == SIZES


# The sizes that nvml_abi.h pins, by the other side's names.
SIZES = {
    "nvmlPciInfo_t": 68, "nvmlPciInfoExt_v1_t": 64, "nvmlPciInfo_v2_t": 52, "c_nvmlUtilization_t": 8, "c_nvmlMemory_t": 24,
    "c_nvmlMemory_v2_t": 40, "c_nvmlBAR1Memory_t": 24, "c_nvmlProcessInfo_v2_t": 24, "c_nvmlProcessDetail_v1_t": 32,
    "c_nvmlProcessDetailList_v1_t": 24, "c_nvmlProcessUtilizationSample_t": 32, "c_nvmlSample_t": 16,
    "c_nvmlValue_t": 8, "c_nvmlFieldValue_t": 40, "c_nvmlViolationTime_t": 16, "c_nvmlAccountingStats_t": 56,
    "c_nvmlEventData_t": 32, "c_nvmlUUID_t": 52,
    "c_nvmlProcessUtilizationInfo_v1_t": 40, "c_nvmlProcessesUtilizationInfo_v1_t": 24, "c_nvmlTemperature_v1_t": 12,
    "c_nvmlMarginTemperature_v1_t": 8, "c_nvmlPowerValue_v2_t": 12,
    "c_nvmlConfComputeMemSizeInfo_t": 16,
}


def test_pynvml_reads_the_rest(client):
    seen = client.python("v100,h100", """
import os, pynvml as n
n.nvmlInit()
v100, h100 = (n.nvmlDeviceGetHandleByIndex(i) for i in (0, 1))
n.nvmlDeviceSetAccountingMode(v100, 1)
n.nvmlDeviceSetPowerManagementLimit(v100, 150000)
vgpu.vgpu_work(0, 1.2, 240.0, 0.5, 0.0)
kind, samples = n.nvmlDeviceGetSamples(v100, n.NVML_TOTAL_POWER_SAMPLES, 0)
stamps = [s.timeStamp for s in samples]
seen = {
    "samples": len(samples), "in_order": stamps == sorted(stamps), "recent": abs(stamps[-1] / 1e6 - time.time()) < 1,
    "sample_w": sorted(s.sampleValue.uiVal for s in samples)[len(samples) // 2] / 1000,
    "violation_s": n.nvmlDeviceGetViolationStatus(v100, n.NVML_PERF_POLICY_POWER).violationTime / 1e9,
    "idle_violation": n.nvmlDeviceGetViolationStatus(h100, n.NVML_PERF_POLICY_POWER).violationTime,
    "accounted": list(n.nvmlDeviceGetAccountingPids(v100)) == [os.getpid()],
    "running": n.nvmlDeviceGetAccountingStats(v100, os.getpid()).isRunning,
    "process": [p.pid == os.getpid() and p.smUtil for p in n.nvmlDeviceGetProcessUtilization(v100, 0)],
    "details": [p.pid == os.getpid() for p in n.nvmlDeviceGetRunningProcessDetailList(v100, 0x1000018, 0)],
    "p_states": [n.nvmlDeviceGetPerformanceState(v100), n.nvmlDeviceGetPerformanceState(h100)],
    "idle_mhz": n.nvmlDeviceGetClockInfo(h100, n.NVML_CLOCK_SM),
    "reasons": n.nvmlDeviceGetCurrentClocksEventReasons(h100),
}
events = n.nvmlEventSetCreate()
n.nvmlDeviceRegisterEvents(v100, n.nvmlEventTypeXidCriticalError, events)
begun = time.monotonic()
try:
    n.nvmlEventSetWait_v2(events, 50)
except n.NVMLError_Timeout:
    seen["waited"] = time.monotonic() - begun >= 0.05
n.nvmlEventSetFree(events)
print(json.dumps(seen))
""")
    power_w, violation_s = seen.pop("sample_w"), seen.pop("violation_s")
    assert 0.94 * 150 - 3 < power_w < 1.06 * 150 + 3
    assert 1.2 < violation_s < 3  # the work is slowed by the limit from end to end
    assert seen.pop("process")[0] > 20
    assert seen == {"samples": 50, "in_order": True, "recent": True, "idle_violation": 0, "accounted": True,
                    "running": 1, "details": [True], "p_states": [0, 8], "idle_mhz": 345, "reasons": 1, "waited": True}


def test_gpustat(client):
    seen = json.loads(client(ALL, sys.executable, "-m", "gpustat", "--json"))
    assert [gpu["name"] for gpu in seen["gpus"]] == [row[0] for row in MODELS.values()]
    assert [gpu["enforced.power.limit"] for gpu in seen["gpus"]] == [row[2] for row in MODELS.values()]
    for gpu in seen["gpus"]:
        assert gpu["processes"] == [] and gpu["power.draw"] > 10
        assert (gpu["fan.speed"] is None) == (gpu["name"] != "Quadro RTX 6000")


def test_nvitop(client):
    out = client("v100,a40", sys.executable, "-m", "nvitop", "-1", "--colorful", "--ascii")
    assert "V100-PCIE-16GB" in out and "/ 250W" in out and "/ 300W" in out
    assert "No running processes found" in out


def test_zeus_windows_and_limits(client):
    result = client.python("v100,a40", """
from zeus.monitor import ZeusMonitor
from zeus.device import get_gpus
monitor = ZeusMonitor(gpu_indices=[0, 1])
monitor.begin_window("w", sync_execution=False)
before = [vgpu.vgpu_true_energy_j(0), vgpu.vgpu_true_energy_j(1)]
for _ in range(40):
    vgpu.vgpu_work(1, 0.05, 280.0, 0.45, 0.1)
after = [vgpu.vgpu_true_energy_j(0), vgpu.vgpu_true_energy_j(1)]
window = monitor.end_window("w", sync_execution=False)
gpus = get_gpus()
low_high = gpus.get_power_management_limit_constraints(1)
gpus.set_power_management_limit(1, 200000)
set_to = gpus.get_power_management_limit(1)
gpus.reset_power_management_limit(1)
print(json.dumps([[window.gpu_energy[0], window.gpu_energy[1]], [b - a for a, b in zip(before, after)],
                  window.time, list(low_high), set_to, gpus.get_power_management_limit(1)]))
""", timeout=60)
    measured, true, window_s, constraints, set_to, reset_to = result
    assert constraints == [100000, 300000] and set_to == 200000 and reset_to == 300000
    assert window_s >= 2.0
    # A naive window over a counter errs by up to a tick's energy at each end: 20 ms and 100 ms.
    assert abs(measured[0] - true[0]) < 2 * 0.02 * 45 + 1
    assert abs(measured[1] - true[1]) < 0.1 * 1.06 * 280 + 3
    assert true[1] > 2.0 * 0.94 * (0.9 * 280 + 0.1 * 82) * 0.98


def watch_terminal(command, env, wanted, seconds=15):
    """Runs a full-screen program on a terminal of its own until it has shown all of wanted; returns its output."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    shown, end = "", time.monotonic() + seconds
    try:
        while time.monotonic() < end and not all(text in shown for text in wanted):
            if select.select([terminal], [], [], 0.2)[0]:
                shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", os.read(terminal, 65536).decode(errors="replace"))
    except OSError:  # the program ended
        pass
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    return shown


def test_nvtop(client, tmp_path):
    if not shutil.which("nvtop"):
        pytest.skip("nvtop is not installed (Debian: contrib)")
    env = client.environment("v100,rtx6000") | {"TERM": "xterm", "HOME": str(tmp_path)}
    wanted = ["Tesla V100-PCIE-16GB", "Quadro RTX 6000", "/ 250 W", "/ 260 W"]
    shown = watch_terminal(["nvtop", "-p"], env, wanted)
    assert [text for text in wanted if text not in shown] == []


def test_closing_the_library_leaves_nothing(client, tmp_path):
    result = client.python("v100", """
import _ctypes, os
_ctypes.dlclose(vgpu._handle)
for _ in range(20):
    library = ctypes.CDLL("libnvidia-ml.so.1")
    library.vgpu_work.argtypes = [ctypes.c_uint] + [ctypes.c_double] * 4
    assert library.nvmlInit_v2() == 0 and library.vgpu_work(0, 0.001, 100.0, 0.5, 0.5) == 0
    _ctypes.dlclose(library._handle)
if os.fork() == 0:  # the handlers of fork went with the library
    os._exit(0)
os.wait()
print(json.dumps([open("/proc/self/maps").read().count(".machine"),
                  sum(".machine" in os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                      if os.path.exists(f"/proc/self/fd/{fd}"))]))
""")
    assert result == [0, 0]
    assert list((tmp_path / "wattune-vgpu").iterdir()) == []


def test_a_bad_spec_loads_no_driver(client):
    result = client.python("k80", """
import pynvml as n
try:
    n.nvmlInit()
    print("null")
except n.NVMLError_DriverNotLoaded:
    buffer = ctypes.create_string_buffer(256)
    print(json.dumps([vgpu.vgpu_check_spec(b"k80", buffer, 256) < 0, buffer.value.decode()]))
""")
    assert result[0] and "k80" in result[1]
