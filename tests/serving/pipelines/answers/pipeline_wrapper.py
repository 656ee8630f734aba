import dataclasses
import datetime as dt
import threading
from typing import Any

from fastapi import HTTPException
from hayhooks import BasePipelineWrapper, log

from .words import GREETING  # noqa: TID252 - as wrappers do


@dataclasses.dataclass
class Point:
    x: int
    at: dt.date


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        log.info("set up {}", "well")
        self.released = threading.Event()

    def run_api(self, kind: str) -> Any:
        if kind == "point":
            return Point(1, dt.date(2026, 1, 2))
        if kind == "greeting":
            return GREETING
        if kind == "teapot":
            raise HTTPException(418, "short and stout")
        if kind == "error":
            raise ValueError("no such kind")
        if kind == "exit":
            raise SystemExit(3)
        if kind == "exit in a stream":
            return self.leaving()
        if kind == "wait":
            return self.released.wait(60)
        self.released.set()
        return None

    def leaving(self) -> Any:
        yield "so far"
        raise SystemExit(3)
