"""Named points at which a platform can be told to die."""

from __future__ import annotations

import signal

import pytest

from mock_server.store import crashes


def test_there_is_nothing_to_call_without_the_switch(monkeypatch):
    monkeypatch.setenv(crashes.AT, "after commit")
    assert crashes.armed() is None
    monkeypatch.setenv(crashes.SWITCH, "1")
    monkeypatch.delenv(crashes.AT)
    assert crashes.armed() is None


def test_the_process_is_killed_when_the_point_is_passed_for_that_time(monkeypatch, capfd):
    ends = []
    monkeypatch.setenv(crashes.SWITCH, "1")
    monkeypatch.setenv(crashes.AT, "after commit:2")
    monkeypatch.setattr(signal, "raise_signal", ends.append)
    probe = crashes.armed()
    for point in ("after commit", "before commit", "before commit"):
        probe(point)
    assert ends == []
    probe("after commit")
    probe("after commit")
    assert ends == [signal.SIGKILL]
    assert capfd.readouterr().err == "killed, as told, after commit\n"


def test_a_point_that_there_is_not_is_refused(monkeypatch):
    monkeypatch.setenv(crashes.SWITCH, "1")
    monkeypatch.setenv(crashes.AT, "never")
    with pytest.raises(ValueError, match="'never'"):
        crashes.armed()
