import os
import subprocess
import sys

import pytest

from dtlpipe.errors import ConfigurationError
from mock_server.store import open_store, reset
from mock_server.store.base import Kind
from mock_server.store.folder import MARKER


def test_a_folder_that_a_live_platform_holds_is_refused(tmp_path):
    store = open_store(tmp_path / "data")
    with pytest.raises(ConfigurationError, match=rf"in use by another platform \(process {os.getpid()}\)"):
        open_store(tmp_path / "data")
    with pytest.raises(ConfigurationError, match="in use"):
        reset(tmp_path / "data")
    store.close()
    open_store(tmp_path / "data").close()


def test_a_platform_that_died_does_not_hold_its_folder(tmp_path):
    code = "import os, sys; from mock_server.store import open_store; s = open_store(sys.argv[1]); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "data"], check=False).returncode == 9
    open_store(tmp_path / "data").close()


def test_a_forked_child_does_not_hold_the_folder_of_its_dead_parent(tmp_path):
    code = """if True:
        import os, sys, time
        from mock_server.store.folder import DataFolder
        folder = DataFolder.take(sys.argv[1])
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, b"up")
            os.close(1)
            time.sleep(60)
            os._exit(0)
        os.read(reader, 2)
        print(child, flush=True)
        os._exit(9)
    """
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "data"], check=False, stdout=subprocess.PIPE)
    child = int(done.stdout)
    try:
        os.kill(child, 0)  # it lives
        open_store(tmp_path / "data").close()
    finally:
        os.kill(child, 9)


def test_opening_fails_without_keeping_the_folder(tmp_path):
    (tmp_path / MARKER).write_text("{}")
    (tmp_path / "store.sqlite3").write_bytes(b"this is no database" * 100)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            open_store(tmp_path)


def test_a_folder_with_somebody_elses_data_is_refused(tmp_path):
    (tmp_path / "blobs").mkdir()
    with pytest.raises(ConfigurationError, match="'blobs' that is not a platform's"):
        open_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["blobs"]


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="cannot hold"):
        open_store(tmp_path / "file")


def test_other_databases_are_refused_by_name(tmp_path):
    with pytest.raises(ConfigurationError, match="'mysql'"):
        open_store(tmp_path, "mysql://localhost/x")
    with pytest.raises(ConfigurationError, match="no data folder"):
        open_store("postgresql://localhost/x")


def test_reset_deletes_what_the_store_made_and_nothing_else(tmp_path):
    store = open_store(tmp_path / "data")
    store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "p1"}))
    store.blobs.put(b"x")
    store.close()
    (tmp_path / "data" / "mine.txt").write_text("keep me")
    reset(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine.txt"]
    store = open_store(tmp_path / "data")
    assert store.get(Kind.PROJECT, "p1") is None
    store.close()
    (tmp_path / "data" / "mine.txt").unlink()
    reset(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_reset_refuses_a_folder_that_is_no_platforms(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "precious").write_text("x")
    with pytest.raises(ConfigurationError, match="nothing was deleted"):
        reset(tmp_path)
    assert (tmp_path / "blobs" / "precious").exists()
    with pytest.raises(ConfigurationError, match="nothing was deleted"):
        reset(tmp_path / "nowhere")


def test_reset_does_not_follow_links_out_of_the_folder(tmp_path):
    open_store(tmp_path / "data").close()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("x")
    for path in (tmp_path / "data" / "blobs").iterdir():
        path.rmdir()
    (tmp_path / "data" / "blobs").rmdir()
    (tmp_path / "data" / "blobs").symlink_to(tmp_path / "outside")
    reset(tmp_path / "data")
    assert (tmp_path / "outside" / "precious").exists()
