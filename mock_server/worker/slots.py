"""Limits by key: slots for what runs, and buckets of tokens for what starts.

Law: slots are counted from what runs and are not kept anywhere else, so nothing that dies can leak one. A bucket is
what is in it and when that was true; the rest is arithmetic with the time that it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from mock_server.runners.policies import Limit

_ONE = 1.0 - 1e-9  # token, but for what rounding takes of it


class Slots:
    """How many run under each key."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    def full(self, limits: Iterable[Limit]) -> str | None:
        """The key of the first of the limits under which no other may run."""
        for each in limits:
            if each.concurrency is not None and self.taken[each.key] >= each.concurrency:
                return each.key
        return None

    def take(self, limits: Iterable[Limit]) -> None:
        for each in limits:
            if each.concurrency is not None:
                self.taken[each.key] += 1

    def give_back(self, limits: Iterable[Limit]) -> list[str]:
        """The keys under which there is room again."""
        keys = [each.key for each in limits if each.concurrency is not None]
        for key in keys:
            self.taken[key] -= 1
            if self.taken[key] <= 0:
                del self.taken[key]
        return keys


@attrs.define
class Bucket:
    """`tokens` were in it at `at`. It fills at the rate of the limit that asks, up to the limit's burst."""

    tokens: float
    at: datetime

    def holds(self, limit: Limit, at: datetime) -> float:
        """The tokens in it at that time."""
        passed = max(0.0, (at - self.at).total_seconds())
        return min(limit.burst, self.tokens + passed * (limit.rate or 0.0))


class Buckets:
    """The buckets by key. One that nobody has taken from is full."""

    def __init__(self) -> None:
        self.kept: dict[str, Bucket] = {}

    def ready_at(self, limit: Limit, at: datetime) -> datetime | None:
        """When there will be a token for it; None if there is one."""
        bucket = self.kept.get(limit.key)
        if bucket is None or limit.rate is None:
            return None
        held = bucket.holds(limit, at)
        if held >= _ONE:
            return None
        due = max(at, bucket.at) + timedelta(seconds=(_ONE - held) / limit.rate)
        if bucket.holds(limit, due) < _ONE:  # the time was rounded down
            due += timedelta(microseconds=1)
        return due

    def take(self, limit: Limit, at: datetime) -> Bucket:
        """The bucket after one token was taken out of it."""
        bucket = self.kept.get(limit.key)
        held = limit.burst if bucket is None else bucket.holds(limit, at)
        since = at if bucket is None else max(at, bucket.at)
        self.kept[limit.key] = bucket = Bucket(max(0.0, held - 1.0), since)
        return bucket

    def shift(self, by: timedelta) -> None:
        """The clock was set."""
        for each in self.kept.values():
            each.at += by
