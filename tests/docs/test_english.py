# SPDX-License-Identifier: Apache-2.0
"""scripts/check-english: it finds each violation where it stands, counts right, and leaves code and questions alone."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOOD = "The meter holds the energy of one run. "


@pytest.fixture
def check(tmp_path):
    """check({path: text}, *options) gives (exit code, output) over a tree of these files."""
    def run(files, *options):
        (tmp_path / "scripts").mkdir(exist_ok=True)
        script = tmp_path / "scripts" / "check-english"
        shutil.copy(ROOT / "scripts" / "check-english", script)
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        done = subprocess.run([script, *options], capture_output=True, text=True, timeout=60)
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout
    return run


def rate(output):
    """(occurrences, words) of "what"."""
    found = re.search(r'^"what": [\d.]+ in 1,000 words of comments and texts \((\d+) of (\d+)\)', output, re.M)
    return tuple(map(int, found.groups()))


def test_a_clean_tree_passes(check):
    assert check({"src/a.c": f"/* {GOOD * 5}*/\nint what; // {GOOD}\n", "docs/a.md": "# Savings\n\nA saving has an error.\n"}) == (0, "")


@pytest.mark.parametrize("name, text, line", [
    ("src/base/a.c", "int a;\n/* What a run costs. */\n", 2),
    ("src/base/a.c", "/* A price.  What it buys\n * is power. */\n", 1),
    ("src/base/a.h", "/* A price.\n *\n * Good.\n * Who goes on pays for it. */\n", 4),
    ("include/a.h", "int a; // Of which half is lost\n", 1),
    ("include/a.h", "/* Lines:\n * one, two. Of\n * which three. */\n", 2),
    ("src/cli/cmd_a.c", 'const char *help = "Sum of all runs. "\n    "Who runs longer pays more.";\n', 1),
    ("src/setup/meson.build", "# A library.\n# What it needs:\n", 2),
    ("docs/a.md", "# What is saved\n\nGood.\n", 1),
    ("docs/a.md", "Good.\n\n- First.\n- What comes next\n", 4),
    ("docs/a.md", "Good.\n\n| name | What it is |\n| --- | --- |\n", 3),
    ("man/a.3.in", ".SH NAME\n\\fBa\\fR\n.PP\nWhat it gives is a number.\n", 4),
])
def test_a_sentence_that_begins_wrong_is_found(check, name, text, line):
    code, output = check({name: text})
    assert code == 1
    assert re.search(rf"^{re.escape(name)}:{line}: a sentence that begins with What, Who or Of which: ", output, re.M), output


@pytest.mark.parametrize("name, text", [
    ("src/a.c", f"/* What would it cost? {GOOD * 70} */\n"),
    ("src/a.c", f"/* {GOOD * 70} The answer to \"What if\" is here. */\n"),
    ("src/a.c", 'const char *sql = "What is this that nobody reads aloud";\n'),
    ("docs/a.md", f"{GOOD * 70}\n\n```\nWhat a transcript prints.\n```\n\nThe command is `What now`.\n"),
    ("tests/a.py", f'"""What a fixture holds may begin so. {GOOD * 70}"""\n'),
    ("src/a.c", "/* Whatever, whom. */\n"),
    ("src/a.c", "/* SPDX-License-Identifier: What */\n"),
])
def test_questions_code_and_other_words_are_left_alone(check, name, text):
    assert check({name: text}) == (0, "")


def test_the_count_is_right(check):
    files = {"src/a.c": "/* It tells what it knows: what. */ int what_ever; /* One two. */ char s[] = \"what is not help\";\n",  # 6 + 2 words
             "tests/b.py": '"""Three what words."""\n# And what else.\nwhat = "what"  # four\n',    # 3 + 3 + 1
             "docs/c.md": "# One\n\nIs what `code what code` said? what.\n",                        # 1 + 4: code counts as one
             "scripts/d": "#!/bin/sh\n# a what\necho what\n"}                                     # 2
    code, output = check(files, "-v")
    assert code == 1
    assert rate(output)[0] == 2 + 2 + 1 + 1
    assert re.search(r"^    src/a.c: 2 in 8 words$", output, re.M) and re.search(r"^    tests/b.py: 2 in 7 words$", output, re.M)
    assert re.search(r"^    scripts/d: 1 in 2 words$", output, re.M) and re.search(r"^    docs/c.md: 1 in ", output, re.M)


def test_the_bound_is_over_the_whole_tree(check):
    """Three in 1,000 words pass, wherever they stand; one word fewer, or a fourth, do not."""
    _, output = check({}, "-v")
    own = rate(output)[1]  # the script's own
    three = {"docs/b.md": "Say what and what and what to do. Good.\n"}  # in 9 words
    code, output = check({"src/a.c": "/* " + "word " * (991 - own) + "*/\n"} | three, "-v")
    assert (code, rate(output)) == (0, (3, 1000))
    code, output = check({"src/a.c": "/* " + "word " * (990 - own) + "*/\n"})
    assert (code, rate(output)) == (1, (3, 999))
    code, output = check({"src/a.c": "/* " + "word " * (1200 - own) + "*/\n", "src/c.h": "/* what */\n"})
    assert (code, rate(output)) == (1, (4, 1210))
