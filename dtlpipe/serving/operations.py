"""What clients of served pipelines do, written once: generators that yield requests and pauses, and return results.

Law: pure. A driver sends each request in its own colour and gives back the answer, or what went wrong on the way; what
that means, and whether it is asked again, is decided here.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from dtlpipe.errors import PlatformException, WaitTimeout
from dtlpipe.serving import messages
from dtlpipe.transports import served

T = TypeVar("T")


_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class Ask(NamedTuple):  # not of attrs, and so for Pause: a command would load it for these alone
    """A request. `safe`: it may be sent again, whatever became of it."""

    method: str
    path: str
    safe: bool = False
    keywords: Mapping[str, Any] = _NONE


class Pause(NamedTuple):
    """Seconds to wait."""

    seconds: float


Operation = Generator[Ask | Pause, Any, T]
"""A driver sends it the answer, or the transport's exception, for each Ask."""


def persistently(operation: Operation[T], url: str, retries: int) -> Operation[T]:
    """The operation, with requests asked again that did nothing, or may be repeated; its errors are typed.

    Raises PlatformException's classes for refusals, ConnectionFailed where nothing answers.
    """
    answer: Any = None
    while True:
        try:
            wanted = operation.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        if isinstance(wanted, Pause):
            answer = yield wanted
            continue
        for attempt in range(retries + 1):
            answer = yield wanted
            refused = _refused(answer, wanted, url, last=attempt == retries)
            if refused is False:
                break
            yield Pause(messages.pause(attempt, refused if isinstance(refused, PlatformException) else None))


def _refused(answer: Any, asked: Ask, url: str, *, last: bool) -> bool | PlatformException:
    """False if that is the answer; else why it is asked again. Raises what is not asked again."""
    if isinstance(answer, Exception):
        if last or not (asked.safe or isinstance(answer, served.UNSENT)):
            raise served.failed(url, answer) from answer
        return True
    if answer.status_code < 400:
        return False
    refused = messages.refusal(answer.status_code, answer.content, answer.headers.get("retry-after"))
    again = refused.retry_after is not None or (asked.safe and answer.status_code in (502, 503, 504))
    if last or not again:
        raise refused
    return refused


def _asked(ask: Ask) -> Operation[dict[str, Any]]:
    found: dict[str, Any] = (yield ask).json()
    return found


def status(name: str | None) -> Operation[dict[str, Any]]:
    """What is served, or how one pipeline is."""
    return _asked(Ask("GET", "/status" if name is None else messages.path("status", name), safe=True))


def deploy_files(
    name: str, files: Mapping[str, str] | str | Path, *, overwrite: bool, save_files: bool
) -> Operation[dict[str, Any]]:
    """Deploy a wrapper."""
    texts = dict(files) if isinstance(files, Mapping) else messages.sources(files)
    body = {"name": name, "files": texts, "overwrite": overwrite, "save_files": save_files}
    return _asked(Ask("POST", "/deploy_files", keywords={"json": body}))


def deploy_yaml(
    name: str, source: str, *, overwrite: bool, description: str | None, save_file: bool
) -> Operation[dict[str, Any]]:
    """Deploy a pipeline in YAML."""
    body = {
        "name": name,
        "source_code": source,
        "overwrite": overwrite,
        "description": description,
        "save_file": save_file,
    }
    return _asked(Ask("POST", "/deploy-yaml", keywords={"json": body}))


def deploy_pipeline(
    name: str,
    pipeline: Any,
    *,
    inputs: Mapping[str, str | list[str]] | None,
    outputs: Mapping[str, str] | None,
    overwrite: bool,
) -> Operation[dict[str, Any]]:
    """Deploy a pipeline of dtlpipe.graph."""
    source = messages.declared(pipeline, inputs, outputs)
    return deploy_yaml(name, source, overwrite=overwrite, description=None, save_file=True)


def undeploy(name: str) -> Operation[None]:
    """Serve it no more."""
    yield Ask("POST", messages.path("undeploy", name))


def run(name: str, body: dict[str, Any]) -> Operation[Any]:
    """What a pipeline returns. `body` is the keywords of the request."""
    answer = yield Ask("POST", messages.path(name, "run"), keywords=body)
    return messages.answer(answer.headers.get("content-type", ""), answer.content)


def submit(
    name: str,
    params: Mapping[str, Any] | None,
    *,
    key: str | None,
    options: Mapping[str, Any],
    secret: str | None,
) -> Operation[dict[str, Any]]:
    """Have a pipeline run without waiting for it. Sent with a key, so it may be sent again."""
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    headers |= {"X-Dtlpipe-Callback-Secret": secret} if secret is not None else {}
    query = {name: value for name, value in options.items() if value is not None}
    keywords = {"json": dict(params or {}), "params": query, "headers": headers}
    return _asked(Ask("POST", messages.path(name, "jobs"), safe=True, keywords=keywords))


def job(name: str, job_id: str) -> Operation[dict[str, Any]]:
    """A job as it is."""
    return _asked(Ask("GET", messages.path(name, "jobs", job_id), safe=True))


def wait_job(name: str, job_id: str, timeout: float | None) -> Operation[dict[str, Any]]:
    """The job once it is over. Raises WaitTimeout."""
    deadline = None if timeout is None else time.monotonic() + timeout
    path = messages.path(name, "jobs", job_id)
    while True:
        left = 30.0 if deadline is None else max(0.0, min(30.0, deadline - time.monotonic()))
        found = yield from _asked(Ask("GET", path, safe=True, keywords={"params": {"wait": left}}))
        if found["status"] in messages.OVER:
            return found
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimeout(f"job {job_id} of {name} is {found['status']} after {timeout:g} s")


def cancel_job(name: str, job_id: str) -> Operation[dict[str, Any]]:
    """End a job."""
    return _asked(Ask("POST", messages.path(name, "jobs", job_id, "cancel"), safe=True))


def chat(model: str, asked: Iterable[Mapping[str, Any]] | str, body: Mapping[str, Any]) -> Operation[dict[str, Any]]:
    """A completion."""
    content = messages.chat(model, asked, body, stream=False)
    return _asked(Ask("POST", "/v1/chat/completions", keywords={"json": content}))
