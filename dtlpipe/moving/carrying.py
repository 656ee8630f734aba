"""Pipelines out of a platform into folders, and back: what `folders` says, read and written, asked and told."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, NotFound
from dtlpipe.model.pipeline import Pipeline
from dtlpipe.moving import folders

if TYPE_CHECKING:
    from dtlpipe.client.clients import Client

_LARGEST = 64 << 20  # bytes of a file that is read


def export(client: Client, pipeline: Any, folder: Path) -> list[Path]:
    """Writes a pipeline into a folder, and returns its files. Code of nodes that are gone is removed from it.

    Raises Conflict for a folder with something else in it.
    """
    project = client.projects.get(project_id=pipeline.project_id)
    files = folders.to_files(pipeline.to_wire(), project.name)
    if folder.exists() and any(folder.iterdir()) and not (folder / folders.PIPELINE).is_file():
        raise Conflict(f"{folder} is no folder of a pipeline's, and not empty", hint="give a new folder")
    (folder / folders.CODE).mkdir(parents=True, exist_ok=True)
    for old in (folder / folders.CODE).iterdir():
        if old.suffix in (".py", ".pickle") and f"{folders.CODE}/{old.name}" not in files:
            old.unlink()
    for path, text in files.items():
        _write(folder / path, text.encode())
    return [folder / path for path in files]


def _write(path: Path, content: bytes) -> None:
    """Whole, or as it was."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def read(source: Path) -> dict[str, Any]:
    """The definition in a folder, or in a JSON file that a platform exported. Raises BadRequest, NotFound."""
    if source.is_dir():
        if not (source / folders.PIPELINE).is_file():
            raise BadRequest(f"{source} has no {folders.PIPELINE}", hint="`dtlpipe export` makes such folders")
        paths = [source / folders.PIPELINE, *sorted((source / folders.CODE).glob("*"))]
        found = {path.relative_to(source).as_posix(): _text(path) for path in paths if path.is_file()}
        return folders.from_files(found)
    if not source.is_file():
        raise NotFound(f"there is no {source}")
    try:
        body = json.loads(_text(source))
    except ValueError as error:
        raise BadRequest(f"{source} is no JSON: {error}") from None
    if isinstance(body, Mapping) and "nodes" not in body and isinstance(body.get("pipeline"), Mapping):
        body = body["pipeline"]
    if not isinstance(body, Mapping) or not isinstance(body.get("nodes"), list):
        raise BadRequest(f"{source} is no pipeline's JSON: it has no list of nodes")
    return folders.from_files(folders.to_files(body))


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST:
        raise BadRequest(f"{path} is larger than {_LARGEST >> 20} MB")
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path} is no text: {error.reason}") from None


def bring(project: Any, definition: Mapping[str, Any], name: str | None = None, *, replace: bool = False) -> Any:
    """Creates the pipeline in the project, or makes the one of its name there the same.

    Raises Conflict if there is one of its name and it is not to be replaced; what the platform refuses, as it does.
    """
    body = folders.placed(definition, project.id, project.name)
    body["name"] = name or body["name"]
    try:
        there = project.pipelines.get(pipeline_name=body["name"])
    except NotFound:
        return project.pipelines.create(name=body["name"], pipeline_json=body)
    if not replace:
        raise Conflict(
            f"there is a pipeline {body['name']!r} in project {project.name!r} already",
            hint="--replace makes it the same as this one; --name gives this one another name",
        )
    new = Pipeline.from_wire({**there.to_wire(), **body})
    for key in ("nodes", "connections", "start_nodes", "variables", "settings", "description"):
        if hasattr(there, key):
            setattr(there, key, getattr(new, key))
    return there.update()
