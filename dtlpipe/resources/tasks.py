"""Tasks: what a pipeline's task nodes give to people, and what people say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import NotFound
from dtlpipe.model import task as nouns
from dtlpipe.model.enums import FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct
from dtlpipe.resources.entity import Entity, required
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation
from dtlpipe.sansio.pages import Pages, listing, query_pages

if TYPE_CHECKING:
    from dtlpipe.resources.items import Item


def ids_of(items: Any) -> list[str]:
    """Ids of an item, an id, or several of either."""
    many = [items] if isinstance(items, str) or not isinstance(items, Iterable) else list(items)
    return [each if isinstance(each, str) else str(each.id) for each in many]


def status_request(task_id: str, items: Any, status: str, *, clear: bool) -> Request:
    """What says something of items of a task."""
    operation = "delete" if clear else "create"
    said = {"operation": operation, "returnLastStatus": True, "status": status}
    path = f"/assignments/items/tasks/{quote(task_id, safe='')}/status"
    return Request("POST", path, json={"itemIds": ids_of(items), "statusPayload": said}, idempotent=True)


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Task(Entity[Colour], nouns.Task):  # type: ignore[misc]  # entities are hashed by id
    """A task. Its items wait for somebody to set their status, and then the pipeline goes on with them."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Task

    @operation
    def refresh(self) -> Op[Task[Colour]]:
        """Takes over what the platform knows now."""
        response: Response = yield Request("GET", f"/annotationtasks/{quote(self.id, safe='')}")
        return self._absorb(response.json())

    @listing
    def get_items(self, filters: Filters | None = None) -> Pages[Item[Colour], Colour]:
        """The items that it was given, of those that match."""
        from dtlpipe.resources.items import Items

        wanted = filters or Filters(use_defaults=False)
        wanted.add(field="metadata.system.refs.id", values=[self.id], operator="in")
        items: Items[Colour] = Items(session=self._session, dataset_id=self.dataset_id)
        return query_pages(
            self._session, f"/datasets/{items.known_dataset_id()}/query", wanted, items.item, keyset=True
        )

    @operation
    def set_status(self, items: Any, status: str, *, clear: bool = False) -> Op[list[str]]:
        """Says of items what came of them, as an annotator does; the pipeline goes on with each.

        Args:
            items: an item, its id, or several of either.
            status: one of `actions`; "completed", "approved" and "discarded" are understood, too.
            clear: takes back what was said, of items that the pipeline has not gone on with.

        Returns:
            The ids of those that are in the task.

        Raises:
            BadRequest: the task has no such status.
            NotFound: none of the items is in it.
        """
        response: Response = yield status_request(self.id, items, status, clear=clear)
        return list(response.json())


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Tasks(Bound[Colour]):
    """The tasks of a platform, or of one project."""

    project_id: str | None = None

    def _task(self, data: Mapping[str, Any]) -> Task[Colour]:
        return Task.from_wire(data, session=self._session)

    def _pages(self, filters: Filters | None) -> Pages[Task[Colour], Colour]:
        wanted = filters or Filters(resource=FiltersResource.TASK)
        if self.project_id is not None:
            wanted.add(field="projectId", values=self.project_id)
        return query_pages(self._session, "/annotationtasks/query", wanted, self._task)

    @listing
    def list(self, filters: Filters | None = None) -> Pages[Task[Colour], Colour]:
        """The tasks that match."""
        return self._pages(filters)

    @operation
    def get(self, task_id: str | None = None, task_name: str | None = None) -> Op[Task[Colour]]:
        """The task of that id or name; a task is called as its node is.

        Raises:
            NotFound: there is none, or more than one of that name.
        """
        if task_id is not None:
            response: Response = yield Request("GET", f"/annotationtasks/{quote(task_id, safe='')}")
            return self._task(response.json())
        name = required(task_name, "task_id or task_name")
        pages = self._pages(Filters("name", name, resource=FiltersResource.TASK))
        yield from pages.fetch()
        if pages.items_count != 1:
            hint = "get it by task_id" if pages.items_count else "a task is made when the first item reaches its node"
            raise NotFound(f"there are {pages.items_count} tasks called {name!r}", hint=hint)
        return pages.items[0]
