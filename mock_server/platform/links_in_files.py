"""Links: small JSON files that stand for bytes elsewhere, at an address or in another item."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mock_server.store.blobs import BlobStore

_LARGEST = 64 * 1024  # bytes: a link is never larger


def read(blobs: BlobStore, digest: str, size: int, mimetype: str) -> dict[str, Any] | None:
    """What the blob says as a link: `{"dltype": "link", "linkInfo": {"type", "ref", ...}}`; None if it is none."""
    if size > _LARGEST or not mimetype.endswith("json"):
        return None
    with blobs.open(digest) as file:
        try:
            found = json.loads(file.read())
        except ValueError:
            return None
    if not isinstance(found, dict) or found.get("shebang") != "dataloop" or found.get("type") != "link":
        return None
    metadata = found.get("metadata")
    info = metadata.get("linkInfo") if isinstance(metadata, dict) else None
    if not isinstance(info, dict) or info.get("type") not in ("url", "id") or not isinstance(info.get("ref"), str):
        return None
    return {"dltype": "link", "linkInfo": info}


def target(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Where the item's link leads: `("url", address)` or `("id", item_id)`; None if the item is no link.

    Addresses other than http and https are none: they would lead into the reader's own machine.
    """
    shebang = (item.get("metadata") or {}).get("system", {}).get("shebang")
    info = shebang.get("linkInfo") if isinstance(shebang, dict) else None
    if not isinstance(info, dict):
        return None
    kind, ref = info.get("type"), info.get("ref")
    if not isinstance(ref, str) or kind not in ("url", "id"):
        return None
    if kind == "url" and urlsplit(ref).scheme not in ("http", "https"):
        return None
    return kind, ref
