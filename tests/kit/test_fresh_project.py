"""The plugin in a project of somebody else's: nothing but a test file, also on two processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

THEIRS = """
import dtlpy as dl
import pytest

@pytest.fixture(scope="module")
def shared(platform):
    with platform.client() as client:
        return client.projects.create(project_name="shared").id

@pytest.mark.parametrize("turn", range(4))
def test_a_namespace(client, shared, turn):
    assert [each.name for each in client.projects.list().all()] == ["shared"]
    client.projects.create(project_name="mine")

def test_their_sdk(client, dtlpy_environment):
    dl.projects.create("from dtlpy")
    assert "from dtlpy" in {each.name for each in client.projects.list().all()}

def test_ids(project):
    open("id-" + __import__("os").environ["RUN"], "w").write(project.id)
"""


@pytest.mark.slow
def test_it_works_with_nothing_but_a_test_file(tmp_path):
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    for run, options in (("one", ()), ("two", ("-n", "2"))):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--dtlpipe-seed", "1", *options],
            cwd=tmp_path,
            env={**os.environ, "RUN": run, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "6 passed" in done.stdout
    assert (tmp_path / "id-one").read_text() == (tmp_path / "id-two").read_text()
