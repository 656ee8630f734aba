"""What an action is: a class with `run` or `execute`, or a function of (params, context).

`BaseAction` helps to write one:

class TrainParams(BaseModel):
    epochs: int = 10

class TrainAction(BaseAction[TrainParams]):
    def execute(self):
        for epoch in range(self.params.epochs):
            self.set_progress(epoch + 1, self.params.epochs, "train")
        return {"loss": 0.1}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    import logging

    from dtlpipe.runs.context import RunContext

P = TypeVar("P", bound=BaseModel)
F = TypeVar("F", bound=Callable[..., Any])

#: Actions that `@action` has registered in this process, by their entrypoints.
REGISTERED: dict[str, Any] = {}


class NoResult:
    """Stands for: the result is not validated."""


class BaseAction(Generic[P]):
    """Base of actions with typed parameters; `params` are validated before it is made.

    Attributes:
        action_name, category: what it is called.
        params_model: the pydantic model of its parameters, taken from `BaseAction[Model]`.
        result_model: the pydantic model of its result; one that does not fit is told of in the log.
        input_type, output_type: what it takes and gives, for those who check pipelines.
    """

    action_name: ClassVar[str | None] = None
    category: ClassVar[Any] = None
    input_type: ClassVar[Any] = None
    output_type: ClassVar[Any] = None
    params_model: ClassVar[type[BaseModel] | None] = None
    result_model: ClassVar[Any] = NoResult

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, BaseAction):
                for each in get_args(base):
                    if isinstance(each, type) and issubclass(each, BaseModel) and "params_model" not in vars(cls):
                        cls.params_model = each

    def __init__(self, params: P, ctx: RunContext) -> None:
        self.params = params
        self.ctx = ctx

    @property
    def logger(self) -> logging.Logger:
        return self.ctx.logger

    def log(self, event: str, data: Mapping[str, Any] | None = None, file: str | None = None) -> None:
        """A line about something that happened."""
        self.ctx.log(event, data, file)

    def log_message(self, message: str, level: str = "info") -> None:
        """A line for people."""
        self.ctx.log_message(message, level)

    def set_progress(
        self, current: float, total: float, category: str | None = None, *, step: str | None = None
    ) -> None:
        """So much of so much is done, of a category (later versions of the original call it a step)."""
        self.ctx.set_progress(current, total, category, step=step)

    def set_metrics(self, value: Mapping[str, Any], category: str | None = None, *, step: str | None = None) -> None:
        """Numbers that are shown beside the progress."""
        self.ctx.set_metrics(value, category, step=step)

    def log_metric(self, category: str, key: str, value: float, **metrics: Any) -> None:
        """As `set_metrics`, of one number and what belongs to it."""
        self.ctx.log_metric(category, key, value, **metrics)

    def execute(self) -> Any:
        """Does it; returns a model, a dict or None."""
        raise NotImplementedError(f"{type(self).__name__} has neither run() nor execute()")


def action(
    name: str | Callable[..., Any] | None = None,
    description: str = "",
    params: type[BaseModel] | None = None,
    result: type[BaseModel] | None = None,
    category: Any = None,
) -> Any:
    """Registers a class or function of this process as an action, so that its code travels with pipelines that name it.

    Used as `@action` or as `@action(name=..., params=Model, result=Model)`.
    """

    def register(thing: Any) -> Any:
        given = name if isinstance(name, str) else None
        told = {"name": given or getattr(thing, "action_name", None) or thing.__name__, "description": description}
        for key, value in {**told, "params": params, "result": result, "category": category}.items():
            setattr(thing, f"_action_{key}", value)
        setattr(thing, "_is_action", True)  # noqa: B010 - as the original marks them
        REGISTERED[f"{thing.__module__}.{thing.__qualname__}"] = thing
        return thing

    return register(name) if callable(name) and not isinstance(name, str) else register
