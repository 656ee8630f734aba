"""Apps: DPKs installed in a project. What an app brings are the services, and the triggers, of its DPK's components.

Law: an install is one transaction: an app is there with all that it brings, or not at all. What else a DPK may have
(panels, templates) is kept and shown, and nothing comes of it; models are made of what it says by whoever wants them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from dtlpipe.errors import BadRequest, Conflict
from mock_server.platform import services, triggers
from mock_server.platform.definitions import refuse_types
from mock_server.platform.documents import name as checked_name
from mock_server.platform.documents import now, require
from mock_server.platform.graph_rules import trigger_fault
from mock_server.platform.links import shown, shown_page
from mock_server.platform.packages import check_name, revised
from mock_server.platform.service_config import TAKEN_OVER, config_errors, default_runtime
from mock_server.platform.shelves import Shelf
from mock_server.store.base import Document, Kind, Tx

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

SHELF = Shelf("app")
ACTIVE = "Installed"
RESTING = "Uninstalled"

#: What a service of a DPK, or its compute config, may say of how it runs.
_CONFIG = ("runtime", *TAKEN_OVER, "botUserName", "useUserJwt")


class Apps:
    """What was installed from DPKs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def get(self, app_id: str) -> Document:
        """Raises NotFound."""
        return self._shown(SHELF.get(self._platform.store, app_id))

    def query(self, body: Mapping[str, Any]) -> Document:
        """A page of apps."""
        page = SHELF.find(self._platform.store, body)
        return shown_page(
            self._platform, "apps", attrs.evolve(page, items=[self._with_dpk(each) for each in page.items])
        )

    def install(self, body: Mapping[str, Any], creator: str) -> Document:
        """An app of the DPK `dpkName`, at `dpkVersion` or its latest, in the project `projectId`.

        Raises BadRequest, NotFound for project and DPK, Conflict if it is installed there or a service's name is taken.
        """
        name = checked_name(body.get("name") or body.get("dpkName"), "app")
        project_id, dpk_name, version = (_text(body, key) for key in ("projectId", "dpkName", "dpkVersion"))
        if not project_id or not dpk_name:
            missing = "dpkName" if project_id else "projectId"
            raise BadRequest("", errors=[{"path": [missing], "message": "a text is needed here"}])
        given = body.get("customInstallation") or {}
        if not isinstance(given, Mapping):
            raise BadRequest("", errors=[{"path": ["customInstallation"], "message": "an object is needed here"}])

        def intent(tx: Tx) -> Document:
            require(tx, Kind.PROJECT, project_id)
            dpk = self._platform.dpks.named(tx, dpk_name, version)
            for other in SHELF.every(tx, projectId=project_id):
                if dpk["name"] == other["dpkName"] or name == other["name"]:
                    raise Conflict(
                        f"the project has an app {other['name']!r} of DPK {other['dpkName']!r} already",
                        hint="update that one, or uninstall it first",
                    )
            app = SHELF.new(_app(body, name, dpk), creator)
            self._bring(tx, app, dpk, _components(dpk, given))
            SHELF.put(tx, app)
            return app

        return self._shown(self._platform.store.write(intent))

    def update(self, app_id: str, body: Mapping[str, Any]) -> Document:
        """Brings the app to `dpkVersion`, and takes over its settings. Its services keep their ids."""
        version = _text(body, "dpkVersion")

        def intent(tx: Tx) -> Document:
            app = SHELF.get(tx, app_id)
            dpk = self._platform.dpks.named(tx, app["dpkName"], version or app["dpkVersion"])
            changes = {key: body[key] for key in ("settings", "customInstallation") if key in body}
            app |= {**changes, "dpkVersion": dpk["version"], "dpkId": dpk["id"], "updatedAt": now()}
            self._bring(tx, app, dpk, _components(dpk, app.get("customInstallation") or {}))
            SHELF.put(tx, app)
            return app

        return self._shown(self._platform.store.write(intent))

    def set_active(self, app_id: str, *, active: bool) -> Document:
        """Pauses or resumes all that it brought. Raises NotFound."""

        def intent(tx: Tx) -> Document:
            app = SHELF.get(tx, app_id) | {"status": ACTIVE if active else RESTING, "updatedAt": now()}
            for service in _services_of(tx, app_id, app["projectId"]):
                tx.put(Kind.SERVICE, revised(service, {"active": active}))
                self._platform.service_changed(tx, service["id"])
                for trigger in tx.find(Kind.TRIGGER, {"pageSize": 1000}, where={"serviceId": service["id"]}).items:
                    triggers.keep(tx, {**trigger, "active": active, "updatedAt": now()})
            tx.after_commit(self._platform.schedules_changed)
            SHELF.put(tx, app)
            return app

        return self._shown(self._platform.store.write(intent))

    def uninstall(self, app_id: str) -> None:
        """Deletes the app and what it brought. Raises NotFound."""

        def intent(tx: Tx) -> None:
            app = SHELF.get(tx, app_id)
            for service in _services_of(tx, app_id, app["projectId"]):
                services.remove(tx, service["id"])
            SHELF.delete(tx, app_id)

        self._platform.store.write(intent)

    def _shown(self, app: Document) -> Document:
        return shown(self._platform, "apps", self._with_dpk(app))

    def _with_dpk(self, app: Document) -> Document:
        """With the DPK as it was installed, of which clients make models."""
        dpk = self._platform.store.get(Kind.PACKAGE, app["dpkId"])
        return app if dpk is None else {**app, "dpk": shown(self._platform, "app-registry", dpk)}

    def _bring(self, tx: Tx, app: Document, dpk: Mapping[str, Any], components: Mapping[str, Any]) -> None:
        """Makes services and triggers what the components say."""
        configs = {each["name"]: each for each in components.get("computeConfigs") or ()}
        existing = {each["app"].get("component"): each for each in _services_of(tx, app["id"], app["projectId"])}
        by_name: dict[str, Document] = {}
        for component in components.get("services") or ():
            known = existing.pop(component["name"], None)
            by_name[component["name"]] = self._serve(tx, app, dpk, component, configs, known)
        for left in existing.values():
            services.remove(tx, left["id"])
        for service in by_name.values():
            for trigger in tx.find(Kind.TRIGGER, {"pageSize": 1000}, where={"serviceId": service["id"]}).items:
                triggers.drop(tx, trigger)
        for component in components.get("triggers") or ():
            self._listen(tx, app, component, by_name)
        tx.after_commit(self._platform.schedules_changed)

    def _serve(
        self,
        tx: Tx,
        app: Mapping[str, Any],
        dpk: Mapping[str, Any],
        component: Mapping[str, Any],
        configs: Mapping[str, Mapping[str, Any]],
        known: Document | None,
    ) -> Document:
        name = component["name"]
        check_name(name, "service")
        config = configs.get(str(component.get("computeConfig")), {})
        said = {**config, **component}
        runtime = {**default_runtime(), **(config.get("runtime") or {}), **(component.get("runtime") or {})}
        settings = {key: said[key] for key in _CONFIG if said.get(key) is not None} | {"runtime": runtime}
        refuse_types(f"service {name!r} of DPK {dpk['name']!r} is wrong", config_errors(settings))
        changes = {
            **settings,
            "packageId": dpk["id"],
            "packageRevision": dpk["version"],
            "moduleName": component.get("moduleName") or _first_module(dpk),
            "app": {
                "id": app["id"],
                "dpkId": dpk["id"],
                "dpkName": dpk["name"],
                "dpkVersion": dpk["version"],
                "component": name,
            },
        }
        if known is not None:
            doc = revised(known, changes)
            tx.put(Kind.SERVICE, doc)
            self._platform.service_changed(tx, doc["id"])
            return doc
        doc = services.service_document(_free(tx, name, app["id"]), dpk, str(app["creator"]))
        doc |= {**changes, "projectId": app["projectId"]}
        tx.insert(Kind.SERVICE, doc)
        return doc

    def _listen(
        self, tx: Tx, app: Mapping[str, Any], component: Mapping[str, Any], by_name: Mapping[str, Document]
    ) -> None:
        spec = component.get("spec") or {}
        operation = spec.get("operation") if isinstance(spec, Mapping) else None
        operation = operation if isinstance(operation, Mapping) else {}
        service = by_name.get(str(operation.get("serviceName") or operation.get("serviceId")))
        fault = trigger_fault(component)
        if fault is None and service is None:
            fault = f"its spec.operation.serviceName is none of {', '.join(map(repr, by_name)) or 'no services'}"
        if fault is not None or service is None:
            raise BadRequest(f"trigger {component['name']!r} of app {app['name']!r} is wrong: {fault}")
        target = {
            "type": "function",
            "serviceId": service["id"],
            "functionName": operation.get("functionName") or "run",
        }
        body = {**component, "spec": {**spec, "operation": target}}
        triggers.keep(tx, triggers.trigger_document(component["name"], app["projectId"], body, str(app["creator"])))


def _app(body: Mapping[str, Any], name: str, dpk: Mapping[str, Any]) -> Document:
    return {
        "name": name,
        "projectId": body["projectId"],
        "orgId": body.get("orgId"),
        "dpkId": dpk["id"],
        "dpkName": dpk["name"],
        "dpkVersion": dpk["version"],
        "compositionId": None,
        "scope": body.get("scope") or dpk.get("scope") or "project",
        "routes": {},
        "customInstallation": body.get("customInstallation") or {},
        "metadata": {"system": {"commands": {}}},
        "status": ACTIVE,
        "settings": body.get("settings") or {},
        "integrations": body.get("integrations") or [],
    }


def _components(dpk: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of the DPK; a custom installation may have its own services, triggers and compute configs instead."""
    own = given.get("components")
    return {**dpk["components"], **(own if isinstance(own, Mapping) else {})}


def _services_of(tx: Tx, app_id: str, project_id: str) -> list[Document]:
    query = {"pageSize": 1000, "filter": {"app.id": app_id}}
    found = tx.find(Kind.SERVICE, query, where={"projectId": project_id}).items
    return [doc for each in found if (doc := tx.get(Kind.SERVICE, each["id"], private=True)) is not None]


def _first_module(dpk: Mapping[str, Any]) -> str | None:
    modules = dpk.get("modules") or ()
    return str(modules[0]["name"]) if modules else None


def _free(tx: Tx, name: str, app_id: str) -> str:
    """The name itself, or with a suffix of the app's own if a service elsewhere has it."""
    if not tx.find(Kind.SERVICE, {"pageSize": 1}, where={"name": name}).items:
        return name
    return f"{name[:50].rstrip('-_.')}-{hashlib.sha256(app_id.encode()).hexdigest()[:8]}"


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if not isinstance(value, str | None):
        raise BadRequest("", errors=[{"path": [key], "message": "a text is needed here"}])
    return value
