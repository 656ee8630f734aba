"""Hayhooks' vocabulary: deploying, looking and running, below `/`.

Law: closed, as every vocabulary: it owns no data and knows no other one. What a wrapper answers is passed on as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from mock_server.api.serving import deploying, durable, jobs, origins, running, schedules
from mock_server.api.serving.errors import body as body
from mock_server.api.serving.errors import owns as owns

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def blueprints(platform: Platform) -> tuple[Blueprint, ...]:
    """One, without a prefix."""
    serving = Blueprint("serving", __name__)
    deploying.install(serving, platform)
    running.install(serving, platform)
    jobs.install(serving, platform)
    durable.install(serving, platform)
    schedules.install(serving, platform)
    origins.install(serving, platform)
    return (serving,)
