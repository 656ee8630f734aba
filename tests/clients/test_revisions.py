"""Revisions of a pipeline: listed, compared, gone back to; runs stay with what they began with."""

from __future__ import annotations

import pytest

import dtlpipe as dl
from dtlpipe import AsyncClient
from tests.clients.steps import code, port


def one(n):
    return n + 1


def ten(n):
    return n + 10


@pytest.fixture
def pipeline(project):
    """Installed three times: with `one`, with `ten` instead, and with both and a variable."""
    number = {"n": "INT"}
    pipeline = project.pipelines.create(name="pipe")
    first = code(dl, project, one, number, number)
    pipeline.nodes.add(first)
    pipeline.install()
    pipeline.pause()
    pipeline.nodes.remove("one")
    second = code(dl, project, ten, number, number)
    pipeline.nodes.add(second)
    pipeline.install()
    pipeline.pause()
    third = code(dl, project, one, number, [port(dl, "m", "INT")])
    pipeline.nodes.add(third)
    second.connect(third)
    pipeline.variables.append(dl.Variable(name="v", type=dl.PackageInputType.INT, value=1))
    return pipeline.install()


def ended(pipeline, n):
    run = pipeline.execute({"n": n}).wait(timeout=60)
    assert run.status == "success"
    return run


def test_each_install_of_something_else_is_a_revision(pipeline):
    assert [each.number for each in pipeline.revisions.list()] == [3, 2, 1]
    assert [each.current for each in pipeline.revisions.list()] == [True, False, False]
    assert [node["name"] for node in pipeline.revisions.get(1).nodes] == ["one"]
    assert pipeline.revisions.get().number == 3
    pipeline.install()
    assert pipeline.revisions.list().items_count == 3
    with pytest.raises(dl.exceptions.NotFound, match="no revision 9"):
        pipeline.revisions.get(9)


def test_a_diff_names_nodes_connections_and_variables(pipeline):
    latest = pipeline.revisions.diff()
    assert (latest.old, latest.new) == (2, 3)
    assert (latest.added, latest.removed, latest.changed) == (["one"], [], {})
    assert latest.connections == ["+ ten.n -> one.n"]
    assert latest.variables == {"v": (None, 1)}
    assert "+ node one" in str(latest)
    swapped = pipeline.revisions.diff(1, 2)
    assert (swapped.added, swapped.removed) == (["ten"], ["one"])
    assert not pipeline.revisions.diff(2, 2)


def test_a_diff_shows_code_line_by_line(project):
    pipeline = project.pipelines.create(name="pipe")
    node = code(dl, project, one, {"n": "INT"}, {"n": "INT"})
    for key in ("hash", "pickle"):
        node.config["package"].pop(key, None)  # as the field's SDK makes one
    pipeline.nodes.add(node)
    pipeline.install()
    pipeline.pause()
    node.config["package"]["code"] = node.config["package"]["code"].replace("n + 1", "n + 2")
    pipeline.install()
    told = str(pipeline.revisions.diff())
    assert "return n + 1" in next(line for line in told.splitlines() if line.lstrip().startswith("-"))
    assert "return n + 2" in next(line for line in told.splitlines() if line.lstrip().startswith("+"))


def test_going_back_makes_a_new_revision_that_runs_what_the_old_one_ran(pipeline):
    before = ended(pipeline, 1)
    assert pipeline.revisions.rollback(1) is pipeline
    assert pipeline.installed
    assert [node.name for node in pipeline.nodes] == ["one"]
    assert [each.number for each in pipeline.revisions.list()] == [4, 3, 2, 1]
    assert not pipeline.revisions.diff(1, 4).removed
    after = ended(pipeline, 1)
    assert after.outputs() == {"one": 2}
    numbers = [pipeline.pipeline_executions.get(each.id).extra["pipelineVersionNumber"] for each in (before, after)]
    assert numbers == [3, 4]


def test_a_pipeline_that_is_not_installed_goes_back_and_stays_so(pipeline):
    pipeline.pause()
    pipeline.revisions.rollback(2)
    assert not pipeline.installed
    assert [node.name for node in pipeline.nodes] == ["ten"]
    with pytest.raises(dl.exceptions.NotFound):
        pipeline.revisions.rollback(9)


async def test_revisions_are_told_to_async_clients(platform, pipeline):
    async with AsyncClient(platform.url) as client:
        found = await client.pipelines.get(pipeline_id=pipeline.id)
        assert [each.number async for each in found.revisions.list()] == [3, 2, 1]
        assert (await found.revisions.diff(1, 2)).added == ["ten"]
        assert [node.name for node in (await found.revisions.rollback(1)).nodes] == ["one"]
