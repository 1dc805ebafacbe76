# SPDX-License-Identifier: Apache-2.0
"""wattune doctor on virtual machines with and without faults."""

import json
import os
import subprocess

import pytest

pytestmark = pytest.mark.sanitized


def doctor(wattune, *words, code=0, env=None):
    document = json.loads(wattune("doctor", "--json", *words, code=code, env=env).stdout)
    assert document["schema_version"] == 1
    return {(c["device"] + " " if c["device"] else "") + c["name"]: c for c in document["checks"]}


def test_a_healthy_machine(wattune):
    checks = doctor(wattune, "--vgpu", wattune.machine(["model = v100", "model = a40"]))
    for name in ("devices", "driver", "limit_permission", "configuration", "ledger", "virtual_gpu",
                 "GPU 0 energy_counter", "GPU 1 energy_counter", "GPU 0 counter_against_power"):
        assert checks[name]["status"] == "good", checks[name]
        assert checks[name]["todo"] is None
    # A loaded machine makes us miss ticks, never see more of them.
    assert 0.015 < checks["GPU 0 energy_counter"]["update_period_s"] < 0.09
    assert 0.09 < checks["GPU 1 energy_counter"]["update_period_s"] < 0.25
    assert checks["GPU 0 energy_counter"]["resolution_j"] == pytest.approx(0.001)
    assert checks["GPU 0 power_reading"]["smallest_change_w"] == pytest.approx(0.05)
    assert checks["GPU 0 power_reading"]["sensor_error_fraction"] is None  # nobody has measured a V100's
    assert checks["GPU 0 power_reading"]["averaging_s"] is None  # idle: nothing to tell it from
    assert checks["GPU 0 counter_against_power"]["ratio"] == pytest.approx(1, abs=0.03)
    assert "is not there yet" in checks["ledger"]["detail"]
    assert not (wattune.home / "data" / "wattune").exists()  # looking makes nothing
    assert str(wattune.home / "runtime") in checks["progress_channel"]["detail"]
    assert list((wattune.home / "runtime").glob("wattune-[0-9a-f]*[0-9]*")) == []


def test_a_clock_that_runs_faster(wattune):
    checks = doctor(wattune, "--vgpu", wattune.machine(["model = a40"], "time_scale = 5"))
    assert 0.09 < checks["GPU 0 energy_counter"]["update_period_s"] < 0.25


def test_no_counter(wattune):
    checks = doctor(wattune, "--vgpu", "p100")
    assert checks["GPU 0 energy_counter"]["status"] == "degraded"
    assert "integrated from power" in checks["GPU 0 energy_counter"]["todo"]
    assert checks["GPU 0 power_reading"]["status"] == "good"
    assert "GPU 0 counter_against_power" not in checks


def test_a_frozen_counter(wattune):
    machine = wattune.machine(["model = v100\nfault = energy_frozen@0", "model = a40"])
    lines = wattune("monitor", "--json", "--count", "2", "--interval", "0.2", "--vgpu", machine).stdout.splitlines()
    first, last = (json.loads(line)["devices"][0]["energy_j"] for line in lines)
    if first != last:
        pytest.skip("the virtual GPU of this build has no faults")
    checks = doctor(wattune, "--vgpu", machine)
    assert checks["GPU 0 energy_counter"]["status"] == "degraded"
    assert "did not move" in checks["GPU 0 energy_counter"]["detail"]
    assert checks["GPU 1 energy_counter"]["status"] == "good"


def test_no_device(wattune):
    checks = doctor(wattune, "--nvml", "/nowhere/libnvidia-ml.so.1", code=3)
    assert checks["devices"]["status"] == "missing"
    assert "/nowhere/libnvidia-ml.so.1" in checks["devices"]["detail"]
    wattune("doctor", "--vgpu", "x100", code=2)


def test_a_folder_of_counters(wattune, tmp_path):
    sys = tmp_path / "sys"
    for zone in ("intel-rapl:0", "intel-rapl:0:0"):
        folder = sys / "class" / "powercap" / zone
        folder.mkdir(parents=True)
        (folder / "energy_uj").write_text("1\n")
    checks = doctor(wattune, "--vgpu", "v100", env={"WATTUNE_SYSFS": str(sys)})
    assert (checks["powercap"]["zones"], checks["powercap"]["readable"]) == (2, 2)
    assert checks["powercap"]["status"] == "good"


def test_ledger(wattune, tmp_path):
    ledger = tmp_path / "l.db"
    wattune("run", "--vgpu", "v100", "--ledger", str(ledger), "--observe", "--progress", "none", "--", "true")
    checks = doctor(wattune, "--vgpu", "v100", "--ledger", str(ledger))
    assert checks["ledger"]["status"] == "good"
    assert checks["ledger"]["size_bytes"] >= 4096 and checks["ledger"]["schema"] >= 1
    ledger.write_bytes(b"no ledger" * 1000)
    checks = doctor(wattune, "--vgpu", "v100", "--ledger", str(ledger), code=6)
    assert checks["ledger"]["status"] == "missing"
    checks = doctor(wattune, "--vgpu", "v100", "--ledger", "/proc/nowhere/l.db", code=6)
    assert checks["ledger"]["todo"]


def test_a_wrong_configuration_is_a_line(wattune):
    wattune.write_config("\neta = 7\n")
    checks = doctor(wattune, "--vgpu", "v100", code=1)
    assert checks["configuration"]["status"] == "missing"
    assert f"{wattune.config}:2" in checks["configuration"]["detail"]


def test_a_limit_that_a_killed_run_left(wattune):
    machine = wattune.machine(["model = v100"], f"state = {wattune.home}/vm.state")
    get = lambda: json.loads(wattune("limit", "get", "--json", "--vgpu", machine).stdout)["devices"][0]
    uuid = get()["uuid"]
    journal = "/run/wattune" if os.geteuid() == 0 else f"{wattune.home}/runtime/wattune"
    entry = f"{journal}/{uuid}.limit"
    wattune("limit", "set", "150", "--vgpu", machine)
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    os.makedirs(journal, mode=0o700, exist_ok=True)
    with open(entry, "w") as file:
        file.write(f"wattune-limit 1\nboot {boot}\nuuid {uuid}\nfound_mw 240000\nwritten_mw 150000 0\nholder a killed run\n")
    checks = doctor(wattune, "--vgpu", machine)
    assert checks["leftover_limits"]["settled"] >= 1
    assert not os.path.exists(entry)
    assert get()["power_limit_w"] == 240


def test_text(wattune):
    text = wattune("doctor", "--vgpu", "p100").stdout
    assert "degraded  GPU 0 energy counter: this device has none\n          -> energy is integrated" in text
    assert "good      virtual gpu" in text.lower()


def test_a_pipe_that_is_closed(wattune):
    process = subprocess.Popen([wattune.path, "doctor", "--vgpu", "v100"], env=wattune.env, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    process.stdout.close()
    assert process.wait(30) != 0
