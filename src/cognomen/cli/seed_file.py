"""A seed file as typed values that know their lines. Refuses keys that nobody reads, and values of the wrong kind, by file and line.

Scalars take the kind that AWS's model wants: `MaxLength: 256` and `Password: 12345678` are texts there.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml
from msgspec import inspect

from cognomen.config import BadSetting


class At(NamedTuple):
    """A value of the file: a dict of At, a list of At, or a scalar with the text that stands there. `line` is its key's where it has one."""

    value: Any
    text: str
    line: int


class BadSeed(BadSetting):
    """The seed cannot be applied. The text names file and line."""

    def __init__(self, file: Path, line: int, text: str) -> None:
        super().__init__(f"{file}:{line}: {text}")


class _Loader(yaml.SafeLoader):
    pass


def read(file: Path) -> At:
    """The document. Raises BadSeed, and BadSetting where the file cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadSetting(f"cannot read the seed file {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSetting(f"the seed file {file} is not UTF-8") from error
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return At({}, "", 1) if node is None else _at(file, loader, node, node.start_mark.line + 1, ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadSeed(file, mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise BadSeed(file, 1, f"not YAML: {error}") from error
    except RecursionError as error:
        raise BadSeed(file, 1, "nested too deeply") from error


def _at(file: Path, loader: _Loader, node: yaml.Node, line: int, above: tuple[int, ...]) -> At:
    if id(node) in above:
        raise BadSeed(file, line, "an alias may not contain itself")
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)  # `<<: *other`; what the mapping says itself comes after, and wins
        found: dict[str, At] = {}
        own: set[str] = set()
        for key, value in node.value:
            place = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise BadSeed(file, place, "a key must be a plain text")
            if key.value in own and node.start_mark.line <= key.start_mark.line <= node.end_mark.line:
                raise BadSeed(file, place, f"{key.value} stands here twice")
            if node.start_mark.line <= key.start_mark.line <= node.end_mark.line:
                own.add(key.value)
            found[key.value] = _at(file, loader, value, place, above)
        return At(found, "", line)
    if isinstance(node, yaml.SequenceNode):
        return At([_at(file, loader, item, item.start_mark.line + 1, above) for item in node.value], "", line)
    return At(loader.construct_object(node), str(node.value), line)


def mapping(file: Path, at: At, what: str, known: tuple[str, ...]) -> dict[str, At]:
    """The mapping with none but known keys. Raises BadSeed."""
    if not isinstance(at.value, dict):
        raise BadSeed(file, at.line, f"{what} must be a mapping of names to values")
    for key, value in at.value.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, 1, 0.6)
            hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}" if len(known) < 12 else ""
            raise BadSeed(file, value.line, f"{what} has no {key}{hint}")
    return at.value


def items(file: Path, at: At | None, what: str) -> list[At]:
    if at is None or at.value is None:
        return []
    if not isinstance(at.value, list):
        raise BadSeed(file, at.line, f"{what} must be a list")
    return list(at.value)


def text(file: Path, at: At, what: str) -> str:
    if isinstance(at.value, (dict, list)) or at.value is None or at.value == "":
        raise BadSeed(file, at.line, f"{what} must be a text")
    return _text(at)


def flag(file: Path, at: At | None, what: str) -> bool | None:
    if at is None:
        return None
    if not isinstance(at.value, bool):
        raise BadSeed(file, at.line, f"{what} must be true or false")
    return at.value


def _text(at: At) -> str:
    return str(at.value).lower() if isinstance(at.value, bool) else at.text


def shaped(file: Path, at: At, kind: inspect.Type, what: str) -> Any:
    """The value as plain JSON of a type of AWS's model. Raises BadSeed for keys that the type lacks; kinds are the validator's to judge."""
    if isinstance(kind, inspect.UnionType):
        kind = next(choice for choice in kind.types if not isinstance(choice, inspect.NoneType))
    if isinstance(at.value, dict) and isinstance(kind, inspect.StructType):
        fields = {field.encode_name: field.type for field in kind.fields}
        found = mapping(file, at, what, tuple(fields))
        return {name: shaped(file, value, fields[name], name) for name, value in found.items()}
    if isinstance(at.value, dict):
        inner = kind.value_type if isinstance(kind, inspect.DictType) else inspect.AnyType()
        return {name: shaped(file, value, inner, name) for name, value in at.value.items()}
    if isinstance(at.value, list):
        inner = kind.item_type if isinstance(kind, inspect.ListType) else inspect.AnyType()
        return [shaped(file, value, inner, what) for value in at.value]
    if isinstance(kind, inspect.StrType) and at.value is not None:
        return _text(at)
    if at.value is None or isinstance(at.value, (bool, int, float, str)):
        return at.value
    return at.text  # a date


def fields(shape: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """A type's members by their AWS names."""
    return {field.encode_name: field for field in msgspec.structs.fields(shape)}
