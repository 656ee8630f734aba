"""DPKs and apps: what is published of packages, and what projects have installed of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import ConfigurationError, NotFound
from dtlpipe.model import app as nouns
from dtlpipe.model.enums import FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct
from dtlpipe.resources import codebases
from dtlpipe.resources.entity import Entity, required
from dtlpipe.sansio.effects import Blocking, Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation
from dtlpipe.sansio.pages import Pages, listing, query_pages


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Dpk(Entity[Colour], nouns.Dpk):  # type: ignore[misc]  # entities are hashed by id
    """One version of a DPK. What describes it may be edited; its components and its code are those it came with."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Dpk

    def _address(self) -> str:
        return f"/app-registry/{quote(self.id, safe='')}"

    @operation
    def update(self) -> Op[Dpk[Colour]]:
        """Sends what was changed here. Raises NotFound."""
        changed = self._changes()
        if changed:
            response: Response = yield Request("PATCH", self._address(), json=changed)
            data = response.json()
            self._absorb(data.get("dpk", data))
        return self

    @operation
    def delete(self) -> Op[bool]:
        """Deletes it, in all its versions. Raises Conflict while an app is installed of it."""
        yield Request("DELETE", self._address())
        return True


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Dpks(Bound[Colour]):
    """The DPKs of a project, or of all."""

    project_id: str | None = None

    def _dpk(self, data: Mapping[str, Any]) -> Dpk[Colour]:
        return Dpk.from_wire(data, session=self._session)

    def _pages(self, filters: Filters | None) -> Pages[Dpk[Colour], Colour]:
        query = Filters(resource=FiltersResource.DPK) if filters is None else copy.deepcopy(filters)
        if self.project_id and not query.has_field("context.project"):
            query.add("context.project", self.project_id)
        return query_pages(self._session, "/app-registry/query", query, self._dpk)

    @operation
    def get(
        self, dpk_name: str | None = None, dpk_version: str | None = None, dpk_id: str | None = None
    ) -> Op[Dpk[Colour]]:
        """The DPK of that id, or of that name: its latest version, or the one that is named. Raises NotFound."""
        if dpk_id is not None:
            response: Response = yield Request("GET", f"/app-registry/{quote(dpk_id, safe='')}")
            return self._dpk(response.json())
        name = required(dpk_name, "dpk_name or dpk_id")
        pages = self._pages(Filters("name", name, resource=FiltersResource.DPK))
        yield from pages.fetch()
        if not pages.items:
            raise NotFound(f"there is no DPK {name!r}")
        latest = pages.items[0]
        if dpk_version in (None, latest.version):
            return latest
        return (yield from self.get_revisions.op(self, latest.base_id or latest.id, str(dpk_version)))

    @operation
    def get_revisions(self, dpk_id: str, version: str) -> Op[Dpk[Colour]]:
        """A version of the DPK whose id, or base id, that is. Raises NotFound."""
        address = f"/app-registry/{quote(dpk_id, safe='')}/revisions/{quote(version, safe='')}"
        response: Response = yield Request("GET", address)
        return self._dpk(response.json())

    @listing
    def list(self, filters: Filters | None = None) -> Pages[Dpk[Colour], Colour]:
        """The DPKs that match, each in its latest version."""
        return self._pages(filters)

    @operation
    def publish(
        self,
        manifest: Mapping[str, Any] | str | Path = "dataloop.json",
        local_path: codebases.Code | None = None,
        project_id: str | None = None,
    ) -> Op[Dpk[Colour]]:
        """Publishes a DPK, or a new version of one.

        Args:
            manifest: what it is, or the file that says it; `name`, `version` and `components`.
            local_path: its code: a folder, or texts by file name; by default the folder of the manifest's file.
            project_id: by default this project.

        Raises:
            ConfigurationError: the file is not there, or is no manifest.
            BadRequest: it cannot be a DPK; says what is wrong with it.
            Conflict: it has such a version already.
        """
        project = required(project_id or self.project_id, "project_id, or use project.dpks")
        if isinstance(manifest, Mapping):
            said = dict(manifest)
        else:
            said = yield Blocking(_read, Path(manifest))
            local_path = Path(manifest).expanduser().parent if local_path is None else local_path
        if local_path is not None:
            said["codebase"] = yield from codebases.kept(project, str(said.get("name")), local_path)
        said["context"] = {**(said.get("context") or {}), "project": project}
        response: Response = yield Request("POST", "/app-registry", json=said, once=True)
        return self._dpk(response.json())


def _read(file: Path) -> dict[str, Any]:
    path = file.expanduser()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the manifest {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} holds no JSON object, and so is no manifest")
    return found


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class App(Entity[Colour], nouns.App):  # type: ignore[misc]  # entities are hashed by id
    """What a project has installed. Set `dpk_version` and `update()` to bring it to another version."""

    NOUN: ClassVar[type[Struct] | None] = nouns.App

    def _address(self) -> str:
        return f"/apps/{quote(self.id, safe='')}"

    @operation
    def refresh(self) -> Op[App[Colour]]:
        """Takes over what the platform knows now; changes that were not sent are lost."""
        response: Response = yield Request("GET", self._address())
        return self._absorb(response.json())

    @operation
    def update(self, wait: bool = True) -> Op[App[Colour]]:  # noqa: FBT001, FBT002 - the field's own signature
        """Sends it as it is here; with `wait`, until that is done. Raises NotFound for a version that there is not."""
        response: Response = yield Request("PUT", self._address(), json=self.to_wire())
        self._absorb(response.json())
        return (yield from self._settled("update", wait=wait))

    @operation
    def pause(self) -> Op[App[Colour]]:
        """Its services take no more calls, and its triggers fire no more, until `resume`."""
        yield Request("POST", f"{self._address()}/deactivate", json={}, idempotent=True)
        return (yield from self.refresh.op(self))

    @operation
    def resume(self) -> Op[App[Colour]]:
        """Its services and triggers work again."""
        yield Request("POST", f"{self._address()}/activate", json={}, idempotent=True)
        return (yield from self.refresh.op(self))

    @operation
    def uninstall(self) -> Op[bool]:
        """Takes it away, with what it brought."""
        yield Request("DELETE", self._address())
        return True

    def _settled(self, verb: str, *, wait: bool) -> Op[App[Colour]]:
        """Some platforms do it on their own time, and name the command that says when."""
        from dtlpipe.resources.commands import Commands

        command_id = ((self.metadata or {}).get("system") or {}).get("commands", {}).get(verb)
        if wait and command_id and self.status in ("Initializing", "Updating"):
            commands: Commands[Colour] = Commands(session=self._session)
            yield from commands.wait.op(commands, command_id)
            yield from self.refresh.op(self)
        return self


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Apps(Bound[Colour]):
    """The apps of a project, or of all."""

    project_id: str | None = None

    def _app(self, data: Mapping[str, Any]) -> App[Colour]:
        return App.from_wire(data, session=self._session)

    def _pages(self, filters: Filters | None) -> Pages[App[Colour], Colour]:
        query = Filters(resource=FiltersResource.APP) if filters is None else copy.deepcopy(filters)
        if self.project_id and not query.has_field("projectId"):
            query.add("projectId", self.project_id)
        return query_pages(self._session, "/apps/query", query, self._app)

    @operation
    def get(self, app_name: str | None = None, app_id: str | None = None) -> Op[App[Colour]]:
        """The app of that id or name. Raises NotFound if there is none, or more than one of that name."""
        if app_id is not None:
            response: Response = yield Request("GET", f"/apps/{quote(app_id, safe='')}")
            return self._app(response.json())
        name = required(app_name, "app_name or app_id")
        pages = self._pages(Filters("name", name, resource=FiltersResource.APP))
        yield from pages.fetch()
        if pages.items_count != 1:
            hint = "get it by app_id" if pages.items_count else None
            raise NotFound(f"there are {pages.items_count} apps called {name!r}", hint=hint)
        return pages.items[0]

    @listing
    def list(self, filters: Filters | None = None) -> Pages[App[Colour], Colour]:
        """The apps that match."""
        return self._pages(filters)

    @operation
    def install(
        self,
        dpk: nouns.Dpk,
        app_name: str | None = None,
        custom_installation: Mapping[str, Any] | None = None,
        project_id: str | None = None,
        wait: bool = True,  # noqa: FBT001, FBT002 - the field's own signature
    ) -> Op[App[Colour]]:
        """Installs a DPK in this project, with its services and triggers.

        Args:
            dpk: which, and in which version.
            app_name: the DPK's by default.
            custom_installation: components instead of the DPK's own.
            project_id: by default this project.
            wait: until it is done.

        Raises:
            NotFound: there is no such DPK or project.
            Conflict: the project has it already, or a name is taken.
        """
        body = {
            "name": app_name or dpk.display_name or dpk.name,
            "projectId": required(project_id or self.project_id, "project_id, or use project.apps"),
            "dpkName": dpk.name,
            "dpkVersion": dpk.version,
            "customInstallation": None if custom_installation is None else dict(custom_installation),
        }
        said = {key: value for key, value in body.items() if value is not None}
        response: Response = yield Request("POST", "/apps", json=said, once=True)
        return (yield from self._app(response.json())._settled("install", wait=wait))  # noqa: SLF001 - its own
