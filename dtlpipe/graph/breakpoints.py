"""Breakpoints, and the snapshots of runs that stopped at one: nouns and files.

Law: a snapshot is plain data, and holds what `run` needs to go on exactly where the run stood. How runs are stopped and
gone on with is in `dtlpipe.graph.stopping`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from dtlpipe.graph.errors import PipelineInvalidPipelineSnapshotError
from dtlpipe.graph.serialization import files, states

__all__ = [
    "INTERNAL_INPUTS_FORMAT",
    "Breakpoint",
    "LiveValues",
    "PipelineSnapshot",
    "PipelineState",
    "SnapshotCallback",
    "load_pipeline_snapshot",
    "save_snapshot",
    "saves_files",
]

logger = logging.getLogger(__name__)

INTERNAL_INPUTS_FORMAT = "internal"
"""`PipelineState.inputs_format` of snapshots that say who sent each input; Haystack's name for it."""

SAVE_VARIABLES = ("DTLPIPE_PIPELINE_SNAPSHOT_SAVE_ENABLED", "HAYSTACK_PIPELINE_SNAPSHOT_SAVE_ENABLED")


@dataclass(frozen=True)
class Breakpoint:
    """Where a run shall stop: before this visit of this component.

    Attributes:
        component_name: the component.
        visit_count: how often it has run before, from 0.
        snapshot_file_path: the folder for a file of the snapshot. Files are written only if the environment says so:
            DTLPIPE_PIPELINE_SNAPSHOT_SAVE_ENABLED, or HAYSTACK_..., is "true" or "1".
    """

    component_name: str
    visit_count: int = 0
    snapshot_file_path: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the breakpoint as data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the breakpoint of such data."""
        return cls(**data)


@dataclass
class PipelineState:
    """What a run held when it stopped.

    Attributes:
        inputs: what waits in the sockets, as `{"serialization_schema", "serialized_data"}` around
            `{component: {socket: [{"sender": ..., "value": ...}]}}`; the user's own have no sender.
        component_visits: how often each component has run.
        pipeline_outputs: what the run has produced so far, serialized likewise.
        inputs_format: "internal"; None in old snapshots of Haystack, whose inputs are `{component: {socket: value}}`.
    """

    inputs: dict[str, Any]
    component_visits: dict[str, int]
    pipeline_outputs: dict[str, Any]
    inputs_format: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the state as data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the state of such data."""
        return cls(**data)


class LiveValues(NamedTuple):
    """The values that a snapshot was made of, beside what they were written as: good as long as that is unchanged."""

    written: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
    entries: states.Entries
    outputs: dict[str, dict[str, Any]]
    data: dict[str, dict[str, Any]]


@dataclass
class PipelineSnapshot:
    """A run that has stopped, to be gone on with by `Pipeline.run(pipeline_snapshot=...)`.

    Attributes:
        original_input_data: the inputs of the run, serialized.
        ordered_component_names: the components of the pipeline, sorted.
        pipeline_state: what the run held.
        break_point: where it stopped.
        timestamp: when (aware, UTC).
        include_outputs_from: components all of whose outputs the run shall return.
        run: what Haystack does not write: the pipeline's shape, and how far the run was beyond its values. None in
            snapshots of Haystack, which are gone on with as Haystack would.

    Raises:
        ValueError: the visits are those of other components than `ordered_component_names`.
    """

    original_input_data: dict[str, Any]
    ordered_component_names: list[str]
    pipeline_state: PipelineState
    break_point: Breakpoint
    timestamp: datetime | None = None
    include_outputs_from: set[str] = field(default_factory=set)
    run: dict[str, Any] | None = None
    live: LiveValues | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        visited, ordered = set(self.pipeline_state.component_visits), set(self.ordered_component_names)
        if visited != ordered:
            raise _InvalidSnapshot(
                f"Inconsistent state: components in PipelineState.component_visits {sorted(visited)} do not match "
                f"components in PipelineSnapshot.ordered_component_names {sorted(ordered)}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the snapshot as data that JSON can hold."""
        data: dict[str, Any] = {
            "pipeline_state": self.pipeline_state.to_dict(),
            "break_point": self.break_point.to_dict(),
            "timestamp": self.timestamp.isoformat() if self.timestamp else None,
            "original_input_data": self.original_input_data,
            "ordered_component_names": self.ordered_component_names,
            "include_outputs_from": sorted(self.include_outputs_from),
        }
        return data if self.run is None else {**data, "run": self.run}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the snapshot of such data, ours or Haystack's.

        Raises:
            PipelineInvalidPipelineSnapshotError: something is missing or of another shape (a `ValueError` too).
        """
        try:
            return cls(
                pipeline_state=PipelineState.from_dict(data["pipeline_state"]),
                break_point=Breakpoint.from_dict(data["break_point"]),
                timestamp=datetime.fromisoformat(data["timestamp"]) if data.get("timestamp") else None,
                original_input_data=data.get("original_input_data", {}),
                ordered_component_names=data.get("ordered_component_names", []),
                include_outputs_from=set(data.get("include_outputs_from", ())),
                run=data.get("run"),
            )
        except _InvalidSnapshot:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise _InvalidSnapshot(
                f"The data is no pipeline snapshot: {type(error).__name__}: {error}. "
                "It needs 'pipeline_state' and 'break_point' as PipelineSnapshot.to_dict writes them."
            ) from error


SnapshotCallback = Callable[[PipelineSnapshot], str | None]


class _InvalidSnapshot(PipelineInvalidPipelineSnapshotError, ValueError):
    """The data of a snapshot is damaged. A `ValueError` too, as Haystack's users expect."""


# ---- files -----------------------------------------------------------------------------------------------------------


def save_snapshot(
    snapshot: PipelineSnapshot, *, callback: SnapshotCallback | None = None, is_failure: bool = False
) -> str | None:
    """Hand the snapshot to the callback, or write it to a file where its breakpoint says, if the environment allows it.

    A file that cannot be written is a warning: the snapshot itself is in the exception. What the callback raises at a
    breakpoint is raised.

    Args:
        snapshot: what to keep.
        callback: what to call instead.
        is_failure: a component has failed; then its error comes first, and one of the callback is only logged.

    Returns:
        The path of the file, or what the callback returned, or None.
    """
    if callback is not None:
        try:
            return callback(snapshot)
        except Exception:
            if not is_failure:
                raise
            logger.exception(
                "The callback for the pipeline snapshot failed; the snapshot is in the error that follows."
            )
            return None
    folder = snapshot.break_point.snapshot_file_path
    if folder is None or not saves_files():
        return None
    try:
        path = files.write_json(snapshot.to_dict(), Path(folder), _file_name(snapshot))
    except (OSError, TypeError, ValueError):
        logger.warning("Failed to save the pipeline snapshot in '%s'.", folder, exc_info=True)
        return None
    logger.info("Pipeline snapshot saved to '%s'. You can use this file to debug or resume the pipeline.", path)
    return str(path)


def _file_name(snapshot: PipelineSnapshot) -> str:
    name = snapshot.break_point.component_name
    visit = snapshot.pipeline_state.component_visits.get(name, 0)
    return f"{name}_{visit}_{snapshot.timestamp or datetime.now(UTC):%Y_%m_%d_%H_%M_%S}"


def saves_files() -> bool:
    """Whether the environment allows that snapshots are written to files."""
    return any(os.environ.get(name, "").strip().lower() in ("true", "1") for name in SAVE_VARIABLES)


def load_pipeline_snapshot(file_path: str | Path) -> PipelineSnapshot:
    """Return the snapshot in a file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        json.JSONDecodeError: it holds no JSON.
        PipelineInvalidPipelineSnapshotError: it holds no snapshot (a `ValueError` too).
    """
    data = files.read_json(Path(file_path))
    try:
        snapshot = PipelineSnapshot.from_dict(data)
    except ValueError as error:
        raise _InvalidSnapshot(f"Invalid pipeline snapshot from {file_path}: {error}") from error
    logger.info("Successfully loaded the pipeline snapshot from: %s", file_path)
    return snapshot
