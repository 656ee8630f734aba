"""What the platform counts, as Prometheus reads it.

Law: the hot path pays two additions for a commit, and one for a request. Everything else is looked up when somebody
asks: what is open, in the worker's memory; what has happened, in the log of events, from where the last look ended.
"""

from __future__ import annotations

import shutil
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from prometheus_client import Metric

    from mock_server.platform.platform import Platform
    from mock_server.platform.vitals import Vitals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


def release() -> str:
    """The version of this package."""
    try:
        return version("dtlpipe")
    except PackageNotFoundError:
        return "unknown"


@attrs.define(eq=False)
class Histogram:
    """Counts by upper bounds. One thread at a time."""

    bounds: Sequence[float]
    counts: list[int] = attrs.field(init=False)
    total: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, with their bounds as text."""
        found, sum_ = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), list(self.counts), strict=True):
            sum_ += count
            found.append((bound, float(sum_)))
        return found


class Metrics:
    """One for a platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._began = time.time()
        self._commit_seconds = Histogram(_SECONDS)
        self._commit_sizes = Histogram(_SIZES)
        self._lost = 0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._request_seconds: dict[tuple[str, str], Histogram] = {}
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._happened: Counter[tuple[str, str]] = Counter()
        self._counted_to = platform.store.inspection.last_event()
        platform.store.on_commit(self._committed)
        platform.store.on_rollback(self._rolled_back)

    # --- as it happens ------------------------------------------------------------------------------------------------

    def _committed(self, changes: int, seconds: float) -> None:
        self._commit_seconds.add(seconds)
        self._commit_sizes.add(changes)

    def _rolled_back(self) -> None:
        self._lost += 1

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request of a route (its template, not its path) was answered."""
        with self._lock:
            self._requests[method, route, status] += 1
            histogram = self._request_seconds.get((method, route))
            if histogram is None:
                histogram = self._request_seconds[method, route] = Histogram(_SECONDS)
            histogram.add(seconds)

    # --- when asked ---------------------------------------------------------------------------------------------------

    def count_events(self) -> Counter[tuple[str, str]]:
        """How often what has happened since the start: (kind, status)."""
        inspection = self._platform.store.inspection
        with self._counting:
            last = inspection.last_event()
            self._happened.update(inspection.event_counts(self._counted_to, last))
            self._counted_to = last
            return Counter(self._happened)

    def vitals(self) -> Vitals | None:
        """The worker's; None if there is none, or one that does not tell."""
        ask = getattr(self._platform.scheduler, "vitals", None)
        return None if ask is None else ask()

    def disk_free(self) -> int:
        """Bytes left on the disk of the data folder."""
        return shutil.disk_usage(self._platform.settings.data_dir).free

    def render(self) -> bytes:
        """All of it, in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.registry import Collector

        class Ours(Collector):
            def collect(_) -> Iterator[Metric]:  # noqa: N805 - `self` is the one around
                return self._collect()

        registry = CollectorRegistry(auto_describe=False)
        registry.register(Ours())
        return generate_latest(registry)

    def _collect(self) -> Iterator[Metric]:
        settings, store = self._platform.settings, self._platform.store
        kind = "postgresql" if settings.store else "sqlite"
        labels = {"version": release(), "store": kind, "durability": settings.durability}
        yield _gauge("info", "What this platform is.", 1, labels)
        yield _gauge("start_time_seconds", "When it was started, as Unix time.", self._began)
        yield from self._work()
        yield _histogram("commit_seconds", "Time that COMMITs took.", {(): self._commit_seconds})
        yield _histogram("commit_changes", "Changes that shared a COMMIT.", {(): self._commit_sizes})
        yield _counter("commits_lost", "Batches of changes that were lost and refused.", self._lost)
        yield _gauge("writer_queue", "Changes that wait for the writer.", store.queued)
        yield _gauge("store_bytes", "Size of the database, without files.", store.inspection.size())
        yield _gauge("disk_free_bytes", "Room on the disk of the data folder.", self.disk_free())
        yield _gauge("event_streams", "Open streams of events.", len(self._platform.feed))
        with self._lock:
            requests, seconds = dict(self._requests), dict(self._request_seconds)
        names = ("method", "route", "status")
        by_route = {(method, route, str(status)): count for (method, route, status), count in requests.items()}
        yield _counters("http_requests", "Requests answered.", names, by_route)
        yield _histogram("http_request_seconds", "Time until the answer.", seconds, names[:2])

    def _work(self) -> Iterator[Metric]:
        vitals = self.vitals()
        if vitals is not None:
            yield _gauge("runs_open", "Runs that are not over.", vitals.runs)
            yield _gauge("queue_depth", "Executions that wait for a place.", vitals.waiting)
            yield _gauge("capacity", "Executions that can run at the same time.", vitals.capacity)
            if vitals.processes is not None:
                yield _gauge("worker_processes", "Processes for node code.", vitals.processes)
            open_ = {(status,): count for status, count in vitals.executions.items()}
            yield _counters("executions_open", "Executions that are not over.", ("status",), open_, gauge=True)
            refused = "Ends of executions that came with an old fence, or too late, and were not recorded."
            yield _counter("stale_completions", refused, vitals.refused)
        happened = self.count_events()
        for noun, what in (("run", "runs"), ("execution", "steps")):
            ended = {(status,): n for (kind, status), n in happened.items() if kind == f"{noun}.ended"}
            yield _counters(f"{what}_ended", f"{what.capitalize()} that ended.", ("status",), ended)
            begun = sum(n for (kind, _), n in happened.items() if kind == f"{noun}.started")
            yield _counter(f"{what}_started", f"{what.capitalize()} that were started.", begun)
        retried = sum(n for (kind, _), n in happened.items() if kind == "execution.retried")
        yield _counter("steps_retried", "Attempts that failed and were followed by another.", retried)


def _gauge(name: str, text: str, value: float, labels: dict[str, str] | None = None) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    found = GaugeMetricFamily(f"dtlpipe_{name}", text, labels=list(labels or ()))
    found.add_metric(list((labels or {}).values()), value)
    return found


def _counter(name: str, text: str, value: float) -> Metric:
    return _counters(name, text, (), {(): value})


def _counters(
    name: str, text: str, labels: Sequence[str], values: Mapping[Any, float], *, gauge: bool = False
) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    found = (GaugeMetricFamily if gauge else CounterMetricFamily)(f"dtlpipe_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        found.add_metric(list(key), value)
    return found


def _histogram(name: str, text: str, found: dict[Any, Histogram], labels: Sequence[str] = ()) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(f"dtlpipe_{name}", text, labels=labels)
    for key, each in sorted(found.items()):
        family.add_metric(list(key), buckets=each.buckets(), sum_value=each.total)
    return family
