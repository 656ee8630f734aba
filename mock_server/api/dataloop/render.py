"""Answers: entities with the addresses by which this client reaches them."""

from __future__ import annotations

from typing import Any

from flask import request

from mock_server.platform import views
from mock_server.platform.platform import Platform
from mock_server.store.base import Document


def base() -> str:
    """The platform's address, as the client of the current request calls it; without a slash at its end."""
    return f"{request.scheme}://{request.host}"


def project(document: Document) -> dict[str, Any]:
    """A project."""
    return views.project(document, base())


def dataset(platform: Platform, document: Document) -> dict[str, Any]:
    """A dataset, with its counts."""
    return views.dataset(document, base(), platform.datasets.counts(document["id"]))


def item(document: Document) -> dict[str, Any]:
    """An item or a folder."""
    return views.item(document, base())


def annotation(document: Document) -> dict[str, Any]:
    """An annotation."""
    return views.annotation(document, base())
