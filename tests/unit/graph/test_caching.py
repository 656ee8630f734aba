"""Fingerprints of values, and caches of outputs by them."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import decimal
import enum
import json
import logging
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import uuid
import zoneinfo
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtlpipe.graph import DeserializationError, PipelineValidationError, SerializationError, caching
from dtlpipe.graph.caching import DiskCache, MemoryCache, cache_from_dict, cache_to_dict
from dtlpipe.graph.fingerprints import DEPTH, NoFingerprint, code_of, fingerprint


class Pair(NamedTuple):
    left: int
    right: int


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Document:
    text: str
    meta: dict[str, Any]


@dataclasses.dataclass
class Other:
    text: str
    meta: dict[str, Any]


@attrs.define
class Slotted:
    text: str


@attrs.define(slots=False)
class Loose:
    text: str = attrs.field(default="")


@dataclasses.dataclass
class ListWithFields(list):  # type: ignore[type-arg]
    text: str = ""


class ForeignZone(dt.tzinfo):
    def utcoffset(self, _: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(0)


VALUES = [
    None,
    ...,
    True,
    1,
    1.0,
    -0.0,
    0.0,
    2**70,
    1j,
    "1",
    b"1",
    bytearray(b"1"),
    [],
    (),
    {},
    set(),
    frozenset(),
    [1, 2],
    [2, 1],
    [[1], 2],
    [1, [2]],
    (1, 2),
    {1, 2},
    {"a": 1},
    {"a": 1, "b": 2},
    {"b": 2, "a": 1},
    {"a": "b"},
    ["a", "b"],
    Pair(1, 2),
    Colour.RED,
    Colour.BLUE,
    Colour,
    int,
    Document("a", {}),
    Document("a", {"b": 1}),
    Other("a", {}),
    Slotted("a"),
    Loose("a"),
    range(3),
    dt.date(2026, 1, 1),
    dt.datetime(2026, 1, 1),  # noqa: DTZ001 - a time without a zone is a value too
    dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
    dt.time(1),
    dt.time(1, fold=1),
    dt.timedelta(1),
    decimal.Decimal("1.0"),
    decimal.Decimal("1.00"),
    pathlib.PurePosixPath("a"),
    uuid.UUID(int=1),
]


def test_values_that_differ_have_different_fingerprints():
    assert len({fingerprint(value) for value in VALUES}) == len(VALUES)


def test_equal_values_have_one_fingerprint():
    assert [fingerprint(copy.deepcopy(value)) for value in VALUES] == [fingerprint(value) for value in VALUES]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


def as_text(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"


@settings(max_examples=settings.default.max_examples)
@given(plain, plain)
def test_fingerprints_are_equal_exactly_when_values_are_written_alike(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (as_text(one) == as_text(other))
    assert fingerprint(pickle.loads(pickle.dumps(one))) == fingerprint(one)


def test_fingerprints_are_the_same_in_every_process():
    program = (
        "from dtlpipe.graph.fingerprints import fingerprint as f; print(f([{'b', 'a', 'c'}, frozenset('xyz'), {}]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {fingerprint([{"a", "b", "c"}, frozenset("xyz"), {}])}


def local_class() -> Any:
    @dataclasses.dataclass
    class Local:
        text: str = ""

    return Local()


def with_an_attribute() -> Any:
    document = Document("a", {})
    document.extra = 1  # type: ignore[attr-defined]
    return document


def without_a_field() -> Any:
    slotted = Slotted("a")
    del slotted.text
    return slotted


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def ring() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value",
    [
        object(),
        lambda: 1,
        threading.Lock(),
        local_class(),
        with_an_attribute(),
        without_a_field(),
        ListWithFields("a"),
        dt.datetime(2026, 1, 1, tzinfo=ForeignZone()),
        deep(DEPTH),
        ring(),
        (number for number in range(3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_known_has_no_fingerprint(value):
    with pytest.raises(NoFingerprint):
        fingerprint({"in": [value]})


def test_functions_are_told_apart_by_their_code():
    def one(x: int) -> Any:
        return [y + 1 for y in range(x)], lambda: x

    def same(x: int) -> Any:
        return [y + 1 for y in range(x)], lambda: x

    def other(x: int) -> Any:
        return [y + 1 for y in range(x)], lambda: x + 1

    codes = [fingerprint(code_of(function)) for function in (one, same, other)]
    assert codes[0] == codes[1] != codes[2]
    assert code_of(len) is None


# ---- in memory -------------------------------------------------------------------------------------------------------


def test_what_a_cache_gives_is_shared_with_nobody():
    cache = MemoryCache()
    given_outputs = {"items": [1]}
    cache.put("key", given_outputs)
    given_outputs["items"].append(2)
    first = cache.get("key")
    assert first == {"items": [1]}
    first["items"].append(3)
    assert cache.get("key") == {"items": [1]}


def test_a_cache_forgets_what_was_used_longest_ago():
    cache = MemoryCache(max_entries=2)
    cache.put("a", {"x": 1})
    cache.put("b", {"x": 2})
    cache.get("a")
    cache.put("c", {"x": 3})
    assert [cache.get(key) for key in "abc"] == [{"x": 1}, None, {"x": 3}]
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0


def test_outputs_that_can_be_used_only_once_are_not_kept():
    cache = MemoryCache()
    cache.put("key", {"stream": (number for number in range(3))})
    assert cache.get("key") is None


def test_a_cache_without_room_is_refused():
    with pytest.raises(PipelineValidationError, match="at least one"):
        MemoryCache(max_entries=0)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda cache: pickle.loads(pickle.dumps(cache))])
def test_copies_of_a_cache_are_empty(again):
    cache = MemoryCache(max_entries=3)
    cache.put("key", {"x": 1})
    found = again(cache)
    assert found.max_entries == 3
    assert found.get("key") is None
    found.put("key", {"x": 2})
    assert cache.get("key") == {"x": 1}


# ---- on disk ---------------------------------------------------------------------------------------------------------

KEY = fingerprint("key")


def test_a_cache_on_disk_serves_whoever_has_the_directory(tmp_path: Path):
    outputs = {"text": "é\n", "numbers": [1, 2.5, None, True, 10**30], "nested": {"a": {}}}
    DiskCache(tmp_path / "cache").put(KEY, outputs)
    assert DiskCache(tmp_path / "cache").get(KEY) == outputs
    assert DiskCache(tmp_path / "cache").get(fingerprint("other")) is None


@pytest.mark.parametrize("value", [(1, 2), {1: 2}, {1, 2}, b"x", Document("a", {}), Colour.RED])
def test_what_json_would_change_is_not_kept_on_disk(tmp_path: Path, value: Any):
    DiskCache(tmp_path).put(KEY, {"value": [value]})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", json.dumps({"format": 0, "key": KEY, "outputs": {}}), json.dumps({"format": 1, "key": "x"})],
)
def test_a_damaged_file_counts_as_missing(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture):
    cache = DiskCache(tmp_path)
    cache.put(KEY, {"x": 1})
    next(tmp_path.glob("*/*.json")).write_text(content, encoding="utf-8")
    assert cache.get(KEY) is None
    assert "made anew" in caplog.text
    cache.put(KEY, {"x": 2})
    assert cache.get(KEY) == {"x": 2}


def test_a_file_without_outputs_counts_as_missing(tmp_path: Path):
    cache = DiskCache(tmp_path)
    cache.put(KEY, {"x": 1})
    next(tmp_path.glob("*/*.json")).write_text(json.dumps({"format": 1, "key": KEY, "outputs": 3}), encoding="utf-8")
    assert cache.get(KEY) is None


def test_a_directory_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").write_text("", encoding="utf-8")
    DiskCache(tmp_path / "file").put(KEY, {"x": 1})
    assert "cannot be cached" in caplog.text


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch, caplog: pytest.LogCaptureFixture):
    def refuse(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(caching.Path, "replace", refuse)
    DiskCache(tmp_path).put(KEY, {"x": 1})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert "disk full" in caplog.text


def test_a_cache_on_disk_can_be_emptied(tmp_path: Path):
    cache = DiskCache(tmp_path)
    cache.put(KEY, {"x": 1})
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    cache.clear()
    assert cache.get(KEY) is None
    assert (tmp_path / "mine.txt").exists()


# ---- as data ---------------------------------------------------------------------------------------------------------


def test_caches_are_described_by_data(tmp_path: Path):
    memory = cache_from_dict(cache_to_dict(MemoryCache(7)))
    assert isinstance(memory, MemoryCache)
    assert memory.max_entries == 7
    assert cache_from_dict(cache_to_dict(DiskCache(tmp_path))) == DiskCache(tmp_path)


def test_a_cache_of_a_stranger_cannot_be_written():
    class Mine:
        def get(self, key: str) -> None:
            return None

        def put(self, key: str, outputs: Any) -> None:
            return None

    with pytest.raises(SerializationError, match="Mine"):
        cache_to_dict(Mine())


@pytest.mark.parametrize(
    "data", [None, {}, {"type": "redis"}, {"type": "memory", "max_entries": 0}, {"type": "disk", "path": "x", "y": 1}]
)
def test_what_describes_no_cache_is_refused(data):
    with pytest.raises(DeserializationError, match="describes no cache"):
        cache_from_dict(data)


def test_caches_say_why_they_keep_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    MemoryCache().put("key", {"x": object()})
    DiskCache(tmp_path).put(KEY, {"x": object()})
    assert len(caplog.records) == 2
