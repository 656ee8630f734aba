"""What two states of a platform differ in: what is new, what is gone, and which parts of what is left have changed.

Law: things are told apart by kind and id, and named as people named them. Events and lines of logs are told of by the
runs that they belong to; what the platform keeps for itself is nobody's news.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

_UNTOLD = frozenset({"event", "log_line", "setting", "revision", "worker"})
_NAMES = ("filename", "name", "title", "label", "function_name", "email")
_JSON = frozenset(("inputs", "input", "output", "error", "transition_errors", "extra", "log", "closed"))
_SHOWN = 60  # characters of a value

Thing = dict[str, Any]
State = dict[tuple[str, str], Thing]


@attrs.frozen
class Change:
    """A part that is not what it was, by its path (`nodes.0.name`). None stands for one that is not there."""

    path: str
    before: Any
    after: Any


@attrs.frozen
class Difference:
    """A thing that is new, gone, or has changed."""

    what: str
    kind: str
    id: str
    name: str | None
    changes: tuple[Change, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """As JSON, without what it is; see `shown`."""
        found: dict[str, Any] = {"kind": self.kind, "id": self.id, "name": self.name}
        if self.changes:
            found["changes"] = [attrs.asdict(each) for each in self.changes]
        return found

    def lines(self) -> Iterator[str]:
        """For people."""
        sign = {"created": "+", "changed": "~", "deleted": "-"}[self.what]
        yield f"{sign} {self.kind} {self.name or ''}".rstrip() + f"  ({self.id})"
        for each in self.changes:
            yield f"    {each.path}: {_short(each.before)} -> {_short(each.after)}"


def state_of(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> State:
    """A state of a store's rows, each with its table's name."""
    found: State = {}
    for table, row in rows:
        if table in _UNTOLD:
            continue
        body = row.get("body")
        thing = json.loads(body) if isinstance(body, str) else _columns(row)
        found[table, str(row["id"])] = thing
    return found


def _columns(row: Mapping[str, Any]) -> Thing:
    """A run's or an execution's, without those that only the platform reads."""
    kept = {key: value for key, value in row.items() if value is not None and key not in ("over", "fence", "seq")}
    return {key: json.loads(value) if key in _JSON and isinstance(value, str) else value for key, value in kept.items()}


def differences(before: State, after: State) -> list[Difference]:
    """In the order of kind, name and id."""
    found = []
    for kind, id in before.keys() | after.keys():
        old, new = before.get((kind, id)), after.get((kind, id))
        name = next((str(each[key]) for each in (new or old or {},) for key in _NAMES if each.get(key)), None)
        if old is None or new is None:
            found.append(Difference("created" if old is None else "deleted", kind, id, name))
        elif old != new:
            found.append(Difference("changed", kind, id, name, tuple(_changes("", old, new))))
    return sorted(found, key=lambda each: (each.kind, each.name or "", each.id))


def shown(found: Iterable[Difference]) -> dict[str, list[dict[str, Any]]]:
    """As JSON: `{"created": [...], "changed": [...], "deleted": [...]}`."""
    result: dict[str, list[dict[str, Any]]] = {"created": [], "changed": [], "deleted": []}
    for each in found:
        result[each.what].append(each.to_wire())
    return result


def _changes(path: str, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield from _changes(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (was, now) in enumerate(zip(old, new, strict=True)):
            if was != now:
                yield from _changes(f"{path}.{index}", was, now)
    else:
        yield Change(path, old, new)


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
