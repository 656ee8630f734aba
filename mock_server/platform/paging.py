"""What pages and repeated requests look like, for all nouns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mock_server.platform.intents import Idempotency
from mock_server.store.base import Document


def page(items: list[Document], total: int, body: Mapping[str, Any], default_size: int) -> Document:
    """A page in the four keys that every query answers with."""
    size = max(1, min(int(body.get("pageSize") or default_size), 1000))
    number = int(body.get("page") or 0)
    return {
        "items": items,
        "totalItemsCount": total,
        "totalPagesCount": -(-total // size),
        "hasNextPage": number * size + len(items) < total,
    }


def idempotency(key: str | None, creator: str, content: Any, answer: dict[str, Any]) -> Idempotency | None:
    """The request as the worker remembers it, if it carries a key; `content` is what makes it this request."""
    if key is None:
        return None
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    return Idempotency(f"{creator}:{key}", digest, answer)
