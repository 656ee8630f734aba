"""YAML that says what JSON says, and nothing else: no dates, no `yes`, no tags but `!file`; and the lines of it.

Law: what is written is read back equal, and written again it is the same text.
"""

from __future__ import annotations

import re
from typing import Any

import attrs
import yaml

from dtlpipe.errors import BadRequest

_FILE = "!file"
#: What ends a line in YAML, unseen: to be escaped.
_BREAKS = frozenset("\r\x85\u2028\u2029\ufeff")
_RESOLVERS = (
    ("tag:yaml.org,2002:bool", r"true|false", "tf"),
    ("tag:yaml.org,2002:null", r"null|~|", "n~\0"),
    ("tag:yaml.org,2002:int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("tag:yaml.org,2002:float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
)


@attrs.frozen
class FileOf:
    """A value that is kept in a file of its own, at a path beside the YAML."""

    path: str


class _Dumper(yaml.SafeDumper):
    """Blocks for what has lines, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class Loader(yaml.SafeLoader):
    """Refuses a key that comes twice, as one of them would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is no text", key_node.start_mark)
            if key in found:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", key_node.start_mark)
            found[key] = self.construct_object(value_node, deep=deep)
        return found


for _each in (_Dumper, Loader):
    _each.yaml_implicit_resolvers = {}
    for _tag, _pattern, _first in _RESOLVERS:
        _each.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), [c.strip("\0") for c in _first])

_Dumper.add_representer(FileOf, lambda dumper, value: dumper.represent_scalar(_FILE, value.path))


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if _BREAKS & set(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN alone differs from itself
        raise BadRequest(f"{value} is no number of JSON's")
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(value))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def _said(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(None, None, "a text is wanted here", node.start_mark)
    return str(node.value)


Loader.add_constructor(_FILE, lambda _, node: FileOf(_said(node)))
Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(_said(node)))
Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(_said(node)))


def dump(value: Any) -> str:
    """YAML for JSON values and `FileOf`."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def load(text: str, what: str) -> Any:
    """The value. Raises BadRequest with the place in `what` for text that is no YAML of this kind."""
    return parsed(text, what)[0]


def parsed(text: str, what: str) -> tuple[Any, dict[tuple[str | int, ...], int]]:
    """The value, and for the path of each of its parts the line at which it begins (from 1)."""
    try:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[tuple[str | int, ...], int] = {}
            _note(node, (), lines)
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{what}:{mark.line + 1}" if mark else what
        raise BadRequest(f"{where}: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise BadRequest(f"{what}: {error}") from None
    return value, lines


def _note(node: yaml.Node | None, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> None:
    if node is None:
        return
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            lines[here] = key.start_mark.line + 1
            _note(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note(value, (*path, index), lines)
