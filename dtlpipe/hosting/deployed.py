"""A deployment in its host: what it offers, and how each kind of call is answered.

Law: a call ends in exactly one answer, whatever the wrapper does; what it raises is told to its caller and logged here.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from dtlpipe.hosting import chunks, results, uploads
from dtlpipe.hosting.chat import ChatResult, ChatStream
from dtlpipe.hosting.durable import durable_schemas, request_model
from dtlpipe.hosting.loading import LoadError, failure, load_class
from dtlpipe.hosting.performing import Performer
from dtlpipe.hosting.renderings import Rendering, openai_error
from dtlpipe.hosting.replies import Reply
from dtlpipe.hosting.responses import Response, ResponseStream, whole
from dtlpipe.hosting.signatures import Invalid, Signature, fitting, named_type
from dtlpipe.hosting.wrappers import Home, Pieces, made, own_methods

log = logging.getLogger("dtlpipe.hosting")

SERVER_ERROR: Final = "server_error"


class Deployed:
    """A wrapper that is ready to be called.

    Raises LoadError if it cannot be.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.home = Home(name)
        performer = Performer(name, self.home)
        self._perform, self._failed = performer.perform, performer.failed
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
            "durable": durable_schemas(self.durable_method(), self.wrapper),
            "run": None
            if signature is None
            else {
                "request": signature.request_schema,
                "response": signature.response_schema,
                "streams": signature.streams,
                "uploads": sorted(signature.uploads),
                "headers": signature.headers is not None,
            },
        }

    def durable_method(self) -> Any:
        """The bound `run_durable_async` or `run_durable`; None if there is neither."""
        return self._method("run_durable")

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
        return whole(Response(request["model"], request, id), found if isinstance(found, Pieces) else [found])

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
        """Begin to answer; returns at once. The kinds are those below."""
        begin = {
            "run": self._run,
            "chat": self._chat,
            "response": self._response,
            "upload": self._upload,
            "check": self._check,
            "draw": self._draw,
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
        what = header.get("for", "run")
        model = None
        if what == "durable" and (method := self.durable_method()) is not None:
            model = request_model(method)
        elif what == "resume":
            model = getattr(self.wrapper, "durable_resume_model", None)
        elif self.signature is not None:
            uploads.arguments(self.signature, header, body)
        if model is not None:
            fitting(model, uploads.read_json(body))
        reply.answer(200, b"{}")

    def _draw(self, header: Mapping[str, Any], body: bytes, reply: Reply) -> None:
        """A picture of the wrapper's pipeline."""
        pipeline = getattr(self.wrapper, "pipeline", None)
        if not hasattr(pipeline, "walk"):
            reply.answer(404, chunks.dumps({"detail": f"Pipeline '{self.name}' has no graph that could be drawn"}))
            return

        def picture() -> bytes:
            from dtlpipe.graph.drawing import to_svg  # with the engine, which other wrappers do without

            return to_svg(pipeline).encode()

        self._perform(picture, (), {}, reply, lambda svg: reply.answer(200, svg, "image/svg+xml"), lambda _: None)

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


def _is_yaml(folder: Path) -> bool:
    files = [path for path in folder.iterdir() if path.is_file()]
    return len(files) == 1 and files[0].suffix in (".yml", ".yaml")


def _not_offered(reply: Reply, message: str) -> None:
    error = openai_error(message, code="not_implemented", param="model")
    reply.answer(501, chunks.dumps({**error, "detail": message}))


def _headers(method: Any, header: Mapping[str, Any]) -> dict[str, Any]:
    """The request's headers, for a method that declares them."""
    kind = _headers_type(method.__func__ if inspect.ismethod(method) else method)
    return {"headers": kind(header.get("headers") or {})} if kind is not None else {}


@cache
def _headers_type(function: Any) -> Any:
    """What the headers are given as; None if the method does not declare them."""
    if "headers" not in inspect.signature(function).parameters:
        return None
    try:
        annotation = inspect.signature(function, eval_str=True).parameters["headers"].annotation
    except NameError:
        return None
    return named_type(annotation, "Headers")


def _items(given: Any) -> list[Any]:
    """A request's input as a list of items."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return list(given) if isinstance(given, list) else []
