# SPDX-License-Identifier: Apache-2.0
"""explain: its answers for virtual GPUs whose numbers are known, and for jobs with little data."""

import json
import random
import sqlite3
import xml.etree.ElementTree

import pytest

from conftest import errors

# The virtual V100, as vgpu/models.c has it, and a training on it.
STATIC_W, LINEAR, WAITING_W = 70.5, 0.357, 66.4
WATTS, SHARE, HOST = 240, 0.6, 0.1


def explain(wt, job="job", *options):
    done = wt.run("explain", job, "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def profiled(wt, *options, job="job", train=("steps=900",), scale=20):
    machine = wt.machine(scale=scale)
    work = (f"watts={WATTS}", f"share={SHARE}", f"host={HOST}", *train)
    done, tried, _ = wt.train(machine, *options, job=job, train=work)
    assert done.returncode == 0 and tried["profile"], done.stderr
    return tried


def step_at(limit_w, watts=WATTS, share=SHARE, host=HOST):
    """Time (s) and energy (J) of a step of 0.1 s at full clock, by the virtual card's closed form."""
    def dynamic(clock):
        return (watts - STATIC_W) * (LINEAR * clock + (1 - LINEAR) * clock ** 3)
    low, high = 0.149, 1.0
    while watts > limit_w and high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if STATIC_W + dynamic(middle) < limit_w else (low, middle)
    gpu_s, host_s = 0.1 * (1 - host) * (1 - share + share / high), 0.1 * host
    return gpu_s + host_s, gpu_s * (STATIC_W + dynamic(high)) + host_s * WAITING_W


def book(wt, steps, chosen_w, noise=0.003):
    """A run whose measured profile and choice are replaced by those given: steps is {limit: (time, energy)}. A busy host
    changes none of these."""
    profiled(wt, "--power-limits", "250,150", train=("steps=300",))
    draw = random.Random(7)
    with sqlite3.connect(wt.ledger) as ledger:
        ledger.execute("DELETE FROM profile_points")
        for limit_w, (time_s, energy_j) in steps.items():
            time_s, energy_j = time_s * draw.gauss(1, noise), energy_j * draw.gauss(1, noise)
            ledger.execute("INSERT INTO profile_points SELECT profile_id, 0, ?, 100, ?, ?, ?, ?, 0 FROM profiles",
                           (limit_w * 1000, time_s, energy_j, 2 * noise * energy_j, 2 * noise * time_s))
        ledger.execute("UPDATE trials SET setting = ?, note = NULL", (chosen_w * 1000,))


# --- One batch size ---------------------------------------------------------------------------------------------------


def test_what_is_known_is_found(wt):
    steps = {limit: step_at(limit) for limit in range(250, 99, -25)}
    book(wt, steps, 175)
    told = explain(wt)
    assert told["schema_version"] == 1 and told["job"] == "job" and told["batch_size"] is None
    assert (told["gpu_model"], told["gpu_count"]) == ("Tesla V100-PCIE-16GB", 1)
    fit = told["fit"]
    assert fit["describes"] is True and fit["why_none"] is None and fit["points_used"] == 7

    # the truth is inside the intervals, and these are narrow enough to be useful
    for key, error, truth, widest in (
            ("static_power_w", "static_power_error_w", STATIC_W, 18),
            ("dynamic_power_w", "dynamic_power_error_w", WATTS - STATIC_W, 18),
            ("compute_bound_fraction", "compute_bound_fraction_error", SHARE * (1 - HOST), 0.3)):
        assert abs(told[key] - truth) <= told[error] <= widest, key
    assert fit["time_residual_rms_fraction"] <= fit["time_residual_largest_fraction"] < 0.015
    assert fit["power_residual_rms_fraction"] <= fit["power_residual_largest_fraction"] < 0.02
    assert 0.2 < fit["residuals_over_errors"] < 2
    assert [p["power_limit_w"] for p in told["points"]] == [250, 225, 200, 175, 150, 125, 100]
    for p in told["points"]:
        time_s, energy_j = steps[p["power_limit_w"]]
        assert p["fitted_time_per_step_s"] == pytest.approx(time_s, rel=0.015)
        assert p["fitted_energy_per_step_j"] == pytest.approx(energy_j, rel=0.015)
        assert p["fitted_power_w"] == pytest.approx(p["fitted_energy_per_step_j"] / p["fitted_time_per_step_s"], rel=1e-9)
        assert p["static_energy_per_step_j"] == pytest.approx(told["static_power_w"] * p["time_per_step_s"], rel=1e-9)
    least_w = min(range(100, 251), key=lambda limit: step_at(limit)[1])
    assert abs(fit["least_energy_limit_w"] - least_w) <= fit["least_energy_limit_error_w"] + 4 < 25

    page = wt.run("explain", "job")
    assert page.returncode == 0 and page.stderr == ""
    assert f"{told['static_power_w']:.1f} W +- {told['static_power_error_w']:.1f} W" in told["sentences"][0]
    assert f"{100 * told['compute_bound_fraction']:.1f} %" in told["sentences"][0]
    assert "= static  # dynamic" in page.stdout and "The fit to 7 limits describes them" in page.stdout
    assert "found" in page.stdout and "<- chosen" in page.stdout and "<- least energy" in page.stdout


def test_what_a_run_measured_is_explained(wt):
    """Steps of 50 ms of the host's time, so that a busy host adds little to them."""
    tried = profiled(wt, "--search", "sweep", "--power-limits", "250,200,150,100", train=("steps=260",), scale=2)
    told = explain(wt)
    measured = {p["power_limit_w"]: p for p in tried["profile"]}
    assert [p["power_limit_w"] for p in told["points"]] == list(measured) == [250, 200, 150, 100]
    for p in told["points"]:
        assert p["energy_per_step_j"] == pytest.approx(measured[p["power_limit_w"]]["energy_per_step_j"], rel=1e-9)
        assert p["time_per_step_s"] == pytest.approx(measured[p["power_limit_w"]]["time_per_step_s"], rel=1e-9)
    assert told["fit"]["describes"] is True and told["fit"]["points_used"] == 4
    assert abs(told["static_power_w"] - STATIC_W) <= told["static_power_error_w"] < 30
    assert abs(told["dynamic_power_w"] - (WATTS - STATIC_W)) <= told["dynamic_power_error_w"] < 50

    # all of the saving is the limit's
    assert told["found_power_limit_w"] == 250 and told["default"]["power_limit_w"] == 250
    assert told["chosen"]["power_limit_w"] == tried["power_limit_w"] < 250
    parts = told["contributions"]
    now, before = measured[tried["power_limit_w"]], measured[250]
    assert parts["energy_fraction"] == pytest.approx(now["energy_per_step_j"] / before["energy_per_step_j"], rel=1e-9)
    assert parts["time_fraction"] == pytest.approx(now["time_per_step_s"] / before["time_per_step_s"], rel=1e-9)
    assert parts["limit_fraction"] == parts["energy_fraction"] < 1
    assert (parts["epochs_fraction"], parts["epoch_energy_fraction"]) == (1, 1)
    assert parts["limit_saving_fraction"] == pytest.approx(1 - parts["energy_fraction"], rel=1e-9)
    least = min(told["points"], key=lambda p: p["energy_per_step_j"])
    assert told["least_energy"]["power_limit_w"] == least["power_limit_w"]
    assert told["least_energy"]["fraction_of_chosen"] == pytest.approx(
        least["energy_per_step_j"] / now["energy_per_step_j"], rel=1e-9)
    page = wt.run("explain", "job").stdout
    for sentence in told["sentences"]:
        assert sentence + "\n" in page


def test_limits_that_are_never_reached(wt):
    book(wt, {limit: step_at(limit, watts=85, host=0.2) for limit in (250, 200, 150, 100)}, 150)
    told = explain(wt)
    assert told["fit"]["why_none"] == "limits_not_reached" and told["fit"]["describes"] is False
    assert told["static_power_w"] is None and told["dynamic_power_w"] is None and told["compute_bound_fraction"] is None
    assert "less than the limits allow" in told["sentences"][0]
    assert "describes" not in wt.run("explain", "job").stdout


def test_points_that_are_like_no_curve(wt):
    steps = {limit: step_at(limit) for limit in range(250, 99, -25)}
    for limit in (225, 175, 125):
        steps[limit] = (steps[limit][0] * 1.2, steps[limit][1])
    book(wt, steps, 150)
    told = explain(wt)
    assert told["fit"]["describes"] is False and told["fit"]["why_none"] is None
    assert told["fit"]["time_residual_largest_fraction"] > 0.05 and told["fit"]["residuals_over_errors"] > 5
    assert "like no curve" in told["sentences"][0] and "at any clock" not in told["sentences"][0]
    page = wt.run("explain", "job").stdout
    assert "does not describe them" in page and "= static" not in page


def test_two_limits_are_too_few(wt):
    profiled(wt, "--power-limits", "250,150")
    told = explain(wt)
    assert told["fit"]["why_none"] == "too_few_limits" and told["static_power_w"] is None
    assert "three limits" in told["sentences"][0] and "150 W" in told["sentences"][0]
    assert told["contributions"]["limit_fraction"] == told["contributions"]["energy_fraction"]
    assert [p["fitted_power_w"] for p in told["points"]] == [None, None]


# --- Batch sizes ------------------------------------------------------------------------------------------------------


def test_what_each_knob_gave(wt):
    machine = wt.machine(scale=40)
    need = "need=32:4,64:6,128:8"
    done = wt.run("run", "--vgpu", machine.spec, "--job", "sizes", "--recurrences", "6", "--batch-sizes", "32,64,128",
                  "--default-batch-size", "64", "--target", "accuracy>=0.9", "--beta", "inf", "--power-limits", "250,150",
                  "--eta", "1", "--", wt.client, "train", "batch={batch_size}", need, "samples=12800", "polls=1", "watts=240",
                  timeout=120)
    assert done.returncode == 0, done.stderr
    told = explain(wt, "sizes")
    assert told["batch_size"] == told["chosen"]["batch_size"] == 32
    assert (told["default"]["batch_size"], told["default"]["power_limit_w"]) == (64, 250)
    assert (told["default"]["epochs"], told["chosen"]["epochs"]) == (6, 4)
    assert told["chosen"]["power_limit_w"] == 150 and told["default"]["on_front"] is False
    parts = told["contributions"]
    assert parts["order"] == "mean"
    assert parts["epochs_fraction"] == pytest.approx(4 / 6, rel=1e-9)
    # an epoch takes as long at any size, and so as much energy; steps after the target and before the end count
    assert parts["epoch_energy_fraction"] == pytest.approx(1, abs=0.02 + parts["epoch_energy_fraction_error"])
    assert parts["limit_fraction"] < 0.95
    factors = [parts[k] for k in ("epochs_fraction", "epoch_energy_fraction", "limit_fraction")]
    assert factors[0] * factors[1] * factors[2] == pytest.approx(parts["energy_fraction"], rel=1e-9)
    points = [parts[k] for k in ("epochs_saving_fraction", "epoch_energy_saving_fraction", "limit_saving_fraction")]
    assert sum(points) == pytest.approx(1 - parts["energy_fraction"], abs=1e-9)
    assert told["chosen"]["energy_j"] / told["default"]["energy_j"] == pytest.approx(parts["energy_fraction"], rel=1e-9)
    page = wt.run("explain", "sizes").stdout
    assert "number of epochs" in page and "66.7 %" in page and "the mean of both orders" in page

    # another size is explained when it is asked for
    told = explain(wt, "sizes", "--batch-size", "128")
    assert told["chosen"]["batch_size"] == 128 and told["contributions"]["epochs_fraction"] == pytest.approx(8 / 6, rel=1e-9)
    done = wt.run("explain", "sizes", "--batch-size", "256")
    assert done.returncode == 1 and done.stdout == "" and "256" in errors(done)[0] and len(errors(done)) == 1


def test_each_kind_of_gpu_by_itself(wt):
    for model, name in (("v100", "Tesla V100-PCIE-16GB"), ("a40", "NVIDIA A40")):
        machine = wt.machine(model, name=model)
        done, tried, _ = wt.train(machine, "--power-limits", "250,200,150", train=("steps=400",))
        assert done.returncode == 0, done.stderr
        told = explain(wt)
        assert told["gpu_model"] == name and told["chosen"]["power_limit_w"] == tried["power_limit_w"]
        assert [p["power_limit_w"] for p in told["points"]] == [p["power_limit_w"] for p in tried["profile"]]
        assert told["default"]["power_limit_w"] == {"v100": 250, "a40": 300}[model]
        assert told["default"]["energy_per_step_j"] == pytest.approx(tried["profile"][0]["energy_per_step_j"], rel=1e-9)


# --- Little to say ----------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_without_ledger_job_or_profile(wt):
    done = wt.run("explain", "mlp")
    assert done.returncode == 1 and done.stdout == "" and len(errors(done)) == 1 and not wt.ledger.exists()
    assert wt.run("run", "--vgpu", wt.plain(), "--job", "one", "--", "true").returncode == 0
    done = wt.run("explain", "two")
    assert done.returncode == 1 and errors(done) == [wt.run("show", "two").stderr.strip()]
    for more in ((), ("--json",)):
        done = wt.run("explain", "one", *more)
        assert done.returncode == 1 and done.stdout == "" and "no profile" in errors(done)[0]


@pytest.mark.parametrize("arguments, words", [((), "JOB is missing"), (("a", "b"), "one word too many"), (("a", "--batch-size", "0"), "batch-size"),
                                              (("a", "--batch-size", "x\x1b"), "x\\x1b"), (("a", "--svg"), "--svg")])
@pytest.mark.sanitized
def test_wrong_usage(wt, arguments, words):
    done = wt.run("explain", *arguments)
    assert done.returncode == 2 and done.stdout == "" and len(errors(done)) == 1 and words in errors(done)[0]


@pytest.mark.sanitized
def test_a_name_is_only_a_name(wt):
    job = "\"<b>&'\n\x1b[31m%s%n\u202e"
    profiled(wt, "--power-limits", "250,200,150,100", job=job)
    figure = wt.tmp / "figure.svg"
    page = wt.run("explain", job, "--svg", figure)
    assert page.returncode == 0 and "\x1b" not in page.stdout and "\u202e" not in page.stdout
    assert page.stdout.splitlines()[0].startswith("job \"<b>&'\\n\\x1b[31m%s%n\\u202e on 1 x ")
    assert explain(wt, job)["job"] == job
    texts = [e.text for e in xml.etree.ElementTree.parse(figure).iter("{http://www.w3.org/2000/svg}text")]
    assert any(t.startswith("\"<b>&'\\n\\x1b[31m") for t in texts) and "power limit (W)" in texts
    done = wt.run("explain", job, "--svg", wt.tmp / "no" / "figure.svg")
    assert done.returncode == 1 and done.stdout == "" and len(errors(done)) == 1
