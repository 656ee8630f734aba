"""Triggers: what is sent for each verb, and what is taken over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import dtlpipe as dl
from dtlpipe.errors import BadRequest, NotFound
from dtlpipe.resources.pipelines import Pipeline
from dtlpipe.resources.triggers import Trigger, Triggers

EVENT = {
    "id": "t1",
    "name": "new-photos",
    "type": "Event",
    "active": True,
    "projectId": "p1",
    "spec": {
        "filter": '{"$and": [{"dir": "/in"}]}',
        "resource": "Item",
        "actions": ["Created"],
        "executionMode": "Once",
        "input": {},
        "operation": {"type": "pipeline", "id": "pl1", "nodeId": "n1"},
    },
}
NODE = {"id": "n1", "name": "first", "type": "code", "namespace": {}, "inputs": [], "outputs": []}
PIPELINE = {
    "id": "pl1",
    "name": "pipe",
    "projectId": "p1",
    "nodes": [NODE],
    "startNodes": [{"nodeId": "n1", "type": "root"}],
}


@pytest.fixture
def trigger(paper):
    def open_(answers=None):
        session = paper(answers)
        return Trigger.from_wire(EVENT, session=session), session

    return open_


def test_a_trigger_tells_when_it_fires_and_what_it_starts(trigger):
    found, _ = trigger()
    assert found.type == dl.TriggerType.EVENT
    assert found.filters == {"$and": [{"dir": "/in"}]}
    assert (found.resource, found.actions, found.execution_mode) == ("Item", ["Created"], "Once")
    assert (found.pipeline_id, found.node_id) == ("pl1", "n1")
    assert (found.service_id, found.function_name, found.cron, found.start_at, found.end_at) == (None,) * 5


def test_an_update_sends_a_spec_whole_and_nothing_else_that_was_not_changed(trigger):
    found, session = trigger({"PATCH /triggers/t1": lambda request: {**EVENT, **request.json}})
    assert found.update() is found
    assert session.requests == []
    found.filters = dl.Filters(custom_filter={"name": "b"})
    found.actions = dl.TriggerAction.UPDATED
    found.execution_mode = dl.TriggerExecutionMode.ALWAYS
    found.resource = dl.TriggerResource.ANNOTATION
    found.input = {"n": 1}
    found.update()
    (sent,) = session.requests
    assert sent.json == {
        "spec": {
            "filter": {"name": "b"},
            "resource": "Annotation",
            "actions": ["Updated"],
            "executionMode": "Always",
            "input": {"n": 1},
            "operation": EVENT["spec"]["operation"],
        }
    }
    found.active = False
    found.update()
    assert session.requests[-1].json == {"active": False}


def test_a_schedule_is_edited_like_any_field(paper):
    spec = {"cron": "0 * * * *", "operation": {"type": "function", "serviceId": "s1", "functionName": "run"}}
    session = paper({"PATCH /triggers/t1": lambda request: {**EVENT, "type": "Cron", **request.json}})
    found = Trigger.from_wire({**EVENT, "type": "Cron", "spec": spec}, session=session)
    assert (found.service_id, found.function_name, found.filters) == ("s1", "run", {})
    found.cron = "5 * * * *"
    found.start_at, found.end_at = datetime(2026, 1, 1, tzinfo=UTC), None
    found.update()
    assert session.requests[0].json["spec"] == {
        **spec,
        "cron": "5 * * * *",
        "startAt": "2026-01-01T00:00:00.000Z",
        "endAt": None,
    }


def test_a_trigger_is_refreshed_and_deleted(trigger):
    found, session = trigger({"GET /triggers/t1": {**EVENT, "active": False}, "DELETE /triggers/t1": {"id": "t1"}})
    assert found.refresh().active is False
    assert found.delete() is True
    assert session.requests[-1].method == "DELETE"


def test_triggers_are_had_by_id_or_by_name(paper, wire):
    triggers = Triggers(session=paper({"GET /triggers/t1": EVENT, "POST /query/faas": wire.page([EVENT])}))
    assert triggers.get(trigger_id="t1").name == "new-photos"
    assert triggers.get(trigger_name="new-photos").id == "t1"
    with pytest.raises(BadRequest, match="trigger_id"):
        triggers.get()


def test_a_trigger_that_is_not_there_or_there_twice_is_an_error(paper, wire):
    triggers = Triggers(session=paper({"POST /query/faas": [wire.page([]), wire.page([EVENT, EVENT])]}))
    with pytest.raises(NotFound, match="installed"):
        triggers.get(trigger_name="new-photos")
    with pytest.raises(NotFound, match="2 triggers"):
        triggers.get(trigger_name="new-photos")


@pytest.mark.parametrize(
    ("options", "predicate"),
    [
        ({"pipeline": True}, {"spec.operation.id": "pl1"}),
        ({"service_id": "s1", "project_id": "p1"}, {"spec.operation.serviceId": "s1"}),
        ({"project_id": "p1"}, {"projectId": "p1"}),
    ],
)
def test_each_owner_lists_its_own(paper, wire, options, predicate):
    session = paper({"POST /query/faas": wire.page([EVENT])})
    if options.pop("pipeline", False):
        options["pipeline"] = Pipeline.from_wire(PIPELINE, session=session)
    assert [each.id for each in Triggers(session=session, **options).list()] == ["t1"]
    assert session.requests[0].json["resource"] == "triggers"
    assert predicate in session.requests[0].json["filter"]["$and"]


def test_one_for_a_function_is_sent_once(paper):
    session = paper({"POST /triggers": lambda request: {**EVENT, **request.json}})
    triggers = Triggers(session=session, service_id="s1", project_id="p1")
    made = triggers.create(name="t", filters=dl.Filters("dir", "/in"), actions=["Created", "Updated"], inputs={"n": 1})
    sent = session.requests[0]
    assert sent.once
    assert made.name == "t"
    assert {key: sent.json[key] for key in ("type", "active", "projectId")} == {
        "type": "Event",
        "active": True,
        "projectId": "p1",
    }
    spec = sent.json["spec"]
    assert {"dir": "/in"} in spec["filter"]["$and"]
    assert spec["actions"] == ["Created", "Updated"]
    assert spec["input"] == {"n": 1}
    assert spec["operation"] == {"type": "function", "serviceId": "s1", "functionName": "run"}
    triggers.create(trigger_type="Cron", cron="0 * * * *", end_at="2030-01-01")
    assert session.requests[1].json["spec"]["cron"] == "0 * * * *"
    assert session.requests[1].json["spec"]["endAt"] == "2030-01-01"


def test_one_for_a_pipeline_is_its_start_nodes(paper):
    session = paper({"PATCH /pipelines/pl1": lambda request: {**PIPELINE, **request.json}})
    pipeline = Pipeline.from_wire(PIPELINE, session=session)
    assert pipeline.triggers.create(execution_mode="Always", resource=dl.TriggerResource.ITEM) is True
    (start,) = session.requests[-1].json["startNodes"]
    assert start["trigger"]["spec"]["executionMode"] == "Always"
    assert start["trigger"]["spec"]["actions"] == ["Created"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "service_id"),
        ({"service_id": "s1"}, "project_id"),
        ({"service_id": "s1", "project_id": "p1", "trigger_type": "Moon"}, "Moon"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(paper, options, named):
    session = paper()
    with pytest.raises(BadRequest, match=named):
        Triggers(session=session).create(**options)
    assert session.requests == []


def test_the_collections_do_what_triggers_do(trigger):
    found, session = trigger({"GET /triggers/t1": EVENT, "PATCH /triggers/t1": EVENT, "DELETE /triggers/t1": {}})
    triggers = Triggers(session=session)
    found.active = False
    triggers.update(found)
    assert triggers.delete(trigger_id="t1") is True
    assert [each.method for each in session.requests] == ["PATCH", "GET", "DELETE"]
