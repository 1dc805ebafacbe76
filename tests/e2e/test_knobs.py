# SPDX-License-Identifier: Apache-2.0
"""What a killed program owes on both knobs of a GPU comes back with the next command: the journal's entry is as the guard
writes it, and the lock is set as an outsider of ours would, through NVML itself."""

import os
import pathlib
import subprocess
import sys

from conftest import JOURNAL

BOOT = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
# Run by another Python, whose environment names the machine: locks the SM clock of GPU 0, then prints the highest of 400 readings.
CLOCKS = """
import ctypes, sys, time
nvml = ctypes.CDLL("libnvidia-ml.so.1")
device, mhz, most = ctypes.c_void_p(), ctypes.c_uint(), 0
assert nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)) == 0
if sys.argv[1] != "read":
    sys.exit(nvml.nvmlDeviceSetGpuLockedClocks(device, 135, int(sys.argv[1])))
for _ in range(400):
    assert nvml.nvmlDeviceGetClockInfo(device, 1, ctypes.byref(mhz)) == 0
    most = max(most, mhz.value)
    time.sleep(0.001)
print(most)
"""


def clocks(wt, machine, word):
    process = wt.popen([sys.executable, "-c", CLOCKS, word], env=wt.env | {"WATTUNE_VGPU": machine.spec},
                       stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    return int(out) if out else None


def test_both_knobs_of_a_killed_run_come_back(wt):
    machine = wt.machine()
    machine.hold()
    machine.set(150)
    clocks(wt, machine, "900")
    uuid = machine.uuids()[0]
    folder = JOURNAL if os.geteuid() == 0 else pathlib.Path(wt.env["XDG_RUNTIME_DIR"]) / "wattune"
    folder.mkdir(mode=0o700, exist_ok=True)
    entry = folder / f"{uuid}.setting"
    entry.write_text(f"wattune-setting 2\nboot {BOOT}\nuuid {uuid}\npower_limit_mw found 250000 from 0 written 150000 0\n"
                     "sm_clock_max_mhz found 0 from 0 written 900 0\nholder wattune run (pid 1)\n")
    load = machine.client("train", "steps=100000", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert clocks(wt, machine, "read") <= 900 and machine.limits() == [150]
    done = wt.run("limit", "get", "--vgpu", machine.spec)
    assert done.returncode == 0
    assert "a killed run left its power limit on GPU 0: it is back at what was found" in done.stderr
    assert "a killed run left its clock lock on GPU 0: it is back at what was found" in done.stderr
    assert clocks(wt, machine, "read") > 1000 and machine.limits() == [250]
    assert not entry.exists() and load.poll() is None


def test_an_entry_of_a_newer_program_is_left_alone(wt):
    machine = wt.machine()
    machine.hold()
    uuid = machine.uuids()[0]
    folder = JOURNAL if os.geteuid() == 0 else pathlib.Path(wt.env["XDG_RUNTIME_DIR"]) / "wattune"
    folder.mkdir(mode=0o700, exist_ok=True)
    entry = folder / f"{uuid}.setting"
    entry.write_text("wattune-setting 3\nsomething else\n")
    try:
        done, tried, _ = wt.train(machine, train=("steps=40",))
        assert done.returncode == 0 and "newer wattune" in done.stderr and tried["steps"] == 40
        assert machine.limits() == [250] and entry.exists()
    finally:
        entry.unlink()
