"""Commands over the wire: what is over is said at once, what is not is held for those who wait."""

from __future__ import annotations

import threading

import pytest

from dtlpipe.model.enums import CommandStatus
from mock_server.store.base import Kind

API = "/api/v1"


@pytest.fixture
def running(platform):
    """The id of a command that is not over, and the verbs to end it with."""
    commands = platform.platform.commands
    doc = commands.made("work", "me", {}, status=CommandStatus.IN_PROGRESS, progress=0)
    platform.store.write(lambda tx: tx.insert(Kind.COMMAND, doc))
    return doc["id"], commands


def test_a_command_can_be_asked_for_at_its_own_url(http, running):
    found = http.ok("GET", f"{API}/commands/{running[0]}")
    assert "api/v1" in found["url"]
    assert http.ok("GET", f"{API}{found['url'].split('api/v1')[1]}") == found
    assert http.ok("GET", f"{API}/commands/faas/{running[0]}") == found
    assert isinstance(found["progress"], int | float)


@pytest.mark.parametrize("how", [{"params": {"wait": "60"}}, {"headers": {"User-Agent": "dtlpy/1.126.5"}}])
def test_who_waits_is_answered_as_soon_as_it_is_over(platform, http, running, how):
    command_id, commands = running
    waiting, answers = threading.Event(), []
    wait = platform.platform.hub.wait

    def watched(*args, **kwargs):
        waiting.set()
        return wait(*args, **kwargs)

    platform.platform.hub.wait = watched
    try:
        waiter = threading.Thread(target=lambda: answers.append(http.ok("GET", f"{API}/commands/{command_id}", **how)))
        waiter.start()
        assert waiting.wait(30)
        commands.advance(command_id, status=CommandStatus.SUCCESS, progress=100)
        waiter.join(30)
    finally:
        del platform.platform.hub.wait
    assert [each["status"] for each in answers] == ["success"]


def test_a_command_is_aborted_once(http, running):
    assert http.ok("POST", f"{API}/commands/{running[0]}/abort")["status"] == "aborted"
    http.refused(409, "POST", f"{API}/commands/{running[0]}/abort")


def test_the_list_of_commands_is_bare_and_newest_first(http, running):
    assert http.ok("GET", f"{API}/commands")[0]["id"] == running[0]


def test_an_unknown_command_is_not_found(http):
    http.refused(404, "GET", f"{API}/commands/nowhere")
    http.refused(404, "POST", f"{API}/commands/nowhere/abort")
