# SPDX-License-Identifier: Apache-2.0
"""show over ledgers of every kind: the last recurrences and all of them, a document that leaves as it is read, and its failures."""

import json
import pathlib
import sqlite3
import subprocess

import pytest

LEDGERS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "ledgers"


def put_ledger(wt, name, script=""):
    with sqlite3.connect(wt.ledger) as db:
        db.executescript((LEDGERS / f"{name}.sql").read_text(encoding="utf-8") + script)


def repeat(job, times):
    """SQL for so many more recurrences of a job, each like its first trial."""
    with sqlite3.connect(":memory:") as db:
        db.executescript((LEDGERS / "schema4-runs.sql").read_text(encoding="utf-8"))
        columns = [row[1] for row in db.execute("PRAGMA table_info(trials)") if row[1] not in ("trial_id", "recurrence")]
    names = ", ".join(columns)
    return (f"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < {99 + times})"
            f" INSERT INTO trials (recurrence, {names}) SELECT i, {names} FROM n, (SELECT * FROM trials WHERE job_id ="
            f" (SELECT job_id FROM jobs WHERE name = '{job}') ORDER BY recurrence, try_number LIMIT 1);")


def rows(text):
    """The recurrences of the table of tries."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("RECURRENCE"))
    return [int(line.split()[0]) for line in lines[begin + 1:lines.index("", begin)]]


def test_last_recurrences_and_all(wt):
    put_ledger(wt, "schema4-runs", repeat("plain", 70))
    done = wt.run("show", "plain")
    assert done.returncode == 0 and rows(done.stdout) == list(range(120, 170))
    assert "The last 50 of 75 recurrences (--all lists every one):\n" in done.stdout
    # The profile shown is that of the last run which has one, though it is not among those listed.
    profile = done.stdout[done.stdout.index("profile of recurrence"):]
    done = wt.run("show", "plain", "--all")
    assert rows(done.stdout) == [1, 2, 3, 4, 5, *range(100, 170)] and "The last" not in done.stdout
    assert done.stdout.endswith(profile)
    shown = wt.show("plain")
    assert [r["recurrence"] for r in shown["recurrences"]] == rows(done.stdout)
    assert shown["recurrences"][-1]["tries"][0]["profile"] == []


def test_few_recurrences_have_no_line(wt):
    put_ledger(wt, "schema4-runs", repeat("plain", 45))
    done = wt.run("show", "plain")
    assert len(rows(done.stdout)) == 50 and "The last" not in done.stdout
    assert done.stdout == wt.run("show", "plain", "--all").stdout


@pytest.mark.parametrize("name", ["schema1", "schema4-runs", "schema4-recur", "schema4-fields", "schema4-states"])
def test_documents_as_before(wt, name):
    """The form of the documents too: two spaces, and 12 digits."""
    put_ledger(wt, name)
    before = json.loads((LEDGERS / f"{name}.json").read_text(encoding="utf-8"))
    with sqlite3.connect(wt.ledger) as db:
        jobs = [row[0] for row in db.execute("SELECT name FROM jobs")]
    for job in jobs:
        done = wt.run("show", job, "--json")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert json.dumps(document, indent=2, ensure_ascii=False).count("\n") + 1 == done.stdout.count("\n")
        for command, answer in before.items():
            if command.startswith("show ") and isinstance(answer, dict) and answer["job"] == job:
                assert document == answer


def test_state_without_a_trial(wt):
    """What was learned may stay when no run does."""
    put_ledger(wt, "schema4-recur", "DELETE FROM trials;")
    with sqlite3.connect(wt.ledger) as db:
        job = db.execute("SELECT name FROM jobs JOIN batch_states USING (job_id) LIMIT 1").fetchone()[0]
    document = wt.show(job)
    assert document["job"] == job and document["phase"] is None and document["recurrences"] == [] and document["gpus"] == []
    assert document["beliefs"]
    done = wt.run("show", job)
    assert done.returncode == 0 and done.stdout.startswith("no trials in the ledger\n") and "batch sizes on" in done.stdout


def test_document_that_cannot_be_written(wt):
    put_ledger(wt, "schema4-runs", repeat("plain", 3000))
    assert wt.run("jobs").returncode == 0  # brings it up to date, and says so
    command = [wt.binary, "show", "plain", "--json", "--ledger", wt.ledger]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "wattune: error: the JSON document cannot be written: No space left on device\n"
    with subprocess.Popen(["sh", "-c", "trap '' PIPE; exec \"$@\"", "sh", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as shown:
        assert shown.stdout.readline() == "{\n"
        shown.stdout.close()
        assert shown.stderr.read() == "wattune: error: the JSON document cannot be written: Broken pipe\n"
    assert shown.returncode == 1


def test_ledger_that_breaks_in_the_middle(wt):
    """The beginning of a document is out: the exit code and a sentence tell that it is no whole one."""
    put_ledger(wt, "schema4-runs", repeat("plain", 3000))
    wt.run("jobs")  # brings it up to date
    with sqlite3.connect(wt.ledger) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = db.execute("PRAGMA page_size").fetchone()[0]
        root = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'trial_points'").fetchone()[0]
    with open(wt.ledger, "r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    done = wt.run("show", "plain", "--json")
    assert done.returncode == 6 and "is damaged" in done.stderr and done.stderr.count("\n") == 1
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


def test_writers_do_not_wait_for_a_reader(wt):
    """Somebody who reads a page of a long document keeps no run from booking, and sees none that came later.  So it is with
    WAL, which every ledger has that lies where shared memory works; a fixture is made without."""
    put_ledger(wt, "schema4-runs", repeat("plain", 3000))
    with sqlite3.connect(wt.ledger) as db:
        assert db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    command = [wt.binary, "show", "plain", "--json", "--ledger", wt.ledger]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as shown:
        begun = shown.stdout.readline()
        done = wt.run("run", "--vgpu", wt.plain(), "--job", "plain", "--", "true")
        assert done.returncode == 0, done.stderr
        rest = shown.stdout.read()
    assert shown.returncode == 0
    assert json.loads(begun + rest)["recurrences"][-1]["recurrence"] == 3099
    assert wt.show("plain")["recurrences"][-1]["recurrence"] == 3100
