"""A process executor under test, and functions shipped to it by value."""

from __future__ import annotations

import base64
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import cloudpickle
import pytest

from mock_server.executors.base import Argument, Code, Failed, Job, Logged, Progressed, Report, Started, Succeeded
from mock_server.executors.process import ProcessExecutor

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
TIMEOUT = 60.0


def ship(function: Callable[..., Any], **fields: Any) -> Code:
    """Code of a test's own function: its module is no module to a worker, so it travels whole."""
    module = sys.modules[function.__module__]
    cloudpickle.register_pickle_by_value(module)
    try:
        data = cloudpickle.dumps(function)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    return Code(
        hash=hashlib.sha256(data).hexdigest(),
        function_name=function.__name__,
        pickle=base64.b64encode(data).decode(),
        python=PYTHON,
        **fields,
    )


class Bench:
    """Runs jobs and keeps what is reported."""

    def __init__(self, **settings: Any) -> None:
        self.reports: list[Report] = []
        self.threads: set[str] = set()
        self.batches: list[list[Report]] = []
        self._changed = threading.Condition()
        self._count = 0
        self.executor = ProcessExecutor(self._receive, **({"workers": 2} | settings))

    def _receive(self, reports: Sequence[Report]) -> None:
        with self._changed:
            self.threads.add(threading.current_thread().name)
            self.batches.append(list(reports))
            self.reports.extend(reports)
            self._changed.notify_all()

    def job(self, what: Callable[..., Any] | Code, /, *, outputs: Sequence[Any] = (), **fields: Any) -> Job:
        """A job with a fresh execution id; other keywords than a job's own are inputs."""
        self._count += 1
        own = {field.name for field in attrs.fields(Job)}
        arguments = fields.pop("arguments", ())
        inputs = tuple(Argument(name, None, value) for name, value in fields.items() if name not in own)
        fields = {name: value for name, value in fields.items() if name in own}
        return Job(
            **({"execution_id": f"execution-{self._count}", "fence": 1, "node": "tested"} | fields),
            code=what if isinstance(what, Code) else ship(what),
            arguments=inputs or arguments,
            outputs=tuple(outputs),
        )

    def submit(self, what: Callable[..., Any] | Code | Job, /, **fields: Any) -> Job:
        job = what if isinstance(what, Job) else self.job(what, **fields)
        self.executor.submit(job)
        return job

    def run(self, what: Callable[..., Any] | Code | Job, /, **fields: Any) -> Succeeded | Failed:
        return self.end_of(self.submit(what, **fields))

    def wait_for(self, found: Callable[[Report], bool]) -> Any:
        """The first report for which `found` is true, as soon as it is there."""
        seen = 0
        with self._changed:
            while True:
                for report in self.reports[seen:]:
                    if found(report):
                        return report
                seen = len(self.reports)
                assert self._changed.wait(TIMEOUT), "no such report came"

    def end_of(self, job: Job) -> Succeeded | Failed:
        return self.wait_for(
            lambda one: (
                isinstance(one, Succeeded | Failed) and (one.execution_id, one.fence) == (job.execution_id, job.fence)
            )
        )

    def start_of(self, job: Job) -> Started:
        return self.wait_for(lambda one: isinstance(one, Started) and one.execution_id == job.execution_id)

    def said(self, job: Job, text: str) -> Logged:
        """Wait until the execution wrote that line: the way in which node code gives a sign."""
        return self.wait_for(
            lambda one: (
                isinstance(one, Logged)
                and one.execution_id == job.execution_id
                and any(record["message"] == text for record in one.records)
            )
        )

    def of(self, job: Job) -> list[Report]:
        return [one for one in self.reports if one.execution_id == job.execution_id and one.fence == job.fence]

    def lines(self, job: Job) -> list[tuple[str, str, str]]:
        return [
            (record["stream"], record["level"], record["message"])
            for report in self.of(job)
            if isinstance(report, Logged)
            for record in report.records
        ]

    def progress(self, job: Job) -> list[Progressed]:
        return [one for one in self.of(job) if isinstance(one, Progressed)]


@pytest.fixture
def make_bench() -> Iterator[Callable[..., Bench]]:
    """Benches with settings of their own; all are closed at the end."""
    made: list[Bench] = []

    def make(**settings: Any) -> Bench:
        bench = Bench(**settings)
        made.append(bench)
        bench.executor.start()
        return bench

    yield make
    for bench in made:
        bench.executor.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A bench that a whole module shares: its tests must not care what ran before them."""
    shared = Bench()
    shared.executor.start()
    yield shared
    shared.executor.close()


@pytest.fixture(scope="module")
def lone() -> Iterator[Bench]:
    """A bench with one worker, which all jobs meet in turn; shared as `bench` is."""
    shared = Bench(workers=1)
    shared.executor.start()
    yield shared
    shared.executor.close()
