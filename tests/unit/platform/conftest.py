"""The verbs on a real store, without a worker: what is begun stays begun."""

from __future__ import annotations

import shutil
from concurrent.futures import Future

import pytest

from mock_server.config import Settings
from mock_server.platform.platform import Platform
from mock_server.store import open_store

ME = "me@example.com"


class Idle:
    """A worker that takes work, writes its rows, and never gets to it; a run that is told to end ends."""

    def __init__(self, store):
        self.store = store
        self.cancelled = []

    def guarded(self, intent):
        return intent

    def begin(self, tx, submission):
        tx.insert_runs(submission.runs)
        tx.insert_executions(submission.calls)
        if submission.command is not None:
            tx.insert("command", submission.command)

    def submit(self, submission):
        return self.store.post(lambda tx: self.begin(tx, submission))

    def is_open(self, pipeline_id, run_id):
        return False

    def cancel_run(self, run_id, reason):
        self.cancelled.append((run_id, reason))
        return self.store.post(lambda tx: tx.update_run(run_id, status="terminated"))

    def rouse(self):
        pass

    def regulate(self, tx, pipeline):
        pass

    def service_changed(self, service_id):
        pass

    def cancel_execution(self, execution_id, reason):
        done = Future()
        done.set_result(False)
        return done


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """The folder of a new store: a copy of it is there sooner than another one is made."""
    folder = tmp_path_factory.mktemp("empty") / "data"
    open_store(folder, relaxed=True).close()
    return folder


@pytest.fixture
def platform(tmp_path, empty):
    shutil.copytree(empty, tmp_path / "data")
    store = open_store(tmp_path / "data", relaxed=True)
    platform = Platform(store, Settings(data_dir=tmp_path / "data"))
    platform.scheduler = Idle(store)
    yield platform
    platform.feed.close()
    store.close()


@pytest.fixture
def project(platform):
    return platform.projects.create("project", ME)


@pytest.fixture
def create(platform, project):
    """Creates a pipeline from a definition, in the project."""

    def create(body):
        return platform.pipelines.create({"projectId": project["id"], **body}, ME)

    return create


@pytest.fixture
def installed(platform, create):
    """Creates and installs one."""

    def installed(body):
        return platform.pipelines.install(create(body)["id"], None, ME)

    return installed
