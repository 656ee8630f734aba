"""What is kept of actions, and what they write."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.run_service.wire import (
    NEW_CHECKPOINT,
    ours,
)


def test_checkpoints_are_in_the_order_of_their_actions(there, run):
    for index, name in ((1, "train"), (0, "download")):
        there.ok(
            "POST",
            f"/runs/{run['id']}/checkpoints/",
            json={**NEW_CHECKPOINT, "action_index": index, "action_name": name},
        )
    found = there.ok("GET", f"/runs/{run['id']}/checkpoints/")
    assert [each["action_index"] for each in found] == [0, 1]
    assert there.ok("GET", f"/runs/{run['id']}/checkpoints/latest")["action_name"] == "train"
    assert there.ok("GET", f"/runs/{run['id']}/checkpoints/download")["params_snapshot"] == {"path": "/data"}


def test_a_checkpoint_that_is_not_there_is_a_404_of_its_own(there, run):
    assert there.refused(404, "GET", f"/runs/{run['id']}/checkpoints/latest") == "No checkpoints found"
    assert there.refused(404, "GET", f"/runs/{run['id']}/checkpoints/train") == "Checkpoint not found"


def test_a_checkpoint_is_completed_unless_it_says_otherwise(there, run):
    made = there.ok("POST", f"/runs/{run['id']}/checkpoints/", json={"action_name": "download", "action_index": 0})
    assert (made["status"], made["params_snapshot"], made["result"]) == ("completed", None, None)


@ours
def test_the_name_of_an_action_may_have_blanks_and_slashes(there):
    actions = [{"name": "a b/c", "entrypoint": "x.Y"}]
    pipeline = there.ok("POST", "/pipelines/", json={"name": "odd", "actions": actions})
    run = there.ok("POST", f"/pipelines/{pipeline['id']}/runs/", json={})
    there.ok("POST", f"/runs/{run['id']}/checkpoints/", json={"action_name": "a b/c", "action_index": 0})
    assert there.ok("GET", f"/runs/{run['id']}/checkpoints/a b/c")["action_name"] == "a b/c"


def test_logs_are_filtered_by_action_level_time_and_number(there, run):
    entries = [
        {"message": "one", "level": "info", "action_name": "download"},
        {"message": "two", "level": "error", "action_name": "train"},
        {"message": "three", "level": "warning", "action_name": "train"},
        {"message": "four", "level": "info", "action_name": None},
    ]
    made = there.ok("POST", f"/runs/{run['id']}/logs/", json={"entries": entries})
    assert [each["message"] for each in made] == ["one", "two", "three", "four"]

    def found(**params: Any) -> list[str]:
        return [each["message"] for each in there.ok("GET", f"/runs/{run['id']}/logs/", params=params)]

    assert found() == ["one", "two", "three", "four"]
    assert found(action_name="train") == ["two", "three"]
    assert found(level="info") == ["one", "four"]
    assert found(level="warning", action_name="train") == ["three"]
    assert found(limit=2) == ["one", "two"]
    last = max(each["timestamp"] for each in made)
    assert found(since=last) == []
    assert found(since="2020-01-01T00:00:00") == ["one", "two", "three", "four"]


def test_lines_may_bring_their_times(there, run):
    entries = [
        {"message": "late", "level": "info", "timestamp": "2030-01-01T00:00:02"},
        {"message": "early", "level": "info", "timestamp": "2030-01-01T00:00:01"},
    ]
    there.ok("POST", f"/runs/{run['id']}/logs/", json={"entries": entries})
    found = there.ok("GET", f"/runs/{run['id']}/logs/")
    assert [each["message"] for each in found] == ["early", "late"]
    since = there.ok("GET", f"/runs/{run['id']}/logs/", params={"since": "2030-01-01T00:00:01"})
    assert [each["message"] for each in since] == ["late"]


def test_a_line_is_read_with_the_time_that_it_was_answered_with(there, run):
    path = f"/runs/{run['id']}/logs/"
    entry = {"message": "m", "level": "info", "timestamp": "2030-01-01T00:00:02.123456"}
    made = there.ok("POST", path, json={"entries": [entry]})
    assert made[0]["timestamp"].startswith("2030-01-01T00:00:02.123")
    assert there.ok("GET", path) == made
    assert there.ok("GET", path, params={"since": made[0]["timestamp"]}) == []


@ours
@pytest.mark.parametrize("level", ["debug", "info", "success", "warning", "danger", "error", "critical"])
def test_every_level_of_every_client_is_taken(there, run, level):
    (made,) = there.ok("POST", f"/runs/{run['id']}/logs/", json={"entries": [{"message": "m", "level": level}]})
    assert made["level"] == level
    assert len(there.ok("GET", f"/runs/{run['id']}/logs/", params={"level": level})) == 1
