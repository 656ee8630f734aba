"""Pages of answers: the wire's cursor, with exactly the four keys that every query answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mock_server.store.base import Document, Page


def cursor(page: Page, render: Callable[[Document], Any]) -> dict[str, Any]:
    """The page, each of its documents rendered."""
    return {
        "totalItemsCount": page.total,
        "totalPagesCount": page.pages,
        "hasNextPage": page.has_next,
        "items": [render(each) for each in page.items],
    }


def whole(items: Iterable[Any]) -> dict[str, Any]:
    """A cursor over all there is, as its one page."""
    found = list(items)
    return {"totalItemsCount": len(found), "totalPagesCount": int(bool(found)), "hasNextPage": False, "items": found}
