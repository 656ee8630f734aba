"""An awaitable that says so if it has to be waited for.

Law: whoever awaits it sees what it would have seen without it; what it has at once is had without a word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Watched(Generic[T]):
    """Awaits something; `waits` is called once if that is not there at once, before anything else may run."""

    def __init__(self, awaited: Awaitable[T], waits: Callable[[], None]) -> None:
        self._awaited, self._waits = awaited, waits

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._awaited.__await__()
        try:
            asked = next(steps)
            self._waits()
            while True:
                try:
                    given = yield asked
                except GeneratorExit:
                    steps.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown in from outside, and so for what is awaited
                    asked = steps.throw(error)
                else:
                    asked = steps.send(given)
        except StopIteration as found:
            value: T = found.value
            return value
