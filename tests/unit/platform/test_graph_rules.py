"""What can never be right, and how it is said: with the node, the port and the place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.errors import BadRequest
from mock_server.platform.definitions import completed, edited, shape_errors
from mock_server.platform.graph_rules import draft_problems, refuse
from mock_server.platform.passing import fits
from tests.unit.platform.building import chain, code_node, definition, edge, port, root

PYTHON = "3.11"


def problems(body):
    assert shape_errors(body) == []
    return draft_problems(completed(edited({}, body)), PYTHON)


def the_problem(body):
    (found,) = problems(body)
    return found


def test_a_draft_may_lack_everything_but_its_name():
    assert problems(definition()) == []
    assert problems(definition(code_node("a", config=None), starts=[])) == []
    assert problems(definition({"name": "a", "type": "storage"}, starts=[])) == []


def test_a_diamond_with_conditions_actions_and_triggers_is_right():
    body = definition(
        code_node("a", outputs=[port("item", actions=["go", "stop"])]),
        code_node("b"),
        code_node("c"),
        code_node("d", inputs=["left", "right"]),
        edges=[
            edge("a.item", "b.item", action="go", condition=json.dumps({"$and": [{"dir": "/a/**"}]})),
            edge("a.item", "c.item", action="stop", condition="{}"),
            ("b.item", "d.left"),
            ("c.item", "d.right"),
        ],
        starts=[
            root("a", trigger={"type": "Event", "spec": {"filter": "{}", "resource": "Item", "actions": ["Created"]}})
        ],
    )
    assert problems(body) == []


@pytest.mark.parametrize("name", [None, "", "  ", "x" * 256])
def test_a_pipeline_needs_a_name_of_reasonable_length(name):
    found = draft_problems(completed({"name": name}), PYTHON)
    assert [each.path for each in found] == [("name",)]


@pytest.mark.parametrize("name", ["", "   ", "x" * 256])
def test_a_node_needs_a_name_of_reasonable_length(name):
    found = the_problem(definition(code_node("a", name=name)))
    assert found.path == ("nodes", 0, "name")


def test_two_nodes_of_one_id_are_refused():
    found = problems(definition(code_node("a"), code_node("a", name="other")))
    assert [each.path for each in found] == [("nodes", 0, "id"), ("nodes", 1, "id")]
    assert found[1].node == "other"


def test_two_inputs_of_one_port_id_are_refused():
    found = problems(definition(code_node("a", inputs=[port("x", port_id="p"), port("y", port_id="p")])))
    assert {(each.node, each.port) for each in found} == {("node a", "x"), ("node a", "y")}


def test_an_input_and_an_output_may_share_a_port_id():
    assert problems(definition(code_node("a", inputs=[port("x", port_id="p")], outputs=[port("y", port_id="p")]))) == []


def test_an_unknown_node_type_is_refused_with_the_known_ones():
    found = the_problem(definition(code_node("a", type="teapot")))
    assert found.node == "node a"
    assert "'teapot'" in found.message
    assert "storage" in found.hint


@pytest.mark.parametrize(
    ("bad", "path", "node", "port_"),
    [
        (edge("z.item", "b.item"), ("src", "nodeId"), "z", None),
        (edge("a.item", "z.item"), ("tgt", "nodeId"), "z", None),
        (edge("a.nope", "b.item"), ("src", "portId"), "node a", "nope"),
        (edge("a.item", "b.nope"), ("tgt", "portId"), "node b", "nope"),
    ],
)
def test_a_connection_to_nowhere_is_refused(bad, path, node, port_):
    found = the_problem(definition(code_node("a"), code_node("b"), edges=[bad]))
    assert found.path == ("connections", 0, *path)
    assert (found.node, found.port) == (node, port_)


def test_a_connection_into_an_output_says_so():
    found = the_problem(definition(code_node("a"), code_node("b", outputs=["out"]), edges=[("a.item", "b.out")]))
    assert "has no input port 'out'; that is an output" in found.message


def test_ports_of_different_types_are_refused_naming_both_ends():
    body = definition(code_node("a"), code_node("b", inputs=[port("count", "Integer")]), edges=[("a.item", "b.count")])
    with pytest.raises(BadRequest) as refused:
        refuse(problems(body), "Failed to update pipeline")
    error = refused.value
    assert error.message == (
        "Invalid input specified, Failed to update pipeline: connection source and target ports must be of the same "
        "type: output 'item' of node 'node a' and input 'count' of node 'node b' are Item and Integer"
    )
    assert (error.node, error.port) == ("node b", "count")
    assert error.errors[0]["path"] == ["connections", 0]


def test_a_list_may_pass_whole_or_be_spread_and_elements_be_collected():
    assert fits("Item[]", "Item")
    assert fits("Item[]", "Item[]")
    assert fits("Item", "Item[]")
    assert not fits("Item[]", "Dataset")
    assert not fits("Item", "Dataset[]")
    assert not fits("Json", "Item")


def test_elements_are_collected_only_behind_a_list_that_was_spread():
    def collecting(kind):
        return definition(
            code_node("a", outputs=[port("found", kind)]),
            code_node("b", inputs=[port("found", "Item")]),
            code_node("c", inputs=[port("items", "Item[]")]),
            edges=[("a.found", "b.found"), ("b.item", "c.items")],
        )

    assert problems(collecting("Item[]")) == []
    found = the_problem(collecting("Item"))
    assert (
        "must be of the same type: output 'item' is Item and input 'items' of node 'node c' is Item[]" in found.message
    )
    assert (found.node, found.port) == ("node c", "items")


def test_a_json_port_takes_every_plain_value_but_no_entity():
    assert fits("String", "Json")
    assert fits("Integer[]", "Json")
    assert not fits("Item", "Json")
    assert not fits("Item[]", "Json")
    assert not fits("Json", "String")


def test_a_node_may_not_feed_itself():
    found = the_problem(definition(code_node("a"), edges=[("a.item", "a.item")]))
    assert "connected to itself" in found.message
    assert found.node == "node a"


def test_an_action_that_the_port_lacks_is_refused():
    body = definition(
        code_node("a", outputs=[port("item", actions=["go"])]),
        code_node("b"),
        edges=[edge("a.item", "b.item", action="fly")],
    )
    found = the_problem(body)
    assert (found.node, found.port, found.hint) == ("node a", "item", "its actions are go")


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "a query is an object"),
        ('{"a": {"$near": 1}}', "unknown operator"),
        ('"x"', "object"),
    ],
)
def test_a_condition_that_is_no_query_is_refused(condition, said):
    found = the_problem(
        definition(code_node("a"), code_node("b"), edges=[edge("a.item", "b.item", condition=condition)])
    )
    assert said in found.message
    assert found.path == ("connections", 0, "condition")


def test_two_roots_are_refused_in_the_platforms_words():
    found = the_problem(definition(code_node("a"), code_node("b"), starts=[root("a"), root("b")]))
    assert found.message.startswith("Pipeline may only include 1 root node")
    assert "'node a', 'node b'" in found.message


@pytest.mark.parametrize(
    ("start", "step"),
    [
        (root("z"), "nodeId"),
        ({"type": "root"}, "nodeId"),
        ({"nodeId": "a", "type": "branch"}, "type"),
        ({"nodeId": "a"}, "type"),
    ],
)
def test_a_start_node_must_be_one(start, step):
    found = the_problem(definition(code_node("a"), starts=[start]))
    assert found.path == ("startNodes", 0, step)


@pytest.mark.parametrize(
    "trigger",
    [
        "soon",
        {"type": "Whim"},
        {"type": "Cron", "spec": {"cron": "now"}},
        {"type": "Cron"},
        {"type": "Event", "spec": {"filter": "{"}},
        {"type": "Event", "spec": {"filter": {"a": {"$near": 1}}}},
        {"type": "Event", "spec": {"actions": "Created"}},
        {"type": "Event", "spec": 3},
    ],
)
def test_a_trigger_must_be_one(trigger):
    found = the_problem(definition(code_node("a"), starts=[root("a", trigger=trigger)]))
    assert found.path == ("startNodes", 0, "trigger")
    assert found.node == "node a"


def test_a_cycle_is_refused_naming_its_nodes():
    body = definition(
        *(code_node(each) for each in "abcd"),
        edges=[("a.item", "b.item"), ("b.item", "c.item"), ("c.item", "d.item"), ("d.item", "b.item")],
    )
    found = the_problem(body)
    assert "'node b' -> 'node c' -> 'node d' -> 'node b'" in found.message


def test_a_long_chain_is_no_cycle_and_a_longer_one_is_too_long():
    assert problems(chain(*(f"n{number}" for number in range(1000)))) == []
    assert the_problem(chain(*(f"n{number}" for number in range(1001)))).path == ("nodes",)


def test_variables_need_names_of_their_own():
    variables = [{"name": "a"}, {"name": ""}, {"name": "a"}]
    found = problems(definition(variables=variables))
    assert [each.path[1] for each in found] == [0, 1, 2]


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ({"name": "run", "code": "def run(:\n"}, "no valid Python"),
        ({"name": "walk", "code": "def run():\n    pass\n"}, "no function 'walk'"),
        ({"name": "run", "pickle": "gASVAA==", "python": "3.4"}, "pickled by Python 3.4"),
        ({"name": "run", "code": "def run(x):\n    return x + offset\n"}, "'offset'"),
        ({"name": "run", "pickle": "not base64", "python": PYTHON}, "not base64"),
    ],
)
def test_code_that_could_not_run_here_is_refused_with_the_reason(package, said):
    found = the_problem(definition(code_node("a", config={"package": package})))
    assert said in found.message
    assert found.node == "node a"
    assert found.path == ("nodes", 0, "config", "package")


@pytest.mark.parametrize(
    ("config", "step"),
    [
        ({"executionTimeout": "long"}, "executionTimeout"),
        ({"executionTimeout": 0}, "executionTimeout"),
        ({"maxAttempts": 1.5}, "maxAttempts"),
        ({"maxAttempts": 0}, "maxAttempts"),
        ({"onReset": "dance"}, "onReset"),
        ({"runtime": {"memoryLimit": 5}}, "runtime"),
        ({"runtime": {"memoryLimit": "1GB"}}, "runtime"),
        ({"runtime": []}, "runtime"),
        ("fast", None),
    ],
)
def test_a_service_config_that_no_worker_could_follow_is_refused(config, step):
    found = the_problem(definition(code_node("a", metadata={"serviceConfig": config})))
    assert found.path[:4] == ("nodes", 0, "metadata", "serviceConfig")
    assert found.path[4:5] == ((step,) if step else ())
    assert found.node == "node a"


@pytest.mark.parametrize("query", ["{", "[1]", {"a": {"$near": 1}}, 5])
def test_a_filter_of_existing_data_must_be_a_query(query):
    metadata = {"datasetId": "d", "triggerToPipeline": {"active": True, "filter": query}}
    found = the_problem(definition(code_node("a", type="storage", metadata=metadata, config=None)))
    assert found.path == ("nodes", 0, "metadata", "triggerToPipeline", "filter")


def test_all_problems_are_told_at_once():
    body = definition(code_node("a", type="x"), code_node("b", name=""), code_node("c", type="y"))
    with pytest.raises(BadRequest, match=r"\(and 2 more\)") as refused:
        refuse(problems(body), "Failed to create pipeline")
    assert [each["path"] for each in refused.value.errors] == [
        ["nodes", 0, "type"],
        ["nodes", 1, "name"],
        ["nodes", 2, "type"],
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def mangled(draw):
    """A right definition with one value, somewhere in it, replaced by any JSON at all."""
    body = definition(
        code_node("a", outputs=[port("item", actions=["go"])], metadata={"serviceConfig": {"runtime": {}}}),
        code_node("b"),
        edges=[edge("a.item", "b.item", action="go", condition="{}")],
        starts=[root("a", trigger={"type": "Event", "spec": {"filter": {}, "actions": ["Created"]}})],
        variables=[{"name": "v", "type": "String"}],
    )
    place = body
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or draw(st.booleans()):
            place[key] = draw(JSON)
            return body
        place = place[key]


@given(mangled())
def test_whatever_is_sent_is_either_right_or_told_to_be_wrong(body):
    if not shape_errors(body):
        for each in draft_problems(completed(edited({}, body)), PYTHON):
            json.dumps(each.to_wire())
            assert each.message
