# SPDX-License-Identifier: Apache-2.0
"""Budgets and the grid: a command ends when its energy, carbon or time is used up, cleanly, booked and said; and a limit
that follows the grid from hour to hour."""

import datetime
import json
import os
import re
import signal
import time

import pytest

from conftest import alive, cost, errors, guard_of, read_log, wait_for
from test_recur import CHOOSE, NEED, Recur
from test_report import series

UTC = datetime.timezone.utc


@pytest.fixture
def recur(wt):
    return Recur(wt)


def used(tries, unit):
    """The bookings of tries, in the quantity of a budget."""
    if unit == "time":
        return sum(t["time_s"] for t in tries)
    if unit == "energy":
        return sum(t["energy_j"] for t in tries)
    return sum(t["carbon"]["operational_g"] + t["carbon"]["embodied_g"] for t in tries)


# --- The end of a budget ----------------------------------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("budget, unit, amount", [
    ("60s", "time", 60), ("15kJ", "energy", 15000), ("0.004 kWh", "energy", 14400), ("3gCO2e", "carbon", 3)])
def test_each_unit(recur, budget, unit, amount):
    done = recur.run("--budget", budget, "--location", "DEU", "--pue", "1.5", batch="64", train=("polls=1",))
    assert done.returncode == 8, done.stderr
    (t,) = recur.tries()
    assert amount * 0.995 <= used([t], unit) <= amount * 1.5  # a tenth of a second of a busy host is four of the machine's
    assert t["early_stopped"] is True and t["reached"] is None and t["exit_code"] in (0, None)  # our SIGTERM is not its own
    assert t["epochs"] == recur.epochs()[0] >= 4
    shown = re.sub(r"^([\d.]+) ?", r"\1 ", budget)
    assert t["note"].startswith(f"Ended by the budget of {shown}")
    assert recur.wt.tries() == [t]
    assert f"Ended by the budget of {shown}" in recur.wt.run("show", "job").stdout
    assert "budget used up" in recur.wt.run("show", "job").stdout
    assert recur.machine.limits() == [250] and not recur.machine.journal() and not recur.wt.leftovers()
    # said: after the first epoch, at 80 %, and in the end; each once
    assert len(re.findall(r"budget: .* after \d epochs?; one takes .* so that it is enough for \d+ to \d+ more", done.stderr)) == 1
    (percent,) = re.findall(r"(\d+) % of the budget is used", done.stderr)
    assert 80 <= int(percent) < 100
    assert len(re.findall(f"stopped: the budget of {shown} is used up", done.stderr)) == 1


def test_the_first_prediction_holds_what_fits(recur):
    done = recur.run("--observe", "--budget", "60s", batch="64", train=("polls=1",))
    low, high = map(int, re.search(r"enough for (\d+) to (\d+) more", done.stderr).groups())
    assert low <= recur.epochs()[0] - 1 <= high and high < 100


def test_a_training_that_does_not_listen_gets_a_signal(recur):
    done = recur.run("--observe", "--budget", "5kJ", batch="64")
    (t,) = recur.tries()
    assert done.returncode == 8 and t["exit_code"] is None and t["early_stopped"] is True
    assert "143" not in done.stderr and "killed" not in done.stderr


def test_a_training_that_ignores_signals_is_killed(recur):
    pidfile = recur.wt.tmp / "pid"
    begin = time.monotonic()
    done = recur.run("--budget", "5kJ", "--grace", "0.5", batch="64", train=("deaf=1", f"pidfile={pidfile}"))
    (t,) = recur.tries()
    assert done.returncode == 8 and time.monotonic() - begin < 30
    assert "wattune killed it" in done.stderr and t["exit_code"] is None
    assert t["energy_j"] > 5000  # its use between SIGTERM and its end is booked too
    assert not alive(int(pidfile.read_text())) and recur.machine.limits() == [250]


def test_a_command_without_steps_or_epochs(wt):
    machine = wt.machine(scale=40)
    done = wt.run("run", "--vgpu", machine.spec, "--budget", "20s", "--progress", "none", "--", "sleep", "60")
    assert done.returncode == 8 and "% of the budget is used" in done.stderr and "enough" not in done.stderr
    (t,) = wt.tries("sleep")
    assert 20 <= t["time_s"] < 60 and t["note"].startswith("Ended by the budget of 20 s; not tuned: without steps")


def test_what_ends_within_its_budget(recur):
    done = recur.run("--observe", "--budget", "1kWh", batch="64", train=("epochs=3",))
    assert done.returncode == 0 and "used up" not in done.stderr and recur.tries()[0]["early_stopped"] is False
    done = recur.run("--observe", "--budget", "1kWh", batch="64", train=("epochs=3", "code=7"))
    assert done.returncode == 7
    done = recur.run("--observe", "--budget", "1kWh", "--target", "accuracy>=0.9", "--max-epochs", "2", batch="64")
    assert done.returncode == 5 and recur.tries()[0]["reached"] is False  # a missed target is no budget


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_goes_before(recur, number):
    run = recur.start("--observe", "--budget", "3h", batch="64")
    wait_for(lambda: len(recur.seen()) > 1, 20, "an epoch to end")
    run.send_signal(number)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 128 + number and "used up" not in err


def test_kill_of_the_supervisor(recur):
    machine = recur.machine
    machine.hold()
    pidfile = recur.wt.tmp / "pid"
    run = recur.start("--budget", "3h", "--power-limits", "200,150", batch="64", train=(f"pidfile={pidfile}",))
    wait_for(lambda: machine.limits() != [250], 20, "a limit to be set")
    guard = guard_of(run.pid)
    run.kill()
    run.wait()
    wait_for(lambda: machine.limits() == [250] and not alive(guard), 20, "the limit to come back")
    assert not machine.journal()
    assert not recur.wt.tries()[0]["ended"]  # nobody could book it: its use is unknown
    os.kill(int(pidfile.read_text()), signal.SIGKILL)


# --- Targets, recurrences, batch sizes --------------------------------------------------------------------------------


def test_a_target_that_was_not_reached_in_time(recur):
    done = recur.run("--observe", "--budget", "20s", "--target", "accuracy>=0.9", batch="64", train=("need=64:50", "polls=1"))
    (t,) = recur.tries()
    assert done.returncode == 8 and t["reached"] is None
    assert recur.document["recurrences"][0]["reached"] is None
    assert "at most 100 epochs (--max-epochs) would use up to" in done.stderr


def test_a_target_that_was_reached_before(recur):
    """The training does not end at its target, and the budget ends it: the target was reached."""
    done = recur.run("--observe", "--budget", "30s", "--target", "accuracy>=0.9", batch="64", train=("need=64:2",))
    (t,) = recur.tries()
    assert done.returncode == 0 and t["reached"] is True and t["early_stopped"] is True and "used up" in done.stderr
    done = recur.run("--observe", "--budget", "30s", "--target", "accuracy>=0.9", "--recurrences", "2", batch="64",
                     train=("need=64:2",))
    assert done.returncode == 8 and len(recur.tries()) == 1  # the second recurrence was not to be had


@pytest.mark.sanitized
def test_all_recurrences_have_one_budget(recur):
    done = recur.run("--observe", "--budget", "10kJ", "--recurrences", "50", batch="64", train=("epochs=10", "polls=1"))
    tries = recur.tries()
    assert done.returncode == 8 and 2 <= len(tries) < 5
    assert [t["early_stopped"] for t in tries] == [False] * (len(tries) - 1) + [True]
    assert 9950 <= used(tries, "energy") < 15000 and used(tries[:-1], "energy") < 10000
    assert len(re.findall("% of the budget is used", done.stderr)) == 1


def test_a_recurrence_with_nothing_left_is_not_started(wt):
    machine, file = wt.machine(scale=1000), wt.tmp / "run.json"
    done = wt.run("run", "--vgpu", machine.spec, "--observe", "--budget", "1s", "--recurrences", "20", f"--json={file}", "--", "true")
    tries = [t for r in json.loads(file.read_text())["recurrences"] for t in r["tries"]]
    assert done.returncode == 8 and tries[-1]["time_s"] > 0 and len(tries) < 20
    assert sum(t["time_s"] for t in tries[:-1]) < 1 <= sum(t["time_s"] for t in tries) + 0.01


@pytest.mark.sanitized
def test_a_try_that_a_budget_ends_teaches_nothing(recur):
    """The second try of the exploration is cut short: its size is handed out again, as after a kill."""
    train = (NEED, "polls=1", "samples=12800")  # an epoch takes 20 s
    assert recur.run("--observe", *CHOOSE, train=train).returncode == 0
    assert recur.order() == [(1, 64)]
    done = recur.run("--observe", "--budget", "20s", *CHOOSE, train=train)
    assert done.returncode == 8 and recur.order() == [(2, 32)]
    (t,) = recur.tries()
    assert t["reached"] is None and t["early_stopped"] is True and t["ran"] is True and t["cost_j"] > 0
    (beliefs,) = recur.wt.show()["beliefs"]
    by_size = {b["batch_size"]: b for b in beliefs["batch_sizes"]}
    assert beliefs["running"] == 0 and by_size[64]["runs"] == 1
    assert by_size[32] == {"batch_size": 32, "runs": 0, "mean_cost_j": None, "sd_cost_j": None, "left": True}
    assert recur.run("--observe", *CHOOSE, train=train).returncode == 0
    assert recur.order() == [(3, 32)] and recur.tries()[0]["reached"] is True


def test_a_budget_over_a_search(recur):
    done = recur.run("--observe", "--budget", "90s", "--recurrences", "100", *CHOOSE, train=(NEED, "polls=1"))
    tries = recur.tries()
    assert done.returncode == 8 and len(tries) > 3 and 89.5 <= used(tries, "time") < 130
    assert recur.order()[:3] == [(1, 64), (2, 32), (3, 16)] and recur.wt.show()["beliefs"][0]["running"] == 0


# --- Expectations ---------------------------------------------------------------------------------------------


def test_epochs_of_earlier_runs(recur):
    options = ["--observe", "--pue", "1.2", "--location", "DEU"]
    assert recur.run(*options, batch="64", train=("epochs=20",)).returncode == 0
    whole = recur.tries()[0]["energy_j"]
    done = recur.run(*options, "--budget", "20kJ", batch="64", train=("epochs=20",))
    assert done.returncode == 0 and "20 epochs (as in 1 earlier run) would use" in done.stderr and "within the budget" in done.stderr
    low, high = map(float, re.search(r"would use ([\d.]+) to ([\d.]+) kJ in all", done.stderr).groups())
    assert low * 1000 < recur.tries()[0]["energy_j"] < high * 1000
    done = recur.run(*options, "--budget", f"{whole / 3:.0f}J", batch="64", train=("epochs=20", "polls=1"))
    assert done.returncode == 8
    assert re.search(r"warning: 20 epochs \(as in 2 earlier runs\) would use .* the budget is not enough", done.stderr)
    # a run that a budget ended tells nothing of how many epochs there are
    done = recur.run(*options, "--budget", "20kJ", batch="64", train=("epochs=4",))
    assert "20 epochs (as in 2 earlier runs)" in done.stderr


# --- Spending that cannot be watched
# -------------------------------------------------------------------------------------------


def test_a_lost_gpu(wt):
    """Energy cannot be watched from there on, and the training goes on to its own end; time can."""
    for budget, code, words in (("1kJ", 0, 1), ("30s", 8, 0)):
        machine = wt.machine(scale=40, gpu0={"fault": "lost@10"}, name=budget)
        done = wt.run("run", "--vgpu", machine.spec, "--budget", budget, "--progress", "none", "--", "sleep", "1.5")
        assert done.returncode == code
        assert len(re.findall("cannot be watched as a whole: the energy of GPU 0 is unknown", done.stderr)) == words


def test_a_gpu_that_tells_nothing(wt):
    faults = "unsupported=nvmlDeviceGetTotalEnergyConsumption@0, unsupported=nvmlDeviceGetPowerUsage@0"
    machine = wt.machine("v100", "v100", scale=40, gpu1={"fault": faults})
    done = wt.run("run", "--vgpu", machine.spec, "--budget", "100kJ", "--progress", "none", "--", "sleep", "1")
    assert done.returncode == 0 and "the energy of GPU 1 is unknown" in done.stderr and "the energy of GPU 0" not in done.stderr


def test_carbon_needs_to_know_the_grid(wt):
    done = wt.run("run", "--vgpu", wt.plain(), "--budget", "500gCO2e", "--", "true")
    assert done.returncode == 2 and "--location" in errors(done)[0] and len(errors(done)) == 1 and not wt.ledger.exists()
    for options in (["--location", "FRA"], ["--intensity", "30"]):
        assert wt.run("run", "--vgpu", wt.plain(), *options, "--budget", "500gCO2e", "--", "true").returncode == 0


# --- Wrong words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, words", [
    (["--budget", "2"], "a number and a unit"),
    (["--budget", ""], "a number and a unit"),
    (["--budget", "kWh"], "a number and a unit"),
    (["--budget", "2kwh"], "a number and a unit"),
    (["--budget", "2kW"], "a number and a unit"),
    (["--budget", "2kWh,3h"], "a number and a unit"),
    (["--budget", "nanh"], "a number and a unit"),
    (["--budget", "infJ"], "a number and a unit"),
    (["--budget", "0x10h"], "a number and a unit"),
    (["--budget", "1\x1b[31mh"], r"1\x1b[31mh"),
    (["--budget", "9" * 5000 + "h"], "a number and a unit"),
    (["--budget", "0h"], "within"),
    (["--budget", "-2kWh"], "within"),
    (["--budget", "-0J"], "within"),
    (["--budget", "1e-9gCO2e"], "within"),
    (["--budget", "1e300kWh"], "within"),
    (["--budget", "1e400h"], "within"),
    (["--budget", "200000d"], "within"),
    (["--budget", "2kWh", "--budget", "3h"], "given once"),
    (["--grace", "3"], "--target or --budget"),
    (["--carbon-aware", "--min", "energy"], "goes with --eta"),
    (["--carbon-aware", "--max-slowdown", "5%"], "goes with --eta"),
    (["--carbon-aware", "--observe"], "--observe does not"),
    (["--carbon-aware", "--profile-only"], "--profile-only does not"),
])
def test_wrong_words(wt, options, words):
    done = wt.run("run", *options, "--", "true")
    assert done.returncode == 2 and len(errors(done)) == 1 and words in errors(done)[0]
    assert "\x1b" not in done.stderr and not wt.ledger.exists()


def test_dry_run(wt):
    done = wt.run("run", "--dry-run", "--vgpu", wt.plain(), "--budget", "0.5 kWh", "--", "true")
    assert done.returncode == 0 and "within a budget of 0.5 kWh\n" in done.stdout and not wt.ledger.exists()


# --- The grid ---------------------------------------------------------------------------------------------------------


def aware(wt, machine, grid, *options, **kwargs):
    return wt.train(machine, "--carbon-aware", *options, env={"WATTUNE_INTENSITY_FILE": str(grid)}, **kwargs)


def this_hour():
    return datetime.datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def least(profile, eta, ratio):
    """Chase's rule over a profile, in place of Zeus's: energy weighs by the grid of now over the dirtiest of a day."""
    best = min(profile, key=lambda p: eta * ratio * p["energy_per_step_j"] + (1 - eta) * 250 * p["time_per_step_s"])
    return best["power_limit_w"]


def change_at():
    """The next beginning of an hour that leaves time to profile first, and how many hours that is from this one."""
    hours = 1 if datetime.datetime.now(UTC).minute < 20 else 2
    return this_hour() + datetime.timedelta(hours=hours), hours


def steps_until(moment, more_s):
    """Steps of a minute and a little that take until the moment and about as much more."""
    return f"steps={((moment - datetime.datetime.now(UTC)).total_seconds() + more_s) / 66:.0f}"


def hours_in_seconds(wt):
    """A machine whose hours pass in seven seconds.  Steps of a minute are 120 ms of ours: on a busy host shorter ones would seem
    to drift."""
    return wt.machine(scale=500)


def test_the_limit_follows_the_grid(wt):
    """An hour and more of training in a few seconds, half an hour of it in a clean hour."""
    machine, log = hours_in_seconds(wt), wt.tmp / "steps"
    hold, watch = machine.hold(), machine.watch()
    clean_from, hours = change_at()
    grid = series(wt, this_hour() - datetime.timedelta(hours=1), [400] * (1 + hours) + [20, 400, 400])
    done, tried, _ = aware(wt, machine, grid, "--power-limits", "200,150", "--eta", "0.85",
                           train=(steps_until(clean_from, 1800), "step_s=60", "host=0", f"log={log}"))
    assert done.returncode == 0, done.stderr
    profile = [p for p in tried["profile"] if p["power_limit_w"] != 250]
    assert len(profile) == 2  # every limit, since hours to come have other optima
    dirty, clean = least(profile, 0.85, 1), least(profile, 0.85, 20 / 400)
    assert dirty < clean
    said = re.findall(r"the grid is at (\d+) g/kWh, of at most 400 in 24 h: now at (\d+) W instead of (\d+) W", done.stderr)
    assert said == [("20", f"{clean:g}", f"{dirty:g}")]
    assert "the grid is at 400 g/kWh, of at most 400 in 24 h\n" in done.stderr and f"; now at {dirty:g} W" in done.stderr
    # seen at the device: the choice of the one hour, then that of the other as it began, and the limit found in the end
    assert [limit for _, limit in machine.changes()][-3:] == [dirty, clean, 250]
    begun = datetime.datetime.fromisoformat(tried["started"].replace("Z", "+00:00"))
    changed_s = machine.changes()[-2][0] - read_log(log)[0][1]
    assert abs(changed_s - (clean_from - begun).total_seconds()) < 600  # a second and a little of ours
    # the effect: steps became shorter, and the saving is that of all steps
    by_limit = {limit: p["time_per_step_s"] for limit, p in ((p["power_limit_w"], p) for p in profile)}
    rows = read_log(log)
    shortest = min(b[1] - a[1] for a, b in zip(rows[-31:], rows[-30:]))  # a busy host makes steps longer, never shorter
    assert 0.97 * by_limit[clean] < shortest < (by_limit[clean] + by_limit[dirty]) / 2
    energy = {p["power_limit_w"]: p["energy_per_step_j"] for p in tried["profile"]}
    low, high = sorted((energy[dirty] / energy[250], energy[clean] / energy[250]))
    assert low < tried["savings"]["energy_fraction"] < high
    # the cost that is booked stays Zeus's
    assert tried["cost_j"] == pytest.approx(0.85 * tried["energy_j"] + 0.15 * 250 * tried["time_s"], rel=1e-6)
    assert tried["power_limit_w"] == clean and tried["savings"]["baseline_power_limit_w"] == 250
    assert machine.limits() == [250] and not machine.journal()
    hold.kill(), watch.kill()


def test_at_the_dirtiest_hour_it_is_zeus(wt):
    """The choice that is made without the option, from the very same profile."""
    grid = series(wt, this_hour() - datetime.timedelta(hours=30), [900] * 3 + [300] * 40)  # 900 is more than 24 h ago
    limits = ("--power-limits", "250,200,175,150,125,100", "--search", "sweep", "--baseline", "no")
    chosen = set()
    machine = wt.machine()
    for eta in ("0", "0.3", "0.5", "0.8", "1"):
        steps = 100 if chosen else 300  # the first profiles, the others reuse it
        _, zeus, _ = wt.train(machine, *limits, "--eta", eta, train=(f"steps={steps}",))
        done, chase, _ = aware(wt, machine, grid, *limits, "--eta", eta, train=("steps=100",))
        assert done.returncode == 0 and "instead of" not in done.stderr and "at most 300 in 24 h" in done.stderr
        assert chase["profile"] == zeus["profile"] and len(zeus["profile"]) == 6
        best = min(chase["profile"], key=lambda p: cost(p, float(eta), 250))
        assert chase["power_limit_w"] == zeus["power_limit_w"] and (eta == "0" or chase["power_limit_w"] == best["power_limit_w"])
        chosen.add(chase["power_limit_w"])
    assert len(chosen) >= 3


def test_a_clean_hour_buys_time(wt):
    grid = series(wt, this_hour() - datetime.timedelta(hours=5), [500, 500, 500, 500, 500, 10, 10, 10])
    _, tried, _ = aware(wt, wt.machine(), grid, "--power-limits", "250,200,150,100", "--eta", "0.8", train=("steps=450",))
    assert tried["power_limit_w"] == least(tried["profile"], 0.8, 10 / 500) > least(tried["profile"], 0.8, 1)
    dry = wt.run("run", "--dry-run", "--vgpu", wt.plain(), "--carbon-aware", "--", "true", env={"WATTUNE_INTENSITY_FILE": str(grid)})
    assert "(sweep), and follow the grid" in dry.stdout


def test_a_series_that_ends(wt):
    """The grid of a later hour is not known: Zeus's choice from there on, said once."""
    machine, (end, hours) = hours_in_seconds(wt), change_at()
    grid = series(wt, this_hour() - datetime.timedelta(hours=2), [400, 400] + [20] * hours)
    done, tried, _ = aware(wt, machine, grid, "--power-limits", "200,150", "--eta", "0.85",
                           train=(steps_until(end, 1200), "step_s=60", "host=0"))
    assert done.returncode == 0 and len(re.findall("has nothing for this hour", done.stderr)) == 1
    profile = [p for p in tried["profile"] if p["power_limit_w"] != 250]
    clean, zeus = least(profile, 0.85, 20 / 400), least(profile, 0.85, 1)
    assert f"the grid is not known: now at {zeus:g} W instead of {clean:g} W" in done.stderr
    assert tried["power_limit_w"] == zeus < clean


def test_without_a_series_it_is_refused(wt):
    old = series(wt, this_hour() - datetime.timedelta(hours=48), [100] * 24)
    for options, env, words in [
            ([], {}, "needs a series"), (["--location", "FRA"], {}, "needs a series"),
            ([], {"WATTUNE_INTENSITY_FILE": str(old)}, "no value for this hour"),
            (["--intensity", "30"], {"WATTUNE_INTENSITY_FILE": str(old)}, "leave one of them out")]:
        for more in ([], ["--dry-run"]):
            done = wt.run("run", *more, "--vgpu", wt.plain(), "--carbon-aware", *options, "--", "true", env=env)
            assert done.returncode == 2 and len(errors(done)) == 1 and words in errors(done)[0] and not wt.ledger.exists()
