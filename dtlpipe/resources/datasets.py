"""Datasets: where a project's items are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.model import data as nouns
from dtlpipe.model.enums import FiltersResource
from dtlpipe.model.filters import Filters
from dtlpipe.model.struct import Struct
from dtlpipe.resources.entity import Entity, required, sure_of
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, fetched, operation
from dtlpipe.sansio.pages import Pages, listing, query_pages

if TYPE_CHECKING:
    from dtlpipe.resources.annotations import Annotations
    from dtlpipe.resources.items import Items
    from dtlpipe.resources.projects import Project


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Dataset(Entity[Colour], nouns.Dataset):  # type: ignore[misc]  # entities are hashed by id
    """A dataset. `dataset.items` uploads, lists and downloads."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Dataset
    _project: Project[Colour] | None = attrs.field(default=None, alias="project", metadata={"local": True})

    @property
    def items(self) -> Items[Colour]:
        """Its items."""
        from dtlpipe.resources.items import Items

        return Items(session=self._session, dataset=self, dataset_id=self.id)

    @property
    def annotations(self) -> Annotations[Colour]:
        """Those of its items."""
        from dtlpipe.resources.annotations import Annotations

        return Annotations(session=self._session, dataset_id=self.id)

    @fetched
    def project(self) -> Op[Project[Colour]]:
        """The project that it is in."""
        if self._project is None:
            from dtlpipe.resources.projects import Projects

            projects: Projects[Colour] = Projects(session=self._session)
            self._project = yield from projects.get.op(projects, project_id=self.project_id)
        return self._project

    @operation
    def update(self, system_metadata: bool = False) -> Op[Dataset[Colour]]:  # noqa: FBT001, FBT002 - the field's signature
        """Sends what was changed here since the platform last answered; does nothing if nothing was.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        changed = self._changes()
        if changed:
            params = {"system": "true"} if system_metadata else None
            response: Response = yield Request("PATCH", f"/datasets/{self.id}", json=changed, params=params)
            self._absorb(response.json())
        return self

    @operation
    def delete(self, sure: bool = False, really: bool = False) -> Op[bool]:  # noqa: FBT001, FBT002 - the field's signature
        """Deletes it and its items. Asks for `sure=True, really=True`.

        Raises:
            SDKError: without both of them.
        """
        sure_of("dataset", self.name, sure=sure, really=really)
        yield Request("DELETE", f"/datasets/{self.id}")
        return True


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Datasets(Bound[Colour]):
    """The datasets of a project, or of all."""

    project: Project[Colour] | None = None
    project_id: str | None = None

    def _dataset(self, data: Mapping[str, Any]) -> Dataset[Colour]:
        return Dataset.from_wire(data, session=self._session, project=self.project)

    def _pages(self, filters: Filters) -> Pages[Dataset[Colour], Colour]:
        context = {"projects": [self.project_id]} if self.project_id else None
        return query_pages(self._session, "/datasets/query", filters, self._dataset, context=context)

    @operation
    def create(
        self,
        dataset_name: str,
        *,
        create_default_recipe: bool = True,
        driver_id: str | None = None,
    ) -> Op[Dataset[Colour]]:
        """Creates a dataset in this project.

        Raises:
            BadRequest: these are not a project's datasets.
            Conflict: the project has one of that name.
        """
        if not self.project_id:
            raise BadRequest("a dataset is created in a project", hint="use project.datasets.create(...)")
        body: dict[str, Any] = {
            "name": dataset_name,
            "projects": [self.project_id],
            "createDefaultRecipe": create_default_recipe,
        }
        if driver_id is not None:
            body["driver"] = driver_id
        response: Response = yield Request("POST", "/datasets", json=body, once=True)
        return self._dataset(response.json())

    @operation
    def get(self, dataset_name: str | None = None, dataset_id: str | None = None) -> Op[Dataset[Colour]]:
        """The dataset of that id or name.

        Raises:
            NotFound: there is none, or more than one of that name.
        """
        if dataset_id is not None:
            response: Response = yield Request("GET", f"/datasets/{quote(dataset_id, safe='')}")
            return self._dataset(response.json())
        name = required(dataset_name, "dataset_name or dataset_id")
        pages = self._pages(Filters("name", name, resource=FiltersResource.DATASET))
        found = [each for each in (yield from pages.collect()) if each.name == name]
        if len(found) != 1:
            many = f"{len(found)} datasets" if found else "no dataset"
            raise NotFound(f"there is {many} called {name!r}", hint="get it by dataset_id" if found else None)
        return found[0]

    @listing
    def list(
        self, name: str | None = None, creator: str | None = None, filters: Filters | None = None
    ) -> Pages[Dataset[Colour], Colour]:
        """The datasets that match, by name (`*` stands for anything), creator or filters."""
        wanted = filters or Filters(resource=FiltersResource.DATASET)
        if wanted.resource is not FiltersResource.DATASET:
            raise BadRequest(f"these filters are for {wanted.resource.value}", hint="Filters(resource='datasets')")
        if name is not None or creator is not None:
            wanted = wanted.copy()
            for field, value in (("name", name), ("creator", creator)):
                if value is not None:
                    wanted.add(field, value)
        return self._pages(wanted)

    @operation
    def update(self, dataset: Dataset[Colour], system_metadata: bool = False) -> Op[Dataset[Colour]]:  # noqa: FBT001, FBT002
        """Sends a dataset's changes, as `dataset.update()`."""
        return (yield from dataset.update.op(dataset, system_metadata))

    @operation
    def delete(
        self,
        dataset_name: str | None = None,
        dataset_id: str | None = None,
        sure: bool = False,  # noqa: FBT001, FBT002 - the field's own signature
        really: bool = False,  # noqa: FBT001, FBT002
    ) -> Op[bool]:
        """Deletes the dataset of that id or name, and its items. Asks for `sure=True, really=True`."""
        sure_of("dataset", dataset_name or dataset_id or "", sure=sure, really=really)
        dataset = yield from self.get.op(self, dataset_name, dataset_id)
        return (yield from dataset.delete.op(dataset, sure, really))
