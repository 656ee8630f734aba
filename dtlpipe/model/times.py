"""Times: aware UTC in memory, ISO-8601 with milliseconds and `Z` on the wire."""

from __future__ import annotations

from datetime import UTC, datetime


def to_wire(moment: datetime) -> str:
    """`2024-05-06T07:08:09.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_wire(text: str) -> datetime:
    """Raises ValueError for anything that is not an ISO-8601 time; a time without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)
