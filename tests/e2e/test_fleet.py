# SPDX-License-Identifier: Apache-2.0
"""monitor --book and fleet: the use of watched devices is booked once, and its lines add up to their counters."""

import json
import signal
import sqlite3
import time

import pytest

from conftest import errors, wait_for

pytestmark = pytest.mark.sanitized
LINES = ("runs_energy_j", "idle_energy_j", "unattributed_energy_j")


def fleet(wt, *options):
    done = wt.run("fleet", "--json", *options)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)


def stretches(wt):
    with sqlite3.connect(wt.ledger) as db:
        return db.execute("SELECT uuid, begin_ms, end_ms, in_use, energy_j, energy_error_j FROM stretches JOIN devices USING (device_id)"
                          " ORDER BY uuid, begin_ms").fetchall()


def start_watching(wt, machine):
    """Its first line comes once the counters' first edges are known."""
    watcher = wt.start("monitor", "--vgpu", machine.spec, "--book", "--interval", "3600", "--csv", stderr=open(wt.tmp / "watcher.err", "wb"))
    assert watcher.stdout.readline().startswith("time,")
    assert watcher.stdout.readline()
    return watcher


def adds_up(lines):
    assert lines["runs_energy_j"] - lines["overlap_energy_j"] + lines["idle_energy_j"] + lines["unattributed_energy_j"] \
        == pytest.approx(lines["energy_j"], rel=1e-9)
    assert 0 <= lines["idle_gpu_hours"] and lines["reserved_gpu_hours"] + lines["idle_gpu_hours"] <= lines["watched_gpu_hours"] * 1.000001


def test_nothing_is_lost_and_nothing_counted_twice(wt):
    """Two runs that overlap on one GPU, one by itself on another, somebody who books nothing, and idle times between them."""
    machine = wt.machine("v100", "a40", scale=1)
    machine.hold()
    before = machine.get()
    watcher = start_watching(wt, machine)
    time.sleep(1.2)
    first = wt.start_training(machine, "--observe", "--gpus", "0", train=("steps=30",), job="first")
    third = wt.start_training(machine, "--observe", "--gpus", "1", train=("steps=20", "gpu=1"), job="third")
    time.sleep(1)
    second = wt.start_training(machine, "--observe", "--gpus", "0", train=("steps=25",), job="second")
    for run in (first, second, third):
        assert run.wait(60) == 0
    time.sleep(1.2)
    assert machine.client("train", "steps=12", "gpu=1").wait(60) == 0
    time.sleep(1.2)
    watcher.terminate()
    assert watcher.wait(20) == 0
    after = machine.get()

    watched = fleet(wt)["watched"]
    adds_up(watched)
    assert len(watched["devices"]) == 2
    jobs = {job: wt.tries(job)[0]["energy_j"] for job in ("first", "second", "third")}
    for device in watched["devices"]:
        adds_up(device)
        (true_j,) = [end[2] - begin[2] for begin, end in zip(before, after) if begin[0] == device["uuid"]]
        # The watch began and ended within some tenths of a second of these reads; power is some 40 to 250 W.
        assert device["energy_j"] == pytest.approx(true_j, abs=120)
        assert device["unknown_gpu_hours"] * 3600 < 1.5
    v100, a40 = sorted(watched["devices"], key=lambda d: d["index"])
    # Both runs of the first GPU measured all of it; while both had it, it counts once.
    assert v100["runs_energy_j"] == pytest.approx(jobs["first"] + jobs["second"], rel=1e-6)
    assert v100["overlap_energy_j"] > 0.15 * v100["runs_energy_j"]
    assert abs(v100["unattributed_energy_j"]) < 0.06 * v100["energy_j"]
    assert a40["overlap_energy_j"] == 0 and a40["runs_energy_j"] == pytest.approx(jobs["third"], rel=1e-6)
    # A user who books nothing has the rest, with the activity around it while the GPU was not idle.
    assert a40["unattributed_energy_j"] > 12 * 0.1 * 100
    assert v100["idle_gpu_hours"] * 3600 > 2 and a40["idle_gpu_hours"] * 3600 > 2
    for device in watched["devices"]:
        # On a busy machine the counter was read some time before or after a use began: that is in the stated bounds.
        idle_s = device["idle_gpu_hours"] * 3600
        bounds_j = sum(error_j for uuid, _, _, in_use, _, error_j in stretches(wt) if uuid == device["uuid"] and in_use == 0)
        assert device["idle_energy_j"] == pytest.approx((40 if device is v100 else 30) * idle_s, abs=12 * idle_s + bounds_j)
        assert device["idle_energy_j"] < 0.5 * device["energy_j"]
        assert device["idle_embodied_g"] == pytest.approx(device["embodied_g"] * device["idle_gpu_hours"] / device["watched_gpu_hours"], rel=0.01)


def test_hours_and_what_a_kill_leaves(wt):
    """Three hours in some seconds: stretches end at hours and join; bookings outlive a kill -9."""
    machine = wt.machine("v100", "p100", scale=1000)
    machine.hold()
    watcher = start_watching(wt, machine)
    before = {uuid: energy for uuid, _, energy in machine.get()}
    wait_for(lambda: wt.ledger.exists() and len(stretches(wt)) >= 8, 30, "some hours to be booked")
    watcher.kill()
    watcher.wait()
    after = {uuid: energy for uuid, _, energy in machine.get()}
    rows = stretches(wt)
    assert {row[0] for row in rows} == set(before)
    for one, other in zip(rows, rows[1:]):
        if one[0] == other[0]:
            assert one[2] == other[1]
    for uuid, begin_ms, end_ms, in_use, energy_j, error_j in rows:
        assert begin_ms < end_ms and begin_ms // 3600000 == (end_ms - 1) // 3600000 and in_use == 0
    known = [row for row in rows if row[4] is not None]
    whole = [row for row in known if row[2] - row[1] == 3600000]
    assert len(whole) >= 2
    for uuid, begin_ms, end_ms, _, energy_j, error_j in whole:
        assert energy_j / 3600 == pytest.approx({"Tesla": 34}.get("Tesla"), abs=8) and 0 < error_j < 0.02 * energy_j
    for uuid in before:
        booked = sum(row[4] for row in known if row[0] == uuid)
        assert 0 < booked < (after[uuid] - before[uuid]) * 1.2 + 300000
    # A second watcher goes on where nobody is at it any more.
    lines = fleet(wt)["watched"]
    adds_up(lines)
    assert lines["idle_energy_j"] == pytest.approx(lines["energy_j"], rel=1e-9) and lines["runs_energy_j"] == 0


def test_one_books_a_gpu(wt):
    machine = wt.machine("v100", scale=100)
    machine.hold()
    first = start_watching(wt, machine)
    wait_for(lambda: wt.ledger.exists() and stretches(wt), 30, "the first stretch")
    second = wt.run("monitor", "--vgpu", machine.spec, "--book", "--count", "2", "--interval", "1000", timeout=60)
    assert second.returncode == 1 and "booked" in errors(second)[0] and "another monitor" in errors(second)[0]
    first.send_signal(signal.SIGINT)
    assert first.wait(20) == 0
    rows = stretches(wt)
    for one, other in zip(rows, rows[1:]):
        assert one[2] <= other[1]


@pytest.mark.plain  # a preloaded library and a sanitizer do not agree
def test_a_clock_that_is_set(wt):
    """Forward by two hours and back again: no moment is booked twice, and no joule is lost."""
    machine = wt.machine("v100", scale=1)
    machine.hold()
    clock = wt.tmp / "clock"
    clock.write_text("0\n")
    began = time.time()
    before = machine.get()[0][2]
    watcher = wt.start("monitor", "--vgpu", machine.spec, "--book", "--interval", "3600", "--csv", stderr=open(wt.tmp / "watcher.err", "wb"),
                       env={"LD_PRELOAD": str(wt.build / "tests" / "e2e" / "libset-clock.so"), "SET_CLOCK": str(clock)})
    assert watcher.stdout.readline() and watcher.stdout.readline()
    time.sleep(4)
    clock.write_text("7200\n")
    time.sleep(4)
    clock.write_text("0\n")
    time.sleep(4)
    watcher.terminate()
    assert watcher.wait(20) == 0
    after = machine.get()[0][2]
    words = (wt.tmp / "watcher.err").read_text()
    assert "set forward by 7200 s" in words and "set back by 7200 s" in words
    rows = stretches(wt)
    for one, other in zip(rows, rows[1:]):
        assert one[2] <= other[1]
    for _, begin_ms, end_ms, _, _, _ in rows:
        assert begin_ms <= end_ms and begin_ms // 3600000 == max(begin_ms, end_ms - 1) // 3600000
    gaps = [other[1] - one[2] for one, other in zip(rows, rows[1:])]
    assert max(gaps) == pytest.approx(7200000, abs=3000)  # nobody watched the hours that were left out
    assert rows[0][1] / 1000 == pytest.approx(began, abs=5) and rows[-1][2] / 1000 < began + 7200 + 30
    assert sum(row[4] for row in rows if row[4]) == pytest.approx(after - before, abs=60)
    adds_up(fleet(wt)["watched"])


def test_zones_change_nothing(wt):
    """Hours and days are UTC's, wherever one looks from and whatever summer time does there."""
    assert wt.run("simulate", "--fleet", "--days", "3", "--gpus", "4", "--start", "2026-03-28", "--ledger", str(wt.ledger)).returncode == 0
    for command in (("fleet", "--json", "--from", "2026-03-29", "--to", "2026-03-30T03:00:00Z"), ("report", "--by", "day", "--json")):
        pages = {wt.run(*command, env={"TZ": zone}).stdout for zone in ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "nonsense")}
        assert len(pages) == 1 and "2026-03-29" in pages.pop()


def test_a_ledger_that_cannot_be_written(wt):
    machine = wt.machine("v100", scale=1)
    done = wt.run("monitor", "--vgpu", machine.spec, "--book", "--count", "1", "--ledger", "/proc/nowhere/ledger.db")
    assert done.returncode == 6 and len(errors(done)) == 1
    done = wt.run("monitor", "--replay", str(machine.path), "--book", "--count", "1")
    assert done.returncode == 2 and "devices" in errors(done)[0] or done.returncode == 2


def test_what_if_is_arithmetic(wt):
    machine = wt.machine("v100", scale=20)
    done, _, _ = wt.train(machine, "--search", "sweep", "--location", "POL", train=("steps=900",))
    assert done.returncode == 0, done.stderr
    now = fleet(wt)
    used = now["now"]
    assert used["operational_location_g"] == pytest.approx(used["facility_energy_j"] / 3.6e6 * 662, rel=1e-6)
    then = fleet(wt, "--what-if", "intensity=30,pue=1.5,utilisation=0.9,lifetime=8")["what_if"]["then"]
    assert then["energy_j"] == used["energy_j"]
    assert then["facility_energy_j"] == pytest.approx(used["energy_j"] * 1.5, rel=1e-9)
    assert then["operational_location_g"] == pytest.approx(used["energy_j"] * 1.5 / 3.6e6 * 30, rel=1e-9)
    assert then["embodied_g"] == pytest.approx(used["embodied_g"] / 2, rel=1e-9)
    assert then["embodied_useful_g"] == pytest.approx(used["embodied_useful_g"] / 4, rel=1e-9)
    # Another eta: the job at another limit of its profile, by the cost of a step there.
    profile = {p["power_limit_w"]: p for p in wt.tries()[0]["profile"]}
    (job,) = now["potential"]["jobs"]
    least = min(profile.values(), key=lambda p: p["energy_per_step_j"])
    running = profile[job["power_limit_w"]]
    assert job["least_energy_power_limit_w"] == least["power_limit_w"]
    fraction = least["energy_per_step_j"] / running["energy_per_step_j"]
    assert job["least_energy_fraction"] == pytest.approx(fraction, rel=1e-9)
    slow = fleet(wt, "--what-if", "eta=1")["what_if"]["then"]
    gpu_j = now["runs"]["energy_j"]["gpu"]
    assert slow["energy_j"] == pytest.approx(used["energy_j"] + gpu_j * (fraction - 1), rel=1e-9)
    text = wt.run("fleet", "--what-if", "eta=1").stdout
    assert "Other assumptions" in text and "Nobody watched" in text and "job" in text


@pytest.mark.parametrize("wrong", ["", "carbon=1", "pue", "pue=0.5", "pue=nan", "eta=2", "intensity=-1", "lifetime=0", "utilisation=0",
                                   "pue=1.1,pue=1.2", "intensity=1e9"])
def test_what_if_is_checked(wt, wrong):
    done = wt.run("fleet", "--what-if", wrong)
    assert done.returncode == 2 and len(errors(done)) == 1 and "--what-if" in errors(done)[0]


def test_an_empty_ledger(wt):
    assert "no runs" in wt.run("fleet").stdout
    document = fleet(wt)
    assert document["now"]["energy_j"] is None and document["phases"] == [] and document["watched"]["energy_j"] is None
    assert document["watched"]["watched_gpu_hours"] == 0 and document["potential"]["energy_j"] is None
