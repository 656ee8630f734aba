"""The names of Synapse's SDK for the run service, at the places where its guides import them from.

Law: nothing is defined here; each module gives names of `dtlpipe.runs` another home. So a script needs no change but
where it imports from (`dtlpipe.runs.synapse_sdk.clients.pipeline`), or none at all after `install()`, which makes
`synapse_sdk` mean this package in a process that has not got the original.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys

_MODULES = (
    "clients",
    "clients.pipeline",
    "plugins",
    "plugins.action",
    "plugins.decorators",
    "plugins.models",
    "plugins.models.logger",
    "plugins.models.pipeline",
)


def install() -> bool:
    """Makes `synapse_sdk` mean this package, unless the original is installed; says whether it does now."""
    known = sys.modules.get("synapse_sdk")
    if known is not None:
        return known is sys.modules[__name__]
    if importlib.util.find_spec("synapse_sdk") is not None:
        return False
    sys.modules["synapse_sdk"] = sys.modules[__name__]
    for name in _MODULES:
        sys.modules[f"synapse_sdk.{name}"] = importlib.import_module(f"{__name__}.{name}")
    return True
