"""What holds for every test: the person's own settings are out of reach, Hypothesis does not race the clock, and
nobody is told of the runs.
"""

from __future__ import annotations

import os
import tempfile
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

pytest_plugins = ["tests.postgres"]

_home = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Cut the run off from the settings, tokens and caches of whoever runs it.

    This must happen before any test module is imported: dtlpy reads its folders once, on import.
    """
    for name in list(os.environ):
        if name.startswith(OURS_AND_THEIRS) and not name.startswith("DTLPIPE_TEST_"):
            del os.environ[name]
    home = config.stash[_home] = tempfile.TemporaryDirectory(prefix="dtlpipe-tests-", ignore_cleanup_errors=True)
    for variable in ("DATALOOP_PATH", "DEFAULT_CACHE_PATH"):
        folder = Path(home.name, variable.lower())
        folder.mkdir()
        os.environ[variable] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's own folder."""
    config.stash[_home].cleanup()
