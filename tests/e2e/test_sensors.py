# SPDX-License-Identifier: Apache-2.0
"""Sensors that fail their reader: readings that stand still where power is all that there is to measure."""

import json

import pytest


def stuck(wt, at_s):
    return wt.machine("p100", gpu0={"fault": f"power_stuck@{at_s}"})


def test_readings_that_stand_still_are_no_energy(wt):
    machine = stuck(wt, 3)
    done = wt.run("measure", "--json", "--vgpu", machine.spec, "--", wt.client, "train", "steps=120")
    measured = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0
    assert measured["energy_j"] is None and measured["devices"][0]["energy_error_j"] is None
    assert done.stderr.count("the power readings of GPU 0 stand still") == 1


def test_a_run_ends_its_tuning_then(wt):
    machine = stuck(wt, 12)
    done, tried, _ = wt.train(machine, "--power-limits", "250,200,150", train=("steps=400",))
    assert done.returncode == 0 and tried["energy_j"] is None
    assert tried["note"] == "the power readings of GPU 0 stand still"
    assert machine.limits() == [250]


@pytest.mark.parametrize("at_s", [0, 2.5])
def test_too_late_to_be_sure_the_bound_holds_all(wt, at_s):
    """Readings at rest for a second or two may be chance: then the truth is within the bound, whatever was drawn."""
    machine = stuck(wt, at_s)
    machine.hold()
    log = wt.tmp / "log"
    done = wt.run("measure", "--json", "--vgpu", machine.spec, "--", wt.client, "train", "steps=10", f"log={log}")
    device = json.loads(done.stdout.splitlines()[-1])["devices"][0]
    if device["energy_j"] is None:  # a busy host: it was longer than we meant
        return
    lines = [line.split() for line in log.read_text().splitlines()]
    true_j = float(lines[-1][2]) - float(lines[0][2])
    assert device["energy_j"] + device["energy_error_j"] >= true_j


def test_a_limit_below_the_clock_floor_is_seen_for_what_it_is(wt):
    """An A40's lowest clock needs more than 100 W under a load of 500 W: the driver takes the limit, the card does not keep it."""
    machine = wt.machine("a40")
    done, tried, _ = wt.train(machine, "--search", "sweep", "--power-limits", "300,200,100", train=("steps=400", "watts=500"))
    power_w = {p["power_limit_w"]: p["power_w"] for p in tried["profile"]}
    assert power_w[100] > 112 and power_w[200] < 215
    note = f"At 100 W the GPU draws {power_w[100]:.0f} W: the limit is below the power of its lowest clock."
    assert [line for line in done.stderr.splitlines() if line.startswith("At ")] == [note]
    shown = wt.run("show", "job").stdout
    assert note in shown and shown.count("above limit") == 1


# --- monitor --precise --------------------------------------------------------------------------------------------------

INTERVAL = ["interval_s", "interval_energy_j", "interval_energy_error_j", "interval_power_w", "interval_source"]


def test_precise_lines_say_what_was_used_between_them(wt):
    """The counter's own difference over a second is off by a tick; the tracked one, and its bound, are far below."""
    machine = wt.machine("v100", "p100", scale=5)
    training = wt.popen([wt.client, "train", "steps=1000", "step_s=10", "host=0"], env=wt.env | {"WATTUNE_VGPU": machine.spec})
    done = wt.run("monitor", "--vgpu", machine.spec, "--precise", "--json", "--interval", "1", "--count", "8")
    training.kill()
    lines = [json.loads(line)["devices"] for line in done.stdout.splitlines()]
    assert [[d[k] for k in INTERVAL] for d in lines[0]] == [[None] * 5] * 2
    assert [d["interval_source"] for d in lines[-1]] == ["counter", "integrated"]
    for line in lines[-2:]:
        for device in line:
            assert device["interval_power_w"] == pytest.approx(device["interval_energy_j"] / device["interval_s"], rel=1e-6)
            assert 0.8 < device["interval_s"]
            assert 0 < device["interval_energy_error_j"] < device["interval_energy_j"]
            by_w = device["interval_energy_error_j"] / device["interval_s"] + 0.01 * device["power_w"]  # its noise is 0.2 %
            assert abs(device["interval_power_w"] - device["power_w"]) <= by_w  # at a steady load
        assert line[0]["power_w"] > 200 and line[1]["energy_j"] is None


def test_precise_as_csv_and_as_lines(wt):
    machine = wt.machine("v100", scale=5)
    plain = wt.run("monitor", "--vgpu", machine.spec, "--csv", "--count", "1").stdout.splitlines()
    rows = wt.run("monitor", "--vgpu", machine.spec, "--csv", "--precise", "--count", "3", "--interval", "0.5").stdout.splitlines()
    assert rows[0].split(",") == plain[0].split(",") + INTERVAL
    assert rows[1].endswith(",,,,,") and rows[-1].endswith(",counter")
    words = wt.run("monitor", "--vgpu", machine.spec, "--precise", "--count", "2", "--interval", "0.5").stdout.splitlines()
    assert "MEAN POWER" in words[0] and "unknown" in words[1] and "unknown" not in words[2]
    recording = wt.tmp / "precise.csv"
    recording.write_text("\n".join(rows) + "\n")
    assert wt.run("monitor", "--replay", recording, "--csv").stdout.splitlines()[0] == plain[0]
    refused = wt.run("monitor", "--replay", recording, "--precise")
    assert refused.returncode == 2 and "--precise needs devices" in refused.stderr


def test_precise_leaves_unknown_what_a_stopped_counter_hides(wt):
    machine = wt.machine("v100", gpu0={"fault": "energy_frozen@6"})
    done = wt.run("monitor", "--vgpu", machine.spec, "--precise", "--json", "--interval", "2", "--count", "10")
    used = [json.loads(line)["devices"][0]["interval_energy_j"] for line in done.stdout.splitlines()]
    assert used[2] is not None and used[-1] is None and "has stopped" in done.stderr
