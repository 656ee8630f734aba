"""Queries: whatever SQL is made to do, a page is what the query language says of all documents, one by one."""
# ruff: noqa: S101 - these are tests

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtlpipe.errors import BadRequest
from dtlpipe.model import times
from dtlpipe.model.query import compile_query
from mock_server.store.base import ExecutionRow, Kind, RunRow, Store, Tx
from mock_server.store.conformance import generate
from mock_server.store.conformance.subjects import Suite, a_run, an_execution

#: One store serves all examples, each in a dataset of its own.
_PROPERTY = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
        HealthCheck.too_slow,
    ],
)
_numbers = count()


def expected(
    documents: Sequence[Mapping[str, Any]], query: Mapping[str, Any], *, newest_first: bool = False
) -> list[Any]:
    """The ids of all matches in order, by the query language and Python alone."""
    matches = compile_query(query["filter"])
    found = [document for document in documents if matches(document)]
    sort = list((query.get("sort") or {}).items())
    by_id_down = sort[0][1] == "descending" if sort else newest_first
    found.sort(key=lambda document: document["id"], reverse=by_id_down)
    for path, direction in reversed(sort):
        found.sort(key=lambda document, path=path: _rank(document, path), reverse=direction == "descending")  # type: ignore[misc]
    return [document["id"] for document in found]


def _rank(document: Any, path: str) -> tuple[int, Any]:
    """Nothing, truth values, numbers, texts; other values are left out of the sorts that are tried."""
    for step in path.split("."):
        document = document.get(step) if isinstance(document, Mapping) else None
    if document is None:
        return 0, 0
    if isinstance(document, bool):
        return 1, document
    return (2, document) if isinstance(document, (int, float)) else (3, document)


def run_document(run: RunRow) -> dict[str, Any]:
    """What filters see of a run."""
    return {
        "id": run.id,
        "pipelineId": run.pipeline_id,
        "status": run.status,
        "latestStatus": {"status": run.status},
        "creator": run.creator,
        "batchId": run.batch_id,
        "testMode": run.test_mode,
        "createdAt": times.to_wire(run.created_at),
    }


def execution_document(execution: ExecutionRow) -> dict[str, Any]:
    """What filters see of an execution."""
    return {
        "id": execution.id,
        "status": execution.status,
        "latestStatus": {"status": execution.status, "percentComplete": execution.percent},
        "pipeline": {"id": "p", "executionId": execution.run_id, "nodeId": execution.node_id},
        "attempts": execution.attempt,
        "functionName": execution.function_name,
    }


class QueryConformance(Suite):
    """Finding."""

    def _fill(self, store: Store, items: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
        dataset = f"d{next(_numbers)}"
        documents = [
            {"id": f"{dataset}-i{n}", "datasetId": dataset, "filename": f"/{n}"} | item for n, item in enumerate(items)
        ]

        def intent(tx: Tx) -> None:
            for document in documents:
                tx.put(Kind.ITEM, document)

        store.write(intent)
        return dataset, documents

    @given(
        items=generate.items,
        filter=generate.filters(generate.ITEM_PATHS),
        sort=generate.sorts(["id", "name", "hidden", "createdAt", "size"]),
    )
    @_PROPERTY
    def test_a_page_is_what_the_query_language_says(
        self, store: Store, items: list[dict[str, Any]], filter: dict[str, Any], sort: dict[str, str]
    ) -> None:
        dataset, documents = self._fill(store, items)
        query = {"filter": {"$and": [filter, {}]}, "sort": sort, "pageSize": 5}
        wanted = expected(documents, query)
        for page_number in range(len(wanted) // 5 + 2):
            page = store.find(Kind.ITEM, query | {"page": page_number}, where={"datasetId": dataset})
            assert [item["id"] for item in page.items] == wanted[page_number * 5 :][:5]
            assert page.total == len(wanted)
            assert page.has_next == (page_number * 5 + 5 < len(wanted))
        assert list(store.iterate(Kind.ITEM, query, where={"datasetId": dataset})) == sorted(
            (document for document in documents if document["id"] in wanted), key=lambda document: str(document["id"])
        )

    @given(
        items=generate.items,
        filter=generate.filters(generate.ITEM_PATHS),
        descending=st.booleans(),
        change=st.booleans(),
    )
    @_PROPERTY
    def test_following_the_cursor_reads_every_match_once_under_one_total(
        self,
        store: Store,
        items: list[dict[str, Any]],
        filter: dict[str, Any],
        *,
        descending: bool,
        change: bool,
    ) -> None:
        dataset, documents = self._fill(store, items)
        sort = {"id": "descending" if descending else "ascending"}
        wanted = expected(documents, {"filter": filter, "sort": sort})
        seen: list[str] = []
        conditions: list[dict[str, Any]] = [filter, {}]  # a filter of the id in the last place would be a cursor
        for pages_left in range(len(wanted) // 3, -1, -1):
            query = {"filter": {"$and": conditions}, "sort": sort, "page": 0, "pageSize": 3}
            page = store.find(Kind.ITEM, query, where={"datasetId": dataset})
            seen += [item["id"] for item in page.items]
            assert page.total == len(wanted)
            assert page.pages == -(-len(wanted) // 3)
            if not page.has_next:
                break
            assert pages_left > 0
            if change:
                store.write(lambda tx: tx.put(Kind.ITEM, documents[0]))
            conditions = [filter, {}, {"id": {"$lt" if descending else "$gt": seen[-1]}}]
        assert seen == wanted

    @given(
        statuses=st.lists(st.sampled_from(["created", "pending", "success", "failed"]), max_size=10),
        filter=generate.filters(
            ["id", "status", "latestStatus.status", "pipelineId", "batchId", "testMode", "createdAt"]
        ),
        sort=generate.sorts(["id", "status", "createdAt"]),
    )
    @_PROPERTY
    def test_a_page_of_runs_is_what_the_query_language_says(
        self, store: Store, statuses: list[str], filter: dict[str, Any], sort: dict[str, str]
    ) -> None:
        pipeline = f"p{next(_numbers)}"
        runs = [
            a_run(pipeline_id=pipeline, status=status, test_mode=n % 2 == 0, batch_id="a" if n % 3 else None)
            for n, status in enumerate(statuses)
        ]
        store.write(lambda tx: tx.insert_runs(runs))
        query = {"filter": filter, "sort": sort, "pageSize": 4, "page": 1}
        wanted = expected([run_document(run) for run in runs], query, newest_first=True)
        found, total = store.find_runs(query, where={"pipelineId": pipeline})
        assert [run.id for run in found] == wanted[4:8]
        assert total == len(wanted)

    @given(
        nodes=st.lists(st.sampled_from(["n1", "n2", "a", None]), max_size=10),
        filter=generate.filters(
            ["id", "status", "latestStatus.percentComplete", "pipeline.nodeId", "pipeline.executionId", "attempts"]
        ),
    )
    @_PROPERTY
    def test_a_page_of_executions_is_what_the_query_language_says(
        self, store: Store, nodes: list[str | None], filter: dict[str, Any]
    ) -> None:
        service = f"s{next(_numbers)}"
        executions = [
            an_execution(service_id=service, node_id=node, percent=n / 2 if n % 2 else None, attempt=n, run_id="a")
            for n, node in enumerate(nodes)
        ]
        store.write(lambda tx: tx.insert_executions(executions))
        wanted = expected([execution_document(each) for each in executions], {"filter": filter}, newest_first=True)
        found, total = store.find_executions({"filter": filter}, where={"serviceId": service})
        assert [execution.id for execution in found] == wanted
        assert total == len(wanted)

    def test_every_glob_finds_what_the_query_language_finds(self, store: Store) -> None:
        _, documents = self._fill(store, [{"name": stem} for stem in generate.STEMS])
        wrong = []
        for glob in generate.GLOBS:
            for query in ({"name": glob}, {"name": {"$nin": [glob, "b"]}}):
                found = [item["id"] for item in store.find(Kind.ITEM, {"filter": query}).items]
                if found != expected(documents, {"filter": query}):
                    wrong.append(query)
        assert wrong == []

    @given(asked=st.sampled_from(generate.INNER_QUESTIONS), denied=st.booleans())
    @_PROPERTY
    def test_values_within_bodies_are_found_as_the_query_language_finds_them(
        self, store: Store, asked: Any, *, denied: bool
    ) -> None:
        dataset, documents = self._fill(store, [{"metadata": value} for value in generate.METADATA])
        query = {"metadata.user.v": asked}
        sought = {"filter": {"$not": query} if denied else query, "pageSize": 7}
        wanted = expected(documents, sought)
        page = store.find(Kind.ITEM, sought, where={"datasetId": dataset})
        assert [item["id"] for item in page.items] == wanted[:7]
        assert page.total == len(wanted)

    def test_a_null_project_means_every_project(self, store: Store) -> None:
        store.write(lambda tx: tx.put(Kind.PIPELINE, {"id": "p1", "projectId": "a", "name": "x"}))
        store.write(lambda tx: tx.insert_runs([a_run()]))
        everywhere = {"$and": [{"name": "x"}, {"projectId": None}, {"projectId": {"$eq": None}}]}
        assert store.find(Kind.PIPELINE, {"filter": everywhere}).total == 1
        assert store.find(Kind.PIPELINE, {"filter": {"projectId": None, "name": "x"}}).total == 1
        assert store.find(Kind.PIPELINE, {"filter": {"$or": [{"projectId": None}]}}).total == 0
        assert store.find_runs({"filter": {"projectId": None}})[1] == 1

    def test_the_context_narrows_to_datasets_and_projects(self, store: Store) -> None:
        def fill(tx: Tx) -> None:
            for name, dataset, project in (("i1", "d1", "p1"), ("i2", "d2", "p1"), ("i3", "d3", "p2")):
                tx.put(Kind.ITEM, {"id": name, "datasetId": dataset, "projectId": project, "filename": "/x"})
                tx.put(Kind.DATASET, {"id": dataset, "projects": [project, "p3"]})

        def found(kind: Kind, **context: Any) -> list[str]:
            return [doc["id"] for doc in store.find(kind, {"filter": {}, "context": context}).items]

        store.write(fill)
        assert found(Kind.ITEM, datasets=["d1", "d3"]) == ["i1", "i3"]
        assert found(Kind.ITEM, projects=["p1"]) == ["i1", "i2"]
        assert found(Kind.ITEM, projects=["p1"], datasets=["d2"]) == ["i2"]
        assert found(Kind.ITEM, datasets=None) == ["i1", "i2", "i3"]
        assert found(Kind.ITEM, datasets=[]) == []
        assert found(Kind.DATASET, projects=["p3"]) == ["d1", "d2", "d3"]
        assert store.count(Kind.DATASET, {"projectId": "p1"}) == 2

    def test_items_are_joined_to_their_annotations_and_back(self, store: Store) -> None:
        def fill(tx: Tx) -> None:
            for n in range(700):  # more than one chunk
                tx.put(Kind.ITEM, {"id": f"i{n:03}", "datasetId": "d1", "filename": f"/{n}", "type": "file"})
                label = "dog" if n % 7 == 0 else "cat"
                annotation = {"id": f"a{n:03}", "datasetId": "d1", "itemId": f"i{n:03}", "label": label}
                tx.put(Kind.ANNOTATION, annotation)

        store.write(fill)
        on = {"resource": "annotations", "local": "itemId", "forigen": "id"}
        join = {"on": on, "filter": {"$and": [{"label": "dog"}]}}
        page = store.find(
            Kind.ITEM, {"filter": {"type": "file"}, "join": join, "pageSize": 10}, where={"datasetId": "d1"}
        )
        assert [item["id"] for item in page.items] == [f"i{n:03}" for n in range(0, 70, 7)]
        assert page.total == 100
        on = {"resource": "items", "local": "id", "forigen": "itemId"}
        join = {"on": on, "filter": {"$and": [{"filename": "/5"}]}}
        assert [each["id"] for each in store.iterate(Kind.ANNOTATION, {"join": join})] == ["a005"]

    def test_where_means_equality_and_a_list_any_of(self, store: Store) -> None:
        def fill(tx: Tx) -> None:
            tx.put(Kind.SERVICE, {"id": "s1", "name": "a", "pipelineId": "p1"})
            tx.put(Kind.SERVICE, {"id": "s2", "name": "b*", "pipelineId": None})
            tx.put(Kind.TRIGGER, {"id": "t1", "spec": {"operation": {"type": "pipeline", "id": "p1"}}})
            tx.put(Kind.TRIGGER, {"id": "t2", "spec": {"operation": {"type": "function", "serviceId": "s1"}}})

        store.write(fill)
        assert store.count(Kind.SERVICE, {"pipelineId": ["p1", "p2"]}) == 1
        assert store.count(Kind.SERVICE, {"pipelineId": None}) == 1
        assert store.count(Kind.SERVICE, {"name": "b*"}) == 1
        assert store.count(Kind.TRIGGER, {"pipelineId": "p1"}) == 1
        assert store.count(Kind.TRIGGER, {"serviceId": "s1"}) == 1
        with pytest.raises(ValueError, match="colour"):
            store.count(Kind.SERVICE, {"colour": "red"})

    @pytest.mark.parametrize(
        "query",
        [
            {"filter": []},
            {"filter": {"$or": {}}},
            {"filter": {"name": {"$in": "x"}}},
            {"filter": {"name": {"$match": "("}}},
            {"filter": {"$near": 1}},
            {"page": -1},
            {"page": True},
            {"page": 10**30},
            {"pageSize": 0},
            {"pageSize": "5"},
            {"sort": "name"},
            {"sort": {"name": "up"}},
            {"context": ["d1"]},
            {"context": {"datasets": "d1"}},
            {"join": {"on": {"resource": "items"}}},
            {"join": {"on": {"resource": "moons", "local": "id", "forigen": "id"}}},
        ],
    )
    def test_a_query_that_is_none_is_refused(self, store: Store, query: dict[str, Any]) -> None:
        with pytest.raises(BadRequest):
            store.find(Kind.ITEM, query)
        with pytest.raises(BadRequest):
            store.iterate(Kind.ITEM, query)

    def test_a_query_that_is_nested_too_deeply_is_refused(self, store: Store) -> None:
        nested: dict[str, Any] = {}
        for _ in range(5000):
            nested = {"$and": [nested]}
        with pytest.raises(BadRequest, match="nested"):
            store.find(Kind.ITEM, {"filter": nested})

    def test_fields_that_runs_and_executions_lack_are_refused_by_name(self, store: Store) -> None:
        with pytest.raises(BadRequest, match="colour"):
            store.find_runs({"filter": {"$and": [{"$or": [{"colour": "red"}]}]}})
        with pytest.raises(BadRequest, match="colour"):
            store.find_executions({"sort": {"colour": "ascending"}})

    def test_a_page_is_never_larger_than_a_thousand_and_large_filters_work(self, store: Store) -> None:
        names = [f"p{n:05}" for n in range(2100)]

        def fill(tx: Tx) -> None:
            for name in names:
                tx.put(Kind.PROJECT, {"id": name, "name": name})

        store.write(fill)
        page = store.find(Kind.PROJECT, {"pageSize": 100_000})
        assert (len(page.items), page.total, page.pages, page.has_next) == (1000, 2100, 3, True)
        some = [*names[:2050], *(f"x{n}" for n in range(8000))]
        assert store.find(Kind.PROJECT, {"filter": {"id": {"$in": some}}, "page": 2}).total == 2050
        either = {"$or": [{"name": name} for name in names[:1200]]}
        assert store.find(Kind.PROJECT, {"filter": either}, where={"name": names[1195:1205]}).total == 5
        by_other = store.find(Kind.PROJECT, {"sort": {"other": "descending"}, "pageSize": 2, "page": 1})
        assert [each["id"] for each in by_other.items] == ["p02097", "p02096"]

    def test_what_is_remembered_of_a_total_is_forgotten_when_a_document_changes(self, store: Store) -> None:
        def put(number: int, *, user: str) -> None:
            item = {"id": f"i{number}", "datasetId": "d", "filename": f"/{number}", "metadata": {"user": user}}
            store.write(lambda tx: tx.put(Kind.ITEM, item))

        def page(*cursor: dict[str, Any]) -> tuple[list[str], int, bool]:
            conditions = [{"metadata.user": "x"}, *cursor]
            found = store.find(Kind.ITEM, {"filter": {"$and": conditions}, "pageSize": 2})
            return [item["id"] for item in found.items], found.total, found.has_next

        for number in range(5):
            put(number, user="x")
        after = {"id": {"$gt": "i1"}}
        assert page() == (["i0", "i1"], 5, True)
        assert page(after) == (["i2", "i3"], 5, True)
        put(3, user="y")
        assert page(after) == (["i2", "i4"], 4, False)
        assert page() == (["i0", "i1"], 4, True)
        put(0, user="y")
        assert page(after) == (["i2", "i4"], 3, False)
        assert page() == (["i1", "i2"], 3, True)
        after = {"id": {"$gt": "i2"}}
        store.write(lambda tx: tx.delete(Kind.ITEM, "i1"))
        assert page(after) == (["i4"], 2, False)
