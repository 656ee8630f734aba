"""What is acknowledged survives: processes are killed while they write, at random and at each side of a COMMIT."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from mock_server.store import open_store
from mock_server.store.base import Kind

#: Writes pairs for ever, several at a time, and prints the name of each pair that was acknowledged.
WRITER = """if True:
    import os, sys, threading
    from mock_server.store.base import Kind
    from mock_server.store.sql import SqlStore

    place, url, life, point = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]
    passed = 0

    def probe(at):
        global passed
        passed += at == point
        if passed == 7:
            os._exit(9)

    store = SqlStore.open(place, url or None, probe=probe)

    def pair(name):
        def intent(tx):
            tx.insert(Kind.PROJECT, {"id": name + "-left"})
            tx.append_event(name, None, "made", {})
            tx.insert(Kind.PROJECT, {"id": name + "-right"})
        return intent

    def work(thread):
        for step in range(1_000_000):
            name = f"{life}-{thread}-{step}"
            store.write(pair(name))
            os.write(1, (name + "\\n").encode())

    for thread in range(4):
        threading.Thread(target=work, args=(thread,), daemon=True).start()
    threading.Event().wait()
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """None is SQLite."""
    return request.getfixturevalue("database") if request.param == "postgres" else None


def start(place, url, life, point="never"):
    return subprocess.Popen([sys.executable, "-c", WRITER, place, url or "", life, point], stdout=subprocess.PIPE)


def acknowledged(process):
    """The names that were printed in full."""
    lines = process.stdout.read().split(b"\n")
    process.stdout.close()
    return [line.decode() for line in lines[:-1]]


def check(place, url, names):
    if url is None:
        with contextlib.closing(sqlite3.connect(place / "store.sqlite3")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = open_store(place, url, standby=url is not None)  # the dead one's session may take a moment to end
    try:
        kept = {doc["id"] for doc in store.iterate(Kind.PROJECT)}
        lost = [name for name in names if f"{name}-left" not in kept or f"{name}-right" not in kept]
        assert lost == []
        halves = [
            id for id in kept if id.replace("left", "right") not in kept or id.replace("right", "left") not in kept
        ]
        assert halves == []
        events = store.events(limit=1_000_000)
        assert len(events) == len(kept) // 2
        assert len({event.id for event in events}) == len(events)
    finally:
        store.close()


def test_a_killed_writer_loses_nothing_that_it_has_acknowledged(tmp_path, url):
    names = []
    for life in range(4):
        process = start(tmp_path / "data", url, f"life{life}")
        for _ in range(5 + 17 * life):
            names.append(process.stdout.readline().decode().strip())
        os.kill(process.pid, signal.SIGKILL)
        names += acknowledged(process)
        assert process.wait(30) == -signal.SIGKILL
        check(tmp_path / "data", url, names)


@pytest.mark.parametrize("point", ["before commit", "after commit"])
def test_a_crash_on_either_side_of_a_commit_loses_nothing(tmp_path, url, point):
    process = start(tmp_path / "data", url, "life", point)
    names = acknowledged(process)
    assert process.wait(60) == 9
    assert names
    check(tmp_path / "data", url, names)


def test_a_process_killed_while_it_makes_the_store_can_be_followed_by_another(tmp_path):
    code = """if True:
        import os, sys
        from mock_server.store import creation
        from mock_server.store import open_store
        statements = creation.noted()
        def all_but_one_and_die():
            yield from statements[:-1]
            os._exit(9)
        creation.noted = all_but_one_and_die
        open_store(sys.argv[1])
    """
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "data"], check=False)
    assert done.returncode == 9
    store = open_store(tmp_path / "data")
    store.write(lambda tx: tx.put(Kind.PROJECT, {"id": "p1"}))
    store.close()
