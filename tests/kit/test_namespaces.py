"""What a test makes is its own, and gone when it ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mock_server.platform.faults import FaultRule


@pytest.fixture(scope="module")
def shared(platform):
    """What a fixture of a wider scope makes, at the first need of it."""
    with platform.client() as client:
        return client.projects.create(project_name="shared of the module").id


def names(client):
    return {each.name for each in client.projects.list().all()}


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_finds_what_it_made_and_nothing_else(client, project, make_pipeline, turn):
    assert names(client) - {"shared of the module"} == {project.name}
    client.projects.create(project_name="always the same name")
    assert make_pipeline().execute({"n": turn}).wait().status == "success"
    assert client.pipeline_executions.list().items_count == 1


@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_fixture_of_a_wider_scope_made_stays(client, shared, turn):
    assert client.projects.get(project_id=shared).name == "shared of the module"
    client.projects.create(project_name="mine")
    assert names(client) == {"shared of the module", "mine"}


@pytest.mark.parametrize("turn", [1, 2])
def test_faults_and_time_do_not_outlive_a_test(platform, turn):
    assert platform.faults.list() == []
    assert abs((platform.clock.now() - datetime.now(UTC)).total_seconds()) < 3600
    platform.faults.add(FaultRule(route="*", status=500))
    platform.clock.advance(7200)


def test_a_run_that_is_left_open_is_ended_with_its_namespace(platform, client, make_pipeline):
    pipeline = make_pipeline()
    with platform.namespace(), platform.faults.add(node="answer", latency=600.0):
        run = pipeline.execute({"n": 1})
        assert platform.store.open_runs()[0].id == run.id
    assert platform.store.open_runs() == []
    assert client.pipeline_executions.list().items_count == 0
    assert pipeline.execute({"n": 1}).wait().status == "success"


def test_the_same_seed_gives_the_same_ids(platform, client):
    found = []
    for _ in range(2):
        with platform.namespace():
            platform.seed_ids(7)
            project = client.projects.create(project_name="seeded")
            dataset = project.datasets.create(dataset_name="data")
            pipeline = project.pipelines.create(name="p")
            found.append((project.id, dataset.id, pipeline.id))
    platform.seed_ids(None)
    assert found[0] == found[1]
    assert client.projects.create(project_name="seeded").id != found[0][0]


@pytest.fixture(scope="class")
def of_a_class(platform):
    with platform.client() as client:
        return client.projects.create(project_name="of a class").id


class TestOfAClass:
    """Their fixture is over when they are."""

    def test_what_was_made_for_a_class_is_there(self, client, of_a_class):
        assert "of a class" in names(client)

    def test_and_is_there_for_all_of_it(self, client, of_a_class):
        assert "of a class" in names(client)


def test_what_was_made_for_a_class_has_gone_with_it(client):
    assert "of a class" not in names(client)
