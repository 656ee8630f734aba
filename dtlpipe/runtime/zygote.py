"""The process that workers are forked from: `python -m dtlpipe.runtime.zygote FD`.

Law: one thread, no node code, nothing kept but the list of its children. It imports once what node code commonly needs,
freezes that memory, and from then on forks on request. It is the parent of all workers, so it alone can signal them
without ever hitting a process id that was given away again; it reports how each of them ended; and when the platform is
gone (its control socket says so, whatever killed it) it kills every worker with all it started, and exits.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import itertools
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, Final

from dtlpipe.runtime.kinship import adopt_orphans, children, die_with_parent
from dtlpipe.runtime.protocol import CHUNK, Board, Decoder, encode

APART: Final = "DTLPIPE_ZYGOTE_APART"
"""The variable by which whoever starts a zygote asks it to step aside."""
PRELOAD: Final = (
    "asyncio",
    "base64",
    "cloudpickle",
    "concurrent.futures",
    "dataclasses",
    "datetime",
    "decimal",
    "inspect",
    "io",
    "json",
    "linecache",
    "logging",
    "math",
    "pathlib",
    "random",
    "re",
    "tempfile",
    "threading",
    "time",
    "traceback",
    "typing",
    "urllib.parse",
    "uuid",
    "httpx",
    "requests",
    "dtlpipe.runtime.worker",
)
"""Imported once, before the first fork. Lazy modules that replace themselves must do so while there is one thread."""
PRELOAD_WHOLE: Final = ("dtlpipe.model", "dtlpipe.sansio", "dtlpipe.client", "dtlpipe.resources", "dtlpipe.transports")
"""Packages of which every module is imported: the SDK as node code uses it."""


_UNUSED: Final = "httpx._main"
"""httpx's own command line: with rich, pygments and click, it is half of what httpx takes, 5 MB in each zygote."""


def modules_of(package: str) -> list[str]:
    """The package and its modules, by full name."""
    found = importlib.util.find_spec(package)
    folders = found.submodule_search_locations if found is not None else None
    return [package, *(f"{package}.{module.name}" for module in pkgutil.iter_modules(folders or ()))]


def preload(modules: Sequence[str]) -> dict[str, str]:
    """Import `modules`; answer those that could not be, with the reason: the platform logs it."""
    missing: dict[str, str] = {}
    sys.modules.setdefault(_UNUSED, None)  # type: ignore[arg-type]  # as the import system has it for "not to be had"
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever an optional module throws, the workers can do without it
            missing[name] = f"{type(error).__name__}: {error}"
    if sys.modules.get(_UNUSED, sys) is None:
        del sys.modules[_UNUSED]  # whoever does ask for it shall have it
    return missing


class Zygote:
    """Forks workers, reaps them, reports. Its whole life is one `serve()`."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.decoder = Decoder()
        self.descriptors: list[int] = []
        self.workers: dict[int, str] = {}
        self.board: Board | None = None
        self.root = ""
        self.made = 0
        self.wakeup, self.alarm = socket.socketpair()
        self.selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Answer the platform until it closes the control socket."""
        self.wakeup.setblocking(False)
        self.alarm.setblocking(False)
        signal.set_wakeup_fd(self.alarm.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # without a handler there is no wake-up
        adopt_orphans()
        self.selector.register(self.control, selectors.EVENT_READ)
        self.selector.register(self.wakeup, selectors.EVENT_READ)
        try:
            while True:
                ready = {key.fileobj for key, _events in self.selector.select()}
                if self.wakeup in ready:
                    with contextlib.suppress(BlockingIOError):
                        self.wakeup.recv(CHUNK)
                    self.reap()
                if self.control in ready and not self.listen():
                    return
        finally:
            self.end()

    def listen(self) -> bool:
        """Read and obey what the platform sent; False once it is gone."""
        try:
            data, descriptors, _flags, _address = socket.recv_fds(self.control, CHUNK, 64)
        except ConnectionError:
            return False
        self.descriptors.extend(descriptors)
        if not data:
            return False
        for header, _blob in self.decoder.feed(data):
            match header["kind"]:
                case "hello":
                    self.greet(header)
                case "fork":
                    self.fork(header)
                case "kill":
                    self.kill(header["pid"], header["signal"])
        return True

    def say(self, header: dict[str, Any]) -> None:
        """Send one frame; a platform that is gone is noticed by `listen`."""
        with contextlib.suppress(ConnectionError):
            self.control.sendall(encode(header))

    def greet(self, header: dict[str, Any]) -> None:
        """Take the board and the module path, import, freeze: after this the first fork is cheap."""
        self.board = Board.attach(self.descriptors.pop(0), header["slots"])
        self.root = header["root"]
        known = set(sys.path)
        sys.path.extend(entry for entry in header["path"] if entry not in known)
        gc.disable()  # until what is imported is out of its sight
        missing = preload([*PRELOAD, *itertools.chain(*map(modules_of, PRELOAD_WHOLE)), *header["preload"]])
        gc.collect()
        gc.freeze()
        gc.enable()
        self.say({"kind": "ready", "pid": os.getpid(), "missing": missing})

    def fork(self, header: dict[str, Any]) -> None:
        """Fork one worker onto the three descriptors that came with the request."""
        slot: int = header["slot"]
        descriptors, self.descriptors = self.descriptors[:3], self.descriptors[3:]
        self.made += 1
        directory = os.path.join(self.root, str(self.made))  # noqa: PTH118 - a str is wanted
        parent = os.getpid()
        try:
            os.mkdir(directory)  # noqa: PTH102 - as above
            pid = os.fork()
        except OSError as error:
            for descriptor in descriptors:
                os.close(descriptor)
            self.say({"kind": "unforked", "slot": slot, "error": str(error)})
            return
        if pid == 0:
            self.become_worker(parent, slot, directory, descriptors, header["environment"])
        for descriptor in descriptors:
            os.close(descriptor)
        self.workers[pid] = directory
        self.say({"kind": "forked", "slot": slot, "pid": pid})

    def become_worker(
        self, parent: int, slot: int, directory: str, descriptors: Sequence[int], environment: dict[str, str]
    ) -> None:
        """In the child: leave the zygote behind for good. Never returns."""
        code = 1
        try:
            os.setsid()
            die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for inherited in (self.control, self.wakeup, self.alarm, self.selector):
                inherited.close()
            code = self.live(slot, directory, descriptors, environment)
        except BaseException:  # noqa: BLE001 - nothing may climb back into the zygote's loop
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def live(self, slot: int, directory: str, descriptors: Sequence[int], environment: dict[str, str]) -> int:
        """In the child: what it was forked for; its exit status."""
        from dtlpipe.runtime import worker

        board = self.board
        assert board is not None, "the platform greets before it asks for a fork"  # noqa: S101 - our own protocol
        return worker.main(descriptors, board, slot, directory, environment)

    def kill(self, pid: int, number: int) -> None:
        """Signal a worker's process group, unless the worker is reaped already."""
        if pid in self.workers:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:  # forked this instant: it has no group of its own yet
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def reap(self) -> None:
        """Report every worker that ended, and end with it whatever it left running."""
        while True:
            try:
                peek = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except ChildProcessError:
                return
            if peek is None:
                return
            pid = peek.si_pid
            if pid in self.workers:  # still a zombie: its group's id cannot be given away before the wait below
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            _pid, status, usage = os.wait4(pid, 0)
            directory = self.workers.pop(pid, None)
            self.kill_adopted()  # what it left; and what these had started, when they end in their turn
            if directory is None:
                continue
            shutil.rmtree(directory, ignore_errors=True)
            ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            code = None if ended_by is not None else os.WEXITSTATUS(status)
            self.say({"kind": "exited", "pid": pid, "code": code, "signal": ended_by, "max_rss": usage.ru_maxrss})

    def kill_adopted(self) -> None:
        """Kill children that no fork of ours made: descendants of a worker that is gone."""
        for pid in children():
            if pid not in self.workers:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill all workers with all they started, wait for them, remove what they wrote."""
        while self.workers:
            for pid in self.workers:
                self.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                pid, _status = os.waitpid(-1, 0)
                if pid in self.workers:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, signal.SIGKILL)
                    del self.workers[pid]
        while children():
            self.kill_adopted()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)
        if self.root:
            shutil.rmtree(self.root, ignore_errors=True)


def step_aside() -> None:
    """Go on in a child, and leave in this process's place one that only waits for it.

    For those who kill their children when they end, as Ray's workers do: the zygote outlives that, notices, and kills
    all that its own workers started, which nobody else can find.
    """
    pid = os.fork()
    if pid:
        _pid, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def main(arguments: Sequence[str]) -> None:
    """Serve on the control socket whose descriptor is the first argument."""
    if os.environ.pop(APART, None):
        step_aside()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the platform; it tells us by closing the socket
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    Zygote(control).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
