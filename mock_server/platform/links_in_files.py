"""Links: small JSON files that stand for bytes elsewhere, at an address or in another item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mock_server.platform import json_text
from mock_server.store.blobs import BlobStore

_LARGEST = 64 * 1024  # bytes: a link is never larger
_LONGEST_ADDRESS = 8192  # characters, as it is sent in a header


def read(blobs: BlobStore, digest: str, size: int, mimetype: str) -> dict[str, Any] | None:
    """What the blob says as a link: `{"dltype": "link", "linkInfo": {"type", "ref", ...}}`; None if it is none."""
    if size > _LARGEST or not mimetype.endswith("json"):
        return None
    with blobs.open(digest) as file:
        try:
            found = json_text.parse(file.read())
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

    Addresses other than http and https are none: they would lead into the reader's own machine. So are broken ones.
    """
    shebang = (item.get("metadata") or {}).get("system", {}).get("shebang")
    info = shebang.get("linkInfo") if isinstance(shebang, dict) else None
    if not isinstance(info, dict):
        return None
    kind, ref = info.get("type"), info.get("ref")
    if not isinstance(ref, str) or kind not in ("url", "id"):
        return None
    if kind == "url" and not _is_address(ref):
        return None
    return kind, ref


def _is_address(text: str) -> bool:
    """Whether a client can be sent there."""
    if len(text) > _LONGEST_ADDRESS or not text.isprintable():
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # a ValueError for one that is none
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
