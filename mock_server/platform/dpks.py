"""DPKs: packages as the app registry has them, a manifest of components and a codebase; each version stays.

Law: a DPK is kept as a package, with its modules where a package has them, so that a service runs one like any other.
Its versions are documents of their own, which share `baseId`; queries show the latest of each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, NotFound
from mock_server.platform.documents import now, require
from mock_server.platform.links import shown, shown_page
from mock_server.platform.packages import package_document
from mock_server.platform.shelves import narrowed
from mock_server.store.base import Document, Kind, Reads, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

DPK = "dpk"
IS_DPK = {"type": DPK}
NO_DPK = {"type": {"$ne": DPK}}

_ALL = 1000
_VERSION = re.compile(r"\d+(?:\.\d+){0,3}(?:[-+.][0-9A-Za-z.-]+)?")
_LONGEST_NAME = 120
_CHANGEABLE = ("attributes", "displayName", "icon", "description", "tags", "metadata")
_FIXED = frozenset({"id", "url", "creator", "createdAt", "updatedAt", "type", "modules", "projectId", "baseId"})
_TYPES: dict[str, tuple[type, str]] = {
    "components": (dict, "an object such as {'modules': [...], 'services': [...]}"),
    "context": (dict, "an object such as {'project': id}"),
    "codebase": (dict, "an object such as {'type': 'item', 'itemId': id}"),
    "attributes": (dict, "an object"),
    "displayName": (str, "a text"),
    "description": (str, "a text"),
    "scope": (str, "a text"),
}


class Dpks:
    """What apps are installed from."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def get(self, dpk_id: str) -> Document:
        """One version, by its own id, or the latest by the id that all share, or by name. Raises NotFound."""
        return shown(self._platform, "app-registry", self._find(self._platform.store, dpk_id))

    def _find(self, reads: Reads, dpk_id: str) -> Document:
        found = reads.get(Kind.PACKAGE, dpk_id)
        if found is not None and found.get("type") == DPK:
            return found
        newest = self._versions(reads, dpk_id)[-1:]
        if not newest:
            named = narrowed({"pageSize": 1}, IS_DPK, {"latest": True})
            newest = reads.find(Kind.PACKAGE, named, where={"name": dpk_id}).items
        if not newest:
            raise NotFound(f"there is no DPK {dpk_id!r}")
        return newest[0]

    def _versions(self, reads: Reads, base_id: str) -> list[Document]:
        """All versions, oldest first; `base_id` may also be the id of one of them."""
        found = reads.get(Kind.PACKAGE, base_id)
        base = found["baseId"] if found is not None and found.get("type") == DPK else base_id
        query = narrowed({"pageSize": _ALL, "sort": {"id": "ascending"}}, IS_DPK, {"baseId": base})
        return reads.find(Kind.PACKAGE, query).items

    def named(self, reads: Reads, name: str, version: str | None = None) -> Document:
        """That version of the DPK of that name, or the latest. Raises NotFound, saying which there are."""
        found = reads.find(Kind.PACKAGE, narrowed({"pageSize": _ALL}, IS_DPK), where={"name": name}).items
        if not found:
            raise NotFound(f"there is no DPK {name!r}", hint="publish it first: project.dpks.publish()")
        wanted = [each for each in found if (each["version"] == version if version else each["latest"])]
        if not wanted:
            known = ", ".join(str(each["version"]) for each in found)
            raise NotFound(f"DPK {name!r} has no version {version!r}", hint=f"its versions: {known}")
        return wanted[0]

    def query(self, body: Mapping[str, Any]) -> Document:
        """A page of DPKs, each at its latest version."""
        query = narrowed(body, IS_DPK, {"latest": True})
        return shown_page(self._platform, "app-registry", self._platform.store.find(Kind.PACKAGE, query))

    def query_versions(self, dpk_id: str, body: Mapping[str, Any]) -> Document:
        """A page of a DPK's versions. Raises NotFound."""
        found = self._find(self._platform.store, dpk_id)
        query = narrowed(body, IS_DPK, {"baseId": found["baseId"]})
        return shown_page(self._platform, "app-registry", self._platform.store.find(Kind.PACKAGE, query))

    def version(self, dpk_id: str, version: str) -> Document:
        """One version. Raises NotFound."""
        versions = self._versions(self._platform.store, dpk_id)
        found = next((each for each in versions if each["version"] == version), None)
        if found is None:
            known = ", ".join(str(each["version"]) for each in versions) or "none"
            raise NotFound(f"DPK {dpk_id!r} has no version {version!r}", hint=f"its versions: {known}")
        return shown(self._platform, "app-registry", found)

    def publish(self, body: Mapping[str, Any], creator: str) -> Document:
        """A new DPK, or a new version of one. Raises BadRequest, NotFound, Conflict for a version that there is."""
        _check(body)
        context = body.get("context") or {}
        project_id = context.get("project")
        if not isinstance(project_id, str):
            raise BadRequest("", errors=[{"path": ["context", "project"], "message": "the id of a project is needed"}])
        require(self._platform.store, Kind.PROJECT, project_id)
        components = body.get("components") or {}
        doc = {
            **package_document(body["name"], project_id, creator),
            "displayName": body["name"],
            "scope": "project",
            **{key: value for key, value in body.items() if key not in _FIXED and not key.startswith("_")},
            "type": DPK,
            "components": components,
            "modules": components.get("modules") or [],
            "version": body.get("version") or "1.0.0",
            "latest": True,
        }

        def intent(tx: Tx) -> None:
            query = narrowed({"pageSize": _ALL, "sort": {"id": "ascending"}}, IS_DPK)
            earlier = tx.find(Kind.PACKAGE, query, where={"name": doc["name"]}).items
            for each in earlier:
                if each["projectId"] != project_id:
                    raise Conflict(f"another project has a DPK {doc['name']!r}", hint="choose another name")
                if each["version"] == doc["version"]:
                    raise Conflict(
                        f"DPK {doc['name']!r} has a version {doc['version']} already", hint="publish a higher version"
                    )
                if each["latest"]:
                    tx.put(Kind.PACKAGE, {**each, "latest": False})
            doc["baseId"] = earlier[0]["baseId"] if earlier else doc["id"]
            tx.insert(Kind.PACKAGE, doc)

        self._platform.store.write(intent)
        return shown(self._platform, "app-registry", doc)

    def update(self, dpk_id: str, body: Mapping[str, Any]) -> Document:
        """Takes over how it is described; its components and code are those that were published."""
        _check({"name": "unchanged", **{key: body[key] for key in _CHANGEABLE if key in body}})
        changes = {key: body[key] for key in _CHANGEABLE if key in body}

        def intent(tx: Tx) -> Document:
            doc = {**self._find(tx, dpk_id), **changes, "updatedAt": now()}
            tx.put(Kind.PACKAGE, doc)
            return doc

        return shown(self._platform, "app-registry", self._platform.store.write(intent))

    def delete(self, dpk_id: str) -> None:
        """All its versions. Raises NotFound, and Conflict while an app of it is installed."""

        def intent(tx: Tx) -> None:
            found = self._find(tx, dpk_id)
            for each in self._versions(tx, found["baseId"]):
                used = tx.find(Kind.SERVICE, {"pageSize": 1}, where={"packageId": each["id"]}).items
                if used:
                    raise Conflict(
                        f"service {used[0]['name']!r} runs DPK {each['name']!r}", hint="uninstall its app first"
                    )
                tx.delete(Kind.PACKAGE, each["id"])

        self._platform.store.write(intent)


def _check(body: Mapping[str, Any]) -> None:
    errors: list[dict[str, Any]] = [
        {"path": [key], "message": f"{wanted} is needed here"}
        for key, (kind, wanted) in _TYPES.items()
        if not isinstance(body.get(key), (kind, type(None)))
    ]
    name = body.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        errors.append({"path": ["name"], "message": f"1 to {_LONGEST_NAME} characters are needed here"})
    version = body.get("version")
    if version is not None and not (isinstance(version, str) and _VERSION.fullmatch(version)):
        errors.append({"path": ["version"], "message": "a version such as 1.0.0 is needed here"})
    if not errors:
        errors = _component_errors(body.get("components") or {})
    if errors:
        raise BadRequest("this is not a DPK", errors=errors)


def _component_errors(components: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is wrong with the components that this platform acts on."""
    errors: list[dict[str, Any]] = []
    for key in ("modules", "services", "computeConfigs", "triggers"):
        several = components.get(key)
        if several is None:
            continue
        if not isinstance(several, list):
            errors.append({"path": ["components", key], "message": "a list is needed here"})
            continue
        for index, each in enumerate(several):
            at = ["components", key, index]
            if not isinstance(each, Mapping):
                errors.append({"path": at, "message": "an object is needed here"})
            elif not isinstance(each.get("name"), str):
                errors.append({"path": [*at, "name"], "message": "a text is needed here"})
            elif key == "modules":
                errors += _function_errors(each.get("functions"), [*at, "functions"])
    return errors


def _function_errors(functions: Any, at: list[Any]) -> list[dict[str, Any]]:
    if functions is None:
        return []
    if not isinstance(functions, list):
        return [{"path": at, "message": "a list is needed here"}]
    errors: list[dict[str, Any]] = []
    for index, each in enumerate(functions):
        if not isinstance(each, Mapping) or not isinstance(each.get("name"), str):
            errors.append({"path": [*at, index, "name"], "message": "a text is needed here"})
            continue
        for side in ("input", "output"):
            ports = each.get(side)
            right = ports is None or (
                isinstance(ports, list)
                and all(
                    isinstance(port, Mapping)
                    and isinstance(port.get("name"), str)
                    and isinstance(port.get("type"), str | None)
                    for port in ports
                )
            )
            if not right:
                errors.append({"path": [*at, index, side], "message": "a list of {'name', 'type'} is needed here"})
    return errors
