"""One running platform, put together: store, verbs, application, server, worker, each after what it needs.

Law: `start` leaves either all of it running or nothing; `stop` ends the worker first, so that node code may call back
until its time is over, and the store last. What was in flight goes on at the next start.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import attrs

from dtlpipe.errors import Unavailable
from dtlpipe.model import times
from mock_server.config import Settings
from mock_server.follower import Follower, Switch, announce, withdraw
from mock_server.platform.environment import COOKIE_FOLDER, client_environment
from mock_server.platform.tokens import FILE as SECRET_FILE
from mock_server.store import open_store
from mock_server.store import reset as reset_store
from mock_server.store.base import Kind, Store

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from mock_server.connections import Refusal
    from mock_server.platform.platform import Platform, Scheduler
    from mock_server.server import Server

    class LocalWorker(Scheduler, Protocol):
        """What is started and stopped of a worker."""

        def start(self) -> None: ...

        def close(self, grace: float = ...) -> None: ...


log = logging.getLogger("dtlpipe.platform")

_SWEEP_EVERY = 3600.0  # seconds
STATE_FILE = "dtlpipe-platform.state"
SPOOL_FOLDER = "spool"
FIELDS = 1 << 20  # bytes of an upload that are not the file


def _worker(platform: Platform) -> LocalWorker:
    from mock_server.worker import Worker

    worker: LocalWorker = Worker(platform)
    return worker


class Local:
    """A platform that runs in this process.

    Args:
        settings: what it is to be.
        worker: makes the worker; another one takes its place in tests of the rim.
    """

    def __init__(self, settings: Settings, worker: Callable[[Platform], LocalWorker] = _worker) -> None:
        self.settings = settings
        self._make_worker = worker
        self._stack: ExitStack | None = None
        self._platform: Platform | None = None
        self._store: Store | None = None
        self._port = settings.port
        self._run_service_port = settings.synapse_port
        self._follower: Follower | None = None
        self._close_server: Callable[[], None] = _nothing
        #: Called, on a thread of its own, if a platform that followed can neither follow nor lead; `failure` says why.
        self.failed: Callable[[], None] = _nothing
        self.failure: BaseException | None = None

    @property
    def platform(self) -> Platform:
        """The verbs. Raises Unavailable unless it runs."""
        if self._platform is None:
            if self._follower is not None:
                raise Unavailable("this platform follows another one", hint="ask at its url, or wait until it leads")
            raise Unavailable("this platform is not running", hint="start() it first")
        return self._platform

    @property
    def running(self) -> bool:
        return self._platform is not None or self._follower is not None

    @property
    def role(self) -> Literal["leader", "follower", "stopped"]:
        """What it is at the moment."""
        if self._platform is not None:
            return "leader"
        return "stopped" if self._follower is None else "follower"

    @property
    def url(self) -> str:
        """Where clients on this machine find it. Raises Unavailable unless it runs."""
        following = self._platform is None and self._follower is not None
        return _url(self.settings.host, self._port) if following else self.platform.url

    @property
    def run_service_url(self) -> str:
        """Where clients of the run service find it: on its own port, if it has one."""
        if self._run_service_port is not None:
            return _url(self.settings.host, self._run_service_port)
        return f"{self.url}/synapse"

    def environment(self) -> dict[str, str]:
        """The variables that point clients at it."""
        platform = self.platform
        token = platform.tokens.issue() if self.settings.exposed else None
        return client_environment(
            platform.url, self.settings.data_dir, token=token, jwt_secret=self.settings.jwt_secret
        )

    def open(self) -> None:
        """Opens the store, as `start` does otherwise; not that of a standby, which has to wait for it."""
        settings = self.settings
        if self._store is None and not settings.standby:
            relaxed = settings.durability == "relaxed"
            self._store = open_store(settings.data_dir, settings.store, relaxed=relaxed)

    def start(self) -> None:
        """Returns when requests are answered. Raises ConfigurationError for a folder or a port that cannot be had."""
        if self._stack is not None or self._follower is not None:
            return
        if self.settings.standby:
            self._follow()
            return
        self.open()
        store, self._store = cast("Store", self._store), None
        self._lead(store)

    def _follow(self) -> None:
        """Answers by another platform's mouth until this one leads, which may be at once."""
        follower = Follower(self.settings, lambda store: self._lead(store, servers, switch), self._give_up)
        switch = Switch(follower.forwarding)
        try:
            servers = self._listen(switch)
        except BaseException:
            follower.close()
            raise
        self._follower = follower
        try:
            self._serve(servers)
            follower.start()
        except BaseException:
            self.stop()
            raise

    def _give_up(self) -> None:
        self.failure = self._follower.failure if self._follower is not None else None
        self.failed()

    def _listen(self, app: WSGIApplication) -> Sequence[Server]:
        """Makes what listens: for all of it, and, if that is wanted, for the run service alone, without its prefix."""
        from mock_server.app import refusal, run_service, run_service_refusal

        wanted: list[tuple[WSGIApplication, int, Refusal]] = [(app, self._port, refusal)]
        if self._run_service_port is not None:
            wanted.append((run_service(app), self._run_service_port, run_service_refusal))
        servers = []
        with ExitStack() as stack:
            for each in wanted:
                servers.append(self._server(*each))
                stack.callback(servers[-1].close, self.settings.grace)
            self._close_server = _once(stack.pop_all().close)
        return servers

    def _server(self, app: WSGIApplication, port: int, refusal: Refusal) -> Server:
        from mock_server.server import Server

        settings = self.settings
        return Server(
            app,
            host=settings.host,
            port=port,
            threads=settings.threads,
            spool=settings.data_dir / SPOOL_FOLDER,
            body_limit=_body_limit(settings),
            refusal=refusal,
        )

    def _serve(self, servers: Sequence[Server]) -> None:
        """Requests are taken from here on, at ports that stay."""
        for each in servers:
            each.start()
        self._port = servers[0].port
        if len(servers) > 1:
            self._run_service_port = servers[1].port

    def _lead(self, store: Store, servers: Sequence[Server] = (), switch: Switch | None = None) -> None:
        """Puts the platform together on the store, behind the servers that there are if it followed until now."""
        from mock_server.api.express import express, run_service_express
        from mock_server.app import create_app
        from mock_server.executors.host_pool import HostPool
        from mock_server.platform.hub import Hub
        from mock_server.platform.platform import Platform

        settings = self.settings
        with ExitStack() as stack:
            stack.callback(store.close)
            stack.callback(_remove_state, settings.data_dir, settings.store)
            platform = Platform(store, settings, hub=Hub(settings.max_waiters))
            app = create_app(platform)
            starting = not servers
            servers = servers or self._listen(app)
            servers[0].hurry(express(platform, app))
            for each in servers[1:]:
                each.hurry(run_service_express(platform))
            stack.callback(platform.tracing.close)
            stack.callback(platform.feed.close)
            stack.callback(platform.serving.close)
            stack.callback(self._close_server)
            stack.callback(platform.hub.close)
            platform.url = settings.public_url or _url(settings.host, servers[0].port)
            worker = self._make_worker(platform)
            stack.callback(worker.close, settings.grace)
            platform.scheduler = worker
            worker.start()
            if not settings.warm and store.count(Kind.PROJECT):
                worker.rouse()
            platform.runs.batches.open()
            stack.callback(platform.runs.batches.close)
            platform.serving.begin(HostPool)
            stack.callback(platform.serving.close)
            platform.actions.open()
            if switch is not None:
                switch.app = app
            if starting:
                self._serve(servers)
            if settings.store is not None:
                announce(store, settings, _url(settings.host, servers[0].port))
                stack.callback(withdraw, store)
            stack.enter_context(_sweeping(platform))
            _write_state(settings.data_dir, platform.url)
            self._stack = stack.pop_all()
        self._platform = platform

    def stop(self) -> None:
        """Ends it: node code in flight and then requests in flight get their grace. May be called twice."""
        follower = self._follower
        if follower is not None:
            follower.close()  # after this it leads, or never will
        stack, self._stack = self._stack, None
        if follower is not None:
            self._follower = None
            if stack is None:
                self._close_server()
        if stack is not None:
            self.platform.stopping = True
            try:
                stack.close()
            finally:
                self._platform = None


def _nothing() -> None:
    """Nobody has to hear of it."""


def _once(fn: Callable[[], None]) -> Callable[[], None]:
    """Calls it the first time."""
    left = [fn]
    return lambda: left.pop()() if left else None


@contextmanager
def _sweeping(platform: Platform) -> Iterator[None]:
    """Now and then deletes the bytes of items that are gone, beside everything else."""
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            try:
                platform.items.sweep(stop.is_set)
                platform.pruning.tick(stop.is_set)
                platform.metrics.count_events()  # so that whoever asks first after a year need not wait for all of it
            except Exception:
                log.exception("bytes of deleted items could not be swept; the next try is in an hour")
            stop.wait(_SWEEP_EVERY)

    thread = threading.Thread(target=sweep, name="dtlpipe-sweep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _body_limit(settings: Settings) -> Callable[[str], int]:
    """Files come in multipart bodies, with fields beside them, and results of remote workers as reports of theirs.

    Everything else is JSON or a small form.
    """
    from mock_server.executors.remote_wire import LARGEST, REPORTS

    largest = settings.max_upload + FIELDS
    sizes = {"multipart/form-data": largest, REPORTS: max(LARGEST, settings.max_body)}
    return lambda kind: sizes.get(kind.partition(";")[0].strip().lower(), settings.max_body)


def _url(host: str, port: int) -> str:
    """Where clients on this machine find it."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104 - compared, not bound
    return f"http://{f'[{name}]' if ':' in name and not name.startswith('[') else name}:{port}"


def reset(data_dir: Path) -> None:
    """Deletes a platform's data, its secret with it (so that old tokens open nothing).

    Raises ConfigurationError if there is none in the folder, or if a platform is running on it.
    """
    reset_store(data_dir)
    for name in (SECRET_FILE, STATE_FILE):
        (data_dir / name).unlink(missing_ok=True)
    for name in (SPOOL_FOLDER, COOKIE_FOLDER):
        shutil.rmtree(data_dir / name, ignore_errors=True)
    with suppress(OSError):  # it is gone, or somebody else's files are in it
        data_dir.rmdir()


@attrs.frozen
class State:
    """What a running platform says of itself in its data folder."""

    pid: int
    url: str
    started_at: str

    @classmethod
    def read(cls, data_dir: Path) -> State | None:
        """None if no platform runs there. A file that a killed platform left behind does not count."""
        try:
            found: dict[str, Any] = json.loads((data_dir / STATE_FILE).read_text(encoding="utf-8"))
            state = cls(pid=int(found["pid"]), url=str(found["url"]), started_at=str(found["startedAt"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        try:
            os.kill(state.pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return state
        return state


def _write_state(data_dir: Path, url: str) -> None:
    path = data_dir / STATE_FILE
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    state = {"pid": os.getpid(), "url": url, "startedAt": times.to_wire(times.now())}
    temporary.write_text(json.dumps(state) + "\n", encoding="utf-8")
    temporary.rename(path)


def _remove_state(data_dir: Path, store: str | None) -> None:
    found = State.read(data_dir)
    if store is not None and found is not None and found.pid != os.getpid():
        return  # by another platform, which has taken over
    with suppress(FileNotFoundError):
        (data_dir / STATE_FILE).unlink()
