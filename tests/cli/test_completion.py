# SPDX-License-Identifier: Apache-2.0
"""Completions: the words that shells offer for lines that people type, with the files the build wrote."""

import os
import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.sanitized


def needs(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed")


@pytest.fixture
def shell(build, wattune, tmp_path):
    """shell(name, script) runs a script with the build's completions and our program in reach."""
    place = tmp_path / "here"
    place.mkdir()
    (place / "machine.ini").write_text("[gpu 0]\nmodel = v100\n")
    (place / "two words.db").write_text("")

    def run(*command):
        env = wattune.env | {"PATH": f"{os.path.dirname(wattune.path)}:{wattune.env['PATH']}", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, env=env, cwd=place, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def bash(build, shell):
    def complete(*words, breaks=None):
        quoted = " ".join("'" + w.replace("'", "'\\''") + "'" for w in words)
        script = f"""
            source {build}/completions/wattune.bash
            COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}
            complete -p wattune | grep -q 'F _wattune' || echo 'not registered' >&2
            _wattune
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return [line for line in shell("bash", "--norc", "-c", script).splitlines() if line]

    return complete


def test_bash_commands(bash, wattune):
    listed = re.findall(r"^  (\w+) +\S", wattune("--help").stdout, re.M)
    assert set(bash("wattune", "")) == set(listed) | {"--help", "--version"}
    assert bash("wattune", "mo") == ["monitor"]
    assert bash("wattune", "nonsense", "") == []


def test_bash_options_are_those_of_help(bash, wattune):
    for command in re.findall(r"^  (\w+) +\S", wattune("--help").stdout, re.M):
        told = set(re.findall(r"(--[\w-]+)", wattune(command, "--usage").stdout))
        assert set(bash("wattune", command, "--")) == told
    assert bash("wattune", "run", "--ph") == ["--phase"]
    assert bash("wattune", "run", "--job", "x", "--dry") == ["--dry-run"]


def test_bash_values(bash):
    phases = ["data", "experimentation", "training", "inference"]
    assert bash("wattune", "run", "--phase", "") == phases
    assert bash("wattune", "run", "--phase", "=", "") == phases
    assert bash("wattune", "run", "--phase", "=") == phases
    assert bash("wattune", "run", "--phase", "=", "tr") == ["training"]
    assert bash("wattune", "run", "--phase=tr") == ["--phase=training"]  # where = parts no words
    assert bash("wattune", "run", "--eta", "0.5", "--min", "t") == ["time"]
    assert bash("wattune", "run", "--eta", "=", "0.5", "--min", "=", "t") == ["time"]
    assert bash("wattune", "run", "--progress", "p") == ["pattern:"]
    assert bash("wattune", "run", "--eta", "") == []
    assert set(bash("wattune", "doctor", "--vgpu", "")) == {"p100", "v100", "a40", "rtx6000", "a100", "h100", "machine.ini",
                                                          "two words.db"}
    assert bash("wattune", "jobs", "--ledger", "tw") == ["two words.db"]
    assert bash("wattune", "limit", "") == ["get", "set", "reset"]
    assert bash("wattune", "limit", "--gpus", "0", "s") == ["set"]
    assert bash("wattune", "monitor", "") == []


def test_bash_leaves_the_users_command_alone(bash):
    assert "true" in bash("wattune", "run", "--", "tru")
    assert "true" in bash("wattune", "run", "--job", "x", "tru")
    assert bash("wattune", "run", "--", "cat", "mach") == ["machine.ini"]
    assert bash("wattune", "measure", "cat", "--phase", "mach") == ["machine.ini"]
    assert bash("wattune", "run", "--", "cat", "--ph") == []


def test_jobs_of_the_ledger(bash, shell, wattune, build, tmp_path):
    assert bash("wattune", "show", "") == []  # no ledger yet
    evil = f"$(touch {tmp_path}/evil)"
    for job in ("mlp", "two words", evil, "line\nbreak"):
        wattune("run", "--vgpu", "v100", "--observe", "--progress", "none", "--job", job, "--", "true")
    assert bash("wattune", "show", "m") == ["mlp"]
    assert bash("wattune", "pareto", "--job", "tw") == bash("wattune", "pareto", "--job", "=", "tw") == ["two\\ words"]
    assert bash("wattune", "pareto", "--job=m") == ["--job=mlp"]
    assert bash("wattune", "run", "--job", "m") == []  # a name of one's own
    found = bash("wattune", "show", "")
    assert len(found) == 3 and "two\\ words" in found
    back = shell("bash", "-c", "printf '%s\\n' " + " ".join(found)).splitlines()  # the shell's completion of the line
    assert set(back) == {"mlp", "two words", evil}
    if shutil.which("fish"):
        offered = shell("fish", "--no-config", "-c",
                        f"source {build}/completions/wattune.fish; complete -C 'wattune show '").splitlines()
        assert {"mlp", "two words"} <= set(offered)
        offered = shell("fish", "--no-config", "-c",
                        f"source {build}/completions/wattune.fish; complete -C 'wattune pareto --job '").splitlines()
        assert {"mlp", "two words"} <= {row.split("\t")[0] for row in offered}
    assert not (tmp_path / "evil").exists()


@needs("zsh")
def test_zsh(build, shell):
    shell("zsh", "-f", "-n", f"{build}/completions/_wattune")
    script = f"""fpath=({build}/completions $fpath); autoload -Uz compinit; compinit -u -D
                 print $_comps[wattune]; autoload +X _wattune && print loaded"""
    assert shell("zsh", "-f", "-c", script).split() == ["_wattune", "loaded"]


@needs("zsh")
def test_zsh_offers(build, shell):
    """A shell on a terminal of its own: the line after a tab."""
    script = f"""
        zmodload zsh/zpty
        zpty z zsh -f -i
        zpty -w z 'PS1=; unsetopt zle_bracketed_paste; fpath=({build}/completions $fpath); autoload -Uz compinit; compinit -u -D'
        zpty -w z 'bindkey "^I" complete-word; zstyle ":completion:*" list-max-lines 0; print rea""dy'
        zpty -m -r z line '*ready*'
        zpty -n -w z $'wattune run --phase tr\\t'
        zpty -m -r z line '*training*' && print -r -- phase
        zpty -n -w z $' --dry\\t'
        zpty -m -r z line '*--dry-run*' && print -r -- option
        zpty -d z
    """
    assert shell("zsh", "-f", "-c", script).split() == ["phase", "option"]


@needs("fish")
def test_fish(build, shell):
    shell("fish", "--no-config", "-n", f"{build}/completions/wattune.fish")

    def complete(line):
        text = shell("fish", "--no-config", "-c", f"source {build}/completions/wattune.fish; complete -C '{line}'")
        return [row.split("\t")[0] for row in text.splitlines()]

    assert {"run", "measure", "doctor", "top"} <= set(complete("wattune "))
    assert set(complete("wattune run --phase ")) == {"data", "experimentation", "training", "inference"}
    assert complete("wattune run --phase=tr") == ["--phase=training"]
    assert "--dry-run" in complete("wattune run --dr")
    assert set(complete("wattune limit ")) >= {"get", "set", "reset"}
    assert {"a40", "machine.ini"} <= set(complete("wattune doctor --vgpu "))
    assert "true" in complete("wattune run -- tru")
