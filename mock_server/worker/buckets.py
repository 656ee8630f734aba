"""What is in the buckets of rates, on disk: so that no kill lets more start than a rate allows.

It changes with each start of what has a rate, which is seldom by its nature.
"""

from __future__ import annotations

from datetime import datetime

from dtlpipe.model import times
from mock_server.store.base import Kind, Tx

PREFIX = "bucket:"
#: Notes that are read; those that nobody touched for long are pruned.
MOST = 100_000


def keep(tx: Tx, key: str, tokens: float, at: datetime) -> None:
    """Notes that so many tokens were in the bucket at that time."""
    wire = times.to_wire(at)
    tx.put(Kind.SETTING, {"id": f"{PREFIX}{key}", "tokens": tokens, "createdAt": wire, "updatedAt": wire})


def kept(tx: Tx) -> dict[str, tuple[float, datetime]]:
    """What was noted, by key."""
    found = tx.with_prefix(Kind.SETTING, PREFIX, MOST)
    return {each["id"].removeprefix(PREFIX): (each["tokens"], times.from_wire(each["updatedAt"])) for each in found}
