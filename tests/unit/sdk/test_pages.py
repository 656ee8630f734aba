"""Pages: entities one by one, pages only when they are needed."""

from __future__ import annotations

import inspect

import attrs
import pytest

from dtlpipe.errors import UnknownException
from dtlpipe.model.filters import Filters
from dtlpipe.sansio.effects import Emit, Request
from dtlpipe.sansio.operation import Bound, Colour
from dtlpipe.sansio.pages import Pages, listing, query_pages
from tests.unit.sdk.hand import Hand, Unconnected, reply


@attrs.define
class Thing:
    id: str


class Shelf(Unconnected):
    """A session that answers queries about things with ids 00..., and counts them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.ids = [f"{n:03}" for n in range(count)]
        self.requests: list[Request] = []

    def run(self, op):
        return list(self._emitted(op, result := []))[:0] or result[0]

    def stream(self, flow):
        return self._emitted(flow, [])

    def listed(self, pages):
        self.run(pages.fetch())
        return pages

    def _emitted(self, generator, result):
        answer = None
        while True:
            try:
                step = generator.send(answer)
            except StopIteration as stop:
                result.append(stop.value)
                return
            if isinstance(step, Emit):
                answer = None
                yield step.value
            else:
                self.requests.append(step)
                answer = reply(self._answer(step.json))

    def _answer(self, query):
        if query is None:
            return [{"id": each} for each in self.ids]
        ids = self.ids
        for predicate in query["filter"].get("$and", ()):
            if "id" in predicate:
                ids = [each for each in ids if each > predicate["id"]["$gt"]]
        size, page = query["pageSize"], query["page"]
        chosen = ids[page * size : (page + 1) * size]
        return {
            "items": [{"id": each} for each in chosen],
            "totalItemsCount": len(ids),
            "totalPagesCount": 0,
            "hasNextPage": (page + 1) * size < len(ids),
        }


def things(count: int, *, keyset: bool = False, **filters) -> tuple[Shelf, Pages]:
    shelf = Shelf(count)
    query = Filters(resource="datasets", page_size=3, **filters)
    pages = query_pages(shelf, "/things/query", query, lambda data: Thing(data["id"]), keyset=keyset)
    return shelf, shelf.listed(pages)


@pytest.mark.parametrize("keyset", [False, True])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 9, 10])
def test_iterating_gives_every_entity_once_in_order(count, keyset):
    shelf, pages = things(count, keyset=keyset)
    assert [each.id for each in pages] == shelf.ids
    assert pages.items_count == len(pages) == count, "and later pages do not change the count"


def test_the_first_page_is_fetched_once():
    shelf, pages = things(2)
    list(pages)
    list(pages.pages())
    _ = pages.items, pages[0], len(pages)
    assert len(shelf.requests) == 1


def test_further_pages_are_fetched_when_they_are_needed():
    shelf, pages = things(9)
    walk = iter(pages)
    for _ in range(3):
        next(walk)
    assert len(shelf.requests) == 1
    next(walk)
    assert len(shelf.requests) == 2
    assert [each.id for each in pages.items] == ["003", "004", "005"]
    assert pages.page_offset == 1


def test_keyset_pages_ask_for_what_comes_after_the_last_id():
    shelf, pages = things(7, keyset=True, field="name", values="x")
    shelf.ids.remove("001")  # what is removed meanwhile hides nothing
    assert [each.id for each in pages] == [f"{n:03}" for n in range(7)]
    bodies = [each.json for each in shelf.requests]
    assert [body["page"] for body in bodies] == [0, 0, 0]
    assert bodies[0]["sort"] == {"id": "ascending"}
    assert bodies[1]["filter"]["$and"][-1] == {"id": {"$gt": "002"}}
    assert bodies[0]["filter"]["$and"] == [{"name": "x"}], "the user's own query is not changed"


def test_a_query_that_sorts_is_paged_by_number():
    shelf = Shelf(5)
    query = Filters(resource="datasets", page_size=3).sort_by("name")
    pages = query_pages(shelf, "/things/query", query, lambda data: Thing(data["id"]), keyset=True)
    list(pages)
    assert [each.json["page"] for each in shelf.requests] == [0, 1]
    assert shelf.requests[0].json["sort"] == {"name": "ascending"}


def test_pages_are_lists_of_entities():
    _, pages = things(7)
    assert [[each.id for each in page] for page in pages.pages()] == [
        ["000", "001", "002"],
        ["003", "004", "005"],
        ["006"],
    ]


def test_an_index_counts_over_all_pages():
    _, pages = things(7)
    assert pages[0].id == "000"
    assert pages[5].id == "005"
    assert pages[-1].id == "006"
    assert [each.id for each in pages[2:5]] == ["002", "003", "004"]
    assert [each.id for each in pages[::-1]] == [f"{n:03}" for n in range(6, -1, -1)]
    with pytest.raises(IndexError, match="there are 7"):
        pages[7]
    with pytest.raises(IndexError):
        pages[-8]


def test_slices_are_those_of_a_list():
    _, pages = things(7)
    whole = list(range(7))
    for start in (None, -9, -2, 0, 3, 9):
        for stop in (None, -9, -2, 0, 3, 9):
            for step in (None, 1, 2, -1, -3):
                there = [int(each.id) for each in pages[start:stop:step]]
                assert there == whole[start:stop:step], (start, stop, step)


def test_a_bare_list_is_one_page():
    shelf = Shelf(4)
    pages = shelf.listed(Pages(shelf, "/things", lambda data: Thing(data["id"])))
    assert len(list(pages)) == len(pages) == 4
    assert not pages.has_next_page
    assert shelf.requests[0].method == "GET"


def test_nothing_found_is_false_and_empty():
    _, pages = things(0)
    assert not pages
    assert list(pages) == []
    assert pages.total_pages_count == 0


def test_an_answer_that_is_no_page_is_an_error_and_not_an_empty_list():
    pages = Pages(Unconnected(), "/things/query", Thing, query={"filter": {}})
    hand = Hand(pages.fetch())
    with pytest.raises(UnknownException, match="not a page"):
        hand.answer(reply({"message": "?"}))


def test_a_page_that_says_more_but_brings_nothing_ends_it():
    pages = Pages(Unconnected(), "/things/query", Thing, query={"filter": {}})
    hand = Hand(pages.collect())
    hand.answer(reply({"items": [], "totalItemsCount": 5, "hasNextPage": True}))
    assert hand.result == []


def test_pages_that_were_not_fetched_say_how_to():
    pages = Pages(Unconnected(), "/things", Thing)
    assert "not fetched" in repr(pages)
    with pytest.raises(TypeError, match="await"):
        len(pages)


def test_a_listing_s_signature_is_the_method_s():
    class Things(Bound[Colour]):
        @listing
        def list(self, name: str | None = None) -> Pages[Thing, Colour]:
            """All things."""
            return Pages(self._session, "/things", lambda data: Thing(data["id"]))

    assert list(inspect.signature(Things.list).parameters) == ["self", "name"]
    assert Things.list.__doc__ == "All things."
    assert len(Things(session=Shelf(2)).list()) == 2
