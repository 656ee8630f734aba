"""Running: `POST /{name}/run`, JSON or multipart, answered as the wrapper answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, g

from dtlpipe.errors import NotFound
from mock_server.api.bodies import Body, headers
from mock_server.api.guard import any_token
from mock_server.api.relay import answered

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

SPOOL = "spool"


def install(serving: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    deployments = platform.serving.deployments
    settings = platform.settings
    spool = settings.data_dir / SPOOL

    @serving.post("/<name>/run")
    @any_token
    def run(name: str) -> Response:
        g.keep_headers = True
        try:
            takes_form = bool((deployments.described(name).get("run") or {}).get("uploads"))
        except NotFound:
            raise NotFound(NOTHING) from None
        body = Body(spool, largest_fields=settings.max_body, urlencoded=takes_form)
        header: dict[str, Any] = {"call": "run", "headers": headers(), "form": body.form}
        try:
            call = deployments.call(name, header, body.data)
        except BaseException:
            body.close()
            raise
        return answered(call, deployments.streams, body.close)


NOTHING = "Not Found"
