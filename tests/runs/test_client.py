"""The client of the run service, as its guide uses it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import datetime, timedelta

import pytest

from dtlpipe.errors import ConnectionFailed, NotFound, UnprocessableEntity
from dtlpipe.runs import (
    ActionProgress,
    ActionStatus,
    AsyncPipelineServiceClient,
    LogEntry,
    LogLevel,
    PipelineProgress,
    PipelineServiceClient,
    RunStatus,
)


def test_a_reporter_drives_a_run_as_the_guide_does(client, reported):
    run_id = reported["id"]
    client.report_progress(run_id=run_id, current_action="train", current_action_index=1, status="running")
    client.report_progress(
        run_id=run_id,
        current_action="train",
        action_progress=ActionProgress(
            name="train", status="running", progress=50, total=100, metrics={"loss": 0.25, "accuracy": 0.87}
        ),
    )
    progress: PipelineProgress = client.get_progress(run_id)
    assert (progress.status, progress.current_action, progress.current_action_index) == ("running", "train", 1)
    assert [each.name for each in progress.actions] == ["download", "train"]
    train = progress.actions["train"]
    assert (train.progress, train.total, train.metrics["accuracy"]) == (0.5, 100, 0.87)
    assert train.status is ActionStatus.RUNNING
    assert progress.overall_progress == 0.25
    assert progress.pipeline_id == reported["pipeline_id"]
    client.update_run(run_id=run_id, status="completed", result={"accuracy": 0.95})
    assert client.get_run(run_id)["result"] == {"accuracy": 0.95}
    assert run_id in [each["id"] for each in client.list_runs(status="completed")]


def test_checkpoints_and_logs_come_back_as_they_were_told(client, reported):
    run_id = reported["id"]
    assert client.get_latest_checkpoint(run_id) is None
    assert client.get_checkpoint_by_action(run_id, "train") is None
    made = client.create_checkpoint(
        run_id=run_id,
        action_name="train",
        action_index=1,
        status="completed",
        params_snapshot={"epochs": 100},
        result={"best_accuracy": 0.95},
        artifacts_path="/data/checkpoints/epoch_50",
    )
    assert made["action_name"] == made.action_name == "train"
    assert client.get_checkpoints(run_id) == [made]
    assert client.get_latest_checkpoint(run_id) == made
    assert client.get_checkpoint_by_action(run_id, "train").artifacts_path == "/data/checkpoints/epoch_50"
    client.append_logs(
        run_id,
        [
            LogEntry(message="Starting training", level=LogLevel.INFO, action_name="train"),
            LogEntry(message="No more disk", level=LogLevel.CRITICAL, action_name="train"),
            {"message": "plain", "level": "debug"},
        ],
    )
    assert [each["message"] for each in client.get_logs(run_id, action_name="train")] == [
        "Starting training",
        "No more disk",
    ]
    assert [each["message"] for each in client.get_logs(run_id, level="critical")] == ["No more disk"]
    since = datetime.now() - timedelta(hours=24)  # noqa: DTZ005 - as the guide has it
    assert len(client.get_logs(run_id, since=since)) == 3


def test_errors_say_what_the_service_said(client):
    with pytest.raises(NotFound, match="Run not found"):
        client.get_run("nobody")
    with pytest.raises(UnprocessableEntity) as found:
        client.create_pipeline("", [{"name": "a"}])
    places = [each["path"] for each in found.value.errors]
    assert ["name"] in places
    assert ["actions", 0, "entrypoint"] in places


def test_words_may_be_told_as_what_they_are(client, reported):
    run_id = reported["id"]
    client.update_run(run_id, status=RunStatus.RUNNING)
    assert run_id in [each["id"] for each in client.list_runs(status=RunStatus.RUNNING)]
    client.report_progress(
        run_id, status=RunStatus.RUNNING, action_progress={"name": "train", "status": ActionStatus.FAILED}
    )
    assert client.get_progress(run_id).actions["train"].status is ActionStatus.FAILED
    client.create_checkpoint(run_id, "train", 1, ActionStatus.FAILED)
    client.append_logs(run_id, [{"message": "m", "level": LogLevel.DANGER}])
    assert [each["level"] for each in client.get_logs(run_id, level=LogLevel.DANGER)] == ["danger"]


def test_a_service_that_is_not_there_is_unhealthy_and_refuses(client):
    assert client.health_check()
    with PipelineServiceClient("http://127.0.0.1:9", timeout=2) as nobody:
        assert not nobody.health_check()
        with pytest.raises(ConnectionFailed):
            next(nobody.stream_progress("x"))


def test_a_client_can_be_used_after_it_was_closed(platform):
    client = PipelineServiceClient(f"{platform.run_service_url}/")
    client.close()
    with client:
        assert client.health_check()


def test_the_sync_client_streams_for_programs_with_a_loop(client, reported):
    async def follow() -> list[RunStatus]:
        seen = []
        async for progress in client.stream_progress_async(reported["id"]):
            seen.append(progress.status)
            if progress.status == "pending":
                await asyncio.to_thread(client.update_run, reported["id"], status="cancelled")
            if progress.status in ("completed", "failed", "cancelled"):
                break
        return seen

    assert asyncio.run(follow()) == ["pending", "cancelled"]


async def test_the_async_client_has_the_same_verbs(platform):
    async with AsyncPipelineServiceClient(platform.run_service_url) as client:
        pipeline = await client.create_pipeline("async", [{"name": "a", "entrypoint": "x.Y"}])
        run = await client.create_run(pipeline["id"])
        await client.report_progress(run["id"], status="running", action_progress={"name": "a", "progress": 0.5})
        assert (await client.get_progress(run["id"])).overall_progress == 0.5
        await client.update_run(run["id"], status="failed", error="no")
        assert [each.error async for each in client.stream_progress(run["id"])] == ["no"]
        await client.delete_pipeline(pipeline["id"])
        with pytest.raises(NotFound):
            await client.get_run(run["id"])


def test_names_are_where_the_original_has_them_for_a_script_that_is_not_changed(tmp_path):
    (tmp_path / "beside.py").write_text("URL = 'http://localhost:8100/'\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from beside import URL\n"
        "from synapse_sdk.clients.pipeline import PipelineServiceClient\n"
        "from synapse_sdk.plugins.models.logger import ActionProgress, LogEntry, LogLevel, PipelineProgress\n"
        "from synapse_sdk.plugins.models.pipeline import ActionStatus, RunStatus\n"
        "from synapse_sdk.plugins.action import BaseAction\n"
        "print(__name__, sys.argv[1:], PipelineServiceClient(URL))\n"
    )
    command = [sys.executable, "-m", "dtlpipe.runs.synapse_sdk", str(script), "an argument"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "__main__ ['an argument'] PipelineServiceClient('http://localhost:8100')\n", done.stderr
