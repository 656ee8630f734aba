"""The guide to pipeline executions, snippet by snippet, through the real dtlpy and through dtlpipe.

One session a client (dtlpy takes seconds to import), in a process of its own, with nothing but environment variables to
tell it where the platform is. The node's code is the guide's, and truly runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mock_server.testing import LocalPlatform

SESSION = Path(__file__).with_name("guide_session.py")


@pytest.fixture(scope="module", params=["dtlpipe", "dtlpy"])
def seen(request, tmp_path_factory):
    """What came out of the session."""
    folder = tmp_path_factory.mktemp(request.param)
    with LocalPlatform() as platform:
        done = subprocess.run(
            [sys.executable, str(SESSION), request.param],
            env={**os.environ, **platform.environment(), "PYTHONWARNINGS": "ignore"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("GUIDE ")]
    return {**json.loads(line[6:]), "stdout": done.stdout}


@pytest.fixture
def is_dtlpy(seen):
    return seen["client"] == "dtlpy"


def test_the_items_are_there_and_the_node_is_a_code_node(seen):
    assert (seen["items"], seen["node_type"]) == (3, "code")


def test_an_execution_without_the_parameter_that_the_function_wants_fails(seen):
    assert seen["execute_without_string"] == "failed"


def test_a_batch_makes_one_execution_for_each_item_and_all_succeed(seen):
    assert seen["batch_executions"] == 3
    assert seen["batch_statuses"] == ["failed", "success", "success", "success"]


def test_the_node_code_changed_the_items_metadata_on_the_platform(seen):
    assert seen["user_input"] == ["test", "test", "test"]


def test_one_node_can_be_executed_with_its_own_input(seen):
    assert seen["execute_node"] == "success"
    assert seen["status_equals_enum"] is True
    assert seen["node_input"] == "node"


def test_the_nodes_service_is_found_by_its_name_and_runs_a_batch(seen):
    assert seen["service"] is True
    assert seen["service_statuses"] == ["success"] * 3


def test_the_number_of_executions_is_told(seen):
    assert seen["total"] == 6
    assert "Total executions: 6" in seen["stdout"]
    assert "Execution status: success" in seen["stdout"]


def test_monitoring_sees_success_and_failure(seen):
    assert (seen["monitor_success"], seen["monitor_failure"]) == (True, False)


def test_a_runner_image_can_be_set_on_an_installed_pipeline(seen):
    assert seen["runner_image"] == "my/image:1"


def test_a_refused_execution_is_a_pipeline_error(seen, is_dtlpy):
    assert seen["error_handling_ok"] == "ok"
    # dtlpy has no PipelineError: evaluating its except clause raises AttributeError
    assert seen["error_handling_error"] == ("AttributeError" if is_dtlpy else "ok")
    assert is_dtlpy or "Pipeline execution failed: 404" in seen["stdout"]


def test_a_listing_iterates_executions(seen, is_dtlpy):
    assert seen["resource_cleanup"] == ("AttributeError" if is_dtlpy else "ok")  # dtlpy iterates pages


def test_waiting_sees_the_execution_become_done(seen, is_dtlpy):
    assert seen["wait_for_completion"] is (not is_dtlpy)  # dtlpy never refreshes the object it is given
