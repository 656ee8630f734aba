"""A process that has done a platform's imports once, and forks platforms: a start then costs what starting does.

`python -m tests.faults.breeder` reads orders from standard input, one JSON a line, `{"arguments", "environment",
"errors"}`, and answers on standard output `{"started": pid}`, and at its end `{"ended": pid, "status"}` as
`subprocess` counts. It has no threads, and so may fork. With the end of its input all that it bred is killed.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

#: What `dtlpipe platform start` loads until requests are answered.
IMPORTS = (
    "dtlpipe.cli.platform",
    "mock_server.app",
    "mock_server.local",
    "mock_server.server",
    "mock_server.store.postgres",
    "mock_server.store.sql",
    "mock_server.store.sqlite",
    "mock_server.worker",
    "sqlalchemy.dialects.postgresql.psycopg",
)


def main() -> int:
    """Breeds until there is nobody left to breed for; in a bred process, what the platform ends with."""
    for name in IMPORTS:
        import_module(name)
    gc.freeze()  # what is shared stays shared
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _nothing)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the tests alone
    waiting = selectors.DefaultSelector()
    waiting.register(0, selectors.EVENT_READ)
    waiting.register(woken, selectors.EVENT_READ)
    alive: set[int] = set()
    orders = b""
    while True:
        ready = {key.fd for key, _ in waiting.select()}
        if woken in ready:
            with suppress(BlockingIOError):
                os.read(woken, 4096)
            _reap(alive)
        if 0 not in ready:
            continue
        data = os.read(0, 1 << 16)
        if not data:
            break
        *whole, orders = (orders + data).split(b"\n")
        for each in whole:
            order = json.loads(each)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                waiting.close()
                for end in (woken, wake):
                    os.close(end)
                return _platform(order)
            alive.add(pid)
            _say(started=pid)
    for pid in alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return 0


def _nothing(*_: object) -> None:
    """SIGCHLD is heard by the wakeup descriptor."""


def _reap(alive: set[int]) -> None:
    for pid in list(alive):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            alive.discard(pid)
            _say(ended=pid, status=os.waitstatus_to_exitcode(status))


def _say(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _platform(order: dict[str, Any]) -> int:
    """As `python -m dtlpipe.cli ...` in a process of its own."""
    os.environ.update(order["environment"])
    nowhere = os.open(os.devnull, os.O_RDWR)
    errors = os.open(order["errors"], os.O_WRONLY | os.O_APPEND)
    for descriptor, target in ((nowhere, 0), (nowhere, 1), (errors, 2)):
        os.dup2(descriptor, target)
    for descriptor in (nowhere, errors):
        os.close(descriptor)
    sys.argv = ["dtlpipe", *order["arguments"]]
    from dtlpipe.cli import main as dtlpipe

    try:
        dtlpipe(order["arguments"])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
