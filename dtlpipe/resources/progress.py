"""Progress: a bar on a terminal, elsewhere nothing; and counting of what is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Self, TypeVar

from dtlpipe.sansio.effects import Op

T = TypeVar("T")
#: Is told how many are done, and how many there are.
OnProgress = Callable[[int, int], None]


def counted(operations: Iterable[Op[T]], total: int, on_progress: OnProgress | None) -> Iterator[Op[T]]:
    """The operations, each of which tells when it is over, whether well or not."""
    if on_progress is None:
        yield from operations
        return
    tell, done = on_progress, count(1)  # which needs no lock

    def counting(operation: Op[T]) -> Op[T]:
        try:
            return (yield from operation)
        finally:
            tell(next(done), total)

    for each in operations:
        yield counting(each)


class Bar:
    """Made by `Bar(...)`, fed by `update`, ended by `close`. Touches the terminal: call it through `Blocking`."""

    def __init__(
        self,
        label: str,
        total: int,
        *,
        shown: bool | None = None,
        unit: str = "run",
        told: OnProgress | None = None,
    ) -> None:
        """Begins to show.

        Args:
            label: what is going on.
            total: how much there is to do.
            shown: None shows it if stderr is a terminal.
            unit: what is counted.
            told: is told, too, whenever it moves.
        """
        self._bar = _tqdm(label, total, unit) if (sys.stderr.isatty() if shown is None else shown) else None
        self._told, self._total = told, total
        self._done: int | None = None
        self.shown = self._bar is not None or told is not None

    def update(self, done: int, counts: Mapping[str, int]) -> None:
        """Moves to `done`; `counts` by state are shown beside it."""
        if self._told is not None and done != self._done:
            self._done = done
            self._told(done, self._total)
        if self._bar is not None:
            self._bar.set_postfix({state: count for state, count in counts.items() if count}, refresh=False)
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm(label: str, total: int, unit: str) -> Any:
    from tqdm import tqdm  # type: ignore[import-untyped]

    return tqdm(total=total, desc=label, unit=unit, file=sys.stderr, dynamic_ncols=True)


class Files:
    """A bar for files under way, whose number is known when the first of them is done: `with Files("upload") as f`."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Bar | None = None

    def moved(self, done: int, total: int) -> None:
        """So many of them are done."""
        if self._bar is None:
            self._bar = Bar(self._label, total, unit="file")
        self._bar.update(done, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
