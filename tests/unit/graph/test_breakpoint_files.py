"""Snapshots in files: whole or not at all, and named when they are none."""

from __future__ import annotations

import dataclasses
import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dtlpipe.graph import Breakpoint, PipelineSnapshot, RunState, breakpoints, load_pipeline_snapshot, stopping
from dtlpipe.graph.stopping import create_snapshot
from tests.unit.graph.machines import build


def stopped() -> PipelineSnapshot:
    """A chain that stopped before its second component."""
    state = RunState(build({"a": (["x"], ["y"]), "b": (["x"], [])}, ["a.y -> b.x"]), {"a": {"x": 1}}, mode="serial")
    state.complete(state.next(), {"y": 1})
    state.next()
    return create_snapshot(state, break_point=Breakpoint("b"), original_input_data={"a": {"x": 1}})


@pytest.fixture(params=breakpoints.SAVE_VARIABLES)
def saving(request, monkeypatch):
    for name in breakpoints.SAVE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(request.param, "TRUE")


def at(folder: Path, name: str = "b") -> PipelineSnapshot:
    return dataclasses.replace(stopped(), break_point=Breakpoint(name, 0, str(folder)))


def test_a_snapshot_is_saved_when_the_environment_allows_it(saving, tmp_path):
    snapshot = at(tmp_path / "new" / "folder")
    path = breakpoints.save_snapshot(snapshot)
    stamp = f"{snapshot.timestamp:%Y_%m_%d_%H_%M_%S}"
    assert path == str(tmp_path / "new" / "folder" / f"b_0_{stamp}.json")
    assert load_pipeline_snapshot(path) == snapshot
    assert [each.name for each in (tmp_path / "new" / "folder").iterdir()] == [Path(path).name]


def test_nothing_is_saved_otherwise(tmp_path, monkeypatch):
    for name in breakpoints.SAVE_VARIABLES:
        monkeypatch.setenv(name, "no")
    assert breakpoints.save_snapshot(at(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_breakpoint_without_a_folder_saves_nothing(saving):
    assert breakpoints.save_snapshot(stopped()) is None


def test_a_name_that_no_file_can_have_is_written_otherwise(saving, tmp_path):
    plan = build({"../up:a": (["x"], ["y"])})
    state = RunState(plan, {"../up:a": {"x": 1}}, mode="serial")
    state.next()
    point = Breakpoint("../up:a", 0, str(tmp_path))
    snapshot = create_snapshot(state, break_point=point, original_input_data={})
    path = Path(breakpoints.save_snapshot(dataclasses.replace(snapshot, timestamp=None)))
    assert path.parent == tmp_path
    assert path.name.startswith(".._up_a_0_")


def test_a_file_that_cannot_be_written_is_a_warning_and_leaves_nothing_behind(saving, tmp_path, caplog, monkeypatch):
    (tmp_path / "taken").write_text("")
    assert breakpoints.save_snapshot(at(tmp_path / "taken")) is None
    assert "Failed to save the pipeline snapshot" in caplog.text

    def full(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    assert breakpoints.save_snapshot(at(tmp_path / "folder")) is None
    assert "disk full" in caplog.text
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_callback_takes_the_snapshot_in_place_of_a_file(saving, tmp_path):
    seen = []
    snapshot = at(tmp_path)
    assert breakpoints.save_snapshot(snapshot, callback=lambda given: seen.append(given) or "my place") == "my place"
    assert seen == [snapshot]
    assert list(tmp_path.iterdir()) == []


def test_what_a_callback_raises_is_raised_unless_a_component_has_failed_before(caplog):
    def callback(snapshot):
        raise OSError("no database")

    with pytest.raises(OSError, match="no database"):
        breakpoints.save_snapshot(stopped(), callback=callback)
    assert breakpoints.save_snapshot(stopped(), callback=callback, is_failure=True) is None
    assert "no database" in caplog.text


def test_the_folder_for_failures_is_the_users_own(saving, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    task = RunState(build({"a": ([], [])})).next()
    assert stopping.failure_break_point(task) == Breakpoint("a", 0, str(tmp_path / ".dtlpipe" / "pipeline_snapshot"))


def test_without_saving_failures_have_no_folder(monkeypatch):
    for name in breakpoints.SAVE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    task = RunState(build({"a": ([], [])})).next()
    assert stopping.failure_break_point(task) == Breakpoint("a", 0, None)


def test_files_that_are_no_snapshots_are_refused_by_their_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        load_pipeline_snapshot(tmp_path / "missing.json")
    with pytest.raises(OSError, match="Error reading"):
        load_pipeline_snapshot(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(json.JSONDecodeError, match=r"Invalid JSON file .*broken.json"):
        load_pipeline_snapshot(tmp_path / "broken.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"Invalid pipeline snapshot from .*other.json"):
        load_pipeline_snapshot(str(tmp_path / "other.json"))


def test_loading_is_noted(saving, tmp_path, caplog):
    path = breakpoints.save_snapshot(at(tmp_path))
    with caplog.at_level(logging.INFO):
        assert load_pipeline_snapshot(path).timestamp <= datetime.now(UTC)
    assert "Successfully loaded the pipeline snapshot" in caplog.text
