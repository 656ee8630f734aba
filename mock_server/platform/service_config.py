"""How a service runs its code: what a service, or the `serviceConfig` of a node, may say about it.

Law: what the worker later reads as numbers is made sure of here, so that a run never finds out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dtlpipe.model.service import Service
from mock_server.platform.definitions import FieldError, type_errors
from mock_server.platform.policy_rules import Least, found_at, number_errors, policy_errors
from mock_server.store.base import Document

#: Keys of a `serviceConfig` that its service takes over as they are.
TAKEN_OVER = (
    "executionTimeout",
    "drainTime",
    "maxAttempts",
    "retryPolicy",
    "limits",
    "onReset",
    "runExecutionAsProcess",
    "initParams",
    "versions",
    "driverId",
    "secrets",
    "integrations",
)
ON_RESET = ("failed", "rerun")
MIB = 1 << 20

#: Whole numbers, and those of them that are seconds or the like.
_LEAST: tuple[Least, ...] = (
    (("executionTimeout",), 0.001, False),
    (("drainTime",), 0, False),
    (("maxAttempts",), 1, True),
    (("runtime", "memoryLimit"), MIB, True),
    (("runtime", "concurrency"), 1, True),
    (("runtime", "numReplicas"), 0, True),
)


def default_runtime() -> Document:
    """What a service runs on, if nothing is said."""
    return {"podType": "regular-s", "numReplicas": 1, "concurrency": 10, "autoscaler": None}


def config_errors(config: Any) -> list[FieldError]:
    """What is wrong with it: `[{"path": ["runtime", "memoryLimit"], "message": ...}]`."""
    errors = type_errors(Service, config)
    if errors:
        return errors
    errors += number_errors(config, _LEAST)
    errors += policy_errors(config)
    labels = found_at(config, ("runtime", "labels"))
    if labels is not None and not (isinstance(labels, list) and all(_is_label(each) for each in labels)):
        errors.append({"path": ["runtime", "labels"], "message": "a list of labels is wanted, such as ['gpu']"})
    if config.get("onReset") not in (None, *ON_RESET):
        errors.append({"path": ["onReset"], "message": f"it is one of {', '.join(ON_RESET)}"})
    return errors


def _is_label(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100 and not set(value) & set(" ,\t\n")


def overlaid(service: Mapping[str, Any], config: Mapping[str, Any]) -> Document:
    """What a node's `serviceConfig` changes of a service: only what it says."""
    changes = {key: config[key] for key in TAKEN_OVER if config.get(key) is not None}
    if config.get("runtime"):
        changes["runtime"] = {**(service.get("runtime") or default_runtime()), **config["runtime"]}
    return changes
