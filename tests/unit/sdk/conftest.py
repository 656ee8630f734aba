"""Nothing of the machine's user reaches these tests; servers that they start are stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.unit.sdk.hand import Unconnected
from tests.unit.sdk.server import Script, Server


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    """No variables and no file of the machine's user reach a test."""
    for name in (
        "DTLPIPE_URL",
        "DTLPIPE_GATE_URL",
        "DTLPIPE_TOKEN",
        "DTLPIPE_USERNAME",
        "DTLPIPE_PASSWORD",
        "DTLPIPE_TIMEOUT",
        "DTLPIPE_CONFIG",
        "INTERNAL_REQUESTS_URL",
        "DTLPY_REFRESH_TOKEN_METHOD",
        "AGENT_PROXY_MAIN_PORT",
        "GET_JWT_ENDPOINT_SECRET",
        "DTLPY_CUSTOM_ENV",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def unconnected() -> Unconnected:
    return Unconnected()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers; they are stopped at the end."""
    servers: list[Server] = []

    def start(script: Script) -> Server:
        servers.append(Server(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
