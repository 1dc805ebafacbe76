# SPDX-License-Identifier: Apache-2.0
"""The real binaries on virtual machines.  Each test has a machine, a ledger and a runtime folder of its own.

Machines run their own clock several times faster (time_scale) and wattune takes its time from them, so that a sweep
of seven limits takes two seconds.  Steps are 0.1 s of machine time: long against the delays of a busy host.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

import leftovers

ROOT = pathlib.Path(__file__).resolve().parents[2]
# How much faster the clock of a virtual machine is: a host that wakes a sleeper some milliseconds late adds a tenth of a step of 100 ms.
SCALE = 10
JOURNAL = pathlib.Path("/run/wattune")      # root's; another user's is in XDG_RUNTIME_DIR


@pytest.fixture(scope="session")
def build():
    folder = pathlib.Path(os.environ.get("WATTUNE_BUILD", ROOT / "build")).resolve()
    assert (folder / "wattune").exists(), f"{folder} holds no wattune: build first"
    return folder


class Machine:
    """A machine file, and the acts of outsiders on its machine."""

    def __init__(self, wt, path):
        self.wt, self.path, self.spec = wt, path, str(path)

    def client(self, *args, **kwargs):
        return self.wt.popen([self.wt.client, *args], env=self.wt.env | {"WATTUNE_VGPU": self.spec}, **kwargs)

    def hold(self):
        """Keeps the machine, limits included, until the test ends."""
        process = self.client("hold", stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        return process

    def watch(self):
        """Logs every change of GPU 0's limit; changes() reads the log."""
        self.log = self.path.with_suffix(".changes")
        process = self.client("watch", stdout=open(self.log, "wb"))
        wait_for(lambda: self.log.read_text(), 5, "the watcher to start")
        return process

    def changes(self):
        return [(float(t), int(mw) / 1000) for t, mw in (l.split() for l in self.log.read_text().splitlines())]

    def set(self, watts, gpu=0):
        assert self.client("set", str(watts), str(gpu)).wait(10) == 0

    def get(self):
        """(UUID, limit in W, true energy in J) of each GPU, read by a plain client: wattune would put limits back."""
        process = self.client("get", stdout=subprocess.PIPE, text=True)
        out, _ = process.communicate(timeout=10)
        return [(uuid, float(limit), float(energy)) for _, uuid, limit, energy in (l.split() for l in out.splitlines())]

    def limits(self):
        return [limit for _, limit, _ in self.get()]

    def uuids(self):
        return [uuid for uuid, _, _ in self.get()]

    def journal(self):
        folder = JOURNAL if os.geteuid() == 0 else pathlib.Path(self.wt.env["XDG_RUNTIME_DIR"]) / "wattune"
        return [folder / f"{uuid}.{end}" for uuid in self.uuids() for end in ("limit", "setting")
                if (folder / f"{uuid}.{end}").exists()]


class Wattune:
    def __init__(self, build, tmp_path):
        self.build, self.tmp = build, tmp_path
        self.binary, self.client = str(build / "wattune"), str(build / "tests" / "e2e" / "e2e_client")
        self.mlp = str(build / "examples" / "train_mlp")
        self.ledger = tmp_path / "ledger.db"
        self.processes = []
        runtime = tmp_path / "runtime"
        runtime.mkdir(mode=0o700)
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("WATTUNE_", "CUDA_", "XDG_", "SUDO_", "NO_COLOR", "LD_LIBRARY_PATH")) or k == leftovers.RUN}
        self.env = kept | {"XDG_RUNTIME_DIR": str(runtime), "XDG_DATA_HOME": str(tmp_path / "data"),
                           "XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path),
                           "WATTUNE_LEDGER": str(self.ledger), "LD_LIBRARY_PATH": str(build / "vgpu"),
                           leftovers.PLACE: str(tmp_path)}

    def machine(self, *models, scale=SCALE, name="machine", state=True, **keys):
        """A machine of these models; further keys go into [machine], keys gpu0, gpu1... (dicts) into the GPUs."""
        gpus = {int(k[3:]): keys.pop(k) for k in list(keys) if re.fullmatch(r"gpu\d+", k)}
        lines = ["[machine]", f"time_scale = {scale}"] + ([f"state = {name}.state"] if state else [])
        lines += [f"{k} = {v}" for k, v in keys.items()]
        for i, model in enumerate(models or ("v100",)):
            lines += [f"[gpu {i}]", f"model = {model}"] + [f"{k} = {v}" for k, v in gpus.get(i, {}).items()]
        path = self.tmp / f"{name}.ini"
        path.write_text("\n".join(lines) + "\n")
        return Machine(self, path)

    def plain(self):
        """The SPEC of a V100 that ends with its last process.  (A bare model's UUID is the user's: its lease would be
        shared with other tests and with people.)"""
        return self.machine(scale=1, state=False, name="plain").spec

    def popen(self, command, env=None, **kwargs):
        process = subprocess.Popen([str(c) for c in command], env=env or self.env, cwd=self.tmp, **kwargs)
        self.processes.append(process)
        return process

    def start(self, *args, env={}, **kwargs):
        kwargs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | kwargs
        return self.popen([self.binary, *args], env=self.env | env, **kwargs)

    def run(self, *args, env={}, timeout=60, **kwargs):
        """wattune ARGS; a subprocess.CompletedProcess."""
        process = self.start(*args, env=env, **kwargs)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def train(self, machine, *options, train=("steps=300",), job="job", timeout=60, env={}):
        """wattune run on the machine, of e2e_client train: (done, the JSON's only try, the whole JSON)."""
        file = self.tmp / "run.json"
        file.unlink(missing_ok=True)
        done = self.run("run", "--vgpu", machine.spec, "--job", job, f"--json={file}", *options, "--",
                        self.client, "train", *train, timeout=timeout, env=env)
        document = json.loads(file.read_text()) if file.exists() else None
        return done, document["recurrences"][0]["tries"][0] if document else None, document

    def start_training(self, machine, *options, train=("steps=300",), job="job", **kwargs):
        return self.start("run", "--vgpu", machine.spec, "--job", job, *options, "--", self.client, "train", *train,
                          **kwargs)

    def show(self, job="job"):
        return json.loads(self.run("show", job, "--json").stdout)

    def tries(self, job="job"):
        return [t for r in self.show(job)["recurrences"] for t in r["tries"]]

    def leftovers(self):
        """Channel files of runs that have ended: there must be none."""
        return [p for p in pathlib.Path(self.env["XDG_RUNTIME_DIR"]).iterdir() if re.match(r"wattune-[0-9a-f]{16}$", p.name)]


@pytest.fixture
def wt(build, tmp_path):
    wattune = Wattune(build, tmp_path)
    yield wattune
    for process in wattune.processes:
        if process.poll() is None:
            process.kill()
            process.wait()
    # Clients and commands of the test end here; their own children end with them, or the test ends them.
    left = leftovers.settled(lambda: leftovers.marked(leftovers.PLACE, tmp_path))
    leftovers.end(left, leftovers.PLACE, tmp_path)
    assert not left, f"left running: {left}"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    from pages import CHROMIUM, DRIVER, Browser  # other tests do without Selenium
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromium-driver are not installed")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium):
    yield chromium
    chromium.cdp("Emulation.clearDeviceMetricsOverride", {})
    chromium.cdp("Emulation.setEmulatedMedia", {})


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.005)


def alive(pid):
    try:  # it may end between the opening of its file and the reading
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    """All living descendants, as {pid: command line}."""
    table = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                table[int(entry.name)] = (int(parent), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(), state)
            except OSError:
                pass
    found, front = {}, {pid}
    while front:
        front = {p for p, (parent, _, _) in table.items() if parent in front}
        found |= {p: table[p][1] for p in front if table[p][2] != "Z"}
    return found


def kill_with_children(run):
    """SIGKILL to a wattune first, so that it books no end, and then to all that it started."""
    below = children(run.pid)
    run.kill()
    run.wait()
    for pid in below:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def guard_of(pid):
    """The guard process of a running wattune; None while there is none."""
    return next((p for p, line in children(pid).items() if "guard-process" in line), None)


def errors(done):
    return [l for l in done.stderr.splitlines() if l.startswith("wattune: error: ")]


def cost(point, eta, max_power_w):
    return eta * point["energy_per_step_j"] + (1 - eta) * max_power_w * point["time_per_step_s"]


def read_log(path):
    """e2e_client's log: (step, machine s, true J, limit W) a step."""
    return [(int(a), float(b), float(c), int(d) / 1000) for a, b, c, d in (l.split() for l in open(path))]
