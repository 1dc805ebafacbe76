# SPDX-License-Identifier: Apache-2.0
"""Recurring jobs: batch sizes over recurrences, targets, early stop, retries, several processes at once."""

import collections
import json
import os
import re
import signal
import subprocess
import time

import pytest

from conftest import alive, children, errors, wait_for
from test_commands import Terminal

pytestmark = pytest.mark.sanitized

NEED = "need=32:4,64:6,128:9,16:30"  # epochs to the target; an epoch takes as long at any size
CHOOSE = ["--batch-sizes", "16,32,64,128", "--default-batch-size", "64", "--target", "accuracy>=0.9"]


class Recur:
    """Runs of e2e_client under wattune run, with the client's own log."""

    def __init__(self, wt):
        self.wt, self.machine = wt, wt.machine(scale=40)
        self.seen_file, self.file = wt.tmp / "seen", wt.tmp / "run.json"

    def command(self, *options, train=(NEED,), job="job", batch="{batch_size}"):
        return ["run", "--vgpu", self.machine.spec, "--job", job, f"--json={self.file}", *options, "--", self.wt.client,
                "train", f"batch={batch}", f"seen={self.seen_file}", *train]

    def run(self, *options, timeout=120, env={}, **kwargs):
        self.file.unlink(missing_ok=True)
        done = self.wt.run(*self.command(*options, **kwargs), timeout=timeout, env=env)
        self.document = json.loads(self.file.read_text()) if self.file.exists() else None
        return done

    def start(self, *options, **kwargs):
        return self.wt.start(*self.command(*options, **kwargs))

    def order(self):
        """(recurrence, batch size) of every try in the run's JSON."""
        return [(r["recurrence"], t["batch_size"]) for r in self.document["recurrences"] for t in r["tries"]]

    def tries(self):
        return [t for r in self.document["recurrences"] for t in r["tries"]]

    def seen(self):
        return [line.split() for line in self.seen_file.read_text().splitlines()] if self.seen_file.exists() else []

    def epochs(self):
        """Epochs that each started training ended, in order."""
        runs = []
        for _, epoch, *_ in self.seen():
            if epoch == "0":
                runs.append(0)
            else:
                runs[-1] = int(epoch)
        return runs


@pytest.fixture
def recur(wt):
    return Recur(wt)


# --- The whole way ----------------------------------------------------------------------------------------------------


def test_exploration_in_the_papers_order(recur):
    done = recur.run("--observe", "--recurrences", "5", *CHOOSE, train=(NEED, "polls=1"))
    assert done.returncode == 0, done.stderr
    # round 1: the default, downwards until one fails, upwards until one fails; round 2 from the cheapest of round 1
    assert recur.order()[:6] == [(1, 64), (2, 32), (3, 16), (3, 128), (3, 32), (4, 64)]
    assert recur.order()[6][0] == 5 and recur.order()[6][1] in (32, 64)
    tries = recur.tries()
    assert [t["reached"] for t in tries[:6]] == [True, True, False, False, True, True]
    assert [t["early_stopped"] for t in tries[:6]] == [False, False, True, True, False, False]
    assert [t["epochs"] for t in tries[:2]] == [6, 4] and tries[4]["epochs"] == 4 and tries[5]["epochs"] == 6

    # a run may cost twice the cheapest recurrence: eight epochs of the size that took four, or more where starting the
    # command took its part of those four; it is neither let past that nor stopped long before
    least = tries[1]["cost_j"]
    epoch_j = least / 4
    for stopped, epochs in zip(tries[2:4], recur.epochs()[2:4]):
        assert 6 <= stopped["epochs"] < 30 and 2 * least - 2.5 * epoch_j < stopped["cost_j"] < 2 * least + 0.8 * epoch_j
        assert stopped["exit_code"] in (0, None) and abs(epochs - stopped["epochs"]) <= 1  # no epoch was ended unseen

    # sums over the tries of a recurrence, and the cost of each
    third = recur.document["recurrences"][2]
    assert third["reached"] is True and len(third["tries"]) == 3
    for key in ("energy_j", "time_s", "cost_j"):
        assert third[key] == pytest.approx(sum(t[key] for t in third["tries"]))
    for t in tries:
        assert t["cost_j"] == pytest.approx(0.5 * t["energy_j"] + 0.5 * 250 * t["time_s"], rel=1e-6)
    assert [t["trial"] for t in tries] == sorted({t["trial"] for t in tries})

    # the ledger has the same, with its meaning
    shown = recur.wt.show()
    assert shown["recurrences"] == recur.document["recurrences"]
    (beliefs,) = shown["beliefs"]
    by_size = {b["batch_size"]: b for b in beliefs["batch_sizes"]}
    assert [b for b in by_size if by_size[b]["left"]] == [32, 64] and by_size[16]["runs"] == 1
    assert by_size[32]["mean_cost_j"] < by_size[64]["mean_cost_j"] and not beliefs["exploring"]
    assert beliefs["next_batch_size"] in (32, 64) and beliefs["running"] == 0
    text = recur.wt.run("show", "job").stdout
    assert "dropped" in text and "<- next" in text and "accuracy>=0.9" in text
    # and so does the end of the run
    assert "Lessons, a run to the target" in done.stderr and re.search(r"^ +32 .*<- cheapest", done.stderr, re.M)
    assert re.search(r"^ +64 .*100.0 %  <- default", done.stderr, re.M)


def test_limits_are_tuned_for_each_size(recur):
    done = recur.run("--power-limits", "250,150", "--baseline", "no", "--recurrences", "3", *CHOOSE,
                     train=("need=16:7,32:8,64:9,128:30", "samples=2560", "polls=1"))
    assert done.returncode == 0, done.stderr
    assert recur.order()[:3] == [(1, 64), (2, 32), (3, 16)]
    first = recur.tries()[0]
    assert [p["power_limit_w"] for p in first["profile"]] == [250, 150] and first["power_limit_w"] in (250, 150)
    profiles = [t["profile"] for t in recur.tries()[:3]]
    assert all(len(p) == 2 for p in profiles)  # each size has a profile of its own
    assert profiles[0][0]["time_per_step_s"] > 1.5 * profiles[1][0]["time_per_step_s"]
    assert recur.machine.limits() == [250] and not recur.machine.journal() and not recur.wt.leftovers()


def test_pareto_of_a_job(recur, wt):
    """Every size at every limit that was profiled, from the profiles of `show`."""
    options = ["--power-limits", "250,150", "--search", "sweep", "--baseline", "no", "--recurrences", "3", *CHOOSE]
    done = recur.run(*options, train=("need=16:7,32:8,64:9,128:30", "samples=2560", "polls=1"))
    assert done.returncode == 0, done.stderr
    assert recur.order()[:3] == [(1, 64), (2, 32), (3, 16)]
    tries = [t for r in wt.show()["recurrences"] for t in r["tries"]]
    svg = wt.tmp / "front.svg"
    found = json.loads(wt.run("pareto", "--job", "job", "--json", "--svg", str(svg)).stdout)
    assert found["job"] == "job" and found["target"] == 0.9 and found["target_words"] == "accuracy>=0.9"
    assert found["eta"] == 0.5 and found["max_power_w"] == 250 and found["gpu_count"] == 1 and "V100" in found["gpu_model"]
    points = {(p["batch_size"], p["power_limit_w"]): p for p in found["points"]}
    assert set(points) == {(b, limit) for b in (16, 32, 64) for limit in (250, 150)} and found["left_out"] == []
    for t in tries:
        for step in t["profile"]:
            p, steps = points[t["batch_size"], step["power_limit_w"]], t["steps"]
            assert p["epochs"] == t["epochs"]
            assert p["time_s"] == pytest.approx(steps * step["time_per_step_s"], rel=1e-9)
            assert p["energy_j"] == pytest.approx(steps * step["energy_per_step_j"], rel=1e-9)
            assert p["cost_j"] == pytest.approx(0.5 * p["energy_j"] + 0.5 * 250 * p["time_s"], rel=1e-9)
            # a run at the chosen limit takes its expectation, and its start and its profiling
            if step["power_limit_w"] == t["power_limit_w"]:
                assert 0.85 * p["time_s"] < t["time_s"] < 2 * p["time_s"]
    assert found["default"] == {k: v for k, v in points[64, 250].items() if k != "on_front"}
    best = min(points.values(), key=lambda p: p["cost_j"])
    assert found["optimum"] == {k: v for k, v in best.items() if k != "on_front"} and best["on_front"]
    for p in points.values():
        beaten = any(q["time_s"] <= p["time_s"] and q["energy_j"] <= p["energy_j"] and q is not p for q in points.values())
        assert p["on_front"] is not beaten
    assert "<svg" in svg.read_text() and "default: 64, 250 W" in svg.read_text()
    energy = json.loads(wt.run("pareto", "--job", "job", "--json", env={"WATTUNE_ETA": "1"}).stdout)
    assert energy["eta"] == 1 and all(p["cost_j"] == p["energy_j"] for p in energy["points"])
    text = wt.run("pareto", "--job", "job", "--default-batch-size", "32")
    assert text.stdout.startswith("job, target accuracy>=0.9, eta 0.5, on 1 x ") and text.stderr == ""
    assert re.search(r"^ *32  250 W .*<- default$", text.stdout, re.M)


def test_pareto_tells_what_it_leaves_out(recur, wt):
    """A size that misses the target, GPUs without a profile, other targets."""
    options = ["--power-limits", "250", "--baseline", "no", *CHOOSE]
    train = ("need=64:2,32:3", "samples=2560", "polls=1", "epochs=5")
    assert recur.run(*options, "--recurrences", "2", train=train).returncode == 0
    recur.run(*options, train=train)  # 16 misses, 128 misses, and so on
    assert (3, 16) in recur.order() and (3, 128) in recur.order()
    recur.machine = wt.machine("a40", scale=40, name="other")
    assert recur.run("--observe", *options, train=train).returncode == 0
    found = json.loads(wt.run("pareto", "--job", "job", "--json").stdout)
    assert {p["batch_size"] for p in found["points"]} == {32, 64} and "V100" in found["gpu_model"]
    assert [(l["batch_size"], l["reached"], l["reason"]) for l in found["left_out"]] == \
        [(16, 0, "missed_target"), (128, 0, "missed_target")]
    text = wt.run("pareto", "--job", "job")
    assert "Left out: 16 (0 of 1 runs reached the target), 128 (0 of 1 runs reached the target)." in text.stdout
    done = wt.run("pareto", "--job", "job", "--gpu", "A40")
    assert done.returncode == 2 and "V100" in errors(done)[0]
    done = wt.run("pareto", "--job", "job", "--target", "accuracy>=0.95")
    assert done.returncode == 2 and "accuracy>=0.9" in errors(done)[0]
    assert wt.run("forget", "job", "--batch-sizes").returncode == 0
    done = wt.run("pareto", "--job", "job")
    assert done.returncode == 1 and "forgotten" in errors(done)[0] and done.stdout == ""


def test_beliefs_last_over_runs(recur):
    for expected in (64, 32, 16):
        assert recur.run("--observe", *CHOOSE, train=("need=16:5,32:4,64:6,128:9", "polls=1")).returncode == 0
        assert recur.tries()[-1]["batch_size"] == expected
    # another target is another question
    again = ["accuracy>=0.8" if word == "accuracy>=0.9" else word for word in CHOOSE]
    assert recur.run("--observe", *again, train=(NEED, "polls=1")).returncode == 0
    assert recur.order() == [(4, 64)]
    assert len(recur.wt.show()["beliefs"]) == 2
    # and a forgotten size is explored anew
    assert recur.wt.run("forget", "job", "--batch-sizes").returncode == 0
    assert recur.wt.show()["beliefs"] == [] and len(recur.wt.tries()) == 4
    assert recur.run("--observe", *CHOOSE, train=(NEED, "polls=1")).returncode == 0
    assert recur.order() == [(5, 64)]
    assert recur.wt.run("forget", "job").returncode == 0
    assert recur.wt.run("show", "job").returncode == 1


def test_another_gpu_takes_over_what_is_known_there(wt, recur):
    """Epochs carry over, the cost of one does not: it is known there from runs with other options."""
    train = ("need=32:3,64:2", "samples=5120", "polls=1")
    sizes = ["--power-limits", "250", "--baseline", "no", "--batch-sizes", "32,64", "--default-batch-size", "64", "--target"]
    assert recur.run(*sizes, "accuracy>=0.9", "--recurrences", "2", train=train).returncode == 0
    assert recur.order() == [(1, 64), (2, 32)]
    recur.machine = wt.machine("a40", scale=40, name="other")
    sizes[1] = "300"
    assert recur.run(*sizes, "accuracy>=0.9", train=train).returncode == 0
    assert recur.order() == [(3, 64)]  # other limits, so other options: nothing carries over
    sizes[1] = "250"
    done = recur.run(*sizes, "accuracy>=0.9", train=train)
    assert done.returncode == 0 and recur.order() == [(4, 32)]  # 64 counts, of 32 no epoch was seen here
    assert "1 run on other GPUs counts here" in done.stderr


def beliefs_on(shown, model):
    (beliefs,) = [b for b in shown["beliefs"] if model in b["gpu_model"]]
    return beliefs | {"by_size": {b["batch_size"]: b for b in beliefs["batch_sizes"]}}


def test_another_gpu_runs_each_size_once_for_its_profile(wt, recur):
    """Two rounds of exploration there; here one run of each size, and the history does the rest."""
    options = ["--power-limits", "250,150", "--search", "sweep", "--baseline", "no", "--batch-sizes", "32,64,128",
               "--default-batch-size", "64", "--target", "accuracy>=0.9"]
    train = ("need=32:6,64:5,128:6", "samples=2560", "polls=1")
    assert recur.run(*options, "--recurrences", "6", train=train).returncode == 0
    there = recur.order()
    assert [size for _, size in there[:4]] == [64, 32, 128, 64] and {size for _, size in there[4:6]} == {32, 128}
    assert not wt.show()["beliefs"][0]["exploring"]

    recur.machine = wt.machine("a40", scale=40, name="other")
    done = recur.run(*options, train=train)  # the default: nothing is known of this GPU yet
    assert done.returncode == 0 and recur.order() == [(7, 64)]
    assert "2 runs of it on other GPUs count once this one has shown the cost of an epoch here" in done.stderr
    assert "2 runs on other GPUs count here, at the cost of their epochs on these" in done.stderr
    assert "4 runs on other GPUs count here once an epoch of the size has a known cost" in wt.run("show", "job").stdout
    beliefs = beliefs_on(wt.show(), "A40")
    assert beliefs["exploring"] and beliefs["waiting_runs"] == 4 and beliefs["by_size"][64]["runs"] == 3

    done = recur.run(*options, "--recurrences", "2", train=train)
    assert done.returncode == 0 and recur.order() == [(8, 32), (9, 128)]
    shown = wt.show()
    beliefs = beliefs_on(shown, "A40")
    assert not beliefs["exploring"] and beliefs["waiting_runs"] == 0  # from scratch it would take three runs more
    here = [t for r in shown["recurrences"][6:] for t in r["tries"]]
    for t in here:
        steps = min(s["steps"] / s["epochs"] for r in shown["recurrences"] for s in r["tries"]
                    if s["batch_size"] == t["batch_size"])
        assert len(t["profile"]) == 2
        epoch_j = steps * min(0.5 * p["energy_per_step_j"] + 0.5 * 300 * p["time_per_step_s"] for p in t["profile"])
        belief = beliefs["by_size"][t["batch_size"]]
        assert belief["runs"] == 3 and belief["left"]
        past_j = 2 * {32: 6, 64: 5, 128: 6}[t["batch_size"]] * epoch_j
        assert belief["mean_cost_j"] == pytest.approx((t["cost_j"] + past_j) / 3, rel=1e-3)
    # a run's expected cost comes from runs here: history's lack the cost besides steps
    assert beliefs["cost_bound_j"] == pytest.approx(2 * min(t["cost_j"] for t in here), rel=1e-6)
    assert recur.run(*options, train=train).returncode == 0  # and beliefs decide
    assert recur.order()[0][0] == 10 and beliefs_on(wt.show(), "A40")["exploring"] is False


def test_another_gpu_without_profiles(wt, recur):
    """--observe makes none: a run's time and energy give the cost of its epochs."""
    options = ["--observe", "--batch-sizes", "32,64", "--default-batch-size", "64", "--target", "accuracy>=0.9"]
    train = ("need=32:3,64:2", "samples=2560", "polls=1")
    assert recur.run(*options, "--recurrences", "4", train=train).returncode == 0
    recur.machine = wt.machine("a40", scale=40, name="other")
    assert recur.run(*options, "--recurrences", "2", train=train).returncode == 0
    assert recur.order() == [(5, 64), (6, 32)]
    beliefs = beliefs_on(wt.show(), "A40")
    (first,), (second,) = [r["tries"] for r in recur.document["recurrences"]]
    assert not beliefs["exploring"]
    assert beliefs["by_size"][64]["mean_cost_j"] == pytest.approx(first["cost_j"], rel=1e-6)
    assert beliefs["by_size"][32]["mean_cost_j"] == pytest.approx(second["cost_j"], rel=1e-6)


def test_what_the_command_is_told(recur):
    done = recur.run("--observe", "--batch-sizes", "16,64", "--default-batch-size", "64", "--target", "accuracy>=0.9",
                     "--seed", "7", "--lr", "0.1", "--optimizer", "adam", "--recurrences", "2",
                     train=("need=16:2,64:2", "polls=1"))
    assert done.returncode == 0
    # batch size (argument), epoch, batch size, seed, learning rate, recurrence
    starts = [line for line in recur.seen() if line[1] == "0"]
    assert starts == [["64", "0", "64", "7", "0.1", "1"], ["16", "0", "16", "8", "0.05", "2"]]
    done = recur.wt.run("run", "--vgpu", recur.machine.spec, "--job", "echo", "--", "echo",
                        "{batch_size} {lr} {seed} {recurrence} {x} {{seed}}")
    assert done.stdout == "{batch_size} {lr} 1 1 {x} {1}\n"


def test_an_unknown_optimizer_leaves_the_rate(recur):
    done = recur.run("--observe", "--batch-sizes", "16,64", "--default-batch-size", "64", "--target", "accuracy>=0.9",
                     "--lr", "0.1", "--optimizer", "lion", "--recurrences", "2", train=("need=16:1,64:1", "polls=1"))
    assert done.returncode == 0
    assert [line[4] for line in recur.seen() if line[1] == "0"] == ["0.1", "0.1"]
    assert len(re.findall("no rule is known for the learning rate of the optimizer lion", done.stderr)) == 1


# --- Reaching and missing ---------------------------------------------------------------------------------------------


def test_a_training_that_reached_its_target_is_not_killed(recur):
    done = recur.run("--target", "accuracy>=0.9", "--max-epochs", "4", batch="64", train=("need=64:2", "epochs=7"))
    (t,) = recur.tries()
    assert done.returncode == 0 and recur.epochs() == [7] # it does not listen, and ends by itself
    assert t["reached"] is True and not t["early_stopped"] and t["exit_code"] == 0 and t["epochs"] == 7


def test_reached_with_the_last_epoch(recur):
    assert recur.run("--target", "accuracy>=0.9", batch="64", train=("need=64:1", "epochs=1")).returncode == 0
    assert recur.tries()[0]["reached"] is True and recur.tries()[0]["metric"] == 0.9


def test_downwards(recur):
    assert recur.run("--target", "accuracy<=0.01", batch="64", train=("epochs=2",)).returncode == 0
    assert recur.run("--target", "accuracy<=0.009", batch="64", train=("epochs=2",)).returncode == 5


def test_epochs_run_out(recur):
    done = recur.run("--target", "accuracy>=0.9", "--max-epochs", "3", "--grace", "5", batch="64")
    (t,) = recur.tries()
    assert done.returncode == 5 and t["reached"] is False and t["early_stopped"] is True and t["epochs"] == 3
    assert recur.epochs() == [3] and t["exit_code"] is None  # our SIGTERM is not its exit code
    assert recur.document["recurrences"][0]["reached"] is False
    assert "143" not in done.stderr


def test_sigkill_follows_after_the_grace(recur):
    begin = time.monotonic()
    done = recur.run("--target", "accuracy>=0.9", "--max-epochs", "1", "--grace", "0.5", batch="64", train=("deaf=1",))
    assert done.returncode == 5 and time.monotonic() - begin < 20
    assert "wattune killed it" in done.stderr and recur.tries()[0]["exit_code"] is None


@pytest.mark.parametrize("train, words", [
    (("metric=loss",), "the target's metric accuracy was never reported (loss was)"),
    (("nan=1",), "the metric accuracy was never a number"),
    (("metric=",), "epochs ended without the target's metric accuracy"),
    (("epochs=0",), "no epoch was seen to end"),
])
def test_a_metric_that_is_not_there(recur, train, words):
    done = recur.run("--target", "accuracy>=0.9", batch="64", train=("epochs=2", *train))
    assert done.returncode == 5 and len(re.findall(re.escape(words), done.stderr)) == 1
    assert recur.tries()[0]["reached"] is False


def test_metric_of_a_pattern(recur):
    done = recur.run("--metric-pattern", r"accuracy ([\d.]+)", "--target", "quality>=0.9", batch="64",
                     train=("need=64:2", "metric=other", "print=1", "epochs=3"))
    assert done.returncode == 0 and recur.tries()[0]["reached"] is True


def test_the_default_fails(recur):
    done = recur.run("--observe", "--recurrences", "3", "--max-epochs", "2", *CHOOSE)
    assert done.returncode == 5 and recur.order() == [(1, 64)]
    assert "the default batch size did not reach the target" in errors(done)[-1]
    # the next run explores anew, rather than to fail for ever
    assert recur.run("--observe", "--max-epochs", "2", *CHOOSE, train=("need=64:2", "polls=1")).returncode == 0
    assert recur.order() == [(2, 64)]


def test_a_size_whose_epoch_is_too_dear_is_not_started(recur):
    """Learned under one beta; under a smaller one not even one epoch fits."""
    train = ("need=32:12,64:1", "samples=5120", "polls=1", "epochs=2")
    options = ["--power-limits", "250", "--baseline", "no", "--target", "accuracy>=0.9", "--default-batch-size", "64"]
    # the cost of an epoch of 32 becomes known
    recur.run(*options[:-2], "--batch-sizes", "32", "--max-epochs", "2", train=train)
    assert recur.tries()[0]["epochs"] == 2 and recur.tries()[0]["profile"]
    started = len(recur.epochs())
    done = recur.run(*options, "--batch-sizes", "32,64", "--beta", "0.5", "--recurrences", "2", train=train)
    tries = recur.tries()
    # 64 reaches the target in one epoch; half of that is less than an epoch of any size, 64 itself included
    assert done.returncode == 5 and "no batch size reached the target" in errors(done)[-1]
    assert (tries[0]["batch_size"], tries[0]["ran"], tries[0]["reached"]) == (64, True, True)
    assert (tries[1]["batch_size"], tries[1]["ran"], tries[1]["reached"]) == (32, False, False)
    assert tries[1]["energy_j"] == 0 and tries[1]["cost_j"] == 0 and tries[1]["exit_code"] is None
    assert (tries[2]["batch_size"], tries[2]["ran"]) == (64, False)
    assert "not started" in done.stderr and len(recur.epochs()) == started + 1


# --- Failing and ending -----------------------------------------------------------------------------------------------


def test_a_command_that_fails_is_no_bad_size(recur):
    done = recur.run("--observe", "--recurrences", "4", *CHOOSE, train=(NEED, "polls=1", "fail_batch=32"))
    assert done.returncode == 3 and recur.order() == [(1, 64), (2, 32)]
    assert recur.tries()[1]["exit_code"] == 3 and recur.tries()[1]["reached"] is False
    by_size = {b["batch_size"]: b for b in recur.wt.show()["beliefs"][0]["batch_sizes"]}
    assert by_size[32] == {"batch_size": 32, "runs": 0, "mean_cost_j": None, "sd_cost_j": None, "left": True}
    assert recur.run("--observe", *CHOOSE, train=(NEED, "polls=1")).returncode == 0
    assert recur.order() == [(3, 32)]  # handed out again


def test_a_command_that_is_not_there(recur):
    done = recur.wt.run("run", "--vgpu", recur.machine.spec, "--job", "none", *CHOOSE, "--recurrences", "3", "--", "/no/such")
    assert done.returncode == 127 and "no such command" in done.stderr
    assert recur.wt.run("show", "none").returncode == 1  # nothing was booked


def test_recurrences_without_batch_sizes(recur):
    done = recur.run("--observe", "--recurrences", "3", batch="64", train=("epochs=1",))
    assert done.returncode == 0 and recur.order() == [(1, None), (2, None), (3, None)]
    assert [r["reached"] for r in recur.document["recurrences"]] == [None] * 3
    assert [line[3] for line in recur.seen() if line[1] == "0"] == ["1", "2", "3"]  # the seeds
    done = recur.run("--observe", "--recurrences", "3", batch="64", train=("epochs=1", "code=9"))
    assert done.returncode == 9 and len(recur.tries()) == 1
    done = recur.run("--observe", "--recurrences", "2", "--target", "accuracy>=0.9", batch="64", train=("epochs=1",))
    assert done.returncode == 5 and len(recur.tries()) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all(recur, number):
    run = recur.start("--power-limits", "250,150", "--recurrences", "5", *CHOOSE, train=("polls=1",))
    wait_for(lambda: len(recur.seen()) > 1, 20, "an epoch to end")
    run.send_signal(number)
    out, err = run.communicate(timeout=20)
    assert run.returncode == 128 + number, err
    assert [line for line in recur.seen() if line[1] == "0"] == [recur.seen()[0]]  # one start, no retry
    shown = recur.wt.show()
    assert len(shown["recurrences"]) == 1 and shown["beliefs"][0]["running"] == 0  # the claim was given back
    assert recur.machine.limits() == [250] and not recur.machine.journal()


def test_ctrl_c_ends_all(recur):
    terminal = Terminal(recur.wt, *recur.command("--power-limits", "250,150", "--recurrences", "5", *CHOOSE, train=("polls=1",)))
    wait_for(lambda: len(recur.seen()) > 1, 20, "an epoch to end")
    os.write(terminal.master, b"\x03")
    terminal.read()
    assert terminal.process.wait(10) in (-2, 130)
    assert len([line for line in recur.seen() if line[1] == "0"]) == 1
    shown = recur.wt.show()
    assert len(shown["recurrences"]) == 1 and shown["beliefs"][0]["running"] == 0
    assert shown["recurrences"][0]["tries"][0]["exit_code"] == 130
    assert recur.machine.limits() == [250] and not recur.machine.journal()
    terminal.close()


def test_what_a_stopped_training_leaves_is_ended_too(recur, wt):
    script = wt.tmp / "train.sh"
    script.write_text(f"#!/bin/sh\nsh -c 'trap \"\" TERM; while :; do sleep 0.1; done' &\necho $! > {wt.tmp}/pid\n"
                      f"exec {wt.client} train batch=64\n")
    script.chmod(0o755)
    done = wt.run("run", "--vgpu", recur.machine.spec, "--job", "job", "--target", "accuracy>=0.9", "--max-epochs", "1",
                  "--grace", "1", "--", script)
    assert done.returncode == 5
    wait_for(lambda: not alive(int((wt.tmp / "pid").read_text())), 5, "the child to end")


# --- Several at once --------------------------------------------------------------------------------------------------


def test_processes_at_once_share_the_beliefs(wt):
    """Three processes, each on a machine of its own, on one ledger."""
    need = "need=32:4,64:5,128:6,16:30"
    runs = []
    for i in range(3):
        machine = wt.machine(scale=40, name=f"m{i}")
        runs.append(wt.start("run", "--observe", "--vgpu", machine.spec, "--job", "job", "--recurrences", "4", "--grace", "1",
                             *CHOOSE, "--", wt.client, "train", "batch={batch_size}", need, "polls=1"))
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
    shown = wt.show()
    assert [r["recurrence"] for r in shown["recurrences"]] == list(range(1, 13))
    assert all(r["reached"] for r in shown["recurrences"])
    tries = [t for r in shown["recurrences"] for t in r["tries"]]
    counted = collections.Counter(t["batch_size"] for t in tries)
    assert counted[16] == 1  # the size that fails is tried once, by one of them
    (beliefs,) = shown["beliefs"]
    assert {b["batch_size"]: b["runs"] for b in beliefs["batch_sizes"]} == {s: counted[s] for s in (16, 32, 64, 128)}
    assert beliefs["running"] == 0


def test_a_killed_run_keeps_nobody_waiting(recur):
    run = recur.start("--observe", *CHOOSE, train=(NEED,))
    wait_for(lambda: len(recur.seen()) > 1, 20, "an epoch to end")
    victims = children(run.pid)
    run.kill()
    run.wait()
    for pid in victims:
        try:
            subprocess.run(["kill", "-9", str(pid)], check=False)
        except OSError:
            pass
    # its claim holds for a minute: the default meanwhile runs beside, and its cost counts
    assert recur.wt.show()["beliefs"][0]["running"] == 1
    done = recur.run("--observe", *CHOOSE, train=("need=64:3", "polls=1"))
    assert done.returncode == 0 and recur.order() == [(2, 64)]
    assert recur.wt.show()["beliefs"][0]["exploring"] is True


# --- Wrong words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, words", [
    (["--batch-sizes", "32,64", "--target", "a>=1"], "--default-batch-size"),
    (["--batch-sizes", "32,64", "--default-batch-size", "16", "--target", "a>=1"], "16 is not among"),
    (["--batch-sizes", "32,64,32", "--default-batch-size", "32", "--target", "a>=1"], "32 twice"),
    (["--batch-sizes", "32,x", "--target", "a>=1"], "whole numbers"),
    (["--batch-sizes", "", "--target", "a>=1"], "whole numbers"),
    (["--batch-sizes", "0", "--target", "a>=1"], "whole numbers"),
    (["--batch-sizes", "32"], "needs --target"),
    (["--batch-sizes", "32", "--target", "a=1"], "NAME>=VALUE"),
    (["--batch-sizes", "32", "--target", "a>=many"], "NAME>=VALUE"),
    (["--batch-sizes", "32", "--target", "a>=1", "--beta", "0"], "--beta"),
    (["--batch-sizes", "32", "--target", "a>=1", "--beta", "nan"], "--beta"),
    (["--batch-sizes", "32", "--target", "a>=1", "--window", "65"], "--window"),
    (["--batch-sizes", "32", "--target", "a>=1", "--policy", "wattune"], "--policy is zeus"),
    (["--batch-sizes", "32", "--target", "a>=1", "--optimizer", "adam"], "goes with --lr"),
    (["--beta", "3"], "goes with --batch-sizes"),
    (["--max-epochs", "3"], "goes with --target"),
    (["--recurrences", "0"], "--recurrences"),
    (["--lr", "fast"], "--lr"),
    (["--seed", "-1"], "--seed"),
    (["--target", "a>=1", "--grace", "long"], "--grace"),
])
def test_wrong_words(wt, options, words):
    done = wt.run("run", *options, "--", "true")
    assert done.returncode == 2 and len(errors(done)) == 1 and words in errors(done)[0]
    assert not wt.ledger.exists()


def test_one_size_is_its_own_default(recur):
    done = recur.run("--observe", "--batch-sizes", "64", "--target", "accuracy>=0.9", train=(NEED, "polls=1"))
    assert done.returncode == 0 and recur.order() == [(1, 64)] and "WATTUNE_BATCH_SIZE" not in done.stderr
    done = recur.run("--observe", "--batch-sizes", "64", "--target", "accuracy>=0.9", batch="64", train=(NEED, "polls=1"))
    assert done.returncode == 0 and "it has to take its batch size from WATTUNE_BATCH_SIZE" in done.stderr
