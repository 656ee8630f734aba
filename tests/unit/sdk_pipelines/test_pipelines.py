"""Pipelines: what is sent for each verb, what is taken over, and how refusals read."""

import pytest

import dtlpipe as dl
from dtlpipe.errors import BadRequest, InternalServerError, NotFound, PipelineError
from dtlpipe.model.filters import Filters
from dtlpipe.resources.items import Item
from dtlpipe.resources.nodes import CodeNode
from dtlpipe.resources.pipelines import Pipeline, Pipelines


def double(item):
    return item


@pytest.fixture
def opened(paper, wire):
    """A pipeline as the platform gave it, and the paper to script further answers on."""

    def open_(answers=None, **more):
        session = paper(answers)
        return Pipeline.from_wire(wire.pipeline(**more), session=session), session

    return open_


def test_an_empty_pipeline_is_created_with_a_name_and_a_project(paper, wire):
    session = paper({"POST /pipelines": wire.pipeline()})
    pipeline = Pipelines(session=session, project_id="project1").create("first")
    assert pipeline.id == "pipe1"
    assert session.requests[0].json == {
        "name": "first",
        "projectId": "project1",
        "nodes": [],
        "connections": [],
        "startNodes": [],
        "variables": [],
    }
    assert session.requests[0].once


def test_a_pipeline_is_created_from_json_without_changing_it(paper, wire):
    session = paper({"POST /pipelines": wire.pipeline()})
    given = {"name": "old", "projectId": "other", "nodes": [{"id": "n"}]}
    Pipelines(session=session).create("new", pipeline_json=given)
    assert session.requests[0].json["name"] == "new"
    assert session.requests[0].json["projectId"] == "other"
    assert session.requests[0].json["nodes"] == [{"id": "n"}]
    assert given["name"] == "old"


def test_a_pipeline_without_a_project_or_name_is_refused_before_anything_is_sent(paper):
    session = paper()
    with pytest.raises(BadRequest, match="in a project"):
        Pipelines(session=session).create("first")
    with pytest.raises(BadRequest, match="name"):
        Pipelines(session=session, project_id="p").create()
    assert session.requests == []


def test_a_pipeline_is_had_by_id_or_by_name(paper, wire):
    session = paper({"GET /pipelines/pipe1": wire.pipeline(), "POST /pipelines/query": wire.page([wire.pipeline()])})
    pipelines = Pipelines(session=session, project_id="project1")
    assert pipelines.get(pipeline_id="pipe1").name == "first"
    assert pipelines.get(pipeline_name="first").id == "pipe1"
    assert session.requests[1].json["filter"]["$and"] == [{"name": "first"}, {"projectId": "project1"}]
    assert session.requests[1].json["resource"] == "pipeline"


def test_a_name_that_is_not_there_or_there_twice_is_an_error(paper, wire):
    session = paper({"POST /pipelines/query": [wire.page([]), wire.page([wire.pipeline()] * 2)]})
    with pytest.raises(NotFound, match="'first'"):
        Pipelines(session=session).get("first")
    with pytest.raises(BadRequest, match="2 pipelines"):
        Pipelines(session=session).get("first")


def test_ids_cannot_change_the_address(paper, wire):
    session = paper({"GET /pipelines/..%2Fusers": wire.pipeline()})
    assert Pipelines(session=session).get(pipeline_id="../users").id == "pipe1"


def test_pipelines_are_listed_page_by_page_when_they_are_needed(paper, wire):
    first, second = wire.pipeline(), wire.pipeline(id="pipe2")
    session = paper(
        {"POST /pipelines/query": [wire.page([first], total=2, more=True), wire.page([second], total=2)]},
    )
    pages = Pipelines(session=session).list()
    assert (pages.items_count, len(session.requests)) == (2, 1)
    assert [each.id for each in pages] == ["pipe1", "pipe2"]
    assert len(session.requests) == 2


def test_the_users_filters_are_not_changed_by_listing(paper, wire):
    filters = Filters("name", "x", resource="pipeline")
    Pipelines(session=paper({"POST /pipelines/query": wire.page([])}), project_id="p").list(filters)
    assert not filters.has_field("projectId")


def test_nothing_is_sent_for_what_was_not_changed(opened):
    pipeline, session = opened()
    assert pipeline.update() is pipeline
    assert session.requests == []


def test_a_change_is_sent_with_the_whole_pipeline(opened, wire):
    pipeline, session = opened({"PATCH /pipelines/pipe1": wire.pipeline(description="new")})
    pipeline.description = "new"
    assert pipeline.update() is pipeline
    assert session.asked() == ["PATCH /pipelines/pipe1"]
    assert session.requests[0].json["description"] == "new"
    assert [node["id"] for node in session.requests[0].json["nodes"]] == ["na", "nb"]


def test_settings_and_variables_are_sent_by_themselves_first(opened, wire):
    pipeline, session = opened(
        {"PATCH /pipelines/pipe1": wire.pipeline(), "PATCH /pipelines/pipe1/variables": {}},
    )
    pipeline.settings = {"defaultResumeOption": "resumeExistingCycles"}
    pipeline.update_variables_values(threshold=0)
    pipeline.update()
    assert session.asked() == [
        "PATCH /pipelines/pipe1",
        "PATCH /pipelines/pipe1/variables",
        "PATCH /pipelines/pipe1",
    ]
    assert session.requests[0].json == {"settings": {"defaultResumeOption": "resumeExistingCycles"}}
    assert session.requests[1].json["variables"][0]["value"] == 0


def test_a_variable_that_there_is_not_is_refused_with_those_there_are(opened):
    pipeline, _ = opened()
    with pytest.raises(NotFound, match="its variables: threshold"):
        pipeline.update_variables_values(treshold=1)


def test_what_the_platform_answers_is_taken_over_in_place_down_to_nodes_and_ports(opened, wire):
    pipeline, session = opened()
    node, port = pipeline.nodes[0], pipeline.nodes[0].outputs[0]
    answer = wire.pipeline(status="Installed")
    answer["nodes"][0]["namespace"]["serviceName"] = "service-a"
    answer["nodes"][0]["outputs"][0]["displayName"] = "picture"
    session.answers["POST /pipelines/pipe1/install"] = answer
    assert pipeline.install() is pipeline
    assert pipeline.status == dl.CompositionStatus.INSTALLED
    assert pipeline.nodes[0] is node
    assert node.namespace.service_name == "service-a"
    assert node.outputs[0] is port
    assert port.display_name == "picture"


def test_install_sends_what_was_not_sent_yet(opened):
    pipeline, session = opened()
    node = pipeline.nodes.add(CodeNode("c", method=double))
    pipeline.nodes[1].connect(node)
    session.answers |= {
        "PATCH /pipelines/pipe1": lambda request: request.json,
        "POST /pipelines/pipe1/install": lambda request: session.requests[0].json,
    }
    pipeline.install(resume_option=dl.PipelineResumeOption.TERMINATE_EXISTING_CYCLES)
    assert session.asked() == ["PATCH /pipelines/pipe1", "POST /pipelines/pipe1/install"]
    assert session.requests[1].json == {"resumeOption": "terminateExistingCycles"}
    assert pipeline.nodes[2] is node
    assert node.position == (780.0, 87.0)
    assert node.project_id == "project1"


def test_pause_takes_over_the_state_and_leaves_local_edits(opened, wire):
    pipeline, session = opened(
        {
            "POST /pipelines/pipe1/uninstall": {},
            "GET /pipelines/pipe1": wire.pipeline(status="Uninstalled"),
        },
        status="Installed",
    )
    pipeline.description = "mine"
    assert pipeline.pause(keep_triggers_active=True).status == "Uninstalled"
    assert session.requests[0].json == {"keepTriggersActive": True}
    assert pipeline.description == "mine"
    assert len(pipeline.nodes) == 2


def test_reset_pauses_first_if_asked_to(opened, wire):
    answers = {
        "POST /pipelines/pipe1/uninstall": {},
        "GET /pipelines/pipe1": wire.pipeline(status="Uninstalled"),
        "POST /pipelines/pipe1/reset": {},
    }
    pipeline, session = opened(answers, status="Installed")
    pipeline.reset(stop_if_running=True)
    assert session.asked("POST") == ["POST /pipelines/pipe1/uninstall", "POST /pipelines/pipe1/reset"]


def test_statistics_are_counters_by_state(opened):
    pipeline, _ = opened(
        {
            "GET /pipelines/pipe1/statistics": {
                "pipelineExecutionCounters": [{"status": "success", "count": 3}],
                "nodeExecutionsCounters": [{"nodeId": "na", "statusCount": [{"status": "failed", "count": 1}]}],
                "pipelineExecutionStatistics": {"avgTimePerExecution": 1.5},
                "nodeExecutionStatistics": [{"nodeId": "na", "executionStatistics": {"avgExecutionsPerDay": 2}}],
            }
        }
    )
    stats = pipeline.stats()
    assert (stats.count("success"), stats.count("failed")) == (3, 0)
    assert (stats.node("na").count("failed"), stats.node("nb").count("failed")) == (1, 0)
    assert stats.pipeline_averages.avg_time_per_execution == 1.5
    assert [(each.node_id, each.averages.avg_execution_per_day) for each in stats.node_averages] == [("na", 2)]


def test_validate_sends_the_pipeline_as_it_is_here(opened):
    pipeline, session = opened({"POST /pipelines/validate": {"valid": True}})
    pipeline.name = "renamed"
    assert pipeline.validate() == {"valid": True}
    assert session.requests[0].json["name"] == "renamed"


def test_delete_by_entity_id_or_name(paper, wire):
    answers = {
        "GET /pipelines/pipe1": wire.pipeline(),
        "POST /pipelines/query": wire.page([wire.pipeline()]),
        "DELETE /pipelines/pipe1": {},
    }
    for arguments in ({"pipeline_id": "pipe1"}, {"pipeline_name": "first"}):
        session = paper(answers)
        assert Pipelines(session=session).delete(**arguments)
        assert session.asked("DELETE") == ["DELETE /pipelines/pipe1"]


FORMS = {
    "a dict": lambda item: {"item": "i1", "string": "x"},
    "entities": lambda item: {"item": item, "string": "x"},
    "typed values": lambda item: [
        dl.FunctionIO(type=dl.PackageInputType.ITEM, value=item, name="item"),
        dl.FunctionIO(type=dl.PackageInputType.STRING, value="x", name="string"),
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_inputs_are_given_in_any_form(opened, wire, form):
    pipeline, session = opened({"POST /pipelines/pipe1/execute": wire.run()})
    item = Item.from_wire({"id": "i1", "datasetId": "d1"}, session=session)
    execution = pipeline.execute(FORMS[form](item))
    assert execution.id == "run1"
    assert session.requests[0].json == {"pipeline": {"input": {"item": "i1", "string": "x"}}}
    assert session.requests[0].once, "an execution that is sent twice must run once"


def test_an_execution_without_inputs_says_nothing_of_them(opened, wire):
    pipeline, session = opened({"POST /pipelines/pipe1/execute": wire.run()})
    pipeline.execute()
    assert session.requests[0].json == {"pipeline": {}}


def test_an_execution_may_be_begun_and_waited_for_in_one_request(opened, wire):
    pipeline, session = opened({"POST /pipelines/pipe1/execute": wire.run()})
    pipeline.execute(hold=60)
    assert session.requests[0].params == {"wait": 20.0}


def test_an_execution_starts_at_a_node_or_in_test_mode(opened, wire):
    pipeline, session = opened({"POST /pipelines/pipe1/execute": wire.run()})
    pipeline.execute(node_id="nb", execution_input={"item": "i1"})
    pipeline.test({"item": "i1"})
    assert session.requests[0].json == {"pipeline": {"input": {"item": "i1"}, "nodeId": "nb"}}
    assert session.requests[1].json == {"pipeline": {"input": {"item": "i1"}, "testMode": True}}


def test_the_repository_executes_by_entity_id_or_name(paper, wire):
    session = paper(
        {
            "GET /pipelines/pipe1": wire.pipeline(),
            "POST /pipelines/query": wire.page([wire.pipeline()]),
            "POST /pipelines/pipe1/execute": wire.run(),
        }
    )
    pipelines = Pipelines(session=session)
    assert pipelines.execute(pipeline_id="pipe1").id == "run1"
    assert pipelines.execute(pipeline_name="first", node_id="nb").id == "run1"
    assert pipelines.execute(pipeline=pipelines.get(pipeline_id="pipe1")).id == "run1"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429])
def test_a_refused_action_is_a_pipeline_error_and_the_error_of_its_status(opened, wire, status):
    refusal = wire.refused(status, "port 'x' is wrong", node="resize", port="x", hint="mend it", request_id="r1")
    pipeline, _ = opened({"POST /pipelines/pipe1/execute": refusal})
    with pytest.raises(PipelineError) as caught:
        pipeline.execute({"item": "i1"})
    assert isinstance(caught.value, type(refusal))
    assert caught.value.status == status
    assert (caught.value.node, caught.value.port, caught.value.hint) == ("resize", "x", "mend it")
    assert caught.value.request_id == "r1"
    assert "port 'x' is wrong" in str(caught.value)


ACTIONS = {
    "install": ("POST /pipelines/pipe1/install", lambda pipeline: pipeline.install()),
    "pause": ("POST /pipelines/pipe1/uninstall", lambda pipeline: pipeline.pause()),
    "reset": ("POST /pipelines/pipe1/reset", lambda pipeline: pipeline.reset()),
    "delete": ("DELETE /pipelines/pipe1", lambda pipeline: pipeline.delete()),
    "test": ("POST /pipelines/pipe1/execute", lambda pipeline: pipeline.test()),
    "batch": ("POST /pipelines/pipe1/execute", lambda pipeline: pipeline.execute_batch(dl.Filters("dir", "/a"))),
    "settings": ("PATCH /pipelines/pipe1", lambda pipeline: pipeline.update_settings({})),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_refuses_with_a_pipeline_error(opened, wire, action):
    address, act = ACTIONS[action]
    pipeline, _ = opened({address: wire.refused(400, "no")})
    with pytest.raises(PipelineError, match="no"):
        act(pipeline)


def test_a_refused_update_is_a_pipeline_error_and_keeps_the_users_edit(opened, wire):
    pipeline, session = opened({"PATCH /pipelines/pipe1": wire.refused(400, "two roots", node="b")})
    pipeline.description = "mine"
    with pytest.raises(PipelineError, match="two roots"):
        pipeline.update()
    assert pipeline.description == "mine"
    session.answers["PATCH /pipelines/pipe1"] = wire.pipeline(description="mine")
    pipeline.update()
    assert len(session.requests) == 2


def test_a_platform_that_fails_is_no_pipeline_error(opened, wire):
    pipeline, _ = opened({"POST /pipelines/pipe1/execute": wire.refused(500, "broken")})
    with pytest.raises(InternalServerError) as caught:
        pipeline.execute()
    assert not isinstance(caught.value, PipelineError)


def test_looking_for_a_pipeline_that_is_not_there_is_a_plain_not_found(paper, wire):
    session = paper({"GET /pipelines/nope": wire.refused(404)})
    with pytest.raises(NotFound) as caught:
        Pipelines(session=session).get(pipeline_id="nope")
    assert not isinstance(caught.value, PipelineError)
