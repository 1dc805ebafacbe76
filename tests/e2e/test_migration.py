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


# Sentences that have been worded anew since.
REWORDED = [("what is believed of their cost", "the belief about their cost"),
            ("once it is known what an epoch of the size costs", "once an epoch of the size has a known cost")]

# Tables: a saving instead of a change, and no spread of a single run.
RELAID = [(r"ENERGY/STEP( +)OUTCOME", r"SAVED/STEP\1OUTCOME"),
          (r"^( +\d+ +\d+ .* UTC .*) -(\d+\.\d % )", r"\1 \2"),
          (r"^( +\d+ +\d+ .* UTC .*) \+(\d+\.\d % )", r"\1 -\2"),
          (r"^( +\d+ +1 +[\d.]+ \w+ +)0 J", r"\1unknown")]


def comparable(said):
    """Without the sentences of a document; columns are as wide as their cells."""
    if isinstance(said, dict):
        return {key: len(value) if key == "sentences" else value for key, value in said.items()}
    return re.sub(" +", " ", said)


def reworded(said):
    """As today's program says it: sentences apart, not one value may differ."""
    if isinstance(said, dict):
        return said
    for old, new in REWORDED:
        said = said.replace(old, new)
    for old, new in RELAID:
        said = re.sub(old, new, said, flags=re.MULTILINE)
    if "\nNot tuned: " in said and "\nprofile of " in said:
        said = said.replace("<- chosen", "<- in force").replace("the baseline was not measured", "the profile was not finished")
    return said


@pytest.mark.parametrize("name", NAMES)
def test_every_command_prints_the_same(name, tmp_path):
    path = make(tmp_path, name)
    expected = json.loads((LEDGERS / f"{name}.json").read_text(encoding="utf-8"))
    assert expected
    for line, said in expected.items():
        assert comparable(answer(path, line)) == comparable(reworded(said)), line
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
    # A trial has parts once it has ended.
    assert rows(path, "SELECT count(*) FROM trial_parts") == rows(path, "SELECT count(*) FROM trials WHERE ended")
    assert rows(path, "SELECT state_id, job_id, gpu_model, gpu_count, limit_min_mw, limit_max_mw, state, stored_ms FROM states"
                      " ORDER BY 1") == states
    # A number that was given is not given again.
    after = dict(rows(path, "SELECT name, seq FROM sqlite_sequence"))
    assert after[b"trials"] == numbers[b"trials"] and after.get(b"states") == numbers.get(b"batch_states")


def shape(path):
    """Tables and indices without the form of their SQL: columns, keys, foreign keys, what an index is over."""
    def plain(sql):
        return re.sub(rb"\s+", b"", sql or b"").replace(b'"', b"")
    tables = [t.decode() for (t,) in rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    columns = {t: sorted(row[1:] for row in rows(path, f"PRAGMA table_info({t})")) for t in tables}
    foreign = {t: sorted(row[2:] for row in rows(path, f"PRAGMA foreign_key_list({t})")) for t in tables}
    return columns, foreign, sorted((n, plain(s)) for n, s in rows(path, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql <> ''"))


@pytest.mark.parametrize("name", ["schema1", "schema4-runs"])
def test_an_older_ledger_becomes_one_as_if_new(wt, name, tmp_path):
    (tmp_path / "old").mkdir()
    old = make(tmp_path / "old", name)
    assert wattune(old, "jobs").returncode == 0
    assert wt.train(wt.machine(), "--observe", train=("steps=5",))[0].returncode == 0
    for ours, fresh in zip(shape(old), shape(wt.ledger)):
        assert ours == fresh


EARLY = """
DROP INDEX devices_uuid; DROP INDEX factors_key;
ALTER TABLE factors DROP COLUMN pue_source; ALTER TABLE factors DROP COLUMN location; ALTER TABLE factors DROP COLUMN lifetime_years;
CREATE UNIQUE INDEX factors_key ON factors (coalesce(pue, 0), coalesce(intensity_source, ''), coalesce(embodied_source, ''));
"""


def test_an_early_ledger_of_schema_4_gets_its_columns(tmp_path):
    path = make(tmp_path, "schema4-runs", "DELETE FROM factors WHERE rowid > 1; UPDATE trials SET factor_id = 1 WHERE factor_id > 1;"
                                          " UPDATE stretches SET factor_id = 1;" + EARLY)
    (tmp_path / "whole").mkdir()
    whole = make(tmp_path / "whole", "schema4-runs")
    for ledger in path, whole:
        assert wattune(ledger, "report", "--json").returncode == 0
    assert rows(path, "SELECT pue_source, location, lifetime_years FROM factors") == [(None, None, None)]
    assert shape(path) == shape(whole)


def test_every_wording_becomes_typed(tmp_path):
    path = make(tmp_path, "schema4-words")
    words = rows(path, "SELECT batch_state_id, options FROM batch_states ORDER BY 1")
    assert wattune(path, "jobs").returncode == 0
    keys = rows(path, "SELECT state_id, identity FROM states ORDER BY 1")
    assert len(words) == len(keys) == 35 and all(key.startswith(b"1;metric=") for _, key in keys)
    assert len({key for _, key in keys}) == len({text for _, text in words})
    assert rows(path, "SELECT metric, at_least, target, max_epochs, default_size, selector, eta, max_slowdown, beta, window_length, seed,"
                      " learning_rate, optimizer FROM states WHERE state_id IN (5, 14, 21, 26) ORDER BY state_id") == [
        (b"accuracy", 1, 0.9, 100, 64, b"slowdown", 0.5, 0.1, 2, 0, 1, None, None),
        (b"accuracy", 1, 0.9, 100, 64, b"cost", 0.5, None, None, 0, 1, None, None),
        (b"accuracy", 1, 0.9, 100, 64, b"cost", 0.5, None, 2, 0, 1, 0.1, "lion, lr 2 für, beta 9".encode()),
        (b"F1 in 5 epochs, default 3 of x", 1, 0.9, 100, 64, b"cost", 0.5, None, 2, 0, 1, None, None)]


ALMOST = ["", "accuracy>=0.90 in 100 epochs, default 64 of 32,64, eta 0.5, beta 2, window 0, seed 1",
          "accuracy>=0.9 in 100 epochs, default 64 of 32,64, eta .5, beta 2, window 0, seed 1",
          "accuracy>=0.9 in 0100 epochs, default 64 of 32,64, eta 0.5, beta 2, window 0, seed 1",
          "accuracy>=0.9 in 100 epochs, default 64 of 32,64, eta 0.5, beta 2, window 0, seed 1 ",
          "accuracy>=0.9 in 100 epochs, default 64 of 32,64, eta 0.5, observed, carbon-aware, beta 2, window 0, seed 1",
          "accuracy>=0.9 in 100 epochs, default 64 of 32,,64, eta 0.5, beta 2, window 0, seed 1",
          "accuracy>=0.9 in 100 epochs, default 64 of 32,64, eta 0.5, beta 2, window 0, seed 18446744073709551616",
          "accuracy>=0.9 in 100 epochs, default 64 of 32,64, eta 0.5, beta 2, window 0, seed 1, lr 0 sgd",
          "1;metric=8:accuracy;at_least=1;target=0.9;max_epochs=100;default=64;sizes=32,64;select=cost,0.5;limits_mw=;"
          "profile_only=0;carbon_aware=0;observed=0;beta=2;window=0;seed=1;learning_rate=0;optimizer=0:;"]


def test_words_that_are_none_are_kept_and_shown_as_they_were(tmp_path):
    path = make(tmp_path, "schema4-words", "DELETE FROM batch_states WHERE batch_state_id NOT IN (1);")
    db = sqlite3.connect(path)
    for i, text in enumerate(ALMOST):
        db.execute("INSERT INTO batch_states SELECT ?, job_id, gpu_model, gpu_count, limit_min_mw, limit_max_mw, ?, state, stored_ms"
                   " FROM batch_states WHERE batch_state_id = 1", (100 + i, text))
    db.execute("INSERT INTO batch_states SELECT 200, job_id, gpu_model, gpu_count, limit_min_mw, limit_max_mw, CAST(x'61ff00620a' AS TEXT),"
               " state, stored_ms FROM batch_states WHERE batch_state_id = 1")
    db.commit()
    db.close()
    shown = [b["options"] for b in answer(path, "show words --json")["beliefs"]]
    assert shown[1:-1] == ALMOST and shown[-1] == "a\ufffd"
    assert rows(path, "SELECT identity, metric FROM states WHERE state_id >= 100 ORDER BY 1") == sorted(
        [(b"0;" + text.encode(), None) for text in ALMOST] + [(b"0;a\xff\0b\n", None)])


def test_names_are_bytes(tmp_path):
    path = make(tmp_path, "schema4-runs")
    db = sqlite3.connect(path)
    db.execute("UPDATE jobs SET name = CAST(x'6eff80616d65' AS TEXT) WHERE name = 'plain'")
    db.execute("UPDATE places SET node = CAST(x'fe' AS TEXT)")
    db.commit()
    db.close()
    assert wattune(path, "jobs").returncode == 0
    assert (b"n\xff\x80ame",) in rows(path, "SELECT name FROM jobs")
    assert rows(path, "SELECT DISTINCT node FROM trial_parts") == [(b"\xfe",)]


def test_a_ledger_that_cannot_be_written_says_that_it_is_older(tmp_path):
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root may write everything")
    path = make(tmp_path, "schema4-runs")
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for part in [path, *path.parents][:-1]:
        part.chmod(0o755 if part.is_dir() else 0o444)
    tmp_path.chmod(0o555)
    before = path.read_bytes()
    done = subprocess.run([*as_nobody, WATTUNE, "jobs", "--ledger", path], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HOME": "/nonexistent"})
    tmp_path.chmod(0o755)
    assert done.returncode != 0 and "is of an older schema (4) and cannot be brought up to date by this user" in done.stderr
    assert path.read_bytes() == before


def test_a_newer_ledger_is_left_alone(tmp_path):
    path = make(tmp_path, "schema4-runs")
    assert wattune(path, "jobs").returncode == 0
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 6")
    db.close()
    before = rows(path, "SELECT count(*) FROM trials")
    for words in ("jobs",), ("forget", "plain"):
        done = wattune(path, *words)
        assert done.returncode != 0
        assert f"was made by a newer wattune (schema 6, this one knows {SCHEMA})" in done.stderr
    assert rows(path, "PRAGMA user_version") == [(6,)] and rows(path, "SELECT count(*) FROM trials") == before


def test_many_open_an_older_ledger_at_once(tmp_path):
    path = make(tmp_path, "schema1")
    expected = json.loads((LEDGERS / "schema1.json").read_text(encoding="utf-8"))["jobs --json"]
    env = {**os.environ, "TZ": "UTC", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    started = [subprocess.Popen([WATTUNE, "jobs", "--json", "--ledger", path], env=env, stdout=subprocess.PIPE) for _ in range(6)]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in started]
    assert [process.returncode for process in started] == [0] * 6 and said == [expected] * 6


def test_a_crash_leaves_the_old_or_the_new(tmp_path):
    """Killed at many moments of bringing a ledger up to date; each version is whole, and the next open goes on."""
    expected = json.loads((LEDGERS / "schema2.json").read_text(encoding="utf-8"))
    seen = set()
    for i in range(24):
        folder = tmp_path / str(i)
        folder.mkdir()
        path = make(folder, "schema2")
        process = subprocess.Popen([WATTUNE, "jobs", "--ledger", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "HOME": str(folder)})
        try:
            process.wait(timeout=0.002 * (i + 1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        ((version,),) = rows(path, "PRAGMA user_version")
        seen.add(version)
        names = {name for (name,) in rows(path, "SELECT name FROM sqlite_schema")}
        assert (b"states" in names) == (version == 5) and (b"stretches" in names) == (version >= 4)
        for line in ("jobs --json", "show bert --json"):
            assert answer(path, line) == expected[line]
    assert seen & {2, 3, 4} and seen <= {2, 3, 4, 5}


LEARN = ["--observe", "--batch-sizes", "32,64", "--default-batch-size", "64", "--max-epochs", "100", "--seed", "1"]
GOES_ON = {13: ["--target", "accuracy>=0.9"], 16: ["--target", "accuracy>=0.9", "--window", "64"],
           19: ["--target", "accuracy>=0.9", "--lr", "0.1", "--optimizer", "adam"],
           26: ["--target", "F1 in 5 epochs, default 3 of x>=0.9"]}


@pytest.mark.parametrize("state", GOES_ON)
def test_a_run_goes_on_with_what_was_learned(wt, state):
    """The same options find the state that older words named."""
    assert make(wt.tmp, "schema4-words") == wt.ledger
    wt.train(wt.machine(), *LEARN, *GOES_ON[state], train=("epochs=1",), job="words")
    assert rows(wt.ledger, "SELECT count(*) FROM states") == [(35,)]
    assert rows(wt.ledger, "SELECT state_id FROM trials ORDER BY trial_id DESC LIMIT 1") == [(state,)]
