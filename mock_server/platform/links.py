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


def scoped(query: Mapping[str, Any]) -> Document:
    """The query without predicates `{"projectId": null}`, by which clients without a project mean any project."""
    return {**query, "filter": _scoped(query["filter"])} if "filter" in query else dict(query)


def _scoped(predicates: Any) -> Any:
    if not isinstance(predicates, Mapping):
        return predicates
    kept = {key: value for key, value in predicates.items() if not (key == "projectId" and value is None)}
    for joined in ("$and", "$or"):
        if isinstance(kept.get(joined), list):
            kept[joined] = [each for each in map(_scoped, kept[joined]) if each != {}]
            if not kept[joined]:
                del kept[joined]
    return kept
