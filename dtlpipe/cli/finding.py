"""How commands name things: by id, or by the name that people gave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dtlpipe.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from dtlpipe.client.clients import Client


def project_of(client: Client, wanted: str) -> Any:
    """The project of that id or name. Raises NotFound."""
    try:
        return client.projects.get(project_id=wanted)
    except (NotFound, BadRequest):
        return client.projects.get(project_name=wanted)


def dataset_of(client: Client, wanted: str) -> Any:
    """The dataset of that id, or PROJECT/DATASET by name. Raises NotFound."""
    project, slash, name = wanted.partition("/")
    if slash:
        return project_of(client, project).datasets.get(dataset_name=name)
    try:
        return client.datasets.get(dataset_id=wanted)
    except (NotFound, BadRequest):
        raise NotFound(f"there is no dataset of id {wanted!r}", hint="by name it is PROJECT/DATASET") from None


def pipeline_of(client: Client, wanted: str) -> Any:
    """The pipeline of that id, that name, or PROJECT/PIPELINE. Raises NotFound."""
    project, slash, name = wanted.partition("/")
    if slash:
        return project_of(client, project).pipelines.get(pipeline_name=name)
    try:
        return client.pipelines.get(pipeline_id=wanted)
    except (NotFound, BadRequest):
        return client.pipelines.get(pipeline_name=wanted)
