"""What a node asks of a cluster: from `serviceConfig.runtime` to what Ray counts.

Law: pure. Without a word about it a node asks for one processor. Sizes of pods are ours, since the field does not
publish its own: they are written once, here; what a node says itself (`cpu`, `gpu`, `memory`, `resources`) goes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

GIB: Final = 1024**3

#: Processors, GPUs and bytes of memory (none: not counted) of the field's pods.
PODS: Final[dict[str, tuple[float, float, int | None]]] = {
    "regular-xs": (1, 0, None),
    "regular-s": (1, 0, None),
    "regular-m": (2, 0, None),
    "regular-l": (4, 0, None),
    "highmem-xs": (1, 0, 8 * GIB),
    "highmem-s": (2, 0, 16 * GIB),
    "highmem-m": (4, 0, 32 * GIB),
    "highmem-l": (8, 0, 64 * GIB),
    "highcpu-xs": (4, 0, None),
    "gpu-t4": (4, 1, None),
    "gpu-t4-m": (4, 1, 32 * GIB),
}
_SHARE: Final = 0.001
"""Of an accelerator's label: asks for a node that has it, and uses none of it up."""


@attrs.frozen
class Demand:
    """What Ray is to set aside for an execution; `memory` is in bytes, `labels` are resources that a cluster names."""

    cpu: float = 1.0
    gpu: float = 0.0
    memory: int | None = None
    labels: dict[str, float] = attrs.field(factory=dict)
    requirements: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """As `.options(...)` of a Ray task takes it; JSON."""
        options: dict[str, Any] = {"num_cpus": self.cpu, "num_gpus": self.gpu}
        if self.memory is not None:
            options["memory"] = self.memory
        if self.labels:
            options["resources"] = dict(self.labels)
        if self.requirements:
            options["runtime_env"] = {"pip": list(self.requirements)}
        return options


def demand_of(runtime: Mapping[str, Any]) -> Demand:
    """What a `runtime` asks for. Raises ValueError, naming the key, for what is no amount."""
    pod = str(runtime.get("podType") or "regular-s")
    cpu, gpu, memory = PODS.get(pod, (1.0, 1.0 if pod.startswith("gpu-") else 0.0, None))
    labels = _labels(runtime)
    if pod.startswith("gpu-") and "gpu" not in runtime:
        labels.setdefault(f"accelerator_type:{pod.split('-')[1].upper()}", _SHARE)
    if (given := _amount(runtime, "memory")) is not None:
        memory = math.ceil(given)
    return Demand(
        cpu=_or(_amount(runtime, "cpu"), cpu),
        gpu=_or(_amount(runtime, "gpu"), gpu),
        memory=memory,
        labels=labels,
        requirements=_requirements(runtime),
    )


def shortage(wanted: Mapping[str, float], nodes: Iterable[Mapping[str, float]]) -> str | None:
    """Why no node can ever run it, as a sentence; None if one could, were it idle."""
    able = list(nodes)
    if any(all(node.get(name, 0.0) >= amount for name, amount in wanted.items()) for node in able):
        return None
    if not able:
        return "the cluster has no nodes"
    asked = ", ".join(f"{amount:g} {name}" for name, amount in sorted(wanted.items()))
    largest = {name: max(node.get(name, 0.0) for node in able) for name in wanted}
    offered = ", ".join(f"{amount:g} {name}" for name, amount in sorted(largest.items()))
    return f"it asks for {asked}, and no node of the cluster has that (at most {offered})"


def wanted(options: Mapping[str, Any]) -> dict[str, float]:
    """The amounts in a task's options under the names that Ray's nodes have for them; what is zero is left out."""
    found = {
        "CPU": float(options.get("num_cpus", 0)),
        "GPU": float(options.get("num_gpus", 0)),
        "memory": float(options.get("memory", 0)),
        **options.get("resources", {}),
    }
    return {name: amount for name, amount in found.items() if amount > 0}


def _labels(runtime: Mapping[str, Any]) -> dict[str, float]:
    labels = runtime.get("resources") or {}
    if not isinstance(labels, Mapping):
        raise ValueError(  # noqa: TRY004 - it came as data, and is refused as such
            f"runtime.resources is {labels!r}, but it holds amounts by label, such as {{'fast_disk': 1}}"
        )
    return {str(name): _or(_amount(labels, name), 0.0) for name in labels}


def _amount(given: Mapping[str, Any], name: str) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"runtime.{name} is {value!r}, but it must be a number that is not negative")
    if name == "gpu" and value > 1 and value != int(value):
        raise ValueError(f"runtime.gpu is {value!r}, but more than one GPU can only be had whole")
    return float(value)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _requirements(runtime: Mapping[str, Any]) -> tuple[str, ...]:
    given = runtime.get("requirements") or ()
    if isinstance(given, str) or not all(isinstance(each, str) for each in given):
        raise ValueError(f"runtime.requirements is {given!r}, but it must be a list such as ['numpy>=2']")
    return tuple(given)
