"""The context of a durable execution, where the real hayhooks is installed: its own functions find it, too."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import pytest

from dtlpipe.hosting.durable import DurableContext, DurableExecutionCancelledError, current_durable_context


class Theirs(RuntimeError):
    """What hayhooks raises, and its wrappers wait for."""


def context(said: dict[str, Any]) -> DurableContext:
    return DurableContext("1", {"attempt": 1}, lambda _verb, _content: said, None)


def test_hayhooks_own_functions_find_the_context_that_is_running(monkeypatch: pytest.MonkeyPatch):
    theirs: ContextVar[Any] = ContextVar("theirs", default=None)
    module = ModuleType("hayhooks.durable.context")
    module.__dict__.update(_active_context=theirs, DurableExecutionCancelledError=Theirs)
    monkeypatch.setitem(sys.modules, "hayhooks.durable.context", module)
    made = context({"cancelled": True})
    with made.running():
        assert theirs.get() is current_durable_context() is made
        with pytest.raises(Theirs, match="cancelled") as caught:
            made.check_cancelled_sync()
    assert isinstance(caught.value, DurableExecutionCancelledError)
    assert theirs.get() is current_durable_context() is None


def test_without_hayhooks_the_error_is_ours():
    with pytest.raises(DurableExecutionCancelledError):
        context({"cancelled": True}).check_cancelled_sync()
