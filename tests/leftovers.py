# SPDX-License-Identifier: Apache-2.0
"""Things that a test must not leave behind: processes, files in shared memory, entries of a journal.

    leftovers.py before FILE    writes the names of the files that exist to FILE
    leftovers.py after FILE     prints new files and living processes, ends the processes; exit code 1 if there are any

A process is known by its mark, a variable that it inherits in its environment: no other run of the tests, and no program
of the user, has it.  Only marked processes are ever ended."""

import os
import pathlib
import signal
import sys
import time

RUN = "WATTUNE_TEST_RUN"      # one run of scripts/test
PLACE = "WATTUNE_TEST_PLACE"  # one test: its folder
GRACE_S = 5                   # a process that is about to end, or a guard that puts a limit back, may finish


def marked(name, value):
    """{pid: command line} of the living processes with NAME=VALUE in their environment, this one apart."""
    mark, found = f"{name}={value}".encode(), {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if line:  # a zombie has none
                    found[int(entry.name)] = line
        except OSError:  # ended meanwhile, or another user's
            pass
    return found


def settled(look, grace_s=GRACE_S):
    """The first empty answer of look(), or its last one after grace_s."""
    end = time.monotonic() + grace_s
    while (found := look()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def end(pids, name, value):
    """SIGKILL to those that are still marked; a pid that another process got meanwhile is safe."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if pid in marked(name, value):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        except OSError:
            pass
        finally:
            os.close(handle)


JOURNALS = ("/run/wattune", os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), "wattune"))


def files(journals=JOURNALS):
    """Shared memory, runtime folder, journals: the names that Wattune and its virtual GPU use there."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    found = set()
    for folder in journals:  # entries of both versions; lock files stay by design
        if os.access(folder, os.R_OK):
            found |= {path for path in pathlib.Path(folder).iterdir() if path.suffix in (".limit", ".setting")}
    for folder in filter(None, ("/dev/shm", runtime)):
        for path in pathlib.Path(folder).glob("wattune*"):
            # Folders of virtual machines stay by design; their files end with the machine.
            stays = path.is_dir() and (path.name.startswith("wattune-vgpu") or path.name == "wattune")
            if not stays:
                found.add(path)
            elif os.access(path, os.R_OK):
                found |= {file for file in path.iterdir() if file.suffix != ".lock"}
    return {str(path) for path in found}


def ancestors():
    """This process's own line of parents: whoever runs the tests has the mark as well."""
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        try:
            pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def main(when, file):
    if when == "before":
        pathlib.Path(file).write_text("\n".join(sorted(files())))
        return 0
    before, run = set(pathlib.Path(file).read_text().splitlines()), os.environ[RUN]
    own = ancestors()
    processes = settled(lambda: {pid: line for pid, line in marked(RUN, run).items() if pid not in own})
    for pid, line in processes.items():
        print(f"left running: {pid} {line[:150]}")
    end(processes, RUN, run)
    names = settled(lambda: files() - before, 1)
    for name in sorted(names):
        print(f"left behind: {name}")
    return 1 if processes or names else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
