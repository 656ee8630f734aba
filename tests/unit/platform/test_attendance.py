"""Who waits for a run from its beginning is given its rows, and nothing that may not be so."""

from __future__ import annotations

from dtlpipe.model import times
from mock_server.platform.attendance import MOST, Attendance
from mock_server.store.base import ExecutionRow, RunRow


def run(status="in-progress"):
    now = times.now()
    return RunRow(
        id="r",
        pipeline_id="p",
        project_id="",
        revision_id="v",
        status=status,
        creator="me",
        created_at=now,
        updated_at=now,
    )


def execution(number):
    now = times.now()
    return ExecutionRow(
        id=f"e{number}", run_id="r", function_name="run", status="success", creator="me", created_at=now, updated_at=now
    )


def test_what_was_told_of_a_run_is_given_once_that_is_over():
    attendance = Attendance()
    attended = attendance.attend("r")
    row = run()
    attendance.begun(row)
    attendance.added(execution(1))
    attendance.ended("r")
    assert not attended.over  # a notice of something else
    row.status = "success"
    attendance.ended("r")
    assert attended.over
    assert attended.row is row
    assert [each.id for each in attended.executions] == ["e1"]


def test_a_run_of_which_something_was_lost_is_not_given():
    attendance = Attendance()
    attended = attendance.attend("r")
    attendance.begun(run("success"))
    attendance.lose()
    attendance.ended("r")
    assert not attended.over


def test_a_run_of_very_many_executions_is_not_given():
    attendance = Attendance()
    attended = attendance.attend("r")
    attendance.begun(run("success"))
    for number in range(MOST + 1):
        attendance.added(execution(number))
    attendance.ended("r")
    assert not attended.over
    assert len(attended.executions) == MOST


def test_nothing_is_kept_of_runs_for_which_nobody_waits():
    attendance = Attendance()
    attended = attendance.attend("r")
    del attended
    attendance.begun(run())
    attendance.added(execution(1))
    attendance.ended("r")
    assert dict(attendance._attended) == {}
