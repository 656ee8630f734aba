"""The decorator of actions, where guides import it from."""

from __future__ import annotations

from dtlpipe.runs.actions import action

__all__ = ["action"]
