"""Guessing is slow: who gave wrong secrets lately has to wait before the next try counts, and each time longer.

Law: a try is counted before the secret is looked at, so that a hundred guesses at once are no better than one by one.
A try that comes too early is refused whatever it holds, and is not counted. All of it is forgotten with the process.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from threading import Lock

import attrs

from dtlpipe.errors import Forbidden, TooManyRequests, Unauthorized

FREE = 5  # wrong secrets before there is anything to wait for: people mistype
LONGEST = 300.0  # seconds of one wait
MEMORY = 3600.0  # seconds after which a quiet address is a new one
ADDRESSES = 10_000  # that are remembered; the one that was quiet the longest is forgotten first


@attrs.define
class _Record:
    failures: int = 0
    seen_at: float = 0.0
    until: float = 0.0


@attrs.define
class Throttle:
    """Counts wrong secrets by address. `clock` gives seconds that only grow."""

    clock: Callable[[], float] = time.monotonic
    _records: OrderedDict[str, _Record] = attrs.field(factory=OrderedDict)
    _lock: Lock = attrs.field(factory=Lock)

    @contextmanager
    def attempt(self, address: str) -> Iterator[None]:
        """One try with a secret; Unauthorized or Forbidden in it means that the secret was wrong.

        Raises TooManyRequests if the address has to wait, `retry_after` whole seconds.
        """
        key = _network(address)
        self._count(key)
        try:
            yield
        except (Unauthorized, Forbidden):
            raise
        except BaseException:
            self._take_back(key)
            raise
        else:
            with self._lock:
                self._records.pop(key, None)

    def _count(self, key: str) -> None:
        with self._lock:
            now = self.clock()
            record = self._records.get(key)
            if record is None or now - record.seen_at > MEMORY:
                record = self._records[key] = _Record()
            if now < record.until:
                seconds = int(record.until - now) + 1
                raise TooManyRequests(
                    f"too many wrong passwords or secrets from this address: the next try is in {seconds} s",
                    retry_after=float(seconds),
                )
            record.failures += 1
            record.seen_at = now
            if record.failures >= FREE:
                record.until = now + min(2.0 ** min(record.failures - FREE, 30), LONGEST)
            self._records.move_to_end(key)
            if len(self._records) > ADDRESSES:
                self._records.popitem(last=False)

    def _take_back(self, key: str) -> None:
        """What failed for another reason was no guess."""
        with self._lock:
            record = self._records.get(key)
            if record is not None:
                record.failures = max(0, record.failures - 1)
                record.until = 0.0


def _network(address: str) -> str:
    """An address, or the part of an IPv6 address that one customer has all of."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else found.exploded[:19]
    return str(found)
