"""A platform that serves the wrappers beside this file, and bare `requests` as the witness."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server.testing import LocalPlatform

PIPELINES = Path(__file__).parent / "pipelines"


class Http(requests.Session):
    """A session whose paths are below the platform's address."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        kwargs.setdefault("timeout", 60)
        return super().request(method, self.base + url, *args, **kwargs)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlatform]:
    """One for the session, with all wrappers of the folder."""
    with LocalPlatform(tmp_path_factory.mktemp("served"), durability="relaxed", pipelines_dir=PIPELINES) as found:
        yield found


@pytest.fixture
def http(served: LocalPlatform) -> Iterator[Http]:
    with Http(served.url) as found:
        yield found


@pytest.fixture
def wrapper() -> Callable[..., dict[str, str]]:
    """The files of a wrapper whose run method has this body."""

    def files(body: str, takes: str = "text: str = ''", returns: str = "str") -> dict[str, str]:
        lines = "\n".join(f"        {line}" for line in body.splitlines())
        return {
            "pipeline_wrapper.py": (
                "from hayhooks import BasePipelineWrapper\n\n\nclass PipelineWrapper(BasePipelineWrapper):\n"
                f"    def setup(self) -> None:\n        pass\n\n    def run_api(self, {takes}) -> {returns}:\n{lines}\n"
            )
        }

    return files
