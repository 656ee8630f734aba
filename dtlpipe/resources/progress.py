"""A progress bar on a terminal, by whichever library for it is installed; elsewhere, nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


class Bar:
    """Made by `Bar(...)`, fed by `update`, ended by `close`. Touches the terminal: call it through `Blocking`."""

    def __init__(self, label: str, total: int, *, shown: bool | None = None) -> None:
        """Begins to show.

        Args:
            label: what is going on.
            total: how much there is to do.
            shown: None shows it if stderr is a terminal.
        """
        self._bar = _tqdm(label, total) if (sys.stderr.isatty() if shown is None else shown) else None
        self.shown = self._bar is not None

    def update(self, done: int, counts: Mapping[str, int]) -> None:
        """Moves to `done`; `counts` by state are shown beside it."""
        if self._bar is not None:
            self._bar.set_postfix({state: count for state, count in counts.items() if count}, refresh=False)
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm(label: str, total: int) -> Any:
    from tqdm import tqdm  # type: ignore[import-untyped]

    return tqdm(total=total, desc=label, unit="run", file=sys.stderr, dynamic_ncols=True)
