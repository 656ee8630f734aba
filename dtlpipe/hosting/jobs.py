"""Jobs in a worker's process: the deployment is fetched from its platform, set up once, and called for each job.

Law: what a job needs comes from the platform, so that a worker on another machine can do it as well. A wrapper reports
how far it is with `progress(done, total, message)`, which does nothing where there is no job.
"""

from __future__ import annotations

import base64
import inspect
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Final

from dtlpipe.hosting import chunks, results, shims
from dtlpipe.hosting.deployed import Deployed
from dtlpipe.hosting.durable import (
    DurableContext,
    DurableSuspended,
    RetriesExhausted,
    cancelled,
    request_model,
    signal_in,
)
from dtlpipe.hosting.loading import LoadError
from dtlpipe.hosting.signatures import Invalid, fitting
from dtlpipe.hosting.wrappers import Pieces
from dtlpipe.transports import served

Report = Callable[[float, float, str | None], None]

_report: ContextVar[Report | None] = ContextVar("job_progress", default=None)
_PATIENCE: Final = 60.0
"""Seconds that a platform may take until it listens."""
_POOLS_FOLDER: Final = "dtlpipe-work-"
"""What the folder is called in which a pool's workers have theirs, and which ends with the pool."""
_KEPT: Final[dict[str, tuple[str, Deployed]]] = {}


class JobRefused(ValueError):
    """The job's parameters do not fit its pipeline, or there is no such pipeline: another try would not help."""


def progress(done: float, total: float = 100.0, message: str | None = None) -> None:
    """Say how far the current job is: `done` of `total`, and a sentence for people."""
    report = _report.get()
    if report is not None:
        report(done, total, message)


def perform(job: dict[str, Any], progress: Any, context: Any) -> Any:
    """Do one job; what its pipeline returns, as JSON. A generator's pieces are progress, and together the result."""

    def report(done: float, total: float, message: str | None) -> None:
        progress.update(progress=100.0 * done / total if total else None, message=message)

    deployed = _deployed(job["name"])
    if job.get("kind") == "response":
        return deployed.respond(job["params"], job["response_id"])
    if job.get("kind") == "durable":
        return _durable(job, deployed, context.pipeline_execution_id)
    signature, method = deployed.signature, deployed.run_method()
    if signature is None or method is None:
        raise JobRefused(f"pipeline {job['name']!r} has no run_api")
    try:
        arguments = signature.arguments(job["params"])
    except Invalid as error:
        raise JobRefused(f"the parameters do not fit: {error.detail}") from None
    if signature.headers is not None:
        arguments["headers"] = signature.headers({})
    token = _report.set(report)
    try:
        found = deployed.home.complete(method, arguments)
        return _json(found)
    finally:
        _report.reset(token)


def _durable(job: Mapping[str, Any], deployed: Deployed, id: str) -> Any:
    """A durable execution, or this attempt at it."""
    method = deployed.durable_method()
    if method is None:
        raise JobRefused(f"pipeline {job['name']!r} has no run_durable")
    fence: dict[str, Any] = {}

    def say(verb: str, content: Mapping[str, Any]) -> dict[str, Any]:
        answer = _asked("POST", f"/deployments/{job['name']}/executions/{id}/{verb}", json={**fence, **content})
        if answer.status_code == 409:
            raise cancelled("this process is not the one that does the execution any more")
        found: dict[str, Any] = _good(answer).json()
        return found

    begun = say("begin", {})
    fence["fence"] = begun["fence"]
    if begun["lost"]:
        raise RetriesExhausted("the process of the execution died again and again")
    if begun["waiting"]:
        raise DurableSuspended("the execution waits to be resumed")
    wrapper = deployed.wrapper
    runs = getattr(wrapper, "agent", None) or getattr(wrapper, "pipeline", None)
    context = DurableContext(id, begun, say, runs)
    model = request_model(method)
    try:
        request = fitting(model, job["params"]) if model is not None else job["params"]
    except Invalid as error:
        raise JobRefused(f"the request does not fit: {error.detail}") from None
    names = list(inspect.signature(method).parameters)
    with context.running():
        try:
            found = deployed.home.complete(method, dict(zip(names, (context, request), strict=False)))
        except BaseExceptionGroup as group:
            raise signal_in(group) or group from None
        return chunks.plain(found)


def _json(found: Any) -> Any:
    if isinstance(found, Pieces) and found and all(isinstance(each, str) for each in found):
        return "".join(found)
    if results.is_response(found):
        raise JobRefused("a job's result is JSON, and this pipeline answers with a file or a response")
    return chunks.plain(found)


@cache
def _platform(_process: int, url: str, token: str | None) -> Any:
    """This process' connections to the platform whose job this is; making them anew costs more than most jobs."""
    return served.connect_plainly(url, {"Authorization": f"Bearer {token}"} if token else {}, 60.0, 4)


def _asked(method: str, path: str, **keywords: Any) -> Any:
    """What the platform answers. One that is being started has jobs done before it listens, so it is waited for."""
    platform = _platform(os.getpid(), os.environ["DTLPIPE_URL"], os.environ.get("DTLPIPE_TOKEN"))
    deadline, pause = time.monotonic() + _PATIENCE, 0.05
    while True:
        try:
            return platform.request(method, path, **keywords)
        except served.UNSENT:
            if time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 1.0)


def _deployed(name: str) -> Deployed:
    """The deployment, loaded in this process; loaded anew when the platform has another revision of it."""
    shims.install()
    known = _KEPT.get(name)
    params = {"known": known[0]} if known is not None else {}
    answer = _asked("GET", f"/deployments/{name}/source", params=params)
    if answer.status_code == 304 and known is not None:
        return known[1]
    if answer.status_code == 404:
        raise JobRefused(f"pipeline {name!r} is not deployed any more")
    source: Mapping[str, Any] = _good(answer).json()
    try:
        deployed = Deployed(name, _laid_out(name, source))
    except LoadError as error:
        raise RuntimeError(error.message) from error
    if known is not None:
        known[1].close()
    _KEPT[name] = (source["revision"], deployed)
    return deployed


def _good(answer: Any) -> Any:
    """The answer, if it is a good one."""
    if not 200 <= answer.status_code < 300:
        raise RuntimeError(f"the platform answered {answer.status_code}: {answer.content[:200]!r}")
    return answer


def _laid_out(name: str, source: Mapping[str, Any]) -> Path:
    """The folder with these files: one for all workers of a pool, beside the folders that are theirs for one job."""
    place = Path.cwd().parent
    if not place.name.startswith(_POOLS_FOLDER):  # this is no pool's worker
        place = Path(tempfile.mkdtemp(prefix="deployments-"))
    kept = place / f"deployment-{source['revision']}"
    if not kept.exists():
        made = Path(tempfile.mkdtemp(prefix="deployment-", dir=place))
        for file, text in source["files"].items():
            path = made / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(text))
        try:
            made.rename(kept)
        except OSError:  # another worker was faster
            if not kept.exists():
                raise
            shutil.rmtree(made)
    return kept / name
