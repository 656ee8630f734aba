"""Policies: what happens around the call of one component when it is slow, fails, or was asked the same before.

Law: the machine knows nothing of policies. A component with a policy is called through a `Guarded`, which looks like
the component; a failure that is turned into an output is an output like any other.

Every attempt gets its own copy of the inputs, so that one that failed, or still goes on, spoils none after it.

From the outside in: the cache is asked; then the component is tried, each attempt within its timeout, as often as its
retries allow; what it returned is kept in the cache; what it raised at last leaves as it is, or as the error output.
"""

from __future__ import annotations

import contextvars
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import attrs

from dtlpipe.errors import DtlpipeError
from dtlpipe.graph.caching import Cache, cache_from_dict, cache_to_dict
from dtlpipe.graph.copies import copied
from dtlpipe.graph.errors import BreakpointException, DeserializationError, PipelineValidationError, SerializationError
from dtlpipe.graph.fingerprints import NoFingerprint, code_of, fingerprint

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["ComponentFailure", "ComponentTimeout", "Guarded", "Policy", "Retry"]

logger = logging.getLogger(__name__)

Call = Callable[..., Any]


class ComponentTimeout(DtlpipeError, TimeoutError):
    """A component did not end within the timeout of its policy."""


@attrs.frozen
class ComponentFailure:
    """What the error output of a component gives: which component failed, at what, and with which inputs.

    Attributes:
        component: its name in the pipeline.
        error_type: the class of what it raised.
        message: what that says.
        attempts: how often it was tried.
        inputs: what it was given.
        error: the exception itself; None if the failure was read from data.
    """

    component: str
    error_type: str
    message: str
    attempts: int
    inputs: dict[str, Any]
    error: Exception | None = attrs.field(default=None, eq=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the failure as data, without the exception."""
        return attrs.asdict(self, recurse=False, filter=lambda own, _: own.name != "error")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the failure that `to_dict` wrote."""
        return cls(**data)


def _positive(_: Any, own: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise PipelineValidationError(f"{own.name} must be a number above 0, not {value!r}.")


def _not_negative(_: Any, own: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise PipelineValidationError(f"{own.name} must be 0 or a number above, not {value!r}.")


def _kinds(value: Any) -> tuple[type[Exception], ...]:
    kinds: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise PipelineValidationError(f"on must name classes of exceptions, not {kind!r}.")
    return kinds


@attrs.frozen(kw_only=True)
class Retry:
    """How often a component is tried, and how long is waited in between.

    Args:
        attempts: how often in all, so 1 means never again.
        delay: seconds before the second attempt.
        factor: each further delay is so many times as long.
        max_delay: but no longer than this, in seconds.
        jitter: from 0 to 1: each delay is shortened by up to this part of it, at random, so that many that failed
            together do not try again together.
        on: the exceptions that are worth another attempt; all others leave at once.

    Raises:
        PipelineValidationError: a number or class cannot be.
    """

    attempts: int = attrs.field(default=3, validator=_positive)
    delay: float = attrs.field(default=0.5, validator=_not_negative)
    factor: float = attrs.field(default=2.0, validator=_positive)
    max_delay: float = attrs.field(default=30.0, validator=_not_negative)
    jitter: float = attrs.field(default=0.2, validator=_not_negative)
    on: tuple[type[Exception], ...] = attrs.field(default=(Exception,), converter=_kinds)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.attempts, int):
            raise PipelineValidationError(f"attempts must be a whole number, not {self.attempts!r}.")
        if self.jitter > 1:
            raise PipelineValidationError(f"jitter must be between 0 and 1, not {self.jitter!r}.")

    def delays(self, chance: Callable[[], float] = random.random) -> Iterator[float]:
        """Yield the seconds to wait after each attempt but the last. `chance` returns a number from 0 to 1."""
        delay = self.delay
        for _ in range(self.attempts - 1):
            yield min(delay, self.max_delay) * (1 - self.jitter * chance())
            delay = min(delay * self.factor, self.max_delay)  # never beyond, so it cannot overflow


_NEVER_AGAIN = Retry(attempts=1)


def _retry(value: Any) -> Retry | None:
    if value is None or isinstance(value, Retry):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Retry(attempts=value)
    raise PipelineValidationError(f"retry must be a Retry or a number of attempts, not {value!r}.")


def _output_name(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.isidentifier()):
        return value
    raise PipelineValidationError(f"error_output must be the name of an output, such as 'error', not {value!r}.")


def _is_cache(_: Any, __: attrs.Attribute[Any], value: Any) -> None:
    if not (value is None or (callable(getattr(value, "get", None)) and callable(getattr(value, "put", None)))):
        raise PipelineValidationError(f"cache must be a MemoryCache, a DiskCache or alike, not {value!r:.80}.")


@attrs.frozen(kw_only=True)
class Policy:
    """What is done around the call of a component.

    Args:
        retry: how often it is tried; a number stands for `Retry(attempts=number)`.
        timeout: seconds that one attempt may take. A coroutine is cancelled then. A component that runs in a thread
            cannot be: its thread goes on in the background, what it returns is dropped.
        error_output: the name of an output that the component gets for its failures: when all attempts have failed, a
            `ComponentFailure` leaves by it, and nothing by the others, instead of ending the run.
        cache: where outputs are kept and looked up, by the component's type, its init parameters as they are now, the
            code of its `run`, and its inputs. None: nowhere. It is for components that return the same for the same:
            what one does beside, or reads from elsewhere, or calls, is not noticed.

    Raises:
        PipelineValidationError: a value cannot be.
    """

    retry: Retry | None = attrs.field(default=None, converter=_retry)
    timeout: float | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    error_output: str | None = attrs.field(default=None, converter=_output_name)
    cache: Cache | None = attrs.field(default=None, validator=_is_cache)

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as data; only what is set.

        Raises:
            SerializationError: an exception or cache cannot be written.
        """
        data: dict[str, Any] = {}
        if self.retry is not None:
            data["retry"] = attrs.asdict(self.retry) | {"on": [_qualified(kind) for kind in self.retry.on]}
        if self.timeout is not None:
            data["timeout"] = self.timeout
        if self.error_output is not None:
            data["error_output"] = self.error_output
        if self.cache is not None:
            data["cache"] = cache_to_dict(self.cache)
        return data

    @classmethod
    def from_dict(cls, data: Any, importer: Callable[[str], Any]) -> Self:
        """Return the policy that `to_dict` wrote.

        Args:
            data: the data; it is not changed.
            importer: takes the dotted name of a class and returns it, if it may be imported.

        Raises:
            DeserializationError: the data describes no policy, or names what may not be imported.
        """
        try:
            values = dict(data)
            if "retry" in values:
                retry = dict(values["retry"])
                retry["on"] = tuple(importer(name) for name in retry.get("on", ["builtins.Exception"]))
                values["retry"] = Retry(**retry)
            if "cache" in values:
                values["cache"] = cache_from_dict(values["cache"])
            return cls(**values)
        except (TypeError, ValueError, ImportError) as error:
            raise DeserializationError(f"{data!r:.200} describes no policy: {error}") from error


def _qualified(kind: type) -> str:
    if "<locals>" in kind.__qualname__:
        raise SerializationError(f"{kind.__qualname__} is defined inside a function and cannot be written by its name.")
    return f"{kind.__module__}.{kind.__qualname__}"


class Guarded:
    """A component under its policy. It is called as the component is, and is the component in all else.

    Args:
        name: the component's name in the pipeline.
        instance: the component. Its `run` and `run_async` are looked up at each call, since people replace them.
        policy: the policy.
        identity: returns the component's type and init parameters, as data, or raises SerializationError.
    """

    def __init__(
        self, name: str, instance: Any, policy: Policy, identity: Callable[[], dict[str, Any]] | None = None
    ) -> None:
        self._name = name
        self._instance = instance
        self._policy = policy
        self._identity = identity
        self._told: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._instance, name)

    def run(self, /, **inputs: Any) -> Any:
        """Run the component. What it raises leaves as it is, unless the policy has an error output.

        Raises:
            ComponentTimeout: it took too long.
        """
        key = self._key(inputs)
        if (known := self._known(key)) is not None:
            return known
        retry = self._policy.retry or _NEVER_AGAIN
        delays = retry.delays()
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._kept(key, self._attempt(copied(inputs)))
            except Exception as error:  # noqa: BLE001 - components raise anything
                delay = next(delays, None) if isinstance(error, retry.on) else None
                if delay is None or isinstance(error, BreakpointException):
                    return self._failed(error, attempt, inputs)
                self._announce(error, attempt, delay)
                time.sleep(delay)

    async def run_async(self, /, **inputs: Any) -> Any:
        """Run the component on the event loop. As `run`; only for components that have `run_async`."""
        import asyncio

        key = self._key(inputs)
        if (known := self._known(key)) is not None:
            return known
        retry = self._policy.retry or _NEVER_AGAIN
        delays = retry.delays()
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._kept(key, await self._attempt_async(copied(inputs)))
            except Exception as error:  # noqa: BLE001 - components raise anything
                delay = next(delays, None) if isinstance(error, retry.on) else None
                if delay is None or isinstance(error, BreakpointException):
                    return self._failed(error, attempt, inputs)
                self._announce(error, attempt, delay)
                await asyncio.sleep(delay)

    # ---- one attempt -------------------------------------------------------------------------------------------------

    def _attempt(self, inputs: dict[str, Any]) -> Any:
        timeout = self._policy.timeout
        if timeout is None:
            return self._instance.run(**inputs)
        future = _in_thread(self._instance.run, inputs, self._name)
        try:
            error = future.exception(timeout)
        except TimeoutError:
            raise self._late(timeout) from None
        if error is not None:
            raise error
        return future.result()

    async def _attempt_async(self, inputs: dict[str, Any]) -> Any:
        import asyncio

        timeout = self._policy.timeout
        if timeout is None:
            return await self._instance.run_async(**inputs)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await self._instance.run_async(**inputs)
        except TimeoutError:
            if limit.expired():
                raise self._late(timeout) from None
            raise

    def _late(self, timeout: float) -> ComponentTimeout:
        return ComponentTimeout(
            f"Component '{self._name}' did not end within its timeout of {timeout:g} seconds. "
            "Give its policy more time, or see what it waits for."
        )

    def _announce(self, error: Exception, attempt: int, delay: float) -> None:
        logger.warning(
            "Component '%s' failed at attempt %d with %s: %s. It is tried again in %.3g seconds.",
            self._name,
            attempt,
            type(error).__name__,
            error,
            delay,
        )

    def _failed(self, error: Exception, attempts: int, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return a failure as the error output, or raise it."""
        if self._policy.error_output is None or isinstance(error, BreakpointException):
            if attempts > 1:
                error.add_note(f"Component '{self._name}' was tried {attempts} times.")
            raise error
        failure = ComponentFailure(self._name, type(error).__name__, str(error), attempts, inputs, error)
        return {self._policy.error_output: failure}

    # ---- the cache ---------------------------------------------------------------------------------------------------

    def _key(self, inputs: dict[str, Any]) -> str | None:
        """Return what the outputs are kept under, or None if they are not to be kept."""
        if self._policy.cache is None or self._identity is None:
            return None
        try:
            instance = self._instance
            functions = (instance.run, getattr(instance, "run_async", None), getattr(instance, "function", None))
            codes = [code_of(own) for own in functions]
            return fingerprint([self._identity(), codes, sorted(inputs.items())])
        except (NoFingerprint, SerializationError) as error:
            self._tell("runs uncached: %s", str(error))
            return None

    def _known(self, key: str | None) -> dict[str, Any] | None:
        return None if key is None or self._policy.cache is None else self._policy.cache.get(key)

    def _kept(self, key: str | None, outputs: Any) -> Any:
        if key is not None and self._policy.cache is not None and isinstance(outputs, Mapping):
            self._policy.cache.put(key, outputs)
            if not self._told and self._known(key) is None:
                self._tell("runs uncached: %s did not keep what it returned.", type(self._policy.cache).__name__)
        return outputs

    def _tell(self, message: str, *what: str) -> None:
        """Warn of a cache that cannot apply, once, since it would be said at each run."""
        if message not in self._told:
            self._told.add(message)
            logger.warning(f"Component '%s' {message}", self._name, *what)  # noqa: G004 - one of two constants


def _in_thread(run: Call, inputs: dict[str, Any], name: str) -> Future[Any]:
    """Call a component in a thread of its own, which no end of the program waits for."""
    from concurrent.futures import Future

    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result = context.run(run, **inputs)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=work, name=f"dtlpipe-component-{name}", daemon=True).start()
    return future
