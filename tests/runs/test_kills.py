"""What is killed in the middle of training goes on from its last checkpoint, and finishes."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest

from dtlpipe.runs import PipelineServiceClient
from mock_server.testing import LocalPlatform
from tests.faults.killable import Breeder, Killable, free_port
from tests.runs.conftest import DATASET, TRAINING, actions, told_of


def test_a_worker_that_is_killed_while_it_trains_goes_on_after_its_last_checkpoint(client):
    pipeline = client.create_pipeline("killed", actions("download", "convert", "train"))
    run = client.create_run(pipeline["id"], {"dataset": DATASET, "epochs": 40, "pause": 0.05})
    killed = False
    for progress in client.stream_progress(run["id"], timeout=60):
        if progress.actions["train"].metrics.get("epoch", 0) >= 5 and not killed:
            killed = True
            (line,) = (each["message"] for each in lines(client, run) if "begins after epoch 0" in each["message"])
            os.kill(int(line.split()[1]), signal.SIGKILL)
    final = client.get_run(run["id"])
    assert killed
    assert final["status"] == "completed", final["error"]
    resumed = final["result"]["resumed_after"]
    assert 4 <= resumed < 40  # an epoch is told of before its checkpoint is kept
    assert final["result"]["accuracy"] >= 0.9
    epochs = [each["progress"][2]["metrics"].get("epoch", 0) for each in told_of(client, run)]
    assert set(epochs) == set(range(41))  # what follows the checkpoint was done again, and nothing was passed over
    assert [each.action_name for each in client.get_checkpoints(run["id"])] == ["download", "convert", "train"]
    said = [each["message"] for each in lines(client, run)]
    assert any("is begun again, its process having ended" in each for each in said)
    assert any(each.endswith(f"begins after epoch {resumed}") for each in said)


def lines(client, run):
    return client.get_logs(run["id"], action_name="train")


@pytest.mark.slow
@pytest.mark.usefixtures("datasets_url")
def test_a_platform_that_is_stopped_while_it_trains_goes_on_when_it_is_started_again(tmp_path):
    with (
        LocalPlatform(tmp_path, synapse_port=0, code_roots=(TRAINING,), workers=2, grace=0) as platform,
        PipelineServiceClient(platform.run_service_url) as client,
    ):
        pipeline = client.create_pipeline("stopped", actions("download", "convert", "train"))
        run = client.create_run(pipeline["id"], {"dataset": DATASET, "epochs": 30, "pause": 0.1})
        stopped = False
        for progress in client.stream_progress(run["id"], timeout=60):
            if progress.actions["train"].metrics.get("epoch", 0) >= 5 and not stopped:
                stopped = True
                platform.restart()
        final = client.get_run(run["id"])
    assert stopped
    assert final["status"] == "completed", final["error"]
    assert final["result"]["resumed_after"] >= 4


@pytest.mark.slow
@pytest.mark.usefixtures("datasets_url")
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_platform_that_is_killed_while_it_trains_is_resumed_and_who_listens_misses_nothing(request, tmp_path, store):
    options = ["--actions", str(TRAINING), "--workers", "2"]
    if store == "postgresql":
        options += ["--store", request.getfixturevalue("database")]
    epochs, killed = [], False
    with (
        closing(Breeder()) as breeder,
        Killable(breeder, tmp_path / "data", free_port(), *options) as platform,
        PipelineServiceClient(f"http://127.0.0.1:{platform.port}/synapse") as client,
    ):
        platform.start()
        pipeline = client.create_pipeline("killed", actions("download", "convert", "train"))
        run = client.create_run(pipeline["id"], {"dataset": DATASET, "epochs": 30, "pause": 0.1})
        for progress in client.stream_progress(run["id"], timeout=60):
            epochs.append(progress.actions["train"].metrics.get("epoch", 0))
            if epochs[-1] >= 5 and not killed:
                killed = True
                platform.kill()
                platform.start()
        final = client.get_run(run["id"])
        kept = client.get_checkpoints(run["id"])
    assert final["status"] == "completed", final["error"]
    assert 4 <= final["result"]["resumed_after"] < 30  # an epoch is told of before its checkpoint is kept
    assert [each.action_name for each in kept] == ["download", "convert", "train"]
    assert epochs == sorted(epochs)
    assert set(range(final["result"]["resumed_after"], 31)) <= set(epochs)
