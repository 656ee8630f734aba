"""Filters: the query that a user writes, as the platform's query JSON (DQL).

`Filters` only builds; `dtlpipe.model.query.matches` decides. The JSON is
`{"filter": {"$and": [...], "$or": [...]}, "page": 0, "pageSize": 1000, "resource": "items", "sort"?, "join"?,
"context"?}`.
"""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Mapping
from typing import Any, Self

import attrs

from dtlpipe.model.enums import FiltersMethod, FiltersOperations, FiltersOrderByDirection, FiltersResource

#: The largest page that a platform gives, where it is not 1000.
PAGE_LIMITS = {FiltersResource.EXECUTION: 100, FiltersResource.PIPELINE_EXECUTION: 100}

_DEFAULTS: dict[str, tuple[tuple[str, Any, str | None], ...]] = {
    FiltersResource.ITEM: (("hidden", False, None), ("type", "file", None)),
    FiltersResource.SERVICE: (("global", True, "ne"),),
    FiltersResource.PACKAGE: (("global", True, "ne"),),
}


@attrs.frozen
class SingleFilter:
    """One predicate: `field` (dotted path), `values`, `operator` (None is equality; a text with `*` is a glob)."""

    field: str
    values: Any
    operator: str | None = None

    def prepare(self, *, recursive: bool = False) -> dict[str, Any]:
        values = self.values
        if recursive and self.field == "filename":
            values = [_below(each) for each in values] if isinstance(values, list) else _below(values)
        return {self.field: values if self.operator is None else {f"${self.operator}": values}}


def _below(value: Any) -> Any:
    """A folder named as `filename` means everything below it; a name with an extension or a `*` means itself."""
    if not isinstance(value, str) or value.endswith("*") or posixpath.splitext(value)[1]:
        return value
    return value.rstrip("/") + "/**"


class Filters:
    """A query over one resource: `Filters(field='dir', values='/test', context={'datasets': [dataset.id]})`.

    Predicates added with `add` are joined by AND, those with `method='or'` among themselves by OR.
    Item queries leave out folders and hidden items unless `use_defaults=False`. A `custom_filter`, query JSON, says it
    all by itself; what is added to it must hold besides.
    """

    def __init__(
        self,
        field: str | None = None,
        values: Any = None,
        operator: FiltersOperations | str | None = None,
        method: FiltersMethod | str | None = None,
        custom_filter: Mapping[str, Any] | None = None,
        resource: FiltersResource | str = FiltersResource.ITEM,
        *,
        use_defaults: bool = True,
        context: Mapping[str, Any] | None = None,
        page_size: int | None = None,
    ) -> None:
        self.resource = FiltersResource(resource)
        self.custom_filter = custom_filter
        self.context = context
        self.page = 0
        self.page_size = page_size or PAGE_LIMITS.get(self.resource, 1000)
        self.sort: dict[str, str] = {}
        self.join: dict[str, Any] | None = None
        self.recursive = True
        self.system_space: bool | None = None
        self.and_filter_list: list[SingleFilter] = []
        self.or_filter_list: list[SingleFilter] = []
        self._default_fields: set[str] = set()
        if use_defaults:
            for name, value, op in _DEFAULTS.get(self.resource, ()):
                self.and_filter_list.append(SingleFilter(name, value, op))
                self._default_fields.add(name)
        if field is not None:
            self.add(field, values, operator, method)

    def add(
        self,
        field: str,
        values: Any,
        operator: FiltersOperations | str | None = None,
        method: FiltersMethod | str | None = None,
    ) -> Self:
        """Adds a predicate; one on a default field (an item's `type` or `hidden`) replaces the default."""
        single = SingleFilter(field, values, None if operator is None else FiltersOperations(operator).value)
        if FiltersMethod(method or FiltersMethod.AND) is FiltersMethod.OR:
            self.or_filter_list.append(single)
            return self
        if field in self._default_fields:
            self.and_filter_list = [each for each in self.and_filter_list if each.field != field]
            self._default_fields.discard(field)
        self.and_filter_list.append(single)
        return self

    def add_join(
        self,
        field: str,
        values: Any,
        operator: FiltersOperations | str | None = None,
        method: FiltersMethod | str = FiltersMethod.AND,
    ) -> Self:
        """Adds a predicate on the other side of a join: the annotations of items, or the items of annotations."""
        if self.resource not in (FiltersResource.ITEM, FiltersResource.ANNOTATION):
            raise ValueError(f"{self.resource.value} queries cannot be joined; items and annotations can")
        if self.join is None:
            ours = self.resource is FiltersResource.ITEM
            self.join = {
                "on": {
                    "resource": (FiltersResource.ANNOTATION if ours else FiltersResource.ITEM).value,
                    "local": "itemId" if ours else "id",
                    "forigen": "id" if ours else "itemId",  # the wire's own spelling
                },
                "filter": {},
            }
        single = SingleFilter(field, values, None if operator is None else FiltersOperations(operator).value)
        self.join["filter"].setdefault(f"${FiltersMethod(method).value}", []).append(single.prepare())
        return self

    def has_field(self, field: str) -> bool:
        return any(each.field == field for each in (*self.and_filter_list, *self.or_filter_list))

    def pop(self, field: str) -> Self:
        self.and_filter_list = [each for each in self.and_filter_list if each.field != field]
        self.or_filter_list = [each for each in self.or_filter_list if each.field != field]
        return self

    def sort_by(self, field: str, value: FiltersOrderByDirection | str = FiltersOrderByDirection.ASCENDING) -> Self:
        self.sort[field] = FiltersOrderByDirection(value).value
        return self

    def copy(self) -> Filters:
        """A query to add to without changing this one."""
        other = copy.copy(self)
        other.and_filter_list = list(self.and_filter_list)
        other.or_filter_list = list(self.or_filter_list)
        other.sort = dict(self.sort)
        other._default_fields = set(self._default_fields)  # noqa: SLF001 - one of its own class
        other.join = copy.deepcopy(self.join)
        return other

    def paged(self, *, page: int | None = None, page_size: int | None = None) -> Filters:
        """The same query from another page on, or in other pages."""
        other = self.copy()
        other.page = self.page if page is None else page
        other.page_size = self.page_size if page_size is None else page_size
        return other

    def query(self) -> dict[str, Any]:
        """The predicates alone: `{"$and": [...], "$or": [...]}`."""
        if self.custom_filter is None:
            return self._joined(self.and_filter_list)
        custom = dict(self.custom_filter.get("filter") or {} if "filter" in self.custom_filter else self.custom_filter)
        added = self._joined([each for each in self.and_filter_list if each.field not in self._default_fields])
        return {"$and": [custom, added]} if added else custom

    def _joined(self, all_of: list[SingleFilter]) -> dict[str, Any]:
        recursive = self.recursive and self.resource is FiltersResource.ITEM
        query: dict[str, Any] = {}
        if self.or_filter_list:
            query["$or"] = [each.prepare(recursive=recursive) for each in self.or_filter_list]
        if all_of:
            query["$and"] = [each.prepare(recursive=recursive) for each in all_of]
        return query

    def prepare(self, *, query_only: bool = False) -> dict[str, Any]:
        """The whole query JSON; with `query_only`, without paging, sorting and resource."""
        if self.custom_filter is not None:
            body: dict[str, Any] = {**self.custom_filter} if "filter" in self.custom_filter else {}
            body["filter"] = self.query()
            body.setdefault("resource", self.resource.value)
            body.setdefault("page", self.page)
            body.setdefault("pageSize", self.page_size)
            if self.sort:
                body.setdefault("sort", dict(self.sort))
        else:
            body = {"filter": self.query()}
            if not query_only:
                limit = PAGE_LIMITS.get(self.resource, 1000)
                body |= {"page": self.page, "pageSize": min(self.page_size, limit), "resource": self.resource.value}
                if self.sort:
                    body["sort"] = dict(self.sort)
        if self.join is not None:
            body.setdefault("join", self.join)
        if self.context is not None:
            body["context"] = dict(self.context)
        if self.system_space is not None:
            body["systemSpace"] = self.system_space
        return body

    def __repr__(self) -> str:
        return f"Filters({self.prepare()!r})"
