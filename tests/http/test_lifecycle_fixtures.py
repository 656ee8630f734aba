"""What people's own tests get: the pytest fixtures, and clients of a platform in their process."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from mock_server.testing import LocalPlatform

ROOT = Path(__file__).parents[2]

PEOPLES_TESTS = """
seen = []

def test_a_client_works_in_a_project_of_its_own(platform, client, project):
    seen.append((platform.url, project.id))
    assert client.projects.get(project_id=project.id).name == project.name

def test_the_platform_is_shared_and_the_project_is_not(platform, project):
    assert seen[0][0] == platform.url
    assert seen[0][1] != project.id

def test_a_fresh_platform_is_empty_and_may_be_restarted(platform, fresh_platform):
    assert fresh_platform.url != platform.url
    assert fresh_platform.platform.projects.list() == []
    fresh_platform.restart()
"""


def test_the_fixtures_give_a_platform_a_client_and_a_project(tmp_path):
    (tmp_path / "test_theirs.py").write_text(PEOPLES_TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    found = {each.value for each in entry_points(group="pytest11") if each.name == "dtlpipe"}
    assert found <= {"dtlpipe.testing.plugin"}  # it is empty where dtlpipe runs from its source
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "dtlpipe.testing.plugin", str(tmp_path)],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT),
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # other people's plugins took most of the time
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_the_plugin_costs_nothing_to_those_who_do_not_use_it():
    lean = "import sys, dtlpipe.testing.plugin; sys.exit('mock_server' in sys.modules or 'httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", lean], cwd=ROOT, check=False).returncode == 0


def test_both_kinds_of_client_find_their_platform(platform):
    with platform.client() as client:
        made = client.projects.create(project_name="found by both")
        assert client.projects.get(project_name="found by both").id == made.id


async def test_an_asynchronous_client_finds_its_platform(platform):
    async with platform.async_client() as client:
        made = await client.projects.create(project_name="found asynchronously")
        assert (await client.projects.get(project_id=made.id)).name == "found asynchronously"


def test_two_platforms_in_one_process_do_not_mix():
    with LocalPlatform() as one, LocalPlatform() as two, one.client() as first, two.client() as second:
        first.projects.create(project_name="only here")
        assert [each.name for each in second.projects.list()] == []
