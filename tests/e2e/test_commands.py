# SPDX-License-Identifier: Apache-2.0
"""measure, monitor, limit, jobs and show; recordings; terminals; sudo."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import children, errors, guard_of, read_log, wait_for

HEADER = ["time", "index", "uuid", "name", "power_w", "energy_j", "power_limit_w", "enforced_limit_w", "temperature_c",
          "utilization", "sm_clock_mhz", "memory_used_bytes", "throttle"]


# --- measure --------------------------------------------------------------------------------------------------------------


def test_measure_json_is_the_last_line(wt):
    machine = wt.machine()
    log = wt.tmp / "log"
    done = wt.run("measure", "--json", "--vgpu", machine.spec, "--", wt.client, "train", "steps=60", "print=1", f"log={log}")
    lines = done.stdout.splitlines()
    assert lines[:-1] == [f"step {i}" for i in range(1, 61)]
    measured = json.loads(lines[-1])
    assert set(measured) >= {"schema_version", "command", "exit_code", "time_s", "devices", "energy_j", "energy_error_j"}
    assert measured["command"][0] == wt.client and measured["exit_code"] == 0
    device = measured["devices"][0]
    assert {k: device[k] for k in ("kind", "index", "uuid", "name", "source", "sensor_error_fraction")} == {
        "kind": "gpu", "index": 0, "uuid": machine.uuids()[0], "name": "Tesla V100-PCIE-16GB", "source": "counter",
        "sensor_error_fraction": None}
    assert device["average_power_w"] == pytest.approx(device["energy_j"] / measured["time_s"], rel=2e-3)
    steps = read_log(log)
    outside_s = measured["time_s"] - (steps[-1][1] - steps[0][1])
    assert abs(measured["energy_j"] - (steps[-1][2] - steps[0][2]) - 40 * outside_s) <= measured["energy_error_j"] + 40 * outside_s
    assert not wt.ledger.exists()


def test_what_is_known_of_the_sensors_calibration(wt):
    """Published for the P100 and not for the V100; who has calibrated a card says so, and the run's sum and ledger have it."""
    known = wt.machine("p100", "v100", scale=20)
    done = wt.run("measure", "--json", "--vgpu", known.spec, "--", wt.client, "train", "steps=10")
    assert [d["sensor_error_fraction"] for d in json.loads(done.stdout)["devices"]] == [0.05, None]
    done = wt.run("measure", "--vgpu", known.spec, "--sensor-error-fraction", "0.0125", "--", "true")
    assert len(re.findall(r"\+- 1\.3 %|\+- 1\.2 %", done.stderr)) == 2
    _, mixed, _ = wt.train(known, "--observe", job="mixed")
    assert mixed["energy_j"] and mixed["sensor_error_fraction"] is None
    done, alone, _ = wt.train(known, "--observe", "--gpus", "0", job="alone")
    assert alone["sensor_error_fraction"] == 0.05 and "may be off by 5.0 %" in done.stdout + done.stderr
    _, calibrated, _ = wt.train(known, "--observe", job="calibrated", env={"WATTUNE_SENSOR_ERROR_FRACTION": "0.02"})
    assert calibrated["sensor_error_fraction"] == pytest.approx(0.02, rel=1e-6)
    assert [wt.tries(job)[0]["sensor_error_fraction"] for job in ("alone", "mixed")] == [0.05, None]
    assert wt.run("measure", "--vgpu", known.spec, "--sensor-error-fraction", "2", "--", "true").returncode == 2


def test_measure_json_to_a_file(wt):
    file = wt.tmp / "m.json"
    done = wt.run("measure", f"--json={file}", "--vgpu", wt.plain(), "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert done.returncode == 7 and done.stdout == "out\n" and done.stderr == "err\n"
    assert json.loads(file.read_text())["exit_code"] == 7 and len(file.read_text().splitlines()) == 1


def test_measure_words(wt):
    done = wt.run("measure", "--vgpu", wt.plain(), "--", "sleep", "0.3")
    assert done.returncode == 0 and done.stdout == ""
    assert re.search(r"GPU 0 .*Tesla V100.* J .*counter", done.stderr)


def test_measure_without_a_counter(wt):
    machine = wt.machine("v100", "p100")
    done = wt.run("measure", "--json", "--vgpu", machine.spec, "--", "sleep", "0.2")
    measured = json.loads(done.stdout)
    first, second = measured["devices"]
    assert (first["source"], second["source"]) == ("counter", "integrated")
    assert second["energy_error_j"] < 0.05 * second["energy_j"] and 20 < second["average_power_w"] < 45
    assert measured["energy_j"] == pytest.approx(first["energy_j"] + second["energy_j"], abs=1e-3)


def test_measure_writes_nothing_to_a_device(wt):
    machine = wt.machine()
    machine.watch()
    wt.run("measure", "--vgpu", machine.spec, "--", wt.client, "train", "steps=40")
    assert len(machine.changes()) == 1 and not machine.journal()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_measure_passes_signals_on(wt, number):
    run = wt.start("measure", "--json", "--vgpu", wt.plain(), "--", "sleep", "30")
    wait_for(lambda: any(l.startswith("sleep") for l in children(run.pid).values()), 5, "the command")
    run.send_signal(number)
    out, _ = run.communicate(timeout=10)
    assert run.returncode == 128 + number and json.loads(out)["exit_code"] == 128 + number


# --- monitor ----------------------------------------------------------------------------------------------------------------


def test_monitor_csv(wt):
    machine = wt.machine("v100", "p100")
    done = wt.run("monitor", "--vgpu", machine.spec, "--csv", "--count", "3", "--interval", "0.5")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == HEADER and len(rows) == 7 and {len(r) for r in rows} == {len(HEADER)}
    table = [dict(zip(HEADER, r)) for r in rows[1:]]
    assert [r["index"] for r in table] == ["0", "1"] * 3
    assert all(r["energy_j"] == "" for r in table[1::2])          # unknown is empty
    energies = [float(r["energy_j"]) for r in table[::2]]
    assert energies == sorted(energies) and energies[-1] > energies[0]
    assert done.stderr == ""


def test_monitor_json(wt):
    machine = wt.machine()
    done = wt.run("monitor", "--vgpu", machine.spec, "--json", "--count", "2", "--interval", "0.1")
    lines = [json.loads(l) for l in done.stdout.splitlines()]
    assert len(lines) == 2
    assert set(lines[0]) >= {"schema_version", "time", "devices"}
    assert set(lines[0]["devices"][0]) >= {"index", "uuid", "name", "power_w", "energy_j", "power_limit_w", "enforced_limit_w",
                                           "temperature_c", "utilization", "sm_clock_mhz", "memory_used_bytes", "throttle"}
    device = lines[0]["devices"][0]
    assert device["power_limit_w"] == device["enforced_limit_w"] == 250 and 20 < device["power_w"] < 60
    assert device["throttle"] == []


def test_monitor_sees_work_and_its_cap(wt):
    machine = wt.machine()
    machine.client("work", "1000", stdout=subprocess.PIPE).stdout.readline()
    machine.set(120)
    time.sleep(0.1)
    done = wt.run("monitor", "--vgpu", machine.spec, "--json", "--count", "20", "--interval", "0.3")
    devices = [json.loads(l)["devices"][0] for l in done.stdout.splitlines()]
    assert 90 < sorted(d["power_w"] for d in devices)[10] < 135
    assert any("sw_power_cap" in d["throttle"] for d in devices) and 0.5 < max(d["utilization"] for d in devices) <= 1
    assert {d["power_limit_w"] for d in devices} == {120}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_monitor_ends_on_a_signal(wt, number):
    run = wt.start("monitor", "--vgpu", wt.plain(), "--csv", "--interval", "0.05")
    run.stdout.readline(), run.stdout.readline()
    run.send_signal(number)
    out, err = run.communicate(timeout=5)
    assert run.returncode == 0 and err == "" and (out == "" or out.endswith("\n"))


def test_monitor_and_a_reader_that_goes_away(wt):
    run = wt.start("monitor", "--vgpu", wt.plain(), "--interval", "0.02")
    run.stdout.readline()
    run.stdout.close()
    assert run.wait(5) in (0, 1)      # it ends, and not by SIGPIPE
    assert len(run.stderr.read().splitlines()) <= 1


def test_monitor_as_lines(wt):
    done = wt.run("monitor", "--vgpu", wt.plain(), "--count", "1")
    assert done.returncode == 0 and "\x1b" not in done.stdout and len(done.stdout.splitlines()) == 2


# --- limit ------------------------------------------------------------------------------------------------------------------


def test_limit_get_set_reset(wt):
    machine = wt.machine("v100", "a40")
    got = json.loads(wt.run("limit", "get", "--json", "--vgpu", machine.spec).stdout)
    assert got["schema_version"] == 1 and got["devices"][1] == {
        "index": 1, "uuid": machine.uuids()[1], "name": "NVIDIA A40", "power_limit_w": 300, "enforced_limit_w": 300,
        "default_w": 300, "min_w": 100, "max_w": 300}
    done = wt.run("limit", "set", "180.5", "--gpus", "1", "--vgpu", machine.spec)
    assert done.returncode == 0 and done.stdout == "" and machine.limits() == [250, 180.5]
    assert wt.run("limit", "reset", "--vgpu", machine.spec).returncode == 0 and machine.limits() == [250, 300]


@pytest.mark.parametrize("watts", ["99", "99.999", "250.001", "10000"])
def test_limit_out_of_range(wt, watts):
    machine = wt.machine()
    done = wt.run("limit", "set", watts, "--vgpu", machine.spec)
    assert done.returncode == 2 and len(errors(done)) == 1 and "100 to 250 W" in done.stderr
    assert machine.limits() == [250]


def test_limit_out_of_the_range_of_one_gpu_sets_none(wt):
    machine = wt.machine("a40", "v100")
    done = wt.run("limit", "set", "280", "--vgpu", machine.spec)
    assert done.returncode == 2 and "GPU 1" in done.stderr and machine.limits() == [300, 250]


@pytest.mark.parametrize("words", [["set", "200"], ["reset"]], ids=" ".join)
def test_limit_without_permission(wt, words):
    machine = wt.machine(user_may_set="false", gpu0={"power_limit_w": 220})
    done = wt.run("limit", *words, "--vgpu", machine.spec)
    assert done.returncode == 4 and len(errors(done)) == 1 and machine.limits() == [220]


@pytest.mark.parametrize("words", [["set", "200"], ["reset"]], ids=" ".join)
def test_limit_is_refused_while_a_run_holds_it(wt, words):
    machine = wt.machine(scale=10)
    machine.watch()
    run = wt.start_training(machine, train=("steps=600",))
    wait_for(lambda: machine.changes()[-1][1] != 250, 10, "the run to set a limit")
    before = len(machine.changes())
    done = wt.run("limit", *words, "--vgpu", machine.spec)
    assert done.returncode == 1 and len(errors(done)) == 1 and f"wattune run (pid {run.pid})" in done.stderr
    assert wt.run("limit", "get", "--vgpu", machine.spec).returncode == 0   # reading is free
    assert 200 not in [w for _, w in machine.changes()[:before]] or len(machine.changes()) >= before
    run.terminate()
    run.communicate(timeout=10)
    assert machine.limits() == [250]


def test_limit_is_refused_before_the_run_sets_one(wt):
    """The lease is taken at the start; its journal entry comes with the first write.  The holder is named all the same."""
    machine = wt.machine()
    run = wt.start("run", "--vgpu", machine.spec, "--", "sleep", "20")
    wait_for(lambda: guard_of(run.pid), 5, "the lease")
    done = wt.run("limit", "set", "200", "--vgpu", machine.spec)
    assert done.returncode == 1 and f"pid {run.pid}" in done.stderr and machine.limits() == [250]
    run.terminate()
    run.wait(10)


def test_limit_set_is_what_later_runs_return_to(wt):
    machine = wt.machine()
    wt.run("limit", "set", "210", "--vgpu", machine.spec)
    wt.train(machine, "--power-limits", "250,150", train=("steps=120",))
    assert machine.limits() == [210]


# --- jobs and show ------------------------------------------------------------------------------------------------------------


def test_jobs_and_show_without_a_ledger(wt):
    done = wt.run("jobs", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["jobs"] == [] and not wt.ledger.exists()
    done = wt.run("show", "mlp")
    assert done.returncode == 1 and done.stdout == "" and len(errors(done)) == 1 and not wt.ledger.exists()


def test_jobs_and_show(wt):
    spec = wt.plain()
    for job in ("one", "two", "one"):
        assert wt.run("run", "--vgpu", spec, "--job", job, "--project", "p", "--phase", "inference", "--", "true").returncode == 0
    rows = {j["job"]: j for j in json.loads(wt.run("jobs", "--json").stdout)["jobs"]}
    assert rows["one"]["recurrences"] == 2 and rows["two"]["recurrences"] == 1
    shown = wt.show("one")
    assert shown["phase"] == "inference" and shown["project"] == "p"
    assert [r["recurrence"] for r in shown["recurrences"]] == [1, 2]
    done = wt.run("show", "three")
    assert done.returncode == 1 and "three" in errors(done)[0] and len(done.stderr.splitlines()) == 1
    assert "one" in wt.run("jobs").stdout and "inference" in wt.run("show", "one").stdout


def test_job_names_are_only_names(wt):
    spec = wt.plain()
    for job in ("a b", "../../x", "'; drop table trials; --", "été", "\x1b[31m", "100%s%n"):
        assert wt.run("run", "--vgpu", spec, "--job", job, "--", "true").returncode == 0
        assert wt.show(job)["job"] == job
    assert "\x1b" not in wt.run("jobs").stdout


def test_quiet(wt):
    done, tried, _ = wt.train(wt.machine(), "-q", train=("steps=100",))
    assert done.stderr == "" and tried["steps"] == 100


# --- Recordings -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def recording(wt):
    """Two seconds of a GPU at work, as monitor prints them."""
    machine = wt.machine(scale=1, name="recorded")
    machine.client("work", "60", stdout=subprocess.PIPE).stdout.readline()
    done = wt.run("monitor", "--vgpu", machine.spec, "--csv", "--count", "40", "--interval", "0.05")
    path = wt.tmp / "recording.csv"
    path.write_text(done.stdout)
    return path


def test_measure_of_a_recording(wt, recording):
    rows = list(csv.DictReader(recording.open()))
    power_w = (float(rows[-1]["energy_j"]) - float(rows[0]["energy_j"])) / (39 * 0.05)
    done = wt.run("measure", "--json", "--replay", recording, "--", "sleep", "1")
    device = json.loads(done.stdout.splitlines()[-1])["devices"][0]
    assert done.returncode == 0 and device["source"] == "replayed"
    assert device["uuid"] == rows[0]["uuid"] and device["name"] == rows[0]["name"]
    assert device["energy_j"] == pytest.approx(power_w * 1.0, abs=device["energy_error_j"] + 0.06 * power_w)


def test_run_on_a_recording(wt, recording):
    file = wt.tmp / "o.json"
    done = wt.run("run", "--replay", recording, f"--json={file}", "--job", "r", "--", "sleep", "0.5")
    tried = json.loads(file.read_text())["recurrences"][0]["tries"][0]
    assert done.returncode == 0 and tried["source"] == "replayed" and tried["energy_j"] > 0
    assert "not tuned" in done.stderr and "recording" in done.stderr
    assert wt.tries("r")[0]["source"] == "replayed"


def test_monitor_of_a_recording_ends_with_it(wt, recording):
    done = wt.run("monitor", "--replay", recording, "--json", "--interval", "0.1", timeout=15)
    lines = [json.loads(l)["devices"][0] for l in done.stdout.splitlines()]
    assert done.returncode == 0 and 15 <= len(lines) <= 25
    rows = list(csv.DictReader(recording.open()))
    assert {d["energy_j"] for d in lines} <= {float(r["energy_j"]) for r in rows}


@pytest.mark.parametrize("text, line", [
    ("", ""), ("a,b\n", ":1"), ("time,index,energy_j\n2026-01-01T00:00:00.000Z,0,x\n", ":2"),
    ("time,index,energy_j\nyesterday,0,1\n", ":2"), ("time,index,energy_j\n2026-01-01T00:00:00.000Z,-1,1\n", ":2"),
    ("time,index,energy_j\n2026-01-01T00:00:00.000Z,0\n", ":2"),
    ("time,index,energy_j\n2026-01-01T00:00:01.000Z,0,1\n2026-01-01T00:00:00.000Z,0,2\n", ":3"),
    ("\x00\x01\x02" * 1000, ""),
], ids=["empty", "no columns", "energy", "time", "index", "short", "backwards", "binary"])
def test_malformed_recording(wt, text, line):
    path = wt.tmp / "bad.csv"
    path.write_text(text)
    done = wt.run("measure", "--replay", path, "--", "touch", wt.tmp / "ran")
    assert done.returncode == 2 and len(errors(done)) == 1 and f"bad.csv{line}" in done.stderr, done.stderr
    assert done.stdout == "" and not (wt.tmp / "ran").exists()


# --- Terminals ---------------------------------------------------------------------------------------------------------------------


class Terminal:
    """wattune on a pseudo-terminal of its own, as its session's foreground job."""

    def __init__(self, wt, *args):
        self.start(wt, [wt.binary, *args])

    @classmethod
    def of(cls, wt, *command):
        terminal = cls.__new__(cls)
        terminal.start(wt, command)
        return terminal

    def start(self, wt, command):
        self.master, slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))

        def own_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = wt.popen(command, stdin=slave, stdout=slave, stderr=slave, preexec_fn=own_terminal)
        os.close(slave)
        self.text = b""

    def read(self, seconds=0.2, once=False):
        while select.select([self.master], [], [], seconds)[0]:
            try:
                chunk = os.read(self.master, 65536)
            except OSError:
                break
            if not chunk:
                break
            self.text += chunk
            if once:
                break
        return self.text

    def until(self, part, seconds=10):
        end = time.monotonic() + seconds
        while part not in self.text:
            assert time.monotonic() < end, (part, self.text)
            self.read(0.02, once=True)

    def close(self):
        os.close(self.master)


@pytest.mark.parametrize("progress", ["auto", "pattern:step"])
def test_the_command_has_a_terminal(wt, progress):
    terminal = Terminal(wt, "run", "--vgpu", wt.plain(), "--progress", progress, "--", "sh", "-c",
                        "test -t 0 && test -t 1 && test -t 2 && echo all terminals; stty size <&1; echo done")
    terminal.until(b"done\r\n")
    assert b"all terminals\r\n" in terminal.text and b"33 77\r\n" in terminal.text
    terminal.read()
    assert terminal.process.wait(10) == 0
    terminal.close()


@pytest.mark.parametrize("progress", ["auto", "pattern:step"])
def test_ctrl_c_reaches_the_command(wt, progress):
    machine = wt.machine(scale=10)
    machine.watch()
    terminal = Terminal(wt, "run", "--vgpu", machine.spec, "--progress", progress, "--job", "job", "--", "sh", "-c",
                        "trap 'echo caught; exit 9' INT; echo up; while :; do sleep 0.05; done")
    terminal.until(b"up")
    os.write(terminal.master, b"\x03")
    terminal.until(b"caught")
    terminal.read()
    assert terminal.process.wait(10) == 9
    assert not machine.journal() and not wt.leftovers()
    terminal.close()


def test_ctrl_c_ends_a_training_and_the_limit_comes_back(wt):
    machine = wt.machine(scale=10)
    machine.watch()
    terminal = Terminal(wt, "run", "--vgpu", machine.spec, "--job", "job", "--", wt.client, "train", "steps=3000")
    wait_for(lambda: machine.changes()[-1][1] != 250, 10, "a limit")
    os.write(terminal.master, b"\x03")
    terminal.read()
    assert terminal.process.wait(10) in (-2, 130)    # by the signal itself: a shell's loop around us ends too
    assert machine.limits() == [250] and not machine.journal() and wt.tries()[0]["exit_code"] == 130
    terminal.close()


def state_of(pid):
    return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("progress", ["auto", "pattern:^step"])
def test_ctrl_z_stops_both_and_both_go_on(wt, progress):
    machine = wt.machine(scale=10)
    machine.watch()
    terminal = Terminal(wt, "run", "--vgpu", machine.spec, "--progress", progress, "--job", "job", "--", wt.client, "train",
                        "steps=200", "print=1")
    terminal.until(b"step 30\r\n")
    trainer = next(p for p, l in children(terminal.process.pid).items() if l.split(" ")[0].endswith("e2e_client"))
    os.write(terminal.master, b"\x1a")
    wait_for(lambda: state_of(trainer) == "T" and state_of(terminal.process.pid) == "T", 5, "both to stop")
    terminal.read()
    seen = len(terminal.text)
    terminal.read(0.3)
    assert len(terminal.text) == seen
    os.kill(terminal.process.pid, signal.SIGCONT)      # as a shell's fg does
    terminal.until(b"step 200\r\n")
    terminal.read()
    assert terminal.process.wait(10) == 0 and wt.tries()[0]["steps"] == 200
    assert machine.limits() == [250] and not machine.journal()
    terminal.close()


def test_a_background_job_leaves_the_terminal_alone(wt):
    """In a shell's background: it must not take the terminal from the shell, nor be stopped for trying."""
    terminal = Terminal.of(wt, "sh", "-mc", f"{wt.binary} run -q --vgpu {wt.plain()} -- sh -c 'sleep 0.2; echo bg done' & "
                           "read line; echo got $line; wait $!; echo code $?")
    time.sleep(0.1)
    os.write(terminal.master, b"hello\n")
    terminal.until(b"got hello")
    terminal.until(b"code 0")
    assert b"bg done" in terminal.text
    terminal.read()
    terminal.close()


def test_window_changes_are_passed_on(wt):
    terminal = Terminal(wt, "run", "--vgpu", wt.plain(), "--progress", "pattern:step", "--", "sh", "-c",
                        "echo up; while [ \"$(stty size <&2)\" != '20 44' ]; do sleep 0.05; done; echo resized")
    terminal.until(b"up")
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 44, 0, 0))
    terminal.until(b"resized")
    terminal.read()
    assert terminal.process.wait(10) == 0
    terminal.close()


def test_much_output_on_a_terminal_is_whole(wt):
    """All of the output, also the part still on its way when the command ended."""
    terminal = Terminal(wt, "run", "-q", "--vgpu", wt.plain(), "--progress", "pattern:step", "--", "sh", "-c",
                        "seq 1 30000; echo the end")
    terminal.read(2)
    assert terminal.process.wait(10) == 0
    lines = terminal.text.decode().split("\r\n")
    assert lines[:30001] == [str(i) for i in range(1, 30001)] + ["the end"]
    terminal.close()


def test_output_for_a_slow_reader_is_whole(wt):
    """The command has long ended when its output is read."""
    terminal = Terminal(wt, "run", "-q", "--vgpu", wt.plain(), "--progress", "pattern:step", "--", "sh", "-c",
                        "seq 1 12000; echo the end")
    time.sleep(0.7)
    while b"the end" not in terminal.text and terminal.read(0.1) and terminal.process.poll() is None:
        pass
    terminal.read(0.5)
    assert terminal.process.wait(10) == 0
    assert terminal.text.decode().split("\r\n")[:12001] == [str(i) for i in range(1, 12001)] + ["the end"]
    terminal.close()


def test_closed_streams(wt):
    """Started by a daemon that closed all three: nothing of ours lands in a file of the command's."""
    marker = wt.tmp / "marker"
    done = subprocess.run(["sh", "-c", f"exec <&- >&- 2>&-; exec {wt.binary} run --vgpu {wt.plain()} -- sh -c 'echo x > {marker}'"],
                          env=wt.env, cwd=wt.tmp, timeout=20)
    assert done.returncode == 0 and marker.read_text() == "x\n"
    assert wt.tries("sh")[0]["exit_code"] == 0


# --- sudo ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def nobody(wt):
    """Root acting for nobody, in folders that nobody may use."""
    if os.geteuid() != 0:
        pytest.skip("only root can give rights away")
    folder = wt.tmp
    while folder != folder.parent and str(folder).startswith("/tmp/"):
        folder.chmod(folder.stat().st_mode | 0o755)
        folder = folder.parent
    for path in (wt.tmp, *wt.tmp.rglob("*")):
        os.chown(path, 65534, 65534)
    return {"SUDO_UID": "65534", "SUDO_GID": "65534", "SUDO_USER": "nobody"}


def test_sudo_runs_the_command_as_the_user(wt, nobody):
    path = wt.tmp / "vm.ini"
    path.write_text("[gpu 0]\nmodel = v100\n")
    os.chown(path, 65534, 65534)
    done = wt.run("run", "--vgpu", path, "--ledger", wt.tmp / "ledger.db", "--job", "job", "--", "sh", "-c",
                  "id -u; id -g; id -G; echo $HOME", env=nobody)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:3] == ["65534", "65534", "65534"] and done.stdout.splitlines()[3] != "/root"
    assert "nobody" in done.stderr


def test_sudo_user_without_an_account(wt, nobody):
    """A number without an account: the command must not run as root by accident."""
    wt.tmp.chmod(0o777)
    done = wt.run("run", "--vgpu", wt.plain(), "--", "id", "-u", env={"SUDO_UID": "54321"})
    assert done.stdout == "54321\n" or done.returncode == 4


def test_sudo_ignores_libraries_that_the_user_names(wt, nobody):
    """They would run with root's rights."""
    for done in (wt.run("limit", "get", "--nvml", wt.build / "vgpu" / "libnvidia-ml.so.1", env=nobody),
                 wt.run("limit", "get", env=nobody | {"WATTUNE_NVML": str(wt.build / "vgpu" / "libnvidia-ml.so.1")})):
        assert "ignored" in done.stderr and "nobody" in done.stderr
