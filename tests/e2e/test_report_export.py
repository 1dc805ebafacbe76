# SPDX-License-Identifier: Apache-2.0
"""Exports of a ledger: each number of theirs is one of `show --json` or `report --json`, an unknown figure is absent, and a
large ledger is not held in memory."""

import csv
import datetime
import io
import json
import re
import resource
import sqlite3
import time
import uuid

import pytest

from conftest import kill_with_children

# EmissionsData of CodeCarbon 3.3.2.
CODECARBON = """timestamp project_name run_id experiment_id duration emissions emissions_rate cpu_power gpu_power ram_power cpu_energy
    gpu_energy ram_energy energy_consumed water_consumed country_name country_iso_code region cloud_provider cloud_region os
    python_version codecarbon_version cpu_count cpu_model gpu_count gpu_model longitude latitude ram_total_size tracking_mode
    cpu_utilization_percent gpu_utilization_percent ram_utilization_percent ram_used_gb on_cloud pue wue""".split()
# Those that a run fills in when everything that Wattune can know is known, but for energy of CPUs and DRAM.
KNOWN = """timestamp project_name run_id experiment_id duration emissions emissions_rate gpu_power gpu_energy energy_consumed
    codecarbon_version gpu_count gpu_model tracking_mode gpu_utilization_percent pue""".split()

UNITS = {"ug": 1e-6, "mg": 1e-3, "g": 1, "kg": 1e3, "mWh": 3.6, "Wh": 3600, "kWh": 3.6e6, "uWh": 3.6e-3}


def export(wt, form, *options, words=""):
    done = wt.run("report", "--export", form, *options)
    assert done.returncode == 0 and words in done.stderr and bool(words) == bool(done.stderr), done.stderr
    return done.stdout


def codecarbon(wt, *options):
    return list(csv.DictReader(io.StringIO(export(wt, "codecarbon", *options), newline="")))


def boamps(wt, *options, words=""):
    return [json.loads(line) for line in export(wt, "boamps", *options, words=words).splitlines()]


def total(wt, *options):
    return json.loads(wt.run("report", "--json", *options).stdout)["total"]


def quantity(text):
    value, unit = text.split()
    return float(value) * UNITS[unit]


def started(tried):
    return datetime.datetime.fromisoformat(tried["started"].replace("Z", "+00:00"))


@pytest.fixture
def two_runs(wt):
    """One on a V100 and an A40 with a PUE and a grid of its own, one on a V100 alone."""
    machine = wt.machine("v100", "a40")
    tries = []
    for options in (["--gpus", "0,1", "--project", "vision", "--pue", "1.5", "--intensity", "200", "--phase", "inference"],
                    ["--gpus", "0", "--project", "speech", "--location", "FRA"]):
        done, tried, _ = wt.train(machine, "--observe", *options, train=("steps=20",), job=f"job of {options[3]}")
        assert done.returncode == 0, done.stderr
        tries.append(tried)
    return tries


def kill_one(wt):
    machine = wt.machine(name="killed")
    machine.hold()
    run = wt.start_training(machine, "--observe", train=("steps=100000",), job="killed")
    while not wt.ledger.exists() or '"killed"' not in wt.run("jobs", "--json").stdout:
        assert run.poll() is None
        time.sleep(0.05)
    kill_with_children(run)


# --- CodeCarbon


def test_codecarbon_has_what_was_booked(wt, two_runs):
    rows = codecarbon(wt)
    assert list(rows[0]) == CODECARBON and len(rows) == 2
    for row, tried, project, gpus, model, pue, country in zip(rows, two_runs, ("vision", "speech"), (2, 1), (
            "1 x Tesla V100-PCIE-16GB, 1 x NVIDIA A40", "1 x Tesla V100-PCIE-16GB"), (1.5, 1.1), ("", "FRA")):
        assert {name for name in CODECARBON if row[name]} == set(KNOWN) | ({"country_iso_code"} if country else set())
        assert row["country_iso_code"] == country
        facility_kwh = tried["energy_j"] * pue / 3.6e6
        expected = {"duration": tried["time_s"], "emissions": tried["carbon"]["operational_g"] / 1e3,
                    "emissions_rate": tried["carbon"]["operational_g"] / 1e3 / tried["time_s"], "gpu_energy": facility_kwh,
                    "gpu_power": facility_kwh * 3.6e6 / tried["time_s"], "energy_consumed": facility_kwh, "gpu_count": gpus, "pue": pue}
        assert {name: float(row[name]) for name in expected} == pytest.approx(expected, rel=1e-9)
        assert row["project_name"] == project and row["experiment_id"] == f"job of {project}" and row["gpu_model"] == model
        assert 0 < float(row["gpu_utilization_percent"]) <= 100
        end = started(tried) + datetime.timedelta(seconds=tried["time_s"])
        assert abs(datetime.datetime.fromisoformat(row["timestamp"] + "+00:00") - end) <= datetime.timedelta(seconds=1)
        assert re.fullmatch(r"Wattune \d+\.\d+\.\d+", row["codecarbon_version"])
        assert uuid.UUID(row["run_id"]).version == 8
    # The rows add up to the report.
    everything = total(wt)
    assert sum(float(row["energy_consumed"]) for row in rows) * 3.6e6 == pytest.approx(everything["facility_energy_j"], rel=1e-9)
    assert sum(float(row["emissions"]) for row in rows) * 1e3 == pytest.approx(everything["carbon"]["operational_location_g"], rel=1e-9)
    # The same run is the same one in every export.
    assert [row["run_id"] for row in rows] == [row["run_id"] for row in codecarbon(wt)]
    assert [report["header"]["reportId"] for report in boamps(wt)] == [row["run_id"] for row in rows]
    assert rows[0]["run_id"] != rows[1]["run_id"]


def test_which_runs(wt, two_runs):
    """A run is in whole, or not at all, by when it began; and by job and project."""
    second = two_runs[1]["started"]
    first_alone, second_alone = [codecarbon(wt, option, second) for option in ("--to", "--from")]
    assert [row["project_name"] for row in first_alone] == ["vision"] and [row["project_name"] for row in second_alone] == ["speech"]
    assert float(second_alone[0]["duration"]) == pytest.approx(two_runs[1]["time_s"], rel=1e-9)
    assert [row["project_name"] for row in codecarbon(wt, "--project", "speech")] == ["speech"]
    assert [row["project_name"] for row in codecarbon(wt, "--job", "job of vision")] == ["vision"]
    assert codecarbon(wt, "--job", "job of vision", "--project", "speech") == []
    text = export(wt, "methods", "--project", "vision")
    assert "1 run of the project vision on" in text
    assert quantity(re.search(r"GPUs used ([\d.]+ m?Wh) in the one run", text)[1]) == pytest.approx(two_runs[0]["energy_j"], rel=1e-3)


def test_processors_and_memory(wt, two_runs):
    """One of the two runs on a machine that also counts the energy of its CPUs and its DRAM."""
    with sqlite3.connect(wt.ledger) as db:
        db.execute("UPDATE trials SET cpu_energy_j = 720, dram_energy_j = 36 WHERE trial_id = (SELECT min(trial_id) FROM trials)")
    tried = wt.tries("job of vision")[0]
    assert (tried["cpu_energy_j"], tried["dram_energy_j"]) == (720, 36)
    row, other = codecarbon(wt)
    for column, joules in (("cpu_energy", 720), ("ram_energy", 36), ("gpu_energy", tried["energy_j"]),
                           ("energy_consumed", tried["energy_j"] + 756)):
        assert float(row[column]) == pytest.approx(joules * 1.5 / 3.6e6, rel=1e-9)
    assert float(row["cpu_power"]) == pytest.approx(720 * 1.5 / tried["time_s"], rel=1e-9)
    assert float(row["ram_power"]) == pytest.approx(36 * 1.5 / tried["time_s"], rel=1e-9)
    assert other["cpu_energy"] == other["ram_energy"] == other["cpu_power"] == ""
    report = boamps(wt)[0]
    assert report["measures"][0]["powerConsumption"] == pytest.approx((tried["energy_j"] + 756) / 3.6e6, rel=1e-9)
    assert "Energy of: GPUs, CPUs, DRAM. PUE" in report["task"]["taskDescription"] and "quality" not in report
    text = export(wt, "methods")
    assert "The energy of the CPUs was 200.0 mWh in 1 of the 2 runs; that of the others is not known." in text
    assert "The energy of DRAM was 10.00 mWh in 1 of the 2 runs" in text
    assert "CPUs in 1 of 2 runs, DRAM in 1 of 2 runs" in export(wt, "sci")


def test_names_in_codecarbon(wt):
    machine = wt.machine()
    names = ["=cmd|'/c'!A1", 'a "b", c\nd', "<script>", "\u202egnp.exe", "n" * 255]
    for name in names:
        assert wt.train(machine, "--observe", "--project", name, train=("steps=5",), job=name)[0].returncode == 0
    rows = codecarbon(wt)
    assert [row["experiment_id"] for row in rows] == ["'" + names[0]] + names[1:]
    assert [row["project_name"] for row in rows] == ["'" + names[0]] + names[1:]
    reports = boamps(wt)
    assert all(f"Job {name}, recurrence 1" in report["task"]["taskDescription"] for name, report in zip(names, reports))
    text = export(wt, "methods", "--job", names[1])
    assert r'of the job a "b", c\nd on' in text
    table = export(wt, "sci", "--by", "job,project")
    assert "\u202e" not in table and "\\u202egnp.exe" in table
    # Longer than any that a run is booked with, as somebody else's program may write.
    with sqlite3.connect(wt.ledger) as db:
        db.execute("UPDATE jobs SET name = ? WHERE name = ?", ("\u00e9" * 5000, names[2]))
    row = codecarbon(wt)[2]
    assert re.fullmatch("\u00e9{100,127}\ufffd?", row["experiment_id"]) and row["project_name"] == names[2]
    assert len(boamps(wt)) == len(names) and export(wt, "sci", "--by", "job") and export(wt, "methods", "--job", "\u00e9" * 5000)


# --- BoAmps


def test_boamps_has_what_was_booked(wt, two_runs):
    reports = boamps(wt)
    assert len(reports) == 2
    for report, tried, stage, g, country in zip(reports, two_runs, ("inference", "training"), (200, 56), ("unknown", "FRA")):
        # Required by the schema.
        assert {"task", "measures", "infrastructure"} <= set(report) and report["header"]["reportDatetime"]
        assert {"taskStage", "taskFamily", "algorithms", "dataset"} <= set(report["task"]) and report["task"]["taskStage"] == stage
        assert report["task"]["dataset"] == [{"dataUsage": "input", "dataType": "other"}] and len(report["task"]["algorithms"]) == 1
        measure, = report["measures"]
        assert measure["measurementMethod"] == "wattune" and measure["gpuTrackingMode"] == tried["source"] == "counter"
        assert measure["powerConsumption"] == pytest.approx(tried["energy_j"] / 3.6e6, rel=1e-9)
        assert measure["measurementDuration"] == pytest.approx(tried["time_s"], rel=1e-9)
        assert measure["measurementDateTime"] == tried["started"][:19].replace("T", " ")
        assert 0 < measure["averageUtilizationGpu"] <= 1
        assert report["infrastructure"]["infraType"] == "other"
        assert report["environment"] == {"country": country, "powerSourceCarbonIntensity": g}
        assert report["header"]["reportStatus"] == "draft" and "to be completed: taskFamily" in report["task"]["taskDescription"]
        assert "not measured: CPUs, DRAM" in report["task"]["taskDescription"]
    assert [c["componentName"] for c in reports[0]["infrastructure"]["components"]] == ["Tesla V100-PCIE-16GB", "NVIDIA A40"]
    assert all(c["componentType"] == "gpu" and c["nbComponent"] == 1 for r in reports for c in r["infrastructure"]["components"])


# --- SCI and methods


def test_sci_multiplies_out(wt, two_runs):
    everything = total(wt)
    grams = everything["carbon"]["operational_location_g"] + everything["carbon"]["embodied_g"]
    for per, count in (("run", 2), ("gpu-hour", everything["gpu_hours"])):
        text = export(wt, "sci", "--per", per)
        e, i, m, sci = re.search(r"= \(\(([\d.]+ \w+) x ([\d.]+) g/kWh\) \+ ([\d.]+ \w+)\) per [\w ]+ = ([\d.]+ \w+) CO2e", text).groups()
        assert quantity(sci) == pytest.approx(grams / count, rel=1e-3)
        assert quantity(e) == pytest.approx(everything["facility_energy_j"] / count, rel=1e-3)
        assert quantity(m) == pytest.approx(everything["carbon"]["embodied_g"] / count, rel=1e-3)
        assert quantity(e) / 3.6e6 * float(i) + quantity(m) == pytest.approx(quantity(sci), rel=2e-3)
    lines = export(wt, "sci", "--by", "project").splitlines()
    for tried, project in zip(two_runs, ("vision", "speech")):
        words = next(line for line in lines if line.startswith(project)).split()
        assert words[1] == "1/1"
        assert quantity(" ".join(words[-2:])) == pytest.approx(tried["carbon"]["operational_g"] + tried["carbon"]["embodied_g"], rel=1e-3)
    text = "\n".join(lines)
    for words in ("1.5, given by --pue (1 run)", "1.1, assumed (1 run)", "4 years of lifetime", "FRA: Our World in Data", "hardware counters (2 runs)",
                  "energy of CPUs in 0 of 2 runs", "1 to 2 GPUs a run"):
        assert words in text


def test_methods_say_what_was_booked(wt, two_runs):
    text = export(wt, "methods")
    everything = total(wt)
    for pattern, expected in ((r"The GPUs used ([\d.]+ \w+) in all 2 runs", everything["energy_j"]["gpu"]),
                              (r"the facility drew ([\d.]+ \w+) for", everything["facility_energy_j"]),
                              (r"operational emissions were ([\d.]+ \w+) CO2e in all 2 runs", everything["carbon"]["operational_location_g"]),
                              (r"Embodied emissions of ([\d.]+ \w+) CO2e", everything["carbon"]["embodied_g"]),
                              (r"they come to ([\d.]+ \w+) CO2e", everything["carbon"]["embodied_useful_g"]),
                              (r"together were ([\d.]+ \w+) CO2e\.", everything["carbon"]["total_location_g"]),
                              (r"error bound of ([\d.]+ \w+)", sum(t["energy_error_j"] for t in two_runs))):
        assert quantity(re.search(pattern, text)[1]) == pytest.approx(expected, rel=1e-3)
    assert float(re.search(r"reserved was ([\d.e-]+) GPU hours", text)[1]) == pytest.approx(everything["gpu_hours"], rel=1e-3)
    assert [t["carbon"]["lifetime_years"] for t in two_runs] == [4, 4]
    for words in ("read from hardware energy counters", "The energy of the CPUs was not measured.", "FRA: Our World in Data on Ember",
                  "no contract for electricity is on record", "1.5, given by --pue (1 run)", "(45.0 %), as in Sustainable AI [1]", "\n[1] C.-J. Wu",
                  "Tesla V100-PCIE-16GB + NVIDIA A40 (2 GPUs a run"):
        assert words in text
    assert "Zeus" not in text  # nothing was tuned


def test_a_contract_stands_beside_the_grid(wt):
    """And a saving has its error, and names the authors of its method."""
    machine = wt.machine()
    done, tried, _ = wt.train(machine, "--power-limits", "250,150", "--search", "sweep", train=("steps=250",),
                              env={"WATTUNE_CONTRACT_G_PER_KWH": "30"})
    assert done.returncode == 0, done.stderr
    text = export(wt, "methods")
    market = quantity(re.search(r"Market-based, .* emissions were ([\d.]+ \w+) CO2e in the one run", text)[1])
    assert market == pytest.approx(tried["energy_j"] * 1.1 / 3.6e6 * 30, rel=1e-3)
    saved = total(wt)["savings"]
    assert quantity(re.search(r"the GPUs used ([\d.]+ \w+) less", text)[1]) == pytest.approx(saved["energy_j"], rel=1e-3)
    assert quantity(re.search(r"less \(with a 95 % bound of ([\d.]+ \w+)\)", text)[1]) == pytest.approx(saved["energy_error_j"], rel=1e-3)
    assert "after Zeus [2]" in text and "\n[2] J. You" in text
    sci = quantity(re.search(r"= ([\d.]+ \w+) CO2e per run", export(wt, "sci"))[1])
    assert sci == pytest.approx(tried["carbon"]["operational_g"] + tried["carbon"]["embodied_g"], rel=1e-3)  # location-based


# --- Unknown figures


def test_a_killed_run_is_unknown_and_no_zero(wt, two_runs):
    kill_one(wt)
    row = next(row for row in codecarbon(wt) if row["experiment_id"] == "killed")
    assert {name for name in CODECARBON if row[name]} == {"run_id", "experiment_id", "codecarbon_version", "gpu_count", "gpu_model",
                                                          "tracking_mode"}
    assert len(boamps(wt, words="1 run is left out")) == 2
    text = export(wt, "sci")
    assert "R       one run; 2 runs; 1 more is left out, since something of it is unknown\n" in text
    grams = total(wt)["carbon"]["total_location_g"]
    assert quantity(re.search(r"= ([\d.]+ \w+) CO2e per run", text)[1]) == pytest.approx(grams / 2, rel=1e-3)
    text = export(wt, "methods")
    assert "1 of the runs had no regular end" in text and "in 2 of the 3 runs; that of the others is not known" in text
    text = export(wt, "methods", "--job", "killed")
    assert "The energy of the GPUs was not measured." in text and "Operational emissions are not known." in text
    assert "nan" not in text and not re.search(r"\b0(\.0+)? (m?Wh|m?g)\b", text)
    assert "SCI = ((E x I) + M) per R is unknown" in export(wt, "sci", "--job", "killed")


def test_runs_of_older_ledgers_have_energy_alone(wt, two_runs):
    """As a ledger of schema 2 is brought up to date: no user, node, factors or hours."""
    with sqlite3.connect(wt.ledger) as db:
        db.execute("DELETE FROM trial_hours")
        db.execute("UPDATE places SET user = NULL, node = NULL, project = NULL")
        db.execute("UPDATE trials SET factor_id = NULL, busy_s = NULL, intensity_g_per_kwh = NULL, operational_g = NULL, market_g = NULL,"
                   " embodied_g = NULL, embodied_useful_g = NULL")
    rows = codecarbon(wt)
    for row, tried in zip(rows, two_runs):
        assert {name for name in CODECARBON if row[name]} == set(KNOWN) - {"project_name", "emissions", "emissions_rate",
                                                                           "gpu_utilization_percent", "pue"}
        assert float(row["gpu_energy"]) == pytest.approx(tried["energy_j"] / 3.6e6, rel=1e-9)  # of the devices alone
    reports = boamps(wt)
    assert len(reports) == 2 and all("environment" not in r and "averageUtilizationGpu" not in r["measures"][0] for r in reports)
    assert "per R is unknown" in export(wt, "sci")
    text = export(wt, "methods")
    assert "The energy that the facility drew is not known." in text and "Embodied emissions are not known." in text
    assert "[1]" not in text and "nan" not in text


def test_ledgers_without_runs(wt):
    for _ in range(2):
        assert export(wt, "codecarbon") == ",".join(CODECARBON) + "\n"
        assert export(wt, "boamps") == ""
        assert export(wt, "sci") == export(wt, "methods") == "no runs in the ledger match\n"
        done, _, _ = wt.train(wt.machine(), "--observe", train=("steps=5",))  # now there is a ledger, and then none of its runs
        assert done.returncode == 0 and wt.run("forget", "job").returncode == 0
    wt.ledger.write_text("this is no ledger")
    done = wt.run("report", "--export", "codecarbon")
    assert done.returncode == 6 and "is not a ledger" in done.stderr and not done.stdout


# --- Usage, size, and where it goes


@pytest.mark.parametrize("options, words", [
    (["--export", "xml"], '--export is codecarbon, boamps, sci or methods, not "xml"'),
    (["--export", "codecarbon", "--by", "job"], "--export codecarbon has its own row for each run: leave out --by"),
    (["--export", "boamps", "--by", "job"], "--export boamps has its own row for each run: leave out --by"),
    (["--by", "job", "--export", "methods"], "--export methods is one paragraph: leave out --by"),
    (["--export", "sci", "--json"], "--export has a form of its own: leave out --format and --json"),
    (["--format", "csv", "--export", "codecarbon"], "--export has a form of its own: leave out --format and --json"),
    (["--export", "sci", "--per", "epoch"], '--per is run or gpu-hour, not "epoch"'),
    (["--export", "methods", "--per", "run"], "--per goes with --export sci"),
    (["--job", "a"], "--job and --project choose runs for --export"),
    (["--project", "a", "--format", "csv"], "--job and --project choose runs for --export"),
    (["--export", "methods", "--job", ""], "--job needs a name"),
    (["--export", "sci", "--from", "2026-03-02", "--to", "2026-03-01"], "--from must be before --to"),
])
def test_wrong_usage(wt, options, words):
    done = wt.run("report", *options)
    assert done.returncode == 2 and words in done.stderr and not done.stdout
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("form, runs", [("codecarbon", 100_000), ("boamps", 40_000)])
def test_a_large_ledger_is_not_held_in_memory(wt, form, runs):
    """25 MB and 48 MB of text come out of a process that may have 16 MB of its own."""
    assert wt.train(wt.machine(), "--observe", train=("steps=5",))[0].returncode == 0
    with sqlite3.connect(wt.ledger) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(trials)")]
        kept = ", ".join(name for name in columns if name not in ("trial_id", "recurrence"))
        db.execute(f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {runs})"
                   f" INSERT INTO trials ({kept}, recurrence) SELECT {kept}, n.i FROM n, trials WHERE recurrence = 1")
        db.execute("INSERT INTO trial_gpus SELECT t.trial_id, g.position, g.device_id, g.part FROM trials t, trial_gpus g WHERE t.recurrence > 1")
    done = wt.run("report", "--export", form, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (1 << 24, 1 << 24)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == runs + (form == "codecarbon") and len(done.stdout) > 20e6
    ids = set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", done.stdout))
    assert len(ids) == runs


def test_a_full_disk_is_said(wt, two_runs):
    for form in ("codecarbon", "boamps", "sci", "methods"):
        with open("/dev/full", "w") as full:
            done = wt.run("report", "--export", form, stdout=full)
        assert done.returncode == 1 and "standard output cannot be written: No space left on device" in done.stderr
