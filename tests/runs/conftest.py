"""A platform with real actions (those of examples/training, and odd ones), and its client.

The actions download from loopback, convert, and train on measures of flowers.
"""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dtlpipe.runs import PipelineServiceClient
from mock_server.testing import LocalPlatform

HERE = Path(__file__).parent
TRAINING = HERE.parents[1] / "examples" / "training"
ODD = HERE / "plugin_code"
#: The number of the data set of the guide's complete example.
DATASET = 123
PORT_OF_THE_GUIDE = 8100


class _Data(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants to read it."""


@pytest.fixture(scope="session")
def datasets_url() -> Iterator[str]:
    """Where the tables of examples/training/datasets are."""
    handler = functools.partial(_Data, directory=str(TRAINING / "datasets"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATASETS_URL", f"http://127.0.0.1:{server.server_port}")
            yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def platform(datasets_url: str) -> Iterator[LocalPlatform]:
    with LocalPlatform(synapse_port=0, code_roots=(TRAINING, ODD), workers=2, grace=1) as found:
        yield found


@pytest.fixture(scope="session")
def client(platform: LocalPlatform) -> Iterator[PipelineServiceClient]:
    with PipelineServiceClient(platform.run_service_url) as found:
        yield found


def actions(*names: str) -> list[dict[str, Any]]:
    """Definitions of the plugin's actions."""
    return [{"name": name, "entrypoint": f"plugin.{name}.{name.title()}Action"} for name in names]


def told_of(client: PipelineServiceClient, run: dict[str, Any]) -> list[dict[str, Any]]:
    """All states of a run that streams were told, whenever they began."""
    url = f"{client.base_url}/api/v1/runs/{run['id']}/events"
    events = requests.get(url, params={"limit": 1000}, timeout=30).json()
    return [each["body"] for each in events if each["kind"] == "progress"]


@pytest.fixture
def reported(client: PipelineServiceClient) -> dict[str, Any]:
    """A run that nobody has the code of: it is driven by reports."""
    named = [{"name": name, "entrypoint": f"elsewhere.{name}.Action"} for name in ("download", "train")]
    pipeline = client.create_pipeline("reported", named)
    return client.create_run(pipeline["id"], params={"dataset": 123})
