"""What the operating system is asked for when a file is saved, and in which order, by strace.

The new file is written and synchronised before it gets its name, and the folder after that: in
this order a loss of power between any two calls leaves the old file or the new one.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

CODE = """
import os, sys
from benchmarks.robustness.disks import layer
from portanet import save
save(sys.argv[1], layer(1))
os.path.exists("begin" * 2)
save(sys.argv[1], layer(2))
os.path.exists("end" * 2)
"""
CALLS = "openat,open,creat,write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,flock,close,stat,newfstatat,statx"


def tried(place):
    """Yield the order of calls of a save over an older file."""
    yield " -> ".join(order(place))


def order(place):
    """Return the calls of a save, in short; raise AssertionError if they are in another order."""
    assert shutil.which("strace"), "strace is needed: apt install strace"
    path, log = place / "run.safetensors", place / "calls"
    root = Path(__file__).parents[2]
    command = ["strace", "-f", "-y", "-s", "0", "-e", f"trace={CALLS}", "-o", log]
    subprocess.run([*command, sys.executable, "-c", CODE, path], cwd=root, check=True)
    lines = log.read_text().splitlines()
    marks = [i for i, line in enumerate(lines) if "beginbegin" in line or "endend" in line]
    found = [word for line in lines[marks[0] : marks[-1]] if (word := told(line, path))]
    wanted = ["create", "lock", "write", "fsync file", "rename", "fsync folder"]
    assert [w for i, w in enumerate(found) if w != found[i - 1]] == wanted, found
    n_written = found.count("write")
    return [*wanted[:2], f"write x {n_written}", *wanted[3:]]


def told(line, path):
    """Return which step of a save a call is, None if it is none."""
    partial, folder = f"{path.name}.{line.split()[0]}-0.partial", str(path.parent)
    call = re.sub(r"^\d+ +", "", line)
    if partial in call:
        if call.startswith(("openat", "open")) and "O_CREAT" in call and "O_EXCL" in call:
            return "create"
        for name, word in (("flock", "lock"), ("write", "write"), ("fsync", "fsync file")):
            if call.startswith(name):
                return word
        if call.startswith("rename") and call.count(f"{folder}/{path.name}") == 2:
            return "rename"
    if call.startswith("fsync") and f"<{folder}>" in call:
        return "fsync folder"
    return None if call.startswith(("close", "openat", "newfstatat", "stat")) else "other: " + call
