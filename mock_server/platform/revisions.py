"""Revisions: what a pipeline's runs ran, as it was at each install; how it goes back to one of them.

Law: a revision is never changed. Going back to an earlier one makes a new one that is the same, so that the history
says what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import NotFound
from mock_server.platform.definitions import LISTS
from mock_server.platform.documents import require
from mock_server.platform.shelves import narrowed
from mock_server.store.base import Document, Kind

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


class Revisions:
    """The revisions of pipelines."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store

    def query(self, pipeline_id: str, body: Mapping[str, Any]) -> Document:
        """A page of a pipeline's revisions, the newest first unless sorted otherwise. Raises NotFound."""
        pipeline = require(self._store, Kind.PIPELINE, pipeline_id, private=True)
        query = narrowed({"sort": {"number": "descending"}, **body})
        page = self._store.find(Kind.REVISION, query, where={"pipelineId": pipeline_id})
        return {
            "items": [self._shown(pipeline, each) for each in page.items],
            "totalItemsCount": page.total,
            "totalPagesCount": page.pages,
            "hasNextPage": page.has_next,
        }

    def get(self, pipeline_id: str, number: int) -> Document:
        """One revision, by its number. Raises NotFound."""
        pipeline = require(self._store, Kind.PIPELINE, pipeline_id, private=True)
        return self._shown(pipeline, self._numbered(pipeline, number))

    def rollback(self, pipeline_id: str, number: int, user: str) -> Document:
        """The pipeline with that revision's nodes, connections, start nodes and variables, in one transaction.

        It is installed if it was. Open runs go on with the revisions that they began with. Raises NotFound, and
        BadRequest for a revision that can no longer run: then nothing has happened.
        """
        pipeline = require(self._store, Kind.PIPELINE, pipeline_id, private=True)
        revision = self._numbered(pipeline, number)
        return self._platform.pipelines.replace(pipeline_id, {key: revision[key] for key in LISTS}, user)

    def _numbered(self, pipeline: Mapping[str, Any], number: int) -> Document:
        where = {"pipelineId": pipeline["id"], "number": number}
        found = self._store.find(Kind.REVISION, {"pageSize": 1}, where=where).items
        if not found:
            raise NotFound(
                f"pipeline {pipeline['name']!r} has no revision {number}",
                hint="each install of a changed pipeline makes one: pipeline.revisions.list()",
            )
        return found[0]

    def _shown(self, pipeline: Mapping[str, Any], revision: Document) -> Document:
        url = f"{self._platform.api_url}/pipelines/{pipeline['id']}/revisions/{revision['number']}"
        return {**revision, "current": revision["id"] == pipeline.get("_revisionId"), "url": url}
