# SPDX-License-Identifier: Apache-2.0
"""Bookings of runs, and reports of them: hours at their grid's intensity, sums that hold, unknown that stays unknown,
names that stay names."""

import csv
import datetime
import http.server
import io
import json
import sqlite3
import threading
import time

import pytest

from conftest import kill_with_children

UTC = datetime.timezone.utc
LIFETIME_H = 4 * 8760


def report(wt, *options):
    done = wt.run("report", "--json", *options)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)


def hours(wt):
    with sqlite3.connect(wt.ledger) as db:
        return db.execute("SELECT hour, kind, energy_j, busy_s, intensity_g_per_kwh FROM trial_hours JOIN devices USING (device_id) ORDER BY hour").fetchall()


def series(wt, begin, values):
    path = wt.tmp / "grid.csv"
    rows = [f"{(begin + datetime.timedelta(hours=i)).strftime('%Y-%m-%dT%H:%M:%SZ')},{g}" for i, g in enumerate(values)]
    path.write_text("time,g_per_kwh\n" + "\n".join(rows) + "\n")
    return path


def test_each_hour_of_a_run_at_its_grid(wt):
    """Two hours and more of training in seven seconds; the grid changes every hour."""
    machine = wt.machine(scale=1000)
    begin = datetime.datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - datetime.timedelta(hours=1)
    grid = series(wt, begin, [100, 200, 300, 400, 500, 600])
    done, tried, _ = wt.train(machine, "--observe", "--pue", "1.5", train=("steps=37", "step_s=200", "host=0"),
                              env={"WATTUNE_INTENSITY_FILE": str(grid)})
    assert done.returncode == 0, done.stderr
    assert tried["time_s"] >= 7200
    rows = hours(wt)
    numbers = [row[0] for row in rows]
    assert len(rows) >= 3 and numbers == list(range(numbers[0], numbers[0] + len(rows)))
    assert numbers[0] == datetime.datetime.fromisoformat(tried["started"].replace("Z", "+00:00")).timestamp() // 3600
    assert sum(row[2] for row in rows) == pytest.approx(tried["energy_j"], rel=1e-9)
    # A full hour of steady work draws the average power of the whole: hours are cut where they end.
    mean_w = tried["energy_j"] / tried["time_s"]
    assert rows[1][2] == pytest.approx(mean_w * 3600, rel=0.02)
    first = begin.timestamp() // 3600
    assert [row[4] for row in rows] == [100 * (n - first + 1) for n in numbers]
    grams = sum(row[2] / 3.6e6 * 1.5 * row[4] for row in rows)
    assert tried["carbon"]["operational_g"] == pytest.approx(grams, rel=1e-9)
    assert tried["carbon"]["intensity_g_per_kwh"] == pytest.approx(grams / (tried["energy_j"] / 3.6e6 * 1.5), rel=1e-9)
    assert tried["carbon"]["pue"] == 1.5 and "grid.csv" in tried["carbon"]["intensity_source"]
    # Busy nearly all the time, and never longer than reserved.
    with sqlite3.connect(wt.ledger) as db:
        (busy_s,) = db.execute("SELECT busy_s FROM trials").fetchone()
    assert 0.9 * tried["time_s"] < busy_s <= tried["time_s"] * 1.001
    assert busy_s == pytest.approx(sum(row[3] for row in rows), rel=1e-9)
    # Reports by day hold the same.
    days = report(wt, "--by", "day")
    assert sum(g["energy_j"]["gpu"] for g in days["groups"]) == pytest.approx(tried["energy_j"], rel=1e-9)
    assert days["total"]["carbon"]["operational_location_g"] == pytest.approx(grams, rel=1e-9)
    assert days["total"]["runs"] == 1
    one = (begin + datetime.timedelta(hours=numbers[1] - first)).strftime("%Y-%m-%dT%H:%M:%SZ")
    two = (begin + datetime.timedelta(hours=numbers[1] - first + 1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    hour = report(wt, "--from", one, "--to", two)["total"]
    assert hour["energy_j"]["gpu"] == pytest.approx(rows[1][2], rel=1e-9)
    assert hour["gpu_hours"] == pytest.approx(1, rel=1e-6)

@pytest.mark.plain  # a preloaded library and a sanitizer do not agree
def test_a_provider_is_asked_for_the_hours_that_are_over(wt):
    """Two hours and more of training; at its end, one request asks the provider for the last day."""
    begin = datetime.datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    values = {begin + datetime.timedelta(hours=i): 100 * (i + 1) for i in range(4)}
    asked = []

    class Provider(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            history = [{"zone": "DE", "carbonIntensity": g, "datetime": t.strftime("%Y-%m-%dT%H:%M:%S.000Z")} for t, g in values.items()]
            answer = {"zone": "DE", "history": history} if "/history" in self.path else history[0]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    clock = wt.tmp / "clock"
    clock.write_text("0\n")
    machine = wt.machine(scale=1000)
    run = wt.start_training(machine, "--observe", train=("steps=37", "step_s=200", "host=0"), env={
        "WATTUNE_PROVIDER_URL": f"http://127.0.0.1:{server.server_port}", "WATTUNE_PROVIDER_ZONE": "DE", "SET_CLOCK": str(clock),
        "LD_PRELOAD": str(wt.build / "tests" / "e2e" / "libset-clock.so")})
    time.sleep(2)
    clock.write_text(f"{5 * 3600}\n")  # five hours later by the wall clock, when the run ends
    _, words = run.communicate(timeout=60)
    server.shutdown()
    assert run.returncode == 0, words
    rows = hours(wt)
    assert len(rows) >= 3 and [row[4] for row in rows] == [values[datetime.datetime.fromtimestamp(row[0] * 3600, UTC)] for row in rows]
    assert len([path for path in asked if "/history?zone=DE" in path]) == 1
    assert "provider http://127.0.0.1" in wt.tries()[0]["carbon"]["intensity_source"]



def test_embodied_carbon_is_a_share_of_the_systems(wt):
    machine = wt.machine("v100", "v100", "a40", "a40")
    _, tried, _ = wt.train(machine, "--observe", "--gpus", "0,1", train=("steps=20",))
    share = 2000e3 * tried["time_s"] / 3600 / LIFETIME_H * 2 / 4    # two of the node's four GPUs
    assert tried["carbon"]["embodied_g"] == pytest.approx(share, rel=1e-9)
    assert tried["carbon"]["embodied_useful_g"] == pytest.approx(share / 0.45, rel=1e-9)
    assert "Sustainable AI" in tried["carbon"]["embodied_source"]
    _, tried, _ = wt.train(machine, "--observe", "--gpus", "0", train=("steps=20",), job="other",
                           env={"WATTUNE_SYSTEM_GPUS": "8", "WATTUNE_LIFETIME_YEARS": "5", "WATTUNE_UTILISATION": "0.6"})
    assert tried["carbon"]["embodied_g"] == pytest.approx(2000e3 * tried["time_s"] / 3600 / (5 * 8760) / 8, rel=1e-9)
    assert tried["carbon"]["embodied_useful_g"] == pytest.approx(tried["carbon"]["embodied_g"] / 0.6, rel=1e-9)


def test_nobody_guesses_where_the_machine_is(wt):
    _, tried, _ = wt.train(wt.machine(), "--observe", train=("steps=20",))
    assert tried["carbon"]["intensity_source"] == "assumed world average"
    assert tried["carbon"]["intensity_g_per_kwh"] == 481 and tried["carbon"]["pue"] == 1.1
    assert tried["carbon"]["operational_g"] == pytest.approx(tried["energy_j"] / 3.6e6 * 1.1 * 481, rel=1e-9)
    assert tried["carbon"]["operational_market_g"] is None
    _, tried, _ = wt.train(wt.machine(), "--observe", "--location", "fra", train=("steps=20",))
    assert tried["carbon"]["intensity_g_per_kwh"] == 56 and "FRA" in tried["carbon"]["intensity_source"]


def test_reports_hold_what_runs_measured(wt):
    machine = wt.machine("v100", "a40")
    runs = [("a", "training", "vision", "0"), ("a", "training", "vision", "0"), ("b", "inference", "vision", "1"),
            ("c", "experimentation", "speech", "0,1")]
    tries = []
    for job, phase, project, gpus in runs:
        done, tried, _ = wt.train(machine, "--observe", "--phase", phase, "--project", project, "--gpus", gpus,
                                  train=("steps=20",), job=job)
        assert done.returncode == 0
        tries.append(tried)

    def total(which, key=lambda t: t["energy_j"]):
        return sum(key(t) for run, t in zip(runs, tries) if which(run))

    for by, place in (("job", 0), ("phase", 1), ("project", 2)):
        found = report(wt, "--by", by)
        assert {g["key"][by] for g in found["groups"]} == {run[place] for run in runs}
        for group in found["groups"]:
            mine = lambda run: run[place] == group["key"][by]
            assert group["runs"] == total(mine, lambda t: 1)
            assert group["energy_j"]["gpu"] == pytest.approx(total(mine), rel=1e-9)
            assert group["facility_energy_j"] == pytest.approx(1.1 * total(mine), rel=1e-9)
            assert group["carbon"]["operational_location_g"] == pytest.approx(
                total(mine, lambda t: t["carbon"]["operational_g"]), rel=1e-9)
            assert group["carbon"]["embodied_g"] == pytest.approx(total(mine, lambda t: t["carbon"]["embodied_g"]), rel=1e-9)
            assert group["carbon"]["total_location_g"] == pytest.approx(
                group["carbon"]["operational_location_g"] + group["carbon"]["embodied_g"], rel=1e-12)
            assert group["not_measured"] == ["cpu", "dram"] and group["energy_j"]["cpu"] is None
            assert group["savings"]["energy_j"] is None and group["savings"]["runs"] == 0
        energies = [g["energy_j"]["gpu"] for g in found["groups"]]
        assert energies == sorted(energies, reverse=True)
        assert found["total"]["runs"] == 4
        assert found["total"]["energy_j"]["total"] == pytest.approx(sum(energies), rel=1e-9)
    models = {g["key"]["gpu"]: g for g in report(wt, "--by", "gpu")["groups"]}
    assert models["Tesla V100-PCIE-16GB + NVIDIA A40"]["gpu_hours"] == pytest.approx(2 * tries[3]["time_s"] / 3600, rel=1e-9)
    pairs = report(wt, "--by", "project,phase")["groups"]
    assert [set(g["key"]) for g in pairs] == [{"project", "phase"}] * 3
    users = report(wt, "--by", "user,node")["groups"]
    assert len(users) == 1 and users[0]["key"]["user"] and users[0]["key"]["node"]
    # CSV and text say the same.
    table = list(csv.DictReader(io.StringIO(wt.run("report", "--by", "job", "--format", "csv").stdout)))
    as_json = report(wt, "--by", "job")["groups"]
    assert [row["job"] for row in table] == [g["key"]["job"] for g in as_json]
    assert [float(row["energy_gpu_j"]) for row in table] == pytest.approx([g["energy_j"]["gpu"] for g in as_json], rel=1e-9)
    assert all(row["energy_cpu_j"] == "" and row["savings_energy_j"] == "" for row in table)
    text = wt.run("report", "--by", "job").stdout
    assert [line.split()[0] for line in text.splitlines()[1:5]] == [g["key"]["job"] for g in as_json] + ["all"]
    assert "CPU energy is unknown for 4 of 4 runs" in text


def test_savings_are_summed_with_their_error(wt):
    machine = wt.machine()
    done, tried, _ = wt.train(machine, "--power-limits", "250,150", "--search", "sweep", train=("steps=250",))
    assert done.returncode == 0 and tried["savings"]["energy_fraction"] < 1
    saved = report(wt)["total"]["savings"]
    fraction, error = tried["savings"]["energy_fraction"], tried["savings"]["energy_fraction_error"]
    assert saved["energy_j"] == pytest.approx(tried["energy_j"] * (1 / fraction - 1), rel=1e-9)
    assert saved["energy_error_j"] == pytest.approx(tried["energy_j"] * error / fraction**2, rel=1e-9)
    assert saved["carbon_g"] == pytest.approx(saved["energy_j"] / 3.6e6 * 1.1 * 481, rel=1e-9)


def test_a_killed_run_is_counted_and_unknown(wt):
    machine = wt.machine()
    machine.hold()
    run = wt.start_training(machine, "--observe", train=("steps=100000",), job="killed")
    while not wt.ledger.exists() or '"killed"' not in wt.run("jobs", "--json").stdout:
        assert run.poll() is None
        time.sleep(0.05)
    kill_with_children(run)
    wt.train(machine, "--observe", train=("steps=20",), job="whole")
    found = report(wt, "--by", "job")
    killed = next(g for g in found["groups"] if g["key"]["job"] == "killed")
    assert killed["runs"] == 1 and killed["runs_not_ended"] == 1
    assert killed["energy_j"] == {"gpu": None, "cpu": None, "dram": None, "total": None}
    assert killed["facility_energy_j"] is None and killed["carbon"]["total_location_g"] is None
    assert "gpu" in killed["not_measured"]
    assert found["total"]["runs"] == 2 and found["total"]["energy_j"]["gpu"] > 0
    text = wt.run("report").stdout
    assert "no end (still running or killed)" in text and "GPU energy is unknown for 1 of 2 runs" in text


HOSTILE = ["<script>alert(1)</script>", "a\nb", "\x1b[31mred", "x'); DROP TABLE trials; --", "\u202egnp.exe", '"=1+1"', "=cmd|'/c'!A1",
           "n" * 255]


def test_names_stay_names(wt):
    machine = wt.machine()
    for name in HOSTILE:
        done, _, _ = wt.train(machine, "--observe", "--project", name, train=("steps=5",), job=name)
        assert done.returncode == 0
    found = report(wt, "--by", "job,project")["groups"]
    assert {(g["key"]["job"], g["key"]["project"]) for g in found} == {(n, n) for n in HOSTILE}
    text = wt.run("report", "--by", "job").stdout
    assert len(text.splitlines()) == len(HOSTILE) + 2 + 3
    assert "\x1b" not in text and "\u202e" not in text and "\\x1b[31mred" in text
    rows = list(csv.reader(io.StringIO(wt.run("report", "--by", "job", "--format", "csv").stdout)))
    assert len(rows) == len(HOSTILE) + 1
    assert "'=cmd|'/c'!A1" in [row[0] for row in rows]  # no formula


@pytest.mark.parametrize("options, words", [
    (["--by", "colour"], '"colour" is none of them'),
    (["--by", "job,job"], "names job twice"),
    (["--by", ""], "is a list of"),
    (["--from", "yesterday"], '--from is a time such as'),
    (["--to", "2026-13-01"], '--to is a time such as'),
    (["--from", "2026-03-02", "--to", "2026-03-01"], "--from must be before --to"),
    (["--format", "xml"], '--format is text, json, csv or html'),
    (["job"], "takes no argument"),
])
def test_wrong_usage(wt, options, words):
    done = wt.run("report", *options)
    assert done.returncode == 2 and words in done.stderr and not done.stdout
    assert len(done.stderr.splitlines()) == 1


def test_ledgers_that_hold_nothing(wt):
    assert "no runs" in wt.run("report").stdout
    empty = report(wt)
    assert empty["groups"] == [] and empty["total"]["runs"] == 0 and empty["total"]["energy_j"]["total"] is None
    assert wt.run("report", "--format", "csv").stdout.count("\n") == 1
    wt.ledger.write_text("this is no ledger")
    done = wt.run("report")
    assert done.returncode == 6 and "is not a ledger" in done.stderr


@pytest.mark.parametrize("options, words", [
    (["--location", "XYZ"], "XYZ"),
    (["--pue", "0.9"], "pue"),
    (["--intensity", "-1"], "intensity"),
])
def test_wrong_factors_are_refused_before_the_start(wt, options, words):
    machine = wt.machine()
    done = wt.run("run", "--vgpu", machine.spec, *options, "--", "touch", wt.tmp / "ran")
    assert done.returncode == 2 and words in done.stderr and not (wt.tmp / "ran").exists()
