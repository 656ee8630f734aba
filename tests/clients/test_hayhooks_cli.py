"""The real `hayhooks` command as the client. It has an environment of its own: `HAYHOOKS_COMMAND` names it, or PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mock_server.testing import LocalPlatform

COMMAND = os.environ.get("HAYHOOKS_COMMAND") or shutil.which(
    "hayhooks", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)
pytestmark = [
    pytest.mark.skipif(
        COMMAND is None, reason="hayhooks is not installed; HAYHOOKS_COMMAND=/path/to/hayhooks names one"
    ),
    pytest.mark.slow,
]

PIPELINES = Path(__file__).parent.parent / "serving" / "pipelines"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlatform]:
    with LocalPlatform(tmp_path_factory.mktemp("hayhooks"), durability="relaxed") as found:
        yield found


@pytest.fixture(scope="module")
def hayhooks(platform: LocalPlatform) -> Run:
    port = platform.url.rpartition(":")[2]
    environment = {**os.environ, "HAYHOOKS_HOST": "127.0.0.1", "HAYHOOKS_PORT": port, "COLUMNS": "200", "NO_COLOR": "1"}

    def run(*arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        command = [str(COMMAND), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="module", autouse=True)
def deployed(hayhooks: Run) -> None:
    for name in ("shout", "upload", "streams"):
        done = hayhooks("pipeline", "deploy-files", str(PIPELINES / name), "-n", name)
        assert "deployed" in done.stdout
    hayhooks("pipeline", "deploy-yaml", str(PIPELINES / "greeting.yml"))


def test_the_status_lists_what_is_deployed(hayhooks: Run):
    shown = hayhooks("status").stdout
    assert all(name in shown for name in ("shout", "upload", "streams", "greeting"))


def test_a_pipeline_is_run_with_parameters(hayhooks: Run):
    assert "HIHI" in hayhooks("pipeline", "run", "shout", "--param", "text=hi", "--param", "times=2").stdout
    assert "HI!" in hayhooks("pipeline", "run", "shout", "-p", "text=hi", "-p", 'options={"end": "!"}').stdout
    assert "Hello, Ann!" in hayhooks("pipeline", "run", "greeting", "-p", "name=Ann").stdout


def test_files_and_folders_are_sent(hayhooks: Run, tmp_path: Path):
    for name in ("a/1.txt", "b/2.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"text of {name}")
    one = hayhooks("pipeline", "run", "upload", "--file", str(tmp_path / "a/1.txt"), "--param", "query=q").stdout
    assert "text of a/1.txt" in one
    with_object = hayhooks(
        "pipeline", "run", "upload", "-f", str(tmp_path / "a/1.txt"), "-p", 'options={"a": 1}'
    ).stdout
    assert '"a": 1' in with_object
    whole = hayhooks("pipeline", "run", "upload", "--dir", str(tmp_path)).stdout
    assert "text of a/1.txt" in whole
    assert "text of b/2.txt" in whole


def test_a_stream_is_shown(hayhooks: Run):
    assert "0;1;2;" in hayhooks("pipeline", "run", "streams", "--stream").stdout


def test_refusals_are_shown_with_their_reason(hayhooks: Run, tmp_path: Path):
    again = hayhooks("pipeline", "deploy-files", str(PIPELINES / "shout"), "-n", "shout", fails=True)
    assert "already exists" in again.stdout
    broken = hayhooks("pipeline", "deploy-files", str(PIPELINES / "broken"), "-n", "broken", fails=True)
    assert "no_such_module" in broken.stdout
    unknown = hayhooks("pipeline", "run", "nobody", fails=True)
    assert "Not Found" in unknown.stdout
    wrong = hayhooks("pipeline", "run", "shout", "-p", "text=hi", "-p", "times=many", fails=True)
    assert "times" in wrong.stdout


def test_what_is_overwritten_and_undeployed_is_so(hayhooks: Run):
    hayhooks("pipeline", "deploy-files", str(PIPELINES / "shout"), "-n", "gone")
    hayhooks("pipeline", "deploy-files", str(PIPELINES / "shout"), "-n", "gone", "--overwrite")
    assert "gone" in hayhooks("pipeline", "undeploy", "gone").stdout
    assert "gone" not in hayhooks("status").stdout
