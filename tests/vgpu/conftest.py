# SPDX-License-Identifier: Apache-2.0
"""Where the build is, and how to run a client against a virtual machine of its own."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import leftovers

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def build():
    folder = pathlib.Path(os.environ.get("WATTUNE_BUILD", ROOT / "build")).resolve()
    assert (folder / "vgpu" / "libnvidia-ml.so.1").exists(), f"{folder} holds no virtual GPU: build first"
    return folder


@pytest.fixture
def client(build, tmp_path):
    """client(spec, *command) runs a command on that machine; client.python(spec, code) gives its last line as JSON.

    The folder of machines is the test's own, so that tests meet neither each other nor the user's machines.
    """

    def environment(spec):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("WATTUNE_", "CUDA_", "ZEUS")) or k == leftovers.RUN}
        return env | {"XDG_RUNTIME_DIR": str(tmp_path), "LD_LIBRARY_PATH": str(build / "vgpu"),
                      "WATTUNE_VGPU": spec}

    def run(spec, *command, timeout=30):
        done = subprocess.run(command, env=environment(spec), capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def python(spec, code, timeout=30):
        return json.loads(run(spec, sys.executable, "-c", PRELUDE + code, timeout=timeout).splitlines()[-1])

    run.python = python
    run.environment = environment
    return run


# The beginning of every Python client below: the vgpu functions, beside pynvml.
PRELUDE = """
import ctypes, json, time
vgpu = ctypes.CDLL("libnvidia-ml.so.1")
vgpu.vgpu_true_energy_j.restype = ctypes.c_double
vgpu.vgpu_now_ns.restype = ctypes.c_int64
vgpu.vgpu_work.argtypes = [ctypes.c_uint] + [ctypes.c_double] * 4
"""
