"""What travels between nodes, through the field's SDK and through ours: entities, None, tuples, lists, every kind."""

from __future__ import annotations

import pytest

from tests.clients.steps import code, counts, installed, output, over, parts, pipeline_of, port, ran, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def test_an_item_is_stored_as_a_reference_and_arrives_as_an_entity(dl, project, item):
    def run(item):
        assert type(item).__name__ == "Item", type(item)
        item.metadata["user"] = {"seen": [item.name, item.dataset.name, item.dataset.project.name]}
        return item.update()

    pipeline = pipeline_of(project, code(dl, project, run))
    for given in (item.id, {"item_id": item.id}, {"dataset_id": item.dataset.id, "item_id": item.id}):
        done = ran(pipeline, item=given)
        assert done.status == "success", done.to_json()
        (part,) = parts(done, "run")
        assert part["input"]["item"]["item_id"] == item.id
        assert dl.executions.get(execution_id=part["_id"]).input["item"]["item_id"] == item.id
    again = dl.items.get(item_id=item.id)
    assert again.metadata["user"]["seen"] == ["one.txt", "data", project.name]


def test_a_none_is_replaced_by_the_next_ports_default(dl, project, item):
    def nothing(item):
        return None

    def wants(text):
        return repr(text)

    first = code(dl, project, nothing, outputs={"text": "STRING"})
    second = code(dl, project, wants, [port(dl, "text", "STRING", default_value="the default")], {"text": "STRING"})
    run = ran(pipeline_of(project, first, (first, second)), item=item.id)
    assert run.status == "success"
    assert output(dl, run, "wants") == "'the default'"


def test_a_none_without_a_default_arrives_as_none(dl, project, item):
    def nothing(item):
        return None

    def wants(text):
        return repr(text)

    def insists(text):
        return text.upper()

    first = code(dl, project, nothing, outputs={"text": "STRING"})
    second = code(dl, project, wants, {"text": "STRING"}, {"text": "STRING"})
    run = ran(pipeline_of(project, first, (first, second)), item=item.id)
    assert (run.status, output(dl, run, "wants")) == ("success", "None")

    first = code(dl, project, nothing, outputs={"text": "STRING"})
    third = code(dl, project, insists, {"text": "STRING"}, {"text": "STRING"})
    run = ran(pipeline_of(project, first, (first, third), name="other"), item=item.id)
    assert run.status == "failed"
    assert states(run) == {"nothing": "success", "insists": "failed"}


def test_a_port_with_a_default_does_not_hold_up_its_node(dl, project, item):
    def top(item):
        return item.name

    def both(text, times):
        return text * times

    first = code(dl, project, top, outputs={"text": "STRING"})
    second = code(
        dl,
        project,
        both,
        [port(dl, "text", "STRING"), port(dl, "times", "INT", default_value=2)],
        {"text": "STRING"},
    )
    run = ran(pipeline_of(project, first, (first, second)), item=item.id)
    assert (run.status, output(dl, run, "both")) == ("success", "one.txtone.txt")


def test_element_i_of_a_tuple_goes_to_output_i(dl, project, item):
    def split(item):
        return item, item.dataset, 3

    def takes(number, dataset, item):
        return [item.name, dataset.name, number]

    first = code(dl, project, split, outputs={"item": "ITEM", "dataset": "DATASET", "number": "INT"})
    second = code(dl, project, takes, {"number": "INT", "dataset": "DATASET", "item": "ITEM"}, {"all": "JSON"})
    pipeline = pipeline_of(
        project,
        first,
        (first, second, first.outputs[0], second.inputs[2]),
        (first, second, first.outputs[1], second.inputs[1]),
        (first, second, first.outputs[2], second.inputs[0]),
    )
    run = ran(pipeline, item=item.id)
    assert run.status == "success", run.to_json()
    assert counts(run) == {"split": 1, "takes": 1}
    assert output(dl, run, "takes") == ["one.txt", "data", 3]


def test_a_tuple_of_the_wrong_length_fails_the_node_and_says_so(dl, project, item):
    def split(item):
        return 1, 2, 3

    run = ran(pipeline_of(project, code(dl, project, split, outputs={"a": "INT", "b": "INT"})), item=item.id)
    assert run.status == "failed"
    (part,) = parts(run, "split")
    assert "3" in str(part["latestStatus"]["error"]["message"])
    assert "2" in str(part["latestStatus"]["error"]["message"])


def test_a_list_enters_a_list_port_whole(dl, project, item):
    def many(item):
        return [1, 2, 3]

    def total(numbers):
        return sum(numbers)

    first = code(dl, project, many, outputs=[port(dl, "numbers", "INTS")])
    second = code(dl, project, total, [port(dl, "numbers", "INTS")], {"sum": "INT"})
    run = ran(pipeline_of(project, first, (first, second)), item=item.id)
    assert (run.status, output(dl, run, "total")) == ("success", 6)
    assert counts(run) == {"many": 1, "total": 1}


def test_a_list_of_items_arrives_as_entities(dl, project, dataset):
    def names(items):
        return [each.name for each in items]

    made = [dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt") for n in range(3)]
    pipeline = pipeline_of(project, code(dl, project, names, [port(dl, "items", "ITEMS")], {"names": "JSON"}))
    run = ran(pipeline, items=[each.id for each in made])
    assert (run.status, output(dl, run, "names")) == ("success", ["0.txt", "1.txt", "2.txt"]), run.to_json()


def test_values_of_every_kind_come_through_unchanged(dl, project):
    def same(text, whole, real, truth, anything):
        return text, whole, real, truth, anything

    kinds = {"text": "STRING", "whole": "INT", "real": "FLOAT", "truth": "BOOLEAN", "anything": "JSON"}
    values = {
        "text": "ünï\n\t'\"\u2028 \U0001f600",
        "whole": 2**53 + 1,
        "real": 0.1,
        "truth": False,
        "anything": {"a": [None, {"b": []}], "": 0, "item": "not an id"},
    }
    first = code(dl, project, same, kinds, kinds)
    second = code(dl, project, same, kinds, kinds, name="again")
    pairs = [(first, second, first.outputs[n], second.inputs[n]) for n in range(5)]
    run = ran(pipeline_of(project, first, *pairs), **values)
    assert run.status == "success", run.to_json()
    assert output(dl, run, "same") == values
    assert output(dl, run, "again") == values


def test_extra_inputs_reach_the_start_node_and_no_other(dl, project, item):
    def first(item, string):
        return string

    def second(text, string="unset"):
        return text + " " + string

    start = code(dl, project, first, {"item": "ITEM"}, {"text": "STRING"})
    end = code(dl, project, second, {"text": "STRING"}, {"text": "STRING"})
    run = ran(pipeline_of(project, start, (start, end)), item=item.id, string="given")
    assert run.status == "success", run.to_json()
    assert output(dl, run, "second") == "given unset"


def test_a_missing_argument_fails_the_node_with_its_name(dl, project, item):
    def run(item, string):
        return item

    done = ran(pipeline_of(project, code(dl, project, run, {"item": "ITEM"}, {"item": "ITEM"})), item=item.id)
    assert done.status == "failed"
    (part,) = parts(done, "run")
    assert "string" in part["latestStatus"]["error"]["message"]


def test_a_port_takes_its_value_from_a_variable_which_may_change(dl, project):
    def run(n, factor):
        return n * factor

    node = code(dl, project, run, [port(dl, "n", "INT"), port(dl, "factor", "INT", variable_name="by")], {"n": "INT"})
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(node)
    pipeline.variables.append(
        dl.Variable.from_json({"name": "by", "type": "Integer", "value": 3})
        if hasattr(dl, "Variable")
        else dl.entities.pipeline.Variable.from_json({"name": "by", "type": "Integer", "value": 3})
    )
    pipeline = installed(pipeline)
    assert output(dl, ran(pipeline, n=2), "run") == 6
    pipeline.update_variables_values(by=5)
    pipeline = pipeline.update()
    assert [each.value for each in pipeline.variables] == [5]
    assert pipeline.status == "Installed"
    assert output(dl, ran(pipeline, n=2), "run") == 10
    assert output(dl, ran(pipeline, n=2, factor=7), "run") == 14  # what is given goes first


def test_inputs_may_be_typed_values(dl, project):
    def run(a, b):
        return a + b

    pipeline = pipeline_of(project, code(dl, project, run, {"a": "STRING", "b": "STRING"}, {"c": "STRING"}))
    text = dl.PackageInputType.STRING
    done = over(
        pipeline,
        pipeline.execute(
            execution_input=[
                dl.FunctionIO(type=text, name="a", value="x"),
                dl.FunctionIO(type=text, name="b", value="y"),
            ]
        ),
    )
    assert output(dl, done, "run") == "xy"
