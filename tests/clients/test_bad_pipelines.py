"""Pipelines and code that can never run here, by bare requests: refused by node and port, and nothing is kept."""

from __future__ import annotations

import pytest

from tests.clients.bare import definition, edge, node, port

# --- pipelines that can never be right --------------------------------------------------


def wrong_pipelines():
    a, b, c = node("first"), node("second"), node("third")
    text = node("texts", inputs=[port("word", "String")])
    yield (
        "two roots",
        definition(a, b, startNodes=[{"nodeId": each["id"], "type": "root"} for each in (a, b)]),
        "Pipeline may only include 1 root node",
        None,
    )
    yield (
        "types of ports",
        definition(a, text, connections=[edge(a, text)]),
        "connection source and target ports must be of the same type",
        ("texts", "word"),
    )
    yield "a cycle", definition(a, b, c, connections=[edge(a, b), edge(b, c), edge(c, b)]), "cycle", ("second", None)
    yield "a node of itself", definition(a, connections=[edge(a, a)]), "connected to itself", ("first", "item")
    nowhere = {"src": {"nodeId": "first", "portId": "no"}, "tgt": edge(a, b)["tgt"]}
    yield "no such port", definition(a, b, connections=[nowhere]), "no output port 'no'", ("first", "no")
    ghost = {"src": edge(a, b)["src"], "tgt": {"nodeId": "ghost", "portId": "x"}}
    yield "no such node", definition(a, connections=[ghost]), "node 'ghost'", ("ghost", None)
    yield (
        "an action that the port lacks",
        definition(a, b, connections=[edge(a, b, action="go")]),
        "no action 'go'",
        ("first", "item"),
    )
    yield (
        "a condition that is no query",
        definition(a, b, connections=[edge(a, b, condition='{"name": {"$near": 1}}')]),
        "$near",
        ("first", "item"),
    )
    yield "a condition that is no JSON", definition(a, b, connections=[edge(a, b, condition="{")]), "not JSON", None
    yield (
        "source that is no Python",
        definition(node("broken", source="def run(:")),
        "no valid Python",
        ("broken", None),
    )
    yield (
        "source without the function",
        definition(node("empty", source="x = 1\n")),
        "no function 'run'",
        ("empty", None),
    )
    yield (
        "source that needs what is not there",
        definition(node("needy", source="def run(item):\n    return helper(item)\n")),
        "'helper'",
        ("needy", None),
    )
    yield "two nodes of one id", definition(a, {**b, "id": "first"}), "'first'", None
    yield "an unknown type of node", definition(node("odd", type="wish")), "'wish'", ("odd", None)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("wrong", [each[0] for each in wrong_pipelines()])
def test_what_can_never_be_right_is_refused_by_node_and_port_and_leaves_nothing(there, world, wrong):
    body, said, where = next(each[1:] for each in wrong_pipelines() if each[0] == wrong)
    project = world.project["id"]
    refusal = there.refused(400, "POST", "/pipelines", json={**body, "projectId": project})
    assert said in refusal["message"]
    assert "Failed to create pipeline" in refusal["message"]
    assert (
        "Failed to update pipeline"
        in there.refused(400, "PATCH", f"/pipelines/{world.pipeline['id']}", json=body)["message"]
    )
    found = there.ok("POST", "/pipelines/validate", json=body)
    assert found["valid"] is False
    assert said in str(found["errors"])
    if where is not None:
        assert refusal["node"] == where[0]
        assert refusal.get("port") == where[1]


# --- code that cannot run here --------------------------------------------------


def pickled_elsewhere(source):
    """A node as a client of Python 3.9 makes it: a pickle that this platform cannot load, and the source."""
    made = node("n", inputs=[port("n", "Integer")], outputs=[port("n", "Integer")])
    made["config"]["package"] = {
        "name": "run",
        "type": "code",
        "className": "ServiceRunner",
        "python": "3.9",
        "pickle": "gAVLAS4=",
        "code": source,
    }
    return definition(made)


HELPED = "class ServiceRunner:\n    @staticmethod\n    def run(n):\n        return helper(n)\n"
ALONE = "class ServiceRunner:\n    @staticmethod\n    def run(n):\n        return n * 2\n"


@pytest.mark.usefixtures("unchanged")
def test_a_pickle_of_another_python_is_refused_if_its_source_does_not_stand_alone(there, world):
    body = {**pickled_elsewhere(HELPED), "projectId": world.project["id"]}
    refusal = there.refused(400, "POST", "/pipelines", json=body)
    for word in ("'run'", "Python 3.9", "'helper'"):
        assert word in refusal["message"]
    assert refusal["node"] == "n"
    assert "self-contained" in refusal["hint"]
    body["nodes"][0]["config"]["package"].pop("code")
    assert "no source" in there.refused(400, "POST", "/pipelines", json=body)["message"]


def test_a_pickle_of_another_python_runs_from_source_that_stands_alone(there, world):
    body = {**pickled_elsewhere(ALONE), "projectId": world.project["id"]}
    pipeline = there.ok("POST", "/pipelines", json=body)
    there.ok("POST", f"/pipelines/{pipeline['id']}/install", json={})
    run = there.ok("POST", f"/pipelines/{pipeline['id']}/execute", json={"pipeline": {"input": {"n": 21}}})
    run = there.ok("GET", f"/pipelines/{pipeline['id']}/executions/{run['id']}?wait=30")
    assert run["status"] == "success", run
    assert run["executions"]["n"][0]["output"] == 42
