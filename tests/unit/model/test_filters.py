"""Filters build the query JSON that the field's SDK builds; queries mean what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.errors import BadRequest
from dtlpipe.model.enums import FiltersOperations, FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.model.query import compile_query, glob_pattern, matches

ITEM_DEFAULTS = [{"hidden": False}, {"type": "file"}]


def test_a_query_over_items_leaves_out_folders_and_hidden_items():
    assert Filters().prepare() == {
        "filter": {"$and": ITEM_DEFAULTS},
        "page": 0,
        "pageSize": 1000,
        "resource": "items",
    }
    assert Filters(use_defaults=False).prepare()["filter"] == {}


def test_the_guide_s_query():
    prepared = Filters(field="dir", values="/test", context={"datasets": ["d"]}).prepare()
    assert prepared["filter"] == {"$and": [*ITEM_DEFAULTS, {"dir": "/test"}]}
    assert prepared["context"] == {"datasets": ["d"]}


def test_predicates_are_joined_by_and_or_by_or():
    query = (
        Filters(use_defaults=False).add("a", 1).add("b", [1, 2], FiltersOperations.IN).add("c", 3, method="or").query()
    )
    assert query == {"$and": [{"a": 1}, {"b": {"$in": [1, 2]}}], "$or": [{"c": 3}]}


def test_a_predicate_on_a_default_field_replaces_the_default():
    assert Filters("type", "dir").query() == {"$and": [{"hidden": False}, {"type": "dir"}]}
    both = Filters("type", "dir").add("type", "file", "ne").query()
    assert both == {"$and": [{"hidden": False}, {"type": "dir"}, {"type": {"$ne": "file"}}]}


@pytest.mark.parametrize(
    ("value", "sent"),
    [("/a/b", "/a/b/**"), ("/a/b.png", "/a/b.png"), ("/a/*", "/a/*"), (["/a", "/b.x"], ["/a/**", "/b.x"])],
)
def test_a_folder_named_as_filename_means_everything_below(value, sent):
    assert Filters("filename", value, use_defaults=False).query() == {"$and": [{"filename": sent}]}


def test_pages_are_as_large_as_the_platform_gives_them():
    assert Filters(resource="executions", page_size=5000).prepare()["pageSize"] == 100
    assert Filters(page_size=50).prepare()["pageSize"] == 50


def test_a_custom_filter_is_sent_as_it_is():
    assert Filters(custom_filter={"dir": "/x"}).prepare() == {
        "filter": {"dir": "/x"},
        "resource": "items",
        "page": 0,
        "pageSize": 1000,
    }
    whole = Filters(custom_filter={"filter": {"dir": "/x"}, "page": 3}).prepare()
    assert (whole["filter"], whole["page"]) == ({"dir": "/x"}, 3)


def test_a_custom_filter_is_the_query_also_where_only_predicates_are_asked_for():
    assert Filters(custom_filter={"dir": "/x"}).query() == {"dir": "/x"}
    assert Filters(custom_filter={"filter": {"dir": "/x"}, "page": 3}).query() == {"dir": "/x"}
    assert Filters(custom_filter={"filter": None}).query() == {}


def test_what_is_added_to_a_custom_filter_must_hold_besides():
    filters = Filters(custom_filter={"$or": [{"a": 1}, {"b": 2}]}).add("dir", "/x").sort_by("name")
    body = filters.prepare()
    assert body["filter"] == {"$and": [{"$or": [{"a": 1}, {"b": 2}]}, {"$and": [{"dir": "/x"}]}]}
    assert body["sort"] == {"name": "ascending"}


def test_a_join_asks_for_the_other_side():
    join = Filters().add_join("label", "dog").prepare()["join"]
    assert join["on"] == {"resource": "annotations", "local": "itemId", "forigen": "id"}
    assert join["filter"] == {"$and": [{"label": "dog"}]}
    with pytest.raises(ValueError, match="cannot be joined"):
        Filters(resource=FiltersResource.PIPELINE).add_join("label", "dog")


def test_fields_may_be_asked_for_and_taken_out():
    filters = Filters("dir", "/x").sort_by("name", "descending")
    assert filters.has_field("dir")
    assert not filters.pop("dir").has_field("dir")
    assert filters.prepare()["sort"] == {"name": "descending"}
    assert filters.prepare(query_only=True) == {"filter": {"$and": ITEM_DEFAULTS}}


def test_a_copy_is_changed_without_the_original():
    original = Filters("dir", "/x").add_join("label", "dog").sort_by("name")
    before = original.prepare()
    copy = original.copy().add("type", "dir").add("a", 1, method="or").sort_by("b").add_join("label", "cat")
    assert copy.prepare() != before
    assert original.paged(page=2, page_size=7).prepare() == before | {"page": 2, "pageSize": 7}
    assert original.prepare() == before


def test_a_resource_or_operator_that_is_none_is_refused():
    with pytest.raises(ValueError, match="nonsense"):
        Filters(resource="nonsense")
    with pytest.raises(ValueError, match="roughly"):
        Filters("a", 1, "roughly")


# -- what queries mean ------------------------------------------------------------------------------------------------

DOCUMENT = {
    "name": "b.txt",
    "dir": "/a/b",
    "count": 3,
    "flag": True,
    "nothing": None,
    "tags": ["red", "blue"],
    "metadata": {"user": {"k": 1, "list": [{"x": 1}, {"x": 2}]}},
}


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"name": "b.txt"},
        {"name": "b.*"},
        {"dir": "/a/*"},
        {"dir": "/**"},
        {"count": 3},
        {"count": {"$eq": 3, "$ne": 4}},
        {"count": {"$gt": 2, "$lte": 3}},
        {"count": {"$in": [1, 3]}},
        {"count": {"$nin": [1, 2]}},
        {"count": {"$not": {"$gt": 3}}},
        {"flag": True},
        {"nothing": None},
        {"absent": None},
        {"absent": {"$ne": 1}},
        {"absent": {"$exists": False}},
        {"nothing": {"$exists": True}},
        {"tags": "red"},
        {"tags": ["red", "blue"]},
        {"metadata.user.k": 1},
        {"metadata.user.list.x": 2},
        {"name": {"$match": "^B|txt$"}},
        {"name": {"$regex": "b"}},
        {"metadata.user.list": {"$match": {"x": 2}}},
        {"metadata": {"$match": {"user": {"k": {"$exists": True}, "list": {"x": 1}}}}},
        {"name": {"$glob": "*.txt"}},
        {"$and": [{"name": "b.txt"}, {"count": 3}]},
        {"$or": [{"name": "x"}, {"count": 3}]},
        {"$or": []},
        {"$not": {"name": "x"}},
    ],
)
def test_these_queries_match_the_document(query):
    assert matches(query, DOCUMENT)


@pytest.mark.parametrize(
    "query",
    [
        {"name": "b"},
        {"dir": "/*"},
        {"count": "3"},
        {"count": {"$gt": 3}},
        {"count": {"$gt": "2"}},
        {"flag": 1},
        {"count": True},
        {"name": None},
        {"absent": 1},
        {"absent": {"$exists": True}},
        {"tags": "green"},
        {"tags": {"$nin": ["red"]}},
        {"metadata.user.list.x": 3},
        {"metadata.user.list": {"$match": {"x": 2, "y": {"$exists": True}}}},
        {"tags": {"$match": {"x": 1}}},
        {"metadata.user.k.deeper": 1},
        {"$and": [{"name": "b.txt"}, {"count": 4}]},
        {"$or": [{"name": "x"}, {"count": 4}]},
        {"$not": {"name": "b.txt"}},
    ],
)
def test_these_queries_do_not_match_it(query):
    assert not matches(query, DOCUMENT)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ([], "filter: a query is an object"),
        ({"$and": {}}, r"filter\.\$and: takes a list"),
        ({"$or": [3]}, r"filter\.\$or\[0\]: a query is an object"),
        ({"$near": 3}, r"filter\.\$near: unknown operator"),
        ({"a": {"$near": 3}}, r"filter\.a\.\$near: unknown operator"),
        ({"a": {"$in": 3}}, r"filter\.a\.\$in: takes a list"),
        ({"a": {"$match": "("}}, "is not a regular expression"),
        ({"a": {"$match": 3}}, "takes a text"),
        ({"a": {"$match": {"b": {"$near": 3}}}}, r"a\.\$match\.b\.\$near: unknown operator"),
    ],
)
def test_what_is_no_query_is_refused_with_its_place(query, where):
    with pytest.raises(BadRequest, match=where):
        compile_query(query)


paths = st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=4)


@given(paths)
def test_a_glob_stays_within_a_folder_unless_it_is_double(steps):
    path = "/" + "/".join(steps)
    assert glob_pattern("/**").fullmatch(path)
    assert bool(glob_pattern("/*").fullmatch(path)) is (len(steps) == 1)
    assert glob_pattern("/*" * len(steps)).fullmatch(path)
    assert glob_pattern(path).fullmatch(path)


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=3), st.sampled_from("abc"), st.integers(0, 3)
)
def test_an_operator_and_its_opposite_never_agree(document, field, value):
    assert matches({field: {"$eq": value}}, document) is not matches({field: {"$ne": value}}, document)
    assert matches({field: {"$in": [value]}}, document) is not matches({field: {"$nin": [value]}}, document)
