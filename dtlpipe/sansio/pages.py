"""Pages: a listing that is iterated entity by entity and fetched page by page, when it is needed.

    pages = dataset.items.list()             # one request: the first page
    pages.items_count, len(pages)            # how many there are in all
    for item in pages: ...                   # fetches the further pages on the way
    async for item in dataset.items.list()   # on async handles; `await ...list()` fetches the first page only
    for page in pages.pages(): ...           # lists of entities

Where the platform sorts by id, the next page is asked for by the last id seen (so that what is added or removed
meanwhile neither repeats nor hides an entity); elsewhere by its number.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, cast, overload

import attrs
from typing_extensions import TypeVar

from dtlpipe.errors import UnknownException
from dtlpipe.sansio.effects import Emit, Flow, Op, Request, Response
from dtlpipe.sansio.operation import Async, Bound, Colour, Session, Sync, dressed

if TYPE_CHECKING:
    from dtlpipe.model.filters import Filters

E = TypeVar("E")
S = TypeVar("S")
P = ParamSpec("P")


@attrs.frozen
class Page(Generic[E]):
    """One answer: its entities, how many there are in all, and whether there is more."""

    items: list[E]
    total: int
    has_next: bool
    number: int


class Pages(Generic[E, Colour]):
    """A listing. Made unfetched; verbs hand it out with its first page fetched (see `listing`)."""

    def __init__(
        self,
        session: Session[Colour],
        path: str,
        make: Callable[[Mapping[str, Any]], E],
        *,
        query: Mapping[str, Any] | None = None,
        keyset: bool = False,
    ) -> None:
        """Describes a listing.

        Args:
            session: of the handle that lists.
            path: where it is asked for: by POST with `query` as its body, or without a query by GET, for a bare list.
            make: the entity for one element's JSON data.
            query: the query JSON, `Filters.prepare()`.
            keyset: page by the last id. Only for the first page of a query that sorts by nothing else.
        """
        self._session: Session[Colour] = session
        self._path = path
        self._make = make
        self._query = None if query is None else dict(query)
        self._keyset = keyset and self._query is not None and self._query.get("page", 0) == 0
        if self._keyset and self._query is not None:
            self._query["sort"] = {"id": "ascending"}
        self._first: Page[E] | None = None
        self._current: Page[E] | None = None

    # -- what is known without asking again ---------------------------------------------------------------------------

    @property
    def items(self) -> list[E]:
        """The entities of the page fetched last."""
        return self._fetched(self._current).items

    @property
    def items_count(self) -> int:
        """How many entities there are in all, as the first page said."""
        return self._fetched(self._first).total

    def __len__(self) -> int:
        return self.items_count

    @property
    def has_next_page(self) -> bool:
        """Whether there is a page after the one fetched last."""
        return self._fetched(self._current).has_next

    @property
    def page_offset(self) -> int:
        """The number of the page fetched last, from 0."""
        return self._fetched(self._current).number

    @property
    def page_size(self) -> int:
        """The most entities that a page holds."""
        if self._query is None:
            return self.items_count
        return int(self._query.get("pageSize", 1000))

    @property
    def total_pages_count(self) -> int:
        return -(-self.items_count // max(self.page_size, 1))

    def __bool__(self) -> bool:
        return self.items_count > 0

    def __repr__(self) -> str:
        if self._first is None:
            return f"Pages({self._path}, not fetched)"
        return f"Pages({self._path}, items_count={self._first.total})"

    def _fetched(self, page: Page[E] | None) -> Page[E]:
        if page is None:
            raise TypeError("these pages were not fetched yet: `pages = await ...list()` or `async for each in pages`")
        return page

    # -- walking ------------------------------------------------------------------------------------------------------

    def __iter__(self: Pages[E, Sync]) -> Iterator[E]:
        return cast("Iterator[E]", self._session.stream(self._entities()))

    def __aiter__(self: Pages[E, Async]) -> AsyncIterator[E]:
        return cast("AsyncIterator[E]", self._session.stream(self._entities()))

    def __await__(self: Pages[E, Async]) -> Generator[Any, None, Pages[E, Async]]:
        yield from self._session.run(self.fetch()).__await__()
        return self

    @overload
    def all(self: Pages[E, Sync]) -> Iterator[E]: ...
    @overload
    def all(self: Pages[E, Async]) -> AsyncIterator[E]: ...
    def all(self) -> Any:
        """All entities, as iterating does."""
        return self._session.stream(self._entities())

    @overload
    def pages(self: Pages[E, Sync]) -> Iterator[list[E]]: ...
    @overload
    def pages(self: Pages[E, Async]) -> AsyncIterator[list[E]]: ...
    def pages(self) -> Any:
        """All pages, each a list of entities."""
        return self._session.stream(self._pages())

    @overload
    def __getitem__(self: Pages[E, Sync], index: int) -> E: ...
    @overload
    def __getitem__(self: Pages[E, Sync], index: slice) -> list[E]: ...
    def __getitem__(self: Pages[E, Sync], index: int | slice) -> Any:
        """The entity at a place (or those in a slice), counted over all pages; fetches the pages before it."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step < 0:
                return list(islice(self, stop + 1, start + 1))[::step]
            return list(islice(self, start, stop, step))
        place = index + len(self) if index < 0 else index
        if place >= 0:
            for entity in islice(self, place, None):
                return entity
        raise IndexError(f"there are {len(self)}, none at {index}")

    # -- the operations underneath ------------------------------------------------------------------------------------

    def fetch(self) -> Op[None]:
        """The operation that makes sure of the first page."""
        if self._first is None:
            self._first = self._current = yield from self._page(0, None)

    def collect(self) -> Op[list[E]]:
        """The operation that fetches all entities."""
        found: list[E] = []
        page: Page[E] | None = None
        last: str | None = None
        while page is None or page.has_next:
            page, last = yield from self._next(page, last)
            found += page.items
        return found

    def find(self, wanted: Callable[[E], bool]) -> Op[E | None]:
        """The operation that fetches pages until an entity is the wanted one; None if none is."""
        page: Page[E] | None = None
        last: str | None = None
        while page is None or page.has_next:
            page, last = yield from self._next(page, last)
            for entity in page.items:
                if wanted(entity):
                    return entity
        return None

    def _entities(self) -> Flow[E]:
        page: Page[E] | None = None
        last: str | None = None
        while page is None or page.has_next:
            page, last = yield from self._next(page, last)
            for entity in page.items:
                yield Emit(entity)

    def _pages(self) -> Flow[list[E]]:
        page: Page[E] | None = None
        last: str | None = None
        while page is None or page.has_next:
            page, last = yield from self._next(page, last)
            yield Emit(page.items)

    def _next(self, page: Page[E] | None, last: str | None) -> Op[tuple[Page[E], str | None]]:
        if page is None:
            yield from self.fetch()
            page = self._fetched(self._first)
        else:
            page = yield from self._page(page.number + 1, last)
        self._current = page
        return page, getattr(page.items[-1], "id", None) if page.items else None

    def _page(self, number: int, last: str | None) -> Op[Page[E]]:
        if self._query is None:
            response: Response = yield Request("GET", self._path)
            data = response.json() or []
            return Page([self._make(each) for each in data], len(data), has_next=False, number=0)
        body = dict(self._query)
        if self._keyset and last is not None:
            body["filter"] = _after(body.get("filter") or {}, last)
        elif number:
            body["page"] = int(body.get("page", 0)) + number
        response = yield Request("POST", self._path, json=body, idempotent=True)
        data = response.json()
        if not isinstance(data, Mapping) or not isinstance(data.get("items"), list):
            raise UnknownException(f"{self._path} answered something that is not a page", status=response.status)
        items = [self._make(each) for each in data["items"]]
        more = bool(data.get("hasNextPage")) and bool(items)
        return Page(items, int(data.get("totalItemsCount", len(items))), has_next=more, number=number)


def _after(predicates: Mapping[str, Any], last: str) -> dict[str, Any]:
    return {**predicates, "$and": [*predicates.get("$and", ()), {"id": {"$gt": last}}]}


def query_pages(
    session: Session[Colour],
    path: str,
    filters: Filters,
    make: Callable[[Mapping[str, Any]], E],
    *,
    context: Mapping[str, Any] | None = None,
    keyset: bool = False,
) -> Pages[E, Colour]:
    """The listing of a query; `context` is used if the filters bring none of their own.

    With `keyset` it pages by id, unless the filters sort otherwise or start at a later page.
    """
    query = filters.prepare()
    if context is not None:
        query.setdefault("context", dict(context))
    return Pages(
        session, path, make, query=query, keyset=keyset and not query.get("sort") and not filters.custom_filter
    )


class Listing(Generic[S, P, E]):
    """The type of a verb that lists: pages on sync handles; on async ones pages to await or to iterate over."""

    op: Callable[Concatenate[S, P], Pages[E, Any]]

    @overload
    def __get__(self, obj: None, owner: Any) -> Listing[S, P, E]: ...
    @overload
    def __get__(self, obj: Bound[Sync], owner: Any) -> Callable[P, Pages[E, Sync]]: ...
    @overload
    def __get__(self, obj: Bound[Async], owner: Any) -> Callable[P, Pages[E, Async]]: ...
    def __get__(self, obj: Any, owner: Any) -> Any:
        raise NotImplementedError


def listing(build: Callable[Concatenate[S, P], Pages[E, Any]]) -> Listing[S, P, E]:
    """Makes a verb of a method that describes pages: sync handles fetch the first one at once."""

    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self._session.listed(build(self, *args, **kwargs))

    return cast("Listing[S, P, E]", dressed(call, build))
