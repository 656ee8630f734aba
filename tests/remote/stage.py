"""Remote workers in this process and in others, and platforms that have none of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading

import dtlpipe as dl
from dtlpipe import LocalPlatform
from mock_server.remote.link import Link
from mock_server.remote.worker import RemoteWorker


@contextlib.contextmanager
def working(urls, folder, **more):
    """A worker in this process, drained at the end."""
    with Link([urls] if isinstance(urls, str) else urls, more.pop("token", None)) as link:
        worker = RemoteWorker(link, **({"name": "w1", "slots": 2, "folder": folder, "grace": 10.0, "wait": 5.0} | more))
        worker.start()
        try:
            yield worker
        finally:
            worker.drain()
            worker.join()


class Machine:
    """`dtlpipe worker` in a process of its own."""

    def __init__(self, url, log, *options):
        self.log = log.open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dtlpipe.cli", "worker", "--url", url, "--log-level", "info", *options],
            stdout=self.log,
            stderr=self.log,
            env={**os.environ},
            start_new_session=True,
        )

    def said(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self.log.close()


class Desk:
    """A platform, a client of it, and pipelines of one node on it."""

    def __init__(self, platform):
        self.platform = platform
        self.client = platform.client()
        self.project = self.client.projects.create("remote")

    def pipeline(self, function, config=None):
        pipeline = self.project.pipelines.create(f"p{len(list(self.project.pipelines.list().all()))}")
        node = dl.CodeNode(name="node", project_id=self.project.id, project_name=self.project.name, method=function)
        node.metadata["serviceConfig"] = config or {}
        pipeline.nodes.add(node)
        pipeline.update()
        pipeline.install()
        return pipeline

    def row(self, run):
        (row,) = self.platform.store.executions_of([run.id])[run.id]
        return row

    def present(self):
        return self.platform.platform.workers.list()

    @property
    def refused(self):
        return self.platform.platform.workers.refused


@contextlib.contextmanager
def at_desk(**settings):
    with LocalPlatform(**({"workers": 0, "lease": 2.0, "grace": 0.0} | settings)) as platform:
        desk = Desk(platform)
        with desk.client:
            yield desk


def until(what, timeout=30.0):
    """Waits for what no event tells of: a state in another process."""
    pause = threading.Event()
    for _ in range(int(timeout / 0.02)):
        if what():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come to pass")
