"""Packages: versioned code that services run."""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import BadRequest, CodeNotShippable, NotFound
from dtlpipe.model import package as nouns
from dtlpipe.model.enums import FiltersResource, PackageInputType
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct
from dtlpipe.resources import codebases
from dtlpipe.resources.entity import Entity, required
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation
from dtlpipe.sansio.pages import Pages, listing, query_pages


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Package(Entity[Colour], nouns.Package):  # type: ignore[misc]  # entities are hashed by id
    """A package. Its modules have functions; a service runs one of its revisions."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Package

    def _address(self) -> str:
        return f"/packages/{quote(self.id, safe='')}"

    @operation
    def refresh(self) -> Op[Package[Colour]]:
        """Takes over what the platform knows now; changes that were not sent are lost."""
        response: Response = yield Request("GET", self._address())
        return self._absorb(response.json())

    @operation
    def update(self) -> Op[Package[Colour]]:
        """Sends what was changed here, as a new revision. Raises NotFound, Conflict for a name that is taken."""
        changed = self._changes()
        if changed:
            response: Response = yield Request("PATCH", self._address(), json=changed)
            self._absorb(response.json())
        return self

    @operation
    def revisions(self) -> Op[list[nouns.Package]]:
        """What it was, the newest first."""
        response: Response = yield Request("GET", f"{self._address()}/revisions")
        return [nouns.Package.from_wire(each) for each in response.json()]

    @operation
    def delete(self) -> Op[bool]:
        """Deletes it. Raises Conflict while a service runs it."""
        yield Request("DELETE", self._address())
        return True


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Packages(Bound[Colour]):
    """The packages of a project, or of all."""

    project_id: str | None = None

    def _package(self, data: Mapping[str, Any]) -> Package[Colour]:
        return Package.from_wire(data, session=self._session)

    def _pages(self, filters: Filters | None) -> Pages[Package[Colour], Colour]:
        query = Filters(resource=FiltersResource.PACKAGE) if filters is None else copy.deepcopy(filters)
        if self.project_id and not query.has_field("projectId"):
            query.add("projectId", self.project_id)
        return query_pages(self._session, "/query/faas", query, self._package)

    @operation
    def get(self, package_name: str | None = None, package_id: str | None = None) -> Op[Package[Colour]]:
        """The package of that id or name. Raises NotFound if there is none, or more than one of that name."""
        if package_id is not None:
            response: Response = yield Request("GET", f"/packages/{quote(package_id, safe='')}")
            return self._package(response.json())
        name = required(package_name, "package_name or package_id")
        pages = self._pages(Filters("name", name, resource=FiltersResource.PACKAGE))
        yield from pages.fetch()
        if pages.items_count != 1:
            hint = "get it by package_id" if pages.items_count else None
            raise NotFound(f"there are {pages.items_count} packages called {name!r}", hint=hint)
        return pages.items[0]

    @listing
    def list(self, filters: Filters | None = None) -> Pages[Package[Colour], Colour]:
        """The packages that match."""
        return self._pages(filters)

    @operation
    def create(
        self,
        package_name: str,
        modules: builtins.list[nouns.PackageModule] | None = None,
        codebase: Mapping[str, Any] | None = None,
        project_id: str | None = None,
    ) -> Op[Package[Colour]]:
        """Creates a package.

        Args:
            package_name: unique in its project.
            modules: its modules, with their functions.
            codebase: where its code is, `{"type": "item", "itemId": id}` of a zip.
            project_id: by default this project.

        Raises:
            BadRequest: without a project.
            Conflict: the project has one of that name.
        """
        body = {
            "name": package_name,
            "projectId": required(project_id or self.project_id, "project_id, or use project.packages"),
            "modules": [each.to_wire() for each in modules or ()],
            "codebase": None if codebase is None else dict(codebase),
        }
        response: Response = yield Request("POST", "/packages", json=body, once=True)
        return self._package(response.json())

    @operation
    def push(
        self,
        package_name: str,
        src_path: codebases.Code | Callable[..., Any],
        modules: builtins.list[nouns.PackageModule] | None = None,
        project_id: str | None = None,
    ) -> Op[Package[Colour]]:
        """Uploads code, and makes a package of it, or a new revision of the one that has this name.

        Args:
            package_name: unique in its project.
            src_path: a folder, texts by file name, or a function whose source does alone.
            modules: its modules; needed for anything but a function, whose signature says them.
            project_id: by default this project.

        Raises:
            BadRequest: without a project, or without modules.
            CodeNotShippable: a function that its source alone would not do for.
            ConfigurationError: there is no such folder.
        """
        project = required(project_id or self.project_id, "project_id, or use project.packages")
        if callable(src_path):
            src_path, modules = _of_function(src_path)
        if not modules:
            raise BadRequest(f"package {package_name!r} has no modules", hint="give modules, or a function")
        said = {
            "modules": [each.to_wire() for each in modules],
            "codebase": (yield from codebases.kept(project, package_name, src_path)),
        }
        pages = self._pages(Filters("name", package_name, resource=FiltersResource.PACKAGE))
        yield from pages.fetch()
        if pages.items:
            found = pages.items[0]
            response: Response = yield Request("PATCH", f"/packages/{quote(found.id, safe='')}", json=said)
            return found._absorb(response.json())  # noqa: SLF001 - as its own `update` does
        body = {"name": package_name, "projectId": project, **said}
        response = yield Request("POST", "/packages", json=body, once=True)
        return self._package(response.json())


def _of_function(function: Callable[..., Any]) -> tuple[dict[str, str], builtins.list[nouns.PackageModule]]:
    """A package of one function: its files, and its module."""
    from dtlpipe.model.shipping import ship
    from dtlpipe.model.signature import ports_of

    shipped, ports = ship(function), ports_of(function)
    if shipped.code is None or shipped.missing:
        why = "; ".join(f"{name}: {reason}" for name, reason in shipped.missing.items())
        raise CodeNotShippable(f"{shipped.name} needs more than its source: {why}", hint="push a folder instead")
    inputs, outputs = (
        [nouns.FunctionIO(type=PackageInputType(str(each.input_type)), name=each.name) for each in side]
        for side in (ports.inputs, ports.outputs)
    )
    told = nouns.PackageFunction(name=shipped.name, inputs=inputs, outputs=outputs)
    return {"main.py": shipped.code}, [nouns.PackageModule(class_name=shipped.class_name, functions=[told])]
