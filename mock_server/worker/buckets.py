"""What is in the buckets of rates, on disk: so that no kill lets more start than a rate allows.

It changes with each start of what has a rate, which is seldom by its nature.
"""

from __future__ import annotations

from datetime import datetime

from dtlpipe.model import times
from mock_server.store.base import Kind, Tx

PREFIX = "bucket:"


def keep(tx: Tx, key: str, tokens: float, at: datetime) -> None:
    """Notes that so many tokens were in the bucket at that time."""
    wire = times.to_wire(at)
    tx.put(Kind.SETTING, {"id": f"{PREFIX}{key}", "tokens": tokens, "createdAt": wire, "updatedAt": wire})


def kept(tx: Tx) -> dict[str, tuple[float, datetime]]:
    """What was noted, by key. What was not looked at for long is full by now, and need not be among it."""
    query = {"filter": {"id": {"$gte": PREFIX, "$lt": f"{PREFIX}\uffff"}}, "sort": {"updatedAt": "descending"}}
    page = tx.find(Kind.SETTING, {**query, "pageSize": 1000})
    return {
        each["id"].removeprefix(PREFIX): (each["tokens"], times.from_wire(each["updatedAt"])) for each in page.items
    }
