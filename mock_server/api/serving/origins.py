"""What pages of other origins are told that they may do: those of the origins that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from mock_server.api.wire import REQUEST_ID

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def install(serving: Blueprint, platform: Platform) -> None:
    """Have every answer say so."""
    allowed = frozenset(platform.settings.allowed_origins)

    @serving.after_app_request
    def tell(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if not allowed or origin is None:
            return response
        response.headers.add("Vary", "Origin")
        if origin.rstrip("/").lower() not in allowed:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = f"{REQUEST_ID}, Location, Retry-After"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, PUT, PATCH, DELETE"
            wanted = request.headers.get("Access-Control-Request-Headers", "")
            response.headers["Access-Control-Allow-Headers"] = wanted or "Authorization, Content-Type"
            response.headers["Access-Control-Max-Age"] = "600"
        return response
