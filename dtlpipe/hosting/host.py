"""The main of a wrapper host: loads one deployment, then answers calls until the platform closes the socket.

Law: the thread that listens does nothing that can block, so a cancel is always heard.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dtlpipe.hosting import shims
from dtlpipe.hosting.deployed import Deployed
from dtlpipe.hosting.loading import LoadError
from dtlpipe.hosting.replies import Reply
from dtlpipe.runtime.protocol import Channel

log = logging.getLogger("dtlpipe.hosting")


def main(descriptors: Sequence[int], directory: str, environment: Mapping[str, str]) -> int:
    """Take over this freshly forked process; the exit status when its platform has let go of it."""
    sock, stdout, stderr = descriptors
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.close(stdout)
    os.close(stderr)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.update(environment)
    os.environ["TMPDIR"] = directory
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True)
    channel = Channel(socket.socket(fileno=sock))
    hello = channel.receive()
    if hello is None:
        return 0
    return Host(channel).serve(hello[0])


class Host:
    """One deployment and the calls that it is answering."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._replies: dict[int, Reply] = {}

    def serve(self, hello: Mapping[str, Any]) -> int:
        """Load what the platform said, then listen."""
        shims.install()
        for entry in hello.get("path", ()):
            if entry not in sys.path:
                sys.path.append(entry)
        try:
            deployed = Deployed(hello["name"], Path(hello["folder"]))
        except LoadError as error:
            self._channel.send({"kind": "failed", **error.to_wire()})
            return 1
        except Exception as error:  # noqa: BLE001 - told to the platform, whatever it is
            trace = traceback.format_exc()
            self._channel.send(
                LoadError(f"{type(error).__name__}: {error}", trace=trace).to_wire() | {"kind": "failed"}
            )
            return 1
        self._channel.send({"kind": "loaded", "description": deployed.describe()})
        try:
            self._listen(deployed)
        except OSError:
            pass  # the platform is gone
        finally:
            deployed.close()
        return 0

    def _listen(self, deployed: Deployed) -> None:
        while (frame := self._channel.receive()) is not None:
            header, body = frame
            match header["kind"]:
                case "call":
                    self._call(deployed, header, body)
                case "taken":
                    if (reply := self._replies.get(header["id"])) is not None:
                        reply.taken(header["bytes"])
                case "cancel":
                    if (reply := self._replies.get(header["id"])) is not None:
                        reply.cancel()
                case "forget":
                    self._replies.pop(header["id"], None)

    def _call(self, deployed: Deployed, header: Mapping[str, Any], body: bytes) -> None:
        number = header["id"]
        reply = _Remembered(self._channel, number, self._replies)
        with contextlib.suppress(OSError):
            deployed.call(header, body, reply)


class _Remembered(Reply):
    """A reply that can be told of what its reader does, for as long as it is being written."""

    def __init__(self, channel: Channel, number: int, replies: dict[int, Reply]) -> None:
        super().__init__(channel, number)
        self._replies = replies
        replies[number] = self

    def answer(self, *args: Any, **kwargs: Any) -> None:
        self._replies.pop(self._number, None)
        super().answer(*args, **kwargs)

    def end(self) -> None:
        self._replies.pop(self._number, None)
        super().end()

    def break_off(self, reason: str) -> None:
        self._replies.pop(self._number, None)
        super().break_off(reason)

    def cancel(self) -> None:
        self._replies.pop(self._number, None)
        super().cancel()
