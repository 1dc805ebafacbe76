# SPDX-License-Identifier: Apache-2.0
"""Ledgers of every older schema: each command prints for them what the wattune printed that wrote them."""

import json
import os
import pathlib
import re
import shlex
import shutil
import sqlite3
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEDGERS = ROOT / "tests" / "fixtures" / "ledgers"
WATTUNE = pathlib.Path(os.environ.get("WATTUNE_BUILD", ROOT / "build")) / "wattune"
NAMES = sorted(path.stem for path in LEDGERS.glob("*.sql"))
SCHEMA = 5


def make(folder, name, edit=""):
    path = folder / "ledger.db"
    db = sqlite3.connect(path)
    db.executescript((LEDGERS / f"{name}.sql").read_text(encoding="utf-8") + edit)
    db.close()
    return path


def wattune(path, *words):
    env = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "HOME": str(path.parent), "XDG_CONFIG_HOME": str(path.parent)}
    return subprocess.run([WATTUNE, words[0], "--ledger", path, *words[1:]], env=env, capture_output=True, text=True, timeout=60)


def answer(path, line):
    done = wattune(path, *shlex.split(line))
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return json.loads(done.stdout) if "--json" in shlex.split(line) else done.stdout


def rows(path, sql):
    db = sqlite3.connect(path)
    db.text_factory = bytes
    found = db.execute(sql).fetchall()
    db.close()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_command_prints_the_same(name, tmp_path):
    path = make(tmp_path, name)
    expected = json.loads((LEDGERS / f"{name}.json").read_text(encoding="utf-8"))
    assert expected
    for line, said in expected.items():
        assert answer(path, line) == said, line
    assert rows(path, "PRAGMA user_version") == [(SCHEMA,)]
    assert rows(path, "PRAGMA integrity_check") == [(b"ok",)] and rows(path, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(name, tmp_path):
    path = make(tmp_path, name)
    tables = {t.decode() for (t,) in rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")}
    before = {t: rows(path, f"SELECT count(*) FROM {t}")[0][0] for t in tables}
    numbers = dict(rows(path, "SELECT name, seq FROM sqlite_sequence"))
    states = rows(path, "SELECT batch_state_id, job_id, gpu_model, gpu_count, limit_min_mw, limit_max_mw, state, stored_ms"
                        " FROM batch_states ORDER BY 1") if "batch_states" in tables else []
    assert wattune(path, "jobs").returncode == 0
    before["states"] = before.pop("batch_states", 0)
    for table, count in before.items():
        if table not in ("devices", "places"):  # schema 3 made these of older rows
            assert rows(path, f"SELECT count(*) FROM {table}") == [(count,)], table
    assert rows(path, "SELECT count(*) FROM trial_parts") == [(before["trials"],)]
    assert rows(path, "SELECT state_id, job_id, gpu_model, gpu_count, limit_min_mw, limit_max_mw, state, stored_ms FROM states"
                      " ORDER BY 1") == states
    # A number that was given is not given again.
    after = dict(rows(path, "SELECT name, seq FROM sqlite_sequence"))
    assert after[b"trials"] == numbers[b"trials"] and after.get(b"states") == numbers.get(b"batch_states")
