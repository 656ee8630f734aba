"""Queries over documents that are made up while they are shown, and so stand in no table: tasks, assignments.

Law: they mean what the same queries mean of documents that are stored. All are looked at, so there must be few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mock_server.store import request
from mock_server.store.base import Document, Page, Query

_PATHS = {"projectId": "projectId", "datasetId": "datasetId"}


def page_of(documents: Iterable[Document], query: Query, *, page_size: int) -> Page:
    """The page of a query. Raises BadRequest for one that is none."""
    asked = request.read(_worded(query), page_size=page_size, keyset=False, paths=_PATHS)
    found = sorted((each for each in documents if asked.predicate(each)), key=lambda each: str(each["id"]))
    for path, descending in reversed(asked.sort):
        found.sort(key=lambda each: _rank(each, path), reverse=descending)
    start = asked.page * asked.page_size
    return Page(found[start : start + asked.page_size], len(found), asked.page, asked.page_size)


def _worded(query: Query) -> Query:
    """With the context as it is called elsewhere: the field's SDK has words of its own here, and sends null for all."""
    context = query.get("context")
    if not isinstance(context, Mapping) or "projectIds" not in context:
        return query
    ids = context["projectIds"]
    wanted = [each for each in ids if each is not None] if isinstance(ids, list) else ids
    rest = {key: value for key, value in context.items() if key != "projectIds"}
    return {**query, "context": {**rest, "projects": wanted or None}}


def _rank(document: Document, path: str) -> tuple[int, Any]:
    """Numbers before texts, and what is not there first of all, as the store has it."""
    value: Any = document
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, int | float):
        return 1, value
    return (0, 0) if value is None else (2, str(value))
