"""`dl.exceptions`: every error of dtlpipe, by its own name, and the names that the field's SDK gives its own.

try:
    pipeline.execute(execution_input={"item": item_id})
except dl.exceptions.PipelineError as error:
    print(error.node, error.remote_traceback, error.hint)
"""

from __future__ import annotations

from dtlpipe import errors
from dtlpipe.errors import (
    BadRequest,
    CodeNotShippable,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    DtlpipeError,
    EntityPrintError,
    ExceptionMain,
    ExportAnnotationError,
    FailedDependency,
    Forbidden,
    InsufficientStorage,
    InternalServerError,
    MissingEntity,
    NotAnItemPath,
    NotFound,
    NotSupported,
    PayloadTooLarge,
    PipelineError,
    PlatformException,
    RequestTimeout,
    RunFailed,
    SDKError,
    ShowAnnotationError,
    TokenExpired,
    TooManyRequests,
    TransferFailed,
    Unauthorized,
    Unavailable,
    UnknownException,
    UnprocessableEntity,
    WaitTimeout,
)

globals().update({cls.__name__: cls for cls in errors.PIPELINE_BY_STATUS.values()})  # PipelineBadRequest, ...

__all__ = [
    "BadRequest",
    "CodeNotShippable",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "DtlpipeError",
    "EntityPrintError",
    "ExceptionMain",
    "ExportAnnotationError",
    "FailedDependency",
    "Forbidden",
    "InsufficientStorage",
    "InternalServerError",
    "MissingEntity",
    "NotAnItemPath",
    "NotFound",
    "NotSupported",
    "PayloadTooLarge",
    "PipelineError",
    "PlatformException",
    "RequestTimeout",
    "RunFailed",
    "SDKError",
    "ShowAnnotationError",
    "TokenExpired",
    "TooManyRequests",
    "TransferFailed",
    "Unauthorized",
    "Unavailable",
    "UnknownException",
    "UnprocessableEntity",
    "WaitTimeout",
]
