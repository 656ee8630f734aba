"""What wrappers take from hayhooks first of all: the base class, the log, a stream of events."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any, NoReturn

__all__ = ["BasePipelineWrapper", "SSEStream", "create_app", "log", "run_app"]


class BasePipelineWrapper(ABC):
    """The base of wrappers. `setup` is called once; at least one of the run methods is a wrapper's own."""

    skip_mcp: bool = False
    skip_a2a: bool = False
    a2a_card: dict[str, Any] | None = None
    durable_revision: str | None = None
    durable_resume_model: type[Any] | None = None
    deployment_type: str | None = None

    def __init__(self) -> None:
        self.pipeline: Any = None

    @abstractmethod
    def setup(self) -> None:
        """Make `self.pipeline`, and whatever else the run methods need."""

    def run_api(self) -> Any:
        raise NotImplementedError("run_api not implemented")

    async def run_api_async(self) -> Any:
        raise NotImplementedError("run_api_async not implemented")

    def run_chat_completion(self, model: str, messages: list[dict[str, Any]], body: dict[str, Any]) -> Any:
        raise NotImplementedError("run_chat_completion not implemented")

    async def run_chat_completion_async(self, model: str, messages: list[dict[str, Any]], body: dict[str, Any]) -> Any:
        raise NotImplementedError("run_chat_completion_async not implemented")

    def run_response(self, model: str, input_items: list[dict[str, Any]], body: dict[str, Any]) -> Any:
        raise NotImplementedError("run_response not implemented")

    async def run_response_async(self, model: str, input_items: list[dict[str, Any]], body: dict[str, Any]) -> Any:
        raise NotImplementedError("run_response_async not implemented")

    def run_file_upload(self, filename: str | None, content_type: str | None, content: bytes, purpose: str) -> Any:
        raise NotImplementedError("run_file_upload not implemented")


class SSEStream:
    """Marks a generator whose pieces are to be server-sent events."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream


class _Log:
    """A logger that takes what loguru's takes: `{}` in messages, and anything that can be shown as the message."""

    def __init__(self, logger: logging.Logger, extra: dict[str, Any] | None = None, exc_info: Any = None) -> None:
        self._logger, self._extra, self._exc_info = logger, extra or {}, exc_info

    def _say(self, level: int, message: Any, *args: Any, **named: Any) -> None:
        if not self._logger.isEnabledFor(level):
            return
        text = str(message)
        if (args or named) and isinstance(message, str):
            text = text.format(*args, **named)
        if self._extra:
            text = f"{text} | {' '.join(f'{key}={value!r}' for key, value in self._extra.items())}"
        self._logger.log(level, "%s", text, exc_info=self._exc_info)

    def trace(self, message: Any, *args: Any, **named: Any) -> None:
        self._say(5, message, *args, **named)

    def debug(self, message: Any, *args: Any, **named: Any) -> None:
        self._say(logging.DEBUG, message, *args, **named)

    def info(self, message: Any, *args: Any, **named: Any) -> None:
        self._say(logging.INFO, message, *args, **named)

    def success(self, message: Any, *args: Any, **named: Any) -> None:
        self._say(logging.INFO, message, *args, **named)

    def warning(self, message: Any, *args: Any, **named: Any) -> None:
        self._say(logging.WARNING, message, *args, **named)

    def error(self, message: Any, *args: Any, **named: Any) -> None:
        self._say(logging.ERROR, message, *args, **named)

    def critical(self, message: Any, *args: Any, **named: Any) -> None:
        self._say(logging.CRITICAL, message, *args, **named)

    def exception(self, message: Any, *args: Any, **named: Any) -> None:
        _Log(self._logger, self._extra, exc_info=True).error(message, *args, **named)

    def bind(self, **extra: Any) -> _Log:
        return _Log(self._logger, {**self._extra, **extra}, self._exc_info)

    def opt(self, *, exception: Any = None, **_: Any) -> _Log:
        return _Log(self._logger, self._extra, exception)


log = _Log(logging.getLogger("hayhooks"))


def create_app(*_: Any, **__: Any) -> NoReturn:
    """Refuse: the platform serves."""
    raise RuntimeError("this is dtlpipe's stand-in for hayhooks; serve with: dtlpipe serve run")


run_app = create_app
