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
    done, tried, _ = wt.train(machine, "--power-limits", "300,200,100", train=("steps=150", "watts=500"))
    power_w = {p["power_limit_w"]: p["power_w"] for p in tried["profile"]}
    assert power_w[100] > 112 and power_w[200] < 215
    note = f"At 100 W the GPU draws {power_w[100]:.0f} W: the limit is below what its lowest clock needs."
    assert [line for line in done.stderr.splitlines() if line.startswith("At ")] == [note]
    shown = wt.run("show", "job").stdout
    assert note in shown and shown.count("above limit") == 1
