"""Recipes and ontologies: which labels the items of a dataset may have."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.model import annotation as nouns
from dtlpipe.model.struct import Struct
from dtlpipe.resources.entity import Entity
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Ontology(Entity[Colour], nouns.Ontology):  # type: ignore[misc]  # entities are hashed by id
    """The labels of a recipe."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Ontology

    def _address(self) -> str:
        return f"/ontologies/{quote(self.id, safe='')}"

    @operation
    def refresh(self) -> Op[Ontology[Colour]]:
        """Takes over what the platform knows now."""
        response: Response = yield Request("GET", self._address())
        return self._absorb(response.json())

    @operation
    def add_labels(self, labels: Iterable[str | Mapping[str, Any]]) -> Op[Ontology[Colour]]:
        """Adds labels, by their tags or as `{"tag", "color"?, "attributes"?, ...}`; those that exist are replaced."""
        nodes = [{"tag": each} if isinstance(each, str) else dict(each) for each in labels]
        path = f"{self._address()}/labels"
        response: Response = yield Request("PATCH", path, json={"labelsNode": nodes, "upsert": True})
        return self._absorb(response.json())

    @operation
    def remove_labels(self, tags: Iterable[str]) -> Op[Ontology[Colour]]:
        """Takes labels out, wherever they are."""
        path = f"{self._address()}/labels"
        response: Response = yield Request("DELETE", path, json={"labelNames": list(tags)})
        return self._absorb(response.json())


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Recipe(Entity[Colour], nouns.Recipe):  # type: ignore[misc]  # entities are hashed by id
    """A recipe. Change it here, and `update()`."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Recipe

    def _address(self) -> str:
        return f"/recipes/{quote(self.id, safe='')}"

    @operation
    def refresh(self) -> Op[Recipe[Colour]]:
        """Takes over what the platform knows now; changes that were not sent are lost."""
        response: Response = yield Request("GET", self._address())
        return self._absorb(response.json())

    @operation
    def ontologies(self) -> Op[builtins.list[Ontology[Colour]]]:
        """Its ontologies."""
        found: builtins.list[Ontology[Colour]] = []
        for each in self.ontology_ids:
            response: Response = yield Request("GET", f"/ontologies/{quote(each, safe='')}")
            found.append(Ontology.from_wire(response.json(), session=self._session))
        return found

    @operation
    def update(self) -> Op[Recipe[Colour]]:
        """Sends what was changed here since the platform last answered."""
        changed = self._changes()
        if changed:
            response: Response = yield Request("PATCH", self._address(), json=changed)
            self._absorb(response.json())
        return self

    @operation
    def clone(self, *, shallow: bool = False) -> Op[Recipe[Colour]]:
        """A second recipe of the same; with ontologies of its own, unless `shallow`."""
        response: Response = yield Request("POST", f"{self._address()}/clone", json={"shallow": shallow}, once=True)
        return Recipe.from_wire(response.json(), session=self._session)

    @operation
    def delete(self) -> Op[bool]:
        """Deletes it; its ontologies stay. Raises NotFound."""
        yield Request("DELETE", self._address())
        return True


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Recipes(Bound[Colour]):
    """The recipes of a project, or of all."""

    project_id: str | None = None

    def _recipe(self, data: Mapping[str, Any]) -> Recipe[Colour]:
        return Recipe.from_wire(data, session=self._session)

    @operation
    def get(self, recipe_id: str) -> Op[Recipe[Colour]]:
        """The recipe of that id; a dataset names its own in `metadata["system"]["recipes"]`. Raises NotFound."""
        response: Response = yield Request("GET", f"/recipes/{quote(recipe_id, safe='')}")
        return self._recipe(response.json())

    @operation
    def list(self) -> Op[builtins.list[Recipe[Colour]]]:
        """All of them."""
        found: builtins.list[Recipe[Colour]] = []
        more, number = True, 0
        while more:
            params = {"projects": self.project_id, "pageOffset": number, "pageSize": 1000}
            response: Response = yield Request("GET", "/recipes", params=params)
            data = response.json()
            found += [self._recipe(each) for each in data["items"]]
            more, number = bool(data.get("hasNextPage")), number + 1
        return found

    @operation
    def create(self, title: str, labels: Iterable[str | Mapping[str, Any]] = ()) -> Op[Recipe[Colour]]:
        """A recipe with an ontology of these labels: tags, or `{"tag", "color"?, ...}`."""
        projects = [self.project_id] if self.project_id else []
        body = {"title": f"{title} ontology", "projectIds": projects, "roots": []}
        response: Response = yield Request("POST", "/ontologies", json=body, once=True)
        ontology: Ontology[Colour] = Ontology.from_wire(response.json(), session=self._session)
        if labels := list(labels):
            yield from ontology.add_labels.op(ontology, labels)
        body = {"title": title, "projectIds": projects, "ontologyIds": [ontology.id]}
        response = yield Request("POST", "/recipes", json=body, once=True)
        return self._recipe(response.json())
