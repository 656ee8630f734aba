"""Services: packages in their running form. Their names are unique on the whole platform, as clients ask by name alone.

Law: a service that belongs to a pipeline's node is made and kept by the pipeline's install; by itself it may be tuned,
paused and called, but not renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, Conflict, NotFound
from mock_server.platform import triggers
from mock_server.platform.definitions import refuse_types
from mock_server.platform.documents import now, require
from mock_server.platform.links import shown, shown_page
from mock_server.platform.packages import DEFAULT_MODULE, FIRST_VERSION, check_name, project_of, revised
from mock_server.platform.service_config import config_errors, default_runtime
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

_FIXED = frozenset(
    {
        "id",
        "url",
        "creator",
        "createdAt",
        "updatedAt",
        "version",
        "projectId",
        "orgId",
        "packageId",
        "pipelineId",
        "nodeId",
        "revisions",
    }
)


class Services:
    """What can be called."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, service_id: str) -> Document:
        """Raises NotFound."""
        return shown(self._platform, "services", self._find(service_id))

    def _find(self, service_id: str) -> Document:
        return require(self._platform.store, Kind.SERVICE, service_id, private=True)

    def named(self, name: str) -> Document | None:
        """The service of that name, if there is one."""
        found = self._platform.store.find(Kind.SERVICE, {"pageSize": 1}, where={"name": name}).items
        return found[0] if found else None

    def functions(self, service: Mapping[str, Any]) -> list[Document]:
        """What can be called in a service: `[{"name", "input", "output"}]`."""
        package = self._platform.store.get(Kind.PACKAGE, service.get("packageId") or "") or {}
        wanted = service.get("moduleName")
        modules = [each for each in package.get("modules") or () if each.get("name") == wanted]
        return [function for each in modules for function in each.get("functions") or ()]

    def query(self, body: Mapping[str, Any]) -> Document:
        """A page of services."""
        return shown_page(self._platform, "services", self._platform.store.find(Kind.SERVICE, body))

    def revisions(self, service_id: str) -> list[Document]:
        """All versions that are remembered, the newest first."""
        found = self._find(service_id)
        return [shown(self._platform, "services", each) for each in (found, *reversed(found.get("_history") or ()))]

    def status(self, service_id: str) -> Document:
        """Whether it takes calls, and how many of its calls are open."""
        found = self._find(service_id)
        waiting = {"$and": [{"serviceId": service_id}, {"latestStatus.status": {"$in": ["created", "in-progress"]}}]}
        _, count = self._platform.store.find_executions({"filter": waiting, "pageSize": 1})
        return {
            "id": found["id"],
            "name": found["name"],
            "active": found["active"],
            "status": "active" if found["active"] else "paused",
            "openExecutions": count,
        }

    # --- changing -----------------------------------------------------------------------------------------------------

    def create(self, body: Mapping[str, Any], creator: str) -> Document:
        """Raises BadRequest for what is no service, NotFound for its package, Conflict for a name that is taken."""
        refuse_types("this is not a service", config_errors(body))
        check_name(body.get("name"), "service")
        project = project_of(self._platform, body)
        package_id = body.get("packageId")
        package = self._platform.store.get(Kind.PACKAGE, package_id) if package_id else None
        if package is None:
            raise NotFound(f"there is no package {package_id!r} for service {body['name']!r} to run")
        doc = service_document(body["name"], package, creator)
        given = {key: value for key, value in body.items() if value is not None and not key.startswith("_")}
        doc.update({key: value for key, value in given.items() if key not in _FIXED})
        doc |= {"projectId": project["id"], "runtime": {**default_runtime(), **(given.get("runtime") or {})}}

        def intent(tx: Tx) -> None:
            refuse_taken(tx, doc)
            tx.insert(Kind.SERVICE, doc)

        self._platform.store.write(intent)
        return shown(self._platform, "services", doc)

    def update(self, service_id: str, body: Mapping[str, Any]) -> Document:
        """A new version with the fields given; what is the platform's to set is passed over."""
        refuse_types("this is not a service", config_errors(body))
        return self._change(service_id, {key: value for key, value in body.items() if key not in _FIXED})

    def pause(self, service_id: str) -> Document:
        """It takes no more calls until it is resumed; those accepted are run."""
        return self._change(service_id, {"active": False})

    def resume(self, service_id: str) -> Document:
        """It takes calls again."""
        return self._change(service_id, {"active": True})

    def restart(self, service_id: str) -> Document:
        """Node code is loaded anew for each version of it, so that there are no replicas to be replaced."""
        return self.get(service_id)

    def delete(self, service_id: str, *, force: bool = False) -> None:
        """Raises NotFound, and Conflict for the service of an installed pipeline, unless forced."""

        def intent(tx: Tx) -> None:
            service = require(tx, Kind.SERVICE, service_id)
            pipeline = tx.get(Kind.PIPELINE, service.get("pipelineId") or "")
            if pipeline is not None and pipeline["status"] == "Installed" and not force:
                raise Conflict(
                    f"service {service['name']!r} runs a node of pipeline {pipeline['name']!r}, which is installed",
                    hint="pause or delete the pipeline, or force it (?force=true)",
                )
            remove(tx, service_id)

        self._platform.store.write(intent)

    def _change(self, service_id: str, changes: Mapping[str, Any]) -> Document:
        changes = {key: value for key, value in changes.items() if not key.startswith("_")}

        def intent(tx: Tx) -> Document:
            current = require(tx, Kind.SERVICE, service_id, private=True)
            doc = revised(current, changes)
            if doc is current:
                return current
            if doc["name"] != current["name"]:
                if current.get("pipelineId"):
                    raise BadRequest(
                        f"service {current['name']!r} belongs to a pipeline, whose node knows it by this name",
                        hint="rename the node and install the pipeline again",
                    )
                check_name(doc["name"], "service")
                refuse_taken(tx, doc)
            tx.put(Kind.SERVICE, doc)
            self._platform.service_changed(tx, service_id)
            return doc

        return shown(self._platform, "services", self._platform.store.write(intent))


def refuse_taken(tx: Tx, doc: Mapping[str, Any]) -> None:
    """Raises Conflict if another service has the document's name."""
    if any(each["id"] != doc["id"] for each in tx.find(Kind.SERVICE, {}, where={"name": doc["name"]}).items):
        raise Conflict(
            f"there is a service {doc['name']!r} already", hint="update that one, or choose a name that is free"
        )


def remove(tx: Tx, service_id: str) -> None:
    """Deletes a service, what triggers it, and its package if it was made for this service alone."""
    service = tx.get(Kind.SERVICE, service_id)
    for trigger in tx.find(Kind.TRIGGER, {"pageSize": 1000}, where={"serviceId": service_id}).items:
        triggers.drop(tx, trigger)
    if service is not None and tx.delete(Kind.SERVICE, service_id) and service.get("pipelineId"):
        tx.delete(Kind.PACKAGE, service.get("packageId") or "")


def service_document(name: str, package: Mapping[str, Any], creator: str, at: str | None = None) -> Document:
    """A service with every key that clients read, for a package."""
    at = at or now()
    return {
        "id": new_id(),
        "name": name,
        "version": FIRST_VERSION,
        "projectId": package.get("projectId"),
        "orgId": None,
        "packageId": package["id"],
        "packageRevision": package.get("version"),
        "moduleName": DEFAULT_MODULE,
        "runtime": default_runtime(),
        "initParams": {},
        "versions": {},
        "active": True,
        "creator": creator,
        "createdAt": at,
        "updatedAt": at,
        "driverId": None,
        "secrets": [],
        "integrations": [],
        "botUserName": None,
        "useUserJwt": False,
        "global": False,
        "runExecutionAsProcess": False,
        "executionTimeout": 3600,
        "drainTime": 600,
        "onReset": "rerun",
        "maxAttempts": 1,
        "type": "regular",
        "mode": {"type": "regular"},
        "metadata": {},
        "archive": None,
        "config": None,
        "settings": None,
        "app": None,
        "scope": "project",
        "panels": [],
        "crashloop": None,
    }
