"""Pipelines whose nodes follow one another, and how long a run of one takes as a client sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import dtlpipe as dl


def step(x: int) -> int:
    """Node code."""
    return x + 1


def chain(
    project: dl.Project, length: int = 1, method: Callable[..., Any] = step, name: str | None = None
) -> dl.Pipeline:
    """An installed pipeline of so many nodes of the same code, one after another."""
    pipeline = project.pipelines.create(name=name or f"chain-{length}")
    before = None
    for number in range(length):
        node = dl.CodeNode(name=f"n{number}", method=method, project_id=project.id, project_name=project.name)
        if before is None:
            pipeline.nodes.add(node)
        else:
            before.connect(node)
        before = node
    pipeline.update()
    pipeline.install()
    return pipeline


def once(pipeline: dl.Pipeline, timeout: float = 60.0) -> float:
    """Seconds from `execute()` to the end of the run."""
    started = time.perf_counter()
    execution = pipeline.execute(execution_input={"x": 1}).wait(timeout=timeout)
    took = time.perf_counter() - started
    assert execution.status == "success", execution.error
    return took
