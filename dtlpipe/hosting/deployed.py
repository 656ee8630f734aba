"""A deployment in its host: what it offers, and how each kind of call is answered.

Law: a call ends in exactly one answer, whatever the wrapper does; what it raises is told to its caller and logged here.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from dtlpipe.hosting import chunks, results, uploads
from dtlpipe.hosting.chat import ChatResult, ChatStream
from dtlpipe.hosting.loading import LoadError, failure, load_class
from dtlpipe.hosting.renderings import Rendering, openai_error
from dtlpipe.hosting.replies import Gone, Reply
from dtlpipe.hosting.responses import Response, ResponseStream, whole
from dtlpipe.hosting.signatures import Invalid, Signature, named_type
from dtlpipe.hosting.wrappers import Home, made, own_methods

log = logging.getLogger("dtlpipe.hosting")

Finish = Callable[[Any], None]
SERVER_ERROR: Final = "server_error"


class Deployed:
    """A wrapper that is ready to be called.

    Raises LoadError if it cannot be.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.home = Home(name)
        if _is_yaml(folder):
            from dtlpipe.hosting.yaml_pipelines import yaml_wrapper  # with the engine, which other wrappers do without

            kind = yaml_wrapper(folder)
        else:
            kind = load_class(name, folder)
        self.own = own_methods(kind)
        try:
            self.wrapper = made(kind, self.home)
        except (Exception, SystemExit) as error:
            what = "Failed to call setup() on pipeline wrapper instance"
            raise failure(what, error, folder) from error
        run = self._method("run_api")
        try:
            self.signature = Signature.of(run, name) if run is not None else None
        except Exception as error:
            raise failure(f"The run method of '{name}' cannot be served", error, folder) from error

    def describe(self) -> dict[str, Any]:
        """What the platform needs to know of it, as JSON."""
        signature = self.signature
        capabilities = {
            "run_api": signature is not None,
            "chat_completion": self._method("run_chat_completion") is not None,
            "responses": self._method("run_response") is not None,
            "file_upload": self._method("run_file_upload") is not None,
            "durable": self._method("run_durable") is not None,
            "mcp_eligible": signature is not None and not getattr(self.wrapper, "skip_mcp", False),
            "a2a_eligible": self._method("run_chat_completion") is not None
            and not getattr(self.wrapper, "skip_a2a", False),
        }
        return {
            "type": self._type(),
            "capabilities": capabilities,
            "description": signature.description if signature is not None else "",
            "revision": getattr(self.wrapper, "durable_revision", None),
            "run": None
            if signature is None
            else {
                "request": signature.request_schema,
                "response": signature.response_schema,
                "streams": signature.streams,
                "uploads": sorted(signature.uploads),
            },
        }

    def _type(self) -> str:
        hint = getattr(self.wrapper, "deployment_type", None)
        if isinstance(hint, str):
            return hint
        pipeline = getattr(self.wrapper, "pipeline", None)
        names = {each.__name__ for each in type(pipeline).__mro__}
        return "pipeline" if names & {"Pipeline", "AsyncPipeline"} else "agent" if "Agent" in names else "unknown"

    def _method(self, name: str) -> Any:
        """The bound method that answers, the asynchronous one first; None if there is none."""
        for each in (f"{name}_async", name):
            if self.own.get(each):
                return getattr(self.wrapper, each)
        return None

    def respond(self, request: Mapping[str, Any], id: str) -> dict[str, Any]:
        """The whole response to a request of OpenAI's, made here and now. Raises what the wrapper raises."""
        method = self._method("run_response")
        if method is None:
            raise LoadError(f"pipeline '{self.name}' has no run_response")
        names = list(inspect.signature(method).parameters)
        given = (request["model"], _items(request.get("input")), dict(request))
        found = self.home.complete(method, dict(zip(names, given, strict=False)))
        return whole(Response(request["model"], request, id), found if isinstance(found, list) else [found])

    def run_method(self) -> Any:
        """The bound `run_api_async` or `run_api`; None if there is neither."""
        return self._method("run_api")

    def close(self) -> None:
        """Let it end what it began."""
        with contextlib.suppress(Exception):
            shutdown = getattr(self.wrapper, "shutdown", None)
            if callable(shutdown) and not inspect.iscoroutinefunction(shutdown):
                self.home.on_thread(shutdown).result(1.0)
        self.home.close()

    # --- calls --------------------------------------------------------------------------------------------------------

    def call(self, header: Mapping[str, Any], body: bytes, reply: Reply) -> None:
        """Begin to answer; returns at once. The kinds are `run`, `check`, `chat`, `response`, `upload`."""
        begin = {
            "run": self._run,
            "chat": self._chat,
            "response": self._response,
            "upload": self._upload,
            "check": self._check,
        }
        try:
            begin[header["call"]](header, body, reply)
        except Invalid as error:
            reply.answer(422, chunks.dumps({"detail": error.detail}))
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
            self._failed(error, reply)

    def _run(self, header: Mapping[str, Any], body: bytes, reply: Reply) -> None:
        signature = self.signature
        method = self._method("run_api")
        if signature is None or method is None:
            reply.answer(404, b'{"detail":"Not Found"}')
            return
        arguments = uploads.arguments(signature, header, body)
        if signature.headers is not None:
            arguments["headers"] = signature.headers(header.get("headers") or {})

        def finish(result: Any) -> None:
            results.answer(reply, result)

        self._perform(method, (), arguments, reply, finish, results.stream_of)

    def _check(self, header: Mapping[str, Any], body: bytes, reply: Reply) -> None:
        """Whether a body's parameters would do, without running anything."""
        if self.signature is not None:
            uploads.arguments(self.signature, header, body)
        reply.answer(200, b"{}")

    def _chat(self, header: Mapping[str, Any], body: bytes, reply: Reply) -> None:
        request = json.loads(body)
        model, messages = request["model"], request["messages"]
        method = self._method("run_chat_completion")
        if method is None:
            _not_offered(reply, "Chat completions endpoint not implemented for this model")
            return

        def stream(_result: Any) -> Rendering | None:
            return ChatStream(model, request) if request.get("stream") else None

        def finish(pieces: Any) -> None:
            reply.answer(200, ChatResult(model, request).render(pieces))

        self._perform(method, (model, messages, request), _headers(method, header), reply, finish, stream, collect=True)

    def _response(self, header: Mapping[str, Any], body: bytes, reply: Reply) -> None:
        request = json.loads(body)
        model = request["model"]
        method = self._method("run_response")
        if method is None:
            _not_offered(reply, "Responses endpoint not implemented for this model")
            return
        response = Response(model, request, header.get("response_id"))

        def stream(_result: Any) -> Rendering | None:
            return ResponseStream(response) if request.get("stream") else None

        def finish(pieces: Any) -> None:
            document = chunks.dumps(whole(response, pieces))
            reply.record(document)
            reply.answer(200, document)

        items = _items(request.get("input"))
        self._perform(method, (model, items, request), _headers(method, header), reply, finish, stream, collect=True)

    def _upload(self, header: Mapping[str, Any], body: bytes, reply: Reply) -> None:
        method = self._method("run_file_upload")
        if method is None:
            _not_offered(reply, "File uploads are not implemented for this model")
            return
        given = header["file"]
        content = Path(given["path"]).read_bytes()
        arguments = (given.get("filename"), given.get("content_type"), content, header.get("purpose") or "")
        self._perform(
            method, arguments, {}, reply, lambda found: reply.answer(200, chunks.dumps(found)), lambda _: None
        )

    # --- performing ---------------------------------------------------------------------------------------------------

    def _perform(
        self,
        method: Any,
        positional: tuple[Any, ...],
        named: Mapping[str, Any],
        reply: Reply,
        finish: Finish,
        stream: Callable[[Any], Rendering | None],
        *,
        collect: bool = False,
    ) -> None:
        """Call the method where it belongs and send what it returns.

        `stream` says how a result is streamed, or None if it is to be answered whole by `finish`; with `collect`, that
        is given a list of the pieces, of which a result that is no generator is the only one.
        """
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):

            async def on_loop() -> None:
                try:
                    result = method(*positional, **named)
                    if inspect.isawaitable(result):
                        result = await result
                    await self._send_async(result, reply, finish, stream, collect=collect)
                except asyncio.CancelledError:
                    if not reply.cancelled:  # by the wrapper itself
                        self._failed(RuntimeError("the call was cancelled by the wrapper"), reply)
                except Exception as error:  # noqa: BLE001 - whatever a wrapper raises is its caller's to know
                    self._failed(error, reply)

            future = self.home.on_loop(on_loop())
            reply.on_cancel(lambda: _cancel(future))
            return

        def on_thread() -> None:
            try:
                result = method(*positional, **named)
                if results.is_async(result):
                    self.home.on_loop(self._send_async(result, reply, finish, stream, collect=collect)).result()
                else:
                    self._send(result, reply, finish, stream, collect=collect)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(error, reply)

        self.home.on_thread(on_thread)

    def _send(
        self, result: Any, reply: Reply, finish: Finish, stream: Callable[[Any], Rendering | None], *, collect: bool
    ) -> None:
        rendering = stream(result)
        pieces = results.pieces(result)
        if rendering is None:
            finish(list(pieces) if collect else result)
            return
        reply.start(rendering.kind, headers=results.stream_headers(result))
        try:
            _write(reply, rendering.begin())
            for piece in pieces:
                _write(reply, rendering.piece(piece))
            _write(reply, rendering.end())
            _ended(reply, rendering)
        except Gone:
            pass
        except Exception as error:  # noqa: BLE001 - as above
            self._broken(error, reply, rendering)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()

    async def _send_async(
        self, result: Any, reply: Reply, finish: Finish, stream: Callable[[Any], Rendering | None], *, collect: bool
    ) -> None:
        source = getattr(result, "stream", result) if type(result).__name__ == "SSEStream" else result
        if not results.is_async(source):
            if stream(result) is None and not hasattr(source, "__next__"):
                finish(list(results.pieces(result)) if collect else result)
            else:  # a plain generator may block, so it is not for the loop
                await asyncio.to_thread(self._send, result, reply, finish, stream, collect=collect)
            return
        rendering = stream(result)
        pieces: AsyncIterator[Any] = getattr(source, "body_iterator", source).__aiter__()
        if rendering is None:
            found = [piece async for piece in pieces]
            finish(found if collect else b"".join(found))
            return
        reply.start(rendering.kind, headers=results.stream_headers(result))
        try:
            await reply.write_async(rendering.begin())
            async for piece in pieces:
                await reply.write_async(rendering.piece(piece))
            await reply.write_async(rendering.end())
            _ended(reply, rendering)
        except Gone:
            pass
        except Exception as error:  # noqa: BLE001 - as above
            self._broken(error, reply, rendering)
        finally:
            if hasattr(pieces, "aclose"):
                await pieces.aclose()

    def _failed(self, error: Exception, reply: Reply) -> None:
        if isinstance(error, Gone) or reply.cancelled:
            return
        if isinstance(error, Invalid):
            reply.answer(422, chunks.dumps({"detail": error.detail}))
            return
        status, detail = getattr(error, "status_code", None), getattr(error, "detail", None)
        if isinstance(status, int) and detail is not None and 400 <= status <= 599:  # an HTTPException of the user's
            reply.answer(status, chunks.dumps({"detail": detail}), headers=getattr(error, "headers", None))
            return
        log.error("%s: a call failed", self.name, exc_info=error)
        reply.answer(500, chunks.dumps({"detail": f"Pipeline execution failed: {error}"}))

    def _broken(self, error: Exception, reply: Reply, rendering: Rendering) -> None:
        log.error("%s: a stream failed", self.name, exc_info=error)
        last = rendering.fail(error)
        with contextlib.suppress(Gone):
            if last is not None:
                _write(reply, last)
                _ended(reply, rendering)
                return
        reply.break_off(f"{type(error).__name__}: {error}")


def _is_yaml(folder: Path) -> bool:
    files = [path for path in folder.iterdir() if path.is_file()]
    return len(files) == 1 and files[0].suffix in (".yml", ".yaml")


def _not_offered(reply: Reply, message: str) -> None:
    error = openai_error(message, code="not_implemented", param="model")
    reply.answer(501, chunks.dumps({**error, "detail": message}))


def _headers(method: Any, header: Mapping[str, Any]) -> dict[str, Any]:
    """The request's headers, for a method that declares them."""
    declared = inspect.signature(method).parameters.get("headers")
    if declared is None:
        return {}
    try:
        annotation = inspect.signature(method, eval_str=True).parameters["headers"].annotation
    except NameError:
        return {}
    kind = named_type(annotation, "Headers")
    return {"headers": kind(header.get("headers") or {})} if kind is not None else {}


def _items(given: Any) -> list[Any]:
    """A request's input as a list of items."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return list(given) if isinstance(given, list) else []


def _cancel(future: Any) -> None:
    future.cancel()


def _write(reply: Reply, data: bytes) -> None:
    if data:
        reply.write(data)


def _ended(reply: Reply, rendering: Rendering) -> None:
    document = getattr(rendering, "document", None)
    if document is not None:
        reply.record(chunks.dumps(document))
    reply.end()
