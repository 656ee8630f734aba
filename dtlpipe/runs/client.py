"""Clients of the run service: `PipelineServiceClient`, and its twin for programs with an event loop.

    with PipelineServiceClient("http://localhost:8100") as client:
        pipeline = client.create_pipeline(name="training", actions=[{"name": "train", "entrypoint": "plugin.Train"}])
        run = client.create_run(pipeline["id"], params={"epochs": 50})
        for progress in client.stream_progress(run["id"]):
            print(progress.status, progress.overall_progress)

Errors are those of `dtlpipe.errors`, with what the service said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from dtlpipe.config import Settings, usable_token
from dtlpipe.errors import ConfigurationError
from dtlpipe.runs.models import PipelineProgress
from dtlpipe.runs.service import PipelineService
from dtlpipe.sansio.operation import Async, Sync

DEFAULT_URL = "http://localhost:8100"


def _settings(base_url: str, timeout: float, token: str | None) -> Settings:
    url = base_url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"{base_url!r} is no url of a run service", hint=f"it looks like {DEFAULT_URL}")
    return Settings(url=url, gate_url=url, timeout=timeout, token=None if token is None else usable_token(token))


class _OfService:
    """Where a client's service is, and how long it waits for it."""

    _settings: Settings

    @property
    def base_url(self) -> str:
        return self._settings.url

    @property
    def timeout(self) -> float:
        return self._settings.timeout

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"


class PipelineServiceClient(_OfService, PipelineService[Sync]):
    """Its verbs return their result. Any number of threads may use it; after `close` the next call connects anew."""

    def __init__(self, base_url: str = DEFAULT_URL, timeout: float = 30.0, *, token: str | None = None) -> None:
        """Makes a client; nothing is sent yet.

        Args:
            base_url: where the service is.
            timeout: seconds for one answer.
            token: where the service asks for one.
        """
        from dtlpipe.transports.driver import SyncSession, exchange_for
        from dtlpipe.transports.httpx import HttpxTransport
        from dtlpipe.transports.requests import RequestsTransport

        self._settings = _settings(base_url, timeout, token)
        self._driver = SyncSession(
            exchange_for(self._settings), HttpxTransport(self._settings), RequestsTransport(self._settings)
        )
        super().__init__(session=self._driver)

    def stream_progress_async(self, run_id: str, timeout: float = 3600.0) -> AsyncIterator[PipelineProgress]:
        """As `stream_progress`, for `async for`."""
        return _streamed(self._settings, run_id, timeout)

    def close(self) -> None:
        """Closes the connections."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncPipelineServiceClient(_OfService, PipelineService[Async]):
    """Its verbs return an awaitable of their result, `stream_progress` an async iterator."""

    def __init__(self, base_url: str = DEFAULT_URL, timeout: float = 30.0, *, token: str | None = None) -> None:
        """As `PipelineServiceClient`."""
        from dtlpipe.transports.async_driver import AsyncSession
        from dtlpipe.transports.async_httpx import AsyncHttpxTransport
        from dtlpipe.transports.driver import exchange_for
        from dtlpipe.transports.requests import RequestsTransport

        self._settings = _settings(base_url, timeout, token)
        self._driver = AsyncSession(
            exchange_for(self._settings), AsyncHttpxTransport(self._settings), RequestsTransport(self._settings)
        )
        super().__init__(session=self._driver)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._driver.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


async def _streamed(settings: Settings, run_id: str, timeout: float) -> AsyncIterator[PipelineProgress]:  # noqa: ASYNC109 - of silence
    async with AsyncPipelineServiceClient(settings.url, settings.timeout, token=settings.token) as client:
        async for progress in client.stream_progress(run_id, timeout):
            yield progress
