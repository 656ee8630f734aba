"""Where a document is found: its `url`, which depends on the port of today and so is never stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.store.base import Document, Page


def shown(platform: Platform, collection: str, doc: Mapping[str, Any]) -> Document:
    """The document as the wire shows it: with its url, and without what is private."""
    public = {key: value for key, value in doc.items() if not key.startswith("_")}
    return {**public, "url": f"{platform.api_url}/{collection}/{doc['id']}"}


def shown_page(platform: Platform, collection: str, page: Page) -> Document:
    """A page of them, in the four keys that every query answers with."""
    return {
        "items": [shown(platform, collection, each) for each in page.items],
        "totalItemsCount": page.total,
        "totalPagesCount": page.pages,
        "hasNextPage": page.has_next,
    }
