import threading
from types import SimpleNamespace

import pytest

from mock_server.executors.base import Failed, Progressed, Started, Succeeded
from mock_server.platform import lifecycle
from mock_server.worker import standing_down
from mock_server.worker.standing_down import StandingDown


def running(fence, status=lifecycle.RUNNING):
    return SimpleNamespace(row=SimpleNamespace(status=status, fence=fence), spec=None)


def canceled(id, fence):
    return Failed(id, fence, {"message": "canceled"})


def test_who_stands_down_ends_what_runs_and_waits_for_its_end():
    ended, withdrawn = threading.Event(), []

    def cancel(id, fence):
        withdrawn.append((id, fence))
        if len(withdrawn) == 2:
            ended.set()

    down = StandingDown(cancel)
    executions = {"a": running(1), "b": running(3), "c": running(1, lifecycle.CREATED)}
    thread = threading.Thread(target=down.end, args=(executions,))
    thread.start()
    assert ended.wait(30)
    assert withdrawn == [("a", 1), ("b", 3)]
    down.heard([Started("a", 1, 7), Progressed("b", 3), canceled("b", 2)])
    down.heard([Succeeded("a", 1, {}, None)])
    assert thread.is_alive()
    down.heard([canceled("b", 3)])
    thread.join(30)
    assert not thread.is_alive()


def test_what_does_not_end_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(standing_down, "PATIENCE", 0.01)
    StandingDown(lambda _id, _fence: None).end({"a": running(1)})


@pytest.mark.parametrize("executions", [{}, {"a": running(1, lifecycle.CREATED)}])
def test_who_runs_nothing_stands_down_at_once(executions):
    StandingDown(lambda _id, _fence: pytest.fail("nothing is to be ended")).end(executions)
