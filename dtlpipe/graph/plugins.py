"""Where the engine reaches what is not the standard library: by name, when it is asked for.

Law: nothing foreign is imported before somebody uses it, and what is missing is named together with its remedy.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from dtlpipe.graph.errors import PipelineError

__all__ = ["load"]

_PACKAGES = {"haystack": "haystack-ai", "opentelemetry": "opentelemetry-api", "yaml": "pyyaml"}


def load(name: str) -> ModuleType:
    """Return the module `dtlpipe.integrations.<name>`.

    Raises:
        PipelineError: the library behind it is not installed.
    """
    try:
        return import_module(f"dtlpipe.integrations.{name}")
    except ImportError as error:
        package = _PACKAGES[name]
        raise PipelineError(
            f"This needs the package {package}, which cannot be imported: {error}.", hint=f"pip install {package}"
        ) from error
