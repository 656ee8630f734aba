"""What tests of code that uses dtlpipe need: a platform to run against. `plugin` has it as pytest fixtures.

Law: importing this package or its plugin costs nothing; the platform is imported by the test that first needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_server.testing import LocalPlatform

__all__ = ["LocalPlatform"]


def __getattr__(name: str) -> Any:
    if name == "LocalPlatform":
        from mock_server.testing import LocalPlatform

        return LocalPlatform
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
