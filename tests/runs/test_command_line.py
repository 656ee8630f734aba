"""`dtlpipe runs`: what it shows of runs of actions, and the worker that brings code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

from click.testing import CliRunner

from dtlpipe.cli import cli


def test_runs_are_listed_with_the_others_in_the_same_state(platform, client, reported, monkeypatch):
    for name, value in platform.environment().items():
        monkeypatch.setenv(name, value)
    client.update_run(reported["id"], status="failed", error="no")
    done = CliRunner().invoke(cli, ["runs", "list", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    statuses = {each["id"]: each["status"] for each in found}
    assert statuses[reported["id"]] == "failed"


def test_a_worker_brings_code_for_as_long_as_it_runs(platform, client, tmp_path):
    (tmp_path / "brought.py").write_text("def act(params, ctx):\n    return {'twice': params['x'] * 2}\n")
    pipeline = client.create_pipeline("brought", [{"name": "act", "entrypoint": "brought.act"}])
    run = client.create_run(pipeline["id"], {"x": 4})
    command = [sys.executable, "-m", "dtlpipe.cli", "runs", "worker", "--code", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--url", platform.run_service_url], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as worker:
        assert worker.stdout is not None
        assert str(tmp_path) in worker.stdout.readline()
        assert client.wait(run["id"], 60)["result"] == {"twice": 8}
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert client.create_run(pipeline["id"], {"x": 4})["status"] == "pending"
    assert platform.platform.actions.roots.unresolved(pipeline["actions"]) == [0]
