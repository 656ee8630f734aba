"""What a platform does without until somebody needs it. No time is measured here: a module costs the same anywhere."""

import subprocess
import sys

import pytest

READY = """if True:
    import sys
    from pathlib import Path
    from mock_server.config import Settings
    from mock_server.local import Local
    from mock_server.platform.readiness import Readiness

    local = Local(Settings(data_dir=Path(sys.argv[1]), port=0, workers=1))
    local.start()
    try:
        assert Readiness(local.platform).missing() == []
        print(*sys.modules)
    finally:
        local.stop()
"""
#: Each takes a tenth of a second or more, or several MB.
SPARED = (
    "alembic",
    "cloudpickle",
    "dtlpipe.client",
    "httpx",
    "opentelemetry",
    "prometheus_client",
    "psycopg",
    "ray",
    "requests",
    "sqlalchemy",
)


@pytest.mark.parametrize("name", SPARED)
def test_a_platform_is_ready_without(name, modules_at_readiness):
    assert name not in modules_at_readiness


@pytest.fixture(scope="module")
def modules_at_readiness(tmp_path_factory):
    """Names of the modules that are loaded when a platform on an empty folder is ready."""
    command = [sys.executable, "-c", READY, str(tmp_path_factory.mktemp("start") / "data")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return frozenset(done.stdout.split())
