"""Statuses, where guides import them from."""

from __future__ import annotations

from dtlpipe.runs.models import ActionStatus, RunStatus

__all__ = ["ActionStatus", "RunStatus"]
