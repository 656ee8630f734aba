"""pytest fixtures: `platform` and a `client` of it for ordinary tests, `fresh_platform` for those that must be alone.

One platform serves a whole session, as starting one costs more than most tests do; tests keep out of each other's way
by working in a project of their own, which is what the fixture `project` gives.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dtlpipe.client import Client
    from mock_server.testing import LocalPlatform


@pytest.fixture(scope="session")
def platform() -> Iterator[LocalPlatform]:
    """A platform that runs in this process, shared by all tests of the session."""
    from mock_server.testing import LocalPlatform

    with LocalPlatform() as found:
        yield found


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
def project(client: Client) -> Any:
    """A new project on `platform`, for this test alone."""
    return client.projects.create(project_name=f"test-{uuid.uuid4().hex}")
