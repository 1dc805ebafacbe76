# SPDX-License-Identifier: Apache-2.0
"""wattune run from the first step to the ledger."""

import json
import re
import signal
import statistics
import subprocess
import sys
import time

import pytest

from conftest import alive, children, cost, errors, read_log, wait_for

pytestmark = pytest.mark.sanitized

V100 = [250, 225, 200, 175, 150, 125, 100]
SWEEP = "--search", "sweep"  # where a test counts every limit


def limits_of(tried):
    return [point["power_limit_w"] for point in tried["profile"]]


def at(tried, watts):
    return next(p for p in tried["profile"] if p["power_limit_w"] == watts)


def best(tried, eta, max_power_w=250):
    """The limit of least cost, from the profile as it was reported: ties keep the higher limit."""
    return min(tried["profile"], key=lambda p: (cost(p, eta, max_power_w), -p["power_limit_w"]))["power_limit_w"]


def not_tuned(done):
    return [l for l in done.stderr.splitlines() if "not tuned" in l]


# --- The whole way ----------------------------------------------------------------------------------------------------


def test_full_sweep(wt):
    machine = wt.machine()
    watcher = machine.watch()
    log = wt.tmp / "log"
    done, tried, document = wt.train(machine, *SWEEP, train=("steps=600", "epoch=150", f"log={log}"))
    assert done.returncode == 0 and done.stdout == ""
    watcher.kill()

    # every limit of the grid, the highest first, and no other
    assert limits_of(tried) == V100
    assert all(p["steps"] >= 5 and not p["throttled"] for p in tried["profile"])
    assert all(p["power_w"] == pytest.approx(p["energy_per_step_j"] / p["time_per_step_s"]) for p in tried["profile"])

    # the choice
    chosen = tried["power_limit_w"]
    assert chosen == best(tried, 0.5)
    assert cost(at(tried, chosen), 0.5, 250) < cost(at(tried, 250), 0.5, 250)

    # the limits set, seen from outside: starts and ends at 250, every limit in between, long at the chosen one
    changes = machine.changes()
    assert changes[0][1] == changes[-1][1] == 250 and changes[-2][1] == chosen
    assert {w for _, w in changes} == set(V100)
    # baseline slices at the limit found: first, in the middle, last; and the end
    assert [w for _, w in changes].count(250) >= 4
    assert machine.limits() == [250] and not machine.journal() and not wt.leftovers()

    # against the truth: of every limit's steps in the log, those in a row at one limit
    steps = read_log(log)
    scatter = 0
    for watts in (250, chosen, 100):
        runs = [(b[1] - a[1], b[2] - a[2]) for a, b in zip(steps, steps[1:]) if a[3] == b[3] == watts and b[0] == a[0] + 1]
        for what, of in (("time_per_step_s", [t for t, _ in runs]), ("energy_per_step_j", [e for _, e in runs])):
            middle = statistics.median(of)
            scatter = max(scatter, statistics.stdev(of) / middle)
            # steps that a busy host made longer are in the mean, and may all have come in this limit's slice
            assert at(tried, watts)[what] == pytest.approx(middle, abs=0.06 * middle + 2 * abs(statistics.mean(of) - middle))

    # savings: from the profile, from the truth
    savings = tried["savings"]
    assert savings["baseline_power_limit_w"] == 250
    for what, per_step in (("energy", "energy_per_step_j"), ("time", "time_per_step_s")):
        by_profile = at(tried, chosen)[per_step] / at(tried, 250)[per_step]
        # a host that is busy for a moment makes steps differ, and the error says so
        assert savings[f"{what}_fraction"] == pytest.approx(by_profile, abs=0.04 * by_profile + savings[f"{what}_fraction_error"])
    # not idle: few slices leave a multiple of the steps' own scatter open, which is next to nothing on a quiet host
    assert 0 < savings["energy_fraction_error"] < 0.5 + 6 * scatter and 0 <= savings["time_fraction_error"] < 0.5 + 6 * scatter

    # energy of the whole run: the program's own, and idle power before and after it
    outside_s = tried["time_s"] - (steps[-1][1] - steps[0][1])
    assert 0 <= outside_s < 5
    true_j = steps[-1][2] - steps[0][2]
    assert abs(tried["energy_j"] - true_j - 40 * outside_s) <= tried["energy_error_j"] + 40 * outside_s
    assert tried["energy_error_j"] < 0.01 * tried["energy_j"]

    # the document
    assert document["schema_version"] == 1 and document["job"] == "job" and document["phase"] == "training"
    assert document["gpus"] == [{"index": 0, "uuid": machine.uuids()[0], "name": "Tesla V100-PCIE-16GB"}]
    recurrence = document["recurrences"][0]
    assert recurrence["recurrence"] == 1 and recurrence["reached"] is None
    assert recurrence["cost_j"] == pytest.approx(0.5 * tried["energy_j"] + 0.5 * 250 * tried["time_s"])
    assert {"trial", "batch_size", "power_limit_w", "started", "time_s", "energy_j", "energy_error_j",
            "sensor_error_fraction", "cpu_energy_j", "dram_energy_j", "steps", "epochs", "metric", "reached",
            "early_stopped", "exit_code", "source", "profile", "savings", "carbon"} <= set(tried)
    assert set(tried["carbon"]) >= {"operational_g", "embodied_g", "intensity_g_per_kwh", "intensity_source", "pue"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", tried["started"])
    assert tried["source"] == "counter" and tried["exit_code"] == 0 and tried["early_stopped"] is False
    assert tried["steps"] == 600 and tried["epochs"] == 4 and tried["metric"] == 1.0
    assert tried["cpu_energy_j"] is None and tried["batch_size"] is None and tried["reached"] is None

    # booked: show tells the same, jobs lists it
    assert wt.tries() == [tried]
    jobs = json.loads(wt.run("jobs", "--json").stdout)
    assert [j["job"] for j in jobs["jobs"]] == ["job"]


def test_main_job(wt):
    """The main job itself, at the pace of its own machine."""
    machine = wt.machine(scale=10)
    file = wt.tmp / "out.json"
    done = wt.run("run", "--vgpu", machine.spec, "--job", "mlp", *SWEEP, f"--json={file}", "--", wt.mlp, "--epochs", "40")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("done: accuracy")
    tried = json.loads(file.read_text())["recurrences"][0]["tries"][0]
    assert limits_of(tried) == V100 and tried["power_limit_w"] == best(tried, 0.5)
    assert tried["epochs"] == 40 and tried["steps"] == 4000 and tried["metric"] > 0.9
    assert tried["savings"]["energy_fraction"] < 1
    assert re.search("Saved|less energy", done.stderr) and machine.limits() == [250]


def settled(tried):
    return at(tried, tried["power_limit_w"])


@pytest.mark.plain
@pytest.mark.parametrize("model,max_power_w,watts,most,steps", [("v100", 250, 240, 5, (500, 700)), ("h100", 700, 672, 9, (1100, 900))])
def test_adaptive_measures_few_limits(wt, model, max_power_w, watts, most, steps):
    """The default search: fewer limits than the sweep, and a choice that by the sweep's own numbers costs little more."""
    train = [(f"steps={n}", f"watts={watts}") for n in steps]
    _, sweep, _ = wt.train(wt.machine(model, name="swept"), *SWEEP, train=train[0], job="swept")
    machine = wt.machine(model, name="adaptive")
    machine.watch()
    done, tried, _ = wt.train(machine, train=train[1], job="adaptive")
    grid = limits_of(sweep)
    assert len(grid) == (max_power_w - grid[-1]) / 25 + 1
    assert 2 <= len(tried["profile"]) <= most < len(grid)
    assert set(limits_of(tried)) < set(grid) and limits_of(tried)[0] == max_power_w
    # chosen among the measured limits, as for any search
    chosen = tried["power_limit_w"]
    assert chosen == best(tried, 0.5, max_power_w)
    assert cost(at(sweep, chosen), 0.5, max_power_w) <= 1.03 * cost(settled(sweep), 0.5, max_power_w)
    # every limit that was set was measured, and three baseline slices prove the saving
    changes = [w for _, w in machine.changes()]
    assert set(changes) == set(limits_of(tried)) and changes[-2:] == [chosen, max_power_w]
    assert changes.count(max_power_w) >= 4
    assert 0 < tried["savings"]["energy_fraction_error"] < 0.2
    assert f"profiled {len(tried['profile'])} limits" in done.stderr


@pytest.mark.plain
def test_adaptive_goes_on_from_a_profile(wt):
    """Another trade-off measures the limits that it lacks and none again; the same one measures nothing but the baseline."""
    machine = wt.machine()
    _, first, _ = wt.train(machine, train=("steps=500",))
    machine.watch()
    _, same, _ = wt.train(machine, "--search", "adaptive", "--baseline", "no", train=("steps=60",))
    assert limits_of(same) == limits_of(first) and {w for _, w in machine.changes()} == {250, first["power_limit_w"]}
    machine.watch()
    _, energy, _ = wt.train(machine, "--min", "energy", "--baseline", "no", train=("steps=300",))
    assert set(limits_of(first)) <= set(limits_of(energy)) and len(energy["profile"]) <= 7
    assert {w for _, w in machine.changes()} <= {250, energy["power_limit_w"]} | set(limits_of(energy)) - set(limits_of(first))
    assert energy["power_limit_w"] == best(energy, 1)


@pytest.mark.plain
def test_model_agrees_with_published_curve(wt):
    """Profile against model M3, computed here: V100, 240 W at full clock, half of it bound by the clock."""
    _, tried, _ = wt.train(wt.machine(scale=10), *SWEEP, "--baseline", "no", train=("steps=250", "step_s=0.2", "host=0"))
    static, linear = 70.5, 0.357
    for point in tried["profile"]:
        low, high = 0.149, 1.0
        for _ in range(60):
            phi = (low + high) / 2
            power = static + (240 - static) * (linear * phi + (1 - linear) * phi ** 3)
            low, high = (phi, high) if power < point["power_limit_w"] else (low, phi)
        time_s, power = 0.2 * (0.5 + 0.5 / phi), min(240, point["power_limit_w"])
        assert point["time_per_step_s"] == pytest.approx(time_s, rel=0.05)
        assert point["power_w"] == pytest.approx(power, rel=0.09)   # the sensor's own gain is up to 6 % off


def test_the_second_limit_is_set_in_15_seconds(wt):
    machine = wt.machine(scale=1)
    machine.watch()
    run = wt.start_training(machine, train=("steps=400", "step_s=0.02", f"log={wt.tmp / 'log'}"))
    changed = wait_for(lambda: next((t for t, w in machine.changes() if w != 250), None), 20, "another limit")
    run.terminate()
    assert run.wait(10) == 128 + 15
    first_step = read_log_partly(wt.tmp / "log")
    assert first_step is None or changed - first_step < 15
    assert machine.limits() == [250]


def read_log_partly(path):
    lines = path.read_text().splitlines()
    return float(lines[1].split()[1]) if len(lines) > 2 else None


# --- Trade-offs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, chosen", [
    (["--eta", "1"], lambda t: best(t, 1)),
    (["--eta", "0"], lambda t: best(t, 0)),
    (["--eta", "0.8"], lambda t: best(t, 0.8)),
    (["--min", "energy"], lambda t: best(t, 1)),
    (["--max-slowdown", "10%"], lambda t: min((p for p in t["profile"] if p["time_per_step_s"] <=
                                               1.1 * t["profile"][0]["time_per_step_s"]),
                                              key=lambda p: p["energy_per_step_j"])["power_limit_w"]),
], ids=lambda x: "".join(x) if isinstance(x, list) else "")
def test_trade_off(wt, options, chosen):
    done, tried, _ = wt.train(wt.machine(), *SWEEP, "--baseline", "no", *options, train=("steps=400",))
    assert done.returncode == 0 and limits_of(tried) == V100
    assert tried["power_limit_w"] == chosen(tried)
    assert tried["savings"]["energy_fraction"] is None   # the baseline was not measured


def test_min_time_keeps_the_fastest(wt):
    _, tried, _ = wt.train(wt.machine(), "--min", "time", train=("steps=250",))
    fastest = min(p["time_per_step_s"] for p in tried["profile"])
    assert at(tried, tried["power_limit_w"])["time_per_step_s"] <= 1.02 * fastest
    assert tried["power_limit_w"] >= 225


# --- Where the limit comes back to --------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [200, 187])
def test_limit_found_comes_back(wt, found):
    machine = wt.machine()
    machine.set(found)
    _, tried, _ = wt.train(machine, *SWEEP, train=("steps=700",))
    assert machine.limits() == [found]
    assert tried["savings"]["baseline_power_limit_w"] == found
    assert sorted(set(V100) | {found}, reverse=True) == limits_of(tried)
    assert tried["power_limit_w"] == best(tried, 0.5) or found == 187   # off the grid: proof, not choice
    assert tried["power_limit_w"] in V100


def test_power_limits_list(wt):
    machine = wt.machine()
    machine.watch()
    _, tried, _ = wt.train(machine, *SWEEP, "--power-limits", "150,225,100", "--baseline", "no", train=("steps=150",))
    assert limits_of(tried) == [225, 150, 100]
    assert {w for _, w in machine.changes()} == {250, 225, 150, 100}
    assert tried["power_limit_w"] == best(tried, 0.5)


def test_baseline_no(wt):
    machine = wt.machine()
    machine.set(225)
    machine.watch()
    _, tried, _ = wt.train(machine, *SWEEP, "--baseline", "no", train=("steps=500",))
    visits = [w for _, w in machine.changes()].count(225)
    assert limits_of(tried) == V100 and visits == 3   # found, its turn, and chosen or back
    assert tried["savings"] == {"baseline_power_limit_w": None, "energy_fraction": None, "time_fraction": None,
                                "energy_fraction_error": None, "time_fraction_error": None}


def test_profile_only(wt):
    machine = wt.machine()
    machine.set(225)
    machine.watch()
    done, tried, _ = wt.train(machine, *SWEEP, "--profile-only", train=("steps=700", f"log={wt.tmp / 'log'}"))
    assert limits_of(tried) == V100 and tried["power_limit_w"] == 225
    assert "the best would be" in done.stderr
    assert machine.changes()[-1][1] == 225
    assert [limit for *_, limit in read_log(wt.tmp / "log")][-50:] == [225] * 50   # runs on at the limit found


def test_observe(wt):
    machine = wt.machine()
    machine.watch()
    done, tried, _ = wt.train(machine, "--observe", train=("steps=60",))
    assert done.returncode == 0 and not_tuned(done)
    assert len(machine.changes()) == 1 and tried["profile"] == []
    assert tried["energy_j"] > 60 * 0.1 * 150 and tried["steps"] == 60
    assert not machine.journal()


# --- Profiles are reused ---------------------------------------------------------------------------------------------------


def test_second_run_reuses_the_profile(wt):
    machine = wt.machine()
    wt.train(machine, *SWEEP, train=("steps=500",))
    machine.watch()
    _, tried, document = wt.train(machine, *SWEEP, train=("steps=120",))
    changes = [w for _, w in machine.changes()]
    assert changes == [250, tried["power_limit_w"], 250]     # a baseline slice, then the decision at once
    assert limits_of(tried) == V100 and tried["power_limit_w"] == best(tried, 0.5)
    assert document["recurrences"][0]["recurrence"] == 2 and tried["savings"]["energy_fraction"] is not None
    assert len(wt.tries()) == 2


def test_another_trade_off_uses_the_same_profile(wt):
    machine = wt.machine()
    wt.train(machine, *SWEEP, train=("steps=500",))
    machine.watch()
    _, tried, _ = wt.train(machine, *SWEEP, "--min", "energy", "--baseline", "no", train=("steps=60",))
    assert {w for _, w in machine.changes()} == {250, tried["power_limit_w"]}
    assert tried["power_limit_w"] == best(tried, 1)


@pytest.mark.parametrize("second", [["rtx6000"], ["v100", "v100"]], ids=["model", "count"])
def test_profile_is_not_applied_elsewhere(wt, second):
    wt.train(wt.machine(name="first"), train=("steps=500",))
    machine = wt.machine(*second, name="second")
    machine.watch()
    wt.train(machine, train=("steps=250", f"ranks={len(second)}"))
    seen = [w for _, w in machine.changes()]
    assert len(set(seen)) > 2 and seen[1] != 175, "it was not profiled anew"


def test_another_job_has_no_profile(wt):
    machine = wt.machine()
    wt.train(machine, *SWEEP, train=("steps=500",))
    machine.watch()
    _, tried, _ = wt.train(machine, *SWEEP, train=("steps=200",), job="other")
    assert len(tried["profile"]) >= 2 and machine.changes()[1][1] == 225


def test_partial_profile_is_continued(wt):
    machine = wt.machine(scale=8)
    done, first, _ = wt.train(machine, *SWEEP, train=("steps=150",))
    assert 2 <= len(first["profile"]) < 7
    assert "before all limits were profiled" in (first["note"] or "") + done.stderr
    machine.watch()
    _, second, _ = wt.train(machine, *SWEEP, train=("steps=700",))
    assert limits_of(second) == V100
    again = {w for _, w in machine.changes()} - {250, second["power_limit_w"]}
    assert not again & set(limits_of(first)), "limits that were known were measured again"


@pytest.mark.plain
def test_a_profile_that_does_not_fit_is_measured_anew(wt):
    machine = wt.machine()
    wt.train(machine, *SWEEP, train=("steps=500",))
    done, tried, _ = wt.train(machine, *SWEEP, train=("steps=300", "step_s=0.15"))
    assert "does not fit" in done.stderr
    assert at(tried, 250)["time_per_step_s"] == pytest.approx(0.15, rel=0.06)
    assert at(tried, 100)["time_per_step_s"] > 0.2


# --- Progress --------------------------------------------------------------------------------------------------------------


def test_no_steps(wt):
    machine = wt.machine()
    machine.watch()
    done, tried, _ = wt.train(machine, train=("steps=100", "channel=0"))
    assert done.returncode == 0 and "no sign of steps" in done.stderr
    assert len(machine.changes()) == 1
    assert tried["steps"] is None and tried["energy_j"] > 1000 and "steps" in tried["note"]


def test_progress_none(wt):
    machine = wt.machine()
    machine.watch()
    done, tried, _ = wt.train(machine, "--progress", "none", train=("steps=50",))
    assert done.returncode == 0 and not_tuned(done) and tried["steps"] is None
    assert len(machine.changes()) == 1


@pytest.mark.parametrize("pattern", [r"pattern:^step \d+", r"pattern:^step (\d+)"], ids=["match", "group"])
def test_progress_pattern(wt, pattern):
    machine = wt.machine(scale=10)   # lines are dated when they arrive: real milliseconds count
    done, tried, _ = wt.train(machine, *SWEEP, "--progress", pattern, "--baseline", "no",
                              train=("steps=400", "channel=0", "print=1"))
    assert tried["steps"] == 400 and limits_of(tried) == V100
    assert at(tried, 250)["time_per_step_s"] == pytest.approx(0.1, rel=0.1)
    # the bytes of both streams, apart
    assert done.stdout == "".join(f"step {i}\n" for i in range(1, 401))
    assert [l for l in done.stderr.splitlines() if l.startswith("warn")] == [f"warn {i}" for i in range(1, 401)]


def test_pattern_relays_bytes_unchanged(wt):
    """Anything a program may print: no newline at the end, zero bytes, escapes, long lines, much at once."""
    machine = wt.machine()
    program = ("import os,sys\n"
               "blob = bytes(range(256)) * 3000\n"
               "def put(fd, b):\n"
               "    while b: b = b[os.write(fd, b):]\n"
               "put(1, blob + b'end'); put(2, b'\\x00err' + blob[::-1])\n")
    out, err = wt.tmp / "out", wt.tmp / "err"
    run = wt.start("run", "-q", "--vgpu", machine.spec, "--progress", r"pattern:step", "--", "python3", "-c", program,
                   stdout=open(out, "wb"), stderr=open(err, "wb"), text=False)
    assert run.wait(20) == 0
    blob = bytes(range(256)) * 3000
    assert out.read_bytes() == blob + b"end"
    assert err.read_bytes() == b"\x00err" + blob[::-1]


def test_pattern_with_a_reader_that_goes_away(wt):
    """wattune run ... | head -1: the command sees the same as without us, and the limit comes back."""
    machine = wt.machine()
    run = wt.start_training(machine, "--progress", "pattern:^step", train=("steps=2000", "channel=0", "print=1"))
    assert run.stdout.readline() == "step 1\n"
    run.stdout.close()
    code = run.wait(30)
    assert code in (128 + 13, 0), f"wattune itself was ended ({code})"
    assert machine.limits() == [250] and not machine.journal()


def test_pattern_with_a_reader_that_stalls(wt):
    """Nobody reads on: the command waits, as it would without us. Signals reach it, its end is seen, the limit comes back,
    and the rest of the output is still there to read."""
    machine = wt.machine()
    machine.hold()
    noise = "import sys, os\nos.set_blocking(1, True)\nwhile True: os.write(1, b'step\\n' * 1000)"
    run = wt.start("run", "--vgpu", machine.spec, "--job", "job", "--progress", "pattern:^step", "--", "python3", "-c", noise)
    read_a_while = time.monotonic() + 3
    while time.monotonic() < read_a_while:
        run.stdout.buffer.read(5000)
    child = wait_for(lambda: next((p for p, line in children(run.pid).items() if "import sys" in line), None), 5, "the command")
    wait_for(lambda: machine.journal(), 10, "a limit to be set")
    run.send_signal(signal.SIGTERM)
    wait_for(lambda: not alive(child), 5, "the command to end")
    wait_for(lambda: machine.limits() == [250] and not machine.journal(), 10, "the limit to come back")
    rest = run.stdout.buffer.read()
    assert run.wait(10) == 128 + 15
    assert rest and not set(rest) - set(b"step\n")


def test_end_with_a_reader_that_stalls(wt):
    """The command has ended and nobody reads its last words: a signal ends the wait for that."""
    machine = wt.machine()
    run = wt.start("run", "--vgpu", machine.spec, "--job", "job", "--progress", "pattern:^step", "--", "python3", "-c",
                   "import os; os.write(1, b'x' * 100000)", stdout=subprocess.PIPE)
    wait_for(lambda: wt.ledger.exists() and wt.run("show", "job", "--json").returncode == 0
             and wt.tries()[0]["exit_code"] == 0, 10, "the run to be booked")
    assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    assert run.wait(5) == 0


def test_child_signals_ignored_by_the_parent(wt):
    """A parent that ignores SIGCHLD hands that down: the command's end is seen, and it gets the same signals as without us."""
    program = "import signal, sys; sys.exit(42 if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN else 1)"
    done = wt.run("measure", "--vgpu", wt.plain(), "--", sys.executable, "-c", program, timeout=20,
                  preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert done.returncode == 42


def test_metric_and_epoch_pattern(wt):
    machine = wt.machine()
    _, tried, _ = wt.train(machine, "--metric-pattern", r"accuracy (\d+\.\d+)", "--epoch-pattern", "^epoch",
                           train=("steps=60", "epoch=20", "print=1", "channel=1"))
    assert tried["steps"] == 60 and tried["epochs"] == 3 and tried["metric"] == 1.0


def test_bad_pattern_is_refused(wt):
    done = wt.run("run", "--vgpu", wt.machine().spec, "--progress", "pattern:step (", "--", "touch", wt.tmp / "ran")
    assert done.returncode == 2 and len(errors(done)) == 1 and not (wt.tmp / "ran").exists()


def test_short_epochs_still_give_a_profile(wt):
    """Seven steps an epoch: no slice of 15 steps fits into one."""
    _, tried, _ = wt.train(wt.machine(), *SWEEP, "--baseline", "no", train=("steps=700", "epoch=7"))
    assert limits_of(tried) == V100 and tried["power_limit_w"] == best(tried, 0.5)


def test_validation_is_not_counted_as_steps(wt):
    """A pause of five steps after every ten: counted, it would make a step half as long again."""
    _, tried, _ = wt.train(wt.machine(), *SWEEP, "--power-limits", "250,200", "--baseline", "no",
                           train=("steps=260", "epoch=10", "validation_s=0.5"))
    assert limits_of(tried) == [250, 200]
    assert at(tried, 250)["time_per_step_s"] == pytest.approx(0.1, rel=0.07)
    assert at(tried, 200)["time_per_step_s"] == pytest.approx(0.1045, rel=0.07)


# --- Several GPUs -------------------------------------------------------------------------------------------------------------


def test_two_gpus(wt):
    machine = wt.machine("a40", "a40")
    done, tried, document = wt.train(machine, *SWEEP, train=("steps=800", "ranks=2", f"log={wt.tmp / 'log'}"), job="ranks")
    assert done.returncode == 0
    assert limits_of(tried) == [300, 275, 250, 225, 200, 175, 150, 125, 100]
    assert tried["steps"] == 800, "steps of ranks count once"
    assert [g["index"] for g in document["gpus"]] == [0, 1]
    assert tried["power_limit_w"] == best(tried, 0.5, 600)
    assert 330 < at(tried, 300)["power_w"] < 500, "power of both GPUs"
    truth = sum(log[-1][2] - log[0][2] for log in (read_log(wt.tmp / "log"), read_log(wt.tmp / "log.1")))
    assert tried["energy_j"] == pytest.approx(truth, rel=0.05)
    assert machine.limits() == [300, 300]


def test_gpus_option_chooses_and_hides(wt):
    machine = wt.machine("v100", "a40")
    uuid = machine.uuids()[1]
    file = wt.tmp / "o.json"
    done = wt.run("run", "--vgpu", machine.spec, "--gpus", "1", f"--json={file}", "--", "sh", "-c",
                  "echo $CUDA_VISIBLE_DEVICES")
    assert done.stdout == uuid + "\n"
    assert json.loads(file.read_text())["gpus"] == [{"index": 1, "uuid": uuid, "name": "NVIDIA A40"}]


def test_two_runs_on_two_gpus(wt):
    """Each has a GPU of its own: both tune, neither sees the other."""
    machine = wt.machine("v100", "v100", scale=10)
    files = [wt.tmp / "0.json", wt.tmp / "1.json"]
    runs = [wt.start_training(machine, "--gpus", str(i), "--power-limits", "250,200", f"--json={files[i]}",
                              train=("steps=300", f"gpu={i}"), job=f"job {i}") for i in (0, 1)]
    for run, file in zip(runs, files):
        _, err = run.communicate(timeout=60)
        tried = json.loads(file.read_text())["recurrences"][0]["tries"][0]
        assert run.returncode == 0 and not re.search("shared|held|locked", err), err
        assert limits_of(tried) == [250, 200]
    assert machine.limits() == [250, 250] and len(wt.tries("job 0")) == len(wt.tries("job 1")) == 1


def test_visible_devices_reach_the_command_unchanged(wt):
    machine = wt.machine("v100", "a40")
    for value in ("1", "0,-1", "GPU-" + machine.uuids()[1][4:12]):
        env = {"CUDA_VISIBLE_DEVICES": value, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "WATTUNE_VGPU": machine.spec}
        done = wt.run("run", "-q", "--", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES", env=env)
        assert done.returncode == 0 and done.stdout == value + "\n"


def test_gpus_of_different_models_are_not_tuned(wt):
    done, tried, _ = wt.train(wt.machine("v100", "a40"), train=("steps=40",))
    assert done.returncode == 0 and "different models" in "".join(not_tuned(done))
    assert tried["energy_j"] > 0 and tried["profile"] == []


def test_two_gpus_found_at_different_limits(wt):
    machine = wt.machine("a40", "a40")
    machine.set(250, 0), machine.set(280, 1)
    _, tried, _ = wt.train(machine, *SWEEP, train=("steps=800", "ranks=2"))
    assert len(tried["profile"]) == 9 and machine.limits() == [250, 280]
    assert tried["savings"]["energy_fraction"] is None   # there is no one baseline


def test_no_energy_counter(wt):
    """Power is integrated, and the card tuned like any other."""
    machine = wt.machine("p100")
    done, tried, _ = wt.train(machine, *SWEEP, train=("steps=1200", "watts=211", "share=0.31", "host=0", f"log={wt.tmp}/log"))
    log = read_log(wt.tmp / "log")
    assert done.returncode == 0 and tried["source"] == "integrated" and not not_tuned(done)
    assert [p["power_limit_w"] for p in tried["profile"]] == [250, 225, 200, 175, 150, 125]
    assert tried["power_limit_w"] < 250
    true_j = log[-1][2] - log[0][2]
    assert tried["energy_j"] == pytest.approx(true_j, abs=tried["energy_error_j"] + 250)   # start and end of the command
    assert 0 < tried["energy_error_j"] < 0.05 * tried["energy_j"]
    for point in tried["profile"]:
        steps = [(b[1] - a[1], b[2] - a[2]) for a, b in zip(log, log[1:]) if a[3] == b[3] == point["power_limit_w"]]
        steps = steps[5:] or steps
        watts = sum(j for _, j in steps) / sum(s for s, _ in steps)
        assert point["power_w"] == pytest.approx(watts, rel=0.05), point


# --- Others on the GPU -----------------------------------------------------------------------------------------------------------


def test_stranger_before_the_start(wt):
    machine = wt.machine()
    stranger = machine.client("work", "1000", stdout=subprocess.PIPE)
    stranger.stdout.readline()
    time.sleep(0.1)
    machine.watch()
    done, tried, _ = wt.train(machine, train=("steps=60",))
    words = "".join(not_tuned(done))
    assert "shared" in words and str(stranger.pid) in words and "--shared" in words
    assert len(machine.changes()) == 1 and tried["profile"] == [] and "shared" in tried["note"]
    assert tried["energy_j"] > 0 and done.returncode == 0


def test_shared_tunes_all_the_same(wt):
    machine = wt.machine()
    machine.client("work", "1000", stdout=subprocess.PIPE).stdout.readline()
    time.sleep(0.1)
    _, tried, _ = wt.train(machine, "--shared", "--power-limits", "250,150", train=("steps=200",))
    assert limits_of(tried) == [250, 150]


def test_stranger_that_arrives_in_the_middle(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    run = wt.start_training(machine, f"--json={wt.tmp / 'o.json'}", train=("steps=500",))
    wait_for(lambda: len(machine.changes()) > 1, 10, "tuning to begin")
    stranger = machine.client("work", "30", stdout=subprocess.PIPE)
    wait_for(lambda: machine.changes()[-1][1] == 250 and len(machine.changes()) > 2 and run.poll() is None
             and not machine.journal(), 6, "the limit to come back while the command runs on")
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0 and "shared" in err and str(stranger.pid) in err
    assert machine.changes()[-1][1] == 250 and "Saved" not in err


def test_two_runs_at_once(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    first = wt.start_training(machine, train=("steps=400",), job="first")
    wait_for(lambda: len(machine.changes()) > 1, 10, "the first run to tune")
    done, tried, _ = wt.train(machine, train=("steps=20",), job="second")
    assert done.returncode == 0
    assert re.search(r"shared|held by wattune run \(pid \d+\)", "".join(not_tuned(done)))
    assert tried["profile"] == [] and tried["energy_j"] > 0
    assert first.wait(60) == 0 and machine.limits() == [250]


def test_lease_is_held_by_another_run(wt):
    """The first run's training is not on the GPU yet, so only its lease tells."""
    machine = wt.machine(scale=10)
    first = wt.start("run", "--vgpu", machine.spec, "--", "sleep", "20")
    wait_for(lambda: any("sleep" in line for line in children_of(first).values()), 5, "the first command")
    done, tried, _ = wt.train(machine, train=("steps=20",), job="second")
    assert "held by" in "".join(not_tuned(done)) and done.returncode == 0 and tried["profile"] == []
    first.terminate()
    assert first.wait(10) == 128 + 15


def children_of(process):
    return children(process.pid)


@pytest.mark.parametrize("how", ["{} & wait", "setsid sh -c '{} & wait' & wait",
                                 "(setsid sh -c '{} &' &) ; sleep 6"], ids=["child", "session", "orphan"])
def test_descendants_are_ours(wt, how):
    machine = wt.machine(scale=20)         # done within the 6 s that the last of them waits
    file = wt.tmp / "o.json"
    train = f"{wt.client} train steps=600 >/dev/null 2>&1"
    done = wt.run("run", "--vgpu", machine.spec, *SWEEP, f"--json={file}", "--", "sh", "-c", how.format(train))
    tried = json.loads(file.read_text())["recurrences"][0]["tries"][0]
    assert "shared" not in done.stderr and limits_of(tried) == V100 and tried["steps"] == 600


def test_somebody_else_changes_the_limit(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    run = wt.start_training(machine, train=("steps=400",))
    wait_for(lambda: len(machine.changes()) > 3, 20, "a few limits")
    time.sleep(0.1)
    machine.set(130)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0 and "somebody else has changed the power limit of GPU 0" in err
    assert machine.limits() == [130]
    assert not machine.journal()


@pytest.mark.plain
def test_drift_opens_the_profile_again(wt):
    """Steps become 1.5 times as long after the profile: it is measured again, once the budget allows, and kept."""
    machine = wt.machine()
    limits = "--power-limits", "250,200,150"
    done, tried, _ = wt.train(machine, *SWEEP, *limits, train=("steps=1500", "drift_at=500", "drift=1.5"), timeout=90)
    assert done.returncode == 0
    assert done.stderr.count("profiling again") == 1 and done.stderr.count("profiled 3 limits") == 2
    # The kept profile is of the training as it is now: M3 at 250 W, where this load is not capped, 0.15 s a step.
    assert {p["power_limit_w"]: p for p in tried["profile"]}[250]["time_per_step_s"] == pytest.approx(0.15, rel=0.1)
    assert tried["savings"]["energy_fraction"] < 1


@pytest.mark.plain
def test_a_steady_training_is_profiled_once(wt):
    machine = wt.machine(scale=20)
    done, _, _ = wt.train(machine, "--power-limits", "250,200,150", train=("steps=1500",), timeout=90)
    assert done.returncode == 0 and "profiling again" not in done.stderr
