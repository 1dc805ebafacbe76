# SPDX-License-Identifier: Apache-2.0
"""The program in a home of its own: `wattune(*words)` runs it, with folders and variables that no other test sees."""

import os
import pathlib
import subprocess

import pytest

import leftovers

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def build():
    folder = pathlib.Path(os.environ.get("WATTUNE_BUILD", ROOT / "build")).resolve()
    assert (folder / "wattune").exists(), f"{folder} holds no wattune: build first"
    return folder


class Program:
    def __init__(self, build, home):
        self.path = str(build / "wattune")
        self.home = home
        self.config = home / "config" / "wattune" / "wattune.conf"
        drop = ("WATTUNE_", "CUDA_", "XDG_", "NO_COLOR", "SUDO_", "TMUX")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(drop) or k == leftovers.RUN}
        for name in ("config", "data", "state", "runtime"):
            (home / name).mkdir(mode=0o700)
        self.env |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data"),
                     "XDG_STATE_HOME": str(home / "state"), "XDG_RUNTIME_DIR": str(home / "runtime")}

    def write_config(self, text):
        self.config.parent.mkdir(exist_ok=True)
        self.config.write_text(text)

    def machine(self, gpus, head=""):
        """A machine file: `gpus` is a list of the lines of each [gpu] section."""
        path = self.home / "machine.ini"
        sections = "".join(f"[gpu {i}]\n{lines}\n" for i, lines in enumerate(gpus))
        path.write_text(f"[machine]\n{head}\n{sections}")
        return str(path)

    def __call__(self, *words, code=0, env=None, timeout=60):
        done = subprocess.run([self.path, *words], env=self.env | (env or {}), capture_output=True, text=True,
                              timeout=timeout, stdin=subprocess.DEVNULL)
        assert done.returncode == code, f"{words} gave {done.returncode}:\n{done.stdout}{done.stderr}"
        return done


@pytest.fixture
def wattune(build, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return Program(build, home)
