"""Who one is, and keys for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from dtlpipe.errors import Forbidden
from mock_server.api.dataloop import validation
from mock_server.api.guard import caller, public

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds /users/me, /apiKeys and /sdk/check."""

    @api.get("/users/me")
    def me() -> Any:
        email = caller().email
        name = email.partition("@")[0]
        return {
            "id": email,
            "email": email,
            "username": email,
            "name": name,
            "firstName": name,
            "lastName": "",
            "role": "owner",
            "type": "user",
            "org": {"id": "local", "name": "local"},
        }

    @api.post("/apiKeys")
    def make_api_key() -> Any:
        body = validation.json_object(empty=True)
        email = caller().email if body.get("userId") is None else validation.text(body, "userId", longest=320)
        if email != caller().email:
            raise Forbidden(f"a key for {email!r} can be made by {email!r} only")
        return {"jwt": platform.tokens.issue(email, "api-key")}

    @api.post("/sdk/check")
    @public
    def check_sdk() -> Any:
        return {"level": "debug", "msg": ""}  # what older releases of the field's SDK print at import
