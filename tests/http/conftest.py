"""A platform on a real socket, and bare `requests` as the witness: nothing of dtlpipe's own client is trusted here."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server.testing import LocalPlatform


class Http(requests.Session):
    """A session whose paths are below the platform's address."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        kwargs.setdefault("timeout", 60)
        return super().request(method, url if url.startswith("http") else self.base + url, *args, **kwargs)

    def ok(self, method: str, url: str, **kwargs: Any) -> Any:
        """The JSON of an answer that must be a success."""
        answer = self.request(method, url, **kwargs)
        assert answer.status_code < 300, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer.json()

    def refused(self, status: int, method: str, url: str, **kwargs: Any) -> dict[str, Any]:
        """The error body of an answer that must have this status."""
        answer = self.request(method, url, **kwargs)
        assert answer.status_code == status, f"{method} {url}: {answer.status_code} {answer.text}"
        body: dict[str, Any] = answer.json()
        assert body["status"] == status
        assert body["message"]
        assert body["requestId"] == answer.headers["X-Request-Id"]
        assert answer.headers["x-dtlpipe-platform"] == "1"
        return body


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlatform]:
    """One for the session; each test works in projects of its own."""
    with LocalPlatform(tmp_path_factory.mktemp("platform"), durability="relaxed") as found:
        yield found


@pytest.fixture
def http(platform: LocalPlatform) -> Iterator[Http]:
    with Http(platform.url) as found:
        yield found


@pytest.fixture
def connect() -> Iterator[Callable[[LocalPlatform], Http]]:
    """Makes sessions for other platforms, closed at the end."""
    made: list[Http] = []

    def session(platform: LocalPlatform) -> Http:
        made.append(Http(platform.url))
        return made[-1]

    yield session
    for each in made:
        each.close()


@pytest.fixture
def project(http: Http) -> dict[str, Any]:
    """A new project."""
    found: dict[str, Any] = http.ok("POST", "/api/v1/projects", data={"name": f"project {uuid.uuid4().hex}"})
    return found


@pytest.fixture
def dataset(http: Http, project: dict[str, Any]) -> dict[str, Any]:
    """A new dataset in it."""
    found: dict[str, Any] = http.ok("POST", "/api/v1/datasets", json={"name": "photos", "projects": [project["id"]]})
    return found


Upload = Callable[..., requests.Response]


@pytest.fixture
def upload(http: Http, dataset: dict[str, Any]) -> Upload:
    """Uploads bytes to the dataset as clients do."""

    def send(path: str, data: bytes = b"some bytes", mode: str = "skip", **fields: str) -> requests.Response:
        form = {"type": "file", "path": path, **fields}
        name = fields.pop("filename", path.rsplit("/", 1)[-1])
        form.pop("filename", None)
        return http.post(f"/api/v1/datasets/{dataset['id']}/items?mode={mode}", data=form, files={"file": (name, data)})

    return send


@pytest.fixture
def blobs(platform: LocalPlatform) -> Callable[[], list[Path]]:
    """All files that the store keeps bytes in, finished or not."""

    def found() -> list[Path]:
        return sorted(path for path in (platform.data_dir / "blobs").rglob("*") if path.is_file())

    return found
