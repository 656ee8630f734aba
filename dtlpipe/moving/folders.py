"""A pipeline as a folder: `pipeline.yaml`, and a file for the code of each node.

Law: the folder says all that a pipeline is and nothing of where it is (no ids of a platform's, no times, no status), so
the same pipeline gives the same bytes wherever it is, and what is read back and written again is the same folder.

Ids of nodes and ports stay, as connections go by them and an update has to know its nodes; connections are told by
names where these are clear. Code that can be read stands for itself: a pickle is left out if the source does the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dtlpipe.errors import BadRequest
from dtlpipe.model.freenames import free_names
from dtlpipe.moving import plain_yaml
from dtlpipe.moving.plain_yaml import FileOf

PIPELINE = "pipeline.yaml"
CODE = "code"
_FORMAT = 1
#: The platform's, of this or another one.
_PLACES = frozenset(
    {
        *("id", "status", "creator", "createdAt", "updatedAt", "updatedBy", "projectId", "orgId", "compositionId"),
        *("url", "revisions", "template", "contextKeys", "org", "project"),
    }
)
_ORDER = ("name", "description", "settings", "variables", "startNodes", "nodes", "connections")
_NODE_ORDER = ("name", "id", "type", "inputs", "outputs", "namespace", "metadata", "config")
_PORT_ORDER = ("name", "type", "portId", "displayName", "defaultValue", "variableName", "actions")
_VARIABLE_PLACES = frozenset({"id", "reference", "creator", "createdAt", "updatedAt"})
#: What an install makes of a node's code.
_INSTALLED = frozenset({"serviceName", "packageName", "moduleName"})
_ENDS = (("src", "from", "outputs"), ("tgt", "to", "inputs"))

Json = dict[str, Any]


def to_files(pipeline: Mapping[str, Any], project_name: str | None = None) -> dict[str, str]:
    """The folder of a pipeline's JSON, of whichever platform: text by path. The project's name is left out of it."""
    kept = {key: value for key, value in pipeline.items() if key not in _PLACES and not key.startswith("_")}
    nodes = [dict(each) for each in kept.get("nodes") or () if isinstance(each, Mapping)]
    files: dict[str, str] = {}
    names = _file_names(nodes)
    ends = _Ends(nodes)
    kept["nodes"] = [_node(each, name, pipeline, project_name, files) for each, name in zip(nodes, names, strict=True)]
    kept["connections"] = [ends.told(each) for each in kept.get("connections") or ()]
    kept["startNodes"] = [ends.start_told(each) for each in kept.get("startNodes") or ()]
    kept["variables"] = [
        {key: value for key, value in each.items() if key not in _VARIABLE_PLACES}
        for each in kept.get("variables") or ()
    ]
    kept = {key: value for key, value in kept.items() if value is not None}
    return {PIPELINE: plain_yaml.dump({"format": _FORMAT, **_ordered(kept, _ORDER)}), **files}


def from_files(files: Mapping[str, str]) -> Json:
    """The definition of a folder, ready to be created. Raises BadRequest, with the line, for what is none."""
    if PIPELINE not in files:
        raise BadRequest(f"there is no {PIPELINE} in it", hint="`dtlpipe export` writes one")
    read, lines = plain_yaml.parsed(files[PIPELINE], PIPELINE)
    _check(read, lines)
    found: Json = read
    found.pop("format", None)
    for index, node in enumerate(found.get("nodes") or ()):
        package = (node.get("config") or {}).get("package")
        if not isinstance(package, dict):
            continue
        for key, value in package.items():
            if isinstance(value, FileOf):
                if value.path not in files:
                    line = lines.get(("nodes", index, "config", "package", key), 1)
                    raise BadRequest(f"{PIPELINE}:{line}: there is no file {value.path!r}")
                package[key] = files[value.path]
        _seal(package)
    ends = _Ends(found.get("nodes") or ())
    found["connections"] = [
        ends.meant(each, lines.get(("connections", index), 1)) for index, each in enumerate(found["connections"])
    ]
    found["startNodes"] = [
        ends.start_meant(each, lines.get(("startNodes", index), 1)) for index, each in enumerate(found["startNodes"])
    ]
    return found


def placed(pipeline: Mapping[str, Any], project_id: str, project_name: str) -> Json:
    """The definition as one of that project, which its nodes name, too. Ids of other platforms are gone."""
    kept = {key: value for key, value in pipeline.items() if key not in _PLACES and not key.startswith("_")}
    nodes = []
    for each in kept.get("nodes") or ():
        node = {**each, "projectId": each.get("projectId") or project_id}
        node["namespace"] = {**(each.get("namespace") or {})}
        node["namespace"].setdefault("projectName", project_name)
        nodes.append(node)
    return {**kept, "nodes": nodes, "projectId": project_id}


def _check(found: Any, lines: Mapping[tuple[str | int, ...], int]) -> None:
    if not isinstance(found, dict):
        raise BadRequest(f"{PIPELINE}: a mapping is wanted, not {type(found).__name__}")
    if found.get("format", _FORMAT) != _FORMAT:
        raise BadRequest(f"{PIPELINE}:{lines[('format',)]}: its format is {found['format']!r}; this dtlpipe knows 1")
    if not isinstance(found.get("name"), str) or not found["name"]:
        raise BadRequest(f"{PIPELINE}:{lines.get(('name',), 1)}: a name is needed")
    for key in ("nodes", "connections", "startNodes", "variables"):
        value = found.setdefault(key, [])
        if value is None:
            value = found[key] = []
        if not isinstance(value, list):
            raise BadRequest(f"{PIPELINE}:{lines[(key,)]}: {key} is a list, not {type(value).__name__}")
        for index, each in enumerate(value):
            if not isinstance(each, dict):
                raise BadRequest(f"{PIPELINE}:{lines[(key, index)]}: a mapping is wanted, not {type(each).__name__}")


def _node(
    node: Mapping[str, Any], name: str, pipeline: Mapping[str, Any], project_name: str | None, files: dict[str, str]
) -> Json:
    kept = dict(node)
    if kept.get("projectId") == pipeline.get("projectId"):
        kept.pop("projectId", None)
    namespace = dict(kept.get("namespace") or {})
    if project_name is not None and namespace.get("projectName") == project_name:
        namespace.pop("projectName", None)
    package = (kept.get("config") or {}).get("package")
    if isinstance(package, Mapping) and ("code" in package or "pickle" in package):
        namespace = {key: value for key, value in namespace.items() if key not in _INSTALLED}
        kept["config"] = {**kept["config"], "package": _package(package, name, files)}
    kept["namespace"] = namespace
    for key in ("inputs", "outputs"):
        kept[key] = [_ordered(each, _PORT_ORDER) for each in kept.get(key) or () if isinstance(each, Mapping)]
    return _ordered({key: value for key, value in kept.items() if value not in ({}, [], None)}, _NODE_ORDER)


def _package(package: Mapping[str, Any], name: str, files: dict[str, str]) -> Json:
    kept = dict(package)
    _seal(kept)
    code = kept.get("code")
    if isinstance(code, str) and _stands_alone(code):
        kept.pop("pickle", None)
        kept.pop("hash", None)
    for key, ending in (("code", "py"), ("pickle", "pickle")):
        text = kept.get(key)
        if isinstance(text, str) and text and _is_text(text):
            path = f"{CODE}/{name}.{ending}"
            files[path] = text
            kept[key] = FileOf(path)
    return _ordered(kept, ("name", "type", "className", "code"))


def _stands_alone(code: str) -> bool:
    """Whether the source names nothing that it does not say."""
    try:
        return not free_names(code)
    except (SyntaxError, ValueError):
        return False


def _is_text(text: str) -> bool:
    """Whether a file gives it back as it is."""
    try:
        return text.encode().decode() == text
    except UnicodeEncodeError:
        return False


def _seal(package: Json) -> None:
    """A pickle is good only for the source that it was made with: once that is edited, the source alone counts."""
    from dtlpipe.model.shipping import digest

    if package.get("pickle") and package.get("code") and package.get("hash") != digest(package):
        package.pop("pickle")
        package.pop("hash", None)


def _file_names(nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    taken: Counter[str] = Counter()
    names = []
    for each in nodes:
        plain = re.sub(r"[^a-z0-9]+", "_", str(each.get("name") or "").lower()).strip("_")[:60] or "node"
        taken[plain] += 1
        names.append(plain if taken[plain] == 1 else f"{plain}-{taken[plain]}")
    return names


def _ordered(value: Mapping[str, Any], first: tuple[str, ...]) -> Json:
    """The known keys in their order, then the others in that of the alphabet."""
    keys = [key for key in first if key in value] + sorted(key for key in value if key not in first)
    return {key: value[key] for key in keys}


class _Ends:
    """Ends of connections, by name where that says it all: `node.port`."""

    def __init__(self, nodes: Iterable[Any]) -> None:
        self._names: dict[tuple[str, str, str], str] = {}
        self._ids: dict[tuple[str, str], tuple[str, str]] = {}
        self._nodes: dict[str, str] = {}
        known = [each for each in nodes if isinstance(each, Mapping) and isinstance(each.get("id"), str)]
        names, ids = Counter(str(each.get("name")) for each in known), Counter(each["id"] for each in known)
        for node in known:
            name = node.get("name")
            if not isinstance(name, str) or not name or names[name] > 1 or ids[node["id"]] > 1:
                continue
            self._nodes[node["id"]] = name
            for side in ("inputs", "outputs"):
                self._add(node, name, side)
        self._by_name = {name: id for id, name in self._nodes.items()}

    def _add(self, node: Mapping[str, Any], name: str, side: str) -> None:
        ports = [each for each in node.get(side) or () if isinstance(each, Mapping)]
        names, ids = (
            Counter(str(each.get("name")) for each in ports),
            Counter(str(each.get("portId")) for each in ports),
        )
        for port in ports:
            called, id = port.get("name"), port.get("portId")
            if not isinstance(called, str) or not isinstance(id, str) or "." in called:
                continue
            if called and names[called] == 1 and ids[id] == 1:
                self._names[node["id"], side, id] = f"{name}.{called}"
                self._ids[side, f"{name}.{called}"] = (node["id"], id)

    def told(self, connection: Any) -> Any:
        """A connection for people."""
        if not isinstance(connection, Mapping) or {"from", "to"} & connection.keys():
            return connection
        told = {key: value for key, value in connection.items() if value is not None}
        for end, word, side in _ENDS:
            said = told.get(end)
            if isinstance(said, Mapping) and set(said) == {"nodeId", "portId"}:
                name = self._names.get((str(said["nodeId"]), side, str(said["portId"])))
                if name is not None and isinstance(said["nodeId"], str) and isinstance(said["portId"], str):
                    del told[end]
                    told[word] = name
        return _ordered(told, ("from", "src", "to", "tgt", "condition", "action"))

    def meant(self, told: Json, line: int) -> Json:
        """The connection. Raises BadRequest for an end that is none."""
        found = dict(told)
        for end, word, side in _ENDS:
            name = found.pop(word, None)
            if name is None:
                continue
            ids = self._ids.get((side, name)) if isinstance(name, str) else None
            if ids is None:
                known = ", ".join(sorted(each for kind, each in self._ids if kind == side)) or "none"
                raise BadRequest(f"{PIPELINE}:{line}: there is no {side[:-1]} {name!r}", hint=f"there are: {known}")
            found[end] = {"nodeId": ids[0], "portId": ids[1]}
        return found

    def start_told(self, start: Any) -> Any:
        """Where runs begin, for people."""
        if not isinstance(start, Mapping) or "node" in start:
            return start
        told = {key: value for key, value in start.items() if value is not None}
        name = self._nodes.get(told["nodeId"]) if isinstance(told.get("nodeId"), str) else None
        if name is not None:
            told = {"node": name, **{key: value for key, value in told.items() if key != "nodeId"}}
        return _ordered(told, ("node", "nodeId", "type"))

    def start_meant(self, told: Json, line: int) -> Json:
        """Where runs begin. Raises BadRequest for a node that is none."""
        found = dict(told)
        name = found.pop("node", None)
        if name is not None:
            if name not in self._by_name:
                raise BadRequest(f"{PIPELINE}:{line}: there is no node {name!r}", hint="names must be clear, too")
            found["nodeId"] = self._by_name[name]
        return found
