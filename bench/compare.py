# SPDX-License-Identifier: Apache-2.0
"""`bench/compare.py BUILD BASELINE`: every command of two builds, in turn, and the ratio of their medians.

BASELINE is the build folder of another version.  Each command runs A, B, A, B, ..., so that a machine whose speed drifts
slows both alike.  A command over BOUND times the baseline's processor time or peak memory is marked, and the exit code
is 1.  Each build has a ledger of its own, since an older version cannot open a newer one's.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

BOUND = 1.05
RESOLUTION_S = 0.0005  # below this, a difference of processor time is the kernel's accounting
RUNS = 100_000
BENCH = pathlib.Path(sys.argv[1]).resolve() / "bench"


def usage(command, env):
    """Processor seconds, peak KiB and exit code of a command, by bench_usage of the first build."""
    done = subprocess.run([BENCH / "bench_usage", *map(str, command)], env=env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=True)
    cpu_s, kib, code = done.stderr.decode(errors="replace").split("\n")[-2].split()
    return float(cpu_s), int(kib), int(code)


def environment(build, folder):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("WATTUNE_", "CUDA_"))}
    own = folder / build.parent.name / build.name
    own.mkdir(parents=True, exist_ok=True)
    return env | {"XDG_RUNTIME_DIR": str(own), "XDG_DATA_HOME": str(own), "XDG_CONFIG_HOME": str(own),
                  "LD_LIBRARY_PATH": str(build / "vgpu"), "FOLDER": str(own)}


def commands(env):
    """name -> arguments of wattune and how often."""
    fleet = ["--ledger", f"{env['FOLDER']}/fleet.db"]
    own = ["--ledger", f"{env['FOLDER']}/own.db"]
    traces = pathlib.Path(os.environ.get("WATTUNE_TRACES", pathlib.Path(__file__).resolve().parents[2] / "shared" / "traces"))
    table = {
        "measure -- true": (["measure", "--", "true"], 100),
        "measure --vgpu v100:8 -- true": (["measure", "--vgpu", "v100:8", "--", "true"], 40),
        "run --vgpu v100 -- true": (["run", "--vgpu", "v100", *own, "--job", "true", "--", "true"], 40),
        "run --help": (["run", "--help"], 40),
        "config": (["config"], 40),
        "limit get --vgpu a40:4": (["limit", "get", "--vgpu", "a40:4"], 40),
        "monitor --count 5": (["monitor", "--vgpu", "v100", "--count", "5", "--interval", "0.05", "--json"], 40),
        "jobs": (["jobs", *own], 40),
        "show": (["show", *own, "true"], 40),
        "show --json": (["show", *own, "true", "--json"], 40),
        "report --by phase": (["report", *fleet, "--by", "phase"], 15),
        "report --by user,day --json": (["report", *fleet, "--by", "user,day", "--json"], 5),
        "fleet --format html": (["fleet", *fleet, "--format", "html"], 21),
        "report --export codecarbon": (["report", *fleet, "--export", "codecarbon", "--project", "vision"], 7),
        "simulate --fleet": (["simulate", "--fleet", "--runs", "5000", "--gpus", "64", "--watched", "no", "--ledger",
                              f"{env['FOLDER']}/made.db"], 11),
    }
    train, power = traces / "summary_train.csv", traces / "summary_power.csv"
    files = sorted(traces.glob("*train*.csv")), sorted(traces.glob("*power*.csv"))
    if not (train.exists() and power.exists()) and files[0] and files[1]:
        train, power = files[0][0], files[1][0]
    if train.exists() and power.exists():
        table["pareto of a trace"] = (["pareto", "--train", train, "--power", power, "--job", "cifar100/shufflenetv2/Adadelta",
                                       "--target", "0.6", "--max-epochs", "100", "--default-batch-size", "1024", "--json"], 20)
    return table


def main():
    builds = [pathlib.Path(a).resolve() for a in sys.argv[1:3]]
    over = 0
    with tempfile.TemporaryDirectory() as name:
        envs = [environment(build, pathlib.Path(name) / str(i)) for i, build in enumerate(builds)]
        for build, env in zip(builds, envs):
            subprocess.run([build / "wattune", "simulate", "--fleet", "--runs", str(RUNS), "--gpus", "512", "--users", "60",
                            "--watched", "no", "--ledger", f"{env['FOLDER']}/fleet.db"], env=env, check=True, capture_output=True)
        tables = [commands(env) for env in envs]
        for what, (arguments, times) in tables[0].items():
            seen = [[], []]
            for _ in range(times):
                for side in (0, 1):
                    made = pathlib.Path(envs[side]["FOLDER"]) / "made.db"
                    made.unlink(missing_ok=True)
                    seen[side].append(usage([builds[side] / "wattune", *tables[side][what][0]], envs[side]))
            codes = {row[2] for row in seen[0]}, {row[2] for row in seen[1]}
            cpu = [statistics.median(row[0] for row in side) for side in seen]
            kib = [statistics.median(row[1] for row in side) for side in seen]
            good = (cpu[0] <= BOUND * cpu[1] + RESOLUTION_S and kib[0] <= BOUND * kib[1]) and codes[0] == codes[1]
            over += not good
            print(f"{'ok  ' if good else 'OVER'}  {what:<34} processor time {cpu[0] / max(cpu[1], 1e-9):5.2f} x "
                  f"({cpu[0] * 1e3:.1f} ms), memory {kib[0] / kib[1]:5.2f} x ({kib[0] / 1024:.1f} MiB)"
                  + ("" if codes[0] == codes[1] else f", exit codes {codes[0]} and {codes[1]}"), flush=True)
    print(f"{over} over {BOUND} x the baseline" if over else f"nothing over {BOUND} x the baseline")
    return 1 if over else 0


sys.exit(main())
