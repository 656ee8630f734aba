"""PyYAML: text to plain data and back, for pipelines.

Law: reading makes plain data and nothing else, in one pass without recursion, in time and memory bounded by the text.
Refused, with line and column: unknown tags, anchors that expand beyond a limit ("YAML bombs") or contain themselves,
nesting beyond a limit, and keys that occur twice, of which YAML readers otherwise drop one silently.

libyaml does the parsing and the writing when PyYAML has it. Scalars mean what they mean to PyYAML's safe loader; tuples
are written as Haystack writes them, `!!python/tuple`.
"""

from __future__ import annotations

from typing import Any, NoReturn

import attrs
import yaml

from dtlpipe.graph.errors import PipelineUnmarshalError, SerializationError

__all__ = ["MAX_DEPTH", "MAX_EXPANSION", "YamlReadError", "YamlWriteError", "dump", "load"]

MAX_DEPTH = 200
"""How deep collections may be nested."""

MAX_EXPANSION = 250_000
"""How many nodes aliases may stand for, in all."""

_TAG = "tag:yaml.org,2002:"
_TUPLE, _MERGE = f"{_TAG}python/tuple", f"{_TAG}merge"
_SEQUENCES = frozenset({f"{_TAG}seq", _TUPLE})
_MAPPINGS = frozenset({f"{_TAG}map", f"{_TAG}set"})
_SCALARS = {
    f"{_TAG}{kind}": getattr(yaml.constructor.SafeConstructor, f"construct_yaml_{kind}")
    for kind in ("null", "bool", "int", "float", "binary", "timestamp", "str")
} | {f"{_TAG}value": yaml.constructor.SafeConstructor.construct_yaml_str}
_NOTHING = object()

_SafeLoader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SafeDumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class YamlReadError(PipelineUnmarshalError, TypeError):
    """A text is no YAML, or more than plain data. A `TypeError` too, as Haystack's users expect."""


class YamlWriteError(SerializationError, TypeError):
    """A value is no plain data. A `TypeError` too, as Haystack's users expect."""


# ---- writing ---------------------------------------------------------------------------------------------------------


class _Dumper(_SafeDumper):  # type: ignore[misc]  # which of the two it is, is known when it runs
    """PyYAML's safe dumper, with tuples."""


_Dumper.add_representer(tuple, lambda dumper, value: dumper.represent_sequence(_TUPLE, value))


def dump(data: Any, *, sort_keys: bool = True) -> str:
    """Return plain data as YAML.

    Raises:
        YamlWriteError: a value is no plain data.
    """
    try:
        text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=sort_keys)
    except yaml.representer.RepresenterError as error:
        value = error.args[1] if len(error.args) > 1 else error
        raise YamlWriteError(
            "Error dumping pipeline to YAML - Ensure that all pipeline components only serialize basic Python types, "
            f"not this {type(value).__module__}.{type(value).__qualname__}: {value!r:.100}"
        ) from error
    return text


# ---- reading ---------------------------------------------------------------------------------------------------------


@attrs.define
class _Frame:
    """A collection that is being read. `size` and `height` count what it would be with every alias written out."""

    items: Any
    tag: str
    anchor: str | None
    mark: Any
    key: Any = _NOTHING
    key_mark: Any = None
    size: int = 1
    height: int = 1
    merged: list[Any] = attrs.field(factory=list)


def load(text: str | bytes) -> Any:
    """Return the plain data that `text`, one YAML document, describes.

    Raises:
        YamlReadError: it is no YAML, or describes more than plain data, or more than the limits allow.
    """
    try:
        loader = _SafeLoader(text)
        try:
            return _Reader(loader).read()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        _refuse(error.problem_mark or error.context_mark, f"{error.context or ''} {error.problem or ''}".strip())
    except (yaml.YAMLError, UnicodeError) as error:
        _refuse(None, str(error))


def _refuse(mark: Any, problem: str) -> NoReturn:
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    raise YamlReadError(f"Error loading pipeline from YAML - {problem}{where}")


class _Reader:
    """Builds data from the events of PyYAML's parser."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._open: set[str] = set()
        self._expanded = 0
        self._plain: dict[str, tuple[str, Any]] = {}
        self._result: Any = _NOTHING

    def read(self) -> Any:
        next_event, steps = self._loader.get_event, {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._begin,
            yaml.SequenceStartEvent: self._begin,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }  # fmt: skip
        while True:
            event = next_event()
            step = steps.get(type(event))
            if step is not None:
                step(event)
            elif type(event) is yaml.StreamEndEvent:
                return None if self._result is _NOTHING else self._result

    def _document(self, event: Any) -> None:
        if self._result is not _NOTHING:
            _refuse(event.start_mark, "a second document begins; a pipeline is one document")

    def _scalar(self, event: Any) -> None:
        plain = event.implicit[0] and event.tag is None
        if plain and event.value in self._plain:
            tag, value = self._plain[event.value]
        else:
            tag, value = self._construct(event)
            if plain:
                self._plain[event.value] = tag, value
        if event.anchor is not None:
            self._anchors[event.anchor] = value, 1, 0
        frame = self._stack[-1] if self._stack else None
        if tag == _MERGE and frame is not None and type(frame.items) is dict and frame.key is _NOTHING:
            value = frame.merged  # no key of anybody's: what follows is merged
        self._put(value, event.start_mark, 1, 0)

    def _construct(self, event: Any) -> tuple[str, Any]:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _MERGE:
            return tag, event.value
        if tag not in _SCALARS:
            self._refuse_tag(event, tag)
        try:
            return tag, _SCALARS[tag](self._loader, yaml.ScalarNode(tag, event.value, event.start_mark))
        except (ValueError, KeyError, AttributeError, yaml.MarkedYAMLError) as error:
            _refuse(event.start_mark, f"{event.value!r:.80} is no {tag.removeprefix(_TAG)} ({error})")

    def _begin(self, event: Any) -> None:
        is_mapping = type(event) is yaml.MappingStartEvent
        tag = event.tag
        if tag is None or tag == "!":
            tag = f"{_TAG}map" if is_mapping else f"{_TAG}seq"
        if tag not in (_MAPPINGS if is_mapping else _SEQUENCES):
            self._refuse_tag(event, tag)
        if len(self._stack) >= MAX_DEPTH:
            self._refuse_depth(event)
        if event.anchor is not None:
            self._open.add(event.anchor)
        self._stack.append(_Frame({} if is_mapping else [], tag, event.anchor, event.start_mark))

    def _end(self, event: Any) -> None:
        frame = self._stack.pop()
        value = frame.items
        if frame.merged:
            merged: dict[Any, Any] = {}
            for other in reversed(frame.merged):
                merged.update(other)
            value = merged | value
        if frame.tag == _TUPLE:
            value = tuple(value)
        elif frame.tag == f"{_TAG}set":
            value = set(value)
        if frame.anchor is not None:
            self._open.discard(frame.anchor)
            self._anchors[frame.anchor] = value, frame.size, frame.height
        self._put(value, frame.mark, frame.size, frame.height)

    def _alias(self, event: Any) -> None:
        if event.anchor in self._open:
            _refuse(event.start_mark, f"the alias *{event.anchor} stands inside of what it names, which has no end")
        if event.anchor not in self._anchors:
            _refuse(event.start_mark, f"there is no anchor &{event.anchor} before the alias *{event.anchor}")
        value, size, height = self._anchors[event.anchor]
        self._expanded += size
        if self._expanded > MAX_EXPANSION:
            _refuse(event.start_mark, f"aliases stand for more than {MAX_EXPANSION} values; write them out if meant")
        if len(self._stack) + height > MAX_DEPTH:
            self._refuse_depth(event)
        self._put(value, event.start_mark, size, height)

    def _put(self, value: Any, mark: Any, size: int, height: int) -> None:
        if not self._stack:
            self._result = value
            return
        frame = self._stack[-1]
        frame.size += size
        frame.height = max(frame.height, height + 1)
        if type(frame.items) is list:
            frame.items.append(value)
        elif frame.key is _NOTHING:
            frame.key, frame.key_mark = value, mark
        else:
            key, frame.key = frame.key, _NOTHING
            if key is frame.merged:
                self._merge(frame, value, mark)
            else:
                self._set(frame, key, value)

    def _set(self, frame: _Frame, key: Any, value: Any) -> None:
        try:
            twice = key in frame.items
        except TypeError:
            _refuse(frame.key_mark, f"a {type(key).__name__} cannot be the key of a mapping")
        if twice:
            _refuse(frame.key_mark, f"the key {key!r} occurs twice in one mapping; remove one of the two")
        frame.items[key] = value

    def _merge(self, frame: _Frame, value: Any, mark: Any) -> None:
        others = value if type(value) is list else [value]
        if not all(type(other) is dict for other in others):
            _refuse(mark, "'<<' merges a mapping, or a list of mappings")
        frame.merged.extend(others)

    def _refuse_tag(self, event: Any, tag: str) -> NoReturn:
        problem = f"Ensure that all pipeline components only serialize basic Python types; '{tag}' is not allowed"
        _refuse(event.start_mark, problem)

    def _refuse_depth(self, event: Any) -> NoReturn:
        _refuse(event.start_mark, f"collections are nested more than {MAX_DEPTH} deep")
