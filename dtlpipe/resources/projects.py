"""Projects: what holds datasets, pipelines and services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import NotFound
from dtlpipe.model import data as nouns
from dtlpipe.model.struct import Struct
from dtlpipe.resources.entity import Entity, required, sure_of
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation
from dtlpipe.sansio.pages import Pages, listing

if TYPE_CHECKING:
    from dtlpipe.resources.apps import Apps, Dpks
    from dtlpipe.resources.datasets import Datasets
    from dtlpipe.resources.executions import Executions
    from dtlpipe.resources.packages import Packages
    from dtlpipe.resources.pipelines import Pipelines
    from dtlpipe.resources.recipes import Recipes
    from dtlpipe.resources.services import Services
    from dtlpipe.resources.triggers import Triggers


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Project(Entity[Colour], nouns.Project):  # type: ignore[misc]  # entities are hashed by id
    """A project. Its collections (`project.datasets`, `project.pipelines`, ...) look only inside it."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Project

    @property
    def datasets(self) -> Datasets[Colour]:
        """Its datasets."""
        from dtlpipe.resources.datasets import Datasets

        return Datasets(session=self._session, project=self, project_id=self.id)

    @property
    def pipelines(self) -> Pipelines[Colour]:
        """Its pipelines."""
        from dtlpipe.resources.pipelines import Pipelines

        return Pipelines(session=self._session, project=self, project_id=self.id)

    @property
    def services(self) -> Services[Colour]:
        """Its services."""
        from dtlpipe.resources.services import Services

        return Services(session=self._session, project_id=self.id)

    @property
    def triggers(self) -> Triggers[Colour]:
        """Its triggers, those of its pipelines too."""
        from dtlpipe.resources.triggers import Triggers

        return Triggers(session=self._session, project_id=self.id)

    @property
    def packages(self) -> Packages[Colour]:
        """Its packages."""
        from dtlpipe.resources.packages import Packages

        return Packages(session=self._session, project_id=self.id)

    @property
    def dpks(self) -> Dpks[Colour]:
        """What it has published."""
        from dtlpipe.resources.apps import Dpks

        return Dpks(session=self._session, project_id=self.id)

    @property
    def apps(self) -> Apps[Colour]:
        """What is installed in it."""
        from dtlpipe.resources.apps import Apps

        return Apps(session=self._session, project_id=self.id)

    @property
    def recipes(self) -> Recipes[Colour]:
        """Its recipes."""
        from dtlpipe.resources.recipes import Recipes

        return Recipes(session=self._session, project_id=self.id)

    @property
    def executions(self) -> Executions[Colour]:
        """The executions of its services and of its pipelines' nodes."""
        from dtlpipe.resources.executions import Executions

        return Executions(session=self._session, project_id=self.id)

    @operation
    def update(self, system_metadata: bool = False) -> Op[Project[Colour]]:  # noqa: FBT001, FBT002 - the field's own signature
        """Sends what was changed here since the platform last answered; does nothing if nothing was.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        changed = self._changes()
        if changed:
            params = {"system": "true"} if system_metadata else None
            response: Response = yield Request("PATCH", f"/projects/{self.id}", json=changed, params=params)
            self._absorb(response.json())
        return self

    @operation
    def delete(self, sure: bool = False, really: bool = False) -> Op[bool]:  # noqa: FBT001, FBT002
        """Deletes it and all that it holds. Asks for `sure=True, really=True`.

        Raises:
            SDKError: without both of them.
        """
        sure_of("project", self.name, sure=sure, really=really)
        yield Request("DELETE", f"/projects/{self.id}")
        return True


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Projects(Bound[Colour]):
    """The projects of a platform."""

    def _project(self, data: Any) -> Project[Colour]:
        return Project.from_wire(data, session=self._session)

    @operation
    def create(self, project_name: str) -> Op[Project[Colour]]:
        """Creates a project.

        Raises:
            Conflict: there is one of that name.
        """
        response: Response = yield Request("POST", "/projects", form={"name": project_name}, once=True)
        return self._project(response.json())

    @operation
    def get(self, project_name: str | None = None, project_id: str | None = None) -> Op[Project[Colour]]:
        """The project of that id or name.

        Raises:
            NotFound: there is none, or more than one of that name.
        """
        if project_id is not None:
            response: Response = yield Request("GET", f"/projects/{quote(project_id, safe='')}")
            return self._project(response.json())
        name = required(project_name, "project_name or project_id")
        response = yield Request("GET", f"/projects/{quote(name, safe='')}/name")
        found = response.json()
        found = found if isinstance(found, list) else [found]
        if len(found) != 1:
            raise NotFound(f"there are {len(found)} projects called {name!r}", hint="get it by project_id")
        return self._project(found[0])

    @listing
    def list(self) -> Pages[Project[Colour], Colour]:
        """All projects that this identity may see."""
        return Pages(self._session, "/projects", self._project)

    @operation
    def update(self, project: Project[Colour], system_metadata: bool = False) -> Op[Project[Colour]]:  # noqa: FBT001, FBT002
        """Sends a project's changes, as `project.update()`."""
        return (yield from project.update.op(project, system_metadata))

    @operation
    def delete(
        self,
        project_name: str | None = None,
        project_id: str | None = None,
        sure: bool = False,  # noqa: FBT001, FBT002
        really: bool = False,  # noqa: FBT001, FBT002
    ) -> Op[bool]:
        """Deletes the project of that id or name, and all that it holds. Asks for `sure=True, really=True`."""
        sure_of("project", project_name or project_id or "", sure=sure, really=really)
        project = yield from self.get.op(self, project_name, project_id)
        return (yield from project.delete.op(project, sure, really))
