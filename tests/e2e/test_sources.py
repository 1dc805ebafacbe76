# SPDX-License-Identifier: Apache-2.0
"""Sources beside NVIDIA's GPUs, from trees that look like /sys; recordings made and read."""

import csv
import json
import os
import subprocess
import threading
import time

import pytest

RANGE_UJ = 262143328850


class Sysfs:
    """Processors whose counters run: {zone: (name, W)}.  The first wraps while it is measured."""

    def __init__(self, root, zones):
        self.root, self.zones, self.ended = root, zones, False
        self.begun = time.monotonic()
        for zone, (name, _) in zones.items():
            folder = root / "class" / "powercap" / zone
            folder.mkdir(parents=True)
            (folder / "name").write_text(name + "\n")
            (folder / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
        self.step()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def step(self):
        for zone, (_, watts) in self.zones.items():
            path = self.root / "class" / "powercap" / zone / "energy_uj"
            energy_uj = (RANGE_UJ - 10_000_000 + int(watts * 1e6 * (time.monotonic() - self.begun))) % (RANGE_UJ + 1)
            fresh = path.with_suffix(".new")
            fresh.write_text(f"{energy_uj}\n")
            fresh.rename(path)

    def run(self):
        while not self.ended:
            self.step()
            time.sleep(0.002)

    def end(self):
        self.ended = True
        self.thread.join()


@pytest.fixture
def sysfs(tmp_path):
    root = tmp_path / "sys"
    tree = Sysfs(root, {"intel-rapl:0": ("package-0", 60), "intel-rapl:0:0": ("core", 40), "intel-rapl:0:1": ("dram", 8),
                        "intel-rapl:1": ("package-1", 50), "intel-rapl:2": ("psys", 200),
                        "intel-rapl-mmio:0": ("package-0", 60)})
    tree.env = {"WATTUNE_SYSFS": str(root)}
    yield tree
    tree.end()


def measured(done):
    return json.loads(done.stdout.splitlines()[-1])


def test_processors_without_a_gpu(wt, sysfs):
    done = wt.run("measure", "--json", "--", "sleep", "1", env=sysfs.env | {"LD_LIBRARY_PATH": ""})
    if wt.run("limit", "get", env={"LD_LIBRARY_PATH": ""}).returncode == 0:
        pytest.skip("this machine has GPUs of its own")
    document = measured(done)
    devices = document["devices"]
    assert [(d["kind"], d["index"], d["uuid"], d["source"]) for d in devices] == [
        ("cpu", 0, "cpu-package-0", "counter"), ("dram", 0, "dram-package-0", "counter"),
        ("cpu", 1, "cpu-package-1", "counter")]
    for device, watts in zip(devices, (60, 8, 50)):     # the first wrapped in the middle
        assert device["average_power_w"] == pytest.approx(watts, rel=0.05)
    assert document["energy_j"] == pytest.approx(118 * document["time_s"], rel=0.05)
    assert done.stderr == ""


def test_monitor_and_limit_without_a_gpu(wt, sysfs):
    env = sysfs.env | {"LD_LIBRARY_PATH": ""}
    for command in (("monitor",), ("limit", "get"), ("limit", "set", "100")):
        done = wt.run(*command, env=env)
        if done.returncode == 0:
            pytest.skip("this machine has GPUs of its own")
        assert done.returncode == 3 and "there is no GPU" in done.stderr and done.stdout == ""


def test_run_books_processors_and_memory(wt, sysfs):
    machine = wt.machine(scale=1)
    file = wt.tmp / "o.json"
    done = wt.run("run", "--vgpu", machine.spec, "--observe", "--job", "j", f"--json={file}", "--", "sleep", "1", env=sysfs.env)
    tried = json.loads(file.read_text())["recurrences"][0]["tries"][0]
    assert done.returncode == 0
    assert tried["cpu_energy_j"] == pytest.approx(110 * tried["time_s"], rel=0.05)
    assert tried["dram_energy_j"] == pytest.approx(8 * tried["time_s"], rel=0.1)
    assert 30 < tried["energy_j"] < 60                  # GPU energy alone


def test_a_budget_of_processors_and_memory(wt, sysfs):
    """All that is measured counts, and counters without edges are read often enough to see it: 118 W reach 300 J in 2.5 s."""
    if wt.run("limit", "get", env={"LD_LIBRARY_PATH": ""}).returncode == 0:
        pytest.skip("this machine has GPUs of its own")
    file = wt.tmp / "run.json"
    done = wt.run("run", "--budget", "300J", f"--json={file}", "--", "sleep", "30", env=sysfs.env | {"LD_LIBRARY_PATH": ""})
    assert done.returncode == 8 and "cannot be watched" not in done.stderr
    (tried,) = json.loads(file.read_text())["recurrences"][0]["tries"]
    assert 299 <= tried["cpu_energy_j"] + tried["dram_energy_j"] < 550 and tried["cpu_energy_j"] < 500
    assert tried["early_stopped"] is True and tried["energy_j"] is None


def test_virtual_gpus_have_no_host_of_their_own(wt):
    done = wt.run("measure", "--json", "--vgpu", wt.plain(), "--", "true")
    assert [d["kind"] for d in measured(done)["devices"]] == ["gpu"]


def test_closed_files_are_said_once(wt, sysfs):
    sysfs.end()
    for zone in sysfs.zones:
        os.chmod(sysfs.root / "class" / "powercap" / zone / "energy_uj", 0)
    command = [wt.binary, "measure", "--json", "--vgpu", wt.plain(), "--", "true"]
    if os.geteuid() == 0:
        for folder in (wt.tmp, *wt.tmp.parents):        # the way to the tree is open for nobody, who measures here
            if folder.stat().st_uid == 0 and folder != folder.parent:
                os.chmod(folder, folder.stat().st_mode | 0o055)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=wt.env | sysfs.env | {"HOME": "/"})
    document = measured(done)
    assert [d["kind"] for d in document["devices"]] == ["gpu", "cpu", "dram", "cpu"]
    assert [d["energy_j"] is None for d in document["devices"]] == [False, True, True, True]
    assert document["energy_j"] is None
    assert done.stderr.count("SUBSYSTEM==\"powercap\"") == 1 and len(done.stderr.splitlines()) == 1


def test_cards_without_nvml(wt, tmp_path):
    chip, card = tmp_path / "sys" / "class" / "hwmon" / "hwmon3", tmp_path / "sys" / "devices" / "0000:03:00.0"
    chip.mkdir(parents=True), card.mkdir(parents=True)
    (chip / "device").symlink_to("../../../devices/0000:03:00.0")
    for name, text in (("name", "amdgpu"), ("power1_average", "150000000"), ("power1_cap", "300000000"),
                       ("power1_cap_min", "100000000"), ("power1_cap_max", "300000000")):
        (chip / name).write_text(text + "\n")
    env = {"WATTUNE_SYSFS": str(tmp_path / "sys"), "LD_LIBRARY_PATH": ""}
    done = wt.run("measure", "--json", "--", "sleep", "0.5", env=env)
    device = measured(done)["devices"][0]
    if device["uuid"] != "GPU-amdgpu-0000:03:00.0":
        pytest.skip("this machine has GPUs of its own")
    assert (device["kind"], device["index"], device["source"]) == ("gpu", 0, "integrated")
    assert device["average_power_w"] == pytest.approx(150, rel=0.001)
    done = wt.run("run", "--job", "amd", "--", "sleep", "0.2", env=env)
    assert done.returncode == 0 and "not tuned: power limits of these GPUs cannot be set" in done.stderr
    done = wt.run("measure", "--json", "--gpus", "GPU-amd", "--", "true", env=env)
    assert done.returncode == 0 and len(measured(done)["devices"]) == 1


@pytest.mark.parametrize("model", ["v100", "p100"])
def test_record_and_replay(wt, model):
    """A recording of a GPU at work gives the same measurement again."""
    machine = wt.machine(model, scale=1, name="recorded")
    file = wt.tmp / "recording.csv"
    recorder = wt.start("monitor", "--vgpu", machine.spec, "--record", file, "--interval", "0.02", "--count", "130")
    time.sleep(0.3)
    machine.client("work", "1.5").wait(10)
    assert recorder.wait(10) == 0
    rows = list(csv.DictReader(file.open()))
    assert len(rows) == 130
    t = [int(r["t_ns"]) for r in rows]
    assert t == sorted(t)
    if model == "v100":
        recorded_j = float([r for r in rows if int(r["t_ns"]) <= t[0] + 2e9][-1]["energy_j"]) - float(rows[0]["energy_j"])
    else:
        assert all(r["energy_j"] == "" for r in rows)
        recorded_j = sum(float(a["power_w"]) * (tb - ta) / 1e9 for a, ta, tb in zip(rows, t, t[1:]) if tb <= t[0] + 2e9)
    done = wt.run("measure", "--json", "--replay", file, "--", "sleep", "2")
    device = measured(done)["devices"][0]
    assert device["source"] == "replayed" and device["uuid"] == rows[0]["uuid"]
    assert recorded_j > 150 and device["energy_error_j"] < 0.1 * recorded_j
    assert device["energy_j"] == pytest.approx(recorded_j, abs=device["energy_error_j"])


def test_record_says_what_it_cannot_write(wt):
    done = wt.run("monitor", "--vgpu", wt.plain(), "--record", "/nonexistent/file")
    assert done.returncode == 1 and done.stdout == "" and "/nonexistent/file" in done.stderr
    done = wt.run("monitor", "--vgpu", wt.plain(), "--record", "/dev/full")
    assert done.returncode == 1 and "/dev/full: No space left" in done.stderr


def test_a_recording_that_was_cut_off(wt):
    """Each reading is written whole: a kill leaves a valid recording."""
    machine = wt.machine("v100", "v100", scale=1)
    file = wt.tmp / "recording.csv"
    recorder = wt.start("monitor", "--vgpu", machine.spec, "--record", file, "--interval", "0.01", stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    recorder.kill()
    recorder.wait()
    assert file.read_text().endswith("\n")
    done = wt.run("measure", "--json", "--replay", file, "--", "sleep", "0.1")
    assert done.returncode == 0 and all(d["energy_j"] > 0 for d in measured(done)["devices"])
