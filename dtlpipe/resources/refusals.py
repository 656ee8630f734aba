"""Refused pipeline actions, as `PipelineError`s that are still the errors of their status."""

from __future__ import annotations

from dtlpipe.errors import PlatformException, pipeline_error
from dtlpipe.sansio.effects import Op, Request, Response


def acting(request: Request) -> Op[Response]:
    """Performs a pipeline action.

    Raises:
        PipelineError: the platform refused it (a status from 400 to 499). It is an instance of the status's class too,
            so that `except NotFound` and `except PipelineError` both take it.
    """
    try:
        response: Response = yield request
    except PlatformException as error:
        if 400 <= error.status < 500:
            raise pipeline_error(error) from error
        raise
    return response
