# SPDX-License-Identifier: Apache-2.0
"""wattune simulate --fleet: the ledger that it makes, other commands over it, and wrong usage."""

import json
import re
import resource
import signal
import sqlite3
import subprocess
import time

import pytest

pytestmark = pytest.mark.sanitized

LIFE = ("--days", "20", "--gpus", "24", "--users", "6", "--location", "DEU")


@pytest.fixture
def fleet(wattune, tmp_path):
    """A fleet of three weeks: the ledger's path and the command's output."""
    path = str(tmp_path / "fleet.db")
    return path, json.loads(wattune("simulate", "--fleet", *LIFE, "--ledger", path, "--json").stdout)


def rows(path, query):
    with sqlite3.connect(path) as db:
        return db.execute(query).fetchall()


def dump(path):
    """All rows but the moments at which they were stored."""
    with sqlite3.connect(path) as db:
        tables = [name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        found = {}
        for table in tables:
            columns = [c[1] for c in db.execute(f"PRAGMA table_info({table})") if c[1] not in ("created_ms", "stored_ms")]
            found[table] = db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1, 2").fetchall()
    return found


def check_whole(path):
    """Every run that ended has its devices, and their hours add up; how many runs there are."""
    assert rows(path, "PRAGMA integrity_check") == [("ok",)] and rows(path, "PRAGMA foreign_key_check") == []
    assert rows(path, "SELECT count(*) FROM trials t WHERE ended AND NOT not_started AND NOT EXISTS"
                      " (SELECT 1 FROM measurements m WHERE m.trial_id = t.trial_id)") == [(0,)]
    wrong = rows(path, "SELECT m.trial_id, m.energy_j, h.energy_j FROM measurements m JOIN (SELECT trial_id, device_id,"
                       " sum(energy_j) energy_j FROM trial_hours GROUP BY trial_id, device_id) h USING (trial_id, device_id)"
                       " WHERE abs(m.energy_j - h.energy_j) > 1e-9 * m.energy_j OR (m.energy_j IS NULL) != (h.energy_j IS NULL)")
    assert wrong == []
    return rows(path, "SELECT count(*) FROM trials")[0][0]


def test_the_ledger_is_one_of_runs(wattune, fleet):
    path, said = fleet
    assert check_whole(path) == said["runs"] > 500
    assert said["ledger"] == path and said["gpus"] == 24 and said["seed"] == 1
    assert said["first_started"].startswith("2025-01-01T") and said["last_started"].startswith("2025-01-20T")
    assert rows(path, "SELECT count(*) FROM trials WHERE NOT ended") == [(said["unended"],)] and said["unended"] > 0
    assert rows(path, "SELECT count(*) FROM profiles") == [(said["profiles"],)]
    assert rows(path, "SELECT count(*) FROM devices WHERE kind = 'gpu'") == [(24,)]
    assert rows(path, "SELECT count(DISTINCT user) FROM places") == [(6,)]
    # Nobody measured anything, and the ledger says so.
    assert {s for s, in rows(path, "SELECT DISTINCT source FROM trials")} == {None, "estimated"}
    outcomes = dict(rows(path, "SELECT exit_code, count(*) FROM trials WHERE ended GROUP BY exit_code"))
    assert set(outcomes) == {-1, 0, 1, 130} and outcomes[0] > 20 * outcomes[130]
    assert rows(path, "SELECT count(*) FROM trials t JOIN places USING (place_id) WHERE ended AND energy_j IS NULL AND gpu_count")[0][0] > 0
    midnight = rows(path, "SELECT count(*) FROM (SELECT trial_id FROM trial_hours GROUP BY trial_id, device_id HAVING min(hour) / 24"
                          " < max(hour) / 24)")[0][0]
    assert midnight > 20


def test_no_gpu_has_two_runs_at_once(fleet):
    busy = rows(fleet[0], "SELECT m.device_id, m.begin_ms, m.end_ms FROM measurements m JOIN devices USING (device_id)"
                          " WHERE kind = 'gpu' ORDER BY 1, 2")
    assert len(busy) > 500
    for (device, _, end), (next_device, begin, _) in zip(busy, busy[1:]):
        assert device != next_device or end <= begin


def test_whole_gpus_are_booked(fleet):
    """Each GPU from the first moment to the last, without a gap: idle, or in use by the runs and a little more."""
    path, said = fleet
    found = rows(path, "SELECT device_id, begin_ms, end_ms, in_use FROM stretches ORDER BY 1, 2")
    assert len(found) == said["stretches"] > 24 * 20 * 24 and len({device for device, *_ in found}) == 24
    for (device, _, end, _), (next_device, begin, _, _) in zip(found, found[1:]):
        assert device != next_device or end == begin
    begin, end = rows(path, "SELECT min(begin_ms), min(last) FROM (SELECT min(begin_ms) begin_ms, max(end_ms) last FROM stretches"
                            " GROUP BY device_id)")[0]
    assert (end - begin) / 86400000 == 20
    (idle_j, operational_g), = rows(path, "SELECT sum(energy_j), sum(operational_g) FROM stretches WHERE NOT in_use")
    assert operational_g == pytest.approx(idle_j / 3.6e6 * 1.1 * 381)
    (used_j,), = rows(path, "SELECT sum(energy_j) FROM stretches WHERE in_use")
    assert 1.006 < used_j / said["energy_j"] < 1.2      # killed runs and those without a counter are in it
    powers = rows(path, "SELECT DISTINCT name, round(energy_j * 1000 / (end_ms - begin_ms), 3) FROM stretches JOIN devices"
                        " USING (device_id) WHERE NOT in_use ORDER BY 2")
    assert powers == [("NVIDIA A40", 28), ("Tesla V100-PCIE-16GB", 38), ("NVIDIA A100-SXM4-40GB", 52)]


def test_gpus_that_nobody_watches(wattune, tmp_path):
    path = str(tmp_path / "fleet.db")
    said = json.loads(wattune("simulate", "--fleet", "--runs", "50", "--watched", "no", "--ledger", path, "--json").stdout)
    assert said["stretches"] == 0 and rows(path, "SELECT count(*) FROM stretches") == [(0,)] and said["runs"] == 50


def test_report_agrees_with_the_rows(wattune, fleet):
    path, said = fleet
    report = json.loads(wattune("report", "--by", "phase", "--json", "--ledger", path).stdout)
    groups = {group["key"]["phase"]: group for group in report["groups"]}
    assert set(groups) == {"data", "experimentation", "training", "inference"}
    assert sum(group["runs"] for group in report["groups"]) == said["runs"]
    assert report["total"]["gpu_hours"] == pytest.approx(said["gpu_hours"]) and report["total"]["energy_j"]["gpu"] == \
        pytest.approx(said["energy_j"])
    hours = sum(groups[phase]["gpu_hours"] for phase in ("experimentation", "training", "inference"))
    for phase, share in (("experimentation", 0.1), ("training", 0.2), ("inference", 0.7)):
        assert groups[phase]["gpu_hours"] / hours == pytest.approx(share, abs=0.06)
    assert groups["training"]["savings"]["energy_j"] > 0.02 * groups["training"]["energy_j"]["gpu"]
    # Carbon is that of the hours: 381 g/kWh in Germany, by the table; PUE 1.1.
    total = report["total"]
    assert total["carbon"]["operational_location_g"] == pytest.approx(total["facility_energy_j"] / 3.6e6 * 381)
    assert total["facility_energy_j"] == pytest.approx(1.1 * total["energy_j"]["total"])
    days = json.loads(wattune("report", "--by", "day", "--json", "--ledger", path).stdout)
    assert sum(group["energy_j"]["total"] for group in days["groups"]) == pytest.approx(total["energy_j"]["total"])


def test_jobs_and_show(wattune, fleet):
    path, said = fleet
    listed = json.loads(wattune("jobs", "--json", "--ledger", path).stdout)["jobs"]
    assert sum(job["trials"] for job in listed) == said["runs"]
    job = min((job for job in listed if job["phase"] == "training" and job["recurrences"] > 9 and job["best_energy_fraction"]),
              key=lambda job: job["best_energy_fraction"])
    shown = json.loads(wattune("show", job["job"], "--json", "--ledger", path).stdout)
    recurrences = shown["recurrences"]
    assert [r["recurrence"] for r in recurrences] == list(range(1, job["recurrences"] + 1))
    tries = [try_ for r in recurrences for try_ in r["tries"]]
    assert len({t["batch_size"] for t in tries}) > 1            # it explored
    profile = next(t["profile"] for t in tries if t["profile"])
    limits = [p["power_limit_w"] for p in profile]
    assert limits == sorted(limits, reverse=True) and {a - b for a, b in zip(limits, limits[1:])} == {25}
    energies = {p["power_limit_w"]: p["energy_per_step_j"] for p in profile}
    assert energies[limits[0]] > min(energies.values())
    text = wattune("show", job["job"], "--ledger", path).stdout
    assert re.search(r"<- chosen", text) and re.search(r"Saved [1-5]\d\.\d % \+- 1\.\d % of the energy per step", text)


def test_a_seed_gives_the_same_rows(wattune, fleet, tmp_path):
    again, other = str(tmp_path / "again.db"), str(tmp_path / "other.db")
    wattune("simulate", "--fleet", *LIFE, env={"WATTUNE_LEDGER": again, "TZ": "Asia/Kolkata"})
    wattune("simulate", "--fleet", *LIFE, "--seed", "2", "--ledger", other)
    first = dump(fleet[0])
    assert dump(again) == first and dump(other)["trials"] != first["trials"]


def test_options_are_what_the_fleet_is(wattune, tmp_path):
    path = str(tmp_path / "fleet.db")
    said = wattune("simulate", "--fleet", "--runs", "300", "--gpus", "9", "--users", "1", "--gpu-models", "p100,h100", "--phases",
                   "1:0:0", "--start", "2024-02-28T12:00:00Z", "--load", "40%", "--ledger", path).stdout
    assert "300 runs from 2024-02-28 " in said and "9 GPUs" in said
    assert rows(path, "SELECT DISTINCT phase FROM places ORDER BY 1") == [("data",), ("experimentation",)]
    assert rows(path, "SELECT DISTINCT name, count(*) FROM devices WHERE kind = 'gpu' GROUP BY name ORDER BY 1") == \
        [("NVIDIA H100 80GB HBM3", 1), ("Tesla P100-PCIE-16GB", 8)]
    assert rows(path, "SELECT DISTINCT user FROM places") == [("sim-user-001",)]
    assert rows(path, "SELECT count(*) FROM trials") == [(300,)]


def test_nodes_are_where_they_are_said_to_be(wattune, tmp_path):
    """Three nodes at two places: the first and the third at the first of them.  381 and 56 g/kWh by the table."""
    path = str(tmp_path / "fleet.db")
    wattune("simulate", "--fleet", "--runs", "300", "--gpus", "24", "--locations", "DEU,FRA", "--pue", "1.5", "--ledger", path)
    wanted = [("sim-node-001", 381), ("sim-node-002", 56), ("sim-node-003", 381)]
    assert rows(path, "SELECT DISTINCT node, h.intensity_g_per_kwh FROM trial_hours h JOIN trials USING (trial_id) JOIN places"
                      " USING (place_id) ORDER BY 1") == wanted
    assert rows(path, "SELECT DISTINCT node, intensity_g_per_kwh FROM stretches ORDER BY 1") == wanted
    assert rows(path, "SELECT DISTINCT pue FROM factors WHERE pue IS NOT NULL") == [(1.5,)]


@pytest.mark.parametrize("words, said", [
    (["--runs", "0"], "--runs is a whole number from 1"), (["--runs", "5", "--days", "3"], "exclude each other"),
    (["--days", "0"], "--days is a number above 0"), (["--gpus", "many"], "--gpus is a whole number"),
    (["--users", "-1"], "--users is a whole number"), (["--start", "soon"], "--start is a time"), (["--load", "1.5"], "--load is"),
    (["--gpu-models", "v100,k80"], "v100, rtx6000"), (["--gpu-models", ""], "--gpu-models is"), (["--phases", "1:2"], "--phases is"),
    (["--phases", "0:0:0"], "--phases is"), (["--phases", "1:2:3:4"], "--phases is"), (["--seeds", "1..3"], "--seeds does not go"),
    (["--svg", "x.svg"], "--svg does not go"), (["--train", "x.csv"], "needs --power"), (["--job", "a/b/c"], "go with --train"),
    (["--watched", "maybe"], "--watched is"),
    (["--locations", "DEU,NOPE"], "NOPE"), (["--locations", "DEU,"], "--locations is"), (["--locations", "A," * 16 + "B"], "--locations is"),
    (["--locations", "DEU", "--location", "FRA"], "exclude each other"), (["--locations", "DEU", "--intensity", "9"], "exclude"),
    (["--policy", "best"], "--policy is"), (["--location", "XYZ"], "XYZ"),
])
def test_bad_options(wattune, tmp_path, words, said):
    path = tmp_path / "fleet.db"
    done = wattune("simulate", "--fleet", "--ledger", str(path), *words, code=2)
    assert said in done.stderr and done.stderr.count("\n") == 1 and not path.exists()


def test_options_of_a_fleet_alone(wattune):
    for option, value in (("--gpus", "3"), ("--watched", "no"), ("--ledger", "x.db"), ("--location", "DEU"), ("--pue", "1.2")):
        assert f"{option} goes with --fleet" in wattune("simulate", option, value, code=2).stderr


def test_help_has_every_model(wattune, tmp_path):
    said = wattune("simulate", "--fleet", "--gpu-models", "none", "--ledger", str(tmp_path / "x.db"), code=2).stderr
    models = re.search(r"of ((?:\w+, )+\w+), not", said)[1].split(", ")
    shown = " ".join(wattune("simulate", "--help").stdout.split())
    assert len(models) == 6 and ", ".join(models) in shown


def test_the_usual_ledger_is_left_alone(wattune):
    wattune.write_config(f"ledger = {wattune.home}/usual.db\n")
    for env in ({}, {"XDG_CONFIG_HOME": "/nowhere"}):
        done = wattune("simulate", "--fleet", "--runs", "5", code=2, env=env)
        assert "usual ledger" in done.stderr and "--ledger" in done.stderr
    assert not (wattune.home / "usual.db").exists() and not list((wattune.home / "data").iterdir())


def test_a_ledger_that_is_not_empty(wattune, tmp_path):
    path = str(tmp_path / "ledger.db")
    wattune("simulate", "--fleet", "--runs", "20", "--ledger", path)
    before = dump(path)
    done = wattune("simulate", "--fleet", "--runs", "20", "--seed", "9", "--ledger", path, code=2)
    assert f"the ledger {path} is not empty" in done.stderr and dump(path) == before


def test_a_trace_gives_the_training_jobs(wattune, tmp_path):
    train, power, path = (str(tmp_path / name) for name in ("train.csv", "power.csv", "fleet.db"))
    with open(train, "w", encoding="utf-8") as file:
        file.write("dataset,network,batch_size,optimizer,learning_rate,run,target_metric,target_epoch\n")
        file.writelines(f"toys,net,{b},sgd,0.1,{run},0.5,{e}\n" for b, es in {8: [4, 5], 16: [6, 7]}.items() for run, e in enumerate(es))
    with open(power, "w", encoding="utf-8") as file:
        file.write("dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power\n")
        file.writelines(f"toys,net,{b},sgd,{w},{t},{p}\n" for b, w, t, p in [(8, 250, 500, 240), (8, 150, 600, 150), (16, 250, 300, 245),
                                                                             (16, 150, 390, 149)])
    trace = ("--train", train, "--power", power, "--job", "toys/net/sgd", "--target", "0.5", "--max-epochs", "20",
             "--default-batch-size", "8")
    assert "one GPU model" in wattune("simulate", "--fleet", *trace, "--gpu-models", "a40,v100", "--ledger", path, code=2).stderr
    wattune("simulate", "--fleet", *trace, "--runs", "400", "--recurrences", "15", "--ledger", path)
    epoch_j = {(8, 250): 120000, (8, 150): 90000, (16, 250): 73500, (16, 150): 58110}
    found = rows(path, "SELECT batch_size, setting / 1000, energy_j / epochs, name FROM trials JOIN jobs USING (job_id) WHERE source ="
                       " 'replayed' AND exit_code = 0 AND trial_id NOT IN (SELECT trial_id FROM trial_points)")
    assert len(found) > 20
    for size, limit, energy_j, job in found:
        assert energy_j == pytest.approx(epoch_j[size, limit]) and "-net-" in job


# --- In the middle


def start(wattune, *words, **more):
    return subprocess.Popen([wattune.path, "simulate", "--fleet", *words], env=wattune.env, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **more)


def test_interrupted_it_leaves_whole_runs(wattune, tmp_path):
    path = tmp_path / "fleet.db"
    process = start(wattune, "--runs", "2000000", "--gpus", "64", "--ledger", str(path))
    until = time.monotonic() + 60
    count = 0
    while not count and time.monotonic() < until:
        time.sleep(0.05)
        if path.exists() and path.stat().st_size > 4096:
            count = rows(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'trials'")[0][0] and \
                rows(path, "SELECT count(*) FROM trials")[0][0]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert check_whole(str(path)) >= count > 0
    assert json.loads(wattune("report", "--json", "--ledger", str(path)).stdout)["total"]["runs"] >= count


def test_a_disk_that_takes_no_more(wattune, tmp_path):
    path = tmp_path / "fleet.db"

    def bound():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (9 << 20, 9 << 20))

    process = start(wattune, "--runs", "100000", "--gpus", "64", "--watched", "no", "--ledger", str(path), preexec_fn=bound, restore_signals=False)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 6 and out == "" and str(path) in err and err.count("\n") == 1
    assert check_whole(str(path)) % 5000 == 0 and check_whole(str(path)) > 0
