"""Projects, datasets and items: where the data is."""

from __future__ import annotations

import posixpath
from datetime import datetime
from typing import Any

import attrs

from dtlpipe.model.struct import Struct, field


@attrs.define(slots=False, kw_only=True)
class Project(Struct):
    """What holds datasets, pipelines and services."""

    id: str = field("")
    name: str = field("")
    creator: str | None = field(None)
    org: dict[str, Any] | None = field(None)
    contributors: list[Any] | None = field(None)
    role: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)


@attrs.define(slots=False, kw_only=True)
class Dataset(Struct):
    """`projects` are the ids of the projects that hold it; the first is its own."""

    id: str = field("")
    name: str = field("")
    projects: list[str] = field(factory=list)
    metadata: dict[str, Any] = field(factory=dict)
    creator: str | None = field(None)
    items_count: int | None = field(None)
    annotated: int | None = field(None)
    readonly: bool = field(default=False)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    url: str | None = field(None)

    @property
    def project_id(self) -> str | None:
        return self.projects[0] if self.projects else None


@attrs.define(slots=False, kw_only=True)
class Item(Struct):
    """One file (or folder) of a dataset.

    `filename` is its whole path, `/dir/name`; `metadata` is `{"system": {"size": bytes, "mimetype": ..., ...},
    "user": {...}}`, of which `user` is the user's own.
    """

    id: str = field("")
    dataset_id: str = field("")
    project_id: str | None = field(None)
    filename: str = field("")
    name: str = field("")
    dir: str | None = field(None)
    type: str = field("file")
    hidden: bool = field(default=False)
    metadata: dict[str, Any] = field(factory=dict)
    description: str | None = field(None)
    annotated: bool = field(default=False)
    annotations_count: int = field(0)
    spec: dict[str, Any] | None = field(None)
    creator: str | None = field(None)
    created_at: datetime | None = field(None)
    updated_at: datetime | None = field(None)
    updated_by: str | None = field(None)
    stream: str | None = field(None)
    thumbnail: str | None = field(None)
    url: str | None = field(None)
    dataset_url: str | None = field(None, wire="dataset")

    @property
    def size(self) -> int | None:
        """Bytes."""
        return (self.metadata.get("system") or {}).get("size")

    @property
    def mimetype(self) -> str | None:
        return (self.metadata.get("system") or {}).get("mimetype")

    @property
    def suffix(self) -> str:
        return posixpath.splitext(self.name)[1]
