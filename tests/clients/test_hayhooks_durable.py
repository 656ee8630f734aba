"""The real durable context of hayhooks beside ours, in an environment of its own (see test_hayhooks_cli)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.test_hayhooks_cli import COMMAND

ROOT = Path(__file__).parent.parent.parent
PYTHON = Path(COMMAND or "/none").parent / "python"
pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="hayhooks is not installed; HAYHOOKS_COMMAND=/path/to/hayhooks names one"
)

SCRIPT = """
import inspect, json, sys
import hayhooks
from hayhooks.durable import context as theirs
from dtlpipe.hosting import durable as ours

said = {"cancelled": True, "again": True}
made = ours.DurableContext("1", {"attempt": 1}, lambda verb, content: said, None)
found = {"active": [], "raised": {}}
with made.running():
    found["active"] = [hayhooks.current_durable_context() is made, theirs._active_context.get() is made]
    for name, call in {
        "cancelled": made.check_cancelled_sync,
        "retry": lambda: made.retry_sync("later"),
        "suspended": lambda: made.suspend_sync({"kind": "approval"}),
    }.items():
        try:
            call()
        except theirs.DurableExecutionCancelledError:
            found["raised"][name] = "DurableExecutionCancelledError"
        except Exception:
            found["raised"][name] = "Exception"
        except BaseException:
            found["raised"][name] = "BaseException"
found["over"] = hayhooks.current_durable_context() is None
found["theirs"] = {
    "retry": issubclass(theirs._RetryRequestedError, Exception),
    "suspended": issubclass(theirs._ExecutionSuspendedError, Exception),
}

def public(kind):
    told = {}
    for name, each in vars(kind).items():
        if name.startswith("_"):
            continue
        told[name] = list(inspect.signature(each).parameters) if inspect.isfunction(each) else []
    return told

known = public(ours.DurableContext)
values = set(vars(made))
found["missing"] = {
    name: parameters for name, parameters in public(theirs.DurableContext).items()
    if known.get(name) != parameters and name not in values
}
json.dump(found, sys.stdout)
"""


def test_hayhooks_finds_our_context_and_ours_raises_as_its_own_does():
    done = subprocess.run(
        [str(PYTHON), "-c", SCRIPT], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["active"] == [True, True]
    assert found["over"] is True
    assert found["theirs"] == {"retry": False, "suspended": False}
    assert found["raised"] == {
        "cancelled": "DurableExecutionCancelledError",
        "retry": "BaseException",
        "suspended": "BaseException",
    }
    assert found["missing"] == {}
