"""Documents: what is put comes back, is found, and is told apart."""
# ruff: noqa: S101 - these are tests

from __future__ import annotations

from typing import Any

import pytest

from dtlpipe.errors import BadRequest, Conflict
from mock_server.store.base import Kind, Store, Tx
from mock_server.store.conformance.subjects import Suite


class DocumentConformance(Suite):
    """Documents."""

    def test_a_document_comes_back_as_it_was_put(self, store: Store) -> None:
        doc = {"id": "p1", "name": "ä", "deep": {"list": [1, 2.5, None, True, {"x": "\x00\u2028"}]}, "big": 2**70}
        store.write(lambda tx: tx.put(Kind.PROJECT, doc))
        assert store.get(Kind.PROJECT, "p1") == doc
        assert store.get(Kind.PROJECT, "p2") is None
        assert store.get(Kind.DATASET, "p1") is None

    def test_putting_again_replaces_the_whole_document(self, store: Store) -> None:
        store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "p1", "name": "a", "old": 1}))
        store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "p1", "name": "b"}))
        assert store.get(Kind.PROJECT, "p1") == {"id": "p1", "name": "b"}
        assert store.find(Kind.PROJECT, {"filter": {"name": "a"}}).total == 0

    def test_private_keys_are_shown_only_to_those_who_ask(self, store: Store) -> None:
        store.write(lambda tx: tx.put(Kind.ITEM, {"id": "i1", "datasetId": "d", "filename": "/a", "_blob": "ab" * 32}))
        assert store.get(Kind.ITEM, "i1") == {"id": "i1", "datasetId": "d", "filename": "/a"}
        found = store.get(Kind.ITEM, "i1", private=True)
        assert found is not None
        assert found["_blob"] == "ab" * 32
        assert [doc.get("_blob") for doc in store.iterate(Kind.ITEM, private=True)] == ["ab" * 32]
        assert "_blob" not in store.find(Kind.ITEM).items[0]
        assert store.count(Kind.ITEM, {"_blob": "ab" * 32}) == 1

    def test_putting_back_what_was_read_keeps_private_keys(self, store: Store) -> None:
        store.write(lambda tx: tx.put(Kind.USER, {"id": "u1", "_hash": "x", "_salt": "y"}))

        def rename(tx: Tx) -> None:
            doc = tx.get(Kind.USER, "u1")
            assert doc is not None
            tx.put(Kind.USER, doc | {"name": "new"})

        store.write(rename)
        assert store.get(Kind.USER, "u1", private=True) == {"id": "u1", "name": "new", "_hash": "x", "_salt": "y"}
        store.write(lambda tx: tx.put(Kind.USER, {"id": "u1", "_salt": None, "_new": 1}))
        assert store.get(Kind.USER, "u1", private=True) == {"id": "u1", "_hash": "x", "_new": 1}

    def test_an_id_or_unique_key_that_exists_is_a_conflict(self, store: Store) -> None:
        item = {"id": "i1", "datasetId": "d", "filename": "/a"}
        store.write(lambda tx: tx.insert(Kind.ITEM, item))
        with pytest.raises(Conflict, match="i1"):
            store.write(lambda tx: tx.insert(Kind.ITEM, item | {"filename": "/b"}))
        with pytest.raises(Conflict, match="/a"):
            store.write(lambda tx: tx.insert(Kind.ITEM, item | {"id": "i2"}))
        with pytest.raises(Conflict, match="filename"):
            store.write(lambda tx: tx.put(Kind.ITEM, item | {"id": "i2"}))
        store.write(lambda tx: tx.insert(Kind.ITEM, item | {"id": "i2", "datasetId": "e"}))
        store.write(lambda tx: tx.insert(Kind.SERVICE, {"id": "s1", "name": "svc"}))
        with pytest.raises(Conflict, match="name"):
            store.write(lambda tx: tx.insert(Kind.SERVICE, {"id": "s2", "name": "svc"}))

    def test_an_intent_may_go_on_after_a_conflict(self, store: Store) -> None:
        def intent(tx: Tx) -> None:
            tx.insert(Kind.SERVICE, {"id": "s1", "name": "svc"})
            with pytest.raises(Conflict):
                tx.insert(Kind.SERVICE, {"id": "s2", "name": "svc"})
            tx.insert(Kind.SERVICE, {"id": "s2", "name": "svc-2"})

        store.write(intent)
        assert store.count(Kind.SERVICE) == 2

    def test_one_key_of_a_document_is_read_without_the_others(self, store: Store) -> None:
        store.write(lambda tx: tx.put(Kind.PIPELINE, {"id": "p1", "name": "a", "status": "Installed", "nodes": []}))
        assert store.field(Kind.PIPELINE, "p1", "status") == "Installed"
        assert store.field(Kind.PIPELINE, "p1", "projectId") is None
        assert store.field(Kind.PIPELINE, "p\x00", "status") is None

        def change(tx: Tx) -> tuple[Any, Any]:
            before = tx.field(Kind.PIPELINE, "p1", "status")
            tx.put(Kind.PIPELINE, {"id": "p1", "name": "a", "status": "Pause"})
            return before, tx.field(Kind.PIPELINE, "p1", "status")

        assert store.write(change) == ("Installed", "Pause")

    def test_what_never_changes_is_read_once_and_never_before_its_commit(self, store: Store) -> None:
        revision = {"id": "r1", "pipelineId": "p1", "number": 1, "nodes": [{"id": "n1"}]}

        def undone(tx: Tx) -> None:
            tx.insert(Kind.REVISION, revision)
            assert tx.get(Kind.REVISION, "r1") == revision
            raise ValueError("on purpose")

        with pytest.raises(ValueError, match="on purpose"):
            store.write(undone)
        assert store.get(Kind.REVISION, "r1") is None
        assert store.get_many(Kind.REVISION, ["r1"]) == {}
        store.write(lambda tx: tx.insert(Kind.REVISION, revision))
        assert store.get_many(Kind.REVISION, ["r1", "r2"]) == {"r1": revision}
        assert store.get(Kind.REVISION, "r1") is store.get(Kind.REVISION, "r1")

    def test_deleting_says_whether_there_was_anything(self, store: Store) -> None:
        store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "p1"}))
        assert store.write(lambda tx: tx.delete(Kind.PROJECT, "p1")) is True
        assert store.write(lambda tx: tx.delete(Kind.PROJECT, "p1")) is False
        assert store.get(Kind.PROJECT, "p1") is None

    @pytest.mark.parametrize(
        "doc", [{"name": "no id"}, {"id": ""}, {"id": 5}, {"id": "x", "name": 5}, {"id": "x", "name": "\x00"}]
    )
    def test_what_would_not_be_found_again_is_refused(self, store: Store, doc: dict[str, Any]) -> None:
        with pytest.raises(BadRequest):
            store.write(lambda tx: tx.put(Kind.PROJECT, doc))

    def test_many_documents_are_read_at_once(self, store: Store) -> None:
        names = [f"p{n:04}" for n in range(1234)]

        def fill(tx: Tx) -> None:
            for name in names:
                tx.put(Kind.PROJECT, {"id": name})

        store.write(fill)
        assert sorted(store.get_many(Kind.PROJECT, [*names, *names, "nobody"])) == names
        assert [doc["id"] for doc in store.iterate(Kind.PROJECT)] == names
        assert store.count(Kind.PROJECT) == 1234
