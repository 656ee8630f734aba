"""Operations driven by hand: each step looked at, each answer given, no time passing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dtlpipe.config import Settings, resolve
from dtlpipe.sansio.effects import Response
from dtlpipe.sansio.exchange import Exchange
from dtlpipe.sansio.operation import Session, Sync


class Hand:
    """Drives a generator: each `answer` or `fail` gives the next step; `result` holds what it returned."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator
        self.result: Any = None
        self.done = False
        self.steps: list[Any] = []
        self._next(lambda: next(generator))

    def _next(self, move: Callable[[], Any]) -> Any:
        try:
            step = move()
        except StopIteration as stop:
            self.done, self.result = True, stop.value
            return None
        self.steps.append(step)
        return step

    @property
    def step(self) -> Any:
        assert not self.done, f"it is over, with {self.result!r}"
        return self.steps[-1]

    def answer(self, value: Any = None) -> Any:
        return self._next(lambda: self.generator.send(value))

    def fail(self, error: Exception) -> Any:
        return self._next(lambda: self.generator.throw(error))


class Unconnected(Session[Sync]):
    """A session for entities that are only looked at, or driven by hand."""

    is_sync = True

    def __init__(self) -> None:
        self.settings = settings()

    def run(self, op: Any) -> Any:
        raise AssertionError("this test connects to nothing")

    stream = listed = run


def settings(url: str = "https://platform.example/api/v1", **options: Any) -> Settings:
    return resolve(url=url, environ={}, **options)


def exchange(url: str = "https://platform.example/api/v1", now: float = 1000.0, **options: Any) -> Exchange:
    keys = iter(f"key-{n}" for n in range(100))
    return Exchange(settings(url, **options), clock=lambda: now, chance=lambda: 1.0, new_key=lambda: next(keys))


def reply(data: Any = None, status: int = 200, **headers: str) -> Response:
    lower = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, lower, b"" if data is None else json.dumps(data).encode())
