"""Many files at once: what became of each, as one result or one error. Nothing that failed goes unsaid."""

from __future__ import annotations

import logging
from typing import Any

from dtlpipe.errors import TransferFailed

logger = logging.getLogger("dtlpipe")


def settled(verb: str, names: list[str], results: list[Any], *, raise_on_error: bool) -> list[Any]:
    """The results that are none errors. Errors are raised as one TransferFailed, or else logged, one by one."""
    done = [each for each in results if not isinstance(each, Exception)]
    failures = {name: each for name, each in zip(names, results, strict=True) if isinstance(each, Exception)}
    if failures and raise_on_error:
        raise TransferFailed(f"{len(failures)} of {len(results)} files could not be {verb}", failures, done)
    for name, error in failures.items():
        logger.warning("%s could not be %s: %s: %s", name, verb, type(error).__name__, error)
    return done
