"""The service that is asked: the bundled platform, or another one.

`make test` asks the platform at the port that the run service has for itself. `make faults` asks it at all its places:
under its prefix, on PostgreSQL, and by the mouth of a follower.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conformance.run_service.wire import ACTIONS, OTHER, Service

OWN_PORT = "own port"
PLACES = ("prefix", "postgresql", "follower", "follower, prefix")


def _places() -> list[Any]:
    if OTHER is not None:
        return [OTHER]
    return [OWN_PORT, *(pytest.param(each, marks=pytest.mark.slow) for each in PLACES)]


@pytest.fixture(scope="session", params=_places())
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if OTHER is not None:
        yield OTHER.rstrip("/")
        return
    with ExitStack() as stack:
        yield _started(request, tmp_path_factory.mktemp("service"), stack)


def _started(request: pytest.FixtureRequest, folder: Path, stack: ExitStack) -> str:
    from mock_server.testing import LocalPlatform

    place: str = request.param
    settings: dict[str, Any] = {}
    if place not in (OWN_PORT, "prefix"):
        server, name = request.getfixturevalue("postgres_server"), f"t{uuid4().hex}"
        settings["store"] = server.create(name)
        stack.callback(server.drop, name)
    platform = stack.enter_context(LocalPlatform(folder, synapse_port=0, **settings))
    if place.startswith("follower"):
        platform = stack.enter_context(LocalPlatform(folder, synapse_port=0, standby=True, **settings))
    return f"{platform.url}/synapse" if place.endswith("prefix") else platform.run_service_url


@pytest.fixture(scope="module")
def there(base: str) -> Iterator[Service]:
    with Service(base) as found:
        yield found


@pytest.fixture
def pipeline(there: Service) -> Any:
    return there.ok("POST", "/pipelines/", json={"name": "p", "actions": ACTIONS, "description": None})


@pytest.fixture
def run(there: Service, pipeline: Any) -> Any:
    return there.ok("POST", f"/pipelines/{pipeline['id']}/runs/", json={"params": {"dataset": 123}})
