"""The client of the run service, where its guide imports it from."""

from __future__ import annotations

from dtlpipe.runs.client import PipelineServiceClient

__all__ = ["PipelineServiceClient"]
