"""Commands: they end once, and who waits for one is woken."""

from __future__ import annotations

import threading

import pytest

from dtlpipe.errors import Conflict, NotFound
from dtlpipe.model.enums import CommandStatus
from mock_server.store.base import Kind
from tests.unit.platform.conftest import ME


@pytest.fixture
def stored(platform):
    def stored(**more):
        doc = platform.commands.made("work", ME, {"inputs": [1]}, **more)
        platform.store.write(lambda tx: tx.insert(Kind.COMMAND, doc))
        return doc["id"]

    return stored


@pytest.fixture
def running(stored):
    return stored(status=CommandStatus.IN_PROGRESS, progress=0)


def test_a_command_for_work_that_is_done_is_over(platform, stored):
    found = platform.commands.get(stored())
    assert (found["status"], found["progress"], found["spec"], found["error"]) == (
        "success",
        100,
        {"inputs": [1]},
        None,
    )
    assert "/api/v1/commands/" in found["url"]


def test_the_newest_command_is_listed_first(platform, stored):
    ids = [stored() for _ in range(3)]
    assert [each["id"] for each in platform.commands.list()] == ids[::-1]


def test_progress_is_noted(platform, running):
    platform.commands.advance(running, progress=40)
    found = platform.commands.get(running)
    assert (found["status"], found["progress"]) == ("in-progress", 40)


def test_who_waits_is_woken_by_the_end(platform, running):
    seen = []
    waiter = threading.Thread(target=lambda: seen.append(platform.commands.get(running, wait=60)))
    waiter.start()
    platform.commands.advance(running, status=CommandStatus.FAILED, error={"message": "no"})
    waiter.join(30)
    assert [(each["status"], each["error"]) for each in seen] == [("failed", {"message": "no"})]


def test_a_command_ends_once(platform, running):
    assert platform.commands.abort(running)["status"] == "aborted"
    with pytest.raises(Conflict, match="is over already: aborted"):
        platform.commands.abort(running)
    with pytest.raises(Conflict):
        platform.commands.advance(running, status=CommandStatus.SUCCESS)
    assert platform.commands.get(running)["status"] == "aborted"


def test_an_unknown_command_is_not_found(platform):
    for call in (platform.commands.get, platform.commands.abort):
        with pytest.raises(NotFound, match="nope"):
            call("nope")
