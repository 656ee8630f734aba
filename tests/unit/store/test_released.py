"""Stores as earlier releases left them, opened by this one. What they were made by: released/freeze.py."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mock_server.store import shapes
from mock_server.store.base import Kind
from mock_server.store.folder import MARKER
from mock_server.testing import LocalPlatform

RELEASED = Path(__file__).parent / "released"
BYTES = b"bytes of the first release\n"
BLOB = "5ad711b64936b248bf48e8dcdfa463d9b9b6eb0439ce92fbe2a1b2db26634b95"


def test_every_schema_but_the_newest_has_a_store_that_was_left_by_its_release():
    assert sorted(path.stem for path in RELEASED.glob("*.sql")) == list(shapes.REVISIONS[:-1])


@pytest.fixture(params=shapes.REVISIONS[:-1])
def folder(request, tmp_path):
    """A data folder as that release left it when it was killed."""
    data = tmp_path / "data"
    (data / "blobs" / BLOB[:2]).mkdir(parents=True)
    (data / "blobs" / BLOB[:2] / BLOB[2:]).write_bytes(BYTES)
    (data / MARKER).write_text(json.dumps({"format": 1, "what": "data of a dtlpipe platform"}))
    with closing(sqlite3.connect(data / "store.sqlite3")) as database:
        database.executescript((RELEASED / f"{request.param}.sql").read_text())
        database.commit()
    return data


def test_a_store_of_an_earlier_release_has_all_its_data_and_its_open_runs_finish(folder):
    with LocalPlatform(folder, durability="relaxed") as platform:
        store, verbs = platform.store, platform.platform
        assert store.inspection.schema_version() == shapes.HEAD
        assert store.inspection.integrity() == []
        pipelines = {each["name"]: each["id"] for each in store.find(Kind.PIPELINE).items}
        assert set(pipelines) == {"chain", "bad"}
        (item,) = store.find(Kind.ITEM).items
        assert verbs.items.open(item["id"]).size == len(BYTES)
        runs, total = store.find_runs({"sort": {"createdAt": "ascending"}})
        assert total == 15
        ended = [verbs.runs.get(row.pipeline_id, row.id, wait=60) for row in runs]
        assert [run["status"] for run in ended] == ["success", "failed", *["success"] * 13]
        for row, run in zip(runs, ended, strict=True):
            if row.pipeline_id == pipelines["chain"]:
                (last,) = run["executions"]["b"]
                assert last["output"] == 2 * (row.inputs["x"] + 1)
        assert runs[1].error is not None
        assert "no such luck" in runs[1].error["message"]
        assert [line.message for line in store.logs(run_id=runs[0].id)] == ["a line"]
        assert [event.kind for event in store.events(runs[0].id)][-1] == "run.ended"


def test_what_an_earlier_release_made_can_be_run_again_by_this_one(folder):
    with LocalPlatform(folder, durability="relaxed") as platform:
        verbs = platform.platform
        (chain,) = [each["id"] for each in platform.store.find(Kind.PIPELINE).items if each["name"] == "chain"]
        run = verbs.runs.start(chain, inputs={"x": 7}, creator="ann@example.org")
        assert verbs.runs.get(chain, run["id"], wait=60)["executions"]["b"][0]["output"] == 16
