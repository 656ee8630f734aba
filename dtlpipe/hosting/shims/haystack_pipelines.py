"""The pipelines that hayhooks gives out under its own name: Haystack's where it is installed, else our engine's."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["AsyncPipeline", "Pipeline"]

Pipeline: Any = import_module("haystack").Pipeline
AsyncPipeline = Pipeline
