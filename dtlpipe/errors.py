"""Every error of dtlpipe, in one tree, with the one table between HTTP statuses and classes.

    DtlpipeError
    ├── PlatformException                   a platform answered with an error (alias: ExceptionMain)
    │   ├── BadRequest                      400
    │   ├── Unauthorized                    401
    │   │   └── TokenExpired                600, found by the client itself
    │   ├── Forbidden                       403
    │   ├── NotFound                        404
    │   ├── RequestTimeout                  408
    │   ├── Conflict                        409
    │   ├── PayloadTooLarge                 413
    │   ├── UnprocessableEntity             422
    │   ├── FailedDependency                424
    │   ├── TooManyRequests                 429
    │   ├── InternalServerError             500
    │   ├── NotSupported                    501
    │   ├── Unavailable                     503
    │   ├── InsufficientStorage             507
    │   └── UnknownException                any other status
    ├── PipelineError                       a pipeline action was refused, or a run failed
    │   ├── RunFailed                       the run ended in failure: node, remote traceback and hint are set
    │   └── PipelineBadRequest, ...         also a BadRequest, ...: one class for each status above
    ├── ConnectionFailed                    no platform answered at the address (also a ConnectionError)
    ├── WaitTimeout                         `wait(timeout=...)` ended before the work did (also a TimeoutError)
    ├── CodeNotShippable                    a function cannot travel to the platform (also a ValueError)
    ├── NotAnItemPath, ConfigurationError   wrong local input (also ValueErrors)
    ├── TransferFailed                      some files of many could not be uploaded or downloaded
    └── SDKError                            a client-side refusal that the field's SDK numbers
        ├── ShowAnnotationError             1001  (never raised here: for code that names it)
        ├── ExportAnnotationError           1002  (never raised here)
        ├── MissingEntity                   2001
        └── EntityPrintError                3002  (never raised here)

The client raises these for a status, the platform raises them to make a status: both read `BY_STATUS`.
Names of the field's own SDK are kept, so `except dl.exceptions.NotFound` needs no change.
"""

from __future__ import annotations

from typing import Any, ClassVar


class StatusCode(str):
    """An HTTP status that compares equal to its text and to its number: `'404' == code == 404`."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, str(other)) if isinstance(other, (str, int)) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)


class DtlpipeError(Exception):
    """The root: whatever dtlpipe raises on purpose is one of these."""

    def __init__(self, message: str = "", *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} (hint: {self.hint})" if self.hint else self.message


class PlatformException(DtlpipeError):
    """A platform answered with an error.

    Attributes:
        status: the HTTP status, an int; `status_code` is the same, comparing equal to text and number.
        request_id: the platform's name for the request, to find it in its log.
        retry_after: seconds to wait before trying again, if the platform said so.
        errors: field errors as `[{"path": ["nodes", 0, "name"], "message": ...}]`, if any.
        hint: what to do next, if known.
        node, port: where in a pipeline, if it concerns one.
    """

    STATUS: ClassVar[int] = 0

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        errors: list[dict[str, Any]] | None = None,
        hint: str | None = None,
        node: str | None = None,
        port: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = self.STATUS if status is None else status
        self.request_id = request_id
        self.retry_after = retry_after
        self.errors = errors or []
        self.node = node
        self.port = port

    @property
    def status_code(self) -> StatusCode:
        return StatusCode(self.status)

    def __str__(self) -> str:
        text = f"{self.status}: {self.message}"
        for error in self.errors:
            text += (
                f"\n  at {'.'.join(str(step) for step in error.get('path', ())) or 'the body'}: {error.get('message')}"
            )
        if self.hint:
            text += f"\n  hint: {self.hint}"
        return text


class BadRequest(PlatformException):
    """The request is wrong; the message says where."""

    STATUS = 400


class Unauthorized(PlatformException):
    """The platform does not know who is asking: log in."""

    STATUS = 401


class TokenExpired(Unauthorized):
    """The token is over and could not be renewed."""

    STATUS = 600


class Forbidden(PlatformException):
    """Known, but not allowed."""

    STATUS = 403


class NotFound(PlatformException):
    """There is no such thing, or it may not be seen."""

    STATUS = 404


class RequestTimeout(PlatformException):
    """The platform gave up waiting for the request."""

    STATUS = 408


class Conflict(PlatformException):
    """It contradicts what is there, such as a name that is taken."""

    STATUS = 409


class PayloadTooLarge(PlatformException):
    """More bytes than the platform takes."""

    STATUS = 413


class UnprocessableEntity(PlatformException):
    """Well-formed, but not possible; `errors` says where."""

    STATUS = 422


class FailedDependency(PlatformException):
    """Something that it depends on failed."""

    STATUS = 424


class TooManyRequests(PlatformException):
    """Too many requests; `retry_after` says for how long."""

    STATUS = 429


class InternalServerError(PlatformException):
    """The platform failed."""

    STATUS = 500


class NotSupported(PlatformException):
    """The platform does not do that."""

    STATUS = 501


class Unavailable(PlatformException):
    """The platform is busy or going down."""

    STATUS = 503


class InsufficientStorage(PlatformException):
    """The platform has no room left."""

    STATUS = 507


class UnknownException(PlatformException):
    """A status that has no class of its own."""


class PipelineError(DtlpipeError):
    """A pipeline action was refused, or its run failed.

    Attributes:
        node: the node's name, if one is to blame.
        remote_traceback: the node code's own traceback, as text, if it raised.
        hint: what to do next.
        execution: the failed run or node execution, if there is one.
    """

    def __init__(
        self,
        message: str = "",
        *,
        node: str | None = None,
        remote_traceback: str | None = None,
        hint: str | None = None,
        execution: Any = None,
        **context: Any,
    ) -> None:
        super().__init__(message, hint=hint, **context)
        self.node = node
        self.remote_traceback = remote_traceback
        self.execution = execution

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\n\nRemote traceback:\n{self.remote_traceback}" if self.remote_traceback else text


class RunFailed(PipelineError):
    """A run ended without success."""


class ConnectionFailed(DtlpipeError, ConnectionError):
    """No platform answered at the address; the message says which, and how to start one."""


class WaitTimeout(DtlpipeError, TimeoutError):
    """The work was not over within the timeout; it goes on, and may be waited for again."""


class CodeNotShippable(DtlpipeError, ValueError):
    """A function cannot travel to another process; the message names what stands in the way."""


class ConfigurationError(DtlpipeError, ValueError):
    """The client was told something that does not work together; the message says what."""


class NotAnItemPath(DtlpipeError, ValueError):
    """A local or remote path that cannot be an item."""


class TransferFailed(DtlpipeError):
    """Some files of many could not be uploaded or downloaded.

    Attributes:
        failures: the error of each file that failed, by its name.
        done: what was made of the others, in order.
    """

    SHOWN: ClassVar[int] = 10

    def __init__(self, message: str, failures: dict[str, Exception], done: list[Any]) -> None:
        shown = [f"  {name}: {type(error).__name__}: {error}" for name, error in list(failures.items())[: self.SHOWN]]
        if len(failures) > self.SHOWN:
            shown.append(f"  and {len(failures) - self.SHOWN} more, all in `failures`")
        super().__init__("\n".join([message, *shown]))
        self.failures = failures
        self.done = done

    def __reduce__(self) -> Any:
        return type(self), (self.message.partition("\n")[0], self.failures, self.done)


class SDKError(DtlpipeError):
    """A client-side refusal that the field's SDK numbers from 1000 up."""


class ShowAnnotationError(SDKError):
    """1001 of the field's SDK. There is nothing here that draws; code that names it works."""


class ExportAnnotationError(SDKError):
    """1002 of the field's SDK. There is nothing here that draws; code that names it works."""


class EntityPrintError(SDKError):
    """3002 of the field's SDK. Nothing raises it here; code that names it works."""


class MissingEntity(SDKError):
    """2001: an object lacks the entity that a verb needs."""


BY_STATUS: dict[int, type[PlatformException]] = {
    cls.STATUS: cls
    for cls in (
        BadRequest,
        Unauthorized,
        TokenExpired,
        Forbidden,
        NotFound,
        RequestTimeout,
        Conflict,
        PayloadTooLarge,
        UnprocessableEntity,
        FailedDependency,
        TooManyRequests,
        InternalServerError,
        NotSupported,
        Unavailable,
        InsufficientStorage,
    )
}

#: For each status, the class that is both a PipelineError and the status's own error.
PIPELINE_BY_STATUS: dict[int, type[PipelineError]] = {
    status: type(
        f"Pipeline{cls.__name__}", (PipelineError, cls), {"__doc__": f"A pipeline action was refused with {status}."}
    )
    for status, cls in {**BY_STATUS, 0: UnknownException}.items()
}
globals().update({cls.__name__: cls for cls in PIPELINE_BY_STATUS.values()})  # so that they can be pickled by name

ExceptionMain = PlatformException


def from_status(status: int, message: str, **context: Any) -> PlatformException:
    """The error for an answer: `BY_STATUS`' class, or UnknownException carrying the status."""
    return BY_STATUS.get(status, UnknownException)(message, status=status, **context)


def pipeline_error(error: PlatformException) -> PipelineError:
    """The same refusal as a PipelineError that is still an instance of its status's class."""
    cls = PIPELINE_BY_STATUS.get(error.status, PIPELINE_BY_STATUS[0])
    return cls(
        error.message,
        node=error.node,
        hint=error.hint,
        status=error.status,
        request_id=error.request_id,
        retry_after=error.retry_after,
        errors=error.errors,
        port=error.port,
    )
