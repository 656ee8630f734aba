"""The workers' variables, asked for again now and then: a token may be renewed, a port be known only later.

Law: a worker keeps the variables that it was forked with, for SDKs read them once; when they change, workers change.
"""

from __future__ import annotations

import logging

from mock_server.executors.settings import PoolSettings

logger = logging.getLogger(__name__)


class Variables:
    """What the platform wants in its workers' environment."""

    def __init__(self, settings: PoolSettings) -> None:
        self._ask = settings.environment
        self._interval = settings.environment_interval
        self._due = 0.0
        self._held: dict[str, str] = {}

    def at(self, now: float) -> dict[str, str]:
        """The variables at this moment: the same object until they change."""
        if self._due <= now:
            self._due = now + self._interval
            try:
                variables = dict(self._ask())
            except Exception:
                logger.exception("the variables for workers cannot be had; those from before are used")
            else:
                if variables != self._held:
                    self._held = variables
        return self._held
