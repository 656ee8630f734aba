"""What holds for every test: the person's own settings are out of reach, Hypothesis does not race the clock, nobody is
told of the runs, and where several processes share the tests, those that take long are begun first.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Read by Haystack once, on import; here, since plugins and conftests of folders import it before any hook is called.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

# Deadlines are off: on a shared machine a slow example says nothing about the code. `full` is for the coverage of
# the engine, `thorough` for nights.
settings.register_profile("default", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("full", parent=settings.get_profile("default"), max_examples=100)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Names by which dtlpipe and dtlpy take settings from the environment.
OURS_AND_THEIRS = ("DTLPIPE_", "DTLPY_", "DATALOOP_", "INTERNAL_REQUESTS_URL", "AGENT_PROXY_MAIN_PORT")

#: About how many seconds a test of a folder takes; one of any other, a tenth. A guess is enough for what it is for.
SECONDS = {
    "docs": 20.0,
    "faults": 8.0,
    "remote": 2.0,
    "serving": 1.5,
    "runs": 1.0,
    "kit": 1.0,
    "clients": 0.6,
    "http": 0.5,
}

pytest_plugins = ["tests.postgres"]

_home = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Cut the run off from the settings, tokens and caches of whoever runs it.

    This must happen before any test module is imported: dtlpy reads its folders once, on import.
    """
    if hasattr(config.option, "loadscopereorder"):  # xdist begins files of many tests first: the long ones have few
        config.option.loadscopereorder = False
    for name in list(os.environ):
        if name.startswith(OURS_AND_THEIRS) and not name.startswith("DTLPIPE_TEST_"):
            del os.environ[name]
    home = config.stash[_home] = tempfile.TemporaryDirectory(prefix="dtlpipe-tests-", ignore_cleanup_errors=True)
    for variable in ("DATALOOP_PATH", "DEFAULT_CACHE_PATH"):
        folder = Path(home.name, variable.lower())
        folder.mkdir()
        os.environ[variable] = str(folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the files, the longest come first, so that no process is left with one at the end."""
    if not hasattr(config, "workerinput"):
        return
    root = Path(__file__).parent
    seconds: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        folders = item.path.relative_to(root).parts if item.path.is_relative_to(root) else ("",)
        seconds[item.path] += SECONDS.get(folders[0], 0.1)
    items.sort(key=lambda item: -seconds[item.path])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's own folder."""
    config.stash[_home].cleanup()
