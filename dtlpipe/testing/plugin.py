"""pytest fixtures for code that uses a platform: one platform a process, and a namespace of its own for each test.

| fixture | is |
|---|---|
| `platform` | the platform, for the session, with its `.clock`, its `.faults` and all that LocalPlatform has |
| `client` | a client of it |
| `project` | a new project |
| `dtlpy_environment` | the variables that point dtlpy at it, set for the test; a dtlpy that is imported obeys |
| `dtlpy` | dtlpy itself, so pointed |
| `fresh_platform` | a platform of the test's own, to stop, restart and fill |

What a test makes, sets and moves is gone when it ends; what a fixture of a wider scope makes stays as long as that.
Under xdist each worker process has a platform of its own. `--dtlpipe-seed` has ids follow from it, test by test.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dtlpipe.client import Client
    from mock_server.testing import LocalPlatform

_shared = pytest.StashKey["LocalPlatform"]()
_made = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The seed, for the command line and the ini file."""
    text = "Have the ids on the fixture `platform` follow from it: the same seed, the same ids in each test."
    parser.getgroup("dtlpipe").addoption("--dtlpipe-seed", metavar="SEED", help=text)
    parser.addini("dtlpipe_seed", text)


def _seed(config: pytest.Config) -> str | None:
    found = config.getoption("--dtlpipe-seed") or config.getini("dtlpipe_seed")
    return str(found) if found else None


def _running(config: pytest.Config) -> LocalPlatform | None:
    """The session's platform, if a test has asked for it."""
    return config.stash.get(_shared, None)


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Iterator[LocalPlatform]:
    """A platform that runs in this process, shared by all tests of the session; each has its own namespace in it."""
    from mock_server.testing import LocalPlatform

    with LocalPlatform(seed=_seed(request.config)) as found:
        request.config.stash[_shared] = found
        try:
            found.namespaces.begin()  # of the test that asks first
            yield found
        finally:
            del request.config.stash[_shared]


@pytest.fixture
def fresh_platform() -> Iterator[LocalPlatform]:
    """A platform of the test's own, which it may stop, restart and fill."""
    from mock_server.testing import LocalPlatform

    with LocalPlatform() as found:
        yield found


@pytest.fixture
def client(platform: LocalPlatform) -> Iterator[Client]:
    """A client of `platform`."""
    with platform.client() as found:
        yield found


@pytest.fixture
def project(client: Client, request: pytest.FixtureRequest) -> Any:
    """A new project on `platform`, for this test alone."""
    number = request.config.stash[_made] = request.config.stash.get(_made, 0) + 1
    seed = _seed(request.config)
    return client.projects.create(project_name=f"test-{os.getpid()}-{number}" if seed is None else "test")


@pytest.fixture
def dtlpy_environment(platform: LocalPlatform, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Points dtlpy at `platform`, in this test and in processes that it starts: nothing to configure, no login.

    The variables are given. A dtlpy that was imported before is told of them; it may be imported after, too.
    """
    variables = platform.environment()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found: Any = sys.modules.get("dtlpy")
    if found is not None:
        _tell(found, platform, monkeypatch)
    return variables


@pytest.fixture
def dtlpy(platform: LocalPlatform, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The field's own SDK, pointed at `platform`. It has to be installed."""
    request.getfixturevalue("dtlpy_environment")
    found: Any = pytest.importorskip("dtlpy")
    _tell(found, platform, monkeypatch)
    return found


def _tell(dtlpy: Any, platform: LocalPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dtlpy reads once, when it is imported or first used. The user's own login stays as it is."""
    known = dtlpy.client_api
    cookie = platform.data_dir / "dataloop" / "cookie.json"
    here = {"alias": "local", "audience": "", "client_id": "", "auth0_url": "", "verify_ssl": True}
    here |= {"gate_url": platform.url, "url": f"{platform.url}/", "token": platform.token()}
    monkeypatch.setattr(known, "cookie_io", type(known.cookie_io)(str(cookie)))
    monkeypatch.setattr(known, "_environment", platform.api_url)
    monkeypatch.setattr(known, "_environments", {platform.api_url: here})
    monkeypatch.setattr(known, "_token", here["token"])
    monkeypatch.setattr(known, "_ApiClient__gate_url_for_requests", platform.api_url)


# --- namespaces -------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A namespace begins before the fixtures of a test, and ends after them."""
    platform = _running(item.config)
    if platform is not None:
        platform.namespaces.begin()
    if platform is not None and (seed := _seed(item.config)) is not None:
        platform.seed_ids(f"{seed} {item.nodeid}")
    try:
        return (yield)
    finally:
        platform = _running(item.config)
        if platform is not None:
            platform.faults.clear()
            platform.clock.reset()
            platform.namespaces.end()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
    """What a fixture of a wider scope makes is not the test's that asked first."""
    platform = _running(request.config)
    if platform is None or fixturedef.scope == "function":
        return (yield)
    with platform.namespaces.kept(fixturedef):
        return (yield)


@pytest.hookimpl
def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Once it is over, what it made goes with the test that was its last."""
    platform = _running(request.config)
    if platform is not None and fixturedef.scope != "function":
        platform.namespaces.released(fixturedef)
