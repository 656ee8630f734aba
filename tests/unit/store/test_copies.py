"""Copies of a store: taken under load, put back whole, believed in nothing."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import threading

import pytest
from click.testing import CliRunner

from dtlpipe.cli import cli
from dtlpipe.errors import ConfigurationError
from mock_server.store import open_store, sqlite_copies
from mock_server.store.base import Kind
from mock_server.store.sqlite_copies import back_up, restore
from mock_server.testing import LocalPlatform
from tests.unit.platform.building import code_node, definition, port


def an_item(store, number):
    blob, size = store.blobs.put(f"bytes of {number}".encode())
    document = {"id": f"i{number}", "datasetId": "d", "filename": f"/{number}", "size": size, "_blob": blob}
    store.write(lambda tx: tx.put(Kind.ITEM, document))
    return blob


@pytest.fixture
def data(tmp_path):
    """A folder with three items in it."""
    store = open_store(tmp_path / "data", relaxed=True)
    for number in range(3):
        an_item(store, number)
    store.close()
    return tmp_path / "data"


@pytest.fixture
def copy(data, tmp_path):
    back_up(data, tmp_path / "copy.tar")
    return tmp_path / "copy.tar"


def remade(copy, change):
    """The copy with other members: `change` takes and gives {name: bytes}."""
    with tarfile.open(copy) as tar:
        members = {each.name: tar.extractfile(each).read() for each in tar}
    with tarfile.open(copy, "w") as tar:
        for name, content in change(members).items():
            member = tarfile.TarInfo(name)
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def refused(copy, tmp_path, match):
    with pytest.raises(ConfigurationError, match=match):
        restore(copy, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".new*"))


@pytest.mark.parametrize("name", ["copy.tar", "copy.tar.gz"])
def test_what_is_restored_is_what_was_copied(data, tmp_path, name):
    manifest = back_up(data, tmp_path / name)
    assert manifest.blobs == 3
    assert restore(tmp_path / name, tmp_path / "new") == manifest
    with open_store_closing(tmp_path / "new") as store:
        assert [each["id"] for each in store.find(Kind.ITEM).items] == ["i0", "i1", "i2"]
        for _, id, blob in store.inspection.blob_names():
            with store.blobs.open(blob) as file:
                assert file.read() == f"bytes of {id[1:]}".encode()


def open_store_closing(folder):
    from contextlib import closing

    return closing(open_store(folder, relaxed=True))


def test_a_copy_is_taken_again_if_a_blob_went_while_it_was(data, tmp_path, monkeypatch):
    store = open_store(data, relaxed=True)
    snapshot, taken = sqlite_copies._snapshot, []

    def snapshot_and_sweep(source, target):
        snapshot(source, target)
        taken.append(target)
        if len(taken) == 1:
            store.write(lambda tx: tx.delete(Kind.ITEM, "i1"))
            assert store.blobs.sweep({blob for _, _, blob in store.inspection.blob_names()}, older_than=-1.0) == 1

    monkeypatch.setattr(sqlite_copies, "_snapshot", snapshot_and_sweep)
    try:
        manifest = back_up(data, tmp_path / "copy.tar")
    finally:
        store.close()
    assert len(taken) == 2
    assert manifest.blobs == 2
    restore(tmp_path / "copy.tar", tmp_path / "new")


def test_a_copy_never_takes_the_place_of_a_file(data, copy):
    with pytest.raises(ConfigurationError, match="exists already"):
        back_up(data, copy)


def test_a_copy_is_never_restored_over_data(data, copy):
    with pytest.raises(ConfigurationError, match="exists already"):
        restore(copy, data)


def test_a_folder_without_a_store_is_not_copied(tmp_path):
    with pytest.raises(ConfigurationError, match="no SQLite store"):
        back_up(tmp_path, tmp_path / "copy.tar")
    assert not (tmp_path / "copy.tar").exists()


def test_a_blob_that_was_lost_is_named_and_no_copy_is_made(data, tmp_path):
    shutil.rmtree(data / "blobs")
    with pytest.raises(ConfigurationError, match="is not there"):
        back_up(data, tmp_path / "copy.tar")
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "blobs/../../evil", "blobs/ab/cd", "other.txt"])
def test_a_name_that_is_no_part_of_a_store_refuses_the_copy(copy, tmp_path, name):
    remade(copy, lambda members: {**members, name: b"evil"})
    refused(copy, tmp_path, "no part of a store")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_plain_file_refuses_the_copy(copy, tmp_path, kind):
    link = tarfile.TarInfo("blobs")
    link.type, link.linkname = kind, "/tmp"
    remade(copy, lambda members: {"blobs": link, **members})
    refused(copy, tmp_path, "no plain file")


def test_a_blob_that_is_not_what_its_name_says_refuses_the_copy(copy, tmp_path):
    def change(members):
        name = next(each for each in members if each.startswith("blobs/"))
        return {**members, name: b"other bytes"}

    remade(copy, change)
    refused(copy, tmp_path, "not what its name says")


def test_a_blob_that_is_missing_refuses_the_copy(copy, tmp_path):
    def change(members):
        del members[next(each for each in members if each.startswith("blobs/"))]
        return members

    remade(copy, change)
    refused(copy, tmp_path, "1 files that its rows name")


def test_a_database_that_was_changed_refuses_the_copy(copy, tmp_path):
    remade(copy, lambda members: {**members, "store.sqlite3": members["store.sqlite3"][:-4096] + bytes(4096)})
    refused(copy, tmp_path, "not the one that was copied")


def test_a_copy_that_was_cut_short_is_refused(copy, tmp_path):
    copy.write_bytes(copy.read_bytes()[:2000])
    refused(copy, tmp_path, "cannot be read|has no manifest|damaged")


def test_what_is_no_copy_at_all_is_refused(tmp_path):
    (tmp_path / "copy.tar").write_bytes(b"not a tar" * 1000)
    refused(tmp_path / "copy.tar", tmp_path, "cannot be read")


@pytest.mark.parametrize("text", [b"{}", b"[]", b"no json", json.dumps({"format": 2}).encode()])
def test_a_manifest_that_cannot_be_read_refuses_the_copy(copy, tmp_path, text):
    remade(copy, lambda members: {**members, "manifest.json": text})
    refused(copy, tmp_path, "manifest|format")


def test_a_copy_of_a_newer_platform_is_refused(data, tmp_path):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(data / "store.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    back_up(data, tmp_path / "copy.tar")
    refused(tmp_path / "copy.tar", tmp_path, "newer dtlpipe")


def test_every_run_that_was_accepted_before_the_copy_is_in_it_and_finishes(tmp_path):
    node = code_node(
        "a",
        inputs=[port("x", "Json")],
        outputs=[port("x", "Json")],
        config={"package": {"code": "def run(x):\n    return x\n", "name": "run", "type": "code"}},
    )
    accepted: list[str] = []
    with LocalPlatform(tmp_path / "data", workers=1, durability="relaxed") as platform:
        verbs = platform.platform
        project = verbs.projects.create("p", "me@example.org")
        made = verbs.pipelines.create({"projectId": project["id"], **definition(node)}, "me@example.org")
        verbs.pipelines.install(made["id"], None, "me@example.org")
        stop = threading.Event()

        def submit():
            while not stop.is_set() and len(accepted) < 60:
                run = verbs.runs.start(made["id"], inputs={"x": 1}, creator="me@example.org")
                accepted.append(run["id"])

        thread = threading.Thread(target=submit)
        thread.start()
        while len(accepted) < 20 and thread.is_alive():
            thread.join(0.01)
        before = list(accepted)
        done = CliRunner().invoke(
            cli, ["platform", "backup", str(tmp_path / "copy.tar"), "--data", str(tmp_path / "data")]
        )
        stop.set()
        thread.join()
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(
        cli, ["platform", "restore", str(tmp_path / "copy.tar"), "--data-dir", str(tmp_path / "new")]
    )
    assert done.exit_code == 0, done.output
    with LocalPlatform(tmp_path / "new", durability="relaxed") as platform:
        for id in before:
            assert platform.platform.runs.get(made["id"], id, wait=30)["status"] == "success"
