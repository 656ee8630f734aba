"""From start to stop: the command line, signals, one platform a folder, what survives, and waiting."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import requests

import dtlpipe.cli
from dtlpipe.errors import ConfigurationError, Unavailable
from mock_server.testing import LocalPlatform

API = "/api/v1"
ROOT = Path(__file__).parents[2]


class Started:
    """`dtlpipe platform start` in a process of its own, as a person would run it."""

    def __init__(self, data: Path, *options: str, env: dict[str, str] | None = None) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--data", str(data), "--port", "0", *options],
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.banner = ""
        for line in self.process.stdout:
            self.banner += line
            if "stop it" in line:
                break
        found = re.search(r"http://\S+", self.banner)
        assert found, self.process.stderr.read()
        self.url = found[0]

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(by)
        try:
            return self.process.wait(30)
        finally:
            self.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """One for a test that ends it."""
    found = Started(tmp_path / "data")
    yield found
    found.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """One for all tests that leave it as it is."""
    found = Started(tmp_path_factory.mktemp("running") / "data", "--synapse-port", "0")
    yield found
    found.close()


@attrs.frozen
class Done:
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


def cli(*arguments: str) -> Done:
    """The command, in this process, with nobody at the keyboard: another process would spend its time on imports."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "stdin", io.StringIO())
        dtlpipe.cli.main(list(arguments))
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def test_the_banner_says_where_it_is_and_how_to_expose_it(running):
    assert requests.get(f"{running.url}/health", timeout=10).json()["status"] == "ok"
    assert str(running.data) in running.banner
    assert "this machine only" in running.banner
    service = re.search(r"actions +(http://\S+)", running.banner)
    assert service is not None
    assert requests.get(f"{service[1]}/health", timeout=10).json()["status"] == "healthy"


@pytest.mark.slow
def test_exposing_is_explained_and_needs_a_password(tmp_path):
    refused = cli("platform", "start", "--data", str(tmp_path), "--host", "0.0.0.0")
    assert refused.returncode == 1
    assert "--password-env" in refused.stderr
    missing = cli("platform", "start", "--data", str(tmp_path), "--host", "0.0.0.0", "--password-env", "NOT_THERE")
    assert (missing.returncode, "NOT_THERE" in missing.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_an_exposed_platform_started_by_the_command_line_is_locked(tmp_path):
    options = ("--host", "0.0.0.0", "--password-env", "SESAME")
    platform = Started(tmp_path / "data", *options, env={"SESAME": "open"})
    try:
        assert requests.get(f"{platform.url}{API}/projects", timeout=10).status_code == 401
        printed = cli("platform", "env", "--json", "--data", str(platform.data))
        token = json.loads(printed.stdout)["DTLPIPE_TOKEN"]
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{platform.url}{API}/projects", headers=headers, timeout=10).status_code == 200
        assert platform.end() == 0
    finally:
        platform.close()


def test_a_signal_ends_it_cleanly_and_what_was_accepted_is_there_at_the_next_start(tmp_path):
    made = []
    for number, by in enumerate((signal.SIGTERM, signal.SIGINT)):
        platform = Started(tmp_path / "data")
        listed = requests.get(f"{platform.url}{API}/projects", timeout=10).json()
        assert [each["id"] for each in listed] == made
        answer = requests.post(f"{platform.url}{API}/projects", data={"name": f"p{number}"}, timeout=10)
        made.append(answer.json()["id"])
        assert platform.end(by) == 0
        assert not (platform.data / "dtlpipe-platform.state").exists()


def test_a_folder_holds_one_platform_at_a_time(running):
    second = cli("platform", "start", "--data", str(running.data), "--port", "0")
    assert second.returncode == 1
    assert "in use" in second.stderr
    assert requests.get(f"{running.url}/health", timeout=10).status_code == 200


@pytest.mark.slow
def test_a_taken_port_is_told_and_leaves_the_folder_free(running, tmp_path):
    port = running.url.rsplit(":", 1)[1]
    command = ["platform", "start", "--data", str(tmp_path / "other"), "--port", port]
    second = subprocess.run(
        [sys.executable, "-m", "dtlpipe.cli", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert port in second.stderr
    with LocalPlatform(tmp_path / "other"):
        pass


@pytest.mark.slow
def test_status_tells_by_its_exit_status(started):
    running = cli("platform", "status", "--json", "--data", str(started.data))
    assert running.returncode == 0
    said = json.loads(running.stdout)
    assert (said["status"], said["url"], said["pid"]) == ("ok", started.url, started.process.pid)
    started.end(signal.SIGKILL)
    stopped = cli("platform", "status", "--data", str(started.data))
    assert (stopped.returncode, "no platform is running" in stopped.stdout) == (3, True)


@pytest.mark.slow
def test_status_of_a_platform_that_hangs_is_its_own(running):
    running.process.send_signal(signal.SIGSTOP)
    try:
        assert cli("platform", "status", "--data", str(running.data)).returncode == 4
    finally:
        running.process.send_signal(signal.SIGCONT)
    assert cli("platform", "status", "--data", str(running.data)).returncode == 0


@pytest.mark.slow
def test_env_prints_what_a_shell_can_read(running):
    printed = cli("platform", "env", "--data", str(running.data)).stdout
    read = subprocess.run(["sh", "-c", f"{printed}\nenv"], capture_output=True, text=True, check=True).stdout
    variables = dict(line.split("=", 1) for line in read.splitlines() if "=" in line)
    assert variables["DTLPIPE_URL"] == running.url
    assert variables["INTERNAL_REQUESTS_URL"] == f"{running.url}/api/v1"
    assert variables["DTLPY_REFRESH_TOKEN_METHOD"] == "proxy"
    assert variables["AGENT_PROXY_MAIN_PORT"] == running.url.rsplit(":", 1)[1]
    assert Path(variables["DATALOOP_PATH"]).is_dir()


def test_env_without_a_platform_prints_nothing_to_evaluate(tmp_path):
    printed = cli("platform", "env", "--data", str(tmp_path))
    assert (printed.returncode, printed.stdout) == (3, "")
    assert "platform start" in printed.stderr


def test_reset_is_refused_while_it_runs(running):
    refused = cli("platform", "reset", "--yes", "--data", str(running.data))
    assert (refused.returncode, "in use" in refused.stderr) == (1, True)
    assert requests.get(f"{running.url}/health", timeout=10).status_code == 200


def test_reset_deletes_everything(tmp_path):
    with LocalPlatform(tmp_path / "data") as platform:
        requests.post(f"{platform.url}{API}/projects", data={"name": "p"}, timeout=10)
    assert cli("platform", "reset", "--yes", "--data", str(tmp_path / "data")).returncode == 0
    assert not (tmp_path / "data").exists()


def test_reset_of_a_folder_that_is_no_platforms_deletes_nothing(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    refused = cli("platform", "reset", "--yes", "--data", str(tmp_path))
    assert refused.returncode == 1
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_reset_asks_before_it_deletes(tmp_path):
    with LocalPlatform(tmp_path / "data"):
        pass
    asked = cli("platform", "reset", "--data", str(tmp_path / "data"))
    assert asked.returncode == 1
    assert (tmp_path / "data").exists()


def test_the_data_folder_may_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DTLPIPE_DATA", str(tmp_path))
    with LocalPlatform(tmp_path) as platform:
        said = cli("platform", "status", "--json")
        assert json.loads(said.stdout)["url"] == platform.url


def test_help_and_version_need_no_platform():
    assert "platform" in cli("--help").stdout
    assert cli("--version").stdout.startswith("dtlpipe ")
    lean = "import sys, dtlpipe.cli; sys.exit(any(each in sys.modules for each in ('flask', 'sqlalchemy', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", lean], cwd=ROOT, check=False).returncode == 0


def test_a_stopped_platform_keeps_its_data_and_its_port(connect):
    with LocalPlatform() as platform:
        url = platform.url
        made = connect(platform).ok("POST", f"{API}/projects", data={"name": "p"})
        platform.stop()
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/health", timeout=5)
        with pytest.raises(Unavailable):
            _ = platform.url
        platform.start()
        assert platform.url == url
        assert connect(platform).ok("GET", f"{API}/projects") == [made]


def test_a_temporary_platform_leaves_nothing_behind():
    with LocalPlatform() as platform:
        folder = platform.data_dir
        assert folder.exists()
    assert not folder.exists()


def test_a_given_folder_stays(tmp_path):
    with LocalPlatform(tmp_path / "data") as platform:
        platform.token()
    assert (tmp_path / "data" / "store.sqlite3").exists()


def test_a_platform_that_cannot_start_lets_go_of_everything(tmp_path):
    with LocalPlatform() as taken:
        port = int(taken.url.rsplit(":", 1)[1])
        blocked = LocalPlatform(tmp_path, port=port)
        with pytest.raises(ConfigurationError, match=str(port)):
            blocked.start()
    with LocalPlatform(tmp_path):
        pass


def test_requests_in_flight_are_answered_before_it_stops(monkeypatch):
    with LocalPlatform() as platform:
        began, go_on = threading.Event(), threading.Event()
        original = platform.platform.projects.list

        def slow():
            began.set()
            go_on.wait(20)
            return original()

        monkeypatch.setattr(platform.platform.projects, "list", slow, raising=False)
        answers = []
        client = threading.Thread(
            target=lambda: answers.append(requests.get(f"{platform.url}{API}/projects", timeout=20).status_code)
        )
        client.start()
        assert began.wait(20)
        stopping = threading.Thread(target=platform.stop)
        stopping.start()
        go_on.set()
        stopping.join(20)
        client.join(20)
        assert answers == [200]


def test_requests_that_do_not_end_are_cut_off_after_their_grace(monkeypatch):
    with LocalPlatform(grace=0.2) as platform:
        began, over = threading.Event(), threading.Event()

        def endless():
            began.set()
            over.wait(60)
            return []

        monkeypatch.setattr(platform.platform.projects, "list", endless, raising=False)
        failures = []

        def ask():
            try:
                requests.get(f"{platform.url}{API}/projects", timeout=50)
            except requests.ConnectionError as error:
                failures.append(error)

        client = threading.Thread(target=ask)
        client.start()
        assert began.wait(20)
        platform.stop()
        client.join(20)
        over.set()
        assert len(failures) == 1
