"""A task: one visit of a node, as the state machine hands it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Task", "TaskKey", "make_task"]

TaskKey = tuple[str, int]
"""A task's identity within its run: (node name, visit)."""


@dataclass(frozen=True, slots=True)
class Task:
    """A node's visit, handed out. Two tasks are equal if node and visit are.

    Attributes:
        node: the node's name.
        index: its number in the plan.
        visit: how often it ran before, from 0.
        inputs: what it receives, by socket; the values are the senders' own objects, not copies.
    """

    node: str
    index: int
    visit: int
    inputs: dict[str, Any] = field(compare=False)

    @property
    def key(self) -> TaskKey:
        return (self.node, self.visit)

    def with_inputs(self, inputs: dict[str, Any]) -> Task:
        """Return the same task with other inputs, such as copies."""
        return make_task(self.node, self.index, self.visit, inputs)


class _Draft:
    """A task while it is made. A frozen class is slow to fill; this one is filled and then becomes a `Task`."""

    __slots__ = ("index", "inputs", "node", "visit")

    def __init__(self, node: str, index: int, visit: int, inputs: dict[str, Any]) -> None:
        self.node = node
        self.index = index
        self.visit = visit
        self.inputs = inputs


def make_task(node: str, index: int, visit: int, inputs: dict[str, Any]) -> Task:
    """Return `Task(node, index, visit, inputs)`, made in half the time."""
    draft: Any = _Draft(node, index, visit, inputs)
    draft.__class__ = Task
    task: Task = draft
    return task
