# SPDX-License-Identifier: Apache-2.0
"""`make bench`: the costs that the project promises, each against its reference measured in the same run.

Every line names its measurement, the ratio or share, and the bound that it is meant to keep.  Nothing here is a test: a
line over its bound is marked and the exit code is 1, on a quiet machine a reason to look.

Usage: bench.py BUILD [SECTION...], each section by the name of its function; without one all of them run.
"""

import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
BENCH = BUILD / "bench"
WATTUNE = str(BUILD / "wattune")
# The published traces of Zeus, where somebody has them; beside the project they are found by themselves.
TRACES = pathlib.Path(os.environ.get("WATTUNE_TRACES", pathlib.Path(__file__).resolve().parents[2] / "shared" / "traces"))
over = 0


def line(name, text, good):
    global over
    over += not good
    print(f"{'ok  ' if good else 'OVER'}  {name:<34} {text}", flush=True)


def environment(folder, spec=None, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("WATTUNE_", "CUDA_"))}
    env |= {"XDG_RUNTIME_DIR": str(folder), "XDG_DATA_HOME": str(folder), "LD_LIBRARY_PATH": str(BUILD / "vgpu")}
    return env | ({"WATTUNE_VGPU": spec} if spec else {}) | more


def output(command, env, **kwargs):
    return subprocess.run([str(c) for c in command], env=env, capture_output=True, text=True, check=True, **kwargs).stdout


def usage_of(command, env):
    """(wall s, processor s of the process and its waited-for children, output)."""
    begin = time.monotonic()
    with subprocess.Popen([str(c) for c in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        out = p.stdout.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, out.decode()


def metered(folder, spec, name):
    """An environment in which --nvml METER passes on to the virtual GPU and counts; and the reader of the counts."""
    out = folder / f"{name}.meter"
    env = environment(folder, spec, NVML_METER_LIBRARY=str(BUILD / "vgpu" / "libnvidia-ml.so.1"), NVML_METER_OUT=str(out))

    def counts():
        rows = [tuple(map(int, l.split())) for l in out.read_text().splitlines()]
        return max(rows, key=lambda row: row[0])  # the supervisor's: the guard process makes few calls

    return ["--nvml", str(BENCH / "libnvml-meter.so")], env, counts


def bench_step(folder):
    inside, reference = map(float, output([BENCH / "bench_step"], environment(folder)).split())
    outside = float(output([BENCH / "bench_step", "outside"], environment(folder)))
    line("wt_step() inside a run", f"{inside:.1f} ns, {inside / reference:.2f} x an atomic add and a clock read "
         f"({reference:.1f} ns); bound: 60 ns or 2 x", inside <= max(60, 2 * reference))
    line("wt_step() outside a run", f"{outside:.1f} ns", outside <= 20)


ZEUS = """
import json, sys, time
from zeus.monitor import ZeusMonitor
monitor = ZeusMonitor(gpu_indices=list(range(8)))
def window():
    monitor.begin_window("w", sync_execution=False)
    monitor.end_window("w", sync_execution=False)
window()
times = []
for i in range(200):
    begin = time.perf_counter(); window(); times.append(time.perf_counter() - begin)
print(sorted(times)[100] * 1e6)
"""


def bench_window(folder):
    env = environment(folder, "v100:8")
    window, reads, allocated = map(float, output([BENCH / "bench_window"], env).split())
    line("begin + end over 8 GPUs", f"{window:.1f} us, {window / reads:.3f} x 16 energy reads alone ({reads:.1f} us); "
         f"bound: 1.2 x", window <= 1.2 * reads)
    line("allocated by windows", f"{allocated:.0f} bytes after the first; bound: 0", allocated == 0)
    try:
        zeus = float(output([sys.executable, "-c", ZEUS], env).split()[-1])
        line("the same in the Python package zeus", f"{zeus:.1f} us, {zeus / window:.1f} x ours", True)
    except (subprocess.CalledProcessError, IndexError, ValueError) as why:
        last = (getattr(why, "stderr", "") or str(why)).strip().splitlines()[-1:]
        line("the same in the Python package zeus", f"not compared: {' '.join(last)}", False)


def bench_measure(folder):
    env = environment(folder)
    alone, ours = [], []
    for _ in range(21):
        alone.append(usage_of(["true"], env))
        ours.append(usage_of([WATTUNE, "measure", "--vgpu", "v100", "--", "true"], env))
    wall = (statistics.median(o[0] for o in ours) - statistics.median(a[0] for a in alone)) * 1e3
    # The kernel's ru_maxrss of a child begins with this interpreter's own size, so the peaks are asked for from inside.
    peak = ["grep", "VmHWM", "/proc/self/status"]
    inside = ["sh", "-c", "grep VmHWM /proc/$PPID/status"]
    memory = (kib(output([WATTUNE, "measure", "--vgpu", "v100", "--", *inside], env)) - kib(output(peak, env))) / 1024
    line("measure -- true, beyond true", f"{wall:.1f} ms and {memory:.1f} MiB; bound: 15 ms, 12 MiB",
         wall <= 15 and memory <= 12)


def kib(status):
    return int(next(l.split()[1] for l in status.splitlines() if l.startswith("VmHWM")))


def bench_monitor(folder):
    seconds = 10
    for name, options in (("monitor, 8 GPUs at 10 Hz", []), ("the same, which books them", ["--book", "--ledger", folder / "watch.db"])):
        nvml, env, counts = metered(folder, "v100:8", "monitor")
        wall, cpu, _ = usage_of([WATTUNE, "monitor", *nvml, *options, "--csv", "--interval", "0.1", "--count", str(seconds * 10)], env)
        calls, _, nvml_ns = counts()
        share = (cpu - nvml_ns / 1e9) / wall
        line(name, f"{share:.3%} of a core beyond {calls} NVML calls ({nvml_ns / 1e9 / wall:.3%}); bound: 0.5 %", share <= 0.005)


def processor_s(pid):
    """Processor seconds of a process so far, all of its threads: the scheduler's own sum, which ticks do not round."""
    try:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9
    except OSError:
        return None


def ours_of(command, env):
    """(wall s, processor s of the process itself, output): its children's time is theirs."""
    begin, ours = time.monotonic(), 0
    with subprocess.Popen([str(c) for c in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as p:
        while p.poll() is None:
            ours = processor_s(p.pid) or ours
            time.sleep(0.02)
        return time.monotonic() - begin, ours, p.stdout.read()


def bench_supervisor(folder):
    """While it profiles 8 GPUs, and afterwards: the profile of the first run is reused by the second."""
    spec = "v100:8"
    ledger = folder / "ledger.db"
    limits = ["--search", "sweep"]  # most of the first run is spent profiling
    for name, options, steps, bound in (("while it profiles 8 GPUs", limits, 1500, 0.005),
                                        ("afterwards", [*limits, "--baseline", "no"], 1500, 0.002)):
        nvml, env, counts = metered(folder, spec, name)
        out = folder / f"{name}.json"
        train = [BENCH / "bench_train", steps, 0, 8, "0.02"]
        wall, cpu, _ = ours_of([WATTUNE, "run", *nvml, "-q", "--ledger", ledger, "--job", "bench", f"--json={out}", *options,
                                "--", *train], env)
        calls, energy_reads, nvml_ns = counts()
        profile = json.loads(out.read_text())["recurrences"][0]["tries"][0]["profile"]
        share = (cpu - nvml_ns / 1e9) / wall
        line(f"supervisor {name}", f"{share:.3%} of a core beyond {calls} NVML calls ({nvml_ns / 1e9 / wall:.3%}), "
             f"{len(profile)} limits known; bound: {bound:.1%}", share <= bound)
        rate = energy_reads / wall / 8
        line("  energy reads a second and GPU", f"{rate:.1f}; bound: 40", rate <= 40)


def bench_training(folder):
    """A training loop that keeps a core busy, under wattune and alone, in alternating pairs."""
    env = environment(folder)
    train = [str(BENCH / "bench_train"), "300", "1000000"]
    pairs = []
    for i in range(20):
        times = {}
        for ours in ((False, True) if i % 2 else (True, False)):
            command = [WATTUNE, "run", "-q", "--vgpu", "v100", "--ledger", str(folder / "pairs.db"), "--", *train] if ours else train
            times[ours] = float(output(command, env).split()[0])
        pairs.append(times[True] / times[False])
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(pairs, k=len(pairs))) for _ in range(4000))
    low, high = medians[100], medians[3899]
    line("training under run against alone", f"median ratio {statistics.median(pairs):.4f}, 95 % interval {low:.4f} to {high:.4f}; "
         f"bound: lower end below 1.005", low < 1.005)


def bench_simulate(folder):
    """The published traces, where they lie beside the project: DeepSpeech2 on a V100."""
    files = [TRACES / "summary_train.csv", TRACES / "summary_power_v100.csv"]
    if not all(file.exists() for file in files):
        print(f"      (no published traces in {TRACES}: simulations are not measured)")
        return
    env = environment(folder)
    reading, of_bytes, recurrence, draws = map(float, output([BENCH / "bench_simulate", *files], env).split())
    line("a trace is read", f"{reading / 1e3:.2f} ms, {reading / of_bytes:.0f} x reading its bytes ({of_bytes / 1e3:.2f} ms); "
         f"bound: 2 ms", reading <= 2000)
    line("a recurrence in the bandit stage", f"{recurrence:.0f} ns, {recurrence / draws:.2f} x its random draws alone ({draws:.0f} "
         f"ns); bound: 1000 ns", recurrence <= 1000)
    command = [WATTUNE, "simulate", "--train", files[0], "--power", files[1], "--job", "librispeech/deepspeech2/adamw",
               "--target", "40", "--max-epochs", "16", "--default-batch-size", "192", "--json", "--seeds"]
    one = statistics.median(usage_of([*command, "1..1"], env)[0] for _ in range(5))
    runs = [usage_of([*command, "1..1000"], env) for _ in range(5)]
    wall, cpu = (statistics.median(run[i] for run in runs) for i in range(2))
    line("1000 seeds x 210 recurrences", f"{wall:.3f} s on {len(os.sched_getaffinity(0))} cores ({cpu:.3f} s of them), "
         f"{wall / one:.1f} x one seed; bound: 0.3 s", wall <= 0.3)
    memory = float(output([BENCH / "bench_simulate", "resident", *command, "1..1000"], env)) / 1024
    line("  resident", f"{memory:.1f} MiB; bound: 16 MiB", memory <= 16)


def bench_search(folder):
    """Sweep against adaptive: the same curves, the same noise of 1 %, the same run."""
    seeds = os.environ.get("WATTUNE_BENCH_SEEDS", "20")
    out = output([BENCH / "bench_search", seeds, TRACES], environment(folder))
    found = {}
    for text in out.splitlines():
        name, eta, search, *numbers = text.split()
        found[name, eta, search] = [float(n) for n in numbers]
    for name, eta in dict.fromkeys((name, eta) for name, eta, _ in found):
        sweep, ours = found[name, eta, "sweep"], found[name, eta, "adaptive"]
        _, limits, most, excess, p95, steps, kj = ours
        wide = sweep[1] > 9
        bound, bound_most = (6, 10) if wide else (4.5, 7)
        line(f"adaptive: {name}, eta {eta}", f"{limits:.2f} limits of {sweep[1]:.0f}, {most:.0f} at most, {excess:+.2f} % off the "
             f"best (p95 {p95:.2f} %; sweep {sweep[3]:+.2f} %, {sweep[4]:.2f} %), {steps:.0f} steps and {kj:.2f} kJ (sweep "
             f"{sweep[5]:.0f}, {sweep[6]:.2f}); bounds: {bound}, {bound_most}, 0.5 points over the sweep",
             limits <= bound and most <= bound_most and excess <= sweep[3] + 0.5)
    if ("published", "0.5", "sweep") not in found:
        print(f"      (no published tables in {TRACES}: adaptive is not compared over them)")


def bench_ledger(folder):
    """A year of a fleet: a million runs."""
    runs, path = 1_000_000, folder / "year.db"
    env = environment(folder)
    output([BENCH / "bench_ledger", "fill", path, runs], env)
    size = path.stat().st_size
    line("ledger of a million runs, size", f"{size / runs:.0f} bytes a run with its indexes, hours apart (bound 500)",
         size <= 500 * runs)
    best = {}
    for by in ("phase", "job", "user,project"):
        command = [WATTUNE, "report", "--ledger", path, "--by", by]
        best[by] = min(usage_of(command, env)[0] for _ in range(3))
    line("report --by phase over them", f"{best['phase']:.2f} s (bound 1 s); by job {best['job']:.2f} s, by user and project "
         f"{best['user,project']:.2f} s", best["phase"] <= 1)
    pages = {what: min(usage_of([WATTUNE, "fleet", "--ledger", path, "--format", what], env)[0] for _ in range(3)) for what in ("html", "json")}
    line("fleet over them", f"{pages['html']:.2f} s as HTML (bound 2 s), {pages['json']:.2f} s as JSON", pages["html"] <= 2)
    made = folder / "fleet.db"
    wall, cpu, _ = usage_of([WATTUNE, "simulate", "--fleet", "--runs", "100000", "--gpus", "512", "--users", "60", "--watched", "no",
                             "--ledger", made], env)
    line("simulate --fleet, 100 000 runs with their hours", f"{cpu:.1f} s of processor time, {wall:.1f} s in all (bound 10 s), "
         f"{made.stat().st_size / 1e5:.0f} bytes a run", cpu <= 10)
    ours, commits = map(float, output([BENCH / "bench_ledger", "book", path, 200], env).split())
    line("booking a run", f"{ours - commits:.2f} ms beside two commits of one row ({commits:.2f} ms; bound 1 ms)", ours - commits <= 1)


def bench_job(folder):
    """A job of 20,000 runs against one of 200: no command loads all of them to use a few of their fields."""
    few, many = 200, 20_000
    ledgers = {runs: folder / f"job-{runs}.db" for runs in (few, many)}
    env = environment(folder)
    for runs, path in ledgers.items():
        output([BENCH / "bench_job", path, runs], env)

    def cost(runs, command):
        """(least ms of seven, MiB resident).  `run` books itself, so each command has a copy of its own."""
        ledger = folder / f"copy-{runs}.db"
        shutil.copy(ledgers[runs], ledger)
        at = command.index("--") if "--" in command else len(command)
        words = [WATTUNE, *command[:at], "--ledger", ledger, *command[at:]]
        ms = min(usage_of(words, env)[1] for _ in range(7)) * 1e3  # they wait for nothing but the processor
        return ms, float(output([BENCH / "bench_simulate", "resident", *words], env)) / 1024

    budgeted = ["run", "-q", "--vgpu", "v100", "--job", "a job", "--budget", "2kWh"]
    for name, command in (("show", ["show", "a job"]), ("explain", ["explain", "a job"]),
                          ("pareto", ["pareto", "--job", "a job"]), ("run --budget -- true", [*budgeted, "--", "true"])):
        before, _ = cost(few, command)
        after, memory = cost(many, command)
        line(f"{name}, {many} runs", f"{after:.1f} ms of processor time, {after - before:+.1f} against {few} runs, {memory:.1f} MiB "
             f"resident; bounds: +50 ms, 32 MiB", after - before <= 50 and memory <= 32)
    ms, memory = cost(many, ["show", "a job", "--json"])
    line(f"show --json, {many} runs", f"{ms * 1e3 / many:.1f} us of processor time a run, {memory:.1f} MiB resident; bounds: 20 us, 32 MiB",
         ms * 1e3 / many <= 20 and memory <= 32)


def bench_coverage(_):
    """Whether error bounds are bounds, in virtual time, and whether they are worth something, in real time."""
    command = [BENCH / "bench_coverage", BUILD / "vgpu" / "libnvidia-ml.so.1"]
    for mode, name in (("precision", "bounds of tracked counters"), ("whole", "coverage of error bounds")):
        done = subprocess.run([str(c) for c in [*command, mode]], env=environment(pathlib.Path("/tmp")), stdout=subprocess.PIPE,
                              text=True, check=False)
        print(*(f"      {row}" for row in done.stdout.splitlines()[:-1]), sep="\n", flush=True)
        line(name, done.stdout.splitlines()[-1] if done.stdout else "it did not run", done.returncode == 0)


SECTIONS = (bench_step, bench_window, bench_measure, bench_monitor, bench_supervisor, bench_simulate, bench_search, bench_ledger,
            bench_job, bench_training, bench_coverage)


def main():
    sections = {bench.__name__.removeprefix("bench_"): bench for bench in SECTIONS}
    unknown = [name for name in sys.argv[2:] if name not in sections]
    if unknown:
        sys.exit(f"no section {', '.join(unknown)}: there are {', '.join(sections)}")
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[2:] or sections:
            sections[name](pathlib.Path(folder))
    baseline = os.environ.get("BASELINE")
    if baseline:  # another version's build folder: `make bench BASELINE=DIR`
        done = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("compare.py"), BUILD, baseline], check=False)
        line("nothing slower than the baseline", baseline, done.returncode == 0)
    print(f"{over} over their bound" if over else "all within their bounds")
    return 1 if over else 0


sys.exit(main())
