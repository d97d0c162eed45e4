"""Node with the locked libraries beside the scripts in js/."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

JS = Path(__file__).parent / "js"
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENOTCACHED")


def ready() -> str:
    """The path of Node; without it, or without a registry at the first run, there is nothing to prove here."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        pytest.skip("Node is not installed")
    with (JS / "package.json").open() as turn:  # test processes side by side take turns: the first installs
        fcntl.flock(turn, fcntl.LOCK_EX)
        _install(npm)
    return found


def _install(npm: str) -> None:
    lock = (JS / "package-lock.json").read_bytes()
    stamp = JS / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode and any(reason in done.stderr for reason in OFFLINE):
        pytest.skip("the registry of Node's libraries cannot be reached")
    assert done.returncode == 0, done.stderr
    stamp.write_bytes(lock)
