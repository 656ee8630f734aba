"""Platforms that can be killed, and the table of faults: which row, how often, the gate, and what was measured."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import rows
from tests.faults.killable import Breeder, Killable, free_port
from tests.faults.platforms import Inner

#: Names the document whose table is written anew from what the tests of this run have recorded.
TABLE = "DTLPIPE_TEST_FAULTS_TABLE"


@pytest.fixture(scope="session")
def breeder():
    found = Breeder()
    yield found
    found.close()


@pytest.fixture(scope="session")
def make_killable(breeder):
    """`with make_killable(folder, *options) as platform:`, not yet started."""

    @contextmanager
    def make(folder, *options, **environment):
        with Killable(breeder, folder, free_port(), *options, environment=environment) as found:
            yield found

    return make


@pytest.fixture(scope="session")
def shared(make_killable, tmp_path_factory):
    with make_killable(tmp_path_factory.mktemp("faults") / "data") as found:
        yield found


@pytest.fixture
def platform(shared):
    """One a session: it runs, whatever the last test has done to it."""
    if shared._process is None or shared.process.poll() is not None:
        shared.start()
    return shared


@pytest.fixture(scope="module")
def inner(tmp_path_factory):
    """One in this process, for a module."""
    with Inner(tmp_path_factory.mktemp("inner") / "data") as found:
        yield found


@pytest.fixture
def record_row(request):
    """`record_row(row, fault, times=..., gate=..., measured=..., held=True)`: a line of the table."""

    def record(row, fault, *, times, gate, measured, held=True):
        line = rows.Line(row, fault, str(times), gate, measured, held=bool(held))
        request.node.user_properties.append((rows.PROPERTY, line.to_json()))

    return record


def pytest_configure(config):
    if os.environ.get(TABLE) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(rows.Recorder(Path(os.environ[TABLE])), "dtlpipe-faults-table")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(3600))
