"""Waiting: who asks for it is held until the work is over; who polls as the field's SDK does is held without asking.

Nothing here measures time. A request that is held is seen in the hub; others are answered while the work goes on.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests
from werkzeug.test import TestResponse

from dtlpipe.model import times
from dtlpipe.model.enums import CommandStatus
from mock_server.api.dataloop import holding, services
from mock_server.app import create_app
from mock_server.store.base import ExecutionRow, Kind, LogLine
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
    """Returns as soon as so many requests wait for the key; 0: none any more."""
    seen = threading.Event()
    hub = platform.platform.hub
    while (waiting := len(hub._waiters.get(key, ()))) < count or (waiting and not count):
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


def test_more_waiters_than_threads_do_not_starve_the_others(few, command, ask):
    """They take no thread: all are held, and whoever does not wait is answered meanwhile."""
    with ThreadPoolExecutor(20) as pool:
        url = f"{few.url}{API}/commands/{command}?wait=30"
        waiting = [pool.submit(requests.get, url, timeout=60) for _ in range(20)]
        held(few, command, 20)
        assert ask("/users/me").result(20).status_code == 200
        end(few, command)
        answers = [each.result(20) for each in waiting]
    assert {(each.json()["status"], each.headers["x-dtlpipe-waited"]) for each in answers} == {("success", "1")}


def test_who_hangs_up_is_waited_for_no_more(few, command):
    with closing(socket.create_connection((urlsplit(few.url).hostname, urlsplit(few.url).port))) as connection:
        connection.sendall(f"GET {API}/commands/{command}?wait=30 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        held(few, command)
    held(few, command, 0)


def test_what_is_deleted_while_it_is_waited_for_is_not_there_any_more(few, command, ask):
    answer = ask(f"/commands/{command}?wait=30")
    held(few, command)
    few.store.write(lambda tx: tx.delete(Kind.COMMAND, command))
    few.platform.hub.notify(command)
    assert answer.result(20).status_code == 404


def test_a_server_that_cannot_let_go_of_a_thread_keeps_places_for_others(few, command):
    """Whoever finds no place is answered at once, and not told that it waited, so that it pauses."""
    app = create_app(few.platform)
    path = f"{API}/commands/{command}?wait=30"

    def get() -> TestResponse:
        return app.test_client().get(path)

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(get) for _ in range(2)]
        held(few, command, 2)
        third = get()
        assert (third.status_code, "x-dtlpipe-waited" in third.headers) == (200, False)
        end(few, command)
        assert [each.result(20).get_json()["status"] for each in waiting] == ["success", "success"]


def test_an_unchanged_dtlpy_is_held_from_its_first_look_at_a_command(few, command, ask):
    answer = ask(f"/commands/{command}", **DTLPY)
    held(few, command)
    end(few, command)
    assert answer.result(20).json()["status"] == "success"


def began(platform: LocalPlatform, creator: str, age: float = 0.0) -> str:
    """A service's execution that nobody runs, so many seconds old."""
    at = times.now() - timedelta(seconds=age)
    row = ExecutionRow(
        id=new_id(), function_name="run", status="in-progress", creator=creator, created_at=at, updated_at=at
    )
    platform.store.write(lambda tx: tx.insert_executions([row]))
    return row.id


@pytest.fixture
def execution(few: LocalPlatform) -> str:
    """One that somebody else began."""
    return began(few, "somebody@example.org")


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


@pytest.fixture
def long_youth(monkeypatch: pytest.MonkeyPatch) -> None:
    """What began a minute ago is young still, so that no test depends on how quick it is."""
    monkeypatch.setattr(holding, "YOUNG", 60.0)


@pytest.mark.usefixtures("long_youth")
def test_an_unchanged_dtlpy_is_held_from_its_first_look_at_what_it_has_just_begun(few, ask):
    execution = began(few, few.settings.email)
    first = ask(f"/executions/{execution}", **DTLPY)
    held(few, execution)
    finish(few, execution)
    assert first.result(20).json()["latestStatus"]["status"] == "success"


@pytest.mark.usefixtures("long_youth")
def test_that_first_look_is_answered_when_what_it_sees_is_no_longer_young(few, ask):
    execution = began(few, few.settings.email, age=59.9)
    assert ask(f"/executions/{execution}", **DTLPY).result(20).json()["latestStatus"]["status"] == "in-progress"
    finish(few, execution)


@pytest.mark.usefixtures("long_youth")
@pytest.mark.parametrize(("creator", "headers"), [("local@dtlpipe.dev", {}), ("somebody@example.org", DTLPY)])
def test_a_look_at_what_others_began_or_of_others_than_dtlpy_is_a_look(few, ask, creator, headers):
    execution = began(few, creator)
    assert ask(f"/executions/{execution}", **headers).result(20).json()["latestStatus"]["status"] == "in-progress"
    finish(few, execution)


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


def test_who_follows_logs_waits_for_news_without_a_thread(few, execution, monkeypatch):
    monkeypatch.setattr(services, "FOLLOW", 60.0)
    asked = {"executionId": [execution], "follow": True, "checkpoint": {"id": 0}}
    with ThreadPoolExecutor(12) as pool:
        url = f"{few.url}{API}/services/logs"
        waiting = [pool.submit(requests.post, url, json=asked, timeout=60) for _ in range(12)]
        held(few, f"logs:{execution}", 12)
        line = LogLine(
            execution_id=execution,
            run_id=None,
            service_id=None,
            at=times.now(),
            level="INFO",
            message="there",
            stream="stdout",
        )
        few.store.write(lambda tx: tx.append_logs([line]))
        few.platform.hub.notify(f"logs:{execution}")
        found = [each.result(30).json() for each in waiting]
    assert {(each["logs"][0]["message"], each["stop"]) for each in found} == {("there", False)}
    finish(few, execution)
    last = requests.post(url, json={**asked, "checkpoint": found[0]["checkpoint"]}, timeout=30).json()
    assert (last["logs"], last["stop"]) == ([], True)
