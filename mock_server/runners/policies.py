"""What holds for executions of a node or a service: how often they are tried, how many run at once, how many start.

Law: plain values, read once from a `serviceConfig` or a service. Nothing here knows the time or draws a number: both
are given. What the platform refuses at the border (see `platform.service_config`) is not checked here again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model import times

#: Attempts that an execution has, unless something is said; and with a `retryPolicy` that does not say how many.
DEFAULT_ATTEMPTS = 1
POLICY_ATTEMPTS = 3
#: The longest wait, in first waits, if a policy does not say.
MAXIMUM_INTERVALS = 100.0
#: Causes of failures that took the process away from under the code, which for Dataloop is a reset of its service.
RESETS = frozenset({"timeout", "memory", "exit", "signal", "lost"})


@attrs.frozen
class RetryPolicy:
    """When a failed attempt is followed by another. Intervals are seconds.

    Attributes:
        jitter: wait anything up to the interval, so that what failed together does not come back together.
        retry_on: the types of errors that are worth another attempt; None: all but those of `no_retry_on`.
    """

    initial_interval: float = 1.0
    maximum_interval: float = MAXIMUM_INTERVALS
    coefficient: float = 2.0
    jitter: bool = True
    retry_on: frozenset[str] | None = None
    no_retry_on: frozenset[str] = frozenset()

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RetryPolicy:
        """The policy of a `retryPolicy`."""
        initial = float(data.get("initialInterval", 1.0))
        names = data.get("retryOn")
        return cls(
            initial,
            float(data.get("maximumInterval", initial * MAXIMUM_INTERVALS)),
            float(data.get("backoffCoefficient", 2.0)),
            data.get("jitter", "full") not in (False, "none"),
            None if names is None else frozenset(names),
            frozenset(data.get("noRetryOn") or ()),
        )

    def allows(self, error: Mapping[str, Any]) -> bool:
        """Whether another attempt may help. Code that cannot be loaded is tried again only if its error is named."""
        names = {error.get("type"), *(error.get("bases") or ())}
        if error.get("cause") == "canceled" or names & self.no_retry_on:
            return False
        if self.retry_on is None:
            return error.get("cause") != "code"
        return not names.isdisjoint(self.retry_on)

    def interval(self, attempt: int, draw: float) -> float:
        """Seconds to wait after the failure of that attempt (1 is the first); `draw` is from [0, 1)."""
        try:
            longest = min(self.maximum_interval, self.initial_interval * self.coefficient ** (attempt - 1))
        except OverflowError:
            longest = self.maximum_interval
        return longest * draw if self.jitter else longest


@attrs.frozen
class Limit:
    """How many executions that bear a key run at once, and how many start in a while.

    Attributes:
        concurrency: executions that run at the same time.
        rate: starts in a second, on average; of those up to `burst` may come at once.
        by: an input whose value is added to the key, so that each value has a limit of its own.
    """

    key: str
    concurrency: int | None = None
    rate: float | None = None
    burst: float = 1.0
    by: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Limit:
        """One of the `limits`: `{"key", "concurrency"?, "rate"?, "per"?, "burst"?, "by"?}`, `rate` in `per` seconds."""
        rate, burst = data.get("rate"), data.get("burst")
        per_second = None if rate is None else float(rate) / float(data.get("per", 1.0))
        most = max(1.0, float(burst if burst is not None else rate or 1.0))
        return cls(f"key:{data['key']}", data.get("concurrency"), per_second, most, data.get("by"))

    def of(self, inputs: Mapping[str, Any]) -> Limit:
        """The limit of an execution with these inputs."""
        return self if self.by is None else attrs.evolve(self, key=f"{self.key}:{inputs.get(self.by)!s:.200}", by=None)


@attrs.frozen
class Terms:
    """All of it together; `attempts` is how many there are.

    `survives` is false by `onReset: failed`: an execution whose process, or whose platform, ended under it has failed
    for good. Otherwise the end of the platform is no attempt, and that of the process one like any other.
    """

    attempts: int = DEFAULT_ATTEMPTS
    retry: RetryPolicy | None = None
    limits: tuple[Limit, ...] = ()
    survives: bool = True

    @classmethod
    def read(cls, config: Mapping[str, Any], name: str | None = None) -> Terms:
        """The terms of a `serviceConfig` or a service; how many its replicas run at once is a limit of that name."""
        policy = config.get("retryPolicy")
        attempts = (policy or {}).get("maxAttempts") or config.get("maxAttempts")
        limits = [Limit.read(each) for each in config.get("limits") or ()]
        runtime = config.get("runtime") or {}
        if name is not None and runtime.get("concurrency"):
            replicas = max(
                1, runtime.get("numReplicas") or 1, (runtime.get("autoscaler") or {}).get("maxReplicas") or 1
            )
            limits.append(Limit(f"service:{name}", int(runtime["concurrency"]) * int(replicas)))
        return cls(
            int(attempts or (POLICY_ATTEMPTS if policy else DEFAULT_ATTEMPTS)),
            RetryPolicy.read(policy) if policy else None,
            tuple(limits),
            config.get("onReset") != "failed",
        )

    def limits_of(self, inputs: Mapping[str, Any]) -> tuple[Limit, ...]:
        """The limits of an execution with these inputs."""
        return tuple(each.of(inputs) for each in self.limits) if self.limits else ()

    def may_retry(self, attempt: int, most: int, error: Mapping[str, Any]) -> bool:
        """Whether the failure of that attempt is followed by another."""
        if attempt >= most or (not self.survives and error.get("cause") in RESETS):
            return False
        if self.retry is not None:
            return self.retry.allows(error)
        return error.get("cause") not in ("canceled", "code")


#: Where nothing is said.
PLAIN = Terms()


@attrs.frozen
class RunTerms:
    """What was said of one run, kept in its row's `extra` under `terms`. Its pipeline may change without it.

    Attributes:
        timeout: seconds that it may take, from when it is started.
        deadline_at: when that is over, once it is started.
        parent_run, parent_execution: of which run and execution the node code is that began it.
        retry: a `retryPolicy` for its nodes that have none of their own.
    """

    timeout: float | None = None
    deadline_at: datetime | None = None
    parent_run: str | None = None
    parent_execution: str | None = None
    retry: Mapping[str, Any] | None = None

    def over(self, terms: Terms) -> Terms:
        """Those of a node as they are in this run."""
        if self.retry is None or terms.retry is not None or terms.attempts > DEFAULT_ATTEMPTS:
            return terms
        attempts = int(self.retry.get("maxAttempts", POLICY_ATTEMPTS))
        return attrs.evolve(terms, attempts=attempts, retry=RetryPolicy.read(self.retry))

    @classmethod
    def of(cls, extra: Mapping[str, Any] | None) -> RunTerms:
        """The terms in a row's `extra`."""
        data = (extra or {}).get("terms")
        if not data:
            return NOTHING
        deadline = data.get("deadlineAt")
        return cls(
            data.get("timeout"),
            times.from_wire(deadline) if deadline else None,
            data.get("parentRunId"),
            data.get("parentExecutionId"),
            data.get("retryPolicy"),
        )

    def within(self, extra: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The `extra` with these terms instead of those that it had."""
        said = {
            "timeout": self.timeout,
            "deadlineAt": times.to_wire(self.deadline_at) if self.deadline_at else None,
            "parentRunId": self.parent_run,
            "parentExecutionId": self.parent_execution,
            "retryPolicy": None if self.retry is None else dict(self.retry),
        }
        said = {key: value for key, value in said.items() if value is not None}
        rest = {key: value for key, value in (extra or {}).items() if key != "terms"}
        return {**rest, "terms": said} if said else rest or None


NOTHING = RunTerms()
