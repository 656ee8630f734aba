"""Lists that are spread over executions and collected again, through the field's SDK and through ours."""

from __future__ import annotations

import pytest

from tests.clients.steps import code, counts, every, output, over, parts, pipeline_of, port, ran, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def numbers(count):
    return list(range(count))


def pair(count, others):
    return list(range(count)), [str(each) for each in range(others)]


def double(n):
    return 2 * n


def both(n, text):
    return f"{n}{text}"


def total(ns):
    return ns


def at(pipeline, name):
    return next(each for each in pipeline.nodes if each.name == name)


def transitions(dl, pipeline, run):
    """What dtlpy does not keep of a run."""
    if hasattr(run, "transition_errors"):
        return run.transition_errors
    path = f"/pipelines/{pipeline.id}/executions/{run.id}"
    return dl.client_api.gen_request(req_type="get", path=path)[1].json()["transitionErrors"]


def outputs(run, name):
    return [each["output"] for each in sorted(parts(run, name), key=lambda each: each["visit"])]


def lister(dl, project, *more):
    return code(dl, project, numbers, {"count": "INT"}, [port(dl, "ns", "INTS"), *more])


def test_a_list_into_a_port_of_its_elements_is_an_execution_for_each(dl, project):
    first = lister(dl, project)
    second = code(dl, project, double, {"n": "INT"}, {"n": "INT"})
    pipeline = pipeline_of(project, first, (first, second))
    run = ran(pipeline, count=3)
    assert run.status == "success", run.to_json()
    assert counts(run) == {"numbers": 1, "double": 3}
    assert outputs(run, "double") == [0, 2, 4]
    run = ran(pipeline, count=0)
    assert (run.status, counts(run), states(run)["double"]) == ("success", {"numbers": 1}, "pending")


def test_items_of_a_list_arrive_as_entities_one_by_one_if_they_satisfy_the_condition(dl, project, dataset):
    def find(dataset):
        return sorted(dataset.items.list().all(), key=lambda item: item.name)

    def mark(item):
        item.metadata["user"] = {"seen": True}
        return item.update()

    for n in range(3):
        dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt")
    first = code(dl, project, find, {"dataset": "DATASET"}, [port(dl, "items", "ITEMS")])
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(first)
    first.connect(code(dl, project, mark), filters=dl.Filters(field="name", values=["0.txt", "2.txt"], operator="in"))
    run = ran(pipeline.update().install(), dataset=dataset.id)
    assert run.status == "success", run.to_json()
    assert counts(run) == {"find": 1, "mark": 2}
    found = every(dataset.items.list(filters=dl.Filters(field="metadata.user.seen", values=True)))
    assert sorted(each.name for each in found) == ["0.txt", "2.txt"]


def test_a_value_beside_a_list_goes_with_each_element(dl, project):
    def top(count):
        return list(range(count)), "!"

    first = code(dl, project, top, {"count": "INT"}, [port(dl, "ns", "INTS"), port(dl, "text", "STRING")])
    last = code(dl, project, both, {"n": "INT", "text": "STRING"}, {"text": "STRING"})
    ports = [(first, last, first.outputs[0], last.inputs[0]), (first, last, first.outputs[1], last.inputs[1])]
    run = ran(pipeline_of(project, first, *ports), count=3)
    assert run.status == "success", run.to_json()
    assert outputs(run, "both") == ["0!", "1!", "2!"]


def test_two_lists_are_paired_and_must_be_of_one_length(dl, project):
    first = code(
        dl, project, pair, {"count": "INT", "others": "INT"}, [port(dl, "ns", "INTS"), port(dl, "texts", "STRINGS")]
    )
    last = code(dl, project, both, {"n": "INT", "text": "STRING"}, {"text": "STRING"})
    ports = [(first, last, first.outputs[0], last.inputs[0]), (first, last, first.outputs[1], last.inputs[1])]
    pipeline = pipeline_of(project, first, *ports)
    run = ran(pipeline, count=5, others=5)
    assert (run.status, counts(run)) == ("success", {"pair": 1, "both": 5})
    assert outputs(run, "both") == ["00", "11", "22", "33", "44"]
    run = ran(pipeline, count=5, others=4)
    assert (run.status, counts(run)) == ("failed", {"pair": 1})
    assert states(run) == {"pair": "success", "both": "pending"}
    (error,) = transitions(dl, pipeline, run)
    assert (error["sourceNodeName"], error["targetNodeName"]) == ("pair", "both")
    assert "have 5 and 4 elements" in error["displayMessage"]


def test_a_list_beyond_the_limit_fails_the_run_and_says_so(dl, project):
    first = lister(dl, project)
    second = code(dl, project, double, {"n": "INT"}, {"n": "INT"})
    pipeline = pipeline_of(project, first, (first, second))
    run = ran(pipeline, count=1001)
    assert (run.status, counts(run)) == ("failed", {"numbers": 1})
    (error,) = transitions(dl, pipeline, run)
    assert (error["sourceNodeId"], error["targetNodeId"]) == tuple(
        at(pipeline, n).node_id for n in ("numbers", "double")
    )
    assert "1001 elements" in error["error"]
    assert "1000 at most" in error["error"]
    if hasattr(run, "explain"):
        assert "a list of 1001 elements is to be spread" in str(run.explain())


@pytest.mark.slow
def test_a_list_at_the_limit_runs(dl, project):
    first = lister(dl, project)
    second = code(dl, project, double, {"n": "INT"}, {"n": "INT"})
    last = code(dl, project, total, [port(dl, "ns", "INTS")], {"count": "JSON"})
    run = ran(pipeline_of(project, first, (first, second), (second, last)), count=1000)
    assert (run.status, counts(run)) == ("success", {"numbers": 1, "double": 1000, "total": 1})
    assert output(dl, run, "total") == [2 * n for n in range(1000)]


def test_what_elements_came_to_is_collected_in_their_order(dl, project):
    first = lister(dl, project)
    second = code(dl, project, double, {"n": "INT"}, {"n": "INT"})
    last = code(dl, project, total, [port(dl, "ns", "INTS")], {"all": "JSON"})
    pipeline = pipeline_of(project, first, (first, second), (second, last))
    run = ran(pipeline, count=4)
    assert (run.status, counts(run)) == ("success", {"numbers": 1, "double": 4, "total": 1})
    assert output(dl, run, "total") == [0, 2, 4, 6]


def test_elements_that_failed_run_again_alone_and_what_follows_from_them(dl, project, folder):
    def fragile(n, flag):
        import pathlib

        if n == 1 and not pathlib.Path(flag).exists():
            raise ValueError(f"there is no {flag}")
        return n * 10

    def top(count, flag):
        return list(range(count)), flag

    flag = folder / "flag"
    first = code(
        dl, project, top, {"count": "INT", "flag": "STRING"}, [port(dl, "ns", "INTS"), port(dl, "flag", "STRING")]
    )
    second = code(dl, project, fragile, {"n": "INT", "flag": "STRING"}, {"n": "INT"})
    last = code(dl, project, total, [port(dl, "ns", "INTS")], {"all": "JSON"})
    pipeline = pipeline_of(
        project,
        first,
        (first, second, first.outputs[0], second.inputs[0]),
        (first, second, first.outputs[1], second.inputs[1]),
        (second, last),
    )
    run = ran(pipeline, count=3, flag=str(flag))
    assert (run.status, states(run)["fragile"]) == ("failed", "failed"), run.to_json()
    before = {each["_id"] for each in parts(run, "fragile") if each["status"] == "success"}
    flag.touch()
    run.rerun(method=dl.CycleRerunMethod.START_FROM_FAILED_EXECUTIONS)
    again = over(pipeline, run)
    assert (again.status, output(dl, again, "total")) == ("success", [0, 10, 20]), again.to_json()
    assert before <= {each["_id"] for each in parts(again, "fragile")}
    again.rerun(method=dl.CycleRerunMethod.START_FROM_NODES, start_nodes_ids=[at(pipeline, "fragile").node_id])
    third = over(pipeline, run)
    assert (third.status, output(dl, third, "total")) == ("success", [0, 10, 20]), third.to_json()
    assert {each["_id"] for each in parts(third, "top")} == {each["_id"] for each in parts(run, "top")}
    assert not before & {each["_id"] for each in parts(third, "fragile")}


def test_a_single_value_into_a_list_is_refused_where_nothing_was_spread(dl, project):
    first = code(dl, project, double, {"n": "INT"}, {"n": "INT"})
    last = code(dl, project, total, [port(dl, "ns", "INTS")], {"all": "JSON"})
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(first)
    first.connect(last)
    with pytest.raises(dl.exceptions.BadRequest, match="connection source and target ports must be of the same type"):
        pipeline.update()
