"""What a run does, through the field's SDK and through ours: joins, branches, values, actions, failures."""

from __future__ import annotations

import json

import pytest

from tests.clients.steps import code, counts, every, installed, output, over, parts, pipeline_of, port, ran, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def test_a_join_waits_for_all_its_inputs_and_runs_once(dl, project, item):
    def top(item):
        return item

    def left(item):
        return "left of " + item.name

    def right(item):
        return "right of " + item.name

    def join(one, two):
        return one + ", " + two

    nodes = {
        "top": code(dl, project, top),
        "left": code(dl, project, left, outputs={"text": "STRING"}),
        "right": code(dl, project, right, outputs={"text": "STRING"}),
        "join": code(dl, project, join, {"one": "STRING", "two": "STRING"}, {"both": "STRING"}),
    }
    joined = nodes["join"].inputs
    pipeline = pipeline_of(
        project,
        nodes["top"],
        (nodes["top"], nodes["left"]),
        (nodes["top"], nodes["right"]),
        (nodes["left"], nodes["join"], nodes["left"].outputs[0], joined[0]),
        (nodes["right"], nodes["join"], nodes["right"].outputs[0], joined[1]),
    )
    run = ran(pipeline, item=item.id)
    assert run.status == dl.ExecutionStatus.SUCCESS, json.dumps(run.to_json(), default=str)
    assert counts(run) == {"top": 1, "left": 1, "right": 1, "join": 1}
    assert output(dl, run, "join") == "left of one.txt, right of one.txt"


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


@pytest.mark.parametrize(
    ("query", "taken"),
    [
        ({"metadata.user.kind": "cat"}, True),
        ({"metadata.user.kind": "dog"}, False),
        ({"metadata.user.kind": {"$regex": "^c.t$"}}, True),
        ({"metadata.user.kind": {"$regex": "^d"}}, False),
        ({"$or": [{"metadata.user.kind": "dog"}, {"metadata.user.size": {"$gt": 3}}]}, True),
        ({"$or": [{"metadata.user.kind": "dog"}, {"metadata.user.size": {"$gt": 30}}]}, False),
        ({"$and": [{"hidden": False}, {"type": "file"}, {"dir": "/in"}]}, True),
        ({"metadata.user.tags": "soft"}, True),
        ({"metadata.user.absent": {"$exists": False}}, True),
        ({"metadata.system.mimetype": "text/*"}, True),
        ({"filename": "/out/**"}, False),
        ({"name": {"$in": ["one.txt", "two.txt"]}}, True),
        ({"name": {"$nin": ["one.txt", "two.txt"]}}, False),
    ],
)
def test_a_connection_is_taken_by_what_satisfies_its_condition(dl, project, item, query, taken):
    def first(item):
        item.metadata["user"] = {"kind": "cat", "size": 4, "tags": ["soft", "warm"]}
        return item.update()

    def second(item):
        return item

    pipeline = project.pipelines.create(name="pipe")
    start = code(dl, project, first)
    pipeline.nodes.add(start)
    start.connect(code(dl, project, second), filters=dl.Filters(custom_filter=query))
    run = ran(installed(pipeline), item=item.id)
    assert run.status == "success"
    assert counts(run) == ({"first": 1, "second": 1} if taken else {"first": 1})
    assert states(run)["second"] == ("success" if taken else "pending")


def test_a_condition_of_plain_filters_joins_its_predicates(dl, project, dataset):
    def first(item):
        return item

    def second(item):
        return item

    pipeline = project.pipelines.create(name="pipe")
    start = code(dl, project, first)
    pipeline.nodes.add(start)
    filters = dl.Filters(field="dir", values="/a")
    filters.add(field="metadata.user.n", values=1, operator=dl.FiltersOperations.GREATER_THAN)
    start.connect(code(dl, project, second), filters=filters)
    pipeline = installed(pipeline)
    found = []
    for folder, number in (("/a", 2), ("/a", 1), ("/b", 2)):
        one = dataset.items.upload(
            local_path=b"x", remote_name=f"{number}.txt", remote_path=folder, item_metadata={"user": {"n": number}}
        )
        found.append(len(counts(ran(pipeline, item=one.id))))
    assert found == [2, 1, 1]


def test_a_condition_looks_at_values_that_are_no_entities_too(dl, project):
    def first(n):
        return {"score": n}

    def second(found):
        return found

    pipeline = project.pipelines.create(name="pipe")
    start = code(dl, project, first, {"n": "INT"}, {"found": "JSON"})
    pipeline.nodes.add(start)
    start.connect(
        code(dl, project, second, {"found": "JSON"}, {"found": "JSON"}),
        filters=dl.Filters(field="score", values=5, operator=dl.FiltersOperations.GREATER_THAN),
    )
    pipeline = installed(pipeline)
    assert counts(ran(pipeline, n=6)) == {"first": 1, "second": 1}
    assert counts(ran(pipeline, n=5)) == {"first": 1}


def test_behind_a_branch_that_is_not_taken_nothing_runs_and_the_run_is_a_success(dl, project, item):
    def top(item):
        return item

    def never(item):
        return item

    def join(a, b):
        return a

    start, no = code(dl, project, top), code(dl, project, never)
    last = code(dl, project, join, {"a": "ITEM", "b": "ITEM"}, {"item": "ITEM"})
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(start)
    start.connect(no, filters=dl.Filters(field="name", values="other.txt"))
    start.connect(last, target_port=last.inputs[0])
    no.connect(last, target_port=last.inputs[1])
    run = ran(installed(pipeline), item=item.id)
    assert run.status == "success"
    assert states(run) == {"top": "success", "never": "pending", "join": "pending"}


def test_only_the_connections_of_the_chosen_action_fire(dl, project, item):
    def judge(item, word, progress):
        progress.update(action=word)
        return item

    def good(item):
        return item

    def bad(item):
        return item

    start = code(
        dl,
        project,
        judge,
        {"item": "ITEM", "word": "STRING"},
        [port(dl, "item", "ITEM", actions=["good", "bad"])],
    )
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(start)
    start.connect(code(dl, project, good), action="good")
    start.connect(code(dl, project, bad), action="bad")
    pipeline = installed(pipeline)
    for word, reached in (("good", {"judge", "good"}), ("bad", {"judge", "bad"}), ("neither", {"judge"})):
        run = ran(pipeline, item=item.id, word=word)
        assert run.status == "success", (word, run.to_json())
        assert set(counts(run)) == reached


def test_an_action_is_the_first_of_the_port_unless_it_is_named(dl, project):
    def run(item):
        return item

    start = code(dl, project, run, outputs=[port(dl, "item", "ITEM", actions=["first", "second"])])
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(start)
    start.connect(code(dl, project, run, name="next"))
    assert pipeline.update().connections[0].action == "first"


def test_a_failure_names_its_node_and_leaves_what_comes_after_alone(dl, project, item):
    def fine(item):
        return item

    def breaks(item):
        raise ValueError(f"cannot read {item.name}")

    def after(item):
        return item

    first, second, third = (code(dl, project, each) for each in (fine, breaks, after))
    pipeline = pipeline_of(project, first, (first, second), (second, third))
    run = ran(pipeline, item=item.id)
    assert run.status == dl.ExecutionStatus.FAILED
    assert states(run) == {"fine": "success", "breaks": "failed", "after": "pending"}
    (part,) = parts(run, "breaks")
    execution = dl.executions.get(execution_id=part["_id"])
    status = execution.latest_status
    assert status["status"] == "failed"
    assert status["error"]["message"] == "cannot read one.txt"
    assert "raise ValueError" in status["error"]["traceback"]
    assert execution.pipeline_execution_id == run.id
    assert execution.node_id == second.node_id
    assert execution.pipeline_id == pipeline.id


def test_a_run_from_a_node_leaves_what_is_above_pending(dl, project, item):
    def one(item):
        return item

    def two(item):
        return item

    def three(item):
        return item

    first, second, third = (code(dl, project, each) for each in (one, two, three))
    pipeline = pipeline_of(project, first, (first, second), (second, third))
    run = ran(pipeline, second, item=item.id)
    assert run.status == "success"
    assert states(run) == {"one": "pending", "two": "success", "three": "success"}


def test_a_run_from_a_join_gives_it_what_the_caller_gave(dl, project):
    def one(n):
        return n

    def join(a, b):
        return a - b

    first = code(dl, project, one, {"n": "INT"}, {"n": "INT"})
    last = code(dl, project, join, {"a": "INT", "b": "INT"}, {"n": "INT"})
    pipeline = pipeline_of(
        project,
        first,
        (first, last, first.outputs[0], last.inputs[0]),
        (first, last, first.outputs[0], last.inputs[1]),
    )
    run = ran(pipeline, last, a=5, b=3)
    assert run.status == "success", run.to_json()
    assert states(run) == {"one": "pending", "join": "success"}
    assert output(dl, run, "join") == 2
    assert output(dl, ran(pipeline, n=4), "join") == 0


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


def test_context_and_progress_are_given_to_who_asks(dl, project, item):
    def run(item, context, progress):
        progress.update(progress=40, message="almost", status="working")
        return {
            "pipeline": context.pipeline_id,
            "node": context.node_id,
            "run": context.pipeline_execution_id,
            "execution": context.execution_id,
            "service": context.service_id,
            "name": context.pipeline.name,
            "item": item.id,
        }

    node = code(dl, project, run, outputs={"seen": "JSON"})
    pipeline = pipeline_of(project, node)
    done = ran(pipeline, item=item.id)
    assert done.status == "success", done.to_json()
    (part,) = parts(done, "run")
    execution = dl.executions.get(execution_id=part["_id"])
    assert execution.output == {
        "pipeline": pipeline.id,
        "node": node.node_id,
        "run": done.id,
        "execution": execution.id,
        "service": execution.service_id,
        "name": "pipe",
        "item": item.id,
    }
    assert execution.latest_status["percentComplete"] == 100


def test_node_code_works_on_the_platform_as_any_client_does(dl, project, item):
    def run(item):
        import dtlpy as dl

        same = dl.items.get(item_id=item.id)
        copy = item.dataset.items.upload(
            local_path=item.download(save_locally=False).read() + b"!",
            remote_name="copy.txt",
            remote_path="/made",
            item_metadata={"user": {"of": item.id}},
        )
        filters = dl.Filters(field="dir", values="/made")
        filters.add(field="metadata.user.of", values=item.id)
        found = item.dataset.items.list(filters=filters)
        project = dl.projects.get(project_id=item.project_id)
        same.metadata["user"] = {"copies": [each.id for each in found.all()], "in": project.name}
        same.update()
        return copy

    done = ran(pipeline_of(project, code(dl, project, run)), item=item.id)
    assert done.status == "success", done.to_json()
    copy = item.dataset.items.get(filepath="/made/copy.txt")
    assert copy.download(save_locally=False).read() == b"some bytes!"
    seen = dl.items.get(item_id=item.id).metadata["user"]
    assert seen == {"copies": [copy.id], "in": project.name}
    assert parts(done, "run")[0]["output"]["item_id"] == copy.id


def test_what_node_code_writes_is_kept_by_execution(dl, project, item):
    def run(item, word):
        import logging
        import sys

        print("printed", word)
        print("on the other stream", file=sys.stderr)
        logging.getLogger("mine").warning("logged %s", word)
        return item

    pipeline = pipeline_of(project, code(dl, project, run, {"item": "ITEM", "word": "STRING"}, {"item": "ITEM"}))
    one, two = (ran(pipeline, item=item.id, word=word) for word in ("alpha", "omega"))
    service = dl.services.get(service_name=pipeline.nodes[0].namespace.service_name)
    for done, word, other in ((one, "alpha", "omega"), (two, "omega", "alpha")):
        (part,) = parts(done, "run")
        options = {"view": False} if dl.__name__ == "dtlpy" else {}
        lines = "\n".join(map(str, service.log(execution_id=part["_id"], **options)))
        assert f"printed {word}" in lines
        assert "on the other stream" in lines
        assert f"logged {word}" in lines
        assert other not in lines


def test_functions_of_one_name_in_two_pipelines_do_not_mix(dl, project, item):
    def one():
        def run(item):
            return "one"

        return run

    def two():
        def run(item):
            return "two"

        return run

    nodes = [code(dl, project, make(), outputs={"text": "STRING"}) for make in (one, two)]
    first, second = (pipeline_of(project, node, name="pipe") for node in nodes)
    assert first.nodes[0].namespace.service_name != second.nodes[0].namespace.service_name
    assert [output(dl, ran(each, item=item.id), "run") for each in (first, second)] == ["one", "two"]


def test_a_dataset_node_in_the_middle_puts_the_item_into_its_dataset(dl, project, item):
    def mark(item):
        item.metadata["user"] = {"was": item.dataset.name}
        return item.update()

    other = project.datasets.create(dataset_name="other")
    start = dl.DatasetNode(name="in", project_id=project.id, dataset_id=item.dataset.id)
    middle = code(dl, project, mark)
    end = dl.DatasetNode(name="out", project_id=project.id, dataset_id=other.id, dataset_folder="/done")
    pipeline = pipeline_of(project, start, (start, middle), (middle, end))
    done = ran(pipeline, item=item.id)
    assert done.status == "success", done.to_json()
    found = every(other.items.list())
    assert [each.filename for each in found] == ["/done/one.txt"]
    assert found[0].metadata["user"] == {"was": "data"}
    assert found[0].download(save_locally=False).read() == b"some bytes"
    assert [each.filename for each in every(item.dataset.items.list())] == ["/in/one.txt"]


def test_a_function_node_runs_another_pipelines_service(dl, project, item):
    def run(item, suffix):
        return item.name + suffix

    one = pipeline_of(project, code(dl, project, run, {"item": "ITEM", "suffix": "STRING"}, {"text": "STRING"}))
    service = dl.services.get(service_name=one.nodes[0].namespace.service_name)
    node = dl.FunctionNode(name="call", service=service, function_name="run")
    assert [each.name for each in node.inputs] == ["item", "suffix"]
    two = pipeline_of(project, node, name="two")
    done = ran(two, item=item.id, suffix="!")
    assert done.status == "success", done.to_json()
    assert output(dl, done, "call") == "one.txt!"


def test_a_run_without_inputs_needs_none(dl, project):
    def run():
        return 7

    pipeline = pipeline_of(project, code(dl, project, run, [], {"n": "INT"}))
    done = over(pipeline, pipeline.execute())
    assert (done.status, output(dl, done, "run")) == ("success", 7), done.to_json()


def test_a_pipeline_that_is_not_installed_can_be_tested_and_not_executed(dl, project, item):
    def run(item):
        return item

    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(code(dl, project, run))
    pipeline = pipeline.update()
    with pytest.raises(dl.exceptions.BadRequest, match="not installed"):
        pipeline.execute(execution_input={"item": item.id})
    assert pipeline.pipeline_executions.list().items_count == 0
    done = over(pipeline, pipeline.test(execution_input={"item": item.id}))
    assert done.status == "success"


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


def test_several_connections_into_one_port_are_visits_of_their_own(dl, project, item):
    def top(item):
        return item

    def left(item):
        return "left"

    def right(item):
        return "right"

    def end(text):
        return text

    start = code(dl, project, top)
    one, two = (code(dl, project, each, outputs={"text": "STRING"}) for each in (left, right))
    last = code(dl, project, end, {"text": "STRING"}, {"text": "STRING"})
    pipeline = pipeline_of(project, start, (start, one), (start, two), (one, last), (two, last))
    done = ran(pipeline, item=item.id)
    assert done.status == "success"
    assert sorted(each["output"] for each in parts(done, "end")) == ["left", "right"]
