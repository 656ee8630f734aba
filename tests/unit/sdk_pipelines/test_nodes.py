"""Builders of nodes: what the field's own SDK makes, without its traps."""

import json
import threading

import dtlpy
import pytest
from dtlpy.entities.node import CodeNode as TheirCodeNode
from dtlpy.entities.node import DatasetNode as TheirDatasetNode
from dtlpy.entities.node import PipelineNode as TheirNode

import dtlpipe as dl
from dtlpipe.errors import BadRequest, CodeNotShippable
from dtlpipe.model.pipeline import PipelineNode, PipelineNodeIO
from dtlpipe.model.shipping import check
from dtlpipe.resources.nodes import CodeNode, DatasetNode, FunctionNode
from dtlpipe.resources.services import Service


def run(item):
    return item


def ports(several):
    return [(each.name, each.input_type, each.default_value) for each in several]


# -- code nodes -------------------------------------------------------------------------------------------------------


def test_a_code_node_carries_its_function():
    node = CodeNode(name="codeNode", position=(4, 4), project_id="p1", method=run, project_name="first")
    assert (node.name, node.node_type, node.project_id) == ("codeNode", "code", "p1")
    assert (node.namespace.function_name, node.namespace.project_name) == ("run", "first")
    assert "def run(item):" in node.config["package"]["code"]
    check(node.config["package"], node.config["package"]["python"])


def test_the_guides_code_node_takes_both_its_parameters():
    def run(item, string):
        item.metadata["user"] = {"userInput": string}
        item.update()
        return item

    node = CodeNode(name="codeNode", method=run, project_id="p1", project_name="first", position=(4, 4))
    assert ports(node.inputs) == [("item", "Item", None), ("string", "Json", None)]
    assert ports(node.outputs) == [("item", "Item", None)]


def test_ports_that_are_given_are_taken_as_they_are():
    given = PipelineNodeIO(name="picture", input_type="Item")
    node = CodeNode(
        "n",
        method=run,
        inputs=[given, dl.FunctionIO(type="Integer", name="size", value=0), ("mode", "String")],
        outputs=[("thumbnail", "Item")],
    )
    assert node.inputs[0] is given
    assert ports(node.inputs) == [("picture", "Item", None), ("size", "Integer", 0), ("mode", "String", None)]
    assert ports(node.outputs) == [("thumbnail", "Item", None)]


def test_no_ports_may_be_given():
    assert CodeNode("n", method=run, outputs=[]).outputs == []


def test_limits_go_into_the_service_configuration():
    node = CodeNode("n", method=run, timeout=1.5, memory="512 MiB", max_attempts=3)
    assert node.metadata["serviceConfig"] == {
        "executionTimeout": 1.5,
        "runtime": {"memoryLimit": 512 * 2**20},
        "maxAttempts": 3,
    }
    assert "serviceConfig" not in CodeNode("n", method=run).metadata


@pytest.mark.parametrize(
    ("memory", "size"), [(1000, 1000), ("1000", 1000), ("2GB", 2 * 10**9), ("1.5 gib", 3 * 2**29), ("64k", 64000)]
)
def test_memory_is_bytes_or_a_text(memory, size):
    assert CodeNode("n", method=run, memory=memory).metadata["serviceConfig"]["runtime"]["memoryLimit"] == size


@pytest.mark.parametrize(
    "limits", [{"timeout": 0}, {"memory": "much"}, {"memory": -1}, {"max_attempts": 0}, {"memory": "1i"}]
)
def test_limits_that_are_none_are_refused(limits):
    with pytest.raises(BadRequest, match=next(iter(limits))):
        CodeNode("n", method=run, **limits)


def test_a_function_that_cannot_travel_is_refused_when_the_node_is_made():
    lock = threading.Lock()
    with pytest.raises(CodeNotShippable, match="'lock'"):
        CodeNode("n", method=lambda item: lock)
    with pytest.raises(CodeNotShippable, match="no method"):
        CodeNode("n")


def test_a_lambda_runs_under_the_name_run():
    assert CodeNode("n", method=lambda value: value).namespace.function_name == "run"
    assert CodeNode("n", method=run, function_name="shrink").namespace.function_name == "shrink"


def test_a_node_is_made_again_from_its_json():
    node = CodeNode("n", method=run, timeout=5)
    again = CodeNode.from_json(node.to_json())
    assert isinstance(again, CodeNode)
    assert again.to_json() == node.to_json()
    assert isinstance(again, PipelineNode)


def shape(node_json):
    """What of a node's JSON does not depend on chance, and is the field's own."""
    ours = ("pickle", "python", "hash", "className", "requirements", "code")
    package = (node_json.get("config") or {}).get("package", {})
    return {
        "name": node_json["name"],
        "type": node_json["type"],
        "projectId": node_json["projectId"],
        "namespace": {key: value for key, value in node_json["namespace"].items() if value is not None},
        "metadata": node_json["metadata"],
        "package": {key: value for key, value in package.items() if key not in ours},
        "ports": [
            [(each["name"], each["type"], each["displayName"]) for each in node_json[side]]
            for side in ("inputs", "outputs")
        ],
    }


def test_a_code_node_has_the_shape_of_the_fields_own():
    arguments = {"name": "n", "project_id": "p1", "project_name": "first", "method": run, "position": (4, 2)}
    ours, theirs = CodeNode(**arguments).to_json(), TheirCodeNode(**arguments).to_json()
    assert shape(ours) == shape(theirs)


def test_the_fields_own_sdk_reads_our_nodes():
    for node in (CodeNode("n", "p1", "first", run, position=(4, 2)), DatasetNode("d", "p1", "d1")):
        read = TheirNode.from_json(json.loads(json.dumps(node.to_json())))
        assert (read.name, read.node_id) == (node.name, node.node_id)
        assert [each.name for each in read.inputs] == [each.name for each in node.inputs]


# -- dataset nodes ----------------------------------------------------------------------------------------------------


def test_a_dataset_node_has_the_shape_of_the_fields_own():
    arguments = {
        "name": "d",
        "project_id": "p1",
        "dataset_id": "d1",
        "dataset_folder": "folder",
        "load_existing_data": True,
        "position": (1, 1),
    }
    ours = DatasetNode(data_filters=dl.Filters("dir", "/a"), **arguments).to_json()
    theirs = TheirDatasetNode(data_filters=dtlpy.Filters("dir", "/a"), **arguments).to_json()
    ours_filter = json.loads(ours["metadata"]["triggerToPipeline"].pop("filter"))
    theirs_filter = json.loads(theirs["metadata"]["triggerToPipeline"].pop("filter"))
    assert ours_filter == theirs_filter
    assert shape(ours) == shape(theirs)


def test_a_dataset_node_can_be_changed():
    node = DatasetNode("d", None, "d1")
    assert (node.dataset_folder, node.load_existing_data, node.data_filters) == (None, False, None)
    node.dataset_folder, node.load_existing_data = "/b", True
    node.data_filters = {"$and": [{"dir": "/b"}]}
    assert node.metadata["dir"] == "/b"
    assert node.data_filters.prepare()["filter"] == {"$and": [{"dir": "/b"}]}
    node.data_filters = None
    node.dataset_folder = None
    node.load_existing_data = False
    assert {key: value for key, value in node.metadata.items() if key != "position"} == {"datasetId": "d1"}


# -- function nodes ---------------------------------------------------------------------------------------------------

SERVICE = {"id": "s1", "name": "resize-1", "projectId": "p1", "packageId": "k1", "moduleName": "default_module"}
PACKAGE = {
    "id": "k1",
    "name": "resize",
    "modules": [
        {
            "name": "default_module",
            "functions": [
                {
                    "name": "shrink",
                    "input": [{"name": "item", "type": "Item"}, {"name": "size", "type": "Integer", "value": 0}],
                    "output": [{"name": "item", "type": "Item"}],
                }
            ],
        }
    ],
}


@pytest.fixture
def service(paper):
    return Service.from_wire(SERVICE, session=paper({"GET /packages/k1": PACKAGE}))


def test_a_function_node_has_the_ports_that_the_package_declares(service):
    node = FunctionNode("fn", service, "shrink", position=(2, 1))
    assert ports(node.inputs) == [("item", "Item", None), ("size", "Integer", 0)]
    assert ports(node.outputs) == [("item", "Item", None)]
    assert node.to_json()["namespace"] == {
        "functionName": "shrink",
        "serviceName": "resize-1",
        "moduleName": "default_module",
        "packageName": "resize",
    }
    assert (node.node_type, node.project_id) == ("function", "p1")
    assert node.service is service


def test_a_function_that_the_service_lacks_is_refused_with_those_it_has(service):
    with pytest.raises(BadRequest, match="its functions: 'shrink'"):
        FunctionNode("fn", service, "grow")


def test_an_async_service_has_to_know_its_package_first(async_paper):
    service = Service.from_wire(SERVICE, session=async_paper)
    with pytest.raises(BadRequest, match=r"await service\.package"):
        FunctionNode("fn", service, "shrink")
    node = FunctionNode("fn", service, "shrink", inputs=[("item", "Item")], outputs=[])
    assert ports(node.inputs) == [("item", "Item", None)]


# -- in a pipeline ----------------------------------------------------------------------------------------------------


def test_nodes_are_connected_by_port_names(paper, wire):
    pipeline = dl.Pipeline.from_wire(wire.pipeline(nodes=[], connections=[], startNodes=[]), session=paper())
    first = pipeline.nodes.add(CodeNode("first", method=lambda item: item))
    second = CodeNode("second", method=lambda photo, size=3: photo, inputs=[("photo", "Item"), ("size", "Integer")])
    first.connect(second, source_port="item", target_port="photo", filters=dl.Filters("metadata.user.ok", values=True))
    assert first.is_root()
    assert pipeline.connections[0].target.port_id == second.inputs[0].port_id
    with pytest.raises(BadRequest, match="it has 'photo', 'size'"):
        first.connect(second, target_port="picture")
