"""Running: `POST /{name}/run`, JSON or multipart, answered as the wrapper answers; and `/{name}/batch` for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, request
from pydantic import BaseModel, Field

from dtlpipe.errors import BadRequest, NotFound, UnknownException
from mock_server.api.bodies import Body, headers
from mock_server.api.guard import any_token, caller
from mock_server.api.relay import Manners, answered, called
from mock_server.api.serving.errors import body
from mock_server.api.serving.validation import Unfit, query, read_json
from mock_server.platform.serving.batches import LINES, MOST

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

SPOOL = "spool"
NOTHING = "Not Found"
MANNERS = Manners(body)
_LINES = frozenset({LINES, "application/jsonl", "application/jsonlines"})


class BatchOptions(BaseModel, defer_build=True):
    """The query of a batch."""

    concurrency: int = Field(default=5, ge=1, le=64)


def install(serving: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    deployments, batches, named = platform.serving.deployments, platform.serving.batches, platform.serving.named
    settings = platform.settings
    spool = settings.data_dir / SPOOL

    @serving.post("/<name>/run")
    @any_token
    def run(name: str) -> Response:
        try:
            takes_form = bool((deployments.described(name).get("run") or {}).get("uploads"))
        except NotFound:
            named.find(name)
            who, data = caller().email, request.get_data(cache=False)
            return answered(platform, lambda receive: named.ask(name, data, who, receive), MANNERS)
        sent = Body(spool, largest_fields=settings.max_body, urlencoded=takes_form)
        header: dict[str, Any] = {"call": "run", "headers": headers(), "form": sent.form}
        return answered(platform, called(platform, name, header, sent.data), MANNERS, cleanup=sent.close)

    @serving.post("/<name>/batch")
    @any_token
    def batch(name: str) -> Response:
        try:
            described = deployments.described(name)
        except NotFound:
            raise NotFound(NOTHING) from None
        if described.get("run") is None:
            raise BadRequest(f"Pipeline '{name}' has no run_api, which batches call")
        options = query(BatchOptions)
        items = _items()
        header = {"call": "run", "headers": headers(), "form": None}
        lines = request.accept_mimetypes.best_match(["application/json", LINES]) == LINES
        return answered(
            platform,
            lambda receive: batches.begin(name, header, items, options.concurrency, receive, lines=lines),
            MANNERS,
        )


def _items() -> list[Any]:
    """The parameters of a batch: lines of JSON, a list, or a list under `items`. Raises Unfit."""
    items: Any
    if (request.mimetype or "").lower() in _LINES:
        items = [_line(number, each) for number, each in enumerate(request.get_data().splitlines()) if each.strip()]
    else:
        given = read_json()
        items = given.get("items") if isinstance(given, dict) else given
    if not isinstance(items, list):
        raise Unfit([_wrong(["items"], "list_type", "Input should be a valid list")])
    if len(items) > MOST:
        raise UnknownException(f"a batch has at most {MOST} items, this one has {len(items)}", status=413)
    return items


def _line(number: int, text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Unfit([_wrong([number, error.pos], "json_invalid", f"JSON decode error: {error.msg}")]) from None


def _wrong(where: list[Any], kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "loc": ["body", *where], "msg": text, "input": None}
