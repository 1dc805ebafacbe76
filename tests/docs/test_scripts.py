# SPDX-License-Identifier: Apache-2.0
"""scripts/count-tests and tests/leftovers.py: a failure, a timeout, a missing report and a process left behind count."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

import leftovers

ROOT = pathlib.Path(__file__).resolve().parents[2]
RETRIED = '<properties><property name="failed once" value="yes"/></properties>'


def count(tmp_path, meson=(), cases=(), options=()):
    """(exit code, the lines) for a Meson log of these outcomes and a report of these (name, inner XML)."""
    log, report = tmp_path / "testlog.json", tmp_path / "pytest.xml"
    log.write_text("".join(json.dumps({"name": f"unit {i}", "result": result}) + "\n" for i, result in enumerate(meson)))
    body = "".join(f'<testcase classname="tests.a" name="{name}">{inner}</testcase>' for name, inner in cases)
    report.write_text(f'<testsuites><testsuite name="pytest">{body}</testsuite></testsuites>')
    done = subprocess.run([ROOT / "scripts" / "count-tests", *options, log, report], capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def test_outcomes_add_up(tmp_path):
    code, lines = count(tmp_path, ["OK", "OK", "SKIP", "EXPECTEDFAIL"], [("one", ""), ("two", "<skipped/>")], ["--passed", "1"])
    assert (code, lines) == (0, ["5 passed, 0 failed, 2 skipped"])


@pytest.mark.parametrize("result", ["FAIL", "TIMEOUT", "ERROR", "UNEXPECTEDPASS", "INTERRUPT"])
def test_every_bad_outcome_of_meson_is_a_failure(tmp_path, result):
    assert count(tmp_path, ["OK", result], [("one", "")]) == (1, ["failed: unit 1", "2 passed, 1 failed, 0 skipped"])


@pytest.mark.parametrize("inner", ["<failure/>", "<error/>", RETRIED + "<failure/>"])
def test_every_bad_outcome_of_pytest_is_a_failure(tmp_path, inner):
    assert count(tmp_path, ["OK"], [("one", ""), ("two", inner)]) == (1, ["failed: tests.a::two", "2 passed, 1 failed, 0 skipped"])


def test_a_teardown_that_fails_is_no_second_test(tmp_path):
    code, lines = count(tmp_path, ["OK"], [("one", ""), ("one", "<error/>")])
    assert (code, lines[-1]) == (1, "1 passed, 1 failed, 0 skipped")
    code, lines = count(tmp_path, ["OK"], [("one", "<failure/>"), ("one", "")])
    assert (code, lines[-1]) == (1, "1 passed, 1 failed, 0 skipped")


def test_three_may_pass_at_the_second_try(tmp_path):
    """A first try is a case without an outcome of its own."""
    def cases(n):
        return [(f"t{i}", inner) for i in range(n) for inner in ("", RETRIED)]
    code, lines = count(tmp_path, ["OK"], cases(3))
    assert code == 0 and lines == [f"failed once, passed again: tests.a::t{i}" for i in range(3)] + ["4 passed, 0 failed, 0 skipped"]
    code, lines = count(tmp_path, ["OK"], cases(4))
    assert code == 1 and lines[-1] == "1 passed, 4 failed, 0 skipped"


def test_a_report_that_is_missing_or_cut_is_a_failure(tmp_path):
    def run(*reports):
        done = subprocess.run([ROOT / "scripts" / "count-tests", *reports], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout.splitlines()[-1]
    (tmp_path / "log.json").write_text('{"name": "a", "result": "OK"}\n')
    (tmp_path / "cut.xml").write_text("<testsuites><testsuite><testcase")
    (tmp_path / "cut.json").write_text('{"name": "a", "resu')
    for bad in ("none.xml", "none.json", "cut.xml", "cut.json"):
        assert run(tmp_path / "log.json", tmp_path / bad) == (1, "1 passed, 1 failed, 0 skipped"), bad


def test_nothing_at_all_is_a_failure(tmp_path):
    assert count(tmp_path) == (1, ["0 passed, 0 failed, 0 skipped"])


# --- Leftovers


def leftovers_of(tmp_path, env):
    done = subprocess.run([sys.executable, ROOT / "tests" / "leftovers.py", "after", tmp_path / "before"], env=env,
                          capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def own(tmp_path):
    """An environment with a mark and a runtime folder of its own, looked at before."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    env = os.environ | {leftovers.RUN: f"test {tmp_path}", "XDG_RUNTIME_DIR": str(runtime)}
    subprocess.run([sys.executable, ROOT / "tests" / "leftovers.py", "before", tmp_path / "before"], env=env, check=True, timeout=60)
    return env


def test_a_process_left_behind_is_named_and_ended(tmp_path, own):
    marked = subprocess.Popen(["sleep", "60"], env=own)
    other = subprocess.Popen(["sleep", "61"], env=own | {leftovers.RUN: "another"})
    try:
        code, words = leftovers_of(tmp_path, own)
        assert code == 1 and f"left running: {marked.pid} sleep 60" in words and "sleep 61" not in words
        assert marked.wait(10) == -9 and other.poll() is None
    finally:
        for process in (marked, other):
            process.kill()
            process.wait()


def test_a_process_that_is_about_to_end_is_none(tmp_path, own):
    begin = time.monotonic()
    with subprocess.Popen(["sleep", "1"], env=own):
        _, words = leftovers_of(tmp_path, own)  # its exit code may come from the files of tests beside this one
    assert "left running" not in words and 0.5 < time.monotonic() - begin < 20


def test_files_left_behind_are_named(tmp_path, own):
    runtime = tmp_path / "runtime"
    (runtime / "wattune").mkdir()
    (runtime / "wattune-vgpu").mkdir()
    (runtime / "wattune" / "GPU-1.lock").touch()
    (runtime / "else").touch()
    _, words = leftovers_of(tmp_path, own)
    assert f"{runtime}" not in words
    for name in ("wattune/GPU-1.limit", "wattune-0123456789abcdef", "wattune-vgpu/machine"):
        (runtime / name).touch()
    code, words = leftovers_of(tmp_path, own)
    assert code == 1 and all(f"left behind: {runtime / name}\n" in words
                             for name in ("wattune/GPU-1.limit", "wattune-0123456789abcdef", "wattune-vgpu/machine"))


def test_entries_of_both_journals_are_seen(tmp_path):
    for name in ("GPU-1.setting", "GPU-2.limit", "GPU-1.lock"):
        (tmp_path / name).write_text("")
    assert {pathlib.Path(path).name for path in leftovers.files((tmp_path,)) if path.startswith(str(tmp_path))} == {"GPU-1.setting", "GPU-2.limit"}
