"""A client that insists."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import requests

from tests.faults.platforms import Caller, until


class Submitter:
    """Somebody who goes on beginning runs, whatever comes: `with Submitter(platform, pipeline) as at_work:`.

    Each request has a key, under which it is sent again until it is answered well. `runs` are the answers by key,
    `refusals` all other answers, as (status, Retry-After, text); `losses` counts connections that broke.
    """

    def __init__(self, platform: Caller, pipeline: Mapping[str, Any], threads: int = 3, pause: float = 0.0) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.refusals: list[tuple[int, str | None, str]] = []
        self.losses = 0
        self._platform, self._pipeline, self._pause = platform, pipeline, pause
        self._name = secrets.token_hex(4)  # others may begin runs of other pipelines on the same platform
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(threads)]

    def _work(self, number: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            step = 0
            while not self._stop.wait(self._pause):
                step += 1
                self._insist(session, f"{self._name}.{number}-{step}", step)

    def _insist(self, session: requests.Session, key: str, x: int) -> None:
        while True:
            try:
                answer = self._platform.submit(self._pipeline, key, session, x=x)
            except requests.RequestException:
                self.losses += 1
                if self._stop.wait(0.05):
                    return
                continue
            if answer.status_code < 300:
                self.runs[key] = answer.json()
                return
            self.refusals.append((answer.status_code, answer.headers.get("Retry-After"), answer.text))
            if self._stop.wait(float(answer.headers.get("Retry-After", "1")) / 4):
                return

    def more(self, count: int = 5, timeout: float = 60.0) -> None:
        """Returns when so many more runs were acknowledged."""
        known = len(self.runs)
        until(lambda: len(self.runs) >= known + count, f"nothing is accepted: {self.refusals[-1:]}", timeout)

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(60)

    @property
    def ids(self) -> list[str]:
        return [run["id"] for run in self.runs.values()]

    def only_refused_for_a_moment(self) -> None:
        assert {(status, bool(retry)) for status, retry, _ in self.refusals} <= {(503, True)}, self.refusals[:3]
