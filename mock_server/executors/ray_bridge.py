"""The process that speaks to Ray: `python -m mock_server.executors.ray_bridge FD`.

Law: all of Ray that the platform ever meets is here, in a process of its own. A driver of Ray's ends itself when its
cluster is gone, takes over signals, starts threads, and unpickles: none of that may happen where the one writer lives.
What goes back to the platform are frames, and the bytes that tasks yield, unread.

One task an execution, never retried by Ray: attempts are counted in SQL alone. A task is a generator, so that lines and
progress arrive in order and before the end, without another port, actor or process between.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from dtlpipe.runtime.protocol import CHUNK, Decoder, encode
from mock_server.executors import ray_task
from mock_server.executors.ray_resources import shortage, wanted

LOOPBACK: Final = "127.0.0.1"
CANCEL_AGAIN: Final = 2.0
"""Seconds after which a cancel that Ray did not confirm is asked for once more."""
JOIN: Final = 60.0
"""Seconds that this machine's share in a cluster has to come up."""


@attrs.define(eq=False)
class Followed:
    """A task on its way: `due` is when somebody should be told that it has not begun."""

    options: Mapping[str, Any]
    since: float
    due: float
    generator: Any = None
    begun: bool = False
    canceled: bool = False


class Bridge:
    """Tasks by the platform's numbers. One thread, one loop."""

    def __init__(self, ray: Any, writer: asyncio.StreamWriter, patience: float) -> None:
        self.ray = ray
        self.writer = writer
        self.patience = patience
        self.task = ray.remote(max_retries=0, num_returns="streaming")(ray_task.run)
        self.followed: dict[int, Followed] = {}
        self.running: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Obey the platform until it is gone."""
        self.say({"kind": "ready"})
        self.spawn(self.watch())
        decoder = Decoder()
        while data := await reader.read(CHUNK):
            for header, blob in decoder.feed(data):
                match header["kind"]:
                    case "submit":
                        self.submit(header["job"], header["options"], header["name"], blob)
                    case "cancel":
                        self.cancel(header["job"])

    def spawn(self, coroutine: Any) -> None:
        """Run it beside the loop."""
        task = asyncio.ensure_future(coroutine)
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    def say(self, header: dict[str, Any], blob: bytes = b"") -> None:
        """Send a frame."""
        self.writer.write(encode(header, blob))

    def submit(self, number: int, options: dict[str, Any], name: str, data: bytes) -> None:
        """Hand a job to Ray."""
        now = time.monotonic()
        followed = self.followed[number] = Followed(options, now, now + self.patience)
        try:
            followed.generator = self.task.options(name=name, **options).remote(data)
        except Exception as error:  # noqa: BLE001 - options that Ray does not take, among others
            del self.followed[number]
            self.say({"kind": "lost", "job": number, "why": "refused", "message": str(error)})
            return
        self.spawn(self.follow(number, followed))

    async def follow(self, number: int, followed: Followed) -> None:
        """Pass on what the task yields, and how it ended if it did not say so itself."""
        try:
            async for reference in followed.generator:
                data = await reference
                followed.begun = True
                self.say({"kind": "said", "job": number}, data)
            why, message = "silent", ""
        except Exception as error:  # noqa: BLE001 - whatever became of it, the platform decides what follows
            why, message = ("canceled" if followed.canceled else kind_of(self.ray, error)), str(error)
        finally:
            del self.followed[number]
        self.say({"kind": "lost", "job": number, "why": why, "message": message})

    def cancel(self, number: int) -> None:
        """End a task, queued or running, by ending its process; asked for until Ray confirms."""
        followed = self.followed.get(number)
        if followed is not None:
            followed.canceled = True
            self.ray.cancel(followed.generator, force=True)
            asyncio.get_running_loop().call_later(CANCEL_AGAIN, self.cancel, number)

    async def watch(self) -> None:
        """Tell of tasks that do not begin, and why: first after some seconds, then ever more seldom."""
        while True:
            await asyncio.sleep(self.patience / 4)
            now = time.monotonic()
            late = [(number, each) for number, each in self.followed.items() if not each.begun and each.due <= now]
            if not late:
                continue
            nodes = [node["Resources"] for node in await asyncio.to_thread(self.ray.nodes) if node["Alive"]]
            for number, each in late:
                each.due = now + 6 * (now - each.since)
                lack = shortage(wanted(each.options), nodes)
                said = {"waited": now - each.since, "lack": lack}
                self.say({"kind": "waits", "job": number, **said})


def kind_of(ray: Any, error: Exception) -> str:
    """What became of a task, in a word of ours."""
    known = ray.exceptions
    match error:
        case known.TaskCancelledError():
            return "canceled"
        case known.OutOfMemoryError():
            return "memory"
        case known.RuntimeEnvSetupError():
            return "environment"
        case known.RayTaskError():
            return "broken"
    return "lost"


def connect(hello: Mapping[str, Any]) -> Any:
    """Ray, connected: to the cluster at an address, or to one of our own that nobody else can reach."""
    address: str | None = hello["address"]
    if address is None or address.startswith((LOOPBACK, "localhost:")):
        # Ray takes 127.0.0.1 for "find out the address of this machine" unless it is told that there are no clusters.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if address is None:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(_token_file(hello["folder"]))}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    ray: Any = importlib.import_module("ray")  # Any: what is typed here must not depend on whether it is installed
    said = {"configure_logging": False, "log_to_driver": False}
    if address is None:
        ray.init(
            num_cpus=hello["cpus"],
            include_dashboard=False,
            _node_ip_address=LOOPBACK,
            _temp_dir=str(Path(hello["folder"], "ray")),  # Ray opens it to all; what is around it is not
            **said,
        )
        return ray
    try:
        ray.init(address=address, **said)
    except (ConnectionError, RuntimeError):
        if address == "auto":
            raise
        join(address)
        ray.init(address=address, **said)
    return ray


def _token_file(folder: str) -> Path:
    """A new secret for those who may use a Ray of our own; not the one in the home of the user, which others share."""
    path = Path(folder, "token")
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32))
    return path


def join(address: str) -> None:
    """Make this machine a part of the cluster that offers nothing: a driver needs a Ray node beside it.

    Raises ConnectionError, with what Ray said, if that does not succeed.
    """
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", f"--address={address}", "--disable-usage-stats"]
    with subprocess.Popen(  # noqa: S603 - our own interpreter, Ray's own command
        [*command, "--num-cpus=0", "--num-gpus=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=JOIN)
        except subprocess.TimeoutExpired:
            process.kill()
            raise ConnectionError(f"no Ray cluster answers at {address} within {JOIN:g} s") from None
    if process.returncode != 0:
        raise ConnectionError(f"this machine cannot join the Ray cluster at {address}: {said[-2000:]}")


async def run(sock: socket.socket, hello: Mapping[str, Any]) -> None:
    """Connect and serve; what hinders it is told to the platform."""
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        ray = connect(hello)
    except Exception as error:  # noqa: BLE001 - whatever Ray throws, the platform logs it and tries again
        writer.write(encode({"kind": "unreachable", "message": f"{type(error).__name__}: {error}"}))
        await writer.drain()
        return
    bridge = Bridge(ray, writer, hello["patience"])
    try:
        await bridge.serve(reader)
    finally:
        for task in list(bridge.running):
            task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.to_thread(ray.shutdown)


def main(arguments: Sequence[str]) -> None:
    """Serve on the socket whose descriptor is the first argument; its first frame says where Ray is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the platform; it tells us by closing the socket
    sock = socket.socket(fileno=int(arguments[0]))
    sock.set_inheritable(False)
    decoder = Decoder()
    frames = decoder.feed(sock.recv(CHUNK))
    while not frames:
        frames = decoder.feed(sock.recv(CHUNK))
    sock.setblocking(False)
    asyncio.run(run(sock, frames[0][0]))


if __name__ == "__main__":
    main(sys.argv[1:])
