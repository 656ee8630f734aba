"""httpx without its command line, whose colours and progress bars (rich, click, pygments) are half of its import."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

_CLI = "httpx._main"


def _main(*arguments: Any, **options: Any) -> Any:
    """The command line after all, for whoever calls it."""
    from importlib import import_module

    return import_module(_CLI).main(*arguments, **options)


if "httpx" not in sys.modules and _CLI not in sys.modules:
    _stands_in = ModuleType(_CLI)
    _stands_in.main = _main  # type: ignore[attr-defined]  # modules take any
    sys.modules[_CLI] = _stands_in
    try:
        import httpx
    finally:
        if sys.modules.get(_CLI) is _stands_in:
            del sys.modules[_CLI]
else:
    import httpx

__all__ = ["httpx"]
