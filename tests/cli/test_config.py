# SPDX-License-Identifier: Apache-2.0
"""wattune config, and settings that reach the commands."""

import json
import os

import pytest

pytestmark = pytest.mark.sanitized


def values(done):
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    return {row["name"]: (row["value"], row["origin"], row["where"]) for row in document["values"]}


def test_every_place_and_its_rank(wattune):
    wattune.write_config("# mine\neta = 0.2\nphase = data\nproject = p\n")
    found = values(wattune("config", "--json", "--project", "q", env={"WATTUNE_PHASE": "inference"}))
    assert found["eta"] == ("0.2", "file", f"{wattune.config}:2")
    assert found["phase"] == ("inference", "environment", "WATTUNE_PHASE")
    assert found["project"] == ("q", "flag", "--project")
    assert found["baseline"] == ("yes", "default", None)
    assert found["gpus"] == (None, "default", None)
    assert found["ledger"] == (f"{wattune.home}/data/wattune/ledger.db", "default", None)


def test_text_has_every_key(wattune):
    text = wattune("config").stdout
    rows = {line.split()[0]: line for line in text.splitlines()[1:]}
    assert set(rows) == set(values(wattune("config", "--json")))
    assert rows["eta"].split()[1:] == ["0.5", "default"]


def test_errors_name_file_and_line(wattune):
    wattune.write_config("eta = 0.2\nledgre = x\n")
    done = wattune("jobs", code=2)
    assert done.stderr == f'wattune: error: {wattune.config}:2: there is no key "ledgre"; did you mean ledger?\n'
    assert done.stdout == ""
    assert "Usage: wattune jobs" in wattune("jobs", "--help").stdout  # help works all the same
    wattune.write_config("eta = high\n")
    assert f"{wattune.config}:1: eta is a number from 0 to 1" in wattune("config", code=2).stderr
    wattune.config.unlink()
    assert "WATTUNE_ETA is a number" in wattune("jobs", code=2, env={"WATTUNE_ETA": "high"}).stderr
    assert "--eta is a number" in wattune("run", "--eta", "2", "--", "true", code=2).stderr


def test_passwords_are_never_shown(wattune):
    wattune.write_config("ledger = postgresql://ann:geheim@db/energy\n")
    for words in (["config"], ["config", "--json"]):
        done = wattune(*words)
        assert "geheim" not in done.stdout + done.stderr
        assert "postgresql://ann:***@db/energy" in done.stdout
    assert "geheim" not in wattune("jobs", code=6).stderr


def test_settings_reach_the_commands(wattune, tmp_path):
    machine = wattune.machine(["model = a40", "model = v100"])
    ledger = tmp_path / "mine.db"
    wattune.write_config(f"vgpu = {machine}\nledger = {ledger}\nphase = inference\npower_limits = 150, 200\n")
    plan = wattune("run", "--dry-run", "--", "true").stdout
    assert f"phase inference), booked in {ledger}" in plan and "NVIDIA A40" in plan
    assert "power limits 150, 200 W (adaptive)" in plan
    one = wattune("run", "--dry-run", "--gpus", "1", "--phase", "data", "--", "true").stdout
    assert "phase data" in one and "A40" not in one and "GPU 1" in one
    # A flag for the other kind of device goes before the file's virtual GPU.
    assert "/nowhere.so" in wattune("limit", "get", "--nvml", "/nowhere.so", code=3).stderr
    # CUDA_VISIBLE_DEVICES belongs to this command, a list of GPUs in the file to all of them.
    wattune.write_config(f"vgpu = {machine}\ngpus = 0\n")
    get = json.loads(wattune("limit", "get", "--json").stdout)
    assert [d["index"] for d in get["devices"]] == [0]
    get = json.loads(wattune("limit", "get", "--json", env={"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}).stdout)
    assert [d["index"] for d in get["devices"]] == [0]
    get = json.loads(wattune("limit", "get", "--json", env={"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}).stdout)
    assert [d["index"] for d in get["devices"]] == [1]


def test_trade_offs_exclude_each_other(wattune):
    wattune("run", "--eta", "0.1", "--min", "time", "--dry-run", "--", "true", code=2)
    wattune.write_config("eta = 0.1\n")  # a standing eta gives way to the flag
    wattune("run", "--vgpu", "v100", "--min", "time", "--dry-run", "--", "true")


def test_colour(wattune):
    bold = "\x1b[1m"
    assert bold not in wattune("config").stdout
    assert bold in wattune("config", env={"WATTUNE_COLOR": "yes"}).stdout
    assert bold not in wattune("config", "--no-color", env={"WATTUNE_COLOR": "yes"}).stdout


def test_root_for_somebody_else_reads_no_users_file(wattune):
    wattune.write_config("eta = nonsense\n")
    wattune("config", code=2)
    if os.geteuid() != 0:
        pytest.skip("needs root")
    document = json.loads(wattune("config", "--json", env={"SUDO_UID": "65534"}).stdout)
    assert str(wattune.config) not in document["files"]
