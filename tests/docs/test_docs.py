# SPDX-License-Identifier: Apache-2.0
"""Documentation against the code: manual pages, --help, the public header, environment variables, and the rules that
scripts/ checks."""

import csv
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WATTUNE_BUILD", ROOT / "build")).resolve()


def output_of(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


PAGES = output_of(BUILD / "manual", "--list").split()
COMMANDS = [page.removeprefix("wattune-") for page in PAGES[1:]]


def page_text(page):
    """The page as plain text, one space between words, without overstrikes and hyphenation."""
    text = output_of("mandoc", "-T", "ascii", "-O", "width=1000", page)
    return " ".join(re.sub(r".\x08", "", text).split())


needs_mandoc = pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")


# --- Manual pages


def test_the_table_of_commands_is_what_wattune_lists():
    listed = re.findall(r"^  (\w+) +\S", output_of(BUILD / "wattune", "--help"), re.M)
    assert COMMANDS == listed and len(COMMANDS) >= 6


def test_every_page_is_built():
    built = {path.name for path in (BUILD / "man").glob("*.[0-9]")}
    assert built == {f"{page}.1" for page in PAGES} | {"libwattune.3"}


@needs_mandoc
@pytest.mark.parametrize("page", [f"{page}.1" for page in PAGES] + ["libwattune.3"])
def test_mandoc_finds_nothing(page):
    done = subprocess.run(["mandoc", "-T", "lint", BUILD / "man" / page], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@needs_mandoc
def test_mandoc_would_find_something(tmp_path):
    bad = tmp_path / "bad.1"
    bad.write_text((BUILD / "man" / "wattune.1").read_text() + ".NOSUCH request\n")
    assert "unknown macro" in subprocess.run(["mandoc", "-T", "lint", bad], capture_output=True, text=True).stdout


@needs_mandoc
@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_manual_tell_the_same(command):
    shown = output_of(BUILD / "wattune", command, "--help")
    manual = page_text(BUILD / "man" / f"wattune-{command}.1")
    options = re.findall(r"^ +(?:-., )?(--[\w-]+\[?(?:=[^\s]+)?)", shown, re.M)
    assert {"--help", "--usage", "--quiet"} <= set(options) and len(options) >= 5
    for option in options:
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", manual), f"{option} is not in the manual"
    description = " ".join(re.split(r"\n\n(?=\S)", shown, maxsplit=1)[-1].split("Examples:")[0].split())
    assert description.replace("`", "")[:60] in manual


@needs_mandoc
def test_overview_has_every_command():
    overview = page_text(BUILD / "man" / "wattune.1")
    for command in COMMANDS:
        summary = re.search(rf"^  {command} +(.+)$", output_of(BUILD / "wattune", "--help"), re.M)[1]
        assert f"wattune-{command}(1) {summary}" in overview


def sources():
    return [path for folder in ("src", "vgpu") for path in sorted((ROOT / folder).rglob("*.[ch]"))]


def test_every_environment_variable_is_in_the_overview():
    titles = re.findall(r"^\\fB(.*)\\fR$", (BUILD / "man" / "wattune.1").read_text(), re.M)
    told = {name for title in titles for name in title.split(", ")}
    read = {name for path in sources() for name in re.findall(r'getenv\("(\w+)"\)', path.read_text())}
    settings = re.findall(r'"(WATTUNE_\w+)"', (ROOT / "src" / "setup" / "config_rows.h").read_text())
    assert "CUDA_VISIBLE_DEVICES" in read and "WATTUNE_LEDGER" in settings
    assert sorted((read | set(settings)) - told) == []


@pytest.mark.parametrize("arguments, code", [(["nonsense"], 2), (["show", "x", "--ledger", "/dev/null"], 6),
                                             (["monitor", "--nvml", "/nonexistent.so"], 3)])
def test_exit_codes_of_the_manual(arguments, code):
    done = subprocess.run([BUILD / "wattune", *arguments], capture_output=True, timeout=60)
    assert done.returncode == code
    assert f"\\fB{code}\\fR\n" in (BUILD / "man" / "wattune.1").read_text()


# --- The library's page


def declarations(text):
    """name -> the declaration with single spaces."""
    found = re.findall(r"([a-z][\w *]*?\b(wt_\w+)\([^;]*\));", " ".join(text.split()))
    return {name: re.sub(r"\s+", " ", declaration).strip() for declaration, name in found}


def test_the_librarys_page_has_every_function_of_the_header():
    header = (ROOT / "include" / "wattune.h").read_text()
    public = declarations(" ".join(re.findall(r"WT_PUBLIC ([^;]*;)", header)))
    page = (BUILD / "man" / "libwattune.3").read_text()
    synopsis = page[page.index(".SH SYNOPSIS"):page.index(".SH DESCRIPTION")]
    described = page[page.index(".SH DESCRIPTION"):]
    shown = declarations(re.sub(r"\\fB|\\fR|^\.\w.*$", "", synopsis, flags=re.M))
    assert len(public) >= 8
    assert shown == public
    assert [name for name in public if f"\\fB{name}\\fR()" not in described] == []


def test_the_librarys_page_has_every_error_code_and_field():
    header = (ROOT / "include" / "wattune.h").read_text()
    page = (BUILD / "man" / "libwattune.3").read_text().replace("\\-", "-")
    for name, value, message in re.findall(r'X\((\w+), (-\d+), "(.*)"\)', header):
        assert f"\\fBWT_E_{name} ({value})\\fR\n{message}" in page
    fields = re.search(r"struct wt_window_result \{(.*?)\};", header, re.S)[1]
    for field in re.findall(r"(\w+);", re.sub(r"/\*.*?\*/", "", fields, flags=re.S)):
        assert f"\\fB{field}\\fR\n" in page


def test_the_librarys_page_tells_what_is_missing():
    """The page marks functions as declared only if, and only if, there are some."""
    symbols = output_of("nm", "-D", "--defined-only", BUILD / "libwattune.so")
    header = (ROOT / "include" / "wattune.h").read_text()
    missing = [name for name in re.findall(r"WT_PUBLIC [^;(]*?(wt_\w+)\(", header) if f" T {name}\n" not in symbols]
    assert ("declared only" in (BUILD / "man" / "libwattune.3").read_text()) == bool(missing)


# --- Names that stand in two places


def test_help_names_the_models_there_are():
    models = re.findall(r'\.key = "(\w+)"', (ROOT / "vgpu" / "models.c").read_text())
    assert len(models) == 6
    shown = " ".join(output_of(BUILD / "wattune", "run", "--help").split())
    assert f"--vgpu={'|'.join(models)}|" in shown
    for model in models:
        assert f"`{model}`" in (ROOT / "docs" / "vgpu.md").read_text()


def test_vgpu_page_has_every_key_and_fault():
    """The page describes faults when some code acts on them; until then it says that none does."""
    spec = (ROOT / "vgpu" / "spec.c").read_text()
    page = (ROOT / "docs" / "vgpu.md").read_text()
    faults = re.findall(r'\{"(\w+)", FAULT_', spec)
    keys = re.findall(r'\{(?:\[KEY_\w+\] = \{)?"(\w+)", set_\w+\}', spec) + re.findall(r'= \{"(\w+)", set_\w+\}', spec)
    assert len(faults) == 12 and len(set(keys)) == 10
    act = any("FAULT_" in path.read_text() for path in (ROOT / "vgpu").glob("*.c") if path.name != "spec.c")
    assert ("do nothing in this version" in page) != act
    assert [name for name in keys + faults * act if not re.search(rf"`{name}[`=]", page)] == []


def test_carbon_page_has_every_figure_of_the_tables():
    """And every row of a table says where it is from, and of which year."""
    page = (ROOT / "docs" / "carbon.md").read_text()
    tables = {path.stem: list(csv.DictReader(path.open())) for path in (ROOT / "src" / "account" / "carbon" / "data").glob("*.csv")}
    assert sorted(tables) == ["embodied", "fab", "intensity"]
    assert [row for rows in tables.values() for row in rows if not (row["source"] and row["year"].isdigit())] == []
    assert [row for row in tables["embodied"] if not re.search(rf"\b{row['kg']}\b", page)] == []
    world = next(row for row in tables["intensity"] if row["code"] == "WORLD")
    assert f"average of {world['year']}, {world['g_per_kwh']} g/kWh" in page
    shown = set(re.findall(r'"(\w+)"', output_of(BUILD / "wattune", "carbon", "--json", env={})))
    names = re.search(r"among them (.*?) and\nthe same", page, re.S)[1]
    assert set(re.findall(r"`(\w+)`", names)) <= shown


# --- Pages against the tree


PROSE = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def prose():
    return [ROOT / name for name in PROSE] + sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("path", prose(), ids=lambda path: path.name)
def test_links_and_paths_of_the_prose_exist(path):
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"
    for name in re.findall(r"`((?:src|vgpu|include|examples|tests|docs|man|scripts|bench)/[\w./-]*)`", text):
        assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_options_in_the_prose_exist():
    known = set(re.findall(r"--[\w-]+", "".join(output_of(BUILD / "wattune", c, "--help") for c in COMMANDS)))
    known |= {"--help", "--version"}
    for line in re.findall(r"^(?:\$ )?(?:sudo )?(?:build/)?wattune (.*)$", (ROOT / "README.md").read_text(), re.M):
        ours = line.split(" -- ")[0]
        assert ours.split()[0] in COMMANDS + ["--help", "--version", "COMMAND"], line
        assert set(re.findall(r"(?<=\s)--[a-z][\w-]*", " " + ours)) <= known, line


# --- scripts/


@pytest.fixture
def tree(tmp_path):
    """A copy of the sources to break."""
    for folder in ("src", "vgpu", "include", "examples", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def check_layers(tree):
    done = subprocess.run([tree / "scripts" / "check-layers"], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_layers_are_kept(tree):
    assert check_layers(tree) == (0, "")


@pytest.mark.parametrize("path, line", [
    ("src/tune/decide/cost.c", '#include "measure/sense/sense.h"'),
    ("src/measure/driver/nvml.c", '#include "measure/sense/sense.h"'),
    ("src/base/text.c", '#include "flow/device.h"'),
    ("src/show/text/table.c", '#include "account/ledger/ledger.h"'),
    ("src/account/carbon/series.c", '#include "base/file.h"'),
    ("src/account/carbon/series.c", '#include <time.h>'),
    ("src/account/carbon/series.c", '#include "setup/net/http.h"'),
    ("src/account/carbon/series.c", '#include "account/ledger/ledger.h"'),
    ("src/setup/net/http.c", '#include "run/process/relay.h"'),
    ("src/run/job/job.c", '#include "setup/config.h"'),
    ("src/run/process/relay.c", '#include "run/job/job.h"'),
    ("src/tune/act/guard.c", '#include "tune/live/tuner.h"'),
    ("src/show/page/html.c", '#include "measure/meter/meter.h"'),
    ("src/cli/cmd_carbon.c", '#include <curl/curl.h>'),
    ("src/run/job/job.c", '#include "setup/net/http.h"'),
    ("src/show/text/table.c", '#include "show/json/json.h"'),
    ("src/tune/live/tuner.c", '#include "show/json/json.h"'),
    ("src/tune/live/tuner.c", '#include "account/ledger/ledger.h"'),
    ("src/tune/live/tuner.c", '#include "cli/command.h"'),
    ("src/lib/progress.c", '#include "account/ledger/ledger.h"'),
    ("src/lib/progress.c", '#include "show/text/view.h"'),
    ("src/run/job/job.c", '#  include  <sqlite3.h>'),
    ("src/cli/main.c", '#include <jansson.h>'),
    ("src/measure/progress/channel.c", '#include <pcre2.h>'),
    ("src/measure/sense/nvidia.c", '#include "../../vgpu/vgpu.h"'),
    ("src/measure/sense/nvidia.c", '#include "vgpu.h"'),
    ("vgpu/work.c", '#include "base/clock.h"'),
    ("vgpu/work.c", '#include "../src/flow/device.h"'),
    ("src/flow/device.h", "int flow_sum(int a, int b);"),
    ("src/flow/device.h", "static inline int flow_one(void) { return 1; }"),
    ("src/tune/live/slice.c", '#include "measure/meter/track.h"'),
    ("src/account/book/book_loop.c", '#include "measure/meter/mark.h"'),
    ("src/run/job/job.c", '#include "measure/meter/edges.h"'),
    ("src/cli/cmd_top.c", '#include "measure/meter/integrate.h"'),
    ("src/lib/monitor.c", '#include "measure/meter/window_table.h"'),
    ("src/lib/monitor.c", '#include "base/log.h"'),
    ("src/tune/act/guard.c", '#include "base/log.h"'),
    ("src/cli/cmd_jobs.c", '#include "account/ledger/sqlite.h"'),
    ("src/account/study/learned.c", '#include "account/ledger/sqlite.h"'),
    ("src/daemon/main.c", '#include "base/log.h"'),
    ("src/cli/main.c", '#include "main.h"'),
    ("src/box/new.c", '#include "base/log.h"'),
])
def test_a_violation_is_found(tree, path, line):
    file = tree / path
    file.parent.mkdir(exist_ok=True)
    old = file.read_text() if file.exists() else "/* SPDX-License-Identifier: Apache-2.0 */\n"
    file.write_text(old + line + "\n")
    code, words = check_layers(tree)
    assert code == 1
    assert re.search(rf"^{re.escape(path)}:{old.count(chr(10)) + 1}: ", words, re.M), words
