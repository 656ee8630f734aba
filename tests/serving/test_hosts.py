"""The processes of wrappers, without a platform about them: what goes wrong with one of them ends that one alone."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mock_server.executors.host_pool import HostPool
from mock_server.executors.hosts import Event, Host, HostGone, HostSpec

SOURCE = """
import os

from hayhooks import BasePipelineWrapper


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    def run_api(self) -> int:
        return os.getpid()
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[HostPool]:
    found = HostPool()
    yield found
    found.close()


@pytest.fixture
def opened(pool: HostPool, tmp_path: Path) -> Callable[[], Host]:
    """A host that is loaded."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "pipeline_wrapper.py").write_text(SOURCE)

    def open_one() -> Host:
        host = pool.open(HostSpec("own", folder))
        host.loaded.result(60)
        return host

    return open_one


def called(host: Host) -> Event:
    """What comes of a call."""
    told: queue.SimpleQueue[Event] = queue.SimpleQueue()
    host.call({"call": "run", "headers": {}, "form": None}, b"{}", told.put)
    return told.get(timeout=60)


def test_a_host_whose_end_and_last_words_are_heard_at_once_takes_no_other_with_it(
    pool: HostPool, opened: Callable[[], Host], monkeypatch: pytest.MonkeyPatch
):
    dying, other = opened(), opened()
    nest = pool._nest
    assert nest is not None
    select, ends = pool._selector.select, threading.Event()

    def in_one_turn(timeout: float | None = None) -> list[Any]:
        """Once it dies, nothing is heard before the report of its death, and that comes first."""
        found = select(timeout)
        while ends.is_set() and not dying.ended.is_set() and all(key.fileobj is not nest.control for key, _ in found):
            found = select(None)
        return sorted(found, key=lambda each: each[0].fileobj is not nest.control)

    monkeypatch.setattr(pool._selector, "select", in_one_turn)
    called(other)  # so that its thread waits in the new one
    ends.set()
    assert dying.pid is not None
    os.kill(dying.pid, signal.SIGKILL)
    assert dying.ended.wait(60)
    assert dying.death == "the wrapper's process was ended by SIGKILL"
    assert json.loads(called(other)[1]) == {"result": other.pid}
    assert not pool.lost


def test_a_host_whose_words_cannot_be_understood_is_ended_alone(
    pool: HostPool, opened: Callable[[], Host], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    strange, other = opened(), opened()

    def heard(_frame: Any) -> None:
        raise LookupError("no such word")

    monkeypatch.setattr(strange, "heard", heard)
    with caplog.at_level("CRITICAL", logger="dtlpipe.serving"):
        assert called(strange)[0]["kind"] == "died"
    assert "LookupError: no such word" in strange.death
    with pytest.raises(HostGone):
        strange.call({"call": "run"}, b"{}", lambda _: None)
    assert called(other)[0]["status"] == 200


def test_hosts_are_had_again_when_the_process_that_they_are_forked_from_has_died(
    pool: HostPool, opened: Callable[[], Host]
):
    before = opened()
    assert pool._nest is not None
    pool._nest.process.kill()
    assert before.ended.wait(60)
    assert "forked from has ended" in before.death
    assert called(opened())[0]["status"] == 200


def test_a_host_that_cannot_be_started_is_told_of_once(
    pool: HostPool, opened: Callable[[], Host], monkeypatch: pytest.MonkeyPatch
):
    other = opened()
    nest = pool._nest
    assert nest is not None

    def send(*_: Any) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(nest, "send", send)
        with pytest.raises(HostGone, match="Too many open files"):
            opened()
    assert called(other)[0]["status"] == 200
    assert not pool.lost
