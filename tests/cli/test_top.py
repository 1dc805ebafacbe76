# SPDX-License-Identifier: Apache-2.0
"""wattune top on a terminal of its own (tmux): the screen, and the terminal restored at the end."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.sanitized
needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


class Terminal:
    def __init__(self, program, tmp_path, *words, size=(100, 24), env=None):
        self.place = tmp_path
        self.socket = str(tmp_path / "tmux")
        script = tmp_path / "script"
        words = " ".join(f"'{w}'" for w in words)
        script.write_text(f"""trap : INT
stty -g >{tmp_path}/before
'{program.path}' top {words} 2>{tmp_path}/words
echo $? >{tmp_path}/code
stty -g >{tmp_path}/after
echo the shell again
sleep 60
""")
        # ncurses would believe COLUMNS and LINES of whoever runs the tests
        self.env = {name: value for name, value in program.env.items() if name not in ("COLUMNS", "LINES")}
        self.env |= {"LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"} | (env or {})
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "sh", str(script))

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], env=self.env, capture_output=True, text=True,
                              timeout=20, check=True).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def wait(self, pattern, seconds=20):
        """The screen once it holds the pattern; a loaded machine is slow."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if re.search(pattern, text := self.screen()):
                return text
            time.sleep(0.05)
        raise AssertionError(f"{pattern} did not come:\n{text}\n{(self.place / 'words').read_text()}")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def pid(self):
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        return int(subprocess.run(["pgrep", "-P", shell, "-f", "top"], capture_output=True, text=True).stdout.split()[0])

    def assert_restored(self, code):
        self.wait("the shell again")
        assert self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]
        assert (self.place / "before").read_text() == (self.place / "after").read_text()
        assert int((self.place / "code").read_text()) == code

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True)


@pytest.fixture
def terminal(wattune, tmp_path):
    opened = []

    def start(*words, **more):
        opened.append(Terminal(wattune, tmp_path, *words, **more))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def is_not_a_terminal(done):
    assert "draws on a terminal" in done.stderr and "wattune monitor" in done.stderr and done.stdout == ""


def test_without_a_terminal(wattune):
    is_not_a_terminal(wattune("top", "--vgpu", "v100", code=1))
    is_not_a_terminal(wattune("top", code=1))
    wattune("top", "--interval", "0", "--vgpu", "v100", code=2)


@needs_tmux
def test_the_screen(wattune, terminal):
    t = terminal("--vgpu", wattune.machine(["model = a40\npower_limit_w = 250", "model = p100"]), "--interval", "0.1")
    text = t.wait(r"[▁▂▃]{4}.*\n.*P100.* ~ *[\d.]+ k?J")  # summed power takes a moment to be known
    lines = text.splitlines()
    assert re.match(r"wattune top  2 GPUs  [\d.]+ W  [\d.]+ k?J in [\d.]+ s  every 0\.1 s$", lines[0])
    assert lines[2].split() == ["GPU", "NAME", "POWER", "LIMIT", "TEMP", "UTIL", "MEMORY", "ENERGY", "THROTTLE"]
    assert re.match(r"  0 NVIDIA A40 +[\d.]+ W +250 W +\d+ C +0 % +\d+ MiB +[\d.]+ k?J  none$", lines[3])
    assert re.match(r"    0 to 300\.0 W +▁", lines[4])
    assert re.match(r"  1 Tesla P100\S* +[\d.]+ W +250 W .* ~ *[\d.]+ k?J  none$", lines[5])  # no counter: summed power
    assert "q quit" in lines[7]
    t.keys("q")
    t.assert_restored(0)


def joules(screen):
    number, unit = re.search(r"([\d.]+) ([mk]?)J in", screen).groups()
    return float(number) * {"m": 1e-3, "": 1, "k": 1e3}[unit]


@needs_tmux
def test_keys(wattune, terminal):
    t = terminal("--vgpu", "v100", "--interval", "0.1")
    t.wait(r"every 0\.1 s")
    t.keys("+")
    t.wait(r"every 0\.2 s")
    t.keys("-", "-")
    t.wait(r"every 0\.05 s")
    t.keys("-")  # the shortest there is
    t.keys("p")
    held = t.wait("PAUSED")
    time.sleep(0.5)
    assert t.screen() == held
    energy = joules(held)
    t.keys("p")
    t.wait(r"every 0\.05 s$|every 0\.05 s *\n")
    assert joules(t.screen()) > energy  # counted on meanwhile
    t.keys("x")  # no key
    t.keys("q")
    t.assert_restored(0)


@needs_tmux
def test_sizes(wattune, terminal):
    t = terminal("--vgpu", "a40:8", "--interval", "0.1", size=(120, 30))
    assert len(re.findall(r"0 to 300", t.wait(r"  7 NVIDIA A40"))) == 8
    t.tmux("resize-window", "-x", "60", "-y", "8")
    text = t.wait(r"4 more GPUs do not fit")
    assert "0 to 300" not in text and max(map(len, text.splitlines())) <= 60
    t.tmux("resize-window", "-x", "20", "-y", "3")
    t.wait("^wattune top  8 GPUs")
    t.tmux("resize-window", "-x", "120", "-y", "30")
    t.wait(r"  7 NVIDIA A40")
    t.keys("q")
    t.assert_restored(0)


@needs_tmux
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGQUIT, 0), (signal.SIGHUP, 0),
                                          (signal.SIGSEGV, 139), (signal.SIGABRT, 134)])
def test_signals(terminal, number, code, build):
    if code and "b_sanitize" in (build / "meson-info" / "intro-buildoptions.json").read_text() and "build-" in build.name:
        pytest.skip("a sanitizer has a handler of its own")
    t = terminal("--vgpu", "v100", "--interval", "60")  # also while it waits for long
    t.wait("V100")
    os.kill(t.pid(), number)
    t.assert_restored(code)


@needs_tmux
def test_control_c(terminal):
    t = terminal("--vgpu", "v100")
    t.wait("V100")
    t.keys("C-c")
    t.assert_restored(0)


@needs_tmux
def test_a_terminal_without_unicode_or_name(terminal, tmp_path):
    t = terminal("--vgpu", "v100", "--interval", "0.1", env={"LC_ALL": "C"})
    t.wait(r"0 to 250\.0 W +\.\.")
    t.keys("q")
    t.assert_restored(0)


@needs_tmux
def test_an_unknown_terminal(wattune, terminal, tmp_path):
    script = tmp_path / "nosuch"
    script.write_text(f"#!/bin/sh\nTERM=nosuch exec '{wattune.path}' \"$@\"\n")
    script.chmod(0o755)
    wattune.path = str(script)
    t = terminal("--vgpu", "v100")
    t.assert_restored(1)
    assert "does not know this terminal (TERM is nosuch)" in (tmp_path / "words").read_text()


@needs_tmux
def test_without_ncurses(terminal, tmp_path):
    """A library that cannot be loaded stands in front of the real one."""
    (tmp_path / "lib").mkdir()
    for name in ("libncursesw.so.6", "libncursesw.so.5"):
        (tmp_path / "lib" / name).write_bytes(b"")
    t = terminal("--vgpu", "v100", env={"LD_LIBRARY_PATH": str(tmp_path / "lib")})
    t.assert_restored(3)
    assert "needs ncurses" in (tmp_path / "words").read_text()


def test_it_is_not_linked(wattune):
    linked = subprocess.run(["ldd", wattune.path], capture_output=True, text=True).stdout
    assert "libc.so" in linked and "ncurses" not in linked and "tinfo" not in linked
