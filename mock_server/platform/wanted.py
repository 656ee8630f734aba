"""What who begins work may say of when it goes on: how urgent it is, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from dtlpipe.errors import BadRequest
from mock_server.platform.policy_rules import LONGEST
from mock_server.runners.policies import RunTerms

#: Of priorities, which are whole numbers.
HIGHEST = 1_000_000


@attrs.frozen
class Wanted:
    """Raises BadRequest for what cannot be.

    Attributes:
        priority: of what waits, the highest goes first; among equals, what came first.
        timeout: seconds that a run may take from when it is started.
        parent: the execution whose node code begins this, by its id; `parent_run` is its run.
        retry: a `retryPolicy` for nodes that have none of their own.
    """

    priority: int = 0
    timeout: float | None = None
    parent: str | None = None
    parent_run: str | None = None
    retry: Mapping[str, Any] | None = None

    def __attrs_post_init__(self) -> None:
        if not -HIGHEST <= self.priority <= HIGHEST:
            raise BadRequest(f"priority: {self.priority} is not between {-HIGHEST} and {HIGHEST}")
        if self.timeout is not None and not 0 < self.timeout <= LONGEST:
            raise BadRequest(f"timeout: {self.timeout:g} is not between 0 and {LONGEST:g} seconds")

    @classmethod
    def said(cls, priority: int | None, timeout: float | None = None, parent: str | None = None) -> Self:
        """Of what a request says, or leaves out."""
        return cls(priority or 0, timeout, parent)

    def of_run(self, run_id: str | None) -> Wanted:
        """With the run of its parent; without a parent, if that is in none."""
        return attrs.evolve(self, parent=self.parent if run_id else None, parent_run=run_id)

    def terms(self) -> RunTerms:
        """What a run keeps of it."""
        return RunTerms(self.timeout, None, self.parent_run, self.parent, self.retry)

    def content(self) -> list[Any]:
        """What of it makes one request another than the next."""
        said = [] if self.priority == 0 and self.timeout is None else [self.priority, self.timeout]
        return said if self.retry is None else [self.priority, self.timeout, dict(self.retry)]


ANY = Wanted()
