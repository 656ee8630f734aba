"""Waiting: who asks for it is held until the work is over; who polls as the field's SDK does is held without asking.

Nothing here measures time. A request that is held is seen in the hub; others are answered while the work goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests

from dtlpipe.model import times
from dtlpipe.model.enums import CommandStatus
from mock_server.store.base import ExecutionRow, Kind
from mock_server.store.ids import new_id
from mock_server.testing import LocalPlatform

API = "/api/v1"
DTLPY = {"User-Agent": "dtlpy/1.126.5 CPython/3.11.7 Linux/6.1"}


@pytest.fixture(scope="module")
def few() -> Iterator[LocalPlatform]:
    """A platform with two places to wait."""
    with LocalPlatform(threads=6, max_waiters=2) as found:
        yield found


@pytest.fixture
def command(few: LocalPlatform) -> str:
    """A command that goes on until it is told to end."""
    made = few.platform.commands.made("Test", "me", {}, status=CommandStatus.IN_PROGRESS, progress=0)
    few.store.write(lambda tx: tx.insert(Kind.COMMAND, made))
    return str(made["id"])


def end(platform: LocalPlatform, command_id: str) -> None:
    platform.platform.commands.advance(command_id, status=CommandStatus.SUCCESS)


@pytest.fixture
def ask(few: LocalPlatform) -> Iterator[Callable[..., Future[requests.Response]]]:
    """Sends a GET from a thread of its own."""
    with ThreadPoolExecutor(8) as pool:

        def send(path: str, **headers: str) -> Future[requests.Response]:
            return pool.submit(requests.get, few.url + API + path, headers=headers, timeout=60)

        yield send


def held(platform: LocalPlatform, key: str, count: int = 1) -> None:
    """Returns as soon as so many requests wait for the key."""
    seen = threading.Event()
    hub = platform.platform.hub
    while len(hub._waiters.get(key, ())) < count:
        seen.wait(0.005)


def test_who_asks_to_wait_is_answered_when_it_is_over(few, command, ask):
    answer = ask(f"/commands/{command}?wait=30")
    held(few, command)
    assert not answer.done()
    end(few, command)
    assert answer.result(30).json()["status"] == "success"
    assert answer.result().headers["x-dtlpipe-waited"] == "1"


def test_what_is_over_is_answered_at_once(few, command, ask):
    end(few, command)
    answer = ask(f"/commands/{command}?wait=30").result(20)
    assert (answer.json()["status"], answer.headers["x-dtlpipe-waited"]) == ("success", "1")


def test_time_over_is_an_answer_too(command, ask):
    answer = ask(f"/commands/{command}?wait=0.05").result(20)
    assert (answer.json()["status"], answer.headers["x-dtlpipe-waited"]) == ("in-progress", "1")


def test_who_does_not_ask_is_not_held(command, ask):
    answer = ask(f"/commands/{command}").result(20)
    assert answer.json()["status"] == "in-progress"
    assert "x-dtlpipe-waited" not in answer.headers


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_refused(command, ask, wait):
    assert ask(f"/commands/{command}?wait={wait}").result(20).status_code == 400


def test_more_waiters_than_places_do_not_starve_the_others(few, command, ask):
    """Whoever finds no place is answered at once, and not told that it waited, so that it pauses."""
    waiting = [ask(f"/commands/{command}?wait=30") for _ in range(2)]
    held(few, command, 2)
    third = ask(f"/commands/{command}?wait=30").result(20)
    assert (third.status_code, "x-dtlpipe-waited" in third.headers) == (200, False)
    assert ask("/users/me").result(20).status_code == 200
    end(few, command)
    assert [each.result(20).json()["status"] for each in waiting] == ["success", "success"]


def test_an_unchanged_dtlpy_is_held_from_its_first_look_at_a_command(few, command, ask):
    answer = ask(f"/commands/{command}", **DTLPY)
    held(few, command)
    end(few, command)
    assert answer.result(20).json()["status"] == "success"


@pytest.fixture
def execution(few: LocalPlatform) -> str:
    """A service's execution that nobody runs."""
    at = times.now()
    row = ExecutionRow(
        id=new_id(), function_name="run", status="in-progress", creator="me", created_at=at, updated_at=at
    )
    few.store.write(lambda tx: tx.insert_executions([row]))
    return row.id


def finish(platform: LocalPlatform, execution_id: str) -> None:
    at = times.now() + timedelta(seconds=1)
    platform.store.write(lambda tx: tx.update_execution(execution_id, status="success", updated_at=at, ended_at=at))
    platform.platform.hub.notify(execution_id)


def test_an_unchanged_dtlpy_is_held_from_its_second_look_at_an_execution(few, execution, ask):
    first = ask(f"/executions/{execution}", **DTLPY).result(20)
    assert first.json()["latestStatus"]["status"] == "in-progress"
    second = ask(f"/executions/{execution}", **DTLPY)
    held(few, execution)
    finish(few, execution)
    assert second.result(20).json()["latestStatus"]["status"] == "success"


def test_the_first_look_of_another_caller_is_not_held(few, execution, ask):
    ask(f"/executions/{execution}", **DTLPY).result(20)
    other = {**DTLPY, "Authorization": f"Bearer {few.token('ann@example.org')}"}
    assert ask(f"/executions/{execution}", **other).result(20).json()["latestStatus"]["status"] == "in-progress"
    finish(few, execution)


def test_holding_dtlpy_can_be_switched_off(ask):
    with LocalPlatform(hold_dtlpy=False) as platform:
        made = platform.platform.commands.made("Test", "me", {}, status=CommandStatus.IN_PROGRESS, progress=0)
        platform.store.write(lambda tx: tx.insert(Kind.COMMAND, made))
        url = f"{platform.url}{API}/commands/{made['id']}"
        assert requests.get(url, headers=DTLPY, timeout=15).json()["status"] == "in-progress"


def test_a_stop_lets_waiters_go_with_what_there_is():
    with LocalPlatform() as platform, ThreadPoolExecutor(1) as pool:
        made = platform.platform.commands.made("Test", "me", {}, status=CommandStatus.IN_PROGRESS, progress=0)
        platform.store.write(lambda tx: tx.insert(Kind.COMMAND, made))
        answer = pool.submit(requests.get, f"{platform.url}{API}/commands/{made['id']}?wait=30", timeout=60)
        held(platform, made["id"])
        platform.stop()
        assert answer.result(20).json()["status"] == "in-progress"


def test_what_is_remembered_of_pollers_is_bounded():
    from mock_server.api.dataloop.holding import _Seen

    seen = _Seen(limit=2)
    assert [seen.again(("me", each)) for each in "abab"] == [False, False, True, True]
    assert seen.again(("me", "c")) is False
    assert seen.again(("me", "a")) is False
    seen.forget(("me", "c"))
    assert seen.again(("me", "c")) is False
