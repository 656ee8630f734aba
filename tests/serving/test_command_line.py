"""`dtlpipe serve ...` as a program of its own, against a platform and as one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from dtlpipe.cli.platform import platform
from dtlpipe.cli.serve import serve
from mock_server.testing import LocalPlatform
from tests.serving.conftest import PIPELINES, Http


@pytest.fixture
def said(served: LocalPlatform):
    """Runs a command in this process; its result."""

    def run(*arguments: str, fails: bool = False, text: str | None = None) -> Result:
        found = CliRunner().invoke(serve, ["--url", served.url, *arguments], input=text)
        assert (found.exit_code != 0) == fails, found.output
        return found

    return run


def test_a_pipeline_is_run_with_parameters(said):
    assert said("pipeline", "run", "shout", "-p", "text=hi", "-p", "times=2").output == "HIHI\n"
    assert said("pipeline", "run", "shout", "-p", "text=hi", "-p", 'options={"end": "!"}').output == "HI!\n"
    assert "times" in said("pipeline", "run", "shout", "-p", "text=hi", "-p", "times=x", fails=True).output
    assert said("pipeline", "run", "streams", "--stream").output == "0;1;2;\n"


def test_files_keep_their_folders(said, tmp_path: Path):
    for name in ("a/1.txt", "b/1.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    found = json.loads(said("pipeline", "run", "upload", "--dir", str(tmp_path), "-p", 'options={"k": 1}').output)
    assert [each[:2] for each in found["files"]] == [["a/1.txt", "a/1.txt"], ["b/1.txt", "b/1.txt"]]
    assert found["options"] == {"k": 1}


def test_a_batch_goes_on_where_it_was(said, tmp_path: Path):
    batch, output = tmp_path / "batch.jsonl", tmp_path / "out.jsonl"
    batch.write_text('{"text": "a"}\n{"times": 2}\n{"text": "c"}\n')
    said("pipeline", "run", "shout", "--batch", str(batch), "--output", str(output), fails=True)
    first = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(each["index"], each["ok"]) for each in first] == [(0, True), (1, False), (2, True)]
    batch.write_text('{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n')
    said("pipeline", "run", "shout", "--batch", str(batch), "--output", str(output))
    again = [json.loads(line) for line in output.read_text().splitlines()][3:]
    assert again == [{"index": 1, "ok": True, "result": "B"}]


def test_deploying_and_undeploying(said):
    assert "deployed by_hand" in said("deploy-files", str(PIPELINES / "shout"), "-n", "by_hand").output
    assert "already exists" in said("deploy-files", str(PIPELINES / "shout"), "-n", "by_hand", fails=True).output
    assert "deployed" in said("pipeline", "deploy-yaml", str(PIPELINES / "greeting.yml"), "-n", "by_yaml").output
    assert "by_hand" in said("status", fails=True).output  # one of the folder's is broken on purpose
    for name in ("by_hand", "by_yaml"):
        assert "undeployed" in said("undeploy", name).output


def test_it_serves_a_folder_until_it_is_told_to_stop(tmp_path: Path):
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "greeting.yml").write_text((PIPELINES / "greeting.yml").read_text())
    command = [sys.executable, "-m", "dtlpipe.cli", "serve", "run", "--port", "0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" at ")[1].split()[0]
        with Http(url) as http:
            assert http.get("/status").json()["pipelines"] == ["greeting"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize("command", [serve.commands["run"], platform.commands["start"]], ids=["serve", "platform"])
def test_whom_jobs_may_call_back_is_an_option(command: click.Command):
    asked = ["--callback-host", "a.example", "--callback-host", "b.example"]
    with command.make_context("it", asked) as context:
        assert context.params["callback_host"] == ("a.example", "b.example")
