"""How commands that run until they are told to end are told so."""

from __future__ import annotations

import signal
from collections.abc import Callable

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def on_end(callback: Callable[[], object]) -> None:
    """Has the first Ctrl-C, SIGTERM or SIGHUP call it; after that they do what they always do.

    A hang-up that is ignored already, as under `nohup`, stays so.
    """

    def handle(*_: object) -> None:
        callback()
        for each in taken:
            signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)

    taken = [each for each in _ENDS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
    for each in taken:
        signal.signal(each, handle)
