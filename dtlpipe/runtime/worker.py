"""A warm process that runs node code, one job at a time: load, bind, hydrate, run, dehydrate, report.

Law: whatever node code does, this process either reports it or dies of it, and the platform tells which. After a job
nothing of it is left: no thread, no child process, no file in the work directory, no changed environment. Where that
cannot be had, the worker says so with its report and ends; the next one is a fork away.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread
import contextlib
import faulthandler
import gc
import inspect
import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
import types
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from dtlpipe.runtime import dtlpy_shim, failures, limits
from dtlpipe.runtime.binding import require
from dtlpipe.runtime.capture import Capture
from dtlpipe.runtime.entities import Entities
from dtlpipe.runtime.kinship import adopt_orphans
from dtlpipe.runtime.loading import CodeCache, Loaded
from dtlpipe.runtime.protocol import Board, Channel
from dtlpipe.runtime.results import dehydrate
from dtlpipe.runtime.service import BaseServiceRunner, Context, Progress
from dtlpipe.sansio import parentage

_HERE: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep  # noqa: PTH100, PTH120 - compared with co_filename


_POOL_LOOP: Final = concurrent.futures.thread._worker.__code__  # noqa: SLF001 - the loop that a pool's threads run


class Terminated(BaseException):
    """The platform ends this job: raised wherever node code is, so that its `finally` blocks run."""


def main(descriptors: Sequence[int], board: Board, slot: int, directory: str, environment: Mapping[str, str]) -> int:
    """Serve jobs on the socket among `descriptors` (socket, stdout, stderr) until it closes; the exit status."""
    control, stdout, stderr = descriptors
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
        os.close(source)
    os.set_inheritable(control, False)
    os.environ.update(environment)
    os.chdir(directory)
    adopt_orphans()
    sys.modules["__main__"] = types.ModuleType("__main__")
    faulthandler.enable(file=2, all_threads=True)
    worker = Worker(Channel(socket.socket(fileno=control)), board, slot, directory)
    worker.install()
    try:
        worker.serve()
    except OSError:  # the platform is gone; so are we, with nobody left to tell
        return 1
    atexit._run_exitfuncs()  # noqa: SLF001 - what node code registered, run as at any exit; os._exit would skip it
    return 0


class Worker:
    """The state of this process and its loop."""

    def __init__(self, channel: Channel, board: Board, slot: int, directory: str) -> None:
        self.channel = channel
        self.board = board
        self.slot = slot
        self.directory = directory
        self.capture = Capture(channel)
        self.codes = CodeCache()
        self.entities = Entities()
        self.pid = os.getpid()
        self.job: int | None = None
        self.environment = dict(variables())
        self.path = list(sys.path)

    def install(self) -> None:
        """Take over this process's streams, signals and the name dtlpy."""
        self.capture.install()
        dtlpy_shim.install()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.listen_for_the_end()
        os.register_at_fork(after_in_child=_be_a_plain_child)

    def listen_for_the_end(self) -> None:
        """On SIGTERM: all threads' stacks to stderr, from C (node code may be stuck in it), then `terminate`."""
        signal.signal(signal.SIGTERM, self.terminate)
        faulthandler.register(signal.SIGTERM, file=2, all_threads=True, chain=True)

    def terminate(self, _number: int, frame: types.FrameType | None) -> None:
        """Tell where the code is, then unwind it. Python runs this in the main thread, between two of its steps."""
        if self.job is None:
            self.die_of(signal.SIGTERM)
        BaseServiceRunner._terminated.set()  # noqa: SLF001 - its other half
        text = "".join(traceback.format_list(node_stack(frame)))
        if self.channel.sending.acquire(blocking=False):  # else the main thread itself is in the middle of a frame
            self.channel.sending.release()
            self.channel.send({"kind": "terminated", "job": self.job, "traceback": text})
        raise Terminated

    def serve(self) -> None:
        """Run jobs until the platform closes the socket."""
        self.channel.send({"kind": "ready", "pid": self.pid})
        while (frame := self.channel.receive()) is not None:
            header, _blob = frame
            if "source" not in header["code"] and header["code"]["hash"] not in self.codes:
                self.channel.send({"kind": "need", "job": header["job"]})
                continue
            self.take(header)

    def take(self, header: dict[str, Any]) -> None:
        """Run one job and report its end."""
        number, memory_limit = header["job"], header["memory_limit"]
        anonymous, mapped = limits.held() if memory_limit is not None else (0, 0)
        if not self.board.write(self.slot, number, anonymous):
            self.channel.send({"kind": "skipped", "job": number})
            return
        self.capture.begin(number, header["log_level"], header["log_limit"])
        self.job = number
        BaseServiceRunner._terminated.clear()  # noqa: SLF001 - its other half
        if memory_limit is not None:
            limits.restrict(memory_limit, mapped)
        began = time.perf_counter()
        progress = Progress(lambda said: self.channel.send({"kind": "progress", "job": number, **said}))
        try:
            try:
                answer, body = {"kind": "done", "job": number}, self.run(header, progress)
            except Terminated:
                raise
            except BaseException as error:  # noqa: BLE001 - sys.exit and Ctrl-C in node code end that code, not us
                if memory_limit is not None:
                    limits.lift()
                record = failures.describe(error, memory_limit=memory_limit)
                answer, body = {"kind": "failed", "job": number, "error": record}, b""
            if memory_limit is not None:
                limits.lift()
            self.capture.end()
        except Terminated:
            self.die_of(signal.SIGTERM)
        if os.getpid() != self.pid:  # node code forked and let the child return
            os._exit(0)
        self.job = None
        answer["action"], answer["took"] = progress.action, time.perf_counter() - began
        retire = self.clean_up(header["code"]["hash"])
        if retire is not None:
            answer["retire"] = retire
        self.channel.send(answer, body)
        if retire is not None:
            os._exit(0)

    def run(self, header: dict[str, Any], progress: Progress) -> bytes:
        """From the job to the JSON of its outputs; raises whatever went wrong."""
        name = header["node"]
        node = f"Node {name!r}" if name else "The code"
        code = header["code"]
        loaded = self.codes.get(code["hash"]) if code["hash"] in self.codes else self.codes.add(code, node)
        signature = loaded.signature
        values = {
            argument["name"]: self.entities.hydrate(argument, node)
            for argument in header["arguments"]
            if signature.takes(argument["name"])
        }
        give(loaded, values, header["context"], progress)
        require(signature, values, node, code["function_name"])
        parentage.run_for(header["context"].get("execution_id"))
        traceparent = header["context"].get("traceparent")
        if traceparent is None:
            result = call_node(loaded, values)
        else:
            from dtlpipe.integrations.trace_context import resumed

            with resumed(traceparent):
                result = call_node(loaded, values)
        return dehydrate(result, header["outputs"], node, header["output_limit"])

    def clean_up(self, hash: str) -> str | None:
        """Undo what the job did to this process; the reason if this process must end instead."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        gc.enable()
        if signal.getsignal(signal.SIGTERM) != self.terminate:
            self.listen_for_the_end()
        if variables() != self.environment:
            restore(self.environment)
        if sys.path != self.path:
            sys.path[:] = self.path
        try:
            os.chdir(self.directory)
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        os.unlink(entry.path)  # noqa: PTH108 - a DirEntry, not a Path
        except OSError as error:
            return f"its work directory cannot be emptied: {error}"
        return leftovers() or self.wish(hash)

    def wish(self, hash: str) -> str | None:
        """Whether the runner asked for a fresh process."""
        if hash in self.codes and getattr(self.codes.get(hash).runner, "_reset_wanted", False):
            return "its runner asked for a reset"
        return None

    def die_of(self, number: int) -> NoReturn:
        """End as that signal ends a process, so that whoever waits for it sees the truth."""
        faulthandler.unregister(number)
        signal.signal(number, signal.SIG_DFL)
        os.kill(self.pid, number)
        os._exit(1)


def give(loaded: Loaded, values: dict[str, Any], ids: dict[str, Any], progress: Progress) -> None:
    """Add `progress` and `context` for functions that ask for them."""
    if "progress" in loaded.signature.specials:
        values.setdefault("progress", progress)
    runner = isinstance(loaded.runner, BaseServiceRunner)
    if runner or "context" in loaded.signature.specials:
        context = Context(ids, progress=progress, logger=progress.logger)
        if "context" in loaded.signature.specials:
            values.setdefault("context", context)
        if runner:
            loaded.runner._context = context  # noqa: SLF001 - its other half


def call_node(loaded: Loaded, values: dict[str, Any]) -> Any:
    """Call node code; a coroutine is run to its end."""
    positional, named = loaded.signature.arguments(values)
    result = loaded.call(*positional, **named)
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    return result


def node_stack(frame: types.FrameType | None) -> list[traceback.FrameSummary]:
    """The stack at `frame` below our own call of node code (all of it if node code is not what runs)."""
    stack = traceback.extract_stack(frame)
    for index, summary in enumerate(stack):
        if summary.name == call_node.__name__ and summary.filename.startswith(_HERE):
            return stack[index + 1 :] or list(stack)
    return list(stack)


def variables() -> dict[bytes, bytes]:
    """The environment as the interpreter holds it: comparing that takes a microsecond, os.environ itself thirty."""
    held: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001 - stable since Python 3.2
    return held


def restore(environment: Mapping[bytes, bytes]) -> None:
    """Make the environment what it was."""
    for name in variables().keys() - environment.keys():
        del os.environb[name]
    for name, value in environment.items():
        os.environb[name] = value


def leftovers() -> str | None:
    """What node code left running, if anything: orphans of its children too, for this process adopts them."""
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            return "the code left processes running"
    if threading.active_count() > 1:
        names = [thread.name for thread in threading.enumerate() if not thread.daemon and not waits(thread)]
        if len(names) > 1:  # this one is the first of them
            return f"the code left threads running: {', '.join(names[1:])}"
    return None


def waits(thread: threading.Thread) -> bool:
    """Whether it is a pool's thread without work: libraries keep such pools, and they do no harm."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - the documented way to see another's frame
    return frame is not None and frame.f_code is _POOL_LOOP


def _be_a_plain_child() -> None:
    """In a process that node code forks: signals do what they do in any process."""
    with contextlib.suppress(ValueError):
        faulthandler.unregister(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
