"""What a platform begins with, as YAML: read, checked with the lines that are wrong, and made steps of.

Law: pure but for the files that the YAML names, which are read when their step is taken, not before. A key that nobody
knows is refused, as it was meant to do something.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from dtlpipe.errors import BadRequest
from dtlpipe.moving import carrying, plain_yaml

#: Bytes of a file: seeds are small; `dtlpipe items upload` takes larger ones.
LARGEST = 8 << 20
_TOP, _PROJECT = {"projects"}, {"name", "datasets", "pipelines"}
_DATASET, _PIPELINE = {"name", "items"}, {"name", "from", "install", "runs"}
_ITEM = {"path", "text", "json", "file", "files", "to", "metadata"}
_RUN = {"status", "input", "created", "seconds", "error", "nodes"}
_STATUSES = ("success", "failed", "terminated")

Path_ = tuple[str | int, ...]
Step = dict[str, dict[str, Any]]


@attrs.frozen
class Plan:
    """What was read. `steps` gives each with its place, `file:line`."""

    name: str
    body: Mapping[str, Any]
    lines: Mapping[Path_, int]
    folder: Path

    @classmethod
    def read(cls, path: str | Path) -> Plan:
        """Raises BadRequest, with file and line, for what is none."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(f"{path} cannot be read: {error}") from None
        return cls.parse(text, path.name, path.parent)

    @classmethod
    def parse(cls, text: str, name: str = "seeds", folder: Path | None = None) -> Plan:
        """As `read`, of text; files are looked for in the folder."""
        body, lines = plain_yaml.parsed(text, name)
        found = cls(name, body if body is not None else {}, lines, folder or Path())
        found._check()
        return found

    def at(self, path: Path_) -> str:
        """Where a part is, for messages."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"

    def steps(self) -> Iterator[tuple[str, Step]]:
        """What is to be done, in order, each with its place."""
        for p, project in self._each((), self.body, "projects"):
            yield self.at(p), {"project": {"name": project["name"]}}
            for d, dataset in self._each(p, project, "datasets"):
                where = {"project": project["name"], "dataset": dataset["name"]}
                yield self.at(d), {"dataset": {"project": project["name"], "name": dataset["name"]}}
                for i, item in self._each(d, dataset, "items"):
                    for step in self._items(i, item):
                        yield self.at(i), {"item": {**where, **step}}
            for n, pipeline in self._each(p, project, "pipelines"):
                yield from self._pipeline(n, pipeline, project["name"])

    def _pipeline(self, path: Path_, pipeline: Mapping[str, Any], project: str) -> Iterator[tuple[str, Step]]:
        definition = carrying.read(self.folder / pipeline["from"])
        name = pipeline.get("name") or definition["name"]
        install = bool(pipeline.get("install", bool(pipeline.get("runs"))))
        said = {"project": project, "name": name, "definition": definition, "install": install}
        yield self.at(path), {"pipeline": said}
        for r, run in self._each(path, pipeline, "runs"):
            yield self.at(r), {"run": {"project": project, "pipeline": name, **run}}

    def _items(self, path: Path_, item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        metadata = {"user": item["metadata"]} if item.get("metadata") else {}
        if "files" in item:
            found = [each for each in sorted(self.folder.glob(item["files"])) if each.is_file()]
            if not found:
                raise BadRequest(f"{self.at((*path, 'files'))}: no file is like {item['files']!r}")
            for each in found:
                to = f"{str(item.get('to', '/')).rstrip('/')}/{each.name}"
                yield {"path": to, "content": self._content(path, each), "metadata": metadata}
            return
        if "file" in item:
            content = self._content(path, self.folder / item["file"])
        else:
            text = item["text"] if "text" in item else json.dumps(item["json"], ensure_ascii=False)
            content = base64.b64encode(text.encode()).decode()
        yield {"path": item["path"], "content": content, "metadata": metadata}

    def _content(self, path: Path_, file: Path) -> str:
        try:
            if file.stat().st_size > LARGEST:
                raise BadRequest(
                    f"{self.at(path)}: {file} is larger than {LARGEST >> 20} MB", hint="dtlpipe items upload"
                )
            return base64.b64encode(file.read_bytes()).decode()
        except OSError as error:
            raise BadRequest(f"{self.at(path)}: {file}: {error.strerror}") from None

    # --- what may be said ---------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self._known((), self.body, _TOP)
        for p, project in self._each((), self.body, "projects"):
            self._named(p, project, _PROJECT)
            for d, dataset in self._each(p, project, "datasets"):
                self._named(d, dataset, _DATASET)
                for i, item in self._each(d, dataset, "items"):
                    self._check_item(i, item)
            for n, pipeline in self._each(p, project, "pipelines"):
                self._known(n, pipeline, _PIPELINE)
                if not isinstance(pipeline.get("from"), str):
                    raise BadRequest(f"{self.at(n)}: `from` names the pipeline's folder, or a JSON file of it")
                for r, run in self._each(n, pipeline, "runs"):
                    self._check_run(r, run)

    def _check_item(self, path: Path_, item: Mapping[str, Any]) -> None:
        self._known(path, item, _ITEM)
        contents = [key for key in ("text", "json", "file", "files") if key in item]
        if len(contents) != 1:
            raise BadRequest(f"{self.at(path)}: an item has one of text, json, file and files")
        kind = contents[0]
        if kind != "json" and not isinstance(item[kind], str):
            raise BadRequest(f"{self.at((*path, kind))}: a text is needed here, not {item[kind]!r:.60}")
        if kind != "files" and not isinstance(item.get("path"), str):
            raise BadRequest(f"{self.at(path)}: an item has a path, like /folder/name.txt")
        if not isinstance(item.get("metadata", {}), dict):
            raise BadRequest(f"{self.at((*path, 'metadata'))}: metadata is a mapping")

    def _check_run(self, path: Path_, run: Mapping[str, Any]) -> None:
        self._known(path, run, _RUN)
        if run.get("status", "success") not in _STATUSES:
            raise BadRequest(f"{self.at((*path, 'status'))}: a run is one of {', '.join(_STATUSES)} by now")
        for key in ("input", "nodes"):
            if not isinstance(run.get(key, {}), dict):
                raise BadRequest(f"{self.at((*path, key))}: {key} is a mapping")

    def _each(self, path: Path_, owner: Mapping[str, Any], key: str) -> Iterator[tuple[Path_, dict[str, Any]]]:
        found = owner.get(key)
        if not isinstance(found, list | None):
            raise BadRequest(f"{self.at((*path, key))}: {key} is a list")
        for index, each in enumerate(found or ()):
            here = (*path, key, index)
            if not isinstance(each, dict):
                raise BadRequest(f"{self.at(here)}: a mapping is wanted, not {each!r:.60}")
            yield here, each

    def _named(self, path: Path_, given: Mapping[str, Any], known: set[str]) -> None:
        self._known(path, given, known)
        if not isinstance(given.get("name"), str) or not given["name"]:
            raise BadRequest(f"{self.at(path)}: a name is needed")

    def _known(self, path: Path_, given: Any, known: set[str]) -> None:
        if not isinstance(given, dict):
            raise BadRequest(f"{self.at(path)}: a mapping is wanted, not {type(given).__name__}")
        for key in given:
            if key not in known:
                raise BadRequest(
                    f"{self.at((*path, key))}: nobody knows {key!r}", hint=f"there are {', '.join(sorted(known))}"
                )
