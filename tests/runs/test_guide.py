"""The guide to the run service, as it is printed: but for where imports are from, and ids that it leaves open.

The complete example finds the service at the guide's own address, which leads to the port that the test's platform has.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.runs import PipelineServiceClient, synapse_sdk
from tests.runs.conftest import PORT_OF_THE_GUIDE, TRAINING

GUIDE = Path(__file__).parent / "guide"


def snippet(name: str, **put_in: str) -> str:
    source = (GUIDE / f"{name}.txt").read_text()
    for printed, instead in put_in.items():
        assert printed in source
        source = source.replace(printed, instead)
    return source


@pytest.fixture
def at_the_address_of_the_guide(platform, monkeypatch):
    """Whoever asks for port 8100 of this machine is led to the platform's."""
    port = int(platform.run_service_url.rpartition(":")[2])
    look_up = socket.getaddrinfo

    def led(host: Any, asked: Any, *rest: Any, **named: Any) -> Any:
        return look_up(host, port if asked == PORT_OF_THE_GUIDE else asked, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", led)


def forgotten() -> dict[str, Any]:
    """What `synapse_sdk` meant until now; from here on, nothing."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "synapse_sdk"}


@pytest.fixture
def the_originals_names():
    known = forgotten()
    assert synapse_sdk.install()
    yield
    forgotten()
    sys.modules |= known


@pytest.mark.usefixtures("at_the_address_of_the_guide", "the_originals_names")
@pytest.mark.parametrize("home", ["dtlpipe.runs.synapse_sdk", "synapse_sdk"])
def test_the_complete_example_runs_as_it_is_printed(capsys, home):
    source = snippet("complete_example").replace("from synapse_sdk.", f"from {home}.")
    names: dict[str, Any] = {}
    exec(compile(source, "complete_example.txt", "exec"), names)
    said = capsys.readouterr().out.splitlines()
    final = names["final_run"]
    assert final["status"] == "completed", final["error"]
    assert final["result"]["accuracy"] >= 0.9
    assert said[-1] == f"Result: {final['result']}"
    assert "[completed] train" in said
    shown = [line.removeprefix("  Progress: ").partition("/") for line in said if line.startswith("  Progress: ")]
    assert shown[-1] == ("1.0", "/", "50")


def test_every_snippet_of_the_guide_runs(client, capsys):
    names: dict[str, Any] = {"client": client, "PipelineServiceClient": PipelineServiceClient}

    def run(name: str, **put_in: str) -> dict[str, Any]:
        source = snippet(name, **put_in).replace("from synapse_sdk.", "from dtlpipe.runs.synapse_sdk.")
        exec(compile(source, f"{name}.txt", "exec"), names)
        return names

    run("health_check")
    pipeline = run("create_pipeline", **{"plugin.": "elsewhere."})["pipeline"]
    run("get_pipeline", **{"pipeline-123": pipeline["id"]})
    run("list_pipelines")
    started = run("create_run", **{"pipeline-123": pipeline["id"]})["run"]
    of_run = {"run-456": started["id"]}
    run("get_run", **of_run)
    run("report_progress", **of_run)
    assert started["id"] in [each["id"] for each in run("list_runs")["running"]]
    progress = run("get_progress", **of_run)["progress"]
    assert (progress.status, progress.current_action, progress.actions["train"].progress) == ("running", "train", 0.5)
    made = run("create_checkpoint", **of_run)["checkpoint"]
    assert run("get_checkpoints", **of_run)["checkpoints"] == [made]
    assert run("get_latest_checkpoint", **of_run)["latest"] == made
    assert run("get_checkpoint_by_action", **of_run)["checkpoint"] == made
    run("append_logs", **of_run)
    logs = run("get_logs", **of_run)
    assert [each["message"] for each in logs["logs"]] == ["Starting training", "Loaded dataset"]
    assert (len(logs["train_logs"]), logs["errors"], len(logs["recent"])) == (2, [], 2)
    run("update_run", **of_run)
    assert client.get_run(started["id"])["error"] == "Out of memory during training"
    assert run("stream_progress", **of_run)["progress"].status == "failed"
    following = textwrap.indent(snippet("stream_progress_async", **of_run), "    ")
    exec(f"import asyncio\nasync def follow():\n{following}\nasyncio.run(follow())", names)
    run("delete_run", **of_run)
    run("context_manager", **{'"http://localhost:8100"': repr(client.base_url), "...": "'again', []"})
    run("delete_pipeline", **{"pipeline-123": pipeline["id"]})
    said = capsys.readouterr().out
    assert "Pipeline service is healthy" in said
    assert f"Created pipeline: {pipeline['id']}" in said
    assert "Resume from: train" in said


@pytest.mark.slow
def test_the_printed_file_runs_beside_the_platform_that_the_command_line_starts(datasets_url, tmp_path):
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT_OF_THE_GUIDE)) == 0:
            pytest.skip("port 8100 is taken on this machine")
    command = [
        sys.executable,
        "-m",
        "dtlpipe.cli",
        "platform",
        "start",
        "--data",
        str(tmp_path / "data"),
        "--port",
        "0",
    ]
    options = ["--synapse-port", str(PORT_OF_THE_GUIDE), "--actions", str(TRAINING)]
    environment = {**os.environ, "DATASETS_URL": datasets_url}
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, env=environment) as platform:
        assert platform.stdout is not None
        try:
            for line in platform.stdout:
                if str(PORT_OF_THE_GUIDE) in line:
                    break
            script = [sys.executable, "-m", "dtlpipe.runs.synapse_sdk", str(GUIDE / "complete_example.txt")]
            done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)
        finally:
            platform.terminate()
            platform.communicate(timeout=60)
    assert "Result: {'accuracy': " in done.stdout, done.stdout + done.stderr
