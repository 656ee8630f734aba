"""Definitions and their lives, through the field's SDK and through ours."""

from __future__ import annotations

import uuid

import pytest

from tests.clients.steps import code, counts, every, installed, over, pipeline_of, port, ran, same, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def test_a_pipeline_is_had_by_id_and_by_name_and_is_the_same(dl, project):
    pipeline = project.pipelines.create(name="my pipe")
    assert project.pipelines.get(pipeline_id=pipeline.id).to_json() == pipeline.to_json()
    assert project.pipelines.get(pipeline_name="my pipe").to_json() == pipeline.to_json()
    assert dl.pipelines.get(pipeline_id=pipeline.id).to_json() == pipeline.to_json()
    assert [each.to_json() for each in every(project.pipelines.list())] == [pipeline.to_json()]
    start, end = code(dl, project, same, name="a"), code(dl, project, same, name="b")
    pipeline.nodes.add(start)
    start.connect(end, filters=dl.Filters(field="dir", values="/x"))
    pipeline = installed(pipeline)
    assert project.pipelines.get(pipeline_id=pipeline.id).to_json() == pipeline.to_json()
    assert project.pipelines.get(pipeline_name="my pipe").to_json() == pipeline.to_json()


def test_a_name_is_looked_for_in_its_project_or_everywhere(dl, project):
    name = f"pipe {uuid.uuid4().hex}"
    pipeline = project.pipelines.create(name=name)
    assert dl.pipelines.get(pipeline_name=name).id == pipeline.id
    other = dl.projects.create(project_name=uuid.uuid4().hex)
    with pytest.raises(dl.exceptions.NotFound):
        other.pipelines.get(pipeline_name=name)
    assert every(other.pipelines.list()) == []
    other.pipelines.create(name=name)
    assert project.pipelines.get(pipeline_name=name).id == pipeline.id
    with pytest.raises(dl.exceptions.BadRequest):
        dl.pipelines.get(pipeline_name=name)


def test_a_pipeline_is_renamed_described_and_deleted(dl, project):
    pipeline = project.pipelines.create(name="old")
    pipeline.name, pipeline.description = "new", "what it does"
    pipeline = pipeline.update()
    again = project.pipelines.get(pipeline_name="new")
    assert (again.id, again.description) == (pipeline.id, "what it does")
    assert again.delete() is True
    with pytest.raises(dl.exceptions.NotFound):
        project.pipelines.get(pipeline_id=pipeline.id)
    with pytest.raises(dl.exceptions.NotFound):
        project.pipelines.delete(pipeline_name="new")
    assert project.pipelines.list().items_count == 0


def test_a_pipeline_goes_through_its_states(dl, project, item):
    pipeline = project.pipelines.create(name="pipe")
    assert pipeline.status == "Created"
    pipeline.nodes.add(code(dl, project, same))
    pipeline = installed(pipeline)
    assert pipeline.status == dl.CompositionStatus.INSTALLED
    assert ran(pipeline, item=item.id).status == "success"
    pipeline.pause()
    pipeline = project.pipelines.get(pipeline_id=pipeline.id)
    assert pipeline.status == "Uninstalled"
    with pytest.raises(dl.exceptions.BadRequest, match="not installed"):
        pipeline.execute(execution_input={"item": item.id})
    assert pipeline.install().status == "Installed"
    pipeline = project.pipelines.get(pipeline_id=pipeline.id)
    assert ran(pipeline, item=item.id).status == "success"
    assert pipeline.pipeline_executions.list().items_count == 2


def test_nodes_and_connections_come_and_go(dl, project, item):
    pipeline = project.pipelines.create(name="pipe")
    a, b, c = (code(dl, project, same, name=name) for name in "abc")
    pipeline.nodes.add(a)
    a.connect(b)
    b.connect(c)
    pipeline = pipeline.update()
    assert [each.name for each in pipeline.nodes] == ["a", "b", "c"]
    assert pipeline.nodes.get(node_name="a").is_root()
    assert pipeline.nodes.get(node_name="b").disconnect(pipeline.nodes.get(node_name="c")) is True
    pipeline = pipeline.update()
    assert len(pipeline.connections) == 1
    assert pipeline.nodes.remove("b") is True
    pipeline = pipeline.update()
    assert [each.name for each in pipeline.nodes] == ["a", "c"]
    assert pipeline.connections == []
    pipeline.set_start_node(pipeline.nodes.get(node_name="c"))
    pipeline = installed(pipeline)
    assert states(ran(pipeline, item=item.id)) == {"a": "pending", "c": "success"}


def test_connecting_into_the_root_moves_the_root(dl, project):
    pipeline = project.pipelines.create(name="pipe")
    late, early = code(dl, project, same, name="late"), code(dl, project, same, name="early")
    pipeline.nodes.add(late)
    pipeline.nodes.add(early)
    early.connect(late)
    pipeline = pipeline.update()
    assert [each["nodeId"] for each in pipeline.start_nodes] == [early.node_id]


def test_an_installed_pipelines_structure_is_refused_and_its_settings_are_not(dl, project, item):
    a, b = code(dl, project, same, name="a"), code(dl, project, same, name="b")
    pipeline = pipeline_of(project, a, (a, b))
    changed = project.pipelines.get(pipeline_id=pipeline.id)
    changed.nodes.remove("b")
    with pytest.raises(dl.exceptions.BadRequest, match="Pipeline with installed status couldn't be updated"):
        changed.update()
    again = project.pipelines.get(pipeline_id=pipeline.id)
    assert [each.name for each in again.nodes] == ["a", "b"]
    again.nodes[0].metadata["serviceConfig"] = {"runtime": {"runnerImage": "mine:1"}, "maxAttempts": 2}
    again.description = "new"
    again = again.update()
    assert again.nodes[0].metadata["serviceConfig"]["runtime"]["runnerImage"] == "mine:1"
    assert again.status == "Installed"
    assert counts(ran(again, item=item.id)) == {"a": 1, "b": 1}


def test_a_paused_pipeline_may_be_changed_and_installed_again(dl, project, item):
    a, b = code(dl, project, same, name="a"), code(dl, project, same, name="b")
    pipeline = pipeline_of(project, a, (a, b))
    pipeline.pause()
    pipeline = project.pipelines.get(pipeline_id=pipeline.id)
    pipeline.nodes.remove("b")
    pipeline = installed(pipeline)
    assert counts(ran(pipeline, item=item.id)) == {"a": 1}
    assert len(every(project.services.list())) == 1


def test_new_code_is_run_after_the_next_install(dl, project):
    def one():
        return 1

    def two():
        return 2

    pipeline = pipeline_of(project, code(dl, project, one, [], {"n": "INT"}, name="n"))
    first = over(pipeline, pipeline.execute())
    pipeline.pause()
    pipeline = project.pipelines.get(pipeline_id=pipeline.id)
    pipeline.nodes.remove("n")
    pipeline.nodes.add(code(dl, project, two, [], {"n": "INT"}, name="n"))
    pipeline = installed(pipeline)
    second = over(pipeline, pipeline.execute())
    outputs = [next(iter(each.executions.values()))[0]["output"] for each in (first, second)]
    assert outputs == [1, 2]


def test_reset_sets_the_counters_to_zero_and_is_for_paused_pipelines(dl, project, item):
    pipeline = pipeline_of(project, code(dl, project, same))
    ran(pipeline, item=item.id)
    stats = pipeline.stats()
    assert {str(each.status): each.count for each in stats.pipeline_counters} == {"success": 1}
    (node,) = stats.node_counters
    assert node.node_id == pipeline.nodes[0].node_id
    assert stats.pipeline_averages.avg_time_per_execution > 0
    assert stats.node_averages[0].averages.avg_execution_per_day == 1
    with pytest.raises(dl.exceptions.BadRequest, match="Pipeline with installed status couldn't be updated"):
        pipeline.reset()
    assert pipeline.reset(stop_if_running=True)
    again = project.pipelines.get(pipeline_id=pipeline.id)
    assert again.status == "Uninstalled"
    assert list(again.stats().pipeline_counters) == []
    assert again.pipeline_executions.list().items_count == 1


def test_settings_are_kept(dl, project):
    pipeline = project.pipelines.create(name="pipe")
    option = dl.PipelineResumeOption.TERMINATE_EXISTING_CYCLES
    if dl.__name__ == "dtlpy":
        settings = dl.entities.pipeline.PipelineSettings(default_resume_option=option)
    else:
        settings = {"defaultResumeOption": option}
    project.pipelines.update_settings(pipeline, settings)
    again = project.pipelines.get(pipeline_id=pipeline.id)
    assert again.to_json()["settings"]["defaultResumeOption"] == "terminateExistingCycles"
    again.description = "d"
    again.update()
    assert project.pipelines.get(pipeline_id=pipeline.id).to_json()["settings"]["defaultResumeOption"] == option


def test_variables_are_kept_with_their_ids(dl, project):
    made = dl.Variable if hasattr(dl, "Variable") else dl.entities.pipeline.Variable
    pipeline = project.pipelines.create(name="pipe")
    for name, kind, value in (("text", "String", "x"), ("number", "Integer", 0), ("json", "Json", {"a": [1]})):
        pipeline.variables.append(made.from_json({"name": name, "type": kind, "value": value}))
    pipeline = pipeline.update()
    ids = [each.id for each in pipeline.variables]
    assert all(ids)
    assert {each.reference for each in pipeline.variables} == {pipeline.id}
    pipeline.update_variables_values(text="y", number=7)
    pipeline = pipeline.update()
    again = project.pipelines.get(pipeline_id=pipeline.id)
    assert [each.id for each in again.variables] == ids
    assert [each.value for each in again.variables] == ["y", 7, {"a": [1]}]
    again.variables.pop(0)
    assert [each.name for each in again.update().variables] == ["number", "json"]


def test_validate_tells_what_is_wrong_and_changes_nothing(dl, project):
    pipeline = project.pipelines.create(name="pipe")
    assert pipeline.validate()["valid"] is False
    pipeline.nodes.add(code(dl, project, same))
    assert pipeline.validate()["valid"] is True
    assert list(project.pipelines.get(pipeline_id=pipeline.id).nodes) == []
    pipeline.nodes.add(dl.DatasetNode(name="into", project_id=project.id, dataset_id="0" * 24))
    found = pipeline.validate()
    assert found["valid"] is False
    assert "into" in str(found["errors"])


def test_a_pipeline_is_copied_by_its_json(dl, project, item):
    a, b = code(dl, project, same, name="a"), code(dl, project, same, name="b")
    pipeline = pipeline_of(project, a, (a, b))
    copy = project.pipelines.create(name="copy", pipeline_json=pipeline.to_json()).install()
    assert copy.id != pipeline.id
    assert counts(ran(copy, item=item.id)) == {"a": 1, "b": 1}
    services = {each.name for each in every(project.services.list())}
    assert len(services) == 4
    copy.delete()
    assert ran(pipeline, item=item.id).status == "success"
    assert len(every(project.services.list())) == 2


def test_installing_again_terminates_open_runs_if_that_is_asked_for(dl, project, item):
    def run(item, go):
        import time

        while not go:
            time.sleep(0.01)
        return item

    pipeline = pipeline_of(project, code(dl, project, run, {"item": "ITEM", "go": "BOOLEAN"}, {"item": "ITEM"}))
    execution = pipeline.execute(execution_input={"item": item.id, "go": False})
    pipeline.install(resume_option=dl.PipelineResumeOption.TERMINATE_EXISTING_CYCLES)
    assert over(pipeline, execution).status == "terminated"
    assert ran(pipeline, item=item.id, go=True).status == "success"


def test_two_roots_are_refused_in_the_platforms_words(dl, project):
    pipeline = project.pipelines.create(name="pipe")
    a, b = code(dl, project, same, name="a"), code(dl, project, same, name="b")
    pipeline.nodes.add(a)
    pipeline.nodes.add(b)
    pipeline.start_nodes.append({"nodeId": b.node_id, "type": "root"})
    with pytest.raises(dl.exceptions.BadRequest, match="Pipeline may only include 1 root node"):
        pipeline.update()
    assert list(project.pipelines.get(pipeline_id=pipeline.id).nodes) == []


def test_ports_of_different_types_are_refused_in_the_platforms_words(dl, project):
    def text(item):
        return "x"

    def number(n):
        return n

    pipeline = project.pipelines.create(name="pipe")
    a, b = code(dl, project, text, outputs={"word": "STRING"}), code(dl, project, number, {"n": "INT"}, {"n": "INT"})
    pipeline.nodes.add(a)
    a.connect(b)
    with pytest.raises(dl.exceptions.BadRequest) as refused:
        pipeline.update()
    said = str(refused.value)
    wanted = "Failed to update pipeline: connection source and target ports must be of the same type"
    assert f"Invalid input specified, {wanted}" in said
    for name in ("text", "word", "number", "'n'"):
        assert name in said
    assert list(project.pipelines.get(pipeline_id=pipeline.id).nodes) == []


def test_a_cycle_is_refused_with_its_nodes(dl, project):
    pipeline = project.pipelines.create(name="pipe")
    start, a, b = (code(dl, project, same, name=name) for name in ("start", "here", "there"))
    pipeline.nodes.add(start)
    start.connect(a)
    a.connect(b)
    b.connect(a)
    with pytest.raises(dl.exceptions.BadRequest, match="cycle") as refused:
        pipeline.update()
    assert "here" in str(refused.value)
    assert "there" in str(refused.value)
    assert list(project.pipelines.get(pipeline_id=pipeline.id).nodes) == []


def test_a_pipeline_without_what_it_needs_is_not_installed(dl, project):
    pipeline = project.pipelines.create(name="pipe")
    with pytest.raises(dl.exceptions.BadRequest, match="no nodes"):
        pipeline.install()
    pipeline.nodes.add(dl.DatasetNode(name="into", project_id=project.id, dataset_id=""))
    with pytest.raises(dl.exceptions.BadRequest, match="must have a datasetId"):
        pipeline.update().install()
    assert project.pipelines.get(pipeline_id=pipeline.id).status == "Created"
    assert every(project.services.list()) == []


def test_inputs_of_the_wrong_type_are_refused_by_port_and_begin_nothing(dl, project, item):
    def run(item, n):
        return item

    pipeline = pipeline_of(project, code(dl, project, run, {"item": "ITEM", "n": "INT"}, {"item": "ITEM"}))
    for inputs, said in (
        ({"item": item.id, "n": "seven"}, "'n'"),
        ({"item": item.id, "n": True}, "'n'"),
        ({"item": 7, "n": 7}, "'item'"),
    ):
        with pytest.raises(dl.exceptions.BadRequest) as refused:
            pipeline.execute(execution_input=inputs)
        assert said in str(refused.value)
        assert "run" in str(refused.value)
    with pytest.raises(dl.exceptions.NotFound, match=r"0{24}"):
        pipeline.execute(execution_input={"item": "0" * 24, "n": 7})
    with pytest.raises(dl.exceptions.NotFound, match="nowhere"):
        pipeline.execute(execution_input={"item": item.id, "n": 7}, node_id="nowhere")
    assert pipeline.pipeline_executions.list().items_count == 0


def test_runs_of_other_pipelines_are_not_found_here(dl, project, item):
    one, two = (pipeline_of(project, code(dl, project, same), name=name) for name in ("one", "two"))
    run = ran(one, item=item.id)
    with pytest.raises(dl.exceptions.NotFound):
        two.pipeline_executions.get(pipeline_execution_id=run.id)
    with pytest.raises(dl.exceptions.NotFound):
        one.pipeline_executions.get(pipeline_execution_id="0" * 24)
    assert two.pipeline_executions.list().items_count == 0


def test_a_run_keeps_what_it_began_with_when_the_pipeline_changes(dl, project, item):
    a, b = code(dl, project, same, name="a"), code(dl, project, same, name="b")
    pipeline = pipeline_of(project, a, (a, b))
    run = ran(pipeline, item=item.id)
    pipeline.pause()
    changed = project.pipelines.get(pipeline_id=pipeline.id)
    changed.nodes.remove("b")
    changed.update()
    again = pipeline.pipeline_executions.get(pipeline_execution_id=run.id)
    assert states(again) == {"a": "success", "b": "success"}


def test_ports_are_kept_as_they_were_given(dl, project):
    def run(word, flag):
        return word

    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(
        code(
            dl,
            project,
            run,
            [port(dl, "word", "STRING", default_value="x", description="d"), port(dl, "flag", "BOOLEAN")],
            [port(dl, "out", "STRING", actions=["a", "b"])],
            position=(3, 2),
        )
    )
    sent = pipeline.nodes[0]
    found = project.pipelines.get(pipeline_id=pipeline.update().id).nodes[0]
    assert [each.to_json() for each in found.inputs] == [each.to_json() for each in sent.inputs]
    assert [each.to_json() for each in found.outputs] == [each.to_json() for each in sent.outputs]
    assert (found.name, found.node_id, found.node_type) == ("run", sent.node_id, "code")
    assert found.metadata["position"] == sent.metadata["position"]
