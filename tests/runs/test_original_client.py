"""The original's own client, unchanged, against our service: the test of truth.

Its SDK is fetched by tools/fetch_synapse_sdk.py (see there why it is not installed); without it these are skipped, and
tests/conformance/run_service sends the same requests. In all published releases the client's `get_progress` and
`stream_progress` fail against any server, since the model that they fill lost two fields: a model that has them is put
in its place, and then the rest of them, such as the reading of streams, is what is tested.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.runs.models import PipelineProgress
from tests.runs.conftest import DATASET, actions

FOLDER = os.environ.get("DTLPIPE_TEST_SYNAPSE_SDK")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="DTLPIPE_TEST_SYNAPSE_SDK is not set")

#: Packages whose `__init__` imports the whole SDK with all that it needs; they are passed over.
PACKAGES = ("", ".clients", ".plugins", ".plugins.models", ".utils")


@pytest.fixture(scope="module")
def original() -> Iterator[Any]:
    """The module with the client."""
    known = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "synapse_sdk"}
    for name in known:
        del sys.modules[name]
    for name in PACKAGES:
        package = types.ModuleType(f"synapse_sdk{name}")
        package.__path__ = [str(Path(FOLDER or "", "synapse_sdk", *name.split(".")[1:]))]
        sys.modules[package.__name__] = package
    module = importlib.import_module("synapse_sdk.clients.pipeline.client")
    module.PipelineProgress = PipelineProgress  # type: ignore[attr-defined]
    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == "synapse_sdk"]:
        del sys.modules[name]
    sys.modules |= known


@pytest.fixture(params=["own port", "prefix"])
def theirs(request: pytest.FixtureRequest, original: Any, platform: Any) -> Iterator[Any]:
    base = platform.run_service_url if request.param == "own port" else f"{platform.url}/synapse"
    with original.PipelineServiceClient(base) as client:
        yield client


def test_every_method_of_the_original_client_works(original, theirs):
    assert theirs.health_check()
    named = [{"name": name, "entrypoint": f"elsewhere.{name}.Action"} for name in ("download", "train")]
    pipeline = theirs.create_pipeline(name="theirs", actions=named)
    assert theirs.get_pipeline(pipeline["id"])["name"] == "theirs"
    assert pipeline["id"] in [each["id"] for each in theirs.list_pipelines(limit=1000)]
    run = theirs.create_run(pipeline["id"], params={"dataset": 456}, work_dir="/data/run-001")
    assert (run["status"], run["work_dir"]) == ("pending", "/data/run-001")
    progress = original.ActionProgress(name="train", progress=0.5, metrics={"loss": 0.25})
    progress.status = type(progress.status)("running")
    told = theirs.report_progress(run["id"], "train", 1, "running", progress)
    assert (told["status"], told["progress"][1]["progress"]) == ("running", 0.5)
    assert run["id"] in [each["id"] for each in theirs.list_runs(status="running")]
    seen = theirs.get_progress(run["id"])
    assert (seen.status, seen.current_action, seen.actions[1].metrics) == ("running", "train", {"loss": 0.25})
    assert theirs.get_latest_checkpoint(run["id"]) is None
    made = theirs.create_checkpoint(run["id"], "train", 1, "completed", {"epochs": 1}, {"a": 1}, "/x")
    assert theirs.get_checkpoints(run["id"]) == [made]
    assert theirs.get_latest_checkpoint(run["id"]) == theirs.get_checkpoint_by_action(run["id"], "train") == made
    assert theirs.get_checkpoint_by_action(run["id"], "download") is None
    theirs.append_logs(run["id"], [{"message": "m", "level": "error", "action_name": "train"}])
    assert [each["message"] for each in theirs.get_logs(run["id"], "train", "error")] == ["m"]
    assert theirs.update_run(run["id"], status="completed", result={"a": 1})["result"] == {"a": 1}
    assert [each.status for each in theirs.stream_progress(run["id"])] == ["completed"]
    theirs.delete_run(run["id"])
    with pytest.raises(original.httpx.HTTPStatusError, match="404"):
        theirs.get_run(run["id"])
    theirs.delete_pipeline(pipeline["id"])


async def test_the_original_client_follows_a_run_that_the_platform_executes(theirs):
    pipeline = theirs.create_pipeline("theirs", actions("download", "convert", "train"))
    for stream in ("stream_progress", "stream_progress_async"):
        run = theirs.create_run(pipeline["id"], params={"dataset": DATASET})
        if stream == "stream_progress":
            seen = list(theirs.stream_progress(run["id"]))
        else:
            seen = [each async for each in theirs.stream_progress_async(run["id"])]
        assert seen[-1].status == "completed", seen[-1].error
        assert [each.progress for each in seen[-1].actions] == [1.0, 1.0, 1.0]
