"""Times: aware UTC in memory, ISO-8601 with milliseconds and `Z` on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

#: The last moment that was written, as one step of work writes the same moment ten times.
_written: tuple[datetime, str] = (datetime.fromtimestamp(0, UTC), "1970-01-01T00:00:00.000Z")


def to_wire(moment: datetime) -> str:
    """`2024-05-06T07:08:09.123Z`."""
    global _written  # noqa: PLW0603 - one assignment, so that threads see the one pair or the other
    written = _written
    if written[0] is moment:
        return written[1]
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    text = moment.isoformat(timespec="milliseconds")[:-6] + "Z"
    _written = moment, text
    return text


def from_wire(text: str) -> datetime:
    """Raises ValueError for anything that is not an ISO-8601 time; a time without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def now() -> datetime:
    """This moment, aware, in UTC."""
    return _clock()


def told_by(clock: Callable[[], datetime] | None) -> None:
    """From now on the clock says what time it is in this process; None: the machine's own. For tests of waiting."""
    global _clock  # noqa: PLW0603 - the time is the process's
    _clock = clock or machine_time


def machine_time() -> datetime:
    """What the machine's own clock says."""
    return datetime.now(UTC)


_clock: Callable[[], datetime] = machine_time
