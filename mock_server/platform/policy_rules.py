"""What may be said of when work goes on: the `retryPolicy` and `limits` of services, the `settings` of pipelines.

Law: what the scheduler later reads as numbers is made sure of here, so that a run never finds out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

FieldError = dict[str, Any]
#: A path to a number, the least that it may be, and whether it is whole.
Least = tuple[tuple[str, ...], float, bool]

_RETRY: tuple[Least, ...] = (
    (("maxAttempts",), 1, True),
    (("initialInterval",), 0, False),
    (("maximumInterval",), 0, False),
    (("backoffCoefficient",), 1, False),
)
_LIMIT: tuple[Least, ...] = (
    (("concurrency",), 1, True),
    (("rate",), 0.000001, False),
    (("per",), 0.001, False),
    (("burst",), 1, False),
)
#: Of a pipeline's `settings`.
_SETTINGS: tuple[Least, ...] = ((("maxConcurrentRuns",), 1, True), (("runTimeout",), 0.001, False))
_JITTER = ("full", "none")
_LONGEST_KEY = 200
#: The longest that anything may be told to wait, in seconds: a year.
LONGEST = 366 * 86400.0


def number_errors(data: Mapping[str, Any], least_of: Iterable[Least], at: tuple[Any, ...] = ()) -> Iterator[FieldError]:
    """What of the numbers in the data is none, or too small, or beyond what may be waited for."""
    for path, least, whole in least_of:
        value = found_at(data, path)
        if value is None:
            continue
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or not least <= value or (not whole and value > LONGEST):
            kind = "a whole number" if whole else "a number"
            yield {"path": [*at, *path], "message": f"{kind} from {least:g} up is wanted, not {value!r}"}


def found_at(data: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What is there; None if nothing is."""
    found: Any = data
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def policy_errors(config: Mapping[str, Any]) -> Iterator[FieldError]:
    """What is wrong with the `retryPolicy` and the `limits` of a service, or of a `serviceConfig`."""
    policy, limits = config.get("retryPolicy"), config.get("limits")
    if isinstance(policy, Mapping):
        yield from _retry_errors(policy)
    elif policy is not None:
        yield {"path": ["retryPolicy"], "message": "an object is wanted here"}
    if isinstance(limits, list):
        for index, each in enumerate(limits):
            yield from _limit_errors(each, ("limits", index))
    elif limits is not None:
        yield {"path": ["limits"], "message": "a list of limits is wanted here"}


def _retry_errors(policy: Mapping[str, Any]) -> Iterator[FieldError]:
    yield from number_errors(policy, _RETRY, ("retryPolicy",))
    for key in ("retryOn", "noRetryOn"):
        names = policy.get(key)
        if names is not None and not (isinstance(names, list) and all(isinstance(each, str) for each in names)):
            yield {"path": ["retryPolicy", key], "message": "a list of names of exceptions is wanted here"}
    jitter = policy.get("jitter", True)
    if not isinstance(jitter, bool) and jitter not in _JITTER:
        yield {"path": ["retryPolicy", "jitter"], "message": f"it is one of {', '.join(_JITTER)}"}


def _limit_errors(limit: Any, at: tuple[Any, ...]) -> Iterator[FieldError]:
    if not isinstance(limit, Mapping):
        yield {"path": [*at], "message": "an object is wanted here"}
        return
    key, by = limit.get("key"), limit.get("by")
    if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY:
        yield {"path": [*at, "key"], "message": f"a text of 1 to {_LONGEST_KEY} characters is wanted here"}
    if by is not None and not isinstance(by, str):
        yield {"path": [*at, "by"], "message": "the name of an input is wanted here"}
    if limit.get("concurrency") is None and limit.get("rate") is None:
        yield {"path": [*at], "message": "it limits nothing: say 'concurrency', or 'rate'"}
    yield from number_errors(limit, _LIMIT, at)


def settings_errors(pipeline: Mapping[str, Any]) -> Iterator[FieldError]:
    """What is wrong with what a pipeline's `settings` say of its runs."""
    settings = pipeline.get("settings")
    if isinstance(settings, Mapping):
        yield from number_errors(settings, _SETTINGS, ("settings",))
