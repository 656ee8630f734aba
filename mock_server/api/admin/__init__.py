"""How the platform is, for those who start it and those who watch it.

    GET /health     200 while it lives: the process answers, and its writer writes
    GET /ready      200 while it takes work; 503 with the reasons otherwise
    GET /metrics    numbers, as Prometheus reads them
    GET /api/v1/platform/doctor         whether its data is whole (see mock_server.platform.doctor)
    GET /api/v1/platform/...events      what happened (see events)
    /api/v1/platform/prune              runs that are over go (see pruning)
    /api/v1/platform/seeds              what it begins with (see seeds)
    /api/v1/platform/snapshots          all that there is, kept and taken up again (see snapshots)
    /api/v1/platform/faults             faults on purpose, where they are allowed (see faults)

On loopback nobody is asked for a token. Exposed, /health and /ready tell strangers no more than their status, and
/metrics wants a token.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from dtlpipe.errors import Unauthorized
from dtlpipe.model import times
from mock_server.api.admin import events, faults, pruning, seeds, snapshots
from mock_server.api.guard import bearer, public
from mock_server.api.wire import json_response
from mock_server.platform.doctor import examine
from mock_server.platform.metrics import CONTENT_TYPE, release
from mock_server.platform.readiness import Readiness
from mock_server.store.folder import BLOBS

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def blueprints(platform: Platform) -> tuple[Blueprint, ...]:
    """One, without a prefix."""
    admin = Blueprint("admin", __name__)
    began = time.monotonic()
    readiness = Readiness(platform)
    settings = platform.settings

    def may_know() -> bool:
        """Whether the caller is told more than a status."""
        try:
            platform.tokens.identify(bearer())
        except Unauthorized:
            return not settings.exposed
        return True

    @admin.get("/health")
    @public
    def health() -> Response:
        dead = readiness.dead()
        status = "stopping" if platform.stopping else "dead" if dead else "ok"
        found: dict[str, Any] = {"status": status, "role": "leader", "exposed": settings.exposed}
        if may_know():
            found |= {
                "version": release(),
                "pid": os.getpid(),
                "uptime": round(time.monotonic() - began, 3),
                "workers": settings.workers,
                "durability": settings.durability,
                "reasons": dead,
            }
        return json_response(found, 200 if status == "ok" else 503)

    @admin.get("/ready")
    @public
    def ready() -> Response:
        missing = readiness.missing()
        found: dict[str, Any] = {"status": "not ready" if missing else "ready"}
        if may_know():
            found["reasons"] = missing
        return json_response(found, 503 if missing else 200)

    @admin.get("/metrics")
    def metrics() -> Response:
        return Response(platform.metrics.render(), content_type=CONTENT_TYPE)

    @admin.get("/api/v1/platform/doctor")
    def doctor() -> Response:
        latest = request.args.get("latest", 10_000, type=int)
        store = platform.store
        found = examine(
            store,
            store.inspection,
            blobs=settings.data_dir / BLOBS,
            data_dir=settings.data_dir,
            now=times.now(),
            latest=max(latest, 0),
        )
        return json_response({"findings": [each.shown() for each in found]})

    events.register(admin, platform)
    faults.register(admin, platform)
    snapshots.register(admin, platform)
    seeds.register(admin, platform)
    pruning.register(admin, platform)
    return (admin,)
