# SPDX-License-Identifier: Apache-2.0
"""Whatever is killed, at whatever moment: the limit found comes back, and the training goes on.

The moments are random with a fixed seed.  A third process keeps the machine alive, so that a limit that was left
would be seen.
"""

import os
import random
import signal
import subprocess
import time

import pytest

from conftest import alive, children, errors, guard_of, wait_for

pytestmark = pytest.mark.sanitized

MOMENTS = random.Random(7)
TRAIN = ("steps=600", "step_s=0.05")


def trainer_of(run):
    """Its pid once it is itself: between fork and exec it still has wattune's command line."""
    return next((pid for pid, line in children(run.pid).items() if line.split(" ")[0].endswith("e2e_client")), None)


def started(wt, machine, *options, train=TRAIN, **kwargs):
    """A run that has set a limit other than the one found."""
    run = wt.start_training(machine, *options, train=train, **kwargs)
    wait_for(lambda: machine.changes()[-1][1] != 250 or run.poll() is not None, 15, "a limit to be set")
    assert run.poll() is None
    return run


@pytest.mark.parametrize("delay_s", [pytest.param(round(MOMENTS.uniform(0, 1.8), 3), marks=[pytest.mark.plain] if i > 5 else [])
                                     for i in range(15)])
def test_supervisor_is_killed(wt, delay_s):
    machine = wt.machine(scale=10)
    machine.watch()
    log = wt.tmp / "log"
    run = wt.start_training(machine, train=("steps=250", f"log={log}"), stderr=subprocess.DEVNULL)
    time.sleep(delay_s)
    guard, trainer = guard_of(run.pid), trainer_of(run)
    run.kill()
    run.wait()
    wait_for(lambda: machine.limits() == [250] and not machine.journal(), 5, "the limit to come back")
    if guard:
        wait_for(lambda: not alive(guard), 5, "the guard process to end")
    if trainer:
        assert alive(trainer)
        wait_for(lambda: not alive(trainer), 20, "the training to end by itself")
        assert log.read_text().splitlines()[-1].startswith("250 ")   # unharmed, to its last step
    assert machine.limits() == [250]


def test_guard_is_killed(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    run = started(wt, machine)
    first = guard_of(run.pid)
    os.kill(first, signal.SIGKILL)
    second = wait_for(lambda: (pid := guard_of(run.pid)) not in (None, first) and pid, 5, "another guard process")
    wait_for(lambda: machine.changes()[-1][1] != 250, 10, "tuning to go on")
    run.kill()
    run.wait()
    wait_for(lambda: machine.limits() == [250], 5, "the second guard process to put the limit back")
    wait_for(lambda: not alive(second), 5, "its end")


def test_guard_is_killed_and_the_run_ends_well(wt):
    machine = wt.machine()
    machine.watch()
    run = started(wt, machine)
    os.kill(guard_of(run.pid), signal.SIGKILL)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 0 and "guard process" in err and not errors_in(err)
    assert machine.limits() == [250] and not machine.journal() and not wt.leftovers()


def test_guard_process_goes_on_after_the_run(wt):
    """A limit that could not be put back at the end is left to the guard process, which outlives the run."""
    machine = wt.machine()
    machine.watch()
    words = wt.tmp / "err"
    run = started(wt, machine, "--power-limits", "200", "--baseline", "no", train=("steps=200", "step_s=0.1"),
                  stderr=open(words, "w"))
    entry, = wait_for(machine.journal, 5, "the journal's entry")
    guard, kept = guard_of(run.pid), entry.read_text()
    entry.unlink()
    entry.mkdir()
    (entry / "no").touch()          # it can be neither read nor removed
    assert run.wait(30) == 0 and "the guard process goes on trying" in words.read_text()
    assert alive(guard)
    machine.set(200)                # as if the driver had refused
    (entry / "no").unlink()
    entry.rmdir()
    entry.with_suffix(".new").write_text(kept)
    entry.with_suffix(".new").rename(entry)
    wait_for(lambda: machine.limits() == [250] and not machine.journal(), 5, "the limit to come back")
    wait_for(lambda: not alive(guard), 5, "the guard process to end")
    assert "is back at what was found" in words.read_text()


def test_recovery_is_not_only_of_the_selected(wt):
    machine = wt.machine("v100", "v100", scale=10)
    machine.hold()
    run = wt.start_training(machine, "--gpus", "1", train=("gpu=1", *TRAIN))
    wait_for(lambda: machine.limits()[1] != 250, 15, "a limit to be set")
    guard = guard_of(run.pid)
    run.send_signal(signal.SIGSTOP)
    os.kill(guard, signal.SIGKILL)
    run.kill()
    run.wait()
    assert machine.limits()[0] == 250 != machine.limits()[1]
    done = wt.run("run", "--vgpu", machine.spec, "--gpus", "0", "--", "true")
    assert done.returncode == 0 and "on GPU 1: it is back" in done.stderr
    assert machine.limits() == [250, 250] and not machine.journal()


def errors_in(err):
    return [l for l in err.splitlines() if l.startswith("wattune: error")]


def test_guard_is_killed_again_and_again(wt):
    machine = wt.machine(scale=5)
    machine.watch()
    run = started(wt, machine, train=("steps=2000",))
    seen = set()
    for _ in range(4):
        guard = wait_for(lambda: (pid := guard_of(run.pid)) not in seen | {None} and pid, 10, "another guard process")
        seen.add(guard)
        wait_for(lambda: is_ready(guard), 10, "it to be ready")
        os.kill(guard, signal.SIGKILL)
    wait_for(lambda: guard_of(run.pid) not in seen | {None}, 10, "the last one")
    run.send_signal(signal.SIGTERM)
    assert run.wait(10) == 128 + 15 and machine.limits() == [250] and not machine.journal()


def is_ready(guard):
    """A guard process that is ready has left its folder."""
    try:
        return os.readlink(f"/proc/{guard}/cwd") == "/"
    except OSError:
        return False


def test_guard_is_killed_as_it_starts(wt):
    """Whoever kills each guard process at once ends tuning, and gets no more than that."""
    machine = wt.machine(scale=10)
    machine.watch()
    run = started(wt, machine, train=("steps=300",))
    while run.poll() is None:
        guard = guard_of(run.pid)
        if guard:
            try:
                os.kill(guard, signal.SIGKILL)
            except ProcessLookupError:
                pass
    assert run.returncode == 0 and machine.limits() == [250] and not machine.journal()


def kill_both(wt, machine):
    run = started(wt, machine)
    guard, trainer = guard_of(run.pid), trainer_of(run)
    os.kill(run.pid, signal.SIGSTOP)      # so that it cannot start another guard process
    os.kill(guard, signal.SIGKILL)
    run.kill()
    run.wait()
    os.kill(trainer, signal.SIGKILL)
    time.sleep(0.3)
    assert machine.limits() != [250], "nobody was left to put the limit back: this test tests nothing"
    assert machine.journal()


@pytest.mark.parametrize("command", [["limit", "get"], ["monitor", "--count", "1"], ["run", "--", "true"], ["doctor"]],
                         ids=lambda c: c[0])
def test_both_are_killed_and_the_next_puts_it_back(wt, command):
    machine = wt.machine(scale=10)
    machine.watch()
    kill_both(wt, machine)
    done = wt.run(command[0], "--vgpu", machine.spec, *command[1:])
    assert done.returncode == 0 and "a killed run left its power limit on GPU 0: it is back" in done.stderr
    assert machine.limits() == [250] and not machine.journal()
    if command[0] == "limit":
        assert done.stdout.splitlines()[1].split().count("250") == 4   # limit, enforced, default, max: the current values


@pytest.mark.parametrize("command", [["measure", "--", "true"], ["run", "--observe", "--", "true"],
                                     ["run", "--dry-run", "--", "true"]], ids=lambda c: c[1])
def test_both_are_killed_and_who_never_writes_does_not(wt, command):
    machine = wt.machine(scale=10)
    machine.watch()
    kill_both(wt, machine)
    left = machine.limits()
    assert wt.run(command[0], "--vgpu", machine.spec, *command[1:]).returncode == 0
    assert machine.limits() == left and machine.journal()
    assert wt.run("limit", "get", "--vgpu", machine.spec).returncode == 0
    assert machine.limits() == [250] and not machine.journal()


def test_both_are_killed_and_limit_set_settles_it(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    kill_both(wt, machine)
    assert wt.run("limit", "set", "180", "--vgpu", machine.spec).returncode == 0
    assert machine.limits() == [180] and not machine.journal()
    assert wt.run("limit", "get", "--vgpu", machine.spec).returncode == 0
    assert machine.limits() == [180]


def test_both_are_killed_and_somebody_sets_another_limit(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    kill_both(wt, machine)
    machine.set(131)
    done = wt.run("limit", "get", "--vgpu", machine.spec)
    assert "somebody else has changed" in done.stderr
    assert machine.limits() == [131] and not machine.journal()


def test_training_is_killed(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    run = started(wt, machine)
    os.kill(trainer_of(run), signal.SIGKILL)
    assert run.wait(10) == 128 + 9
    assert machine.limits() == [250] and not machine.journal() and not wt.leftovers()
    assert wt.tries()[0]["exit_code"] == 137 and wt.tries()[0]["energy_j"] > 0


@pytest.mark.parametrize("number, delay_s", [(s, round(MOMENTS.uniform(0.05, 1.5), 3))
                                             for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
                         ids=["INT", "TERM", "HUP"])
def test_signals_are_passed_on(wt, number, delay_s):
    machine = wt.machine(scale=10)
    machine.watch()
    run = wt.start_training(machine, train=TRAIN)
    wait_for(lambda: trainer_of(run), 5, "the command")
    time.sleep(delay_s)
    guard = guard_of(run.pid)
    run.send_signal(number)
    run.communicate(timeout=10)
    assert run.returncode == 128 + number
    assert machine.limits() == [250] and not machine.journal() and not wt.leftovers()
    assert not guard or not alive(guard)
    assert wt.tries()[0]["exit_code"] == 128 + number


def test_signals_of_the_first_milliseconds(wt):
    """Whenever it comes: wattune ends, with the signal's code, and nothing is left."""
    machine = wt.machine(scale=10)
    machine.hold()
    for i in range(30):
        number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[i % 3]
        run = wt.start("run", "--vgpu", machine.spec, "--", wt.client, "train", *TRAIN, stderr=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(i * 0.0015)
        run.send_signal(number)
        code = run.wait(10)
        assert code in (128 + number, -number), f"after {i * 1.5} ms: {code}"
        assert not wt.leftovers(), f"after {i * 1.5} ms"
    assert machine.limits() == [250] and not machine.journal()
    left = [pid for pid, line in children(os.getpid()).items() if machine.spec in line or "e2e_client train" in line]
    assert left == []
    strays = subprocess.run(["pgrep", "-f", str(wt.tmp)], capture_output=True, text=True).stdout.split()
    own = {str(p.pid) for p in wt.processes}
    assert not set(strays) - own


def test_a_signal_that_the_command_ignores(wt):
    """It is passed on, no more: the command decides."""
    machine = wt.machine()
    run = wt.start("run", "--vgpu", machine.spec, "--", "sh", "-c", "trap 'echo caught; exit 5' TERM; echo up; while :; do sleep 0.1; done")
    assert run.stdout.readline() == "up\n"
    run.terminate()
    out, _ = run.communicate(timeout=10)
    assert run.returncode == 5 and out == "caught\n"


def test_a_channel_that_a_killed_run_left_is_removed(wt):
    machine = wt.machine(scale=10)
    machine.hold()
    run = wt.start_training(machine, train=TRAIN, stderr=subprocess.DEVNULL)
    trainer = wait_for(lambda: trainer_of(run), 5, "the command")
    run.kill()
    run.wait()
    os.kill(trainer, signal.SIGKILL)
    wait_for(lambda: not alive(trainer), 5, "its end")
    (left,) = wt.leftovers()
    os.utime(left, (time.time() - 3600,) * 2)    # a young one may be about to be locked
    assert wt.run("run", "--vgpu", machine.spec, "--", "true").returncode == 0
    assert not wt.leftovers()


def test_a_run_is_seen_while_it_runs(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    run = started(wt, machine)
    (tried,) = wt.tries()
    assert tried["ended"] is False and tried["exit_code"] is None and tried["energy_j"] is None
    assert wt.run("show", "job").returncode == 0 and "job" in wt.run("jobs").stdout
    run.terminate()
    assert run.wait(10) == 143
    assert wt.tries()[0]["ended"] is True


def test_the_ledger_is_whole_after_kills(wt):
    machine = wt.machine(scale=10)
    machine.hold()
    for i in range(4):
        run = wt.start_training(machine, train=("steps=400",), stderr=subprocess.DEVNULL)
        time.sleep(MOMENTS.uniform(0.05, 0.8))
        trainer = trainer_of(run)
        run.kill()
        run.wait()
        if trainer:
            os.kill(trainer, signal.SIGKILL)
    done, tried, _ = wt.train(machine, "--power-limits", "250,200", train=("steps=150",))
    assert done.returncode == 0 and not errors(done)
    assert wt.tries()[-1] == tried
    assert [t["ended"] for t in wt.tries()][-1] is True
