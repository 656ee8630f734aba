"""Annotations, and what says which there may be: recipes and their ontologies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class Annotation(Struct):
    """A mark on an item. `coordinates` are as the type has them; a box has two points `{"x", "y"}`."""

    id: str = field("")
    type: str = field("")
    label: str | None = field(None)
    coordinates: Any = field(None)
    attributes: Any = field(None)
    item_id: str | None = field(None)
    dataset_id: str | None = field(None)
    metadata: dict[str, Any] = field(factory=dict)
    creator: str | None = field(None)
    updated_by: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)


@attrs.define(slots=False, kw_only=True)
class Recipe(Struct):
    """How a dataset is to be annotated: its labels are those of its ontologies."""

    id: str = field("")
    title: str = field("")
    project_ids: list[str] = field(factory=list)
    ontology_ids: list[str] = field(factory=list)
    ui_settings: dict[str, Any] = field(factory=dict)
    metadata: dict[str, Any] = field(factory=dict)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)


@attrs.define(slots=False, kw_only=True)
class Ontology(Struct):
    """Labels, as a tree `[{"value": {"tag", "color", ...}, "children": [...]}]`, and attributes."""

    id: str = field("")
    title: str = field("")
    roots: list[dict[str, Any]] = field(factory=list)
    attributes: list[Any] = field(factory=list)
    project_ids: list[str] = field(factory=list)
    metadata: dict[str, Any] = field(factory=dict)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)

    @property
    def labels(self) -> list[str]:
        """The tags of its labels; those of children after a dot: `animal.dog`."""
        return _tags(self.roots)


def _tags(roots: list[dict[str, Any]], above: str = "") -> list[str]:
    found: list[str] = []
    for root in roots:
        tag = above + str(root["value"]["tag"])
        found += [tag, *_tags(root.get("children") or [], f"{tag}.")]
    return found
