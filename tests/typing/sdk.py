"""What type checkers must say about the SDK as its users meet it: clients, entities, pages, in both colours.

Read by mypy, never run. An expected refusal is a `type: ignore` with its code; strict mode complains of those without
cause.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import assert_type

import dtlpipe as dl
from dtlpipe.model.happening import Happening
from dtlpipe.model.revision import RevisionDiff
from dtlpipe.resources.annotations import Annotation
from dtlpipe.resources.apps import App, Dpk
from dtlpipe.resources.batches import BatchRun
from dtlpipe.resources.datasets import Dataset
from dtlpipe.resources.items import Item
from dtlpipe.resources.packages import Package
from dtlpipe.resources.pipeline_executions import PipelineExecution
from dtlpipe.resources.pipelines import Pipeline
from dtlpipe.resources.projects import Project
from dtlpipe.resources.recipes import Ontology
from dtlpipe.resources.services import Service
from dtlpipe.resources.triggers import Trigger
from dtlpipe.sansio.operation import Async, Sync
from dtlpipe.sansio.pages import Pages


def a_client_gives_entities(client: dl.Client) -> None:
    project = client.projects.create("first")
    assert_type(project, Project[Sync])
    dataset = project.datasets.get(dataset_name="photos")
    assert_type(dataset, Dataset[Sync])
    assert_type(dataset.project, Project[Sync])
    item = dataset.items.get("/a.png")
    assert_type(item, Item[Sync])
    assert_type(item.update(), Item[Sync])
    assert_type(item.update(system_metadata=True).dataset, Dataset[Sync])
    assert_type(item.stream_bytes(), Iterator[bytes])
    assert_type(item.size, int | None)
    assert_type(dataset.items.download(local_path="out"), list[str])


def a_trigger_is_an_entity_and_a_service_and_a_pipeline_have_theirs(client: dl.Client) -> None:
    trigger = client.triggers.get(trigger_id="1")
    assert_type(trigger, Trigger[Sync])
    assert_type(trigger.update(), Trigger[Sync])
    assert_type(trigger.filters, dict[str, object])  # type: ignore[assert-type]
    trigger.filters = dl.Filters("dir", "/in")
    trigger.actions = dl.TriggerAction.CREATED
    trigger.filters = 3  # type: ignore[assignment]
    _ = assert_type(client.pipelines.get("pipe").triggers.list(), Pages[Trigger[Sync], Sync])
    assert_type(client.services.get("service").triggers.create(), Trigger[Sync] | bool)


def pages_are_of_entities(client: dl.Client) -> None:
    pages = client.projects.list()
    _ = assert_type(pages, Pages[Project[Sync], Sync])
    for project in pages:
        assert_type(project, Project[Sync])
    assert_type(pages[0], Project[Sync])
    assert_type(pages[1:3], list[Project[Sync]])
    assert_type(pages.items, list[Project[Sync]])
    for page in pages.pages():
        assert_type(page, list[Project[Sync]])


def the_default_client_is_sync() -> None:
    assert_type(dl.projects.get("first"), Project[Sync])
    assert_type(dl.items.get(item_id="1").name, str)
    assert_type(dl.environment(), str)


def names_of_entities_are_the_sync_ones(item: dl.Item) -> dl.Dataset:
    assert_type(item, Item[Sync])
    return item.dataset


async def an_async_client_gives_awaitables(client: dl.AsyncClient) -> None:
    project = await client.projects.create("first")
    assert_type(project, Project[Async])
    dataset = await project.datasets.get("photos")
    assert_type(dataset, Dataset[Async])
    item = await dataset.items.get("/a.png")
    _ = assert_type(item.dataset, Awaitable[Dataset[Async]])
    assert_type(await item.dataset, Dataset[Async])
    assert_type(item.stream_bytes(), AsyncIterator[bytes])
    assert_type((await item.update()).metadata["user"], object)  # type: ignore[assert-type]


async def async_pages_are_awaited_or_iterated(client: dl.AsyncClient) -> None:
    async for project in client.projects.list():
        assert_type(project, Project[Async])
    pages = await client.projects.list()
    _ = assert_type(pages, Pages[Project[Async], Async])
    assert_type(pages.items, list[Project[Async]])


async def the_wrong_colour_is_refused(sync: dl.Client, other: dl.AsyncClient) -> None:
    await sync.projects.get("x")  # type: ignore[misc]
    other.projects.get("x")  # type: ignore[unused-awaitable]
    _ = other.projects.get("x").name  # type: ignore[attr-defined]
    for _ in other.projects.list():  # type: ignore[misc]
        pass
    async for _ in sync.projects.list():  # type: ignore[misc]
        pass
    pages = await other.projects.list()
    pages[0]  # type: ignore[misc]
    sync.projects.update(await other.projects.get("x"))  # type: ignore[arg-type]


def wrong_arguments_are_refused(client: dl.Client) -> None:
    client.projects.get(name="x")  # type: ignore[call-arg]
    client.projects.get(project_id=3)  # type: ignore[arg-type]
    client.projects.create()  # type: ignore[call-arg]
    dl.nonsense()  # type: ignore[attr-defined]


async def smaller_nouns_have_both_colours(sync: dl.Client, other: dl.AsyncClient) -> None:
    item = sync.items.get(item_id="x")
    assert_type(item.annotations.upload({"type": "box"}), list[Annotation[Sync]])
    assert_type(sync.recipes.get("x").ontologies(), list[Ontology[Sync]])
    assert_type(sync.packages.get("x"), Package[Sync])
    assert_type(sync.events.follow(run_id="x"), Iterator[Happening])
    pipeline = sync.pipelines.get("x")
    assert_type(pipeline.revisions.diff(1, 2), RevisionDiff)
    assert_type(pipeline.execute_batch().cancel(), int)
    assert_type(pipeline.execute_batch().retry_failed(), BatchRun[Sync])
    project = sync.projects.get("x")
    dpk = assert_type(project.dpks.publish({"name": "x"}), Dpk[Sync])
    assert_type(project.apps.install(dpk).pause(), App[Sync])
    assert_type(project.services.deploy(func=len), Service[Sync])
    assert_type(project.packages.push("x", "folder"), Package[Sync])
    assert_type(project.triggers.clone("x"), Trigger[Sync])
    assert_type(pipeline.platform_url, str)
    assert_type(pipeline.execute_batch(on_progress=lambda done, total: None), BatchRun[Sync])
    assert_type(list(sync.pipeline_executions.as_completed([pipeline.execute()])), list[PipelineExecution[Sync]])
    _ = assert_type(await (await other.projects.get("x")).apps.list(), Pages[App[Async], Async])
    assert_type(await other.services.restart("x"), Service[Async])
    assert_type(other.events.follow(), AsyncIterator[Happening])
    assert_type(await other.packages.get("x"), Package[Async])
    assert_type(await (await other.pipelines.get("x")).revisions.rollback(1), Pipeline[Async])
