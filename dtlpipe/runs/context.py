"""What an action is given beside its parameters: where it may write, and whom it tells how far it is."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Seconds between two reports of progress; what comes in between is told with the next.
INTERVAL = 0.1

_LEVELS = {
    "debug": logging.DEBUG,
    "warning": logging.WARNING,
    "danger": logging.ERROR,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


class RunContext:
    """`ctx` of an action.

    Attributes:
        run_id, pipeline_id, action_name, action_index, attempt: where it is.
        client: a client of the original's backend, which there is none of here: None.
        params: all parameters that have come together so far, as JSON data.
        work_dir: the run's folder, which its actions share and which stays.
        last_checkpoint: what `checkpoint` was told last, by an earlier try of this action; None on the first.
        artifacts_path: what the action's checkpoint shall name; without it, `action_dir` if anything is in there.
    """

    def __init__(self, params: Mapping[str, Any], action: Mapping[str, Any], progress: Any, work_dir: Path) -> None:
        self.params = dict(params)
        self.client: Any = None
        self.run_id: str = action.get("run_id") or ""
        self.pipeline_id: str = action.get("pipeline_id") or ""
        self.action_name: str = action["name"]
        self.action_index: int = action.get("index") or 0
        self.attempt: int = action.get("attempt") or 1
        self.work_dir = work_dir
        self.last_checkpoint: dict[str, Any] | None = action.get("checkpoint")
        self.artifacts_path: str | Path | None = None
        self.logger = logging.getLogger(f"dtlpipe.runs.{self.action_name}")
        self._progress = progress
        self._pending: dict[str, Any] = {}
        self._metrics: dict[str, Any] = {}
        self._told = float("-inf")

    # --- folders ------------------------------------------------------------------------------------------------------

    def _folder(self, *names: str) -> Path:
        path = self.work_dir.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def datasets_dir(self) -> Path:
        return self._folder("datasets")

    @property
    def models_dir(self) -> Path:
        return self._folder("models")

    @property
    def artifacts_dir(self) -> Path:
        return self._folder("artifacts")

    @property
    def logs_dir(self) -> Path:
        return self._folder("logs")

    @property
    def checkpoints_dir(self) -> Path:
        return self._folder("checkpoints")

    @property
    def action_dir(self) -> Path:
        """This action's own folder."""
        return self._folder("actions", self.action_name.replace("/", "_"))

    # --- telling ------------------------------------------------------------------------------------------------------

    def set_progress(
        self, current: float, total: float, category: str | None = None, *, step: str | None = None
    ) -> None:
        """So much of so much is done; at most ten times a second are told, and the last in any case.

        `step` is what later versions of the original call the category.
        """
        category = step or category
        share = min(max(current / total, 0.0), 1.0) if total else 0.0
        self._pending |= {"progress": share, "message": f"{current:g}/{total:g}", "total": total}
        if category is not None:
            self._pending["progress_category"] = category
        self._tell(now=share >= 1.0)

    def set_metrics(self, value: Mapping[str, Any], category: str | None = None, *, step: str | None = None) -> None:
        """Numbers that are shown beside the progress. Later ones are laid over earlier ones; nan and inf are null."""
        category = step or category
        self._metrics |= _json(value)
        self._pending["metrics"] = self._metrics
        if category is not None:
            self._pending.setdefault("progress_category", category)
        self._tell()

    def log_metric(self, category: str, key: str, value: float, **metrics: Any) -> None:
        """As `set_metrics`, of one number and what belongs to it."""
        self.set_metrics({key: value, **metrics}, category)

    def log(
        self, event: str, data: Mapping[str, Any] | None = None, file: str | None = None, level: str = "info"
    ) -> None:
        """A line about something that happened. Levels are those of lines; two of them are told as others."""
        more = " ".join(str(each) for each in (dict(data) if data else None, file) if each)
        name = str(level).rpartition(".")[2].lower()
        self.logger.log(_LEVELS.get(name, logging.INFO), f"{event} {more}".rstrip())

    def log_message(self, message: str, level: str = "info") -> None:
        """A line for people."""
        self.log(message, level=level)

    def checkpoint(self, result: Mapping[str, Any] | None = None, artifacts_path: str | Path | None = None) -> None:
        """Keeps how far this action is: if its process ends, the next try finds it as `last_checkpoint`."""
        plain = None if result is None else _json(result)
        self._pending["checkpoint"] = {"result": plain, "artifacts_path": artifacts_path and str(artifacts_path)}
        self._tell(now=True)

    def flush(self) -> None:
        """Tells what has not been told yet."""
        if self._pending:
            self._tell(now=True)

    def _tell(self, *, now: bool = False) -> None:
        moment = time.monotonic()
        if not now and moment - self._told < INTERVAL:
            return
        news, self._pending = self._pending, {}
        self._told = moment
        share = news.get("progress")
        self._progress.update(
            progress=None if share is None else share * 100.0, message=news.get("message"), output={"action": news}
        )

    # --- ending -------------------------------------------------------------------------------------------------------

    @property
    def is_cancelled(self) -> bool:
        """Whether the action is to end: for loops in other threads. In the main thread, the code is unwound."""
        from dtlpipe.runtime.service import BaseServiceRunner

        return BaseServiceRunner._terminated.is_set()  # noqa: SLF001 - its other half

    def raise_if_cancelled(self) -> None:
        """Raises InterruptedError if the action is to end."""
        if self.is_cancelled:
            raise InterruptedError("the action was asked to end")


def _json(value: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON data, which has no nan and no inf: a loss that became one is no reason to end a training."""
    found: dict[str, Any] = json.loads(json.dumps(dict(value), default=_plain), parse_constant=lambda _: None)
    return found


def _plain(value: Any) -> Any:
    from dtlpipe.runtime.results import plain

    return plain(value)
