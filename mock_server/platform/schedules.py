"""Schedules: the moments that a cron trigger names, in UTC. Pure: time comes in, and no clock is read here.

Law: a moment follows from the expression alone, never from when somebody looked, so that nothing drifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from cronsim import CronSim, CronSimError

from dtlpipe.model import times

_INSTANT = timedelta(microseconds=1)


@attrs.frozen
class Schedule:
    """A cron expression (five fields, or six with seconds first) and the moments between which it holds, inclusive."""

    cron: str
    start_at: datetime | None = None
    end_at: datetime | None = None

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Schedule:
        """The schedule of a trigger's spec, `{"cron", "startAt"?, "endAt"?}`. Raises ValueError: what is wrong."""
        cron = spec.get("cron")
        if not isinstance(cron, str) or len(cron.split()) not in (5, 6):
            raise ValueError(f"its cron expression is {cron!r}; five fields are wanted: minute hour day month weekday")
        try:
            CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
        except (CronSimError, ValueError, IndexError) as error:
            raise ValueError(f"its cron expression {cron!r} is wrong: {error}") from None
        return cls(cron, _moment(spec, "startAt"), _moment(spec, "endAt"))

    def next(self, after: datetime) -> datetime | None:
        """The first moment later than `after`; None if there is none, or none within half a century."""
        try:
            if self.start_at is not None:
                after = max(after, self.start_at - _INSTANT)
            found = next(CronSim(self.cron, after.astimezone(UTC)))
        except (StopIteration, OverflowError):
            return None
        return None if self.end_at is not None and found > self.end_at else found


def _moment(spec: Mapping[str, Any], key: str) -> datetime | None:
    text = spec.get(key)
    if text is None:
        return None
    try:
        return times.from_wire(text).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"its {key} is {text!r}; a time is wanted, such as 2026-01-31T12:00:00Z") from None
