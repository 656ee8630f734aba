"""What is handed to the worker: work to begin, all of it in one transaction or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from dtlpipe.errors import Conflict
from dtlpipe.model import times
from mock_server.store.base import Document, ExecutionRow, Kind, RunRow, Tx


@attrs.frozen
class Idempotency:
    """`key` names a request of one caller; `fingerprint` its content; `answer` is what a repetition is told."""

    key: str
    fingerprint: str
    answer: dict[str, Any]


@attrs.frozen
class Submission:
    """New runs, new calls of services, and the command that stands for them, if one does.

    `reruns` are the ids of runs that are to begin again, as the `cycleOptions` of the command say.

    If the idempotency key was used before, nothing is begun and the first answer is given again; the same key with
    another fingerprint is a Conflict. `check` is asked within the transaction whether what is to run may still be run,
    as that may have changed since it was looked at; what it raises undoes all.
    """

    runs: tuple[RunRow, ...] = ()
    calls: tuple[ExecutionRow, ...] = ()
    reruns: tuple[str, ...] = ()
    command: Document | None = None
    idempotency: Idempotency | None = None
    check: Callable[[Tx], None] | None = None


def earlier_answer(tx: Tx, request: Idempotency | None) -> dict[str, Any] | None:
    """The answer that this request was given before, if it was; otherwise it is noted as given. None has no key."""
    if request is None:
        return None
    id = f"idempotency:{request.key}"
    seen = tx.get(Kind.SETTING, id)
    if seen is None:
        now = times.to_wire(times.now())
        tx.insert(
            Kind.SETTING,
            {
                "id": id,
                "fingerprint": request.fingerprint,
                "answer": request.answer,
                "createdAt": now,
                "updatedAt": now,
            },
        )
        return None
    check_same(seen, request.key, request.fingerprint)
    answer: dict[str, Any] = seen["answer"]
    return answer


def check_same(seen: Mapping[str, Any], key: str, fingerprint: str) -> None:
    """Raises Conflict if the note of a request is that of another one. `key` ends with what the caller said."""
    if seen["fingerprint"] != fingerprint:
        raise Conflict(
            f"the idempotency key {key.rpartition(':')[2]!r} was used for another request",
            hint="send a new key with each new request; repeat a key only to repeat the same request",
        )
