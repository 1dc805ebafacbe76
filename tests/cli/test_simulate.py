# SPDX-License-Identifier: Apache-2.0
"""wattune simulate and wattune pareto: a small trace of our own, worked out by hand, and wrong files and options.

With the published traces in the folder that WATTUNE_TRACES names, the published histories and values are compared as well."""

import json
import math
import os
import pathlib
import random
import subprocess
import xml.dom.minidom

import pytest

pytestmark = pytest.mark.sanitized

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRACES = pathlib.Path(os.environ.get("WATTUNE_TRACES", ROOT.parent / "shared" / "traces"))

TRAIN = ["dataset", "network", "batch_size", "optimizer", "learning_rate", "run", "target_metric", "target_epoch"]
POWER = ["dataset", "network", "batch_size", "optimizer", "power_limit", "time_per_epoch", "average_power"]
JOB = ("toys", "net", "sgd")

# Epochs to the target 0.5 of each recorded run; seconds and watts of an epoch at each limit.  Cost of an epoch at
# eta 0.5 and 200 W, of 200 W and 100 W: size 8 10*(.5*180+100) = 1900, 16*(.5*95+100) = 2360; 16 6*190 = 1140,
# 9*(50+100) = 1350; 32 4*(.5*190+100) = 780, 6*(49+100) = 894; 64 5*200 = 1000, 5*(90/2+100) = 725.
EPOCHS = {8: [4, 4], 16: [5, 5], 32: [8, 8], 64: [20, "nan"]}
COSTS = {8: {200: (10, 180), 100: (16, 95)}, 16: {200: (6, 180), 100: (9, 100)}, 32: {200: (4, 190), 100: (6, 98)},
         64: {200: (5, 200), 100: (5, 90)}}


def write(path, heading, rows):
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in [heading, *rows]))
    return str(path)


class Trace:
    def __init__(self, wattune, folder):
        self.wattune = wattune
        self.train = [[*JOB[:2], b, JOB[2], "1e-1", run, 0.5, e] for b, all in EPOCHS.items() for run, e in enumerate(all, 1)]
        self.power = [[*JOB[:2], b, JOB[2], limit, *values] for b, all in COSTS.items() for limit, values in all.items()]
        self.paths = folder / "train.csv", folder / "power.csv"
        self.write()

    def write(self):
        write(self.paths[0], TRAIN, self.train)
        write(self.paths[1], POWER, self.power)

    def words(self, **options):
        chosen = {"train": self.paths[0], "power": self.paths[1], "job": "/".join(JOB), "target": 0.5, "max-epochs": 40,
                  "default-batch-size": 16} | {k.replace("_", "-"): v for k, v in options.items()}
        return [word for k, v in chosen.items() if v is not None for word in (f"--{k}", str(v))]

    def simulate(self, code=0, **options):
        done = self.wattune("simulate", *self.words(**options), "--json", code=code)
        return json.loads(done.stdout) if code == 0 else done.stderr

    def pareto(self, code=0, **options):
        done = self.wattune("pareto", *self.words(**options), "--json", code=code)
        return json.loads(done.stdout) if code == 0 else done.stderr


@pytest.fixture
def trace(wattune, tmp_path):
    return Trace(wattune, tmp_path)


def choices(document):
    return [[(t["batch_size"], t["power_limit_w"], t["epochs"], t["reached"]) for t in r["tries"]]
            for r in document["recurrences"]]


# --- Values worked out by hand


def test_pareto_by_hand(trace):
    found = trace.pareto()
    assert (found["schema_version"], found["job"], found["max_power_w"]) == (1, "toys/net/sgd", 200)
    points = {(p["batch_size"], p["power_limit_w"]): p for p in found["points"]}
    assert set(points) == {(b, limit) for b in (8, 16, 32) for limit in (200, 100)}  # 64 missed the target once
    assert points[8, 200] == {"batch_size": 8, "power_limit_w": 200, "epochs": 4, "time_s": 40, "energy_j": 7200,
                              "cost_j": 7600, "on_front": False}
    assert points[16, 200]["cost_j"] == 5700 and points[16, 100]["cost_j"] == 6750
    # (time, energy): 30 s 5400 J; 45 s 4500 J; 32 s 6080 J; 48 s 4704 J; 40 s 7200 J; 64 s 6080 J
    assert {key for key, p in points.items() if p["on_front"]} == {(16, 200), (16, 100)}
    assert found["optimum"]["batch_size"] == 16 and found["optimum"]["power_limit_w"] == 200
    assert found["default"] == found["optimum"]
    assert found["left_out"] == [{"batch_size": 64, "runs": 2, "reached": 1, "reason": "missed_target"}]
    assert (found["target"], found["target_words"], found["gpu_model"], found["gpu_count"]) == (0.5, None, None, None)
    energy_only = trace.pareto(eta=1, default_batch_size=None)
    assert energy_only["optimum"]["power_limit_w"] == 100 and energy_only["optimum"]["cost_j"] == 4500
    assert set(energy_only["default"].values()) == {None}
    assert trace.pareto(eta=0)["optimum"]["cost_j"] == 200 * 30


def test_eta_is_the_one_that_is_set(trace, wattune):
    def optimum(env=None, **options):
        found = json.loads(wattune("pareto", *trace.words(**options), "--json", env=env).stdout)
        return found["eta"], found["optimum"]["cost_j"]

    wattune.write_config("eta = 1\n")
    assert optimum() == (1, 4500)
    assert optimum({"WATTUNE_ETA": "0"}) == (0, 200 * 30)
    assert optimum({"WATTUNE_ETA": "0"}, eta=0.5) == (0.5, 5700)
    oracle = trace.simulate(policy="oracle", recurrences=1)
    assert oracle["eta"] == 1 and oracle["totals"]["cost_j"] == 4500
    assert "WATTUNE_ETA is a number from 0 to 1" in wattune("simulate", *trace.words(), code=2, env={"WATTUNE_ETA": "2"}).stderr
    wattune.config.unlink()
    assert optimum() == (0.5, 5700)


def test_zeus_by_hand(trace):
    found = trace.simulate()
    assert {"job": "toys/net/sgd", "policy": "zeus", "seed": 1, "eta": 0.5, "beta": 2, "max_power_w": 200,
            "batch_sizes": [8, 16, 32, 64], "power_limits_w": [200, 100]}.items() <= found.items()
    rows = found["recurrences"]
    assert [r["recurrence"] for r in rows] == list(range(1, 17))  # 2 x 4 sizes x 2 limits
    # 16 at 200 W, the cheaper limit: an epoch 1140, the profiled one the mean of both limits: 7.5 s and 990 J.
    first = rows[0]["tries"]
    assert first == [{"batch_size": 16, "power_limit_w": 200, "epochs": 5, "energy_j": 4 * 1080 + 990, "time_s": 4 * 6 + 7.5,
                      "cost_j": 0.5 * 5310 + 100 * 31.5, "reached": True, "profiled": True, "ran": True}]
    assert rows[0]["energy_j"] == 5310 and rows[0]["cost_j"] == 5805
    # The bound is 11610.  Down: 8 takes 4 epochs of 1900.  Up: 32 takes 8 of 780; 64 would take 20 of 725 or never
    # arrive, and is stopped after 16, in the recurrence that then runs the best size of the first round.
    assert choices(found)[:4] == [[(16, 200, 5, True)], [(8, 200, 4, True)], [(32, 200, 8, True)],
                                  [(64, 100, 16, False), (16, 200, 5, True)]]
    assert choices(found)[4:6] == [[(8, 200, 4, True)], [(32, 200, 8, True)]]
    stopped = rows[3]
    assert stopped["energy_j"] == (15 * 450 + (1000 + 450) / 2) + 5400 and stopped["reached"]
    # Costs of an arm that never differ but for the profile: 16 it is, for good.
    assert all(c == [(16, 200, 5, True)] for c in choices(found)[6:])
    assert [t["profiled"] for r in rows for t in r["tries"]] == [True] * 4 + [False] * 13
    totals, last5 = found["totals"], found["last5"]
    assert totals["cost_j"] == pytest.approx(sum(r["cost_j"] for r in rows), rel=1e-9)
    assert totals["regret_j"] == pytest.approx(totals["cost_j"] - 16 * 5700, rel=1e-9)
    assert last5 == {"energy_j": 5400, "time_s": 30, "energy_fraction_of_default": 1, "time_fraction_of_default": 1}


def test_early_stop(trace):
    assert choices(trace.simulate(beta="inf"))[3][0][2] in (20, 40)  # 64 is allowed to end
    # 1.2 x 5805 = 6966: three epochs of 8, eight of 32, nine of 64.
    tight = choices(trace.simulate(beta=1.2))
    assert tight[1] == [(8, 200, 3, False), (32, 200, 8, True)] and tight[2][0] == (64, 100, 9, False)


def test_a_size_that_cannot_start(trace):
    trace.train.append([*JOB[:2], 4, JOB[2], "1e-1", 1, 0.5, 1])
    trace.power.append([*JOB[:2], 4, JOB[2], 200, 200, 180])  # 38000 an epoch, and 11610 are allowed
    trace.write()
    tries = trace.simulate(recurrences=3)["recurrences"][2]["tries"]
    assert tries[0] == {"batch_size": 4, "power_limit_w": 200, "epochs": 0, "energy_j": 0, "time_s": 0, "cost_j": 0,
                        "reached": False, "profiled": False, "ran": False}
    assert tries[1]["batch_size"] == 32 and tries[1]["ran"]
    text = trace.wattune("simulate", *trace.words(recurrences=3)).stdout
    assert "not started" in text


def test_the_choice_of_a_limit(trace):
    def limit(*values):
        trace.power[3][5:] = values  # of 16 at 100 W
        trace.write()
        return trace.simulate(recurrences=1)["recurrences"][0]["tries"][0]["power_limit_w"]

    assert limit(8, 85) == 200  # 340 + 800 = 1140: a tie keeps the higher limit
    assert limit(8, 83.75) == 100
    # MAXPOWER grows with another job's limit; for the choice of a limit it is the size's own largest.
    trace.power.append(["other", "net", 1, "sgd", 300, 1, 1])
    assert limit(8, 83.75) == 100


def test_runs_are_drawn_as_they_stand_in_the_file(trace):
    epochs = [9, 3, 7, 4, 8]
    trace.train = [row for run, e in zip((5, 1, 4, 2, 3), epochs) for row in
                   ([*JOB[:2], 32, JOB[2], "1e-1", run, 0.5, 1], [*JOB[:2], 16, JOB[2], "1e-1", run, 0.5, e],
                    [*JOB[:2], 16, JOB[2], "1e-1", run, 0.4, 2])]
    trace.write()
    drawn = [0, 0, 3, 2, 2, 3, 3, 0, 2, 0]  # numpy.random.default_rng(11).choice(5), again and again
    found = trace.simulate(policy="default", seed=11, recurrences=10)
    assert [r["tries"][0]["epochs"] for r in found["recurrences"]] == [epochs[i] for i in drawn]


def test_runs_that_cannot_start(trace):
    # 0.5 x 5805 holds one epoch of 8 and no more; 0.1 x 5805 not even one of 16, which the second round begins with.
    half = trace.simulate(beta=0.5, recurrences=1)
    assert choices(half) == [[(16, 200, 5, True)]]
    done = trace.wattune("simulate", *trace.words(beta=0.1), code=5)
    assert done.stdout == "" and done.stderr == "wattune: error: no batch size reached the target in round 2 of pruning\n"


def test_the_other_policies(trace):
    default = trace.simulate(policy="default", recurrences=3)
    assert choices(default) == [[(16, 200, 5, True)]] * 3
    assert default["totals"] == {"energy_j": 16200, "time_s": 90, "cost_j": 17100, "regret_j": 0}
    grid = choices(trace.simulate(policy="grid", recurrences=12))
    assert [c[0][:2] for c in grid[:7]] == [(8, 200), (8, 100), (16, 200), (16, 100), (32, 200), (32, 100), (64, 200)]
    assert [c[0][:2] for c in grid[8:]] == [(16, 200)] * 4
    oracle = trace.simulate(policy="oracle", recurrences=4, eta=1)
    assert choices(oracle) == [[(16, 100, 5, True)]] * 4 and oracle["totals"]["regret_j"] == 0
    assert not any(t["profiled"] for r in oracle["recurrences"] for t in r["tries"])


def test_seeds(trace):
    trace.train += [[*JOB[:2], 16, JOB[2], "1e-1", run, 0.5, e] for run, e in ((3, 7), (4, 6), (5, 9))]
    trace.write()
    many = trace.simulate(seeds="3..12")
    singles = [trace.simulate(seed=s) for s in range(3, 13)]
    assert "recurrences" not in many and [row["seed"] for row in many["seeds"]] == list(range(3, 13))
    for row, single in zip(many["seeds"], singles):
        assert row["totals"] == single["totals"] and row["last5"] == single["last5"]
    energies = [single["totals"]["energy_j"] for single in singles]
    mean = sum(energies) / 10
    sd = math.sqrt(sum((e - mean) ** 2 for e in energies) / 9)
    assert sd > 0
    assert many["mean"]["totals"]["energy_j"] == pytest.approx(mean, rel=1e-9)
    assert many["sd"]["totals"]["energy_j"] == pytest.approx(sd, rel=1e-6)
    assert trace.simulate(seeds="4..4")["sd"]["totals"]["energy_j"] is None
    assert trace.simulate(seed=3) != trace.simulate(seed=4)
    assert trace.simulate(seeds="1..20", window=2)["seeds"] != trace.simulate(seeds="1..20")["seeds"]


def test_text(trace):
    text = trace.wattune("simulate", *trace.words(recurrences=4)).stdout
    lines = [line.split() for line in text.splitlines()]
    assert lines[0][0] == "toys/net/sgd," and text.startswith("toys/net/sgd, target 0.5, eta 0.5, at most 40 epochs;")
    assert lines[3] == "1 1 16 200 W 5 5.310 kJ 31.50 s 5.805 kJ target reached profiled".split()
    assert lines[6] == "4 1 64 100 W 16 7.475 kJ 1 min 20 s 11.74 kJ stopped early profiled".split()
    assert "default 16 200 W 5.400 kJ 30.00 s 5.700 kJ 100.0 % 100.0 %".split() in lines
    assert "regret" in text and "seed 1" in text
    means = trace.wattune("simulate", *trace.words(seeds="1..3")).stdout
    assert "means over seeds 1 to 3" in means and "standard deviation" in means
    pareto = [line.split() for line in trace.wattune("pareto", *trace.words()).stdout.splitlines()]
    assert pareto[3] == "16 200 W 5 30.00 s 5.400 kJ 5.700 kJ yes <- optimum".split()
    assert len(pareto) == 3 + 6 + 1 and " ".join(pareto[-1]) == "Left out: 64 (1 of 2 runs reached the target)."


def test_figures(trace, tmp_path):
    trace.train = [[a, "<&\">", *rest] for a, _, *rest in trace.train]
    trace.power = [[a, "<&\">", *rest] for a, _, *rest in trace.power]
    for rows in (trace.train, trace.power):
        for row in rows:
            row[1] = '"<&"">"'  # as CSV quotes it
    trace.write()
    svg = tmp_path / "figure.svg"
    trace.simulate(job='toys/<&">/sgd', svg=svg)
    root = xml.dom.minidom.parse(str(svg)).documentElement
    words = [t.firstChild.data for t in root.getElementsByTagName("text") if t.firstChild]
    assert root.tagName == "svg" and 'toys/<&">/sgd' in words
    assert "optimum: 16, 200 W" in words and "default: 16, 200 W" in words and "recurrence" in words
    opaque = [r for r in root.getElementsByTagName("rect") if r.getAttribute("fill-opacity") == "1.000"]
    assert len(opaque) == 16  # one choice a recurrence
    trace.pareto(job='toys/<&">/sgd', svg=svg)
    root = xml.dom.minidom.parse(str(svg)).documentElement
    assert len(root.getElementsByTagName("circle")) == 2  # the front; the others are worse than front and default
    assert "time to the target (s); 4 of 6 choices are beyond" in svg.read_text()
    assert len(root.getElementsByTagName("polyline")[0].getAttribute("points").split()) == 2
    trace.simulate(job='toys/<&">/sgd', seeds="1..5", svg=svg)
    xml.dom.minidom.parse(str(svg))
    assert "/nowhere/" in trace.simulate(job='toys/<&">/sgd', svg="/nowhere/x.svg", code=1)
    assert "<svg" in trace.wattune("pareto", *trace.words(job='toys/<&">/sgd', svg="/dev/stdout")).stdout


# --- Wrong input


def sentence(words):
    """One line of at most 500 characters that can be shown."""
    assert words.startswith("wattune: error: ") and words.count("\n") == 1 and words.endswith("\n") and len(words) < 500
    assert words[:-1].isprintable()
    return words[len("wattune: error: "):-1]


@pytest.mark.parametrize("options, part", [
    ({"job": "toys/net/adam"}, "power.csv: there is no job toys/net/adam"),
    ({"job": "toys/net"}, 'a job is DATASET/NETWORK/OPTIMIZER, not "toys/net"'),
    ({"job": "a/b/c/d"}, "a job is DATASET/NETWORK/OPTIMIZER"),
    ({"target": 0.75}, "train.csv: no run of toys/net/sgd at the target 0.75"),
    ({"target": "nan"}, "--target is a number"),
    ({"default_batch_size": 24}, "the default batch size 24 is not among the 4 of toys/net/sgd, which go from 8 to 64"),
    ({"default_batch_size": 0}, "--default-batch-size is a whole number"),
    ({"default_batch_size": None}, "simulate needs --default-batch-size"),
    ({"max_epochs": 0}, "--max-epochs is a whole number"),
    ({"max_epochs": None}, "simulate needs --max-epochs"),
    ({"train": None}, "simulate needs --train"),
    ({"train": "/nowhere.csv"}, "open /nowhere.csv"),
    ({"power": "/"}, "read /"),
    ({"eta": 1.01}, "--eta is a number from 0 to 1"),
    ({"eta": -0.1}, "--eta is a number"),
    ({"eta": "nan"}, "--eta is a number"),
    ({"beta": 0}, "--beta is a number above 0 and up to 1e+09, or inf"),
    ({"beta": -2}, "--beta is a number above 0 and up to 1e+09, or inf"),
    ({"beta": "nan"}, "--beta is a number above 0 and up to 1e+09, or inf"),
    ({"window": 65}, "--window is a whole number from 0 to 64"),
    ({"recurrences": 0}, "--recurrences is a whole number"),
    ({"recurrences": 100001}, "--recurrences is a whole number"),
    ({"seed": -1}, "--seed is a whole number"),
    ({"seeds": "5..4"}, "--seeds is A..B"),
    ({"seeds": "5"}, "--seeds is A..B"),
    ({"seeds": "1..2..3"}, "--seeds is A..B"),
    ({"seeds": "..3"}, "--seeds is A..B"),
    ({"seeds": "0..99999999999"}, "--seeds is A..B"),
    ({"seed": 1, "seeds": "1..2"}, "exclude each other"),
    ({"policy": "wattune"}, '--policy is zeus, default, grid or oracle, not "wattune"'),
    ({"policy": ""}, "--policy is zeus"),
])
def test_wrong_words(trace, options, part):
    assert part in sentence(trace.simulate(code=2, **options))


def test_a_word_too_many(trace):
    assert "simulate takes no argument" in trace.wattune("simulate", *trace.words(), "more", code=2).stderr
    assert "needs --job" in trace.wattune("pareto", *trace.words(job=None), code=2).stderr
    assert "needs --power" in trace.pareto(code=2, power=None)  # one of the two: it is about a trace
    assert "--gpu goes with a job in the ledger" in trace.pareto(code=2, gpu="V100")


def test_pareto_without_a_trace_is_about_the_ledger(wattune, tmp_path):
    """Tests of its numbers are in tests/e2e/test_recur.py."""
    assert "needs --job" in wattune("pareto", code=2).stderr
    assert sentence(wattune("pareto", "--job", "mlp", "--target", "0.5", code=2).stderr) == \
        '--target: a target is NAME>=VALUE or NAME<=VALUE, such as accuracy>=0.93, not "0.5"'
    ledger = ["--ledger", str(tmp_path / "mine.db")]
    assert str(tmp_path / "mine.db") in wattune("pareto", "--job", "mlp", *ledger, code=1).stderr  # there is no ledger
    wattune("run", "--vgpu", "v100", "--observe", "--progress", "none", "--job", "mlp", *ledger, "--", "true")
    assert "no job nlp in the ledger" in wattune("pareto", "--job", "nlp", *ledger, code=1).stderr
    done = wattune("pareto", "--job", "mlp", "--json", *ledger, code=1)
    assert done.stdout == "" and "no batch sizes were chosen for the job mlp" in sentence(done.stderr)


def arrives(trace, seed):
    words = trace.words(default_batch_size=64, seed=seed)
    done = subprocess.run([trace.wattune.path, "simulate", *words], env=trace.wattune.env, capture_output=True, timeout=60)
    assert done.returncode in (0, 5)
    return done.returncode == 0


def test_a_default_that_misses_the_target(trace):
    assert sentence(trace.simulate(default_batch_size=64, max_epochs=19, code=5)) == \
        "the default batch size 64 did not reach the target"
    assert "seed 7: the default batch size 64" in trace.simulate(default_batch_size=64, max_epochs=19, seeds="7..9", code=5)
    assert "default batch size 64" in trace.simulate(default_batch_size=64, max_epochs=19, policy="default", code=5)
    # One of its two runs arrives: it can be simulated, but its expected cost is not known.
    seed = next(s for s in range(1, 20)
                if arrives(trace, s))
    found = trace.simulate(default_batch_size=64, seed=seed)
    assert found["default"] == {"batch_size": 64, "power_limit_w": 200, "epochs": None, "energy_j": None, "time_s": None,
                                "cost_j": None}
    assert found["last5"]["energy_fraction_of_default"] is None and found["last5"]["energy_j"] > 0
    assert found["totals"]["regret_j"] > 0
    trace.train = [row[:-1] + ["nan"] for row in trace.train]
    trace.write()
    assert "did not reach" in trace.simulate(code=5)
    assert "no batch size reached the target" in trace.simulate(policy="oracle", code=5)
    assert "no batch size reached the target" in trace.simulate(policy="grid", code=5)
    empty = trace.pareto()
    assert empty["points"] == [] and empty["optimum"]["batch_size"] is None and empty["default"]["energy_j"] is None
    assert "No batch size" in trace.wattune("pareto", *trace.words()).stdout


HEAD = ",".join(TRAIN) + "\n"
ROW = "toys,net,16,sgd,1e-1,9,0.5,5\n"


@pytest.mark.parametrize("content, part", [
    (b"", ":1: the file is empty"),
    (b"\n\n", ":1: the file is empty"),
    (b"\xef\xbb\xbf", ":1: the file is empty"),
    (HEAD.encode(), ": there is no job toys/net/sgd"),
    (HEAD.replace("run,", "").encode(), ":1: there is no column run"),
    (HEAD.replace("target_epoch", "epoch").encode(), ":1: there is no column target_epoch"),
    (HEAD.replace("run,", "run,run,").encode(), ":1: there are two columns run"),
    ((HEAD + "toys,net,16\n").encode(), ":2: the row has 3 columns and the heading 8"),
    ((HEAD + ROW + "toys,net,16,sgd,1e-1,9,0.5,5,6\n").encode(), ":3: the row has 9 columns and the heading 8"),
    ((HEAD + ROW + 'toys,"net,16,sgd,1e-1,9,0.5,5\n').encode(), ":3: the quotes or columns of this line do not fit"),
    ((HEAD + ROW + 'toys,"net"x,16,sgd,1e-1,9,0.5,5\n').encode(), ":3: the quotes or columns"),
    ((HEAD + ROW + ROW.replace(",5\n", ",NaN\n")).encode(), ':3: target_epoch is "NaN"'),
    ((HEAD + ROW + ROW.replace(",5\n", ",\n")).encode(), ':3: target_epoch is ""'),
    ((HEAD + ROW + ROW.replace(",5\n", ",-5\n")).encode(), ':3: target_epoch is "-5"'),
    ((HEAD + ROW + ROW.replace(",5\n", ",0\n")).encode(), ':3: target_epoch is "0", which is not a whole number'),
    ((HEAD + ROW + ROW.replace(",5\n", ",2.5\n")).encode(), ':3: target_epoch is "2.5"'),
    ((HEAD + ROW + ROW.replace(",5\n", ",1e300\n")).encode(), ':3: target_epoch is "1e300"'),
    ((HEAD + ROW + ROW.replace(",5\n", ",inf\n")).encode(), ':3: target_epoch is "inf"'),
    ((HEAD + ROW + ROW.replace(",5\n", ",0x10\n")).encode(), ':3: target_epoch is "0x10"'),
    ((HEAD + ROW + ROW.replace("16", "0")).encode(), ':3: batch_size is "0"'),
    ((HEAD + ROW + ROW.replace("16", "nan")).encode(), ':3: batch_size is "nan"'),
    ((HEAD + ROW + ROW.replace("16", "-16")).encode(), ':3: batch_size is "-16"'),
    ((HEAD + ROW + ROW.replace("1e-1", "fast")).encode(), ':3: learning_rate is "fast"'),
    ((HEAD + ROW + ROW.replace("16", "\x1b[31m\u202e")).encode(), ':3: batch_size is "\\x1b[31m\\u202e"'),
    ((HEAD + ROW + "toys,net,16,sgd,1e-1,9,0.5,5\n").encode(), ":3: run 9 of batch size 16 is here for the second time"),
    ((HEAD + ROW).encode() + b"toys,net\0,16,sgd,1e-1,9,0.5,5\n", ":3: the line is no text"),
    ((HEAD + ROW).encode() + b"x" * 5_000_000, ":3: the line is longer than 2048 bytes"),
    (b"x" * 5_000_000, ":1: the line is longer than 2048 bytes"),
    (random.Random(1).randbytes(300_000).replace(b"\n", b"-"), ":1: the line is longer"),
    (b"\x89PNG\r\n\x1a\n" + bytes(200), ":1: there is no column dataset"),
    (b"," * 2000, ":1: the quotes or columns"),
])
def test_wrong_training_files(trace, content, part):
    trace.paths[0].write_bytes(content)
    assert str(trace.paths[0]) + part in sentence(trace.simulate(code=2))
    assert str(trace.paths[0]) + part in sentence(trace.pareto(code=2))


@pytest.mark.parametrize("column, value, part", [
    ("power_limit", "0", 'power_limit is "0"'), ("power_limit", "1e9", 'power_limit is "1e9"'),
    ("power_limit", "nan", 'power_limit is "nan"'), ("time_per_epoch", "-1", 'time_per_epoch is "-1"'),
    ("time_per_epoch", "0", 'time_per_epoch is "0"'), ("time_per_epoch", "1e99", 'time_per_epoch is "1e99"'),
    ("average_power", "-3", 'average_power is "-3"'), ("average_power", "nan", 'average_power is "nan"'),
    ("average_power", "1e12", 'average_power is "1e12"'), ("batch_size", "16.5", 'batch_size is "16.5"'),
])
def test_wrong_power_files(trace, column, value, part):
    trace.power[-1][POWER.index(column)] = value
    trace.write()
    assert f"{trace.paths[1]}:9: {part}, which is not a" in sentence(trace.simulate(code=2))


def test_rows_that_do_not_fit_together(trace):
    good = trace.power
    trace.power = good + [good[0]]
    trace.write()
    assert f"{trace.paths[1]}:10: batch size 8 at 200 W is here for the second time" in sentence(trace.simulate(code=2))
    trace.power = good + [[*JOB[:2], 100 + i, JOB[2], 100, 1, 1] for i in range(64)]
    trace.write()
    assert "a job of more than 64 batch sizes" in sentence(trace.simulate(code=2))
    trace.power = good + [[*JOB[:2], 8, JOB[2], 101 + i, 1, 1] for i in range(64)]
    trace.write()
    assert "a job of more than 64 power limits" in sentence(trace.simulate(code=2))
    trace.power = [row[:2] + [999] + row[3:] for row in good[:1]]
    trace.write()
    assert "no run of toys/net/sgd at the target 0.5 with a batch size that" in sentence(trace.simulate(code=2))


def test_oddities_that_are_survived(trace):
    before = trace.simulate()
    head = "\ufeff"
    for path in trace.paths:
        path.write_bytes((head + path.read_text().replace("toys", '"toys"')).replace("\n", "\r\n").encode())
    assert trace.simulate() == before
    # Columns in another order and more of them, empty lines, no newline at the end, a size without runs, another job's
    # larger limit (which is MAXPOWER), 0.50 for 0.5, whole numbers as 5.0.
    order = [7, 3, 1, 0, 6, 2, 5, 4]
    rows = [TRAIN] + trace.train
    text = "\n\n".join(",".join([str(row[i]) for i in order] + ["more"]) for row in rows)
    trace.paths[0].write_text(text.replace(",0.5,", ",0.50,").replace("\n5,", "\n5.0,"))
    trace.power += [[*JOB[:2], 128, JOB[2], 200, 1, 221], ["x", "y", 1, "z", 300, 1, 1]]
    write(trace.paths[1], POWER, trace.power)
    found = trace.simulate()
    assert found["max_power_w"] == 300 and found["batch_sizes"] == before["batch_sizes"]
    assert found["power_limits_w"] == [200, 100]
    assert found["recurrences"][0]["cost_j"] == 0.5 * 5310 + 0.5 * 300 * 31.5


def test_incomplete_grid(trace):
    trace.power = [row for row in trace.power if row[2:5:2] != [16, 200]]
    trace.write()
    found = trace.simulate()
    assert found["default"]["power_limit_w"] == 100 and len(found["recurrences"]) == 16
    assert found["recurrences"][0]["tries"][0]["power_limit_w"] == 100
    # A size that was recorded with another target only is feasible, but never seen to arrive.
    trace.train = [row[:6] + [0.6 if row[2] == 64 else row[6]] + row[7:] for row in trace.train]
    trace.write()
    found = trace.simulate()
    assert found["batch_sizes"] == [8, 16, 32, 64] and len(found["recurrences"]) == 12
    assert not any(t["reached"] for r in found["recurrences"] for t in r["tries"] if t["batch_size"] == 64)


# --- The published traces


PUBLISHED = {"deepspeech2": ("librispeech/deepspeech2/adamw", 40, 16, 192),
             "bert_qa": ("squad/bert_base_uncased/adamw", 84, 6, 32),
             "shufflenetv2": ("cifar100/shufflenetv2/adadelta", 0.6, 100, 1024)}
needs_traces = pytest.mark.skipif(not (TRACES / "golden").is_dir(), reason=f"no published traces in {TRACES}")


@pytest.fixture
def published(wattune):
    def run(command, workload, gpu="v100", **options):
        job, target, max_epochs, default = PUBLISHED[workload]
        chosen = {"train": TRACES / "summary_train.csv", "power": TRACES / f"summary_power_{gpu}.csv", "job": job,
                  "target": target, "max-epochs": max_epochs, "default-batch-size": default} | options
        return json.loads(wattune(command, *[w for k, v in chosen.items() for w in (f"--{k}", str(v))], "--json").stdout)

    return run


@needs_traces
@pytest.mark.parametrize("workload", PUBLISHED)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_published_histories(published, workload, seed):
    lines = (TRACES / "golden" / f"zeus_{workload}_v100_seed{seed}.jsonl").read_text().splitlines()
    head, *tries = map(json.loads, lines)
    found = published("simulate", workload, seed=seed)
    assert (found["batch_sizes"], found["power_limits_w"]) == (head["batch_sizes"], head["power_limits"])
    ours = [t for r in found["recurrences"] for t in r["tries"]]
    assert len(ours) == len(tries)
    for mine, theirs in zip(ours, tries):
        assert (mine["batch_size"], mine["power_limit_w"], mine["reached"], mine["profiled"]) == \
            (theirs["bs"], theirs["pl"], theirs["reached"], theirs["profile_power"])
        if theirs["reached"]:
            assert mine["epochs"] == theirs["target_epoch"]
        assert mine["energy_j"] == pytest.approx(theirs["energy"], rel=1e-9)
        assert mine["time_s"] == pytest.approx(theirs["time"], rel=1e-9)
        assert mine["cost_j"] == pytest.approx(theirs["observed_cost"], rel=1e-9)
    # A recurrence ends with the first try that reached the target.
    assert sum(t["reached"] for t in tries) == len(found["recurrences"])


@needs_traces
@pytest.mark.parametrize("workload, choice, fractions, ends", [
    ("deepspeech2", (48, 150), (0.6136, 0.7714), 0.618), ("shufflenetv2", (128, 100), (0.2532, 0.5661), 0.252),
    ("bert_qa", (12, 200), (0.8270, 1.0072), 0.82)])
def test_published_values(published, workload, choice, fractions, ends):
    found = published("pareto", workload)
    optimum, default = found["optimum"], found["default"]
    assert (optimum["batch_size"], optimum["power_limit_w"]) == choice
    assert (round(optimum["energy_j"] / default["energy_j"], 4), round(optimum["time_s"] / default["time_s"], 4)) == fractions
    mean = published("simulate", workload, seeds="1..20")["mean"]["last5"]["energy_fraction_of_default"]
    assert mean == pytest.approx(ends, abs=0.001)


@needs_traces
def test_published_front(published):
    points = sorted((p["time_s"], p["batch_size"], p["power_limit_w"]) for p in published("pareto", "deepspeech2")["points"]
                    if p["on_front"])
    assert [p[1:] for p in points] == [(48, 250), (48, 225), (56, 225), (48, 200), (48, 175), (48, 150), (32, 125), (48, 125),
                                       (32, 100)]


@needs_traces
def test_another_gpu(published):
    found = published("pareto", "bert_qa", gpu="a40")
    assert found["max_power_w"] == 300 and found["optimum"]["cost_j"] < found["default"]["cost_j"]
