"""Running: `POST /{name}/run`, JSON or multipart, answered as the wrapper answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from dtlpipe.errors import NotFound
from mock_server.api.bodies import Body, headers
from mock_server.api.guard import any_token
from mock_server.api.relay import Manners, answered
from mock_server.api.serving.errors import body

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
        try:
            takes_form = bool((deployments.described(name).get("run") or {}).get("uploads"))
        except NotFound:
            raise NotFound(NOTHING) from None
        sent = Body(spool, largest_fields=settings.max_body, urlencoded=takes_form)
        header: dict[str, Any] = {"call": "run", "headers": headers(), "form": sent.form}
        return answered(platform, name, header, sent.data, MANNERS, cleanup=sent.close)


NOTHING = "Not Found"
MANNERS = Manners(body)
