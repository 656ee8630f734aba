"""The service that is asked: the bundled platform, or another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.run_service.wire import ACTIONS, OTHER, Service


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    if OTHER is not None:
        yield OTHER.rstrip("/")
        return
    from mock_server.testing import LocalPlatform

    with LocalPlatform(synapse_port=0) as platform:
        yield platform.run_service_url


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
