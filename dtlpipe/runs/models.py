"""What the run service tells and is told, typed: progress, checkpoints, lines. Shapes are those of its wire."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, SupportsIndex, overload

from dtlpipe.model.action_runs import ActionStatus, LogLevel, RunStatus

__all__ = [
    "ActionProgress",
    "ActionStatus",
    "Actions",
    "Checkpoint",
    "LogEntry",
    "LogLevel",
    "PipelineProgress",
    "RunStatus",
]


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


@dataclass
class ActionProgress:
    """How far one action is: `progress` from 0 to 1, or, where `total` is given, as a count of it.

    The service keeps it as a part of 1 in any case, and that is what it tells.
    """

    name: str
    status: ActionStatus | str = ActionStatus.PENDING
    progress: float = 0.0
    progress_category: str | None = None
    message: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None
    total: float | None = None

    def __post_init__(self) -> None:
        if self.status in list(ActionStatus):
            self.status = ActionStatus(self.status)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        found = {name: _text(getattr(self, name)) for name in _ACTION if name != "total"}
        found["status"] = str(self.status)
        return found if self.total is None else {**found, "total": self.total}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; keys that are not known are passed over."""
        given = {name: data[name] for name in _ACTION if data.get(name) is not None}
        for name in ("started_at", "completed_at"):
            given[name] = _time(given.get(name))
        return cls(**given)


_ACTION = (
    "name",
    "status",
    "progress",
    "progress_category",
    "message",
    "metrics",
    "started_at",
    "completed_at",
    "error",
    "total",
)


class Actions(list[ActionProgress]):
    """The actions of a run in order, which are found by their names as well: `actions[0]`, `actions["train"]`."""

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> ActionProgress: ...
    @overload
    def __getitem__(self, key: slice) -> list[ActionProgress]: ...
    def __getitem__(self, key: SupportsIndex | str | slice) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        for each in self:
            if each.name == key:
                return each
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(each.name == key for each in self) if isinstance(key, str) else super().__contains__(key)

    def _by_name(self) -> dict[str, ActionProgress]:
        return {each.name: each for each in self}

    def get(self, name: str, default: ActionProgress | None = None) -> ActionProgress | None:
        """The action of that name."""
        return self._by_name().get(name, default)

    def keys(self) -> KeysView[str]:
        return self._by_name().keys()

    def values(self) -> ValuesView[ActionProgress]:
        return self._by_name().values()

    def items(self) -> ItemsView[str, ActionProgress]:
        return self._by_name().items()


@dataclass
class PipelineProgress:
    """How far a run is."""

    run_id: str
    pipeline_id: str = ""
    status: RunStatus = RunStatus.PENDING
    current_action: str | None = None
    current_action_index: int = 0
    actions: Actions = field(default_factory=Actions)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        self.status = RunStatus(self.status)
        given: Any = self.actions
        if not isinstance(given, Actions):
            self.actions = Actions(given.values() if isinstance(given, Mapping) else given)

    @property
    def overall_progress(self) -> float:
        """From 0 to 1, of all actions."""
        return sum(each.progress for each in self.actions) / len(self.actions) if self.actions else 0.0

    @property
    def completed_actions(self) -> int:
        return sum(each.status == ActionStatus.COMPLETED for each in self.actions)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "run_id": self.run_id,
            "pipeline_id": self.pipeline_id,
            "status": str(self.status),
            "current_action": self.current_action,
            "current_action_index": self.current_action_index,
            "progress": [each.to_dict() for each in self.actions],
            "overall_progress": self.overall_progress,
            "completed_actions": self.completed_actions,
            "total_actions": len(self.actions),
            "started_at": _text(self.started_at),
            "completed_at": _text(self.completed_at),
            "error": self.error,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From JSON as the service tells it."""
        actions: Iterable[Mapping[str, Any]] = data.get("progress") or ()
        return cls(
            run_id=data["run_id"],
            pipeline_id=data.get("pipeline_id") or "",
            status=RunStatus(data.get("status") or "pending"),
            current_action=data.get("current_action"),
            current_action_index=data.get("current_action_index") or 0,
            actions=Actions(ActionProgress.from_dict(each) for each in actions),
            started_at=_time(data.get("started_at")),
            completed_at=_time(data.get("completed_at")),
            error=data.get("error"),
        )


class Checkpoint(dict[str, Any]):
    """What was kept after an action: a dict as the service tells it, whose keys are attributes, too."""

    id: str
    run_id: str
    action_name: str
    action_index: int
    status: str
    params_snapshot: dict[str, Any] | None
    result: dict[str, Any] | None
    artifacts_path: str | None
    created_at: str

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass
class LogEntry:
    """A line that is to be told."""

    message: str
    level: LogLevel | str = LogLevel.INFO
    action_name: str | None = None
    timestamp: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        found = {"message": self.message, "level": str(self.level), "action_name": self.action_name}
        return found if self.timestamp is None else {**found, "timestamp": self.timestamp.isoformat()}
