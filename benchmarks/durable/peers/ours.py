"""dtlpipe: the platform in its own process, node code in worker processes, all through its HTTP API.

With `--postgresql` on a server of that, started for it, whose commits reach the disk; other options are the platform's.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import httpx
from protocol import STEPS, WIDTH, Peer, expect, serve

import dtlpipe as dl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from chains import chain, step

POSTGRESQL = "--postgresql"


def source_of_join() -> str:
    names = [f"x{number}" for number in range(WIDTH)]
    return f"def join({', '.join(f'{name}: int' for name in names)}) -> int:\n    return {' + '.join(names)}\n"


def a_postgresql() -> subprocess.Popen[str]:
    """It ends with this process."""
    tool = Path(__file__).resolve().parents[3] / "tools" / "postgres.py"
    command = [sys.executable, str(tool), "--durable", "--owner", str(os.getpid())]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


class Ours(Peer):
    callers = 32

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        command = [sys.executable, "-m", "dtlpipe.cli", "platform", "start", "--port", "0"]
        started, options = Path(self.folder.name, "data"), [each for each in sys.argv[1:] if each != POSTGRESQL]
        self.database = a_postgresql() if POSTGRESQL in sys.argv else None
        if self.database is not None and self.database.stdout is not None:
            options += ["--store", json.loads(self.database.stdout.readline())["url"]]
        environment = {key: value for key, value in os.environ.items() if key != "DTLPIPE_STORE"}
        self.process = subprocess.Popen(
            [*command, "--data", str(started), *options], stdout=subprocess.PIPE, text=True, env=environment
        )
        self.url = self.address()
        self.processes = (self.process.pid,)
        self.client = dl.Client(url=self.url)
        self.project = self.client.projects.create(project_name="durable")
        self.ten = chain(self.project, STEPS)

    def address(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = [word for word in line.split() if word.startswith("http://")]
            if found:
                url = found[0].rstrip(".,")
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline:
                    try:
                        httpx.get(f"{url}/health").raise_for_status()
                        return url
                    except httpx.HTTPError:
                        time.sleep(0.01)
        raise RuntimeError("the platform did not start")

    def node(self, name: str, method: Callable[..., int] = step) -> dl.CodeNode:
        return dl.CodeNode(name=name, method=method, project_id=self.project.id, project_name=self.project.name)

    @cached_property
    def wide(self) -> dl.Pipeline:
        path = Path(self.folder.name, "join_of_many.py")
        path.write_text(source_of_join())
        sys.path.insert(0, self.folder.name)
        import join_of_many

        pipeline = self.project.pipelines.create(name="fan")
        root, last = self.node("root"), self.node("join", join_of_many.join)
        pipeline.nodes.add(root)
        for number in range(WIDTH):
            middle = self.node(f"m{number}")
            root.connect(middle)
            middle.connect(last, target_port=last.inputs[number])
        pipeline.update()
        pipeline.install()
        return pipeline

    def once(self, pipeline: dl.Pipeline) -> None:
        execution = pipeline.execute(execution_input={"x": 0}, hold=20)
        if execution.known_status != "success":  # it was not over in one request
            execution.wait(timeout=120)
        expect(execution.known_status, "success")

    def chain(self) -> None:
        self.once(self.ten)

    def fan(self) -> None:
        self.once(self.wide)

    def saturate(self, runs: int) -> None:
        """Each is begun and waited for in one request, as many at once as there are callers."""
        url = f"{self.url}/api/v1/pipelines/{self.ten.id}/execute?wait=60"
        with httpx.Client(timeout=120) as client, ThreadPoolExecutor(self.callers) as pool:

            def run(_: int) -> None:
                answer = client.post(url, json={"pipeline": {"input": {"x": 0}}})
                expect(answer.raise_for_status().json()["status"], "success")

            for _ in pool.map(run, range(runs)):
                pass

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(30)
        if self.database is not None:
            self.database.terminate()
            self.database.wait(30)
        self.folder.cleanup()


if __name__ == "__main__":
    serve(Ours)
