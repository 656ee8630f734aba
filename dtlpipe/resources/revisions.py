"""Revisions of a pipeline: what was installed when, what changed in between, and going back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import NotFound
from dtlpipe.model import revision as nouns
from dtlpipe.model.revision import RevisionDiff, diff
from dtlpipe.model.struct import Struct
from dtlpipe.resources.entity import Entity
from dtlpipe.resources.refusals import acting
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation
from dtlpipe.sansio.pages import Pages, listing

if TYPE_CHECKING:
    from dtlpipe.resources.pipelines import Pipeline


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class PipelineRevision(Entity[Colour], nouns.PipelineRevision):  # type: ignore[misc]  # entities are hashed by id
    """A pipeline as it was at an install. Its runs name it: `execution.extra["pipelineVersionNumber"]`."""

    NOUN: ClassVar[type[Struct] | None] = nouns.PipelineRevision

    def __repr__(self) -> str:
        return f"PipelineRevision({self.name!r}, number={self.number})"


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Revisions(Bound[Colour]):
    """The revisions of one pipeline, the newest first. Each install of a changed pipeline makes one."""

    pipeline: Pipeline[Colour]

    def _address(self, number: int | None = None) -> str:
        address = f"/pipelines/{quote(self.pipeline.id, safe='')}/revisions"
        return address if number is None else f"{address}/{number}"

    def _revision(self, data: Mapping[str, Any]) -> PipelineRevision[Colour]:
        return PipelineRevision.from_wire(data, session=self._session)

    @listing
    def list(self) -> Pages[PipelineRevision[Colour], Colour]:
        """All of them, the newest first."""
        return Pages(self._session, f"{self._address()}/query", self._revision, query={"pageSize": 100})

    @operation
    def get(self, number: int | None = None) -> Op[PipelineRevision[Colour]]:
        """That revision, or the newest one. Raises NotFound."""
        if number is None:
            path = f"{self._address()}/query"
            response: Response = yield Request("POST", path, json={"pageSize": 1}, idempotent=True)
            items = response.json()["items"]
            if not items:
                raise NotFound(f"pipeline {self.pipeline.name!r} has no revision yet", hint="install it first")
            return self._revision(items[0])
        response = yield Request("GET", self._address(number))
        return self._revision(response.json())

    @operation
    def diff(self, old: int | None = None, new: int | None = None) -> Op[RevisionDiff]:
        """What changed from one revision to another: by default, from the one before the newest to the newest.

        Raises NotFound for a revision that there is not.
        """
        later = yield from self.get.op(self, new)
        earlier = yield from self.get.op(self, later.number - 1 if old is None else old)
        return diff(earlier, later)

    @operation
    def rollback(self, number: int) -> Op[Pipeline[Colour]]:
        """Makes the pipeline what it was at that revision, and installs it if it is installed; takes over the result.

        Open runs go on with what they began with. Changes that were not sent are lost.

        Raises:
            NotFound: there is no such revision.
            PipelineError: it can no longer run, as a service or dataset of it is gone; nothing is changed then.
        """
        yield from acting(Request("POST", f"{self._address(number)}/rollback", json={}, idempotent=True))
        return (yield from self.pipeline.refresh.op(self.pipeline))
