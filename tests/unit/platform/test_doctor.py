"""The doctor finds what is wrong, names it, and touches nothing."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from dtlpipe.cli import cli
from dtlpipe.model import times
from mock_server.platform.doctor import examine, folded
from mock_server.store import open_store
from mock_server.store.base import ExecutionRow, Kind, RunRow
from mock_server.testing import LocalPlatform
from tests.unit.platform.building import code_node, definition, port

NOW = times.now()
ME = "me@example.org"


def a_run(id="r1", status="success"):
    return RunRow(
        id=id,
        pipeline_id="p",
        project_id="p",
        revision_id="v",
        status=status,
        creator=ME,
        created_at=NOW,
        updated_at=NOW,
    )


def an_execution(id="e1", status="success", **more):
    return ExecutionRow(
        id=id,
        run_id="r1",
        node_id="a",
        function_name="f",
        status=status,
        creator=ME,
        created_at=NOW,
        updated_at=NOW,
        **more,
    )


def healthy(tx):
    tx.insert_runs([a_run()])
    tx.insert_executions([an_execution()])
    tx.append_event("r1", None, "run.started", {})
    tx.append_event("r1", "e1", "execution.started", {"attempt": 1})
    tx.append_event("r1", "e1", "execution.ended", {"status": "success"})
    tx.append_event("r1", None, "run.ended", {"status": "success"})


@pytest.fixture
def data(tmp_path):
    store = open_store(tmp_path / "data", relaxed=True)
    store.write(healthy)
    store.close()
    (tmp_path / "data").chmod(0o700)
    return tmp_path / "data"


@pytest.fixture
def change(data):
    """Changes what is in the store."""

    def change(intent):
        store = open_store(data, relaxed=True)
        store.write(intent)
        store.close()

    return change


def examined(data, *options, status):
    done = CliRunner().invoke(cli, ["platform", "doctor", "--data", str(data), "--json", *options])
    assert done.exit_code == status, done.output
    found = {each["check"]: each for each in json.loads(done.stdout)["findings"]}
    return {check: each for check, each in found.items() if each["severity"] != "ok" and check != "disk"}


def test_a_store_that_is_whole_is_well(data):
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if "-shm" not in path.name}
    assert examined(data, status=0) == {}
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_it_speaks_to_people_too(data):
    done = CliRunner().invoke(cli, ["platform", "doctor", "--data", str(data)])
    assert done.exit_code == 0
    assert "1 runs are what their events say" in done.output


def test_a_row_that_its_events_do_not_tell_of_is_named(data, change):
    change(lambda tx: tx.set_execution("e1", status="failed"))
    found = examined(data, status=5)["history"]
    assert found["examples"] == ["execution e1 of run r1 is failed, and success by its events"]


def test_a_run_that_is_over_with_something_open_is_named(data, change):
    change(lambda tx: tx.insert_executions([an_execution("e2", "created")]))
    assert "execution e2 of it is open" in examined(data, status=5)["work"]["examples"][0]


def test_a_run_that_cannot_end_is_named(data, change):
    def start(tx):
        tx.insert_runs([a_run("r2", "in-progress")])
        tx.append_event("r2", None, "run.started", {})

    change(start)
    assert "nothing of it is open" in examined(data, status=5)["work"]["examples"][0]


def test_a_lease_that_is_past_is_a_warning(data, change):
    def hold(tx):
        tx.insert_runs([a_run("r2", "in-progress")])
        row = an_execution("e2", "in-progress", worker="w", lease_until=times.from_wire("2020-01-01T00:00:00.000Z"))
        row.run_id = "r2"
        tx.insert_executions([row])
        tx.append_event("r2", None, "run.started", {})
        tx.append_event("r2", "e2", "execution.started", {})

    change(hold)
    assert examined(data, status=0)["leases"]["severity"] == "warning"


def test_a_file_that_is_gone_is_named_with_its_item(data, change):
    change(lambda tx: tx.put(Kind.ITEM, {"id": "i1", "datasetId": "d", "filename": "/a", "_blob": "ab" * 32}))
    assert examined(data, status=5)["blobs"]["examples"] == [f"item i1: {'ab' * 32}"]


def test_files_that_nothing_names_go_if_that_is_asked_for_and_new_ones_stay(data):
    store = open_store(data, relaxed=True)
    old, new, kept = (store.blobs.put(text)[0] for text in (b"old", b"new", b"kept"))
    store.write(lambda tx: tx.put(Kind.ITEM, {"id": "i1", "datasetId": "d", "filename": "/a", "_blob": kept}))
    for name in (old, kept):
        os.utime(store.blobs.path(name), (0, 0))
    paths = [store.blobs.path(name) for name in (old, new, kept)]
    store.close()
    assert examined(data, status=0)["orphans"]["examples"] == [old]
    assert examined(data, "--repair", status=0) == {}
    assert [path.exists() for path in paths] == [False, True, True]


def test_a_database_that_is_damaged_is_found_out(data):
    with closing(sqlite3.connect(data / "store.sqlite3")) as database:
        database.execute("PRAGMA writable_schema=ON")
        database.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'ix_run_open'")
        database.commit()
    assert examined(data, status=5)["integrity"]["severity"] == "error"


def test_an_older_schema_is_a_warning_and_a_newer_one_an_error(data):
    for version, status in (("0001", 0), ("9999", 5)):
        with closing(sqlite3.connect(data / "store.sqlite3")) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", (version,))
            database.commit()
        assert "schema" in examined(data, status=status)


def test_a_secret_that_others_can_read_is_an_error(data):
    (data / "dtlpipe-platform.secret").write_text("00" * 32)
    (data / "dtlpipe-platform.secret").chmod(0o644)
    assert "can be read by others" in examined(data, status=5)["permissions"]["examples"][0]


def test_a_folder_without_a_store_is_refused(tmp_path):
    done = CliRunner().invoke(cli, ["platform", "doctor", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "holds no platform's data" in done.output


def test_a_platform_that_runs_is_asked_and_well_while_it_works(tmp_path):
    node = code_node(
        "a",
        inputs=[port("x", "Json")],
        outputs=[port("x", "Json")],
        config={"package": {"code": "def run(x):\n    return x\n", "name": "run", "type": "code"}},
    )
    (tmp_path / "data").mkdir(mode=0o700)
    with LocalPlatform(tmp_path / "data", workers=1, durability="relaxed") as platform:
        verbs = platform.platform
        project = verbs.projects.create("p", ME)
        made = verbs.pipelines.create({"projectId": project["id"], **definition(node)}, ME)
        verbs.pipelines.install(made["id"], None, ME)
        runs = [verbs.runs.start(made["id"], inputs={"x": 1}, creator=ME)["id"] for _ in range(10)]
        assert examined(tmp_path / "data", status=0) == {}
        done = CliRunner().invoke(cli, ["platform", "doctor", "--data", str(tmp_path / "data"), "--repair"])
        assert "deletes such files itself" in done.output
        for run in runs:
            verbs.runs.get(made["id"], run, wait=30)
        found = examine(
            platform.store,
            platform.store.inspection,
            blobs=tmp_path / "data" / "blobs",
            data_dir=tmp_path / "data",
            now=times.now(),
        )
        assert [each for each in found if each.severity == "error" and each.check != "disk"] == []
    assert examined(tmp_path / "data", status=0) == {}


def test_events_fold_to_the_last_state_that_they_tell():
    events = [
        (None, "run.started", ""),
        ("e", "execution.started", ""),
        ("e", "execution.retried", ""),
        ("e", "execution.started", ""),
        ("e", "execution.ended", "failed"),
        (None, "run.ended", "failed"),
        (None, "run.rerun", ""),
        (None, "run.called_off", "failed"),
        (None, "something.else", ""),
    ]
    assert folded(events) == {None: "failed", "e": "failed"}
