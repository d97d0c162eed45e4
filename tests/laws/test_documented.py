"""What a person can set, type or install is written down, and what is written down is there."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import re
import tomllib
from collections.abc import Iterator

import click
import msgspec
import pytest

from tests.laws.tree import ROOT

REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    file = REFERENCE / name
    return file.read_text() if file.exists() else ""


def settings() -> set[str]:
    """`COGNOMEN_PORT` and the like, one for each field of `config.Settings`."""
    if importlib.util.find_spec("cognomen.config") is None:
        return set()
    shape = importlib.import_module("cognomen.config").Settings
    fields = dataclasses.fields(shape) if dataclasses.is_dataclass(shape) else msgspec.structs.fields(shape)
    return {f"COGNOMEN_{field.name.upper()}" for field in fields}


def commands() -> Iterator[tuple[str, click.Command]]:
    """`cognomen keys create` and its command, for the root and everything below."""
    if importlib.util.find_spec("cognomen.cli") is None or importlib.util.find_spec("cognomen.cli.main") is None:
        return
    module = importlib.import_module("cognomen.cli.main")
    root = module.main if isinstance(module.main, click.Command) else next(x for x in vars(module).values() if isinstance(x, click.Group))
    todo: list[tuple[str, click.Command]] = [("cognomen", root)]
    while todo:
        path, command = todo.pop()
        yield path, command
        if isinstance(command, click.Group):
            # asked as click asks, since a command is imported only when it is used
            asked = click.Context(command)
            children = [(name, command.get_command(asked, name)) for name in command.list_commands(asked)]
            todo += [(f"{path} {name}", child) for name, child in children if child is not None and not child.hidden]


def sections(text: str) -> list[str]:
    return re.split(r"^(?=#)", text, flags=re.MULTILINE)


def test_every_setting_is_documented() -> None:
    """By the name of its variable; the TOML key is the same name in small letters."""
    assert settings() - set(re.findall(r"COGNOMEN_[A-Z0-9_]+", page("settings.md"))) == set()


def test_every_documented_setting_exists() -> None:
    assert set(re.findall(r"COGNOMEN_[A-Z0-9_]+", page("settings.md"))) - settings() == set()


def test_every_command_and_option_is_documented() -> None:
    """An option counts where its command is spoken of: in a section that names the command in full."""
    missing = []
    for path, command in commands():
        about = "\n".join(part for part in sections(page("commands.md")) if re.search(rf"\b{path}\b", part))
        if not about:
            missing.append(path)
        options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
        # the page may leave out --help and --version, which every command has
        names = {name for option in options for name in option.opts if name.startswith("--")} - {"--help", "--version"}
        missing += [f"{path} {name}" for name in sorted(names) if not re.search(rf"{name}(?![\w-])", about)]
    assert missing == []


def declared() -> dict[str, set[str]]:
    """Libraries by heading, as pyproject.toml names them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {
        "Run time": project["dependencies"],
        "Tests and checks": [*project["optional-dependencies"]["dev"], *project["optional-dependencies"]["build"]],
    }
    return {heading: {re.split(r"[^\w.-]", name)[0].lower() for name in names} for heading, names in groups.items()}


@pytest.mark.parametrize("heading", ["Run time", "Tests and checks"])
def test_every_library_has_its_reason(heading: str) -> None:
    """Each row of docs/reference/dependencies.md is a library that is used, and each that is used has its row."""
    part = next((part for part in sections(page("dependencies.md")) if part.startswith(f"## {heading}\n")), "")
    assert set(re.findall(r"^\| `([\w.-]+)` \|", part, flags=re.MULTILINE)) == declared()[heading]


def test_every_locked_release_is_exact_and_hashed() -> None:
    """So that an install today and in a year lay the same files."""
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
        assert [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_what_the_server_needs_is_locked_once() -> None:
    """Both locks name the same releases, so that the tests run what users run."""
    run, dev = (
        set(re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements" / name).read_text(), flags=re.MULTILINE))
        for name in ("run.lock", "dev.lock")
    )
    assert run - dev == set()
