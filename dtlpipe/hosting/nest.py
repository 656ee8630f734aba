"""The process that wrapper hosts are forked from: `python -m dtlpipe.hosting.nest FD`.

Law: a zygote like the one of the workers, which forks hosts instead. What a wrapper imports that is slow (Haystack, for
one) is imported here first, once and by one thread, when the first deployment that needs it comes.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, Final

from dtlpipe.runtime.protocol import Board
from dtlpipe.runtime.zygote import Zygote, preload

PRELOAD: Final = (
    "asyncio",
    "concurrent.futures",
    "inspect",
    "json",
    "logging",
    "pydantic",
    "tempfile",
    "threading",
    "traceback",
    "typing",
    "uuid",
    "dtlpipe.hosting.host",
    "dtlpipe.hosting.shims.durable_names",
    "dtlpipe.hosting.shims.events",
    "dtlpipe.hosting.shims.hayhooks_names",
    "dtlpipe.hosting.shims.messages",
    "dtlpipe.hosting.shims.streaming",
)


def _example(text: str, number: int = 0, parts: list[dict[str, Any]] | None = None) -> str:
    """A run method like most.

    Args:
        text: Whatever.
        number: How often.
        parts: None.
    """
    return text * number if parts is None else text


async def _nothing() -> None:
    """What runs on the loop of a rehearsal."""


def rehearse() -> None:
    """Read a run method, and have a loop and a thread, as each host will, so that what this loads is had once.

    No thread is left when it returns: the hosts are forked from this process.
    """
    from dtlpipe.hosting.signatures import Signature
    from dtlpipe.hosting.wrappers import Home

    Signature.of(_example, "example").arguments({"text": "", "number": "1"}, form=True)
    home = Home("rehearsal")
    home.on_loop(_nothing()).result()
    home.on_thread(str).result()
    home.close(wait=True)


class Nest(Zygote):
    """Forks hosts. Its whole life is one `serve()`."""

    def greet(self, header: dict[str, Any]) -> None:
        """Take the module path and import what all hosts need."""
        self.board = Board.attach(self.descriptors.pop(0), header["slots"])
        self.root = header["root"]
        known = set(sys.path)
        sys.path.extend(entry for entry in header["path"] if entry not in known)
        os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")  # what a user serves is the user's business
        missing = preload([*PRELOAD, *header["preload"]])
        rehearse()
        gc.collect()
        gc.freeze()
        self.say({"kind": "ready", "pid": os.getpid(), "missing": missing})

    def fork(self, header: dict[str, Any]) -> None:
        """Fork one host, having imported what its wrapper will."""
        wanted = [name for name in header.get("preload", ()) if name not in sys.modules]
        if wanted:
            preload(wanted)  # what cannot be imported is told by the wrapper that needs it, with file and line
            gc.collect()
            gc.freeze()
        super().fork(header)

    def live(self, slot: int, directory: str, descriptors: Sequence[int], environment: dict[str, str]) -> int:
        """In the child: serve one deployment."""
        from dtlpipe.hosting import host

        return host.main(descriptors, directory, environment)


def main(arguments: Sequence[str]) -> None:
    """Serve on the control socket whose descriptor is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the platform; it tells us by closing the socket
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    Nest(control).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
