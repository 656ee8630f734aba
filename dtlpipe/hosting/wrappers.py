"""A wrapper as it is served: which of its methods are its own, and where each of them runs.

Law: a wrapper is told by what it defines, not by whose base class it has. Synchronous methods run on threads of their
own, asynchronous ones on one loop, the wrapper's own; `setup` runs where the wrapper's text says that it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import re
import textwrap
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

METHODS: Final = (
    "run_api",
    "run_api_async",
    "run_chat_completion",
    "run_chat_completion_async",
    "run_response",
    "run_response_async",
    "run_file_upload",
    "run_durable",
    "run_durable_async",
)
BASE: Final = "BasePipelineWrapper"
THREADS: Final = 256
"""Synchronous calls of one deployment at the same time."""

_NEEDS_LOOP = re.compile(r"\b(create_task|ensure_future|get_running_loop)\s*\(")


def own_methods(kind: type) -> dict[str, bool]:
    """Which of the methods this class, or one that it extends, defines beside the base class."""
    ours = [each for each in kind.__mro__ if each.__name__ != BASE and each is not object]
    return {name: any(name in vars(each) for each in ours) for name in METHODS}


class Pieces(list[Any]):
    """What a run method yielded, which another one might have returned as a list."""


class Home:
    """The loop and the threads of one wrapper, and how its methods are called there."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"wrapper-{name}")
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name=f"loop-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def on_thread(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run it on a thread."""
        return self._pool.submit(function, *args)

    def on_loop(self, coroutine: Any) -> Future[Any]:
        """Run a coroutine on the loop. Its future can be cancelled."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> Callable[[], None]:
        """Run a coroutine on the loop, for nobody who waits for it; call what is returned to cancel it."""
        tasks: list[asyncio.Task[None]] = []

        def start() -> None:
            task = self.loop.create_task(coroutine)
            tasks.append(task)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        def cancel() -> None:
            for task in tasks:
                task.cancel()

        self.loop.call_soon_threadsafe(start)
        return lambda: self._soon(cancel)

    def _soon(self, do: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed, and all that was on it is over
            self.loop.call_soon_threadsafe(do)

    def complete(self, method: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Call a run method, sync or async, to its end; of one that yields, its Pieces."""
        context = contextvars.copy_context()

        async def in_loop() -> Any:
            with _kept_in():
                found = method(**arguments)
                if inspect.isawaitable(found):
                    found = await found
                source = getattr(found, "stream", found)
                return Pieces([piece async for piece in source]) if hasattr(source, "__anext__") else found

        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            done: Future[Any] = Future()

            def start() -> None:
                task = self.loop.create_task(in_loop(), context=context)
                task.add_done_callback(lambda over: _hand_over(over, done))

            self.loop.call_soon_threadsafe(start)
            found = done.result()
        else:
            found = method(**arguments)
        source = getattr(found, "stream", found)
        return Pieces(source) if hasattr(source, "__next__") else found

    def close(self, *, wait: bool = False) -> None:
        """End the loop's tasks and the loop. Threads are left to end with the process, unless they are waited for."""

        async def end() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        future = self.on_loop(end())
        try:
            future.result(1.0)
        except (TimeoutError, asyncio.CancelledError):
            future.cancel()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self.loop.close()
        self._pool.shutdown(wait=wait, cancel_futures=True)


@contextlib.contextmanager
def _kept_in() -> Iterator[None]:
    """Have `exit()` be an error like others: it would end the loop, and with it all that is done there."""
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"the wrapper raised {error!r}") from error


def _hand_over(task: asyncio.Task[Any], future: Future[Any]) -> None:
    error = task.exception() if not task.cancelled() else asyncio.CancelledError("the wrapper cancelled its own call")
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())


def made(kind: type, home: Home) -> Any:
    """An instance of the wrapper that has been set up.

    `setup` of most wrappers is plain code, as there is no loop about it; one that starts tasks is run in the loop. One
    that turns out to need the other place is made anew and set up there.
    """
    first, second = (_in_loop, _plainly) if _starts_tasks(kind) else (_plainly, _in_loop)
    try:
        return first(kind, home)
    except RuntimeError as error:
        if "event loop" not in str(error):
            raise
        return second(kind, home)


def _plainly(kind: type, home: Home) -> Any:
    def make() -> Any:
        wrapper = kind()
        wrapper.setup()
        return wrapper

    return home.on_thread(make).result()


def _in_loop(kind: type, home: Home) -> Any:
    async def make() -> Any:
        with _kept_in():
            wrapper = kind()
            found = wrapper.setup()
            if inspect.isawaitable(found):
                await found
            return wrapper

    return home.on_loop(make()).result()


def _starts_tasks(kind: type) -> bool:
    setup = getattr(kind, "setup", None)
    if inspect.iscoroutinefunction(setup):
        return True
    try:
        text = textwrap.dedent(inspect.getsource(setup)) if setup is not None else ""
    except (OSError, TypeError):
        return False
    return _NEEDS_LOOP.search(text) is not None
