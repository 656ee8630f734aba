import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from mock_server.store import ids


@pytest.mark.parametrize("new", [ids.new_id, ids.new_uuid])
def test_ids_strictly_increase_in_creation_order(new):
    made = [new() for _ in range(5000)]
    assert made == sorted(set(made))


@pytest.mark.parametrize("new", [ids.new_id, ids.new_uuid])
def test_ids_from_many_threads_are_all_different_and_increase_in_each(new):
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [new() for _ in range(500)], range(8)))
    assert all(batch == sorted(batch) for batch in batches)
    assert len({each for batch in batches for each in batch}) == 4000


def test_the_first_digits_of_an_id_are_seconds():
    before = int(time.time())
    assert before <= int(ids.new_id()[:8], 16) <= time.time() + 1
    assert len(ids.new_id()) == 24


def test_a_uuid_is_of_version_seven():
    made = uuid.UUID(ids.new_uuid())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert abs((made.int >> 80) / 1000 - time.time()) < 60


@pytest.fixture
def guard(monkeypatch):
    """The guard is the process's: what a test does to it is undone."""
    monkeypatch.setattr(ids, "_last", 0)


def test_a_clock_that_is_set_back_does_not_turn_the_order(monkeypatch, guard):
    first, real = ids.new_id(), time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
    assert ids.new_id() > first


def test_the_order_holds_over_a_restart_with_a_clock_that_was_set_back(guard):
    earlier = f"{int(time.time()) + 3600:08x}{(999 << 54) + (7 << 32):016x}"
    ids.start_after(earlier)
    assert ids.new_id() > earlier


@pytest.mark.parametrize("text", ["f" * 24, "pipeline-1", "", "A" * 24])
def test_ids_that_are_not_ours_do_not_move_the_guard(text, guard):
    ids.start_after(text)
    assert abs(int(ids.new_id()[:8], 16) - time.time()) < 60


def test_a_forked_child_makes_other_ids():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, " ".join(ids.new_id() for _ in range(50)).encode())
        os._exit(0)
    ours = {ids.new_id() for _ in range(50)}
    os.waitpid(child, 0)
    assert ours.isdisjoint(os.read(reader, 65536).decode().split())
    os.close(reader)
    os.close(writer)
