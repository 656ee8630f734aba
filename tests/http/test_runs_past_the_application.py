"""Runs that are begun and waited for past the application: what is answered is what the application answers."""

from __future__ import annotations

import threading
import uuid

import pytest

from mock_server.api import plain
from mock_server.api.dataloop import running
from mock_server.platform.runs import Runs
from tests.http.test_runs import ADD, API, SLEEP, coded, install  # noqa: F401 - a fixture

#: A request that has a name of its own is one for the application.
UNLIKE = ("X-Request-Id", "Date", "Content-Length")
NAMED = {"X-Request-Id": "by-the-application"}


class Untraced:
    """Nobody traces."""

    @staticmethod
    def api() -> None:
        return None


@pytest.fixture
def hurried(monkeypatch):
    """The requests that were answered past the application."""
    taken = []

    class Spied(running._Answer):
        def __init__(self, *args):
            taken.append(args[5])
            super().__init__(*args)

    monkeypatch.setattr(running, "_Answer", Spied)
    monkeypatch.setattr(plain, "trace_context", Untraced)  # other tests of this process may have begun to trace
    return taken


@pytest.fixture
def pipeline(install, http):  # noqa: F811 - a fixture
    found = install(coded("a", ADD), coded("b", ADD), edges=[("a.x", "b.x")])
    http.ok("POST", f"{API}/pipelines/{found['id']}/execute", json={"pipeline": {"input": {"x": 0}}})  # it is known now
    return found


def shape(answer):
    """What two answers to such requests have in common: all but ids and times."""
    named = {
        key: value for key, value in answer.headers.items() if key not in ("X-Request-Id", "Date", "Content-Length")
    }
    body = answer.json()
    return answer.status_code, named, sorted(body), body.get("creator"), body.get("inputs"), body.get("message")


def both(http, hurried, method, path, **kwargs):
    headers = kwargs.pop("headers", {})
    quick = http.request(method, path, headers=headers, **kwargs)
    before = len(hurried)
    slow = http.request(method, path, headers={**headers, **NAMED}, **kwargs)
    assert len(hurried) == before, "the application was to answer this one"
    return quick, slow


@pytest.mark.parametrize("query", ["", "?wait=30", "?wait=0"])
def test_a_run_is_begun_as_the_application_begins_it(http, hurried, pipeline, query):
    path = f"{API}/pipelines/{pipeline['id']}/execute{query}"
    quick, slow = both(http, hurried, "POST", path, json={"pipeline": {"input": {"x": 1}, "priority": 3}})
    assert len(hurried) == 1
    assert shape(quick) == shape(slow)
    assert quick.json()["priority"] == 3
    if query == "?wait=30":
        assert quick.json()["status"] == "success"
        assert quick.json()["executions"]["b"][0]["output"] == slow.json()["executions"]["b"][0]["output"] == 3


def test_a_run_that_takes_longer_is_answered_when_its_time_is_over(http, hurried, install):  # noqa: F811
    pipeline = install(coded("a", SLEEP))
    path = f"{API}/pipelines/{pipeline['id']}/execute"
    first = http.ok("POST", path, json={"pipeline": {"input": {"x": 1}}})
    quick, slow = both(http, hurried, "POST", f"{path}?wait=0.2", json={"pipeline": {"input": {"x": 1}}})
    assert len(hurried) == 1
    assert shape(quick) == shape(slow)
    assert quick.json()["status"] == "in-progress"
    begun = [first["id"], quick.json()["id"], slow.json()["id"]]
    http.ok("POST", f"{API}/pipelines/{pipeline['id']}/executions/terminate", json={"ids": begun})


def test_a_key_is_honoured_by_both(http, hurried, pipeline):
    path, key = f"{API}/pipelines/{pipeline['id']}/execute?wait=30", uuid.uuid4().hex
    asked = {"json": {"pipeline": {"input": {"x": 5}}}, "headers": {"Idempotency-Key": key}}
    quick, slow = both(http, hurried, "POST", path, **asked)
    again = http.post(path, **asked)
    assert quick.json()["id"] == slow.json()["id"] == again.json()["id"]
    assert again.json()["status"] == "success"
    other = {**asked, "json": {"pipeline": {"input": {"x": 6}}}}
    quick, slow = both(http, hurried, "POST", path, **other)
    assert shape(quick) == shape(slow)
    assert quick.status_code == 409
    assert len(hurried) == 3


def test_many_requests_of_one_key_begin_one_run(http, hurried, pipeline, platform, connect):
    path, key, ids = f"{API}/pipelines/{pipeline['id']}/execute", uuid.uuid4().hex, []
    sessions = [connect(platform) for _ in range(8)]

    def ask(session):
        asked = {"json": {"pipeline": {"input": {"x": 5}}}, "headers": {"Idempotency-Key": key}}
        ids.append(session.ok("POST", path, **asked)["id"])

    threads = [threading.Thread(target=ask, args=(each,)) for each in sessions]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(hurried) == len(ids) == 8
    assert len(set(ids)) == 1


@pytest.mark.parametrize("query", ["", "?wait=30"])
def test_a_run_that_is_on_disk_before_its_request_is_taken_is_answered(http, hurried, pipeline, monkeypatch, query):
    begin = Runs.begin

    def slowly(self, submission):
        attended, begun = begin(self, submission)
        begun.result()
        return attended, begun

    monkeypatch.setattr(Runs, "begin", slowly)
    path = f"{API}/pipelines/{pipeline['id']}/execute{query}"
    quick, slow = both(http, hurried, "POST", path, json={"pipeline": {"input": {"x": 1}}})
    assert len(hurried) == 1
    assert shape(quick) == shape(slow)


@pytest.mark.parametrize("wait", ["30", "0"])
def test_a_run_is_waited_for_as_the_application_waits(http, hurried, pipeline, wait):
    run = http.ok("POST", f"{API}/pipelines/{pipeline['id']}/execute?wait=30", json={"pipeline": {"input": {"x": 1}}})
    hurried.clear()
    path = f"{API}/pipelines/{pipeline['id']}/executions"
    quick, slow = both(http, hurried, "GET", f"{path}/{run['id']}?wait={wait}")
    assert len(hurried) == 1
    assert shape(quick) == shape(slow)
    assert quick.json() == slow.json()


def test_a_run_that_is_not_there_is_told_by_both(http, hurried, pipeline):
    path = f"{API}/pipelines/{pipeline['id']}/executions"
    quick, slow = both(http, hurried, "GET", f"{path}/{uuid.uuid4().hex[:24]}?wait=1")
    assert len(hurried) == 1
    assert quick.status_code == slow.status_code == 404
    assert sorted(quick.json()) == sorted(slow.json())


def test_a_connection_takes_one_such_answer_after_the_other(http, hurried, pipeline):
    path = f"{API}/pipelines/{pipeline['id']}/execute?wait=30"
    found = [http.ok("POST", path, json={"pipeline": {"input": {"x": x}}}) for x in range(20)]
    assert [run["executions"]["b"][0]["output"] for run in found] == [x + 2 for x in range(20)]
    assert len(hurried) == 20


@pytest.mark.parametrize(
    ("query", "body", "headers"),
    [
        ("", {"pipeline": {"input": {"x": 1}}}, {"Authorization": "Bearer none-of-ours"}),
        ("", {"pipeline": {"input": {"x": 1}}}, {"Origin": "http://elsewhere.example"}),
        ("", {"pipeline": {"input": {"x": 1}}}, {"Host": "elsewhere.example"}),
        ("", {"pipeline": {"input": {"x": 1}}}, {"Idempotency-Key": "x" * 256}),
        ("?wait=soon", {"pipeline": {"input": {"x": 1}}}, {}),
        ("?wait=-1", {"pipeline": {"input": {"x": 1}}}, {}),
        ("", {"pipeline": {"input": []}}, {}),
        ("", {"pipeline": {"priority": 10**9}}, {}),
        ("", {"pipeline": {"timeout": -1}}, {}),
        ("", {"pipeline": {"nodeId": "none"}}, {}),
        ("", {}, {}),
        ("", [1], {}),
    ],
)
def test_what_is_wrong_is_told_by_the_application(http, hurried, pipeline, query, body, headers):
    answer = http.post(f"{API}/pipelines/{pipeline['id']}/execute{query}", json=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert hurried == []


def test_a_pipeline_that_was_uninstalled_or_deleted_takes_no_more_runs(http, hurried, pipeline):
    path = f"{API}/pipelines/{pipeline['id']}"
    http.ok("POST", f"{path}/uninstall", json={})
    quick, slow = both(http, hurried, "POST", f"{path}/execute", json={"pipeline": {"input": {"x": 1}}})
    assert shape(quick) == shape(slow)
    assert quick.status_code == 400
    http.request("DELETE", path).raise_for_status()
    quick, slow = both(http, hurried, "POST", f"{path}/execute", json={"pipeline": {"input": {"x": 1}}})
    assert shape(quick) == shape(slow)
    assert quick.status_code == 404
