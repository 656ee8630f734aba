"""Bodies and parameters: what comes in is checked here, and refused with 422 and the faults, as the original does."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar

import orjson
from flask import request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from dtlpipe.errors import UnprocessableEntity
from dtlpipe.model.action_runs import ActionStatus, LogLevel, RunStatus
from mock_server.platform import json_text
from mock_server.platform.actions.progress import naive

Model = TypeVar("Model", bound=BaseModel)


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text without NUL characters is needed here")
    return text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("a time between the years 1 and 9999 is needed here, in UTC") from None


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_no_nul)]
Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_no_nul)]
#: Naive ones are UTC, and so they are all told.
Time = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(naive, when_used="json")]
#: What is written may have any characters in it; the one that stores cannot keep is replaced.
Line = Annotated[str, AfterValidator(lambda text: text.replace("\0", "\ufffd"))]


class _Body(BaseModel):
    """What is never asked for is never built, which takes longest."""

    model_config = ConfigDict(defer_build=True)


class Action(_Body):
    """One action of a pipeline. The last four are ours: seconds, tries, bytes, and code that came along."""

    name: Name
    entrypoint: Text
    description: Text | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    memory_limit: Annotated[int, Field(ge=1)] | None = None
    code: dict[str, Any] | None = None

    def to_stored(self) -> dict[str, Any]:
        """As it is kept: what is ours only if it was said."""
        return {"name": self.name, "entrypoint": self.entrypoint, **self.model_dump(exclude_none=True)}


class NewPipeline(_Body):
    """The body of POST /pipelines/."""

    name: Name
    actions: list[Action]
    description: Text | None = None


class PipelineChange(_Body):
    """The body of PUT /pipelines/{id}."""

    name: Name | None = None
    actions: list[Action] | None = None
    description: Text | None = None


class Again(_Body):
    """The body of POST /runs/{id}/resume: ours."""

    params: dict[str, Any] | None = None
    params_policy: Literal["snapshot", "merge"] = "snapshot"
    work_dir: Text | None = None
    execute: bool | None = None


class NewRun(Again):
    """The body of POST /pipelines/{id}/runs/; the original knows `params` and `work_dir`."""

    resume_from: Text | None = None


class Progress(_Body):
    """What is told of an action. Whole numbers are counted against `total`, if there is one; others are parts of 1."""

    name: Name
    status: ActionStatus = ActionStatus.PENDING
    progress: Annotated[float, Field(ge=0, le=1)] = 0.0
    progress_category: Text | None = None
    progress_step: Text | None = None
    message: Text | None = None
    metrics: dict[str, Any] | None = None
    started_at: Time | None = None
    completed_at: Time | None = None
    error: Text | None = None
    total: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_total(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        total, done = data.get("total"), data.get("progress")
        if (
            isinstance(total, int | float)
            and isinstance(done, int | float)
            and not isinstance(done, bool)
            and total > 0
        ):
            counted = isinstance(done, int) or done > 1
            return {**data, "progress": done / total} if counted else data
        return data


class Report(_Body):
    """The body of POST /runs/{id}/progress."""

    current_action: Text | None = None
    current_action_index: int | None = None
    status: RunStatus | None = None
    action_progress: Progress | None = None
    error: Text | None = None


class RunChange(_Body):
    """The body of PATCH /runs/{id}."""

    status: RunStatus | None = None
    result: dict[str, Any] | None = None
    error: Text | None = None
    current_action: Text | None = None
    current_action_index: int | None = None
    progress: list[Progress] | None = None
    started_at: Time | None = None
    completed_at: Time | None = None


class NewCheckpoint(_Body):
    """The body of POST /runs/{id}/checkpoints/."""

    action_name: Name
    action_index: int
    status: ActionStatus = ActionStatus.COMPLETED
    params_snapshot: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    artifacts_path: Text | None = None


class Entry(_Body):
    """One line of a log."""

    message: Line
    level: Annotated[LogLevel, BeforeValidator(_lower)] = LogLevel.INFO
    action_name: Text | None = None
    timestamp: Time | None = None


class Entries(_Body):
    """The body of POST /runs/{id}/logs/."""

    entries: list[Entry]


class Root(_Body):
    """The body of POST /code-roots/: ours."""

    path: Text


def body(model: type[Model], *, empty: bool = False) -> Model:
    """The JSON body of the request; with `empty`, none means `{}`."""
    return read(model, request.get_data(cache=False), empty=empty)


def read(model: type[Model], raw: bytes, *, empty: bool = False) -> Model:
    """A JSON body. Raises UnprocessableEntity with what is wrong with it."""
    if not raw.strip():
        if not empty:
            raise _refusal([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}])
        raw = b"{}"
    try:
        data = json_text.parse(raw)
    except ValueError as error:
        said = error.msg if isinstance(error, orjson.JSONDecodeError) else str(error)
        place = error.pos if isinstance(error, orjson.JSONDecodeError) else 0
        fault = {"type": "json_invalid", "loc": ["body", place], "msg": "JSON decode error", "input": {}}
        raise _refusal([fault | {"ctx": {"error": said}}]) from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _refusal(_faults(error, "body")) from None


def given(model: BaseModel) -> dict[str, Any]:
    """What a body said, as JSON data; times in it are text."""
    return model.model_dump(mode="json", exclude_unset=True)


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def parameter(name: str, kind: Any, default: Any) -> Any:
    """A parameter of the URL."""
    text = request.args.get(name)
    if text is None:
        return default
    try:
        return _adapter(kind).validate_python(text)
    except ValidationError as error:
        raise _refusal(_faults(error, "query", name)) from None


_SKIP = Annotated[int, Field(ge=0, le=10**9)]
_LIMIT = Annotated[int, Field(ge=0, le=10**6)]


def window() -> tuple[int, int]:
    """`skip` and `limit` of a list."""
    return parameter("skip", _SKIP, 0), parameter("limit", _LIMIT, 100)


def _faults(error: ValidationError, *where: str) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = []
    for each in error.errors(include_url=False):
        fault: dict[str, Any] = {
            "type": each["type"],
            "loc": [*where, *each["loc"]],
            "msg": each["msg"],
            "input": each["input"],
        }
        if "ctx" in each:
            fault["ctx"] = {
                key: str(value) if isinstance(value, Exception) else value for key, value in each["ctx"].items()
            }
        faults.append(fault)
    return faults


def _refusal(faults: list[dict[str, Any]]) -> UnprocessableEntity:
    return UnprocessableEntity("; ".join(str(each["msg"]) for each in faults), errors=faults)
