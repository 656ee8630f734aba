"""The way to the platform: each thing that a worker says is one request, and each answer is checked.

Law: what cannot be said now but later (the platform is away, stopping, or full) raises Away; what can never be said
raises Refusal; that the platform does not know the worker (any more) raises Gone. Nothing is tried again here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import ValidationError

from dtlpipe.errors import ConfigurationError, DtlpipeError
from mock_server.executors.base import Report
from mock_server.executors.remote_leases import Ref
from mock_server.executors.remote_wire import (
    REPORTS,
    Claim,
    CodeText,
    Heartbeat,
    News,
    Refused,
    Register,
    Said,
    Welcome,
    Work,
    held,
    report_out,
)

logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request

_TIMEOUT: Final = 20.0
"""Seconds for an answer, beyond what the worker itself asks the platform to wait."""
S = TypeVar("S", bound=Said)


class Away(DtlpipeError):
    """The platform does not answer, or not yet; `retry_after` are seconds, if it said so."""

    retry_after: float | None = None


class Gone(DtlpipeError):
    """The platform does not know what was asked for: this worker, in most cases."""


class Refusal(DtlpipeError):
    """The platform will never take this; `status` is its answer's."""

    status = 0


class Link:
    """A platform at the first of some addresses that answers. Threads may share it."""

    def __init__(self, urls: Sequence[str], token: str | None = None) -> None:
        if not urls:
            raise ConfigurationError("a worker needs to know where its platform is", hint="--url http://host:port")
        self._urls = [url.rstrip("/") for url in urls]
        self._at = 0
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(headers=headers, timeout=httpx.Timeout(_TIMEOUT, connect=5.0))

    @property
    def url(self) -> str:
        """The address in use."""
        return self._urls[self._at]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def register(self, said: Register) -> Welcome:
        """Come, or come back."""
        return self._ask(Welcome, "", said)

    def claim(self, worker_id: str, said: Claim) -> Work:
        """Ask for jobs."""
        return self._ask(Work, f"/{worker_id}/claim", said, wait=said.wait)

    def heartbeat(self, worker_id: str, said: Heartbeat) -> News:
        """Live on."""
        return self._ask(News, f"/{worker_id}/heartbeat", said)

    def report(self, worker_id: str, number: int, reports: Sequence[str]) -> list[Ref]:
        """Tell what happened, in JSON as `told` makes it; the answer is what this worker has lost."""
        body = f'{{"number":{number},"reports":[{",".join(reports)}]}}'
        answer = self._send("POST", f"/{worker_id}/reports", body.encode(), kind=REPORTS)
        return [each.ref for each in self._read(Refused, answer).stale]

    def leave(self, worker_id: str) -> None:
        """Go, and give back what is left."""
        self._send("POST", f"/{worker_id}/leave", b"{}")

    def code(self, hash: str) -> CodeText:
        """The text of code."""
        return self._read(CodeText, self._send("GET", f"/code/{quote(hash, safe='')}"))

    def _ask(self, kind: type[S], path: str, said: Said, *, wait: float = 0.0) -> S:
        return self._read(kind, self._send("POST", path, json.dumps(said.json_body()).encode(), wait=wait))

    def _send(
        self, method: str, path: str, body: bytes | None = None, *, kind: str = "application/json", wait: float = 0.0
    ) -> httpx.Response:
        at = self._at
        headers = {"Content-Type": kind, "Idempotency-Key": uuid4().hex} if body is not None else {}
        timeout = httpx.Timeout(_TIMEOUT + wait, connect=5.0)
        try:
            answer = self._client.request(
                method, f"{self._urls[at]}/api/v1/workers{path}", content=body, headers=headers, timeout=timeout
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
                raise Refusal(f"{self._urls[at]} is no address of a platform", hint="--url http://host:port") from error
            if at == self._at:  # nobody else has turned to the next one yet
                self._at = (at + 1) % len(self._urls)
            raise Away(f"no platform answers at {self._urls[at]}: {str(error) or type(error).__name__}") from error
        if answer.is_success:
            return answer
        raise self._failure(answer)

    def _failure(self, answer: httpx.Response) -> DtlpipeError:
        said = _json(answer)
        message = str(said.get("message") or f"status {answer.status_code}")
        hint = said.get("hint")
        if answer.status_code == 404 and said:
            return Gone(message)
        if answer.status_code >= 500 or answer.status_code in (408, 425, 429):
            away = Away(message)
            away.retry_after = _seconds(answer.headers.get("Retry-After"))
            if answer.status_code >= 502:  # by what stands between, or a platform that is going
                self._at = (self._at + 1) % len(self._urls)
            return away
        refusal = Refusal(message, hint=hint if isinstance(hint, str) else None)
        refusal.status = answer.status_code
        return refusal

    def _read(self, kind: type[S], answer: httpx.Response) -> S:
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise Away(f"what answers at {self.url} does not speak as a platform does: {error}") from error


def told(report: Report) -> str:
    """A report in JSON."""
    return json.dumps(report_out(report), separators=(",", ":"))


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def register_of(worker_id: str, name: str, slots: int, labels: Sequence[str], python: str, refs: Sequence[Ref]) -> Any:
    """What a worker says when it comes."""
    from importlib.metadata import PackageNotFoundError, version

    from mock_server.executors.remote_wire import PROTOCOL

    try:
        release = version("dtlpipe")
    except PackageNotFoundError:
        release = "unknown"
    return Register(
        protocol=PROTOCOL,
        version=release,
        id=worker_id,
        name=name,
        slots=slots,
        labels=list(labels),
        python=python,
        held=held(refs),
    )
