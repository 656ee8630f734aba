"""The base of actions, where guides import it from."""

from __future__ import annotations

from dtlpipe.runs.actions import BaseAction, NoResult

__all__ = ["BaseAction", "NoResult"]
