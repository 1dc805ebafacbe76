# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments: of the supervisor, the guard process, the training, or supervisor and guard together.

A dozen moments of a fixed seed here; `make soak` takes several hundred (WATTUNE_SOAK=COUNT, WATTUNE_SOAK_SEED).  A
third process keeps the machine alive, so that a limit that was left would be seen.
"""

import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

from conftest import JOURNAL, alive, children, errors, guard_of, wait_for

COUNT = int(os.environ.get("WATTUNE_SOAK", "12"))
SEED = int(os.environ.get("WATTUNE_SOAK_SEED", "20"))
VICTIMS = ("supervisor", "guard", "training", "both")


def moments():
    draw = random.Random(SEED)
    for i in range(COUNT):
        yield f"{i}", VICTIMS[i % len(VICTIMS)], round(draw.uniform(0, 1.3), 4), draw.choice((250, 187.5))


def trainer_of(pid):
    return next((p for p, line in children(pid).items() if line.split(" ")[0].endswith("e2e_client")), None)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def ours(wt):
    """Living processes of this test that the test itself did not start."""
    own = {p.pid for p in wt.processes}
    found = subprocess.run(["pgrep", "-f", str(wt.tmp)], capture_output=True, text=True).stdout.split()
    return [int(p) for p in found if int(p) not in own and alive(int(p))]


def ledger_is_whole(wt):
    if wt.ledger.exists():
        with sqlite3.connect(wt.ledger) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("number, victim, delay_s, found", list(moments()))
def test_kill(wt, number, victim, delay_s, found):
    uuid = f"GPU-c0ffee00-0000-4000-9000-{abs(hash(str(wt.tmp))) % (1 << 48):012x}"
    machine = wt.machine("v100", scale=20, state=False, gpu0={"uuid": uuid, "power_limit_w": found})
    machine.hold()
    log = wt.tmp / "log"
    run = wt.start_training(machine, train=("steps=200", f"log={log}"), stderr=subprocess.PIPE)
    time.sleep(delay_s)
    guard, trainer = guard_of(run.pid), trainer_of(run.pid)

    if victim in ("supervisor", "both"):
        if victim == "both":
            os.kill(run.pid, signal.SIGSTOP)     # or it would start another guard process
            guard, trainer = guard_of(run.pid), trainer_of(run.pid)
            if guard:
                kill(guard)
        run.kill()
        run.wait()
    elif victim == "guard" and guard:
        kill(guard)
    elif victim == "training" and trainer:
        kill(trainer)

    if victim == "both":                         # the next start of anything of ours settles it
        if trainer:
            wait_for(lambda: not alive(trainer), 20, "the training to end by itself")
        done = wt.run("limit", "get", "--vgpu", machine.spec)
        assert done.returncode == 0 and not errors(done), done.stderr
    elif victim == "supervisor":
        wait_for(lambda: machine.limits() == [found], 5, "the guard process to put the limit back")
    else:
        _, err = run.communicate(timeout=30)
        assert run.returncode == (137 if victim == "training" and trainer else 0), err
        assert not [l for l in err.splitlines() if l.startswith("wattune: error")], err

    assert machine.limits() == [found]
    wait_for(lambda: not machine.journal(), 5, "the journal to be empty")
    if trainer and victim != "training":         # it went on, to its last step
        wait_for(lambda: not alive(trainer), 20, "the training to end by itself")
        assert log.read_text().splitlines()[-1].startswith("200 ")
    wait_for(lambda: not ours(wt), 8, "our processes to end")
    ledger_is_whole(wt)

    done, tried, _ = wt.train(machine, "--power-limits", "250,200", train=("steps=40",))
    assert done.returncode == 0 and not errors(done) and tried["energy_j"] > 0, done.stderr
    assert machine.limits() == [found] and not machine.journal() and not wt.leftovers()
    ledger_is_whole(wt)
    (JOURNAL / f"{uuid}.lock").unlink(missing_ok=True)
