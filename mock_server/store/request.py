"""A query body, read: everything that can be wrong with it is found here, before any row is touched.

Besides the filter there are paging, sorting, the context (which datasets or projects) and a join. Three customs of the
wire are kept: `{"projectId": null}` asks for no project at all; `forigen` is spelled so; and on page 0 a trailing
`{"id": {"$gt": last}}` is a cursor, not a filter, so that the total does not shrink while a client reads on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from dtlpipe.errors import BadRequest
from dtlpipe.model.query import Predicate, compile_query
from mock_server.store.base import MAX_PAGE_SIZE, Kind, Query

_DIRECTIONS = {"ascending": False, "asc": False, 1: False, "descending": True, "desc": True, -1: True}
_RESOURCES = {
    "items": Kind.ITEM,
    "annotations": Kind.ANNOTATION,
    "datasets": Kind.DATASET,
    "recipe": Kind.RECIPE,
    "ontology": Kind.ONTOLOGY,
    "pipeline": Kind.PIPELINE,
    "packages": Kind.PACKAGE,
    "services": Kind.SERVICE,
    "triggers": Kind.TRIGGER,
    "projects": Kind.PROJECT,
}
_MAX_DEPTH = 60
_MAX_OBJECTS = 5000  # in one query: each is looked at for each document
_MAX_SORT = 20  # keys: each is one more sorting of all that is found
_MAX_NUMBER = 1_000_000_000
_CONTEXT = {"datasets": "datasetId", "projects": "projectId"}


Conditions = Mapping[str, Any]
Sort = tuple[tuple[str, bool], ...]


@attrs.frozen
class Cursor:
    """Where a keyset page begins: after this id, in this direction."""

    id: str
    descending: bool

    def passed(self, id: str) -> bool:
        """Whether the document comes before the page."""
        return id >= self.id if self.descending else id <= self.id


@attrs.frozen
class Join:
    """Only documents whose `key` is among the values at `other_key` of the other kind's matches."""

    kind: Kind
    key: str
    other_key: str
    query: Conditions


@attrs.frozen
class Request:
    """What was asked for. `sort` holds paths and whether each descends; empty means the default order."""

    filter: Conditions
    predicate: Predicate
    page: int
    page_size: int
    sort: Sort
    cursor: Cursor | None
    join: Join | None


def read(body: Query, *, page_size: int, keyset: bool, paths: Mapping[str, str]) -> Request:
    """The request in a query body. Raises BadRequest.

    Args:
        body: as it came.
        page_size: the default; whatever is asked for, a page has no more than MAX_PAGE_SIZE.
        keyset: whether a trailing comparison of the id is a cursor.
        paths: what the context's words, and the null `projectId`, mean here: {"projectId": path}, and so on.
    """
    if not isinstance(body, Mapping):
        raise BadRequest(f"a query is an object with a 'filter', not {type(body).__name__}")
    conditions = _checked(body.get("filter"), "filter")
    page = _whole(body, "page", 0, least=0)
    size = min(_whole(body, "pageSize", page_size, least=1), MAX_PAGE_SIZE)
    sort = _sort(body.get("sort"))
    if "projectId" in paths:
        conditions = _without_null_project(conditions)
    cursor = None
    if keyset and page == 0:
        conditions, cursor = _cut_cursor(conditions, sort)
    conditions = _with_context(conditions, body.get("context"), paths)
    return Request(conditions, compile_query(conditions), page, size, sort, cursor, _join(body.get("join")))


def _checked(query: Any, path: str) -> Conditions:
    if query is None:
        return {}
    if not isinstance(query, Mapping):
        raise BadRequest(f"{path}: a query is an object such as {{'$and': [{{'dir': '/a'}}]}}, not {query!r}")
    if _depth(query) > _MAX_DEPTH:
        raise BadRequest(f"{path}: nested more than {_MAX_DEPTH} levels deep")
    if _objects(query) > _MAX_OBJECTS:
        raise BadRequest(f"{path}: more than {_MAX_OBJECTS} predicates", hint="'$in' takes a list of any length")
    return query


def _depth(value: Any, level: int = 0) -> int:
    """How deep objects and lists are nested; it stops counting above the limit, as the stack has one too."""
    if level > _MAX_DEPTH or not isinstance(value, (Mapping, list)):
        return level
    inner = value.values() if isinstance(value, Mapping) else value
    return max((_depth(each, level + 1) for each in inner), default=level)


def _objects(value: Any) -> int:
    """How many objects there are in a query that is not too deep."""
    if isinstance(value, Mapping):
        return 1 + sum(_objects(each) for each in value.values())
    return sum(_objects(each) for each in value if isinstance(each, (Mapping, list))) if isinstance(value, list) else 0


def _whole(body: Query, key: str, default: int, *, least: int) -> int:
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MAX_NUMBER:
        raise BadRequest(f"{key}: a whole number from {least} up, not {value!r}")
    return value


def _sort(sort: Any) -> Sort:
    if sort is None:
        return ()
    if not isinstance(sort, Mapping):
        raise BadRequest(f"sort: an object such as {{'createdAt': 'descending'}}, not {type(sort).__name__}")
    if len(sort) > _MAX_SORT:
        raise BadRequest(f"sort: at most {_MAX_SORT} keys, not {len(sort)}")
    keys = []
    for path, direction in sort.items():
        descending = _DIRECTIONS.get(direction) if isinstance(direction, (str, int)) else None
        if descending is None:
            raise BadRequest(f"sort.{path}: 'ascending' or 'descending', not {direction!r}")
        keys.append((path, descending))
    return tuple(keys)


def _without_null_project(filter: Conditions) -> Conditions:
    """Module-level listings of the field's SDK send a project whose id is null, and mean every project."""
    kept = {}
    for key, value in filter.items():
        if key == "projectId" and (value is None or value == {"$eq": None}):
            continue
        if key == "$and" and isinstance(value, list):
            value = [_without_null_project(each) if isinstance(each, Mapping) else each for each in value]  # noqa: PLW2901
        kept[key] = value
    return kept


def _cut_cursor(filter: Conditions, sort: Sort) -> tuple[Conditions, Cursor | None]:
    if any(path not in ("id", "createdAt") for path, _ in sort) or len({descending for _, descending in sort}) > 1:
        return filter, None
    descending = bool(sort) and sort[0][1]
    op = "$lt" if descending else "$gt"
    conditions = filter.get("$and")
    if not isinstance(conditions, list) or not conditions:
        return filter, None
    last = conditions[-1]
    operators = last["id"] if isinstance(last, Mapping) and list(last) == ["id"] else None
    if not isinstance(operators, Mapping) or list(operators) != [op] or not isinstance(operators[op], str):
        return filter, None
    return {**filter, "$and": conditions[:-1]}, Cursor(operators[op], descending)


def _with_context(filter: Conditions, context: Any, paths: Mapping[str, str]) -> Conditions:
    if context is None:
        return filter
    if not isinstance(context, Mapping):
        raise BadRequest(f"context: an object such as {{'datasets': [id]}}, not {type(context).__name__}")
    wanted = [
        {paths[name]: {"$in": context[word]}}
        for word, name in _CONTEXT.items()
        if context.get(word) is not None and name in paths
    ]
    return {"$and": [filter, *wanted]} if wanted else filter


def _join(join: Any) -> Join | None:
    if not join:
        return None
    on = join.get("on") if isinstance(join, Mapping) else None
    if not isinstance(on, Mapping) or not all(isinstance(on.get(key), str) for key in ("resource", "local", "forigen")):
        raise BadRequest('join: takes {"on": {"resource", "local", "forigen"}, "filter"}')
    kind = _RESOURCES.get(on["resource"])
    if kind is None:
        raise BadRequest(f"join.on.resource: {on['resource']!r} is none of {', '.join(_RESOURCES)}")
    query = _checked(join.get("filter"), "join.filter")
    compile_query(query, "join.filter")
    return Join(kind, on["forigen"], on["local"], query)
