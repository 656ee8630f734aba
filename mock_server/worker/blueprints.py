"""Compiled revisions, kept in memory: each is compiled when a run of it first asks."""

from __future__ import annotations

from mock_server.runners.blueprint import Blueprint, compile_revision
from mock_server.store.base import Kind, Reads

#: Compiled revisions kept in memory.
BLUEPRINTS = 256


class Blueprints:
    """Those of one store."""

    def __init__(self, store: Reads) -> None:
        self._store = store
        self._compiled: dict[str, Blueprint] = {}

    def forget(self) -> None:
        """All are compiled again."""
        self._compiled.clear()

    def get(self, revision_id: str, reads: Reads | None = None) -> Blueprint:
        """The compiled revision. Raises BadRequest if it cannot run, KeyError if there is none."""
        found = self._compiled.get(revision_id)
        if found is None:
            reads = reads or self._store
            revision = reads.get(Kind.REVISION, revision_id)
            if revision is None:
                raise KeyError(f"there is no revision {revision_id}")
            if len(self._compiled) >= BLUEPRINTS:
                self._compiled.clear()
            names = [(node.get("namespace") or {}).get("serviceName") for node in revision.get("nodes") or ()]
            named = reads.with_key(Kind.SERVICE, "name", [each for each in names if each])
            services = {each["name"]: each["id"] for each in named}
            found = self._compiled[revision_id] = compile_revision(revision, services)
        return found
