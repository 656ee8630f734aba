"""What is killed in the middle of training goes on from its last checkpoint, and finishes."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import numpy as np
import pytest

from dtlpipe.runs import PipelineServiceClient
from mock_server.testing import LocalPlatform
from tests.faults.killable import Breeder, Killable, free_port
from tests.runs.conftest import PLUGIN, actions


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_trains_is_resumed(client, data_url):
    pipeline = client.create_pipeline("killed", actions("download", "convert", "train"))
    run = client.create_run(pipeline["id"], {"url": data_url, "epochs": 40, "pause": 0.1})
    killed = False
    for progress in client.stream_progress(run["id"], timeout=60):
        epoch = progress.actions["train"].metrics.get("epoch", 0)
        if epoch >= 5 and not killed:
            killed = True
            os.kill(_training(), signal.SIGKILL)
    final = client.get_run(run["id"])
    assert killed
    assert final["status"] == "completed", final["error"]
    assert final["result"]["resumed_after"] >= 4
    assert np.allclose(final["result"]["weights"], [3, -2, 1], atol=0.2)


def _training() -> int:
    """The process below this one that has the trained model's folder open, which is the one that sleeps there."""
    import psutil

    children = psutil.Process().children(recursive=True)
    busy = [each for each in children if any("numpy" in mapped.path for mapped in each.memory_maps())]
    return max(busy, key=lambda each: each.create_time()).pid


@pytest.mark.slow
def test_a_platform_that_is_stopped_while_it_trains_goes_on_when_it_is_started_again(data_url, tmp_path):
    with (
        LocalPlatform(tmp_path, synapse_port=0, code_roots=(PLUGIN,), workers=2, grace=0) as platform,
        PipelineServiceClient(platform.run_service_url) as client,
    ):
        pipeline = client.create_pipeline("stopped", actions("download", "convert", "train"))
        run = client.create_run(pipeline["id"], {"url": data_url, "epochs": 30, "pause": 0.1})
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
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_platform_that_is_killed_while_it_trains_is_resumed_and_who_listens_misses_nothing(
    request, data_url, tmp_path, store
):
    options = ["--actions", str(PLUGIN), "--workers", "2"]
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
        run = client.create_run(pipeline["id"], {"url": data_url, "epochs": 30, "pause": 0.1})
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
