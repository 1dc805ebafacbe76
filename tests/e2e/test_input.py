# SPDX-License-Identifier: Apache-2.0
"""Wrong input: one clear sentence, the documented exit code, nothing on standard output, nothing started."""

import json
import os
import signal
import sqlite3

import pytest

from conftest import errors


def refused(wt, done, code, words):
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(errors(done)) == 1 and len(lines) == 1, done.stderr
    assert words in lines[0]
    assert not (wt.tmp / "ran").exists(), "the command was started"


def run(wt, *options, env={}):
    return wt.run("run", *options, "--", "touch", wt.tmp / "ran", env=env)


# --- Options --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, words", [
    (["--foo"], "--foo"), (["--obsrve"], "did you mean --observe?"), (["--phase", "trainning"], "did you mean training?"),
    (["-x"], "-x"), (["--eta"], "--eta"),
    (["--eta", "1.01"], "--eta"), (["--eta", "-0.1"], "--eta"), (["--eta", "nan"], "--eta"), (["--eta", ""], "--eta"),
    (["--eta", "0.5x"], "--eta"), (["--eta", "0.5", "--min", "energy"], "exclude each other"),
    (["--min", "power"], "--min"), (["--max-slowdown", "-1%"], "--max-slowdown"), (["--max-slowdown", "x"], "--max-slowdown"),
    (["--power-limits", ""], "--power-limits"), (["--power-limits", "100,,200"], "--power-limits"),
    (["--power-limits", "100,100"], "--power-limits"), (["--power-limits", "99,200"], "99 W"),
    (["--power-limits", "251"], "251 W"), (["--power-limits", "abc"], "--power-limits"),
    (["--power-limits", ",".join(str(100 + i) for i in range(70))], "--power-limits"),
    (["--search", "magic"], "magic"), (["--search", ""], "search"), (["--baseline", "maybe"], "--baseline"),
    (["--progress", "magic"], "--progress"), (["--progress", "pattern:"], "--progress"),
    (["--progress", "pattern:("], "step pattern"), (["--metric-pattern", "acc"], "group"), (["--epoch-pattern", "["], "epoch pattern"),
    (["--job", ""], "job"), (["--job", "x" * 300], "job"), (["--phase", "sleeping"], "phase"),
    (["--vgpu", "v100", "--nvml", "/x"], "exclude"), (["--observe=1"], "--observe"),
], ids=lambda x: " ".join(x)[:30] if isinstance(x, list) else "")
def test_run_options(wt, options, words):
    last = [] if "--vgpu" in options else ["--vgpu", wt.plain()]
    if options == ["--eta"]:
        refused(wt, wt.run("run", "--vgpu", wt.plain(), *options), 2, words)
    else:
        refused(wt, run(wt, *last, *options), 2, words)


@pytest.mark.parametrize("words, part", [
    (["frobnicate"], "frobnicate"), (["shwo"], "did you mean show?"), (["run"], "COMMAND is missing"), (["run", "--vgpu", "v100"], "COMMAND is missing"),
    (["measure"], "COMMAND is missing"), (["limit"], "wattune limit [OPTION...] get"), (["limit", "set"], "watts"), (["limit", "eat"], "eat"),
    (["limit", "set", "x"], '"x"'), (["limit", "set", "-5"], "-5"), (["limit", "get", "200"], "200"),
    (["limit", "set", "200", "--json"], "--json"), (["show"], "JOB is missing"), (["show", "a", "b"], "one word too many"),
    (["jobs", "a"], "jobs"), (["monitor", "a"], "monitor"), (["monitor", "--count", "0"], "--count"),
    (["monitor", "--count", "-1"], "--count"), (["monitor", "--interval", "0"], "--interval"),
    (["monitor", "--interval", "4000"], "--interval"), (["monitor", "--csv", "--json"], "exclude"),
    (["measure", "--ledger", "x", "--", "true"], "--ledger"),
], ids=" ".join)
def test_other_options(wt, words, part):
    refused(wt, wt.run(*words), 2, part)


def test_no_words_at_all(wt):
    done = wt.run()
    assert done.returncode == 2 and done.stdout == "" and "Usage: wattune COMMAND" in done.stderr


@pytest.mark.parametrize("command", ["run", "measure", "monitor", "limit", "jobs", "show"])
def test_help(wt, command):
    done = wt.run(command, "--help")
    assert done.returncode == 0 and done.stderr == "" and f"Usage: wattune {command}" in done.stdout
    assert "Examples:" in done.stdout


def test_version(wt):
    done = wt.run("--version")
    assert done.returncode == 0 and done.stdout.startswith("wattune 0.")


# --- Machines and libraries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["k80", "", "v100:0", "v100:x", "v100,,a40", "/nonexistent/machine.ini", "v100:65", "."])
def test_bad_spec(wt, spec):
    done = run(wt, "--vgpu", spec)
    assert done.returncode == 2 and len(errors(done)) == 1 and done.stdout == "" and not (wt.tmp / "ran").exists()


@pytest.mark.parametrize("text, line", [
    ("[machine]\nseed = x\n[gpu 0]\nmodel = v100\n", 2),
    ("[machine]\n[gpu 0]\nmodel = k80\n", 3),
    ("[gpu 0]\nmodel = v100\nfault = nonsense@3\n", 3),
    ("[gpu 0]\nmodel = v100\nfault = lost\n", 3),
    ("[gpu 0]\nmodel = v100\npower_limit_w = 9999\n", 3),
    ("[gpu 0]\nmodel = v100\ncolour = red\n", 3),
    ("[machine]\ntime_scale = 0\n[gpu 0]\nmodel = v100\n", 2),
    ("[gpu 0\nmodel = v100\n", 1),
    ("\n\nmodel = v100\n", 3),
], ids=lambda x: "" if isinstance(x, int) else x.replace("\n", " ")[:40])
def test_machine_file_with_an_error(wt, text, line):
    path = wt.tmp / "bad.ini"
    path.write_text(text)
    refused(wt, run(wt, "--vgpu", path), 2, f"bad.ini:{line}")


@pytest.mark.parametrize("text", ["", "[machine]\nseed = 3\n", "[gpu 1]\nmodel = v100\n", "[gpu 0]\npower_limit_w = 200\n"])
def test_machine_file_that_lacks_something(wt, text):
    path = wt.tmp / "bad.ini"
    path.write_text(text)
    refused(wt, run(wt, "--vgpu", path), 2, "bad.ini")


@pytest.mark.parametrize("command", [["run", "--", "true"], ["monitor", "--count", "1"], ["limit", "get"],
                                     ["limit", "set", "200"]], ids=lambda c: " ".join(c[:2]))
def test_no_nvml(wt, command):
    env = {"LD_LIBRARY_PATH": "/nonexistent", "WATTUNE_SYSFS": str(wt.tmp)}
    refused(wt, wt.run(*command, env=env), 3, "NVML")


@pytest.mark.parametrize("how", ["option", "environment"])
@pytest.mark.parametrize("path", ["/nonexistent", "/etc/passwd"])
def test_named_nvml_that_cannot_be_opened(wt, how, path):
    done = run(wt, *(["--nvml", path] if how == "option" else []), env={"WATTUNE_NVML": path} if how == "environment" else {})
    refused(wt, done, 3, path)


def test_replay_that_is_not_there(wt):
    done = wt.run("measure", "--replay", "/nonexistent.csv", "--", "touch", wt.tmp / "ran")
    refused(wt, done, 2, "/nonexistent.csv")


# --- Which GPUs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(wt):
    """Two A40 around a V100; UUIDs with a common beginning."""
    return wt.machine("a40", "v100", "a40", gpu0={"uuid": "GPU-11111111-aaaa-0000-0000-000000000001"},
                      gpu1={"uuid": "GPU-11111111-bbbb-0000-0000-000000000002"},
                      gpu2={"uuid": "GPU-22222222-aaaa-0000-0000-000000000003"})


def indexes(done):
    return [d["index"] for d in json.loads(done.stdout)["devices"]]


@pytest.mark.parametrize("visible, order, found", [
    ("0", "PCI_BUS_ID", [0]), ("2,0", "PCI_BUS_ID", [2, 0]), ("1", None, [2]), ("2", None, [1]),
    ("0,-1,1", "PCI_BUS_ID", [0]), ("GPU-1111", None, None), ("GPU-2", None, [2]),
    ("GPU-11111111-bbbb-0000-0000-000000000002", None, [1]),
    ("MIG-GPU-22222222-aaaa-0000-0000-000000000003/1/0", None, [2]),
])
def test_visible_devices(wt, three, visible, order, found):
    env = {"CUDA_VISIBLE_DEVICES": visible} | ({"CUDA_DEVICE_ORDER": order} if order else {})
    done = wt.run("limit", "get", "--json", "--vgpu", three.spec, env=env)
    if found is None:
        assert done.returncode == 3 and len(errors(done)) == 1 and "more of the UUID" in done.stderr
        return
    assert done.returncode == 0 and indexes(done) == found
    if visible.startswith("MIG"):
        assert "whole GPU" in done.stderr
    if visible in ("1", "2") and not order:
        assert "CUDA_DEVICE_ORDER" in done.stderr   # a guess is declared


@pytest.mark.parametrize("visible", ["", "-1", "-1,0", "3", "0,7", "GPU-99999999", "MIG-00000000-0000", "0,0", "x"])
def test_visible_devices_leave_none(wt, three, visible):
    done = run(wt, "--vgpu", three.spec, env={"CUDA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"})
    refused(wt, done, 3, "CUDA_VISIBLE_DEVICES")


@pytest.mark.parametrize("gpus, found", [
    ("0", [0]), ("2,0", [2, 0]), ("GPU-11111111-b", [1]), ("gpu-2", [2]), ("0000:02:00.0", [1]),
    ("00000000:03:00.0,0", [2, 0]), ("01:00.0", [0]),
])
def test_gpus(wt, three, gpus, found):
    done = wt.run("limit", "get", "--json", "--vgpu", three.spec, "--gpus", gpus, env={"CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 0 and indexes(done) == found


@pytest.mark.parametrize("gpus", ["3", "", "0,", "0,0", "GPU-1", "GPU-9", "0000:09:00.0", "all", "-1", "0x1", "1-2", "9" * 200])
def test_gpus_that_are_not_there(wt, three, gpus):
    refused(wt, run(wt, "--vgpu", three.spec, "--gpus", gpus), 3, "GPU")


# --- The command --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["run", "measure"])
def test_command_that_is_not_there(wt, verb):
    refused(wt, wt.run(verb, "--vgpu", wt.plain(), "--", "no-such-command"), 127, "no-such-command")


@pytest.mark.parametrize("verb", ["run", "measure"])
@pytest.mark.parametrize("what", ["/etc/passwd", "/"])
def test_command_that_cannot_be_executed(wt, verb, what):
    refused(wt, wt.run(verb, "--vgpu", wt.plain(), "--", what), 126, what)


@pytest.mark.parametrize("verb", ["run", "measure"])
@pytest.mark.parametrize("command, code", [("true", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137),
                                           ("kill -SEGV $$", 139), ("kill -TERM $$", 143), ("kill -INT $$", 130)])
def test_exit_code(wt, verb, command, code):
    done = wt.run(verb, "--vgpu", wt.plain(), "--", "sh", "-c", command)
    assert done.returncode == code and done.stdout == "" and errors(done) == []
    if verb == "run":
        assert wt.tries("sh")[0]["exit_code"] == code


def test_crash_in_the_middle_of_profiling(wt):
    machine = wt.machine()
    machine.hold()
    done, tried, _ = wt.train(machine, train=("steps=500", "crash_at=110"))
    assert done.returncode == 139 and tried["exit_code"] == 139 and tried["steps"] == 110
    assert machine.limits() == [250] and not machine.journal()


def test_end_before_the_first_limit(wt):
    done, tried, _ = wt.train(wt.machine(), train=("steps=3",))
    assert done.returncode == 0 and errors(done) == [] and tried["profile"] == [] and tried["energy_j"] > 0
    assert "before the first limit was profiled" in done.stderr


def test_children_that_are_left(wt):
    done, tried, _ = wt.train(wt.machine(), train=("steps=20", "leave=1"))
    assert done.returncode == 0 and tried["steps"] == 20
    assert "1 process of the command still runs" in done.stderr


def test_command_options_are_its_own(wt):
    """Dashes after the command's first word are the command's, with and without --."""
    for words in (["--", "echo", "--json", "-q", "--foo"], ["echo", "--json", "-q", "--foo"]):
        assert wt.run("run", "--vgpu", wt.plain(), *words).stdout == "--json -q --foo\n"


def test_environment_of_the_command(wt):
    done = wt.run("run", "--vgpu", wt.plain(), "--", "sh", "-c", "echo $WATTUNE_VGPU; echo ${LD_LIBRARY_PATH%%:*}; ls -l $WATTUNE_CHANNEL | cut -c1-10",
                  env={"LD_LIBRARY_PATH": "/somewhere"})
    assert done.stdout.splitlines() == [wt.plain(), str(wt.build / "vgpu"), "-rw-------"]


def test_signal_mask_and_dispositions_of_the_command(wt):
    """The command gets the signals as we got them: nothing blocked, nothing ignored."""
    done = wt.run("run", "--vgpu", wt.plain(), "--progress", "pattern:x", "--", "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status",
                  preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL))
    masks = {l.split()[0]: int(l.split()[1], 16) for l in done.stdout.splitlines()}
    assert masks["SigBlk:"] == 0 and not masks["SigIgn:"] & (1 << (signal.SIGPIPE - 1))


def test_no_descriptors_leak_into_the_command(wt):
    done = wt.run("run", "--vgpu", wt.plain(), "--progress", "pattern:x", "--", "sh", "-c", "ls /proc/$$/fd")
    assert set(done.stdout.split()) <= {"0", "1", "2", "255"}


# --- The ledger ------------------------------------------------------------------------------------------------------------------


def ledger_cases(tmp):
    (tmp / "folder").mkdir()
    (tmp / "text").write_text("this is not a database, it is a text that is somewhat longer than a header\n" * 30)
    newer = sqlite3.connect(tmp / "newer.db")
    newer.execute("create table t (x)")
    newer.execute("pragma user_version = 9999")
    newer.commit()
    newer.close()
    return {"folder": tmp / "folder", "parent": tmp / "missing" / "ledger.db", "text": tmp / "text", "newer": tmp / "newer.db",
            "file as folder": tmp / "text" / "ledger.db"}


@pytest.mark.parametrize("case", ["folder", "parent", "text", "newer", "file as folder"])
@pytest.mark.parametrize("how", ["option", "environment"])
def test_ledger_that_cannot_be_opened(wt, case, how):
    path = ledger_cases(wt.tmp)[case]
    options, env = (["--ledger", path], {}) if how == "option" else ([], {"WATTUNE_LEDGER": str(path)})
    refused(wt, run(wt, "--vgpu", wt.plain(), *options, env=env), 6, str(path))


@pytest.mark.parametrize("case", ["folder", "text", "newer"])
def test_ledger_that_cannot_be_read(wt, case):
    path = ledger_cases(wt.tmp)[case]
    for words in (["jobs"], ["show", "x"]):
        refused(wt, wt.run(*words, "--ledger", path), 6, str(path))


def test_a_foreign_database_is_left_alone(wt):
    path = wt.tmp / "other.db"
    other = sqlite3.connect(path)
    other.execute("create table customers (name)")
    other.commit()
    other.close()
    before = path.read_bytes()
    refused(wt, run(wt, "--vgpu", wt.plain(), "--ledger", path), 6, str(path))
    assert path.read_bytes() == before


def test_default_ledger_is_made_with_its_folder(wt):
    env = {"WATTUNE_LEDGER": ""}
    assert run(wt, "--vgpu", wt.plain(), env=env).returncode == 0
    path = wt.tmp / "data" / "wattune" / "ledger.db"
    assert path.exists() and path.parent.stat().st_mode & 0o077 == 0


def test_json_file_that_cannot_be_written(wt):
    done = run(wt, "--vgpu", wt.plain(), "--json=/nonexistent/o.json")
    assert done.returncode in (1, 2) and len(errors(done)) == 1 and "/nonexistent/o.json" in done.stderr


# --- Rights ---------------------------------------------------------------------------------------------------------------------


def test_no_permission(wt):
    machine = wt.machine(user_may_set="false")
    done, tried, _ = wt.train(machine, train=("steps=300",))
    assert done.returncode == 0 and "not tuned" in done.stderr and "root or CAP_SYS_ADMIN" in done.stderr
    assert tried["energy_j"] > 0 and len(tried["profile"]) <= 1
    assert not machine.journal()
