# SPDX-License-Identifier: Apache-2.0
"""Commands and surroundings that are not as they should be: wattune stays out of the way and leaves nothing behind."""

import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest

from conftest import alive, children, errors, guard_of, wait_for


def one_try(path):
    return json.loads(path.read_text())["recurrences"][0]["tries"][0]


# --- The channel ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", [
    'head -c 40000 /dev/urandom > "$WATTUNE_CHANNEL"', ': > "$WATTUNE_CHANNEL"', 'rm "$WATTUNE_CHANNEL"',
    'truncate -s 3 "$WATTUNE_CHANNEL"', 'truncate -s 100M "$WATTUNE_CHANNEL"',
    'printf "\\377\\377\\377\\377" | dd of="$WATTUNE_CHANNEL" bs=1 seek=16 conv=notrunc 2>/dev/null',
    'head -c 32000 /dev/urandom | dd of="$WATTUNE_CHANNEL" bs=128 seek=1 conv=notrunc 2>/dev/null;'
    'printf "\\020" | dd of="$WATTUNE_CHANNEL" bs=1 seek=16 conv=notrunc 2>/dev/null',
    'rm "$WATTUNE_CHANNEL"; mkfifo "$WATTUNE_CHANNEL"', 'rm "$WATTUNE_CHANNEL"; ln -s /etc/passwd "$WATTUNE_CHANNEL"',
], ids=["random", "empty", "removed", "short", "long", "claims", "slots", "fifo", "link"])
def test_hostile_channel(wt, harm):
    machine = wt.machine()
    machine.hold()
    file = wt.tmp / "o.json"
    before = os.stat("/etc/passwd")
    done = wt.run("run", "--vgpu", machine.spec, f"--json={file}", "--", "sh", "-c", harm + "; sleep 0.4; exit 4", timeout=20)
    assert done.returncode == 4 and errors(done) == [], done.stderr
    tried = one_try(file)
    assert tried["time_s"] > 0 and (tried["steps"] is None or tried["steps"] >= 0)
    for point in tried["profile"]:
        assert 0 < point["time_per_step_s"] < 1e6
    assert machine.limits() == [250] and not machine.journal()
    assert os.stat("/etc/passwd").st_mtime == before.st_mtime


def test_channel_is_private(wt):
    done = wt.run("run", "--vgpu", wt.plain(), "--", "sh", "-c", "stat -c '%a %s' $WATTUNE_CHANNEL")
    assert done.stdout.split()[0] == "600"


# --- The command ------------------------------------------------------------------------------------------------------------


def test_a_child_that_keeps_the_output_open(wt):
    """The command ends while its child holds the pipe. The run ends with the command."""
    start = time.monotonic()
    done = wt.start("run", "--vgpu", wt.plain(), "--progress", "pattern:step", "--", "sh", "-c", "echo step 1; sleep 8 & echo $! >child; exit 3",
                    stderr=open(wt.tmp / "err", "w"), stdout=open(wt.tmp / "out", "w"))
    assert done.wait(6) == 3 and time.monotonic() - start < 5
    assert (wt.tmp / "out").read_text() == "step 1\n" and "still run" in (wt.tmp / "err").read_text()
    os.kill(int((wt.tmp / "child").read_text()), signal.SIGKILL)


def test_a_child_that_writes_on_for_ever(wt):
    with open(wt.tmp / "out", "w") as out:
        run = wt.start("run", "--vgpu", wt.plain(), "--progress", "pattern:step", "--", "sh", "-c", "yes & sleep 0.2; exit 3", stdout=out)
        assert run.wait(10) == 3


def test_chatty_command(wt):
    """20 MB of output while limits are tuned: bytes and steps are complete."""
    machine = wt.machine()
    out = wt.tmp / "out"
    code = "for i in range(40000):\n print('x' * 500, 'step', i + 1)\n"
    run = wt.start("run", "--vgpu", machine.spec, "--progress", r"pattern:step (\d+)", f"--json={wt.tmp / 'o.json'}", "--",
                   "python3", "-c", code, stdout=open(out, "wb"))
    assert run.wait(60) == 0
    assert out.stat().st_size == sum(500 + 6 + len(str(i)) + 1 for i in range(1, 40001))
    assert one_try(wt.tmp / "o.json")["steps"] == 40000


def test_hostile_pattern_does_not_hang(wt):
    """A pattern that backtracks without end on this output."""
    done = wt.run("run", "--vgpu", wt.plain(), "--progress", "pattern:(a+)+$", "--", "sh", "-c",
                  "for i in 1 2 3 4 5; do head -c 60000 /dev/zero | tr '\\0' a; echo b; done", timeout=30)
    assert done.returncode == 0 and len(done.stdout) == 5 * 60002


def test_stopped_and_continued(wt):
    """SIGSTOP for longer than a slice, in the first one: the pause is no step."""
    machine = wt.machine(scale=10)
    machine.watch()
    file = wt.tmp / "o.json"
    run = wt.start_training(machine, "--power-limits", "250,200", "--baseline", "no", f"--json={file}", train=("steps=250",))
    trainer = wait_for(lambda: next((p for p, l in children(run.pid).items() if l.split(" ")[0].endswith("e2e_client")), None), 5, "it")
    time.sleep(0.3)
    os.kill(trainer, signal.SIGSTOP)
    time.sleep(0.6)
    os.kill(trainer, signal.SIGCONT)
    run.communicate(timeout=30)
    assert run.returncode == 0
    for point in one_try(file)["profile"]:
        assert point["time_per_step_s"] == pytest.approx(0.104, rel=0.15)


def test_run_inside_a_run(wt):
    """The inner one finds the lease held; both end well, and the outer one's limits come back."""
    machine = wt.machine()
    inner = [wt.binary, "run", "--job", "inner", "--", wt.client, "train", "steps=100"]
    done = wt.run("run", "--vgpu", machine.spec, "--job", "outer", "--", *inner)
    assert done.returncode == 0 and errors(done) == []
    assert "held by wattune run" in done.stderr and machine.limits() == [250]
    assert wt.tries("inner")[0]["profile"] == []


def test_many_ranks_on_one_gpu(wt):
    machine = wt.machine()
    done, tried, _ = wt.train(machine, "--power-limits", "250,150", "--baseline", "no",
                              train=("steps=150", "ranks=1"), job="warm")
    file = wt.tmp / "o.json"
    command = f"for i in 1 2 3 4; do {wt.client} train steps=40 & done; wait"
    done = wt.run("run", "--vgpu", machine.spec, f"--json={file}", "--", "sh", "-c", command)
    assert done.returncode == 0 and "shared" not in done.stderr
    assert one_try(file)["steps"] == 40      # ranks of one training


# --- The surroundings ---------------------------------------------------------------------------------------------------------


def test_few_descriptors(wt):
    done = wt.run("run", "--vgpu", wt.plain(), "--", "echo", "ran",
                  preexec_fn=lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (9, 9)))
    assert done.stdout in ("ran\n", "")
    assert (done.stdout == "ran\n") == (done.returncode == 0) or len(errors(done)) == 1


def test_ledger_that_vanishes_while_it_runs(wt):
    done = wt.run("run", "--vgpu", wt.plain(), "--", "sh", "-c", f"rm -f {wt.ledger}*; exit 0")
    assert done.returncode in (0, 6) and "done" in done.stderr
    assert done.returncode == 0 or len(errors(done)) >= 1


def test_ledger_that_is_locked_for_a_while(wt):
    wt.run("run", "--vgpu", wt.plain(), "--job", "first", "--", "true")
    other = sqlite3.connect(wt.ledger, isolation_level=None)
    other.execute("begin exclusive")
    run = wt.start("run", "--vgpu", wt.plain(), "--job", "second", "--", "true")
    time.sleep(0.8)
    other.execute("rollback")
    out, err = run.communicate(timeout=30)
    assert run.returncode == 0, err
    assert wt.tries("second")[0]["ended"] is True


def test_read_only_ledger_folder(wt):
    if os.geteuid() == 0:
        pytest.skip("nothing is read-only to root")
    folder = wt.tmp / "ro"
    folder.mkdir(mode=0o500)
    done = wt.run("run", "--vgpu", wt.plain(), "--ledger", folder / "l.db", "--", "touch", wt.tmp / "ran")
    assert done.returncode == 6 and not (wt.tmp / "ran").exists()


def test_standard_error_that_is_full(wt):
    run = wt.start("run", "--vgpu", wt.plain(), "--", "true", stderr=open("/dev/full", "w"))
    assert run.wait(10) == 0


def test_standard_output_that_is_full(wt):
    run = wt.start("measure", "--json", "--vgpu", wt.plain(), "--", "true", stdout=open("/dev/full", "w"))
    _, err = run.communicate(timeout=10)
    assert run.returncode == 1 and len([l for l in err.splitlines() if "error" in l]) == 1
    run = wt.start("monitor", "--count", "1", "--vgpu", wt.plain(), stdout=open("/dev/full", "w"))
    assert run.wait(10) == 1


def test_dry_run(wt):
    machine = wt.machine()
    done = wt.run("run", "--dry-run", "--vgpu", machine.spec, "--", "touch", wt.tmp / "ran")
    assert done.returncode == 0 and "would" in done.stdout and not (wt.tmp / "ran").exists() and not wt.ledger.exists()


# --- Another user -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def user(wt):
    """Everything as nobody: limits of an own machine need no root, the journal is in the runtime folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = wt.tmp
    while str(folder).startswith("/tmp/"):
        folder.chmod(folder.stat().st_mode | 0o755)
        folder = folder.parent
    for path in (wt.tmp, *wt.tmp.rglob("*")):
        os.chown(path, 65534, 65534)
    return {"user": 65534, "group": 65534, "extra_groups": []}


def as_user(wt, user, machine, *args):
    run = wt.popen([wt.binary, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **user)
    out, err = run.communicate(timeout=60)
    return subprocess.CompletedProcess(args, run.returncode, out, err)


def limits_as(wt, user, machine):
    process = wt.popen([wt.client, "get"], env=wt.env | {"WATTUNE_VGPU": machine.spec}, stdout=subprocess.PIPE, text=True, **user)
    return [float(l.split()[2]) for l in process.communicate(timeout=10)[0].splitlines()]


def test_an_ordinary_user_tunes_and_is_killed(wt, user):
    machine = wt.machine(scale=10)
    os.chown(machine.path, 65534, 65534)
    run = wt.popen([wt.binary, "run", "--vgpu", machine.spec, "--", wt.client, "train", "steps=600"], **user,
                   stderr=subprocess.DEVNULL)
    journal = os.path.join(wt.env["XDG_RUNTIME_DIR"], "wattune")
    wait_for(lambda: limits_as(wt, user, machine) != [250], 15, "a limit")
    assert any(n.endswith(".setting") for n in os.listdir(journal)) and os.stat(journal).st_mode & 0o077 == 0
    left = [p for p in children(run.pid)]
    os.kill(run.pid, signal.SIGSTOP)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    run.kill()
    run.wait()
    time.sleep(0.2)
    assert limits_as(wt, user, machine) != [250]
    done = as_user(wt, user, machine, "limit", "get", "--vgpu", machine.spec)
    assert "a killed run left its power limit" in done.stderr and limits_as(wt, user, machine) == [250]


def test_no_place_for_the_journal(wt, user):
    """Without a journal no limit is written: measured, not tuned, and the reason said."""
    machine = wt.machine()
    os.chown(machine.path, 65534, 65534)
    env = wt.env | {"XDG_RUNTIME_DIR": "/nonexistent", "XDG_STATE_HOME": "/proc/nothing", "HOME": "/proc"}
    run = wt.popen([wt.binary, "run", "--vgpu", machine.spec, "--", wt.client, "train", "steps=60"], env=env, **user,
                   stderr=subprocess.PIPE, text=True)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 0 and "not tuned" in err and "/proc/nothing" in err


def test_a_planted_journal_is_not_trusted(wt, user):
    """Entries that are not ours to believe: another device's name, a limit out of range, a link, binary rubbish."""
    machine = wt.machine()
    os.chown(machine.path, 65534, 65534)
    uuid = machine_uuid(wt, user, machine)
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    folder = os.path.join(wt.env["XDG_RUNTIME_DIR"], "wattune")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chown(folder, 65534, 65534)
    entry = os.path.join(folder, uuid + ".limit")
    texts = [b"\x00" * 300, b"x" * 5000,
             f"wattune-limit 1\nboot {boot}\nuuid GPU-other\nfound_mw 150000\nwritten_mw 250000 0\nholder x\n".encode(),
             f"wattune-limit 1\nboot other\nuuid {uuid}\nfound_mw 150000\nwritten_mw 250000 0\nholder x\n".encode(),
             f"wattune-limit 1\nboot {boot}\nuuid {uuid}\nfound_mw 0\nwritten_mw 250000 0\nholder x\n".encode()]
    for text in texts:
        with open(entry, "wb") as f:
            f.write(text)
        os.chown(entry, 65534, 65534)
        done = as_user(wt, user, machine, "limit", "get", "--vgpu", machine.spec)
        assert done.returncode == 0 and limits_as(wt, user, machine) == [250], text
        assert not os.path.exists(entry), text
    with open(entry, "w") as f:   # well-formed, but a limit that the device does not have
        f.write(f"wattune-limit 1\nboot {boot}\nuuid {uuid}\nfound_mw 999000\nwritten_mw 250000 0\nholder x\n")
    os.chown(entry, 65534, 65534)
    done = as_user(wt, user, machine, "limit", "get", "--vgpu", machine.spec)
    assert limits_as(wt, user, machine) == [250] and not os.path.exists(entry)
    done = as_user(wt, user, machine, "run", "--vgpu", machine.spec, "--", wt.client, "train", "steps=60")
    assert done.returncode == 0 and "not tuned:" not in done.stderr and limits_as(wt, user, machine) == [250]


def machine_uuid(wt, user, machine):
    process = wt.popen([wt.client, "get"], env=wt.env | {"WATTUNE_VGPU": machine.spec}, stdout=subprocess.PIPE, text=True, **user)
    return process.communicate(timeout=10)[0].split()[1]
