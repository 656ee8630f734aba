"""Packages: versioned code, with the inputs and outputs of its functions.

Law: a package's code is under its private key `_code`; the wire shows what can be called, not how it is shipped.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict
from dtlpipe.model.package import Package
from mock_server.platform.definitions import refuse_types, type_errors
from mock_server.platform.documents import now, require
from mock_server.platform.graph_rules import code_of
from mock_server.platform.links import shown, shown_page
from mock_server.platform.shelves import narrowed
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

DEFAULT_MODULE = "default_module"
FIRST_VERSION = "1.0.0"
#: Earlier versions that are remembered.
HISTORY = 100

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_LONGEST = 64
_FIXED = frozenset({"id", "url", "creator", "createdAt", "updatedAt", "version", "projectId"})


class Packages:
    """What can be run, by name and version."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, package_id: str) -> Document:
        """Raises NotFound."""
        return shown(self._platform, "packages", self._find(package_id))

    def _find(self, package_id: str) -> Document:
        return require(self._platform.store, Kind.PACKAGE, package_id, private=True)

    def query(self, body: Mapping[str, Any]) -> Document:
        """A page of packages."""
        found = self._platform.store.find(Kind.PACKAGE, narrowed(body, {"type": {"$ne": "dpk"}}))
        return shown_page(self._platform, "packages", found)

    def revisions(self, package_id: str) -> list[Document]:
        """All versions that are remembered, the newest first."""
        found = self._find(package_id)
        return [shown(self._platform, "packages", each) for each in (found, *reversed(found.get("_history") or ()))]

    # --- changing -----------------------------------------------------------------------------------------------------

    def create(self, body: Mapping[str, Any], creator: str) -> Document:
        """Raises BadRequest for a body that is no package, Conflict if the project has one of that name."""
        refuse_types("this is not a package", type_errors(Package, body))
        check_name(body.get("name"), "package")
        project = project_of(self._platform, body)
        doc = package_document(body["name"], project["id"], creator)
        doc.update({key: value for key, value in body.items() if key not in _FIXED and not key.startswith("_")})

        def intent(tx: Tx) -> None:
            _refuse_taken(tx, doc)
            tx.insert(Kind.PACKAGE, doc)

        self._platform.store.write(intent)
        return shown(self._platform, "packages", doc)

    def update(self, package_id: str, body: Mapping[str, Any]) -> Document:
        """A new version with the fields given.

        Raises NotFound, BadRequest for wrong types, and Conflict for a name that another package of the project has.
        """
        refuse_types("this is not a package", type_errors(Package, body))
        changes = {key: value for key, value in body.items() if key not in _FIXED and not key.startswith("_")}
        if "name" in changes:
            check_name(changes["name"], "package")

        def intent(tx: Tx) -> Document:
            current = require(tx, Kind.PACKAGE, package_id, private=True)
            doc = revised(current, changes)
            if doc["name"] != current["name"]:
                _refuse_taken(tx, doc)
            if doc is not current:
                tx.put(Kind.PACKAGE, doc)
            return doc

        return shown(self._platform, "packages", self._platform.store.write(intent))

    def delete(self, package_id: str) -> None:
        """Raises NotFound, and Conflict while a service runs it."""

        def intent(tx: Tx) -> None:
            users = tx.find(Kind.SERVICE, {"pageSize": 1}, where={"packageId": package_id}).items
            if users:
                raise Conflict(
                    f"service {users[0]['name']!r} runs package {package_id!r}", hint="delete the service first"
                )
            require(tx, Kind.PACKAGE, package_id)
            tx.delete(Kind.PACKAGE, package_id)

        self._platform.store.write(intent)


def _refuse_taken(tx: Tx, doc: Mapping[str, Any]) -> None:
    """Raises Conflict if another package of the project has the document's name."""
    taken = tx.find(Kind.PACKAGE, {"pageSize": 1}, where={"name": doc["name"], "projectId": doc["projectId"]}).items
    if taken and taken[0]["id"] != doc["id"]:
        project = tx.get(Kind.PROJECT, doc["projectId"]) or {}
        raise Conflict(
            f"project {project.get('name')!r} has a package {doc['name']!r} already",
            hint=f"update it (PATCH /packages/{taken[0]['id']}), or choose another name",
        )


def project_of(platform: Platform, body: Mapping[str, Any]) -> Document:
    """The project that a new document belongs to. Raises BadRequest if none is named, NotFound if there is none."""
    project_id = body.get("projectId")
    if not project_id or not isinstance(project_id, str):
        raise BadRequest(
            "projectId: which project does it belong to?",
            errors=[{"path": ["projectId"], "message": "the id of a project is wanted"}],
            hint="create it from a project: project.pipelines.create(...)",
        )
    return require(platform.store, Kind.PROJECT, project_id)


def check_name(name: Any, what: str) -> None:
    """Raises BadRequest for a name that cannot be a package's, a service's or a trigger's."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise BadRequest(
            f"{name!r} cannot be the name of a {what}",
            errors=[{"path": ["name"], "message": f"1 to {_LONGEST} letters, digits, '-', '_' and '.'"}],
            hint=f"take 1 to {_LONGEST} letters, digits, '-', '_' and '.', with a letter or digit at both ends",
        )


def revised(current: Document, changes: Mapping[str, Any], at: str | None = None) -> Document:
    """The document with the changes and a higher version; `current` itself if they change nothing."""
    if all(key in current and current[key] == value for key, value in changes.items()):
        return current
    head, _, last = str(current.get("version") or FIRST_VERSION).rpartition(".")
    earlier = {key: value for key, value in current.items() if not key.startswith("_")}
    return {
        **current,
        **changes,
        "version": f"{head}.{int(last) + 1}",
        "updatedAt": at or now(),
        "_history": [*(current.get("_history") or ()), earlier][-HISTORY:],
    }


def package_document(name: str, project_id: str | None, creator: str, at: str | None = None) -> Document:
    """A package with every key that clients read."""
    at = at or now()
    return {
        "id": new_id(),
        "name": name,
        "version": FIRST_VERSION,
        "projectId": project_id,
        "creator": creator,
        "createdAt": at,
        "updatedAt": at,
        "type": "faas",
        "global": False,
        "metadata": {},
        "modules": [],
        "slots": [],
        "serviceConfig": {},
        "codebase": None,
        "requirements": [],
    }


def node_contents(node: Mapping[str, Any], init_params: Mapping[str, Any]) -> Document:
    """What the package of a node with code has in it: one module with one function, and the code."""
    package = code_of(node) or {}
    function = node["namespace"].get("functionName") or package.get("name") or "run"
    class_name = package.get("className") or "ServiceRunner"
    return {
        "modules": [
            {
                "name": DEFAULT_MODULE,
                "className": class_name,
                "entryPoint": "main.py",
                "initInputs": [],
                "functions": [
                    {
                        "name": function,
                        "description": "",
                        "input": [_function_io(port) for port in node["inputs"]],
                        "output": [_function_io(port) for port in node["outputs"]],
                    }
                ],
            }
        ],
        "_code": {
            "name": package.get("name"),
            "functionName": function,
            "className": class_name,
            "source": package.get("code"),
            "pickle": package.get("pickle"),
            "python": package.get("python"),
            "initParams": dict(init_params),
            "hash": _digest(package, function, class_name, init_params),
        },
    }


def _digest(package: Mapping[str, Any], function: str, class_name: str, init_params: Mapping[str, Any]) -> str:
    """Names the code and how it is set up: workers keep what they loaded under it."""
    parts = [function, class_name, *(package.get(key) for key in ("code", "pickle", "python")), dict(init_params)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _function_io(port: Mapping[str, Any]) -> Document:
    """A port as a function's input or output."""
    found = {"name": port["name"], "type": port["type"]}
    for key in ("actions", "description"):
        if port.get(key):
            found[key] = port[key]
    return found
