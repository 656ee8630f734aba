"""All wrapper hosts: forked from a nest, heard on one thread, buried when they are gone.

Law: nothing here waits but `close`. What goes wrong with one host ends that host, and nothing else: the thread that
hears all of them goes on. What a host wrote to its standard output and error goes to the platform's log.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from dtlpipe.runtime.protocol import CHUNK, Board, ProtocolError
from mock_server.executors.hosts import Host, HostGone, HostSpec, joined
from mock_server.executors.nursery import Nursery
from mock_server.executors.verdict import signal_name

logger = logging.getLogger("dtlpipe.serving")

_SLOTS: Final = 1
"""Of the board that every zygote has; hosts write nothing there."""
_LAST: Final = 5.0
"""Seconds that a host has to end after it was hung up on."""
_END: Final = 10.0
"""Seconds that the nest has to end everything."""


class Nest(Nursery):
    """The process that hosts are forked from."""

    MODULE = "dtlpipe.hosting.nest"


@attrs.frozen(eq=False)
class _Attention:
    """What is done when there is something to read; for a host, if it is one's."""

    host: Host | None
    do: Callable[[], None]


class HostPool:
    """All hosts and their nest. The nest is started with the first host."""

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self._path = list(path if path is not None else (str(Path(entry).resolve()) for entry in sys.path))
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._inbox: deque[_Attention] = deque()
        self._selector = selectors.DefaultSelector()
        self._wake, self._alarm = socket.socketpair()
        self._wake.setblocking(False)
        self._alarm.setblocking(False)
        self._selector.register(self._alarm, selectors.EVENT_READ, _Attention(None, self._hush))
        self._nest: Nest | None = None
        self._board: Board | None = None
        self._slots = itertools.count()
        self._hosts: dict[int, Host] = {}
        self._deadlines: dict[int, tuple[float, Host]] = {}
        self._thread: threading.Thread | None = None
        self._over = False
        self._closing = False

    @property
    def lost(self) -> bool:
        """Whether it hears no hosts any more though nobody closed it: another one is to be made."""
        return self._over and not self._closing

    def next_number(self) -> int:
        """A number for a call."""
        return next(self._numbers)

    def open(self, spec: HostSpec) -> Host:
        """Fork a host and have it load; wait for its `loaded`. Raises HostGone where none can be had."""
        with self._lock:
            if self._over:
                raise HostGone(self._why())
            try:
                host = Host(self, spec)
            except OSError as error:
                raise HostGone(f"the wrapper's process cannot be started: {error}") from None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dtlpipe-hosts", daemon=True)
                self._thread.start()
            self._post(host, lambda: self._fork(host))  # under the lock, so that whoever ends the thread finds it
        return host

    def end(self, host: Host) -> None:
        """Have the process end by itself, by closing its socket."""
        self._post(host, lambda: self._hang_up(host))

    def kill(self, host: Host) -> None:
        """End the process now."""
        self._post(host, lambda: self._signal(host, signal.SIGKILL))

    def clogged(self, host: Host) -> None:
        """Send it the rest once it takes it."""
        self._post(host, lambda: self._listen_for_room(host))

    def close(self) -> None:
        """End all hosts and wait for them."""
        with self._lock:
            self._over = self._closing = True
            thread = self._thread
        self._ring()
        if thread is not None:
            thread.join(_END + 1)
        else:
            self._let_go()

    # --- the pool's thread --------------------------------------------------------------------------------------------

    def _post(self, host: Host, do: Callable[[], None]) -> None:
        self._inbox.append(_Attention(host, do))
        self._ring()

    def _why(self) -> str:
        return "the platform is stopping" if self._closing else "wrappers' processes are not heard any more"

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake.send(b"!")

    def _hush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._alarm.recv(4096)

    def _run(self) -> None:
        try:
            while not self._over:
                for key, events in self._selector.select(1.0 if self._deadlines else None):
                    if self._selector.get_map().get(key.fd) is not key:
                        continue  # what came before it in this turn ended it, and its descriptor may be another's now
                    if events & selectors.EVENT_WRITE:
                        self._attend(_Attention(key.data.host, partial(self._flush, key.data.host)))
                    if events & selectors.EVENT_READ:
                        self._attend(key.data)
                while self._inbox:
                    self._attend(self._inbox.popleft())
                self._end_the_late()
        except Exception:
            logger.critical("wrapper hosts are not heard any more; they are had anew", exc_info=True)
        finally:
            with self._lock:
                self._over = True
            self._let_go()

    def _attend(self, to: _Attention) -> None:
        try:
            to.do()
        except Exception as error:
            logger.exception("something about a wrapper's process went wrong here; it is ended")
            if to.host is None:
                self._lose_nest(f"it could not be understood: {error}")
            else:
                self._signal(to.host, signal.SIGKILL)
                self._bury(to.host, f"the wrapper's process was given up: {type(error).__name__}: {error}")

    def _let_go(self) -> None:
        for host in list(self._hosts.values()):
            self._bury(host, self._why(), ours=True)
        while self._inbox:  # hosts that were asked for and never forked
            self._attend(self._inbox.popleft())
        if self._nest is not None:
            self._nest.close(_END)
        if self._board is not None:
            self._board.close()
        self._selector.close()
        self._wake.close()
        self._alarm.close()

    def _fork(self, host: Host) -> None:
        theirs = (host.theirs.detach(), host.pipes[0][1], host.pipes[1][1])
        try:
            if self._over:
                raise OSError(self._why())
            nest = self._open_nest()
            slot = next(self._slots)
            self._hosts[slot] = host
            header = {"kind": "fork", "slot": slot, "environment": dict(host.spec.environment)}
            nest.send({**header, "preload": list(host.spec.preload)}, theirs)
        except OSError as error:
            self._bury(host, f"the wrapper's process cannot be started: {error}", ours=True)
            return
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        selector = self._selector
        selector.register(host.sock, selectors.EVENT_READ, _Attention(host, partial(self._on_socket, host)))
        for number, (read_end, _) in enumerate(host.pipes):
            attention = _Attention(host, partial(self._on_output, host, number))
            selector.register(read_end, selectors.EVENT_READ, attention)
        spec = host.spec
        hello = {"kind": "hello", "name": spec.name, "folder": str(spec.folder), "path": list(spec.path)}
        with contextlib.suppress(OSError):
            host.say(hello)

    def _open_nest(self) -> Nest:
        if self._nest is None:
            self._board = Board.create(_SLOTS)
            self._nest = nest = Nest(self._board, self._path, ())
            self._selector.register(nest.control, selectors.EVENT_READ, _Attention(None, self._on_nest))
            self._selector.register(nest.errors, selectors.EVENT_READ, _Attention(None, self._on_errors))
        if self._nest.backlog:
            self._nest.write()
        return self._nest

    def _lose_nest(self, why: str) -> None:
        """It is gone, and its hosts with it: the next one is had when it is needed."""
        nest, self._nest = self._nest, None
        if nest is None:
            return
        for each in (nest.control, nest.errors):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(each)
        nest.close(1.0)
        if self._board is not None:
            self._board.close()
        for host in list(self._hosts.values()):
            self._bury(host, f"the process that wrappers are forked from has ended: {why}", ours=True)

    def _on_nest(self) -> None:
        nest = self._nest
        if nest is None:
            return
        reports = nest.read()
        if reports is None:
            self._lose_nest("; ".join(nest.last_lines) or "it said nothing")
            return
        for report in reports:
            self._told(nest, report)

    def _told(self, nest: Nest, report: Mapping[str, Any]) -> None:
        match report["kind"]:
            case "ready":
                nest.ready = True
                for name, why in report["missing"].items():
                    logger.warning("wrapper hosts do without %s: %s", name, why)
            case "forked":
                host = self._hosts.get(report["slot"])
                if host is not None:
                    host.pid = report["pid"]
                    if not host.wanted:
                        nest.kill(report["pid"], signal.SIGKILL)
                else:
                    nest.kill(report["pid"], signal.SIGKILL)
            case "unforked":
                host = self._hosts.get(report["slot"])
                if host is not None:
                    self._bury(host, f"the wrapper's process cannot be started: {report['error']}", ours=True)
            case "exited":
                host = next((each for each in self._hosts.values() if each.pid == report["pid"]), None)
                if host is not None:
                    self._on_socket(host)  # what it had still said
                    self._bury(host, _how(report))

    def _listen_for_room(self, host: Host) -> None:
        with contextlib.suppress(KeyError, ValueError):  # it was buried meanwhile
            key = self._selector.get_key(host.sock)
            self._selector.modify(host.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, key.data)

    def _flush(self, host: Host) -> None:
        try:
            empty = host.flush()
        except OSError:
            self._deaf(host)
            return
        if empty:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.modify(host.sock, selectors.EVENT_READ, self._selector.get_key(host.sock).data)

    def _on_errors(self) -> None:
        if self._nest is not None and not self._nest.read_errors():
            self._selector.unregister(self._nest.errors)

    def _on_socket(self, host: Host) -> None:
        while True:
            try:
                data = os.read(host.sock.fileno(), CHUNK)  # the socket's own recv would wait for its timeout
                frames = host.decoder.feed(data)
            except BlockingIOError:
                return
            except (OSError, ProtocolError) as error:
                if isinstance(error, ProtocolError):
                    logger.warning("%s: %s", host.spec.name, error)
                self._deaf(host)
                return
            if not data:
                self._deaf(host)
                return
            for frame in joined(frames) if len(frames) > 1 else frames:
                host.heard(frame)

    def _deaf(self, host: Host) -> None:
        """It says no more, so it is ending, or has to."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(host.sock)
            self._signal(host, signal.SIGKILL)

    def _on_output(self, host: Host, number: int) -> None:
        descriptor = host.pipes[number][0]
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(descriptor)
            return
        level = logging.INFO if number == 0 else logging.WARNING
        for line in data.decode(errors="backslashreplace").splitlines():
            logger.log(level, "%s: %s", host.spec.name, line)

    def _hang_up(self, host: Host) -> None:
        host.wanted = False
        with contextlib.suppress(OSError):
            host.sock.shutdown(socket.SHUT_WR)
        self._deadlines[id(host)] = (time.monotonic() + _LAST, host)

    def _end_the_late(self) -> None:
        now = time.monotonic()
        for key, (deadline, host) in list(self._deadlines.items()):
            if deadline <= now:
                del self._deadlines[key]
                self._signal(host, signal.SIGKILL)

    def _signal(self, host: Host, number: signal.Signals) -> None:
        host.wanted = False
        if self._nest is not None and host.pid is not None and host in self._hosts.values():
            self._nest.kill(host.pid, number)

    def _bury(self, host: Host, how: str, *, ours: bool = False) -> None:
        """Let go of what it had. `ours`: its wrapper had no part in its end."""
        if host.ended.is_set():
            return
        for slot, each in list(self._hosts.items()):
            if each is host:
                del self._hosts[slot]
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(host.sock)
        for number, (read_end, _) in enumerate(host.pipes):
            with contextlib.suppress(KeyError, ValueError):
                while read_end in self._selector.get_map() and select_readable(read_end):
                    self._on_output(host, number)
                self._selector.unregister(read_end)
        self._deadlines.pop(id(host), None)
        host.sock.close()
        for read_end, _ in host.pipes:
            os.close(read_end)
        host.died(how, ours=ours)


def select_readable(descriptor: int) -> bool:
    """Whether there is something to be read now."""
    with selectors.DefaultSelector() as look:
        look.register(descriptor, selectors.EVENT_READ)
        return bool(look.select(0))


def _how(report: Mapping[str, Any]) -> str:
    if report.get("signal"):
        return f"the wrapper's process was ended by {signal_name(report['signal'])}"
    return f"the wrapper's process ended with status {report.get('code')}"
