"""A pipeline as a folder: read back it is the same, written again it is the same bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dtlpipe as dl
from dtlpipe.moving import carrying, folders, plain_yaml

TEXT = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["a", "b", "A b", "a.b", "", "yes", "1", "null", "é"]) | TEXT
PORTS = st.lists(
    st.fixed_dictionaries(
        {
            "name": NAMES,
            "portId": st.sampled_from(["p1", "p2", "p3"]) | TEXT,
            "type": st.sampled_from(["Item", "Json"]),
        },
        optional={"defaultValue": JSON, "displayName": TEXT},
    ),
    max_size=3,
)
CODE = st.sampled_from(["def run():\n    return 1\n", "def run(x):\n    return missing(x)\n", "(", "\r\n", ""]) | TEXT
PACKAGES = st.fixed_dictionaries(
    {"name": NAMES, "type": st.just("code")},
    optional={"code": CODE, "pickle": TEXT, "hash": TEXT, "requirements": st.lists(TEXT, max_size=2)},
)
NODES = st.fixed_dictionaries(
    {"name": NAMES, "id": st.sampled_from(["n1", "n2", "n3"]) | TEXT, "type": st.sampled_from(["code", "storage"])},
    optional={
        "inputs": PORTS,
        "outputs": PORTS,
        "namespace": st.dictionaries(st.sampled_from(["projectName", "functionName", "serviceName"]), TEXT),
        "metadata": st.dictionaries(TEXT, JSON, max_size=2),
        "config": st.fixed_dictionaries({"package": PACKAGES}) | st.dictionaries(TEXT, JSON, max_size=2),
        "projectId": TEXT,
    },
)
END = st.fixed_dictionaries({"nodeId": st.sampled_from(["n1", "n2"]) | TEXT, "portId": st.sampled_from(["p1", "p2"])})
CONNECTIONS = st.fixed_dictionaries({"src": END, "tgt": END}, optional={"condition": TEXT, "action": TEXT})
STARTS = st.fixed_dictionaries({"nodeId": st.sampled_from(["n1", "n2"]) | TEXT, "type": st.just("root"), "id": TEXT})
PIPELINES = st.fixed_dictionaries(
    {"name": st.text(min_size=1, max_size=9), "projectId": st.just("there"), "nodes": st.lists(NODES, max_size=3)},
    optional={
        "id": TEXT,
        "connections": st.lists(CONNECTIONS, max_size=3),
        "startNodes": st.lists(STARTS, max_size=2),
        "variables": st.lists(st.fixed_dictionaries({"name": TEXT, "value": JSON, "id": TEXT}), max_size=2),
        "settings": st.dictionaries(TEXT, JSON, max_size=2),
        "description": TEXT,
        "somethingNew": JSON,
    },
)


@given(JSON)
@settings(max_examples=20)
def test_yaml_gives_back_what_was_written(value):
    text = plain_yaml.dump(value)
    assert plain_yaml.load(text, "it") == value
    assert plain_yaml.dump(plain_yaml.load(text, "it")) == text


@given(PIPELINES)
@settings(max_examples=10)
def test_a_folder_that_is_read_and_written_again_is_the_same(pipeline):
    files = folders.to_files(pipeline, "Somewhere")
    read = folders.from_files(files)
    assert folders.to_files(read, "Somewhere") == files
    placed = folders.placed(read, "elsewhere", "Other")
    assert folders.to_files(placed, "Other") == folders.to_files(folders.placed(read, "third", "3rd"), "3rd")


@given(PIPELINES)
@settings(max_examples=5)
def test_connections_and_ids_come_back_as_they_were(pipeline):
    read = folders.from_files(folders.to_files(pipeline, "Somewhere"))
    assert read["connections"] == [dict(each) for each in pipeline.get("connections", [])]
    assert [node["id"] for node in read["nodes"]] == [node["id"] for node in pipeline["nodes"]]


def double(n: int) -> int:
    return 2 * n


FACTOR = 3


def triple(n: int) -> int:
    return FACTOR * n


def test_a_pipeline_goes_out_and_in_and_runs_the_same(client, project, tmp_path):
    pipeline = project.pipelines.create(name="sums")
    nodes = [
        dl.CodeNode(name=f.__name__, project_id=project.id, project_name=project.name, method=f)
        for f in (double, triple)
    ]
    nodes[1].outputs[0].name = "tripled"
    pipeline.nodes.add(nodes[0]).connect(nodes[1], source_port=nodes[0].outputs[0], target_port=nodes[1].inputs[0])
    pipeline.update().install()
    written = carrying.export(client, pipeline, tmp_path / "one")
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "one/pipeline.yaml",
        "one/code/double.py",
        "one/code/triple.py",
    ]
    told = (tmp_path / "one/pipeline.yaml").read_text()
    assert "from: double.output\n  to: triple.n" in told
    assert project.id not in told
    assert pipeline.id not in told
    other = client.projects.create(project_name="another")
    brought = carrying.bring(other, carrying.read(tmp_path / "one"))
    brought.install()
    assert brought.execute({"n": 7}).wait().outputs()["triple"] == 42
    carrying.export(client, brought, tmp_path / "two")
    for path in written:
        assert (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes() == path.read_bytes()

    with pytest.raises(dl.exceptions.Conflict, match="already"):
        carrying.bring(other, carrying.read(tmp_path / "one"))
    code = tmp_path / "one/code/triple.py"
    code.write_text(code.read_text().replace("FACTOR = 3", "FACTOR = 10"))
    brought.pause()
    again = carrying.bring(other, carrying.read(tmp_path / "one"), replace=True).install()
    assert again.id == brought.id
    assert again.execute({"n": 7}).wait().outputs()["triple"] == 140


def test_json_of_another_platform_is_taken_in(client, project, make_pipeline, tmp_path):
    pipeline = make_pipeline()
    exported = {
        **pipeline.to_wire(),
        "projectId": "5f0000000000000000000000",
        "orgId": "far away",
        "status": "Installed",
    }
    for node in exported["nodes"]:
        node["projectId"] = exported["projectId"]
        node["config"]["package"].pop("pickle")
        node["config"]["package"].pop("hash")
    (tmp_path / "theirs.json").write_text(json.dumps(exported))
    brought = carrying.bring(project, carrying.read(tmp_path / "theirs.json"), "taken in").install()
    assert brought.project_id == project.id
    assert brought.execute({"n": 1}).wait().status == "success"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\nnodes: 3\n", "pipeline.yaml:2: nodes is a list"),
        ("nodes: []\n", "a name is needed"),
        ("name: x\nname: y\n", "pipeline.yaml:2: 'name' is there twice"),
        ("name: [\n", "pipeline.yaml:2"),
        ("name: x\nconnections:\n- {from: a.b, to: c.d}\n", "pipeline.yaml:3: there is no output 'a.b'"),
        ("name: x\nformat: 9\n", "pipeline.yaml:2: its format is 9"),
        ("name: x\nnodes:\n- {id: a, config: {package: {code: !file code/a.py}}}\n", "no file 'code/a.py'"),
        ("name: !!python/object/apply:os.system [ls]\n", "pipeline.yaml:1"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_its_line(text, says):
    with pytest.raises(dl.exceptions.BadRequest) as caught:
        folders.from_files({folders.PIPELINE: text})
    assert says in str(caught.value)
