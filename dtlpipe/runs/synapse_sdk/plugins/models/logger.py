"""Models of progress and logs, where guides import them from."""

from __future__ import annotations

from dtlpipe.runs.models import ActionProgress, Checkpoint, LogEntry, LogLevel, PipelineProgress

__all__ = ["ActionProgress", "Checkpoint", "LogEntry", "LogLevel", "PipelineProgress"]
