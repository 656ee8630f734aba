"""A platform with a folder of real actions, and its client. The actions download from loopback, convert, and train."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dtlpipe.runs import PipelineServiceClient
from mock_server.testing import LocalPlatform

HERE = Path(__file__).parent
PLUGIN = HERE / "plugin_code"


class _Data(http.server.BaseHTTPRequestHandler):
    """Serves a small regression problem as CSV: y = 3a - 2b + 1."""

    def do_GET(self) -> None:
        rows = [(a / 7, b / 5) for a in range(-7, 8) for b in range(-5, 6)]
        body = "a,b,y\n" + "".join(f"{a},{b},{3 * a - 2 * b + 1}\n" for a, b in rows)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants to read it."""


@pytest.fixture(scope="session")
def data_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Data) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/data.csv"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def platform() -> Iterator[LocalPlatform]:
    with LocalPlatform(synapse_port=0, code_roots=(PLUGIN,), workers=2, grace=1) as found:
        yield found


@pytest.fixture(scope="session")
def client(platform: LocalPlatform) -> Iterator[PipelineServiceClient]:
    with PipelineServiceClient(platform.run_service_url) as found:
        yield found


def actions(*names: str) -> list[dict[str, Any]]:
    """Definitions of the plugin's actions."""
    return [{"name": name, "entrypoint": f"plugin.{name}.{name.title()}Action"} for name in names]


@pytest.fixture
def reported(client: PipelineServiceClient) -> dict[str, Any]:
    """A run that nobody has the code of: it is driven by reports."""
    named = [{"name": name, "entrypoint": f"elsewhere.{name}.Action"} for name in ("download", "train")]
    pipeline = client.create_pipeline("reported", named)
    return client.create_run(pipeline["id"], params={"dataset": 123})
