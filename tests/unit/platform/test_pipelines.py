"""Pipelines as drafts: created, found, edited, deleted."""

from __future__ import annotations

import threading

import pytest

from dtlpipe.errors import BadRequest, Conflict, NotFound
from mock_server.store.base import Kind
from tests.unit.platform.building import chain, code_node, definition, edge, port, root
from tests.unit.platform.conftest import ME


def count(platform, kind):
    return platform.store.count(kind)


def test_a_pipeline_is_the_same_however_it_is_found(platform, project, create):
    made = create(chain("a", "b", variables=[{"name": "v", "type": "String", "value": "x"}]))
    query = {"filter": {"$and": [{"name": "pipeline"}, {"projectId": project["id"]}]}, "resource": "pipeline"}
    assert platform.pipelines.get(made["id"]) == made
    assert platform.pipelines.query(query) == {
        "items": [made],
        "totalItemsCount": 1,
        "totalPagesCount": 1,
        "hasNextPage": False,
    }


def test_a_null_project_means_any_project(platform, create):
    made = create(definition())
    for query in ({"projectId": None}, {"$and": [{"name": "pipeline"}, {"projectId": None}]}):
        assert platform.pipelines.query({"filter": query})["items"] == [made]


def test_a_draft_has_every_key_that_clients_read(create, project):
    made = create({"name": "p"})
    assert made["status"] == "Created"
    assert made["projectId"] == project["id"]
    assert made["creator"] == ME
    assert made["nodes"] == made["connections"] == made["startNodes"] == made["variables"] == []
    for key in ("id", "compositionId", "orgId", "createdAt", "updatedAt", "url"):
        assert made[key], key
    assert not [key for key in made if key.startswith("_")]


def test_metadata_and_unknown_keys_come_back_verbatim(platform, create):
    metadata = {"position": {"x": 370.5, "y": 217.5, "z": 0, "w": 1}, "mine": [None, {"deep": 0}]}
    node = {**code_node("a", metadata=metadata), "appName": None, "somethingNew": {"k": False}}
    made = create(definition(node, preview={"zoom": 1}, anything=[1]))
    assert made["nodes"][0] == node
    assert made["preview"] == {"zoom": 1}
    assert made["anything"] == [1]
    assert platform.pipelines.update(made["id"], made, ME)["nodes"] == [node]


def test_a_pipeline_needs_a_project_that_exists(platform):
    with pytest.raises(BadRequest, match="projectId") as refused:
        platform.pipelines.create({"name": "p"}, ME)
    assert refused.value.errors[0]["path"] == ["projectId"]
    with pytest.raises(NotFound, match="no project 'nowhere'"):
        platform.pipelines.create({"name": "p", "projectId": "nowhere"}, ME)


def test_what_can_never_be_right_is_refused_and_leaves_nothing(platform, create):
    with pytest.raises(BadRequest, match="Failed to create pipeline: Pipeline may only include 1 root node"):
        create(definition(code_node("a"), code_node("b"), starts=[root("a"), root("b")]))
    with pytest.raises(BadRequest, match=r"nodes\.0\.name: Input should be a valid string") as refused:
        create({"name": "p", "nodes": [{"name": 5}]})
    assert refused.value.errors == [{"path": ["nodes", 0, "name"], "message": "Input should be a valid string"}]
    assert count(platform, Kind.PIPELINE) == 0


def test_an_update_says_only_what_changes(platform, create):
    made = create(chain("a", "b"))
    changed = platform.pipelines.update(made["id"], {"description": "new"}, "you@example.com")
    assert changed["description"] == "new"
    assert changed["updatedBy"] == "you@example.com"
    assert changed["updatedAt"] >= made["updatedAt"]
    assert changed["nodes"] == made["nodes"]
    assert platform.pipelines.get(made["id"]) == changed


def test_an_update_cannot_change_what_is_the_platforms(platform, create):
    made = create(definition())
    forged = {
        "id": "x",
        "status": "Installed",
        "creator": "you",
        "createdAt": "never",
        "projectId": "y",
        "_revisionId": "z",
    }
    changed = platform.pipelines.update(made["id"], forged, ME)
    assert {key: changed[key] for key in made if key != "updatedAt"} == {
        key: made[key] for key in made if key != "updatedAt"
    }


def test_a_refused_update_leaves_the_pipeline_as_it_was(platform, create):
    made = create(chain("a", "b"))
    bad = [*made["connections"], edge("b.item", "a.item")]
    with pytest.raises(BadRequest, match=r"Failed to update pipeline.*form a cycle"):
        platform.pipelines.update(made["id"], {"connections": bad, "name": "other"}, ME)
    assert platform.pipelines.get(made["id"]) == made


def test_an_unknown_pipeline_is_not_found_by_any_verb(platform):
    verbs = platform.pipelines
    for call in (
        lambda: verbs.get("nope"),
        lambda: verbs.update("nope", {"name": "x"}, ME),
        lambda: verbs.update_variables("nope", {"variables": []}, ME),
        lambda: verbs.install("nope", None, ME),
        lambda: verbs.uninstall("nope", None, ME),
        lambda: verbs.reset("nope"),
        lambda: verbs.delete("nope", ME),
        lambda: verbs.revision({"id": "nope"}),
        lambda: verbs.composition("nope"),
    ):
        with pytest.raises(NotFound, match="nope"):
            call()


def test_variables_get_ids_once_and_keep_what_they_said(platform, create):
    made = create(definition())
    first = platform.pipelines.update_variables(
        made["id"], {"variables": [{"name": "v", "type": "Integer", "value": 0, "mine": True}]}, ME
    )
    (variable,) = first["variables"]
    assert variable["id"]
    assert variable["reference"] == made["id"]
    assert (variable["value"], variable["mine"]) == (0, True)
    again = platform.pipelines.update(made["id"], first, "you@example.com")
    assert again["variables"] == first["variables"]


@pytest.mark.parametrize("body", [{}, {"variables": {}}, {"variables": [{"value": 1}]}, {"variables": None}])
def test_variables_of_a_wrong_shape_are_refused(platform, create, body):
    made = create(definition())
    with pytest.raises(BadRequest, match="variables"):
        platform.pipelines.update_variables(made["id"], body, ME)


def test_edits_at_the_same_time_lose_nothing(platform, create):
    made = create(definition())
    start = threading.Barrier(8)

    def edit(number):
        start.wait()
        for turn in range(5):
            platform.pipelines.update(made["id"], {f"key{number}.{turn}": number}, ME)

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = platform.pipelines.get(made["id"])
    assert sum(key.startswith("key") for key in found) == 40


def test_deleting_ends_open_runs_and_takes_services_and_triggers_along(platform, installed):
    made = installed(chain("a", "b", startNodes=[root("a", trigger={"type": "Cron", "spec": {"cron": "* * * * *"}})]))
    run = platform.runs.start(made["id"], inputs=None, creator=ME)
    assert count(platform, Kind.SERVICE) == count(platform, Kind.PACKAGE) == 2
    platform.pipelines.delete(made["id"], ME)
    assert [each for each, _ in platform.scheduler.cancelled] == [run["id"]]
    assert [count(platform, each) for each in (Kind.PIPELINE, Kind.SERVICE, Kind.PACKAGE, Kind.TRIGGER)] == [0] * 4


def test_a_delete_that_was_cut_short_can_only_be_finished(platform, installed, monkeypatch):
    made = installed(chain("a"))
    monkeypatch.setattr(platform.runs, "stop_open", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        platform.pipelines.delete(made["id"], ME)
    monkeypatch.undo()
    assert platform.pipelines.get(made["id"])["status"] == "Terminating"
    for call in (
        lambda: platform.pipelines.update(made["id"], {"name": "x"}, ME),
        lambda: platform.pipelines.install(made["id"], None, ME),
        lambda: platform.pipelines.uninstall(made["id"], None, ME),
    ):
        with pytest.raises(Conflict, match="being deleted"):
            call()
    platform.pipelines.delete(made["id"], ME)
    assert count(platform, Kind.PIPELINE) == count(platform, Kind.SERVICE) == 0


def test_a_composition_names_what_runs(platform, installed):
    made = installed(chain("a", "b"))
    found = platform.pipelines.composition(made["compositionId"])
    assert found["pipelineId"] == made["id"]
    assert found["status"] == "Installed"
    assert [each["serviceName"] for each in found["spec"]] == [
        node["namespace"]["serviceName"] for node in made["nodes"]
    ]


class TestValidate:
    def test_a_pipeline_that_would_install_is_valid(self, platform):
        assert platform.pipelines.validate(chain("a", "b")) == {"valid": True, "errors": [], "warnings": []}

    def test_it_tells_wrong_types_without_raising(self, platform):
        said = platform.pipelines.validate({"nodes": 5})
        assert not said["valid"]
        assert said["errors"] == [{"path": ["nodes"], "message": "Input should be a valid list"}]

    def test_it_tells_what_can_never_be_right(self, platform):
        said = platform.pipelines.validate(definition(code_node("a"), starts=[root("z")]))
        assert [each["path"] for each in said["errors"]] == [["startNodes", 0, "nodeId"]]

    def test_it_tells_what_is_missing_to_run(self, platform):
        said = platform.pipelines.validate(definition(code_node("a", config=None)))
        assert [(each["node"], each["message"]) for each in said["errors"]] == [("node a", "node 'node a' has no code")]

    def test_it_stores_nothing(self, platform):
        platform.pipelines.validate(chain("a"))
        assert count(platform, Kind.PIPELINE) == 0

    def test_it_warns_of_nodes_that_no_run_reaches(self, platform):
        said = platform.pipelines.validate(definition(code_node("a"), code_node("b")))
        assert said["valid"]
        assert [each["node"] for each in said["warnings"]] == ["node b"]

    def test_it_warns_of_a_connection_that_no_action_takes(self, platform):
        body = definition(
            code_node("a", outputs=[port("item", actions=["go"])]), code_node("b"), edges=[("a.item", "b.item")]
        )
        (warning,) = platform.pipelines.validate(body)["warnings"]
        assert (warning["node"], warning["port"]) == ("node a", "item")

    def test_it_warns_of_port_types_that_the_platform_does_not_know(self, platform):
        (warning,) = platform.pipelines.validate(definition(code_node("a", inputs=[port("x", "Itme")])))["warnings"]
        assert "'Itme'" in warning["message"]
