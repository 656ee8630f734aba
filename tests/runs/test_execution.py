"""Runs that the platform itself executes, from code roots and from code that travels along."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from dtlpipe.errors import Conflict, UnprocessableEntity
from dtlpipe.runs import BaseAction, action
from tests.runs.conftest import DATASET, actions, told_of


def odd(*names):
    return [{"name": name.lower(), "entrypoint": f"odd.{name}"} for name in names]


def test_a_run_downloads_converts_and_trains_and_everything_of_it_is_kept(client):
    pipeline = client.create_pipeline(name="YOLO Training Pipeline", actions=actions("download", "convert", "train"))
    run = client.create_run(pipeline["id"], params={"dataset": DATASET, "epochs": 40, "pause": 0.005})
    assert run["status"] == "pending"
    assert [each.status for each in client.stream_progress(run["id"], timeout=60)][-1] == "completed"
    states = [each for each in told_of(client, run) if each["current_action"]]
    seen = [each["progress"][each["current_action_index"]] for each in states]
    final = client.get_run(run["id"])
    assert final["status"] == "completed", final["error"]
    assert final["result"]["accuracy"] >= 0.9
    shares = [each["progress"] for each in seen if each["name"] == "train"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {each["name"] for each in seen} == {"download", "convert", "train"}
    losses = {each["metrics"]["epoch"]: each["metrics"]["loss"] for each in seen if "epoch" in each["metrics"]}
    assert set(losses) == set(range(1, 41))  # an epoch that has its checkpoint is told of, however many there are
    assert losses[40] < losses[1]
    progress = client.get_progress(run["id"])
    assert progress.actions["train"].metrics["epoch"] == 40
    assert progress.actions["train"].progress_category == "train"
    assert (progress.completed_actions, progress.overall_progress) == (3, 1.0)
    kept = client.get_checkpoints(run["id"])
    assert [(each.action_name, each.status) for each in kept] == [
        ("download", "completed"),
        ("convert", "completed"),
        ("train", "completed"),
    ]
    assert np.load(kept[-1].artifacts_path).shape == (5, 3)
    assert Path(kept[-1].artifacts_path).is_relative_to(final["work_dir"])
    assert kept[1].params_snapshot["rows"] == 120
    assert "epochs" in kept[1].params_snapshot
    lines = client.get_logs(run["id"], action_name="download")
    assert [each["message"].partition(" ")[0] for each in lines] == ["Starting", "downloaded", "Completed"]


def test_results_add_up_and_functions_are_actions(client, tmp_path):
    pipeline = client.create_pipeline("functions", odd("double", "twice"))
    run = client.wait(client.create_run(pipeline["id"], {"x": 4, "y": 1}, work_dir=str(tmp_path / "w"))["id"], 60)
    assert run["result"] == {"x": 9, "seen": ["x", "y"], "folder": str(tmp_path / "w")}
    assert run["params"] == {"x": 4, "y": 1}


def test_code_that_only_this_process_has_travels_along(client):
    @action(name="add")
    def add(params, context):
        return {"sum": params["a"] + params["b"]}

    class Square(BaseAction):
        action_name = "square"

        def run(self):
            return {"square": self.params["sum"] ** 2}

    named = {"name": "add", "entrypoint": f"{add.__module__}.{add.__qualname__}"}
    pipeline = client.create_pipeline("shipped", [named, Square])
    assert [each["name"] for each in pipeline["actions"]] == ["add", "square"]
    run = client.wait(client.create_run(pipeline["id"], {"a": 1, "b": 2})["id"], 60)
    assert run["result"] == {"square": 9}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("FailAction", "ValueError: out of paper"),
        ("ObjectAction", "JSON cannot carry"),
        ("NoAction", "is no action"),
        ("THING", "is no action: it is a int"),
        ("broken.Action", "'broken.Action' cannot be imported: ModuleNotFoundError: No module named 'a_library_that"),
        ("hollow:Action", "module 'hollow' has no 'Action'"),
    ],
)
def test_what_goes_wrong_fails_the_run_and_says_why(client, name, error):
    entrypoint = name if "." in name or ":" in name else f"odd.{name}"
    pipeline = client.create_pipeline("odd", [{"name": "odd", "entrypoint": entrypoint}])
    run = client.wait(client.create_run(pipeline["id"])["id"], 60)
    assert run["status"] == "failed"
    assert error in run["error"]
    assert run["progress"][0]["status"] == "failed"
    assert client.get_checkpoints(run["id"]) == []
    (line,) = client.get_logs(run["id"], level="error")
    assert error in line["message"]


def test_an_action_may_speak_as_later_versions_of_the_original_do(client):
    pipeline = client.create_pipeline("later", odd("LaterAction"))
    run = client.wait(client.create_run(pipeline["id"])["id"], 60)
    assert (run["status"], run["result"]) == ("completed", {"value": "many", "more": 1}), run["error"]
    (entry,) = run["progress"]
    assert entry["progress_category"] == "first"
    assert entry["metrics"] == {"loss": 1.0, "epoch": 3, "accuracy": 0.5}
    lines = [(each["level"], each["message"]) for each in client.get_logs(run["id"])]
    assert ("warning", "half of it") in lines
    assert ("error", "event {'a': 1}") in lines
    assert any(level == "warning" and "does not fit Result" in message for level, message in lines)


def test_an_entrypoint_may_have_a_colon_before_its_last_part(client):
    pipeline = client.create_pipeline("colon", [{"name": "double", "entrypoint": "odd:double"}])
    assert client.wait(client.create_run(pipeline["id"], {"x": 4}, execute=True)["id"], 60)["result"] == {"x": 8}


def test_an_action_is_completed_and_has_its_checkpoint_in_one_transaction(client, platform):
    pipeline = client.create_pipeline("together", odd("double", "twice", "double"))
    run = client.create_run(pipeline["id"], {"x": 1}, execute=False)
    seen, looks = set(), threading.Event()

    def look(*_):
        if looks.is_set():
            runs = platform.platform.actions
            states = [each["status"] for each in runs.runs.get(followed)["progress"]]
            seen.add((states.count("completed"), len(runs.checkpoints.list(followed))))

    followed = run["id"]
    platform.store.on_commit(look)
    looks.set()
    try:
        followed = client.create_run(pipeline["id"], {"x": 1})["id"]
        assert client.wait(followed, 60)["status"] == "completed"
        platform.store.write(lambda tx: None)  # after it, all have looked at what was committed before it
    finally:
        looks.clear()
    assert {(number, number) for number in range(4)} >= seen
    assert (3, 3) in seen


def test_a_run_without_code_waits_and_is_refused_if_it_shall_be_executed(client, tmp_path):
    pipeline = client.create_pipeline("later", [{"name": "a", "entrypoint": "comes_later.Late"}])
    with pytest.raises(UnprocessableEntity, match="no registered code"):
        client.create_run(pipeline["id"], execute=True)
    assert client.list_runs(pipeline_id=pipeline["id"]) == []
    waiting = client.create_run(pipeline["id"])
    left = client.create_run(pipeline["id"], execute=False)
    driven = client.create_run(pipeline["id"])
    client.report_progress(driven["id"], status="running")
    (tmp_path / "comes_later.py").write_text(
        "class Late:\n    def __init__(self, params, ctx): pass\n    def run(self): return {'at': 'last'}\n"
    )
    root = client.add_code_root(str(tmp_path))
    try:
        assert client.wait(waiting["id"], 60)["result"] == {"at": "last"}
        assert client.get_run(left["id"])["status"] == "pending"
        assert client.get_run(driven["id"])["driver"] == "external"
    finally:
        client.remove_code_root(root["id"])


def test_a_run_that_is_cancelled_stops_its_work(client):
    pipeline = client.create_pipeline("slow", odd("double", "SlowAction", "twice"))
    run = client.create_run(pipeline["id"], {"x": 1})
    for progress in client.stream_progress(run["id"]):
        if progress.current_action == "slowaction":
            break
    over = client.update_run(run["id"], status="cancelled")
    assert over["status"] == "cancelled"
    assert [each["status"] for each in over["progress"]] == ["completed", "failed", "pending"]
    with pytest.raises(Conflict):
        client.report_progress(run["id"], status="running")
    assert client.update_run(run["id"], status="cancelled")["completed_at"] == over["completed_at"]


def test_a_run_is_resumed_after_its_last_checkpoint_again_and_again(client):
    pipeline = client.create_pipeline("resumed", odd("double", "FailAction", "twice"))
    run = client.wait(client.create_run(pipeline["id"], {"x": 1, "y": 5})["id"], 60)
    assert run["status"] == "failed"
    second = client.wait(client.resume_run(run["id"])["id"], 60)
    assert second["resumed_from"] == run["id"]
    assert [each["status"] for each in second["progress"]] == ["skipped", "failed", "pending"]
    client.update_pipeline(pipeline["id"], actions=[*odd("double"), {**odd("twice")[0], "name": "failaction"}])
    third = client.wait(client.resume_run(second["id"], {"y": 6, "z": 7}, "merge")["id"], 60)
    assert third["status"] == "completed", third["error"]
    assert (third["result"]["x"], third["params"]) == (3, {"x": 2, "y": 6, "z": 7})
    assert [each.action_name for each in client.get_checkpoints(third["id"])] == ["double", "failaction"]
    snapshot = client.wait(client.resume_run(second["id"], {"y": 6})["id"], 60)
    assert snapshot["params"]["y"] == 5


def test_only_completed_checkpoints_are_gone_on_from(client, reported):
    told = {"status": "failed", "params_snapshot": {"a": 1}}
    client.create_checkpoint(reported["id"], "download", 0, **told)
    client.create_checkpoint(reported["id"], "train", 1, "completed", {"a": 2})
    new = client.resume_run(reported["id"])
    assert [each["status"] for each in new["progress"]] == ["pending", "pending"]
    assert new["params"] == {"dataset": 123}


def test_a_deleted_run_stops_too(client):
    pipeline = client.create_pipeline("deleted", odd("SlowAction"))
    run = client.create_run(pipeline["id"])
    for progress in client.stream_progress(run["id"]):
        if progress.status == "running":
            break
    client.delete_pipeline(pipeline["id"])
    assert pipeline["id"] not in [each["id"] for each in client.list_pipelines(limit=1000)]
    assert client.list_runs(pipeline_id=pipeline["id"]) == []


def shipped(function, **terms):
    """The definition of an action that only this process has, on terms of its own."""
    action(function)
    return {"name": function.__name__, "entrypoint": f"{function.__module__}.{function.__qualname__}", **terms}


def test_actions_have_tries_and_times_of_their_own(client):
    def flaky(params, ctx):
        if ctx.attempt < 3:
            raise RuntimeError("not yet")
        ctx.set_metrics({"loss": float("nan"), "attempt": ctx.attempt})
        return {"attempt": ctx.attempt}

    def endless(params, ctx):
        import time

        time.sleep(60)

    pipeline = client.create_pipeline("terms", [shipped(flaky, max_attempts=3), shipped(endless, timeout=0.5)])
    run = client.wait(client.create_run(pipeline["id"])["id"], 60)
    tried, timed = run["progress"]
    assert (tried["status"], tried["message"], tried["metrics"]) == ("completed", None, {"loss": None, "attempt": 3})
    assert (run["status"], timed["status"]) == ("failed", "failed")
    assert "longer than its timeout of 0.5 s" in run["error"]
    warnings = client.get_logs(run["id"], action_name="flaky", level="warning")
    assert [each["message"] for each in warnings] == [
        "Action 'flaky' failed and is tried again: RuntimeError: not yet"
    ] * 2


def test_a_folder_that_is_no_whole_path_is_one_of_the_platforms_that_all_actions_share(client, platform):
    pipeline = client.create_pipeline("folder", odd("twice"))
    run = client.wait(client.create_run(pipeline["id"], {"x": 1}, work_dir="mine/one")["id"], 60)
    assert run["result"]["folder"] == run["work_dir"] == str(platform.data_dir / "runs" / "mine" / "one")
