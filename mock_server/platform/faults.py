"""Faults on purpose: rules that say which requests and which nodes fail, how, and how often.

Law: a rule decides by counting and by its own seeded dice alone, so the same order of calls meets the same faults.
Whoever carries a fault out (the rim for requests, the executor for nodes) asks here first; with no rules there is
nothing to ask.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, Self, get_args

import attrs

from dtlpipe.errors import BadRequest, NotFound
from mock_server.executors.base import Cause

_CAUSES = get_args(Cause)
_REFUSED = 401
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def _numbers(given: int | Iterable[int] | None) -> tuple[int, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, int) else tuple(given)


@attrs.frozen(kw_only=True)
class FaultRule:
    """What fails, when, and how. At least one place and one effect are needed; raises BadRequest otherwise.

    Attributes:
        route: of requests: a path with `*` for any text, with or without a method before it (`POST */execute`).
        operation: of requests: the platform's name of what is asked for, with `*` (`execute_pipeline`, `*_item`).
        node: of node code: the node's name (or the service's, for a call of a function), with `*`.
        nth: strike these calls of those that match, counted from 1; all, if none is named.
        times: strike so many times at most.
        probability: of a call that would be struck, how likely it is; the dice are seeded with `seed`.
        status: answer with this HTTP status, in the error's shape that the vocabulary has; `message` is its text.
        retry_after: seconds that the answer asks the client to wait.
        refuse: answer as to a token that is not valid (401).
        latency: seconds before anything else happens.
        reset: close the connection without an answer.
        truncate: send so many bytes of the answer's body, and close the connection.
        after: the request is carried out, and only its answer is lost or replaced.
        cause: how a node fails: by an exception, or as if it was ended for its time, its memory, by a signal ...
        id: its name; one is made up otherwise.
    """

    route: str | None = None
    operation: str | None = None
    node: str | None = None
    nth: tuple[int, ...] = attrs.field(default=(), converter=_numbers)
    times: int | None = None
    probability: float = 1.0
    seed: int | str = 0
    status: int | None = None
    message: str | None = None
    retry_after: float | None = None
    refuse: bool = False
    latency: float = 0.0
    reset: bool = False
    truncate: int | None = None
    after: bool = False
    cause: Cause | None = None
    id: str | None = None

    def __attrs_post_init__(self) -> None:
        for wrong in self._wrong():
            raise BadRequest(f"this is no rule for faults: {wrong}")

    def _wrong(self) -> Iterable[str]:
        yield from (
            f"{name}: {getattr(self, name)!r} is not {wanted}"
            for name, (kinds, wanted) in _TYPES.items()
            if type(getattr(self, name)) not in kinds
        )
        of_requests, of_nodes = self.route is not None or self.operation is not None, self.node is not None
        if of_requests == of_nodes:
            yield "say where: a route or an operation, or else a node"
        if self.status is not None and not 400 <= self.status <= 599:
            yield f"status {self.status} is no error; those go from 400 to 599"
        if not 0.0 <= self.probability <= 1.0:
            yield f"a probability is between 0 and 1, not {self.probability}"
        if any(type(each) is not int or each < 1 for each in self.nth):
            yield f"nth counts from 1, which {list(self.nth)} does not"
        for name in ("times", "latency", "retry_after", "truncate"):
            if (getattr(self, name) or 0) < 0:
                yield f"{name} cannot be less than 0"
        endings = {
            "status": self.status is not None,
            "refuse": self.refuse,
            "reset": self.reset,
            "truncate": self.truncate is not None,
        }
        chosen = [name for name, is_chosen in endings.items() if is_chosen]
        if len(chosen) > 1:
            yield f"one of {' and '.join(chosen)}, not both"
        if of_nodes and (chosen or self.after):
            yield "a node fails with a message and a cause, and may be late; the rest is for requests"
        if self.cause is not None and (not of_nodes or self.cause not in _CAUSES):
            yield f"cause is for nodes, and one of {', '.join(_CAUSES)}"
        if of_requests and not chosen and not self.latency:
            yield "say what happens: status, refuse, latency, reset or truncate"

    @classmethod
    def from_wire(cls, body: Any) -> Self:
        """Of JSON, with the attributes' names in camelCase. Raises BadRequest for what is none."""
        if not isinstance(body, Mapping):
            raise BadRequest(f"a rule for faults is a JSON object, not {type(body).__name__}")
        unknown = sorted(str(key) for key in body if key not in _WIRE)
        if unknown:
            raise BadRequest(f"a rule for faults has no {unknown[0]!r}", hint=f"it may have {', '.join(sorted(_WIRE))}")
        given = {_WIRE[key]: value for key, value in body.items() if value is not None}
        nth = given.get("nth")
        if not isinstance(nth, int | list | None) or isinstance(nth, bool):
            raise BadRequest(f"nth is a number or a list of numbers, not {nth!r:.80}")
        return cls(**given)

    def to_wire(self) -> dict[str, Any]:
        """As JSON, without what is not said."""
        said = {key: getattr(self, name) for key, name in _WIRE.items()}
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in said.items()
            if value not in (None, False, ())
        }

    @property
    def ends(self) -> bool:
        """Whether it does more than make late."""
        return self.status is not None or self.refuse or self.reset or self.truncate is not None

    def answer(self) -> tuple[int, str]:
        """The status and the text of the error that is answered."""
        if self.refuse:
            return _REFUSED, self.message or "the token has expired"
        return self.status or 500, self.message or f"a fault on purpose ({self.id})"

    def names_request(self, method: str, path: str, operation: str | None) -> bool:
        """Whether it is about the request."""
        if self.operation is not None and not fnmatchcase(operation or "", self.operation):
            return False
        if self.route is None:
            return self.operation is not None
        first, _, rest = self.route.partition(" ")
        if first.upper() in _METHODS and rest:
            return first.upper() == method and fnmatchcase(path, rest.strip())
        return fnmatchcase(path, self.route)

    def names_node(self, node: str | None) -> bool:
        """Whether it is about the node."""
        return self.node is not None and fnmatchcase(node or "", self.node)


_CAMEL = {"retry_after": "retryAfter"}
_WIRE = {_CAMEL.get(field.name, field.name): field.name for field in attrs.fields(FaultRule)}
_TEXT = ((str, type(None)), "a text")
_YES_NO = ((bool,), "true or false")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("route", "operation", "node", "message", "cause", "id"), _TEXT),
    **dict.fromkeys(("refuse", "reset", "after"), _YES_NO),
    **dict.fromkeys(("times", "status", "truncate"), ((int, type(None)), "a whole number")),
    "probability": ((int, float), "a number"),
    "latency": ((int, float), "a number"),
    "retry_after": ((int, float, type(None)), "a number"),
    "seed": ((int, str), "a number or a text"),
}


@attrs.define(eq=False)
class Fault:
    """A rule that is set, and what it has met. In a `with` it is taken away at the end.

    Attributes:
        matched: calls that it was about; `struck`: those of them that failed, or were late, for it.
    """

    rule: FaultRule
    id: str
    _faults: Faults = attrs.field(repr=False)
    _dice: random.Random = attrs.field(repr=False)
    matched: int = 0
    struck: int = 0

    def remove(self) -> None:
        """Takes it away; does nothing if it is gone already."""
        self._faults.discard(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def strikes(self) -> bool:
        """Counts a call that it is about, and says whether that fails."""
        rule = self.rule
        self.matched += 1
        if rule.nth and self.matched not in rule.nth:
            return False
        if rule.times is not None and self.struck >= rule.times:
            return False
        if rule.probability < 1.0 and self._dice.random() >= rule.probability:
            return False
        self.struck += 1
        return True

    def to_wire(self) -> dict[str, Any]:
        """The rule, with what it has met."""
        return {**self.rule.to_wire(), "id": self.id, "matched": self.matched, "struck": self.struck}


class Faults:
    """The rules that are set, in the order in which they were. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: dict[str, Fault] = {}
        self._numbers = itertools.count(1)
        self._over = threading.Event()

    def add(self, rule: FaultRule | None = None, **options: Any) -> Fault:
        """Sets a rule: one, or the attributes of one. Raises BadRequest for what is none, or a name that is taken."""
        rule = rule if rule is not None else FaultRule(**options)
        with self._lock:
            id = rule.id or f"fault-{next(self._numbers)}"
            if id in self._set:
                raise BadRequest(f"there is a fault {id!r} already", hint="remove it first, or leave out the id")
            rule = attrs.evolve(rule, id=id)
            # The dice are for tests, and hide nothing.
            fault = Fault(rule, id, self, random.Random(f"{rule.seed}:{id}" if rule.id else rule.seed))  # noqa: S311
            self._set = {**self._set, id: fault}
        return fault

    def list(self) -> list[Fault]:
        """Those that are set."""
        return [*self._set.values()]

    def remove(self, id: str) -> None:
        """Raises NotFound."""
        if not self.discard(id):
            raise NotFound(f"there is no fault {id!r}")

    def discard(self, id: str) -> bool:
        """Whether there was one of that name, which is gone now."""
        with self._lock:
            found = id in self._set
            self._set = {key: each for key, each in self._set.items() if key != id}
        return found

    def clear(self) -> None:
        """Takes all away, and lets go of what is being made late."""
        with self._lock:
            self._set, self._numbers = {}, itertools.count(1)
            self._over.set()
            self._over = threading.Event()

    def wait(self, seconds: float) -> None:
        """Makes late: returns after so long, or when all faults are cleared."""
        self._over.wait(seconds)

    def of_request(self, method: str, path: str, operation: str | None) -> FaultRule | None:
        """What strikes this request. The first rule that does; the others have counted it, too."""
        return self._strike(each for each in self._set.values() if each.rule.names_request(method, path, operation))

    def of_node(self, node: str | None) -> FaultRule | None:
        """As `of_request`, of an execution of a node."""
        return self._strike(each for each in self._set.values() if each.rule.names_node(node))

    def _strike(self, matching: Iterable[Fault]) -> FaultRule | None:
        with self._lock:
            found = None
            for each in matching:
                if found is None:
                    found = each.rule if each.strikes() else None
                else:
                    each.matched += 1
        return found
