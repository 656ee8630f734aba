"""What the store is asked of items."""

from __future__ import annotations

import pytest


class Watched:
    """A store, and the filters that it was asked for."""

    def __init__(self, store):
        self._store = store
        self.filters = []

    def __getattr__(self, name):
        return getattr(self._store, name)

    def find(self, kind, query, **more):
        self.filters.append(query.get("filter"))
        return self._store.find(kind, query, **more)


@pytest.fixture
def asked(platform, project, monkeypatch):
    """Queries a dataset, and gives the filter that the store was asked for."""
    dataset = platform.datasets.create({"projects": [project["id"]], "name": "d"}, "me@example.com")
    store = Watched(platform.items._store)
    monkeypatch.setattr(platform.items, "_store", store)

    def ask(filter):
        platform.items.query(dataset["id"], {"filter": filter})
        return store.filters[-1]

    return ask


BELOW = {"filename": {"$gte": "/a/", "$lt": "/a0"}}


@pytest.mark.parametrize("filter", [{"dir": "/a"}, {"dir": "/a", "hidden": False}, {"$and": [{"dir": "/a"}]}])
def test_a_folder_is_looked_for_by_its_path_which_has_an_index(asked, filter):
    found = asked(filter)
    assert found["$and"][0] == BELOW
    assert {**found, "$and": found["$and"][1:]} == {"$and": [], **filter}


@pytest.mark.parametrize("filter", [{"dir": "/a*"}, {"dir": "/"}, {"dir": {"$ne": "/a"}}, {"$or": [{"dir": "/a"}]}])
def test_what_is_not_one_folder_is_asked_for_as_it_is(asked, filter):
    assert asked(filter) == filter
