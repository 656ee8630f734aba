"""One Ray and one platform for all tests of the Ray executor; pipelines are made with the SDK."""

from __future__ import annotations

import itertools
import time

import psutil
import pytest

import dtlpipe as dl
from mock_server.testing import LocalPlatform

_names = itertools.count()


class Hand:
    """A client of a platform on Ray, and what tests ask of it."""

    def __init__(self, platform, client):
        self.platform = platform
        self.project = client.projects.create(project_name=f"ray-{time.time_ns()}")

    def install(self, *nodes, connections):
        """A pipeline of these nodes; connections are pairs, or triples with the input port."""
        pipeline = self.project.pipelines.create(name=f"p{next(_names)}-{time.time_ns()}")
        for each in nodes:
            pipeline.nodes.add(each)
        for source, *target in connections:
            source.connect(target[0], target_port=target[1] if target[1:] else None)
        pipeline.update()
        pipeline.install()
        return pipeline

    def run(self, *functions, runtime=None, given=None, **options):
        """A run of a chain of these functions, under way."""
        nodes = [node(f"n{number}", function, runtime, **options) for number, function in enumerate(functions)]
        pipeline = self.install(*nodes, connections=itertools.pairwise(nodes))
        return pipeline.execute(execution_input=given or {})


def node(name, function, runtime=None, **options):
    """A code node with a `serviceConfig.runtime`."""
    made = dl.CodeNode(name=name, method=function, **options)
    if runtime:
        made.metadata.setdefault("serviceConfig", {}).setdefault("runtime", {}).update(runtime)
    return made


def until(found, timeout=60.0):
    """What `found` gives, once that is something."""
    deadline = time.monotonic() + timeout
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return value


def gone(pid):
    """Whether the process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="session")
def hand():
    """The platform has a Ray of its own with two processors."""
    with LocalPlatform(executor="ray", workers=2) as platform, platform.client() as client:
        yield Hand(platform, client)
