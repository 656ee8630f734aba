"""Requests that nobody would send: real ones, as a client sends them, with something wrong in them.

`Recorder` keeps what a client sends to each endpoint; `Fuzzer` spoils it: other types, odd numbers and texts, deep
nesting, broken JSON, ids that are none, methods that the route does not take. All chance comes from one `Random`.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from random import Random
from typing import Any
from urllib.parse import quote

import attrs
from flask import Flask, request

DEEP = 3000
_TEXTS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e\ufeff",
    "é" * 300,
    "👩‍👩‍👧" * 50,
    "../../etc/passwd",
    "%00",
    "'; DROP TABLE run; --",
    "$where",
    "x" * 5000,
    "9" * 400,
    "-1",
    "nan",
    "1e999",
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "* * * * *",
    "true",
    "null",
)
_NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 1.5, -0.0, 1e308, 5e-324)
_PLAIN = (None, True, False, [], {}, [[]], [None], {"": None}, {"$in": 5}, {"$and": [{}]}, {"$regex": "("}, {"$x": 1})
_BROKEN = (
    b"",
    b"{",
    b"\xff\xfe",
    b"nul",
    b"[1,]",
    b'{"a": NaN}',
    b'{"a": Infinity, "a": -Infinity}',
    b'{"a": "\\ud800"}',
    b'{"a": 1e999999}',
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b'"' + b"x" * 100_000 + b'"',
    b"1" * 5000,
    b"\xef\xbb\xbf{}",
)
_KINDS = (
    "application/json",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "text/plain",
    "",
    "\xff",
)
_QUERIES = ("page", "pageSize", "wait", "after", "limit", "name", "filter", "projectId", "mode", "level", "since", "q")
_HEADERS = ("Idempotency-Key", "Range", "Accept", "If-None-Match", "Last-Event-ID", "Content-Encoding", "Authorization")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "\xe9")


class Recorder:
    """The bodies that an application was sent as JSON, by endpoint and method."""

    def __init__(self) -> None:
        self.bodies: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def install(self, app: Flask) -> None:
        @app.before_request
        def keep() -> None:
            kept = self.bodies[request.endpoint or "", request.method]
            body = request.get_json(silent=True) if request.is_json else None
            if body is not None and len(kept) < 5:
                kept.append(body)


@attrs.frozen
class Request:
    """As the test client of Werkzeug takes it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Fuzzer:
    """Spoilt requests for the rules of an application. `ids` are real ones, by the name of what they are of."""

    def __init__(self, app: Flask, recorder: Recorder, ids: dict[str, list[str]]) -> None:
        self.ids = ids
        self._recorder = recorder
        self.routes = sorted(
            (rule.rule, rule.endpoint, method, tuple(sorted(rule.arguments)))
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        )

    def request(self, chance: Random, route: tuple[str, str, str, tuple[str, ...]] | None = None) -> Request:
        rule, endpoint, method, names = route or chance.choice(self.routes)
        path = rule
        for name in names:
            path = self._filled(path, name, self._id(chance, name))
        known = self._recorder.bodies.get((endpoint, method), [])
        if chance.random() < 0.05:
            method = chance.choice(_METHODS)
        kind, body = self._body(chance, known)
        headers = {"Content-Type": kind}
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            headers[chance.choice(_HEADERS)] = self._header(chance)
        query = "&".join(
            f"{chance.choice(_QUERIES)}={quote(self._text(chance).encode('utf-8', 'surrogatepass'))}"
            for _ in range(chance.choice((0, 0, 1, 2)))
        )
        return Request(method, path, query, headers, body)

    @staticmethod
    def _filled(path: str, name: str, value: str) -> str:
        before, _, rest = path.partition("<")
        if not rest:
            return path
        inside, _, after = rest.partition(">")
        if inside.rpartition(":")[2] == name:
            return before + quote(value.encode("utf-8", "surrogatepass"), safe="") + after
        return f"{before}<{inside}>{Fuzzer._filled(after, name, value)}"

    def _id(self, chance: Random, name: str) -> str:
        real = self.ids.get(name) or [id for ids in self.ids.values() for id in ids]
        return chance.choice(real) if chance.random() < 0.85 else self._text(chance)[:200] or "x"

    def _text(self, chance: Random) -> str:
        if chance.random() < 0.3:
            return "".join(chr(chance.choice((*range(1, 300), 0xD800, 0x1F600, 0x10FFFF))) for _ in range(5))
        return chance.choice(_TEXTS)

    def _header(self, chance: Random) -> str:
        text = self._text(chance).encode("latin-1", "replace").decode("latin-1")[:300]
        return "".join(each for each in text if each not in "\r\n\x00")

    def _value(self, chance: Random, depth: int = 0) -> Any:
        kind = chance.random()
        if kind < 0.3:
            return self._text(chance)
        if kind < 0.5:
            return chance.choice(_NUMBERS)
        if kind < 0.75 or depth > 2:
            return copy.deepcopy(chance.choice(_PLAIN))
        if kind < 0.85:
            return chance.choice([id for ids in self.ids.values() for id in ids])
        if kind < 0.93:
            return [self._value(chance, depth + 1) for _ in range(chance.randrange(4))]
        return {self._text(chance)[:50]: self._value(chance, depth + 1) for _ in range(chance.randrange(4))}

    def _body(self, chance: Random, known: list[Any]) -> tuple[str, bytes]:
        if chance.random() < 0.1:
            return chance.choice(_KINDS), chance.choice(_BROKEN)
        if known and chance.random() < 0.9:
            body = copy.deepcopy(chance.choice(known))
            for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
                body = self._spoilt(chance, body)
        else:
            body = self._value(chance)
        kind = "application/json" if chance.random() < 0.95 else chance.choice(_KINDS)
        return kind, json.dumps(body).encode()

    def _spoilt(self, chance: Random, body: Any) -> Any:
        """The body with one place of it changed, removed or added."""
        if isinstance(body, dict) and body and chance.random() < 0.9:
            key = chance.choice(list(body))
            if chance.random() < 0.15:
                del body[key]
            elif chance.random() < 0.1:
                body[self._text(chance)[:50]] = self._value(chance)
            else:
                body[key] = self._spoilt(chance, body[key])
            return body
        if isinstance(body, list) and body and chance.random() < 0.8:
            place = chance.randrange(len(body))
            if chance.random() < 0.2:
                body.append(copy.deepcopy(body[place]))
            else:
                body[place] = self._spoilt(chance, body[place])
            return body
        return self._value(chance)
