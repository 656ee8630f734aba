"""Runs that are run again under their own id, through the field's SDK and through ours."""

from __future__ import annotations

import pytest

from tests.clients.steps import code, counts, every, output, over, parts, pipeline_of, port, ran, same, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def fragile(n, flag):
    import pathlib

    if not pathlib.Path(flag).exists():
        raise ValueError(f"there is no {flag}")
    return n * 10


def ids(run, *names):
    return {name: [each["_id"] for each in parts(run, name)] for name in names}


NAMES = ("top", "left", "right", "join")


def plain(n):
    return n + 1


def times(a, b):
    return a * b


def joined(dl, project):
    first, one, two = (code(dl, project, plain, {"n": "INT"}, {"n": "INT"}, name=name) for name in NAMES[:3])
    last = code(dl, project, times, {"a": "INT", "b": "INT"}, {"n": "INT"}, name="join")
    return pipeline_of(
        project,
        first,
        (first, one),
        (first, two),
        (one, last, one.outputs[0], last.inputs[0]),
        (two, last, two.outputs[0], last.inputs[1]),
    )


def node_id(pipeline, name):
    return next(each.node_id for each in pipeline.nodes if each.name == name)


def test_from_the_beginning_all_nodes_run_again_and_the_run_stays_one(dl, project):
    pipeline = joined(dl, project)
    run = ran(pipeline, n=1)
    before = ids(run, *NAMES)
    run.rerun(method=dl.CycleRerunMethod.START_FROM_BEGINNING)
    again = over(pipeline, run)
    after = ids(again, *NAMES)
    assert (again.id, again.status, output(dl, again, "join")) == (run.id, "success", 9)
    assert counts(again) == dict.fromkeys(NAMES, 1)
    nodes = pipeline.stats().node_counters
    assert [each.count for node in nodes for each in node.counters] == [1] * len(NAMES)  # what was replaced is not
    assert all(before[name] != after[name] for name in NAMES)
    assert pipeline.pipeline_executions.list().items_count == 1
    assert dl.executions.get(execution_id=before["join"][0]).output == 9


def test_from_a_node_a_join_gets_what_the_branch_beside_gave_before(dl, project):
    pipeline = joined(dl, project)
    run = ran(pipeline, n=1)
    before = ids(run, *NAMES)
    run.rerun(method=dl.CycleRerunMethod.START_FROM_NODES, start_nodes_ids=[node_id(pipeline, "left")])
    again = over(pipeline, run)
    after = ids(again, *NAMES)
    assert (again.status, output(dl, again, "join")) == ("success", 9)
    assert {name for name in NAMES if before[name] == after[name]} == {"top", "right"}
    again.rerun(method=dl.CycleRerunMethod.START_FROM_NODES, start_nodes_ids=[node_id(pipeline, "join")])
    last = over(pipeline, again)
    assert output(dl, last, "join") == 9
    assert {name for name in NAMES if after[name] == ids(last, *NAMES)[name]} == {"top", "left", "right"}


def test_from_what_failed_that_alone_runs_again(dl, project, folder):
    flag = folder / "flag"
    inputs = [port(dl, "n", "INT"), port(dl, "flag", "STRING", default_value=str(flag))]
    first = code(dl, project, plain, {"n": "INT"}, {"n": "INT"})
    second = code(dl, project, fragile, inputs, {"n": "INT"})
    third = code(dl, project, plain, {"n": "INT"}, {"n": "INT"}, name="after")
    pipeline = pipeline_of(project, first, (first, second, first.outputs[0], second.inputs[0]), (second, third))
    run = ran(pipeline, n=1)
    assert states(run) == {"plain": "success", "fragile": "failed", "after": "pending"}
    before = ids(run, "plain", "fragile")
    flag.write_text("")
    run.rerun(method=dl.CycleRerunMethod.START_FROM_FAILED_EXECUTIONS)
    again = over(pipeline, run)
    assert states(again) == {"plain": "success", "fragile": "success", "after": "success"}
    after = ids(again, "plain", "fragile", "after")
    assert (after["plain"], output(dl, again, "after")) == (before["plain"], 21)
    assert after["fragile"] != before["fragile"]
    failed = dl.executions.get(execution_id=before["fragile"][0])
    assert failed.latest_status["status"] == "failed"
    again.rerun(method=dl.CycleRerunMethod.START_FROM_FAILED_EXECUTIONS)  # nothing failed now
    assert ids(over(pipeline, again), "plain", "fragile", "after") == after


def test_all_runs_that_match_run_again(dl, project):
    pipeline = pipeline_of(project, code(dl, project, plain, {"n": "INT"}, {"n": "INT"}))
    before = {run.id: ids(run, "plain") for run in [ran(pipeline, n=number) for number in range(4)]}
    kept, *chosen = sorted(before)
    matching = dl.Filters(resource=dl.FiltersResource.PIPELINE_EXECUTION)
    matching.add(field="id", values=chosen, operator=dl.FiltersOperations.IN)
    assert pipeline.pipeline_executions.rerun(method=dl.CycleRerunMethod.START_FROM_BEGINNING, filters=matching)
    done = [over(pipeline, each) for each in every(pipeline.pipeline_executions.list())]
    assert {each.status for each in done} == {"success"}
    after = {run.id: ids(run, "plain") for run in done}
    assert {id for id in before if before[id] == after[id]} == {kept}
    assert pipeline.pipeline_executions.rerun(method=dl.CycleRerunMethod.START_FROM_BEGINNING)  # all there are
    done = [over(pipeline, each) for each in every(pipeline.pipeline_executions.list())]
    assert {id for id in before if after[id] == ids(next(each for each in done if each.id == id), "plain")} == set()
    assert len(done) == 4


def test_what_is_asked_for_without_waiting_is_a_command_that_ends(dl, project, item):
    pipeline = pipeline_of(project, code(dl, project, same))
    ran(pipeline, item=item.id)
    command = pipeline.pipeline_executions.rerun(wait=False)
    done = dl.commands.get(command_id=command.id)
    assert (done.status, done.spec["cycles"], "cycleOptions" in done.spec) == ("success", 1, True)


def waits(flag):
    import pathlib
    import time

    while not pathlib.Path(flag).exists():
        time.sleep(0.02)
    return 1


def test_a_run_that_is_not_over_is_not_run_again(dl, project, folder):
    flag = folder / "flag"
    pipeline = pipeline_of(project, code(dl, project, waits, {"flag": "STRING"}, {"n": "INT"}))
    run = pipeline.execute(execution_input={"flag": str(flag)})
    with pytest.raises(dl.exceptions.Conflict, match=f"{run.id}.*before it is over"):
        run.rerun(method=dl.CycleRerunMethod.START_FROM_BEGINNING)
    flag.write_text("")
    assert over(pipeline, run).status == "success"


def test_what_makes_no_sense_is_refused(dl, project, item):
    pipeline = pipeline_of(project, code(dl, project, same))
    run = ran(pipeline, item=item.id)
    with pytest.raises(dl.exceptions.BadRequest, match="startAnywhere"):
        run.rerun(method="startAnywhere")
    with pytest.raises(dl.exceptions.BadRequest, match="startNodeIds"):
        run.rerun(method=dl.CycleRerunMethod.START_FROM_NODES)
    with pytest.raises(dl.exceptions.NotFound, match="no node"):
        run.rerun(method=dl.CycleRerunMethod.START_FROM_NODES, start_nodes_ids=["nowhere"])
    pipeline.pause()
    with pytest.raises(dl.exceptions.BadRequest, match="not installed"):
        run.rerun(method=dl.CycleRerunMethod.START_FROM_BEGINNING)
    assert ids(over(pipeline, run), "same") == ids(run, "same")


def test_calls_of_a_service_are_made_again_as_a_batch(dl, project):
    pipeline = pipeline_of(project, code(dl, project, plain, {"n": "INT"}, {"n": "INT"}))
    service = dl.services.get(service_name=pipeline.nodes[0].namespace.service_name)
    calls = [
        service.execute(execution_input={"n": number}, function_name="plain", project_id=project.id)
        for number in range(2)
    ]
    outputs = [dl.executions.wait(execution_id=each.id).output for each in calls]
    matching = dl.Filters(resource=dl.FiltersResource.EXECUTION)
    matching.add(field="id", values=[each.id for each in calls], operator=dl.FiltersOperations.IN)
    command = service.rerun_batch(filters=matching)
    assert command.status == "success"
    assert command.spec["executions"] == [each.id for each in calls]
    made = dl.Filters(resource=dl.FiltersResource.EXECUTION, field="batchId", values=command.id)
    found = [dl.executions.wait(execution_id=each.id) for each in every(dl.executions.list(filters=made))]
    assert sorted(each.output for each in found) == outputs
    assert {each.id for each in found}.isdisjoint(each.id for each in calls)
