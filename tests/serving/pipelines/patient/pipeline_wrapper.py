import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

from hayhooks import BasePipelineWrapper

_PIECE = "x" * 60_000


class PipelineWrapper(BasePipelineWrapper):
    """Waits until it is told to go on, under whatever key it was asked."""

    def setup(self) -> None:
        self.gates: dict[str, asyncio.Event] = {}
        self.seen: Counter[str] = Counter()

    async def run_api_async(self, kind: str = "wait", key: str = "") -> Any:
        gate = self.gates.setdefault(key, asyncio.Event())
        if kind == "go":
            gate.set()
            return None
        if kind == "seen":
            return {each: self.seen[f"{each} {key}"] for each in ("began", "ended", "pieces")}
        if kind == "stream":
            return self._stream(gate)
        if kind == "flood":
            return self._flood(key)
        self.seen[f"began {key}"] += 1
        try:
            await gate.wait()
            return key
        finally:
            self.seen[f"ended {key}"] += 1

    async def _stream(self, gate: asyncio.Event) -> AsyncGenerator[str, None]:
        yield "first"
        await gate.wait()
        yield "last"

    async def _flood(self, key: str) -> AsyncGenerator[str, None]:
        self.seen[f"began {key}"] += 1
        try:
            while True:
                self.seen[f"pieces {key}"] += 1
                yield _PIECE
        finally:
            self.seen[f"ended {key}"] += 1
