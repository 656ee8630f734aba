"""Putting a pipeline's code into service: each node that has code gets a package and a service, and keeps them.

Law: everything here happens inside one transaction of the caller's. A service is found again by its node's id, so that
an install after an install changes only what changed; what was tuned on a service by hand stays, unless the node says
otherwise.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import attrs

from mock_server.platform import services
from mock_server.platform.graph_rules import code_of
from mock_server.platform.install_rules import CODE_TYPES
from mock_server.platform.packages import DEFAULT_MODULE, node_contents, package_document, revised
from mock_server.platform.service_config import overlaid
from mock_server.store.base import Document, Kind, Tx

_LONGEST_SLUG = 26


@attrs.frozen
class Deployment:
    """Who deploys what, and when."""

    pipeline: Mapping[str, Any]
    project_name: str | None
    creator: str
    now: str

    def apply(self, tx: Tx) -> list[Document]:
        """Brings packages and services up to the pipeline's nodes; returns the nodes, with their namespaces filled."""
        existing = {each["nodeId"]: each for each in services_of(tx, self.pipeline["id"])}
        nodes = []
        for node in self.pipeline["nodes"]:
            if node["type"] in CODE_TYPES and code_of(node) is not None:
                nodes.append(self._deploy(tx, node, existing.pop(node["id"], None)))
            elif node["namespace"].get("serviceName"):
                nodes.append(self._joined(tx, node))
            else:
                nodes.append(node)
        for left in existing.values():
            services.remove(tx, left["id"])
        return nodes

    def _deploy(self, tx: Tx, node: Document, service: Document | None) -> Document:
        config = node["metadata"].get("serviceConfig") or {}
        init_params = config.get("initParams") or (service or {}).get("initParams") or {}
        contents = node_contents(node, init_params)
        package = tx.get(Kind.PACKAGE, service["packageId"], private=True) if service else None
        if package is None:
            name = _free_name(tx, self.pipeline["id"], node) if service is None else service["name"]
            package = {**package_document(name, self.pipeline["projectId"], self.creator, self.now), **contents}
            tx.insert(Kind.PACKAGE, package)
        else:
            package = self._put(tx, Kind.PACKAGE, package, contents)
        if service is None:
            service = services.service_document(package["name"], package, self.creator, self.now)
            service |= {"pipelineId": self.pipeline["id"], "nodeId": node["id"], **overlaid(service, config)}
            tx.insert(Kind.SERVICE, service)
        else:
            changes = {"packageId": package["id"], "packageRevision": package["version"], "active": True}
            service = self._put(tx, Kind.SERVICE, service, {**changes, **overlaid(service, config)})
        return self._named(node, service, package)

    def _put(self, tx: Tx, kind: Kind, current: Document, changes: Mapping[str, Any]) -> Document:
        doc = revised(current, changes, self.now)
        if doc is not current:
            tx.put(kind, doc)
        return doc

    def _joined(self, tx: Tx, node: Document) -> Document:
        """A node that runs a function of a service that stands by itself."""
        found = tx.find(Kind.SERVICE, {"pageSize": 1}, where={"name": node["namespace"]["serviceName"]}).items
        if not found:
            return node
        package = tx.get(Kind.PACKAGE, found[0].get("packageId") or "") or {}
        return self._named(node, found[0], package)

    def _named(self, node: Document, service: Mapping[str, Any], package: Mapping[str, Any]) -> Document:
        given = node["namespace"]
        only = [each["name"] for module in package.get("modules") or () for each in module.get("functions") or ()]
        namespace = {
            **given,
            "functionName": given.get("functionName") or (only[0] if only else "run"),
            "serviceName": service["name"],
            "packageName": package.get("name"),
            "moduleName": given.get("moduleName") or service.get("moduleName") or DEFAULT_MODULE,
            "projectName": given.get("projectName") or self.project_name,
        }
        return {**copy.deepcopy(node), "namespace": namespace}


def services_of(tx: Tx, pipeline_id: str) -> list[Document]:
    """The services that were made for the pipeline's nodes, with what is private."""
    found = tx.find(Kind.SERVICE, {"pageSize": 1000}, where={"pipelineId": pipeline_id}).items
    return [doc for each in found if (doc := tx.get(Kind.SERVICE, each["id"], private=True)) is not None]


def remove_all(tx: Tx, pipeline_id: str) -> None:
    """Deletes the pipeline's services and their packages."""
    for each in services_of(tx, pipeline_id):
        services.remove(tx, each["id"])


def _free_name(tx: Tx, pipeline_id: str, node: Mapping[str, Any]) -> str:
    """`<node>-<short id>`: the same for a node of a pipeline, always, and nobody else's."""
    slug = re.sub("[^a-z0-9]+", "-", str(node["name"]).lower()).strip("-")[:_LONGEST_SLUG].strip("-") or "node"
    digest = hashlib.sha256(f"{pipeline_id}/{node['id']}".encode()).hexdigest()
    for length in range(8, len(digest)):
        name = f"{slug}-{digest[:length]}"
        if not tx.find(Kind.SERVICE, {"pageSize": 1}, where={"name": name}).items:
            return name
    raise AssertionError(f"every name for node {node['id']} is taken")  # 56 services would have to be named after it
