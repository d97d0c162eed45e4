"""Writes requirements/*.lock from pyproject.toml: every release pinned with the hashes of all its wheels, for Linux on any machine kind
and Python 3.11 to 3.13. Refuses a lock that names an index or a path: where packages come from is each machine's own setting."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = re.compile(r"https?://|file:|--index|--extra-index|--find-links|@ ")
OPTIONS = [
    "--universal",  # one lock for x86-64 and ARM, with markers
    "--python-version=3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-config",
    "--quiet",
]


def compile_lock(uv: Path, name: str, extras: list[str], *, upgrade: bool) -> None:
    """Keeps what is pinned already, unless `upgrade`; the dev lock follows the run lock, so both agree on a release."""
    lock = ROOT / "requirements" / name
    command = [str(uv), "pip", "compile", "pyproject.toml", *OPTIONS, f"--output-file={lock}"]
    command += [f"--extra={extra}" for extra in extras]
    if name != "run.lock":
        command.append("--constraint=requirements/run.lock")
    if upgrade:
        command.append("--upgrade")
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    bad = [line for line in lock.read_text().splitlines() if FORBIDDEN.search(line)]
    if bad:
        sys.exit(f"{name} names a place: {bad[0]}")
    print(f"requirements/{name}: {len(re.findall(r'^[a-z0-9]', lock.read_text(), re.MULTILINE | re.IGNORECASE))} releases")


def main() -> None:
    upgrade = "--upgrade" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        # the resolver is no part of the project: it lives as long as this run
        subprocess.run([f"{scratch}/bin/pip", "install", "--quiet", "uv"], check=True)
        uv = Path(scratch, "bin", "uv")
        compile_lock(uv, "run.lock", ["build"], upgrade=upgrade)
        compile_lock(uv, "dev.lock", ["build", "dev"], upgrade=upgrade)


if __name__ == "__main__":
    main()
