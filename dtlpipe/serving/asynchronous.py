"""The asynchronous client of served pipelines. Its twin in `client` says the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from dtlpipe.errors import DtlpipeError
from dtlpipe.serving import messages, operations
from dtlpipe.serving.messages import Files
from dtlpipe.serving.operations import Operation
from dtlpipe.serving.results import BatchResult
from dtlpipe.transports import served

T = TypeVar("T")


class AsyncClient:
    """Speaks to the pipelines that a platform serves. Close it, or use it in an `async with`.

    Args:
        url: the platform; `$DTLPIPE_URL`, else http://127.0.0.1:1416.
        token: if it asks for one; `$DTLPIPE_TOKEN`.
        timeout: seconds to wait for an answer's beginning and between its pieces; None waits for ever.
        retries: further attempts where the first one did nothing: it found no connection, was told to come back
            later, or only read.
        connections: in the pool.

    Raises PlatformException's classes for refusals, ConnectionFailed where nothing answers.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout: float | None = 300.0,
        retries: int = 3,
        connections: int = 64,
    ) -> None:
        self.url = messages.where(url)
        self._retries = retries
        self._http = served.connect_async(self.url, messages.headers(token), timeout, connections)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _do(self, operation: Operation[T]) -> T:
        """Carry it out."""
        steps = operations.persistently(operation, self.url, self._retries)
        answer: Any = None
        while True:
            try:
                wanted = steps.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(wanted, operations.Pause):
                await asyncio.sleep(wanted.seconds)
                answer = None
                continue
            try:
                answer = await self._http.request(wanted.method, wanted.path, **wanted.keywords)
            except served.FAILED as error:
                answer = error

    # --- deployments --------------------------------------------------------------------------------------------------

    async def status(self, name: str | None = None) -> dict[str, Any]:
        """What is served, or how one pipeline is."""
        return await self._do(operations.status(name))

    async def deploy_files(
        self, name: str, files: Mapping[str, str] | str | Path, *, overwrite: bool = False, save_files: bool = True
    ) -> dict[str, Any]:
        """Deploy a wrapper: its folder, or its files as texts by name."""
        return await self._do(operations.deploy_files(name, files, overwrite=overwrite, save_files=save_files))

    async def deploy_yaml(
        self, name: str, source: str, *, overwrite: bool = False, description: str | None = None, save_file: bool = True
    ) -> dict[str, Any]:
        """Deploy a pipeline in YAML, given as its text."""
        wanted = operations.deploy_yaml(name, source, overwrite=overwrite, description=description, save_file=save_file)
        return await self._do(wanted)

    async def deploy_pipeline(
        self,
        name: str,
        pipeline: Any,
        *,
        inputs: Mapping[str, str | list[str]] | None = None,
        outputs: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> dict[str, Any]:
        """Deploy a pipeline of dtlpipe.graph, whose components the platform's machine has.

        `inputs` and `outputs` name sockets, `{name: "component.socket"}`; without them, all that are open.
        """
        wanted = operations.deploy_pipeline(name, pipeline, inputs=inputs, outputs=outputs, overwrite=overwrite)
        return await self._do(wanted)

    async def undeploy(self, name: str) -> None:
        """Serve it no more."""
        await self._do(operations.undeploy(name))

    # --- running ------------------------------------------------------------------------------------------------------

    async def run(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        files: Files | None = None,
        folder: str | Path | None = None,
        **more: Any,
    ) -> Any:
        """What the pipeline returns: JSON values, the text of a stream, or the bytes of a file.

        `files` and all files in `folder`, in their places, are sent with it.
        """
        with ExitStack() as stack:
            body = messages.body({**(params or {}), **more}, messages.named(files, folder), stack)
            return await self._do(operations.run(name, body))

    async def stream(self, name: str, params: Mapping[str, Any] | None = None, /, **more: Any) -> AsyncIterator[str]:
        """The pieces of a pipeline that streams text, as they come."""
        async with self._streamed(messages.path(name, "run"), {**(params or {}), **more}) as answer:
            async for piece in answer.aiter_text():
                yield piece

    def _streamed(self, path: str, body: Mapping[str, Any]) -> Any:
        return _Streamed(self._http.stream("POST", path, json=dict(body)), self.url)

    async def run_batch(
        self, name: str, batch: Iterable[Mapping[str, Any]], *, concurrency: int = 5
    ) -> AsyncIterator[BatchResult]:
        """Run a pipeline for each of the parameters; what each came to, in their order. Nothing is raised for one."""
        places = asyncio.Semaphore(max(1, concurrency))

        async def one(index: int, params: Mapping[str, Any]) -> BatchResult:
            async with places:
                try:
                    return BatchResult(index, params, result=await self.run(name, params))
                except DtlpipeError as error:
                    return BatchResult(index, params, error=error)

        tasks = [asyncio.ensure_future(one(index, params)) for index, params in enumerate(batch)]
        try:
            for task in tasks:
                yield await task
        finally:
            for task in tasks:
                task.cancel()

    # --- jobs ---------------------------------------------------------------------------------------------------------

    async def submit(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        attempts: int = 1,
        priority: int = 0,
        timeout: float | None = None,  # noqa: ASYNC109 - the job's, not this call's
        delay: float | None = None,
        callback: str | None = None,
        secret: str | None = None,
        ttl: float | None = None,
    ) -> dict[str, Any]:
        """Have a pipeline run without waiting for it; the job. It is sent with a key, so it may be sent again.

        Args:
            name: the pipeline.
            params: what it takes.
            key: the job's idempotency key, if it is yours to choose.
            attempts: how often it is tried in all.
            priority: the highest goes first.
            timeout: seconds that it may run.
            delay: seconds before it may begin.
            callback: a URL that is told of its end, in a POST signed with `secret`.
            secret: one is made up, and is in the answer, if there is none.
            ttl: seconds for which it is kept once it is over.
        """
        options: dict[str, Any] = {
            "attempts": attempts,
            "priority": priority,
            "timeout": timeout,
            "delay": delay,
            "ttl": ttl,
        }
        options["callback"] = callback
        return await self._do(operations.submit(name, params, key=key, options=options, secret=secret))

    async def job(self, name: str, job_id: str) -> dict[str, Any]:
        """A job as it is."""
        return await self._do(operations.job(name, job_id))

    async def wait_job(self, name: str, job_id: str, *, timeout: float | None = None) -> dict[str, Any]:  # noqa: ASYNC109 - the platform's wait
        """The job once it is over. Raises WaitTimeout after `timeout` seconds; the job then goes on."""
        return await self._do(operations.wait_job(name, job_id, timeout))

    async def cancel_job(self, name: str, job_id: str) -> dict[str, Any]:
        """End a job; nothing happens if it is over."""
        return await self._do(operations.cancel_job(name, job_id))

    # --- chatting -----------------------------------------------------------------------------------------------------

    async def chat(self, model: str, chat: Iterable[Mapping[str, Any]] | str, **body: Any) -> dict[str, Any]:
        """A completion, as OpenAI's protocol has it. `chat` is the messages, or the one thing that the user says."""
        return await self._do(operations.chat(model, chat, body))

    async def chat_stream(
        self, model: str, chat: Iterable[Mapping[str, Any]] | str, **body: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """The chunks of a completion, as they come. Raises what the stream tells of."""
        asked = messages.chat(model, chat, body, stream=True)
        async with self._streamed("/v1/chat/completions", asked) as answer:
            async for line in answer.aiter_lines():
                found = messages.chunk(line)
                if found is not None:
                    yield found


class _Streamed:
    """An answer that is read as it comes; one that refuses is raised."""

    def __init__(self, context: Any, url: str) -> None:
        self._context, self._url = context, url

    async def __aenter__(self) -> Any:
        try:
            answer = await self._context.__aenter__()
        except served.FAILED as error:
            raise served.failed(self._url, error) from error
        if answer.status_code >= 400:
            try:
                raise messages.refusal(answer.status_code, await answer.aread())
            finally:
                await self._context.__aexit__(None, None, None)
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._context.__aexit__(kind, error, traceback)
        if isinstance(error, served.FAILED):
            raise served.failed(self._url, error) from error
